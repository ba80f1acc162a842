package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pixledger/report"
	"pixledger/report/deliver"
	"pixledger/report/export"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

func (a *app) exportCommand() *cobra.Command {
	var date, format string
	var to []string
	var again, list bool
	c := &cobra.Command{
		Use:   "export",
		Short: "Write and deliver the finance export of the closed days",
		Long: `Writes for each closed day the ledger entries booked under it (entries_DAY) and
the revenue report of them (revenue_DAY), in csv and the configured formats, with
a manifest of checksums and sums that names the hash of the manifest before it.
What a day's export holds is fixed when it is first written. Every destination
that the configuration names is brought all of them, the oldest first and the
manifest of a day last; what it has is left, and a file there that is not what
was delivered is an error.

--redeliver looks at days that are recorded as delivered again, and brings what
is missing there. --list shows what was written and delivered, and does nothing.`,
		Example: "  pixledger export\n  pixledger export --date 2026-11-12\n  pixledger export --date 2026-11-12 --to file:./try\n  pixledger export --redeliver\n  pixledger export --list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			day := schemas.Day(date)
			if c.Flags().Changed("date") {
				if _, err := schemas.ParseDay(date); err != nil {
					return usagef("--date: %v", err)
				}
			}
			switch {
			case list && again:
				return usagef("export: --list and --redeliver are given; allowed: one of them")
			case format != "" && !list:
				return usagef("export: --format is the list's; allowed: together with --list")
			}
			f, err := a.outputFormat(format, "")
			if err != nil {
				return err
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			targets, err := exportTargets(cfg, to)
			if err != nil {
				return err
			}
			l, err := lake.Open(cfg.Lake)
			if err != nil {
				return err
			}
			if list {
				return a.listExports(l, f, day, targets)
			}
			unlock, err := l.Lock(c.Context(), export.LockName, "pixledger export", a.wait)
			if err != nil {
				return err
			}
			defer unlock()
			days, err := a.writeExports(c, cfg, l, day)
			if err != nil || len(days) == 0 {
				return err
			}
			return a.deliverExports(c, l, targets, days, day, again)
		},
	}
	fl := c.Flags()
	fl.StringVar(&date, "date", "", "up to this closed day (default the newest)")
	fl.StringArrayVar(&to, "to", nil, "deliver to this destination instead of the configured ones; may be given several times")
	fl.BoolVar(&again, "redeliver", false, "look at what was delivered again: with --date at that day, else at all")
	fl.BoolVar(&list, "list", false, "show what was written and delivered")
	fl.StringVar(&format, "format", "", "of the list: "+formatHelp())
	return c
}

// writeExports writes the exports of the days up to one that have none, and
// gives the closed days up to it; none where no day is closed, which it says.
func (a *app) writeExports(c *cobra.Command, cfg *Config, l *lake.Lake, until schemas.Day) ([]export.Day, error) {
	state, err := l.State()
	if err != nil {
		return nil, err
	}
	days, err := exportDays(l, state)
	if err != nil {
		return nil, err
	}
	if len(days) == 0 && until == "" {
		fmt.Fprintln(a.stdout, "no day is closed yet: `pixledger close` closes those that are due")
		return nil, nil
	}
	if until != "" {
		i := slices.IndexFunc(days, func(d export.Day) bool { return d.Day == until })
		if i < 0 {
			allowed := "a closed day, and none is"
			if len(days) > 0 {
				allowed = fmt.Sprintf("a closed day, %s to %s", days[0].Day, days[len(days)-1].Day)
			}
			return nil, fmt.Errorf("--date: %s is not closed; allowed: %s", until, allowed)
		}
		days = days[:i+1]
	}
	zone, err := ledgerZone(state)
	if err != nil {
		return nil, err
	}
	var asked []string
	for _, e := range cfg.Exports {
		asked = append(asked, e.Formats...)
	}
	bar := a.newProgress("exporting", rowProgress)
	defer bar.done()
	return days, export.Write(c.Context(), export.Options{
		Lake: l, Days: days, Formats: export.FormatsOf(asked), Zone: zone, Open: a.openUnder(cfg, l),
		Tell: func(m *export.Manifest) {
			bar.done()
			fmt.Fprintf(a.stdout, "wrote %s: %s\n", m.Date, manifestText(m))
		},
	})
}

// manifestText says what a day's export holds: "18 rows, 27 entries; 146.50 EUR".
func manifestText(m *export.Manifest) string {
	rows := map[string]int64{}
	totals := map[string]string{}
	for currency, sum := range m.Totals {
		totals[currency] = schemas.ShortMoney(sum)
	}
	for _, f := range m.Files {
		part, _, _ := strings.Cut(f.Name, "_")
		rows[part] = f.Rows
	}
	return fmt.Sprintf("%s of revenue, %s; %s", count(int(rows["revenue"]), "row"), entries(rows["entries"]), totalsText(totals))
}

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func totalsText(totals map[string]string) string {
	var out []string
	for _, currency := range slices.Sorted(maps.Keys(totals)) {
		out = append(out, totals[currency]+" "+currency)
	}
	return strings.Join(out, ", ")
}

// deliverExports brings the destinations what they lack.
func (a *app) deliverExports(c *cobra.Command, l *lake.Lake, targets []deliver.Target, days []export.Day, date schemas.Day, again bool) error {
	if len(targets) == 0 {
		fmt.Fprintln(a.stdout, "no destination is configured: name some under `exports`, or one with --to")
		return nil
	}
	told := false
	destinations, closeAll := a.destinations(targets)
	o := export.DeliverOptions{
		Lake: l, Destinations: destinations, Until: days[len(days)-1].Day, Now: a.now,
		Tell: func(d export.Delivered) {
			told = true
			fmt.Fprintf(a.stdout, "%s: delivered %s\n", d.Destination, spanText(d.Days))
		},
	}
	if again {
		o.Again = func(d schemas.Day) bool { return date == "" || d == date }
	}
	err := errors.Join(export.Deliver(c.Context(), o), closeAll())
	if err == nil && !told {
		fmt.Fprintf(a.stdout, "everything is delivered, up to %s\n", o.Until)
	}
	return err
}

// spanText names days: "2026-11-12", "3 days, 2026-11-10 to 2026-11-12".
func spanText(days []schemas.Day) string {
	if len(days) == 1 {
		return string(days[0])
	}
	return fmt.Sprintf("%s, %s to %s", count(len(days), "day"), days[0], days[len(days)-1])
}

var exportColumns = []string{"sequence", "date", "from", "to", "entries", "totals", "files", "manifest_sha256", "destination", "delivered_at"}

// listExports prints a row for each exported day and destination.
func (a *app) listExports(l *lake.Lake, f report.Format, until schemas.Day, targets []deliver.Target) error {
	names := []string{}
	for _, t := range targets {
		names = append(names, t.String())
	}
	list, err := export.List(l, until, names)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, x := range list {
		m := x.Manifest
		var n int64
		for _, file := range m.Files {
			if strings.HasPrefix(file.Name, "entries_") {
				n = file.Rows
			}
		}
		row := []string{
			fmt.Sprint(m.Sequence), string(m.Date), m.From.Format(time.RFC3339), m.To.Format(time.RFC3339), fmt.Sprint(n),
			totalsText(m.Totals), fmt.Sprint(len(m.Files)), x.SHA256, "", "",
		}
		if len(names) == 0 {
			rows = append(rows, row)
		}
		for i, name := range names {
			r := slices.Clone(row)
			r[8] = name
			if d := x.Deliveries[i]; d != nil {
				r[9] = d.At.Format(time.RFC3339)
			}
			rows = append(rows, r)
		}
	}
	return writeRows(a.stdout, f, "exports", exportColumns, rows)
}
