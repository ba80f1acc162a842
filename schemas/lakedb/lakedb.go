// Package lakedb opens DuckDB over a lake: the committed files as views, the
// catalog as tables. The files are those of whole commits, listed from the
// commit records; nothing is copied.
package lakedb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed" // the SQL files
	"errors"
	"fmt"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

//go:embed session.sql
var sessionSQL string

//go:embed files.sql
var filesSQL string

//go:embed variables.sql
var variablesSQL string

//go:embed catalog.sql
var catalogSQL string

//go:embed views.sql
var viewsSQL string

//go:embed lockdown.sql
var lockdownSQL string

// Options bound what a query may use. The zero value is DuckDB's own defaults.
type Options struct {
	Memory   string // DuckDB's memory_limit: "2GB"
	Threads  int    // 0: one for each core
	TempDir  string // where larger sorts and joins spill
	TempSize string // at most so much of it: "50GB"
	Now      time.Time
}

// DB is an in-memory DuckDB over one state of a lake. It has one connection,
// so that what a session sets holds for every query.
type DB struct {
	*sql.DB
	Lake  *lake.Lake
	State *lake.State
	// Catalog is what the catalog's tables were filled from; nil where they are
	// empty, or not there.
	Catalog *schemas.Catalog
}

// OpenSession opens DuckDB with the session's options and nothing in it, for
// those who choose their files themselves. state is what they choose from.
func OpenSession(ctx context.Context, l *lake.Lake, state *lake.State, o Options) (*DB, error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("open DuckDB: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	d := &DB{DB: db, Lake: l, State: state}
	if err := d.configure(ctx, o); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

// openAttempts is how often a lake is opened when files vanish meanwhile.
const openAttempts = 5

// Open opens DuckDB over the lake's newest finished commit. The catalog's
// lists become tables; a nil catalog leaves them empty. DuckDB looks for all
// files when it makes the views: where another process has exchanged a folder
// meanwhile, it begins again with the commit that did.
func Open(ctx context.Context, l *lake.Lake, cat *schemas.Catalog, o Options) (*DB, error) {
	for attempt := 1; ; attempt++ {
		state, err := l.State()
		if err != nil {
			return nil, err
		}
		d, err := openOver(ctx, l, state, cat, o)
		if err == nil {
			return d, nil
		}
		if now, serr := l.State(); attempt == openAttempts || ctx.Err() != nil || serr != nil || now.Seq == state.Seq {
			return nil, err
		}
	}
}

func openOver(ctx context.Context, l *lake.Lake, state *lake.State, cat *schemas.Catalog, o Options) (_ *DB, err error) {
	d, err := OpenSession(ctx, l, state, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	if err := d.listFiles(ctx); err != nil {
		return nil, err
	}
	if err := d.sayWhatIsClosed(ctx); err != nil {
		return nil, err
	}
	if _, err := d.ExecContext(ctx, catalogSQL); err != nil {
		return nil, fmt.Errorf("make the catalog's tables: %w", err)
	}
	if cat != nil {
		if err := d.fillCatalog(ctx, cat); err != nil {
			return nil, err
		}
		d.Catalog = cat
	}
	if _, err := d.ExecContext(ctx, viewsSQL); err != nil {
		return nil, fmt.Errorf("make the views: %w", err)
	}
	return d, nil
}

// Refresh has the views show the lake's newest finished commit, and now be the
// time that statements take for it. What was opened of the catalog stays.
func (d *DB) Refresh(ctx context.Context, now time.Time) error {
	state, err := d.Lake.State()
	if err != nil {
		return err
	}
	if _, err := d.ExecContext(ctx, "SET VARIABLE now = $1", now.UTC()); err != nil {
		return fmt.Errorf("configure DuckDB: %w", err)
	}
	if state.Seq == d.State.Seq {
		return nil
	}
	d.State = state
	if err := d.listFiles(ctx); err != nil {
		return err
	}
	return d.sayWhatIsClosed(ctx)
}

func (d *DB) configure(ctx context.Context, o Options) error {
	if _, err := d.ExecContext(ctx, sessionSQL); err != nil {
		return fmt.Errorf("configure DuckDB: %w", err)
	}
	for _, set := range []struct {
		statement string
		value     any
		given     bool
	}{
		{"SET memory_limit = $1", o.Memory, o.Memory != ""},
		{"SET threads = $1", int64(o.Threads), o.Threads > 0},
		{"SET temp_directory = $1", o.TempDir, o.TempDir != ""},
		{"SET max_temp_directory_size = $1", o.TempSize, o.TempSize != ""},
		{"SET VARIABLE now = $1", o.Now.UTC(), true},
	} {
		if !set.given {
			continue
		}
		if _, err := d.ExecContext(ctx, set.statement, set.value); err != nil {
			return fmt.Errorf("configure DuckDB: %s: %w", set.statement, err)
		}
	}
	return nil
}

// listFiles names the committed files of every dataset to the views.
func (d *DB) listFiles(ctx context.Context) error {
	if _, err := d.ExecContext(ctx, filesSQL); err != nil {
		return fmt.Errorf("list the lake's files: %w", err)
	}
	conn, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	err = conn.Raw(func(c any) error {
		app, err := duckdb.NewAppenderFromConn(c.(driver.Conn), "", "lake_files")
		if err != nil {
			return err
		}
		for _, ds := range schemas.Datasets {
			for _, p := range d.State.FilesOf(ds, "") {
				if err := app.AppendRow(ds.Name, d.Lake.Path(p)); err != nil {
					return errors.Join(err, app.Close())
				}
			}
		}
		return app.Close()
	})
	if err = errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("list the lake's files: %w", err)
	}
	if _, err := d.ExecContext(ctx, variablesSQL); err != nil {
		return fmt.Errorf("list the lake's files: %w", err)
	}
	return nil
}

// sayWhatIsClosed sets the variables ledger_from and last_closed: the first and
// the newest business day that are closed. They are not set while none is, which
// reads as null.
func (d *DB) sayWhatIsClosed(ctx context.Context) error {
	first, last, ok := d.State.ClosedDays()
	if !ok {
		return nil
	}
	if _, err := d.ExecContext(ctx, "SET VARIABLE ledger_from = $1::DATE", string(first)); err != nil {
		return fmt.Errorf("say which days are closed: %w", err)
	}
	if _, err := d.ExecContext(ctx, "SET VARIABLE last_closed = $1::DATE", string(last)); err != nil {
		return fmt.Errorf("say which days are closed: %w", err)
	}
	return nil
}

// AppendTemporary adds rows to a temporary table.
func (d *DB) AppendTemporary(ctx context.Context, table string, rows [][]driver.Value) error {
	if len(rows) == 0 {
		return nil
	}
	conn, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	err = conn.Raw(func(c any) error {
		app, err := duckdb.NewAppender(c.(driver.Conn), "temp", "", table)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := app.AppendRow(r...); err != nil {
				return errors.Join(err, app.Close())
			}
		}
		return app.Close()
	})
	return errors.Join(err, conn.Close())
}

// LockDown leaves the connection able to read the lake's data folders and
// nothing else, for statements that users write. It can't be undone.
func (d *DB) LockDown(ctx context.Context) error {
	var dirs []any
	for _, ds := range schemas.Datasets {
		dirs = append(dirs, d.Lake.Path(ds.Name)+"/")
	}
	if _, err := d.ExecContext(ctx, "SET allowed_directories = [$1, $2, $3, $4, $5]", dirs...); err != nil {
		return fmt.Errorf("lock DuckDB down: %w", err)
	}
	if _, err := d.ExecContext(ctx, lockdownSQL); err != nil {
		return fmt.Errorf("lock DuckDB down: %w", err)
	}
	return nil
}
