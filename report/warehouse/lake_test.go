package warehouse_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixledger/report/warehouse"
	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// now is when the tests make their warehouse.
var now = time.Date(2026, 11, 13, 6, 0, 0, 0, time.UTC)

// catalog is a network of two advertisers, who pay in two currencies.
const catalog = `version: 1
member_id: 958
currency: USD
advertisers:
  - {id: 7, name: It's a "shop", redirect_hosts: ["*.shop.example"]}
  - {id: 8, name: Reisen, currency: EUR, code: r}
insertion_orders: [{id: 61, advertiser_id: 7, name: Autumn}]
line_items:
  - {id: 382, advertiser_id: 7, insertion_order_id: 61, name: Shoes, pixels: [{pixel_id: 9012, rates: [{from: 2026-01-01T00:00:00Z, post_click_revenue: "12.50"}]}]}
  - {id: 9007199254740993, advertiser_id: 8, name: Ski, pixels: [{pixel_id: 9013}]}
creatives: [{id: 5001, line_item_id: 382, name: Blue}]
publishers: [{id: 31, name: Daily Planet}]
trackers:
  - {id: 2766, kind: impression, line_item_id: 382, creative_id: 5001, publisher_id: 31}
  - {id: 21378, kind: click, line_item_id: 382, publisher_id: 31}
  - {id: 4000, kind: impression, line_item_id: 9007199254740993}
pixels:
  - {id: 9012, advertiser_id: 7, name: Checkout, piggyback_pixels: [{pixel_type: img, url: "https://x.example/p"}]}
  - {id: 9013, advertiser_id: 8, name: Buchung, settings: [{from: 2026-09-01T00:00:00Z, post_click_expire_mins: 60}]}
segments: [{id: 45962, name: Converters, code: converters, expire_minutes: 60}]
`

// testLake is a lake in a folder, filled by statements.
type testLake struct {
	*lake.Lake
	t   *testing.T
	cat *schemas.Catalog
}

// quickDir is a folder in memory where there is one: what is durable is not
// what these tests look at, or the machine of disktest knows it.
func quickDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pixledger-warehouse-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newLake(t *testing.T) *testLake {
	t.Helper()
	l, err := lake.OpenOrCreate(filepath.Join(quickDir(t), "lake"), now)
	if err != nil {
		t.Fatal(err)
	}
	cat, _, err := schemas.ParseCatalog("catalog.yaml", []byte(catalog))
	if err != nil {
		t.Fatal(err)
	}
	return &testLake{l, t, cat}
}

// over is the same lake by way of another disk.
func (l *testLake) over(d *disk.Disk, root string) (*testLake, error) {
	other, err := lake.OpenOrCreateOn(d, root, now)
	return &testLake{other, l.t, l.cat}, err
}

func (l *testLake) open() (*lakedb.DB, error) {
	return lakedb.Open(context.Background(), l.Lake, l.cat, lakedb.Options{Memory: "512MB", Threads: 2, TempDir: lake.TempDir(l.Root()), Now: now})
}

func (l *testLake) opened() *lakedb.DB {
	l.t.Helper()
	db, err := l.open()
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { db.Close() })
	return db
}

// fill commits what each statement gives to the folder that it stands behind;
// columns that a statement does not give are null.
func (l *testLake) fill(statements map[string]string) {
	l.t.Helper()
	db := l.opened()
	staging, err := l.Stage()
	if err != nil {
		l.t.Fatal(err)
	}
	defer staging.Close()
	draft := &lake.Draft{Kind: "ingest", At: now}
	for folder, statement := range statements {
		name := fmt.Sprintf("f%d.parquet", len(draft.Add))
		p := filepath.Join(staging.Dir(), name)
		seed := l.Path(lake.SeedFile(filepath.ToSlash(filepath.Join(filepath.Dir(folder), seedOf(folder)))))
		for _, s := range []string{
			"CREATE OR REPLACE TEMP TABLE filling AS FROM read_parquet('" + seed + "', hive_partitioning = false)",
			"INSERT INTO filling BY NAME " + statement,
			"COPY (FROM filling) TO '" + p + "' (FORMAT parquet)",
		} {
			if _, err := db.Exec(s); err != nil {
				l.t.Fatalf("%s: %v", s, err)
			}
		}
		content, err := os.ReadFile(p)
		if err != nil {
			l.t.Fatal(err)
		}
		var rows int64
		if err := db.QueryRow("SELECT count(*) FROM filling").Scan(&rows); err != nil {
			l.t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		draft.Add = append(draft.Add, lake.Staged{Folder: folder, Name: name, Rows: rows, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])})
	}
	if _, err := l.Commit(staging, func(*lake.State) (*lake.Draft, error) { return draft, nil }); err != nil {
		l.t.Fatal(err)
	}
}

// seedOf is the name of the folder with the empty file beside a dated one.
func seedOf(folder string) string {
	key, _, _ := strings.Cut(filepath.Base(folder), "=")
	return key + "=" + lake.SeedDate
}

// make makes the tables and publishes them.
func (l *testLake) make() (err error) {
	ctx := context.Background()
	db, err := l.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables, err := warehouse.Make(ctx, db, warehouse.Options{
		CatalogDigest: l.cat.Digest, Zone: time.UTC,
		Closed: []warehouse.ClosedDay{{Day: "2026-11-10", Sequence: 1, Begins: day(10), Ends: day(11), Entries: 2, CatalogDigest: "d"}},
	})
	if err != nil {
		return err
	}
	_, err = tables.Publish(ctx)
	return errors.Join(err, tables.Close())
}

func day(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }

// filled is a lake with events of all types in it, drawn by a seed.
func filled(t *testing.T, seed int) *testLake {
	t.Helper()
	l := newLake(t)
	// A number below n that is the same for every run.
	draw := func(salt string, n int) string {
		return fmt.Sprintf("((hash(i::VARCHAR || '%s%d') >> 17) %% %d)::INT", salt, seed, n)
	}
	at := func(date string) string {
		return "TIMESTAMPTZ '" + date + " 00:00:00Z' + to_seconds(" + draw("s", 86400) + ")"
	}
	common := func(date string) string {
		return `'e' || i AS event_id, ` + at(date) + ` AS event_time, now() AS ingested_at, 'edge' AS edge, 's' AS source_id, i AS source_offset,
			'GET' AS method, 200 AS status, ['unknown', 'granted', 'denied'][` + draw("c", 3) + ` + 1] AS consent,
			CASE WHEN ` + draw("b", 5) + ` = 0 THEN 'bot' END AS invalid_reason, 'u' || ` + draw("u", 9) + ` AS user_id`
	}
	touches := func(date, list string) string {
		return "SELECT " + common(date) + `, [2766, 21378, 4000, 77, NULL][` + draw("t", 5) + ` + 1] AS tracker_id,
			CASE WHEN ` + draw("m", 3) + ` > 0 THEN (` + draw("a", 1000000) + `)::DECIMAL(18, 6) / 1000 END AS media_cost FROM range(` + list + `) AS r (i)`
	}
	statements := map[string]string{}
	for _, date := range []string{"2026-11-10", "2026-11-11"} {
		statements[lake.EventFolder(schemas.Impression, date)] = touches(date, "200")
		statements[lake.EventFolder(schemas.Click, date)] = touches(date, "1000, 1080")
		statements[lake.EventFolder(schemas.Conversion, date)] = "SELECT " + common(date) + `, false AS server_side, 9012 AS pixel_id,
			'o' || ` + draw("o", 3) + ` AS order_id, CASE WHEN ` + draw("g", 2) + ` = 0 THEN [45962] END AS segments_added FROM range(20) AS r (i)
			UNION ALL BY NAME SELECT * REPLACE (source_offset + 1 AS source_offset, 'later' AS order_id) FROM (SELECT ` + common(date) + `, false AS server_side, 9012 AS pixel_id, 'x' AS order_id FROM range(10) AS r (i))`
		statements[lake.EventFolder(schemas.SegmentEvent, date)] = "SELECT " + common(date) + ", [45962, 5] AS segments_added, [i, NULL] AS segment_values FROM range(2000, 2020) AS r (i)"
		statements[lake.DateFolder(schemas.Attributions, date)] = `SELECT 'c' || i || '` + date + `' AS conversion_id, ` + at(date) + ` AS conversion_time,
			CASE WHEN ` + draw("w", 2) + ` = 0 THEN 7 ELSE 8 END AS advertiser_id, CASE WHEN ` + draw("w", 2) + ` = 0 THEN 9012 ELSE 9013 END AS pixel_id,
			CASE WHEN ` + draw("w", 2) + ` = 0 THEN 382 ELSE 9007199254740993 END AS line_item_id, CASE WHEN ` + draw("w", 2) + ` = 0 THEN 5001 END AS creative_id,
			[2766, 21378, 4000][` + draw("t", 3) + ` + 1] AS tracker_id, CASE WHEN ` + draw("p", 2) + ` = 0 THEN 31 END AS publisher_id,
			false AS server_side, false AS rate_missing, ['attributed', 'unattributed'][` + draw("o", 2) + ` + 1] AS outcome,
			['post_view', 'post_click'][` + draw("y", 2) + ` + 1] AS conversion_type, (` + draw("r", 100000000) + `)::DECIMAL(18, 6) / 1000 AS booked_revenue,
			CASE WHEN ` + draw("w", 2) + ` = 0 THEN 'USD' ELSE 'EUR' END AS currency FROM range(60) AS r (i)`
		statements[lake.DateFolder(schemas.Rejects, date)] = "SELECT now() AS ingested_at, 'edge' AS edge, 's' AS source_id, i AS source_offset, ['malformed', 'too_long'][" + draw("j", 2) + " + 1] AS reason, 1 AS length, 'x' AS raw FROM range(9) AS r (i)"
	}
	statements[lake.DateFolder(schemas.Ledger, "2026-11-10")] = `SELECT 'f' || (9 - i) AS entry_id, DATE '2026-11-10' AS business_day, 'booking' AS kind, 'c' || i AS conversion_id,
		now() AS conversion_time, 'post_view' AS conversion_type, 7 AS advertiser_id, 382 AS line_item_id, 9012 AS pixel_id, 1.5 AS amount, 'USD' AS currency, 'd' AS catalog_digest FROM range(2) AS r (i)`
	l.fill(statements)
	return l
}
