package parse

import (
	"errors"
	"testing"
)

func TestCombined(t *testing.T) {
	const head = `203.0.113.9 - - [01/Nov/2026:02:00:00 +0200] `
	const tail = ` 200 43 "https://shop.example/" "Mozilla/5.0 (X11)"`
	base := fields{time: 1793491200000000, status: 200, method: "GET", uri: "/px?id=1", id: none, ip: "203.0.113.9", host: none,
		referer: "https://shop.example/", ua: "Mozilla/5.0 (X11)", got: none, set: none, gpc: none}
	for _, c := range []struct {
		name, line string
		change     func(*fields)
	}{
		{"as nginx writes it", head + `"GET /px?id=1 HTTP/1.1"` + tail, func(*fields) {}},
		{"a request line without protocol", head + `"GET /px?id=1"` + tail, func(*fields) {}},
		{"further fields behind", head + `"GET /px?id=1 HTTP/1.1"` + tail + ` "198.51.100.7" 0.004 -`, func(*fields) {}},
		{"hyphens are none", `- - - [01/Nov/2026:00:00:00 +0000] "GET /px?id=1 HTTP/1.1" 200 - "-" "-"`, func(f *fields) {
			f.ip, f.referer, f.ua = none, none, none
		}},
		{"escapes", head + `"GET /px?id=\x22\xC3\xA9\x5Cx41 HTTP/1.1" 200 43 "\"\\" "a\qb\x4"`, func(f *fields) {
			f.uri, f.referer, f.ua = `/px?id="é\x41`, `"\`, `a\qb\x4`
		}},
		{"a target with spaces", head + `"GET /px?id=1 2 HTTP/1.1"` + tail, func(f *fields) { f.uri = "/px?id=1 2" }},
		{"two blanks before the target", head + `"GET  /px?id=1 HTTP/1.1"` + tail, func(*fields) {}},
		{"two blanks before the protocol", head + `"GET /px?id=1&odd=2  HTTP/1.1"` + tail, func(f *fields) { f.uri = "/px?id=1&odd=2" }},
		{"a blank at the end", head + `"GET /px?id=1&order_id=7 HTTP/1.1 "` + tail, func(f *fields) { f.uri = "/px?id=1&order_id=7" }},
		{"blanks everywhere, without protocol", head + `"GET   /px?id=1  "` + tail, func(*fields) {}},
		{"nothing but a method", head + `"GET  " 400 0 "-" "-"`, func(f *fields) {
			f.status, f.uri, f.referer, f.ua = 400, none, none, none
		}},
		{"a user with spaces and brackets", `203.0.113.9 - a [b] c [01/Nov/2026:02:00:00 +0200] "GET /px?id=1 HTTP/1.1"` + tail, func(*fields) {}},
		{"a TLS hello on a plain port", head + `"\x16\x03\x01\x00" 400 150 "-" "-"`, func(f *fields) {
			f.status, f.method, f.uri, f.referer, f.ua = 400, none, none, none, none
		}},
		{"no request line at all", head + `"-" 408 0 "-" "-"`, func(f *fields) {
			f.status, f.method, f.uri, f.referer, f.ua = 408, none, none, none, none
		}},
		{"an empty request line", head + `"" 400 0 "-" "-"`, func(f *fields) {
			f.status, f.method, f.uri, f.referer, f.ua = 400, none, none, none, none
		}},
		{"a day that the calendar does not have", `203.0.113.9 - - [31/Nov/2026:02:00:00 +0200] "GET /px?id=1 HTTP/1.1"` + tail, func(f *fields) {
			f.time = noTime
		}},
		{"a time that is none", `203.0.113.9 - - [yesterday] "GET /px?id=1 HTTP/1.1"` + tail, func(f *fields) { f.time = noTime }},
		{"a status that is none", head + `"GET /px?id=1 HTTP/1.1" - 43 "https://shop.example/" "Mozilla/5.0 (X11)"`, func(f *fields) { f.status = -1 }},
		{"29 February", `203.0.113.9 - - [29/Feb/2024:23:59:59 -0130] "GET /px?id=1 HTTP/1.1"` + tail, func(f *fields) { f.time = 1709256599000000 }},
	} {
		want := base
		c.change(&want)
		var r Request
		if err := (Combined{}).Parse([]byte(c.line), &r); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := fieldsOf(&r); got != want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, want)
		}
	}
}

const noTime = -1 << 63

func TestCombinedRefusesWhatDoesNotFit(t *testing.T) {
	for _, line := range []string{
		``, ` `, `-`, full,
		`203.0.113.9 - - "GET /px HTTP/1.1" 200 43 "-" "-"`,
		`203.0.113.9 - - [01/Nov/2026:00:00:00 +0000] GET /px HTTP/1.1 200 43 "-" "-"`,
		`203.0.113.9 - - [01/Nov/2026:00:00:00 +0000] "GET /px HTTP/1.1 200 43`,
		`203.0.113.9 - - [01/Nov/2026:00:00:00 +0000] "GET /px HTTP/1.1" 200 43`,
		`203.0.113.9 - - [01/Nov/2026:00:00:00 +0000] "GET /px HTTP/1.1" 200 x "-" "-"`,
		`203.0.113.9 - - [01/Nov/2026:00:00:00 +0000] "GET /px HTTP/1.1" 200 43 "-"`,
		`203.0.113.9 - - [01/Nov/2026:00:00:00 +0000] "GET /px HTTP/1.1" 200 43 "-" "-"x`,
		`203.0.113.9 - - [01/Nov/2026:00:00:00 +0000] "GET /px HTTP/1.1" 200 43 "-" "cut off`,
		`vhost.example 203.0.113.9 - - [01/Nov/2026:00:00:00 +0000] "GET /px HTTP/1.1" 200 43 "-" "-"`,
	} {
		var r Request
		if err := (Combined{}).Parse([]byte(line), &r); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %v", line, err)
		}
	}
}

func TestTimeLocalIsStrict(t *testing.T) {
	for _, s := range []string{"1/Nov/2026:00:00:00 +0000 ", "00/Nov/2026:00:00:00 +0000", "01/nov/2026:00:00:00 +0000", "01/Nov/2026:24:00:00 +0000",
		"01/Nov/2026:00:60:00 +0000", "01/Nov/2026:00:00:60 +0000", "01/Nov/2026 00:00:00 +0000", "01/Nov/2026:00:00:00 00000", "29/Feb/2026:00:00:00 +0000",
		"01/Nov/2026:00:00:00 +0060", "01/Nov/2026:00:00:00 +2400", "01/Nov/+026:00:00:00 +0000"} {
		if micros, ok := parseTimeLocal([]byte(s)); ok {
			t.Errorf("%q is read as %d", s, micros)
		}
	}
}

func FuzzParseCombined(f *testing.F) {
	f.Add([]byte(`203.0.113.9 - - [01/Nov/2026:00:00:00 +0000] "GET /px?id=\x22 HTTP/1.1" 200 43 "https://shop.example/" "Mozilla/5.0 \"x\""`))
	f.Add([]byte(`203.0.113.9 - a [b] "c [01/Nov/2026:00:00:00 +0000] "\x16\x03" 400 0 "-" "-" "extra"`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var r, again Request
		err := (Combined{}).Parse(line, &r)
		if err != nil {
			return
		}
		before := fieldsOf(&r)
		// What stands behind the last field changes nothing, and a used
		// Request reads like a new one.
		longer := append(append([]byte{}, line...), ` "more"`...)
		again = r
		if err := (Combined{}).Parse(longer, &again); err != nil || fieldsOf(&again) != before {
			t.Fatalf("%q: read as %+v, with one field more as %+v, %v", line, before, fieldsOf(&again), err)
		}
		if r.HasStatus && (r.Status < 0 || r.Status > 999) || r.Method != nil && len(r.Method) == 0 {
			t.Fatalf("%q: read as %+v", line, before)
		}
	})
}

func BenchmarkParseCombined(b *testing.B) {
	line := []byte(`203.0.113.9 - - [01/Nov/2026:02:00:00 +0200] "GET /px?id=7&order_id=A1&value=12.50 HTTP/1.1" 200 43 "https://shop.example/done" "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"`)
	var r Request
	b.ReportAllocs()
	for b.Loop() {
		if err := (Combined{}).Parse(line, &r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func TestDetect(t *testing.T) {
	const combined = `203.0.113.9 - - [01/Nov/2026:00:00:00 +0000] "GET /px HTTP/1.1" 200 43 "-" "-"`
	for _, c := range []struct{ name, sample, want string }{
		{"pixledger", full + "\n" + full + "\n", "pixledger"},
		{"combined", combined + "\r\n" + combined + "\r\n", "combined"},
		{"a broken first line", `{"time":"17` + "\n" + full + "\n" + full[:40], "pixledger"},
		{"blank lines first", "\n \t\r\n" + combined + "\n", "combined"},
		{"one line without its end", combined, "combined"},
		{"most lines decide", full + "\n" + combined + "\n" + combined + "\n", "combined"},
		{"another JSON format", `{"EdgeStartTimestamp":1793491200,"ClientIP":"203.0.113.9"}` + "\n", ""},
		{"no log", "hello\n", ""},
		{"nothing", "", ""},
	} {
		f, err := Detect([]byte(c.sample))
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: recognised as %s", c.name, f.Name())
			}
		} else if err != nil || f.Name() != c.want {
			t.Errorf("%s: got %v, %v", c.name, f, err)
		}
	}
}

func TestLookupNamesTheFormats(t *testing.T) {
	for _, name := range Names() {
		if f, err := Lookup(name); err != nil || f.Name() != name {
			t.Errorf("%s: got %v, %v", name, f, err)
		}
	}
	if _, err := Lookup("iis"); err == nil || err.Error() != `no log format "iis"; allowed: pixledger, combined, cloudfront, cloudflare, fastly, caddy, or an nginx log_format` {
		t.Errorf("got %v", err)
	}
}
