package ingest

import (
	"sync/atomic"
	"time"
)

// pulseEvery is how often a loop of a follower gives a sign of life, unless it
// is in the middle of something.
const pulseEvery = time.Second

// pulse is the sign of life of one loop of a follower. A loop that waits for
// what others do, in a select, gives signs; one that is inside a read, a lock or
// a commit does not. So what hangs shows by its age, whatever it hangs in.
type pulse struct {
	name string
	at   atomic.Int64 // since pulseStart; 0: the loop has not begun, or has ended
}

// pulseStart is what ages are counted from: no clock that is set changes them.
var pulseStart = time.Now()

func (p *pulse) beat() { p.at.Store(int64(time.Since(pulseStart))) }

func (p *pulse) end() { p.at.Store(0) }

// newPulses makes the signs of life of a follower: of the loop that commits, and
// of one for each source.
func newPulses(sources []Source) (committing *pulse, looking map[string]*pulse) {
	looking = map[string]*pulse{}
	for _, s := range sources {
		looking[s.Name] = &pulse{name: "the source " + s.Name}
	}
	return &pulse{name: "committing"}, looking
}

// Silent tells which loop of the follower has gone longest without a sign of
// life, and for how long. Before a follower has begun, and when it has ended,
// there is none.
func (s *Stats) Silent() (loop string, since time.Duration) {
	f := s.f.Load()
	if f == nil {
		return "", 0
	}
	now := time.Since(pulseStart)
	look := func(p *pulse) {
		at := time.Duration(p.at.Load())
		if at != 0 && now-at > since {
			loop, since = p.name, now-at
		}
	}
	look(f.committing)
	for _, p := range f.looking {
		look(p)
	}
	return loop, since
}

// Begun tells whether a follower works: commits, and looks at all its sources.
func (s *Stats) Begun() bool {
	f := s.f.Load()
	if f == nil || f.committing.at.Load() == 0 {
		return false
	}
	for _, p := range f.looking {
		if p.at.Load() == 0 {
			return false
		}
	}
	return true
}
