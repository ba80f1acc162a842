package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// The notes of a close commit that later closes, exports and verify read.
const (
	NoteZone       = "zone" // IANA name
	NoteLedgerFrom = lake.NoteLedgerFrom
	NoteLastDay    = lake.NoteLastDay
	noteFirstDay   = "first_day" // the oldest that this close closed
	noteUntil      = "until"     // where the newest day ended, RFC 3339, UTC
	noteSequence   = "sequence"  // the number of the newest day in the ledger, from 1
	noteDays       = "days"      // what was closed, as JSON: see ClosedDay
	notePrevious   = "previous"  // the commit of the close before; absent on the first
	noteCatalog    = "catalog_digest"
	noteReadSeq    = "read_seq"             // the commit up to which attributions, ledger and credits were read
	noteCredits    = "credits_seq"          // the commit of the newest credit that is booked; absent while none is
	noteAccepted   = "adjustments_accepted" // who answers for adjustments beyond the limit
)

// longFirstClose is the number of days up to which a first close asks nobody.
const longFirstClose = 35

// Calendar says which days there are and when they are due.
type Calendar struct {
	Zone       *time.Location
	CloseAfter time.Duration
	LedgerFrom schemas.Day // the first day; empty: of the earliest event, at the first close
}

// ClosedDay is what a close noted of one of its days.
type ClosedDay struct {
	Day      schemas.Day    `json:"day"`
	From     time.Time      `json:"from"`     // UTC
	Until    time.Time      `json:"until"`    // UTC
	Sequence int64          `json:"sequence"` // the day's number in the ledger, from 1
	Entries  int64          `json:"entries"`  // booked under the day, credits too
	Amounts  map[string]Sum `json:"amounts"`  // their sums by currency

	Close   int64  `json:"-"` // the commit that closed it
	Catalog string `json:"-"` // the digest of the catalog that it used
}

// Plan is what a close would do at a time.
type Plan struct {
	Last       *ClosedDay    // the newest day closed; nil: none is
	LedgerFrom schemas.Day   // the first day of the ledger; empty while there is no event to tell
	Due        []schemas.Day // days to be closed, in order
	Next       schemas.Day   // the first that is not due yet; empty as LedgerFrom is
	NextDue    time.Time     // when it will be
}

// ZoneError says that the time zone is another than that of the days closed.
type ZoneError struct{ Closed, Configured string }

func (e *ZoneError) Error() string {
	return fmt.Sprintf("the days up to now were closed in the time zone %s, time_zone is %s; allowed: time_zone: %s, as it can't change after the first close", e.Closed, e.Configured, e.Closed)
}

// LongFirstCloseError says that a first close would close more days than
// anybody is likely to mean.
type LongFirstCloseError struct{ First, Last schemas.Day }

func (e *LongFirstCloseError) Error() string {
	return fmt.Sprintf("the first close would close %d days, %s to %s, for ever; if the ledger is to begin there, close with --yes; else set ledger_from to its first day",
		e.First.Until(e.Last)+1, e.First, e.Last)
}

// Plan tells which days are due at a time and not closed.
func (c Calendar) Plan(state *lake.State, now time.Time) (*Plan, error) {
	p := &Plan{}
	last, err := lastClosed(state)
	if err != nil {
		return nil, err
	}
	next := c.LedgerFrom
	if last != nil {
		notes := state.Latest[CloseKind].Notes
		if zone := notes[NoteZone]; zone != c.Zone.String() {
			return nil, &ZoneError{Closed: zone, Configured: c.Zone.String()}
		}
		p.Last, p.LedgerFrom, next = last, schemas.Day(notes[NoteLedgerFrom]), last.Day.Plus(1)
		if c.LedgerFrom != "" && c.LedgerFrom != p.LedgerFrom {
			return nil, fmt.Errorf("the ledger begins with %s, ledger_from is %s; allowed: ledger_from: %s or null, as it can't change after the first close", p.LedgerFrom, c.LedgerFrom, p.LedgerFrom)
		}
	} else if next == "" {
		first, ok := earliestEvent(state)
		if !ok {
			return p, nil
		}
		next = schemas.DayOf(first, c.Zone)
	}
	if p.LedgerFrom == "" {
		p.LedgerFrom = next
	}
	for ; !next.Due(c.Zone, c.CloseAfter).After(now); next = next.Plus(1) {
		p.Due = append(p.Due, next)
	}
	p.Next, p.NextDue = next, next.Due(c.Zone, c.CloseAfter)
	return p, nil
}

// Check refuses a first close that is longer than anybody is likely to mean.
func (p *Plan) Check(yes bool) error {
	if p.Last == nil && len(p.Due) > longFirstClose && !yes {
		return &LongFirstCloseError{First: p.Due[0], Last: p.Due[len(p.Due)-1]}
	}
	return nil
}

// Span gives the bounds of the days to be closed, half-open; at least one is due.
func (p *Plan) Span(zone *time.Location) (from, until time.Time) {
	days := p.spans(zone)
	return days[0].From, days[len(days)-1].Until
}

// spans gives the days to be closed with their bounds. The first begins where
// the one closed before it ended, so that no instant is in two days or in none,
// whatever has become of the zone's rules since.
func (p *Plan) spans(zone *time.Location) []ClosedDay {
	out := make([]ClosedDay, len(p.Due))
	from, sequence := p.LedgerFrom.Begin(zone), int64(0)
	if p.Last != nil {
		from, sequence = p.Last.Until, p.Last.Sequence
	}
	for i, day := range p.Due {
		_, until := day.Bounds(zone)
		if until.Before(from) {
			until = from
		}
		sequence++
		out[i] = ClosedDay{Day: day, From: from, Until: until, Sequence: sequence, Amounts: map[string]Sum{}}
		from = until
	}
	return out
}

// earliestEvent is the time of the earliest event of a lake.
func earliestEvent(state *lake.State) (time.Time, bool) {
	var first time.Time
	found := false
	for p, f := range state.Files {
		if !strings.HasPrefix(p, schemas.Events.Name+"/") || f.Rows == 0 {
			continue
		}
		t := time.UnixMicro(f.MinTime).UTC()
		if !found || t.Before(first) {
			first, found = t, true
		}
	}
	return first, found
}

// lastClosed is the newest day closed, or nil.
func lastClosed(state *lake.State) (*ClosedDay, error) {
	mark, ok := state.Latest[CloseKind]
	if !ok {
		return nil, nil
	}
	days, err := closedBy(mark.Seq, mark.Notes)
	if err != nil {
		return nil, err
	}
	return &days[len(days)-1], nil
}

// closedBy reads a close's note of its days.
func closedBy(seq int64, notes map[string]string) ([]ClosedDay, error) {
	var days []ClosedDay
	if err := json.Unmarshal([]byte(notes[noteDays]), &days); err != nil || len(days) == 0 {
		return nil, fmt.Errorf("commit %d: its note %s says nothing of the days that it closed: %q", seq, noteDays, notes[noteDays])
	}
	for i := range days {
		days[i].Close, days[i].Catalog = seq, notes[noteCatalog]
	}
	return days, nil
}

// ClosedDays lists the days closed from one on, in order: all, where it is
// empty. It reads the closes back from the newest as far as it has to.
func ClosedDays(l *lake.Lake, state *lake.State, since schemas.Day) ([]ClosedDay, error) {
	mark, ok := state.Latest[CloseKind]
	if !ok {
		return nil, nil
	}
	var out []ClosedDay
	seq, notes := mark.Seq, mark.Notes
	for {
		days, err := closedBy(seq, notes)
		if err != nil {
			return nil, err
		}
		out = append(days, out...)
		if notes[notePrevious] == "" || days[0].Day <= since {
			return slices.DeleteFunc(out, func(d ClosedDay) bool { return d.Day < since }), nil
		}
		if seq, notes, err = previous(l, seq, CloseKind, notes[notePrevious]); err != nil {
			return nil, err
		}
	}
}

// previous reads the notes of the commit of a kind that one names as the one
// before it.
func previous(l *lake.Lake, seq int64, kind, named string) (int64, map[string]string, error) {
	before, err := strconv.ParseInt(named, 10, 64)
	if err != nil || before >= seq {
		return 0, nil, fmt.Errorf("commit %d: the %s before it is %q", seq, kind, named)
	}
	r, _, err := l.ReadRecord(before)
	if err != nil {
		return 0, nil, err
	}
	if r.Kind != kind {
		return 0, nil, fmt.Errorf("commit %d: the %s before it is commit %d, which is of the kind %s", seq, kind, before, r.Kind)
	}
	return before, r.Notes, nil
}
