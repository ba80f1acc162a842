package attribute

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// run is one attribution under way. Its tables are DuckDB's, which spills them
// as it needs.
type run struct {
	*work
	ctx      context.Context
	o        Options
	db       *lakedb.DB
	dir      string // where results go
	scratch  string // where DuckDB writes
	none     string // a file of known conversions without a row
	known    *cache // what the last run knew, days frozen since as such
	keep     bool   // a cache is left
	progress func(Step, int64, int64)
	out      *result
}

// attributeInto does the work into dir.
func attributeInto(ctx context.Context, o Options, w *work, dir string, keep bool) (_ *result, err error) {
	r := &run{work: w, ctx: ctx, o: o, keep: keep, dir: dir, scratch: filepath.Join(dir, "scratch"), progress: o.Progress}
	if r.progress == nil {
		r.progress = func(Step, int64, int64) {}
	}
	r.none = filepath.Join(r.scratch, "none.parquet")
	r.known = &cache{Days: maps.Clone(w.cache.Days)}
	r.out = &result{state: w.state, summary: newSummary(w.state), cache: r.nextCache()}
	if err := o.Lake.Disk().RemoveAll(r.scratch); err != nil {
		return nil, err
	}
	if err := o.Lake.Disk().MkdirAll(r.scratch, lake.DirMode); err != nil {
		return nil, err
	}
	r.db, err = lakedb.OpenSession(ctx, o.Lake, w.state, lakedb.Options{
		Memory: o.Memory, Threads: o.Threads, TempDir: o.TempDir, TempSize: o.TempSize, Now: o.Now,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.db.Close(), o.Lake.Disk().RemoveAll(r.scratch)) }()
	for _, step := range []func() error{r.begin, r.freeze, r.ask, r.findWinners, r.judgeKnown, r.decideInOrder, r.writeDays} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	for _, day := range r.out.changed {
		r.out.summary.Days = append(r.out.summary.Days, lake.FolderDate(day.Folder))
	}
	for _, d := range r.out.cache.Days {
		r.out.summary.add(d)
	}
	return r.out, nil
}

// nextCache is the cache that this run leaves, with the days as they were.
func (r *run) nextCache() *cache {
	c := emptyCache()
	c.ReadSeq, c.ReadHead, c.MemberID, c.Codes = r.state.Seq, r.state.Head, r.settings.memberID, r.settings.codes
	for id, p := range r.settings.byPixel {
		c.Pixels[id] = p.prints
	}
	for date, d := range r.cache.Days {
		c.Days[date] = d
	}
	return c
}

// exec runs the statements of one SQL file.
func (r *run) exec(name string, args ...any) error {
	if _, err := r.db.ExecContext(r.ctx, statements(name), args...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (r *run) count(name, table string) (n int64, err error) {
	if err := r.db.QueryRowContext(r.ctx, statements(name)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count %s: %w", table, err)
	}
	return n, nil
}

// files sets one of the lists of files.sql. empty is always on it, so that the
// list has the columns and is never empty.
func (r *run) files(variable, empty string, files []string) error {
	list := []any{empty}
	slices.Sort(files)
	for _, f := range files {
		list = append(list, f)
	}
	if _, err := r.db.ExecContext(r.ctx, "SET VARIABLE "+variable+" = $1::VARCHAR[]", list); err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	return nil
}

// ofLake sets a list to files of the lake.
func (r *run) ofLake(variable, seedFolder string, files []lake.File) error {
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = r.o.Lake.Path(f.Path)
	}
	return r.files(variable, r.o.Lake.Path(lake.SeedFile(seedFolder)), paths)
}

// ofKnown sets a list to what is known of the days from first to last.
func (r *run) ofKnown(variable, first, last string) error {
	return r.files(variable, r.none, r.known.files(first, last))
}

const (
	noDay    = "~"          // after all dates
	firstDay = "0000-01-01" // before all dates
)

var (
	conversionSeed = lake.EventFolder(schemas.Conversion, lake.SeedDate)
	clickSeed      = lake.EventFolder(schemas.Click, lake.SeedDate)
	impressionSeed = lake.EventFolder(schemas.Impression, lake.SeedDate)
	voidSeed       = lake.DateFolder(schemas.Voids, lake.SeedDate)
)

// begin makes the tables of settings and names what is read.
func (r *run) begin() error {
	r.progress(StepConversions, 0, 0)
	if err := r.exec("dialect"); err != nil {
		return err
	}
	if err := r.exec("settings"); err != nil {
		return err
	}
	if err := r.settings.load(r.ctx, r.db, r.changes); err != nil {
		return err
	}
	if err := r.exec("known", r.none); err != nil {
		return err
	}
	voids := r.state.Folder(schemas.Voids.Name)
	return errors.Join(
		r.ofKnown("reach_files", noDay, ""),
		r.ofKnown("day_files", noDay, ""),
		r.ofLake("new_conversion_files", conversionSeed, r.conversions),
		r.ofLake("old_conversion_files", conversionSeed, nil),
		r.ofLake("click_files", clickSeed, nil),
		r.ofLake("impression_files", impressionSeed, nil),
		r.ofLake("void_files", voidSeed, voids),
		r.ofLake("new_void_files", voidSeed, r.voids),
		r.ofKnown("known_files", noDay, ""),
		r.exec("files"),
		r.exec("voided"),
	)
}

// ask takes steps 1 to 6 for the conversions that are new, and for those that
// are known and must be looked at again.
func (r *run) ask() error {
	if err := r.ofKnown("known_files", firstDay, ""); err != nil {
		return err
	}
	if err := r.exec("reasked"); err != nil {
		return err
	}
	days, err := r.dates("reasked_days")
	if err != nil {
		return err
	}
	var old []lake.File
	for p, f := range r.state.Files {
		if date := lake.FolderDate(p); slices.Contains(days, date) && filepath.Dir(p) == lake.EventFolder(schemas.Conversion, date) {
			old = append(old, f)
		}
	}
	if err := r.ofLake("old_conversion_files", conversionSeed, old); err != nil {
		return err
	}
	for _, name := range []string{"lines", "asked"} {
		if err := r.exec(name); err != nil {
			return err
		}
	}
	return nil
}

// dates reads a list of UTC dates.
func (r *run) dates(name string) ([]string, error) {
	rows, err := r.db.QueryContext(r.ctx, statements(name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var day time.Time
		if err := rows.Scan(&day); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, day.Format(time.DateOnly))
	}
	return out, rows.Err()
}

// decideInOrder takes steps 9 and 10 for the conversions that have passed step
// 8, and again for the known ones whose decision rests on them.
func (r *run) decideInOrder() error {
	if err := r.exec("disturbed"); err != nil {
		return err
	}
	if err := r.spread(); err != nil {
		return err
	}
	if err := r.exec("held"); err != nil {
		return err
	}
	if err := r.exec("turns"); err != nil {
		return err
	}
	var err error
	if r.out.summary.Looked, err = r.count("looked_count", "the conversions looked at"); err != nil {
		return err
	}
	decide, err := r.newDecider()
	if err != nil {
		return err
	}
	total, err := r.count("turns_count", "the conversions in order")
	if err != nil {
		return err
	}
	page, err := r.db.PrepareContext(r.ctx, statements("page"))
	if err != nil {
		return fmt.Errorf("read the conversions in order: %w", err)
	}
	for first := int64(1); err == nil && first <= total; first += pageRows {
		r.progress(StepDecide, first-1, total)
		var failed []values
		failed, err = r.decidePage(page, decide, first)
		if err == nil {
			err = r.db.AppendTemporary(r.ctx, "sequels", failed)
		}
	}
	if err := errors.Join(err, page.Close()); err != nil {
		return err
	}
	r.progress(StepDecide, total, total)
	return r.exec("fresh")
}

// spread follows the disturbances to the known conversions that they reach,
// and from these on, until no further one is reached.
func (r *run) spread() error {
	extent := ""
	for {
		var from sql.Null[int64]
		var now string
		if err := r.db.QueryRowContext(r.ctx, statements("extent")).Scan(&from, &now); err != nil {
			return fmt.Errorf("extent of the disturbances: %w", err)
		}
		if now == extent {
			return nil
		}
		extent = now
		first := noDay
		if from.Valid {
			first = dateOf(from.V)
		}
		if err := r.ofKnown("reach_files", first, ""); err != nil {
			return err
		}
		if err := r.exec("replayed"); err != nil {
			return err
		}
	}
}

// newDecider is one that knows what was attributed before the disturbances.
func (r *run) newDecider() (*decider, error) {
	d := newDecider()
	rows, err := r.db.QueryContext(r.ctx, statements("held_keys"))
	if err != nil {
		return nil, fmt.Errorf("read what was attributed before: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		var last int64
		if err := rows.Scan(&k.high, &k.low, &last); err != nil {
			return nil, fmt.Errorf("read what was attributed before: %w", err)
		}
		// An order's key is no user's: each finds its own.
		d.orders[k] = struct{}{}
		d.last[k] = last
	}
	return d, rows.Err()
}

// pageRows is the number of conversions that are in memory at a time: the
// driver holds the whole result of a query.
const pageRows = 1 << 16

// decidePage decides the conversions of one page and gives those that fail.
func (r *run) decidePage(page *sql.Stmt, decide *decider, first int64) (failed []values, err error) {
	rows, err := page.QueryContext(r.ctx, first, first+pageRows-1)
	if err != nil {
		return nil, fmt.Errorf("read the conversions in order: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id string
		var t turn
		var userHigh, userLow, orderHigh, orderLow, minMinutes sql.Null[int64]
		if err := rows.Scan(&id, &t.time, &userHigh, &userLow, &orderHigh, &orderLow, &minMinutes, &t.uniqueOrderID, &t.frozen); err != nil {
			return nil, fmt.Errorf("read the conversions in order: %w", err)
		}
		if userHigh.Valid {
			t.user = &key{userHigh.V, userLow.V}
		}
		if orderHigh.Valid {
			t.order = &key{orderHigh.V, orderLow.V}
		}
		if minMinutes.Valid {
			t.minMinutes = &minMinutes.V
		}
		if reason := decide.next(&t); reason != "" {
			failed = append(failed, values{id, reason})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the conversions in order: %w", err)
	}
	return failed, nil
}
