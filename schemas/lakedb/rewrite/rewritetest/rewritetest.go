// Package rewritetest makes lakes for the tests of what rewrites their folders.
package rewritetest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// QuickDir is a folder in memory where there is one.
func QuickDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pixledger-rewrite-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Ingest commits one file to each of the folders of the lake at root, as another
// process does. fill writes a folder's file and says how many rows it has; the
// files pass through the folder scratch.
func Ingest(d *disk.Disk, root, scratch string, at time.Time, folders []string, fill func(folder, file string) (rows int64, err error)) error {
	l, err := lake.OpenOn(d, root)
	if err != nil {
		return err
	}
	s, err := l.Stage()
	if err != nil {
		return err
	}
	defer s.Close()
	draft := &lake.Draft{Kind: "ingest", At: at}
	for i, folder := range folders {
		made := filepath.Join(scratch, "made.parquet")
		rows, err := fill(folder, made)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(made)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		staged := lake.Staged{Folder: folder, Name: fmt.Sprint(i), Rows: rows, Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
		if err := Write(d, filepath.Join(s.Dir(), staged.Name), b); err != nil {
			return err
		}
		draft.Add = append(draft.Add, staged)
	}
	_, err = l.Commit(s, func(*lake.State) (*lake.Draft, error) { return draft, nil })
	return err
}

// Write writes a new file, synced.
func Write(d *disk.Disk, path string, b []byte) error {
	f, err := d.Create(path, lake.FileMode, true)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// ToldToAskAgain tells whether a reader of all of the lake by glob gets the error
// that says to ask again, as between an exchange of folders and the next start
// where the machine stopped in it.
func ToldToAskAgain(t *testing.T, root string) bool {
	t.Helper()
	for _, below := range []string{"*/*", "*/*/*"} {
		found, err := filepath.Glob(filepath.Join(root, below, lake.ReplacedName))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			return true
		}
	}
	return false
}
