package schemas

import (
	"fmt"
	"strings"
	"time"
)

// catalogIndex finds entries by id without walking the lists. LoadCatalog
// builds it; a Catalog put together by hand has none and is searched.
type catalogIndex struct {
	content         []byte // the file that the catalog was read from
	advertisers     map[int64]*Advertiser
	insertionOrders map[int64]*InsertionOrder
	lineItems       map[int64]*LineItem
	creatives       map[int64]*Creative
	publishers      map[int64]*Publisher
	trackers        map[int64]*Tracker
	pixels          map[int64]*Pixel
	segments        map[int64]*Segment
	pixelCodes      map[string]*Pixel
	attached        map[int64][]Attachment
	positions       catalogPositions
}

// Attachment is an association with the line item that it stands in.
type Attachment struct {
	LineItem    *LineItem
	Association *Association
}

// Counts tells whether line item and association both count at t.
func (a Attachment) Counts(t time.Time) bool {
	return a.LineItem.Period.Counts(a.LineItem.State, t) && a.Association.Period.Counts(a.Association.State, t)
}

// NotCounting says why line item or association does not count at t; empty
// when both do.
func (a Attachment) NotCounting(t time.Time) string {
	item := "line item " + fmt.Sprint(a.LineItem.ID)
	if why := notCounting(item, a.LineItem.State, a.LineItem.Period, t); why != "" {
		return why
	}
	return notCounting("the association with "+item, a.Association.State, a.Association.Period, t)
}

// NotCounting says why the pixel itself does not count at t; empty when it does.
func (p *Pixel) NotCounting(t time.Time) string {
	return notCounting("the pixel", p.State, p.Period, t)
}

func (c *Catalog) buildIndex() {
	c.index = &catalogIndex{
		advertisers:     byID(c.Advertisers, func(a *Advertiser) int64 { return a.ID }),
		insertionOrders: byID(c.InsertionOrders, func(o *InsertionOrder) int64 { return o.ID }),
		lineItems:       byID(c.LineItems, func(i *LineItem) int64 { return i.ID }),
		creatives:       byID(c.Creatives, func(r *Creative) int64 { return r.ID }),
		publishers:      byID(c.Publishers, func(p *Publisher) int64 { return p.ID }),
		trackers:        byID(c.Trackers, func(t *Tracker) int64 { return t.ID }),
		pixels:          byID(c.Pixels, func(p *Pixel) int64 { return p.ID }),
		segments:        byID(c.Segments, func(s *Segment) int64 { return s.ID }),
		pixelCodes:      make(map[string]*Pixel),
		attached:        c.attachments(),
	}
	for i := range c.Pixels {
		if p := &c.Pixels[i]; p.Code != "" && c.index.pixelCodes[p.Code] == nil {
			c.index.pixelCodes[p.Code] = p
		}
	}
}

func byID[T any](list []T, id func(*T) int64) map[int64]*T {
	m := make(map[int64]*T, len(list))
	for i := range list {
		if n := id(&list[i]); n != 0 && m[n] == nil {
			m[n] = &list[i]
		}
	}
	return m
}

func (c *Catalog) attachments() map[int64][]Attachment {
	m := make(map[int64][]Attachment)
	for i := range c.LineItems {
		for j := range c.LineItems[i].Pixels {
			a := &c.LineItems[i].Pixels[j]
			m[a.PixelID] = append(m[a.PixelID], Attachment{&c.LineItems[i], a})
		}
	}
	return m
}

func (c *Catalog) lookup() *catalogIndex {
	if c.index != nil {
		return c.index
	}
	searched := *c
	searched.buildIndex()
	return searched.index
}

// Content is the file's bytes that the catalog was read from, which Digest is
// of; nil where it was not read from a file. It is not to be changed.
func (c *Catalog) Content() []byte { return c.lookup().content }

// Advertiser gives the advertiser of that id, or nil.
func (c *Catalog) Advertiser(id int64) *Advertiser { return c.lookup().advertisers[id] }

// InsertionOrder gives the insertion order of that id, or nil.
func (c *Catalog) InsertionOrder(id int64) *InsertionOrder { return c.lookup().insertionOrders[id] }

// LineItem gives the line item of that id, or nil.
func (c *Catalog) LineItem(id int64) *LineItem { return c.lookup().lineItems[id] }

// Creative gives the creative of that id, or nil.
func (c *Catalog) Creative(id int64) *Creative { return c.lookup().creatives[id] }

// Publisher gives the publisher of that id, or nil.
func (c *Catalog) Publisher(id int64) *Publisher { return c.lookup().publishers[id] }

// Tracker gives the tracker of that id, or nil.
func (c *Catalog) Tracker(id int64) *Tracker { return c.lookup().trackers[id] }

// Pixel gives the pixel of that id, or nil.
func (c *Catalog) Pixel(id int64) *Pixel { return c.lookup().pixels[id] }

// Segment gives the segment of that id, or nil.
func (c *Catalog) Segment(id int64) *Segment { return c.lookup().segments[id] }

// PixelByCode gives the pixel that a request with this code and member means,
// or nil: a code without the catalog's member, or with another, is no pixel.
func (c *Catalog) PixelByCode(code string, memberID int64) *Pixel {
	if code == "" || memberID != c.MemberID {
		return nil
	}
	return c.lookup().pixelCodes[code]
}

// Attachments gives the line items that a pixel is attached to, in the order
// of the file, counting or not.
func (c *Catalog) Attachments(pixelID int64) []Attachment { return c.lookup().attached[pixelID] }

// PixelStatus is what people see of a pixel's state: Active, or Paused.
type PixelStatus string

// A pixel is Active when it counts and is attached to a line item that counts;
// else it is Paused: it fires, but nothing will be attributed.
const (
	PixelActive PixelStatus = "Active"
	PixelPaused PixelStatus = "Paused"
)

// PixelStatusAt tells whether a pixel is Active or Paused at t, and why, in a
// few words.
func (c *Catalog) PixelStatusAt(p *Pixel, t time.Time) (PixelStatus, string) {
	if why := p.NotCounting(t); why != "" {
		return PixelPaused, why
	}
	attached := c.Attachments(p.ID)
	if len(attached) == 0 {
		return PixelPaused, "attached to no line item"
	}
	var counting, not []string
	for _, a := range attached {
		if why := a.NotCounting(t); why == "" {
			counting = append(counting, fmt.Sprint(a.LineItem.ID))
		} else {
			not = append(not, why)
		}
	}
	switch len(counting) {
	case 0:
		return PixelPaused, "no active line item: " + strings.Join(not, ", ")
	case 1:
		return PixelActive, "line item " + counting[0] + " is active"
	}
	return PixelActive, "line items " + strings.Join(counting, ", ") + " are active"
}

// notCounting says why something of this state and period does not count at t;
// empty when it does.
func notCounting(what string, s State, p Period, t time.Time) string {
	switch {
	case p.Counts(s, t):
		return ""
	case s == Inactive:
		return what + " is inactive"
	case p.isEmpty():
		return what + " counts at no time"
	case p.From != nil && t.Before(*p.From):
		return what + " begins " + p.From.Format(time.RFC3339Nano)
	}
	return what + " ended " + p.Until.Format(time.RFC3339Nano)
}
