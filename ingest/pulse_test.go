package ingest

import (
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// A follower that hangs in a commit, here for a lock that nobody gives back,
// shows it although no further line comes; one that has nothing to do is alive.
func TestAHangingFollowerGivesNoSign(t *testing.T) {
	d := newFollowing(t)
	d.start()
	quiet := time.Now()
	until(t, "two signs' time has passed", func() bool {
		if loop, since := d.stats.Silent(); since > 2*pulseEvery {
			t.Fatalf("idle, %s gave no sign for %v", loop, since)
		}
		return time.Since(quiet) > 2*pulseEvery
	})
	lock := flock.New(d.l.Path("_state/locks/publish"))
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	write(t, d.log, lines("a", 0, 5))
	until(t, "the commit hangs", func() bool {
		loop, since := d.stats.Silent()
		return loop == "committing" && since > 2*pulseEvery
	})
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	until(t, "it goes on", func() bool { _, since := d.stats.Silent(); return since < pulseEvery })
	d.settledAt(len(lines("a", 0, 5)))
	d.stop()
	if loop, since := d.stats.Silent(); since != 0 {
		t.Errorf("ended, %s is said to give no sign for %v", loop, since)
	}
}

// A follower that takes another's place goes on with its counts.
func TestCountsGoOnWithTheNextFollower(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 5))
	d.start()
	d.settledAt(len(lines("a", 0, 5)))
	d.stop()
	d.begin()
	until(t, "the next looks at the log", func() bool { return len(d.stats.Snapshot()) == 1 })
	if s := d.stats.Snapshot()[0]; s.Lines != 5 || s.LastCommit.IsZero() {
		t.Errorf("it knows of %d lines, committed at %v", s.Lines, s.LastCommit)
	}
	d.stop()
}
