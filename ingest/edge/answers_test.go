package edge_test

import (
	"bufio"
	"bytes"
	"fmt"
	"image/gif"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
)

// TestAnswers asks for everything the grammar has, and what is near it, and
// compares the answer and whether it was logged.
func TestAnswers(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	const (
		image   = "200 image/gif"
		js      = "200 application/javascript"
		empty   = "204 "
		missing = "404 text/html"
	)
	cases := []struct {
		method, target, want string
		logged               bool
	}{
		{"GET", "/px?id=9012&order_id=1", image, true},
		{"POST", "/px?id=9012", image, true},
		{"GET", "/px", image, true},
		{"GET", "/px?", image, true},
		{"GET", "/px?id=9012&t=1", js, true},
		{"POST", "/px?id=9012&t=1", js, true},
		{"GET", "/px?id=9012&t=2", image, true},
		{"GET", "/px?id=9012&t=11", image, true},
		{"GET", "/px?id=9012&t=%31", js, true},
		{"GET", "/px?id=9012&%74=1", js, true},
		{"GET", "/px?T=1", image, true},
		{"GET", "/px?xt=1", image, true},
		{"GET", "/px?t&t=1", image, true},
		{"GET", "/px?t=2&t=1", image, true},
		{"GET", "/px?t=1&t=2", js, true},
		{"GET", "/px?a=?t=1", image, true},
		{"GET", "/px#?t=1", image, true},
		{"GET", "/px?a#&t=1", image, true},
		{"GET", "/a/px?id=1", image, true},
		{"GET", "//px", image, true},
		{"GET", "/a//b/./../px", image, true},
		{"GET", "/px/px", image, true},
		{"GET", "http://elsewhere.test/a/px?t=1", js, true},
		{"GET", "/imptr?id=2766", image, true},
		{"POST", "/imptr?id=2766", image, true},
		{"GET", "/imptr?id=none", image, true},
		{"GET", "/imptr?id=2766&t=1", js, true},
		{"GET", "/imptr?redir=x&t=1", image, true}, // t is the redir's
		{"GET", "/px?redir=x&t=1", js, true},       // on /px it is not
		{"GET", "/seg?add=1", image, true},
		{"POST", "/seg?add=1", image, true},
		{"GET", "/seg?add=1&t=1", js, true},
		{"GET", "/pixie?pi=1&e=PageView", image, true},
		{"POST", "/pixie?pi=1", image, true},
		{"GET", "/pixie?t=1", js, true},
		{"GET", "/sspx?id=9012&sspdata=x.", empty, true},
		{"POST", "/deep/sspx?id=9012", empty, true},
		{"GET", "/sspx?t=1", empty, true},

		{"HEAD", "/px?id=9012", "405 text/html", true},
		{"PUT", "/px?id=9012", "405 text/html", true},
		{"OPTIONS", "/imptr?id=9012", "405 text/html", true},
		{"HEAD", "/clktr?id=21378", "405 text/html", true},
		{"DELETE", "/sspx", "405 text/html", true},

		{"GET", "/clktr?id=1", missing, true},
		{"GET", "/clktr?id=2766", missing, true}, // an impression tracker
		{"GET", "/clktr?id=21381", missing, true},
		{"GET", "/clktrb", missing, true},
		{"GET", "/clktr?id=-21378", missing, true},
		{"GET", "/clktr?id=21378x", missing, true},
		{"GET", "/clktr?id=%32137%38x", missing, true},
		{"GET", "/clktr?id=%3221378", missing, true},
		{"GET", "/clktr?id=%2B21378", missing, true},
		{"GET", "/clktr?id=%2D21378", missing, true},
		{"GET", "/clktr?id=" + strings.Repeat("%39", 19), missing, true},
		{"GET", "/clktr?id=" + strings.Repeat("%39", 20), missing, true},
		{"GET", "/clktr?id=" + strings.Repeat("%39", 18) + "x", missing, true},
		{"GET", "/clktr?ID=21378", missing, true},
		{"GET", "/clktr?xid=21378", missing, true},
		{"GET", "/clktr?id&id=21378", missing, true},
		{"GET", "/clktr?id=1&id=21378", missing, true},
		{"GET", "/clktr?redir=https://x.test/?&id=21378", missing, true},

		{"GET", "/", missing, false},
		{"HEAD", "/", missing, false},
		{"POST", "/nothing", missing, false},
		{"GET", "/px/", missing, false},
		{"GET", "/PX", missing, false},
		{"GET", "/px/..", missing, false},
		{"GET", "/%70x", missing, false},
		{"GET", "/px%3Fid=1", missing, false},
		{"GET", "/px;a=1?id=1", missing, false},
		{"GET", "/pxx", missing, false},
		{"GET", "/apx", missing, false},
		{"GET", "/x?/px", missing, false},
		{"GET", "/x#/px", missing, false},
		{"GET", "http://edge.test/px/", missing, false},
		{"GET", "http://edge.test?/px", missing, false},
		{"GET", "/plain/gif", missing, false}, // nginx's own places are not reached by name
		{"GET", "/anonymous/redirect", missing, false},
		{"GET", "/unknown", missing, false},
	}
	var want []string
	for _, c := range cases {
		resp, body := send(t, s, c.method, c.target, "Content-Length: 0")
		got := resp.Status[:3] + " " + resp.Header.Get("Content-Type")
		if got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.target, got, c.want)
		}
		if c.logged {
			want = append(want, c.method+" "+strings.TrimPrefix(c.target, "http://elsewhere.test")+" "+c.want[:3])
			if cc := resp.Header["Cache-Control"]; len(cc) != 1 || cc[0] != "no-store" {
				t.Errorf("%s %s: Cache-Control %q", c.method, c.target, cc)
			}
		} else if resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s %s: a cookie on what is no event", c.method, c.target)
		}
		if got := resp.Header["Location"]; got != nil {
			t.Errorf("%s %s: Location %q", c.method, c.target, got)
		}
		if c.want == image && body != transparentGIF {
			t.Errorf("%s %s: body %q", c.method, c.target, body)
		}
		if c.want == empty && body != "" {
			t.Errorf("%s %s: body %q", c.method, c.target, body)
		}
	}
	var got []string
	for _, l := range logged(t, s) {
		got = append(got, l.Method+" "+l.URI+" "+l.Status)
		if len(l.ID) != 32 || l.IP != "127.0.0.1" || l.Time == "" {
			t.Errorf("%s: logged id %q, ip %q, time %q", l.URI, l.ID, l.IP, l.Time)
		}
	}
	slices.Sort(got) // nginx's workers write beside each other
	slices.Sort(want)
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("logged:\n%s\nwant:\n%s", g, w)
	}
}

// The GIF is one pixel, and nothing of it is seen.
func TestGIFIsOneTransparentPixel(t *testing.T) {
	img, err := gif.Decode(bytes.NewReader([]byte(transparentGIF)))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != 1 || b.Dy() != 1 {
		t.Errorf("bounds %v", b)
	}
	if _, _, _, a := img.At(0, 0).RGBA(); a != 0 {
		t.Errorf("alpha %d", a)
	}
}

// A beacon has a body, of any kind, which is not read; the connection goes on.
func TestBeaconBody(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	body := strings.Repeat("x", 64<<10)
	for _, target := range []string{"/px?id=9012", "/px?t=1", "/sspx", "/clktr?id=21378"} {
		resp, _ := request(t, s, "POST "+target+" HTTP/1.1\r\nHost: e\r\nContent-Type: text/plain\r\nContent-Length: 65536\r\n\r\n"+body)
		if resp.StatusCode >= 400 {
			t.Errorf("%s: %s", target, resp.Status)
		}
	}
	for _, l := range logged(t, s) {
		if l.Method != "POST" {
			t.Errorf("%s: logged as %s", l.URI, l.Method)
		}
	}
}

// On one connection, requests follow each other as if each had its own, whatever
// was answered before; and the oldest protocols are served too.
func TestConnections(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	c, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const post = "POST %s HTTP/1.1\r\nHost: e\r\nContent-Length: 5\r\n\r\nbody."
	targets := []string{"/px?id=1", "/px?t=1", "/clktr?id=21378", "/sspx", "/clktr?id=9", "/nothing", "/px?id=2"}
	for _, target := range targets {
		if _, err := fmt.Fprintf(c, post, target); err != nil {
			t.Fatal(err)
		}
	}
	r := bufio.NewReader(c)
	for i, target := range targets {
		resp, err := http.ReadResponse(r, &http.Request{Method: "POST"})
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		if want := []int{200, 200, 302, 204, 404, 404, 200}[i]; resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", target, resp.Status, want)
		}
		if strings.HasPrefix(target, "/px?id") && string(body) != transparentGIF {
			t.Errorf("%s: body %q", target, body)
		}
	}
	if resp, body := request(t, s, "POST /px?id=3 HTTP/1.0\r\nContent-Length: 0\r\n\r\n"); resp.StatusCode != 200 || body != transparentGIF {
		t.Errorf("HTTP/1.0: %s %q", resp.Status, body)
	}
	old, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if _, err := io.WriteString(old, "GET /px?id=4\r\n"); err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(old); err != nil || string(body) != transparentGIF {
		t.Errorf("HTTP/0.9: %q, %v", body, err)
	}
	// One request, one line: what makes a beacon's body is none.
	if lines := logged(t, s); len(lines) != len(targets)-1+2 {
		t.Errorf("%d lines: %+v", len(lines), lines)
	}
}

// A conditional request is a load like any other: it is answered in full.
func TestNoConditionalAnswer(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	resp, body := get(t, s, "/px?id=9012", "If-Modified-Since: Mon, 28 Sep 2099 06:00:00 GMT", "Range: bytes=0-0")
	if resp.StatusCode != 200 || body != transparentGIF {
		t.Errorf("%s, body %q", resp.Status, body)
	}
}

// Whatever bytes come, a line is JSON.
func TestHostileLines(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	get(t, s, `/px?other="},{"id":"x\`, `Referer: https://a/"\x</script>`, "User-Agent: \xff\xfe\t\x01")
	get(t, s, "/px?other=\xc3\x28%00%0a", `Sec-GPC: "1"`)
	lines := logged(t, s)
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	want := `/px?other="},{"id":"x\`
	if !slices.ContainsFunc(lines, func(l line) bool { return l.URI == want }) {
		t.Errorf("logged %+v, want the uri %q", lines, want)
	}
}

func TestPiggybacks(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	const location = "https://pig.example/i?a=1&b=$2"
	for _, target := range []string{"/px?id=9013", "/px?t=2&id=09013", "/px?code=Summer+Sale%2B5%25&member=958", "/px?code=Summer%20Sale%2b5%&member=958", "/px?code=Summer%20Sale%2b5%&member=%39%358", "/px?id=%39013", "/x/px?id=&member=958&code=Summer+Sale%2B5%25"} {
		resp, _ := get(t, s, target)
		if got := resp.Header.Get("Location"); resp.StatusCode != 302 || got != location || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %q", target, resp.Status, got)
		}
	}
	for _, target := range []string{
		"/px?id=9014", // two images fit no image answer
		"/px?id=9012&code=Summer+Sale%2B5%25&member=958", // the id wins
		"/px?code=Summer+Sale%2B5%25",
		"/px?code=Summer+Sale%2B5%25&member=959",
		"/px?code=summer+sale%2B5%25&member=958",
		"/px?code=checkXut&member=958",
		"/imptr?id=9013", "/seg?id=9013",
		"/px?xid=9013", "/px?ID=9013", "/px?id=[X]&id=9013",
	} {
		resp, body := get(t, s, target)
		if resp.StatusCode != 200 || body != transparentGIF {
			t.Errorf("%s: %s %q", target, resp.Status, resp.Header)
		}
	}
	resp, body := get(t, s, "/px?id=9014&t=1")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/javascript" {
		t.Errorf("%s %q", resp.Status, resp.Header)
	}
	for _, want := range []string{`"https://pig.example/a.js?q=\"\u003c/script\u003e","https://pig.example/b.js"`, `"https://pig.example/1","https://pig.example/2"`} {
		if !strings.Contains(body, want) {
			t.Errorf("script %q has no %s", body, want)
		}
	}
	if _, body := get(t, s, "/px?id=9013&t=1"); !strings.Contains(body, location[:20]) {
		t.Errorf("script %q does not load the image", body)
	}
	if _, body := get(t, s, "/imptr?id=9014&t=1"); strings.Contains(body, "pig.example") {
		t.Errorf("a tracker loads a pixel's piggybacks: %q", body)
	}
}
