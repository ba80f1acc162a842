// Package lake is the lake on disk: its folders, the commit records that make
// files and positions one thing, the locks, and recovery after a crash.
//
// Every change to the lake is one commit: files are written and synced in a
// staging folder, then one record is put under its number in _state/commits
// (the commit point), and only then are the files renamed into the folders
// that users read. A crash before the record leaves nothing but staging, which
// the next opener removes; a crash after it is completed by the next opener.
package lake

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Version is the version of the lake's layout that this program writes. It reads
// that and all before it; a lake of a newer one is refused by every command.
//
// It is raised only when a program that does not know the new layout would read
// or write the lake wrongly: not for a column, a key of a record or a file that
// it may overlook. How a migration is then to be written stands in decision 24.
const Version = 1

// CompactKind is the kind of the commits that put the same rows in other files.
const CompactKind = "compact"

// ForgetKind is the kind of the commits that put the same rows, without what
// tells of a person, in other files. They decide as before.
const ForgetKind = "forget"

// Record is one commit. Records are numbered from 1 without gaps and never
// change; each names the hash of the one before it.
type Record struct {
	Version  int          `json:"version"`
	Seq      int64        `json:"seq"`
	Previous string       `json:"previous_sha256,omitempty"` // SHA-256 of the previous record's bytes; none on the first
	Kind     string       `json:"kind"`                      // ingest, attribute, compact, close, …
	At       time.Time    `json:"at"`                        // UTC
	Staging  string       `json:"staging,omitempty"`         // the staging folder that its files come from
	Add      []File       `json:"add,omitempty"`             // files added to their folders
	Replace  []Folder     `json:"replace,omitempty"`         // folders whose whole content is exchanged
	Ranges   []Range      `json:"ranges,omitempty"`          // what was read of which file
	Ended    []string     `json:"ended,omitempty"`           // files, by source id, that were rotated away and read to their end
	Gaps     []Gap        `json:"gaps,omitempty"`            // losses that were detected
	Healed   []string     `json:"healed,omitempty"`          // gaps, by id, whose file has turned up with nothing left to read
	Accepted []Acceptance `json:"accepted,omitempty"`        // gaps that somebody lets the close go on without
	Parts    []Part       `json:"parts,omitempty"`           // what edges have published, and this commit brought in
	// Notes are facts of the commit's kind, for people and for later runs of
	// the same job: never needed to read the lake.
	Notes map[string]string `json:"notes,omitempty"`
}

// File is one immutable Parquet file of the lake.
type File struct {
	Path   string `json:"path"`   // below the lake, with slashes: events/type=click/date=2026-11-01/c000000000012-0.parquet
	Staged string `json:"staged"` // below its staging folder
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hex, of the file's bytes
	// MinTime and MaxTime bound the rows' event or conversion time, Unix
	// microseconds; both 0 where the dataset has none.
	MinTime int64 `json:"min_time,omitempty"`
	MaxTime int64 `json:"max_time,omitempty"`
	// Newest is, of a file whose rows came by earlier commits, the newest of
	// them; 0: they came by the commit that its name tells. See NewestOf.
	Newest int64 `json:"newest,omitempty"`
	// Settled says that the file is of those that its day was brought into
	// once it was over.
	Settled bool `json:"settled,omitempty"`
}

// Folder is a folder at full depth whose files are exchanged as a whole, for
// one or more.
type Folder struct {
	Path  string `json:"path"` // attributions/date=2026-11-01
	Files []File `json:"files"`
}

// Print identifies content by its length and hash.
type Print struct {
	Len    int64  `json:"len"`
	SHA256 string `json:"sha256"` // hex
}

// Range is what one commit read of one log file: the decompressed bytes
// [Start, End), their lines, and what became of them.
type Range struct {
	SourceID string `json:"source_id"`
	Edge     string `json:"edge"` // the source's name, else the file's base name
	Name     string `json:"name"` // the path it was read by
	Start    int64  `json:"start"`
	End      int64  `json:"end"`
	// Head is the file's beginning, at most HeadBytes, and Anchor the bytes
	// before End, at most AnchorBytes: by these a file is known again under
	// any name, compressed or not.
	Head   Print `json:"head"`
	Anchor Print `json:"anchor"`
	// HeadLines are short hashes of the beginning up to each of its line ends,
	// so that a copy of the file made when it was shorter than Head is known.
	HeadLines []string `json:"head_lines,omitempty"`
	// Device, Inode and Born (when the inode was made, Unix nanoseconds; 0 where
	// the file system does not say) tell what has become of a file that is
	// missed; identity is content.
	Device uint64 `json:"device,omitempty"`
	Inode  uint64 `json:"inode,omitempty"`
	Born   int64  `json:"born,omitempty"`
	// LastTime is the time of the range's last line that has one, Unix
	// microseconds; 0 where none has.
	LastTime int64 `json:"last_time,omitempty"`
	// Total is the number of lines of the range, counted as they were read:
	// what the account must add up to. Blank and header lines are none.
	Total int64 `json:"lines"`
	// Days is the account of the lines by day (YYYY-MM-DD, UTC): of the event,
	// or of the line's readable time, else of reading.
	Days map[string]*Counts `json:"days,omitempty"`
}

// The bytes by which a file is known again.
const (
	HeadBytes   = 4096
	AnchorBytes = 256
)

// maxHeadLines bounds HeadLines: a line of a log is longer than 32 bytes.
const maxHeadLines = HeadBytes / 32

// HeadLinesOf gives the short hashes of a beginning up to each of its line ends.
func HeadLinesOf(head []byte) []string {
	var out []string
	for i, c := range head[:min(len(head), HeadBytes)] {
		if c == '\n' && len(out) < maxHeadLines {
			out = append(out, hashHex(head[:i+1])[:16])
		}
	}
	return out
}

// Counts is the account of the lines of one file and day:
// Lines() = events + rejects + ignored + not counted.
type Counts struct {
	Events     map[string]int64 `json:"events,omitempty"`      // by event type
	Rejects    map[string]int64 `json:"rejects,omitempty"`     // by reason
	NotCounted map[string]int64 `json:"not_counted,omitempty"` // by reason
	Ignored    int64            `json:"ignored,omitempty"`
	// Bots and UnreplacedMacros are counted among the events and their
	// parameters; they are no part of the sum.
	Bots             int64 `json:"bots,omitempty"`
	UnreplacedMacros int64 `json:"unreplaced_macros,omitempty"`
	// PixelMacros are those of conversions, by their pixel: see PixelKey. Records
	// from before it was counted have none.
	PixelMacros map[string]Macros `json:"pixel_macros,omitempty"`
	// MaxSkewMicros is the largest step back in time from a line to the next.
	MaxSkewMicros int64 `json:"max_skew_micros,omitempty"`
}

// Sum adds up the values of one of an account's maps.
func Sum(m map[string]int64) int64 {
	var n int64
	for _, v := range m {
		n += v
	}
	return n
}

// Lines is the number of lines accounted for.
func (c *Counts) Lines() int64 {
	return Sum(c.Events) + Sum(c.Rejects) + Sum(c.NotCounted) + c.Ignored
}

// Add adds the other account to this one.
func (c *Counts) Add(o *Counts) {
	c.Events = addCounts(c.Events, o.Events)
	c.Rejects = addCounts(c.Rejects, o.Rejects)
	c.NotCounted = addCounts(c.NotCounted, o.NotCounted)
	c.Ignored += o.Ignored
	c.Bots += o.Bots
	c.UnreplacedMacros += o.UnreplacedMacros
	c.PixelMacros = mergeMacros(c.PixelMacros, o.PixelMacros)
	c.MaxSkewMicros = max(c.MaxSkewMicros, o.MaxSkewMicros)
}

func addCounts(to, from map[string]int64) map[string]int64 {
	if len(from) == 0 {
		return to
	}
	if to == nil {
		return maps.Clone(from)
	}
	for k, v := range from {
		to[k] += v
	}
	return to
}

// AddDays adds the accounts of from to those of to, day by day.
func AddDays(to, from map[string]*Counts) map[string]*Counts {
	if to == nil {
		to = make(map[string]*Counts, len(from))
	}
	for day, c := range from {
		if to[day] == nil {
			to[day] = &Counts{}
		}
		to[day].Add(c)
	}
	return to
}

// Minus is the account without the other, which it has grown from: a largest step
// back in time stays as it is.
func (c *Counts) Minus(o *Counts) *Counts {
	out := &Counts{}
	out.Add(c)
	if o == nil {
		return out
	}
	out.Events = lessCounts(out.Events, o.Events)
	out.Rejects = lessCounts(out.Rejects, o.Rejects)
	out.NotCounted = lessCounts(out.NotCounted, o.NotCounted)
	out.Ignored -= o.Ignored
	out.Bots -= o.Bots
	out.UnreplacedMacros -= o.UnreplacedMacros
	out.PixelMacros = lessMacros(out.PixelMacros, o.PixelMacros)
	return out
}

// lessCounts takes what was counted before away, in place.
func lessCounts(from, less map[string]int64) map[string]int64 {
	for k, v := range less {
		if from == nil {
			from = map[string]int64{}
		}
		if from[k] -= v; from[k] == 0 {
			delete(from, k)
		}
	}
	return from
}

// Lines is the number of lines of the range.
func (r *Range) Lines() int64 {
	var n int64
	for _, c := range r.Days {
		n += c.Lines()
	}
	return n
}

// check says what in a record can't be: a record is written whole and never
// changed, so what does not hold together is damage.
func (r *Record) check() error {
	if r.Version < 1 {
		return fmt.Errorf("it is of version %d", r.Version)
	}
	if r.Staging != "" && (!within(r.Staging) || strings.Contains(r.Staging, "/")) {
		return fmt.Errorf("%q is no staging folder", r.Staging)
	}
	files := slices.Clone(r.Add)
	for _, f := range r.Replace {
		if !holdsData(f.Path) || len(f.Files) == 0 {
			return fmt.Errorf("%q is no folder of data, or without a file", f.Path)
		}
		for _, file := range f.Files {
			if path.Dir(file.Path) != f.Path {
				return fmt.Errorf("%q is no file of the folder %q", file.Path, f.Path)
			}
		}
		files = append(files, f.Files...)
	}
	for _, f := range files {
		if !holdsData(path.Dir(f.Path)) || !within(f.Path) || f.Staged != "" && !within(f.Staged) {
			return fmt.Errorf("%q, staged as %q, is no file of data", f.Path, f.Staged)
		}
		if f.Rows < 0 || f.Bytes < 0 {
			return fmt.Errorf("%q has %d rows and %d bytes", f.Path, f.Rows, f.Bytes)
		}
		if f.Newest < 0 || f.Newest > r.Seq {
			return fmt.Errorf("%q has rows of commit %d", f.Path, f.Newest)
		}
	}
	for i := range r.Ranges {
		g := &r.Ranges[i]
		if g.SourceID == "" || g.Start < 0 || g.End < g.Start {
			return fmt.Errorf("it reads %q from %d to %d", g.SourceID, g.Start, g.End)
		}
		if err := checkDays(g.Days); err != nil {
			return fmt.Errorf("its account of %q: %w", g.SourceID, err)
		}
	}
	for i := range r.Gaps {
		if g := &r.Gaps[i]; g.ID == "" || g.Position < 0 || g.To.Before(g.From) {
			return fmt.Errorf("its gap %q is from %s to %s, after byte %d", g.ID, g.From, g.To, g.Position)
		}
	}
	for i := range r.Parts {
		if err := r.Parts[i].Check(); err != nil {
			return err
		}
	}
	for _, a := range r.Accepted {
		if a.GapID == "" || a.By == "" {
			return fmt.Errorf("its acceptance of the gap %q is by %q", a.GapID, a.By)
		}
	}
	return nil
}

// within tells whether a path with slashes stays below where it begins.
func within(p string) bool { return filepath.IsLocal(p) && path.Clean(p) == p && p != "." }

// holdsData tells whether the path is a folder that data may stand in.
func holdsData(p string) bool {
	return within(p) && p != stateDir && !strings.HasPrefix(p, stateDir+"/")
}

func checkDays(days map[string]*Counts) error {
	for day, c := range days {
		if c == nil {
			return fmt.Errorf("%s is empty", day)
		}
	}
	return nil
}
