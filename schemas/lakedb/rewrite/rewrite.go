// Package rewrite puts rows of the lake into other files: the same rows in fewer
// and better ones, which is compaction, or rows of which something is erased.
// Whole folders are exchanged, as many as are asked for in one commit; what came
// into one meanwhile stays in it. Nothing is published that does not hold exactly
// the rows that were read, changed as the caller says.
package rewrite

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed" // the statements
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

//go:embed views.sql
var viewsSQL string

//go:embed sum.sql
var sumSQL string

//go:embed written.sql
var writtenSQL string

//go:embed event_times.sql
var eventTimesSQL string

//go:embed conversion_times.sql
var conversionTimesSQL string

//go:embed write_events.sql
var writeEventsSQL string

//go:embed write_rejects.sql
var writeRejectsSQL string

//go:embed write_attributions.sql
var writeAttributionsSQL string

// FileBytes is about how large a file becomes: a new one is begun with the row
// group that goes beyond it.
const FileBytes = 128 << 20

// Folder is a folder with those of its files whose rows are put into new ones.
// Its other files stay as they are, under new names.
type Folder struct {
	Path  string
	Files []lake.File
	// Settle says that the new files are those that a day is brought into once it
	// is over. Files that were settled stay so in any case.
	Settle bool
}

// Job is what is to be rewritten, all in one commit.
type Job struct {
	Lake    *lake.Lake
	Kind    string // of the commit
	Now     time.Time
	Notes   map[string]string
	Folders []Folder

	// Change gives by dataset the SELECT that changes rows: over the view
	// rows_before, with the columns of the dataset in their order. A dataset that
	// it does not name keeps its rows as they are. Which rows there are must not
	// change: a row is changed and none is left out. The statement is run twice, to
	// write and to compare: what is drawn at random is drawn by Prepare.
	Change map[string]string
	// Prepare makes what Change reads (tables, variables), if not nil.
	Prepare func(context.Context, *lakedb.DB) error

	Session lakedb.Options
	// FileBytes is the size of files; 0: FileBytes.
	FileBytes int64
	// Progress is told, if not nil, of the bytes that were read and written in
	// place of.
	Progress func(done, total int64)
}

// Result is a rewrite that was published.
type Result struct {
	Commit  int64 // 0: there was nothing to do
	Folders []Rewritten
}

// Rewritten is what became of a folder's files that were rewritten.
type Rewritten struct {
	Path                    string
	Rows                    int64
	FilesBefore, FilesAfter int
	BytesBefore, BytesAfter int64
	Kept                    int // files that stayed as they were
}

// ErrMoved says that another commit has exchanged a folder since it was looked
// at. Nothing was changed; look again.
var ErrMoved = fmt.Errorf("files that were to be rewritten are no longer there: %w", lake.ErrConflict)

// Run rewrites the folders. After an error everything is as it was, but after a
// *lake.UncertainError. It gives ErrMoved, wrapped, when other commits have taken
// files away that it read.
func Run(ctx context.Context, j Job) (_ *Result, err error) {
	if len(j.Folders) == 0 {
		return &Result{}, nil
	}
	staging, err := j.Lake.Stage()
	if err != nil {
		return nil, err
	}
	w := &rewriting{Job: j, staging: staging, scratch: filepath.Join(staging.Dir(), "scratch"), staged: map[string][]lake.Staged{}}
	defer func() {
		if err != nil {
			_ = staging.Close() // a failure in removing it is the next opener's
		}
	}()
	if err := w.write(ctx); err != nil {
		if ctx.Err() == nil && w.moved() {
			return nil, fmt.Errorf("%w (%w)", ErrMoved, err)
		}
		return nil, j.tooLarge(err)
	}
	record, err := j.Lake.Commit(staging, w.draft)
	if err != nil {
		return nil, err
	}
	w.result.Commit = record.Seq
	return &w.result, nil
}

// rewriting is a job under way.
type rewriting struct {
	Job
	staging *lake.Staging
	scratch string // where DuckDB writes
	db      *lakedb.DB
	staged  map[string][]lake.Staged
	done    int64
	total   int64
	result  Result
}

// write writes the new files of all folders into the staging folder.
func (w *rewriting) write(ctx context.Context) (err error) {
	state, err := w.Lake.State()
	if err != nil {
		return err
	}
	w.db, err = lakedb.OpenSession(ctx, w.Lake, state, w.Session)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.db.Close(), w.Lake.Disk().RemoveAll(w.scratch)) }()
	if _, err := w.db.ExecContext(ctx, "SET preserve_insertion_order = true; SET parquet_metadata_cache = true"); err != nil {
		return fmt.Errorf("prepare to rewrite: %w", err)
	}
	if w.Prepare != nil {
		if err := w.Prepare(ctx, w.db); err != nil {
			return err
		}
	}
	for _, f := range w.Folders {
		for _, file := range f.Files {
			w.total += file.Bytes
		}
	}
	for i, f := range w.Folders {
		if err := w.folder(ctx, i, f); err != nil {
			return fmt.Errorf("rewrite %s: %w", f.Path, err)
		}
	}
	return nil
}

// files names a folder's files that are read.
func (w *rewriting) files(ctx context.Context, f Folder) error {
	paths := make([]any, len(f.Files))
	for i, file := range f.Files {
		paths[i] = w.Lake.Path(file.Path)
	}
	if _, err := w.db.ExecContext(ctx, "SET VARIABLE rewritten_files = $1::VARCHAR[]", paths); err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	return nil
}

// folder writes the new files of one folder.
func (w *rewriting) folder(ctx context.Context, n int, f Folder) error {
	dataset, err := datasetOf(f.Path)
	if err != nil {
		return err
	}
	if err := w.files(ctx, f); err != nil {
		return err
	}
	out := Rewritten{Path: f.Path, FilesBefore: len(f.Files)}
	settled, newest := true, int64(0)
	for _, file := range f.Files {
		if err := w.unchanged(file); err != nil {
			return err
		}
		out.Rows += file.Rows
		out.BytesBefore += file.Bytes
		settled = settled && file.Settled
		newest = max(newest, lake.NewestOf(file))
	}
	change := w.Change[dataset.Name]
	if change == "" {
		change = "SELECT * FROM rows_before"
	}
	if err := w.after(ctx, dataset, change); err != nil {
		return err
	}
	rows, sum, err := w.sum(ctx, sumSQL)
	if err != nil {
		return err
	}
	if rows != out.Rows {
		return fmt.Errorf("its files hold %d rows, the commit records say %d; see `pixledger verify`", rows, out.Rows)
	}
	written, err := w.copyOut(ctx, dataset)
	if err != nil {
		return err
	}
	var total int64
	check := newTotal()
	for i, from := range written {
		staged := lake.Staged{Folder: f.Path, Name: fmt.Sprintf("f%d-%d.parquet", n, i), Newest: newest, Settled: settled || f.Settle}
		at := filepath.Join(w.staging.Dir(), staged.Name)
		if staged.SHA256, staged.Bytes, err = Take(w.Lake.Disk(), from, at); err != nil {
			return err
		}
		// What stands in the file that is published is what counts: it is read
		// back, by what the disk gives.
		rows, part, err := w.sum(ctx, writtenSQL, at)
		if err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		if err := check.add(part); err != nil {
			return err
		}
		staged.Rows = rows
		total += rows
		if staged.MinTime, staged.MaxTime, err = w.times(ctx, dataset, at); err != nil {
			return err
		}
		out.BytesAfter += staged.Bytes
		w.staged[f.Path] = append(w.staged[f.Path], staged)
	}
	if total != rows || check.text() != sum {
		return fmt.Errorf("the new files hold other rows than the old ones: %d rows with the sum %s, not %d with %s; nothing was changed", total, check.text(), rows, sum)
	}
	out.FilesAfter = len(written)
	w.result.Folders = append(w.result.Folders, out)
	w.done += out.BytesBefore
	if w.Progress != nil {
		w.Progress(w.done, w.total)
	}
	return nil
}

// after makes the view of the rows as they are to be, and holds its columns
// against the dataset's.
func (w *rewriting) after(ctx context.Context, d schemas.Dataset, change string) error {
	var want, definitions []string
	for _, c := range d.Columns {
		want = append(want, c.Name+" "+string(c.Type))
		definitions = append(definitions, `"`+c.Name+`" `+string(c.Type))
	}
	for _, s := range []string{"CREATE OR REPLACE TEMP TABLE no_rows (" + strings.Join(definitions, ", ") + ")", viewsSQL} {
		if _, err := w.db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	if _, err := w.db.ExecContext(ctx, "CREATE OR REPLACE TEMP VIEW rows_after AS\n"+change); err != nil {
		return err
	}
	rows, err := w.db.QueryContext(ctx, "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'rows_after' ORDER BY column_index")
	if err != nil {
		return err
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return err
		}
		got = append(got, name+" "+kind)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("the rows have the columns %s; allowed: those of %s, %s", strings.Join(got, ", "), d.Name, strings.Join(want, ", "))
	}
	return nil
}

func (w *rewriting) sum(ctx context.Context, statement string, args ...any) (rows int64, sum string, err error) {
	err = w.db.QueryRowContext(ctx, statement, args...).Scan(&rows, &sum)
	return rows, sum, err
}

// copyOut lets DuckDB write the rows and gives the files in their order. With
// several threads it would begin a file with whatever rows come first.
func (w *rewriting) copyOut(ctx context.Context, d schemas.Dataset) (files []string, err error) {
	if err := w.Lake.Disk().RemoveAll(w.scratch); err != nil {
		return nil, err
	}
	statement := map[string]string{
		schemas.Events.Name: writeEventsSQL, schemas.Rejects.Name: writeRejectsSQL, schemas.Attributions.Name: writeAttributionsSQL,
	}[d.Name]
	size := w.FileBytes
	if size == 0 {
		size = FileBytes
	}
	var threads int64
	if err := w.db.QueryRowContext(ctx, "SELECT current_setting('threads')").Scan(&threads); err != nil {
		return nil, err
	}
	if _, err := w.db.ExecContext(ctx, "SET threads = 1"); err != nil {
		return nil, err
	}
	_, err = w.db.ExecContext(ctx, statement, w.scratch, size)
	if _, serr := w.db.ExecContext(ctx, "SET threads = $1", threads); err == nil {
		err = serr
	}
	if err != nil {
		return nil, err
	}
	for i := 0; ; i++ {
		p := filepath.Join(w.scratch, fmt.Sprintf("data_%d.parquet", i))
		if there, err := w.Lake.Disk().Exists(p); err != nil || !there {
			return files, err
		}
		files = append(files, p)
	}
}

// Take puts a file that DuckDB has written in its place, synced, by the one way by
// which the lake is changed, and gives its hash and length. It moves: from is gone then.
func Take(dk *disk.Disk, from, to string) (sum string, size int64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", 0, err
	}
	defer in.Close()
	out, err := dk.Create(to, lake.FileMode, true)
	if err != nil {
		return "", 0, err
	}
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(out, hash), bufio.NewReaderSize(in, 1<<20))
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(hash.Sum(nil)), size, dk.Remove(from)
}

func (w *rewriting) times(ctx context.Context, d schemas.Dataset, file string) (first, last int64, err error) {
	statement := map[string]string{schemas.Events.Name: eventTimesSQL, schemas.Attributions.Name: conversionTimesSQL}[d.Name]
	if statement == "" {
		return 0, 0, nil
	}
	err = w.db.QueryRowContext(ctx, statement, file).Scan(&first, &last)
	return first, last, err
}

// draft is the commit, by the newest state: of each folder the new files, and
// those that came meanwhile or were not to be rewritten.
func (w *rewriting) draft(state *lake.State) (*lake.Draft, error) {
	d := &lake.Draft{Kind: w.Kind, At: w.Now, Replace: w.staged, Notes: w.Notes}
	rewritten, folders := map[string]bool{}, map[string]int{}
	for i, f := range w.Folders {
		folders[f.Path] = i
		for _, file := range f.Files {
			if _, live := state.Files[file.Path]; !live {
				return nil, fmt.Errorf("%s: %w", file.Path, ErrMoved)
			}
			rewritten[file.Path] = true
		}
	}
	for p, file := range state.Files {
		if i, ok := folders[path.Dir(p)]; ok && !rewritten[p] {
			d.Keep = append(d.Keep, file)
			w.result.Folders[i].Kept++
		}
	}
	slices.SortFunc(d.Keep, func(a, b lake.File) int { return cmp.Compare(a.Path, b.Path) })
	return d, nil
}

// moved tells whether files that are read have left the lake.
func (w *rewriting) moved() bool {
	state, err := w.Lake.State()
	if err != nil {
		return false
	}
	for _, f := range w.Folders {
		for _, file := range f.Files {
			if _, live := state.Files[file.Path]; !live {
				return true
			}
		}
	}
	return false
}

// tooLarge says of a failure for want of memory or disk what is to be done.
func (j Job) tooLarge(err error) error {
	var e *duckdb.Error
	if !errors.As(err, &e) || e.Type != duckdb.ErrorTypeOutOfMemory {
		return err
	}
	return fmt.Errorf("it does not fit the limits (memory %s, on disk %s); everything is as it was; raise limits.memory or limits.temp_size: %w",
		orNone(j.Session.Memory), orNone(j.Session.TempSize), err)
}

func orNone(limit string) string {
	if limit == "" {
		return "none of its own"
	}
	return limit
}

// datasetOf gives the dataset whose rows a folder holds, where they may be
// rewritten: the ledger and the voids never change.
func datasetOf(folder string) (schemas.Dataset, error) {
	name, _, _ := strings.Cut(folder, "/")
	for _, d := range []schemas.Dataset{schemas.Events, schemas.Rejects, schemas.Attributions} {
		if d.Name == name {
			return d, nil
		}
	}
	return schemas.Dataset{}, fmt.Errorf("its files never change; allowed: folders of events, rejects and attributions")
}
