package deliver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pixledger/schemas/disk"
	"pixledger/schemas/disk/disktest"
)

func opened(t *testing.T, spec string, o Options) *Destination {
	t.Helper()
	target, err := Parse(spec, "/")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// day is what an export delivers.
func day(t *testing.T) []File { return dayOf(t, 30_000) }

func dayOf(t *testing.T, lines int) []File {
	return []File{
		written(t, "revenue_2026-11-01.csv", strings.Repeat("2026-11-01,100,12.500000,USD\n", lines)),
		written(t, "empty_2026-11-01.csv", ""),
		written(t, "manifest_2026-11-01.json", `{"sequence":1}`),
	}
}

// wholeOrAbsent fails where a file is there in part, or one is there without
// those before it. It tells whether all are.
func wholeOrAbsent(t *testing.T, dir string, files []File) (all bool) {
	t.Helper()
	all = true
	for _, f := range files {
		got, err := os.ReadFile(filepath.Join(dir, f.Name))
		if errors.Is(err, fs.ErrNotExist) {
			all = false
			continue
		}
		want, _ := os.ReadFile(f.Path)
		switch {
		case err != nil:
			t.Fatal(err)
		case string(got) != string(want):
			t.Fatalf("%s has %d bytes of %d, or others", f.Name, len(got), len(want))
		case !all:
			t.Fatalf("%s is there without what comes before it", f.Name)
		}
	}
	return all
}

func onlyThese(t *testing.T, dir string, files []File) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != len(files) || !wholeOrAbsent(t, dir, files) {
		t.Fatalf("the folder holds %v, %v; want %d files", list, err, len(files))
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "outbox")
	files := day(t)
	d := opened(t, "file:"+dir, Options{})
	if err := d.Put(t.Context(), "", files); err != nil {
		t.Fatal(err)
	}
	onlyThese(t, dir, files)
	before, _ := os.Stat(filepath.Join(dir, files[0].Name))
	folder, _ := os.Stat(dir)
	if before.Mode() != 0o640 || folder.Mode().Perm() != 0o750 {
		t.Errorf("modes %v, %v", before.Mode(), folder.Mode())
	}
	// Again: nothing is written.
	if err := d.Put(t.Context(), "", files); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(filepath.Join(dir, files[0].Name)); !os.SameFile(before, after) || after.ModTime() != before.ModTime() {
		t.Error("the file was written again")
	}
	if err := d.Put(t.Context(), "2026/11", files); err != nil {
		t.Fatal(err)
	}
	onlyThese(t, filepath.Join(dir, "2026/11"), files)
}

func TestFolderConflict(t *testing.T) {
	files := day(t)
	for name, there := range map[string]func(path string) error{
		"shorter":     func(p string) error { return os.WriteFile(p, []byte("half"), 0o640) },
		"same length": func(p string) error { return os.WriteFile(p, make([]byte, files[0].Size), 0o640) },
		"a folder":    func(p string) error { return os.Mkdir(p, 0o750) },
		"a link":      func(p string) error { return os.Symlink(files[0].Path, p) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := filepath.Join(dir, files[0].Name)
			if err := there(p); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(p)
			err := opened(t, "file:"+dir, Options{}).Put(t.Context(), "", files)
			var conflict *ConflictError
			if !errors.As(err, &conflict) || conflict.File != files[0].Name || conflict.Target != "file:"+dir {
				t.Fatalf("got %v", err)
			}
			after, _ := os.Lstat(p)
			if list, _ := os.ReadDir(dir); len(list) != 1 || !os.SameFile(before, after) || after.ModTime() != before.ModTime() {
				t.Errorf("it was changed: %v", list)
			}
		})
	}
}

// A file that is not what it was said to be is delivered nowhere.
func TestFolderOfAFileThatChanged(t *testing.T) {
	for name, change := range map[string]func(*File){
		"shorter": func(f *File) { f.Size++ },
		"longer":  func(f *File) { f.Size-- },
		"other":   func(f *File) { f.SHA256 = strings.Repeat("0", 64) },
		"gone":    func(f *File) { f.Path += "x" },
	} {
		dir, f := t.TempDir(), day(t)[0]
		change(&f)
		err := opened(t, "file:"+dir, Options{}).Put(t.Context(), "", []File{f})
		var e *Error
		if list, _ := os.ReadDir(dir); len(list) != 0 || !errors.As(err, &e) || e.Attempts != 1 {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

func TestFolderThatCanNotBe(t *testing.T) {
	file := written(t, "file", "x").Path
	err := opened(t, "file:"+filepath.Join(file, "outbox"), Options{}).Put(t.Context(), "", day(t))
	var e *Error
	if !errors.As(err, &e) || e.Attempts != 1 || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("got %v", err)
	}
}

func TestFolderCanceled(t *testing.T) {
	dir, files := t.TempDir(), day(t)
	ctx, cancel := context.WithCancel(t.Context())
	m := disktest.New(dir)
	m.Refuse(func(_ int, op disk.Op) error {
		if op.Kind == disk.Write {
			cancel() // in the middle of the first file
		}
		return nil
	})
	err := opened(t, "file:"+dir, Options{Disk: m.Disk()}).Put(ctx, "", files)
	if list, _ := os.ReadDir(dir); !errors.Is(err, context.Canceled) || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// The machine stops before each operation: whatever the disk can hold then,
// each name has its whole file or does not exist, and the next run completes.
func TestFolderStoppedAtEachOperation(t *testing.T) {
	files := dayOf(t, 10_000)[:2] // two writes, and none
	for n := 1; ; n++ {
		root := t.TempDir()
		m := disktest.New(root)
		m.StopAt(n)
		err := opened(t, "file:"+filepath.Join(root, "out", "box"), Options{Retries: -1, Disk: m.Disk()}).Put(t.Context(), "", files)
		for _, s := range []disktest.Survival{disktest.Everything, disktest.Nothing, disktest.Any} {
			after := filepath.Join(t.TempDir(), "after")
			if err := m.Restore(after, s, rand.New(rand.NewPCG(uint64(n), 1))); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(after, "out", "box")
			all := wholeOrAbsent(t, dir, files)
			if err == nil && !all {
				t.Fatalf("all was delivered, and after a power cut (%v) it is not there", s)
			}
			if err := opened(t, "file:"+dir, Options{Retries: -1}).Put(t.Context(), "", files); err != nil {
				t.Fatalf("stopped before %s (%v): %v", m.Told(n), s, err)
			}
			onlyThese(t, dir, files)
		}
		if err == nil {
			if n < 20 {
				t.Errorf("only %d operations were seen", n)
			}
			return
		}
	}
}

// Each operation fails once: without another attempt nothing is there in part;
// with one, what may pass is overcome.
func TestFolderFailingAtEachOperation(t *testing.T) {
	files := dayOf(t, 10_000)[:2] // two writes, and none
	for _, fail := range []error{syscall.EIO, syscall.ENOSPC, &disk.ShortWrite{N: 7, Err: syscall.ENOSPC}} {
		for n := 1; ; n++ {
			done := false
			for _, retries := range []int{-1, 3} {
				if retries > 0 && fail != error(syscall.EIO) {
					continue // it is permanent
				}
				root := t.TempDir()
				dir := filepath.Join(root, "out", "box")
				m := disktest.New(root)
				m.Refuse(func(at int, _ disk.Op) error {
					if at == n {
						return fail
					}
					return nil
				})
				o := Options{Retries: retries, Delay: time.Microsecond, MaxDelay: time.Microsecond, Disk: m.Disk()}
				err := opened(t, "file:"+dir, o).Put(t.Context(), "", files)
				all := wholeOrAbsent(t, dir, files)
				what := fmt.Sprintf("%v at %s, %d retries", fail, m.Told(n), retries)
				if err == nil && !all {
					t.Fatalf("%s: delivered, and not there", what)
				}
				if retries > 0 && err != nil && fail == error(syscall.EIO) {
					t.Fatalf("%s: %v", what, err)
				}
				if err != nil && fail != error(syscall.EIO) && !strings.Contains(err.Error(), "no space left") {
					t.Fatalf("%s: %v", what, err)
				}
				done = m.Count() < n
				m.Refuse(nil)
				if err := opened(t, "file:"+dir, o).Put(t.Context(), "", files); err != nil {
					t.Fatalf("%s: then %v", what, err)
				}
				onlyThese(t, dir, files)
			}
			if done {
				break
			}
		}
	}
}
