package lake

import (
	"fmt"
	"time"
)

// Gap is a loss of lines that was detected and can't be mended by reading on: a
// log is gone, or cut, after the position up to which it was read. What it held
// is not known; it may have been nothing.
type Gap struct {
	ID       string    `json:"id"`
	Source   string    `json:"source"`    // its name
	SourceID string    `json:"source_id"` // of the file; empty of a silent source
	Path     string    `json:"path"`      // that the file was last read by
	Reason   GapReason `json:"reason"`
	Position int64     `json:"position"` // up to which the file was read
	// From and To bound when the lost lines were written: from the last line
	// read to the detection. Of a silent source they are the day.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Healed is when the file that turned up was read; zero while the gap is open.
	Healed time.Time `json:"healed,omitzero"`
}

// Acceptance says that somebody answers for what a gap has lost: days that it
// touches may be closed. A silent source's gap is in no record, so an
// acceptance may name one that the state does not hold.
type Acceptance struct {
	GapID string    `json:"gap"`
	By    string    `json:"by"`
	At    time.Time `json:"at"` // UTC
}

// GapReason is how lines were lost.
type GapReason string

// The reasons.
const (
	GapDeleted   GapReason = "deleted"   // the log is gone
	GapTruncated GapReason = "truncated" // it was cut, and no copy of it goes on
	GapLost      GapReason = "lost"      // it was rotated away, and is not among the rotated files
	GapSilent    GapReason = "silent"    // a busy source gave no line for a whole day
)

// GapReasons are all reasons of a source.
var GapReasons = []GapReason{GapDeleted, GapTruncated, GapLost, GapSilent}

// NewGapID gives the id of a gap, which is the same for whoever detects it.
// mark is the position in the file, or a silent source's day.
func NewGapID(reason GapReason, of, mark string) string {
	return "g" + hashHex(fmt.Appendf(nil, "%s\x00%s\x00%s", reason, of, mark))[:12]
}

// Open tells whether nothing of what was lost has turned up.
func (g *Gap) Open() bool { return g.Healed.IsZero() }

// Days are the UTC dates (YYYY-MM-DD) that the gap touches.
func (g *Gap) Days() []string {
	var days []string
	last := g.To.UTC().Format(time.DateOnly)
	for t := g.From.UTC().Truncate(24 * time.Hour); ; t = t.AddDate(0, 0, 1) {
		day := t.Format(time.DateOnly)
		if day > last {
			return days
		}
		days = append(days, day)
	}
}
