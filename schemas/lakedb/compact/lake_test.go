package compact

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/rewrite/rewritetest"
)

const (
	yesterday = "2026-11-10" // a date that is over for more than 24 hours
	today     = "2026-11-12"
)

var testNow = time.Date(2026, 11, 12, 12, 0, 0, 0, time.UTC)

func clicks(date string) string { return lake.EventFolder(schemas.Click, date) }

// world is a lake whose rows are numbered, so that one that is lost or doubled
// is known.
type world struct {
	t    *testing.T
	root string
	lake *lake.Lake
	db   *lakedb.DB // by which files are made, and rows compared
	made string     // a folder for them
	next int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, root: filepath.Join(rewritetest.QuickDir(t), "lake"), made: rewritetest.QuickDir(t)}
	var err error
	if w.lake, err = lake.OpenOrCreate(w.root, testNow); err != nil {
		t.Fatal(err)
	}
	if w.db, err = lakedb.OpenSession(context.Background(), w.lake, nil, lakedb.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	return w
}

// ingest commits rows to each of the folders.
func (w *world) ingest(rows int, folders ...string) {
	w.t.Helper()
	if err := w.ingestOn(disk.Real, w.root, rows, folders...); err != nil {
		w.t.Fatal(err)
	}
}

// ingestOn is ingest by another process, into the lake at another place.
func (w *world) ingestOn(d *disk.Disk, root string, rows int, folders ...string) error {
	return rewritetest.Ingest(d, root, w.made, testNow, folders, func(folder, file string) (int64, error) {
		kind, _, _ := strings.Cut(folder, "/")
		statement, err := os.ReadFile("testdata/" + kind + ".sql")
		if err != nil {
			return 0, err
		}
		first := w.next
		w.next += rows
		_, err = w.db.Exec(string(statement), first, w.next, lake.FolderDate(folder), file)
		return int64(rows), err
	})
}

func (w *world) options() Options {
	return Options{Lake: w.lake, Now: testNow, Session: lakedb.Options{Threads: 2, TempDir: w.made}}
}

func (w *world) compact(o Options) Summary {
	w.t.Helper()
	s, err := Run(context.Background(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) state() *lake.State {
	w.t.Helper()
	s, err := w.lake.State()
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// rows tells of all rows of a folder, by its files or by glob, what they are in
// whatever order: their number, and a hash of all of them as text.
func (w *world) rows(files any) string {
	w.t.Helper()
	var n int64
	var sum string
	err := w.db.QueryRow("SELECT count(*), coalesce(md5(string_agg(row, chr(10) ORDER BY row)), '') FROM (SELECT CAST(r AS VARCHAR) AS row FROM read_parquet($1, hive_partitioning = false) AS r)", files).Scan(&n, &sum)
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprintf("%d rows %s", n, sum)
}

func (w *world) byGlob(folder string) string { return w.rows(w.lake.Path(folder) + "/*.parquet") }

// byState is what the committed files of a folder hold.
func (w *world) byState(folder string) string {
	var files []any
	for _, f := range w.state().Folder(folder) {
		files = append(files, w.lake.Path(f.Path))
	}
	return w.rows(files)
}
