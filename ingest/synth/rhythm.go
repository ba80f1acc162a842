package synth

import "math/bits"

// hourly is how busy each hour of a day is, UTC, as seen by a European edge.
var hourly = [24]uint64{22, 15, 11, 9, 9, 13, 24, 42, 58, 66, 70, 72, 76, 74, 70, 69, 72, 78, 88, 97, 100, 92, 68, 40}

// step is the width, in milliseconds, of the pieces that the log's time is cut
// into; within one, lines come at an even pace.
const step = 60_000

// rhythm spreads lines over a time: exactly as many as asked for, more of them
// in the evening than before dawn, never one before the other.
type rhythm struct {
	at, end      int64  // Unix milliseconds: of the step at hand, of the log
	lines        uint64 // of the whole log
	total, sofar uint64 // weight of the whole log, and before the step at hand
	k, n         uint64 // the line at hand within the step, lines of the step
	given        uint64 // lines of the steps before and of the one at hand
	width        int64  // of the step at hand
}

func newRhythm(start, end, lines int64) *rhythm {
	r := &rhythm{at: start, end: end, lines: uint64(lines)}
	for at := start; at < end; at += step {
		r.total += weight(at, min(step, end-at))
	}
	r.open()
	return r
}

// weight is how much traffic a step has: the hour's, on the way to the next
// hour's, less on weekends.
func weight(at, width int64) uint64 {
	minute := uint64(at/60_000) % 1440
	hour, in := minute/60, minute%60
	w := hourly[hour]*(60-in) + hourly[(hour+1)%24]*in
	if day := (at/86_400_000 + 3) % 7; day >= 5 { // 1 January 1970 was a Thursday
		w = w * 4 / 5
	}
	return max(1, w*uint64(width)/step)
}

// open computes how many lines the step at hand has.
func (r *rhythm) open() {
	r.width = min(step, r.end-r.at)
	r.sofar += weight(r.at, r.width)
	hi, lo := bits.Mul64(r.lines, r.sofar)
	until, _ := bits.Div64(hi, lo, r.total)
	r.k, r.n = 0, until-r.given
	r.given = until
}

// next moves the log to the time of its next line; false at the end.
func (r *rhythm) next(l *log) bool {
	for r.k == r.n {
		if r.at += step; r.at >= r.end {
			return false
		}
		r.open()
	}
	width := uint64(r.width)
	l.now = r.at + int64((r.k*width+l.below(width))/r.n)
	r.k++
	return true
}
