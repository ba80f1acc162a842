package schemas

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"pixledger/schemas/yamlfile"
)

// CatalogSchema is the JSON Schema (draft 2020-12) of catalog.yaml, for
// editors to complete and check it. LoadCatalog validates against it, and
// checks what a schema can't say.
//
//go:embed catalog.schema.json
var CatalogSchema []byte

// ConfigSchema is the JSON Schema (draft 2020-12) of pixledger.yaml.
//
//go:embed config.schema.json
var ConfigSchema []byte

var catalogSchema = sync.OnceValues(func() (*yamlfile.Schema, error) { return yamlfile.Compile(CatalogSchema) })

// MaxLineItemPixels is how many pixels a line item takes.
const MaxLineItemPixels = 20

// LoadCatalog reads and validates the catalog at path. What is wrong with it
// comes as yamlfile.Mistakes, all of it at once, in file order; the warnings
// say what is allowed but will never attribute or never be delivered. A file
// that can't be read gives an error that wraps the system's.
func LoadCatalog(path string) (*Catalog, []Warning, error) {
	content, err := yamlfile.Read(path)
	if err != nil {
		return nil, nil, err
	}
	return ParseCatalog(path, content)
}

// ParseCatalog is LoadCatalog for content at hand; name is what messages call
// the file. The digest is of content as it is.
func ParseCatalog(name string, content []byte) (*Catalog, []Warning, error) {
	schema, err := catalogSchema()
	if err != nil {
		return nil, nil, fmt.Errorf("catalog schema: %w", err)
	}
	f := yamlfile.Parse(name, content, schema, yamlfile.Options{})
	sum := sha256.Sum256(content)
	c := &Catalog{Digest: hex.EncodeToString(sum[:])}
	l := catalogLoader{c: c, at: make(map[any]yamlfile.Value)}
	l.read(f.Root())
	c.buildIndex()
	l.check(f.Root())
	if err := f.Err(); err != nil {
		return nil, nil, err
	}
	c.index.positions, c.index.content = l.positions(name), content
	return c, l.warnings(name), nil
}

// catalogLoader turns the values of a file into a Catalog. It reads what it
// can of a file with mistakes, so that all of them are found in one go.
type catalogLoader struct {
	c  *Catalog
	at map[any]yamlfile.Value // where each entry stands, by its address in c

	unclear map[string]bool // the lists whose ids a mistake leaves unknown
	twice   map[int64]bool  // the ids of pixels that a mistake leaves open which is meant
}

// read fills the catalog. Every list gets its length first, so that the
// addresses in at stay good.
func (l *catalogLoader) read(root yamlfile.Value) {
	c := l.c
	c.Version = int(root.Get("version").IntOr(0))
	c.MemberID = root.Get("member_id").IntOr(0)
	c.Currency = root.Get("currency").TextOr("")

	c.Advertisers = readList(l, root.Get("advertisers"), func(a *Advertiser, v yamlfile.Value) {
		*a = Advertiser{ID: id(v, "id"), Name: text(v, "name"), Code: text(v, "code"),
			Currency: v.Get("currency").TextOr(c.Currency), TimeZone: zone(v.Get("time_zone"))}
		for _, h := range v.Get("redirect_hosts").Items() {
			a.RedirectHosts = append(a.RedirectHosts, strings.ToLower(h.TextOr("")))
		}
	})
	c.InsertionOrders = readList(l, root.Get("insertion_orders"), func(o *InsertionOrder, v yamlfile.Value) {
		*o = InsertionOrder{ID: id(v, "id"), AdvertiserID: id(v, "advertiser_id"), Name: text(v, "name"),
			Code: text(v, "code"), PONumber: text(v, "po_number")}
	})
	c.LineItems = readList(l, root.Get("line_items"), func(i *LineItem, v yamlfile.Value) {
		*i = LineItem{ID: id(v, "id"), AdvertiserID: id(v, "advertiser_id"), InsertionOrderID: id(v, "insertion_order_id"),
			Name: text(v, "name"), Code: text(v, "code"), State: state(v), Period: period(v)}
		i.Pixels = readList(l, v.Get("pixels"), func(a *Association, v yamlfile.Value) {
			*a = Association{PixelID: id(v, "pixel_id"), State: state(v), Period: period(v), Rates: rates(v.Get("rates"))}
		})
	})
	c.Creatives = readList(l, root.Get("creatives"), func(cr *Creative, v yamlfile.Value) {
		*cr = Creative{ID: id(v, "id"), LineItemID: id(v, "line_item_id"), Name: text(v, "name")}
	})
	c.Publishers = readList(l, root.Get("publishers"), func(p *Publisher, v yamlfile.Value) {
		*p = Publisher{ID: id(v, "id"), Name: text(v, "name")}
	})
	c.Trackers = readList(l, root.Get("trackers"), func(t *Tracker, v yamlfile.Value) {
		*t = Tracker{ID: id(v, "id"), Kind: TrackerKind(text(v, "kind")), LineItemID: id(v, "line_item_id"),
			CreativeID: id(v, "creative_id"), PublisherID: id(v, "publisher_id"), LandingURL: text(v, "landing_url")}
	})
	c.Pixels = readList(l, root.Get("pixels"), func(p *Pixel, v yamlfile.Value) {
		*p = Pixel{ID: id(v, "id"), AdvertiserID: id(v, "advertiser_id"), Name: text(v, "name"), Code: text(v, "code"),
			State: state(v), Period: period(v), EventCategory: text(v, "event_category"), Changes: changes(v.Get("settings"))}
		p.Base = PixelSettings{TriggerType: TriggerHybrid, PostViewExpireMins: DefaultViewMinutes,
			PostClickExpireMins: DefaultClickMinutes, UniqueOrderID: true}
		base, set := settings(v)
		SettingsChange{Set: set, To: base}.apply(&p.Base)
		for _, g := range v.Get("piggyback_pixels").Items() {
			p.Piggybacks = append(p.Piggybacks, Piggyback{PixelType: text(g, "pixel_type"), URL: text(g, "url")})
		}
	})
	c.Segments = readList(l, root.Get("segments"), func(s *Segment, v yamlfile.Value) {
		*s = Segment{ID: id(v, "id"), Name: text(v, "name"), Code: text(v, "code"), ExpireMinutes: v.Get("expire_minutes").IntOr(0)}
	})
}

func readList[T any](l *catalogLoader, list yamlfile.Value, read func(*T, yamlfile.Value)) []T {
	items := list.Items()
	if len(items) == 0 {
		return nil
	}
	out := make([]T, len(items))
	for i, v := range items {
		read(&out[i], v)
		l.at[&out[i]] = v
	}
	return out
}

func id(v yamlfile.Value, key string) int64    { return v.Get(key).IntOr(0) }
func text(v yamlfile.Value, key string) string { return v.Get(key).TextOr("") }

func state(v yamlfile.Value) State {
	if State(v.Get("state").TextOr("")) == Inactive {
		return Inactive
	}
	return Active
}

func zone(v yamlfile.Value) string {
	name := v.TextOr("")
	if name == "" {
		return ""
	}
	if err := CheckZone(name); err != nil {
		v.Refuse(fmt.Sprintf("the time zone %s is unknown", v.Written()), "an IANA name such as Europe/Berlin or UTC")
		return ""
	}
	return name
}

// CheckZone tells whether name is an IANA time zone that can be loaded.
// "Local", which differs from machine to machine, is none.
func CheckZone(name string) error {
	if name == "" || name == "Local" {
		return fmt.Errorf("%q is no IANA time zone", name)
	}
	_, err := time.LoadLocation(name)
	return err
}

func period(v yamlfile.Value) Period {
	return Period{From: instant(v.Get("active_from")), Until: instant(v.Get("active_until"))}
}

var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9}(\d*))?(?:[Zz]|[+-]\d\d:\d\d)$`)

// instant reads an RFC 3339 time into UTC; nil where there is none. The schema
// has judged the shape; a 30th of February is found here. A time between two
// nanoseconds becomes the later one: every time here begins or ends something,
// and an event, which has whole microseconds, is on the same side of both.
func instant(v yamlfile.Value) *time.Time {
	s, ok := v.Text()
	if !ok {
		return nil
	}
	shape := rfc3339.FindStringSubmatch(s)
	if shape == nil {
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	if err != nil {
		v.Refuse("there is no time "+v.Written(), "an RFC 3339 time with its zone, such as 2026-01-01T00:00:00Z")
		return nil
	}
	if strings.Trim(shape[1], "0") != "" {
		t = t.Add(time.Nanosecond)
	}
	t = t.UTC()
	return &t
}

// dated reads from: of every entry and refuses two equal ones.
func dated(list yamlfile.Value, each func(from time.Time, v yamlfile.Value)) {
	seen := make(map[time.Time]int)
	for _, v := range list.Items() {
		from := v.Get("from")
		t := instant(from)
		if t == nil {
			continue
		}
		line, _ := from.Position()
		if first, twice := seen[*t]; twice {
			from.Refuse(fmt.Sprintf("from is the same instant as on line %d", first), "each instant once in a list")
			continue
		}
		seen[*t] = line
		each(*t, v)
	}
}

func rates(list yamlfile.Value) []Rate {
	var out []Rate
	dated(list, func(from time.Time, v yamlfile.Value) {
		out = append(out, Rate{From: from, PostClickRevenue: money(v.Get("post_click_revenue")), PostViewRevenue: money(v.Get("post_view_revenue"))})
	})
	slices.SortFunc(out, func(a, b Rate) int { return a.From.Compare(b.From) })
	return out
}

func money(v yamlfile.Value) *Money {
	s, ok := v.Text()
	if !ok {
		return nil
	}
	m, ok := ParseMoney(s)
	if !ok {
		return nil // the schema has refused it
	}
	return &m
}

func changes(list yamlfile.Value) []SettingsChange {
	var out []SettingsChange
	dated(list, func(from time.Time, v yamlfile.Value) {
		to, set := settings(v)
		out = append(out, SettingsChange{From: from, Set: set, To: to})
	})
	slices.SortFunc(out, func(a, b SettingsChange) int { return a.From.Compare(b.From) })
	return out
}

// settings reads the keys of a pixel or of one entry of its settings, and
// which of them are given.
func settings(v yamlfile.Value) (s PixelSettings, set SettingsKeys) {
	if t, ok := v.Get("trigger_type").Text(); ok {
		s.TriggerType, set.TriggerType = TriggerType(t), true
	}
	if w := v.Get("post_view_expire_mins"); w.Given() {
		s.PostViewExpireMins, set.PostViewExpireMins = window(w, MaxViewMinutes), true
	}
	if w := v.Get("post_click_expire_mins"); w.Given() {
		s.PostClickExpireMins, set.PostClickExpireMins = window(w, MaxClickMinutes), true
	}
	if m := v.Get("min_minutes_per_conv"); m.Given() {
		set.MinMinutesPerConv = true
		if n, ok := m.Int(); ok {
			s.MinMinutesPerConv = &n
		}
	}
	if u, ok := v.Get("unique_order_id").Bool(); ok {
		s.UniqueOrderID, set.UniqueOrderID = u, true
	}
	return s, set
}

// window is a lookback window in minutes: 0 and null stand for the maximum.
func window(v yamlfile.Value, maximum int64) int64 {
	if n, ok := v.Int(); ok && n != 0 {
		return n
	}
	return maximum
}
