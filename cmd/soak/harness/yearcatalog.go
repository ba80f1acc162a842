package harness

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// yearItem is a line item with its trackers and what it pays.
type yearItem struct {
	id, advertiser      int64
	impressions, clicks int64 // trackers
	pixels              []*yearAssociation
}

type yearAssociation struct {
	pixel int64
	rates []yearRate
}

// yearRate is in cents.
type yearRate struct {
	from        time.Time
	click, view int
}

type yearPixel struct {
	id, advertiser int64
	name           string
	repeat         string // min_minutes_per_conv
	settings       []yearSettings
}

type yearSettings struct {
	from time.Time
	set  string // KEY: VALUE
}

// build gives the network its line items, two for each of two advertisers in
// two currencies, and its pixels.
func (n *network) build(begin time.Time) {
	n.pixels = []*yearPixel{
		{id: 9012, advertiser: 7, name: "Checkout", repeat: "0"},
		{id: 9013, advertiser: 7, name: "Sign-up", repeat: "null"},
		{id: 9100, advertiser: 12, name: "Booking", repeat: "60"},
	}
	for i, id := range []int64{382, 383, 420, 421} {
		item := &yearItem{id: id, advertiser: []int64{7, 12}[i/2], impressions: 2000 + int64(i), clicks: 3000 + int64(i)}
		for _, p := range n.pixels {
			if p.advertiser == item.advertiser {
				item.pixels = append(item.pixels, &yearAssociation{pixel: p.id, rates: []yearRate{n.rate(begin.AddDate(0, -2, 0))}})
			}
		}
		n.items = append(n.items, item)
	}
}

func (n *network) rate(from time.Time) yearRate {
	return yearRate{from: from, click: 500 + n.r.IntN(2000), view: 50 + n.r.IntN(300)}
}

// correct changes one thing of the catalog from a time in the past on, and
// says what.
func (n *network) correct(now time.Time) string {
	from := now.Add(-time.Duration(n.r.Int64N(int64(45 * 24 * time.Hour)))).Truncate(time.Second).UTC()
	if n.r.IntN(3) > 0 {
		a := pickOf(n.r, pickOf(n.r, n.items).pixels)
		a.rates = append(a.rates, n.rate(from))
		return fmt.Sprintf("another rate of pixel %d from %s on", a.pixel, from.Format(time.DateOnly))
	}
	p := pickOf(n.r, n.pixels)
	set := pickOf(n.r, []string{
		"post_view_expire_mins: 720", "post_view_expire_mins: 1440", "post_view_expire_mins: 4320", "post_click_expire_mins: 10080",
		"post_click_expire_mins: 20160", "min_minutes_per_conv: 0", "min_minutes_per_conv: 30", "min_minutes_per_conv: null",
	})
	p.settings = append(p.settings, yearSettings{from, set})
	return fmt.Sprintf("%s of pixel %d from %s on", set, p.id, from.Format(time.DateOnly))
}

func pickOf[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// catalog writes the catalog of the network.
func (n *network) catalog() []byte {
	var b strings.Builder
	b.WriteString(`version: 1
member_id: 958
currency: USD
advertisers:
  - {id: 7, name: ProStarr Sportswear}
  - {id: 12, name: Alpenblick Reisen, currency: EUR, time_zone: Europe/Berlin}
line_items:
`)
	for _, item := range n.items {
		fmt.Fprintf(&b, "  - id: %d\n    advertiser_id: %d\n    name: Line item %[1]d\n    pixels:\n", item.id, item.advertiser)
		for _, a := range item.pixels {
			fmt.Fprintf(&b, "      - pixel_id: %d\n        rates:\n", a.pixel)
			for _, r := range a.rates {
				fmt.Fprintf(&b, "          - {from: %s, post_click_revenue: \"%s\", post_view_revenue: \"%s\"}\n", r.from.UTC().Format(time.RFC3339), cents(r.click), cents(r.view))
			}
		}
	}
	b.WriteString("trackers:\n")
	for _, item := range n.items {
		fmt.Fprintf(&b, "  - {id: %d, kind: impression, line_item_id: %d}\n", item.impressions, item.id)
		fmt.Fprintf(&b, "  - {id: %d, kind: click, line_item_id: %d, landing_url: \"https://shop.example/\"}\n", item.clicks, item.id)
	}
	b.WriteString("pixels:\n")
	for _, p := range n.pixels {
		fmt.Fprintf(&b, "  - id: %d\n    advertiser_id: %d\n    name: %s\n    min_minutes_per_conv: %s\n", p.id, p.advertiser, p.name, p.repeat)
		if len(p.settings) > 0 {
			b.WriteString("    settings:\n")
		}
		for _, s := range slices.SortedFunc(slices.Values(p.settings), func(a, b yearSettings) int { return a.from.Compare(b.from) }) {
			fmt.Fprintf(&b, "      - {from: %s, %s}\n", s.from.Format(time.RFC3339), s.set)
		}
	}
	return []byte(b.String())
}

func cents(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
