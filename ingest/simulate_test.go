package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/disk/disktest"
	"pixledger/schemas/lake"
)

// A follower on a bad machine: its disk fails now and then, its power is cut,
// or it is told to stop, while the log is written and rotated. The next one
// goes on from whatever the disk holds. At the end every line is there once.
func TestFollowerOnABadMachine(t *testing.T) {
	seed := firstSeed(t)
	for n := range uint64(6 * *faultSeeds) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := &simulation{t: t, r: rand.New(rand.NewPCG(seed, n)), words: &words{}, root: filepath.Join(quickDir(t), "lake")}
			s.log = filepath.Join(quickDir(t), "pixel.log")
			for range 5 {
				s.life()
			}
			s.end()
		})
	}
}

type simulation struct {
	t         *testing.T
	r         *rand.Rand
	root, log string
	words     *words
	written   int
	rotations int
}

// one in n.
func (s *simulation) oneIn(n int) bool { return s.r.IntN(n) == 0 }

// life is one process from its start to its end, and what is left of it.
func (s *simulation) life() {
	defer goleak.VerifyNone(s.t)
	m := disktest.New(s.root)
	if err := os.MkdirAll(s.root, 0o750); err != nil {
		s.t.Fatal(err)
	}
	if err := m.Adopt(); err != nil {
		s.t.Fatal(err)
	}
	faults := rand.New(rand.NewPCG(s.r.Uint64(), 0)) // used under the machine's lock
	rate := []int{0, 30, 120, 500}[s.r.IntN(4)]
	m.Refuse(func(_ int, op disk.Op) error {
		if rate == 0 || faults.IntN(rate) != 0 {
			return nil
		}
		switch {
		case op.Kind == disk.Write && faults.IntN(2) == 0:
			return &disk.ShortWrite{N: faults.IntN(len(op.Data) + 1), Err: syscall.ENOSPC}
		case op.Kind.Changes() && op.Kind != disk.Remove && faults.IntN(2) == 0:
			return syscall.ENOSPC
		}
		return syscall.EIO
	})
	cut := s.oneIn(2)
	if cut {
		m.StopAt(100 + s.r.IntN(1500))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.follow(ctx, m) }()
	over := false
	for i := 0; i < 60 && !over; i++ {
		s.write()
		pause := time.NewTimer(time.Duration(s.r.IntN(8)) * time.Millisecond)
		select {
		case <-pause.C:
		case err := <-ended: // it gave up, or the power is off
			over = true
			ended <- err
		}
	}
	cancel()
	err := <-ended
	survival := disktest.Everything
	if cut {
		survival = disktest.Survival(s.r.IntN(4))
	}
	s.t.Logf("%d lines written; %d operations, one in %d fails; ended with %v; a power cut leaves %s", s.written, m.Count(), rate, err, survival)
	s.root = filepath.Join(quickDir(s.t), "lake")
	if err := m.Restore(s.root, survival, s.r); err != nil {
		s.t.Fatal(err)
	}
	if err := glance(s.root); err != nil {
		s.t.Errorf("by glob: %v", err)
	}
}

func (s *simulation) follow(ctx context.Context, m *disktest.Machine) error {
	l, err := lake.OpenOrCreateOn(m.Disk(), s.root, testTime)
	if err != nil {
		return err
	}
	opts := testOptions(l)
	opts.Interval = 5 * time.Millisecond
	opts.Log = slog.New(slog.NewTextHandler(s.words, nil))
	opts.Sources = []Source{{Name: "edge-1", Path: s.log, Format: "pixledger"}}
	if opts, err = opts.withDefaults(); err != nil {
		return err
	}
	return newFollower(opts, quick).run(ctx)
}

// write writes some lines, in pieces and with a rotation now and then.
func (s *simulation) write() {
	n := s.r.IntN(20)
	text := lines("s", s.written, s.written+n)
	s.written += n
	cut := s.r.IntN(len(text) + 1)
	appendTo(s.t, s.log, text[:cut])
	if s.oneIn(12) {
		s.rotations++
		old := fmt.Sprintf("%s.%d", s.log, s.rotations)
		rename(s.t, s.log, old)
		if s.oneIn(2) {
			appendTo(s.t, s.log, "")
		}
		appendTo(s.t, old, text[cut:]) // late
		return
	}
	appendTo(s.t, s.log, text[cut:])
}

// end lets a follower finish on a good machine, and looks for every line.
func (s *simulation) end() {
	m := disktest.New(s.root)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.follow(ctx, m) }()
	var l *lake.Lake
	until(s.t, fmt.Sprint(s.written, " events\n", s.words), func() bool {
		var err error
		if l, err = lake.Open(s.root); err != nil {
			return false
		}
		state, err := l.State()
		if err != nil {
			s.t.Fatal(err)
		}
		var rows int64
		for _, f := range state.Files {
			rows += f.Rows
		}
		return rows >= int64(s.written)
	})
	cancel()
	if err := <-ended; err != nil {
		s.t.Error(err)
	}
	got, want := column(s.t, l, schemas.Events, "event_id"), ids("s", 0, s.written)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.t.Errorf("got %d events %s, want %d %s", len(got), few(got), len(want), few(want))
	}
	if problems := verify(s.t, s.root, time.Time{}); len(problems) > 0 {
		s.t.Errorf("verify: %q", problems)
	}
	if gaps := openGaps(s.t, s.root); len(gaps) > 0 {
		s.t.Errorf("gaps: %+v", gaps)
	}
}
