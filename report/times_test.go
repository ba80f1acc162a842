package report

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pixledger/schemas"
)

// attributed is an attributed conversion of a line item so long after its touch.
func attributed(n int, when time.Time, line int, typ string, age time.Duration, revenue string) fields {
	owner, pixel, currency := 7, 9012, "USD"
	if line == euroLine {
		owner, pixel, currency = 8, 9013, "EUR"
	}
	return fields{
		"conversion_id": fmt.Sprint("v", n), "conversion_time": when, "touch_time": when.Add(-age), "advertiser_id": owner, "pixel_id": pixel,
		"line_item_id": line, "outcome": "attributed", "conversion_type": typ, "booked_revenue": revenue, "currency": currency,
	}
}

// bounds are the buckets' upper bounds in minutes.
var bounds = []int64{1, 5, 15, 30, 60, 180, 360, 720, 1440, 2880, 4320, 10080, 20160, 43200, 86400, 129600}

// A lookback window holds its bound, and so does a bucket: a microsecond more
// is the next one's.
func TestTimeToConversionAtTheBounds(t *testing.T) {
	l := newLake(t, network())
	var rows []fields
	var want []string
	when, over := at("2026-11-02T12:00:00Z"), ""
	for i, b := range bounds {
		window := time.Duration(b) * time.Minute
		rows = append(rows, attributed(len(rows), when, 382, "post_click", window, "1"))
		n := 2
		if i == 0 { // and at the same instant
			rows = append(rows, attributed(len(rows), when, 382, "post_click", 0, "1"))
		} else {
			before := time.Duration(bounds[i-1]) * time.Minute
			rows = append(rows, attributed(len(rows), when, 382, "post_click", before+time.Microsecond, "1"))
		}
		want = append(want, fmt.Sprintf("%s|%d|%d|0.062500|%d.000000", over, b, n, n))
		over = fmt.Sprint(b)
	}
	l.put(schemas.Attributions, "", "conversion_time", rows...)
	got := rowsOf(t, run(t, l.opened(t), "time_to_conversion", Params{}, CSV), "over_minutes", "up_to_minutes", "conversions", "share", "booked_revenue")
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestTimeToConversion(t *testing.T) {
	l := newLake(t, network())
	noon := at("2026-11-02T12:00:00Z")
	l.put(schemas.Attributions, "", "conversion_time",
		// four views, two of them within a minute: 0.5, 0.75, 1
		attributed(1, noon, 382, "post_view", 20*time.Second, "2"),
		attributed(2, noon, 382, "post_view", 23*time.Hour, "2.000001"),
		attributed(3, noon, euroLine, "post_view", 61*time.Second, "3.333333"),
		// both clicks within one bucket, of two currencies
		attributed(4, noon, 382, "post_click", 9*24*time.Hour, "12.5"),
		attributed(5, at("2026-10-31T18:30:00Z"), euroLine, "post_click", 8*24*time.Hour, "30"),
		fields{"conversion_id": "u", "conversion_time": noon, "advertiser_id": 7, "pixel_id": 9012, "outcome": "unattributed", "reason": "no_touch"},
		// of a line item that is not in the catalog, and no pixel and advertiser: null ids
		fields{"conversion_id": "n", "conversion_time": noon, "touch_time": noon, "outcome": "attributed", "conversion_type": "post_view", "booked_revenue": "0", "currency": "USD", "line_item_id": 77},
	)
	db := l.opened(t)
	for name, c := range map[string]struct {
		p Params
		f Format
	}{
		"times.csv":      {Params{}, CSV},
		"times.txt":      {Params{By: []string{"line_item_id"}}, Table},
		"times_by.json":  {Params{By: []string{"pixel_id", "advertiser_id"}, Filters: []string{"conversion_type=post_view"}}, JSON},
		"times_zone.csv": {Params{From: "2026-11-01", To: "2026-11-02", TimeZone: "Asia/Kolkata"}, CSV}, // the fifth alone
		"times_euro.csv": {Params{Filters: []string{"currency=EUR"}}, CSV},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, run(t, db, "time_to_conversion", c.p, c.f)) })
	}
}

// However it is cut, the buckets hold the conversions and the money of
// analytics, and shares are of what they are said to be.
func TestTimesAddUp(t *testing.T) {
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 3))
		l := newLake(t, network())
		var rows []fields
		ages := map[string]int64{}
		for i := range 200 {
			line := []int{382, euroLine, 383}[r.IntN(3)]
			typ := []string{"post_view", "post_click"}[r.IntN(2)]
			minutes := bounds[r.IntN(len(bounds))] - r.Int64N(2)
			age := time.Duration(minutes)*time.Minute + time.Duration(r.IntN(2))*time.Microsecond
			if minutes == bounds[len(bounds)-1] {
				age = time.Duration(minutes) * time.Minute
			}
			up := slices.IndexFunc(bounds, func(b int64) bool { return age <= time.Duration(b)*time.Minute })
			ages[fmt.Sprintf("%d|%s|%d", line, typ, bounds[up])]++
			when := at("2026-10-31T18:00:00Z").Add(time.Duration(r.IntN(90_000)) * time.Second)
			rows = append(rows, attributed(i, when, line, typ, age, schemas.Money(r.Int64N(10_000_000)).String()))
		}
		l.put(schemas.Attributions, "", "conversion_time", rows...)
		db := l.opened(t)
		p := Params{By: []string{"line_item_id"}}
		got := map[string]int64{}
		conversions, revenue := map[string]int64{}, map[string]schemas.Money{}
		for _, row := range csvMaps(t, run(t, db, "time_to_conversion", p, CSV)) {
			var n int64
			fmt.Sscan(row["conversions"], &n)
			got[row["line_item_id"]+"|"+row["conversion_type"]+"|"+row["up_to_minutes"]] = n
			conversions[row["line_item_id"]] += n
			revenue[row["line_item_id"]] += money(t, row["booked_revenue"])
		}
		if fmt.Sprint(got) != fmt.Sprint(ages) {
			t.Errorf("seed %d: got %v, want %v", seed, got, ages)
		}
		for _, row := range csvMaps(t, run(t, db, "advertiser_analytics", p, CSV)) {
			id := row["line_item_id"]
			if row["total_convs"] != fmt.Sprint(conversions[id]) || money(t, row["booked_revenue"]) != revenue[id] {
				t.Errorf("seed %d: line item %s has %d conversions and %s, analytics %s and %s", seed, id, conversions[id], revenue[id], row["total_convs"], row["booked_revenue"])
			}
			delete(conversions, id)
		}
		if len(conversions) > 0 {
			t.Errorf("seed %d: analytics lacks %v", seed, conversions)
		}
		// Two halves of the range hold what the whole does, and the last share is 1.
		half := "2026-11-01T05:30:00.000001Z"
		whole, parts := map[string]int64{}, map[string]int64{}
		count := func(to map[string]int64, p Params) {
			last := map[string]string{}
			for _, row := range csvMaps(t, run(t, db, "time_to_conversion", p, CSV)) {
				var n int64
				fmt.Sscan(row["conversions"], &n)
				to[row["conversion_type"]+row["bucket"]] += n
				last[row["conversion_type"]] = row["cumulative_share"]
			}
			for typ, share := range last {
				if share != "1.000000" {
					t.Errorf("seed %d: %+v: the shares of %s add up to %s", seed, p, typ, share)
				}
			}
		}
		count(whole, Params{TimeZone: "Australia/Lord_Howe"})
		count(parts, Params{To: half})
		count(parts, Params{From: half})
		if fmt.Sprint(parts) != fmt.Sprint(whole) {
			t.Errorf("seed %d: the halves have %v, the whole %v", seed, parts, whole)
		}
	}
}
