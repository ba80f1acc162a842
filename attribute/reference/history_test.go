package reference

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
)

// The closes are worked by hand: the naive ledger is judged here, by nothing
// but the rules.
func TestNaiveLedgerBooksWorkedExamples(t *testing.T) {
	for path, least := range map[string]int{"../../docs/ledger-examples.md": 12, "testdata/closes.md": 12} {
		histories, err := Histories(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(histories) < least {
			t.Fatalf("%s has %d histories", path, len(histories))
		}
		for _, h := range histories {
			t.Run(strings.ReplaceAll(h.Name, " ", "_"), func(t *testing.T) {
				for _, s := range h.Steps {
					if s.Catalog != nil {
						if err := loadable(s.Catalog); err != nil {
							t.Errorf("line %d: no catalog that could be loaded: %v", s.Line, err)
						}
					}
					if s.Close != nil && !s.Close.Expect.Said {
						t.Errorf("line %d: the example does not say what this close does", s.Line)
					}
				}
				if err := h.Check(h.Run()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestParseHistorySaysWhatIsWrong(t *testing.T) {
	const world = "pixel 9012\nline_item 382 pixel=9012 post_click_revenue=1\n2026-03-10 12:00 conversion c1 pixel=9012\n"
	for _, c := range []struct{ text, want string }{
		{"pixl 9012", `history:1: "pixl" is no statement and no date; allowed: an event`},
		{"time_zone Berlin", `time_zone "Berlin" is unknown; allowed: an IANA name`},
		{"time_zone Local", `time_zone "Local" is unknown`},
		{"close_after 4", `close_after "4"; allowed: a duration such as 4h`},
		{"ledger_from March", `ledger_from "March"; allowed: a day such as 2026-03-10`},
		{"adjust_days -1", `adjust_days "-1"; allowed: a number of days from 0`},
		{"adjust_limit 10", `adjust_limit "10"; allowed: a percentage such as 10%, or none`},
		{"close 2026-03-11", "the time is missing"},
		{"close 2026-03-11 noon", "allowed: close 2026-03-11 06:00, in UTC"},
		{"close 2026-03-11 06:00 no", `flag "no"; allowed: yes`},
		{"close 2026-03-11 06:00\ntime_zone UTC", "history:2: time_zone stands below a close; allowed: above the first one"},
		{"close 2026-03-11 06:00\npixel 9012", "history:2: pixel is of the catalog, which a close has used: put `catalog changed` above it"},
		{"catalog old", `catalog "old"; allowed: changed, new`},
		{"void c1", "no conversion c1 stands above"},
		{"credit line_item=382 amount=1", "no line_item 382 stands above"},
		{world + "credit line_item=382", "history:4: amount= is missing"},
		{world + "credit line_item=382 amount=$1", `amount "$1" is no amount`},
		{"remove creative 1", `entry "creative"; allowed: pixel, line_item, tracker, association, rate, settings`},
		{"remove tracker 1", "no tracker 1 stands above"},
		{world + "remove association line_item=382 pixel=9013", "no association of line_item 382 with pixel 9013 stands above"},
		{world + "remove rate line_item=382 pixel=9012 from=2026-01-01T00:00", "no rate from=2026-01-01T00:00 stands above"},
		{world + "remove settings 9012 from=2026-01-01T00:00", "no settings from=2026-01-01T00:00 stands above"},
		{"expect not_due", "expect stands below no close; allowed: right below the close that it is about"},
		{"close 2026-03-11 06:00\nexpect c1 post_click", `expectation "c1"; allowed: ledger, closed, refused, not_due`},
		{"close 2026-03-11 06:00\nexpect refused gap", `refusal "gap"; allowed: adjust_limit, yes`},
		{"close 2026-03-11 06:00\nexpect closed today", `day "today"; allowed: a day such as 2026-03-10`},
		{"close 2026-03-11 06:00\nexpect not_due\nexpect closed 2026-03-10", "history:3: a close that is refused, or that no day is due for"},
		{"close 2026-03-11 06:00\nexpect ledger 2026-03-10 reversal c1 -1", `kind "reversal"; allowed: booking, adjustment, credit`},
		{"close 2026-03-11 06:00\nexpect ledger 2026-03-10 booking c1", "the amount is missing"},
		{"close 2026-03-11 06:00\nexpect ledger 2026-03-10 booking c1 1,5", "the amount is no plain decimal number"},
		{"close 2026-03-11 06:00\nexpect ledger 2026-03-10 booking c1 1 type=click", `type "click"; allowed: post_click, post_view`},
		{"close 2026-03-11 06:00\nexpect ledger 2026-03-10 booking c1 1 reverses=x", `reverses "x"; allowed: a day`},
		{"close 2026-03-11 06:00\nexpect ledger 2026-03-10 booking c1 1 tracker=2", "tracker= means nothing here"},
	} {
		_, err := ParseHistory(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

// An entry of the catalog that stands above is changed key by key.
func TestChangedEntriesKeepWhatIsNotSaid(t *testing.T) {
	h, err := ParseHistory(`pixel 9012 code=checkout post_view_expire_mins=5 min_minutes_per_conv=3
settings 9012 from=2026-01-01T00:00 trigger_type=click
line_item 382 active_until=2026-05-01T00:00 pixel=9012 post_click_revenue=1
tracker 1 click line_item=382
2026-03-10 12:00 click t1 tracker=1
catalog changed
pixel 9012 post_view_expire_mins=6
settings 9012 from=2026-01-01T00:00 trigger_type=view
line_item 382 active_until=none
line_item 383
rate line_item=382 pixel=9012 from=2026-01-01T00:00 post_click_revenue=2
tracker 1 click line_item=383
catalog changed
remove rate line_item=382 pixel=9012 from=2000-01-01T00:00
remove settings 9012 from=2026-01-01T00:00
pixel 9012 min_minutes_per_conv=null code=""
catalog new
pixel 1
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range h.Steps {
		if s.Catalog != nil {
			got = append(got, Format(s.Catalog, nil, nil))
		}
	}
	const head = "member 958 currency=USD\nadvertiser 7 currency=USD\n"
	want := []string{
		head + `pixel 9012 advertiser=7 code=checkout trigger_type=hybrid post_view_expire_mins=5 post_click_expire_mins=20160 min_minutes_per_conv=3 unique_order_id=true
settings 9012 from=2026-01-01T00:00 trigger_type=click
line_item 382 advertiser=7 active_until=2026-05-01T00:00
association line_item=382 pixel=9012
rate line_item=382 pixel=9012 from=2000-01-01T00:00 post_click_revenue=1.00
tracker 1 click line_item=382
`, head + `pixel 9012 advertiser=7 code=checkout trigger_type=hybrid post_view_expire_mins=6 post_click_expire_mins=20160 min_minutes_per_conv=3 unique_order_id=true
settings 9012 from=2026-01-01T00:00 trigger_type=view
line_item 382 advertiser=7
association line_item=382 pixel=9012
rate line_item=382 pixel=9012 from=2000-01-01T00:00 post_click_revenue=1.00
rate line_item=382 pixel=9012 from=2026-01-01T00:00 post_click_revenue=2.00
line_item 383 advertiser=7
tracker 1 click line_item=383
`, head + `pixel 9012 advertiser=7 trigger_type=hybrid post_view_expire_mins=6 post_click_expire_mins=20160 min_minutes_per_conv=null unique_order_id=true
line_item 382 advertiser=7
association line_item=382 pixel=9012
rate line_item=382 pixel=9012 from=2026-01-01T00:00 post_click_revenue=2.00
line_item 383 advertiser=7
tracker 1 click line_item=383
`, head + `pixel 1 advertiser=7 trigger_type=hybrid post_view_expire_mins=1440 post_click_expire_mins=20160 min_minutes_per_conv=null unique_order_id=true
`}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%swant\n%s", strings.Join(got, "--\n"), strings.Join(want, "--\n"))
	}
}

// A check that can not fail proves nothing.
func TestCheckAndDiffSeeOtherEntries(t *testing.T) {
	const world = `pixel 9012
line_item 382 pixel=9012 post_click_revenue=12.50
tracker 2 click line_item=382
2026-03-10 12:00 click t1 user=anna tracker=2
2026-03-10 12:05 conversion c1 user=anna pixel=9012
close 2026-03-11 04:00
expect closed 2026-03-10
expect ledger 2026-03-10 booking c1 12.50 type=post_click touch=t1 line_item=382 advertiser=7 pixel=9012 currency=USD
void c1
close 2026-03-12 04:00
expect closed 2026-03-11
expect ledger 2026-03-11 adjustment c1 -12.50 reverses=2026-03-10 day=2026-03-10
`
	h, err := ParseHistory(world)
	if err != nil {
		t.Fatal(err)
	}
	closings := h.Run()
	if err := h.Check(closings); err != nil {
		t.Fatal(err)
	}
	if h.Check(closings[:1]) == nil || h.Check(append(slices.Clone(closings), Closing{})) == nil {
		t.Error("one close more or less is not noticed")
	}
	for _, c := range [][2]string{
		{"closed 2026-03-10", "closed 2026-03-11"}, {"closed 2026-03-11", "closed 2026-03-11 2026-03-12"}, {"closed 2026-03-11", "closed 2026-03-10 2026-03-11"},
		{"ledger 2026-03-10", "ledger 2026-03-09"}, {"booking", "adjustment"}, {"g c1", "g c2"}, {" 12.50", " 12.51"}, {"=post_click", "=post_view"},
		{"touch=t1", "touch=t2"}, {"line_item=382 a", "line_item=383 a"}, {"advertiser=7", "advertiser=8"}, {"pixel=9012 currency", "pixel=9013 currency"}, {"=USD", "=EUR"},
		{"reverses=2026-03-10", ""}, {"reverses=2026-03-10", "reverses=2026-03-09"}, {"day=2026-03-10", "day=2026-03-11"}, {"day=2026-03-10", "reason=other"},
		{"expect ledger 2026-03-11 adjustment c1 -12.50 reverses=2026-03-10 day=2026-03-10\n", ""},
		{"expect closed 2026-03-11\nexpect ledger 2026-03-11 adjustment c1 -12.50 reverses=2026-03-10 day=2026-03-10", "expect not_due"},
		{"expect closed 2026-03-11\nexpect ledger 2026-03-11 adjustment c1 -12.50 reverses=2026-03-10 day=2026-03-10", "expect refused yes"},
	} {
		wrong, err := ParseHistory(strings.Replace(world, c[0], c[1], 1))
		if err != nil {
			t.Fatal(err)
		}
		if wrong.Check(closings) == nil {
			t.Errorf("%s for %s is not noticed", c[1], c[0])
		}
	}

	all := append(slices.Clone(closings[0].Entries), closings[1].Entries...)
	if diff := DiffEntries(all, []Entry{all[1], all[0]}); diff != "" {
		t.Errorf("the order makes a difference: %s", diff)
	}
	reworded := slices.Clone(all)
	reworded[1].Reason = new("in other words")
	if diff := DiffEntries(all, reworded); diff != "" {
		t.Errorf("the words of a reason make a difference: %s", diff)
	}
	for what, change := range map[string]func(*Entry){
		"booked": func(e *Entry) { e.Booked = e.Booked.Plus(1) }, "business_day": func(e *Entry) { e.BusinessDay = e.BusinessDay.Plus(1) },
		"kind": func(e *Entry) { e.Kind = Booking }, "conversion": func(e *Entry) { e.ConversionID = new("c2") },
		"time": func(e *Entry) { e.ConversionTime = new(e.ConversionTime.Add(time.Microsecond)) }, "type": func(e *Entry) { e.ConversionType = nil },
		"advertiser": func(e *Entry) { e.AdvertiserID++ }, "line item": func(e *Entry) { e.LineItemID++ }, "pixel": func(e *Entry) { e.PixelID = nil },
		"touch": func(e *Entry) { e.TouchID = new("t2") }, "amount": func(e *Entry) { e.Amount++ }, "currency": func(e *Entry) { e.Currency = "EUR" },
		"reason": func(e *Entry) { e.Reason = nil }, "reverses": func(e *Entry) { e.Reverses = nil }, "digest": func(e *Entry) { e.CatalogDigest = "" },
	} {
		other := slices.Clone(all)
		change(&other[1])
		if DiffEntries(all, other) == "" {
			t.Errorf("another %s is not noticed", what)
		}
	}
	if DiffEntries(all, all[:1]) == "" || DiffEntries(all, append(slices.Clone(all), all[0])) == "" {
		t.Error("an entry less or more is not noticed")
	}
}

// The digest is that of the file that the real ledger would have used.
func TestEntriesNameTheCatalogsFile(t *testing.T) {
	h, err := ParseHistory("pixel 9012\nline_item 382 pixel=9012\ncredit line_item=382 amount=1\n2026-03-10 12:00 click t1\nclose 2026-03-11 04:00")
	if err != nil {
		t.Fatal(err)
	}
	loaded, _, err := schemas.ParseCatalog("catalog.yaml", CatalogFile(h.Steps[0].Catalog))
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Run()[0].Entries[0].CatalogDigest; got != loaded.Digest {
		t.Errorf("digest %s, the file's is %s", got, loaded.Digest)
	}
}
