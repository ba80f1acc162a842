package report

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pixledger/schemas"
)

const docsFile = "../docs/reports.md"

// docsHead is what the page says before the reports, which it takes from their
// files.
const docsHead = `# Reports

    pixledger report NAME [--range R | --from T --to T] [--interval I] [--by COLUMN,…] [--filter COLUMN=VALUE]… [--time-zone Z] [--format F] [-o FILE]

The descriptions below are written from the headers of the files in ` + "`report/sql`" + `; a test holds the two together.
A new report is one new file there.

## Ranges

Ranges, days and hours are those of ` + "`--time-zone`" + `: an IANA name, ` + "`advertiser`" + ` for each advertiser's own where it has one, or by
default the configuration's. Without a range a report is over the ` + "`lifetime`" + ` of the lake.

| range | is |
|---|---|
| current_hour, today | this hour, this day, whole |
| last_hour, yesterday, last_month | the one before this |
| last_24_hours, last_48_hours | that many full hours before this one |
| last_2_days, last_7_days, last_14_days, last_30_days, last_100_days, last_365_days | that many days before today |
| month_to_date, quarter_to_date | from its beginning to the end of today |
| month_to_yesterday | from the month's beginning to today's; nothing on the first |
| lifetime | everything to the end of today |

` + "`--from` and `--to`" + ` are half-open: RFC 3339, or a date as midnight in the zone; one alone leaves the other end as in lifetime.
The hour that autumn repeats is two rows, told apart by their offset; days have 23 or 25 hours where clocks shift.
` + "`--interval`" + ` is hourly, daily, monthly or, by default, cumulative.

## Filters

` + "`--filter`" + ` is exact. Different columns must all match; a column given twice means either value; an empty value is null.
Numbers compare by value, times (RFC 3339) as instants, texts byte by byte.

## Formats

` + "`--format table|csv|tsv|json|ndjson|xlsx|parquet|html`" + `: by default a table on a terminal, else csv.

| | |
|---|---|
| csv, tsv | a header line; booleans true and false, null empty, decimals with all their places, times as RFC 3339 with the zone's offset |
| json, ndjson | an array of objects, an object a line; BIGINT and DECIMAL as texts in both |
| xlsx | one sheet; ids (columns named ` + "`id`" + ` or ` + "`…_id`" + `), and integers and decimals of over 15 digits, as text; dates as dates, times as text; no cell is ever a formula, and what does not fit a sheet is refused, not cut |
| parquet | typed, ZSTD; sums are DECIMAL(38,6), a BLOB is binary |
| html | a page that loads nothing; without control characters and marks of direction, as a table |
| table | for people: control characters and marks of direction are not shown |

In csv, tsv and xlsx a text that begins with = + - @ TAB or CR, and is no plain decimal number, gets a leading apostrophe, so that
no spreadsheet runs it. ` + "`query`" + ` and the other formats give raw values.

Rates are DECIMAL(18,6), rounded half away from zero from the exact quotient, and null where the divisor is 0 or the quotient
does not fit. No total mixes currencies: where a row holds money of several, its money figures and its currency are null.

## query

` + "`pixledger query SQL`" + ` answers one SELECT, or DESCRIBE, SHOW, SUMMARIZE or EXPLAIN of one, judged by DuckDB's parser before it runs. File functions
reach the lake's data folders and nothing else; a symbolic link that its owner has put into them is followed. Times are in UTC; a
TIMESTAMP, which has no zone, is written without one. Lists, maps and structs are JSON in csv and in tables.
Columns of one name, whatever its case, are told apart as DuckDB does: a, a_1.
`

func docsText() string {
	var b strings.Builder
	b.WriteString(docsHead)
	for _, name := range Names() {
		d, err := Describe(name)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", d.Name, d.Doc)
		if len(d.Dimensions) > 0 {
			first := ""
			if len(d.Intervals) > 0 {
				first = fmt.Sprintf("the interval's (`%s`), ", strings.Join(d.Intervals, "`, `"))
			}
			fmt.Fprintf(&b, "Columns: %seach `--by` with its name, then the figures.\n\n", first)
		}
		b.WriteString("| column | type | is |\n|---|---|---|\n")
		for _, c := range d.all() {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, c.Type, c.Doc)
		}
		if len(d.Dimensions) > 0 {
			fmt.Fprintf(&b, "\n`--by`: %s\n", strings.Join(d.dimensionIDs(), ", "))
		}
		if len(d.Params) > 0 {
			b.WriteString("\n| parameter | type | is |\n|---|---|---|\n")
			for _, p := range d.Params {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Flag(), p.Type, p.Doc)
			}
		}
		for _, c := range d.Hidden {
			fmt.Fprintf(&b, "\nIt is filtered by `%s` (%s) too: %s.\n", c.Name, c.Type, c.Doc)
		}
		if d.Rangeless {
			b.WriteString("\nIt takes no range.\n")
		}
		if len(d.Required) > 0 {
			fmt.Fprintf(&b, "\nIt needs `--filter %s=VALUE`.\n", strings.Join(d.Required, "=VALUE`, `--filter "))
		}
		fmt.Fprintf(&b, "\n`--filter`: %s\n", strings.Join(d.Filters, ", "))
		for _, n := range d.Notes {
			fmt.Fprintf(&b, "\n%s%s: %s\n", strings.ToUpper(n.About[:1]), n.About[1:], n.Doc)
		}
	}
	return b.String()
}

// The page says what the reports' files say.
func TestDocs(t *testing.T) {
	want := docsText()
	if *update {
		if err := os.WriteFile(docsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the headers say: run go test ./report -run TestDocs -update", docsFile)
	}
}

// capture keeps a result's columns.
type capture struct{ columns []Column }

func (c *capture) begin(columns []Column) error { c.columns = columns; return nil }
func (c *capture) row([]any) error              { return nil }

// asked has what a report can't do without.
func asked(name string) *Params {
	p := &Params{Now: now}
	switch name {
	case "statement":
		p.Values = map[string]string{"month": "2026-11"}
	case "attributed_urls":
		p.Filters = []string{"pixel_id=9012"}
	}
	return p
}

// Each report's statement gives the columns that its header names, of the
// types that it names, and every filter it names is one of them.
func TestHeadersAreTrue(t *testing.T) {
	db := filled(t).opened(t)
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, name := range Names() {
		d, err := Describe(name)
		if err != nil {
			t.Fatal(err)
		}
		pl, err := newPlan(name, asked(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pl.bind(context.Background(), db, conn); err != nil {
			t.Fatal(err)
		}
		var got capture
		if err := stream(context.Background(), conn, d.sql, &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, want := range d.all() {
			i := slices.IndexFunc(got.columns, func(c Column) bool { return c.Name == want.Name })
			if i < 0 {
				t.Errorf("%s: the statement gives no %s", name, want.Name)
			} else if typ := got.columns[i].Type.Name; typ != want.Type {
				t.Errorf("%s: %s is %s, the header says %s", name, want.Name, typ, want.Type)
			}
			if want.Doc == "" {
				t.Errorf("%s: %s is not described", name, want.Name)
			}
		}
		for _, c := range got.columns {
			if _, ok := d.column(c.Name); !ok && c.Name != zoneColumn {
				t.Errorf("%s: the header does not name %s", name, c.Name)
			}
		}
		for _, f := range d.Filters {
			if _, ok := d.column(f); !ok {
				t.Errorf("%s: filters by %s, which is no column", name, f)
			}
			if !strings.Contains(d.sql, "passes('"+f+"',") {
				t.Errorf("%s: the statement does not filter by %s", name, f)
			}
		}
	}
}

// The feed has every column of attributions, in their order.
func TestFeedHasTheColumnsOfAttributions(t *testing.T) {
	d, err := Describe("pixel_feed")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range schemas.Attributions.Columns {
		want = append(want, c.Name+" "+string(c.Type))
	}
	want = append(want, "referer VARCHAR", "host VARCHAR", "pixel_name VARCHAR")
	var got []string
	for _, c := range d.Columns {
		got = append(got, c.Name+" "+c.Type)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
