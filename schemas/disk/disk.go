// Package disk is the way by which the lake's files are read and changed. It
// adds nothing to the file system but one place where every operation passes:
// so that a test can let each of them fail, or let the machine stop before it,
// and a reader of the code knows that none goes another way.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A Disk does operations on the file system. The nil Disk is the real one; one
// with a Watcher asks it before each operation and tells it afterwards. A Disk
// is safe for use by several goroutines where its Watcher is.
type Disk struct{ Watcher Watcher }

// Real is the file system as it is.
var Real *Disk

// Watcher stands before and behind every operation.
type Watcher interface {
	// Before refuses an operation by an error, which is given to the caller in
	// its place. A *ShortWrite lets the first bytes of a write through.
	Before(Op) error
	// After is told of an operation that was done.
	After(Op)
}

// Op is one operation.
type Op struct {
	Kind Kind
	Path string
	To   string // of a rename, exchange or link
	Data []byte // of a write; it holds until the call returns
}

// Kind is what an operation does.
type Kind string

// The operations. Close and those below it change nothing.
const (
	Create    Kind = "create" // a file that is new, or emptied
	Write     Kind = "write"
	Sync      Kind = "sync" // a file's content
	SyncDir   Kind = "sync folder"
	Rename    Kind = "rename"            // over what has the name
	RenameNew Kind = "rename to no file" // fails where the name is taken
	Exchange  Kind = "exchange"
	Link      Kind = "link" // a second name for a file
	Mkdir     Kind = "mkdir"
	Remove    Kind = "remove"
	Chmod     Kind = "chmod"
	Close     Kind = "close" // of a file that was written
	Lock      Kind = "lock"
	Open      Kind = "open"
	Read      Kind = "read"
	ReadDir   Kind = "read folder"
	Stat      Kind = "stat"
)

// Changes tells whether the operation changes the file system, or what of it
// is durable.
func (k Kind) Changes() bool {
	switch k {
	case Lock, Open, Read, ReadDir, Stat, Close:
		return false
	}
	return true
}

// ShortWrite lets N bytes of a write through and gives Err, as a disk that
// becomes full does.
type ShortWrite struct {
	N   int
	Err error
}

func (s *ShortWrite) Error() string { return s.Err.Error() }
func (s *ShortWrite) Unwrap() error { return s.Err }

// Before asks the watcher about an operation that is done by other means, as
// taking a lock is.
func (d *Disk) Before(op Op) error {
	if d == nil || d.Watcher == nil {
		return nil
	}
	return d.Watcher.Before(op)
}

func (d *Disk) after(op Op) {
	if d != nil && d.Watcher != nil {
		d.Watcher.After(op)
	}
}

// do does an operation between the watcher's two calls.
func (d *Disk) do(op Op, f func() error) error {
	if err := d.Before(op); err != nil {
		if op.To != "" {
			return &os.LinkError{Op: string(op.Kind), Old: op.Path, New: op.To, Err: err}
		}
		return &os.PathError{Op: string(op.Kind), Path: op.Path, Err: err}
	}
	if err := f(); err != nil {
		return err
	}
	d.after(op)
	return nil
}

// Create makes a file for writing; excl refuses a name that is taken, and
// otherwise what was there is emptied. The mode is as given, whatever the umask.
func (d *Disk) Create(path string, mode os.FileMode, excl bool) (*File, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if excl {
		flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	}
	var f *os.File
	err := d.do(Op{Kind: Create, Path: path}, func() (err error) {
		f, err = os.OpenFile(path, flags, mode)
		return err
	})
	if err != nil {
		return nil, err
	}
	file := &File{f, d}
	err = d.do(Op{Kind: Chmod, Path: path}, func() error { return f.Chmod(mode) })
	if err != nil {
		return nil, errors.Join(err, f.Close(), d.Remove(path))
	}
	return file, nil
}

// File is a file that is written.
type File struct {
	f    *os.File
	disk *Disk
}

// Name is the path that the file was made under.
func (f *File) Name() string { return f.f.Name() }

// Write appends.
func (f *File) Write(b []byte) (int, error) {
	op := Op{Kind: Write, Path: f.f.Name(), Data: b}
	if err := f.disk.Before(op); err != nil {
		var short *ShortWrite
		n := 0
		if errors.As(err, &short) {
			op.Data = b[:min(short.N, len(b))]
			if n, _ = f.f.Write(op.Data); n > 0 {
				f.disk.after(op)
			}
		}
		return n, &os.PathError{Op: string(Write), Path: f.f.Name(), Err: err}
	}
	n, err := f.f.Write(b)
	if n > 0 {
		op.Data = b[:n]
		f.disk.after(op)
	}
	return n, err
}

// Sync makes what was written durable; the name is its folder's matter.
func (f *File) Sync() error {
	return f.disk.do(Op{Kind: Sync, Path: f.f.Name()}, f.f.Sync)
}

// Close closes the file, which is closed also where it gives an error.
func (f *File) Close() error {
	err := f.disk.Before(Op{Kind: Close, Path: f.f.Name()})
	if cerr := f.f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Open opens a file for reading.
func (d *Disk) Open(path string) (f *os.File, err error) {
	err = d.do(Op{Kind: Open, Path: path}, func() error {
		f, err = os.Open(path)
		return err
	})
	return f, err
}

// ReadFile gives a file's whole content.
func (d *Disk) ReadFile(path string) (b []byte, err error) {
	err = d.do(Op{Kind: Read, Path: path}, func() error {
		b, err = os.ReadFile(path)
		return err
	})
	return b, err
}

// ReadDir lists a folder, by name.
func (d *Disk) ReadDir(path string) (list []os.DirEntry, err error) {
	err = d.do(Op{Kind: ReadDir, Path: path}, func() error {
		list, err = os.ReadDir(path)
		return err
	})
	return list, err
}

// Stat tells of what a name stands for, links not followed.
func (d *Disk) Stat(path string) (fi os.FileInfo, err error) {
	err = d.do(Op{Kind: Stat, Path: path}, func() error {
		fi, err = os.Lstat(path)
		return err
	})
	return fi, err
}

// Exists tells whether there is something of that name. An error means that it
// is not known.
func (d *Disk) Exists(path string) (bool, error) {
	_, err := d.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Rename gives a file another name, whatever had that name before.
func (d *Disk) Rename(from, to string) error {
	return d.do(Op{Kind: Rename, Path: from, To: to}, func() error { return os.Rename(from, to) })
}

// RenameNew renames and fails where the new name is taken.
func (d *Disk) RenameNew(from, to string) error {
	op := Op{Kind: RenameNew, Path: from, To: to}
	return d.do(op, func() error {
		err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system without it
			if err = os.Link(from, to); err == nil {
				_ = os.Remove(from) // the new name counts, whatever becomes of the old one
			}
			return err
		}
		if err != nil {
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
		}
		return nil
	})
}

// Exchange swaps what two names stand for, in one step.
func (d *Disk) Exchange(a, b string) error {
	return d.do(Op{Kind: Exchange, Path: a, To: b}, func() error {
		if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
			return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
		}
		return nil
	})
}

// Link gives a file a second name, which must not be taken.
func (d *Disk) Link(from, to string) error {
	return d.do(Op{Kind: Link, Path: from, To: to}, func() error { return os.Link(from, to) })
}

// Mkdir makes one folder.
func (d *Disk) Mkdir(path string, mode os.FileMode) error {
	return d.do(Op{Kind: Mkdir, Path: path}, func() error { return os.Mkdir(path, mode) })
}

// MkdirAll makes a folder with those above it, as far as they are missing.
func (d *Disk) MkdirAll(path string, mode os.FileMode) error {
	fi, err := d.Stat(path)
	if err == nil && (fi.IsDir() || fi.Mode()&fs.ModeSymlink != 0) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := filepath.Dir(path); parent != path {
		if err := d.MkdirAll(parent, mode); err != nil {
			return err
		}
	}
	err = d.Mkdir(path, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Remove removes a file or an empty folder. One that is not there is no error.
func (d *Disk) Remove(path string) error {
	err := d.do(Op{Kind: Remove, Path: path}, func() error { return os.Remove(path) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// RemoveAll removes a folder with all that is in it, or a file.
func (d *Disk) RemoveAll(path string) error {
	fi, err := d.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if fi.IsDir() {
		list, err := d.ReadDir(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range list {
			if err := d.RemoveAll(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	return d.Remove(path)
}

// SyncDir makes the names in a folder durable.
func (d *Disk) SyncDir(path string) error {
	err := d.do(Op{Kind: SyncDir, Path: path}, func() error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// Publish writes a file so that a reader, and a crash at any instant, finds
// the old content or the new one and never a part: a temporary file beside it
// is written and synced, renamed over it, and the folder synced.
func (d *Disk) Publish(path string, mode os.FileMode, content []byte) (err error) {
	f, err := d.CreateTemporary(path, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.f.Close() // a second time where it is closed
			_ = d.Remove(f.Name())
		}
	}()
	if _, err = f.Write(content); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", path, err)
	}
	if err = d.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("publish %s: %w", path, err)
	}
	return d.SyncDir(filepath.Dir(path))
}

// CreateTemporary makes a file beside the path, to be renamed to it when it is
// whole. It is a new one each time: what a failed sync has lost of a file may
// be lost for good, whatever a later sync of it says.
func (d *Disk) CreateTemporary(path string, mode os.FileMode) (*File, error) {
	for n := 0; ; n++ {
		tmp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s%s%d-%d", filepath.Base(path), temporary, os.Getpid(), n))
		if f, err := d.Create(tmp, mode, true); !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// temporary marks the files that have not got their name yet.
const temporary = ".tmp"

// IsTemporary tells whether a file's name is one that is given until the file
// is whole. A process that is killed leaves such a file.
func IsTemporary(name string) bool {
	at := strings.LastIndex(name, temporary)
	return strings.HasPrefix(name, ".") && at > 0 && strings.Trim(name[at+len(temporary):], "0123456789-") == ""
}
