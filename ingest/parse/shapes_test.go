package parse

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// short says in a few words what was read: the parts that are there.
func short(r *Request) string {
	var b strings.Builder
	if r.HasTime {
		fmt.Fprintf(&b, "%d", r.Time)
	} else {
		b.WriteString("no time")
	}
	if r.HasStatus {
		fmt.Fprintf(&b, " %d", r.Status)
	} else {
		b.WriteString(" no status")
	}
	for _, f := range []struct {
		name  string
		value []byte
	}{{"method", r.Method}, {"uri", r.URI}, {"id", r.ID}, {"ip", r.IP}, {"host", r.Host}, {"referer", r.Referer}, {"ua", r.UserAgent}, {"got", r.UIDGot}, {"set", r.UIDSet}, {"gpc", r.GPC}} {
		if f.value != nil {
			fmt.Fprintf(&b, " %s=%s", f.name, f.value)
		}
	}
	return b.String()
}

const malformed = "malformed"

func TestShapesOfLines(t *testing.T) {
	const cf = "#Fields: date time cs-method cs-uri-stem cs-uri-query sc-status"
	const nginx = `$msec $status "$request" "$http_user_agent"`
	for _, c := range []struct{ name, format, escape, line, want string }{
		{"decoded once", "cloudfront", cf, "2026-11-01\t00:00:00\tGET\t/a%20b/px\tid=1&o=A%2520%5BB%5D+C\t200", "1793491200000000 200 method=GET uri=/a b/px?id=1&o=A%20[B]+C"},
		{"no query", "cloudfront", cf, "2026-11-01\t00:00:00\tGET\t/px\t-\t200", "1793491200000000 200 method=GET uri=/px"},
		{"a browser that went away", "cloudfront", cf, "2026-11-01\t00:00:00\tGET\t/px\t-\t000", "1793491200000000 0 method=GET uri=/px"},
		{"a field too few", "cloudfront", cf, "2026-11-01\t00:00:00\tGET\t/px\t-", malformed},
		{"a field more", "cloudfront", cf, "2026-11-01\t00:00:00\tGET\t/px\t-\t200\tx", "1793491200000000 200 method=GET uri=/px"},
		{"no day of the calendar", "cloudfront", cf, "2026-02-30\t00:00:00\tGET\t/px\t-\t200", "no time 200 method=GET uri=/px"},
		{"another time", "cloudfront", cf, "2026-11-01\t0:0:0\tGET\t/px\t-\t200", "no time 200 method=GET uri=/px"},
		{"an escape that is none", "cloudfront", cf, "2026-11-01\t00:00:00\tGET\t/px\ta=%4\t200", "1793491200000000 200 method=GET uri=/px?a=%4"},
		{"spaces for tabs", "cloudfront", cf, "2026-11-01 00:00:00 GET /px - 200", malformed},
		{"milliseconds", "cloudfront", "#Fields: date time timestamp(ms) cs-method cs-uri-stem sc-status", "2026-11-01\t00:00:00\t1793491200123\tGET\t/px\t200", "1793491200123000 200 method=GET uri=/px"},
		{"a timestamp alone", "cloudfront", "#Fields: timestamp cs-method cs-uri-stem sc-status", "1793491200\tGET\t/px\t200", "1793491200000000 200 method=GET uri=/px"},
		{"no status among the fields", "cloudfront", "#Fields: date time cs-method cs-uri-stem", "2026-11-01\t00:00:00\tGET\t/px", "1793491200000000 no status method=GET uri=/px"},
		{"the host of the viewer", "cloudfront", "#Fields: date time cs(Host) x-host-header", "2026-11-01\t00:00:00\td1.cloudfront.net\tpx.example", "1793491200000000 no status host=px.example"},
		{"the distribution's", "cloudfront", "#Fields: date time cs(Host) x-host-header", "2026-11-01\t00:00:00\td1.cloudfront.net\t-", "1793491200000000 no status host=d1.cloudfront.net"},
		{"a field twice", "cloudfront", "#Fields: date time sc-status sc-status", "2026-11-01\t00:00:00\t200\t404", "1793491200000000 200"},

		{"nanoseconds", "cloudflare", "", `{"EdgeStartTimestamp":1793491200123456789,"EdgeResponseStatus":200}`, "1793491200123456 200"},
		{"seconds", "cloudflare", "", `{"EdgeStartTimestamp":1793491200,"EdgeResponseStatus":"200"}`, "1793491200000000 200"},
		{"RFC 3339", "cloudflare", "", `{"EdgeStartTimestamp":"2026-11-01T00:00:00Z","EdgeResponseStatus":200}`, "1793491200000000 200"},
		{"RFC 3339 with decimals", "cloudflare", "", `{"EdgeStartTimestamp":"2026-11-01T00:00:00.123456789Z","EdgeResponseStatus":200}`, "1793491200123456 200"},
		{"no time", "cloudflare", "", `{"EdgeStartTimestamp":"yesterday","EdgeResponseStatus":200}`, "no time 200"},
		{"consent", "cloudflare", "", `{"RequestHeaders":{"Sec-GPC":"1","x":{"y":[]}},"RayID":"8f","EdgeResponseStatus":0}`, "no time 0 id=8f gpc=1"},
		{"a key twice", "cloudflare", "", `{"RayID":"a","RayID":"b"}`, "no time no status id=a"},
		{"an array", "cloudflare", "", `[]`, malformed},
		{"cut off", "cloudflare", "", `{"RayID":"a","Cookies":{"uid":"`, malformed},
		{"something behind it", "cloudflare", "", `{"RayID":"a"} x`, malformed},

		{"Fastly's time", "fastly", "", `{"timestamp":"2026-11-01T00:00:00+0000","response_status":302}`, "1793491200000000 302"},
		{"the finer one first", "fastly", "", `{"time_msec":1793491200123,"timestamp":"2026-11-01T00:00:00+0000"}`, "1793491200123000 no status"},
		{"the finer one behind", "fastly", "", `{"timestamp":"2026-11-01T00:00:00+0000","time_msec":"1793491200123"}`, "1793491200123000 no status"},
		{"the finer one is none", "fastly", "", `{"timestamp":"2026-11-01T00:00:00+0000","time_msec":123}`, "1793491200000000 no status"},
		{"without a zone", "fastly", "", `{"timestamp":"2026-11-01T00:00:00"}`, "1793491200000000 no status"},
		{"optional fields", "fastly", "", `{"id":"i","uid":"u","gpc":"1","url":"/px?a=\"b\"","request_method":"G T"}`, `no time no status uri=/px?a="b" id=i got=u gpc=1`},

		{"Caddy's float", "caddy", "", `{"ts":1793491200.1234567,"status":200}`, "1793491200123456 200"},
		{"milliseconds as a float", "caddy", "", `{"ts":1793491200123.5,"status":200}`, "1793491200123000 200"},
		{"ISO 8601", "caddy", "", `{"ts":"2026-11-01T02:00:00.000+0200","status":200}`, "1793491200000000 200"},
		{"the address behind a proxy", "caddy", "", `{"request":{"client_ip":"198.51.100.1","remote_ip":"203.0.113.1"}}`, "no time no status ip=198.51.100.1"},
		{"whatever the order", "caddy", "", `{"request":{"remote_ip":"203.0.113.1","client_ip":"198.51.100.1"}}`, "no time no status ip=198.51.100.1"},
		{"an older Caddy", "caddy", "", `{"request":{"remote_ip":"203.0.113.1","headers":{"Referer":[],"User-Agent":["a","b"],"X":"y"}}}`, "no time no status ip=203.0.113.1 ua=a"},
		{"no access log", "caddy", "", `{"level":"info","ts":1793491200,"logger":"tls","msg":"x"}`, "1793491200000000 no status"},
		{"a request that is a text", "caddy", "", `{"request":"GET /","status":200}`, "no time 200"},

		{"nginx's escapes", nginx, "default", `1793491200.123 200 "GET /px?a=\x22\xC3\xA9 HTTP/1.1" "a\x5Cx"`, `1793491200123000 200 method=GET uri=/px?a="é ua=a\x`},
		{"JSON's escapes", nginx, "json", `1793491200.123 200 "GET /px?a=\"\u00e9 HTTP/1.1" "a\\x"`, `1793491200123000 200 method=GET uri=/px?a="é ua=a\x`},
		{"nginx's where JSON's are said", nginx, "json", `1793491200.123 200 "GET /px?a=\x22 HTTP/1.1" "a"`, malformed},
		{"no escapes", nginx, "none", `1793491200.123 200 "GET /px?a=\x22" HTTP/1.1" "a" "`, `1793491200123000 200 method=GET uri=/px?a=\x22" ua=a" `},
		{"a hyphen", nginx, "", `1793491200.123 400 "-" "-"`, "1793491200123000 400"},
		{"an unreadable time", nginx, "", `yesterday 200 "GET /px" "-"`, "no time 200 method=GET uri=/px"},
		{"a quote that is not closed", nginx, "", `1793491200.123 200 "GET /px" "-`, malformed},
		{"more than the format has", nginx, "", `1793491200.123 200 "GET /px" "-" 7`, malformed},
		{"less", nginx, "", `1793491200.123 200 "GET /px"`, malformed},
		{"an empty line", nginx, "", ``, malformed},
		{"an empty value", `$status|$msec|$request|$http_referer|`, "none", `200|1793491200.5|GET /px||`, "1793491200500000 200 method=GET uri=/px"},
		{"a user's name with the time's bracket", `$remote_addr - $remote_user [$time_local] $request $status`, "", `203.0.113.9 - a [b] [c [01/Nov/2026:02:00:00 +0200] GET /px 1 HTTP/1.1 200`,
			"1793491200000000 200 method=GET uri=/px 1 ip=203.0.113.9"},
		{"a time of the future's form", `$remote_addr [$time_local] "$request" $status`, "", `203.0.113.9 [2026-11-01] "GET /px" 200`, "no time 200 method=GET uri=/px ip=203.0.113.9"},
		{"the better of two", `$time_local $msec $status $request_uri $request_method "$request"`, "", `01/Nov/2026:02:00:00 +0200 1793491200.123 200 /b POST "GET /a HTTP/1.1"`, "1793491200123000 200 method=POST uri=/b"},
		{"a variable in braces", `${msec}x${status}y"${request}"`, "", `1.5x200y"GET /px"`, "1500000 200 method=GET uri=/px"},
		{"names in any case", `$MSEC $Status "$Request"`, "", `1.5 200 "GET /px"`, "1500000 200 method=GET uri=/px"},
		{"a host and the path behind it", `$msec "$request_method $scheme://$host$request_uri" $status`, "", `1.5 "GET https://px.example/px?id=1" 200`, "1500000 200 method=GET uri=/px?id=1 host=px.example"},
		{"a host and a path that is not read", `$msec $scheme://$server_name$uri$is_args$args "$request" $status`, "", `1.5 https://px.example/px?id=1 "GET /px?id=1 HTTP/1.1" 200`,
			"1500000 200 method=GET uri=/px?id=1 host=px.example"},
		{"a host without a path", `$msec "$request_method $host$request_uri" $status`, "", `1.5 "GET px.example" 200`, malformed},
		{"touching variables that are not read", `$msec $scheme$hostname$uri $status "$request"`, "", `1.5 httpspx.example/px 200 "GET /px"`, "1500000 200 method=GET uri=/px"},
		{"the directive's escape counts", `log_format x escape=none '$msec|$status|' "$request";`, "json", `1.5|200|GET /px?a=\x22`, `1500000 200 method=GET uri=/px?a=\x22`},
		{"pieces", "log_format x '$msec '  # when\n\t\"$status \" $request;", "", `1.5 200 GET /px`, "1500000 200 method=GET uri=/px"},
		{"a tab that nginx undoes", `$msec\t$status\t$request`, "", "1.5\t200\tGET /px", "1500000 200 method=GET uri=/px"},
		{"keys in another order", `{"t":"$msec","s":$status,"r":"$request"}`, "", ` {"r" : "GET /px", "more": [1, {}], "s": 200, "t": 1.5 } `, "1500000 200 method=GET uri=/px"},
		{"an unquoted variable without a value", `{"t":"$msec","s":$status,"r":"$request","n":$upstream_status}`, "", `{"t":"1.5","s":200,"r":"GET /px?a=\"b\"","n":}`, `1500000 200 method=GET uri=/px?a="b"`},
		{"a status that is no number of JSON", `{"t":"$msec","s":$status,"r":"$request"}`, "json", `{"t":"1.5","s":009,"r":""}`, "1500000 9"},
		{"nginx's escapes in what looks like JSON", `{"t":"$msec","s":"$status","r":"$request"}`, "", `{"t":"1.5","s":"200","r":"GET /px?a=\x22b\x5C"}`, `1500000 200 method=GET uri=/px?a="b\`},
		{"the same, said", `{"t":"$msec","s":"$status","r":"$request"}`, "default", `{"t":"1.5","s":"200","r":"GET /px?a=\x22b\x5C"}`, `1500000 200 method=GET uri=/px?a="b\`},
		{"no JSON and not the text", `{"t":"$msec","s":"$status","r":"$request"}`, "", `{"t":"1.5","s":"200","r":"GET /px`, malformed},
	} {
		s := Spec{Format: c.format, Escape: c.escape}
		if c.format == "cloudfront" {
			s.Escape = ""
		}
		f, err := New(s)
		if err != nil {
			t.Errorf("%s, %s: %v", c.format, c.name, err)
			continue
		}
		if c.format == "cloudfront" && !f.Header([]byte(c.escape)) {
			t.Errorf("%s: %s is no header", c.name, c.escape)
		}
		var r Request
		got := malformed
		if err := f.Parse([]byte(c.line), &r); err == nil {
			got = short(&r)
		} else if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s, %s: %v", c.format, c.name, err)
		}
		if got != c.want {
			t.Errorf("%s, %s:\ngot  %s\nwant %s", c.format, c.name, got, c.want)
		}
	}
}

func TestHeaderLines(t *testing.T) {
	for line, want := range map[string]bool{"#Version: 1.0": true, "#Fields: a b": true, "#Fields:": true, "#Date: 2026": false, "# comment": false, "": false, "#": false, " #Fields: a": false} {
		if got := IsHeader([]byte(line)); got != want {
			t.Errorf("%q is a header: %v", line, got)
		}
	}
	for _, name := range Names() {
		f, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Header([]byte("#Fields: date time")); got != (name == "cloudfront") {
			t.Errorf("%s: #Fields is a header: %v", name, got)
		}
	}
}

func TestLogFormatsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct{ format, escape, want string }{
		{`$msec "$request"`, "", "the log_format lacks $status"},
		{`"$request" $status`, "", "lacks $msec, $time_iso8601 or $time_local"},
		{`$msec $status`, "", "lacks $request, or $request_uri with $request_method"},
		{`$msec $status $request_uri`, "", "$request_method beside $request_uri"},
		{`$msec $status $uri $request_method`, "", "lacks $request, or"},
		{`$status$request $msec`, "", "$status and $request of the log_format touch"},
		{`$status $host$request $msec`, "", "$host and $request of the log_format touch"},
		{`$status $request_id$host$request_uri $request_method $msec`, "", "$request_id and $host of the log_format touch"},
		{`$msec $status $request $`, "", "names no variable"},
		{`$msec $status $request ${a`, "", "names no variable"},
		{"$msec $status\n$request", "", "a line end inside"},
		{`$msec $status $request`, "xml", `escape is "xml"`},
		{`log_format x escape=xml '$msec $status $request';`, "", "escape=xml"},
		{`log_format x '$msec $status $request;`, "", "is not closed"},
		{`log_format x '$msec $status $request'; log_format y '';`, "", "follows the log_format's semicolon"},
		{`log_format x;`, "", "lacks $msec"},
		{`iis`, "", `no log format "iis"`},
		{``, "", `no log format ""`},
	} {
		_, err := New(Spec{Format: c.format, Escape: c.escape})
		var wrong *SpecError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) || wrong.Allowed == "" {
			t.Errorf("%q: got %v, want %q", c.format, err, c.want)
		}
	}
}
