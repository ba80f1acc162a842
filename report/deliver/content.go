package deliver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"pixledger/schemas/disk"
)

// content reads a file that is delivered. Its end comes only when it was what
// the file was said to be; before that, and at every other mistake, it gives an
// error and calls giveUp, so that no target takes a part of it for the whole.
type content struct {
	ctx    context.Context
	file   *os.File
	want   File
	sum    hash.Hash
	read   int64
	pulse  *pulse
	giveUp func()
}

func openContent(ctx context.Context, d *disk.Disk, f File, p *pulse, giveUp func()) (*content, error) {
	file, err := d.Open(f.Path)
	if err != nil {
		return nil, ofFile(f, err)
	}
	return &content{ctx: ctx, file: file, want: f, sum: sha256.New(), pulse: p, giveUp: giveUp}, nil
}

func ofFile(f File, err error) error {
	return &fault{what: "read the file itself", err: err, permanent: errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)}
}

func (c *content) Read(b []byte) (int, error) {
	n, err := c.next(b)
	if err != nil && err != io.EOF {
		c.giveUp()
	}
	return n, err
}

func (c *content) next(b []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.file.Read(b)
	c.sum.Write(b[:n])
	c.read += int64(n)
	switch {
	case err != nil && err != io.EOF:
		return 0, ofFile(c.want, err)
	case c.read > c.want.Size, err == io.EOF && (c.read != c.want.Size || hex.EncodeToString(c.sum.Sum(nil)) != c.want.SHA256):
		return 0, &fault{what: "the file " + c.want.Path + " is not what was to be delivered: its size or SHA-256 is another", permanent: true,
			remedy: "nothing of it was delivered; find out what has changed it"}
	}
	if n > 0 {
		c.pulse.beat()
	}
	return n, err
}

// Size lets a client know how much there is to send.
func (c *content) Size() int64 { return c.want.Size }

func (c *content) close() { _ = c.file.Close() }

// same tells whether what is read is the file. size is what the target says,
// or negative.
func same(ctx context.Context, r io.Reader, size int64, f File, p *pulse) error {
	if size >= 0 && size != f.Size {
		return &differs{fmt.Sprintf("a file of this name is there with %d bytes, and this one has %d", size, f.Size)}
	}
	sum := sha256.New()
	n, err := io.Copy(beatingWriter{ctx, sum, p}, r)
	if err != nil {
		return &fault{what: "read back what is there", err: err}
	}
	got := hex.EncodeToString(sum.Sum(nil))
	if n != f.Size || got != f.SHA256 {
		return &differs{fmt.Sprintf("a file of this name is there with other bytes (SHA-256 %s, and this one has %s)", got, f.SHA256)}
	}
	return nil
}

type beatingWriter struct {
	ctx   context.Context
	w     io.Writer
	pulse *pulse
}

func (b beatingWriter) Write(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	b.pulse.beat()
	return b.w.Write(p)
}
