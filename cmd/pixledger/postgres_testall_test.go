//go:build testall

package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

const (
	twoDays   = "2026-11-12T06:00:00Z" // two of the sample's days are closed then
	threeDays = "2026-11-13T06:00:00Z" // and then three
)

func TestPostgres(t *testing.T) {
	s := startPostgres(t)
	t.Run("tables", func(t *testing.T) { testPostgresTables(t, s) })
	t.Run("again", func(t *testing.T) { testPostgresAgain(t, s) })
	t.Run("changed", func(t *testing.T) { testPostgresChanged(t, s) })
	t.Run("cut", func(t *testing.T) { testPostgresCut(t, s) })
	t.Run("two at once", func(t *testing.T) { testPostgresTwo(t, s) })
	t.Run("readers", func(t *testing.T) { testPostgresReaders(t, s) })
	t.Run("hostile", func(t *testing.T) { testPostgresHostile(t, s) })
	t.Run("refused", func(t *testing.T) { testPostgresRefused(t, s) })
	t.Run("questions", func(t *testing.T) { testPostgresQuestions(t, s) })
}

// The tables are those of the DuckDB file: names, columns, comments and rows.
func testPostgresTables(t *testing.T, s *postgresServer) {
	s = &postgresServer{t, s.port}
	l := sampleLoader(t, s, threeDays)
	out := l.mustLoad(threeDays)
	for _, want := range []string{"schema pixledger", "closed days loaded: 3, 2026-11-10 to 2026-11-12", "attributions of 3 UTC dates", "hourly_facts of 3 UTC dates"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	l.run("warehouse", "--now", threeDays)
	file, err := sql.Open("duckdb", filepath.Join(l.dir, "lake", "warehouse.duckdb")+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	file.SetMaxOpenConns(1)
	c := s.connect("pixledger")
	compared := 0
	for _, table := range duckTexts(t, file, "SELECT table_name FROM duckdb_tables() ORDER BY 1") {
		want := jsonRows(t, duckTexts(t, file, "SELECT CAST(to_json(t) AS VARCHAR) FROM query_table($1) AS t", table))
		got := jsonRows(t, s.rows(c, "SELECT CAST(to_jsonb(t) AS text) FROM "+pgx.Identifier{table}.Sanitize()+" AS t"))
		if table == "warehouse_info" { // made at another moment
			delete(got[0], "built_at")
			delete(want[0], "built_at")
		}
		if !sameRows(got, want) || len(got) == 0 {
			t.Errorf("%s: PostgreSQL has %d rows, the file %d\n%v\n%v", table, len(got), len(want), got, want)
		}
		compared++
		comments := "SELECT table_name || '.' || column_name || ': ' || comment FROM duckdb_columns() WHERE table_name = $1 ORDER BY 1"
		theirs := `SELECT c.relname || '.' || a.attname || ': ' || col_description(a.attrelid, a.attnum) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			WHERE c.oid = $1::text::regclass AND a.attnum > 0 ORDER BY 1`
		if got, want := s.rows(c, theirs, table), duckTexts(t, file, comments, table); !sameSetOf(got, want) {
			t.Errorf("%s has the comments %v, want %v", table, got, want)
		}
	}
	if compared < 16 {
		t.Errorf("only %d tables were compared", compared)
	}
	types := s.rows(c, `SELECT DISTINCT data_type || coalesce('(' || numeric_precision || ',' || numeric_scale || ')', '') FROM information_schema.columns
		WHERE table_schema = 'pixledger' AND data_type = 'numeric' ORDER BY 1`)
	if want := []string{"numeric(18,6)", "numeric(38,6)"}; !slices.Equal(types, want) {
		t.Errorf("money is %v, want %v", types, want)
	}
}

// Loading again changes no row; other days and changed ones come, and no others.
func testPostgresAgain(t *testing.T, s *postgresServer) {
	s = &postgresServer{t, s.port}
	l := sampleLoader(t, s, twoDays)
	if _, errOut, code := l.load(twoDays, "--schema", "again and \"again\""); code != exitUsage || !strings.Contains(errOut, "without commas and quotes") {
		t.Errorf("a schema with quotes: exit code %d, %s", code, errOut)
	}
	to := s.url("") + "?search_path=Again%20%C3%BC"
	out, errOut, code := l.loadTo(to, twoDays)
	if code != 0 || !strings.Contains(out, "schema Again ü") || !strings.Contains(out, "closed days loaded: 2") {
		t.Fatalf("exit code %d\n%s%s", code, out, errOut)
	}
	c := s.connect("%22Again%20%C3%BC%22")
	versions := func(tables ...string) map[string]string {
		out := map[string]string{}
		for _, table := range tables {
			out[table] = strings.Join(s.rows(c, "SELECT md5(string_agg(xmin::text || ctid::text, ',' ORDER BY ctid)) FROM "+table), "")
		}
		return out
	}
	all := strings.Fields("advertisers insertion_orders line_items creatives publishers trackers pixels rates segments segment_members rejects_daily attributions hourly_facts ledger closed_days loaded_parts")
	before := versions(all...)
	out, errOut, code = l.loadTo(to, twoDays)
	if code != 0 || !strings.Contains(out, "nothing changed") {
		t.Errorf("exit code %d\n%s%s", code, out, errOut)
	}
	if after := versions(all...); !maps.Equal(before, after) {
		t.Errorf("rows were written again: %v, then %v", before, after)
	}

	// A day more is closed, and an advertiser has another name. Who came into a
	// segment on that day, after the first load's now, is a member by then.
	l.run("close", "--now", threeDays)
	catalog := filepath.Join(l.dir, "catalog.yaml")
	write(t, catalog, strings.Replace(readText(t, catalog), "Alpenblick Reisen", "Alpenblick", 1))
	l.run("void", "cd16a200ec017174ff64c2bdae943a83", "--reason", "r", "--by", "b")
	out, errOut, code = l.loadTo(to, threeDays)
	if code != 0 || !strings.Contains(out, "closed days loaded: 2026-11-12\n") || !strings.Contains(out, "refreshed: advertisers, segment_members\n") {
		t.Errorf("exit code %d\n%s%s", code, out, errOut)
	}
	changed := []string{}
	after := versions(all...)
	for _, table := range all {
		if before[table] != after[table] {
			changed = append(changed, table)
		}
	}
	if want := []string{"advertisers", "segment_members", "ledger", "closed_days", "loaded_parts"}; !slices.Equal(changed, want) {
		t.Errorf("changed: %v, want %v", changed, want)
	}
}

// What is under a closed day and not as in the lake is an error that names it.
func testPostgresChanged(t *testing.T, s *postgresServer) {
	s = &postgresServer{t, s.port}
	l := sampleLoader(t, s, threeDays)
	l.mustLoad(threeDays, "--schema", "changed")
	c := s.connect("changed")
	for _, x := range []struct{ spoil, mend, want string }{
		{"UPDATE ledger SET amount = amount + 0.000001 WHERE entry_id = (SELECT min(entry_id) FROM ledger WHERE booked = '2026-11-11')",
			"UPDATE ledger SET amount = amount - 0.000001 WHERE entry_id = (SELECT min(entry_id) FROM ledger WHERE booked = '2026-11-11')", "closed day 2026-11-11: its 10 entries are others than in the lake"},
		{"UPDATE ledger SET reason = 'x' WHERE entry_id = (SELECT min(entry_id) FROM ledger WHERE booked = '2026-11-11')",
			"UPDATE ledger SET reason = NULL WHERE entry_id = (SELECT min(entry_id) FROM ledger WHERE booked = '2026-11-11')", "closed day 2026-11-11"},
		{"INSERT INTO closed_days SELECT '2026-11-13', 4, begins, ends, 0, catalog_digest FROM closed_days LIMIT 1", "DELETE FROM closed_days WHERE day = '2026-11-13'", "closed day 2026-11-13: it is loaded, and is not closed in the lake"},
		{"CREATE TABLE kept AS SELECT * FROM ledger WHERE booked = '2026-11-10'; DELETE FROM ledger WHERE booked = '2026-11-10'", "INSERT INTO ledger SELECT * FROM kept; DROP TABLE kept", "closed day 2026-11-10: it has 0 entries, the lake has 5"},
		{"INSERT INTO ledger SELECT 'x', business_day, kind, conversion_id, conversion_time, conversion_type, advertiser_id, line_item_id, pixel_id, touch_id, amount, currency, reason, reverses, catalog_digest, '2026-12-01' FROM ledger LIMIT 1",
			"DELETE FROM ledger WHERE entry_id = 'x'", "day 2026-12-01: 1 entries are booked under it that no load has put there"},
		{"ALTER TABLE pixels DROP COLUMN code", "ALTER TABLE pixels ADD COLUMN code text", "the table pixels has no column code"},
	} {
		s.exec(c, x.spoil)
		if out, errOut, code := l.load(threeDays, "--schema", "changed"); code != exitFailure || !strings.Contains(errOut, x.want) || out != "" {
			t.Errorf("%s\nexit code %d, %s%s\nwant %s", x.spoil, code, out, errOut, x.want)
		}
		s.exec(c, x.mend)
	}
	l.mustLoad(threeDays, "--schema", "changed")
}

// The connection is cut after any number of bytes: closed days are there whole
// or not at all, and the next load completes them.
func testPostgresCut(t *testing.T, s *postgresServer) {
	s = &postgresServer{t, s.port}
	l := sampleLoader(t, s, threeDays)
	l.mustLoad(threeDays, "--schema", "whole")
	want := contents(s, "whole")
	proxy := &cutter{t: t, to: fmt.Sprintf("127.0.0.1:%d", s.port)}
	to := strings.Replace(s.url(""), fmt.Sprint(s.port), fmt.Sprint(proxy.listen()), 1)
	proxy.set(1 << 40)
	if out, errOut, code := l.loadTo(to, threeDays, "--schema", "measured"); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, errOut)
	}
	total := proxy.passed()
	states := map[string]bool{}
	for i := range 8 {
		schema := fmt.Sprintf("cut%d", i)
		proxy.set(total*int64(i+1)/9 + int64(i))
		out, errOut, code := l.loadTo(to, threeDays, "--schema", schema)
		if code != exitFailure || out != "" {
			t.Errorf("cut %d: exit code %d, %s%s", i, code, out, errOut)
		}
		c := s.connect(schema)
		if made := s.rows(c, "SELECT to_regclass('closed_days') IS NOT NULL"); made[0] == "true" {
			states[strings.Join(s.rows(c, "SELECT (SELECT count(*) FROM closed_days), (SELECT count(*) FROM attributions)"), "")] = true
			if half := s.rows(c, "SELECT day FROM closed_days AS d WHERE entries <> (SELECT count(*) FROM ledger WHERE booked = d.day)"); len(half) > 0 {
				t.Errorf("cut %d: half days: %v", i, half)
			}
		}
		if out, errOut, code := l.load(threeDays, "--schema", schema, "--wait", "30s"); code != 0 {
			t.Errorf("after cut %d: exit code %d\n%s%s", i, code, out, errOut)
		}
		if got := contents(s, schema); !maps.Equal(got, want) {
			t.Errorf("after cut %d: %v, want %v", i, got, want)
		}
	}
	if len(states) < 2 {
		t.Errorf("the cuts left only these numbers of days and attributions: %v", states)
	}
}

// contents is a hash of each table.
func contents(s *postgresServer, schema string) map[string]string {
	s.t.Helper()
	c := s.connect(schema)
	out := map[string]string{}
	for _, table := range s.rows(c, "SELECT relname FROM pg_class WHERE relnamespace = $1::text::regnamespace AND relkind = 'r'", schema) {
		if table != "warehouse_info" {
			out[table] = strings.Join(s.rows(c, "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM "+table+" AS t"), "")
		}
	}
	return out
}

// Of two loads at once one waits for the other, or says who it is.
func testPostgresTwo(t *testing.T, s *postgresServer) {
	s = &postgresServer{t, s.port}
	one, two := sampleLoader(t, s, threeDays), sampleLoader(t, s, threeDays)
	holder := s.connect("two")
	s.exec(holder, "SET application_name = 'another loader'")
	s.exec(holder, "SELECT pg_advisory_lock(hashtextextended('pixledger warehouse two', 0))")
	if _, errOut, code := one.load(threeDays, "--schema", "two", "--wait", "100ms"); code != exitFailure || !strings.Contains(errOut, "held by another loader") {
		t.Errorf("exit code %d, %s", code, errOut)
	}
	s.exec(holder, "SELECT pg_advisory_unlock_all()")
	var wg sync.WaitGroup
	outs := make([]string, 2)
	for i, l := range []loader{one, two} {
		wg.Go(func() { outs[i], _, _ = l.load(threeDays, "--schema", "two") })
	}
	wg.Wait()
	both := strings.Join(outs, "")
	if strings.Count(both, "closed days loaded: 3") != 1 || strings.Count(both, "schema two") != 2 {
		t.Errorf("the two loads say\n%s", both)
	}
}

// Whoever reads while everything is loaded again sees all rows, at any moment.
func testPostgresReaders(t *testing.T, s *postgresServer) {
	s = &postgresServer{t, s.port}
	l := sampleLoader(t, s, threeDays)
	l.mustLoad(threeDays, "--schema", "readers")
	writer, reader := s.connect("readers"), s.connect("readers")
	const count = "SELECT (SELECT count(*) FROM attributions), (SELECT sum(imps) FROM hourly_facts), (SELECT count(*) FROM pixels), (SELECT count(*) FROM warehouse_info)"
	want := s.rows(reader, count)
	for range 3 {
		s.exec(writer, "UPDATE loaded_parts SET fingerprint = 'other'")
		done := make(chan string)
		go func() {
			out, errOut, _ := l.load(threeDays, "--schema", "readers")
			done <- out + errOut
		}()
		for reading := true; reading; {
			if got := s.rows(reader, count); !slices.Equal(got, want) {
				t.Fatalf("a reader sees %v, want %v", got, want)
			}
			select {
			case said := <-done:
				if !strings.Contains(said, "attributions of 3 UTC dates") {
					t.Fatal(said)
				}
				reading = false
			default:
			}
		}
	}
}

// Texts that PostgreSQL refuses, or that its indexes can't take.
func testPostgresHostile(t *testing.T, s *postgresServer) {
	s = &postgresServer{t, s.port}
	l := loader{program{t: t, dir: t.TempDir()}, s}
	long := make([]byte, 20_000)
	if _, err := rand.Read(long); err != nil {
		t.Fatal(err)
	}
	order := fmt.Sprintf("%x", long) // which no compression makes short
	line := func(id, uri string) string {
		b, err := json.Marshal(map[string]string{"time": "1794391200.000", "id": id, "ip": "203.0.113.7", "method": "GET", "uri": uri, "status": "200", "uid_got": "uid=0A"})
		if err != nil {
			t.Fatal(err)
		}
		return string(b) + "\n"
	}
	write(t, filepath.Join(l.dir, "pixel.log"), line("t-1", "/clktr?id=5")+line("nul-\x00-id", "/px?id=9&order_id=a%00b&other=%FF%00%5Cu0000&value=1")+line(order, "/px?id=9&order_id="+order+"x"))
	write(t, filepath.Join(l.dir, "pixledger.yaml"), "lake: ./lake\ncatalog: ./catalog.yaml\nsources: [{name: e, path: ./pixel.log, format: pixledger}]\n")
	write(t, filepath.Join(l.dir, "catalog.yaml"), `version: 1
member_id: 1
currency: USD
advertisers: [{id: 7, name: "nul \0 and \"quote\" 'x'"}]
line_items: [{id: 1, advertiser_id: 7, name: L, pixels: [{pixel_id: 9, rates: [{from: 2026-01-01T00:00:00Z, post_click_revenue: "1"}]}]}]
trackers: [{id: 5, kind: click, line_item_id: 1}]
pixels: [{id: 9, advertiser_id: 7, name: P, min_minutes_per_conv: 0}]
`)
	const now = "2026-11-12T06:00:00Z"
	l.run("ingest", "--now", now)
	l.run("close", "--now", now)
	l.mustLoad(now, "--schema", "hostile")
	c := s.connect("hostile")
	got := s.rows(c, "SELECT length(conversion_id) > 9000, order_id, other, outcome FROM attributions WHERE other IS NOT NULL")
	if want := []string{"false|a\uFFFDb|\uFFFD\uFFFD\\u0000|attributed"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := s.rows(c, "SELECT name FROM advertisers"); got[0] != "nul \uFFFD and \"quote\" 'x'" {
		t.Errorf("got %q", got)
	}
	if got := s.rows(c, "SELECT count(*) FROM ledger WHERE length(conversion_id) > 9000"); got[0] != "1" {
		t.Errorf("%s entries have the long id", got)
	}
	if out := l.mustLoad(now, "--schema", "hostile"); !strings.Contains(out, "nothing changed") {
		t.Errorf("again: %s", out)
	}
}

// What can't be reached, or may not be done, is an error that says so, without
// the password.
func testPostgresRefused(t *testing.T, s *postgresServer) {
	s = &postgresServer{t, s.port}
	l := sampleLoader(t, s, threeDays)
	c := s.connect("public")
	s.exec(c, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	s.exec(c, "CREATE USER reader PASSWORD '"+postgresPassword+"'")
	s.exec(c, "CREATE SCHEMA taken; CREATE TABLE taken.pixels (id int)")
	host := fmt.Sprintf("127.0.0.1:%d", s.port)
	for _, x := range []struct {
		to   string
		args []string
		want string
	}{
		{"postgres://loader@127.0.0.1:1/postgres", nil, "connect"},
		{"postgres://loader:s3cretwrong@" + host + "/postgres?application_name=x", nil, "password authentication failed"},
		{"postgres://loader@" + host + "/nope", nil, `database "nope" does not exist`},
		{"postgres://loader@" + host + "/latin", nil, "encoding LATIN1; allowed: UTF8"},
		{"postgres://reader@" + host + "/postgres", []string{"--schema", "mine"}, "permission denied"},
		{"postgres://loader@" + host + "/postgres", []string{"--schema", "taken"}, `relation "pixels" already exists`},
	} {
		out, errOut, code := l.loadTo(x.to, threeDays, x.args...)
		if code != exitFailure || !strings.Contains(errOut, x.want) || out != "" {
			t.Errorf("%s %v: exit code %d, %s%s\nwant %s", x.to, x.args, code, out, errOut, x.want)
		}
	}
	if got := s.rows(c, "SELECT count(*) FROM pg_class WHERE relnamespace = 'taken'::regnamespace"); got[0] != "1" {
		t.Errorf("%s relations are in the schema that was taken", got)
	}
}

// The document's questions have in PostgreSQL the answers that it shows.
func testPostgresQuestions(t *testing.T, s *postgresServer) {
	s = &postgresServer{t, s.port}
	l := loader{askedWarehouse(t), s}
	l.mustLoad(threeDays, "--schema", "questions")
	c := s.connect("questions")
	s.exec(c, "SET datestyle = 'ISO'")
	asked := 0
	for _, q := range questions(t) {
		if strings.Contains(q.sql, "_at('") {
			continue // of events, which stay in the lake
		}
		asked++
		// As texts, which have all the places of a number.
		rows, err := c.Query(context.Background(), q.sql, pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			t.Fatal(err)
		}
		var columns []string
		for _, f := range rows.FieldDescriptions() {
			columns = append(columns, f.Name)
		}
		var cells [][]string
		for rows.Next() {
			var row []string
			for _, v := range rows.RawValues() {
				row = append(row, string(v))
			}
			cells = append(cells, row)
		}
		if err := rows.Err(); err != nil {
			t.Errorf("question %s: %v", q.number, err)
			continue
		}
		if got := answerText(columns, cells); got != q.answer {
			t.Errorf("question %s: PostgreSQL gives\n%s\n%s shows\n%s", q.number, got, warehouseDocument, q.answer)
		}
	}
	if asked != 9 {
		t.Errorf("%d questions were asked, want 9", asked)
	}
}
