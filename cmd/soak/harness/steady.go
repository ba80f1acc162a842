package harness

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"pixledger/schemas/lake"
)

// runSteady has the daemon follow a steady load under rotation, and watches
// what it holds: memory, descriptors, threads, goroutines.
func runSteady(ctx context.Context, o Options, r *Result) error {
	rate := o.Rate
	if rate == 0 {
		rate = 10_000
	}
	p, err := setUp(o, o.Dir, fmt.Sprintf("commit: {interval: 2s}\nlimits: {max_line: %dB}\nsources: [{name: edge-1, path: ./edge/pixel.log}]\n", maxLine))
	if err != nil {
		return err
	}
	w := newWritten(o.Seed, false)
	l, err := newLogWriter(w, filepath.Join(o.Dir, "edge", "pixel.log"), p.lakeDir(), o.random(0))
	if err != nil {
		return err
	}
	l.keep = 7
	l.writing = 20 * time.Millisecond
	l.chunk = max(1, rate*2/50) // half of it on average, fifty times a second
	d := &daemon{program: p}
	defer d.end()
	if err := d.start(); err != nil {
		return err
	}
	err = waitUntil(ctx, hang, "the daemon's metrics", func() (bool, error) {
		_, err := takeSample(ctx, d.cmd.Process.Pid, d.metricsURL())
		return err == nil, d.ended()
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	writing, stop := context.WithTimeout(ctx, o.Duration)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.run(writing, max(o.Duration/60, 700*time.Millisecond)); err != nil {
			cancel(err)
		}
	})
	samples, err := watch(writing, d, max(200*time.Millisecond, min(2*time.Second, o.Duration/100)))
	stop()
	wg.Wait()
	lines := w.total()
	r.Volume = fmt.Sprintf("%d lines, %.0f/s, %d rotations", lines, float64(lines)/o.Duration.Seconds(), l.rotations)
	if err == nil {
		err = caughtUp(ctx, d, w)
		err = errors.Join(err, d.stop())
	}
	err = errors.Join(err, context.Cause(ctx), l.close())
	if ctx.Err() != nil {
		return err
	}
	err = errors.Join(err, w.compare(ctx, p, r), p.verify(ctx))
	files, lerr := filesIn(p.lakeDir())
	return errors.Join(err, lerr, judge(samples, float64(files)/o.Duration.Hours(), r))
}

// filesIn counts the committed files of a lake.
func filesIn(root string) (int, error) {
	l, err := lake.Open(root)
	if err != nil {
		return 0, err
	}
	s, err := l.State()
	if err != nil {
		return 0, err
	}
	return len(s.Files), nil
}

// watch samples the daemon until the context ends.
func watch(ctx context.Context, d *daemon, every time.Duration) ([]sample, error) {
	var out []sample
	start := time.Now()
	for pause(ctx, every) {
		s, err := takeSample(ctx, d.cmd.Process.Pid, d.metricsURL())
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return out, errors.Join(d.ended(), err)
		}
		s.at = time.Since(start)
		out = append(out, s)
	}
	return out, nil
}

// The daemon's memory after its first minutes is what its heap needs between
// two collections. It grows with the lake by design: the state in memory has
// an entry for each committed file until compaction merges them, and the
// positions of each log. An entry is about half a KiB; its map is copied for each
// commit, and the heap grows to twice what is in use before it is collected.
const (
	growth      = 1 << 20 // bytes an hour that count as none
	perFile     = 2 << 10 // bytes for each file of the lake
	warmUp      = 5       // the first fifth of the samples is the warming up
	blocks      = 12      // that the rest is averaged in, so that neighbours are independent
	fewest      = 60      // samples that a slope can be told from
	descriptors = 4       // more than before count as growth: rotated files stay open for a while
	routines    = 8
)

// judge compares the second half of the samples with the first, and the slope
// of memory with what noise alone, and the files that the lake got an hour, would give.
func judge(all []sample, files float64, r *Result) error {
	if len(all) < fewest {
		r.Notes = append(r.Notes, fmt.Sprintf("%d samples are too few to tell a leak from", len(all)))
		return nil
	}
	list := all[len(all)/warmUp:]
	first, second := list[:len(list)/2], list[len(list)/2:]
	var errs []error
	for _, f := range []struct {
		name string
		of   func(sample) float64
		most float64 // that the second half's median may be above the first's; below 0: any
	}{
		{"RSS MiB", func(s sample) float64 { return float64(s.rss) / (1 << 20) }, -1},
		{"heap in use MiB", func(s sample) float64 { return s.heap / (1 << 20) }, -1},
		{"descriptors", func(s sample) float64 { return float64(s.descriptors) }, descriptors},
		{"threads", func(s sample) float64 { return float64(s.threads) }, descriptors},
		{"goroutines", func(s sample) float64 { return s.goroutines }, routines},
	} {
		a, b := medianOf(first, f.of), medianOf(second, f.of)
		r.Notes = append(r.Notes, fmt.Sprintf("%s: median %.1f in the first half, %.1f in the second, slope %+.2f an hour",
			f.name, a, b, slope(list, f.of).perHour))
		if f.most >= 0 && b-a > f.most {
			errs = append(errs, fmt.Errorf("%s grew from %.1f to %.1f (medians of the halves); allowed: %.0f more", f.name, a, b, f.most))
		}
	}
	used := list[len(list)-1].cpu - list[0].cpu
	r.Notes = append(r.Notes, fmt.Sprintf("CPU: %.2f of one processor", used.Seconds()/(list[len(list)-1].at-list[0].at).Seconds()))
	s := slope(list, func(s sample) float64 { return float64(s.rss) })
	bound := growth + 3*s.error + files*perFile
	r.Notes = append(r.Notes, fmt.Sprintf("RSS slope %+.2f MiB an hour, bound %.2f (1 + 3 standard errors of %.2f + %.0f files an hour at 2 KiB)",
		s.perHour/(1<<20), bound/(1<<20), s.error/(1<<20), files))
	if s.perHour > bound {
		errs = append(errs, fmt.Errorf("RSS grows by %.2f MiB an hour; allowed: %.2f", s.perHour/(1<<20), bound/(1<<20)))
	}
	return errors.Join(errs...)
}

func medianOf(list []sample, of func(sample) float64) float64 {
	v := make([]float64, len(list))
	for i, s := range list {
		v[i] = of(s)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// trend is a straight line's slope, with the standard error of it.
type trend struct{ perHour, error float64 }

// slope fits a line to the means of blocks of samples. Single samples follow
// one another up and down with the heap, so their own scatter would promise
// too much of the slope.
func slope(list []sample, of func(sample) float64) trend {
	var x, y []float64
	for i := range blocks {
		part := list[i*len(list)/blocks : (i+1)*len(list)/blocks]
		var at, v float64
		for _, s := range part {
			at += s.at.Hours()
			v += of(s)
		}
		x, y = append(x, at/float64(len(part))), append(y, v/float64(len(part)))
	}
	n := float64(blocks)
	var mx, my, sxx, sxy, rest float64
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	for i := range x {
		sxx += (x[i] - mx) * (x[i] - mx)
		sxy += (x[i] - mx) * (y[i] - my)
	}
	b := sxy / sxx
	for i := range x {
		d := y[i] - my - b*(x[i]-mx)
		rest += d * d
	}
	return trend{b, math.Sqrt(rest / (n - 2) / sxx)}
}
