package reference

import (
	"strconv"
	"time"

	"pgregory.net/rapid"

	"pixledger/schemas"
)

// world is what the events of a world are drawn from.
type world struct {
	cat     *schemas.Catalog
	instant instants
	drawn   []Event // all so far, to repeat one
}

// eventID gives a new id. Its letters differ in case and length in bytes, so
// that ids are ordered by bytes and by nothing else.
func (w *world) eventID(t *rapid.T, letters ...string) string {
	return pick(t, "letter", letters...) + strconv.Itoa(len(w.drawn))
}

// again chooses an event of these types drawn earlier; false when there is none.
func (w *world) again(t *rapid.T, types ...string) (Event, bool) {
	var of []Event
	for _, e := range w.drawn {
		for _, typ := range types {
			if e.Type == typ {
				of = append(of, e)
			}
		}
	}
	if len(of) == 0 || !oneIn(t, 6, "a line with an id seen before") {
		return Event{}, false
	}
	// Mostly the one just before: of touches, one that the same conversion meets.
	back := min(len(of), pick(t, "how far back", 1, 1, 1, 1, 2, 2, 3, 4))
	return of[len(of)-back], true
}

func (w *world) drawConversion(t *rapid.T) Event {
	e, repeated := w.again(t, Conversion)
	if repeated {
		e = w.changeConversion(t, e)
	} else {
		e = w.newConversion(t)
	}
	w.drawn = append(w.drawn, e)
	return e
}

func (w *world) newConversion(t *rapid.T) Event {
	e := Event{
		Type:         Conversion,
		EventID:      w.eventID(t, "c", "c", "C", "é"),
		EventTime:    w.instant(t, "conversion"),
		UserID:       drawUser(t),
		OrderID:      drawOrder(t),
		Other:        drawOther(t),
		SSPData:      drawSSPData(t),
		SourceOffset: drawOffset(t),
		SourceID:     pick(t, "source", "s1", "s2"),
	}
	e.ValueText, e.Value = drawValue(t)
	w.drawPixelOf(t, &e)
	if oneIn(t, 6, "server side") {
		e.ServerSide = true
		e.UserID = nil
		e.SSPData = pick(t, "postback's token", new("k1"), new("k2"), new("t6"), new("k1."), nil, new("t8"))
	} else if oneIn(t, 16, "bot") {
		e.InvalidReason = new("bot")
	}
	if e.UserID == nil && e.SSPData == nil && oneIn(t, 2, "empty sspdata") {
		e.SSPData = new("")
	}
	e.Consent = drawConsent(t)
	if e.Consent == "denied" {
		e.UserID = nil
	}
	return e
}

// drawPixelOf says how a conversion names its pixel.
func (w *world) drawPixelOf(t *rapid.T, e *Event) {
	p := w.cat.Pixels[rapid.IntRange(0, len(w.cat.Pixels)-1).Draw(t, "pixel")]
	other := w.cat.Pixels[rapid.IntRange(0, len(w.cat.Pixels)-1).Draw(t, "other pixel")]
	code := p.Code
	if code == "" {
		code = "checkout"
	}
	how := pick(t, "pixel by", "id", "id", "id", "id", "id", "id", "id", "id", "unknown id", "id", "id", "id", "id", "id", "code", "code",
		"code", "code", "id", "nothing", "code without member", "code of another member", "empty code", "unknown code", "id", "id", "id", "id",
		"id", "id", "id", "id beside another's code")
	switch {
	case how == "id", how == "code" && p.Code == "":
		e.PixelID = &p.ID
	case how == "code":
		e.PixelCode, e.MemberID = &code, new(int64(memberID))
	case how == "id beside another's code":
		e.PixelID, e.PixelCode, e.MemberID = &p.ID, &other.Code, new(int64(memberID))
	case how == "code without member":
		e.PixelCode = &code
	case how == "code of another member":
		e.PixelCode, e.MemberID = &code, new(int64(memberID+1))
	case how == "empty code":
		e.PixelCode, e.MemberID = new(""), new(int64(memberID))
	case how == "unknown id":
		// Also beside a code that is known: the id wins.
		e.PixelID, e.PixelCode, e.MemberID = new(int64(hugeIDNeighbour)), &code, new(int64(memberID))
	case how == "unknown code":
		e.PixelCode, e.MemberID = new("CHECKOUT"), new(int64(memberID))
	}
}

// changeConversion gives another line with the id of e, changed in one column
// or in none, and sometimes also in the column that decides last.
func (w *world) changeConversion(t *rapid.T, e Event) Event {
	if rapid.Bool().Draw(t, "also another other") {
		e.Other = drawOther(t)
	}
	switch pick(t, "another line differs in", "nothing", "time", "offset", "order", "user", "value", "pixel", "code", "sspdata", "offset", "other", "time and validity", "sspdata", "code") {
	case "time":
		e.EventTime = w.instant(t, "conversion")
	case "offset":
		e.SourceOffset = drawOffset(t)
	case "order":
		e.OrderID = drawOrder(t)
	case "user":
		if e.Consent != "denied" {
			e.UserID = drawUser(t)
		}
	case "value":
		e.ValueText, e.Value = drawValue(t)
	case "pixel":
		e.PixelID = pick(t, "pixel", nil, new(int64(9012)), new(int64(31)))
	case "code":
		e.PixelCode, e.MemberID = pick(t, "code", nil, new("checkout"), new("Checkout")), new(int64(memberID))
	case "sspdata":
		e.SSPData = drawSSPData(t)
	case "other":
		e.Other = drawOther(t)
	case "time and validity":
		e.EventTime = w.instant(t, "conversion")
		e.InvalidReason = nil
	}
	return e
}

// drawTouch draws a touch that is mostly within reach of the conversion c.
func (w *world) drawTouch(t *rapid.T, c Event) Event {
	e, repeated := w.again(t, Impression, Click)
	if repeated {
		e = w.changeTouch(t, e)
	} else {
		e = w.newTouch(t, c)
	}
	w.drawn = append(w.drawn, e)
	return e
}

func (w *world) newTouch(t *rapid.T, c Event) Event {
	e := Event{
		Type:         pick(t, "kind", Impression, Click),
		EventID:      w.eventID(t, "t", "t", "T", "ü"),
		UserID:       c.UserID,
		TrackerID:    w.drawTrackerOf(t, c),
		SourceOffset: drawOffset(t),
		SourceID:     pick(t, "source", "s1", "s2"),
	}
	ages := viewAges
	if e.Type == Click {
		ages = clickAges
	}
	e.EventTime = c.EventTime.Add(-time.Duration(pick(t, "age", ages...))*time.Minute + beside(t))
	if oneIn(t, 6, "any user") || e.UserID == nil && rapid.Bool().Draw(t, "a user after all") {
		e.UserID = drawUser(t)
	}
	if text(c.SSPData) != "" && oneIn(t, 2, "known by its id") {
		e.EventID = *c.SSPData
	}
	switch pick(t, "token", "the conversion's", "the conversion's", "none", "none", "empty", "the conversion's", "none", "some", "empty",
		"another touch's id", "the conversion's id") {
	case "the conversion's":
		e.Token = c.SSPData
	case "empty":
		e.Token = new("")
	case "some":
		e.Token = pick(t, "which token", new("k1"), new("k2"), new("K1"))
	case "another touch's id":
		e.Token = new("t" + strconv.Itoa(rapid.IntRange(0, len(w.drawn)).Draw(t, "whose")))
	case "the conversion's id":
		e.Token = &c.EventID
	}
	if oneIn(t, 15, "bot") {
		e.InvalidReason = new("bot")
	}
	e.Consent = drawConsent(t)
	if e.Consent == "denied" {
		e.UserID = nil
	}
	return e
}

// drawTrackerOf mostly gives a tracker that can earn the conversion. Its kind
// is left to chance: the touch's is its path's.
func (w *world) drawTrackerOf(t *rapid.T, c Event) *int64 {
	if oneIn(t, 12, "unknown tracker") {
		return pick(t, "unknown", nil, new(int64(999)), new(int64(hugeIDNeighbour)))
	}
	var fitting []int64
	if p := pixelOf(w.cat, c); p != nil {
		for _, tracker := range w.cat.Trackers {
			if associated(w.cat, tracker.LineItemID, p.ID, c.EventTime) {
				fitting = append(fitting, tracker.ID)
			}
		}
	}
	if len(fitting) == 0 || oneIn(t, 5, "any tracker") {
		return w.drawTracker(t)
	}
	return &fitting[rapid.IntRange(0, len(fitting)-1).Draw(t, "fitting tracker")]
}

func (w *world) drawTracker(t *rapid.T) *int64 {
	return &w.cat.Trackers[rapid.IntRange(0, len(w.cat.Trackers)-1).Draw(t, "tracker")].ID
}

// changeTouch gives another line with the id of e, changed in one column or in
// none.
func (w *world) changeTouch(t *rapid.T, e Event) Event {
	switch pick(t, "another line differs in", "nothing", "offset and tracker", "tracker", "kind", "user", "token", "validity", "time", "offset", "offset and tracker") {
	case "time":
		e.EventTime = e.EventTime.Add(beside(t))
	case "offset":
		e.SourceOffset = drawOffset(t)
	case "offset and tracker":
		e.SourceOffset = drawOffset(t)
		e.TrackerID = w.drawTracker(t)
	case "tracker":
		e.TrackerID = w.drawTracker(t)
	case "kind":
		e.Type = pick(t, "kind", Impression, Click)
	case "user":
		if e.Consent != "denied" {
			e.UserID = drawUser(t)
		}
	case "token":
		e.Token = pick(t, "token", nil, new("k1"), new("k2"))
	case "validity":
		e.InvalidReason = pick(t, "invalid", nil, new("bot"))
	}
	return e
}

func drawUser(t *rapid.T) *string {
	return pick(t, "user", new("u1"), new("u1"), new("u1"), new("u1"), new("u1"), nil, new("U1"), new("u2"), new("u1"),
		new("u2"), new("u2"), new("u1"))
}

func drawOrder(t *rapid.T) *string {
	return pick(t, "order", nil, new("o1"), new("o1"), nil, new("o1"), new("o2"), new("o2"), nil, new("O1"), new("o1 "), new(""), new("o1"))
}

func drawOther(t *rapid.T) *string {
	return pick(t, "other", nil, nil, new("x"), new("Y"), new(""))
}

// drawSSPData also names touches by the ids that they will mostly have: the
// touches follow the conversions in counting.
func drawSSPData(t *rapid.T) *string {
	return pick(t, "sspdata", nil, nil, nil, nil, nil, nil, nil, nil, new("k1"), new(""), new("k1"), new("k2"), new("k1."),
		new("t3"), new("t5"), nil)
}

func drawOffset(t *rapid.T) int64 {
	return pick(t, "offset", int64(0), 9, 10, 100, 1<<40)
}

func drawConsent(t *rapid.T) string {
	if oneIn(t, 16, "denied") {
		return "denied"
	}
	return pick(t, "consent", "unknown", "granted")
}

func drawValue(t *rapid.T) (*string, *schemas.Money) {
	text := pick(t, "value", nil, new("10"), new("19.99"), new("0.0000005"), new("-3.5"), new(""), new("$10"), new("1e3"),
		new("1,5"), new("999999999999.9999995"), new("2000000"), new("999999999999.999999"))
	return text, valueOf(text)
}

// valueOf is the figure of a value's text; null when it is none.
func valueOf(text *string) *schemas.Money {
	if text == nil {
		return nil
	}
	v, ok := schemas.ParseMoney(*text)
	if !ok {
		return nil
	}
	return &v
}
