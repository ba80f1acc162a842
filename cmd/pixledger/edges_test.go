package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// edgesWorld are three edges and a centre, with one shared lake between them, and a
// lake that ingests the logs of all three.
type edgesWorld struct {
	t      *testing.T
	dir    string
	shared string // as the configuration names it
	lines  map[string]int
}

var edgeNames = []string{"edge-a", "edge-b", "edge-c"}

// The days of the traffic, and a time when all of them are published.
var edgesBegin = time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)

const edgesNow = "2026-11-14T12:00:00Z"

func newEdgesWorld(t *testing.T, shared string) *edgesWorld {
	w := &edgesWorld{t: t, dir: t.TempDir(), shared: shared, lines: map[string]int{}}
	if shared == "" {
		w.shared = "file:" + filepath.Join(w.dir, "shared")
	}
	one := "sources:\n"
	for _, e := range edgeNames {
		w.configure(e, fmt.Sprintf("sources: [{name: edge-1, path: ./pixel.log}]\npublish: {to: %q, edge: %s}", w.shared, e))
		one += fmt.Sprintf("  - {name: %s, path: ../%s/pixel.log}\n", e, e)
	}
	w.configure("one", one+"close_after: 26h\nadjust_limit: none")
	w.configure("centre", fmt.Sprintf("sources: []\nadjust_limit: none\ncollect: {from: %q, edges: [edge-a, edge-b, edge-c]}", w.shared))
	return w
}

func (w *edgesWorld) path(names ...string) string {
	return filepath.Join(append([]string{w.dir}, names...)...)
}

func (w *edgesWorld) configure(name, more string) {
	w.t.Helper()
	if err := os.MkdirAll(w.path(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	write(w.t, w.path(name, "catalog.yaml"), edgeCatalog)
	write(w.t, w.path(name, "pixledger.yaml"), "lake: ./lake\ncatalog: ./catalog.yaml\n"+more+"\n")
}

// log adds a request to the log of an edge.
func (w *edgesWorld) log(edge string, at time.Time, user, uri string) (id string) {
	w.t.Helper()
	w.lines[edge]++
	id = fmt.Sprintf("%s-%d", edge, w.lines[edge])
	f, err := os.OpenFile(w.path(edge, "pixel.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintf(f, `{"time":"%d.%03d","id":"%s","ip":"192.0.2.1","method":"GET","uri":"%s","status":"200","uid_got":"uid=%s"}`+"\n",
			at.Unix(), at.UnixMilli()%1000, id, uri, user)
		err = joinClose(err, f)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// journeys adds what so many people do, each on whatever edges: three days of it.
func (w *edgesWorld) journeys(people int, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	at := func(day int) time.Time {
		return edgesBegin.AddDate(0, 0, day).Add(time.Duration(r.Int64N(int64(24 * time.Hour))))
	}
	edge := func() string { return edgeNames[r.IntN(3)] }
	for i := range people {
		user := fmt.Sprintf("%032X", uint64(i)+seed<<32)
		for range 1 + r.IntN(4) {
			w.log(edge(), at(r.IntN(3)), user, "/imptr?id=2766")
		}
		if r.IntN(3) == 0 {
			w.log(edge(), at(r.IntN(3)), user, "/clktr?id=21378")
		}
		if r.IntN(2) == 0 {
			w.log(edge(), at(r.IntN(3)), user, fmt.Sprintf("/px?id=9012&order_id=o%d-%d&value=10", seed, i))
		}
		if r.IntN(20) == 0 {
			w.log(edge(), at(r.IntN(3)), user, "/favicon.ico")
		}
	}
}

// one is a user with an impression on one edge, a click on another and a conversion
// on the third. It gives the ids of the click and the conversion.
func (w *edgesWorld) one() (click, conversion string) {
	const user = "0B0C5F2C11D09BE7418A0C27D5A1E0F3"
	w.log("edge-a", edgesBegin.Add(time.Hour), user, "/imptr?id=2766")
	click = w.log("edge-b", edgesBegin.Add(2*time.Hour), user, "/clktr?id=21378")
	return click, w.log("edge-c", edgesBegin.Add(30*time.Hour), user, "/px?id=9012&order_id=the-one&value=99.5")
}

// earned fails unless the centre gives the conversion to the click, once.
func (w *edgesWorld) earned(click, conversion string) {
	w.t.Helper()
	won := w.run("centre", "query", "SELECT outcome, conversion_type, touch_id, booked_revenue FROM attributions WHERE conversion_id = '"+conversion+"'", "--format", "csv")
	if want := "outcome,conversion_type,touch_id,booked_revenue\nattributed,post_click," + click + ",12.500000\n"; won != want {
		w.t.Errorf("the one is %s", won)
	}
}

// try runs a command in one of the folders.
func (w *edgesWorld) try(at string, args ...string) (out, errOut string, code int) {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	args = append(args, "-c", w.path(at, "pixledger.yaml"))
	if !strings.Contains(strings.Join(args, " "), "--now") {
		args = append(args, "--now", edgesNow)
	}
	code = run(w.t.Context(), args, &stdout, &stderr)
	return stdout.String(), stderr.String(), code
}

func (w *edgesWorld) run(at string, args ...string) string {
	w.t.Helper()
	out, errOut, code := w.try(at, args...)
	if code != 0 {
		w.t.Fatalf("%s: pixledger %s: exit code %d\n%s%s", at, strings.Join(args, " "), code, out, errOut)
	}
	return out
}

// refuses runs a command that must fail, and say why.
func (w *edgesWorld) refuses(why, at string, args ...string) string {
	w.t.Helper()
	_, errOut, code := w.try(at, args...)
	if code != 1 || !strings.Contains(errOut, why) {
		w.t.Errorf("%s: pixledger %s: exit code %d, not %q\n%s", at, strings.Join(args, " "), code, why, errOut)
	}
	return errOut
}

// compare holds the centre against the lake that has ingested all logs itself.
func (w *edgesWorld) compare() {
	w.t.Helper()
	for what, statement := range map[string]string{
		"attributions": "SELECT * FROM attributions ORDER BY ALL",
		"the ledger":   "SELECT * EXCLUDE (catalog_digest) FROM ledger WHERE kind = 'booking' ORDER BY ALL",
		"events":       "SELECT event_id, event_time, edge, type, date, source_offset, user_id, pixel_id, tracker_id, order_id, value FROM events ORDER BY ALL",
	} {
		w.same(what, statement)
	}
	quality := []string{"report", "data_quality", "--range", "lifetime", "--format", "csv"}
	if got, want := w.run("centre", quality...), w.run("one", quality...); got != want {
		w.t.Errorf("the account differs:\n%s", firstDifference(want, got))
	}
	if out := w.run("centre", "verify"); !strings.Contains(out, "no differences") {
		w.t.Errorf("verify: %s", out)
	}
}

// all runs a command on all edges.
func (w *edgesWorld) all(args ...string) (out string) {
	w.t.Helper()
	for _, e := range edgeNames {
		out += w.run(e, args...)
	}
	return out
}

// One user sees an ad on one edge, clicks on another and buys on the third: published
// and collected, it is attributed once and right, as a lake attributes that reads all
// three logs. No day is closed that an edge has not published, and what comes late is
// an adjustment.
func TestEdgesInAFolder(t *testing.T) {
	w := newEdgesWorld(t, "")
	w.journeys(60, 1)
	click, conversion := w.one()
	w.refuses("are not committed", "edge-a", "publish")
	w.all("ingest")
	for _, e := range edgeNames[:2] {
		w.run(e, "publish")
	}
	w.run("centre", "collect")
	why := w.refuses("edge edge-c has not published 2026-11-10", "centre", "close")
	if strings.Contains(why, "edge-a") || strings.Contains(why, "2026-11-13") || !strings.Contains(why, "--accept-gap") {
		t.Errorf("the refusal is: %s", why)
	}
	if out := w.run("centre", "status"); !strings.Contains(out, "edge edge-c has not published") {
		t.Errorf("status: %s", out)
	}
	w.run("edge-c", "publish")
	if out := w.all("publish"); strings.Count(out, "nothing to publish") != 3 {
		t.Errorf("published again: %s", out)
	}
	if out := w.run("centre", "collect"); strings.Count(out, "collected edge-c") != 3 {
		t.Errorf("collected: %s", out)
	}
	w.run("one", "ingest")
	for _, at := range []string{"centre", "one"} {
		w.run(at, "close")
	}
	w.compare()
	w.earned(click, conversion)
	if out := w.run("centre", "explain", conversion); !strings.Contains(out, "edge-b:"+w.path("edge-b", "pixel.log")+":") {
		t.Errorf("explain: %s", out)
	}

	// Any DuckDB sees the same by the printed views.
	var shared, own string
	const sum = "SELECT count(*) || ' ' || CAST(sum(hash(event_id, event_time, edge, type, date, source_id, user_id)) AS VARCHAR) FROM events"
	if err := w.sharedViews(w.path("shared")).QueryRow(sum).Scan(&shared); err != nil {
		t.Fatal(err)
	}
	if own = w.run("centre", "query", sum+" AS t", "--format", "tsv"); !strings.HasSuffix(own, "\n"+shared+"\n") {
		t.Errorf("by the views %s, at the centre %s", shared, own)
	}

	// A line comes late for a closed day: on the edge a further part, at the centre an
	// adjustment.
	w.log("edge-a", edgesBegin.Add(29*time.Hour), "0B0C5F2C11D09BE7418A0C27D5A1E0F3", "/px?id=9012&order_id=late&value=1")
	w.run("edge-a", "ingest")
	w.run("edge-a", "compact")
	if out := w.run("edge-a", "publish"); out != "published edge-a 2026-11-11: 1 event of 1 line, 0 rejects, late (number 2)\n" {
		t.Errorf("late: %s", out)
	}
	next := []string{"--now", "2026-11-15T12:00:00Z"}
	for _, e := range edgeNames[:2] {
		w.run(e, append([]string{"publish"}, next...)...)
	}
	w.run("centre", append([]string{"collect"}, next...)...)
	w.run("one", append([]string{"ingest"}, next...)...)
	// A date that an edge does not publish can be answered for.
	why = w.refuses("edge edge-c has not published 2026-11-13", "centre", append([]string{"close"}, next...)...)
	_, gap, _ := strings.Cut(why, "gap ")
	gap, _, _ = strings.Cut(gap, ":")
	for at, more := range map[string][]string{"one": nil, "centre": {"--accept-gap", gap, "--by", "Ms Fine"}} {
		if out := w.run(at, slices.Concat([]string{"close"}, more, next)...); !strings.Contains(out, "adjusted:") {
			t.Errorf("%s: %s", at, out)
		}
	}
	w.same("the ledger", "SELECT * EXCLUDE (catalog_digest, entry_id) FROM ledger ORDER BY ALL")

	// Who is forgotten on an edge is erased in the shared lake by its next publishing.
	const user = "0B0C5F2C11D09BE7418A0C27D5A1E0F3"
	if out := w.run("edge-b", "forget", user); !strings.Contains(out, "the next `pixledger publish` erases it there") {
		t.Errorf("forget: %s", out)
	}
	if out := w.run("edge-b", "publish"); !strings.HasPrefix(out, "erased in 1 file of the shared lake") {
		t.Errorf("publish: %s", out)
	}
	var left int
	statement := "SELECT count(*) FROM events WHERE edge = 'edge-b' AND user_id = '" + user + "'"
	if err := w.sharedViews(w.path("shared")).QueryRow(statement).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows of the forgotten user are left, %v", left, err)
	}
	for at, want := range map[string]string{"edge-b": "in the shared lake as they were published", "centre": "in the shared lake as they were collected"} {
		if out := w.run(at, "verify", "--shared"); !strings.Contains(out, want) {
			t.Errorf("%s: verify: %s", at, out)
		}
	}
	// A rule of the bucket has expired the oldest files: they are missed by nobody. A
	// file of a later part is.
	for _, kind := range []string{"impression", "click", "conversion"} {
		if err := os.RemoveAll(w.path("shared", "events", "edge=edge-c", "type="+kind, "date=2026-11-10")); err != nil {
			t.Fatal(err)
		}
	}
	if out := w.run("edge-c", "verify", "--shared"); !strings.Contains(out, "files of the oldest have expired there") {
		t.Errorf("verify: %s", out)
	}
	if err := w.sharedViews(w.path("shared")).QueryRow("SELECT count(*) FROM missing_files").Scan(&left); err != nil || left == 0 {
		t.Errorf("%d files are missing, %v", left, err)
	}
	lost := "events/edge=edge-c/type=conversion/date=2026-11-12/0001.parquet"
	if err := os.Remove(w.path("shared", lost)); err != nil {
		t.Fatal(err)
	}
	if out, _, code := w.try("centre", "verify", "--shared"); code != 1 || !strings.Contains(out, lost+" is not there") || strings.Contains(out, "date=2026-11-10") {
		t.Errorf("verify: exit code %d, %s", code, out)
	}
	if out := w.run("edge-b", "status", "--format", "table"); !strings.Contains(out, "publishes to") || strings.Contains(out, "warning") {
		t.Errorf("status: %s", out)
	}
}

// same holds what the centre says against the lake that reads all logs itself.
func (w *edgesWorld) same(what, statement string) {
	w.t.Helper()
	got, want := w.run("centre", "query", statement, "--format", "csv"), w.run("one", "query", statement, "--format", "csv")
	if got != want || strings.Count(want, "\n") < 3 {
		w.t.Errorf("%s differ: %d lines, and %d\n%s", what, strings.Count(got, "\n"), strings.Count(want, "\n"), firstDifference(want, got))
	}
}

// sharedViews opens a DuckDB of its own over the folder of a shared lake, as the SQL
// that is printed for analysts says.
func (w *edgesWorld) sharedViews(folder string) *sql.DB {
	w.t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		w.t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	w.t.Cleanup(func() { _ = db.Close() })
	statements := "SET VARIABLE shared = '" + folder + "';\n" + w.run("centre", "collect", "--views")
	if _, err := db.Exec(statements); err != nil {
		w.t.Fatal(err)
	}
	return db
}
