package lake

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"pixledger/schemas/disk"
)

// Recover finishes the commit that a crash cut short, puts the empty files that
// every glob has where they are missing, and removes what processes that are
// gone have left in staging. Running it again, or being
// killed in it, does no harm.
func (l *Lake) Recover() error {
	unlock, err := l.lockPublish()
	if err != nil {
		return err
	}
	defer unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	state, err := l.refresh(true)
	if err != nil {
		return err
	}
	if err := l.checkGap(state.Seq); err != nil {
		return err
	}
	if err := l.writeSeeds(); err != nil {
		return err
	}
	return l.cleanUp()
}

// cleanUp removes what processes that are gone have left: staging folders that
// nobody holds, and files that were to be renamed to records and checkpoints.
// The publish lock is held, and without it neither is written.
func (l *Lake) cleanUp() error {
	entries, err := l.disk.ReadDir(l.Path(stagingDir))
	if err != nil {
		return fmt.Errorf("clean up staging: %w", err)
	}
	for _, e := range entries {
		dir := l.Path(stagingDir + "/" + e.Name())
		if e.IsDir() {
			f := flock.New(filepath.Join(dir, stagingLock))
			ok, err := f.TryLock()
			if err == nil && !ok {
				continue // another process is at work in it
			}
			defer f.Close()
		}
		if err := l.disk.RemoveAll(dir); err != nil {
			return fmt.Errorf("clean up staging: %w", err)
		}
	}
	for _, dir := range []string{commitsDir, checkpointDir} {
		if err := l.removeTemporary(dir); err != nil {
			return fmt.Errorf("clean up %s: %w", dir, err)
		}
	}
	return nil
}

// removeTemporary removes what publishing a file in the folder has left. Nobody
// may be publishing one there now.
func (l *Lake) removeTemporary(dir string) error {
	entries, err := l.disk.ReadDir(l.Path(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !disk.IsTemporary(e.Name()) {
			continue
		}
		if err := l.disk.Remove(l.Path(dir + "/" + e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// checkGap refuses a lake that has records after the last one that follows
// on: going on from there would read again what they say was read, and looking
// at it would show a part of it for the whole.
func (l *Lake) checkGap(seq int64) error {
	entries, err := l.disk.ReadDir(l.Path(commitsDir))
	if err != nil {
		return fmt.Errorf("list the commits: %w", err)
	}
	for i := len(entries) - 1; i >= 0; i-- {
		var n int64
		name := entries[i].Name()
		if _, err := fmt.Sscanf(name, "%d.json", &n); err != nil || path.Base(recordName(n)) != name {
			continue
		}
		if n <= seq {
			break
		}
		// Without the lock, commits may have come since the last one was read; but
		// then the next one is there.
		if there, err := l.disk.Exists(l.Path(recordName(seq + 1))); err != nil || there {
			return err
		}
		return fmt.Errorf("%s: commit %d is missing, and there is a commit %d; restore %s from a backup", l.root, seq+1, n, commitsDir)
	}
	return nil
}

// makeFolder makes a folder below the lake and makes every name on the way to
// it durable. A folder that is there may be the work of a process that died
// before it synced the one above, so that is synced whenever files are added to
// a folder that this process has not seen before.
func (l *Lake) makeFolder(folder string) error {
	if l.folders[folder] {
		if there, err := l.disk.Exists(l.Path(folder)); err != nil || there {
			return err
		}
		clear(l.folders) // another process has removed it
	}
	at := ""
	for part := range strings.SplitSeq(folder, "/") {
		parent := at
		at = path.Join(at, part)
		if l.folders[at] {
			continue
		}
		err := l.disk.Mkdir(l.Path(at), DirMode)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := l.disk.SyncDir(l.Path(parent)); err != nil {
			return err
		}
		l.folders[at] = true
	}
	return nil
}

// syncTree syncs a folder and all folders below it.
func (l *Lake) syncTree(dir string) error {
	entries, err := l.disk.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := l.syncTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return l.disk.SyncDir(dir)
}
