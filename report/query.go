package report

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed" // the statement
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"pixledger/schemas/lakedb"
)

const queryAllowed = "one SELECT, or one DESCRIBE, SHOW, SUMMARIZE or EXPLAIN of a SELECT"

// Query writes the result of one statement that a user wrote: a SELECT, or
// DESCRIBE, SHOW, SUMMARIZE or EXPLAIN of one, judged by DuckDB's own parser
// before it runs; any other is a *UsageError. It locks the database down for
// good, so that file functions reach the lake's data folders and nothing else.
// It writes as it reads: WithLake holds a result back until it is whole.
func Query(ctx context.Context, db *lakedb.DB, statement string, w io.Writer, f Format) error {
	if err := lockDown(ctx, db); err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // hands the connection back; it has no error to tell
	statement, err = judge(ctx, conn, statement)
	if err != nil {
		return err
	}
	out, err := NewWriter(w, f, Sheet{Title: "query"})
	if err != nil {
		return err
	}
	statement, documents, err := withDocumentsAsText(ctx, conn, statement)
	if err != nil {
		return err
	}
	if err := stream(ctx, conn, statement, &plain{out: out, documents: documents}); err != nil {
		return err
	}
	return out.Close()
}

func lockDown(ctx context.Context, db *lakedb.DB) error {
	var locked bool
	if err := db.QueryRowContext(ctx, "SELECT current_setting('lock_configuration')").Scan(&locked); err != nil {
		return err
	}
	if locked {
		return nil
	}
	return db.LockDown(ctx)
}

// plain hands on a result as it is, times in UTC.
type plain struct {
	out       Writer
	documents []string // columns that hold JSON documents as text
}

func (p *plain) begin(columns []Column) error {
	settleColumns(columns, p.documents)
	return p.out.Begin(columns)
}

// settleColumns gives a result's columns names of their own, and those that hold
// documents as text their type.
func settleColumns(columns []Column, documents []string) {
	distinguish(columns)
	for i, c := range columns {
		if slices.Contains(documents, c.Name) {
			columns[i].Type = &Type{Kind: KindJSON, Name: "JSON", enter: same}
		}
	}
}

func (p *plain) row(values []any) error { return p.out.Row(values, time.UTC) }

// distinguish gives columns of one name, whatever its case, names of their own,
// as DuckDB does where a result is read from: a, a_1, a_2.
func distinguish(columns []Column) {
	next := map[string]int{}
	for i, c := range columns {
		name, low := c.Name, strings.ToLower(c.Name)
		for next[strings.ToLower(name)] > 0 {
			name = fmt.Sprintf("%s_%d", c.Name, next[low])
			next[low]++
		}
		columns[i].Name, next[strings.ToLower(name)] = name, max(1, next[strings.ToLower(name)])
	}
}

// judge refuses what is not one statement of the kinds allowed, and gives the
// statement to run. DuckDB's parser alone decides: it turns SELECTs, and
// nothing else, into a tree. EXPLAIN it does not turn, so that word is taken
// off, what follows judged, and the word put back.
func judge(ctx context.Context, conn *sql.Conn, statement string) (string, error) {
	body, explain := cutExplain(statement)
	if _, err := judgeSelect(ctx, conn, body, "the query", queryAllowed); err != nil {
		return "", err
	}
	return explain + body, nil
}

// judgeSelect refuses what is not one SELECT that reads the lake and nothing
// else, and gives its tree. what names it in messages.
func judgeSelect(ctx context.Context, conn *sql.Conn, body, what, allowed string) (any, error) {
	tree, err := parse(ctx, conn, body)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Error      bool   `json:"error"`
		Kind       string `json:"error_type"`
		Message    string `json:"error_message"`
		Position   string `json:"position"`
		Statements []any  `json:"statements"`
	}
	if err := json.Unmarshal([]byte(tree), &doc); err != nil {
		return nil, fmt.Errorf("read the parser's tree: %w", err)
	}
	switch {
	case doc.Error && doc.Kind == "parser":
		u := &UsageError{What: what + " can't be parsed: " + doc.Message, Allowed: allowed}
		if at, err := strconv.Atoi(doc.Position); err == nil {
			u.place = at + 1
		}
		return nil, u
	case doc.Error:
		return nil, usage(allowed, "%s is no SELECT, or a PIVOT without the list of its values", what)
	case len(doc.Statements) == 0:
		return nil, usage(allowed, "%s is empty", what)
	case len(doc.Statements) > 1:
		return nil, usage(allowed, "%s is %d statements", what, len(doc.Statements))
	}
	return doc.Statements[0], judgeTree(doc.Statements[0], what)
}

// cutExplain takes EXPLAIN, ANALYZE and its options off the beginning.
func cutExplain(statement string) (body, explain string) {
	rest := skipBlank(statement)
	after, ok := cutWord(rest, "EXPLAIN")
	if !ok {
		return statement, ""
	}
	explain, rest = "EXPLAIN ", skipBlank(after)
	for _, option := range []string{"ANALYZE", "ANALYSE"} {
		if after, ok := cutWord(rest, option); ok {
			return after, "EXPLAIN ANALYZE "
		}
	}
	if options, after, ok := strings.Cut(rest, ")"); ok && strings.HasPrefix(options, "(") {
		switch strings.Join(strings.Fields(strings.ToUpper(options[1:])), " ") {
		case "ANALYZE", "ANALYZE TRUE":
			return after, "EXPLAIN ANALYZE "
		case "FORMAT JSON":
			return after, "EXPLAIN (FORMAT JSON) "
		case "ANALYZE, FORMAT JSON", "FORMAT JSON, ANALYZE":
			return after, "EXPLAIN (ANALYZE, FORMAT JSON) "
		}
	}
	return rest, explain
}

// cutWord takes a keyword off the beginning.
func cutWord(s, word string) (string, bool) {
	if len(s) < len(word) || !strings.EqualFold(s[:len(word)], word) {
		return s, false
	}
	rest := s[len(word):]
	if rest != "" && !strings.ContainsAny(rest[:1], " \t\r\n\f\v(-/") {
		return s, false
	}
	return rest, true
}

// skipBlank skips white space and comments. A comment that is not closed is
// left for the parser to refuse.
func skipBlank(s string) string {
	for {
		s = strings.TrimLeft(s, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(s, "--"):
			_, rest, ok := strings.Cut(s, "\n")
			if !ok {
				return ""
			}
			s = rest
		case strings.HasPrefix(s, "/*"):
			comment, rest, ok := strings.Cut(s[2:], "*/")
			if !ok || strings.Contains(comment, "/*") {
				return s
			}
			s = rest
		default:
			return s
		}
	}
}

// parse gives DuckDB's tree of a text of SELECTs, as JSON.
func parse(ctx context.Context, conn *sql.Conn, text string) (tree string, err error) {
	err = conn.QueryRowContext(ctx, "SELECT CAST(json_serialize_sql(CAST($1 AS VARCHAR)) AS VARCHAR)", text).Scan(&tree)
	return tree, err
}

//go:embed functions.txt
var functionsText string

// tableFunctions are the functions that a query may stand in FROM.
var tableFunctions = strings.Fields(functionsText)

// refusedFunctions do more than compute a value, or run SQL that was not judged.
var refusedFunctions = []string{"getenv", "write_log", "nextval", "query", "json_execute_serialized_sql", "sleep_ms"}

// judgeTree refuses functions that change something, reach beyond the data, or
// run SQL of their own.
func judgeTree(node any, what string) error {
	switch n := node.(type) {
	case []any:
		for _, e := range n {
			if err := judgeTree(e, what); err != nil {
				return err
			}
		}
	case map[string]any:
		if name, ok := n["function_name"].(string); ok && slices.Contains(refusedFunctions, strings.ToLower(name)) {
			return &UsageError{What: what + " calls " + name, Allowed: "functions that compute from data", place: place(n)}
		}
		if f, ok := n["function"].(map[string]any); ok && n["type"] == "TABLE_FUNCTION" {
			if name, _ := f["function_name"].(string); !slices.Contains(tableFunctions, strings.ToLower(name)) {
				return &UsageError{What: what + " reads from " + name, Allowed: words(tableFunctions), place: place(n)}
			}
		}
		for _, e := range n {
			if err := judgeTree(e, what); err != nil {
				return err
			}
		}
	}
	return nil
}

// place is where a part of a tree stands in the statement, counted from 1; 0
// where the parser does not say.
func place(node map[string]any) int {
	at, ok := node["query_location"].(float64)
	if !ok || at < 0 || at > 1<<40 {
		return 0
	}
	return int(at) + 1
}

// withDocumentsAsText rewrites a statement whose result has JSON columns, so
// that they come as text: the driver would decode them and round their
// numbers. The statement stands in the new one as a literal, because the types
// of a result are not known while a parameter is not.
func withDocumentsAsText(ctx context.Context, conn *sql.Conn, statement string) (string, []string, error) {
	columns, err := columnsOf(ctx, conn, statement)
	if err != nil {
		return "", nil, err
	}
	distinguish(columns)
	var names, casts, all []string
	for _, c := range columns {
		name := `"` + strings.ReplaceAll(c.Name, `"`, `""`) + `"`
		all = append(all, name)
		if c.Type.holdsJSON() {
			names = append(names, c.Name)
			cast := "CAST(to_json(" + name + ") AS VARCHAR) AS " + name
			if c.Type.Kind == KindJSON { // as it stands: to_json would write its numbers anew
				cast = "CAST(" + name + " AS VARCHAR) AS " + name
			}
			casts = append(casts, cast)
		}
	}
	if len(casts) == 0 {
		return statement, nil, nil
	}
	literal := "'" + strings.ReplaceAll(statement, "'", "''") + "'"
	return "SELECT * REPLACE (" + strings.Join(casts, ", ") + ") FROM query(" + literal + ") AS result(" + strings.Join(all, ", ") + ")", names, nil
}

func columnsOf(ctx context.Context, conn *sql.Conn, statement string) (columns []Column, err error) {
	err = conn.Raw(func(c any) (err error) {
		prepared, err := c.(driver.ConnPrepareContext).PrepareContext(ctx, statement)
		if err != nil {
			return err
		}
		stmt := prepared.(*duckdb.Stmt)
		defer func() { err = errors.Join(err, stmt.Close()) }()
		if n := stmt.NumInput(); n > 0 {
			return usage("values in the query itself", "the query has %d parameters", n)
		}
		columns, err = resultColumns(stmt)
		return err
	})
	return columns, err
}

func (t *Type) holdsJSON() bool {
	switch t.Kind {
	case KindJSON:
		return true
	case KindList:
		return t.Elem.holdsJSON()
	case KindMap:
		return t.Key.holdsJSON() || t.Elem.holdsJSON()
	case KindStruct:
		return slices.ContainsFunc(t.Fields, func(f Field) bool { return f.Type.holdsJSON() })
	}
	return false
}
