package report

import (
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"pixledger/schemas"
)

// Facts stand on a sheet of their own, typed as the data are; the data's sheet
// has no row of totals that would be added up twice.
func TestWorkbookFacts(t *testing.T) {
	columns := []Column{date("booked"), bigint("advertiser_id"), amount("amount"), varchar("currency")}
	_, rows := hostileRows(nil)
	rows = append(rows, []any{time.Date(2026, 11, 12, 0, 0, 0, 0, time.UTC), int64(7), nil, nil})
	s := Sheet{Title: "revenue", Guard: true, Made: at("2026-11-13T06:00:00Z"), Facts: []Fact{
		IntegerFact("sequence", 3), DateFact("date", at("2026-11-12T00:00:00Z")), TimeFact("from", at("2026-11-12T00:00:00Z")),
		TextFact("catalog_digest", "00123"), MoneyFact("total USD", schemas.Money(12_500_000)), MoneyFact("total EUR", schemas.Money(999_999_999_999_999_999)),
		NullFact("previous_sha256"), TextFact("formula", "=1+1"),
	}}
	f, err := excelize.OpenReader(strings.NewReader(written(t, XLSX, s, columns, rows)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := strings.Join(f.GetSheetList(), " "); got != "Sheet1 Export" {
		t.Errorf("sheets: %s", got)
	}
	if data, err := f.GetRows(dataSheet); err != nil || len(data) != 2 {
		t.Errorf("the data's sheet has %d rows, %v", len(data), err)
	}
	for i, want := range []struct {
		name, value string
		kinds       []excelize.CellType
	}{
		{"fact", "value", texts},
		{"sequence", "3", numbers},
		{"date", "2026-11-12", numbers},
		{"from", "2026-11-12T00:00:00Z", texts},
		{"catalog_digest", "00123", texts},
		{"total USD", "12.500000", numbers},
		{"total EUR", "999999999999.999999", texts},
		{"previous_sha256", "", numbers},
		{"formula", "'=1+1", texts},
	} {
		row := string(rune('1' + i))
		name, _ := f.GetCellValue(factSheet, "A"+row)
		value, _ := f.GetCellValue(factSheet, "B"+row)
		kind, _ := f.GetCellType(factSheet, "B"+row)
		if name != want.name || value != want.value || kind != want.kinds[0] && kind != want.kinds[1] {
			t.Errorf("%s is %q of type %v, want %s: %q", name, value, kind, want.name, want.value)
		}
	}
	properties, err := f.GetDocProps()
	if err != nil || properties.Title != "revenue" || properties.Created != "2026-11-13T06:00:00Z" || properties.Modified != properties.Created {
		t.Errorf("properties %+v %v", properties, err)
	}
}

var (
	texts   = []excelize.CellType{excelize.CellTypeInlineString, excelize.CellTypeSharedString}
	numbers = []excelize.CellType{excelize.CellTypeUnset, excelize.CellTypeNumber}
)
