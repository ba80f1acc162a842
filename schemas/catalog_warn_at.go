package schemas

import (
	"fmt"
	"time"
)

// catalogPositions keeps where pixels and the rates of associations stand, for
// warnings that depend on the time of asking.
type catalogPositions struct {
	pixels map[int64]Warning
	rates  map[*Association]Warning
}

func (l *catalogLoader) positions(file string) catalogPositions {
	m := catalogPositions{make(map[int64]Warning, len(l.c.Pixels)), make(map[*Association]Warning)}
	for i := range l.c.Pixels {
		p := &l.c.Pixels[i]
		line, column := l.at[p].Position()
		m.pixels[p.ID] = Warning{File: file, Line: line, Column: column}
	}
	for i := range l.c.LineItems {
		for j := range l.c.LineItems[i].Pixels {
			a := &l.c.LineItems[i].Pixels[j]
			line, column := l.at[a].Get("rates").Position()
			m.rates[a] = Warning{File: file, Line: line, Column: column}
		}
	}
	return m
}

// WarningsAt says, in file order, what is allowed and probably not meant as of
// t: PausedAt's warnings and RatesMissingAt's.
func (c *Catalog) WarningsAt(t time.Time) []Warning {
	out := append(c.PausedAt(t), c.RatesMissingAt(t)...)
	sortWarnings(out)
	return out
}

// PausedAt warns of every pixel that is Paused at t, with the reason. Those
// that can never attribute, whatever the time, are among LoadCatalog's
// warnings too.
func (c *Catalog) PausedAt(t time.Time) []Warning {
	var out []Warning
	for i := range c.Pixels {
		p := &c.Pixels[i]
		status, why := c.PixelStatusAt(p, t)
		if status != PixelPaused {
			continue
		}
		var w Warning
		if c.index != nil {
			w = c.index.positions.pixels[p.ID]
		}
		w.What = fmt.Sprintf("pixel %d is Paused: %s", p.ID, why)
		out = append(out, w)
	}
	return out
}

// RatesMissingAt warns of every association that counts at t, or begins to
// after t, before the first of its rates: its conversions would be booked at 0
// until then. Those without any rate are among LoadCatalog's warnings.
func (c *Catalog) RatesMissingAt(t time.Time) []Warning {
	var out []Warning
	for i := range c.LineItems {
		for j := range c.LineItems[i].Pixels {
			a := &c.LineItems[i].Pixels[j]
			what := c.ratesMissing(&c.LineItems[i], a, t)
			if what == "" {
				continue
			}
			var w Warning
			if c.index != nil {
				w = c.index.positions.rates[a]
			}
			w.What = what
			out = append(out, w)
		}
	}
	return out
}

// ratesMissing says that conversions at t or later come before the first rate;
// empty when none do.
func (c *Catalog) ratesMissing(i *LineItem, a *Association, t time.Time) string {
	p := c.Pixel(a.PixelID)
	if p == nil || len(a.Rates) == 0 || p.State == Inactive || i.State == Inactive || a.State == Inactive {
		return ""
	}
	counts, ever := overlap(p.Period, i.Period, a.Period, Period{From: &t})
	first := a.Rates[0].From
	for _, r := range a.Rates {
		if r.From.Before(first) {
			first = r.From
		}
	}
	if !ever || !counts.From.Before(first) {
		return ""
	}
	until := first
	if counts.Until != nil && counts.Until.Before(first) {
		until = *counts.Until
	}
	missing := "no rate is in force yet"
	if counts.From.After(t) {
		missing = "no rate is in force when it begins, " + counts.From.Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("pixel %d in line item %d: %s: conversions are booked at 0, marked rate_missing, until %s",
		p.ID, i.ID, missing, until.Format(time.RFC3339Nano))
}
