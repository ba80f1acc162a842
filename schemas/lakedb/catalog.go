package lakedb

import (
	"context"
	_ "embed" // the SQL files
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pixledger/schemas"
)

//go:embed fill.sql
var fillSQL string

// fillCatalog loads the catalog's lists into their tables, each from one bound
// JSON document. The statements stand in fill.sql in the order of the lists.
func (d *DB) fillCatalog(ctx context.Context, c *schemas.Catalog) error {
	if _, err := d.ExecContext(ctx, "SET VARIABLE member_id = $1", c.MemberID); err != nil {
		return fmt.Errorf("load the catalog: %w", err)
	}
	if _, err := d.ExecContext(ctx, "SET VARIABLE catalog_currency = $1", c.Currency); err != nil {
		return fmt.Errorf("load the catalog: %w", err)
	}
	lists := []any{
		advertiserRows(c), insertionOrderRows(c), lineItemRows(c), rateRows(c), creativeRows(c),
		publisherRows(c), trackerRows(c), pixelRows(c), segmentRows(c),
	}
	statements := strings.Split(strings.TrimSuffix(strings.TrimSpace(fillSQL), ";"), ";\n")
	if len(statements) != len(lists) {
		return fmt.Errorf("load the catalog: %d statements for %d lists", len(statements), len(lists))
	}
	for i, rows := range lists {
		b, err := json.Marshal(rows)
		if err != nil {
			return fmt.Errorf("load the catalog: %w", err)
		}
		if _, err := d.ExecContext(ctx, statements[i], string(b)); err != nil {
			return fmt.Errorf("load the catalog: %w", err)
		}
	}
	return nil
}

type row map[string]any

func rowsOf[T any](list []T, f func(*T) row) []row {
	out := make([]row, len(list))
	for i := range list {
		out[i] = f(&list[i])
	}
	return out
}

// text is null where the catalog leaves a text out.
func text[T ~string](s T) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// id is null where the catalog leaves a reference out.
func id(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// instant is the first whole microsecond at or after t, which is what the
// tables hold: events have whole microseconds too, so that those at or after
// it are those at or after t.
func instant(t *time.Time) any {
	if t == nil {
		return nil
	}
	up := t.Truncate(time.Microsecond)
	if !up.Equal(*t) {
		up = up.Add(time.Microsecond)
	}
	return up.UTC().Format(time.RFC3339Nano)
}

func advertiserRows(c *schemas.Catalog) []row {
	return rowsOf(c.Advertisers, func(a *schemas.Advertiser) row {
		hosts := append([]string{}, a.RedirectHosts...) // omitted: an empty list, never null
		return row{"id": a.ID, "name": a.Name, "code": text(a.Code), "currency": a.Currency, "time_zone": text(a.TimeZone), "redirect_hosts": hosts}
	})
}

func insertionOrderRows(c *schemas.Catalog) []row {
	return rowsOf(c.InsertionOrders, func(o *schemas.InsertionOrder) row {
		return row{"id": o.ID, "advertiser_id": o.AdvertiserID, "name": text(o.Name), "code": text(o.Code), "po_number": text(o.PONumber)}
	})
}

func lineItemRows(c *schemas.Catalog) []row {
	return rowsOf(c.LineItems, func(l *schemas.LineItem) row {
		return row{
			"id": l.ID, "advertiser_id": l.AdvertiserID, "insertion_order_id": id(l.InsertionOrderID), "name": l.Name, "code": text(l.Code),
			"state": l.State, "active_from": instant(l.From), "active_until": instant(l.Until),
			"pixels": rowsOf(l.Pixels, func(a *schemas.Association) row {
				return row{"pixel_id": a.PixelID, "state": a.State, "active_from": instant(a.From), "active_until": instant(a.Until)}
			}),
		}
	})
}

func rateRows(c *schemas.Catalog) []row {
	out := []row{}
	for i := range c.LineItems {
		for j := range c.LineItems[i].Pixels {
			a := &c.LineItems[i].Pixels[j]
			for _, r := range a.Rates {
				out = append(out, row{
					"line_item_id": c.LineItems[i].ID, "pixel_id": a.PixelID, "from": instant(&r.From),
					"post_click_revenue": r.PostClickRevenue, "post_view_revenue": r.PostViewRevenue,
				})
			}
		}
	}
	return out
}

func creativeRows(c *schemas.Catalog) []row {
	return rowsOf(c.Creatives, func(x *schemas.Creative) row {
		return row{"id": x.ID, "line_item_id": id(x.LineItemID), "name": text(x.Name)}
	})
}

func publisherRows(c *schemas.Catalog) []row {
	return rowsOf(c.Publishers, func(p *schemas.Publisher) row { return row{"id": p.ID, "name": text(p.Name)} })
}

func trackerRows(c *schemas.Catalog) []row {
	return rowsOf(c.Trackers, func(t *schemas.Tracker) row {
		return row{
			"id": t.ID, "kind": t.Kind, "line_item_id": t.LineItemID, "creative_id": id(t.CreativeID),
			"publisher_id": id(t.PublisherID), "landing_url": text(t.LandingURL),
		}
	})
}

func pixelRows(c *schemas.Catalog) []row {
	return rowsOf(c.Pixels, func(p *schemas.Pixel) row {
		r := settingsRow(p.Base)
		r["id"], r["advertiser_id"], r["name"], r["code"] = p.ID, p.AdvertiserID, p.Name, text(p.Code)
		r["state"], r["active_from"], r["active_until"] = p.State, instant(p.Period.From), instant(p.Period.Until)
		r["event_category"] = text(p.EventCategory)
		r["piggyback_pixels"] = rowsOf(p.Piggybacks, func(b *schemas.Piggyback) row { return row{"pixel_type": b.PixelType, "url": b.URL} })
		r["settings"] = rowsOf(p.Changes, func(s *schemas.SettingsChange) row {
			out := settingsRow(p.SettingsAt(s.From))
			out["from"] = instant(&s.From)
			return out
		})
		return r
	})
}

func settingsRow(s schemas.PixelSettings) row {
	return row{
		"trigger_type": s.TriggerType, "post_view_expire_mins": s.PostViewExpireMins, "post_click_expire_mins": s.PostClickExpireMins,
		"min_minutes_per_conv": s.MinMinutesPerConv, "unique_order_id": s.UniqueOrderID,
	}
}

func segmentRows(c *schemas.Catalog) []row {
	return rowsOf(c.Segments, func(s *schemas.Segment) row {
		return row{"id": s.ID, "name": text(s.Name), "code": text(s.Code), "expire_minutes": s.ExpireMinutes}
	})
}
