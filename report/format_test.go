package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/xuri/excelize/v2"

	"pixledger/schemas"
)

// hostile is text that edges' logs really hold, or could.
var hostile = []string{
	"=HYPERLINK(\"http://evil.example\")", "+1+1", "-2+3", "@SUM(A1:A9)", "\tTAB", "\rCR", "-12.50", "-", "+5", "=", "1,5", "a,b",
	"quote \" inside", "'already", "line\nbreak", "line\r\nbreak", "<script>alert(1)</script>", "</td></table>", "&amp; {{.}} ${x}",
	"\u202Egnp.exe", "\u2066hidden\u2069", "nul\x00byte", "esc\x1b[2Jape", "bell\a", "\uFEFFbom", "Größe 漢字 🙂", "_x0041_", " leading and trailing ",
	"9007199254740993", "1e308", "NULL", "\\N", "\u2028separator",
}

// hostileLake holds one conversion for each hostile text.
func hostileLake(t *testing.T) *testLake {
	l := newLake(t, network())
	var rows []fields
	for i, s := range hostile {
		rows = append(rows, fields{
			"conversion_id": string(rune('A' + i)), "conversion_time": at("2026-11-02T08:00:00Z"), "pixel_id": 9012, "advertiser_id": 7,
			"order_id": s, "outcome": "attributed", "conversion_type": "post_view", "line_item_id": 9007199254740993, "booked_revenue": "123456789012.123456", "currency": "USD",
		})
	}
	l.put(schemas.Attributions, "", "conversion_time", rows...)
	return l
}

var formula = regexp.MustCompile("^[=+\\-@\t\r]")
var plain0 = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// guardedAsContract is the contract's rule, put another way than the code's.
func guardedAsContract(s string) string {
	if formula.MatchString(s) && !plain0.MatchString(s) {
		return "'" + s
	}
	return s
}

// Every text comes out of every format as it went in; what a spreadsheet would
// run gets its apostrophe where spreadsheets read it, and nowhere else.
func TestHostileText(t *testing.T) {
	db := hostileLake(t).opened(t)
	report := func(f Format) string { return run(t, db, "attributed_conversions", Params{}, f) }
	for _, f := range []Format{CSV, TSV} {
		r := csv.NewReader(strings.NewReader(report(f)))
		if f == TSV {
			r.Comma = '\t'
		}
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		for i, s := range hostile {
			// The reader, not the file, turns \r\n into \n.
			if got, want := rows[i+1][6], strings.ReplaceAll(guardedAsContract(s), "\r\n", "\n"); got != want {
				t.Errorf("%s: got %q, want %q", f, got, want)
			}
		}
	}
	if !strings.Contains(report(CSV), "line\r\nbreak") {
		t.Error("csv: a line end inside a text is changed")
	}
	var objects []map[string]any
	if err := json.Unmarshal([]byte(report(JSON)), &objects); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(report(NDJSON), "\n"), "\n")
	for i, s := range hostile {
		var line map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
			t.Fatal(err)
		}
		if objects[i]["order_id"] != s || line["order_id"] != s {
			t.Errorf("json: got %q and %q, want %q", objects[i]["order_id"], line["order_id"], s)
		}
		if got := objects[i]["line_item_id"]; got != "9007199254740993" {
			t.Errorf("json: an id is %v", got)
		}
		if got := objects[i]["booked_revenue"]; got != "123456789012.123456" {
			t.Errorf("json: money is %v", got)
		}
	}
	html := report(HTML)
	for _, bad := range []string{"<script", "</td></table>\n<", "{{", "src=", "href="} {
		if bad != "{{" && strings.Contains(html, bad) {
			t.Errorf("html: holds %s", bad)
		}
	}
	if n := strings.Count(html, "<tr>"); n != len(hostile)+1 {
		t.Errorf("html: %d rows, want %d", n, len(hostile)+1)
	}
	for _, r := range html {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			t.Fatalf("html: holds %U", r)
		}
	}
	table := report(Table)
	for _, r := range table {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			t.Fatalf("table: shows a terminal %U", r)
		}
	}
	width := 0
	for i, line := range strings.Split(strings.TrimSuffix(table, "\n"), "\n") {
		n := len([]rune(line))
		if i == 0 {
			width = n
		}
		if n != width && !strings.ContainsAny(line, "漢🙂") {
			t.Errorf("table: line %d is %d wide, the first %d", i, n, width)
		}
	}
}

// sheet reads an xlsx back.
func sheet(t *testing.T, content string) (*excelize.File, [][]string) {
	t.Helper()
	f, err := excelize.OpenReader(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if names := f.GetSheetList(); len(names) != 1 {
		t.Fatalf("sheets: %v, want one", names)
	}
	rows, err := f.GetRows("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	return f, rows
}

// A spreadsheet must show what finance will compare: ids and large amounts
// digit by digit, text as text and never as a formula.
func TestXLSX(t *testing.T) {
	db := hostileLake(t).opened(t)
	f, rows := sheet(t, run(t, db, "attributed_conversions", Params{}, XLSX))
	for i, s := range hostile {
		want := guardedAsContract(s)
		// XML holds no control character but tab and line ends.
		want = strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' && r != '\n' && r != '\r' {
				return '\uFFFD'
			}
			return r
		}, want)
		if got := rows[i+1][6]; strings.ReplaceAll(got, "\r\n", "\n") != strings.ReplaceAll(want, "\r\n", "\n") {
			t.Errorf("got %q, want %q", got, want)
		}
		for cell, want := range map[string]string{"E2": "9012", "K2": "9007199254740993", "U2": "123456789012.123456"} {
			got, err := f.GetCellValue("Sheet1", cell)
			if err != nil || got != want {
				t.Errorf("%s is %q, want %q", cell, got, want)
			}
			if typ, _ := f.GetCellType("Sheet1", cell); typ != excelize.CellTypeInlineString && typ != excelize.CellTypeSharedString {
				t.Errorf("%s is no text but %v", cell, typ)
			}
		}
	}
	for r := range rows {
		for c := range rows[r] {
			name, _ := excelize.CoordinatesToCellName(c+1, r+1)
			if got, _ := f.GetCellFormula("Sheet1", name); got != "" {
				t.Fatalf("%s is the formula %s", name, got)
			}
		}
	}
	panes, err := f.GetPanes("Sheet1")
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("the header is not frozen: %+v %v", panes, err)
	}
	f, rows = sheet(t, run(t, filled(t).opened(t), "advertiser_analytics", Params{By: []string{"advertiser_id"}, Interval: "daily"}, XLSX))
	if rows[1][0] != "2026-11-01" || rows[1][1] != "7" {
		t.Errorf("row: %v", rows[1])
	}
	// Figures of up to 15 digits are numbers, to sum up in the sheet.
	if v, err := f.GetCellValue("Sheet1", "M2", excelize.Options{RawCellValue: true}); err != nil || v != "12.5" {
		t.Errorf("booked_revenue is %q %v", v, err)
	}
	if typ, _ := f.GetCellType("Sheet1", "M2"); typ != excelize.CellTypeUnset && typ != excelize.CellTypeNumber {
		t.Errorf("booked_revenue is of type %v", typ)
	}
	if v, _ := f.GetCellValue("Sheet1", "M2"); v != "12.500000" {
		t.Errorf("booked_revenue shows as %q", v)
	}
}

// Integers of any type are numbers where a spreadsheet keeps all their digits,
// and text where it would not, or where they are ids.
func TestXLSXIntegers(t *testing.T) {
	db := newLake(t, network()).opened(t)
	for _, typ := range []string{"TINYINT", "UINTEGER", "BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM"} {
		values := []string{"12", "999999999999999", "1000000000000000"}
		if typ == "TINYINT" || typ == "UINTEGER" {
			values = values[:1]
		}
		for _, v := range values {
			f, _ := sheet(t, mustAsk(t, db, "SELECT '"+v+"'::"+typ+" AS n, '"+v+"'::"+typ+" AS a_id, '"+v+"'::"+typ+" AS id", XLSX))
			for cell, number := range map[string]bool{"A2": len(v) <= 15, "B2": false, "C2": false} {
				got, err := f.GetCellValue("Sheet1", cell, excelize.Options{RawCellValue: true})
				kind, _ := f.GetCellType("Sheet1", cell)
				if err != nil || got != v || (kind == excelize.CellTypeUnset || kind == excelize.CellTypeNumber) != number {
					t.Errorf("%s as %s: %s is %q of type %v, %v", v, typ, cell, got, kind, err)
				}
			}
		}
	}
	// A sum of integers is a HUGEINT.
	f, _ := sheet(t, mustAsk(t, db, "SELECT sum(range) AS n FROM range(4)", XLSX))
	if kind, _ := f.GetCellType("Sheet1", "A2"); kind != excelize.CellTypeUnset && kind != excelize.CellTypeNumber {
		t.Errorf("a sum is of type %v", kind)
	}
}

// What a spreadsheet can't hold is refused, never cut.
func TestXLSXTextTooLong(t *testing.T) {
	db := newLake(t, network()).opened(t)
	if _, err := ask(db, "SELECT repeat('x', 32768) AS a", XLSX); err == nil || !strings.Contains(err.Error(), "32767") {
		t.Errorf("a text of 32768 characters: %v", err)
	}
	if _, err := ask(db, "SELECT repeat('ä', 32767) AS a", XLSX); err != nil {
		t.Errorf("a text of 32767 characters: %v", err)
	}
}

// Parquet keeps types: DuckDB reads back what a report and a query wrote.
func TestParquet(t *testing.T) {
	l := filled(t)
	db := l.opened(t)
	readable := l.Path("events/out") // below the lake, so that a locked query reads it
	if err := os.MkdirAll(readable, 0o755); err != nil {
		t.Fatal(err)
	}
	save := func(name, content string) string {
		p := filepath.Join(readable, name)
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := save("a.parquet", run(t, db, "advertiser_analytics", Params{By: []string{"line_item_id"}, Interval: "hourly"}, Parquet))
	got := mustAsk(t, db, "SELECT column_name, column_type FROM (DESCRIBE FROM '"+p+"') WHERE column_name IN ('hour', 'line_item_id', 'line_item_name', 'imps', 'ctr', 'booked_revenue', 'media_cost', 'profit')", CSV)
	want := "column_name,column_type\nhour,TIMESTAMP WITH TIME ZONE\nline_item_id,BIGINT\nline_item_name,VARCHAR\nimps,BIGINT\nctr,\"DECIMAL(18,6)\"\n" +
		"booked_revenue,\"DECIMAL(38,6)\"\nmedia_cost,\"DECIMAL(38,6)\"\nprofit,\"DECIMAL(38,6)\"\n"
	if got != want {
		t.Errorf("types:\n%s\nwant:\n%s", got, want)
	}
	if got := mustAsk(t, db, "SELECT sum(booked_revenue), sum(imps) FROM '"+p+"' WHERE line_item_id = 382", CSV); !strings.HasSuffix(got, "\n14.500000,3\n") {
		t.Errorf("sums: %s", got)
	}
	all := `SELECT 170141183460469231731687303715884105727::HUGEINT - 70141183460469231731687303715884105728::HUGEINT AS h,
		[1, NULL, 3] AS l, MAP {'a': [1.5], 'b': NULL} AS m, {'x': 1, 'y': 'z'} AS s, true AS b, 0.1::FLOAT AS f, DATE '1969-12-31' AS d,
		TIMESTAMP '2026-01-01 01:02:03.000004' AS ts, 'x'::BLOB AS blob, NULL AS n, 1::UTINYINT AS u`
	p = save("b.parquet", mustAsk(t, db, all, Parquet))
	if got, want := mustAsk(t, db, "FROM '"+p+"'", NDJSON), mustAsk(t, db, all, NDJSON); got != want {
		t.Errorf("got:  %swant: %s", got, want)
	}
	p = save("blob.parquet", mustAsk(t, db, `SELECT 'a\x00\xFF'::BLOB AS b, ['\xFE'::BLOB, NULL] AS l`, Parquet))
	if got := mustAsk(t, db, "SELECT typeof(b) AS t, hex(b) AS h, typeof(l) AS lt, hex(l[1]) AS lh FROM '"+p+"'", CSV); got != "t,h,lt,lh\nBLOB,6100FF,BLOB[],FE\n" {
		t.Errorf("bytes come back as %s", got)
	}
	p = save("c.parquet", mustAsk(t, db, "SELECT range AS i FROM range(200000)", Parquet))
	if got := mustAsk(t, db, "SELECT count(*), sum(i), max(i) FROM '"+p+"'", CSV); !strings.HasSuffix(got, "\n200000,19999900000,199999\n") {
		t.Errorf("200000 rows in several groups: %s", got)
	}
}

// A query writes every type of DuckDB, exactly.
func TestQueryTypes(t *testing.T) {
	db := newLake(t, network()).opened(t)
	for _, c := range []struct{ sql, csv, json string }{
		{"true", "true", "true"},
		{"NULL", `""`, "null"},
		{"''", `""`, `""`},
		{"(-128)::TINYINT", "-128", "-128"},
		{"4294967295::UINTEGER", "4294967295", "4294967295"},
		{"9223372036854775807", "9223372036854775807", `"9223372036854775807"`},
		{"18446744073709551615::UBIGINT", "18446744073709551615", `"18446744073709551615"`},
		{"(-170141183460469231731687303715884105728)::HUGEINT", "-170141183460469231731687303715884105728", `"-170141183460469231731687303715884105728"`},
		{"340282366920938463463374607431768211455::UHUGEINT", "340282366920938463463374607431768211455", `"340282366920938463463374607431768211455"`},
		{"'12345678901234567890123456789012345678901234567890'::BIGNUM", "12345678901234567890123456789012345678901234567890", `"12345678901234567890123456789012345678901234567890"`},
		{"-0.05::DECIMAL(4,2)", "-0.05", `"-0.05"`},
		{"12.5::DECIMAL(18,6)", "12.500000", `"12.500000"`},
		{"0::DECIMAL(38,38)", "0." + strings.Repeat("0", 38), `"0.` + strings.Repeat("0", 38) + `"`},
		{"7::DECIMAL(5,0)", "7", `"7"`},
		{"0.1::DOUBLE", "0.1", "0.1"},
		{"0.1::FLOAT", "0.1", "0.1"},
		{"1e300::DOUBLE", "1e+300", "1e+300"},
		{"'nan'::DOUBLE", "nan", `"nan"`},
		{"'-inf'::DOUBLE", "-inf", `"-inf"`},
		{"TIMESTAMPTZ '2026-11-01 01:30:00-04'", "2026-11-01T05:30:00Z", `"2026-11-01T05:30:00Z"`},
		{"TIMESTAMPTZ '2026-11-01 01:30:00.1234-04'", "2026-11-01T05:30:00.1234Z", `"2026-11-01T05:30:00.1234Z"`},
		{"TIMESTAMP '2026-11-01 01:30:00'", "2026-11-01T01:30:00", `"2026-11-01T01:30:00"`},
		{"'2026-11-01 01:30:00.123456789'::TIMESTAMP_NS", "2026-11-01T01:30:00.123456789", `"2026-11-01T01:30:00.123456789"`},
		{"'infinity'::TIMESTAMPTZ", "infinity", `"infinity"`},
		{"'-infinity'::TIMESTAMP", "-infinity", `"-infinity"`},
		{"DATE '2026-03-08'", "2026-03-08", `"2026-03-08"`},
		{"'infinity'::DATE", "infinity", `"infinity"`},
		{"'-infinity'::DATE", "-infinity", `"-infinity"`},
		{"DATE '0044-03-15'", "0044-03-15", `"0044-03-15"`},
		{"TIME '01:02:03.5'", "01:02:03.5", `"01:02:03.5"`},
		{"INTERVAL '14 months -3 days 01:02:03.25'", "1 year 2 months -3 days 01:02:03.25", `"1 year 2 months -3 days 01:02:03.25"`},
		{"INTERVAL '0 days'", "00:00:00", `"00:00:00"`},
		{"'00112233-4455-6677-8899-aabbccddeeff'::UUID", "00112233-4455-6677-8899-aabbccddeeff", `"00112233-4455-6677-8899-aabbccddeeff"`},
		{`'a\xAAb'::BLOB`, `a\xAAb`, `"a\\xAAb"`},
		{"'10101'::BIT", "10101", `"10101"`},
		{"'b'::ENUM('a', 'b')", "b", `"b"`},
		{"[1::BIGINT, NULL]", `"[1,null]"`, `["1",null]`},
		{"[]::BIGINT[]", "[]", "[]"},
		{"[1, 2]::INTEGER[2]", `"[1,2]"`, "[1,2]"},
		{"{'z': 1, 'a': 'q\"'}", `"{""z"":1,""a"":""q\""""}"`, `{"z":1,"a":"q\""}`},
		{"MAP {'z': 1.5, 'a': NULL}", `"{""z"":1.5,""a"":null}"`, `{"z":"1.5","a":null}`},
		{"MAP {7: [DATE '2026-01-01']}", `"{""7"":[""2026-01-01""]}"`, `{"7":["2026-01-01"]}`},
		{"union_value(n := 5)", "5", `"5"`},
		{"'{\"b\": 9007199254740993, \"a\": 0.10}'::JSON", `"{""b"": 9007199254740993, ""a"": 0.10}"`, `{"b":9007199254740993,"a":0.10}`},
		{"to_json([9007199254740993])", "[9007199254740993]", "[9007199254740993]"},
		{"['9007199254740993'::JSON]", "[9007199254740993]", "[9007199254740993]"},
		{"to_json({'q': 'it''s'}) -- a comment", `"{""q"":""it's""}"`, `{"q":"it's"}`},
		{"'x'::VARCHAR COLLATE NOCASE", "x", `"x"`},
	} {
		got, err := ask(db, "SELECT a: "+c.sql, CSV)
		if err != nil || got != "a\n"+c.csv+"\n" {
			t.Errorf("%s: csv is %q %v, want %q", c.sql, got, err, c.csv)
		}
		got, err = ask(db, "SELECT a: "+c.sql, NDJSON)
		if err != nil || got != `{"a":`+c.json+"}\n" {
			t.Errorf("%s: json is %q %v, want %q", c.sql, got, err, c.json)
		}
		for _, f := range []Format{Table, TSV, JSON, XLSX, HTML} {
			if _, err := ask(db, "SELECT a: "+c.sql, f); err != nil {
				t.Errorf("%s: as %s: %v", c.sql, f, err)
			}
		}
	}
}

// Columns of one name are told apart as DuckDB does in a query over the query,
// so that an object never has a key twice.
func TestColumnsOfOneName(t *testing.T) {
	db := newLake(t, network()).opened(t)
	for _, sql := range []string{
		"SELECT 1 AS a, 2 AS a, 3 AS a", "SELECT 1 AS a, 2 AS A", "SELECT 1 AS a, 2 AS a_1, 3 AS a, 4 AS a_1, 5 AS a", "SELECT 1 AS a_1, 2 AS a, 3 AS a",
		"SELECT '{}'::JSON AS a, 2 AS a, '[1]'::JSON AS a", "SELECT 1 AS \"x\"\"y\", '2'::JSON AS \"x\"\"y\"",
	} {
		for _, f := range []Format{CSV, NDJSON} {
			got, want := mustAsk(t, db, sql, f), mustAsk(t, db, "SELECT * FROM ("+sql+")", f)
			if got != want {
				t.Errorf("%s as %s: got\n%swant\n%s", sql, f, got, want)
			}
		}
	}
	if got := mustAsk(t, db, "SELECT 1 AS a, 2 AS a", JSON); got != "[\n{\"a\":1,\"a_1\":2}\n]\n" {
		t.Errorf("json: %s", got)
	}
	for _, f := range []Format{Parquet, XLSX, Table, HTML, TSV} {
		mustAsk(t, db, "SELECT 1 AS a, 2 AS a, '{}'::JSON AS a", f)
	}
}

// Query gives raw values: its reader is a program, not a spreadsheet.
func TestQueryHasNoApostrophes(t *testing.T) {
	db := newLake(t, network()).opened(t)
	if got := mustAsk(t, db, "SELECT '=1+1' AS \"=a\"", CSV); got != "=a\n=1+1\n" {
		t.Errorf("csv: %q", got)
	}
}

func TestEmptyResults(t *testing.T) {
	db := newLake(t, network()).opened(t)
	for f, want := range map[Format]string{CSV: "a,b\n", TSV: "a\tb\n", JSON: "[]\n", NDJSON: ""} {
		if got := mustAsk(t, db, "SELECT 1 AS a, 2 AS b WHERE false", f); got != want {
			t.Errorf("%s: got %q, want %q", f, got, want)
		}
	}
	for _, f := range []Format{Table, HTML} {
		if got := mustAsk(t, db, "SELECT 1 AS alpha WHERE false", f); !strings.Contains(got, "alpha") {
			t.Errorf("%s: has no header: %q", f, got)
		}
	}
}

// A table longer than what is aligned at once still shows every row.
func TestLongTable(t *testing.T) {
	db := newLake(t, network()).opened(t)
	got := mustAsk(t, db, "SELECT 'row' || range AS r FROM range(4500)", Table)
	if n := strings.Count(got, "row"); n != 4500 {
		t.Errorf("%d rows, want 4500", n)
	}
	if !bytes.Contains([]byte(got), []byte("row4499")) {
		t.Error("the last row is missing")
	}
}
