package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	rulesFile     = "docs/prometheus/pixledger.rules.yml"
	rulesTestFile = "docs/prometheus/pixledger.rules.test.yml"
	dashboardFile = "docs/grafana/pixledger.json"
)

var (
	alertName  = regexp.MustCompile(`(?m)^ +- alert: (\w+)$`)
	alertDoc   = regexp.MustCompile(`(?m)^### (Pixledger\w+)$`)
	runbookURL = regexp.MustCompile(`(?m)^ +runbook_url: "docs/monitoring.md#(\w+)"$`)
)

func names(pattern *regexp.Regexp, text string) []string {
	var out []string
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// Each alert says what it is, leads to what to do about it, and is tried.
func TestEveryAlertIsExplainedAndTried(t *testing.T) {
	rules := readText(t, filepath.Join(repository, rulesFile))
	tests := readText(t, filepath.Join(repository, rulesTestFile))
	alerts := names(alertName, rules)
	if len(alerts) < 15 || len(alerts) != strings.Count(rules, "alert: ") {
		t.Fatalf("%s has the alerts %v", rulesFile, alerts)
	}
	if docs := names(alertDoc, readText(t, filepath.Join(repository, "docs/monitoring.md"))); !slices.Equal(alerts, docs) {
		t.Errorf("docs/monitoring.md explains\n%v\nand the rules have\n%v", docs, alerts)
	}
	for i, link := range names(runbookURL, rules) {
		if link != strings.ToLower(alerts[i]) {
			t.Errorf("%s leads to #%s", alerts[i], link)
		}
	}
	for _, key := range []string{"summary: ", "description: ", "runbook_url: ", "severity: "} {
		if n := strings.Count(rules, key) - strings.Count(rules, "# "+key); n != len(alerts) {
			t.Errorf("%d alerts have %d times %s", len(alerts), n, key)
		}
	}
	for _, a := range alerts {
		if !strings.Contains(tests, `alertname="`+a+`"`) {
			t.Errorf("%s has no test in which %s fires", rulesTestFile, a)
		}
	}
}

// dashboard is what of a Grafana dashboard is looked at.
type dashboard struct {
	UID           string
	Title         string
	SchemaVersion int
	Panels        []dashboardPanel
	Templating    struct{ List []struct{ Name, Type string } }
	Annotations   struct{ List []struct{ Expr string } }
}

type dashboardPanel struct {
	ID         int
	Type       string
	Title      string
	Datasource *struct{ UID string }
	GridPos    struct{ H, W, X, Y int }
	Targets    []struct{ Expr, RefID string }
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(readText(t, filepath.Join(repository, dashboardFile))), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// expressions are what the dashboard asks Prometheus, with its variables filled in.
func (d dashboard) expressions() []string {
	filled := strings.NewReplacer("$__rate_interval", "2m", "$instance", ".*")
	var out []string
	for _, a := range d.Annotations.List {
		out = append(out, filled.Replace(a.Expr))
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			out = append(out, filled.Replace(q.Expr))
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// The dashboard is one that Grafana imports: each panel has a place of its own, a
// number of its own, and asks the data source that is chosen on top.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 || len(d.Panels) < 20 || len(d.expressions()) < 30 {
		t.Fatalf("dashboard: %+v", d)
	}
	if v := d.Templating.List; len(v) != 2 || v[0].Type != "datasource" || v[1].Name != "instance" {
		t.Errorf("variables: %+v", v)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %q has the number %d", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q stands where %q does, or outside", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if q.Expr == "" || q.RefID == "" || refs[q.RefID] {
				t.Errorf("panel %q: %+v", p.Title, p.Targets)
			}
			refs[q.RefID] = true
		}
		if len(p.Targets) == 0 || p.Datasource == nil || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %q asks nothing, or another data source: %+v", p.Title, p.Datasource)
		}
	}
}
