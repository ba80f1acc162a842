package synth

import (
	"errors"
	"fmt"
	"strings"

	"pixledger/schemas"
)

// network is the catalog as far as requests need it, its texts made once.
type network struct {
	impressions []tracker
	clicks      []tracker     // all of them
	clicksOf    map[int][]int // indexes of clicks, by line item
	pixels      []pixel
	pixelsOf    map[int][]int // indexes of pixels, by line item
	segments    []int64
	member      int64
}

// tracker is an impression or click tracker.
type tracker struct {
	target   string // "/imptr?id=2766"
	referer  string // the publisher's site
	lineItem int    // index in the catalog
}

// pixel is a conversion pixel.
type pixel struct {
	query, byCode string // "id=9012"; "code=checkout&member=958" or ""
	referer       string // the advertiser's shop
	piggyback     bool   // an image answers 302
}

func newNetwork(cat *schemas.Catalog) (*network, error) {
	n := &network{clicksOf: map[int][]int{}, pixelsOf: map[int][]int{}, member: cat.MemberID}
	pixelAt := map[int64]int{}
	for i := range cat.Pixels {
		p := &cat.Pixels[i]
		q := pixel{query: fmt.Sprintf("id=%d", p.ID), referer: shop(cat, p.AdvertiserID), piggyback: p.ImageCanPiggyback() && len(p.Piggybacks) > 0}
		if p.Code != "" && plain(p.Code) {
			q.byCode = fmt.Sprintf("code=%s&member=%d", p.Code, cat.MemberID)
		}
		pixelAt[p.ID] = len(n.pixels)
		n.pixels = append(n.pixels, q)
	}
	lineItemAt := map[int64]int{}
	for i := range cat.LineItems {
		lineItemAt[cat.LineItems[i].ID] = i
		for _, a := range cat.LineItems[i].Pixels {
			if at, ok := pixelAt[a.PixelID]; ok {
				n.pixelsOf[i] = append(n.pixelsOf[i], at)
			}
		}
	}
	for i := range cat.Trackers {
		t := &cat.Trackers[i]
		lineItem, ok := lineItemAt[t.LineItemID]
		if !ok {
			continue
		}
		q := tracker{referer: site(t.PublisherID), lineItem: lineItem}
		if t.Kind == schemas.ClickTracker {
			q.target = fmt.Sprintf("/clktr?id=%d", t.ID)
			n.clicksOf[lineItem] = append(n.clicksOf[lineItem], len(n.clicks))
			n.clicks = append(n.clicks, q)
		} else {
			q.target = fmt.Sprintf("/imptr?id=%d", t.ID)
			n.impressions = append(n.impressions, q)
		}
	}
	for _, s := range cat.Segments {
		n.segments = append(n.segments, s.ID)
	}
	if len(n.impressions) == 0 || len(n.pixels) == 0 {
		return nil, errors.New("a synthetic log needs a catalog with impression trackers and pixels")
	}
	return n, nil
}

func shop(cat *schemas.Catalog, advertiser int64) string {
	if a := cat.Advertiser(advertiser); a != nil && a.Code != "" && plain(a.Code) {
		return "https://shop." + strings.ToLower(a.Code) + ".example/"
	}
	return fmt.Sprintf("https://shop-%d.example/", advertiser)
}

func site(publisher int64) string {
	if publisher == 0 {
		return "https://www.exchange.example/"
	}
	return fmt.Sprintf("https://www.publisher-%d.example/", publisher)
}

// plain tells whether a code can stand in a URL and a host as it is.
func plain(code string) bool {
	for _, c := range code {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
