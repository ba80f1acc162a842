package lake

import (
	"os"
	"strings"
	"testing"
)

// Records that are lost, by a disk that lied or a restored backup, stop whoever
// looks at the lake: a part of it must not pass for the whole.
func TestMissingRecordsAreSaid(t *testing.T) {
	l := newLake(t)
	for i, letter := range []string{"A", "B", "C"} {
		at := int64(i) * 10
		commit(t, l, func(s *Staging) *Draft {
			return &Draft{Kind: "ingest", At: testTime, Add: []Staged{stageFile(t, s, clicks, "a", letter)}, Ranges: []Range{span("src", at, at+10)}}
		})
	}
	remove := func(seq int64) {
		t.Helper()
		if err := os.Remove(l.Path(recordName(seq))); err != nil {
			t.Fatal(err)
		}
	}

	// The last one: its file is taken for nobody's, and above all not for that of
	// the commit that gets its number.
	remove(3)
	again := reopen(t, l, true)
	s, err := again.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	staged := stageFile(t, s, clicks, "a", "another")
	_, err = again.Commit(s, func(*State) (*Draft, error) {
		return &Draft{Kind: "ingest", At: testTime, Add: []Staged{staged}, Ranges: []Range{span("src", 20, 40)}}, nil
	})
	if err == nil || !strings.Contains(err.Error(), "c000000000003-0.parquet: is there, and its commit 3 is not") {
		t.Errorf("a commit over a lost one: got %v", err)
	}
	want(t, "commits", mustState(t, reopen(t, l, false)).Seq, 2)
	want(t, "files", glob(t, l, clicks), []string{"A", "B", "C"})

	// One before the last.
	remove(1)
	if _, err := reopen(t, l, false).State(); err == nil || !strings.Contains(err.Error(), "commit 1 is missing, and there is a commit 2") {
		t.Errorf("reading without the first: got %v", err)
	}
}
