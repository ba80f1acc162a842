package lake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pixledger/schemas"
)

var testTime = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func newLake(t *testing.T) *Lake {
	t.Helper()
	l, err := OpenOrCreate(filepath.Join(t.TempDir(), "lake"), testTime)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// reopen opens the lake as a new process would, writing or reading.
func reopen(t *testing.T, l *Lake, write bool) *Lake {
	t.Helper()
	var again *Lake
	var err error
	if write {
		again, err = OpenOrCreate(l.Root(), testTime)
	} else {
		again, err = Open(l.Root())
	}
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func mustState(t *testing.T, l *Lake) *State {
	t.Helper()
	s, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stageFile(t *testing.T, s *Staging, folder, name, content string) Staged {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir(), name), []byte(content), FileMode); err != nil {
		t.Fatal(err)
	}
	return Staged{Folder: folder, Name: name, Rows: 1, Bytes: int64(len(content)), SHA256: hashHex([]byte(content))}
}

// commit commits what build drafts.
func commit(t *testing.T, l *Lake, build func(s *Staging) *Draft) *Record {
	t.Helper()
	s, err := l.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := build(s)
	r, err := l.Commit(s, func(*State) (*Draft, error) { return d, nil })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func span(id string, start, end int64) Range {
	return Range{
		SourceID: id, Edge: "edge-1", Name: "pixel.log", Start: start, End: end,
		Head: PrintOf([]byte(id)), Anchor: PrintOf([]byte(id)),
		Days: map[string]*Counts{"2026-11-01": {Events: map[string]int64{"click": 1}}},
	}
}

const (
	clicks = "events/type=click/date=2026-11-01"
	views  = "events/type=impression/date=2026-11-01"
	day    = "attributions/date=2026-11-01"
)

// glob reads all data files of a folder, as a user does.
func glob(t *testing.T, l *Lake, folder string) []string {
	t.Helper()
	names, err := filepath.Glob(l.Path(folder + "/*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	slices.Sort(out)
	return out
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestNewLakeHasAnEmptyFileInEveryGlob(t *testing.T) {
	l := newLake(t)
	for _, d := range schemas.Datasets {
		for _, f := range mustState(t, l).FilesOf(d, "") {
			if fi, err := os.Stat(l.Path(f)); err != nil || fi.Size() == 0 {
				t.Errorf("%s: %v", f, err)
			}
		}
	}
	again := reopen(t, l, true)
	want(t, "commits", mustState(t, again).Seq, 0)
}

func TestCommitPublishesFilesAndPositionTogether(t *testing.T) {
	l := newLake(t)
	commit(t, l, func(s *Staging) *Draft {
		return &Draft{
			Kind: "ingest", At: testTime,
			Add:    []Staged{stageFile(t, s, clicks, "a", "A"), stageFile(t, s, views, "b", "B")},
			Ranges: []Range{span("src", 0, 10)},
		}
	})
	for name, got := range map[string]*Lake{"same": l, "another process": reopen(t, l, false)} {
		s := mustState(t, got)
		want(t, name+": commits", s.Seq, 1)
		want(t, name+": position", s.Sources["src"].Position, 10)
		want(t, name+": files", len(s.Files), 2)
	}
	want(t, "clicks", glob(t, l, clicks), []string{"A"})
	want(t, "views", glob(t, l, views), []string{"B"})
	entries, err := os.ReadDir(l.Path(stagingDir))
	want(t, "staging", len(entries), 0)
	want(t, "staging", err, nil)
}

func TestRangeMustBeginAtThePosition(t *testing.T) {
	l := newLake(t)
	other := reopen(t, l, true)
	commit(t, l, func(s *Staging) *Draft {
		return &Draft{Kind: "ingest", At: testTime, Ranges: []Range{span("src", 0, 10)}}
	})
	s, err := other.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := stageFile(t, s, clicks, "a", "A")
	_, err = other.Commit(s, func(*State) (*Draft, error) {
		return &Draft{Kind: "ingest", At: testTime, Add: []Staged{f}, Ranges: []Range{span("src", 0, 12)}}, nil
	})
	if !errors.Is(err, ErrConflict) {
		t.Fatalf("got %v, want a conflict", err)
	}
	want(t, "clicks", glob(t, l, clicks), []string{})
	want(t, "position", mustState(t, other).Sources["src"].Position, 10)
}

func TestRefusedDrafts(t *testing.T) {
	l := newLake(t)
	s, err := l.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	good := stageFile(t, s, day, "a", "A")
	short := good
	short.Bytes = 2
	missing := good
	missing.Name = "nowhere"
	for name, d := range map[string]*Draft{
		"shorter than said": {Add: []Staged{short}},
		"missing":           {Add: []Staged{missing}},
		"folder left empty": {Replace: map[string][]Staged{day: nil}},
		"added and swapped": {Add: []Staged{good}, Replace: map[string][]Staged{day: {good}}},
	} {
		d.Kind, d.At = "test", testTime
		if _, err := l.Commit(s, func(*State) (*Draft, error) { return d, nil }); err == nil {
			t.Errorf("%s: was committed", name)
		}
	}
	refusal := errors.New("not today")
	if _, err := l.Commit(s, func(*State) (*Draft, error) { return nil, refusal }); !errors.Is(err, refusal) {
		t.Errorf("got %v, want the refusal", err)
	}
	if r, err := l.Commit(s, func(*State) (*Draft, error) { return nil, nil }); r != nil || err != nil {
		t.Errorf("nothing to commit: got %v, %v", r, err)
	}
	want(t, "commits", mustState(t, l).Seq, 0)
}

// A crash leaves the record, and any number of its files still in staging.
func TestCrashBetweenRecordAndFolders(t *testing.T) {
	contents := map[string]string{clicks: "A", views: "B", "rejects/date=2026-11-01": "C"}
	for left := range 4 {
		t.Run(fmt.Sprintf("%d files moved", 3-left), func(t *testing.T) {
			l := newLake(t)
			r := commit(t, l, func(s *Staging) *Draft {
				d := &Draft{Kind: "ingest", At: testTime, Ranges: []Range{span("src", 0, 10)}}
				for folder, c := range contents {
					d.Add = append(d.Add, stageFile(t, s, folder, "n"+c, c))
				}
				return d
			})
			undo(t, l, r, 3-left)

			wantSeq := int64(0)
			if left == 0 {
				wantSeq = 1
			}
			want(t, "seen before it is completed", mustState(t, reopen(t, l, false)).Seq, wantSeq)
			for range 2 { // completing again does no harm
				again := reopen(t, l, true)
				want(t, "commits", mustState(t, again).Seq, 1)
				for folder, c := range contents {
					want(t, folder, glob(t, l, folder), []string{c})
				}
				entries, _ := os.ReadDir(l.Path(stagingDir))
				want(t, "staging", len(entries), 0)
			}
		})
	}
}

// undo puts a record's files back into staging, as a crash after moving the
// first keep of them leaves it.
func undo(t *testing.T, l *Lake, r *Record, keep int) {
	t.Helper()
	for i, f := range r.Add {
		if i < keep {
			continue
		}
		staged := l.Path(path.Join(stagingDir, r.Staging, f.Staged))
		if err := os.MkdirAll(filepath.Dir(staged), DirMode); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(l.Path(f.Path), staged); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNextCommitCompletesTheOneBefore(t *testing.T) {
	l := newLake(t)
	running := reopen(t, l, true)
	r := commit(t, l, func(s *Staging) *Draft {
		return &Draft{Kind: "ingest", At: testTime, Add: []Staged{stageFile(t, s, clicks, "a", "A")}, Ranges: []Range{span("src", 0, 10)}}
	})
	undo(t, l, r, 0)
	commit(t, running, func(s *Staging) *Draft {
		return &Draft{Kind: "ingest", At: testTime, Add: []Staged{stageFile(t, s, clicks, "b", "B")}, Ranges: []Range{span("src", 10, 20)}}
	})
	want(t, "clicks", glob(t, l, clicks), []string{"A", "B"})
	want(t, "position", mustState(t, running).Sources["src"].Position, 20)
}

func TestReplaceExchangesWholeFolders(t *testing.T) {
	l := newLake(t)
	replace := func(contents ...string) *Record {
		return commit(t, l, func(s *Staging) *Draft {
			var files []Staged
			for i, c := range contents {
				files = append(files, stageFile(t, s, "", fmt.Sprint("n", i), c))
			}
			return &Draft{Kind: "attribute", At: testTime, Replace: map[string][]Staged{day: files}}
		})
	}
	replace("A", "B")
	want(t, "first", glob(t, l, day), []string{"A", "B"})
	r := replace("C")
	want(t, "second", glob(t, l, day), []string{"C"})
	want(t, "files", len(mustState(t, l).Folder(day)), 1)

	// A crash before the exchange: the new folder is in staging, the old one live.
	staged := l.Path(path.Join(stagingDir, r.Staging, day))
	if err := os.MkdirAll(staged, DirMode); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(l.Path(r.Replace[0].Files[0].Path), filepath.Join(staged, path.Base(r.Replace[0].Files[0].Path))); err != nil {
		t.Fatal(err)
	}
	for i, c := range []string{"A", "B"} {
		if err := os.WriteFile(l.Path(fmt.Sprintf("%s/c000000000001-%d.parquet", day, i)), []byte(c), FileMode); err != nil {
			t.Fatal(err)
		}
	}
	before := reopen(t, l, false)
	want(t, "seen before it is completed", mustState(t, before).Seq, 1)
	reopen(t, l, true)
	want(t, "completed", glob(t, l, day), []string{"C"})
	want(t, "the reader goes on", mustState(t, before).Seq, 2)
}

func TestFirstReplaceOfAFolderSurvivesACrash(t *testing.T) {
	l := newLake(t)
	r := commit(t, l, func(s *Staging) *Draft {
		return &Draft{Kind: "attribute", At: testTime, Replace: map[string][]Staged{day: {stageFile(t, s, "", "n", "A")}}}
	})
	staged := l.Path(path.Join(stagingDir, r.Staging, day))
	if err := os.MkdirAll(filepath.Dir(staged), DirMode); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(l.Path(day), staged); err != nil {
		t.Fatal(err)
	}
	reopen(t, l, true)
	want(t, "completed", glob(t, l, day), []string{"A"})
}

func TestCrashBeforeTheRecordLeavesNothing(t *testing.T) {
	l := newLake(t)
	dead := l.Path(stagingDir + "/sdead")
	if err := os.MkdirAll(dead, DirMode); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{dead + "/a.parquet", l.Path(commitsDir + "/.000000000001.tmp")} {
		if err := os.WriteFile(p, []byte("half"), FileMode); err != nil {
			t.Fatal(err)
		}
	}
	working, err := l.Stage() // of a process that lives
	if err != nil {
		t.Fatal(err)
	}
	defer working.Close()
	again := reopen(t, l, true)
	if there, _ := l.disk.Exists(dead); there {
		t.Error("what a dead process left is still there")
	}
	if there, _ := l.disk.Exists(working.Dir()); !there {
		t.Error("what a living process works in is gone")
	}
	want(t, "commits", mustState(t, again).Seq, 0)
	commit(t, again, func(s *Staging) *Draft { return &Draft{Kind: "test", At: testTime} })
	want(t, "commits", mustState(t, again).Seq, 1)
}

func TestLostFileDoesNotStopTheLake(t *testing.T) {
	l := newLake(t)
	r := commit(t, l, func(s *Staging) *Draft {
		return &Draft{Kind: "ingest", At: testTime, Add: []Staged{stageFile(t, s, clicks, "a", "A")}}
	})
	if err := os.Remove(l.Path(r.Add[0].Path)); err != nil {
		t.Fatal(err)
	}
	again := reopen(t, l, true)
	if _, there := mustState(t, again).Files[r.Add[0].Path]; !there {
		t.Error("the lost file is forgotten: nobody would notice")
	}
}

func TestDamagedAndMissingRecords(t *testing.T) {
	l := newLake(t)
	for i := range int64(3) {
		commit(t, l, func(s *Staging) *Draft {
			return &Draft{Kind: "ingest", At: testTime, Ranges: []Range{span("src", i*10, i*10+10)}}
		})
	}
	second := l.Path(recordName(2))
	content, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ content, message string }{
		"half":          {string(content[:len(content)/2]), "restore it from a backup"},
		"of another":    {strings.Replace(string(content), `"seq":2`, `"seq":7`, 1), "holds commit 7"},
		"changed":       {strings.Replace(string(content), `"edge-1"`, `"edge-9"`, 1), "names another commit 2"},
		"of the future": {strings.Replace(string(content), `"version":1`, `"version":99`, 1), "version 99"},
	} {
		if err := os.WriteFile(second, []byte(c.content), FileMode); err != nil {
			t.Fatal(err)
		}
		if _, err := reopen(t, l, false).State(); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: got %v, want %q", name, err, c.message)
		}
	}
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenOrCreate(l.Root(), testTime); err == nil || !strings.Contains(err.Error(), "commit 2 is missing, and there is a commit 3") {
		t.Errorf("a missing record: got %v", err)
	}
}

func TestCheckpointIsACache(t *testing.T) {
	l := newLake(t)
	for i := range int64(checkpointEvery + 2) {
		commit(t, l, func(s *Staging) *Draft {
			return &Draft{Kind: "ingest", At: testTime, Ranges: []Range{span("src", i*10, i*10+10)}}
		})
	}
	full, err := json.Marshal(mustState(t, l))
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string) {
		t.Helper()
		b, err := json.Marshal(mustState(t, reopen(t, l, false)))
		if err != nil || string(b) != string(full) {
			t.Errorf("%s: the state is another: %v", what, err)
		}
	}
	file := l.Path(fmt.Sprintf("%s/%012d.json", checkpointDir, checkpointEvery))
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	same("with the checkpoint")
	for what, content := range map[string]string{
		"half":    string(b[:len(b)/2]),
		"empty":   "",
		"changed": strings.Replace(string(b), `"position":2560`, `"position":2561`, 1),
	} {
		if err := os.WriteFile(file, []byte(content), FileMode); err != nil {
			t.Fatal(err)
		}
		same(what)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	same("without")
}

func TestNewerLakeIsRefused(t *testing.T) {
	l := newLake(t)
	if err := os.WriteFile(l.Path(versionFile), []byte(`{"version":2}`), FileMode); err != nil {
		t.Fatal(err)
	}
	var ve *VersionError
	if _, err := OpenOrCreate(l.Root(), testTime); !errors.As(err, &ve) || ve.Version != 2 {
		t.Errorf("got %v, want a version error", err)
	}
}

func TestFoldersThatAreNoLake(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, ErrNoLake) {
		t.Errorf("no folder: got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), nil, FileMode); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenOrCreate(dir, testTime); err == nil || !strings.Contains(err.Error(), "letter.txt") {
		t.Errorf("a folder of somebody else: got %v", err)
	}
	if _, err := Open(filepath.Join(dir, "letter.txt")); err == nil {
		t.Error("a file was opened as a lake")
	}
}

func TestLockNamesItsHolder(t *testing.T) {
	l := newLake(t)
	unlock, err := l.Lock(context.Background(), "jobs", "pixledger close", 0)
	if err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := reopen(t, l, false).Lock(context.Background(), "jobs", "pixledger attribute", 0); !errors.As(err, &held) ||
		!strings.Contains(err.Error(), fmt.Sprintf("pixledger close (process %d)", os.Getpid())) {
		t.Errorf("got %v, want the holder's name", err)
	}
	if _, err := l.Lock(context.Background(), "jobs", "x", time.Millisecond); !errors.As(err, &held) {
		t.Errorf("after waiting: got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Lock(ctx, "jobs", "x", time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	unlock()
	again, err := l.Lock(context.Background(), "jobs", "x", 0)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestManyWritersLoseNothing(t *testing.T) {
	l := newLake(t)
	const writers, each = 4, 8
	var wg sync.WaitGroup
	for w := range writers {
		mine := reopen(t, l, false)
		wg.Go(func() {
			for i := range int64(each) {
				s, err := mine.Stage()
				if err != nil {
					t.Error(err)
					return
				}
				name := fmt.Sprintf("%d-%d", w, i)
				f := stageFile(t, s, clicks, "n", name)
				_, err = mine.Commit(s, func(*State) (*Draft, error) {
					return &Draft{Kind: "ingest", At: testTime, Add: []Staged{f}, Ranges: []Range{span(fmt.Sprint(w), i, i+1)}}, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want(t, "commits", mustState(t, l).Seq, writers*each)
	want(t, "files", len(glob(t, l, clicks)), writers*each)
}

func TestKnownAndEarlier(t *testing.T) {
	l := newLake(t)
	content := []byte("first line\nsecond line\nthird line\n")
	commit(t, l, func(s *Staging) *Draft {
		r := span("src", 0, int64(len(content)))
		r.Head, r.HeadLines = PrintOf(content), HeadLinesOf(content)
		return &Draft{Kind: "ingest", At: testTime, Ranges: []Range{r}}
	})
	s := mustState(t, l)
	for _, c := range []struct {
		head           string
		known, earlier bool
	}{
		{string(content), true, false},
		{string(content) + "fourth\n", true, false},
		{"first line\nsecond line\n", false, true},
		{"first line\nsec", false, true},
		{"first li", false, false},
		{"second line\n", false, false},
		{"", false, false},
	} {
		want(t, fmt.Sprintf("%q known", c.head), len(s.Known([]byte(c.head))) > 0, c.known)
		want(t, fmt.Sprintf("%q earlier", c.head), s.Earlier([]byte(c.head)) != nil, c.earlier)
	}
	id := s.NewSourceID([]byte("x"), nil)
	if other := s.NewSourceID([]byte("x"), func(taken string) bool { return taken == id }); other == id {
		t.Error("two files got one id")
	}
}
