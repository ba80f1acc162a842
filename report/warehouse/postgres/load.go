// Package postgres loads a warehouse's tables into PostgreSQL.
//
// What is booked under a closed business day is loaded once, in one transaction
// with the day's row in closed_days, and never changed afterwards: each load holds
// what it finds there against the lake. Everything else is refreshed in one
// transaction: of attributions and hourly_facts the UTC dates that changed, of the
// other tables those that changed. Readers see the tables before it or after it.
package postgres

import (
	"context"
	_ "embed" // the statements
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"pixledger/report/warehouse"
)

//go:embed sql/tables.sql
var tablesSQL string

//go:embed sql/target_columns.sql
var targetColumnsSQL string

//go:embed sql/target_closed.sql
var targetClosedSQL string

//go:embed sql/target_days.sql
var targetDaysSQL string

//go:embed sql/holder.sql
var holderSQL string

//go:embed sql/lake_days.sql
var lakeDaysSQL string

//go:embed sql/lake_columns.sql
var lakeColumnsSQL string

//go:embed sql/lake_comments.sql
var lakeCommentsSQL string

//go:embed sql/read_ledger.sql
var readLedgerSQL string

//go:embed sql/read_closed_day.sql
var readClosedDaySQL string

// Options say how to load.
type Options struct {
	Wait   time.Duration // for another load
	Holder string        // what others are told of this one
	// Progress is told of each step before it begins. Nil: nobody.
	Progress func(step string, done, total int64)
}

// Summary is what a load has changed.
type Summary struct {
	Days      []string // closed days loaded, in order
	Refreshed []string // what was refreshed, in words
}

// load is one load under way.
type load struct {
	tables *warehouse.Tables
	target *Target
	conn   *pgx.Conn
	opts   Options
	sum    Summary
}

// Load loads the tables. What it has loaded when it fails stands, each closed
// day whole; the next load goes on from there.
func Load(ctx context.Context, tables *warehouse.Tables, target *Target, o Options) (_ *Summary, err error) {
	conn, err := target.connect(ctx, o.Holder)
	if err != nil {
		return nil, err
	}
	// The lock and what is not committed end with the connection.
	defer func() {
		cerr := conn.Close(context.WithoutCancel(ctx))
		if err != nil {
			err = fmt.Errorf("load into %s, schema %s: %w", target, target.Schema, err)
		} else if cerr != nil {
			err = cerr
		}
	}()
	l := &load{tables: tables, target: target, conn: conn, opts: o}
	if err := l.lock(ctx); err != nil {
		return nil, err
	}
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	if err := l.closedDays(ctx); err != nil {
		return nil, err
	}
	if err := l.refresh(ctx); err != nil {
		return nil, err
	}
	return &l.sum, nil
}

func (l *load) progress(step string, done, total int) {
	if l.opts.Progress != nil {
		l.opts.Progress(step, int64(done), int64(total))
	}
}

// lockEvery is how often a lock that is taken is tried again.
const lockEvery = 200 * time.Millisecond

// lock takes the lock of this schema in the database, for as long as the
// connection lasts.
func (l *load) lock(ctx context.Context) error {
	key := "pixledger warehouse " + l.target.Schema
	wait, cancel := context.WithTimeout(ctx, l.opts.Wait)
	defer cancel()
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		var ok bool
		if err := l.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", key).Scan(&ok); err != nil {
			return fmt.Errorf("take the lock: %w", err)
		}
		if ok {
			return nil
		}
		select {
		case <-wait.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			holder := "another one"
			if err := l.conn.QueryRow(ctx, holderSQL, key).Scan(&holder); err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return fmt.Errorf("take the lock: %w", err)
			}
			return fmt.Errorf("a load is under way: the lock is held by %s", holder)
		case <-tick.C:
		}
	}
}

// within does f in a transaction.
func (l *load) within(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, l.conn, f)
}

// prepare makes the schema and its tables where they are not there, and looks
// whether they are the ones that are loaded.
func (l *load) prepare(ctx context.Context) error {
	var encoding string
	if err := l.conn.QueryRow(ctx, "SELECT current_setting('server_encoding')").Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database has the encoding %s; allowed: UTF8", encoding)
	}
	// A user who may not make schemas can load into one that is there.
	var schema, made bool
	err := l.conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1), to_regclass('loaded_parts') IS NOT NULL", l.target.Schema).Scan(&schema, &made)
	if err != nil {
		return err
	}
	if !made {
		err := l.within(ctx, func(tx pgx.Tx) error {
			if !schema {
				if _, err := tx.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{l.target.Schema}.Sanitize()); err != nil {
					return err
				}
			}
			if _, err := tx.Conn().PgConn().Exec(ctx, tablesSQL).ReadAll(); err != nil {
				return err
			}
			return l.comment(ctx, tx)
		})
		if err != nil {
			return fmt.Errorf("make the tables: %w", err)
		}
	}
	return l.checkColumns(ctx)
}

// comment gives tables and columns the comments that they have in the file.
func (l *load) comment(ctx context.Context, tx pgx.Tx) (err error) {
	rows, err := l.tables.DB.QueryContext(ctx, lakeCommentsSQL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var table, comment string
		var column *string
		if err := rows.Scan(&table, &column, &comment); err != nil {
			return err
		}
		// COMMENT takes no bound parameter: PostgreSQL itself quotes what it is given.
		var statement string
		if err := tx.QueryRow(ctx, "SELECT CASE WHEN $2::text IS NULL THEN format('COMMENT ON TABLE %I IS %L', $1::text, $3::text) ELSE format('COMMENT ON COLUMN %I.%I IS %L', $1::text, $2::text, $3::text) END",
			table, column, comment).Scan(&statement); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return rows.Err()
}

// checkColumns refuses tables that another version of the program has made.
func (l *load) checkColumns(ctx context.Context) (err error) {
	have := map[[2]string]bool{}
	theirs, err := l.conn.Query(ctx, targetColumnsSQL, l.target.Schema)
	if err != nil {
		return err
	}
	var table, column string
	if _, err := pgx.ForEachRow(theirs, []any{&table, &column}, func() error { have[[2]string{table, column}] = true; return nil }); err != nil {
		return err
	}
	ours, err := l.tables.DB.QueryContext(ctx, lakeColumnsSQL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()
	for ours.Next() {
		if err := ours.Scan(&table, &column); err != nil {
			return err
		}
		if !have[[2]string{table, column}] {
			return fmt.Errorf("the table %s has no column %s, another version has made it; drop the schema, and load again", table, column)
		}
	}
	return ours.Err()
}

// booked is what is booked under a day.
type booked struct {
	entries int64
	hash    string
}

// closedDays loads the closed days that are not there, after looking whether
// those that are there are as in the lake.
func (l *load) closedDays(ctx context.Context) error {
	l.progress("compare closed days", 0, 0)
	closed, err := l.lakeClosed(ctx)
	if err != nil {
		return err
	}
	lake, err := l.lakeBooked(ctx)
	if err != nil {
		return err
	}
	for _, d := range closed {
		if lake[d.day].entries != d.entries {
			return fmt.Errorf("closed day %s: the lake's ledger has %d entries, its close booked %d; `pixledger verify` looks closer", d.day, lake[d.day].entries, d.entries)
		}
	}
	loaded, err := l.compare(ctx, closed, lake)
	if err != nil {
		return err
	}
	for i, d := range closed {
		if loaded[d.day] {
			continue
		}
		l.progress("closed day "+d.day, i, len(closed))
		err := l.within(ctx, func(tx pgx.Tx) error {
			if _, err := l.copyRows(ctx, tx, "closed_days", readClosedDaySQL, d.day); err != nil {
				return err
			}
			_, err := l.copyRows(ctx, tx, "ledger", readLedgerSQL, d.day)
			return err
		})
		if err != nil {
			return fmt.Errorf("closed day %s: %w", d.day, err)
		}
		l.sum.Days = append(l.sum.Days, d.day)
	}
	return nil
}

// compare tells which of the lake's closed days are loaded. One that is there
// and is not as in the lake is an error that names it.
func (l *load) compare(ctx context.Context, closed []closedDay, lake map[string]booked) (loaded map[string]bool, err error) {
	theirs, err := l.targetBooked(ctx)
	if err != nil {
		return nil, err
	}
	const remedy = "a closed day never changes: this is another lake's, or somebody wrote there; load into another --schema, or drop this one and load again"
	loaded = map[string]bool{}
	rows, err := l.conn.Query(ctx, targetClosedSQL)
	if err != nil {
		return nil, err
	}
	var day string
	var entries int64
	_, err = pgx.ForEachRow(rows, []any{&day, &entries}, func() error {
		i := slices.IndexFunc(closed, func(d closedDay) bool { return d.day == day })
		switch {
		case i < 0:
			return fmt.Errorf("closed day %s: it is loaded, and is not closed in the lake; %s", day, remedy)
		case entries != closed[i].entries:
			return fmt.Errorf("closed day %s: it was loaded with %d entries, the lake has %d; %s", day, entries, closed[i].entries, remedy)
		case theirs[day] != lake[day]:
			if theirs[day].entries == lake[day].entries {
				return fmt.Errorf("closed day %s: its %d entries are others than in the lake; %s", day, entries, remedy)
			}
			return fmt.Errorf("closed day %s: it has %d entries, the lake has %d; %s", day, theirs[day].entries, lake[day].entries, remedy)
		}
		loaded[day] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	for day, b := range theirs {
		if !loaded[day] {
			return nil, fmt.Errorf("day %s: %d entries are booked under it that no load has put there; %s", day, b.entries, remedy)
		}
	}
	return loaded, nil
}

type closedDay struct {
	day     string
	entries int64
}

func (l *load) lakeClosed(ctx context.Context) (days []closedDay, err error) {
	rows, err := l.tables.DB.QueryContext(ctx, "SELECT strftime(day, '%Y-%m-%d'), entries FROM warehouse.closed_days ORDER BY sequence")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var d closedDay
		if err := rows.Scan(&d.day, &d.entries); err != nil {
			return nil, err
		}
		days = append(days, d)
	}
	return days, rows.Err()
}

func (l *load) lakeBooked(ctx context.Context) (days map[string]booked, err error) {
	rows, err := l.tables.DB.QueryContext(ctx, lakeDaysSQL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	days = map[string]booked{}
	for rows.Next() {
		var day string
		var b booked
		if err := rows.Scan(&day, &b.entries, &b.hash); err != nil {
			return nil, err
		}
		days[day] = b
	}
	return days, rows.Err()
}

func (l *load) targetBooked(ctx context.Context) (map[string]booked, error) {
	rows, err := l.conn.Query(ctx, targetDaysSQL)
	if err != nil {
		return nil, err
	}
	days := map[string]booked{}
	var day string
	var b booked
	_, err = pgx.ForEachRow(rows, []any{&day, &b.entries, &b.hash}, func() error { days[strings.Clone(day)] = b; return nil })
	return days, err
}
