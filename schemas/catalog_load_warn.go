package schemas

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"pixledger/schemas/yamlfile"
)

// Warning is something in a catalog that is allowed and probably not meant.
type Warning struct {
	File         string // as the user named it
	Line, Column int    // from 1
	What         string // one line
}

// String gives the warning as one line: FILE:LINE:COLUMN: warning: what.
func (w Warning) String() string {
	return fmt.Sprintf("%s:%d:%d: warning: %s", w.File, w.Line, w.Column, w.What)
}

// warnings says, in file order, what will never attribute, at any time, or
// never be paid or delivered.
func (l *catalogLoader) warnings(file string) []Warning {
	w := warner{l: l, file: file, trackers: make(map[int64][]TrackerKind)}
	for i := range l.c.Trackers {
		t := &l.c.Trackers[i]
		w.trackers[t.LineItemID] = append(w.trackers[t.LineItemID], t.Kind)
	}
	for i := range l.c.LineItems {
		w.lineItem(&l.c.LineItems[i])
	}
	for i := range l.c.Trackers {
		w.tracker(&l.c.Trackers[i])
	}
	for i := range l.c.Pixels {
		w.pixel(&l.c.Pixels[i])
	}
	sortWarnings(w.out)
	return w.out
}

// sortWarnings puts warnings in file order; those on one spot keep theirs.
func sortWarnings(list []Warning) {
	slices.SortStableFunc(list, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

type warner struct {
	l        *catalogLoader
	file     string
	trackers map[int64][]TrackerKind // by line item
	out      []Warning
}

func (w *warner) warn(v yamlfile.Value, format string, args ...any) {
	line, column := v.Position()
	w.out = append(w.out, Warning{w.file, line, column, fmt.Sprintf(format, args...)})
}

// emptyPeriod warns of an active_until that is not after active_from.
func (w *warner) emptyPeriod(at yamlfile.Value, p Period, what, so string) bool {
	if p.isEmpty() {
		w.warn(at.Get("active_until"), "%s counts at no time: its active_until is not after its active_from%s", what, so)
	}
	return p.isEmpty()
}

func (w *warner) lineItem(i *LineItem) {
	c, at := w.l.c, w.l.at[i]
	if o := c.InsertionOrder(i.InsertionOrderID); o != nil && o.AdvertiserID != i.AdvertiserID {
		w.warn(at.Get("insertion_order_id"), "insertion order %d is another advertiser's than line item %d", o.ID, i.ID)
	}
	if i.State == Inactive {
		w.warn(at.Get("state"), "line item %d is inactive: its pixels never attribute to it, past conversions included", i.ID)
		return
	}
	if w.emptyPeriod(at, i.Period, fmt.Sprintf("line item %d", i.ID), "") {
		return
	}
	if len(i.Pixels) == 0 {
		w.warn(at, "line item %d has no pixels: it earns no conversion", i.ID)
		return
	}
	kinds := w.trackers[i.ID]
	if len(kinds) == 0 {
		w.warn(at, "line item %d has no trackers: no impression or click is known to be its own", i.ID)
	}
	for j := range i.Pixels {
		a := &i.Pixels[j]
		w.association(i, a, kinds)
	}
}

func (w *warner) association(i *LineItem, a *Association, kinds []TrackerKind) {
	at, p := w.l.at[a], w.l.c.Pixel(a.PixelID)
	if a.State == Inactive {
		w.warn(at.Get("state"), "the association of pixel %d with line item %d is inactive: it never attributes", a.PixelID, i.ID)
		return
	}
	if w.emptyPeriod(at, a.Period, fmt.Sprintf("the association of pixel %d with line item %d", a.PixelID, i.ID), "") {
		return
	}
	// A pixel's empty period is reported at the pixel.
	if _, ever := overlap(p.Period, i.Period, a.Period); !ever && !p.Period.isEmpty() {
		w.warn(at, "pixel %d, line item %d and their association never count at the same time", p.ID, i.ID)
	}
	w.rates(i, a)
	if len(kinds) == 0 {
		return
	}
	kind, since, only := lastTrigger(p, i.Period, a.Period)
	switch {
	case !only || slices.Contains(kinds, kind):
	case since == nil:
		w.warn(at.Get("pixel_id"), "pixel %d takes %ss only and line item %d has no %s tracker: nothing will be attributed to it", p.ID, kind, i.ID, kind)
	default:
		w.warn(at.Get("pixel_id"), "pixel %d takes %ss only from %s on and line item %d has no %s tracker: nothing will be attributed to it from then on",
			p.ID, kind, since.Format(time.RFC3339Nano), i.ID, kind)
	}
}

// rates warns of conversions that would be booked at 0 for want of a rate.
func (w *warner) rates(i *LineItem, a *Association) {
	at := w.l.at[a]
	if len(a.Rates) == 0 {
		w.warn(at, "pixel %d has no rates in line item %d: its conversions are booked at 0, marked rate_missing", a.PixelID, i.ID)
		return
	}
	for _, r := range at.Get("rates").Items() {
		click, view := money(r.Get("post_click_revenue")), money(r.Get("post_view_revenue"))
		if click == nil && view == nil {
			w.warn(r, "this rate gives no revenue: conversions are booked at 0, marked rate_missing")
		}
	}
}

// lastTrigger tells whether a pixel, attached for these periods, takes one kind
// of touch only in the end, which kind, and since when: nil is always. Entries
// of its settings from the end of the periods on change nothing.
func lastTrigger(p *Pixel, periods ...Period) (kind TrackerKind, since *time.Time, only bool) {
	counts, exists := overlap(append(periods, p.Period)...)
	if !exists {
		return "", nil, false
	}
	trigger := p.Base.TriggerType
	for i := range p.Changes {
		c := &p.Changes[i]
		if counts.Until != nil && !c.From.Before(*counts.Until) {
			break
		}
		if !c.Set.TriggerType || c.To.TriggerType == trigger {
			continue
		}
		trigger, since = c.To.TriggerType, nil
		if counts.From == nil || c.From.After(*counts.From) {
			since = &c.From
		}
	}
	switch trigger {
	case TriggerClick:
		return ClickTracker, since, true
	case TriggerView:
		return ImpressionTracker, since, true
	}
	return "", nil, false
}

// overlap gives the instants that all periods hold; false: there are none.
func overlap(periods ...Period) (Period, bool) {
	var all Period
	for _, p := range periods {
		if p.From != nil && (all.From == nil || p.From.After(*all.From)) {
			all.From = p.From
		}
		if p.Until != nil && (all.Until == nil || p.Until.Before(*all.Until)) {
			all.Until = p.Until
		}
	}
	return all, !all.isEmpty()
}

func (w *warner) tracker(t *Tracker) {
	c, at := w.l.c, w.l.at[t]
	if r := c.Creative(t.CreativeID); r != nil && r.LineItemID != 0 && r.LineItemID != t.LineItemID {
		w.warn(at.Get("creative_id"), "creative %d is of line item %d, tracker %d of line item %d", r.ID, r.LineItemID, t.ID, t.LineItemID)
	}
	if t.Kind == ClickTracker && t.LandingURL == "" {
		w.warn(at, "click tracker %d has no landing_url: the edge has nowhere to send a click without redir", t.ID)
	}
	if t.Kind == ImpressionTracker && t.LandingURL != "" {
		w.warn(at.Get("landing_url"), "tracker %d counts impressions: its landing_url is never used", t.ID)
	}
}

func (w *warner) pixel(p *Pixel) {
	at := w.l.at[p]
	w.neverAttributes(p, at)
	for _, s := range at.Get("settings").Items() {
		if _, set := settings(s); set == (SettingsKeys{}) {
			w.warn(s, "this entry of settings changes nothing")
		}
	}
	if !p.ImageCanPiggyback() {
		w.warn(at.Get("piggyback_pixels"), "an image pixel can't carry these piggybacks (it takes one, of type img): pixel %d can be exported as JavaScript only", p.ID)
	}
}

func (w *warner) neverAttributes(p *Pixel, at yamlfile.Value) {
	if p.State == Inactive {
		w.warn(at.Get("state"), "pixel %d is inactive and shows as Paused: it never attributes, past conversions included", p.ID)
		return
	}
	if w.emptyPeriod(at, p.Period, fmt.Sprintf("pixel %d", p.ID), "; it shows as Paused and will never attribute") {
		return
	}
	attached := w.l.c.Attachments(p.ID)
	if len(attached) == 0 {
		w.warn(at, "pixel %d is attached to no line item and shows as Paused: it will never attribute", p.ID)
		return
	}
	for _, a := range attached {
		_, ever := overlap(p.Period, a.LineItem.Period, a.Association.Period)
		if ever && a.LineItem.State != Inactive && a.Association.State != Inactive {
			return
		}
	}
	w.warn(at, "pixel %d has no line item that is active at any time and shows as Paused: it will never attribute", p.ID)
}

// ImageCanPiggyback tells whether an image pixel can carry the piggybacks: at
// most one, and an image.
func (p *Pixel) ImageCanPiggyback() bool {
	return len(p.Piggybacks) == 0 || len(p.Piggybacks) == 1 && p.Piggybacks[0].PixelType == "img"
}
