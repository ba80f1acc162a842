package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// service is what the daemon tells systemd, where that started it with
// Type=notify: that it is ready, reads its configuration again, or stops; how it
// is, in a line for people; and, for the watchdog, that it lives.
type service struct {
	d        *daemon
	asked    bool          // systemd wants to know
	watchdog time.Duration // within which it wants a sign of life; 0: it wants none

	mu     sync.Mutex
	state  string // "" before it is ready; then what systemd was last told of its life
	status string // the line for people, as last told
	silent string // what gives no sign of life, as last said in the log
}

// serviceEnv are the variables by which systemd and a service know each other;
// what a service starts has no part in it.
var serviceEnv = []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}

func newService(d *daemon) (*service, error) {
	watchdog, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		return nil, fmt.Errorf("the watchdog's time, which systemd gives in WATCHDOG_USEC: %w", err)
	}
	asked := os.Getenv("NOTIFY_SOCKET") != ""
	if !asked {
		watchdog = 0
	}
	return &service{d: d, asked: asked, watchdog: watchdog}, nil
}

// tick is how often the scheduler is to look what is due, so that it is known to
// live; 0: as it likes.
func (s *service) tick() time.Duration {
	if s.watchdog == 0 {
		return 0
	}
	return min(time.Minute, s.watchdog/4)
}

// tell sends one message to systemd.
func (s *service) tell(lines ...string) {
	if !s.asked {
		return
	}
	if _, err := systemd.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		s.d.log.Error("systemd was not told", "message", lines[0], "error", err)
	}
}

// begin tells systemd that the daemon is ready once it follows its sources, and
// from then on how it is, until the function that it gives is called. When the
// context ends, it tells that the daemon stops.
func (s *service) begin(ctx context.Context) (end func()) {
	if !s.asked {
		return func() {}
	}
	alive, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.run(alive, ctx.Done())
	}()
	return func() { cancel(); <-ended }
}

// How often systemd is told how the daemon is, and whether it is ready yet.
const (
	statusEvery = 2 * time.Second
	readyPoll   = 20 * time.Millisecond
)

func (s *service) run(alive context.Context, stopping <-chan struct{}) {
	every := time.NewTicker(readyPoll)
	defer every.Stop()
	pace := readyPoll
	for {
		select {
		case <-alive.Done():
			return
		case <-stopping:
			stopping = nil // once
			s.enter(systemd.SdNotifyStopping, fmt.Sprintf("stopping: committing what was read, within %v", stopTime))
		case <-every.C:
		}
		switch {
		case s.entered("") && s.d.stats.Begun():
			s.ready()
		case s.entered(systemd.SdNotifyReady):
			s.say(s.d.condition())
		}
		if s.watchdog > 0 && !s.entered("") {
			s.beat()
		}
		if !s.entered("") && pace == readyPoll {
			if pace = statusEvery; s.watchdog > 0 {
				pace = min(pace, s.watchdog/8)
			}
			every.Reset(pace)
		}
	}
}

func (s *service) entered(state string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == state
}

// enter tells systemd of another state, with the line for people. What stops
// enters no other.
func (s *service) enter(state, status string, more ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == systemd.SdNotifyStopping {
		return
	}
	s.state, s.status = state, status
	s.tell(append(append([]string{state}, more...), "STATUS="+status)...)
}

func (s *service) ready() { s.enter(systemd.SdNotifyReady, s.d.condition()) }

// reloading tells that the configuration is read again. systemd holds the time
// against the one at which it asked.
func (s *service) reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		s.d.log.Error("the monotonic clock can't be read", "error", err)
	}
	s.enter(systemd.SdNotifyReloading, "reading the configuration again", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// say tells the line for people where it has changed.
func (s *service) say(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status != status {
		s.status = status
		s.tell("STATUS=" + status)
	}
}

// beat answers the watchdog, while everything that must not hang gives signs of
// life; else systemd ends the daemon and starts it again.
func (s *service) beat() {
	what, since := s.d.silent()
	if since <= s.watchdog/2 {
		s.silent = ""
		s.tell(systemd.SdNotifyWatchdog)
		return
	}
	if s.silent != what {
		s.silent = what
		s.d.log.Error("no sign of life; the watchdog is not answered, so that systemd starts the daemon again", "of", what, "seconds", since.Seconds())
	}
}

// silent tells what has gone longest without a sign of life, and for how long.
func (d *daemon) silent() (what string, since time.Duration) {
	what, since = d.stats.Silent()
	if at := d.scheduler.Load(); at != 0 {
		if age := time.Since(d.app.start) - time.Duration(at); age > since {
			return "the scheduler", age
		}
	}
	return what, since
}

// beat is the scheduler's sign of life.
func (d *daemon) beat() { d.scheduler.Store(int64(time.Since(d.app.start))) }

// condition says in a line how the daemon is.
func (d *daemon) condition() string {
	if why := d.inForce.Load().refused; why != "" {
		return "the configuration was refused, the one before is in force: " + firstLine(why)
	}
	if why := d.catalog.refusal(); why != "" {
		return "the catalog was refused, the one before is in force: " + firstLine(why)
	}
	troubled := map[string]bool{}
	for _, s := range d.stats.Snapshot() {
		if s.Waiting != "" {
			return firstLine(s.Waiting)
		}
		if s.Trouble != "" {
			troubled[s.Source] = true
		}
	}
	sources := count(len(d.config().Sources), "source")
	if len(troubled) > 0 {
		return fmt.Sprintf("following %s, %d of them with trouble: see `pixledger status`", sources, len(troubled))
	}
	return "following " + sources
}

// firstLine is the first line of a text: systemd's messages have one a value.
func firstLine(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}
