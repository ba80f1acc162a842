package main

import (
	"fmt"
	"html"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/edge/edgetest"
)

// What docs/tutorial.md tells newcomers to type prints what it shows, on a
// terminal, beside a real nginx with the configuration that the page shows. People
// come by with the page's tags on three days; logrotate rotates in between.
func TestTutorial(t *testing.T) {
	path := filepath.Join(repository, "docs", "tutorial.md")
	text := readText(t, path)
	root := edgetest.Dir(t)
	shop := newTutorialShop(t, root, text)
	shop.day("2026-11-25", []visit{
		{"09:12:04", "Ann", "imptr", ""},
		{"09:12:31", "Ann", "clktr", ""},
		{"10:05:12", "Bob", "imptr", ""},
		{"11:40:00", "Googlebot", "imptr", ""},
		{"14:22:48", "Eve", "imptr", ""},
		{"14:22:49", "Eve", "/favicon.ico", ""},
	})
	shop.rotate()
	shop.day("2026-11-26", []visit{
		{"08:40:17", "Ann", "px", ""},
		{"08:41:02", "Ann", "px", ""},
		{"09:30:45", "Bob", "px", "id=9012&order_id=A-1002&value=45.00"},
		{"11:15:20", "Cleo", "px", "id=9012&order_id=A-1003&value=59.00"},
		{"13:03:11", "Dan", "px", "id=9013&order_id=A-1004&value=0"},
		{"16:20:00", "Fay", "imptr", ""},
		{"16:21:30", "Fay", "clktr", ""},
	})
	shop.rotate()
	shop.day("2026-11-27", []visit{
		{"07:50:09", "Fay", "px", "id=9012&order_id=A-1005&value=120.00"},
		{"08:05:33", "Eve", "imptr", ""},
	})

	linkProgram(t, filepath.Join(root, "bin"))
	home := filepath.Join(root, "home", "you")
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	g := guide{t: t, dir: home, root: root, path: filepath.Join(root, "bin") + ":" + os.Getenv("PATH"), screen: 80}
	w := &daemonWorld{&daemonProcess{program: program{t: t}}, edgetest.Addr(t)}
	t.Cleanup(w.end)
	g.daemon = func() {
		w.dir = g.dir
		write(t, w.path("pixledger.yaml"), readText(t, w.path("pixledger.yaml"))+fmt.Sprintf("console: {listen: %q}\n", w.address))
		w.start("--now", g.now)
	}
	got := g.run(text)
	if g.commands < 15 {
		t.Errorf("it shows %d command lines", g.commands)
	}
	keepsShowing(t, path, text, got)
	if found, _ := w.page("/conversions?find=A-1001", http.StatusOK); !strings.Contains(found, "duplicate_order") {
		t.Errorf("the console does not find order A-1001:\n%s", found)
	}
	w.stop()
	for _, query := range fenced(text, "sql") {
		t.Chdir(g.dir)
		if rows := duckdbRows(t, query); rows != 7 {
			t.Errorf("%s\ngives %d rows", query, rows)
		}
	}
}

// visit is a request of somebody at a time of the day: for one of the tutorial's
// tags, with another query where there is one, or for another path.
type visit struct{ at, who, what, query string }

// tutorialShop is the nginx of the tutorial and the people who come by.
type tutorialShop struct {
	t       *testing.T
	nginx   *edgetest.Server
	dir     string            // of the logs
	conf    string            // of logrotate
	tags    map[string]string // by their path, with their query
	cookies map[string]string // by who has it
	people  []string          // in the order in which they first came
}

func newTutorialShop(t *testing.T, root, text string) *tutorialShop {
	t.Helper()
	s := &tutorialShop{t: t, dir: filepath.Join(root, "var/log/nginx"), conf: filepath.Join(root, "logrotate.conf"), tags: map[string]string{}, cookies: map[string]string{}}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	conf := strings.Join(fenced(text, "nginx"), "")
	for old, now := range map[string]string{"listen 80;": "listen " + edgetest.Addr(t) + ";", "/var/log/nginx": s.dir} {
		if strings.Count(conf, old) != 1 {
			t.Fatalf("the page's nginx.conf does not have %q once:\n%s", old, conf)
		}
		conf = strings.Replace(conf, old, now, 1)
	}
	s.nginx = edgetest.Start(t, fmt.Sprintf("worker_processes 1;\nerror_log \"%s/error.log\";\nevents {}\n%s", s.dir, conf))
	for _, m := range regexp.MustCompile(`"https://px\.network\.example(/(\w+)\?[^"]+)"`).FindAllStringSubmatch(strings.Join(fenced(text, "html"), ""), -1) {
		s.tags[m[2]] = html.UnescapeString(m[1])
	}
	// As Debian's package of nginx has it.
	write(t, s.conf, fmt.Sprintf("%s/*.log {\n daily\n missingok\n rotate 14\n compress\n delaycompress\n notifempty\n sharedscripts\n postrotate\n  kill -USR1 %d\n endscript\n}\n",
		s.dir, s.nginx.Pid()))
	return s
}

// lines are those of the log, but for the test's own.
func (s *tutorialShop) lines() []string {
	var out []string
	for line := range strings.Lines(readText(s.t, s.nginx.Log)) {
		if strings.HasSuffix(line, "\n") && !strings.Contains(line, " /wait ") {
			out = append(out, line)
		}
	}
	return out
}

// day has people come by. nginx's lines then get the times, addresses and users
// that they have in each run: the rest of them stays as nginx wrote it.
func (s *tutorialShop) day(date string, visits []visit) {
	s.t.Helper()
	for _, v := range visits {
		s.request(v)
	}
	waitFor(s.t, "nginx to log", func() bool { return len(s.lines()) >= len(visits) }, func() string { return strings.Join(s.lines(), "") })
	lines := s.lines()
	for i, v := range visits {
		at, err := time.Parse("2006-01-02 15:04:05", date+" "+v.at)
		if err != nil {
			s.t.Fatal(err)
		}
		n := slices.Index(s.people, v.who) + 1
		line := regexp.MustCompile(`^\S+`).ReplaceAllString(lines[i], fmt.Sprintf("203.0.113.%d", 10*n))
		line = regexp.MustCompile(`\[[^]]+\]`).ReplaceAllString(line, "["+at.Format("02/Jan/2006:15:04:05 -0700")+"]")
		lines[i] = regexp.MustCompile(`uid=[0-9A-F]{32}`).ReplaceAllString(line, fmt.Sprintf("uid=0A00000505B3256A2E1D0BC4%08X", 0x02030300+n))
	}
	write(s.t, s.nginx.Log, strings.Join(lines, ""))
}

// request asks nginx as a browser does that keeps its cookie.
func (s *tutorialShop) request(v visit) {
	s.t.Helper()
	path, isTag := s.tags[v.what]
	if !isTag {
		path = v.what
	}
	if v.query != "" {
		path = "/" + v.what + "?" + v.query + "&t=2"
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.nginx.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	agent, page := "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "https://news.example/today"
	if v.who == "Googlebot" {
		agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
	}
	if v.what == "px" {
		page = "https://www.shop.example/thank-you"
	}
	r.Header.Set("User-Agent", agent)
	r.Header.Set("Referer", page)
	if cookie := s.cookies[v.who]; cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	answer.Body.Close()
	if isTag && answer.StatusCode >= 400 {
		s.t.Fatalf("%s: %s", path, answer.Status)
	}
	if !slices.Contains(s.people, v.who) {
		s.people = append(s.people, v.who)
	}
	for _, c := range answer.Cookies() {
		s.cookies[v.who] = c.Name + "=" + c.Value
	}
}

// rotate lets logrotate rotate, and returns when nginx writes to the new file.
func (s *tutorialShop) rotate() {
	s.t.Helper()
	logrotate, err := exec.LookPath("logrotate")
	if err != nil {
		logrotate = "/usr/sbin/logrotate"
	}
	if out, err := exec.CommandContext(s.t.Context(), logrotate, "-f", "-s", s.conf+".status", s.conf).CombinedOutput(); err != nil {
		s.t.Fatalf("logrotate: %v\n%s", err, out)
	}
	waitFor(s.t, "nginx to open its log anew", func() bool {
		if answer, err := http.Get(s.nginx.URL + "/wait"); err == nil {
			answer.Body.Close()
		}
		fi, err := os.Stat(s.nginx.Log)
		return err == nil && fi.Size() > 0
	}, func() string { return "" })
	// What came meanwhile stands in either file.
	for _, name := range []string{s.nginx.Log + ".1", s.nginx.Log} {
		kept := slices.DeleteFunc(strings.SplitAfter(readText(s.t, name), "\n"), func(line string) bool { return strings.Contains(line, " /wait ") })
		write(s.t, name, strings.Join(kept, ""))
	}
}
