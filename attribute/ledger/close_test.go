package ledger_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/attribute/ledger"
	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// checksGiven tells whether -rapid.checks was.
var checksGiven bool

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Visit(func(f *flag.Flag) { checksGiven = checksGiven || f.Name == "rapid.checks" })
	if !checksGiven {
		if err := flag.Set("rapid.checks", worlds); err != nil {
			panic(err)
		}
	}
	m.Run()
}

// twoAdvertisers is a world of three days for two advertisers.
const twoAdvertisers = `
advertiser 7 currency=USD
advertiser 8 currency=EUR
pixel 9012 advertiser=7 code=checkout min_minutes_per_conv=0
pixel 9013 advertiser=8 min_minutes_per_conv=0
line_item 382 advertiser=7 pixel=9012 post_click_revenue=12.50 post_view_revenue=2.00
line_item 420 advertiser=8 pixel=9013 post_click_revenue=30
tracker 2766 impression line_item=382
tracker 21378 click line_item=382
tracker 21400 click line_item=420

2026-03-09 20:15 click      t1 user=anna tracker=21378
2026-03-10 10:00 conversion c1 user=anna pixel=9012 order=A-1
2026-03-10 10:30 conversion c2 user=anna pixel=9012 order=A-2
2026-03-11 09:00 impression t2 user=bert tracker=2766
2026-03-11 10:00 conversion c3 user=bert pixel=9012
2026-03-12 10:00 conversion c4 user=carl pixel=9013
2026-03-12 10:00 click      t4 user=carl tracker=21400
`

func parse(t *testing.T, text string) reference.Example {
	t.Helper()
	e, err := reference.Parse(text + "\nexpect c1 post_click touch=t1 revenue=12.50\n")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// event reads one event in the notation of the worked examples.
func event(t *testing.T, line string) reference.Event {
	t.Helper()
	e := parse(t, twoAdvertisers+line)
	return e.Events[len(e.Events)-1]
}

func filled(t *testing.T) *testLake {
	t.Helper()
	e := parse(t, twoAdvertisers)
	l := newLake(t, quickDir(t), e.Catalog, time.UTC)
	l.commit(e.Events...)
	return l
}

func TestBookingsOfEveryDueDay(t *testing.T) {
	l := filled(t)
	l.at(time.Date(2026, 3, 13, 3, 59, 0, 0, time.UTC)) // the 12th is due at 04:00
	s := l.close()
	l.want(
		"2026-03-10 2026-03-10 booking c1 post_click 382 12.500000 USD",
		"2026-03-10 2026-03-10 booking c2 post_click 382 12.500000 USD",
		"2026-03-11 2026-03-11 booking c3 post_view 382 2.000000 USD",
	)
	// The earliest event is of the 9th: a day without entries is closed too.
	if len(s.Days) != 3 || s.Days[0].Day != "2026-03-09" || s.Days[0].Entries != 0 || s.Days[2].Sequence != 3 || s.Plan.Next != "2026-03-12" {
		t.Errorf("closed %+v, next %s", s.Days, s.Plan.Next)
	}
	if sum := s.Booked["USD"]; sum.Short() != "27.00" || s.Bookings != 3 {
		t.Errorf("booked %d, %s", s.Bookings, sum)
	}
	mark := l.state().Latest[ledger.CloseKind]
	if mark.Notes[ledger.NoteLastDay] != "2026-03-11" || mark.Notes[ledger.NoteLedgerFrom] != "2026-03-09" || mark.Notes[ledger.NoteZone] != "UTC" {
		t.Errorf("notes %v", mark.Notes)
	}
	before := l.state().Seq
	if s := l.close(); s.Commit != 0 || len(s.Days) != 0 || l.state().Seq != before {
		t.Errorf("with no day due: %+v", s)
	}
	l.at(time.Date(2026, 3, 13, 4, 0, 0, 0, time.UTC))
	l.close()
	l.want(
		"2026-03-10 2026-03-10 booking c1 post_click 382 12.500000 USD",
		"2026-03-10 2026-03-10 booking c2 post_click 382 12.500000 USD",
		"2026-03-11 2026-03-11 booking c3 post_view 382 2.000000 USD",
		"2026-03-12 2026-03-12 booking c4 post_click 420 30.000000 EUR",
	)
	days, err := ledger.ClosedDays(l.Lake, l.state(), "")
	if err != nil || len(days) != 4 || days[3].Sequence != 4 || !days[3].From.Equal(days[2].Until) {
		t.Errorf("closed days %+v, %v", days, err)
	}
}

// The id of an entry is fixed: finance keeps it.
func TestEntryIDsAreKnown(t *testing.T) {
	if got := ledger.EntryID("2026-03-10", "c1", "booking", "+", 1); got != "978297661da85d0e6e3b22ea27de4d4a" {
		t.Errorf("got %s", got)
	}
	l := filled(t)
	l.dueAt("2026-03-10")
	l.close()
	if e := l.entries()[0]; e.entryID != ledger.EntryID("2026-03-10", "c1", "booking", "+", 1) {
		t.Errorf("c1 is booked as %s", e.entryID)
	}
}

// Late events, voids and the catalog: what each changes, and how it is said.
func TestAdjustments(t *testing.T) {
	l := filled(t)
	l.dueAt("2026-03-10")
	l.close()
	first := l.files()
	l.commit(event(t, "2026-03-10 08:00 conversion c0 user=anna pixel=9012 order=A-2"), // takes the order from c2
		event(t, "2026-03-10 10:10 click t9 user=anna tracker=21378")) // a later touch alone
	l.void("c1")
	l.dueAt("2026-03-11")
	s := l.close()
	one := []string{
		"2026-03-10 2026-03-10 booking c1 post_click 382 12.500000 USD",
		"2026-03-10 2026-03-10 booking c2 post_click 382 12.500000 USD",
		"2026-03-11 2026-03-10 adjustment c0 post_click 382 12.500000 USD now attributed",
		"2026-03-11 2026-03-10 adjustment c1 post_click 382 -12.500000 USD voided: returned " + short("2026-03-10", "c1", "booking", "+", 1),
		"2026-03-11 2026-03-10 adjustment c2 post_click 382 -12.500000 USD not attributed: duplicate_order " + short("2026-03-10", "c2", "booking", "+", 1),
		"2026-03-11 2026-03-11 booking c3 post_view 382 2.000000 USD",
	}
	l.want(one...)
	if len(s.Effects) != 1 || s.Effects[0].Conversions != 3 || s.Effects[0].Reversed.Short() != "-25.00" || s.Effects[0].Booked.Short() != "12.50" {
		t.Errorf("effects %+v", s.Effects)
	}
	dearer := parse(t, strings.Replace(twoAdvertisers, "12.50 post_view_revenue=2.00", "13.50 post_view_revenue=2.00", 1))
	l.opts.Attribute.Catalog = dearer.Catalog
	l.dueAt("2026-03-12")
	l.close()
	l.want(append(one,
		"2026-03-12 2026-03-10 adjustment c0 post_click 382 -12.500000 USD changed: amount "+short("2026-03-11", "c0", "adjustment", "+", 1),
		"2026-03-12 2026-03-10 adjustment c0 post_click 382 13.500000 USD changed: amount",
		"2026-03-12 2026-03-12 booking c4 post_click 420 30.000000 EUR",
	)...)
	for p, sum := range first {
		if l.files()[p] != sum {
			t.Errorf("%s has changed", p)
		}
	}
}

func short(booked schemas.Day, conversion, kind string, sign string, n int64) string {
	if sign == "-" {
		return ledger.EntryID(booked, conversion, kind, "-", n)[:6]
	}
	return ledger.EntryID(booked, conversion, kind, "+", n)[:6]
}

// What is older than adjust_days is let be.
func TestAdjustDaysBoundsAdjustments(t *testing.T) {
	l := filled(t)
	l.opts.AdjustDays = 2
	l.dueAt("2026-03-11")
	l.close()
	l.void("c1", "c3")
	l.dueAt("2026-03-12")
	l.close()
	l.want(
		"2026-03-10 2026-03-10 booking c1 post_click 382 12.500000 USD",
		"2026-03-10 2026-03-10 booking c2 post_click 382 12.500000 USD",
		"2026-03-11 2026-03-11 booking c3 post_view 382 2.000000 USD",
		"2026-03-12 2026-03-11 adjustment c3 post_view 382 -2.000000 USD voided: returned "+short("2026-03-11", "c3", "booking", "+", 1),
		"2026-03-12 2026-03-12 booking c4 post_click 420 30.000000 EUR",
	)
}

func TestLedgerFrom(t *testing.T) {
	l := filled(t)
	l.opts.LedgerFrom = "2026-03-11"
	l.dueAt("2026-03-12")
	if s := l.close(); s.Plan.LedgerFrom != "2026-03-11" || len(s.Days) != 2 {
		t.Errorf("closed %+v", s.Days)
	}
	want := []string{
		"2026-03-11 2026-03-11 booking c3 post_view 382 2.000000 USD",
		"2026-03-12 2026-03-12 booking c4 post_click 420 30.000000 EUR",
	}
	l.want(want...)
	// A late conversion of an earlier day is not booked.
	l.commit(event(t, "2026-03-10 08:00 conversion c0 user=anna pixel=9012"))
	l.opts.LedgerFrom = ""
	l.dueAt("2026-03-13")
	l.close()
	l.want(want...)
	l.opts.LedgerFrom = "2026-03-10"
	if _, err := l.tryClose(); err == nil || !strings.Contains(err.Error(), "2026-03-11") {
		t.Errorf("with another ledger_from: %v", err)
	}
}

func TestNothingToTellTheFirstDay(t *testing.T) {
	l := newLake(t, quickDir(t), parse(t, twoAdvertisers).Catalog, time.UTC)
	l.dueAt("2026-03-12")
	if s := l.close(); s.Commit != 0 || s.Plan.LedgerFrom != "" {
		t.Errorf("an empty lake: %+v", s.Plan)
	}
}

func TestZoneCantChange(t *testing.T) {
	l := filled(t)
	l.dueAt("2026-03-10")
	l.close()
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	l.opts.Zone = zone
	var refused *ledger.ZoneError
	if _, err := l.tryClose(); !errors.As(err, &refused) || refused.Closed != "UTC" {
		t.Errorf("in another zone: %v", err)
	}
}

func TestLongFirstCloseAsks(t *testing.T) {
	l := filled(t)
	l.dueAt("2026-04-13") // from the 9th on: 36 days
	var refused *ledger.LongFirstCloseError
	if _, err := l.tryClose(); !errors.As(err, &refused) || refused.First != "2026-03-09" || refused.Last != "2026-04-13" {
		t.Errorf("36 days: %v", err)
	}
	l.opts.Yes = true
	if s := l.close(); len(s.Days) != 36 {
		t.Errorf("closed %d days", len(s.Days))
	}
	l.opts.Yes = false
	l.dueAt("2026-05-30")
	if s := l.close(); len(s.Days) != 47 {
		t.Errorf("later %d days", len(s.Days))
	}
}

func TestGapsAreInTheWay(t *testing.T) {
	l := filled(t)
	l.dueAt("2026-03-10")
	gap := lake.Gap{ID: "g1", Source: "edge-1", Reason: lake.GapLost, From: made, To: made.Add(time.Hour)}
	l.opts.GapsInTheWay = func(_ *lake.State, from, until time.Time) []lake.Gap {
		if !from.Equal(time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)) || !until.Equal(time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("asked for %s to %s", from, until)
		}
		return []lake.Gap{gap}
	}
	before := l.state().Seq
	var refused *ledger.GapsError
	if _, err := l.tryClose(); !errors.As(err, &refused) || len(refused.Gaps) != 1 || l.state().Seq != before {
		t.Errorf("with a gap: %v", err)
	}
	l.opts.Accept = []lake.Acceptance{{GapID: "g1", By: "me", At: made}}
	l.close()
	if a := l.state().Accepted["g1"]; a.By != "me" {
		t.Errorf("accepted: %+v", a)
	}
}

// many is a lake with a closed day of so many conversions of 10 USD each.
func many(t *testing.T, n int) (*testLake, []string) {
	t.Helper()
	text := `
pixel 9012 min_minutes_per_conv=0
line_item 382 pixel=9012 post_click_revenue=10
tracker 21378 click line_item=382
2026-03-10 08:00 click t1 user=anna tracker=21378
`
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("c%d", i+1))
		text += fmt.Sprintf("2026-03-10 10:%02d conversion c%d user=anna pixel=9012\n", i%60, i+1)
	}
	e, err := reference.Parse(text + "expect c1 post_click touch=t1 revenue=10")
	if err != nil {
		t.Fatal(err)
	}
	l := newLake(t, quickDir(t), e.Catalog, time.UTC)
	l.commit(e.Events...)
	l.dueAt("2026-03-10")
	l.close()
	return l, ids
}

func TestAdjustLimit(t *testing.T) {
	for _, c := range []struct {
		what          string
		booked, voids int
		limit         *schemas.Money
		refused       bool
	}{
		{"few conversions, whatever they are worth", 20, 20, new(schemas.Money(10_000_000)), false},
		{"more than 20, beyond the limit", 30, 21, new(schemas.Money(10_000_000)), true},
		{"exactly the limit", 42, 21, new(schemas.Money(50_000_000)), false},
		{"just beyond it", 42, 21, new(schemas.Money(49_999_999)), true},
		{"no limit", 30, 21, nil, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			l, ids := many(t, c.booked)
			l.opts.AdjustLimit = c.limit
			l.void(ids[:c.voids]...)
			l.dueAt("2026-03-11")
			before := l.files()
			_, err := l.tryClose()
			var refused *ledger.LimitError
			if errors.As(err, &refused) != c.refused || err != nil && !c.refused {
				t.Fatalf("got %v", err)
			}
			if !c.refused {
				return
			}
			if !maps.Equal(l.files(), before) {
				t.Error("something was booked")
			}
			o := refused.Over[0]
			if o.Currency != "USD" || o.Conversions != int64(c.voids) || o.Differences.Short() != fmt.Sprintf("%d.00", 10*c.voids) || o.Booked.Short() != fmt.Sprintf("%d.00", 10*c.booked) {
				t.Errorf("over: %+v", o)
			}
			if len(refused.Effects) != 1 || refused.Effects[0].Reversed.Short() != fmt.Sprintf("-%d.00", 10*c.voids) {
				t.Errorf("effects: %+v", refused.Effects)
			}
			l.opts.AcceptAdjustments = "Ms Fine"
			l.close()
			if got := l.state().Latest[ledger.CloseKind].Notes["adjustments_accepted"]; got != "Ms Fine" {
				t.Errorf("accepted by %q", got)
			}
		})
	}
}

// A rate that goes from 10 to 11 is a difference of 1, and not of 21.
func TestLimitCountsDifferences(t *testing.T) {
	l, _ := many(t, 30)
	dearer := *l.opts.Attribute.Catalog
	dearer.Digest = "dearer"
	dearer.LineItems = slices.Clone(dearer.LineItems)
	dearer.LineItems[0].Pixels = slices.Clone(dearer.LineItems[0].Pixels)
	dearer.LineItems[0].Pixels[0].Rates = []schemas.Rate{{From: made.AddDate(0, -1, 0), PostClickRevenue: new(schemas.Money(11_000_000))}}
	l.opts.Attribute.Catalog = &dearer
	l.dueAt("2026-03-11")
	if s := l.close(); s.Effects[0].Conversions != 30 || s.Effects[0].Reversed.Short() != "-300.00" || s.Effects[0].Booked.Short() != "330.00" {
		t.Errorf("effects: %+v", s.Effects)
	}
}

// Where nothing was booked on the 30 days before, anything of more than 20
// conversions is beyond the limit.
func TestLimitWithNothingBooked(t *testing.T) {
	l, ids := many(t, 21)
	l.dueAt("2026-04-12")
	l.close()
	l.void(ids...)
	l.dueAt("2026-04-13")
	var refused *ledger.LimitError
	if _, err := l.tryClose(); !errors.As(err, &refused) || refused.Over[0].Booked != nil {
		t.Errorf("got %v", err)
	}
}

func (l *testLake) credit(lineItem int64, amount schemas.Money) {
	l.t.Helper()
	c, err := ledger.NewCredit(l.opts.Attribute.Catalog, lineItem, amount, "negotiated", "me")
	if err == nil {
		_, err = ledger.AddCredit(l.Lake, c, l.opts.Attribute.Now)
	}
	if err != nil {
		l.t.Fatalf("credit: %v", err)
	}
}

func TestCreditsAreBookedWithTheNextClose(t *testing.T) {
	l := filled(t)
	l.credit(420, -5_000_000)
	l.credit(382, 1)
	l.dueAt("2026-03-10")
	if s := l.close(); len(s.Credits) != 2 {
		t.Errorf("credits %+v", s.Credits)
	}
	want := []string{
		"2026-03-10 2026-03-10 booking c1 post_click 382 12.500000 USD",
		"2026-03-10 2026-03-10 booking c2 post_click 382 12.500000 USD",
		"2026-03-10 2026-03-10 credit 420 -5.000000 EUR negotiated",
		"2026-03-10 2026-03-10 credit 382 0.000001 USD negotiated",
	}
	got := l.entries()
	if got[2].entryID != ledger.EntryID("2026-03-10", "", "credit", "-", 1) {
		got[2], got[3] = got[3], got[2]
	}
	if got[3].entryID != ledger.EntryID("2026-03-10", "", "credit", "+", 2) || got[2].String() != want[2] || got[3].String() != want[3] {
		t.Errorf("credits: %v", got[2:])
	}
	pending := func(want int) {
		t.Helper()
		list, err := ledger.PendingCredits(l.Lake, l.state())
		if err != nil || len(list) != want {
			t.Errorf("pending: %v, %v", list, err)
		}
	}
	pending(0)
	l.credit(382, 7)
	pending(1)
	l.dueAt("2026-03-11")
	l.close()
	pending(0)
	if n := len(l.entries()); n != 6 {
		t.Errorf("%d entries", n)
	}
	if _, err := ledger.NewCredit(l.opts.Attribute.Catalog, 9, 1, "r", "me"); err == nil {
		t.Error("a credit for a line item that is not there")
	}
}

func TestVoids(t *testing.T) {
	l := filled(t)
	if v := l.void("c3", "c1", "c3"); !slices.Equal(v.Conversions, []string{"c1", "c3"}) {
		t.Errorf("voided %v", v.Conversions)
	}
	before := l.state().Seq
	if v := l.void("c1"); v.Commit != 0 || l.state().Seq != before {
		t.Errorf("voided again: %+v", v)
	}
	try := func(o ledger.VoidOptions) (*ledger.Voided, error) {
		o.Attribute, o.Reason, o.By = l.opts.Attribute, "returned", "me"
		return ledger.Void(t.Context(), o)
	}
	var unknown *ledger.UnknownError
	if _, err := try(ledger.VoidOptions{Conversions: []string{"nobody", "c2", "nothing"}}); !errors.As(err, &unknown) || !slices.Equal(unknown.IDs, []string{"nobody", "nothing"}) {
		t.Errorf("unknown ids: %v", err)
	}
	if _, err := try(ledger.VoidOptions{Orders: []string{"A-2", "A-9"}}); !errors.As(err, &unknown) || !slices.Equal(unknown.IDs, []string{"A-9"}) {
		t.Errorf("unknown orders: %v", err)
	}
	if l.state().Seq != before {
		t.Error("something was written")
	}
	// An order of two advertisers is one of neither, until a pixel is named.
	l.commit(event(t, "2026-03-12 11:00 conversion c5 user=carl pixel=9013 order=A-2"))
	var shared *ledger.SharedOrdersError
	if _, err := try(ledger.VoidOptions{Orders: []string{"A-2"}}); !errors.As(err, &shared) {
		t.Errorf("an order of two advertisers: %v", err)
	}
	if v, err := try(ledger.VoidOptions{Orders: []string{"A-2"}, Pixel: 9013}); err != nil || !slices.Equal(v.Conversions, []string{"c5"}) {
		t.Errorf("of one pixel: %+v, %v", v, err)
	}
	l.dueAt("2026-03-12")
	l.close()
	l.want(
		"2026-03-10 2026-03-10 booking c2 post_click 382 12.500000 USD",
		"2026-03-12 2026-03-12 booking c4 post_click 420 30.000000 EUR",
	)
}

// A line that came late makes a booked conversion one of an earlier day: it
// stays where it was booked, and is not booked twice.
func TestConversionStaysOfTheDayOfItsFirstBooking(t *testing.T) {
	l := filled(t)
	l.dueAt("2026-03-11")
	l.close()
	want := l.entries()
	l.commit(event(t, "2026-03-10 23:00 conversion c3 user=bert pixel=9012"), event(t, "2026-03-10 22:00 impression t3 user=bert tracker=2766"))
	l.dueAt("2026-03-12")
	l.close()
	if got := l.entries(); !reflect.DeepEqual(got[:len(want)], want) || len(got) != len(want)+1 {
		t.Errorf("the ledger is %v", got)
	}
	l.void("c3")
	l.dueAt("2026-03-13")
	l.close()
	if got := l.entries(); got[len(got)-1].businessDay != "2026-03-11" || got[len(got)-1].amount != "-2.000000" {
		t.Errorf("the ledger is %v", got)
	}
}

// Pages of entries make no difference, and neither do threads.
func TestSameLakeSameBytes(t *testing.T) {
	one, two := filled(t), filled(t)
	for _, l := range []*testLake{one, two} {
		l.dueAt("2026-03-10")
		l.close()
		l.void("c1", "c2")
		l.credit(382, -1)
		l.dueAt("2026-03-12")
		if l == two {
			defer ledger.PageRows(2)()
			l.opts.Attribute.Threads = 1
		}
		l.close()
	}
	if got, want := two.contents(), one.contents(); len(want) != 3 || !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
