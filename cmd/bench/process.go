package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"pixledger/schemas/lake"
)

// figures are what one process took.
type figures struct {
	wall, cpu time.Duration
	peak      int64 // bytes
}

func measure(name string, args ...string) (figures, error) {
	return measureTo(os.Stderr, name, args...)
}

// measureTo is measure of a process whose messages go elsewhere.
func measureTo(messages io.Writer, name string, args ...string) (figures, error) {
	c := exec.Command(name, args...)
	c.Stderr = messages
	start := time.Now()
	if err := c.Run(); err != nil {
		return figures{}, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	u := c.ProcessState.SysUsage().(*syscall.Rusage)
	return figures{time.Since(start), c.ProcessState.UserTime() + c.ProcessState.SystemTime(), u.Maxrss * 1024}, nil
}

// median gives the run of the median time.
func median(list []figures) figures {
	slices.SortFunc(list, func(x, y figures) int { return int(x.wall - y.wall) })
	return list[len(list)/2]
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// log writes a synthetic log.
func (b *bench) log(name string, lines int64, more ...string) (path string, err error) {
	path = b.path(name)
	args := append([]string{"gen", "--lines", fmt.Sprint(lines), "--start", b.start, "-o", path}, more...)
	if _, err := os.Stat(b.path("catalog.yaml")); os.IsNotExist(err) {
		args = append(args, "--init-catalog", b.path("catalog.yaml"))
	}
	_, err = measure(b.program, args...)
	return path, err
}

// config writes a configuration with a lake of its own and, unless log is
// empty, one source.
func (b *bench) config(name, log, more string) (path string, err error) {
	sources := "sources: []\n"
	if log != "" {
		sources = fmt.Sprintf("sources:\n  - {name: edge, path: %q, format: pixledger}\n", log)
	}
	path = b.path(name + ".yaml")
	content := fmt.Sprintf("lake: ./%s\ncatalog: ./catalog.yaml\nconsole: {listen: \"127.0.0.1:0\"}\n%s%s", name, sources, more)
	return path, os.WriteFile(path, []byte(content), 0o600)
}

// ingest reads a log into a new lake of that name.
func (b *bench) ingest(name, log string) (figures, error) {
	conf, err := b.config(name, "", "")
	if err != nil {
		return figures{}, err
	}
	return measure(b.program, "ingest", "-c", conf, "--format", "pixledger", log)
}

// daemon is a `pixledger run` under way.
type daemon struct {
	*exec.Cmd
	lake *lake.Lake
}

// run starts the daemon and waits until its lake is there.
func (b *bench) run(name, conf string) (*daemon, error) {
	c := exec.Command(b.program, "run", "-c", conf)
	messages, err := os.OpenFile(b.path(name+".messages"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer messages.Close()
	c.Stderr = messages
	if err := c.Start(); err != nil {
		return nil, err
	}
	d := &daemon{Cmd: c}
	err = until(30*time.Second, func() (bool, error) {
		l, err := lake.Open(b.path(name))
		d.lake = l
		return err == nil, nil
	})
	if err != nil {
		return nil, fmt.Errorf("the daemon made no lake: %w", d.kill())
	}
	return d, nil
}

// committed is how much of the one log is in the lake, in bytes.
func (d *daemon) committed() (int64, error) {
	s, err := d.lake.State()
	if err != nil {
		return 0, err
	}
	var n int64
	for _, src := range s.Sources {
		n += src.Position
	}
	return n, nil
}

// stop ends the daemon in the way of a service manager.
func (d *daemon) stop() error {
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return d.Wait()
}

func (d *daemon) kill() error {
	err := d.Process.Kill()
	_ = d.Wait() // the signal is its error
	return err
}

// cpu is the processor time that the daemon has taken so far.
func (d *daemon) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in brackets; 14 and 15 are ticks
	// of a hundredth of a second.
	var user, system int64
	fields := b[slices.Index(b, ')')+2:]
	var skip string
	if _, err := fmt.Sscan(string(fields), &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// poll is how often a state is looked at that is waited for.
const poll = 5 * time.Millisecond

// until waits for a condition.
func until(limit time.Duration, met func() (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	end := time.Now().Add(limit)
	for {
		ok, err := met()
		if ok || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("waited %v in vain", limit)
		}
		<-tick.C
	}
}
