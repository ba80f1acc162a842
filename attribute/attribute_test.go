package attribute_test

import (
	"flag"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"pixledger/attribute/reference"
)

// worlds is how many worlds the property test draws, unless -rapid.checks says
// another number: a soak draws thousands.
const worlds = "200"

func TestMain(m *testing.M) {
	flag.Parse()
	drawn := false
	flag.Visit(func(f *flag.Flag) { drawn = drawn || f.Name == "rapid.checks" })
	if !drawn {
		if err := flag.Set("rapid.checks", worlds); err != nil {
			panic(err)
		}
	}
	m.Run()
}

// Money rests on the decisions being those of the rules, in every corner of
// them, however the events arrived. A failing world is shrunk and printed.
func TestDecidesAsTheRulesSay(t *testing.T) {
	base := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		cat, events, voids := reference.World(rt)
		commits := rapid.IntRange(1, 3).Draw(rt, "commits")
		threads := rapid.IntRange(1, 3).Draw(rt, "threads")
		arriving := slices.Clone(events)
		if commits > 1 {
			arriving = rapid.Permutation(events).Draw(rt, "arriving")
		}
		dir, err := os.MkdirTemp(base, "world")
		if err != nil {
			rt.Fatalf("%v", err)
		}
		defer os.RemoveAll(dir)
		l := newLake(rt, dir, cat)
		for i := range commits {
			part := arriving[len(arriving)*i/commits : len(arriving)*(i+1)/commits]
			if i == commits-1 {
				l.commit(part, voids)
			} else {
				l.commit(part, nil)
			}
		}
		l.run(threads)
		if diff := reference.Diff(reference.Attribute(cat, events, voids), l.rows()); diff != "" {
			rt.Fatalf("want (-), got (+):\n%s\nin the world\n%s", diff, reference.Format(cat, events, voids))
		}
	})
}
