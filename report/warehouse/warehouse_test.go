package warehouse_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/duckdb/duckdb-go/v2"

	"pixledger/report"
	"pixledger/report/warehouse"
	"pixledger/schemas"
	"pixledger/schemas/lakedb"
)

// open opens a warehouse as an analyst does: a plain DuckDB, for reading.
func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	connector, err := duckdb.NewConnector(path+"?access_mode=read_only", nil)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("SET TimeZone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	return db
}

// texts gives a statement's rows, each as one text.
func texts(t *testing.T, db *sql.DB, statement string, args ...any) []string {
	t.Helper()
	rows, err := db.Query("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ("+statement+")", args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for rows.Next() {
		cells, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		line := make([]string, len(columns))
		for i, c := range cells {
			if line[i] = c.String; !c.Valid {
				line[i] = "∅"
			}
		}
		out = append(out, strings.Join(line, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return out
}

func made(t *testing.T, l *testLake) *sql.DB {
	t.Helper()
	if err := l.make(); err != nil {
		t.Fatal(err)
	}
	return open(t, l.Path(warehouse.FileName))
}

// The file is for reading, complete in itself, and says nothing of the machine.
func TestFile(t *testing.T) {
	l := filled(t, 1)
	path := l.Path(warehouse.FileName)
	// Changes that somebody has left of another file.
	if err := os.WriteFile(path+".wal", []byte("stale"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.make(); err != nil {
			t.Fatal(err)
		}
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Mode() != 0o444 {
		t.Errorf("%v %v, want mode 0444", fi.Mode(), err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{l.Root(), filepath.Dir(l.Root()), os.TempDir() + "/", home + "/", host, "_state", "staging"} {
		if bytes.Contains(content, []byte(s)) {
			t.Errorf("the file holds %q", s)
		}
	}
	for _, dir := range []string{l.Root(), l.Path("_state/staging")} {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if !e.IsDir() && e.Name() != warehouse.FileName || strings.HasSuffix(dir, "staging") {
				t.Errorf("%s is left in %s", e.Name(), dir)
			}
		}
	}
}

// The tables have the columns of the lake's views and their rows, in the order
// that is documented, and every table and column says what it is.
func TestTables(t *testing.T) {
	l := filled(t, 2)
	lake, file := l.opened().DB, made(t, l)
	describe := func(name string) string {
		return "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '" + name + "' ORDER BY column_index"
	}
	views := map[string]string{ // and the order of the rows
		"advertisers": "id", "insertion_orders": "id", "line_items": "id", "creatives": "id", "publishers": "id", "trackers": "id",
		"pixels": "id", "rates": `line_item_id, pixel_id, "from"`, "segments": "id", "attributions": "conversion_time, conversion_id",
		"ledger": "booked, entry_id", "segment_members": "segment_id, user_id",
	}
	for name, order := range views {
		if got, want := texts(t, file, describe(name)), texts(t, lake, describe(name)); !slices.Equal(got, want) {
			t.Errorf("%s has the columns %v, want %v", name, got, want)
		}
		got, want := texts(t, file, "FROM "+name), texts(t, lake, "FROM "+name+" ORDER BY "+order)
		if !slices.Equal(got, want) || len(got) == 0 {
			t.Errorf("%s: got %d rows, want these %d\n%v\n%v", name, len(got), len(want), got, want)
		}
	}
	for statement, want := range map[string]string{
		"FROM warehouse_info": "2026-11-13 06:00:00+00|1|" + l.cat.Digest + "|2026-11-10|UTC|1",
		"FROM closed_days":    "2026-11-10|1|2026-11-10 00:00:00+00|2026-11-11 00:00:00+00|2|d",
		"SELECT sum(lines), count(*), min(date) FROM rejects_daily":                                                              "18|4|2026-11-10",
		"SELECT table_name FROM duckdb_tables() WHERE comment IS NULL":                                                           "",
		"SELECT table_name, column_name FROM duckdb_columns() WHERE comment IS NULL AND database_name NOT IN ('system', 'temp')": "",
		"SELECT comment FROM duckdb_columns() WHERE table_name = 'attributions' AND column_name = 'date'":                        "UTC date of conversion_time",
	} {
		got := strings.Join(texts(t, file, statement), "\n")
		if got != want {
			t.Errorf("%s gives %q, want %q", statement, got, want)
		}
	}
	var columns []string
	for _, c := range texts(t, file, describe("hourly_facts")) {
		columns = append(columns, strings.Split(c, "|")[0])
	}
	if got, want := strings.Join(columns, " "), "hour advertiser_id line_item_id creative_id publisher_id tracker_id pixel_id imps clicks media_cost post_view_convs post_click_convs booked_revenue currency"; got != want {
		t.Errorf("hourly_facts has the columns %s", got)
	}
}

// The macros read from the lake's folder what the lake's views show.
func TestMacros(t *testing.T) {
	l := filled(t, 3)
	lake, file := l.opened().DB, made(t, l)
	for _, view := range []string{"events", "impressions", "clicks", "conversions", "segment_events"} {
		want := texts(t, lake, "SELECT * EXCLUDE (ingested_at), typeof(type), typeof(date) FROM "+view+" ORDER BY ALL")
		for _, root := range []string{l.Root(), l.Root() + "/"} {
			got := texts(t, file, "SELECT * EXCLUDE (ingested_at), typeof(type), typeof(date) FROM "+view+"_at($1) ORDER BY ALL", root)
			if !slices.Equal(got, want) || len(got) == 0 {
				t.Errorf("%s_at(%s) gives %d rows, the view %d", view, root, len(got), len(want))
			}
		}
	}
}

// Sums over hourly_facts are the figures of advertiser_analytics, by every
// dimension and interval.
func TestHourlyFactsAddUpToTheReport(t *testing.T) {
	l := filled(t, 7)
	db, file := l.opened(), made(t, l)
	ofTouches := []string{"advertiser_id", "line_item_id", "creative_id", "publisher_id"}
	all := append(slices.Clone(ofTouches), "pixel_id")
	sums := []string{"imps", "clicks", "media_cost", "post_view_convs", "post_click_convs", "booked_revenue"}
	for _, c := range []struct {
		interval string
		by       []string
	}{
		{"cumulative", nil}, {"daily", nil}, {"hourly", nil}, {"daily", all[:1]}, {"daily", all[1:2]}, {"daily", all[2:3]}, {"daily", all[3:4]},
		{"cumulative", all[4:]}, {"hourly", ofTouches}, {"hourly", all},
	} {
		for _, currency := range []string{"USD", "EUR"} {
			p := report.Params{By: c.by, Interval: c.interval, Filters: []string{"currency=" + currency}, Now: now}
			got, want := map[string]string{}, map[string]string{}
			readReport(t, db, p, c.by, c.interval, sums, want)
			readFacts(t, file, currency, c.by, c.interval, sums, got)
			if !maps.Equal(got, want) || len(got) == 0 {
				t.Errorf("by %v, %s, in %s: the facts give\n%v\nthe report\n%v", c.by, c.interval, currency, got, want)
			}
		}
	}
}

func readReport(t *testing.T, db *lakedb.DB, p report.Params, by []string, interval string, sums []string, into map[string]string) {
	t.Helper()
	var out bytes.Buffer
	if err := report.BuiltIn().Run(context.Background(), db, "advertiser_analytics", p, &out, report.CSV); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	keys := slices.Clone(by)
	if column := map[string]string{"hourly": "hour", "daily": "day"}[interval]; column != "" {
		keys = append(keys, column)
	}
	for _, r := range rows[1:] {
		cell := func(name string) string { return r[slices.Index(rows[0], name)] }
		var key, figures []string
		for _, k := range keys {
			key = append(key, cell(k))
		}
		for _, s := range sums {
			figures = append(figures, cell(s))
		}
		into[strings.Join(key, "|")] = strings.Join(figures, "|")
	}
}

func readFacts(t *testing.T, file *sql.DB, currency string, by []string, interval string, sums []string, into map[string]string) {
	t.Helper()
	keys := []string{}
	for _, b := range by {
		keys = append(keys, "coalesce(CAST("+b+" AS VARCHAR), '')")
	}
	switch interval {
	case "hourly":
		keys = append(keys, "strftime(hour AT TIME ZONE 'UTC', '%Y-%m-%dT%H:00:00Z')")
	case "daily":
		keys = append(keys, "strftime(hour AT TIME ZONE 'UTC', '%Y-%m-%d')")
	}
	ofPixel := slices.Contains(by, "pixel_id")
	var figures []string
	for i, s := range sums {
		if ofPixel && i < 3 { // a touch has no pixel
			figures = append(figures, "''")
			continue
		}
		figures = append(figures, "CAST(sum("+s+") AS VARCHAR)")
	}
	where := ""
	if ofPixel {
		where = " AND pixel_id IS NOT NULL"
	}
	key := "''"
	if len(keys) > 0 {
		key = "concat_ws('|', " + strings.Join(keys, ", ") + ")"
	}
	for _, line := range texts(t, file, fmt.Sprintf("SELECT %s AS key, concat_ws('|', %s) FROM hourly_facts WHERE currency = '%s'%s GROUP BY key", key, strings.Join(figures, ", "), currency, where)) {
		// The last figures are as many as there are sums.
		cells := strings.Split(line, "|")
		at := len(cells) - len(sums)
		into[strings.Join(cells[:at], "|")] = strings.Join(cells[at:], "|")
	}
}

// The same lake gives the same rows in the same order, whatever the threads.
func TestOrderIsFixed(t *testing.T) {
	l := filled(t, 4)
	var first []string
	for range 3 {
		file := made(t, l)
		var got []string
		for _, name := range texts(t, file, "SELECT table_name FROM duckdb_tables() ORDER BY 1") {
			got = append(got, texts(t, file, "FROM "+name)...)
		}
		if first == nil {
			first = got
		} else if !slices.Equal(got, first) {
			t.Fatal("the rows or their order differ")
		}
		file.Close()
	}
}

// An empty lake has all tables and macros, without rows.
func TestEmptyLake(t *testing.T) {
	l := newLake(t)
	file := made(t, l)
	if got := texts(t, file, "SELECT count(*) FROM hourly_facts"); got[0] != "0" {
		t.Errorf("hourly_facts has %s rows", got)
	}
	if got := texts(t, file, "SELECT count(*) FROM segment_events_at($1)", l.Root()); got[0] != "0" {
		t.Errorf("segment_events_at gives %s rows", got)
	}
	for _, c := range schemas.Ledger.Columns {
		_ = texts(t, file, `SELECT "`+c.Name+`" FROM ledger`)
	}
}

// Statements stand in files that end as files do.
func TestStatementFiles(t *testing.T) {
	for _, dir := range []string{"sql", "postgres/sql"} {
		err := fs.WalkDir(os.DirFS(dir), ".", func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(filepath.Join(dir, p))
			if text := string(b); !strings.HasPrefix(text, "-- ") || !strings.HasSuffix(text, ";\n") || strings.Contains(text, "\t") {
				t.Errorf("%s/%s: a file of statements begins with a comment, and ends with a semicolon and a line end", dir, p)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
