package ingest

import (
	"bytes"
	"io"
	"time"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/schemas/lake"
)

// inspectBytes and inspectEvents bound what Inspect reads of a log.
const (
	inspectBytes  = 4 << 20
	inspectEvents = 1000
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
	sample := make([]byte, min(fi.Size(), inspectBytes))
	from := int64(0)
	if end {
		from = fi.Size() - int64(len(sample))
	}
	n, err := f.ReadAt(sample, from)
	if err != nil && err != io.EOF {
		return nil, err
	}
	until := from + int64(bytes.LastIndexByte(sample[:n], '\n')+1) // of whole lines
	sample = wholeLines(sample[:n], from > 0)
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
		if header, err = (&reading{content: contentOf(f)}).headerBefore(d.layout, until-int64(len(sample))); err != nil {
			return in, err
		}
	}
	all, err := in.read(d, header, sample, now)
	in.Whole = all && fi.Size() <= inspectBytes
	return in, err
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
