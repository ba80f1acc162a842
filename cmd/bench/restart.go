package main

import (
	"fmt"
	"os"
	"time"
)

// restart measures how soon the daemon, killed and started again on a lake with
// 90 days in it, has committed a line.
func (b *bench) restart() error {
	lines := b.lines / 4
	log, err := b.log("pixel.log", lines, "--days", "90")
	if err != nil {
		return err
	}
	more, err := b.log("more.log", 1000)
	if err != nil {
		return err
	}
	// Small commits, so that the lake has many, as one that was followed has.
	const interval, rows = 500 * time.Millisecond, 2000
	conf, err := b.config("lake", log, fmt.Sprintf("commit: {interval: %v, rows: %d}\n", interval, rows))
	if err != nil {
		return err
	}
	if _, err := measure(b.program, "ingest", "-c", conf); err != nil {
		return err
	}
	d, err := b.runIdle("lake", conf)
	if err != nil {
		return err
	}
	// Killed with lines on their way.
	if _, err := appendFile(log, more); err != nil {
		return err
	}
	if err := d.kill(); err != nil {
		return err
	}
	if _, err := appendFile(log, more); err != nil {
		return err
	}
	fi, err := os.Stat(log)
	if err != nil {
		return err
	}
	was, err := d.committed()
	if err != nil {
		return err
	}
	start := time.Now()
	if d, err = b.run("lake", conf); err != nil {
		return err
	}
	if err := d.waitFor(was+1, time.Minute); err != nil {
		return err
	}
	took := time.Since(start)
	if err := d.waitFor(fi.Size(), time.Minute); err != nil {
		return err
	}
	state, err := d.lake.State()
	if err != nil {
		return err
	}
	fmt.Printf("a lake of 90 days, %d commits and %d files; a commit every %v\n", state.Seq, len(state.Files), interval)
	goal(took <= 2*time.Second, fmt.Sprintf("the first line is committed %.2f s after the start", took.Seconds()), "at most 2 s")
	return d.stop()
}
