// Package collect brings what edges have published into a central lake: each part
// one commit, its rows and its number together, so that a part is taken in once,
// whatever happens. The files are taken as they are, byte for byte.
package collect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"pixledger/schemas/lake"
	"pixledger/schemas/published"
)

// LockName is the lock that collecting holds.
const LockName = "collect"

// Options say what is collected.
type Options struct {
	Lake  *lake.Lake
	Store published.Store
	Edges []string
	Now   func() time.Time
	Log   *slog.Logger
	// Tell is told of each part that was taken in, or nil.
	Tell func(*published.Manifest)
}

// Run takes in all parts that the edges have published and the lake does not have.
// The caller holds the lock. An edge that fails keeps no other from being collected.
func Run(ctx context.Context, o Options) error {
	var failed []error
	for _, edge := range o.Edges {
		if err := o.edge(ctx, edge); err != nil {
			failed = append(failed, fmt.Errorf("collect %s: %w", edge, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// edge takes in what one edge has published, in its order.
func (o *Options) edge(ctx context.Context, edge string) error {
	for {
		state, err := o.Lake.State()
		if err != nil {
			return err
		}
		known := lake.Edge{}
		if e := state.Edges[edge]; e != nil {
			known = *e
		}
		m, err := Next(ctx, o.Store, edge, known.Sequence, known.Manifest, known.Lake)
		if err != nil || m == nil {
			return err
		}
		if err := o.take(ctx, m); err != nil && !errors.Is(err, lake.ErrConflict) {
			return fmt.Errorf("part %d, of %s: %w", m.Sequence, m.Date, err)
		} else if err == nil && o.Tell != nil {
			o.Tell(m)
		}
	}
}

// Next reads the manifest that follows the one with the given number and hash, of an
// edge's lake; nil where none does yet.
func Next(ctx context.Context, s published.Store, edge string, sequence int64, previous, lakeID string) (*published.Manifest, error) {
	name := published.ManifestFolder(edge) + "/" + published.ManifestName(sequence+1)
	b, err := published.Fetch(ctx, s, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := published.Decode(b)
	if err == nil {
		err = m.Follows(edge, sequence, previous, lakeID)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w; nothing of it was taken in", s.Name(), name, err)
	}
	return m, nil
}

// take brings one part into the lake.
func (o *Options) take(ctx context.Context, m *published.Manifest) error {
	staging, err := o.Lake.Stage()
	if err != nil {
		return err
	}
	defer func() { _ = staging.Close() }() // a failure in removing it is the next opener's
	draft := &lake.Draft{Kind: lake.CollectKind, At: o.Now().UTC(), Parts: []lake.Part{m.Part}}
	for i, f := range m.Files {
		name := fmt.Sprintf("f%d.parquet", i)
		err := o.fetch(ctx, staging, name, f)
		var other *otherFileError
		if errors.As(err, &other) {
			// Somebody may have been forgotten since.
			f, err = o.fetchErased(ctx, staging, name, f, err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		draft.Add = append(draft.Add, lake.Staged{
			Folder: m.LakeFolder(f), Name: name, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256, MinTime: f.MinTime, MaxTime: f.MaxTime,
		})
	}
	_, err = o.Lake.Commit(staging, func(state *lake.State) (*lake.Draft, error) {
		var sequence int64
		if e := state.Edges[m.Edge]; e != nil {
			sequence = e.Sequence
		}
		if sequence != m.Sequence-1 {
			return nil, fmt.Errorf("part %d of %s: %w", m.Sequence, m.Edge, lake.ErrConflict)
		}
		return draft, nil
	})
	return err
}

// fetch writes one file of a part into the staging folder. What is not the file that
// the manifest names is refused.
func (o *Options) fetch(ctx context.Context, staging *lake.Staging, name string, f published.File) error {
	out, err := staging.Disk().Create(filepath.Join(staging.Dir(), name), lake.FileMode, true)
	if err != nil {
		return err
	}
	sum := sha256.New()
	counted := &counting{left: f.Bytes}
	err = o.Store.Fetch(ctx, f.Path, io.MultiWriter(counted, out, sum))
	if err == nil {
		err = out.Sync()
	}
	err = errors.Join(err, out.Close())
	if counted.over {
		return &otherFileError{"it is longer than the manifest says; nothing of the part was taken in"}
	}
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); counted.left != 0 || got != f.SHA256 {
		return &otherFileError{fmt.Sprintf("is not what the manifest says: %d bytes with SHA-256 %s, not %d with %s; nothing of the part was taken in",
			f.Bytes-counted.left, got, f.Bytes, f.SHA256)}
	}
	return nil
}

// fetchErased fetches the file that has taken the place of one in which somebody was
// forgotten. Where there is none, the error is why the one of the manifest was refused.
func (o *Options) fetchErased(ctx context.Context, staging *lake.Staging, name string, f published.File, refused error) (published.File, error) {
	note, err := published.ErasedBytes(ctx, o.Store, f.Path)
	if err != nil {
		return f, err
	}
	for i := len(note.Files) - 1; i >= 0; i-- {
		now := note.Files[i]
		if now.Path != f.Path || now.Rows != f.Rows {
			continue
		}
		if err := staging.Disk().Remove(filepath.Join(staging.Dir(), name)); err != nil {
			return f, err
		}
		var other *otherFileError
		if err = o.fetch(ctx, staging, name, now); !errors.As(err, &other) {
			return now, err
		}
	}
	return f, refused
}

// otherFileError is a file that is not the one that was asked for.
type otherFileError struct{ what string }

func (e *otherFileError) Error() string { return e.what }

// counting refuses more bytes than there may be, so that no file fills the disk that
// is another than the manifest says.
type counting struct {
	left int64
	over bool
}

func (c *counting) Write(b []byte) (int, error) {
	if int64(len(b)) > c.left {
		c.over = true
		return 0, errors.New("there is more than there may be")
	}
	c.left -= int64(len(b))
	return len(b), nil
}
