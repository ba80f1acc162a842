//go:build testall

package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/edge/edgetest"
)

// hostileTexts break out of pages that trust them, turn the text around them,
// push the page apart, or are what a template or SQL would obey.
var hostileTexts = []string{
	`<script>window.pwned = "script"</script>`,
	`"><img src=x onerror="window.pwned='img'">`,
	`' onmouseover='window.pwned=1' autofocus onfocus='window.pwned=1`,
	`javascript:window.pwned='link'`,
	`&quot;&lt;b&gt;</textarea></title></style><svg onload=window.pwned=1>`,
	"\u202egnp.exe\u2066\u200f\u202d", "{{.Title}} ${7*7} ' OR 1=1 --",
	strings.Repeat("W", 10_000), strings.Repeat("word ", 2_000), strings.Repeat("👩‍👩‍👧‍👦", 400),
}

// newHostileWorld is a daemon on a lake whose names, order ids, pages and user
// agents are hostile, of 60 pixels in three currencies.
func newHostileWorld(t *testing.T) *daemonWorld {
	t.Helper()
	w := &daemonWorld{&daemonProcess{program: program{t: t, dir: t.TempDir()}}, edgetest.Addr(t)}
	quoted := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	text := func(i int) string { return hostileTexts[i%len(hostileTexts)] }
	const pixels = 60
	c := "version: 1\nmember_id: 958\ncurrency: USD\nadvertisers:\n"
	for i, currency := range []string{"USD", "EUR", "JPY"} {
		c += fmt.Sprintf("  - {id: %d, name: %s, currency: %s}\n", i+1, quoted(text(i)), currency)
	}
	c += "line_items:\n"
	for i := range pixels {
		c += fmt.Sprintf("  - id: %d\n    advertiser_id: %d\n    name: %s\n    pixels:\n      - pixel_id: %d\n        rates:\n"+
			"          - {from: 2026-01-01T00:00:00Z, post_click_revenue: \"%d.250000\", post_view_revenue: \"0.000001\"}\n", 100+i, i%3+1, quoted(text(i)), 9000+i, 1+i*i*i)
	}
	c += "creatives:\n"
	for i := range pixels {
		c += fmt.Sprintf("  - {id: %d, line_item_id: %d, name: %s}\n", 500+i, 100+i, quoted(text(i+1)))
	}
	c += "trackers:\n"
	for i := range pixels {
		c += fmt.Sprintf("  - {id: %d, kind: click, line_item_id: %d, creative_id: %d, landing_url: \"https://shop.example/%d?x='onmouseover='window.pwned=1\"}\n", 2000+i, 100+i, 500+i, i)
	}
	c += "pixels:\n"
	for i := range pixels {
		c += fmt.Sprintf("  - {id: %d, advertiser_id: %d, name: %s, code: %s}\n", 9000+i, i%3+1, quoted(text(i)), quoted(fmt.Sprintf("c%d'%s", i, text(i%7))))
	}
	c += "segments:\n  - {id: 45962, name: " + quoted(text(0)) + ", code: " + quoted(text(1)) + "}\n"
	write(t, w.path("catalog.yaml"), c)
	source := quoted("edge " + hostileTexts[1])
	write(t, w.path("pixledger.yaml"), fmt.Sprintf("lake: ./lake\ncatalog: ./catalog.yaml\ntime_zone: Europe/Berlin\nsources:\n  - {name: %s, path: ./edge.log}\n"+
		"edge: {host: px.example.com}\nconsole: {listen: %q}\nexports:\n  - {report: revenue, formats: [csv], to: \"file:./outbox\"}\n", source, w.address))
	var log strings.Builder
	line := func(at time.Time, id, uri, referer, user string) {
		b, err := json.Marshal(map[string]string{
			"time": fmt.Sprintf("%d.%03d", at.Unix(), at.Nanosecond()/1e6), "id": id, "ip": "203.0.113.9", "method": "GET", "host": "px.example.com", "uri": uri,
			"status": "200", "referer": referer, "ua": "Mozilla/5.0 " + referer, "uid_got": "uid=" + user, "uid_set": "", "gpc": "",
		})
		if err != nil {
			t.Fatal(err)
		}
		log.Write(append(b, '\n'))
	}
	begin := time.Date(2026, 11, 10, 8, 0, 0, 0, time.UTC)
	for n := range 4 * pixels {
		i, at := n%pixels, begin.Add(time.Duration(n)*15*time.Minute)
		user, order := fmt.Sprintf("%032X", n), text(n)
		if n == 0 {
			order = "a\x00b\nc\x1b[31m"
		}
		if len(order) > 2000 {
			order = order[:2000]
		}
		if n%4 > 0 {
			line(at, fmt.Sprintf("%032x", 1000+n), fmt.Sprintf("/clktr?id=%d", 2000+i), "", user)
		}
		referer := text(n + 3)
		if n%2 == 0 {
			referer = "https://shop.example/" + referer
		}
		line(at.Add(time.Minute), fmt.Sprintf("%032x", 5000+n), fmt.Sprintf("/px?id=%d&value=1&order_id=%s", 9000+i, url.QueryEscape(order)), referer, user)
	}
	write(t, w.path("edge.log"), log.String())
	for _, command := range []string{"ingest", "close", "export"} {
		w.run(command, "--now", consoleNow)
	}
	w.begin(consoleNow)
	return w
}
