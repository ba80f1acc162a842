// Package publishedtest is a shared lake in memory, of which every operation can be
// made to fail, before it is done or after.
package publishedtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"
	"sync"

	"pixledger/schemas/published"
)

// Store is a shared lake in memory, with the promises of published.Store.
type Store struct {
	mu    sync.Mutex
	files map[string][]byte
	n     int
	// Fail is asked before each operation and after it, if not nil: an error ends it
	// there. What was asked after it is done.
	Fail func(n int, after bool, op string) error
}

// ErrConflict is what Put gives where other bytes are there.
var ErrConflict = errors.New("other bytes are there")

var _ published.Store = (*Store)(nil)

// New gives an empty one.
func New() *Store { return &Store{files: map[string][]byte{}} }

// Copy gives another one that holds the same.
func (s *Store) Copy() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Store{files: maps.Clone(s.files)}
}

// Count is the number of operations until now.
func (s *Store) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// Files gives what is there, by name.
func (s *Store) Files() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.files)
}

// Set puts bytes there by force; nil removes.
func (s *Store) Set(name string, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b == nil {
		delete(s.files, name)
		return
	}
	s.files[name] = b
}

// Save writes all files below a folder of this machine.
func (s *Store) Save(root string) error {
	for name, b := range s.Files() {
		if err := os.MkdirAll(path.Join(root, path.Dir(name)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path.Join(root, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) do(op string, f func() error) error {
	s.mu.Lock()
	s.n++
	n := s.n
	s.mu.Unlock()
	if s.Fail != nil {
		if err := s.Fail(n, false, op); err != nil {
			return err
		}
	}
	err := f()
	if err == nil && s.Fail != nil {
		err = s.Fail(n, true, op)
	}
	return err
}

// Name implements published.Store.
func (s *Store) Name() string { return "memory" }

// Conflict implements published.Store.
func (s *Store) Conflict(err error) bool { return errors.Is(err, ErrConflict) }

// Put implements published.Store.
func (s *Store) Put(_ context.Context, folder string, files []published.Upload) error {
	for _, f := range files {
		name := path.Join(folder, f.Name)
		err := s.do("put "+name, func() error {
			b, err := os.ReadFile(f.Path)
			if err != nil {
				return err
			}
			if int64(len(b)) != f.Size || published.Hash(b) != f.SHA256 {
				return fmt.Errorf("%s is not what was to be put", f.Path)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if there, ok := s.files[name]; ok && string(there) != string(b) {
				return fmt.Errorf("%s: %w", name, ErrConflict)
			}
			s.files[name] = b
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Replace implements published.Store.
func (s *Store) Replace(_ context.Context, folder string, f published.Upload) error {
	name := path.Join(folder, f.Name)
	return s.do("replace "+name, func() error {
		b, err := os.ReadFile(f.Path)
		if err != nil {
			return err
		}
		if int64(len(b)) != f.Size || published.Hash(b) != f.SHA256 {
			return fmt.Errorf("%s is not what was to be put", f.Path)
		}
		s.Set(name, b)
		return nil
	})
}

// Fetch implements published.Store.
func (s *Store) Fetch(_ context.Context, name string, to io.Writer) error {
	return s.do("fetch "+name, func() error {
		s.mu.Lock()
		b, ok := s.files[name]
		s.mu.Unlock()
		if !ok {
			return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		_, err := to.Write(b)
		return err
	})
}

// List implements published.Store.
func (s *Store) List(_ context.Context, folder string) (map[string]int64, error) {
	out := map[string]int64{}
	return out, s.do("list "+folder, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for name, b := range s.files {
			if folder == "" || strings.HasPrefix(name, folder+"/") {
				out[name] = int64(len(b))
			}
		}
		return nil
	})
}
