package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/yamlfile"
)

// app is what every command has at hand: where it prints, and the flags that
// all commands share.
type app struct {
	stdout, stderr io.Writer

	configPath string
	nowText    string
	wait       time.Duration

	start  time.Time     // the real time at which the program started
	offset time.Duration // what --now adds to the real clock
}

// now is the command's clock: the real one, or the one that --now started.
func (a *app) now() time.Time { return time.Now().Add(a.offset).UTC() }

// Groups order the commands in the help as a newcomer needs them.
const (
	groupStart  = "start"
	groupWork   = "work"
	groupAnswer = "answer"
	groupCare   = "care"
)

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "pixledger",
		Short: "From the access logs of a pixel edge to an audited revenue ledger",
		Long: `pixledger follows the access logs of a static pixel edge (nginx serving a 1x1
GIF, or a CDN), commits typed events to Parquet exactly once, decides with
DuckDB which impression or click earned each conversion, and reports it.`,
		Example:           "  pixledger demo\n  pixledger init ./network",
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.setClock() },
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return usagef("no command was given; allowed: %s", strings.Join(commandNames(c), " "))
		},
	}
	root.PersistentFlags().StringVarP(&a.configPath, "config", "c", "pixledger.yaml", "the configuration")
	root.PersistentFlags().StringVar(&a.nowText, "now", "", "the time that counts as now, RFC 3339 (default: the real one)")
	root.PersistentFlags().DurationVar(&a.wait, "wait", 10*time.Minute, "how long to wait for a lock that another command holds")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%s: %w; see: %s --help", c.CommandPath(), err, c.CommandPath())
	})
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "To start:"},
		&cobra.Group{ID: groupWork, Title: "The work:"},
		&cobra.Group{ID: groupAnswer, Title: "Answers:"},
		&cobra.Group{ID: groupCare, Title: "Care:"},
	)
	for _, c := range []struct {
		group string
		cmd   *cobra.Command
	}{
		{groupStart, a.demoCommand()}, {groupStart, a.initCommand()}, {groupStart, a.catalogCommand()},
		{groupStart, a.edgeCommand()}, {groupStart, a.genCommand()},
		{groupWork, a.runCommand()}, {groupWork, a.ingestCommand()}, {groupWork, a.attributeCommand()},
		{groupAnswer, a.reportCommand()}, {groupAnswer, a.queryCommand()},
		{groupCare, a.statusCommand()}, {groupCare, a.doctorCommand()}, {groupCare, a.verifyCommand()},
	} {
		c.cmd.GroupID = c.group
		root.AddCommand(c.cmd)
	}
	root.SetHelpCommandGroupID(groupStart)
	for _, c := range allCommands(root) {
		c.Args = usageArgs(c.Args)
	}
	return root
}

// allCommands lists a command and all below it.
func allCommands(c *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		out = append(out, allCommands(sub)...)
	}
	return out
}

func commandNames(c *cobra.Command) []string {
	var out []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			out = append(out, sub.Name())
		}
	}
	return out
}

// usageArgs makes a wrong number of arguments, or an unknown command, a
// mistake of usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if c.HasSubCommands() && len(args) > 0 {
			return usagef("%s: there is no command %q; allowed: %s", c.CommandPath(), args[0], strings.Join(commandNames(c), " "))
		}
		if check == nil {
			return nil
		}
		if err := check(c, args); err != nil {
			return usagef("%s: %w; see: %s --help", c.CommandPath(), err, c.CommandPath())
		}
		return nil
	}
}

// needSubcommand is what a command does that only groups others.
func needSubcommand(c *cobra.Command, _ []string) error {
	return usagef("%s: no command was given; allowed: %s", c.CommandPath(), strings.Join(commandNames(c), " "))
}

func (a *app) setClock() error {
	a.start = time.Now()
	if a.nowText == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, a.nowText)
	if err != nil {
		return usagef("--now: %q is no time; allowed: RFC 3339, such as 2026-11-13T06:00:00Z", a.nowText)
	}
	a.offset = t.Sub(a.start)
	return nil
}

// config loads the configuration.
func (a *app) config() (*Config, error) { return LoadConfig(a.configPath) }

// setup is a configuration with its catalog, both valid.
type setup struct {
	cfg      *Config
	catalog  *schemas.Catalog
	warnings []schemas.Warning
}

func (a *app) setup() (*setup, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	cat, warnings, err := schemas.LoadCatalog(cfg.Catalog)
	if err != nil {
		return nil, err
	}
	return &setup{cfg: cfg, catalog: cat, warnings: warnings}, nil
}

// openLake opens the lake to read it.
func (s *setup) openLake() (*lake.Lake, error) { return lake.Open(s.cfg.Lake) }

// openDB opens DuckDB over the lake within the configured limits.
func (a *app) openDB(ctx context.Context, s *setup, l *lake.Lake) (*lakedb.DB, error) {
	return lakedb.Open(ctx, l, s.catalog, lakedb.Options{
		Memory:   byteSize(s.cfg.Limits.Memory),
		Threads:  s.cfg.Limits.Threads,
		TempDir:  s.cfg.tempDir(),
		TempSize: byteSize(s.cfg.Limits.TempSize),
		Now:      a.now(),
	})
}

// tempDir is where sorts and joins spill: inside the lake, outside its globs,
// unless the configuration names another folder.
func (c *Config) tempDir() string {
	if c.Limits.Temp != "" {
		return c.Limits.Temp
	}
	return lake.TempDir(c.Lake)
}

// byteSize is a size in bytes as DuckDB reads it.
func byteSize(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%dB", n)
}

// failureText is what a failure says to people: mistakes in files stand one a
// line as FILE:LINE:COLUMN, everything else behind the program's name.
func failureText(err error) string {
	var mistakes yamlfile.Mistakes
	if errors.As(err, &mistakes) {
		return mistakes.Error()
	}
	if errors.Is(err, context.Canceled) {
		return "pixledger: interrupted"
	}
	return "pixledger: " + err.Error()
}

// logf tells what happens while a command works, on stderr.
func (a *app) logf(format string, args ...any) {
	fmt.Fprintf(a.stderr, format+"\n", args...)
}

// isTerminal tells whether a stream is a terminal.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}
