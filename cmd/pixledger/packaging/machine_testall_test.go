//go:build testall

package packaging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is a clean Debian in a folder: a copy of the root that .ci/tools-dist
// has made, without pixledger.
type machine struct {
	t      *testing.T
	root   string
	nspawn *exec.Cmd    // its systemd, from outside; nil: it is not started
	leader int          // and as a process of ours
	says   bytes.Buffer // what was seen on its console
	asked  int          // of its nginx, and answered
}

// newMachine makes one.
func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs to run as root, for a root folder and a systemd of its own")
	}
	image := filepath.Join(cacheDir(t), "tools", "debian.tar")
	if _, err := os.Stat(image); err != nil {
		t.Fatalf("%v; .ci/tools-dist makes it", err)
	}
	m := &machine{t: t, root: t.TempDir()}
	mustRun(t, "tar", "-C", m.root, "--numeric-owner", "-xpf", image)
	if err := os.Chmod(m.root, 0o755); err != nil { // others than root look into it
		t.Fatal(err)
	}
	t.Cleanup(m.halt)
	return m
}

func cacheDir(t *testing.T) string {
	t.Helper()
	dir, err := os.UserCacheDir() // XDG_CACHE_HOME, or ~/.cache
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "pixledger")
}

// boot starts the machine's systemd as the first process of namespaces of its own,
// with no network but its loopback, and waits until it has started everything.
func (m *machine) boot() {
	m.t.Helper()
	m.nspawn = exec.Command("systemd-nspawn", "--register=no", "--keep-unit", "--boot", "--directory", m.root,
		"--machine", "pixledger-test", "--private-network", "--console=pipe")
	m.nspawn.Stdout, m.nspawn.Stderr = &m.says, &m.says
	m.nspawn.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.nspawn.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.until("the machine's systemd", func() bool {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", m.nspawn.Process.Pid))
		if err != nil {
			return false
		}
		if _, err := fmt.Sscan(string(children), &m.leader); err != nil {
			return false
		}
		out, _ := m.try("systemctl", "is-system-running")
		return strings.TrimSpace(out) == "running"
	})
}

// halt has systemd end all of it, in its order.
func (m *machine) halt() {
	if m.nspawn == nil {
		return
	}
	if m.t.Failed() {
		out, _ := m.try("sh", "-c", "systemctl --failed --no-pager; journalctl --no-pager -n 100")
		m.t.Logf("%s", out)
	}
	_ = m.nspawn.Process.Signal(syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() { ended <- m.nspawn.Wait() }()
	select {
	case <-ended:
	case <-time.After(90 * time.Second):
		_ = m.nspawn.Process.Kill()
		m.t.Errorf("the machine did not end: %v", <-ended)
	}
	m.nspawn = nil
}

// try runs a command on the machine: in its namespaces, or in its root alone while
// it is not started. It gives both streams.
func (m *machine) try(args ...string) (string, error) {
	inside := []string{"unshare", "--mount", "--pid", "--fork", "--mount-proc=" + filepath.Join(m.root, "proc"), "chroot", m.root}
	if m.nspawn != nil {
		inside = []string{"nsenter", "--target", fmt.Sprint(m.leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	args = slices.Concat(inside, []string{"env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive"}, args)
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	return string(out), err
}

// run runs a command that must not fail.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// sh runs a script that must not fail.
func (m *machine) sh(script string) string {
	m.t.Helper()
	return m.run("bash", "-euo", "pipefail", "-c", script)
}

// pixledger runs a command as the service's user, beside its configuration.
func (m *machine) pixledger(args string) string {
	m.t.Helper()
	return m.sh("cd /etc/pixledger && setpriv --reuid pixledger --regid pixledger --init-groups -- pixledger " + args)
}

// until polls until the condition holds.
func (m *machine) until(what string, holds func() bool) {
	m.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !holds(); {
		if time.Now().After(end) {
			m.t.Fatalf("waited in vain: %s\n%s", what, m.says.String())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// install has apt install a package's file, with no network.
func (m *machine) install(deb string) string {
	m.t.Helper()
	b, err := os.ReadFile(deb)
	if err == nil {
		err = os.WriteFile(filepath.Join(m.root, "root", "pixledger.deb"), b, 0o644)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	out := m.run("apt-get", "install", "-y", "--no-install-recommends", "--allow-downgrades", "-o", "Dpkg::Options::=--force-confdef", "/root/pixledger.deb")
	if err := os.Remove(filepath.Join(m.root, "root", "pixledger.deb")); err != nil {
		m.t.Fatal(err)
	}
	return out
}

// files lists what stands in the root, but what runs, logs and caches of others.
func (m *machine) files() []string {
	m.t.Helper()
	return strings.Fields(m.sh(`find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /dev -o -path /root \
		-o -path '/var/tmp/*' -o -path '/var/cache/*' -o -path '/var/lib/dpkg/*' -o -path '/var/lib/apt/*' -o -path '/var/log/*' ! -path '/var/log/pixledger*' \
		-o -path /var/lib/systemd/timers -o -path '/var/lib/logrotate/*' \) -prune -o -print | sort`))
}

// ask sends requests to the machine's nginx, one after another, each of which must
// be answered with 200.
func (m *machine) ask(n int) {
	m.t.Helper()
	if err := m.tryAsk(n); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) tryAsk(n int) error {
	out, err := m.try("bash", "-euc", fmt.Sprintf(`
for n in $(seq %d %d); do
  exec 3<>/dev/tcp/127.0.0.1/80
  printf 'GET /imptr?id=2766&n=%%s HTTP/1.1\r\nHost: px.network.example\r\nConnection: close\r\n\r\n' "$n" >&3
  read -r _ code _ <&3
  cat <&3 >/dev/null
  exec 3>&-
  [ "$code" = 200 ]
done`, m.asked+1, m.asked+n))
	if err != nil {
		return fmt.Errorf("ask nginx: %w\n%s", err, out)
	}
	m.asked += n
	return nil
}

// askDuring asks while something happens, and some more after it.
func (m *machine) askDuring(n int, happens func()) {
	m.t.Helper()
	asked := make(chan error, 1)
	go func() { asked <- m.tryAsk(n) }()
	happens()
	if err := <-asked; err != nil {
		m.t.Fatal(err)
	}
	m.ask(n / 10)
}

// status is what `status --json` says that the tests want to know.
type status struct {
	Daemon  *struct{ Process int }
	Sources []struct{ Lines, Events, Rejects int }
	Gaps    []any
	Jobs    []struct {
		Name        string
		LastSuccess *time.Time `json:"last_success"`
		Error       string
	}
	Warnings []struct{ What string }
}

func (m *machine) status() (status, error) {
	var s status
	out, err := m.try("setpriv", "--reuid", "pixledger", "--regid", "pixledger", "--init-groups", "--", "pixledger", "status", "--json", "-c", "/etc/pixledger/pixledger.yaml")
	if err == nil {
		err = json.Unmarshal([]byte(out), &s)
	}
	if err == nil && len(s.Sources) != 1 {
		err = errors.New("not one source")
	}
	return s, err
}

// counted waits until the lines that nginx has answered are committed, and looks
// that they are all, each once, and that the lake is sound.
func (m *machine) counted() {
	m.t.Helper()
	var s status
	m.until("the lines to be committed", func() bool {
		var err error
		s, err = m.status()
		return err == nil && s.Daemon != nil && s.Sources[0].Lines >= m.asked
	})
	want := fmt.Sprintf("%d,%[1]d", m.asked)
	if got := m.pixledger(`query --format csv "SELECT count(*), count(DISTINCT event_id) FROM events"`); !strings.Contains(got, want) {
		m.t.Errorf("%d requests were answered; the lake has (rows, different ones): %s", m.asked, got)
	}
	if len(s.Gaps) > 0 || s.Sources[0].Rejects > 0 || s.Sources[0].Lines != m.asked {
		m.t.Errorf("%d requests were answered; status: %+v", m.asked, s)
	}
	if got := m.pixledger("verify"); !strings.HasPrefix(got, "no differences") {
		m.t.Errorf("verify: %s", got)
	}
}

// pid is the service's main process.
func (m *machine) pid() string {
	m.t.Helper()
	return strings.TrimSpace(m.run("systemctl", "show", "--property=MainPID", "--value", "pixledger"))
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
