package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/published"
)

// erasedFile says up to which commit erasures were brought to the shared lake, and
// erasingFolder is where the files are made that take the place of others there.
const (
	erasedFile    = folder + "/erased.json"
	erasingFolder = folder + "/erasing"
)

// erase brings what was erased in the lake since the last run to what was published:
// the same rows, as they stand now, take the place of the file that they were
// published in. It is the one thing that changes a file of the shared lake, and a
// record beside it says so.
func (r *publishing) erase(ctx context.Context, state *lake.State) error {
	done, err := erasedUpTo(r.Lake)
	if err != nil {
		return err
	}
	last := state.Latest[lake.ForgetKind].Seq
	if last > done && r.parts.last() > 0 {
		folders, err := forgottenSince(r.Lake, done, last)
		if err != nil {
			return err
		}
		for _, m := range r.parts.manifests {
			for _, f := range m.Files {
				if !folders[m.LakeFolder(f)] {
					continue
				}
				if err := r.eraseFile(ctx, m, f); err != nil {
					return fmt.Errorf("erase in %s: %w", f.Path, err)
				}
			}
		}
	}
	if last == done {
		return nil
	}
	b, err := json.Marshal(map[string]int64{"commit": last})
	if err != nil {
		return err
	}
	return r.Lake.Disk().Publish(r.Lake.Path(erasedFile), lake.FileMode, append(b, '\n'))
}

// erasedUpTo is the newest erasure that was brought to the shared lake.
func erasedUpTo(l *lake.Lake) (int64, error) {
	b, err := l.Disk().ReadFile(l.Path(erasedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	var done struct {
		Commit int64 `json:"commit"`
	}
	if err == nil {
		err = json.Unmarshal(b, &done)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: does not say which erasures are published: %w; remove it, and all are looked at again", l.Path(erasedFile), err)
	}
	return done.Commit, nil
}

// forgottenSince lists the folders in which erasures of the commits after one, up to
// another, have changed rows.
func forgottenSince(l *lake.Lake, after, last int64) (map[string]bool, error) {
	out := map[string]bool{}
	for seq := after + 1; seq <= last; seq++ {
		record, _, err := l.ReadRecord(seq)
		if err != nil {
			return nil, err
		}
		if record.Kind != lake.ForgetKind {
			continue
		}
		for _, f := range record.Replace {
			out[f.Path] = true
		}
	}
	return out, nil
}

// eraseFile makes a part's file again, of the same lines as they stand in the lake, and
// puts it in the place of the one that was published.
func (r *publishing) eraseFile(ctx context.Context, m *published.Manifest, f published.File) (err error) {
	state, err := r.Lake.State()
	if err != nil {
		return err
	}
	if lake.FolderDate(m.LakeFolder(f)) < r.Kept {
		return nil // the lake has no rows of it any more: see docs/edges.md
	}
	w := &writing{
		publishing: r, state: state, at: erasingFolder, manifest: &published.Manifest{},
		due: &dueDay{date: m.Date, number: m.Number},
	}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.db.Close(), r.Lake.Disk().RemoveAll(r.Lake.Path(erasingFolder))) }()
	logs, dataset, statement := m.Logs, schemas.Events, writeEventsSQL
	if m.LakeFolder(f) == lake.DateFolder(schemas.Rejects, m.Date) {
		logs, dataset, statement = m.Rejects, schemas.Rejects, writeRejectsSQL
	}
	err = w.logs(ctx, len(logs), func(i int) (string, int64, int64) { return r.parts.own(logs[i].SourceID), logs[i].From, logs[i].To })
	if err != nil {
		return err
	}
	if err := w.file(ctx, dataset, m.LakeFolder(f), path.Dir(f.Path), f.Rows, statement); err != nil {
		return err
	}
	made := w.manifest.Files[0]
	// Readers take either file for the part's: the record comes first.
	note, err := published.ErasedBytes(ctx, r.Store, f.Path)
	if err != nil {
		return err
	}
	if made.SHA256 == f.SHA256 && len(note.Files) == 0 {
		return nil // nobody in it was forgotten
	}
	// A run that was cut may have said so already, and not have put the file.
	if n := len(note.Files); n == 0 || note.Files[n-1].SHA256 != made.SHA256 {
		note.Files = append(note.Files, made)
	}
	b, err := json.MarshalIndent(note, "", "  ")
	if err != nil {
		return err
	}
	at := r.Lake.Path(folder + "/put.json")
	if err := r.Lake.Disk().Publish(at, lake.FileMode, append(b, '\n')); err != nil {
		return err
	}
	name := published.ErasedName(f.Path)
	if err := r.Store.Replace(ctx, path.Dir(name), published.Upload{Name: path.Base(name), Path: at, Size: int64(len(b) + 1), SHA256: published.Hash(append(b, '\n'))}); err != nil {
		return err
	}
	err = r.Store.Replace(ctx, path.Dir(f.Path), published.Upload{
		Name: path.Base(f.Path), Path: filepath.Join(r.Lake.Path(erasingFolder), pendingName(0)), Size: made.Bytes, SHA256: made.SHA256,
	})
	if err == nil && r.Erased != nil {
		r.Erased(f.Path)
	}
	return err
}

// prepare opens the session in which a part's files are made, and the folder for them.
func (w *writing) prepare(ctx context.Context) (err error) {
	dk, at := w.Lake.Disk(), w.Lake.Path(w.at)
	if err := dk.RemoveAll(at); err != nil {
		return err
	}
	if err := dk.MkdirAll(filepath.Join(at, "scratch"), lake.DirMode); err != nil {
		return err
	}
	if w.db, err = lakedb.OpenSession(ctx, w.Lake, w.state, w.Session); err != nil {
		return err
	}
	for _, s := range []string{
		"SET preserve_insertion_order = true",
		"CREATE TEMP TABLE part_logs (source_id VARCHAR, from_offset BIGINT, to_offset BIGINT)",
	} {
		if _, err := w.db.ExecContext(ctx, s); err != nil {
			return errors.Join(fmt.Errorf("prepare to publish: %w", err), w.db.Close())
		}
	}
	if _, err := w.db.ExecContext(ctx, "SET VARIABLE edge = $1::VARCHAR", w.Edge); err != nil {
		return errors.Join(fmt.Errorf("prepare to publish: %w", err), w.db.Close())
	}
	return nil
}
