package compact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/rewrite"
	"pixledger/schemas/lakedb/rewrite/rewritetest"
)

// All rows are there as they were, in every column, in fewer files that are
// sorted by user and time; whatever the threads, they are the same bytes.
func TestCompactKeepsEveryRow(t *testing.T) {
	w := newWorld(t)
	rejects := "rejects/date=" + yesterday
	for range 5 {
		w.ingest(300, clicks(yesterday), rejects)
	}
	for range 66 {
		w.ingest(3, clicks(today))
	}
	before := map[string]string{}
	for _, f := range []string{clicks(yesterday), clicks(today), rejects} {
		before[f] = w.byGlob(f)
	}
	copied := rewritetest.QuickDir(t)
	if err := os.CopyFS(copied, os.DirFS(w.root)); err != nil {
		t.Fatal(err)
	}

	sum := w.compact(w.options())
	if sum.Commits != 1 || len(sum.Folders) != 3 || sum.FilesBefore != 5+5+66 || sum.FilesAfter != 3 {
		t.Errorf("got %+v", sum)
	}
	for f, want := range before {
		if got := w.byGlob(f); got != want {
			t.Errorf("%s by glob: %s, want %s", f, got, want)
		}
		if got := w.byState(f); got != want {
			t.Errorf("%s by the records: %s, want %s", f, got, want)
		}
	}
	if again := w.compact(w.options()); again.Commits != 0 {
		t.Errorf("compacted again: %+v", again)
	}
	newest := w.state().Folder(clicks(yesterday))[0]
	if lake.NewestOf(newest) != 5 || !newest.Settled || newest.MinTime == 0 || newest.MaxTime < newest.MinTime {
		t.Errorf("the file is known as %+v", newest)
	}
	if f := w.state().Folder(clicks(today))[0]; lake.NewestOf(f) != 71 || f.Settled {
		t.Errorf("the running date's file is known as %+v", f)
	}

	other, err := lake.OpenOrCreate(copied, testNow)
	if err != nil {
		t.Fatal(err)
	}
	o := w.options()
	o.Lake, o.Session.Threads = other, 1
	w.compact(o)
	state, err := other.State()
	if err != nil {
		t.Fatal(err)
	}
	for p, f := range state.Files {
		if w.state().Files[p].SHA256 != f.SHA256 {
			t.Errorf("%s has other bytes with one thread", p)
		}
	}
}

// Large dates become several files of which each holds other users, and so do
// their row groups: who looks for one reads one.
func TestFilesAreSortedByUser(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		w.ingest(140_000, clicks(yesterday))
	}
	o := w.options()
	o.FileBytes = 1 << 20 // which a row group goes beyond
	w.compact(o)
	var paths []any
	for _, f := range w.state().Folder(clicks(yesterday)) {
		paths = append(paths, w.lake.Path(f.Path))
	}
	if len(paths) != 5 {
		t.Errorf("there are %d files", len(paths))
	}
	rows, err := w.db.Query("SELECT stats_min_value, stats_max_value, row_group_num_rows FROM parquet_metadata($1) WHERE path_in_schema = 'user_id' AND stats_min_value IS NOT NULL ORDER BY file_name, row_group_id", paths)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	last, groups := "", 0
	for rows.Next() {
		var low, top string
		var n int64
		if err := rows.Scan(&low, &top, &n); err != nil {
			t.Fatal(err)
		}
		if low < last || top < low || n > 65_536 {
			t.Errorf("a row group of %d rows has the users from %s to %s, after %s", n, low, top, last)
		}
		last = top
		groups++
	}
	if err := rows.Err(); err != nil || groups != 5 {
		t.Errorf("%d row groups, %v", groups, err)
	}
}

// What is committed into a folder while it is compacted stays in it, and another
// exchange of the folder makes compaction look again.
func TestCommitsMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name      string
		meanwhile func(w *world)
		kept      int
	}{
		{"an ingest", func(w *world) { w.ingest(7, clicks(yesterday)); w.ingest(7, clicks(yesterday), clicks(today)) }, 2},
		{"another exchange", func(w *world) {
			r, err := rewrite.Run(context.Background(), rewrite.Job{
				Lake: w.lake, Kind: "forget", Now: testNow,
				Folders: []rewrite.Folder{{Path: clicks(yesterday), Files: w.state().Folder(clicks(yesterday))[:2]}},
			})
			if err != nil || r.Folders[0].Kept != 2 {
				w.t.Errorf("got %+v, %v", r, err)
			}
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for range 4 {
				w.ingest(20, clicks(yesterday))
			}
			o := w.options()
			once := false
			o.Progress = func(int64, int64) {
				if !once {
					once = true
					c.meanwhile(w)
				}
			}
			want := 80 + 7*c.kept
			sum := w.compact(o)
			if len(sum.Folders) != 1 || sum.Folders[0].Kept != c.kept {
				t.Errorf("got %+v", sum)
			}
			if got := w.byGlob(clicks(yesterday)); !strings.HasPrefix(got, fmt.Sprint(want, " rows")) || got != w.byState(clicks(yesterday)) {
				t.Errorf("got %s, want %d", got, want)
			}
		})
	}
}

func TestOneCompactionAtATime(t *testing.T) {
	w := newWorld(t)
	unlock, err := w.lake.Lock(context.Background(), Lock, "another", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	var held *lake.HeldError
	if _, err := Run(context.Background(), w.options()); !errors.As(err, &held) || !strings.Contains(held.Holder, "another") {
		t.Errorf("got %v", err)
	}
}

// Rows are changed as the caller says, in the files that it names; the bytes of
// the old ones are gone.
func TestRewriteChangesRows(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.ingest(500, clicks(yesterday))
	}
	files := w.state().Folder(clicks(yesterday))
	count := func(where string) (n int) {
		t.Helper()
		if err := w.db.QueryRow("SELECT count(*) FROM read_parquet($1) WHERE "+where, w.lake.Path(clicks(yesterday))+"/*.parquet").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const user = "user_id = format('{:032X}', hash(5))"
	had := count(user)
	if had < 10 {
		t.Fatalf("%d rows", had)
	}
	job := rewrite.Job{
		Lake: w.lake, Kind: "forget", Now: testNow, Notes: map[string]string{"rows": fmt.Sprint(had)},
		Folders: []rewrite.Folder{{Path: clicks(yesterday), Files: files[:2]}},
		Prepare: func(ctx context.Context, db *lakedb.DB) error {
			_, err := db.ExecContext(ctx, "CREATE TEMP TABLE forgotten AS SELECT format('{:032X}', hash(5)) AS id, 'p' AS pseudonym")
			return err
		},
		Change: map[string]string{"events": `
			SELECT b.* REPLACE (
				CASE WHEN f.id IS NULL THEN b.user_id ELSE f.pseudonym END AS user_id,
				CASE WHEN f.id IS NULL THEN b.referer END AS referer)
			FROM rows_before AS b LEFT JOIN forgotten AS f ON f.id = b.user_id`},
	}
	if _, err := rewrite.Run(context.Background(), job); err != nil {
		t.Fatal(err)
	}
	if left, changed, all := count(user), count("user_id = 'p' AND referer IS NULL"), count("true"); left+changed != had || changed == 0 || all != 1500 {
		t.Errorf("%d rows of %d were changed, %d were not, of %d", changed, had, left, all)
	}
	for _, f := range files {
		if _, err := os.Stat(w.lake.Path(f.Path)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", f.Path, err)
		}
	}
	if left, err := os.ReadDir(path.Join(w.root, "_state/staging")); err != nil || len(left) > 0 {
		t.Errorf("staging holds %v, %v", left, err)
	}
	// A change that loses rows, or columns, changes nothing.
	before := w.byGlob(clicks(yesterday))
	job.Folders[0].Files = w.state().Folder(clicks(yesterday))
	for change, want := range map[string]string{
		"SELECT * FROM rows_before WHERE user_id IS NOT NULL":                   "the commit records say 1500",
		"SELECT * EXCLUDE (ip) FROM rows_before":                                "allowed: those of events",
		"SELECT * REPLACE (CAST(status AS INTEGER) AS status) FROM rows_before": "status INTEGER",
	} {
		job.Change["events"] = change
		if _, err := rewrite.Run(context.Background(), job); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", change, err)
		}
	}
	job.Folders[0].Path = "ledger/booked=2026-11-01"
	if _, err := rewrite.Run(context.Background(), job); err == nil || !strings.Contains(err.Error(), "never change") {
		t.Errorf("got %v", err)
	}
	if got := w.byGlob(clicks(yesterday)); got != before {
		t.Errorf("got %s, want %s", got, before)
	}
	if left, err := os.ReadDir(path.Join(w.root, "_state/staging")); err != nil || len(left) > 0 {
		t.Errorf("staging holds %v, %v", left, err)
	}
}

// A file that was spoilt is not taken for good, and keeps no other folder from
// being compacted.
func TestSpoiltFileIsRefused(t *testing.T) {
	w := newWorld(t)
	w.ingest(100, clicks(yesterday), "rejects/date="+yesterday)
	w.ingest(100, clicks(yesterday), "rejects/date="+yesterday)
	p := w.lake.Path(w.state().Folder(clicks(yesterday))[0].Path)
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	spoilt := slices.Clone(b)
	spoilt[len(b)/2] ^= 0xff
	if err := os.WriteFile(p, spoilt, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), w.options()); err == nil || !strings.Contains(err.Error(), "has changed since its commit") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(p); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), w.options()); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("got %v", err)
	}
	if n, others := len(w.state().Folder(clicks(yesterday))), len(w.state().Folder("rejects/date="+yesterday)); n != 2 || others != 1 {
		t.Errorf("there are %d files, and %d in the other folder", n, others)
	}
}
