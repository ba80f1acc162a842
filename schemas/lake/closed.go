package lake

import "pixledger/schemas"

// CloseKind is the kind of the commits that close business days, and these are
// the notes by which others than the ledger know what is closed.
const (
	CloseKind      = "close"
	NoteLedgerFrom = "ledger_from" // the first day of the ledger
	NoteLastDay    = "last_day"    // the newest day closed
)

// ClosedDays gives the first and the newest business day that are closed; ok is
// false while none is.
func (s *State) ClosedDays() (first, last schemas.Day, ok bool) {
	notes := s.Latest[CloseKind].Notes
	first, last = schemas.Day(notes[NoteLedgerFrom]), schemas.Day(notes[NoteLastDay])
	return first, last, first != "" && last != ""
}
