package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// jobPipeFlag names the descriptor by which the daemon and a job know each
// other: a pipe that the daemon writes the jobTerms to, and then keeps open for
// as long as it lives.
const jobPipeFlag = "job-pipe"

// jobTerms are what the daemon gives a job.
type jobTerms struct {
	// Config is the content of the configuration in force. Its file may say
	// something else by now.
	Config []byte `json:"config"`
	// Memory is the most that limits.memory may be; 0: what is configured.
	Memory int64 `json:"memory,omitempty"`
}

// A job has less of the machine than the daemon, which must keep up with the
// logs: it is the last to get the processor and the disk, and the first that the
// kernel ends when there is no memory left.
const (
	jobNice     = 10
	jobDisk     = 2<<13 | 7 // ioprio_set(2): best effort, the last of eight
	jobOOMScore = 500       // of 1000, added to its share of the memory in percent
)

// command runs a command of this program by a configuration, on the daemon's
// clock. When the context ends, the command is asked to end, and is ended when
// it has not within drainTime.
func (d *daemon) command(ctx context.Context, conf *configInForce, args ...string) error {
	var out bytes.Buffer
	err := d.process(ctx, conf, jobTerms{}, startLast, &out, &out, args...)
	text := strings.TrimSpace(out.String())
	if err != nil {
		return fmt.Errorf("pixledger %s: %w: %s", args[0], err, text)
	}
	d.log.Debug("job said", "job", args[0], "output", text)
	return nil
}

// process runs a command of this program to its end, with its terms.
func (d *daemon) process(ctx context.Context, conf *configInForce, terms jobTerms, start func(*exec.Cmd) error, stdout, stderr io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, thisProgram, append(d.commonFlags(conf), args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = drainTime
	cmd.Stdout, cmd.Stderr = stdout, stderr
	pipe, err := startJob(cmd, conf, terms, start)
	if err != nil {
		return err
	}
	defer pipe.Close()
	return cmd.Wait()
}

// thisProgram is the running program itself, also when its file was replaced
// meanwhile.
const thisProgram = "/proc/self/exe"

// commonFlags say to a command what it has from the daemon. They stand before
// the command's own, which may end the flags by --.
func (d *daemon) commonFlags(conf *configInForce) []string {
	return []string{"--config=" + conf.cfg.File, "--now=" + d.app.now().Format(time.RFC3339Nano), "--wait=" + d.app.wait.String()}
}

// startJob starts a process of this program and gives it its terms. The pipe
// that it returns tells the process that the daemon lives, until it is closed.
func startJob(cmd *exec.Cmd, conf *configInForce, terms jobTerms, start func(*exec.Cmd) error) (_ io.Closer, err error) {
	terms.Config = conf.content
	b, err := json.Marshal(terms)
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Args = slices.Insert(cmd.Args, 1, "--"+jobPipeFlag+"=3")
	cmd.Args[0] = "pixledger"
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(serviceEnv, name)
	})
	cmd.ExtraFiles = []*os.File{read} // its descriptor 3
	if err := errors.Join(start(cmd), read.Close()); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	// A command that has ended before it read all of it says itself why.
	_, _ = write.Write(append(b, '\n'))
	return write, nil
}

// startLast starts a process that comes after others where processor and disk
// are short. A priority is a thread's, and what it starts inherits it; as it can
// not be raised again, the thread ends with the goroutine. Not so the process's
// first thread, which would show its priority as the daemon's: while that one is
// held, another goroutine is on another thread.
func startLast(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for good, but the first
		if unix.Gettid() == os.Getpid() {
			defer runtime.UnlockOSThread()
			started <- startLast(cmd)
			return
		}
		// Best effort: a job that is no less than the daemon is better than none.
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, jobNice)
		_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, 1, 0, jobDisk) // 1: of this thread
		started <- cmd.Start()
	}()
	return <-started
}

// beginJob takes over the terms of the daemon that runs this command, where one
// does. When the daemon dies, however that comes, the command is asked to end,
// and ends itself when it has not within drainTime: no job works on unseen with
// the locks that the next daemon's jobs need.
func (a *app) beginJob(c *cobra.Command) error {
	if a.jobPipe == 0 {
		return nil
	}
	pipe := os.NewFile(uintptr(a.jobPipe), "job pipe")
	r := bufio.NewReader(pipe)
	line, err := r.ReadBytes('\n')
	var terms jobTerms
	if err == nil {
		err = json.Unmarshal(line, &terms)
	}
	if err != nil {
		return usagef("--%s is for the daemon alone: no terms came by it: %w", jobPipeFlag, err)
	}
	a.given, a.mostMemory = terms.Config, terms.Memory
	ctx, cancel := context.WithCancel(c.Context())
	c.SetContext(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, r) // until the daemon has closed it, or is gone
		cancel()
		time.AfterFunc(drainTime, func() { os.Exit(exitFailure) })
	}()
	dieFirst()
	return nil
}

// dieFirst has the kernel end this process before others when there is no memory
// left. Best effort: not every system lets it.
func dieFirst() {
	const file = "/proc/self/oom_score_adj"
	b, err := os.ReadFile(file)
	if err != nil {
		return
	}
	if now, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && now < jobOOMScore {
		_ = os.WriteFile(file, []byte(strconv.Itoa(jobOOMScore)), 0)
	}
}
