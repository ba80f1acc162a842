package explain

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"pixledger/attribute"
	"pixledger/attribute/laketest"
	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

var now = time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)

// testLake is a lake filled by hand, with the catalog that is configured for it.
type testLake struct {
	*laketest.Handmade
	t   laketest.T
	cat *schemas.Catalog
}

// newLake makes a lake and reads the catalog from a file, so that it has
// positions.
func newLake(t laketest.T, dir string, cat *schemas.Catalog) *testLake {
	t.Helper()
	out := &testLake{Handmade: laketest.New(t, dir, now), t: t}
	out.configure(cat)
	return out
}

// configure puts another catalog in force.
func (l *testLake) configure(cat *schemas.Catalog) {
	l.t.Helper()
	read, _, err := schemas.ParseCatalog(catalogFile, reference.CatalogFile(cat))
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	l.cat = read
}

const catalogFile = "catalog.yaml"

// attribute attributes the lake by the catalog configured.
func (l *testLake) attribute() {
	l.t.Helper()
	if _, err := l.KeepCatalog(l.cat.Content()); err != nil {
		l.t.Fatalf("%v", err)
	}
	if _, err := attribute.Run(context.Background(), attribute.Options{Lake: l.Lake, Catalog: l.cat, Now: now, Threads: 1}); err != nil {
		l.t.Fatalf("attribute: %v", err)
	}
}

// loseNotes removes what the attribution noted for the next one.
func (l *testLake) loseNotes() {
	l.t.Helper()
	if err := os.RemoveAll(l.Path("_state/cache")); err != nil {
		l.t.Fatalf("%v", err)
	}
}

// ageNotes makes the notes those of other decisions than the live ones.
func (l *testLake) ageNotes() {
	l.t.Helper()
	list := l.Path("_state/cache/attribute/cache.json")
	b, err := os.ReadFile(list)
	if err == nil {
		err = os.WriteFile(list, bytes.ReplaceAll(b, []byte(`"sha256":"`), []byte(`"sha256":"0`)), 0o600)
	}
	if err != nil {
		l.t.Fatalf("%v", err)
	}
}

// decided publishes rows as an attribution would that gives them.
func (l *testLake) decided(rows []reference.Attribution) {
	l.t.Helper()
	if _, err := l.KeepCatalog(l.cat.Content()); err != nil {
		l.t.Fatalf("%v", err)
	}
	days := map[string][]laketest.Row{}
	for _, w := range rows {
		day := lake.DateFolder(schemas.Attributions, w.ConversionTime.Format(time.DateOnly))
		days[day] = append(days[day], attributionRow(w))
	}
	var files []laketest.File
	for folder, rows := range days {
		files = append(files, laketest.File{Dataset: schemas.Attributions, Folder: folder, Rows: rows})
	}
	l.Add(lake.Draft{Kind: attribute.CommitKind, Notes: map[string]string{attribute.NoteCatalog: l.cat.Digest}}, files...)
}

func attributionRow(w reference.Attribution) laketest.Row {
	return laketest.Row{
		"conversion_id": w.ConversionID, "conversion_time": w.ConversionTime, "pixel_id": w.PixelID, "advertiser_id": w.AdvertiserID,
		"user_id": w.UserID, "order_id": w.OrderID, "value": w.Value, "other": w.Other, "server_side": w.ServerSide,
		"outcome": w.Outcome, "reason": w.Reason, "conversion_type": w.ConversionType, "touch_id": w.TouchID,
		"touch_time": w.TouchTime, "tracker_id": w.TrackerID, "line_item_id": w.LineItemID, "creative_id": w.CreativeID,
		"publisher_id": w.PublisherID, "booked_revenue": w.BookedRevenue, "currency": w.Currency, "rate_missing": w.RateMissing,
	}
}

// engine is one DuckDB for the looks of all lakes: opening one takes longer than
// a look.
var engine = sync.OnceValues(func() (*lakedb.DB, error) {
	dir, err := os.MkdirTemp("", "explain-engine-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), now)
	if err != nil {
		return nil, err
	}
	return lakedb.Open(context.Background(), l, nil, lakedb.Options{Now: now, Threads: 1})
})

// reader reads the lake as it is now.
func (l *testLake) reader() *reader {
	l.t.Helper()
	db, err := engine()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	state, err := l.State()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	return &reader{ctx: context.Background(), db: &lakedb.DB{DB: db.DB, Lake: l.Lake, State: state}}
}

func (l *testLake) options() Options {
	return Options{Lake: l.Lake, Catalog: l.cat, CatalogFile: catalogFile, Open: func() (*lakedb.DB, error) {
		return lakedb.Open(context.Background(), l.Lake, nil, lakedb.Options{Now: now, Threads: 1})
	}}
}

func (l *testLake) explain(r *reader, id string) *Explanation {
	l.t.Helper()
	x, err := explain(r, id, l.options())
	if err != nil {
		l.t.Fatalf("explain %s: %v", id, err)
	}
	return x
}
