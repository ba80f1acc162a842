package main

import (
	"log"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"pixledger/cmd/pixledger/logging"
)

// logFlags are how the daemon writes its log. They stand on the command line and
// not in the configuration: what is wrong with that is in the log's format too,
// and a terminal, systemd and a container want different ones of the same file.
type logFlags struct{ format, level string }

func (f *logFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.format, "log-format", logging.Text, "how the log on stderr is written: "+strings.Join(logging.Formats, ", "))
	flags.StringVar(&f.level, "log-level", "info", "the least that is logged: "+strings.Join(logging.Levels, ", "))
}

// openLog begins the log of a command that runs for long.
func (a *app) openLog(f logFlags) error {
	if !slices.Contains(logging.Formats, f.format) {
		return usagef("run: --log-format is %q; allowed: %s", f.format, strings.Join(logging.Formats, ", "))
	}
	var level slog.Level
	if !slices.Contains(logging.Levels, f.level) || level.UnmarshalText([]byte(f.level)) != nil {
		return usagef("run: --log-level is %q; allowed: %s", f.level, strings.Join(logging.Levels, ", "))
	}
	a.log = logging.New(a.stderr, f.format, level)
	return nil
}

// logger writes structured lines to stderr, never a line of a log or a user's data.
func (a *app) logger() *slog.Logger {
	if a.log != nil {
		return slog.New(a.log)
	}
	return slog.New(slog.NewTextHandler(a.stderr, nil))
}

// consoleLog takes what the HTTP server says into the log, as one message: its
// own are many, with the visitors' addresses and ports in them.
func consoleLog(l *slog.Logger) *log.Logger { return log.New(consoleWriter{l}, "", 0) }

type consoleWriter struct{ log *slog.Logger }

func (w consoleWriter) Write(p []byte) (int, error) {
	w.log.Warn("the console has trouble", "error", strings.TrimSpace(string(p)))
	return len(p), nil
}
