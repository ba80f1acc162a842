package ingest

import (
	"context"
	"testing"
)

// A follower that can't commit says so until it has committed something: a look
// in between that finds nothing to commit is no success.
func TestNothingToCommitIsNoSuccess(t *testing.T) {
	opts, err := testOptions(testLake(t)).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	f := newFollower(opts, defaultTiming)
	_, cancel := f.working(t.Context())
	defer cancel()
	f.setWaiting("no space", true)
	stopped, ended := make(chan struct{}), make(chan error)
	go func() { ended <- f.commitLoop(context.Background(), stopped) }()
	f.flush <- struct{}{}
	until(t, "it was looked", func() bool { return len(f.flush) == 0 })
	close(stopped)
	if err := <-ended; err != nil || f.waiting != "no space" {
		t.Errorf("waiting: %q; %v", f.waiting, err)
	}
}
