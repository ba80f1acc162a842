package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pixledger/report"
	"pixledger/schemas"
	"pixledger/schemas/lakedb"
)

func (a *app) reportCommand() *cobra.Command {
	var p report.Params
	var format, out, catalog string
	var list, describe bool
	var own []string
	c := &cobra.Command{
		Use:   "report NAME",
		Short: "Print or write one report",
		Long: `Prints one report over a range of time, or writes it to a file. Ranges and days
are those of --time-zone, by default the configuration's; --from and --to are
half-open. The default format is a table on a terminal and csv elsewhere.
Your own reports, .sql files in the folder that the configuration names, work the
same way; --list lists them too.

Reports: ` + strings.Join(report.BuiltIn().Names(), ", ") + `
Ranges: ` + strings.Join(report.RangeNames(), " "),
		Example: "  pixledger report advertiser_analytics --by line_item_id --range last_7_days\n" +
			"  pixledger report attributed_conversions --range yesterday --filter advertiser_id=7 --format xlsx -o yesterday.xlsx\n" +
			"  pixledger report --list\n  pixledger report advertiser_analytics --describe",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := printsAlone(c, args); err != nil {
				return err
			}
			if list {
				return a.listReports(c.Context())
			}
			if len(args) == 0 {
				return usagef("report: no name was given; allowed: %s", strings.Join(report.BuiltIn().Names(), " "))
			}
			name := args[0]
			reports, err := a.reportsFor(c.Context(), name)
			if err != nil {
				return err
			}
			f, err := a.outputFormat(format, out)
			if err != nil {
				return err
			}
			if p.Limit < 0 {
				return usagef("report: --limit is %d; allowed: 1 or more, 0 for all rows", p.Limit)
			}
			p.Now = a.now()
			if describe {
				return a.describeReport(reports, name)
			}
			if p.Values, err = ownParams(c.Flags(), own); err != nil {
				return err
			}
			// Dates are of the configuration's zone; what is wrong with that file is
			// told once the command line is right.
			if cfg, err := a.config(); err == nil {
				p.Zone = cfg.TimeZone
			}
			if err := reports.Check(name, p); err != nil {
				return asUsage(err)
			}
			s, err := a.setupToRead(catalog)
			if err != nil {
				return err
			}
			var totals bytes.Buffer
			p.Totals = &totals
			p.Zone, p.LedgerFrom = s.cfg.TimeZone, schemas.Day(s.cfg.LedgerFrom)
			err = a.answer(c.Context(), s, out, func(db *lakedb.DB, w io.Writer) error {
				totals.Reset()
				p.Gaps = openGaps(s.cfg, db.State, p.Now)
				return reports.Run(c.Context(), db, name, p, w, f)
			})
			if err == nil && totals.Len() > 0 {
				a.logf("%s", strings.TrimSuffix(totals.String(), "\n"))
			}
			return err
		},
	}
	fl := c.Flags()
	fl.StringVar(&p.Range, "range", "", "a range of time, see above (default lifetime)")
	fl.StringVar(&p.From, "from", "", "from this time on: RFC 3339, or a date as midnight")
	fl.StringVar(&p.To, "to", "", "until just before this time")
	fl.StringVar(&p.Interval, "interval", "", "hourly, daily, monthly or cumulative (default cumulative)")
	fl.StringSliceVar(&p.By, "by", nil, "group by these columns, such as line_item_id,pixel_id")
	fl.StringSliceVar(&p.Columns, "columns", nil, "show these columns alone, in this order")
	fl.StringArrayVar(&p.Filters, "filter", nil, "COLUMN=VALUE; one column twice means either value")
	fl.Int64Var(&p.Limit, "limit", 0, "write the first so many rows alone; a page still draws and adds up all (default all)")
	fl.StringVar(&p.TimeZone, "time-zone", "", "an IANA zone, or advertiser for each one's own")
	for _, f := range ownFlags {
		if f.yes {
			fl.Bool(f.name, false, f.help)
		} else {
			fl.String(f.name, "", f.help)
		}
	}
	fl.StringArrayVar(&own, "param", nil, "NAME=VALUE of a parameter of the report's own; see --describe")
	fl.StringVar(&format, "format", "", formatHelp())
	fl.StringVarP(&out, "output", "o", "", "write to a file, in one step")
	fl.StringVar(&catalog, "catalog", "", "report by this catalog instead of the configured one")
	fl.BoolVar(&list, "list", false, "list the reports")
	fl.BoolVar(&describe, "describe", false, "describe the report's columns, dimensions and filters")
	return c
}

// printsAlone refuses what --list and --describe would ignore: both print a text
// for people, whatever else is asked for.
func printsAlone(c *cobra.Command, args []string) (err error) {
	for _, alone := range []string{"list", "describe"} {
		if !c.Flags().Changed(alone) {
			continue
		}
		if alone == "list" && len(args) > 0 {
			return usagef("report: --list and the report %q are given; allowed: one of them", args[0])
		}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Changed && f.Name != alone && err == nil {
				err = usagef("report: --%s and --%s are given; allowed: --%s without it", alone, f.Name, alone)
			}
		})
		return err
	}
	return nil
}

// ownFlags are parameters of single reports that have a flag of their own.
var ownFlags = []struct {
	name, help string
	yes        bool // it takes no value
}{
	{name: "include-open", help: "revenue: add the open days as kind estimated", yes: true},
	{name: "orders", help: "reconciliation: the advertiser's list, a csv file"},
	{name: "order-column", help: "reconciliation: its column of order ids (default order_id)"},
	{name: "value-column", help: "reconciliation: its column of values (default value)"},
	{name: "time-column", help: "reconciliation: its column of times or dates"},
	{name: "delimiter", help: "reconciliation: comma, semicolon or tab (default: what the header has)"},
	{name: "decimal-comma", help: "reconciliation: values are like 1.234,50", yes: true},
	{name: "sum-rows", help: "reconciliation: add up the rows of an order", yes: true},
	{name: "tolerance", help: "reconciliation: values that differ by no more are equal"},
	{name: "time-tolerance", help: "reconciliation: look so far beyond the range, such as 1h"},
	{name: "month", help: "statement: the month, such as 2026-03"},
	{name: "suspicious", help: "data_quality: count suspicious conversions too", yes: true},
	{name: "conversions", help: "suspicious_traffic: a row for each conversion that a finding concerns", yes: true},
	{name: "clicks-per-day", help: "suspicious_traffic: clicks of a user on a date that are never too many (default 50)"},
	{name: "clicks-per-minute", help: "suspicious_traffic: clicks of a user within a minute that are never too many (default 15)"},
	{name: "touches-per-day", help: "suspicious_traffic: touches of a user on a date that are never too many (default 1000)"},
	{name: "users-per-day", help: "suspicious_traffic: acting users of an address on a date that are never too many (default 100)"},
	{name: "injection-seconds", help: "suspicious_traffic: a conversion sooner after its click is quick (default 2)"},
	{name: "value-times", help: "suspicious_traffic: so many times the median value are never too much (default 50)"},
	{name: "orders-in-sequence", help: "suspicious_traffic: so many order ids in sequence by one user are a finding (default 5)"},
}

// ownParams gathers the values of the report's own parameters by their names.
func ownParams(fl *pflag.FlagSet, own []string) (map[string]string, error) {
	values := map[string]string{}
	for _, o := range own {
		name, value, ok := strings.Cut(o, "=")
		if !ok {
			return nil, usagef("--param: %q has no =; allowed: NAME=VALUE", o)
		}
		if _, twice := values[name]; twice {
			return nil, usagef("--param: %s is given twice; allowed: once", name)
		}
		values[name] = value
	}
	for _, f := range ownFlags {
		if flag := fl.Lookup(f.name); flag.Changed {
			values[strings.ReplaceAll(f.name, "-", "_")] = flag.Value.String()
		}
	}
	return values, nil
}

func formatHelp() string {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, "|") + " (default table on a terminal, else csv)"
}

// outputFormat is the format asked for, or the one that fits where the result goes.
func (a *app) outputFormat(format, out string) (report.Format, error) {
	if format != "" {
		f, err := report.ParseFormat(format)
		return f, asUsage(err)
	}
	if out == "" && isTerminal(a.stdout) {
		return report.Table, nil
	}
	return report.CSV, nil
}

// jsonOrFormat refuses two answers to how a command is to say what it says.
func jsonOrFormat(command string, asJSON bool, format string) error {
	if asJSON && format != "" {
		return usagef("%s: --json and --format are given; allowed: one of them", command)
	}
	return nil
}

// asUsage makes what a report refuses as asked for a mistake of usage.
func asUsage(err error) error {
	var u *report.UsageError
	if errors.As(err, &u) {
		return &usageError{err}
	}
	return err
}

// answer opens the lake and writes what ask gives to stdout or a file.
func (a *app) answer(ctx context.Context, s *setup, out string, ask func(*lakedb.DB, io.Writer) error) error {
	l, err := a.openToAnswer(s)
	if err != nil {
		return err
	}
	open := func() (*lakedb.DB, error) { return a.openDB(ctx, s, l) }
	return asUsage(a.writeOut(out, func(w io.Writer) error {
		return report.WithLake(ctx, open, w, ask)
	}))
}

// reportsFor gives the reports among which one of that name is: the built-in
// ones, else also users' own. Without a configuration there are none of these.
func (a *app) reportsFor(ctx context.Context, name string) (*report.Reports, error) {
	builtIn := report.BuiltIn()
	if _, err := builtIn.Describe(name); err == nil {
		return builtIn, nil
	}
	reports, err := a.reports(ctx)
	if err != nil {
		return nil, err
	}
	var u *report.UsageError
	if _, err := reports.Describe(name); errors.As(err, &u) && len(reports.Mistakes) > 0 {
		a.logf("%v", reports.Mistakes) // it may be one of these
	}
	return reports, nil
}

func (a *app) reports(ctx context.Context) (*report.Reports, error) {
	if _, err := os.Stat(a.configPath); errors.Is(err, fs.ErrNotExist) {
		return report.BuiltIn(), nil
	}
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	return report.Load(ctx, cfg.Reports)
}

func (a *app) listReports(ctx context.Context) error {
	reports, err := a.reports(ctx)
	if err != nil {
		return err
	}
	for _, name := range reports.Names() {
		d, err := reports.Describe(name)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(a.stdout, "%-24s %s\n", name, firstSentence(d.Doc)); err != nil {
			return err
		}
	}
	if len(reports.Mistakes) > 0 {
		return reports.Mistakes
	}
	return nil
}

func firstSentence(s string) string {
	if i := strings.Index(s, ". "); i > 0 {
		return s[:i+1]
	}
	return s
}

func (a *app) describeReport(reports *report.Reports, name string) error {
	d, err := reports.Describe(name)
	if err != nil {
		return asUsage(err)
	}
	w := a.stdout
	fmt.Fprintf(w, "%s\n\n%s\n\n", d.Name, d.Doc)
	if d.Own != "" {
		fmt.Fprintf(w, "file: %s\n\n", d.Own)
	}
	fmt.Fprintln(w, "columns:")
	if len(d.Columns) == 0 {
		fmt.Fprintln(w, "  those that its statement gives")
	}
	for _, c := range d.Columns {
		fmt.Fprintf(w, "  %-32s %-24s %s\n", c.Name, c.Type, c.Doc)
	}
	for _, c := range d.Asked {
		fmt.Fprintf(w, "  %-32s %-24s %s\n", c.Name, c.Type, c.Doc)
	}
	if len(d.Dimensions) > 0 {
		fmt.Fprintln(w, "\n--by:")
		for _, x := range d.Dimensions {
			fmt.Fprintf(w, "  %-32s %s\n", x.ID, x.Doc)
		}
	}
	if len(d.Params) > 0 {
		fmt.Fprintln(w, "\nparameters of its own:")
		for _, p := range d.Params {
			fmt.Fprintf(w, "  %-32s %-24s %s\n", p.Flag(), p.Type, p.Doc)
		}
	}
	if len(d.Choices) > 0 {
		fmt.Fprintln(w, "\nto filter by alone:")
		for _, c := range d.Choices {
			fmt.Fprintf(w, "  %-32s %-24s %s\n", c.Name, c.Type, c.Doc)
		}
	}
	if d.Rangeless && d.Own == "" {
		fmt.Fprintln(w, "\nno range")
	}
	for _, name := range d.Required {
		fmt.Fprintf(w, "\nneeded: --filter %s=VALUE\n", name)
	}
	filters := strings.Join(d.Filters, " ")
	if d.Own != "" && filters == "" {
		filters = "any column that is shown"
	}
	fmt.Fprintf(w, "\n--filter: %s\n", filters)
	for _, n := range d.Notes {
		fmt.Fprintf(w, "\n%s: %s\n", n.About, n.Doc)
	}
	return nil
}

func (a *app) queryCommand() *cobra.Command {
	var format, out, catalog string
	c := &cobra.Command{
		Use:   "query SQL",
		Short: "Answer one SELECT over the lake's views",
		Long: `Answers one SELECT (or DESCRIBE, SHOW, SUMMARIZE, EXPLAIN of one) in DuckDB's SQL
over the views events, impressions, clicks, conversions, segment_events,
segment_members, rejects, attributions, ledger, voids, and the catalog's lists.
It sees whole commits only. Anything that would write is refused before it runs,
and files beyond the lake's data folders can't be reached.`,
		Example: "  pixledger query \"SELECT type, count(*) FROM events GROUP BY ALL\"\n  pixledger query \"DESCRIBE attributions\" --format json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := a.outputFormat(format, out)
			if err != nil {
				return err
			}
			s, err := a.setupToRead(catalog)
			if err != nil {
				return err
			}
			return a.answer(c.Context(), s, out, func(db *lakedb.DB, w io.Writer) error {
				return report.Query(c.Context(), db, args[0], w, f)
			})
		},
	}
	c.Flags().StringVar(&format, "format", "", formatHelp())
	c.Flags().StringVarP(&out, "output", "o", "", "write to a file, in one step")
	c.Flags().StringVar(&catalog, "catalog", "", "query by this catalog instead of the configured one")
	return c
}
