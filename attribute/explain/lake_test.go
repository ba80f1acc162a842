package explain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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

	"pixledger/attribute"
	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// fataler is what the helpers need of *testing.T and *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

var now = time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)

// testLake is a lake in a folder, filled by hand, with the catalog that is
// configured for it.
type testLake struct {
	*lake.Lake
	t   fataler
	cat *schemas.Catalog
}

// newLake makes a lake and reads the catalog from a file, so that it has
// positions.
func newLake(t fataler, dir string, cat *schemas.Catalog) *testLake {
	t.Helper()
	l, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), now)
	if err != nil {
		t.Fatalf("%v", err)
	}
	out := &testLake{Lake: l, t: t}
	out.configure(cat)
	return out
}

// configure puts another catalog in force.
func (l *testLake) configure(cat *schemas.Catalog) {
	l.t.Helper()
	read, _, err := schemas.ParseCatalog(catalogFile, reference.CatalogFile(cat))
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	l.cat = read
}

const catalogFile = "catalog.yaml"

// row gives the i-th row of a dataset by column.
type row func(i int) map[string]any

// commit publishes events and voids as one commit: a file for each type and date.
func (l *testLake) commit(events []reference.Event, voids []string) {
	l.t.Helper()
	folders := map[string][]reference.Event{}
	for _, e := range events {
		f := lake.EventFolder(schemas.EventType(e.Type), e.EventTime.UTC().Format(time.DateOnly))
		folders[f] = append(folders[f], e)
	}
	l.publish(func(add func(schemas.Dataset, string, int, row)) {
		for folder, rows := range folders {
			add(schemas.Events, folder, len(rows), func(i int) map[string]any { return eventRow(rows[i]) })
		}
		if len(voids) > 0 {
			add(schemas.Voids, schemas.Voids.Name, len(voids), func(i int) map[string]any {
				return map[string]any{"conversion_id": voids[i], "reason": "returned", "by": "Ada", "voided_at": now}
			})
		}
	})
}

// publish commits the files that fill adds.
func (l *testLake) publish(fill func(add func(schemas.Dataset, string, int, row))) {
	l.t.Helper()
	l.publishAs(lake.Draft{Kind: "ingest", At: now}, fill)
}

func (l *testLake) publishAs(draft lake.Draft, fill func(add func(schemas.Dataset, string, int, row))) {
	l.t.Helper()
	staging, err := l.Stage()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer staging.Close()
	fill(func(ds schemas.Dataset, folder string, rows int, of row) {
		draft.Add = append(draft.Add, l.write(staging, len(draft.Add), ds, folder, rows, of))
	})
	if len(draft.Add) == 0 {
		return
	}
	if _, err := l.Commit(staging, func(*lake.State) (*lake.Draft, error) { return &draft, nil }); err != nil {
		l.t.Fatalf("%v", err)
	}
}

func (l *testLake) write(s *lake.Staging, n int, ds schemas.Dataset, folder string, rows int, of row) lake.Staged {
	l.t.Helper()
	name := fmt.Sprintf("%d.parquet", n)
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
		values := of(i)
		for c, column := range ds.Columns {
			appendValue(b.Field(c), values[column.Name])
		}
	}
	record := b.NewRecord()
	defer record.Release()
	if err := w.Write(record); err != nil {
		l.t.Fatalf("%v", err)
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
	case int64:
		b.(*array.Int64Builder).Append(v)
	case int16:
		b.(*array.Int16Builder).Append(v)
	case bool:
		b.(*array.BooleanBuilder).Append(v)
	case schemas.Money:
		b.(*array.Decimal128Builder).Append(decimal128.FromI64(int64(v)))
	case time.Time:
		if date, ok := b.(*array.Date32Builder); ok {
			date.Append(arrow.Date32FromTime(v))
			return
		}
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(v.UnixMicro()))
	default:
		b.AppendNull()
	}
}

// orNull is what a pointer points at, or nothing.
func orNull[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func eventRow(e reference.Event) map[string]any {
	r := map[string]any{
		"event_id": e.EventID, "event_time": e.EventTime, "ingested_at": now, "edge": "edge-1",
		"source_id": e.SourceID, "source_offset": e.SourceOffset, "method": "GET", "status": int16(200), "consent": e.Consent,
		"user_id": orNull(e.UserID), "invalid_reason": orNull(e.InvalidReason), "pixel_id": orNull(e.PixelID),
		"pixel_code": orNull(e.PixelCode), "member_id": orNull(e.MemberID), "tracker_id": orNull(e.TrackerID),
		"token": orNull(e.Token), "order_id": orNull(e.OrderID), "value": orNull(e.Value), "value_text": orNull(e.ValueText),
		"other": orNull(e.Other), "sspdata": orNull(e.SSPData),
	}
	if e.Type == reference.Conversion {
		r["server_side"] = e.ServerSide
	}
	return r
}

// attribute attributes the lake by the catalog configured.
func (l *testLake) attribute() {
	l.t.Helper()
	if _, err := l.KeepCatalog(l.cat.Content()); err != nil {
		l.t.Fatalf("%v", err)
	}
	if _, err := attribute.Run(context.Background(), attribute.Options{Lake: l.Lake, Catalog: l.cat, Now: now, Threads: 1}); err != nil {
		l.t.Fatalf("attribute: %v", err)
	}
}

// decided publishes rows as an attribution would that gives them.
func (l *testLake) decided(rows []reference.Attribution) {
	l.t.Helper()
	if _, err := l.KeepCatalog(l.cat.Content()); err != nil {
		l.t.Fatalf("%v", err)
	}
	days := map[string][]reference.Attribution{}
	for _, w := range rows {
		day := lake.DateFolder(schemas.Attributions, w.ConversionTime.Format(time.DateOnly))
		days[day] = append(days[day], w)
	}
	l.publishAs(lake.Draft{Kind: attribute.CommitKind, At: now, Notes: map[string]string{attribute.NoteCatalog: l.cat.Digest}},
		func(add func(schemas.Dataset, string, int, row)) {
			for folder, rows := range days {
				add(schemas.Attributions, folder, len(rows), func(i int) map[string]any { return attributionRow(rows[i]) })
			}
		})
}

func attributionRow(w reference.Attribution) map[string]any {
	return map[string]any{
		"conversion_id": w.ConversionID, "conversion_time": w.ConversionTime, "pixel_id": orNull(w.PixelID),
		"advertiser_id": orNull(w.AdvertiserID), "user_id": orNull(w.UserID), "order_id": orNull(w.OrderID), "value": orNull(w.Value),
		"other": orNull(w.Other), "server_side": w.ServerSide, "outcome": w.Outcome, "reason": orNull(w.Reason),
		"conversion_type": orNull(w.ConversionType), "touch_id": orNull(w.TouchID), "touch_time": orNull(w.TouchTime),
		"tracker_id": orNull(w.TrackerID), "line_item_id": orNull(w.LineItemID), "creative_id": orNull(w.CreativeID),
		"publisher_id": orNull(w.PublisherID), "booked_revenue": w.BookedRevenue, "currency": orNull(w.Currency),
		"rate_missing": w.RateMissing,
	}
}

// engine is one DuckDB for the looks of all lakes: opening one takes longer than
// a look.
var engine = sync.OnceValues(func() (*lakedb.DB, error) {
	dir, err := os.MkdirTemp("", "explain-engine-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), now)
	if err != nil {
		return nil, err
	}
	return lakedb.Open(context.Background(), l, nil, lakedb.Options{Now: now, Threads: 1})
})

// reader reads the lake as it is now.
func (l *testLake) reader() *reader {
	l.t.Helper()
	db, err := engine()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	state, err := l.State()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	return &reader{ctx: context.Background(), db: &lakedb.DB{DB: db.DB, Lake: l.Lake, State: state}}
}

func (l *testLake) options() Options {
	return Options{Lake: l.Lake, Catalog: l.cat, CatalogFile: catalogFile, DB: lakedb.Options{Now: now, Threads: 1}}
}

func (l *testLake) explain(r *reader, id string) *Explanation {
	l.t.Helper()
	x, err := explain(r, id, l.options())
	if err != nil {
		l.t.Fatalf("explain %s: %v", id, err)
	}
	return x
}
