package reference

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pixledger/schemas"
)

func TestLedgerKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := DrawHistory(t)
		l := NewLedger(h.Config)
		var before []Entry
		newest := Day("")
		for _, s := range h.Steps {
			did := l.Take(s)
			if DiffEntries(before, l.Entries()[:len(before)]) != "" {
				t.Fatalf("entries changed\n%s", FormatHistory(h))
			}
			if DiffEntries(l.Entries()[len(before):], did.Entries) != "" {
				t.Fatalf("not what the close said it books\n%s", FormatHistory(h))
			}
			if len(did.Days) == 0 {
				if len(did.Entries) > 0 {
					t.Fatalf("booked without closing\n%s", FormatHistory(h))
				}
				continue
			}
			for i, d := range did.Days {
				if i == 0 && newest != "" && d != newest.Plus(1) || i > 0 && d != did.Days[i-1].Plus(1) {
					t.Fatalf("closed %v after %s\n%s", did.Days, newest, FormatHistory(h))
				}
			}
			newest = did.Days[len(did.Days)-1]
			checkEntries(t, h, before, did)
			before = slices.Clone(l.Entries())
			checkSums(t, h, l, did.Days[0], newest)
		}
	})
}

// checkEntries holds what a close booked against what was booked before.
func checkEntries(t *rapid.T, h History, before []Entry, did Closing) {
	newest := did.Days[len(did.Days)-1]
	for _, e := range did.Entries {
		wrong := ""
		switch {
		case !slices.Contains(did.Days, e.Booked):
			wrong = "booked under a day not closed now"
		case e.Kind == Booking && (e.BusinessDay != e.Booked || e.Reason != nil || e.Reverses != nil):
			wrong = "no booking"
		case e.Kind != Booking && (e.Booked != newest || text(e.Reason) == ""):
			wrong = "not under the newest day, or without a reason"
		case e.Kind == Adjustment && (e.BusinessDay >= did.Days[0] || e.BusinessDay <= newest.Plus(-h.Config.AdjustDays)):
			wrong = "of a day that is not adjusted"
		case e.Kind == CreditEntry && (e.ConversionID != nil || e.PixelID != nil || e.TouchID != nil || e.BusinessDay != newest):
			wrong = "no credit"
		}
		if e.Reverses != nil && wrong == "" {
			wrong = "reverses nothing"
			for _, b := range before {
				if text(b.ConversionID) == text(e.ConversionID) && b.Booked == *e.Reverses && b.Reverses == nil {
					wrong = "keeps not all columns"
					b.Booked, b.Kind, b.Amount, b.Reason, b.Reverses, b.CatalogDigest = e.Booked, e.Kind, -b.Amount, e.Reason, e.Reverses, e.CatalogDigest
					if FormatEntry(b) == FormatEntry(e) {
						wrong = ""
					}
				}
			}
			for _, b := range before {
				if b.Reverses != nil && text(b.ConversionID) == text(e.ConversionID) && *b.Reverses == *e.Reverses {
					wrong = "taken back twice"
				}
			}
		}
		if wrong != "" {
			t.Fatalf("%s: %s\n%s", FormatEntry(e), wrong, FormatHistory(h.Expecting(h.Run())))
		}
	}
}

// checkSums holds the ledger's sum for each conversion of the days that are
// adjusted or newly closed against a fresh attribution.
func checkSums(t *rapid.T, h History, l *Ledger, first, newest Day) {
	for _, r := range l.Decisions() {
		day := dayOf(r.ConversionTime, l.zone)
		if day < l.first || day > newest || day < first && day <= newest.Plus(-h.Config.AdjustDays) {
			continue
		}
		type what struct {
			currency, conversionType string
			lineItem, advertiser     int64
		}
		sums := map[what]schemas.Money{}
		for _, e := range l.Entries() {
			if text(e.ConversionID) == r.ConversionID {
				sums[what{e.Currency, text(e.ConversionType), e.LineItemID, e.AdvertiserID}] += e.Amount
			}
		}
		if r.Outcome == Attributed {
			sums[what{*r.Currency, *r.ConversionType, *r.LineItemID, *r.AdvertiserID}] -= r.BookedRevenue
		}
		for k, sum := range sums {
			if sum != 0 {
				t.Fatalf("%s is %s off in %v after the close of %s\n%s", r.ConversionID, sum, k, newest, FormatHistory(h.Expecting(h.Run())))
			}
		}
	}
}

func TestHistoryIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := DrawHistory(t)
		if rapid.Bool().Draw(t, "with expectations") {
			h = h.Expecting(h.Run())
		}
		printed := FormatHistory(h)
		read, err := ParseHistory(printed)
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		for i := range read.Steps {
			read.Steps[i].Line = 0
		}
		if !reflect.DeepEqual(read, h) {
			t.Fatalf("another history is read back\n%s\n%s", printed, FormatHistory(read))
		}
		if err := read.Check(read.Run()); err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
	})
}

func TestDrawnCatalogsCouldBeLoaded(t *testing.T) {
	histories := rapid.Custom(DrawHistory)
	for seed := range 15 {
		for _, s := range histories.Example(seed).Steps {
			if s.Catalog == nil {
				continue
			}
			if err := loadable(s.Catalog); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Histories are worth comparing on only if they reach everything often.
func TestHistoriesReachEveryCase(t *testing.T) {
	histories := rapid.Custom(DrawHistory)
	seen := map[string]int{}
	const drawn = 250
	for seed := range drawn {
		h := histories.Example(seed)
		did := map[string]bool{}
		l := NewLedger(h.Config)
		for _, s := range h.Steps {
			c := l.Take(s)
			if s.Close == nil {
				continue
			}
			did["refused "+c.Refused] = true
			did["no day due"] = did["no day due"] || c.Refused == "" && len(c.Days) == 0
			did["several days"] = did["several days"] || len(c.Days) > 1
			did["over 35 days"] = did["over 35 days"] || len(c.Days) > 35
			did["exactly 35 days"] = did["exactly 35 days"] || len(c.Days) == 35
			did["a day without entries"] = did["a day without entries"] || len(c.Days) > 0 && len(c.Entries) == 0
			adjusted := map[string]int{}
			for _, e := range c.Entries {
				did[e.Kind] = true
				did["currency "+e.Currency] = true
				if e.Kind != Adjustment {
					continue
				}
				conversion := *e.ConversionID
				adjusted[conversion]++
				did["reversal"] = did["reversal"] || e.Reverses != nil
				did["booked anew"] = did["booked anew"] || adjusted[conversion] == 2
			}
			did["over 20 adjusted"] = did["over 20 adjusted"] || len(adjusted) > 20
		}
		for _, r := range l.Decisions() {
			e := l.standing(r.ConversionID)
			did["moved to another day"] = did["moved to another day"] || e != nil && e.BusinessDay != l.dayOf(r)
		}
		for what, is := range did {
			if is {
				seen[what]++
			}
		}
	}
	t.Logf("of %d histories: %v", drawn, seen)
	for _, what := range []string{"refused " + RefusedLimit, "refused " + RefusedYes, "no day due", "several days", "over 35 days", "exactly 35 days",
		"a day without entries", Booking, Adjustment, CreditEntry, "reversal", "booked anew", "moved to another day", "over 20 adjusted", "currency EUR"} {
		if seen[what] < 4 {
			t.Errorf("%s: in %d of %d histories, too few to trust a comparison", what, seen[what], drawn)
		}
	}
}

func TestDaysEndWhenTheCalendarSaysSo(t *testing.T) {
	for _, c := range []struct{ zone, day, end string }{
		{"UTC", "2026-03-10", "2026-03-11T00:00:00Z"},
		{"Asia/Kolkata", "2026-03-10", "2026-03-10T18:30:00Z"},
		{"Europe/Berlin", "2026-03-28", "2026-03-28T23:00:00Z"},
		{"Europe/Berlin", "2026-03-29", "2026-03-29T22:00:00Z"}, // 23 hours
		{"Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00Z"}, // 25 hours
		{"America/St_Johns", "2026-03-07", "2026-03-08T03:30:00Z"},
		{"America/St_Johns", "2026-03-08", "2026-03-09T02:30:00Z"},
		{"America/St_Johns", "2026-11-01", "2026-11-02T03:30:00Z"},
		{"America/Sao_Paulo", "2018-11-03", "2018-11-04T03:00:00Z"}, // the next day begins at one
		{"Asia/Beirut", "2026-03-28", "2026-03-28T22:00:00Z"},
		{"Pacific/Kiritimati", "2026-03-10", "2026-03-10T10:00:00Z"},
		{"Pacific/Pago_Pago", "2026-03-10", "2026-03-11T11:00:00Z"},
		{"Africa/Monrovia", "1970-03-10", "1970-03-11T00:44:30Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		end := endOf(Day(c.day), zone)
		if got := end.Format(time.RFC3339); got != c.end {
			t.Errorf("%s ends in %s at %s, want %s", c.day, c.zone, got, c.end)
		}
		if before, at := dayOf(end.Add(-time.Microsecond), zone), dayOf(end, zone); before != Day(c.day) || at != Day(c.day).Plus(1) {
			t.Errorf("around its end the calendar says %s and %s", before, at)
		}
	}
}
