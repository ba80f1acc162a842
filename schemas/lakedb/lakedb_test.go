package lakedb

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

func open(t *testing.T, cat *schemas.Catalog) *DB {
	t.Helper()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	l, err := lake.OpenOrCreate(filepath.Join(t.TempDir(), "lake"), now)
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(context.Background(), l, cat, Options{Memory: "512MB", Threads: 2, TempDir: t.TempDir(), TempSize: "1GB", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// An analyst's notebook must work from the first minute: every view answers
// with every column, of the type that the contract names, before any event.
func TestViewsHaveEveryColumnBeforeTheFirstEvent(t *testing.T) {
	db := open(t, nil)
	views := map[string]schemas.Dataset{
		"events": schemas.Events, "impressions": schemas.Events, "clicks": schemas.Events, "conversions": schemas.Events,
		"segment_events": schemas.Events, "rejects": schemas.Rejects, "attributions": schemas.Attributions,
		"ledger": schemas.Ledger, "voids": schemas.Voids,
	}
	for view, ds := range views {
		rows, err := db.Query("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = $1", view)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for rows.Next() {
			var name, typ string
			if err := rows.Scan(&name, &typ); err != nil {
				t.Fatal(err)
			}
			got[name] = typ
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		want := append(append([]schemas.Column{}, ds.Columns...), ds.Keys...)
		for _, c := range want {
			if got[c.Name] != string(c.Type) {
				t.Errorf("%s.%s is %q, want %q", view, c.Name, got[c.Name], c.Type)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s has %d columns, want %d: %v", view, len(got), len(want), got)
		}
		var n int64
		if err := db.QueryRow("SELECT count(*) FROM query_table($1)", view).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d rows, %v", view, n, err)
		}
	}
	var n int64
	if err := db.QueryRow("SELECT count(*) FROM segment_members").Scan(&n); err != nil || n != 0 {
		t.Errorf("segment_members: %d rows, %v", n, err)
	}
}

func TestCatalogTables(t *testing.T) {
	at := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	fine := time.Date(2026, 9, 1, 0, 0, 0, 123456001, time.UTC)
	rate := schemas.Money(12_500_000)
	zero := int64(0)
	db := open(t, &schemas.Catalog{
		MemberID: 958, Currency: "USD",
		Advertisers: []schemas.Advertiser{{ID: 9007199254740993, Name: "Größe; \"quoted\"", Currency: "EUR"},
			{ID: 8, Name: "B", Currency: "USD", RedirectHosts: []string{"*.shop.example"}}},
		LineItems: []schemas.LineItem{{ID: 382, AdvertiserID: 9007199254740993, Name: "Shoes", State: schemas.Active, Period: schemas.Period{From: &fine}, Pixels: []schemas.Association{
			{PixelID: 9012, State: schemas.Active, Rates: []schemas.Rate{{From: at, PostClickRevenue: &rate}}}}}},
		Pixels: []schemas.Pixel{{ID: 9012, AdvertiserID: 9007199254740993, Name: "Checkout", State: schemas.Active,
			Base:    schemas.PixelSettings{TriggerType: schemas.TriggerHybrid, PostViewExpireMins: 1440, PostClickExpireMins: 20160, MinMinutesPerConv: &zero, UniqueOrderID: true},
			Changes: []schemas.SettingsChange{{From: at, Set: schemas.SettingsKeys{PostClickExpireMins: true}, To: schemas.PixelSettings{PostClickExpireMins: 10080}}}}},
		Segments: []schemas.Segment{{ID: 1, Name: "Converters", Code: "converters"}},
	})
	for query, want := range map[string]string{
		"SELECT id || name FROM advertisers WHERE id > 8":                                         `9007199254740993Größe; "quoted"`,
		`SELECT concat_ws(' ', "from", post_click_revenue, post_view_revenue IS NULL) FROM rates`: "2026-09-01 00:00:00+00 12.500000 true",
		"SELECT settings[1].post_click_expire_mins || settings[1].trigger_type FROM pixels":       "10080hybrid",
		"SELECT min_minutes_per_conv FROM pixels":                                                 "0",
		"SELECT pixels[1].pixel_id FROM line_items":                                               "9012",
		// defaults are filled in: no redirect_hosts is an empty list
		"SELECT string_agg(to_json(redirect_hosts), ' ' ORDER BY id) FROM advertisers": `["*.shop.example"] []`,
		// finer than a column: the first microsecond that is not before it
		"SELECT active_from FROM line_items WHERE active_from IS NOT NULL": "2026-09-01T00:00:00.123457Z",
		"SELECT count(*) FROM trackers":                                    "0",
	} {
		var got string
		if err := db.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: got %q %v, want %q", query, got, err, want)
		}
	}
}

// What a user writes reaches the lake's data folders and nothing else.
func TestLockDown(t *testing.T) {
	db := open(t, nil)
	ctx := context.Background()
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := db.LockDown(ctx); err != nil {
		t.Fatal(err)
	}
	var n int64
	if err := db.QueryRow("SELECT count(*) FROM read_parquet($1)", db.Lake.Path("events/**/*.parquet")).Scan(&n); err != nil {
		t.Errorf("the lake's own files: %v", err)
	}
	if err := db.QueryRow("SELECT count(*) FROM events").Scan(&n); err != nil {
		t.Errorf("the views: %v", err)
	}
	for _, q := range []string{
		"SELECT * FROM read_csv('" + secret + "')",
		"SELECT * FROM read_text('" + db.Lake.Path("_state/lake.json") + "')",
		"SELECT * FROM glob('" + db.Lake.Path("events/../_state/*") + "')",
		"SET enable_external_access = true",
		"ATTACH '" + filepath.Join(t.TempDir(), "x.db") + "'",
	} {
		rows, err := db.Query(q)
		if err == nil {
			if rows.Next() {
				t.Errorf("%s: is let through", q)
			}
			err = rows.Err()
			rows.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "ermission") && !strings.Contains(err.Error(), "locked") {
			t.Errorf("%s: refused with %v", q, err)
		}
	}
}
