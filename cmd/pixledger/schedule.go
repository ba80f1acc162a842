package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// job is something that the daemon does on a schedule.
type job struct {
	name string
	when cron.Schedule
	run  func(context.Context) error
}

// jobNote is what the daemon remembers of a job across restarts. Times are UTC.
type jobNote struct {
	Due     time.Time `json:"due"` // the scheduled time that the last run was for
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Error   string    `json:"error,omitempty"`
}

// readJobNote gives the note on a job; the zero note is of one that never ran,
// or whose note is unreadable.
func readJobNote(l *lake.Lake, name string) jobNote {
	var n jobNote
	b, err := os.ReadFile(l.JobFile(name))
	if err != nil || json.Unmarshal(b, &n) != nil {
		return jobNote{}
	}
	return n
}

func writeJobNote(l *lake.Lake, name string, n jobNote) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return disk.Real.Publish(l.JobFile(name), lake.FileMode, append(b, '\n'))
}

// lastDue gives the latest time at or before now that a schedule calls for,
// and that is after done. All that were missed since count as one run, for the
// latest of them.
func lastDue(s cron.Schedule, done, now time.Time) (due time.Time, ok bool) {
	for t := s.Next(done); !t.IsZero() && !t.After(now); t = s.Next(t) {
		due, ok = t, true
	}
	return due, ok
}

// scheduler runs jobs when they are due. A job never overlaps with itself,
// because each has one goroutine; a panic in one ends that run alone.
type scheduler struct {
	lake *lake.Lake
	now  func() time.Time
	log  *slog.Logger
	jobs []job
	// wake is what a job waits on: a channel that delivers after d at the
	// latest. Nil is a real timer.
	wake func(d time.Duration) <-chan time.Time
	// ended is told of every run, for metrics. Nil: nobody.
	ended func(name string, n jobNote)
}

// longestWait bounds a wait, so that a clock that was set, or a machine that
// slept, is noticed within it.
const longestWait = time.Minute

// run runs until the context ends, and waits for the jobs under way.
func (s *scheduler) run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, j := range s.jobs {
		wg.Go(func() { s.loop(ctx, j) })
	}
	wg.Wait()
}

func (s *scheduler) loop(ctx context.Context, j job) {
	wake := s.wake
	if wake == nil {
		wake = func(d time.Duration) <-chan time.Time { return time.After(d) }
	}
	// A job that never ran has missed nothing.
	done := readJobNote(s.lake, j.name).Due
	if done.IsZero() {
		done = s.now()
	}
	for ctx.Err() == nil {
		now := s.now()
		if due, ok := lastDue(j.when, done, now); ok {
			s.runOnce(ctx, j, due)
			done = due
			continue
		}
		wait := longestWait
		if next := j.when.Next(now); !next.IsZero() {
			wait = min(wait, next.Sub(now))
		}
		select {
		case <-ctx.Done():
		case <-wake(wait):
		}
	}
}

// runOnce runs a job for the time that it was due at, and notes how it went.
func (s *scheduler) runOnce(ctx context.Context, j job, due time.Time) {
	n := jobNote{Due: due.UTC(), Started: s.now()}
	err := func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("it panicked: %v", r)
			}
		}()
		return j.run(ctx)
	}()
	n.Ended = s.now()
	if err != nil {
		n.Error = err.Error()
		s.log.Error("job failed", "job", j.name, "due", due, "error", err)
	} else {
		s.log.Info("job done", "job", j.name, "due", due, "seconds", n.Ended.Sub(n.Started).Seconds())
	}
	if ctx.Err() != nil && err != nil {
		return // cut short by the end of the daemon: due again at the next start
	}
	if err := writeJobNote(s.lake, j.name, n); err != nil {
		s.log.Error("job note not written", "job", j.name, "error", err)
	}
	if s.ended != nil {
		s.ended(j.name, n)
	}
}
