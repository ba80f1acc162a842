package console

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// chartDays is how many days the overview draws.
const chartDays = 30

// overviewPage is what the first look decides by.
type overviewPage struct {
	Status  *Status
	Tiles   []tile
	Charts  []*bars
	Revenue *answer
	Pixels  []pixelHealth // that need attention
	Watched int           // all
	Asked   *answer
	Failed  []string // parts that could not be had, and why
}

// tile is the money and conversions of a span of time.
type tile struct {
	Name, Link  string
	Amounts     []Amount
	Conversions int64
}

// revenueRow is a row of the report revenue.
type revenueRow struct {
	Booked      string  `json:"booked"`
	Conversions string  `json:"conversions"`
	Amount      *string `json:"amount"`
	Currency    *string `json:"currency"`
}

// What takes long is made anew every readyEvery while somebody has looked at the
// overview within lookedWithin, so that the first look of a morning waits for
// nothing. The start counts as a look: who starts a daemon looks at it.
const (
	readyAfter   = 5 * time.Second // a daemon that has just started has logs to catch up with
	readyEvery   = 10 * time.Minute
	lookedWithin = 24 * time.Hour
)

func (c *console) keepReady(ctx context.Context) {
	c.looked.Store(c.answers.clock().Unix())
	tick := time.NewTicker(readyAfter)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			tick.Reset(readyEvery)
			c.makeReady(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (c *console) makeReady(ctx context.Context) {
	if c.answers.clock().Sub(time.Unix(c.looked.Load(), 0)) > lookedWithin {
		return
	}
	for _, args := range [][]string{pixelsCommand, revenueCommand(c.Now().In(c.Zone()))} {
		if _, err := c.answers.get(ctx, args...); err != nil && ctx.Err() == nil {
			c.Log.Warn("the overview can't be made ready", "command", commandText(args), "error", err)
		}
	}
}

// pixelsCommand looks for suspicious traffic among all touches of a week, so what
// it says is made ready too.
var pixelsCommand = []string{"pixel", "status", "--details", formatJSON}

// revenueCommand asks for what the overview adds up: this month, and the days
// that it draws.
func revenueCommand(now time.Time) []string {
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	if back := dayOf(now).AddDate(0, 0, 1-chartDays); back.Before(first) {
		first = back
	}
	return []string{"report", "revenue", "--include-open", "--from=" + first.Format(time.DateOnly), formatJSON}
}

func (c *console) overview(r *http.Request) (*page, error) {
	c.looked.Store(c.answers.clock().Unix())
	show := &overviewPage{}
	p := &page{Title: "Overview", Name: "overview.html", Here: "/", Show: show}
	var err error
	if show.Status, err = c.Status(); err != nil {
		return nil, err
	}
	now := c.Now().In(c.Zone())
	// The two are asked for at the same time.
	type pixelsAnswer struct {
		lines []pixelHealth
		asked *answer
		err   error
	}
	pixels := make(chan pixelsAnswer, 1)
	go func() {
		var x pixelsAnswer
		x.asked, x.err = c.read(r.Context(), &x.lines, pixelsCommand...)
		pixels <- x
	}()
	var rows []revenueRow
	if show.Revenue, err = c.read(r.Context(), &rows, revenueCommand(now)...); err != nil {
		show.Failed = append(show.Failed, "Revenue: "+err.Error())
	} else if err := show.add(rows, now); err != nil {
		show.Failed = append(show.Failed, "Revenue: "+err.Error())
	} else {
		p.Made = show.Revenue.Made
	}
	x := <-pixels
	show.Asked, show.Watched = x.asked, len(x.lines)
	if x.err != nil {
		show.Failed = append(show.Failed, "Pixels: "+x.err.Error())
	}
	for _, line := range x.lines {
		if line.Worst.Severity == "alarm" || line.Worst.Severity == "warning" {
			show.Pixels = append(show.Pixels, line)
		}
	}
	return p, nil
}

func dayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// add adds up the rows of the report.
func (o *overviewPage) add(rows []revenueRow, now time.Time) error {
	today := dayOf(now)
	days := make([]string, chartDays)
	for i := range days {
		days[i] = today.AddDate(0, 0, i+1-chartDays).Format(time.DateOnly)
	}
	tiles := []struct {
		name, chosen string
		in           func(day string) bool
	}{
		{"Today", "range=today", func(d string) bool { return d == days[chartDays-1] }},
		{"Yesterday", "range=yesterday", func(d string) bool { return d == days[chartDays-2] }},
		{"This month", "from=" + today.Format("2006-01") + "-01", func(d string) bool { return strings.HasPrefix(d, today.Format("2006-01-")) }},
	}
	sums := make([]map[string]*big.Int, len(tiles))
	counts := make([]int64, len(tiles))
	byDay := map[string]map[string]*big.Int{} // by currency, then day
	for i := range sums {
		sums[i] = map[string]*big.Int{}
	}
	for _, r := range rows {
		n, err := strconv.ParseInt(r.Conversions, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no number of conversions", r.Conversions)
		}
		amount, currency := new(big.Int), ""
		if r.Amount != nil && r.Currency != nil {
			var ok bool
			if amount, ok = parseMicros(*r.Amount); !ok {
				return fmt.Errorf("%q is no amount", *r.Amount)
			}
			currency = *r.Currency
		}
		for i, t := range tiles {
			if t.in(r.Booked) {
				counts[i] += n
				addTo(sums[i], currency, amount)
			}
		}
		if currency != "" {
			if byDay[currency] == nil {
				byDay[currency] = map[string]*big.Int{}
			}
			addTo(byDay[currency], r.Booked, amount)
		}
	}
	currencies := slices.Sorted(maps.Keys(byDay))
	for i, t := range tiles {
		x := tile{Name: t.name, Link: "/revenue?" + t.chosen, Conversions: counts[i]}
		for _, currency := range currencies { // also those that earned nothing in it
			x.Amounts = append(x.Amounts, Amount{currency, orZero(sums[i][currency])})
		}
		o.Tiles = append(o.Tiles, x)
	}
	for _, currency := range currencies {
		amounts := make([]Amount, chartDays)
		for i, d := range days {
			amounts[i] = Amount{currency, orZero(byDay[currency][d])}
		}
		o.Charts = append(o.Charts, newBars("Revenue by day, "+currency, days, amounts))
	}
	return nil
}

func addTo(sums map[string]*big.Int, key string, n *big.Int) {
	sums[key] = new(big.Int).Add(orZero(sums[key]), n)
}

func orZero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}

func (c *console) ofStatus(title, name, here string) (*page, error) {
	s, err := c.Status()
	return &page{Title: title, Name: name, Here: here, Show: s}, err
}

func (c *console) sources(*http.Request) (*page, error) {
	return c.ofStatus("Sources", "sources.html", "/sources")
}

func (c *console) jobs(*http.Request) (*page, error) {
	return c.ofStatus("Jobs", "jobs.html", "/jobs")
}

// mostExports are listed, the newest first.
const mostExports = 60

func (c *console) exports(*http.Request) (*page, error) {
	s, err := c.Status()
	if err != nil {
		return nil, err
	}
	list, err := c.Exports()
	if err != nil {
		return nil, err
	}
	all := len(list)
	slices.Reverse(list)
	return &page{Title: "Exports", Name: "exports.html", Here: "/exports", Show: struct {
		Status *Status
		List   []Export
		All    int
	}{s, list[:min(all, mostExports)], all}}, nil
}
