package report

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"pixledger/schemas"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	p := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(p, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", p, got, want)
	}
}

// network is two advertisers of one member: 7 pays in dollars, as the catalog
// counts, 8 in euros and lives in New York.
func network() *schemas.Catalog {
	return &schemas.Catalog{
		MemberID: 958, Currency: "USD",
		Advertisers: []schemas.Advertiser{
			{ID: 7, Name: "ProStarr Sportswear", Currency: "USD"},
			{ID: 8, Name: "Größe, \"Mode\" & <b>mehr</b>", Currency: "EUR", TimeZone: "America/New_York"},
		},
		InsertionOrders: []schemas.InsertionOrder{{ID: 61, AdvertiserID: 7, Name: "Autumn 2026"}},
		LineItems: []schemas.LineItem{
			{ID: 382, AdvertiserID: 7, InsertionOrderID: 61, Name: "Autumn running shoes", State: schemas.Active},
			{ID: 9007199254740993, AdvertiserID: 8, Name: "=1+1", State: schemas.Active},
		},
		Creatives:  []schemas.Creative{{ID: 5001, LineItemID: 382, Name: "Blue shoe 300x250"}},
		Publishers: []schemas.Publisher{{ID: 31, Name: "Daily Planet"}},
		Trackers: []schemas.Tracker{
			{ID: 2766, Kind: schemas.ImpressionTracker, LineItemID: 382, CreativeID: 5001, PublisherID: 31},
			{ID: 21378, Kind: schemas.ClickTracker, LineItemID: 382, CreativeID: 5001},
			{ID: 4000, Kind: schemas.ImpressionTracker, LineItemID: 9007199254740993, PublisherID: 31},
		},
		Pixels: []schemas.Pixel{
			{ID: 9012, AdvertiserID: 7, Name: "Checkout", State: schemas.Active},
			{ID: 9013, AdvertiserID: 8, Name: "Kasse", State: schemas.Active},
		},
	}
}

// filled is the network's first days. What they add up to, by hand:
//
//	advertiser 7: imps i1 i2 i3 (i4 is a bot's, i5 denied), click c1:
//	  ctr 1/3; media cost 0.001 + 0.002 + 0 + 0.1 = 0.103; v1 (a click's) and
//	  v2 (a view's): 12.5 + 2 = 14.5, profit 14.397; ecpm 14500/3, ecpc 14.5/1,
//	  ecpa 14.5/2; convs per million 2,000,000/3 = 666666.666667
//	advertiser 8: imp i7 at 0.25 euros, v3 for 3.333333: profit 3.083333
//	nobody: i6, of a tracker that is not in the catalog, at 0.5 dollars: profit
//	  -0.5
//	all: 5 imps, 1 click, 3 conversions; media cost is 0.603 dollars and 0.25
//	  euros, booked revenue of both too, so the row has no money
//
// In New York the hour from 01:00 comes twice on 1 November: i2 is in the
// first, i3 and c1 are in the second. In Kolkata that day begins at 18:30.
func filled(t testing.TB) *testLake {
	l := newLake(t, network())
	imp := func(id, when string, tracker int, more fields) fields {
		f := fields{"event_id": id, "event_time": at(when), "tracker_id": tracker, "consent": "unknown"}
		for k, v := range more {
			f[k] = v
		}
		return f
	}
	l.put(schemas.Events, schemas.Impression, "event_time",
		imp("i1", "2026-11-01T04:30:00Z", 2766, fields{"media_cost": "0.001"}),
		imp("i2", "2026-11-01T05:30:00.25Z", 2766, fields{"media_cost": "0.002"}),
		imp("i3", "2026-11-01T06:30:00Z", 2766, nil),
		imp("i4", "2026-11-01T06:40:00Z", 2766, fields{"invalid_reason": "bot", "media_cost": "5"}),
		imp("i5", "2026-11-01T06:50:00Z", 2766, fields{"consent": "denied", "media_cost": "5"}),
		imp("i6", "2026-11-02T10:00:00Z", 77, fields{"media_cost": "0.5"}), // no such tracker
		imp("i7", "2026-11-02T11:00:00Z", 4000, fields{"token": "T-7", "media_cost": "0.25"}),
	)
	l.put(schemas.Events, schemas.Click, "event_time",
		imp("c1", "2026-11-01T06:31:00Z", 21378, fields{"token": "=cmd|' /C calc'!A0", "media_cost": "0.1"}),
	)
	l.put(schemas.Attributions, "", "conversion_time",
		fields{"conversion_id": "v1", "conversion_time": at("2026-11-01T07:00:00Z"), "pixel_id": 9012, "advertiser_id": 7, "order_id": "A,1",
			"value": "99.99", "other": "@SUM(A1)", "outcome": "attributed", "conversion_type": "post_click", "touch_id": "c1",
			"touch_time": at("2026-11-01T06:31:00Z"), "tracker_id": 21378, "line_item_id": 382, "creative_id": 5001, "booked_revenue": "12.5", "currency": "USD"},
		fields{"conversion_id": "v2", "conversion_time": at("2026-11-02T08:00:00.123456Z"), "pixel_id": 9012, "advertiser_id": 7, "order_id": "-12",
			"value": "-5", "outcome": "attributed", "conversion_type": "post_view", "touch_id": "i2",
			"touch_time": at("2026-11-01T05:30:00.25Z"), "tracker_id": 2766, "line_item_id": 382, "creative_id": 5001, "publisher_id": 31, "booked_revenue": "2", "currency": "USD"},
		fields{"conversion_id": "v3", "conversion_time": at("2026-11-02T12:00:00Z"), "pixel_id": 9013, "advertiser_id": 8,
			"outcome": "attributed", "conversion_type": "post_view", "touch_id": "i7",
			"touch_time": at("2026-11-02T11:00:00Z"), "tracker_id": 4000, "line_item_id": 9007199254740993, "publisher_id": 31, "booked_revenue": "3.333333", "currency": "EUR"},
		fields{"conversion_id": "v4", "conversion_time": at("2026-11-02T13:00:00Z"), "pixel_id": 9012, "advertiser_id": 7, "outcome": "unattributed", "reason": "no_touch"},
	)
	l.put(schemas.Events, schemas.Conversion, "event_time",
		fields{"event_id": "v1", "event_time": at("2026-11-01T07:00:00Z"), "pixel_id": 9012, "referer": "https://shop.example/ok?a=1,2", "host": "px.example", "consent": "unknown"},
		fields{"event_id": "v4", "event_time": at("2026-11-02T13:00:00Z"), "pixel_id": 9012, "host": "px.example", "consent": "unknown"},
		fields{"event_id": "v5", "event_time": at("2026-11-02T14:00:00Z"), "pixel_code": "kasse", "order_id": "X", "value": "1", "value_text": "1", "server_side": true, "consent": "unknown"},
	)
	return l
}

func TestReportsGolden(t *testing.T) {
	db := filled(t).opened(t)
	for name, c := range map[string]struct {
		report string
		p      Params
		f      Format
	}{
		"attributed.csv":             {"attributed_conversions", Params{}, CSV},
		"attributed.tsv":             {"attributed_conversions", Params{}, TSV},
		"attributed.json":            {"attributed_conversions", Params{TimeZone: "America/New_York"}, JSON},
		"attributed.ndjson":          {"attributed_conversions", Params{TimeZone: "advertiser"}, NDJSON},
		"attributed.txt":             {"attributed_conversions", Params{Filters: []string{"pixel_id=9012"}}, Table},
		"attributed.html":            {"attributed_conversions", Params{}, HTML},
		"analytics_total.csv":        {"advertiser_analytics", Params{}, CSV},
		"analytics_advertiser.csv":   {"advertiser_analytics", Params{By: []string{"advertiser_id"}}, CSV},
		"analytics_line_item.txt":    {"advertiser_analytics", Params{By: []string{"line_item_id"}}, Table},
		"analytics_pixel.csv":        {"advertiser_analytics", Params{By: []string{"pixel_id"}}, CSV},
		"analytics_hourly.csv":       {"advertiser_analytics", Params{Interval: "hourly", TimeZone: "America/New_York"}, CSV},
		"analytics_daily.json":       {"advertiser_analytics", Params{Interval: "daily", TimeZone: "Asia/Kolkata", By: []string{"publisher_id"}}, JSON},
		"analytics_monthly.csv":      {"advertiser_analytics", Params{Interval: "monthly"}, CSV},
		"analytics_nothing.csv":      {"advertiser_analytics", Params{Range: "last_hour"}, CSV},
		"analytics_nothing_by.csv":   {"advertiser_analytics", Params{Range: "last_hour", By: []string{"line_item_id"}}, CSV},
		"analytics_nothing_by.json":  {"advertiser_analytics", Params{Range: "last_hour", By: []string{"line_item_id"}}, JSON},
		"analytics_filter_pixel.csv": {"advertiser_analytics", Params{Filters: []string{"pixel_id=9012", "pixel_id=9013"}, By: []string{"advertiser_id"}}, CSV},
		"unattributed.csv":           {"unattributed", Params{}, CSV},
		"pixel_feed.csv":             {"pixel_feed", Params{TimeZone: "Asia/Kolkata"}, CSV},
		"analytics_filter_null.csv":  {"advertiser_analytics", Params{Filters: []string{"advertiser_id="}}, CSV},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, run(t, db, c.report, c.p, c.f)) })
	}
}
