// Package deliver brings finished files to where they are wanted: a folder, an
// object store, an SFTP server.
//
// The promise is the same for all of them. A file appears under its name whole
// or not at all; what was delivered is never changed; delivering again sends
// nothing where the file is there already. To know, it is read back and its
// SHA-256 compared: every target can do that, and none has to be believed.
//
// What fails for a passing reason is tried again, a few times and with growing
// pauses. Nothing waits for ever: an attempt that makes no progress is ended.
// Credentials come from the environment, and no message shows one.
package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"pixledger/schemas/disk"
)

// File is a file to deliver.
type File struct {
	Name   string // at the target
	Path   string // on this machine
	Size   int64
	SHA256 string // in hex
}

// Options say how often and how long is tried. The zero value is what
// production wants.
type Options struct {
	Retries  int           // how often a file is tried again; 0: 5 times, negative: never
	Delay    time.Duration // before the first of these, and doubled before each further one, give or take half; 0: 1 s
	MaxDelay time.Duration // at most; 0: 1 minute
	Stall    time.Duration // an attempt without any progress for so long is ended; 0: 1 minute
	Longest  time.Duration // an attempt is ended after so long, progress or not; 0: 2 hours
	Log      *slog.Logger  // is told of attempts that fail and files that are delivered; nil: nobody is
	Disk     *disk.Disk    // of file: targets and of the files themselves; nil: the real one
}

// Destination is an open target. It may be used by several goroutines, which
// wait for one another.
type Destination struct {
	mu     sync.Mutex
	target Target
	opts   Options
	pulse  *pulse
	store  store
}

// store is a kind of target.
type store interface {
	// deliver makes one attempt at one file, in the folder below the target's
	// own, and tells whether it had to be sent.
	deliver(ctx context.Context, folder string, f File) (sent bool, err error)
	// replace makes one attempt at putting a file in the place of another.
	replace(ctx context.Context, folder string, f File) error
	// fetch makes one attempt at reading a file from a byte on; fs.ErrNotExist,
	// wrapped, where it is not there.
	fetch(ctx context.Context, name string, from int64, to io.Writer) error
	// list makes one attempt at naming the files below a folder, by their names
	// below the target's own, with their sizes.
	list(ctx context.Context, folder string) (map[string]int64, error)
	// reach makes one attempt to look into the target's folder, and writes nothing.
	reach(ctx context.Context) error
	// hangUp ends the connections that the last attempts have left.
	hangUp()
	// close frees the rest.
	close() error
}

// Open prepares delivery to a target: it finds the credentials and keys that
// are on this machine, and says what is missing. The target itself is not
// spoken to before a file is put.
func Open(ctx context.Context, t Target, o Options) (*Destination, error) {
	o = o.orDefaults()
	d := &Destination{target: t, opts: o, pulse: &pulse{stall: o.Stall, longest: o.Longest}}
	var err error
	switch t.kind {
	case kindFile:
		d.store = &folderStore{root: t.folder, disk: o.Disk, pulse: d.pulse}
	case kindSFTP:
		d.store, err = openSFTP(t, o.Disk, d.pulse)
	case kindS3, kindGS, kindAz:
		d.store, err = openBucket(ctx, t, o.Disk, d.pulse)
	default:
		return nil, &SpecError{"the destination is of no known kind", anyKind}
	}
	if err != nil {
		return nil, d.failed(ctx, File{}, 0, err)
	}
	return d, nil
}

func (o Options) orDefaults() Options {
	o.Retries = max(cmp.Or(o.Retries, 5), 0)
	o.Delay = cmp.Or(o.Delay, time.Second)
	o.MaxDelay = cmp.Or(o.MaxDelay, time.Minute)
	o.Stall = cmp.Or(o.Stall, time.Minute)
	o.Longest = cmp.Or(o.Longest, 2*time.Hour)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Put delivers files in the order given, into a folder below the target's own
// (which is made where it is missing; empty is the target's own). It ends at
// the first file that can't be delivered: what comes after it, as a manifest
// does, is not there then. A file that is there with other bytes comes as a
// *ConflictError, every other failure as an *Error.
func (d *Destination) Put(ctx context.Context, folder string, files []File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := cleanPath(folder); err != nil || strings.HasPrefix(folder, "/") {
		return fmt.Errorf("deliver to %s: %q is no folder below it", d.target, folder)
	}
	for _, f := range files {
		if f.Name == "" || strings.HasPrefix(f.Name, ".") || path.Base(f.Name) != f.Name || strings.Contains(f.Name, `\`) {
			return fmt.Errorf("deliver to %s: %q is no name of a file", d.target, f.Name)
		}
	}
	defer d.store.hangUp()
	for _, f := range files {
		if err := d.put(ctx, strings.Trim(folder, "/"), f); err != nil {
			return err
		}
	}
	return nil
}

// put delivers one file, in as many attempts as it may take.
func (d *Destination) put(ctx context.Context, folder string, f File) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = d.opts.Delay, d.opts.MaxDelay, 2
	attempts := 0
	sent, err := backoff.Retry(ctx, func() (bool, error) {
		attempts++
		sent, err := d.attempt(ctx, folder, f)
		if err != nil && isPermanent(err) {
			err = backoff.Permanent(err)
		}
		return sent, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(uint(d.opts.Retries+1)), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, pause time.Duration) {
			d.opts.Log.Warn("a delivery failed and is tried again", "destination", d.target.String(), "file", f.Name,
				"error", redact(err.Error()), "attempt", attempts, "pause", pause.Round(time.Millisecond).String())
		}))
	if err != nil {
		return d.failed(ctx, f, attempts, err)
	}
	d.opts.Log.Info("delivered", "destination", d.target.String(), "file", f.Name, "sent", sent)
	return nil
}

// attempt is one attempt, which ends when it makes no progress.
func (d *Destination) attempt(ctx context.Context, folder string, f File) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	watched, done := d.pulse.watch(ctx)
	defer done()
	sent, err := d.store.deliver(watched, folder, f)
	if err != nil && watched.Err() != nil {
		// Whatever the library made of it, this is why it ended.
		return false, context.Cause(watched)
	}
	return sent, err
}

// Reach asks the target, once, whether it is there and takes the credentials. It
// writes nothing: whether the target takes a file, only a delivery tells.
func (d *Destination) Reach(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.store.hangUp()
	watched, done := d.pulse.watch(ctx)
	defer done()
	err := d.store.reach(watched)
	if err != nil && watched.Err() != nil {
		err = context.Cause(watched)
	}
	if err != nil {
		return d.failed(ctx, File{}, 0, err)
	}
	return nil
}

// Close frees what the destination holds.
func (d *Destination) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.store.hangUp()
	if err := d.store.close(); err != nil {
		return errors.New("close " + d.target.String() + ": " + redact(err.Error()))
	}
	return nil
}
