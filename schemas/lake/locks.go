package lake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"pixledger/schemas/disk"
)

// lockPublish takes the lock that is held only while a commit is published,
// across processes. It is short, so waiting for it knows no limit.
func (l *Lake) lockPublish() (unlock func(), err error) {
	p := l.Path(locksDir + "/publish")
	if err := l.disk.Before(disk.Op{Kind: disk.Lock, Path: p}); err != nil {
		return nil, fmt.Errorf("lock the lake: %w", err)
	}
	f := flock.New(p, flock.SetPermissions(FileMode))
	if err := f.Lock(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock the lake: %w", err)
	}
	return func() {
		// One that fails to be given back is kept by its descriptor, and the
		// next to wait for it would be this process: it is tried again.
		if f.Close() != nil {
			_ = f.Close()
		}
	}, nil
}

// HeldError says that another process holds a lock.
type HeldError struct {
	Lock   string
	Holder string
}

func (e *HeldError) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("the lock %q is held by another process", e.Lock)
	}
	return fmt.Sprintf("the lock %q is held by %s", e.Lock, e.Holder)
}

// Lock takes the named lock across processes, waiting for at most wait; with
// wait 0 it tries once. holder is what others are told of the one who has it.
// It gives a *HeldError when the wait was in vain. The lock ends with the
// process, or when unlock is called.
func (l *Lake) Lock(ctx context.Context, name, holder string, wait time.Duration) (unlock func(), err error) {
	p := l.Path(locksDir + "/" + name)
	if err := l.disk.MkdirAll(filepath.Dir(p), DirMode); err != nil {
		return nil, fmt.Errorf("lock %q: %w", name, err)
	}
	f := flock.New(p, flock.SetPermissions(FileMode))
	ok, err := f.TryLock()
	if err == nil && !ok && wait > 0 {
		wctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		ok, err = f.TryLockContext(wctx, 50*time.Millisecond)
		if err != nil && errors.Is(wctx.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			ok, err = false, nil
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %q: %w", name, err)
	}
	if !ok {
		b, _ := os.ReadFile(p)
		_ = f.Close()
		return nil, &HeldError{Lock: name, Holder: strings.TrimSpace(string(b))}
	}
	// The text is for people who find the lock taken; the lock itself is the
	// kernel's, so a failure to write it is no failure.
	_ = os.WriteFile(p, fmt.Appendf(nil, "%s (process %d)\n", holder, os.Getpid()), FileMode)
	return func() {
		_ = os.Truncate(p, 0)
		_ = f.Close()
	}, nil
}

// Held tells whether somebody holds the named lock now.
func (l *Lake) Held(name string) bool {
	f := flock.New(l.Path(locksDir+"/"+name), flock.SetFlag(os.O_RDONLY))
	defer f.Close()
	ok, err := f.TryRLock()
	return err == nil && !ok
}
