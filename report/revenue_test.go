package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
)

func TestLedgerReports(t *testing.T) {
	db := quarter(t).opened(t)
	for name, c := range map[string]struct {
		report string
		p      Params
		f      Format
	}{
		"revenue.csv":         {"revenue", Params{}, CSV},
		"revenue.json":        {"revenue", Params{Range: "last_month", Filters: []string{"kind=adjustment", "kind=credit", "conversions=-1", "conversions=0"}}, JSON},
		"revenue_days.csv":    {"revenue", Params{From: "2026-10-01", To: "2026-10-15", TimeZone: "Pacific/Auckland"}, CSV},
		"ledger_entries.csv":  {"ledger_entries", Params{}, CSV},
		"ledger_entries.json": {"ledger_entries", Params{Filters: []string{"reverses=x", "booked=2026-10-15"}}, JSON},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, run(t, db, c.report, c.p, c.f)) })
	}
}

// Open days are business days of the configuration's zone, whatever the
// report's; they begin with the ledger, and none that is closed is estimated.
func TestRevenueOfOpenDays(t *testing.T) {
	newYork, kolkata := location(t, "America/New_York"), location(t, "Asia/Kolkata")
	l := newLake(t, network())
	var rows []fields
	for i, when := range []string{
		"2026-10-31T18:29:59.999999Z", "2026-10-31T18:30:00Z", // midnight in Kolkata
		"2026-11-01T03:59:59Z", "2026-11-01T04:00:00Z", "2026-11-02T04:59:59Z", "2026-11-02T05:00:00Z", // New York's day of 25 hours
		"2026-11-13T05:59:59Z", "2026-11-14T03:00:00Z",
	} {
		rows = append(rows, attributed(i, at(when), 382, "post_click", time.Hour, "12.5"))
	}
	rows = append(rows, fields{"conversion_id": "u", "conversion_time": at("2026-11-02T12:00:00Z"), "advertiser_id": 7, "pixel_id": 9012, "outcome": "unattributed", "reason": "no_touch"})
	l.put(schemas.Attributions, "", "conversion_time", rows...)
	open := func(p Params) Params {
		p.Values = map[string]string{"include_open": "true"}
		return p
	}
	check := func(what string, p Params, want ...string) {
		t.Helper()
		got := rowsOf(t, run(t, l.opened(t), "revenue", p, CSV), "booked", "business_month", "kind", "conversions", "amount")
		if !slices.Equal(got, want) {
			t.Errorf("%s: got  %v\nwant %v", what, got, want)
		}
	}
	check("nothing is closed", Params{Zone: newYork})
	check("New York", open(Params{Zone: newYork}),
		"2026-10-31|2026-10|estimated|3|37.500000", "2026-11-01|2026-11|estimated|2|25.000000", "2026-11-02|2026-11|estimated|1|12.500000",
		"2026-11-13|2026-11|estimated|2|25.000000") // today to its end: the 14th at 03:00 UTC is 22:00 there
	check("Kolkata", open(Params{Zone: kolkata, To: "2026-11-03"}),
		"2026-10-31|2026-10|estimated|1|12.500000", "2026-11-01|2026-11|estimated|3|37.500000", "2026-11-02|2026-11|estimated|2|25.000000")
	check("as days of another zone's range", open(Params{Zone: kolkata, From: "2026-11-01", To: "2026-11-02", TimeZone: "Pacific/Auckland"}),
		"2026-11-01|2026-11|estimated|3|37.500000")
	check("a day that the range cuts is of the next one", open(Params{Zone: kolkata, From: "2026-10-31T18:30:00.000001Z", To: "2026-11-01T18:30:00.000001Z"}),
		"2026-11-02|2026-11|estimated|2|25.000000")
	check("from where the ledger is to begin", open(Params{Zone: newYork, To: "2026-11-03", LedgerFrom: "2026-11-01"}),
		"2026-11-01|2026-11|estimated|2|25.000000", "2026-11-02|2026-11|estimated|1|12.500000")

	l.close("2026-10-31", "2026-11-01",
		ledgerEntry("b1", "2026-10-31", "2026-10-31", 382, "post_click", "12.5", nil),
		reversal("b2", "2026-11-01", "2026-10-31", 382, "post_click", "12.5"))
	closed := []string{"2026-10-31|2026-10|booking|1|12.500000", "2026-11-01|2026-10|adjustment|-1|-12.500000"}
	check("two days are closed", Params{Zone: newYork, To: "2026-11-03"}, closed...)
	check("two days are closed, and the open ones", open(Params{Zone: newYork, To: "2026-11-03", LedgerFrom: "2026-10-31"}),
		append(closed, "2026-11-02|2026-11|estimated|1|12.500000")...)
	out := run(t, l.opened(t), "revenue", open(Params{Zone: newYork, Filters: []string{"kind=estimated", "rate=12.5"}, To: "2026-11-03"}), CSV)
	if want := "2026-11-02,2026-11,7,ProStarr Sportswear,,61,,382,Autumn running shoes,,9012,Checkout,post_click,estimated,12.500000,1,12.500000,USD\n"; !strings.HasSuffix(out, "\n"+want) {
		t.Errorf("got %s", out)
	}
}

// A limit leaves out rows and nothing else: a page's drawings and totals are of
// all of them, and it says so.
func TestLimit(t *testing.T) {
	db := quarter(t).opened(t)
	all := run(t, db, "ledger_entries", Params{}, CSV)
	first := run(t, db, "ledger_entries", Params{Limit: 3}, CSV)
	if lines := strings.SplitAfter(all, "\n"); len(lines) < 10 || first != strings.Join(lines[:4], "") {
		t.Errorf("of %d lines the first are\n%s", len(lines), first)
	}
	whole, page := run(t, db, "revenue", Params{}, HTML), run(t, db, "revenue", Params{Limit: 2}, HTML)
	if n := strings.Count(page, "<tbody>\n<tr><td"); n != 1 {
		t.Fatalf("the page has %d tables of rows", n)
	}
	begin, _, _ := strings.Cut(whole, "<tbody>\n<tr><td")
	if !strings.HasPrefix(page, begin[:strings.LastIndex(begin, "</figure>")]) {
		t.Error("what is drawn is not of all rows")
	}
	_, foot, _ := strings.Cut(whole, "<tfoot>")
	if _, got, _ := strings.Cut(page, "<tfoot>"); foot == "" || got != foot {
		t.Errorf("the totals are\n%s\nof all rows they are\n%s", got, foot)
	}
	_, rows, _ := strings.Cut(page, "<tbody>\n<tr><td")
	rows, _, _ = strings.Cut(rows, "</tbody>")
	if n := strings.Count(rows, "</tr>"); n != 2 || !strings.Contains(page, "The table has the first 2 of ") {
		t.Errorf("the page has %d rows, and says so: %v", n, strings.Contains(page, "The table has the first 2 of "))
	}
}
