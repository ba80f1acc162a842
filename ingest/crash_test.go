package ingest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pixledger/schemas/lake"
)

// The environment of the child process that crash tests kill.
const (
	crashLake = "PIXLEDGER_TEST_CRASH_LAKE"
	crashLog  = "PIXLEDGER_TEST_CRASH_LOG"
)

func TestMain(m *testing.M) {
	if root := os.Getenv(crashLake); root != "" {
		if err := crashChild(root, os.Getenv(crashLog)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashChild follows the log until it is killed.
func crashChild(root, log string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := lake.OpenOrCreate(root, testTime)
	if err != nil {
		return err
	}
	opts := testOptions(l)
	opts.Interval = 15 * time.Millisecond
	opts.Sources = []Source{{Name: "edge-1", Path: log, Format: "pixledger"}}
	opts, err = opts.withDefaults()
	if err != nil {
		return err
	}
	return newFollower(opts, quick).run(ctx)
}

// A follower is killed again and again, at any instant, while a writer rotates
// its log; then one is left to finish. Every line is there once.
func TestKilledAgainAndAgain(t *testing.T) {
	dir := t.TempDir()
	root, log := filepath.Join(dir, "lake"), filepath.Join(dir, "pixel.log")
	write(t, log, "")
	finished := make(chan int, 1)
	go func() { finished <- writeForCrashes(t, log) }()

	kills, n := 0, -1
	for n < 0 || kills < 30 {
		child, said := startChild(t, root, log)
		wait := time.NewTimer(time.Duration(20+kills*37%400) * time.Millisecond)
		select {
		case <-wait.C:
		case n = <-finished:
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the child ended by itself: %v\n%s", err, said)
		}
		kills++
	}
	child, said := startChild(t, root, log)
	d := &following{t: t, l: openWhenThere(t, root), stop: func() {}}
	until(t, fmt.Sprint(n, " events"), func() bool { return d.events() >= int64(n) })
	if err := child.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	d.wantAll(ids("w", 0, n))
	t.Logf("%d kills, %d lines", kills, n)
}

func openWhenThere(t *testing.T, root string) *lake.Lake {
	t.Helper()
	var l *lake.Lake
	until(t, "a lake", func() bool {
		var err error
		l, err = lake.Open(root)
		return err == nil
	})
	return l
}

func startChild(t *testing.T, root, log string) (*exec.Cmd, *words) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), crashLake+"="+root, crashLog+"="+log)
	said := &words{}
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, said
}

// writeForCrashes writes slowly enough to be killed many times, and keeps all
// rotated files.
func writeForCrashes(t *testing.T, log string) int {
	n := 0
	pause := time.NewTicker(4 * time.Millisecond)
	defer pause.Stop()
	f, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		t.Error(err)
		return 0
	}
	for i := range 1500 {
		<-pause.C
		if _, err := f.WriteString(lines("w", n, n+1+i%5)); err != nil {
			t.Error(err)
		}
		n += 1 + i%5
		if i%60 != 59 {
			continue
		}
		// Renamed, gone on with, and a new one begun.
		if err := os.Rename(log, fmt.Sprintf("%s.%d", log, i)); err != nil {
			t.Error(err)
		}
		if _, err := f.WriteString(lines("w", n, n+3)); err != nil {
			t.Error(err)
		}
		n += 3
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if f, err = os.OpenFile(log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); err != nil {
			t.Error(err)
			return n
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	return n
}
