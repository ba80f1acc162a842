package pixelhealth

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// traffic judges who loads the pixel.
func (j *judge) traffic(c *contents) {
	if bots := c.Loads - c.Valid; atLeast(bots, c.Loads, 20, 10) {
		j.find("bots", Note, "robots are never attributed; where a crawler of the shop's own fires the pixel, let its user agent name it", "%s loads in %s are of robots", share(bots, c.Loads), j.out.Judged)
	}
	if atLeast(c.Denied, c.Loads, 30, 10) {
		j.find("denied", Note, "those conversions are never attributed; see whether the page asks for consent before it loads the pixel, and passes the answer on",
			"%s loads in %s deny consent", share(c.Denied, c.Loads), j.out.Judged)
	}
	if atLeast(c.NoUser, c.Browsers, 20, 10) {
		j.find("no_user_id", Warning, "browsers keep the cookie from http pages and, some, from other sites; serve the edge over https, best from a name below the shop's own (edge.cookie_domain), or use the server-side pixel",
			"%s browser loads in %s have no user id", share(c.NoUser, c.Browsers), j.out.Judged)
	}
}

// orders judges the order ids.
func (j *judge) orders(c *contents) {
	missing := c.Valid - c.WithOrder
	switch {
	case j.explainedByMacros(j.unreplaced.sum.OrderID, missing, c.Valid):
		// unreplaced_macros says it, with what to do about it.
	case c.WithOrder == 0 && j.isPurchase():
		j.find("no_order_id", Warning, "export the tag with --order-id: reloads of the page count as orders of their own, and nothing can be reconciled",
			"none of %s in %s has an order id, and its conversions are purchases", loadsText(c.Valid), j.out.Judged)
	case c.WithOrder > 0 && atLeast(missing, c.Valid, 5, 5):
		j.find("no_order_id", Warning, "see which pages send none: a second tag without it, or a page that is loaded before there is an order",
			"%s loads in %s have no order id, the others do", share(missing, c.Valid), j.out.Judged)
	}
	o := j.figures.Orders
	if o == nil {
		return
	}
	if atLeast(o.TopLoads, c.WithOrder, 50, 10) && o.TopUsers >= 5 {
		severity, effect := Warning, ""
		if j.pixel.SettingsAt(j.now).UniqueOrderID {
			severity, effect = Alarm, ": all but the first are duplicate_order"
		}
		j.find("constant_order_id", severity, "the page must put each order's own id in the place of [ORDER_ID]",
			"%s loads with an order id in %s have the same, %s, from %d users%s", share(o.TopLoads, c.WithOrder), j.out.Judged, quoted(o.TopOrder), o.TopUsers, effect)
		return
	}
	if atLeast(o.Repeated, o.Orders, 5, 5) {
		j.find("order_twice", Warning, "keep the page from firing again when it is loaded again; with unique_order_id such orders count once all the same",
			"%s orders in %s came in more than one load", share(o.Repeated, o.Orders), j.out.Judged)
	}
}

// values judges what the advertiser says that conversions are worth.
func (j *judge) values(c *contents) {
	missing := c.Valid - c.WithValue
	switch {
	case j.explainedByMacros(j.unreplaced.sum.Value, missing, c.Valid):
	case c.WithValue == 0 && j.isPurchase():
		j.find("no_value", Note, "export the tag with --value, where the advertiser wants to see its own revenue in reports",
			"none of %s in %s has a value, and its conversions are purchases", loadsText(c.Valid), j.out.Judged)
	case c.WithValue > 0 && atLeast(missing, c.Valid, 5, 5):
		j.find("no_value", Warning, "see which pages send none: a second tag without it, or a page that is loaded before there is an order",
			"%s loads in %s have no value, the others do", share(missing, c.Valid), j.out.Judged)
	}
	if atLeast(c.BadValue, c.WithValue, 1, 3) {
		var examples []string
		for _, x := range j.figures.BadValues {
			examples = append(examples, quoted(x))
		}
		j.find("bad_value", Warning, "a value is digits with a point, such as 12.50: no currency, no comma, no thousands",
			"%s values in %s are no numbers, such as %s", share(c.BadValue, c.WithValue), j.out.Judged, strings.Join(examples, ", "))
	}
	if atLeast(c.ZeroValue, c.WithValue, 20, 10) {
		j.find("zero_value", Note, "see whether the page knows the order's value when it loads the pixel",
			"%s values in %s are 0", share(c.ZeroValue, c.WithValue), j.out.Judged)
	}
}

// limits judges what fits here, and would have been cut by the hosted platform.
func (j *judge) limits(c *contents) {
	const remedy = "nothing is lost here; who compares with an earlier platform, or sends data back to one, finds the beginning alone"
	if c.LongOrder >= 3 {
		j.find("long_order_id", Note, remedy, "%s order ids in %s are longer than the 36 characters that hosted platforms keep", share(c.LongOrder, c.WithOrder), j.out.Judged)
	}
	if c.LongOther >= 3 {
		j.find("long_other", Note, remedy, "%s loads in %s have an other that is longer than the 30 characters that hosted platforms keep", share(c.LongOther, c.Valid), j.out.Judged)
	}
}

// placement judges how the tag stands on its pages.
func (j *judge) placement(c *contents) {
	if d := j.figures.Doubles; d != nil {
		if d.OtherForm >= 5 && atLeast(d.OtherForm, d.Near, 50, 5) {
			j.find("both_forms", Warning, "take one of the two off the page",
				"%s loads of users in %s follow another within 10 seconds, once as image and once as JavaScript: the tag stands twice on a page", share(d.Near, d.Loads), j.out.Judged)
		} else if atLeast(d.Near, d.Loads, 5, 5) {
			j.find("double_fire", Warning, "see whether the tag stands twice on the page, or a tag manager loads it again",
				"%s loads of users in %s follow another of the same user within 10 seconds", share(d.Near, d.Loads), j.out.Judged)
		}
	}
	if atLeast(c.HTTPPage, c.WithPage, 5, 5) {
		j.find("http_pages", Note, "a browser that keeps secure cookies from http pages brings no user id: serve the page over https",
			"%s loads in %s are of http pages", share(c.HTTPPage, c.WithPage), j.out.Judged)
	}
}

// macros are the parameters that nobody filled in, on the UTC dates of the time that
// is judged, and the loads of those dates.
type macros struct {
	sum         lake.Macros
	loads       int64
	first, last string // the dates
}

// countMacros reads them from the account of lines: they count as absent, so that it
// alone knows of them.
func (j *judge) countMacros() macros {
	from := j.until.Add(-24 * time.Hour)
	if j.out.Judged != "24 hours" {
		from = j.until.Add(-7 * 24 * time.Hour)
	}
	m := macros{first: from.UTC().Format(time.DateOnly), last: j.until.UTC().Format(time.DateOnly)}
	within := func(date string) bool { return m.first <= date && date <= m.last }
	for date, of := range j.macros {
		if within(date) {
			m.sum = m.sum.Plus(of)
		}
	}
	for _, d := range j.figures.Dates {
		if within(d.Date) {
			m.loads += d.Loads
		}
	}
	return m
}

// explainedByMacros tells whether most of what a parameter is missing in is a macro
// that nobody replaced, often enough to be a finding of its own.
func (j *judge) explainedByMacros(count, missing, valid int64) bool {
	m := j.unreplaced
	return m.loads >= few && atLeast(count, m.loads, 5, 5) && 2*count*valid >= missing*m.loads
}

// macrosLeft judges the macros that nobody replaced.
func (j *judge) macrosLeft() {
	m := j.unreplaced
	var names []string
	for _, of := range []struct {
		name  string
		count int64
	}{{"order_id", m.sum.OrderID}, {"value", m.sum.Value}, {"other", m.sum.Other}, {"other parameters", m.sum.Rest}} {
		if atLeast(of.count, m.loads, 5, 5) {
			names = append(names, fmt.Sprintf("%s %d times", of.name, of.count))
		}
	}
	if len(names) == 0 || m.loads < few {
		return
	}
	j.find("unreplaced_macros", Warning, "the page, or the server that calls, must put its own values in the place of [ORDER_ID], [REVENUE] and the like; what is not needed is left out of the tag",
		"parameters hold macros that nobody replaced, and count as absent: %s, in %s from %s to %s (UTC)", strings.Join(names, ", "), loadsText(m.loads), m.first, m.last)
}

// testHosts is what hosts look like that are no shop's: names kept for tests,
// addresses of private networks, and labels that say so.
const testHosts = `^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.)|\.(local|localhost|test|internal|invalid)$|` +
	`(^|\.)([a-z0-9-]+-)?(test|testing|dev|develop|staging|stage|stg|qa|uat|preprod|sandbox)[0-9]*\.`

// hosts judges which sites load the pixel.
func (j *judge) hosts() {
	h := j.figures.Hosts
	if h == nil {
		return
	}
	var tests, others []string
	testLoads := int64(0)
	for _, x := range h.Hosts {
		switch {
		case x.Test:
			testLoads += x.Loads
			tests = append(tests, fmt.Sprintf("%s (%d)", quoted(x.Host), x.Loads))
		case x.Before == 0 && h.LoadsBefore >= few && atLeast(x.Loads, j.figures.LoadsDay, 5, 10):
			others = append(others, fmt.Sprintf("%s (%d)", quoted(x.Host), x.Loads))
		}
	}
	if testLoads >= 3 {
		j.find("test_hosts", Warning, "take the tag off test systems; `pixledger void` takes back what their orders earned",
			"%s in 24 hours are of hosts that look like test systems: %s", loadsText(testLoads), firstOf(tests, 5))
	}
	if len(others) > 0 {
		j.find("new_hosts", Warning, "ask the advertiser whether the site is its own; where it is not, somebody has copied the page or the tag",
			"hosts that had not fired it in the 7 days before did in the last 24 hours: %s", firstOf(others, 5))
	}
}

// codeWithoutMember judges calls by the pixel's code that mean no pixel, for the
// member is not there or another's.
func (j *judge) codeWithoutMember() {
	if j.pixel.Code == "" {
		return
	}
	n := int64(0)
	for _, s := range j.strangers {
		if s.ID == nil && s.Code != nil && *s.Code == j.pixel.Code {
			n += s.Loads
		}
	}
	if n >= 3 {
		j.find("code_without_member", Warning, fmt.Sprintf("a code counts beside member=%d alone: `pixledger pixel export --codes %d`", j.catalog.MemberID, j.pixel.ID),
			"%s by its code in 24 hours mean no pixel, as the member is missing or another's", loadsText(n))
	}
}

// unattributed judges whether anything of an active pixel is attributed.
func (j *judge) unattributed() {
	r := j.figures.Reasons
	if r == nil || r.Conversions < few || r.Attributed > 0 || j.out.Status != schemas.PixelActive {
		return
	}
	j.find("none_attributed", Warning, reasonRemedy(r.TopReason), "none of %d conversions of the last 7 days is attributed; the most frequent reason is %s, %s",
		r.Conversions, r.TopReason, share(r.TopConversions, r.Conversions))
}

// reasonRemedy says what to do about a reason.
func reasonRemedy(reason string) string {
	switch reason {
	case "no_touch":
		return "see whether impressions and clicks of its line items come in (`pixledger report advertiser_analytics --by line_item_id`), with the same user ids"
	case "no_user":
		return "see whether the edge sets its cookie over https, and whether the pages are https"
	case "expired":
		return "see whether the lookback windows (`pixledger pixel show`) are as long as people take to buy"
	case "no_consent":
		return "see what the page passes on as consent, and privacy.require_consent"
	case "duplicate_order":
		return "see whether each conversion has an order id of its own"
	case "repeat":
		return "see min_minutes_per_conv: null counts one conversion a user"
	case "invalid_traffic":
		return "see which user agents fire it: `pixledger query` over conversions, by user_agent"
	}
	return "`pixledger explain CONVERSION_ID` tells of one of them; `pixledger report unattributed` counts the reasons"
}

// strangerFindings tells of calls that mean no pixel of the catalog.
func strangerFindings(cat *schemas.Catalog, list []stranger) []Finding {
	out := []Finding{}
	for _, s := range list {
		if s.Loads < 10 || len(out) == 10 {
			continue
		}
		var who, remedy string
		switch {
		case s.ID != nil:
			who, remedy = "id "+strconv.FormatInt(*s.ID, 10), "put the pixel into the catalog, or have the tag taken down"
		case s.Code != nil && slices.ContainsFunc(cat.Pixels, func(p schemas.Pixel) bool { return p.Code == *s.Code }):
			who = "code " + quoted(*s.Code)
			if s.Member == nil {
				who += " without a member"
			} else {
				who += " and member " + strconv.FormatInt(*s.Member, 10)
			}
			remedy = fmt.Sprintf("a code counts beside member=%d alone: `pixledger pixel export --codes`", cat.MemberID)
		case s.Code != nil:
			who, remedy = "code "+quoted(*s.Code), "no pixel has this code: see its spelling, upper and lower case too"
		default:
			who, remedy = "neither an id nor a code", "see the pages that load it: `pixledger query` over conversions where pixel_id is null"
		}
		out = append(out, Finding{ID: "unknown_pixel", Severity: Warning, Remedy: remedy,
			What: fmt.Sprintf("%s in 24 hours with %s mean no pixel of the catalog", loadsText(s.Loads), who)})
	}
	return out
}

// quoted shows what strangers have sent: escaped, and never long.
func quoted(s string) string {
	if r := []rune(s); len(r) > 40 {
		return strconv.QuoteToGraphic(string(r[:39])) + "…"
	}
	return strconv.QuoteToGraphic(s)
}

func firstOf(list []string, n int) string {
	if len(list) > n {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:n], ", "), len(list)-n)
	}
	return strings.Join(list, ", ")
}
