package ingest

import (
	"os"
	"strings"
	"testing"
	"time"

	"pixledger/schemas/lake"
)

// seldom makes a follower look at its paths at the start, and when it is told
// to stop.
func (d *following) seldom() {
	d.timing.poll, d.opts.Interval = time.Hour, time.Hour
}

func TestStopReadsALogThatWasNotSeenYet(t *testing.T) {
	d := newFollowing(t)
	d.seldom()
	d.start()
	until(t, "the missing log is seen", func() bool { s := d.stats.Snapshot(); return len(s) == 1 && s[0].Missing })
	write(t, d.log, lines("a", 0, 5)+line("a-5")[:30])
	d.stop()
	wantIDs(t, d.l, ids("a", 0, 5))
	appendTo(t, d.log, line("a-5")[30:])
	d.start()
	d.stop()
	wantIDs(t, d.l, ids("a", 0, 6))
}

func TestStopReadsBothSidesOfARotation(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 5))
	d.start()
	d.settledAt(len(lines("a", 0, 5)))
	d.stop()
	d.seldom()
	d.start()
	until(t, "the log is open", func() bool { s := d.stats.Snapshot(); return len(s) == 1 && s[0].Files == 1 && s[0].Position > 0 })
	appendTo(t, d.log, lines("a", 5, 6000))
	rename(t, d.log, d.log+".1")
	appendTo(t, d.log+".1", lines("a", 6000, 6003))
	write(t, d.log, lines("b", 0, 4))
	write(t, d.log+".2.gz", gz(t, lines("c", 0, 3)))
	d.stop()
	wantIDs(t, d.l, ids("a", 0, 6003), ids("b", 0, 4), ids("c", 0, 3))
	s, err := d.l.State()
	if err != nil || s.Seq > 4 {
		t.Errorf("stopping took %d commits, %v", s.Seq, err)
	}
}

// What the follower had read was committed by another process before it was
// told to stop; the lines after that are its own.
func TestStopAfterAnotherProcessCommitted(t *testing.T) {
	d := newFollowing(t)
	d.seldom()
	write(t, d.log, lines("a", 0, 10))
	d.start()
	until(t, "lines are read", func() bool { s := d.stats.Snapshot(); return len(s) == 1 && !s[0].LastLine.IsZero() })
	mine, err := lake.Open(d.l.Root())
	if err != nil {
		t.Fatal(err)
	}
	ingest(t, testOptions(mine), d.log)
	appendTo(t, d.log, lines("a", 10, 15))
	d.stop()
	wantIDs(t, d.l, ids("a", 0, 15))
	if strings.Contains(d.words.String(), "could not be committed") {
		t.Errorf("it gave up: %s", d.words)
	}
}

func TestStopIsBounded(t *testing.T) {
	d := newFollowing(t)
	d.timing.drain = time.Millisecond
	const n = 60_000
	write(t, d.log, lines("a", 0, n))
	d.start()
	until(t, "lines are read", func() bool { s := d.stats.Snapshot(); return len(s) == 1 && !s[0].LastLine.IsZero() })
	d.stop()
	if read := d.events(); read < n && !strings.Contains(d.words.String(), "the next start goes on from there") {
		t.Errorf("%d of %d lines, and not said: %s", read, n, d.words)
	}
	d.timing.drain = time.Minute
	d.start()
	d.stop()
	wantIDs(t, d.l, ids("a", 0, n))
}

// Nothing can be committed any more: the stop does not wait for it.
func TestStopWhenNothingCanBeCommitted(t *testing.T) {
	d := newFollowing(t)
	d.seldom()
	write(t, d.log, lines("a", 0, 5))
	d.start()
	until(t, "lines are read", func() bool { s := d.stats.Snapshot(); return len(s) == 1 && !s[0].LastLine.IsZero() })
	if err := os.RemoveAll(d.l.Path("_state/staging")); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	d.stop()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if !strings.Contains(d.words.String(), "the next start reads it again") {
		t.Errorf("not said: %s", d.words)
	}
}
