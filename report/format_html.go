package report

import (
	"bufio"
	_ "embed" // the page
	"html/template"
	"io"
	"time"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// htmlWriter writes a page that stands alone: no script, nothing loaded. It
// shows control characters and marks of direction to nobody.
type htmlWriter struct {
	w       io.Writer
	b       *bufio.Writer
	title   string
	columns []Column
	cells   []htmlCell
}

type htmlCell struct {
	Text   string
	Number bool
}

func (h *htmlWriter) Begin(columns []Column) error {
	h.b, h.columns, h.cells = bufio.NewWriter(h.w), columns, make([]htmlCell, len(columns))
	for i, c := range columns {
		switch c.Type.Kind {
		case KindInteger, KindBigInt, KindHuge, KindDecimal, KindDouble:
			h.cells[i].Number = true
		}
		h.cells[i].Text = visible(c.Name)
	}
	return page.ExecuteTemplate(h.b, "head", struct {
		Title string
		Cells []htmlCell
	}{h.title, h.cells})
}

func (h *htmlWriter) Row(values []any, zone *time.Location) error {
	for i, v := range values {
		h.cells[i].Text = ""
		if v != nil {
			h.cells[i].Text = visible(h.columns[i].Type.text(v, zone))
		}
	}
	return page.ExecuteTemplate(h.b, "row", h.cells)
}

func (h *htmlWriter) Close() error {
	if err := page.ExecuteTemplate(h.b, "foot", nil); err != nil {
		return err
	}
	return h.b.Flush()
}
