package ledger

import (
	"context"
	"database/sql"
	_ "embed" // the SQL files
	"errors"
	"fmt"
	"math/big"
	"strings"

	"pixledger/schemas"
	"pixledger/schemas/lakedb"
)

//go:embed sql/limit.sql
var limitSQL string

// fewConversions is how many may differ in a currency, whatever they are worth.
const fewConversions = 20

// LimitError says that a close would book more differences than adjust_limit
// allows. Nothing was booked.
type LimitError struct {
	Limit   schemas.Money // percent
	First   schemas.Day   // the first day to be closed
	Over    []OverLimit
	Effects []Effect // of all adjustments
}

// OverLimit is a currency in which the differences exceed the limit.
type OverLimit struct {
	Currency    string
	Conversions int64
	Differences Sum  // without sign
	Booked      *Sum // on the 30 days before First; nil: there was nothing
}

func (e *LimitError) Error() string {
	var b strings.Builder
	b.WriteString("nothing was closed: the differences of days closed before exceed adjust_limit")
	for _, o := range e.Over {
		fmt.Fprintf(&b, "\n  %s: %s of %d conversions; ", o.Currency, o.Differences.Short(), o.Conversions)
		if o.Booked == nil {
			fmt.Fprintf(&b, "nothing was booked on the 30 days before %s", e.First)
		} else {
			fmt.Fprintf(&b, "booked on the 30 days before %s: %s", e.First, o.Booked.Short())
		}
	}
	b.WriteString("\nwhat they would do:")
	for i := range e.Effects {
		fmt.Fprintf(&b, "\n  %s", &e.Effects[i])
	}
	percent := strings.TrimSuffix(e.Limit.Short(), ".00")
	fmt.Fprintf(&b, "\nallowed: %s%%, or up to %d conversions; find out why (a changed catalog, an edge that was down), or answer for them with --accept-adjustments NAME", percent, fewConversions)
	return b.String()
}

// checkLimit refuses adjustments that are more than what late lines explain.
func (c *closing) checkLimit(ctx context.Context, db *lakedb.DB) (err error) {
	if c.AdjustLimit == nil || c.AcceptAdjustments != "" {
		return nil
	}
	refused := &LimitError{Limit: *c.AdjustLimit, First: c.days[0].Day, Effects: c.summary.Effects}
	rows, err := db.QueryContext(ctx, limitSQL, string(refused.First))
	if err != nil {
		return fmt.Errorf("hold the adjustments against the limit: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var o OverLimit
		var differences string
		var booked sql.Null[string]
		if err := rows.Scan(&o.Currency, &o.Conversions, &differences, &booked); err != nil {
			return fmt.Errorf("hold the adjustments against the limit: %w", err)
		}
		if o.Differences, err = parseSum(differences); err != nil {
			return err
		}
		if booked.Valid {
			before, err := parseSum(booked.V)
			if err != nil {
				return err
			}
			o.Booked = &before
		}
		if o.Conversions > fewConversions && (o.Booked == nil || exceeds(o.Differences, *o.Booked, *c.AdjustLimit)) {
			refused.Over = append(refused.Over, o)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("hold the adjustments against the limit: %w", err)
	}
	if len(refused.Over) > 0 {
		return refused
	}
	return nil
}

// exceeds tells whether a sum is more than so many percent of another.
func exceeds(sum, of Sum, percent schemas.Money) bool {
	var left, right big.Int
	left.Mul(&sum.millionths, big.NewInt(100*1_000_000)) // percent is in millionths too
	right.Mul(&of.millionths, big.NewInt(int64(percent)))
	return left.Cmp(&right) > 0
}
