package postgres

import (
	"context"
	_ "embed" // the statements
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/whole_part.sql
var wholePartSQL string

//go:embed sql/attributions_parts.sql
var attributionsPartsSQL string

//go:embed sql/hourly_facts_parts.sql
var hourlyFactsPartsSQL string

//go:embed sql/delete_attributions.sql
var deleteAttributionsSQL string

//go:embed sql/delete_facts.sql
var deleteFactsSQL string

//go:embed sql/read_attributions.sql
var readAttributionsSQL string

//go:embed sql/read_facts.sql
var readFactsSQL string

//go:embed sql/read_line_items.sql
var readLineItemsSQL string

//go:embed sql/read_pixels.sql
var readPixelsSQL string

//go:embed sql/note_part.sql
var notePartSQL string

// refreshed is a table that is loaded again where it changed.
type refreshed struct {
	name string
	// Of a table that is refreshed by UTC date: its dates' fingerprints, and how
	// those of some dates are taken away and read. Otherwise it is as a whole.
	parts, remove, readParts string
	read                     string // "": as it is
}

// refreshedTables are all but the ledger and its days, which only grow, and
// warehouse_info, which is another each time.
var refreshedTables = []refreshed{
	{name: "advertisers"}, {name: "insertion_orders"}, {name: "line_items", read: readLineItemsSQL}, {name: "creatives"},
	{name: "publishers"}, {name: "trackers"}, {name: "pixels", read: readPixelsSQL}, {name: "rates"}, {name: "segments"},
	{name: "segment_members"}, {name: "rejects_daily"},
	{name: "attributions", parts: attributionsPartsSQL, remove: deleteAttributionsSQL, readParts: readAttributionsSQL},
	{name: "hourly_facts", parts: hourlyFactsPartsSQL, remove: deleteFactsSQL, readParts: readFactsSQL},
}

// refresh loads again what has changed of everything but the ledger, in one
// transaction.
func (l *load) refresh(ctx context.Context) error {
	return l.within(ctx, func(tx pgx.Tx) error {
		for i, r := range refreshedTables {
			l.progress(r.name, i, len(refreshedTables))
			if err := l.refreshTable(ctx, tx, &r); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "DELETE FROM warehouse_info"); err != nil {
			return err
		}
		_, err := l.copyRows(ctx, tx, "warehouse_info", "FROM warehouse.warehouse_info")
		return err
	})
}

func (l *load) refreshTable(ctx context.Context, tx pgx.Tx, r *refreshed) error {
	now, err := l.fingerprints(ctx, r)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	loaded := map[string]string{}
	rows, err := tx.Query(ctx, "SELECT to_char(part, 'YYYY-MM-DD'), fingerprint FROM loaded_parts WHERE table_name = $1", r.name)
	if err != nil {
		return err
	}
	var part, fingerprint string
	if _, err := pgx.ForEachRow(rows, []any{&part, &fingerprint}, func() error { loaded[part] = fingerprint; return nil }); err != nil {
		return err
	}
	var changed, gone []string
	for _, part := range slices.Sorted(maps.Keys(now)) {
		if loaded[part] != now[part] {
			changed = append(changed, part)
		}
	}
	for _, part := range slices.Sorted(maps.Keys(loaded)) {
		if now[part] == "" {
			gone = append(gone, part)
		}
	}
	if len(changed)+len(gone) == 0 {
		return nil
	}
	what := r.name
	if r.parts == "" {
		if _, err := tx.Exec(ctx, "DELETE FROM "+pgx.Identifier{r.name}.Sanitize()); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		read, args := r.read, []any(nil)
		if read == "" {
			read, args = "FROM query_table($1)", []any{"warehouse." + r.name}
		}
		if _, err := l.copyRows(ctx, tx, r.name, read, args...); err != nil {
			return err
		}
	} else {
		if _, err := tx.Exec(ctx, r.remove, append(slices.Clone(changed), gone...)); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		if len(changed) > 0 {
			if _, err := l.copyRows(ctx, tx, r.name, r.readParts, changed); err != nil {
				return err
			}
		}
		what = fmt.Sprintf("%s of %d UTC dates", r.name, len(changed)+len(gone))
		if len(changed)+len(gone) == 1 {
			what = r.name + " of 1 UTC date"
		}
	}
	var notes pgx.Batch
	for _, part := range changed {
		notes.Queue(notePartSQL, r.name, part, now[part])
	}
	for _, part := range gone {
		notes.Queue("DELETE FROM loaded_parts WHERE table_name = $1 AND part = $2", r.name, part)
	}
	if err := tx.SendBatch(ctx, &notes).Close(); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	l.sum.Refreshed = append(l.sum.Refreshed, what)
	return nil
}

// fingerprints gives a fingerprint of each part of a table, as it is in the lake.
func (l *load) fingerprints(ctx context.Context, r *refreshed) (parts map[string]string, err error) {
	statement, args := r.parts, []any(nil)
	if statement == "" {
		statement, args = wholePartSQL, []any{"warehouse." + r.name}
	}
	rows, err := l.tables.DB.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	parts = map[string]string{}
	for rows.Next() {
		var part, fingerprint string
		if err := rows.Scan(&part, &fingerprint); err != nil {
			return nil, err
		}
		parts[part] = fingerprint
	}
	return parts, rows.Err()
}
