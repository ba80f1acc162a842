//go:build testall

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Another build of DuckDB, from another registry, opens the lake by glob and
// finds in it what pixledger's own does, column by column.
func TestAnotherDuckDBOpensTheLake(t *testing.T) {
	node := nodeWithDuckDB(t)
	p := program{t: t, dir: t.TempDir()}
	p.run("demo", "--keep", "try")
	p.dir = filepath.Join(p.dir, "try")
	lake := filepath.Join(p.dir, "lake")

	type statement struct {
		SQL    string   `json:"sql"`
		Params []string `json:"params"`
	}
	events := []string{filepath.Join(lake, "events/**/*.parquet")}
	attributions := []string{filepath.Join(lake, "attributions/**/*.parquet")}
	answers := node([]statement{
		{"SELECT type, count(*) AS n FROM read_parquet($1, hive_partitioning = true) GROUP BY ALL ORDER BY type", events},
		{"SELECT line_item_id, currency, sum(booked_revenue) AS revenue FROM read_parquet($1, hive_partitioning = true) WHERE outcome = 'attributed' GROUP BY ALL ORDER BY line_item_id", attributions},
		{"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet($1, hive_partitioning = true))", events},
		{"SELECT event_id, event_time::VARCHAR AS at, value::VARCHAR AS value, segments_added::VARCHAR AS added, params::VARCHAR AS params FROM read_parquet($1, hive_partitioning = true) ORDER BY event_id, source_offset", events},
	})
	want := []string{
		"SELECT type, count(*) AS n FROM events GROUP BY ALL ORDER BY type",
		"SELECT line_item_id, currency, sum(booked_revenue) AS revenue FROM attributions WHERE outcome = 'attributed' GROUP BY ALL ORDER BY line_item_id",
		"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM events)",
		"SELECT event_id, event_time::VARCHAR AS at, value::VARCHAR AS value, segments_added::VARCHAR AS added, params::VARCHAR AS params FROM events ORDER BY event_id, source_offset",
	}
	for i, sql := range want {
		var own []map[string]any
		if err := json.Unmarshal([]byte(p.run("query", sql, "--format", "json")), &own); err != nil {
			t.Fatal(err)
		}
		a, b := canonical(t, own), canonical(t, answers[i])
		if i == 2 { // the glob gives type and date the types that it guesses from the path
			a, b = strings.ReplaceAll(a, "DATE", "VARCHAR"), strings.ReplaceAll(b, "DATE", "VARCHAR")
		}
		if a != b || len(own) == 0 {
			t.Errorf("%s\npixledger: %.2000s\nthe other: %.2000s", sql, a, b)
		}
	}
}

// canonical is rows as text, every value as one.
func canonical(t *testing.T, rows []map[string]any) string {
	t.Helper()
	b, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// installOtherDuckDB installs the package into a folder of the test's own, with
// what runs statements in it.
func installOtherDuckDB(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/otherduckdb")); err != nil {
		t.Fatal(err)
	}
	install := exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install: %v\n%s\nthis test needs Node.js and npm", err, out)
	}
	return dir
}

// nodeWithDuckDB gives a function that runs statements in another DuckDB.
func nodeWithDuckDB(t *testing.T) func(statements any) [][]map[string]any {
	t.Helper()
	dir := installOtherDuckDB(t)
	return func(statements any) [][]map[string]any {
		t.Helper()
		in, err := json.Marshal(statements)
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command("node", "read.js")
		c.Dir, c.Stdin = dir, bytes.NewReader(in)
		var errOut bytes.Buffer
		c.Stderr = &errOut
		out, err := c.Output()
		if err != nil {
			t.Fatalf("node: %v\n%s", err, errOut.String())
		}
		var answers [][]map[string]any
		if err := json.Unmarshal(out, &answers); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return answers
	}
}
