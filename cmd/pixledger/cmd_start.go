package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"pixledger/ingest/edge"
	"pixledger/report"
	"pixledger/schemas"
)

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "init DIR",
		Short:   "Write a working pixledger.yaml and catalog.yaml with comments",
		Example: "  pixledger init ./network\n  cd network && pixledger doctor",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			written, err := writeInit(args[0])
			for _, p := range written {
				fmt.Fprintln(a.stdout, p)
			}
			if err != nil {
				return err
			}
			a.logf("edit them, then: cd %s && pixledger catalog check && pixledger doctor", args[0])
			return nil
		},
	}
}

func (a *app) catalogCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "catalog",
		Short:   "Check the catalog of pixels, line items and trackers, and import it",
		Example: "  pixledger catalog check\n  pixledger catalog import --pixels pixels.json --line-items line-items.json",
		RunE:    needSubcommand,
	}
	c.AddCommand(&cobra.Command{
		Use:   "check [FILE]",
		Short: "Validate the catalog, and warn on what will never attribute",
		Long: `Validates the catalog against its schema and its own rules: unknown keys, ids
that a list does not have, times and money. Each mistake is one line,
FILE:LINE:COLUMN: what is wrong; allowed: …, and makes the exit code 1.
Warnings are what will never attribute, and what edge nginx refuses; they leave
the exit code 0.`,
		Example: "  pixledger catalog check\n  pixledger catalog check catalog.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := ""
			if len(args) == 1 {
				path = args[0]
			} else {
				cfg, err := a.config()
				if err != nil {
					return err
				}
				path = cfg.Catalog
			}
			cat, warnings, err := schemas.LoadCatalog(path)
			if err != nil {
				return err
			}
			for _, w := range (&setup{catalog: cat, warnings: warnings}).allWarnings(a.now()) {
				fmt.Fprintln(a.stdout, w)
			}
			// What nginx has no words for is no mistake to the ledger.
			if err := edge.Nginx(io.Discard, edge.Config{}, cat); err != nil {
				fmt.Fprintf(a.stdout, "%s: warning: edge nginx refuses it: %v\n", path, err)
			}
			fmt.Fprintf(a.stdout, "%s: valid: %s, %s, %s, %s\n", path, count(len(cat.Advertisers), "advertiser"),
				count(len(cat.Pixels), "pixel"), count(len(cat.LineItems), "line item"), count(len(cat.Trackers), "tracker"))
			return nil
		},
	}, a.catalogImportCommand())
	return c
}

// count is a number with its noun: 1 pixel, 2 pixels.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (a *app) edgeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "edge",
		Short:   "Print the edge's nginx configuration",
		Example: "  pixledger edge nginx",
		RunE:    needSubcommand,
	}
	var out string
	nginx := &cobra.Command{
		Use:   "nginx",
		Short: "Print the complete nginx configuration of the edge for this catalog",
		Long: `Prints one whole nginx.conf from "edge" of the configuration and from the
catalog: the pixels' answers, the trackers' landing pages, the userid cookie and
the log format that pixledger reads. Print it again when the catalog changes, or
have the daemon do it (edge.conf). A file that says the same already is left
untouched; one that is replaced keeps its mode.`,
		Example: "  pixledger edge nginx -o /etc/nginx/nginx.conf && nginx -t && systemctl reload nginx",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.setup()
			if err != nil {
				return err
			}
			text, err := edgeText(s.cfg, s.catalog)
			if err != nil {
				return err
			}
			if is, err := os.ReadFile(out); out != "" && err == nil && bytes.Equal(is, text) {
				a.logf("%s says this already; it is left untouched", out)
				return nil
			}
			mode, before := os.FileMode(0o644), os.FileMode(0) // as nginx's own: doctor reads it too
			if fi, err := os.Stat(out); err == nil {
				before = fi.Mode()
				mode = before.Perm()
			}
			err = a.writeOut(out, func(w io.Writer) error { _, err := w.Write(text); return err })
			if err != nil || out == "" || !before.IsRegular() {
				return err
			}
			return os.Chmod(out, mode)
		},
	}
	nginx.Flags().StringVarP(&out, "output", "o", "", "write to a file, in one step")
	c.AddCommand(nginx)
	return c
}

// writeOut writes a command's result to stdout, or to a file that appears
// whole or not at all.
func (a *app) writeOut(path string, write func(io.Writer) error) error {
	if path == "" {
		return write(a.screen())
	}
	return report.WriteFile(path, write)
}

// oneOf tells what is allowed where a value is none of a list.
func oneOf(flag, value string, allowed []string) error {
	for _, x := range allowed {
		if x == value {
			return nil
		}
	}
	return usagef("--%s: there is no %q; allowed: %s", flag, value, strings.Join(allowed, " "))
}
