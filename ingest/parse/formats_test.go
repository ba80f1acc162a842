package parse

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// literals are log_formats as people have them.
var literals = []string{
	`$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for"`,
	`$time_iso8601 $host $remote_addr "$request_method" "$request_uri" $status $request_id "$http_referer" "$http_user_agent" uid="$uid_got/$uid_set" gpc=$http_sec_gpc rt=$request_time`,
	`log_format tabs '$msec\t$request_id\t$remote_addr\t$host\t$request_method\t$request_uri\t$status\t$http_referer\t'
		'$http_user_agent\t$uid_got\t$uid_set\t$http_sec_gpc';`,
	`log_format main escape=json '{ "@timestamp": "$time_iso8601", "remote": "$remote_addr", "host": "$host", "request_id": "$request_id",'
		'"method": "$request_method", "path": "$request_uri", "status": $status, "took": $request_time, "const": [1, {"a": null}],'
		'"referer": "$http_referer", "agent": "$http_user_agent", "got": "$uid_got", "set": "$uid_set", "gpc": "$http_sec_gpc"}';`,
	`{"t":$msec,"r":"$request","s":$status,"who":{"ip":"$remote_addr","ua":"$http_user_agent"},"id":"$request_id"}`,
}

// random makes texts of the pieces given.
type random struct{ *rand.Rand }

func (r random) text(pieces []string, most int) []byte {
	var b []byte
	for range 1 + r.IntN(most) {
		b = append(b, pieces[r.IntN(len(pieces))]...)
	}
	return b
}

var (
	plainPieces = []string{"a", "Z9", "/", "?", "&id=1", "=", ".", "%20", "%2520", "+"}
	oddPieces   = append([]string{`"`, `\`, `\"`, `\x22`, " ", "é", "\xff", "{", "}", ",", "\t", "\x01", "\\u0041", "$", "[", "] ", "#", "|", "%", "'"}, plainPieces...)
)

// request makes a request; odd texts only where the format can tell their end.
func (r random) request(odd bool) *Request {
	pieces := plainPieces
	if odd {
		pieces = oddPieces
	}
	maybe := func(b []byte) []byte {
		if r.IntN(4) == 0 {
			return nil
		}
		return text(b)
	}
	hex := []string{"0", "a", "7f", "C3"}
	q := &Request{
		Time: 1767225600_000_000 + r.Int64N(1e13)/1000*1000, HasTime: true, Status: 200 + r.IntN(300), HasStatus: true,
		Method: []byte([]string{"GET", "POST", "HEAD"}[r.IntN(3)]), URI: append([]byte("/px"), r.text(pieces, 8)...),
		ID: maybe(r.text(hex, 8)), IP: []byte("203.0.113.7"), Host: []byte("px.example"),
		Referer: maybe(r.text(pieces, 6)), UserAgent: maybe(r.text(pieces, 6)),
	}
	if r.IntN(3) > 0 {
		q.GPC = []byte("1")
	}
	switch r.IntN(3) {
	case 0:
		q.UIDGot = append([]byte("uid="), r.text(hex, 8)...)
	case 1:
		q.UIDSet = append([]byte("uid="), r.text(hex, 8)...)
	}
	return q
}

// carried is what is left of a request in a format that lacks some parts.
func carried(q *Request, lacks Part, user UserID) fields {
	c := *q
	for part, field := range map[Part]*[]byte{PartID: &c.ID, PartHost: &c.Host, PartGPC: &c.GPC, PartReferer: &c.Referer, PartAgent: &c.UserAgent} {
		if lacks&part != 0 {
			*field = nil
		}
	}
	if lacks&PartMillis != 0 {
		c.Time -= c.Time % 1_000_000
	}
	if lacks&(PartUser|PartFirstUser) != 0 || user.Logged() {
		c.UIDGot, c.UIDSet = nil, nil
	}
	return fieldsOf(&c)
}

// What a format writes of a request is what it reads, but for the parts that it
// says it lacks.
func TestEveryFormatReadsWhatItWrites(t *testing.T) {
	r := random{rand.New(rand.NewPCG(7, 8))}
	var specs []Spec
	for _, k := range kinds {
		if k.Append != nil {
			specs = append(specs, Spec{Format: k.Name})
			if k.Cookies {
				specs = append(specs, Spec{Format: k.Name, UserID: UserID{Cookie: "uid"}})
			}
		}
	}
	for _, text := range literals {
		specs = append(specs, Spec{Format: text})
	}
	for _, s := range specs {
		k, err := s.Kind()
		if err != nil {
			t.Fatalf("%s: %v", s.Format, err)
		}
		f := k.New(s.UserID)
		odd := !strings.Contains(s.Format, "tabs") && !strings.Contains(s.Format, `"$uid_got/$uid_set"`)
		for range 600 {
			q := r.request(odd)
			if s.UserID.Cookie != "" {
				q.User, q.UIDGot, q.UIDSet = q.UIDGot, nil, nil
			}
			if strings.Contains(s.Format, `"$request"`) && bytes.HasSuffix(q.URI, []byte(" ")) {
				continue // blanks at its end are of the request line
			}
			if s.Format == "cloudfront" {
				q.URI = append(q.URI, 'x') // an empty query is none
			}
			line := k.Append(nil, q, s.UserID)
			var got Request
			if err := f.Parse(line, &got); err != nil {
				t.Fatalf("%s: %v: %q", s.Format, err, line)
			}
			want := carried(q, k.Lacks, s.UserID)
			if s.Format == "fastly" { // one field for both, without its name
				want.got, want.set = strings.TrimPrefix(strings.Replace(want.got+want.set, none, "", 1), "uid="), none
			}
			if g := fieldsOf(&got); g != want || string(got.User) != string(q.User) {
				t.Fatalf("%s: %q\ngot  %+v %s\nwant %+v %s", s.Format, line, g, got.User, want, q.User)
			}
			if again := k.Append(nil, q, s.UserID); !bytes.Equal(line, again) {
				t.Fatalf("%s: written once as %q, once as %q", s.Format, line, again)
			}
		}
	}
}

// Reading a line allocates nothing, once the request's buffer has grown.
func TestReadingAllocatesNothing(t *testing.T) {
	r := random{rand.New(rand.NewPCG(3, 4))}
	var specs []Spec
	for _, k := range kinds {
		if k.Append != nil {
			specs = append(specs, Spec{Format: k.Name, UserID: UserID{Cookie: map[bool]string{true: "uid"}[k.Cookies]}})
		}
	}
	for _, text := range literals {
		specs = append(specs, Spec{Format: text})
	}
	for _, s := range specs {
		k, err := s.Kind()
		if err != nil {
			t.Fatal(err)
		}
		f := k.New(s.UserID)
		q := r.request(true)
		q.User = []byte("0a1b")
		line := k.Append(nil, q, s.UserID)
		var got Request
		if n := testing.AllocsPerRun(100, func() { _ = f.Parse(line, &got) }); n > 0 {
			t.Errorf("%s: %v allocations a line", s.Format, n)
		}
	}
}

func TestWhereAUserIDComesFrom(t *testing.T) {
	const ts = `"ts":1793577600,"status":200`
	for _, c := range []struct {
		name   string
		format string
		user   UserID
		line   string
		want   string
	}{
		{"cloudflare's cookie", "cloudflare", UserID{Cookie: "uid"}, `{"Cookies":{"theme":"dark","uid":"\"u1\""}}`, `"u1"`},
		{"cookies have case", "cloudflare", UserID{Cookie: "UID"}, `{"Cookies":{"uid":"u1"}}`, none},
		{"cloudflare's header, in any case", "cloudflare", UserID{Header: "X-User-ID"}, `{"RequestHeaders":{"sec-gpc":"1","x-user-id":"u2"}}`, "u2"},
		{"Cookies that are no object", "cloudflare", UserID{Cookie: "uid"}, `{"Cookies":"uid=u1"}`, none},
		{"an empty cookie", "cloudflare", UserID{Cookie: "uid"}, `{"Cookies":{"uid":""}}`, none},
		{"caddy's cookie", "caddy", UserID{Cookie: "uid"}, `{"request":{"headers":{"Cookie":["a=b; uid=u3; uid=u4"]}},` + ts + `}`, "u3"},
		{"of several Cookie headers", "caddy", UserID{Cookie: "uid"}, `{"request":{"headers":{"Cookie":["a=b", "uid=u3"]}},` + ts + `}`, "u3"},
		{"redacted cookies", "caddy", UserID{Cookie: "uid"}, `{"request":{"headers":{"Cookie":["REDACTED"]}},` + ts + `}`, none},
		{"a cookie that another's name ends with", "caddy", UserID{Cookie: "uid"}, `{"request":{"headers":{"Cookie":["xuid=u3"]}},` + ts + `}`, none},
		{"caddy's header", "caddy", UserID{Header: "x-user"}, `{"request":{"headers":{"X-User":["u5","u6"]}},` + ts + `}`, "u5"},
		{"a header that fills a column too", "caddy", UserID{Header: "sec-gpc"}, `{"request":{"headers":{"Sec-Gpc":["1"]}},` + ts + `}`, "1"},
		{"nginx's $cookie", `$msec $status "$request" "$cookie_sid"`, UserID{Cookie: "SID"}, `1793577600.000 200 "GET /px" "u7"`, "u7"},
		{"nginx's $http_cookie", `$msec $status "$request" "$http_cookie"`, UserID{Cookie: "sid"}, `1793577600.000 200 "GET /px" "a=b; sid=\x22u8\x22; c=d"`, `"u8"`},
		{"nginx's header", `$msec $status "$request" $http_x_user_id`, UserID{Header: "X-User-Id"}, `1793577600.000 200 "GET /px" u9`, "u9"},
		{"a hyphen is none", `$msec $status "$request" $http_x_user_id`, UserID{Header: "X-User-Id"}, `1793577600.000 200 "GET /px" -`, none},
	} {
		f, err := New(Spec{Format: c.format, UserID: c.user})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var r Request
		if err := f.Parse([]byte(c.line), &r); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := string(r.User); got != c.want && (c.want != none || r.User != nil) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAFormatThatLacksTheUserIDSaysSo(t *testing.T) {
	for _, s := range []Spec{
		{Format: "pixledger", UserID: UserID{Cookie: "uid"}}, {Format: "combined", UserID: UserID{Header: "X-Id"}}, {Format: "fastly", UserID: UserID{Cookie: "uid"}},
		{Format: "cloudfront", UserID: UserID{Header: "X-Id"}}, {Format: `$msec "$request" $status`, UserID: UserID{Cookie: "uid"}},
	} {
		if _, err := New(s); err == nil || err.(*SpecError).Key != "user_id" { //nolint:errorlint // never wrapped
			t.Errorf("%+v: got %v", s, err)
		}
	}
	for _, name := range Names() {
		if _, err := New(Spec{Format: name, UserID: UserID{Param: "uid"}}); err != nil {
			t.Errorf("%s: a parameter can give the user id in every format, got %v", name, err)
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	r := random{rand.New(rand.NewPCG(1, 2))}
	for _, format := range append(Names(), literals...) {
		k, err := Spec{Format: format}.Kind()
		if err != nil {
			b.Fatal(err)
		}
		if k.Append == nil {
			continue
		}
		b.Run(strings.NewReplacer(" ", "", "\n", "", "/", "").Replace(format[:min(len(format), 30)]), func(b *testing.B) {
			q := r.request(false)
			q.URI, q.UserAgent, q.Referer = []byte("/px?id=7&order_id=A1&value=12.50"), []byte("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"), []byte("https://shop.example/done")
			line := k.Append(nil, q, UserID{})
			f := k.New(UserID{})
			var got Request
			b.ReportAllocs()
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				if err := f.Parse(line, &got); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

// lettered is a format of a test's own: TIME,STATUS.
type lettered struct{}

func (lettered) Name() string       { return "lettered" }
func (lettered) Header([]byte) bool { return false }
func (lettered) Parse(line []byte, r *Request) error {
	r.reset()
	seconds, status, ok := bytes.Cut(line, []byte{','})
	if !ok {
		return ErrMalformed
	}
	r.Time, r.HasTime = parseSeconds(seconds)
	r.Status, r.HasStatus = parseStatus(status)
	return nil
}

// One entry in the table makes a format: it is named, found, recognised, and
// allowed where a format is.
func TestAFormatIsOneEntry(t *testing.T) {
	before := kinds
	t.Cleanup(func() { kinds = before })
	kinds = append(kinds[:len(kinds):len(kinds)], &Kind{Name: "lettered", New: func(UserID) Format { return lettered{} }})
	if f, err := New(Spec{Format: "lettered", UserID: UserID{Param: "uid"}}); err != nil || f.Name() != "lettered" {
		t.Errorf("got %v, %v", f, err)
	}
	if f, err := Detect([]byte("1793577600.5,200\n1793577601,204\n")); err != nil || f.Name() != "lettered" {
		t.Errorf("recognised as %v, %v", f, err)
	}
	if names := strings.Join(Names(), " "); !strings.HasSuffix(names, " lettered") || !strings.Contains(AllowedFormats(), "lettered") {
		t.Errorf("named %s", names)
	}
	if _, err := New(Spec{Format: "lettered", UserID: UserID{Cookie: "uid"}}); err == nil {
		t.Error("it takes a cookie that it does not carry")
	}
}
