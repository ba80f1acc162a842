package report

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
)

// modelled is a network of two advertisers. Each line item has an impression and a
// click tracker: ten times its id, and one more.
func modelled() *schemas.Catalog {
	until := at("2026-11-08T00:00:00Z")
	change := at("2026-11-06T00:00:00Z")
	of := func(pixels ...int64) []schemas.Association {
		var out []schemas.Association
		for _, p := range pixels {
			out = append(out, schemas.Association{PixelID: p, State: schemas.Active})
		}
		return out
	}
	cat := &schemas.Catalog{
		MemberID: 958, Currency: "USD",
		Advertisers: []schemas.Advertiser{{ID: 7, Name: "A", Currency: "USD"}, {ID: 8, Name: "B", Currency: "EUR"}},
		LineItems: []schemas.LineItem{
			{ID: 1, AdvertiserID: 7, Name: "one", State: schemas.Active, Pixels: of(71, 72)},
			{ID: 2, AdvertiserID: 7, Name: "two", State: schemas.Active, Pixels: of(71, 72)},
			{ID: 3, AdvertiserID: 7, Name: "three", State: schemas.Active, Pixels: of(71)},
			{ID: 4, AdvertiserID: 7, Name: "four", State: schemas.Active, Pixels: []schemas.Association{{PixelID: 72, State: schemas.Active, Period: schemas.Period{Until: &until}}}},
			{ID: 5, AdvertiserID: 8, Name: "five", State: schemas.Active, Pixels: of(81)},
		},
		Pixels: []schemas.Pixel{
			{ID: 71, AdvertiserID: 7, Name: "all", State: schemas.Active},
			{ID: 72, AdvertiserID: 7, Name: "clicks, later all", State: schemas.Active, Base: schemas.PixelSettings{TriggerType: schemas.TriggerClick},
				Changes: []schemas.SettingsChange{{From: change, Set: schemas.SettingsKeys{TriggerType: true}, To: schemas.PixelSettings{TriggerType: schemas.TriggerHybrid}}}},
			{ID: 81, AdvertiserID: 8, Name: "euros", State: schemas.Active},
		},
		Publishers: []schemas.Publisher{{ID: 31, Name: "Daily Planet"}},
	}
	for i := range cat.Pixels {
		if cat.Pixels[i].Base.TriggerType == "" {
			cat.Pixels[i].Base.TriggerType = schemas.TriggerHybrid
		}
	}
	for _, l := range cat.LineItems {
		cat.Trackers = append(cat.Trackers,
			schemas.Tracker{ID: l.ID * 10, Kind: schemas.ImpressionTracker, LineItemID: l.ID, PublisherID: 31},
			schemas.Tracker{ID: l.ID*10 + 1, Kind: schemas.ClickTracker, LineItemID: l.ID})
	}
	return cat
}

// journey is a touch of a test's world; a conversion, where it has a pixel.
type journey struct {
	id    string
	time  time.Time
	user  string
	token string // of a conversion: what it brings back

	click bool
	line  int64

	pixel   int64
	revenue schemas.Money
	path    []*journey // what may earn it, in order
}

// world commits touches and the conversions that have a path, which the last click
// of it earns, else the last impression.
func world(t testing.TB, list []*journey) *testLake {
	t.Helper()
	l := newLake(t, modelled())
	rows := map[schemas.EventType][]fields{}
	var decided []fields
	for _, j := range list {
		f := fields{"event_id": j.id, "event_time": j.time, "consent": "unknown", "user_id": textOrNull(j.user)}
		switch {
		case j.pixel == 0 && j.click:
			f["tracker_id"], f["token"] = int(j.line*10+1), textOrNull(j.token)
			rows[schemas.Click] = append(rows[schemas.Click], f)
		case j.pixel == 0:
			f["tracker_id"], f["token"] = int(j.line*10), textOrNull(j.token)
			rows[schemas.Impression] = append(rows[schemas.Impression], f)
		default:
			f["pixel_id"], f["sspdata"] = int(j.pixel), textOrNull(j.token)
			rows[schemas.Conversion] = append(rows[schemas.Conversion], f)
			if won := j.winner(); won != nil {
				owner, currency := 7, "USD"
				if j.pixel == 81 {
					owner, currency = 8, "EUR"
				}
				kind, tracker := "post_view", int(won.line*10)
				if won.click {
					kind, tracker = "post_click", int(won.line*10+1)
				}
				decided = append(decided, fields{
					"conversion_id": j.id, "conversion_time": j.time, "pixel_id": int(j.pixel), "advertiser_id": owner, "user_id": textOrNull(j.user),
					"outcome": "attributed", "conversion_type": kind, "touch_id": won.id, "touch_time": won.time, "tracker_id": tracker,
					"line_item_id": int(won.line), "publisher_id": publisherOf(won), "booked_revenue": j.revenue.String(), "currency": currency,
				})
			}
		}
	}
	for typ, r := range rows {
		l.put(schemas.Events, typ, "event_time", r...)
	}
	if len(decided) > 0 {
		l.put(schemas.Attributions, "", "conversion_time", decided...)
	}
	return l
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func publisherOf(j *journey) any {
	if j.click {
		return nil
	}
	return 31
}

func (j *journey) winner() *journey {
	for _, click := range []bool{true, false} {
		for _, p := range slices.Backward(j.path) {
			if p.click == click {
				return p
			}
		}
	}
	return nil
}

// figuresOf gives a report's conversions and revenue by its other columns.
func figuresOf(t *testing.T, content string) map[string][2]string {
	t.Helper()
	out := map[string][2]string{}
	for _, r := range csvMaps(t, content) {
		out[r["line_item_id"]+" "+r["model"]+" "+r["currency"]] = [2]string{r["conversions"], r["booked_revenue"]}
	}
	return out
}

// The shares of one path of three touches, 14, 7 and 0 days old, are those of the
// models' descriptions: a half-life of 7 days makes 1/4, 1/2 and 1 of them, and
// 40 %, 20 % and 40 % are theirs by position.
func TestModelsOfOnePath(t *testing.T) {
	when := at("2026-11-10T12:00:00Z")
	path := []*journey{
		{id: "t1", time: when.AddDate(0, 0, -14), user: "u", line: 1},
		{id: "t2", time: when.AddDate(0, 0, -7), user: "u", line: 2},
		{id: "t3", time: when, user: "u", line: 3, click: true},
	}
	l := world(t, append(path, &journey{id: "c", time: when, user: "u", pixel: 71, revenue: 10_000_000, path: path}))
	got := figuresOf(t, run(t, l.opened(t), "attribution_models", Params{}, CSV))
	want := map[string][2]string{
		"1 ledger USD": {"0.000000", "0.000000"}, "2 ledger USD": {"0.000000", "0.000000"}, "3 ledger USD": {"1.000000", "10.000000"},
		"1 first_touch USD": {"1.000000", "10.000000"}, "2 first_touch USD": {"0.000000", "0.000000"}, "3 first_touch USD": {"0.000000", "0.000000"},
		"1 last_touch USD": {"0.000000", "0.000000"}, "2 last_touch USD": {"0.000000", "0.000000"}, "3 last_touch USD": {"1.000000", "10.000000"},
		"1 linear USD": {"0.333333", "3.333333"}, "2 linear USD": {"0.333333", "3.333333"}, "3 linear USD": {"0.333334", "3.333334"},
		"1 time_decay USD": {"0.142857", "1.428571"}, "2 time_decay USD": {"0.285714", "2.857143"}, "3 time_decay USD": {"0.571429", "5.714286"},
		"1 position_based USD": {"0.400000", "4.000000"}, "2 position_based USD": {"0.200000", "2.000000"}, "3 position_based USD": {"0.400000", "4.000000"},
		"1 markov USD": {"0.333333", "3.333333"}, "2 markov USD": {"0.333333", "3.333333"}, "3 markov USD": {"0.333334", "3.333334"},
	}
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s: %v, want %v", k, got[k], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d rows, want %d", len(got), len(want))
	}
}

// The worked example of removal/removal_test.go as a lake: two users came to
// nothing, and the removal effects 0.5, 1 and 1 split the conversion 0.2, 0.4, 0.4.
func TestMarkovOfAWorkedExample(t *testing.T) {
	day := func(d int) time.Time { return at("2026-11-01T12:00:00Z").AddDate(0, 0, d) }
	path := []*journey{
		{id: "a1", time: day(0), user: "a", line: 1}, {id: "a2", time: day(1), user: "a", line: 2}, {id: "a3", time: day(2), user: "a", line: 3},
	}
	l := world(t, append(slices.Clone(path),
		&journey{id: "c", time: day(3), user: "a", pixel: 71, revenue: 50_000_000, path: path},
		&journey{id: "b1", time: day(1), user: "b", line: 1},
		&journey{id: "c2", time: day(1), user: "c", line: 2}, &journey{id: "c3", time: day(2), user: "c", line: 3},
	))
	got := rowsOf(t, run(t, l.opened(t), "attribution_models", Params{Filters: []string{"model=markov"}}, CSV),
		"line_item_id", "conversions", "share", "booked_revenue", "removal_effect", "conversions_difference", "revenue_difference")
	want := []string{
		"1|0.200000|0.200000|10.000000|0.500000|0.200000|10.000000",
		"2|0.400000|0.400000|20.000000|1.000000|0.400000|20.000000",
		"3|0.400000|0.400000|20.000000|1.000000|-0.600000|-30.000000",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// mayEarn is step 7 of attribution with a lookback in place of the windows.
func mayEarn(touch, c *journey, lookback time.Duration) bool {
	age := c.time.Sub(touch.time)
	tied := touch.user != "" && touch.user == c.user
	if c.token != "" {
		own := touch.token
		if own == "" {
			own = touch.id
		}
		tied = own == c.token
	}
	if touch.pixel != 0 || !tied || age < 0 || age > lookback {
		return false
	}
	switch c.pixel {
	case 71:
		return touch.line <= 3
	case 72:
		return (touch.line <= 2 || touch.line == 4 && c.time.Before(at("2026-11-08T00:00:00Z"))) &&
			(touch.click || !c.time.Before(at("2026-11-06T00:00:00Z")))
	}
	return touch.line == 5
}

// drawWorld makes a few users' touches and conversions, and finds the paths naively.
func drawWorld(r *rand.Rand, lookback time.Duration) []*journey {
	var list []*journey
	for i := range 10 + r.IntN(60) {
		j := &journey{
			id: fmt.Sprint("e", i), user: []string{"", "u1", "u2", "u3", "u4", "u5"}[r.IntN(6)],
			time: at("2026-11-01T00:00:00Z").Add(time.Duration(r.IntN(12*24)) * time.Hour),
		}
		switch r.IntN(4) {
		case 0:
			j.pixel, j.revenue = []int64{71, 72, 81}[r.IntN(3)], schemas.Money(r.IntN(100_000_000))
			if r.IntN(4) == 0 && i > 0 {
				j.token = fmt.Sprint("e", r.IntN(i))
			}
		default:
			j.line, j.click = 1+r.Int64N(5), r.IntN(3) == 0
			if r.IntN(8) == 0 {
				j.token = "shared"
			}
		}
		list = append(list, j)
	}
	for _, c := range list {
		if c.pixel == 0 {
			continue
		}
		for _, touch := range list {
			if mayEarn(touch, c, lookback) {
				c.path = append(c.path, touch)
			}
		}
		slices.SortFunc(c.path, func(a, b *journey) int { return cmp.Or(a.time.Compare(b.time), strings.Compare(a.id, b.id)) })
	}
	return list
}

// naiveWeights are a path's weights by model.
func naiveWeights(path []*journey, halfLife float64) map[string][]float64 {
	out := map[string][]float64{}
	n := len(path)
	for i, p := range path {
		is := func(b bool) float64 {
			if b {
				return 1
			}
			return 0
		}
		out["first_touch"] = append(out["first_touch"], is(i == 0))
		out["last_touch"] = append(out["last_touch"], is(i == n-1))
		out["linear"] = append(out["linear"], 1/float64(n))
		out["time_decay"] = append(out["time_decay"], math.Exp2(-path[n-1].time.Sub(p.time).Hours()/24/halfLife))
		w := 0.2 / float64(n-2)
		if n <= 2 {
			w = 1 / float64(n)
		} else if i == 0 || i == n-1 {
			w = 0.4
		}
		out["position_based"] = append(out["position_based"], w)
	}
	return out
}

func TestModelsAgainstANaiveOne(t *testing.T) {
	const lookback, halfLife = 4, 2.5
	for seed := range uint64(12) {
		list := drawWorld(rand.New(rand.NewPCG(20261126, seed)), lookback*24*time.Hour)
		want := map[string]float64{} // by line item, model and currency: conversions
		wantMoney := map[string]float64{}
		var conversions int64
		money := map[string]int64{}
		for _, c := range list {
			if c.winner() == nil {
				continue
			}
			currency := "USD"
			if c.pixel == 81 {
				currency = "EUR"
			}
			conversions++
			money[currency] += int64(c.revenue)
			won := fmt.Sprint(c.winner().line, " ledger ", currency)
			want[won]++
			wantMoney[won] += float64(c.revenue)
			for model, weights := range naiveWeights(c.path, halfLife) {
				all := 0.0
				for _, w := range weights {
					all += w
				}
				for i, w := range weights {
					k := fmt.Sprint(c.path[i].line, " ", model, " ", currency)
					want[k] += w / all
					wantMoney[k] += w / all * float64(c.revenue)
				}
			}
		}
		l := world(t, list)
		db := l.opened(t)
		p := Params{Values: map[string]string{"lookback_days": fmt.Sprint(lookback), "half_life_days": fmt.Sprint(halfLife)}}
		sums, sumsMoney := map[string]*big.Rat{}, map[string]*big.Rat{}
		for k, f := range figuresOf(t, run(t, db, "attribution_models", p, CSV)) {
			part := strings.Fields(k)
			got, _ := new(big.Rat).SetString(f[0])
			gotMoney, _ := new(big.Rat).SetString(f[1])
			add := func(to map[string]*big.Rat, key string, v *big.Rat) {
				if to[key] == nil {
					to[key] = new(big.Rat)
				}
				to[key].Add(to[key], v)
			}
			add(sums, part[1], got)
			add(sumsMoney, part[1]+" "+part[2], gotMoney)
			if part[1] == "markov" { // its split is judged in removal
				continue
			}
			// One millionth for each rounded credit.
			if near, _ := got.Float64(); math.Abs(near-want[k]) > 1e-6*float64(len(list)) {
				t.Errorf("seed %d: %s: %v conversions, want %v", seed, k, near, want[k])
			}
			if near, _ := gotMoney.Float64(); math.Abs(near-wantMoney[k]/1e6) > 1e-6*float64(len(list)) {
				t.Errorf("seed %d: %s: revenue %v, want %v", seed, k, near, wantMoney[k]/1e6)
			}
			delete(want, k)
		}
		for k, w := range want {
			if w > 1e-9 {
				t.Errorf("seed %d: there is no row %s, want %v conversions", seed, k, w)
			}
		}
		// Every model gives all of it away, to the last decimal.
		for model, got := range sums {
			if got.Cmp(big.NewRat(conversions, 1)) != 0 {
				t.Errorf("seed %d: %s gives %s conversions, there are %d", seed, model, got.FloatString(6), conversions)
			}
		}
		for k, got := range sumsMoney {
			if w := big.NewRat(money[strings.Fields(k)[1]], 1_000_000); got.Cmp(w) != 0 {
				t.Errorf("seed %d: %s gives %s, there is %s", seed, k, got.FloatString(6), w.FloatString(6))
			}
		}
		if conversions > 0 && len(sums) != 7 {
			t.Errorf("seed %d: %d models, want 7", seed, len(sums))
		}
	}
}

// A robot's thousands of touches and conversions are its last thousand touches a
// conversion, and the report comes to an end.
func TestModelsOfARobot(t *testing.T) {
	var list, touches []*journey
	for i := range 3000 {
		list = append(list, &journey{id: fmt.Sprintf("t%05d", i), time: at("2026-11-01T00:00:00Z").Add(time.Duration(i) * time.Minute), user: "robot", line: 1 + int64(i%2)})
	}
	touches = list
	for i := range 300 {
		list = append(list, &journey{
			id: fmt.Sprintf("c%05d", i), time: at("2026-11-04T00:00:00Z").Add(time.Duration(i) * time.Second), user: "robot", pixel: 71, revenue: 1_000_000, path: touches,
		})
	}
	got := rowsOf(t, run(t, world(t, list).opened(t), "attribution_models", Params{Filters: []string{"model=linear"}}, CSV), "line_item_id", "touches", "conversions", "booked_revenue")
	want := []string{"1|150000|150.000000|150.000000", "2|150000|150.000000|150.000000"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestModelsRefuse(t *testing.T) {
	for _, c := range []struct {
		p    Params
		want string
	}{
		{Params{Values: map[string]string{"lookback_days": "0"}}, "--lookback-days: 0; allowed: 1 to 400"},
		{Params{Values: map[string]string{"half_life_days": "0.0001"}}, "--half-life-days: 0.000100; allowed: 0.001 to 400"},
		{Params{By: []string{"pixel_id"}}, `attribution_models has no dimension "pixel_id"; allowed: advertiser_id line_item_id creative_id publisher_id`},
	} {
		c.p.Now = now
		if err := BuiltIn().Check("attribution_models", c.p); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.p, err, c.want)
		}
	}
}
