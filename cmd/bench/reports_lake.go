package main

import (
	_ "embed" // the statements
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

//go:embed repeats.sql
var repeatsSQL string

//go:embed attributions.sql
var attributionsSQL string

//go:embed ledger.sql
var ledgerSQL string

//go:embed orders.sql
var ordersSQL string

// The reports' lake: its ledger begins with its fourth day and has 85.
const (
	ledgerBegins = 3
	ledgerDays   = 85
	// adjustedAfter is how many days later differences of a day are booked.
	adjustedAfter = 3
	// orderedBy is the advertiser whose list of orders is compared.
	orderedBy = 1
	// reportDays are those that the reports are over.
	reportDays = 30
)

// pastMidnight is when the reports are asked for: the night is over, and its last
// hour was half an hour ago.
var pastMidnight = night.AddDate(0, 0, 1).Add(30 * time.Minute)

// reportNet is the network of the reports' lake: three touches for every five
// attributions, so that a month of 50 M has 10 M.
func (b *bench) reportNet() *network { return b.network(b.attributions * 3 / 5) }

// day is the day of that number of a lake of 90.
func day(i int) time.Time { return night.AddDate(0, 0, i+1-lakeDays) }

// reportFiles are the files of the reports' lake.
type reportFiles struct {
	events, attributions, ledger set
	// account is that of the lines, by day.
	account map[string]*lake.Counts
	orders  string // the advertiser's list
}

// reportFiles makes the files, or finds them in the cache.
func (b *bench) reportFiles() (*reportFiles, error) {
	n := b.reportNet()
	f := &reportFiles{account: map[string]*lake.Counts{}}
	for i := range lakeDays {
		date := day(i)
		events, err := n.touchesOf(date)
		if err != nil {
			return nil, err
		}
		conversions, err := n.conversionsOf(date, b.attributions/lakeDays)
		if err != nil {
			return nil, err
		}
		repeats, err := n.make(schemas.Conversion, date, fmt.Sprintf("repeats-%d", conversions[0].Rows), statement{repeatsSQL, []any{conversions[0].Path}})
		if err != nil {
			return nil, err
		}
		events = append(events, conversions[0], repeats)
		counts := &lake.Counts{Events: map[string]int64{}}
		for _, p := range events {
			kind, _, _ := strings.Cut(strings.TrimPrefix(p.Folder, "events/type="), "/")
			counts.Events[kind] += p.Rows
		}
		f.account[date.Format(time.DateOnly)] = counts
		f.events = append(f.events, events...)
		decided, err := n.attributionsOf(date, conversions[0])
		if err != nil {
			return nil, err
		}
		f.attributions = append(f.attributions, decided)
		if i < ledgerBegins || i >= ledgerBegins+ledgerDays {
			continue
		}
		booked, err := n.ledgerOf(date, decided, f.attributions[i-adjustedAfter], i >= ledgerBegins+adjustedAfter)
		if err != nil {
			return nil, err
		}
		f.ledger = append(f.ledger, booked)
	}
	var err error
	f.orders, err = n.ordersOf(f.attributions[lakeDays-reportDays:])
	return f, err
}

// attributionsOf makes the attributions of a day's conversions.
func (n *network) attributionsOf(date time.Time, conversions part) (part, error) {
	day := date.Format(time.DateOnly)
	return n.makeIn(lake.DateFolder(schemas.Attributions, day), day, fmt.Sprintf("attributions-%d", conversions.Rows), "conversion_time",
		statement{attributionsSQL, []any{conversions.Path, n.number(date) + n.touches, n.touches}})
}

// ledgerOf makes the entries of a closed day; adjusted tells whether those days
// that it looks back to are of the ledger.
func (n *network) ledgerOf(date time.Time, decided, before part, adjusted bool) (part, error) {
	day := date.Format(time.DateOnly)
	return n.makeIn(lake.DateFolder(schemas.Ledger, day), day, fmt.Sprintf("ledger-%d", decided.Rows), "conversion_time",
		statement{ledgerSQL, []any{day, decided.Path, before.Path, adjusted}})
}

// ordersOf makes the advertiser's list of the orders of those attributions.
func (n *network) ordersOf(attributions set) (string, error) {
	path := filepath.Join(n.cache, fmt.Sprintf("orders-%d.csv", attributions[0].Rows))
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	db, err := openNetwork()
	if err != nil {
		return "", err
	}
	defer db.Close()
	files := make([]string, len(attributions))
	for i, p := range attributions {
		files[i] = p.Path
	}
	if _, err := db.Exec(ordersSQL, files, orderedBy, path+".part"); err != nil {
		return "", fmt.Errorf("make %s: %w", path, err)
	}
	return path, os.Rename(path+".part", path)
}

// makeReports makes the files of the reports' lake.
func (b *bench) makeReports() error {
	_, err := b.reportFiles()
	return err
}

// prepareReports makes them in a process of its own, as prepare does.
func (b *bench) prepareReports() error {
	c := exec.Command(b.self, "-make-reports", "-attributions", fmt.Sprint(b.attributions), "-cache", b.cache)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c.Run()
}

// reportLake makes the lake, its catalog and a configuration with the default
// limit of memory, and gives the advertiser's list.
func (b *bench) reportLake(name string) (orders string, err error) {
	if err := b.prepareReports(); err != nil {
		return "", err
	}
	f, err := b.reportFiles()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(b.path("catalog.yaml"), reportCatalog(), 0o600); err != nil {
		return "", err
	}
	if _, err := b.config(name, "", "limits: {threads: 2}\n"); err != nil {
		return "", err
	}
	l, err := lake.OpenOrCreate(b.path(name), pastMidnight)
	if err != nil {
		return "", err
	}
	var lines int64
	for _, c := range f.account {
		lines += c.Lines()
	}
	read := lake.Range{SourceID: "reports", Edge: "edge-1", Name: "edge-1.log", End: lines * 448, Total: lines, Days: f.account}
	from, last := day(ledgerBegins).Format(time.DateOnly), day(ledgerBegins+ledgerDays-1).Format(time.DateOnly)
	for _, c := range []struct {
		draft lake.Draft
		files set
	}{
		{lake.Draft{Kind: "ingest", Ranges: []lake.Range{read}}, f.events},
		{lake.Draft{Kind: "attribute"}, f.attributions},
		{lake.Draft{Kind: lake.CloseKind, Notes: map[string]string{lake.NoteLedgerFrom: from, lake.NoteLastDay: last}}, f.ledger},
	} {
		c.draft.At = pastMidnight
		if err := commitAs(l, &c.draft, c.files); err != nil {
			return "", err
		}
	}
	fmt.Printf("%d attributions of %d days, %d entries of %d days in the ledger, %d events; %s of Parquet\n\n",
		f.attributions.rows(), lakeDays, f.ledger.rows(), ledgerDays, f.events.rows(), gigabytes(f.attributions, f.ledger, f.events))
	return f.orders, nil
}

// rows is how many the files have.
func (s set) rows() (n int64) {
	for _, p := range s {
		n += p.Rows
	}
	return n
}

func gigabytes(sets ...set) string {
	var n int64
	for _, s := range sets {
		for _, p := range s {
			n += p.Bytes
		}
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// reportCatalog is the catalog of the reports' lake: 50 advertisers of ten pixels
// each in three currencies.
func reportCatalog() []byte {
	var b strings.Builder
	b.WriteString("version: 1\nmember_id: 958\ncurrency: USD\nadvertisers:\n")
	for a := 1; a <= 50; a++ {
		fmt.Fprintf(&b, "  - {id: %d, name: Advertiser %d, code: a%d, currency: %s}\n", a, a, a, []string{"USD", "EUR", "GBP"}[a%3])
	}
	b.WriteString("insertion_orders:\n")
	for o := 1; o <= 250; o++ {
		fmt.Fprintf(&b, "  - {id: %d, advertiser_id: %d, name: Order %d, po_number: \"45%05d\"}\n", o, 1+(o-1)/5, o, o)
	}
	b.WriteString("pixels:\n")
	for p := 1; p <= 500; p++ {
		fmt.Fprintf(&b, "  - {id: %d, advertiser_id: %d, name: Pixel %d, min_minutes_per_conv: 60}\n", p, 1+(p-1)/10, p)
	}
	b.WriteString("line_items:\n")
	for i := 1; i <= 2500; i++ {
		fmt.Fprintf(&b, "  - {id: %d, advertiser_id: %d, insertion_order_id: %d, name: Line item %d, pixels: [{pixel_id: %d, rates: "+
			"[{from: 2025-01-01T00:00:00Z, post_click_revenue: \"12.50\", post_view_revenue: \"2.00\"}]}]}\n", i, 1+(i-1)/50, 1+(i-1)/10, i, 1+(i-1)/5)
	}
	b.WriteString("creatives:\n")
	for i := 1; i <= 2500; i++ {
		fmt.Fprintf(&b, "  - {id: %d, line_item_id: %d, name: Creative %d}\n", i, i, i)
	}
	b.WriteString("publishers:\n")
	for p := 1; p <= 100; p++ {
		fmt.Fprintf(&b, "  - {id: %d, name: Publisher %d}\n", p, p)
	}
	b.WriteString("trackers:\n")
	for i := 1; i <= 2500; i++ {
		fmt.Fprintf(&b, "  - {id: %d, kind: impression, line_item_id: %d, creative_id: %d, publisher_id: %d}\n", i, i, i, 1+i%100)
	}
	return []byte(b.String())
}
