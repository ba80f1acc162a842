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
| xlsx | one sheet; ids (columns named ` + "`id`" + ` or ` + "`…_id`" + `), and integers and decimals of over 15 digits, as text; dates as dates, times as text; no cell is ever a formula, and what does not fit a sheet is refused, not cut; no row of totals, which a sum over the column would count twice |
| parquet | typed, ZSTD; sums are DECIMAL(38,6), a BLOB is binary |
| html | a page that loads nothing and needs no script: what was asked, charts, the rows, totals of money by currency; without control characters and marks of direction, as a table |
| table | for people: as wide as the terminal allows; control characters and marks of direction are not shown |

In csv, tsv and xlsx a text that begins with = + - @ TAB or CR, and is no plain decimal number, gets a leading apostrophe, so that
no spreadsheet runs it. ` + "`query`" + ` and the other formats give raw values. A spreadsheet that opens a csv takes ids for numbers and rounds
those of over 15 digits: give people xlsx, or have such columns imported as text. XML has no control characters: in xlsx they are U+FFFD.

The same rows give the same bytes in every format (a page says when it was made; ` + "`--now`" + ` fixes it). ` + "`-o FILE`" + ` writes a file in one step: a
reader finds the old content or the new.

**A table on a terminal** is at most as wide as the terminal, or as ` + "`COLUMNS`" + ` says. Where it would be wider the widest texts are shortened, with … at
their ends; ids, codes, numbers, amounts, times and currencies never are. Where not even that fits, each row is a block of lines, a column each,
as psql writes it; ` + "`--columns`" + ` chooses fewer. Written to a file or a pipe (` + "`--format table | less -S`" + `) nothing is shortened. Null is shown as NULL, an empty text as
nothing. Numbers have no separators, so that what is copied is the number; points stand below each other, an amount has its row's currency
beside it. The first 10,000 rows are laid out together; later ones follow in the same widths, so that a result of any length takes little memory.

**A page** draws the report's count and its booked revenue or amounts by hour, day or month where it has a column of them, else the
greatest by name: each currency a chart of its own, and below each chart its exact figures. Hours, days and months between the first and the last that have no rows are 0. Over 400 points are added
up by several, over 15 names the greatest are drawn, and the page says so. Where a row holds money of several currencies, and so gives no amount, a chart of
money has a hole and its column has no total; what is estimated is never added to what is booked. It has a dark face and a printed one.

![A page of advertiser_analytics by line item and day](images/report.png)

Rates are DECIMAL(18,6), rounded half away from zero from the exact quotient, and null where the divisor is 0 or the quotient
does not fit. No total mixes currencies: where a row holds money of several, its money figures and its currency are null.

## Your own reports

A report is a file of SQL. Yours stand in the folder ` + "`" + `reports` + "`" + ` of the configuration (` + "`" + `./reports` + "`" + `), one in each file that ends in ` + "`" + `.sql` + "`" + `, and work like the
built-in ones: the same command, formats, ranges and filters. This is all of one:

` + "```sql" + `
-- @report orders_by_hour
-- @doc Orders and their value by hour of the day (UTC).
SELECT hour(conversion_time) AS hour_of_day, count(*) AS orders, sum(value) AS value
FROM attributions
WHERE conversion_time >= $from AND conversion_time < $until
GROUP BY ALL
ORDER BY hour_of_day
` + "```" + `

    pixledger report orders_by_hour --range last_7_days --filter orders=2
    pixledger report --list

The sample logs have one in ` + "`" + `reports/orders_by_hour.sql` + "`" + `. Below the header stands one SELECT, in DuckDB's SQL, over the views that ` + "`" + `query` + "`" + ` has: events, impressions, clicks,
conversions, segment_events, segment_members, rejects, attributions, ledger, voids, and the catalog's lists ([schema.md](schema.md)). The columns are those that it gives.

**Values.** A ` + "`" + `$` + "`" + ` names one; it is bound, never pasted into the text.

| value | is |
|---|---|
| ` + "`" + `$from` + "`" + `, ` + "`" + `$until` + "`" + ` | the range, half-open: TIMESTAMPTZ |
| ` + "`" + `$from_day` + "`" + `, ` + "`" + `$until_day` + "`" + ` | the calendar days that begin in it, half-open: DATE |
| ` + "`" + `$now` + "`" + ` | the command's time: TIMESTAMPTZ |
| ` + "`" + `$NAME` + "`" + ` | your own parameter, given as ` + "`" + `--param NAME=VALUE` + "`" + `; null where it is not given |

A statement that reads none of the range's is one without range: ` + "`" + `--range` + "`" + `, ` + "`" + `--from` + "`" + ` and ` + "`" + `--to` + "`" + ` are then refused, not ignored.

**The header.** Comment lines that begin with ` + "`" + `-- @` + "`" + ` and a word. ` + "`" + `@report` + "`" + ` and ` + "`" + `@doc` + "`" + ` must be there.

| line | says |
|---|---|
| ` + "`" + `-- @report NAME` + "`" + ` | the name: small letters, digits and _, no built-in report's |
| ` + "`" + `-- @doc TEXT` + "`" + ` | what it tells; several lines are one text |
| ` + "`" + `-- @param NAME TYPE: TEXT` + "`" + ` | a parameter: VARCHAR, BIGINT, DECIMAL(18,6), DATE, MONTH (2026-03), TIMESTAMP WITH TIME ZONE, BOOLEAN or DURATION (15m); ` + "`" + `required` + "`" + ` behind the type if it must be given |
| ` + "`" + `-- @column NAME TYPE: TEXT` + "`" + ` | describes a column. The type may be left out. With any of these, they alone are shown, and the statement must have them |
| ` + "`" + `-- @filter COLUMN…` + "`" + ` | what ` + "`" + `--filter` + "`" + ` takes; without this line, every column |
| ` + "`" + `-- @choice COLUMN TYPE: TEXT` + "`" + ` | something to filter by that is not shown |
| ` + "`" + `-- @required COLUMN…` + "`" + ` | filters that must be given |
| ` + "`" + `-- @dimension ID NAME: TEXT` + "`" + `, ` + "`" + `-- @interval hour day month` + "`" + ` | what ` + "`" + `--by` + "`" + ` and ` + "`" + `--interval` + "`" + ` take, as the built-in reports have them |
| ` + "`" + `-- @note WORD: TEXT` + "`" + `, ` + "`" + `-- @rangeless` + "`" + `, ` + "`" + `-- @slow` + "`" + `, ` + "`" + `-- @business` + "`" + ` | more to know; it has no range; the console makes it when it is asked to; its days are business days |

**Filters** choose among the rows that the statement gives. It can do that by itself, before it counts: where it says ` + "`" + `passes('pixel_id', pixel_id)` + "`" + `, the filter is that condition.
The macros and tables of the built-in reports are there for you:

| in SQL | is |
|---|---|
| ` + "`passes('COLUMN', value)`" + ` | whether a row with this value passes the filters of the column |
| ` + "`is_by('NAME')`" + ` | whether ` + "`--by`" + `, or ` + "`--interval`" + ` (hour, day, month), asks for it |
| ` + "`param('NAME')`" + ` | a parameter, as text |
| ` + "`report_spans`" + ` | the range cut into stretches of one offset from UTC: ` + "`zone`" + ` (0: the report's), ` + "`first`" + `, ` + "`until`" + `, ` + "`offset_seconds`" + `, ` + "`began`" + `. A time of the range is in one of a zone's, half-open |
| ` + "`report_zones`" + ` | ` + "`advertiser_id`" + ` and ` + "`zone`" + ` of those that ` + "`--time-zone advertiser`" + ` gives one of their own |
| ` + "`hour_of(time, offset_seconds, began)`" + `, ` + "`day_of(time, offset_seconds)`" + `, ` + "`month_of(time, offset_seconds)`" + ` | the hour, day and month there |
| ` + "`near_range(time, date)`" + ` | leaves files out that the range can't be in; the spans decide |
| ` + "`quotient(millionths(amount), count)`" + ` | a rate as DECIMAL(18,6), rounded half away from zero; null by 0 |

So this one takes ` + "`--by advertiser_id`" + `, every ` + "`--interval`" + ` and ` + "`--time-zone`" + `. A column ` + "`zone`" + ` is not shown: it says in whose zone a row's times are written.

` + "```sql" + `
-- @report earned
-- @doc Attributed conversions and what they earned.
-- @interval hour day month
-- @dimension advertiser_id advertiser_name: the advertiser
-- @column conversions BIGINT: attributed conversions
-- @column booked_revenue DECIMAL(38,6): what they earned
-- @column currency: its currency
-- @filter advertiser_id pixel_id
SELECT
    CASE WHEN is_by('hour') THEN s.zone ELSE 0 END AS zone,
    CASE WHEN is_by('hour') THEN hour_of(d.conversion_time, s.offset_seconds, s.began) END AS hour,
    CASE WHEN is_by('day') THEN day_of(d.conversion_time, s.offset_seconds) END AS day,
    CASE WHEN is_by('month') THEN month_of(d.conversion_time, s.offset_seconds) END AS month,
    CASE WHEN is_by('advertiser_id') THEN d.advertiser_id END AS advertiser_id,
    CASE WHEN is_by('advertiser_id') THEN a.name END AS advertiser_name,
    count(*) AS conversions,
    sum(d.booked_revenue) AS booked_revenue,
    d.currency
FROM attributions AS d
LEFT JOIN advertisers AS a ON a.id = d.advertiser_id
LEFT JOIN report_zones AS z ON z.advertiser_id = d.advertiser_id
JOIN report_spans AS s
    ON s.zone = coalesce(z.zone, 0) AND d.conversion_time >= s.first AND d.conversion_time < s.until
WHERE d.outcome = 'attributed'
    AND near_range(d.conversion_time, d.date)
    AND passes('advertiser_id', d.advertiser_id)
    AND passes('pixel_id', d.pixel_id)
GROUP BY ALL
ORDER BY ALL
` + "```" + `

**What is refused.** The database is locked before your statement reaches it: it reads the lake's data folders and the catalog, and nothing else on the machine or
beyond. It must be one SELECT, judged by DuckDB's parser; functions that run other SQL, read the environment or write are refused. ` + "`" + `limits` + "`" + ` of the
configuration bound it, and Ctrl-C ends it.

Files are read at each command. A link to a file is followed; folders, hidden files and other names are left alone. Each mistake is one line ` + "`" + `FILE:LINE:COLUMN` + "`" + `, told by
` + "`" + `report NAME` + "`" + `, ` + "`" + `report --list` + "`" + ` (exit 1) and ` + "`" + `doctor` + "`" + `; the other reports go on working.

## query

` + "`pixledger query SQL`" + ` answers one SELECT, or DESCRIBE, SHOW, SUMMARIZE or EXPLAIN of one, judged by DuckDB's parser before it runs. File functions
reach the lake's data folders and nothing else; a symbolic link that its owner has put into them is followed. Times are in UTC; a
TIMESTAMP, which has no zone, is written without one. Lists, maps and structs are JSON in csv and in tables.
Columns of one name, whatever its case, are told apart as DuckDB does: a, a_1.
`

func docsText() string {
	var b strings.Builder
	b.WriteString(docsHead)
	for _, name := range BuiltIn().Names() {
		d, err := BuiltIn().Describe(name)
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
		if len(d.Choices) > 0 {
			b.WriteString("\n| to filter by alone | type | is |\n|---|---|---|\n")
			for _, c := range d.Choices {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, c.Type, c.Doc)
			}
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

// Each report's statement gives the columns that its header names, of the
// types that it names, and every filter it names is one of them.
func TestHeadersAreTrue(t *testing.T) {
	db := filled(t).opened(t)
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, name := range BuiltIn().Names() {
		d, err := BuiltIn().Describe(name)
		if err != nil {
			t.Fatal(err)
		}
		p := Params{Now: now, Values: map[string]string{}}
		for _, name := range d.Required {
			p.Filters = append(p.Filters, name+"=1")
		}
		for _, own := range d.Params {
			if own.Required {
				p.Values[own.Name] = map[string]string{typeFile: "list.csv", typeMonth: "2026-11"}[own.Type]
			}
		}
		pl, err := newPlan(d, &p)
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
			if _, ok := d.filterColumn(c.Name); !ok && c.Name != zoneColumn {
				t.Errorf("%s: the header does not name %s", name, c.Name)
			}
		}
		prepared := ""
		if pl.needs(needPaths) {
			prepared = pathsSQL
		}
		for _, f := range d.Filters {
			if _, ok := d.filterColumn(f); !ok {
				t.Errorf("%s: filters by %s, which is no column or choice", name, f)
			}
			if !strings.Contains(d.sql+prepared, "passes('"+f+"',") {
				t.Errorf("%s: the statement does not filter by %s", name, f)
			}
		}
	}
}

// The feed has every column of attributions, in their order.
func TestFeedHasTheColumnsOfAttributions(t *testing.T) {
	d, err := BuiltIn().Describe("pixel_feed")
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

// The reports that the page shows run as they stand; and the one that groups
// says of conversions what advertiser_analytics says, in any zone.
func TestReportsOfTheDocs(t *testing.T) {
	files := map[string]string{}
	for _, block := range strings.Split(docsHead, "```sql\n")[1:] {
		sql, _, _ := strings.Cut(block, "```")
		files[fmt.Sprintf("%d.sql", len(files))] = sql
	}
	l := filled(t)
	r := loaded(t, folder(t, files))
	if len(files) != 2 || len(r.Mistakes) > 0 {
		t.Fatalf("%d reports, %v", len(files), r.Mistakes)
	}
	if out, err := told(t, r, l, "orders_by_hour", Params{}); err != nil || strings.Count(out, "\n") < 2 {
		t.Errorf("orders_by_hour: %s%v", out, err)
	}
	for _, p := range []Params{
		{},
		{By: []string{"advertiser_id"}, Interval: "daily", TimeZone: "advertiser"},
		{By: []string{"advertiser_id"}, Interval: "hourly", TimeZone: "Asia/Kolkata"},
		{By: []string{"advertiser_id"}, Interval: "monthly", Filters: []string{"pixel_id=9012"}},
	} {
		got, err := told(t, r, l, "earned", p)
		if err != nil {
			t.Fatal(err)
		}
		p.Filters = append(p.Filters, "currency=USD")
		p.Columns = []string{"total_convs", "booked_revenue", "currency"}
		for _, c := range []string{"hourly hour", "daily day", "monthly month"} {
			if interval, column, _ := strings.Cut(c, " "); interval == p.Interval {
				p.Columns = slices.Insert(p.Columns, 0, column)
			}
		}
		if len(p.By) > 0 {
			p.Columns = slices.Insert(p.Columns, len(p.Columns)-3, "advertiser_id", "advertiser_name")
		}
		want, err := told(t, r, l, "advertiser_analytics", p)
		if err != nil {
			t.Fatal(err)
		}
		rows := func(s string) []string {
			var out []string
			for line := range strings.Lines(s) {
				if strings.Contains(line, ",USD") && !strings.Contains(line, ",0,0.000000,USD") {
					out = append(out, line)
				}
			}
			slices.Sort(out)
			return out
		}
		if g, w := rows(got), rows(want); len(g) == 0 || !slices.Equal(g, w) {
			t.Errorf("%+v:\n%s\nadvertiser_analytics:\n%s", p, strings.Join(g, ""), strings.Join(w, ""))
		}
	}
}
