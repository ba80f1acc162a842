package reference

import (
	"testing"

	"pgregory.net/rapid"

	"pixledger/schemas"
)

type drawnWorld struct {
	cat    *schemas.Catalog
	events []Event
	voids  []string
}

var worlds = rapid.Custom(func(t *rapid.T) drawnWorld {
	cat, events, voids := World(t)
	return drawnWorld{cat, events, voids}
})

// The worlds are worth comparing on only if they reach every decision often.
func TestWorldsReachEveryDecision(t *testing.T) {
	seen := map[string]int{}
	total := 0
	for seed := range 300 {
		w := worlds.Example(seed)
		for _, row := range Attribute(w.cat, w.events, w.voids) {
			total++
			if row.Reason != nil {
				seen[*row.Reason]++
			} else {
				seen[*row.ConversionType]++
			}
			if row.RateMissing {
				seen["rate missing"]++
			}
		}
	}
	t.Logf("%d conversions: %v", total, seen)
	for _, decision := range append(Reasons(), PostClick, PostView, "rate missing") {
		if seen[decision] < 25 {
			t.Errorf("%s: %d of %d conversions, too few to trust a comparison", decision, seen[decision], total)
		}
	}
}
