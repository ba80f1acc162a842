package xandr

import (
	"fmt"
	"strings"

	"pixledger/schemas"
	"pixledger/schemas/catalogedit"
)

// pixel is what the JSON says of one.
type pixel struct {
	id, advertiser      int64
	name, code, state   string
	trigger, category   string
	view, click, repeat any             // nil: null
	given               map[string]bool // which of them the JSON has
	piggybacks          []piggyback
	at                  *node
}

type piggyback struct{ kind, url string }

// events are the categories of the API, by id; the catalog's words by their names.
var (
	events = map[int64]string{
		2: "landing_page", 3: "item_view", 4: "add_to_cart", 5: "initiate_checkout", 6: "add_payment_info", 7: "purchase", 8: "lead",
	}
	eventNames = map[string]string{
		"LandingPage": "landing_page", "ItemView": "item_view", "AddToCart": "add_to_cart", "InitiateCheckout": "initiate_checkout",
		"AddPaymentInfo": "add_payment_info", "Purchase": "purchase", "Lead": "lead",
	}
)

func (m *merge) readPixel(n *node) {
	id := m.id(n, "id", true)
	p, first := once(m, "pixel", id, m.pixels, func() (*pixel, **node, string) {
		p := &pixel{id: id, advertiser: m.id(n, "advertiser_id", true), given: map[string]bool{}, at: n}
		m.member(n)
		p.name, p.code = m.text(n, "name"), m.text(n, "code")
		p.state = m.oneOf(n, "state", "active", "inactive")
		p.trigger = m.oneOf(n, "trigger_type", "view", "click", "hybrid")
		p.view = m.minutes(n, "post_view_expire_mins", schemas.MaxViewMinutes)
		p.click = m.minutes(n, "post_click_expire_mins", schemas.MaxClickMinutes)
		p.repeat = m.minutes(n, "min_minutes_per_conv", schemas.MaxRepeatMinutes)
		for _, key := range []string{"post_view_expire_mins", "post_click_expire_mins", "min_minutes_per_conv"} {
			p.given[key] = n.value.(*object).at(key) >= 0
		}
		p.category = m.category(n)
		for _, g := range m.list(n, "piggyback_pixels") {
			m.readPiggyback(p, g)
		}
		m.countKeys(n, "pixels")
		return p, &p.at, fmt.Sprintf("%q", []any{p.advertiser, p.name, p.code, p.state, p.trigger, p.category, p.view, p.click, p.repeat, p.piggybacks})
	})
	if first {
		m.noteAdvertiser(n, p.advertiser, "")
	}
}

// category reads the event that a conversion means, which stands in two ways.
func (m *merge) category(n *node) string {
	const allowed = "null, or 2 to 8: landing page, item view, add to cart, initiate checkout, add payment info, purchase, lead"
	v := n.get("pixel_conversion_event_id")
	if v.empty() {
		event := n.get("pixel_conversion_event")
		if list := event.items(); len(list) > 0 {
			event = list[0]
		}
		if v = event.get("id"); v.empty() {
			if v = event.get("name"); v.empty() {
				return ""
			}
			if c := eventNames[m.text(event, "name")]; c != "" {
				return c
			}
			m.refuse(v, "the conversion event is "+v.written(), allowed)
			return ""
		}
	}
	if id, ok := whole(v); ok && events[id] != "" {
		return events[id]
	}
	m.refuse(v, "the conversion event is "+v.written(), allowed)
	return ""
}

func (m *merge) readPiggyback(p *pixel, n *node) {
	m.countKeys(n, "pixels.piggyback_pixels")
	g := piggyback{m.oneOf(n, "pixel_type", "img", "js"), m.text(n, "url")}
	url := n.get("url")
	switch {
	case url.empty():
		m.refuse(n, "url is missing", "an http or https URL")
	case strings.HasPrefix(g.url, "//"): // as the page's own
		m.report.note(Defaulted, "pixels.piggyback_pixels", "url", "https before //")
		g.url = "https:" + g.url
	}
	if g.kind == "" && n.get("pixel_type").empty() {
		m.refuse(n, "pixel_type is missing", "img, js")
	}
	m.url(n, "url", g.url)
	for _, other := range p.piggybacks {
		if other == g {
			return
		}
	}
	p.piggybacks = append(p.piggybacks, g)
}

func (m *merge) mergePixel(p *pixel) {
	was := m.c.Pixel(p.id)
	if was == nil {
		m.addPixel(p)
		return
	}
	e := m.existing("pixels", "pixel", p.id)
	e.name(was.Name, p.name, nameless("Pixel", p.id))
	if p.code != "" && p.code != was.Code {
		e.set("code", p.code)
	}
	e.state(was.State, p.state)
	if p.trigger != "" && p.trigger != string(was.Base.TriggerType) {
		e.set("trigger_type", p.trigger)
	}
	window := func(key string, is any, now, most int64) {
		if n, ok := is.(int64); ok && n != 0 {
			most = n
		}
		if p.given[key] && now != most {
			e.set(key, is)
		}
	}
	window("post_view_expire_mins", p.view, was.Base.PostViewExpireMins, schemas.MaxViewMinutes)
	window("post_click_expire_mins", p.click, was.Base.PostClickExpireMins, schemas.MaxClickMinutes)
	n, apart := p.repeat.(int64)
	if now := was.Base.MinMinutesPerConv; p.given["min_minutes_per_conv"] && (apart != (now != nil) || apart && *now != n) {
		e.set("min_minutes_per_conv", p.repeat)
	}
	if p.category != "" && p.category != was.EventCategory {
		e.set("event_category", p.category)
	}
	e.keep("code", p.code == "" && was.Code != "")
	e.keep("event_category", p.category == "" && was.EventCategory != "")
	e.piggybacks(was, p)
	m.noteOwnSettings(was)
	e.count()
}

// state changes a state. Active in the JSON is what the catalog says by nothing.
func (e *entry) state(was schemas.State, is string) {
	if is != "" && is != string(was) {
		e.set("state", is)
	}
}

func (e *entry) piggybacks(was *schemas.Pixel, p *pixel) {
	for _, g := range p.piggybacks {
		there := false
		for _, w := range was.Piggybacks {
			there = there || w.PixelType == g.kind && w.URL == g.url
		}
		if !there {
			e.e.Insert("piggyback_pixels", "piggyback pixel "+g.url, -1, g.fields())
			e.changed = true
		}
	}
	if len(was.Piggybacks) > len(p.piggybacks) {
		e.m.report.note(Kept, "pixels", "piggyback_pixels", "those that the JSON does not have")
	}
}

// noteOwnSettings tells that settings from a time on go before what was imported.
func (m *merge) noteOwnSettings(was *schemas.Pixel) {
	if len(was.Changes) > 0 {
		m.report.note(Kept, "pixels", "settings", "from a time on; they go before the imported keys")
	}
}

func (g piggyback) fields() catalogedit.Fields {
	return catalogedit.Fields{{Key: "pixel_type", Value: g.kind}, {Key: "url", Value: g.url}}
}

func (m *merge) addPixel(p *pixel) {
	if p.name == "" {
		p.name = nameless("Pixel", p.id)
		m.report.note(Defaulted, "pixels", "name", "Pixel and its id")
	}
	if p.trigger == "" {
		p.trigger = "click"
		m.report.note(Defaulted, "pixels", "trigger_type", "click, the API's default")
	}
	for _, x := range []struct {
		key, what string
		value     any
	}{
		{"post_view_expire_mins", "null: the maximum, 43200", p.view},
		{"post_click_expire_mins", "null: the maximum, 129600", p.click},
		{"min_minutes_per_conv", "null: one per user", p.repeat},
	} {
		if x.value == nil {
			m.report.note(Defaulted, "pixels", x.key, x.what)
		}
	}
	m.report.note(Defaulted, "pixels", "unique_order_id", "true: an order id is attributed once, which the API does not know")
	fields := catalogedit.Fields{{Key: "id", Value: p.id}, {Key: "advertiser_id", Value: p.advertiser}, {Key: "name", Value: p.name}}
	fields = with(fields, "code", p.code)
	fields = with(fields, "state", p.state)
	fields = append(fields, catalogedit.Fields{
		{Key: "trigger_type", Value: p.trigger}, {Key: "post_view_expire_mins", Value: p.view},
		{Key: "post_click_expire_mins", Value: p.click}, {Key: "min_minutes_per_conv", Value: p.repeat},
	}...)
	fields = with(fields, "event_category", p.category)
	if len(p.piggybacks) > 0 {
		var list []catalogedit.Fields
		for _, g := range p.piggybacks {
			list = append(list, g.fields())
		}
		fields = append(fields, catalogedit.Field{Key: "piggyback_pixels", Value: list})
	}
	m.add("pixels", "pixel", p.id, fields)
}
