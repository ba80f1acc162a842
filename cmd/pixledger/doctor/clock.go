package doctor

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"pixledger/cmd/pixledger/schedule"
)

// Moments are the times that a clock is judged by.
type Moments struct {
	Now  time.Time // that the commands count by
	Real time.Time // of this machine's clock; Now, but for --now
	// LastCommit and LastEvent are of the lake; zero where it has none.
	LastCommit, LastEvent time.Time
	Logs                  []Log
}

// clockSlack is by how much clocks may differ before it is said.
const clockSlack = time.Minute

const ntp = "set the clock by NTP: timedatectl set-ntp true (systemd-timesyncd), or chrony"

// Clock looks whether the clock is set, and whether it went back.
func Clock(r *Report, m Moments) {
	KernelClock(r, unix.Adjtimex)
	if back := m.LastCommit.Sub(m.Now); back > clockSlack {
		r.Problem("clock", ntp+"; where the commits were made by a wrong clock, wait until it is later than they say", "it is %s, and the last commit was made at %s: the clock went back by %s", utc(m.Now), utc(m.LastCommit), back.Round(time.Second))
	}
	if ahead := m.LastEvent.Sub(m.Now); ahead > clockSlack {
		r.Warn("clock", "set the clocks of the edge and of this machine by NTP", "the newest committed line is of %s, %s ahead of this machine's clock", utc(m.LastEvent), ahead.Round(time.Second))
	}
	for _, l := range m.Logs {
		fi, err := os.Stat(l.Path)
		if err != nil {
			continue // said where the log is looked at
		}
		if ahead := fi.ModTime().Sub(m.Real); ahead > clockSlack {
			r.Warn("clock", "set the clocks of the edge and of this machine by NTP", "%s was written at %s, %s ahead of this machine's clock", l.Path, utc(fi.ModTime()), ahead.Round(time.Second))
		}
	}
}

// KernelClock asks the kernel whether somebody keeps its clock right.
func KernelClock(r *Report, adjtimex func(*unix.Timex) (int, error)) {
	var t unix.Timex // modes 0: it is only read
	switch _, err := adjtimex(&t); {
	case err != nil:
		r.OK("clock", "the kernel does not tell whether the clock is kept right: %v", err)
	case t.Status&unix.STA_UNSYNC != 0:
		r.Warn("clock", ntp, "nobody keeps this machine's clock right: days would begin and end by a clock that drifts")
	case t.Esterror > int64(time.Second/time.Microsecond):
		r.Warn("clock", ntp, "this machine's clock is kept right to %s only", time.Duration(t.Esterror)*time.Microsecond)
	default:
		r.OK("clock", "the clock is kept right")
	}
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// Job is a scheduled job.
type Job struct {
	Name, Spec string
	When       *schedule.Spec
	// LastEnd is when its last run ended, LastError why it failed; zero and empty
	// where it has not.
	LastEnd   time.Time
	LastError string
}

// changeAhead is how long before a change of the clock it is told of.
const changeAhead = 14 * 24 * time.Hour

// ZoneChange tells of a change of the clock in the configured zone within the
// next two weeks, and what it means for the jobs that are due in these hours.
func ZoneChange(r *Report, zone *time.Location, now time.Time, jobs []Job) {
	_, change := now.In(zone).ZoneBounds()
	if change.IsZero() || change.Sub(now) > changeAhead {
		r.OK("time zone", "%s: no clock is set within 14 days", zone)
		return
	}
	_, before := change.Add(-time.Second).In(zone).Zone()
	_, after := change.In(zone).Zone()
	by := time.Duration(after-before) * time.Second
	wall := change.In(time.FixedZone("", before)).Format("2006-01-02 15:04")
	how := "forward"
	if by < 0 {
		how = "back"
	}
	r.OK("time zone", "%s: clocks are set %s by %s on %s", zone, how, by.Abs(), wall)
	for _, j := range jobs {
		old, err := schedule.Parse(j.Spec, time.FixedZone("", before))
		if err != nil {
			continue
		}
		from, to := change, change.Add(by) // what would come in the hours that are left out
		if by < 0 {
			from, to = change.Add(by), change // the first of the hours that come twice
		}
		due := old.Next(from.Add(-time.Second))
		if !due.Before(to) || old.Next(due).Before(to) {
			continue // not due in these hours, or due so often that nothing is remarkable
		}
		said := "left out"
		if by < 0 {
			said = "there twice"
		}
		runs := j.When.Next(from.Add(-time.Second)).In(zone)
		r.OK("time zone", "%s (%s) is due at %s that night, which is %s: it runs once, at %s", j.Name, j.Spec, due.Format("15:04"), said, runs.Format("15:04 -07:00"))
	}
}
