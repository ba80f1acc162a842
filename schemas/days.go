package schemas

import (
	"fmt"
	"time"
)

// Day is a business day: a calendar day of some time zone, YYYY-MM-DD. Days
// compare as texts.
type Day string

// ParseDay reads a calendar day.
func ParseDay(text string) (Day, error) {
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return "", fmt.Errorf("there is no day %q; allowed: a date such as 2026-01-31", text)
	}
	return Day(text), nil
}

// Plus is the day so many days later, or earlier where days is negative.
func (d Day) Plus(days int) Day {
	return Day(d.midnight().AddDate(0, 0, days).Format(time.DateOnly))
}

// Until is the number of days from this one to another.
func (d Day) Until(other Day) int {
	return int(other.midnight().Sub(d.midnight()) / (24 * time.Hour))
}

// midnight is where the day begins in UTC. A Day that was not made here and is
// none begins with the year 1.
func (d Day) midnight() time.Time {
	t, _ := time.Parse(time.DateOnly, string(d))
	return t
}

// Begin is the instant, in UTC, at which the clocks of a zone first show the
// day. Where they skip midnight, as in spring in some zones, that is later than
// 00:00; where they show midnight twice it is the first of them. A day that
// they skip as a whole begins where the next one does.
func (d Day) Begin(zone *time.Location) time.Time {
	midnight := d.midnight()
	// Clocks differ from UTC by less than a day: they do not show the day yet.
	for at := midnight.Add(-24 * time.Hour); ; {
		_, until := at.In(zone).ZoneBounds()
		_, offset := at.In(zone).Zone()
		first := midnight.Add(-time.Duration(offset) * time.Second)
		if first.Before(at) {
			first = at // the clocks were put on, past midnight
		}
		if until.IsZero() || first.Before(until) {
			return first.UTC()
		}
		at = until
	}
}

// Bounds are the instants in UTC between which the day lies: from its begin to
// that of the next, half-open. Some days have 23 or 25 hours.
func (d Day) Bounds(zone *time.Location) (from, until time.Time) {
	return d.Begin(zone), d.Plus(1).Begin(zone)
}

// DayOf is the business day that an instant lies in.
func DayOf(t time.Time, zone *time.Location) Day {
	d := Day(t.In(zone).Format(time.DateOnly))
	for !d.Plus(1).Begin(zone).After(t) { // clocks that were put back over midnight
		d = d.Plus(1)
	}
	for d.Begin(zone).After(t) {
		d = d.Plus(-1)
	}
	return d
}

// Due is when the day may be closed: so long after its end, in elapsed time.
func (d Day) Due(zone *time.Location, closeAfter time.Duration) time.Time {
	_, until := d.Bounds(zone)
	return until.Add(closeAfter)
}
