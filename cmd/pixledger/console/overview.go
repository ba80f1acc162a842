package console

import (
	"context"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// overviewPage is what the first look decides by.
type overviewPage struct {
	Status  *Status
	Steps   []step // to the first figures; nil once there are some
	Tiles   []tile
	Charts  []*chart
	Revenue *answer
	Pixels  []pixelHealth // that need attention
	Look    int           // how many these are, of which the worst are listed
	Watched int           // all
	Asked   *answer
	Failed  []string // parts that could not be had, and why
}

// mostFindings are the pixels that the overview lists.
const mostFindings = 10

// tile is the money and conversions of a span of time.
type tile struct {
	Name, Link  string
	Amounts     []Amount
	Conversions int64
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
	for _, args := range [][]string{pixelsCommand, overviewCommand(c.Now().In(c.Zone()))} {
		if _, err := c.answers.get(ctx, args...); err != nil && ctx.Err() == nil {
			c.Log.Warn("the overview can't be made ready", "command", commandText(args), "error", err)
		}
	}
}

// pixelsCommand looks for suspicious traffic among all touches of a week, so what
// it says is made ready too.
var pixelsCommand = []string{"pixel", "status", "--details", formatJSON}

// overviewCommand asks for what the overview adds up: this month, and the days
// that it draws.
func overviewCommand(now time.Time) []string {
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	if back := dayOf(now).AddDate(0, 0, 1-chartDays); back.Before(first) {
		first = back
	}
	return revenueCommand(first.Format(time.DateOnly), "", true)
}

func (c *console) overview(r *http.Request) (*page, error) {
	c.looked.Store(c.answers.clock().Unix())
	show := &overviewPage{}
	p := &page{Title: "Overview", Name: "overview.html", Here: "/", Show: show}
	var err error
	if show.Status, err = c.Status(); err != nil {
		return nil, err
	}
	names, err := c.Catalog()
	if err != nil {
		return nil, err
	}
	show.Steps = firstSteps(show.Status, names)
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
	rows, asked, err := c.revenueRows(r.Context(), overviewCommand(now))
	show.Revenue = asked
	if err != nil {
		show.Failed = append(show.Failed, "Revenue: "+err.Error())
	} else {
		p.Made = asked.Made
		show.add(rows, now)
	}
	x := <-pixels
	show.Asked, show.Watched = x.asked, len(x.lines)
	if x.err != nil {
		show.Failed = append(show.Failed, "Pixels: "+x.err.Error())
	}
	for _, line := range worstFirst(x.lines) {
		if line.Worst.Severity == "alarm" || line.Worst.Severity == "warning" {
			show.Look++
			if show.Look <= mostFindings {
				show.Pixels = append(show.Pixels, line)
			}
		}
	}
	return p, nil
}

func dayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// add adds up the rows of the report.
func (o *overviewPage) add(rows []revenueRow, now time.Time) {
	today := dayOf(now)
	drawn := days{today.AddDate(0, 0, 1-chartDays), today}
	yesterday := today.AddDate(0, 0, -1).Format(time.DateOnly)
	month := today.Format("2006-01-")
	currencies := map[string]bool{}
	for _, r := range rows {
		if r.Currency != "" {
			currencies[r.Currency] = true
		}
	}
	for _, t := range []struct {
		name, first, last string
		in                func(day string) bool
	}{
		{"Today", drawn.LastDay(), drawn.LastDay(), func(d string) bool { return d == drawn.LastDay() }},
		{"Yesterday", yesterday, yesterday, func(d string) bool { return d == yesterday }},
		{"This month", month + "01", drawn.LastDay(), func(d string) bool { return strings.HasPrefix(d, month) }},
	} {
		x := tile{Name: t.name, Link: "/revenue?first=" + t.first + "&last=" + t.last}
		sums := map[string]*big.Int{}
		for _, r := range rows {
			if t.in(r.Booked) {
				x.Conversions += r.Conversions
				addTo(sums, r.Currency, r.Amount)
			}
		}
		for _, currency := range slices.Sorted(maps.Keys(currencies)) { // also those that earned nothing in it
			x.Amounts = append(x.Amounts, Amount{currency, orZero(sums[currency])})
		}
		o.Tiles = append(o.Tiles, x)
	}
	o.Charts = revenueCharts(rows, drawn.list(), func(day string) string { return "/revenue?first=" + day + "&last=" + day })
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

// step is one on the way from a new installation to its first figures.
type step struct {
	Name, Text, Command, Link, LinkText string
	Done                                bool
}

// firstSteps leads a new installation to its first figures: nil where events
// have been counted.
func firstSteps(s *Status, names *Catalog) []step {
	var lines, events int64
	for _, x := range s.Sources {
		lines, events = lines+x.Lines, events+x.Events
	}
	if events > 0 {
		return nil
	}
	return []step{
		{
			Name: "Describe pixels, line items and trackers", Done: len(names.Pixels) > 0,
			Text:    "They stand in the catalog, which the daemon reads again when it changes. It has " + plural(len(names.Pixels), "pixel") + " and " + plural(len(names.Trackers), "tracker") + " now.",
			Command: "pixledger catalog check", Link: "/pixels", LinkText: "Pixels",
		},
		{
			Name: "Set up the edge, and have it write its log where a source looks", Done: lines > 0,
			Text:    "Its name is edge.host of the configuration. The first command prints all of nginx's configuration; the second says what is wrong with logs, permissions, disk and clock.",
			Command: "pixledger edge nginx; pixledger doctor", Link: "/sources", LinkText: "Sources",
		},
		{
			Name: "Paste the tags", Text: "A pixel's tag goes into the page that is a conversion, a tracker's is loaded with the ad. The pages of both have them to copy.",
			Link: "/trackers", LinkText: "Trackers",
		},
		{
			Name: "Load the page once", Text: "What was loaded is here after the next commit, by default within 30 seconds.",
			Link: "/conversions", LinkText: "Conversions",
		},
	}
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
