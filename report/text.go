package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// text writes a value that is not null as csv holds it: decimals with all
// their decimals, times as RFC 3339 in zone, what is nested as JSON.
func (t *Type) text(v any, zone *time.Location) string {
	switch t.Kind {
	case KindText, KindJSON:
		return valid(v.(string))
	case KindBlob:
		return blobText(v.([]byte))
	}
	return string(t.appendText(nil, v, zone))
}

// appendText is text without a string in between: reports of single conversions
// have millions of rows.
func (t *Type) appendText(b []byte, v any, zone *time.Location) []byte {
	switch t.Kind {
	case KindBoolean:
		return strconv.AppendBool(b, v.(bool))
	case KindInteger, KindBigInt:
		return strconv.AppendInt(b, v.(int64), 10)
	case KindHuge:
		return v.(*big.Int).Append(b, 10)
	case KindDecimal:
		return appendDecimal(b, v.(*big.Int), t.Scale)
	case KindDouble:
		return append(b, doubleText(v.(float64))...)
	case KindTime:
		return appendTime(b, v.(time.Time), zone)
	case KindTimestamp:
		return bytes.TrimSuffix(appendTime(b, v.(time.Time), time.UTC), []byte("Z"))
	case KindDate:
		return appendDate(b, v.(time.Time))
	case KindBlob:
		return append(b, blobText(v.([]byte))...)
	case KindList, KindMap, KindStruct:
		return t.appendJSON(b, v, zone, false)
	}
	return append(b, valid(v.(string))...)
}

// plain tells that no text of the kind has a letter that csv, tsv or a
// spreadsheet takes for more than a value.
func (k Kind) plain() bool {
	switch k {
	case KindBoolean, KindInteger, KindBigInt, KindHuge, KindDecimal, KindDouble, KindTime, KindTimestamp, KindDate:
		return true
	}
	return false
}

// valid replaces what is not UTF-8, as the name of a file can be: no reader of
// any format takes it.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// decimalText writes unscaled / 10^scale with all its decimals.
func decimalText(unscaled *big.Int, scale int) string {
	return string(appendDecimal(nil, unscaled, scale))
}

func appendDecimal(b []byte, unscaled *big.Int, scale int) []byte {
	if unscaled.Sign() < 0 {
		b = append(b, '-')
	}
	var room [48]byte // the digits of 128 bits fit
	var digits []byte
	n := unscaled
	if n.IsInt64() && n.Int64() >= 0 {
		digits = strconv.AppendInt(room[:0], n.Int64(), 10)
	} else {
		digits = new(big.Int).Abs(n).Append(room[:0], 10)
	}
	if scale == 0 {
		return append(b, digits...)
	}
	whole := len(digits) - scale
	if whole <= 0 {
		b = append(b, '0', '.')
		for range -whole {
			b = append(b, '0')
		}
		return append(b, digits...)
	}
	b = append(b, digits[:whole]...)
	b = append(b, '.')
	return append(b, digits[whole:]...)
}

// doubleText writes the shortest digits that read back as the same number.
func doubleText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.FormatFloat(f, format, -1, 64)
}

// The values that DuckDB takes for infinite times and dates.
const (
	infiniteMicros    = math.MaxInt64
	infiniteYear      = 5_881_580
	minusInfiniteYear = -5_877_641
)

func timeText(t time.Time, zone *time.Location) string { return string(appendTime(nil, t, zone)) }

func appendTime(b []byte, t time.Time, zone *time.Location) []byte {
	switch t.UnixMicro() {
	case infiniteMicros:
		return append(b, "infinity"...)
	case -infiniteMicros:
		return append(b, "-infinity"...)
	}
	t = t.In(zone)
	b = appendYear(b, t.Year())
	if t.Nanosecond()%1000 != 0 {
		return t.AppendFormat(b, "-01-02T15:04:05.999999999Z07:00")
	}
	return t.AppendFormat(b, "-01-02T15:04:05.999999Z07:00")
}

func dateText(t time.Time) string { return string(appendDate(nil, t)) }

func appendDate(b []byte, t time.Time) []byte {
	y, m, d := t.Date()
	switch {
	case y >= infiniteYear:
		return append(b, "infinity"...)
	case y <= minusInfiniteYear:
		return append(b, "-infinity"...)
	}
	return append(appendYear(b, y), '-', '0'+byte(m/10), '0'+byte(m%10), '-', '0'+byte(d/10), '0'+byte(d%10))
}

// appendYear writes years before 0 and after 9999 with a sign, as ISO 8601 does.
func appendYear(b []byte, y int) []byte {
	if y < 0 || y > 9999 {
		return fmt.Appendf(b, "%+05d", y)
	}
	return append(b, '0'+byte(y/1000), '0'+byte(y/100%10), '0'+byte(y/10%10), '0'+byte(y%10))
}

// appendJSON writes a value as JSON. With exact, BIGINT, wider integers and
// decimals are texts, so that no reader rounds them; else they are numbers.
func (t *Type) appendJSON(b []byte, v any, zone *time.Location, exact bool) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	switch t.Kind {
	case KindBoolean, KindInteger:
		return t.appendText(b, v, zone)
	case KindBigInt, KindHuge, KindDecimal:
		if exact {
			return append(t.appendText(append(b, '"'), v, zone), '"') // digits, a sign and a point
		}
		return t.appendText(b, v, zone)
	case KindDouble:
		if f := v.(float64); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return append(b, doubleText(f)...)
		}
	case KindJSON:
		var one bytes.Buffer // one line, for ndjson
		if json.Compact(&one, []byte(v.(string))) == nil {
			return append(b, one.Bytes()...)
		}
	case KindList:
		b = append(b, '[')
		for i, e := range v.([]any) {
			if i > 0 {
				b = append(b, ',')
			}
			b = t.Elem.appendJSON(b, e, zone, exact)
		}
		return append(b, ']')
	case KindMap:
		b = append(b, '{')
		for i, e := range v.([]entry) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONText(b, t.Key.text(e.key, zone)), ':')
			b = t.Elem.appendJSON(b, e.value, zone, exact)
		}
		return append(b, '}')
	case KindStruct:
		b = append(b, '{')
		for i, f := range t.Fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONText(b, f.Name), ':')
			b = f.Type.appendJSON(b, v.([]any)[i], zone, exact)
		}
		return append(b, '}')
	}
	return appendJSONText(b, t.text(v, zone))
}

// appendJSONText writes a JSON string that is safe inside HTML too.
func appendJSONText(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return append(b, q...)
}

func anyText(v any) any { return fmt.Sprint(v) }

func enterFloat(v any) any {
	// By its digits, so that 0.1 as FLOAT does not become 0.10000000149.
	f, err := strconv.ParseFloat(strconv.FormatFloat(float64(v.(float32)), 'g', -1, 32), 64)
	if err != nil {
		return float64(v.(float32))
	}
	return f
}

func enterUUID(v any) any {
	var id duckdb.UUID
	if b, ok := v.([]byte); ok && len(b) == len(id) {
		copy(id[:], b)
		return id.String()
	}
	return fmt.Sprint(v)
}

func enterBlob(v any) any {
	if b, ok := v.([]byte); ok {
		return blobText(b)
	}
	return fmt.Sprint(v)
}

// blobText writes bytes as DuckDB casts them to VARCHAR: printable ASCII as it
// stands, the rest as \xAB.
func blobText(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		if c >= 32 && c < 127 && c != '\\' && c != '\'' && c != '"' {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, `\x%02X`, c)
		}
	}
	return out.String()
}

func intervalText(i duckdb.Interval) string {
	var parts []string
	add := func(n int32, unit string) {
		if n == 1 || n == -1 {
			parts = append(parts, fmt.Sprintf("%d %s", n, unit))
		} else if n != 0 {
			parts = append(parts, fmt.Sprintf("%d %ss", n, unit))
		}
	}
	add(i.Months/12, "year")
	add(i.Months%12, "month")
	add(i.Days, "day")
	if i.Micros != 0 || len(parts) == 0 {
		sign, us := "", uint64(i.Micros)
		if i.Micros < 0 {
			sign, us = "-", -us
		}
		clock := fmt.Sprintf("%s%02d:%02d:%02d", sign, us/3_600_000_000, us/60_000_000%60, us/1_000_000%60)
		if f := us % 1_000_000; f != 0 {
			clock += strings.TrimRight(fmt.Sprintf(".%06d", f), "0")
		}
		parts = append(parts, clock)
	}
	return strings.Join(parts, " ")
}

// visible replaces what a terminal or a page would obey instead of show: control
// characters, and marks that turn the direction of the text around them.
func visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0,
			r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069,
			r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
			return -1
		}
		return r
	}, valid(s))
}
