package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"
)

// reportGoal is how long a built-in report may take.
const reportGoal = 2 * time.Second

// asked is one report, as somebody asks for it.
type asked struct {
	name string // and what is asked of it
	args []string
	// list is a report of single conversions over the whole lake, which writes
	// millions of rows: measured once, and by rows a second.
	list bool
}

// reportsAsked are the built-in reports, each over 30 days where it has a range.
func reportsAsked(orders string) []asked {
	const days = "--range=last_30_days"
	advertiser := fmt.Sprintf("--filter=advertiser_id=%d", orderedBy)
	return []asked{
		{name: "advertiser_analytics, total", args: []string{"advertiser_analytics", days}},
		{name: "advertiser_analytics, days and line items", args: []string{"advertiser_analytics", days, "--interval=daily", "--by=advertiser_id,line_item_id"}},
		{name: "advertiser_analytics, pixels", args: []string{"advertiser_analytics", days, "--by=advertiser_id,pixel_id"}},
		{name: "time_to_conversion", args: []string{"time_to_conversion", days}},
		{name: "unattributed", args: []string{"unattributed", days}},
		{name: "revenue", args: []string{"revenue", days}},
		{name: "revenue, open days too", args: []string{"revenue", days, "--include-open"}},
		{name: "statement", args: []string{"statement", "--month=2026-05"}},
		{name: "pixel_fired", args: []string{"pixel_fired"}},
		{name: "attributed_urls", args: []string{"attributed_urls", "--filter=pixel_id=1"}},
		{name: "data_quality", args: []string{"data_quality", days}},
		{name: "reconciliation, one advertiser", args: []string{"reconciliation", days, "--orders=" + orders, advertiser}},
		{name: "ledger_entries, one advertiser", args: []string{"ledger_entries", days, advertiser}},
		{name: "attributed_conversions, one advertiser", args: []string{"attributed_conversions", days, advertiser}},
		{name: "pixel_feed, one advertiser", args: []string{"pixel_feed", days, advertiser}},
		{name: "ledger_entries, all", args: []string{"ledger_entries", days}, list: true},
		{name: "attributed_conversions, all", args: []string{"attributed_conversions", days}, list: true},
		{name: "pixel_feed, all", args: []string{"pixel_feed", days}, list: true},
	}
}

// reports measures every built-in report over 30 days of a large lake. The lists
// of single conversions are measured for one advertiser of fifty, and whole.
func (b *bench) reports() error {
	orders, err := b.reportLake("lake")
	if err != nil {
		return err
	}
	fmt.Printf("| medians of %d runs, lists whole once | rows | wall s | CPU s | peak MiB | k rows/s |\n|---|---|---|---|---|---|\n", b.runs)
	var within, beyond []string
	for _, a := range reportsAsked(orders) {
		runs := b.runs
		if a.list {
			runs = 1
		}
		var took []figures
		var rows int64
		for range runs {
			out := b.path("report.csv")
			args := append([]string{"report", "-c", b.path("lake.yaml"), "--now", pastMidnight.Format(time.RFC3339), "--format=csv", "-o", out}, a.args...)
			var messages bytes.Buffer // reconciliation's totals among them
			f, err := measureTo(&messages, b.program, args...)
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", a.name, err, &messages)
			}
			took = append(took, f)
			if rows, err = lineCount(out); err != nil {
				return err
			}
			rows-- // the header
			if err := os.Remove(out); err != nil {
				return err
			}
		}
		f := median(took)
		fmt.Printf("| %s | %d | %.2f | %.2f | %d | %.0f |\n", a.name, rows, f.wall.Seconds(), f.cpu.Seconds(), f.peak>>20, float64(rows)/f.wall.Seconds()/1000)
		switch {
		case a.list:
		case f.wall <= reportGoal:
			within = append(within, a.name)
		default:
			beyond = append(beyond, fmt.Sprintf("%s takes %.2f s", a.name, f.wall.Seconds()))
		}
	}
	fmt.Println()
	goal(len(beyond) == 0, fmt.Sprintf("%d of %d reports over %d days of %d attributions are within the goal", len(within), len(within)+len(beyond), reportDays, b.attributions), "each at most 2 s")
	for _, text := range beyond {
		goal(false, text, "at most 2 s")
	}
	return nil
}

// lineCount counts the lines of a file; no field of these has a line end.
func lineCount(path string) (n int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for {
		k, err := f.Read(buf)
		n += int64(bytes.Count(buf[:k], []byte{'\n'}))
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
