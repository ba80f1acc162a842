package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"pixledger/attribute/retention"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb/forget"
)

func (a *app) retentionCommand() *cobra.Command {
	var catalog string
	var dry bool
	c := &cobra.Command{
		Use:   "retention",
		Short: "Erase events and rejects that are older than privacy.retention_days",
		Long: `Erases the events and rejects of every UTC date that ended more than
privacy.retention_days ago: what the daemon does at schedule.retention. Decisions
that may have rested on them, on conversions up to 90 days later, are frozen:
their attributions stay, and are never computed again. Nothing that was booked
changes. An erasure of users that was cut short is finished too.`,
		Example: "  pixledger retention --dry-run\n  pixledger retention",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.setupWith(catalog)
			if err != nil {
				return err
			}
			l, err := lake.OpenOrCreate(s.cfg.Lake, a.now())
			if err != nil {
				return err
			}
			if !dry {
				pending, err := forget.Pending(l)
				if err != nil {
					return err
				}
				if len(pending) > 0 {
					if err := a.forget(c.Context(), s.cfg, l, nil, false); err != nil {
						return err
					}
				}
				if _, err := l.KeepCatalog(s.catalog.Content()); err != nil {
					return err
				}
			}
			o := retention.Options{Attribute: attributeOptions(a, s, l), Days: int(s.cfg.Privacy.RetentionDays), DryRun: dry}
			o.Attribute.Holder = "pixledger retention"
			sum, err := retention.Run(c.Context(), o)
			if err != nil {
				return err
			}
			state, err := l.State()
			if err != nil {
				return err
			}
			printRetention(a.stdout, &sum, dry)
			if _, last, ok := state.ClosedDays(); ok && sum.First != "" && sum.Frozen > string(last.Plus(1)) {
				a.logf("warning: business days from %s on are not closed, and decisions before %s are frozen: a close books them as they stand", last.Plus(1), sum.Frozen)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would be erased, and change nothing")
	c.Flags().StringVar(&catalog, "catalog", "", "bring the decisions up to date by this catalog instead of the configured one")
	return c
}

func printRetention(w io.Writer, s *retention.Summary, dry bool) {
	if s.First == "" {
		fmt.Fprintf(w, "nothing is older than %s\n", s.Before)
		return
	}
	verb := "erased"
	if dry {
		verb = "to erase"
	}
	dates := s.First
	if s.Last != s.First {
		dates += " to " + s.Last
	}
	fmt.Fprintf(w, "%s: %s, %s of %s, %s\n", verb, count(int(s.Events), "event"), count(int(s.Rejects), "reject"), dates, count(int(s.Bytes), "byte"))
	if s.Frozen != "" {
		fmt.Fprintf(w, "decisions on conversions before %s are frozen\n", s.Frozen)
	}
}
