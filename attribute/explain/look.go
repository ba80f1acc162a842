package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pixledger/schemas"
)

// looker takes one conversion through the steps by one catalog, and notes what
// each of them says.
type looker struct {
	*Look
	r    *reader
	cat  *schemas.Catalog
	at   *schemas.CatalogPositions
	c    *Line
	void *Void

	pixel    *schemas.Pixel
	settings schemas.PixelSettings
	winner   *Touch
}

// look is a fresh look at a conversion. Steps 9 and 10 rest on the live
// attributions: on what was decided of the conversions before.
func look(r *reader, cat *schemas.Catalog, file string, c *Line, void *Void, touches []Touch) (*Look, error) {
	l := &looker{
		Look: &Look{Steps: []Step{}, Settings: []Setting{}, LineItems: []LineItem{}, Touches: slices.Clone(touches)},
		r:    r, cat: cat, at: cat.Positions(file), c: c, void: void,
	}
	l.Decision = Row{
		ConversionID: c.EventID, ConversionTime: c.EventTime, PixelID: c.PixelID, UserID: c.UserID, OrderID: c.OrderID,
		Value: c.Value, Other: c.Other, ServerSide: c.ServerSide, Outcome: unattributed,
	}
	l.findPixel()
	for i := range l.Touches {
		t := &l.Touches[i]
		t.name(cat)
		t.Verdict, t.Why = NotConsidered, "not considered: an earlier step had decided"
	}
	reason, err := l.decide()
	if err != nil {
		return nil, err
	}
	if reason != "" {
		l.Decision.Reason = &reason
	} else {
		l.book()
	}
	nearestFirst(l.Touches)
	return l.Look, nil
}

const (
	attributed   = "attributed"
	unattributed = "unattributed"
	voided       = "voided"
)

// decide takes the steps until one fails, and gives its reason; empty: attributed.
func (l *looker) decide() (reason string, err error) {
	for n, step := range []func() (said string, passed bool){
		l.validTraffic, l.knownPixel, l.activePixel, l.anyLineItem, l.consent, l.user,
	} {
		said, passed := step()
		if name := stepNames[n]; !l.say(n+1, name, passed, said) {
			return name, nil
		}
	}
	winner, expired := judge(l.cat, l.c, l.pixel, l.settings, l.Touches)
	if winner == nil {
		reason := "no_touch"
		if expired {
			reason = "expired"
		}
		l.say(7, reason, false, l.noTouch(expired))
		return reason, nil
	}
	won := *winner // the list is put in order later
	l.winner = &won
	l.say(7, "no_touch", true, l.qualified())
	l.say(8, "winner", true, l.whyWon())
	said, passed, err := l.order()
	if err != nil || !l.say(9, "duplicate_order", passed, said) {
		return "duplicate_order", err
	}
	said, passed, err = l.repeat()
	if err != nil || !l.say(10, "repeat", passed, said) {
		return "repeat", err
	}
	if v := l.void; v != nil {
		l.say(11, voided, false, fmt.Sprintf("declared not payable by %s on %s: %s", v.By, utc(v.VoidedAt), v.Reason))
		return voided, nil
	}
	l.say(11, voided, true, "nobody has declared it not payable")
	return "", nil
}

var stepNames = []string{"invalid_traffic", "unknown_pixel", "inactive_pixel", "no_line_item", "no_consent", "no_user"}

// say notes what a step said, and hands on whether it passed.
func (l *looker) say(n int, name string, passed bool, said string) bool {
	l.Steps = append(l.Steps, Step{Step: n, Name: name, Passed: passed, Said: said})
	return passed
}

// findPixel finds the pixel that the conversion means, and what stands about it.
func (l *looker) findPixel() {
	p, c := pixelOf(l.cat, l.c), l.c
	if p == nil {
		return
	}
	l.pixel, l.settings = p, p.SettingsAt(c.EventTime)
	l.Decision.PixelID, l.Decision.AdvertiserID = &p.ID, &p.AdvertiserID
	l.Pixel = &Pixel{ID: p.ID, Name: p.Name, Code: p.Code, AdvertiserID: p.AdvertiserID, At: position(l.at.Pixel(p.ID))}
	if a := l.cat.Advertiser(p.AdvertiserID); a != nil {
		l.Pixel.AdvertiserName = a.Name
	}
	between := "null"
	if l.settings.MinMinutesPerConv != nil {
		between = strconv.FormatInt(*l.settings.MinMinutesPerConv, 10)
	}
	for _, s := range [][2]string{
		{"trigger_type", string(l.settings.TriggerType)},
		{"post_click_expire_mins", strconv.FormatInt(l.settings.PostClickExpireMins, 10)},
		{"post_view_expire_mins", strconv.FormatInt(l.settings.PostViewExpireMins, 10)},
		{"min_minutes_per_conv", between},
		{"unique_order_id", strconv.FormatBool(l.settings.UniqueOrderID)},
	} {
		at, given := l.at.Setting(p.ID, s[0], c.EventTime)
		stands := "default"
		if given {
			stands = at.String()
		}
		l.Settings = append(l.Settings, Setting{Key: s[0], Value: s[1], At: stands})
	}
	for _, a := range l.cat.Attachments(p.ID) {
		l.LineItems = append(l.LineItems, LineItem{
			ID: a.LineItem.ID, Name: a.LineItem.Name, NotCounting: a.NotCounting(c.EventTime),
			At: position(l.at.Association(a.LineItem.ID, p.ID)),
		})
	}
}

// pixelOf gives the pixel that a conversion means: by its id, else by its code.
func pixelOf(cat *schemas.Catalog, c *Line) *schemas.Pixel {
	if c.PixelID != nil {
		return cat.Pixel(*c.PixelID)
	}
	if c.PixelCode == nil || c.MemberID == nil {
		return nil
	}
	return cat.PixelByCode(*c.PixelCode, *c.MemberID)
}

func position(at schemas.Position, ok bool) string {
	if !ok {
		return ""
	}
	return at.String()
}

func (l *looker) validTraffic() (string, bool) {
	switch {
	case l.c.InvalidReason != nil:
		return fmt.Sprintf("%s: the user agent is %q", *l.c.InvalidReason, text(l.c.UserAgent)), false
	case l.c.ServerSide:
		return "sent by the advertiser's server, which is not judged by its user agent", true
	}
	return "the user agent names no robot and no tool", true
}

func (l *looker) knownPixel() (string, bool) {
	c := l.c
	code := text(c.PixelCode)
	switch {
	case l.pixel != nil && c.PixelID != nil:
		return "the catalog has pixel " + named(l.pixel.ID, l.pixel.Name), true
	case l.pixel != nil:
		return fmt.Sprintf("the code %q of member %d is pixel %s", code, *c.MemberID, named(l.pixel.ID, l.pixel.Name)), true
	case c.PixelID != nil:
		return fmt.Sprintf("the catalog has no pixel %d", *c.PixelID), false
	case code == "":
		return "the call named no pixel, neither by id nor by code", false
	case c.MemberID == nil:
		return fmt.Sprintf("the code %q came without a member id", code), false
	case *c.MemberID != l.cat.MemberID:
		return fmt.Sprintf("the code %q came with member id %d; the catalog's is %d", code, *c.MemberID, l.cat.MemberID), false
	}
	return fmt.Sprintf("no pixel of the catalog has the code %q", code), false
}

func (l *looker) activePixel() (string, bool) {
	if why := l.pixel.NotCounting(l.c.EventTime); why != "" {
		return why, false
	}
	return "the pixel counts at that time", true
}

func (l *looker) anyLineItem() (string, bool) {
	var counting, not []string
	for _, i := range l.LineItems {
		if i.NotCounting == "" {
			counting = append(counting, strconv.FormatInt(i.ID, 10))
		} else {
			not = append(not, i.NotCounting)
		}
	}
	switch {
	case len(l.LineItems) == 0:
		return "no line item has the pixel", false
	case len(counting) == 0:
		return "no line item counts at that time: " + strings.Join(not, ", "), false
	case len(counting) == 1:
		return "line item " + counting[0] + " has the pixel and counts at that time", true
	}
	return "line items " + strings.Join(counting, ", ") + " have the pixel and count at that time", true
}

func (l *looker) consent() (string, bool) {
	if l.c.Consent == consentDenied {
		return "consent denies the use: the event was kept without a user id", false
	}
	return "consent does not deny: " + l.c.Consent, true
}

func (l *looker) user() (string, bool) {
	switch {
	case text(l.c.SSPData) != "":
		return "the call brought a touch's token, sspdata " + *l.c.SSPData, true
	case l.c.UserID != nil:
		return "the call came with a user id", true
	}
	return "the call came with neither a user id nor sspdata", false
}

// candidates is the number of touches that qualified.
func (l *looker) candidates() (n int) {
	for i := range l.Touches {
		if v := l.Touches[i].Verdict; v == Won || v == Older || v == BeatenByClick || v == Tie {
			n++
		}
	}
	return n
}

func (l *looker) qualified() string {
	n, all := l.candidates(), len(l.Touches)
	switch {
	case all == 1:
		return "the one touch qualifies"
	case n == 1:
		return fmt.Sprintf("1 of %d touches qualifies", all)
	}
	return fmt.Sprintf("%d of %d touches qualify", n, all)
}

func (l *looker) noTouch(expired bool) string {
	if expired {
		var nearest *Touch
		for i := range l.Touches {
			if t := &l.Touches[i]; t.Verdict == OutsideWindow && (nearest == nil || t.AgeMicros < nearest.AgeMicros) {
				nearest = t
			}
		}
		return fmt.Sprintf("%s, %s before, is %s", aTouch(nearest), span(nearest.age()), nearest.Why)
	}
	whose := "the user"
	if token := text(l.c.SSPData); token != "" {
		whose = "the token " + token
		if !slices.ContainsFunc(l.Touches, func(t Touch) bool { return t.Verdict != OtherToken }) {
			return "no touch has the token that sspdata names, " + token
		}
	}
	switch len(l.Touches) {
	case 0:
		return whose + " has no touch within the longest windows"
	case 1:
		return "the one touch found does not qualify: " + l.Touches[0].Why
	}
	return fmt.Sprintf("of %d touches none qualifies", len(l.Touches))
}

func aTouch(t *Touch) string { return "the " + t.Kind + " " + t.EventID }

func (l *looker) whyWon() string {
	w := l.winner
	var views, same int
	for i := range l.Touches {
		switch t := &l.Touches[i]; {
		case t.Verdict == BeatenByClick:
			views++
		case t.Verdict == Older || t.Verdict == Tie:
			same++
		}
	}
	said := fmt.Sprintf("%s, %s before", aTouch(w), span(w.age()))
	switch {
	case same > 0 && views > 0:
		return said + ": the last click, and a click beats any impression"
	case same > 0:
		return said + ": the last " + w.Kind
	case views > 0:
		return said + ": a click beats any impression"
	}
	return said
}

// book gives the conversion what its touch earns by the rate in force.
func (l *looker) book() {
	d, w, p := &l.Decision, l.winner, l.pixel
	d.Outcome = attributed
	d.TouchID, d.TouchTime = &w.EventID, &w.EventTime
	d.TrackerID, d.LineItemID, d.CreativeID, d.PublisherID = w.TrackerID, w.LineItemID, w.CreativeID, w.PublisherID
	currency, kind := "", "post_view"
	if a := l.cat.Advertiser(p.AdvertiserID); a != nil {
		currency = a.Currency
	}
	if w.isClick() {
		kind = "post_click"
	}
	d.Currency, d.ConversionType = &currency, &kind
	d.RateMissing = true
	for _, a := range l.cat.Attachments(p.ID) {
		if a.LineItem.ID != *w.LineItemID {
			continue
		}
		rate, ok := a.Association.RateAt(l.c.EventTime)
		if !ok {
			return
		}
		l.Rate = &Rate{LineItemID: a.LineItem.ID, From: rate.From, PostClickRevenue: rate.PostClickRevenue, PostViewRevenue: rate.PostViewRevenue,
			At: position(l.at.Rate(a.LineItem.ID, p.ID, rate.From))}
		figure := rate.PostViewRevenue
		if w.isClick() {
			figure = rate.PostClickRevenue
		}
		if figure != nil {
			d.BookedRevenue, d.RateMissing = *figure, false
		}
		return
	}
}
