package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"pixledger/attribute/ledger"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// ledgerStatus is what status shows of business days and the ledger.
type ledgerStatus struct {
	TimeZone       string        `json:"time_zone"`
	From           schemas.Day   `json:"ledger_from,omitempty"` // empty: not known yet
	Closed         int64         `json:"closed_days"`
	LastClosed     schemas.Day   `json:"last_closed,omitempty"`
	ClosedAt       *time.Time    `json:"closed_at"`
	Due            []schemas.Day `json:"due"` // and not closed
	Next           schemas.Day   `json:"next,omitempty"`
	NextDue        *time.Time    `json:"next_due"`
	PendingCredits int           `json:"pending_credits"`
}

// ledger looks at what is closed, and warns of days that should be.
func (r *statusReport) ledger(cfg *Config, l *lake.Lake, state *lake.State) error {
	s := &ledgerStatus{TimeZone: cfg.TimeZone.String(), Due: []schemas.Day{}}
	r.Ledger = s
	pending, err := ledger.PendingCredits(l, state)
	if err != nil {
		return err
	}
	s.PendingCredits = len(pending)
	if mark, ok := state.Latest[ledger.CloseKind]; ok {
		days, err := ledger.ClosedDays(l, state, schemas.Day(mark.Notes[ledger.NoteLastDay]))
		if err != nil {
			return err
		}
		last := days[len(days)-1]
		s.From, s.Closed, s.LastClosed, s.ClosedAt = schemas.Day(mark.Notes[ledger.NoteLedgerFrom]), last.Sequence, last.Day, &mark.At
	}
	plan, err := calendarOf(cfg).Plan(state, r.Now)
	if err != nil {
		r.warn("no day can be closed: "+err.Error(), "set it back in the configuration")
		return nil
	}
	s.From, s.Next = plan.LedgerFrom, plan.Next
	s.Due = append(s.Due, plan.Due...)
	if plan.Next != "" {
		s.NextDue = &plan.NextDue
	}
	if n := len(plan.Due); n > 0 && cfg.Schedule.Close != "" { // an edge leaves it to the centre
		remedy := "run `pixledger close`; it says what is in the way. The daemon does it on schedule"
		if plan.Check(false) != nil {
			remedy = "set ledger_from to the first day of the ledger, or run `pixledger close --yes` to begin it with " + string(plan.Due[0])
		}
		days := string(plan.Due[0])
		if n > 1 {
			days += " to " + string(plan.Due[n-1])
		}
		r.warn(fmt.Sprintf("%s due and not closed: %s", count(n, "business day"), days), remedy)
	}
	return nil
}

func (s *ledgerStatus) rows(add func(section, name, figure string, value any)) {
	add("ledger", "", "time_zone", s.TimeZone)
	add("ledger", "", "ledger_from", s.From)
	add("ledger", "", "closed_days", s.Closed)
	add("ledger", "", "last_closed", s.LastClosed)
	add("ledger", "", "closed_at", s.ClosedAt)
	add("ledger", "", "due", len(s.Due))
	add("ledger", "", "next", s.Next)
	add("ledger", "", "next_due", s.NextDue)
	add("ledger", "", "pending_credits", s.PendingCredits)
}

func (s *ledgerStatus) print(w io.Writer) {
	dash := func(d schemas.Day) string {
		if d == "" {
			return "-"
		}
		return string(d)
	}
	fmt.Fprintln(w, "\nledger from\tdays closed\tlast closed\tdue\tnext day\tis due\tpending credits")
	fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t%s\t%d\n", dash(s.From), s.Closed, dash(s.LastClosed), len(s.Due), dash(s.Next), stamp(s.NextDue), s.PendingCredits)
}

// booksVerdict is what verify has found in the ledger.
type booksVerdict struct{ differences, pending, beyond int }

// verifyLedger says what is wrong with the ledger, and what the next close books.
func (a *app) verifyLedger(ctx context.Context, s *setup, l *lake.Lake, say io.Writer) (booksVerdict, error) {
	var v booksVerdict
	err := ledger.Verify(ctx, a.closeOptions(s, l), func(f ledger.Finding) {
		switch f.Kind {
		case ledger.Pending:
			v.pending++
		case ledger.BeyondWindow:
			v.beyond++
		default:
			v.differences++
		}
		fmt.Fprintln(say, schemas.Shown(fmt.Sprint(f)))
	})
	return v, err
}

func (v booksVerdict) print(w io.Writer) {
	if v.pending > 0 {
		fmt.Fprintf(w, "pending: the next `pixledger close` books what is listed as pending: %d\n", v.pending)
	}
	if v.beyond > 0 {
		fmt.Fprintf(w, "beyond_window: %s older than adjust_days: no close books them\n", count(v.beyond, "difference"))
	}
}
