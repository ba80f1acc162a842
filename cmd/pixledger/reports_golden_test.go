package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixledger/report"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// asked are what the golden reports are asked for, beside their time.
var asked = map[string]report.Params{
	"advertiser_analytics": {By: []string{"line_item_id"}, Interval: "daily"},
	"attributed_urls":      {Filters: []string{"pixel_id=9012"}},
	"reconciliation":       {Filters: []string{"advertiser_id=7"}, Values: map[string]string{"orders": "testdata/reports/orders.csv", "tolerance": "0.01"}},
	"revenue":              {Values: map[string]string{"include_open": "true"}},
	"statement":            {Values: map[string]string{"month": "2026-11"}},
	"time_to_conversion":   {By: []string{"line_item_id"}},
}

// Every built-in report of the sample logs, two of three days closed, in every
// format, is what stands in testdata/reports; of workbooks and Parquet their
// checksums do.
func TestReportsOfTheSampleLogsInEveryFormat(t *testing.T) {
	p := program{t: t, dir: t.TempDir()}
	p.run("demo", "--keep", "try")
	p.dir = filepath.Join(p.dir, "try")
	p.run("close", "--now", "2026-11-12T06:00:00Z")
	l, err := lake.Open(filepath.Join(p.dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	cat, _, err := schemas.LoadCatalog(filepath.Join(p.dir, "catalog.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 12, 14, 30, 0, 0, time.UTC)
	db, err := lakedb.Open(t.Context(), l, cat, lakedb.Options{Threads: 2, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	reports := report.BuiltIn()
	var sums strings.Builder
	for _, name := range reports.Names() {
		params := asked[name]
		params.Now, params.Zone = now, time.UTC
		for _, f := range report.Formats() {
			var out bytes.Buffer
			if err := reports.Run(context.Background(), db, name, params, &out, f); err != nil {
				t.Fatalf("%s as %s: %v", name, f, err)
			}
			file := name + "." + string(f)
			switch f {
			case report.XLSX, report.Parquet:
				sum := sha256.Sum256(out.Bytes())
				fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(sum[:]), file)
			case report.Table:
				goldenReport(t, name+".txt", out.String())
			case report.HTML: // the style is that of every page
				before, rest, _ := strings.Cut(out.String(), "<style>")
				_, after, ok := strings.Cut(rest, "</style>\n")
				if !ok {
					t.Fatalf("%s: the page has no style", name)
				}
				goldenReport(t, file, before+after)
			default:
				goldenReport(t, file, out.String())
			}
		}
	}
	goldenReport(t, "sums.txt", sums.String())
}

func goldenReport(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "reports", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := readText(t, path); got != want {
		t.Errorf("%s differs (go test -run %s -update accepts it); got:\n%s", path, t.Name(), got)
	}
}
