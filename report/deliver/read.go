package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"path/filepath"
	"strings"

	"github.com/cenkalti/backoff/v5"
	"gocloud.dev/blob"

	"pixledger/schemas/disk"
)

// Fetch writes the bytes of a file that stands below the target's folder, in as many
// attempts as it may take: each goes on where the one before ended, for what was
// delivered never changes. Where there is none the error wraps fs.ErrNotExist.
func (d *Destination) Fetch(ctx context.Context, name string, to io.Writer) error {
	if clean, err := cleanPath(name); err != nil || clean != name || name == "" {
		return fmt.Errorf("fetch from %s: %q is no file below it", d.target, name)
	}
	counted := &counting{to: to}
	return d.again(ctx, name, true, func(ctx context.Context) error {
		err := d.store.fetch(ctx, name, counted.n, beatingWriter{ctx, counted, d.pulse})
		if counted.err != nil {
			return &fault{what: "write what was fetched", err: counted.err, permanent: true}
		}
		return err
	})
}

// List gives the sizes of all files below a folder of the target's own, by their
// names below that. A folder that is not there has none.
func (d *Destination) List(ctx context.Context, folder string) (map[string]int64, error) {
	if clean, err := cleanPath(folder); err != nil || clean != folder {
		return nil, fmt.Errorf("list %s: %q is no folder below it", d.target, folder)
	}
	var out map[string]int64
	err := d.again(ctx, folder, true, func(ctx context.Context) (err error) {
		out, err = d.store.list(ctx, folder)
		return err
	})
	return out, err
}

// Target is what the destination is open to.
func (d *Destination) Target() Target { return d.target }

// again makes as many attempts as it may take at something that may be done twice.
// reading says that it changes nothing there.
func (d *Destination) again(ctx context.Context, name string, reading bool, attempt func(context.Context) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.store.hangUp()
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = d.opts.Delay, d.opts.MaxDelay, 2
	attempts := 0
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		attempts++
		err := d.watched(ctx, attempt)
		if err != nil && (isPermanent(err) || errors.Is(err, fs.ErrNotExist)) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(uint(d.opts.Retries+1)), backoff.WithMaxElapsedTime(0))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %s: %w", d.target, name, fs.ErrNotExist)
	case err != nil:
		failed := d.failed(ctx, File{Name: name}, attempts, err)
		var e *Error
		if errors.As(failed, &e) {
			e.reading = reading
			if e.Remedy == nextTime {
				e.Remedy = ""
			}
		}
		return failed
	}
	return nil
}

// watched makes one attempt, which ends when it makes no progress.
func (d *Destination) watched(ctx context.Context, attempt func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	watched, done := d.pulse.watch(ctx)
	defer done()
	err := attempt(watched)
	if err != nil && watched.Err() != nil {
		return context.Cause(watched)
	}
	return err
}

// counting knows how much has arrived, and whether it was its own fault that no
// more did.
type counting struct {
	to  io.Writer
	n   int64
	err error
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}

func (s *bucketStore) fetch(ctx context.Context, name string, from int64, to io.Writer) error {
	r, err := s.bucket.NewRangeReader(ctx, path.Join(s.target.folder, name), from, -1, nil)
	if err == nil {
		_, err = io.Copy(to, r)
		err = errors.Join(err, r.Close())
	}
	switch {
	case err == nil:
		return nil
	case status(err) == http.StatusRequestedRangeNotSatisfiable && from > 0: // all of it had arrived
		return nil
	case status(err) == http.StatusNotFound && !strings.Contains(code(err), "Bucket"):
		return fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
	}
	return s.judge("read", err)
}

func (s *bucketStore) list(ctx context.Context, folder string) (map[string]int64, error) {
	own := s.target.folder
	if own != "" {
		own += "/"
	}
	prefix := own + folder
	if folder != "" {
		prefix += "/"
	}
	out := map[string]int64{}
	for all := s.bucket.List(&blob.ListOptions{Prefix: prefix}); ; {
		o, err := all.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, s.judge("list what is there", err)
		}
		s.pulse.beat()
		if !o.IsDir {
			out[strings.TrimPrefix(o.Key, own)] = o.Size
		}
	}
}

func (s *folderStore) fetch(ctx context.Context, name string, from int64, to io.Writer) error {
	f, err := s.disk.Open(filepath.Join(s.root, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return ofDisk("open", err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return ofDisk("read", err)
	}
	if _, err := io.Copy(to, f); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return ofDisk("read", err)
	}
	return nil
}

func (s *folderStore) list(ctx context.Context, folder string) (map[string]int64, error) {
	out := map[string]int64{}
	return out, s.walk(ctx, folder, out)
}

func (s *folderStore) walk(ctx context.Context, folder string, out map[string]int64) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.pulse.beat()
	entries, err := s.disk.ReadDir(filepath.Join(s.root, filepath.FromSlash(folder)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return ofDisk("list what is there", err)
	}
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		switch {
		case e.IsDir():
			if err := s.walk(ctx, name, out); err != nil {
				return err
			}
		case !disk.IsTemporary(e.Name()):
			fi, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return ofDisk("list what is there", err)
			}
			out[name] = fi.Size()
		}
	}
	return nil
}

// noReading is what a target answers that files are only brought to.
func noReading() error {
	return &fault{what: "files are only delivered there, and never read", permanent: true, remedy: "name a folder or an object store"}
}

func (s *sftpStore) fetch(context.Context, string, int64, io.Writer) error { return noReading() }

func (s *sftpStore) list(context.Context, string) (map[string]int64, error) {
	return nil, noReading()
}

func (s *sftpStore) replace(context.Context, string, File) error { return noReading() }
