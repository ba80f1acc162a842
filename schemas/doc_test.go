package schemas

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write docs/schema.md anew")

// A schema change is visible in the documentation's diff.
func TestSchemaDocument(t *testing.T) {
	const path = "../docs/schema.md"
	if *update {
		if err := os.WriteFile(path, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != Markdown() {
		t.Fatalf("docs/schema.md is not what the columns say (%v); write it with: go test ./schemas -run TestSchemaDocument -update", err)
	}
}
