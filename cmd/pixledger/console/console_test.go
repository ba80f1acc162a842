package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// hostile is a name that breaks out of a page that trusts it, turns the text
// around it, and rings the bell.
const hostile = "</script></td><script>alert(1)</script>\u202e\u2066\a\x1b[31m\"'<b onclick=x>"

// world is a console on answers that stand still.
type world struct {
	t     testing.TB
	token string
	data  Data

	publishes, collects bool

	mu      sync.Mutex
	asked   [][]string
	answers map[string]string // by the first words
	version string
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// reportHTML is a page as the command makes it.
const reportHTML = "<!DOCTYPE html>\n<html lang=\"en\"><head></head>\n<body>\n<h1>revenue</h1>\n" +
	"<figure>\n<figcaption>amount</figcaption>\n" +
	`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="amount" viewBox="0 0 960 220"><path d="M 0 0" style="stroke:none;fill:rgb(1,2,3)"/></svg>` +
	"\n<details><summary>The figures</summary><div><table>\n<thead><tr><th scope=\"col\">day</th></tr></thead><tbody></tbody></table></div></details></figure>\n" +
	"<div class=\"rows\" tabindex=\"0\" role=\"region\" aria-label=\"Rows\">\n<table>\n<thead><tr><th scope=\"col\">name</th></tr></thead>\n<tbody>\n" +
	"<tr><td>&lt;/script&gt;\u202e style=&#34;x&#34;</td></tr>\n</tbody>\n</table>\n</div>\n</body>\n</html>\n"

func newWorld(t testing.TB) *world {
	now := time.Date(2026, 11, 13, 6, 0, 0, 0, time.UTC)
	w := &world{t: t, version: "1", publishes: true, collects: true, answers: map[string]string{
		"pixel status --details": jsonOf([]map[string]any{{
			"pixel_id": "9012", "pixel_name": hostile, "status": "Paused", "why": hostile, "last_fired": now, "loads_last_12_hours": 7,
			"loads_last_24_hours": 12345, "usual_24_hours": 11222, "findings": []map[string]string{{"severity": "alarm", "what": hostile, "remedy": hostile}},
			"worst":      map[string]string{"severity": "alarm", "what": hostile},
			"page_hours": 24, "pages": []map[string]any{{"url": "javascript:" + hostile, "loads": 3, "last_load": now}},
		}}),
		"pixel show 9012":   jsonOf([]map[string]any{{"section": "pixel", "name": "code", "value": "it's " + hostile, "where": nil}, {"section": "tag", "name": "host", "value": "x"}}),
		"pixel export 9012": `<img src="https://px.example/px?id=9012&order_id=[ORDER_ID]" width="1" height="1">` + "\n",
		"query json": jsonOf([]map[string]any{{
			"conversion_id": "a/b?c" + hostile, "conversion_time": now, "pixel_id": "9012", "order_id": hostile, "outcome": "attributed",
			"conversion_type": "post_click", "line_item_id": "382", "booked_revenue": "12.500000", "currency": hostile,
		}}),
		"query json by day": jsonOf([]map[string]any{
			{"day": "2026-11-12", "outcome": "attributed", "conversion_type": "post_click", "currency": "USD", "conversions": "2", "revenue": "25.000000"},
			{"day": "2026-11-12", "outcome": "attributed", "conversion_type": "post_view", "currency": "EUR", "conversions": "1", "revenue": "0.500000"},
			{"day": "2026-11-13", "outcome": "unattributed", "reason": "no_touch", "conversions": "5", "revenue": "0"},
			{"day": "2026-11-13", "outcome": "unattributed", "reason": hostile, "conversions": "1", "revenue": "0"},
		}),
		"query json loads": jsonOf([]map[string]any{{"day": "2026-11-12", "loads": "0"}, {"day": "2026-11-13", "loads": "12345"}}),
		"report revenue csv": revenueColumns + "\n" +
			"2026-11-13,estimated,7,382,2,1234567.250000,USD\n2026-11-12,adjustment,7,382,-1,-0.000001,USD\n" +
			"2026-10-31,booking,8,,1,3,EUR\n2026-11-01,booking,8,,1,,\n",
		"report":         reportHTML,
		"tracker export": "https://px.example/clktr?id=21378\n",
		"explain": "Conversion " + hostile + "\n  pixel        9012 " + hostile + "\n  order id     " + hostile + "\n\nDecision\n  attributed " + hostile +
			"\n\nStep by step\n   1  passed\n\nTouches: 2\n\n  WON  click\n       because\n",
	}}
	var status Status
	if err := json.Unmarshal([]byte(jsonOf(map[string]any{
		"lake": hostile, "commits": 3, "last_commit": now, "daemon": map[string]any{"started": now, "config_error": hostile},
		"sources": []map[string]any{{"name": hostile, "lag_bytes": 4096, "lines": 10}},
		"gaps": []map[string]any{
			{"id": "g", "source": hostile, "reason": "rotated", "path": hostile},
			{"id": "gu", "source": hostile, "reason": "unpublished", "days": []string{"2026-11-11"}, "blocks": true},
			{"id": "edge-b/gl", "source": hostile, "reason": "lost", "path": hostile, "days": []string{"2026-11-10", "2026-11-11"}},
		},
		"publish": map[string]any{"to": hostile, "edge": hostile, "parts": 12, "dates": 10, "last_date": "2026-11-11", "last_published": now, "waiting_dates": []string{"2026-11-12"}, "failing_since": now, "error": hostile},
		"collect": map[string]any{"from": hostile, "edges": []map[string]any{
			{"name": hostile, "parts": 5, "dates": 3, "last_date": "2026-11-10", "last_collected": now, "missing_dates": []string{"2026-11-11"}}, {"name": "edge-b"},
		}},
		"jobs":    []map[string]any{{"name": "attribute", "schedule": "*/15 * * * *", "last_run": now, "error": hostile, "history": []map[string]any{{"due": now, "error": hostile}}}, {"name": "collect", "last_run": now, "error": hostile}, {"name": "publish"}},
		"exports": map[string]any{"written_days": 1, "last_written": "2026-11-12", "destinations": []map[string]any{{"name": hostile, "error": hostile}}},
		"ledger":  map[string]any{"closed_days": 1, "last_closed": "2026-11-12"}, "datasets": []map[string]any{{"name": "clicks", "bytes": 5}},
		"warnings": []map[string]any{{"what": hostile, "remedy": hostile}},
	})), &status); err != nil {
		t.Fatal(err)
	}
	w.data = Data{
		Token: func() string { return w.token }, Zone: func() *time.Location { return time.UTC }, Now: func() time.Time { return now },
		Version: func() string { w.mu.Lock(); defer w.mu.Unlock(); return w.version },
		Status:  func() (*Status, error) { return &status, nil },
		Catalog: func() (*Catalog, error) {
			return &Catalog{
				Advertisers: []Item{{ID: 7, Name: hostile}}, LineItems: []Item{{ID: 382, Name: hostile, Advertiser: 7}},
				Pixels: []Item{{ID: 9012, Name: hostile, Advertiser: 7}}, Segments: []Item{{ID: 45962, Name: hostile, Code: hostile}},
				Trackers: []Tracker{
					{ID: 2766, Kind: "impression", LineItem: 382, Creative: 1, CreativeName: hostile, Publisher: 2, PublisherName: hostile},
					{ID: 21378, Kind: "click", LineItem: 382, Landing: "javascript:" + hostile},
				},
			}, nil
		},
		Exports: func() ([]Export, error) {
			totals, err := ParseAmounts(map[string]string{"USD": "-12.340000"})
			return []Export{{
				Date: "2026-11-12", SHA256: "abc", Totals: totals, Files: []ExportFile{{Name: hostile, SHA256: "def", Rows: 1}, {Name: "revenue_2026-11-12.csv", SHA256: keptSum, Rows: 1}},
				Deliveries: []Delivery{{Destination: hostile}},
			}}, err
		},
		ExportFile: keptFile, Edges: func() (bool, bool) { return w.publishes, w.collects },
		Reports: func(context.Context) ([]Report, error) {
			return []Report{
				{Name: "advertiser_analytics", Doc: "Figures. More", Intervals: true, By: []string{"pixel_id"}, Filters: []string{"pixel_id"}},
				{Name: "attributed_conversions"}, {Name: "unattributed"}, {Name: "ledger_entries"}, {Name: "attributed_urls", Rangeless: true}, {Name: "suspicious_traffic"}, {Name: "data_quality"}, {Name: "pixel_feed"},
				{Name: "pixel_fired", Doc: hostile, Rangeless: true},
				{Name: "revenue", Params: []Param{{Name: "include_open", Flag: "--include-open", YesNo: true}}},
				{Name: "reconciliation", Apart: "It reads a file."},
				{Name: "statement", Required: []string{"advertiser_id"}, Params: []Param{{Name: "month", Flag: "--month", Required: true}, {Name: "own", Flag: "--param own"}}},
			}, nil
		},
		Ask: w.ask, Log: slog.New(slog.DiscardHandler),
	}
	return w
}

func (w *world) ask(_ context.Context, out io.Writer, args ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, args)
	if slices.Contains(args, "--range=nonsense") {
		return &Refused{"there is no range " + hostile}
	}
	text, best := strings.Join(args, " "), ""
	switch last := args[len(args)-1]; {
	case args[0] == "query" && strings.Contains(text, "GROUP BY ALL\nORDER BY ALL"):
		text = "query json by day"
	case args[0] == "query" && strings.Contains(text, " AS loads"):
		text = "query json loads"
	case args[0] == "query":
		text = "query json"
	case args[1] == "revenue" && last == "--format=csv" && slices.Contains(args, "--columns="+revenueColumns):
		text = "report revenue csv"
	}
	for words := range w.answers {
		if strings.HasPrefix(text, words) && len(words) > len(best) {
			best = words
		}
	}
	if best == "" {
		return fmt.Errorf("the catalog has no pixel: %s", text)
	}
	_, err := io.WriteString(out, w.answers[best])
	return err
}

func (w *world) handler() http.Handler { return Handler(w.t.Context(), w.data) }

func get(h http.Handler, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "127.0.0.1:8420"
	for _, c := range change {
		c(r)
	}
	out := httptest.NewRecorder()
	h.ServeHTTP(out, r)
	return out
}

// Every page that can be reached from the first is there, is whole without a
// script, is built for those who hear it, and shows hostile names as text.
func TestEveryPage(t *testing.T) {
	h := newWorld(t).handler()
	seen, queue := map[string]bool{"/": true}, []string{"/"}
	alike := map[string]int{} // pages by path and what they are asked for, which are shown for any value
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		out := get(h, path)
		if out.Code != http.StatusOK {
			t.Errorf("%s: %d\n%s", path, out.Code, out.Body)
		}
		if !strings.HasPrefix(out.Header().Get("Content-Type"), "text/html") {
			continue
		}
		if out.Header().Get("Content-Disposition") != "" {
			continue
		}
		for _, link := range checkPage(t, path, out.Body.Bytes()) {
			u, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			kind := u.Path + "?" + strings.Join(slices.Sorted(maps.Keys(u.Query())), "&")
			if alike[kind]++; alike[kind] > 8 {
				continue
			}
			if !seen[link] && !slices.Contains([]string{"/healthz", "/readyz", "/metrics"}, link) {
				seen[link] = true
				queue = append(queue, link)
			}
		}
	}
	for _, path := range []string{"/pixels/9012", "/revenue", "/exports", "/edges", "/jobs", "/sources", "/reports/statement", "/style.css"} {
		if !seen[path] {
			t.Errorf("no link leads to %s", path)
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d pages were found", len(seen))
	}
}

var forbiddenRunes = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{200e}\x{200f}]`)

// checkPage judges a page and gives the links of this host on it.
func checkPage(t *testing.T, path string, body []byte) (links []string) {
	t.Helper()
	if at := forbiddenRunes.Find(body); at != nil {
		t.Errorf("%s: holds %q", path, at)
	}
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	ids, labels := map[string]bool{}, map[string]bool{}
	var fields []string
	heading := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		has := map[string]string{}
		for _, a := range n.Attr {
			has[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" {
				t.Errorf("%s: <%s %s=%q>", path, n.Data, a.Key, a.Val)
			}
		}
		if id := has["id"]; id != "" {
			if ids[id] {
				t.Errorf("%s: the id %s stands twice", path, id)
			}
			ids[id] = true
		}
		switch n.Data {
		case "script", "iframe", "object", "style", "img":
			t.Errorf("%s: has <%s>", path, n.Data)
		case "h1", "h2", "h3":
			level := int(n.Data[1] - '0')
			if level > heading+1 {
				t.Errorf("%s: a heading h%d follows one of level %d", path, level, heading)
			}
			heading = level
		case "label":
			labels[has["for"]] = true
		case "input", "select", "textarea":
			if has["type"] != "hidden" {
				fields = append(fields, has["id"])
			}
		case "table":
			caption := false
			for c := range n.ChildNodes() {
				caption = caption || c.Data == "caption"
			}
			if !caption {
				t.Errorf("%s: a table has no caption", path)
			}
		case "th":
			if has["scope"] == "" {
				t.Errorf("%s: a head of a table has no scope", path)
			}
		case "svg":
			if has["role"] == "img" && has["aria-label"] == "" {
				t.Errorf("%s: a drawing has no name", path)
			}
		}
		if target, ok := has["href"]; ok && !strings.HasPrefix(target, "#") && target != "data:," {
			u, err := url.Parse(target)
			if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(target, "/") {
				t.Errorf("%s: leads to %q", path, target)
				continue
			}
			links = append(links, target)
		}
	}
	for _, f := range fields {
		if f == "" || !labels[f] {
			t.Errorf("%s: the field %q has no label", path, f)
		}
	}
	if count["main"] != 1 || count["h1"] != 1 || count["header"] != 1 || count["nav"] != 1 || count["footer"] != 1 || count["title"] == 0 {
		t.Errorf("%s: landmarks and headings: %v", path, count)
	}
	return links
}

// What browsers are told, on every answer.
func TestHeaders(t *testing.T) {
	h := newWorld(t).handler()
	for _, path := range []string{"/", "/style.css", "/nosuch", "/reports/revenue/revenue.csv?range=today"} {
		out := get(h, path).Header()
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		} {
			if out.Get(name) != want {
				t.Errorf("%s: %s: %q", path, name, out.Get(name))
			}
		}
	}
	out := get(h, "/reports/revenue/revenue.html?range=today")
	if d := out.Header().Get("Content-Disposition"); d != `attachment; filename=revenue.html` {
		t.Errorf("a download is %q", d)
	}
}

// Nothing can be changed, nothing that is not there is found, and what can't be
// asked is said.
func TestRefused(t *testing.T) {
	h := newWorld(t).handler()
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		out := get(h, "/revenue", func(r *http.Request) { r.Method = method })
		if out.Code != http.StatusMethodNotAllowed || out.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, allowed %q", method, out.Code, out.Header().Get("Allow"))
		}
	}
	for path, code := range map[string]int{
		"/nosuch": 404, "/pixels/0": 404, "/pixels/--help": 404, "/pixels/77": 404, "/reports/nosuch": 404, "/reports/revenue/other.csv": 404,
		"/reports/revenue/revenue.exe": 404, "/reports/reconciliation/reconciliation.csv": 404,
		"/reports/revenue?filter=a%00b": 400, "/conversions?find=a%00b": 400, "/conversions?find=a%0Ab": 200, // an order id may hold it
		"/conversions?first=2026-13-01": 400, "/conversions?first=2026-11-13&last=2026-11-12": 400, "/conversions?first=2020-01-01&last=2026-01-01": 400,
		"/conversions?pixel=1+OR+1": 400, "/conversions?outcome=x": 400, "/conversions?reason=a%27b": 400, "/conversions?before=x": 400,
		"/revenue?advertiser=x": 400, "/revenue?first=x": 400, "/trackers/77": 404, "/trackers/x": 404, "/trackers?line_item=x": 400, "/exports/2026-01-01": 404, "/reports/revenue/revenue.csv?range=nonsense": 400,
		"/reports/revenue?range=nonsense": 200, // with the form, to mend it
	} {
		out := get(h, path)
		if out.Code != code {
			t.Errorf("%s: %d, want %d", path, out.Code, code)
		}
		checkPage(t, path, out.Body.Bytes())
	}
}

// A loopback console answers to the names of this machine alone, so that no page
// from elsewhere can have its name turned to it.
func TestHost(t *testing.T) {
	w := newWorld(t)
	h := w.handler()
	for host, code := range map[string]int{
		"localhost": 200, "localhost:8420": 200, "127.0.0.1:8420": 200, "[::1]:8420": 200, "127.9.9.9": 200,
		"evil.example": 421, "evil.example:8420": 421, "localhost.evil.example": 421, "10.0.0.1": 421, "": 421,
	} {
		if out := get(h, "/", func(r *http.Request) { r.Host = host }); out.Code != code {
			t.Errorf("%q: %d, want %d", host, out.Code, code)
		}
	}
	for mode, code := range map[string]int{"navigate": 200, "no-cors": 403, "": 403} {
		if out := get(h, "/", func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", mode)
		}); out.Code != code {
			t.Errorf("from elsewhere, %q: %d, want %d", mode, out.Code, code)
		}
	}
	w.token = "secret"
	if out := get(h, "/", func(r *http.Request) { r.Host = "console.example"; r.Header.Set("Authorization", "Bearer secret") }); out.Code != 200 {
		t.Errorf("with a token: %d", out.Code)
	}
}

// With a token nothing is shown without it; a browser gives it once.
func TestToken(t *testing.T) {
	w := newWorld(t)
	w.token = "secret"
	h := w.handler()
	for _, given := range []string{"", "Bearer wrong", "Bearer ", "secret", "Basic secret"} {
		out := get(h, "/revenue", func(r *http.Request) { r.Header.Set("Authorization", given) })
		if out.Code != http.StatusUnauthorized || strings.Contains(out.Body.String(), "secret") || len(w.asked) > 0 {
			t.Errorf("%q: %d", given, out.Code)
		}
	}
	if out := get(h, "/?token=wrong"); out.Code != http.StatusUnauthorized || len(out.Result().Cookies()) > 0 {
		t.Errorf("a wrong token: %d", out.Code)
	}
	out := get(h, "/revenue?range=today&token=secret")
	if out.Code != http.StatusSeeOther || out.Header().Get("Location") != "/revenue?range=today" {
		t.Fatalf("the token once: %d, to %q", out.Code, out.Header().Get("Location"))
	}
	for path, to := range map[string]string{"//evil.example/?token=secret": "/evil.example/", "/\\evil.example?token=secret": "/evil.example"} {
		if out := get(h, "/", func(r *http.Request) {
			u, err := url.ParseRequestURI(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(path, "//") {
				u = &url.URL{Path: "//evil.example/", RawQuery: "token=secret"}
			}
			r.URL = u
		}); out.Header().Get("Location") != to {
			t.Errorf("%s leads to %q", path, out.Header().Get("Location"))
		}
	}
	cookies := out.Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || strings.Contains(cookies[0].Value, "secret") {
		t.Fatalf("cookies: %v", cookies)
	}
	if out := get(h, "/revenue", func(r *http.Request) { r.AddCookie(cookies[0]) }); out.Code != http.StatusOK {
		t.Errorf("with the cookie: %d", out.Code)
	}
	w.token = "other" // a reload has changed it
	if out := get(h, "/revenue", func(r *http.Request) { r.AddCookie(cookies[0]) }); out.Code != http.StatusUnauthorized {
		t.Errorf("with the cookie of the token before: %d", out.Code)
	}
}

// Money is added up exactly and by currency.
func TestOverviewMoney(t *testing.T) {
	body := get(newWorld(t).handler(), "/").Body.String()
	for _, want := range []string{
		"1,234,567.25 <small>USD", "−0.000001 <small>USD", "1,234,567.249999 <small>USD", "0.00 <small>EUR",
		"−1 conversions", "2 conversions", "2026-10-31: 3.00 EUR", "2026-11-12: −0.000001 USD",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the overview lacks %q", want)
		}
	}
}

// Values can't become flags or SQL.
func TestArguments(t *testing.T) {
	w := newWorld(t)
	h := w.handler()
	get(h, "/reports/statement?range=--output%3Dx&month=-o&filter=advertiser_id%3D7&own=a%3Db&output=x&format=table")
	get(h, "/conversions?find=it%27s")
	get(h, "/conversions/--all")
	want := [][]string{
		{"report", "statement", "--range=--output=x", "--filter=advertiser_id=7", "--month=-o", "--param=own=a=b", "--limit=500", "--format=html"},
		nil,
		{"explain", "--", "--all"},
	}
	if len(w.asked) != len(want) {
		t.Fatalf("asked: %q", w.asked)
	}
	for i, args := range want {
		if args != nil && !slices.Equal(w.asked[i], args) {
			t.Errorf("asked %q, want %q", w.asked[i], args)
		}
	}
	if s := w.asked[1][1]; !strings.Contains(s, "(order_id = 'it''s' OR") {
		t.Errorf("the statement is %s", s)
	}
	if s := loadsByDay("9012", "it's", time.Unix(0, 0)); !strings.Contains(s, "pixel_code = 'it''s')") {
		t.Errorf("the statement is %s", s)
	}
}

// An answer is asked once, shown again at once, and asked anew behind what is
// shown when it may have changed.
func TestAnswersAreKept(t *testing.T) {
	w := newWorld(t)
	a := newAnswers(t.Context(), w.data)
	now := time.Now()
	a.clock = func() time.Time { return now }
	asked := func(want int) {
		t.Helper()
		if _, err := a.get(t.Context(), "report", "revenue"); err != nil {
			t.Fatal(err)
		}
		a.mu.Lock()
		q := a.asking[`["report","revenue"]`]
		a.mu.Unlock()
		if q != nil {
			<-q.done
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.asked) != want {
			t.Errorf("asked %d times, want %d", len(w.asked), want)
		}
	}
	asked(1)
	asked(1)
	now = now.Add(freshFor + 1)
	asked(1) // nothing has changed
	w.mu.Lock()
	w.version = "2"
	w.mu.Unlock()
	asked(2) // shown, and asked behind it
	now = now.Add(sameFor + 1)
	asked(3)
	now = now.Add(staleFor + 1)
	asked(4)
}

// The overview is made ready for who looks at it, and for nobody else.
func TestOverviewIsReady(t *testing.T) {
	w := newWorld(t)
	c := &console{Data: w.data, answers: newAnswers(t.Context(), w.data)}
	now := time.Now()
	c.answers.clock = func() time.Time { return now }
	c.makeReady(t.Context())
	if len(w.asked) > 0 {
		t.Errorf("asked for nobody: %q", w.asked)
	}
	if _, err := c.overview(httptest.NewRequest(http.MethodGet, "/", nil)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookedWithin - time.Minute)
	c.makeReady(t.Context())
	if len(w.asked) != 4 {
		t.Errorf("asked %q, want the two commands twice", w.asked)
	}
	now = now.Add(2 * time.Minute)
	c.makeReady(t.Context())
	if len(w.asked) != 4 {
		t.Errorf("asked a day later: %q", w.asked)
	}
}

// A result that is longer than a page is cut between rows, and says so.
func TestLongResult(t *testing.T) {
	w := newWorld(t)
	head, _, _ := strings.Cut(reportHTML, "<tr><td>")
	w.answers["report attributed_conversions"] = head + strings.Repeat("<tr><td>"+strings.Repeat("x", 1000)+"</td></tr>\n", mostBytes/1000+10) + "</tbody>\n</table>\n</div>\n</body>\n"
	out := get(w.handler(), "/reports/attributed_conversions")
	if out.Code != 200 || !strings.Contains(out.Body.String(), "more rows than a page holds") {
		t.Errorf("%d", out.Code)
	}
	checkPage(t, "/reports/attributed_conversions", out.Body.Bytes())
}
