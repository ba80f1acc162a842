package report

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

func hour(name string) Column { return Column{name, &Type{Kind: KindTime, Name: typeTime}} }
func date(name string) Column { return Column{name, &Type{Kind: KindDate, Name: typeDate}} }

// drawn gives the pictures of a chart that the columns choose.
func drawn(t *testing.T, columns []Column, rows [][]any) ([]Picture, []string) {
	t.Helper()
	money := moneyOf(namesOf(columns))
	chosen := ChartsOf(columns, money)
	if len(chosen) != 1 {
		t.Fatalf("%d charts, want one", len(chosen))
	}
	d, err := NewDrawing(chosen[0], columns, money)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		d.Add(r, time.UTC)
	}
	pictures, notes, err := d.Pictures()
	if err != nil {
		t.Fatal(err)
	}
	return pictures, notes
}

// Days without rows are 0, each currency has a chart of its own, and a day whose
// money is of several currencies has no amount rather than a wrong one.
func TestChartOverTime(t *testing.T) {
	columns := []Column{date("day"), bigint("total_convs"), amount("booked_revenue"), varchar("currency")}
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	pictures, notes := drawn(t, columns, [][]any{
		{day(1), int64(2), big.NewInt(12_500_000), "USD"},
		{day(1), int64(1), big.NewInt(1), "USD"},
		{day(1), int64(1), big.NewInt(7_000_000), "EUR"},
		{day(4), int64(5), nil, nil},
		{day(5), int64(1), big.NewInt(3_000_000), "USD"},
	})
	if len(pictures) != 3 || len(notes) != 1 {
		t.Fatalf("%d pictures, notes %q", len(pictures), notes)
	}
	for i, want := range []struct{ title, figures string }{
		{"total_convs by day", "4 0 0 5 1"},
		{"booked_revenue EUR by day", "7.000000 0.000000 0.000000 several currencies 0.000000"},
		{"booked_revenue USD by day", "12.500001 0.000000 0.000000 several currencies 3.000000"},
	} {
		p := pictures[i]
		if got := strings.Join(p.Figures, " "); p.Title != want.title || got != want.figures {
			t.Errorf("%s: %s, want %s: %s", p.Title, got, want.title, want.figures)
		}
		if got := strings.Join(p.Labels, " "); got != "2026-11-01 2026-11-02 2026-11-03 2026-11-04 2026-11-05" {
			t.Errorf("%s: the days %s", p.Title, got)
		}
		if !bytes.Contains(p.SVG, []byte("<title>"+want.title+"</title><desc>5 values, ")) || !bytes.Contains(p.SVG, []byte(`role="img"`)) {
			t.Errorf("%s: has no name for who does not see it: %.300s", p.Title, p.SVG)
		}
		svgTexts(t, p.SVG)
	}
}

// Too many points are added up by several, and nothing is lost.
func TestChartOfManyHours(t *testing.T) {
	columns := []Column{hour("hour"), bigint("total_convs")}
	var rows [][]any
	for i := range 3 * 365 * 24 / 2 {
		rows = append(rows, []any{at("2026-01-01T00:00:00Z").Add(time.Duration(i) * time.Hour), int64(2)})
	}
	pictures, _ := drawn(t, columns, rows)
	p := pictures[0]
	sum := 0
	for _, f := range p.Figures {
		var n int
		if _, err := fmt.Sscan(f, &n); err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	if len(p.Labels) > chartPoints || sum != 2*len(rows) || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "sum of 33 values") || len(p.SVG) > 64<<10 {
		t.Errorf("%d points of %d in all, %d bytes, notes %q", len(p.Labels), sum, len(p.SVG), p.Notes)
	}
	// The hour that autumn repeats is two points.
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDrawing(Chart{Kind: OverTime, X: "hour", Y: []string{"total_convs"}}, columns, Money{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		d.Add([]any{at("2026-11-01T04:00:00Z").Add(time.Duration(i) * time.Hour), int64(i)}, zone)
	}
	pictures, _, err = d.Pictures()
	if err != nil || strings.Join(pictures[0].Labels, ", ") != "2026-11-01 00:00, 2026-11-01 01:00, 2026-11-01 01:00, 2026-11-01 02:00" {
		t.Errorf("%v %v", pictures, err)
	}
}

// Months are even too, and what has no time is left out.
func TestChartOfMonths(t *testing.T) {
	pictures, _ := drawn(t, []Column{varchar("month"), bigint("conversions")}, [][]any{{"2026-12", int64(1)}, {"2026-10", int64(3)}, {nil, int64(9)}})
	if got := strings.Join(pictures[0].Labels, " ") + ": " + strings.Join(pictures[0].Figures, " "); got != "2026-10 2026-11 2026-12: 3 0 1" {
		t.Errorf("got %s", got)
	}
}

// The greatest come first, known by their ids; the others are counted.
func TestChartOfTheGreatest(t *testing.T) {
	columns := []Column{bigint("line_item_id"), varchar("line_item_name"), bigint("total_convs")}
	var rows [][]any
	for i := range 20 {
		rows = append(rows, []any{int64(9007199254740990 + i), "the same name", int64(i)})
	}
	pictures, _ := drawn(t, columns, rows)
	p := pictures[0]
	if len(p.Labels) != chartGreatest || p.Labels[0] != "the same name (9007199254741009)" || p.Figures[0] != "19" || p.Notes[0] != "The greatest 15 of 20." {
		t.Errorf("%q %q %q", p.Labels, p.Figures, p.Notes)
	}
	seen := slices.Clone(p.Labels)
	slices.Sort(seen)
	if len(slices.Compact(seen)) != len(p.Labels) {
		t.Errorf("two labels are the same: %q", p.Labels)
	}
	// More names than are kept: no chart, rather than a wrong one.
	rows = nil
	for i := range chartKeys + 1 {
		rows = append(rows, []any{int64(i), "x", int64(1)})
	}
	pictures, notes := drawn(t, columns, rows)
	if len(pictures) != 0 || len(notes) != 1 || !strings.Contains(notes[0], "20000 different") {
		t.Errorf("%d pictures, notes %q", len(pictures), notes)
	}
}

// A histogram keeps the order of its rows, and negative figures are drawn.
func TestChartOfClasses(t *testing.T) {
	pictures, _ := drawn(t, []Column{varchar("bucket"), bigint("conversions")}, [][]any{{"under an hour", int64(9)}, {"a day", int64(-3)}, {"a week", int64(5)}})
	if got := strings.Join(pictures[0].Labels, ", "); got != "under an hour, a day, a week" {
		t.Errorf("got %s", got)
	}
	svgTexts(t, pictures[0].SVG)
}

// A result without figures that belong together has no chart.
func TestChartIsNotForEverything(t *testing.T) {
	for _, columns := range [][]Column{{varchar("a")}, {date("day"), varchar("note")}, {bigint("total_convs")}, {varchar("line_item_name"), amount("amount")}} {
		if got := ChartsOf(columns, moneyOf(namesOf(columns))); got != nil {
			t.Errorf("%v: %v", namesOf(columns), got)
		}
	}
	// Who asks for none gets none.
	columns := []Column{date("day"), bigint("total_convs")}
	rows := [][]any{{at("2026-11-01T00:00:00Z"), int64(1)}, {at("2026-11-02T00:00:00Z"), int64(2)}}
	if n := strings.Count(written(t, HTML, Sheet{}, columns, rows), "<svg"); n != 1 {
		t.Errorf("%d charts by default", n)
	}
	if n := strings.Count(written(t, HTML, Sheet{Charts: []Chart{}}, columns, rows), "<svg"); n != 0 {
		t.Errorf("%d charts where none is wanted", n)
	}
	for _, c := range []Chart{{Kind: OverTime, X: "nope", Y: []string{"n"}}, {Kind: OverTime, X: "day"}, {Kind: OverTime, X: "day", Y: []string{"day"}}, {Kind: "pie", X: "day", Y: []string{"n"}}} {
		if _, err := NewDrawing(c, []Column{date("day"), bigint("n")}, Money{}); err == nil {
			t.Errorf("%+v is drawn", c)
		}
	}
}

// Totals are of one currency each, exact, and missing where a part is unknown.
func TestPageTotals(t *testing.T) {
	columns := []Column{bigint("line_item_id"), amount("booked_revenue"), amount("media_cost"), amount("ecpm"), varchar("currency")}
	big18 := new(big.Int).Exp(big.NewInt(10), big.NewInt(17), nil)
	page := written(t, HTML, Sheet{Money: moneyOf(namesOf(columns))}, columns, [][]any{
		{int64(1), big18, big.NewInt(1), big.NewInt(5), "USD"},
		{int64(2), big18, nil, big.NewInt(5), "USD"},
		{int64(3), big.NewInt(-1), big.NewInt(1), big.NewInt(5), "EUR"},
		{int64(4), big.NewInt(0), nil, nil, nil},
	})
	_, foot, _ := strings.Cut(page, "<tfoot>")
	for _, want := range []string{
		`<th scope="row">Total EUR</th><td class="n">-0.000001 <i class="u">EUR</i></td><td class="n"></td><td class="n"></td>`,
		`<th scope="row">Total USD</th><td class="n">200000000000.000000 <i class="u">USD</i></td><td class="n"></td><td class="n"></td>`,
	} {
		if !strings.Contains(foot, want) {
			t.Errorf("no %s in %s", want, foot)
		}
	}
	// What is estimated is not added to what is booked.
	columns = []Column{varchar("kind"), amount("amount"), varchar("currency")}
	_, foot, _ = strings.Cut(written(t, HTML, Sheet{Money: moneyOf(namesOf(columns))}, columns, [][]any{
		{"booking", big.NewInt(5_000_000), "USD"}, {"estimated", big.NewInt(7_000_000), "USD"},
	}), "<tfoot>")
	if !strings.Contains(foot, `Total USD</th><td class="n">5.000000 `) || !strings.Contains(foot, `Total USD estimated</th><td class="n">7.000000 `) {
		t.Errorf("totals: %s", foot)
	}
	if !strings.Contains(page, "such columns have no total") {
		t.Error("the page does not say why media_cost has no total")
	}
}
