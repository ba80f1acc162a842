package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"pixledger/schemas/lake"
)

// killsEach is how often a daemon is killed on one lake, at most: with a
// commit every few milliseconds and no merging, a lake gets many files.
const killsEach = 60

// runKill kills the real daemon again and again, at any instant, while its
// logs are written, rotated and compressed; in two of three lakes compaction is
// run and killed beside it, in one of them the batch too. Then it is left to finish.
func runKill(ctx context.Context, o Options, r *Result) error {
	kills := o.Kills
	if kills == 0 {
		kills = max(15, int(o.Duration/(450*time.Millisecond)))
	}
	const variants = 3
	rounds := max(min(kills, variants), (kills+killsEach-1)/killsEach)
	var lines, rotations, batches, compactions int
	var errs []error
	for i := range rounds {
		k := killing{
			o: o, seed: o.Seed + uint64(i), kills: kills/rounds + boolInt(i < kills%rounds),
			logs: []int{1, 3, 2}[i%variants], batch: i%variants == 2, compact: i%variants > 0, result: r,
		}
		o.logf("kill: lake %d of %d, %d kills, %d logs", i+1, rounds, k.kills, k.logs)
		err := k.run(ctx, filepath.Join(o.Dir, fmt.Sprint("lake-", i)))
		lines, rotations, batches, compactions = lines+k.lines, rotations+k.rotations, batches+k.batches, compactions+k.compactions
		if err != nil {
			errs = append(errs, fmt.Errorf("lake %d (seed %d): %w", i, k.seed, err))
			break
		}
	}
	r.Volume = fmt.Sprintf("%d kills, %d lines, %d rotations, %d batches and %d compactions beside", kills, lines, rotations, batches, compactions)
	return errors.Join(errs...)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// killing is the scenario on one lake.
type killing struct {
	o     Options
	seed  uint64
	kills int
	logs  int
	batch bool
	// compact has compaction beside.
	compact bool
	result  *Result

	lines, rotations, batches, compactions int
}

func (k *killing) run(ctx context.Context, dir string) (err error) {
	o := k.o
	o.Seed = k.seed
	r := o.random(0)
	settings := fmt.Sprintf("commit: {interval: %s, rows: %d}\nlimits: {max_line: %dB}\nsources:\n",
		[]string{"20ms", "50ms", "150ms"}[r.IntN(3)], []int{300, 5000}[r.IntN(2)], maxLine)
	for i := range k.logs {
		settings += fmt.Sprintf("  - {name: edge-%d, path: ./edge-%d/pixel.log}\n", i, i)
	}
	p, err := setUp(o, dir, settings)
	if err != nil {
		return err
	}
	w := newWritten(k.seed, true)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	writing, stopWriting := context.WithCancel(ctx)
	defer stopWriting()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stopWriting()
	var writers []*logWriter
	for i := range k.logs {
		l, err := newLogWriter(w, filepath.Join(dir, fmt.Sprintf("edge-%d", i), "pixel.log"), p.lakeDir(), o.random(uint64(10+i)))
		if err != nil {
			return err
		}
		writers = append(writers, l)
	}
	for _, l := range writers {
		wg.Go(func() {
			if err := l.run(writing, 700*time.Millisecond); err != nil {
				cancel(fmt.Errorf("write %s: %w", l.path, err))
			}
		})
	}
	seen := startReaders(ctx, p)
	if k.batch {
		wg.Go(func() {
			if err := k.besides(writing, p, writers); err != nil {
				cancel(err)
			}
		})
	}
	if k.compact {
		wg.Go(func() {
			if err := k.compacts(writing, p); err != nil {
				cancel(err)
			}
		})
	}
	d := &daemon{program: p}
	defer d.end()
	err = k.killAll(ctx, d, writers, r)
	stopWriting()
	wg.Wait()
	if err == nil {
		err = k.finish(ctx, d, w)
	}
	err = errors.Join(err, seen.end(k.result), context.Cause(ctx))
	for _, l := range writers {
		err = errors.Join(err, l.close())
		k.rotations += l.rotations
	}
	k.lines = w.total()
	if ctx.Err() == nil {
		err = errors.Join(err, w.compare(ctx, p, k.result), p.verify(ctx))
	}
	if err == nil {
		return os.RemoveAll(dir)
	}
	return err
}

// killAll kills the daemon as often as it shall be, and leaves it running.
func (k *killing) killAll(ctx context.Context, d *daemon, writers []*logWriter, r *rand.Rand) error {
	for range k.kills {
		if err := d.start(); err != nil {
			return err
		}
		switch r.IntN(3) {
		case 0: // at any instant
			pause(ctx, between(r, 0, 600*time.Millisecond))
		case 1: // in its beginning
			pause(ctx, between(r, 0, 60*time.Millisecond))
		case 2: // in a commit
			pause(ctx, between(r, 0, 200*time.Millisecond))
			awaitStaging(ctx, d.lakeDir())
			pause(ctx, between(r, 0, 8*time.Millisecond))
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := d.kill(); err != nil {
			return err
		}
		// While it is dead the edge goes on; now and then for rotations.
		if r.IntN(10) == 0 {
			for range 1 + r.IntN(3) {
				pause(ctx, between(r, 0, 100*time.Millisecond))
				for _, l := range writers {
					if err := l.rotate(); err != nil {
						return err
					}
				}
			}
		}
	}
	return d.start()
}

// awaitStaging waits until a commit is being made, or for a moment.
func awaitStaging(ctx context.Context, root string) {
	limit := time.Now().Add(300 * time.Millisecond)
	for time.Now().Before(limit) && ctx.Err() == nil {
		if found, _ := filepath.Glob(filepath.Join(root, "_state/staging/s*/*.parquet")); len(found) > 0 {
			return
		}
		pause(ctx, 200*time.Microsecond)
	}
}

// finish waits until the daemon has committed all that was written, and stops it.
func (k *killing) finish(ctx context.Context, d *daemon, w *written) error {
	if err := caughtUp(ctx, d, w); err != nil {
		return err
	}
	return d.stop()
}

// caughtUp waits until the daemon has committed all that was written.
func caughtUp(ctx context.Context, d *daemon, w *written) error {
	var left int64
	err := waitUntil(ctx, hang, "the daemon to catch up", func() (bool, error) {
		if err := d.ended(); err != nil {
			return false, err
		}
		var err error
		left, err = w.leftOf(d.program)
		return err == nil && left <= 0, err
	})
	if err != nil && ctx.Err() == nil {
		// What is missing then is told line by line.
		return fmt.Errorf("%w: %d bytes were not read; it said: %s", err, left, last(d.out.String()))
	}
	return err
}

// leftOf gives how many bytes that were written the lake has not.
func (w *written) leftOf(p *program) (int64, error) {
	state := &lake.State{}
	l, err := lake.Open(p.lakeDir())
	if err == nil {
		state, err = l.State()
	} else if errors.Is(err, lake.ErrNoLake) {
		err = nil
	}
	if err != nil {
		return 0, err
	}
	return w.behind(state), nil
}

// besides runs the batch beside the daemon, on all the sources or on some
// rotated files, and kills about half of the runs.
func (k *killing) besides(ctx context.Context, p *program, writers []*logWriter) error {
	r := k.o.random(1)
	for pause(ctx, between(r, 0, 200*time.Millisecond)) {
		args := []string{"ingest"}
		if r.IntN(3) == 0 {
			for _, l := range writers {
				for _, path := range l.rotatedPaths() {
					if r.IntN(3) == 0 {
						args = append(args, path)
					}
				}
			}
		}
		// A file that was rotated away, or is being compressed, since is a failure.
		if err := k.beside(ctx, p, r, 250*time.Millisecond, 1, args...); err != nil || ctx.Err() != nil {
			return err
		}
		k.batches++
	}
	return nil
}

// compacts runs compaction beside the daemon, as if it were a month later, so
// that all dates are over, and kills about half of the runs.
func (k *killing) compacts(ctx context.Context, p *program) error {
	r := k.o.random(2)
	for pause(ctx, between(r, 0, 300*time.Millisecond)) {
		later := time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339)
		if err := k.beside(ctx, p, r, 600*time.Millisecond, 0, "compact", "--now", later); err != nil || ctx.Err() != nil {
			return err
		}
		k.compactions++
	}
	return nil
}

// beside runs a command, and kills it about every second time within a while.
// An exit code above the one allowed is a finding, as is one without a word.
func (k *killing) beside(ctx context.Context, p *program, r *rand.Rand, within time.Duration, allowed int, args ...string) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if r.IntN(2) == 0 {
		limited, cancel = context.WithTimeout(ctx, between(r, time.Millisecond, within))
	}
	defer cancel()
	s, err := p.try(limited, args...)
	switch {
	case ctx.Err() != nil:
		return nil
	case limited.Err() != nil && (s.killed || errors.Is(err, limited.Err())): // the time was over before it began
		return nil
	case err != nil:
		return err
	case s.code > allowed || s.code > 0 && strings.TrimSpace(s.stderr) == "":
		return fmt.Errorf("pixledger %s: exit %d: %s", strings.Join(args, " "), s.code, last(s.stderr))
	}
	return nil
}
