// Package ledger books what attribution decided: it closes business days, one
// commit a close, and books what has changed about days closed before.
//
// A close runs a fresh attribution, and compares what the ledger says of each
// conversion with what the attributions say (sql/differences.sql). Of a day that
// it closes every attributed conversion becomes a booking; what has changed of
// the days before becomes an adjustment under the newest day: a reversal of the
// entry that stands, a new booking, or both. All files and notes are one commit
// of the lake, so a close that is cut short has booked nothing. Ledger files
// are only ever added.
//
// What a close needs to know of those before stands in the notes of the newest
// one: the last day closed, where it ended, the first day of the ledger and the
// zone. Each close names the one before it.
//
// The same lake, catalog and due days give the same bytes: rows are in a total
// order, and no clock stands in them.
package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"pixledger/attribute"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// The kinds of the ledger's commits.
const (
	CloseKind  = lake.CloseKind
	VoidKind   = "void"
	CreditKind = "credit"
)

// The kinds of entries.
const (
	booking    = "booking"
	adjustment = "adjustment"
	credit     = "credit"
)

// Options say what to close and what that may use.
type Options struct {
	// Attribute is for the attribution that comes first, and has the lake, the
	// catalog, the clock and the limits of the rest too; Wait and Holder are for
	// the job lock.
	Attribute attribute.Options
	Calendar

	AdjustDays  int            // how far back differences are booked
	AdjustLimit *schemas.Money // percent; nil: none

	// Yes lets a first close be of more than 35 days.
	Yes bool
	// AcceptAdjustments is who answers for adjustments beyond the limit; empty:
	// nobody.
	AcceptAdjustments string
	// Accept are the gaps that somebody answers for from now on.
	Accept []lake.Acceptance
	// GapsInTheWay lists the gaps that touch [from, until) and that nobody has
	// answered for; nil: there are none. It is asked before the attribution, and
	// again while the commit is made: it may look at the state given, and not ask
	// the lake for another.
	GapsInTheWay func(state *lake.State, from, until time.Time) []lake.Gap
}

// sign tells a reversal, or a credit that lowers the bill, from other entries.
type sign string

const (
	plus  sign = "+"
	minus sign = "-"
)

// entryID gives the id of an entry: the first 16 bytes, in hex, of the SHA-256
// over booked, conversion id, kind, sign and number, each as its length in bytes
// (decimal), a colon, its bytes and a comma. So no two entries have the same
// text. The sign is - for a reversal and for a credit below 0, else +. The number
// counts the entries of the conversion from 1, in the order in which they were
// booked; a credit has no conversion id, and its number counts within the day.
func entryID(booked schemas.Day, conversionID, kind string, s sign, number int64) string {
	h := sha256.New()
	for _, field := range []string{string(booked), conversionID, kind, string(s), fmt.Sprint(number)} {
		fmt.Fprintf(h, "%d:%s,", len(field), field)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Sum is a sum of money that knows no bounds: many amounts that each fit a
// Money may not fit one together. The zero value is 0.
type Sum struct{ millionths big.Int }

// parseSum reads the text of a DECIMAL with six decimals.
func parseSum(text string) (Sum, error) {
	var s Sum
	digits := strings.Replace(text, ".", "", 1)
	if i := strings.IndexByte(text, '.'); len(text)-i-1 != schemas.MoneyScale {
		return s, fmt.Errorf("%q is no sum with %d decimals", text, schemas.MoneyScale)
	}
	if _, ok := s.millionths.SetString(digits, 10); !ok {
		return s, fmt.Errorf("%q is no sum", text)
	}
	return s, nil
}

// plus gives the sum with an amount more.
func (s Sum) plus(m schemas.Money) Sum {
	var total Sum
	total.millionths.Add(&s.millionths, big.NewInt(int64(m)))
	return total
}

// Plus gives the sum of both.
func (s Sum) Plus(o Sum) Sum {
	var total Sum
	total.millionths.Add(&s.millionths, &o.millionths)
	return total
}

// Cmp compares two sums.
func (s Sum) Cmp(o Sum) int { return s.millionths.Cmp(&o.millionths) }

// IsZero tells whether the sum is 0.
func (s Sum) IsZero() bool { return s.millionths.Sign() == 0 }

// String gives the sum with six decimals, as Money does.
func (s Sum) String() string {
	sign, text := "", s.millionths.String()
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	if n := schemas.MoneyScale + 1 - len(text); n > 0 {
		text = strings.Repeat("0", n) + text
	}
	i := len(text) - schemas.MoneyScale
	return sign + text[:i] + "." + text[i:]
}

// Short gives the sum without trailing zeros beyond the second decimal.
func (s Sum) Short() string {
	text := s.String()
	for strings.HasSuffix(text, "0") && text[len(text)-3] != '.' {
		text = text[:len(text)-1]
	}
	return text
}

// MarshalJSON writes the sum as quoted decimal text.
func (s Sum) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Sum) UnmarshalJSON(b []byte) (err error) {
	*s, err = parseSum(strings.Trim(string(b), `"`))
	return err
}
