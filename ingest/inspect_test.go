package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/parse"
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

// A compressed log is looked at as the same log is that was never compressed, and
// what is damaged of it is not there.
func TestInspectCompressedLogs(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	var b strings.Builder
	b.WriteString("#Version: 1.0\n#Fields: date time c-ip cs-method cs-uri-stem sc-status cs-uri-query cs(Cookie) x-edge-request-id\n")
	for i := range 60_000 { // more than is looked at of either end
		uid := "-"
		if i < 2000 {
			uid = "uid=u1"
		}
		fmt.Fprintf(&b, "2026-11-20\t10:00:01\t203.0.113.9\tGET\t/px\t200\tid=9012&order_id=%060d\t%s\treq-%d\n", i, uid, i)
	}
	src := &Source{Name: "cf", Format: "cloudfront", UserID: parse.UserID{Cookie: "uid"}}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	plain := put("plain.log", b.String())
	for _, inspect := range []func(Options, *Source, string, time.Time) (*Inspection, error){Inspect, InspectEnd} {
		want, err := inspect(Options{}, src, plain, now)
		if err != nil || want.Account.Events["conversion"] != 1000 {
			t.Fatalf("plain: %+v %v", want, err)
		}
		for name, content := range map[string]string{"log.gz": gz(t, b.String()), "log.zst": zst(t, b.String())} {
			got, err := inspect(Options{}, src, put(name, content), now)
			if err != nil {
				t.Fatal(err)
			}
			got.Path = want.Path
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, the same log uncompressed: %+v", name, got, want)
			}
		}
	}
	cut := gz(t, strings.Repeat(b.String(), 2))
	if in, err := InspectEnd(Options{}, src, put("cut.gz", cut[:len(cut)/2]), now); err != nil || in.Account.Events["conversion"] != 1000 {
		t.Errorf("cut short: %+v %v", in, err)
	}
	small := gz(t, b.String()[:400])
	if in, err := Inspect(Options{}, src, put("small.gz", small), now); err != nil || !in.Whole || in.Users != 2 {
		t.Errorf("a small one: %+v %v", in, err)
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
