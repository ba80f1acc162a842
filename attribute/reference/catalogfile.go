package reference

import (
	"encoding/json"
	"time"

	"pixledger/schemas"
)

// CatalogFile writes the catalog of a world or an example as a catalog.yaml
// that LoadCatalog reads as the same catalog, but for its digest. (It is JSON,
// which YAML includes.)
func CatalogFile(cat *schemas.Catalog) []byte {
	type entry = map[string]any
	file := entry{"version": cat.Version, "member_id": cat.MemberID, "currency": cat.Currency}
	add := func(to entry, list string, e entry) {
		entries, _ := to[list].([]entry)
		to[list] = append(entries, e)
	}
	for _, a := range cat.Advertisers {
		add(file, "advertisers", entry{"id": a.ID, "name": a.Name, "currency": a.Currency})
	}
	for _, p := range cat.Publishers {
		add(file, "publishers", entry{"id": p.ID, "name": p.Name})
	}
	for _, p := range cat.Pixels {
		e := entry{"id": p.ID, "advertiser_id": p.AdvertiserID, "name": p.Name}
		if p.Code != "" {
			e["code"] = p.Code
		}
		writeBounds(e, p.State, p.Period)
		writeSettings(e, allKeys, p.Base)
		for _, c := range p.Changes {
			change := entry{"from": instant(c.From)}
			writeSettings(change, c.Set, c.To)
			add(e, "settings", change)
		}
		add(file, "pixels", e)
	}
	for _, l := range cat.LineItems {
		e := entry{"id": l.ID, "advertiser_id": l.AdvertiserID, "name": l.Name}
		writeBounds(e, l.State, l.Period)
		for _, a := range l.Pixels {
			association := entry{"pixel_id": a.PixelID}
			writeBounds(association, a.State, a.Period)
			for _, r := range a.Rates {
				rate := entry{"from": instant(r.From)}
				if r.PostClickRevenue != nil {
					rate["post_click_revenue"] = r.PostClickRevenue.String()
				}
				if r.PostViewRevenue != nil {
					rate["post_view_revenue"] = r.PostViewRevenue.String()
				}
				add(association, "rates", rate)
			}
			add(e, "pixels", association)
		}
		add(file, "line_items", e)
	}
	for _, c := range cat.Creatives {
		add(file, "creatives", entry{"id": c.ID, "line_item_id": c.LineItemID, "name": c.Name})
	}
	for _, t := range cat.Trackers {
		e := entry{"id": t.ID, "kind": t.Kind, "line_item_id": t.LineItemID}
		if t.CreativeID != 0 {
			e["creative_id"] = t.CreativeID
		}
		if t.PublisherID != 0 {
			e["publisher_id"] = t.PublisherID
		}
		add(file, "trackers", e)
	}
	content, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		panic(err) // texts, numbers and booleans always marshal
	}
	return append(content, '\n')
}

func writeBounds(e map[string]any, state schemas.State, p schemas.Period) {
	e["state"] = state
	if p.From != nil {
		e["active_from"] = instant(*p.From)
	}
	if p.Until != nil {
		e["active_until"] = instant(*p.Until)
	}
}

func writeSettings(e map[string]any, keys schemas.SettingsKeys, s schemas.PixelSettings) {
	if keys.TriggerType {
		e["trigger_type"] = s.TriggerType
	}
	if keys.PostViewExpireMins {
		e["post_view_expire_mins"] = s.PostViewExpireMins
	}
	if keys.PostClickExpireMins {
		e["post_click_expire_mins"] = s.PostClickExpireMins
	}
	if keys.MinMinutesPerConv {
		e["min_minutes_per_conv"] = s.MinMinutesPerConv
	}
	if keys.UniqueOrderID {
		e["unique_order_id"] = s.UniqueOrderID
	}
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
