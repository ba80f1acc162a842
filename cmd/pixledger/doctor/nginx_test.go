package doctor

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/edge"
	"pixledger/ingest/edge/edgetest"
	"pixledger/ingest/parse"
	"pixledger/schemas"
)

var today = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// printed is nginx's configuration as `edge nginx` prints it, with its log in dir.
func printed(t *testing.T, dir string) string {
	t.Helper()
	var b bytes.Buffer
	cfg := edge.Config{Host: "px.example", Listen: "80", Log: filepath.Join(dir, "pixel.log"), CookieDomain: "example", TrustedProxies: []string{"10.0.0.0/8"}, RealIPHeader: "X-Forwarded-For"}
	if err := edge.Nginx(&b, cfg, &schemas.Catalog{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What the program itself prints has nothing to be mended, and each thing that is
// done to it is found.
func TestNginxConfiguration(t *testing.T) {
	const ok = "ok nginx edge-1: $DIR/nginx.conf:"
	cases := []struct {
		name     string
		old, new string // in the printed configuration, everywhere
		log      Log
		cookie   string
		want     []string
	}{
		{name: "as printed", want: []string{ok}},
		{name: "the cookie's domain", cookie: "shop.example", want: []string{"warning nginx edge-1: $DIR/nginx.conf:"}},
		{name: "escape", old: "escape=json", new: "escape=none", want: []string{"problem nginx edge-1: $DIR/nginx.conf:"}},
		{name: "another format", old: "pixel.log\" pixledger;", new: "pixel.log\";", want: []string{"problem nginx edge-1: $DIR/nginx.conf:"}},
		{name: "no such format", old: "pixel.log\" pixledger;", new: "pixel.log\" mine;", want: []string{"problem nginx edge-1: $DIR/nginx.conf:"}},
		{name: "no format of ours", old: `"time":"$msec"`, new: `"at":"$msec"`, want: []string{"problem nginx edge-1: $DIR/nginx.conf:"}},
		{name: "no id in the format", old: `"uid_got":"$uid_got","uid_set":"$uid_set",`, new: "", want: []string{"warning nginx edge-1: $DIR/nginx.conf:"}},
		{name: "ids from elsewhere", old: `"uid_got":"$uid_got","uid_set":"$uid_set",`, new: "", log: Log{UserIDs: true}, want: []string{ok}},
		{name: "userid off", old: "userid on;", new: "userid off;", want: []string{"warning nginx edge-1: $DIR/nginx.conf:"}},
		{name: "buffered", old: "pixel.log\" pixledger;", new: "pixel.log\" pixledger buffer=64k;", want: []string{"warning nginx edge-1: $DIR/nginx.conf:"}},
		{name: "flushed", old: "pixel.log\" pixledger;", new: "pixel.log\" pixledger buffer=64k flush=5s;", want: []string{ok}},
		{name: "gzip", old: "pixel.log\" pixledger;", new: "pixel.log\" pixledger gzip flush=1m;", want: []string{"problem nginx edge-1: $DIR/nginx.conf:"}},
		{name: "a condition", old: "pixel.log\" pixledger;", new: "pixel.log\" pixledger if=$loggable;", want: []string{"warning nginx edge-1: $DIR/nginx.conf:"}},
		{name: "everybody is a proxy", old: "set_real_ip_from 10.0.0.0/8;", new: "set_real_ip_from 0.0.0.0/0;", want: []string{ok, "problem nginx: $DIR/nginx.conf:"}},
		{name: "another log", old: "pixel.log", new: "other.log", want: []string{"warning nginx: $DIR/nginx.conf writes no source's log: it writes $DIR/other.log"}},
		{name: "no nginx.conf", old: "events {", new: "events ", want: []string{"warning nginx: nginx's configuration can't be read: "}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			text := printed(t, dir)
			if c.old != "" && !strings.Contains(text, c.old) {
				t.Fatalf("the configuration has no %q", c.old)
			}
			if c.old != "" {
				text = strings.ReplaceAll(text, c.old, c.new)
			}
			conf := filepath.Join(dir, "nginx.conf")
			write(t, conf, text)
			log := c.log
			log.Source, log.Path, log.Format = "edge-1", filepath.Join(dir, "pixel.log"), "pixledger"
			cookie := c.cookie
			if cookie == "" {
				cookie = "example"
			}
			var r Report
			Nginx(&r, conf, true, []Log{log}, cookie, today)
			expect(t, &r, dir, c.want...)
		})
	}
}

// As Debian lays it out: a configuration that includes others, and a log in the
// format that every nginx has.
func TestNginxIncludes(t *testing.T) {
	dir := t.TempDir()
	conf, log := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "access.log")
	write(t, conf, "events {}\nerror_log "+dir+"/error.log;\nhttp {\n  userid on;\n  include sites-enabled/*;\n}\n")
	write(t, filepath.Join(dir, "sites-enabled/px"), "server {\n  access_log "+log+";\n  location / { return 204; }\n}\n")
	logs := []Log{{Source: "edge-2", Path: log, Format: "combined", UserIDs: true}, {Source: "edge-3", Path: "/srv/elsewhere.log"}}
	var r Report
	Nginx(&r, conf, false, logs, "", today)
	expect(t, &r, dir, "ok nginx edge-2: $DIR/sites-enabled/px:2: nginx writes $DIR/access.log as it is read")

	// nginx says in its error log what it could not write.
	write(t, filepath.Join(dir, "error.log"), "2026/11/26 03:00:00 [alert] 7#7: *1 write() to \""+log+"\" failed (28: No space left on device)\n")
	r = Report{}
	Nginx(&r, conf, false, logs, "", today)
	expect(t, &r, dir, "ok nginx edge-2", "warning nginx: $DIR/error.log: nginx had no room for its log at 2026-11-26")
	r = Report{}
	logs[0].UserIDs = false
	Nginx(&r, conf, false, logs, "", today.AddDate(0, 1, 0)) // long ago
	expect(t, &r, dir, "warning nginx edge-2: $DIR/sites-enabled/px:2: the format combined carries no cookies")
	logs[0].UserIDs = true
	r = Report{}
	Nginx(&r, conf, false, logs, "", today.AddDate(0, 1, 0))
	expect(t, &r, dir, "ok nginx edge-2")

	r = Report{}
	Nginx(&r, filepath.Join(dir, "none.conf"), false, logs, "", today)
	expect(t, &r, dir) // nginx runs elsewhere
	Nginx(&r, filepath.Join(dir, "none.conf"), true, logs, "", today)
	expect(t, &r, dir, "warning nginx: nginx's configuration can't be read: ")
}

// The line that a log_format is judged by is read like those that the real nginx
// writes of it.
func TestSampleLineIsReadLikeNginxs(t *testing.T) {
	formats := map[string]logFormat{
		"combined": {text: combined},
		"longer":   {text: combined + ` "$http_x_forwarded_for" $request_time`},
		"ids":      {text: combined + ` uid=$uid_got id=$request_id`},
		"none":     {text: `$remote_addr $status`},
		"json":     {escape: "json", text: `{"time":"$msec","method":"$request_method","uri":"$request_uri","status":"$status"}`},
		"odd":      {escape: "json", text: `{"at":"$msec","request":"$request"}`},
		"short":    {escape: "json", text: `{"time":"$msec","uri":"$request_uri"}`},
	}
	dir := edgetest.Dir(t)
	var conf bytes.Buffer
	main := filepath.Join(dir, "pixel.log")
	if err := edge.Nginx(&conf, edge.Config{Listen: edgetest.Addr(t), Log: main}, &schemas.Catalog{}); err != nil {
		t.Fatal(err)
	}
	logs, defined := fmt.Sprintf("access_log %q pixledger;", main), ""
	for name, f := range formats {
		if name != "combined" {
			escape := "default"
			if f.escape != "" {
				escape = f.escape
			}
			defined += fmt.Sprintf("log_format %s escape=%s '%s';\n", name, escape, f.text)
		}
		logs += fmt.Sprintf("\naccess_log %q %s;", filepath.Join(dir, name+".log"), name)
	}
	text := strings.ReplaceAll(conf.String(), fmt.Sprintf("access_log %q pixledger;", main), logs)
	s := edgetest.Start(t, strings.Replace(text, "access_log off;", defined+"access_log off;", 1))
	resp, err := http.Get(s.URL + "/px?id=9012&t=2")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s.Stop() // which writes what there is to write
	for name, f := range formats {
		line, err := os.ReadFile(filepath.Join(dir, name+".log"))
		if err != nil || len(line) == 0 {
			t.Fatalf("%s: nginx wrote %q: %v", name, line, err)
		}
		if is, made := detected(line), detected([]byte(f.sample())); is != made {
			t.Errorf("%s: nginx's line is %q, the sample %q\n%s%s", name, is, made, line, f.sample())
		}
	}
}

func detected(line []byte) string {
	f, err := parse.Detect(line)
	if err != nil {
		return "none"
	}
	return f.Name()
}

// A log_format that is the source's format is judged by itself.
func TestNginxAndAPastedLogFormat(t *testing.T) {
	dir := t.TempDir()
	conf, log := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "odd.log")
	const directive = `log_format odd '$time_iso8601|$host|$request_method|$request_uri|$status|' "$cookie_uid";`
	write(t, conf, "events {}\nhttp {\n  "+directive+"\n  server { access_log "+log+" odd; }\n}\n")
	for format, want := range map[string]string{
		directive: "ok nginx edge-4",
		"$time_iso8601|$host|$request_method|$request_uri|$status|${cookie_uid}":            "ok nginx edge-4",
		"$time_iso8601|$host|$request_method|$request_uri|$status|$cookie_uid|$remote_addr": "problem nginx edge-4: $DIR/nginx.conf:4: lines of the log_format odd do not fit the source's format",
		`{"t":"$msec","r":"$request","s":"$status"}`:                                        "problem nginx edge-4: $DIR/nginx.conf:4: lines of the log_format odd do not fit the source's format",
		"combined": "problem nginx edge-4: $DIR/nginx.conf:4: lines of the log_format odd are of none of the formats",
	} {
		var r Report
		Nginx(&r, conf, true, []Log{{Source: "edge-4", Path: log, Format: format, UserIDs: true}}, "", today)
		expect(t, &r, dir, want)
	}
}
