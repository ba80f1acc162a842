package report

import (
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// tableRows is the number of rows that are aligned with each other: a longer
// result is several tables, so that memory stays bounded.
const tableRows = 2000

// tableWriter writes aligned columns for people. It shows control characters
// and marks of direction to nobody.
type tableWriter struct {
	w       io.Writer
	columns []Column
	t       table.Writer
	written bool
}

func (t *tableWriter) Begin(columns []Column) error {
	t.columns = columns
	t.start()
	return nil
}

func (t *tableWriter) start() {
	t.t = table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	t.t.SetStyle(style)
	header := make(table.Row, len(t.columns))
	configs := make([]table.ColumnConfig, len(t.columns))
	for i, c := range t.columns {
		header[i] = visible(c.Name)
		align := text.AlignLeft
		switch c.Type.Kind {
		case KindInteger, KindBigInt, KindHuge, KindDecimal, KindDouble:
			align = text.AlignRight
		}
		configs[i] = table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align}
	}
	t.t.SetColumnConfigs(configs)
	t.t.AppendHeader(header)
}

func (t *tableWriter) Row(values []any, zone *time.Location) error {
	row := make(table.Row, len(values))
	for i, v := range values {
		row[i] = ""
		if v != nil {
			row[i] = visible(t.columns[i].Type.text(v, zone))
		}
	}
	t.t.AppendRow(row)
	if t.t.Length() == tableRows {
		return t.flush()
	}
	return nil
}

func (t *tableWriter) flush() error {
	_, err := io.WriteString(t.w, t.t.Render()+"\n")
	t.written = true
	t.start()
	return err
}

func (t *tableWriter) Close() error {
	if t.written && t.t.Length() == 0 {
		return nil
	}
	return t.flush()
}
