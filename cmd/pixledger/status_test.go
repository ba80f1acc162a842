package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
)

// A log that is cut short under the daemon is what an operator must see
// without reading the daemon's own log.
func TestStatusWarnsOfATruncatedLog(t *testing.T) {
	p := program{t: t, dir: t.TempDir()}
	log := filepath.Join(p.dir, "pixel.log")
	write(t, filepath.Join(p.dir, "catalog.yaml"), edgeCatalog)
	write(t, filepath.Join(p.dir, "pixledger.yaml"), fmt.Sprintf(`lake: ./lake
catalog: ./catalog.yaml
sources: [{name: edge-1, path: ./pixel.log, format: pixledger}]
commit: {interval: 200ms}
console: {listen: %q}
`, edgetest.Addr(t)))
	line := func(n int) string {
		return fmt.Sprintf(`{"time":"1763000000.%03d","id":"request-%d","ip":"192.0.2.1","method":"GET","uri":"/imptr?id=2766","status":"200"}`+"\n", n, n)
	}
	write(t, log, line(1)+line(2)+line(3))
	// A rotated file that was not copied whole.
	p.run("gen", "--lines", "200", "-o", "whole.log.gz")
	b, err := os.ReadFile(filepath.Join(p.dir, "whole.log.gz"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "pixel.log.2.gz"), string(b[:len(b)/2]))
	d := &daemonProcess{program: p}
	t.Cleanup(d.end)
	d.start()
	read := func(id string) func() bool {
		return func() bool { return strings.Contains(p.run("query", "SELECT event_id FROM events"), id+"\n") }
	}
	waitFor(t, "three events", read("request-3"), d.said)
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	var out string
	waitFor(t, "a warning in status", func() bool {
		out = p.run("status", "--format", "table")
		return strings.Contains(out, "warning: source edge-1: cut short") && strings.Contains(out, "remedy:")
	}, func() string { return out + d.said() })
	waitFor(t, "a warning of the damaged file", func() bool {
		out = p.run("status", "--format", "table")
		return strings.Contains(out, "pixel.log.2.gz is cut short or damaged")
	}, func() string { return out + d.said() })
	// What is written next is read as a new file.
	write(t, log, line(4))
	waitFor(t, "the fourth event", read("request-4"), d.said)
	d.stop()
}
