package explain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"pixledger/schemas"
)

// This file says steps 7 and 8 of one conversion: which touches qualify, which
// of them wins, and why each of the others does not.

// judge gives every touch its verdict and gives the winner; nil where none
// qualifies. expired tells whether one would with the longest window.
func judge(cat *schemas.Catalog, c *Line, p *schemas.Pixel, s schemas.PixelSettings, touches []Touch) (winner *Touch, expired bool) {
	for i := range touches {
		t := &touches[i]
		t.Verdict, t.Why = disqualified(cat, c, p, s, t)
		switch {
		case t.Verdict == OutsideWindow:
			expired = true
		case t.Verdict == "" && (winner == nil || beats(t, winner)):
			winner = t
		}
	}
	for i := range touches {
		if t := &touches[i]; t.Verdict == "" {
			t.Verdict, t.Why = against(t, winner)
		}
	}
	return winner, expired && winner == nil
}

// disqualified says why a touch is no candidate; empty when it is one.
func disqualified(cat *schemas.Catalog, c *Line, p *schemas.Pixel, s schemas.PixelSettings, t *Touch) (Verdict, string) {
	if token := text(c.SSPData); token != "" && token != t.token() {
		return OtherToken, "sspdata names another touch, and the user id is not consulted then"
	}
	if t.AgeMicros < 0 {
		return After, "after the conversion, by " + span(-t.age())
	}
	if t.InvalidReason != nil {
		return InvalidTraffic, "invalid traffic: " + *t.InvalidReason
	}
	if t.Consent == consentDenied {
		return ConsentDenied, "consent denied"
	}
	if why := notAssociated(cat, p, c.EventTime, t); why != "" {
		if tracker := trackerOf(cat, t); tracker == nil {
			return UnknownTracker, why
		}
		return NoLineItem, why
	}
	window, forbids := s.PostViewExpireMins, schemas.TriggerClick
	if t.isClick() {
		window, forbids = s.PostClickExpireMins, schemas.TriggerView
	}
	if s.TriggerType == forbids {
		return KindNotAllowed, fmt.Sprintf("%ss are not allowed by trigger_type %s", t.Kind, s.TriggerType)
	}
	if t.age() > time.Duration(window)*time.Minute {
		return OutsideWindow, "outside the window of " + minutes(window)
	}
	return "", ""
}

const consentDenied = "denied"

// token is what a touch is known by.
func (t *Touch) token() string {
	if text(t.Token) != "" {
		return *t.Token
	}
	return t.EventID
}

func trackerOf(cat *schemas.Catalog, t *Touch) *schemas.Tracker {
	if t.TrackerID == nil {
		return nil
	}
	return cat.Tracker(*t.TrackerID)
}

// notAssociated says why a touch's line item can't earn a conversion of the
// pixel at a time; empty when it can.
func notAssociated(cat *schemas.Catalog, p *schemas.Pixel, at time.Time, t *Touch) string {
	if t.TrackerID == nil {
		return "unknown tracker: none was named"
	}
	tracker := trackerOf(cat, t)
	if tracker == nil {
		return fmt.Sprintf("unknown tracker: the catalog has no %d", *t.TrackerID)
	}
	for _, a := range cat.Attachments(p.ID) {
		if a.LineItem.ID == tracker.LineItemID {
			return a.NotCounting(at)
		}
	}
	return fmt.Sprintf("line item %d does not have pixel %d", tracker.LineItemID, p.ID)
}

// beats is step 8: whether a wins over b. The user stands last, beyond the
// rules, so that lines that agree in all else are not left to chance.
func beats(a, b *Touch) bool { return compare(a, b) > 0 }

func compare(a, b *Touch) int {
	if a.isClick() != b.isClick() {
		if a.isClick() {
			return 1
		}
		return -1
	}
	return cmp.Or(
		a.EventTime.Compare(b.EventTime),
		cmp.Compare(a.EventID, b.EventID),
		cmp.Compare(b.SourceOffset, a.SourceOffset),
		cmp.Compare(*b.TrackerID, *a.TrackerID),
		cmp.Compare(text(a.UserID), text(b.UserID)),
	)
}

// against says how a candidate stands against the winner.
func against(t, winner *Touch) (Verdict, string) {
	switch {
	case t == winner:
		return Won, "won"
	case t.isClick() != winner.isClick():
		return BeatenByClick, "a click beats it"
	case t.EventTime.Before(winner.EventTime):
		return Older, "an older one of the same kind"
	case t.EventID != winner.EventID:
		return Tie, "of the same moment; tie broken by the greater event id"
	case t.SourceOffset != winner.SourceOffset:
		return Tie, "of the same moment and event id; tie broken by the smaller offset"
	case *t.TrackerID != *winner.TrackerID:
		return Tie, "of the same moment, event id and offset; tie broken by the smaller tracker id"
	}
	return Tie, "another line of the same touch"
}

// name fills in what the catalog knows of a touch.
func (t *Touch) name(cat *schemas.Catalog) {
	tracker := trackerOf(cat, t)
	if tracker == nil {
		return
	}
	id := func(n int64) *int64 {
		if n == 0 {
			return nil
		}
		return &n
	}
	t.LineItemID, t.CreativeID, t.PublisherID = id(tracker.LineItemID), id(tracker.CreativeID), id(tracker.PublisherID)
	if i := cat.LineItem(tracker.LineItemID); i != nil {
		t.LineItemName = i.Name
	}
	if c := cat.Creative(tracker.CreativeID); c != nil {
		t.CreativeName = c.Name
	}
	if p := cat.Publisher(tracker.PublisherID); p != nil {
		t.PublisherName = p.Name
	}
}

// nearestFirst puts touches in the order in which people want to see them: the
// winner, then those before the conversion, the nearest first, then those after
// it, the nearest first.
func nearestFirst(touches []Touch) {
	rank := func(t *Touch) int {
		switch {
		case t.Verdict == Won:
			return 0
		case t.AgeMicros >= 0:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(touches, func(a, b Touch) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(max(a.AgeMicros, -a.AgeMicros), max(b.AgeMicros, -b.AgeMicros)))
	})
}
