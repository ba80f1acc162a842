package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"pixledger/schemas/lake"
)

// opened is a file with the content that reading goes on from.
type opened struct {
	f      *os.File
	fi     os.FileInfo
	how    compression
	stream *stream // of a compressed file
	proof  proof   // of it
	sample []byte  // the content's beginning
	head   []byte  // the first of it, by which it is known
	who    identity
}

func (o *opened) close() {
	o.closeStream()
	_ = o.f.Close()
}

func (o *opened) closeStream() {
	if o.stream != nil {
		o.stream.close()
	}
}

// examine finds out what the lake knows of an open file.
func examine(ctx context.Context, f *os.File, fi os.FileInfo, path string, state *lake.State) (*opened, error) {
	o := &opened{f: f, fi: fi, proof: proof{good: math.MaxInt64}}
	var err error
	if o.how, err = detectCompression(f, path); err == nil {
		if o.how == plain {
			o.sample, err = readAt(f, 0, min(fi.Size(), sampleBytes))
			if err == nil {
				err = o.identify(state, plainFile{f, fi.Size()})
			}
		} else {
			err = o.examinePacked(ctx, state)
		}
	}
	if err != nil {
		o.closeStream()
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return o, nil
}

// examinePacked finds out what the lake knows of a compressed file. Where
// something of it is to be read, it is read through before, and what can't be
// believed is no part of it.
func (o *opened) examinePacked(ctx context.Context, state *lake.State) error {
	if err := o.identifyPacked(state); err != nil {
		return err
	}
	if o.who.standing == earlierState {
		return nil
	}
	if o.stream.off == o.who.position() {
		if more, err := o.stream.peek(1); err != nil || len(more) == 0 {
			return err
		}
	}
	p, err := prove(ctx, o.f, o.fi.Size(), o.how)
	if err != nil || p.err == nil {
		return err
	}
	o.proof = p
	return o.identifyPacked(state)
}

func (o *opened) identifyPacked(state *lake.State) (err error) {
	if err = o.reopen(); err != nil {
		return err
	}
	if o.sample, err = o.stream.peek(sampleBytes); err != nil {
		return err
	}
	return o.identify(state, o.stream)
}

func (o *opened) identify(state *lake.State, c content) (err error) {
	o.head = o.sample[:min(len(o.sample), lake.HeadBytes)]
	if o.onlyHeaders() {
		o.who = identity{} // whatever other log begins like it
		return nil
	}
	o.who, err = identify(state, o.head, c)
	return err
}

// onlyHeaders tells whether the file has header lines and no other so far.
func (o *opened) onlyHeaders() bool {
	if len(o.sample) >= sampleBytes {
		return false
	}
	if o.how == plain { // a line without its end is none yet
		return onlyHeaders(o.sample[:bytes.LastIndexByte(o.sample, '\n')+1])
	}
	return onlyHeaders(o.sample)
}

// reopen opens a compressed file's content at its beginning.
func (o *opened) reopen() error {
	o.closeStream()
	s, err := openStream(o.f, o.fi.Size(), o.how, o.proof)
	o.stream = s
	return err
}

// from gives a reader of the content from a position on, and what stands
// before it.
func (o *opened) from(pos int64) (io.Reader, []byte, error) {
	if o.how == plain {
		last, err := readAt(o.f, max(0, pos-lake.AnchorBytes), min(pos, lake.AnchorBytes))
		return io.NewSectionReader(o.f, pos, o.fi.Size()-pos), last, err
	}
	if o.stream.off > pos { // it was read further to look for another position
		if err := o.reopen(); err != nil {
			return nil, nil, err
		}
	}
	if _, err := o.stream.anchors([]int64{pos}); err != nil {
		return nil, nil, err
	}
	return o.stream, slices.Clone(o.stream.last), nil
}

func (o *opened) streamOffset() int64 {
	if o.stream == nil {
		return 0
	}
	return o.stream.off
}

// damaged gives the error of a compressed file whose content ended early.
func (o *opened) damaged(path string, off int64) error {
	if o.stream == nil || o.stream.damage == nil {
		return nil
	}
	return fileError{&DamagedError{
		Path: path, Offset: off, Left: max(0, o.fi.Size()-o.stream.packed.n), Err: o.stream.damage,
	}}
}
