package synth

// touch is an impression or click to come back to.
type touch struct {
	user     int
	lineItem int
	// hi and lo are the request id, or, where own is true, lo is the token that
	// the tag gave.
	hi, lo uint64
	own    bool
}

// returns tells whether the touch has a token to come back with.
func (t touch) returns() bool { return t.own || t.hi != 0 }

// ring holds the last impressions.
type ring struct {
	touches [256]touch
	n       uint64 // impressions so far
}

func (r *ring) put(t touch) {
	r.touches[r.n%uint64(len(r.touches))] = t
	r.n++
}

// draw gives one of them; false when there is none.
func (r *ring) draw(l *log) (touch, bool) {
	n := min(r.n, uint64(len(r.touches)))
	if n == 0 {
		return touch{}, false
	}
	return r.touches[l.below(n)], true
}

// store holds touches for a while: a new one takes the place of one by chance,
// so that most are young and a few grow very old, however long the log is.
type store struct {
	touches []touch
	size    int
	odds    uint64 // of 2^32, that an impression is kept
}

// clickOdds is how many times as likely a click is kept as an impression: who
// clicks buys more often than who sees.
const clickOdds = 20

// newStore gives a store for the touches of a time that has many touches, of
// which it can hold want, but never more than limit.
func newStore(want, limit, touches int64) store {
	size := min(limit, max(want, 64))
	odds := uint64(1<<32) / clickOdds
	if touches > 0 {
		odds = min(odds, uint64(size)<<32/uint64(touches))
	}
	return store{touches: make([]touch, 0, size), size: int(size), odds: odds}
}

// keep takes a touch in, or not.
func (s *store) keep(l *log, t touch, click bool) {
	odds := s.odds
	if click {
		odds *= clickOdds
	}
	if l.below(1<<32) >= odds {
		return
	}
	if len(s.touches) < s.size {
		s.touches = append(s.touches, t)
		return
	}
	s.touches[l.below(uint64(s.size))] = t
}

// draw gives a touch, and mostly takes it out: who converted once does so again
// now and then.
func (s *store) draw(l *log) (touch, bool) {
	n := len(s.touches)
	if n == 0 {
		return touch{}, false
	}
	i := l.below(uint64(n))
	t := s.touches[i]
	if l.percent(85) {
		s.touches[i] = s.touches[n-1]
		s.touches = s.touches[:n-1]
	}
	return t, true
}
