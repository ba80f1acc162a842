package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What docs/moving.md tells to type prints what it shows, in its order: with the
// importer's example files, and a log with the two requests that it makes.
func TestMovingGuide(t *testing.T) {
	path := filepath.Join(repository, "docs", "moving.md")
	text := readText(t, path)
	dir := t.TempDir()
	home := filepath.Join(dir, "network")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pixels.json", "line-items.json"} {
		write(t, filepath.Join(home, name), readText(t, filepath.Join(repository, "schemas", "xandr", "testdata", name)))
	}
	const line = `{"time":"TIME","id":"ID","ip":"203.0.113.9","method":"GET","host":"px.network.example","uri":"URI","status":"STATUS",` +
		`"referer":"","ua":"Mozilla/5.0","uid_got":"GOT","uid_set":"SET","gpc":""}` + "\n"
	click := strings.NewReplacer("TIME", "1795694040.120", "ID", "7f2c1a90b3d84e5f", "URI", "/clktr?id=21378", "STATUS", "302", "GOT", "", "SET", "uid=0B0C7F5A")
	fire := strings.NewReplacer("TIME", "1795694055.480", "ID", "9a01c4d7e2f35b68", "URI", "/px?id=9012&order_id=TEST-1&value=99.00&t=2", "STATUS", "200", "GOT", "uid=0B0C7F5A", "SET", "")
	write(t, filepath.Join(home, "pixel.log"), click.Replace(line)+fire.Replace(line))
	write(t, filepath.Join(home, "test.csv"), "order_id\nTEST-1\n")
	linkProgram(t, filepath.Join(dir, "bin"))
	g := guide{t: t, dir: home, path: filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}
	got := strings.ReplaceAll(g.run(text), home, "/srv/network")
	if g.commands < 8 {
		t.Errorf("it shows %d command lines", g.commands)
	}
	keepsShowing(t, path, text, got)
}
