package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// copyRows copies what a statement gives in DuckDB into a table of the same
// columns, by COPY.
func (l *load) copyRows(ctx context.Context, tx pgx.Tx, table, statement string, args ...any) (n int64, err error) {
	rows, err := l.tables.DB.QueryContext(ctx, statement, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", table, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", table, err)
	}
	s := &source{rows: rows, values: make([]any, len(columns)), into: make([]any, len(columns)), document: make([]bool, len(columns))}
	for i := range s.values {
		s.into[i] = &s.values[i]
		s.document[i] = slices.Contains(documents[table], columns[i])
	}
	if n, err = tx.CopyFrom(ctx, pgx.Identifier{table}, columns, s); err != nil {
		return 0, fmt.Errorf("%s: %w", table, err)
	}
	return n, nil
}

// source hands DuckDB's rows to COPY.
type source struct {
	rows     *sql.Rows
	values   []any
	into     []any
	document []bool // by column: JSON
	err      error
}

// documents are the columns that are JSON in PostgreSQL, by table.
var documents = map[string][]string{"line_items": {"pixels"}, "pixels": {"piggyback_pixels", "settings"}}

func (s *source) Next() bool {
	if s.err != nil || !s.rows.Next() {
		return false
	}
	s.err = s.rows.Scan(s.into...)
	return s.err == nil
}

func (s *source) Values() ([]any, error) {
	for i, v := range s.values {
		if text, ok := v.(string); ok && s.document[i] {
			v = cleanJSON(text)
		}
		s.values[i] = asPostgres(v)
	}
	return s.values, nil
}

func (s *source) Err() error { return errors.Join(s.err, s.rows.Err()) }

// asPostgres is a value of DuckDB's as PostgreSQL takes it.
func asPostgres(v any) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case duckdb.Decimal:
		return pgtype.Numeric{Int: v.Value, Exp: -int32(v.Scale), Valid: true}
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = asPostgres(x)
		}
		return list
	}
	return v
}

// replacement stands for what a text of PostgreSQL can't hold.
const replacement = "\uFFFD"

// clean is a text without what PostgreSQL refuses: NUL, and bytes that are not
// UTF-8.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", replacement), replacement)
}

// cleanJSON cleans the texts in a JSON document, which has NUL in another form;
// what is none is left as it is.
func cleanJSON(s string) string {
	if !strings.Contains(s, `\u0000`) {
		return s
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return s
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(cleanValue(v)) != nil {
		return s
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func cleanValue(v any) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case []any:
		for i := range v {
			v[i] = cleanValue(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = cleanValue(v[k])
		}
	}
	return v
}
