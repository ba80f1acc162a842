package parse

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"
)

// full is a line as the edge writes it.
const full = `{"time":"1793577600.123","id":"4f0c9ab1","ip":"203.0.113.9","method":"GET","host":"px.example","uri":"/px?id=7&value=1.5",` +
	`"status":"200","referer":"https://shop.example/done","ua":"Mozilla/5.0","uid_got":"uid=0B0C","uid_set":"-","gpc":""}`

func TestPixledgerReadsEveryField(t *testing.T) {
	var r Request
	if err := (Pixledger{}).Parse([]byte(full), &r); err != nil {
		t.Fatal(err)
	}
	want := fields{time: 1793577600123000, status: 200, method: "GET", uri: "/px?id=7&value=1.5", id: "4f0c9ab1", ip: "203.0.113.9",
		host: "px.example", referer: "https://shop.example/done", ua: "Mozilla/5.0", got: "uid=0B0C", set: none, gpc: none}
	if got := fieldsOf(&r); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// fields are a request's fields as comparable values.
type fields struct {
	time                                                  int64
	status                                                int
	method, uri, id, ip, host, referer, ua, got, set, gpc string
}

const none = "(none)"

func fieldsOf(r *Request) fields {
	str := func(b []byte) string {
		if b == nil {
			return none
		}
		return string(b)
	}
	f := fields{math.MinInt64, -1, str(r.Method), str(r.URI), str(r.ID), str(r.IP), str(r.Host), str(r.Referer), str(r.UserAgent),
		str(r.UIDGot), str(r.UIDSet), str(r.GPC)}
	if r.HasTime {
		f.time = r.Time
	}
	if r.HasStatus {
		f.status = r.Status
	}
	return f
}

func TestPixledgerShapes(t *testing.T) {
	const rest = `"method":"GET","uri":"/px","status":200`
	for _, c := range []struct {
		name, line string
		want       func(*Request) bool
	}{
		{"numbers as values", `{"status":204,"time":1793577600.5,"id":77}`, func(r *Request) bool {
			return r.Status == 204 && r.Time == 1793577600500000 && string(r.ID) == "77"
		}},
		{"whole seconds", `{"time":1793577600}`, func(r *Request) bool { return r.Time == 1793577600000000 }},
		{"digits beyond microseconds are cut", `{"time":"1.1234569"}`, func(r *Request) bool { return r.Time == 1123456 }},
		{"a time before 1970", `{"time":-1}`, func(r *Request) bool { return r.HasTime && r.Time == -1000000 }},
		{"a time beyond the range", `{"time":"99999999999999999999"}`, func(r *Request) bool { return r.HasTime && r.Time == math.MaxInt64 }},
		{"a time with an exponent is unreadable", `{"time":1.7e9}`, func(r *Request) bool { return !r.HasTime }},
		{"an ISO time is unreadable", `{"time":"2026-11-01T00:00:00Z"}`, func(r *Request) bool { return !r.HasTime }},
		{"an empty time is unreadable", `{"time":""}`, func(r *Request) bool { return !r.HasTime }},
		{"a time with a bare point is unreadable", `{"time":"12."}`, func(r *Request) bool { return !r.HasTime }},
		{"a time with a space is unreadable", `{"time":" 12"}`, func(r *Request) bool { return !r.HasTime }},
		{"status 009 of HTTP/0.9", `{"status":"009"}`, func(r *Request) bool { return r.HasStatus && r.Status == 9 }},
		{"a status of four digits is unreadable", `{"status":"2000"}`, func(r *Request) bool { return !r.HasStatus }},
		{"a status that is no number is unreadable", `{"status":"ok"}`, func(r *Request) bool { return !r.HasStatus }},
		{"a status with decimals is unreadable", `{"status":200.0}`, func(r *Request) bool { return !r.HasStatus }},
		{"null, true and nested values are absent", `{"time":null,"status":true,"uri":{"a":1},"id":[1],"ua":false}`, func(r *Request) bool {
			return !r.HasTime && !r.HasStatus && r.URI == nil && r.ID == nil && r.UserAgent == nil
		}},
		{"extra keys of any shape are skipped", `{"x":{"uri":"/no","y":[1,-2.5e+3,{"z":null}]},"w":[],"v":{},` + rest + `}`, func(r *Request) bool {
			return string(r.URI) == "/px" && r.Status == 200
		}},
		{"the first of two equal keys counts", `{"uri":"/first","uri":"/second"}`, func(r *Request) bool { return string(r.URI) == "/first" }},
		{"also when the first one is absent", `{"uri":null,"uri":"/second"}`, func(r *Request) bool { return r.URI == nil }},
		{"keys in other letters are other keys", `{"URI":"/px"}`, func(r *Request) bool { return r.URI == nil }},
		{"an escaped key", `{"\u0075ri":"/px"}`, func(r *Request) bool { return string(r.URI) == "/px" }},
		{"escapes", `{"ua":"a\"b\\c\/d\b\f\n\r\t\u00e9\ud83d\ude00"}`, func(r *Request) bool {
			return string(r.UserAgent) == "a\"b\\c/d\b\f\n\r\té😀"
		}},
		{"halves of surrogate pairs", `{"ua":"\ud83d-\ude00\ud83d\ud83d\ude00"}`, func(r *Request) bool {
			return string(r.UserAgent) == "\ufffd-\ufffd\ufffd😀"
		}},
		{"bytes that are not UTF-8 pass", "{\"ua\":\"a\xffb\"}", func(r *Request) bool { return string(r.UserAgent) == "a\xffb" }},
		{"a hyphen and nothing are none", `{"id":"-","uid_got":"","method":"-","uri":""}`, func(r *Request) bool {
			return r.ID == nil && r.UIDGot == nil && r.Method == nil && r.URI == nil
		}},
		{"a method that is no token is unreadable", `{"method":"\u0016\u0003\u0001"}`, func(r *Request) bool { return r.Method == nil }},
		{"space everywhere", " \t{ \"uri\" : \"/px\" ,\r \"status\" : 200 } \t", func(r *Request) bool { return string(r.URI) == "/px" && r.Status == 200 }},
		{"an empty object", `{}`, func(r *Request) bool { return !r.HasTime }},
	} {
		r := Request{Status: 999, HasStatus: true, HasTime: true, URI: []byte("left over")}
		if err := (Pixledger{}).Parse([]byte(c.line), &r); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if !c.want(&r) {
			t.Errorf("%s: got %+v", c.name, fieldsOf(&r))
		}
	}
}

func TestPixledgerRefusesWhatIsNoObject(t *testing.T) {
	for _, line := range []string{
		``, ` `, `null`, `[]`, `"x"`, `12`, `{`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{a:1}`, `{'a':1}`,
		`{"a":1}x`, `{"a":1} {"a":1}`, `{"a":01}`, `{"a":+1}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":nul}`, `{"a":nullx}`, `{"a":NaN}`,
		`{"a":[1,]}`, `{"a":[1}`, `{"a":{"b":}}`, `{"a":{1:2}}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, `{"a":"\u12`, "{\"a\":\"\t\"}", "{\"a\":\"\x00\"}",
		`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
		`203.0.113.9 - - [01/Nov/2026:00:00:00 +0000] "GET /px HTTP/1.1" 200 43 "-" "-"`,
	} {
		var r Request
		if err := (Pixledger{}).Parse([]byte(line), &r); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.60q: got %v", line, err)
		}
	}
}

// oracle reads a line with encoding/json, key by key, as slowly as it likes.
func oracle(line string) (fields, bool) {
	f := fields{time: math.MinInt64, status: -1, method: none, uri: none, id: none, ip: none, host: none, referer: none, ua: none, got: none,
		set: none, gpc: none}
	if !json.Valid([]byte(line)) {
		return f, false
	}
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return f, false
	}
	seen := map[string]bool{}
	for d.More() {
		key, _ := d.Token()
		var value any
		if err := d.Decode(&value); err != nil {
			return f, false
		}
		name := key.(string)
		if seen[name] {
			continue
		}
		seen[name] = true
		var s string
		switch v := value.(type) {
		case string:
			s = v
		case json.Number:
			s = v.String()
		}
		if name == "time" {
			if whole, fraction, point := strings.Cut(strings.TrimPrefix(s, "-"), "."); allDigits(whole) && (!point || allDigits(fraction)) {
				n, _ := new(big.Int).SetString(whole+(fraction + "000000")[:6], 10)
				if !n.IsInt64() {
					n.SetInt64(math.MaxInt64)
				}
				f.time = n.Int64()
				if strings.HasPrefix(s, "-") {
					f.time = -f.time
				}
			}
			continue
		}
		if name == "status" {
			if allDigits(s) && len(s) <= 3 {
				n, _ := new(big.Int).SetString(s, 10)
				f.status = int(n.Int64())
			}
			continue
		}
		if s == "" || s == "-" {
			continue
		}
		switch name {
		case "method":
			if strings.IndexFunc(s, func(c rune) bool {
				return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune("!#$%&'*+-.^_`|~", c))
			}) < 0 {
				f.method = s
			}
		case "uri":
			f.uri = s
		case "id":
			f.id = s
		case "ip":
			f.ip = s
		case "host":
			f.host = s
		case "referer":
			f.referer = s
		case "ua":
			f.ua = s
		case "uid_got":
			f.got = s
		case "uid_set":
			f.set = s
		case "gpc":
			f.gpc = s
		}
	}
	return f, true
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func FuzzParsePixledger(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(`{"ua":"a\"b\\c\/d\b\f\n\r\t\u00e9\ud83d\ude00\ud83d","x":{"y":[1,-2.5e+3,null,true]},"uri":"/px","uri":2}`))
	f.Add([]byte("{\"ua\":\"Mozilla \xff\\u00e9\",\"uri\":\"/px\",\"host\":\"a\xffbcdefghijk\"}"))
	f.Add([]byte(` { "time" : 12.3456789 , "status" : "404" } `))
	f.Fuzz(func(t *testing.T, line []byte) {
		var r Request
		err := (Pixledger{}).Parse(line, &r)
		for _, b := range [][]byte{r.Method, r.URI, r.ID, r.IP, r.Host, r.Referer, r.UserAgent, r.UIDGot, r.UIDSet, r.GPC} {
			if r.UTF8 && !utf8.Valid(b) {
				t.Fatalf("%q: %q is taken for UTF-8", line, b)
			}
		}
		if !utf8.Valid(line) {
			return // encoding/json turns other bytes into U+FFFD; the parser leaves that to the decoder
		}
		want, ok := oracle(string(line))
		if ok != (err == nil) {
			if strings.Count(string(line), "[")+strings.Count(string(line), "{") > maxDepth {
				return
			}
			t.Fatalf("%q: got %v, encoding/json says %v", line, err, ok)
		}
		if got := fieldsOf(&r); ok && got != want {
			t.Fatalf("%q:\ngot  %+v\nwant %+v", line, got, want)
		}
	})
}

func BenchmarkParsePixledger(b *testing.B) {
	line := []byte(full)
	var r Request
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if err := (Pixledger{}).Parse(line, &r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
