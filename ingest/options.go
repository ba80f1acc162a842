// Package ingest reads edge logs into the lake. It follows files through
// rotation or reads them in one go, hands their lines to parse, decode and
// segment, and commits the events with the position that they were read up to
// as one thing, so that a line counts once whatever happens.
//
// Life of a line: a block reader, or the tail of a live file, hands out whole
// lines with their offset; a worker decodes them into a segment batch; when
// enough lines or time have gathered the batches are finished as Parquet files
// in a staging folder, and one commit publishes the files together with the
// range [start, end) of every file read. What fails before the commit is
// dropped and read again from the position; nothing else is ever kept.
package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/schemas/lake"
)

// Source is one edge log with its rotated files, as it is configured.
type Source struct {
	Name    string
	Path    string // of the log, or a glob
	Format  string // a name, or a log_format string; empty: recognised from the content
	Escape  string // of a log_format string
	UserID  UserID
	Rotated string    // glob of the rotated files; empty: the name with a number or date
	From    time.Time // earlier lines are ignored; zero for none
}

// UserID says where a source's user ids come from.
type UserID = parse.UserID

// spec says how the lines of the source are read.
func (s *Source) spec() parse.Spec {
	return parse.Spec{Format: s.Format, Escape: s.Escape, UserID: s.UserID}
}

// Options are what ingest needs to know.
type Options struct {
	Lake    *lake.Lake
	Sources []Source
	// Interval and Rows say when to commit: so long after the first line that
	// is not committed, or at so many lines.
	Interval time.Duration // 0: 30 s
	Rows     int64         // 0: 500,000
	// MaxLine is the longest line that is read, in bytes without its end; 0: 1 MiB.
	MaxLine int64
	// Threads is how many lines are decoded at a time; 0: one a processor, as
	// far as Memory allows.
	Threads int
	// Memory is what the whole process may take, in bytes; 0: 2 GiB. Ingest
	// keeps well below it.
	Memory int64
	// Privacy holds the privacy settings; what belongs to a source is filled in.
	Privacy decode.Options
	// Now is the clock: the moment of reading, and of a commit.
	Now func() time.Time
	// Log says what happens; it never gets a line's content. Nil is silence.
	Log *slog.Logger
	// Format and Source, when not empty, override what a file given to Files
	// would be read as.
	Format string
	Source string
	// Stats, when not nil, is where a follower's state can be seen.
	Stats *Stats
	// Progress, when not nil, is told of bytes read, from one goroutine at a time.
	Progress func(Progress)

	rowBytes int // of the rows that one thread holds
}

// Progress is how far a batch has come with the file that it reads.
type Progress struct {
	Path  string
	Read  int64 // bytes of the file, packed ones of a compressed file
	Bytes int64 // its size
}

func (o Options) withDefaults() (Options, error) {
	if o.Lake == nil {
		return o, errors.New("ingest needs a lake")
	}
	if o.Interval <= 0 {
		o.Interval = 30 * time.Second
	}
	if o.Rows <= 0 {
		o.Rows = 500_000
	}
	if o.MaxLine <= 0 {
		o.MaxLine = 1 << 20
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	o.Threads, o.rowBytes = shares(o.Memory, o.MaxLine, o.Threads)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	seen := map[string]bool{}
	for _, s := range o.Sources {
		if seen[s.Name] {
			return o, fmt.Errorf("two sources are named %q", s.Name)
		}
		seen[s.Name] = true
	}
	return o, nil
}

// source finds a source by its name.
func (o Options) source(name string) (*Source, error) {
	var names []string
	for i := range o.Sources {
		if o.Sources[i].Name == name {
			return &o.Sources[i], nil
		}
		names = append(names, o.Sources[i].Name)
	}
	return nil, fmt.Errorf("no source is named %q; allowed: %q", name, names)
}
