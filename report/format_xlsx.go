package report

import (
	"fmt"
	"io"
	"math"
	"math/big"
	"time"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

// Bounds of a sheet, and the digits that a spreadsheet's number keeps.
const (
	sheetRows   = 1_048_576
	sheetText   = 32_767 // UTF-16 units in a cell
	sheetDigits = 15
)

// xlsxWriter writes one sheet. Ids, and numbers that a spreadsheet would
// round, are texts; dates are dates; times are texts, because a spreadsheet's
// time has no zone.
type xlsxWriter struct {
	w       io.Writer
	sheet   Sheet
	columns []Column
	file    *excelize.File
	out     *excelize.StreamWriter
	rows    int
	date    int // style ids
	decimal map[int]int
	bold    int
}

func (x *xlsxWriter) Begin(columns []Column) (err error) {
	x.columns, x.decimal = columns, map[int]int{}
	x.file = excelize.NewFile()
	defer func() {
		if err != nil {
			_ = x.file.Close()
		}
	}()
	const name = "Sheet1"
	if x.out, err = x.file.NewStreamWriter(name); err != nil {
		return err
	}
	if x.bold, err = x.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
		return err
	}
	dateFormat := "yyyy-mm-dd"
	if x.date, err = x.file.NewStyle(&excelize.Style{CustomNumFmt: &dateFormat}); err != nil {
		return err
	}
	for _, c := range columns {
		if scale := c.Type.Scale; c.Type.Kind == KindDecimal && x.decimal[scale] == 0 {
			format := "0"
			for i := range scale {
				if i == 0 {
					format += "."
				}
				format += "0"
			}
			if x.decimal[scale], err = x.file.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
				return err
			}
		}
	}
	if err := x.out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	for i, c := range columns {
		width := float64(max(10, min(40, len(c.Name)+2)))
		if c.Type.Kind == KindTime {
			width = 28
		}
		if err := x.out.SetColWidth(i+1, i+1, width); err != nil {
			return err
		}
	}
	header := make([]any, len(columns))
	for i, c := range columns {
		name := c.Name
		if x.sheet.Guard {
			name = guarded(name)
		}
		header[i] = excelize.Cell{StyleID: x.bold, Value: name}
	}
	return x.add(header)
}

func (x *xlsxWriter) add(cells []any) error {
	if x.rows == sheetRows {
		return fmt.Errorf("the result has more rows than a sheet's %d; allowed: another format, or a narrower range", sheetRows)
	}
	x.rows++
	return x.out.SetRow(fmt.Sprintf("A%d", x.rows), cells)
}

func (x *xlsxWriter) Row(values []any, zone *time.Location) error {
	cells := make([]any, len(values))
	for i, v := range values {
		c, err := x.cell(x.columns[i], v, zone)
		if err != nil {
			return fmt.Errorf("row %d, column %s: %w", x.rows, x.columns[i].Name, err)
		}
		cells[i] = c
	}
	return x.add(cells)
}

// fitsSheet tells that an integer has no more digits than a spreadsheet keeps.
func fitsSheet(n int64) bool { return n > -1e15 && n < 1e15 }

func (x *xlsxWriter) cell(c Column, v any, zone *time.Location) (any, error) {
	if v == nil {
		return nil, nil
	}
	t := c.Type
	switch t.Kind {
	case KindBoolean:
		return v, nil
	case KindInteger, KindBigInt:
		if n := v.(int64); !c.isID() && fitsSheet(n) {
			return n, nil
		}
	case KindHuge:
		if n := v.(*big.Int); !c.isID() && n.IsInt64() && fitsSheet(n.Int64()) {
			return n.Int64(), nil
		}
	case KindDouble:
		if f := v.(float64); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f, nil
		}
	case KindDecimal:
		n := v.(*big.Int)
		if len(new(big.Int).Abs(n).String()) <= sheetDigits && !c.isID() {
			f, _ := new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Scale)), nil)).Float64()
			return excelize.Cell{StyleID: x.decimal[t.Scale], Value: f}, nil
		}
	case KindDate:
		// Before March 1900 a spreadsheet's calendar is not ours.
		if d := v.(time.Time); d.Year() > 1900 && d.Year() < 10_000 {
			return excelize.Cell{StyleID: x.date, Value: d}, nil
		}
	}
	s := cell(t, v, zone, x.sheet.Guard)
	if len(s) > sheetText { // bytes: never fewer than UTF-16 units
		if n := len(utf16.Encode([]rune(s))); n > sheetText {
			return nil, fmt.Errorf("the text has %d characters, more than a cell's %d; allowed: another format", n, sheetText)
		}
	}
	return s, nil
}

func (x *xlsxWriter) Close() error {
	defer x.file.Close()
	if err := x.out.Flush(); err != nil {
		return err
	}
	_, err := x.file.WriteTo(x.w)
	return err
}
