package report

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// spoolMemory is what a result may take in memory before it goes to a file.
const spoolMemory = 4 << 20

// spool holds a result until it is whole, so that nobody sees the beginning of
// one that fails, and a query can be run again.
type spool struct {
	memory []byte
	file   *os.File
	out    *bufio.Writer
	width  int // of the screen that it will go to
}

func (s *spool) Write(b []byte) (int, error) {
	if s.file == nil && len(s.memory)+len(b) <= spoolMemory {
		s.memory = append(s.memory, b...)
		return len(b), nil
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "pixledger-*")
		if err != nil {
			return 0, fmt.Errorf("hold back the result: %w", err)
		}
		_ = os.Remove(f.Name()) // it lives as long as it is open
		s.file, s.out = f, bufio.NewWriterSize(f, 1<<20)
		if _, err := s.out.Write(s.memory); err != nil {
			return 0, err
		}
		s.memory = nil
	}
	return s.out.Write(b)
}

func (s *spool) copyTo(w io.Writer) error {
	if s.file == nil {
		_, err := w.Write(s.memory)
		return err
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, s.file)
	return err
}

func (s *spool) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}

// WriteFile writes a file of any size so that a reader, and a crash at any
// instant, finds the old content or the new one and never a part. Where write
// fails, the file is as before.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link stays one
	}
	if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() {
		return writeInto(path, fi, write)
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".tmp*")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: there is no folder %s; allowed: a file in a folder that exists", path, dir)
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err // nobody knows the temporary file by its name
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	b := bufio.NewWriterSize(f, 1<<20)
	if err := write(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Chmod(lake.FileMode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("publish %s: %w", path, err)
	}
	return disk.Real.SyncDir(dir)
}

// writeInto writes to a pipe or device, which can't be replaced.
func writeInto(path string, fi os.FileInfo, write func(io.Writer) error) error {
	if fi.IsDir() {
		return fmt.Errorf("write %s: it is a folder; allowed: a file", path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	b := bufio.NewWriterSize(f, 1<<20)
	err = write(b)
	if err == nil {
		err = b.Flush()
	}
	return errors.Join(err, f.Close())
}

// attempts is how often a query is run when files vanish under it.
const attempts = 5

// WithLake opens a database, calls use with it and closes it, and hands what
// use has written to w once all has succeeded: nobody sees the beginning of a
// result that fails. When a file of the lake vanishes under the query, because
// another process has just exchanged its folder, all is done again on the
// lake's new state.
func WithLake(ctx context.Context, open func() (*lakedb.DB, error), w io.Writer, use func(*lakedb.DB, io.Writer) error) error {
	for n := 1; ; n++ {
		s := &spool{width: widthOf(w)}
		err := withLake(open, func(db *lakedb.DB) error { return use(db, s) })
		if err == nil {
			err = s.copyTo(w)
			s.close()
			return err
		}
		s.close()
		if n == attempts || ctx.Err() != nil || !vanished(err) {
			return err
		}
	}
}

func withLake(open func() (*lakedb.DB, error), use func(*lakedb.DB) error) (err error) {
	db, err := open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return use(db)
}

// vanished tells whether an error says that a file of the lake is gone.
func vanished(err error) bool {
	text := err.Error()
	if !strings.Contains(text, ".parquet") {
		return false
	}
	for _, sign := range []string{"No files found", "Cannot open file", "No such file or directory", lake.ReplacedName} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
