package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas/lake"
)

func openGaps(t *testing.T, root string) []lake.Gap {
	t.Helper()
	l, err := lake.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	return state.OpenGaps()
}

// wantGap waits for one gap, for that reason, of the log read to that position.
func (d *following) wantGap(reason lake.GapReason, position int) lake.Gap {
	d.t.Helper()
	var gaps []lake.Gap
	until(d.t, fmt.Sprint("a gap, ", reason, "\n", d.words), func() bool { gaps = openGaps(d.t, d.l.Root()); return len(gaps) > 0 })
	g := gaps[0]
	lineTime := time.UnixMicro(1793534400123000).UTC()
	if len(gaps) != 1 || g.Reason != reason || g.Position != int64(position) || g.Source != "edge-1" || g.Path != d.log ||
		!g.From.Equal(lineTime) || g.To.Before(g.From) || g.ID == "" {
		d.t.Errorf("gaps: %+v", gaps)
	}
	until(d.t, "the gap is said", func() bool { return strings.Contains(d.words.String(), g.ID) })
	return g
}

func (d *following) wantNoGap(why string) {
	d.t.Helper()
	if gaps := openGaps(d.t, d.l.Root()); len(gaps) > 0 {
		d.t.Errorf("%s: %+v", why, gaps)
	}
}

// judged waits until the follower has looked for gaps often enough to have
// found one.
func (d *following) judged() {
	d.t.Helper()
	end := time.Now().Add(3*d.missing + 3*d.rescan)
	until(d.t, "gaps were looked for", func() bool { return time.Now().After(end) })
}

func TestTruncationIsAGapUntilACopyTurnsUp(t *testing.T) {
	d := newFollowing(t)
	d.opts.Now = func() time.Time { return testTime.Add(time.Minute) }
	write(t, d.log, lines("a", 0, 10))
	d.start()
	d.settledAt(len(lines("a", 0, 10)))
	copied := lines("a", 0, 14) // four lines more than were read before the cut
	write(t, d.log, lines("b", 0, 2))
	g := d.wantGap(lake.GapTruncated, len(lines("a", 0, 10)))
	if days := g.Days(); !slices.Equal(days, []string{"2026-11-01"}) {
		t.Errorf("days %q", days)
	}
	write(t, d.log+".1", copied)
	until(t, "the gap is healed", func() bool { return len(openGaps(t, d.l.Root())) == 0 })
	d.wantAll(ids("a", 0, 14), ids("b", 0, 2))
}

func TestTruncationWithACopyIsNoGap(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 10))
	d.start()
	d.settledAt(len(lines("a", 0, 10)))
	write(t, d.log+".1", lines("a", 0, 12)) // copytruncate
	write(t, d.log, lines("b", 0, 2))
	d.judged()
	d.wantNoGap("a copy goes on from the position")
	d.wantAll(ids("a", 0, 12), ids("b", 0, 2))
}

func TestFilesThatAreGoneAtTheNextStart(t *testing.T) {
	whole := len(lines("a", 0, 10))
	for _, c := range []struct {
		name   string
		reason lake.GapReason // empty: no gap
		do     func(t *testing.T, d *following)
	}{
		{"deleted", lake.GapDeleted, func(t *testing.T, d *following) { rename(t, d.log, filepath.Join(t.TempDir(), "x")) }},
		{"deleted, and another at its path", lake.GapDeleted, func(t *testing.T, d *following) {
			rename(t, d.log, filepath.Join(t.TempDir(), "x"))
			write(t, d.log, lines("b", 0, 3))
		}},
		{"cut", lake.GapTruncated, func(t *testing.T, d *following) { write(t, d.log, lines("b", 0, 3)) }},
		{"emptied", lake.GapTruncated, func(t *testing.T, d *following) {
			if err := os.Truncate(d.log, 0); err != nil {
				t.Fatal(err)
			}
		}},
		{"rotated out of reach", lake.GapLost, func(t *testing.T, d *following) {
			rename(t, d.log, filepath.Join(t.TempDir(), "x"))
			write(t, d.log+".1", lines("b", 0, 3))
			write(t, d.log, lines("c", 0, 3))
		}},
		{"rotated", "", func(t *testing.T, d *following) {
			rename(t, d.log, d.log+".2")
			write(t, d.log+".1", lines("b", 0, 3))
			write(t, d.log, lines("c", 0, 3))
		}},
		{"rotated and packed", "", func(t *testing.T, d *following) {
			write(t, d.log+".1.gz", gz(t, lines("a", 0, 12)))
			write(t, d.log, lines("c", 0, 3))
		}},
		{"its folder can't be seen", "", func(t *testing.T, d *following) {
			if err := os.RemoveAll(d.dir); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newFollowing(t)
			write(t, d.log, lines("a", 0, 10))
			d.start()
			d.settledAt(whole)
			d.stop()
			d.opts.Now = func() time.Time { return testTime.Add(time.Minute) } // commits later than the first
			c.do(t, d)
			d.start()
			if c.reason != "" {
				d.wantGap(c.reason, whole)
			} else {
				d.judged()
				d.wantNoGap(c.name)
			}
			d.stop()

			// A batch judges the same, and does not say it twice.
			s, err := CatchUp(context.Background(), d.opts)
			if err != nil || len(s.Gaps) != 0 {
				t.Errorf("a batch after the follower: %+v, %v", s.Gaps, err)
			}
		})
	}
}

func TestEndedFilesAreNotMissed(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 10))
	d.start()
	d.settledAt(len(lines("a", 0, 10)))
	rename(t, d.log, d.log+".1")
	write(t, d.log, lines("b", 0, 5))
	ended := func() bool {
		l, err := lake.Open(d.l.Root())
		if err != nil {
			t.Fatal(err)
		}
		state, err := l.State()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, src := range state.Sources {
			if src.Ended {
				n++
			}
		}
		return n == 1 && len(state.Sources) == 2
	}
	until(t, "the rotated file has ended", ended)
	if err := os.Remove(d.log + ".1"); err != nil {
		t.Fatal(err)
	}
	d.judged()
	d.wantNoGap("it was read to its end")
	d.stop()
	d.start()
	d.judged()
	d.wantNoGap("it was read to its end before the start")
	d.wantAll(ids("a", 0, 10), ids("b", 0, 5))
}

func TestBatchesFindGaps(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	opts := testOptions(l)
	opts.Format = ""
	log := filepath.Join(dir, "pixel.log")
	opts.Sources = []Source{{Name: "edge-1", Path: log, Format: "pixledger"}}
	catchUp := func() *Summary {
		t.Helper()
		s, err := CatchUp(context.Background(), opts)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	write(t, log+".1", lines("a", 0, 10))
	write(t, log, lines("b", 0, 10))
	if s := catchUp(); len(s.Gaps) != 0 || s.Commits != 1 {
		t.Errorf("gaps %+v, %d commits", s.Gaps, s.Commits)
	}
	// The rotated file was read to its end, so it may go; the log may not.
	if err := os.Remove(log + ".1"); err != nil {
		t.Fatal(err)
	}
	if s := catchUp(); len(s.Gaps) != 0 {
		t.Errorf("gaps %+v", s.Gaps)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	rename(t, log, kept)
	write(t, log, lines("c", 0, 1))
	s := catchUp()
	if len(s.Gaps) != 1 || s.Gaps[0].Reason != lake.GapDeleted {
		t.Fatalf("gaps %+v", s.Gaps)
	}
	if s = catchUp(); len(s.Gaps) != 0 || len(openGaps(t, l.Root())) != 1 {
		t.Errorf("said again: %+v", s.Gaps)
	}
	// What turns up heals it, also with nothing left to read.
	ingest(t, opts, kept)
	if gaps := openGaps(t, l.Root()); len(gaps) != 0 {
		t.Errorf("not healed: %+v", gaps)
	}
	if s = catchUp(); len(s.Gaps) != 0 {
		t.Errorf("missed again: %+v", s.Gaps)
	}
	appendTo(t, kept, lines("b", 10, 12))
	ingest(t, opts, kept)
	if gaps := openGaps(t, l.Root()); len(gaps) != 0 {
		t.Errorf("not healed: %+v", gaps)
	}
	wantIDs(t, l, ids("a", 0, 10), ids("b", 0, 12), ids("c", 0, 1))
}

func TestSilentDaysAreGaps(t *testing.T) {
	day := func(n int) string { return time.Date(2026, 10, 20+n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly) }
	for _, c := range []struct {
		name  string
		lines []int64 // of each day
		now   string
		want  []string
	}{
		{"seven busy days and a silent one", []int64{100, 100, 100, 100, 100, 100, 100}, "2026-10-28T01:00:00Z", []string{day(7)}},
		{"not over long enough", []int64{100, 100, 100, 100, 100, 100, 100}, "2026-10-28T00:59:59Z", nil},
		{"six busy days", []int64{99, 100, 100, 100, 100, 100, 100}, "2026-11-09T00:00:00Z", nil},
		{"one line", []int64{100, 100, 100, 100, 100, 100, 100, 1}, "2026-11-09T00:00:00Z", nil},
		{"the second day without a line follows no busy one", []int64{500, 500, 500, 500, 500, 500, 500}, "2026-11-09T00:00:00Z", []string{day(7)}},
		{"twice", []int64{100, 100, 100, 100, 100, 100, 100, 0, 100, 100, 100, 100, 100, 100, 100}, "2026-11-09T00:00:00Z", []string{day(7), day(15)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Two files share the lines, and another source is always busy.
			half, rest, other := map[string]*lake.Counts{}, map[string]*lake.Counts{}, map[string]*lake.Counts{}
			for n, lines := range c.lines {
				half[day(n)] = &lake.Counts{Ignored: lines / 2}
				rest[day(n)] = &lake.Counts{Events: map[string]int64{"click": lines - lines/2}}
				other[day(n)] = &lake.Counts{Ignored: 1000}
			}
			state := &lake.State{Sources: map[string]*lake.Source{
				"1": {ID: "1", Edge: "edge-1", Days: half}, "2": {ID: "2", Edge: "edge-1", Days: rest},
				"3": {ID: "3", Edge: "other", Days: other},
			}}
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, g := range SilentGaps(state, []Source{{Name: "edge-1", Path: "/var/log/pixel.log"}}, now) {
				if g.Reason != lake.GapSilent || g.Source != "edge-1" || !slices.Equal(g.Days(), []string{g.From.Format(time.DateOnly)}) {
					t.Errorf("%+v", g)
				}
				got = append(got, g.Days()...)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A glob may name a log for each day, or files that are delivered packed. They
// go when their time has come, and are not missed when they were read.
func TestFilesOfAGlobMayGo(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	opts := testOptions(l)
	opts.Format = ""
	opts.Sources = []Source{{Name: "edge-1", Path: filepath.Join(dir, "pixel-*"), Format: "pixledger"}}
	yesterday, today, packed := filepath.Join(dir, "pixel-1.log"), filepath.Join(dir, "pixel-2.log"), filepath.Join(dir, "pixel-3.gz")
	write(t, yesterday, lines("a", 0, 10))
	write(t, today, lines("b", 0, 10))
	write(t, packed, gz(t, lines("c", 0, 10)))
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(yesterday, old, old); err != nil {
		t.Fatal(err)
	}
	catchUp := func(gaps int) {
		t.Helper()
		s, err := CatchUp(context.Background(), opts)
		if err != nil || len(s.Gaps) != gaps {
			t.Fatalf("gaps %+v, not %d; %v", s.Gaps, gaps, err)
		}
	}
	catchUp(0)
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Survey(opts.Sources, state) {
		if s.Lag != 0 || s.Err != nil || s.SourceID == "" {
			t.Errorf("after reading all: %+v", s)
		}
	}
	for _, p := range []string{yesterday, packed} {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
	catchUp(0)
	if err := os.Remove(today); err != nil { // which may have grown before
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "other"), "")
	catchUp(1)
	wantIDs(t, l, ids("a", 0, 10), ids("b", 0, 10), ids("c", 0, 10))
}

func TestAnEmptyFolderOfAnotherFileSystemTellsNothing(t *testing.T) {
	dir := t.TempDir()
	fi, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	device := keyOfInfo(fi).device
	if !tells(dir, device) || tells(dir, device+1) || tells(filepath.Join(dir, "none"), device) {
		t.Errorf("empty: %v, of another file system: %v, not there: %v", tells(dir, device), tells(dir, device+1), tells(filepath.Join(dir, "none"), device))
	}
	write(t, filepath.Join(dir, "pixel.log"), "")
	if !tells(dir, device+1) {
		t.Error("not empty: it is no folder that waits to be mounted on")
	}
}

func TestACopyDoesNotEndItsLog(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	opts := testOptions(l)
	opts.Format = ""
	log, copied := filepath.Join(dir, "pixel.log"), filepath.Join(t.TempDir(), "copied")
	opts.Sources = []Source{{Name: "edge-1", Path: log, Format: "pixledger"}}
	write(t, log, lines("a", 0, 10))
	write(t, copied, lines("a", 0, 10))
	ingest(t, opts, log)
	opts.Source = "edge-1"
	ingest(t, opts, copied)
	opts.Source = ""
	rename(t, log, filepath.Join(t.TempDir(), "gone")) // with what came after
	write(t, log, lines("b", 0, 1))
	if s, err := CatchUp(context.Background(), opts); err != nil || len(s.Gaps) != 1 {
		t.Errorf("gaps %+v, %v", s.Gaps, err)
	}
}

func TestSurveyCountsRotatedFilesThatWait(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	opts := testOptions(l)
	log := filepath.Join(dir, "pixel.log")
	opts.Sources = []Source{{Name: "edge-1", Path: log, Format: "pixledger"}}
	write(t, log+".2", lines("a", 0, 4))
	write(t, log+".1", lines("b", 0, 10))
	write(t, log, lines("c", 0, 10))
	ingest(t, opts, log, log+".2")
	appendTo(t, log, lines("c", 10, 12))
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	lag := map[string]int64{}
	for _, s := range Survey(opts.Sources, state) {
		lag[s.Path] = s.Lag
	}
	if len(lag) != 2 || lag[log] != int64(len(lines("c", 10, 12))) || lag[log+".1"] != int64(len(lines("b", 0, 10))) {
		t.Errorf("got %v", lag)
	}
}

// Every source looks for its gaps by itself, beside the others.
func TestSeveralSourcesMissLogs(t *testing.T) {
	d := newFollowing(t)
	d.opts.Now = func() time.Time { return testTime.Add(time.Minute) }
	d.opts.Sources = nil
	for n := range 6 {
		log := filepath.Join(d.dir, fmt.Sprintf("pixel-%c.log", 'a'+n))
		d.opts.Sources = append(d.opts.Sources, Source{Name: fmt.Sprint("edge-", n), Path: log, Format: "pixledger"})
		write(t, log, lines(fmt.Sprint("s", n), 0, 10))
	}
	d.start()
	until(t, "all is read", func() bool { return d.events() == 60 })
	for _, src := range d.opts.Sources {
		if err := os.Truncate(src.Path, 0); err != nil {
			t.Fatal(err)
		}
	}
	until(t, fmt.Sprint("six gaps\n", d.words), func() bool { return len(openGaps(t, d.l.Root())) == 6 })
	d.stop()
}
