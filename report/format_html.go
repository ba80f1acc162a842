package report

import (
	"bufio"
	_ "embed" // the page
	"fmt"
	"html"
	"html/template"
	"io"
	"maps"
	"math/big"
	"slices"
	"time"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// htmlWriter writes a page that stands alone: no script, nothing loaded. It
// shows control characters and marks of direction to nobody. Charts stand above
// the table that they are drawn from, so the rows are held back until the last.
type htmlWriter struct {
	w        io.Writer
	sheet    Sheet
	columns  []Column
	cells    []htmlCell
	places   moneyPlaces
	rows     spool
	b        *bufio.Writer // into rows
	line     []byte
	drawings []*Drawing
	totals   amounts
	count    int64 // of all rows
	more     int64 // of them, beyond the limit
}

type htmlCell struct {
	Text   string
	Unit   string
	Number bool
	Long   bool // text that a page may cut at its column's edge; it is all there to copy
	Null   bool
}

type htmlFact struct{ Name, Value string }

type htmlPicture struct {
	Picture
	SVG    template.HTML
	Points []htmlPoint
}

type htmlPoint struct{ Label, Figure string }

func (h *htmlWriter) Begin(columns []Column) error {
	h.columns, h.cells = columns, make([]htmlCell, len(columns))
	h.places = h.sheet.Money.at(columns)
	h.b = bufio.NewWriterSize(&h.rows, 64<<10)
	h.totals = amounts{columns: columns, money: h.sheet.Money, places: h.places, sums: map[string][]*big.Int{}, missing: make([]bool, len(columns))}
	chosen := h.sheet.Charts
	if chosen == nil {
		chosen = ChartsOf(columns, h.sheet.Money)
	}
	for _, c := range chosen {
		d, err := NewDrawing(c, columns, h.sheet.Money)
		if err != nil {
			return err
		}
		h.drawings = append(h.drawings, d)
	}
	for i, c := range columns {
		h.cells[i].Number, h.cells[i].Long = c.Type.number(), c.cuts()
	}
	return nil
}

func (h *htmlWriter) Row(values []any, zone *time.Location) error {
	h.count++
	currency := visible(h.places.currencyOf(values))
	for i, v := range values {
		c := &h.cells[i]
		c.Text, c.Unit, c.Null = "", "", v == nil
		if v != nil {
			c.Text = visible(h.columns[i].Type.text(v, zone))
			if h.places.currency >= 0 && h.sheet.Money.holds(h.columns[i]) {
				c.Unit = currency
			}
		}
	}
	h.account(values, zone)
	return h.writeRow()
}

// account has a row in the drawings and the totals.
func (h *htmlWriter) account(values []any, zone *time.Location) {
	for _, d := range h.drawings {
		d.Add(values, zone)
	}
	h.totals.add(values)
}

func (h *htmlWriter) beyond(values []any, zone *time.Location) {
	h.count++
	h.more++
	h.account(values, zone)
}

// writeRow writes the cells. A template would take several times as long, and a
// page can have a million rows.
func (h *htmlWriter) writeRow() error {
	b := append(h.line[:0], "<tr>"...)
	for _, c := range h.cells {
		switch {
		case c.Number:
			b = append(b, `<td class="n">`...)
		case c.Long:
			b = append(b, `<td class="t">`...)
		default:
			b = append(b, "<td>"...)
		}
		if c.Null {
			b = append(b, `<i class="z">null</i>`...)
		} else {
			b = append(b, html.EscapeString(c.Text)...)
		}
		if c.Unit != "" {
			b = append(b, ` <i class="u">`...)
			b = append(b, html.EscapeString(c.Unit)...)
			b = append(b, "</i>"...)
		}
		b = append(b, "</td>"...)
	}
	h.line = append(b, "</tr>\n"...)
	_, err := h.b.Write(h.line)
	return err
}

func (h *htmlWriter) Close() error {
	defer h.rows.close()
	if err := h.b.Flush(); err != nil {
		return err
	}
	out := bufio.NewWriterSize(h.w, 64<<10)
	if err := h.head(out); err != nil {
		return err
	}
	if err := h.rows.copyTo(out); err != nil {
		return err
	}
	if err := page.ExecuteTemplate(out, "foot", h.totals.rows()); err != nil {
		return err
	}
	return out.Flush()
}

func (h *htmlWriter) head(w io.Writer) error {
	head := struct {
		Title    string
		Facts    []htmlFact
		Pictures []htmlPicture
		Notes    []string
		Cells    []htmlCell
	}{Title: visible(h.sheet.Title), Cells: make([]htmlCell, len(h.columns))}
	for i, c := range h.columns {
		head.Cells[i] = htmlCell{Text: visible(c.Name), Number: h.cells[i].Number}
	}
	for _, f := range append(slices.Clone(h.sheet.Facts), IntegerFact("rows", h.count)) {
		value := "none"
		if f.Value != nil {
			value = visible(f.Type.text(f.Value, time.UTC))
		}
		head.Facts = append(head.Facts, htmlFact{visible(f.Name), value})
	}
	for _, d := range h.drawings {
		pictures, notes, err := d.Pictures()
		if err != nil {
			return err
		}
		for _, p := range pictures {
			// The drawing is this package's own, its texts escaped.
			hp := htmlPicture{Picture: p, SVG: template.HTML(p.SVG)}
			for i, label := range p.Labels {
				hp.Points = append(hp.Points, htmlPoint{label, p.Figures[i]})
			}
			head.Pictures = append(head.Pictures, hp)
		}
		head.Notes = append(head.Notes, notes...)
	}
	head.Notes = append(head.Notes, h.totals.notes()...)
	if h.more > 0 {
		head.Notes = append(head.Notes, fmt.Sprintf("The table has the first %d of %d rows; charts and totals are of all.", h.count-h.more, h.count))
	}
	return page.ExecuteTemplate(w, "head", head)
}

// amounts adds up the amounts of a result by currency.
type amounts struct {
	columns []Column
	money   Money
	places  moneyPlaces
	sums    map[string][]*big.Int // by currency, then column; nil where nothing was added
	missing []bool                // columns with an amount that is unknown: of several currencies
}

func (t *amounts) add(values []any) {
	if t.places.currency < 0 {
		return
	}
	group := t.places.groupOf(values)
	for i, c := range t.columns {
		if !t.money.adds(c) {
			continue
		}
		v, ok := values[i].(*big.Int)
		if !ok {
			t.missing[i] = t.missing[i] || group == ""
			continue
		}
		sums := t.sums[group]
		if sums == nil {
			sums = make([]*big.Int, len(t.columns))
			t.sums[group] = sums
		}
		if sums[i] == nil {
			sums[i] = new(big.Int)
		}
		sums[i].Add(sums[i], v)
	}
}

// rows gives a row of totals for each currency. An amount with a part that is
// unknown has no total.
func (t *amounts) rows() [][]htmlCell {
	groups := slices.Sorted(maps.Keys(t.sums))
	var out [][]htmlCell
	for _, group := range groups {
		row, known := make([]htmlCell, len(t.columns)), false
		for i, c := range t.columns {
			row[i].Number = c.Type.number()
			if sum := t.sums[group][i]; sum != nil && !t.missing[i] {
				row[i].Text, row[i].Unit, known = decimalText(sum, c.Type.Scale), visible(group), true
			}
		}
		if known {
			if row[0].Text == "" {
				row[0] = htmlCell{Text: "Total " + visible(group)}
			}
			out = append(out, row)
		}
	}
	return out
}

func (t *amounts) notes() []string {
	if slices.Contains(t.missing, true) {
		return []string{"Some rows hold money of several currencies and give no amount: such columns have no total."}
	}
	return nil
}
