package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pixledger/schemas/lake"
)

// alertSummary finds an alert with its summary.
var alertSummary = regexp.MustCompile(`- alert: (\w+)(?s:.*?)summary: "([^"]*)"`)

// What comes from elsewhere is shown and not obeyed; lines and their indentation
// stay.
func TestShownLines(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"\n":                          "\n",
		"one\n\ttwo\n\n":              "one\n\ttwo\n\n",
		"red \x1b[31m\r\n\tbell\a\t!": "red [31m \n\tbell !",
		"\xff.log: is no log":         "\uFFFD.log: is no log",
	} {
		if got := shownLines(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// Each thing that status warns of comes with its remedy, and where an alert wakes
// somebody for it, status says it in the alert's words, so that who was woken
// knows it again.
func TestEveryStatusWarning(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	l, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), now)
	if err != nil {
		t.Fatal(err)
	}
	config := `lake: ./lake
catalog: ./catalog.yaml
sources: [{name: edge-1, path: ./missing.log}, {name: edge-2, path: ./folder}, {name: edge-3, path: ./pixel.log}]
edge: {conf: ./nginx.conf}
exports: [{report: revenue, to: "file:./outbox"}]
`
	write(t, filepath.Join(dir, "pixledger.yaml"), config)
	write(t, filepath.Join(dir, "catalog.yaml"), edgeCatalog)
	write(t, filepath.Join(dir, "pixel.log"), "a line that nobody has read\n")
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(filepath.Join(dir, "pixledger.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	put := func(path, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, path, content)
	}
	gap := func(reason lake.GapReason) *lake.State {
		g := &lake.Gap{ID: "g1", Source: "edge-3", Path: "/var/log/pixel.log", Reason: reason, From: now.AddDate(0, 0, -1), To: now}
		return &lake.State{Gaps: map[string]*lake.Gap{"g1": g}}
	}
	busy := map[string]*lake.Counts{}
	for back := 2; back <= 10; back++ {
		busy[now.AddDate(0, 0, -back).Format(time.DateOnly)] = &lake.Counts{Events: map[string]int64{"click": 500}}
	}
	note := func(n daemonNote) func(*statusReport) { return func(r *statusReport) { r.configuration(&n) } }
	jobs := func(name, history string) func(*statusReport) {
		return func(r *statusReport) {
			put(l.JobFile(name), history)
			if err := r.jobs(cfg, l); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(l.JobFile(name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	run := func(due, failed string) string {
		return fmt.Sprintf(`{"done":"2026-11-24T05:15:00Z","runs":[{"due":%q,"started":%q,"ended":%q,"error":%q}]}`, due, due, due, failed)
	}
	exports := func(r *statusReport) {
		closed := now.Add(-3 * time.Hour)
		r.Ledger = &ledgerStatus{Closed: 2, ClosedAt: &closed}
		if err := r.exports(cfg, l); err != nil {
			t.Fatal(err)
		}
	}
	outbox := filepath.Join(dir, "outbox")
	sum := sha256.Sum256([]byte(cfg.Exports[0].To.String()))
	failure := l.Path("_state/deliveries/" + hex.EncodeToString(sum[:8]) + "/failure.json")
	cases := []struct {
		alert  string // "" where none is
		what   string // in the warning and in the alert's summary
		warned func(*statusReport)
	}{
		{"PixledgerCatalogRefused", "the catalog's file was refused", func(r *statusReport) { r.catalog(&daemonNote{CatalogError: "catalog.yaml:1:1: no"}) }},
		{"PixledgerConfigRefused", "the configuration's file was refused", note(daemonNote{ConfigFile: cfg.File, ConfigError: "pixledger.yaml:1:1: no"})},
		{"", "the configuration's file has changed", note(daemonNote{ConfigFile: cfg.File, ConfigDigest: "another"})},
		{"PixledgerIngestWaiting", "nothing can be committed", func(r *statusReport) { r.waiting(&daemonNote{Waiting: "no space left", NoSpace: true}) }},
		{"PixledgerIngestWaiting", "nothing can be committed", func(r *statusReport) { r.waiting(&daemonNote{Waiting: "read-only file system"}) }},
		{"PixledgerDamagedFile", "damaged", func(r *statusReport) { r.troubles([]sourceTrouble{{Source: "edge-3", Damaged: []string{"a.gz"}}}) }},
		{"PixledgerTruncation", "cut short", func(r *statusReport) { r.troubles([]sourceTrouble{{Source: "edge-3", Truncations: 2}}) }},
		{"", "input/output error", func(r *statusReport) {
			r.troubles([]sourceTrouble{{Source: "edge-3", Path: "pixel.log", Trouble: "input/output error"}})
		}},
		{"PixledgerSourceMissing", "is not there", func(r *statusReport) { r.sources(cfg, &lake.State{}, true) }},
		{"PixledgerSourceUnreadable", "can not be read", func(r *statusReport) { r.sources(cfg, &lake.State{}, true) }},
		{"", "no daemon runs", func(r *statusReport) { r.sources(cfg, &lake.State{}, false) }},
		{"PixledgerGap", "may be lost", func(r *statusReport) { r.gaps(cfg, gap(lake.GapDeleted)) }},
		{"PixledgerGap", "may be lost", func(r *statusReport) { r.gaps(cfg, gap(lake.GapLost)) }},
		{"PixledgerGap", "may be lost", func(r *statusReport) { r.gaps(cfg, gap(lake.GapTruncated)) }},
		{"PixledgerSilentDay", "gave no line", func(r *statusReport) {
			r.gaps(cfg, &lake.State{Sources: map[string]*lake.Source{"s": {ID: "s", Edge: "edge-3", Days: busy, Last: now.AddDate(0, 0, -2)}}})
		}},
		{"PixledgerDayNotClosed", "not closed", func(r *statusReport) { // another kind, of a ledger_from that changed, is in ledger_refusals.txtar
			begun := *cfg
			begun.LedgerFrom = "2026-11-20"
			if err := r.ledger(&begun, l, &lake.State{}); err != nil {
				t.Fatal(err)
			}
		}},
		{"PixledgerEdgeOutdated", "the edge does not run on the catalog in force", func(r *statusReport) {
			put(l.EdgeFile(), `{"error":"edge.reload: exit status 1"}`)
			r.edge(cfg, l)
			if err := os.Remove(l.EdgeFile()); err != nil {
				t.Fatal(err)
			}
		}},
		{"", "there is no " + cfg.Edge.Conf, func(r *statusReport) { r.edge(cfg, l) }},
		{"", "is not what the catalog prints", func(r *statusReport) { put(cfg.Edge.Conf, "mine"); r.edge(cfg, l) }},
		{"PixledgerJobFails", "the job close fails", jobs("close", run("2026-11-26T05:15:00Z", "adjustments beyond adjust_limit"))},
		{"PixledgerJobOverdue", "the job close is overdue", jobs("close", run("2026-11-24T05:15:00Z", ""))},
		{"PixledgerManySmallFiles", "files in one folder of the lake", func(r *statusReport) {
			s := &lake.State{Files: map[string]lake.File{}}
			for i := range 1001 {
				p := fmt.Sprintf("events/type=click/date=2026-11-26/c%012d-0.parquet", i+1)
				s.Files[p] = lake.File{Path: p, Bytes: 1}
			}
			r.compaction(s)
		}},
		{"", "close.json", jobs("close", "no history")},
		{"PixledgerExportNotDelivered", "have not arrived at", exports},
		{"PixledgerDeliveryFails", "deliveries", func(r *statusReport) {
			put(failure, fmt.Sprintf(`{"destination":%q,"date":"2026-11-25","at":"2026-11-26T05:30:00Z","error":"deliver to %s: no room"}`, cfg.Exports[0].To, outbox))
			exports(r)
		}},
	}
	rules := map[string]string{}
	for _, m := range alertSummary.FindAllStringSubmatch(readText(t, filepath.Join(repository, rulesFile)), -1) {
		rules[m[1]] = strings.ToLower(m[2])
	}
	for _, c := range cases {
		r := &statusReport{Now: now, Daemon: &daemonStatus{}}
		c.warned(r)
		said := false
		for _, w := range r.Warnings {
			said = said || strings.Contains(w.What, c.what)
			if len(w.Remedy) < 10 {
				t.Errorf("%q has the remedy %q", w.What, w.Remedy)
			}
		}
		if !said {
			t.Errorf("status does not say %q: %+v", c.what, r.Warnings)
		}
		if summary := strings.ReplaceAll(rules[c.alert], "{{ $labels.job_name }}", "close"); c.alert != "" && !strings.Contains(summary, c.what) {
			t.Errorf("%s says %q, and status %q", c.alert, summary, c.what)
		}
	}
}
