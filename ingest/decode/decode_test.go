package decode

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/parse"
)

// checkURIs decodes targets with the options and compares what they become.
func checkURIs(t *testing.T, opts Options, cases [][2]string) {
	t.Helper()
	for _, c := range cases {
		if got := fate(t, opts, request(c[0])); got != c[1] {
			t.Errorf("%s\ngot  %s\nwant %s", c[0], got, c[1])
		}
	}
}

func TestPaths(t *testing.T) {
	checkURIs(t, Options{}, [][2]string{
		{"/px?id=7", "conversion pixel_id=7"},
		{"/sspx?id=7", "conversion server_side=true pixel_id=7"},
		{"/imptr?id=7", "impression tracker_id=7"},
		{"/clktr?id=7", "click tracker_id=7"},
		{"/clktrb?id=7", "click tracker_id=7"},
		{"/seg?add=7", "segment segments_added=[7]"},
		{"/pixie?pi=7", "universal params={pi:7}"},
		{"/px", "conversion"},
		{"/px?", "conversion"},
		// whatever stands before the last segment
		{"/a/b/px?id=7", "conversion pixel_id=7"},
		{"//px?id=7", "conversion pixel_id=7"},
		// exactly, and as logged
		{"/px/?id=7", "ignored"},
		{"/PX?id=7", "ignored"},
		{"/%70x?id=7", "ignored"},
		{"/px;v=1?id=7", "ignored"},
		{"/xpx", "ignored"},
		{"/", "ignored"},
		{"/index.html?px=/px", "ignored"},
		{"px?id=7", "ignored"},
		{"*", "ignored"},
		{"/?u=/px", "ignored"},
		// an absolute URI counts by its path
		{"http://edge.example/px?id=7", "conversion pixel_id=7"},
		{"https://edge.example:443/a/px?id=7#x", "conversion pixel_id=7"},
		{"http://px", "ignored"},
		{"http://edge.example?a=/px", "ignored"},
		{"1http://edge.example/px", "ignored"},
		// from a raw # on nothing counts
		{"/px#?id=7", "conversion"},
		{"/px?id=7#&value=1", "conversion pixel_id=7"},
		{"/#/px", "ignored"},
		{"/px?id=7&other=%23", "conversion pixel_id=7 other=#"},
		// the first question mark divides
		{"/px?id=7&other=a?b", "conversion pixel_id=7 other=a?b"},
	})
}

func TestParametersOfAConversion(t *testing.T) {
	checkURIs(t, Options{}, [][2]string{
		{"/px?id=9012&t=1&order_id=A-1&value=12.50&other=blue&redir=https://x.example/?a=1",
			"conversion pixel_id=9012 order_id=A-1 value=12.50 value_text=12.50 other=blue params={t:1 redir:https://x.example/?a=1}"},
		// id wins over code; code and member hold what was sent, also beside an id
		{"/px?code=checkout&member=3", "conversion pixel_code=checkout member_id=3"},
		{"/px?id=7&code=checkout&member=3", "conversion pixel_id=7 pixel_code=checkout member_id=3"},
		{"/px?code=checkout", "conversion pixel_code=checkout"},
		// an id that is none is dropped
		{"/px?id=0", "conversion"},
		{"/px?id=-7", "conversion"},
		{"/px?id=abc&code=c", "conversion pixel_code=c"},
		{"/px?id=9223372036854775807", "conversion pixel_id=9223372036854775807"},
		{"/px?id=9223372036854775808", "conversion"},
		{"/px?id=7.0", "conversion"},
		{"/px?id=%207", "conversion"},
		{"/px?id=", "conversion"},
		{"/px?id=007", "conversion pixel_id=7"},
		// a member that is none fills no column
		{"/px?member=acme", "conversion params={member:acme}"},
		// on /px redir and sspdata end where a parameter ends
		{"/px?redir=a&id=7", "conversion pixel_id=7 params={redir:a}"},
		{"/px?sspdata=tok.&id=7", "conversion pixel_id=7 sspdata=tok."},
		// the token and the media cost are a touch's, not a conversion's
		{"/px?token=x&ancost=1", "conversion params={token:x ancost:1}"},
		// names are case-sensitive
		{"/px?ID=7&Value=1", "conversion params={ID:7 Value:1}"},
		// empty texts are kept as they are
		{"/px?order_id=&value=&other", "conversion order_id= value_text= other="},
		{"/px?&&id=7&", "conversion pixel_id=7"},
	})
}

func TestServerSideConversions(t *testing.T) {
	checkURIs(t, Options{}, [][2]string{
		{"/sspx?id=7&order_id=A&value=1&other=o&sspdata=TOKEN.", "conversion server_side=true pixel_id=7 order_id=A value=1.00 value_text=1 other=o sspdata=TOKEN."},
		{"/sspx?sspdata=a&id=7&x=%20+.", "conversion server_side=true sspdata=a&id=7&x=  ."},
		{"/sspx?id=7&sspdata=a%26b", "conversion server_side=true pixel_id=7 sspdata=a&b"},
		{"/sspx?id=7&sspdata=", "conversion server_side=true pixel_id=7 sspdata="},
		{"/sspx?id=7&sspdata", "conversion server_side=true pixel_id=7 sspdata="},
		{"/sspx?id=7&sspdata=[SSPDATA]", "conversion server_side=true pixel_id=7 macros=1"},
		{"/sspx?id=7&sspdata=a#b", "conversion server_side=true pixel_id=7 sspdata=a"},
		// segments and codes are no parameters of it
		{"/sspx?code=c&member=3&add=1&remove=2", "conversion server_side=true params={code:c member:3 add:1 remove:2}"},
	})
}

func TestTouches(t *testing.T) {
	checkURIs(t, Options{}, [][2]string{
		{"/imptr?id=7&cachebuster=123&ancost=0.25&token=tk&t=2", "impression tracker_id=7 token=tk media_cost=0.25 params={cachebuster:123 t:2}"},
		{"/clktrb?id=7&redir=https://shop.example/?a=1&id=8&token=t", "click tracker_id=7 params={redir:https://shop.example/?a=1&id=8&token=t}"},
		{"/clktr?redir=https%3A%2F%2Fx%2F+&id=8", "click params={redir:https://x/ &id=8}"},
		{"/imptr?token=&id=7", "impression tracker_id=7 token="},
		// a media cost that is no number keeps its text
		{"/imptr?id=7&ancost=$1", "impression tracker_id=7 params={ancost:$1}"},
		{"/imptr?id=7&ancost=0.0000005", "impression tracker_id=7 media_cost=0.000001"},
		{"/imptr?id=7&order_id=A&value=1&sspdata=x", "impression tracker_id=7 params={order_id:A value:1 sspdata:x}"},
	})
}

func TestValues(t *testing.T) {
	for text, want := range map[string]string{
		"12.5": "value=12.50 value_text=12.5", "-3": "value=-3.00 value_text=-3", "0": "value=0.00 value_text=0",
		"1.2345675": "value=1.234568 value_text=1.2345675", "-1.2345675": "value=-1.234568 value_text=-1.2345675",
		"999999999999.999999": "value=999999999999.999999 value_text=999999999999.999999",
		"1000000000000":       "value_text=1000000000000",
		"$10":                 "value_text=$10", "1e3": "value_text=1e3", "1,5": "value_text=1,5", "NaN": "value_text=NaN", "1_000": "value_text=1_000",
		".5": "value_text=.5", "5.": "value_text=5.", "%2B5": "value_text=+5", "+5": "value_text= 5", "0x10": "value_text=0x10",
		"%EF%BC%91": "value_text=１", "--1": "value_text=--1", "%31": "value=1.00 value_text=1",
	} {
		if got := fate(t, Options{}, request("/px?value="+text)); got != "conversion "+want {
			t.Errorf("%s: got %s", text, got)
		}
	}
	checkURIs(t, Options{}, [][2]string{
		{"/pixie?pi=a&e=Buy&va=3.5&order_id=O&value=9", "universal order_id=O value=3.50 value_text=3.5 params={pi:a e:Buy value:9}"},
		{"/pixie?va=much", "universal value_text=much"},
	})
}

func TestSegments(t *testing.T) {
	checkURIs(t, Options{}, [][2]string{
		{"/px?seg=1,2&add=2,3&remove=4,4,5", "conversion segments_added=[1 2 3] segments_removed=[4 5]"},
		{"/px?add=3&seg=1", "conversion segments_added=[3 1]"},
		{"/px?add=1,x,0,-2,%2C3,,99999999999999999999", "conversion segments_added=[1 3]"},
		{"/px?add=x&remove=", "conversion"},
		{"/px?seg_code=a,b&add_code=b,c&remove_code=d,,d", "conversion segment_codes_added=[a b c] segment_codes_removed=[d]"},
		// values are for segment pixels alone
		{"/px?add=28:5&value=7", "conversion value=7.00 value_text=7"},
		{"/seg?add=37,28:5&value=7", "segment segments_added=[37 28] segment_values=[7 5]"},
		{"/seg?value=7&add=37,28:5", "segment segments_added=[37 28] segment_values=[7 5]"},
		{"/seg?add=37,28:5", "segment segments_added=[37 28] segment_values=[- 5]"},
		{"/seg?add=37,28", "segment segments_added=[37 28]"},
		{"/seg?add=37:,28:x,29:-2&value=7", "segment segments_added=[37 28 29] segment_values=[7 - -2]"},
		{"/seg?add=37,37:5", "segment segments_added=[37]"},
		// a value that goes to no segment fills no column
		{"/seg?add=28:5&value=7", "segment segments_added=[28] segment_values=[5] params={value:7}"},
		{"/seg?add=28&value=much", "segment segments_added=[28] params={value:much}"},
		{"/seg?value=7", "segment params={value:7}"},
		{"/seg?add=1&remove=2:3,4&add_code=a&remove_code=b&member=3&t=2&seg=9",
			"segment member_id=3 segments_added=[1] segments_removed=[4] segment_codes_added=[a] segment_codes_removed=[b] params={t:2 seg:9}"},
	})
	many := make([]string, 0, 4000)
	for i := range 2000 {
		many = append(many, fmt.Sprint(i+1), fmt.Sprint(i+1))
	}
	got := fate(t, Options{}, request("/px?add="+strings.Join(many, ",")))
	if n := len(strings.Fields(got)); n != 2000+1 {
		t.Errorf("2000 segments given twice each are %d", n-1)
	}
}

func TestPercentDecoding(t *testing.T) {
	checkURIs(t, Options{}, [][2]string{
		{"/px?other=a+b%20c%2Bd", "conversion other=a b c+d"},
		// once, after splitting
		{"/px?other=a%26id%3D7", "conversion other=a&id=7"},
		{"/px?other=%2541", "conversion other=%41"},
		{"/px?%69d=7", "conversion pixel_id=7"},
		{"/px?a%3Db=c", "conversion params={a=b:c}"},
		{"/px?a=b=c", "conversion params={a:b=c}"},
		// an invalid escape stays as written
		{"/px?other=100%", "conversion other=100%"},
		{"/px?other=%zz%4", "conversion other=%zz%4"},
		{"/px?other=%%41", "conversion other=%A"},
		// each byte that is not UTF-8 becomes U+FFFD
		{"/px?other=%FF%C3%A9%C3", "conversion other=\ufffdé\ufffd"},
		{"/px?other=%E2%82", "conversion other=\ufffd\ufffd"},
		{"/px?other=\xff\xe9", "conversion other=\ufffd\ufffd"},
		{"/px?n\xff=1", "conversion params={n\ufffd:1}"},
		{"/px?other=a%00b%0A", "conversion other=a\x00b\n"},
		{"/px?other=\u2028%ED%A0%80", "conversion other=\u2028\ufffd\ufffd\ufffd"},
		// the first of two equal names counts, however it is written
		{"/px?id=7&id=8", "conversion pixel_id=7"},
		{"/px?id=x&id=8", "conversion"},
		{"/px?a=1&a=2&%61=3", "conversion params={a:1}"},
		{"/px?=1&=2", "conversion params={:1}"},
	})
	var uri strings.Builder
	uri.WriteString("/px?")
	for i := range 5000 {
		fmt.Fprintf(&uri, "&p%d=%d&p%d=x", i%2500, i, i%2500)
	}
	if got := fate(t, Options{}, request(uri.String())); strings.Count(got, ":") != 2500 || strings.Contains(got, ":x") {
		t.Errorf("2500 parameters given four times each: %d", strings.Count(got, ":"))
	}
}

func TestUnreplacedMacros(t *testing.T) {
	for value, macro := range map[string]bool{
		"[ORDER_ID]": true, "${X}": true, "{{x}}": true, "%%X%%": true, "%5BORDER_ID%5D": true, "%25%25X%25%25": true, "[a b]": true, "[[X]": true,
		"[]": false, "${}": false, "{{}}": false, "%%%%": false, "[X]a": false, "a[X]": false, "[X][Y]": false, "[X]]": false, "${X}}": false,
		"{{x}}}": false, "{x}": false, "{{x}": false, "%X%": false, "%%X%": false, "%%X%%%": false, "$X": false, "[": false, "$": false, "[+]": true,
	} {
		got := fate(t, Options{}, request("/px?other="+value))
		if want := "conversion macros=1"; macro != (got == want) {
			t.Errorf("%s: got %s", value, got)
		}
	}
	checkURIs(t, Options{}, [][2]string{
		// for every parameter, and the first of two equal names still counts
		{"/px?id=[ID]&t=${T}&foo={{f}}&seg=[S]&id=7&foo=1", "conversion macros=4"},
		{"/clktr?id=7&redir=[REDIRECT_URL]", "click tracker_id=7 macros=1"},
		{"/px?gdpr=${GDPR}&gdpr_consent=${GDPR_CONSENT_1}&us_privacy=[US_PRIVACY]", "conversion macros=3"},
		{"/px?value=1&value=[X]", "conversion value=1.00 value_text=1"},
	})
}

func TestWhatCounts(t *testing.T) {
	with := func(change func(*parse.Request)) *parse.Request {
		r := request("/px?id=7")
		change(r)
		return r
	}
	for _, c := range []struct {
		name string
		r    *parse.Request
		want string
	}{
		{"POST", with(func(r *parse.Request) { r.Method = []byte("POST") }), "conversion pixel_id=7"},
		{"HEAD", with(func(r *parse.Request) { r.Method = []byte("HEAD") }), "not counted: method"},
		{"a method in small letters", with(func(r *parse.Request) { r.Method = []byte("get") }), "not counted: method"},
		{"204", with(func(r *parse.Request) { r.Status = 204 }), "conversion pixel_id=7"},
		{"302", with(func(r *parse.Request) { r.Status = 302 }), "conversion pixel_id=7"},
		{"399", with(func(r *parse.Request) { r.Status = 399 }), "conversion pixel_id=7"},
		{"404", with(func(r *parse.Request) { r.Status = 404 }), "not counted: status"},
		{"500", with(func(r *parse.Request) { r.Status = 500 }), "not counted: status"},
		{"101", with(func(r *parse.Request) { r.Status = 101 }), "not counted: status"},
		{"009", with(func(r *parse.Request) { r.Status = 9 }), "not counted: status"},
		{"HEAD of another path", with(func(r *parse.Request) { r.Method, r.URI = []byte("HEAD"), []byte("/x") }), "ignored"},
		{"404 of another path", with(func(r *parse.Request) { r.Status, r.URI = 404, []byte("/x") }), "ignored"},
		{"no method with 400", with(func(r *parse.Request) { r.Status, r.Method = 400, nil }), "not counted: malformed"},
		{"no uri with 500", with(func(r *parse.Request) { r.Status, r.URI = 500, nil }), "not counted: malformed"},
		{"neither with 400", with(func(r *parse.Request) { r.Status, r.Method, r.URI = 400, nil, nil }), "not counted: malformed"},
		{"no method with 200", with(func(r *parse.Request) { r.Method = nil }), "reject: missing_field"},
		{"no uri with 302", with(func(r *parse.Request) { r.Status, r.URI = 302, nil }), "reject: missing_field"},
		{"no uri with 600", with(func(r *parse.Request) { r.Status, r.URI = 600, nil }), "reject: missing_field"},
		{"no time", with(func(r *parse.Request) { r.HasTime = false }), "reject: missing_field"},
		{"no status", with(func(r *parse.Request) { r.HasStatus = false }), "reject: missing_field"},
		{"no time with 400", with(func(r *parse.Request) { r.Status, r.HasTime, r.Method = 400, false, nil }), "reject: missing_field"},
		{"the last moment of 1999", with(func(r *parse.Request) { r.Time = earliest - 1 }), "reject: bad_time"},
		{"the first moment of 2000", with(func(r *parse.Request) { r.Time = earliest }), "conversion pixel_id=7"},
		{"24 hours ahead", with(func(r *parse.Request) { r.Time = now + ahead }), "conversion pixel_id=7"},
		{"more than 24 hours ahead", with(func(r *parse.Request) { r.Time = now + ahead + 1 }), "reject: bad_time"},
		{"a bad time of another path", with(func(r *parse.Request) { r.Time, r.URI = 0, []byte("/x") }), "reject: bad_time"},
	} {
		if got := fate(t, Options{}, c.r); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestFromSkipsOlderLines(t *testing.T) {
	opts := Options{From: time.UnixMicro(now)}
	r := request("/px?id=7")
	if got := fate(t, opts, r); got != "ignored" {
		t.Errorf("a second before: %s", got)
	}
	r.Time = now
	if got := fate(t, opts, r); got != "conversion pixel_id=7" {
		t.Errorf("at that moment: %s", got)
	}
}

func TestFieldsBesideTheQuery(t *testing.T) {
	r := request("/px")
	r.ID, r.Host, r.Referer = []byte("abc"), []byte("px.example"), []byte("https://shop.example/\xff")
	r.UserAgent, r.IP, r.UIDGot = []byte("curl/8.5"), []byte("203.0.113.77"), []byte("uid=0B0C")
	want := "conversion event_id=abc user_id=0B0C invalid_reason=bot referer=https://shop.example/\ufffd user_agent=curl/8.5 ip=203.0.113.0 host=px.example"
	if got := fate(t, Options{}, r); got != want {
		t.Errorf("got %s", got)
	}
	// A server's user agent is not judged.
	r.URI = []byte("/sspx")
	if got := fate(t, Options{}, r); strings.Contains(got, "bot") {
		t.Errorf("got %s", got)
	}
}

func TestUserIDs(t *testing.T) {
	for _, c := range []struct{ got, set, want string }{
		{"uid=A", "uid=B", "A"}, {"", "uid=B", "B"}, {"-", "uid=B", "B"}, {"uid=", "uid=B", "B"}, {"uid=-", "-", ""}, {"", "", ""}, {"A", "", "A"},
	} {
		r := request("/px")
		r.UIDGot, r.UIDSet = []byte(c.got), []byte(c.set)
		want := "conversion"
		if c.want != "" {
			want += " user_id=" + c.want
		}
		if got := fate(t, Options{}, r); got != want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
	opts := Options{UserParam: "u"}
	for query, want := range map[string]string{
		"u=abc&x=1": "conversion user_id=abc params={x:1}", "u=%22abc%22": "conversion user_id=abc", "u=REDACTED": "conversion", "u=-": "conversion",
		"u=": "conversion", "u=%22%22": "conversion", "x=1": "conversion params={x:1}", "u=[U]": "conversion macros=1", "u=a&u=b": "conversion user_id=a",
		"u=abc&us_privacy=1YY": "conversion consent=denied params={us_privacy:1YY}",
	} {
		r := request("/px?" + query)
		r.UIDGot = []byte("uid=NGINX")
		if got := fate(t, opts, r); got != want {
			t.Errorf("%s: got %s", query, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		mode     IPMode
		ip, want string
	}{
		{"", "203.0.113.77", "203.0.113.0"}, {Truncate, "203.0.113.77", "203.0.113.0"}, {Truncate, "2001:db8:1:2:3:4:5:6", "2001:db8:1::"},
		{Truncate, "::ffff:203.0.113.77", "203.0.113.0"}, {Truncate, "fe80::1%eth0", "fe80::"}, {Truncate, "::1", "::"},
		{Truncate, "unix:", ""}, {Truncate, "1.2.3", ""}, {Keep, "203.0.113.77", "203.0.113.77"}, {Keep, "unix:", "unix:"}, {Drop, "203.0.113.77", ""},
	} {
		r := request("/px")
		r.IP = []byte(c.ip)
		want := "conversion"
		if c.want != "" {
			want += " ip=" + c.want
		}
		if got := fate(t, Options{IP: c.mode}, r); got != want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

func TestConfiguredParameters(t *testing.T) {
	opts := Options{Params: map[string]ParamMode{"email": DropParam, "uid": HashParam, "other": DropParam, "us_privacy": DropParam}, Key: []byte("secret")}
	checkURIs(t, opts, [][2]string{
		{"/px?email=a@b.example&x=1&email=c", "conversion params={x:1}"},
		{"/px?other=o&uid=77", "conversion params={uid:" + hashOf("secret", "77") + "}"},
		// consent is judged by what was sent
		{"/px?us_privacy=1YYN", "conversion consent=denied"},
	})
	for _, opts := range []Options{{Params: map[string]ParamMode{"a": "keep"}}, {Params: map[string]ParamMode{"a": HashParam}}, {IP: "some"}} {
		if _, err := New(opts); err == nil {
			t.Errorf("%+v is accepted", opts)
		}
	}
}

func hashOf(key, value string) string {
	return string(newKeyedHash([]byte(key)).appendHex(nil, []byte(value)))
}

func TestKeyedHashIsHMAC(t *testing.T) {
	// RFC 4231, test case 2: key "Jefe".
	if got := hashOf("Jefe", "what do ya want for nothing?"); got != "5bdcc146bf60754e6a042426089575c7" {
		t.Errorf("got %s", got)
	}
}

func TestLineIDs(t *testing.T) {
	long := make([]byte, 5000)
	for i := range long {
		long[i] = byte(i)
	}
	for _, c := range []struct {
		head   []byte
		offset int64
	}{{nil, 0}, {long[:10], 10}, {long[:4095], 4095}, {long[:4096], 4096}, {long, 4096}, {long[:4096], 100}, {long[:4096], 9_999_999_999}} {
		ids := NewIDs(c.head)
		want := hex.EncodeToString(lineHash(c.head, c.offset, "the line"))
		for range 2 {
			got, err := ids.Append(nil, c.offset, []byte("the line"))
			if err != nil || string(got) != want {
				t.Errorf("offset %d with %d bytes known: got %s, %v, want %s", c.offset, len(c.head), got, err, want)
			}
		}
	}
	if _, err := NewIDs(long[:10]).Append(nil, 11, nil); err == nil {
		t.Error("an id is made without the bytes before the line")
	}
}
