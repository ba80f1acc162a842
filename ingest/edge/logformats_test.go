package edge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
	"pixledger/ingest/parse"
)

// logFormats are directives as they stand in people's nginx.conf.
var logFormats = []string{
	`log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';`,
	`log_format nested escape=json '{"@timestamp":"$time_iso8601","msec":$msec,"req":{"line":"$request","bytes":$request_length},'
		'"status":$status,"upstream":"$upstream_response_time","ref":"$http_referer","ua":"$http_user_agent","id":"$request_id",'   # who
		'"ip":"$remote_addr","host":"$host","got":"$uid_got","set":"$uid_set","gpc":"$http_sec_gpc","jar":"$http_cookie"}';`,
	`log_format flat escape=json "{ \"t\": \"$msec\", \"m\": \"$request_method\", \"u\": \"$request_uri\", \"s\": $status, \"r\": \"$http_referer\", \"a\": \"$http_user_agent\", "
		'"up": "$upstream_addr", "ip": "$remote_addr", "h": "$host", "got": "$uid_got", "set": "$uid_set", "id": "$request_id", "g": "$http_sec_gpc" }';`,
	`log_format tabbed escape=none '$msec\t$request_id\t$remote_addr\t${request_method}\t${request_uri}\t$status\t$http_referer\t$http_user_agent\t$uid_got\t$uid_set\t$http_sec_gpc\t$host\t';`,
	`log_format bare $time_iso8601|$status|$request|$http_user_agent|$remote_addr;`,
	`log_format brace '{"t":"$msec","r":"$request","s":"$status","a":"$http_user_agent","f":"$http_referer"}';`,
}

// What the real nginx writes by a log_format is read by the same text: each
// line says what the line of the format pixledger says.
func TestNginxWritesWhatItsLogFormatReads(t *testing.T) {
	conf := printed(t, catalog())
	dir := edgetest.Dir(t)
	accessLog := regexp.MustCompile(`(?m)^(\s*)access_log "[^"]+" pixledger;`)
	if !accessLog.MatchString(conf) {
		t.Fatalf("no access_log in\n%s", conf)
	}
	more := ""
	for i, f := range logFormats {
		more += fmt.Sprintf("\n        access_log %q %s;", filepath.Join(dir, fmt.Sprint(i)), strings.Fields(f)[1])
	}
	conf = accessLog.ReplaceAllStringFunc(conf, func(s string) string { return s + more })
	conf = strings.Replace(conf, "\nhttp {\n", "\nhttp {\n"+strings.Join(logFormats, "\n")+"\n", 1)
	s := edgetest.Start(t, conf)

	n := 0
	for _, target := range []string{"/px?id=9012", "/a%20b/px?id=9012&order_id=%22A%5CB%22", `/imptr?id=2766&x="q"&y=\z&z='s'`, "/px?other=caf\xc3\xa9|[1]", "/px?other=\xff\xfe", "/clktr?id=999", "/px?a={b}#c"} {
		for _, headers := range [][]string{
			{"User-Agent: Mozilla/5.0 (X11; Linux)", "Referer: https://shop.example/?q=%22"},
			{`User-Agent: a "quoted\" one \x22 [x] ] "`, `Referer: https://x.example/"a"\`, "Sec-GPC: 1"},
			{"User-Agent: \xe9\xff caf\xc3\xa9 | - ", "Cookie: uid=abc; sid=\"x\"; theme=a"},
			{"X-Forwarded-For: 1.2.3.4, \"5\"", "Authorization: Basic YSBbYl0gYzp4"}, // a [b] c
		} {
			send(t, s, "GET", strings.Replace(target, "?", fmt.Sprintf("?n=%d&", n), 1), headers...)
			n++
		}
	}
	s.Stop()
	lines := s.Lines(n)
	if len(lines) != n {
		t.Fatalf("%d lines of %d requests", len(lines), n)
	}
	// Workers of nginx write beside each other, each log in an order of its own.
	number := regexp.MustCompile(`\?n=(\d+)&`)
	by := map[string]string{}
	for _, line := range lines {
		by[number.FindString(line)] = line
	}
	for i, text := range logFormats {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		k, err := parse.Spec{Format: text}.Kind()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		f := k.New(parse.UserID{})
		at := 0
		for line := range strings.Lines(string(b)) {
			var want, got parse.Request
			same := by[number.FindString(line)]
			if err := (parse.Pixledger{}).Parse([]byte(same), &want); err != nil {
				t.Fatalf("%v: %s", err, same)
			}
			if err := f.Parse([]byte(strings.TrimSuffix(line, "\n")), &got); err != nil {
				t.Errorf("%s: %v: %s", text, err, line)
			}
			for part, fields := range map[parse.Part][2]*[]byte{
				parse.PartID: {&got.ID, &want.ID}, parse.PartHost: {&got.Host, &want.Host}, parse.PartGPC: {&got.GPC, &want.GPC}, parse.PartReferer: {&got.Referer, &want.Referer},
				parse.PartAgent: {&got.UserAgent, &want.UserAgent}, parse.PartUser: {&got.UIDGot, &want.UIDGot}, parse.PartFirstUser: {&got.UIDSet, &want.UIDSet}, 0: {&got.IP, &want.IP},
			} {
				if k.Lacks&part == 0 && string(*fields[0]) != string(*fields[1]) && !(i == 5 && part == 0) {
					t.Errorf("%s: part %d is %q, want %q: %s", text, part, *fields[0], *fields[1], line)
				}
			}
			late := want.Time - got.Time
			if k.Lacks&parse.PartMillis != 0 {
				late -= want.Time % 1_000_000
			}
			if string(got.URI) != string(want.URI) || string(got.Method) != string(want.Method) || got.Status != want.Status || late != 0 {
				t.Errorf("%s: %s %s %d, %d µs late: %s", text, got.Method, got.URI, got.Status, late, line)
			}
			at++
		}
		if at != n {
			t.Errorf("%s: %d lines of %d", text, at, n)
		}
	}
}
