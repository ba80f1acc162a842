package ingest

import (
	"bytes"
	"io"
	"slices"

	"pixledger/ingest/parse"
	"pixledger/schemas/lake"
)

// lastLine looks through content for the end of the last line that counts:
// complete, not blank and no header. Blank lines behind it are left out, for
// the position in the lake may never come to be behind them.
type lastLine struct {
	header func(line []byte) bool // nil where there is none to tell

	off    int64      // of the next byte
	last   []byte     // what stands before it, at most lake.AnchorBytes
	end    int64      // behind the last line found; 0 while there is none
	anchor lake.Print // of what stands before end

	// The line under way: its beginning, whether that was seen at all, its
	// length, and whether it is blank so far.
	line   []byte
	cut    bool
	length int64
	text   bool
}

// lineBeginning is how much of a line is kept to tell a header by.
const lineBeginning = 64 << 10

// Write takes the content's next bytes.
func (l *lastLine) Write(p []byte) (int, error) {
	before, start, found := l.off, 0, int64(0)
	for start < len(p) {
		i := bytes.IndexByte(p[start:], '\n')
		if i < 0 {
			l.take(p[start:])
			break
		}
		l.take(p[start : start+i])
		start += i + 1
		if l.counts() {
			found = before + int64(start)
		}
		l.line, l.length, l.text, l.cut = l.line[:0], 0, false, false
	}
	if found > 0 {
		l.end = found
		l.anchor = lake.PrintOf(keepLast(slices.Clone(l.last), p[:found-before]))
	}
	l.off += int64(len(p))
	l.last = keepLast(l.last, p)
	return len(p), nil
}

func (l *lastLine) take(piece []byte) {
	l.length += int64(len(piece))
	l.text = l.text || !parse.Blank(piece)
	if l.header != nil {
		l.line = append(l.line, piece[:min(len(piece), lineBeginning-len(l.line))]...)
	}
}

// counts tells whether the line under way is one.
func (l *lastLine) counts() bool {
	return l.text && !l.cut && (l.header == nil || l.length > int64(len(l.line)) || !l.header(parse.TrimLineEnd(l.line)))
}

// rest says that the content ends here and does not grow: then the line under
// way is complete without its line end.
func (l *lastLine) rest() {
	if l.length > 0 && l.counts() {
		l.end, l.anchor = l.off, lake.PrintOf(l.last)
	}
}

// lastLineOf finds the last line that counts between two offsets of a plain
// file, the first of which is a line's beginning. It reads back from the end, no
// further than it must.
func lastLineOf(f io.ReaderAt, from, size int64, header func([]byte) bool) (*lastLine, error) {
	for window := int64(64 << 10); ; window *= 4 {
		start := max(from, size-window)
		before := max(0, start-lake.AnchorBytes)
		last, err := readAt(f, before, start-before)
		if err != nil {
			return nil, err
		}
		l := &lastLine{header: header, off: start, last: last, cut: start > from && !bytes.HasSuffix(last, []byte{'\n'})}
		if _, err := io.Copy(l, io.NewSectionReader(f, start, size-start)); err != nil {
			return nil, err
		}
		if l.end > 0 || start == from {
			return l, nil
		}
	}
}

// headers gives what tells the header lines of a file of the source, which
// begins with the sample, or nil.
func (s *Source) headers(sample []byte) func(line []byte) bool {
	var format parse.Format
	var err error
	if s.Format == "" {
		format, err = parse.Detect(sample)
	} else {
		format, err = parse.New(s.spec())
	}
	if err != nil {
		return nil // reading it says so
	}
	return format.Header
}
