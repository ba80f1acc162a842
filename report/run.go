package report

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed" // the statements
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/yamlfile"
)

//go:embed prelude.sql
var preludeSQL string

//go:embed bind.sql
var bindSQL string

// zoneColumn is the last column of every report's statement: the zone in which
// the row's times are written.
const zoneColumn = "zone"

// Run writes a report. What it refuses of its name and parameters is a
// *UsageError, what is wrong with a user's file yamlfile.Mistakes. A user's
// statement finds the database locked down for good. It writes as it reads:
// WithLake holds a result back until it is whole.
func (r *Reports) Run(ctx context.Context, db *lakedb.DB, name string, p Params, w io.Writer, f Format) error {
	return r.RunTo(ctx, db, name, p, func(s Sheet) (Writer, error) {
		if f != HTML {
			s.Facts = nil // a report's workbook has one sheet
		}
		return NewWriter(w, f, s)
	})
}

// RunTo is Run to a writer that the caller opens, by the report's own sheet.
func (r *Reports) RunTo(ctx context.Context, db *lakedb.DB, name string, p Params, open func(Sheet) (Writer, error)) error {
	pl, err := r.plan(name, &p)
	if err != nil {
		return err
	}
	zones, err := pl.prepare(ctx, db)
	if err != nil {
		return fmt.Errorf("report %s: %w", name, err)
	}
	if pl.list != nil {
		if err := pl.loadOrders(ctx, db, zones); err != nil {
			return err
		}
	}
	if pl.needs(needPaths) {
		if err := loadEffects(ctx, db); err != nil {
			return fmt.Errorf("report %s: %w", name, err)
		}
	}
	if pl.def.own != nil {
		if err := lockDown(ctx, db); err != nil {
			return err
		}
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // hands the connection back; it has no error to tell
	out, err := open(pl.sheet())
	if err != nil {
		return err
	}
	s := &shown{plan: pl, names: pl.show, out: out, zones: zones}
	statement := pl.def.sql
	if pl.def.own != nil {
		if statement, s.documents, err = pl.ownStatement(ctx, conn); err != nil {
			return err
		}
	}
	err = stream(ctx, conn, statement, s)
	var asked *UsageError
	var mistakes yamlfile.Mistakes
	switch {
	case errors.As(err, &asked), errors.As(err, &mistakes):
		return err // it says where
	case err != nil:
		return fmt.Errorf("report %s: %w", name, err)
	}
	if err := out.Close(); err != nil || s.tally == nil {
		return err
	}
	return s.tally.write(p.Totals)
}

// prepare makes all ready that the statement reads, and gives the zones by index.
func (pl *plan) prepare(ctx context.Context, db *lakedb.DB) ([]*time.Location, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close() // hands the connection back; it has no error to tell
	return pl.bind(ctx, db, conn)
}

// sheet says how the report is written.
func (pl *plan) sheet() Sheet {
	money := moneyOf(pl.show)
	if _, sections := pl.def.column("section"); sections {
		// Its totals are rows of its own: the sum of all says everything twice.
		money.Prices, money.Sums = append(money.Prices, money.Sums...), nil
	}
	return Sheet{Title: pl.def.Name, Guard: true, Money: money, Facts: pl.facts()}
}

// facts say what was asked.
func (pl *plan) facts() []Fact {
	p := pl.params
	var facts []Fact
	if !pl.def.Rangeless {
		facts = append(facts, TextFact("range", p.rangeText()))
		zone := pl.zone.String()
		if pl.byOwner {
			zone = "each advertiser's, else " + zone
		}
		facts = append(facts, TextFact("time zone", zone))
		if r, err := p.resolve(pl.zone); err == nil && p.Range != "" && p.Range != "lifetime" {
			facts = append(facts, TextFact("from", timeText(r.From, pl.zone)), TextFact("until", timeText(r.Until, pl.zone)))
		}
	}
	if len(p.Filters) > 0 {
		facts = append(facts, TextFact("filters", strings.Join(p.Filters, ", ")))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Values)) {
		facts = append(facts, TextFact(name, p.Values[name]))
	}
	return append(facts, TextFact("made", timeText(p.Now.Truncate(time.Second), pl.zone)))
}

// rangeText says the range in the words of the flags.
func (p *Params) rangeText() string {
	switch {
	case p.From != "" || p.To != "":
		return strings.TrimSpace("from " + cmp.Or(p.From, "the beginning") + " to " + cmp.Or(p.To, "now"))
	case p.Range != "":
		return p.Range
	}
	return "lifetime"
}

// bind puts the plan's values onto the connection and gives the zones by index.
func (pl *plan) bind(ctx context.Context, db *lakedb.DB, conn *sql.Conn) ([]*time.Location, error) {
	if _, err := conn.ExecContext(ctx, preludeSQL); err != nil {
		return nil, err
	}
	if pl.list != nil {
		if _, err := conn.ExecContext(ctx, ordersSQL); err != nil {
			return nil, err
		}
	}
	if pl.needs(needSuspicions) {
		if _, err := conn.ExecContext(ctx, suspicionsSQL); err != nil {
			return nil, err
		}
	}
	zones, owners, err := pl.zones(ctx, conn)
	if err != nil {
		return nil, err
	}
	all, bounds := []span{}, Range{From: latest, Until: beginning}
	for i, z := range zones {
		r, err := pl.rangeIn(z)
		if err != nil {
			return nil, err
		}
		all = append(all, spans(i, r, z)...)
		if r.From.Before(bounds.From) {
			bounds.From = r.From
		}
		if r.Until.After(bounds.Until) {
			bounds.Until = r.Until
		}
	}
	firstDay, untilDay, err := pl.days()
	if err != nil {
		return nil, err
	}
	values := []any{
		document{pl.by}, document{pl.filters}, document{pl.values}, pl.ofPixels(), document{all}, document{owners},
		document{pl.account(db)}, document{pl.gaps()}, document{pl.pixels(db)},
		bounds.From.UTC(), bounds.Until.UTC(), pl.params.Now.UTC(), firstDay, untilDay, dateOrNull(pl.params.LedgerFrom),
	}
	statements := strings.Split(strings.TrimSuffix(strings.TrimSpace(bindSQL), ";"), ";\n")
	if len(statements) != len(values) {
		return nil, fmt.Errorf("%d statements bind %d values", len(statements), len(values))
	}
	for i, v := range values {
		if d, ok := v.(document); ok {
			b, err := json.Marshal(d.of)
			if err != nil {
				return nil, err
			}
			v = string(b)
		}
		if _, err := conn.ExecContext(ctx, statements[i], v); err != nil {
			return nil, err
		}
	}
	if pl.needs(needPaths) {
		if _, err := conn.ExecContext(ctx, pathsSQL); err != nil {
			return nil, fmt.Errorf("look for paths: %w", err)
		}
	}
	return zones, nil
}

// document is a value that is bound as JSON.
type document struct{ of any }

// latest is where a range ends at the latest, as beginning is where it begins
// at the earliest: beyond them it says no more, and would have thousands of
// offsets.
var latest = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// rangeIn is the range that was asked for, in one of the report's zones: of a
// report of business days, those that it covers.
func (pl *plan) rangeIn(zone *time.Location) (Range, error) {
	if pl.def.Business {
		first, until, err := pl.days()
		if err != nil {
			return Range{}, err
		}
		zone = pl.configured()
		return Range{schemas.Day(first).Begin(zone), schemas.Day(until).Begin(zone)}, nil
	}
	return pl.bounded(zone)
}

// bounded is the range that was asked for in a zone, from the beginning at the
// earliest to the latest there is.
func (pl *plan) bounded(zone *time.Location) (Range, error) {
	r, err := pl.params.resolve(zone)
	if err != nil {
		return r, err
	}
	if r.From.Before(beginning) {
		r.From = beginning
	}
	if r.Until.After(latest) {
		r.Until = latest
	}
	return r, nil
}

// days are the calendar days whose midnight in the report's zone is in its
// range, half-open, as dates.
func (pl *plan) days() (first, until string, err error) {
	r, err := pl.bounded(pl.zone)
	if err != nil {
		return "", "", err
	}
	first, until = pl.firstMidnight(r.From), pl.firstMidnight(r.Until)
	if lifetime := pl.params.Range == "" || pl.params.Range == "lifetime"; pl.def.UTC && lifetime {
		// What was read may say any date, and none may be missing in the account.
		if pl.params.From == "" {
			first = "0001-01-01"
		}
		if pl.params.To == "" {
			until = "10000-01-01"
		}
	}
	return first, until, nil
}

// firstMidnight is the first calendar day that begins at or after a time.
func (pl *plan) firstMidnight(t time.Time) string {
	day := schemas.DayOf(t, pl.zone)
	if day.Begin(pl.zone).Before(t) {
		day = day.Plus(1)
	}
	return string(day)
}

// configured is the zone of the business days.
func (pl *plan) configured() *time.Location {
	if pl.params.Zone == nil {
		return time.UTC
	}
	return pl.params.Zone
}

func dateOrNull(d schemas.Day) any {
	if d == "" {
		return nil
	}
	return string(d)
}

type owner struct {
	AdvertiserID int64 `json:"advertiser_id"`
	Zone         int   `json:"zone"`
}

// zones lists the report's zone, and those of the advertisers that are counted
// by one of their own.
func (pl *plan) zones(ctx context.Context, conn *sql.Conn) (zones []*time.Location, owners []owner, err error) {
	zones, owners = []*time.Location{pl.zone}, []owner{}
	if pl.def.Business {
		zones[0] = pl.configured() // its times, if any, are of the business days' zone
	}
	if !pl.byOwner || pl.def.Business {
		return zones, owners, nil
	}
	rows, err := conn.QueryContext(ctx, "SELECT id, time_zone FROM advertisers WHERE time_zone IS NOT NULL ORDER BY id")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var o owner
		var name string
		if err := rows.Scan(&o.AdvertiserID, &name); err != nil {
			return nil, nil, err
		}
		o.Zone = slices.IndexFunc(zones, func(z *time.Location) bool { return z.String() == name })
		if o.Zone < 0 {
			zone, err := loadZone(name)
			if err != nil {
				return nil, nil, fmt.Errorf("advertiser %d: %w", o.AdvertiserID, err)
			}
			o.Zone = len(zones)
			zones = append(zones, zone)
		}
		owners = append(owners, o)
	}
	return zones, owners, rows.Err()
}

// shown hands on the columns of a result that are wanted, in their order.
type shown struct {
	plan      *plan
	names     []string
	out       Writer
	zones     []*time.Location
	documents []string // columns that hold JSON documents as text
	take      []int    // places of the columns in the result
	zone      int      // place of the zone column, or -1
	filters   []rowFilter
	tally     *tally // nil where nobody asks for totals
	count     int64
	values    []any
}

// beyonder is a writer that takes rows beyond the limit too, without writing them.
type beyonder interface {
	beyond(values []any, zone *time.Location)
}

func (s *shown) begin(columns []Column) error {
	s.zone = slices.IndexFunc(columns, func(c Column) bool { return c.Name == zoneColumn })
	if s.plan.def.own != nil {
		if err := s.beginOwn(columns); err != nil {
			return err
		}
	}
	if t := s.plan.def.Totals; t != nil && s.plan.params.Totals != nil {
		var err error
		if s.tally, err = newTally(t, columns); err != nil {
			return err
		}
	}
	wanted := make([]Column, len(s.names))
	for i, n := range s.names {
		at := slices.IndexFunc(columns, func(c Column) bool { return c.Name == n })
		if at < 0 {
			return fmt.Errorf("the statement gives no column %s", n)
		}
		s.take = append(s.take, at)
		wanted[i] = columns[at]
	}
	s.values = make([]any, len(wanted))
	return s.out.Begin(wanted)
}

func (s *shown) row(values []any) error {
	for _, f := range s.filters {
		if !f.passes(values[f.at]) {
			return nil
		}
	}
	if s.tally != nil {
		s.tally.row(values)
	}
	for i, at := range s.take {
		s.values[i] = values[at]
	}
	zone := s.zones[0]
	if s.zone >= 0 {
		if z, ok := values[s.zone].(int64); ok && z >= 0 && z < int64(len(s.zones)) {
			zone = s.zones[z]
		}
	}
	s.count++
	if limit := s.plan.params.Limit; limit > 0 && s.count > limit {
		if b, ok := s.out.(beyonder); ok {
			b.beyond(s.values, zone)
		}
		return nil
	}
	return s.out.Row(s.values, zone)
}
