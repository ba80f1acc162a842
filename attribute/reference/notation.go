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
	p := &parser{cat: emptyCatalog()}
	p.example = Example{Line: start, Catalog: p.cat}
	for i, line := range strings.Split(block, "\n") {
		if err := p.statement(line); err != nil {
			return Example{}, fmt.Errorf("%s:%d: %w", file, start+i, err)
		}
	}
	finish(p.cat)
	return p.example, nil
}

func emptyCatalog() *schemas.Catalog {
	return &schemas.Catalog{Version: 1, MemberID: defaultMember, Currency: defaultCurrency}
}

// finish fills in what is known only after a catalog's last statement.
func finish(cat *schemas.Catalog) {
	for i := range cat.Advertisers {
		if cat.Advertisers[i].Currency == "" {
			cat.Advertisers[i].Currency = cat.Currency
		}
	}
	for i := range cat.Pixels {
		slices.SortStableFunc(cat.Pixels[i].Changes, func(a, b schemas.SettingsChange) int { return a.From.Compare(b.From) })
	}
	cat.Digest = digestOf(cat)
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
	switch {
	case p.catalogStatement(what, w):
	case what == "void":
		p.example.Voids = append(p.example.Voids, w.next("conversion"))
	case what == "expect":
		p.expect(w)
	default:
		e, err := event(what, w)
		if err != nil {
			return err
		}
		p.example.Events = append(p.example.Events, e)
	}
	return w.done()
}

// catalogStatement reads an entry of the catalog; false when what is none. An
// entry that stands above is changed where the statement gives a key.
func (p *parser) catalogStatement(what string, w *words) bool {
	switch what {
	case "member":
		p.cat.MemberID = w.nextID()
		p.cat.Currency = w.textOr("currency", defaultCurrency)
	case "advertiser":
		n := w.nextID()
		a, _ := entryOf(&p.cat.Advertisers, func(a schemas.Advertiser) bool { return a.ID == n })
		*a = advertiser(n, w.textOr("currency", ""))
	case "publisher":
		n := w.nextID()
		b, _ := entryOf(&p.cat.Publishers, func(b schemas.Publisher) bool { return b.ID == n })
		*b = schemas.Publisher{ID: n, Name: named("Publisher", n)}
	case "pixel":
		p.pixel(w)
	case "settings":
		p.settings(w)
	case "line_item":
		p.lineItem(w)
	case "association":
		if l := p.lineItemOf(w); l != nil {
			a := associationOf(l, w.id("pixel"))
			w.bounds(&a.State, &a.Period)
		}
	case "rate":
		p.rate(w)
	case "creative":
		n := w.nextID()
		c, _ := entryOf(&p.cat.Creatives, func(c schemas.Creative) bool { return c.ID == n })
		*c = schemas.Creative{ID: n, LineItemID: w.id("line_item"), Name: named("Creative", n)}
	case "tracker":
		n := w.nextID()
		t, _ := entryOf(&p.cat.Trackers, func(t schemas.Tracker) bool { return t.ID == n })
		*t = schemas.Tracker{
			ID: n, Kind: schemas.TrackerKind(w.nextOf("kind", Impression, Click)), LineItemID: w.id("line_item"),
			CreativeID: w.idOr("creative", 0), PublisherID: w.idOr("publisher", 0),
		}
	default:
		return false
	}
	return true
}

// entryOf gives the entry of a list that is meant, a new and empty one where
// the list has none.
func entryOf[T any](list *[]T, isMeant func(T) bool) (e *T, isNew bool) {
	i := slices.IndexFunc(*list, isMeant)
	if i < 0 {
		i, isNew = len(*list), true
		*list = append(*list, *new(T))
	}
	return &(*list)[i], isNew
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
	n := w.nextID()
	px, isNew := entryOf(&p.cat.Pixels, func(x schemas.Pixel) bool { return x.ID == n })
	if isNew {
		*px = schemas.Pixel{ID: n, Name: named("Pixel", n), State: schemas.Active, Base: schemas.PixelSettings{
			TriggerType:        schemas.TriggerHybrid,
			PostViewExpireMins: schemas.DefaultViewMinutes, PostClickExpireMins: schemas.DefaultClickMinutes,
			UniqueOrderID: true,
		}}
	}
	if isNew || w.has("advertiser") {
		px.AdvertiserID = p.advertiserOf(w)
	}
	px.Code = w.textOr("code", px.Code)
	w.bounds(&px.State, &px.Period)
	keys, to := w.settings()
	set(&px.Base, keys, to)
}

func (p *parser) settings(w *words) {
	n := w.nextID()
	i := slices.IndexFunc(p.cat.Pixels, func(x schemas.Pixel) bool { return x.ID == n })
	if i < 0 {
		w.fail("no pixel %d stands above", n)
		return
	}
	from := w.time("from")
	change, _ := entryOf(&p.cat.Pixels[i].Changes, func(c schemas.SettingsChange) bool { return c.From.Equal(from) })
	change.From = from
	change.Set, change.To = w.settings()
}

// lineItem reads a line item; pixel=N is short for an association with a rate
// in force from the beginning.
func (p *parser) lineItem(w *words) {
	n := w.nextID()
	l, isNew := entryOf(&p.cat.LineItems, func(l schemas.LineItem) bool { return l.ID == n })
	if isNew {
		*l = schemas.LineItem{ID: n, Name: named("Line item", n), State: schemas.Active}
	}
	if isNew || w.has("advertiser") {
		l.AdvertiserID = p.advertiserOf(w)
	}
	w.bounds(&l.State, &l.Period)
	if n := w.optionalID("pixel"); n != nil {
		r := schemas.Rate{From: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}
		r.PostClickRevenue, r.PostViewRevenue = w.money("post_click_revenue"), w.money("post_view_revenue")
		associationOf(l, *n).Rates = []schemas.Rate{r}
	}
}

func associationOf(l *schemas.LineItem, pixelID int64) *schemas.Association {
	a, isNew := entryOf(&l.Pixels, func(a schemas.Association) bool { return a.PixelID == pixelID })
	if isNew {
		*a = schemas.Association{PixelID: pixelID, State: schemas.Active}
	}
	return a
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
			rate, _ := entryOf(&l.Pixels[i].Rates, func(other schemas.Rate) bool { return other.From.Equal(r.From) })
			*rate = r
			return
		}
	}
	w.fail("no association of line_item %d with pixel %d stands above", l.ID, pixelID)
}

// event reads a line that begins with a date.
func event(date string, w *words) (Event, error) {
	t, err := parseTime(date + "T" + w.next("time"))
	if err != nil {
		return Event{}, fmt.Errorf("%q is no statement and no date", date)
	}
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
		return e, nil
	}
	e.PixelID, e.PixelCode, e.MemberID = w.optionalID("pixel"), w.text("code"), w.optionalID("member")
	e.OrderID, e.Other, e.SSPData = w.text("order"), w.text("other"), w.text("sspdata")
	e.ValueText = w.text("value")
	e.Value = valueOf(e.ValueText)
	e.ServerSide = w.bool("server_side", false)
	return e, nil
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
