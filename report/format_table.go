package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"pixledger/schemas"
)

const (
	// tableRows and tableBytes are what is laid out together, and kept in memory.
	// The rows after them follow in the same widths.
	tableRows  = 10_000
	tableBytes = 8 << 20
	// leastText is what is left of a column of text that is shortened.
	leastText = 10
	// mostName is what is shown of a column's name on a screen.
	mostName = 60
	// nullText is shown for null, as DuckDB shows it: empty text is blank.
	nullText = "NULL"
)

// tableWriter writes for people: aligned columns, or, where not even shortened
// text makes them fit the screen, a block for each row, as psql does. It shows
// control characters and marks of direction to nobody.
//
// Numbers are written as they are, without separators: what is copied is the
// number. Ids, numbers and times are never shortened, but for the zeros behind an
// amount's second place.
type tableWriter struct {
	w       io.Writer
	width   int // of the screen; 0 bounds nothing
	money   Money
	b       *bufio.Writer
	columns []tableColumn
	places  moneyPlaces
	rows    [][]tableCell
	bytes   int
	begun   bool
	records bool   // a block for each row
	number  int    // of rows that are written
	end     string // the table's last line, held back
}

type tableColumn struct {
	Column
	name     string
	cuts     bool // text that may be shortened
	money    bool
	width    int
	decimals int // the most columns behind a figure's integer part
	currency int // the widest currency beside it
}

// tableCell is a value to be laid out.
type tableCell struct{ text, currency string }

func (t *tableWriter) Begin(columns []Column) error {
	t.b = bufio.NewWriter(t.w)
	t.places = t.money.at(columns)
	for _, c := range columns {
		name := visible(c.Name)
		if t.width > 0 {
			name = shorten(name, mostName)
		}
		t.columns = append(t.columns, tableColumn{Column: c, name: name, cuts: c.cuts(), money: t.places.currency >= 0 && t.money.holds(c), width: wide(name)})
	}
	return nil
}

// identifies tells that a column's text says which thing is meant: cut, two
// things would look alike.
func (c Column) identifies() bool {
	if c.isID() || slices.Contains([]string{"code", "po_number", "reverses", "currency", "reason", "sha256"}, c.Name) {
		return true
	}
	return strings.HasSuffix(c.Name, "_code") || strings.HasSuffix(c.Name, "_digest") || strings.HasSuffix(c.Name, "_sha256")
}

// cuts tells that a column is text that may be shortened.
func (c Column) cuts() bool {
	switch c.Type.Kind {
	case KindText:
		return c.Type.Name == typeText && !c.identifies()
	case KindJSON, KindBlob, KindList, KindMap, KindStruct:
		return !c.identifies()
	}
	return false
}

func (t *tableWriter) Row(values []any, zone *time.Location) error {
	row := make([]tableCell, len(values))
	currency := visible(t.places.currencyOf(values))
	for i, v := range values {
		c := &t.columns[i]
		row[i].text = nullText
		if v != nil {
			row[i].text = visible(c.Type.text(v, zone))
			if c.money {
				row[i].text, row[i].currency = schemas.ShortMoney(row[i].text), currency
			}
		}
		if c.cuts && t.width > 0 {
			row[i].text = shorten(row[i].text, t.width)
		}
		t.bytes += len(row[i].text)
	}
	t.rows = append(t.rows, row)
	if len(t.rows) == tableRows || t.bytes >= tableBytes || t.records {
		return t.flush()
	}
	return nil
}

// flush lays out the rows that are kept, and writes them.
func (t *tableWriter) flush() error {
	if !t.begun {
		t.measure()
		t.fit()
	}
	if t.records {
		t.writeRecords()
	} else {
		t.writeRows()
	}
	t.begun = true
	t.rows, t.bytes = t.rows[:0], 0
	return t.b.Flush()
}

// measure gives the columns the widths of what stands in them.
func (t *tableWriter) measure() {
	for _, row := range t.rows {
		for i := range row {
			c := &t.columns[i]
			c.decimals = max(c.decimals, c.decimalsOf(row[i].text))
			c.currency = max(c.currency, wide(row[i].currency))
		}
	}
	for _, row := range t.rows {
		for i := range row {
			c := &t.columns[i]
			c.width = max(c.width, wide(c.aligned(row[i])))
		}
	}
}

// decimalsOf gives the columns behind a figure's integer part, in a column whose
// figures have more of them or less.
func (c *tableColumn) decimalsOf(s string) int {
	if c.Type.Kind == KindDouble || c.money {
		if i := strings.IndexByte(s, '.'); i >= 0 {
			return len(s) - i
		}
	}
	return 0
}

// aligned writes a figure so that, set to the right, points and currencies
// stand below each other.
func (c *tableColumn) aligned(cell tableCell) string {
	s := cell.text
	if !c.money || s != nullText {
		s += strings.Repeat(" ", max(0, c.decimals-c.decimalsOf(s)))
	}
	if c.currency > 0 {
		s += " " + text.Pad(cell.currency, c.currency, ' ')
	}
	return s
}

// fit makes the columns fit the screen by shortening the widest texts, or
// turns to a block for each row.
func (t *tableWriter) fit() {
	if t.width <= 0 || t.tableWidth() <= t.width {
		return
	}
	least := func(c *tableColumn) int { return max(wide(c.name), min(c.width, leastText)) }
	over := t.tableWidth() - t.width
	for ; over > 0; over-- {
		var widest *tableColumn
		for i := range t.columns {
			c := &t.columns[i]
			if c.cuts && c.width > least(c) && (widest == nil || c.width > widest.width) {
				widest = c
			}
		}
		if widest == nil {
			t.records = true
			return
		}
		widest.width--
	}
}

// tableWidth counts the lines between the columns too.
func (t *tableWriter) tableWidth() int {
	all := 1
	for _, c := range t.columns {
		all += c.width + 3
	}
	return all
}

// writeRows writes the rows as a part of one table.
func (t *tableWriter) writeRows() {
	w := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	w.SetStyle(style)
	header := make(table.Row, len(t.columns))
	configs := make([]table.ColumnConfig, len(t.columns))
	for i, c := range t.columns {
		header[i] = c.name
		align := text.AlignLeft
		if c.Type.number() {
			align = text.AlignRight
		}
		configs[i] = table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align, WidthMin: c.width}
	}
	w.SetColumnConfigs(configs)
	if !t.begun {
		w.AppendHeader(header)
	}
	for _, row := range t.rows {
		cells := make(table.Row, len(row))
		for i := range row {
			c := &t.columns[i]
			s := c.aligned(row[i])
			if c.cuts && t.width > 0 {
				s = shorten(s, c.width)
			}
			cells[i] = s
		}
		w.AppendRow(cells)
	}
	lines := strings.Split(w.Render(), "\n")
	if t.begun {
		lines = lines[1:] // the line above
	}
	last := len(lines) - 1
	for _, line := range lines[:last] {
		_, _ = t.b.WriteString(line)
		_ = t.b.WriteByte('\n')
	}
	t.end = lines[last] + "\n"
}

// writeRecords writes a block for each row: a line for each column.
func (t *tableWriter) writeRecords() {
	names := 0
	for _, c := range t.columns {
		names = max(names, wide(c.name))
	}
	for _, row := range t.rows {
		t.number++
		head := fmt.Sprintf("─[ %d ]", t.number)
		_, _ = t.b.WriteString(head + strings.Repeat("─", max(0, min(t.width, 60)-wide(head))) + "\n")
		for i := range row {
			c, s := &t.columns[i], row[i].text
			if c.cuts {
				s = shorten(s, max(leastText, t.width-names-3))
			}
			if row[i].currency != "" {
				s += " " + row[i].currency
			}
			_, _ = t.b.WriteString(strings.TrimRight(text.Pad(c.name, names, ' ')+" │ "+s, " ") + "\n")
		}
	}
}

func (t *tableWriter) Close() error {
	if len(t.rows) > 0 || !t.begun {
		if err := t.flush(); err != nil {
			return err
		}
	}
	_, _ = t.b.WriteString(t.end)
	return t.b.Flush()
}
