package reference

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixledger/schemas"
)

// What a statement leaves out.
const (
	defaultMember     = memberID
	defaultCurrency   = "USD"
	defaultAdvertiser = 7
	defaultSource     = "s1"
)

// Parse reads one example in the notation of docs/attribution.md: statements,
// one a line. Errors begin with the line within the text.
func Parse(text string) (Example, error) { return parse(text, "example", 1) }

// parse reads a block that begins at a line of a file.
func parse(block, file string, start int) (Example, error) {
	p := &parser{cat: &schemas.Catalog{Version: 1, MemberID: defaultMember, Currency: defaultCurrency}}
	p.example = Example{Line: start, Catalog: p.cat}
	for i, line := range strings.Split(block, "\n") {
		if err := p.statement(line); err != nil {
			return Example{}, fmt.Errorf("%s:%d: %w", file, start+i, err)
		}
	}
	for i := range p.cat.Advertisers {
		if p.cat.Advertisers[i].Currency == "" {
			p.cat.Advertisers[i].Currency = p.cat.Currency
		}
	}
	for i := range p.cat.Pixels {
		slices.SortStableFunc(p.cat.Pixels[i].Changes, func(a, b schemas.SettingsChange) int { return a.From.Compare(b.From) })
	}
	p.cat.Digest = digestOf(p.cat)
	return p.example, nil
}

type parser struct {
	cat     *schemas.Catalog
	example Example
}

// words are those of one statement: the leading plain ones and the key=value
// ones. Taking a word out and finding some left over at the end is how an
// unknown key is noticed. The first mistake is kept in err.
type words struct {
	plain []string
	keyed map[string]string
	err   error
}

func (p *parser) statement(line string) error {
	w, err := split(line)
	if err != nil || len(w.plain) == 0 {
		return err
	}
	what := w.next("statement")
	switch what {
	case "member":
		p.cat.MemberID = w.nextID()
		p.cat.Currency = w.textOr("currency", defaultCurrency)
	case "advertiser":
		p.cat.Advertisers = append(p.cat.Advertisers, advertiser(w.nextID(), w.textOr("currency", "")))
	case "publisher":
		n := w.nextID()
		p.cat.Publishers = append(p.cat.Publishers, schemas.Publisher{ID: n, Name: named("Publisher", n)})
	case "pixel":
		p.pixel(w)
	case "settings":
		p.settings(w)
	case "line_item":
		p.lineItem(w)
	case "association":
		if l := p.lineItemOf(w); l != nil {
			a := schemas.Association{PixelID: w.id("pixel")}
			a.State, a.Period = w.bounds()
			l.Pixels = append(l.Pixels, a)
		}
	case "rate":
		p.rate(w)
	case "creative":
		n := w.nextID()
		p.cat.Creatives = append(p.cat.Creatives, schemas.Creative{ID: n, LineItemID: w.id("line_item"), Name: named("Creative", n)})
	case "tracker":
		p.cat.Trackers = append(p.cat.Trackers, schemas.Tracker{
			ID: w.nextID(), Kind: schemas.TrackerKind(w.nextOf("kind", Impression, Click)), LineItemID: w.id("line_item"),
			CreativeID: w.idOr("creative", 0), PublisherID: w.idOr("publisher", 0),
		})
	case "void":
		p.example.Voids = append(p.example.Voids, w.next("conversion"))
	case "expect":
		p.expect(w)
	default:
		t, err := parseTime(what + "T" + w.next("time"))
		if err != nil {
			return fmt.Errorf("%q is no statement and no date", what)
		}
		p.example.Events = append(p.example.Events, event(t, w))
	}
	return w.done()
}

func advertiser(n int64, currency string) schemas.Advertiser {
	return schemas.Advertiser{ID: n, Name: named("Advertiser", n), Currency: currency}
}

// advertiserOf gives the advertiser of a pixel or a line item; the one that
// need not be named comes into being when it is first needed.
func (p *parser) advertiserOf(w *words) int64 {
	n := w.idOr("advertiser", defaultAdvertiser)
	if n == defaultAdvertiser && !slices.ContainsFunc(p.cat.Advertisers, func(a schemas.Advertiser) bool { return a.ID == n }) {
		p.cat.Advertisers = append(p.cat.Advertisers, advertiser(n, ""))
	}
	return n
}

func (p *parser) pixel(w *words) {
	px := schemas.Pixel{ID: w.nextID(), AdvertiserID: p.advertiserOf(w), Code: w.textOr("code", "")}
	px.Name = named("Pixel", px.ID)
	px.State, px.Period = w.bounds()
	given, s := w.settings()
	px.Base = schemas.PixelSettings{
		TriggerType:        schemas.TriggerHybrid,
		PostViewExpireMins: schemas.DefaultViewMinutes, PostClickExpireMins: schemas.DefaultClickMinutes,
		UniqueOrderID: true,
	}
	if given.TriggerType {
		px.Base.TriggerType = s.TriggerType
	}
	if given.PostViewExpireMins {
		px.Base.PostViewExpireMins = s.PostViewExpireMins
	}
	if given.PostClickExpireMins {
		px.Base.PostClickExpireMins = s.PostClickExpireMins
	}
	if given.UniqueOrderID {
		px.Base.UniqueOrderID = s.UniqueOrderID
	}
	px.Base.MinMinutesPerConv = s.MinMinutesPerConv
	p.cat.Pixels = append(p.cat.Pixels, px)
}

func (p *parser) settings(w *words) {
	n := w.nextID()
	for i := range p.cat.Pixels {
		if p.cat.Pixels[i].ID == n {
			change := schemas.SettingsChange{From: w.time("from")}
			change.Set, change.To = w.settings()
			p.cat.Pixels[i].Changes = append(p.cat.Pixels[i].Changes, change)
			return
		}
	}
	w.fail("no pixel %d stands above", n)
}

// lineItem reads a line item; pixel=N is short for an association with a rate
// in force from the beginning.
func (p *parser) lineItem(w *words) {
	l := schemas.LineItem{ID: w.nextID(), AdvertiserID: p.advertiserOf(w)}
	l.Name = named("Line item", l.ID)
	l.State, l.Period = w.bounds()
	if n := w.optionalID("pixel"); n != nil {
		r := schemas.Rate{From: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}
		r.PostClickRevenue, r.PostViewRevenue = w.money("post_click_revenue"), w.money("post_view_revenue")
		l.Pixels = []schemas.Association{{PixelID: *n, State: schemas.Active, Rates: []schemas.Rate{r}}}
	}
	p.cat.LineItems = append(p.cat.LineItems, l)
}

func (p *parser) lineItemOf(w *words) *schemas.LineItem {
	n := w.id("line_item")
	for i := range p.cat.LineItems {
		if p.cat.LineItems[i].ID == n {
			return &p.cat.LineItems[i]
		}
	}
	w.fail("no line_item %d stands above", n)
	return nil
}

func (p *parser) rate(w *words) {
	l, pixelID := p.lineItemOf(w), w.id("pixel")
	r := schemas.Rate{From: w.time("from"), PostClickRevenue: w.money("post_click_revenue"), PostViewRevenue: w.money("post_view_revenue")}
	if l == nil {
		return
	}
	for i := range l.Pixels {
		if l.Pixels[i].PixelID == pixelID {
			l.Pixels[i].Rates = append(l.Pixels[i].Rates, r)
			return
		}
	}
	w.fail("no association of line_item %d with pixel %d stands above", l.ID, pixelID)
}

func event(t time.Time, w *words) Event {
	e := Event{
		Type: w.nextOf("type", Impression, Click, Conversion), EventID: w.next("event id"), EventTime: t,
		UserID: w.text("user"), Consent: w.textOr("consent", "unknown"), InvalidReason: w.text("invalid"),
		SourceID: w.textOr("source", defaultSource),
	}
	if offset := w.text("offset"); offset != nil {
		n, err := strconv.ParseInt(*offset, 10, 64)
		if err != nil {
			w.fail("offset %q is no number", *offset)
		}
		e.SourceOffset = n
	}
	if e.Type != Conversion {
		e.Token, e.TrackerID = w.text("token"), w.optionalID("tracker")
		return e
	}
	e.PixelID, e.PixelCode, e.MemberID = w.optionalID("pixel"), w.text("code"), w.optionalID("member")
	e.OrderID, e.Other, e.SSPData = w.text("order"), w.text("other"), w.text("sspdata")
	e.ValueText = w.text("value")
	e.Value = valueOf(e.ValueText)
	e.ServerSide = w.bool("server_side", false)
	return e
}

func (p *parser) expect(w *words) {
	x := Expectation{ConversionID: w.next("conversion")}
	x.Decision = w.nextOf("decision", append(Reasons(), PostClick, PostView)...)
	if x.Decision == PostClick || x.Decision == PostView {
		touch := w.text("touch")
		if touch == nil {
			w.fail("touch= is missing: which one earned it?")
		} else {
			x.TouchID = *touch
		}
		x.LineItemID, x.Revenue = w.optionalID("line_item"), w.money("revenue")
		x.Currency, x.RateMissing = w.textOr("currency", ""), w.bool("rate_missing", false)
	}
	p.example.Expect = append(p.example.Expect, x)
}
