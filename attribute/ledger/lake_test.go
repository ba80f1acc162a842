package ledger_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/attribute"
	"pixledger/attribute/laketest"
	"pixledger/attribute/ledger"
	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// testLake is a lake filled by hand, with what closes it.
type testLake struct {
	*laketest.Handmade
	t    laketest.T
	opts ledger.Options
}

// quickDir is a folder in memory where there is one: a test of what is booked
// need not wait for a disk.
func quickDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pixledger-ledger-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func ctx() context.Context { return context.Background() }

var made = time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)

func newLake(t laketest.T, dir string, cat *schemas.Catalog, zone *time.Location) *testLake {
	t.Helper()
	l := laketest.New(t, dir, made)
	l.Bounds = true
	return &testLake{l, t, optionsFor(l.Lake, cat, zone)}
}

// over is a lake that is open, as a new process finds it.
func over(t laketest.T, l *lake.Lake, o ledger.Options) *testLake {
	o.Attribute.Lake = l
	return &testLake{laketest.Over(t, l, made), t, o}
}

func optionsFor(l *lake.Lake, cat *schemas.Catalog, zone *time.Location) ledger.Options {
	return ledger.Options{
		Attribute:  attribute.Options{Lake: l, Catalog: cat, Now: made, Threads: 2, Holder: "the test"},
		Calendar:   ledger.Calendar{Zone: zone, CloseAfter: 4 * time.Hour},
		AdjustDays: 90, AdjustLimit: new(schemas.Money(10_000_000)),
	}
}

// commit publishes events; voids are for the ledger to take.
func (l *testLake) commit(events ...reference.Event) {
	l.t.Helper()
	l.Ingest(events, nil)
}

// at sets the clock.
func (l *testLake) at(now time.Time) { l.opts.Attribute.Now = now }

// dueAt sets the clock to when a day is due.
func (l *testLake) dueAt(day schemas.Day) { l.at(day.Due(l.opts.Zone, l.opts.CloseAfter)) }

// tryClose closes what is due.
func (l *testLake) tryClose() (*ledger.Summary, error) {
	return ledger.Close(ctx(), l.opts)
}

func (l *testLake) close() *ledger.Summary {
	l.t.Helper()
	s, err := l.tryClose()
	if err != nil {
		l.t.Fatalf("close: %v", err)
	}
	return s
}

func (l *testLake) void(ids ...string) *ledger.Voided {
	l.t.Helper()
	v, err := ledger.Void(ctx(), ledger.VoidOptions{Attribute: l.opts.Attribute, Conversions: ids, Reason: "returned", By: "me"})
	if err != nil {
		l.t.Fatalf("void: %v", err)
	}
	return v
}

func (l *testLake) state() *lake.State {
	l.t.Helper()
	s, err := l.State()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	return s
}

// files gives the ledger's files with the hash of what stands on disk.
func (l *testLake) files() map[string]string {
	l.t.Helper()
	out := map[string]string{}
	for p := range l.state().Files {
		if !strings.HasPrefix(p, "ledger/") {
			continue
		}
		b, err := os.ReadFile(l.Path(p))
		if err != nil {
			l.t.Fatalf("%v", err)
		}
		sum := sha256.Sum256(b)
		out[p] = hex.EncodeToString(sum[:])
	}
	return out
}

// contents are the hashes of the ledger's files by folder, whatever the number
// of the commit that they are named by.
func (l *testLake) contents() map[string]string {
	l.t.Helper()
	out := map[string]string{}
	for p, sum := range l.files() {
		out[filepath.Dir(p)] += sum
	}
	return out
}

// row is one entry, as its reader sees it.
type row struct {
	entryID, booked, businessDay, kind, conversionID, conversionType string
	lineItemID                                                       int64
	amount, currency, reason, reverses                               string
}

func (r row) String() string {
	id := func(s string) string { return s[:min(6, len(s))] }
	return strings.Join(strings.Fields(strings.Join([]string{
		r.booked, r.businessDay, r.kind, r.conversionID, r.conversionType, fmt.Sprint(r.lineItemID), r.amount, r.currency, r.reason, id(r.reverses),
	}, " ")), " ")
}

// entries reads the ledger in the order of booking.
func (l *testLake) entries() []row {
	l.t.Helper()
	db, err := lakedb.Open(ctx(), l.Lake, nil, lakedb.Options{})
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer db.Close()
	rows, err := db.Query(`
		SELECT entry_id, booked::VARCHAR, business_day::VARCHAR, kind, coalesce(conversion_id, ''), coalesce(conversion_type, ''), line_item_id,
			amount::VARCHAR, currency, coalesce(reason, ''), coalesce(reverses, '')
		FROM ledger
		ORDER BY booked, kind, conversion_time, conversion_id, reverses IS NULL, entry_id`)
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer rows.Close()
	var out []row
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.entryID, &r.booked, &r.businessDay, &r.kind, &r.conversionID, &r.conversionType, &r.lineItemID,
			&r.amount, &r.currency, &r.reason, &r.reverses); err != nil {
			l.t.Fatalf("%v", err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		l.t.Fatalf("%v", err)
	}
	return out
}

// want compares the entries, as text, with those expected.
func (l *testLake) want(want ...string) {
	l.t.Helper()
	var got []string
	for _, r := range l.entries() {
		got = append(got, r.String())
	}
	if !slices.Equal(got, want) {
		l.t.Fatalf("the ledger is\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
