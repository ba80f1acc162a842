package samplelogs_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pixledger/attribute/reference"
	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/ingest/synth"
	samplelogs "pixledger/sample-logs"
	"pixledger/schemas"
)

// logs are the files and their formats.
var logs = map[string]string{
	"edge-1.log": "pixledger", "edge-1.log.1": "pixledger", "edge-1.log.2.gz": "pixledger",
	"edge-2.access.log": "combined", "edge-2.access.log.1.gz": "combined",
}

// reading is the moment at which the README reads the logs.
var reading = time.Date(2026, 11, 13, 6, 0, 0, 0, time.UTC)

func content(t *testing.T, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(samplelogs.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".gz") {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	b, err = io.ReadAll(z)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

// table reads a csv of expected/ as rows by column name.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(content(t, "expected/"+name))).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var rows []map[string]string
	for _, r := range records[1:] {
		row := map[string]string{}
		for i, column := range records[0] {
			row[column] = r[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func catalog(t *testing.T) *schemas.Catalog {
	t.Helper()
	cat, warnings, err := schemas.ParseCatalog("catalog.yaml", content(t, "catalog.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings { // what the stories need, and nothing else
		if !strings.Contains(w.What, "9014") && !strings.Contains(w.What, "9015") && !strings.Contains(w.What, "384") {
			t.Errorf("%s", w)
		}
	}
	return cat
}

// tally counts lines as the columns of account.csv do.
type tally map[string]int

// read takes a log apart with the product's own reader.
func read(t *testing.T, name string) (days map[string]tally, events []reference.Event) {
	t.Helper()
	b := content(t, name)
	format, err := parse.Lookup(logs[name])
	if err != nil {
		t.Fatal(err)
	}
	opts := decode.Options{HonorGPC: true}
	if logs[name] == "combined" {
		opts.UserParam = synth.UserParam
	}
	d, err := decode.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ids := decode.NewIDs(b[:min(len(b), 4096)])
	days = map[string]tally{}
	offset := int64(0)
	var r parse.Request
	var ev decode.Event
	for raw := range bytes.Lines(b) {
		at := offset
		offset += int64(len(raw))
		if !bytes.HasSuffix(raw, []byte("\n")) {
			t.Errorf("%s: the last line is cut off", name)
		}
		line := parse.TrimLineEnd(raw)
		if parse.Blank(line) {
			continue
		}
		var day, column string
		if format.Parse(line, &r) != nil {
			column = "rejects_malformed"
		} else {
			if r.HasTime {
				day = time.UnixMicro(r.Time).UTC().Format(time.DateOnly)
			}
			switch o := d.Decode(&r, reading.UnixMicro(), &ev); o.Kind {
			case decode.Reject:
				column = "rejects_" + o.Reason
			case decode.NotCounted:
				column = "not_counted_" + o.Reason
			case decode.Ignored:
				column = "ignored"
			default:
				column = string(ev.Type) + "s"
				if ev.ID == nil {
					if ev.ID, err = ids.Append(nil, at, line); err != nil {
						t.Fatal(err)
					}
				}
				events = append(events, event(&ev, at))
			}
		}
		if days[day] == nil {
			days[day] = tally{}
		}
		days[day][column]++
	}
	return days, events
}

func event(ev *decode.Event, offset int64) reference.Event {
	text := func(b []byte) *string {
		if b == nil {
			return nil
		}
		return new(string(b))
	}
	id := func(n int64) *int64 {
		if n == 0 {
			return nil
		}
		return &n
	}
	e := reference.Event{Type: string(ev.Type), EventID: string(ev.ID), EventTime: time.UnixMicro(ev.Time).UTC(), UserID: text(ev.UserID),
		Token: text(ev.Token), PixelID: id(ev.PixelID), PixelCode: text(ev.PixelCode), MemberID: id(ev.MemberID), TrackerID: id(ev.TrackerID),
		OrderID: text(ev.OrderID), ValueText: text(ev.ValueText), Other: text(ev.Other), SSPData: text(ev.SSPData), Consent: ev.Consent,
		SourceOffset: offset, ServerSide: ev.ServerSide}
	if ev.InvalidReason != "" {
		e.InvalidReason = new(ev.InvalidReason)
	}
	if ev.HasValue {
		e.Value = new(ev.Value)
	}
	return e
}

func all(t *testing.T) []reference.Event {
	t.Helper()
	var events []reference.Event
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		_, e := read(t, name)
		events = append(events, e...)
	}
	return events
}

func TestAccountAddsUp(t *testing.T) {
	lines := map[string]int{}
	for _, row := range table(t, "account.csv") {
		sum, events := 0, 0
		for column, n := range row {
			switch column {
			case "file", "day", "lines", "events":
				continue
			case "impressions", "clicks", "conversions", "segments", "universals":
				events += number(t, n)
			}
			sum += number(t, n)
		}
		if number(t, row["events"]) != events || number(t, row["lines"]) != sum {
			t.Errorf("%s %s: %s lines, %s events; the parts give %d and %d", row["file"], row["day"], row["lines"], row["events"], sum, events)
		}
		lines[row["file"]] += sum
	}
	for name := range logs {
		n := 0
		for line := range bytes.Lines(content(t, name)) {
			if len(bytes.TrimSpace(line)) > 0 {
				n++
			}
		}
		if lines[name] != n {
			t.Errorf("%s has %d lines, the account %d", name, n, lines[name])
		}
	}
}

func TestReaderArrivesAtTheAccount(t *testing.T) {
	want := map[string]map[string]string{}
	for _, row := range table(t, "account.csv") {
		want[row["file"]+" "+row["day"]] = row
	}
	found := 0
	for name := range logs {
		days, _ := read(t, name)
		for day, counts := range days {
			found++
			row := want[name+" "+day]
			for column, n := range row {
				switch column {
				case "file", "day", "lines", "events":
				default:
					if counts[column] != number(t, n) {
						t.Errorf("%s %s: %s: the reader finds %d, the account says %s", name, day, column, counts[column], n)
					}
				}
			}
			if row == nil {
				t.Errorf("%s %q is not in the account", name, day)
			}
		}
	}
	if found != len(want) {
		t.Errorf("%d files and days, the account has %d", found, len(want))
	}
}

func TestReferenceArrivesAtTheVerdicts(t *testing.T) {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	got := reference.Attribute(catalog(t), all(t), nil)
	want := table(t, "attributions.csv")
	if len(got) != len(want) {
		t.Fatalf("%d conversions, %d expected", len(got), len(want))
	}
	for i, a := range got {
		row := map[string]string{"conversion_id": a.ConversionID, "outcome": a.Outcome, "reason": text(a.Reason), "conversion_type": text(a.ConversionType),
			"touch_id": text(a.TouchID), "line_item_id": "", "booked_revenue": a.BookedRevenue.String()}
		if a.LineItemID != nil {
			row["line_item_id"] = strconv.FormatInt(*a.LineItemID, 10)
		}
		if !maps.Equal(row, want[i]) {
			t.Errorf("order %q at %s: %v, expected %v", text(a.OrderID), a.ConversionTime, row, want[i])
		}
	}
}

func TestRevenueIsTheSumOfTheVerdicts(t *testing.T) {
	type figures struct{ imps, clicks, views, clicked int }
	cat := catalog(t)
	counts, booked := map[string]figures{}, map[string]schemas.Money{}
	for _, e := range all(t) {
		if e.InvalidReason != nil || e.Consent == decode.Denied || e.Type != reference.Impression && e.Type != reference.Click {
			continue
		}
		item := ""
		if tr := cat.Tracker(*e.TrackerID); tr != nil {
			item = strconv.FormatInt(tr.LineItemID, 10)
		}
		f := counts[item]
		if e.Type == reference.Click {
			f.clicks++
		} else {
			f.imps++
		}
		counts[item] = f
	}
	for _, row := range table(t, "attributions.csv") {
		if row["outcome"] != "attributed" {
			continue
		}
		f := counts[row["line_item_id"]]
		if row["conversion_type"] == "post_view" {
			f.views++
		} else {
			f.clicked++
		}
		counts[row["line_item_id"]] = f
		m, ok := schemas.ParseMoney(row["booked_revenue"])
		if !ok {
			t.Fatalf("booked_revenue %q", row["booked_revenue"])
		}
		booked[row["line_item_id"]] += m
	}
	rows := table(t, "revenue.csv")
	for _, row := range rows {
		item := row["line_item_id"]
		want := figures{number(t, row["imps"]), number(t, row["clicks"]), number(t, row["post_view_convs"]), number(t, row["post_click_convs"])}
		if counts[item] != want || number(t, row["total_convs"]) != want.views+want.clicked || booked[item].String() != row["booked_revenue"] {
			t.Errorf("line item %q: %+v and %s, revenue.csv has %v", item, counts[item], booked[item], row)
		}
		if item != "" {
			id, _ := strconv.ParseInt(item, 10, 64)
			l := cat.LineItem(id)
			if l.Name != row["line_item_name"] || cat.Advertiser(l.AdvertiserID).Currency != row["currency"] {
				t.Errorf("line item %d is %q in %s", id, l.Name, cat.Advertiser(l.AdvertiserID).Currency)
			}
		}
	}
	if len(rows) != len(counts) {
		t.Errorf("%d line items, revenue.csv has %d", len(counts), len(rows))
	}
}

// Every story of the README stands in the logs: its orders do.
func TestReadmeTellsOfTheLogs(t *testing.T) {
	readme := string(content(t, "README.md"))
	for _, e := range all(t) {
		if e.Type == reference.Conversion && e.OrderID != nil && (strings.HasPrefix(*e.OrderID, "PS-") || strings.HasPrefix(*e.OrderID, "AB-")) &&
			!strings.Contains(readme, *e.OrderID) {
			t.Errorf("%s is in the logs and not in the README", *e.OrderID)
		}
	}
}
