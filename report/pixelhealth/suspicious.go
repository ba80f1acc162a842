package pixelhealth

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixledger/report"
	"pixledger/schemas"
	"pixledger/schemas/lakedb"
)

// suspiciousDays is how far back suspicious traffic is looked for.
const suspiciousDays = 7

const suspiciousRemedy = "look at them by `pixledger report suspicious_traffic --filter pixel_id=%d` and `pixledger explain ID`; `pixledger void` takes those that are not to be paid, see docs/invalid-traffic.md"

// suspicion is a row of the report suspicious_traffic.
type suspicion struct {
	kind, subject, what  string
	pixel                int64
	conversions, payable int64
	revenue, example     string
}

// suspicions gathers rows of the report, as its writer.
type suspicions struct {
	columns []report.Column
	rows    []suspicion
}

func (s *suspicions) Begin(columns []report.Column) error {
	s.columns = slices.Clone(columns)
	return nil
}

func (s *suspicions) Row(values []any, _ *time.Location) error {
	row := map[string]any{}
	for i, c := range s.columns {
		row[c.Name] = values[i]
	}
	text := func(name string) string { t, _ := row[name].(string); return t }
	number := func(name string) int64 { n, _ := row[name].(int64); return n }
	pixel, ok := row["pixel_id"].(int64)
	if !ok {
		return nil // it concerns no conversion
	}
	found := suspicion{
		kind: text("kind"), subject: text("subject_type") + " " + shown(text("subject")), what: text("what"), pixel: pixel,
		conversions: number("conversions"), payable: number("attributed"),
	}
	found.example, _, _ = strings.Cut(text("examples"), " ")
	found.example = shown(found.example)
	if n, ok := row["booked_revenue"].(*big.Int); ok && n.IsInt64() && text("currency") != "" {
		found.revenue = schemas.Money(n.Int64()).Short() + " " + text("currency")
	}
	s.rows = append(s.rows, found)
	return nil
}

// shown is an id that somebody sent as it may stand in a sentence.
func shown(id string) string {
	if quoted := strconv.Quote(id); quoted != `"`+id+`"` {
		return quoted
	}
	return id
}

func (s *suspicions) Close() error { return nil }

// suspiciousTraffic asks the report for the days up to a time, and gives its rows
// by pixel.
func suspiciousTraffic(ctx context.Context, db *lakedb.DB, until, now time.Time) (map[int64][]suspicion, error) {
	var s suspicions
	p := report.Params{
		From: until.AddDate(0, 0, -suspiciousDays).UTC().Format(time.RFC3339Nano),
		To:   until.Add(time.Microsecond).UTC().Format(time.RFC3339Nano), Now: now,
	}
	err := report.BuiltIn().RunTo(ctx, db, "suspicious_traffic", p, func(report.Sheet) (report.Writer, error) { return &s, nil })
	if err != nil {
		return nil, err
	}
	byPixel := map[int64][]suspicion{}
	for _, r := range s.rows {
		byPixel[r.pixel] = append(byPixel[r.pixel], r)
	}
	return byPixel, nil
}

// suspicious makes a finding of each kind of suspicious traffic that the pixel's
// conversions come from, and shows the subject with the most of them.
func (j *judge) suspicious() {
	rows := slices.Clone(j.suspicions)
	for len(rows) > 0 {
		kind := rows[0].kind
		worst, others := rows[0], -1
		for _, r := range rows {
			if r.kind != kind {
				continue
			}
			others++
			if r.payable > worst.payable {
				worst = r
			}
		}
		rows = slices.DeleteFunc(rows, func(r suspicion) bool { return r.kind == kind })
		severity, earned := Warning, ""
		switch {
		case worst.payable == 0:
			severity = Note // nothing is paid for them
		case worst.revenue != "":
			earned = " that earned " + worst.revenue
		}
		more := ""
		if others > 0 {
			more = fmt.Sprintf("; %d more of this kind", others)
		}
		j.find(kind, severity, fmt.Sprintf(suspiciousRemedy, j.pixel.ID), "%s: %s; %s%s, such as %s%s",
			worst.subject, worst.what, conversionsText(worst.conversions), earned, worst.example, more)
	}
}

func conversionsText(n int64) string {
	if n == 1 {
		return "1 conversion"
	}
	return fmt.Sprintf("%d conversions", n)
}
