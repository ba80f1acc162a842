package xandr

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/catalogedit"
	"pixledger/schemas/yamlfile"
)

// since is where rates begin of which no history is known.
var since = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// merge is one import into one state of a catalog.
type merge struct {
	f        *catalogedit.File
	c        *schemas.Catalog
	report   *Report
	mistakes yamlfile.Mistakes
	refused  map[*node]bool

	advertisers map[int64]*advertiser
	orders      map[int64]*order
	pixels      map[int64]*pixel
	items       map[int64]*lineItem
	creatives   map[int64]*creative
	publishers  map[int64]*publisher
	trackers    map[int64]*tracker
	served      []*tracker      // all of the JSON's
	said        map[string]said // by kind and id: what was read first
	rated       map[int64]bool  // advertisers of the catalog that have rates
}

// Merge asks a catalog's file for the changes that bring the JSON into it, and
// reports on them. What is wrong with the JSON, or does not go with the catalog,
// comes as yamlfile.Mistakes; then nothing is to be changed.
func (in *Input) Merge(f *catalogedit.File) (*Report, error) {
	m := &merge{
		f: f, c: f.Catalog(), report: &Report{map[Row]int{}}, refused: map[*node]bool{},
		advertisers: map[int64]*advertiser{}, orders: map[int64]*order{}, pixels: map[int64]*pixel{}, items: map[int64]*lineItem{},
		creatives: map[int64]*creative{}, publishers: map[int64]*publisher{}, trackers: map[int64]*tracker{}, said: map[string]said{},
		rated: map[int64]bool{},
	}
	for _, l := range m.c.LineItems {
		if slices.ContainsFunc(l.Pixels, func(a schemas.Association) bool { return len(a.Rates) > 0 }) {
			m.rated[l.AdvertiserID] = true
		}
	}
	for _, n := range in.pixels {
		m.readPixel(n)
	}
	for _, n := range in.lineItems {
		m.readLineItem(n)
	}
	m.check()
	if len(m.mistakes) > 0 {
		return nil, m.mistakes.Sorted()
	}
	for _, a := range inOrder(m.advertisers) {
		m.mergeAdvertiser(a)
	}
	for _, o := range inOrder(m.orders) {
		m.mergeOrder(o)
	}
	for _, p := range inOrder(m.pixels) {
		m.mergePixel(p)
	}
	for _, l := range inOrder(m.items) {
		m.mergeLineItem(l)
	}
	for _, c := range inOrder(m.creatives) {
		m.mergeCreative(c)
	}
	for _, p := range inOrder(m.publishers) {
		m.mergePublisher(p)
	}
	for _, t := range inOrder(m.trackers) {
		m.mergeTracker(t)
	}
	return m.report, nil
}

// inOrder gives what a map holds by its ids, so that the order of the JSON does
// not show in the catalog.
func inOrder[T any](byID map[int64]*T) []*T {
	ids := make([]int64, 0, len(byID))
	for id := range byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	out := make([]*T, len(ids))
	for i, id := range ids {
		out[i] = byID[id]
	}
	return out
}

// refuse notes a mistake at a value, once for each.
func (m *merge) refuse(n *node, what, allowed string) {
	if m.refused[n] {
		return
	}
	m.refused[n] = true
	m.mistakes = append(m.mistakes, n.mistake(what, allowed))
}

// once puts an entry under its id, with what reading it has noted. One that
// stands twice in the files, as where pages overlap, must say the same.
func once[T any](m *merge, what string, id int64, byID map[int64]*T, read func() (entry *T, at **node, says string)) (*T, bool) {
	report := m.report
	m.report = &Report{map[Row]int{}}
	entry, at, says := read()
	notes := m.report.rows
	m.report = report
	n := *at
	key := fmt.Sprint(what, " ", id)
	before, twice := m.said[key]
	switch {
	case id == 0:
	case !twice:
		for row, count := range notes {
			m.report.rows[row] += count
		}
		byID[id], m.said[key] = entry, said{n, says}
		return entry, true
	case before.says != says:
		m.refuse(n, fmt.Sprintf("%s is another than at %s", key, before.at.place()), "each once, or the same each time")
	}
	return entry, false
}

// said is what the JSON says of an entry, and where.
type said struct {
	at   *node
	says string
}

// entry asks for the changes of one entry and counts it.
type entry struct {
	m       *merge
	e       *catalogedit.Entry
	list    string
	changed bool
}

func (m *merge) existing(list, what string, id int64) *entry {
	return &entry{m: m, e: m.f.Entry(list, id).Called(fmt.Sprintf("%s %d", what, id)), list: list}
}

func (e *entry) set(key string, v any) {
	e.e.Set(key, v)
	e.changed = true
}

func (e *entry) count() {
	if e.changed {
		e.m.report.note(Changed, e.list, "", "")
	} else {
		e.m.report.note(Unchanged, e.list, "", "")
	}
}

func (m *merge) add(list, what string, id int64, fields catalogedit.Fields) {
	m.f.Append(list, fmt.Sprintf("%s %d is new", what, id), fields)
	m.report.note(New, list, "", "")
}

// rename is the whole of what an entry has that only has a name.
func (m *merge) rename(list, what string, id int64, was, is string) {
	e := m.existing(list, what, id)
	e.name(was, is, "")
	e.count()
}

// with adds a key that is given.
func with(fields catalogedit.Fields, key string, v any) catalogedit.Fields {
	if v == "" || v == int64(0) {
		return fields
	}
	return append(fields, catalogedit.Field{Key: key, Value: v})
}

// coded is an entry of the JSON with its code.
type coded struct {
	id   int64
	was  string // its code in the catalog
	code *string
	at   *node
}

// giveCodes takes away the codes that are another entry's. A code is unique in
// the catalog's list, and to the API within an advertiser. What an entry of the
// JSON has had so far is free.
func (m *merge) giveCodes(list, what string, entries []coded, owners map[string]int64) {
	for _, e := range entries {
		if *e.code != "" {
			delete(owners, e.was)
		}
	}
	for _, e := range entries {
		owner, taken := owners[*e.code]
		switch {
		case *e.code == "":
		case !taken || owner == e.id:
			owners[*e.code] = e.id
		case list == "pixels":
			m.refuse(e.at.get("code"), fmt.Sprintf("the code %q is pixel %d's already", yamlfile.Cut(*e.code), owner), "a code that one pixel has: it stands in its URL")
		default:
			m.report.note(NotTaken, list, "code", fmt.Sprintf("%s %d: the code %q is %d's already", what, e.id, yamlfile.Cut(*e.code), owner))
			*e.code = ""
		}
	}
}

func (m *merge) checkCodes() {
	var pixels, items, orders []coded
	owners := [3]map[string]int64{{}, {}, {}}
	for _, x := range m.c.Pixels {
		owners[0][x.Code] = x.ID
	}
	for _, x := range m.c.LineItems {
		owners[1][x.Code] = x.ID
	}
	for _, x := range m.c.InsertionOrders {
		owners[2][x.Code] = x.ID
	}
	for _, p := range inOrder(m.pixels) {
		e := coded{id: p.id, code: &p.code, at: p.at}
		if was := m.c.Pixel(p.id); was != nil {
			e.was = was.Code
		}
		pixels = append(pixels, e)
	}
	for _, l := range inOrder(m.items) {
		e := coded{id: l.id, code: &l.code, at: l.at}
		if was := m.c.LineItem(l.id); was != nil {
			e.was = was.Code
		}
		items = append(items, e)
	}
	for _, o := range inOrder(m.orders) {
		e := coded{id: o.id, code: &o.code, at: o.at}
		if was := m.c.InsertionOrder(o.id); was != nil {
			e.was = was.Code
		}
		orders = append(orders, e)
	}
	m.giveCodes("pixels", "pixel", pixels, owners[0])
	m.giveCodes("line_items", "line item", items, owners[1])
	m.giveCodes("insertion_orders", "insertion order", orders, owners[2])
}

// member refuses what is another member's.
func (m *merge) member(n *node) {
	if id := m.id(n, "member_id", false); id != 0 && id != m.c.MemberID {
		m.refuse(n.get("member_id"), fmt.Sprintf("member_id is %d, the catalog is member %d's", id, m.c.MemberID),
			fmt.Sprintf("%d, or this member's id as the catalog's member_id", m.c.MemberID))
	}
}

// advertiser is what the JSON says of one.
type advertiser struct {
	id       int64
	name     string
	earns    string // the currency of its line items that earn by conversions
	currency string // of its others
	at       *node
}

// noteAdvertiser notes an advertiser by what any of its entries says.
func (m *merge) noteAdvertiser(n *node, id int64, name string) {
	if id == 0 {
		return
	}
	a := m.advertisers[id]
	if a == nil {
		a = &advertiser{id: id, at: n}
		m.advertisers[id] = a
	}
	if a.name == "" {
		a.name = name
	}
}

func (m *merge) mergeAdvertiser(a *advertiser) {
	byID := fmt.Sprint(a.id)
	was := m.c.Advertiser(a.id)
	if was == nil {
		fields := catalogedit.Fields{{Key: "id", Value: a.id}, {Key: "name", Value: cmp.Or(a.name, byID)}}
		if a.name == "" {
			m.report.note(Defaulted, "advertisers", "name", "its id")
		}
		if c := m.currencyOf(a); c != m.c.Currency {
			fields = append(fields, catalogedit.Field{Key: "currency", Value: c})
		}
		m.add("advertisers", "advertiser", a.id, fields)
		return
	}
	e := m.existing("advertisers", "advertiser", a.id)
	e.name(was.Name, a.name, byID)
	if c := m.currencyOf(a); c != m.c.Currency && m.takesCurrency(a.id) {
		e.set("currency", c)
	}
	e.count()
}

// currencyOf is the currency that the JSON gives an advertiser, else the catalog's.
func (m *merge) currencyOf(a *advertiser) string { return cmp.Or(a.earns, a.currency, m.c.Currency) }

// name takes a name where the catalog has none; one that somebody gave it stays.
func (e *entry) name(was, is, placeholder string) {
	switch {
	case is == "" || is == was:
	case was == "" || was == placeholder:
		e.set("name", is)
	default:
		e.m.report.note(Kept, e.list, "name", "")
	}
}

// nameless is the name of an entry that the JSON gives none. A later import may
// put its name in its place.
func nameless(what string, id int64) string { return fmt.Sprint(what, " ", id) }

// keep notes a key that the catalog has and the JSON leaves empty: it stays.
func (e *entry) keep(key string, has bool) {
	if has {
		e.m.report.note(Kept, e.list, key, "the JSON has none")
	}
}

// order is what the JSON says of an insertion order.
type order struct {
	id, advertiser int64
	name, code     string
	at             *node
}

func (m *merge) mergeOrder(o *order) {
	was := m.c.InsertionOrder(o.id)
	if was == nil {
		fields := catalogedit.Fields{{Key: "id", Value: o.id}, {Key: "advertiser_id", Value: o.advertiser}}
		fields = with(fields, "name", o.name)
		fields = with(fields, "code", o.code)
		m.add("insertion_orders", "insertion order", o.id, fields)
		return
	}
	e := m.existing("insertion_orders", "insertion order", o.id)
	e.name(was.Name, o.name, "")
	if o.code != "" && o.code != was.Code {
		e.set("code", o.code)
	}
	e.count()
}

// check refuses what does not go together, in the JSON and with the catalog.
func (m *merge) check() {
	m.checkCodes()
	m.chooseTrackers()
	for _, p := range inOrder(m.pixels) {
		if was := m.c.Pixel(p.id); was != nil && p.advertiser != 0 && was.AdvertiserID != p.advertiser {
			m.refuse(p.at.get("advertiser_id"), fmt.Sprintf("pixel %d is advertiser %d's here, and %d's in the catalog", p.id, p.advertiser, was.AdvertiserID), fmt.Sprint(was.AdvertiserID))
		}
	}
	for _, l := range inOrder(m.items) {
		if was := m.c.LineItem(l.id); was != nil && l.advertiser != 0 && was.AdvertiserID != l.advertiser {
			m.refuse(l.at.get("advertiser_id"), fmt.Sprintf("line item %d is advertiser %d's here, and %d's in the catalog", l.id, l.advertiser, was.AdvertiserID), fmt.Sprint(was.AdvertiserID))
		}
		for _, a := range l.pixels {
			m.checkAssociation(l, a)
		}
		m.checkRoom(l)
	}
	for _, o := range inOrder(m.orders) {
		if was := m.c.InsertionOrder(o.id); was != nil && was.AdvertiserID != o.advertiser {
			m.refuse(o.at, fmt.Sprintf("insertion order %d is advertiser %d's here, and %d's in the catalog", o.id, o.advertiser, was.AdvertiserID), fmt.Sprint(was.AdvertiserID))
		}
	}
}

func (m *merge) checkAssociation(l *lineItem, a *association) {
	if a.pixel == 0 {
		return
	}
	var owner int64
	if p := m.pixels[a.pixel]; p != nil {
		owner = p.advertiser
	} else if p := m.c.Pixel(a.pixel); p != nil {
		owner = p.AdvertiserID
	} else {
		m.refuse(a.at.get("id"), fmt.Sprintf("pixel %d is neither in the catalog nor in the JSON of pixels", a.pixel), "a pixel that is: give its JSON with --pixels")
		return
	}
	if owner != 0 && l.advertiser != 0 && owner != l.advertiser {
		m.refuse(a.at.get("id"), fmt.Sprintf("pixel %d is advertiser %d's, line item %d is advertiser %d's", a.pixel, owner, l.id, l.advertiser), "pixels of the line item's own advertiser")
	}
}

// checkRoom refuses more pixels than a line item takes.
func (m *merge) checkRoom(l *lineItem) {
	attached := map[int64]bool{}
	if was := m.c.LineItem(l.id); was != nil {
		for _, a := range was.Pixels {
			attached[a.PixelID] = true
		}
	}
	for _, a := range l.pixels {
		attached[a.pixel] = true
	}
	if len(attached) > schemas.MaxLineItemPixels {
		m.refuse(l.at.get("pixels"), fmt.Sprintf("line item %d would have %d pixels", l.id, len(attached)), fmt.Sprintf("at most %d", schemas.MaxLineItemPixels))
	}
}
