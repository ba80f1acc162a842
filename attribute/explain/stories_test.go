package explain

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixledger/attribute/laketest"
	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

var update = flag.Bool("update", false, "write what is said into testdata")

// told is what people read, held against testdata/NAME.txt.
func told(t *testing.T, name string, x *Explanation, zone string, all bool) {
	t.Helper()
	in, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := x.Write(&b, in, all); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s (go test -run %s -update accepts it): got\n%s", path, t.Name(), b.String())
	}
}

// world is a lake with the world of the notation of docs/attribution.md.
func world(t *testing.T, text string) (*testLake, reference.Example) {
	t.Helper()
	e, err := reference.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	l := newLake(t, t.TempDir(), e.Catalog)
	l.Ingest(e.Events, e.Voids)
	return l, e
}

func (l *testLake) now(id string) *Explanation {
	l.t.Helper()
	x, err := Explain(context.Background(), id, l.options())
	if err != nil {
		l.t.Fatalf("explain %s: %v", id, err)
	}
	return x
}

// An order was returned after it had been booked: who said so, and what the
// ledger made of it. The page was loaded twice under one id.
func TestVoidedAfterItWasBooked(t *testing.T) {
	l, _ := world(t, `
pixel 9012
line_item 382 pixel=9012 post_click_revenue=12.50
tracker 21378 click line_item=382
2026-03-10 09:00 click      t1 user=anna tracker=21378 offset=100
2026-03-10 10:00 conversion c1 user=anna pixel=9012 order=A-1001 value=89.90 offset=200
2026-03-10 10:00:03 conversion c1 user=anna pixel=9012 order=A-1001 value=89.90 offset=300
2026-03-10 10:00 conversion c1 user=anna pixel=9012 order=A-1001 value=89.90 offset=400
void c1
`)
	l.attribute()
	entry := func(id, kind string, amount schemas.Money, more laketest.Row) laketest.Row {
		e := laketest.Row{
			"entry_id": id, "business_day": time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC), "kind": kind, "conversion_id": "c1",
			"conversion_time": time.Date(2026, 3, 10, 10, 0, 0, 0, time.UTC), "conversion_type": "post_click", "advertiser_id": int64(7),
			"line_item_id": int64(382), "pixel_id": int64(9012), "touch_id": "t1", "amount": amount, "currency": "USD", "catalog_digest": "d",
		}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	other := entry("e0", "booking", 1, laketest.Row{"conversion_id": "another"})
	book := func(day string, entries ...laketest.Row) {
		l.Add(lake.Draft{Kind: "ingest"}, laketest.File{Dataset: schemas.Ledger, Folder: lake.DateFolder(schemas.Ledger, day), Rows: entries})
	}
	book("2026-03-10", entry("e1", "booking", 12_500_000, nil), other)
	told(t, "booked", l.now("c1"), "UTC", false)
	book("2026-04-02", entry("e2", "adjustment", -12_500_000, laketest.Row{"reason": "voided", "reverses": "e1"}))
	told(t, "voided", l.now("c1"), "Europe/Berlin", false)
}

// Every way in which a touch loses, in its words.
func TestEveryVerdict(t *testing.T) {
	l, _ := world(t, `
pixel 9012 post_view_expire_mins=60
settings 9012 from=2026-03-01T00:00 post_click_expire_mins=120
pixel 9013
line_item 382 pixel=9012 post_click_revenue=12.50 post_view_revenue=2.00
line_item 383 active_until=2026-03-10T09:00 pixel=9012 post_click_revenue=10.00
line_item 384 pixel=9013 post_click_revenue=10.00
publisher 31
creative 5001 line_item=382
tracker 1 impression line_item=382
tracker 2 click line_item=382 creative=5001 publisher=31
tracker 3 click line_item=383
tracker 4 click line_item=384
2026-03-10 07:59:59.999 click   outside user=anna tracker=2
2026-03-10 08:30 click      ended user=anna tracker=3
2026-03-10 08:40 click      foreign user=anna tracker=4
2026-03-10 08:50 click      unknown user=anna tracker=99
2026-03-10 08:51 click      unnamed user=anna
2026-03-10 09:00 click      older user=anna tracker=2
2026-03-10 09:30 click      tie-1 user=anna tracker=2
2026-03-10 09:30 click      tie-2 user=anna tracker=2 offset=10
2026-03-10 09:30 click      tie-2 user=anna tracker=2 offset=20
2026-03-10 09:40 impression seen user=anna tracker=1
2026-03-10 09:50 click      robot user=anna tracker=2 invalid=bot
2026-03-10 10:00:00.001 click late user=anna tracker=2
2026-03-10 10:00 conversion c1 user=anna pixel=9012
2026-03-10 10:00 conversion c2 user=anna pixel=9012 sspdata=lost
2026-03-10 11:00 click      denied token=back consent=denied tracker=2
2026-03-10 11:10 conversion c3 pixel=9012 sspdata=back server_side=true
`)
	l.attribute()
	told(t, "verdicts", l.now("c1"), "UTC", false)
	told(t, "other_token", l.now("c2"), "UTC", false)
	x := l.now("c3")
	if len(x.Touches) != 1 || x.Touches[0].Verdict != ConsentDenied {
		t.Errorf("the denied touch: %+v", x.Touches)
	}
	view := *l.cat
	view.Pixels[0].Base.TriggerType = schemas.TriggerView
	l.configure(&view)
	for _, touch := range l.now("c1").Touches {
		if touch.EventID == "older" && touch.Verdict != Older { // by the catalog that decided
			t.Errorf("judged by the catalog configured: %+v", touch)
		}
	}
	l.attribute()
	for _, touch := range l.now("c1").Touches {
		if touch.EventID == "older" && touch.Why != "clicks are not allowed by trigger_type view" {
			t.Errorf("a click for a view pixel: %+v", touch)
		}
	}
}

// A robot that clicks all day does not fill the screen, unless it is asked to.
func TestManyTouches(t *testing.T) {
	var b strings.Builder
	b.WriteString("pixel 9012\nline_item 382 pixel=9012 post_view_revenue=2.00\ntracker 1 impression line_item=382\n")
	for i := range 25 {
		fmt.Fprintf(&b, "2026-03-10 09:%02d impression t%02d user=anna tracker=1\n", i, i)
	}
	b.WriteString("2026-03-10 10:00 conversion c1 user=anna pixel=9012\n")
	l, _ := world(t, b.String())
	l.attribute()
	x := l.now("c1")
	for all, want := range map[bool]int{false: FewTouches, true: 25} {
		var out strings.Builder
		if err := x.Write(&out, time.UTC, all); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "  impression  t"); n != want {
			t.Errorf("all %t: %d touches are written, want %d", all, n, want)
		}
		if more := strings.Contains(out.String(), "and 5 more, which --all prints"); more == all {
			t.Errorf("all %t: says that there are more: %t", all, more)
		}
	}
	if len(x.Touches) != 25 || x.Touches[0].EventID != "t24" {
		t.Errorf("%d touches, the first %s", len(x.Touches), x.Touches[0].EventID)
	}
}

// What has come in since the decision is said, and what it will lead to.
func TestPending(t *testing.T) {
	l, e := world(t, `
pixel 9012
line_item 382 pixel=9012 post_click_revenue=12.50
tracker 21378 click line_item=382
2026-03-10 10:00 conversion c1 user=anna pixel=9012
`)
	x := l.now("c1")
	if x.Live != nil || x.Pending != "it was not decided yet" || x.Catalog.Decided {
		t.Errorf("before the first attribution: %q, %+v", x.Pending, x.Live)
	}
	l.attribute()
	if x := l.now("c1"); x.Pending != "" || !x.Catalog.Decided {
		t.Errorf("after it: %q", x.Pending)
	}
	late := e.Events[0]
	late.Type, late.EventID, late.PixelID, late.TrackerID = reference.Click, "t1", nil, new(int64(21378))
	l.Ingest([]reference.Event{late}, nil)
	told(t, "late", l.now("c1"), "UTC", false)
	l.attribute()
	if x := l.now("c1"); x.Pending != "" || *x.Live.TouchID != "t1" {
		t.Errorf("after the next: %q, %+v", x.Pending, x.Live)
	}
	// A catalog that says the same is a warning, and nothing pending.
	named := *l.cat
	named.Pixels[0].Name = "Another name"
	l.configure(&named)
	if x := l.now("c1"); x.Pending != "" || x.Catalog.Warning == "" || x.Pixel.Name != "Pixel 9012" {
		t.Errorf("with another catalog: %q, %+v, %+v", x.Pending, x.Catalog, x.Pixel)
	}
}

// Step 10 counts a conversion without a user as its touch's user's, also where
// it was voided and its row names no touch.
func TestRepeatByTheTouchesUser(t *testing.T) {
	for _, voided := range []string{"", "void c1\n"} {
		l, _ := world(t, `
pixel 9012
line_item 382 pixel=9012 post_click_revenue=12.50
tracker 21378 click line_item=382
2026-03-10 09:00 click      t1 user=anna tracker=21378
2026-03-10 09:00 click      t2 user=bert tracker=21378
2026-03-10 10:00 conversion c1 pixel=9012 sspdata=t1 offset=77
2026-03-10 10:01 conversion c2 pixel=9012 sspdata=t2
2026-03-10 11:00 conversion c3 user=anna pixel=9012
`+voided)
		l.attribute()
		// What the attribution noted says it at once, and without that the touches do;
		// also where the notes are of other decisions than the live ones.
		for _, notes := range []struct {
			are    string
			make   func()
			looked bool // among the touches
		}{
			{are: "there", make: func() {}},
			{are: "of another decision", make: l.ageNotes, looked: true},
			{are: "gone", make: l.loseNotes, looked: true},
		} {
			notes.make()
			looked := false
			r := l.reader()
			r.progress = func(what string) { looked = looked || what == "the touches of conversions without a user" }
			x := l.explain(r, "c3")
			if x.Earlier == nil || x.Earlier.ConversionID != "c1" || x.Earlier.At != "s1:77" || x.Pending != "" || *x.Decision.Reason != "repeat" {
				t.Errorf("%q, notes are %s: %+v, pending %q", voided, notes.are, x.Earlier, x.Pending)
			}
			if looked != notes.looked {
				t.Errorf("%q, notes are %s: looked among the touches: %v", voided, notes.are, looked)
			}
		}
	}
}

// An id that is no conversion's is said to be what it is.
func TestNotFound(t *testing.T) {
	l, _ := world(t, `
pixel 9012
line_item 382 pixel=9012 post_click_revenue=12.50
tracker 21378 click line_item=382
2026-03-10 09:00 click      t1 user=anna tracker=21378 offset=12
2026-03-10 10:00 conversion c1 user=anna pixel=9012 order=A-1001
`)
	l.attribute()
	// The events of c1 are erased; its row stays.
	folder := lake.EventFolder(schemas.Conversion, "2026-03-10")
	l.Replace(lake.Draft{Kind: "retention"}, laketest.File{Dataset: schemas.Events, Folder: folder})
	for id, want := range map[string]string{
		"nothing": `no conversion has the id "nothing", nor has any other event; allowed: the event_id of a conversion`,
		"t1":      `no conversion has the id "t1": it is a click of 2026-03-10 09:00:00 UTC, s1:12; allowed: the event_id of a conversion`,
		"A-1001":  `no conversion has the id "A-1001": it is an order id; allowed: the event_id of a conversion, of this order c1`,
		"c1":      `the events of conversion c1 were erased; its decision stands: attributed, post_click, 12.50 USD, line item 382`,
	} {
		_, err := Explain(context.Background(), id, l.options())
		var none *NotFoundError
		if !errors.As(err, &none) || err.Error() != want {
			t.Errorf("%s: %v", id, err)
		}
	}
}
