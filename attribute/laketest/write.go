package laketest

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// Row is a row of a dataset by column. What it leaves out is null, as is a nil
// pointer; any other pointer stands for what it points at.
type Row map[string]any

// eventFile is a file of events, all of one folder.
func (l *Handmade) eventFile(folder string, events []reference.Event) File {
	f := File{Dataset: schemas.Events, Folder: folder}
	for _, e := range events {
		row := Row{
			"event_id": e.EventID, "event_time": e.EventTime, "ingested_at": l.at, "edge": "edge-1",
			"source_id": e.SourceID, "source_offset": e.SourceOffset, "method": "GET", "status": int16(200),
			"consent": e.Consent, "user_id": e.UserID, "invalid_reason": e.InvalidReason, "pixel_id": e.PixelID,
			"pixel_code": e.PixelCode, "member_id": e.MemberID, "tracker_id": e.TrackerID, "token": e.Token,
			"order_id": e.OrderID, "value": e.Value, "value_text": e.ValueText, "other": e.Other, "sspdata": e.SSPData,
		}
		if e.Type == reference.Conversion {
			row["server_side"] = e.ServerSide
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

// write writes a Parquet file into the staging folder.
func (l *Handmade) write(s *lake.Staging, name string, file File) lake.Staged {
	l.t.Helper()
	f, err := os.Create(filepath.Join(s.Dir(), name))
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	schema := file.Dataset.ArrowSchema()
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	if len(file.Rows) > 0 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		defer b.Release()
		for _, row := range file.Rows {
			for c, column := range file.Dataset.Columns {
				l.append(b.Field(c), column.Name, row[column.Name])
			}
		}
		record := b.NewRecord()
		defer record.Release()
		if err := w.Write(record); err != nil {
			l.t.Fatalf("%v", err)
		}
	}
	if err := w.Close(); err != nil {
		l.t.Fatalf("%v", err)
	}
	out := l.Staged(s, file.Folder, name, len(file.Rows))
	if l.Bounds && file.Dataset.Name == schemas.Events.Name {
		for i, row := range file.Rows {
			at := row["event_time"].(time.Time).UnixMicro()
			if i == 0 || at < out.MinTime {
				out.MinTime = at
			}
			out.MaxTime = max(out.MaxTime, at)
		}
	}
	return out
}

// Staged describes a file that a test has written into the staging folder, for
// a draft.
func (l *Handmade) Staged(s *lake.Staging, folder, name string, rows int) lake.Staged {
	l.t.Helper()
	f, err := os.Open(filepath.Join(s.Dir(), name))
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	return lake.Staged{Folder: folder, Name: name, Rows: int64(rows), Bytes: size, SHA256: hex.EncodeToString(sum.Sum(nil))}
}

// append appends a value to its column. A date is given as a time.
func (l *Handmade) append(b array.Builder, column string, v any) {
	l.t.Helper()
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer {
		v = nil
		if !p.IsNil() {
			v = p.Elem().Interface()
		}
	}
	switch v := v.(type) {
	case nil:
		b.AppendNull()
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
		l.t.Fatalf("%s: no test writes a %T", column, v)
	}
}
