//go:build testall

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"pixledger/ingest/edge/edgetest"
)

// A real browser on real pages: the exported tags stand on a publisher's and a
// shop's pages, nginx runs on the printed configuration, and the reports say
// exactly what the people did. Hosts are of different sites, all with TLS, so
// that the rules for cookies are those of the web.
func TestBrowser(t *testing.T) {
	w := newWeb(t)

	// Anna sees the ad, clicks it, and buys several things, each counted in a
	// way of its own.
	anna := w.browser("anna", thirdPartyCookies)
	anna.open("https://www.publisher.test/article")
	landed := anna.click("#ad")
	if !regexp.MustCompile(`^https://shop\.prostarr\.test/shoe\?ref=[0-9a-f]{32}$`).MatchString(landed) {
		t.Errorf("the click led to %s", landed)
	}
	anna.open("https://shop.prostarr.test/thanks?tags=image&order=A-1&value=19.90")
	anna.open("https://shop.prostarr.test/thanks?tags=javascript&order=A-2&value=5")
	anna.open("https://shop.prostarr.test/thanks?tags=combined&order=A-3&value=100.01")
	anna.open("https://shop.prostarr.test/thanks?tags=piggyback&order=A-4&value=1")
	anna.open("https://shop.prostarr.test/thanks?tags=beacon&order=A-5&value=2")
	anna.sees("fetched 200")

	// Ben saw the ad and bought without a click.
	ben := w.browser("ben", thirdPartyCookies)
	ben.open("https://www.publisher.test/article")
	ben.open("https://shop.prostarr.test/thanks?tags=image&order=B-1&value=7")
	ben.open("https://shop.prostarr.test/thanks?tags=combined&order=B-2&value=8")
	ben.open("https://shop.prostarr.test/thanks?tags=leave&order=B-3&value=9")

	// Cleo's browser gives other sites no cookies. Her clicks are known by the
	// token that the landing page gets, which the shop's server brings back.
	cleo := w.browser("cleo", noThirdPartyCookies)
	cleo.open("https://www.publisher.test/article")
	cleo.click("#ad")
	cleo.open("https://shop.prostarr.test/thanks?tags=image&order=C-1&value=30")
	cleo.open("https://shop.prostarr.test/thanks?tags=server&order=C-2&value=31")

	// Dora's browser says no.
	dora := w.browser("dora", thirdPartyCookies)
	dora.says("Sec-GPC", "1")
	dora.open("https://www.publisher.test/article")
	dora.open("https://shop.prostarr.test/thanks?tags=image&order=D-1&value=9")

	// Emil told the edge that he does not want to be known, after it knew him.
	emil := w.browser("emil", thirdPartyCookies)
	emil.open("https://www.publisher.test/article")
	emil.open("https://" + edgeHost + "/opt-out")
	emil.open("https://shop.prostarr.test/thanks?tags=image&order=E-1&value=9")

	// The partner's image is asked for by the image tag and by the combined one,
	// its script and image by the JavaScript tag.
	w.partnerGets(map[string]int{"/image?of=9014": 2, "/image?of=9016": 1, "/script.js": 1, "/image?of=9013": 1})
	for _, p := range []*person{anna, ben, cleo, dora, emil} {
		p.leave()
	}
	w.nginx.Stop()

	w.run("ingest")
	w.run("attribute")
	w.reports(
		[]string{"order_id", "post_click_or_post_view_conv", "post_click_or_post_view_revenue", "pixel_id", "line_item_id", "booked_revenue"},
		[]string{"report", "attributed_conversions", "--range", "lifetime"},
		"A-1 | Post Click | 19.900000 | 9012 | 382 | 12.500000",
		"A-2 | Post Click | 5.000000 | 9013 | 382 | 12.500000",
		"A-3 | Post Click | 100.010000 | 9014 | 382 | 12.500000",
		"A-4 | Post Click | 1.000000 | 9016 | 382 | 12.500000",
		"A-5 | Post Click | 2.000000 | 9012 | 382 | 12.500000",
		"A-5-fetched | Post Click | 2.000000 | 9012 | 382 | 12.500000",
		"B-1 | Post View | 7.000000 | 9012 | 382 | 2.000000",
		"B-2 | Post View | 8.000000 | 9014 | 382 | 2.000000",
		"B-3 | Post View | 9.000000 | 9012 | 382 | 2.000000",
		"C-2 | Post Click | 31.000000 | 9015 | 382 | 12.500000",
	)
	w.reports(
		[]string{"order_id", "pixel_id", "reason", "user_id"},
		[]string{"query", "SELECT order_id, pixel_id, reason, user_id IS NOT NULL AS user_id FROM attributions WHERE outcome = 'unattributed'"},
		"C-1 | 9012 | no_touch | true", // the cookie of this load is kept by nobody
		"D-1 | 9012 | no_consent | false",
		"E-1 | 9012 | no_user | false",
	)
	w.reports(
		[]string{"imps", "clicks", "post_view_convs", "post_click_convs", "booked_revenue"},
		[]string{"report", "advertiser_analytics", "--range", "lifetime", "--interval", "cumulative"},
		"4 | 2 | 3 | 7 | 93.500000", // Dora's impression is nobody's
	)
	// Anna bought, so she is no longer one who looked around. Ben left both.
	w.reports(
		[]string{"segment_id", "user"},
		[]string{"query", `SELECT segment_id, (SELECT min(order_id) FROM conversions AS c WHERE c.user_id = m.user_id) AS "user" FROM segment_members AS m`},
		"45962 | A-1",
		"45963 | ", // Cleo's browser forgot who it was there
	)
	if out := w.run("verify"); !strings.Contains(out, "no differences") {
		t.Errorf("verify: %s", out)
	}
}

const webCatalog = `version: 1
member_id: 958
currency: USD
advertisers:
  - {id: 7, name: ProStarr Sportswear, redirect_hosts: ["*.prostarr.test"]}
line_items:
  - id: 382
    advertiser_id: 7
    name: Autumn running shoes
    pixels:
      - {pixel_id: 9012, rates: [{from: 2020-01-01T00:00:00Z, post_click_revenue: "12.50", post_view_revenue: "2.00"}]}
      - {pixel_id: 9013, rates: [{from: 2020-01-01T00:00:00Z, post_click_revenue: "12.50", post_view_revenue: "2.00"}]}
      - {pixel_id: 9014, rates: [{from: 2020-01-01T00:00:00Z, post_click_revenue: "12.50", post_view_revenue: "2.00"}]}
      - {pixel_id: 9015, rates: [{from: 2020-01-01T00:00:00Z, post_click_revenue: "12.50", post_view_revenue: "2.00"}]}
      - {pixel_id: 9016, rates: [{from: 2020-01-01T00:00:00Z, post_click_revenue: "12.50", post_view_revenue: "2.00"}]}
trackers:
  - {id: 2766, kind: impression, line_item_id: 382}
  - {id: 21378, kind: click, line_item_id: 382, landing_url: "https://shop.prostarr.test/shoe?ref=${SSP_DATA}"}
pixels:
  - {id: 9012, advertiser_id: 7, name: Image, min_minutes_per_conv: 0}
  - id: 9013
    advertiser_id: 7
    name: JavaScript
    min_minutes_per_conv: 0
    piggyback_pixels:
      - {pixel_type: js, url: "https://www.partner.test/script.js"}
      - {pixel_type: img, url: "https://www.partner.test/image?of=9013"}
  - id: 9014
    advertiser_id: 7
    name: Combined with segments
    min_minutes_per_conv: 0
    piggyback_pixels: [{pixel_type: img, url: "https://www.partner.test/image?of=9014"}]
  - {id: 9015, advertiser_id: 7, name: Server, min_minutes_per_conv: 0}
  - id: 9016
    advertiser_id: 7
    name: Image by its code
    code: thanks
    min_minutes_per_conv: 0
    piggyback_pixels: [{pixel_type: img, url: "https://www.partner.test/image?of=9016"}]
segments:
  - {id: 45962, name: Bought}
  - {id: 45963, name: Looked around}
`

const edgeHost = "px.pixledger.test"

// web is an edge and the sites around it.
type web struct {
	program
	nginx *edgetest.Server
	rules string // which address a browser finds the hosts at
	tags  map[string]string

	mu      sync.Mutex
	partner map[string]int // what the partner was asked for
}

func newWeb(t *testing.T) *web {
	dir := edgetest.Dir(t)
	w := &web{program: program{t: t, dir: dir}, partner: map[string]int{}}
	sites := httptest.NewTLSServer(w)
	t.Cleanup(sites.Close)
	certificate, key := w.pem(sites.TLS.Certificates[0])

	write(t, filepath.Join(dir, "catalog.yaml"), webCatalog)
	write(t, filepath.Join(dir, "pixledger.yaml"), fmt.Sprintf(`lake: ./lake
catalog: ./catalog.yaml
sources:
  - {name: edge-1, path: ./pixel.log, format: pixledger}
edge: {host: %s, listen: "%s", log: %s, tls_certificate: %s, tls_key: %s}
`, edgeHost, edgetest.Addr(t), filepath.Join(dir, "pixel.log"), certificate, key))
	secure := edgetest.Addr(t) // 443 may be taken here
	conf := w.run("edge", "nginx")
	if !strings.Contains(conf, "listen 127.0.0.1:443 ssl;") {
		t.Fatal("the configuration does not listen on 443")
	}
	w.nginx = edgetest.Start(t, strings.Replace(conf, "listen 127.0.0.1:443 ssl;", "listen "+secure+" ssl;", 1))
	w.rules = fmt.Sprintf("MAP %s:443 %s, MAP *.test:443 %s", edgeHost, secure, sites.Listener.Addr())

	export := func(args ...string) string { return w.run(append(args, "--order-id", "--value")...) }
	w.tags = map[string]string{
		"impression": w.run("tracker", "export", "--cachebuster", "2766"),
		"click":      w.run("tracker", "export", "21378"),
		"image":      export("pixel", "export", "9012"),
		"javascript": export("pixel", "export", "--js", "9013"),
		"combined":   export("pixel", "export", "--add", "45962", "--remove", "45963", "9014"),
		"server":     export("pixel", "export", "--server-side", "9015"),
		"piggyback":  export("pixel", "export", "--codes", "9016"),
		"leave":      export("pixel", "export", "--remove", "45962,45963", "9012"),
		"segment":    w.run("segment", "export", "45963"),
	}
	return w
}

// pem writes a certificate and its key to files.
func (w *web) pem(c tls.Certificate) (certificate, key string) {
	w.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		w.t.Fatal(err)
	}
	certificate, key = filepath.Join(w.dir, "edge.crt"), filepath.Join(w.dir, "edge.key")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	return certificate, key
}

var (
	clickURL = regexp.MustCompile(`https://[^"'\s<>]+/clktrb?\?[^"'\s<>]*`)
	pixelURL = regexp.MustCompile(`https://[^"'\s<>]+/px\?[^"'\s<>]*`)
)

// beacons is a page that fires a pixel by a beacon, and by a request whose
// answer it reads, which a browser asks leave for before.
const beacons = `<!doctype html><title>Thank you</title><script>
const pixel = order => %q.replace("[ORDER_ID]", %q + order).replace("[REVENUE]", %q);
if (!navigator.sendBeacon(pixel(""))) document.title = "no beacon";
fetch(pixel("-fetched"), {method: "POST", credentials: "include", headers: {"Content-Type": "application/json"}, body: "{}"})
	.then(answer => document.title = "fetched " + answer.status, error => document.title = String(error));
</script>`

// ServeHTTP is the sites: a publisher, a shop and a partner.
func (w *web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	out.Header().Set("Content-Type", "text/html; charset=utf-8")
	switch r.Host + r.URL.Path {
	case "www.publisher.test/article":
		tag := strings.ReplaceAll(w.tags["impression"], "[CACHEBUSTER]", fmt.Sprint(time.Now().UnixNano()))
		fmt.Fprintf(out, "<!doctype html><p>News</p>%s<a id=ad href='%s'>Shoes</a>", tag, clickURL.FindString(w.tags["click"]))
	case "shop.prostarr.test/shoe": // it keeps the token, as its own
		http.SetCookie(out, &http.Cookie{Name: "ref", Value: query.Get("ref"), Path: "/", Secure: true, HttpOnly: true})
		fmt.Fprintf(out, "<!doctype html><h1>Blue shoe</h1>%s", w.tags["segment"])
	case "shop.prostarr.test/thanks":
		if query.Get("tags") == "beacon" {
			fmt.Fprintf(out, beacons, pixelURL.FindString(w.tags["image"]), query.Get("order"), query.Get("value"))
			return
		}
		tag := strings.NewReplacer("[ORDER_ID]", query.Get("order"), "[REVENUE]", query.Get("value")).Replace(w.tags[query.Get("tags")])
		if query.Get("tags") != "server" {
			fmt.Fprintf(out, "<!doctype html><h1>Thank you</h1>%s", tag)
			return
		}
		ref, err := r.Cookie("ref")
		if err == nil {
			err = w.callEdge(strings.ReplaceAll(strings.TrimSpace(tag), "[SSPDATA]", url.QueryEscape(ref.Value)))
		}
		if err != nil {
			w.t.Errorf("the shop's server: %v", err)
		}
		fmt.Fprint(out, "<!doctype html><h1>Thank you</h1>")
	case "www.partner.test/image", "www.partner.test/script.js":
		w.mu.Lock()
		w.partner[r.URL.RequestURI()]++
		w.mu.Unlock()
		out.Header().Set("Content-Type", map[bool]string{true: "image/svg+xml", false: "text/javascript"}[r.URL.Path == "/image"])
		if r.URL.Path == "/image" {
			fmt.Fprint(out, `<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>`)
		}
	default: // browsers ask for icons
		http.NotFound(out, r)
	}
}

// callEdge is the shop's server, which asks the edge as servers do.
func (w *web) callEdge(target string) error {
	secure := strings.TrimPrefix(strings.Split(w.rules, ",")[0], "MAP "+edgeHost+":443 ")
	c := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, secure)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	resp, err := c.Get(target)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%s: %s", target, resp.Status)
	}
	return nil
}

// partnerGets waits until the partner was asked for what is wanted, and no more.
func (w *web) partnerGets(want map[string]int) {
	w.t.Helper()
	var got string
	waitFor(w.t, fmt.Sprintf("the partner gets %v", want), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		got = fmt.Sprint(w.partner)
		return got == fmt.Sprint(want)
	}, func() string { return "it got " + got })
}

// reports compares columns of a table, whose rows are sorted.
func (w *web) reports(columns, command []string, want ...string) {
	w.t.Helper()
	var got []string
	for _, row := range w.table(command...) {
		var fields []string
		for _, c := range columns {
			fields = append(fields, row[c])
		}
		got = append(got, strings.Join(fields, " | "))
	}
	slices.Sort(got)
	if g, x := strings.Join(got, "\n"), strings.Join(want, "\n"); g != x {
		w.t.Errorf("pixledger %s:\n%s\nwant:\n%s", strings.Join(command, " "), g, x)
	}
}

// person is somebody with a browser of their own.
type person struct {
	w    *web
	name string
	ctx  context.Context
}

// What a browser does with cookies on other sites' pages.
const (
	thirdPartyCookies   = `{"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": false}}`
	noThirdPartyCookies = `{"profile": {"cookie_controls_mode": 1, "block_third_party_cookies": true}}`
)

// browser starts a browser with a profile of its own and its preferences.
func (w *web) browser(name, preferences string) *person {
	w.t.Helper()
	profile := filepath.Join(w.t.TempDir(), name)
	if err := os.MkdirAll(filepath.Join(profile, "Default"), 0o755); err != nil {
		w.t.Fatal(err)
	}
	write(w.t, filepath.Join(profile, "Default", "Preferences"), preferences)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	w.t.Cleanup(cancel)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", w.rules), chromedp.IgnoreCertErrors,
		// By its own name a headless browser is a robot.
		chromedp.UserAgent("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"))
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	w.t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	w.t.Cleanup(cancel)
	return &person{w: w, name: name, ctx: ctx}
}

func (p *person) must(err error) {
	p.w.t.Helper()
	if err != nil {
		p.w.t.Fatalf("%s's browser: %v\nthis test needs Chromium: .ci/tools-office installs it", p.name, err)
	}
}

// leave closes the browser, and with it its connections.
func (p *person) leave() {
	p.w.t.Helper()
	p.must(chromedp.Cancel(p.ctx))
}

// says gives every request of the browser a header.
func (p *person) says(name, value string) {
	p.w.t.Helper()
	_, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{})
	p.must(err)
	_, err = chromedp.Call(p.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{name: value}})
	p.must(err)
}

// open goes to a page and waits until all of it is loaded, its images too.
func (p *person) open(url string) {
	p.w.t.Helper()
	p.must(chromedp.Do(p.ctx, chromedp.Navigate(url)))
}

// sees waits until the page has a title.
func (p *person) sees(title string) {
	p.w.t.Helper()
	var last string
	waitFor(p.w.t, p.name+" sees "+title, func() bool {
		at, err := chromedp.Run(p.ctx, chromedp.Title())
		p.must(err)
		last = at
		return last == title
	}, func() string { return "the title is " + last })
}

// click clicks what leads to another page, waits until that is loaded, and
// gives where it is.
func (p *person) click(selector string) string {
	p.w.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.WaitEvent(page.LoadEventFired, nil, chromedp.Click(chromedp.CSS(selector))))
	p.must(err)
	at, err := chromedp.Run(p.ctx, chromedp.Location())
	p.must(err)
	return at
}
