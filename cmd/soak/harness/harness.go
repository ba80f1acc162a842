// Package harness proves on the built program that no line is lost and none
// doubled. Each scenario runs bin/pixledger as its users do, does it harm, and
// compares line by line what the lake then holds with what was written.
//
// Nothing here is part of the program. What a run did follows from its seed,
// but for the instants at which processes and the kernel take their turns.
package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// Options say what to run, and how much of it.
type Options struct {
	Program string // the built pixledger
	Dir     string // where the scenarios work; each makes a folder below it
	Seed    uint64
	// Duration is what all the scenarios of a run may take together; each takes
	// its share of it, and ends by itself a little before or after.
	Duration time.Duration
	// The volumes, where they shall not follow from the duration; 0: they do.
	Kills     int // of kill
	Rotations int // of rotate, with and without a buffer together
	Faults    int // of strace; negative: every call with every fault
	Rate      int // of steady: lines a second
	Nights    int // of year
	Log       io.Writer
}

// Result is what one scenario found.
type Result struct {
	Scenario string
	Seed     uint64
	Volume   string // what was done, in words
	Lost     int
	Doubled  int
	Duration time.Duration
	Notes    []string // figures beside the verdict
	Err      error    // what is wrong, beside or instead of lost and doubled lines

	globs, retries, queries int64 // what readers saw meanwhile
}

// OK tells whether nothing is wrong.
func (r *Result) OK() bool { return r.Err == nil && r.Lost == 0 && r.Doubled == 0 }

// scenario is one way of doing harm.
type scenario struct {
	name  string
	share int // of the duration, in percent, when all run
	run   func(ctx context.Context, o Options, r *Result) error
}

var scenarios = []scenario{
	{"kill", 30, runKill},
	{"rotate", 20, runRotate},
	{"steady", 15, runSteady},
	{"strace", 15, runStrace},
	{"year", 20, runYear},
}

// Names lists the scenarios.
func Names() []string {
	var out []string
	for _, s := range scenarios {
		out = append(out, s.name)
	}
	return out
}

// Run runs the named scenarios one after another, and gives what each found. A
// folder of a scenario that found something is kept, for a look at it.
func Run(ctx context.Context, o Options, names []string) ([]Result, error) {
	var chosen []scenario
	shares := 0
	for _, name := range names {
		found := false
		for _, s := range scenarios {
			if s.name == name {
				chosen, found = append(chosen, s), true
				shares += s.share
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no scenario %q; allowed: %s", name, strings.Join(Names(), ", "))
		}
	}
	var out []Result
	for _, s := range chosen {
		mine := o
		mine.Duration = o.Duration * time.Duration(s.share) / time.Duration(shares)
		mine.Dir = filepath.Join(o.Dir, s.name)
		if err := makeDir(mine.Dir); err != nil {
			return out, err
		}
		r := Result{Scenario: s.name, Seed: o.Seed}
		o.logf("== %s, seed %d", s.name, o.Seed)
		start := time.Now()
		r.Err = s.run(ctx, mine, &r)
		r.Duration = time.Since(start)
		if r.globs+r.queries > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%d readings by glob (and %d errors to retry) and %d by query meanwhile", r.globs, r.retries, r.queries))
		}
		if r.OK() {
			r.Err = os.RemoveAll(mine.Dir)
		} else {
			r.Notes = append(r.Notes, "what it left stands in "+mine.Dir)
		}
		out = append(out, r)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
	}
	return out, nil
}

// Print writes the results as a table, as docs/reliability.md has it, and then
// what was found beside.
func Print(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "| scenario\t| seed\t| volume\t| lost\t| doubled\t| duration\t|")
	fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, r := range results {
		lost, doubled := fmt.Sprint(r.Lost), fmt.Sprint(r.Doubled)
		if r.Err != nil { // it may have kept the comparison from its end
			lost, doubled = lost+"?", doubled+"?"
		}
		fmt.Fprintf(t, "| %s\t| %d\t| %s\t| %s\t| %s\t| %s\t|\n", r.Scenario, r.Seed, r.Volume, lost, doubled, r.Duration.Round(time.Second))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var wrong []error
	for _, r := range results {
		for _, n := range r.Notes {
			fmt.Fprintf(w, "\n%s: %s\n", r.Scenario, n)
		}
		switch {
		case r.Err != nil:
			wrong = append(wrong, fmt.Errorf("%s, seed %d: %w", r.Scenario, r.Seed, r.Err))
		case !r.OK():
			wrong = append(wrong, fmt.Errorf("%s, seed %d: %d lost, %d doubled", r.Scenario, r.Seed, r.Lost, r.Doubled))
		}
	}
	return errors.Join(wrong...)
}

func (o *Options) logf(format string, args ...any) {
	if o.Log != nil {
		fmt.Fprintf(o.Log, format+"\n", args...)
	}
}

// random gives the numbers of one part of a scenario: the same for a seed,
// whatever other parts do.
func (o *Options) random(part uint64) *rand.Rand { return rand.New(rand.NewPCG(o.Seed, part)) }

// makeDir makes a folder that nginx's workers, which are another user when
// nginx is started by root, can reach.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// waitUntil polls until done says so, and gives up after the time given.
func waitUntil(ctx context.Context, limit time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s: not within %s", what, limit))
	defer cancel()
	for {
		ok, err := done()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if ok {
			return nil
		}
		if !pause(ctx, 20*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

// pause waits, and tells whether it waited to the end.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// between gives a duration in [from, to).
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}
