package edge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
	"pixledger/schemas"
)

// The edges of docs/edge-cdn.md answer as nginx does: each is asked what stands
// in cdn/testdata/answers.json, and so is nginx.

// question is one request, and what every edge answers to it.
type question struct {
	Ask     string            // "GET /px?id=1"
	Headers map[string]string // {uid} in one is a cookie's value that the edge takes

	// Answer is "200 gif", "200 script", "204", "204 preflight", "404", "405" or "302
	// LOCATION"; {id} in a location is the request's id as it is logged. Of what is no
	// event it is "200 ok", "200 opt-out", "200 opt-in", "405 own" or "503 own".
	Answer string

	Script []string          // what the script holds, where it is not the empty one
	UID    string            // new, known, none or denied: the cookie; empty: new where it is an event for browsers
	Event  bool              // logged although it is 404
	Choice string            // out or in: what the page's cookies say; empty: it sets none
	Origin string            // whose script may see the answer; empty: nobody's
	Names  string            // the headers that a preflight allows
	But    map[string]string // what other answer or "uid UID" an edge gives, by its name; "-" leaves the question out
}

// reply is what an edge answered.
type reply struct {
	Status int
	Header http.Header
	Body   string
	ID     string // the request's, where the test chose it
}

// questions reads the table for one edge.
func questions(t testing.TB, edge string) []question {
	t.Helper()
	var table struct {
		Cases             []question
		Followed          [][2]string // redir, and the location
		Tokens            [][2]string // the same, with the token's macro in the redir and T for it in the location
		Attempts, Nowhere []string
	}
	b, err := os.ReadFile(filepath.Join("cdn", "testdata", "answers.json"))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&table); err != nil {
		t.Fatal(err)
	}
	var all []question
	for _, q := range table.Cases {
		if uid, ok := strings.CutPrefix(q.But[edge], "uid "); ok {
			q.UID = uid
		} else if but := q.But[edge]; but != "" {
			q.Answer = but
		}
		if q.Answer != "-" {
			all = append(all, q)
		}
	}
	for _, f := range table.Followed {
		for _, base := range []string{"/clktr?id=21378&redir=", "/clktrb?id=21378&token=x&redir=", "/imptr?id=2766&redir=", "/clktr?id=21381&redir="} {
			all = append(all, question{Ask: "GET " + base + f[0], Answer: "302 " + f[1]})
		}
		// On /px, redir is a parameter like any other, and ends with its '&'.
		if !strings.Contains(f[0], "&") {
			all = append(all, question{Ask: "GET /px?redir=" + f[0] + "&id=9012", Answer: "302 " + f[1]},
				question{Ask: "GET /px?redir=" + f[0] + "&code=checkout&member=958&t=1", Answer: "302 " + f[1]})
		}
	}
	for _, f := range table.Tokens {
		for _, base := range []string{"/clktr?id=21378&token=T&redir=", "/clktrb?token=T&id=21378&redir=", "/imptr?token=T&id=2766&redir="} {
			q := question{Ask: "GET " + base + f[0], Answer: "302 " + f[1]}
			if f[1] == "" { // not followed
				q.Answer = "302 https://shop.example/shoe?tok=T&x=1"
				if strings.HasPrefix(base, "/imptr") {
					q.Answer = "200 gif"
				}
			}
			all = append(all, q)
		}
	}
	evil := map[string]string{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
	for _, a := range table.Attempts {
		all = append(all, question{Ask: "GET /clktr?id=21378&token=T&redir=" + a, Answer: "302 https://shop.example/shoe?tok=T&x=1", Headers: evil})
		for _, base := range []string{"/px?id=9012&redir=", "/px?redir=", "/imptr?id=2766&redir=", "/imptr?redir=", "/clktr?id=999&redir=", "/seg?redir=", "/sspx?id=9012&redir=", "/pixie?redir=", "/nothing?redir="} {
			all = append(all, question{Ask: "GET " + base + a, Answer: "nowhere", Headers: evil})
		}
	}
	for _, target := range table.Nowhere {
		all = append(all, question{Ask: "GET " + target, Answer: "nowhere", Headers: evil})
	}
	return all
}

const knownUID = "fwAAAWWH7ABnUAAAAwMEAg=="

// lines gives the header lines of a question.
func (q question) lines() []string {
	lines := []string{"Content-Length: 0"}
	for name, value := range q.Headers {
		lines = append(lines, name+": "+strings.ReplaceAll(value, "{uid}", knownUID))
	}
	return lines
}

// quirks are what an edge does in its own way, without harm.
type quirks struct {
	secure  bool // the question came over TLS, or the edge can't tell
	deletes bool // deletes a cookie that came although its owner says no, where the log can't leave it out
}

// check compares a reply with its question, and gives the request's id where a
// location tells it.
func (q question) check(t *testing.T, r reply, k quirks) (id string) {
	t.Helper()
	says := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s %v: "+format, append([]any{q.Ask, q.Headers}, args...)...)
	}
	location := r.Header.Get("Location")
	if q.Answer == "nowhere" {
		if location != "" {
			says("%d %q", r.Status, location)
		}
		return ""
	}
	status, what, _ := strings.Cut(q.Answer, " ")
	if fmt.Sprint(r.Status) != status {
		says("%d, want %s", r.Status, q.Answer)
		return ""
	}
	contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch {
	case status == "302":
		before, after, tells := strings.Cut(what, "{id}")
		if tells && strings.HasPrefix(location, before) && strings.HasSuffix(location, after) && len(location) >= len(what)-len("{id}") {
			id = location[len(before) : len(location)-len(after)]
			if r.ID != "" && id != r.ID {
				says("the token is %q, the request's id %q", id, r.ID)
			}
		} else if location != what {
			says("Location %q, want %q", location, what)
		}
	case location != "":
		says("Location %q", location)
	case what == "gif":
		if contentType != "image/gif" || r.Body != transparentGIF {
			says("%s %q", contentType, r.Body)
		}
	case what == "script":
		if contentType != "application/javascript" {
			says("%s", contentType)
		}
		if q.Script == nil && r.Body != "void 0;\n" {
			says("script %q", r.Body)
		}
		for _, s := range q.Script {
			if !strings.Contains(r.Body, s) || !strings.HasPrefix(r.Body, "(function(d){") || !strings.HasSuffix(r.Body, "})(document);\n") {
				says("script %q, want %q in it", r.Body, s)
			}
		}
	case what == "opt-out" || what == "opt-in":
		q.checkPage(says, r, what+".html")
	case what == "ok" && !strings.HasPrefix(q.Ask, "HEAD ") && r.Body != "ok\n", status == "204" && r.Body != "":
		says("body %q", r.Body)
	case what == "preflight":
		for name, want := range map[string]string{"Methods": "GET, POST", "Headers": q.Names} {
			if got := r.Header.Get("Access-Control-Allow-" + name); got != want {
				says("allows the %s %q, want %q", name, got, want)
			}
		}
		if age := r.Header.Get("Access-Control-Max-Age"); age != "86400" {
			says("Access-Control-Max-Age %q", age)
		}
	case status == "405" && r.Header.Get("Allow") != map[string]string{"": "GET, POST", "own": "GET, HEAD, POST"}[what]:
		says("Allow %q", r.Header.Get("Allow"))
	}
	q.checkSharing(says, r)
	if cc := r.Header.Values("Cache-Control"); (status != "404" || q.Event) && !slices.Equal(cc, []string{"no-store"}) {
		says("Cache-Control %q", cc)
	}
	q.checkCookie(says, r, k)
	return id
}

// own tells whether the answer is one of the edge's own, which are no events.
func (q question) own() bool {
	_, what, _ := strings.Cut(q.Answer, " ")
	return slices.Contains([]string{"ok", "own", "opt-out", "opt-in"}, what)
}

// checkSharing looks at who may see the answer.
func (q question) checkSharing(says func(string, ...any), r reply) {
	want := map[string]string{"Access-Control-Allow-Origin": q.Origin, "Access-Control-Allow-Credentials": ""}
	if q.Origin != "" {
		want["Access-Control-Allow-Credentials"] = "true"
	}
	event := q.Event || !q.own() && !strings.HasPrefix(q.Answer, "404")
	if event || q.own() && q.Answer != "405 own" {
		want["X-Content-Type-Options"] = "nosniff"
	}
	if event {
		want["Vary"], want["Cross-Origin-Resource-Policy"] = "Origin", "cross-origin"
	}
	for name, value := range want {
		if got := strings.Join(r.Header.Values(name), "|"); got != value {
			says("%s %q, want %q", name, got, value)
		}
	}
}

// checkPage compares a page with its file.
func (q question) checkPage(says func(string, ...any), r reply, name string) {
	page, err := os.ReadFile(filepath.Join("pages", name))
	if err != nil {
		says("%v", err)
	}
	if r.Body != string(page) && !(r.Body == "" && strings.HasPrefix(q.Ask, "HEAD ")) {
		says("not pages/%s: %q", name, r.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
	} {
		if got := r.Header.Get(name); !strings.EqualFold(got, want) {
			says("%s %q, want %q", name, got, want)
		}
	}
}

func (q question) uid() string {
	switch {
	case q.UID != "":
		return q.UID
	case q.own() || q.Answer == "nowhere" || strings.HasPrefix(q.Answer, "4") || strings.HasPrefix(q.Answer, "204"):
		return "none"
	}
	return "new"
}

func (q question) checkCookie(says func(string, ...any), r reply, k quirks) {
	set := r.Header.Values("Set-Cookie")
	lower := strings.ToLower(strings.Join(set, "\n"))
	switch uid := q.uid(); {
	case q.Choice != "":
		q.checkChoice(says, set, k)
	case uid == "denied" && k.deletes:
		if len(set) != 1 || !strings.HasPrefix(lower, "uid=deleted; ") || !strings.Contains(lower, "path=/; secure; samesite=none; max-age=0") {
			says("a cookie of who says no: set %q, want it deleted", set)
		}
	case uid != "new" && len(set) > 0:
		says("%s: set %q", uid, set)
	case uid == "new":
		if len(set) != 1 || !strings.HasPrefix(lower, "uid=") || strings.HasPrefix(lower, "uid=deleted") || !strings.Contains(lower, "path=/") ||
			strings.Contains(lower, "secure") != k.secure || strings.Contains(lower, "samesite=none") != k.secure ||
			!strings.Contains(lower, "max-age=31536000") && !strings.Contains(lower, "expires=") {
			says("set %q", set)
		}
	}
}

// checkChoice looks at the cookies of who opts out or in.
func (q question) checkChoice(says func(string, ...any), set []string, k quirks) {
	want := map[string][]string{"out": {"pixledger_optout=1; max-age=157680000", "uid=; max-age=0"}, "in": {"pixledger_optout=; max-age=0"}}[q.Choice]
	var got []string
	for _, text := range set {
		c, err := http.ParseSetCookie(text)
		if err != nil {
			says("set %q: %v", text, err)
			continue
		}
		if c.Path != "/" || c.Secure != k.secure || (c.SameSite == http.SameSiteNoneMode) != k.secure {
			says("set %q", text)
		}
		if c.MaxAge < 0 { // how the library writes an age of 0
			c.MaxAge = 0
			if c.Value == "deleted" {
				c.Value = ""
			}
		}
		got = append(got, fmt.Sprintf("%s=%s; max-age=%d", c.Name, c.Value, c.MaxAge))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		says("set %q, want %q", set, want)
	}
}

// askAll sends the questions to an HTTP server; extra gives header lines of
// each, and the id that the server will know it by.
func askAll(t *testing.T, addr string, all []question, extra func(n int) (id string, lines []string)) []reply {
	t.Helper()
	replies := make([]reply, 0, len(all))
	for n, q := range all {
		method, target, _ := strings.Cut(q.Ask, " ")
		lines, id := q.lines(), ""
		if extra != nil {
			var more []string
			id, more = extra(n)
			lines = append(lines, more...)
		}
		resp, body := send(t, &edgetest.Server{Addr: addr}, method, target, lines...)
		replies = append(replies, reply{Status: resp.StatusCode, Header: resp.Header, Body: body, ID: id})
	}
	return replies
}

// cdnCatalog is the catalog of the table.
func cdnCatalog(t testing.TB) *schemas.Catalog {
	t.Helper()
	cat, _, err := schemas.LoadCatalog(filepath.Join("cdn", "testdata", "catalog.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// The table says what nginx answers.
func TestNginxAnswersTheTable(t *testing.T) {
	s := edgetest.Start(t, printed(t, cdnCatalog(t)))
	all := questions(t, "nginx")
	for n, r := range askAll(t, s.Addr, all, nil) {
		all[n].check(t, r, quirks{})
	}
}

// What the documents show of a file, between a "<!-- file NAME -->" and the next
// fence's end, is that file of the folder cdn, whole: what is pasted is what was
// tested.
func TestDocumentsShowTheFiles(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "..", "docs", "edge", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	paths = append(paths, filepath.Join("..", "..", "docs", "edge-cdn.md"))
	shown := map[string]bool{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(b), "<!-- file ")[1:] {
			name, rest, _ := strings.Cut(part, " -->\n")
			_, block, fenced := strings.Cut(rest, "```")
			_, block, _ = strings.Cut(block, "\n")
			block, _, closed := strings.Cut(block, "\n```\n")
			if !fenced || !closed {
				t.Errorf("%s: no fence behind file %s", path, name)
				continue
			}
			want, err := os.ReadFile(filepath.Join("cdn", name))
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			if block+"\n" != string(want) {
				t.Errorf("%s: the block is not ingest/edge/cdn/%s", path, name)
			}
			shown[name] = true
		}
	}
	files, err := os.ReadDir("cdn")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !f.IsDir() && !shown[f.Name()] {
			t.Errorf("ingest/edge/cdn/%s stands in no document", f.Name())
		}
	}
}
