package schemas

import (
	"github.com/apache/arrow/go/v15/arrow"
)

// ArrowSchema gives the Arrow schema of the dataset's files: required columns
// are not nullable, times are microseconds in UTC, money is DECIMAL(18,6).
func (d Dataset) ArrowSchema() *arrow.Schema {
	fields := make([]arrow.Field, len(d.Columns))
	for i, c := range d.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: c.Type.Arrow(), Nullable: !c.Required}
	}
	return arrow.NewSchema(fields, nil)
}

// Arrow gives the column type's Arrow type.
func (t Type) Arrow() arrow.DataType {
	switch t {
	case Text:
		return arrow.BinaryTypes.String
	case Time:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	case Date:
		return arrow.FixedWidthTypes.Date32
	case BigInt:
		return arrow.PrimitiveTypes.Int64
	case SmallInt:
		return arrow.PrimitiveTypes.Int16
	case Decimal:
		return &arrow.Decimal128Type{Precision: MoneyPrecision, Scale: MoneyScale}
	case Boolean:
		return arrow.FixedWidthTypes.Boolean
	case BigInts:
		return arrow.ListOf(arrow.PrimitiveTypes.Int64)
	case Texts:
		return arrow.ListOf(arrow.BinaryTypes.String)
	case TextMap:
		return arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String)
	}
	panic("schemas: no Arrow type for " + string(t))
}
