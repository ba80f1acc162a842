package reference

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"pixledger/schemas"
)

// World draws a small world that is dense in edge cases: a catalog that
// LoadCatalog would accept, events in no order, and voids. Conversions and
// changes of the catalog share a few minutes, and touches are placed at ages
// taken from the windows, so that every boundary is met exactly, and missed by
// a microsecond to either side.
//
// Every choice is an index into a short table whose first entry is the plain
// case, so that a failing world shrinks to a readable one: print it with Format.
func World(t *rapid.T) (*schemas.Catalog, []Event, []string) {
	cat := drawCatalog(t, minute)
	w := &world{cat: cat, instant: minute}
	conversions := rapid.SliceOfN(rapid.Custom(w.drawConversion), 1, 14).Draw(t, "conversions")
	events := slices.Clone(conversions)
	for _, c := range conversions {
		touches := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Event { return w.drawTouch(t, c) }), 0, 5)
		events = append(events, touches.Draw(t, "touches before "+c.EventID)...)
	}
	events = decidable(events)
	if rapid.Bool().Draw(t, "arrival reversed") {
		slices.Reverse(events)
	}
	return cat, events, drawVoids(t, conversions)
}

// beginning is the moment that a world's minutes count from.
var beginning = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// Ids beyond 2^53: a neighbour is the same number to whoever goes through a
// float.
const (
	hugeID          = 9_007_199_254_740_993
	hugeIDNeighbour = 9_007_199_254_740_992
)

const memberID = 958

var (
	viewWindows  = []int64{5, 1, 2, 10, schemas.MaxViewMinutes}
	clickWindows = []int64{7, 1, 3, 10, schemas.MaxClickMinutes}
	// Each window of the kind, its neighbourhood and the time after.
	viewAges  = []int64{0, 1, 2, 5, 1, 3, 4, 6, 10, schemas.MaxViewMinutes, 2, schemas.MaxViewMinutes, -1, 0, 1}
	clickAges = []int64{0, 1, 2, 7, 1, 3, 4, 8, 10, schemas.MaxClickMinutes, 2, schemas.MaxClickMinutes, -1, 0, 1}
)

// pick chooses from a table. Entries given several times are likelier; the
// first is what a shrinking world tends to.
func pick[T any](t *rapid.T, label string, table ...T) T {
	return table[rapid.IntRange(0, len(table)-1).Draw(t, label)]
}

// oneIn is true once in about n times; a shrinking world tends to false.
func oneIn(t *rapid.T, n int, label string) bool {
	return rapid.IntRange(0, n-1).Draw(t, label) == n/2
}

// instants draws the moments that matter: of conversions, and of what is so in
// the catalog from a time on.
type instants func(t *rapid.T, label string) time.Time

// minute draws an instant in the minutes where everything happens, sometimes a
// microsecond beside the full minute.
func minute(t *rapid.T, label string) time.Time {
	m := rapid.IntRange(0, 12).Draw(t, label)
	return beginning.Add(time.Duration(m)*time.Minute + beside(t))
}

func beside(t *rapid.T) time.Duration {
	return pick(t, "beside", 0, 0, 0, 0, 0, 0, time.Microsecond, -time.Microsecond)
}

func drawState(t *rapid.T) schemas.State {
	if oneIn(t, 40, "inactive") {
		return schemas.Inactive
	}
	return schemas.Active
}

func drawPeriod(t *rapid.T, at instants) schemas.Period {
	var p schemas.Period
	if !oneIn(t, 10, "bounded") {
		return p
	}
	from, until := at(t, "active from"), at(t, "active until")
	switch pick(t, "bounds", "until", "from", "both") {
	case "until":
		p.Until = &until
	case "from":
		p.From = &from
	case "both":
		if from.Before(until) {
			p.From, p.Until = &from, &until
		}
	}
	return p
}

func drawCatalog(t *rapid.T, at instants) *schemas.Catalog {
	cat := &schemas.Catalog{
		Version:    1,
		MemberID:   memberID,
		Currency:   "USD",
		Publishers: []schemas.Publisher{{ID: 31, Name: "Publisher 31"}, {ID: 32, Name: "Publisher 32"}},
	}
	cat.Advertisers = []schemas.Advertiser{{ID: 7, Name: "Advertiser 7", Currency: "USD"}}
	if oneIn(t, 3, "second advertiser") {
		cat.Advertisers = append(cat.Advertisers, schemas.Advertiser{ID: 8, Name: "Advertiser 8", Currency: "EUR"})
	}
	cat.Pixels = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) schemas.Pixel {
		return drawPixel(t, cat, at)
	}), 1, 3).Draw(t, "pixels")
	for i := range cat.Pixels {
		cat.Pixels[i].ID = []int64{9012, 31, hugeID}[i]
		cat.Pixels[i].Name = named("Pixel", cat.Pixels[i].ID)
		if cat.Pixels[i].Code != "" {
			cat.Pixels[i].Code = []string{"checkout", "Checkout", "lead"}[i]
		}
	}
	cat.LineItems = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) schemas.LineItem {
		return drawLineItem(t, cat, at)
	}), 1, 4).Draw(t, "line items")
	for i := range cat.LineItems {
		cat.LineItems[i].ID = []int64{382, 31, 9012, hugeID + 2}[i]
		cat.LineItems[i].Name = named("Line item", cat.LineItems[i].ID)
		creativeID := 5001 + int64(i)
		cat.Creatives = append(cat.Creatives, schemas.Creative{ID: creativeID, LineItemID: cat.LineItems[i].ID, Name: named("Creative", creativeID)})
	}
	cat.Trackers = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) schemas.Tracker {
		return drawTracker(t, cat)
	}), 1, 5).Draw(t, "trackers")
	for i := range cat.Trackers {
		cat.Trackers[i].ID = []int64{2766, 382, 21378, 9012, hugeID}[i]
	}
	cat.Digest = digestOf(cat)
	return cat
}

func drawPixel(t *rapid.T, cat *schemas.Catalog, at instants) schemas.Pixel {
	p := schemas.Pixel{
		AdvertiserID: drawAdvertiser(t, cat),
		Code:         pick(t, "code", "coded", "coded", ""),
		State:        drawState(t),
		Period:       drawPeriod(t, at),
		Base:         drawSettings(t),
	}
	changes := rapid.SliceOfNDistinct(rapid.Custom(at.drawChange), 0, 3, func(c schemas.SettingsChange) time.Time { return c.From }).Draw(t, "changes")
	slices.SortFunc(changes, func(a, b schemas.SettingsChange) int { return a.From.Compare(b.From) })
	if len(changes) > 0 {
		p.Changes = changes
	}
	return p
}

func drawAdvertiser(t *rapid.T, cat *schemas.Catalog) int64 {
	return cat.Advertisers[rapid.IntRange(0, len(cat.Advertisers)-1).Draw(t, "advertiser")].ID
}

func drawSettings(t *rapid.T) schemas.PixelSettings {
	return schemas.PixelSettings{
		TriggerType:         pick(t, "trigger", schemas.TriggerHybrid, schemas.TriggerHybrid, schemas.TriggerHybrid, schemas.TriggerClick, schemas.TriggerView, schemas.TriggerHybrid),
		PostViewExpireMins:  pick(t, "view window", viewWindows...),
		PostClickExpireMins: pick(t, "click window", clickWindows...),
		MinMinutesPerConv:   pick(t, "minutes per conversion", new(int64(0)), nil, nil, new(int64(2)), new(int64(1)), new(int64(5))),
		UniqueOrderID:       pick(t, "unique orders", true, true, false),
	}
}

func (at instants) drawChange(t *rapid.T) schemas.SettingsChange {
	c := schemas.SettingsChange{From: at(t, "change from")}
	drawn := drawSettings(t)
	switch pick(t, "what changes", "trigger", "view", "click", "repeats", "orders", "all") {
	case "trigger":
		c.Set.TriggerType, c.To.TriggerType = true, drawn.TriggerType
	case "view":
		c.Set.PostViewExpireMins, c.To.PostViewExpireMins = true, drawn.PostViewExpireMins
	case "click":
		c.Set.PostClickExpireMins, c.To.PostClickExpireMins = true, drawn.PostClickExpireMins
	case "repeats":
		c.Set.MinMinutesPerConv, c.To.MinMinutesPerConv = true, drawn.MinMinutesPerConv
	case "orders":
		c.Set.UniqueOrderID, c.To.UniqueOrderID = true, drawn.UniqueOrderID
	case "all":
		c.Set, c.To = schemas.SettingsKeys{TriggerType: true, PostViewExpireMins: true, PostClickExpireMins: true, MinMinutesPerConv: true, UniqueOrderID: true}, drawn
	}
	return c
}

func drawLineItem(t *rapid.T, cat *schemas.Catalog, at instants) schemas.LineItem {
	l := schemas.LineItem{
		// A pixel's advertiser, so that a pixel without a line item is rare.
		AdvertiserID: cat.Pixels[rapid.IntRange(0, len(cat.Pixels)-1).Draw(t, "for pixel")].AdvertiserID,
		State:        drawState(t),
		Period:       drawPeriod(t, at),
	}
	for _, p := range cat.Pixels {
		if p.AdvertiserID != l.AdvertiserID || oneIn(t, 10, "not attached") {
			continue
		}
		a := schemas.Association{PixelID: p.ID, State: drawState(t), Period: drawPeriod(t, at)}
		rates := rapid.SliceOfNDistinct(rapid.Custom(at.drawRate), 0, 3, func(r schemas.Rate) time.Time { return r.From }).Draw(t, "rates")
		a.Rates = append(a.Rates, rates...)
		l.Pixels = append(l.Pixels, a)
	}
	return l
}

func (at instants) drawRate(t *rapid.T) schemas.Rate {
	r := schemas.Rate{From: beginning.AddDate(0, -6, 0)}
	if rapid.Bool().Draw(t, "rate changes") {
		r.From = at(t, "rate from")
	}
	figure := func(label string) *schemas.Money {
		return pick(t, label, new(schemas.Money(12_500_000)), new(schemas.Money(2_000_000)), new(schemas.Money(0)),
			new(schemas.Money(1)), new(schemas.Money(999_999_999_999_999_999)), nil)
	}
	r.PostClickRevenue, r.PostViewRevenue = figure("post click revenue"), figure("post view revenue")
	return r
}

func drawTracker(t *rapid.T, cat *schemas.Catalog) schemas.Tracker {
	i := rapid.IntRange(0, len(cat.LineItems)-1).Draw(t, "line item")
	return schemas.Tracker{
		Kind:        pick(t, "tracker kind", schemas.ImpressionTracker, schemas.ClickTracker),
		LineItemID:  cat.LineItems[i].ID,
		CreativeID:  pick(t, "creative", 0, cat.Creatives[i].ID),
		PublisherID: pick(t, "publisher", int64(0), 31, 32),
	}
}

func drawVoids(t *rapid.T, conversions []Event) []string {
	var ids []string
	for _, c := range conversions {
		if oneIn(t, 8, "voided") {
			ids = append(ids, c.EventID)
		}
	}
	if oneIn(t, 10, "void of no conversion") {
		ids = append(ids, "nothing")
	}
	return ids
}

// decidable drops lines that only an order of arrival could tell apart: lines
// of one conversion equal in every column that the rule compares and unequal
// beside, and touches equal in everything that step 8 compares but their user.
// An edge writes no such lines, and the rules do not say which counts.
func decidable(events []Event) []Event {
	var kept []Event
	for _, e := range events {
		if !slices.ContainsFunc(kept, func(k Event) bool { return undecidable(k, e) }) {
			kept = append(kept, e)
		}
	}
	return kept
}

func undecidable(a, b Event) bool {
	if a.Type != b.Type || a.EventID != b.EventID || a.SourceOffset != b.SourceOffset || !a.EventTime.Equal(b.EventTime) {
		return false
	}
	if a.Type != Conversion {
		return nullFirst(a.TrackerID, b.TrackerID) == 0 && nullFirst(a.UserID, b.UserID) != 0
	}
	same := nullFirst(a.OrderID, b.OrderID) == 0 && nullFirst(a.UserID, b.UserID) == 0 &&
		nullFirst(a.ValueText, b.ValueText) == 0 && nullFirst(a.PixelID, b.PixelID) == 0 &&
		nullFirst(a.PixelCode, b.PixelCode) == 0 && nullFirst(a.SSPData, b.SSPData) == 0 && nullFirst(a.Other, b.Other) == 0
	return same && compareLines(a, b) != 0
}
