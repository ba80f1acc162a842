package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"pixledger/ingest/edge/edgetest"
	"pixledger/schemas/lake"
)

// daemonWorld is a daemon with its logs and configuration.
type daemonWorld struct {
	*daemonProcess
	address string
}

func newDaemonWorld(t *testing.T) *daemonWorld {
	w := &daemonWorld{&daemonProcess{program: program{t: t, dir: t.TempDir()}}, edgetest.Addr(t)}
	w.write("catalog.yaml", edgeCatalog)
	w.configure()
	t.Cleanup(w.end)
	return w
}

func (w *daemonWorld) path(name string) string { return filepath.Join(w.dir, name) }

func (w *daemonWorld) write(name, content string) {
	w.t.Helper()
	write(w.t, w.path(name), content)
}

// configure writes the configuration, with further lines.
func (w *daemonWorld) configure(more ...string) {
	w.t.Helper()
	lines := []string{
		"lake: ./lake", "catalog: ./catalog.yaml", "commit: {interval: 50ms}", fmt.Sprintf("console: {listen: %q}", w.address),
	}
	if !slices.ContainsFunc(more, func(l string) bool { return strings.HasPrefix(l, "sources:") }) {
		more = append(more, "sources: [{name: edge-1, path: ./pixel.log}]")
	}
	for _, l := range more { // a key that is given again is another value
		key, _, _ := strings.Cut(l, ":")
		lines = slices.DeleteFunc(lines, func(had string) bool { return strings.HasPrefix(had, key+":") })
	}
	w.write("pixledger.yaml", strings.Join(append(lines, more...), "\n")+"\n")
}

// daemonLine is a line of a log, with its number as request id.
func daemonLine(n int) string {
	return fmt.Sprintf(`{"time":"1763000000.%03d","id":"request-%d","ip":"192.0.2.1","method":"GET","uri":"/imptr?id=2766","status":"200"}`+"\n", n%1000, n)
}

// appendLines adds lines with the numbers from..until, half-open.
func (w *daemonWorld) appendLines(log string, from, until int) {
	w.t.Helper()
	f, err := os.OpenFile(w.path(log), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		var b bytes.Buffer
		for n := from; n < until; n++ {
			b.WriteString(daemonLine(n))
		}
		_, err = f.Write(b.Bytes())
		err = joinClose(err, f)
	}
	if err != nil {
		w.t.Error(err)
	}
}

func joinClose(err error, c io.Closer) error {
	if e := c.Close(); err == nil {
		return e
	}
	return err
}

// launch starts the daemon, with further variables in its environment, and
// waits until it says that it has.
func (w *daemonWorld) launch(env ...string) {
	w.t.Helper()
	w.cmd = w.command("run")
	w.cmd.Env = append(os.Environ(), env...)
	w.cmd.Stdout, w.cmd.Stderr = &w.out, &w.out
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.says("msg=started", 1)
}

// says waits until the daemon has said something so many times.
func (w *daemonWorld) says(what string, times int) {
	w.t.Helper()
	waitFor(w.t, fmt.Sprintf("%d times %q", times, what), func() bool { return strings.Count(w.said(), what) >= times }, w.said)
}

func (w *daemonWorld) signal(s os.Signal) {
	w.t.Helper()
	if err := w.cmd.Process.Signal(s); err != nil {
		w.t.Fatal(err)
	}
}

// reloaded waits until the configuration's file is in force as it stands.
func (w *daemonWorld) reloaded() {
	w.t.Helper()
	content, err := readConfig(w.path("pixledger.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	want := digestOf(content)
	l, err := lake.Open(w.path("lake"))
	if err != nil {
		w.t.Fatal(err)
	}
	waitFor(w.t, "the configuration to be in force", func() bool {
		n, ok := readDaemonNote(l)
		return ok && n.ConfigDigest == want && n.ConfigError == ""
	}, w.said)
}

// lockFile takes a lock of the lake until the function that it gives is called.
func (w *daemonWorld) lockFile(name string) (unlock func()) {
	w.t.Helper()
	f := flock.New(w.path("lake/_state/locks/" + name))
	if err := f.Lock(); err != nil {
		w.t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if err := f.Unlock(); err != nil {
			w.t.Error(err)
		}
	})
}

// metric gives a line of /metrics.
func (w *daemonWorld) metric(name string) string {
	w.t.Helper()
	r, err := http.Get("http://" + w.address + "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// expectLines compares the events with the numbers 0..n, each once.
func (w *daemonWorld) expectLines(n int) {
	w.t.Helper()
	got := strings.Fields(w.run("query", "SELECT event_id FROM events", "--format", "csv"))[1:]
	seen := map[string]int{}
	for _, id := range got {
		seen[id]++
	}
	for i := range n {
		id := "request-" + strconv.Itoa(i)
		if seen[id] != 1 {
			w.t.Errorf("%s is there %d times", id, seen[id])
		}
		delete(seen, id)
	}
	if len(seen) > 0 {
		w.t.Errorf("not written, but there: %v", seen)
	}
}

// The configuration is read again twenty times while lines come and the log is
// rotated: each is there once, and a source that is added is read from its
// beginning.
func TestReloadsUnderLoad(t *testing.T) {
	w := newDaemonWorld(t)
	w.launch()
	var stop atomic.Bool
	var last atomic.Int64
	written := make(chan int)
	go func() {
		n := 10_000
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for turn := 0; !stop.Load(); turn++ {
			w.appendLines("pixel.log", n, n+7)
			n += 7
			last.Store(int64(n))
			if turn%60 == 59 {
				if err := os.Rename(w.path("pixel.log"), w.path(fmt.Sprintf("pixel.log.%d", turn))); err != nil {
					t.Error(err)
				}
			}
			<-tick.C
		}
		written <- n
	}()
	w.appendLines("other.log", 0, 10_000)
	for i := range 20 {
		more := []string{fmt.Sprintf("commit: {interval: %dms}", 30+i)}
		if i >= 7 {
			more = append(more, "sources: [{name: edge-1, path: ./pixel.log}, {name: edge-2, path: ./other.log}]")
		}
		w.configure(more...)
		w.signal(syscall.SIGHUP)
		w.reloaded()
		further := last.Load() + 150
		waitFor(t, "more lines", func() bool { return last.Load() >= further }, w.said)
	}
	stop.Store(true)
	n := <-written
	w.stop()
	w.expectLines(n)
	if out := w.run("verify"); !strings.Contains(out, "no differences") {
		t.Errorf("verify: %s", out)
	}
	if rows := w.table("query", "SELECT edge, count(*) AS n FROM events GROUP BY 1 ORDER BY 1", "--format", "csv"); len(rows) != 2 || rows[1]["n"] != "10000" {
		t.Errorf("by source: %v", rows)
	}
}

// A configuration with mistakes, and one that only a restart can put in force,
// change nothing, also for the jobs; status, the metrics and the log say so.
func TestReloadOfWhatIsNoConfiguration(t *testing.T) {
	w := newDaemonWorld(t)
	w.configure(`schedule: {attribute: "@every 1s"}`)
	w.launch()
	w.says("job=attribute", 1)
	if v := w.metric("pixledger_config_valid"); v != "1" {
		t.Errorf("pixledger_config_valid is %q", v)
	}
	w.configure("sources: []", "adjust_dayz: 4")
	w.signal(syscall.SIGHUP)
	w.says("configuration refused", 1)
	if v := w.metric("pixledger_config_valid"); v != "0" {
		t.Errorf("pixledger_config_valid is %q", v)
	}
	if _, errOut, code := w.try("status"); code != 1 || !strings.Contains(errOut, "works by the configuration that it read at") || !strings.Contains(errOut, "pixledger.yaml:6:1: the key adjust_dayz") {
		t.Errorf("status: %d %s", code, errOut)
	}
	runs := strings.Count(w.said(), `msg="job done" job=attribute`)
	w.says(`msg="job done" job=attribute`, runs+1)
	w.appendLines("pixel.log", 0, 3)

	w.configure(fmt.Sprintf("console: {listen: %q}", edgetest.Addr(t)))
	w.warns("the configuration's file was refused")
	w.signal(syscall.SIGHUP)
	w.says("configuration refused", 2)
	w.warns("and was " + w.address + ": that needs a restart")

	w.configure()
	w.signal(syscall.SIGHUP)
	w.says("configuration in force", 1)
	waitFor(t, "status without a warning of it", func() bool { return !strings.Contains(fmt.Sprint(w.warnings()), "configuration") }, w.said)
	w.configure("adjust_days: 80")
	w.warns("has changed since the daemon read it")
	w.stop()
	w.expectLines(3)
}

// warnings are those of status, asked within this process.
func (w *daemonWorld) warnings() []warning {
	w.t.Helper()
	a := &app{configPath: w.path("pixledger.yaml")}
	cfg, err := a.config()
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := lake.Open(cfg.Lake)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := a.status(cfg, l)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Warnings
}

// warns waits until status warns of something, with the remedy.
func (w *daemonWorld) warns(what string) {
	w.t.Helper()
	waitFor(w.t, what, func() bool {
		return slices.ContainsFunc(w.warnings(), func(x warning) bool {
			return strings.Contains(x.What, what) && strings.Contains(x.Remedy, "kill -HUP")
		})
	}, func() string { return fmt.Sprint(w.warnings()) + w.said() })
}

// jobProcess waits for the daemon's job and gives its process.
func (w *daemonWorld) jobProcess() int {
	w.t.Helper()
	pid := 0
	waitFor(w.t, "a job", func() bool {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", w.cmd.Process.Pid))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, file := range tasks {
			b, err := os.ReadFile(file)
			if err != nil {
				continue // the thread is gone
			}
			for _, child := range strings.Fields(string(b)) {
				if line, err := os.ReadFile("/proc/" + child + "/cmdline"); err == nil && bytes.Contains(line, []byte(jobPipeFlag)) {
					pid, _ = strconv.Atoi(child)
				}
			}
		}
		return pid != 0
	}, w.said)
	return pid
}

func isThere(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z "))
}

// waitingJob starts a daemon with a job that waits for a lock which the test has.
func (w *daemonWorld) waitingJob() (job int, unlock func()) {
	w.configure(`schedule: {attribute: "@every 1s"}`)
	w.appendLines("pixel.log", 0, 1)
	w.run("ingest")
	unlock = w.lockFile("jobs")
	w.launch()
	return w.jobProcess(), unlock
}

// A job comes after the daemon where the machine is short of something, and ends
// when the daemon is killed: no lock stays with a process that nobody knows of.
func TestJobsOfAKilledDaemonEnd(t *testing.T) {
	w := newDaemonWorld(t)
	job, unlock := w.waitingJob()
	defer unlock()
	proc := func(name string) string {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", job, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	waitFor(t, "the job to be the first to be ended", func() bool { return strings.TrimSpace(proc("oom_score_adj")) == "500" }, func() string { return proc("oom_score_adj") })
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", job))
	if err != nil || len(tasks) == 0 {
		t.Fatal(tasks, err)
	}
	own := niceOf(t, os.Getpid())
	for _, task := range tasks {
		if nice := niceOf(t, mustInt(t, filepath.Base(task))); nice != max(own, jobNice) {
			t.Errorf("a thread of the job has nice %d", nice)
		}
	}
	if nice := niceOf(t, w.cmd.Process.Pid); nice != own {
		t.Errorf("the daemon has nice %d, what started it %d", nice, own)
	}
	w.kill()
	waitFor(t, "the job to end", func() bool { return !isThere(job) }, w.said)
}

func niceOf(t *testing.T, thread int) int {
	t.Helper()
	n, err := syscall.Getpriority(syscall.PRIO_PROCESS, thread)
	if err != nil {
		t.Fatal(err)
	}
	return 20 - n // as the kernel gives it
}

func mustInt(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A job that the kernel ends fails alone. SIGTERM ends a daemon with a job under
// way within seconds, the job too.
func TestStopEndsJobs(t *testing.T) {
	w := newDaemonWorld(t)
	job, unlock := w.waitingJob()
	defer unlock()
	if err := syscall.Kill(job, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.says(`msg="job failed" job=attribute`, 1)
	job = w.jobProcess()
	w.appendLines("pixel.log", 1, 5)
	begun := time.Now()
	w.stop()
	if took := time.Since(begun); took > drainTime {
		t.Errorf("it took %v", took)
	}
	if isThere(job) {
		t.Error("the job is still there")
	}
	unlock()
	w.expectLines(5)
}

// A daemon that hangs in its end is ended by a second signal, and the next one
// reads what it could not commit.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	w := newDaemonWorld(t)
	w.launch()
	unlock := w.lockFile("publish")
	defer unlock()
	w.appendLines("pixel.log", 0, 5)
	w.signal(syscall.SIGTERM)
	w.says("msg=\"stopping", 1)
	w.signal(syscall.SIGTERM)
	err := w.cmd.Wait()
	w.cmd = nil
	var exit *exec.ExitError
	if !asExit(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v\n%s", err, w.said())
	}
	unlock()
	w.run("ingest")
	w.expectLines(5)
}

func asExit(err error, to **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*to = e
	return ok
}
