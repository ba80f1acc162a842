package report

import (
	"io"
	"time"
)

// jsonWriter writes json and ndjson, an object a line in both. BIGINT and
// DECIMAL are texts, so that no reader rounds them.
type jsonWriter struct {
	w                         io.Writer
	open, between, end, empty string
	columns                   []Column
	keys                      [][]byte
	line                      []byte
	rows                      int
}

func (j *jsonWriter) Begin(columns []Column) error {
	j.columns, j.keys = columns, nil
	for _, c := range columns {
		j.keys = append(j.keys, append(appendJSONText(nil, c.Name), ':'))
	}
	return nil
}

func (j *jsonWriter) Row(values []any, zone *time.Location) error {
	b := append(j.line[:0], j.between...)
	if j.rows == 0 {
		b = append(j.line[:0], j.open...)
	}
	b = append(b, '{')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = j.columns[i].Type.appendJSON(append(b, j.keys[i]...), v, zone, true)
	}
	b = append(b, '}')
	j.rows, j.line = j.rows+1, b
	_, err := j.w.Write(b)
	return err
}

func (j *jsonWriter) Close() error {
	end := j.end
	if j.rows == 0 {
		end = j.empty
	}
	_, err := io.WriteString(j.w, end)
	return err
}
