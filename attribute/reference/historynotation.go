package reference

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixledger/schemas"
)

// Histories reads every block fenced as ```ledger from a Markdown file. An
// error names the file, the line and what is wrong there.
func Histories(path string) ([]History, error) {
	return readBlocks(path, "ledger", func(b block) (History, error) {
		h, err := parseHistory(b.text, path, b.line)
		h.Name = b.heading
		return h, err
	})
}

// ParseHistory reads one history in the notation of docs/ledger-examples.md:
// that of Parse, and what happens to a ledger. Errors begin with the line
// within the text.
func ParseHistory(text string) (History, error) { return parseHistory(text, "history", 1) }

func parseHistory(text, file string, start int) (History, error) {
	p := &historyParser{parser: parser{cat: emptyCatalog()}, history: History{Config: DefaultConfig()}, changing: true}
	p.history.Steps = []Step{{Line: start, Catalog: p.cat}}
	for i, line := range strings.Split(text, "\n") {
		p.line = start + i
		if err := p.statement(line); err != nil {
			return History{}, fmt.Errorf("%s:%d: %w", file, p.line, err)
		}
	}
	for _, s := range p.history.Steps {
		if s.Catalog != nil {
			finish(s.Catalog)
		}
	}
	return p.history, nil
}

// historyParser reads what happens; the parser within reads the catalog's
// entries into the catalog that is being described.
type historyParser struct {
	parser
	history  History
	line     int
	changing bool // entries of the catalog may stand here
	closed   bool // a close stands above
}

func (p *historyParser) statement(line string) error {
	w, err := split(line)
	if err != nil || len(w.plain) == 0 {
		return err
	}
	what := w.next("statement")
	switch what {
	case "time_zone", "close_after", "ledger_from", "adjust_days", "adjust_limit":
		p.config(what, w)
	case "catalog":
		p.catalog(w)
	case "close":
		p.close(w)
	case "void":
		p.void(w)
	case "credit":
		p.credit(w)
	case "expect":
		p.expect(w)
	default:
		if p.entry(what, w) {
			break
		}
		e, err := event(what, w)
		if err != nil {
			return fmt.Errorf("%w; allowed: an event (2026-03-10 12:00 click …), what happens (void, credit, catalog, close), expect, "+
				"the configuration (time_zone, close_after, ledger_from, adjust_days, adjust_limit) and the catalog's entries (pixel, line_item, …, remove)", err)
		}
		if last := &p.history.Steps[len(p.history.Steps)-1]; len(last.Events) > 0 {
			last.Events = append(last.Events, e)
		} else {
			p.step(Step{Events: []Event{e}})
		}
	}
	return w.done()
}

func (p *historyParser) step(s Step) {
	s.Line = p.line
	p.history.Steps = append(p.history.Steps, s)
}

// entry reads an entry of the catalog; false when what is none.
func (p *historyParser) entry(what string, w *words) bool {
	if what == "remove" {
		p.remove(w)
	} else if !p.catalogStatement(what, w) {
		return false
	}
	if !p.changing {
		w.fail("%s is of the catalog, which a close has used: put `catalog changed` above it", what)
	}
	return true
}

func (p *historyParser) config(what string, w *words) {
	if p.closed {
		w.fail("%s stands below a close; allowed: above the first one", what)
	}
	c, s := &p.history.Config, w.next(what)
	var err error
	switch what {
	case "time_zone":
		c.TimeZone = s
		if _, err = time.LoadLocation(s); err != nil || s == "" || s == "Local" {
			w.fail("time_zone %q is unknown; allowed: an IANA name such as Europe/Berlin or UTC", s)
		}
	case "close_after":
		if c.CloseAfter, err = time.ParseDuration(s); err != nil || c.CloseAfter < 0 {
			w.fail("close_after %q; allowed: a duration such as 4h or 30m", s)
		}
	case "ledger_from":
		c.LedgerFrom = w.day("ledger_from", s)
	case "adjust_days":
		if c.AdjustDays, err = strconv.Atoi(s); err != nil || c.AdjustDays < 0 {
			w.fail("adjust_days %q; allowed: a number of days from 0", s)
		}
	case "adjust_limit":
		if c.AdjustLimit = nil; s == "none" {
			return
		}
		number, percent := strings.CutSuffix(s, "%")
		limit, ok := schemas.ParseMoney(number)
		if !percent || !ok || limit < 0 {
			w.fail("adjust_limit %q; allowed: a percentage such as 10%%, or none", s)
		}
		c.AdjustLimit = &limit
	}
}

// catalog begins another catalog: the one in force, changed by the entries
// below, or a new one.
func (p *historyParser) catalog(w *words) {
	switch w.nextOf("catalog", "changed", "new") {
	case "changed":
		p.cat = copyCatalog(p.cat)
	case "new":
		p.cat = emptyCatalog()
	}
	p.changing = true
	p.step(Step{Catalog: p.cat})
}

func (p *historyParser) close(w *words) {
	date, clock := w.next("date"), w.next("time")
	now, err := parseTime(date + "T" + clock)
	if err != nil {
		w.fail("close %s %s; allowed: close 2026-03-11 06:00, in UTC", date, clock)
	}
	c := &Close{Now: now, AcceptAdjustments: w.textOr("accept_adjustments", "")}
	if len(w.plain) > 0 {
		c.Yes = w.nextOf("flag", "yes") == "yes"
	}
	p.changing, p.closed = false, true
	p.step(Step{Close: c})
}

func (p *historyParser) void(w *words) {
	conversion := w.next("conversion")
	for _, s := range p.history.Steps {
		for _, e := range s.Events {
			if e.Type == Conversion && e.EventID == conversion {
				p.step(Step{Void: conversion})
				return
			}
		}
	}
	w.fail("no conversion %s stands above", conversion)
}

func (p *historyParser) credit(w *words) {
	c := &Credit{Reason: w.textOr("reason", "agreed")}
	if l := p.lineItemOf(w); l != nil {
		c.LineItemID = l.ID
	}
	if amount := w.money("amount"); amount != nil {
		c.Amount = *amount
	} else {
		w.fail("amount= is missing")
	}
	p.step(Step{Credit: c})
}

// remove takes an entry out of the catalog.
func (p *historyParser) remove(w *words) {
	switch what := w.nextOf("entry", "pixel", "line_item", "tracker", "association", "rate", "settings"); what {
	case "pixel":
		n := w.nextID()
		p.cat.Pixels = without(w, named("pixel", n), p.cat.Pixels, func(e schemas.Pixel) bool { return e.ID == n })
	case "line_item":
		n := w.nextID()
		p.cat.LineItems = without(w, named("line_item", n), p.cat.LineItems, func(e schemas.LineItem) bool { return e.ID == n })
	case "tracker":
		n := w.nextID()
		p.cat.Trackers = without(w, named("tracker", n), p.cat.Trackers, func(e schemas.Tracker) bool { return e.ID == n })
	case "settings":
		n, from := w.nextID(), w.time("from")
		for i := range p.cat.Pixels {
			if x := &p.cat.Pixels[i]; x.ID == n {
				x.Changes = without(w, "settings from="+formatTime(from), x.Changes, func(c schemas.SettingsChange) bool { return c.From.Equal(from) })
				return
			}
		}
		w.fail("no pixel %d stands above", n)
	case "association", "rate":
		l, pixelID := p.lineItemOf(w), w.id("pixel")
		if l == nil {
			return
		}
		isMeant := func(a schemas.Association) bool { return a.PixelID == pixelID }
		if i := slices.IndexFunc(l.Pixels, isMeant); i >= 0 && what == "rate" {
			from, a := w.time("from"), &l.Pixels[i]
			a.Rates = without(w, "rate from="+formatTime(from), a.Rates, func(r schemas.Rate) bool { return r.From.Equal(from) })
			return
		}
		l.Pixels = without(w, fmt.Sprintf("association of line_item %d with pixel %d", l.ID, pixelID), l.Pixels, isMeant)
	}
}

// without gives a list without the entry that is meant.
func without[T any](w *words, what string, list []T, isMeant func(T) bool) []T {
	i := slices.IndexFunc(list, isMeant)
	if i < 0 {
		w.fail("no %s stands above", what)
		return list
	}
	return slices.Delete(list, i, i+1)
}

// expect reads what the close above does.
func (p *historyParser) expect(w *words) {
	c := p.history.Steps[len(p.history.Steps)-1].Close
	if c == nil {
		w.fail("expect stands below no close; allowed: right below the close that it is about")
		c = &Close{}
	}
	x := &c.Expect
	x.Said = true
	switch w.nextOf("expectation", "ledger", "closed", "refused", "not_due") {
	case "ledger":
		x.Entries = append(x.Entries, w.expectedEntry())
	case "closed":
		x.First = w.day("day", w.next("day"))
		x.Last = x.First
		if len(w.plain) > 0 {
			x.Last = w.day("day", w.next("day"))
		}
	case "refused":
		x.Refused = w.nextOf("refusal", RefusedLimit, RefusedYes)
	case "not_due":
		x.NotDue = true
	}
	if (x.Refused != "" || x.NotDue) && (len(x.Entries) > 0 || x.First != "") || x.Refused != "" && x.NotDue {
		w.fail("a close that is refused, or that no day is due for, closes and books nothing; allowed: one of refused, not_due, and closed with ledger")
	}
}

func (w *words) expectedEntry() ExpectedEntry {
	x := ExpectedEntry{Booked: w.day("booked", w.next("day")), Kind: w.nextOf("kind", Booking, Adjustment, CreditEntry)}
	if x.Kind != CreditEntry {
		x.ConversionID = w.next("conversion")
	}
	amount, ok := schemas.ParseMoney(w.next("amount"))
	if !ok {
		w.fail("the amount is no plain decimal number such as -12.50")
	}
	x.Amount = amount
	x.Reverses, x.BusinessDay = w.optionalDay("reverses"), w.optionalDay("day")
	if x.ConversionType = w.textOr("type", ""); x.ConversionType != "" {
		w.among("type", x.ConversionType, []string{PostClick, PostView})
	}
	x.TouchID, x.Currency, x.Reason = w.text("touch"), w.textOr("currency", ""), w.text("reason")
	x.LineItemID, x.AdvertiserID, x.PixelID = w.optionalID("line_item"), w.optionalID("advertiser"), w.optionalID("pixel")
	return x
}

func (w *words) day(what, s string) Day {
	d, ok := parseDay(s)
	if !ok {
		w.fail("%s %q; allowed: a day such as 2026-03-10", what, s)
	}
	return d
}

func (w *words) optionalDay(key string) Day {
	s := w.text(key)
	if s == nil {
		return ""
	}
	return w.day(key, *s)
}
