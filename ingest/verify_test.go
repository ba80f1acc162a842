package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

func verify(t *testing.T, root string, since time.Time) []string {
	t.Helper()
	l, err := lake.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := Verify(context.Background(), l, s, since)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range problems {
		out = append(out, p.String())
	}
	return out
}

// filledLake has two commits of a log with rows of several types and rejects.
func filledLake(t *testing.T) *lake.Lake {
	t.Helper()
	l := testLake(t)
	log := filepath.Join(t.TempDir(), "pixel.log")
	other := strings.NewReplacer("/imptr?id=2766", "/px?id=1&seg=4,5&remove=6&order_id=A&value=12.5&x=y").Replace(lines("c", 0, 3000))
	write(t, log, lines("a", 0, 3000)+"no request\n"+other+strings.ReplaceAll(line("z"), "/imptr", "/index"))
	ingest(t, testOptions(l), log)
	appendTo(t, log, lines("b", 0, 5))
	ingest(t, testOptions(l), log)
	return l
}

func TestVerifyFindsNothingWrongWithAGoodLake(t *testing.T) {
	l := filledLake(t)
	if got := verify(t, l.Root(), time.Time{}); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	flip := func(path string, at int64) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[at] ^= 0xff
		write(t, path, string(b))
	}
	clicks := "events/type=impression/date=2026-11-01/c000000000001-"
	first := func(l *lake.Lake, prefix string) string {
		s, err := l.State()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s.FilesOf(schemas.Events, "") {
			if strings.HasPrefix(p, prefix) {
				return l.Path(p)
			}
		}
		t.Fatal("no file " + prefix)
		return ""
	}
	for name, c := range map[string]struct {
		damage func(l *lake.Lake)
		want   string
	}{
		"missing file":           {func(l *lake.Lake) { os.Remove(first(l, clicks)) }, "is missing"},
		"flipped bit":            {func(l *lake.Lake) { flip(first(l, clicks), 900) }, "has changed since its commit"},
		"cut file":               {func(l *lake.Lake) { os.Truncate(first(l, clicks), 500) }, "has 500 bytes"},
		"stray file":             {func(l *lake.Lake) { write(t, l.Path("events/type=click/date=2026-11-01.parquet"), "x") }, "no commit added it"},
		"stray with name":        {func(l *lake.Lake) { write(t, l.Path("rejects/date=1970-01-01/c000000000001-9.parquet"), "x") }, "no commit added it"},
		"stray of a lost commit": {func(l *lake.Lake) { write(t, l.Path("rejects/date=1970-01-01/c000000000003-0.parquet"), "x") }, "no commit added it"},
		"damaged empty":          {func(l *lake.Lake) { flip(l.Path("voids/empty.parquet"), 10); flip(l.Path("voids/empty.parquet"), 60) }, "voids/empty.parquet"},
		"changed record":         {func(l *lake.Lake) { edit(t, l, 1, `"edge":"pixel.log"`, `"edge":"pixel.lag"`) }, "commit 2: does not name the hash of commit 1"},
		"changed account":        {func(l *lake.Lake) { edit(t, l, 1, `"conversion":3000`, `"conversion":2999`) }, "3000 rows of events/type=conversion, its account 2999"},
		"lines without":          {func(l *lake.Lake) { edit(t, l, 1, `"ignored":1`, `"ignored":2`) }, "6002 lines were read, events, rejects, ignored and not counted are 6003"},
		"record of others":       {func(l *lake.Lake) { edit(t, l, 1, `"seq":1`, `"seq":3`) }, "holds commit 3"},
	} {
		t.Run(name, func(t *testing.T) {
			l := filledLake(t)
			s, err := l.State()
			if err != nil {
				t.Fatal(err)
			}
			c.damage(l)
			problems, err := Verify(context.Background(), l, s, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range problems {
				if strings.Contains(p.String(), c.want) {
					return
				}
			}
			t.Errorf("got %v, want %q", problems, c.want)
		})
	}
}

// Rows of lines that were read before, or of one line twice, are doubled though
// all counts agree.
// A merged file holds rows of lines that were read, each once.
func TestVerifyLooksIntoMergedFiles(t *testing.T) {
	l := filledLake(t)
	log := filepath.Join(t.TempDir(), "other.log")
	write(t, log, lines("d", 0, 3000))
	foreign := testLake(t)
	ingest(t, testOptions(foreign), log)
	folder := lake.EventFolder(schemas.Impression, "2026-11-01")
	file := func(l *lake.Lake) (lake.File, []byte) {
		s, err := l.State()
		if err != nil {
			t.Fatal(err)
		}
		f := s.Folder(folder)[0]
		b, err := os.ReadFile(l.Path(f.Path))
		if err != nil {
			t.Fatal(err)
		}
		return f, b
	}
	merge := func(f lake.File, content []byte) {
		s, err := l.Stage()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		write(t, filepath.Join(s.Dir(), "merged"), string(content))
		_, err = l.Commit(s, func(state *lake.State) (*lake.Draft, error) {
			merged := lake.Staged{Folder: folder, Name: "merged", Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256}
			return &lake.Draft{
				Kind: lake.CompactKind, At: testTime, Keep: state.Folder(folder)[1:],
				Replace: map[string][]lake.Staged{folder: {merged}},
			}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	merge(file(l))
	if got := verify(t, l.Root(), time.Time{}); len(got) > 0 {
		t.Errorf("a file in the place of itself: %q", got)
	}
	merge(file(foreign))
	if got := strings.Join(verify(t, l.Root(), time.Time{}), "\n"); !strings.Contains(got, "which its commit did not read") {
		t.Errorf("rows of a log that was not read: %q", got)
	}
}

func TestVerifyFindsDoubledRanges(t *testing.T) {
	from := filledLake(t)
	state, err := from.State()
	if err != nil {
		t.Fatal(err)
	}
	var src *lake.Source
	for _, src = range state.Sources {
	}
	var file lake.File
	for _, f := range state.Files {
		if strings.HasPrefix(f.Path, "events/type=impression/") && f.Rows == 5 {
			file = f
		}
	}
	content, err := os.ReadFile(from.Path(file.Path))
	if err != nil || file.Rows == 0 {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		start  int64 // of the range that the rows are said to be of
		copies int
		want   string
	}{
		{"another range", 0, 1, "which its commit did not read"},
		{"twice", src.Position - int64(len(lines("b", 0, 5))), 2, "c000000000002-1.parquet: has a row of log " + src.ID},
		{"once", src.Position - int64(len(lines("b", 0, 5))), 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := testLake(t)
			doublingCommit(t, l, src, c.start, file, content, c.copies)
			got := strings.Join(verify(t, l.Root(), time.Time{}), "\n")
			if !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// doublingCommit commits copies of a file as if they were read from start on.
func doublingCommit(t *testing.T, l *lake.Lake, src *lake.Source, start int64, f lake.File, content []byte, copies int) {
	t.Helper()
	commit := func(build func(s *lake.Staging) *lake.Draft) {
		t.Helper()
		s, err := l.Stage()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := l.Commit(s, func(*lake.State) (*lake.Draft, error) { return build(s), nil }); err != nil {
			t.Fatal(err)
		}
	}
	n := int64(len(lines("b", 0, 5)))
	if start > 0 { // what comes before is ignored lines
		commit(func(*lake.Staging) *lake.Draft {
			days := map[string]*lake.Counts{"2026-11-01": {Ignored: 1}}
			return &lake.Draft{Kind: "ingest", At: testTime, Ranges: []lake.Range{{SourceID: src.ID, Name: src.Name, End: start, Total: 1, Days: days}}}
		})
	}
	commit(func(s *lake.Staging) *lake.Draft {
		d := &lake.Draft{Kind: "ingest", At: testTime}
		for i := range copies {
			name := fmt.Sprint("n", i)
			write(t, filepath.Join(s.Dir(), name), string(content))
			d.Add = append(d.Add, lake.Staged{
				Folder: path.Dir(f.Path), Name: name, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256, MinTime: f.MinTime, MaxTime: f.MaxTime,
			})
		}
		rows := f.Rows * int64(copies)
		days := map[string]*lake.Counts{"2026-11-01": {Events: map[string]int64{"impression": rows}}}
		d.Ranges = []lake.Range{{SourceID: src.ID, Name: src.Name, Start: start, End: start + n, Total: rows, Days: days}}
		return d
	})
}

// edit changes the text of a commit record.
func edit(t *testing.T, l *lake.Lake, seq int, old, new string) {
	t.Helper()
	p := l.Path("_state/commits/00000000000" + string(rune('0'+seq)) + ".json")
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s has no %s: %s", p, old, b)
	}
	write(t, p, strings.Replace(string(b), old, new, 1))
}

// A file that was damaged before its hash was taken is found by reading it.
func TestVerifyReadsEveryPage(t *testing.T) {
	l := filledLake(t)
	s, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	for p, f := range s.Files {
		if f.Rows < 1000 {
			continue
		}
		path := l.Path(p)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 64 { // in the middle: data pages
			b[len(b)/3+i] ^= 0x5a
		}
		write(t, path, string(b))
		if err := readBack(path, schemas.Events, lake.File{Rows: f.Rows}, newCommitRows(0, nil)); err == nil {
			t.Errorf("%s: damaged pages were read", p)
		}
	}
}

// Bounds that are not those of the rows would hide rows from readers.
func TestVerifyHoldsBoundsAgainstTheRows(t *testing.T) {
	l := filledLake(t)
	s, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	for p, f := range s.Files {
		b, err := os.ReadFile(l.Path(p))
		if err != nil {
			t.Fatal(err)
		}
		footer := len(b) - 8 - int(binary.LittleEndian.Uint32(b[len(b)-8:]))
		told := bytes.ReplaceAll(b[footer:], []byte("pixel.log"), []byte("pixel.lag"))
		if d := datasetOf(t, p); bytes.Equal(told, b[footer:]) {
			t.Errorf("%s tells no bounds of %s", p, d.Name)
		} else {
			wrong := filepath.Join(t.TempDir(), "wrong.parquet")
			write(t, wrong, string(b[:footer])+string(told))
			err = readBack(wrong, d, lake.File{Rows: f.Rows}, newCommitRows(0, nil))
			if err == nil || !strings.Contains(err.Error(), `column edge has in row group 0 values from "pixel.log" to "pixel.log", not from "pixel.lag" to "pixel.lag" as it tells`) {
				t.Errorf("%s: got %v", p, err)
			}
		}
	}
}

func datasetOf(t *testing.T, p string) schemas.Dataset {
	t.Helper()
	for _, d := range schemas.Datasets {
		if strings.HasPrefix(p, d.Name+"/") {
			return d
		}
	}
	t.Fatal(p)
	return schemas.Dataset{}
}

func TestVerifySinceReadsOnlyNewerFiles(t *testing.T) {
	l := filledLake(t)
	s, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	for p := range s.Files {
		b, err := os.ReadFile(l.Path(p))
		if err != nil {
			t.Fatal(err)
		}
		b[100] ^= 0xff
		write(t, l.Path(p), string(b))
	}
	if got := verify(t, l.Root(), testTime.Add(time.Hour)); len(got) > 0 {
		t.Errorf("got %q", got)
	}
	if got := verify(t, l.Root(), testTime); len(got) != len(s.Files) {
		t.Errorf("got %q", got)
	}
}
