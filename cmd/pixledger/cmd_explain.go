package main

import (
	"bytes"
	"io"
	"os"

	"github.com/spf13/cobra"

	"pixledger/attribute/explain"
	"pixledger/schemas/lakedb"
)

func (a *app) explainCommand() *cobra.Command {
	var asJSON, all bool
	var out, catalog string
	c := &cobra.Command{
		Use:   "explain CONVERSION_ID",
		Short: "How one conversion was decided, and why",
		Long: `Shows how one conversion was decided: its log line, the settings in force and
where they stand in the catalog, what each step said, every touch that was
considered with the reason why it won or lost, the rate, the ledger's entries,
and whether the next attribution will decide it otherwise.

Log lines stand as FILE:OFFSET, the offset being the line's first byte in the
decompressed content; entries of the catalog as FILE:LINE:COLUMN.`,
		Example: "  pixledger explain dc1e573f27c5e13894df3ffa85e42498\n  pixledger explain dc1e573f27c5e13894df3ffa85e42498 --json | jq .touches",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.setupToRead(catalog)
			if err != nil {
				return err
			}
			l, err := a.openToAnswer(s)
			if err != nil {
				return err
			}
			// Positions must be those of the catalog that is in force: while its file
			// has mistakes, it is the one kept in the lake.
			file := s.cfg.Catalog
			if content, err := os.ReadFile(file); err != nil || !bytes.Equal(content, s.catalog.Content()) {
				file = l.CatalogFile(s.catalog.Digest)
			}
			bar := a.newProgress("explaining:", rowProgress)
			x, err := explain.Explain(c.Context(), args[0], explain.Options{
				Lake: l, Catalog: s.catalog, CatalogFile: file,
				Open:     func() (*lakedb.DB, error) { return a.openDB(c.Context(), s, l) },
				Progress: func(what string) { bar.set("reading "+what, 0, 0) },
			})
			bar.done()
			if err != nil {
				return err
			}
			return a.writeOut(out, func(w io.Writer) error {
				if asJSON {
					return writeJSON(w, x)
				}
				return x.Write(w, s.cfg.TimeZone, all)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, with all touches")
	c.Flags().BoolVar(&all, "all", false, "print all touches, not the first 20 alone")
	c.Flags().StringVarP(&out, "output", "o", "", "write to a file, in one step")
	c.Flags().StringVar(&catalog, "catalog", "", "compare with what this catalog would decide, instead of the configured one")
	return c
}
