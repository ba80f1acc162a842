package deliver

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// readsWell is what every kind of destination must do that can be read.
func readsWell(t *testing.T, spec string, files []File) {
	t.Helper()
	target, err := Parse(spec, "/")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), target, Options{Retries: 2, Delay: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	if list, err := d.List(t.Context(), "events"); err != nil || len(list) != 0 {
		t.Errorf("before anything is there: %v, %v", list, err)
	}
	if err := d.Put(t.Context(), "events/edge=a/type=click", files); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "events-more", files[:1]); err != nil {
		t.Fatal(err)
	}
	list, err := d.List(t.Context(), "events")
	if err != nil || len(list) != len(files) {
		t.Errorf("there are %v, %v", list, err)
	}
	for _, f := range files {
		name := "events/edge=a/type=click/" + f.Name
		var got bytes.Buffer
		want, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Fetch(t.Context(), name, &got); err != nil || !bytes.Equal(got.Bytes(), want) || list[name] != f.Size {
			t.Errorf("%s: %v, %d bytes of %d, listed with %d", name, err, got.Len(), f.Size, list[name])
		}
	}
	var got bytes.Buffer
	if err := d.Fetch(t.Context(), "events/none.json", &got); !errors.Is(err, fs.ErrNotExist) || got.Len() > 0 {
		t.Errorf("what is not there: %v, %d bytes", err, got.Len())
	}
	if err := d.Fetch(t.Context(), "events/edge=a/type=click/"+files[0].Name, full{}); err == nil || !strings.Contains(err.Error(), "write what was fetched") {
		t.Errorf("where it can't be written: %v", err)
	}
	for _, name := range []string{"", "/etc/passwd", "../x", "a//b"} {
		if err := d.Fetch(t.Context(), name, &got); err == nil {
			t.Errorf("%q was fetched", name)
		}
	}
	// In the place of a file, and where none is.
	for _, to := range []string{"events/edge=a/type=click", "erased"} {
		other := files[len(files)-1]
		other.Name = files[0].Name
		for range 2 {
			if err := d.Replace(t.Context(), to, other); err != nil {
				t.Fatal(err)
			}
		}
		got.Reset()
		want, err := os.ReadFile(other.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Fetch(t.Context(), to+"/"+other.Name, &got); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("after it was replaced: %v, %d bytes of %d", err, got.Len(), len(want))
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestReadAFolder(t *testing.T) { readsWell(t, "file:"+t.TempDir(), day(t)) }
