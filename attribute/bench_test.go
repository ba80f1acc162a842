package attribute_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixledger/attribute"
	"pixledger/attribute/laketest"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// The size of the benchmark's lake. The touches spread over 90 days, one in
// twenty is a click; the conversions over the last days.
var (
	benchTouches     = flag.Int("touches", 2_000_000, "touches in the benchmark's lake")
	benchConversions = flag.Int("conversions", 20_000, "conversions in the benchmark's lake")
	benchDays        = flag.Int("days", 1, "last days that the conversions spread over")
)

// BenchmarkNight attributes all conversions of a lake from nothing.
func BenchmarkNight(b *testing.B) {
	l := benchLake(b)
	for b.Loop() {
		s, err := attribute.Run(context.Background(), attribute.Options{
			Lake: l.Lake, Catalog: l.cat, Now: now, Memory: "1GB", TempDir: b.TempDir(), TempSize: "20GB",
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(s.Conversions), "conversions")
		b.ReportMetric(float64(s.Attributed), "attributed")
	}
}

// benchLake is a lake of a network of 500 pixels with five line items each,
// every line item with one tracker.
func benchLake(b *testing.B) *testLake {
	b.Helper()
	cat := &schemas.Catalog{Version: 1, MemberID: 958, Currency: "USD", Advertisers: []schemas.Advertiser{{ID: 7, Name: "Seven", Currency: "USD"}}}
	for p := int64(1); p <= 500; p++ {
		cat.Pixels = append(cat.Pixels, schemas.Pixel{ID: p, AdvertiserID: 7, Name: "Pixel", State: schemas.Active, Base: schemas.PixelSettings{
			TriggerType: schemas.TriggerHybrid, PostViewExpireMins: schemas.DefaultViewMinutes, PostClickExpireMins: schemas.DefaultClickMinutes,
			MinMinutesPerConv: new(int64(60)), UniqueOrderID: true,
		}})
		for i := range int64(5) {
			item := schemas.LineItem{ID: (p-1)*5 + i + 1, AdvertiserID: 7, Name: "Line item", State: schemas.Active}
			item.Pixels = []schemas.Association{{PixelID: p, State: schemas.Active, Rates: []schemas.Rate{{
				From: now.AddDate(-1, 0, 0), PostClickRevenue: new(schemas.Money(12_500_000)), PostViewRevenue: new(schemas.Money(2_000_000)),
			}}}}
			cat.LineItems = append(cat.LineItems, item)
			cat.Trackers = append(cat.Trackers, schemas.Tracker{ID: item.ID, Kind: schemas.ClickTracker, LineItemID: item.ID})
		}
	}
	l := newLake(b, b.TempDir(), cat)
	for day := range 90 {
		date := now.AddDate(0, 0, day-90)
		from, until := *benchTouches*day/90, *benchTouches*(day+1)/90
		clicks := from + (until-from)/20
		l.synthesize(schemas.Click, date, from, clicks, *benchTouches)
		l.synthesize(schemas.Impression, date, clicks, until, *benchTouches)
		if n := day - (90 - *benchDays); n >= 0 {
			l.synthesize(schemas.Conversion, date, *benchConversions*n / *benchDays, *benchConversions*(n+1) / *benchDays, *benchTouches)
		}
	}
	return l
}

// synthesize commits one file of events of a day, those numbered from from to
// before until. touches is how many touches there are on all days; edit changes
// the statement, old text and new in turn.
func (l *testLake) synthesize(typ schemas.EventType, date time.Time, from, until, touches int, edit ...string) {
	l.t.Helper()
	staging, err := l.Stage()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer staging.Close()
	db, err := laketest.DB()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	query := "testdata/touches.sql"
	if typ == schemas.Conversion {
		query = "testdata/conversions.sql"
	}
	text, err := os.ReadFile(query)
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	p := filepath.Join(staging.Dir(), "events.parquet")
	day := date.Format(time.DateOnly)
	if _, err := db.Exec(strings.NewReplacer(edit...).Replace(string(text)), day, from, until, touches, p); err != nil {
		l.t.Fatalf("%v", err)
	}
	file := l.Staged(staging, lake.EventFolder(typ, day), "events.parquet", until-from)
	if _, err := l.Commit(staging, func(*lake.State) (*lake.Draft, error) {
		return &lake.Draft{Kind: "ingest", At: now, Add: []lake.Staged{file}}, nil
	}); err != nil {
		l.t.Fatalf("%v", err)
	}
}
