package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is the program too: called as pixledger, it runs a command.
// So tests run what users run, in processes of their own, under the race detector.
func TestMain(m *testing.M) {
	// The race detector waits a second at each program's end for others to run
	// into a race: with hundreds of commands that is most of the tests' time.
	if err := os.Setenv("GORACE", raceDetector); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"pixledger": func() { os.Exit(realMain()) }})
}

// raceDetector are the race detector's options for the programs that tests start.
const raceDetector = "atexit_sleep_ms=50"

// program is a pixledger process in a folder of its own.
type program struct {
	t   testing.TB
	dir string
}

// command gives a pixledger command line that is not started yet.
func (p program) command(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Args[0] = "pixledger"
	c.Dir = p.dir
	return c
}

// run runs a command to its end and fails the test when it fails. It gives stdout.
func (p program) run(args ...string) string {
	p.t.Helper()
	out, errOut, code := p.try(args...)
	if code != 0 {
		p.t.Fatalf("pixledger %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errOut)
	}
	return out
}

// try runs a command to its end.
func (p program) try(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	c := p.command(args...)
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	err := c.Run()
	if err != nil && c.ProcessState == nil {
		p.t.Fatal(err)
	}
	return out.String(), errOut.String(), c.ProcessState.ExitCode()
}

// waitFor polls until the condition holds, and fails the test with what last
// says after a minute, which no working machine needs.
func waitFor(t testing.TB, what string, holds func() bool, last func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s\n%s", what, last())
		case <-tick.C:
		}
	}
}
