package report

import (
	"fmt"
	"slices"
	"strings"
)

// ChartKind is a way to draw figures.
type ChartKind string

// The kinds of charts.
const (
	OverTime  ChartKind = "time"      // figures by hour, day or month
	Greatest  ChartKind = "greatest"  // the greatest figures, with their names
	Histogram ChartKind = "histogram" // how many fall into each class, in the rows' order
)

// RowCount stands in a chart's Y for the number of rows.
const RowCount = "*"

// Chart says what of a result is drawn: the sums of Y over the rows of each X.
// An amount is drawn once for each currency.
type Chart struct {
	Kind  ChartKind
	X     string   // a column
	Y     []string // columns of numbers, or RowCount
	Title string   // "" says what is drawn in the columns' words
}

// What people look at first, in order: a result is drawn by the first column of
// each list that it has.
var (
	timeColumns  = []string{"day", "hour", "month", "booked", "date", "business_month"}
	classColumns = []string{"bucket", "class"}
	nameColumns  = []string{"reason", "url", "line_item_name", "pixel_name", "creative_name", "publisher_name", "advertiser_name", "source"}
	countColumns = []string{"total_convs", "conversions", "loads", "loads_last_12_hours", "events", "imps"}
	moneyColumns = []string{"booked_revenue", "amount"}
	rowColumns   = []string{"conversion_id", "post_click_or_post_view_conv"} // a row is a conversion
)

// ChartsOf chooses what of a result is drawn where nobody says it: its counts
// and its money over time, else by what earned or caused them. Nil is nothing.
func ChartsOf(columns []Column, money Money) []Chart {
	y := chosen(columns, countColumns, func(c Column) bool { return c.Type.whole() })
	if y == nil && chosen(columns, rowColumns, nil) != nil {
		y = []string{RowCount}
	}
	y = append(y, chosen(columns, moneyColumns, money.adds)...)
	if len(y) == 0 {
		return nil
	}
	for _, try := range []struct {
		kind  ChartKind
		names []string
	}{{Histogram, classColumns}, {OverTime, timeColumns}, {Greatest, nameColumns}} {
		if x := chosen(columns, try.names, nil); x != nil {
			return []Chart{{Kind: try.kind, X: x[0], Y: y}}
		}
	}
	return nil
}

// chosen gives the first of the names that is a column and fits, alone.
func chosen(columns []Column, names []string, fits func(Column) bool) []string {
	for _, n := range names {
		i := slices.IndexFunc(columns, func(c Column) bool { return c.Name == n })
		if i >= 0 && (fits == nil || fits(columns[i])) {
			return []string{n}
		}
	}
	return nil
}

// whole tells that a type counts.
func (t *Type) whole() bool {
	return t.Kind == KindInteger || t.Kind == KindBigInt || t.Kind == KindHuge
}

// number tells that a type is one of numbers.
func (t *Type) number() bool {
	return t.whole() || t.Kind == KindDecimal || t.Kind == KindDouble
}

// check refuses a chart of columns that the result has not.
func (c Chart) check(columns []Column) error {
	has := func(name string, fits func(*Type) bool) bool {
		return slices.ContainsFunc(columns, func(c Column) bool { return c.Name == name && fits(c.Type) })
	}
	var names []string
	for _, column := range columns {
		names = append(names, column.Name)
	}
	if !has(c.X, func(*Type) bool { return true }) {
		return fmt.Errorf("chart: there is no column %q; allowed: %s", c.X, strings.Join(names, " "))
	}
	if len(c.Y) == 0 {
		return fmt.Errorf("chart of %s: it draws no column; allowed: columns of numbers, or %s for the number of rows", c.X, RowCount)
	}
	for _, y := range c.Y {
		if y != RowCount && !has(y, (*Type).number) {
			return fmt.Errorf("chart of %s: there is no column %q of numbers", c.X, y)
		}
	}
	switch c.Kind {
	case OverTime, Greatest, Histogram:
		return nil
	}
	return fmt.Errorf("chart of %s: there is no kind %q; allowed: %s %s %s", c.X, c.Kind, OverTime, Greatest, Histogram)
}
