package ingest

import (
	"encoding/binary"
	"fmt"

	"github.com/xitongsys/parquet-go/parquet"
)

// bounds are the smallest and the largest of the values of one column of a row
// group, to be held against those that the file tells: by them readers decide
// what they need not read, and one that is wrong hides rows.
type bounds struct {
	texts    bool // else integers
	some     bool
	min, max string
	low, top int64
	nulls    int64
}

// take takes values in. Of a column that is neither of texts nor of 64-bit
// integers only the nulls are counted.
func (b *bounds) take(values []any) {
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			b.nulls++
		case string:
			if !b.some {
				b.min, b.max = v, v
			}
			b.min, b.max = min(b.min, v), max(b.max, v)
			b.texts, b.some = true, true
		case int64:
			if !b.some {
				b.low, b.top = v, v
			}
			b.low, b.top = min(b.low, v), max(b.top, v)
			b.some = true
		}
	}
}

// check holds the bounds against the ones that the file tells, where it does.
func (b *bounds) check(e *parquet.SchemaElement, s *parquet.Statistics) error {
	if s == nil {
		return nil
	}
	if s.NullCount != nil && *s.NullCount != b.nulls {
		return fmt.Errorf("%d nulls, not %d as it tells", b.nulls, *s.NullCount)
	}
	if !b.some || s.MinValue == nil || s.MaxValue == nil {
		return nil
	}
	switch {
	case b.texts && e.GetType() == parquet.Type_BYTE_ARRAY:
		if b.min < string(s.MinValue) || b.max > string(s.MaxValue) {
			return fmt.Errorf("values from %q to %q, not from %q to %q as it tells", b.min, b.max, s.MinValue, s.MaxValue)
		}
	case !b.texts && e.GetType() == parquet.Type_INT64 && len(s.MinValue) == 8 && len(s.MaxValue) == 8:
		low, top := int64(binary.LittleEndian.Uint64(s.MinValue)), int64(binary.LittleEndian.Uint64(s.MaxValue))
		if b.low < low || b.top > top {
			return fmt.Errorf("values from %d to %d, not from %d to %d as it tells", b.low, b.top, low, top)
		}
	}
	return nil
}
