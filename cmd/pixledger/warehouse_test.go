package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/jackc/pgx/v5/pgtype"
)

// warehouseDocument is where analysts read; its questions are tests.
const warehouseDocument = "docs/warehouse.md"

// voidedLater is a conversion that is void after the days were closed.
const voidedLater = "cd16a200ec017174ff64c2bdae943a83"

// askedWarehouse is the warehouse that the document's questions are put to: of
// the sample logs, closed, with one conversion voided afterwards.
func askedWarehouse(t *testing.T) program {
	t.Helper()
	p := program{t: t, dir: t.TempDir()}
	p.run("demo", "--keep", "try")
	p.dir = filepath.Join(p.dir, "try")
	now := []string{"--now", "2026-11-13T06:00:00Z"}
	p.run(append([]string{"close"}, now...)...)
	p.run(append([]string{"void", voidedLater, "--reason", "returned", "--by", "Ms Fine"}, now...)...)
	p.run(append([]string{"attribute"}, now...)...)
	p.run(append([]string{"warehouse"}, now...)...)
	return p
}

// question is one of the document's, with the answer that it shows.
type question struct{ number, sql, answer string }

var questionPattern = regexp.MustCompile("(?s)<!-- question (\\d+) -->\n```sql\n(.*?)```\n\n<!-- answer (\\d+) -->\n```\n(.*?)```\n")

func questions(t *testing.T) []question {
	t.Helper()
	var out []question
	for i, m := range questionPattern.FindAllStringSubmatch(readText(t, filepath.Join(repository, warehouseDocument)), -1) {
		if m[1] != fmt.Sprint(i+1) || m[3] != m[1] {
			t.Fatalf("question %s has the answer %s, and is the %d.", m[1], m[3], i+1)
		}
		out = append(out, question{m[1], m[2], m[4]})
	}
	if len(out) != 10 {
		t.Fatalf("%s has %d questions, want 10", warehouseDocument, len(out))
	}
	return out
}

// The answers in the document are what the warehouse of the sample logs gives.
func TestDocsAnswerTenQuestions(t *testing.T) {
	p := askedWarehouse(t)
	lake := filepath.Join(p.dir, "lake")
	db, err := sql.Open("duckdb", filepath.Join(lake, "warehouse.duckdb")+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range questions(t) {
		rows, err := db.QueryContext(context.Background(), strings.ReplaceAll(q.sql, "/data/lake", lake))
		if err != nil {
			t.Errorf("question %s: %v", q.number, err)
			continue
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		var cells [][]string
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			row := make([]string, len(columns))
			for i, v := range values {
				row[i] = cellText(v)
			}
			cells = append(cells, row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if len(cells) == 0 {
			t.Errorf("question %s has no answer", q.number)
		}
		got := answerText(columns, cells)
		if got == q.answer {
			continue
		}
		if !*updateReadme {
			t.Errorf("question %s: %s shows\n%s\nthe warehouse gives (go test -run %s -update-readme writes it)\n%s", q.number, warehouseDocument, q.answer, t.Name(), got)
			continue
		}
		path := filepath.Join(repository, warehouseDocument)
		before, after, _ := strings.Cut(readText(t, path), "<!-- answer "+q.number+" -->\n```\n")
		if err := os.WriteFile(path, []byte(before+"<!-- answer "+q.number+" -->\n```\n"+got+after[len(q.answer):]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// answerText is a result as the document shows it.
func answerText(columns []string, rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(columns, "\t"))
	var lines []string
	for _, c := range columns {
		lines = append(lines, strings.Repeat("-", utf8.RuneCountInString(c)))
	}
	fmt.Fprintln(w, strings.Join(lines, "\t"))
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	w.Flush()
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return out.String()
}

// cellText is a value of DuckDB's or PostgreSQL's as text, the same of both.
func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case time.Time:
		if at := v.UTC(); at.Equal(at.Truncate(24 * time.Hour)) {
			return at.Format(time.DateOnly)
		}
		return v.UTC().Format("2006-01-02 15:04:05.999999")
	case duckdb.Decimal:
		return decimalText(v.Value, int(v.Scale))
	case pgtype.Numeric:
		if v.Exp > 0 {
			return new(big.Int).Mul(v.Int, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(v.Exp)), nil)).String()
		}
		return decimalText(v.Int, int(-v.Exp))
	}
	return fmt.Sprint(v)
}

func decimalText(n *big.Int, scale int) string {
	return new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)).FloatString(scale)
}
