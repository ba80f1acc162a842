package parse

import (
	"os"
	"testing"
	"unicode/utf8"
)

// fuzzFormat feeds lines to a format: none makes it panic, and a request that
// was used before reads like a new one.
func fuzzFormat(f *testing.F, s Spec, check func(t *testing.T, line []byte)) {
	for _, name := range Names() {
		sample, err := os.ReadFile("testdata/samples/" + name + ".log")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sample)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		format, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		readTwice(t, format, line)
		if check != nil {
			check(t, line)
		}
	})
}

func readTwice(t *testing.T, f Format, line []byte) {
	t.Helper()
	var r Request
	err := f.Parse(line, &r)
	if f.Header(line) { // which may change what the next line means
		return
	}
	before, user := fieldsOf(&r), string(r.User)
	if r.HasStatus && (r.Status < 0 || r.Status > 999) || r.Method != nil && len(r.Method) == 0 {
		t.Fatalf("%q: read as %+v", line, before)
	}
	again := r
	if e := f.Parse(line, &again); e != err || err == nil && (fieldsOf(&again) != before || string(again.User) != user) { //nolint:errorlint // the same value
		t.Fatalf("%q: read as %+v, %v, and again as %+v, %v", line, before, err, fieldsOf(&again), e)
	}
}

func FuzzParseCloudfront(f *testing.F) {
	f.Add([]byte("2026-11-01\t00:00:00\tX\t1\t203.0.113.9\tGET\th\t/px\t200\t-\t-\tid=%2541\tuid=1"))
	fuzzFormat(f, Spec{Format: "cloudfront", UserID: UserID{Cookie: "uid"}}, nil)
}

func FuzzParseCloudflare(f *testing.F) {
	fuzzFormat(f, Spec{Format: "cloudflare", UserID: UserID{Header: "x-id"}}, jsonCheck("cloudflare"))
}

func FuzzParseFastly(f *testing.F) { fuzzFormat(f, Spec{Format: "fastly"}, jsonCheck("fastly")) }

func FuzzParseCaddy(f *testing.F) {
	fuzzFormat(f, Spec{Format: "caddy", UserID: UserID{Cookie: "uid"}}, jsonCheck("caddy"))
}

// jsonCheck compares what is no JSON, and what is, with encoding/json, which
// reads deeper and mends other bytes than UTF-8.
func jsonCheck(format string) func(*testing.T, []byte) {
	return func(t *testing.T, line []byte) {
		var r Request
		f, err := Lookup(format)
		if err != nil {
			t.Fatal(err)
		}
		err = f.Parse(line, &r)
		if _, ok := membersOf(line); utf8.Valid(line) && len(line) < 2000 && ok != (err == nil) {
			t.Fatalf("%s: %v, and encoding/json says %v: %q", format, err, ok, line)
		}
	}
}

// FuzzParseLogFormat makes up formats as well as lines.
func FuzzParseLogFormat(f *testing.F) {
	for _, text := range literals {
		l, err := compile(Spec{Format: text})
		if err != nil {
			f.Fatal(err)
		}
		q := &Request{Time: 1793491200_123_000, Method: []byte("GET"), URI: []byte(`/px?a="b\`), Status: 200, IP: []byte("203.0.113.9")}
		f.Add(text, "", l.append(nil, q, UserID{}))
	}
	f.Add(`log_format x escape=none "$msec" '|$request_method $request_uri|' $status ;`, "", []byte("1.5|GET /px|200"))
	f.Add(`$msec $a$b "${request}" $status`, "json", []byte(`1.5 x "GET \u0041" 200`))
	f.Fuzz(func(t *testing.T, text, escape string, line []byte) {
		format, err := New(Spec{Format: text, Escape: escape, UserID: UserID{Cookie: "uid"}})
		if err != nil {
			if format, err = New(Spec{Format: text, Escape: escape}); err != nil {
				return
			}
		}
		readTwice(t, format, line)
		if l, ok := format.(*literal); ok {
			for i, at := range l.at {
				if l.json == nil && (at.start > at.end || at.end > len(line)) {
					t.Fatalf("%q, %q: part %d is %+v", text, line, i, at)
				}
			}
		}
	})
}
