package segment

import (
	"time"

	"pixledger/ingest/decode"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

const dayMicros = 24 * 3600 * 1_000_000

// dayOf gives the UTC day of a time, as days since 1970-01-01.
func dayOf(micros int64) int64 {
	day := micros / dayMicros
	if micros%dayMicros < 0 {
		day--
	}
	return day
}

// dayName gives a day as YYYY-MM-DD.
func dayName(day int64) string {
	return time.Unix(day*24*3600, 0).UTC().Format(time.DateOnly)
}

// hasDate tells whether a time lies in the years 1 to 9999, and so on a day
// that can be written down; others count under the date of reading.
func hasDate(micros int64) bool {
	return firstDay*dayMicros <= micros && micros < endDay*dayMicros
}

const (
	firstDay = -719_162  // 0001-01-01
	endDay   = 2_932_897 // 10000-01-01
)

// sourceState is what a batch knows of one of its files.
type sourceState struct {
	*Source
	id      []byte // Source.ID
	edge    []byte // Source.Edge
	ids     *decode.IDs
	idsHead int // length of the head that the ids were made with
	days    map[int64]*dayCounts
	today   *dayCounts // the day last counted
	number  int64      // and its number
	users   int64

	first, last int64
	timed       bool
}

// source finds the state of a file, most often the one of the line before.
func (b *Batch) source(src *Source) *sourceState {
	if b.last != nil && b.last.Source == src {
		return b.last
	}
	s := b.sources[src]
	if s == nil {
		s = &sourceState{Source: src, id: []byte(src.ID), edge: []byte(src.Edge), days: map[int64]*dayCounts{}}
		b.sources[src] = s
		b.order = append(b.order, s)
	}
	b.last = s
	return s
}

// lineIDs gives the maker of the file's line ids, a new one where the known
// beginning of the file has grown.
func (s *sourceState) lineIDs() *decode.IDs {
	if s.ids == nil || s.idsHead != len(s.Head) {
		s.ids, s.idsHead = decode.NewIDs(s.Head), len(s.Head)
	}
	return s.ids
}

// clock notes the time of a line and the step back from the one before.
func (s *sourceState) clock(micros, day int64) {
	if !s.timed {
		s.timed, s.first, s.last = true, micros, micros
		return
	}
	if back := s.last - micros; back > 0 {
		d := s.day(day)
		d.skew = max(d.skew, back)
	}
	s.last = micros
}

// dayCounts is the account of one file and day.
type dayCounts struct {
	events     [len(eventTypes)]int64
	rejects    map[string]int64
	notCounted map[string]int64
	ignored    int64
	bots       int64
	macros     int64
	macrosOf   map[string]lake.Macros // by pixel; nil while there are none
	skew       int64
}

func (s *sourceState) day(day int64) *dayCounts {
	if s.today != nil && s.number == day {
		return s.today
	}
	d := s.days[day]
	if d == nil {
		d = &dayCounts{rejects: map[string]int64{}, notCounted: map[string]int64{}}
		s.days[day] = d
	}
	s.today, s.number = d, day
	return d
}

func (d *dayCounts) count(kind int, ev *decode.Event) {
	d.events[kind]++
	if ev.UnreplacedMacros > 0 {
		d.countMacros(ev)
	}
	if ev.InvalidReason == decode.Bot {
		d.bots++
	}
}

// countMacros counts the parameters of an event that nobody filled in, those of
// a conversion for its pixel too.
func (d *dayCounts) countMacros(ev *decode.Event) {
	d.macros += int64(ev.UnreplacedMacros)
	if ev.Type != schemas.Conversion {
		return
	}
	var m lake.Macros
	named := int64(0)
	for _, of := range [...]struct {
		macro decode.MacroSet
		count *int64
	}{{decode.OrderIDMacro, &m.OrderID}, {decode.ValueMacro, &m.Value}, {decode.OtherMacro, &m.Other}} {
		if ev.MacroOf&of.macro != 0 {
			*of.count = 1
			named++
		}
	}
	m.Rest = int64(ev.UnreplacedMacros) - named
	pixel := lake.PixelKey(ev.PixelID, ev.MemberID, ev.PixelCode)
	d.macrosOf = lake.AddMacros(d.macrosOf, pixel, m)
}

// account adds the file's account to those of its source id.
func (s *sourceState) account(all map[string]*Account) {
	a := all[s.ID]
	if a == nil {
		a = &Account{Days: map[string]*lake.Counts{}}
		all[s.ID] = a
	}
	a.Users += s.users
	if s.timed {
		if !a.Timed {
			a.First, a.Timed = s.first, true
		}
		a.Last = s.last
	}
	for day, d := range s.days {
		c := &lake.Counts{Ignored: d.ignored, Bots: d.bots, UnreplacedMacros: d.macros, MaxSkewMicros: d.skew}
		c.PixelMacros = d.macrosOf
		for kind, n := range d.events {
			if n > 0 {
				if c.Events == nil {
					c.Events = map[string]int64{}
				}
				c.Events[string(eventTypes[kind])] = n
			}
		}
		if len(d.rejects) > 0 {
			c.Rejects = d.rejects
		}
		if len(d.notCounted) > 0 {
			c.NotCounted = d.notCounted
		}
		lake.AddDays(a.Days, map[string]*lake.Counts{dayName(day): c})
	}
}
