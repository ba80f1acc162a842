package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/schemas/lake"
)

// The sample logs yield what was worked out by hand beside them: every line
// accounted for, every conversion decided, every cent of revenue.
func TestSampleLogsYieldWhatIsExpected(t *testing.T) {
	p := program{t: t, dir: t.TempDir()}
	out := p.run("demo", "--keep", "try")
	for _, want := range []string{"Autumn running shoes", "117.15 USD", "118.50 EUR", "EUR", "USD"} {
		if !strings.Contains(out, want) {
			t.Errorf("the demo does not show %q:\n%s", want, out)
		}
	}
	p.dir = filepath.Join(p.dir, "try")
	now := []string{"--now", "2026-11-13T06:00:00Z"}

	compareCSV(t, p.run(append([]string{"query", "--format", "csv",
		"SELECT conversion_id, outcome, reason, conversion_type, touch_id, line_item_id, booked_revenue FROM attributions"}, now...)...),
		filepath.Join(p.dir, "expected", "attributions.csv"))

	rows := p.table(append([]string{"report", "advertiser_analytics", "--by", "line_item_id", "--range", "last_7_days", "--format", "csv"}, now...)...)
	columns := strings.Split("line_item_id,line_item_name,imps,clicks,post_view_convs,post_click_convs,total_convs,booked_revenue,currency", ",")
	got := strings.Join(columns, ",") + "\n"
	for _, r := range rows {
		var cells []string
		for _, c := range columns {
			cells = append(cells, r[c])
		}
		got += strings.Join(cells, ",") + "\n"
	}
	revenue := filepath.Join(p.dir, "expected", "revenue.csv")
	compareCSV(t, got, revenue)

	l, err := lake.Open(filepath.Join(p.dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	compareCSV(t, accountCSV(state), filepath.Join(p.dir, "expected", "account.csv"))

	// Who is in which segment: Emma was put among the cart abandoners and the ski
	// fans by /seg, and her purchase took her out of the first.
	members := p.run(append([]string{"query", "--format", "csv", "SELECT segment_id, value, expires_at FROM segment_members WHERE user_id = '0A0200C0D566F46A2C03468F02070303' ORDER BY 1"}, now...)...)
	if want := "segment_id,value,expires_at\n45962,,\n46010,1,2027-02-09T13:00:05.25Z\n"; members != want {
		t.Errorf("segment_members: got %q, want %q", members, want)
	}

	// All of it again: nothing is read twice, nothing changes.
	if again := p.run(append([]string{"ingest"}, now...)...); !strings.Contains(again, "0 lines = 0 events") {
		t.Errorf("ingesting again: %s", again)
	}
	if again := p.run(append([]string{"attribute"}, now...)...); !strings.Contains(again, "nothing changed") {
		t.Errorf("attributing again: %s", again)
	}
	if out := p.run(append([]string{"verify"}, now...)...); !strings.Contains(out, "no differences") {
		t.Errorf("verify: %s", out)
	}
}

// accountCSV is the account of lines as expected/account.csv has it: lines
// without a readable time, which count under the day of reading, have no day.
func accountCSV(state *lake.State) string {
	var b strings.Builder
	b.WriteString("file,day,lines,impressions,clicks,conversions,segments,universals,events,rejects_malformed,rejects_missing_field,rejects_bad_time,not_counted_malformed,not_counted_method,not_counted_status,ignored\n")
	for _, src := range state.Sources {
		for day, c := range src.Days {
			if day == "2026-11-13" {
				day = ""
			}
			fmt.Fprintf(&b, "%s,%s,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d\n", filepath.Base(src.Name), day, c.Lines(),
				c.Events["impression"], c.Events["click"], c.Events["conversion"], c.Events["segment"], c.Events["universal"], lake.Sum(c.Events),
				c.Rejects["malformed"], c.Rejects["missing_field"], c.Rejects["bad_time"],
				c.NotCounted["malformed"], c.NotCounted["method"], c.NotCounted["status"], c.Ignored)
		}
	}
	return b.String()
}

// compareCSV compares rows in any order, each named where it differs.
func compareCSV(t *testing.T, got, wantFile string) {
	t.Helper()
	content, err := os.ReadFile(wantFile)
	if err != nil {
		t.Fatal(err)
	}
	have, want := csvRows(t, got), csvRows(t, string(content))
	if len(want) < 3 {
		t.Fatalf("%s holds %d rows", wantFile, len(want))
	}
	for row, n := range want {
		if have[row] != n {
			t.Errorf("%s: want %d× %s, got %d×", filepath.Base(wantFile), n, row, have[row])
		}
		delete(have, row)
	}
	for row := range have {
		t.Errorf("%s: not expected: %s", filepath.Base(wantFile), row)
	}
}

func csvRows(t *testing.T, text string) map[string]int {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, r := range records {
		out[strings.Join(r, " | ")]++
	}
	return out
}
