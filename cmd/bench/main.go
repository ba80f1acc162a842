// Command bench runs pixledger's batch ingest as a whole process against one
// DuckDB statement over the same log, in turns, and prints the ratio. Absolute
// figures drift from machine to machine; the ratio of one run is what counts.
package main

import (
	"database/sql"
	_ "embed" // the statement
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	_ "github.com/duckdb/duckdb-go/v2" // the peer's engine
)

//go:embed read_json.sql
var readJSON string

func main() {
	program := flag.String("pixledger", "bin/pixledger", "the program to measure")
	lines := flag.Int64("lines", 2_000_000, "lines of the log")
	runs := flag.Int("runs", 3, "runs of each")
	peer := flag.String("peer", "", "be the peer: read this log")
	out := flag.String("out", "", "where the peer writes")
	flag.Parse()
	err := func() error {
		if *peer != "" {
			return runPeer(*peer, *out)
		}
		return compare(*program, *lines, *runs)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func runPeer(log, out string) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(readJSON, log, out)
	return err
}

// figures are what one process took.
type figures struct {
	wall, cpu time.Duration
	peak      int64 // bytes
}

func measure(name string, args ...string) (figures, error) {
	c := exec.Command(name, args...)
	c.Stderr = os.Stderr
	start := time.Now()
	if err := c.Run(); err != nil {
		return figures{}, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	u := c.ProcessState.SysUsage().(*syscall.Rusage)
	return figures{time.Since(start), c.ProcessState.UserTime() + c.ProcessState.SystemTime(), u.Maxrss * 1024}, nil
}

func compare(program string, lines int64, runs int) error {
	dir, err := os.MkdirTemp("", "pixledger-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	log := filepath.Join(dir, "pixel.log")
	if _, err := measure(program, "gen", "--lines", fmt.Sprint(lines), "-o", log, "--init-catalog", filepath.Join(dir, "catalog.yaml")); err != nil {
		return err
	}
	fi, err := os.Stat(log)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var own, peer []figures
	for i := range runs {
		conf := filepath.Join(dir, fmt.Sprintf("run%d.yaml", i))
		content := fmt.Sprintf("lake: ./lake%d\ncatalog: ./catalog.yaml\nsources: []\n", i)
		if err := os.WriteFile(conf, []byte(content), 0o600); err != nil {
			return err
		}
		f, err := measure(program, "ingest", "-c", conf, "--format", "pixledger", log)
		if err != nil {
			return err
		}
		own = append(own, f)
		if f, err = measure(self, "-peer", log, "-out", filepath.Join(dir, fmt.Sprintf("peer%d.parquet", i))); err != nil {
			return err
		}
		peer = append(peer, f)
	}
	fmt.Printf("%d lines, %.1f bytes a line, %d processors, %s\n\n", lines, float64(fi.Size())/float64(lines), runtime.NumCPU(), runtime.Version())
	fmt.Printf("| medians of %d runs | wall s | CPU s | k lines/s | peak MiB |\n|---|---|---|---|---|\n", runs)
	a, b := median(own), median(peer)
	row := func(name string, f figures) {
		fmt.Printf("| %s | %.2f | %.2f | %.0f | %d |\n", name, f.wall.Seconds(), f.cpu.Seconds(), float64(lines)/f.wall.Seconds()/1000, f.peak>>20)
	}
	row("pixledger ingest, all columns, exactly once", a)
	row("DuckDB read_json, 12 columns", b)
	fmt.Printf("\nbatch ingest is %.2fx as fast as the statement (goal: at least 2.0x)\n", b.wall.Seconds()/a.wall.Seconds())
	return nil
}

func median(list []figures) figures {
	slices.SortFunc(list, func(x, y figures) int { return int(x.wall - y.wall) })
	return list[len(list)/2]
}
