package xandr

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/catalogedit"
)

// lineItem is what the JSON says of one.
type lineItem struct {
	id, advertiser, order int64
	name, code, state     string
	from, until           *time.Time
	pixels                []*association
	at                    *node
}

// association is a pixel of a line item.
type association struct {
	pixel       int64
	state       string
	click, view *schemas.Money
	at          *node
}

type creative struct {
	id, item int64 // item 0: of several
	name     string
	at       *node
}

type publisher struct {
	id   int64
	name string
	at   *node
}

type tracker struct {
	id, item, publisher int64
	kind                schemas.TrackerKind
	landing             string
	at                  *node
}

var currency = regexp.MustCompile(`^[A-Z]{3}$`)

func (m *merge) readLineItem(n *node) {
	id, about := m.id(n, "id", true), n.get("advertiser")
	l, first := once(m, "line item", id, m.items, func() (*lineItem, **node, string) {
		l := &lineItem{id: id, at: n}
		if l.advertiser = m.id(n, "advertiser_id", false); l.advertiser == 0 {
			if l.advertiser = m.id(about, "id", false); l.advertiser == 0 {
				m.id(n, "advertiser_id", true)
			}
		}
		m.member(n)
		l.name, l.code = m.text(n, "name"), m.text(n, "code")
		l.state = m.oneOf(n, "state", "active", "inactive")
		m.readDates(l, n)
		says := fmt.Sprintf("%q", []any{l.advertiser, l.name, l.code, l.state, l.from, l.until})
		for _, x := range m.list(n, "pixels") {
			if a := m.readAssociation(l, x); a != nil {
				says += fmt.Sprintf("%d %s %s;", a.pixel, a.state, a.figures())
			}
		}
		for _, key := range []string{"insertion_orders", "creatives", "clicktrackers", "imptrackers"} {
			for _, x := range m.list(n, key) {
				for _, part := range []*node{x.get("id"), x.get("click_url"), x.get("publisher").get("id")} {
					if !part.empty() {
						says += " " + part.written()
					}
				}
				says += ";"
			}
		}
		m.countKeys(n, "line_items")
		if about != nil {
			m.countKeys(about, "advertisers")
		}
		return l, &l.at, says
	})
	if !first {
		return
	}
	if is := m.id(about, "id", false); is != 0 && l.advertiser != 0 && is != l.advertiser {
		m.refuse(about.get("id"), fmt.Sprintf("the advertiser is %d here, and advertiser_id is %d", is, l.advertiser), fmt.Sprint(l.advertiser))
	}
	m.noteAdvertiser(n, l.advertiser, m.text(about, "name"))
	l.order = m.readOrders(l, n)
	m.readCurrency(l, n)
	m.readServed(l, n)
}

// readDates reads when the line item runs: by its own dates, else from the start
// of its first budget interval to the end of its last.
func (m *merge) readDates(l *lineItem, n *node) {
	zone := m.zone(n, "timezone")
	own, named := zone != nil, zone != nil // the line item's zone goes before its intervals'
	if a := m.c.Advertiser(l.advertiser); zone == nil && a != nil && a.TimeZone != "" {
		zone, _ = time.LoadLocation(a.TimeZone)
	}
	if zone == nil {
		zone = time.UTC
	}
	l.from, l.until = m.instant(n, "start_date", zone, false), m.instant(n, "end_date", zone, true)
	if l.from == nil && l.until == nil {
		endless := false
		for i, b := range m.list(n, "budget_intervals") {
			in := zone
			if its := m.zone(b, "timezone"); its != nil && !own {
				in, named = its, true
			}
			from, until := m.instant(b, "start_date", in, false), m.instant(b, "end_date", in, true)
			if i == 0 || from == nil || l.from != nil && from.Before(*l.from) {
				l.from = from
			}
			if endless = endless || until == nil; endless {
				l.until = nil
			} else if l.until == nil || until.After(*l.until) {
				l.until = until
			}
		}
	}
	if !named && (l.from != nil || l.until != nil) {
		m.report.note(Defaulted, "line_items", "timezone", "dates are of "+zone.String())
	}
}

func (m *merge) readAssociation(l *lineItem, n *node) *association {
	a := &association{pixel: m.id(n, "id", true), state: m.oneOf(n, "state", "active", "inactive")}
	a.click, a.view = m.money(n, "line_items.pixels", "post_click_revenue"), m.money(n, "line_items.pixels", "post_view_revenue")
	a.at = n
	m.countKeys(n, "line_items.pixels")
	for _, other := range l.pixels {
		if other.pixel == a.pixel && a.pixel != 0 {
			m.refuse(n.get("id"), fmt.Sprintf("pixel %d stands twice in line item %d", a.pixel, l.id), "each pixel once in a line item")
			return nil
		}
	}
	l.pixels = append(l.pixels, a)
	return a
}

// readOrders reads the insertion orders of a line item and gives the one that it
// is billed under: the active one, else the last.
func (m *merge) readOrders(l *lineItem, n *node) int64 {
	billed := m.id(n, "insertion_order_id", false)
	var last, active int64
	list := m.list(n, "insertion_orders")
	for _, x := range list {
		o := &order{id: m.id(x, "id", true), advertiser: m.id(x, "advertiser_id", false), name: m.text(x, "name"), code: m.text(x, "code"), at: x}
		if o.id == 0 {
			continue
		}
		if last = o.id; m.text(x, "state") == "active" {
			active = o.id
		}
		m.noteOrder(l, o, x)
	}
	if billed == 0 {
		if billed = active; billed == 0 {
			billed = last
		}
		if len(list) > 1 {
			m.report.note(NotTaken, "line_items", "insertion_orders", "of several, the active one or else the last")
		}
	}
	if billed != 0 && m.orders[billed] == nil {
		m.noteOrder(l, &order{id: billed, at: n}, nil)
	}
	return billed
}

func (m *merge) noteOrder(l *lineItem, o *order, n *node) {
	if o.advertiser == 0 {
		o.advertiser = l.advertiser
	}
	if o.advertiser == 0 {
		return
	}
	before := m.orders[o.id]
	if before == nil {
		m.orders[o.id] = o
		if n != nil {
			m.countKeys(n, "insertion_orders")
		}
		m.noteAdvertiser(o.at, o.advertiser, "")
		return
	}
	if before.name == "" {
		before.name = o.name
	}
	if before.advertiser != o.advertiser {
		m.refuse(o.at, fmt.Sprintf("insertion order %d is advertiser %d's here, and %d's at %s", o.id, o.advertiser, before.advertiser, before.at.place()), fmt.Sprint(before.advertiser))
	}
}

// readCurrency holds the currency of a line item that earns by conversions
// against its advertiser's: the catalog's rates are in that one. Of an advertiser
// that is new, a line item that earns nothing may tell it too.
func (m *merge) readCurrency(l *lineItem, n *node) {
	is, v := m.text(n, "currency"), n.get("currency")
	if is == "" || l.advertiser == 0 {
		return
	}
	if !currency.MatchString(is) {
		m.refuse(v, "currency is "+v.written(), "three capital letters, such as USD")
		return
	}
	a := m.advertisers[l.advertiser]
	was, mend := a.earns, ""
	if known := m.c.Advertiser(l.advertiser); known != nil && !m.takesCurrency(known.ID) {
		was, mend = known.Currency, fmt.Sprintf(", or currency: %s at advertiser %d in the catalog", is, l.advertiser)
	}
	switch earns := slices.ContainsFunc(l.pixels, func(a *association) bool { return a.click != nil || a.view != nil }); {
	case !earns && (a.currency == "" || is < a.currency):
		a.currency = is
	case earns && was != "" && was != is:
		m.refuse(v, fmt.Sprintf("currency is %q, advertiser %d's is %s", is, l.advertiser, was), was+mend+": rates are in the advertiser's currency")
	case earns:
		a.earns = is
	}
}

// takesCurrency tells whether an advertiser of the catalog takes the currency of
// its line items, as a new one does: it names none of its own, and no rate is in
// it yet. So pixels may be imported first, and line items later.
func (m *merge) takesCurrency(id int64) bool {
	return !m.rated[id] && !m.f.Entry("advertisers", id).Has("currency")
}

// readServed reads the creatives and trackers that stand in a line item.
func (m *merge) readServed(l *lineItem, n *node) {
	for _, x := range m.list(n, "creatives") {
		id := m.servedID(x, "creatives")
		if id == 0 {
			continue
		}
		m.countKeys(x, "creatives")
		if before := m.creatives[id]; before != nil {
			before.item = 0
			continue
		}
		m.creatives[id] = &creative{id: id, item: l.id, name: m.text(x, "name"), at: x}
	}
	for _, kind := range []struct {
		key  string
		kind schemas.TrackerKind
	}{{"clicktrackers", schemas.ClickTracker}, {"imptrackers", schemas.ImpressionTracker}} {
		for _, x := range m.list(n, kind.key) {
			m.readTracker(l, x, kind.kind)
		}
	}
}

// servedID reads the id of what stands in a line item beside what earns. One
// without an id keeps nothing else from being imported.
func (m *merge) servedID(n *node, list string) int64 {
	if n.get("id").empty() {
		m.report.note(NotTaken, list, "id", "entries without an id")
	}
	return m.id(n, "id", false)
}

func (m *merge) readTracker(l *lineItem, n *node, kind schemas.TrackerKind) {
	t := &tracker{id: m.servedID(n, "trackers"), item: l.id, kind: kind, at: n}
	if t.id == 0 {
		return
	}
	m.countKeys(n, "trackers")
	if about := n.get("publisher"); about != nil {
		if t.publisher = m.id(about, "id", false); t.publisher != 0 && m.publishers[t.publisher] == nil {
			m.countKeys(about, "publishers")
			m.publishers[t.publisher] = &publisher{id: t.publisher, name: m.text(about, "name"), at: about}
		}
	}
	// One bad page keeps nothing else from being imported: its clicks are answered
	// 404, and catalog check says so.
	if t.landing = m.text(n, "click_url"); t.landing != "" {
		if what, _ := urlProblem(n, "click_url", t.landing); what != "" {
			m.report.note(NotTaken, "trackers", "landing_url", n.get("click_url").place()+": "+what)
			t.landing = ""
		}
	}
	m.served = append(m.served, t)
}

// chooseTrackers leaves one tracker of each id. The API counts impression and
// click trackers apart, the catalog does not. The kind of a touch is its path's,
// so that one entry of a line item, a click tracker's, which has the landing page,
// serves both.
func (m *merge) chooseTrackers() {
	slices.SortStableFunc(m.served, func(x, y *tracker) int {
		return cmp.Or(cmp.Compare(x.id, y.id), cmp.Compare(x.item, y.item), cmp.Compare(x.kind, y.kind)) // click before impression
	})
	for _, t := range m.served {
		switch first := m.trackers[t.id]; {
		case first == nil:
			m.trackers[t.id] = t
		case first.item != t.item:
			m.noTracker(t, first.item)
		}
	}
}

func (m *merge) noTracker(t *tracker, owner int64) {
	m.report.note(NotTaken, "trackers", "id", fmt.Sprintf("%s tracker %d of line item %d: line item %d has a tracker of that id", t.kind, t.id, t.item, owner))
}

func (m *merge) mergeLineItem(l *lineItem) {
	was := m.c.LineItem(l.id)
	if was == nil {
		m.addLineItem(l)
		return
	}
	e := m.existing("line_items", "line item", l.id)
	e.name(was.Name, l.name, nameless("Line item", l.id))
	if l.code != "" && l.code != was.Code {
		e.set("code", l.code)
	}
	if l.order != 0 && l.order != was.InsertionOrderID {
		e.set("insertion_order_id", l.order)
	}
	e.state(was.State, l.state)
	e.bound("active_from", was.Period.From, l.from)
	e.bound("active_until", was.Period.Until, l.until)
	for _, a := range l.pixels {
		m.mergeAssociation(e, was, a)
	}
	for _, a := range was.Pixels {
		if !slices.ContainsFunc(l.pixels, func(x *association) bool { return x.pixel == a.PixelID }) {
			m.report.note(Kept, "line_items", "pixels", "those that the JSON does not have")
		}
	}
	e.count()
}

// bound changes a bound of a period; one that the JSON does not have stays.
func (e *entry) bound(key string, was, is *time.Time) {
	switch {
	case is == nil:
		e.keep(key, was != nil)
	case was == nil || !was.Equal(*is):
		e.set(key, *is)
	}
}

func (m *merge) mergeAssociation(e *entry, item *schemas.LineItem, a *association) {
	i := slices.IndexFunc(item.Pixels, func(x schemas.Association) bool { return x.PixelID == a.pixel })
	if i < 0 {
		e.e.Insert("pixels", fmt.Sprintf("pixel %d is attached", a.pixel), -1, m.associationFields(a))
		m.report.note(New, "line_items.pixels", "", "")
		e.changed = true
		return
	}
	was := item.Pixels[i]
	in := &entry{m: m, list: "line_items.pixels",
		e: e.e.Entry("pixels", "pixel_id", a.pixel).Called(fmt.Sprintf("line item %d, pixel %d", item.ID, a.pixel))}
	in.state(was.State, a.state)
	in.rate(was, a)
	in.count()
	e.changed = e.changed || in.changed
}

// rate changes the rate that holds from the start of 2000 on. Later ones are
// somebody's own.
func (e *entry) rate(was schemas.Association, a *association) {
	from := slices.IndexFunc(was.Rates, func(r schemas.Rate) bool { return r.From.Equal(since) })
	given := a.click != nil || a.view != nil
	if given && (len(was.Rates) > 1 || len(was.Rates) == 1 && from < 0) {
		e.m.report.note(Kept, "line_items.pixels", "rates", "from a time on; they go before the imported one")
	}
	switch {
	case from < 0 && !given:
		return
	case from < 0:
		e.e.Insert("rates", "rate from 2000 on: "+a.figures(), -1, a.rateFields())
		e.changed = true
		return
	}
	rate := &entry{m: e.m, list: e.list, e: e.e.Entry("rates", "from", since)}
	rate.e.Called(fmt.Sprintf("%srate from 2000 on", e.e.Name()))
	for _, x := range []struct {
		key     string
		was, is *schemas.Money
	}{{"post_click_revenue", was.Rates[from].PostClickRevenue, a.click}, {"post_view_revenue", was.Rates[from].PostViewRevenue, a.view}} {
		switch {
		case x.is == nil:
			e.keep(x.key, x.was != nil)
		case x.was == nil || *x.was != *x.is:
			rate.set(x.key, *x.is)
			e.changed = true
		}
	}
}

func (a *association) figures() string {
	return fmt.Sprintf("post-click %s, post-view %s", money(a.click), money(a.view))
}

func (a *association) rateFields() catalogedit.Fields {
	fields := catalogedit.Fields{{Key: "from", Value: since}}
	if a.click != nil {
		fields = append(fields, catalogedit.Field{Key: "post_click_revenue", Value: *a.click})
	}
	if a.view != nil {
		fields = append(fields, catalogedit.Field{Key: "post_view_revenue", Value: *a.view})
	}
	return fields
}

func (m *merge) associationFields(a *association) catalogedit.Fields {
	fields := catalogedit.Fields{{Key: "pixel_id", Value: a.pixel}}
	fields = with(fields, "state", a.state)
	if a.click == nil && a.view == nil {
		m.report.note(Defaulted, "line_items.pixels", "rates", "none: conversions are booked at 0, marked rate_missing")
		return fields
	}
	m.report.note(Defaulted, "line_items.pixels", "from", "2000-01-01T00:00:00Z: the JSON has no history")
	return append(fields, catalogedit.Field{Key: "rates", Value: []catalogedit.Fields{a.rateFields()}})
}

func (m *merge) addLineItem(l *lineItem) {
	if l.name == "" {
		l.name = nameless("Line item", l.id)
		m.report.note(Defaulted, "line_items", "name", "Line item and its id")
	}
	fields := catalogedit.Fields{{Key: "id", Value: l.id}, {Key: "advertiser_id", Value: l.advertiser}}
	fields = with(fields, "insertion_order_id", l.order)
	fields = with(fields, "code", l.code)
	fields = append(fields, catalogedit.Field{Key: "name", Value: l.name})
	fields = with(fields, "state", l.state)
	if l.from != nil {
		fields = append(fields, catalogedit.Field{Key: "active_from", Value: *l.from})
	}
	if l.until != nil {
		fields = append(fields, catalogedit.Field{Key: "active_until", Value: *l.until})
	}
	var attached []catalogedit.Fields
	for _, a := range l.pixels {
		attached = append(attached, m.associationFields(a))
		m.report.note(New, "line_items.pixels", "", "")
	}
	if len(attached) > 0 {
		fields = append(fields, catalogedit.Field{Key: "pixels", Value: attached})
	}
	m.add("line_items", "line item", l.id, fields)
}

func (m *merge) mergeCreative(c *creative) {
	if was := m.c.Creative(c.id); was != nil {
		m.rename("creatives", "creative", c.id, was.Name, c.name)
		return
	}
	m.add("creatives", "creative", c.id, with(with(catalogedit.Fields{{Key: "id", Value: c.id}}, "line_item_id", c.item), "name", c.name))
}

func (m *merge) mergePublisher(p *publisher) {
	if was := m.c.Publisher(p.id); was != nil {
		m.rename("publishers", "publisher", p.id, was.Name, p.name)
		return
	}
	m.add("publishers", "publisher", p.id, with(catalogedit.Fields{{Key: "id", Value: p.id}}, "name", p.name))
}

func (m *merge) mergeTracker(t *tracker) {
	was := m.c.Tracker(t.id)
	if was == nil {
		fields := catalogedit.Fields{{Key: "id", Value: t.id}, {Key: "kind", Value: string(t.kind)}, {Key: "line_item_id", Value: t.item}}
		fields = with(fields, "publisher_id", t.publisher)
		fields = with(fields, "landing_url", t.landing)
		m.add("trackers", "tracker", t.id, fields)
		return
	}
	if was.LineItemID != t.item {
		m.noTracker(t, was.LineItemID)
		return
	}
	e := m.existing("trackers", "tracker", t.id)
	if t.kind == schemas.ClickTracker && was.Kind != t.kind {
		e.set("kind", string(t.kind))
	}
	if t.landing != "" && t.landing != was.LandingURL {
		if was.LandingURL == "" {
			e.set("landing_url", t.landing)
		} else {
			m.report.note(Kept, "trackers", "landing_url", "")
		}
	}
	if t.publisher != 0 && t.publisher != was.PublisherID {
		e.set("publisher_id", t.publisher)
	}
	e.count()
}
