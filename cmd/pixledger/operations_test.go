package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pixledger/ingest"
)

// drillLine is the line of a log with a number: one in four is a click, one in
// four a conversion of the same user, which edgeCatalog lets it earn; the others
// are impressions. Their times lie within two days.
func drillLine(n int) string {
	const day = 86_400
	at := 1_763_000_000 + n%4*day/2 + n%1000
	uri := "/imptr?id=2766"
	switch n % 4 {
	case 0:
		uri = "/clktr?id=21378"
	case 3:
		uri = fmt.Sprintf("/px?id=9012&order_id=o-%d", n)
	}
	return fmt.Sprintf(`{"time":"%d.%03d","id":"request-%d","ip":"192.0.2.1","method":"GET","uri":"%s","status":"200","uid_got":"uid=%d"}`+"\n", at, n%1000, n, uri, n/4)
}

// drillWriter appends lines to a log, and rotates it now and then, until it is
// told to stop.
type drillWriter struct {
	t    *testing.T
	log  string
	stop atomic.Bool
	wg   sync.WaitGroup
	n    atomic.Int64 // lines written
}

func startDrillWriter(t *testing.T, log string) *drillWriter {
	w := &drillWriter{t: t, log: log}
	w.wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for turn := 1; !w.stop.Load(); turn++ {
			w.write(8)
			if turn%150 == 0 {
				if err := os.Rename(log, fmt.Sprintf("%s.%d", log, 100_000+turn)); err != nil {
					t.Error(err)
				}
			}
			<-tick.C
		}
	})
	return w
}

func (w *drillWriter) write(lines int) {
	var b bytes.Buffer
	n := int(w.n.Load())
	for i := range lines {
		b.WriteString(drillLine(n + i))
	}
	f, err := os.OpenFile(w.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.Write(b.Bytes())
		err = joinClose(err, f)
	}
	if err != nil {
		w.t.Error(err)
	}
	w.n.Store(int64(n + lines))
}

// end stops it and gives how many lines it has written.
func (w *drillWriter) end() int {
	w.stop.Store(true)
	w.wg.Wait()
	return int(w.n.Load())
}

// copyTree is `cp -a`.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp -a %s %s: %v\n%s", from, to, err, out)
	}
}

// snapshot is what docs/operations.md tells to back a lake up with.
func (w *daemonWorld) snapshot(to string) {
	w.t.Helper()
	script := filepath.Join(repository, "docs", "systemd", "pixledger-snapshot")
	if out, err := exec.Command(script, w.path("lake"), to).CombinedOutput(); err != nil || len(out) > 0 {
		w.t.Fatalf("pixledger-snapshot: %v\n%s", err, out)
	}
}

// anotherDisk gives a folder on another file system than the tests' own, where the
// machine has one in memory.
func anotherDisk(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pixledger-drill-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Snapshots that are taken while a daemon ingests, attributes, and days are closed
// and exported, are lakes in which verify finds nothing. One of them, brought to
// another disk with its logs, goes on where it was: each line is there once, no
// log is missed, and the days that were closed since are closed again.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	w := newDaemonWorld(t)
	outbox := filepath.Join(t.TempDir(), "outbox")
	more := []string{"adjust_limit: none", fmt.Sprintf("exports: [{report: revenue, to: %q}]", "file:"+outbox), `schedule: {attribute: "@every 1s"}`}
	w.configure(more...)
	w.launch()
	writer := startDrillWriter(t, w.path("pixel.log"))
	atLeast := func(lines int64) {
		t.Helper()
		waitFor(t, fmt.Sprintf("%d lines", lines), func() bool { return writer.n.Load() >= lines }, w.said)
	}
	closes := []string{"2025-11-14T06:00:00Z", "2025-11-15T06:00:00Z", "2025-11-16T06:00:00Z"}
	night := func(i int) {
		w.run("close", "--now", closes[i])
		// An attribution that exchanges a folder while the export reads it makes it
		// fail; the daemon's scheduler tries it again, too.
		last := ""
		waitFor(t, "the export", func() bool {
			_, errOut, code := w.try("export", "--now", closes[i])
			last = errOut
			return code == 0
		}, func() string { return last })
	}
	atLeast(100)
	night(0)

	backups := anotherDisk(t)
	backup := func(i int) string { return filepath.Join(backups, fmt.Sprintf("%d", i)) }
	const taken = 4
	closing := make(chan struct{})
	go func() {
		defer close(closing)
		night(1)
		night(2)
	}()
	for i := range taken {
		atLeast(writer.n.Load() + 300)
		snapshot := w.path("snapshot")
		w.snapshot(snapshot)
		if err := os.Mkdir(backup(i), 0o750); err != nil {
			t.Fatal(err)
		}
		copyTree(t, snapshot, filepath.Join(backup(i), "lake"))
		if err := os.RemoveAll(snapshot); err != nil {
			t.Fatal(err)
		}
	}
	<-closing
	lines := writer.end()
	w.stop()
	w.expectLines(lines)

	for i := range taken {
		restored := &daemonWorld{&daemonProcess{program: program{t: t, dir: backup(i)}}, w.address}
		restored.write("catalog.yaml", edgeCatalog)
		restored.configure(more...)
		if out, errOut, code := restored.try("verify", "--now", closes[2]); code != 0 {
			t.Errorf("backup %d: verify says\n%s%s", i, out, errOut)
		}
		if i > 0 {
			continue
		}
		logs, err := filepath.Glob(w.path("pixel.log*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, log := range logs {
			copyTree(t, log, backup(i))
		}
		restored.launch()
		waitFor(t, "the rest of the lines", func() bool {
			return strings.Contains(restored.run("status", "--json"), fmt.Sprintf(`"lines": %d`, lines))
		}, restored.said)
		restored.stop()
		restored.expectLines(lines)
		if out := restored.run("status", "--json"); !strings.Contains(out, `"gaps": []`) {
			t.Errorf("logs are missed: %s", out)
		}
		restored.run("close", "--now", closes[2])
		restored.run("rebuild")
		if out := restored.run("verify", "--now", closes[2]); !strings.Contains(out, "no differences") {
			t.Errorf("verify: %s", out)
		}
	}
}

// An ingest that is ended while it waits for room says nothing of files whose lines
// it could not commit: not that they have none.
func TestIngestThatWasEndedClaimsNothing(t *testing.T) {
	sum := &ingest.Summary{Files: []*ingest.FileReport{{Path: "pixel.log", State: ingest.NoLines}}}
	for _, failed := range []bool{false, true} {
		var out bytes.Buffer
		printIngest(&out, sum, "", failed)
		if strings.Contains(out.String(), "no complete line") == failed {
			t.Errorf("failed: %v; it says\n%s", failed, out.String())
		}
	}
}

// The alerts, tests and files that docs/operations.md names are there.
func TestOperationsNamesWhatThereIs(t *testing.T) {
	page := readText(t, filepath.Join(repository, "docs", "operations.md"))
	rules := readText(t, filepath.Join(repository, "docs", "prometheus", "pixledger.rules.yml"))
	var tests strings.Builder
	for _, dir := range []string{".", "../../ingest"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			tests.WriteString(readText(t, file))
		}
	}
	names := regexp.MustCompile("`(?:(Pixledger[A-Za-z]+)|(Test[A-Za-z]+)|((?:testdata|ingest|cmd)/[^ `]+)).*?`").FindAllStringSubmatch(page, -1)
	if len(names) < 15 {
		t.Errorf("it names %d", len(names))
	}
	for _, m := range names {
		switch {
		case m[1] != "" && !strings.Contains(rules, "alert: "+m[1]+"\n"):
			t.Errorf("there is no alert %s", m[1])
		case m[2] != "" && !strings.Contains(tests.String(), "func "+m[2]+"("):
			t.Errorf("there is no test %s", m[2])
		case m[3] != "":
			_, here := os.Stat(m[3])
			if _, err := os.Stat(filepath.Join(repository, m[3])); err != nil && here != nil {
				t.Errorf("there is no file %s", m[3])
			}
		}
	}
}
