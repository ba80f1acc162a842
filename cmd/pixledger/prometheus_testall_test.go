//go:build testall

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
)

func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	c := exec.Command("promtool", args...)
	c.Dir = repository
	c.Stdin = strings.NewReader(stdin)
	if out, err := c.CombinedOutput(); err != nil || bytes.Contains(out, []byte("FAILED")) {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPrometheusTakesTheRules(t *testing.T) {
	promtool(t, "", "check", "rules", rulesFile)
	promtool(t, "", "test", "rules", rulesTestFile)
}

// A real Prometheus, configured as docs/monitoring.md says, scrapes a real
// daemon: promtool finds nothing to say of the page, and the rules and every
// expression of the dashboard are evaluated.
func TestPrometheusScrapesADaemon(t *testing.T) {
	dir := t.TempDir()
	p := program{t: t, dir: dir}
	p.run("demo", "--keep", "try")
	p.dir = filepath.Join(dir, "try")
	console, address := edgetest.Addr(t), edgetest.Addr(t)
	config, err := os.ReadFile(filepath.Join(p.dir, "pixledger.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "pixledger.yaml"), string(config)+fmt.Sprintf("\nconsole: {listen: %q, token: %s}\n", console, watchedToken))
	d := &daemonProcess{program: p}
	t.Cleanup(d.end)
	d.start()
	w := &watched{t: t, console: console, seen: map[string]bool{}}
	w.until("pixledger_lake_readable", is(1), d.said)
	promtool(t, w.page, "check", "metrics")

	blocks := fenced(readText(t, filepath.Join(repository, "docs", "monitoring.md")), "yaml")
	if len(blocks) != 1 {
		t.Fatalf("docs/monitoring.md shows %d configurations", len(blocks))
	}
	rules, err := filepath.Abs(filepath.Join(repository, rulesFile))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "prometheus.yml")
	write(t, filepath.Join(dir, "token"), watchedToken)
	write(t, file, strings.NewReplacer("/etc/prometheus/pixledger.rules.yml", rules, "/etc/prometheus/pixledger.token", filepath.Join(dir, "token"),
		"127.0.0.1:8420", console, "scrape_interval: 30s", "scrape_interval: 1s").Replace(blocks[0]))
	promtool(t, "", "check", "config", file)

	var said lockedBuffer
	server := exec.Command("prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	q := prometheusAPI{t: t, address: address}
	waitFor(t, "a scrape", func() bool { return q.count(`up{job="pixledger"} == 1`) == 1 }, said.String)
	for _, rule := range q.rules() {
		if rule.LastError != "" {
			t.Errorf("%s: %s", rule.Name, rule.LastError)
		}
	}
	empty, all := 0, readDashboard(t).expressions()
	for _, expr := range all {
		if q.count(expr) == 0 {
			empty++
		}
	}
	if empty > len(all)/2 { // rates need more than one scrape, and what is only there in trouble is not
		t.Errorf("%d expressions of the dashboard give nothing", empty)
	}
	d.stop()
}

// prometheusAPI is a running Prometheus.
type prometheusAPI struct {
	t       *testing.T
	address string
}

type prometheusRule struct{ Name, LastError string }

func (q prometheusAPI) get(path string, data any) bool {
	resp, err := http.Get("http://" + q.address + path)
	if err != nil {
		return false // it is not there yet
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		q.t.Fatal(err)
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if json.Unmarshal(b, &answer) != nil {
		return false // it is starting
	}
	if answer.Status != "success" {
		q.t.Errorf("%s: %s", path, answer.Error)
		return false
	}
	return json.Unmarshal(answer.Data, data) == nil
}

// count is how many series an expression gives.
func (q prometheusAPI) count(expr string) int {
	var data struct{ Result []any }
	if !q.get("/api/v1/query?query="+url.QueryEscape(expr), &data) {
		return 0
	}
	return len(data.Result)
}

func (q prometheusAPI) rules() []prometheusRule {
	var data struct {
		Groups []struct{ Rules []prometheusRule }
	}
	q.get("/api/v1/rules", &data)
	var out []prometheusRule
	for _, g := range data.Groups {
		out = append(out, g.Rules...)
	}
	if len(out) < 15 {
		q.t.Errorf("%d rules are loaded", len(out))
	}
	return out
}
