package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// fields are one row by column; what is left out is null, or the zero value
// where the column is required.
type fields map[string]any

// now is when the tests ask.
var now = at("2026-11-13T06:00:00Z")

// testLake is a lake in a folder, filled by hand.
type testLake struct {
	*lake.Lake
	t   testing.TB
	cat *schemas.Catalog
}

func newLake(t testing.TB, cat *schemas.Catalog) *testLake {
	t.Helper()
	l, err := lake.OpenOrCreate(filepath.Join(t.TempDir(), "lake"), now)
	if err != nil {
		t.Fatal(err)
	}
	return &testLake{l, t, cat}
}

func (l *testLake) open() (*lakedb.DB, error) {
	return lakedb.Open(context.Background(), l.Lake, l.cat, lakedb.Options{Memory: "1GB", Threads: 2, TempDir: l.t.TempDir(), TempSize: "1GB", Now: now})
}

// put commits rows, each to the folder of its time.
func (l *testLake) put(ds schemas.Dataset, typ schemas.EventType, timeColumn string, rows ...fields) {
	l.t.Helper()
	staging, err := l.Stage()
	if err != nil {
		l.t.Fatal(err)
	}
	defer staging.Close()
	folders := map[string][]fields{}
	for _, r := range rows {
		date := r[timeColumn].(time.Time).UTC().Format(time.DateOnly)
		folder := lake.DateFolder(ds, date)
		if typ != "" {
			folder = lake.EventFolder(typ, date)
		}
		folders[folder] = append(folders[folder], r)
	}
	draft := &lake.Draft{Kind: "ingest", At: now}
	for folder, rows := range folders {
		draft.Add = append(draft.Add, l.write(staging, ds, folder, rows))
	}
	if _, err := l.Commit(staging, func(*lake.State) (*lake.Draft, error) { return draft, nil }); err != nil {
		l.t.Fatal(err)
	}
}

func (l *testLake) write(s *lake.Staging, ds schemas.Dataset, folder string, rows []fields) lake.Staged {
	l.t.Helper()
	name := strings.ReplaceAll(folder, "/", "-") + ".parquet"
	p := filepath.Join(s.Dir(), name)
	var content bytes.Buffer
	w, err := pqarrow.NewFileWriter(ds.ArrowSchema(), &content, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		l.t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, ds.ArrowSchema())
	defer b.Release()
	for _, r := range rows {
		for i, c := range ds.Columns {
			put(l.t, b.Field(i), r[c.Name], c)
		}
	}
	record := b.NewRecord()
	defer record.Release()
	if err := w.Write(record); err != nil {
		l.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(p, content.Bytes(), 0o600); err != nil {
		l.t.Fatal(err)
	}
	sum := sha256.Sum256(content.Bytes())
	return lake.Staged{Folder: folder, Name: name, Rows: int64(len(rows)), Bytes: int64(content.Len()), SHA256: hex.EncodeToString(sum[:])}
}

func put(t testing.TB, b array.Builder, v any, c schemas.Column) {
	t.Helper()
	if v == nil && !c.Required {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		s, _ := v.(string)
		b.Append(s)
	case *array.TimestampBuilder:
		at, _ := v.(time.Time)
		b.Append(arrow.Timestamp(at.UnixMicro()))
	case *array.Int64Builder:
		n, _ := v.(int)
		b.Append(int64(n))
	case *array.Int16Builder:
		b.Append(200)
	case *array.BooleanBuilder:
		yes, _ := v.(bool)
		b.Append(yes)
	case *array.Decimal128Builder:
		s, _ := v.(string)
		m, ok := schemas.ParseMoney(s)
		if !ok && s != "" {
			t.Fatalf("%s: %q is no money", c.Name, s)
		}
		b.Append(decimal128.FromI64(int64(m)))
	case *array.ListBuilder:
		b.Append(true)
		for _, n := range v.([]int64) {
			b.ValueBuilder().(*array.Int64Builder).Append(n)
		}
	default:
		t.Fatalf("%s: no test writes a %T", c.Name, b)
	}
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// opened gives a database over the lake as it is now.
func (l *testLake) opened(t testing.TB) *lakedb.DB {
	t.Helper()
	db, err := l.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// run gives a report at the tests' time.
func run(t testing.TB, db *lakedb.DB, name string, p Params, f Format) string {
	t.Helper()
	if p.Now.IsZero() {
		p.Now = now
	}
	var out bytes.Buffer
	if err := BuiltIn().Run(context.Background(), db, name, p, &out, f); err != nil {
		t.Fatalf("report %s %+v: %v", name, p, err)
	}
	return out.String()
}

// ask gives a query's result, or why there is none.
func ask(db *lakedb.DB, sql string, f Format) (string, error) {
	var out bytes.Buffer
	err := Query(context.Background(), db, sql, &out, f)
	return out.String(), err
}

// mustAsk gives a query's result.
func mustAsk(t testing.TB, db *lakedb.DB, sql string, f Format) string {
	t.Helper()
	out, err := ask(db, sql, f)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}
