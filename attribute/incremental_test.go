package attribute_test

import (
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// joined is how many worlds one lake of the property tests holds: to open
// DuckDB takes longer than to decide a world.
const joined = 10

// Money rests on the decisions being those of the rules, in every corner of
// them: whatever the order in which events arrive, the commits and the runs
// that they are split into, however the files are compacted between them, what
// the catalog was before, and whether the last run left what it knows.
func TestDecidesAsTheRulesSay(t *testing.T) {
	base := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, joined).Draw(rt, "worlds")
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
			l.commit(part, now)
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
			if i > 0 && rapid.IntRange(0, 2).Draw(rt, "catalog changes") == 0 {
				l.cat = reference.ChangedCatalog(rt, l.cat)
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
	if diff := reference.Diff(want, h.lake.rows()); diff != "" {
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
	folder := lake.EventFolder(schemas.EventType(e.Type), e.EventTime.UTC().Format("2006-01-02"))
	var rows []reference.Event
	for _, e := range h.events {
		if lake.EventFolder(schemas.EventType(e.Type), e.EventTime.UTC().Format("2006-01-02")) == folder {
			rows = append(rows, e)
		}
	}
	staging, err := h.lake.Stage()
	if err != nil {
		h.t.Fatalf("%v", err)
	}
	defer staging.Close()
	file := h.lake.write(staging, 0, schemas.Events, folder, len(rows), func(i int) map[string]any { return eventRow(rows[i]) })
	if _, err := h.lake.Commit(staging, func(*lake.State) (*lake.Draft, error) {
		return &lake.Draft{Kind: "compact", At: now, Replace: map[string][]lake.Staged{folder: {file}}}, nil
	}); err != nil {
		h.t.Fatalf("%v", err)
	}
}
