package parse

import (
	"os"
	"strings"
	"testing"
)

// The page of formats has a part for each, and says of each what it carries.
func TestThePageOfFormatsHasThemAll(t *testing.T) {
	b, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, k := range kinds {
		if !strings.Contains(page, "\n## `"+k.Name+"`\n") {
			t.Errorf("docs/formats.md has no part about %s", k.Name)
		}
		_, table, _ := strings.Cut(page, "## What each carries")
		_, row, ok := strings.Cut(table, "\n| `"+k.Name+"` |")
		row, _, _ = strings.Cut(row, "\n")
		cells := strings.Split(row, "|")
		if !ok || len(cells) < 6 {
			t.Errorf("docs/formats.md does not say what %s carries", k.Name)
			continue
		}
		for i, part := range []Part{PartID, PartHost, PartUser, PartFirstUser, PartGPC, PartMillis} {
			said := strings.TrimSpace(cells[i])
			if want := map[bool]string{true: "no", false: "yes"}[k.Lacks&part != 0]; said != want && !strings.HasPrefix(said, want+", ") {
				t.Errorf("docs/formats.md says %q of column %d for %s, want %s", said, i+1, k.Name, want)
			}
		}
	}
	if schema, err := os.ReadFile("../../schemas/config.schema.json"); err != nil || !strings.Contains(string(schema), "allowed: "+AllowedFormats()) {
		t.Errorf("the schema of the configuration does not allow %s (%v)", AllowedFormats(), err)
	}
}
