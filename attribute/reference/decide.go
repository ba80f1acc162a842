package reference

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"pixledger/schemas"
)

// The longest windows that a pixel can have. A touch within them but outside
// the pixel's own is expired.
const (
	longestView  = 43_200 * time.Minute
	longestClick = 129_600 * time.Minute
)

// decided is a conversion that passed steps 1 to 10. A voided one is among
// them: it still counts as attributed for the conversions after it.
type decided struct {
	conversion Event
	pixelID    int64
	user       string // by whom step 10 counts; empty: by nobody
}

// Attribute decides every conversion among events, one row for each event id,
// sorted by (conversion_time, conversion_id). The order of events and of voids
// does not matter. Voids of ids that no conversion has are ignored.
func Attribute(cat *schemas.Catalog, events []Event, voids []string) []Attribution {
	var rows []Attribution
	var earlier []decided
	for _, c := range conversions(events) {
		row, d := decide(cat, events, voids, earlier, c)
		rows = append(rows, row)
		if d != nil {
			earlier = append(earlier, *d)
		}
	}
	return rows
}

// decide takes one conversion through the steps. earlier holds what passed
// before it. The second result is nil unless c passed steps 1 to 10.
func decide(cat *schemas.Catalog, events []Event, voids []string, earlier []decided, c Event) (Attribution, *decided) {
	p := pixelOf(cat, c)
	row := Attribution{
		ConversionID:   c.EventID,
		ConversionTime: c.EventTime,
		PixelID:        c.PixelID,
		UserID:         c.UserID,
		OrderID:        c.OrderID,
		Value:          c.Value,
		Other:          c.Other,
		ServerSide:     c.ServerSide,
		Outcome:        Unattributed,
	}
	if p != nil {
		row.PixelID = &p.ID
		row.AdvertiserID = &p.AdvertiserID
	}
	fails := func(reason string) (Attribution, *decided) {
		row.Reason = &reason
		return row, nil
	}

	// Step 1.
	if c.InvalidReason != nil {
		return fails(InvalidTraffic)
	}
	// Step 2.
	if p == nil {
		return fails(UnknownPixel)
	}
	// Step 3.
	if !counts(p.State, p.Period, c.EventTime) {
		return fails(InactivePixel)
	}
	// Step 4.
	if !anyLineItem(cat, p.ID, c.EventTime) {
		return fails(NoLineItem)
	}
	// Step 5.
	if c.Consent == "denied" {
		return fails(NoConsent)
	}
	// Step 6.
	if text(c.UserID) == "" && text(c.SSPData) == "" {
		return fails(NoUser)
	}

	// Step 7.
	s := settingsOf(p, c.EventTime)
	var candidates []Event
	wouldQualify := false
	for _, t := range events {
		if !eligible(cat, p, s, c, t) {
			continue
		}
		age := c.EventTime.Sub(t.EventTime)
		window, longest := s.view, longestView
		if t.Type == Click {
			window, longest = s.click, longestClick
		}
		if age <= window {
			candidates = append(candidates, t)
		}
		if age <= longest {
			wouldQualify = true
		}
	}
	if len(candidates) == 0 {
		if wouldQualify {
			return fails(Expired)
		}
		return fails(NoTouch)
	}

	// Step 8.
	winner := candidates[0]
	for _, t := range candidates[1:] {
		if beats(t, winner) {
			winner = t
		}
	}

	// Step 9.
	if s.uniqueOrder && text(c.OrderID) != "" {
		for _, e := range earlier {
			if e.pixelID == p.ID && text(e.conversion.OrderID) == *c.OrderID {
				return fails(DuplicateOrder)
			}
		}
	}

	// Step 10.
	user := text(c.UserID)
	if user == "" {
		user = text(winner.UserID)
	}
	if user != "" {
		for _, e := range earlier {
			if e.pixelID != p.ID || e.user != user {
				continue
			}
			if s.minMinutes == nil {
				return fails(Repeat)
			}
			n := time.Duration(*s.minMinutes) * time.Minute
			if n > 0 && c.EventTime.Sub(e.conversion.EventTime) < n {
				return fails(Repeat)
			}
		}
	}

	// From here on it counts as attributed for those after it.
	d := &decided{conversion: c, pixelID: p.ID, user: user}

	// Step 11.
	if slices.Contains(voids, c.EventID) {
		row, _ := fails(Voided)
		return row, d
	}

	tracker := trackerOf(cat, winner)
	row.Outcome = Attributed
	row.TouchID = &winner.EventID
	row.TouchTime = &winner.EventTime
	row.TrackerID = &tracker.ID
	row.LineItemID = &tracker.LineItemID
	row.CreativeID = idOrNull(tracker.CreativeID)
	row.PublisherID = idOrNull(tracker.PublisherID)
	conversionType := PostView
	if winner.Type == Click {
		conversionType = PostClick
	}
	row.ConversionType = &conversionType
	row.BookedRevenue, row.RateMissing = revenue(cat, tracker.LineItemID, p.ID, conversionType, c.EventTime)
	row.Currency = currencyOf(cat, p.AdvertiserID)
	return row, d
}

// eligible is step 7 without the windows: t is a valid touch of a kind that
// the trigger type allows, at or before c, tied to c, whose line item is
// associated with p at c's time.
func eligible(cat *schemas.Catalog, p *schemas.Pixel, s settings, c, t Event) bool {
	if t.Type != Impression && t.Type != Click {
		return false
	}
	if t.InvalidReason != nil || t.Consent == "denied" {
		return false
	}
	tracker := trackerOf(cat, t)
	if tracker == nil || !associated(cat, tracker.LineItemID, p.ID, c.EventTime) {
		return false
	}
	if s.trigger == schemas.TriggerClick && t.Type != Click {
		return false
	}
	if s.trigger == schemas.TriggerView && t.Type != Impression {
		return false
	}
	if t.EventTime.After(c.EventTime) {
		return false
	}
	if text(c.SSPData) != "" {
		// Tied to the touch with that token alone; the cookie is not consulted.
		return touchToken(t) == *c.SSPData
	}
	return text(t.UserID) != "" && *t.UserID == *c.UserID
}

// beats is step 8: whether a wins over b.
func beats(a, b Event) bool {
	if a.Type != b.Type {
		return a.Type == Click
	}
	if !a.EventTime.Equal(b.EventTime) {
		return a.EventTime.After(b.EventTime)
	}
	if a.EventID != b.EventID {
		return a.EventID > b.EventID
	}
	if a.SourceOffset != b.SourceOffset {
		return a.SourceOffset < b.SourceOffset
	}
	if *a.TrackerID != *b.TrackerID {
		return *a.TrackerID < *b.TrackerID
	}
	// The rules end here. Two such touches give the same row; only step 10
	// could tell their users apart. Any rule but the order of arrival will do.
	return text(a.UserID) < text(b.UserID)
}

// conversions gives the conversions among events in the order of deciding
// them: (event_time, event_id). Of several lines with one id the first is it.
func conversions(events []Event) []Event {
	var found []Event
	for _, e := range events {
		if e.Type != Conversion {
			continue
		}
		same := slices.IndexFunc(found, func(f Event) bool { return f.EventID == e.EventID })
		switch {
		case same < 0:
			found = append(found, e)
		case compareLines(e, found[same]) < 0:
			found[same] = e
		}
	}
	slices.SortFunc(found, func(a, b Event) int {
		return cmp.Or(a.EventTime.Compare(b.EventTime), strings.Compare(a.EventID, b.EventID))
	})
	return found
}

// compareLines orders the lines of one conversion id. The last four columns
// are beyond the rule, so that the order of arrival never decides.
func compareLines(a, b Event) int {
	return cmp.Or(
		a.EventTime.Compare(b.EventTime),
		cmp.Compare(a.SourceOffset, b.SourceOffset),
		nullFirst(a.OrderID, b.OrderID),
		nullFirst(a.UserID, b.UserID),
		nullFirst(a.ValueText, b.ValueText),
		nullFirst(a.PixelID, b.PixelID),
		nullFirst(a.PixelCode, b.PixelCode),
		nullFirst(a.SSPData, b.SSPData),
		nullFirst(a.Other, b.Other),

		nullFirst(a.MemberID, b.MemberID),
		nullFirst(a.InvalidReason, b.InvalidReason),
		cmp.Compare(a.Consent, b.Consent),
		nullFirst(serverSide(a), serverSide(b)),
	)
}

func serverSide(e Event) *string {
	if e.ServerSide {
		return new("server side")
	}
	return nil
}

// nullFirst compares two nullable values; Go compares texts by bytes.
func nullFirst[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

// text gives a nullable text, null as empty.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// touchToken is what a touch is known by: its token parameter when it has a
// non-empty one, else the request's id.
func touchToken(t Event) string {
	if text(t.Token) != "" {
		return *t.Token
	}
	return t.EventID
}

func idOrNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}
