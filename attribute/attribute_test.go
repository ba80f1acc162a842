package attribute_test

import (
	"flag"
	"testing"
)

// worlds is how many lakes of worlds the property test draws, unless -rapid.checks says
// another number: a soak draws thousands.
const worlds = "100"

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
