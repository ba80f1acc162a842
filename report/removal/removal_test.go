package removal

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// path is a journey of channels, and how it ended.
type path struct {
	channels []int
	converts bool
	times    int64
}

// stepsOf counts the steps of paths.
func stepsOf(paths []path) []Step {
	var out []Step
	for _, p := range paths {
		at := Start
		for _, c := range p.channels {
			out = append(out, Step{at, c, p.times})
			at = c
		}
		end := Null
		if p.converts {
			end = Conversion
		}
		out = append(out, Step{at, end, p.times})
	}
	return out
}

// naive removes a channel as the paper says it, and follows the chain until no
// probability is left on its way.
func naive(channels int, steps []Step, removed int) float64 {
	out := map[int]float64{}
	for _, s := range steps {
		out[s.From] += float64(s.Times)
	}
	at := make([]float64, channels+1)
	at[Start] = 1
	converted := 0.0
	for range 100_000 {
		next := make([]float64, channels+1)
		left := 0.0
		for _, s := range steps {
			p := at[s.From] * float64(s.Times) / out[s.From]
			switch {
			case s.To == Conversion:
				converted += p
			case s.To > 0 && s.To != removed:
				next[s.To] += p
				left += p
			}
		}
		at = next
		if left < 1e-13 {
			break
		}
	}
	return converted
}

// The worked example by which S. Bryl explains the model ("Attribution model with
// R, part 2: Markov chains", analyzecore.com, 2016): three paths, and removal
// effects of 0.5, 1 and 1, so that a conversion is split 0.2, 0.4, 0.4.
func TestWorkedExample(t *testing.T) {
	got, err := Effects(3, stepsOf([]path{
		{[]int{1, 2, 3}, true, 1},
		{[]int{1}, false, 1},
		{[]int{2, 3}, false, 1},
	}))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.5, 1, 1} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("channel %d: removal effect %v, want %v", i+1, got[i], want)
		}
	}
}

func TestAgainstFollowingTheChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 6).Draw(t, "channels")
		paths := make([]path, 0, 12)
		for c := range channels { // each has a step out of it
			paths = append(paths, path{[]int{c + 1}, rapid.Bool().Draw(t, "alone converts"), 1})
		}
		for range rapid.IntRange(0, 8).Draw(t, "paths") {
			paths = append(paths, path{
				rapid.SliceOfN(rapid.IntRange(1, channels), 1, 7).Draw(t, "path"),
				rapid.Bool().Draw(t, "converts"), rapid.Int64Range(1, 50).Draw(t, "times"),
			})
		}
		steps := stepsOf(paths)
		got, err := Effects(channels, steps)
		if err != nil {
			t.Fatal(err)
		}
		total := naive(channels, steps, -9)
		for c := range channels {
			want := 0.0
			if total > 0 {
				want = 1 - naive(channels, steps, c+1)/total
			}
			if math.Abs(got[c]-want) > 1e-9 {
				t.Errorf("channel %d: removal effect %v, following the chain gives %v", c+1, got[c], want)
			}
		}
	})
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		channels int
		steps    []Step
	}{
		"too many channels":    {MostChannels + 1, nil},
		"an unknown state":     {1, []Step{{Start, 2, 1}}},
		"back to the start":    {1, []Step{{1, Start, 1}}},
		"a step never taken":   {1, []Step{{Start, 1, 0}}},
		"a path without end":   {1, []Step{{Start, 1, 1}}},
		"a circle, no way out": {2, []Step{{Start, 1, 1}, {1, 2, 1}, {2, 1, 1}}},
	} {
		if got, err := Effects(c.channels, c.steps); err == nil {
			t.Errorf("%s: effects %v and no error", name, got)
		}
	}
}
