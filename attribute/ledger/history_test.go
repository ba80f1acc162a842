package ledger_test

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"pgregory.net/rapid"

	"pixledger/attribute"
	"pixledger/attribute/laketest"
	"pixledger/attribute/ledger"
	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// player lets a history of the naive ledger happen to a lake and the real one.
type player struct {
	*testLake
	dir    string
	events []reference.Event        // that are in the lake
	booked map[string]reference.Day // every entry so far, by its id: the day under which it was booked
	kept   map[string]string        // the ledger's files after the last close
}

func newPlayer(t laketest.T, dir string, c reference.Config) *player {
	t.Helper()
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		t.Fatalf("%v", err)
	}
	l := newLake(t, dir, nil, zone)
	l.opts.CloseAfter, l.opts.LedgerFrom = c.CloseAfter, schemas.Day(c.LedgerFrom)
	l.opts.AdjustDays, l.opts.AdjustLimit = c.AdjustDays, c.AdjustLimit
	return &player{testLake: l, dir: dir, booked: map[string]reference.Day{}, kept: map[string]string{}}
}

// take lets one step happen, and gives what a close did: as the naive ledger
// tells it, and by itself.
func (p *player) take(s reference.Step) (reference.Closing, *ledger.Summary) {
	p.t.Helper()
	switch {
	case s.Catalog != nil:
		cat, _, err := schemas.ParseCatalog("catalog.yaml", reference.CatalogFile(s.Catalog))
		if err != nil {
			p.t.Fatalf("%v", err)
		}
		p.opts.Attribute.Catalog = cat
	case s.Void != "":
		p.void(s.Void)
	case s.Credit != nil:
		c, err := ledger.NewCredit(p.opts.Attribute.Catalog, s.Credit.LineItemID, s.Credit.Amount, s.Credit.Reason, "me")
		if err == nil {
			_, err = ledger.AddCredit(p.Lake, c, made)
		}
		if err != nil {
			p.t.Fatalf("credit: %v", err)
		}
	case s.Close != nil:
		return p.takeClose(*s.Close)
	}
	p.commit(s.Events...)
	p.events = append(p.events, s.Events...)
	return reference.Closing{}, nil
}

func (p *player) takeClose(c reference.Close) (reference.Closing, *ledger.Summary) {
	p.t.Helper()
	p.at(c.Now)
	p.opts.Yes, p.opts.AcceptAdjustments = c.Yes, c.AcceptAdjustments
	s, err := p.tryClose()
	var limit *ledger.LimitError
	var long *ledger.LongFirstCloseError
	switch {
	case errors.As(err, &limit):
		return reference.Closing{Refused: reference.RefusedLimit}, nil
	case errors.As(err, &long):
		return reference.Closing{Refused: reference.RefusedYes}, nil
	case err != nil:
		p.t.Fatalf("close: %v", err)
	}
	did := reference.Closing{Entries: p.newEntries()}
	for _, d := range s.Days {
		did.Days = append(did.Days, reference.Day(d.Day))
	}
	return did, s
}

// newEntries reads the entries that were not there when it was last called.
func (p *player) newEntries() []reference.Entry {
	p.t.Helper()
	var out []reference.Entry
	p.Query(`
		SELECT entry_id, booked::VARCHAR, business_day::VARCHAR, kind, conversion_id, conversion_time, conversion_type, advertiser_id,
			line_item_id, pixel_id, touch_id, amount, currency, reason, reverses, catalog_digest
		FROM read_parquet($1, hive_partitioning = true)
		ORDER BY booked, conversion_time, conversion_id, reverses IS NULL`, "ledger/*/*.parquet", func(rows *sql.Rows) error {
		var e reference.Entry
		var id string
		var amount duckdb.Decimal
		var reverses *string
		if err := rows.Scan(&id, &e.Booked, &e.BusinessDay, &e.Kind, &e.ConversionID, &e.ConversionTime, &e.ConversionType, &e.AdvertiserID,
			&e.LineItemID, &e.PixelID, &e.TouchID, &amount, &e.Currency, &e.Reason, &reverses, &e.CatalogDigest); err != nil {
			return err
		}
		if p.booked[id] != "" {
			return nil
		}
		p.booked[id] = e.Booked
		e.Amount = schemas.Money(amount.Value.Int64())
		if e.ConversionTime != nil {
			e.ConversionTime = new(e.ConversionTime.UTC())
		}
		if reverses != nil {
			e.Reverses = new(p.booked[*reverses])
		}
		out = append(out, e)
		return nil
	})
	return out
}

// What the documentation promises finance by example, the program does.
func TestLedgerByExample(t *testing.T) {
	defer ledger.WriteQuickly()()
	for _, doc := range []string{"../../docs/ledger-examples.md", "../reference/testdata/closes.md"} {
		histories, err := reference.Histories(doc)
		if err != nil {
			t.Fatal(err)
		}
		if len(histories) == 0 {
			t.Fatalf("%s has no example", doc)
		}
		for _, h := range histories {
			t.Run(strings.ReplaceAll(h.Name, " ", "_"), func(t *testing.T) {
				p := newPlayer(t, quickDir(t), h.Config)
				var closings []reference.Closing
				for _, s := range h.Steps {
					if did, _ := p.take(s); s.Close != nil {
						closings = append(closings, did)
					}
				}
				if err := h.Check(closings); err != nil {
					t.Errorf("%s: %v", doc, err)
				}
			})
		}
	}
}

// manyAdjustments ends with a close that books all there is: days, adjustments
// of every cause in two currencies, credits.
const manyAdjustments = `
advertiser 7 currency=USD
advertiser 8 currency=EUR
pixel 9012 advertiser=7 min_minutes_per_conv=0
pixel 9013 advertiser=8 min_minutes_per_conv=0
pixel 9014 advertiser=7
line_item 382 advertiser=7 pixel=9012 post_click_revenue=12.50 post_view_revenue=2.00
line_item 383 advertiser=7 pixel=9014 post_click_revenue=4
line_item 420 advertiser=8 pixel=9013 post_click_revenue=30
tracker 2766 impression line_item=382
tracker 21378 click line_item=382
tracker 21379 click line_item=383
tracker 21400 click line_item=420

2026-03-09 20:15 click      t1 user=anna tracker=21378
2026-03-10 09:00 impression t2 user=bert tracker=2766
2026-03-10 09:00 click      t3 user=carl tracker=21400
2026-03-10 09:00 click      t5 user=dora tracker=21379
2026-03-10 10:00 conversion c1 user=anna pixel=9012
2026-03-10 10:30 conversion c2 user=bert pixel=9012
2026-03-10 11:00 conversion c3 user=carl pixel=9013
2026-03-10 12:00 conversion c6 user=dora pixel=9014
credit line_item=420 amount=-5.00 reason="wrong ads"
close 2026-03-11 04:00
expect closed 2026-03-09 2026-03-10
expect ledger 2026-03-10 booking c1 12.50
expect ledger 2026-03-10 booking c2 2.00
expect ledger 2026-03-10 booking c3 30.00 currency=EUR
expect ledger 2026-03-10 booking c6 4.00
expect ledger 2026-03-10 credit -5.00 currency=EUR

2026-03-10 10:29 click      t4 user=bert tracker=21378
2026-03-10 11:30 conversion c7 user=dora pixel=9014
2026-03-11 10:00 conversion c4 user=anna pixel=9012
2026-03-12 10:00 conversion c5 user=carl pixel=9013
void c1
credit line_item=420 amount=-0.01 reason="again"
credit line_item=382 amount=7.00 reason="extra"
catalog changed
line_item 420 advertiser=8 pixel=9013 post_click_revenue=31
close 2026-03-13 04:00
expect closed 2026-03-11 2026-03-12
expect ledger 2026-03-12 adjustment c1 -12.50 reverses=2026-03-10 day=2026-03-10
expect ledger 2026-03-12 adjustment c2 -2.00 reverses=2026-03-10 day=2026-03-10 type=post_view
expect ledger 2026-03-12 adjustment c2 12.50 day=2026-03-10 type=post_click
expect ledger 2026-03-12 adjustment c3 -30.00 reverses=2026-03-10 day=2026-03-10
expect ledger 2026-03-12 adjustment c3 31.00 day=2026-03-10
expect ledger 2026-03-12 adjustment c6 -4.00 reverses=2026-03-10 day=2026-03-10
expect ledger 2026-03-12 adjustment c7 4.00 day=2026-03-10
expect ledger 2026-03-11 booking c4 12.50
expect ledger 2026-03-12 booking c5 31.00
expect ledger 2026-03-12 credit -0.01 line_item=420
expect ledger 2026-03-12 credit 7.00 line_item=382
`

// beforeManyAdjustments is a lake just before the last close of manyAdjustments.
func beforeManyAdjustments(t *testing.T) *testLake {
	t.Helper()
	h, err := reference.ParseHistory(manyAdjustments)
	if err == nil {
		err = h.Check(h.Run())
	}
	if err != nil {
		t.Fatal(err)
	}
	p := newPlayer(t, quickDir(t), h.Config)
	last := len(h.Steps) - 1
	for _, s := range h.Steps[:last] {
		p.take(s)
	}
	p.at(h.Steps[last].Close.Now)
	return p.testLake
}

// histories is how many histories are drawn, unless -rapid.checks says another
// number: a soak draws hundreds.
const histories = "12"

// The ledger books what a naive one books that decides everything again at each
// close: entry by entry, in every column, over any history, whatever else is
// done to the lake meanwhile.
func TestBooksWhatTheNaiveLedgerBooks(t *testing.T) {
	defer ledger.WriteQuickly()()
	if !checksGiven {
		defer setFlag(t, "rapid.checks", histories)()
	}
	base := quickDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		h := reference.DrawHistory(rt)
		dir, err := os.MkdirTemp(base, "history")
		if err != nil {
			rt.Fatalf("%v", err)
		}
		defer os.RemoveAll(dir)
		naive, p := reference.NewLedger(h.Config), newPlayer(rt, dir, h.Config)
		for i, s := range h.Steps {
			wrong := func(format string, args ...any) {
				rt.Helper()
				rt.Fatalf("step %d: %s\nin the history\n%s", i, fmt.Sprintf(format, args...), reference.FormatHistory(h.Expecting(h.Run())))
			}
			want := naive.Take(s)
			p.meanwhile(rt)
			got, sum := p.take(s)
			if s.Close == nil {
				continue
			}
			if got.Refused != want.Refused || fmt.Sprint(got.Days) != fmt.Sprint(want.Days) {
				wrong("refused for %q, closed %v; want %q, %v", got.Refused, got.Days, want.Refused, want.Days)
			}
			if diff := reference.DiffEntries(want.Entries, got.Entries); diff != "" {
				wrong("want (-), got (+):\n%s", diff)
			}
			if broken := p.lawsBroken(rt, got, sum); broken != "" {
				wrong("%s", broken)
			}
		}
	})
}

// setFlag sets a flag of the tests until it is restored.
func setFlag(t *testing.T, name, value string) (restore func()) {
	t.Helper()
	was := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	return func() { _ = flag.Set(name, was) }
}

// meanwhile does to the lake what must make no difference: attribution runs,
// the cache is gone, files are merged.
func (p *player) meanwhile(rt *rapid.T) {
	rt.Helper()
	if p.opts.Attribute.Catalog == nil {
		return
	}
	switch rapid.SampledFrom([]string{"nothing", "nothing", "nothing", "nothing", "attribute", "attribute", "compact", "forget"}).Draw(rt, "meanwhile") {
	case "attribute":
		p.opts.Attribute.Threads = rapid.IntRange(1, 3).Draw(rt, "threads")
		if _, err := attribute.Run(ctx(), p.opts.Attribute); err != nil {
			rt.Fatalf("attribute: %v", err)
		}
	case "compact":
		if len(p.events) > 0 {
			e := rapid.SampledFrom(p.events).Draw(rt, "compacted like")
			p.Compact(laketest.FolderOf(e), p.events)
		}
	case "forget":
		if err := os.RemoveAll(p.Path("_state/cache")); err != nil {
			rt.Fatalf("%v", err)
		}
	}
}

// lawsBroken says what does not hold after a close that must hold after each:
// no file of the ledger changes, and none comes under a day closed before; an
// attribution that knows nothing says the same; the ledger's sums are what it
// says; verify finds nothing; and to close again does nothing.
func (p *player) lawsBroken(rt *rapid.T, did reference.Closing, s *ledger.Summary) string {
	files := p.files()
	for path, sum := range p.kept {
		if files[path] != sum {
			return path + " has changed"
		}
	}
	for path := range files {
		if p.kept[path] == "" && (len(did.Days) == 0 || reference.Day(lake.FolderDate(path)) < did.Days[0]) {
			return path + " is under a day that was closed before"
		}
	}
	p.kept = files
	if len(did.Days) == 0 || rapid.IntRange(0, 2).Draw(rt, "look") > 0 {
		return ""
	}
	full := p.opts.Attribute
	full.Full = true
	if again, err := attribute.Run(ctx(), full); err != nil || again.Commit != 0 {
		return fmt.Sprintf("a full attribution is another, of %v; %v", again.Days, err)
	}
	if diff := p.differs(p.Attributions(), s); diff != "" {
		return diff
	}
	for _, f := range p.findings() {
		if !strings.HasPrefix(f, string(ledger.BeyondWindow)) {
			return "verify says " + f
		}
	}
	seq := p.state().Seq
	if again := p.close(); again.Commit != 0 || len(again.Days) > 0 || p.state().Seq != seq || !maps.Equal(p.files(), files) {
		return fmt.Sprintf("closed again, it closed %v", again.Days)
	}
	return ""
}
