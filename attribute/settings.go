package attribute

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"math/big"
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

func (p period) holds(t time.Time) bool { return !t.Before(p.from) && t.Before(p.until) }

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

// settings is the catalog as the tables of settings.sql hold it: the rows of
// each, by pixel where they are a pixel's.
type settings struct {
	pixels   []int64
	byPixel  map[int64]*pixelSettings
	memberID int64
	codes    map[string]int64 // the pixel of a code
	trackers []values
}

type values = []driver.Value

// pixelSettings are the rows about one pixel.
type pixelSettings struct {
	periods      []values // pixel_periods
	associations []values // association_periods
	rates        []values // rate_periods
	payer        values   // payers
	// What steps 1 to 8, 9 and 10, and booking depend on, as hashes of it.
	prints prints
}

// prints tell whether what decides a pixel's conversions has changed.
type prints struct {
	Candidates string `json:"candidates"` // steps 1 to 8
	Repeats    string `json:"repeats"`    // steps 9 and 10
	Booking    string `json:"booking"`    // what an attributed conversion earns
}

func newSettings(cat *schemas.Catalog) *settings {
	s := &settings{byPixel: make(map[int64]*pixelSettings, len(cat.Pixels)), memberID: cat.MemberID, codes: map[string]int64{}}
	currencies := make(map[int64]string, len(cat.Advertisers))
	for i := range cat.Advertisers {
		currencies[cat.Advertisers[i].ID] = cat.Advertisers[i].Currency
	}
	trackersOf := map[int64][]values{} // by line item
	for i := range cat.Trackers {
		t := &cat.Trackers[i]
		row := values{t.ID, t.LineItemID, idOrNull(t.CreativeID), idOrNull(t.PublisherID)}
		s.trackers = append(s.trackers, row)
		trackersOf[t.LineItemID] = append(trackersOf[t.LineItemID], row)
	}
	by := servedBy(cat)
	for i := range cat.Pixels {
		p := &cat.Pixels[i]
		if p.Code != "" {
			s.codes[p.Code] = p.ID
		}
		s.pixels = append(s.pixels, p.ID)
		s.byPixel[p.ID] = newPixelSettings(p, by[p.ID], currencies[p.AdvertiserID], trackersOf)
	}
	return s
}

func idOrNull(id int64) driver.Value {
	if id == 0 {
		return nil
	}
	return id
}

// served is when a line item that a pixel is attached to, and the association,
// count.
type served struct {
	period
	lineItemID int64
	rates      []schemas.Rate
}

// servedBy gives the line items of every pixel.
func servedBy(cat *schemas.Catalog) map[int64][]served {
	out := map[int64][]served{}
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
				out[a.PixelID] = append(out[a.PixelID], served{both, l.ID, a.Rates})
			}
		}
	}
	return out
}

func newPixelSettings(p *schemas.Pixel, by []served, currency string, trackersOf map[int64][]values) *pixelSettings {
	out := &pixelSettings{payer: values{p.ID, p.AdvertiserID, currency}}
	var candidates, repeats, booking printer
	for _, s := range pixelPeriods(p, by) {
		click, maxClick, view, maxView := windows(s.settings)
		var minMinutes driver.Value
		if s.settings.MinMinutesPerConv != nil {
			minMinutes = *s.settings.MinMinutesPerConv
		}
		out.periods = append(out.periods, values{p.ID, s.from, s.until, s.counts, s.hasLineItem, click, maxClick, view, maxView, minMinutes, s.settings.UniqueOrderID})
		candidates.add(values{s.from, s.until, s.counts, s.hasLineItem, click, maxClick, view, maxView})
		repeats.add(values{s.from, s.until, minMinutes, s.settings.UniqueOrderID})
	}
	booking.add(out.payer)
	for _, s := range by {
		row := values{p.ID, s.lineItemID, s.from, s.until}
		out.associations = append(out.associations, row)
		candidates.add(row)
		for _, t := range trackersOf[s.lineItemID] {
			candidates.add(t[:2])
			booking.add(t)
		}
		for _, r := range ratePeriods(s.rates) {
			row := values{p.ID, s.lineItemID, r.from, r.until, decimalOrNull(r.rate.PostClickRevenue), decimalOrNull(r.rate.PostViewRevenue)}
			out.rates = append(out.rates, row)
			booking.add(values{s.lineItemID, r.from, r.until, moneyText(r.rate.PostClickRevenue), moneyText(r.rate.PostViewRevenue)})
		}
	}
	out.prints = prints{candidates.sum(), repeats.sum(), booking.sum()}
	return out
}

// printer gathers rows in any order and gives a hash of them.
type printer struct{ lines []string }

func (p *printer) add(row values) { p.lines = append(p.lines, fmt.Sprintf("%v", row)) }

func (p *printer) sum() string {
	slices.Sort(p.lines)
	h := sha256.New()
	for _, l := range p.lines {
		fmt.Fprintln(h, l)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// pixelPeriod is a stretch of time in which nothing about a pixel changes.
type pixelPeriod struct {
	period
	counts      bool
	hasLineItem bool
	settings    schemas.PixelSettings
}

// pixelPeriods cuts all of time at every change of a pixel and of what it is
// attached to.
func pixelPeriods(p *schemas.Pixel, by []served) []pixelPeriod {
	cuts := []time.Time{earliest}
	for _, c := range p.Changes {
		cuts = append(cuts, bound(c.From))
	}
	for _, t := range []*time.Time{p.Period.From, p.Period.Until} {
		if t != nil {
			cuts = append(cuts, bound(*t))
		}
	}
	for _, s := range by {
		cuts = append(cuts, s.from)
		if s.until.Before(latest) {
			cuts = append(cuts, s.until)
		}
	}
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	out := make([]pixelPeriod, len(cuts))
	for i, from := range cuts {
		out[i] = pixelPeriod{
			period{from, latest}, p.Period.Counts(p.State, from),
			slices.ContainsFunc(by, func(s served) bool { return s.holds(from) }), p.SettingsAt(from),
		}
		if i+1 < len(cuts) {
			out[i].until = cuts[i+1]
		}
	}
	return out
}

// windows gives the lookback windows and their maximum in minutes, by kind;
// nil where the trigger type does not let that kind of touch earn.
func windows(s schemas.PixelSettings) (click, maxClick, view, maxView driver.Value) {
	if s.TriggerType != schemas.TriggerView {
		click, maxClick = s.PostClickExpireMins, int64(schemas.MaxClickMinutes)
	}
	if s.TriggerType != schemas.TriggerClick {
		view, maxView = s.PostViewExpireMins, int64(schemas.MaxViewMinutes)
	}
	return click, maxClick, view, maxView
}

// ratePeriod is when a rate entry is the latest one.
type ratePeriod struct {
	period
	rate schemas.Rate
}

func ratePeriods(rates []schemas.Rate) []ratePeriod {
	sorted := slices.Clone(rates)
	slices.SortFunc(sorted, func(a, b schemas.Rate) int { return a.From.Compare(b.From) })
	var out []ratePeriod
	for i, r := range sorted {
		p := period{bound(r.From), latest}
		if i+1 < len(sorted) {
			p.until = bound(sorted[i+1].From)
		}
		if p.from.Before(p.until) {
			out = append(out, ratePeriod{p, r})
		}
	}
	return out
}

func decimalOrNull(m *schemas.Money) driver.Value {
	if m == nil {
		return nil
	}
	return duckdb.Decimal{Width: schemas.MoneyPrecision, Scale: schemas.MoneyScale, Value: big.NewInt(int64(*m))}
}

func moneyText(m *schemas.Money) string {
	if m == nil {
		return "none"
	}
	return m.String()
}

// changes are what a catalog decides otherwise than the one before it.
type changes struct {
	pixels []pixelChange
	codes  []code
}

// pixelChange says that the conversions of a pixel must be looked at again,
// from a step on; from step 11: what they earn alone.
type pixelChange struct {
	pixelID  int64
	fromStep int32
}

// code is a pixel's code as conversions bring it.
type code struct {
	code     string
	memberID int64
}

// since lists what has changed since a run that remembered these.
func (s *settings) since(pixels map[int64]prints, codes map[string]int64, memberID int64) changes {
	var out changes
	for _, id := range s.pixels {
		was, is := pixels[id], s.byPixel[id].prints
		if was.Candidates != is.Candidates {
			out.pixels = append(out.pixels, pixelChange{id, 1})
			continue
		}
		if was.Repeats != is.Repeats {
			out.pixels = append(out.pixels, pixelChange{id, 9})
		}
		if was.Booking != is.Booking {
			out.pixels = append(out.pixels, pixelChange{id, 11})
		}
	}
	for id := range pixels {
		if s.byPixel[id] == nil {
			out.pixels = append(out.pixels, pixelChange{id, 1})
		}
	}
	for c, id := range s.codes {
		if was, ok := codes[c]; !ok || was != id || memberID != s.memberID {
			out.codes = append(out.codes, code{c, s.memberID})
		}
	}
	for c, id := range codes {
		if is, ok := s.codes[c]; !ok || is != id || memberID != s.memberID {
			out.codes = append(out.codes, code{c, memberID})
		}
	}
	slices.SortFunc(out.pixels, func(a, b pixelChange) int {
		return cmp.Or(cmp.Compare(a.pixelID, b.pixelID), cmp.Compare(a.fromStep, b.fromStep))
	})
	return out
}

// load fills the tables of settings.sql.
func (s *settings) load(ctx context.Context, db *lakedb.DB, changed changes) error {
	each := func(of func(*pixelSettings) []values) []values {
		var rows []values
		for _, id := range s.pixels {
			rows = append(rows, of(s.byPixel[id])...)
		}
		return rows
	}
	var codes, changedPixels, changedCodes []values
	for c, id := range s.codes {
		codes = append(codes, values{c, s.memberID, id})
	}
	for _, p := range changed.pixels {
		changedPixels = append(changedPixels, values{p.pixelID, p.fromStep})
	}
	for _, c := range changed.codes {
		changedCodes = append(changedCodes, values{c.code, c.memberID})
	}
	for _, t := range []struct {
		table string
		rows  []values
	}{
		{"pixel_periods", each(func(p *pixelSettings) []values { return p.periods })},
		{"association_periods", each(func(p *pixelSettings) []values { return p.associations })},
		{"rate_periods", each(func(p *pixelSettings) []values { return p.rates })},
		{"payers", each(func(p *pixelSettings) []values { return []values{p.payer} })},
		{"pixel_codes", codes},
		{"trackers", s.trackers},
		{"changed_pixels", changedPixels},
		{"changed_codes", changedCodes},
	} {
		if err := db.AppendTemporary(ctx, t.table, t.rows); err != nil {
			return fmt.Errorf("load %s: %w", t.table, err)
		}
	}
	return nil
}
