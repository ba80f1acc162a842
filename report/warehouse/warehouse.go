// Package warehouse makes the analysts' tables of a lake: one file for DuckDB
// that BI tools open, and the same tables in PostgreSQL (package postgres).
//
// They are made from one finished commit of the lake, in a place of their own,
// and are published whole or not at all. Nothing in them is a truth of its own:
// they can be made again at any time.
package warehouse

import (
	"context"
	_ "embed" // the statements
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

//go:embed sql/dimensions.sql
var dimensionsSQL string

//go:embed sql/attributions.sql
var attributionsSQL string

//go:embed sql/ledger.sql
var ledgerSQL string

//go:embed sql/segment_members.sql
var segmentMembersSQL string

//go:embed sql/rejects_daily.sql
var rejectsDailySQL string

//go:embed sql/hourly_facts.sql
var hourlyFactsSQL string

//go:embed sql/closed_days.sql
var closedDaysSQL string

//go:embed sql/warehouse_info.sql
var warehouseInfoSQL string

//go:embed sql/macros.sql
var macrosSQL string

//go:embed sql/comments.sql
var commentsSQL string

// Version is that of the tables. Columns may be added to one; anything else
// raises it.
const Version = 1

// storageVersion is the oldest DuckDB that must be able to read the file. See
// docs/decisions/0015-warehouse.md.
const storageVersion = "v1.2.0"

// ClosedDay is a business day that is closed.
type ClosedDay struct {
	Day           schemas.Day `json:"day"`
	Sequence      int64       `json:"sequence"` // its number in the ledger, from 1
	Begins        time.Time   `json:"begins"`
	Ends          time.Time   `json:"ends"`
	Entries       int64       `json:"entries"`
	CatalogDigest string      `json:"catalog_digest"`
}

// Options are what the lake's views do not tell.
type Options struct {
	CatalogDigest string
	Zone          *time.Location // of business days
	Closed        []ClosedDay    // all, in order, of the same state of the lake
	// Progress is told of each step before it begins. Nil: nobody.
	Progress func(step string, done, total int64)
}

// Tables are the warehouse's tables once they are made, in a database that is
// attached to the lake's as "warehouse". They belong to a staging folder of the
// lake, which a crash leaves to the next opener to remove.
type Tables struct {
	DB      *lakedb.DB
	Rows    map[string]int64 // by table
	staging *lake.Staging
}

// builtName is the name under which DuckDB writes the tables, and stagedName
// that of their copy, which is published.
const (
	builtName  = "built.duckdb"
	stagedName = "warehouse.duckdb"
)

// Make makes the tables from the state of the lake that db shows. Close removes
// what of them was not published.
func Make(ctx context.Context, db *lakedb.DB, o Options) (_ *Tables, err error) {
	staging, err := db.Lake.Stage()
	if err != nil {
		return nil, err
	}
	t := &Tables{DB: db, Rows: map[string]int64{}, staging: staging}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make the warehouse: %w", err), t.Close())
		}
	}()
	// ATTACH takes no bound parameter.
	attach := "ATTACH " + literal(t.built()) + " AS warehouse (STORAGE_VERSION " + literal(storageVersion) + ")"
	if _, err := db.ExecContext(ctx, attach); err != nil {
		return nil, err
	}
	// Rows are written in the order in which they are sorted.
	if _, err := db.ExecContext(ctx, "SET preserve_insertion_order = true"); err != nil {
		return nil, err
	}
	closed, err := json.Marshal(append([]ClosedDay{}, o.Closed...))
	if err != nil {
		return nil, err
	}
	steps := []struct {
		name string
		sql  string
		args []any
	}{
		{"dimensions", dimensionsSQL, nil},
		{"attributions", attributionsSQL, nil},
		{"ledger", ledgerSQL, nil},
		{"segment members", segmentMembersSQL, nil},
		{"rejects", rejectsDailySQL, nil},
		{"hourly facts", hourlyFactsSQL, nil},
		{"closed days", closedDaysSQL, []any{string(closed)}},
		{"what it was made of", warehouseInfoSQL, []any{db.State.Seq, o.CatalogDigest, o.Zone.String(), int64(Version)}},
		{"macros", "USE warehouse;\n" + macrosSQL + "USE memory;\n", nil},
		{"comments", commentsSQL + datasetComments(schemas.Attributions) + datasetComments(schemas.Ledger), nil},
	}
	for i, s := range steps {
		if o.Progress != nil {
			o.Progress(s.name, int64(i), int64(len(steps)))
		}
		// Each step is one change of the file: every statement by itself would wait
		// for the disk by itself.
		if err := t.step(ctx, s.sql, s.args...); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return t, t.count(ctx)
}

// step runs statements in one transaction.
func (t *Tables) step(ctx context.Context, statements string, args ...any) error {
	tx, err := t.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, statements, args...); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// built is the file that DuckDB writes.
func (t *Tables) built() string { return filepath.Join(t.staging.Dir(), builtName) }

// Close detaches the tables and removes what was not published.
func (t *Tables) Close() error {
	// It is detached already where it was published, and not attached where
	// making it failed.
	_, _ = t.DB.ExecContext(context.Background(), "USE memory; DETACH DATABASE IF EXISTS warehouse")
	return t.staging.Close()
}

// count notes how many rows the tables have.
func (t *Tables) count(ctx context.Context) error {
	names, err := t.Names(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		var n int64
		if err := t.DB.QueryRowContext(ctx, "SELECT count(*) FROM query_table($1)", "warehouse."+name).Scan(&n); err != nil {
			return err
		}
		t.Rows[name] = n
	}
	return nil
}

// Names lists the tables by name.
func (t *Tables) Names(ctx context.Context) (names []string, err error) {
	rows, err := t.DB.QueryContext(ctx, "SELECT table_name FROM duckdb_tables() WHERE database_name = 'warehouse' ORDER BY ALL")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// datasetComments are the statements that give a table of a dataset its
// documentation: COMMENT takes no bound parameter.
func datasetComments(d schemas.Dataset) string {
	var b strings.Builder
	fmt.Fprintf(&b, "COMMENT ON TABLE warehouse.%s IS %s;\n", name(d.Name), literal(strings.TrimSuffix(d.Doc, ".")))
	for _, list := range [][]schemas.Column{d.Columns, d.Keys} {
		for _, c := range list {
			fmt.Fprintf(&b, "COMMENT ON COLUMN warehouse.%s.%s IS %s;\n", name(d.Name), name(c.Name), literal(c.Doc))
		}
	}
	return b.String()
}

// literal is a text as SQL writes it.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// name is an identifier as SQL writes it.
func name(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
