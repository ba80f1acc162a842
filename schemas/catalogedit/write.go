package catalogedit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"pixledger/schemas/disk"
)

// attempts is how often an edit is begun again because the file has changed
// under it.
const attempts = 20

// Update reads the catalog at path, lets edit ask for changes, and puts the
// file with them in its place in one step: a reader, and a crash at any
// instant, finds the old content or the new one. A link stays one, and the mode
// stays. Other edits wait for this one; where somebody else has changed the file
// meanwhile, edit is called again with what stands there now. Where nothing
// changes, or with dry, nothing is written.
func Update(path string, dry bool, edit func(*File) error) (*Result, error) {
	for n := 0; n < attempts; n++ {
		r, err := update(path, dry, edit)
		if r != nil || err != nil {
			return r, err
		}
	}
	return nil, fmt.Errorf("%s is changed all the time by others; nothing was written", path)
}

// update gives neither a result nor an error where the file has changed.
func update(path string, dry bool, edit func(*File) error) (*Result, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, cause(err))
	}
	if info, err := os.Stat(target); err == nil && !info.Mode().IsRegular() { // opening a pipe would wait
		return nil, fmt.Errorf("write %s: it is no regular file; allowed: a file", path)
	}
	mode := os.O_RDWR // who may not write the file does not replace it either
	if dry {
		mode = os.O_RDONLY
	}
	file, err := os.OpenFile(target, mode, 0)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, cause(err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, cause(err))
	}
	if !dry {
		if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if now, err := os.Stat(target); err != nil || !os.SameFile(info, now) {
			return nil, nil // another edit has replaced it while we waited
		}
	}
	content, err := os.ReadFile(target)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, cause(err))
	}
	f, err := New(path, content)
	if err != nil {
		return nil, err
	}
	if err := edit(f); err != nil {
		return nil, err
	}
	r, err := f.Apply()
	if err != nil || dry || !r.Changed() {
		return r, err
	}
	if now, err := os.ReadFile(target); err != nil || !bytes.Equal(now, content) {
		return nil, nil
	}
	if err := disk.Real.Publish(target, info.Mode().Perm(), r.Content); err != nil {
		return nil, err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		// Only root may give it back to its owner; for others it is theirs already.
		_ = os.Lchown(target, int(owner.Uid), int(owner.Gid))
	}
	return r, nil
}

func cause(err error) error {
	if pe, ok := err.(*os.PathError); ok {
		return pe.Err
	}
	return err
}
