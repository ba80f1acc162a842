package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What may run, and what may not: judged before anything runs.
func TestQueryIsOneSelect(t *testing.T) {
	db := filled(t).opened(t)
	allowed := []string{
		"SELECT 1", "select 1;", " -- a comment\nSELECT 1 -- another", "/* a */ SELECT 1", "(SELECT 1)",
		"FROM attributions", "FROM attributions SELECT count(*)", "TABLE pixels", "VALUES (1), (2)",
		"WITH x AS (SELECT 1 AS a) SELECT * FROM x", "WITH RECURSIVE n AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM n WHERE a < 3) FROM n",
		"SELECT 1 UNION SELECT 2 EXCEPT SELECT 3", "SELECT * FROM events WHERE event_id IN (SELECT touch_id FROM attributions)",
		"DESCRIBE attributions", "DESC attributions", "DESCRIBE SELECT 1", "SHOW TABLES", "SHOW ALL TABLES", "SHOW events",
		"SUMMARIZE attributions", "SUMMARIZE SELECT 1 AS a", "EXPLAIN SELECT 1", "explain analyze select 1", "EXPLAIN (FORMAT JSON) SELECT 1",
		"EXPLAIN (ANALYZE) SELECT 1", "EXPLAIN FROM events", "EXPLAIN (SELECT 1)", "/* x */ EXPLAIN -- y\n SELECT 1", "/* /* */ DROP TABLE pixels; */ SELECT 1",
		"PIVOT (SELECT 1 AS a, 2 AS b) ON a IN (1, 2) USING sum(b)", "UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b",
		"SELECT * FROM range(3)", "SELECT unnest([1, 2])", "SELECT * FROM query_table('pixels')", "SELECT ';' AS a",
		"SELECT * FROM duckdb_columns()", "SELECT 'COPY x TO y'", "SELECT x FROM (VALUES (1)) AS t(x) QUALIFY row_number() OVER () = 1",
	}
	for _, sql := range allowed {
		if _, err := ask(db, sql, CSV); err != nil {
			t.Errorf("%s: is refused: %v", sql, err)
		}
	}
	target := filepath.Join(t.TempDir(), "stolen.csv")
	refused := []string{
		"", ";", "-- nothing", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE pixels", "DROP TABLE pixels; SELECT 1", "DROP TABLE pixels",
		"COPY (SELECT 1) TO '" + target + "'", "COPY pixels TO '" + target + "'", "COPY pixels FROM '" + target + "'",
		"EXPLAIN COPY (SELECT 1) TO '" + target + "'", "EXPLAIN ANALYZE COPY (SELECT 1) TO '" + target + "'",
		"EXPLAIN (ANALYZE) COPY (SELECT 1) TO '" + target + "'", "EXPLAIN ANALYZE DELETE FROM pixels", "EXPLAIN EXPLAIN SELECT 1",
		"EXPLAIN SELECT 1; COPY (SELECT 1) TO '" + target + "'", "EXPLAIN (FORMAT JSON) DROP TABLE pixels", "EXPLAIN", "EXPLAIN ANALYZE",
		"/* /* */ SELECT 1 -- */ COPY (SELECT 1) TO '" + target + "'", "/* open",
		"INSERT INTO pixels SELECT * FROM pixels", "UPDATE pixels SET name = 'x'", "DELETE FROM pixels", "TRUNCATE pixels",
		"MERGE INTO pixels USING pixels AS p ON (pixels.id = p.id) WHEN MATCHED THEN DELETE",
		"WITH x AS (DELETE FROM pixels RETURNING *) SELECT * FROM x", "WITH x AS (SELECT 1) INSERT INTO pixels SELECT 1",
		"CREATE TABLE x (a INTEGER)", "CREATE TEMP TABLE x AS SELECT 1", "CREATE VIEW x AS SELECT 1", "CREATE MACRO f(a) AS a",
		"CREATE SECRET s (TYPE s3)", "CREATE SEQUENCE s", "CREATE TYPE t AS ENUM ('a')", "ALTER TABLE pixels RENAME TO p", "COMMENT ON TABLE pixels IS 'x'",
		"ATTACH '" + target + "' AS x", "ATTACH ':memory:' AS x", "DETACH memory", "USE memory", "INSTALL httpfs", "LOAD httpfs", "FORCE INSTALL httpfs",
		"SET threads = 1", "RESET threads", "SET VARIABLE a = 1", "PRAGMA show_tables", "PRAGMA enable_profiling", "CALL pragma_version()",
		"CALL enable_logging()", "CHECKPOINT", "FORCE CHECKPOINT", "VACUUM", "ANALYZE", "BEGIN", "COMMIT", "ROLLBACK", "START TRANSACTION",
		"PREPARE p AS SELECT 1", "EXECUTE p", "DEALLOCATE p", "EXPORT DATABASE '" + target + "'", "IMPORT DATABASE '" + target + "'",
		"PIVOT (SELECT 1 AS a, 2 AS b) ON a USING sum(b)", "SELECT 1 INTO x", "SELEC 1", "SELECT '", "SELECT $1", "SELECT ?",
		"SELECT * FROM enable_logging(storage = 'file')", "SELECT * FROM query('SELECT 1')", "SELECT * FROM duckdb_secrets()",
		"SELECT * FROM enable_profiling()", "SELECT * FROM checkpoint()", "SELECT write_log('x')", "SELECT getenv('HOME')",
		"SELECT * FROM (SELECT * FROM arrow_scan(1, 2, 3))", "SELECT (SELECT max(a) FROM QUERY('SELECT 1 AS a'))", "SELECT nextval('s')",
		"SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", "SELECT * FROM read_duckdb('x')",
		"EXPLAIN SELECT * FROM truncate_duckdb_logs()", "DESCRIBE SELECT * FROM query('SELECT 1')", "SELECT * FROM duckdb_settings()",
	}
	for _, sql := range refused {
		out, err := ask(db, sql, CSV)
		if err == nil || out != "" {
			t.Errorf("%s: is let through: %q", sql, out)
			continue
		}
		var u *UsageError
		if !errors.As(err, &u) || u.What == "" || u.Allowed == "" {
			t.Errorf("%s: is refused with %v, want a mistake of usage that says what is allowed", sql, err)
		}
	}
	if _, err := os.Stat(target); err == nil {
		t.Errorf("a refused statement wrote %s", target)
	}
}

// A query's file functions reach the lake's data folders and nothing else.
func TestQueryReachesTheLakeAlone(t *testing.T) {
	l := filled(t)
	db := l.opened(t)
	outside := filepath.Join(t.TempDir(), "outside.csv")
	if err := os.WriteFile(outside, []byte("secret\n42\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inside := l.Path("events/type=impression/date=2026-11-01/*.parquet")
	for _, sql := range []string{
		"SELECT count(*) FROM read_parquet('" + inside + "')",
		"SELECT count(*) FROM parquet_metadata('" + inside + "')",
		"SELECT count(*) FROM glob('" + l.Path("events/**") + "')",
		"SELECT count(*) FROM '" + l.Path("attributions/date=1970-01-01/empty.parquet") + "'",
	} {
		if _, err := ask(db, sql, CSV); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	paths := []string{
		outside, l.Path("_state/lake.json"), l.Path("events") + "/../_state/lake.json", l.Path("events") + "/../../outside.csv",
		l.Path("events/../_state/*"), l.Path("eventsx/a.csv"), "/etc/passwd", "/etc/pass*", "/proc/self/environ", "~/x.csv", "file:///etc/passwd",
		"http://localhost:1/x.csv", "https://example.com/x.parquet", "s3://bucket/x.parquet", "outside.csv", "../outside.csv",
	}
	for _, p := range paths {
		for _, sql := range []string{
			"SELECT * FROM '%s'", "SELECT * FROM read_csv('%s')", "SELECT * FROM read_text('%s')", "SELECT * FROM read_blob('%s')",
			"SELECT * FROM read_json('%s')", "SELECT * FROM read_parquet('%s')", "SELECT * FROM parquet_metadata('%s')",
			"SELECT * FROM parquet_schema('%s')", "SELECT * FROM sniff_csv('%s')", "SELECT * FROM query_table('%s')",
			"SELECT * FROM read_text(['%s'])", "SUMMARIZE '%s'", "DESCRIBE FROM '%s'", "EXPLAIN ANALYZE SELECT * FROM read_text('%s')",
			"SELECT (SELECT max(content) FROM read_text('%s'))", "SELECT * FROM glob('%s') WHERE file NOT LIKE '%%/events/%%'",
		} {
			out, err := ask(db, fmt.Sprintf(sql, p), CSV)
			if err == nil && strings.Count(out, "\n") > 1 {
				t.Errorf("%s: is let through: %s", fmt.Sprintf(sql, p), out)
			}
		}
	}
}
