// Package removal computes the removal effects of a first-order Markov chain of
// touch paths: what share of the conversions would be lost without a channel.
//
// The model is that of Anderl, Becker, von Wangenheim and Schumann, "Mapping the
// customer journey: Lessons learned from graph-based online attribution modeling",
// International Journal of Research in Marketing 33 (2016), 457-474: paths begin in
// a state Start, go from channel to channel, and end in Conversion or Null; the
// probability of a step is its share among the steps out of its state. The removal
// effect of a channel is 1 − P'/P, where P is the probability to come from Start to
// Conversion, and P' the same when every step into the channel leads to Null.
package removal

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// The states of a chain that are no channels. Channels are numbered from 1.
const (
	Start      = 0
	Conversion = -1
	Null       = -2
)

// MostChannels bounds a chain: its cost grows with the third power.
const MostChannels = 2000

// Step says how often paths go from a state to another one.
type Step struct {
	From, To int
	Times    int64
}

// Effects gives the removal effect of each channel, in [0, 1], by its number
// minus one. Each channel must have a step out of it, and every path an end;
// where no path ends in Conversion, all effects are 0.
func Effects(channels int, steps []Step) ([]float64, error) {
	if channels > MostChannels {
		return nil, fmt.Errorf("%d channels; allowed: up to %d", channels, MostChannels)
	}
	effects := make([]float64, channels)
	if channels == 0 {
		return effects, nil
	}
	out := make([]int64, channels+1) // steps out of a state
	for _, s := range steps {
		if s.From < Start || s.From > channels || s.To < Null || s.To == Start || s.To > channels || s.Times < 1 {
			return nil, fmt.Errorf("a step from state %d to %d, %d times, is none of a chain of %d channels", s.From, s.To, s.Times, channels)
		}
		out[s.From] += s.Times
	}
	// Of Q, the steps between channels, the inverse of I − Q holds in row i and
	// column j how often a path that is at i comes to j, the present visit included.
	visits := mat.NewDense(channels, channels, nil)
	for i := range channels {
		visits.Set(i, i, 1)
		if out[i+1] == 0 {
			return nil, fmt.Errorf("no step leads out of channel %d", i+1)
		}
	}
	first := make([]float64, channels)    // Start's steps
	converts := make([]float64, channels) // steps to Conversion
	for _, s := range steps {
		p := float64(s.Times) / float64(out[s.From])
		switch {
		case s.From == Start && s.To > 0:
			first[s.To-1] += p
		case s.From > 0 && s.To > 0:
			visits.Set(s.From-1, s.To-1, visits.At(s.From-1, s.To-1)-p)
		case s.From > 0 && s.To == Conversion:
			converts[s.From-1] += p
		}
	}
	if err := visits.Inverse(visits); err != nil {
		// A condition that is bad and finite is one of long paths: good enough.
		var bad mat.Condition
		if !errors.As(err, &bad) || math.IsInf(float64(bad), 1) {
			return nil, fmt.Errorf("paths that never end: %w", err)
		}
	}
	// A path that converts without a channel is one that converts and never comes
	// there. So P − P' is the probability to come there, which is the number of
	// visits from Start over that from the channel itself, times the probability
	// to convert from there.
	var total float64
	from := make([]float64, channels) // to convert, from a channel
	come := make([]float64, channels) // visits, from Start
	for i := range channels {
		for j := range channels {
			from[i] += visits.At(i, j) * converts[j]
			come[j] += first[i] * visits.At(i, j)
		}
	}
	for i := range channels {
		total += first[i] * from[i]
	}
	if total == 0 {
		return effects, nil
	}
	for i := range channels {
		effects[i] = min(1, max(0, come[i]/visits.At(i, i)*from[i]/total))
	}
	return effects, nil
}
