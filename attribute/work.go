package attribute

import (
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// work is what a run has to look at: what has come, and what the catalog has
// changed, since the run that left the cache.
type work struct {
	state    *lake.State
	cache    *cache
	settings *settings
	changes  changes
	// Files that came since. One that a compaction made of new and known ones
	// is among them: it has more than is new, which does no harm.
	conversions, clicks, impressions, voids []lake.File
	stale                                   []string // days whose live attributions are not the last that were decided
	// Decisions on conversions before this UTC date are frozen; "": none are.
	frozen   string
	unfrozen []string // days before it that are not known as frozen yet
}

// nothing tells whether a run would find everything as it was left.
func (w *work) nothing() bool {
	return len(w.conversions)+len(w.clicks)+len(w.impressions)+len(w.voids)+len(w.changes.pixels)+len(w.changes.codes)+len(w.stale)+len(w.unfrozen) == 0
}

// findWork compares the state and the catalog with what the cache was made of.
// A cache that can't be gone on from is left aside.
func findWork(l *lake.Lake, state *lake.State, cat *schemas.Catalog, c *cache) (*work, error) {
	w := &work{state: state, cache: c, settings: newSettings(cat)}
	came, whole, err := cameSince(l, state, c)
	if err != nil {
		return nil, err
	}
	w.frozen = state.Latest[RetentionKind].Notes[NoteFrozen]
	if !whole {
		w.cache = emptyCache()
		if came, _, err = cameSince(l, state, w.cache); err != nil {
			return nil, err
		}
	}
	if w.cache.ReadSeq > 0 {
		w.changes = w.settings.since(w.cache.Pixels, w.cache.Codes, w.cache.MemberID)
	}
	for _, p := range came {
		f := state.Files[p]
		switch {
		case strings.HasPrefix(p, eventsOf(schemas.Conversion)):
			w.conversions = append(w.conversions, f)
		case strings.HasPrefix(p, eventsOf(schemas.Click)):
			w.clicks = append(w.clicks, f)
		case strings.HasPrefix(p, eventsOf(schemas.Impression)):
			w.impressions = append(w.impressions, f)
		case strings.HasPrefix(p, schemas.Voids.Name+"/"):
			w.voids = append(w.voids, f)
		}
	}
	live := liveDays(state)
	for date, d := range w.cache.Days {
		f := live[date]
		switch same := len(f) == 1 && f[0].SHA256 == d.SHA256; {
		case date < w.frozen && !(same && d.Frozen):
			w.unfrozen = append(w.unfrozen, date)
		case !same:
			w.stale = append(w.stale, date)
		}
	}
	for date := range live {
		switch {
		case w.cache.Days[date] != nil:
		case date < w.frozen:
			w.unfrozen = append(w.unfrozen, date)
		default:
			w.stale = append(w.stale, date)
		}
	}
	slices.Sort(w.stale)
	slices.Sort(w.unfrozen)
	return w, nil
}

func eventsOf(t schemas.EventType) string {
	return path.Dir(lake.EventFolder(t, lake.SeedDate)) + "/"
}

// cameSince lists the live files of events and voids whose rows a run that has
// read up to a commit may not have seen. whole is false where rows that it has
// seen may be gone or others than they were.
func cameSince(l *lake.Lake, state *lake.State, c *cache) (files []string, whole bool, err error) {
	if c.ReadSeq == 0 {
		for p := range state.Files {
			if decides(p) {
				files = append(files, p)
			}
		}
		slices.Sort(files)
		return files, true, nil
	}
	if c.ReadSeq > state.Seq {
		return nil, false, nil // of a lake that was put back from a backup
	}
	if _, head, err := l.ReadRecord(c.ReadSeq); err != nil || head != c.ReadHead {
		return nil, false, err
	}
	if onlyAdded(state, c.ReadSeq) {
		for p := range state.Files {
			if decides(p) && lake.NewestOf(state.Files[p]) > c.ReadSeq {
				files = append(files, p)
			}
		}
		slices.Sort(files)
		return files, true, nil
	}
	came := map[string]bool{}
	for n := c.ReadSeq + 1; n <= state.Seq; n++ {
		r, _, err := l.ReadRecord(n)
		if err != nil {
			return nil, false, err
		}
		for _, f := range r.Add {
			if decides(f.Path) {
				came[f.Path] = true
			}
		}
		for _, f := range r.Replace {
			if !decides(f.Path + "/") {
				continue
			}
			switch r.Kind {
			case RetentionKind:
				if r.Notes[NoteFrozen] != "" {
					continue // all that rested on what it takes away is frozen
				}
				return nil, false, nil
			case lake.CompactKind:
			case lake.ForgetKind:
				if c.Forgot < r.Seq {
					return nil, false, nil // what is known has other users than the events
				}
			default:
				return nil, false, nil
			}
			// The same rows in other files: new where some of them are.
			for p := range came {
				if path.Dir(p) == f.Path {
					delete(came, p)
				}
			}
			for _, file := range f.Files {
				if lake.NewestOf(file) > c.ReadSeq {
					came[file.Path] = true
				}
			}
		}
	}
	for p := range came {
		files = append(files, p)
	}
	slices.Sort(files)
	return files, true, nil
}

// onlyAdded tells whether no commit after the given one can have taken rows of
// what decides away: then the files themselves say which hold new ones, and no
// record need be read.
func onlyAdded(state *lake.State, seq int64) bool {
	for kind, last := range state.Latest {
		if last.Seq > seq && !slices.Contains(addingKinds, kind) {
			return false
		}
	}
	return true
}

// addingKinds are the kinds of commits that add files to events and voids, or
// put the same rows in others, and take none away.
var addingKinds = []string{"ingest", CommitKind, "close", "void", "credit", lake.CompactKind, lake.CollectKind}

// RetentionKind is the kind of the commits that erase events, and NoteFrozen
// their note of the UTC date before which decisions are frozen from then on.
const (
	RetentionKind = "retention"
	NoteFrozen    = "frozen_before"
)

// decides tells whether a file of the lake is among what decides attribution.
func decides(path string) bool {
	return strings.HasPrefix(path, schemas.Events.Name+"/") || strings.HasPrefix(path, schemas.Voids.Name+"/")
}

// liveDays gives the files of attributions by UTC date.
func liveDays(state *lake.State) map[string][]lake.File {
	out := map[string][]lake.File{}
	for p, f := range state.Files {
		if date := lake.FolderDate(p); strings.HasPrefix(p, lake.DateFolder(schemas.Attributions, date)+"/") {
			out[date] = append(out[date], f)
		}
	}
	return out
}

// span gives the bounds of the times in files, Unix microseconds; of no file
// they hold nothing.
func span(files ...lake.File) (from, to int64) {
	from, to = math.MaxInt64, math.MinInt64
	for _, f := range files {
		first, last := timesOf(f)
		from, to = min(from, first), max(to, last)
	}
	return from, to
}

// timesOf gives the bounds of the times in a file of events: those that are
// recorded, else those of its day.
func timesOf(f lake.File) (from, to int64) {
	if f.MinTime != 0 || f.MaxTime != 0 {
		return f.MinTime, f.MaxTime
	}
	day, err := time.Parse(time.DateOnly, lake.FolderDate(f.Path))
	if err != nil {
		return math.MinInt64, math.MaxInt64
	}
	return day.UnixMicro(), day.Add(24*time.Hour).UnixMicro() - 1
}

// eventFiles lists the live files of a type of events that may hold one between
// two times, both included.
func (w *work) eventFiles(t schemas.EventType, from, to int64) []lake.File {
	var out []lake.File
	for p, f := range w.state.Files {
		if !strings.HasPrefix(p, eventsOf(t)) {
			continue
		}
		if first, last := timesOf(f); first <= to && last >= from {
			out = append(out, f)
		}
	}
	return out
}

func dateOf(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.DateOnly) }
