//go:build testall

package packaging

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// engine builds and runs containers: buildah and podman, on a copy of the images
// that .ci/tools-dist has made.
type engine struct {
	t     *testing.T
	dir   string
	space int // a process in the mount namespace where they live
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	dir, err := os.MkdirTemp("", "px") // short: sockets are made in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	mustRun(t, "cp", "-a", filepath.Join(cacheDir(t), "tools", "images"), filepath.Join(dir, "store"))
	// A machine with control groups of both versions is shown to them as one of the
	// second: containers here get none.
	c := exec.Command("unshare", "--mount", "sh", "-euc", "mount -t cgroup2 none /sys/fs/cgroup; echo; exec cat")
	hold, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err == nil {
		_, err = said.Read(make([]byte, 1))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hold.Close(); _ = c.Wait() })
	return &engine{t, dir, c.Process.Pid}
}

// try runs buildah or podman.
func (e *engine) try(args ...string) (string, error) {
	line := []string{"--target", fmt.Sprint(e.space), "--mount", "--wdns=" + e.dir, args[0],
		"--root", filepath.Join(e.dir, "store"), "--runroot", filepath.Join(e.dir, "run")}
	if args[0] == "podman" {
		line = append(line, "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--log-level", "fatal")
	}
	c := exec.Command("nsenter", append(line, args[1:]...)...)
	c.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot")
	out, err := c.CombinedOutput()
	return string(out), err
}

func (e *engine) run(args ...string) string {
	e.t.Helper()
	out, err := e.try(args...)
	if err != nil {
		e.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// lines are what the container has read.
func (e *engine) lines() int {
	out, err := e.try("podman", "exec", "px", "pixledger", "status", "--json")
	var s status
	if err != nil || json.Unmarshal([]byte(out), &s) != nil || len(s.Sources) != 1 {
		return -1
	}
	return s.Sources[0].Lines
}

func (e *engine) until(what string, holds func() bool) {
	e.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !holds(); {
		if time.Now().After(end) {
			out, _ := e.try("podman", "logs", "px")
			e.t.Fatalf("waited in vain: %s\n%s", what, out)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// The Dockerfile builds, from the sources that its ignore file lets in; the
// container refuses to be open without a token, runs as nobody special, is
// healthy, follows a mounted log, loses nothing when it is killed, and stops in time.
func TestPackageImage(t *testing.T) {
	e := newEngine(t)
	sources, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	goroot := strings.TrimSpace(mustRun(t, "go", "env", "GOROOT"))
	e.run("buildah", "bud", "--quiet", "--format", "docker", "--build-arg", "GOLANG=localhost/golang:here", "--build-arg", "BASE=localhost/debian:slim",
		"--build-arg", "VERSION=1.2.3", "--volume", goroot+":/usr/local/go:ro",
		"--volume", strings.TrimSpace(mustRun(t, "go", "env", "GOMODCACHE"))+":/go/pkg/mod",
		"--volume", strings.TrimSpace(mustRun(t, "go", "env", "GOCACHE"))+":/root/.cache/go-build",
		"--tag", "localhost/pixledger", sources)

	log := filepath.Join(e.dir, "log")
	if err := os.Mkdir(log, 0o755); err != nil {
		t.Fatal(err)
	}
	bare := []string{"podman", "run", "--cgroups=disabled", "--network=none", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"}
	with := func(args ...string) []string { return append(append([]string{}, bare...), args...) }
	if got := e.run(with("--rm", "localhost/pixledger", "--version")...); !strings.Contains(got, "pixledger 1.2.3 (") {
		t.Errorf("--version: %s", got)
	}
	if out, err := e.try(with("--rm", "localhost/pixledger")...); err == nil || !strings.Contains(out, "PIXLEDGER_TOKEN is not set") {
		t.Errorf("without a token: %v %s", err, out)
	}

	e.run(with("--detach", "--name", "px", "--env", "PIXLEDGER_TOKEN=f3c1a6", "--volume", log+":/var/log/pixledger:ro", "localhost/pixledger")...)
	t.Cleanup(func() { _, _ = e.try("podman", "rm", "--force", "--volumes", "px") })
	e.until("the container to be healthy", func() bool { _, err := e.try("podman", "healthcheck", "run", "px"); return err == nil })
	if got := e.run("podman", "exec", "px", "id"); got != "uid=8420(pixledger) gid=8420(pixledger) groups=8420(pixledger),4(adm)\n" {
		t.Errorf("it runs as %s", got)
	}
	written := 0
	more := func(n int) {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(log, "pixel.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for range n {
			written++
			if _, err := fmt.Fprintf(f, `{"time":"%d.001","id":"e-%d","ip":"192.0.2.1","method":"GET","uri":"/imptr?id=2766","status":"200","uid_got":"uid=%d"}`+"\n",
				time.Now().Unix(), written, written); err != nil {
				t.Fatal(err)
			}
		}
	}
	more(1000)
	e.until("the lines", func() bool { return e.lines() == written })
	more(1000)
	e.run("podman", "kill", "--signal", "KILL", "px")
	more(1000)
	e.run("podman", "start", "px")
	e.until("the lines", func() bool { return e.lines() == written })
	if got := e.run("podman", "exec", "px", "pixledger", "verify"); !strings.HasPrefix(got, "no differences") {
		t.Errorf("verify: %s", got)
	}
	e.run("podman", "stop", "--time", "45", "px")
	if got := e.run("podman", "inspect", "--format", "{{.State.ExitCode}}", "px"); got != "0\n" {
		t.Errorf("stopped, its exit code is %s", got)
	}
}
