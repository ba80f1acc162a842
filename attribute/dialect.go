package attribute

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The statements that match touches stand once, in SQL that DuckDB and Spark
// both read. What they say in two ways are the macros of dialect.sql and
// dialect_spark.sql, and how a table or a view is begun: Spark is given the
// select alone. Spark's temporary tables are views, which it computes wherever
// they are read; those that are dear and read more than once are kept as files.
var sparkKeeps = []string{"sought_by_user", "sought_by_token", "candidates"}

// sparkTable is a table or view as Spark makes it.
type sparkTable struct {
	Name   string `json:"name"`
	Select string `json:"select"`
	Kept   string `json:"kept,omitempty"`    // where its rows are kept, a URL
	KeptAs string `json:"kept_as,omitempty"` // that, as a pattern, which is how it is read
}

var tableShape = regexp.MustCompile(`(?s)^CREATE (?:OR REPLACE )?TEMP (?:TABLE|VIEW) (\w+) AS\s+(.*)$`)

// onSpark gives the tables and views that one of the SQL files makes, in Spark's
// words, or one without a name where it is a select. They have no comments. kept
// gives the URL of a table's files.
func onSpark(file string, kept func(table string) string) []sparkTable {
	macros := macrosOf(withoutComments(statements("dialect_spark")))
	var out []sparkTable
	for _, s := range strings.Split(withoutComments(statements(file)), ";") {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		for _, m := range macros {
			s = m.writtenOut(s)
		}
		t := sparkTable{Select: s}
		if m := tableShape.FindStringSubmatch(s); m != nil {
			t.Name, t.Select = m[1], m[2]
		}
		if slices.Contains(sparkKeeps, t.Name) {
			t.Kept = kept(t.Name)
			t.KeptAs = asWritten.Replace(t.Kept)
		}
		out = append(out, t)
	}
	return out
}

// comment is a comment, or a text, in which two dashes begin none. No text of
// the statements holds a quote or a semicolon.
var comment = regexp.MustCompile(`'[^']*'|\s*--[^\n]*`)

func withoutComments(sql string) string {
	return comment.ReplaceAllStringFunc(sql, func(found string) string {
		if found[0] == '\'' {
			return found
		}
		return ""
	})
}

// macro is one that Spark must have written out.
type macro struct {
	name       string
	parameters []string
	expression string
}

var macroShape = regexp.MustCompile(`(?s)CREATE TEMP MACRO (\w+)\(([\w, ]*)\) AS (.*)`)

func macrosOf(sql string) []macro {
	var out []macro
	for _, s := range strings.Split(sql, ";") {
		if m := macroShape.FindStringSubmatch(s); m != nil {
			out = append(out, macro{m[1], strings.Split(m[2], ", "), m[3]})
		}
	}
	return out
}

// name is a name in an expression, or a text, which holds none.
var name = regexp.MustCompile(`'[^']*'|[A-Za-z_][\w.]*`)

// writtenOut replaces the macro's calls by its expression. The program's own
// statements must be those of a call.
func (m macro) writtenOut(sql string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(sql, m.name+"(")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		arguments, rest := argumentsOf(after)
		if len(arguments) != len(m.parameters) {
			panic(fmt.Sprintf("%s is given %d arguments; allowed: %d", m.name, len(arguments), len(m.parameters)))
		}
		out.WriteString(name.ReplaceAllStringFunc(m.expression, func(found string) string {
			if i := slices.Index(m.parameters, found); i >= 0 {
				return arguments[i]
			}
			return found
		}))
		sql = rest
	}
}

// argumentsOf cuts what follows the opening bracket of a call into the arguments
// and the rest after the closing one.
func argumentsOf(text string) (arguments []string, rest string) {
	depth, from := 0, 0
	for i, c := range text {
		switch {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == ')':
			return append(arguments, strings.TrimSpace(text[from:i])), text[i+1:]
		case c == ',' && depth == 0:
			arguments, from = append(arguments, strings.TrimSpace(text[from:i])), i+1
		}
	}
	panic("a call is not closed: " + text)
}
