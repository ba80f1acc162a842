package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas/lakedb"
	"pixledger/schemas/yamlfile"
)

// folder is one of files by name.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load reads a folder of reports.
func load(t testing.TB, dir string) *Reports {
	t.Helper()
	r, err := Load(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told gives a report's rows as csv, or why there are none.
func told(t testing.TB, r *Reports, l *testLake, name string, p Params) (string, error) {
	t.Helper()
	db, err := l.open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p.Now = now
	var out bytes.Buffer
	err = r.Run(context.Background(), db, name, p, &out, CSV)
	return out.String(), err
}

const byDay = `-- @report by_day
-- @doc Conversions by day.
-- @param least DECIMAL(18,6): at least this value
-- @param pixel BIGINT: of this pixel alone
SELECT CAST(conversion_time AS DATE) AS day, count(*) AS n, sum(value) AS value, '$from' AS "$until" -- $now
FROM attributions
WHERE conversion_time >= $from AND conversion_time < $until
    AND ($least IS NULL OR value >= $least)
    AND ($pixel IS NULL OR pixel_id = $pixel)
GROUP BY ALL
ORDER BY day DESC;
-- an end
`

func TestOwnReports(t *testing.T) {
	l := filled(t)
	linked := filepath.Join(folder(t, map[string]string{"elsewhere": "-- @report linked\n-- @doc A link.\nSELECT 2 AS a"}), "elsewhere")
	dir := folder(t, map[string]string{
		"by_day.sql": byDay,
		"crlf.sql":   "\uFEFF" + strings.ReplaceAll("-- @report crlf\n-- @doc Of Windows.\nSELECT 1 AS a\n", "\n", "\r\n"),
		"types.sql": `-- @report types
-- @doc Every type of parameter
-- @doc and of value.
-- @param text VARCHAR: t
-- @param day DATE: d
-- @param month MONTH: m
-- @param at TIMESTAMP WITH TIME ZONE: a
-- @param yes BOOLEAN: y
-- @param wait DURATION: w
SELECT $text AS text, $day + 1 AS day, $month AS month, $at AS at, NOT $yes AS yes, $at + $wait AS later, $from AS "from", $until AS "until",
    $NOW AS now, $from_day AS first, $until_day AS last, '{"n": 1.10}'::JSON AS document, 1 AS A, 2 AS a`,
		"shown.sql": `-- @report shown
-- @doc With a header.
-- @dimension pixel_id pixel_name: the pixel
-- @interval day
-- @column n BIGINT: how many
-- @column value: their value
-- @choice outcome VARCHAR: what became of them
-- @filter pixel_id outcome
SELECT CASE WHEN is_by('day') THEN day_of(a.conversion_time, s.offset_seconds) END AS day,
    CASE WHEN is_by('pixel_id') THEN a.pixel_id END AS pixel_id, CASE WHEN is_by('pixel_id') THEN any_value(p.name) END AS pixel_name,
    count(*) AS n, sum(a.value) AS value, s.zone
FROM attributions AS a
JOIN report_spans AS s ON a.conversion_time >= s.first AND a.conversion_time < s.until
LEFT JOIN pixels AS p ON p.id = a.pixel_id
WHERE near_range(a.conversion_time, a.date) AND passes('outcome', a.outcome)
GROUP BY 1, 2, s.zone, CASE WHEN is_by('pixel_id') THEN a.pixel_id END
ORDER BY 1, 2`,
		"notes.txt": "no report", ".hidden.sql": "no report",
	})
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "folder.sql"), 0o755), os.Symlink(linked, filepath.Join(dir, "linked.sql"))); err != nil {
		t.Fatal(err)
	}
	r := load(t, dir)
	if len(r.Mistakes) > 0 {
		t.Fatal(r.Mistakes)
	}
	for _, c := range []struct {
		name string
		p    Params
		want string
	}{
		{"by_day", Params{}, "day,n,value,$until\n2026-11-02,3,-5.000000,$from\n2026-11-01,1,99.990000,$from\n"},
		{"by_day", Params{From: "2026-11-02"}, "day,n,value,$until\n2026-11-02,3,-5.000000,$from\n"},
		{"by_day", Params{To: "2026-11-01T02:30:00-05:00"}, "day,n,value,$until\n2026-11-01,1,99.990000,$from\n"},
		{"by_day", Params{Values: map[string]string{"least": "99.99"}}, "day,n,value,$until\n2026-11-01,1,99.990000,$from\n"},
		{"by_day", Params{Values: map[string]string{"pixel": "9013"}}, "day,n,value,$until\n2026-11-02,1,,$from\n"},
		{"by_day", Params{Filters: []string{"day=2026-11-01"}, Columns: []string{"n", "day"}}, "n,day\n1,2026-11-01\n"},
		{"by_day", Params{Filters: []string{"value=-5", "value=99.990"}, Columns: []string{"n"}}, "n\n3\n1\n"},
		{"by_day", Params{Filters: []string{"value=-5", "n=1"}, Columns: []string{"n"}}, "n\n"},
		{"by_day", Params{Values: map[string]string{"pixel": "9013"}, Filters: []string{"value="}, Columns: []string{"n"}}, "n\n1\n"},
		{"by_day", Params{Filters: []string{"$until=$from"}, Columns: []string{"n"}}, "n\n3\n1\n"},
		{"crlf", Params{}, "a\n1\n"},
		{"linked", Params{}, "a\n2\n"},
		{"types", Params{TimeZone: "America/New_York", From: "2026-11-01", To: "2026-11-03", Values: map[string]string{
			"text": "'; DROP TABLE pixels; --", "day": "2026-02-28", "month": "2026-02", "at": "2026-11-01T00:00:00Z", "yes": "true", "wait": "90m"}},
			"text,day,month,at,yes,later,from,until,now,first,last,document,A,a_1\n" +
				"'; DROP TABLE pixels; --,2026-03-01,2026-02,2026-10-31T20:00:00-04:00,false,2026-10-31T21:30:00-04:00,2026-11-01T00:00:00-04:00," +
				"2026-11-03T00:00:00-05:00,2026-11-13T01:00:00-05:00,2026-11-01,2026-11-03,\"{\"\"n\"\": 1.10}\",1,2\n"},
		{"shown", Params{}, "n,value\n4,94.990000\n"},
		{"shown", Params{By: []string{"pixel_id"}, Interval: "daily", Filters: []string{"outcome=attributed"}},
			"day,pixel_id,pixel_name,n,value\n2026-11-01,9012,Checkout,1,99.990000\n2026-11-02,9012,Checkout,1,-5.000000\n2026-11-02,9013,Kasse,1,\n"},
	} {
		got, err := told(t, r, l, c.name, c.p)
		if err != nil {
			t.Errorf("%s %+v: %v", c.name, c.p, err)
		} else if got != c.want {
			t.Errorf("%s %+v gives\n%s\nwant\n%s", c.name, c.p, got, c.want)
		}
	}
	for _, c := range []struct {
		name string
		p    Params
		want string
	}{
		{"crlf", Params{Range: "today"}, "the statement of crlf has no range"},
		{"crlf", Params{From: "2026-11-01"}, "the statement of crlf has no range"},
		{"by_day", Params{TimeZone: AdvertiserZone}, "the statement of by_day has one zone"},
		{"by_day", Params{Values: map[string]string{"least": "x"}}, `--param least: "x" is no least`},
		{"by_day", Params{Values: map[string]string{"most": "1"}}, "by_day takes no --param most; allowed: --param least --param pixel"},
		{"by_day", Params{Filters: []string{"color=red"}}, `--filter: by_day has no column "color" to filter by; allowed: day n value $until`},
		{"by_day", Params{Filters: []string{"n=many"}}, `--filter: "many" is no n; allowed: a decimal number`},
		{"by_day", Params{Columns: []string{"color"}}, `by_day shows no column "color"; allowed: day n value $until`},
		{"by_day", Params{By: []string{"pixel_id"}}, "by_day has no dimensions"},
		{"shown", Params{Filters: []string{"n=1"}}, `--filter: shown has no column "n" to filter by; allowed: pixel_id outcome`},
	} {
		_, err := told(t, r, l, c.name, c.p)
		var u *UsageError
		if !errors.As(err, &u) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: %v, want a mistake of usage with %q", c.name, c.p, err, c.want)
		}
	}
}

// Each mistake is one line, with its place.
func TestOwnMistakes(t *testing.T) {
	const good = "-- @report good\n-- @doc It is.\nSELECT 1 AS a\n"
	files := map[string]string{
		"a.sql":        "SELECT 1",
		"b.sql":        "-- @report Big\n-- @doc x\n-- @parm p VARCHAR: x\n-- @param p TEXT: x\n-- @param from DATE: x\n-- @interval week\n-- @doc\nSELECT 1\n",
		"builtin.sql":  "-- @doc x\n  -- @report revenue\nSELECT 1",
		"empty.sql":    "-- @report empty\n-- @doc x\n",
		"explain.sql":  "-- @report explain\n-- @doc x\n\n/* x */ EXPLAIN ANALYZE SELECT 1",
		"good.sql":     good,
		"late.sql":     good,
		"noselect.sql": "-- @report noselect\n-- @doc x\nDELETE FROM pixels",
		"param.sql":    "-- @report param\n-- @doc x\n-- @column a: x\n-- @column a: y\nSELECT\n  'ä', $shop, param('x'), ' $from'",
		"number.sql":   "-- @report number\n-- @doc x\nSELECT $1",
		"syntax.sql":   "-- @report syntax\n-- @doc x\n-- @param p DATE: x\nSELECT 'ä', $p, $from FRM x y",
		"two.sql":      "-- @report two\n-- @doc x\nSELECT 1;\nSELECT 2",
		"utf8.sql":     "-- @report utf8\n-- @doc \xff\nSELECT 1",
		"calls.sql":    "-- @report calls\n-- @doc x\nSELECT $now,\n   getenv('HOME')",
	}
	dir := folder(t, files)
	r := load(t, dir)
	got := strings.ReplaceAll(r.Mistakes.Error(), dir+"/", "")
	golden(t, "own_mistakes.txt", got+"\n")
	for _, m := range r.Mistakes {
		if m.What == "" || m.Allowed == "" || strings.ContainsAny(m.String(), "\r\n") {
			t.Errorf("%q is not one line that says what is wrong and what is allowed", m)
		}
	}
	if _, err := told(t, r, filled(t), "good", Params{}); err != nil {
		t.Errorf("mistakes in other files stop a report: %v", err)
	}
	var ms yamlfile.Mistakes
	if _, err := r.Describe("syntax"); !errors.As(err, &ms) || len(ms) != 1 {
		t.Errorf("a report with mistakes says %v", err)
	}
	var u *UsageError
	if _, err := r.Describe("nope"); !errors.As(err, &u) {
		t.Errorf("no report says %v", err)
	}
	if _, err := Load(context.Background(), filepath.Join(dir, "missing")); err != nil {
		t.Errorf("a folder that is not there: %v", err)
	}
	if _, err := Load(context.Background(), filepath.Join(dir, "a.sql")); err == nil {
		t.Error("a file passes for a folder")
	}
}

// What only the lake can tell is told when the report is run, with its place.
func TestOwnMistakesOfRunning(t *testing.T) {
	dir := folder(t, map[string]string{
		"column.sql": "-- @report column\n-- @doc x\n-- @param p VARCHAR: x\nSELECT 'ä' || $p, $p ||\n    '" + strings.Repeat("ä", 200) + "' || $p || conversion_tim\nFROM attributions",
		"table.sql":  "-- @report table\n-- @doc x\nSELECT * FROM attribution",
		"header.sql": "-- @report header\n-- @doc x\n-- @column n INTEGER: x\n-- @column m: x\nSELECT count(*) AS n FROM pixels",
		"reads.sql":  "-- @report reads\n-- @doc x\nSELECT * FROM read_csv('/etc/passwd')",
	})
	r := load(t, dir)
	if len(r.Mistakes) > 0 {
		t.Fatal(r.Mistakes)
	}
	l := filled(t)
	var got []string
	for _, name := range []string{"column", "table", "header", "reads"} {
		out, err := told(t, r, l, name, Params{Values: map[string]string{}})
		var ms yamlfile.Mistakes
		if !errors.As(err, &ms) || out != "" {
			t.Errorf("%s: %v, and wrote %q", name, err, out)
			continue
		}
		got = append(got, strings.ReplaceAll(ms.Error(), dir+"/", ""))
	}
	golden(t, "own_mistakes_of_running.txt", strings.Join(got, "\n")+"\n")
}

// No report of a user's writes anything, or reads what is not the lake's.
func TestOwnReachesTheLakeAlone(t *testing.T) {
	l := filled(t)
	dir := t.TempDir()
	target, secret := filepath.Join(dir, "stolen"), filepath.Join(dir, "secret.csv")
	if err := os.WriteFile(secret, []byte("swordfish\n42\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PIXLEDGER_SECRET", "swordfish")
	replace := strings.NewReplacer("TARGET", "'"+target+"'", "SECRET", "'"+secret+"'", "STATE", "'"+l.Path("_state/lake.json")+"'")
	statements := []string{
		"COPY (SELECT 1) TO TARGET", "COPY pixels TO TARGET", "COPY pixels FROM SECRET", "EXPORT DATABASE TARGET", "IMPORT DATABASE TARGET",
		"ATTACH TARGET AS x", "ATTACH ':memory:' AS x", "INSTALL httpfs", "LOAD httpfs", "LOAD TARGET", "EXPLAIN ANALYZE COPY (SELECT 1) TO TARGET",
		"EXPLAIN (ANALYZE) COPY (SELECT 1) TO TARGET", "EXPLAIN ANALYZE SELECT 1", "PRAGMA enable_profiling", "PRAGMA profiling_output = TARGET",
		"SET enable_external_access = true", "SET lock_configuration = false", "RESET lock_configuration", "SET VARIABLE report_now = 1",
		"CREATE TABLE t (a INTEGER)", "CREATE TEMP TABLE t AS SELECT 1", "CREATE OR REPLACE TEMP MACRO passes(a, b) AS true", "CREATE SECRET (TYPE s3)",
		"DELETE FROM pixels", "UPDATE pixels SET name = 'x'", "INSERT INTO pixels (id) VALUES (1)", "DROP VIEW events", "TRUNCATE pixels",
		"WITH x AS (DELETE FROM pixels RETURNING *) SELECT * FROM x", "WITH x AS (INSERT INTO pixels (id) VALUES (1) RETURNING *) SELECT * FROM x",
		"WITH x AS (SELECT 1) INSERT INTO pixels (id) SELECT 1", "CALL enable_logging()", "CHECKPOINT", "BEGIN", "VACUUM", "USE memory",
		"PREPARE p AS SELECT 1", "EXECUTE p", "SELECT 1 INTO x",
		// several statements, where a careless eye sees one
		"SELECT 1; COPY (SELECT 1) TO TARGET", "SELECT 1; -- ;\nDELETE FROM pixels", "SELECT ';'; DELETE FROM pixels", "SELECT $$;$$; DELETE FROM pixels",
		"SELECT $a$ $$ ; $a$; DELETE FROM pixels", "SELECT 1 /* ; /* */ */; DELETE FROM pixels", "SELECT E'\\';'; DELETE FROM pixels --'",
		"SELECT \"$from'\" FROM (SELECT 1 AS \"$from'\"); DELETE FROM pixels --'", "/* /* */ SELECT 1 -- */ COPY (SELECT 1) TO TARGET",
		"SELECT '$from; DELETE FROM pixels --",
		// files
		"SELECT * FROM read_csv(SECRET)", "SELECT * FROM read_text(SECRET)", "SELECT * FROM read_text([SECRET])", "SELECT * FROM read_blob(SECRET)",
		"SELECT * FROM read_json(SECRET)", "SELECT * FROM read_parquet(SECRET)", "SELECT * FROM SECRET", "FROM SECRET", "SELECT * FROM sniff_csv(SECRET)",
		"SELECT * FROM query_table(SECRET)", "SELECT * FROM glob(SECRET)", "SELECT * FROM read_text(STATE)", "SELECT * FROM read_json(STATE)",
		"SELECT * FROM '/etc/passwd'", "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM glob('/etc/*')", "SELECT * FROM read_text('/proc/self/environ')",
		"SELECT (SELECT max(content) FROM read_text(SECRET))", "WITH x AS (FROM read_text(SECRET)) SELECT * FROM x", "SUMMARIZE SECRET",
		"SELECT 1 WHERE EXISTS (SELECT * FROM read_csv('/etc/passwd') WHERE column0 LIKE 'root%')", "SELECT * FROM pixels WHERE name IN (SELECT content FROM read_text(SECRET))",
		"SELECT * FROM read_text($file)", "SELECT * FROM query_table($file)", "SELECT * FROM read_parquet(getvariable('report_params')['file'])",
		"SELECT * FROM 'https://example.com/x.csv'", "SELECT * FROM read_csv('https://localhost:1/x')", "SELECT * FROM 's3://bucket/x.parquet'",
		// more than a value
		"SELECT getenv('PIXLEDGER_SECRET')", "SELECT (SELECT getenv('PIXLEDGER_SECRET'))", "SELECT \"getenv\"('PIXLEDGER_SECRET')", "SELECT main.getenv('PIXLEDGER_SECRET')",
		"SELECT system.main.getenv('PIXLEDGER_SECRET')", "SELECT list_transform(['PIXLEDGER_SECRET'], lambda x: getenv(x))", "SELECT 'PIXLEDGER_SECRET'.getenv()",
		"SELECT * FROM query('SELECT 1')", "FROM query('DELETE FROM pixels')", "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
		"PRAGMA json_execute_serialized_sql('x')", "SELECT write_log('x')", "SELECT nextval('s')", "SELECT * FROM duckdb_settings()", "SELECT * FROM duckdb_secrets()",
		"SELECT * FROM enable_logging()", "SELECT * FROM pragma_database_size()", "SELECT * FROM arrow_scan(1, 2, 3)",
	}
	files := map[string]string{}
	for i, statement := range statements {
		name := fmt.Sprintf("mine_%d", i)
		files[name+".sql"] = "-- @report " + name + "\n-- @doc x\n-- @param file VARCHAR: x\n" + replace.Replace(statement)
	}
	r, before := load(t, folder(t, files)), standing(t, l)
	db := l.opened(t)
	for i, statement := range statements {
		var out bytes.Buffer
		err := r.Run(context.Background(), db, fmt.Sprintf("mine_%d", i), Params{Now: now, Values: map[string]string{"file": secret}}, &out, CSV)
		_, rest, _ := strings.Cut(out.String(), "\n")
		harmless := strings.Contains(statement, "glob(") && rest == "" // it finds nothing
		if err == nil && !harmless {
			t.Errorf("%s: is let through: %s", statement, out.String())
		}
		if strings.Contains(out.String(), "swordfish") || err != nil && strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%s: tells what it must not: %s %v", statement, out.String(), err)
		}
		var pixels, tables int
		err = db.QueryRow("SELECT (SELECT count(*) FROM pixels), (SELECT count(*) FROM duckdb_tables() WHERE NOT temporary)").Scan(&pixels, &tables)
		if err != nil || pixels != len(l.cat.Pixels) || tables != 9 {
			t.Errorf("%s: leaves %d pixels, %d tables, %v", statement, pixels, tables, err)
		}
		if _, err := os.Stat(target); err == nil {
			t.Fatalf("%s: wrote a file", statement)
		}
	}
	if after := standing(t, l); after != before {
		t.Errorf("the lake held\n%s\nand now\n%s", before, after)
	}
}

// standing is what stands in the lake's folder.
func standing(t *testing.T, l *testLake) string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*", "*/*", "*/*/*/*", "_state/*/*"} {
		found, err := filepath.Glob(l.Path(pattern))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	return strings.Join(names, "\n")
}

// A report that never ends is bounded by the limits, and ends with its context.
func TestOwnIsBounded(t *testing.T) {
	l := filled(t)
	r := load(t, folder(t, map[string]string{
		"endless.sql": "-- @report endless\n-- @doc x\nWITH RECURSIVE n AS (SELECT 1 AS a UNION ALL SELECT (a + 1) % 7 FROM n) SELECT count(*) FROM n",
		"cross.sql":   "-- @report cross\n-- @doc x\nSELECT count(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range % 7 = b.range % 11",
		"large.sql":   "-- @report large\n-- @doc x\nSELECT list(a.range) FROM range(1000000000) AS a",
	}))
	for _, name := range []string{"endless", "cross"} {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		err := r.Run(ctx, l.opened(t), name, Params{Now: now}, &bytes.Buffer{}, CSV)
		if err == nil || ctx.Err() == nil {
			t.Errorf("%s: %v, its context %v", name, err, ctx.Err())
		}
		cancel()
	}
	db, err := lakedb.Open(context.Background(), l.Lake, l.cat, lakedb.Options{Memory: "60MB", Threads: 1, TempDir: t.TempDir(), TempSize: "20MB", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := r.Run(context.Background(), db, "large", Params{Now: now}, &bytes.Buffer{}, CSV); err == nil || !strings.Contains(err.Error(), "Out of Memory") {
		t.Errorf("a report larger than the memory: %v", err)
	}
}

// Parameters are those that DuckDB's parser takes for some.
func TestPutValues(t *testing.T) {
	db := filled(t).opened(t)
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for text, want := range map[string][]string{
		"SELECT $a": {"a"}, "SELECT $A+$b": {"a", "b"}, "SELECT '$a'": nil, "SELECT '''$a', $b": {"b"}, `SELECT 1 AS "$a""$a", $b`: {"b"},
		"SELECT E'\\'$a', $b": {"b"}, "SELECT 'x\\', $a, '$b'": {"a"}, "SELECT $$ $a $$, $b": {"b"}, "SELECT $t$ $a $$ $t$, $b": {"b"},
		"SELECT 1 -- $a\n, $b": {"b"}, "SELECT 1 /* $a /* $a */ $a */, $b": {"b"}, "SELECT x$a FROM (SELECT 1 AS x$a)": nil,
		"SELECT $a::INTEGER, [$b], {'x': $a}": {"a", "b", "a"}, "SELECT ä$a, $b FROM (SELECT 1 AS ä$a)": {"b"}, "SELECT($a)": {"a"},
		"SELECT 1-$a--$b": {"a"}, "SELECT 1 /$a": {"a"}, "SELECT $a\n": {"a"}, "SELECT '$a'\n'$b', $b": {"b"}, "SELECT 1 AS \"a\"\"\", $b": {"b"},
		"SELECT e FROM (SELECT $a AS e)": {"a"}, "SELECT '' || $a || ''": {"a"}, "SELECT 1 LIMIT $a": {"a"},
	} {
		known := func(name string) (string, bool) { return "7", name == "a" || name == "b" }
		put, edits := putValues(text, known)
		var got []string
		for _, e := range edits {
			got = append(got, e.name)
			if at := strings.Index(put[original(nil, e.at+e.grown-(len("(7)")-(e.until-e.at))):], "(7)"); at != 0 {
				t.Errorf("%s: %q is not where the edit says", text, put)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: has the parameters %v, want %v", text, got, want)
		}
		tree, err := judgeSelect(context.Background(), conn, put, "it", "x")
		if err != nil {
			t.Errorf("%s: %v", put, err)
			continue
		}
		var u uses
		if u.look(tree); len(u.parameters) > 0 {
			t.Errorf("%s: DuckDB finds %v in it still", put, u.parameters)
		}
		for at := range text { // every byte outside of parameters is found again
			if slices.ContainsFunc(edits, func(e edit) bool { return at >= e.at && at < e.until }) {
				continue
			}
			moved := at
			for _, e := range edits {
				if e.until <= at {
					moved = at + e.grown
				}
			}
			if original(edits, moved) != at {
				t.Errorf("%s: byte %d is taken for %d", text, at, original(edits, moved))
			}
		}
	}
}
