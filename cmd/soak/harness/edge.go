package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// edge is a real nginx on the configuration that the program prints, with the
// real logrotate.
type edge struct {
	dir, addr, log string
	logrotate      string
	nginx          *exec.Cmd
	exit           chan error
	said           lockedText
}

// installed finds a program of the system, which on Debian may stand beyond a
// user's path.
func installed(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		return "", fmt.Errorf("%s is not installed: make tools installs it", name)
	}
	return path, nil
}

var accessLog = regexp.MustCompile(`(access_log "[^"]+" pixledger);`)

// startEdge starts nginx. buffer, where not empty, is put on every access_log
// line: what is printed writes each line at once.
func startEdge(ctx context.Context, p *program, addr, log, buffer string) (*edge, error) {
	conf, err := p.must(ctx, "edge", "nginx")
	if err != nil {
		return nil, err
	}
	if buffer != "" {
		conf = accessLog.ReplaceAllString(conf, "$1 "+buffer+";")
	}
	e := &edge{dir: filepath.Join(p.dir, "nginx"), addr: addr, log: log, exit: make(chan error, 1)}
	if err := makeDir(e.dir); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 { // then nginx can not make the folders that it was built with
		var folders strings.Builder
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			fmt.Fprintf(&folders, "    %s_temp_path %q;\n", kind, filepath.Join(e.dir, kind))
		}
		conf = strings.Replace(conf, "\nhttp {\n", "\nhttp {\n"+folders.String(), 1)
	}
	file := filepath.Join(e.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return nil, err
	}
	path, err := installed("nginx")
	if err != nil {
		return nil, err
	}
	if e.logrotate, err = installed("logrotate"); err != nil {
		return nil, err
	}
	e.nginx = exec.Command(path, "-p", e.dir, "-e", filepath.Join(e.dir, "start.log"), "-c", file,
		"-g", "daemon off; pid "+filepath.Join(e.dir, "nginx.pid")+";")
	e.nginx.Stdout, e.nginx.Stderr = &e.said, &e.said
	if err := e.nginx.Start(); err != nil {
		return nil, err
	}
	go func() { e.exit <- e.nginx.Wait() }()
	err = waitUntil(ctx, 20*time.Second, "nginx to answer on "+addr, func() (bool, error) {
		select {
		case err := <-e.exit:
			e.exit <- err
			return false, fmt.Errorf("it ended (%v): %s", err, e.said.String())
		default:
		}
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return false, nil
		}
		return true, c.Close()
	})
	if err != nil {
		return nil, errors.Join(err, e.stop())
	}
	return e, nil
}

// rotate has logrotate rotate the log, as docs/edge.md advises. A user other
// than root must say which one the log belongs to.
func (e *edge) rotate(ctx context.Context) error {
	conf := filepath.Join(e.dir, "logrotate.conf")
	user, err := exec.Command("id", "-un").Output()
	if err != nil {
		return err
	}
	group, err := exec.Command("id", "-gn").Output()
	if err != nil {
		return err
	}
	content := fmt.Sprintf(`su %s %s
%s {
	rotate 9
	create 0666
	compress
	delaycompress
	missingok
	postrotate
		kill -USR1 %d
	endscript
}
`, strings.TrimSpace(string(user)), strings.TrimSpace(string(group)), e.log, e.nginx.Process.Pid)
	if err := os.WriteFile(conf, []byte(content), 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, hang)
	defer cancel()
	out, err := exec.CommandContext(ctx, e.logrotate, "--force", "--state", filepath.Join(e.dir, "logrotate.state"), conf).CombinedOutput()
	if err != nil {
		return fmt.Errorf("logrotate: %w: %s", err, out)
	}
	return nil
}

// reload has nginx read its configuration anew, with new workers.
func (e *edge) reload() error { return e.nginx.Process.Signal(syscall.SIGHUP) }

// stop ends nginx after the requests in progress; all lines are in the log then.
func (e *edge) stop() error {
	if e.nginx == nil {
		return nil
	}
	defer func() { e.nginx = nil }()
	if err := e.nginx.Process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	select {
	case err := <-e.exit:
		return err
	case <-time.After(20 * time.Second):
		// TERM has the master end its workers at once; KILL would leave them.
		_ = e.nginx.Process.Signal(syscall.SIGTERM)
		<-e.exit
		return errors.New("nginx did not stop within 20 s of QUIT")
	}
}
