package ingest

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What counts as a line that waits to be committed, and since when.
func TestSinceWhenLinesWait(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 11, 13, 6, 0, s, 0, time.UTC) }
	var w waits
	for _, step := range []struct {
		what    string
		content string
		settled int64
		now     int
		since   int // 0: nothing waits
	}{
		{"an empty file", "", 0, 1, 0},
		{"the beginning of a line", "ab", 0, 2, 0},
		{"a line", "ab\n", 0, 3, 3},
		{"more lines behind it", "ab\ncd\n", 0, 4, 3},
		{"the first is committed, the second waits", "ab\ncd\n", 3, 5, 5},
		{"all is committed", "ab\ncd\n", 6, 6, 0},
		{"the beginning of another", "ab\ncd\nef", 6, 7, 0},
		{"it is committed with the next's beginning there", "ab\ncd\nef\ng", 6, 8, 8},
		{"and only the beginning is left", "ab\ncd\nef\ng", 9, 9, 0},
		{"a line that is longer than is looked at", "ab\n" + strings.Repeat("x", waitBytes), 3, 10, 10},
		{"the file is cut, and another in its place", "hi\n", 0, 11, 11},
	} {
		w.look(strings.NewReader(step.content), step.settled, int64(len(step.content)), at(step.now))
		want := time.Time{}
		if step.since > 0 {
			want = at(step.since)
		}
		if !w.since.Equal(want) {
			t.Errorf("%s: waits since %v, want %v", step.what, w.since, want)
		}
	}
}

// A log whose lines can not be committed is behind until they are; who can not
// commit says since when, and whether it is for want of space.
func TestSnapshotSaysWhatWaits(t *testing.T) {
	d := newFollowing(t)
	d.opts.Interval = time.Hour
	appendTo(t, d.log, lines("a", 0, 3))
	before := time.Now()
	d.start()
	until(t, "the lines wait", func() bool { s := d.stats.Snapshot(); return len(s) == 1 && !s[0].Behind.IsZero() })
	if s := d.stats.Snapshot()[0]; s.Behind.Before(before) || s.Lag == 0 || s.Waiting != "" || !s.WaitingSince.IsZero() {
		t.Errorf("stats: %+v", s)
	}
	f := d.stats.f.Load()
	f.setWaiting("no space", true)
	s := d.stats.Snapshot()[0]
	f.setWaiting("no space yet", true)
	if again := d.stats.Snapshot()[0]; s.WaitingSince.IsZero() || !again.WaitingSince.Equal(s.WaitingSince) || !again.NoSpace {
		t.Errorf("waiting: %+v, then %+v", s, again)
	}
	if f.worked(errors.New("no")) == nil || d.stats.Snapshot()[0].Waiting == "" {
		t.Error("a commit that failed ends the waiting")
	}
	d.stop() // commits what it has read
	if s := d.stats.Snapshot(); len(s) != 1 || !s[0].Behind.IsZero() || s[0].Waiting != "" || !s[0].WaitingSince.IsZero() || s[0].NoSpace {
		t.Errorf("stats in the end: %+v", s)
	}
}
