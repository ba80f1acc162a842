package report

import (
	"io"
	"slices"
	"time"
)

// Format is a way to write a result.
type Format string

// The formats.
const (
	Table   Format = "table"   // for people at a terminal
	CSV     Format = "csv"     // RFC 4180 with a header line, lines ended by \n
	TSV     Format = "tsv"     // the same with tabs
	JSON    Format = "json"    // an array of objects
	NDJSON  Format = "ndjson"  // an object a line
	XLSX    Format = "xlsx"    // one sheet
	Parquet Format = "parquet" // typed, ZSTD
	HTML    Format = "html"    // a page that loads nothing from elsewhere
)

// Formats lists the formats, as --format takes them.
func Formats() []Format { return slices.Clone(formats) }

var formats = []Format{Table, CSV, TSV, JSON, NDJSON, XLSX, Parquet, HTML}

// ParseFormat gives the format of that name; an unknown one is a *UsageError.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(formats, f) {
		return f, nil
	}
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	return "", usage(words(names), "there is no format %q", name)
}

// Sheet says how a result is written, beside its format. All but Guard is for
// people, and none of it changes what programs read.
type Sheet struct {
	Title string // of html and xlsx
	// Guard puts an apostrophe before text in csv, tsv and xlsx that a
	// spreadsheet would take for a formula.
	Guard bool
	// Made is when the result was made; xlsx keeps it among its properties. The
	// zero time leaves it out, so that the bytes depend on the rows alone.
	Made time.Time
	// Facts hold of the whole result. html lists them above the table; xlsx
	// writes them on a sheet of their own, Export.
	Facts []Fact
	// Money says which columns are amounts, so that tables and pages show them
	// beside the row's currency, and pages add them up.
	Money Money
	// Charts are what html draws. Nil leaves the choice to the columns; an empty
	// list draws none.
	Charts []Chart
}

// Writer writes one result in one format: Begin, a Row each, then Close,
// which does not close what it writes to. Times of a row are written in its zone.
type Writer interface {
	Begin(columns []Column) error
	Row(values []any, zone *time.Location) error
	Close() error
}

// Tee gives a writer that writes each row to all of several.
func Tee(writers ...Writer) Writer { return tee(writers) }

type tee []Writer

func (t tee) Begin(columns []Column) error {
	for _, w := range t {
		if err := w.Begin(columns); err != nil {
			return err
		}
	}
	return nil
}

func (t tee) Row(values []any, zone *time.Location) error {
	for _, w := range t {
		if err := w.Row(values, zone); err != nil {
			return err
		}
	}
	return nil
}

func (t tee) Close() error {
	for _, w := range t {
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}

// NewWriter gives the writer of a format.
func NewWriter(w io.Writer, f Format, s Sheet) (Writer, error) {
	switch f {
	case Table:
		return &tableWriter{w: w, width: widthOf(w), money: s.Money}, nil
	case CSV:
		return newDelimitedWriter(w, ',', s.Guard), nil
	case TSV:
		return newDelimitedWriter(w, '\t', s.Guard), nil
	case JSON:
		return &jsonWriter{w: w, open: "[\n", between: ",\n", end: "\n]\n", empty: "[]\n"}, nil
	case NDJSON:
		return &jsonWriter{w: w, between: "\n", end: "\n"}, nil
	case XLSX:
		return &xlsxWriter{w: w, sheet: s}, nil
	case Parquet:
		return &parquetWriter{w: w}, nil
	case HTML:
		return &htmlWriter{w: w, sheet: s}, nil
	}
	_, err := ParseFormat(string(f))
	return nil, err
}

// plainDecimal tells that a text is ^-?[0-9]+(\.[0-9]+)?$: a number that no
// spreadsheet takes for a formula.
func plainDecimal(s string) bool {
	digits, point := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '-' && i == 0:
		case c == '.' && !point && digits > 0:
			point, digits = true, 0
		default:
			return false
		}
	}
	return digits > 0
}

// guarded puts an apostrophe before text that a spreadsheet would take for a
// formula.
func guarded(s string) string {
	if s == "" || plainDecimal(s) {
		return s
	}
	switch s[0] {
	case '=', '+', '-', '@', '\t', '\r':
		return "'" + s
	}
	return s
}

// cell writes a value for csv, tsv and xlsx.
func cell(t *Type, v any, zone *time.Location, guard bool) string {
	if v == nil {
		return ""
	}
	s := t.text(v, zone)
	if guard && (t.Kind == KindText || t.Kind == KindJSON || t.Kind == KindBlob) {
		return guarded(s)
	}
	return s
}
