package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"pixledger/attribute"
	"pixledger/schemas/lake"
)

func (a *app) rebuildCommand() *cobra.Command {
	var apply bool
	var catalog, engine string
	c := &cobra.Command{
		Use:   "rebuild",
		Short: "Recompute the attributions of all days from the events, and say how they differ",
		Long: `Recomputes the attributions of all days from the events and lists the conversions
that are not as they stand in the lake, with the UTC date of each, what was decided
and what is decided now; then the exit code is 1. --apply puts the recomputed attributions in their place. Money moves with the
next close, and with nothing else.`,
		Example: "  pixledger rebuild\n  pixledger rebuild --apply",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkEngine(engine); err != nil {
				return err
			}
			s, err := a.setupWith(catalog)
			if err != nil {
				return err
			}
			s.cfg.Engine = cmp.Or(engine, s.cfg.Engine)
			l, err := lake.OpenOrCreate(s.cfg.Lake, a.now())
			if err != nil {
				return err
			}
			o := attributeOptions(a, s, l)
			o.Holder = "pixledger rebuild"
			if apply {
				return a.rebuildApply(c, s, l, o)
			}
			bar := a.newProgress("rebuild:", rowProgress)
			o.Progress = func(step attribute.Step, done, total int64) { bar.set(string(step), done, total) }
			problems, err := attribute.Verify(c.Context(), o)
			bar.done()
			if err != nil {
				return err
			}
			if len(problems) == 0 {
				fmt.Fprintln(a.stdout, "no difference: the attributions are what the events give")
				return nil
			}
			n := 0
			for _, p := range problems {
				why := "although nothing has changed since"
				if p.Pending {
					why = "events, voids or the catalog have changed since"
				}
				for _, d := range p.Conversions {
					n++
					fmt.Fprintf(a.stdout, "%s %s: %s; %s\n", p.Date, d.ConversionID, d.What, why)
				}
			}
			fmt.Fprintf(a.stdout, "%s; `pixledger rebuild --apply` puts the recomputed attributions in place\n", count(n, "difference"))
			return &silentError{}
		},
	}
	c.Flags().BoolVar(&apply, "apply", false, "put the recomputed attributions in place")
	c.Flags().StringVar(&catalog, "catalog", "", "attribute by this catalog instead of the configured one")
	c.Flags().StringVar(&engine, "engine", "", "what matches touches: duckdb or spark (default: as configured)")
	return c
}

func (a *app) rebuildApply(c *cobra.Command, s *setup, l *lake.Lake, o attribute.Options) error {
	if _, err := l.KeepCatalog(s.catalog.Content()); err != nil {
		return err
	}
	bar := a.newProgress("rebuild:", rowProgress)
	o.Progress = func(step attribute.Step, done, total int64) { bar.set(string(step), done, total) }
	o.Full = true
	sum, err := attribute.Run(c.Context(), o)
	bar.done()
	if err != nil {
		return err
	}
	printAttribute(a.stdout, &sum)
	return nil
}
