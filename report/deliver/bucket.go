package deliver

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"path"
	"time"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"

	"pixledger/schemas/disk"
)

// bucketStore delivers to an object store. An upload appears whole or not at
// all, and the store is asked to refuse one whose name is taken.
type bucketStore struct {
	target Target
	disk   *disk.Disk
	pulse  *pulse
	bucket *blob.Bucket
	web    *http.Transport
	free   func() error

	plain bool // the store does not know how to refuse: it has said so
}

func (s *bucketStore) hangUp() { s.web.CloseIdleConnections() }

func (s *bucketStore) close() error { return errors.Join(s.bucket.Close(), s.free()) }

// reach lists one object below the target's folder. Who may write but not list is
// refused that, and is who he says.
func (s *bucketStore) reach(ctx context.Context) error {
	_, _, err := s.bucket.ListPage(ctx, blob.FirstPageToken, 1, &blob.ListOptions{Prefix: s.target.folder})
	if err != nil && !mayNotList(err) {
		return s.judge("list what is there", err)
	}
	return nil
}

func (s *bucketStore) deliver(ctx context.Context, folder string, f File) (bool, error) {
	key := path.Join(s.target.folder, folder, f.Name)
	there, err := s.look(ctx, key, f)
	if err != nil || there {
		return false, err
	}
	err = s.upload(ctx, key, f, !s.plain)
	if err != nil && status(err) == http.StatusNotImplemented && !s.plain {
		s.plain = true
		err = s.upload(ctx, key, f, false)
	}
	taken := err != nil && nameTaken(err)
	if err != nil && !taken {
		return false, s.judge("upload", err)
	}
	there, err = s.look(ctx, key, f)
	if err == nil && !there {
		err = &fault{what: "what was uploaded can't be read back", remedy: "let these credentials read objects as well as write them"}
	}
	return !taken, err
}

// look tells whether the file is there. Who may write but not list may be told
// that he must not read what is not there: that is no answer, and uploading
// tells.
func (s *bucketStore) look(ctx context.Context, key string, f File) (bool, error) {
	r, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		switch status(err) {
		case http.StatusNotFound, http.StatusForbidden:
			return false, nil
		}
		return false, s.judge("look for the file", err)
	}
	err = same(ctx, r, r.Size(), f, s.pulse)
	_ = r.Close()
	return err == nil, err
}

func (s *bucketStore) upload(ctx context.Context, key string, f File, onlyNew bool) error {
	// Closing a writer commits what it has, also after an error of the reader:
	// only the end of the context is understood by all of them.
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	var broken error
	from, err := openContent(ctx, s.disk, f, s.pulse, func() { giveUp(context.Canceled) })
	if err != nil {
		return err
	}
	defer from.close()
	kind := mime.TypeByExtension(path.Ext(f.Name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	err = s.bucket.Upload(ctx, key, &noting{from, &broken}, &blob.WriterOptions{
		ContentType: kind, DisableContentTypeDetection: true, IfNotExist: onlyNew, BeforeWrite: notAgain,
	})
	if broken != nil {
		return broken // and not what the library made of it
	}
	return err
}

// notAgain keeps Google's client from trying a chunk again for half a minute on its
// own: that is decided here.
func notAgain(as func(any) bool) error {
	var w *storage.Writer
	if as(&w) {
		w.ChunkRetryDeadline = time.Second
	}
	return nil
}

// noting keeps the error of a reader.
type noting struct {
	from *content
	err  *error
}

func (n *noting) Read(b []byte) (int, error) {
	read, err := n.from.Read(b)
	var reason *fault
	if errors.As(err, &reason) {
		*n.err = err
	}
	return read, err
}
