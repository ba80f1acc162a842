package ingest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// parts reads the content of a compressed file: one part after another, the
// members of a .gz or the frames of a .zst. A part's checksum stands at its
// end, so what a part holds is proven only when all of it has been read.
type parts struct {
	raw    *bufio.Reader
	begin  func() error // begins the part that raw stands at
	part   io.Reader    // the content of the part begun
	frame  *frame       // of a .zst, its packed bytes
	done   func()
	inside bool  // a part is begun and not at its end
	some   bool  // there was one
	n      int64 // content read
	proven int64 // content up to the end of the last whole part
}

func newParts(r io.Reader, how compression) (*parts, error) {
	p := &parts{raw: bufio.NewReaderSize(r, 256<<10), done: func() {}}
	switch how {
	case gzipped:
		z := new(gzip.Reader)
		p.part = z
		p.begin = func() error {
			if magic, _ := p.raw.Peek(2); len(magic) == 2 && string(magic) != "\x1f\x8b" {
				return gzip.ErrHeader // and not cut short, however few bytes follow
			}
			err := z.Reset(p.raw)
			z.Multistream(false)
			return err
		}
	case zstandard:
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, err
		}
		p.part, p.done = z, z.Close
		p.begin = func() error {
			p.frame = &frame{raw: p.raw}
			return z.Reset(p.frame)
		}
	}
	return p, nil
}

// Read gives the content; io.EOF where the file ends behind a whole part, and
// io.ErrUnexpectedEOF where it ends anywhere else.
func (p *parts) Read(b []byte) (int, error) {
	for {
		if !p.inside {
			if _, err := p.raw.Peek(1); err != nil {
				if p.some {
					return 0, err
				}
				return 0, endOf(err)
			}
			if err := p.begin(); err != nil {
				return 0, endOf(err)
			}
			p.inside, p.some = true, true
		}
		n, err := p.part.Read(b)
		p.n += int64(n)
		if err == io.EOF { //nolint:errorlint // the reader's own sign, never wrapped
			if p.frame != nil && !p.frame.ended() { // cut in its first bytes, the decoder takes it for none
				return n, io.ErrUnexpectedEOF
			}
			p.proven, p.inside, err = p.n, false, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// frame passes on the bytes of one zstd frame, skippable or not, and ends
// where the frame does: the decoder itself does not tell where that is.
type frame struct {
	raw   *bufio.Reader
	left  int64 // bytes to pass on before the frame's structure is looked at again
	begun bool
	last  bool  // the last block's header has been seen
	check int64 // bytes of the checksum behind the last block
}

func (f *frame) Read(p []byte) (int, error) {
	if f.left == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n, err := f.raw.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	if n > 0 {
		return n, nil
	}
	return 0, endOf(err)
}

func (f *frame) ended() bool { return f.last && f.left == 0 && f.check == 0 }

// next finds out how long the frame's next piece is: its header, a block, or
// the checksum.
func (f *frame) next() error {
	switch {
	case !f.begun:
		return f.header()
	case !f.last:
		b, err := f.raw.Peek(3)
		if err != nil {
			return endOf(err)
		}
		h := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
		f.last, f.left = h&1 == 1, 3+h>>3
		if h>>1&3 == 1 { // one byte, repeated
			f.left = 3 + 1
		}
	case f.check > 0:
		f.left, f.check = f.check, 0
	default:
		return io.EOF
	}
	return nil
}

func (f *frame) header() error {
	b, err := f.raw.Peek(5)
	if err != nil {
		return endOf(err)
	}
	f.begun = true
	switch {
	case b[0]&0xf0 == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18: // a skippable frame
		if b, err = f.raw.Peek(8); err != nil {
			return endOf(err)
		}
		f.left, f.last = 8+int64(binary.LittleEndian.Uint32(b[4:])), true
		return nil
	case binary.LittleEndian.Uint32(b) != 0xfd2fb528:
		return zstd.ErrMagicMismatch
	}
	d := b[4]
	single := d>>5&1 == 1
	f.left = 5 + [4]int64{0, 1, 2, 4}[d&3] + [4]int64{0, 2, 4, 8}[d>>6]
	if single && d>>6 == 0 || !single {
		f.left++
	}
	f.check = int64(d>>2&1) * 4
	return nil
}

// proof is what reading a compressed file through, before anything of it is
// believed, says.
type proof struct {
	// good is how much of the content can be believed; math.MaxInt64 where all
	// can that can be read.
	good int64
	err  error // the damage that says so; nil where good is all
}

// prove reads a compressed file through. Where its packed bytes are damaged, a
// decompressor gives wrong content for a while before it notices, at the
// latest by the checksum at the part's end: so of a damaged part nothing is
// believed. Of a file that is cut short all can be believed that can be read.
func prove(ctx context.Context, f io.ReaderAt, size int64, how compression) (proof, error) {
	p, err := newParts(io.NewSectionReader(f, 0, size), how)
	if err != nil {
		return proof{}, err
	}
	defer p.done()
	buf := make([]byte, 256<<10)
	for err == nil {
		if err := ctx.Err(); err != nil {
			return proof{}, err
		}
		_, err = p.Read(buf)
	}
	var disk *os.PathError
	if errors.As(err, &disk) {
		return proof{}, err
	}
	if err != io.EOF { //nolint:errorlint // as Read gives it
		if !errors.Is(err, io.ErrUnexpectedEOF) || how == gzipped && endsWhole(f, size, p.n-p.proven) {
			return proof{p.proven, err}, nil
		}
	}
	return proof{good: math.MaxInt64}, nil
}

// endsWhole tells whether a .gz whose last member does not seem to end does
// end as a whole one: with the length of its content. Then it is not cut, but
// damaged so that its end was read as something else.
func endsWhole(f io.ReaderAt, size, content int64) bool {
	b, err := readAt(f, max(0, size-4), 4)
	if err != nil || len(b) < 4 {
		return false
	}
	off := int64(int32(binary.LittleEndian.Uint32(b) - uint32(content))) //nolint:gosec // modulo 2^32, as the format has it
	return max(off, -off) <= min(content/8+64, 64<<10)
}
