package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

var testTime = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func testNow() time.Time { return testTime }

func testLake(t testing.TB) *lake.Lake {
	t.Helper()
	l, err := lake.OpenOrCreate(filepath.Join(t.TempDir(), "lake"), testTime)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func testOptions(l *lake.Lake) Options {
	return Options{Lake: l, Now: testNow, Threads: 2, MaxLine: 4096, Format: "pixledger"}
}

// line is one log line whose event has the id.
func line(id string) string {
	return fmt.Sprintf(`{"time":"1793534400.123","id":"%s","ip":"203.0.113.7","method":"GET","host":"px.example","uri":"/imptr?id=2766","status":"200","referer":"","ua":"","uid_got":"uid=0B0C","uid_set":"-","gpc":""}`+"\n", id)
}

// lines are the lines with ids prefix-from to prefix-(to-1).
func lines(prefix string, from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(line(fmt.Sprintf("%s-%d", prefix, i)))
	}
	return b.String()
}

func ids(prefix string, from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("%s-%d", prefix, i))
	}
	return out
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t testing.TB, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func gz(t testing.TB, content string) string {
	t.Helper()
	var b strings.Builder
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zst(t testing.TB, content string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return string(w.EncodeAll([]byte(content), nil))
}

// column reads a text column of all committed files of a dataset, sorted.
func column(t testing.TB, l *lake.Lake, d schemas.Dataset, name string) []string {
	t.Helper()
	again, err := lake.Open(l.Root())
	if err != nil {
		t.Fatal(err)
	}
	s, err := again.State()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, p := range s.FilesOf(d, "") {
		out = append(out, fileColumn(t, l.Path(p), name)...)
	}
	slices.Sort(out)
	return out
}

func fileColumn(t testing.TB, path, name string) []string {
	t.Helper()
	out, err := fileTexts(path, name)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fileTexts reads a text column of one file.
func fileTexts(path, name string) (out []string, err error) {
	defer func() {
		if r := recover(); r != nil { // the reader's way to say that a file is damaged
			err = fmt.Errorf("%s: %v", path, r)
		}
	}()
	pf, err := file.OpenParquetFile(path, false)
	if err != nil {
		return nil, err
	}
	defer pf.Close()
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	groups := make([]int, pf.NumRowGroups())
	for i := range groups {
		groups[i] = i
	}
	leaf := pf.MetaData().Schema.ColumnIndexByName(name)
	table, err := r.ReadRowGroups(context.Background(), []int{leaf}, groups)
	if err != nil {
		return nil, err
	}
	defer table.Release()
	for _, c := range table.Column(0).Data().Chunks() {
		for i := range c.Len() {
			out = append(out, c.(*array.String).Value(i))
		}
	}
	return out, nil
}

func wantIDs(t testing.TB, l *lake.Lake, want ...[]string) {
	t.Helper()
	got := column(t, l, schemas.Events, "event_id")
	all := slices.Concat(want...)
	slices.Sort(all)
	if !slices.Equal(got, all) {
		t.Fatalf("events: got %d %s, want %d %s", len(got), few(got), len(all), few(all))
	}
}

func few(s []string) string {
	if len(s) > 12 {
		return strings.Join(s[:12], " ") + " …"
	}
	return strings.Join(s, " ")
}

func ingest(t testing.TB, opts Options, paths ...string) *Summary {
	t.Helper()
	s, err := Files(context.Background(), opts, paths)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantState(t testing.TB, s *Summary, want ...FileState) {
	t.Helper()
	var got []FileState
	for _, f := range s.Files {
		got = append(got, f.State)
	}
	if !slices.Equal(got, want) {
		t.Errorf("states: got %q, want %q", got, want)
	}
}

func mkfifo(t testing.TB, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
}
