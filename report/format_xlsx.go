package report

import (
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// Bounds of a sheet, and the digits that a spreadsheet's number keeps.
const (
	sheetRows   = 1_048_576
	sheetText   = 32_767 // UTF-16 units in a cell
	sheetDigits = 15
)

// The sheets of a workbook.
const (
	dataSheet = "Sheet1"
	factSheet = "Export"
)

// xlsxWriter writes one sheet of rows, and one of facts where there are any.
// Ids, and numbers that a spreadsheet would round, are texts; dates are dates;
// times are texts, because a spreadsheet's time has no zone. There is no row of
// totals: who adds up a column would count everything twice.
//
// The same rows and facts give the same bytes. That rests on one stream a file:
// the library writes its streams in no order.
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
	if err := x.properties(); err != nil {
		return err
	}
	if x.out, err = x.file.NewStreamWriter(dataSheet); err != nil {
		return err
	}
	if err := x.styles(); err != nil {
		return err
	}
	if err := x.out.SetPanes(frozenHeader()); err != nil {
		return err
	}
	for i, c := range columns {
		width := columnWidth(c)
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
		header[i] = excelize.Cell{StyleID: x.bold, Value: inXML(name)}
	}
	return x.add(header)
}

// properties say what the workbook is. The library's own time of making is
// fixed.
func (x *xlsxWriter) properties() error {
	properties := excelize.DocProperties{Title: inXML(x.sheet.Title), Creator: "pixledger", LastModifiedBy: "pixledger"}
	if made := x.sheet.Made; !made.IsZero() {
		properties.Created = made.UTC().Format(time.RFC3339)
		properties.Modified = properties.Created
	}
	return x.file.SetDocProps(&properties)
}

func (x *xlsxWriter) styles() (err error) {
	if x.bold, err = x.file.NewStyle(&excelize.Style{
		Font:   &excelize.Font{Bold: true},
		Fill:   excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"F2F2F2"}},
		Border: []excelize.Border{{Type: "bottom", Color: "999999", Style: 1}},
	}); err != nil {
		return err
	}
	dateFormat := "yyyy-mm-dd"
	if x.date, err = x.file.NewStyle(&excelize.Style{CustomNumFmt: &dateFormat}); err != nil {
		return err
	}
	for _, c := range x.columns {
		if err := x.decimalStyle(c.Type); err != nil {
			return err
		}
	}
	for _, f := range x.sheet.Facts {
		if err := x.decimalStyle(f.Type); err != nil {
			return err
		}
	}
	return nil
}

// decimalStyle makes the number format with all the decimals of a type.
func (x *xlsxWriter) decimalStyle(t *Type) (err error) {
	if t.Kind != KindDecimal || x.decimal[t.Scale] != 0 {
		return nil
	}
	format := "0"
	if t.Scale > 0 {
		format += "." + strings.Repeat("0", t.Scale)
	}
	x.decimal[t.Scale], err = x.file.NewStyle(&excelize.Style{CustomNumFmt: &format})
	return err
}

func frozenHeader() *excelize.Panes {
	return &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}
}

// columnWidth is by the name and the type: the rows are not known yet.
func columnWidth(c Column) float64 {
	width := max(10, min(40, utf8.RuneCountInString(c.Name)+2))
	switch c.Type.Kind {
	case KindTime:
		width = 28
	case KindDecimal:
		width = max(width, 16)
	case KindText:
		width = max(width, 16)
	}
	if c.isID() {
		width = max(width, 21)
	}
	return float64(width)
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
	return inXML(s), nil
}

// inXML replaces what XML can't hold: control characters, and the two that are
// none. The library would do it for some of them.
func inXML(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return utf8.RuneError
		}
		return r
	}, valid(s))
}

// facts writes the second sheet, name and value a row.
func (x *xlsxWriter) facts() error {
	if len(x.sheet.Facts) == 0 {
		return nil
	}
	if _, err := x.file.NewSheet(factSheet); err != nil {
		return err
	}
	for column, width := range map[string]float64{"A": 24, "B": 70} {
		if err := x.file.SetColWidth(factSheet, column, column, width); err != nil {
			return err
		}
	}
	if err := x.file.SetPanes(factSheet, frozenHeader()); err != nil {
		return err
	}
	header := []any{excelize.Cell{StyleID: x.bold, Value: "fact"}, excelize.Cell{StyleID: x.bold, Value: "value"}}
	if err := x.fact(1, header); err != nil {
		return err
	}
	for i, f := range x.sheet.Facts {
		name := f.Name
		if x.sheet.Guard {
			name = guarded(name)
		}
		value, err := x.cell(Column{Name: f.Name, Type: f.Type}, f.Value, time.UTC)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if err := x.fact(i+2, []any{inXML(name), value}); err != nil {
			return err
		}
	}
	return nil
}

func (x *xlsxWriter) fact(row int, cells []any) error {
	for i, v := range cells {
		at, err := excelize.CoordinatesToCellName(i+1, row)
		if err != nil {
			return err
		}
		style := 0
		if c, ok := v.(excelize.Cell); ok {
			v, style = c.Value, c.StyleID
		}
		if err := x.file.SetCellValue(factSheet, at, v); err != nil {
			return err
		}
		if style == 0 {
			continue
		}
		if err := x.file.SetCellStyle(factSheet, at, at, style); err != nil {
			return err
		}
	}
	return nil
}

func (x *xlsxWriter) Close() error {
	defer x.file.Close()
	if err := x.out.Flush(); err != nil {
		return err
	}
	if err := x.facts(); err != nil {
		return err
	}
	_, err := x.file.WriteTo(x.w)
	return err
}
