// Package edgetest runs the real nginx on a printed edge configuration, for
// tests. nginx must be installed; a test that can not start it fails.
package edgetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// deadline is how long nginx may take to start, to reopen its log and to stop.
const deadline = 20 * time.Second

// Server is a running nginx.
type Server struct {
	// Addr is the host:port it listens on without TLS, URL the same as an
	// http:// URL without a path.
	Addr, URL string

	// Log is the path of its access log, ErrorLog that of its error log.
	Log, ErrorLog string

	t    testing.TB
	dir  string // of its configuration
	cmd  *exec.Cmd
	exit chan struct{} // closed when the process has ended
	err  error         // why it ended; set before exit is closed
}

// Addr gives an address on the loopback interface, as edge.listen takes it,
// whose port is free.
func Addr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Dir gives a folder for the access log. When nginx is started by root, its
// workers are another user, and can reach it.
func Dir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// binary finds nginx, which on Debian is not on a user's path.
func binary(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil {
		t.Fatal("this test needs nginx, and it is not installed: apt-get install nginx-light")
	}
	return path
}

// command makes an nginx command line that keeps everything in dir. The
// configuration is used as it is printed, but for a user who is not root: nginx
// then can not make the folders for bodies that it was built with.
func command(t testing.TB, ctx context.Context, dir, conf string, args ...string) *exec.Cmd {
	t.Helper()
	nginx := binary(t)
	conf = strings.Replace(conf, "\nhttp {\n", "\nhttp {"+folders(dir)+"\n", 1)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-p", dir, "-e", filepath.Join(dir, "start.log"), "-c", file}, args...)
	return exec.CommandContext(ctx, nginx, args...)
}

// folders are the settings that a user who is not root needs.
func folders(dir string) string {
	var s strings.Builder
	if os.Geteuid() != 0 {
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			fmt.Fprintf(&s, " %s_temp_path %s;", kind, filepath.Join(dir, kind))
		}
	}
	return s.String()
}

// ReloadCommand is what the shell does to have the server take a configuration
// from a file: nginx tests it, and takes it if it is good.
func (s *Server) ReloadCommand(conf string) string {
	next := filepath.Join(s.dir, "next.conf")
	return fmt.Sprintf(`sed 's#^http {$#http {%s#' '%s' > '%s' && '%s' -t -p '%s' -e '%s' -c '%s' -g 'pid %s;' && mv '%s' '%s' && kill -HUP %d`,
		folders(s.dir), conf, next, binary(s.t), s.dir, filepath.Join(s.dir, "test.log"), next, filepath.Join(s.dir, "test.pid"),
		next, filepath.Join(s.dir, "nginx.conf"), s.Pid())
}

// Check has nginx read the configuration, and gives what it says and whether it
// is good.
func Check(t testing.TB, conf string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	dir := Dir(t)
	out, err := command(t, ctx, dir, conf, "-t", "-g", "pid "+filepath.Join(dir, "nginx.pid")+";").CombinedOutput()
	return string(out), err
}

var (
	listen    = regexp.MustCompile(`(?m)^\s*listen ([^ ;]+);`)
	accessLog = regexp.MustCompile(`(?m)^\s*access_log "?([^" ;]+)"? \w+;`)
	errorLog  = regexp.MustCompile(`(?m)^\s*error_log "([^"]+)";`)
)

// Start runs nginx on a configuration until the test ends, and returns when it
// answers. It is one that was printed, or has the same directives: the first listen
// is an address with a port, the first access_log one with a format.
func Start(t testing.TB, conf string) *Server {
	t.Helper()
	s := &Server{t: t, exit: make(chan struct{})}
	for _, f := range []struct {
		form *regexp.Regexp
		to   *string
	}{{listen, &s.Addr}, {accessLog, &s.Log}, {errorLog, &s.ErrorLog}} {
		m := f.form.FindStringSubmatch(conf)
		if m == nil {
			t.Fatalf("no %s in the nginx configuration:\n%s", f.form, conf)
		}
		*f.to = m[1]
	}
	s.URL = "http://" + s.Addr

	dir := Dir(t)
	s.dir = dir
	// A client may have opened a connection that it then needed for nothing: nginx
	// would wait a minute for a request on it before it stops.
	s.cmd = command(t, context.Background(), dir, conf, "-g", "daemon off; worker_shutdown_timeout 5s; pid "+filepath.Join(dir, "nginx.pid")+";")
	var said strings.Builder
	s.cmd.Stderr = &said
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start nginx: %v", err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exit)
	}()
	t.Cleanup(s.Stop)
	s.wait("answer on "+s.Addr, func() bool {
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			return false
		}
		c.Close()
		return true
	}, func() string { return said.String() })
	return s
}

// wait polls until done, and fails the test when nginx ends or takes too long.
func (s *Server) wait(what string, done func() bool, details func() string) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	over := time.NewTimer(deadline)
	defer over.Stop()
	for !done() {
		select {
		case <-s.exit:
			s.t.Fatalf("nginx ended (%v) and did not %s:\n%s", s.err, what, details())
		case <-over.C:
			s.t.Fatalf("nginx did not %s within %s", what, deadline)
		case <-tick.C:
		}
	}
}

// Reopen has nginx open its access log anew, as logrotate does after it renamed
// the file (signal USR1). It returns when the new file is there; the workers may
// still write to the old one for a moment.
func (s *Server) Reopen() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		s.t.Fatalf("signal nginx: %v", err)
	}
	s.wait("reopen "+s.Log, func() bool {
		_, err := os.Stat(s.Log)
		return err == nil
	}, func() string { return "" })
}

// Lines waits until the access log has n lines, unless it has more already, and
// gives them all, without their ends.
func (s *Server) Lines(n int) []string {
	s.t.Helper()
	var lines []string
	s.wait(fmt.Sprintf("log %d lines", n), func() bool {
		b, err := os.ReadFile(s.Log)
		if err != nil {
			s.t.Fatal(err)
		}
		lines = lines[:0]
		for line := range strings.Lines(string(b)) {
			if strings.HasSuffix(line, "\n") {
				lines = append(lines, strings.TrimSuffix(line, "\n"))
			}
		}
		return len(lines) >= n
	}, func() string { return "" })
	return lines
}

// Stop ends nginx after the requests in progress (signal QUIT); all lines are in
// the log when it returns. Stopping twice is fine.
func (s *Server) Stop() {
	s.t.Helper()
	select {
	case <-s.exit:
		return
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		s.t.Errorf("signal nginx: %v", err)
	}
	over := time.NewTimer(deadline)
	defer over.Stop()
	select {
	case <-s.exit:
		if s.err != nil {
			s.t.Errorf("nginx ended: %v", s.err)
		}
	case <-over.C:
		// TERM has the master end its workers at once; KILL would leave them.
		s.t.Errorf("nginx did not stop within %s", deadline)
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			s.t.Errorf("signal nginx: %v", err)
		}
		<-s.exit
	}
}

// Pid is the process to signal: nginx's master.
func (s *Server) Pid() int { return s.cmd.Process.Pid }
