package edge_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/decode"
	"pixledger/ingest/edge/edgetest"
	"pixledger/ingest/parse"
	"pixledger/schemas"
)

// These tests write raw bytes to the real nginx, and hold what it answers and
// logs, and what ingest then reads, against a naive reference.

// hostileEdge is an edge whose log is read as it grows.
type hostileEdge struct {
	t    *testing.T
	s    *edgetest.Server
	read int64 // bytes of the log so far
	sent int   // connections
	dec  *decode.Decoder
}

// newHostileEdge starts nginx with one worker, so that lines come in the order
// of the requests.
func newHostileEdge(t *testing.T) *hostileEdge {
	conf := printed(t, catalog())
	one := strings.Replace(conf, "worker_processes auto;", "worker_processes 1;", 1)
	if one == conf {
		t.Fatal("the number of workers is not where it was")
	}
	dec, err := decode.New(decode.Options{HonorGPC: true})
	if err != nil {
		t.Fatal(err)
	}
	return &hostileEdge{t: t, s: edgetest.Start(t, one), dec: dec}
}

var (
	statusLine     = regexp.MustCompile(`(?m)^HTTP/1\.[01] ([0-9]{3}) `)
	locationHeader = regexp.MustCompile(`(?mi)^Location:[ \t]*(.*?)\r?$`)
)

// exchange is what came of the bytes of one connection.
type exchange struct {
	answer    string
	statuses  []int
	locations []string
	lines     []string // logged
}

// send writes bytes, ends its side, and reads all that comes; then asks for
// something plain: when that is in the log, all lines before it are.
func (h *hostileEdge) send(raw string) exchange {
	h.t.Helper()
	c, err := net.Dial("tcp", h.s.Addr)
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		h.t.Fatal(err)
	}
	_, _ = io.WriteString(c, raw) // nginx may hang up in the middle of it
	_ = c.(*net.TCPConn).CloseWrite()
	b, err := io.ReadAll(c)
	if err != nil && os.IsTimeout(err) {
		h.t.Errorf("%.300q: no end of the answer: %v", raw, err)
	}
	x := exchange{answer: string(b)}
	for _, m := range statusLine.FindAllStringSubmatch(x.answer, -1) {
		if n, _ := strconv.Atoi(m[1]); n != 100 {
			x.statuses = append(x.statuses, n)
		}
	}
	for _, m := range locationHeader.FindAllStringSubmatch(x.answer, -1) {
		x.locations = append(x.locations, m[1])
	}
	x.lines = h.logged()
	// Whatever was sent: an answer has one line at most, and leads nowhere else.
	if len(x.lines) > max(len(x.statuses), 1) {
		h.t.Errorf("%.300q: %d lines for %d answers: %q", raw, len(x.lines), len(x.statuses), x.lines)
	}
	for _, l := range x.locations {
		if host := browserHost(l); !hostAllowed(host, allHosts) {
			h.t.Errorf("%.300q: Location %q leads to %q", raw, l, host)
		}
	}
	return x
}

// logged gives the lines that the log has got since it was last asked.
func (h *hostileEdge) logged() []string {
	h.t.Helper()
	h.sent++
	last := fmt.Sprintf("/px?last=%d", h.sent)
	get(h.t, h.s, last)
	f, err := os.Open(h.s.Log)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(h.read, io.SeekStart); err != nil {
		h.t.Fatal(err)
	}
	over := time.Now().Add(20 * time.Second)
	var more []byte
	for !strings.Contains(string(more), `"uri":"`+last+`"`) || more[len(more)-1] != '\n' {
		b, err := io.ReadAll(f)
		if err != nil {
			h.t.Fatal(err)
		}
		more = append(more, b...)
		if time.Now().After(over) {
			h.t.Fatalf("%s is not logged: %q", last, more)
		}
	}
	h.read += int64(len(more))
	lines := strings.Split(strings.TrimSuffix(string(more), "\n"), "\n")
	return lines[:len(lines)-1]
}

var ownPaths = regexp.MustCompile(`^([A-Za-z]+://[^/]+)?/(healthz|opt-out|opt-in)([?#]|$)`)

var allHosts = []string{"shop.example", "*.prostarr.example", "other.example", "plain.example", "pig.example"}

// hostileRequest is one request of the corpus, before it is written out.
type hostileRequest struct {
	method, target, gpc, cookie, acrm, more string
}

func (r hostileRequest) raw() string {
	head := ""
	for _, h := range [][2]string{{"Sec-GPC", r.gpc}, {"Cookie", r.cookie}, {"Access-Control-Request-Method", r.acrm}} {
		if h[1] != "" {
			head += h[0] + ": " + h[1] + "\r\n"
		}
	}
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n%s%s\r\n", r.method, r.target, head, r.more)
}

var (
	methodForm = regexp.MustCompile(`^(GET|POST|HEAD|PUT|DELETE|OPTIONS)$`)
	cleanPath  = regexp.MustCompile(`^(/[A-Za-z0-9_;.,-]*)+$`)
	dirtyBytes = regexp.MustCompile(`[\x00- \x7f]`)
)

// check sends a request and holds all that comes of it against the reference.
func (h *hostileEdge) check(r hostileRequest) exchange {
	h.t.Helper()
	x := h.send(r.raw())
	h.compare(r, x)
	return x
}

func (h *hostileEdge) compare(r hostileRequest, x exchange) {
	h.t.Helper()
	wrong := func(format string, args ...any) {
		h.t.Helper()
		h.t.Errorf("%.400q: %s", r.raw(), fmt.Sprintf(format, args...))
	}
	if len(x.statuses) != 1 {
		wrong("%d answers: %.300q", len(x.statuses), x.answer)
		return
	}
	status := x.statuses[0]
	path, _, _ := strings.Cut(r.target, "?")
	path, _, _ = strings.Cut(path, "#")
	wellFormed := methodForm.MatchString(r.method) && cleanPath.MatchString(path) && !strings.Contains(path+"/", "/../") && !dirtyBytes.MatchString(r.target)
	if status == 400 || status == 414 {
		if len(x.lines) > 0 || len(x.locations) > 0 {
			wrong("refused with %d, and logged %q, Location %q", status, x.lines, x.locations)
		}
		if wellFormed && len(r.target) < 4000 {
			wrong("refused with %d", status)
		}
		return
	}
	n := naiveRead(r.target, r.gpc, r.cookie)
	if n.segment == "" {
		if len(x.lines) > 0 || status < 400 && !ownPaths.MatchString(r.target) {
			wrong("no path of the grammar: %d, logged %q", status, x.lines)
		}
		return
	}
	if len(x.lines) != 1 {
		wrong("logged %d lines", len(x.lines))
		return
	}
	want := h.wantedStatus(r, n)
	if !slices.Contains(want, status) {
		wrong("answered %d, want one of %v", status, want)
	}
	if status == 302 {
		if host := browserHost(x.locations[0]); !hostAllowed(host, hostsOf(n)) {
			wrong("Location %q is not this one's to go to", x.locations[0])
		}
	} else if len(x.locations) > 0 {
		wrong("%d with Location %q", status, x.locations)
	}

	var req parse.Request
	if err := (parse.Pixledger{}).Parse([]byte(x.lines[0]), &req); err != nil {
		wrong("logged %q: %v", x.lines[0], err)
		return
	}
	var ev decode.Event
	got := h.dec.Decode(&req, time.Now().UnixMicro(), &ev)
	switch {
	case r.method != "GET" && r.method != "POST":
		if got != (decode.Outcome{Kind: decode.NotCounted, Reason: decode.BadMethod}) {
			wrong("ingest says %+v", got)
		}
		return
	case status == 404:
		if got != (decode.Outcome{Kind: decode.NotCounted, Reason: decode.BadStatus}) {
			wrong("ingest says %+v", got)
		}
		return
	case got.Kind != decode.IsEvent:
		wrong("ingest says %+v", got)
		return
	}
	kinds := map[string]schemas.EventType{"px": schemas.Conversion, "sspx": schemas.Conversion, "imptr": schemas.Impression, "clktr": schemas.Click, "clktrb": schemas.Click, "seg": schemas.SegmentEvent, "pixie": schemas.Universal}
	text := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return "=" + string(b)
	}
	param := func(name string, on ...string) string {
		if v, ok := n.params[name]; ok && slices.Contains(on, n.segment) {
			return "=" + v
		}
		return "null"
	}
	value := param("value", "px", "sspx")
	if n.segment == "pixie" {
		value = param("va", "pixie")
	}
	id := n.id
	if n.segment == "seg" || n.segment == "pixie" {
		id = 0
	}
	switch {
	case ev.Type != kinds[n.segment] || ev.Status != status || ev.ServerSide != (n.segment == "sspx"):
		wrong("ingest reads %s, status %d", ev.Type, ev.Status)
	case ev.PixelID+ev.TrackerID != id:
		wrong("ingest reads the id %d, want %d", ev.PixelID+ev.TrackerID, id)
	case text(ev.OrderID) != param("order_id", "px", "sspx", "pixie"):
		wrong("ingest reads the order %s, want %s", text(ev.OrderID), param("order_id", "px", "sspx", "pixie"))
	case text(ev.ValueText) != value:
		wrong("ingest reads the value %s, want %s", text(ev.ValueText), value)
	case ev.HasValue && !regexp.MustCompile(`^=-?[0-9]+(\.[0-9]+)?$`).MatchString(value):
		wrong("ingest reads the number %v in %s", ev.Value, value)
	case (ev.Consent == decode.Denied) != n.denied:
		wrong("consent is %s", ev.Consent)
	case (n.denied || n.edgeDenied) && ev.UserID != nil:
		wrong("somebody who says no is %q", ev.UserID)
	case !n.denied && !n.edgeDenied && !regexp.MustCompile(`^[0-9A-F]{32}$`).Match(ev.UserID):
		wrong("the user is %q", ev.UserID)
	case n.edgeDenied && strings.Contains(x.answer, "\nSet-Cookie:"):
		wrong("a cookie for somebody who says no: %q", x.answer)
	}
}

// wantedStatus is what a request may be answered with.
func (h *hostileEdge) wantedStatus(r hostileRequest, n naive) []int {
	switch r.method {
	case "GET", "POST":
	case "OPTIONS":
		if r.acrm != "" {
			return []int{204}
		}
		return []int{405}
	default:
		return []int{405}
	}
	switch n.segment {
	case "sspx":
		return []int{204}
	case "seg", "pixie":
		return []int{200}
	case "px", "imptr":
		return []int{200, 302} // where to is checked
	}
	known := slices.ContainsFunc(catalog().Trackers, func(t schemas.Tracker) bool {
		return t.ID == n.id && t.Kind == schemas.ClickTracker && t.LandingURL != ""
	})
	switch {
	case known:
		return []int{302}
	case n.id == 21381:
		return []int{302, 404} // it has a redir or nothing
	}
	return []int{404}
}

// hostsOf are the hosts that a request may be led to, by its own pixel or
// tracker.
func hostsOf(n naive) []string {
	switch {
	case n.segment == "px":
		return []string{"shop.example", "*.prostarr.example", "pig.example"}
	case n.id == 21379:
		return []string{"other.example"}
	case n.id == 21380:
		return []string{"plain.example"}
	}
	return []string{"shop.example", "*.prostarr.example"}
}

// TestHostileRequests makes requests of nasty pieces, seeded.
func TestHostileRequests(t *testing.T) {
	h := newHostileEdge(t)
	const seed, n = 20261126, 4000
	rng := rand.New(rand.NewPCG(seed, seed))
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	methods := []string{"GET", "GET", "GET", "GET", "GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "get", "G\x00T", "TRACE"}
	prefixes := []string{"/", "/", "/", "/a/", "//", "/a//b/", "/px/", "/%2e%2e/", "/../", "/%00/", "/a/./", "http://evil.example/", "HTTPS://edge.test/a/", "http://u@evil.example:1/", "//evil.example/", "/\\evil.example/", "", "*", "/a\x80/", "/é/"}
	segments := []string{"px", "px", "sspx", "imptr", "clktr", "clktr", "clktrb", "seg", "pixie", "PX", "px/", "pxx", "%70x", "px;a", "px.", "opt-out", "opt-in", "healthz", "px%00", "px%0d%0a", "plain/gif", "anonymous/redirect", "own/choice", "px\\"}
	names := []string{"id", "id", "order_id", "value", "us_privacy", "redir", "redir", "token", "code", "member", "t", "sspdata", "other", "va", "gdpr", "%69d", "i%64", "ID", "order%5Fid", "us%5fprivacy", "%72edir", "redi%72", "", "a", "id%00", "id[]", "=id", "+id"}
	pieces := []string{
		"21378", "21379", "21380", "21381", "2766", "9012", "9013", "958", "checkout", "Summer+Sale%2B5%25", "49.90", "-1", "1e308", "0", "00", "9223372036854775807", "9223372036854775808", "1YYN", "1YNN", "1%59%59", "éYY", "%C3%A9YY", "%E9%59Y", "1",
		"https://shop.example/", "https://evil.example/", "https%3A%2F%2Fshop.example%2F", "https://www.prostarr.example", "https://other.example/", "http:", "https:", "//", "\\", "/\\", "%5C", "@", "%40", "evil.example", "shop.example", ".prostarr.example", ":443", ":", "?", "/",
		"%00", "%0d%0a", "%0D%0ALocation:%20https://evil.example/", "%250d%250a", "%25", "%", "%%", "%2", "%zz", "%u0041", "%c0%af", "%ff", "\xff", "\xc3\x28", "é", "日本", "%E2%80%A8", "+", "%20", "%2B", "%26", "&", "&&", "=", ";", "#", "%23", "[X]", "${X}", "${SSP_DATA}", "%24%7BSSP_DATA%7D", "{{x}}", "%%X%%", "[", "]", "\"", "'", "<", ">", "`", "{", "}", "|", "^", "$1", "$request_uri", "\x00", "\t", "\r", "\x7f", "\x1b[31m", "..", "./", "</script>", strings.Repeat("x", 300), strings.Repeat("%41", 60),
	}
	cookies := []string{"", "", "", uid, "uid=", "uid=x", "uid=" + strings.Repeat("A", 24), "uid=" + strings.Repeat("A", 22) + "==", "pixledger_optout=1", uid + "; pixledger_optout=1", "pixledger_optout=0; " + uid, "xpixledger_optout=1; " + uid, "uid=\"},{\"; " + uid, strings.Repeat("a=b; ", 100) + uid}
	more := []string{"", "", "", "Content-Length: 0\r\n", "X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n", "X-Forwarded-Host: evil.example\r\n", "Referer: https://evil.example/\"},{\r\n", "User-Agent: \xff\"\\\r\n", "Origin: https://evil.example\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n", "Expect: 100-continue\r\n"}
	piece := func() string {
		if rng.IntN(8) == 0 {
			return string([]byte{byte(rng.IntN(256))})
		}
		return pick(pieces)
	}
	answered, redirected := map[string]int{}, 0
	for range n {
		r := hostileRequest{method: pick(methods), target: pick(prefixes) + pick(segments), cookie: pick(cookies), more: pick(more)}
		known := rng.IntN(3) == 0 // the catalog knows it, so that it leads somewhere
		if known {
			r.method, r.target = pick([]string{"GET", "POST"}), pick([]string{"/", "/a/", "//"})+pick([]string{"clktr", "clktrb", "imptr", "px"})
		}
		if known || rng.IntN(5) > 0 {
			r.target += "?"
			if known {
				r.target += "id=" + pick([]string{"%32137%38", "00%32%31%33%37%39", "21378", "21379", "21380", "21381", "2766", "9012", "9013"}) + "&"
			}
			for range rng.IntN(6) {
				r.target += pick(names)
				if rng.IntN(10) > 0 {
					r.target += "="
				}
				for range 1 + rng.IntN(3) - rng.IntN(2) {
					r.target += piece()
				}
				r.target += "&"
			}
			if known && rng.IntN(3) > 0 { // nearly a host that it may go to
				r.target += "redir=" + pick([]string{"https://shop.example", "http://", "https%3A%2F%2Fshop.example", "https://a.prostarr.example", "https://other.example", "https%3a%2f%2fa.prostarr.example%2f"})
				for range rng.IntN(4) {
					r.target += piece()
				}
			}
			r.target = strings.TrimSuffix(r.target, "&")
		}
		switch rng.IntN(6) {
		case 0:
			r.gpc = pick([]string{"1", "0", "11", "\"1\""})
		case 1:
			r.acrm = "POST"
		}
		if strings.ContainsAny(r.method+r.target, " \r\n") || strings.Contains(r.more, "Expect") && r.method == "TRACE" {
			continue // another request than the reference reads; TestHostileConnections has those
		}
		if r.method == "TRACE" {
			h.send(r.raw()) // nginx itself refuses it
			continue
		}
		if x := h.check(r); len(x.locations) > 0 {
			redirected++
		}
		answered[naiveRead(r.target, "", "").segment]++
	}
	noAlerts(t, h.s)
	if redirected < 200 {
		t.Errorf("seed %d made %d redirects: too few to say anything", seed, redirected)
	}
	for _, segment := range strings.Fields("px sspx imptr clktr clktrb seg pixie") {
		if answered[segment] < 50 {
			t.Errorf("seed %d made %d requests for /%s: too few to say anything", seed, answered[segment], segment)
		}
	}
}

// TestHostileConnections has what is no single well-framed request.
func TestHostileConnections(t *testing.T) {
	h := newHostileEdge(t)
	const headers = " HTTP/1.1\r\nHost: e\r\n"
	get := func(target string) string { return "GET " + target + headers + "\r\n" }
	long := strings.Repeat("x", 9000)
	for _, c := range []struct {
		raw   string
		lines int // logged
	}{
		{"", 0}, {"\r\n", 0}, {"\x00", 0}, {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0}, {"GET", 0}, {"GET /px", 0}, {"GET /px HTTP/1.1\r\n", 0},
		{"GET /px?id=1\r\n", 1}, {"GET /px?id=1\n", 1}, {"POST /px?id=1\r\n", 0}, {"GET /px HTTP/1.0\r\n\r\n", 1}, {"GET /px HTTP/1.1\r\n\r\n", 0}, {"GET /px HTTP/2.0\r\n\r\n", 0}, {"GET /px HTTP/9.9\r\nHost: e\r\n\r\n", 0},
		{"GET  /px" + headers + "\r\n", 1}, {"GET /px  HTTP/1.1\r\nHost: e\r\n\r\n", 1}, {"\r\n\r\nGET /px" + headers + "\r\n", 1}, {"GET /px?a b" + headers + "\r\n", 0}, {"GET /px\tHTTP/1.1\r\nHost: e\r\n\r\n", 0},
		{"GET /px" + headers + "Host: f\r\n\r\n", 0}, {"GET /px HTTP/1.1\r\nHost: a/b\r\n\r\n", 0}, {"GET /px HTTP/1.1\r\nHost: \r\n\r\n", -1}, {"GET /px HTTP/1.1\r\nHost: evil.example:99999\r\n\r\n", 1}, {"GET /px HTTP/1.1\r\nHost: a\x00b\r\n\r\n", 0}, {"GET /px HTTP/1.1\r\nHost: ..\r\n\r\n", 0},
		{"GET http:///px HTTP/1.1\r\nHost: e\r\n\r\n", 0}, {"GET http://evil.example:443@e/px" + headers + "\r\n", 0}, {"GET //evil.example/px" + headers + "\r\n", 1}, {"GET http://[::1]/px" + headers + "\r\n", 1}, {"GET file:///px" + headers + "\r\n", 0},
		{"CONNECT evil.example:443" + headers + "\r\n", 0}, {"OPTIONS *" + headers + "\r\n", 0}, {"TRACE /px" + headers + "\r\n", 0}, {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
		{"GET /px?" + long + headers + "\r\n", 0}, {"GET /px" + headers + "X: " + long + "\r\n\r\n", 0}, {"GET /px?" + strings.Repeat("x", 7000) + headers + "\r\n", 1}, {"GET /px?" + strings.Repeat("a&", 3500) + headers + "\r\n", 1},
		{"GET /px" + headers + "X-Folded: a\r\n b\r\n\r\n", -1}, {"GET /px" + headers + " X: a\r\n\r\n", -1}, {"GET /px" + headers + "X\x00: a\r\n\r\n", -1}, {"GET /px" + headers + "X: a\x00b\r\n\r\n", -1}, {"GET /px" + headers + "No colon\r\n\r\n", -1}, {"GET /px" + headers + ": a\r\n\r\n", -1},
		{"GET /px HTTP/1.1\nHost: e\n\n", 1}, {"GET /px" + headers + "Content-Length: -1\r\n\r\n", 0}, {"GET /px" + headers + "Content-Length: 1, 1\r\n\r\nx", 0}, {"GET /px" + headers + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 0},
		{"POST /px" + headers + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + get("/px?smuggled"), -1},
		{"POST /px" + headers + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(get("/px?inside")), get("/px?inside")), 1},
		{"POST /px" + headers + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(get("/px?inside")), get("/px?inside")), 1},
		{"POST /px" + headers + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + get("/px?after"), -1}, {"POST /px" + headers + "Transfer-Encoding: gzip\r\n\r\n", 0}, {"POST /px" + headers + "Content-Length: 10\r\n\r\nshort", -1},
		{get("/px?id=1") + get("/clktr?id=21378") + get("/nothing") + get("/sspx") + get("/px?t=1"), 4},
		{get("/px?id=1") + "nonsense\r\n\r\n" + get("/px?id=2"), 1},
		{"HEAD /clktr?id=21378" + headers + "\r\n" + get("/px"), 2},
		{get("/opt-out") + get("/healthz") + get("/px") + "OPTIONS /px" + headers + "Access-Control-Request-Method: GET\r\n\r\n", 2},
		{"GET /px" + headers + "Cookie: " + strings.Repeat("uid=x; ", 500) + "\r\n\r\n", 1}, {"GET /px" + headers + "Cookie: a\r\nCookie: pixledger_optout=1\r\n\r\n", 1},
		{"GET /clktr?id=21378&redir=https://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Original-URL: /x\r\nX-Rewrite-URL: /x\r\nX-Accel-Redirect: /x\r\nForwarded: host=evil.example\r\n\r\n", 1},
	} {
		x := h.send(c.raw)
		if c.lines >= 0 && len(x.lines) != c.lines {
			t.Errorf("%.300q: %d lines, want %d: %.500q; answered %.100q", c.raw, len(x.lines), c.lines, x.lines, x.answer)
		}
		for _, line := range x.lines {
			var req parse.Request
			if err := (parse.Pixledger{}).Parse([]byte(line), &req); err != nil {
				t.Errorf("%.300q: logged %q: %v", c.raw, line, err)
				continue
			}
			var ev decode.Event
			if got := h.dec.Decode(&req, time.Now().UnixMicro(), &ev); got.Kind == decode.Reject || got.Kind == decode.Ignored {
				t.Errorf("%.300q: logged %q, which ingest says %+v of", c.raw, line, got)
			}
			if strings.Contains(line, "inside") {
				t.Errorf("%.300q: a body was read as a request: %s", c.raw, line)
			}
		}
	}
	noAlerts(t, h.s)
}
