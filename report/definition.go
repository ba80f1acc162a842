package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"pixledger/schemas/yamlfile"
)

// Definition is a report as its file describes it.
type Definition struct {
	Name string
	Doc  string
	// Intervals are the columns of the intervals that it can be given by: hour,
	// day, month; none on a report whose rows are single things.
	Intervals  []string
	Dimensions []Dimension
	Columns    []ColumnDef // figures, where there are dimensions
	Choices    []ColumnDef // what --filter takes and no row shows
	Filters    []string    // columns that --filter takes
	Notes      []Note      // what else a user must know
	Required   []string    // filters that it can't do without
	By         []string    // what it is by where nothing else is asked for
	Params     []ParamDef  // its own parameters
	Totals     *Totals     // what is added up beside the rows; nil is nothing
	Rangeless  bool        // it is of now, or of what its parameters say
	Slow       bool        // it reads all touches of long times: a page makes it when it is asked to
	Needs      []string    // of what is in no view: needAccount and so on
	// Business says that its days are business days, as the ledger has them: the
	// configuration's, whatever the report's zone, which says what today is.
	Business bool
	// UTC says that its dates are UTC dates: the range is of those, whatever the
	// report's zone.
	UTC bool
	// Asked are columns that are shown behind the others where a parameter asks for
	// them.
	Asked []AskedColumn
	// Own is the file of a user's own report, empty of a built-in one.
	Own string
	sql string
	own *ownStatement // what a user's statement uses; nil of a built-in report
}

// ParamDef is a parameter of one report's own, a flag of its name. Its statement
// reads it by param('name'), as text, null where it is not given.
type ParamDef struct {
	Name     string // words joined by _; the flag has - in their place
	Type     string // in DuckDB's words, or MONTH: 2026-03
	Doc      string
	Required bool
	own      bool // of a user's own report
}

// Flag is the flag that takes it.
func (p ParamDef) Flag() string {
	if p.own {
		return "--param " + p.Name
	}
	return "--" + strings.ReplaceAll(p.Name, "_", "-")
}

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

// AskedColumn is a column that costs too much to be there for everybody: it is
// shown where a parameter, a BOOLEAN, asks for it.
type AskedColumn struct {
	ColumnDef
	Param string
}

// namePattern is what names of reports and parameters look like.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

const nameAllowed = "small letters, digits and _, a letter first"

// header reads the header of a report's file.
type header struct {
	def      *Definition
	file     string // as mistakes name it
	mistakes yamlfile.Mistakes
	line     int    // of the line at hand
	text     string // of it, without its end
	// at are the lines on which words stand that may stand once.
	at map[string]int
}

// refuse notes a mistake at a part of the line at hand: at its beginning, where
// it does not hold the part.
func (h *header) refuse(part, what, allowed string) {
	column := 1
	if i := strings.Index(h.text, part); i >= 0 {
		column += utf8.RuneCountInString(h.text[:i])
	}
	h.mistakes = append(h.mistakes, yamlfile.Mistake{File: h.file, Line: h.line, Column: column, What: what, Allowed: allowed})
}

// headerWords are what -- @ is followed by; built-in reports have @totals,
// @needs, @asked, @by and @utc too.
var headerWords = []string{"report", "doc", "column", "param", "choice", "filter", "dimension", "interval", "note", "required", "rangeless", "slow", "business"}

// parseDefinition reads the header of a report's file: the comment lines that
// begin with -- @ and a word. It reads what it can of one with mistakes; own
// tells that it is a user's.
func parseDefinition(file, text string, own bool) (*Definition, yamlfile.Mistakes) {
	h := &header{def: &Definition{sql: text}, file: file, at: map[string]int{}}
	for line := range strings.Lines(text) {
		h.line++
		h.text = strings.TrimRight(line, "\r\n")
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "-- @"); ok {
			h.read(rest, own)
		}
	}
	h.line, h.text = 1, ""
	d := h.def
	for _, must := range []string{"report", "doc"} {
		if h.at[must] == 0 {
			h.refuse("", "the header lacks @"+must, "-- @report NAME and -- @doc TEXT")
		}
	}
	if !own && len(d.Columns) == 0 {
		h.refuse("", "the header lacks @column", "-- @column NAME TYPE: what it is")
	}
	if own && len(d.Columns) == 0 && len(d.Dimensions)+len(d.Intervals) > 0 {
		h.refuse("", "the header has @dimension or @interval and no @column", "-- @column NAME: what it is, of every figure")
	}
	if slices.Equal(d.Filters, []string{"*"}) {
		d.Filters = nil
		for _, c := range slices.Concat(d.Columns, d.Choices) {
			d.Filters = append(d.Filters, c.Name)
		}
	}
	return d, h.mistakes
}

// once notes that a word stands here, and refuses it where it stood before.
func (h *header) once(word, key string) {
	if before := h.at[key]; before > 0 {
		h.refuse(word, fmt.Sprintf("%s is given twice, first on line %d", key, before), "once")
	}
	h.at[key] = h.line
}

// read reads what follows -- @.
func (h *header) read(rest string, own bool) {
	d := h.def
	word, rest, _ := strings.Cut(rest, " ")
	rest = strings.TrimSpace(rest)
	head, doc, described := strings.Cut(rest, ": ")
	fields := strings.Fields(head)
	switch {
	case word == "doc" && rest != "":
		d.Doc = strings.TrimSpace(d.Doc + " " + rest)
		h.at[word] = h.line
	case word == "report" && rest != "":
		h.once(word, word)
		d.Name = rest
		if !namePattern.MatchString(rest) {
			h.refuse(rest, fmt.Sprintf("%q is no name of a report", rest), nameAllowed)
		}
	case word == "interval" && rest != "":
		h.once(word, word)
		d.Intervals = fields
		for _, i := range fields {
			if _, known := intervalColumns[i]; !known {
				h.refuse(i, fmt.Sprintf("there is no interval %q", i), "hour day month")
			}
		}
	case word == "filter" && rest != "":
		h.once(word, word)
		d.Filters = strings.Fields(rest)
	case word == "required" && rest != "":
		h.once(word, word)
		d.Required = strings.Fields(rest)
	case word == "by" && !own && rest != "":
		h.once(word, word)
		d.By = fields
	case word == "rangeless" && rest == "":
		d.Rangeless = true
	case word == "slow" && rest == "":
		d.Slow = true
	case word == "business" && rest == "":
		d.Business = true
	case word == "note" && described && len(fields) == 1:
		d.Notes = append(d.Notes, Note{fields[0], doc})
	case word == "param" && described && len(fields) >= 2:
		h.param(fields, doc, own)
	case word == "dimension" && described && len(fields) == 2:
		h.once(fields[0], "the dimension "+fields[0])
		d.Dimensions = append(d.Dimensions, Dimension{fields[0], fields[1], doc})
	case word == "column" && described && (len(fields) >= 2 || own && len(fields) == 1):
		h.once(fields[0], "the column "+fields[0])
		d.Columns = append(d.Columns, ColumnDef{fields[0], strings.Join(fields[1:], " "), doc})
	case word == "asked" && !own && described && len(fields) >= 3:
		h.once(fields[0], "the column "+fields[0])
		last := len(fields) - 1
		d.Asked = append(d.Asked, AskedColumn{ColumnDef{fields[0], strings.Join(fields[1:last], " "), doc}, fields[last]})
	case word == "utc" && !own && rest == "":
		d.UTC = true
	case word == "needs" && !own && len(fields) > 0:
		h.once(word, word)
		d.Needs = fields
		for _, n := range fields {
			if !slices.Contains(needs, n) {
				h.refuse(n, fmt.Sprintf("nothing is known of %q", n), strings.Join(needs, ", "))
			}
		}
	case word == "totals" && !own && described && len(fields) > 0:
		h.once(word, word)
		d.Totals = &Totals{By: fields, Sums: strings.Fields(doc)}
	case word == "choice" && described && len(fields) >= 2:
		h.once(fields[0], "the column "+fields[0])
		d.Choices = append(d.Choices, ColumnDef{fields[0], strings.Join(fields[1:], " "), doc})
	case !slices.Contains(headerWords, word):
		h.refuse("@", fmt.Sprintf("there is no @%s", word), "@"+strings.Join(headerWords, " @"))
	default:
		h.refuse("@", "@"+word+" says nothing", headerForms[word])
	}
}

// headerForms say what follows each word.
var headerForms = map[string]string{
	"report": "-- @report NAME", "doc": "-- @doc TEXT", "column": "-- @column NAME TYPE: what it is",
	"param": "-- @param NAME TYPE: what it is", "choice": "-- @choice COLUMN TYPE: what it is", "filter": "-- @filter COLUMN COLUMN…, or *", "dimension": "-- @dimension ID NAME: what it is",
	"interval": "-- @interval hour day month", "note": "-- @note WORD: text", "required": "-- @required COLUMN…",
	"rangeless": "-- @rangeless alone", "slow": "-- @slow alone", "business": "-- @business alone",
}

func (h *header) param(fields []string, doc string, own bool) {
	p := ParamDef{Name: fields[0], Type: strings.Join(fields[1:], " "), Doc: doc, own: own}
	types := paramTypes
	if own {
		types = slices.DeleteFunc(slices.Clone(paramTypes), func(t string) bool { return t == typeFile })
	}
	p.Type, p.Required = strings.CutSuffix(p.Type, " required")
	switch {
	case !slices.Contains(types, p.Type):
		h.refuse(fields[1], fmt.Sprintf("the parameter %s has no type %q", p.Name, p.Type), strings.Join(types, ", "))
	case !namePattern.MatchString(p.Name):
		h.refuse(p.Name, fmt.Sprintf("%q is no name of a parameter", p.Name), nameAllowed)
	case rangeValues[p.Name] != "":
		h.refuse(p.Name, fmt.Sprintf("every report has $%s", p.Name), "another name")
	}
	h.once(p.Name, "the parameter "+p.Name)
	h.def.Params = append(h.def.Params, p)
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
	out = append(out, d.Columns...)
	for _, c := range d.Asked {
		out = append(out, c.ColumnDef)
	}
	return out
}

func (d *Definition) column(name string) (ColumnDef, bool) {
	for _, c := range d.all() {
		if c.Name == name {
			return c, true
		}
	}
	return ColumnDef{}, false
}

// filterColumn is what a filter is on: a column, or a choice.
func (d *Definition) filterColumn(name string) (ColumnDef, bool) {
	for _, c := range d.Choices {
		if c.Name == name {
			return c, true
		}
	}
	return d.column(name)
}

func (d *Definition) dimensionIDs() []string {
	ids := make([]string, len(d.Dimensions))
	for i, dim := range d.Dimensions {
		ids[i] = dim.ID
	}
	return ids
}
