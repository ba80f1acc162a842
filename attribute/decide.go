package attribute

import (
	"database/sql"
	"time"

	"pixledger/schemas"
)

// The words of outcome, reason and conversion_type that are given here; the
// reasons of steps 1 to 7 stand in the SQL that gives them.
const (
	attributed   = "attributed"
	unattributed = "unattributed"

	duplicateOrder = "duplicate_order"
	repeat         = "repeat"
	voided         = "voided"

	postClick = "post_click"
	postView  = "post_view"
)

// row is one row of attributions. Times are Unix microseconds.
type row struct {
	*conversion
	advertiserID   sql.Null[int64]
	reason         sql.Null[string]
	conversionType sql.Null[string]
	tracker        *schemas.Tracker // the winning touch's; nil unless attributed
	bookedRevenue  schemas.Money
	currency       sql.Null[string]
	rateMissing    bool
}

// decider takes conversions in the order (time, id) through the steps in which
// a decision depends on those before it. What it remembers grows with the
// attributed conversions alone.
type decider struct {
	pixels       map[int64]*schemas.Pixel
	currencies   map[int64]string // by advertiser
	trackers     map[int64]*schemas.Tracker
	associations map[association]*schemas.Association

	orders map[orderOfPixel]struct{} // attributed
	last   map[userOfPixel]int64     // when last attributed
}

type association struct{ pixelID, lineItemID int64 }

type orderOfPixel struct {
	pixelID int64
	orderID string
}

type userOfPixel struct {
	pixelID int64
	userID  string
}

func newDecider(cat *schemas.Catalog) *decider {
	d := &decider{
		pixels:       make(map[int64]*schemas.Pixel, len(cat.Pixels)),
		currencies:   make(map[int64]string, len(cat.Advertisers)),
		trackers:     make(map[int64]*schemas.Tracker, len(cat.Trackers)),
		associations: map[association]*schemas.Association{},
		orders:       map[orderOfPixel]struct{}{},
		last:         map[userOfPixel]int64{},
	}
	for i := range cat.Pixels {
		d.pixels[cat.Pixels[i].ID] = &cat.Pixels[i]
	}
	for i := range cat.Advertisers {
		d.currencies[cat.Advertisers[i].ID] = cat.Advertisers[i].Currency
	}
	for i := range cat.Trackers {
		d.trackers[cat.Trackers[i].ID] = &cat.Trackers[i]
	}
	for i := range cat.LineItems {
		l := &cat.LineItems[i]
		for j := range l.Pixels {
			d.associations[association{l.Pixels[j].PixelID, l.ID}] = &l.Pixels[j]
		}
	}
	return d
}

// next decides the next conversion.
func (d *decider) next(c *conversion) *row {
	r := &row{conversion: c, reason: c.reason}
	pixel := d.pixels[c.pixelID.V] // ids are positive: a null one, 0, finds none
	if pixel != nil {
		r.advertiserID = sql.Null[int64]{V: pixel.AdvertiserID, Valid: true}
	}
	if r.reason.Valid {
		return r
	}
	at := time.UnixMicro(c.time).UTC()
	if reason := d.sequel(c, pixel.SettingsAt(at)); reason != "" {
		r.reason = sql.Null[string]{V: reason, Valid: true}
		return r
	}
	d.book(r, pixel, at)
	return r
}

// sequel takes steps 9 to 11 and gives the reason of the first that fails the
// conversion, or "". A voided one has passed steps 9 and 10, so it counts in
// those of the conversions after it.
func (d *decider) sequel(c *conversion, s schemas.PixelSettings) string {
	order := orderOfPixel{c.pixelID.V, c.orderID.V}
	if s.UniqueOrderID && order.orderID != "" {
		if _, taken := d.orders[order]; taken {
			return duplicateOrder
		}
	}
	user := userOfPixel{c.pixelID.V, c.userID.V}
	if !c.userID.Valid {
		user.userID = c.touchUser.V
	}
	known := c.userID.Valid || c.touchUser.Valid
	if known && d.repeats(user, c.time, s.MinMinutesPerConv) {
		return repeat
	}
	if order.orderID != "" {
		d.orders[order] = struct{}{}
	}
	if known {
		d.last[user] = c.time
	}
	if c.voided {
		return voided
	}
	return ""
}

// repeats tells whether a conversion of the user at a time comes too soon
// after the last one attributed. minMinutes nil: any second one is too soon.
func (d *decider) repeats(user userOfPixel, at int64, minMinutes *int64) bool {
	last, any := d.last[user]
	switch {
	case !any:
		return false
	case minMinutes == nil:
		return true
	}
	return at-last < *minMinutes*time.Minute.Microseconds()
}

// book gives an attributed conversion what its touch earns: the static revenue
// in force at the conversion's time. A figure that is not there books 0.
func (d *decider) book(r *row, pixel *schemas.Pixel, at time.Time) {
	r.tracker = d.trackers[r.trackerID.V]
	r.currency = sql.Null[string]{V: d.currencies[pixel.AdvertiserID], Valid: true}
	rate, _ := d.associations[association{pixel.ID, r.tracker.LineItemID}].RateAt(at)
	figure := rate.PostViewRevenue
	r.conversionType = sql.Null[string]{V: postView, Valid: true}
	if r.isClick.V {
		figure = rate.PostClickRevenue
		r.conversionType.V = postClick
	}
	if figure == nil {
		r.rateMissing = true
		return
	}
	r.bookedRevenue = *figure
}
