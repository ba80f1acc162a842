package doctor

import "time"

// Night is what the order of the nightly jobs is judged by.
type Night struct {
	Now     time.Time
	Zone    *time.Location
	Close   time.Duration // close_after
	Running bool          // a daemon runs, which does the jobs
	Jobs    []Job
}

// The thresholds of the schedule: a job that has not run within a year is as
// good as none; one that comes more than half a day after what it works on comes
// a day late; and one that is an hour behind is overdue, as the alert says.
const (
	rare    = 366 * 24 * time.Hour
	dayLate = 12 * time.Hour
	overdue = time.Hour
)

// Schedule looks whether the jobs come when they should.
func Schedule(r *Report, n Night) {
	sound := true
	warn := func(remedy, format string, args ...any) {
		sound = false
		r.Warn("schedule", remedy, format, args...)
	}
	byName := map[string]*Job{}
	for i := range n.Jobs {
		j := &n.Jobs[i]
		byName[j.Name] = j
		if next := j.When.Next(n.Now); next.IsZero() || next.Sub(n.Now) > rare {
			warn("give schedule."+j.Name+" a time that comes", "%s (%s) does not come within a year", j.Name, j.Spec)
		}
		if j.LastError != "" {
			warn("mend the cause and run `pixledger "+j.Name+"`", "the job %s fails: %s", j.Name, j.LastError)
		}
		if n.Running && !j.LastEnd.IsZero() {
			if due := j.When.Next(j.LastEnd); !due.IsZero() && n.Now.Sub(due) > overdue {
				warn("`pixledger status` and the daemon's log say what it waits for", "the job %s is overdue: it was due at %s, and ran last at %s", j.Name, utc(due), utc(j.LastEnd))
			}
		}
	}
	closing := byName["close"]
	if closing == nil {
		return
	}
	// The night after next is like all others, whatever stands now.
	y, m, d := n.Now.In(n.Zone).AddDate(0, 0, 2).Date()
	ready := time.Date(y, m, d, 0, 0, 0, 0, n.Zone).Add(n.Close)
	closes := closing.When.Next(ready.Add(-time.Second))
	if closes.IsZero() || closes.Sub(ready) > rare {
		return
	}
	if late := closes.Sub(ready); late > dayLate {
		warn("let schedule.close come soon after close_after", "a business day is due %s after its end, and close (%s) comes %s later", n.Close, closing.Spec, late)
	}
	for _, name := range []string{"export", "warehouse"} {
		j := byName[name]
		if j == nil {
			continue
		}
		if next := j.When.Next(closes.Add(-time.Second)); !next.IsZero() && next.Sub(closes) > dayLate {
			warn("let schedule."+name+" come after schedule.close", "%s (%s) comes %s after close (%s): what is closed at night goes out a day late", name, j.Spec, next.Sub(closes), closing.Spec)
		}
	}
	if sound {
		r.OK("schedule", "%s come in their order", plural(len(n.Jobs), "job"))
	}
}
