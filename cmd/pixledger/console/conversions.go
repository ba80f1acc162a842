package console

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// conversionLine is a conversion and what was decided of it.
type conversionLine struct {
	ID       string     `json:"conversion_id"`
	Time     *time.Time `json:"conversion_time"`
	Pixel    *string    `json:"pixel_id"`
	Order    *string    `json:"order_id"`
	Outcome  *string    `json:"outcome"` // nil: not decided yet
	Reason   *string    `json:"reason"`
	Type     *string    `json:"conversion_type"`
	LineItem *string    `json:"line_item_id"`
	Revenue  *string    `json:"booked_revenue"`
	Currency *string    `json:"currency"`

	PixelName, LineItemName string
}

// Earned is what it earned; nil where it did not.
func (l conversionLine) Earned() *Amount {
	if l.Revenue == nil || l.Currency == nil {
		return nil
	}
	m, ok := parseMicros(*l.Revenue)
	if !ok {
		return nil
	}
	return &Amount{*l.Currency, m}
}

// Link leads to how it was decided.
func (l conversionLine) Link() string { return "/conversions/" + url.PathEscape(l.ID) }

// Why is what a reason means.
func (l conversionLine) Why() string {
	if l.Reason == nil {
		return ""
	}
	return reasonTexts[*l.Reason]
}

// mostConversions stand on a page, the newest first.
const mostConversions = 100

// reasonTexts say what the steps of attribution found.
var reasonTexts = map[string]string{
	"invalid_traffic": "the user agent names itself a robot or a tool",
	"unknown_pixel":   "the catalog has no such pixel",
	"inactive_pixel":  "the pixel did not count at that time",
	"no_line_item":    "no line item had the pixel at that time",
	"no_consent":      "consent denies the use",
	"no_user":         "it came with neither a user id nor sspdata",
	"expired":         "a touch is there, but older than the window",
	"no_touch":        "no touch of this user qualifies",
	"duplicate_order": "the order id was attributed before",
	"repeat":          "the user converted on this pixel shortly before",
	"voided":          "it was declared not payable",
}

var (
	catalogID = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)
	plainName = regexp.MustCompile(`^[a-z_]{1,40}$`)
)

// conversionsPage is the conversions of some days: how many were attributed, why
// the others were not, and each of them.
type conversionsPage struct {
	days
	Find       string
	Shortcuts  []shortcut
	Pixels     []option
	Advertiser []option
	LineItems  []option
	Outcomes   []option
	Reasons    []option
	Types      []option
	Chosen     bool // other days than those of the shortcuts, or some alone
	Chart      *chart
	Totals     []revenueTotal
	Attributed int64
	All        int64
	Unearned   []reasonLine
	Lines      []conversionLine
	Older      string // the link to the page after; "" where this is the last
	Newest     string // the link to the first page; "" where this is it
	Failed     []string
	Asked      []*answer
}

// reasonLine is how many conversions a step refused.
type reasonLine struct {
	Reason, Text, Link string
	Conversions        int64
	Percent            string
}

func (c *console) conversions(r *http.Request) (*page, error) {
	if err := checked(r); err != nil {
		return nil, err
	}
	values := r.URL.Query()
	names, err := c.Catalog()
	if err != nil {
		return nil, err
	}
	show := &conversionsPage{Find: strings.TrimSpace(values.Get("find"))}
	p := &page{Title: "Conversions", Name: "conversions.html", Here: "/conversions", Show: show}
	if show.Find != "" {
		p.Title = "Conversions with the id " + show.Find
		x, err := c.read(r.Context(), &show.Lines, "query", lookUp(show.Find), formatJSON)
		if err != nil {
			return nil, err
		}
		p.Made, show.Asked = x.Made, []*answer{x}
		show.name(names)
		return p, nil
	}
	asked, err := c.askedFor(values)
	if err != nil {
		return nil, err
	}
	show.days = asked.days
	show.choices(values, names)
	show.Shortcuts = c.shortcuts("/conversions", onlyFilters(values), show.days)
	show.Chosen = len(asked.where) > 0 || !slices.ContainsFunc(show.Shortcuts, func(s shortcut) bool { return s.Here })
	zone := c.Zone()
	// The two are asked for at the same time.
	counted := make(chan error, 1)
	var counts []conversionCount
	var countsAsked *answer
	go func() {
		var err error
		countsAsked, err = c.read(r.Context(), &counts, "query", asked.byDay(zone), formatJSON)
		counted <- err
	}()
	listAsked, err := c.read(r.Context(), &show.Lines, "query", asked.list(zone), formatJSON)
	if cerr := <-counted; cerr != nil {
		show.Failed = append(show.Failed, "By day: "+cerr.Error())
	} else if cerr := show.add(counts, values); cerr != nil {
		show.Failed = append(show.Failed, "By day: "+cerr.Error())
	} else {
		p.Made, show.Asked = countsAsked.Made, append(show.Asked, countsAsked)
	}
	if err != nil {
		show.Failed = append(show.Failed, "The conversions: "+err.Error())
		return p, nil
	}
	p.Made, show.Asked = listAsked.Made, append(show.Asked, listAsked)
	if len(show.Lines) > mostConversions {
		show.Lines = show.Lines[:mostConversions]
		if last := show.Lines[mostConversions-1]; last.Time != nil {
			show.Older = with(values, "before", last.Time.UTC().Format(time.RFC3339Nano)+","+last.ID)
		}
	}
	if values.Get("before") != "" {
		show.Newest = with(values, "before", "")
	}
	show.name(names)
	return p, nil
}

// with is the link to a page of conversions of which one parameter is another.
func with(values url.Values, name, value string) string {
	v := maps.Clone(values)
	v.Del(name)
	if value != "" {
		v.Set(name, value)
	}
	return "/conversions?" + v.Encode()
}

// onlyFilters leaves out days and place.
func onlyFilters(values url.Values) url.Values {
	out := url.Values{}
	for _, f := range filters {
		if v := values.Get(f.param); v != "" {
			out.Set(f.param, v)
		}
	}
	return out
}

// choices fills the form.
func (p *conversionsPage) choices(values url.Values, names *Catalog) {
	p.Pixels = optionsOf("All pixels", names.Pixels, values.Get("pixel"))
	p.Advertiser = optionsOf("All advertisers", names.Advertisers, values.Get("advertiser"))
	p.LineItems = optionsOf("All line items", names.LineItems, values.Get("line_item"))
	choose := func(name, all string, list ...string) []option {
		chosen := values.Get(name)
		out := []option{{"", all, chosen == ""}}
		if chosen != "" && !slices.Contains(list, chosen) {
			list = append(list, chosen)
		}
		for _, v := range list {
			out = append(out, option{v, v, v == chosen})
		}
		return out
	}
	p.Outcomes = choose("outcome", "Attributed or not", "attributed", "unattributed")
	p.Reasons = choose("reason", "Any reason", slices.Sorted(maps.Keys(reasonTexts))...)
	p.Types = choose("type", "Click or view", "post_click", "post_view")
}

func (p *conversionsPage) name(names *Catalog) {
	for i := range p.Lines {
		l := &p.Lines[i]
		if l.Pixel != nil {
			l.PixelName = nameOf(names.Pixels, *l.Pixel)
		}
		if l.LineItem != nil {
			l.LineItemName = nameOf(names.LineItems, *l.LineItem)
		}
	}
}

// conversionCount is a row of byDay.
type conversionCount struct {
	Day         string  `json:"day"`
	Outcome     string  `json:"outcome"`
	Reason      *string `json:"reason"`
	Type        *string `json:"conversion_type"`
	Currency    *string `json:"currency"`
	Conversions string  `json:"conversions"`
	Revenue     *string `json:"revenue"`
}

// add adds up what was counted: by day for the chart, by reason, and the money.
func (p *conversionsPage) add(counts []conversionCount, values url.Values) error {
	list := p.list()
	at := map[string]int{}
	for i, d := range list {
		at[d] = i
	}
	all := []series{{"After a click", "one", zeros(len(list))}, {"After a view", "two", zeros(len(list))}, {"Not attributed", "open", zeros(len(list))}}
	reasons := map[string]int64{}
	totals := map[string]*revenueTotal{}
	for _, r := range counts {
		n, err := strconv.ParseInt(r.Conversions, 10, 64)
		i, ok := at[r.Day]
		if err != nil || !ok {
			return errors.New("there is a row that is not of these days: " + r.Day)
		}
		which := 2
		switch {
		case r.Outcome != "attributed":
			if r.Reason != nil {
				reasons[*r.Reason] += n
			}
		case r.Type != nil && *r.Type == "post_click":
			which = 0
		default:
			which = 1
		}
		p.All += n
		if which < 2 {
			p.Attributed += n
		}
		all[which].Values[i] = new(big.Int).Add(all[which].Values[i], big.NewInt(n))
		if r.Currency == nil || r.Revenue == nil {
			continue
		}
		m, ok := parseMicros(*r.Revenue)
		if !ok {
			return fmt.Errorf("%q is no amount", *r.Revenue)
		}
		t := totals[*r.Currency]
		if t == nil {
			t = &revenueTotal{Amount: Amount{*r.Currency, new(big.Int)}}
			totals[*r.Currency] = t
		}
		t.Conversions += n
		t.Micros.Add(t.Micros, m)
	}
	for _, currency := range slices.Sorted(maps.Keys(totals)) {
		p.Totals = append(p.Totals, *totals[currency])
	}
	for reason, n := range reasons {
		v := maps.Clone(values)
		v.Del("before")
		v.Set("outcome", "unattributed")
		v.Set("reason", reason)
		line := reasonLine{Reason: reason, Text: reasonTexts[reason], Conversions: n, Percent: percent(n, p.All)}
		if plainName.MatchString(reason) {
			line.Link = "/conversions?" + v.Encode()
		}
		p.Unearned = append(p.Unearned, line)
	}
	slices.SortFunc(p.Unearned, func(a, b reasonLine) int {
		return cmp.Or(cmp.Compare(b.Conversions, a.Conversions), strings.Compare(a.Reason, b.Reason))
	})
	if p.All > 0 && len(list) > 1 {
		kept := onlyFilters(values)
		p.Chart = newChart("Conversions by day", conversionsUnit, list, all, func(day string) string {
			v := maps.Clone(kept)
			v.Set("first", day)
			v.Set("last", day)
			return "/conversions?" + v.Encode()
		})
	}
	return nil
}

// NotAttributed counts those that earned nothing.
func (p *conversionsPage) NotAttributed() int64 { return p.All - p.Attributed }

// Share is the part of conversions that were attributed.
func (p *conversionsPage) Share() string { return percent(p.Attributed, p.All) }

// percent is a share for people.
func percent(n, of int64) string {
	if of == 0 {
		return "–"
	}
	return strconv.FormatFloat(100*float64(n)/float64(of), 'f', 1, 64) + " %"
}

// WithOutcome is the link to those of an outcome.
func (p *conversionsPage) WithOutcome(outcome string) string {
	v := url.Values{"first": {p.FirstDay()}, "last": {p.LastDay()}, "outcome": {outcome}}
	for _, o := range []struct {
		name string
		list []option
	}{{"pixel", p.Pixels}, {"advertiser", p.Advertiser}, {"line_item", p.LineItems}} {
		for _, x := range o.list {
			if x.Chosen && x.Value != "" {
				v.Set(o.name, x.Value)
			}
		}
	}
	return "/conversions?" + v.Encode()
}
