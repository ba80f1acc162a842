package ingest

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"pixledger/schemas/lake"
)

// Stats shows what a follower is at. The zero value is ready to be given to
// Follow, and to one that begins when it has ended; it is safe for use by
// several goroutines.
type Stats struct{ f atomic.Pointer[follower] }

// SourceStats is one path of a source as its follower sees it.
type SourceStats struct {
	Source   string
	Path     string
	Missing  bool   // there is no file at the path: it is waited for
	Trouble  string // why it can't be read; empty when it can
	Files    int    // open files of the source: the log and those rotated away
	Position int64  // bytes of the log that are committed
	Size     int64  // its bytes
	// Lag is how many bytes of all open files of the source are not committed.
	Lag int64
	// Behind is since when a whole line of the source waits to be committed, as
	// snapshots found it: too late by the time between two commits, at most, and
	// by that between two snapshots. Zero: none waits.
	Behind     time.Time
	LastLine   time.Time // when a line was last read; zero: none since the start
	LastCommit time.Time // zero: none since the start
	// Since the start, of all paths of the source: files that were cut short
	// while they were followed, and lines committed.
	Truncations int64
	Lines       int64
	// Damaged are the compressed files of the source that end early, as they
	// were last seen: what is complete of them is read.
	Damaged []string
	// Waiting is why nothing can be committed now, of any source, and since when;
	// empty when it can. NoSpace says that it is for want of space.
	Waiting      string
	WaitingSince time.Time
	NoSpace      bool
}

// waits is since when a file has had whole lines that are not committed: those
// up to an offset, which a snapshot found.
type waits struct {
	upTo  int64
	since time.Time
}

// waitBytes is how far a snapshot looks for the end of a line that waits.
const waitBytes = 64 << 10

// look notes how the file stands now. The beginning of a line, which waits for
// its rest and not for a commit, is none that waits.
func (w *waits) look(f io.ReaderAt, settled, size int64, now time.Time) {
	if settled < w.upTo && w.upTo <= size {
		return // the lines that were found still wait
	}
	*w = waits{}
	if settled >= size {
		return
	}
	content, err := readAt(f, settled, min(size-settled, waitBytes))
	if err != nil {
		return // who reads the file says so
	}
	end := bytes.LastIndexByte(content, '\n') + 1
	if end == 0 && len(content) == waitBytes {
		end = len(content) // a line that is longer
	}
	if end > 0 {
		*w = waits{settled + int64(end), now}
	}
}

// sourceStats is what is counted of a source.
type sourceStats struct {
	lastLine    atomic.Int64 // Unix nanoseconds
	truncations atomic.Int64
	// The rest is the follower's lock's.
	lastCommit    time.Time
	lines         int64
	events, users int64
	warned        bool
	damaged       map[string]bool // by path
}

// set shows another follower, that goes on with the counts of the one before.
func (s *Stats) set(f *follower) {
	if before := s.f.Load(); before != nil {
		before.mu.Lock()
		defer before.mu.Unlock()
		for name, src := range f.sources {
			if was := before.sources[name]; was != nil {
				src.lastLine.Store(was.lastLine.Load())
				src.truncations.Store(was.truncations.Load())
				src.lines, src.lastCommit = was.lines, was.lastCommit
			}
		}
	}
	s.f.Store(f)
}

// Snapshot gives the paths of all sources, in the order of their names. Before
// a follower has begun there are none.
func (s *Stats) Snapshot() []SourceStats {
	f := s.f.Load()
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now().UTC()
	files, lag, behind := map[string]int{}, map[string]int64{}, map[string]time.Time{}
	sizes := map[*generation]int64{}
	for _, g := range f.open {
		files[g.src.Name]++
		if fi, err := g.file.Stat(); err == nil && g.how == plain {
			sizes[g] = fi.Size()
			lag[g.src.Name] += max(0, fi.Size()-g.settled.Load())
			g.waits.look(g.file, g.settled.Load(), fi.Size(), now)
			if since, first := g.waits.since, behind[g.src.Name]; first.IsZero() || !since.IsZero() && since.Before(first) {
				behind[g.src.Name] = since
			}
		}
	}
	var out []SourceStats
	for _, slot := range f.slots {
		name := slot.src.Name
		src := f.sources[name]
		st := SourceStats{
			Source: name, Path: slot.path, Missing: slot.missing, Trouble: slot.trouble,
			Files: files[name], Lag: lag[name], Behind: behind[name], LastCommit: src.lastCommit,
			Truncations: src.truncations.Load(), Lines: src.lines,
			Damaged: slices.Sorted(maps.Keys(src.damaged)),
			Waiting: f.waiting, WaitingSince: f.waitingSince, NoSpace: f.noSpace,
		}
		if at := src.lastLine.Load(); at != 0 {
			st.LastLine = time.Unix(0, at).UTC()
		}
		if g := slot.gen; g != nil {
			st.Position, st.Size = g.settled.Load(), sizes[g]
		}
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b SourceStats) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Path, b.Path))
	})
	return out
}

// committed counts a commit of one file. The follower's lock is held.
func (s *sourceStats) committed(f *follower, g *generation, at time.Time, c committed) {
	s.lastCommit = at
	for _, day := range c.days {
		s.lines += day.Lines()
		s.events += lake.Sum(day.Events)
	}
	s.users += c.users
	if s.events >= 1000 && !s.warned {
		s.warned = true
		if s.users == 0 {
			f.opts.Log.Warn("none of the source's first events has a user id: nothing can be attributed by cookie; see user_id in the configuration",
				"source", g.src.Name, "events", s.events)
		}
	}
}
