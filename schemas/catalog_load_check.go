package schemas

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"pixledger/schemas/yamlfile"
)

// catalogLists are the lists that have ids of their own.
var catalogLists = []string{"advertisers", "insertion_orders", "line_items", "creatives", "publishers", "trackers", "pixels", "segments"}

// check refuses what a schema can't see: ids and codes given twice, ids that
// their list does not have, pixels attached to another advertiser's line item.
func (l *catalogLoader) check(root yamlfile.Value) {
	c := l.c
	l.unclear = make(map[string]bool)
	for _, list := range catalogLists {
		items := root.Get(list).Items()
		unique(items, list, "id", "each id once")
		unique(items, list, "code", "each code once")
		l.unclear[list] = unclear(root, list)
	}
	l.twice = make(map[int64]bool)
	for i := range c.Pixels {
		if p := &c.Pixels[i]; l.at[p].Get("id").Refused() {
			l.twice[p.ID] = true
		}
	}
	for i := range c.InsertionOrders {
		l.refersTo(&c.InsertionOrders[i], "advertiser_id", "advertisers", c.Advertiser(c.InsertionOrders[i].AdvertiserID) != nil)
	}
	for i := range c.LineItems {
		l.checkLineItem(&c.LineItems[i])
	}
	for i := range c.Creatives {
		l.refersTo(&c.Creatives[i], "line_item_id", "line_items", c.LineItem(c.Creatives[i].LineItemID) != nil)
	}
	for i := range c.Trackers {
		t := &c.Trackers[i]
		l.refersTo(t, "line_item_id", "line_items", c.LineItem(t.LineItemID) != nil)
		l.refersTo(t, "creative_id", "creatives", c.Creative(t.CreativeID) != nil)
		l.refersTo(t, "publisher_id", "publishers", c.Publisher(t.PublisherID) != nil)
		checkURL(l.at[t].Get("landing_url"))
	}
	for i := range c.Pixels {
		p := &c.Pixels[i]
		l.refersTo(p, "advertiser_id", "advertisers", c.Advertiser(p.AdvertiserID) != nil)
		for _, g := range l.at[p].Get("piggyback_pixels").Items() {
			checkURL(g.Get("url"))
		}
	}
}

func (l *catalogLoader) checkLineItem(i *LineItem) {
	c := l.c
	l.refersTo(i, "advertiser_id", "advertisers", c.Advertiser(i.AdvertiserID) != nil)
	l.refersTo(i, "insertion_order_id", "insertion_orders", c.InsertionOrder(i.InsertionOrderID) != nil)
	unique(l.at[i].Get("pixels").Items(), "this line item", "pixel_id", "each pixel once in a line item")
	for j := range i.Pixels {
		a := &i.Pixels[j]
		p := c.Pixel(a.PixelID)
		l.refersTo(a, "pixel_id", "pixels", p != nil)
		if p != nil && !l.twice[p.ID] && p.AdvertiserID != i.AdvertiserID && c.Advertiser(p.AdvertiserID) != nil && c.Advertiser(i.AdvertiserID) != nil {
			l.at[a].Get("pixel_id").Refuse(
				fmt.Sprintf("pixel %d is advertiser %d's, line item %d is advertiser %d's", p.ID, p.AdvertiserID, i.ID, i.AdvertiserID),
				"pixels of the line item's own advertiser")
		}
	}
}

// unclear tells whether a mistake keeps the ids of a list from being known: the
// list or one of them can't be read. To call an id that refers to the list
// unknown would then repeat that one mistake at every reference.
func unclear(root yamlfile.Value, list string) bool {
	v := root.Get(list)
	if root.MayHold(list) || v.Given() && !v.IsNull() && !v.IsList() {
		return true
	}
	return slices.ContainsFunc(v.Items(), func(item yamlfile.Value) bool {
		id := item.Get("id")
		n, ok := id.Int()
		return !ok || n < 1 || item.MayHold("id")
	})
}

// refersTo refuses an id that its list does not have.
func (l *catalogLoader) refersTo(entry any, key, list string, known bool) {
	v := l.at[entry].Get(key)
	if n, ok := v.Int(); ok && !known && !l.unclear[list] {
		v.Refuse(fmt.Sprintf("%s is %d, which %s does not have", key, n, list), "an id of "+list)
	}
}

func unique(items []yamlfile.Value, list, key, allowed string) {
	first := make(map[string]int, len(items))
	for _, v := range items {
		v = v.Get(key)
		var content string
		if n, ok := v.Int(); ok {
			content = fmt.Sprint(n)
		} else if s, ok := v.Text(); ok && s != "" {
			content = s
		} else {
			continue
		}
		line, _ := v.Position()
		if before, twice := first[content]; twice {
			v.Refuse(fmt.Sprintf("%s %s stands twice in %s, first on line %d", key, v.Written(), list, before), allowed)
			continue
		}
		first[content] = line
	}
}

// checkURL refuses a URL that the shape in the schema lets through and a
// browser would not take.
func checkURL(v yamlfile.Value) {
	if s, ok := v.Text(); ok && s != "" {
		if what, allowed := URLProblem(s); what != "" {
			v.Refuse(v.Written()+" "+what, allowed)
		}
	}
}

// URLProblem says what keeps a URL of the schema's shape from being one that a
// browser takes, and what is allowed; empty where nothing does.
func URLProblem(s string) (what, allowed string) {
	allowed = "an http or https URL"
	// A macro may stand anywhere behind the host; a URL parser need not know it.
	u, err := url.Parse(strings.ReplaceAll(s, "${SSP_DATA}", "0"))
	switch {
	case err != nil:
		return "is no readable URL", allowed
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "names no host to go to", allowed
	case u.User != nil:
		return "holds a user name", "an http or https URL without one"
	}
	return "", ""
}
