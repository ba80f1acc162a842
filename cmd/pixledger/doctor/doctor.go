// Package doctor looks at the machine that pixledger runs on, for what goes
// wrong there in practice: clock, disks, permissions, limits, nginx's and
// logrotate's configuration, and the schedule. It reads, writes nothing but probes
// that it removes, and finds out by itself only what it is not told.
// docs/doctor.md has every check with its reason.
package doctor

import "fmt"

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"`
	Level  Level  `json:"level"`
	What   string `json:"what"`
	Remedy string `json:"remedy,omitempty"`
}

// Level says how bad a finding is.
type Level string

// Nothing is wrong; something will be, or may be; something is.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Report gathers findings, in the order of the checks.
type Report struct{ Findings []Finding }

// OK notes that a check found nothing wrong.
func (r *Report) OK(check, format string, args ...any) { r.add(check, OK, "", format, args) }

// Warn notes what may go wrong, and what to do about it.
func (r *Report) Warn(check, remedy, format string, args ...any) {
	r.add(check, Warning, remedy, format, args)
}

// Problem notes what is wrong, and what to do about it.
func (r *Report) Problem(check, remedy, format string, args ...any) {
	r.add(check, Problem, remedy, format, args)
}

func (r *Report) add(check string, l Level, remedy, format string, args []any) {
	r.Findings = append(r.Findings, Finding{check, l, fmt.Sprintf(format, args...), remedy})
}

// Sound tells whether no finding is a problem.
func (r *Report) Sound() bool {
	for _, f := range r.Findings {
		if f.Level == Problem {
			return false
		}
	}
	return true
}

// Log is one log of a source, as the checks of its surroundings need it.
type Log struct {
	Source string
	Path   string
	Format string // of the source; "" where it is recognised
	// UserIDs says that the source's user ids come from elsewhere than nginx's userid.
	UserIDs bool
	// Elsewhere says that the source names the folder of its rotated files.
	Elsewhere bool
	Rotated   []string // the files that rotation has made of it, the oldest first
}
