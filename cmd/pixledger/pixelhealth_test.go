package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pixledger/report/pixelhealth"
)

// healthNow is when the pixels of the test are looked at, a Friday.
var healthNow = time.Date(2026, 11, 13, 6, 0, 0, 0, time.UTC)

// load is one load of a pixel, and what its log line says.
type load struct {
	at    time.Time
	n     int // the how manieth of its pixel
	path  string
	query []string
	user  string
	page  string
	agent string
	touch bool // the user saw an ad before
}

// set puts another value in the place of a parameter's; an empty one takes it out.
func (l *load) set(name, value string) {
	l.query = slices.DeleteFunc(l.query, func(p string) bool { return strings.HasPrefix(p, name+"=") })
	if value != "" {
		l.query = append(l.query, name+"="+value)
	}
}

// disease is what is wrong with a pixel of the test, and what must be found.
type disease struct {
	pixel string // its entry of the catalog beside id, advertiser and name
	idle  bool   // attached to no line item
	// change changes a load, leaves it out, or gives more of them.
	change func(l load) []load
	want   string   // the findings, the worst first
	words  []string // that what is said of the first has
}

// age is how long before the end of the log a load is.
func (l *load) age() time.Duration { return healthNow.Sub(l.at) }

// always changes every load.
func always(change func(l *load)) func(load) []load {
	return func(l load) []load { change(&l); return []load{l} }
}

// until ends the loads.
func until(age time.Duration) func(load) []load {
	return func(l load) []load {
		if l.age() < age {
			return nil
		}
		return []load{l}
	}
}

var diseases = map[int64]disease{
	1: {want: ""},
	2: {change: func(load) []load { return nil }, want: "never_fired", words: []string{"has never fired", "events begin 2026-11-04 00:09:00Z"}},
	3: {change: until(25 * time.Hour), want: "silent", words: []string{"silent since 2026-11-12 04:40:00Z", "no load in the 24 hours", "where 48 are usual"}},
	4: {change: until(13 * time.Hour), want: "silent", words: []string{"no load in the 12 hours", "where 24 are usual"}},
	5: {change: func(l load) []load {
		if l.age() < 24*time.Hour && l.n%4 > 0 {
			return nil
		}
		return []load{l}
	}, want: "drop", words: []string{"less than half as often", "12 loads in the 24 hours", "48 are usual"}},
	6: {change: func(l load) []load {
		out := []load{l}
		for i := 1; i < 3 && l.age() < 24*time.Hour; i++ {
			more := l
			more.at, more.query = l.at.Add(time.Duration(i)*time.Minute), slices.Clone(l.query)
			more.set("order_id", fmt.Sprintf("more-%d-%d", l.n, i))
			more.user = fmt.Sprintf("%s%d", l.user, i)
			out = append(out, more)
		}
		return out
	}, want: "rise", words: []string{"more than twice as often", "144 loads", "48 are usual"}},
	7:  {change: always(func(l *load) { l.sometimes(2, func() { l.set("order_id", "") }) }), want: "no_order_id", words: []string{"24 of 48 (50 %)", "no order id"}},
	8:  {pixel: "event_category: purchase", change: always(func(l *load) { l.set("order_id", ""); l.set("value", "") }), want: "no_order_id no_value", words: []string{"none of 48 loads in 24 hours has an order id"}},
	9:  {change: always(func(l *load) { l.sometimes(3, func() { l.set("value", "") }) }), want: "no_value", words: []string{"16 of 48 (33 %)", "no value"}},
	10: {change: always(func(l *load) { l.sometimes(4, func() { l.set("value", "%2412%2C50%0A%1B%5B31m") }) }), want: "bad_value", words: []string{"12 of 48 (25 %)", `"$12,50\n\x1b[31m"`}},
	11: {change: always(func(l *load) { l.sometimes(2, func() { l.set("value", "0.00") }) }), want: "zero_value", words: []string{"24 of 48 (50 %)", "are 0"}},
	12: {change: func(l load) []load {
		again := l
		again.at, again.query = l.at.Add(3*time.Second), slices.Clone(l.query)
		again.set("order_id", "again-"+strconv.Itoa(l.n))
		return []load{l, again}
	}, want: "double_fire", words: []string{"48 of 96 (50 %)", "within 10 seconds"}},
	13: {change: func(l load) []load {
		again := l
		again.at = l.at.Add(5 * time.Minute)
		return []load{l, again}
	}, want: "order_twice", words: []string{"48 of 48 (100 %) orders", "more than one load"}},
	14: {change: always(func(l *load) { l.set("order_id", "12345") }), want: "constant_order_id none_attributed", words: []string{"48 of 48 (100 %)", `"12345"`, "48 users", "duplicate_order"}},
	15: {pixel: "code: checkout", change: always(func(l *load) {
		l.set("order_id", "[ORDER_ID]")
		l.sometimes(2, func() { l.set("id", ""); l.set("code", "checkout"); l.set("member", "958") })
	}), want: "unreplaced_macros", words: []string{"order_id 60 times", "60 loads from 2026-11-12 to 2026-11-13"}},
	31: {pixel: "event_category: purchase", change: always(func(l *load) { l.set("order_id", "[ORDER_ID]") }), want: "unreplaced_macros", words: []string{"order_id 60 times"}},
	32: {pixel: "code: longago", change: func(l load) []load { // by its code, until more than eight days ago
		if l.age() < 8*24*time.Hour+time.Hour {
			return nil
		}
		l.set("id", "")
		l.set("code", "longago")
		l.set("member", "958")
		return []load{l}
	}, want: "silent", words: []string{"silent since 2026-11-05 04:40:00Z, for 8 days", "it had fired 58 times"}},
	33: {change: until(8*24*time.Hour + 20*time.Hour), want: "silent", words: []string{"silent since 2026-11-04 09:40:00Z, for 8 days", "it had fired 20 times"}},
	16: {change: always(func(l *load) { l.sometimes(12, func() { l.page = "https://staging.shop.example:8443/done" }) }), want: "test_hosts", words: []string{"4 loads", `"staging.shop.example" (4)`}},
	17: {change: always(func(l *load) {
		if l.age() < 24*time.Hour {
			l.sometimes(2, func() { l.page = "https://copy.example/done" })
		}
	}), want: "new_hosts", words: []string{`"copy.example" (24)`}},
	18: {change: always(func(l *load) { l.page = "http://shop.example/done" }), want: "http_pages", words: []string{"48 of 48"}},
	19: {change: always(func(l *load) { l.sometimes(2, func() { l.user = "" }) }), want: "no_user_id", words: []string{"24 of 48 (50 %)", "no user id"}},
	20: {change: always(func(l *load) { l.sometimes(2, func() { l.agent = "curl/8.5.0" }) }), want: "bots", words: []string{"24 of 48 (50 %)", "robots"}},
	21: {change: always(func(l *load) { l.sometimes(2, func() { l.set("us_privacy", "1YYN") }) }), want: "denied", words: []string{"24 of 48 (50 %)", "deny consent"}},
	22: {change: always(func(l *load) { l.set("order_id", fmt.Sprintf("%037d", l.n)); l.set("other", strings.Repeat("x", 31)) }), want: "long_order_id long_other", words: []string{"longer than the 36"}},
	23: {change: func(l load) []load {
		again := l
		again.at, again.query = l.at.Add(time.Second), slices.Clone(l.query)
		again.set("order_id", "again-"+strconv.Itoa(l.n))
		again.set("t", "1")
		return []load{l, again}
	}, want: "both_forms", words: []string{"once as image and once as JavaScript"}},
	24: {pixel: "code: lonely", change: func(l load) []load {
		if l.n%4 > 0 {
			return []load{l}
		}
		wrong := l
		wrong.query = slices.Clone(l.query)
		wrong.set("id", "")
		wrong.set("code", "lonely")
		return []load{l, wrong}
	}, want: "code_without_member", words: []string{"12 loads by its code", "the member is missing"}},
	25: {change: always(func(l *load) { l.touch = false }), want: "none_attributed", words: []string{"none of 336 conversions", "no_touch", "336 of 336"}},
	26: {change: always(func(l *load) { l.set("order_id", "") }), want: "", words: []string{"healthy"}},
	// Small pixels are not alarmed, whatever they bring: two loads a day.
	27: {pixel: "event_category: purchase", change: func(l load) []load {
		if l.n%24 > 0 {
			return nil
		}
		l.set("order_id", "same")
		l.set("value", "$1")
		return []load{l}
	}, want: "", words: []string{"too few loads to judge"}},
	28: {change: func(l load) []load {
		if l.n%12 > 0 || l.age() < 78*time.Hour {
			return nil
		}
		return []load{l}
	}, want: "silent", words: []string{"no load in the 3 days", "after 19 loads in the 5 days before"}},
	29: {idle: true, want: "", words: []string{"healthy"}},
	30: {idle: true, change: func(load) []load { return nil }, want: "never_fired"},
}

// sometimes changes one load of so many.
func (l *load) sometimes(of int, change func()) {
	if l.n%of == 0 {
		change()
	}
}

// writeHealthWorld writes configuration, catalog and the log of nine days: of every
// pixel two loads an hour, each of another user who has seen an ad before, changed
// by its disease.
func writeHealthWorld(t *testing.T, dir string) {
	t.Helper()
	var cat, pixels, log strings.Builder
	write(t, filepath.Join(dir, "pixledger.yaml"), "lake: ./lake\ncatalog: ./catalog.yaml\nsources:\n  - {name: edge, path: ./edge.log, format: pixledger}\n")
	cat.WriteString("version: 1\nmember_id: 958\ncurrency: USD\nadvertisers:\n  - {id: 7, name: Shop}\nline_items:\n")
	line := func(at time.Time, id, uri, page, agent, user string) {
		fmt.Fprintf(&log, `{"time":"%d.%03d","id":"%s","method":"GET","host":"px.example","uri":"%s","status":"200","referer":"%s","ua":"%s","uid_got":"%s"}`+"\n",
			at.Unix(), at.Nanosecond()/1e6, id, uri, page, agent, user)
	}
	for id := int64(1); id <= int64(len(diseases)); id++ {
		d := diseases[id]
		extra := ""
		if d.pixel != "" {
			extra = ", " + d.pixel
		}
		fmt.Fprintf(&pixels, "  - {id: %d, advertiser_id: 7, name: \"Pixel %d\", min_minutes_per_conv: 0%s}\n", id, id, extra)
		if !d.idle {
			fmt.Fprintf(&cat, "  - {id: %d, advertiser_id: 7, name: L, pixels: [{pixel_id: %d, rates: [{from: 2026-01-01T00:00:00Z, post_view_revenue: \"1\"}]}]}\n", 1000+id, id)
		}
		n := 0
		for at := healthNow.Add(-9*24*time.Hour - 6*time.Hour + 10*time.Minute); at.Before(healthNow); at = at.Add(30 * time.Minute) {
			n++
			l := load{
				at: at, n: n, path: "/px", user: fmt.Sprintf("uid=U%dX%d", id, n), page: "https://www.shop.example/done", agent: "Mozilla/5.0", touch: true,
				query: []string{fmt.Sprintf("id=%d", id), fmt.Sprintf("order_id=O%d-%d", id, n), fmt.Sprintf("value=%d.50", 10+n%90), "t=2"},
			}
			list := []load{l}
			if d.change != nil {
				list = d.change(l)
			}
			for i, l := range list {
				if l.touch && l.user != "" && i == 0 && !d.idle {
					line(l.at.Add(-time.Minute), fmt.Sprintf("i%d-%d", id, n), fmt.Sprintf("/imptr?id=%d", 2000+id), "", l.agent, l.user)
				}
				line(l.at, fmt.Sprintf("c%d-%d-%d", id, n, i), l.path+"?"+strings.Join(l.query, "&"), l.page, l.agent, l.user)
			}
		}
	}
	for i := range 20 { // tags that the catalog does not know
		line(healthNow.Add(-time.Hour), fmt.Sprintf("s%d", i), "/px?id=777", "", "Mozilla/5.0", "uid=S")
		line(healthNow.Add(-time.Hour), fmt.Sprintf("r%d", i), "/px?code=Nope%0A&member=958", "", "Mozilla/5.0", "uid=S")
	}
	cat.WriteString("trackers:\n")
	for id := int64(1); id <= int64(len(diseases)); id++ {
		if !diseases[id].idle {
			fmt.Fprintf(&cat, "  - {id: %d, kind: impression, line_item_id: %d}\n", 2000+id, 1000+id)
		}
	}
	cat.WriteString("pixels:\n" + pixels.String())
	write(t, filepath.Join(dir, "catalog.yaml"), cat.String())
	write(t, filepath.Join(dir, "edge.log"), log.String())
}

// Every disease is found, in words that say what it is, and nothing else is: not on
// pixels that are healthy, nor on small ones.
func TestPixelHealth(t *testing.T) {
	dir := t.TempDir()
	writeHealthWorld(t, dir)
	say := func(args ...string) (string, string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		args = append(args, "-c", filepath.Join(dir, "pixledger.yaml"), "--now", healthNow.Format(time.RFC3339))
		if code := run(t.Context(), args, &stdout, &stderr); code != exitOK {
			t.Fatalf("%v: exit code %d\n%s%s", args, code, stdout.String(), stderr.String())
		}
		return stdout.String(), stderr.String()
	}
	say("ingest")
	say("attribute")
	all := []string{"pixel", "status", "--format", "json"}
	for id := range int64(len(diseases)) {
		all = append(all, strconv.FormatInt(id+1, 10))
	}
	text, _ := say(all...)
	var pixels []pixelhealth.Pixel
	if err := json.Unmarshal([]byte(text), &pixels); err != nil {
		t.Fatal(err)
	}
	if len(pixels) != len(diseases) {
		t.Fatalf("%d pixels are looked at, of %d", len(pixels), len(diseases))
	}
	for i := range pixels {
		p := &pixels[i]
		d := diseases[p.ID]
		var got []string
		for _, f := range p.Findings {
			got = append(got, f.ID)
			if f.What == "" || f.Remedy == "" || f.Severity == pixelhealth.OK {
				t.Errorf("pixel %d: %+v", p.ID, f)
			}
		}
		worst := p.Worst
		if strings.Join(got, " ") != d.want {
			t.Errorf("pixel %d: found %q, want %q: %+v", p.ID, got, d.want, p.Findings)
			continue
		}
		for _, word := range d.words {
			if !strings.Contains(worst.What, word) {
				t.Errorf("pixel %d: %q does not say %q", p.ID, worst.What, word)
			}
		}
		if strings.ContainsAny(worst.What, "\n\x1b") {
			t.Errorf("pixel %d: what strangers sent is not escaped: %q", p.ID, worst.What)
		}
	}
	if one := pixels[0]; one.Loads24h != 48 || one.Usual24h == nil || *one.Usual24h != 48 || one.Loads12h != 24 || one.Figures.Attributed != 336 ||
		len(one.Pages) != 1 || one.Pages[0].URL != "https://www.shop.example/done" || one.Pages[0].Loads != 2 || one.PageHours != 1 {
		t.Errorf("%+v", one)
	}

	lines, warned := say("pixel", "status", "--format", "csv")
	if n := strings.Count(lines, "\n"); n != len(diseases)+1 {
		t.Errorf("%d lines:\n%s", n, lines)
	}
	for _, want := range []string{
		"1,Pixel 1,Active,line item 1001 is active,2026-11-13T05:40:00Z,24,0,ok,healthy,",
		"2,Pixel 2,Active,line item 1002 is active,,0,1,warning,never_fired,",
		"30,Pixel 30,Paused,attached to no line item,,0,1,note,never_fired,",
	} {
		if !strings.Contains(lines, "\n"+want) {
			t.Errorf("no line %s in\n%s", want, lines)
		}
	}
	for _, want := range []string{"20 loads in 24 hours with id 777 mean no pixel", `20 loads in 24 hours with code "Nope\n" mean no pixel`, `code "lonely" without a member`} {
		if !strings.Contains(warned, want) {
			t.Errorf("stderr does not say %s:\n%s", want, warned)
		}
	}

	// The catalog that the lake keeps tells since when a pixel could have fired.
	kept, err := filepath.Glob(filepath.Join(dir, "lake", "_state", "catalogs", "*.yaml"))
	if err != nil || len(kept) != 1 {
		t.Fatal(kept, err)
	}
	if err := os.Chtimes(kept[0], time.Time{}, healthNow.Add(-50*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if page, _ := say("pixel", "status", "2"); !strings.Contains(page, "never_fired: it has never fired; it is in the catalog since 2026-11-11 04:00:00Z at the latest, and the lake's events begin") {
		t.Error(page)
	}
}
