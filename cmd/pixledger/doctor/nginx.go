package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	crossplane "github.com/nginxinc/nginx-go-crossplane"

	"pixledger/ingest/parse"
)

// accessLog is an access_log directive with what holds where it stands.
type accessLog struct {
	path, format        string
	buffer, flush, flag string // flag: of if=
	gzip                bool
	userid              string // the userid directive in force; "" for none
	file                string
	line                int
	domain              string // of userid_domain
}

func (l *accessLog) at() string { return fmt.Sprintf("%s:%d", l.file, l.line) }

// logFormat is a log_format directive.
type logFormat struct{ escape, text string }

// nginxConf is what of nginx's configuration matters to its logs.
type nginxConf struct {
	logs      []accessLog
	formats   map[string]logFormat
	errorLogs []string
	anybody   []string // places of set_real_ip_from that trust everybody
}

// combined is nginx's built-in format.
const combined = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`

// Nginx reads nginx's configuration, and what it includes, and looks how the
// sources' logs are written. It does not ask nginx itself: nginx -t and -T open
// the logs that they check, and make those that are not there, as the user that
// asks. asked says that somebody named the file; else it need not be there.
func Nginx(r *Report, conf string, asked bool, logs []Log, cookieDomain string, now time.Time) {
	payload, err := crossplane.Parse(conf, &crossplane.ParseOptions{
		StopParsingOnError: true, CombineConfigs: true,
		// nginx -t knows every module's directives; what is unknown here is no mistake.
		SkipDirectiveContextCheck: true, SkipDirectiveArgsCheck: true,
	})
	switch {
	case errors.Is(err, fs.ErrNotExist) && !asked:
		if _, statErr := os.Lstat(conf); errors.Is(statErr, fs.ErrNotExist) {
			return // nginx runs elsewhere
		}
	case errors.Is(err, fs.ErrPermission):
		r.Warn("nginx", "let this user read it and what it includes, or run doctor as root; --nginx-conf names another file", "nginx's configuration was not looked at: %v", err)
		return
	}
	if err != nil {
		r.Warn("nginx", "mend what it names (`nginx -t` says the same), or name nginx's configuration with --nginx-conf", "nginx's configuration can't be read: %v", err)
		return
	}
	c := nginxConf{formats: map[string]logFormat{"combined": {text: combined}}}
	for _, f := range payload.Config {
		c.walk(f.Parsed, accessLog{})
	}
	found := false
	for _, l := range logs {
		found = c.source(r, &l, cookieDomain) || found
	}
	if !found && len(logs) > 0 {
		c.none(r, conf, asked)
	}
	for _, at := range c.anybody {
		r.Problem("nginx", "name the addresses of your own proxies: edge.trusted_proxies", "%s: set_real_ip_from trusts everybody: any browser can write another's address into the log", at)
	}
	c.errors(r, now)
}

// walk gathers directives. What a block says of the user id holds in the blocks
// within it that say nothing.
func (c *nginxConf) walk(block crossplane.Directives, in accessLog) {
	for _, d := range block {
		switch {
		case len(d.Args) == 0:
		case d.Directive == "userid":
			in.userid = d.Args[0]
		case d.Directive == "userid_domain":
			in.domain = d.Args[0]
		}
	}
	for _, d := range block {
		if d.IsBlock() {
			c.walk(d.Block, in)
			continue
		}
		if len(d.Args) == 0 {
			continue
		}
		switch d.Directive {
		case "log_format":
			f, parts := logFormat{}, d.Args[1:]
			if len(parts) > 0 {
				if escape, ok := strings.CutPrefix(parts[0], "escape="); ok {
					f.escape, parts = escape, parts[1:]
				}
			}
			f.text = strings.Join(parts, "")
			c.formats[d.Args[0]] = f
		case "error_log":
			if filepath.IsAbs(d.Args[0]) && !slices.Contains(c.errorLogs, d.Args[0]) {
				c.errorLogs = append(c.errorLogs, d.Args[0])
			}
		case "set_real_ip_from":
			if strings.HasSuffix(d.Args[0], "/0") {
				c.anybody = append(c.anybody, fmt.Sprintf("%s:%d", d.File, d.Line))
			}
		case "access_log":
			if d.Args[0] != "off" && !strings.HasPrefix(d.Args[0], "syslog:") {
				c.logs = append(c.logs, newAccessLog(d, in))
			}
		}
	}
}

func newAccessLog(d *crossplane.Directive, in accessLog) accessLog {
	l := in
	l.path, l.format, l.file, l.line = filepath.Clean(d.Args[0]), "combined", d.File, d.Line
	for i, arg := range d.Args[1:] {
		key, value, option := strings.Cut(arg, "=")
		switch {
		case key == "gzip":
			l.gzip = true
		case !option && i == 0:
			l.format = arg
		case key == "buffer":
			l.buffer = value
		case key == "flush":
			l.flush = value
		case key == "if":
			l.flag = value
		}
	}
	return l
}

// source looks at how one log is written, and tells whether it is.
func (c *nginxConf) source(r *Report, log *Log, cookieDomain string) bool {
	check := "nginx " + log.Source
	var users, judged []string
	wrote, otherDomain, sound := "", "", true
	carried := false // the format is one that nginx's user ids stand in
	for i := range c.logs {
		l := &c.logs[i]
		if l.path != filepath.Clean(log.Path) {
			continue
		}
		if l.userid == "on" || l.userid == "v1" {
			users = append(users, l.at())
			if otherDomain == "" && l.domain != "" && l.domain != "none" && cookieDomain != "" && !sameDomain(l.domain, cookieDomain) {
				otherDomain = fmt.Sprintf("%s: userid_domain is %s there", l.at(), l.domain)
			}
		}
		if wrote == "" {
			wrote = l.at()
		}
		carried = carried || userIDs.MatchString(c.formats[l.format].text)
		// Many locations log alike: once is said.
		like := strings.Join([]string{l.format, l.buffer, l.flush, l.flag, fmt.Sprint(l.gzip)}, " ")
		if !slices.Contains(judged, like) {
			judged = append(judged, like)
			sound = c.judge(r, check, log, l) && sound
		}
	}
	if wrote == "" {
		return false
	}
	if len(users) == 0 && !log.UserIDs && carried {
		sound = false
		r.Warn(check, "set `userid on;` where the pixels are answered, or user_id: in the source", "%s: nginx's userid is on nowhere where %s is written: events get no user id", wrote, log.Path)
	}
	if otherDomain != "" {
		sound = false
		r.Warn(check, "let both be the same, best by writing the file with `pixledger edge nginx`", "%s, and edge.cookie_domain is %s", otherDomain, cookieDomain)
	}
	if sound {
		r.OK(check, "%s: nginx writes %s as it is read", wrote, log.Path)
	}
	return true
}

func sameDomain(a, b string) bool {
	return strings.EqualFold(strings.TrimPrefix(a, "."), strings.TrimPrefix(b, "."))
}

// judge looks at one way in which a log is written.
func (c *nginxConf) judge(r *Report, check string, log *Log, l *accessLog) (sound bool) {
	sound = true
	warn := func(remedy, format string, args ...any) {
		sound = false
		r.Warn(check, remedy, l.at()+": "+format, args...)
	}
	problem := func(remedy, format string, args ...any) {
		sound = false
		r.Problem(check, remedy, l.at()+": "+format, args...)
	}
	f, ok := c.formats[l.format]
	if !ok {
		problem("define it, or use the one that `pixledger edge nginx` prints", "there is no log_format %s", l.format)
		return sound
	}
	written, err := parse.Detect([]byte(f.sample()))
	switch {
	case f.escape == "none":
		problem("escape=json for a format in JSON, escape=default for all others", "the log_format %s has escape=none: a browser can end a line and write another", l.format)
	case parse.IsLiteral(log.Format) && !fits(log.Format, f.sample()):
		problem("paste the log_format as it stands there as the source's format:", "lines of the log_format %s do not fit the source's format", l.format)
	case parse.IsLiteral(log.Format):
	case err != nil:
		problem("paste the log_format as the source's format:, or use the log_format that `pixledger edge nginx` prints, or nginx's combined", "lines of the log_format %s are of none of the formats %s", l.format, strings.Join(parse.Names(), ", "))
	case log.Format != "" && written.Name() != log.Format:
		problem("set format: "+written.Name()+" for the source, or let nginx write "+log.Format, "the log_format %s is read as %s, and the source's format is %s", l.format, written.Name(), log.Format)
	case written.Name() == "combined" && !log.UserIDs:
		warn("let nginx write the format pixledger, as `pixledger edge nginx` prints it, or set user_id: {param: NAME} for the source", "the format combined carries no cookies: events get no user id")
	case written.Name() == "pixledger" && !log.UserIDs && !userIDs.MatchString(f.text):
		warn(`add "uid_got":"$uid_got","uid_set":"$uid_set" to it`, "the log_format %s has neither $uid_got nor $uid_set: events get no user id", l.format)
	}
	if l.gzip {
		problem("leave gzip out; logrotate's compress does it after rotation", "the log is written compressed, and can't be followed")
	}
	if l.buffer != "" && l.flush == "" {
		warn("add flush=5s, or leave buffer= out", "buffer=%s without flush=: lines wait in nginx for as long as it takes to fill it, and are lost when it is killed", l.buffer)
	}
	if l.flag != "" {
		warn("log all requests of the pixels there; ingest counts apart what is no event", "if=%s leaves requests out of the log", l.flag)
	}
	return sound
}

var (
	userIDs  = regexp.MustCompile(`\$\{?(uid_got|uid_set)\b`)
	variable = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)
)

// sampleValues are those of a request for a pixel; all others are empty.
var sampleValues = map[string]string{
	"msec": "1767225600.123", "time_iso8601": "2026-01-01T00:00:00+00:00", "time_local": "01/Jan/2026:00:00:00 +0000",
	"request": "GET /px?id=1&t=2 HTTP/1.1", "request_uri": "/px?id=1&t=2", "uri": "/px", "args": "id=1&t=2", "query_string": "id=1&t=2",
	"request_method": "GET", "status": "200", "body_bytes_sent": "43", "bytes_sent": "343", "remote_addr": "192.0.2.1", "realip_remote_addr": "192.0.2.1",
	"host": "px.example", "http_host": "px.example", "server_name": "px.example", "request_id": "0123456789abcdef0123456789abcdef",
	"http_user_agent": "Mozilla/5.0", "http_referer": "https://shop.example/", "scheme": "https", "server_protocol": "HTTP/1.1",
	"request_time": "0.000", "request_length": "100", "pid": "1", "connection": "1", "connection_requests": "1",
}

// sample is a line that nginx would write for a pixel.
func (f logFormat) sample() string {
	return variable.ReplaceAllStringFunc(f.text, func(v string) string {
		value, ok := sampleValues[strings.Trim(v, "${}")]
		if !ok && f.escape != "json" {
			return "-"
		}
		return value
	}) + "\n"
}

// fits tells whether a line is one of a log_format, with what an event needs.
func fits(format, line string) bool {
	f, err := parse.New(parse.Spec{Format: format})
	return err == nil && parse.Fitting(f, []byte(strings.TrimSuffix(line, "\n"))) == 1
}

// none says that no source's log is written.
func (c *nginxConf) none(r *Report, conf string, asked bool) {
	var paths []string
	for _, l := range c.logs {
		if !slices.Contains(paths, l.path) {
			paths = append(paths, l.path)
		}
	}
	wrote := "it writes no access log"
	if len(paths) > 0 {
		wrote = "it writes " + strings.Join(paths[:min(len(paths), 3)], ", ")
	}
	if asked {
		r.Warn("nginx", "let edge.log and a source's path be the same, or name nginx's configuration with --nginx-conf", "%s writes no source's log: %s", conf, wrote)
		return
	}
	r.OK("nginx", "%s writes no source's log: %s", conf, wrote)
}

// errorTail is how much of the end of an error log is read.
const errorTail = 256 << 10

// errors looks into nginx's error log for lines that it could not write, which
// the access log itself does not show.
func (c *nginxConf) errors(r *Report, now time.Time) {
	for _, path := range c.errorLogs {
		f, err := os.Open(path)
		if err != nil {
			continue // its folder's permissions are looked at with the log's
		}
		fi, err := f.Stat()
		if err == nil && fi.Mode().IsRegular() {
			content, _ := io.ReadAll(io.NewSectionReader(f, max(0, fi.Size()-errorTail), errorTail))
			noRoom(r, path, content, now)
		}
		_ = f.Close() // it was read
	}
}

func noRoom(r *Report, path string, content []byte, now time.Time) {
	for line := range bytes.Lines(content) {
		if !bytes.Contains(line, []byte("No space left on device")) && !bytes.Contains(line, []byte("was incomplete")) {
			continue
		}
		if len(line) < 19 {
			continue
		}
		at, err := time.ParseInLocation("2006/01/02 15:04:05", string(line[:19]), time.Local)
		if err == nil && now.Sub(at) < 7*24*time.Hour {
			r.Warn("nginx", "make room on the disk of nginx's logs; what nginx could not write is lost", "%s: nginx had no room for its log at %s", path, at.UTC().Format("2006-01-02 15:04:05Z"))
			return
		}
	}
}
