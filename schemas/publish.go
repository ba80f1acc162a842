package schemas

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// PublishFile writes a file so that a reader, and a crash at any instant,
// finds the old content or the new one and never a part: a temporary file
// beside it is written and synced, renamed over it, and the folder synced.
func PublishFile(path string, mode os.FileMode, content []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+temporary+"*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	tmp := f.Name()
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(tmp)
		}
	}()
	if _, err = f.Write(content); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = f.Chmod(mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", path, err)
	}
	if err = os.Rename(tmp, path); err != nil {
		return fmt.Errorf("publish %s: %w", path, err)
	}
	return SyncDir(dir)
}

// temporary marks the files that PublishFile writes before they have their name.
const temporary = ".tmp"

// IsTemporary tells whether a file's name is one that PublishFile gives until
// the file is whole. A process that is killed leaves such a file.
func IsTemporary(name string) bool {
	at := strings.LastIndex(name, temporary)
	return strings.HasPrefix(name, ".") && at > 0 && strings.Trim(name[at+len(temporary):], "0123456789") == ""
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return d.Close()
}
