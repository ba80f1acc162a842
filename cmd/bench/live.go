package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// live measures how fast the daemon keeps up with a log that is written as fast
// as the disk takes it.
func (b *bench) live() error {
	ready, err := b.log("ready.log", b.lines)
	if err != nil {
		return err
	}
	d, log, err := b.onEmptyLog(time.Second)
	if err != nil {
		return err
	}
	before, err := d.cpu()
	if err != nil {
		return err
	}
	start := time.Now()
	size, err := appendFile(log, ready)
	if err != nil {
		return err
	}
	written := time.Since(start)
	if err := d.waitFor(size, 10*time.Minute); err != nil {
		return err
	}
	took := time.Since(start)
	after, err := d.cpu()
	if err != nil {
		return err
	}
	fmt.Printf("%d lines were written in %.2f s and committed after %.2f s, with %.2f s of processor time\n",
		b.lines, written.Seconds(), took.Seconds(), (after - before).Seconds())
	rate := float64(b.lines) / took.Seconds()
	goal(rate >= 250_000, fmt.Sprintf("%.0f k lines/s sustained", rate/1000), "at least 250 k lines/s")
	return d.stop()
}

// onEmptyLog starts the daemon on a log without a line, and gives both when it
// has nothing to do.
func (b *bench) onEmptyLog(interval time.Duration) (d *daemon, log string, err error) {
	log = b.path("pixel.log")
	conf, err := b.config("lake", log, fmt.Sprintf("commit: {interval: %v}\n", interval))
	if err == nil {
		err = os.WriteFile(log, nil, 0o600)
	}
	if err == nil {
		d, err = b.runIdle("lake", conf)
	}
	return d, log, err
}

// runIdle starts the daemon and waits until it has nothing to do.
func (b *bench) runIdle(lake, conf string) (*daemon, error) {
	d, err := b.run(lake, conf)
	if err == nil {
		err = d.idle()
	}
	return d, err
}

// idle waits until the daemon follows its log and has nothing to do.
func (d *daemon) idle() error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	last := time.Duration(-1)
	for range 60 {
		now, err := d.cpu()
		if err != nil {
			return err
		}
		if now-last <= 10*time.Millisecond && last >= 0 {
			return nil
		}
		last = now
		<-tick.C
	}
	return fmt.Errorf("the daemon is not idle after 30 s")
}

// waitFor waits until so many bytes of the log are committed.
func (d *daemon) waitFor(size int64, limit time.Duration) error {
	return until(limit, func() (bool, error) {
		n, err := d.committed()
		return n >= size, err
	})
}

// appendFile appends one file to another and gives the bytes.
func appendFile(to, from string) (int64, error) {
	src, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer dst.Close()
	// Plain writes: copied inside the kernel the file would grow at one go.
	n, err := io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, make([]byte, 64<<10))
	return n, err
}

// The rate and length of the latency measurement.
const (
	liveRate     = 20_000 // lines a second
	liveFor      = 20 * time.Second
	liveInterval = 2 * time.Second
	liveStep     = 10 * time.Millisecond
	quietAfter   = 15 * time.Second // that the last lines lie back when the idle daemon is measured
	idleFor      = 20 * time.Second
)

// latency measures the time from a line's write to the commit by which it can
// be queried, and what the daemon takes with nothing to read.
func (b *bench) latency() error {
	lines := int64(liveRate * liveFor / time.Second)
	ready, err := b.log("ready.log", lines)
	if err != nil {
		return err
	}
	d, log, err := b.onEmptyLog(liveInterval)
	if err != nil {
		return err
	}
	before, err := d.cpu()
	if err != nil {
		return err
	}
	waits, err := d.writeSteadily(ready, log)
	if err != nil {
		return err
	}
	after, err := d.cpu()
	if err != nil {
		return err
	}
	slices.Sort(waits)
	p50, p99 := waits[len(waits)/2], waits[len(waits)*99/100]
	fmt.Printf("%d lines at %d a second, a commit every %v, %.0f %% of one processor: p50 %.2f s\n", len(waits), liveRate, liveInterval,
		100*(after-before).Seconds()/liveFor.Seconds(), p50.Seconds())
	most := liveInterval + time.Second
	goal(p99 <= most, fmt.Sprintf("p99 is %.2f s", p99.Seconds()), fmt.Sprintf("at most %v", most))

	<-time.After(quietAfter)
	if before, err = d.cpu(); err != nil {
		return err
	}
	<-time.After(idleFor)
	if after, err = d.cpu(); err != nil {
		return err
	}
	share := 100 * (after - before).Seconds() / idleFor.Seconds()
	goal(share <= 0.2, fmt.Sprintf("with nothing to read it takes %.2f %% of one processor", share), "about 0, at most 0.2 %")
	return d.stop()
}

// mark is the end of some lines in the log, and when they were written.
type mark struct {
	end   int64
	lines int
	at    time.Time
}

// writeSteadily appends the lines of a file to the log at the rate, and gives
// the time from write to commit of each.
func (d *daemon) writeSteadily(from, log string) ([]time.Duration, error) {
	src, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	dst, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer dst.Close()
	lines := bufio.NewReaderSize(src, 1<<20)
	tick := time.NewTicker(liveStep)
	defer tick.Stop()
	var open []mark // not committed
	var waits []time.Duration
	var written, size int64
	start, done := time.Now(), false
	for !done || len(open) > 0 {
		<-tick.C
		// As many lines as are due, whatever ticks were missed.
		due := int64(time.Since(start).Seconds() * liveRate)
		var chunk []byte
		m := mark{}
		for ; written < due && !done; written++ {
			line, err := lines.ReadSlice('\n')
			if err == io.EOF {
				done = true
				break
			}
			if err != nil {
				return nil, err
			}
			chunk = append(chunk, line...)
			m.lines++
		}
		if m.lines > 0 {
			if _, err := dst.Write(chunk); err != nil {
				return nil, err
			}
			size += int64(len(chunk))
			m.end, m.at = size, time.Now()
			open = append(open, m)
		}
		n, err := d.committed()
		if err != nil {
			return nil, err
		}
		now := time.Now()
		for len(open) > 0 && open[0].end <= n {
			for range open[0].lines {
				waits = append(waits, now.Sub(open[0].at))
			}
			open = open[1:]
		}
		if len(open) > 0 && now.Sub(open[0].at) > time.Minute {
			return nil, fmt.Errorf("lines are not committed after a minute")
		}
	}
	return waits, nil
}
