package parse

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The formats are held against slow readers of the same lines: encoding/json and
// regular expressions.

// membersOf gives an object's members by encoding/json, the first of each key.
func membersOf(raw []byte) (map[string]json.RawMessage, bool) {
	if !json.Valid(raw) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	out := map[string]json.RawMessage{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		if _, twice := out[key.(string)]; !twice { //nolint:errcheck // a key is a string
			out[key.(string)] = value //nolint:errcheck // the same
		}
	}
	return out, true
}

// scalarOf gives a member's text as formats read it.
func scalarOf(raw json.RawMessage) string {
	var s string
	switch {
	case len(raw) == 0:
		return none
	case raw[0] == '"':
		if json.Unmarshal(raw, &s) != nil {
			return none
		}
	case raw[0] == '-' || raw[0]-'0' <= 9:
		s = string(raw)
	}
	if s == "" || s == "-" {
		return none
	}
	return s
}

// referenceOf reads the fields that are texts of a line of a JSON format.
func referenceOf(format string, line []byte) (got fields, ok bool) {
	m, ok := membersOf(line)
	if !ok {
		return got, false
	}
	got = fields{method: none, uri: none, id: none, ip: none, host: none, referer: none, ua: none, got: none, set: none, gpc: none}
	field := func(keys ...string) string {
		for _, key := range keys {
			if v := scalarOf(m[key]); v != none {
				return v
			}
		}
		return none
	}
	switch format {
	case "cloudflare":
		got.id, got.ip, got.host, got.uri, got.method = field("RayID"), field("ClientIP"), field("ClientRequestHost"), field("ClientRequestURI"), field("ClientRequestMethod")
		got.referer, got.ua = field("ClientRequestReferer"), field("ClientRequestUserAgent")
		if h, isObject := membersOf(m["RequestHeaders"]); isObject {
			got.gpc = scalarOf(h["sec-gpc"])
		}
	case "fastly":
		got.id, got.ip, got.host, got.uri, got.method = field("id"), field("client_ip"), field("host"), field("url"), field("request_method")
		got.referer, got.ua, got.got, got.gpc = field("request_referer"), field("request_user_agent"), field("uid"), field("gpc")
	case "caddy":
		got.id = field("id")
		if request, isObject := membersOf(m["request"]); isObject {
			m = request
			got.ip, got.host, got.uri, got.method = field("client_ip", "remote_ip"), field("host"), field("uri"), field("method")
			if h, isObject := membersOf(request["headers"]); isObject {
				first := func(key string) string {
					var list []json.RawMessage
					if json.Unmarshal(h[key], &list) == nil && len(list) > 0 && list[0][0] == '"' {
						return scalarOf(list[0])
					} else if list == nil {
						return scalarOf(h[key])
					}
					return none
				}
				got.referer, got.ua, got.gpc = first("Referer"), first("User-Agent"), first("Sec-Gpc")
			}
		}
	}
	if got.method != none && token([]byte(got.method)) == nil {
		got.method = none
	}
	return got, true
}

// compareJSON compares a format's reading of a line with the reference's. Keys
// of other cases, which formats know for headers, are the reference's limit.
func compareJSON(t *testing.T, format string, line []byte) bool {
	t.Helper()
	f, err := Lookup(format)
	if err != nil {
		t.Fatal(err)
	}
	var r Request
	err = f.Parse(line, &r)
	want, ok := referenceOf(format, line)
	if ok != (err == nil) {
		t.Fatalf("%s: %v, and encoding/json says %v: %q", format, err, ok, line)
	}
	if !ok {
		return false
	}
	got := fieldsOf(&r)
	want.time, want.status = got.time, got.status
	if got != want {
		t.Fatalf("%s: %q\ngot  %+v\nwant %+v", format, line, got, want)
	}
	return true
}

var jsonFormats = []string{"cloudflare", "fastly", "caddy"}

func TestJSONFormatsAgainstEncodingJSON(t *testing.T) {
	r := random{rand.New(rand.NewPCG(5, 6))}
	pieces := []string{`"`, `\`, `\"`, `}`, `{`, `,`, `:`, ` `, "\t", "\x01", "é", `\u00e9`, `\ud83d`, `null`, `true`, `7`, `-`, `""`, `[`, `]`, `"x"`, `{"a":1}`, `"id":"x",`, `"host":"y",`, "0", `.5`, `e`}
	for _, format := range jsonFormats {
		k, _ := Spec{Format: format}.Kind()
		read := 0
		for range 6_000 {
			q := r.request(true)
			for _, field := range []*[]byte{&q.URI, &q.Referer, &q.UserAgent} {
				*field = bytes.ToValidUTF8(*field, []byte("?"))
			}
			b := k.Append(nil, q, UserID{})
			for range r.IntN(3) {
				at := r.IntN(len(b) + 1)
				end := min(len(b), at+r.IntN(3)*r.IntN(12))
				b = append(append(bytes.Clone(b[:at]), pieces[r.IntN(len(pieces))]...), b[end:]...)
			}
			if utf8.Valid(b) && compareJSON(t, format, b) {
				read++
			}
		}
		if read < 2_000 {
			t.Errorf("%s: only %d lines were read", format, read)
		}
	}
}

// expressionOf is a log_format as a regular expression, with a group for each
// variable.
func expressionOf(t *testing.T, l *literal) *regexp.Regexp {
	t.Helper()
	var b strings.Builder
	b.WriteString(`(?s)\A` + regexp.QuoteMeta(l.before))
	for i, p := range l.parts {
		switch {
		case i > 0 && l.parts[i-1].slash:
			b.WriteString(`(/[^"]*?)`)
		case p.slash && p.shape == word:
			b.WriteString(`([^"\x00-\x20/]*)`)
		case p.quoted:
			b.WriteString(`((?:[^"\\]|\\.)*)`)
		case p.shape == word:
			b.WriteString(`([^"\x00-\x20]*?)`)
		case p.shape == local:
			b.WriteString(`(\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}|-)`)
		case p.shape == protocol:
			b.WriteString(`([^"]*? HTTP/[0-9.]*|-)`)
		default:
			b.WriteString(`([^"]*?)`)
		}
		b.WriteString(regexp.QuoteMeta(p.after))
	}
	return regexp.MustCompile(b.String() + `\z`)
}

func TestLogFormatsAgainstRegularExpressions(t *testing.T) {
	r := random{rand.New(rand.NewPCG(9, 9))}
	pieces := []string{`"`, ` `, "-", `] `, ` [`, `\x22`, `\`, "é", "200", "[01/Nov/2026:00:00:00 +0000] ", ` "`, `" `, "GET"}
	for _, text := range append(literals, `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent`, `$msec $http_x_a $http_x_b $status $request`, `$time_local $status $request`,
		`$msec "$request_method $scheme://$host$request_uri $server_protocol" $status`) {
		l, err := compile(Spec{Format: text, Escape: "default"})
		if err != nil {
			t.Fatal(err)
		}
		l.escape, l.json, l.either = "default", nil, false
		re := expressionOf(t, l)
		read := 0
		for range 2_000 {
			q := r.request(false)
			b := l.append(nil, q, UserID{})
			for range r.IntN(3) {
				at := r.IntN(len(b) + 1)
				end := min(len(b), at+r.IntN(3)*r.IntN(6))
				b = append(append(bytes.Clone(b[:at]), pieces[r.IntN(len(pieces))]...), b[end:]...)
			}
			budget := 1_000_000
			got := l.match(b, 0, min(len(l.before), len(b)), true, &budget) && bytes.HasPrefix(b, []byte(l.before))
			want := re.FindSubmatchIndex(b)
			if got != (want != nil) {
				t.Fatalf("%s: %q fits: %v, by the expression %v", text, b, got, want != nil)
			}
			if !got {
				continue
			}
			read++
			for i, at := range l.at {
				if at.start != want[2*i+2] || at.end != want[2*i+3] {
					t.Fatalf("%s: %q: $%s is %q, by the expression %q", text, b, l.parts[i].variable, b[at.start:at.end], b[want[2*i+2]:want[2*i+3]])
				}
			}
		}
		if read < 400 {
			t.Errorf("%s: only %d lines were read", text, read)
		}
	}
}

func TestISOTimesAgainstTheStandardLibrary(t *testing.T) {
	for _, s := range []string{"2026-11-01T00:00:00Z", "2026-11-01T02:00:00.123456789+02:00", "2024-02-29T23:59:59-01:30", "2026-11-01T00:00:00.5Z"} {
		want, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := parseISO([]byte(s)); !ok || got != want.UnixMicro() {
			t.Errorf("%s: got %d, %v, want %d", s, got, ok, want.UnixMicro())
		}
	}
	for s, want := range map[string]int64{"2026-11-01T00:00:00+0000": 1793491200000000, "2026-11-01 00:00:00+01": 1793487600000000, "2026-11-01T00:00:00,25Z": 1793491200250000} {
		if got, ok := parseISO([]byte(s)); !ok || got != want {
			t.Errorf("%s: got %d, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "2026-11-01", "2026-11-01T00:00:00", "2026-02-29T00:00:00Z", "2026-11-01T24:00:00Z", "2026-11-01T00:00:00.Z", "2026-11-01T00:00:00+2400", "2026-11-01T00:00:00+1", "2026-11-01T00:00:00Zx", "2026-13-01T00:00:00Z"} {
		if got, ok := parseISO([]byte(s)); ok {
			t.Errorf("%q is read as %d", s, got)
		}
	}
	for s, want := range map[string]int64{"1793491200": 1793491200000000, "1793491200.25": 1793491200250000, "1793491200123": 1793491200123000, "1793491200123.9": 1793491200123000,
		"1793491200123456": 1793491200123456, "1793491200123456789": 1793491200123456} {
		if got, ok := parseUnix([]byte(s)); !ok || got != want {
			t.Errorf("%s: got %d, %v, want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "x", "1793491200123.", "1793491200123x", "17934912001234567x"} {
		if got, ok := parseUnix([]byte(s)); ok {
			t.Errorf("%q is read as %d", s, got)
		}
	}
	for s, want := range map[string]int64{"2026/11/01 00:00:00": 1793491200000000, "2026/11/01 00:00:00.123": 1793491200123000, "01/Nov/2026:02:00:00 +0200": 1793491200000000, "2026-11-01T00:00:00.000Z": 1793491200000000} {
		if got, ok := caddyTime([]byte(s)); !ok || got != want {
			t.Errorf("%s: got %d, %v, want %d", s, got, ok, want)
		}
	}
}
