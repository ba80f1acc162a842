package ledger_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"pixledger/attribute/ledger"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// BenchmarkVerify holds a quarter of a large network, 90 days of 40,000
// attributed conversions each, against its ledger: the comparison is the one
// that a close makes, and verify checks every id and reversal besides.
func BenchmarkVerify(b *testing.B) {
	const days, perDay = 90, 40_000
	dir := b.TempDir()
	l, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), made)
	if err != nil {
		b.Fatal(err)
	}
	db, err := lakedb.Open(ctx(), l, nil, lakedb.Options{})
	if err != nil {
		b.Fatal(err)
	}
	staging, err := l.Stage()
	if err != nil {
		b.Fatal(err)
	}
	defer staging.Close()
	draft := &lake.Draft{Kind: ledger.CloseKind, At: made}
	copyTo := func(name, folder, query string) {
		p := filepath.Join(staging.Dir(), name)
		if _, err := db.Exec("COPY (" + query + ") TO '" + p + "' (FORMAT parquet, COMPRESSION zstd)"); err != nil {
			b.Fatal(err)
		}
		fi, err := os.Stat(p)
		if err != nil {
			b.Fatal(err)
		}
		draft.Add = append(draft.Add, lake.Staged{Folder: folder, Name: name, Rows: perDay, Bytes: fi.Size()})
	}
	var closed []ledger.ClosedDay
	first := schemas.Day("2026-01-01")
	for i := range days {
		day := first.Plus(i)
		from, until := day.Bounds(time.UTC)
		conversions := fmt.Sprintf(`SELECT md5('%[1]s' || i) AS id, TIMESTAMPTZ '%[1]s 00:00:00+00' + to_milliseconds(i * 2000) AS tm, i FROM range(%[2]d) AS r(i)`, day, perDay)
		copyTo(string(day)+".a.parquet", lake.DateFolder(schemas.Attributions, string(day)),
			`SELECT id AS conversion_id, tm AS conversion_time, 9012::BIGINT AS pixel_id, 7::BIGINT AS advertiser_id, md5(id) AS user_id,
				NULL::VARCHAR AS order_id, NULL::DECIMAL(18,6) AS value, NULL::VARCHAR AS other, false AS server_side, 'attributed' AS outcome,
				NULL::VARCHAR AS reason, 'post_click' AS conversion_type, md5('t' || id) AS touch_id, tm AS touch_time, 1::BIGINT AS tracker_id,
				(i % 500)::BIGINT AS line_item_id, NULL::BIGINT AS creative_id, NULL::BIGINT AS publisher_id, 12.5::DECIMAL(18,6) AS booked_revenue,
				'USD' AS currency, false AS rate_missing
			FROM (`+conversions+")")
		copyTo(string(day)+".l.parquet", lake.DateFolder(schemas.Ledger, string(day)),
			`SELECT left(sha256('10:`+string(day)+`,32:' || id || ',7:booking,1:+,1:1,'), 32) AS entry_id, DATE '`+string(day)+`' AS business_day, 'booking' AS kind,
				id AS conversion_id, tm AS conversion_time, 'post_click' AS conversion_type, 7::BIGINT AS advertiser_id, (i % 500)::BIGINT AS line_item_id,
				9012::BIGINT AS pixel_id, md5('t' || id) AS touch_id, 12.5::DECIMAL(18,6) AS amount, 'USD' AS currency, NULL::VARCHAR AS reason,
				NULL::VARCHAR AS reverses, 'digest' AS catalog_digest
			FROM (`+conversions+")")
		var sum ledger.Sum
		if err := json.Unmarshal([]byte(fmt.Sprintf(`"%d.500000"`, perDay*25/2-1)), &sum); err != nil {
			b.Fatal(err)
		}
		var half ledger.Sum
		if err := json.Unmarshal([]byte(`"0.500000"`), &half); err != nil {
			b.Fatal(err)
		}
		closed = append(closed, ledger.ClosedDay{Day: day, From: from, Until: until, Sequence: int64(i) + 1, Entries: perDay, Amounts: map[string]ledger.Sum{"USD": sum.Plus(half)}})
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	notes, err := json.Marshal(closed)
	if err != nil {
		b.Fatal(err)
	}
	draft.Notes = map[string]string{ledger.NoteZone: "UTC", ledger.NoteLedgerFrom: string(first), "days": string(notes), "catalog_digest": "digest", "sequence": strconv.Itoa(days)}
	if _, err := l.Commit(staging, func(*lake.State) (*lake.Draft, error) { return draft, nil }); err != nil {
		b.Fatal(err)
	}
	o := optionsFor(l, nil, time.UTC)
	o.Attribute.Memory, o.Attribute.TempDir = "1GB", dir
	o.Attribute.Now = first.Plus(days).Begin(time.UTC)
	b.ResetTimer()
	for b.Loop() {
		if err := ledger.Verify(ctx(), o, func(f ledger.Finding) { b.Errorf("%s", f) }); err != nil {
			b.Fatal(err)
		}
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err == nil {
		b.ReportMetric(float64(usage.Maxrss)/1024, "peak-MB")
	}
}
