package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pixledger/schemas/disk"
)

//go:embed templates/pixledger.yaml templates/catalog.yaml
var templates embed.FS

// initFiles are the files that init writes, the configuration last: whoever
// finds it finds the catalog that it names.
var initFiles = []string{"catalog.yaml", "pixledger.yaml"}

// writeInit writes a working, commented configuration and catalog into dir,
// which it makes, and gives the paths written. It overwrites nothing: if any
// of the files is there, it writes none and says which. A file appears with
// its whole content or not at all.
func writeInit(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	var there []string
	for _, name := range initFiles {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); err == nil {
			there = append(there, path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look for %s: %w", path, err)
		}
	}
	if len(there) > 0 {
		return nil, fmt.Errorf("already there: %s; nothing was written. Choose another folder, or move the files away", strings.Join(there, ", "))
	}
	var written []string
	for _, name := range initFiles {
		content, err := templates.ReadFile("templates/" + name)
		if err != nil {
			return written, fmt.Errorf("read template: %w", err)
		}
		path := filepath.Join(dir, name)
		if err := writeNew(path, content); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	return written, disk.Real.SyncDir(dir)
}

// writeNew writes a file that must not exist yet. The link, unlike a rename,
// fails if somebody made the file in the meantime.
func writeNew(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
