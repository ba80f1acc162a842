package report

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// read commits what was read of a log: its account by date, and its events.
func (l *testLake) read(source, edge string, days map[string]*lake.Counts, conversions ...fields) {
	l.t.Helper()
	state, err := l.State()
	if err != nil {
		l.t.Fatal(err)
	}
	var start int64
	if src := state.Sources[source]; src != nil {
		start = src.Position
	}
	draft := lake.Draft{Kind: "ingest", Ranges: []lake.Range{{SourceID: source, Edge: edge, Name: edge + ".log", Start: start, End: start + 100, Days: days}}}
	for _, c := range conversions {
		c["edge"], c["source_id"] = edge, source
	}
	l.commit(draft, schemas.Events, schemas.Conversion, "event_time", conversions...)
}

func events(n int64) map[string]int64 { return map[string]int64{"conversion": n} }

// quality is three sources over three dates. The duplicates, by hand:
//
//	"a" is edge-1's, which has no order, and edge-2's, which has one: null comes
//	  first, so edge-2 has a duplicate on the 11th
//	"b" is edge-1's and edge-2's at one time, edge-2's nearer to its file's
//	  beginning, and edge-1's once more on the 12th: edge-1 has a duplicate on each
//
// The largest step back of edge-1 on the 11th is that of its second log. Its
// first log is read on under another name, for another edge. A gap that ends with
// the first instant of the 13th touches that date too; edge-3 was silent.
func quality(t testing.TB) (*testLake, []lake.Gap) {
	l := newLake(t, network())
	l.read("s1", "edge-1", map[string]*lake.Counts{
		"2026-11-11": {Events: events(3), Rejects: map[string]int64{"malformed": 1}, Ignored: 2, NotCounted: map[string]int64{"method": 1, "status": 2}, Bots: 1, UnreplacedMacros: 4, MaxSkewMicros: 1_000_000},
		"2026-11-13": {Rejects: map[string]int64{"bad_time": 1}},
		"0001-01-01": {Rejects: map[string]int64{"bad_time": 1}},
		"9999-12-31": {Ignored: 1},
	},
		loadLine("a", "2026-11-11T10:00:00Z", nil), loadLine("b", "2026-11-11T23:59:59.999999Z", fields{"source_offset": 10}), loadLine("c", "2026-11-11T10:00:00Z", nil))
	l.read("s2", "edge-1", map[string]*lake.Counts{"2026-11-11": {Events: events(2), MaxSkewMicros: 2_500_001}, "2026-11-12": {Events: events(1)}},
		loadLine("d", "2026-11-11T11:00:00Z", nil), loadLine("e", "2026-11-11T11:00:00Z", nil), loadLine("b", "2026-11-12T00:00:00Z", fields{"source_offset": 5}))
	l.read("s3", "edge-2", map[string]*lake.Counts{"2026-11-11": {Events: events(3)}},
		loadLine("a", "2026-11-11T10:00:00Z", fields{"order_id": "A-1"}), // null is before a text
		loadLine("b", "2026-11-11T23:59:59.999999Z", fields{"source_offset": 9}),
		loadLine("f", "2026-11-11T10:00:00Z", nil))
	l.read("s1", "edge-1.log.1", map[string]*lake.Counts{"2026-11-12": {Events: map[string]int64{"click": 7}, Ignored: 1}})
	return l, []lake.Gap{
		{ID: "g1", Source: "edge-1", Reason: lake.GapDeleted, From: at("2026-11-12T23:00:00Z"), To: at("2026-11-13T00:00:00Z")},
		{ID: "g2", Source: "edge-1", Reason: lake.GapTruncated, From: at("2026-11-13T00:00:00Z"), To: at("2026-11-13T00:00:00Z")},
		{ID: "g3", Source: "edge-3", Reason: lake.GapSilent, From: at("2026-11-10T00:00:00Z"), To: at("2026-11-10T23:59:59.999999Z")},
	}
}

func TestDataQuality(t *testing.T) {
	l, gaps := quality(t)
	db := l.opened(t)
	for name, c := range map[string]struct {
		p Params
		f Format
	}{
		"data_quality.csv":       {Params{}, CSV},
		"data_quality.txt":       {Params{Filters: []string{"source=edge-1"}}, Table},
		"data_quality.json":      {Params{Range: "yesterday"}, JSON},
		"data_quality_zone.csv":  {Params{Range: "today", TimeZone: "America/Los_Angeles"}, CSV}, // 22:00 on the 12th there
		"data_quality_from.csv":  {Params{From: "2026-11-13"}, CSV},
		"data_quality_dates.csv": {Params{From: "2026-11-11T00:00:00.000001Z", To: "2026-11-12T00:00:00.000001Z"}, CSV},
	} {
		c.p.Gaps = gaps
		t.Run(name, func(t *testing.T) { golden(t, name, run(t, db, "data_quality", c.p, c.f)) })
	}
}

// Over accounts and lines drawn at random, every row adds up, all rows together
// are the account, and the duplicates are what the view conversions leaves out,
// by source and date: in any range, wherever the first of an id is.
func TestDataQualityAddsUp(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 11))
		l := newLake(t, network())
		some := func() map[string]int64 {
			out := map[string]int64{}
			for _, k := range []string{"x", "y"}[:r.IntN(3)] {
				out[k] = r.Int64N(50)
			}
			return out
		}
		want, written := map[string]*lake.Counts{}, 0
		for range 25 {
			source := fmt.Sprint("s", r.IntN(6))
			edge := fmt.Sprint("edge-", r.IntN(3))
			days := map[string]*lake.Counts{}
			for range r.IntN(4) {
				date := fmt.Sprintf("2026-11-%02d", 8+r.IntN(6))
				days[date] = &lake.Counts{Events: some(), Rejects: some(), NotCounted: some(), Ignored: r.Int64N(9), Bots: r.Int64N(9), UnreplacedMacros: r.Int64N(9), MaxSkewMicros: r.Int64N(9_000_000)}
			}
			for date, c := range days {
				if want[edge+" "+date] == nil {
					want[edge+" "+date] = &lake.Counts{}
				}
				want[edge+" "+date].Add(c)
			}
			var lines []fields
			for range r.IntN(12) {
				when := at("2026-11-08T23:59:50Z").Add(time.Duration(r.IntN(4)) * 24 * time.Hour).Add(time.Duration(r.IntN(3)*5) * time.Second)
				// No two lines are equal: then the view has no choice.
				f := loadLine(fmt.Sprint("e", r.IntN(40)), when.Format(time.RFC3339), fields{"source_offset": r.IntN(2), "other": fmt.Sprintf("%02d", written)})
				written++
				if r.IntN(2) == 0 {
					f["order_id"] = fmt.Sprint("O-", r.IntN(2))
				}
				lines = append(lines, f)
			}
			l.read(source, edge, days, lines...)
		}
		db := l.opened(t)
		account, duplicates := map[string]string{}, map[string]string{}
		for _, row := range csvMaps(t, run(t, db, "data_quality", Params{}, CSV)) {
			var lines, events, rejects, ignored, notCounted int64
			fmt.Sscan(strings.Join([]string{row["lines"], row["events"], row["rejects"], row["ignored"], row["not_counted"]}, " "), &lines, &events, &rejects, &ignored, &notCounted)
			if lines != events+rejects+ignored+notCounted {
				t.Errorf("seed %d: a row that does not add up: %v", seed, row)
			}
			of := row["source"] + " " + row["date"]
			if row["duplicates"] != "0" {
				duplicates[of] = row["duplicates"]
			}
			if want[of] != nil {
				account[of] = fmt.Sprint(events, rejects, ignored, notCounted, " ", row["bots"], " ", row["unreplaced_macros"], " ", row["max_skew_seconds"])
			}
		}
		hand := map[string]string{}
		for of, c := range want {
			hand[of] = fmt.Sprint(lake.Sum(c.Events), lake.Sum(c.Rejects), c.Ignored, lake.Sum(c.NotCounted), " ", c.Bots, " ", c.UnreplacedMacros, " ", schemas.Money(c.MaxSkewMicros))
		}
		if !maps.Equal(account, hand) {
			t.Errorf("seed %d: got  %v\nwant %v", seed, account, hand)
		}
		left := map[string]string{}
		for _, row := range csvMaps(t, mustAsk(t, db, `SELECT edge, date, count(*) AS n
			FROM (SELECT edge, date FROM events WHERE type = 'conversion' EXCEPT ALL SELECT edge, date FROM conversions)
			GROUP BY ALL`, CSV)) {
			left[row["edge"]+" "+row["date"]] = row["n"]
		}
		if !maps.Equal(duplicates, left) || len(left) < 3 {
			t.Errorf("seed %d: duplicates are %v, the view leaves out %v", seed, duplicates, left)
		}
		// Each date alone says what the whole says of it.
		parts := map[string]string{}
		for d := 8; d <= 13; d++ {
			for _, row := range csvMaps(t, run(t, db, "data_quality", Params{From: fmt.Sprintf("2026-11-%02d", d), To: fmt.Sprintf("2026-11-%02d", d+1)}, CSV)) {
				if row["duplicates"] != "0" {
					parts[row["source"]+" "+row["date"]] = row["duplicates"]
				}
			}
		}
		if !maps.Equal(parts, duplicates) {
			t.Errorf("seed %d: date by date %v, at once %v", seed, parts, duplicates)
		}
	}
}
