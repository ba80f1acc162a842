package edge_test

import (
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
)

// A page's script may ask from any site, cookies included, and a preflight is
// answered and is no event.
func TestCORS(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	paths := []string{"/px?id=9012", "/px?t=1", "/a/imptr?id=2766", "/clktr?id=21378", "/clktr?id=1", "/seg", "/pixie", "/sspx"}
	for origin, allowed := range map[string]bool{
		"": false, "https://shop.example": true, "http://shop.example:8080": true, "https://[2001:db8::1]:443": true, "null": true, "chrome-extension://abcdef": true, "https://xn--bcher-kva.example": true,
		"https://shop.example/": false, "https://a@shop.example": false, "shop.example": false, "https://": false, "*": false, "https://a b": false, "https://a, https://b": false, "https://é.example": false, `https://a"b`: false, "https://a\\b": false,
	} {
		for _, path := range paths {
			for _, method := range []string{"GET", "POST", "OPTIONS"} {
				headers := []string{"Content-Length: 0"}
				if origin != "" {
					headers = append(headers, "Origin: "+origin)
				}
				if method == "OPTIONS" {
					headers = append(headers, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type,x-a")
				}
				resp, _ := send(t, s, method, path, headers...)
				want, credentials := origin, "true"
				if !allowed {
					want, credentials = "", ""
				}
				h := resp.Header
				if h.Get("Access-Control-Allow-Origin") != want || h.Get("Access-Control-Allow-Credentials") != credentials || len(h["Access-Control-Allow-Origin"]) > 1 ||
					h.Get("Vary") != "Origin" || h.Get("Cross-Origin-Resource-Policy") != "cross-origin" || h.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%s %s from %q: %s %q", method, path, origin, resp.Status, h)
				}
				if method == "OPTIONS" && (resp.StatusCode != 204 || h.Get("Access-Control-Allow-Methods") != "GET, POST" || h.Get("Access-Control-Allow-Headers") != "content-type,x-a" ||
					h.Get("Access-Control-Max-Age") != "86400" || h["Set-Cookie"] != nil || h["Location"] != nil) {
					t.Errorf("preflight %s from %q: %s %q", path, origin, resp.Status, h)
				}
			}
		}
	}
	for _, c := range []struct {
		target, header string
		want           int
	}{
		{"/px", "", 405}, {"/px", "Access-Control-Request-Method:", 405}, {"/px", "Origin: https://a.example", 405},
		{"/px", "Access-Control-Request-Method: DELETE", 204}, {"/nothing", "Access-Control-Request-Method: GET", 404}, {"/preflight", "Access-Control-Request-Method: GET", 404},
	} {
		headers := []string{}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		if resp, _ := send(t, s, "OPTIONS", c.target, headers...); resp.StatusCode != c.want {
			t.Errorf("OPTIONS %s %s: %s, want %d", c.target, c.header, resp.Status, c.want)
		}
	}
	if resp, _ := send(t, s, "OPTIONS", "/px", "Origin: https://a.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: a: b\x01"); resp.Header.Get("Access-Control-Allow-Headers") != "" {
		t.Errorf("names that are none came back: %q", resp.Header)
	}
	for _, l := range logged(t, s) {
		if l.Method == "OPTIONS" && (l.Got != "" || l.Set != "" || !strings.HasPrefix(l.Status, "204") && l.Status != "405") {
			t.Errorf("logged %+v", l)
		}
	}
}
