package export

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/schemas"
)

// What is kept is given byte for byte: what the manifest names, and the manifest.
func TestOpenKept(t *testing.T) {
	w := newWorld(t)
	w.write()
	for _, x := range w.kept(t) {
		f, err := OpenKept(w.lake, x.date, x.name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dayFolder(w.lake, schemas.Day(x.date)), x.name))
		if err != nil || string(got) != string(want) || f.SHA256 != hashOf(want) || f.Size() != int64(len(want)) {
			t.Errorf("%s: %d bytes of %d, of %s, %v", x.name, len(got), len(want), f.SHA256, err)
		}
	}
	// Nothing else is, whatever stands there.
	if err := os.WriteFile(filepath.Join(dayFolder(w.lake, "2026-11-11"), "entries_2026-11-11.xlsx"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []keptName{
		{"2026-11-11", "entries_2026-11-11.xlsx"}, {"2026-11-11", "entries_2026-11-10.csv"}, {"2026-11-11", "manifest_2026-11-10.json"},
		{"2026-11-11", "../2026-11-10/entries_2026-11-10.csv"}, {"2026-11-11", ".."}, {"2026-11-11", "."}, {"2026-11-11", ""}, {"2026-11-11", "/etc/passwd"},
		{"2020-01-01", "entries_2020-01-01.csv"}, {"../exports/2026-11-11", "entries_2026-11-11.csv"}, {"..", "commits"}, {"", "2026-11-11"},
	} {
		if _, err := OpenKept(w.lake, x.date, x.name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q of %q: %v", x.name, x.date, err)
		}
	}
}

type keptName struct{ date, name string }

// kept lists what OpenKept must give.
func (w *world) kept(t *testing.T) (out []keptName) {
	t.Helper()
	list, err := List(w.lake, "", nil)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d days, %v", len(list), err)
	}
	for _, x := range list {
		d := x.Manifest.Date
		out = append(out, keptName{string(d), manifestName(d)})
		for _, f := range x.Manifest.Files {
			out = append(out, keptName{string(d), f.Name})
		}
	}
	return out
}

// Nothing is given that is not what was exported, and what differs is named: a file,
// or a manifest that would vouch for another.
func TestOpenKeptRefusesWhatWasChanged(t *testing.T) {
	made := newWorld(t)
	made.write()
	if err := made.deliver(DeliverOptions{}, &outbox{name: "box"}); err != nil {
		t.Fatal(err)
	}
	replace := func(t *testing.T, path, old, new string) {
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), old) {
			t.Fatalf("%s does not hold %q: %v", path, old, err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(b), old, new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, path string) {
		elsewhere := filepath.Join(t.TempDir(), "elsewhere")
		if err := errors.Join(os.Rename(path, elsewhere), os.Symlink(elsewhere, path)); err != nil {
			t.Fatal(err)
		}
	}
	const day = "2026-11-10"
	for name, c := range map[string]struct {
		harm func(t *testing.T, folder string)
		date string
		file string
		want string // empty: it is not there
	}{
		"an amount": {func(t *testing.T, folder string) {
			replace(t, filepath.Join(folder, "revenue_"+day+".csv"), "25.000000", "26.000000")
		}, day, "revenue_" + day + ".csv", "export 2026-11-10: revenue_2026-11-10.csv is not what was exported, says its manifest: its SHA-256 is "},
		"a file that is cut": {func(t *testing.T, folder string) {
			if err := os.Truncate(filepath.Join(folder, "revenue_"+day+".csv"), 20); err != nil {
				t.Fatal(err)
			}
		}, day, "revenue_" + day + ".csv", "revenue_2026-11-10.csv is not what was exported, says its manifest: its SHA-256 is "},
		"a file with its manifest": {func(t *testing.T, folder string) {
			at := filepath.Join(folder, "revenue_"+day+".csv")
			before, err := os.ReadFile(at)
			if err != nil {
				t.Fatal(err)
			}
			replace(t, at, "25.000000", "26.000000")
			after, err := os.ReadFile(at)
			if err != nil {
				t.Fatal(err)
			}
			replace(t, filepath.Join(folder, "manifest_"+day+".json"), hashOf(before), hashOf(after))
		}, day, "revenue_" + day + ".csv", "export 2026-11-10: manifest_2026-11-10.json is not what was exported, says the manifest of 2026-11-11: its SHA-256 is "},
		"the manifest of the newest day, which has arrived": {func(t *testing.T, folder string) {
			replace(t, filepath.Join(filepath.Dir(folder), "2026-11-12", "manifest_2026-11-12.json"), `"version"`, ` "version"`)
		}, "2026-11-12", "manifest_2026-11-12.json", "is not what was exported, says the record of its delivery to box: its SHA-256 is "},
		"a manifest that is none": {func(t *testing.T, folder string) {
			replace(t, filepath.Join(folder, "manifest_"+day+".json"), "{", "")
		}, day, "entries_" + day + ".csv", "manifest_2026-11-10.json can't be read as a manifest"},
		"a link to the same bytes": {func(t *testing.T, folder string) { link(t, filepath.Join(folder, "entries_"+day+".csv")) },
			day, "entries_" + day + ".csv", "entries_2026-11-10.csv is not what was exported: it is no file of its folder"},
		"a linked manifest": {func(t *testing.T, folder string) { link(t, filepath.Join(folder, "manifest_"+day+".json")) },
			day, "manifest_" + day + ".json", "it is no file of its folder"},
		"a linked day": {func(t *testing.T, folder string) { link(t, folder) }, day, "entries_" + day + ".csv", "2026-11-10 is no folder"},
		"a file that is gone": {func(t *testing.T, folder string) {
			if err := os.Remove(filepath.Join(folder, "entries_"+day+".csv")); err != nil {
				t.Fatal(err)
			}
		}, day, "entries_" + day + ".csv", ""},
		"a manifest that is gone": {func(t *testing.T, folder string) {
			if err := os.Remove(filepath.Join(folder, "manifest_"+day+".json")); err != nil {
				t.Fatal(err)
			}
		}, day, "entries_" + day + ".csv", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := made.copied(t)
			c.harm(t, dayFolder(w.lake, day))
			_, err := OpenKept(w.lake, c.date, c.file)
			var changed *Changed
			if c.want == "" {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%v", err)
				}
			} else if !errors.As(err, &changed) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		})
	}
}
