//go:build testall

package edge_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/edge/edgetest"
	"pixledger/ingest/parse"
)

// caddy starts Caddy on the Caddyfile, changed to listen on free ports of
// loopback, and gives its addresses and its log. An own certificate stands in for
// the public one.
func caddy(t *testing.T, options string, changes ...[2]string) (addr, tlsAddr, log string, stop func()) {
	t.Helper()
	addr, tlsAddr = edgetest.Addr(t), edgetest.Addr(t)
	for tlsAddr == addr { // a free port may be given twice
		tlsAddr = edgetest.Addr(t)
	}
	dir := write(t, map[string]string{"edge.caddy": output(t, "cdn", "", "jq", "-rf", "caddy.jq", "testdata/edge.json"), "choices.caddy": file(t, "choices.caddy")})
	conf := file(t, "Caddyfile")
	port := func(addr string) string { return addr[strings.LastIndex(addr, ":"):] }
	for _, change := range append(changes,
		[2]string{"http://px.example.com, https://px.example.com {", "{\n\tadmin off\n\tskip_install_trust\n" + options + "}\nhttp://" + port(addr) + ", https://localhost" + port(tlsAddr) + " {\n\ttls internal\n\tbind 127.0.0.1"},
		[2]string{"/var/log/caddy/", dir + "/"}) {
		changed := strings.Replace(conf, change[0], change[1], 1)
		if changed == conf {
			t.Fatalf("the Caddyfile has no %q", change[0])
		}
		conf = changed
	}
	if err := os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	stop = serve(t, dir, addr, tool(t, "caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	return addr, tlsAddr, filepath.Join(dir, "pixel.log"), stop
}

// dialTLS connects to Caddy, which makes its certificate when it already listens.
func dialTLS(t *testing.T, addr string) net.Conn {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	over := time.NewTimer(30 * time.Second)
	defer over.Stop()
	for {
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
		if err == nil {
			return c
		}
		select {
		case <-over.C:
			t.Fatal(err)
		case <-ticker.C:
		}
	}
}

// The Caddyfile, in Caddy, whose log is read as the format pixledger.
func TestCaddy(t *testing.T) {
	addr, tlsAddr, log, stop := caddy(t, "")
	all := questions(t, "caddy")
	choice := func(q question) bool { return strings.Contains(q.Ask, " /opt-") && ownPath.MatchString(q.Ask) }
	for _, q := range all {
		if !choice(q) {
			continue
		}
		method, target, _ := strings.Cut(q.Ask, " ")
		resp, body := requestOver(t, dialTLS(t, tlsAddr), strings.Replace(head(method, target, q.lines()...), "edge.test", "localhost", 1))
		q.check(t, reply{Status: resp.StatusCode, Header: resp.Header, Body: body}, quirks{secure: true})
	}
	checkPlainChoices(t, addr, "https://px.example.com")
	all = slices.DeleteFunc(all, choice)
	tokens := make([]string, len(all))
	for n, r := range askAll(t, addr, all, nil) {
		tokens[n] = all[n].check(t, r, quirks{})
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}}}
	resp, err := client.Get("https://localhost" + tlsAddr[strings.LastIndex(tlsAddr, ":"):] + "/tls/seg")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if set := resp.Header.Get("Set-Cookie"); !strings.HasSuffix(set, "; Path=/; Max-Age=31536000; Secure; SameSite=None") {
		t.Errorf("on TLS: set %q", set)
	}
	stop()
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	checkLog(t, string(b), all, tokens, 1)
}

// Caddy's own format has what the format caddy is read from; cookies only with
// log_credentials.
func TestCaddyOwnLog(t *testing.T) {
	whole := file(t, "Caddyfile")
	start, end := strings.Index(whole, "\tlog {"), strings.Index(whole, "\n\t# ---- The request")
	for options, cookie := range map[string]string{"": "REDACTED", "\tservers {\n\t\tlog_credentials\n\t}\n": "uid=" + knownUID} {
		addr, _, log, stop := caddy(t, options, [2]string{whole[start:end], file(t, "Caddyfile.own-log")})
		send(t, &edgetest.Server{Addr: addr}, "GET", "/px?id=9012", "Cookie: uid="+knownUID, "Sec-GPC: 1", "Referer: https://shop.example/", "User-Agent: Test")
		stop()
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		var line struct {
			TS      float64
			ID      string
			Status  int
			Request struct {
				ClientIP                 string `json:"client_ip"`
				RemoteIP                 string `json:"remote_ip"`
				Method, Host, URI, Proto string
				Headers                  map[string][]string
			}
		}
		if err := json.Unmarshal(b, &line); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		r := line.Request
		if line.TS < 1e9 || len(line.ID) < 16 || line.Status != 200 || r.ClientIP != "127.0.0.1" || r.Method != "GET" || r.Host != "edge.test" || r.URI != "/px?id=9012" {
			t.Errorf("%s", b)
		}
		format, err := parse.New(parse.Spec{Format: "caddy", UserID: parse.UserID{Cookie: "uid"}})
		if err != nil {
			t.Fatal(err)
		}
		var got parse.Request
		if err := format.Parse(parse.TrimLineEnd(b), &got); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		user := ""
		if cookie != "REDACTED" {
			user = knownUID
		}
		if age := time.Since(time.UnixMicro(got.Time)); age < 0 || age > time.Hour || string(got.ID) != line.ID || got.Status != 200 || string(got.URI) != "/px?id=9012" || string(got.Method) != "GET" ||
			string(got.Host) != "edge.test" || string(got.IP) != "127.0.0.1" || string(got.Referer) != "https://shop.example/" || string(got.UserAgent) != "Test" || string(got.GPC) != "1" || string(got.User) != user {
			t.Errorf("read as %+v with the user %q: %s", got, got.User, b)
		}
		for name, want := range map[string]string{"Cookie": cookie, "Sec-Gpc": "1", "Referer": "https://shop.example/", "User-Agent": "Test"} {
			if len(r.Headers[name]) != 1 || r.Headers[name][0] != want {
				t.Errorf("%s: %q, want %q", name, r.Headers[name], want)
			}
		}
	}
}

// checkLog reads the log of an edge that writes the format pixledger, with the
// product's own parser: a line for every question that is an event or near one,
// with the id that the landing page was told, and a user id but of who says no;
// and as many lines more as the test made itself.
func checkLog(t *testing.T, log string, all []question, tokens []string, more int) {
	t.Helper()
	// "METHOD URI STATUS GPC UID", UID being known, new or none.
	got, ids := map[string]int{}, map[string]bool{}
	total := 0
	for text := range strings.Lines(log) {
		var r parse.Request
		if err := (parse.Pixledger{}).Parse([]byte(strings.TrimSuffix(text, "\n")), &r); err != nil {
			t.Errorf("%v: %s", err, text)
			continue
		}
		age := time.Since(time.UnixMicro(r.Time))
		if !r.HasTime || age < 0 || age > time.Hour || string(r.IP) != "127.0.0.1" || string(r.Host) != "edge.test" && string(r.URI) != "/tls/seg" || len(r.ID) < 16 {
			t.Errorf("time, ip, host or id: %s", text)
		}
		uid := "none"
		switch {
		case string(r.UIDGot) == knownUID && r.UIDSet == nil:
			uid = "known"
		case r.UIDGot == nil && len(r.UIDSet) >= 16:
			uid = "new"
		case r.UIDGot != nil || r.UIDSet != nil:
			uid = fmt.Sprintf("got %s, set %s", r.UIDGot, r.UIDSet)
		}
		got[fmt.Sprintf("%s %s %d %s %s", r.Method, r.URI, r.Status, r.GPC, uid)]++
		ids[string(r.ID)] = true
		total++
	}
	logged := regexp.MustCompile(`^[A-Z]+ [^?#]*/(?:px|sspx|imptr|clktrb?|seg|pixie)(?:\?|$)`)
	for n, q := range all {
		if !logged.MatchString(q.Ask) {
			continue
		}
		total--
		if tokens[n] != "" && !ids[tokens[n]] {
			t.Errorf("%s: the token %s is no id of the log", q.Ask, tokens[n])
		}
		if q.Answer == "nowhere" {
			continue // with a cookie or without, as its path says
		}
		uid := q.uid()
		if uid == "denied" {
			uid = "none"
		}
		key := fmt.Sprintf("%s %s %s %s", q.Ask, q.Answer[:3], q.Headers["Sec-GPC"], uid)
		if got[key] == 0 {
			t.Errorf("not logged: %s", key)
		}
		got[key]--
	}
	if total != more {
		t.Errorf("%d lines more than questions, want %d", total, more)
	}
}

// askFastly asks the VCL for Fastly, in a stand-in of the tests' own: nothing of
// Fastly's that runs it can be installed.
func askFastly(t *testing.T, protocol string, all []question) (replies []reply, log string) {
	t.Helper()
	type asked struct {
		Method   string            `json:"method"`
		Target   string            `json:"target"`
		Protocol string            `json:"protocol"`
		Headers  map[string]string `json:"headers"`
	}
	var list []asked
	for _, q := range all {
		a := asked{Protocol: protocol, Headers: map[string]string{"Host": "edge.test", "Edge-Location": "https://evil.example/", "Edge-UID-Got": "0123456789abcdef"}}
		a.Method, a.Target, _ = strings.Cut(q.Ask, " ")
		for name, value := range q.Headers {
			a.Headers[name] = strings.ReplaceAll(value, "{uid}", knownUID)
		}
		list = append(list, a)
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	dir := write(t, map[string]string{
		"main.vcl":       file(t, "choices.vcl") + file(t, "edge.vcl") + output(t, "cdn", "", "jq", "-rf", "fastly.jq", "testdata/edge.json"),
		"log-format":     file(t, "fastly.log-format"),
		"questions.json": string(b),
		"vcl.js":         file(t, "testdata/vcl.js"),
	})
	var got struct {
		Answers []struct {
			Status  int
			Headers map[string][]string
			Body    []byte
			ID      string
		}
		Log string
	}
	if err := json.Unmarshal([]byte(output(t, dir, "", tool(t, "node"), "vcl.js", "main.vcl", "log-format", "questions.json")), &got); err != nil {
		t.Fatal(err)
	}
	for _, a := range got.Answers {
		r := reply{Status: a.Status, Header: http.Header{}, Body: string(a.Body), ID: a.ID}
		for name, values := range a.Headers {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
		replies = append(replies, r)
	}
	return replies, got.Log
}

func TestFastly(t *testing.T) {
	all := questions(t, "fastly")
	replies, log := askFastly(t, "https", all)
	tokens := make([]string, len(all))
	for n, r := range replies {
		tokens[n] = all[n].check(t, r, quirks{secure: true})
	}
	checkLog(t, log, all, tokens, 0)

	plain := []question{{Ask: "GET /opt-out?x=1"}, {Ask: "GET /opt-in"}}
	replies, _ = askFastly(t, "http", plain)
	for n, want := range []string{"https://edge.test/opt-out", "https://edge.test/opt-in"} {
		if r := replies[n]; r.Status != 302 || r.Header.Get("Location") != want || r.Header["Set-Cookie"] != nil {
			t.Errorf("%s without TLS: %d %q", plain[n].Ask, r.Status, r.Header)
		}
	}
}

// The log formats for Fastly give, with values in their places, lines that are
// JSON with the keys wanted; the one is read as the format pixledger.
func TestFastlyLogFormats(t *testing.T) {
	values := strings.NewReplacer(
		"%{time.start.sec}V", "1767225600", "%{time.start.msec_frac}V", "123", "%{time.start.msec}V", "1767225600123",
		`%{strftime(\{"%Y-%m-%dT%H:%M:%S%z"\}, time.start)}V`, "2026-01-01T00:00:00+0000",
		"%{resp.status}V", "302", "%{client.ip}V", "203.0.113.77", "%{req.http.Edge-ID}V", "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
		"%{req.http.Edge-UID-Set}V", "", "%{json.escape(req.http.Edge-UID-Got)}V", "U",
		"%{json.escape(if(req.http.Edge-UID-Got, req.http.Edge-UID-Got, req.http.Edge-UID-Set))}V", "U",
		"%{json.escape(req.method)}V", "GET", "%{json.escape(req.http.Host)}V", "px.example.com", "%{json.escape(req.url)}V", "/clktr?id=1",
		"%{json.escape(req.http.Referer)}V", "", "%{json.escape(req.http.User-Agent)}V", `a\"b`, "%{json.escape(req.http.Sec-GPC)}V", "")
	var r parse.Request
	line := values.Replace(strings.TrimSuffix(file(t, "fastly.log-format"), "\n"))
	if err := (parse.Pixledger{}).Parse([]byte(line), &r); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	if r.Time != 1767225600123000 || string(r.UIDGot) != "U" || r.UIDSet != nil || r.Status != 302 || string(r.URI) != "/clktr?id=1" || string(r.UserAgent) != `a"b` || len(r.ID) != 36 || r.IP == nil || r.Host == nil || r.Method == nil {
		t.Errorf("%+v of %s", r, line)
	}
	line = values.Replace(strings.TrimSuffix(file(t, "fastly.own-log-format"), "\n"))
	format, err := parse.New(parse.Spec{Format: "fastly"})
	if err != nil {
		t.Fatal(err)
	}
	if err := format.Parse([]byte(line), &r); err != nil || r.Time != 1767225600123000 || string(r.UIDGot) != "U" || r.Status != 302 || string(r.URI) != "/clktr?id=1" || string(r.UserAgent) != `a"b` || len(r.ID) != 36 || r.IP == nil || r.Host == nil || r.Method == nil {
		t.Errorf("%+v, %v of %s", r, err, line)
	}
	var own map[string]any
	line = values.Replace(file(t, "fastly.own-log-format"))
	if err := json.Unmarshal([]byte(line), &own); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for _, key := range []string{"timestamp", "client_ip", "host", "url", "request_method", "request_referer", "request_user_agent", "response_status", "id", "time_msec", "uid", "gpc"} {
		if own[key] == nil {
			t.Errorf("no %s in %s", key, line)
		}
	}
	if strings.Contains(line, "%{") {
		t.Errorf("a variable that this test does not know: %s", line)
	}
}
