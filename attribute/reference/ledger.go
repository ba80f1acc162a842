package reference

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"strings"
	"time"

	"pixledger/schemas"
)

// Config is what the configuration says about days and the ledger.
type Config struct {
	TimeZone   string
	CloseAfter time.Duration
	LedgerFrom Day // empty: the day of the earliest event at the first close
	AdjustDays int
	// AdjustLimit is in percent; nil is none.
	AdjustLimit *schemas.Money
}

// DefaultConfig is what holds for the keys that a configuration leaves out.
func DefaultConfig() Config {
	return Config{TimeZone: "UTC", CloseAfter: 4 * time.Hour, AdjustDays: 90, AdjustLimit: new(schemas.Money(10_000_000))}
}

// Credit is a negotiated amount to be booked with the next close.
type Credit struct {
	LineItemID int64
	Amount     schemas.Money // as given: negative lowers the bill
	Reason     string
}

// Close is one run of close.
type Close struct {
	Now               time.Time
	Yes               bool
	AcceptAdjustments string // who accepts what is over the limit; empty: nobody
	Expect            ExpectedClosing
}

// The kinds of entries.
const (
	Booking     = "booking"
	Adjustment  = "adjustment"
	CreditEntry = "credit"
)

// Entry is one entry of the ledger. A nil pointer is null.
//
// Instead of entry ids, Reverses tells the day under which the entry was booked
// that this one takes back: of one conversion, at most one entry that is no
// reversal is booked on a day.
type Entry struct {
	Booked         Day
	BusinessDay    Day
	Kind           string
	ConversionID   *string
	ConversionTime *time.Time
	ConversionType *string
	AdvertiserID   int64
	LineItemID     int64
	PixelID        *int64
	TouchID        *string
	Amount         schemas.Money
	Currency       string
	Reason         *string // of a credit, as it was given; of an adjustment, in any words
	Reverses       *Day
	CatalogDigest  string // of the file that CatalogFile writes
}

// Closing is what one close did. All of it is empty when no day was due.
type Closing struct {
	Refused string  // why nothing was closed; empty: not refused
	Days    []Day   // closed now
	Entries []Entry // booked now
}

// Why a close is refused.
const (
	RefusedLimit = "adjust_limit" // the differences are too large to go unaccepted
	RefusedYes   = "yes"          // a first close of many days has not been confirmed
)

// Ledger is the naive ledger. At each close it decides everything again, over
// all that has happened so far, and compares that with what it has booked.
type Ledger struct {
	config   Config
	zone     *time.Location
	catalogs []*schemas.Catalog // the last one is in force
	digest   string             // of the file which CatalogFile writes of it
	events   []Event
	voids    []string
	credits  []Credit // not booked yet
	first    Day      // of the ledger; empty until a close has closed a day
	last     Day      // closed; empty while none is
	entries  []Entry
}

// NewLedger gives a ledger in which nothing has happened. The time zone must
// be one that can be loaded.
func NewLedger(c Config) *Ledger {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		panic(err) // histories are read and drawn with zones that exist
	}
	return &Ledger{config: c, zone: zone}
}

// Entries gives all that has been booked, in the order of booking.
func (l *Ledger) Entries() []Entry { return l.entries }

// Take lets one step happen. The result is that of a close; of other steps it
// is empty.
func (l *Ledger) Take(s Step) Closing {
	switch {
	case s.Catalog != nil:
		l.catalogs = append(l.catalogs, s.Catalog)
		sum := sha256.Sum256(CatalogFile(s.Catalog))
		l.digest = hex.EncodeToString(sum[:])
	case s.Void != "":
		l.voids = append(l.voids, s.Void)
	case s.Credit != nil:
		l.credits = append(l.credits, *s.Credit)
	case s.Close != nil:
		return l.close(*s.Close)
	}
	l.events = append(l.events, s.Events...)
	return Closing{}
}

func (l *Ledger) close(c Close) Closing {
	first, any := l.firstOpen()
	if !any {
		return Closing{}
	}
	var due []Day
	for d := first; !c.Now.Before(endOf(d, l.zone).Add(l.config.CloseAfter)); d = d.Plus(1) {
		due = append(due, d)
	}
	if len(due) == 0 {
		return Closing{}
	}
	if l.last == "" && len(due) > 35 && !c.Yes {
		return Closing{Refused: RefusedYes}
	}
	newest := due[len(due)-1]
	rows := l.Decisions()
	differences := l.differences(rows, first, newest)
	if c.AcceptAdjustments == "" && l.exceedsLimit(differences, first) {
		return Closing{Refused: RefusedLimit}
	}

	var entries []Entry
	for _, r := range rows {
		if day := l.dayOf(r); r.Outcome == Attributed && first <= day && day <= newest {
			entries = append(entries, l.entry(r, Booking, day, nil))
		}
	}
	for _, d := range differences {
		reason := d.reason()
		if d.booked != nil {
			entries = append(entries, l.reversal(*d.booked, newest, reason))
		}
		if d.row.Outcome == Attributed {
			entries = append(entries, l.entry(d.row, Adjustment, newest, &reason))
		}
	}
	for _, credit := range l.credits {
		entries = append(entries, l.credit(credit, newest))
	}

	if l.last == "" {
		l.first = first
	}
	l.last = newest
	l.credits = nil
	l.entries = append(l.entries, entries...)
	return Closing{Days: due, Entries: entries}
}

// firstOpen is the first business day that is not closed; false when there is
// nothing yet that the ledger could begin with.
func (l *Ledger) firstOpen() (Day, bool) {
	if l.last != "" {
		return l.last.Plus(1), true
	}
	if l.config.LedgerFrom != "" {
		return l.config.LedgerFrom, true
	}
	var earliest *time.Time
	for _, e := range l.events {
		if earliest == nil || e.EventTime.Before(*earliest) {
			earliest = &e.EventTime
		}
	}
	if earliest == nil {
		return "", false
	}
	return dayOf(*earliest, l.zone), true
}

// Decisions is a fresh attribution with the catalog in force over all that has
// happened.
func (l *Ledger) Decisions() []Attribution { return Attribute(l.catalog(), l.events, l.voids) }

func (l *Ledger) catalog() *schemas.Catalog { return l.catalogs[len(l.catalogs)-1] }

func (l *Ledger) dayOf(r Attribution) Day { return dayOf(r.ConversionTime, l.zone) }

// difference is a conversion of a closed day that a fresh attribution decides
// otherwise than it is booked.
type difference struct {
	booked *Entry // nil: nothing is booked for it
	row    Attribution
}

// differences gives those of the days that a close of first to newest adjusts.
func (l *Ledger) differences(rows []Attribution, first, newest Day) []difference {
	if l.last == "" {
		return nil
	}
	var found []difference
	for _, r := range rows {
		day := l.dayOf(r)
		if day < l.first || day <= newest.Plus(-l.config.AdjustDays) || day >= first {
			continue
		}
		d := difference{l.standing(r.ConversionID), r}
		if d.is() {
			found = append(found, d)
		}
	}
	return found
}

// standing is the entry of a conversion that no other takes back; nil when
// there is none.
func (l *Ledger) standing(conversionID string) *Entry {
	var stands *Entry
	for i := range l.entries {
		e := &l.entries[i]
		if text(e.ConversionID) != conversionID {
			continue
		}
		if e.Reverses != nil {
			stands = nil
		} else {
			stands = e
		}
	}
	return stands
}

// is tells whether outcome, amount, type, line item, advertiser or currency
// have changed. A changed touch alone is no difference.
func (d difference) is() bool {
	if d.booked == nil || d.row.Outcome != Attributed {
		return d.booked != nil || d.row.Outcome == Attributed
	}
	return d.changed() != ""
}

// changed names what has changed of a conversion that is booked and attributed.
func (d difference) changed() string {
	var what []string
	if d.booked.Amount != d.row.BookedRevenue {
		what = append(what, "amount")
	}
	if text(d.booked.ConversionType) != text(d.row.ConversionType) {
		what = append(what, "type")
	}
	if d.booked.LineItemID != *d.row.LineItemID {
		what = append(what, "line item")
	}
	if d.booked.AdvertiserID != *d.row.AdvertiserID {
		what = append(what, "advertiser")
	}
	if d.booked.Currency != *d.row.Currency {
		what = append(what, "currency")
	}
	return strings.Join(what, ", ")
}

func (d difference) reason() string {
	switch {
	case d.row.Outcome != Attributed:
		return "now " + *d.row.Reason
	case d.booked == nil:
		return "now attributed"
	}
	return "changed " + d.changed()
}

func (l *Ledger) entry(r Attribution, kind string, booked Day, reason *string) Entry {
	return Entry{
		Booked: booked, BusinessDay: l.dayOf(r), Kind: kind,
		ConversionID: &r.ConversionID, ConversionTime: &r.ConversionTime, ConversionType: r.ConversionType,
		AdvertiserID: *r.AdvertiserID, LineItemID: *r.LineItemID, PixelID: r.PixelID, TouchID: r.TouchID,
		Amount: r.BookedRevenue, Currency: *r.Currency, Reason: reason, CatalogDigest: l.digest,
	}
}

// reversal takes an entry back: all else stays as it was booked.
func (l *Ledger) reversal(e Entry, booked Day, reason string) Entry {
	e.Reverses = new(e.Booked)
	e.Booked, e.Kind, e.Amount, e.Reason, e.CatalogDigest = booked, Adjustment, -e.Amount, &reason, l.digest
	return e
}

// credit books an amount with the line item's advertiser in its currency, as
// the catalog in force has them; where that no longer has the line item, as the
// last one that did.
func (l *Ledger) credit(c Credit, newest Day) Entry {
	e := Entry{Booked: newest, BusinessDay: newest, Kind: CreditEntry, LineItemID: c.LineItemID, Amount: c.Amount,
		Reason: &c.Reason, CatalogDigest: l.digest}
	for _, cat := range l.catalogs {
		for _, item := range cat.LineItems {
			if item.ID == c.LineItemID {
				e.AdvertiserID, e.Currency = item.AdvertiserID, *currencyOf(cat, item.AdvertiserID)
			}
		}
	}
	return e
}

// exceedsLimit tells whether, in any one currency, the differences concern more
// than 20 conversions and are, summed without sign, more than the limit allows
// of what is booked on the 30 days before first. Sums have no bounds.
func (l *Ledger) exceedsLimit(differences []difference, first Day) bool {
	if l.config.AdjustLimit == nil {
		return false
	}
	conversions := map[string]int{}
	sums := map[string]*big.Int{}
	for _, d := range differences {
		for currency, amount := range d.amounts() {
			if sums[currency] == nil {
				sums[currency] = new(big.Int)
			}
			conversions[currency]++
			sums[currency].Add(sums[currency], amount.Abs(amount))
		}
	}
	for currency, sum := range sums {
		if conversions[currency] <= 20 {
			continue
		}
		booked, any := new(big.Int), false
		for _, e := range l.entries {
			if e.Kind != CreditEntry && e.Currency == currency && first.Plus(-30) <= e.Booked && e.Booked < first {
				booked.Add(booked, big.NewInt(int64(e.Amount)))
				any = true
			}
		}
		// sum > limit percent of booked, both in millionths, as is the limit.
		hundredPercent := big.NewInt(100_000_000)
		allowed := booked.Mul(booked, big.NewInt(int64(*l.config.AdjustLimit)))
		if !any || sum.Mul(sum, hundredPercent).Cmp(allowed) > 0 {
			return true
		}
	}
	return false
}

// amounts is what a difference would change in each currency that it touches.
func (d difference) amounts() map[string]*big.Int {
	change := map[string]*big.Int{}
	add := func(currency string, amount schemas.Money, sign int64) {
		if change[currency] == nil {
			change[currency] = new(big.Int)
		}
		signed := new(big.Int).Mul(big.NewInt(int64(amount)), big.NewInt(sign))
		change[currency].Add(change[currency], signed)
	}
	if d.booked != nil {
		add(d.booked.Currency, d.booked.Amount, -1)
	}
	if d.row.Outcome == Attributed {
		add(*d.row.Currency, d.row.BookedRevenue, 1)
	}
	return change
}
