package report

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/duckdb/duckdb-go/v2"

	"pixledger/schemas/yamlfile"
)

// ownStatement gives the statement of a user's report as it is run, and its
// columns that hold JSON documents. What DuckDB finds wrong with it before it
// runs is a mistake in the file.
func (pl *plan) ownStatement(ctx context.Context, conn *sql.Conn) (string, []string, error) {
	text := pl.def.own.text
	statement, documents, err := withDocumentsAsText(ctx, conn, text)
	var wrong *duckdb.Error
	if errors.As(err, &wrong) && slices.Contains(fileErrors, wrong.Type) {
		return "", nil, pl.def.mistake(wrong.Msg)
	}
	return statement, documents, err
}

// fileErrors are the kinds of what is wrong with a statement itself.
var fileErrors = []duckdb.ErrorType{
	duckdb.ErrorTypeCatalog, duckdb.ErrorTypeBinder, duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax, duckdb.ErrorTypePermission,
	duckdb.ErrorTypeParameterNotResolved, duckdb.ErrorTypeParameterNotAllowed, duckdb.ErrorTypeNotImplemented,
	duckdb.ErrorTypeInvalidInput, duckdb.ErrorTypeConversion, duckdb.ErrorTypeExpression, duckdb.ErrorTypeMissingExtension,
}

var (
	duckdbPlace = regexp.MustCompile(`(?s)\n\nLINE (\d+): ([^\n]*)\n( *)\^\s*$`)
	duckdbKind  = regexp.MustCompile(`^[A-Z][A-Za-z ]* Error: `)
)

// mistake makes a mistake in a user's file of DuckDB's message: it shows the
// line, its number, and a ^ below the place.
func (d *Definition) mistake(message string) yamlfile.Mistakes {
	at := len(d.sql) - len(skipBlank(d.sql))
	if m := duckdbPlace.FindStringSubmatchIndex(message); m != nil {
		number, shown := message[m[2]:m[3]], message[m[4]:m[5]]
		// The ^ stands below "LINE 7: …", which may begin within the line.
		before := m[7] - m[6] - len("LINE : ") - len(number)
		if rest, cut := strings.CutPrefix(shown, "..."); cut {
			shown, before = rest, before-len("...")
		}
		if place, ok := placeIn(d.own.text, number, strings.TrimSuffix(shown, "..."), before); ok {
			at = original(d.own.edits, place)
		}
		message = message[:m[0]]
	}
	m := yamlfile.Mistake{File: d.Own, What: oneLine(duckdbKind.ReplaceAllString(message, "")), Allowed: "a SELECT over the views and macros of docs/reports.md"}
	m.Line, m.Column = position(d.sql, at)
	return yamlfile.Mistakes{m}
}

// placeIn is the byte in a text that is so many characters behind the beginning
// of a part of a line.
func placeIn(text, number, part string, characters int) (int, bool) {
	line, err := strconv.Atoi(number)
	lines := strings.SplitAfter(text, "\n")
	if err != nil || line < 1 || line > len(lines) || characters < 0 {
		return 0, false
	}
	i := strings.Index(lines[line-1], part)
	if i < 0 {
		return 0, false
	}
	at := len(strings.Join(lines[:line-1], "")) + i
	for ; characters > 0 && at < len(text); characters-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at, true
}

// beginOwn learns the columns of a user's statement: which are shown, and which
// are filtered by.
func (s *shown) beginOwn(columns []Column) error {
	d, p := s.plan.def, s.plan.params
	settleColumns(columns, s.documents)
	if !d.own.readsSpans {
		s.zone = -1
	}
	var all []string
	for i, c := range columns {
		if i != s.zone {
			all = append(all, c.Name)
		}
	}
	if err := s.holdAgainstHeader(columns, all); err != nil {
		return err
	}
	if d.unnamed() {
		s.names = all
		for _, name := range p.Columns {
			if !slices.Contains(all, name) {
				return usage(words(all), "%s shows no column %q", d.Name, name)
			}
		}
		if len(p.Columns) > 0 {
			s.names = p.Columns
		}
	}
	for name, values := range s.plan.rowFilters {
		i := slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
		if i < 0 || i == s.zone {
			return usage(words(all), "--filter: %s has no column %q to filter by", d.Name, name)
		}
		f, err := newRowFilter(i, columns[i], values)
		if err != nil {
			return err
		}
		s.filters = append(s.filters, f)
	}
	return nil
}

// holdAgainstHeader refuses a header that names what the statement does not give.
func (s *shown) holdAgainstHeader(columns []Column, all []string) error {
	d := s.plan.def
	var mistakes yamlfile.Mistakes
	refuse := func(name, what, allowed string) {
		at := max(strings.Index(d.sql, " "+name+" "), strings.Index(d.sql, " "+name+":")) + 1
		m := yamlfile.Mistake{File: d.Own, What: what, Allowed: allowed}
		m.Line, m.Column = position(d.sql, at)
		mistakes = append(mistakes, m)
	}
	for _, want := range d.all() {
		i := slices.IndexFunc(columns, func(c Column) bool { return c.Name == want.Name })
		if i < 0 {
			refuse(want.Name, "the statement gives no column "+want.Name, words(all))
		} else if typ := columns[i].Type.Name; want.Type != "" && typ != want.Type {
			refuse(want.Name, fmt.Sprintf("the column %s is %s, not %s", want.Name, typ, want.Type), typ+", or no type")
		}
	}
	if len(mistakes) > 0 {
		return mistakes
	}
	return nil
}

// takeOwnFilter takes a filter of a user's report: the statement's, if it
// passes the column, else one over the rows that it gives.
func (pl *plan) takeOwnFilter(name, value string) error {
	c, known := pl.def.filterColumn(name)
	if known && c.Type != "" {
		if _, err := canonicalValue("--filter", name, c.Type, value); err != nil {
			return err
		}
	}
	if !slices.Contains(pl.def.own.passes, name) {
		pl.rowFilters[name] = append(pl.rowFilters[name], value)
		return nil
	}
	canonical, err := canonicalValue("--filter", name, c.Type, value)
	if err != nil {
		return err
	}
	pl.filters[name] = append(pl.filters[name], canonical)
	return nil
}

// rowFilter tells which rows have one of the values asked for in a column.
type rowFilter struct {
	at     int
	passes func(value any) bool
}

// newRowFilter judges the values by the column's type: numbers compare by
// value, times as instants, the rest as its text; the empty value is null.
func newRowFilter(at int, c Column, values []string) (rowFilter, error) {
	var equals []func(any) bool
	null := false
	for _, v := range values {
		if v == "" {
			null = true
			continue
		}
		equal, allowed := equalTo(c.Type, v)
		if equal == nil {
			return rowFilter{}, usage(allowed+", or nothing for null", "--filter: %q is no %s", v, c.Name)
		}
		equals = append(equals, equal)
	}
	return rowFilter{at, func(value any) bool {
		if value == nil {
			return null
		}
		return slices.ContainsFunc(equals, func(equal func(any) bool) bool { return equal(value) })
	}}, nil
}

// equalTo compares values of a type with one that stands as text, or says what
// is allowed.
func equalTo(t *Type, text string) (equal func(any) bool, allowed string) {
	switch t.Kind {
	case KindInteger, KindBigInt, KindHuge, KindDecimal:
		want, ok := new(big.Rat).SetString(text)
		if !ok || !plainDecimal(text) {
			return nil, "a decimal number"
		}
		unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Scale)), nil))
		want.Mul(want, unit)
		return func(v any) bool {
			n, ok := v.(*big.Int)
			if !ok {
				n = big.NewInt(v.(int64))
			}
			return want.Cmp(new(big.Rat).SetInt(n)) == 0
		}, ""
	case KindDouble:
		want, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, "a number"
		}
		return func(v any) bool { return v.(float64) == want }, ""
	case KindTime:
		want, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, "RFC 3339"
		}
		return func(v any) bool { return v.(time.Time).Equal(want) }, ""
	case KindDate:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return nil, "a date such as 2026-03-08"
		}
	case KindBoolean:
		if text != "true" && text != "false" {
			return nil, "true, false"
		}
	}
	return func(v any) bool { return t.text(v, time.UTC) == text }, ""
}
