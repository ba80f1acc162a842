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

// Inspection is what the first lines of a log are, read as its source says.
type Inspection struct {
	Path       string
	Format     string // that it was read in: the source's, else the recognised one
	Recognised string // the format that the content looks like; "" for none
	Lines      int64
	Account    lake.Counts
	Users      int64     // events with a user id
	Denied     int64     // events whose user denies consent, and so have none
	First      time.Time // of the events' times, in the order of lines
	Last       time.Time
}

// Inspect reads the first lines of a source's log, up to 1,000 events, and
// commits nothing. now is the moment of reading.
func Inspect(opts Options, src *Source, path string, now time.Time) (*Inspection, error) {
	f, fi, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sample := make([]byte, min(fi.Size(), inspectBytes))
	n, err := io.ReadFull(f, sample)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, err
	}
	sample = sample[:n]
	if end := bytes.LastIndexByte(sample, '\n'); end >= 0 {
		sample = sample[:end+1]
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
	return in, in.read(d, sample, now)
}

func (in *Inspection) read(d *decoding, sample []byte, now time.Time) error {
	format, err := parse.New(d.spec)
	if err != nil {
		return err
	}
	decoder, err := decode.New(d.options)
	if err != nil {
		return err
	}
	var r parse.Request
	var ev decode.Event
	events := 0
	for line := range bytes.Lines(sample) {
		if line = parse.TrimLineEnd(line); parse.Blank(line) || format.Header(line) {
			continue
		}
		in.Lines++
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
		if events == inspectEvents {
			break
		}
	}
	return nil
}

func (in *Inspection) event(ev *decode.Event) {
	in.Account.Events[string(ev.Type)]++
	if len(ev.UserID) > 0 {
		in.Users++
	}
	if ev.Consent == decode.Denied {
		in.Denied++
	}
	in.Last = time.UnixMicro(ev.Time).UTC()
	if in.First.IsZero() {
		in.First = in.Last
	}
}
