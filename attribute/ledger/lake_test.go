package ledger_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"pixledger/attribute"
	"pixledger/attribute/ledger"
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

// testLake is a lake in a folder, filled by hand, with what closes it.
type testLake struct {
	*lake.Lake
	t    fataler
	opts ledger.Options
}

// quickDir is a folder in memory where there is one: a test of what is booked
// need not wait for a disk.
func quickDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pixledger-ledger-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func ctx() context.Context { return context.Background() }

var made = time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)

func newLake(t fataler, dir string, cat *schemas.Catalog, zone *time.Location) *testLake {
	t.Helper()
	l, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), made)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return &testLake{l, t, optionsFor(l, cat, zone)}
}

func optionsFor(l *lake.Lake, cat *schemas.Catalog, zone *time.Location) ledger.Options {
	return ledger.Options{
		Attribute:  attribute.Options{Lake: l, Catalog: cat, Now: made, Threads: 2, Holder: "the test"},
		Calendar:   ledger.Calendar{Zone: zone, CloseAfter: 4 * time.Hour},
		AdjustDays: 90, AdjustLimit: new(schemas.Money(10_000_000)),
	}
}

// commit publishes events as one commit: a file for each type and date.
func (l *testLake) commit(events ...reference.Event) {
	l.t.Helper()
	if len(events) == 0 {
		return
	}
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
	draft := &lake.Draft{Kind: "ingest", At: made}
	for folder, rows := range folders {
		draft.Add = append(draft.Add, l.write(staging, fmt.Sprintf("%d.parquet", len(draft.Add)), folder, rows))
	}
	if _, err := l.Commit(staging, func(*lake.State) (*lake.Draft, error) { return draft, nil }); err != nil {
		l.t.Fatalf("%v", err)
	}
}

func (l *testLake) write(s *lake.Staging, name, folder string, events []reference.Event) lake.Staged {
	l.t.Helper()
	p := filepath.Join(s.Dir(), name)
	f, err := os.Create(p)
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	schema := schemas.Events.ArrowSchema()
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	out := lake.Staged{Folder: folder, Name: name, Rows: int64(len(events))}
	for i, e := range events {
		row := eventRow(e)
		for c, column := range schemas.Events.Columns {
			appendValue(b.Field(c), row[column.Name])
		}
		if t := e.EventTime.UnixMicro(); i == 0 || t < out.MinTime {
			out.MinTime = t
		}
		out.MaxTime = max(out.MaxTime, e.EventTime.UnixMicro())
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
	out.Bytes, out.SHA256 = int64(len(content)), hex.EncodeToString(sum[:])
	return out
}

func appendValue(b array.Builder, v any) {
	switch v := v.(type) {
	case string:
		b.(*array.StringBuilder).Append(v)
	case int16:
		b.(*array.Int16Builder).Append(v)
	case int64:
		b.(*array.Int64Builder).Append(v)
	case bool:
		b.(*array.BooleanBuilder).Append(v)
	case time.Time:
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(v.UnixMicro()))
	case *string:
		if v == nil {
			b.AppendNull()
			return
		}
		b.(*array.StringBuilder).Append(*v)
	case *int64:
		if v == nil {
			b.AppendNull()
			return
		}
		b.(*array.Int64Builder).Append(*v)
	case *schemas.Money:
		if v == nil {
			b.AppendNull()
			return
		}
		b.(*array.Decimal128Builder).Append(decimal128.FromI64(int64(*v)))
	default:
		b.AppendNull()
	}
}

func eventRow(e reference.Event) map[string]any {
	row := map[string]any{
		"event_id": e.EventID, "event_time": e.EventTime, "ingested_at": made, "edge": "edge-1",
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

// at sets the clock.
func (l *testLake) at(now time.Time) { l.opts.Attribute.Now = now }

// dueAt sets the clock to when a day is due.
func (l *testLake) dueAt(day schemas.Day) { l.at(day.Due(l.opts.Zone, l.opts.CloseAfter)) }

// tryClose closes what is due.
func (l *testLake) tryClose() (*ledger.Summary, error) {
	return ledger.Close(ctx(), l.opts)
}

func (l *testLake) close() *ledger.Summary {
	l.t.Helper()
	s, err := l.tryClose()
	if err != nil {
		l.t.Fatalf("close: %v", err)
	}
	return s
}

func (l *testLake) void(ids ...string) *ledger.Voided {
	l.t.Helper()
	v, err := ledger.Void(ctx(), ledger.VoidOptions{Attribute: l.opts.Attribute, Conversions: ids, Reason: "returned", By: "me"})
	if err != nil {
		l.t.Fatalf("void: %v", err)
	}
	return v
}

func (l *testLake) state() *lake.State {
	l.t.Helper()
	s, err := l.State()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	return s
}

// files gives the ledger's files with the hash of what stands on disk.
func (l *testLake) files() map[string]string {
	l.t.Helper()
	out := map[string]string{}
	for p := range l.state().Files {
		if !strings.HasPrefix(p, "ledger/") {
			continue
		}
		b, err := os.ReadFile(l.Path(p))
		if err != nil {
			l.t.Fatalf("%v", err)
		}
		sum := sha256.Sum256(b)
		out[p] = hex.EncodeToString(sum[:])
	}
	return out
}

// contents are the hashes of the ledger's files by folder, whatever the number
// of the commit that they are named by.
func (l *testLake) contents() map[string]string {
	l.t.Helper()
	out := map[string]string{}
	for p, sum := range l.files() {
		out[filepath.Dir(p)] += sum
	}
	return out
}

// row is one entry, as its reader sees it.
type row struct {
	entryID, booked, businessDay, kind, conversionID, conversionType string
	lineItemID                                                       int64
	amount, currency, reason, reverses                               string
}

func (r row) String() string {
	id := func(s string) string { return s[:min(6, len(s))] }
	return strings.Join(strings.Fields(strings.Join([]string{
		r.booked, r.businessDay, r.kind, r.conversionID, r.conversionType, fmt.Sprint(r.lineItemID), r.amount, r.currency, r.reason, id(r.reverses),
	}, " ")), " ")
}

// entries reads the ledger in the order of booking.
func (l *testLake) entries() []row {
	l.t.Helper()
	db, err := lakedb.Open(ctx(), l.Lake, nil, lakedb.Options{})
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer db.Close()
	rows, err := db.Query(`
		SELECT entry_id, booked::VARCHAR, business_day::VARCHAR, kind, coalesce(conversion_id, ''), coalesce(conversion_type, ''), line_item_id,
			amount::VARCHAR, currency, coalesce(reason, ''), coalesce(reverses, '')
		FROM ledger
		ORDER BY booked, kind, conversion_time, conversion_id, reverses IS NULL, entry_id`)
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer rows.Close()
	var out []row
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.entryID, &r.booked, &r.businessDay, &r.kind, &r.conversionID, &r.conversionType, &r.lineItemID,
			&r.amount, &r.currency, &r.reason, &r.reverses); err != nil {
			l.t.Fatalf("%v", err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		l.t.Fatalf("%v", err)
	}
	return out
}

// want compares the entries, as text, with those expected.
func (l *testLake) want(want ...string) {
	l.t.Helper()
	var got []string
	for _, r := range l.entries() {
		got = append(got, r.String())
	}
	if !slices.Equal(got, want) {
		l.t.Fatalf("the ledger is\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
