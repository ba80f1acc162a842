package report

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/xuri/excelize/v2"
)

// hostileTexts are what somebody could send as an order id, or name a line
// item, so that a reader of the result runs, hides or breaks something.
var hostileTexts = slices.Concat(hostile, []string{
	"=1+1", "=cmd|' /C calc'!A0", "+cmd|' /C calc'!A0", "-cmd|' /C calc'!A0", "@cmd", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "'=1+1", `"=1+1"`,
	"\uFF1D1+1", "\uFF0B1", "\uFF0D1", "\uFF20SUM(A1)", // full width: not of the contract's six
	"-1.5", "-1,5", "-1e5", "1e5", "-.5", "+1", "--1", "0012", "-0012",
	"</text><script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "<style>*{display:none}</style>", "]]>", "<!--", "{{.Title}}", "&lt;", "&#0;",
	"a;b", "a\tb", "a\nb\nc", "ends in a line\n", "\n", "\r\n", `"`, `""`, `","`, "tab\tand \"quote\"",
	"\u202Eevil", "\u200F", "\u200B", "\u2028", "\u2029", "\u0085", "\uFFFE", "\u0000", "e\u0301", "👨‍👩‍👧", "漢字", "\\", `\"`, `\u0041`,
	strings.Repeat("long ", 6000),
})

// hostileRows is a result with the texts as ids, names and a column's name.
func hostileRows(texts []string) ([]Column, [][]any) {
	columns := []Column{
		{"order_id", &Type{Kind: KindText, Name: typeText}},
		{"line_item_id", &Type{Kind: KindBigInt, Name: typeBigInt}},
		{"line_item_name", &Type{Kind: KindText, Name: typeText}},
		{"conversions", &Type{Kind: KindBigInt, Name: typeBigInt}},
		{"amount", &Type{Kind: KindDecimal, Name: typeMoney, Width: 18, Scale: 6}},
		{"currency", &Type{Kind: KindText, Name: typeText}},
		{"=a,\"<b>\n\u202Ec", &Type{Kind: KindText, Name: typeText}},
	}
	var rows [][]any
	for i, s := range texts {
		rows = append(rows, []any{s, int64(9007199254740993 + i), s, int64(i), big.NewInt(int64(-5_000_000 + i)), "USD", nil})
	}
	return columns, rows
}

// written gives a result in a format.
func written(t testing.TB, f Format, s Sheet, columns []Column, rows [][]any) string {
	t.Helper()
	var out bytes.Buffer
	if err := writeTo(&out, f, s, columns, rows); err != nil {
		t.Fatalf("%s: %v", f, err)
	}
	return out.String()
}

func writeTo(out io.Writer, f Format, s Sheet, columns []Column, rows [][]any) error {
	w, err := NewWriter(out, f, s)
	if err != nil {
		return err
	}
	if err := w.Begin(columns); err != nil {
		return err
	}
	for _, r := range rows {
		if err := w.Row(r, time.UTC); err != nil {
			return err
		}
	}
	return w.Close()
}

func namesOf(columns []Column) []string {
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return names
}

func reportSheet(columns []Column) Sheet {
	return Sheet{Title: "</title><script>alert(1)</script>\u202E", Guard: true, Money: moneyOf(namesOf(columns)),
		Facts: []Fact{TextFact("=1+1", "<b>\n=1+1"), NullFact("</dl>")}}
}

// Every text comes out of every format as it went in, read back by readers that
// share no code with the writers.
func TestHostileTextByOtherReaders(t *testing.T) {
	columns, rows := hostileRows(hostileTexts)
	s := reportSheet(columns)
	for f, comma := range map[Format]rune{CSV: ',', TSV: '\t'} {
		r := csv.NewReader(strings.NewReader(written(t, f, s, columns, rows)))
		r.Comma = comma
		got, err := r.ReadAll()
		if err != nil || len(got) != len(rows)+1 {
			t.Fatalf("%s: %d rows, %v", f, len(got), err)
		}
		for i, text := range hostileTexts {
			want := strings.ReplaceAll(guardedAsContract(text), "\r\n", "\n") // the reader does that
			if got[i+1][0] != want || got[i+1][2] != want {
				t.Errorf("%s: got %q and %q, want %q", f, got[i+1][0], got[i+1][2], want)
			}
			if id := fmt.Sprint(9007199254740993 + i); got[i+1][1] != id {
				t.Errorf("%s: an id is %s, want %s", f, got[i+1][1], id)
			}
		}
		if got[0][6] != "'"+columns[6].Name || got[1][4] != "-5.000000" || got[1][6] != "" {
			t.Errorf("%s: header %q, amount %q, null %q", f, got[0][6], got[1][4], got[1][6])
		}
	}
	var objects []map[string]any
	if err := json.Unmarshal([]byte(written(t, JSON, s, columns, rows)), &objects); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(written(t, NDJSON, s, columns, rows), "\n"), "\n")
	if len(objects) != len(rows) || len(lines) != len(rows) {
		t.Fatalf("json has %d rows, ndjson %d, want %d", len(objects), len(lines), len(rows))
	}
	for i, text := range hostileTexts {
		var line map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
			t.Fatal(err)
		}
		for _, o := range []map[string]any{objects[i], line} {
			if o["order_id"] != text || o["line_item_id"] != fmt.Sprint(9007199254740993+i) || o[columns[6].Name] != nil {
				t.Errorf("json: got %v, want %q", o, text)
			}
		}
	}
}

// DuckDB reads the texts of a Parquet file back.
func TestHostileTextInParquet(t *testing.T) {
	columns, rows := hostileRows(hostileTexts)
	l := newLake(t, network())
	db := l.opened(t)
	if err := os.MkdirAll(l.Path("events/out"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(l.Path("events/out"), "hostile.parquet")
	if err := os.WriteFile(p, []byte(written(t, Parquet, Sheet{}, columns, rows)), 0o600); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(mustAsk(t, db, "SELECT order_id, line_item_name, line_item_id, amount FROM '"+p+"'", NDJSON), "\n")
	for i, text := range hostileTexts {
		var o map[string]any
		if err := json.Unmarshal([]byte(got[i]), &o); err != nil {
			t.Fatal(err)
		}
		if o["order_id"] != text || o["line_item_name"] != text || o["line_item_id"] != fmt.Sprint(9007199254740993+i) || o["amount"] != decimalText(big.NewInt(int64(-5_000_000+i)), 6) {
			t.Errorf("got %v, want %q", o, text)
		}
	}
}

// No text of a workbook is a formula, and each stands in it as it is, but for
// what XML can't hold.
func TestHostileTextInWorkbook(t *testing.T) {
	columns, rows := hostileRows(hostileTexts)
	content := written(t, XLSX, reportSheet(columns), columns, rows)
	f, err := excelize.OpenReader(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := f.GetRows(dataSheet)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range hostileTexts {
		want := strings.Map(func(r rune) rune {
			if r < ' ' && !strings.ContainsRune("\t\n\r", r) || r == 0xFFFE {
				return 0xFFFD
			}
			return r
		}, guardedAsContract(text))
		if got[i+1][0] != want || got[i+1][2] != want {
			t.Errorf("got %q and %q, want %q", got[i+1][0], got[i+1][2], want)
		}
		if id := fmt.Sprint(9007199254740993 + i); got[i+1][1] != id {
			t.Errorf("an id is %s, want %s", got[i+1][1], id)
		}
	}
	// The XML itself: no element of a formula, and no text as a number.
	z, err := zip.NewReader(strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"} {
		r, err := z.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(r)
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if e, ok := token.(xml.StartElement); ok {
				if slices.Contains([]string{"f", "hyperlink", "externalLink"}, e.Name.Local) {
					t.Errorf("%s holds <%s>", name, e.Name.Local)
				}
				for _, a := range e.Attr {
					if e.Name.Local == "c" && a.Name.Local == "r" && strings.HasPrefix(a.Value, "A") && !slices.ContainsFunc(e.Attr, func(a xml.Attr) bool {
						return a.Name.Local == "t" && (a.Value == "inlineStr" || a.Value == "s")
					}) {
						t.Errorf("%s: the text %s is none", name, a.Value)
					}
				}
			}
		}
	}
}

// elements walks a page.
func elements(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		elements(c, visit)
	}
}

func textOf(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return b.String()
}

// A page holds the texts as text: no element, attribute or address of theirs.
func TestHostileTextInPage(t *testing.T) {
	columns, rows := hostileRows(hostileTexts)
	page := written(t, HTML, reportSheet(columns), columns, rows)
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	allowed := strings.Fields("html head meta title style body h1 dl div dt dd figure figcaption svg desc path text circle details summary table thead tbody tfoot tr th td p i")
	var cells [][]string
	pictures := 0
	elements(doc, func(n *html.Node) {
		if !slices.Contains(allowed, n.Data) {
			t.Errorf("the page holds <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || slices.Contains([]string{"src", "href", "action", "srcset", "data", "poster", "background"}, a.Key) {
				t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
			if a.Key == "style" && (strings.Contains(a.Val, "url") || strings.Contains(a.Val, "@")) {
				t.Errorf("<%s> has the style %q", n.Data, a.Val)
			}
		}
		switch {
		case n.Data == "svg":
			pictures++
		case n.Data == "tr" && len(n.Attr) == 0:
			var row []string
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				row = append(row, textOf(c))
			}
			cells = append(cells, row)
		}
	})
	if pictures != 2 {
		t.Errorf("%d charts, want conversions and amounts by line item", pictures)
	}
	if len(cells) != len(rows)+1 {
		t.Fatalf("%d rows, want %d", len(cells), len(rows)+1)
	}
	for i, text := range hostileTexts {
		if got, want := cells[i+1][0], visible(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := cells[1][4]; got != "-5.000000 USD" {
		t.Errorf("an amount is %q", got)
	}
	if got := cells[1][6]; got != "null" {
		t.Errorf("null is %q", got)
	}
}

// A drawing with hostile labels is well-formed XML of a few elements, each label
// in one text.
func TestHostileTextInDrawing(t *testing.T) {
	names := slices.DeleteFunc(slices.Clone(hostileTexts), func(s string) bool { return visible(s) == "" || strings.TrimSpace(visible(s)) == "" })
	names = append(names, strings.Repeat("<", 10_000), "漢"+strings.Repeat("字", 10_000), "a"+strings.Repeat("\u0301", 10_000))
	columns, _ := hostileRows(nil)
	for part := range slices.Chunk(names, chartGreatest) {
		_, rows := hostileRows(part)
		d, err := NewDrawing(Chart{Kind: Greatest, X: "line_item_name", Y: []string{"conversions"}, Title: "</title>\u202E"}, columns, Money{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			d.Add(r, time.UTC)
		}
		pictures, _, err := d.Pictures()
		if len(part) < 2 {
			continue
		}
		if err != nil || len(pictures) != 1 {
			t.Fatalf("%d pictures, %v", len(pictures), err)
		}
		p := pictures[0]
		if len(p.SVG) > 64<<10 {
			t.Errorf("a drawing of %d bytes", len(p.SVG))
		}
		texts := svgTexts(t, p.SVG)
		for _, label := range p.Labels {
			if !slices.Contains(texts, label) {
				t.Errorf("no text is %q", label)
			}
			if wide(label) > chartLabel+20 || strings.ContainsFunc(label, func(r rune) bool { return r < ' ' || r == 0x202E }) {
				t.Errorf("the label %q", label)
			}
		}
	}
}

// svgTexts reads a drawing strictly.
func svgTexts(t *testing.T, svg []byte) []string {
	t.Helper()
	var texts []string
	d := xml.NewDecoder(bytes.NewReader(svg))
	in := ""
	for {
		token, err := d.Token()
		if err == io.EOF {
			return texts
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			in = token.Name.Local
			if !slices.Contains([]string{"svg", "title", "desc", "path", "text", "circle"}, in) {
				t.Errorf("a drawing holds <%s>", in)
			}
		case xml.CharData:
			if in == "text" {
				texts = append(texts, string(token))
			}
		case xml.EndElement:
			in = ""
		}
	}
}

// What is not UTF-8, as a file's name can be, breaks no reader.
func TestInvalidTextIsReplaced(t *testing.T) {
	columns := []Column{{"path", &Type{Kind: KindText, Name: typeText}}, {"n", &Type{Kind: KindInteger, Name: "INTEGER"}}}
	rows := [][]any{{"caf\xe9", int64(1)}, {"\xed\xa0\x80 half a pair", int64(2)}}
	for _, f := range Formats() {
		out := written(t, f, Sheet{}, columns, rows)
		if f == XLSX || f == Parquet {
			continue // below
		}
		if !strings.Contains(out, "caf\uFFFD") && !strings.Contains(out, `caf\ufffd`) || strings.Contains(out, "\xed\xa0\x80") {
			t.Errorf("%s: %q", f, out)
		}
	}
	if _, got := sheet(t, written(t, XLSX, Sheet{}, columns, rows)); got[1][0] != "caf\uFFFD" {
		t.Errorf("xlsx: %q", got)
	}
	if !strings.Contains(parquetText(t, written(t, Parquet, Sheet{}, columns, rows)), "caf\uFFFD") {
		t.Error("parquet holds invalid text")
	}
}

// parquetText gives a file's rows as DuckDB reads them.
func parquetText(t *testing.T, content string) string {
	t.Helper()
	l := newLake(t, network())
	p := l.Path("events/x.parquet")
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return mustAsk(t, l.opened(t), "FROM '"+p+"'", CSV)
}

// A text of a megabyte comes out of what programs read whole, and people's
// formats still end.
func TestVeryLongText(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 1<<16)
	columns := []Column{{"a", &Type{Kind: KindText, Name: typeText}}, {"b", &Type{Kind: KindText, Name: typeText}}}
	rows := [][]any{{long, "x"}, {"y", nil}}
	for _, f := range Formats() {
		var out bytes.Buffer
		err := writeTo(&out, f, Sheet{}, columns, rows)
		switch {
		case f == XLSX:
			if err == nil || !strings.Contains(err.Error(), "32767") {
				t.Errorf("xlsx: %v", err)
			}
		case err != nil:
			t.Errorf("%s: %v", f, err)
		case f == Parquet:
			if !strings.Contains(parquetText(t, out.String()), long) {
				t.Error("parquet: the text is not whole")
			}
		case !strings.Contains(out.String(), long):
			t.Errorf("%s: the text is not whole", f)
		}
	}
}

// The same rows give the same bytes.
func TestSameRowsSameBytes(t *testing.T) {
	columns, rows := hostileRows(hostileTexts[:40])
	s := reportSheet(columns)
	for _, f := range Formats() {
		first := written(t, f, s, columns, rows)
		for range 3 {
			if written(t, f, s, columns, rows) != first {
				t.Errorf("%s: the bytes differ from run to run", f)
				break
			}
		}
	}
}
