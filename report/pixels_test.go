package report

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
)

// loadLine is a line of a conversion.
func loadLine(id, when string, more fields) fields {
	f := fields{"event_id": id, "event_time": at(when), "consent": "unknown"}
	maps.Copy(f, more)
	return f
}

// pixels is the network with pixels of every kind, seen at 06:00.
func pixels(t testing.TB) *testLake {
	cat := network()
	cat.LineItems[0].Pixels = []schemas.Association{{PixelID: 9012, State: schemas.Active}}
	cat.LineItems[1].Pixels = []schemas.Association{{PixelID: 9013, State: schemas.Inactive}}
	cat.Pixels[1].Code = "kasse"
	begins := at("2026-11-14T00:00:00+05:30")
	cat.Pixels = append(cat.Pixels,
		schemas.Pixel{ID: 9014, AdvertiserID: 7, Name: "Never fired", State: schemas.Active},
		schemas.Pixel{ID: 9015, AdvertiserID: 7, Name: "Switched off", Code: "off", State: schemas.Inactive},
		schemas.Pixel{ID: 9007199254740995, AdvertiserID: 8, Name: "To come", State: schemas.Active, Period: schemas.Period{From: &begins}},
	)
	l := newLake(t, cat)
	l.put(schemas.Events, schemas.Conversion, "event_time",
		// 9012: of these, those later than 18:00 on the 12th and up to 06:00 count:
		// 18:00:00.000001, one line twice, a robot's, one whose consent is denied, 06:00
		loadLine("a1", "2026-11-12T18:00:00Z", fields{"pixel_id": 9012, "referer": "https://shop.example/early"}),
		loadLine("a2", "2026-11-12T18:00:00.000001Z", fields{"pixel_id": 9012, "referer": "https://shop.example/a"}),
		loadLine("a3", "2026-11-13T05:00:00Z", fields{"pixel_id": 9012, "referer": "https://shop.example/an-hour-ago"}),
		loadLine("a3", "2026-11-13T05:00:00.000001Z", fields{"pixel_id": 9012, "referer": "https://shop.example/ok?order=1"}),
		loadLine("a4", "2026-11-13T05:30:00Z", fields{"pixel_id": 9012, "invalid_reason": "bot", "referer": "https://shop.example/ok?order=2"}),
		loadLine("a5", "2026-11-13T05:40:00Z", fields{"pixel_id": 9012, "consent": "denied", "referer": "https://shop.example/ok?order=2"}),
		loadLine("a6", "2026-11-13T06:00:00Z", fields{"pixel_id": 9012, "referer": "=HYPERLINK(1)"}),
		loadLine("a7", "2026-11-13T06:00:00.000001Z", fields{"pixel_id": 9012, "referer": "https://shop.example/after"}), // an edge that is ahead
		loadLine("a8", "2026-11-13T05:50:00Z", fields{"pixel_id": 9012, "server_side": true}),                            // of no page
		// 9013 by its code, with the catalog's member; what else names it does not
		loadLine("b1", "2026-11-13T05:10:00Z", fields{"pixel_code": "kasse", "member_id": 958, "referer": "https://mode.example/"}),
		loadLine("b2", "2026-11-13T05:20:00Z", fields{"pixel_code": "kasse", "referer": "https://mode.example/"}),
		loadLine("b3", "2026-11-13T05:20:00Z", fields{"pixel_code": "kasse", "member_id": 1, "referer": "https://mode.example/"}),
		loadLine("b4", "2026-11-13T05:20:00Z", fields{"pixel_code": "Kasse", "member_id": 958, "referer": "https://mode.example/"}),
		// an id beside a code wins, one that is not in the catalog too
		loadLine("b5", "2026-11-13T05:20:00Z", fields{"pixel_id": 77, "pixel_code": "kasse", "member_id": 958, "referer": "https://else.example/"}),
		// 9015 long ago, by its code
		loadLine("c1", "2025-01-31T23:00:00.5Z", fields{"pixel_id": 9015}),
		loadLine("c2", "2025-02-01T00:00:00.25Z", fields{"pixel_code": "off", "member_id": 958}),
	)
	return l
}

func TestPixelFired(t *testing.T) {
	db := pixels(t).opened(t)
	for name, c := range map[string]struct {
		p Params
		f Format
	}{
		"pixel_fired.csv":          {Params{}, CSV},
		"pixel_fired.txt":          {Params{}, Table},
		"pixel_fired_kolkata.json": {Params{TimeZone: "Asia/Kolkata"}, JSON},
		"pixel_fired_owner.csv":    {Params{TimeZone: AdvertiserZone, Filters: []string{"state=active", "status=Paused"}}, CSV},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, run(t, db, "pixel_fired", c.p, c.f)) })
	}
	// The words are the catalog's own.
	cat := pixels(t).cat
	for i, row := range csvMaps(t, run(t, db, "pixel_fired", Params{}, CSV)) {
		p := cat.Pixel([]int64{9012, 9013, 9014, 9015, 9007199254740995}[i])
		status, why := cat.PixelStatusAt(p, now)
		if row["status"] != string(status) || row["why"] != why || row["pixel_id"] != fmt.Sprint(p.ID) {
			t.Errorf("got %v, want %s: %s", row, status, why)
		}
	}
	for _, c := range []struct{ now, want string }{
		{"2026-11-13T05:59:59.999999Z", "9012 2026-11-13T05:50:00Z 7"}, // 18:00 is in, 06:00 is to come
		{"2026-11-13T06:00:00.000001Z", "9012 2026-11-13T06:00:00.000001Z 7"},
		{"2026-11-12T18:00:00Z", "9012 2026-11-12T18:00:00Z 1"},
		{"2026-11-12T17:59:59Z", "9012  0"},
		{"2026-11-14T00:00:00Z", "9012 2026-11-13T06:00:00.000001Z 0"},
	} {
		row := csvMaps(t, run(t, db, "pixel_fired", Params{Now: at(c.now)}, CSV))[0]
		if got := row["pixel_id"] + " " + row["last_fired"] + " " + row["loads_last_12_hours"]; got != c.want {
			t.Errorf("at %s: got %s, want %s", c.now, got, c.want)
		}
	}
}

func TestAttributedURLs(t *testing.T) {
	db := pixels(t).opened(t)
	for name, c := range map[string]struct {
		p Params
		f Format
	}{
		"attributed_urls.csv":      {Params{Filters: []string{"pixel_id=9012"}}, CSV},
		"attributed_urls.html":     {Params{Filters: []string{"pixel_id=9012"}}, HTML},
		"attributed_urls_code.csv": {Params{Filters: []string{"pixel_id=9013"}, TimeZone: "Asia/Kolkata"}, CSV},
		"attributed_urls_two.csv":  {Params{Filters: []string{"pixel_id=9013", "pixel_id=77"}}, CSV},
		"attributed_urls_url.csv":  {Params{Filters: []string{"pixel_id=9012", "url=https://shop.example/ok?order=2"}}, CSV},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, run(t, db, "attributed_urls", c.p, c.f)) })
	}
	for _, c := range []struct {
		p    Params
		want string
	}{
		{Params{}, "attributed_urls needs a filter on pixel_id; allowed: --filter pixel_id=VALUE"},
		{Params{Filters: []string{"url=x"}}, "attributed_urls needs a filter on pixel_id"},
		{Params{Filters: []string{"pixel_id=Checkout"}}, `"Checkout" is no pixel_id; allowed: a whole number`},
		{Params{Filters: []string{"pixel_id=9012"}, Range: "today"}, "attributed_urls has no range"},
		{Params{Filters: []string{"pixel_id=9012"}, Columns: []string{"pixel_id"}}, "shows no column"},
	} {
		c.p.Now = now
		var u *UsageError
		if err := BuiltIn().Check("attributed_urls", c.p); !errors.As(err, &u) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %s", c.p, err, c.want)
		}
	}
}

// Of many URLs the 25 that loaded most are shown, of equals the first by their
// bytes; loads drawn at random are counted as a plain loop counts them.
func TestLoadsAreCounted(t *testing.T) {
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 5))
		l := pixels(t)
		ids := []int{9012, 9013, 9014, 9015, 9007199254740995}
		last, loads, urls := map[int]time.Time{}, map[int]int{}, map[string]int{}
		var rows []fields
		for range 400 {
			when := now.Add(-time.Duration(r.Int64N(int64(80 * time.Minute)))).Truncate(time.Second)
			if r.IntN(4) == 0 {
				when = now.Add(-time.Duration(r.Int64N(int64(40 * time.Hour)))).Truncate(time.Hour)
			}
			f := fields{}
			pixel := ids[r.IntN(2)]
			switch f["pixel_id"] = pixel; {
			case pixel == 9013 && r.IntN(2) == 0:
				delete(f, "pixel_id")
				f["pixel_code"], f["member_id"] = "kasse", 958
			case r.IntN(20) == 0:
				pixel, f["pixel_id"] = 0, 4711 // not in the catalog
			}
			if r.IntN(5) > 0 {
				f["referer"] = fmt.Sprintf("https://shop.example/%c", 'A'+r.IntN(60))
			}
			rows = append(rows, loadLine(fmt.Sprint("x", r.IntN(300)), when.Format(time.RFC3339), f))
		}
		l.put(schemas.Events, schemas.Conversion, "event_time", rows...)
		db := l.opened(t)
		for _, c := range csvMaps(t, mustAsk(t, db, "SELECT pixel_id, pixel_code, member_id, epoch_us(event_time) AS at, referer FROM events WHERE type = 'conversion'", CSV)) {
			var micros int64
			fmt.Sscan(c["at"], &micros)
			when := time.UnixMicro(micros)
			if when.After(now) {
				continue
			}
			var id int
			fmt.Sscan(c["pixel_id"], &id)
			if code := map[string]int{"kasse": 9013, "off": 9015}[c["pixel_code"]]; c["pixel_id"] == "" && c["member_id"] == "958" {
				id = code
			}
			if when.After(last[id]) {
				last[id] = when
			}
			if when.After(now.Add(-12 * time.Hour)) {
				loads[id]++
			}
			if id == 9012 && c["referer"] != "" && when.After(now.Add(-time.Hour)) {
				urls[c["referer"]]++
			}
		}
		var want, got []string
		for _, id := range ids {
			text := ""
			if !last[id].IsZero() {
				text = last[id].UTC().Format(time.RFC3339Nano)
			}
			want = append(want, fmt.Sprintf("%d|%s|%d", id, text, loads[id]))
		}
		got = rowsOf(t, run(t, db, "pixel_fired", Params{}, CSV), "pixel_id", "last_fired", "loads_last_12_hours")
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: got  %v\nwant %v", seed, got, want)
		}
		order := slices.SortedFunc(maps.Keys(urls), func(a, b string) int {
			if urls[a] != urls[b] {
				return urls[b] - urls[a]
			}
			return strings.Compare(a, b)
		})
		if len(order) <= 25 {
			t.Fatalf("only %d URLs are drawn", len(order))
		}
		want = nil
		for _, u := range order[:25] {
			want = append(want, fmt.Sprintf("%s|%d", u, urls[u]))
		}
		got = rowsOf(t, run(t, db, "attributed_urls", Params{Filters: []string{"pixel_id=9012"}}, CSV), "url", "loads")
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], "'") // guarded
		}
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: got  %v\nwant %v", seed, got, want)
		}
	}
}
