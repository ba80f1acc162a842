package warehouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"pixledger/schemas/disk"
)

// FileName is the warehouse's place below the lake's folder.
const FileName = "warehouse.duckdb"

// fileMode lets everybody who may enter the lake's folder read the file, and
// nobody write it: a DuckDB that could would keep others from reading.
const fileMode = 0o444

// Publish puts the tables in the place of the lake's warehouse file, in one
// step: a reader, and a crash at any instant, finds the old file or the new
// one, whole. Who has the old one open goes on reading it. It gives the file's
// size. The caller holds the lake's lock "warehouse".
func (t *Tables) Publish(ctx context.Context) (int64, error) {
	// Detaching writes everything into the one file, and leaves no log of
	// changes beside it.
	if _, err := t.DB.ExecContext(ctx, "DETACH warehouse"); err != nil {
		return 0, fmt.Errorf("publish the warehouse: %w", err)
	}
	d, root := t.DB.Lake.Disk(), t.DB.Lake.Root()
	staged, to := filepath.Join(t.staging.Dir(), stagedName), filepath.Join(root, FileName)
	size, err := copyFile(d, t.built(), staged)
	if err != nil {
		return 0, fmt.Errorf("publish the warehouse: %w", err)
	}
	// What somebody has left of changes to the old file must never be taken for
	// changes to the new one: its removal lasts before the new file is there.
	log := to + ".wal"
	there, err := d.Exists(log)
	if err == nil && there {
		if err = d.RemoveAll(log); err == nil {
			err = d.SyncDir(root)
		}
	}
	if err == nil {
		err = d.Rename(staged, to)
	}
	if err == nil {
		err = d.SyncDir(root)
	}
	if err != nil {
		return 0, fmt.Errorf("publish the warehouse: %w", err)
	}
	return size, nil
}

// copyFile copies what DuckDB has written, synced, by the one way by which the
// lake is changed.
func copyFile(d *disk.Disk, from, to string) (size int64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := d.Create(to, fileMode, true)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	// The file itself would choose its own, small pieces.
	if size, err = io.CopyBuffer(out, struct{ io.Reader }{in}, make([]byte, 1<<20)); err != nil {
		return 0, err
	}
	return size, out.Sync()
}
