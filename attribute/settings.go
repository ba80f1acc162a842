package attribute

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"pixledger/schemas"
	"pixledger/schemas/lakedb"
)

// The ends of time, for what is unbounded.
var (
	earliest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// period is half-open.
type period struct{ from, until time.Time }

// periodOf is when something of this state and period counts; false: never.
func periodOf(s schemas.State, p schemas.Period) (period, bool) {
	if s == schemas.Inactive {
		return period{}, false
	}
	out := period{earliest, latest}
	if p.From != nil {
		out.from = bound(*p.From)
	}
	if p.Until != nil {
		out.until = bound(*p.Until)
	}
	return out, out.from.Before(out.until)
}

func (p period) and(o period) (period, bool) {
	if o.from.After(p.from) {
		p.from = o.from
	}
	if o.until.Before(p.until) {
		p.until = o.until
	}
	return p, p.from.Before(p.until)
}

// bound is the first whole microsecond at or after t, within the ends of time.
// Events have whole microseconds, so those at or after it are those at or after t.
func bound(t time.Time) time.Time {
	if cut := t.Truncate(time.Microsecond); !cut.Equal(t) {
		t = cut.Add(time.Microsecond)
	}
	switch {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t.UTC()
}

// pixelPeriod is a stretch of time in which nothing about a pixel changes.
type pixelPeriod struct {
	period
	counts   bool
	settings schemas.PixelSettings
}

// pixelPeriods cuts all of time at every change of a pixel.
func pixelPeriods(p *schemas.Pixel) []pixelPeriod {
	cuts := []time.Time{earliest}
	for _, c := range p.Changes {
		cuts = append(cuts, bound(c.From))
	}
	for _, t := range []*time.Time{p.Period.From, p.Period.Until} {
		if t != nil {
			cuts = append(cuts, bound(*t))
		}
	}
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	out := make([]pixelPeriod, len(cuts))
	for i, from := range cuts {
		out[i] = pixelPeriod{period{from, latest}, p.Period.Counts(p.State, from), p.SettingsAt(from)}
		if i+1 < len(cuts) {
			out[i].until = cuts[i+1]
		}
	}
	return out
}

// windows gives the lookback windows and their maximum in minutes, by kind;
// nil where the trigger type does not let that kind of touch earn.
func windows(s schemas.PixelSettings) (click, maxClick, view, maxView any) {
	if s.TriggerType != schemas.TriggerView {
		click, maxClick = s.PostClickExpireMins, int64(schemas.MaxClickMinutes)
	}
	if s.TriggerType != schemas.TriggerClick {
		view, maxView = s.PostViewExpireMins, int64(schemas.MaxViewMinutes)
	}
	return click, maxClick, view, maxView
}

// loadSettings fills the tables of settings.sql from the catalog.
func loadSettings(ctx context.Context, db *lakedb.DB, cat *schemas.Catalog) error {
	pixelRows := func(add func(...driver.Value) error) error {
		for i := range cat.Pixels {
			for _, s := range pixelPeriods(&cat.Pixels[i]) {
				click, maxClick, view, maxView := windows(s.settings)
				if err := add(cat.Pixels[i].ID, s.from, s.until, s.counts, click, maxClick, view, maxView); err != nil {
					return err
				}
			}
		}
		return nil
	}
	associationRows := func(add func(...driver.Value) error) error {
		for i := range cat.LineItems {
			l := &cat.LineItems[i]
			item, ok := periodOf(l.State, l.Period)
			if !ok {
				continue
			}
			for j := range l.Pixels {
				a := &l.Pixels[j]
				attached, ok := periodOf(a.State, a.Period)
				if !ok {
					continue
				}
				if both, ok := item.and(attached); ok {
					if err := add(a.PixelID, l.ID, both.from, both.until); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	codeRows := func(add func(...driver.Value) error) error {
		for i := range cat.Pixels {
			if code := cat.Pixels[i].Code; code != "" {
				if err := add(code, cat.MemberID, cat.Pixels[i].ID); err != nil {
					return err
				}
			}
		}
		return nil
	}
	trackerRows := func(add func(...driver.Value) error) error {
		for i := range cat.Trackers {
			if err := add(cat.Trackers[i].ID, cat.Trackers[i].LineItemID); err != nil {
				return err
			}
		}
		return nil
	}
	for _, t := range []struct {
		table string
		rows  func(func(...driver.Value) error) error
	}{
		{"pixel_periods", pixelRows},
		{"association_periods", associationRows},
		{"pixel_codes", codeRows},
		{"tracker_line_items", trackerRows},
	} {
		if err := appendRows(ctx, db, t.table, t.rows); err != nil {
			return fmt.Errorf("load %s: %w", t.table, err)
		}
	}
	return nil
}

func appendRows(ctx context.Context, db *lakedb.DB, table string, rows func(func(...driver.Value) error) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	err = conn.Raw(func(c any) error {
		app, err := duckdb.NewAppender(c.(driver.Conn), "temp", "", table)
		if err != nil {
			return err
		}
		return errors.Join(rows(app.AppendRow), app.Close())
	})
	return errors.Join(err, conn.Close())
}
