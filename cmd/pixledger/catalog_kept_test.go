package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
)

// A slip in the catalog's file stops nobody but the one who would decide by
// it: lines are read, the daemon starts, questions are answered by the catalog
// that is in force, and everyone is told.
func TestARefusedCatalogLeavesTheOneBeforeInForce(t *testing.T) {
	p := program{t: t, dir: t.TempDir()}
	p.run("demo", "--keep", "try")
	p.dir = filepath.Join(p.dir, "try")
	const now = "2026-11-13T06:00:00Z"
	conf, err := os.ReadFile(filepath.Join(p.dir, "pixledger.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "pixledger.yaml"), string(conf)+"console: {listen: \""+edgetest.Addr(t)+"\"}\n")
	catalog := filepath.Join(p.dir, "catalog.yaml")
	good, err := os.ReadFile(catalog)
	if err != nil {
		t.Fatal(err)
	}
	write(t, catalog, strings.Replace(string(good), "name: Checkout", "nam: Checkout", 1))

	if out, errOut, code := p.try("attribute", "--now", now); code != 1 || !strings.Contains(errOut, "catalog.yaml:") || out != "" {
		t.Errorf("attribute by a catalog with mistakes: exit %d, %q %q", code, out, errOut)
	}
	out, errOut, code := p.try("query", "SELECT name FROM pixels WHERE id = 9012", "--now", now)
	if code != 0 || !strings.Contains(out, "Checkout") || !strings.Contains(errOut, "catalog.yaml:") || !strings.Contains(errOut, "in force") {
		t.Errorf("query: exit %d, %q %q", code, out, errOut)
	}
	if out := p.run("ingest", "--now", now); !strings.Contains(out, "0 lines") {
		t.Errorf("ingest: %s", out)
	}

	d := &daemonProcess{program: p}
	t.Cleanup(d.end)
	d.start()
	var s statusReport
	if err := json.Unmarshal([]byte(p.run("status", "--json")), &s); err != nil || s.Daemon == nil || !strings.Contains(s.Daemon.CatalogError, "catalog.yaml:") {
		t.Fatalf("status does not show the refusal: %+v %v", s.Daemon, err)
	}
	write(t, catalog, string(good))
	waitFor(t, "the mended catalog to be in force", func() bool {
		var s statusReport
		return json.Unmarshal([]byte(p.run("status", "--json")), &s) == nil && s.Daemon != nil && s.Daemon.CatalogError == ""
	}, d.said)
	d.stop()

	// Status in rows, as the other formats have it.
	rows := p.table("status", "--format", "csv")
	found := false
	for _, r := range rows {
		found = found || r["section"] == "source" && r["name"] == "edge-1" && r["figure"] == "events" && r["value"] == "133"
	}
	if !found {
		t.Errorf("status --format csv: %v", rows)
	}
}
