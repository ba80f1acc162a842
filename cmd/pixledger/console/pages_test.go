package console

import (
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// lastAsked gives the last question that begins with these words.
func (w *world) lastAsked(words ...string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, args := range slices.Backward(w.asked) {
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return args
		}
	}
	return nil
}

// shows looks a page up, which must hold some texts.
func (w *world) shows(h http.Handler, path string, wants ...string) string {
	w.t.Helper()
	out := get(h, path)
	if out.Code != http.StatusOK {
		w.t.Fatalf("%s: %d\n%s", path, out.Code, out.Body)
	}
	for _, want := range wants {
		if !strings.Contains(out.Body.String(), want) {
			w.t.Errorf("%s lacks %q\n%s", path, want, out.Body)
		}
	}
	return out.Body.String()
}

// A page of conversions counts by decision and reason, leads from each figure to
// those that it counts, and asks for no more than the days that it shows.
func TestConversionsOfDays(t *testing.T) {
	w := newWorld(t)
	w.data.Zone = func() *time.Location { return time.FixedZone("Etc/GMT-2", 2*60*60) }
	h := w.handler()
	w.shows(h, "/conversions?first=2026-11-12&last=2026-11-13&pixel=9012&outcome=unattributed&reason=no_touch&before=2026-11-12T10%3A00%3A00.5Z%2Cit%27s",
		">3</span>", "33.3 % of 9 conversions", ">6</span>", "2 reasons", "25.00", "0.50",
		"first=2026-11-12&amp;last=2026-11-13&amp;outcome=unattributed&amp;pixel=9012&amp;reason=no_touch", "The newest</a>",
	)
	want := "FROM attributions\nWHERE date BETWEEN DATE '2026-11-11' AND DATE '2026-11-13'" +
		"\n  AND conversion_time >= TIMESTAMPTZ '2026-11-11T22:00:00Z'\n  AND conversion_time < TIMESTAMPTZ '2026-11-13T22:00:00Z'" +
		"\n  AND pixel_id = 9012\n  AND outcome = 'unattributed'\n  AND reason = 'no_touch'"
	var list string
	w.mu.Lock()
	for _, args := range w.asked {
		if !strings.Contains(args[1], want) {
			t.Errorf("asked %s\nwant in it %s", args[1], want)
		}
		if strings.Contains(args[1], "LIMIT 101") {
			list = args[1]
		}
	}
	w.mu.Unlock()
	if before := "\n  AND (conversion_time, conversion_id) < (TIMESTAMPTZ '2026-11-12T10:00:00.5Z', 'it''s')\nORDER BY"; !strings.Contains(list, before) {
		t.Errorf("the list is %s\nwant in it %s", list, before)
	}
}

// What is beyond a page is reached by a link that stays the same whatever comes
// in before it.
func TestOlderConversions(t *testing.T) {
	w := newWorld(t)
	var lines []map[string]any
	for i := range mostConversions + 1 {
		lines = append(lines, map[string]any{
			"conversion_id": fmt.Sprintf("c%03d", i), "conversion_time": time.Date(2026, 11, 12, 10, 0, 0, 500_000_000-i*1000, time.UTC), "outcome": "attributed",
		})
	}
	w.answers["query json"] = jsonOf(lines)
	body := w.shows(w.handler(), "/conversions?pixel=9012", "/conversions?before=2026-11-12T10%3A00%3A00.499901Z%2Cc099&amp;pixel=9012", "/conversions/c099")
	if strings.Contains(body, "/conversions/c100") {
		t.Error("the first of the next page stands on this one")
	}
	w.answers["query json"] = jsonOf(lines[:mostConversions])
	if body := w.shows(w.handler(), "/conversions?pixel=9012"); strings.Contains(body, "before=") {
		t.Error("the last page leads on")
	}
}

// Revenue is added up by currency, kind and line item; each figure leads to its rows.
func TestRevenueOfDays(t *testing.T) {
	w := newWorld(t)
	w.answers["report revenue csv"] = revenueColumns + "\n" +
		"2026-11-12,booking,7,382,3,30.000000,USD\n2026-11-13,estimated,7,382,2,20.000000,USD\n2026-11-12,adjustment,7,382,-1,-10.500000,USD\n" +
		"2026-11-12,credit,7,,0,-0.000001,USD\n2026-11-12,booking,7,382,1,7.000000,EUR\n"
	w.shows(w.handler(), "/revenue?first=2026-11-01&last=2026-11-13&advertiser=7",
		"39.499999 <small>USD", "7.00 <small>EUR", "4 conversions", "<span>Adjustments</span> <span>−10.50</span>", "<span>Estimated: open days</span> <span>20.00</span>",
		"Total USD", "39.50</a>", "−0.000001</a>", "/revenue?advertiser=7&amp;first=2026-11-12&amp;last=2026-11-12",
		"filter=line_item_id%3D382&amp;filter=advertiser_id%3D7", "/reports/statement?filter=advertiser_id%3D7&amp;month=2026-11&amp;shown=1",
		"/reports/revenue/revenue.xlsx?filter=advertiser_id%3D7&amp;from=2026-11-01&amp;include_open=true&amp;shown=1&amp;to=2026-11-14",
	)
	want := []string{"report", "revenue", "--include-open", "--from=2026-11-01", "--to=2026-11-14", "--filter=advertiser_id=7", "--columns=" + revenueColumns, "--format=csv"}
	if got := w.lastAsked("report"); !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
	w.shows(w.handler(), "/revenue?shown=1&first=2026-11-12&last=2026-11-12", "2026-11-12")
	if got := w.lastAsked("report"); slices.Contains(got, "--include-open") {
		t.Errorf("asked %q for closed days alone", got)
	}
	w.answers["report revenue csv"] = revenueColumns + "\n" + strings.Repeat("2026-11-12,booking,7,382,3,30.000000,USD\n", 60_000)
	w.shows(w.handler(), "/revenue", "more than a page adds up", "/reports/revenue/revenue.parquet")
}

// A pixel's page makes every tag that the command makes, to copy as it stands.
func TestTags(t *testing.T) {
	w := newWorld(t)
	h := w.handler()
	for path, want := range map[string][]string{
		"/pixels/9012":                    {"pixel", "export", "9012", "--order-id", "--value"},
		"/pixels/9012?form=js":            {"pixel", "export", "9012", "--js"},
		"/pixels/9012?form=-o&order_id=1": {"pixel", "export", "9012", "--order-id"}, // no form
		"/pixels/9012?form=image&order_id=1&value=1&other=1&redir=1&codes=1&http=1&add=45962,+carts&remove=--js": {
			"pixel", "export", "9012", "--order-id", "--value", "--other", "--redir", "--codes", "--http", "--add=45962,carts", "--remove=--js",
		},
		"/pixels/9012?form=server-side&value=1": {"pixel", "export", "9012", "--server-side", "--value"},
		"/trackers/2766":                        {"tracker", "export", "2766", "--cachebuster"},
		"/trackers/2766?form=js&ancost=1":       {"tracker", "export", "2766", "--js", "--ancost"},
		"/trackers/21378?form=js&redir=1":       {"tracker", "export", "21378", "--redir"}, // a click tracker has no script
	} {
		w.shows(h, path, "<textarea id=\"tag-text\" readonly")
		if got := w.lastAsked(want[0], "export"); !slices.Equal(got, want) {
			t.Errorf("%s: asked %q, want %q", path, got, want)
		}
	}
	w.shows(h, "/pixels/9012", ">&lt;img src=&#34;https://px.example/px?id=9012&amp;order_id=[ORDER_ID]&#34; width=&#34;1&#34; height=&#34;1&#34;&gt;</textarea>")
}

// An explanation is cut at its headings, the decision first.
func TestExplanation(t *testing.T) {
	parts := partsOf("Conversion c1\n  time  now\n\n\nDecision\n  attributed\n    more\n\nTouches: 2\n\n  WON  click\n\n  lost  view\n")
	want := []part{{"Conversion c1", "time  now"}, {"Decision", "attributed\n  more"}, {"Touches: 2", "WON  click\n\nlost  view"}}
	if !slices.Equal(parts, want) {
		t.Errorf("parts: %q", parts)
	}
	w := newWorld(t)
	body := w.shows(w.handler(), "/conversions/c1", `href="/pixels/9012"`, "filter=conversion_id%3Dc1", "The conversion</h2>", "Step by step</h2>")
	if strings.Contains(body, "Decision</h2>") || strings.Index(body, "decision") > strings.Index(body, "<h2>") {
		t.Error("the decision does not stand first")
	}
}

// A chart's axis counts as people do, from nothing; what is below it hangs.
func TestChart(t *testing.T) {
	of := func(values ...int64) *chart {
		s := series{Name: "x", Class: "one"}
		var list []string
		for i, v := range values {
			s.Values = append(s.Values, big.NewInt(v))
			list = append(list, fmt.Sprintf("2026-11-%02d", i+1))
		}
		return newChart("x", conversionsUnit, list, []series{s}, nil)
	}
	ticks := func(c *chart) (out []string) {
		for _, x := range c.Ticks {
			text := x.Text
			if x.Zero {
				text += "!"
			}
			out = append(out, text)
		}
		return out
	}
	for _, c := range []struct {
		values []int64
		want   string
	}{
		{[]int64{}, "0! 1"}, {[]int64{0, 0}, "0! 1"}, {[]int64{1}, "0! 1"}, {[]int64{3, 2}, "0! 1 2 3"}, {[]int64{97, 1}, "0! 50 100"},
		{[]int64{-30, 60}, "−50 0! 50 100"}, {[]int64{-3}, "−3 −2 −1 0!"}, {[]int64{1_234_567}, "0! 500 k 1 M 1.5 M"},
	} {
		if got := strings.Join(ticks(of(c.values...)), " "); got != c.want {
			t.Errorf("%d: the axis says %q, want %q", c.values, got, c.want)
		}
	}
	c := of(-30, 60)
	down, up := c.Days[0].Bars[0], c.Days[1].Bars[0]
	if down.Y != c.Axis || up.Y+up.Height != c.Axis || up.Height != 2*down.Height {
		t.Errorf("the axis is at %v, the bars are %+v %+v", c.Axis, down, up)
	}
}

// A new installation is led to its first figures.
func TestFirstSteps(t *testing.T) {
	w := newWorld(t)
	status, err := w.data.Status()
	if err != nil {
		t.Fatal(err)
	}
	empty := *status
	empty.Sources, empty.Last = nil, nil
	w.data.Status = func() (*Status, error) { return &empty, nil }
	w.answers["report revenue csv"] = revenueColumns + "\n"
	body := w.shows(w.handler(), "/", "First steps", "pixledger edge nginx", "0 conversions", "No revenue was booked in the last 30 days.")
	checkPage(t, "/", []byte(body))
	if n := strings.Count(body, ">done<"); n != 1 {
		t.Errorf("%d steps are done, want that of the catalog", n)
	}
}

// Times are said in the zone of business days, and how long ago they are.
func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 13, 6, 0, 0, 0, time.UTC)
	for want, at := range map[string]time.Time{
		"30 seconds ago": now.Add(-30 * time.Second), "1 minute ago": now.Add(-90 * time.Second), "47 hours ago": now.Add(-47 * time.Hour),
		"3 days ago": now.Add(-75 * time.Hour), "in 5 hours": now.Add(5 * time.Hour), "": {},
	} {
		if got := ago(at, now); got != want {
			t.Errorf("%v: %q, want %q", at, got, want)
		}
	}
	if got := stampIn(&now, time.FixedZone("X", 3600)); got != `<time datetime="2026-11-13T06:00:00Z">2026-11-13 07:00:00 X</time>` {
		t.Errorf("the time is %s", got)
	}
}

// Ids in a report's rows lead to their pages; what a log holds stays text.
func TestIdsLead(t *testing.T) {
	head := `<div class="rows" tabindex="0" role="region" aria-label="Rows">` + "\n<table>\n<thead><tr>" +
		`<th scope="col">conversion_id</th><th scope="col" class="n">pixel_id</th><th scope="col">order_id</th></tr></thead>` + "\n<tbody>\n"
	rows := "<tr><td class=\"t\">a/&#34;&gt;&lt;b&amp;\n?</td><td class=\"n\">9012</td><td>pixel_id</td></tr>\n" +
		"<tr><td>c1</td><td class=\"n\"><i class=\"z\">null</i></td><td></td></tr>\n"
	foot := "</tbody>\n<tfoot>\n<tr class=\"total\"><th scope=\"row\">7</th><td class=\"n\">8</td><td>9</td></tr>\n</tfoot>\n</table>\n</div>\n"
	want := `<tr><td class="t"><a href="/conversions/a%2F%22%3E%3Cb&amp;%0A%3F">a/&#34;&gt;&lt;b&amp;` + "\n" + `?</a></td><td class="n"><a href="/pixels/9012">9012</a></td><td>pixel_id</td></tr>` + "\n" +
		`<tr><td><a href="/conversions/c1">c1</a></td><td class="n"><i class="z">null</i></td><td></td></tr>` + "\n"
	if got := string(linked([]byte(head + rows + foot))); got != head+want+foot {
		t.Errorf("the rows are\n%s", got)
	}
	for _, same := range []string{"", "x", head, strings.ReplaceAll(head, "_id", "") + rows + foot} {
		if got := string(linked([]byte(same))); got != same {
			t.Errorf("%q became %q", same, got)
		}
	}
}
