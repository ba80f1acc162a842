package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// said is a report in lines, in which dir stands as $DIR. Every finding that is
// not fine has a remedy.
func said(t *testing.T, r *Report, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, f := range r.Findings {
		if (f.Level == OK) != (f.Remedy == "") {
			t.Errorf("%s of %s has the remedy %q: %s", f.Level, f.Check, f.Remedy, f.What)
		}
		if strings.Contains(f.What+f.Remedy, "%!") {
			t.Errorf("a format that is none: %+v", f)
		}
		what := f.What
		if dir != "" {
			what = strings.ReplaceAll(what, dir, "$DIR")
		}
		fmt.Fprintf(&b, "%s %s: %s\n", f.Level, f.Check, what)
	}
	return b.String()
}

// expect compares a report with what it should say: each line a finding, of which
// the beginning is enough.
func expect(t *testing.T, r *Report, dir string, want ...string) {
	t.Helper()
	got := said(t, r, dir)
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if got == "" {
		lines = nil
	}
	if len(lines) != len(want) {
		t.Errorf("%d findings, want %d:\n%s", len(lines), len(want), got)
		return
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("finding %d is\n%s\nwant\n%s", i+1, lines[i], want[i])
		}
	}
}
