package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// notifySocket is where systemd would hear the daemon.
type notifySocket struct {
	path string
	mu   sync.Mutex
	got  []string
}

func newNotifySocket(t *testing.T) *notifySocket {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	s := &notifySocket{path: filepath.Join(dir, "s")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return // closed
			}
			s.mu.Lock()
			s.got = append(s.got, string(buf[:n]))
			s.mu.Unlock()
		}
	}()
	return s
}

func (s *notifySocket) messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func (s *notifySocket) last() string { return strings.Join(s.messages(), "\n--\n") }

// count is how many messages begin with a line.
func (s *notifySocket) count(first string) (n int) {
	for _, m := range s.messages() {
		if line, _, _ := strings.Cut(m, "\n"); line == first {
			n++
		}
	}
	return n
}

// systemd is told that the daemon is ready, reloads, stops; and gets signs of
// life while the follower lives, and none while it hangs.
func TestWhatSystemdIsTold(t *testing.T) {
	w := newDaemonWorld(t)
	s := newNotifySocket(t)
	w.launch("NOTIFY_SOCKET="+s.path, "WATCHDOG_USEC=3000000")
	waitFor(t, "ready and alive", func() bool { return s.count("READY=1") == 1 && s.count("WATCHDOG=1") > 1 }, s.last)
	w.signal(syscall.SIGHUP)
	waitFor(t, "ready again", func() bool { return s.count("READY=1") == 2 }, s.last)
	w.configure("nonsense: 1")
	w.signal(syscall.SIGHUP)
	waitFor(t, "ready after a refusal", func() bool { return s.count("READY=1") == 3 }, s.last)
	w.configure()
	w.signal(syscall.SIGHUP)
	waitFor(t, "ready after the mending", func() bool { return s.count("READY=1") == 4 }, s.last)

	unlock := w.lockFile("publish")
	defer unlock()
	w.appendLines("pixel.log", 0, 1)
	w.says("no sign of life", 1)
	hanging := s.count("WATCHDOG=1")
	if !strings.Contains(w.said(), "of=committing") {
		t.Errorf("it does not say what hangs: %s", w.said())
	}
	w.signal(syscall.SIGHUP) // which hangs too, for it waits for the follower
	waitFor(t, "the reload", func() bool { return s.count("RELOADING=1") == 4 }, s.last)
	if n := s.count("WATCHDOG=1"); n != hanging {
		t.Errorf("it gave %d signs of life while it hung", n-hanging)
	}
	unlock()
	waitFor(t, "signs of life again", func() bool { return s.count("WATCHDOG=1") > hanging && s.count("READY=1") == 5 }, s.last)
	w.stop()

	var order []string
	for _, m := range s.messages() {
		lines := strings.Split(m, "\n")
		if lines[0] == "WATCHDOG=1" {
			continue
		}
		if lines[0] == "RELOADING=1" {
			if us, ok := strings.CutPrefix(lines[1], "MONOTONIC_USEC="); !ok || len(us) < 6 {
				t.Errorf("%q has no time", m)
			}
			lines = slices.Delete(lines, 1, 2)
		}
		text := strings.Join(lines, " ")
		before, _, _ := strings.Cut(text, ": "+w.dir) // with the mistake
		order = append(order, before)
	}
	again, following := "RELOADING=1 STATUS=reading the configuration again", "READY=1 STATUS=following 1 source"
	want := []string{
		following, again, following,
		again, "READY=1 STATUS=the configuration was refused, the one before is in force",
		again, following, again, following,
		"STOPPING=1 STATUS=stopping: committing what was read, within 30s",
	}
	if !slices.Equal(order, want) {
		t.Errorf("systemd was told\n%s\nwant\n%s", strings.Join(order, "\n"), strings.Join(want, "\n"))
	}
	w.expectLines(1)
}
