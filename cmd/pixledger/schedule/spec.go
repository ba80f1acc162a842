// Package schedule runs the daemon's jobs when they are due: each once for each
// time that its cron spec calls for, in their order, also after downtime, and
// whatever the clock does.
package schedule

import (
	"errors"
	"math/bits"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Spec says when a job is due, in a time zone.
//
// The hours of a cron spec are those of a clock on the wall. Where such a clock
// is set, the rules are those that people expect of cron (crontab(5) of Debian's
// cron): a time that the spring skips is due at the instant of the change, once;
// of a time that the autumn repeats the first counts, except for specs that have
// every hour, which go on in both. The parser's own Next leaves the first out
// and takes the second twice.
type Spec struct {
	every *cron.ConstantDelaySchedule // of @every; nil: the fields count
	wall  *cron.SpecSchedule          // on the clock on the wall, whose time is written as UTC
	zone  *time.Location
}

// firings is where Parse looks for a spec's next time: early in a leap year, so
// that a 29th of February is within the parser's five years.
var firings = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// Parse reads a cron spec of five fields, or a descriptor such as @daily or
// @every 15m, as running in zone. It refuses what the parser takes and no
// schedule is meant by: a zone of its own, a date that never comes, an interval
// under a second.
func Parse(spec string, zone *time.Location) (s *Spec, err error) {
	defer func() {
		if r := recover(); r != nil { // the parser panics on some texts, such as TZ=X
			s, err = nil, errors.New("it is not readable")
		}
	}()
	if strings.Contains(spec, "TZ=") {
		return nil, errors.New("it names a time zone of its own")
	}
	if every, ok := strings.CutPrefix(spec, "@every "); ok {
		if d, err := time.ParseDuration(every); err != nil || d < time.Second {
			return nil, errors.New("@every takes a duration of at least 1s")
		}
	}
	parsed, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, err
	}
	switch p := parsed.(type) {
	case cron.ConstantDelaySchedule:
		return &Spec{every: &p, zone: zone}, nil
	case *cron.SpecSchedule:
		if p.Minute == 0 || p.Hour == 0 || p.Dom == 0 || p.Month == 0 || p.Dow == 0 {
			return nil, errors.New("a field is empty")
		}
		p.Location = time.UTC
		if p.Next(firings).IsZero() {
			return nil, errors.New("such a date never comes")
		}
		return &Spec{wall: p, zone: zone}, nil
	}
	return nil, errors.New("it is not readable")
}

// everyHour tells whether the spec has all hours of a day.
func (s *Spec) everyHour() bool {
	const hours = 1<<24 - 1
	return bits.OnesCount64(s.wall.Hour&hours) == 24
}

// Next gives the first time after t, in the zone; zero where none comes within
// five years.
func (s *Spec) Next(t time.Time) time.Time {
	if s.every != nil {
		return t.In(s.zone).Add(s.every.Delay)
	}
	t = t.In(s.zone)
	lower := onWall(t) // exclusive, on the wall
	for range maxChanges {
		begin, end := t.ZoneBounds()
		if !s.everyHour() && !begin.IsZero() {
			// What the clock showed before it was set back has been.
			if shown := onWall(begin.Add(-1)); shown.After(lower) {
				lower = shown
			}
		}
		next := s.wall.Next(lower)
		if next.IsZero() {
			return time.Time{}
		}
		_, offset := t.Zone()
		at := next.Add(-time.Duration(offset) * time.Second).In(s.zone)
		if end.IsZero() || at.Before(end) {
			return at
		}
		// Nothing comes before the clock is set. What it skips then, or shows
		// then, is due at that instant.
		if shows := onWall(end.In(s.zone)); !next.After(shows) {
			return end.In(s.zone)
		}
		t = end.In(s.zone)
		lower = onWall(t).Add(-1)
	}
	return time.Time{}
}

// maxChanges bounds the changes of a clock that Next looks across: the parser
// looks five years ahead, and no zone has twenty a year.
const maxChanges = 100

// onWall is the time that a clock on the wall shows at t, written as UTC.
func onWall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.Add(time.Duration(offset) * time.Second).UTC()
}

// LastDue gives the latest time at or before now that the spec calls for, and
// that is after done. All that were missed since count as one, the latest. The
// times of @every are counted from done.
func (s *Spec) LastDue(done, now time.Time) (due time.Time, ok bool) {
	if s.every != nil {
		n := now.Sub(done) / s.every.Delay
		return done.Add(n * s.every.Delay), n > 0
	}
	// Years of every minute are long to walk through: what is far back is not
	// looked at where the last two days have a time.
	for _, from := range []time.Time{now.Add(-48 * time.Hour), done} {
		if from.Before(done) {
			from = done
		}
		for t := s.Next(from); !t.IsZero() && !t.After(now); t = s.Next(t) {
			due, ok = t, true
		}
		if ok {
			return due, true
		}
	}
	return time.Time{}, false
}
