package export

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever is changed of an export afterwards is found, and named.
func TestVerifyFindsEveryChange(t *testing.T) {
	edit := func(t *testing.T, path, old, new string) {
		b, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(b, []byte(old)) {
			t.Fatalf("%s does not hold %q: %v", path, old, err)
		}
		if err := os.WriteFile(path, bytes.Replace(b, []byte(old), []byte(new), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made := newWorld(t)
	made.write()
	if err := made.deliver(DeliverOptions{}, &outbox{name: "box"}); err != nil {
		t.Fatal(err)
	}
	if found := made.findings(); found != nil {
		t.Fatalf("before: %q", found)
	}
	in := func(w *world, day, name string) string { return filepath.Join(exportsFolder(w.lake), day, name) }
	for name, c := range map[string]struct {
		harm func(t *testing.T, w *world)
		want string
	}{
		"an amount": {func(t *testing.T, w *world) {
			edit(t, in(w, "2026-11-10", "revenue_2026-11-10.csv"), "25.000000", "26.000000")
		}, "export 2026-11-10: revenue_2026-11-10.csv is not what its manifest says: its SHA-256 is "},
		"a file that is gone": {func(t *testing.T, w *world) {
			if err := os.Remove(in(w, "2026-11-11", "entries_2026-11-11.csv")); err != nil {
				t.Fatal(err)
			}
		}, "export 2026-11-11: entries_2026-11-11.csv is gone"},
		"a file more": {func(t *testing.T, w *world) {
			if err := os.WriteFile(in(w, "2026-11-11", "entries_2026-11-11.xlsx"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "export 2026-11-11: entries_2026-11-11.xlsx stands there, and no manifest names it"},
		"a total, with its file": {func(t *testing.T, w *world) {
			edit(t, in(w, "2026-11-10", "manifest_2026-11-10.json"), "25.000000", "26.000000")
		}, "export 2026-11-10: its totals are map[EUR:3.333333 USD:26.000000], the ledger's map[EUR:3.333333 USD:25.000000]"},
		"the chain": {func(t *testing.T, w *world) {
			edit(t, in(w, "2026-11-10", "manifest_2026-11-10.json"), `"version"`, ` "version"`)
		}, "export 2026-11-11: it names "},
		"a delivered manifest": {func(t *testing.T, w *world) {
			edit(t, in(w, "2026-11-12", "manifest_2026-11-12.json"), `"version"`, ` "version"`)
		}, "export 2026-11-12: box has received another: its manifest was "},
		"a manifest that is none": {func(t *testing.T, w *world) {
			edit(t, in(w, "2026-11-12", "manifest_2026-11-12.json"), `{`, ``)
		}, "manifest_2026-11-12.json: is no manifest: "},
		"a manifest that is gone": {func(t *testing.T, w *world) {
			if err := os.Remove(in(w, "2026-11-12", "manifest_2026-11-12.json")); err != nil {
				t.Fatal(err)
			}
		}, "export 2026-11-12: its manifest is gone"},
		"the day's bounds": {func(t *testing.T, w *world) {
			edit(t, in(w, "2026-11-12", "manifest_2026-11-12.json"), "2026-11-13T00:00:00Z", "2026-11-13T01:00:00Z")
		}, "export 2026-11-12: its to is 2026-11-13 01:00:00 +0000 UTC, the ledger's 2026-11-13 00:00:00 +0000 UTC"},
		"rows": {func(t *testing.T, w *world) {
			edit(t, in(w, "2026-11-12", "manifest_2026-11-12.json"), `"rows": 3`, `"rows": 2`)
			edit(t, in(w, "2026-11-12", "manifest_2026-11-12.json"), `"rows": 3`, `"rows": 2`)
		}, "export 2026-11-12: entries_2026-11-12.csv has 2 rows, the ledger 3 entries"},
		"a path": {func(t *testing.T, w *world) {
			edit(t, in(w, "2026-11-12", "manifest_2026-11-12.json"), "entries_2026-11-12.csv", "../2026-11-11/entries_2026-11-11.csv")
		}, `export 2026-11-12: it names a file elsewhere: "../2026-11-11/entries_2026-11-11.csv"`},
		"a day that is gone": {func(t *testing.T, w *world) {
			if err := os.RemoveAll(dayFolder(w.lake, "2026-11-11")); err != nil {
				t.Fatal(err)
			}
		}, "export 2026-11-12: the export of the day before it, 2026-11-11, is gone"},
		"the newest day, which was delivered": {func(t *testing.T, w *world) {
			if err := os.RemoveAll(dayFolder(w.lake, "2026-11-12")); err != nil {
				t.Fatal(err)
			}
		}, "export 2026-11-12: box has received it, and it is gone"},
		"a day that is not closed": {func(t *testing.T, w *world) { w.days = w.days[:2] }, "export 2026-11-12: is of a day that is not closed"},
		"a record that is none": {func(t *testing.T, w *world) {
			edit(t, deliveryFile(w.lake, "box", "2026-11-10"), "{", "")
		}, "is no record of a delivery"},
	} {
		t.Run(name, func(t *testing.T) {
			w := made.copied(t)
			c.harm(t, w)
			found := strings.Join(w.findings(), "\n")
			if !strings.Contains(found, c.want) {
				t.Errorf("verify finds\n%s\nwant\n%s", found, c.want)
			}
		})
	}
}
