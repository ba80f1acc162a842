package reference

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"pixledger/schemas"
)

// DrawHistory draws a history of up to eight closes over up to ten days, dense
// in edge cases: conversions beside the midnights of a zone whose clocks may
// change meanwhile, closes beside the moment when a day is due, lines that
// arrive late, catalogs that change, voids, credits, and sometimes a crowd that
// brings a change of its rate beside the limit.
//
// It draws nothing that the rules leave open: see sameDay and drawCredits.
func DrawHistory(t *rapid.T) History {
	c := drawCalendar(t)
	base := rapid.Custom(func(t *rapid.T) *schemas.Catalog { return drawCatalog(t, c.instant) }).Filter(c.couldEarn).Draw(t, "catalog")
	w := &world{cat: base, instant: c.instant}
	var events []Event
	for range pick(t, "conversions", 1, 8, 16, 10, 12, 14, 18, 4) {
		events = append(events, w.drawConversion(t))
	}
	for i := range events {
		events[i] = w.plainer(t, events[i])
		for range pick(t, "touches before "+events[i].EventID, 1, 2, 3, 4, 0, 3) {
			events = append(events, w.plainer(t, w.drawTouch(t, events[i])))
		}
		if !oneIn(t, 3, "no touch that earns it") {
			events = append(events, w.drawEarner(t, events[i])...)
		}
	}

	closes := c.drawCloses(t)
	h := History{Config: c.config}
	if !c.movesDays() {
		events = sameDay(events, c.zone)
	}
	arriving := arrivals(t, events, closes)
	if c.movesDays() {
		c.drawMoves(t, arriving)
	}
	if oneIn(t, 2, "crowd") {
		crowd := c.drawCrowd(t)
		at := arrival(t, crowd[len(crowd)-1], closes)
		arriving[at] = append(arriving[at], crowd...)
	}

	arriving = decidableArrivals(arriving)

	changes := false
	h.Steps = []Step{{Catalog: withCrowd(t, base)}}
	var arrived []string // conversions
	for i := range closes {
		if len(arriving[i]) > 0 {
			h.Steps = append(h.Steps, Step{Events: arriving[i]})
		}
		for _, e := range arriving[i] {
			if e.Type == Conversion {
				arrived = append(arrived, e.EventID)
			}
		}
		for len(arrived) > 0 && oneIn(t, 2, "void") {
			h.Steps = append(h.Steps, Step{Void: pick(t, "voided", arrived...)})
		}
		if oneIn(t, 2, "catalog changes") {
			changes = true
			if !oneIn(t, 3, "nothing but the crowd's rate") {
				base = changedCatalog(t, base, c.instant)
			}
			h.Steps = append(h.Steps, Step{Catalog: withCrowd(t, base)})
		}
		h.Steps = append(h.Steps, Step{Close: &closes[i]})
	}
	return drawCredits(t, h, changes)
}

// calendar is the days of a history.
type calendar struct {
	config    Config
	zone      *time.Location
	first     Day
	midnights []time.Time // the beginnings of first and the days after it
}

func drawCalendar(t *rapid.T) calendar {
	// The second day of those that change their clocks has 23 or 25 hours.
	place := pick(t, "zone and day", [2]string{"UTC", "2026-03-09"}, [2]string{"Asia/Kolkata", "2026-03-09"},
		[2]string{"Europe/Berlin", "2026-10-24"}, [2]string{"Europe/Berlin", "2026-03-28"},
		[2]string{"America/St_Johns", "2026-03-07"}, [2]string{"America/St_Johns", "2026-10-31"})
	zone, err := time.LoadLocation(place[0])
	if err != nil {
		panic(err)
	}
	c := calendar{config: DefaultConfig(), zone: zone, first: Day(place[1]).Plus(-rapid.IntRange(0, 2).Draw(t, "days before"))}
	for i := range rapid.IntRange(2, 10).Draw(t, "days") {
		c.midnights = append(c.midnights, endOf(c.first.Plus(i-1), zone))
	}
	c.config.TimeZone = place[0]
	c.config.CloseAfter = pick(t, "close_after", 4*time.Hour, 0, 30*time.Minute, 26*time.Hour)
	c.config.AdjustDays = pick(t, "adjust_days", 90, 90, 90, 3, 2, 90, 1, 0)
	limit := pick(t, "adjust_limit", "10", "10", "none", "0", "100", "10.000001")
	if c.config.AdjustLimit = nil; limit != "none" {
		m, _ := schemas.ParseMoney(limit)
		c.config.AdjustLimit = &m
	}
	return c
}

// instant draws a moment beside midnight.
func (c calendar) instant(t *rapid.T, label string) time.Time {
	minutes := pick(t, label, 60, 0, 0, 0, -1, 1, -2, 2, 3, -3, -5, 5, 7, 720)
	midnight := c.midnights[rapid.IntRange(0, len(c.midnights)-1).Draw(t, "day")]
	return midnight.Add(time.Duration(minutes)*time.Minute + beside(t))
}

// plainer mostly makes an event one that could be attributed: what matters in
// a history is what becomes of bookings.
func (w *world) plainer(t *rapid.T, e Event) Event {
	if oneIn(t, 3, "anything") {
		return e
	}
	e.InvalidReason = nil
	if e.Consent == "denied" {
		e.Consent, e.UserID = "unknown", new("u1")
	}
	if e.Type == Conversion && pixelOf(w.cat, e) == nil {
		e.PixelID = &w.cat.Pixels[0].ID
	}
	if e.Type == Conversion && text(e.UserID) == "" && text(e.SSPData) == "" {
		e.UserID = drawUser(t)
	}
	return e
}

// drawEarner gives a touch that earns the conversion unless another wins; none
// where there is no pixel.
func (w *world) drawEarner(t *rapid.T, c Event) []Event {
	p := pixelOf(w.cat, c)
	if p == nil {
		return nil
	}
	s := settingsOf(p, c.EventTime)
	e := Event{
		Type: Click, EventID: w.eventID(t, "t", "T"), TrackerID: w.drawTrackerOf(t, c), Consent: "unknown",
		UserID: c.UserID, Token: c.SSPData, SourceOffset: drawOffset(t), SourceID: defaultSource,
	}
	window := s.click
	if s.trigger == schemas.TriggerView || s.trigger == schemas.TriggerHybrid && rapid.Bool().Draw(t, "by a view") {
		e.Type, window = Impression, s.view
	}
	e.EventTime = c.EventTime.Add(-pick(t, "age", time.Minute, 0, min(window, 10*time.Minute), 30*time.Second))
	w.drawn = append(w.drawn, e)
	return []Event{e}
}

// couldEarn tells whether every pixel has a tracker that could earn it.
func (c calendar) couldEarn(cat *schemas.Catalog) bool {
	for _, p := range cat.Pixels {
		earns := func(r schemas.Tracker) bool { return associated(cat, r.LineItemID, p.ID, c.midnights[0]) }
		if !counts(p.State, p.Period, c.midnights[0]) || !slices.ContainsFunc(cat.Trackers, earns) {
			return false
		}
	}
	return true
}

// drawCloses draws closes, in order of time, mostly of days that are just due,
// and where the ledger begins.
func (c *calendar) drawCloses(t *rapid.T) []Close {
	var closes []Close
	for due := 0; due < len(c.midnights) && len(closes) < 8; due += pick(t, "days later", 1, 1, 1, 2, 0, 3) {
		wait := c.config.CloseAfter + pick(t, "close after due", 0, 0, time.Hour, -time.Microsecond, time.Microsecond, 5*time.Hour)
		closes = append(closes, Close{
			Now: endOf(c.first.Plus(due), c.zone).Add(wait), Yes: oneIn(t, 3, "yes"),
			AcceptAdjustments: pick(t, "accepted by", "", "", "", "", "finance", ""),
		})
	}
	slices.SortStableFunc(closes, func(a, b Close) int { return a.Now.Compare(b.Now) })
	newest := dayOf(closes[0].Now.Add(-c.config.CloseAfter), c.zone).Plus(-1)
	c.config.LedgerFrom = pick(t, "ledger_from", c.first.Plus(-1), c.first.Plus(-1), c.first, c.first.Plus(1), "", newest.Plus(-34), newest.Plus(-35))
	return closes
}

// movesDays tells whether lines of one conversion may lie on different days.
func (c calendar) movesDays() bool {
	return c.config.AdjustDays == 90 && c.config.LedgerFrom != "" && c.config.LedgerFrom < c.first
}

// sameDay drops the lines of a conversion that are of another day than the one
// drawn first. A line that arrives late and is earlier moves its conversion to
// another day, and where that is one that the ledger does not adjust, or does
// not have, the rules do not say what becomes of the entry.
func sameDay(events []Event, zone *time.Location) []Event {
	days := map[string]Day{}
	return slices.DeleteFunc(events, func(e Event) bool {
		if e.Type != Conversion {
			return false
		}
		day := dayOf(e.EventTime, zone)
		if days[e.EventID] == "" {
			days[e.EventID] = day
		}
		return days[e.EventID] != day
	})
}

// drawMoves lets lines arrive that move a conversion, mostly across the last
// midnight before it.
func (c calendar) drawMoves(t *rapid.T, arriving [][]Event) {
	for i := range arriving {
		for _, e := range arriving[i] {
			if e.Type == Conversion && oneIn(t, 3, "moved") {
				if oneIn(t, 3, "anywhere") {
					e.EventTime = c.instant(t, "moved to")
				} else {
					e.EventTime = endOf(dayOf(e.EventTime, c.zone).Plus(-1), c.zone).Add(-time.Microsecond)
				}
				if dayOf(e.EventTime, c.zone) < c.config.LedgerFrom {
					continue
				}
				later := min(i+pick(t, "closes later", 1, 2, 0, 3), len(arriving)-1)
				arriving[later] = append(arriving[later], e)
			}
		}
	}
}

// arrivals gives what arrives before each close.
func arrivals(t *rapid.T, events []Event, closes []Close) [][]Event {
	arriving := make([][]Event, len(closes))
	for _, e := range events {
		at := arrival(t, e, closes)
		arriving[at] = append(arriving[at], e)
	}
	return arriving
}

// arrival draws the close before which an event arrives: mostly the first one
// after it happened.
func arrival(t *rapid.T, e Event, closes []Close) int {
	at := slices.IndexFunc(closes, func(c Close) bool { return c.Now.After(e.EventTime) })
	if at < 0 {
		at = len(closes)
	}
	return min(at+pick(t, "closes late", 0, 0, 0, 0, 1, 1, 2, 3), len(closes)-1)
}

// decidableArrivals is decidable over all that arrives.
func decidableArrivals(arriving [][]Event) [][]Event {
	var kept []Event
	for i := range arriving {
		var left []Event
		for _, e := range arriving[i] {
			if !slices.ContainsFunc(kept, func(k Event) bool { return undecidable(k, e) }) {
				kept, left = append(kept, e), append(left, e)
			}
		}
		arriving[i] = left
	}
	return arriving
}

// The crowd's place in the catalog, in a currency of its own.
const (
	crowdAdvertiser = 70
	crowdID         = 700 // of its pixel, line item and tracker
)

// withCrowd gives the catalog with the crowd's entries and a rate for them.
func withCrowd(t *rapid.T, cat *schemas.Catalog) *schemas.Catalog {
	cat = copyCatalog(cat)
	rate := pick(t, "crowd's rate", schemas.Money(10_000_000), 11_000_000, 11_000_001, 10_000_000, 9_000_000, 999_999_999_999_999_999)
	cat.Advertisers = append(cat.Advertisers, advertiser(crowdAdvertiser, "CHF"))
	cat.Pixels = append(cat.Pixels, schemas.Pixel{ID: crowdID, Name: named("Pixel", crowdID), AdvertiserID: crowdAdvertiser, State: schemas.Active,
		Base: schemas.PixelSettings{TriggerType: schemas.TriggerHybrid, PostViewExpireMins: 5, PostClickExpireMins: 5, MinMinutesPerConv: new(int64(0))}})
	cat.LineItems = append(cat.LineItems, schemas.LineItem{ID: crowdID, Name: named("Line item", crowdID), AdvertiserID: crowdAdvertiser, State: schemas.Active,
		Pixels: []schemas.Association{{PixelID: crowdID, State: schemas.Active,
			Rates: []schemas.Rate{{From: beginning.AddDate(0, -6, 0), PostClickRevenue: &rate}}}}})
	cat.Trackers = append(cat.Trackers, schemas.Tracker{ID: crowdID, Kind: schemas.ClickTracker, LineItemID: crowdID})
	cat.Digest = digestOf(cat)
	return cat
}

// drawCrowd draws about as many conversions as a close may change whatever
// their money, and the clicks that earned them.
func (c calendar) drawCrowd(t *rapid.T) []Event {
	at := c.instant(t, "crowd")
	var crowd []Event
	for i := range pick(t, "in the crowd", 21, 22, 20) {
		e := Event{
			Type: Click, EventID: fmt.Sprintf("y%02d", i), EventTime: at.Add(-time.Minute), UserID: new(fmt.Sprintf("v%02d", i)),
			TrackerID: new(int64(crowdID)), Consent: "unknown", SourceID: defaultSource,
		}
		crowd = append(crowd, e)
		e.Type, e.EventID, e.EventTime, e.TrackerID, e.PixelID = Conversion, fmt.Sprintf("x%02d", i), at, nil, new(int64(crowdID))
		crowd = append(crowd, e)
	}
	return crowd
}

// drawCredits grants some credits. Where the catalog changes they are of the
// crowd's line item, which does not: the rules do not say whether advertiser
// and currency are those of the granting or of the booking.
func drawCredits(t *rapid.T, h History, changes bool) History {
	items := []int64{crowdID}
	if !changes {
		for _, l := range h.Steps[0].Catalog.LineItems {
			items = append(items, l.ID)
		}
	}
	var steps []Step
	for _, s := range h.Steps {
		if s.Close != nil && oneIn(t, 5, "credit") {
			steps = append(steps, Step{Credit: &Credit{
				LineItemID: pick(t, "credit for", items...),
				Amount:     pick(t, "credit", schemas.Money(-25_000_000), 10_500_000, 0, -1, 999_999_999_999_999_999),
				Reason:     pick(t, "credit's reason", "agreed", "make good, March"),
			}})
		}
		steps = append(steps, s)
	}
	h.Steps = steps
	return h
}
