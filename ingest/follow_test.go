package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

var quick = timing{
	poll: 10 * time.Millisecond, idlePoll: 20 * time.Millisecond, rescan: 100 * time.Millisecond, stall: 100 * time.Millisecond,
	grace: 300 * time.Millisecond, keep: 300 * time.Millisecond, keepGone: 300 * time.Millisecond,
	yield: 50 * time.Millisecond, retry: 10 * time.Millisecond, retryMax: 50 * time.Millisecond,
	missing: 200 * time.Millisecond, drain: 10 * time.Second,
}

// following is a follower under test.
type following struct {
	t     *testing.T
	l     *lake.Lake
	dir   string
	log   string // the source's log
	opts  Options
	stop  func()
	stats *Stats
	words *words
	timing
	ended chan error
}

// words keeps what is logged.
type words struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// newFollowing prepares a follower of one source, which is not started yet.
func newFollowing(t *testing.T) *following {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	d := &following{t: t, l: testLake(t), dir: t.TempDir(), words: &words{}, timing: quick}
	d.log = filepath.Join(d.dir, "pixel.log")
	d.opts = testOptions(d.l)
	d.opts.Interval = 20 * time.Millisecond
	d.opts.Log = slog.New(slog.NewTextHandler(d.words, nil))
	d.opts.Sources = []Source{{Name: "edge-1", Path: d.log, Format: "pixledger"}}
	d.stop = func() {}
	t.Cleanup(func() { d.stop() })
	return d
}

// start starts the follower; it is stopped at the end of the test at the latest.
func (d *following) start() {
	d.t.Helper()
	d.stats = &Stats{}
	d.begin()
}

// begin is start where another follower may have run before, and showed itself
// at the same place.
func (d *following) begin() {
	d.t.Helper()
	d.opts.Stats = d.stats
	opts, err := d.opts.withDefaults()
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	f := newFollower(opts, d.timing)
	d.ended = ended
	go func() { ended <- f.run(ctx) }()
	var once sync.Once
	d.stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-ended:
				if err != nil {
					d.t.Errorf("the follower ended with: %v", err)
				}
			case <-time.After(20 * time.Second):
				d.t.Error("the follower does not end")
			}
		})
	}
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s still not: %s", what)
		}
		<-tick.C
	}
}

func (d *following) events() int64 {
	again, err := lake.Open(d.l.Root())
	if err != nil {
		d.t.Fatal(err)
	}
	s, err := again.State()
	if err != nil {
		d.t.Fatal(err)
	}
	var n int64
	for p, f := range s.Files {
		if strings.HasPrefix(p, "events/") {
			n += f.Rows
		}
	}
	return n
}

// wantAll waits until as many events are committed, and compares their ids,
// now and again when the follower has stopped.
func (d *following) wantAll(want ...[]string) {
	d.t.Helper()
	n := int64(len(slices.Concat(want...)))
	until(d.t, fmt.Sprint(n, " events\n", d.words), func() bool { return d.events() >= n })
	wantIDs(d.t, d.l, want...)
	d.stop()
	wantIDs(d.t, d.l, want...)
	if got := verify(d.t, d.l.Root(), time.Time{}); len(got) > 0 {
		d.t.Errorf("verify: %q", got)
	}
}

func (d *following) settledAt(size int) {
	d.t.Helper()
	until(d.t, fmt.Sprint("position ", size), func() bool {
		for _, s := range d.stats.Snapshot() {
			if s.Position == int64(size) {
				return true
			}
		}
		return false
	})
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestFollowsLinesAsTheyCome(t *testing.T) {
	d := newFollowing(t)
	d.start() // the log does not exist yet
	until(t, "the missing log is seen", func() bool { s := d.stats.Snapshot(); return len(s) == 1 && s[0].Missing })
	appendTo(t, d.log, lines("a", 0, 3)+line("a-3")[:50])
	d.settledAt(len(lines("a", 0, 3)))
	appendTo(t, d.log, line("a-3")[50:]) // a line in two pieces
	for i := range 50 {
		appendTo(t, d.log, line(fmt.Sprint("a-", 4+i)))
	}
	d.settledAt(len(lines("a", 0, 54)))
	st := d.stats.Snapshot()[0]
	if st.Lag != 0 || st.Lines != 54 || st.LastLine.IsZero() || st.LastCommit.IsZero() || st.Missing || st.Files != 1 {
		t.Errorf("stats: %+v", st)
	}
	d.wantAll(ids("a", 0, 54))
}

func TestFollowerGoesOnAfterRestart(t *testing.T) {
	d := newFollowing(t)
	for i := range 4 {
		appendTo(t, d.log, lines("a", i*10, i*10+10))
		d.start()
		d.settledAt(len(lines("a", 0, i*10+10)))
		d.stop()
	}
	d.start()
	d.wantAll(ids("a", 0, 40))
}

func TestRenameWithLateLines(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 5))
	d.start()
	d.settledAt(len(lines("a", 0, 5)))
	old, err := os.OpenFile(d.log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	late := func(from, to int) {
		t.Helper()
		if _, err := old.WriteString(lines("a", from, to)); err != nil {
			t.Fatal(err)
		}
	}
	late(5, 7) // just before
	rename(t, d.log, d.log+".1")
	late(7, 10) // before the new log is there
	write(t, d.log, lines("b", 0, 5))
	until(t, "new log and late lines", func() bool { return d.events() == 15 })
	late(10, 12) // while the new log is read
	until(t, "later lines", func() bool { return d.events() == 17 })
	// After the renamed file was closed.
	until(t, "the renamed file is closed", func() bool { return d.stats.Snapshot()[0].Files == 1 })
	late(12, 13)
	appendTo(t, d.log, lines("b", 5, 6))
	d.wantAll(ids("a", 0, 13), ids("b", 0, 6))
}

func TestDeletedWhileOpen(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 5))
	d.start()
	d.settledAt(len(lines("a", 0, 5)))
	old, err := os.OpenFile(d.log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := os.Remove(d.log); err != nil {
		t.Fatal(err)
	}
	if _, err := old.WriteString(lines("a", 5, 9)); err != nil {
		t.Fatal(err)
	}
	until(t, "lines of the deleted file", func() bool { return d.events() == 9 })
	write(t, d.log, lines("b", 0, 3))
	until(t, "lines of the new file", func() bool { return d.events() == 12 })
	until(t, "the deleted file is closed", func() bool { return d.stats.Snapshot()[0].Files == 1 })
	d.wantAll(ids("a", 0, 9), ids("b", 0, 3))
}

func TestTruncation(t *testing.T) {
	for name, after := range map[string]int{"shorter": 3, "longer": 40, "as long": 10} {
		t.Run(name, func(t *testing.T) {
			d := newFollowing(t)
			d.opts.Interval = time.Hour // what was read is committed when the file is cut
			write(t, d.log, lines("a", 0, 10))
			d.start()
			until(t, "lines are read", func() bool { s := d.stats.Snapshot(); return len(s) == 1 && !s[0].LastLine.IsZero() })
			f, err := os.OpenFile(d.log, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := f.Truncate(0); err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(lines("b", 0, after)); err != nil {
				t.Fatal(err)
			}
			until(t, "the truncation is noticed", func() bool { return d.stats.Snapshot()[0].Truncations == 1 })
			until(t, "the lines read before are committed", func() bool { return d.events() >= 10 })
			if !strings.Contains(d.words.String(), "truncated") {
				t.Errorf("no alarm: %s", d.words)
			}
			until(t, "the new lines are read", func() bool { s := d.stats.Snapshot()[0]; return s.Size == int64(len(lines("b", 0, after))) })
			until(t, "they are handed on", func() bool { d.stop(); return d.events() == int64(10+after) || restart(d) })
			d.wantAll(ids("a", 0, 10), ids("b", 0, after))
		})
	}
}

// What is written over the log at once, longer than before, is a new file: it is
// read whole, and so is what is appended to it, without a restart.
func TestOverwrittenLongerIsFollowedOn(t *testing.T) {
	for name, flags := range map[string]int{"cut and written": os.O_WRONLY | os.O_TRUNC, "written over": os.O_WRONLY} {
		t.Run(name, func(t *testing.T) {
			d := newFollowing(t)
			write(t, d.log, lines("a", 0, 5))
			d.start()
			d.settledAt(len(lines("a", 0, 5)))
			f, err := os.OpenFile(d.log, flags, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString(lines("b", 0, 30)); err != nil {
				t.Fatal(err)
			}
			d.settledAt(len(lines("b", 0, 30)))
			appendTo(t, d.log, lines("b", 30, 33))
			d.settledAt(len(lines("b", 0, 33)))
			rename(t, d.log, d.log+".1")
			write(t, d.log, lines("c", 0, 2))
			until(t, "all lines", func() bool { return d.events() == 40 })
			until(t, "nothing is left", func() bool { return d.stats.Snapshot()[0].Lag == 0 })
			if n := d.stats.Snapshot()[0].Truncations; n != 1 {
				t.Errorf("%d truncations", n)
			}
			if !strings.Contains(d.words.String(), "truncated") {
				t.Errorf("no alarm: %s", d.words)
			}
			d.wantAll(ids("a", 0, 5), ids("b", 0, 33), ids("c", 0, 2))
		})
	}
}

func restart(d *following) bool { d.start(); return false }

func TestCopytruncateIsReadFromTheCopy(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 10))
	d.start()
	d.settledAt(len(lines("a", 0, 10)))
	// The copy has lines that were written and not read before the cut.
	write(t, d.log+".1", lines("a", 0, 14))
	write(t, d.log, lines("b", 0, 2))
	d.wantAll(ids("a", 0, 14), ids("b", 0, 2))
}

func TestRotationsWhileStopped(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 10))
	d.start()
	d.settledAt(len(lines("a", 0, 10)))
	d.stop()
	write(t, d.log+".3.gz", gz(t, lines("a", 0, 15)))
	write(t, filepath.Join(d.dir, "pixel.log-20261101"), lines("b", 0, 10))
	write(t, d.log+".1", lines("c", 0, 10))
	if err := os.Remove(d.log); err != nil {
		t.Fatal(err)
	}
	write(t, d.log, lines("d", 0, 10))
	d.start()
	d.wantAll(ids("a", 0, 15), ids("b", 0, 10), ids("c", 0, 10), ids("d", 0, 10))
}

func TestPackedWhileFollowed(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 10))
	d.start()
	d.settledAt(len(lines("a", 0, 10)))
	rename(t, d.log, d.log+".1")
	write(t, d.log, lines("b", 0, 10))
	whole := gz(t, lines("a", 0, 10))
	write(t, d.log+".2.gz", whole[:len(whole)/2]) // under way
	until(t, "the new log", func() bool { return d.events() == 20 })
	write(t, d.log+".2.gz", whole)
	if err := os.Remove(d.log + ".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, d.log, lines("b", 10, 12))
	d.wantAll(ids("a", 0, 10), ids("b", 0, 12))
}

func TestOneContentUnderSeveralNamesAndSources(t *testing.T) {
	d := newFollowing(t)
	for _, n := range []string{"pixel.log", "copy.log"} {
		write(t, filepath.Join(d.dir, n), lines("a", 0, 10))
	}
	if err := os.Link(d.log, filepath.Join(d.dir, "link.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(d.log, filepath.Join(d.dir, "symlink.log")); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"copy", "link", "symlink"} {
		d.opts.Sources = append(d.opts.Sources, Source{Name: n, Path: filepath.Join(d.dir, n+".log"), Format: "pixledger"})
	}
	d.start()
	until(t, "first lines", func() bool { return d.events() >= 10 })
	// Both grow, now one first, now the other.
	for i := range 6 {
		names := []string{d.log, filepath.Join(d.dir, "copy.log")}
		if i%2 == 1 {
			slices.Reverse(names)
		}
		for _, n := range names {
			appendTo(t, n, lines("a", 10+i, 11+i))
		}
		until(t, fmt.Sprint("line ", i), func() bool { return d.events() >= int64(11+i) })
	}
	// Only the copy grows on.
	appendTo(t, filepath.Join(d.dir, "copy.log"), lines("a", 16, 20))
	until(t, "the copy is read on", func() bool { return d.events() >= 20 })
	d.wantAll(ids("a", 0, 20))
}

func TestLineThatIsTooLongWhileFollowed(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 2))
	d.start()
	d.settledAt(len(lines("a", 0, 2)))
	piece := strings.Repeat("x", 700<<10)
	for range 5 {
		appendTo(t, d.log, piece)
	}
	appendTo(t, d.log, "\n"+lines("a", 2, 4))
	d.settledAt(len(lines("a", 0, 4)) + 5*len(piece) + 1)
	d.wantAll(ids("a", 0, 4))
	raw := column(t, d.l, schemas.Rejects, "raw")
	if len(raw) != 1 || len(raw[0]) != rawBytes {
		t.Errorf("%d rejects", len(raw))
	}
}

func TestIngestBesideTheFollower(t *testing.T) {
	d := newFollowing(t)
	d.opts.Interval = 30 * time.Millisecond
	write(t, d.log, lines("a", 0, 10))
	d.start()
	for i := 10; i < 200; i += 10 {
		appendTo(t, d.log, lines("a", i, i+10))
		mine, err := lake.Open(d.l.Root())
		if err != nil {
			t.Fatal(err)
		}
		ingest(t, testOptions(mine), d.log)
	}
	d.wantAll(ids("a", 0, 200))
}

func TestBlankAndHeaderlessBeginnings(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, "\n\n")
	write(t, filepath.Join(d.dir, "other.log"), lines("b", 0, 5))
	d.opts.Sources = append(d.opts.Sources, Source{Name: "other", Path: filepath.Join(d.dir, "other.log"), Format: "pixledger"})
	d.start()
	until(t, "the other log", func() bool { return d.events() == 5 })
	appendTo(t, d.log, "\n"+lines("a", 0, 1))
	until(t, "the line after blank ones", func() bool { return d.events() == 6 })
	d.wantAll(ids("a", 0, 1), ids("b", 0, 5))
}

func TestFollowedFormatIsRecognisedFromTheFirstLine(t *testing.T) {
	d := newFollowing(t)
	d.opts.Format, d.opts.Sources[0].Format = "", ""
	write(t, d.log, "\n \n")
	d.start()
	d.settledAt(len("\n \n"))
	appendTo(t, d.log, "\n"+lines("a", 0, 2))
	d.wantAll(ids("a", 0, 2))
	if strings.Contains(d.words.String(), "can't be read") {
		t.Errorf("blank lines are no trouble: %s", d.words)
	}
}

func TestLogThatCanNotBeRead(t *testing.T) {
	d := newFollowing(t)
	if err := os.Mkdir(d.log, 0o755); err != nil {
		t.Fatal(err)
	}
	d.start()
	until(t, "the trouble is told", func() bool {
		s := d.stats.Snapshot()
		return len(s) == 1 && strings.Contains(s[0].Trouble, "is a folder")
	})
	if err := os.Remove(d.log); err != nil {
		t.Fatal(err)
	}
	mkfifo(t, d.log)
	until(t, "the pipe is told", func() bool { return strings.Contains(d.stats.Snapshot()[0].Trouble, "is a named pipe") })
	if err := os.Remove(d.log); err != nil {
		t.Fatal(err)
	}
	write(t, d.log, lines("a", 0, 3))
	d.wantAll(ids("a", 0, 3))
	if n := strings.Count(d.words.String(), "is a folder"); n != 1 {
		t.Errorf("the trouble was told %d times", n)
	}
}

func TestCommitThatFailsIsTriedAgain(t *testing.T) {
	d := newFollowing(t)
	d.timing.retry, d.timing.retryMax = time.Second, time.Second
	staging := d.l.Path("_state/staging")
	rename(t, staging, staging+"-away")
	write(t, d.log, lines("a", 0, 5))
	d.start()
	until(t, "the failure is told", func() bool { return strings.Contains(d.words.String(), "could not commit") })
	appendTo(t, d.log, lines("a", 5, 8))
	rename(t, staging+"-away", staging)
	d.wantAll(ids("a", 0, 8))
}

func TestCommitThatGoesOnFailingEndsTheFollower(t *testing.T) {
	d := newFollowing(t)
	if err := os.RemoveAll(d.l.Path("_state/staging")); err != nil {
		t.Fatal(err)
	}
	write(t, d.log, lines("a", 0, 5))
	d.start()
	select {
	case err := <-d.ended:
		if err == nil || !strings.Contains(err.Error(), "staging") {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it does not end")
	}
	d.stop = func() {}
}

func TestFollowAtItsOwnPace(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 5))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	d.opts.Interval = time.Hour
	d.opts.Stats = &Stats{}
	go func() { ended <- Follow(ctx, d.opts) }()
	until(t, "lines are read", func() bool { s := d.opts.Stats.Snapshot(); return len(s) == 1 && !s[0].LastLine.IsZero() })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	wantIDs(t, d.l, ids("a", 0, 5)) // committed when it was stopped
}

// Without a source, as at a centre that only collects, it goes on until it is told to
// stop.
func TestFollowWithoutASource(t *testing.T) {
	d := newFollowing(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	d.opts.Sources, d.opts.Stats = nil, &Stats{}
	go func() { ended <- Follow(ctx, d.opts) }()
	until(t, "it works", d.opts.Stats.Begun)
	select {
	case err := <-ended:
		t.Errorf("it ended by itself, with %v", err)
	default:
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A writer that rotates as logrotate and nginx do: rename, go on in the old
// file for a while, then write to a new one.
func TestNothingIsLostUnderRotation(t *testing.T) {
	for _, seed := range []int{1, 2} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := newFollowing(t)
			d.start()
			n := d.writeAndRotate(seed, 40)
			d.wantAll(ids("w", 0, n))
		})
	}
}

// writeAndRotate writes lines w-0, w-1, … with rotations that keep five files,
// and gives how many. Four follow each other at once, then it waits until all is
// committed: a file that is overwritten before it was seen is lost to any reader.
func (d *following) writeAndRotate(seed, rotations int) int {
	d.t.Helper()
	const kept = 5
	f, err := os.OpenFile(d.log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		d.t.Fatal(err)
	}
	n := 0
	put := func(count int) {
		text := lines("w", n, n+count)
		for len(text) > 0 { // in pieces that cut lines
			k := min(len(text), 1+(seed*7919+n*131)%3000)
			if _, err := f.WriteString(text[:k]); err != nil {
				d.t.Error(err)
			}
			text = text[k:]
		}
		n += count
	}
	for i := range rotations {
		put(1 + (seed+i*37)%120)
		if i%(kept-1) == 0 {
			until(d.t, "all lines are committed", func() bool {
				s := d.stats.Snapshot()
				return len(s) > 0 && s[0].Lines == int64(n)
			})
		}
		for k := kept; k > 1; k-- {
			_ = os.Rename(fmt.Sprintf("%s.%d", d.log, k-1), fmt.Sprintf("%s.%d", d.log, k))
		}
		rename(d.t, d.log, d.log+".1")
		put(1 + (seed+i*11)%40)
		if err := f.Close(); err != nil {
			d.t.Error(err)
		}
		if f, err = os.OpenFile(d.log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); err != nil {
			d.t.Fatal(err)
		}
	}
	put(10)
	if err := f.Close(); err != nil {
		d.t.Error(err)
	}
	return n
}
