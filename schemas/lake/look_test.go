package lake

import (
	"os"
	"path/filepath"
	"testing"
)

// A file whose place can't be looked at, as when a disk fails once, is neither
// moved nor taken for moved: then it would go with its staging folder. That
// the program keeps to it is seen by the strace scenario of cmd/soak.
func TestFailureToLookIsNoAnswer(t *testing.T) {
	dir := t.TempDir()
	there, missing := filepath.Join(dir, "there"), filepath.Join(dir, "missing")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop") // every look below it fails, and not with "not found"
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	unseen := filepath.Join(loop, "file")
	for _, c := range []struct {
		staged, final string
		move, fails   bool
	}{
		{there, missing, true, false},
		{there, there, false, false},
		{missing, missing, false, false},
		{missing, there, false, false},
		{there, unseen, false, true},
		{unseen, missing, false, true},
	} {
		move, err := toMove(c.staged, c.final)
		if move != c.move || (err != nil) != c.fails {
			t.Errorf("%s to %s: %v %v", c.staged, c.final, move, err)
		}
	}
}

// Who is killed while it creates a lake leaves nothing in it for ever.
func TestHalfCreatedLake(t *testing.T) {
	root := filepath.Join(t.TempDir(), "lake")
	left := []string{"_state/.lake.json.tmp3241337261", "events/type=click/date=1970-01-01/.empty.parquet.tmp17"}
	for _, p := range left {
		p = filepath.Join(root, p)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenOrCreate(root, testTime); err != nil {
		t.Fatal(err)
	}
	for _, p := range left {
		if exists(filepath.Join(root, p)) {
			t.Errorf("%s is there", p)
		}
	}
}
