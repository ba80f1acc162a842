// Command soak does harm to the built program for a while and counts what was
// lost or doubled. docs/reliability.md says what each scenario does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pixledger/cmd/soak/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	o := harness.Options{Log: os.Stderr}
	names := flag.String("scenario", strings.Join(harness.Names(), ","), "what to run, comma-separated")
	flag.Uint64Var(&o.Seed, "seed", rand.Uint64N(1<<32), "the seed of everything random")
	flag.DurationVar(&o.Duration, "duration", 20*time.Minute, "how long all scenarios take together")
	flag.StringVar(&o.Program, "pixledger", "bin/pixledger", "the program to do harm to")
	flag.StringVar(&o.Dir, "dir", "", "where to work; empty: a temporary folder")
	flag.IntVar(&o.Kills, "kills", 0, "kills of the daemon; 0: by the duration")
	flag.IntVar(&o.Rotations, "rotations", 0, "rotations by logrotate; 0: by the duration")
	flag.IntVar(&o.Faults, "faults", 0, "faults of the kernel; 0: by the duration, -1: every call with every fault")
	flag.IntVar(&o.Rate, "rate", 0, "lines a second of the steady load; 0: 10,000")
	flag.IntVar(&o.Nights, "nights", 0, "nights of the year; 0: by the duration, up to 365")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; see -help", flag.Arg(0))
	}
	var err error
	if o.Program, err = filepath.Abs(o.Program); err != nil {
		return err
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "pixledger-soak-*"); err != nil {
			return err
		}
		defer os.Remove(o.Dir) // unless a scenario left something to look at
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return err
	}
	if err := os.Chmod(o.Dir, 0o755); err != nil {
		return err
	}
	results, err := harness.Run(ctx, o, strings.Split(*names, ","))
	return errors.Join(err, harness.Print(os.Stdout, results))
}
