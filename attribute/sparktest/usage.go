package sparktest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Usage is what an executor has used: the processor's seconds, and the most
// memory that it held.
type Usage struct {
	PID    int
	CPU    time.Duration
	Memory int64 // bytes
}

// Watch looks at the executors of all workers until stop is called, which gives
// what the executor of each worker has used since: the last look at it, as it
// ends with its job.
func (c *Cluster) Watch() (stop func() []Usage) {
	seen := map[int]Usage{}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			for _, pid := range c.Executors() {
				if u, ok := usageOf(pid); ok {
					seen[pid] = u
				}
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return func() []Usage {
		close(done)
		<-ended
		var out []Usage
		for _, u := range seen {
			out = append(out, u)
		}
		return out
	}
}

// Executors are the processes of the executors that run now.
func (c *Cluster) Executors() []int {
	var out []int
	for _, w := range c.Workers {
		out = append(out, w.Executors()...)
	}
	return out
}

// Executors are the processes of the worker's executors that run now.
func (w *Worker) Executors() []int {
	pid := w.cmd.Process.Pid
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	var out []int
	for _, task := range tasks { // a child is of the thread that started it
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for _, f := range strings.Fields(string(b)) {
			if child, err := strconv.Atoi(f); err == nil && isExecutor(child) {
				out = append(out, child)
			}
		}
	}
	return out
}

// isExecutor tells it from the shell that starts one.
func isExecutor(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return bytes.Contains(b, []byte("CoarseGrainedExecutorBackend"))
}

// Kill ends the worker and its executors as if its machine had gone.
func (w *Worker) Kill() {
	for _, pid := range append(w.Executors(), w.cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func usageOf(pid int) (Usage, bool) {
	u := Usage{PID: pid}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, false
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			u.Memory = kib << 10
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil || u.Memory == 0 {
		return u, false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return u, false
	}
	const tick = time.Second / 100 // USER_HZ, which is 100 on Linux
	for _, f := range fields[11:13] {
		n, _ := strconv.ParseInt(f, 10, 64)
		u.CPU += time.Duration(n) * tick
	}
	return u, true
}
