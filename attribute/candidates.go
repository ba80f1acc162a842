package attribute

import (
	"context"
	"database/sql"
	_ "embed" // the SQL files
	"errors"
	"fmt"

	"pixledger/schemas"
	"pixledger/schemas/lakedb"
)

//go:embed sql/dialect.sql
var dialectSQL string

//go:embed sql/settings.sql
var settingsSQL string

//go:embed sql/asked.sql
var askedSQL string

//go:embed sql/bounds.sql
var boundsSQL string

//go:embed sql/touches.sql
var touchesSQL string

//go:embed sql/winners.sql
var winnersSQL string

//go:embed sql/ordered.sql
var orderedSQL string

//go:embed sql/page.sql
var pageSQL string

//go:embed sql/count.sql
var countSQL string

// conversion is a conversion with what the steps up to 8 say about it. Times
// are Unix microseconds.
type conversion struct {
	id         string
	time       int64
	pixelID    sql.Null[int64] // a code resolved
	userID     sql.Null[string]
	orderID    sql.Null[string]
	value      sql.Null[int64] // millionths
	other      sql.Null[string]
	serverSide bool
	reason     sql.Null[string] // the first step up to 8 that fails it
	// The winning touch, where none of them does.
	isClick   sql.Null[bool]
	touchID   sql.Null[string]
	touchTime sql.Null[int64]
	trackerID sql.Null[int64]
	touchUser sql.Null[string]
	voided    bool // a void names it
}

// findWinners takes steps 1 to 8 for all conversions and gives their number.
// What it finds stands in temporary tables, which DuckDB spills as it needs.
func findWinners(ctx context.Context, db *lakedb.DB, cat *schemas.Catalog, progress func(Step, int64, int64)) (int64, error) {
	run := func(what, statements string) error {
		if _, err := db.ExecContext(ctx, statements); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
	progress(StepConversions, 0, 0)
	if err := run("name the dialect's functions", dialectSQL); err != nil {
		return 0, err
	}
	if err := run("make the tables of settings", settingsSQL); err != nil {
		return 0, err
	}
	if err := loadSettings(ctx, db, cat); err != nil {
		return 0, err
	}
	if err := run("read the conversions", askedSQL); err != nil {
		return 0, err
	}
	var total int64
	if err := db.QueryRowContext(ctx, countSQL).Scan(&total); err != nil {
		return 0, fmt.Errorf("count the conversions: %w", err)
	}
	progress(StepTouches, 0, total)
	if err := run("bound the touches", boundsSQL); err != nil {
		return 0, err
	}
	if err := run("name the touches", touchesSQL); err != nil {
		return 0, err
	}
	if err := run("match touches with conversions", winnersSQL); err != nil {
		return 0, err
	}
	if err := run("order the conversions", orderedSQL); err != nil {
		return 0, err
	}
	return total, nil
}

// pageRows is the number of conversions that are in memory at a time: the
// driver holds the whole result of a query.
const pageRows = 1 << 16

// eachInOrder hands on all conversions in the order (time, id). The value
// handed on is good until the call returns.
func eachInOrder(ctx context.Context, db *lakedb.DB, total int64, do func(*conversion) error) error {
	page, err := db.PrepareContext(ctx, pageSQL)
	if err != nil {
		return fmt.Errorf("read the conversions in order: %w", err)
	}
	for first := int64(1); err == nil && first <= total; first += pageRows {
		err = eachOfPage(ctx, page, first, do)
	}
	return errors.Join(err, page.Close())
}

func eachOfPage(ctx context.Context, page *sql.Stmt, first int64, do func(*conversion) error) (err error) {
	rows, err := page.QueryContext(ctx, first, first+pageRows-1)
	if err != nil {
		return fmt.Errorf("read the conversions in order: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var c conversion
	for rows.Next() {
		if err := rows.Scan(&c.id, &c.time, &c.pixelID, &c.userID, &c.orderID, &c.value, &c.other, &c.serverSide,
			&c.reason, &c.isClick, &c.touchID, &c.touchTime, &c.trackerID, &c.touchUser, &c.voided); err != nil {
			return fmt.Errorf("read the conversions in order: %w", err)
		}
		if err := do(&c); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the conversions in order: %w", err)
	}
	return nil
}
