package attribute

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// submitEnds is how long a command that submits a job has to end when it is
// asked to, before it is ended.
const submitEnds = 20 * time.Second

// submit runs the command that submits a job, to its end. It must end well only
// when the job has. When the context ends, so do the command and all that it has
// started on this machine.
func (s *Spark) submit(ctx context.Context, script, job string) error {
	args := s.arguments(script, job)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	said := &lastLines{}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a group of its own, to be ended as one
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = submitEnds
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case cmd.Process == nil:
		return fmt.Errorf("the command %q can't be run: %w; allowed: a command of this machine in spark.submit of the configuration, such as spark-submit", args[0], err)
	case ctx.Err() != nil:
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of it
		return errors.Join(context.Cause(ctx), fmt.Errorf("the command %q was ended", args[0]))
	}
	// Its arguments may hold secrets.
	return fmt.Errorf("the command %q has failed, and nothing is changed: %w; it said at last:\n%s", args[0], err, said)
}

func (s *Spark) arguments(script, job string) []string {
	named := false
	var args []string
	for _, a := range s.Submit {
		named = named || strings.Contains(a, "{script}") || strings.Contains(a, "{job}")
		args = append(args, strings.NewReplacer("{script}", script, "{job}", job).Replace(a))
	}
	if !named {
		args = append(args, script, job)
	}
	return args
}

// noWord is a line that does not say what went wrong: where in the program it
// was, or what went well.
var noWord = regexp.MustCompile(`^\t(at |\.\.\. )|^\S+ \S+ INFO `)

// lastLines keeps the last lines of what a command says about what goes wrong.
type lastLines struct {
	lines []string
	part  []byte
}

const (
	linesKept = 20
	lineKept  = 500 // bytes
)

func (l *lastLines) Write(b []byte) (int, error) {
	l.part = append(l.part, b...)
	for {
		line, rest, whole := bytes.Cut(l.part, []byte("\n"))
		if !whole {
			if len(l.part) > 1<<16 { // no line of words
				l.part = l.part[:lineKept]
			}
			return len(b), nil
		}
		l.keep(string(line))
		l.part = append(l.part[:0], rest...)
	}
}

func (l *lastLines) keep(line string) {
	line = strings.TrimRight(line, "\r\t ")
	if line == "" || noWord.MatchString(line) {
		return
	}
	if len(line) > lineKept {
		line = line[:lineKept] + " …"
	}
	l.lines = append(l.lines, line)
	if len(l.lines) > linesKept {
		l.lines = l.lines[1:]
	}
}

func (l *lastLines) String() string {
	if len(l.part) > 0 {
		l.keep(string(l.part))
		l.part = nil
	}
	return strings.Join(l.lines, "\n")
}
