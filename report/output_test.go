package report

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// While a report is being made another process may exchange a folder: the
// report is made again, from the new files, and written once.
func TestWithLakeTriesAgain(t *testing.T) {
	l := filled(t)
	opened := 0
	var out bytes.Buffer
	err := WithLake(context.Background(), func() (*lakedb.DB, error) { opened++; return l.open() }, &out, func(db *lakedb.DB, w io.Writer) error {
		if opened == 1 {
			if _, err := io.WriteString(w, "half a result"); err != nil {
				return err
			}
			// As attribution does: the day's folder is exchanged under the open query.
			folder := lake.DateFolder(schemas.Attributions, "2026-11-01")
			staging, err := l.Stage()
			if err != nil {
				return err
			}
			defer staging.Close()
			file := l.write(staging, schemas.Attributions, folder, []fields{{"conversion_id": "v9", "conversion_time": at("2026-11-01T09:00:00Z"), "outcome": "attributed",
				"conversion_type": "post_view", "booked_revenue": "7", "currency": "USD"}})
			if _, err := l.Commit(staging, func(*lake.State) (*lake.Draft, error) {
				return &lake.Draft{Kind: "attribute", At: now, Replace: map[string][]lake.Staged{folder: {file}}}, nil
			}); err != nil {
				return err
			}
		}
		return Query(context.Background(), db, "SELECT conversion_id FROM attributions WHERE date = '2026-11-01'", w, CSV)
	})
	if err != nil || out.String() != "conversion_id\nv9\n" || opened != 2 {
		t.Errorf("got %q %v after %d openings", out.String(), err, opened)
	}
}

// What fails for another reason is not tried again, and leaves nothing.
func TestWithLakeFails(t *testing.T) {
	l := filled(t)
	opened := 0
	var out bytes.Buffer
	boom := errors.New("boom")
	err := WithLake(context.Background(), func() (*lakedb.DB, error) { opened++; return l.open() }, &out, func(_ *lakedb.DB, w io.Writer) error {
		_, _ = io.WriteString(w, "half a result")
		return boom
	})
	if !errors.Is(err, boom) || out.Len() > 0 || opened != 1 {
		t.Errorf("got %v, %q after %d openings", err, out.String(), opened)
	}
	// A file that stays away is named.
	if err := os.Remove(l.Path(fileOf(t, l, "attributions/date=2026-11-01/"))); err != nil {
		t.Fatal(err)
	}
	opened = 0
	err = WithLake(context.Background(), func() (*lakedb.DB, error) { opened++; return l.open() }, &out, func(db *lakedb.DB, w io.Writer) error {
		return Query(context.Background(), db, "SELECT * FROM attributions", w, CSV)
	})
	if err == nil || !strings.Contains(err.Error(), "date=2026-11-01") || opened != attempts || out.Len() > 0 {
		t.Errorf("got %v, %q after %d openings", err, out.String(), opened)
	}
}

func fileOf(t *testing.T, l *testLake, prefix string) string {
	t.Helper()
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range state.FilesOf(schemas.Attributions, prefix) {
		return p
	}
	t.Fatalf("no file in %s", prefix)
	return ""
}

// A result too large for memory comes out whole.
func TestWithLakeLargeResult(t *testing.T) {
	l := newLake(t, network())
	var out bytes.Buffer
	if err := WithLake(context.Background(), l.open, &out, func(db *lakedb.DB, w io.Writer) error {
		return Query(context.Background(), db, "SELECT range AS a, repeat('x', 100) AS b FROM range(100000)", w, CSV)
	}); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 100001 || out.Len() <= spoolMemory {
		t.Errorf("%d lines of %d bytes", n, out.Len())
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "out.csv")
	write := func(s string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, _ = io.WriteString(w, s)
			return err
		}
	}
	if err := WriteFile(p, write("first", nil)); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	if err := WriteFile(p, write("second", boom)); !errors.Is(err, boom) {
		t.Errorf("a failure is told as %v", err)
	}
	if b, err := os.ReadFile(p); err != nil || string(b) != "first" {
		t.Errorf("after a failure the file holds %q %v", b, err)
	}
	link := filepath.Join(dir, "link.csv")
	if err := os.Symlink("out.csv", link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, write("third", nil)); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(p); err != nil || string(b) != "third" {
		t.Errorf("through a link the file holds %q %v", b, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left over: %v %v", entries, err)
	}
	if err := WriteFile(dir, write("x", nil)); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a folder: %v", err)
	}
	if err := WriteFile(filepath.Join(dir, "no", "such.csv"), write("x", nil)); err == nil {
		t.Error("a missing folder is no error")
	}
	if err := WriteFile("/dev/null", write("x", nil)); err != nil {
		t.Errorf("a device: %v", err)
	}
}
