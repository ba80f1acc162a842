package reference

import "time"

// Day is a calendar day, such as 2026-03-10. Days compare as their texts do.
type Day string

// Plus gives the day n days later.
func (d Day) Plus(n int) Day { return Day(d.utc().AddDate(0, 0, n).Format(time.DateOnly)) }

func (d Day) utc() time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		panic(err) // days are read with parseDay or made of instants
	}
	return t
}

func parseDay(s string) (Day, bool) {
	_, err := time.Parse(time.DateOnly, s)
	return Day(s), err == nil
}

// dayOf is the date that a calendar in the zone shows at t.
func dayOf(t time.Time, zone *time.Location) Day { return Day(t.In(zone).Format(time.DateOnly)) }

// endOf is the first instant at which a calendar in the zone shows a later
// date than d. It is found by looking at the calendar, first every hour, then
// every minute and every second, whatever clocks do in between.
func endOf(d Day, zone *time.Location) time.Time {
	t := d.utc().Add(-24 * time.Hour) // no zone is that far ahead
	for _, step := range []time.Duration{time.Hour, time.Minute, time.Second} {
		for dayOf(t.Add(step), zone) <= d {
			t = t.Add(step)
		}
	}
	return t.Add(time.Second)
}
