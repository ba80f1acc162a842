package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pixledger/attribute"
	"pixledger/ingest"
)

func (a *app) verifyCommand() *cobra.Command {
	var since, catalog string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check every file, the account of lines, and the decisions",
		Long: `Reads the whole lake with a second, independent Parquet reader: every committed
file is there, unchanged, and complete to its last page; no file is there that
nobody committed; the commit records follow one another; the ranges read of each
log touch without gap or overlap; lines = events + rejects + ignored + not
counted; and the attributions are what a fresh attribution gives. What the next
attribution would do is pending, no error. A difference makes the exit code 1.`,
		Example: "  pixledger verify\n  pixledger verify --since 2026-11-01",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var from time.Time
			if since != "" {
				t, err := time.Parse(time.DateOnly, since)
				if err != nil {
					return usagef("--since: %q is no date; allowed: YYYY-MM-DD", since)
				}
				from = t
			}
			s, err := a.setupWith(catalog)
			if err != nil {
				return err
			}
			l, err := s.openLake()
			if err != nil {
				return err
			}
			state, err := l.State()
			if err != nil {
				return err
			}
			bar := a.newProgress("verifying", rowProgress)
			differences := 0
			problems, err := ingest.Verify(c.Context(), l, state, from)
			if err != nil {
				return err
			}
			for _, p := range problems {
				differences++
				fmt.Fprintln(a.stdout, p)
			}
			decisions, err := attribute.Verify(c.Context(), attributeOptions(a, s, l))
			bar.done()
			if err != nil {
				if differences == 0 {
					return err
				}
				// What was found is why, and is the news.
				first, _, _ := strings.Cut(err.Error(), "\n")
				fmt.Fprintf(a.stderr, "pixledger: the decisions can be compared once the lake is mended: %s\n", first)
			}
			pending := 0
			for _, p := range decisions {
				if p.Pending {
					pending++
				} else {
					differences++
				}
				fmt.Fprintln(a.stdout, p)
			}
			if differences > 0 {
				fmt.Fprintf(a.stdout, "%s\n", count(differences, "difference"))
				return &silentError{}
			}
			fmt.Fprintf(a.stdout, "no differences: %s, %s, %s\n", count(int(state.Seq), "commit"), count(len(state.Files), "file"), count(len(state.Sources), "log file"))
			if pending > 0 {
				fmt.Fprintln(a.stdout, "pending: the next `pixledger attribute` takes in what is new")
			}
			return nil
		},
	}
	c.Flags().StringVar(&catalog, "catalog", "", "verify by this catalog instead of the configured one")
	c.Flags().StringVar(&since, "since", "", "leave out what was committed before this UTC date")
	return c
}
