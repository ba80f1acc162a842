package ingest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/schemas/lake"
)

// These bound what Inspect reads of a log.
const (
	inspectBytes  = 4 << 20
	inspectEvents = 1000
	inspectPacked = 256 << 20 // unpacked, to come to the end
)

// Inspection is what lines of a log are, read as its source says.
type Inspection struct {
	Path       string
	Format     string // that it was read in: the source's, else the recognised one
	Recognised string // the format that the content looks like; "" for none
	Lines      int64
	Account    lake.Counts
	Users      int64 // events with a user id
	Denied     int64 // events whose user denies consent, and so have none
	Macros     int64 // events with a parameter whose macro nobody replaced
	// Raw are lines with a control character as it stands, which nginx writes
	// with escape=none alone.
	Raw   int64
	First time.Time // of the events' times, in the order of lines
	Last  time.Time
	// Whole says that there are no other lines in the log.
	Whole bool
}

// Inspect reads the first lines of a source's log, up to 1,000 events, and
// commits nothing. now is the moment of reading.
func Inspect(opts Options, src *Source, path string, now time.Time) (*Inspection, error) {
	return inspect(opts, src, path, now, false)
}

// InspectEnd reads the last lines of a source's log, up to 1,000: an edge's
// configuration changes, and its log's first lines then tell what was.
func InspectEnd(opts Options, src *Source, path string, now time.Time) (*Inspection, error) {
	return inspect(opts, src, path, now, true)
}

func inspect(opts Options, src *Source, path string, now time.Time, end bool) (*Inspection, error) {
	f, fi, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	part, err := partOf(f, fi, end)
	if err != nil {
		return nil, err
	}
	until := part.from + int64(bytes.LastIndexByte(part.sample, '\n')+1) // of whole lines
	sample := wholeLines(part.sample, part.from > 0)
	if end {
		sample = lastLines(sample, inspectEvents)
	}
	in := &Inspection{Path: path, Account: lake.Counts{Events: map[string]int64{}, Rejects: map[string]int64{}, NotCounted: map[string]int64{}}}
	if f, err := parse.Detect(sample); err == nil {
		in.Recognised = f.Name()
	}
	d, err := newDecoding(opts, src, sample[:min(len(sample), sampleBytes)])
	if err != nil {
		return in, err
	}
	in.Format = d.spec.Format
	var header []byte // of the lines left out
	if d.layout != "" && until > int64(len(sample)) {
		if header, err = (&reading{content: part.content}).headerBefore(d.layout, until-int64(len(sample))); err != nil {
			return in, err
		}
	}
	all, err := in.read(d, header, sample, now)
	in.Whole = all && part.whole
	return in, err
}

// part is the beginning or the end of a log's content.
type part struct {
	sample  []byte
	from    int64 // its first byte in the content
	whole   bool  // it is all of it
	content contentFrom
}

// partOf reads the first or the last inspectBytes of a log's content. Of a
// compressed one no more than inspectPacked is unpacked for it, and what follows
// damage is not there.
func partOf(f *os.File, fi os.FileInfo, end bool) (part, error) {
	how, err := detectCompression(f, f.Name())
	if err != nil {
		return part{}, err
	}
	if how != plain {
		return packedPart(f, fi.Size(), how, end)
	}
	p := part{sample: make([]byte, min(fi.Size(), inspectBytes)), whole: fi.Size() <= inspectBytes, content: contentOf(f)}
	if end {
		p.from = fi.Size() - int64(len(p.sample))
	}
	n, err := f.ReadAt(p.sample, p.from)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	p.sample = p.sample[:n]
	return p, err
}

func packedPart(f *os.File, size int64, how compression, end bool) (part, error) {
	p := part{content: func() (io.Reader, func(), error) {
		in, err := newParts(io.NewSectionReader(f, 0, size), how)
		if err != nil {
			return nil, nil, err
		}
		return in, in.done, nil
	}}
	in, done, err := p.content()
	if err != nil {
		return part{}, err
	}
	defer done()
	most := int64(inspectBytes)
	if end {
		most = inspectPacked
	}
	limited := &io.LimitedReader{R: in, N: most + 1}
	drop := func() { // what is before the last inspectBytes
		n := max(0, len(p.sample)-inspectBytes)
		p.from += int64(n)
		p.sample = p.sample[:copy(p.sample, p.sample[n:])]
	}
	for err == nil {
		if len(p.sample) >= 2*inspectBytes {
			drop()
		}
		var n int
		at := len(p.sample)
		p.sample = slices.Grow(p.sample, sampleBytes)[:at+sampleBytes]
		n, err = limited.Read(p.sample[at:])
		p.sample = p.sample[:at+n]
	}
	if pe := (*os.PathError)(nil); errors.As(err, &pe) {
		return part{}, err
	}
	if end {
		drop()
	}
	p.whole = p.from == 0 && len(p.sample) <= inspectBytes
	p.sample = p.sample[:min(len(p.sample), inspectBytes)]
	return p, nil
}

// wholeLines leaves out a line that is not ended, where there are others, and
// one that begins before the content.
func wholeLines(content []byte, cut bool) []byte {
	if begin := bytes.IndexByte(content, '\n'); cut && begin >= 0 {
		content = content[begin+1:]
	}
	if end := bytes.LastIndexByte(content, '\n'); end >= 0 {
		content = content[:end+1]
	}
	return content
}

// lastLines are the last n lines of whole lines.
func lastLines(content []byte, n int) []byte {
	at := len(content)
	for ; n > 0 && at > 0; n-- {
		at = bytes.LastIndexByte(content[:at-1], '\n') + 1
	}
	return content[at:]
}

// read decodes the sample's lines, and tells whether it read all of them.
func (in *Inspection) read(d *decoding, header, sample []byte, now time.Time) (all bool, err error) {
	format, err := parse.New(d.spec)
	if err != nil {
		return false, err
	}
	heed(format, header)
	decoder, err := decode.New(d.options)
	if err != nil {
		return false, err
	}
	var r parse.Request
	var ev decode.Event
	events := 0
	for line := range bytes.Lines(sample) {
		if events == inspectEvents {
			return false, nil
		}
		if line = parse.TrimLineEnd(line); parse.Blank(line) || format.Header(line) {
			continue
		}
		in.Lines++
		if bytes.ContainsFunc(line, rawControl) {
			in.Raw++
		}
		if format.Parse(line, &r) != nil {
			in.Account.Rejects[decode.Malformed]++
			continue
		}
		switch o := decoder.Decode(&r, now.UnixMicro(), &ev); o.Kind {
		case decode.IsEvent:
			events++
			in.event(&ev)
		case decode.Reject:
			in.Account.Rejects[o.Reason]++
		case decode.NotCounted:
			in.Account.NotCounted[o.Reason]++
		case decode.Ignored:
			in.Account.Ignored++
		}
	}
	return true, nil
}

// rawControl is a control character but for the tab, which is a separator in
// some formats.
func rawControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func (in *Inspection) event(ev *decode.Event) {
	in.Account.Events[string(ev.Type)]++
	if len(ev.UserID) > 0 {
		in.Users++
	}
	if ev.Consent == decode.Denied {
		in.Denied++
	}
	if ev.UnreplacedMacros > 0 {
		in.Macros++
	}
	in.Last = time.UnixMicro(ev.Time).UTC()
	if in.First.IsZero() {
		in.First = in.Last
	}
}
