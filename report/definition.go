package report

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed sql/*.sql
var reportFiles embed.FS

// Definition is a report as its file describes it.
type Definition struct {
	Name string
	Doc  string
	// Intervals are the columns of the intervals that it can be given by: hour,
	// day, month; none on a report whose rows are single things.
	Intervals  []string
	Dimensions []Dimension
	Columns    []ColumnDef // figures, where there are dimensions
	Filters    []string    // columns that --filter takes
	Notes      []Note      // what else a user must know
	Required   []string    // filters that it can't do without
	Params     []ParamDef  // its own parameters
	Rangeless  bool        // it speaks of now: no range, no zone
	// Business says that its days are business days, as the ledger has them: the
	// configuration's, whatever the report's zone, which says what today is.
	Business bool
	sql      string
}

// ParamDef is a parameter of one report's own, a flag of its name. Its statement
// reads it by param('name'), as text, null where it is not given.
type ParamDef struct {
	Name     string // words joined by _; the flag has - in their place
	Type     string // in DuckDB's words, or MONTH: 2026-03
	Doc      string
	Required bool
}

// Flag is the flag that takes it.
func (p ParamDef) Flag() string { return "--" + strings.ReplaceAll(p.Name, "_", "-") }

// Note says more about something that a report takes or does.
type Note struct {
	About string // one word: filter, order
	Doc   string
}

// Dimension is an id that figures can be given by, with the column of its name.
type Dimension struct {
	ID   string // BIGINT
	Name string // VARCHAR
	Doc  string
}

// ColumnDef is a column of a report's result.
type ColumnDef struct {
	Name string
	Type string // in DuckDB's words
	Doc  string
}

var registry = sync.OnceValues(func() (map[string]*Definition, error) {
	files, err := fs.Glob(reportFiles, "sql/*.sql")
	if err != nil {
		return nil, err
	}
	out := make(map[string]*Definition, len(files))
	for _, f := range files {
		b, err := reportFiles.ReadFile(f)
		if err != nil {
			return nil, err
		}
		d, err := parseDefinition(string(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		if d.Name+".sql" != path.Base(f) {
			return nil, fmt.Errorf("%s: holds the report %s", f, d.Name)
		}
		out[d.Name] = d
	}
	return out, nil
})

// parseDefinition reads the header of a report's file: the comment lines that
// begin with -- @ and a word.
func parseDefinition(text string) (*Definition, error) {
	d := &Definition{sql: text}
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "-- @")
		if !ok {
			continue
		}
		word, rest, _ := strings.Cut(rest, " ")
		rest = strings.TrimSpace(rest)
		head, doc, described := strings.Cut(rest, ": ")
		fields := strings.Fields(head)
		switch {
		case word == "report":
			d.Name = rest
		case word == "doc":
			d.Doc = rest
		case word == "interval":
			d.Intervals = strings.Fields(rest)
		case word == "filter":
			d.Filters = strings.Fields(rest)
		case word == "note" && described && len(fields) == 1:
			d.Notes = append(d.Notes, Note{fields[0], doc})
		case word == "required":
			d.Required = strings.Fields(rest)
		case word == "rangeless":
			d.Rangeless = true
		case word == "business":
			d.Business = true
		case word == "param" && described && len(fields) >= 2:
			p := ParamDef{Name: fields[0], Type: strings.Join(fields[1:], " "), Doc: doc}
			if p.Type, p.Required = strings.CutSuffix(p.Type, " required"); !slices.Contains(paramTypes, p.Type) {
				return nil, fmt.Errorf("the parameter %s has no type %q; allowed: %s", p.Name, p.Type, strings.Join(paramTypes, ", "))
			}
			d.Params = append(d.Params, p)
		case word == "dimension" && described && len(fields) == 2:
			d.Dimensions = append(d.Dimensions, Dimension{fields[0], fields[1], doc})
		case word == "column" && described && len(fields) >= 2:
			d.Columns = append(d.Columns, ColumnDef{fields[0], strings.Join(fields[1:], " "), doc})
		default:
			return nil, fmt.Errorf("the header has a line that says nothing: %s", strings.TrimSpace(line))
		}
	}
	if d.Name == "" || d.Doc == "" || len(d.Columns) == 0 {
		return nil, fmt.Errorf("the header lacks @report, @doc or @column")
	}
	if slices.Equal(d.Filters, []string{"*"}) {
		d.Filters = nil
		for _, c := range d.Columns {
			d.Filters = append(d.Filters, c.Name)
		}
	}
	return d, nil
}

// Names lists the reports in order.
func Names() []string {
	all, err := registry()
	if err != nil {
		panic("report: " + err.Error()) // the files are embedded: a test loads them
	}
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Describe gives a report's definition; a *UsageError where there is none.
func Describe(name string) (*Definition, error) {
	all, err := registry()
	if err != nil {
		return nil, err
	}
	d := all[name]
	if d == nil {
		return nil, usage(words(Names()), "there is no report %q", name)
	}
	return d, nil
}

var intervalColumns = map[string]ColumnDef{
	"hour":  {"hour", typeTime, "start of the hour, in the report's time zone"},
	"day":   {"day", typeDate, "the day in the report's time zone"},
	"month": {"month", typeText, "the month in the report's time zone, 2026-03"},
}

// all lists every column that the report's statement gives: what a run shows
// of them, its plan selects.
func (d *Definition) all() []ColumnDef {
	var out []ColumnDef
	for _, i := range d.Intervals {
		out = append(out, intervalColumns[i])
	}
	for _, dim := range d.Dimensions {
		out = append(out, ColumnDef{dim.ID, typeBigInt, dim.Doc}, ColumnDef{dim.Name, typeText, "its name"})
	}
	return append(out, d.Columns...)
}

func (d *Definition) column(name string) (ColumnDef, bool) {
	for _, c := range d.all() {
		if c.Name == name {
			return c, true
		}
	}
	return ColumnDef{}, false
}

func (d *Definition) dimensionIDs() []string {
	ids := make([]string, len(d.Dimensions))
	for i, dim := range d.Dimensions {
		ids[i] = dim.ID
	}
	return ids
}
