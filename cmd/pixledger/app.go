package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pixledger/cmd/pixledger/logging"
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
	jobPipe    int // the descriptor by which a daemon runs this command; 0: nobody does

	given      []byte     // the configuration's content, where it is not its file's
	mostMemory int64      // limits.memory is no more; 0: what is configured
	ready      *readyLake // opened before the command was known; nil: it opens its own

	log *logging.Handler // of a command that runs for long; nil: plain lines

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

// Commands stand in the order in which people need them.
func init() { cobra.EnableCommandSorting = false }

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "pixledger",
		Short: "From the access logs of a pixel edge to an audited revenue ledger",
		Long: `pixledger follows the access logs of a static pixel edge (nginx serving a 1x1
GIF, or a CDN), commits typed events to Parquet exactly once, decides with
DuckDB which impression or click earned each conversion, and reports it.`,
		Example:           "  pixledger demo\n  pixledger init ./network",
		Version:           versionText(),
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return errors.Join(a.setClock(), a.beginJob(c)) },
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // there is one of our own
		Args:              cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return usagef("no command was given; allowed: %s", strings.Join(commandNames(c), " "))
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print the version, and what it was built from")
	root.PersistentFlags().StringVarP(&a.configPath, "config", "c", "pixledger.yaml", "the configuration")
	root.PersistentFlags().StringVar(&a.nowText, "now", "", "the time that counts as now, RFC 3339 (default: the real one)")
	root.PersistentFlags().DurationVar(&a.wait, "wait", 10*time.Minute, "how long to wait for a lock that another command holds")
	root.PersistentFlags().IntVar(&a.jobPipe, jobPipeFlag, 0, "the descriptor of the daemon that runs the command as a job")
	_ = root.PersistentFlags().MarkHidden(jobPipeFlag) // it is there
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%s%w; see: %s --help", at(c), flagProblem(err), c.CommandPath())
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
		{groupStart, a.pixelCommand()}, {groupStart, a.trackerCommand()}, {groupStart, a.segmentCommand()},
		{groupStart, a.edgeCommand()}, {groupStart, a.genCommand()},
		{groupWork, a.runCommand()}, {groupWork, a.ingestCommand()}, {groupWork, a.publishCommand()}, {groupWork, a.collectCommand()}, {groupWork, a.attributeCommand()},
		{groupWork, a.closeCommand()}, {groupWork, a.voidCommand()}, {groupWork, a.creditCommand()}, {groupWork, a.exportCommand()},
		{groupAnswer, a.reportCommand()}, {groupAnswer, a.explainCommand()}, {groupAnswer, a.queryCommand()}, {groupAnswer, a.warehouseCommand()},
		{groupCare, a.statusCommand()}, {groupCare, a.doctorCommand()}, {groupCare, a.verifyCommand()}, {groupCare, a.rebuildCommand()},
		{groupCare, a.compactCommand()}, {groupCare, a.forgetCommand()}, {groupCare, a.retentionCommand()}, {groupCare, a.completionCommand()},
		{groupCare, a.readyCommand()},
	} {
		c.cmd.GroupID = c.group
		root.AddCommand(c.cmd)
	}
	root.SetHelpCommand(helpCommand(root))
	root.AddCommand(a.manCommand())
	a.addCompletions(root)
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
			return noCommand(c, args[0])
		}
		if slices.Contains(args, "") { // a variable that is not set, most likely
			return usagef("%sgot an empty argument; allowed: %s %s", at(c), c.Parent().CommandPath(), c.Use)
		}
		if check != nil && check(c, args) != nil {
			return usagef("%sgot %s; allowed: %s %s", at(c), count(len(args), "argument"), c.Parent().CommandPath(), c.Use)
		}
		return nil
	}
}

func noCommand(c *cobra.Command, name string) error {
	return usagef("%sthere is no command %q; allowed: %s", at(c), name, strings.Join(commandNames(c), " "))
}

// needSubcommand is what a command does that only groups others.
func needSubcommand(c *cobra.Command, _ []string) error {
	return usagef("%sno command was given; allowed: %s", at(c), strings.Join(commandNames(c), " "))
}

// at begins a message about one command: its name without the program's, which
// every message begins with.
func at(c *cobra.Command) string {
	if !c.HasParent() {
		return ""
	}
	return strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ") + ": "
}

// flagProblem says of a flag's value what would be one, where the parser says
// how its number failed to parse.
func flagProblem(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	allowed, ok := map[string]string{
		"int": "a whole number", "int64": "a whole number", "uint64": "a whole number, 0 or more",
		"bool": "true or false", "duration": "a duration such as 90s, 10m or 2h",
	}[invalid.GetFlag().Value.Type()]
	if !ok {
		return err
	}
	return fmt.Errorf("--%s is %q; allowed: %s", invalid.GetFlag().Name, invalid.GetValue(), allowed)
}

func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Help about any command",
		Example: "  pixledger help report\n  pixledger help catalog check",
		GroupID: groupStart,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return commandNames(root), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			about := root
			for _, name := range args {
				i := slices.IndexFunc(about.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
				if i < 0 {
					return noCommand(about, name)
				}
				about = about.Commands()[i]
			}
			about.InitDefaultHelpFlag() // the parser adds it to the command that runs alone
			return about.Help()
		},
	}
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
func (a *app) config() (*Config, error) {
	if a.given != nil {
		cfg, err := parseConfig(a.configPath, a.given, os.LookupEnv)
		if err == nil && a.mostMemory > 0 {
			cfg.Limits.Memory = min(cfg.Limits.Memory, a.mostMemory)
		}
		return cfg, err
	}
	return LoadConfig(a.configPath)
}

// setup is a configuration with its catalog, both valid.
type setup struct {
	cfg      *Config
	catalog  *schemas.Catalog
	warnings []schemas.Warning
}

func (a *app) setup() (*setup, error) { return a.setupWith("") }

// setupWith is setup with another catalog in force; "" is the configured one.
func (a *app) setupWith(catalog string) (*setup, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	if catalog != "" {
		cfg.Catalog = catalog
	}
	cat, warnings, err := schemas.LoadCatalog(cfg.Catalog)
	if err != nil {
		return nil, err
	}
	return &setup{cfg: cfg, catalog: cat, warnings: warnings}, nil
}

// allWarnings are those on what can never attribute, and on pixels that do not
// now; where the first say it of a pixel, the second do not say it again. They
// stand in file order.
func (s *setup) allWarnings(now time.Time) []schemas.Warning {
	out := slices.Clone(s.warnings)
	for _, w := range s.catalog.WarningsAt(now) {
		pixel, _, _ := strings.Cut(w.What, " is ") // "pixel 9015 is Paused: …"
		said := func(x schemas.Warning) bool {
			return strings.HasPrefix(x.What, pixel+" ") && strings.Contains(x.What, "shows as Paused")
		}
		if !slices.ContainsFunc(s.warnings, said) {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(x, y schemas.Warning) int {
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column))
	})
	return out
}

// openLake opens the lake to read it.
func (s *setup) openLake() (*lake.Lake, error) { return lake.Open(s.cfg.Lake) }

// openToAnswer is openLake for commands that only answer.
func (a *app) openToAnswer(s *setup) (*lake.Lake, error) {
	if a.ready != nil {
		return a.ready.lake, nil
	}
	return s.openLake()
}

// openDB opens DuckDB over the lake within the configured limits.
func (a *app) openDB(ctx context.Context, s *setup, l *lake.Lake) (*lakedb.DB, error) {
	if a.ready != nil {
		if db, err := a.ready.take(ctx, s.catalog, a.now()); db != nil || err != nil {
			return db, err
		}
	}
	return lakedb.Open(ctx, l, s.catalog, a.dbOptions(s))
}

// dbOptions are the configured limits.
func (a *app) dbOptions(s *setup) lakedb.Options {
	return lakedb.Options{
		Memory:   byteSize(s.cfg.Limits.Memory),
		Threads:  s.cfg.Limits.Threads,
		TempDir:  s.cfg.tempDir(),
		TempSize: byteSize(s.cfg.Limits.TempSize),
		Now:      a.now(),
	}
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
		return shownLines(mistakes.Error())
	}
	if errors.Is(err, context.Canceled) {
		return "pixledger: interrupted"
	}
	return "pixledger: " + shownLines(err.Error())
}

// shownLines is a text of several lines, which may be indented, without what a
// terminal would obey instead of show: names in it come from logs, files and
// catalogs.
func shownLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		inner := strings.TrimLeft(strings.TrimSuffix(line, "\n"), "\t")
		b.WriteString(line[:strings.Index(line, inner)])
		b.WriteString(schemas.Shown(inner))
		if strings.HasSuffix(line, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
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
