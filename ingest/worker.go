package ingest

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/ingest/segment"
	"pixledger/schemas/lake"
)

// decoding says how the lines of one file are read. Workers make their own
// format and decoder from it.
type decoding struct {
	spec    parse.Spec
	options decode.Options
	maxLine int64
	// layout is how the format's header lines begin that say what the lines after
	// them mean; empty where it has none.
	layout string
}

// sampleBytes is how much of a file's beginning is looked at to recognise its
// format.
const sampleBytes = 64 << 10

// holdsLine tells whether the beginning of a file holds a whole line that is
// neither blank nor a header.
func holdsLine(sample []byte) bool {
	for line := range bytes.Lines(sample) {
		if bytes.HasSuffix(line, []byte{'\n'}) && !parse.Blank(line) && !parse.IsHeader(line) {
			return true
		}
	}
	return false
}

// onlyHeaders tells whether a whole content has lines, but none that is not
// blank or a header: then it is known by nothing yet. What stands behind the
// last line end counts as a line.
func onlyHeaders(content []byte) bool {
	headers := false
	for line := range bytes.Lines(content) {
		switch {
		case parse.IsHeader(line):
			headers = true
		case !parse.Blank(line):
			return false
		}
	}
	return headers
}

// prepare finds out how the file's lines are read, when the first block comes
// that holds one; those before it are blank.
func (r *reading) prepare(opts Options, src *Source, b *block) error {
	if r.decoding != nil {
		r.follow(b)
		return nil
	}
	if b.tooLong == 0 && parse.Blank(b.data) {
		b.blank = true
		return nil
	}
	sample := r.sample
	if !holdsLine(sample) {
		sample = bytes.TrimLeft(b.data, " \t\r\n")
		sample = sample[:min(len(sample), sampleBytes)]
	}
	d, err := newDecoding(opts, src, sample)
	if err == nil && d.layout != "" && b.start > 0 {
		r.header, err = r.headerBefore(d.layout, b.start)
	}
	if err == nil {
		r.decoding, r.sample = d, nil
		r.follow(b)
	}
	return err
}

// newDecoding finds out how a file of that source, which may be nil, is read.
// sample is the file's beginning.
func newDecoding(opts Options, src *Source, sample []byte) (*decoding, error) {
	d := &decoding{options: opts.Privacy, maxLine: opts.MaxLine}
	if src != nil {
		d.spec = src.spec()
		d.options.UserParam, d.options.UserLogged, d.options.From = src.UserID.Param, src.UserID.Logged(), src.From
	}
	if opts.Format != "" && opts.Format != d.spec.Format {
		d.spec.Format, d.spec.Escape = opts.Format, ""
	}
	if d.spec.Format == "" {
		f, err := parse.Detect(sample)
		if err != nil {
			return nil, fmt.Errorf("%w; name the format with --format, or on its source", err)
		}
		d.spec.Format = f.Name()
	}
	kind, err := d.spec.Kind()
	if err != nil {
		return nil, err
	}
	d.layout = kind.Layout
	_, err = decode.New(d.options)
	return d, err
}

// worker decodes blocks into a batch of its own.
type worker struct {
	batch  *segment.Batch
	files  map[*reading]*fileLines
	pieces []piece
	lines  map[string]int64 // read, by source id
}

// fileLines is a file as one worker reads it.
type fileLines struct {
	source *segment.Source
	end    int64 // of the last block
}

// piece is a part of a file that one worker reads without a gap. It has a
// source of its own in the batch, so that its first and last times are known.
type piece struct {
	r      *reading
	source *segment.Source
	start  int64
}

func newWorker(s *lake.Staging, number, rowBytes int, now time.Time) *worker {
	return &worker{
		batch: segment.New(s.Dir(), segment.Options{Disk: s.Disk(), Prefix: fmt.Sprintf("w%d-", number), Now: now, Memory: rowBytes}),
		files: map[*reading]*fileLines{},
		lines: map[string]int64{},
	}
}

// decode takes a block's lines into the batch.
func (w *worker) decode(t task) error {
	src, err := w.source(t)
	if err != nil {
		return err
	}
	w.batch.SetNow(t.now)
	before := w.batch.Lines()
	defer func() { w.lines[t.r.id] += w.batch.Lines() - before }()
	src.Head = t.block.head
	b := &t.block
	if b.tooLong > 0 {
		return w.batch.Reject(src, b.start, b.tooLong, b.data, decode.TooLong)
	}
	longest := int(t.r.decoding.maxLine)
	return b.eachLine(func(offset int64, line []byte) error {
		if len(line) > longest {
			if line = parse.TrimLineEnd(line); len(line) > longest {
				return w.batch.Reject(src, offset, int64(len(line)), line[:min(len(line), rawBytes)], decode.TooLong)
			}
		}
		return w.batch.Append(src, offset, line)
	})
}

// source gives the source of the piece that the block belongs to.
func (w *worker) source(t task) (*segment.Source, error) {
	f := w.files[t.r]
	switch {
	case f == nil:
		d := t.r.decoding
		format, err := parse.New(d.spec)
		if err != nil {
			return nil, err
		}
		heed(format, t.block.header)
		decoder, err := decode.New(d.options)
		if err != nil {
			return nil, err
		}
		f = &fileLines{source: &segment.Source{ID: t.r.id, Edge: t.r.edge, Format: format, Decoder: decoder}}
		w.files[t.r] = f
		w.pieces = append(w.pieces, piece{t.r, f.source, t.block.start})
	case f.end != t.block.start:
		heed(f.source.Format, t.block.header)
		next := *f.source
		f.source = &next
		w.pieces = append(w.pieces, piece{t.r, f.source, t.block.start})
	}
	f.end = t.block.end
	return f.source, nil
}

// heed tells the format what header is in force.
func heed(f parse.Format, header []byte) {
	if header != nil {
		f.Header(header)
	}
}

// clocks gives the time of each file's last line, and adds to its account the
// steps back in time from one piece of it to the next, whoever read them.
func clocks(workers []*worker, days map[string]map[string]*lake.Counts) map[*reading]int64 {
	type timed struct {
		piece
		first, last int64
	}
	var all []timed
	for _, w := range workers {
		for _, p := range w.pieces {
			if first, last, ok := w.batch.Times(p.source); ok {
				all = append(all, timed{p, first, last})
			}
		}
	}
	slices.SortFunc(all, func(a, b timed) int { return cmp.Compare(a.start, b.start) })
	ends := map[*reading]int64{}
	for _, p := range all {
		before, ok := ends[p.r]
		if !ok {
			before, ok = p.r.lastTime, p.r.timed
		}
		ends[p.r] = p.last
		if c := days[p.r.id][time.UnixMicro(p.first).UTC().Format(time.DateOnly)]; ok && c != nil {
			c.MaxSkewMicros = max(c.MaxSkewMicros, before-p.first)
		}
	}
	return ends
}
