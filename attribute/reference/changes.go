package reference

import (
	"slices"

	"pgregory.net/rapid"

	"pixledger/schemas"
)

// ChangedCatalog draws a catalog that differs from cat, a world's, in one to
// three things that could change decisions. It shares nothing with cat, is one
// that LoadCatalog would accept, and has a digest of its own.
func ChangedCatalog(t *rapid.T, cat *schemas.Catalog) *schemas.Catalog {
	return changedCatalog(t, cat, minute)
}

// changedCatalog takes the instants from which something is so from instant.
func changedCatalog(t *rapid.T, cat *schemas.Catalog, instant instants) *schemas.Catalog {
	c := &change{cat: copyCatalog(cat), instant: instant}
	for range rapid.IntRange(1, 3).Draw(t, "how many changes") {
		kind := pick(t, "what changes in the catalog", "a rate", "a rate", "the settings", "settings from a time on", "a pixel's state",
			"a line item's state", "an association's state", "a tracker's line item", "a tracker gone", "a new tracker", "a new pixel",
			"a pixel gone", "a new association", "an association gone", "a line item gone", "a code", "a currency", "an advertiser")
		catalogChanges[kind](c, t)
	}
	if digestOf(c.cat) == digestOf(cat) {
		// A change that decides nothing is one too.
		n := freeID(33, c.cat.Publishers, func(p schemas.Publisher) int64 { return p.ID })
		c.cat.Publishers = append(c.cat.Publishers, schemas.Publisher{ID: n, Name: named("Publisher", n)})
	}
	tidy(c.cat)
	c.cat.Digest = digestOf(c.cat)
	return c.cat
}

// tidy makes lists that became empty what Parse makes of them.
func tidy(cat *schemas.Catalog) {
	cat.LineItems, cat.Creatives, cat.Trackers, cat.Pixels = orNil(cat.LineItems), orNil(cat.Creatives), orNil(cat.Trackers), orNil(cat.Pixels)
	for i := range cat.Pixels {
		cat.Pixels[i].Changes = orNil(cat.Pixels[i].Changes)
	}
	for i := range cat.LineItems {
		cat.LineItems[i].Pixels = orNil(cat.LineItems[i].Pixels)
		for k := range cat.LineItems[i].Pixels {
			cat.LineItems[i].Pixels[k].Rates = orNil(cat.LineItems[i].Pixels[k].Rates)
		}
	}
}

func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

type change struct {
	cat     *schemas.Catalog
	instant instants
}

// catalogChanges are the ways to change a catalog. Where there is nothing of
// the kind to change, nothing is changed.
var catalogChanges = map[string]func(*change, *rapid.T){
	"a rate":                  (*change).rate,
	"the settings":            (*change).settings,
	"settings from a time on": (*change).dated,
	"a pixel's state": func(c *change, t *rapid.T) {
		if p := one(t, "pixel", c.cat.Pixels); p != nil {
			c.bounds(t, &p.State, &p.Period)
		}
	},
	"a line item's state": func(c *change, t *rapid.T) {
		if l := one(t, "line item", c.cat.LineItems); l != nil {
			c.bounds(t, &l.State, &l.Period)
		}
	},
	"an association's state": func(c *change, t *rapid.T) {
		if a := c.association(t); a != nil {
			c.bounds(t, &a.State, &a.Period)
		}
	},
	"a tracker's line item": (*change).moveTracker,
	"a tracker gone": func(c *change, t *rapid.T) {
		if r := one(t, "tracker", c.cat.Trackers); r != nil {
			n := r.ID
			c.cat.Trackers = slices.DeleteFunc(c.cat.Trackers, func(r schemas.Tracker) bool { return r.ID == n })
		}
	},
	"a new tracker":     (*change).addTracker,
	"a new pixel":       (*change).addPixel,
	"a pixel gone":      (*change).removePixel,
	"a new association": (*change).associate,
	"an association gone": func(c *change, t *rapid.T) {
		if l := one(t, "line item", c.cat.LineItems); l != nil && len(l.Pixels) > 0 {
			i := rapid.IntRange(0, len(l.Pixels)-1).Draw(t, "association")
			l.Pixels = slices.Delete(l.Pixels, i, i+1)
		}
	},
	"a line item gone": (*change).removeLineItem,
	"a code":           (*change).moveCode,
	"a currency": func(c *change, t *rapid.T) {
		if a := one(t, "advertiser", c.cat.Advertisers); a != nil {
			a.Currency = pick(t, "currency", "EUR", "USD", "JPY")
		}
	},
	"an advertiser": (*change).moveAdvertiser,
}

// one chooses an entry of a list; nil when it has none.
func one[T any](t *rapid.T, label string, list []T) *T {
	if len(list) == 0 {
		return nil
	}
	return &list[rapid.IntRange(0, len(list)-1).Draw(t, "which "+label)]
}

// freeID gives the first id from n on that a list does not have.
func freeID[T any](n int64, list []T, idOf func(T) int64) int64 {
	for slices.ContainsFunc(list, func(e T) bool { return idOf(e) == n }) {
		n++
	}
	return n
}

func (c *change) association(t *rapid.T) *schemas.Association {
	var all []*schemas.Association
	for i := range c.cat.LineItems {
		for k := range c.cat.LineItems[i].Pixels {
			all = append(all, &c.cat.LineItems[i].Pixels[k])
		}
	}
	if a := one(t, "association", all); a != nil {
		return *a
	}
	return nil
}

func (c *change) rate(t *rapid.T) {
	a := c.association(t)
	if a == nil {
		return
	}
	drawn := c.instant.drawRate(t)
	switch pick(t, "rate", "another figure", "a new entry", "gone") {
	case "another figure":
		if r := one(t, "rate", a.Rates); r != nil {
			r.PostClickRevenue, r.PostViewRevenue = drawn.PostClickRevenue, drawn.PostViewRevenue
		}
	case "a new entry":
		drawn.From = c.instant(t, "rate from")
		if !slices.ContainsFunc(a.Rates, func(r schemas.Rate) bool { return r.From.Equal(drawn.From) }) {
			a.Rates = append(a.Rates, drawn)
		}
	case "gone":
		if len(a.Rates) > 0 {
			i := rapid.IntRange(0, len(a.Rates)-1).Draw(t, "which rate")
			a.Rates = slices.Delete(a.Rates, i, i+1)
		}
	}
}

func (c *change) settings(t *rapid.T) {
	p := one(t, "pixel", c.cat.Pixels)
	if p == nil {
		return
	}
	drawn := c.instant.drawChange(t)
	set(&p.Base, drawn.Set, drawn.To)
}

// set gives s the keys of to.
func set(s *schemas.PixelSettings, keys schemas.SettingsKeys, to schemas.PixelSettings) {
	if keys.TriggerType {
		s.TriggerType = to.TriggerType
	}
	if keys.PostViewExpireMins {
		s.PostViewExpireMins = to.PostViewExpireMins
	}
	if keys.PostClickExpireMins {
		s.PostClickExpireMins = to.PostClickExpireMins
	}
	if keys.MinMinutesPerConv {
		s.MinMinutesPerConv = to.MinMinutesPerConv
	}
	if keys.UniqueOrderID {
		s.UniqueOrderID = to.UniqueOrderID
	}
}

// dated adds an entry to a pixel's settings, or takes one out.
func (c *change) dated(t *rapid.T) {
	p := one(t, "pixel", c.cat.Pixels)
	if p == nil {
		return
	}
	if len(p.Changes) > 0 && rapid.Bool().Draw(t, "gone") {
		i := rapid.IntRange(0, len(p.Changes)-1).Draw(t, "which entry")
		p.Changes = slices.Delete(p.Changes, i, i+1)
		return
	}
	drawn := c.instant.drawChange(t)
	drawn.From = c.instant(t, "settings from")
	if slices.ContainsFunc(p.Changes, func(other schemas.SettingsChange) bool { return other.From.Equal(drawn.From) }) {
		return
	}
	p.Changes = append(p.Changes, drawn)
	slices.SortFunc(p.Changes, func(a, b schemas.SettingsChange) int { return a.From.Compare(b.From) })
}

func (c *change) bounds(t *rapid.T, state *schemas.State, p *schemas.Period) {
	at := c.instant(t, "bound")
	switch pick(t, "state", "ended", "inactive", "active", "begins", "unbounded") {
	case "ended":
		p.Until = &at
	case "begins":
		p.From = &at
	case "inactive":
		*state = schemas.Inactive
	case "active":
		*state = schemas.Active
	case "unbounded":
		*p = schemas.Period{}
	}
	if p.From != nil && p.Until != nil && !p.From.Before(*p.Until) {
		p.From = nil
	}
}

func (c *change) moveTracker(t *rapid.T) {
	r, l := one(t, "tracker", c.cat.Trackers), one(t, "line item", c.cat.LineItems)
	if r != nil && l != nil {
		r.LineItemID = l.ID
	}
}

// addTracker mostly adds one that touches name already, though the catalog did
// not have it.
func (c *change) addTracker(t *rapid.T) {
	l := one(t, "line item", c.cat.LineItems)
	if l == nil {
		return
	}
	n := pick(t, "id", int64(999), hugeIDNeighbour, 4000)
	c.cat.Trackers = append(c.cat.Trackers, schemas.Tracker{
		ID:         freeID(n, c.cat.Trackers, func(r schemas.Tracker) int64 { return r.ID }),
		Kind:       pick(t, "tracker kind", schemas.ImpressionTracker, schemas.ClickTracker),
		LineItemID: l.ID,
	})
}

// addPixel adds one of an advertiser, attached to all of its line items, under
// an id that conversions name already.
func (c *change) addPixel(t *rapid.T) {
	a := one(t, "advertiser", c.cat.Advertisers)
	if a == nil {
		return
	}
	p := schemas.Pixel{
		ID:           freeID(pick(t, "id", int64(hugeIDNeighbour), 31, 9012), c.cat.Pixels, func(p schemas.Pixel) int64 { return p.ID }),
		AdvertiserID: a.ID, State: schemas.Active, Base: drawSettings(t),
	}
	p.Name = named("Pixel", p.ID)
	c.cat.Pixels = append(c.cat.Pixels, p)
	for i := range c.cat.LineItems {
		if l := &c.cat.LineItems[i]; l.AdvertiserID == a.ID && len(l.Pixels) < schemas.MaxLineItemPixels {
			l.Pixels = append(l.Pixels, schemas.Association{PixelID: p.ID, State: schemas.Active, Rates: []schemas.Rate{c.instant.drawRate(t)}})
		}
	}
}

func (c *change) removePixel(t *rapid.T) {
	p := one(t, "pixel", c.cat.Pixels)
	if p == nil {
		return
	}
	n := p.ID
	c.cat.Pixels = slices.DeleteFunc(c.cat.Pixels, func(p schemas.Pixel) bool { return p.ID == n })
	for i := range c.cat.LineItems {
		l := &c.cat.LineItems[i]
		l.Pixels = slices.DeleteFunc(l.Pixels, func(a schemas.Association) bool { return a.PixelID == n })
	}
}

func (c *change) associate(t *rapid.T) {
	l, p := one(t, "line item", c.cat.LineItems), one(t, "pixel", c.cat.Pixels)
	if l == nil || p == nil || l.AdvertiserID != p.AdvertiserID || len(l.Pixels) == schemas.MaxLineItemPixels ||
		slices.ContainsFunc(l.Pixels, func(a schemas.Association) bool { return a.PixelID == p.ID }) {
		return
	}
	l.Pixels = append(l.Pixels, schemas.Association{PixelID: p.ID, State: schemas.Active, Rates: []schemas.Rate{c.instant.drawRate(t)}})
}

// removeLineItem takes a line item out with what stands on it.
func (c *change) removeLineItem(t *rapid.T) {
	l := one(t, "line item", c.cat.LineItems)
	if l == nil {
		return
	}
	n := l.ID
	gone := map[int64]bool{}
	c.cat.LineItems = slices.DeleteFunc(c.cat.LineItems, func(l schemas.LineItem) bool { return l.ID == n })
	c.cat.Creatives = slices.DeleteFunc(c.cat.Creatives, func(r schemas.Creative) bool {
		gone[r.ID] = gone[r.ID] || r.LineItemID == n
		return r.LineItemID == n
	})
	c.cat.Trackers = slices.DeleteFunc(c.cat.Trackers, func(r schemas.Tracker) bool { return r.LineItemID == n })
	for i := range c.cat.Trackers {
		if gone[c.cat.Trackers[i].CreativeID] {
			c.cat.Trackers[i].CreativeID = 0
		}
	}
}

// moveCode gives one pixel's code to another, which gives its own, or to none.
func (c *change) moveCode(t *rapid.T) {
	from, to := one(t, "pixel", c.cat.Pixels), one(t, "other pixel", c.cat.Pixels)
	switch {
	case from == nil:
	case from != to:
		from.Code, to.Code = to.Code, from.Code
	case from.Code != "":
		from.Code = ""
	case !slices.ContainsFunc(c.cat.Pixels, func(p schemas.Pixel) bool { return p.Code == "checkout" }):
		from.Code = "checkout"
	}
}

// moveAdvertiser moves a pixel to an advertiser, perhaps a new one, and with it
// every line item that it shares with others and these others.
func (c *change) moveAdvertiser(t *rapid.T) {
	p := one(t, "pixel", c.cat.Pixels)
	if p == nil {
		return
	}
	to := pick(t, "to advertiser", int64(8), 7, 9)
	if !slices.ContainsFunc(c.cat.Advertisers, func(a schemas.Advertiser) bool { return a.ID == to }) {
		c.cat.Advertisers = append(c.cat.Advertisers, advertiser(to, pick(t, "currency", "EUR", "USD")))
	}
	p.AdvertiserID = to
	for moved := true; moved; {
		moved = false
		for i := range c.cat.LineItems {
			for _, a := range c.cat.LineItems[i].Pixels {
				for k := range c.cat.Pixels {
					p, l := &c.cat.Pixels[k], &c.cat.LineItems[i]
					if a.PixelID == p.ID && p.AdvertiserID != l.AdvertiserID {
						p.AdvertiserID, l.AdvertiserID, moved = to, to, true
					}
				}
			}
		}
	}
}
