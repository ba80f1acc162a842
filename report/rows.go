package report

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// The types that reports' headers name.
const (
	typeText    = "VARCHAR"
	typeTime    = "TIMESTAMP WITH TIME ZONE"
	typeDate    = "DATE"
	typeBigInt  = "BIGINT"
	typeMoney   = "DECIMAL(18,6)"
	typeSum     = "DECIMAL(38,6)"
	typeBoolean = "BOOLEAN"
	// Of parameters alone.
	typeMonth    = "MONTH"
	typeDuration = "DURATION" // 15m
	typeFile     = "FILE"     // a list that an advertiser has sent
)

// paramTypes are the types that a report's own parameters have.
var paramTypes = []string{typeText, typeBigInt, typeMoney, typeDate, typeMonth, typeTime, typeBoolean, typeDuration, typeFile}

// Kind is how a value is held and written.
type Kind int

// The kinds of values, and the Go types that hold them. Null is nil.
const (
	KindText      Kind = iota // string; also what has no kind of its own
	KindBoolean               // bool
	KindInteger               // int64, of a type of at most 32 bits
	KindBigInt                // int64
	KindHuge                  // *big.Int: wider than BIGINT
	KindDecimal               // *big.Int, of Scale decimals
	KindDouble                // float64
	KindTime                  // time.Time, an instant
	KindTimestamp             // time.Time in UTC, a local time without zone
	KindDate                  // time.Time, midnight in UTC
	KindJSON                  // string: a JSON document
	KindBlob                  // []byte
	KindList                  // []any of Elem
	KindMap                   // []entry of Key and Elem
	KindStruct                // []any, beside Fields
)

// Type is the type of a column, or of a part of one.
type Type struct {
	Kind   Kind
	Name   string // as DuckDB writes it
	Width  int    // of KindDecimal, its digits
	Scale  int    // of KindDecimal, its decimals
	Elem   *Type  // of a list's elements, of a map's values
	Key    *Type  // of a map's keys
	Fields []Field
	enter  func(any) any // from the driver's value to the kind's
}

// Field is a named part of a struct.
type Field struct {
	Name string
	Type *Type
}

// Column is a column of a result.
type Column struct {
	Name string
	Type *Type
}

// isID tells that a column holds ids, which spreadsheets must not round.
func (c Column) isID() bool { return c.Name == "id" || strings.HasSuffix(c.Name, "_id") }

type entry struct{ key, value any }

// sink takes a result's columns, then its rows. A row is valid until the next.
type sink interface {
	begin(columns []Column) error
	row(values []any) error
}

// stream runs one statement on the connection and hands its rows on.
func stream(ctx context.Context, conn *sql.Conn, statement string, to sink) error {
	return conn.Raw(func(c any) (err error) {
		prepared, err := c.(driver.ConnPrepareContext).PrepareContext(ctx, statement)
		if err != nil {
			return err
		}
		stmt := prepared.(*duckdb.Stmt)
		defer func() { err = errors.Join(err, stmt.Close()) }()
		columns, err := resultColumns(stmt)
		if err != nil {
			return err
		}
		rows, err := stmt.QueryContext(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		if err := to.begin(columns); err != nil {
			return err
		}
		raw, values := make([]driver.Value, len(columns)), make([]any, len(columns))
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			switch err := rows.Next(raw); {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
			for i, c := range columns {
				values[i] = c.Type.value(raw[i])
			}
			if err := to.row(values); err != nil {
				return err
			}
		}
	})
}

func resultColumns(stmt *duckdb.Stmt) ([]Column, error) {
	n, err := stmt.ColumnCount()
	if err != nil {
		return nil, err
	}
	columns := make([]Column, n)
	for i := range columns {
		name, err := stmt.ColumnName(i)
		if err != nil {
			return nil, err
		}
		info, err := stmt.ColumnTypeInfo(i)
		if err != nil {
			return nil, fmt.Errorf("column %s is of a type that can't be written (%w); cast it to VARCHAR", name, err)
		}
		columns[i] = Column{Name: name, Type: typeOf(info)}
	}
	return columns, nil
}

func (t *Type) value(v any) any {
	if v == nil {
		return nil
	}
	return t.enter(v)
}

func same(v any) any { return v }

// bigNum is the name of the integers without bound.
const bigNum = "BIGNUM"

var simpleTypes = map[duckdb.Type]Type{
	duckdb.TYPE_BOOLEAN:      {Kind: KindBoolean, Name: "BOOLEAN", enter: same},
	duckdb.TYPE_TINYINT:      {Kind: KindInteger, Name: "TINYINT", enter: func(v any) any { return int64(v.(int8)) }},
	duckdb.TYPE_SMALLINT:     {Kind: KindInteger, Name: "SMALLINT", enter: func(v any) any { return int64(v.(int16)) }},
	duckdb.TYPE_INTEGER:      {Kind: KindInteger, Name: "INTEGER", enter: func(v any) any { return int64(v.(int32)) }},
	duckdb.TYPE_UTINYINT:     {Kind: KindInteger, Name: "UTINYINT", enter: func(v any) any { return int64(v.(uint8)) }},
	duckdb.TYPE_USMALLINT:    {Kind: KindInteger, Name: "USMALLINT", enter: func(v any) any { return int64(v.(uint16)) }},
	duckdb.TYPE_UINTEGER:     {Kind: KindInteger, Name: "UINTEGER", enter: func(v any) any { return int64(v.(uint32)) }},
	duckdb.TYPE_BIGINT:       {Kind: KindBigInt, Name: "BIGINT", enter: same},
	duckdb.TYPE_UBIGINT:      {Kind: KindHuge, Name: "UBIGINT", enter: func(v any) any { return new(big.Int).SetUint64(v.(uint64)) }},
	duckdb.TYPE_HUGEINT:      {Kind: KindHuge, Name: "HUGEINT", enter: same},
	duckdb.TYPE_UHUGEINT:     {Kind: KindHuge, Name: "UHUGEINT", enter: same},
	duckdb.TYPE_BIGNUM:       {Kind: KindHuge, Name: bigNum, enter: same},
	duckdb.TYPE_FLOAT:        {Kind: KindDouble, Name: "FLOAT", enter: enterFloat},
	duckdb.TYPE_DOUBLE:       {Kind: KindDouble, Name: "DOUBLE", enter: same},
	duckdb.TYPE_VARCHAR:      {Kind: KindText, Name: "VARCHAR", enter: same},
	duckdb.TYPE_ENUM:         {Kind: KindText, Name: "ENUM", enter: same},
	duckdb.TYPE_DATE:         {Kind: KindDate, Name: "DATE", enter: same},
	duckdb.TYPE_TIMESTAMP:    {Kind: KindTimestamp, Name: "TIMESTAMP", enter: same},
	duckdb.TYPE_TIMESTAMP_S:  {Kind: KindTimestamp, Name: "TIMESTAMP_S", enter: same},
	duckdb.TYPE_TIMESTAMP_MS: {Kind: KindTimestamp, Name: "TIMESTAMP_MS", enter: same},
	duckdb.TYPE_TIMESTAMP_NS: {Kind: KindTimestamp, Name: "TIMESTAMP_NS", enter: same},
	duckdb.TYPE_TIMESTAMP_TZ: {Kind: KindTime, Name: typeTime, enter: same},
	duckdb.TYPE_TIME:         {Kind: KindText, Name: "TIME", enter: func(v any) any { return v.(time.Time).Format("15:04:05.999999") }},
	duckdb.TYPE_TIME_TZ:      {Kind: KindText, Name: "TIME WITH TIME ZONE", enter: func(v any) any { return v.(time.Time).Format("15:04:05.999999Z07:00") }},
	duckdb.TYPE_UUID:         {Kind: KindText, Name: "UUID", enter: enterUUID},
	duckdb.TYPE_BLOB:         {Kind: KindBlob, Name: "BLOB", enter: same},
	duckdb.TYPE_GEOMETRY:     {Kind: KindText, Name: "GEOMETRY", enter: enterBlob},
	duckdb.TYPE_INTERVAL:     {Kind: KindText, Name: "INTERVAL", enter: func(v any) any { return intervalText(v.(duckdb.Interval)) }},
	duckdb.TYPE_SQLNULL:      {Kind: KindText, Name: "NULL", enter: anyText},
}

// typeOf gives the type of DuckDB's type. One without a kind of its own is
// written as the driver shows it.
func typeOf(info duckdb.TypeInfo) *Type {
	if info.Alias() == "JSON" {
		return &Type{Kind: KindJSON, Name: "JSON", enter: same}
	}
	if t, ok := simpleTypes[info.InternalType()]; ok {
		return &t
	}
	switch d := info.Details().(type) {
	case *duckdb.DecimalDetails:
		return &Type{
			Kind: KindDecimal, Name: fmt.Sprintf("DECIMAL(%d,%d)", d.Width, d.Scale), Width: int(d.Width), Scale: int(d.Scale),
			enter: func(v any) any { return v.(duckdb.Decimal).Value },
		}
	case *duckdb.ListDetails:
		return listOf(typeOf(d.Child), "[]")
	case *duckdb.ArrayDetails:
		return listOf(typeOf(d.Child), fmt.Sprintf("[%d]", d.Size))
	case *duckdb.MapDetails:
		return mapOf(typeOf(d.Key), typeOf(d.Value))
	case *duckdb.StructDetails:
		fields := make([]Field, len(d.Entries))
		for i, e := range d.Entries {
			fields[i] = Field{e.Name(), typeOf(e.Info())}
		}
		return structOf(fields)
	case *duckdb.UnionDetails:
		members := map[string]*Type{}
		for _, m := range d.Members {
			members[m.Name] = typeOf(m.Type)
		}
		return &Type{Kind: KindText, Name: "UNION", enter: func(v any) any {
			u := v.(duckdb.Union)
			if t := members[u.Tag]; t != nil && u.Value != nil {
				return t.text(t.value(u.Value), time.UTC)
			}
			return nil
		}}
	}
	return &Type{Kind: KindText, Name: "VARCHAR", enter: anyText}
}

func listOf(elem *Type, suffix string) *Type {
	return &Type{Kind: KindList, Name: elem.Name + suffix, Elem: elem, enter: func(v any) any {
		in := v.([]any)
		out := make([]any, len(in))
		for i := range in {
			out[i] = elem.value(in[i])
		}
		return out
	}}
}

func mapOf(key, value *Type) *Type {
	return &Type{Kind: KindMap, Name: fmt.Sprintf("MAP(%s, %s)", key.Name, value.Name), Key: key, Elem: value, enter: func(v any) any {
		m := v.(duckdb.OrderedMap)
		keys, values := m.Keys(), m.Values()
		out := make([]entry, len(keys))
		for i := range keys {
			out[i] = entry{key.value(keys[i]), value.value(values[i])}
		}
		return out
	}}
}

func structOf(fields []Field) *Type {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name + " " + f.Type.Name
	}
	return &Type{Kind: KindStruct, Name: "STRUCT(" + strings.Join(names, ", ") + ")", Fields: slices.Clone(fields), enter: func(v any) any {
		m := v.(map[string]any)
		out := make([]any, len(fields))
		for i, f := range fields {
			out[i] = f.Type.value(m[f.Name])
		}
		return out
	}}
}
