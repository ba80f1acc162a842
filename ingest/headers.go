package ingest

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// A format may have header lines that say what the lines after them mean, up to
// the next. Blocks of one file are decoded beside each other, and a file is read
// on in its middle, so each block is given the header in force at its start: the
// last one in the blocks before it, and of the first block the last one in front
// of the position, for which the content is read from its beginning.

// contentFrom opens a content at its beginning. Closing it leaves the file open.
type contentFrom func() (content io.Reader, done func(), err error)

// contentOf is the content of a plain file.
func contentOf(f *os.File) contentFrom {
	return func() (io.Reader, func(), error) {
		return io.NewSectionReader(f, 0, 1<<62), func() {}, nil
	}
}

// content opens the content of the file at its beginning, beside the stream
// that is being read.
func (o *opened) content() (io.Reader, func(), error) {
	if o.how == plain {
		return contentOf(o.f)()
	}
	s, err := openStream(o.f, o.fi.Size(), o.how, o.proof)
	if err != nil {
		return nil, nil, err
	}
	return s, s.close, nil
}

// follow gives the block the header in force at its start, and notes the one
// behind it.
func (r *reading) follow(b *block) {
	if r.decoding.layout == "" {
		return
	}
	b.header = r.header
	if b.tooLong > 0 {
		return
	}
	if h := lastHeader(b.data, r.decoding.layout); h != nil {
		r.header = bytes.Clone(h)
	}
}

// lastHeader gives the last line of whole lines that begins as header lines do,
// without its end; nil where there is none.
func lastHeader(data []byte, layout string) (header []byte) {
	found := -1
	if bytes.HasPrefix(data, []byte(layout)) {
		found = 0
	}
	behindEnd := append([]byte{'\n'}, layout...)
	for at := 0; ; {
		i := bytes.Index(data[at:], behindEnd)
		if i < 0 {
			break
		}
		at += i + 1
		found = at
	}
	if found < 0 {
		return nil
	}
	header, _, _ = bytes.Cut(data[found:], []byte{'\n'})
	return bytes.TrimSuffix(header, []byte{'\r'})
}

// headerBefore gives the last header line in front of the offset, at which a
// line begins; nil where there is none.
func (r *reading) headerBefore(layout string, end int64) (header []byte, err error) {
	in, done, err := r.content()
	if err != nil {
		return nil, err
	}
	defer done()
	in = io.LimitReader(in, end)
	buf := make([]byte, 0, blockBytes)
	for err == nil {
		var n int
		n, err = io.ReadFull(in, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		whole := bytes.LastIndexByte(buf, '\n') + 1
		if h := lastHeader(buf[:whole], layout); h != nil {
			header = bytes.Clone(h)
		}
		if whole == 0 && len(buf) == cap(buf) { // a line longer than that is no header
			buf = append(buf[:0], ' ')
			continue
		}
		buf = buf[:copy(buf, buf[whole:])]
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return header, err
}
