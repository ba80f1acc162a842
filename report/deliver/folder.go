package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"pixledger/schemas/disk"
)

// Modes of what is delivered to a folder.
const (
	folderMode = 0o750
	fileMode   = 0o640
)

// folderStore delivers into a folder of this machine.
type folderStore struct {
	root  string
	disk  *disk.Disk
	pulse *pulse
	made  string // the folder that was made, or found, for this Put
}

func (s *folderStore) hangUp()      { s.made = "" }
func (s *folderStore) close() error { return nil }

// reach has nobody to ask: the folder is of this machine, and made when it is
// missing.
func (s *folderStore) reach(context.Context) error { return nil }

// deliver writes a temporary file beside the name, syncs it, gives it the name
// where nobody has it, and syncs the folder.
func (s *folderStore) deliver(ctx context.Context, folder string, f File) (bool, error) {
	sent, err := s.attempt(ctx, filepath.Join(s.root, filepath.FromSlash(folder)), f)
	if err != nil {
		s.made = "" // the next attempt begins anew
	}
	return sent, err
}

func (s *folderStore) attempt(ctx context.Context, dir string, f File) (bool, error) {
	if s.made != dir {
		if err := s.makeFolder(dir); err != nil {
			return false, ofDisk("make the folder", err)
		}
		s.made = dir
	}
	if err := s.tidy(dir, f.Name); err != nil {
		return false, ofDisk("remove what an earlier attempt left", err)
	}
	name := filepath.Join(dir, f.Name)
	sent := false
	there, err := s.look(ctx, name, f)
	if err == nil && !there {
		sent = true
		err = s.write(ctx, name, f, s.disk.RenameNew)
	}
	if err != nil {
		return false, err
	}
	// Also of a file that was there: who put it there may have died before this.
	if err := s.disk.SyncDir(dir); err != nil {
		return false, ofDisk("make the name durable", err)
	}
	return sent, nil
}

// makeFolder makes the folder with those above it, and makes their names
// durable; also of those that are there, as who made them may have died before.
// Those above that may not be read are not ours.
func (s *folderStore) makeFolder(dir string) error {
	if err := s.disk.MkdirAll(dir, folderMode); err != nil {
		return err
	}
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if err := s.disk.SyncDir(filepath.Dir(at)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// tidy removes the temporary files of attempts at this name that were killed.
func (s *folderStore) tidy(dir, name string) error {
	list, err := s.disk.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if disk.IsTemporary(e.Name()) && strings.HasPrefix(e.Name(), "."+name+".tmp") {
			if err := s.disk.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// look tells whether the file is there.
func (s *folderStore) look(ctx context.Context, name string, f File) (bool, error) {
	fi, err := s.disk.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, ofDisk("look for the file", err)
	}
	if !fi.Mode().IsRegular() {
		return false, &differs{"something of this name is there that is no regular file"}
	}
	r, err := s.disk.Open(name)
	if err != nil {
		return false, ofDisk("read what is there", err)
	}
	defer func() { _ = r.Close() }()
	return true, same(ctx, r, fi.Size(), f, s.pulse)
}

func (s *folderStore) write(ctx context.Context, name string, f File, rename func(from, to string) error) (err error) {
	from, err := openContent(ctx, s.disk, f, s.pulse, func() {})
	if err != nil {
		return err
	}
	defer from.close()
	to, err := s.disk.CreateTemporary(name, fileMode)
	if err != nil {
		return ofDisk("make a temporary file", err)
	}
	closed := false
	defer func() {
		if !closed {
			_ = to.Close()
		}
		if err != nil {
			_ = s.disk.Remove(to.Name()) // else the next attempt does
		}
	}()
	var reason *fault
	if _, err := io.CopyBuffer(struct{ io.Writer }{to}, from, make([]byte, 256<<10)); errors.As(err, &reason) || ctx.Err() != nil {
		return err // of the file itself
	} else if err != nil {
		return ofDisk("write", err)
	}
	if err := to.Sync(); err != nil {
		return ofDisk("make it durable", err)
	}
	closed = true
	if err := to.Close(); err != nil {
		return ofDisk("close", err)
	}
	err = rename(to.Name(), name)
	if errors.Is(err, fs.ErrExist) {
		_ = s.disk.Remove(to.Name())
		there, err := s.look(ctx, name, f) // somebody else was quicker
		if err == nil && !there {
			err = fmt.Errorf("the name was taken, and then it was not")
		}
		return err
	}
	if err != nil {
		return ofDisk("give it its name", err)
	}
	return nil
}
