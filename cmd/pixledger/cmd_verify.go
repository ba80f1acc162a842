package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pixledger/attribute"
	"pixledger/ingest"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

func (a *app) verifyCommand() *cobra.Command {
	var since, catalog, format string
	var account, shared bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check every file, the account of lines, and the decisions",
		Long: `Reads the whole lake with a second, independent Parquet reader: every committed
file is there, unchanged, and complete to its last page; no file is there that
nobody committed; the commit records follow one another; the ranges read of each
log touch without gap or overlap; lines = events + rejects + ignored + not
counted; each row is of a line that its commit read, and no two of the same; and
the attributions are what a fresh attribution gives. The ledger is held against
the notes of its closes, against itself (ids, reversals) and against the
attributions. What the next attribution would do and the next close would book is
pending, what is older than adjust_days is beyond_window; neither is an error. The
catalogs that closes have used are kept as they were. The exports are walked along the chain of
their manifests, and held against the ledger and the records of their delivery. What was published is held against the lake, and with --shared against the shared
lake; there too what was collected. A difference makes the exit code 1.

--account prints the account of lines by log file and day (UTC), in the format
asked for; what verify has to say goes to stderr then.`,
		Example: "  pixledger verify\n  pixledger verify --since 2026-11-01\n  pixledger verify --account --format table",
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
			if format != "" && !account {
				return usagef("--format: is the account's; allowed: together with --account")
			}
			f, err := a.outputFormat(format, "")
			if err != nil {
				return err
			}
			say := a.stdout
			if account {
				say = a.stderr
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
				fmt.Fprintln(say, schemas.Shown(fmt.Sprint(p)))
			}
			// A damaged lake may be why the rest can't be looked at: then the damage,
			// which is told already, is the news.
			unless := func(what string, err error) error {
				if err == nil || differences == 0 {
					return err
				}
				first, _, _ := strings.Cut(err.Error(), "\n")
				fmt.Fprintf(a.stderr, "pixledger: %s can be compared once the lake is mended: %s\n", what, first)
				return nil
			}
			decisions, failed := attribute.Verify(c.Context(), attributeOptions(a, s, l))
			bar.done()
			if err := unless("the decisions", failed); err != nil {
				return err
			}
			pending := 0
			for _, p := range decisions {
				if p.Pending {
					pending++
				} else {
					differences++
				}
				fmt.Fprintln(say, schemas.Shown(fmt.Sprint(p)))
			}
			var books booksVerdict
			if failed == nil {
				books, failed = a.verifyLedger(c.Context(), s, l, say)
				if err := unless("the ledger", failed); err != nil {
					return err
				}
				differences += books.differences
			}
			catalogs, err := verifyCatalogs(l, state, say)
			if err := unless("the catalogs of the closes", err); err != nil {
				return err
			}
			differences += catalogs
			exported, err := a.verifyExports(c.Context(), l, state, say)
			if err := unless("the exports", err); err != nil {
				return err
			}
			differences += exported.differences
			shipped, err := a.verifyShared(c.Context(), s.cfg, l, state, shared, say)
			if err := unless("the shared lake", err); err != nil {
				return err
			}
			differences += shipped.differences
			if account {
				if err := writeRows(a.screen(), f, "account", accountColumns, accountRows(state)); err != nil {
					return err
				}
			}
			if differences > 0 {
				fmt.Fprintf(say, "%s\n", count(differences, "difference"))
				return &silentError{}
			}
			all := &lake.Counts{}
			for _, edge := range accountByEdge(state) {
				all.Add(&edge.Counts)
			}
			logs := len(state.Sources)
			for _, e := range state.Edges {
				logs += len(e.Logs)
			}
			fmt.Fprintf(say, "no differences: %s, %s, %s\n", count(int(state.Seq), "commit"), count(len(state.Files), "file"), count(logs, "log file"))
			fmt.Fprintln(say, accountText(all))
			if pending > 0 {
				fmt.Fprintln(say, "pending: the next `pixledger attribute` takes in what is new")
			}
			books.print(say)
			exported.print(say)
			shipped.print(say)
			return nil
		},
	}
	c.Flags().BoolVar(&account, "account", false, "print the account of lines by log file and day")
	c.Flags().BoolVar(&shared, "shared", false, "look at the shared lake too: every manifest, and the length of every file")
	c.Flags().StringVar(&format, "format", "", "of the account: "+formatHelp())
	c.Flags().StringVar(&catalog, "catalog", "", "verify by this catalog instead of the configured one")
	c.Flags().StringVar(&since, "since", "", "leave out what was committed before this UTC date")
	return c
}

var accountColumns = []string{"edge", "log", "source_id", "date", "lines", "events", "rejects", "not_counted", "ignored"}

// accountRows is the account of lines by log file and day (UTC), as rows of
// accountColumns.
func accountRows(state *lake.State) [][]string {
	logs := slices.SortedFunc(maps.Values(state.Sources), func(a, b *lake.Source) int {
		return cmp.Or(cmp.Compare(a.Edge, b.Edge), a.First.Compare(b.First), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	var rows [][]string
	for _, src := range logs {
		for _, day := range slices.Sorted(maps.Keys(src.Days)) {
			c := src.Days[day]
			row := []string{src.Edge, src.Name, src.ID, day}
			for _, n := range []int64{c.Lines(), lake.Sum(c.Events), lake.Sum(c.Rejects), lake.Sum(c.NotCounted), c.Ignored} {
				row = append(row, fmt.Sprint(n))
			}
			rows = append(rows, row)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(state.Edges)) { // by edge: its parts do not say more
		for _, day := range slices.Sorted(maps.Keys(state.Edges[name].Days)) {
			c := state.Edges[name].Days[day].Account
			row := []string{name, "", "", day}
			for _, n := range []int64{c.Lines(), lake.Sum(c.Events), lake.Sum(c.Rejects), lake.Sum(c.NotCounted), c.Ignored} {
				row = append(row, fmt.Sprint(n))
			}
			rows = append(rows, row)
		}
	}
	return rows
}
