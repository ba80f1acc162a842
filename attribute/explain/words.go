package explain

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// utc writes a time as people read it.
func utc(t time.Time) string { return clock(t.UTC()) + " UTC" }

// clock writes a time as its zone's clocks show it, as exactly as it is given:
// to the second, the millisecond or the microsecond.
func clock(t time.Time) string {
	layout := "2006-01-02 15:04:05.000000"
	switch {
	case t.Nanosecond() == 0:
		layout = time.DateTime
	case t.Nanosecond()%int(time.Millisecond) == 0:
		layout = "2006-01-02 15:04:05.000"
	}
	return t.Format(layout)
}

// span writes a length of time exactly, in the units that people count in:
// 1 d 2 h 5 min 0.25 s.
func span(d time.Duration) string {
	var parts []string
	for _, unit := range []struct {
		name string
		is   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}} {
		if n := d / unit.is; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, unit.name))
			d -= n * unit.is
		}
	}
	if d > 0 || len(parts) == 0 {
		parts = append(parts, strconv.FormatFloat(d.Seconds(), 'f', -1, 64)+" s")
	}
	return strings.Join(parts, " ")
}

// minutes writes a number of minutes, and what that is in larger units.
func minutes(n int64) string {
	text := strconv.FormatInt(n, 10) + " minutes"
	if n == 1 {
		text = "1 minute"
	}
	if n >= 60 {
		text += " (" + span(time.Duration(n)*time.Minute) + ")"
	}
	return text
}

// list writes the first of several ids.
func list(ids []string) string {
	const most = 5
	if len(ids) > most {
		return strings.Join(ids[:most], ", ") + fmt.Sprintf(" and %d more", len(ids)-most)
	}
	return strings.Join(ids, ", ")
}

// named writes an id with its name, where it has one.
func named(id int64, name string) string {
	return strings.TrimSpace(strconv.FormatInt(id, 10) + " " + name)
}

// text gives a nullable text, null as empty.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
