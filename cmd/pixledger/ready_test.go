package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// readyProcessesOf lists the processes that wait for a command of a daemon.
func readyProcessesOf(t *testing.T, daemon int) []int {
	t.Helper()
	if _, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", daemon, daemon)); err != nil {
		t.Skip("the kernel does not list a process's children:", err)
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", daemon))
	if err != nil {
		return nil
	}
	var out []int
	for _, task := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", daemon, task.Name()))
		if err != nil {
			continue // it has ended meanwhile
		}
		for _, field := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err == nil && bytes.HasSuffix(args, []byte("\x00"+readyName+"\x00")) {
				out = append(out, pid)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Processes wait for what the console will ask. Each answers once, by what is
// committed then; one that was killed meanwhile is no loss; they end with the
// daemon, however that ends.
func TestProcessesWaitForTheConsole(t *testing.T) {
	w := newDaemonWorld(t)
	w.appendLines("pixel.log", 0, 3)
	w.start()
	daemon := w.cmd.Process.Pid
	w.page("/revenue", http.StatusOK) // somebody looks: they are made at once
	var waiting []int
	ready := func() bool {
		waiting = readyProcessesOf(t, daemon)
		return len(waiting) == readyProcessCount
	}
	waitFor(t, "processes that wait", ready, w.said)
	before := waiting

	// They began before these lines.
	w.appendLines("pixel.log", 3, 10)
	waitFor(t, "the commit", func() bool { return w.run("query", "SELECT count(*) AS n FROM events") == "n\n10\n" }, w.said)
	body, _ := w.page("/reports/advertiser_analytics?range=lifetime", http.StatusOK)
	if !strings.Contains(body, `<td class="n">10</td>`) {
		t.Errorf("what was committed since is not there: %s", body)
	}
	waitFor(t, "another in the place of the one that answered", func() bool { return ready() && !slices.Equal(waiting, before) }, w.said)

	for _, pid := range waiting {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	w.page("/reports/advertiser_analytics?range=today", http.StatusOK)
	if body, _ := w.page("/reports/statement?month=nonsense", http.StatusOK); !strings.Contains(body, "nonsense") {
		t.Errorf("what a command refuses is not said: %s", body)
	}
	waitFor(t, "others in their place", ready, w.said)

	w.kill()
	waitFor(t, "the end of those that wait", func() bool {
		return !slices.ContainsFunc(waiting, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
	}, w.said)
}
