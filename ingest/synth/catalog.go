package synth

import (
	"bytes"
	"fmt"
	"time"
)

// CatalogOptions say how large a built-in catalog is. The zero value of a field
// is its default.
type CatalogOptions struct {
	Seed        uint64
	Advertisers int       // default 8
	LineItems   int       // of each advertiser; default 3
	Publishers  int       // default 12
	From        time.Time // since when rates are in force; default 2026-01-01
	// Raise, if not zero, is when every rate goes up.
	Raise time.Time
}

// DefaultCatalog is the catalog of a log whose options name none.
func DefaultCatalog() []byte { return Catalog(CatalogOptions{}) }

// Catalog gives a catalog.yaml of any size, in which every kind of pixel
// occurs: hybrid, by view, by click; one conversion a user, every one, one an
// hour; with and without unique orders; some inactive, some of a line item that
// is. Every fourth advertiser is billed in euros. The same options give the same
// bytes.
func Catalog(o CatalogOptions) []byte {
	positive := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	positive(&o.Advertisers, 8)
	positive(&o.LineItems, 3)
	positive(&o.Publishers, 12)
	if o.From.IsZero() {
		o.From = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	c := catalogWriter{CatalogOptions: o}
	return c.write()
}

// The first id of each list.
const (
	firstAdvertiser = 1_001
	firstOrder      = 3_001
	firstLineItem   = 10_001
	firstCreative   = 50_001
	firstPublisher  = 501
	firstTracker    = 200_001
	firstPixel      = 90_001
	firstSegment    = 700_001
)

// pixelsEach is how many pixels an advertiser has, trackersEach how many
// trackers a line item has: two of impressions, one of clicks.
const (
	pixelsEach   = 2
	trackersEach = 3
)

type catalogWriter struct {
	CatalogOptions
	bytes.Buffer
}

func (c *catalogWriter) printf(format string, args ...any) { fmt.Fprintf(&c.Buffer, format, args...) }

// draw gives a number from 0 to n-1 for something with an id.
func (c *catalogWriter) draw(id, what, n int) int {
	return int(mix(mix(c.Seed^uint64(what))^uint64(id)) % uint64(n))
}

var goods = [...]string{"Shoes", "Travel", "Insurance", "Garden", "Books", "Audio", "Coffee", "Bikes", "Toys", "Software", "Fashion", "Energy"}

func (c *catalogWriter) write() []byte {
	c.printf("# A network that does not exist: %d advertisers with %d line items each.\n", c.Advertisers, c.LineItems)
	c.printf("version: 1\nmember_id: 958\ncurrency: USD\n\nadvertisers:\n")
	for a := range c.Advertisers {
		c.printf("  - {id: %d, name: %s %d, code: a%d", firstAdvertiser+a, goods[a%len(goods)], a+1, a+1)
		if a%4 == 3 {
			c.printf(", currency: EUR, time_zone: Europe/Berlin")
		}
		c.printf("}\n")
	}
	c.printf("\ninsertion_orders:\n")
	for a := range c.Advertisers {
		c.printf("  - {id: %d, advertiser_id: %d, name: Order %d, po_number: \"%d\"}\n", firstOrder+a, firstAdvertiser+a, a+1, 4_500_000+a)
	}
	c.printf("\nline_items:\n")
	for i := range c.Advertisers * c.LineItems {
		c.lineItem(i)
	}
	c.printf("\ncreatives:\n")
	for i := range c.Advertisers * c.LineItems {
		c.printf("  - {id: %d, line_item_id: %d, name: Banner %d 300x250}\n", firstCreative+i, firstLineItem+i, i+1)
	}
	c.printf("\npublishers:\n")
	for p := range c.Publishers {
		c.printf("  - {id: %d, name: Publisher %d}\n", firstPublisher+p, p+1)
	}
	c.printf("\ntrackers:\n")
	for i := range c.Advertisers * c.LineItems * trackersEach {
		c.tracker(i)
	}
	c.printf("\npixels:\n")
	for p := range c.Advertisers * pixelsEach {
		c.pixel(p)
	}
	c.printf("\nsegments:\n")
	for a := range c.Advertisers {
		c.printf("  - {id: %d, name: Buyers %d, code: buyers-%d}\n", firstSegment+a, a+1, a+1)
	}
	return c.Bytes()
}

func (c *catalogWriter) lineItem(i int) {
	a := i / c.LineItems
	c.printf("  - id: %d\n    advertiser_id: %d\n    insertion_order_id: %d\n    name: Line item %d\n", firstLineItem+i, firstAdvertiser+a, firstOrder+a, i+1)
	if i%23 == 22 {
		c.printf("    state: inactive\n")
	}
	c.printf("    pixels:\n")
	for k := range pixelsEach {
		cents := 200 + c.draw(i, k, 3_000)
		c.printf("      - pixel_id: %d\n        rates:\n", firstPixel+a*pixelsEach+k)
		c.rate(c.From, cents)
		if !c.Raise.IsZero() {
			c.rate(c.Raise, cents+cents/10)
		}
	}
}

func (c *catalogWriter) rate(from time.Time, cents int) {
	view := cents / 6
	c.printf("          - {from: %s, post_click_revenue: \"%d.%02d\", post_view_revenue: \"%d.%02d\"}\n",
		from.UTC().Format(time.RFC3339), cents/100, cents%100, view/100, view%100)
}

func (c *catalogWriter) tracker(i int) {
	lineItem := i / trackersEach
	kind, landing := "impression", ""
	if i%trackersEach == trackersEach-1 {
		kind, landing = "click", fmt.Sprintf(", landing_url: \"https://shop.a%d.example/?ref=${SSP_DATA}\"", lineItem/c.LineItems+1)
	}
	c.printf("  - {id: %d, kind: %s, line_item_id: %d, creative_id: %d, publisher_id: %d%s}\n", firstTracker+i, kind,
		firstLineItem+lineItem, firstCreative+lineItem, firstPublisher+c.draw(i, 100, c.Publishers), landing)
}

func (c *catalogWriter) pixel(p int) {
	c.printf("  - id: %d\n    advertiser_id: %d\n    name: Pixel %d\n    code: pixel-%d\n", firstPixel+p, firstAdvertiser+p/pixelsEach, p+1, p+1)
	c.printf("    trigger_type: %s\n", [...]string{"hybrid", "hybrid", "hybrid", "view", "click"}[p%5])
	c.printf("    post_view_expire_mins: %d\n", [...]int{1_440, 1_440, 4_320, 60}[c.draw(p, 200, 4)])
	c.printf("    post_click_expire_mins: %d\n", [...]int{20_160, 20_160, 43_200, 1_440}[c.draw(p, 201, 4)])
	c.printf("    min_minutes_per_conv: %s\n", [...]string{"null", "0", "60"}[p%3])
	if p%4 == 3 {
		c.printf("    unique_order_id: false\n")
	}
	if p%16 == 13 {
		c.printf("    state: inactive\n")
	}
	if p%7 == 4 {
		c.printf("    piggyback_pixels:\n      - {pixel_type: img, url: \"https://sync.partner.example/p.gif\"}\n")
	}
}
