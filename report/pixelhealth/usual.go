package pixelhealth

import (
	"math"
	"slices"
	"time"
)

// usual is what the windows of the days before had.
type usual struct {
	days     int     // how many are known, at most seven
	median   float64 // of their loads
	spread   float64 // the robust standard deviation, never below that of a Poisson process
	lastWeek int64   // the window of the same weekday; -1: not known
}

// minDays is from how many days before the usual is known.
const minDays = 4

// usually looks at the windows that lie whole in what the lake has: one before its
// first event says nothing.
func usually(windows []window, until, first time.Time, loads func(window) int64) usual {
	const day = 24 * time.Hour
	u := usual{lastWeek: -1}
	var counts []float64
	for back := 1; back <= 7; back++ {
		if first.IsZero() || until.Add(-time.Duration(back+1)*day).Before(first) {
			break
		}
		n := loads(windowAt(windows, back))
		counts = append(counts, float64(n))
		if back == 7 {
			u.lastWeek = n
		}
	}
	u.days = len(counts)
	if u.days == 0 {
		return u
	}
	u.median = median(counts)
	deviations := make([]float64, len(counts))
	for i, n := range counts {
		deviations[i] = math.Abs(n - u.median)
	}
	u.spread = max(1.4826*median(deviations), math.Sqrt(u.median))
	return u
}

// known tells whether there are enough days to call anything usual.
func (u usual) known() bool { return u.days >= minDays }

// least and most bound what is usual on this weekday: shops that rest on Sundays
// rest every Sunday.
func (u usual) least() float64 {
	if u.lastWeek >= 0 {
		return min(u.median, float64(u.lastWeek))
	}
	return u.median
}

func (u usual) most() float64 { return max(u.median, float64(u.lastWeek)) }

// score is the modified z-score of a number of loads (Iglewicz and Hoaglin, 1993):
// how many robust standard deviations it is from the median.
func (u usual) score(n int64) float64 {
	if u.spread == 0 {
		return 0
	}
	return (float64(n) - u.median) / u.spread
}

func windowAt(windows []window, back int) window {
	for _, w := range windows {
		if w.DaysBack == back {
			return w
		}
	}
	return window{DaysBack: back}
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
