package forget

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
	"pixledger/schemas/lakedb/forget/forgettest"
	"pixledger/schemas/lakedb/rewrite/rewritetest"
)

var testNow = time.Date(2026, 11, 12, 12, 0, 0, 0, time.UTC)

const (
	testDay = "2026-11-10"
	longID  = "0B0C5F2C11D09BE7418A0C27D5A1E0F3"
)

var clicks = lake.EventFolder(schemas.Click, testDay)

var testFolders = []string{
	clicks, lake.EventFolder(schemas.Conversion, testDay), lake.EventFolder(schemas.Conversion, "2026-11-11"),
	"rejects/date=" + testDay, "attributions/date=" + testDay, "attributions/date=2026-11-11",
}

// world is a lake in which a user's id stands in every place where one may.
type world struct {
	t     *testing.T
	root  string
	lake  *lake.Lake
	db    *lakedb.DB
	made  string
	count int
}

func newWorld(t *testing.T, id string) *world {
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
	w.ingest(disk.Real, w.root, id, testFolders...)
	return w
}

// ingest commits rows to each of the folders of the lake at root.
func (w *world) ingest(d *disk.Disk, root, id string, folders ...string) {
	w.t.Helper()
	if err := w.tryIngest(d, root, id, folders...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tryIngest(d *disk.Disk, root, id string, folders ...string) error {
	return rewritetest.Ingest(d, root, w.made, testNow, folders, func(folder, file string) (int64, error) {
		kind, _, _ := strings.Cut(folder, "/")
		statement, err := os.ReadFile("testdata/" + kind + ".sql")
		if err != nil {
			return 0, err
		}
		w.count++
		_, err = w.db.Exec(string(statement), fmt.Sprint("source", w.count), id, lake.FolderDate(folder), file)
		return 60, err
	})
}

func (w *world) options(ids ...string) Options {
	return Options{Lake: w.lake, Now: testNow, UserIDs: ids, Session: lakedb.Options{Threads: 1, TempDir: lake.TempDir(w.root)}}
}

func (w *world) forget(ids ...string) Summary {
	w.t.Helper()
	sum, err := Run(context.Background(), w.options(ids...))
	if err != nil {
		w.t.Fatal(err)
	}
	return sum
}

// noTrace fails where the texts still stand in the lake.
func (w *world) noTrace(texts ...string) {
	w.t.Helper()
	found, err := forgettest.Traces(w.root, texts...)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range found {
		w.t.Errorf("a trace is left in %s", f)
	}
}

// one gives the one value that a query over a glob of files gives.
func (w *world) one(query, glob string) string {
	w.t.Helper()
	var s string
	if err := w.db.QueryRow(query, w.lake.Path(glob)).Scan(&s); err != nil {
		w.t.Fatal(err)
	}
	return s
}
