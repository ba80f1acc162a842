package main

import (
	"fmt"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"pixledger/report"
	"pixledger/schemas/catalogedit"
	"pixledger/schemas/xandr"
)

func (a *app) catalogImportCommand() *cobra.Command {
	var pixels, lineItems []string
	var format string
	var dry bool
	c := &cobra.Command{
		Use:   "import",
		Short: "Bring Xandr's pixels and line items into the catalog",
		Long: `Reads answers of Xandr's Pixel Service and Line Item Service, JSON files as they
came, and brings what they hold into the catalog's file: with their advertisers,
insertion orders, creatives, trackers and publishers. A flag may be given several
times, for the pages of one answer. All of it is taken, or nothing.

Entries are merged by id; importing again changes nothing. What the catalog has of
its own stays: comments, names, settings from a time on, later rates. The report
says what was taken, what was left open and is a default, and what has no
counterpart.`,
		Example: "  pixledger catalog import --pixels pixels.json --line-items line-items.json --dry-run\n" +
			"  pixledger catalog import --pixels page-1.json --pixels page-2.json",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if len(pixels)+len(lineItems) == 0 {
				return usagef("catalog import: nothing to import was given; allowed: --pixels FILE, --line-items FILE, or both")
			}
			var f report.Format
			if format != "" {
				var err error
				if f, err = report.ParseFormat(format); err != nil {
					return asUsage(err)
				}
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			in, err := xandr.Read(pixels, lineItems)
			if err != nil {
				return err
			}
			var said *xandr.Report
			r, err := catalogedit.Update(cfg.Catalog, dry, func(f *catalogedit.File) (err error) {
				said, err = in.Merge(f)
				return err
			})
			if err != nil {
				return err
			}
			for _, w := range in.Warnings {
				a.logf("warning: %s", w)
			}
			return a.writeImport(cfg.Catalog, said, r, f, dry)
		},
	}
	c.Flags().StringArrayVar(&pixels, "pixels", nil, "a file of the Pixel Service; one flag for each page")
	c.Flags().StringArrayVar(&lineItems, "line-items", nil, "a file of the Line Item Service; one flag for each page")
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would be done, with the difference, and write nothing")
	c.Flags().StringVar(&format, "format", "", "the report's rows as table|csv|tsv|json|ndjson|html|xlsx|parquet, instead of a text")
	return c
}

// writeImport tells what an import has done, or would do.
func (a *app) writeImport(file string, said *xandr.Report, r *catalogedit.Result, f report.Format, dry bool) error {
	var changed []string
	lines := changeLines(file, r)
	for i, c := range r.Changes {
		if !c.Added {
			changed = append(changed, lines[i])
		}
	}
	if len(changed) > 0 {
		a.logf("a change of settings, states or rates restates history: conversions of open days are decided anew, those of closed days adjusted with the next close")
	}
	if f != "" {
		return writeRows(a.screen(), f, "catalog import", xandr.Columns, said.Texts())
	}
	if err := said.WriteText(a.stdout); err != nil {
		return err
	}
	if len(changed) > 0 {
		fmt.Fprintf(a.stdout, "\nChanged: what was in the catalog already, at any time, the past included\n")
		for _, line := range changed {
			fmt.Fprintf(a.stdout, "  %s\n", line)
		}
	}
	switch {
	case !r.Changed():
		fmt.Fprintf(a.stdout, "\n%s: nothing changed\n", file)
	case dry:
		fmt.Fprintln(a.stdout)
		_, err := a.stdout.Write(diff.Diff(file, r.Before, file+" (imported)", r.Content))
		return err
	default:
		fmt.Fprintf(a.stdout, "\n%s: written\n", file)
	}
	return nil
}
