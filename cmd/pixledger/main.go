// Command pixledger turns the access logs of a static pixel edge into an
// audited revenue ledger. See the README for its use, docs/architecture.md
// for its parts.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"pixledger/schemas/lake"
)

func main() {
	os.Exit(realMain())
}

// realMain is main without its exit, so that tests run it as a program.
func realMain() int {
	// What it makes is for its user and group alone, whatever the umask that it
	// was started with: no file has more, and the lake's have no less.
	syscall.Umask(int(0o777 &^ lake.DirMode))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks the command to end; a second one ends the process,
	// also where it waits in the kernel, such as for a pipe to be opened.
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// The exit codes that scripts can rely on.
const (
	exitOK      = 0
	exitFailure = 1 // it could not be done; stderr says why
	exitUsage   = 2 // the command line is wrong
)

// run runs one command. Results go to stdout and everything else to stderr;
// this is the one place that prints errors and decides the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return (&app{stdout: stdout, stderr: stderr}).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	var silent *silentError
	var code exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &silent):
		return exitFailure
	case errors.As(err, &usage):
		fmt.Fprintf(a.stderr, "pixledger: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(a.stderr, "%s\n", failureText(err))
		return exitFailure
	}
}

// usageError is a mistake on the command line: exit code 2. Its text says what
// is wrong and what is allowed.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// silentError fails a command that has already printed what is wrong, such as
// a list of findings on stdout.
type silentError struct{}

func (*silentError) Error() string { return "failed" }

// exitError fails a command with a code, after another has said why.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
