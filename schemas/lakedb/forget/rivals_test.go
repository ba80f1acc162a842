package forget

import (
	"strings"
	"testing"
)

func TestPseudonymSortsBetween(t *testing.T) {
	for _, c := range []struct{ low, high string }{
		{"", ""}, {"", "0B0C"}, {"0B0C", ""}, {"zed", ""}, {"", "anna"}, {"0B0C", "0B0D"}, {"0B0C", "F"}, {"anna", "annb"},
		{"forgotten-M", ""}, {"", "forgotten-M"}, {"!forgotten-M", "0B0C"}, {"u1", "u12"}, {"jörg", "jürgen"},
	} {
		for range 20 {
			p := pseudonymBetween(c.low, c.high)
			if p <= c.low || c.high != "" && p >= c.high || !strings.Contains(p, pseudonymPrefix) {
				t.Errorf("between %q and %q: %q", c.low, c.high, p)
			}
		}
	}
}
