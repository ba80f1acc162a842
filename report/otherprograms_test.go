//go:build testall

package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// office lets LibreOffice open a file and write it as flat XML, which says what
// each cell is, and gives the rows of each sheet.
func office(t *testing.T, name, content string, args ...string) [][][]officeCell {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(args, "--headless", "-env:UserInstallation=file://"+dir+"/profile", "--convert-to", "fods", "--outdir", dir, filepath.Join(dir, name))
	if out, err := exec.Command("soffice", args...).CombinedOutput(); err != nil {
		t.Fatalf("soffice: %v\n%s\nthis test needs LibreOffice: .ci/tools-office installs it", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, strings.TrimSuffix(name, filepath.Ext(name))+".fods"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Tables []struct {
			Rows []struct {
				Cells []officeCell `xml:"table-cell"`
			} `xml:"table-row"`
		} `xml:"body>spreadsheet>table"`
	}
	if err := xml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	var sheets [][][]officeCell
	for _, table := range doc.Tables {
		var rows [][]officeCell
		for _, r := range table.Rows {
			var row []officeCell
			for _, c := range r.Cells {
				for range max(1, min(c.Repeated, 50)) {
					row = append(row, c)
				}
			}
			rows = append(rows, row)
		}
		sheets = append(sheets, rows)
	}
	return sheets
}

type officeCell struct {
	Formula  string   `xml:"formula,attr"`
	Type     string   `xml:"value-type,attr"`
	Value    string   `xml:"value,attr"`
	Date     string   `xml:"date-value,attr"`
	Repeated int      `xml:"number-columns-repeated,attr"`
	Lines    []string `xml:"p"`
}

// financeRows are what finance must not find changed.
func financeRows() ([]Column, [][]any) {
	columns := []Column{date("booked"), bigint("line_item_id"), varchar("order_id"), varchar("line_item_name"), amount("amount"), varchar("currency"),
		{"final", &Type{Kind: KindBoolean, Name: typeBoolean}}}
	var rows [][]any
	for i, s := range []string{"=1+1", `=HYPERLINK("http://evil.example")`, "+cmd|' /C calc'!A0", "-cmd|' /C calc'!A0", "@SUM(A1:A9)", "=1+1 ", "plain", "00123", "_x0041_", "1/2", "2026-01-02", "1e5", "TRUE"} {
		rows = append(rows, []any{time.Date(2026, 3, 8+i, 0, 0, 0, 0, time.UTC), int64(1234567890123456789 + int64(i)), fmt.Sprintf("%09d", i), s,
			big.NewInt(int64(100_000*i + 10_000)), "USD", i%2 == 0})
	}
	return columns, rows
}

// LibreOffice shows a workbook as we mean it: ids and leading zeros whole, money
// right to the cent, dates as dates, and no text run as a formula.
func TestAnotherProgramOpensTheWorkbook(t *testing.T) {
	columns, rows := financeRows()
	s := Sheet{Title: "revenue", Guard: true, Facts: []Fact{TextFact("previous_sha256", "=1+1"), IntegerFact("sequence", 7)}}
	sheets := office(t, "revenue.xlsx", written(t, XLSX, s, columns, rows))
	if len(sheets) != 2 {
		t.Fatalf("%d sheets, want the rows and the facts", len(sheets))
	}
	sum, want := new(big.Rat), new(big.Rat)
	for i, row := range rows {
		got := sheets[0][i+1]
		for j, text := range []string{strconv.FormatInt(row[1].(int64), 10), row[2].(string), guardedAsContract(row[3].(string))} {
			if c := got[j+1]; c.Type != "string" || strings.Join(c.Lines, "\n") != strings.TrimRight(text, " ") && strings.Join(c.Lines, "\n") != text {
				t.Errorf("row %d: %+v, want the text %q", i, c, text)
			}
		}
		if day := row[0].(time.Time).Format(time.DateOnly); got[0].Type != "date" || got[0].Date != day {
			t.Errorf("row %d: the date is %+v, want %s", i, got[0], day)
		}
		// LibreOffice takes any workbook's booleans for its own functions of the name.
		if b := strings.ToUpper(fmt.Sprint(row[6])); strings.Join(got[6].Lines, "") != b || got[6].Formula != "of:="+b+"()" {
			t.Errorf("row %d: the boolean is %+v, want %s", i, got[6], b)
		}
		figure := decimalText(row[4].(*big.Int), 6)
		if got[4].Type != "float" || strings.Join(got[4].Lines, "") != figure {
			t.Errorf("row %d: the amount is %+v, want %s", i, got[4], figure)
		}
		value, ok := new(big.Rat).SetString(got[4].Value)
		if !ok {
			t.Fatalf("row %d: the amount %q", i, got[4].Value)
		}
		sum.Add(sum, value)
		want.Add(want, big.NewRat(row[4].(*big.Int).Int64(), 1_000_000))
		for _, c := range got[:6] {
			if c.Formula != "" {
				t.Errorf("row %d: the formula %s", i, c.Formula)
			}
		}
	}
	if sum.Cmp(want) != 0 {
		t.Errorf("the amounts add up to %s, want %s", sum.FloatString(9), want.FloatString(9))
	}
	if got := sheets[1][1][1]; got.Formula != "" || strings.Join(got.Lines, "") != "'=1+1" {
		t.Errorf("a fact is %+v", got)
	}
}

// A csv that LibreOffice opens, told to run formulas, has none. With its columns
// taken as text every id is whole.
func TestAnotherProgramOpensTheCSV(t *testing.T) {
	columns, rows := financeRows()
	content := written(t, CSV, Sheet{Guard: true}, columns, rows)
	for _, row := range office(t, "run.csv", content, "--infilter=CSV:44,34,76,1,,0,false,true,true,false,false,0,true")[0] {
		for _, c := range row {
			if c.Formula != "" {
				t.Errorf("the formula %s", c.Formula)
			}
		}
	}
	got := office(t, "text.csv", content, "--infilter=CSV:44,34,76,1,1/2/2/2/3/2/4/2/5/2/6/2/7/2,0,false,false")[0]
	for i, row := range rows {
		for j, text := range []string{row[0].(time.Time).Format(time.DateOnly), strconv.FormatInt(row[1].(int64), 10), row[2].(string), guardedAsContract(row[3].(string)), decimalText(row[4].(*big.Int), 6)} {
			if c := got[i+1][j]; c.Type != "string" || strings.TrimRight(strings.Join(c.Lines, "\n"), " ") != strings.TrimRight(text, " ") {
				t.Errorf("row %d: %+v, want the text %q", i, c, text)
			}
		}
	}
}

// Chromium opens a page of hostile names: nothing is asked for over the network,
// and no script runs. The same names as markup would do both.
func TestAnotherProgramOpensThePage(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked.Add(1) }))
	defer server.Close()
	attacks := []string{
		`<script>document.title="run"; fetch("` + server.URL + `/fetch")</script>`,
		`<img src="` + server.URL + `/image" onerror="document.title='run'">`,
		`</text></svg><script>document.title="run"</script><link rel="stylesheet" href="` + server.URL + `/style">`,
		`"><svg onload="document.title='run'"><image href="` + server.URL + `/svg"/></svg>`,
		`</style></title></table><iframe src="` + server.URL + `/frame"></iframe>`,
	}
	// The control: as markup they run.
	dom := browse(t, `<title>quiet</title><body>`+strings.Join(attacks, "\n"))
	if asked.Load() == 0 || !strings.Contains(dom, "<title>run</title>") {
		t.Fatalf("the attacks do nothing even as markup: %d requests, %s", asked.Load(), dom)
	}
	asked.Store(0)
	columns, rows := hostileRows(attacks)
	columns[6].Name = attacks[0]
	s := reportSheet(columns)
	s.Title = attacks[2]
	dom = browse(t, written(t, HTML, s, columns, rows))
	if n := asked.Load(); n > 0 {
		t.Errorf("the page asked for %d things", n)
	}
	if strings.Contains(dom, "<title>run</title>") || strings.Count(dom, "<svg") != 2 || strings.Contains(dom, "<script") || strings.Contains(dom, "<iframe") {
		t.Errorf("the page became %s", dom)
	}
}

// browse gives a page as Chromium has it once all is loaded.
func browse(t *testing.T, page string) string {
	t.Helper()
	dir := t.TempDir()
	p := filepath.Join(dir, "page.html")
	if err := os.WriteFile(p, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+dir+"/profile", "--virtual-time-budget=5000", "--dump-dom", "file://"+p)
	cmd.Stderr = io.Discard
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v\nthis test needs Chromium: .ci/tools-office installs it", err)
	}
	return string(out)
}
