package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"pixledger/schemas/lake"
)

func schedulerFor(t *testing.T, spec string, l *lake.Lake, run func(context.Context) error) *scheduler {
	t.Helper()
	when, err := ParseSchedule(spec, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return &scheduler{
		lake: l, now: func() time.Time { return time.Now().UTC() }, log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		jobs: []job{{name: "attribute", when: when, run: run}},
	}
}

func testLake(t *testing.T) *lake.Lake {
	t.Helper()
	l, err := lake.OpenOrCreate(filepath.Join(t.TempDir(), "lake"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Jobs run at their times, in virtual time; a failed and a panicking run do
// not keep the next one from running.
func TestScheduleRunsEveryQuarter(t *testing.T) {
	l := testLake(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 61*time.Minute) // virtual time
		defer cancel()
		var at []time.Time
		s := schedulerFor(t, "*/15 * * * *", l, func(context.Context) error {
			at = append(at, time.Now().UTC())
			switch len(at) {
			case 1:
				return errors.New("no")
			case 2:
				panic("no")
			}
			return nil
		})
		s.run(ctx)
		if len(at) != 4 {
			t.Fatalf("ran %d times in an hour: %v", len(at), at)
		}
		for _, x := range at {
			if x.Minute()%15 != 0 || x.Second() != 0 {
				t.Errorf("ran at %v", x)
			}
		}
		if n := readJobNote(l, "attribute"); n.Error != "" || !n.Due.Equal(at[3]) {
			t.Errorf("the note is %+v", n)
		}
	})
}

// A daemon that was down for hours makes up one run, at once, and goes on.
func TestScheduleMakesUpAMissedRunOnce(t *testing.T) {
	l := testLake(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().UTC()
		if err := writeJobNote(l, "attribute", jobNote{Due: start.Add(-5 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 59*time.Minute) // virtual time
		defer cancel()
		runs := 0
		s := schedulerFor(t, "0 * * * *", l, func(context.Context) error {
			if runs++; runs == 1 && time.Now().After(start.Add(time.Second)) {
				t.Errorf("the missed run came %v late", time.Since(start))
			}
			return nil
		})
		s.run(ctx)
		if runs != 1 {
			t.Errorf("ran %d times, want the one that was made up", runs)
		}
	})
}

// A run that outlasts its next time is not run twice at once, and the times
// that passed meanwhile are one run.
func TestScheduleDoesNotOverlap(t *testing.T) {
	l := testLake(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // virtual time
		defer cancel()
		running, runs := 0, 0
		s := schedulerFor(t, "* * * * *", l, func(context.Context) error {
			if running++; running > 1 {
				t.Error("two runs at once")
			}
			runs++
			<-time.After(150 * time.Second)
			running--
			return nil
		})
		s.run(ctx)
		if runs != 4 {
			t.Errorf("ran %d times in ten minutes of runs of two and a half", runs)
		}
	})
}
