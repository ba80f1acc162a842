package report

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// close closes the days from first to last with these entries.
func (l *testLake) close(first, last string, entries ...fields) {
	l.t.Helper()
	notes := map[string]string{lake.NoteLedgerFrom: first, lake.NoteLastDay: last}
	l.commit(lake.Draft{Kind: lake.CloseKind, Notes: notes}, schemas.Ledger, "", "booked", entries...)
}

func day(s string) time.Time { return at(s + "T00:00:00Z") }

// ledgerEntry is an entry of the ledger; more holds what differs from a booking.
func ledgerEntry(id, booked, business string, line int, typ, amount string, more fields) fields {
	owner, pixel, currency := 7, 9012, "USD"
	if line == 9007199254740993 {
		owner, pixel, currency = 8, 9013, "EUR"
	}
	f := fields{
		"entry_id": id, "booked": day(booked), "business_day": day(business), "kind": "booking", "conversion_id": "c-" + id, "conversion_type": typ,
		"advertiser_id": owner, "line_item_id": line, "pixel_id": pixel, "amount": amount, "currency": currency, "catalog_digest": "d",
	}
	maps.Copy(f, more)
	return f
}

// reversal takes a booking of that amount back.
func reversal(id, booked, business string, line int, typ, amount string) fields {
	return ledgerEntry(id, booked, business, line, typ, "-"+amount, fields{"kind": "adjustment", "reverses": "x", "reason": "voided: returned"})
}

func credit(id, booked string, line int, amount, reason string) fields {
	f := ledgerEntry(id, booked, booked, line, "", amount, fields{"kind": "credit", "reason": reason})
	delete(f, "conversion_id")
	delete(f, "conversion_type")
	delete(f, "pixel_id")
	return f
}

const euroLine = 9007199254740993

// quarter is a ledger from 31 August to 1 November. What October's statement
// must say, by hand:
//
//	advertiser 7, booked: line item 382 (insertion order 61) 2 × 12.50 = 25.00 by
//	  click, of which one is taken back and booked anew at 14.00 within October:
//	  1 × 12.50 and 1 × 14.00; one view at 0
//	advertiser 7, adjustments: of September one conversion is taken back (−12.50),
//	  of August one comes (2.00); credits −5.00 and 0.25 under two reasons
//	advertiser 7, total: 12.5 + 14 + 0 − 12.5 + 2 − 5 + 0.25 = 11.25, and
//	  1 + 1 + 1 − 1 + 1 = 3 conversions
//	advertiser 8, booked: 3.333333, in euros; total the same
//	advertiser 8, of a line item that is not in the catalog any more: 1 in dollars
func quarter(t testing.TB) *testLake {
	cat := network()
	cat.InsertionOrders[0].PONumber = "4500012"
	cat.Advertisers[0].Code, cat.LineItems[0].Code = "prostarr", "shoes-a26"
	l := newLake(t, cat)
	l.close("2026-08-31", "2026-11-01",
		ledgerEntry("a1", "2026-08-31", "2026-08-31", 382, "post_view", "2", nil),
		ledgerEntry("s1", "2026-09-30", "2026-09-30", 382, "post_click", "12.5", nil),
		ledgerEntry("o1", "2026-10-01", "2026-10-01", 382, "post_click", "12.5", nil),
		ledgerEntry("o2", "2026-10-01", "2026-10-01", 382, "post_click", "12.5", nil),
		reversal("o3", "2026-10-31", "2026-10-01", 382, "post_click", "12.5"),
		ledgerEntry("o4", "2026-10-31", "2026-10-01", 382, "post_click", "14", fields{"kind": "adjustment", "reason": "changed: amount"}),
		ledgerEntry("o5", "2026-10-15", "2026-10-15", 382, "post_view", "0", nil),
		reversal("o6", "2026-10-15", "2026-09-30", 382, "post_click", "12.5"),
		ledgerEntry("o7", "2026-10-15", "2026-08-31", 382, "post_view", "2", fields{"kind": "adjustment", "reason": "now attributed"}),
		credit("o8", "2026-10-15", 382, "-5", "make-good"),
		credit("o9", "2026-10-31", 382, "0.25", "=rounding"),
		ledgerEntry("o10", "2026-10-31", "2026-10-31", euroLine, "post_view", "3.333333", nil),
		ledgerEntry("o11", "2026-10-31", "2026-10-31", 77, "post_view", "1", fields{"advertiser_id": 8}),
		ledgerEntry("n1", "2026-11-01", "2026-11-01", 382, "post_view", "2", nil),
	)
	return l
}

func statement(month string, filters ...string) Params {
	return Params{Values: map[string]string{"month": month}, Filters: filters}
}

func TestStatement(t *testing.T) {
	db := quarter(t).opened(t)
	for name, c := range map[string]struct {
		p Params
		f Format
	}{
		"statement.csv":            {statement("2026-10"), CSV},
		"statement.txt":            {statement("2026-10", "advertiser_id=7"), Table},
		"statement.json":           {statement("2026-10", "advertiser_id=8", "section=total"), JSON},
		"statement_september.csv":  {statement("2026-09"), CSV},
		"statement_open.csv":       {statement("2026-11"), CSV}, // its first day alone is closed
		"statement_nothing.csv":    {statement("2026-07"), CSV}, // before the ledger
		"statement_line_item.csv":  {statement("2026-10", "line_item_id=382", "section=booked", "section=total"), CSV},
		"statement_adjustment.csv": {statement("2026-10", "business_month=2026-09"), CSV},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, run(t, db, "statement", c.p, c.f)) })
	}
	if got := run(t, db, "statement", statement("2027-01"), CSV); strings.Count(got, "\n") != 1 {
		t.Errorf("a month to come has rows: %s", got)
	}
	// The zone of the report changes nothing: the days are business days.
	if got, want := run(t, db, "statement", Params{Values: map[string]string{"month": "2026-10"}, TimeZone: "Pacific/Kiritimati"}, CSV), run(t, db, "statement", statement("2026-10"), CSV); got != want {
		t.Errorf("in another zone it is\n%s", got)
	}
}

// A month is final when its last day is closed, and not a day before.
func TestStatementIsFinalWithItsLastDay(t *testing.T) {
	for last, want := range map[string]string{"2026-02-27": "open", "2026-02-28": "final", "2026-03-01": "final"} {
		l := newLake(t, network())
		l.close("2026-02-01", last, ledgerEntry("b", "2026-02-01", "2026-02-01", 382, "post_view", "2", nil))
		if got := rowsOf(t, run(t, l.opened(t), "statement", statement("2026-02"), CSV), "section", "state"); !slices.Equal(got, []string{"booked|" + want, "total|" + want}) {
			t.Errorf("closed to %s: got %v, want %s", last, got, want)
		}
	}
	// Nothing is closed: nothing is stated.
	if got := run(t, newLake(t, network()).opened(t), "statement", statement("2026-02"), CSV); strings.Count(got, "\n") != 1 {
		t.Errorf("without a ledger: %s", got)
	}
}

// Finance sends it as a sheet, one advertiser a file.
func TestStatementInXLSX(t *testing.T) {
	out := run(t, quarter(t).opened(t), "statement", statement("2026-10", "advertiser_id=7"), XLSX)
	book, err := excelize.OpenReader(bytes.NewReader([]byte(out)))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetList()[0])
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	last := rows[len(rows)-1]
	if len(rows) != 9 || last[column("section")] != "total" || last[column("amount")] != "11.250000" || last[column("advertiser_id")] != "7" {
		t.Errorf("the sheet has %d rows, the last is %v", len(rows), last)
	}
	for _, r := range rows[1:] {
		if r[column("advertiser_id")] != "7" || r[column("currency")] != "USD" {
			t.Errorf("a row of another: %v", r)
		}
		if r[column("section")] == "credit" && r[column("reason")] != "make-good" && r[column("reason")] != "'=rounding" {
			t.Errorf("a reason as it is not to be: %v", r)
		}
	}
}

func TestStatementRefuses(t *testing.T) {
	for _, c := range []struct {
		p    Params
		want string
	}{
		{Params{}, "statement needs --month; allowed: --month VALUE: the month, such as 2026-03"},
		{statement("2026-13"), `--month: "2026-13" is no month`},
		{statement("2026-3"), `--month: "2026-3" is no month`},
		{statement("2026-03-01"), `--month: "2026-03-01" is no month`},
		{Params{Values: map[string]string{"month": "2026-03"}, Range: "today"}, "statement has no range; allowed: no --range, --from or --to"},
		{Params{Values: map[string]string{"month": "2026-03"}, Interval: "daily"}, "statement has no intervals"},
	} {
		c.p.Now = now
		if err := BuiltIn().Check("statement", c.p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %s", c.p, err, c.want)
		}
	}
}

// Over ledgers drawn at random: the rows of each month are what a plain count
// of the entries gives, every total is the sum of its rows, and the statements
// of all months are the ledger to the last digit, as revenue is.
func TestStatementsAddUpToTheLedger(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 8))
			l := newLake(t, network())
			entries := randomEntries(r)
			l.close("2026-07-01", "2026-10-31", entries...)
			db := l.opened(t)
			sum := map[string]schemas.Money{}
			for _, month := range []string{"2026-07", "2026-08", "2026-09", "2026-10"} {
				rows := csvMaps(t, run(t, db, "statement", statement(month), CSV))
				got, totals := map[string]string{}, map[string]schemas.Money{}
				counts := map[string]int{}
				for _, row := range rows {
					of := row["advertiser_id"] + " " + row["currency"]
					if row["section"] == "total" {
						if totals[of] != money(t, row["amount"]) || fmt.Sprint(counts[of]) != row["conversions"] {
							t.Errorf("%s: the total of %s is %s of %s, its rows are %s of %d", month, of, row["amount"], row["conversions"], totals[of], counts[of])
						}
						delete(totals, of)
						continue
					}
					got[strings.Join([]string{of, row["line_item_id"], row["section"], row["business_month"], row["conversion_type"], row["rate"], row["reason"]}, "|")] = row["conversions"] + " " + row["amount"]
					totals[of] += money(t, row["amount"])
					sum[row["currency"]] += money(t, row["amount"])
					var n int
					fmt.Sscan(row["conversions"], &n)
					counts[of] += n
				}
				if len(totals) > 0 {
					t.Errorf("%s: there is no total of %v", month, totals)
				}
				if want := countedByHand(entries, month); !maps.Equal(got, want) {
					t.Errorf("%s: got\n%v\nwant\n%v", month, got, want)
				}
			}
			for what, query := range map[string]string{"the ledger": "SELECT currency, sum(amount) AS amount FROM ledger GROUP BY 1", "revenue": ""} {
				want := map[string]schemas.Money{}
				out := run(t, db, "revenue", Params{}, CSV)
				if query != "" {
					out = mustAsk(t, db, query, CSV)
				}
				for _, row := range csvMaps(t, out) {
					want[row["currency"]] += money(t, row["amount"])
				}
				if !maps.Equal(sum, want) {
					t.Errorf("the statements add up to %v, %s to %v", sum, what, want)
				}
			}
		})
	}
}

// countedByHand is what a month's statement must hold.
func countedByHand(entries []fields, month string) map[string]string {
	type line struct {
		n      int
		amount schemas.Money
	}
	lines := map[string]line{}
	for _, e := range entries {
		if e["booked"].(time.Time).Format("2006-01") != month {
			continue
		}
		amount, _ := schemas.ParseMoney(e["amount"].(string))
		business := e["business_day"].(time.Time).Format("2006-01")
		section, rate, reason, typ, n := "booked", amount.String(), "", "", 1
		switch {
		case e["kind"] == "credit":
			section, rate, reason, n = "credit", "", e["reason"].(string), 0
		case business != month:
			section = "adjustment"
		}
		if e["reverses"] != nil {
			rate, n = (-amount).String(), -1
		}
		if e["conversion_type"] != nil {
			typ = e["conversion_type"].(string)
		}
		key := fmt.Sprintf("%d %s|%d|%s|%s|%s|%s|%s", e["advertiser_id"], e["currency"], e["line_item_id"], section, business, typ, rate, reason)
		lines[key] = line{lines[key].n + n, lines[key].amount + amount}
	}
	out := map[string]string{}
	for key, l := range lines {
		out[key] = fmt.Sprintf("%d %s", l.n, l.amount)
	}
	return out
}

// randomEntries are bookings of four months, what is adjusted of them, and
// credits.
func randomEntries(r *rand.Rand) []fields {
	var out []fields
	first := day("2026-07-01")
	date := func(n int) string { return first.AddDate(0, 0, n).Format(time.DateOnly) }
	for i := range 250 {
		id, business := fmt.Sprint("e", i), r.IntN(123)
		line := []int{382, 383, euroLine}[r.IntN(3)]
		typ := []string{"post_view", "post_click"}[r.IntN(2)]
		amount := []string{"2", "12.5", "0", "0.000001", "3.333333"}[r.IntN(5)]
		switch r.IntN(10) {
		case 0:
			out = append(out, credit(id, date(business), line, fmt.Sprint(r.IntN(20)-10), []string{"make-good", "goodwill"}[r.IntN(2)]))
			continue
		case 1:
			e := ledgerEntry(id, date(business), date(business), line, typ, amount, nil)
			e["currency"] = []string{"USD", "EUR", "CHF"}[r.IntN(3)] // an advertiser that has changed its currency
			out = append(out, e)
			continue
		}
		out = append(out, ledgerEntry(id, date(business), date(business), line, typ, amount, nil))
		if booked := business + r.IntN(60); r.IntN(3) == 0 && booked < 123 {
			out = append(out, reversal(id+"r", date(booked), date(business), line, typ, amount))
			if r.IntN(2) == 0 {
				out = append(out, ledgerEntry(id+"n", date(booked), date(business), line, "post_click", "14", fields{"kind": "adjustment", "reason": "changed: amount"}))
			}
		}
	}
	return out
}

// csvMaps gives a csv's rows by column.
func csvMaps(t testing.TB, content string) []map[string]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, r := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = r[i]
		}
		out = append(out, row)
	}
	return out
}

func money(t testing.TB, text string) schemas.Money {
	t.Helper()
	m, ok := schemas.ParseMoney(text)
	if !ok {
		t.Fatalf("%q is no money", text)
	}
	return m
}

// A statement reads the files of its month alone.
func TestStatementReadsItsMonth(t *testing.T) {
	l := quarter(t)
	db := l.opened(t)
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := statement("2026-10")
	p.Now = now
	pl, err := BuiltIn().plan("statement", &p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pl.bind(context.Background(), db, conn); err != nil {
		t.Fatal(err)
	}
	var kind, plan string
	if err := conn.QueryRowContext(context.Background(), "EXPLAIN "+pl.def.sql).Scan(&kind, &plan); err != nil {
		t.Fatal(err)
	}
	// 1, 15 and 31 October of seven folders, the empty one among them
	if got := strings.Join(strings.FieldsFunc(plan, func(c rune) bool { return strings.ContainsRune("│ \n", c) }), " "); !strings.Contains(got, "3/7") {
		t.Errorf("it reads other files than the three of its month:\n%s", plan)
	}
}
