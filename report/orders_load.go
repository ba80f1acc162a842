package report

import (
	"context"
	"database/sql/driver"
	_ "embed" // the statements
	"errors"
	"fmt"
	"strconv"
	"time"

	"pixledger/schemas/lakedb"
	"pixledger/schemas/yamlfile"
)

//go:embed orders.sql
var ordersSQL string

//go:embed orders_twice.sql
var ordersTwiceSQL string

// ordersAtOnce is how many orders of a list are handed to DuckDB together.
const ordersAtOnce = 10_000

// takeList judges how the advertiser's list is to be read, where the report
// reads one.
func (pl *plan) takeList() error {
	if len(pl.def.Params) == 0 || pl.def.Params[0].Type != typeFile {
		return nil
	}
	v := pl.values
	l := &listOptions{path: v["orders"], order: v["order_column"], value: v["value_column"], time: v["time_column"], decimalComma: v["decimal_comma"] == "true"}
	if l.order == "" {
		l.order = orderColumn
	}
	if l.value == "" {
		l.value = valueColumn
	}
	if name := v["delimiter"]; name != "" {
		var names []string
		for _, s := range separators {
			names = append(names, s.name)
			if s.name == name {
				l.comma = s.comma
			}
		}
		if l.comma == 0 {
			return usage(words(names), "--delimiter: there is no %q", name)
		}
	}
	if tolerance := v["tolerance"]; tolerance != "" && tolerance[0] == '-' {
		return usage("0 or more", "--tolerance: %s is negative", tolerance)
	}
	if l.order == l.value || l.time != "" && (l.time == l.order || l.time == l.value) {
		return usage("a column of its own for each", "the order, the value and the time are not one column")
	}
	pl.list = l
	return nil
}

// loadOrders reads the advertiser's list into its table.
func (pl *plan) loadOrders(ctx context.Context, db *lakedb.DB, zones []*time.Location) error {
	l := *pl.list
	var err error
	if l.zone, err = pl.listZone(ctx, db, zones); err != nil {
		return err
	}
	r, err := pl.rangeIn(l.zone)
	if err != nil {
		return err
	}
	microseconds, _ := strconv.ParseInt(pl.values["time_tolerance"], 10, 64) // it was judged, or is not given: 0
	margin := time.Duration(microseconds) * time.Microsecond
	var rows [][]driver.Value
	err = readList(l, func(o listed) error {
		inside := true
		if l.time != "" {
			if !o.first.Before(r.Until.Add(margin)) || o.last.Before(r.From.Add(-margin)) {
				return nil
			}
			inside = o.first.Before(r.Until) && !o.last.Before(r.From)
		}
		var value any
		if o.valued {
			value = int64(o.value)
		}
		rows = append(rows, []driver.Value{o.id, value, inside, int64(o.line), int64(o.column)})
		if len(rows) < ordersAtOnce {
			return nil
		}
		err := db.AppendTemporary(ctx, "report_orders", rows)
		rows = rows[:0]
		return errors.Join(err, ctx.Err())
	})
	if err != nil {
		return err
	}
	if err := db.AppendTemporary(ctx, "report_orders", rows); err != nil {
		return err
	}
	if pl.values["sum_rows"] == "true" {
		return nil
	}
	return refuseTwice(ctx, db, l.path)
}

// listZone is the zone of the list's times that say none: the report's, or with
// the advertisers' zones that of the one advertiser that the report is of.
func (pl *plan) listZone(ctx context.Context, db *lakedb.DB, zones []*time.Location) (*time.Location, error) {
	if !pl.byOwner || len(pl.filters["advertiser_id"]) != 1 {
		return zones[0], nil
	}
	var at int
	err := db.QueryRowContext(ctx, "SELECT coalesce(max(zone), 0) FROM report_zones WHERE CAST(advertiser_id AS VARCHAR) = $1", pl.filters["advertiser_id"][0]).Scan(&at)
	return zones[at], err
}

// refuseTwice refuses orders that stand on several rows.
func refuseTwice(ctx context.Context, db *lakedb.DB, path string) (err error) {
	rows, err := db.QueryContext(ctx, ordersTwiceSQL, mistakesShown)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var mistakes yamlfile.Mistakes
	for rows.Next() {
		m := yamlfile.Mistake{File: path, Allowed: "each order once, or --sum-rows"}
		var id string
		var first int
		if err := rows.Scan(&id, &m.Line, &m.Column, &first); err != nil {
			return err
		}
		m.What = fmt.Sprintf("the order %q stands on line %d too", cut(id), first)
		mistakes = append(mistakes, m)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return mistakes
	}
	return nil
}
