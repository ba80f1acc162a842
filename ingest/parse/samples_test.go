package parse

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateSamples = flag.Bool("update-samples", false, "write the .want files of testdata/samples anew")

// Every named format has lines of its vendor's documentation, which it is
// recognised by and which it reads as the golden file says.
func TestSamplesOfTheVendors(t *testing.T) {
	files, err := filepath.Glob("testdata/samples/*.log")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".log")
		names = append(names, name)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Detect(content)
		if err != nil || slices.Contains(Names(), name) && f.Name() != name {
			t.Errorf("%s: recognised as %v, %v", name, f, err)
			continue
		}
		var got bytes.Buffer
		var r Request
		for line := range bytes.Lines(content) {
			line = TrimLineEnd(line)
			if f.Header(line) {
				continue
			}
			if err := f.Parse(line, &r); err != nil {
				t.Errorf("%s: %v: %s", name, err, line)
			}
			fmt.Fprintf(&got, "%+v\n", fieldsOf(&r))
		}
		want := strings.TrimSuffix(file, ".log") + ".want"
		if *updateSamples {
			if err := os.WriteFile(want, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(want)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != string(golden) {
			t.Errorf("%s: got\n%swant\n%s", name, &got, golden)
		}
	}
	for _, name := range Names() {
		if !slices.Contains(names, name) {
			t.Errorf("the format %s has no sample", name)
		}
	}
}
