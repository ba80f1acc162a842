package reference

import (
	"fmt"
	"slices"

	"pixledger/schemas"
)

// wellFormed says why a catalog is none that LoadCatalog could give; nil when
// it is one. It looks at what attribution depends on.
func wellFormed(cat *schemas.Catalog) error {
	ids := func(what string, of []int64) error {
		slices.Sort(of)
		for i, n := range of {
			if n <= 0 || i > 0 && n == of[i-1] {
				return fmt.Errorf("%s %d", what, n)
			}
		}
		return nil
	}
	var advertisers, pixels, lineItems, creatives, publishers, trackers []int64
	for _, a := range cat.Advertisers {
		advertisers = append(advertisers, a.ID)
		if len(a.Currency) != 3 {
			return fmt.Errorf("currency of advertiser %d", a.ID)
		}
	}
	codes := map[string]bool{}
	pixelOf := map[int64]schemas.Pixel{}
	for _, p := range cat.Pixels {
		pixels = append(pixels, p.ID)
		pixelOf[p.ID] = p
		if p.Code != "" && codes[p.Code] {
			return fmt.Errorf("code %s", p.Code)
		}
		codes[p.Code] = true
		if !slices.Contains(advertisers, p.AdvertiserID) {
			return fmt.Errorf("advertiser of pixel %d", p.ID)
		}
		if err := period(p.Period); err != nil {
			return err
		}
		for i, c := range p.Changes {
			if i > 0 && !c.From.After(p.Changes[i-1].From) {
				return fmt.Errorf("settings of pixel %d", p.ID)
			}
			if c.Set == (schemas.SettingsKeys{}) {
				return fmt.Errorf("settings of pixel %d that set nothing", p.ID)
			}
		}
	}
	for _, l := range cat.LineItems {
		lineItems = append(lineItems, l.ID)
		if err := period(l.Period); err != nil {
			return err
		}
		var attached []int64
		for _, a := range l.Pixels {
			attached = append(attached, a.PixelID)
			if p, ok := pixelOf[a.PixelID]; !ok || p.AdvertiserID != l.AdvertiserID {
				return fmt.Errorf("pixel %d on line item %d", a.PixelID, l.ID)
			}
			if err := period(a.Period); err != nil {
				return err
			}
			var froms []int64
			for _, r := range a.Rates {
				froms = append(froms, r.From.UnixMicro())
			}
			if err := ids("rate", froms); err != nil {
				return err
			}
		}
		if err := ids("association", attached); err != nil || len(attached) > 20 {
			return fmt.Errorf("line item %d: %d pixels, %w", l.ID, len(attached), err)
		}
	}
	for _, c := range cat.Creatives {
		creatives = append(creatives, c.ID)
		if !slices.Contains(lineItems, c.LineItemID) {
			return fmt.Errorf("line item of creative %d", c.ID)
		}
	}
	for _, p := range cat.Publishers {
		publishers = append(publishers, p.ID)
	}
	for _, t := range cat.Trackers {
		trackers = append(trackers, t.ID)
		if !slices.Contains(lineItems, t.LineItemID) ||
			t.CreativeID != 0 && !slices.Contains(creatives, t.CreativeID) ||
			t.PublisherID != 0 && !slices.Contains(publishers, t.PublisherID) {
			return fmt.Errorf("what tracker %d names", t.ID)
		}
	}
	for what, of := range map[string][]int64{"advertiser": advertisers, "pixel": pixels, "line item": lineItems,
		"creative": creatives, "publisher": publishers, "tracker": trackers} {
		if err := ids(what, of); err != nil {
			return err
		}
	}
	return nil
}

func period(p schemas.Period) error {
	if p.From != nil && p.Until != nil && !p.From.Before(*p.Until) {
		return fmt.Errorf("bounds %v to %v", p.From, p.Until)
	}
	return nil
}
