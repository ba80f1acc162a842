package export

import (
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

var made = time.Date(2026, 11, 14, 6, 0, 0, 0, time.UTC)

// world is a lake with a ledger of closed days, and the catalogs of its closes.
type world struct {
	t        testing.TB
	lake     *lake.Lake
	days     []Day
	catalogs map[string]*schemas.Catalog
	formats  []report.Format
	opened   int
}

func network(lineItem string) *schemas.Catalog {
	return &schemas.Catalog{
		MemberID: 958, Currency: "USD",
		Advertisers:     []schemas.Advertiser{{ID: 7, Name: "ProStarr", Code: "prostarr", Currency: "USD"}, {ID: 8, Name: "=cmd|' /C calc'!A0", Currency: "EUR"}},
		InsertionOrders: []schemas.InsertionOrder{{ID: 61, AdvertiserID: 7, Name: "Autumn", PONumber: "0045"}},
		LineItems: []schemas.LineItem{
			{ID: 382, AdvertiserID: 7, InsertionOrderID: 61, Name: lineItem, Code: "shoes", State: schemas.Active},
			{ID: 9007199254740993, AdvertiserID: 8, Name: "Größe\n\"XL\"", State: schemas.Active},
		},
		Pixels: []schemas.Pixel{{ID: 9012, AdvertiserID: 7, Name: "Checkout", State: schemas.Active}},
	}
}

// The ledger of the tests: by day, the entries as SQL rows of entry_id,
// business_day, kind, conversion_id, type, advertiser, line item, pixel, amount,
// currency, reason, reverses.
var books = []struct {
	day, catalog string
	entries      []string
	amounts      map[string]string
}{
	{"2026-11-10", "first", []string{
		"'e3', DATE '2026-11-10', 'booking', 'c3', 'post_view', 8, 9007199254740993, NULL, 3.333333, 'EUR', NULL, NULL",
		"'e1', DATE '2026-11-10', 'booking', 'c1', 'post_click', 7, 382, 9012, 12.5, 'USD', NULL, NULL",
		"'e2', DATE '2026-11-10', 'booking', 'c2', 'post_click', 7, 382, 9012, 12.5, 'USD', NULL, NULL",
	}, map[string]string{"EUR": "3.333333", "USD": "25.000000"}},
	{"2026-11-11", "first", nil, map[string]string{}},
	{"2026-11-12", "second", []string{
		"'e4', DATE '2026-11-10', 'adjustment', 'c1', 'post_click', 7, 382, 9012, -12.5, 'USD', 'voided: returned', 'e1'",
		"'e5', DATE '2026-11-12', 'credit', NULL, NULL, 7, 382, NULL, -0.5, 'USD', '=goodwill', NULL",
		"'e6', DATE '2026-11-12', 'booking', 'c4', 'post_view', 7, 382, 9012, 0, 'USD', NULL, NULL",
	}, map[string]string{"USD": "-13.000000"}},
}

func newWorld(t testing.TB) *world {
	t.Helper()
	l, err := lake.OpenOrCreate(filepath.Join(t.TempDir(), "lake"), made)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, lake: l, formats: []report.Format{report.CSV},
		catalogs: map[string]*schemas.Catalog{"first": network("Shoes"), "second": network("Shoes, renamed")},
	}
	db, err := lakedb.OpenSession(context.Background(), l, nil, lakedb.Options{Threads: 1, Now: made})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i, b := range books {
		day := schemas.Day(b.day)
		from, until := day.Bounds(time.UTC)
		w.days = append(w.days, Day{
			Day: day, Sequence: int64(i + 1), From: from, Until: until,
			Entries: int64(len(b.entries)), Amounts: b.amounts, Catalog: b.catalog,
		})
		if len(b.entries) > 0 {
			w.book(db, b.day, b.entries)
		}
	}
	return w
}

// copied gives a world that may be harmed.
func (w *world) copied(t testing.TB) *world {
	t.Helper()
	to := filepath.Join(t.TempDir(), "lake")
	if err := os.CopyFS(to, os.DirFS(w.lake.Root())); err != nil {
		t.Fatal(err)
	}
	l, err := lake.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, lake: l, days: w.days, catalogs: w.catalogs, formats: w.formats}
}

// book commits a day's entries.
func (w *world) book(db *lakedb.DB, day string, entries []string) {
	staging, err := w.lake.Stage()
	if err != nil {
		w.t.Fatal(err)
	}
	defer staging.Close()
	file := filepath.Join(staging.Dir(), "ledger.parquet")
	_, err = db.Exec(fmt.Sprintf(`COPY (
		SELECT entry_id, business_day, kind, conversion_id, TIMESTAMPTZ '2026-11-10 08:00:00Z' AS conversion_time, conversion_type,
			advertiser_id::BIGINT AS advertiser_id, line_item_id::BIGINT AS line_item_id, pixel_id::BIGINT AS pixel_id, NULL::VARCHAR AS touch_id,
			amount::DECIMAL(18, 6) AS amount, currency, reason::VARCHAR AS reason, reverses::VARCHAR AS reverses, 'digest' AS catalog_digest
		FROM (VALUES (%s)) AS e(entry_id, business_day, kind, conversion_id, conversion_type, advertiser_id, line_item_id, pixel_id, amount, currency, reason, reverses)
	) TO '%s' (FORMAT parquet)`, strings.Join(entries, "), ("), file))
	if err != nil {
		w.t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	draft := &lake.Draft{Kind: "close", At: made, Add: []lake.Staged{{
		Folder: lake.DateFolder(schemas.Ledger, day), Name: "ledger.parquet", Rows: int64(len(entries)),
		Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
	}}}
	if _, err := w.lake.Commit(staging, func(*lake.State) (*lake.Draft, error) { return draft, nil }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) options() Options {
	return Options{
		Lake: w.lake, Days: w.days, Formats: w.formats, Zone: time.UTC,
		Open: func(ctx context.Context, digest string) (*lakedb.DB, *schemas.Catalog, error) {
			w.opened++
			cat := w.catalogs[digest]
			db, err := lakedb.Open(ctx, w.lake, cat, lakedb.Options{Threads: 1, Now: made})
			return db, cat, err
		},
	}
}

func (w *world) write() {
	w.t.Helper()
	if err := Write(context.Background(), w.options()); err != nil {
		w.t.Fatal(err)
	}
}

// files gives the bytes of all exports by path below the exports' folder.
func (w *world) files() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	root := exportsFolder(w.lake)
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(root, p)
		out[rel] = string(b)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	return out
}

// findings is what Verify tells.
func (w *world) findings() []string {
	w.t.Helper()
	var out []string
	if err := Verify(context.Background(), w.lake, w.days, func(s string) { out = append(out, s) }); err != nil {
		w.t.Fatal(err)
	}
	return out
}
