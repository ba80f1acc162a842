package edge_test

import (
	"strings"
	"testing"

	"pixledger/ingest/edge"
	"pixledger/ingest/edge/edgetest"
)

// Who opts out is nobody on all paths, until opting in; neither is an event.
func TestOptOut(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog(), func(c *edge.Config) { c.CookieDomain = "example.test" }))
	const out, in = "/opt-out", "/opt-in"
	const choice = "pixledger_optout=1; Path=/; Max-Age=157680000; Domain=example.test"
	const gone = "=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Domain=example.test"
	for _, c := range []struct {
		method, target, header string
		status                 int
		cookies                string // joined by blanks
	}{
		{"GET", out, "", 200, choice + " uid" + gone},
		{"GET", out + "?from=policy", "", 200, choice + " uid" + gone},
		{"POST", out, "Content-Length: 0", 200, choice + " uid" + gone},
		{"GET", out, "Sec-Fetch-Dest: image", 200, choice + " uid" + gone}, // the pages where people opt out of many at once
		{"GET", out, "Cookie: pixledger_optout=1; " + uid, 200, choice + " uid" + gone},
		{"GET", out, "Sec-GPC: 1", 200, choice + " uid" + gone},
		{"HEAD", out, "", 200, ""},
		{"GET", out, "Sec-Purpose: prefetch;prerender", 503, ""},
		{"GET", out, "Purpose: prefetch", 503, ""},
		{"GET", out, "X-Moz: prefetch", 503, ""},
		{"PUT", out, "", 405, ""},
		{"OPTIONS", out, "Access-Control-Request-Method: GET", 405, ""},
		{"GET", in, "", 200, "pixledger_optout" + gone},
		{"GET", in, "Sec-Fetch-Dest: document", 200, "pixledger_optout" + gone},
		{"GET", in, "Sec-Fetch-Dest: image", 200, ""}, // nobody opts another in
		{"GET", in, "Sec-Fetch-Dest: iframe", 200, ""},
		{"HEAD", in, "", 200, ""},
		{"GET", in, "X-Purpose: preview", 503, ""},
		{"GET", "/a/opt-out", "", 404, ""},
		{"GET", "/opt-out/", "", 404, ""},
		{"GET", "/Opt-out", "", 404, ""},
		{"GET", "/own/choice", "", 404, ""},
		{"GET", "/healthz", "", 200, ""},
		{"HEAD", "/healthz", "", 200, ""},
		{"GET", "/healthz?x", "Cookie: " + uid, 200, ""},
		{"DELETE", "/healthz", "", 405, ""},
		{"GET", "/healthz/", "", 404, ""},
	} {
		headers := []string{}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		resp, body := send(t, s, c.method, c.target, headers...)
		if resp.StatusCode != c.status || strings.Join(resp.Header["Set-Cookie"], " ") != c.cookies {
			t.Errorf("%s %s %q: %s, set %q; want %d, %q", c.method, c.target, c.header, resp.Status, resp.Header["Set-Cookie"], c.status, c.cookies)
		}
		if c.status != 404 && resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: Cache-Control %q", c.method, c.target, resp.Header["Cache-Control"])
		}
		page := map[string]string{out: "You have opted out", in: "You have not opted out", "/healthz": "ok\n"}[c.target]
		if c.method == "GET" && c.status == 200 && !strings.Contains(body, page) {
			t.Errorf("%s: body %q", c.target, body)
		}
		if strings.Contains(body, "://") {
			t.Errorf("%s: the page loads or names something elsewhere: %q", c.target, body)
		}
	}
	paths := []string{"/px?id=9012", "/px?t=1", "/imptr?id=2766", "/clktr?id=21378", "/seg?add=1", "/pixie?pi=1", "/sspx?id=9012"}
	denied := []string{"pixledger_optout=1", "a=b; pixledger_optout=1", "pixledger_optout=1; " + uid, uid + ";pixledger_optout=1", uid + `; pixledger_optout="1"`, "pixledger_optout=0; pixledger_optout=1; " + uid}
	known := []string{uid, "pixledger_optout=; " + uid, "xpixledger_optout=1; " + uid, "pixledger_optout=10; " + uid, "a=pixledger_optout=1; " + uid}
	for _, path := range paths {
		for _, cookie := range denied {
			if resp, _ := get(t, s, path+"&no", "Cookie: "+cookie); resp.Header["Set-Cookie"] != nil {
				t.Errorf("%s, %s: set %q", path, cookie, resp.Header["Set-Cookie"])
			}
		}
		for _, cookie := range known {
			get(t, s, path+"&yes", "Cookie: "+cookie)
		}
	}
	lines := logged(t, s)
	if n := len(paths) * (len(denied) + len(known)); len(lines) != n {
		t.Errorf("%d lines, want %d", len(lines), n)
	}
	for _, l := range lines {
		if yes := strings.HasSuffix(l.URI, "&yes") && !strings.HasPrefix(l.URI, "/sspx"); (l.Got != "") != yes || l.Set != "" {
			t.Errorf("%s: logged got %q, set %q", l.URI, l.Got, l.Set)
		}
	}
}

// A choice that other sites' pages would never see is not taken for one.
func TestOptOutNeedsTLSWhereThereIsTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	for _, host := range []string{"", "px.example.test:8443"} {
		conf := printed(t, catalog(), func(c *edge.Config) { c.TLSCertificate, c.TLSKey, c.Host = cert, key, host })
		addr := edgetest.Addr(t)
		s := edgetest.Start(t, strings.Replace(conf, "listen 127.0.0.1:443 ssl;", "listen "+addr+" ssl;", 1))
		resp, body := get(t, s, "/opt-out")
		if host == "" && (resp.StatusCode != 403 || !strings.Contains(body, "Nothing was changed")) || host != "" && (resp.StatusCode != 302 || resp.Header.Get("Location") != "https://px.example.test/opt-out") || resp.Header["Set-Cookie"] != nil {
			t.Errorf("host %q: %s %q", host, resp.Status, resp.Header)
		}
		secure, err := secureClient(pool).Get("https://" + addr + "/opt-out")
		if err != nil {
			t.Fatal(err)
		}
		secure.Body.Close()
		if set := secure.Header["Set-Cookie"]; secure.StatusCode != 200 || len(set) != 2 || !strings.HasPrefix(set[0], "pixledger_optout=1;") || !strings.HasSuffix(set[0], "; Secure; SameSite=None") || !strings.HasSuffix(set[1], "; Secure; SameSite=None") {
			t.Errorf("host %q: with TLS %s, set %q", host, secure.Status, set)
		}
	}
}

// Behind a proxy that says that somebody came without TLS, likewise.
func TestOptOutNeedsTLSBehindAProxy(t *testing.T) {
	for _, host := range []string{"", "px.example.test"} {
		s := edgetest.Start(t, printed(t, catalog(), func(c *edge.Config) { c.TrustedProxies, c.Host = []string{"127.0.0.0/8"}, host }))
		resp, body := get(t, s, "/opt-out", "X-Forwarded-Proto: http")
		if host == "" && (resp.StatusCode != 403 || !strings.Contains(body, "Nothing was changed")) || host != "" && (resp.StatusCode != 302 || resp.Header.Get("Location") != "https://px.example.test/opt-out") || resp.Header["Set-Cookie"] != nil {
			t.Errorf("host %q: %s %q", host, resp.Status, resp.Header)
		}
		if resp, _ := get(t, s, "/opt-out", "X-Forwarded-Proto: https"); resp.StatusCode != 200 || !strings.HasSuffix(resp.Header.Get("Set-Cookie"), "; Secure; SameSite=None") {
			t.Errorf("host %q: with TLS %s %q", host, resp.Status, resp.Header)
		}
		if resp, _ := get(t, s, "/opt-out"); resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Set-Cookie"), "pixledger_optout=1;") {
			t.Errorf("host %q: by a proxy that does not tell: %s %q", host, resp.Status, resp.Header)
		}
	}
}
