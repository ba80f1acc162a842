package report

import (
	"bufio"
	"io"
	"strings"
	"time"
)

// delimitedWriter writes csv and tsv as RFC 4180 quotes them. encoding/csv is
// left aside for one case: it turns \r\n inside a field into \n.
type delimitedWriter struct {
	w       *bufio.Writer
	comma   byte
	guard   bool
	columns []Column
	line    []byte
}

func newDelimitedWriter(w io.Writer, comma byte, guard bool) *delimitedWriter {
	return &delimitedWriter{w: bufio.NewWriterSize(w, 1<<16), comma: comma, guard: guard}
}

func (d *delimitedWriter) Begin(columns []Column) error {
	d.columns, d.line = columns, d.line[:0]
	for i, c := range columns {
		name := c.Name
		if d.guard {
			name = guarded(name)
		}
		d.field(i, name)
	}
	return d.end()
}

func (d *delimitedWriter) Row(values []any, zone *time.Location) error {
	d.line = d.line[:0]
	for i, v := range values {
		switch t := d.columns[i].Type; {
		case v != nil && t.Kind.plain():
			if i > 0 {
				d.line = append(d.line, d.comma)
			}
			d.line = t.appendText(d.line, v, zone)
		default:
			d.field(i, cell(t, v, zone, d.guard))
		}
	}
	// The only field of a line is quoted when it is empty, or readers take the
	// line for none.
	if len(values) == 1 && len(d.line) == 0 {
		d.line = append(d.line, `""`...)
	}
	return d.end()
}

// field adds one field to the line.
func (d *delimitedWriter) field(i int, s string) {
	if i > 0 {
		d.line = append(d.line, d.comma)
	}
	if !d.mustQuote(s) {
		d.line = append(d.line, s...)
		return
	}
	d.line = append(d.line, '"')
	d.line = append(d.line, strings.ReplaceAll(s, `"`, `""`)...)
	d.line = append(d.line, '"')
}

func (d *delimitedWriter) mustQuote(s string) bool {
	for i := range len(s) {
		if c := s[i]; c == d.comma || c == '"' || c == '\r' || c == '\n' {
			return true
		}
	}
	return s != "" && s[0] == ' '
}

func (d *delimitedWriter) end() error {
	d.line = append(d.line, '\n')
	_, err := d.w.Write(d.line)
	return err
}

func (d *delimitedWriter) Close() error { return d.w.Flush() }
