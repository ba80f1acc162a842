//go:build testall

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The readers that data people have, and which share no code with what writes
// the lake, read every value of it, and skip by its bounds without missing any.
func TestAnotherReaderReadsTheLake(t *testing.T) {
	p := program{t: t, dir: t.TempDir()}
	write(t, filepath.Join(p.dir, "pixledger.yaml"), "lake: ./lake\ncatalog: ./catalog.yaml\nsources: []\n")
	p.run("gen", "--lines", "200000", "-o", "pixel.log", "--init-catalog", "catalog.yaml")
	p.run("ingest", "--format", "pixledger", "pixel.log")
	want := p.run("query", "SELECT type || ' ' || count(*) AS line FROM events GROUP BY type ORDER BY type", "--format", "tsv")

	python := filepath.Join(t.TempDir(), "venv", "bin", "python")
	for _, args := range [][]string{
		{"python3", "-m", "venv", filepath.Dir(filepath.Dir(python))},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pyarrow==26.0.1", "polars==2.1.0"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s\nthis test needs Python with venv and pip", strings.Join(args, " "), err, out)
		}
	}
	out, err := exec.Command(python, "testdata/otherreaders/read.py", filepath.Join(p.dir, "lake")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, lines, _ := strings.Cut(want, "\n"); string(out) != lines {
		t.Errorf("got %q, want %q", out, lines)
	}
}
