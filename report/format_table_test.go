package report

import (
	"bytes"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"
)

// onScreen gives a table on a terminal of that width.
func onScreen(t *testing.T, width int, columns []Column, rows [][]any) string {
	t.Helper()
	var out bytes.Buffer
	if err := writeTo(&Screen{Writer: &out, Width: width}, Table, Sheet{Money: moneyOf(namesOf(columns))}, columns, rows); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func varchar(name string) Column { return Column{name, &Type{Kind: KindText, Name: typeText}} }
func bigint(name string) Column  { return Column{name, &Type{Kind: KindBigInt, Name: typeBigInt}} }
func amount(name string) Column {
	return Column{name, &Type{Kind: KindDecimal, Name: typeMoney, Width: 18, Scale: 6}}
}

// On a terminal text gives way, and ids, numbers and amounts never do.
func TestTableFitsTheScreen(t *testing.T) {
	columns := []Column{varchar("order_id"), varchar("pixel_name"), varchar("other"), amount("amount"), varchar("currency")}
	rows := [][]any{
		{"ORDER-0000000000000000000000001", strings.Repeat("Checkout ", 9), "short", big.NewInt(12_500_000), "USD"},
		{"ORDER-0000000000000000000000002", "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字", nil, big.NewInt(-1), "EUR"},
		{nil, "e\u0301te\u0301", "", nil, nil},
	}
	want := "" +
		"┌─────────────────────────────────┬───────────────────┬───────┬───────────────┬──────────┐\n" +
		"│ order_id                        │ pixel_name        │ other │        amount │ currency │\n" +
		"├─────────────────────────────────┼───────────────────┼───────┼───────────────┼──────────┤\n" +
		"│ ORDER-0000000000000000000000001 │ Checkout Checkou… │ short │ 12.50     USD │ USD      │\n" +
		"│ ORDER-0000000000000000000000002 │ 漢字漢字漢字漢字… │ NULL  │ -0.000001 EUR │ EUR      │\n" +
		"│ NULL                            │ e\u0301te\u0301               │       │      NULL     │ NULL     │\n" +
		"└─────────────────────────────────┴───────────────────┴───────┴───────────────┴──────────┘\n"
	if got := onScreen(t, 90, columns, rows); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, line := range strings.Split(onScreen(t, 90, columns, rows), "\n") {
		if wide(line) > 90 {
			t.Errorf("%d columns wide: %s", wide(line), line)
		}
	}
	// Where not even that fits, a block for each row.
	want = "" +
		"─[ 1 ]──────────────────────────────────\n" +
		"order_id   │ ORDER-0000000000000000000000001\n" +
		"pixel_name │ Checkout Checkout Checkout…\n" +
		"other      │ short\n" +
		"amount     │ 12.50 USD\n" +
		"currency   │ USD\n" +
		"─[ 2 ]──────────────────────────────────\n" +
		"order_id   │ ORDER-0000000000000000000000002\n" +
		"pixel_name │ 漢字漢字漢字漢字漢字漢字漢…\n" +
		"other      │ NULL\n" +
		"amount     │ -0.000001 EUR\n" +
		"currency   │ EUR\n" +
		"─[ 3 ]──────────────────────────────────\n" +
		"order_id   │ NULL\n" +
		"pixel_name │ e\u0301te\u0301\n" +
		"other      │\n" +
		"amount     │ NULL\n" +
		"currency   │ NULL\n"
	if got := onScreen(t, 40, columns, rows); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	// Elsewhere nothing is shortened.
	if got := onScreen(t, 0, columns, rows); strings.Contains(got, "…") || !strings.Contains(got, strings.Repeat("Checkout ", 9)) {
		t.Errorf("without a screen: %s", got)
	}
}

// Two ids that differ at their ends never look alike.
func TestTableShowsIDsWhole(t *testing.T) {
	for _, name := range []string{"id", "order_id", "conversion_id", "entry_id", "reverses", "catalog_digest", "advertiser_code", "po_number"} {
		columns := []Column{varchar(name), varchar("note")}
		rows := [][]any{{strings.Repeat("x", 300) + "1", strings.Repeat("y", 300)}, {strings.Repeat("x", 300) + "2", "z"}}
		for _, width := range []int{20, 80, 330} {
			got := onScreen(t, width, columns, rows)
			if !strings.Contains(got, "x1") || !strings.Contains(got, "x2") {
				t.Errorf("%s at %d: %s", name, width, got)
			}
		}
	}
}

// Points stand below each other, also where a type has no fixed decimals.
func TestTableAlignsPoints(t *testing.T) {
	columns := []Column{{"d", &Type{Kind: KindDouble, Name: "DOUBLE"}}}
	want := "│    1.5  │\n│   10    │\n│ -100.25 │\n│ NULL    │\n"
	if got := onScreen(t, 0, columns, [][]any{{1.5}, {10.0}, {-100.25}, {nil}}); !strings.Contains(got, want) {
		t.Errorf("got\n%s", got)
	}
}

// A long result is one table. What is laid out are its first rows; a wider id
// after them is still whole.
func TestTableOfManyRows(t *testing.T) {
	columns := []Column{bigint("n"), varchar("order_id"), varchar("note")}
	var rows [][]any
	for i := range 2*tableRows + 5 {
		rows = append(rows, []any{int64(10_000 + i), fmt.Sprint("o", 10_000+i), "x"})
	}
	rows[tableRows+3][1] = "an id that is wider than all before"
	got := strings.Split(strings.TrimSuffix(onScreen(t, 100, columns, rows), "\n"), "\n")
	if len(got) != len(rows)+4 || strings.Count(strings.Join(got, "\n"), "order_id") != 1 {
		t.Fatalf("%d lines, want one table of %d rows", len(got), len(rows))
	}
	if !strings.HasPrefix(got[len(got)-1], "└") || wide(got[3]) != wide(got[len(got)-2]) {
		t.Errorf("the last lines:\n%s\n%s", got[len(got)-2], got[len(got)-1])
	}
	if !strings.Contains(got[3+tableRows+3], "wider than all before") {
		t.Errorf("the row with the wide id: %s", got[3+tableRows+3])
	}
}

// What a writer of tables keeps does not grow with the rows.
func TestTableMemory(t *testing.T) {
	w, err := NewWriter(io.Discard, Table, Sheet{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Begin([]Column{varchar("note")}); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 1<<20)
	for range tableBytes>>20 + 2 {
		if err := w.Row([]any{long}, time.UTC); err != nil {
			t.Fatal(err)
		}
		if kept := len(w.(*tableWriter).rows); kept >= tableBytes>>20 {
			t.Fatalf("%d rows of 1 MiB are kept", kept)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
