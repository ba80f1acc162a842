package attribute

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var updateSpark = flag.Bool("update-spark", false, "write testdata/spark.sql anew")

// What a cluster is told is to be read, and a change of it to be seen. That it
// gives the same as DuckDB is tested on a real one: make test-cluster.
func TestStatementsForSpark(t *testing.T) {
	var b strings.Builder
	for _, name := range []string{"touches", "sought_keys", "candidates", "winners", "answered"} {
		for _, table := range onSpark(name, func(table string) string { return "work/" + table }) {
			b.WriteString("-- " + strings.TrimSpace(table.Name+" "+table.Kept) + "\n" + table.Select + ";\n\n")
		}
	}
	const golden = "testdata/spark.sql"
	if *updateSpark {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("not as in %s (go test ./attribute -run TestStatementsForSpark -update-spark writes it):\n%s", golden, b.String())
	}
}

// A call is written out with its arguments, however they are nested; a text that
// names a parameter is no parameter.
func TestMacrosAreWrittenOut(t *testing.T) {
	m := macrosOf(`CREATE TEMP MACRO pair(a, b) AS named_struct('a', a, 'b', -b)`)[0]
	got := m.writtenOut(`SELECT pair(t.x, f(1, (2))), pair(a.b, b) FROM t`)
	if want := `SELECT named_struct('a', t.x, 'b', -f(1, (2))), named_struct('a', a.b, 'b', -b) FROM t`; got != want {
		t.Errorf("got %s", got)
	}
}
