// Package sparktest starts a real Spark cluster on loopback, for tests: a master
// and workers, each a process of its own, as they stand on machines of their own
// elsewhere. .ci/tools-cluster installs what it needs.
package sparktest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Cluster is one that is running.
type Cluster struct {
	URL     string // of the master
	Workers []*Worker

	bin string
	dir string
}

// Worker is a worker's process; its executors are children of it.
type Worker struct {
	cmd *exec.Cmd
	log *log
}

// executorMemory is what each job gets of each worker, for Java's objects.
const executorMemory = "700m"

// Start starts a master and workers, with one core and 1 GB each, and ends them
// with the test.
func Start(t testing.TB, workers int) *Cluster {
	t.Helper()
	c := &Cluster{bin: installed(t), dir: t.TempDir()}
	_, lines := c.start(t, "master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
	c.URL = lines.wait(t, regexp.MustCompile(`Starting Spark master at (spark://\S+)`))
	for i := range workers {
		c.AddWorker(t, fmt.Sprintf("worker-%d", i+1))
	}
	return c
}

// AddWorker starts a further worker.
func (c *Cluster) AddWorker(t testing.TB, name string) *Worker {
	t.Helper()
	cmd, lines := c.start(t, name, "org.apache.spark.deploy.worker.Worker",
		"--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir", filepath.Join(c.dir, name), c.URL)
	w := &Worker{cmd, lines}
	lines.wait(t, regexp.MustCompile(`Successfully registered with master (\S+)`))
	c.Workers = append(c.Workers, w)
	return w
}

// installed is the folder of Spark's commands.
func installed(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(cache, "pixledger", "tools", "spark", "bin")
	if _, err := os.Stat(filepath.Join(bin, "spark-submit")); err != nil {
		t.Fatalf("Spark is not installed: %v; run: .ci/tools-cluster", err)
	}
	return bin
}

// environment keeps Spark on loopback, and Python the one that it came with.
func (c *Cluster) environment() []string {
	return []string{
		"SPARK_LOCAL_IP=127.0.0.1",
		"SPARK_LOCAL_DIRS=" + filepath.Join(c.dir, "spill"),
		"PYSPARK_PYTHON=" + filepath.Join(c.bin, "python3"),
		"PYSPARK_DRIVER_PYTHON=" + filepath.Join(c.bin, "python3"),
		"SPARK_DAEMON_MEMORY=256m",
	}
}

// Submit is the command that submits a job to the cluster, with settings of the
// job's own: "spark.sql.shuffle.partitions=8".
func (c *Cluster) Submit(settings ...string) []string {
	args := append([]string{"env"}, c.environment()...)
	args = append(args, filepath.Join(c.bin, "spark-submit"), "--master", c.URL,
		"--driver-memory", "700m", "--executor-memory", executorMemory)
	for _, s := range append([]string{"spark.ui.enabled=false", "spark.driver.host=127.0.0.1", "spark.driver.bindAddress=127.0.0.1"}, settings...) {
		args = append(args, "--conf", s)
	}
	return args
}

func (c *Cluster) start(t testing.TB, name, class string, args ...string) (*exec.Cmd, *log) {
	t.Helper()
	cmd := exec.Command(filepath.Join(c.bin, "spark-class"), append([]string{class}, args...)...)
	cmd.Env = append(os.Environ(), c.environment()...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	l := &log{name: name, came: make(chan struct{}, 1)}
	cmd.Stdout, cmd.Stderr = l, l
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return cmd, l
}

// log is what a process has said.
type log struct {
	name string
	came chan struct{}
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.came <- struct{}{}:
	default:
	}
	return l.text.Write(b)
}

// wait waits until the process has said something, and gives what is in brackets.
func (l *log) wait(t testing.TB, what *regexp.Regexp) string {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		l.mu.Lock()
		text := l.text.String()
		l.mu.Unlock()
		if m := what.FindStringSubmatch(text); m != nil {
			return m[1]
		}
		select {
		case <-l.came:
		case <-deadline:
			t.Fatalf("%s does not say %s:\n%s", l.name, what, lastOf(text))
		}
	}
}

func lastOf(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
