package lake

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// A file whose place can't be looked at, as when a disk fails once, is neither
// moved nor taken for moved: then it would go with its staging folder. That
// the program keeps to it is seen by the strace scenario of cmd/soak.
func TestFailureToLookIsNoAnswer(t *testing.T) {
	l := &Lake{root: t.TempDir()}
	for _, p := range []string{"there", stagingDir + "/s/there"} {
		if err := os.MkdirAll(filepath.Dir(l.Path(p)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(l.Path(p), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, loop := range []string{"loop", stagingDir + "/s/loop"} { // every look below it fails, and not with "not found"
		if err := os.Symlink(l.Path(loop), l.Path(loop)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		staged, final string
		move, fails   bool
	}{
		{"there", "missing", true, false},
		{"there", "there", false, false},
		{"missing", "missing", false, false},
		{"missing", "there", false, false},
		{"there", "loop/file", false, true},
		{"loop/file", "missing", false, true},
	} {
		_, move, err := l.staged(&Record{Staging: "s"}, File{Path: c.final, Staged: c.staged})
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
		if _, err := os.Lstat(filepath.Join(root, p)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there", p)
		}
	}
}

// A dataset's empty file that is lost comes back with the next opener: without
// it a glob could be empty, and queries would fail.
func TestLostEmptyFilesComeBack(t *testing.T) {
	l := newLake(t)
	if err := os.RemoveAll(l.Path("voids")); err != nil {
		t.Fatal(err)
	}
	reopen(t, l, true)
	want(t, "voids", len(glob(t, l, "voids")), 1)
}

// Who looks for what is new since a commit goes by the names of files.
func TestCommitOfAFile(t *testing.T) {
	for file, want := range map[string]int64{
		"events/type=click/date=2026-11-01/c000000000012-3.parquet": 12,
		"events/type=click/date=1970-01-01/empty.parquet":           0,
		"c1234567890123-0.parquet":                                  1234567890123,
	} {
		if got := CommitOf(file); got != want {
			t.Errorf("%s: %d, want %d", file, got, want)
		}
	}
}
