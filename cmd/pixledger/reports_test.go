package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/schemas"
)

// Over logs drawn at random, read by two sources, attributed and closed in
// part: the reports agree with each other and with the rows they are made from.
func TestReportsAgree(t *testing.T) {
	for seed, zone := range map[int]string{1: "Asia/Kolkata", 2: "America/New_York"} {
		t.Run(zone, func(t *testing.T) {
			p := program{t: t, dir: t.TempDir()}
			p.run("gen", "--seed", fmt.Sprint(seed), "--start", "2026-10-30T12:00:00Z", "--days", "4", "--lines", "4000", "--users", "150", "-o", "a.log", "--init-catalog", "catalog.yaml")
			// Another edge saw a part of the same requests, and wrote them in another order.
			b, err := os.ReadFile(filepath.Join(p.dir, "a.log"))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(b), "\n")
			var again strings.Builder
			for i := len(lines) - 1; i >= 0; i-- {
				if i%3 == 0 {
					again.WriteString(lines[i])
				}
			}
			write(t, filepath.Join(p.dir, "b.log"), again.String())
			write(t, filepath.Join(p.dir, "pixledger.yaml"), "lake: ./lake\ncatalog: ./catalog.yaml\ntime_zone: "+zone+`
sources:
  - {name: edge-a, path: ./a.log, format: pixledger}
  - {name: edge-b, path: ./b.log, format: pixledger}
`)
			now := []string{"--now", "2026-11-04T12:00:00Z"}
			p.run("ingest", "--now", "2026-11-04T12:00:00Z")
			p.run("attribute", "--now", "2026-11-04T12:00:00Z")
			p.run("close", "--now", "2026-11-02T12:00:00Z") // to 1 November
			report := func(args ...string) []map[string]string {
				return p.table(append(append([]string{"report"}, args...), now...)...)
			}
			query := func(sql string) []map[string]string { return p.table(append([]string{"query", sql}, now...)...) }
			sum := func(rows []map[string]string, figure string, by ...string) map[string]schemas.Money {
				out := map[string]schemas.Money{}
				for _, r := range rows {
					var of []string
					for _, c := range by {
						of = append(of, r[c])
					}
					m, ok := schemas.ParseMoney(r[figure])
					if !ok {
						t.Fatalf("%s is %q in %v", figure, r[figure], r)
					}
					if m != 0 {
						out[strings.Join(of, " ")] += m
					}
				}
				maps.DeleteFunc(out, func(_ string, m schemas.Money) bool { return m == 0 })
				return out
			}
			same := func(what string, got, want map[string]schemas.Money) {
				t.Helper()
				if !maps.Equal(got, want) || len(want) == 0 {
					t.Errorf("%s: %v and %v", what, got, want)
				}
			}

			analytics := report("advertiser_analytics", "--by", "advertiser_id,line_item_id")
			times := report("time_to_conversion", "--by", "advertiser_id,line_item_id")
			conversions := report("attributed_conversions")
			revenue, open := report("revenue"), report("revenue", "--include-open")
			statements := append(report("statement", "--month", "2026-10"), report("statement", "--month", "2026-11")...)
			of := []string{"advertiser_id", "line_item_id", "currency"}
			same("booked revenue of analytics and conversions", sum(analytics, "booked_revenue", of...), sum(conversions, "booked_revenue", of...))
			same("booked revenue of analytics and times", sum(analytics, "booked_revenue", of...), sum(times, "booked_revenue", of...))
			same("booked revenue of analytics and the ledger with its open days", sum(analytics, "booked_revenue", of...), sum(open, "amount", of...))
			same("conversions of analytics and times", sum(analytics, "total_convs", "line_item_id"), sum(times, "conversions", "line_item_id"))
			same("conversions of analytics and the ledger with its open days", sum(analytics, "total_convs", "line_item_id"), sum(open, "conversions", "line_item_id"))
			var booked, totals []map[string]string
			for _, r := range statements {
				if r["section"] == "total" {
					totals = append(totals, r)
				} else {
					booked = append(booked, r)
				}
			}
			same("statements and revenue", sum(booked, "amount", of...), sum(revenue, "amount", of...))
			same("totals and revenue", sum(totals, "amount", "advertiser_id", "currency"), sum(revenue, "amount", "advertiser_id", "currency"))
			if len(sum(open, "amount", "kind")) != 2 {
				t.Errorf("nothing is booked, or no day is open: %v", sum(open, "amount", "kind"))
			}

			quality := report("data_quality")
			for _, r := range quality {
				var n [5]int
				fmt.Sscan(strings.Join([]string{r["lines"], r["events"], r["rejects"], r["ignored"], r["not_counted"]}, " "), &n[0], &n[1], &n[2], &n[3], &n[4])
				if n[0] != n[1]+n[2]+n[3]+n[4] {
					t.Errorf("a row that does not add up: %v", r)
				}
			}
			same("events", sum(quality, "events", "source", "date"), sum(query("SELECT edge, date, count(*) AS n FROM events GROUP BY ALL"), "n", "edge", "date"))
			same("rejects", sum(quality, "rejects", "source"), sum(query("SELECT edge, count(*) AS n FROM rejects GROUP BY ALL"), "n", "edge"))
			same("bots", sum(quality, "bots", "source", "date"), sum(query("SELECT edge, date, count(*) AS n FROM events WHERE invalid_reason = 'bot' GROUP BY ALL"), "n", "edge", "date"))
			same("duplicates", sum(quality, "duplicates", "source", "date"), sum(query("SELECT edge, date, count(*) AS n FROM "+
				"(SELECT edge, date FROM events WHERE type = 'conversion' EXCEPT ALL SELECT edge, date FROM conversions) GROUP BY ALL"), "n", "edge", "date"))
			same("lines", sum(quality, "lines", "source"), sum(p.table("verify", "--account", "--format", "csv", "--now", "2026-11-04T12:00:00Z"), "lines", "edge"))
		})
	}
}
