package reference

import (
	"time"

	"pixledger/schemas"
)

// This file reads the catalog's plain fields. It says again, in its own way,
// what the catalog's methods say, so that a mistake in one of the two shows.

// settings are those of one pixel in force at one moment.
type settings struct {
	trigger     schemas.TriggerType
	view, click time.Duration
	minMinutes  *int64 // nil: one per user
	uniqueOrder bool
}

// settingsOf finds, key by key, the latest entry at or before t that gives the
// key; without one, the base.
func settingsOf(p *schemas.Pixel, t time.Time) settings {
	latest := func(given func(schemas.SettingsKeys) bool) schemas.PixelSettings {
		from, to := time.Time{}, p.Base
		for _, change := range p.Changes {
			if given(change.Set) && !change.From.After(t) && !change.From.Before(from) {
				from, to = change.From, change.To
			}
		}
		return to
	}
	minutes := func(n int64) time.Duration { return time.Duration(n) * time.Minute }
	return settings{
		trigger:     latest(func(k schemas.SettingsKeys) bool { return k.TriggerType }).TriggerType,
		view:        minutes(latest(func(k schemas.SettingsKeys) bool { return k.PostViewExpireMins }).PostViewExpireMins),
		click:       minutes(latest(func(k schemas.SettingsKeys) bool { return k.PostClickExpireMins }).PostClickExpireMins),
		minMinutes:  latest(func(k schemas.SettingsKeys) bool { return k.MinMinutesPerConv }).MinMinutesPerConv,
		uniqueOrder: latest(func(k schemas.SettingsKeys) bool { return k.UniqueOrderID }).UniqueOrderID,
	}
}

// pixelOf finds the pixel of a conversion: by the id sent, else by the code,
// which needs this catalog's member beside it. Nil when there is none.
func pixelOf(cat *schemas.Catalog, c Event) *schemas.Pixel {
	for i := range cat.Pixels {
		p := &cat.Pixels[i]
		if c.PixelID != nil {
			if p.ID == *c.PixelID {
				return p
			}
			continue
		}
		if c.MemberID == nil || *c.MemberID != cat.MemberID {
			continue
		}
		if p.Code != "" && text(c.PixelCode) == p.Code {
			return p
		}
	}
	return nil
}

func trackerOf(cat *schemas.Catalog, t Event) *schemas.Tracker {
	if t.TrackerID == nil {
		return nil
	}
	for i := range cat.Trackers {
		if cat.Trackers[i].ID == *t.TrackerID {
			return &cat.Trackers[i]
		}
	}
	return nil
}

// counts tells whether something of this state and these bounds counts at t:
// never when inactive, else from active_from on and before active_until.
func counts(state schemas.State, bounds schemas.Period, t time.Time) bool {
	if state == schemas.Inactive {
		return false
	}
	if bounds.From != nil && t.Before(*bounds.From) {
		return false
	}
	if bounds.Until != nil && !t.Before(*bounds.Until) {
		return false
	}
	return true
}

// associated tells whether the line item and its association with the pixel
// both count at t.
func associated(cat *schemas.Catalog, lineItemID, pixelID int64, t time.Time) bool {
	for _, l := range cat.LineItems {
		if l.ID != lineItemID || !counts(l.State, l.Period, t) {
			continue
		}
		for _, a := range l.Pixels {
			if a.PixelID == pixelID && counts(a.State, a.Period, t) {
				return true
			}
		}
	}
	return false
}

func anyLineItem(cat *schemas.Catalog, pixelID int64, t time.Time) bool {
	for _, l := range cat.LineItems {
		if associated(cat, l.ID, pixelID, t) {
			return true
		}
	}
	return false
}

// revenue is the static rate of an association for a conversion type in force
// at t. The entry with the latest from at or before t alone decides: where it
// leaves the figure out, or where there is no entry, the revenue is 0 and the
// rate is missing.
func revenue(cat *schemas.Catalog, lineItemID, pixelID int64, conversionType string, t time.Time) (amount schemas.Money, missing bool) {
	var inForce *schemas.Rate
	for _, l := range cat.LineItems {
		for _, a := range l.Pixels {
			for _, r := range a.Rates {
				if l.ID != lineItemID || a.PixelID != pixelID || r.From.After(t) {
					continue
				}
				if inForce == nil || r.From.After(inForce.From) {
					inForce = &r
				}
			}
		}
	}
	if inForce == nil {
		return 0, true
	}
	figure := inForce.PostViewRevenue
	if conversionType == PostClick {
		figure = inForce.PostClickRevenue
	}
	if figure == nil {
		return 0, true
	}
	return *figure, false
}

// currencyOf is the advertiser's currency, the catalog's where it has none of
// its own.
func currencyOf(cat *schemas.Catalog, advertiserID int64) *string {
	currency := cat.Currency
	for _, a := range cat.Advertisers {
		if a.ID == advertiserID && a.Currency != "" {
			currency = a.Currency
		}
	}
	return &currency
}
