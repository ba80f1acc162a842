package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/edge/edgetest"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// watched is a daemon with everything that can go wrong in a night, and the
// names of all metrics that its page has had.
type watched struct {
	t       *testing.T
	console string
	seen    map[string]bool
	page    string
}

const watchedToken = "s3cret"

func (w *watched) get(path, token string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+w.console+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// value is what the page says of one series; NaN-like -1 where it has none.
func (w *watched) value(series string) float64 {
	_, w.page = w.get("/metrics", watchedToken)
	for line := range strings.Lines(w.page) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			w.seen[strings.Fields(name)[0]] = true
		}
	}
	for line := range strings.Lines(w.page) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				w.t.Fatal(err)
			}
			return v
		}
	}
	return -1
}

// until waits until a series has a value that is right.
func (w *watched) until(series string, right func(float64) bool, said func() string) {
	w.t.Helper()
	waitFor(w.t, series, func() bool { return right(w.value(series)) }, func() string { return w.page + said() })
}

func atLeast(n float64) func(float64) bool { return func(v float64) bool { return v >= n } }
func is(n float64) func(float64) bool      { return func(v float64) bool { return v == n } }

func logLine(at, id, uri string) string {
	return fmt.Sprintf(`{"time":"%s","id":"%s","ip":"203.0.113.7","method":"GET","host":"px.example","uri":"%s","status":"200","referer":"","ua":"","uid_got":"","uid_set":"","gpc":""}`+"\n", at, id, uri)
}

// What goes wrong in a night is on the metrics page while the daemon runs on: a
// gap that keeps the close from closing, an export that does not arrive, a
// catalog that was refused. And the page has all that is documented, and nothing
// that is not.
func TestMetricsOfADaemon(t *testing.T) {
	t.Parallel() // it waits for most of its time
	dir := t.TempDir()
	p := program{t: t, dir: dir}
	w := &watched{t: t, console: edgetest.Addr(t), seen: map[string]bool{}}
	log := filepath.Join(dir, "pixel.log")
	write(t, filepath.Join(dir, "catalog.yaml"), edgeCatalog)
	write(t, filepath.Join(dir, "no-folder"), "")
	write(t, filepath.Join(dir, "pixledger.yaml"), fmt.Sprintf(`lake: ./lake
catalog: ./catalog.yaml
sources:
  - {name: edge-1, path: ./pixel.log, format: pixledger}
  - {name: edge-2, path: ./other.log, format: pixledger}
commit: {interval: 100ms}
schedule: {attribute: "0 12 * * *", close: "0 9 * * *", export: "0 9 * * *", warehouse: "0 12 * * *"}
exports:
  - {report: revenue, to: "file:./outbox"}
  - {report: revenue, to: "file:./no-folder/outbox"}
console: {listen: "%s", token: %s}
`, w.console, watchedToken))
	// A log that was read is gone before the rest of it was.
	write(t, log, logLine("1794391200.000", "e-0", "/imptr?id=2766")+logLine("1794391201.000", "e-1", "/px?id=9012"))
	p.run("ingest", "--now", "2026-11-12T10:00:00Z")
	if err := os.Rename(log, filepath.Join(dir, "kept")); err != nil {
		t.Fatal(err)
	}
	write(t, log, logLine("1794481300.000", "e-2", "/imptr?id=2766")+"no line\n"+logLine("1794481301.000", "e-3", "/px/elsewhere"))
	p.run("ingest", "--now", "2026-11-13T08:50:00Z")
	write(t, filepath.Join(dir, "by-hand.log"), logLine("1794481300.000", "e-4", "/imptr?id=2766"))
	p.run("ingest", "by-hand.log", "--format", "pixledger", "--now", "2026-11-13T08:50:00Z")

	d := &daemonProcess{program: p}
	t.Cleanup(d.end)
	d.start("--now", "2026-11-13T08:59:57Z")

	w.until(`pixledger_job_consecutive_failures{job_name="close"}`, is(1), d.said)
	w.until(`pixledger_job_runs_total{job_name="export",result="success"}`, is(1), d.said)
	w.until(`pixledger_source_paths{source="edge-2",state="missing"}`, is(1), d.said)
	for series, want := range map[string]func(float64) bool{
		`pixledger_source_gaps{reason="deleted",source="edge-1",state="blocks"}`: is(1),
		`pixledger_source_gaps{reason="deleted",source="edge-2",state="blocks"}`: is(0),
		`pixledger_job_runs_total{job_name="close",result="failure"}`:            is(1),
		`pixledger_job_runs_total{job_name="close",result="success"}`:            is(0),
		`pixledger_ledger_due`:                                                     is(2),
		`pixledger_ledger_sequence`:                                                is(0),
		`pixledger_lake_readable`:                                                  is(1),
		`pixledger_catalog_valid`:                                                  is(1),
		`pixledger_ledger_oldest_due_timestamp_seconds`:                            is(1794456000), // 2026-11-12T04:00:00Z
		`pixledger_lines_total{outcome="event",source="edge-1"}`:                   is(3),
		`pixledger_lines_total{outcome="event",source="(other)"}`:                  is(1),
		`pixledger_lines_total{outcome="ignored",source="edge-1"}`:                 is(1),
		`pixledger_rejects_total{reason="malformed",source="edge-1"}`:              is(1),
		`pixledger_rejects_total{reason="too_long",source="edge-2"}`:               is(0),
		`pixledger_events_total{source="edge-1",type="conversion"}`:                is(1),
		`pixledger_source_lag_bytes{source="edge-1"}`:                              is(0),
		`pixledger_ingest_waiting{reason="no_space"}`:                              is(0),
		`pixledger_log_messages_total{level="error"}`:                              atLeast(1),
		`pixledger_export_delivery_failing{destination="file:` + dir + `/outbox"}`: is(0),
	} {
		if v := w.value(series); !want(v) {
			t.Errorf("%s is %v", series, v)
		}
	}

	// Lines that wait are seen; the daemon takes none until they are whole.
	write(t, filepath.Join(dir, "other.log"), strings.TrimSuffix(logLine("1794481302.000", "e-5", "/imptr?id=2766"), "\n"))
	w.until(`pixledger_source_lag_bytes{source="edge-2"}`, atLeast(100), d.said)
	if v := w.value(`pixledger_source_lag_seconds{source="edge-2"}`); v != 0 {
		t.Errorf("half a line waits for %v seconds", v)
	}

	// A catalog with a mistake.
	write(t, filepath.Join(dir, "catalog.yaml"), edgeCatalog+"nonsense: true\n")
	w.until("pixledger_catalog_valid", is(0), d.said)
	if code, said := w.get("/readyz", ""); code != http.StatusOK || said != "ready\n" {
		t.Errorf("/readyz beside a refused catalog: %d %q", code, said)
	}
	if code, said := w.get("/healthz", ""); code != http.StatusOK || said != "ok\n" {
		t.Errorf("/healthz: %d %q", code, said)
	}
	for _, token := range []string{"", "wrong"} {
		if code, said := w.get("/metrics", token); code != http.StatusUnauthorized || strings.Contains(said, "pixledger_") {
			t.Errorf("/metrics with the token %q: %d %q", token, code, said)
		}
	}
	// The console's pages lead there: a browser that has given the token may go.
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	for _, path := range []string{"/jobs?token=" + watchedToken, "/metrics"} {
		resp, err := browser.Get("http://" + w.console + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s in a browser: %s %v", path, resp.Status, err)
		}
	}

	// Somebody answers for the gap; the days are closed and exported, to the one
	// destination that is there.
	write(t, filepath.Join(dir, "catalog.yaml"), edgeCatalog)
	w.until("pixledger_catalog_valid", is(1), d.said)
	id := regexp.MustCompile(`"id": "(g[0-9a-f]{12})"`).FindStringSubmatch(p.run("status", "--json", "--now", "2026-11-13T09:00:10Z"))
	if id == nil {
		t.Fatal("status names no gap")
	}
	p.run("close", "--accept-gap", id[1], "--by", "Ada", "--now", "2026-11-13T09:00:10Z")
	if _, said, code := p.try("export", "--now", "2026-11-13T09:00:20Z"); code != exitFailure {
		t.Errorf("export to a folder that is none: exit code %d\n%s", code, said)
	}
	w.until(`pixledger_export_delivered{destination="file:`+dir+`/outbox"}`, is(2), d.said)
	w.until(`pixledger_export_delivery_failing{destination="file:`+dir+`/no-folder/outbox"}`, is(1), d.said)
	for series, want := range map[string]func(float64) bool{
		`pixledger_source_gaps{reason="deleted",source="edge-1",state="accepted"}`: is(1),
		`pixledger_source_gaps{reason="deleted",source="edge-1",state="blocks"}`:   is(0),
		`pixledger_ledger_sequence`:                                                                 is(2),
		`pixledger_ledger_due`:                                                                      is(0),
		`pixledger_ledger_oldest_due_timestamp_seconds`:                                             is(-1),
		`pixledger_ledger_closed_until_timestamp_seconds`:                                           is(1794528000), // 2026-11-13T00:00:00Z
		`pixledger_export_sequence`:                                                                 is(2),
		`pixledger_export_undelivered{destination="file:` + dir + `/outbox"}`:                       is(0),
		`pixledger_export_undelivered{destination="file:` + dir + `/no-folder/outbox"}`:             is(2),
		`pixledger_export_delivered_until_timestamp_seconds{destination="file:` + dir + `/outbox"}`: is(1794528000),
	} {
		if v := w.value(series); !want(v) {
			t.Errorf("%s is %v", series, v)
		}
	}
	w.documented()
	w.used()
	d.stop()
}

// documentedMetric is a line of the tables in docs/monitoring.md.
var documentedMetric = regexp.MustCompile("(?m)^\\| `(pixledger_[a-z0-9_]+)(\\{[a-z_, ]*\\})?` \\| (.*) \\|$")

// documented compares the page with docs/monitoring.md.
func (w *watched) documented() {
	w.t.Helper()
	documented := map[string]bool{}
	for _, m := range documentedMetric.FindAllStringSubmatch(readText(w.t, filepath.Join(repository, "docs", "monitoring.md")), -1) {
		name := m[1]
		if documented[name] {
			w.t.Errorf("docs/monitoring.md has %s twice", name)
		}
		documented[name] = true
		if !w.seen[name] && !strings.Contains(m[3], "Absent ") {
			w.t.Errorf("docs/monitoring.md documents %s, which was never on the page", name)
		}
	}
	for name := range w.seen {
		if strings.HasPrefix(name, "pixledger_") && !documented[name] {
			w.t.Errorf("the page has %s, which docs/monitoring.md does not document", name)
		}
	}
	if len(documented) != len(families)+1 { // the counter of runs is the library's
		w.t.Errorf("%d metrics are documented, and there are %d", len(documented), len(families)+1)
	}
}

// usedMetric is a metric in an expression.
var usedMetric = regexp.MustCompile(`\b(?:pixledger|process|go)_[a-z0-9_]+`)

// used looks whether rules and dashboard use metrics that there are.
func (w *watched) used() {
	w.t.Helper()
	exist := func(name string) bool {
		return w.seen[name] || slices.ContainsFunc(families, func(f *family) bool { return strings.Contains(f.desc.String(), `"`+name+`"`) })
	}
	for _, name := range []string{"docs/prometheus/pixledger.rules.yml", "docs/grafana/pixledger.json"} {
		used := usedMetric.FindAllString(readText(w.t, filepath.Join(repository, name)), -1)
		if len(used) < 10 {
			w.t.Errorf("%s uses %d metrics", name, len(used))
		}
		for _, m := range used {
			if !exist(m) {
				w.t.Errorf("%s uses %s, which is not on the page", name, m)
			}
		}
	}
}

// BenchmarkMetrics is one collection of a lake with 100 days: three edges whose
// logs are rotated each day, an export of each day, and the files that a commit
// every 30 seconds leaves until they are merged: 64 a folder; or all of them.
func BenchmarkMetrics(b *testing.B) {
	for _, files := range []int{64, 2880} {
		m, state := hundredDays(b, files)
		b.Run(fmt.Sprintf("all/files=%d", len(state.Files)), func(b *testing.B) {
			for b.Loop() {
				m.figures(&told{}, state)
			}
		})
	}
	m, _ := hundredDays(b, 0)
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			if _, err := m.registry.Gather(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func hundredDays(b *testing.B, files int) (*metrics, *lake.State) {
	d := quietDaemon(b, disk.Real, `sources:
  - {name: edge-1, path: ./1.log}
  - {name: edge-2, path: ./2.log}
  - {name: edge-3, path: ./3.log}
exports:
  - {report: revenue, to: "file:./outbox"}
`, &lockedBuffer{})
	now := d.app.now()
	state := &lake.State{Files: map[string]lake.File{}, Sources: map[string]*lake.Source{}, Latest: map[string]lake.Mark{}}
	for day := range 100 {
		date := now.AddDate(0, 0, -day).UTC().Format(time.DateOnly)
		if err := os.MkdirAll(d.lake.Path("_state/exports/"+date), 0o755); err != nil {
			b.Fatal(err)
		}
		for _, kind := range []string{"impression", "click", "conversion", "segment"} {
			for n := range files {
				p := fmt.Sprintf("events/type=%s/date=%s/c%d-0.parquet", kind, date, n)
				state.Files[p] = lake.File{Path: p, Rows: 1000, Bytes: 40_000, MinTime: now.AddDate(0, 0, -day).UnixMicro()}
			}
		}
		for _, s := range d.config().Sources {
			id := s.Name + date
			state.Sources[id] = &lake.Source{ID: id, Edge: s.Name, Last: now, Days: map[string]*lake.Counts{
				date: {Events: map[string]int64{"impression": 1000, "click": 10}, Rejects: map[string]int64{"malformed": 1}, Ignored: 5},
			}}
		}
	}
	return d.metrics, state
}
