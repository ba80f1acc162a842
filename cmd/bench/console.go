package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const (
	pageGoal = 300 * time.Millisecond
	// A reader stays on a page for a while: meanwhile processes are made ready.
	pagePause = 2 * time.Second
	pageLooks = 3
)

// console measures how long people wait for each page of the console, over a
// lake of 90 days, compacted, attributed, closed and exported. The first look is
// the first that anybody takes at the page; later ones are of pages of their own
// too, for figures that are kept answer at once: the same page of another pixel,
// conversion or range.
func (b *bench) console() error {
	log, err := b.log("pixel.log", b.consoleLines, "--days", "90")
	if err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	conf, err := b.config("lake", log, "commit: {interval: 1s}\n")
	if err != nil {
		return err
	}
	content, err := os.ReadFile(conf)
	if err != nil {
		return err
	}
	content = bytes.Replace(content, []byte("127.0.0.1:0"), []byte(address), 1)
	if err := os.WriteFile(conf, content, 0o600); err != nil {
		return err
	}
	began, err := time.Parse(time.RFC3339, b.start)
	if err != nil {
		return err
	}
	now := "--now=" + began.AddDate(0, 0, 90).Add(10*time.Hour).Format(time.RFC3339)
	for _, args := range [][]string{
		{"ingest"}, {"compact"}, {"attribute"}, {"close", "--yes"}, {"export", "--to", "file:" + b.path("outbox")},
	} {
		f, err := measure(b.program, append(args, "-c", conf, now)...)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %.1f s, %d MiB\n", args[0], f.wall.Seconds(), f.peak>>20)
	}
	// What is asked for is of the last days, as people ask.
	pixels, err := b.column("SELECT id FROM pixels ORDER BY id LIMIT 3", conf, now)
	if err != nil {
		return err
	}
	conversions, err := b.column("SELECT conversion_id FROM attributions WHERE outcome = 'attributed' ORDER BY conversion_time DESC, conversion_id LIMIT 3", conf, now)
	if err != nil {
		return err
	}
	orders, err := b.column("SELECT order_id FROM attributions WHERE order_id IS NOT NULL ORDER BY conversion_time DESC, conversion_id LIMIT 3", conf, now)
	if err != nil {
		return err
	}
	c := exec.Command(b.program, "run", "-c", conf, now)
	c.Stderr = io.Discard
	if err := c.Start(); err != nil {
		return err
	}
	defer func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	}()
	site := "http://" + address
	if err := until(time.Minute, func() (bool, error) {
		r, err := http.Get(site + "/readyz")
		if err != nil {
			return false, nil
		}
		return r.StatusCode == http.StatusOK, r.Body.Close()
	}); err != nil {
		return fmt.Errorf("the daemon is not ready: %w", err)
	}
	time.Sleep(20 * time.Second) // as long as it takes somebody to open a browser
	return b.pages(site, pixels, conversions, orders)
}

// pages looks at each page and says how long that took.
func (b *bench) pages(site string, pixels, conversions, orders []string) error {
	of := func(format string, list []string) []string {
		var out []string
		for _, x := range list {
			out = append(out, fmt.Sprintf(format, url.PathEscape(x)))
		}
		return out
	}
	pages := [][]string{
		{"/"}, {"/pixels"}, of("/pixels/%s", pixels), {"/revenue", "/revenue?range=yesterday", "/revenue?range=last_7_days"},
		{"/conversions"}, of("/conversions?find=%s", orders), of("/conversions/%s", conversions), {"/sources"}, {"/jobs"}, {"/exports"}, {"/reports"},
	}
	for _, name := range []string{
		"advertiser_analytics", "attribution_models", "data_quality", "ledger_entries", "pixel_feed",
		"pixel_fired", "reconciliation", "revenue", "statement", "suspicious_traffic", "time_to_conversion", "unattributed",
	} {
		pages = append(pages, []string{"/reports/" + name})
	}
	pages = append(pages,
		[]string{"/reports/attributed_conversions", "/reports/attributed_conversions?range=yesterday"},
		of("/reports/attributed_urls?filter=pixel_id%%3D%s", pixels),
	)
	fmt.Printf("\n| page | first look, ms | other looks, ms | KB |\n|---|---|---|---|\n")
	var slowest time.Duration
	for _, same := range pages {
		var times []string
		var first time.Duration
		var size int64
		for i, path := range same[:min(len(same), pageLooks)] {
			time.Sleep(pagePause)
			took, n, err := look(site + path)
			if err != nil {
				return err
			}
			slowest = max(slowest, took)
			if i == 0 {
				first, size = took, n
			} else {
				times = append(times, fmt.Sprint(took.Milliseconds()))
			}
		}
		fmt.Printf("| %s | %d | %s | %d |\n", same[0], first.Milliseconds(), strings.Join(times, ", "), size>>10)
	}
	goal(slowest <= pageGoal, fmt.Sprintf("the slowest look took %.2f s", slowest.Seconds()), fmt.Sprintf("at most %v", pageGoal))
	return nil
}

// look gets a page and gives how long that took, to its last byte.
func look(page string) (time.Duration, int64, error) {
	start := time.Now()
	r, err := http.Get(page)
	if err != nil {
		return 0, 0, err
	}
	n, err := io.Copy(io.Discard, r.Body)
	if cerr := r.Body.Close(); err == nil {
		err = cerr
	}
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", page, r.Status)
	}
	return time.Since(start), n, err
}

// column gives the values of a statement's only column.
func (b *bench) column(statement, conf, now string) ([]string, error) {
	out, err := exec.Command(b.program, "query", statement, "-c", conf, now).Output()
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil {
		return nil, err
	}
	var values []string
	for _, r := range rows[min(1, len(rows)):] {
		values = append(values, r[0])
	}
	return slices.Compact(values), nil
}

// freeAddress gives a loopback address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
