// Package publish ships the finished days of an edge's lake to the shared lake: for
// each UTC date that is over a part, and for what comes late another. A part is
// complete or not there: its manifest comes last.
//
// A row belongs to the part before which its line was read and after which no part
// of its date was made. That is told by the lake's positions: each log has been read
// up to one, a row stands at its line's offset, and a part says of each log from
// where to where it goes. So it does not matter in which files of the lake a row
// stands, or when these are merged.
package publish

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/published"
)

// LockName is the lock that publishing holds.
const LockName = "publish"

// The folders below the lake.
const (
	folder        = "_state/publish"
	partsFolder   = folder + "/parts"   // the manifests of what was published
	pendingFolder = folder + "/pending" // the part that is under way
	idFile        = folder + "/lake.json"
	failureFile   = folder + "/failure.json"
	planName      = "manifest.json" // in the pending folder: the part is whole, and its bytes stay
)

// Options say what is published, and where to.
type Options struct {
	Lake  *lake.Lake
	Store published.Store
	Edge  string
	Now   time.Time
	// After is how long a UTC date must be over before it is published.
	After time.Duration
	// Kept is the UTC date before which retention has erased events; "": none were.
	Kept string
	// Gaps are the losses that are open, silent sources' with them.
	Gaps    []lake.Gap
	Session lakedb.Options
	// Tell is told of each part that is published, or nil.
	Tell func(*published.Manifest)
	// Erased is told, if not nil, of each file of the shared lake in which somebody was
	// forgotten.
	Erased func(file string)
	// Progress is told, if not nil, of the dates that are published and to be.
	Progress func(done, total int64)
}

// Run publishes what is due, the oldest date first. The caller holds the lock, and
// has seen to it that the lake holds all lines that the logs of the dates hold. When
// it fails, or is killed, the next run goes on where it was: with the same bytes.
func Run(ctx context.Context, o Options) (err error) {
	defer func() {
		if ctx.Err() == nil {
			err = errors.Join(err, o.note(err))
		}
	}()
	r, err := o.open()
	if err != nil {
		return err
	}
	if err := r.identify(ctx); err != nil {
		return err
	}
	if err := r.seeds(ctx); err != nil {
		return err
	}
	if err := r.resume(ctx); err != nil {
		return err
	}
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	state, err := o.Lake.State()
	if err != nil {
		return err
	}
	if err := r.parts.agree(state); err != nil {
		return err
	}
	if err := r.erase(ctx, state); err != nil {
		return err
	}
	due := r.parts.due(state, &o)
	for i, d := range due {
		if o.Progress != nil {
			o.Progress(int64(i), int64(len(due)))
		}
		if err := r.write(ctx, d); err != nil {
			return fmt.Errorf("publish %s: %w", d.date, err)
		}
		if err := r.resume(ctx); err != nil {
			return err
		}
	}
	return nil
}

// publishing is a run.
type publishing struct {
	Options
	id    string // of the lake
	parts *parts
}

func (o *Options) open() (*publishing, error) {
	dk := o.Lake.Disk()
	if err := dk.MkdirAll(o.Lake.Path(partsFolder), lake.DirMode); err != nil {
		return nil, fmt.Errorf("open the records of publishing: %w", err)
	}
	for _, dir := range []string{folder, "_state"} {
		if err := dk.SyncDir(o.Lake.Path(dir)); err != nil {
			return nil, fmt.Errorf("open the records of publishing: %w", err)
		}
	}
	for _, dir := range []string{folder, partsFolder} {
		if err := tidy(dk, o.Lake.Path(dir)); err != nil {
			return nil, err
		}
	}
	r := &publishing{Options: *o}
	var err error
	if r.id, err = lakeID(o.Lake); err != nil {
		return nil, err
	}
	r.parts, err = readParts(o.Lake, o.Edge)
	return r, err
}

// tidy removes files that were not finished when a run was killed.
func tidy(dk *disk.Disk, dir string) error {
	entries, err := dk.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if disk.IsTemporary(e.Name()) {
			if err := dk.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// lakeID gives the id by which the lake is told from all others: drawn at the first
// publishing, and kept.
func lakeID(l *lake.Lake) (string, error) {
	p := l.Path(idFile)
	var known struct {
		ID string `json:"id"`
	}
	b, err := l.Disk().ReadFile(p)
	if errors.Is(err, fs.ErrNotExist) {
		known.ID = rand.Text()
		if b, err = json.Marshal(known); err == nil {
			err = l.Disk().Publish(p, lake.FileMode, append(b, '\n'))
		}
		return known.ID, err
	}
	if err == nil {
		err = json.Unmarshal(b, &known)
	}
	if err != nil || known.ID == "" {
		return "", fmt.Errorf("%s: does not hold the lake's id (%v); restore it from a backup, or from %s of the shared lake", p, err, published.IdentityName)
	}
	return known.ID, nil
}

// identify makes sure that the name is this lake's in the shared lake.
func (r *publishing) identify(ctx context.Context) error {
	who := published.Identity{Version: published.Version, Edge: r.Edge, Lake: r.id}
	b, err := who.Encode()
	if err != nil {
		return err
	}
	err = r.putText(ctx, published.ManifestFolder(r.Edge), published.IdentityName, b)
	if err != nil && r.Store.Conflict(err) {
		return fmt.Errorf("%s: another lake publishes under the name %s; allowed: a name that no other edge has. A lake that was made anew is another one, also on the same machine (%w)", r.Store.Name(), r.Edge, err)
	}
	return err
}

// putText puts a small file by way of one on this machine's disk.
func (r *publishing) putText(ctx context.Context, to, name string, b []byte) error {
	at := r.Lake.Path(folder + "/put.json")
	if err := r.Lake.Disk().Publish(at, lake.FileMode, b); err != nil {
		return err
	}
	return r.Store.Put(ctx, to, []published.Upload{{Name: name, Path: at, Size: int64(len(b)), SHA256: published.Hash(b)}})
}

// seeds puts the empty files that every lake has, before the first part, so that no
// glob is ever empty. One that a program of another version has put is as good.
func (r *publishing) seeds(ctx context.Context) error {
	if r.parts.last() > 0 {
		return nil
	}
	to := map[string]string{lake.DateFolder(schemas.Rejects, lake.SeedDate): published.RejectsFolder(r.Edge, lake.SeedDate)}
	for _, t := range schemas.EventTypes {
		to[lake.EventFolder(t, lake.SeedDate)] = published.EventsFolder(r.Edge, t, lake.SeedDate)
	}
	for _, from := range slices.Sorted(maps.Keys(to)) {
		at := r.Lake.Path(lake.SeedFile(from))
		b, err := r.Lake.Disk().ReadFile(at)
		if err != nil {
			return err
		}
		err = r.Store.Put(ctx, to[from], []published.Upload{{Name: filepath.Base(at), Path: at, Size: int64(len(b)), SHA256: published.Hash(b)}})
		if err != nil && !r.Store.Conflict(err) {
			return err
		}
	}
	return nil
}

// anotherPublishes is the error where something stands in the shared lake that this
// lake has not put there, and should have.
func (r *publishing) anotherPublishes(err error) error {
	return fmt.Errorf("%s: the edge %s is published by another machine too, which has a copy of this lake, or this lake was put back from a backup; nothing that was published changes. "+
		"Let one machine publish; after a backup, read on (`pixledger ingest`) before publishing (%w)", r.Store.Name(), r.Edge, err)
}

// resume brings the pending part, if there is one, to the shared lake, and records it.
func (r *publishing) resume(ctx context.Context) error {
	dk, pending := r.Lake.Disk(), r.Lake.Path(pendingFolder)
	b, err := dk.ReadFile(filepath.Join(pending, planName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing, or files that were not finished: the next part begins anew
	}
	if err != nil {
		return fmt.Errorf("read the part that is under way: %w", err)
	}
	m, err := published.Decode(b)
	if err != nil {
		return fmt.Errorf("%s: %w; restore it from a backup", filepath.Join(pending, planName), err)
	}
	if m.Sequence > r.parts.last() {
		if err := r.bring(ctx, m, b); err != nil {
			if r.Store.Conflict(err) {
				err = r.anotherPublishes(err)
			}
			return fmt.Errorf("publish %s: %w", m.Date, err)
		}
		if err := r.record(m, b); err != nil {
			return err
		}
		if r.Tell != nil {
			r.Tell(m)
		}
	}
	return dk.RemoveAll(pending)
}

// bring puts a part's files and then its manifest. Before them it says which part is
// under way: where another publisher has said so of another part, nothing is brought.
func (r *publishing) bring(ctx context.Context, m *published.Manifest, b []byte) error {
	name := published.ManifestName(m.Sequence)
	started, err := json.Marshal(map[string]string{"manifest_sha256": m.Manifest})
	if err != nil {
		return err
	}
	if err := r.putText(ctx, published.StartedFolder(r.Edge), name, append(started, '\n')); err != nil {
		return err
	}
	pending := r.Lake.Path(pendingFolder)
	for i, f := range m.Files {
		err := r.Store.Put(ctx, path.Dir(f.Path), []published.Upload{{
			Name: path.Base(f.Path), Path: filepath.Join(pending, pendingName(i)), Size: f.Bytes, SHA256: f.SHA256,
		}})
		if err != nil {
			return err
		}
	}
	return r.Store.Put(ctx, published.ManifestFolder(r.Edge), []published.Upload{{
		Name: name, Path: filepath.Join(pending, planName), Size: int64(len(b)), SHA256: m.Manifest,
	}})
}

// pendingName is the name of a part's file while it waits.
func pendingName(i int) string { return fmt.Sprintf("f%d.parquet", i) }

// record keeps the manifest of a part that is published.
func (r *publishing) record(m *published.Manifest, b []byte) error {
	if err := r.Lake.Disk().Publish(r.Lake.Path(partsFolder+"/"+published.ManifestName(m.Sequence)), lake.FileMode, b); err != nil {
		return fmt.Errorf("record what was published: %w", err)
	}
	return r.parts.add(m)
}

// catchUp takes over what was published of this lake and is not recorded here: its
// records are older, or gone.
func (r *publishing) catchUp(ctx context.Context) error {
	for {
		name := published.ManifestName(r.parts.last() + 1)
		b, err := published.Fetch(ctx, r.Store, published.ManifestFolder(r.Edge)+"/"+name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		m, err := published.Decode(b)
		if err == nil {
			err = m.Follows(r.Edge, r.parts.last(), r.parts.head(), r.id)
		}
		if err != nil {
			return r.anotherPublishes(fmt.Errorf("%s: %w", name, err))
		}
		if err := r.record(m, b); err != nil {
			return err
		}
	}
}

// Failure is the record of the last run, when it failed.
type Failure struct {
	Since time.Time `json:"since"` // UTC; the first run that failed, after one that did not
	At    time.Time `json:"at"`
	Error string    `json:"error"`
}

// note records that a run has failed, or that it has not.
func (o *Options) note(failed error) error {
	dk, p := o.Lake.Disk(), o.Lake.Path(failureFile)
	if failed == nil {
		return dk.Remove(p)
	}
	f := Failure{Since: o.Now.UTC(), At: o.Now.UTC(), Error: failed.Error()}
	if old, err := ReadFailure(o.Lake); err == nil && old != nil {
		f.Since = old.Since
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err == nil {
		err = dk.MkdirAll(o.Lake.Path(folder), lake.DirMode)
	}
	if err == nil {
		err = dk.Publish(p, lake.FileMode, append(b, '\n'))
	}
	return err
}

// ReadFailure gives the record of the last run when it failed, else nil.
func ReadFailure(l *lake.Lake) (*Failure, error) {
	b, err := l.Disk().ReadFile(l.Path(failureFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var f Failure
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	return &f, err
}

// Began tells whether the lake has ever published, or begun to.
func Began(l *lake.Lake) bool {
	_, err := os.Stat(l.Path(idFile))
	return err == nil
}
