package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
)

// hostileOrders are order ids that a careless join, reader or writer would confuse.
var hostileOrders = []string{
	"A-1", "a-1", "A-1 ", " A-1", "A-1\t", "007", "7", "7.0", "0", "=1+1", "'=1+1", "-12", "+12", "@SUM(A1)", "a,b", "a;b", "a\tb", `"`, `""`, `"a"`, "'", "''",
	"a\nb", "a\r\nb", "a\rb", "\r", "\n", "NULL", "null", "é", "e\u0301", "\u200b", "\u202e", "日本", "\U0001F45F", "%", "_", "\\", "\\N", "$from", "a\x00b", "\ufffd", "\ufeffx",
	strings.Repeat("x", 64<<10), strings.Repeat("x", 64<<10-1) + "y",
}

// aConversion is one of ours, as the naive comparison knows it.
type aConversion struct {
	id, order       string
	at              time.Time
	pixel           int
	advertiser      int64
	value           *schemas.Money
	outcome, reason string
}

type anOrder struct {
	id    string
	value *schemas.Money
	at    time.Time
}

// The report's join is a plain comparison in Go, over orders that hate it.
func TestReconciliationIsAPlainComparison(t *testing.T) {
	rnd := rand.New(rand.NewPCG(17, 2026))
	l := newLake(t, network())
	begin, end := at("2026-11-02T00:00:00Z"), at("2026-11-04T00:00:00Z")
	ours := someConversions(rnd, begin, end)
	fill(l, ours)
	db := l.opened(t)
	for round := range 8 {
		list := someOrders(rnd, ours, begin, end)
		timed, margin := round%2 == 1, time.Duration(round%3)*time.Hour
		tolerance := schemas.Money([]int64{0, 1, 500_000}[round%3])
		p := Params{From: begin.Format(time.RFC3339), To: end.Format(time.RFC3339), Now: now, Values: map[string]string{
			"tolerance": tolerance.String(), "time_tolerance": margin.String(), "sum_rows": "true",
		}}
		var advertiser int64
		if round%4 < 2 {
			advertiser = 7
			p.Filters = []string{"advertiser_id=7"}
		}
		p.Values["orders"] = writeOrders(t, list, timed, rnd)
		if timed {
			p.Values["time_column"] = "at"
		}
		var out, totals bytes.Buffer
		p.Totals = &totals
		if err := BuiltIn().Run(context.Background(), db, "reconciliation", p, &out, JSON); err != nil {
			t.Fatal(err)
		}
		var rows []map[string]*string
		if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rows {
			got = append(got, rowText(r["order_id"], r["status"], r["value_here"], r["value_there"], r["conversion_id"], r["outcome"], r["reason"]))
		}
		want := compare(ours, list, begin, end, margin, timed, advertiser, tolerance)
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: %s", round, firstDifference(got, want))
		}
		counted := 0
		for line := range strings.Lines(totals.String()) {
			if fields := strings.Split(line, "│"); len(fields) > 5 {
				var n int
				if _, err := fmt.Sscan(fields[5], &n); err == nil {
					counted += n
				}
			}
		}
		if counted != len(rows) || counted == 0 {
			t.Errorf("round %d: the totals count %d of %d rows:\n%s", round, counted, len(rows), totals.String())
		}
	}
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return fmt.Sprintf("row %d of %d, %d:\ngot  %s\nwant %s", i, len(got), len(want), cut(g), cut(w))
		}
	}
	return "none"
}

func rowText(values ...*string) string {
	var out []string
	for _, v := range values {
		if v == nil {
			out = append(out, "null")
		} else {
			out = append(out, fmt.Sprintf("%q", *v))
		}
	}
	return strings.Join(out, " ")
}

func someConversions(rnd *rand.Rand, begin, end time.Time) []aConversion {
	var out []aConversion
	for i := range 300 {
		c := aConversion{id: fmt.Sprintf("c%d", i), at: begin.Add(time.Duration(rnd.Int64N(int64(end.Sub(begin) + 6*time.Hour)))).Add(-3 * time.Hour).Truncate(time.Microsecond)}
		c.order = hostileOrders[rnd.IntN(len(hostileOrders))]
		switch rnd.IntN(12) {
		case 0:
			c.order = ""
		case 1, 2, 3, 4:
			c.order = fmt.Sprintf("N-%d", rnd.IntN(100))
		}
		c.pixel, c.advertiser = 9012, 7
		if rnd.IntN(4) == 0 {
			c.pixel, c.advertiser = 9013, 8
		}
		if rnd.IntN(5) > 0 {
			v := schemas.Money(rnd.Int64N(5) * 500_000)
			c.value = &v
		}
		switch rnd.IntN(6) {
		case 0: // attribution has not reached it
		case 1:
			c.outcome, c.reason = "unattributed", "voided"
		case 2, 3:
			c.outcome, c.reason = "unattributed", "no_touch"
		default:
			c.outcome = "attributed"
		}
		out = append(out, c)
	}
	return out
}

// fill puts conversions into the lake: all as events, and the decisions.
func fill(l *testLake, list []aConversion) {
	var events, decided []fields
	for _, c := range list {
		f := fields{"event_id": c.id, "event_time": c.at, "pixel_id": c.pixel, "consent": "unknown"}
		d := fields{"conversion_id": c.id, "conversion_time": c.at, "pixel_id": c.pixel, "advertiser_id": int(c.advertiser), "outcome": c.outcome}
		if c.order != "" {
			f["order_id"], d["order_id"] = c.order, c.order
		}
		if c.value != nil {
			f["value"], d["value"] = c.value.String(), c.value.String()
		}
		if c.reason != "" {
			d["reason"] = c.reason
		}
		events = append(events, f)
		if c.outcome != "" {
			decided = append(decided, d)
		}
	}
	l.put(schemas.Events, schemas.Conversion, "event_time", events...)
	l.put(schemas.Attributions, "", "conversion_time", decided...)
}

func someOrders(rnd *rand.Rand, ours []aConversion, begin, end time.Time) []anOrder {
	var out []anOrder
	for range 120 {
		o := anOrder{at: begin.Add(time.Duration(rnd.Int64N(int64(end.Sub(begin) + 6*time.Hour)))).Add(-3 * time.Hour).Truncate(time.Second)}
		switch rnd.IntN(3) {
		case 0:
			o.id = hostileOrders[rnd.IntN(len(hostileOrders))]
		case 1:
			o.id = fmt.Sprintf("N-%d", rnd.IntN(150))
		default:
			c := ours[rnd.IntN(len(ours))]
			o.id, o.value = cmp.Or(c.order, "x"), c.value
		}
		if o.value == nil && rnd.IntN(3) > 0 {
			v := schemas.Money(rnd.Int64N(5)*500_000 + rnd.Int64N(2))
			o.value = &v
		}
		out = append(out, o)
	}
	return out
}

func writeOrders(t *testing.T, list []anOrder, timed bool, rnd *rand.Rand) string {
	comma := []string{",", ";", "\t"}[rnd.IntN(3)]
	var b strings.Builder
	quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	row := func(cells ...string) {
		if !timed {
			cells = cells[:2]
		}
		b.WriteString(strings.Join(cells, comma) + "\r\n")
	}
	row("order_id", "value", "at")
	for _, o := range list {
		value := ""
		if o.value != nil {
			value = o.value.String()
		}
		row(quote(o.id), value, o.at.Format(time.RFC3339))
	}
	return aList(t, b.String())
}

// compare is the report as a loop.
func compare(ours []aConversion, list []anOrder, begin, end time.Time, margin time.Duration, timed bool, advertiser int64, tolerance schemas.Money) []string {
	within := func(t time.Time, margin time.Duration) bool {
		return !t.Before(begin.Add(-margin)) && t.Before(end.Add(margin))
	}
	rank := func(c *aConversion) int {
		switch {
		case c.outcome == "attributed":
			return 0
		case c.reason == "voided":
			return 1
		}
		return 2
	}
	here := map[string]*aConversion{}
	for i := range ours {
		c := &ours[i]
		if c.order == "" || advertiser != 0 && c.advertiser != advertiser || !within(c.at, margin) {
			continue
		}
		before := here[c.order]
		if before == nil || cmp.Or(cmp.Compare(rank(c), rank(before)), c.at.Compare(before.at), cmp.Compare(c.id, before.id)) < 0 {
			here[c.order] = c
		}
	}
	type sum struct {
		value  *schemas.Money
		inside bool
	}
	there := map[string]*sum{}
	for _, o := range list {
		if timed && !within(o.at, margin) {
			continue
		}
		s := there[o.id]
		if s == nil {
			s = &sum{}
			there[o.id] = s
		}
		s.inside = s.inside || !timed || within(o.at, 0)
		if o.value != nil {
			v := *o.value
			if s.value != nil {
				v += *s.value
			}
			s.value = &v
		}
	}
	var ids []string
	for id := range here {
		ids = append(ids, id)
	}
	for id := range there {
		if here[id] == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var out []string
	for _, id := range ids {
		h, t := here[id], there[id]
		if (h == nil || !within(h.at, 0)) && (t == nil || !t.inside) {
			continue
		}
		out = append(out, comparedRow(id, h, t != nil, func() *schemas.Money {
			if t == nil {
				return nil
			}
			return t.value
		}(), tolerance))
	}
	return out
}

func comparedRow(id string, h *aConversion, listed bool, there *schemas.Money, tolerance schemas.Money) string {
	text := func(m *schemas.Money) *string {
		if m == nil {
			return nil
		}
		s := m.String()
		return &s
	}
	given := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	status := "value_differs"
	var here *schemas.Money
	var conversion, outcome, reason *string
	if h != nil {
		here, conversion, outcome, reason = h.value, &h.id, given(h.outcome), given(h.reason)
	}
	switch {
	case !listed:
		status = "only_here"
	case h == nil:
		status = "only_there"
	case here == nil && there == nil:
		status = "matched"
	case here != nil && there != nil && max(*here-*there, *there-*here) <= tolerance:
		status = "matched"
	}
	return rowText(&id, &status, text(here), text(there), conversion, outcome, reason)
}
