package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"pixledger/schemas/lake"
)

// runRotate has the real nginx serve a load on the printed configuration while
// the real logrotate rotates its log, nginx is reloaded, and the daemon that
// follows is killed now and then: with a log that is written at once, and with
// one that nginx buffers. Every request that was answered is one event.
func runRotate(ctx context.Context, o Options, r *Result) error {
	rotations := o.Rotations
	if rotations == 0 {
		rotations = max(4, int(o.Duration/(2800*time.Millisecond)))
	}
	var errs []error
	sum := rotation{}
	for i, buffer := range []string{"", "buffer=16k flush=500ms"} {
		one := rotation{o: o, result: r, buffer: buffer, rotations: (rotations + 1 - i) / 2, part: uint64(100 * i)}
		o.logf("rotate: %d rotations, log %s", one.rotations, map[bool]string{true: "unbuffered", false: buffer}[buffer == ""])
		if err := one.run(ctx, filepath.Join(o.Dir, fmt.Sprint("edge-", i))); err != nil {
			errs = append(errs, fmt.Errorf("log with %q: %w", buffer, err))
		}
		sum.requests, sum.unanswered = sum.requests+one.requests, sum.unanswered+one.unanswered
		sum.kills, sum.reloads, sum.loaded = sum.kills+one.kills, sum.reloads+one.reloads, sum.loaded+one.loaded
	}
	r.Volume = fmt.Sprintf("%d rotations, %d requests (%.0f/s), %d reloads, %d kills",
		rotations, sum.requests, float64(sum.requests)/max(1, sum.loaded.Seconds()), sum.reloads, sum.kills)
	r.Notes = append(r.Notes, fmt.Sprintf("%d requests got no answer, by reloads: each at most one event", sum.unanswered))
	return errors.Join(errs...)
}

// rotation is the scenario with one kind of log.
type rotation struct {
	o         Options
	result    *Result
	buffer    string
	rotations int
	part      uint64

	requests, unanswered, kills, reloads int
	loaded                               time.Duration
}

func (b *rotation) run(ctx context.Context, dir string) error {
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	log := filepath.Join(dir, "pixel.log")
	p, err := setUp(b.o, dir, fmt.Sprintf("commit: {interval: 250ms}\nedge: {listen: \"%s\", log: %s}\nsources: [{name: edge-1, path: ./pixel.log}]\n", addr, log))
	if err != nil {
		return err
	}
	e, err := startEdge(ctx, p, addr, log, b.buffer)
	if err != nil {
		return err
	}
	d := &daemon{program: p}
	defer d.end()
	if err := d.start(); err != nil {
		return errors.Join(err, e.stop())
	}
	l := &load{addr: addr, prefix: fmt.Sprintf("%016x", b.o.Seed)}
	loading, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	var wg sync.WaitGroup
	failures := make(chan error, 16)
	for i := range uint64(8) {
		wg.Go(func() {
			if err := l.run(loading, b.o.random(b.part+10+i), 500*time.Microsecond); err != nil {
				failures <- err
			}
		})
	}
	seen := startReaders(ctx, p)
	start := time.Now()
	err = b.harm(ctx, e, d, b.o.random(b.part))
	stopLoad()
	wg.Wait()
	b.loaded = time.Since(start)
	close(failures)
	for f := range failures {
		err = errors.Join(err, f)
	}
	err = errors.Join(err, e.stop())
	b.requests, b.unanswered = len(l.sent), l.count(unanswered)
	if err == nil {
		err = b.caughtUp(ctx, d, l)
		err = errors.Join(err, d.stop())
	}
	err = errors.Join(err, seen.end(b.result))
	if ctx.Err() != nil {
		return err
	}
	return errors.Join(err, b.compare(ctx, p, l), p.verify(ctx))
}

// harm rotates as often as it shall, reloads nginx at random instants, and
// kills the daemon now and then, so that some rotations happen without it.
func (b *rotation) harm(ctx context.Context, e *edge, d *daemon, r *rand.Rand) error {
	for i := range b.rotations {
		pause(ctx, between(r, 300*time.Millisecond, 3*time.Second))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		killed := i%3 == 1
		if killed {
			if err := d.kill(); err != nil {
				return err
			}
			b.kills++
			pause(ctx, between(r, 0, 500*time.Millisecond))
		}
		reload := r.IntN(2)
		if reload == 0 { // just before, so that old workers write on
			b.reloads++
			if err := e.reload(); err != nil {
				return err
			}
			pause(ctx, between(r, 0, 60*time.Millisecond))
		}
		if err := e.rotate(ctx); err != nil {
			return err
		}
		if reload == 1 && r.IntN(2) == 0 {
			b.reloads++
			pause(ctx, between(r, 0, 60*time.Millisecond))
			if err := e.reload(); err != nil {
				return err
			}
		}
		if killed {
			pause(ctx, between(r, 0, 800*time.Millisecond))
			if err := d.start(); err != nil {
				return err
			}
		}
	}
	pause(ctx, 300*time.Millisecond)
	return ctx.Err()
}

// caughtUp waits until the lake has as many events as were answered.
func (b *rotation) caughtUp(ctx context.Context, d *daemon, l *load) error {
	want := int64(l.count(counted))
	return waitUntil(ctx, hang, fmt.Sprintf("%d events", want), func() (bool, error) {
		if err := d.ended(); err != nil {
			return false, err
		}
		at, err := lake.Open(d.lakeDir())
		if err != nil {
			return false, err
		}
		s, err := at.State()
		if err != nil {
			return false, err
		}
		var n int64
		for _, src := range s.Sources {
			for _, c := range src.Days {
				n += lake.Sum(c.Events)
			}
		}
		return n >= want, nil
	})
}

// compare finds every request that was answered in the events, once; one whose
// answer did not come at most once; and nothing else.
func (b *rotation) compare(ctx context.Context, p *program, l *load) error {
	var errs []error
	differ := func(format string, args ...any) {
		if len(errs) < 20 {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	seen := make([]uint8, len(l.sent))
	err := p.rows(ctx, "SELECT params['mark'], edge, source_id, source_offset FROM events", func(f []string) error {
		prefix, number, _ := strings.Cut(f[0], "-")
		n, err := strconv.Atoi(number)
		if err != nil || prefix != l.prefix || n < 0 || n >= len(seen) {
			differ("mark %q at %s:%s was never sent", f[0], f[2], f[3])
			return nil
		}
		if seen[n] < 255 {
			seen[n]++
		}
		if seen[n] > 1 {
			b.result.Doubled++
			differ("request %d is there %d times, at %s:%s too", n, seen[n], f[2], f[3])
		}
		return nil
	})
	if err != nil {
		return err
	}
	for n, a := range l.sent {
		switch {
		case a == counted && seen[n] == 0:
			b.result.Lost++
			differ("request %d was answered and is lost", n)
		case a == refused && seen[n] > 0:
			differ("request %d was refused and is an event", n)
		}
	}
	return errors.Join(errs...)
}
