package xandr

import (
	"fmt"
	"strings"
	"testing"
)

// Money is what its digits say.
func TestMoneyFromDigits(t *testing.T) {
	for in, want := range map[string]string{
		`12.5`: "12.50", `"30.000000"`: "30.00", `0`: "0.00", `"0.0000005"`: "0.000001", `0.0000004999`: "0.00", `1.5e2`: "150.00", `15E-1`: "1.50", `-0`: "0.00",
		`0.1e1`: "1.00", `123456789012.123456`: "123456789012.123456", `1.0E-5`: "0.00001", `2.675`: "2.675", `null`: "", `""`: "",
		`1e12`: "!", `-1`: "!", `"1,50"`: "!", `"$1"`: "!", `true`: "!", `[1]`: "!", `1e999`: "!", `1e-99`: "0.00", `"NaN"`: "!",
	} {
		m := &merge{report: &Report{map[Row]int{}}, refused: map[*node]bool{}}
		n, err := parse("x.json", []byte(`{"m": `+in+`}`))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if amount := m.money(n, "line_items.pixels", "m"); amount != nil {
			got = amount.Short()
		}
		if len(m.mistakes) > 0 {
			got = "!"
		}
		if got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
}

// Dates without a zone are of the line item's, else of the advertiser's, else UTC.
func TestDates(t *testing.T) {
	catalog := minimal + "advertisers:\n  - {id: 8, name: Berlin, time_zone: Europe/Berlin}\n"
	item := func(id, advertiser int, more string) string {
		return fmt.Sprintf(`{"id": %d, "advertiser_id": %d, "name": "L", %s}`, id, advertiser, more)
	}
	r, _, _, err := run(t, catalog, nil, []string{"[" + strings.Join([]string{
		item(1, 7, `"start_date": "2026-07-01 00:00:00", "end_date": "2026-07-31 23:59:59", "timezone": "America/New_York"`),
		item(2, 8, `"start_date": "2026-07-01", "end_date": "2026-07-31"`),
		item(3, 7, `"start_date": "2026-07-01T12:00:00+02:00", "end_date": "0000-00-00 00:00:00"`),
		item(4, 7, `"budget_intervals": [{"start_date": "2026-09-01 00:00:00", "end_date": null}, {"start_date": "2026-07-01 00:00:00", "end_date": "2026-08-01 00:00:00"}]`),
	}, ",") + "]"})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[int64]string{
		1: "2026-07-01T04:00:00Z 2026-08-01T03:59:59Z", 2: "2026-06-30T22:00:00Z 2026-07-31T22:00:00Z",
		3: "2026-07-01T10:00:00Z -", 4: "2026-07-01T00:00:00Z -",
	} {
		p, got := r.Catalog.LineItem(id).Period, ""
		got = p.From.Format("2006-01-02T15:04:05Z07:00") + " "
		if p.Until == nil {
			got += "-"
		} else {
			got += p.Until.Format("2006-01-02T15:04:05Z07:00")
		}
		if got != want {
			t.Errorf("line item %d: %s, want %s", id, got, want)
		}
	}
}

// A date that is none in UTC is refused at its place in the JSON.
func TestDatesOutOfRange(t *testing.T) {
	for date, want := range map[string]string{"9999-12-31 23:59:59": ":1:59: start_date is", "1970-01-01T00:00:00+02:00": ":1:59: start_date is"} {
		_, _, _, err := run(t, minimal, nil, []string{fmt.Sprintf(`[{"id": 1, "advertiser_id": 7, "name": "L", "start_date": %q, "timezone": "EST5EDT"}]`, date)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", date, err)
		}
	}
}

// An advertiser's currency is that of its line items; rates in two are refused.
func TestCurrencies(t *testing.T) {
	item := func(id, advertiser int, currency, pixels string) string {
		return fmt.Sprintf(`{"id": %d, "advertiser_id": %d, "name": "L", "currency": %q, "pixels": [%s]}`, id, advertiser, currency, pixels)
	}
	pixels := []string{`[{"id": 1, "advertiser_id": 7, "name": "A"}, {"id": 2, "advertiser_id": 9, "name": "B"}]`}
	earns := `{"id": 1, "post_view_revenue": 1}`
	r, _, _, err := run(t, minimal, pixels, []string{"[" + strings.Join([]string{item(1, 7, "USD", ""), item(2, 7, "EUR", earns), item(3, 8, "GBP", ""), item(4, 9, "USD", "")}, ",") + "]"})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[int64]string{7: "EUR", 8: "GBP", 9: "USD"} {
		if got := r.Catalog.Advertiser(id).Currency; got != want {
			t.Errorf("advertiser %d: %s, want %s", id, got, want)
		}
	}
	_, _, _, err = run(t, minimal, pixels, []string{"[" + item(2, 7, "EUR", earns) + ",\n" + item(5, 7, "USD", earns) + "]"})
	if err == nil || !strings.Contains(err.Error(), `:2:56: currency is "USD", advertiser 7's is EUR; allowed: EUR: rates`) {
		t.Errorf("got %v", err)
	}
}

// Pixels first and line items later give what both at once give; a currency that
// somebody wrote, or that money is in, stays.
func TestCurrencyOfALaterImport(t *testing.T) {
	pixels := []string{`[{"id": 1, "advertiser_id": 7, "name": "A", "trigger_type": "click"}]`}
	items := []string{`[{"id": 2, "advertiser_id": 7, "name": "L", "currency": "EUR", "pixels": [{"id": 1, "post_view_revenue": 1}]}]`}
	both, _, _, err := run(t, minimal, pixels, items)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _, err := run(t, minimal, pixels, nil)
	if err != nil {
		t.Fatal(err)
	}
	then, _, _, err := run(t, string(first.Content), nil, items)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := both.Catalog.Advertiser(7), then.Catalog.Advertiser(7); a.Currency != "EUR" || b.Currency != "EUR" {
		t.Errorf("at once %s, later %s; want EUR", a.Currency, b.Currency)
	}
	for about, catalog := range map[string]string{
		"written": minimal + "advertisers:\n  - {id: 7, name: A, currency: USD}\npixels:\n  - {id: 1, advertiser_id: 7, name: A}\n",
		"earned": minimal + "advertisers:\n  - {id: 7, name: A}\npixels:\n  - {id: 1, advertiser_id: 7, name: A}\nline_items:\n" +
			"  - {id: 5, advertiser_id: 7, name: M, pixels: [{pixel_id: 1, rates: [{from: 2026-01-01T00:00:00Z, post_view_revenue: \"1\"}]}]}\n",
	} {
		if _, _, _, err := run(t, catalog, nil, items); err == nil || !strings.Contains(err.Error(), `currency is "EUR", advertiser 7's is USD`) {
			t.Errorf("%s: %v", about, err)
		}
	}
}
