package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Processes that wait with the lake open, so that who looks at the console waits
// for the answer alone. Each answers once. They cost some memory and no
// processor; they are there while somebody has looked at the console within
// readyFor, which the daemon's start counts as.
const (
	readyProcessCount = 2
	readyFor          = 24 * time.Hour
	// A daemon that has just started has logs to catch up with.
	readyAfter = 5 * time.Second
)

// readyProcesses are processes that wait for a command.
type readyProcesses struct {
	d   *daemon
	ctx context.Context

	mu      sync.Mutex
	waiting []*readyProcess
	making  bool
	asked   time.Time // by the machine's clock
}

// readyProcess is a process that waits for its command.
type readyProcess struct {
	cmd    *exec.Cmd
	conf   *configInForce
	in     io.WriteCloser
	alive  io.Closer
	stdout io.ReadCloser
	stderr bytes.Buffer
	digest string // of the catalog in force when it began
}

func (d *daemon) newReadyProcesses(ctx context.Context) *readyProcesses {
	r := &readyProcesses{d: d, ctx: ctx, asked: time.Now()}
	first := time.AfterFunc(readyAfter, r.fill)
	context.AfterFunc(ctx, func() {
		first.Stop()
		r.end()
	})
	go r.tidy()
	return r
}

// fill starts processes until there are enough, one at a time. Each begins as
// what it will be, a command that somebody waits for: a priority that is lowered
// can't be raised again.
func (r *readyProcesses) fill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.making {
		return
	}
	r.making = true
	for r.ctx.Err() == nil && len(r.waiting) < readyProcessCount && time.Since(r.asked) < readyFor {
		r.mu.Unlock()
		p, err := r.start()
		r.mu.Lock()
		if err != nil {
			r.d.log.Warn("no process can be made ready for the console", "error", err)
			break
		}
		if r.ctx.Err() != nil {
			p.discard()
			break
		}
		r.waiting = append(r.waiting, p)
	}
	r.making = false
}

func (r *readyProcesses) start() (*readyProcess, error) {
	conf := r.d.inForce.Load()
	p := &readyProcess{conf: conf, digest: r.d.catalog.digest()}
	p.cmd = exec.Command(thisProgram, append(r.d.commonFlags(conf), readyName)...)
	p.cmd.Stderr = &p.stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.stdout, err = p.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if p.alive, err = startJob(p.cmd, conf, jobTerms{Memory: consoleMemory}, (*exec.Cmd).Start); err != nil {
		return nil, err
	}
	return p, nil
}

// take gives a process that waits with the configuration and the catalog in
// force, or nil.
func (r *readyProcesses) take() *readyProcess {
	conf, digest := r.d.inForce.Load(), r.d.catalog.digest()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = time.Now()
	for len(r.waiting) > 0 {
		p := r.waiting[0]
		r.waiting = r.waiting[1:]
		if p.conf == conf && p.digest == digest {
			return p
		}
		go p.discard()
	}
	return nil
}

// run runs a command in a process that waits for one, else in a new one.
func (r *readyProcesses) run(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	defer func() { go r.fill() }() // not beside the command, which has the processor now
	if p := r.take(); p != nil {
		out := &counted{w: stdout}
		err := p.run(ctx, out, stderr, append(r.d.commonFlags(p.conf), args...))
		var ended *exec.ExitError
		if killed := errors.As(err, &ended) && ended.ExitCode() < 0; !killed || out.n > 0 || ctx.Err() != nil {
			return err
		}
		// It was ended from outside while it waited, such as for want of memory.
	}
	return r.d.process(ctx, r.d.inForce.Load(), jobTerms{Memory: consoleMemory}, (*exec.Cmd).Start, stdout, stderr, args...)
}

// counted knows whether anything was written.
type counted struct {
	w io.Writer
	n int
}

func (c *counted) Write(b []byte) (int, error) {
	c.n += len(b)
	return c.w.Write(b)
}

// run has the process be a command, and waits for its end. When the context
// ends, the command is asked to end, and is ended when it has not within
// drainTime.
func (p *readyProcess) run(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	defer p.alive.Close()
	stop := context.AfterFunc(ctx, func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		time.AfterFunc(drainTime, func() { _ = p.cmd.Process.Kill() })
	})
	defer stop()
	line, err := json.Marshal(args)
	if err != nil {
		return err
	}
	_, err = p.in.Write(append(line, '\n'))
	err = errors.Join(err, p.in.Close())
	// What it prints is read to its end, also where nobody wants more: it must
	// not wait for a reader.
	_, copied := io.Copy(stdout, p.stdout)
	if copied != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, p.stdout)
	}
	ended := p.cmd.Wait()
	_, _ = stderr.Write(p.stderr.Bytes())
	if ended != nil {
		err = nil // it says itself what was wrong
	}
	return errors.Join(ended, copied, err)
}

// discard ends a process that is not wanted any more.
func (p *readyProcess) discard() {
	_ = p.in.Close()
	_ = p.alive.Close()
	_ = p.cmd.Process.Kill() // it has nothing to lose
	_, _ = io.Copy(io.Discard, p.stdout)
	_ = p.cmd.Wait()
}

func (r *readyProcesses) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.waiting {
		p.discard()
	}
	r.waiting = nil
}

// tidy ends the processes when nobody has looked for long.
func (r *readyProcesses) tidy() {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.mu.Lock()
			unused := time.Since(r.asked) >= readyFor
			r.mu.Unlock()
			if unused {
				r.end()
			}
		case <-r.ctx.Done():
			return
		}
	}
}
