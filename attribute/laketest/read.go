package laketest

import (
	"database/sql"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"pixledger/attribute/reference"
	"pixledger/schemas"
)

// DB is one DuckDB for all lakes of a test's process: to open one takes longer
// than to attribute or close a small world.
var DB = sync.OnceValues(func() (*sql.DB, error) {
	db, err := sql.Open("duckdb", "")
	if err == nil {
		_, err = db.Exec("SET GLOBAL TimeZone = 'UTC'")
	}
	return db, err
})

// Query reads the files that a glob below the lake matches, $1 in the query, and
// gives each row to a function.
func (l *Handmade) Query(query, glob string, row func(*sql.Rows) error) {
	l.t.Helper()
	db, err := DB()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	rows, err := db.Query(query, l.Path(glob))
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			l.t.Fatalf("%v", err)
		}
	}
	if err := rows.Err(); err != nil {
		l.t.Fatalf("%v", err)
	}
}

// Attributions reads all attributions, in the order of time.
func (l *Handmade) Attributions() []reference.Attribution {
	l.t.Helper()
	var out []reference.Attribution
	l.Query(`
		SELECT conversion_id, conversion_time, pixel_id, advertiser_id, user_id, order_id, value, other, server_side,
			outcome, reason, conversion_type, touch_id, touch_time, tracker_id, line_item_id, creative_id, publisher_id,
			booked_revenue, currency, rate_missing
		FROM read_parquet($1, hive_partitioning = true)
		ORDER BY conversion_time, conversion_id`, "attributions/*/*.parquet", func(rows *sql.Rows) error {
		var a reference.Attribution
		var value *duckdb.Decimal
		var booked duckdb.Decimal
		if err := rows.Scan(&a.ConversionID, &a.ConversionTime, &a.PixelID, &a.AdvertiserID, &a.UserID, &a.OrderID, &value, &a.Other,
			&a.ServerSide, &a.Outcome, &a.Reason, &a.ConversionType, &a.TouchID, &a.TouchTime, &a.TrackerID, &a.LineItemID,
			&a.CreativeID, &a.PublisherID, &booked, &a.Currency, &a.RateMissing); err != nil {
			return err
		}
		if value != nil {
			a.Value = new(schemas.Money(value.Value.Int64()))
		}
		a.ConversionTime = a.ConversionTime.UTC()
		if a.TouchTime != nil {
			a.TouchTime = new(a.TouchTime.UTC())
		}
		a.BookedRevenue = schemas.Money(booked.Value.Int64())
		out = append(out, a)
		return nil
	})
	return out
}
