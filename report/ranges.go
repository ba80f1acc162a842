package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones load on machines that have no zone files

	"pixledger/schemas"
)

// Range is a half-open span of time, [From, Until).
type Range struct{ From, Until time.Time }

// rangeNames are the ranges by name, in the order in which help lists them.
var rangeNames = []string{
	"current_hour", "last_hour", "today", "yesterday", "last_24_hours", "last_48_hours", "last_2_days", "last_7_days",
	"last_14_days", "last_30_days", "last_month", "month_to_date", "month_to_yesterday", "quarter_to_date",
	"last_100_days", "last_365_days", "lifetime",
}

// RangeNames lists the names that --range takes.
func RangeNames() []string { return slices.Clone(rangeNames) }

// beginning is before every event: older lines are rejects.
var beginning = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// NamedRange gives the range of that name at now, in the zone. Ranges that
// reach now end with that hour or day; last_N_days are the N days before
// today, last_N_hours the N full hours before this one. An unknown name is a
// *UsageError.
func NamedRange(name string, now time.Time, zone *time.Location) (Range, error) {
	hour := startOfHour(now, zone)
	y, m, d := now.In(zone).Date()
	day := func(back int) time.Time { return StartOfDay(y, m, d-back, zone) }
	month := func(back int) time.Time { return StartOfDay(y, m-time.Month(back), 1, zone) }
	tomorrow := day(-1)
	switch name {
	case "current_hour":
		return Range{hour, endOfHour(now, zone)}, nil
	case "last_hour":
		return Range{hour.Add(-time.Hour), hour}, nil
	case "today":
		return Range{day(0), tomorrow}, nil
	case "yesterday":
		return Range{day(1), day(0)}, nil
	case "last_month":
		return Range{month(1), month(0)}, nil
	case "month_to_date":
		return Range{month(0), tomorrow}, nil
	case "month_to_yesterday":
		return Range{month(0), day(0)}, nil
	case "quarter_to_date":
		return Range{month((int(m) - 1) % 3), tomorrow}, nil
	case "lifetime":
		return Range{beginning, tomorrow}, nil
	}
	if slices.Contains(rangeNames, name) { // last_N_hours and last_N_days
		parts := strings.Split(name, "_")
		n, err := strconv.Atoi(parts[1])
		if err == nil && parts[2] == "hours" {
			return Range{hour.Add(-time.Duration(n) * time.Hour), hour}, nil
		}
		if err == nil {
			return Range{day(n), day(0)}, nil
		}
	}
	return Range{}, usage(words(rangeNames), "there is no range %q", name)
}

// StartOfDay is the first instant of a calendar day in a zone: midnight, or
// the instant at which the clock jumps over it. Days and months that overflow
// are normalised, as time.Date does.
func StartOfDay(y int, m time.Month, d int, zone *time.Location) time.Time {
	wall := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	end := wall.Add(36 * time.Hour)
	for t := wall.Add(-36 * time.Hour).In(zone); ; {
		_, offset := t.Zone()
		began, until := t.ZoneBounds()
		midnight := wall.Add(-time.Duration(offset) * time.Second)
		if !began.IsZero() && midnight.Before(began) {
			midnight = began
		}
		if until.IsZero() || midnight.Before(until) || until.After(end) {
			return midnight.In(zone)
		}
		t = until.In(zone)
	}
}

// startOfHour is the first instant of the hour that t is in.
func startOfHour(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	_, offset := t.Zone()
	local := t.Unix() + int64(offset)
	hour := time.Unix(t.Unix()-local%3600, 0).In(zone)
	if began, _ := t.ZoneBounds(); !began.IsZero() && hour.Before(began) {
		return began
	}
	return hour
}

// endOfHour is the end of the hour that t is in.
func endOfHour(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	_, offset := t.Zone()
	end := time.Unix(t.Unix()-(t.Unix()+int64(offset))%3600+3600, 0).In(zone)
	if _, until := t.ZoneBounds(); !until.IsZero() && until.Before(end) {
		return until
	}
	return end
}

// parseBound reads --from or --to: RFC 3339, or a date as midnight in the zone.
func parseBound(flag, text string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return StartOfDay(t.Year(), t.Month(), t.Day(), zone), nil
	}
	return time.Time{}, usage("RFC 3339 such as 2026-11-13T06:00:00Z, or a date such as 2026-11-13", "--%s: %q is no time", flag, text)
}

// resolve gives the range that was asked for, in the zone.
func (p *Params) resolve(zone *time.Location) (Range, error) {
	if p.From == "" && p.To == "" {
		name := p.Range
		if name == "" {
			name = "lifetime"
		}
		return NamedRange(name, p.Now, zone)
	}
	if p.Range != "" {
		return Range{}, usage("--range, or --from and --to", "--range and --from or --to exclude each other")
	}
	r, err := NamedRange("lifetime", p.Now, zone)
	if err != nil {
		return r, err
	}
	if p.From != "" {
		if r.From, err = parseBound("from", p.From, zone); err != nil {
			return r, err
		}
	}
	if p.To != "" {
		if r.Until, err = parseBound("to", p.To, zone); err != nil {
			return r, err
		}
	}
	if r.Until.Before(r.From) {
		return r, usage("a --to at or after --from", "--from %s is after --to %s", r.From.Format(time.RFC3339), r.Until.Format(time.RFC3339))
	}
	return r, nil
}

// loadZone gives the zone of that IANA name.
func loadZone(name string) (*time.Location, error) {
	if err := schemas.CheckZone(name); err != nil {
		return nil, usage("an IANA name such as Europe/Berlin or UTC, or advertiser", "there is no time zone %q", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("load the time zone %s: %w", name, err)
	}
	return zone, nil
}

// span is a part of a range within one offset from UTC.
type span struct {
	Zone   int    `json:"zone"`
	First  string `json:"first"`
	Until  string `json:"until"`
	Began  string `json:"began"` // when the offset came into force
	Offset int    `json:"offset_seconds"`
}

// spans cuts a range where the zone's offset changes.
func spans(index int, r Range, zone *time.Location) []span {
	var out []span
	for t := r.From.In(zone); t.Before(r.Until); {
		_, offset := t.Zone()
		began, until := t.ZoneBounds()
		if began.Before(beginning) {
			began = beginning.AddDate(-1, 0, 0)
		}
		if until.IsZero() || until.After(r.Until) {
			until = r.Until
		}
		out = append(out, span{index, sqlTime(t), sqlTime(until), sqlTime(began), offset})
		t = until.In(zone)
	}
	return out
}

func sqlTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z07:00") }
