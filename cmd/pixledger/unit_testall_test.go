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

// The unit file is one that systemd takes, where systemd-analyze is there to say
// so; and its commands, run as systemd would run them, start the daemon, reload
// it, start it again after a kill, and stop it, without a line lost.
func TestUnitFile(t *testing.T) {
	w := newDaemonWorld(t)
	linkProgram(t, w.path("bin"))
	unit := readText(t, filepath.Join(repository, "docs", "systemd", "pixledger.service"))
	unit = strings.NewReplacer("/usr/local/bin/pixledger", w.path("bin/pixledger"), "/etc/pixledger/pixledger.yaml", w.path("pixledger.yaml")).Replace(unit)
	w.write("pixledger.service", unit)
	if analyze, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("systemd-analyze is not here: systemd is not asked about the unit")
	} else if out, err := exec.Command(analyze, "verify", w.path("pixledger.service")).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	settings := map[string][]string{}
	for line := range strings.Lines(unit) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			settings[key] = append(settings[key], value)
		}
	}
	if settings["Type"][0] != "notify" || settings["WatchdogSec"][0] != "3min" || len(settings["ExecReload"]) != 2 {
		t.Fatalf("the unit has changed: %v", settings)
	}

	s := newNotifySocket(t)
	start := func() {
		t.Helper()
		words := strings.Fields(settings["ExecStart"][0])
		w.cmd = w.command(words[1:]...)
		w.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.path, fmt.Sprintf("WATCHDOG_USEC=%d", 180_000_000))
		w.cmd.Stdout, w.cmd.Stderr = &w.out, &w.out
		ready := s.count("READY=1")
		if err := w.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the daemon to be ready", func() bool { return s.count("READY=1") > ready }, w.said)
	}
	reload := func() error {
		for _, line := range settings["ExecReload"] {
			words := strings.Fields(strings.ReplaceAll(line, "$MAINPID", strconv.Itoa(w.cmd.Process.Pid)))
			if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
		}
		return nil
	}
	start()
	w.appendLines("pixel.log", 0, 100)
	ready := s.count("READY=1")
	if err := reload(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the reload", func() bool { return s.count("READY=1") > ready }, w.said)
	w.appendLines("pixel.log", 100, 200)
	w.kill()
	w.appendLines("pixel.log", 200, 300)
	start() // Restart=always
	w.configure("adjust_dayz: 4")
	if err := reload(); err == nil || !strings.Contains(err.Error(), "adjust_dayz") {
		t.Errorf("a reload with a mistake in the configuration: %v", err)
	}
	if err := w.cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error("the daemon is gone")
	}
	w.configure()
	w.appendLines("pixel.log", 300, 400)
	w.stop() // KillMode=mixed: SIGTERM to the daemon
	w.expectLines(400)
}
