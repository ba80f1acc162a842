package publish

import (
	"context"
	"database/sql/driver"
	_ "embed" // the statements
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/rewrite"
	"pixledger/schemas/published"
)

//go:embed rows.sql
var rowsSQL string

//go:embed reject_logs.sql
var rejectLogsSQL string

//go:embed sum.sql
var sumSQL string

//go:embed written.sql
var writtenSQL string

//go:embed times.sql
var timesSQL string

//go:embed write_events.sql
var writeEventsSQL string

//go:embed write_rejects.sql
var writeRejectsSQL string

// write makes the files and the manifest of a part in the pending folder. The plan
// comes last: from then on these bytes are what is published, whatever happens.
func (r *publishing) write(ctx context.Context, d *dueDay) error {
	for attempt := 1; ; attempt++ {
		state, err := r.Lake.State()
		if err != nil {
			return err
		}
		w := &writing{publishing: r, due: d, state: state, at: pendingFolder}
		err = w.run(ctx)
		if err == nil || attempt == 5 || ctx.Err() != nil {
			return err
		}
		// A compaction may have taken away files that were read: the same rows stand
		// in others now.
		if now, serr := r.Lake.State(); serr != nil || now.Seq == state.Seq {
			return err
		}
	}
}

// writing is a part that is being made.
type writing struct {
	*publishing
	due      *dueDay
	state    *lake.State
	at       string // the folder below the lake for its files
	db       *lakedb.DB
	manifest *published.Manifest
}

func (w *writing) run(ctx context.Context) (err error) {
	dk, pending := w.Lake.Disk(), w.Lake.Path(pendingFolder)
	if err := w.prepare(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.db.Close()) }()
	d := w.due
	w.manifest = &published.Manifest{
		Version: published.Version, At: w.Now.UTC(), Files: []published.File{},
		Part: lake.Part{
			Edge: w.Edge, Lake: w.id, Sequence: w.parts.last() + 1, Date: d.date, Number: d.number, First: d.first,
			Account: d.account, Logs: d.logs, Gaps: d.gaps,
		},
	}
	if w.parts.last() > 0 {
		head := w.parts.head()
		w.manifest.Previous = &head
	}
	if err := w.rejects(ctx); err != nil {
		return err
	}
	if err := w.events(ctx); err != nil {
		return err
	}
	b, err := w.manifest.Encode()
	if err != nil {
		return err
	}
	if _, err := published.Decode(b); err != nil { // what none would take in
		return fmt.Errorf("its manifest: %w", err)
	}
	if err := dk.RemoveAll(filepath.Join(pending, "scratch")); err != nil {
		return err
	}
	if err := dk.SyncDir(pending); err != nil {
		return err
	}
	if err := dk.SyncDir(w.Lake.Path(folder)); err != nil {
		return err
	}
	return dk.Publish(filepath.Join(pending, planName), lake.FileMode, b)
}

// events makes a file for each type of which the part has rows.
func (w *writing) events(ctx context.Context) error {
	if err := w.logs(ctx, len(w.due.logs), func(i int) (string, int64, int64) {
		g := w.due.logs[i]
		return w.parts.own(g.SourceID), g.From, g.To
	}); err != nil {
		return err
	}
	for _, t := range published.Types {
		want := w.due.account.Events[string(t)]
		if want == 0 {
			continue
		}
		to := published.EventsFolder(w.Edge, t, w.due.date)
		if err := w.file(ctx, schemas.Events, lake.EventFolder(t, w.due.date), to, want, writeEventsSQL); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return nil
}

// rejects makes the file of the rejects that were read on the date, if there are any.
func (w *writing) rejects(ctx context.Context) (err error) {
	if w.due.rejects == 0 {
		return nil
	}
	ids := make([]string, 0, len(w.due.to))
	for id := range w.due.to {
		ids = append(ids, id)
	}
	if err := w.logs(ctx, len(ids), func(i int) (string, int64, int64) {
		return ids[i], w.due.from[ids[i]], w.due.to[ids[i]]
	}); err != nil {
		return err
	}
	folder := lake.DateFolder(schemas.Rejects, w.due.date)
	if err := w.file(ctx, schemas.Rejects, folder, published.RejectsFolder(w.Edge, w.due.date), w.due.rejects, writeRejectsSQL); err != nil {
		return fmt.Errorf("rejects: %w", err)
	}
	rows, err := w.db.QueryContext(ctx, rejectLogsSQL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		g := lake.PartLog{SourceID: id}
		id = w.parts.own(id)
		g.From, g.To = w.due.from[id], w.due.to[id]
		if src := w.state.Sources[id]; src != nil {
			g.Source, g.Name = src.Edge, src.Name
		}
		w.manifest.Rejects = append(w.manifest.Rejects, g)
	}
	return rows.Err()
}

// logs says of which stretches of which logs rows are taken.
func (w *writing) logs(ctx context.Context, n int, at func(int) (id string, from, to int64)) error {
	if _, err := w.db.ExecContext(ctx, "DELETE FROM part_logs"); err != nil {
		return err
	}
	rows := make([][]driver.Value, n)
	for i := range rows {
		id, from, to := at(i)
		rows[i] = []driver.Value{id, from, to}
	}
	return w.db.AppendTemporary(ctx, "part_logs", rows)
}

// file makes one file of the part: of the rows of a folder of the lake.
func (w *writing) file(ctx context.Context, d schemas.Dataset, from, to string, want int64, statement string) error {
	var files []any
	for _, f := range w.state.Folder(from) {
		files = append(files, w.Lake.Path(f.Path))
	}
	if len(files) == 0 {
		return fmt.Errorf("its account has %d rows, and the lake no file of it; see `pixledger verify`", want)
	}
	if _, err := w.db.ExecContext(ctx, "SET VARIABLE part_files = $1::VARCHAR[]", files); err != nil {
		return err
	}
	definitions := make([]string, len(d.Columns))
	for i, c := range d.Columns {
		definitions[i] = `"` + c.Name + `" ` + string(c.Type)
	}
	for _, s := range []string{"CREATE OR REPLACE TEMP TABLE no_rows (" + strings.Join(definitions, ", ") + ")", rowsSQL} {
		if _, err := w.db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	rows, sum, err := w.sum(ctx, sumSQL)
	if err != nil {
		return err
	}
	if rows != want {
		return fmt.Errorf("the lake has %d rows of it, the account %d; nothing of the day is published, see `pixledger verify`", rows, want)
	}
	pending := w.Lake.Path(w.at)
	made := filepath.Join(pending, "scratch", "made.parquet")
	if _, err := w.db.ExecContext(ctx, statement, made); err != nil {
		return err
	}
	at := filepath.Join(pending, pendingName(len(w.manifest.Files)))
	out := published.File{Path: path.Join(to, published.FileName(w.due.number)), Rows: rows}
	if out.SHA256, out.Bytes, err = rewrite.Take(w.Lake.Disk(), made, at); err != nil {
		return err
	}
	// What stands in the file that is published is what counts.
	got, gotSum, err := w.sum(ctx, writtenSQL, at)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if got != rows || gotSum != sum {
		return fmt.Errorf("its file holds other rows than the lake: %d with the sum %s, not %d with %s", got, gotSum, rows, sum)
	}
	if d.Name == schemas.Events.Name {
		if err := w.db.QueryRowContext(ctx, timesSQL, at).Scan(&out.MinTime, &out.MaxTime); err != nil {
			return err
		}
	}
	w.manifest.Files = append(w.manifest.Files, out)
	return nil
}

func (w *writing) sum(ctx context.Context, statement string, args ...any) (rows int64, sum string, err error) {
	err = w.db.QueryRowContext(ctx, statement, args...).Scan(&rows, &sum)
	return rows, sum, err
}
