package attribute

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// What a run leaves to the next one holds ids of users, and hashes of them. An
// erasure renames them there too; the events, which decide the same as before,
// need not be read again then.

// Renaming is how an erasure that is committed has renamed users.
type Renaming struct {
	Session lakedb.Options
	// Before are the files as they were that the erasure has rewritten.
	Before []lake.File
	// Prepare gives a session the macros of an erasure: is_forgotten, mentions,
	// key_mentions, user_after, text_after, key_after and token_after.
	Prepare func(context.Context, *lakedb.DB) error
}

// DropCache removes what the last run has left to the next one, which then
// computes everything. Whoever calls it holds the JobLock.
func DropCache(l *lake.Lake) error {
	err := l.Disk().RemoveAll(l.Path(cacheFolder))
	if there, serr := l.Disk().Exists(l.Path(path.Dir(cacheFolder))); serr != nil || there {
		err = errors.Join(err, serr, l.Disk().SyncDir(l.Path(path.Dir(cacheFolder))))
	}
	if err != nil {
		return fmt.Errorf("remove what the last attribution left: %w", err)
	}
	return nil
}

// RenameInCache renames users in what the last run has left to the next one, so
// that it need not compute everything. Where that can't be, it is removed. Whoever
// calls it holds the JobLock.
func RenameInCache(ctx context.Context, l *lake.Lake, n Renaming) error {
	c := loadCache(l)
	if c.ReadSeq == 0 {
		return DropCache(l)
	}
	if err := c.rename(ctx, l, n); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return DropCache(l)
	}
	return nil
}

func (c *cache) rename(ctx context.Context, l *lake.Lake, n Renaming) (err error) {
	state, err := l.State()
	if err != nil {
		return err
	}
	staging, err := l.Stage()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, staging.Close()) }()
	db, err := lakedb.OpenSession(ctx, l, state, n.Session)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r := &run{ctx: ctx, o: Options{Lake: l}, db: db, scratch: staging.Dir()}
	r.none = filepath.Join(r.scratch, "none.parquet")
	if err := n.Prepare(ctx, db); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return r.exec("dialect") },
		func() error { return r.exec("known", r.none) },
		func() error { return r.files("day_files", r.none, nil) },
		func() error {
			_, err := db.ExecContext(ctx, "CREATE TEMP VIEW known_of_day AS SELECT * FROM read_parquet(getvariable('day_files'), hive_partitioning = false)")
			return err
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	was := map[string]string{} // the hash that a day's attributions had
	for _, f := range n.Before {
		if date := lake.FolderDate(f.Path); path.Dir(f.Path) == lake.DateFolder(schemas.Attributions, date) {
			was[date] = f.SHA256
		}
	}
	live := liveDays(state)
	for date, d := range c.Days {
		if sum, rewritten := was[date]; rewritten && sum == d.SHA256 && len(live[date]) == 1 {
			d.SHA256 = live[date][0].SHA256
		}
		if err := r.files("day_files", r.none, []string{d.path}); err != nil {
			return err
		}
		names, err := r.count("known_to_forget", "the conversions that name them")
		if err != nil || names == 0 {
			if err != nil {
				return err
			}
			continue
		}
		written := r.written("known", date)
		if err := r.exec("known_forgotten", written); err != nil {
			return err
		}
		sum, bytes, err := r.hash(written)
		if err != nil {
			return err
		}
		d.File, d.Bytes = date+"-"+sum[:16]+".parquet", bytes
		d.path = cachePath(l, d.File)
		if err := r.copy(written, d.path); err != nil {
			return err
		}
	}
	c.Forgot = state.Latest[lake.ForgetKind].Seq
	return c.save(l)
}
