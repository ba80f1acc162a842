//go:build testall

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// drillsMount says whether the drills may mount small file systems.
const drillsMount = true

// Logs of an edge that are shipped by the real rsync while they are written and
// rotated, the living one among them: each line is there once, nothing is alarmed
// and no log is missed. With --append lines are lost, as docs/operations.md says.
func TestOperationsRsync(t *testing.T) {
	for _, c := range []struct {
		flags []string
		good  bool
	}{
		{[]string{"-a"}, true},
		{[]string{"-a", "--append"}, false},
	} {
		t.Run(strings.Join(c.flags, " "), func(t *testing.T) {
			w := newDaemonWorld(t)
			for _, dir := range []string{"edge", "in"} {
				if err := os.Mkdir(w.path(dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			w.configure("sources: [{name: edge-a, path: ./in/pixel.log}]")
			w.launch()
			ship := func() {
				t.Helper()
				if out, err := exec.Command("rsync", append(c.flags, w.path("edge")+"/", w.path("in")+"/")...).CombinedOutput(); err != nil {
					t.Fatalf("rsync: %v\n%s", err, out)
				}
			}
			n := 0
			more := func(lines int) {
				t.Helper()
				w.appendLines("edge/pixel.log", n, n+lines)
				n += lines
			}
			for range 4 {
				for range 3 {
					more(400)
					ship()
					if c.good {
						w.committed(n)
					}
				}
				more(100)
				w.rotateByNumber("edge/pixel.log")
				more(50)
				ship()
			}
			if !c.good {
				w.stop()
				if ids := w.distinctIDs(); ids >= n {
					t.Errorf("%d of %d lines are there: is --append safe now?", ids, n)
				}
				return
			}
			w.committed(n)
			w.stop()
			w.expectLines(n)
			if strings.Contains(w.said(), "level=ERROR") {
				t.Error(w.said())
			}
			if out := w.run("status", "--json"); !strings.Contains(out, `"gaps": []`) {
				t.Errorf("logs are missed: %s", out)
			}
		})
	}
}

// committed waits until so many lines are in the lake.
func (w *daemonWorld) committed(lines int) {
	w.t.Helper()
	last := ""
	waitFor(w.t, fmt.Sprintf("%d lines", lines), func() bool {
		last, _, _ = w.try("status", "--json") // it fails until there is a lake
		return strings.Contains(last, fmt.Sprintf(`"lines": %d,`, lines))
	}, func() string { return last + w.said() })
}

func (w *daemonWorld) distinctIDs() int {
	w.t.Helper()
	n, err := strconv.Atoi(strings.Fields(w.run("query", "SELECT count(DISTINCT event_id) AS n FROM events", "--format", "csv"))[1])
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// rotateByNumber moves a log to LOG.1, that one to LOG.2, and so on.
func (w *daemonWorld) rotateByNumber(log string) {
	w.t.Helper()
	old, err := filepath.Glob(w.path(log + ".*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := len(old); i > 0; i-- {
		err = os.Rename(w.path(fmt.Sprintf("%s.%d", log, i)), w.path(fmt.Sprintf("%s.%d", log, i+1)))
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.Rename(w.path(log), w.path(log+".1")); err != nil {
		w.t.Fatal(err)
	}
}

// memoryGroup is a control group below this process's own.
type memoryGroup struct {
	t     *testing.T
	dir   string
	limit string // the file of its limit
}

func newMemoryGroup(t *testing.T) *memoryGroup {
	t.Helper()
	g := &memoryGroup{t: t}
	for line := range strings.Lines(readText(t, "/proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case parts[1] == "memory": // the first version has a tree for each controller
			g.dir, g.limit = "/sys/fs/cgroup/memory"+parts[2], "memory.limit_in_bytes"
		case parts[0] == "0" && g.dir == "":
			g.dir, g.limit = "/sys/fs/cgroup"+parts[2], "memory.max"
		}
	}
	g.dir = filepath.Join(g.dir, fmt.Sprintf("pixledger-drill-%d", os.Getpid()))
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Fatalf("make a control group: %v\nthis test needs to run as root, where control groups can be made", err)
	}
	t.Cleanup(func() {
		waitFor(t, "the group's processes to end", func() bool { return os.Remove(g.dir) == nil }, func() string { return g.dir })
	})
	return g
}

func (g *memoryGroup) set(file, value string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, file), []byte(value), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// A job that needs more memory than the service may have is ended by the kernel,
// and fails alone: the daemon lives and commits. With more memory it succeeds.
func TestOperationsMemory(t *testing.T) {
	group := newMemoryGroup(t) // removed when the daemon has ended
	w := newDaemonWorld(t)
	if err := os.Remove(w.path("catalog.yaml")); err != nil {
		t.Fatal(err)
	}
	w.run("gen", "--lines", "300000", "--days", "1", "-o", "big.log", "--init-catalog", "catalog.yaml")
	w.run("ingest", "--source", "edge-1", "big.log")
	w.configure(`schedule: {attribute: "@every 2s"}`, "limits: {memory: 2GB}")
	w.launch()
	// What the daemon has already is not counted in a group that it comes to.
	group.set(group.limit, strconv.Itoa(64<<20))
	group.set("cgroup.procs", strconv.Itoa(w.cmd.Process.Pid))
	w.says("signal: killed", 1)
	if err := w.cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Fatalf("the daemon is gone: %v", err)
	}
	w.appendLines("pixel.log", 0, 100)
	w.committed(300_000 + 100)
	group.set(group.limit, strconv.Itoa(8<<30))
	w.says(`msg="job done" job=attribute`, 1)
	w.stop()
	if out := w.run("verify"); !strings.Contains(out, "no differences") {
		t.Errorf("verify: %s", out)
	}
}

// What root's commands make in the lake the daemon can't read: it waits, says so
// and loses nothing, and goes on when the files are its own.
func TestOperationsRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs to run as root, to run the daemon as somebody else")
	}
	dir, err := os.MkdirTemp("", "pixledger-") // where another user may look
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := newDaemonWorld(t)
	w.dir = dir
	w.write("catalog.yaml", edgeCatalog)
	w.configure()
	const nobody = 65534
	copyTree(t, mustExecutable(t), w.path("pixledger"))
	own := func() {
		t.Helper()
		if out, err := exec.Command("chown", "-R", fmt.Sprintf("%d:%d", nobody, nobody), dir).CombinedOutput(); err != nil {
			t.Fatalf("chown: %v\n%s", err, out)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.appendLines("pixel.log", 0, 10)
	own()
	w.cmd = exec.Command(w.path("pixledger"), "run")
	w.cmd.Dir, w.cmd.Stdout, w.cmd.Stderr = dir, &w.out, &w.out
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.committed(10)
	w.run("credit", "--line-item", "382", "--amount", "1.00", "--reason", "test", "--by", "Mr Quick")
	w.appendLines("pixel.log", 10, 20)
	w.says("permission denied", 1)
	own()
	w.committed(20)
	w.stop()
	w.expectLines(20)
}

func mustExecutable(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}
