package catalogedit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pixledger/schemas"
	"pixledger/schemas/catalogedit"
	"pixledger/schemas/yamlfile"
)

const small = "version: 1\nmember_id: 1\ncurrency: USD\nadvertisers:\n  - {id: 7, name: Shoes} # first\n"

func write(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "catalog.yaml")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func addPixel(f *catalogedit.File) error {
	id := int64(1)
	for _, p := range f.Catalog().Pixels {
		id = max(id, p.ID+1)
	}
	f.Append("pixels", "pixel", fields{{"id", id}, {"advertiser_id", int64(7)}, {"name", fmt.Sprint("Pixel ", id)}})
	return nil
}

// A link stays a link, and its file's mode stays.
func TestUpdateKeepsLinkAndMode(t *testing.T) {
	path := write(t, small, 0o604)
	link := filepath.Join(t.TempDir(), "catalog.yaml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	r, err := catalogedit.Update(link, false, addPixel)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != string(r.Content) || !strings.Contains(got, "name: Pixel 1") {
		t.Errorf("the file is\n%s", got)
	}
	if fi, err := os.Lstat(link); err != nil || fi.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is none any more: %v %v", fi.Mode(), err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o604 {
		t.Errorf("the mode is %v (%v)", fi.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// Edits at the same time all take place.
func TestUpdatesAtOnce(t *testing.T) {
	path := write(t, small, 0o644)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := catalogedit.Update(path, false, addPixel); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	c, _, err := schemas.LoadCatalog(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Pixels) != 20 || c.Pixels[19].ID != 20 {
		t.Errorf("there are %d pixels", len(c.Pixels))
	}
}

// A file that is changed between reading and writing is read again.
func TestUpdateBeginsAgain(t *testing.T) {
	path := write(t, small, 0o644)
	calls := 0
	_, err := catalogedit.Update(path, false, func(f *catalogedit.File) error {
		if calls++; calls == 1 {
			if err := os.WriteFile(path, []byte(small+"# by hand\n"), 0o644); err != nil {
				return err
			}
		}
		return addPixel(f)
	})
	if err != nil || calls != 2 || !strings.Contains(read(t, path), "# by hand\n") {
		t.Errorf("%d calls, %v\n%s", calls, err, read(t, path))
	}
}

// What is refused leaves the file as it is.
func TestUpdateRefuses(t *testing.T) {
	taken := func(f *catalogedit.File) error {
		f.Append("advertisers", "a", fields{{"id", int64(7)}, {"name", "Twice"}})
		return nil
	}
	for _, c := range []struct {
		name, content, message string
		edit                   func(*catalogedit.File) error
	}{
		{"an id that is taken", small, "would not be valid any more:\n", taken},
		{"an edit that fails", small, "no", func(*catalogedit.File) error { return errors.New("no") }},
		{"anchors", "version: 1\nmember_id: &m 1\ncurrency: USD\n", ":2:12: &m names a part of the file", addPixel},
		{"merges", small + "pixels:\n  - {<<: {id: 1}, advertiser_id: 7, name: A}\n", "<< merges another part", addPixel},
		{"a key with a question mark", small + "pixels:\n  - id: 1\n    advertiser_id: 7\n    ? name\n    : A\n", "can't be edited",
			func(f *catalogedit.File) error { f.Entry("pixels", 1).Set("name", "B"); return nil }},
		{"two documents", small + "---\nversion: 1\n", "a second document", addPixel},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, c.content, 0o644)
			_, err := catalogedit.Update(path, false, c.edit)
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("got %v, want …%s…", err, c.message)
			}
			if read(t, path) != c.content {
				t.Error("the file has changed")
			}
		})
	}
	_, err := catalogedit.Update(filepath.Join(t.TempDir(), "none.yaml"), false, addPixel)
	if err == nil || !strings.Contains(err.Error(), "none.yaml: no such file") {
		t.Errorf("got %v", err)
	}
	var mistakes yamlfile.Mistakes
	_, err = catalogedit.Update(write(t, "version: 2\n", 0o644), false, addPixel)
	if !errors.As(err, &mistakes) || !slices.ContainsFunc(mistakes, func(m yamlfile.Mistake) bool { return m.Line == 1 }) {
		t.Errorf("got %v", err)
	}
}

// A dry run writes nothing.
func TestUpdateDry(t *testing.T) {
	path := write(t, small, 0o444)
	r, err := catalogedit.Update(path, true, addPixel)
	if err != nil || !r.Changed() || read(t, path) != small {
		t.Errorf("%v\n%s", err, read(t, path))
	}
}
