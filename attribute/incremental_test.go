package attribute_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pixledger/attribute"
	"pixledger/attribute/laketest"
	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// sizes is how many worlds one lake of the property tests holds: to open DuckDB
// takes longer than to decide a world. A failing lake shrinks to one.
var sizes = []int{1, 10, 11, 12, 13, 14, 15}

// Money rests on the decisions being those of the rules, in every corner of
// them: whatever the order in which events arrive, the commits and the runs
// that they are split into, however the files are compacted between them, what
// the catalog was before, and whether the last run left what it knows.
func TestDecidesAsTheRulesSay(t *testing.T) {
	// A large lake is matched in several passes, and so is this.
	defer attribute.LookForAtMost(200)()
	base := t.TempDir()
	drawn := 0
	defer func() { t.Logf("%d worlds", drawn) }()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.SampledFrom(sizes).Draw(rt, "worlds")
		drawn += n
		var worlds []reference.Situation
		for range n {
			cat, events, voids := reference.World(rt)
			worlds = append(worlds, reference.Situation{Catalog: cat, Events: events, Voids: voids})
		}
		world := reference.Join(worlds...).Situation
		dir, err := os.MkdirTemp(base, "world")
		if err != nil {
			rt.Fatalf("%v", err)
		}
		defer os.RemoveAll(dir)
		l := newLake(rt, dir, world.Catalog)
		h := &history{t: rt, lake: l}
		parts := rapid.IntRange(1, 4).Draw(rt, "parts")
		arriving := slices.Clone(world.Events)
		if parts > 1 && rapid.Bool().Draw(rt, "in any order") {
			arriving = rapid.Permutation(arriving).Draw(rt, "arriving")
		}
		voids := world.Voids
		for i := range parts {
			part := arriving[len(arriving)*i/parts : len(arriving)*(i+1)/parts]
			now := voids[len(voids)*i/parts : len(voids)*(i+1)/parts]
			l.Ingest(part, now)
			h.events, h.voids = append(h.events, part...), append(h.voids, now...)
			switch rapid.SampledFrom([]string{"run", "run", "run", "compact", "forget", "nothing"}).Draw(rt, "then") {
			case "nothing":
				continue
			case "forget":
				if err := os.RemoveAll(l.Path("_state/cache")); err != nil {
					rt.Fatalf("%v", err)
				}
			case "compact":
				if len(h.events) > 0 {
					h.compact()
				}
			}
			if i > 0 && rapid.Bool().Draw(rt, "catalog changes") {
				for range n { // each is of one entry, so that most worlds see one
					l.cat = reference.ChangedCatalog(rt, l.cat)
				}
			}
			h.run()
		}
		if len(h.voids) > 0 {
			h.voids = append(h.voids, "said of nothing")
		}
		l.cat = world.Catalog
		h.run()
		s := l.run(2)
		if s.Commit != 0 || s.Looked != 0 {
			rt.Fatalf("with nothing new: %+v", s)
		}
	})
}

// history is what has come into a lake so far.
type history struct {
	t      *rapid.T
	lake   *testLake
	events []reference.Event
	voids  []string
}

// run attributes and holds the result against the rules.
func (h *history) run() {
	h.t.Helper()
	s := h.lake.run(rapid.IntRange(1, 3).Draw(h.t, "threads"))
	want := reference.Attribute(h.lake.cat, h.events, h.voids)
	if diff := reference.Diff(want, h.lake.Attributions()); diff != "" {
		h.t.Fatalf("want (-), got (+):\n%s\nin the world\n%s", diff, reference.Format(h.lake.cat, h.events, h.voids))
	}
	attributed := int64(0)
	for _, r := range want {
		if r.Outcome == reference.Attributed {
			attributed++
		}
	}
	if s.Conversions != int64(len(want)) || s.Attributed != attributed {
		h.t.Fatalf("summary %+v, want %d conversions, %d attributed", s, len(want), attributed)
	}
}

// compact puts all rows of one folder of events into one file.
func (h *history) compact() {
	h.t.Helper()
	e := rapid.SampledFrom(h.events).Draw(h.t, "compacted like")
	h.lake.Compact(laketest.FolderOf(e), h.events)
}

// The work of a run is that of what has changed, not that of the history.
func TestRunLooksAtWhatChanged(t *testing.T) {
	const settings = `
pixel 9012 code=checkout min_minutes_per_conv=60
pixel 9013
line_item 382 pixel=9012 post_click_revenue=12.50
line_item 383 pixel=9013 post_click_revenue=5.00
tracker 21378 click line_item=382
tracker 21379 click line_item=383
`
	l := newLake(t, t.TempDir(), parse(t, settings).Catalog)
	looks := func(what string, want int64, days ...string) {
		t.Helper()
		s := l.run(2)
		if s.Looked != want || !slices.Equal(s.Days, days) {
			t.Errorf("%s: looked at %d and changed %v; want %d and %v", what, s.Looked, s.Days, want, days)
		}
	}
	l.come(t, settings, `
2026-03-08 09:00 click      t1 user=anna tracker=21378
2026-03-09 10:00 conversion c1 user=anna pixel=9012 order=A-1
2026-03-09 10:30 conversion c2 user=anna pixel=9012
2026-03-09 11:00 conversion c3 user=bert pixel=9013
2026-03-10 10:00 conversion c4 user=carl pixel=9012
`)
	looks("the first run", 4, "2026-03-09", "2026-03-10")
	looks("nothing new", 0)
	l.come(t, settings, `
2026-03-11 09:00 click      t2 user=dora tracker=21378
2026-03-11 10:00 conversion c5 user=dora pixel=9012
`)
	looks("a new day", 1, "2026-03-11")
	l.come(t, settings, "2026-03-10 09:00 click late user=carl tracker=21378\n2026-03-01 09:00 click vain user=emil tracker=21378\n")
	looks("a late touch", 1, "2026-03-10")
	l.come(t, settings, "2026-03-09 09:45 conversion c0 user=anna pixel=9012\n")
	looks("a late conversion before two of its user", 3, "2026-03-09")
	l.come(t, settings, "", "c4")
	looks("a void", 0, "2026-03-10")
	l.come(t, strings.Replace(settings, "pixel 9013", "pixel 9013 post_click_expire_mins=60", 1), "")
	looks("another window of another pixel", 1)
	l.come(t, strings.Replace(settings, "12.50", "13.00", 1), "")
	looks("a rate, and the window back", 1, "2026-03-09", "2026-03-11")
	l.come(t, strings.Replace(settings, "min_minutes_per_conv=60", "min_minutes_per_conv=0", 1), "")
	looks("every conversion counts, and the rate back", 5, "2026-03-09", "2026-03-11")
}

// A compaction is no news: what was known before it is known in other files, and
// of a file that it made of known rows and new ones the new ones are found.
func TestRunAfterCompaction(t *testing.T) {
	const settings = `
pixel 9012 min_minutes_per_conv=0
line_item 382 pixel=9012 post_click_revenue=12.50
tracker 21378 click line_item=382
`
	const known, conversion = `
2026-03-08 09:00 click      t1 user=anna tracker=21378
2026-03-09 10:00 conversion c1 user=anna pixel=9012
2026-03-09 10:00 conversion c2 user=bert pixel=9012
2026-03-10 10:00 conversion c3 user=carl pixel=9012
`, "2026-03-09 10:30 conversion c4 user=anna pixel=9012\n"
	l := newLake(t, t.TempDir(), parse(t, settings).Catalog)
	l.come(t, settings, known)
	l.run(2)
	events := parse(t, settings+known).Events
	folder := lake.EventFolder(schemas.Conversion, "2026-03-09")
	l.Compact(folder, events)
	l.Compact(lake.EventFolder(schemas.Click, "2026-03-08"), events)
	if s := l.run(2); s.Looked != 0 || s.Commit != 0 {
		t.Errorf("after a compaction: %+v", s)
	}
	l.come(t, settings, conversion)
	l.Compact(folder, parse(t, settings+known+conversion).Events)
	if s := l.run(2); s.Looked != 3 || s.Conversions != 4 || !slices.Equal(s.Days, []string{"2026-03-09"}) {
		t.Errorf("after a compaction with something new in it: %+v", s)
	}
	if s := l.run(2); s.Looked != 0 || s.Commit != 0 {
		t.Errorf("nothing new: %+v", s)
	}
}

// A run that does not fit its limits says so, and leaves all as it was.
func TestRunThatDoesNotFitSaysSo(t *testing.T) {
	l, e := threeDayLake(t)
	l.run(2)
	l.synthesize(schemas.Conversion, now.AddDate(0, 0, -1), 0, 300_000, 1_000_000)
	before, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	o := l.options(2)
	o.Memory, o.TempDir, o.TempSize = "32MB", t.TempDir(), "4MB"
	_, err = attribute.Run(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), "it does not fit the limits (memory 32MB, on disk 4MB)") || !strings.Contains(err.Error(), "limits.memory") {
		t.Errorf("a run that does not fit: %v", err)
	}
	if after, err := l.State(); err != nil || after.Seq != before.Seq {
		t.Errorf("commit %d follows %d; %v", after.Seq, before.Seq, err)
	}
	l.check(e)
	o.Memory, o.TempSize = "200MB", "2GB"
	if s, err := attribute.Run(context.Background(), o); err != nil || s.Conversions != 300_004 {
		t.Errorf("with enough: %+v, %v", s, err)
	}
}

// A robot that does not name itself, with as many touches as conversions, all
// of one user: each conversion has every touch before it as a candidate. To look
// at all these pairs would take hours.
func TestRobotCostsNoMoreThanItsLines(t *testing.T) {
	const settings = `
pixel 1 min_minutes_per_conv=0
line_item 382 pixel=1 post_click_revenue=12.50 post_view_revenue=2.00
tracker 1 impression line_item=382
`
	const n = 100_000
	l := newLake(t, t.TempDir(), parse(t, settings).Catalog)
	one := []string{"2000000", "1", "hash(n, 4) % 2500", "0", "hash(touch, 4) % 2500 // 5", "0", "hash(n, 15) % 500", "0"}
	day := now.AddDate(0, 0, -2)
	l.synthesize(schemas.Impression, day, 0, n, n, one...)
	l.synthesize(schemas.Conversion, day.AddDate(0, 0, 1), 0, n, n, one...)
	s := l.run(2)
	if s.Conversions != n || s.PostView < n*9/10 {
		t.Errorf("got %+v", s)
	}
}

// One late touch runs through orders and users: it earns the first conversion,
// so the second is a duplicate, so the third is its user's first, and so on.
func TestLateTouchRunsThroughOrdersAndUsers(t *testing.T) {
	const settings = `
pixel 9012
line_item 382 pixel=9012 post_click_revenue=12.50
tracker 21378 click line_item=382
`
	l := newLake(t, t.TempDir(), parse(t, settings).Catalog)
	l.come(t, settings, `
2026-03-10 09:00 click      t2 user=bert tracker=21378
2026-03-10 09:00 click      t3 user=dora tracker=21378
2026-03-10 10:00 conversion c1 user=anna pixel=9012 order=A
2026-03-10 11:00 conversion c2 user=bert pixel=9012 order=A
2026-03-10 12:00 conversion c3 user=bert pixel=9012 order=B
2026-03-10 13:00 conversion c4 user=dora pixel=9012 order=B
2026-03-10 14:00 conversion c5 user=dora pixel=9012
`)
	l.run(2)
	l.check(parse(t, settings+`
expect c1 no_touch
expect c2 post_click touch=t2 revenue=12.50
expect c3 repeat
expect c4 post_click touch=t3 revenue=12.50
expect c5 repeat
`))
	l.come(t, settings, "2026-03-10 09:30 click t1 user=anna tracker=21378\n")
	if s := l.run(2); s.Looked != 5 {
		t.Errorf("looked at %d", s.Looked)
	}
	l.check(parse(t, settings+`
expect c1 post_click touch=t1 revenue=12.50
expect c2 duplicate_order
expect c3 post_click touch=t2 revenue=12.50
expect c4 duplicate_order
expect c5 post_click touch=t3 revenue=12.50
`))
}
