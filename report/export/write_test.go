package export

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"pixledger/report"
	"pixledger/schemas"
)

const (
	wantRevenue10 = `booked,business_month,advertiser_id,advertiser_name,advertiser_code,insertion_order_id,po_number,line_item_id,line_item_name,line_item_code,pixel_id,pixel_name,conversion_type,kind,rate,conversions,amount,currency
2026-11-10,2026-11,7,ProStarr,prostarr,61,0045,382,Shoes,shoes,9012,Checkout,post_click,booking,12.500000,2,25.000000,USD
2026-11-10,2026-11,8,'=cmd|' /C calc'!A0,,,,9007199254740993,"Größe
""XL""",,,,post_view,booking,3.333333,1,3.333333,EUR
`
	wantEntries12 = `entry_id,booked,business_day,kind,conversion_id,conversion_time,conversion_type,advertiser_id,line_item_id,pixel_id,touch_id,amount,currency,reason,reverses,catalog_digest
e4,2026-11-12,2026-11-10,adjustment,c1,2026-11-10T08:00:00Z,post_click,7,382,9012,,-12.500000,USD,voided: returned,e1,digest
e5,2026-11-12,2026-11-12,credit,,2026-11-10T08:00:00Z,,7,382,,,-0.500000,USD,'=goodwill,,digest
e6,2026-11-12,2026-11-12,booking,c4,2026-11-10T08:00:00Z,post_view,7,382,9012,,0.000000,USD,,,digest
`
	wantRevenue12 = `booked,business_month,advertiser_id,advertiser_name,advertiser_code,insertion_order_id,po_number,line_item_id,line_item_name,line_item_code,pixel_id,pixel_name,conversion_type,kind,rate,conversions,amount,currency
2026-11-12,2026-11,7,ProStarr,prostarr,61,0045,382,"Shoes, renamed",shoes,,,,credit,,0,-0.500000,USD
2026-11-12,2026-11,7,ProStarr,prostarr,61,0045,382,"Shoes, renamed",shoes,9012,Checkout,post_click,adjustment,12.500000,-1,-12.500000,USD
2026-11-12,2026-11,7,ProStarr,prostarr,61,0045,382,"Shoes, renamed",shoes,9012,Checkout,post_view,booking,0.000000,1,0.000000,USD
`
)

func TestWhatADayHolds(t *testing.T) {
	w := newWorld(t)
	w.write()
	files := w.files()
	if w.opened != 2 {
		t.Errorf("the lake was opened %d times for two catalogs", w.opened)
	}
	for name, want := range map[string]string{
		"2026-11-10/revenue_2026-11-10.csv": wantRevenue10,
		"2026-11-12/revenue_2026-11-12.csv": wantRevenue12,
		"2026-11-12/entries_2026-11-12.csv": wantEntries12,
		"2026-11-11/revenue_2026-11-11.csv": strings.SplitAfter(wantRevenue10, "\n")[0],
		"2026-11-11/entries_2026-11-11.csv": strings.SplitAfter(wantEntries12, "\n")[0],
	} {
		if files[name] != want {
			t.Errorf("%s is\n%s\nwant\n%s", name, files[name], want)
		}
	}
	// The manifest, as a stranger reads it.
	var previous any
	for i, b := range books {
		text := files[b.day+"/manifest_"+b.day+".json"]
		var m map[string]any
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		totals := map[string]any{}
		for currency, amount := range b.amounts {
			totals[currency] = amount
		}
		if len(b.entries) == 0 {
			totals["USD"] = "0.000000"
		}
		want := map[string]any{
			"sequence": float64(i + 1), "date": b.day, "totals": totals, "catalog_digest": b.catalog, "version": float64(1),
			"from": b.day + "T00:00:00Z", "to": string(schemas.Day(b.day).Plus(1)) + "T00:00:00Z", "previous_sha256": previous,
			"files": []any{
				map[string]any{"name": "revenue_" + b.day + ".csv", "sha256": hashOf([]byte(files[b.day+"/revenue_"+b.day+".csv"])), "rows": float64([]int{2, 0, 3}[i])},
				map[string]any{"name": "entries_" + b.day + ".csv", "sha256": hashOf([]byte(files[b.day+"/entries_"+b.day+".csv"])), "rows": float64(len(b.entries))},
			},
		}
		got, _ := json.Marshal(m)
		expected, _ := json.Marshal(want)
		if string(got) != string(expected) {
			t.Errorf("the manifest of %s is\n%s\nwant\n%s", b.day, got, expected)
		}
		previous = hashOf([]byte(text))
	}
	if found := w.findings(); found != nil {
		t.Errorf("verify finds %q", found)
	}
}

// What a day holds is fixed when it is first written: neither the catalog nor
// the formats of today change it, nor a second run.
func TestExportsStayAsTheyWereWritten(t *testing.T) {
	w := newWorld(t)
	all := w.days
	w.days = all[:2]
	w.write()
	before := w.files()
	w.days, w.formats = all, FormatsOf([]string{"xlsx", "csv"})
	w.catalogs["first"] = network("Another name")
	w.write()
	after := w.files()
	for name, content := range before {
		if after[name] != content {
			t.Errorf("%s has changed", name)
		}
	}
	want := []string{"entries_2026-11-12.csv", "entries_2026-11-12.xlsx", "manifest_2026-11-12.json", "revenue_2026-11-12.csv", "revenue_2026-11-12.xlsx"}
	var got []string
	for name := range after {
		if strings.HasPrefix(name, "2026-11-12/") {
			got = append(got, filepath.Base(name))
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the third day holds %v, want %v", got, want)
	}
	// The workbook has the rows on one sheet and what the manifest says on another.
	book, err := excelize.OpenReader(strings.NewReader(after["2026-11-12/revenue_2026-11-12.xlsx"]))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	facts, err := book.GetRows("Export")
	if err != nil {
		t.Fatal(err)
	}
	previous := hashOf([]byte(after["2026-11-11/manifest_2026-11-11.json"]))
	for _, want := range [][]string{{"sequence", "3"}, {"date", "2026-11-12"}, {"entries", "3"}, {"total USD", "-13.000000"}, {"catalog_digest", "second"}, {"previous_sha256", previous}} {
		if !slices.ContainsFunc(facts, func(row []string) bool { return slices.Equal(row, want) }) {
			t.Errorf("the sheet Export has no row %q: %q", want, facts)
		}
	}
	rows, err := book.GetRows(book.GetSheetName(0))
	if err != nil || len(rows) != 4 || rows[2][7] != "382" || rows[2][16] != "-12.500000" || rows[1][6] != "0045" {
		t.Errorf("the sheet of the revenue is %q, %v", rows, err)
	}
	w.write()
	if !maps.Equal(w.files(), after) {
		t.Error("a run with nothing to write has changed something")
	}
}

// The same ledger gives the same bytes in every format.
func TestSameBytesInEveryFormat(t *testing.T) {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, string(f))
	}
	first, second := newWorld(t), newWorld(t)
	for _, w := range []*world{first, second} {
		w.formats = FormatsOf(names)
		w.write()
	}
	a, b := first.files(), second.files()
	if len(a) != 3*(2*len(names)+1) {
		t.Errorf("%d files were written", len(a))
	}
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s differs from run to run", name)
		}
	}
}

// Times are in UTC, whatever the zone of the business days.
func TestTimesAreInUTC(t *testing.T) {
	w := newWorld(t)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	o := w.options()
	o.Zone = berlin
	if err := Write(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if got := w.files()["2026-11-12/entries_2026-11-12.csv"]; got != wantEntries12 {
		t.Errorf("the entries are\n%s\nwant\n%s", got, wantEntries12)
	}
}

func TestLedgerThatDiffersFromItsCloses(t *testing.T) {
	for name, harm := range map[string]struct {
		do   func(w *world)
		want string
	}{
		"sum":      {func(w *world) { w.days[0].Amounts = map[string]string{"EUR": "3.333333", "USD": "24.990000"} }, "add up to 25.000000 USD, its close noted 24.990000"},
		"currency": {func(w *world) { w.days[0].Amounts = map[string]string{"USD": "25.000000"} }, "the ledger is damaged"},
		"entries":  {func(w *world) { w.days[0].Entries = 4 }, "has 3 entries of it, its close noted 4"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			harm.do(w)
			err := Write(context.Background(), w.options())
			if err == nil || !strings.Contains(err.Error(), harm.want) || !strings.Contains(err.Error(), "export 2026-11-10") {
				t.Errorf("error %v, want %q", err, harm.want)
			}
			if have, err := written(w.lake); err != nil || have != nil {
				t.Errorf("written: %v, %v", have, err)
			}
		})
	}
}

// A day that is gone while later ones stand is not written anew.
func TestExportThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.write()
	if err := os.RemoveAll(dayFolder(w.lake, "2026-11-10")); err != nil {
		t.Fatal(err)
	}
	var gone *GoneError
	err := Write(context.Background(), w.options())
	if !errors.As(err, &gone) || !slices.Equal(gone.Days, []schemas.Day{"2026-11-10"}) {
		t.Errorf("error %v", err)
	}
	// The newest, which nobody has received, is.
	w = newWorld(t)
	w.write()
	before := w.files()
	if err := os.RemoveAll(dayFolder(w.lake, "2026-11-12")); err != nil {
		t.Fatal(err)
	}
	w.write()
	if !maps.Equal(w.files(), before) {
		t.Error("the newest day was not written again as it was")
	}
}
