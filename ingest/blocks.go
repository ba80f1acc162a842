package ingest

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"pixledger/schemas/lake"
)

const (
	blockBytes = 1 << 20  // how much is read at a time
	rawBytes   = 64 << 10 // what is kept of a line that is too long
)

// block is a piece of a file: whole lines, or the beginning of one line that
// is too long.
type block struct {
	data  []byte
	start int64 // offset of the first byte, decompressed
	end   int64 // offset after the last line's end
	// tooLong is the length, without its line end, of the one line that data
	// is the beginning of; 0 where data is whole lines.
	tooLong int64
	// blank says that the block holds blank lines alone, before the first line
	// of the file that is one.
	blank bool
	// head is the content's beginning up to end, at most lake.HeadBytes, and
	// last what stands before end, at most lake.AnchorBytes.
	head []byte
	last []byte
	buf  []byte // what data stands in, to be used again
	// header is the header line in force at the block's start, where the format
	// has such and there was one.
	header []byte
}

// blocks cuts what a reader gives into blocks at line ends. At io.EOF it keeps
// the unterminated rest and can be asked again, for a file that grows. Memory
// is bounded whatever the length of a line.
type blocks struct {
	r       io.Reader
	off     int64 // offset of the first byte that was not handed out
	maxLine int64
	pool    *sync.Pool
	head    []byte // the content's beginning, at least up to off
	last    []byte // what stands before off
	ahead   []byte // what stands before the end of the line that is skipped
	part    []byte // read and not handed out
	// A line that is too long: its beginning, its bytes so far, and whether
	// the last of them was a carriage return.
	skipping bool
	long     []byte
	longLen  int64
	cr       bool
}

// newBlocks reads r, which stands at offset off of its content. head is the
// content's beginning, at least up to off or lake.HeadBytes, and last what
// stands before off, up to lake.AnchorBytes.
func newBlocks(r io.Reader, off, maxLine int64, head, last []byte) *blocks {
	b := &blocks{r: r, off: off, maxLine: maxLine, pool: poolOf(max(blockBytes, maxLine+2))}
	b.head = append(make([]byte, 0, lake.HeadBytes), head[:min(len(head), lake.HeadBytes)]...)
	b.last = append(make([]byte, 0, lake.AnchorBytes), last...)
	return b
}

// pass notes bytes that are handed out, or skipped: off is the offset of the
// first, last the bytes before it.
func (b *blocks) pass(off int64, last, data []byte) []byte {
	have := int64(len(b.head))
	if have < lake.HeadBytes && off+int64(len(data)) > have {
		more := data[have-off:]
		b.head = append(b.head, more[:min(int64(len(more)), lake.HeadBytes-have)]...)
	}
	return keepLast(last, data)
}

// prints fills in what a block is known again by.
func (b *blocks) prints(out *block) {
	n := min(out.end, int64(len(b.head)))
	out.head = b.head[:n:n]
	out.last = bytes.Clone(b.last)
}

var pools sync.Map // of buffers, by size

func poolOf(size int64) *sync.Pool {
	p, _ := pools.LoadOrStore(size, &sync.Pool{New: func() any { b := make([]byte, size); return &b }})
	return p.(*sync.Pool)
}

// release gives the block's buffer back.
func (b *block) release() {
	if b.buf != nil {
		buf := b.buf
		poolOf(int64(len(buf))).Put(&buf)
		b.buf, b.data = nil, nil
	}
}

// next gives the next block, or io.EOF where no whole line is left.
func (b *blocks) next() (block, error) {
	if b.skipping {
		return b.skip()
	}
	buf := *b.pool.Get().(*[]byte)
	n := copy(buf, b.part)
	var err error
	for n < len(buf) && err == nil {
		var m int
		m, err = b.r.Read(buf[n:])
		n += m
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.keep(buf[:n], buf)
		return block{}, err
	}
	end := bytes.LastIndexByte(buf[:n], '\n') + 1
	switch {
	case end > 0:
		b.part = append(b.part[:0], buf[end:n]...)
		out := block{data: buf[:end], start: b.off, end: b.off + int64(end), buf: buf}
		b.last = b.pass(b.off, b.last, out.data)
		b.prints(&out)
		b.off = out.end
		return out, nil
	case n < len(buf):
		b.keep(buf[:n], buf)
		return block{}, io.EOF
	}
	// No line end in more than the longest line that is read.
	b.skipping, b.part = true, nil
	b.long = append([]byte(nil), buf[:min(n, rawBytes)]...)
	b.longLen, b.ahead = 0, append(b.ahead[:0], b.last...)
	b.take(buf[:n])
	b.pool.Put(&buf)
	return b.skip()
}

// keep puts what was read aside until more can be read.
func (b *blocks) keep(rest, buf []byte) {
	b.part = append(b.part[:0], rest...)
	b.pool.Put(&buf)
}

// skip reads on to the end of a line that is too long.
func (b *blocks) skip() (block, error) {
	buf := *b.pool.Get().(*[]byte)
	defer b.pool.Put(&buf)
	for {
		n, err := b.r.Read(buf)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			b.take(buf[:i])
			b.part = append(b.part[:0], buf[i+1:n]...)
			b.ahead = b.pass(b.off+b.longLen, b.ahead, buf[i:i+1])
			return b.cut(1), nil
		}
		b.take(buf[:n])
		if err != nil {
			return block{}, err
		}
	}
}

func (b *blocks) take(more []byte) {
	b.ahead = b.pass(b.off+b.longLen, b.ahead, more)
	b.longLen += int64(len(more))
	if len(more) > 0 {
		b.cr = more[len(more)-1] == '\r'
	}
}

// cut hands out the line that is too long; lineEnd is the length of its end.
func (b *blocks) cut(lineEnd int64) block {
	out := block{data: b.long, start: b.off, end: b.off + b.longLen + lineEnd, tooLong: b.longLen}
	if b.cr {
		out.tooLong--
	}
	b.last, b.ahead = b.ahead, b.last
	b.prints(&out)
	b.off, b.skipping, b.long = out.end, false, nil
	return out
}

// rest hands out the unterminated last line of a content that does not grow,
// or false where there is none.
func (b *blocks) rest() (block, bool) {
	if b.skipping {
		return b.cut(0), true
	}
	if len(b.part) == 0 {
		return block{}, false
	}
	out := block{data: bytes.Clone(b.part), start: b.off, end: b.off + int64(len(b.part))}
	b.last = b.pass(b.off, b.last, out.data)
	b.prints(&out)
	b.off, b.part = out.end, nil
	return out, true
}

// push hands out lines that were read by other means, from off on.
func (b *blocks) push(data []byte) block {
	out := block{data: data, start: b.off, end: b.off + int64(len(data))}
	b.last = b.pass(b.off, b.last, data)
	b.prints(&out)
	b.off = out.end
	return out
}

// pending is how many bytes after off were read without a line end.
func (b *blocks) pending() int64 {
	if b.skipping {
		return b.longLen
	}
	return int64(len(b.part))
}

// eachLine calls do with each line, without its \n, and its offset.
func (b *block) eachLine(do func(offset int64, line []byte) error) error {
	off := b.start
	for data := b.data; len(data) > 0; {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		if err := do(off, line); err != nil {
			return err
		}
		off += int64(len(data) - len(rest))
		data = rest
	}
	return nil
}
