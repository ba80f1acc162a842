package report

import (
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

// parquetRows and parquetBytes are what a row group holds: rows, or fewer where
// they are wide. Both depend on the rows alone, and so do the bytes of the file.
const (
	parquetRows  = 65_536
	parquetBytes = 64 << 20
)

// parquetWriter writes typed columns. Integers wider than BIGINT are
// DECIMAL(38,0); what Parquet has no type for is text.
type parquetWriter struct {
	w       io.Writer
	columns []Column
	build   *array.RecordBuilder
	file    *pqarrow.FileWriter
	rows    int // of the row group, and about their bytes
	bytes   int
}

func (p *parquetWriter) Begin(columns []Column) error {
	p.columns = columns
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.Name, Type: c.Type.arrow(), Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	properties := parquet.NewWriterProperties(
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCreatedBy("pixledger"), parquet.WithVersion(parquet.V2_LATEST))
	file, err := pqarrow.NewFileWriter(schema, keepOpen{p.w}, properties, pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	p.file, p.build = file, array.NewRecordBuilder(memory.DefaultAllocator, schema)
	return nil
}

// keepOpen hides that the file below could be closed: its opener does that.
type keepOpen struct{ w io.Writer }

func (k keepOpen) Write(b []byte) (int, error) { return k.w.Write(b) }

func (p *parquetWriter) Row(values []any, _ *time.Location) error {
	for i, v := range values {
		if err := p.columns[i].Type.appendArrow(p.build.Field(i), v); err != nil {
			return fmt.Errorf("column %s: %w", p.columns[i].Name, err)
		}
		p.bytes += size(v)
	}
	if p.rows++; p.rows == parquetRows || p.bytes >= parquetBytes {
		return p.flush()
	}
	return nil
}

// size is about what a value takes in memory.
func size(v any) int {
	n := 16
	switch v := v.(type) {
	case string:
		n += len(v)
	case []byte:
		n += len(v)
	case []any:
		for _, e := range v {
			n += size(e)
		}
	case []entry:
		for _, e := range v {
			n += size(e.key) + size(e.value)
		}
	}
	return n
}

func (p *parquetWriter) flush() error {
	record := p.build.NewRecord()
	defer record.Release()
	p.rows, p.bytes = 0, 0
	return p.file.Write(record)
}

func (p *parquetWriter) Close() error {
	defer p.build.Release()
	if p.rows > 0 {
		if err := p.flush(); err != nil {
			return err
		}
	}
	return p.file.Close()
}

func (t *Type) arrow() arrow.DataType {
	switch t.Kind {
	case KindBoolean:
		return arrow.FixedWidthTypes.Boolean
	case KindInteger:
		if t.Name == "UINTEGER" {
			return arrow.PrimitiveTypes.Int64
		}
		return arrow.PrimitiveTypes.Int32
	case KindBigInt:
		return arrow.PrimitiveTypes.Int64
	case KindHuge:
		if t.Name == bigNum {
			return arrow.BinaryTypes.String
		}
		return &arrow.Decimal128Type{Precision: 38, Scale: 0}
	case KindDecimal:
		return &arrow.Decimal128Type{Precision: int32(t.Width), Scale: int32(t.Scale)}
	case KindDouble:
		return arrow.PrimitiveTypes.Float64
	case KindTime:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	case KindTimestamp:
		// A local time: the writer takes any zone but "" and UTC for one.
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "local"}
	case KindDate:
		return arrow.FixedWidthTypes.Date32
	case KindBlob:
		return arrow.BinaryTypes.Binary
	case KindList:
		return arrow.ListOf(t.Elem.arrow())
	case KindMap:
		return arrow.MapOf(t.Key.arrow(), t.Elem.arrow())
	case KindStruct:
		fields := make([]arrow.Field, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = arrow.Field{Name: f.Name, Type: f.Type.arrow(), Nullable: true}
		}
		return arrow.StructOf(fields...)
	}
	return arrow.BinaryTypes.String
}

// appendArrow adds a value to its column's builder.
func (t *Type) appendArrow(b array.Builder, v any) error {
	if v == nil {
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.Int32Builder:
		b.Append(int32(v.(int64)))
	case *array.Int64Builder:
		b.Append(v.(int64))
	case *array.Float64Builder:
		b.Append(v.(float64))
	case *array.Decimal128Builder:
		n := v.(*big.Int)
		if len(new(big.Int).Abs(n).String()) > 38 {
			return fmt.Errorf("%s has more than the 38 digits that Parquet holds; allowed: cast it to VARCHAR", n)
		}
		b.Append(decimal128.FromBigInt(n))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.(time.Time).UnixMicro()))
	case *array.Date32Builder:
		b.Append(arrow.Date32(v.(time.Time).Unix() / 86400))
	case *array.MapBuilder: // before ListBuilder: it holds one
		b.Append(true)
		for _, e := range v.([]entry) {
			if err := t.Key.appendArrow(b.KeyBuilder(), e.key); err != nil {
				return err
			}
			if err := t.Elem.appendArrow(b.ItemBuilder(), e.value); err != nil {
				return err
			}
		}
	case *array.ListBuilder:
		b.Append(true)
		for _, e := range v.([]any) {
			if err := t.Elem.appendArrow(b.ValueBuilder(), e); err != nil {
				return err
			}
		}
	case *array.StructBuilder:
		b.Append(true)
		for i, f := range t.Fields {
			if err := f.Type.appendArrow(b.FieldBuilder(i), v.([]any)[i]); err != nil {
				return err
			}
		}
	case *array.BinaryBuilder:
		b.Append(v.([]byte))
	case *array.StringBuilder:
		b.Append(t.text(v, time.UTC))
	default:
		return fmt.Errorf("a %s can't be written as Parquet; allowed: cast it to VARCHAR", t.Name)
	}
	return nil
}
