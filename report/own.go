package report

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/duckdb/duckdb-go/v2"

	"pixledger/schemas/yamlfile"
)

// ownFileLimit is how large the file of a report may be, in bytes.
const ownFileLimit = 1 << 20

const ownAllowed = "one SELECT"

// ownStatement is the statement of a user's report.
type ownStatement struct {
	text  string // as it is run, its parameters replaced
	edits []edit
	uses
	saysRangeless bool // the header says that it has no range
}

// addOwn adds the reports of a folder: of its files, or links to files, that
// end in .sql and do not begin with a point. Their statements are judged by
// DuckDB's parser, in a database that has nothing in it.
func (r *Reports) addOwn(ctx context.Context, folder string) (err error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		return e.IsDir() || filepath.Ext(e.Name()) != ".sql" || strings.HasPrefix(e.Name(), ".")
	})
	if len(entries) == 0 {
		return nil
	}
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // hands the connection back; it has no error to tell
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		d, mistakes, err := readOwn(ctx, conn, path)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(e.Name(), ".sql")
		if d != nil {
			if d.Name != "" {
				name = d.Name
			}
			mistakes = append(mistakes, r.taken(d)...)
		}
		if len(mistakes) == 0 {
			r.list[d.Name] = d
			continue
		}
		slices.SortStableFunc(mistakes, func(x, y yamlfile.Mistake) int {
			return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column))
		})
		r.bad[name] = append(r.bad[name], mistakes...)
		r.Mistakes = append(r.Mistakes, mistakes...)
	}
	return nil
}

// taken refuses a name that another report has.
func (r *Reports) taken(d *Definition) yamlfile.Mistakes {
	before := r.list[d.Name]
	if before == nil {
		return nil
	}
	m := yamlfile.Mistake{File: d.Own, Line: 1, Column: 1, What: d.Name + " is a built-in report", Allowed: "another name"}
	if before.Own != "" {
		m.What = d.Name + " is the report of " + before.Own
	}
	for i, line := range strings.Split(d.sql, "\n") {
		if at := strings.Index(line, "@report"); at >= 0 {
			m.Line, m.Column = i+1, utf8.RuneCountInString(line[:at])+1
			break
		}
	}
	return yamlfile.Mistakes{m}
}

// readOwn reads a user's report; without one where its file can't be read.
func readOwn(ctx context.Context, conn *sql.Conn, path string) (*Definition, yamlfile.Mistakes, error) {
	refuse := func(what, allowed string) yamlfile.Mistakes {
		return yamlfile.Mistakes{{File: path, Line: 1, Column: 1, What: what, Allowed: allowed}}
	}
	fi, err := os.Stat(path)
	switch {
	case err == nil && !fi.Mode().IsRegular():
		return nil, refuse("it is no file", "a file, or a link to one"), nil
	case err == nil && fi.Size() > ownFileLimit:
		return nil, refuse(fmt.Sprintf("it has %d bytes", fi.Size()), fmt.Sprintf("a report of at most %d", ownFileLimit)), nil
	}
	var content []byte
	if err == nil {
		content, err = os.ReadFile(path)
	}
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, refuse("it can't be read: "+err.Error(), "a file that this user may read"), nil
	}
	text := strings.TrimPrefix(string(content), "\uFEFF")
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, refuse("it is no text in UTF-8", "SQL in UTF-8"), nil
	}
	d, mistakes := parseDefinition(path, text, true)
	d.Own = path
	if len(d.Filters) == 0 && len(d.Columns) > 0 {
		for _, c := range slices.Concat(d.all(), d.Choices) {
			d.Filters = append(d.Filters, c.Name)
		}
	}
	o, found, err := readStatement(ctx, conn, d)
	if err != nil {
		return nil, nil, err
	}
	o.saysRangeless, d.own = d.Rangeless, o
	d.Rangeless = d.Rangeless || !o.readsRange
	return d, append(mistakes, found...), nil
}

// readStatement puts values in the place of a statement's parameters, judges
// what comes of it, and holds it against the header.
func readStatement(ctx context.Context, conn *sql.Conn, d *Definition) (*ownStatement, yamlfile.Mistakes, error) {
	o := &ownStatement{}
	var mistakes yamlfile.Mistakes
	refuse := func(at int, what, allowed string) {
		m := yamlfile.Mistake{File: d.Own, What: what, Allowed: allowed}
		m.Line, m.Column = position(d.sql, at)
		mistakes = append(mistakes, m)
	}
	begin := len(d.sql) - len(skipBlank(d.sql))
	if begin == len(d.sql) {
		refuse(0, "there is no statement", ownAllowed)
		return o, mistakes, nil
	}
	if _, explain := cutExplain(d.sql); explain != "" {
		refuse(begin, "the statement is an EXPLAIN", ownAllowed)
		return o, mistakes, nil
	}
	values := d.valueNames()
	o.text, o.edits = putValues(d.sql, func(name string) (string, bool) {
		v, ok := d.value(name)
		return v, ok
	})
	tree, err := judgeSelect(ctx, conn, o.text, "the report's SQL", ownAllowed)
	var u *UsageError
	switch {
	case errors.As(err, &u):
		at := begin
		if u.place > 0 {
			at = original(o.edits, u.place-1)
		}
		refuse(at, oneLine(u.What), u.Allowed)
		return o, mistakes, nil
	case err != nil:
		return o, nil, err
	}
	o.look(tree)
	o.readsRange = o.readsRange || slices.ContainsFunc(o.edits, func(e edit) bool { return slices.Contains(rangeNamesOfValues, e.name) })
	for _, p := range o.parameters {
		at, allowed := begin, "$"+strings.Join(values, " $")
		if _, digits := strings.CutPrefix(p, "$"); digits {
			refuse(at, "the statement has the parameter "+p+", which has no name", allowed)
			continue
		}
		if i := strings.Index(strings.ToLower(d.sql), "$"+strings.ToLower(p)); i >= 0 {
			at = i
		}
		refuse(at, "there is no parameter $"+p, allowed+"; others by -- @param NAME TYPE: what it is")
	}
	for _, name := range o.params {
		if !slices.ContainsFunc(d.Params, func(p ParamDef) bool { return p.Name == name }) {
			refuse(begin, "param('"+name+"') is of no parameter", "-- @param "+name+" TYPE: what it is")
		}
	}
	return o, mistakes, nil
}

// oneLine makes one line of a message of several.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// position is the line and column, in characters, of a byte.
func position(text string, at int) (line, column int) {
	before := text[:min(max(at, 0), len(text))]
	line = strings.Count(before, "\n") + 1
	return line, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}

// rangeValues are the values of every report, as DuckDB's expressions.
var rangeValues = map[string]string{
	"from": "getvariable('report_first')", "until": "getvariable('report_until')", "now": "getvariable('report_now')",
	"from_day": "getvariable('report_first_day')", "until_day": "getvariable('report_until_day')",
}

// rangeNamesOfValues are those that depend on the range.
var rangeNamesOfValues = []string{"from", "until", "from_day", "until_day"}

// valueNames are what the statement may write a $ before.
func (d *Definition) valueNames() []string {
	names := []string{"from", "until", "from_day", "until_day", "now"}
	for _, p := range d.Params {
		names = append(names, p.Name)
	}
	return names
}

// value is the expression that a parameter stands for: what it reads is bound,
// as a variable of the connection, so that no value is ever part of a statement.
func (d *Definition) value(name string) (string, bool) {
	if v := rangeValues[name]; v != "" {
		return v, true
	}
	i := slices.IndexFunc(d.Params, func(p ParamDef) bool { return p.Name == name })
	if i < 0 {
		return "", false
	}
	text := "param('" + name + "')" // a name has no quotes
	switch typ := d.Params[i].Type; typ {
	case typeText, typeMonth:
		return "CAST(" + text + " AS VARCHAR)", true
	case typeTime:
		return "make_timestamptz(CAST(" + text + " AS BIGINT))", true
	case typeDuration:
		return "to_microseconds(CAST(" + text + " AS BIGINT))", true
	default:
		return "CAST(" + text + " AS " + typ + ")", true
	}
}

// unnamed tells that the statement alone says which columns there are.
func (d *Definition) unnamed() bool { return d.own != nil && len(d.Columns) == 0 }
