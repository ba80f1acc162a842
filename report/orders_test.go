package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas/yamlfile"
)

// aList is a file of that content.
func aList(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadList(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	plainList := listOptions{order: "order_id", value: "value", zone: time.UTC}
	german := listOptions{order: "Bestell-Nr.", value: "Betrag", decimalComma: true, zone: time.UTC}
	timed := listOptions{order: "order_id", value: "value", time: "at", zone: berlin}
	for _, c := range []struct {
		content string
		o       listOptions
		want    string // id=millionths, - for none; or the mistakes
	}{
		{"order_id,value\nA,1\nB,2.5\n", plainList, "A=1.000000 B=2.500000"},
		{"\uFEFForder_id,value\r\nA,1\r\n\r\nB,\r\n", plainList, "A=1.000000 B=-"},
		{"\uFEFF\"order_id\",\"value\"\n\"A\",\"-1\"", plainList, "A=-1.000000"},
		{"value\torder_id\tnote\n1.0000005\tA,B\t;\n", plainList, "A,B=1.000001"},
		{"note;order_id;value\na,b,c,d;A\"B;1\n", plainList, "list.csv:2:10: a quote stands within a field without quotes; allowed: the whole field in quotes, and \"\" for a quote inside"},
		{"order_id;a,b,c;value\nA;;1\n", plainList, "A=1.000000"}, // the separator by which the columns are there
		{"order_id,value\n\"a\r\nb \"\"c\"\"\", 7 \n 007 ,1\n", plainList, "a\r\nb \"c\"=7.000000  007 =1.000000"},
		{"Bestell-Nr.;Betrag\n1;1.234,50\n2;1234,5\n3;-12\n4;\n5;0,0000005\n", german, "1=1234.500000 2=1234.500000 3=-12.000000 4=- 5=0.000001"},
		{"Bestell-Nr.;Betrag\n1;1.23,50\n2;1234.50\n3;1,2,3\n", german, "list.csv:2:3: the Betrag is \"1.23,50\"; allowed: a number with a decimal comma, such as 1234,50 or 1.234,50; nothing for none\n" +
			"list.csv:3:3: the Betrag is \"1234.50\"; allowed: a number with a decimal comma, such as 1234,50 or 1.234,50; nothing for none\n" +
			"list.csv:4:3: the Betrag is \"1,2,3\"; allowed: a number with a decimal comma, such as 1234,50 or 1.234,50; nothing for none"},
		{"order_id,value\nA,\"1,5\"\nö,$1\n", plainList, "list.csv:2:3: the value is \"1,5\"; allowed: a decimal number such as 1234.50; nothing for none; with --decimal-comma 1.234,50\n" +
			"list.csv:3:3: the value is \"$1\"; allowed: a decimal number such as 1234.50; nothing for none; with --decimal-comma 1.234,50"},
		{"order_id,value\nA,1234567890123\n", plainList, "list.csv:2:3: the value is \"1234567890123\"; allowed: a decimal number such as 1234.50; nothing for none; with --decimal-comma 1.234,50"},
		{"order_id,value\nA,1,5\nB\n,1\n", plainList, "list.csv:2:1: the row has 3 fields, the header 2; allowed: as many as the header; a field that holds the separator in quotes\n" +
			"list.csv:3:1: the row has 1 fields, the header 2; allowed: as many as the header; a field that holds the separator in quotes\n" +
			"list.csv:4:1: the order_id is missing; allowed: the id of an order in every row"},
		{"order_id,value\nA\xff,1\n", plainList, "list.csv:2:1: the order_id is no text in UTF-8; allowed: a list that was saved as UTF-8"},
		{"order_id,value\n\"A,1\nB,2\n", plainList, "list.csv:2:1: a quote is not closed; allowed: a quote at the field's end"},
		{"order_id,value\n\"A\"x,1\n", plainList, "list.csv:2:4: a field goes on behind its closing quote; allowed: a separator there, and \"\" for a quote inside quotes"},
		{"", plainList, "list.csv:1:1: the file is empty; allowed: a header with the columns order_id, value"},
		{"order_id,value\n", plainList, ""},
		{"Order_ID,value\nA,1\n", plainList, "list.csv:1:1: there is no column order_id among Order_ID, value; allowed: a header with the columns order_id, value"},
		{"order_id,value,order_id\nA,1,B\n", plainList, "list.csv:1:16: the column order_id stands twice; allowed: once"},
		{"order_id,value,at\nA,1,2026-11-10\nB,1,2026-11-10 08:31:20\nC,1,2026-11-10T08:31:20-05:00\nD,1,\n", timed,
			"list.csv:5:5: the at is \"\"; allowed: 2026-11-10, 2026-11-10 08:31:20 or 2026-11-10T08:31:20+01:00"},
		{"order_id,value,at\nA,1,2026-11-10\nB,1,2026-11-10 08:31:20\nC,1,2026-11-10T08:31:20-05:00\n", timed,
			"A=1.000000@2026-11-09T23:00:00Z/2026-11-10T22:59:59Z B=1.000000@2026-11-10T07:31:20Z/2026-11-10T07:31:20Z C=1.000000@2026-11-10T13:31:20Z/2026-11-10T13:31:20Z"},
	} {
		path := aList(t, c.content)
		c.o.path = path
		var got []string
		err := readList(c.o, func(o listed) error {
			text := o.id + "=-"
			if o.valued {
				text = o.id + "=" + o.value.String()
			}
			if !o.first.IsZero() {
				text += "@" + o.first.UTC().Format(time.RFC3339) + "/" + o.last.UTC().Format(time.RFC3339)
			}
			got = append(got, text)
			return nil
		})
		said := strings.Join(got, " ")
		if err != nil {
			said = strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "")
		}
		if said != c.want {
			t.Errorf("%q gives\n%s\nwant\n%s", c.content, said, c.want)
		}
	}
}

// However many mistakes a list has, a screen of them is told.
func TestMistakesOfAListAreBounded(t *testing.T) {
	content := "order_id,value\n" + strings.Repeat("A,x\n", 100_000)
	err := readList(listOptions{path: aList(t, content), order: "order_id", value: "value"}, func(listed) error { return nil })
	var ms yamlfile.Mistakes
	if !errors.As(err, &ms) || len(ms) != mistakesShown+1 {
		t.Errorf("%v", err)
	}
	err = readList(listOptions{path: aList(t, "order_id,value\n\""+strings.Repeat("x", 2*recordLimit)), order: "order_id", value: "value"}, func(listed) error { return nil })
	if err == nil || !strings.Contains(err.Error(), ":2:1: a row has over") {
		t.Errorf("a row without end: %v", err)
	}
	long := strings.Repeat("ä", 32<<10)
	ids, err := ReadOrders(aList(t, "order_id\n"+long+"\n"))
	if err != nil || !slices.Equal(ids, []string{long}) {
		t.Errorf("an order id of 64 KiB: %d ids, %v", len(ids), err)
	}
}

// Rows are those of encoding/csv, but for the line ends inside quotes.
func FuzzDelimited(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"a\"\"b\",c\r\n\r\n,\n", "a\n\"x\ny\",z", "\"", "a\"b\n", "\"a\"b\n", "ä,ö\n", ",,\n\n\n", "\"\"\n\"\",\"\"", "a\r", "a\rb\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := csv.NewReader(strings.NewReader(s))
		r.FieldsPerRecord = -1
		want, wantErr := r.ReadAll()
		var got [][]string
		d := newDelimitedReader(strings.NewReader(s), ',')
		for {
			cells, err := d.row()
			if errors.Is(err, io.EOF) {
				break
			}
			if (err == nil) != (wantErr == nil) && err != nil {
				t.Fatalf("%q: %v, encoding/csv: %v", s, err, wantErr)
			}
			if err != nil {
				return
			}
			var row []string
			for _, c := range cells {
				row = append(row, strings.ReplaceAll(c.text, "\r\n", "\n"))
				if c.line < 1 || c.column < 1 {
					t.Fatalf("%q: a field at %d:%d", s, c.line, c.column)
				}
			}
			got = append(got, row)
		}
		if wantErr != nil {
			t.Fatalf("%q: no mistake, encoding/csv: %v", s, wantErr)
		}
		if !slices.EqualFunc(got, want, func(a, b []string) bool { return slices.Equal(a, b) }) {
			t.Fatalf("%q: %q, encoding/csv: %q", s, got, want)
		}
	})
}

// What reports guard, ReadOrders's callers can take back.
func TestUnguarded(t *testing.T) {
	for _, id := range []string{"=1+1", "-12", "-1a", "+x", "@x", "\tx", "'=x", "'x", "x", "", "'"} {
		var out bytes.Buffer
		w, err := NewWriter(&out, CSV, Sheet{Guard: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Begin([]Column{{"order_id", &Type{Kind: KindText}}}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Row([]any{id}, time.UTC), w.Close()); err != nil {
			t.Fatal(err)
		}
		if id == "" {
			continue // an order without an id is none
		}
		ids, err := ReadOrders(aList(t, out.String()))
		if err != nil || len(ids) != 1 {
			t.Fatalf("%q: %q, %v", out.String(), ids, err)
		}
		if before, guarded := Unguarded(ids[0]); ids[0] != id && (!guarded || before != id) {
			t.Errorf("%q is written as %q and read as %q", id, ids[0], before)
		}
	}
}
