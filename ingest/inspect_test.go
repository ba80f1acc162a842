package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The beginning of a log tells what was, its end what is.
func TestInspectTheEnd(t *testing.T) {
	log := filepath.Join(t.TempDir(), "pixel.log")
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, `{"time":"1763000000.%03d","id":"a%d","ip":"192.0.2.1","method":"GET","uri":"/px?id=9012&order_id=${ORDER}","status":"200","uid_got":"uid=C0000201D2B6A16569B5A8C702030303"}`+"\n", i%1000, i)
	}
	for range 900 {
		fmt.Fprintln(&b, `{"time":"1763000001.000","method":"GET","uri":"/px?id=9012","status":"200"}`)
	}
	for range 90 {
		fmt.Fprintln(&b, `192.0.2.1 changed`)
	}
	fmt.Fprintln(&b, "raw \x1b[31m")
	b.WriteString(`{"time":"17630`)
	if err := os.WriteFile(log, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	src := &Source{Name: "edge-1", Path: log, Format: "pixledger"}
	now := time.Unix(1763000100, 0)
	first, err := Inspect(Options{}, src, log, now)
	if err != nil {
		t.Fatal(err)
	}
	if first.Whole || first.Lines != 1000 || first.Users != 1000 || first.Macros != 1000 || first.Raw != 0 {
		t.Errorf("the beginning: %+v", first)
	}
	last, err := InspectEnd(Options{}, src, log, now)
	if err != nil {
		t.Fatal(err)
	}
	if !last.Last.Equal(time.Unix(1763000001, 0)) || last.Lines != 1000 || last.Users != 9 || last.Raw != 1 || last.Account.Rejects["malformed"] != 91 {
		t.Errorf("the end: %+v", last)
	}
	small := filepath.Join(t.TempDir(), "small.log")
	if err := os.WriteFile(small, []byte(b.String()[:1000]), 0o644); err != nil {
		t.Fatal(err)
	}
	if in, err := Inspect(Options{}, src, small, now); err != nil || !in.Whole || in.Lines == 0 {
		t.Errorf("a small log: %+v %v", in, err)
	}
}

// Which rotated files belong to a log is what the daemon takes for them.
func TestFilesOfSources(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.log", "a.log.1", "a.log.2.gz", "b.log", "other.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a, b := filepath.Join(dir, "a.log"), filepath.Join(dir, "b.log")
	list := LogsOf([]Source{{Name: "a", Path: a}, {Name: "b", Path: filepath.Join(dir, "b*")}, {Name: "c", Path: filepath.Join(dir, "missing.log")}})
	if len(list) != 3 || list[0].Path != a || len(list[0].Rotated) != 2 || list[0].Rotated[1] != a+".1" || list[1].Path != b || len(list[1].Rotated) != 0 {
		t.Errorf("%+v", list)
	}
	if !RotatedName(a, a+".1") || RotatedName(a, b) || RotatedName(a, a) {
		t.Error("names of rotated files are not told from others")
	}
}
