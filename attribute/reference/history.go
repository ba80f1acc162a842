package reference

import (
	"fmt"
	"slices"
	"strings"

	"pixledger/schemas"
)

// History is what happened to a ledger, in order. Its first step is a catalog.
type History struct {
	Name   string // the heading above the block that it was read from
	Config Config
	Steps  []Step
}

// Step is one thing that happened; one of the fields but Line is set.
type Step struct {
	Line    int              // in the document; 0: not read from one
	Events  []Event          // arrive, together
	Void    string           // a conversion that has arrived is declared not payable
	Credit  *Credit          // is granted
	Catalog *schemas.Catalog // is put in force
	Close   *Close           // is run
}

// ExpectedClosing is what a history says about one close.
type ExpectedClosing struct {
	Said    bool   // something is; then Entries are all that it books
	Refused string // why; empty: it is not
	NotDue  bool   // no day is due
	First   Day    // the days closed are First to Last; empty: not said
	Last    Day
	Entries []ExpectedEntry
}

// ExpectedEntry is what a history says about one entry. What is empty or nil
// is not said, but for Reverses: without it the entry is no reversal.
type ExpectedEntry struct {
	Booked         Day
	Kind           string
	ConversionID   string // empty on a credit
	Amount         schemas.Money
	Reverses       Day
	BusinessDay    Day // not said but on an adjustment: the day it is booked
	ConversionType string
	TouchID        *string
	LineItemID     *int64
	AdvertiserID   *int64
	PixelID        *int64
	Currency       string
	Reason         *string
}

// Run lets the whole history happen to a naive ledger and gives what each of
// its closes did.
func (h History) Run() []Closing {
	l := NewLedger(h.Config)
	var closings []Closing
	for _, s := range h.Steps {
		did := l.Take(s)
		if s.Close != nil {
			closings = append(closings, did)
		}
	}
	return closings
}

// Expecting gives the history that expects of its closes what they did.
func (h History) Expecting(closings []Closing) History {
	h.Steps = slices.Clone(h.Steps)
	n := 0
	for i, s := range h.Steps {
		if s.Close == nil {
			continue
		}
		c := *s.Close
		c.Expect = expectationOf(closings[n])
		h.Steps[i].Close = &c
		n++
	}
	return h
}

func expectationOf(c Closing) ExpectedClosing {
	x := ExpectedClosing{Said: true, Refused: c.Refused}
	if len(c.Days) > 0 {
		x.First, x.Last = c.Days[0], c.Days[len(c.Days)-1]
	} else {
		x.NotDue = c.Refused == ""
	}
	for _, e := range c.Entries {
		said := ExpectedEntry{
			Booked: e.Booked, Kind: e.Kind, ConversionID: text(e.ConversionID), Amount: e.Amount,
			BusinessDay: e.BusinessDay, ConversionType: text(e.ConversionType), TouchID: e.TouchID,
			LineItemID: &e.LineItemID, AdvertiserID: &e.AdvertiserID, PixelID: e.PixelID, Currency: e.Currency, Reason: e.Reason,
		}
		if e.Reverses != nil {
			said.Reverses = *e.Reverses
		}
		if e.Kind != Adjustment {
			said.BusinessDay = ""
		}
		x.Entries = append(x.Entries, said)
	}
	return x
}

// Check says in which way closings, one for each close of the history, are not
// what it expects; nil when they are.
func (h History) Check(closings []Closing) error {
	n := 0
	for _, s := range h.Steps {
		if s.Close == nil {
			continue
		}
		if n == len(closings) {
			return fmt.Errorf("%s: only %d closes were run", h.Name, n)
		}
		if wrong := s.Close.Expect.differs(closings[n]); wrong != "" {
			return fmt.Errorf("%s (line %d): the close of %s %s", h.Name, s.Line, formatTime(s.Close.Now), wrong)
		}
		n++
	}
	if n < len(closings) {
		return fmt.Errorf("%s: %d closes were run, the history has %d", h.Name, len(closings), n)
	}
	return nil
}

// differs says how a closing is not as expected; empty when it is.
func (x ExpectedClosing) differs(c Closing) string {
	if !x.Said {
		return ""
	}
	days := "closes no day"
	if len(c.Days) > 0 {
		days = fmt.Sprintf("closes %s to %s", c.Days[0], c.Days[len(c.Days)-1])
	}
	switch {
	case c.Refused != x.Refused:
		return fmt.Sprintf("is refused for %q, expected %q", c.Refused, x.Refused)
	case x.NotDue && len(c.Days) > 0:
		return days + ", expected none to be due"
	case !x.NotDue && x.Refused == "" && len(c.Days) == 0:
		return days
	case x.First != "" && (c.Days[0] != x.First || c.Days[len(c.Days)-1] != x.Last):
		return fmt.Sprintf("%s, expected %s to %s", days, x.First, x.Last)
	}
	left := slices.Clone(c.Entries)
	var wrong []string
	for _, e := range x.Entries {
		if i := slices.IndexFunc(left, e.fits); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			wrong = append(wrong, "- "+formatExpectedEntry(e))
		}
	}
	for _, e := range left {
		wrong = append(wrong, "+ "+FormatEntry(e))
	}
	if len(wrong) == 0 {
		return ""
	}
	return "books otherwise than expected (-):\n" + strings.Join(wrong, "\n")
}

func (x ExpectedEntry) fits(e Entry) bool {
	day := x.BusinessDay
	if day == "" && x.Kind != Adjustment {
		day = x.Booked
	}
	said := func(is, want *int64) bool { return want == nil || nullFirst(is, want) == 0 }
	saidText := func(is, want *string) bool { return want == nil || nullFirst(is, want) == 0 }
	var reverses Day
	if e.Reverses != nil {
		reverses = *e.Reverses
	}
	return e.Booked == x.Booked && e.Kind == x.Kind && text(e.ConversionID) == x.ConversionID && e.Amount == x.Amount &&
		reverses == x.Reverses && (day == "" || e.BusinessDay == day) &&
		(x.ConversionType == "" || text(e.ConversionType) == x.ConversionType) && (x.Currency == "" || e.Currency == x.Currency) &&
		said(&e.LineItemID, x.LineItemID) && said(&e.AdvertiserID, x.AdvertiserID) && said(e.PixelID, x.PixelID) &&
		saidText(e.TouchID, x.TouchID) && saidText(e.Reason, x.Reason)
}

// DiffEntries says which entries of got are not as in want, one line an entry,
// whatever their order; empty when both are the same. The words of an
// adjustment's reason do not matter, but that it has one does.
func DiffEntries(want, got []Entry) string {
	count := map[string]int{}
	for _, e := range want {
		count[compared(e)]++
	}
	for _, e := range got {
		count[compared(e)]--
	}
	var lines []string
	for line, n := range count {
		for range n {
			lines = append(lines, "- "+line+"\n")
		}
		for range -n {
			lines = append(lines, "+ "+line+"\n")
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[2:], b[2:]) })
	return strings.Join(lines, "")
}

func compared(e Entry) string {
	if e.Kind == Adjustment && text(e.Reason) != "" {
		e.Reason = new("stated")
	}
	return FormatEntry(e)
}
