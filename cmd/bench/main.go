// Command bench measures whole processes: pixledger's batch ingest against one
// DuckDB statement over the same log, the size of what it writes, how it grows,
// how the daemon follows a log, and how fast it is back after a crash. Each
// figure stands beside its goal. Absolute figures drift from machine to machine;
// the ratios of one run are what counts.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// bench is one run of the command.
type bench struct {
	program string // pixledger
	self    string // this program, to be the peer
	dir     string // for logs and lakes
	lines   int64
	runs    int
	start   string // when logs begin: so long ago that they end in the past
}

// measurements are what -only selects from, in their order.
var measurements = []struct {
	name string
	run  func(*bench) error
}{
	{"batch", (*bench).batch},
	{"size", (*bench).size},
	{"growth", (*bench).growth},
	{"live", (*bench).live},
	{"latency", (*bench).latency},
	{"restart", (*bench).restart},
}

func main() {
	b := &bench{}
	flag.StringVar(&b.program, "pixledger", "bin/pixledger", "the program to measure")
	flag.Int64Var(&b.lines, "lines", 2_000_000, "lines of the log")
	flag.IntVar(&b.runs, "runs", 3, "runs of what is compared")
	only := flag.String("only", "", "measure this alone: "+names())
	peer := flag.String("peer", "", "be the peer: read this log")
	out := flag.String("out", "", "where the peer writes")
	flag.Parse()
	err := func() error {
		if *peer != "" {
			return runPeer(*peer, *out)
		}
		return b.measureAll(*only)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() string {
	var all []string
	for _, m := range measurements {
		all = append(all, m.name)
	}
	return strings.Join(all, ", ")
}

func (b *bench) measureAll(only string) (err error) {
	if b.program, err = filepath.Abs(b.program); err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	b.start = time.Now().UTC().AddDate(0, 0, -100).Format(time.DateOnly) + "T00:00:00Z"
	if only == "" {
		fmt.Printf("%d processors, %s\n", runtime.NumCPU(), runtime.Version())
		return b.each()
	}
	for _, m := range measurements {
		if only == m.name {
			fmt.Printf("\n## %s\n\n", m.name)
			return b.alone(m.run)
		}
	}
	return fmt.Errorf("-only %s: there is no such measurement; allowed: %s", only, names())
}

// each runs all measurements, every one in a process of its own: the peak of
// memory that the system tells of a process is at least that of the one which
// started it.
func (b *bench) each() error {
	for _, m := range measurements {
		c := exec.Command(b.self, "-only", m.name, "-pixledger", b.program, "-lines", fmt.Sprint(b.lines), "-runs", fmt.Sprint(b.runs))
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// alone runs one measurement in a folder of its own.
func (b *bench) alone(run func(*bench) error) (err error) {
	if b.dir, err = os.MkdirTemp("", "pixledger-bench-*"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	return run(b)
}

// goal prints a figure beside its goal.
func goal(met bool, figure, goal string) {
	verdict := "missed"
	if met {
		verdict = "met"
	}
	fmt.Printf("%s (goal: %s; %s)\n", figure, goal, verdict)
}
