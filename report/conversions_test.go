package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pixledger/schemas"
)

// Click lines with one id, time and tracker are told apart by the token that a
// conversion brought, else by its user: U1 has the first line and token a, U2
// the second and b, U3 the third and c.
func TestAuctionIDIsOfTheTouchThatDecided(t *testing.T) {
	l := newLake(t, network())
	clicked := at("2026-11-02T10:00:00Z")
	click := func(user, token string, offset int) fields {
		return fields{"event_id": "t", "event_time": clicked, "tracker_id": 21378, "consent": "unknown", "user_id": user, "token": token, "source_offset": offset}
	}
	l.put(schemas.Events, schemas.Click, "event_time",
		click("U3", "c", 300), click("U2", "b", 200), click("U1", "a", 100), click("U2", "z", 250),
		fields{"event_id": "alone", "event_time": clicked, "tracker_id": 21378, "consent": "unknown", "user_id": "U1"},
	)
	var events, decisions []fields
	want := []string{}
	for i, c := range []struct{ user, sspdata, touch, want string }{
		{"U1", "", "t", "a"},
		{"U2", "", "t", "b"},         // of two of its lines the first
		{"", "b", "t", "b"},          // without a cookie
		{"U1", "c", "t", "c"},        // the token beats the cookie
		{"U1", "", "alone", "alone"}, // a touch without a token has its id
		{"U9", "", "t", "a"},         // a user that forgot since: the first line
	} {
		id, when := fmt.Sprint("c", i), at("2026-11-02T12:00:00Z")
		e := fields{"event_id": id, "event_time": when, "consent": "unknown", "source_offset": 10}
		d := fields{"conversion_id": id, "conversion_time": when, "outcome": "attributed", "conversion_type": "post_click", "touch_id": c.touch,
			"touch_time": clicked, "tracker_id": 21378}
		if c.user != "" {
			e["user_id"], d["user_id"] = c.user, c.user
		}
		if c.sspdata != "" {
			e["sspdata"] = c.sspdata
		}
		events, decisions = append(events, e), append(decisions, d)
		want = append(want, c.want)
	}
	// Lines that repeat a conversion do not count: another day's, and, at the
	// same time, one further on in the file or with a text where one has none.
	events = append(events,
		fields{"event_id": "c2", "event_time": at("2026-11-03T12:00:00Z"), "consent": "unknown", "sspdata": "a", "source_offset": 1},
		fields{"event_id": "c2", "event_time": at("2026-11-02T12:00:00Z"), "consent": "unknown", "sspdata": "a", "source_offset": 11},
		fields{"event_id": "c2", "event_time": at("2026-11-02T12:00:00Z"), "consent": "unknown", "sspdata": "a", "source_offset": 10, "order_id": "A"},
	)
	l.put(schemas.Events, schemas.Conversion, "event_time", events...)
	l.put(schemas.Attributions, "", "conversion_time", decisions...)
	db := l.opened(t)
	if got := rowsOf(t, run(t, db, "attributed_conversions", Params{}, CSV), "auction_id"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := mustAsk(t, db, "SELECT sspdata FROM conversions WHERE event_id = 'c2'", CSV); got != "sspdata\nb\n" {
		t.Errorf("the view takes another line for the conversion: %s", got)
	}
}

// A row report can be filtered by whatever it shows: a value as json shows it
// finds its row, and none in which the column differs.
func TestFilterByEveryColumn(t *testing.T) {
	db := filled(t).opened(t)
	for _, name := range []string{"attributed_conversions", "pixel_feed", "unattributed"} {
		rows := func(filters ...string) []map[string]any {
			var out []map[string]any
			if err := json.Unmarshal([]byte(run(t, db, name, Params{TimeZone: "Asia/Kolkata", Filters: filters}, JSON)), &out); err != nil {
				t.Fatal(err)
			}
			return out
		}
		all := rows()
		if len(all) == 0 {
			t.Fatalf("%s has no rows", name)
		}
		tried := map[string]bool{}
		for _, row := range all {
			for column, v := range row {
				text := ""
				if v != nil {
					text = fmt.Sprint(v)
				}
				if tried[column+"="+text] {
					continue
				}
				tried[column+"="+text] = true
				var want []map[string]any
				for _, r := range all {
					if r[column] == v {
						want = append(want, r)
					}
				}
				if got := rows(column + "=" + text); !slices.EqualFunc(got, want, maps.Equal) {
					t.Errorf("%s: --filter %s=%s gives %d rows, want %d", name, column, text, len(got), len(want))
				}
			}
		}
	}
}

// Numbers compare by value, times as instants, texts byte by byte.
func TestFilterIsTyped(t *testing.T) {
	db := filled(t).opened(t)
	for _, c := range []struct {
		report  string
		filters []string
		want    int
	}{
		{"attributed_conversions", []string{"booked_revenue=12.5"}, 1},
		{"attributed_conversions", []string{"booked_revenue=012.50"}, 1},
		{"attributed_conversions", []string{"post_click_or_post_view_revenue=-5"}, 1},
		{"attributed_conversions", []string{"pixel_id=09013"}, 1},
		{"attributed_conversions", []string{"datetime=2026-11-02T13:30:00.123456+05:30"}, 1},
		{"attributed_conversions", []string{"datetime=2026-11-02T08:00:00Z"}, 0},
		{"attributed_conversions", []string{"hour=2026-11-02T08:00:00Z"}, 1},
		{"attributed_conversions", []string{"day=2026-11-02"}, 2},
		{"attributed_conversions", []string{"month=2026-11"}, 3},
		{"attributed_conversions", []string{"imp_time=2026-11-01T06:31:00Z", "imp_time=2026-11-02T11:00:00Z"}, 2},
		{"attributed_conversions", []string{"pixel_name=Checkout", "auction_id=i2"}, 1},
		{"attributed_conversions", []string{"pixel_name=checkout"}, 0},
		{"attributed_conversions", []string{"insertion_order_name="}, 1},
		{"pixel_feed", []string{"server_side=true"}, 1},
		{"pixel_feed", []string{"outcome="}, 1},
		{"pixel_feed", []string{"value=1"}, 1},
		{"pixel_feed", []string{"touch_time=", "host=px.example"}, 1},
		{"unattributed", []string{"conversions=1"}, 1},
		{"unattributed", []string{"conversions=2"}, 0},
		{"unattributed", []string{"pixel_name=Checkout", "reason=no_touch"}, 1},
	} {
		got := strings.Count(run(t, db, c.report, Params{Filters: c.filters}, NDJSON), "{")
		if got != c.want {
			t.Errorf("%s %v: %d rows, want %d", c.report, c.filters, got, c.want)
		}
	}
	for filter, want := range map[string]string{
		"datetime=2026-11-02":                   `"2026-11-02" is no datetime; allowed: RFC 3339, to the microsecond`,
		"datetime=2026-11-02T08:00:00.1234567Z": "is no datetime",
		"day=2026-11-31":                        `"2026-11-31" is no day; allowed: a date such as 2026-03-08`,
		"booked_revenue=1e3":                    `"1e3" is no booked_revenue; allowed: a decimal number of up to six places`,
		"booked_revenue=12.5000001":             "is no booked_revenue",
		"server_side=yes":                       `"yes" is no server_side; allowed: true, false`,
		"conversion_type_=post_click":           "has no column",
	} {
		name := "attributed_conversions"
		if strings.HasPrefix(filter, "server_side") {
			name = "pixel_feed"
		}
		var u *UsageError
		if err := BuiltIn().Check(name, Params{Filters: []string{filter}, Now: now}); !errors.As(err, &u) || !strings.Contains(err.Error(), want) {
			t.Errorf("--filter %s: got %v, want %s", filter, err, want)
		}
	}
}
