package ingest

import (
	"path/filepath"
	"strings"
	"testing"

	"pixledger/schemas/lake"
)

// A commit that is published while the next one is gathered may fail: then what
// was gathered behind it counts as little, and all is read again.
func TestAnotherProcessReadsTheFileWhileACommitIsUnderWay(t *testing.T) {
	for _, at := range []int{1, 3} {
		l := testLake(t)
		log, second := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "second")
		write(t, log, lines("a", 0, 25_000))
		write(t, second, lines("b", 0, 12_000))
		opts := testOptions(l)
		opts.Rows = 1000 // every block is a commit
		blocks := 0
		opts.Progress = func(Progress) {
			if blocks++; blocks != at {
				return
			}
			other, err := lake.Open(l.Root())
			if err != nil {
				t.Fatal(err)
			}
			wantState(t, ingest(t, testOptions(other), log), Read)
		}
		s := ingest(t, opts, log, second)
		wantIDs(t, l, ids("a", 0, 25_000), ids("b", 0, 12_000))
		if got := s.Files[1].Counts.Lines(); got != 12_000 {
			t.Errorf("after block %d: the second file is reported with %d lines", at, got)
		}
		if problems := verify(t, l.Root(), testTime.AddDate(-1, 0, 0)); len(problems) > 0 {
			t.Errorf("after block %d: %q", at, problems)
		}
	}
}

// Blank lines are no lines, however many commits they would fill.
func TestBlankLinesForMoreThanACommit(t *testing.T) {
	l := testLake(t)
	log := filepath.Join(t.TempDir(), "log")
	write(t, log, lines("a", 0, 3)+strings.Repeat("\n", 5*blockBytes)+lines("a", 3, 6))
	opts := testOptions(l)
	opts.Rows = 1000
	wantState(t, ingest(t, opts, log), Read)
	wantState(t, ingest(t, opts, log), AlreadyRead)
	wantIDs(t, l, ids("a", 0, 6))
	if problems := verify(t, l.Root(), testTime.AddDate(-1, 0, 0)); len(problems) > 0 {
		t.Errorf("%q", problems)
	}
}
