package attribute_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/duckdb/duckdb-go/v2"

	"pixledger/attribute"
	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// fataler is what the helpers need of *testing.T and *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

var now = time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)

// testLake is a lake in a folder, filled by hand.
type testLake struct {
	*lake.Lake
	t   fataler
	cat *schemas.Catalog
}

func newLake(t fataler, dir string, cat *schemas.Catalog) *testLake {
	t.Helper()
	l, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), now)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return &testLake{l, t, cat}
}

// commit publishes events and voids as one commit: a file for each type and date.
func (l *testLake) commit(events []reference.Event, voids []string) {
	l.t.Helper()
	staging, err := l.Stage()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer staging.Close()
	folders := map[string][]reference.Event{}
	for _, e := range events {
		f := lake.EventFolder(schemas.EventType(e.Type), e.EventTime.UTC().Format(time.DateOnly))
		folders[f] = append(folders[f], e)
	}
	draft := &lake.Draft{Kind: "ingest", At: now}
	add := func(ds schemas.Dataset, folder string, rows int, row func(i int) map[string]any) {
		draft.Add = append(draft.Add, l.write(staging, len(draft.Add), ds, folder, rows, row))
	}
	for folder, rows := range folders {
		add(schemas.Events, folder, len(rows), func(i int) map[string]any { return eventRow(rows[i]) })
	}
	if len(voids) > 0 {
		add(schemas.Voids, lake.DateFolder(schemas.Voids, ""), len(voids), func(i int) map[string]any {
			return map[string]any{"conversion_id": voids[i], "reason": "test", "by": "me", "voided_at": now}
		})
	}
	if len(draft.Add) == 0 {
		return
	}
	if _, err := l.Commit(staging, func(*lake.State) (*lake.Draft, error) { return draft, nil }); err != nil {
		l.t.Fatalf("%v", err)
	}
}

// empty replaces a folder of events by one without rows.
func (l *testLake) empty(ds schemas.Dataset, folder string) {
	l.t.Helper()
	staging, err := l.Stage()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer staging.Close()
	file := l.write(staging, 0, ds, folder, 0, nil)
	if _, err := l.Commit(staging, func(*lake.State) (*lake.Draft, error) {
		return &lake.Draft{Kind: "repair", At: now, Replace: map[string][]lake.Staged{folder: {file}}}, nil
	}); err != nil {
		l.t.Fatalf("%v", err)
	}
}

func (l *testLake) write(s *lake.Staging, n int, ds schemas.Dataset, folder string, rows int, row func(int) map[string]any) lake.Staged {
	l.t.Helper()
	name := string(rune('a'+n%26)) + folder[len(folder)-2:] + string(rune('0'+n/26)) + ".parquet"
	p := filepath.Join(s.Dir(), name)
	f, err := os.Create(p)
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	w, err := pqarrow.NewFileWriter(ds.ArrowSchema(), f, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, ds.ArrowSchema())
	defer b.Release()
	for i := range rows {
		values := row(i)
		for c, column := range ds.Columns {
			appendValue(b.Field(c), values[column.Name])
		}
	}
	if rows > 0 {
		record := b.NewRecord()
		defer record.Release()
		if err := w.Write(record); err != nil {
			l.t.Fatalf("%v", err)
		}
	}
	if err := w.Close(); err != nil {
		l.t.Fatalf("%v", err)
	}
	content, err := os.ReadFile(p)
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	sum := sha256.Sum256(content)
	return lake.Staged{Folder: folder, Name: name, Rows: int64(rows), Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

func appendValue(b array.Builder, v any) {
	switch v := v.(type) {
	case string:
		b.(*array.StringBuilder).Append(v)
	case *string:
		if v != nil {
			b.(*array.StringBuilder).Append(*v)
			return
		}
		b.AppendNull()
	case *int64:
		if v != nil {
			b.(*array.Int64Builder).Append(*v)
			return
		}
		b.AppendNull()
	case int64:
		b.(*array.Int64Builder).Append(v)
	case int16:
		b.(*array.Int16Builder).Append(v)
	case bool:
		b.(*array.BooleanBuilder).Append(v)
	case time.Time:
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(v.UnixMicro()))
	case *schemas.Money:
		if v != nil {
			b.(*array.Decimal128Builder).Append(decimal128.FromI64(int64(*v)))
			return
		}
		b.AppendNull()
	default:
		b.AppendNull()
	}
}

func eventRow(e reference.Event) map[string]any {
	row := map[string]any{
		"event_id": e.EventID, "event_time": e.EventTime, "ingested_at": now, "edge": "edge-1",
		"source_id": e.SourceID, "source_offset": e.SourceOffset, "method": "GET", "status": int16(200),
		"consent": e.Consent, "user_id": e.UserID, "invalid_reason": e.InvalidReason, "pixel_id": e.PixelID,
		"pixel_code": e.PixelCode, "member_id": e.MemberID, "tracker_id": e.TrackerID, "token": e.Token,
		"order_id": e.OrderID, "value": e.Value, "value_text": e.ValueText, "other": e.Other, "sspdata": e.SSPData,
	}
	if e.Type == reference.Conversion {
		row["server_side"] = e.ServerSide
	}
	return row
}

// run attributes the lake.
func (l *testLake) run(threads int) attribute.Summary {
	l.t.Helper()
	s, err := attribute.Run(context.Background(), l.options(threads))
	if err != nil {
		l.t.Fatalf("attribute: %v", err)
	}
	return s
}

func (l *testLake) options(threads int) attribute.Options {
	return attribute.Options{Lake: l.Lake, Catalog: l.cat, Now: now, Threads: threads}
}

// reader is one DuckDB for all lakes: opening one takes longer than a world.
var reader = sync.OnceValues(func() (*sql.DB, error) {
	db, err := sql.Open("duckdb", "")
	if err == nil {
		_, err = db.Exec("SET GLOBAL TimeZone = 'UTC'")
	}
	return db, err
})

// rows reads all attributions.
func (l *testLake) rows() []reference.Attribution {
	l.t.Helper()
	db, err := reader()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	rows, err := db.Query(`
		SELECT conversion_id, conversion_time, pixel_id, advertiser_id, user_id, order_id, value, other, server_side,
			outcome, reason, conversion_type, touch_id, touch_time, tracker_id, line_item_id, creative_id, publisher_id,
			booked_revenue, currency, rate_missing
		FROM read_parquet($1, hive_partitioning = true)
		ORDER BY conversion_time, conversion_id`, l.Path("attributions/*/*.parquet"))
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer rows.Close()
	var out []reference.Attribution
	for rows.Next() {
		var a reference.Attribution
		var value *duckdb.Decimal
		var booked duckdb.Decimal
		if err := rows.Scan(&a.ConversionID, &a.ConversionTime, &a.PixelID, &a.AdvertiserID, &a.UserID, &a.OrderID, &value, &a.Other,
			&a.ServerSide, &a.Outcome, &a.Reason, &a.ConversionType, &a.TouchID, &a.TouchTime, &a.TrackerID, &a.LineItemID,
			&a.CreativeID, &a.PublisherID, &booked, &a.Currency, &a.RateMissing); err != nil {
			l.t.Fatalf("%v", err)
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
	}
	if err := rows.Err(); err != nil {
		l.t.Fatalf("%v", err)
	}
	return out
}
