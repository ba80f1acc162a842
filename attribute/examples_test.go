package attribute_test

import (
	"testing"

	"pixledger/attribute/reference"
)

// What the documentation promises with an example, the program does.
func TestDocumentedExamples(t *testing.T) {
	for _, doc := range []string{"../docs/attribution.md", "reference/testdata/steps.md"} {
		examples, err := reference.Examples(doc)
		if err != nil {
			t.Fatal(err)
		}
		if len(examples) == 0 {
			t.Fatalf("%s has no example", doc)
		}
		for _, e := range examples {
			t.Run(e.Name, func(t *testing.T) {
				l := newLake(t, t.TempDir(), e.Catalog)
				l.Ingest(e.Events, e.Voids)
				l.run(2)
				if err := e.Check(l.Attributions()); err != nil {
					t.Errorf("%s: %v", doc, err)
				}
			})
		}
	}
}
