package pixelhealth

import (
	"fmt"
	"time"

	"pixledger/schemas"
)

// Thresholds of the rhythm, see docs/pixel-health.md.
const (
	minUsual     = 20  // loads a day from which a drop or rise is judged
	minSilence   = 10  // loads that silence must have lost
	minLastWeek  = 5   // loads that the same hours a week before must have had
	maxScore     = 3.5 // modified z-score
	minEverFired = 50  // loads of a pixel that fell silent more than eight days ago
)

const (
	placeRemedy  = "see whether the page still has the tag (`pixledger pixel export`), and whether a new page, consent banner or content security policy keeps it from loading"
	sourceRemedy = "see whether the shop sells as usual, then whether the tag stands on all pages of it; `pixledger status` shows whether a log is behind or missing"
)

// rhythm judges whether the pixel fires as it used to.
func (j *judge) rhythm() {
	f := &j.figures
	if f.LastFired == nil {
		j.neverFired()
		return
	}
	day := usually(f.Windows, j.until, j.first, func(w window) int64 { return w.Loads24 })
	if day.known() {
		n := int64(day.median + 0.5)
		j.out.Usual24h = &n
	}
	if j.silent() || !day.known() || day.median < minUsual {
		return
	}
	now := windowAt(f.Windows, 0).Loads24
	drop, rise := Alarm, Warning
	if j.out.Status == schemas.PixelPaused {
		drop, rise = Note, Note // nothing is lost by it
	}
	usual := fmt.Sprintf("%s in the 24 hours up to %s, where %s are usual (median of the same hours of the %d days before, %+.1f robust deviations)",
		loadsText(now), stamp(j.until), number(day.median), day.days, day.score(now))
	switch {
	case float64(now)*2 <= day.least() && day.least() > 0 && day.score(now) <= -maxScore:
		j.find("drop", drop, sourceRemedy, "it fires less than half as often as it used to: %s", usual)
	case float64(now) >= 2*day.most() && day.score(now) >= maxScore:
		j.find("rise", rise, "see the pages that fire it: is the tag on more pages than the one that is a conversion, or on one that loads it again and again?",
			"it fires more than twice as often as it used to: %s", usual)
	}
}

func loadsText(n int64) string {
	if n == 1 {
		return "1 load"
	}
	return fmt.Sprintf("%d loads", n)
}

func (j *judge) neverFired() {
	since := "the lake has no events yet"
	if !j.first.IsZero() {
		since = "the lake's events begin " + stamp(j.first)
	}
	if !j.since.IsZero() {
		since = "it is in the catalog since " + stamp(j.since) + " at the latest, and " + since
	}
	if from := j.pixel.Period.From; from != nil {
		since = "it is active from " + stamp(*from) + " on, and " + since
	}
	severity := Warning
	if j.out.Status == schemas.PixelPaused {
		severity = Note
	}
	j.find("never_fired", severity, "give the advertiser the tag (`pixledger pixel export`) and load the page with it once: the load shows here within minutes", "it has never fired; %s", since)
}

// silent judges whether loads are missing altogether, by hours while it fires often,
// by days while it fires seldom.
func (j *judge) silent() bool {
	f, last := &j.figures, *j.out.LastFired
	severity := Alarm
	if j.out.Status == schemas.PixelPaused {
		severity = Note // nothing is lost by it
	}
	if len(f.Windows) == 0 {
		what := fmt.Sprintf("it has been silent since %s, for %d days; before, it had fired %d times", stamp(last), int(j.now.Sub(last)/(24*time.Hour)), f.LoadsEarlier)
		if f.LoadsEarlier < minEverFired {
			severity = Note
		}
		j.find("silent", severity, placeRemedy, "%s", what)
		return true
	}
	for _, h := range []struct {
		hours int
		loads func(window) int64
	}{
		{24, func(w window) int64 { return w.Loads24 }},
		{12, func(w window) int64 { return w.Loads12 }},
		{3, func(w window) int64 { return w.Loads3 }},
	} {
		u := usually(f.Windows, j.until, j.first, h.loads)
		if h.loads(windowAt(f.Windows, 0)) > 0 || !u.known() || u.median < minSilence || u.lastWeek >= 0 && u.lastWeek < minLastWeek {
			continue
		}
		j.find("silent", severity, placeRemedy, "it has been silent since %s: no load in the %d hours up to %s, where %s are usual (median of the same hours of the %d days before)",
			stamp(last), h.hours, stamp(j.until), number(u.median), u.days)
		return true
	}
	return j.silentForDays(severity, last)
}

// silentForDays judges pixels that fire a few times a day: for so many days that at
// the rate of the days before at least minSilence loads should have come, and for
// more than a weekend.
func (j *judge) silentForDays(severity Severity, last time.Time) bool {
	for silent := 3; silent <= 4; silent++ {
		known, before := 0, int64(0)
		for back := 0; back <= 7; back++ {
			if !j.first.IsZero() && j.until.Add(-time.Duration(back+1)*24*time.Hour).Before(j.first) {
				break
			}
			n := windowAt(j.figures.Windows, back).Loads24
			if back < silent {
				if n > 0 {
					return false
				}
				continue
			}
			known++
			before += n
		}
		if known < minDays || before*int64(silent) < minSilence*int64(known) {
			continue
		}
		if severity == Alarm {
			severity = Warning // so few may stay away by chance, or for a holiday
		}
		j.find("silent", severity, placeRemedy, "it has been silent since %s: no load in the %d days up to %s, after %s in the %d days before",
			stamp(last), silent, stamp(j.until), loadsText(before), known)
		return true
	}
	return false
}
