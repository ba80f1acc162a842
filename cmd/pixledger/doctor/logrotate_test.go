package doctor

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stanza is how a log should be rotated, with LOG in its place.
const stanza = `LOG {
	daily
	rotate 30
	missingok
	compress
	delaycompress
	create 0640 root root
	postrotate
		[ ! -f /run/nginx.pid ] || kill -USR1 "$(cat /run/nginx.pid)"
	endscript
}
`

func TestLogrotate(t *testing.T) {
	const ok = "ok logrotate edge-1: $DIR/conf:"
	cases := []struct {
		name string
		conf string
		log  Log
		want []string
	}{
		{name: "as it should be", conf: stanza, want: []string{ok + "1: $DIR/pixel.log is rotated as it should be"}},
		{name: "not at all", conf: strings.ReplaceAll(stanza, "LOG", "/other.log")},
		{name: "by a glob, after comments", conf: "# all\nweekly\n" + strings.ReplaceAll(stanza, "LOG", "/no/such.log \"DIR/*.log\""), want: []string{ok + "3"}},
		{name: "copytruncate", conf: strings.Replace(stanza, "missingok", "copytruncate", 1), want: []string{"problem logrotate edge-1: $DIR/conf:1: copytruncate loses"}},
		{name: "copytruncate for all", conf: "copytruncate\n" + stanza, want: []string{"problem logrotate edge-1: $DIR/conf:2: copytruncate loses"}},
		{name: "but not here", conf: "copytruncate\n" + strings.Replace(stanza, "missingok", "nocopytruncate", 1), want: []string{ok}},
		{name: "kept for too short", conf: strings.Replace(stanza, "rotate 30", "rotate 3", 1), want: []string{"warning logrotate edge-1: $DIR/conf:1: rotated files of $DIR/pixel.log are kept for 3 days"}},
		{name: "weekly", conf: strings.Replace(strings.Replace(stanza, "rotate 30", "rotate 1", 1), "daily", "weekly", 1), want: []string{ok}},
		{name: "hourly", conf: strings.Replace(stanza, "daily", "hourly", 1), want: []string{"warning logrotate edge-1: $DIR/conf:1: rotated files of $DIR/pixel.log are kept for 1 day:"}},
		{name: "maxage", conf: strings.Replace(stanza, "missingok", "maxage 2", 1), want: []string{"warning logrotate edge-1: $DIR/conf:1: rotated files of $DIR/pixel.log are removed after 2 days"}},
		{name: "nobody tells nginx", conf: strings.Replace(stanza, "kill -USR1", "true", 1), want: []string{"warning logrotate edge-1: $DIR/conf:1: nobody tells nginx"}},
		{name: "compressed at once", conf: strings.Replace(stanza, "delaycompress", "nodelaycompress", 1), want: []string{"warning logrotate edge-1: $DIR/conf:1: $DIR/pixel.log is compressed at once"}},
		{name: "xz", conf: strings.Replace(stanza, "missingok", "compresscmd /usr/bin/xz", 1), want: []string{"warning logrotate edge-1: $DIR/conf:1: rotated files of $DIR/pixel.log are compressed by /usr/bin/xz"}},
		{name: "one name an hour", conf: "dateext\n" + strings.NewReplacer("daily", "hourly", "rotate 30", "rotate 720").Replace(stanza), want: []string{"warning logrotate edge-1: $DIR/conf:2: dateext gives"}},
		{name: "names with the hour", conf: "dateext\ndateformat -%Y%m%d%H\n" + strings.NewReplacer("daily", "hourly", "rotate 30", "rotate 720").Replace(stanza), want: []string{ok}},
		{name: "another folder", conf: strings.Replace(stanza, "missingok", "olddir /srv/old", 1), want: []string{"warning logrotate edge-1: $DIR/conf:1: rotated files of $DIR/pixel.log go to /srv/old"}},
		{name: "another folder, and the source knows", conf: strings.Replace(stanza, "missingok", "olddir /srv/old", 1), log: Log{Elsewhere: true}, want: []string{ok}},
		{name: "for its owner alone", conf: strings.Replace(stanza, "0640", "0600", 1), want: []string{"warning logrotate edge-1: $DIR/conf:1: the new $DIR/pixel.log is made with the mode 0600"}},
		{name: "twice", conf: stanza + stanza, want: []string{"warning logrotate edge-1: $DIR/pixel.log is rotated by $DIR/conf:1 and again by $DIR/conf:12", ok}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			log, conf := filepath.Join(dir, "pixel.log"), filepath.Join(dir, "conf")
			write(t, log, "a line\n")
			write(t, conf, strings.NewReplacer("LOG", log, "DIR", dir).Replace(c.conf))
			l := c.log
			l.Source, l.Path = "edge-1", log
			var r Report
			Logrotate(&r, conf, true, []Log{l})
			expect(t, &r, dir, c.want...)
			realLogrotate(t, dir, conf, log, len(c.want) > 0, c.name == "twice")
		})
	}
}

// realLogrotate compares what is thought of a configuration with what logrotate
// itself says: whether the log is one that it rotates, and whether it is twice.
func realLogrotate(t *testing.T, dir, conf, log string, covered, twice bool) {
	t.Helper()
	out, _ := exec.Command("logrotate", "-d", "-s", filepath.Join(dir, "status"), conf).CombinedOutput()
	if is := strings.Contains(string(out), "considering log "+log); is != covered && !strings.Contains(string(out), "olddir") {
		t.Errorf("logrotate rotates the log: %v\n%s", is, out)
	}
	if is := strings.Contains(string(out), "duplicate log entry"); is != twice {
		t.Errorf("logrotate sees the log twice: %v\n%s", is, out)
	}
}

// As Debian lays it out, with what a package manager leaves behind.
func TestLogrotateIncludes(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "pixel.log")
	write(t, filepath.Join(dir, "logrotate.conf"), "weekly\nrotate 1\ninclude "+filepath.Join(dir, "logrotate.d")+"\n")
	write(t, filepath.Join(dir, "logrotate.d", "nginx"), strings.ReplaceAll(stanza, "LOG", log))
	write(t, filepath.Join(dir, "logrotate.d", "nginx.dpkg-old"), strings.ReplaceAll(stanza, "LOG", log))
	logs := []Log{{Source: "edge-1", Path: log}}
	for _, conf := range []string{filepath.Join(dir, "logrotate.conf"), filepath.Join(dir, "logrotate.d")} {
		var r Report
		Logrotate(&r, conf, true, logs)
		expect(t, &r, dir, "ok logrotate edge-1: $DIR/logrotate.d/nginx:1: $DIR/pixel.log is rotated as it should be")
	}
	var r Report
	Logrotate(&r, filepath.Join(dir, "none"), false, logs)
	expect(t, &r, dir)
	Logrotate(&r, filepath.Join(dir, "none"), true, logs)
	expect(t, &r, dir, "warning logrotate: logrotate's configuration can't be read")
}
