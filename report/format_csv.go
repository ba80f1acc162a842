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
}

func newDelimitedWriter(w io.Writer, comma byte, guard bool) *delimitedWriter {
	return &delimitedWriter{w: bufio.NewWriter(w), comma: comma, guard: guard}
}

func (d *delimitedWriter) Begin(columns []Column) error {
	d.columns = columns
	for i, c := range columns {
		name := c.Name
		if d.guard {
			name = guarded(name)
		}
		d.field(i, name)
	}
	return d.w.WriteByte('\n')
}

func (d *delimitedWriter) Row(values []any, zone *time.Location) error {
	for i, v := range values {
		s := cell(d.columns[i].Type, v, zone, d.guard)
		// The only field of a line is quoted when it is empty, or readers
		// take the line for none.
		if len(values) == 1 && s == "" {
			s = `""`
			if _, err := d.w.WriteString(s); err != nil {
				return err
			}
			continue
		}
		d.field(i, s)
	}
	return d.w.WriteByte('\n')
}

// field writes one field; the buffered writer keeps its first error.
func (d *delimitedWriter) field(i int, s string) {
	if i > 0 {
		_ = d.w.WriteByte(d.comma)
	}
	if s == "" || strings.IndexByte(s, d.comma) < 0 && !strings.ContainsAny(s, "\"\r\n") && s[0] != ' ' {
		_, _ = d.w.WriteString(s)
		return
	}
	_ = d.w.WriteByte('"')
	_, _ = d.w.WriteString(strings.ReplaceAll(s, `"`, `""`))
	_ = d.w.WriteByte('"')
}

func (d *delimitedWriter) Close() error { return d.w.Flush() }
