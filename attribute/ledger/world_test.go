package ledger_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pixledger/attribute/ledger"
	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/disk/disktest"
	"pixledger/schemas/lake"
)

// worlds is how many worlds the property test draws, unless -rapid.checks says
// another number: a soak draws hundreds.
const worlds = "5"

// noon is a zone in which midnight falls into the minutes in which everything
// happens in a world, so that its conversions are of two days.
var noon = time.FixedZone("Noon", -(12*60*60 + 5*60))

// Whatever comes late, is voided or changed: after each close the ledger's sum
// for each conversion of the days concerned is what the rules say it earned,
// nothing was booked under a day closed before, and no file has changed.
func TestLedgerFollowsTheRules(t *testing.T) {
	defer ledger.WriteQuickly()()
	base := quickDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		cat, events, voids := reference.World(rt)
		dir, err := os.MkdirTemp(base, "world")
		if err != nil {
			rt.Fatalf("%v", err)
		}
		defer os.RemoveAll(dir)
		defer ledger.PageRows(rapid.SampledFrom([]int64{1, 3, 1 << 16}).Draw(rt, "page"))()
		l := newLake(rt, dir, cat, noon)
		l.opts.LedgerFrom = rapid.SampledFrom([]schemas.Day{"2026-03-09", "2026-03-09", "2026-03-10"}).Draw(rt, "ledger from")
		l.opts.AdjustDays = rapid.SampledFrom([]int{90, 2, 3, 0}).Draw(rt, "adjust days")
		l.opts.AdjustLimit = nil

		const stages = 4
		var said []reference.Event
		var voided []string
		files := map[string]string{}
		for stage := range stages {
			last := stage == stages-1
			var arriving []reference.Event
			events = split(rt, last, events, &arriving)
			l.commit(arriving...)
			said = append(said, arriving...)
			var now []string
			voids = split(rt, last, voids, &now)
			for _, id := range now {
				if _, err := ledger.Void(ctx(), ledger.VoidOptions{Attribute: l.opts.Attribute, Conversions: []string{id}, Reason: "r", By: "b"}); err == nil {
					voided = append(voided, id)
				} // else it is of no conversion, or of one that has not come
			}
			if rapid.IntRange(0, 3).Draw(rt, "catalog") == 3 {
				l.opts.Attribute.Catalog = changed(rt, l.opts.Attribute.Catalog, stage)
			}
			days := rapid.IntRange(1, 2).Draw(rt, "days")
			plan, err := l.opts.Plan(l.state(), made.AddDate(-1, 0, 0))
			if err != nil {
				rt.Fatalf("%v", err)
			}
			first := plan.Next
			l.dueAt(first.Plus(days - 1))
			s := l.close()
			if len(s.Days) != days || s.Days[0].Day != first {
				rt.Fatalf("closed %+v, want %d days from %s on", s.Days, days, first)
			}
			for p, sum := range files {
				if l.files()[p] != sum {
					rt.Fatalf("%s has changed", p)
				}
			}
			for p := range l.files() {
				if day := schemas.Day(lake.FolderDate(p)); files[p] == "" && day < first {
					rt.Fatalf("%s: something was booked under a day closed before %s", p, first)
				}
			}
			files = l.files()
			for _, f := range l.findings() {
				if !strings.HasPrefix(f, string(ledger.BeyondWindow)) {
					rt.Fatalf("stage %d: after a close verify says %s\nin the world\n%s", stage, f, reference.Format(l.opts.Attribute.Catalog, said, voided))
				}
			}
			rows := reference.Attribute(l.opts.Attribute.Catalog, said, voided)
			if diff := l.differs(rows, s); diff != "" {
				rt.Fatalf("stage %d: %s\nin the world\n%s", stage, diff, reference.Format(l.opts.Attribute.Catalog, said, voided))
			}
		}
	})
}

// split moves some of a list to another, or all.
func split[T any](rt *rapid.T, all bool, list []T, to *[]T) (rest []T) {
	for _, x := range list {
		if all || rapid.IntRange(0, 2).Draw(rt, "late") == 0 {
			*to = append(*to, x)
		} else {
			rest = append(rest, x)
		}
	}
	return rest
}

// changed is the catalog with one thing changed that attribution or the ledger
// cares about.
func changed(rt *rapid.T, cat *schemas.Catalog, stage int) *schemas.Catalog {
	c := *cat
	c.Digest = fmt.Sprintf("%s+%d", cat.Digest[:min(8, len(cat.Digest))], stage)
	c.LineItems = append([]schemas.LineItem{}, cat.LineItems...)
	c.Advertisers = append([]schemas.Advertiser{}, cat.Advertisers...)
	switch rapid.SampledFrom([]string{"rate", "currency", "inactive"}).Draw(rt, "changes") {
	case "rate":
		for i := range c.LineItems {
			c.LineItems[i].Pixels = append([]schemas.Association{}, c.LineItems[i].Pixels...)
			for j := range c.LineItems[i].Pixels {
				c.LineItems[i].Pixels[j].Rates = []schemas.Rate{{From: made.AddDate(-1, 0, 0), PostClickRevenue: new(schemas.Money(3_000_000)), PostViewRevenue: new(schemas.Money(2_000_000))}}
			}
		}
	case "currency":
		c.Advertisers[0].Currency = "SEK"
	case "inactive":
		c.LineItems[0].State = schemas.Inactive
	}
	return &c
}

// differs says where the ledger is not what the decisions earn.
func (l *testLake) differs(rows []reference.Attribution, s *ledger.Summary) string {
	newest := s.Days[len(s.Days)-1].Day
	type position struct {
		day      schemas.Day // of what stands; empty: nothing does
		earliest schemas.Day
		sums     map[string]*big.Int
		bookings int
	}
	positions := map[string]*position{}
	for _, e := range l.entries() {
		if e.kind == "credit" {
			continue // of no conversion
		}
		p := positions[e.conversionID]
		if p == nil {
			p = &position{earliest: schemas.Day(e.businessDay), sums: map[string]*big.Int{}}
			positions[e.conversionID] = p
		}
		if e.reverses != "" {
			p.day = ""
		} else if p.day = schemas.Day(e.businessDay); p.day > p.earliest {
			return fmt.Sprintf("%s was of %s, and then of %s: lines that come late make a conversion earlier", e.conversionID, p.earliest, p.day)
		} else {
			p.earliest = p.day
		}
		if e.kind == "booking" {
			if p.bookings++; p.bookings > 1 || e.booked != e.businessDay {
				return fmt.Sprintf("%s: %s", e.conversionID, e)
			}
		}
		m, _ := schemas.ParseMoney(e.amount)
		if p.sums[e.currency] == nil {
			p.sums[e.currency] = new(big.Int)
		}
		p.sums[e.currency].Add(p.sums[e.currency], big.NewInt(int64(m)))
	}
	for _, r := range rows {
		p := positions[r.ConversionID]
		day := schemas.DayOf(r.ConversionTime, l.opts.Zone)
		if p == nil {
			p = &position{sums: map[string]*big.Int{}}
		}
		if p.day != "" {
			day = p.day
		}
		closed := day >= s.Plan.LedgerFrom && day <= newest
		concerned := closed && (day >= s.Days[0].Day || day > newest.Plus(-l.opts.AdjustDays))
		if !closed && len(p.sums) > 0 {
			return fmt.Sprintf("%s of %s is in the ledger", r.ConversionID, day)
		}
		if !concerned {
			continue
		}
		want := map[string]int64{}
		if r.Outcome == reference.Attributed {
			want[*r.Currency] = int64(r.BookedRevenue)
			if len(p.sums) == 0 {
				return fmt.Sprintf("%s of %s is not in the ledger", r.ConversionID, day)
			}
		}
		for currency, sum := range p.sums {
			if !sum.IsInt64() || sum.Int64() != want[currency] {
				return fmt.Sprintf("%s of %s: %s %s, want %d", r.ConversionID, day, sum, currency, want[currency])
			}
			delete(want, currency)
		}
		for currency, amount := range want {
			return fmt.Sprintf("%s of %s has no %s, want %d", r.ConversionID, day, currency, amount)
		}
	}
	return ""
}

var (
	cutStep = flag.Int("cuts.step", 30, "cut the power at every n-th operation of a close, from a random one on")
	cutSeed = flag.Uint64("cuts.seed", 0, "the seed; 0: a random one, which is printed")
)

// A close that the power is cut in, at any operation, whatever the disk kept:
// the next one books the same bytes.
func TestPowerCutInAClose(t *testing.T) {
	seed := *cutSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-cuts.seed=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	before := beforeManyAdjustments(t)

	copyTo := func(from string) string {
		to := filepath.Join(quickDir(t), "lake")
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		return to
	}
	// closeOn opens the lake as a new process does and closes.
	closeOn := func(m *disktest.Machine, root string) (*testLake, error) {
		l, err := lake.OpenOrCreateOn(m.Disk(), root, made)
		if err != nil {
			return nil, err
		}
		again := over(t, l, before.opts)
		_, err = again.tryClose()
		return again, err
	}
	watched := func(root string) *disktest.Machine {
		m := disktest.New(root)
		if err := m.Adopt(); err != nil {
			t.Fatal(err)
		}
		return m
	}
	start := before.Root()
	root := copyTo(start)
	whole := watched(root)
	done, err := closeOn(whole, root)
	if err != nil {
		t.Fatal(err)
	}
	want := done.contents()
	if len(want) != 3 {
		t.Fatalf("the close gives %v", want)
	}
	for n := 1 + r.IntN(*cutStep); n <= whole.Count(); n += *cutStep {
		survival := []disktest.Survival{disktest.Everything, disktest.Nothing, disktest.InOrder, disktest.Any}[r.IntN(4)]
		root := copyTo(start)
		m := watched(root)
		m.StopAt(n)
		_, err := closeOn(m, root)
		if err != nil && !errors.Is(err, disktest.ErrStopped) {
			t.Errorf("cut at %d, %s: %v", n, m.Told(n), err)
		}
		after := filepath.Join(quickDir(t), "lake")
		if err := m.Restore(after, survival, r); err != nil {
			t.Fatal(err)
		}
		if err == nil { // it was done, and had only to clean up: then it lasts
			l, err := lake.OpenOrCreate(after, made)
			if err != nil {
				t.Fatal(err)
			}
			if got := over(t, l, before.opts).contents(); !maps.Equal(got, want) {
				t.Errorf("done before a cut at %d, %s, with %s: got %v, want %v", n, m.Told(n), survival, got, want)
			}
		}
		again, err := closeOn(watched(after), after)
		if err != nil {
			t.Errorf("after a cut at %d, %s, with %s: %v", n, m.Told(n), survival, err)
			continue
		}
		if got := again.contents(); !maps.Equal(got, want) {
			t.Errorf("after a cut at %d, %s, with %s: got %v, want %v", n, m.Told(n), survival, got, want)
		}
	}
}
