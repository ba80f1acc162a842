package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// chartDays is how many days are drawn where nobody says which.
const chartDays = 30

// mostDays is how many days a page adds up: what is longer is a report's.
const mostDays = 400

// days are business days, from the first to the last.
type days struct{ First, Last time.Time }

// daysOf reads the days that a page is asked for; those of its default where it
// is asked for none.
func (c *console) daysOf(values url.Values) (days, error) {
	today := dayOf(c.Now().In(c.Zone()))
	d := days{today.AddDate(0, 0, 1-chartDays), today}
	given := func(name string) (time.Time, error) {
		t, err := time.Parse(time.DateOnly, values.Get(name))
		if err != nil {
			return t, &Refused{fmt.Sprintf("%s is %q; allowed: a date, such as 2026-03-01", name, values.Get(name))}
		}
		return t, nil
	}
	var err error
	if values.Get("last") != "" {
		if d.Last, err = given("last"); err != nil {
			return d, err
		}
		d.First = d.Last.AddDate(0, 0, 1-chartDays)
	}
	if values.Get("first") != "" {
		if d.First, err = given("first"); err != nil {
			return d, err
		}
		if values.Get("last") == "" && d.First.After(d.Last) {
			d.Last = d.First
		}
	}
	if n := d.count(); n < 1 || n > mostDays {
		return d, &Refused{fmt.Sprintf("from %s to %s are %d days; allowed: 1 to %d", d.FirstDay(), d.LastDay(), n, mostDays)}
	}
	return d, nil
}

func (d days) count() int { return int(d.Last.Sub(d.First)/(24*time.Hour)) + 1 }

// FirstDay and LastDay are the days' dates, Until is that of the day after them.
func (d days) FirstDay() string { return d.First.Format(time.DateOnly) }
func (d days) LastDay() string  { return d.Last.Format(time.DateOnly) }
func (d days) Until() string    { return d.Last.AddDate(0, 0, 1).Format(time.DateOnly) }

func (d days) list() []string {
	out := make([]string, d.count())
	for i := range out {
		out[i] = d.First.AddDate(0, 0, i).Format(time.DateOnly)
	}
	return out
}

// shortcut is a link to days that are often asked for.
type shortcut struct {
	Name, Link string
	Here       bool
}

// shortcuts leads to the last days and months, with all else as it is asked for.
func (c *console) shortcuts(path string, values url.Values, here days) []shortcut {
	now := dayOf(c.Now().In(c.Zone()))
	var out []shortcut
	add := func(name string, d days) {
		v := url.Values{}
		for key, list := range values {
			if key != "before" {
				v[key] = list
			}
		}
		v.Set("first", d.FirstDay())
		v.Set("last", d.LastDay())
		out = append(out, shortcut{name, path + "?" + v.Encode(), d == here})
	}
	add("Today", days{now, now})
	add("Yesterday", days{now.AddDate(0, 0, -1), now.AddDate(0, 0, -1)})
	add("7 days", days{now.AddDate(0, 0, -6), now})
	add("30 days", days{now.AddDate(0, 0, 1-chartDays), now})
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	for i := range 4 {
		first := month.AddDate(0, -i, 0)
		last := first.AddDate(0, 1, -1)
		if last.After(now) {
			last = now
		}
		add(first.Format("January 2006"), days{first, last})
	}
	return out
}

// revenueRow is a row of the report revenue, of the columns that are added up.
type revenueRow struct {
	Booked, Kind, Advertiser, LineItem, Currency string
	Conversions                                  int64
	Amount                                       *big.Int // millionths
}

const revenueColumns = "booked,kind,advertiser_id,line_item_id,conversions,amount,currency"

// revenueCommand asks for what is added up: from a day on, until before another,
// which may be "".
func revenueCommand(from, until string, open bool, filters ...string) []string {
	args := []string{"report", "revenue"}
	if open {
		args = append(args, "--include-open")
	}
	args = append(args, "--from="+from)
	if until != "" {
		args = append(args, "--to="+until)
	}
	for _, f := range filters {
		args = append(args, "--filter="+f)
	}
	return append(args, "--columns="+revenueColumns, "--format=csv")
}

// revenueRows asks the report. CSV has three times the rows of JSON in the room
// that an answer has.
func (c *console) revenueRows(ctx context.Context, args []string) ([]revenueRow, *answer, error) {
	x, err := c.answers.get(ctx, args...)
	if err != nil {
		return nil, nil, err
	}
	if x.Cut {
		return nil, x, errors.New("there is more than a page adds up: choose fewer days, or one advertiser, or take a download of the report revenue")
	}
	records, err := csv.NewReader(bytes.NewReader(x.Body)).ReadAll()
	if err != nil {
		return nil, x, fmt.Errorf("read what `%s` printed: %w", commandText(args), err)
	}
	if len(records) == 0 || strings.Join(records[0], ",") != revenueColumns {
		return nil, x, fmt.Errorf("`%s` did not print the columns %s", commandText(args), revenueColumns)
	}
	var out []revenueRow
	for _, f := range records[1:] {
		r := revenueRow{Booked: f[0], Kind: f[1], Advertiser: f[2], LineItem: f[3], Currency: f[6], Amount: new(big.Int)}
		if r.Conversions, err = strconv.ParseInt(f[4], 10, 64); err != nil {
			return nil, x, fmt.Errorf("%q is no number of conversions", f[4])
		}
		if f[5] != "" {
			var ok bool
			if r.Amount, ok = parseMicros(f[5]); !ok {
				return nil, x, fmt.Errorf("%q is no amount", f[5])
			}
		}
		out = append(out, r)
	}
	return out, x, nil
}

// kinds of revenue, as they stand on one another in a chart.
var kinds = []struct{ kind, name, class string }{
	{"booking", "Booked", "one"}, {"adjustment", "Adjustments", "two"}, {"credit", "Credits", "three"}, {"estimated", "Estimated: open days", "open"},
}

// revenueCharts draws rows by day, a chart for each currency.
func revenueCharts(rows []revenueRow, list []string, link func(day string) string) []*chart {
	at := map[string]int{}
	for i, d := range list {
		at[d] = i
	}
	sums := map[string]map[string][]*big.Int{} // by currency, then kind
	for _, r := range rows {
		i, ok := at[r.Booked]
		if !ok || r.Currency == "" {
			continue
		}
		if sums[r.Currency] == nil {
			sums[r.Currency] = map[string][]*big.Int{}
		}
		values := sums[r.Currency][r.Kind]
		if values == nil {
			values = zeros(len(list))
			sums[r.Currency][r.Kind] = values
		}
		values[i] = new(big.Int).Add(values[i], r.Amount)
	}
	var out []*chart
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		var all []series
		for _, k := range kinds {
			if values := sums[currency][k.kind]; values != nil {
				all = append(all, series{k.name, k.class, values})
			}
		}
		out = append(out, newChart("Revenue by day, "+currency, moneyUnit(currency), list, all, link))
	}
	return out
}

func zeros(n int) []*big.Int {
	out := make([]*big.Int, n)
	for i := range out {
		out[i] = new(big.Int)
	}
	return out
}

// revenuePage is the ledger's money by day, advertiser and line item.
type revenuePage struct {
	days
	Shortcuts   []shortcut
	Advertisers []option
	Advertiser  string
	Open        bool
	Totals      []revenueTotal
	Charts      []*chart
	Lines       []revenueLine
	Statements  []shortcut
	Query       string // of the report
	Failed      []string
	Formats     []string
	Asked       *answer
}

// revenueTotal is the money of a currency.
type revenueTotal struct {
	Amount
	Conversions int64
	Parts       []revenuePart // where there are several kinds
}

type revenuePart struct {
	Name string
	Amount
}

// revenueLine is the money of a line item in a currency.
type revenueLine struct {
	Advertiser, AdvertiserName, LineItem, LineItemName string
	Conversions                                        int64
	Amount
}

func (c *console) revenue(r *http.Request) (*page, error) {
	if err := checked(r); err != nil {
		return nil, err
	}
	values := r.URL.Query()
	show := &revenuePage{Advertiser: values.Get("advertiser"), Open: !values.Has("shown") || values.Get("open") == "true", Formats: downloads}
	if show.Advertiser != "" && !catalogID.MatchString(show.Advertiser) {
		return nil, &Refused{fmt.Sprintf("advertiser is %q; allowed: an id", show.Advertiser)}
	}
	var err error
	if show.days, err = c.daysOf(values); err != nil {
		return nil, err
	}
	names, err := c.Catalog()
	if err != nil {
		return nil, err
	}
	show.Advertisers = optionsOf("All advertisers", names.Advertisers, show.Advertiser)
	keep := url.Values{}
	if values.Has("shown") {
		keep.Set("shown", "1")
		keep["open"] = values["open"]
	}
	if show.Advertiser != "" {
		keep.Set("advertiser", show.Advertiser)
	}
	show.Shortcuts = c.shortcuts("/revenue", keep, show.days)
	query := url.Values{"from": {show.FirstDay()}, "to": {show.Until()}, "shown": {"1"}}
	if show.Open {
		query.Set("include_open", "true")
	}
	var filters []string
	if show.Advertiser != "" {
		filters = []string{"advertiser_id=" + show.Advertiser}
		query["filter"] = filters
	}
	show.Query = query.Encode()
	for m := time.Date(show.Last.Year(), show.Last.Month(), 1, 0, 0, 0, 0, time.UTC); !m.Before(show.First.AddDate(0, 0, 1-show.First.Day())) && len(show.Statements) < 12; m = m.AddDate(0, -1, 0) {
		q := url.Values{"month": {m.Format("2006-01")}, "shown": {"1"}}
		if filters != nil {
			q["filter"] = filters
		}
		show.Statements = append(show.Statements, shortcut{Name: m.Format("January 2006"), Link: "/reports/statement?" + q.Encode()})
	}
	p := &page{Title: "Revenue", Name: "revenue.html", Here: "/revenue", Show: show}
	rows, asked, err := c.revenueRows(r.Context(), revenueCommand(show.FirstDay(), show.Until(), show.Open, filters...))
	show.Asked = asked
	if asked != nil {
		p.Made = asked.Made
	}
	if err != nil {
		show.Failed = []string{err.Error()}
		return p, nil
	}
	show.Charts = revenueCharts(rows, show.list(), func(day string) string {
		v := url.Values{"first": {day}, "last": {day}}
		if show.Advertiser != "" {
			v.Set("advertiser", show.Advertiser)
		}
		return "/revenue?" + v.Encode()
	})
	if show.count() == 1 { // one day is no picture, and leads to itself
		show.Charts = nil
	}
	show.add(rows, names)
	return p, nil
}

// add adds up rows by currency, and by line item.
func (p *revenuePage) add(rows []revenueRow, names *Catalog) {
	type lineKey struct{ advertiser, lineItem, currency string }
	lines := map[lineKey]*revenueLine{}
	totals := map[string]*revenueTotal{}
	parts := map[string]map[string]*big.Int{}
	for _, r := range rows {
		t := totals[r.Currency]
		if t == nil {
			t = &revenueTotal{Amount: Amount{r.Currency, new(big.Int)}}
			totals[r.Currency], parts[r.Currency] = t, map[string]*big.Int{}
		}
		t.Conversions += r.Conversions
		t.Micros.Add(t.Micros, r.Amount)
		addTo(parts[r.Currency], r.Kind, r.Amount)
		key := lineKey{r.Advertiser, r.LineItem, r.Currency}
		l := lines[key]
		if l == nil {
			l = &revenueLine{
				Advertiser: r.Advertiser, AdvertiserName: nameOf(names.Advertisers, r.Advertiser), LineItem: r.LineItem,
				LineItemName: nameOf(names.LineItems, r.LineItem), Amount: Amount{r.Currency, new(big.Int)},
			}
			lines[key] = l
		}
		l.Conversions += r.Conversions
		l.Micros.Add(l.Micros, r.Amount)
	}
	for _, currency := range slices.Sorted(maps.Keys(totals)) {
		t := totals[currency]
		if len(parts[currency]) > 1 {
			for _, k := range kinds {
				if n := parts[currency][k.kind]; n != nil {
					t.Parts = append(t.Parts, revenuePart{k.name, Amount{currency, n}})
				}
			}
		}
		p.Totals = append(p.Totals, *t)
	}
	for _, l := range lines {
		p.Lines = append(p.Lines, *l)
	}
	slices.SortFunc(p.Lines, func(a, b revenueLine) int { // most money first, currencies apart
		return cmp.Or(strings.Compare(a.Currency, b.Currency), b.Micros.Cmp(a.Micros), strings.Compare(a.LineItem, b.LineItem), strings.Compare(a.Advertiser, b.Advertiser))
	})
}
