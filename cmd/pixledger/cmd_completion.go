package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"pixledger/ingest/parse"
	"pixledger/report"
	"pixledger/schemas"
)

// shells are those that completions are written for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Write what completes pixledger's command lines in a shell",
		Long: `Writes a script by which a shell completes commands, flags, reports, ranges and
formats, and the ids of pixels and line items from the catalog of the
configuration in the folder or named with -c. Bash needs its package
bash-completion. To load it in every shell:

  bash        pixledger completion bash > /etc/bash_completion.d/pixledger
  zsh         pixledger completion zsh > "${fpath[1]}/_pixledger"
  fish        pixledger completion fish > ~/.config/fish/completions/pixledger.fish
  powershell  pixledger completion powershell >> $PROFILE`,
		Example:   "  pixledger completion bash",
		Args:      cobra.ExactArgs(1),
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			switch root := c.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			}
			return oneOf("shell", args[0], shells)
		},
	}
}

// addCompletions says what the values of flags and arguments can be, as far as
// that is known at once: what needs DuckDB or the lake is not looked for.
func (a *app) addCompletions(root *cobra.Command) {
	formats := make([]string, 0, len(report.Formats()))
	for _, f := range report.Formats() {
		formats = append(formats, string(f))
	}
	fixed := map[string][]string{
		"format": formats, "range": report.RangeNames(), "interval": {"hourly", "daily", "monthly", "cumulative"},
	}
	looked := map[string]cobra.CompletionFunc{
		"pixel":     a.completeFromCatalog(pixelChoices),
		"line-item": a.completeFromCatalog(lineItemChoices),
		"source":    a.completeSources,
	}
	for _, c := range allCommands(root) {
		for name, values := range fixed {
			if name == "format" && (c.Name() == "ingest" || c.Name() == "gen") {
				values = parse.Names()
			}
			complete(c, name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
		for name, f := range looked {
			complete(c, name, f)
		}
		switch c.Name() {
		case "report":
			c.ValidArgsFunction = a.completeReports
		case "ingest", "check", "import", "init", "completion": // files, or listed
		default:
			if c.HasParent() && c.Parent().Name() == "pixel" && c.Name() != "list" && c.Name() != "create" {
				c.ValidArgsFunction = a.completeFromCatalog(pixelChoices)
			} else if !c.HasSubCommands() {
				c.ValidArgsFunction = cobra.NoFileCompletions
			}
		}
	}
}

// complete says how the values of a flag are completed, where the command has it.
func complete(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if c.LocalFlags().Lookup(flag) != nil {
		_ = c.RegisterFlagCompletionFunc(flag, f) // it is there, and has none
	}
}

// completeReports gives the built-in reports, and users' own by their files.
func (a *app) completeReports(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := report.BuiltIn().Names()
	if cfg, err := a.config(); err == nil {
		files, _ := os.ReadDir(cfg.Reports) // it need not be there
		for _, f := range files {
			if name, ok := strings.CutSuffix(f.Name(), ".sql"); ok {
				names = append(names, name)
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeFromCatalog gives the ids of what choose finds in the catalog, with
// their names beside them.
func (a *app) completeFromCatalog(choose func(*schemas.Catalog) []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		s, err := a.setup()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return choose(s.catalog), cobra.ShellCompDirectiveNoFileComp
	}
}

func pixelChoices(cat *schemas.Catalog) []string {
	var out []string
	for _, p := range cat.Pixels {
		out = append(out, choice(p.ID, p.Name))
	}
	return out
}

func lineItemChoices(cat *schemas.Catalog) []string {
	var out []string
	for _, l := range cat.LineItems {
		out = append(out, choice(l.ID, l.Name))
	}
	return out
}

// choice is an id with its name as a shell shows it.
func choice(id int64, name string) string {
	return fmt.Sprintf("%d\t%s", id, strings.Join(strings.Fields(name), " "))
}

func (a *app) completeSources(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	cfg, err := a.config()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, s := range cfg.Sources {
		names = append(names, s.Name+"\t"+filepath.Base(s.Path))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
