// Package synth writes realistic access logs of a network that does not exist:
// for trying out, for benchmarks and for tests that need more than a handful of
// lines. The same options give the same bytes on every machine, so a log need
// not be kept to be had again: everything is drawn from one seeded generator,
// and no figure passes through floating point.
//
// Impressions come first, few of them are clicked, about one event in a hundred
// is a conversion. Conversions follow touches after seconds or days, inside the
// usual windows or beyond; some come from servers with a token, some by users
// who saw nothing. Around them stands what every edge logs: robots, users who
// opted out, tags whose macros nobody replaced, reloaded pages, other paths,
// port scans, and a few lines that can't be read.
//
// Addresses are from ranges set aside for documentation and benchmarks, hosts
// end in .example.
package synth

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"pixledger/ingest/parse"
	"pixledger/schemas"
)

// The formats that have writers of their own.
const (
	Pixledger = "pixledger"
	Combined  = "combined"
)

// UserParam is the parameter that carries the user id in logs of formats that
// carry no cookie, such as combined, as a source with user_id: {param: uid}
// expects; and the cookie that does in logs of formats that have cookies alone.
const UserParam = "uid"

// DefaultLinesPerDay is how busy an edge is when Options don't say.
const DefaultLinesPerDay = 100_000

// Options say what to write. The zero value of a field is its default.
type Options struct {
	// Seed makes the log: another seed is another log with other users.
	Seed uint64
	// Start is when the log begins, to the millisecond; required.
	Start time.Time
	// End is when it ends; no line has this time or a later one. Default: late
	// enough for Lines at DefaultLinesPerDay, at least a day after Start.
	End time.Time
	// Lines is how many lines to write, all told. Default:
	// DefaultLinesPerDay for each day from Start to End.
	Lines int64
	// Format is the name of a log format, or an nginx log_format; Pixledger by
	// default.
	Format string
	// Users is how many people there are. Default: one for 25 lines.
	Users int
	// Catalog is the network: its trackers are loaded and its pixels fire.
	// Default: the one of DefaultCatalog.
	Catalog *schemas.Catalog
	// Progress, if not nil, is told the number of lines written, now and then.
	Progress func(lines int64)
}

// Summary is the account of a log: what its reader must find. Lines are
// events, rejects, not counted and ignored.
type Summary struct {
	Lines, Bytes int64
	// Events by type. A robot's request and one that denies consent are events.
	Impressions, Clicks, Conversions, Segments, Universals int64
	// Rejects are by reason, malformed and bad_time; so are requests not
	// counted: malformed, method and status.
	Rejects, NotCounted map[string]int64
	Ignored             int64
	// Bots and Denied are events by robots, and events that deny consent as far
	// as the format can tell: some carry no Sec-GPC.
	Bots, Denied int64
	// ServerSide are the conversions of /sspx.
	ServerSide int64
	// First and Last are the times of the first and last line.
	First, Last time.Time
}

// Events is the number of events of all types.
func (s Summary) Events() int64 {
	return s.Impressions + s.Clicks + s.Conversions + s.Segments + s.Universals
}

// Write writes a log to w in one pass, in memory that does not grow with it (a
// bit for each user, and some thousand touches to come back to). Options that
// make no sense are errors before the first byte; else the errors are w's.
func Write(w io.Writer, o Options) (Summary, error) {
	if err := o.complete(); err != nil {
		return Summary{}, err
	}
	net, err := newNetwork(o.Catalog)
	if err != nil {
		return Summary{}, err
	}
	l := newLog(w, o, net)
	if err := l.write(); err != nil {
		return l.sum, fmt.Errorf("write a synthetic log: %w", err)
	}
	return l.sum, nil
}

// complete checks the options and fills in the defaults.
func (o *Options) complete() error {
	if o.Start.IsZero() {
		return errors.New("a synthetic log needs a start")
	}
	if o.Start.Year() < 2000 || o.Start.Year() > 9000 {
		return fmt.Errorf("a synthetic log can't start in %d; allowed: 2000 to 9000", o.Start.Year())
	}
	o.Start = o.Start.UTC().Truncate(time.Millisecond)
	if o.Lines < 0 || o.Lines > 10_000_000_000 {
		return fmt.Errorf("a synthetic log can't have %d lines; allowed: 1 to 10000000000", o.Lines)
	}
	const day = 24 * time.Hour
	if o.End.IsZero() {
		o.End = o.Start.Add(max(day, time.Duration(o.Lines/DefaultLinesPerDay)*day))
	}
	o.End = o.End.UTC().Truncate(time.Millisecond)
	if !o.End.After(o.Start) {
		return fmt.Errorf("a synthetic log can't end at %s and start at %s", o.End.Format(time.RFC3339), o.Start.Format(time.RFC3339))
	}
	if o.Lines == 0 {
		o.Lines = max(1, int64(o.End.Sub(o.Start)/time.Second)*DefaultLinesPerDay/86_400)
	}
	if o.Format == "" {
		o.Format = Pixledger
	}
	if _, err := (parse.Spec{Format: o.Format}).Kind(); err != nil {
		return fmt.Errorf("no synthetic logs in the format %q: %w", o.Format, err)
	}
	if o.Users < 0 || o.Users > 1_000_000_000 {
		return fmt.Errorf("a synthetic log can't have %d users; allowed: 1 to 1000000000", o.Users)
	}
	if o.Users == 0 {
		o.Users = int(min(1_000_000_000, max(20, o.Lines/25)))
	}
	if o.Catalog == nil {
		cat, _, err := schemas.ParseCatalog("the built-in catalog", DefaultCatalog())
		if err != nil {
			return err
		}
		o.Catalog = cat
	}
	return nil
}

// log is one log being written.
type log struct {
	w      io.Writer
	o      Options
	net    *network
	people people
	pcg    *rand.PCG
	sum    Summary
	now    int64 // Unix milliseconds of the line at hand

	kind    *parse.Kind // of the format
	user    parse.UserID
	line0   parse.Request // the line at hand, of formats without a writer here
	scratch []byte        // what it points into

	buf []byte // lines not yet written to w
	uri []byte // target of the line at hand

	recent ring  // the last impressions: who clicks, and who loads the next ad
	fresh  store // touches of about the last hour
	old    store // touches of about the last days
	last   conversion
	orders uint64 // number of the last order

	second int64 // of stamp
	stamp  []byte
}

// flushAt is how many bytes are gathered before they are written.
const flushAt = 256 << 10

func newLog(w io.Writer, o Options, net *network) *log {
	l := &log{
		w: w, o: o, net: net,
		people: newPeople(o.Seed, o.Users),
		pcg:    rand.NewPCG(o.Seed, 0x9e3779b97f4a7c15),
		buf:    make([]byte, 0, flushAt+64<<10),
		orders: mix(o.Seed) % 90_000,
		second: -1,
	}
	l.choose()
	l.buf = append(l.buf, l.kind.Heading...)
	l.sum.Rejects, l.sum.NotCounted = map[string]int64{}, map[string]int64{}
	hours := max(1, int64(o.End.Sub(o.Start)/time.Hour))
	l.fresh = newStore(o.Lines/hours/40, 4096, o.Lines/hours)
	l.old = newStore(o.Lines/hours*72, 32_768, o.Lines/hours*72)
	return l
}

func (l *log) write() error {
	r := newRhythm(l.o.Start.UnixMilli(), l.o.End.UnixMilli(), l.o.Lines)
	for r.next(l) {
		if l.sum.Lines == 0 {
			l.sum.First = time.UnixMilli(l.now).UTC()
		}
		l.line()
		l.sum.Lines++
		if len(l.buf) >= flushAt {
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
	l.sum.Last = time.UnixMilli(l.now).UTC()
	return l.flush()
}

func (l *log) flush() error {
	n, err := l.w.Write(l.buf)
	l.sum.Bytes += int64(n)
	if err != nil {
		return err
	}
	l.buf = l.buf[:0]
	if l.o.Progress != nil {
		l.o.Progress(l.sum.Lines)
	}
	return nil
}
