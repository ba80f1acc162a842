package disktest

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pixledger/schemas/disk"
)

// held lists what stands in a folder: name=content.
func held(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out = append(out, rel+"="+strings.ReplaceAll(string(b), "\x00", "0"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, d *disk.Disk, path, content string, sync bool) {
	t.Helper()
	f, err := d.Create(path, 0o640, false)
	must(t, err)
	_, err = f.Write([]byte(content))
	must(t, err)
	if sync {
		must(t, f.Sync())
	}
	must(t, f.Close())
}

// all gives everything that a power cut can leave.
func all(t *testing.T, m *Machine, s Survival) []string {
	t.Helper()
	seen := map[string]bool{}
	for seed := range uint64(64) {
		dir := filepath.Join(t.TempDir(), "after")
		must(t, m.Restore(dir, s, rand.New(rand.NewPCG(seed, 1))))
		seen[held(t, dir)] = true
	}
	var out []string
	for s := range seen {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func TestWhatAPowerCutLeaves(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(d *disk.Disk, root string)
		s    Survival
		want []string
	}{
		{"a name that was not synced", func(d *disk.Disk, root string) { put(t, d, root+"/a", "x", true) }, Nothing, []string{""}},
		{"bytes that were not synced", func(d *disk.Disk, root string) {
			put(t, d, root+"/a", "x", false)
			must(t, d.SyncDir(root))
		}, Nothing, []string{"a="}},
		{"bytes of any length or zeros", func(d *disk.Disk, root string) {
			put(t, d, root+"/a", "xy", false)
			must(t, d.SyncDir(root))
		}, Any, []string{"a=", "a=0", "a=00", "a=x", "a=xy"}},
		{"both synced", func(d *disk.Disk, root string) {
			put(t, d, root+"/a", "x", true)
			must(t, d.SyncDir(root))
		}, Nothing, []string{"a=x"}},
		{"a rename is one step", func(d *disk.Disk, root string) {
			must(t, d.Mkdir(root+"/d", 0o750))
			put(t, d, root+"/a", "x", true)
			must(t, d.SyncDir(root))
			must(t, d.Rename(root+"/a", root+"/d/b"))
		}, Any, []string{"a=x", "d/b=x"}},
		{"a rename is durable by either folder", func(d *disk.Disk, root string) {
			must(t, d.Mkdir(root+"/d", 0o750))
			must(t, d.SyncDir(root))
			put(t, d, root+"/a", "x", true)
			must(t, d.Rename(root+"/a", root+"/d/b"))
			must(t, d.SyncDir(root+"/d"))
		}, Any, []string{"d/b=x"}},
		{"an exchange", func(d *disk.Disk, root string) {
			put(t, d, root+"/a", "x", true)
			put(t, d, root+"/b", "y", true)
			must(t, d.SyncDir(root))
			must(t, d.Exchange(root+"/a", root+"/b"))
		}, Any, []string{"a=x b=y", "a=y b=x"}},
		{"a second name, and the first one removed", func(d *disk.Disk, root string) {
			must(t, d.Mkdir(root+"/d", 0o750))
			put(t, d, root+"/a", "x", true)
			must(t, d.SyncDir(root))
			must(t, d.Link(root+"/a", root+"/d/b"))
			must(t, d.SyncDir(root+"/d"))
			must(t, d.Remove(root+"/a"))
		}, Any, []string{"a=x d/b=x", "d/b=x"}},
		{"removals in order", func(d *disk.Disk, root string) {
			put(t, d, root+"/a", "x", true)
			put(t, d, root+"/b", "y", true)
			must(t, d.SyncDir(root))
			must(t, d.Remove(root+"/a"))
			must(t, d.Remove(root+"/b"))
		}, InOrder, []string{"", "a=x b=y", "b=y"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			m := New(root)
			c.do(m.Disk(), root)
			if got := all(t, m, c.s); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got, live := all(t, m, Everything), held(t, root); len(got) != 1 || got[0] != live {
				t.Errorf("everything: got %q, want %q", got, live)
			}
		})
	}
}

func TestStopsAndRefusals(t *testing.T) {
	root := t.TempDir()
	m := New(root)
	m.StopAt(3)
	d := m.Disk()
	f, err := d.Create(root+"/a", 0o640, true) // two operations: the mode is the second
	must(t, err)
	if _, err := f.Write([]byte("x")); !errors.Is(err, ErrStopped) {
		t.Errorf("got %v", err)
	}
	_ = f.Close()
	if err := d.Remove(root + "/a"); !errors.Is(err, ErrStopped) {
		t.Errorf("got %v", err)
	}
	if got := held(t, root); got != "a=" {
		t.Errorf("holds %q", got)
	}

	m = New(t.TempDir())
	m.Refuse(func(n int, op disk.Op) error {
		switch op.Kind {
		case disk.Write:
			return &disk.ShortWrite{N: 1, Err: syscall.ENOSPC}
		case disk.Sync:
			return syscall.EIO
		}
		return nil
	})
	d = m.Disk()
	f, err = d.Create(m.root+"/a", 0o640, true)
	must(t, err)
	if n, err := f.Write([]byte("xyz")); n != 1 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %d, %v", n, err)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
	m.Refuse(nil)
	must(t, f.Sync()) // says that all is well, as the kernel does
	must(t, f.Close())
	must(t, d.SyncDir(m.root))
	if got := all(t, m, Everything); !slices.Equal(got, []string{"a="}) {
		t.Errorf("a sync that failed was mended by the next: %q", got)
	}
	if got := m.Told(1); got != "create a .." && !strings.HasPrefix(got, "create a") {
		t.Errorf("told %q", got)
	}
}
