package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pixledger/attribute"
	"pixledger/attribute/ledger"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

func (a *app) closeCommand() *cobra.Command {
	var catalog, by, acceptAdjustments string
	var acceptGaps []string
	var yes bool
	c := &cobra.Command{
		Use:   "close",
		Short: "Close the business days that are due, and book what has changed of days before",
		Long: `Attributes afresh, then closes every business day that is due: each attributed
conversion becomes a booking of its day. What has changed of the days closed
before (late events, voids, the catalog) is booked as adjustments under the newest
day, and credits with it. All of it is one commit, or nothing; what was booked
never changes.

It refuses, and says why, where lines that the sources hold are not read, where
lines of the days are lost, or where the adjustments exceed adjust_limit.`,
		Example: "  pixledger close\n  pixledger close --accept-gap gca2dc3e777a2 --by \"Ms Fine\"\n  pixledger close --accept-adjustments \"Ms Fine\"",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case len(acceptGaps) > 0 && by == "":
				return usagef("close: --accept-gap is given without --by; allowed: both, --by names who answers for the gap")
			case len(acceptGaps) == 0 && by != "" && acceptAdjustments == "":
				return usagef("close: --by is given without --accept-gap; allowed: both, or --accept-adjustments NAME")
			case c.Flags().Changed("accept-adjustments") && acceptAdjustments == "":
				return usagef("close: --accept-adjustments is empty; allowed: the name of who answers for them")
			}
			s, err := a.setupWith(catalog)
			if err != nil {
				return err
			}
			l, err := lake.OpenOrCreate(s.cfg.Lake, a.now())
			if err != nil {
				return err
			}
			state, err := l.State()
			if err != nil {
				return err
			}
			plan, err := calendarOf(s.cfg).Plan(state, a.now())
			if err != nil {
				return err
			}
			if len(plan.Due) == 0 {
				fmt.Fprintln(a.stdout, notDueText(plan))
				return nil
			}
			if err := plan.Check(yes); err != nil {
				return err
			}
			accepted, err := a.acceptances(s, state, acceptGaps, by)
			if err != nil {
				return err
			}
			if err := a.awaitMarks(c.Context(), s, l); err != nil {
				return err
			}
			// The file that was read is kept under its digest, so that what it
			// booked can be explained later.
			if _, err := l.KeepCatalog(s.catalog.Content()); err != nil {
				return err
			}
			bar := a.newProgress("close:", rowProgress)
			o := a.closeOptions(s, l)
			o.Yes, o.AcceptAdjustments, o.Accept = yes, acceptAdjustments, accepted
			o.Attribute.Progress = func(step attribute.Step, done, total int64) { bar.set(string(step), done, total) }
			sum, err := ledger.Close(c.Context(), o)
			bar.done()
			if err != nil {
				return err
			}
			printClose(a.stdout, sum)
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "let a first close be of more than 35 days")
	c.Flags().StringVar(&acceptAdjustments, "accept-adjustments", "", "who answers for adjustments beyond adjust_limit")
	c.Flags().StringArrayVar(&acceptGaps, "accept-gap", nil, "a gap to close without, by its id; may be given several times")
	c.Flags().StringVar(&by, "by", "", "who answers for the gaps")
	c.Flags().StringVar(&catalog, "catalog", "", "close by this catalog instead of the configured one")
	return c
}

func calendarOf(cfg *Config) ledger.Calendar {
	return ledger.Calendar{Zone: cfg.TimeZone, CloseAfter: cfg.CloseAfter, LedgerFrom: schemas.Day(cfg.LedgerFrom)}
}

func (a *app) closeOptions(s *setup, l *lake.Lake) ledger.Options {
	o := ledger.Options{
		Attribute: attributeOptions(a, s, l), Calendar: calendarOf(s.cfg),
		AdjustDays: int(s.cfg.AdjustDays), AdjustLimit: s.cfg.AdjustLimit,
		GapsInTheWay: func(state *lake.State, from, until time.Time) []lake.Gap {
			return a.gapsInTheWay(s, state, from, until)
		},
	}
	o.Attribute.Holder = "pixledger close"
	return o
}

// acceptances are the gaps that somebody answers for, which must be open.
func (a *app) acceptances(s *setup, state *lake.State, ids []string, by string) ([]lake.Acceptance, error) {
	var out []lake.Acceptance
	open := openGaps(s.cfg, state, a.now())
	if plan, err := calendarOf(s.cfg).Plan(state, a.now()); err == nil && len(plan.Due) > 0 {
		from, until := plan.Span(s.cfg.TimeZone)
		for _, g := range unpublished(s.cfg, state, from, until) {
			if !slices.ContainsFunc(open, func(x lake.Gap) bool { return x.ID == g.ID }) {
				open = append(open, g)
			}
		}
	}
	for _, id := range ids {
		if !slices.ContainsFunc(open, func(g lake.Gap) bool { return g.ID == id }) {
			var known []string
			for _, g := range open {
				known = append(known, g.ID)
			}
			allowed := "none, for no gap is open"
			if len(known) > 0 {
				allowed = "the open ones, " + strings.Join(known, " ")
			}
			return nil, fmt.Errorf("--accept-gap: there is no gap %q; allowed: %s", id, allowed)
		}
		if _, already := state.Accepted[id]; already || slices.ContainsFunc(out, func(x lake.Acceptance) bool { return x.GapID == id }) {
			continue
		}
		out = append(out, lake.Acceptance{GapID: id, By: by, At: a.now()})
	}
	return out, nil
}

// notDueText says why there is nothing to close.
func notDueText(p *ledger.Plan) string {
	if p.LedgerFrom == "" {
		return "no day is due: there is no event yet"
	}
	return fmt.Sprintf("no day is due: the next is %s, at %s", p.Next, p.NextDue.Format(time.RFC3339))
}

func printClose(w io.Writer, s *ledger.Summary) {
	if len(s.Days) == 0 {
		fmt.Fprintln(w, notDueText(s.Plan))
		return
	}
	first, last := s.Days[0].Day, s.Days[len(s.Days)-1].Day
	if first == last {
		fmt.Fprintf(w, "closed %s: %s\n", first, count(int(s.Bookings), "booking"))
	} else {
		fmt.Fprintf(w, "closed %s, %s to %s: %s\n", count(len(s.Days), "day"), first, last, count(int(s.Bookings), "booking"))
	}
	for _, currency := range slices.Sorted(maps.Keys(s.Booked)) {
		fmt.Fprintf(w, "  booked: %s %s\n", s.Booked[currency].Short(), currency)
	}
	for i := range s.Effects {
		fmt.Fprintf(w, "  adjusted: %s\n", schemas.Shown(s.Effects[i].String()))
	}
	for _, c := range s.Credits {
		fmt.Fprintf(w, "  credit: line item %d, %s %s, %s\n", c.LineItemID, c.Amount.Short(), c.Currency, schemas.Shown(c.Reason))
	}
	fmt.Fprintf(w, "next: %s, due at %s\n", s.Plan.Next, s.Plan.NextDue.Format(time.RFC3339))
}
