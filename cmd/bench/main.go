// Command bench measures whole processes: pixledger's batch ingest against one
// DuckDB statement over the same log, every log format, the size of what it writes, how it grows,
// how the daemon follows a log, how fast it is back after a crash, the
// attribution of a night and of a month against the statements that an analyst
// would run, and the built-in reports over a month of a large lake. Each figure
// stands beside its goal. Absolute figures drift from machine to machine; the
// ratios of one run are what counts.
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

	// Of attribution.
	cache       string // folder of the synthetic network's files
	touches     int64  // in 90 days
	conversions int64  // of one night
	history     int64  // conversions of each day before

	attributions int64 // in the 90 days of the reports' lake

	consoleLines int64 // of the log that the console's lake is made from
}

// measurements are what -only selects from, in their order.
var measurements = []struct {
	name string
	run  func(*bench) error
}{
	{"batch", (*bench).batch},
	{"formats", (*bench).formats},
	{"size", (*bench).size},
	{"growth", (*bench).growth},
	{"live", (*bench).live},
	{"latency", (*bench).latency},
	{"restart", (*bench).restart},
	{"night", (*bench).night},
	{"history", (*bench).pasts},
	{"crowd", (*bench).crowd},
	{"month", (*bench).month},
	{"reports", (*bench).reports},
	{"console", (*bench).console},
}

func main() {
	b := &bench{}
	flag.StringVar(&b.program, "pixledger", "bin/pixledger", "the program to measure")
	flag.Int64Var(&b.lines, "lines", 2_000_000, "lines of the log")
	flag.IntVar(&b.runs, "runs", 3, "runs of what is compared")
	only := flag.String("only", "", "measure this alone: "+names())
	flag.StringVar(&b.cache, "cache", filepath.Join(os.TempDir(), "pixledger-bench-network"), "folder in which the touches and conversions of attribution's lakes are kept for later runs")
	flag.Int64Var(&b.touches, "touches", 100_000_000, "touches of 90 days in attribution's lakes; 49 bytes each on disk")
	flag.Int64Var(&b.conversions, "conversions", 40_000, "conversions of the last night in attribution's lakes")
	flag.Int64Var(&b.history, "history", 40_000, "conversions of each day before the last night")
	flag.Int64Var(&b.attributions, "attributions", 50_000_000, "attributions of 90 days in the reports' lake; some 250 bytes each on disk, with their events and entries")
	flag.Int64Var(&b.consoleLines, "console-lines", 50_000_000, "lines of the log from which the console's lake is made; 450 bytes each on disk")
	peer := flag.String("peer", "", "be the peer: read this log, or with -statement the events of this lake")
	statement := flag.String("statement", "", "be the peer with row_number or asof")
	viewDays := flag.Int("view-days", 90, "days of impressions that the peer of attribution reads")
	out := flag.String("out", "", "where the peer writes")
	days := flag.Int("make", 0, "make the touches of the last so many days, and do no more")
	ofReports := flag.Bool("make-reports", false, "make the files of the reports' lake, and do no more")
	flag.Parse()
	err := func() error {
		switch {
		case *statement != "":
			return runWinners(*statement, *peer, *viewDays, *out)
		case *peer != "":
			return runPeer(*peer, *out)
		case *ofReports:
			return b.makeReports()
		case *days > 0:
			return b.makeDays(*days)
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
		c := exec.Command(b.self, "-only", m.name, "-pixledger", b.program, "-lines", fmt.Sprint(b.lines), "-runs", fmt.Sprint(b.runs), "-cache", b.cache,
			"-touches", fmt.Sprint(b.touches), "-conversions", fmt.Sprint(b.conversions), "-history", fmt.Sprint(b.history), "-console-lines", fmt.Sprint(b.consoleLines),
			"-attributions", fmt.Sprint(b.attributions))
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
