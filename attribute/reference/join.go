package reference

import (
	"fmt"
	"slices"
	"strings"

	"pixledger/schemas"
)

// Situation is everything that attribution decides from.
type Situation struct {
	Catalog *schemas.Catalog
	Events  []Event
	Voids   []string
}

// Joined is several worlds as one: none of them meets anything of another, so
// that one run decides them all.
type Joined struct {
	Situation
	places []place
}

// A place is what one world's names are moved by. Within a place the order of
// ids and of texts is as before.
type place struct {
	number       int
	member, here int64 // the world's member, and the joined world's
}

// placeSize is how far two places' ids are apart: in decimals the world's
// number stands before its own ids. It is above 2^53, so ids that differ by one
// are still the same number to whoever goes through a float.
const placeSize = 10_000_000_000_000_000

// placesMost is how many places ids have room for.
const placesMost = 900

// Join puts worlds into one by giving the ids, users, orders, tokens, codes and
// advertisers of each a place of its own. What is equal within a world stays
// equal and what is ordered stays so; nothing of two worlds is equal. The
// catalog's names are made anew, and lists that decide nothing are left out.
//
// The same worlds at the same places have the same names: Join of the worlds
// with changed catalogs is the joined world with a changed catalog.
func Join(worlds ...Situation) Joined {
	if len(worlds) > placesMost {
		panic(fmt.Sprintf("%d worlds; allowed: at most %d", len(worlds), placesMost))
	}
	j := Joined{Situation: Situation{Catalog: &schemas.Catalog{Version: 1, MemberID: memberID, Currency: defaultCurrency}}}
	for i, w := range worlds {
		if i == 0 {
			j.Catalog.MemberID, j.Catalog.Currency = w.Catalog.MemberID, w.Catalog.Currency
		}
		p := place{number: i, member: w.Catalog.MemberID, here: j.Catalog.MemberID}
		j.places = append(j.places, p)
		p.addCatalog(j.Catalog, w.Catalog)
		for _, e := range w.Events {
			j.Events = append(j.Events, p.event(e))
		}
		for _, conversion := range w.Voids {
			j.Voids = append(j.Voids, p.prefix()+conversion)
		}
	}
	j.Catalog.Digest = digestOf(j.Catalog)
	return j
}

// Apart takes the decisions on the joined world apart again: the rows of each
// world in their order, with the names that they had there. A row of no world
// gives an error.
func (j Joined) Apart(rows []Attribution) ([][]Attribution, error) {
	apart := make([][]Attribution, len(j.places))
	for _, r := range rows {
		i := slices.IndexFunc(j.places, func(p place) bool { return strings.HasPrefix(r.ConversionID, p.prefix()) })
		if i < 0 {
			return nil, fmt.Errorf("conversion %s is of none of the %d worlds", r.ConversionID, len(j.places))
		}
		apart[i] = append(apart[i], j.places[i].back(r))
	}
	return apart, nil
}

func (p place) prefix() string { return fmt.Sprintf("w%03d.", p.number) }

func (p place) id(n int64) int64 {
	if n < 1 || n >= placeSize {
		panic(fmt.Sprintf("id %d; allowed in a world to be joined: 1 to %d", n, int64(placeSize)-1))
	}
	return n + int64(p.number)*placeSize
}

// optionalID leaves alone the 0 that stands for no id in a catalog.
func (p place) optionalID(n int64) int64 {
	if n == 0 {
		return 0
	}
	return p.id(n)
}

func (p place) idOrNull(n *int64) *int64 {
	if n == nil {
		return nil
	}
	return new(p.id(*n))
}

// text moves a text. An empty one, like null, is none in every world.
func (p place) text(s string) string {
	if s == "" {
		return ""
	}
	return p.prefix() + s
}

func (p place) textOrNull(s *string) *string {
	if s == nil {
		return nil
	}
	return new(p.text(*s))
}

// memberOrNull makes the world's member the joined world's, which until then
// was another one.
func (p place) memberOrNull(n *int64) *int64 {
	switch {
	case n == nil:
		return nil
	case *n == p.member:
		return new(p.here)
	case *n == p.here:
		return new(p.member)
	}
	return new(*n)
}

func (p place) event(e Event) Event {
	// Token, event id and sspdata name one another.
	e.EventID = p.text(e.EventID)
	e.Token = p.textOrNull(e.Token)
	e.SSPData = p.textOrNull(e.SSPData)
	e.UserID = p.textOrNull(e.UserID)
	e.OrderID = p.textOrNull(e.OrderID)
	e.PixelCode = p.textOrNull(e.PixelCode)
	e.PixelID = p.idOrNull(e.PixelID)
	e.TrackerID = p.idOrNull(e.TrackerID)
	e.MemberID = p.memberOrNull(e.MemberID)
	return e
}

func (p place) addCatalog(to, from *schemas.Catalog) {
	from = copyCatalog(from)
	for _, a := range from.Advertisers {
		currency := a.Currency
		if currency == "" {
			currency = from.Currency
		}
		to.Advertisers = append(to.Advertisers, advertiser(p.id(a.ID), currency))
	}
	for _, b := range from.Publishers {
		to.Publishers = append(to.Publishers, schemas.Publisher{ID: p.id(b.ID), Name: named("Publisher", p.id(b.ID))})
	}
	for _, x := range from.Pixels {
		x.ID, x.AdvertiserID, x.Code = p.id(x.ID), p.id(x.AdvertiserID), p.text(x.Code)
		x.Name = named("Pixel", x.ID)
		to.Pixels = append(to.Pixels, x)
	}
	for _, l := range from.LineItems {
		l.ID, l.AdvertiserID, l.InsertionOrderID, l.Code = p.id(l.ID), p.id(l.AdvertiserID), 0, ""
		l.Name = named("Line item", l.ID)
		for i := range l.Pixels {
			l.Pixels[i].PixelID = p.id(l.Pixels[i].PixelID)
		}
		to.LineItems = append(to.LineItems, l)
	}
	for _, c := range from.Creatives {
		to.Creatives = append(to.Creatives, schemas.Creative{ID: p.id(c.ID), LineItemID: p.optionalID(c.LineItemID), Name: named("Creative", p.id(c.ID))})
	}
	for _, t := range from.Trackers {
		t.ID, t.LineItemID = p.id(t.ID), p.id(t.LineItemID)
		t.CreativeID, t.PublisherID = p.optionalID(t.CreativeID), p.optionalID(t.PublisherID)
		to.Trackers = append(to.Trackers, t)
	}
}

// back gives a row with the names that it had in its own world.
func (p place) back(r Attribution) Attribution {
	name := func(s *string) *string {
		if s == nil {
			return nil
		}
		return new(strings.TrimPrefix(*s, p.prefix()))
	}
	number := func(n *int64) *int64 {
		if n == nil {
			return nil
		}
		return new(*n - int64(p.number)*placeSize)
	}
	r.ConversionID = strings.TrimPrefix(r.ConversionID, p.prefix())
	r.UserID, r.OrderID, r.TouchID = name(r.UserID), name(r.OrderID), name(r.TouchID)
	r.PixelID, r.AdvertiserID = number(r.PixelID), number(r.AdvertiserID)
	r.TrackerID, r.LineItemID = number(r.TrackerID), number(r.LineItemID)
	r.CreativeID, r.PublisherID = number(r.CreativeID), number(r.PublisherID)
	return r
}

// copyCatalog gives a catalog that shares nothing that could be changed in
// place. Single values behind a pointer are never changed, only exchanged.
func copyCatalog(cat *schemas.Catalog) *schemas.Catalog {
	c := &schemas.Catalog{
		Version: cat.Version, MemberID: cat.MemberID, Currency: cat.Currency, Digest: cat.Digest,
		Advertisers:     slices.Clone(cat.Advertisers),
		InsertionOrders: slices.Clone(cat.InsertionOrders),
		LineItems:       slices.Clone(cat.LineItems),
		Creatives:       slices.Clone(cat.Creatives),
		Publishers:      slices.Clone(cat.Publishers),
		Trackers:        slices.Clone(cat.Trackers),
		Pixels:          slices.Clone(cat.Pixels),
		Segments:        slices.Clone(cat.Segments),
	}
	for i := range c.Advertisers {
		c.Advertisers[i].RedirectHosts = slices.Clone(c.Advertisers[i].RedirectHosts)
	}
	for i := range c.Pixels {
		c.Pixels[i].Changes = slices.Clone(c.Pixels[i].Changes)
		c.Pixels[i].Piggybacks = slices.Clone(c.Pixels[i].Piggybacks)
	}
	for i := range c.LineItems {
		c.LineItems[i].Pixels = slices.Clone(c.LineItems[i].Pixels)
		for k := range c.LineItems[i].Pixels {
			c.LineItems[i].Pixels[k].Rates = slices.Clone(c.LineItems[i].Pixels[k].Rates)
		}
	}
	return c
}
