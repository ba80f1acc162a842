package schemas_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The arrows between packages, as docs/architecture.md draws them: the stages
// meet only in the lake, schemas is a leaf, and only the command wires.
func TestArrowsBetweenPackages(t *testing.T) {
	const module = "pixledger/"
	// What each room may import of this module. The tests of a stage keep to
	// the same; those of the sample logs hold them against the stages.
	allowed := map[string][]string{
		"schemas":     {"schemas"},
		"ingest":      {"schemas", "ingest"},
		"attribute":   {"schemas", "attribute"},
		"report":      {"schemas", "report"},
		"sample-logs": {"schemas", "sample-logs"},
		"cmd":         {"schemas", "ingest", "attribute", "report", "sample-logs", "cmd"},
	}
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}:{{join .TestImports " "}} {{join .XTestImports " "}}`, "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		pkg, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		imports, testImports, _ := strings.Cut(imports, ":")
		room := roomOf(pkg, module)
		rooms, ok := allowed[room]
		if !ok {
			t.Errorf("%s stands in no room of the house; allowed: %v", pkg, allowed)
			continue
		}
		seen++
		// What is for tests stays out of the program.
		for imp := range strings.FieldsSeq(imports) {
			if strings.HasPrefix(imp, module) && strings.HasSuffix(imp, "test") {
				t.Errorf("%s imports %s, which is for tests alone", pkg, imp)
			}
		}
		if room != "sample-logs" {
			imports += " " + testImports
		}
		for imp := range strings.FieldsSeq(imports) {
			if !strings.HasPrefix(imp, module) {
				continue
			}
			if to := roomOf(imp, module); !slices.Contains(rooms, to) {
				t.Errorf("%s imports %s; allowed: %v", pkg, imp, rooms)
			}
		}
		// The leaf's own core stays free of the query engine: every test
		// package that links it costs seconds.
		linksDuckDB := strings.Contains(imports, "github.com/duckdb/")
		if linksDuckDB && room == "ingest" || linksDuckDB && pkg == module+"schemas" {
			t.Errorf("%s links DuckDB", pkg)
		}
	}
	if seen < 8 {
		t.Fatalf("only %d packages were looked at", seen)
	}
}

func roomOf(pkg, module string) string {
	room, _, _ := strings.Cut(strings.TrimPrefix(pkg, module), "/")
	return room
}
