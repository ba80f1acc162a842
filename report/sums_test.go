package report

import (
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
)

// The quotient of money and counts is exact, and rounds half away from zero.
func TestQuotient(t *testing.T) {
	db := newLake(t, network()).opened(t)
	if _, err := db.ExecContext(context.Background(), preludeSQL); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ sql, want string }{
		{"quotient(1 * 1000000, 3)", "0.333333"},
		{"quotient(2 * 1000000, 3)", "0.666667"},
		{"quotient(-2 * 1000000, 3)", "-0.666667"},
		{"quotient(1, 2)", "0.000001"}, // 0.0000005
		{"quotient(-1, 2)", "-0.000001"},
		{"quotient(1, 3)", "0.000000"},
		{"quotient(-1, 3)", "0.000000"},
		{"quotient(3, 2)", "0.000002"},
		{"quotient(-3, 2)", "-0.000002"},
		{"quotient(0, 7)", "0.000000"},
		{"quotient(7, 0)", "<null>"},
		{"quotient(NULL, 7)", "<null>"},
		{"quotient(7, NULL)", "<null>"},
		{"quotient(5::HUGEINT * 1000000000000, 7)", "714285.714286"},
		{"quotient(999999999999999999, 1)", "999999999999.999999"},
		{"quotient(-999999999999999999, 1)", "-999999999999.999999"},
		{"quotient(1000000000000000000, 1)", "<null>"}, // does not fit DECIMAL(18,6)
		{"quotient(1999999999999999999, 2)", "<null>"}, // would round up to what does not fit
		{"quotient(1999999999999999997, 2)", "999999999999.999999"},
		{"quotient(99999999999999999999999999999999::HUGEINT, 99999999999999999999999::HUGEINT)", "1000.000000"},
		{"millionths('99999999999999999999999999.999999'::DECIMAL(38,6))", "99999999999999999999999999999999"},
		{"millionths('-0.000001'::DECIMAL(38,6))", "-1"},
		{"typeof(quotient(1, 2))", "DECIMAL(18,6)"},
	} {
		var got string
		if err := db.QueryRow("SELECT coalesce(CAST(" + c.sql + " AS VARCHAR), '<null>')").Scan(&got); err != nil || got != c.want {
			t.Errorf("%s is %s %v, want %s", c.sql, got, err, c.want)
		}
	}
}

var additive = []string{
	"imps", "clicks", "post_view_convs", "post_click_convs", "total_convs", "booked_revenue", "media_cost", "post_view_revenue", "post_click_revenue",
}

// totals sums the additive columns of a csv exactly. Null is no number.
func totals(t testing.TB, content string) map[string]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range additive {
		i := slices.Index(rows[0], name)
		sum, any := new(big.Rat), false
		for _, r := range rows[1:] {
			if r[i] == "" {
				continue
			}
			v, ok := new(big.Rat).SetString(r[i])
			if !ok {
				t.Fatalf("%s is %q", name, r[i])
			}
			sum.Add(sum, v)
			any = true
		}
		if any {
			out[name] = sum.FloatString(6)
		}
	}
	return out
}

// However a range is cut, by interval, dimension or zone, the parts add up to
// the total. Worlds are drawn at random around the hours at which zones shift.
func TestPartsAddUp(t *testing.T) {
	zones := []string{"UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"}
	dims := []string{"advertiser_id", "line_item_id", "creative_id", "publisher_id", "pixel_id"}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			db := randomLake(t, r).opened(t)
			total := totals(t, run(t, db, "advertiser_analytics", Params{}, CSV))
			if len(total) != len(additive) {
				t.Fatalf("the total lacks figures: %v", total)
			}
			some := slices.Clone(dims[:4])
			r.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
			some = some[:r.IntN(4)+1]
			for _, p := range []Params{
				{Interval: "hourly"}, {Interval: "daily"}, {Interval: "monthly"}, {By: some}, {By: some, Interval: "hourly"},
				{By: dims[:4], Interval: "hourly"}, {By: some, Interval: "daily", TimeZone: AdvertiserZone},
			} {
				if p.TimeZone == "" {
					p.TimeZone = zones[r.IntN(len(zones))]
				}
				if got := totals(t, run(t, db, "advertiser_analytics", p, CSV)); !maps.Equal(got, total) {
					t.Errorf("%+v: the parts add up to %v, the total is %v", p, got, total)
				}
			}
			// Two halves of the range are the range.
			first := totals(t, run(t, db, "advertiser_analytics", Params{To: "2026-11-01T05:59:59.999999Z"}, CSV))
			second := totals(t, run(t, db, "advertiser_analytics", Params{From: "2026-11-01T05:59:59.999999Z"}, CSV))
			for _, name := range additive {
				if got := add(t, first[name], second[name]); got != total[name] {
					t.Errorf("%s: the halves have %s, the whole %s", name, got, total[name])
				}
			}
			// By pixel, conversions alone.
			got := totals(t, run(t, db, "advertiser_analytics", Params{By: dims}, CSV))
			for _, name := range additive {
				want := total[name]
				if name == "imps" || name == "clicks" || name == "media_cost" {
					want = ""
				}
				if got[name] != want {
					t.Errorf("by pixel %s is %q, want %q", name, got[name], want)
				}
			}
		})
	}
}

func add(t *testing.T, a, b string) string {
	t.Helper()
	x, ok := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	if !ok || !ok2 {
		t.Fatalf("%q and %q are no numbers", a, b)
	}
	return x.Add(x, y).FloatString(6)
}

// randomLake is 300 touches and 150 conversions at seconds around shifts.
func randomLake(t *testing.T, r *rand.Rand) *testLake {
	cat := network()
	cat.Advertisers[1].Currency = "USD" // one currency, so that totals have money
	l := newLake(t, cat)
	bases := []string{"2026-11-01T05:59:59.999999Z", "2026-10-03T15:29:59.5Z", "2026-10-31T23:00:00Z", "2026-04-04T14:59:59Z"}
	moment := func() time.Time {
		return at(bases[r.IntN(len(bases))]).Add(time.Duration(r.IntN(95_000)-5_000) * time.Second)
	}
	money := func() any {
		if r.IntN(4) == 0 {
			return nil
		}
		return schemas.Money(r.Int64N(1_000_000_000_000_000) - 2_000_000).String()
	}
	touches := map[bool][]fields{}
	for i := range 300 {
		click := r.IntN(3) == 0
		touches[click] = append(touches[click], fields{
			"event_id": fmt.Sprint("e", i), "event_time": moment(), "consent": []string{"unknown", "granted", "denied"}[r.IntN(3)],
			"tracker_id": []int{2766, 21378, 4000, 77}[r.IntN(4)], "media_cost": money(),
		})
	}
	var convs []fields
	for i := range 150 {
		owner, pixel, line := 7, 9012, 382
		if r.IntN(2) == 0 {
			owner, pixel, line = 8, 9013, 9007199254740993
		}
		convs = append(convs, fields{
			"conversion_id": fmt.Sprint("v", i), "conversion_time": moment(), "advertiser_id": owner, "pixel_id": pixel, "line_item_id": line,
			"outcome": []string{"attributed", "unattributed"}[r.IntN(2)], "conversion_type": []string{"post_view", "post_click"}[r.IntN(2)],
			"booked_revenue": schemas.Money(r.Int64N(1_000_000_000_000_000)).String(), "currency": "USD", "value": money(),
		})
	}
	l.put(schemas.Events, schemas.Impression, "event_time", touches[false]...)
	l.put(schemas.Events, schemas.Click, "event_time", touches[true]...)
	l.put(schemas.Attributions, "", "conversion_time", convs...)
	return l
}
