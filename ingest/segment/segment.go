// Package segment writes what log lines tell into Parquet files: it takes the
// lines of one commit, has each parsed and decoded, and leaves in a staging
// folder one file for each event type and UTC date, one for each date of
// rejects, and the account of all lines.
package segment

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"

	"golang.org/x/sync/errgroup"
)

// Source is a log file whose lines go into a batch. A Source is used by one
// batch at a time, and by one goroutine.
type Source struct {
	// ID and Edge fill source_id and edge. Both must be set before the first
	// line, for a batch writes rows whenever its memory is full; an ID that is
	// new becomes the file's own only with the commit.
	ID   string
	Edge string
	// Format and Decoder read the lines. Neither may be shared with another
	// goroutine.
	Format  parse.Format
	Decoder *decode.Decoder
	// Head is the file's beginning, decompressed: its first 4,096 bytes, or as
	// much as there is before the line at hand. Ids of lines come from it.
	Head []byte
}

// Options say how a batch works.
type Options struct {
	// Disk is the way by which the files are written; nil is the real one.
	Disk *disk.Disk
	// Prefix begins the names of the files in the staging folder, so that
	// several batches can share it.
	Prefix string
	// Now is the moment of reading, until SetNow says another.
	Now time.Time
	// Memory is about how many bytes of rows are held, 20 MiB unless set; as
	// much again is needed while rows are written.
	Memory int
	// RowGroup is the size of the rows of a full row group in memory, in bytes,
	// 16 MiB unless set.
	RowGroup int
}

// Staged is a finished file in the staging folder.
type Staged struct {
	Folder string // where it belongs, below the lake: events/type=click/date=2026-11-01
	Name   string // its name in the staging folder
	Rows   int64
	Bytes  int64
	SHA256 string // hex, of the file's bytes
	// MinTime and MaxTime bound event_time, Unix microseconds; 0 of rejects.
	MinTime, MaxTime int64
}

// Account is what became of the lines of one file.
type Account struct {
	Days map[string]*lake.Counts // by UTC date, YYYY-MM-DD
	// Users is the number of events with a user id.
	Users int64
	// First and Last are the times of the first and the last line that had a
	// plausible one, Unix microseconds; Timed says that there was one. By them
	// the step back from one batch of the file to the next can be told.
	First, Last int64
	Timed       bool
}

// Result is a finished batch.
type Result struct {
	Files    []Staged
	Accounts map[string]*Account // by source id
}

// Batch collects the lines of one commit. It is for one goroutine. After an
// error of any method but New only Abort is left.
type Batch struct {
	dir  string
	opts Options
	now  int64 // Unix microseconds

	request parse.Request
	event   decode.Event
	id      []byte

	sources map[*Source]*sourceState
	order   []*sourceState
	last    *sourceState

	parts   map[partKey]*part
	recent  [len(eventTypes)]*part
	rejects *part
	memory  int // of all groups
	files   int
	levels  levels
	pages   *compressor    // made with the first file
	staged  []*segmentFile // finished

	lines, rows, read int64
}

// eventTypes are the types, in the order of a batch's own numbers for them.
var eventTypes = [...]schemas.EventType{schemas.Impression, schemas.Click, schemas.Conversion, schemas.SegmentEvent, schemas.Universal}

func typeNumber(t schemas.EventType) int {
	for i := range eventTypes {
		if eventTypes[i] == t {
			return i
		}
	}
	panic("segment: no event type " + string(t))
}

// partKey names the rows that belong into one folder: those of an event type
// and day, or the rejects of a day.
type partKey struct {
	kind int // number of the event type, -1 for rejects
	day  int64
}

func (k partKey) folder() string {
	if k.kind < 0 {
		return lake.DateFolder(schemas.Rejects, dayName(k.day))
	}
	return lake.EventFolder(eventTypes[k.kind], dayName(k.day))
}

// part is the rows of one folder: those held, and the file that full row
// groups went to.
type part struct {
	key   partKey
	group *group       // nil where there are no rows since they were written
	file  *segmentFile // nil until the first row group is written
}

// size is about how much memory its rows take.
func (p *part) size() int {
	if p.group == nil {
		return 0
	}
	return p.group.bytes
}

// openFiles is how many files may be under way beside each other.
const openFiles = 64

// New begins a batch in the staging folder, which exists.
func New(dir string, opts Options) *Batch {
	opts.Memory = cmp.Or(opts.Memory, 20<<20)
	opts.RowGroup = cmp.Or(opts.RowGroup, 16<<20)
	return &Batch{
		dir: dir, opts: opts, now: opts.Now.UnixMicro(),
		sources: map[*Source]*sourceState{}, parts: map[partKey]*part{},
	}
}

// SetNow sets the moment of reading of the lines to come.
func (b *Batch) SetNow(now time.Time) { b.now = now.UnixMicro() }

// Rows is the number of rows collected: events and rejects.
func (b *Batch) Rows() int64 { return b.rows }

// Lines is the number of lines accounted for.
func (b *Batch) Lines() int64 { return b.lines }

// Bytes is the number of bytes of the lines given.
func (b *Batch) Bytes() int64 { return b.read }

// Append takes a line that begins at the offset in the decompressed content,
// with or without its line end. Blank lines and header lines are passed over.
func (b *Batch) Append(src *Source, offset int64, line []byte) error {
	line = parse.TrimLineEnd(line)
	s := b.source(src)
	if (len(line) == 0 || line[0] <= ' ') && parse.Blank(line) || src.Format.Header(line) {
		return nil
	}
	b.lines++
	b.read += int64(len(line)) + 1
	r := &b.request
	if src.Format.Parse(line, r) != nil {
		return b.reject(s, offset, int64(len(line)), line, decode.Malformed, dayOf(b.now))
	}
	out := src.Decoder.Decode(r, b.now, &b.event)
	day := dayOf(b.now)
	if r.HasTime && hasDate(r.Time) {
		day = dayOf(r.Time)
		if out.Reason != decode.BadTime {
			s.clock(r.Time, day)
		}
	}
	switch out.Kind {
	case decode.IsEvent:
		return b.appendEvent(s, offset, line, day)
	case decode.Ignored:
		s.day(day).ignored++
	case decode.NotCounted:
		s.day(day).notCounted[out.Reason]++
	case decode.Reject:
		return b.reject(s, offset, int64(len(line)), line, out.Reason, day)
	}
	return nil
}

// Reject takes a line that was not read, for the reason given: one that is too
// long. length is its whole length without its line end, raw its beginning.
func (b *Batch) Reject(src *Source, offset, length int64, raw []byte, reason string) error {
	b.lines++
	b.read += length + 1
	return b.reject(b.source(src), offset, length, raw, reason, dayOf(b.now))
}

// rawBytes is how much of a rejected line is kept.
const rawBytes = 64 << 10

func (b *Batch) reject(s *sourceState, offset, length int64, raw []byte, reason string, day int64) error {
	s.day(day).rejects[reason]++
	b.rows++
	p := b.rejects
	if today := dayOf(b.now); p == nil || p.key.day != today {
		p = b.part(partKey{-1, today})
		b.rejects = p
	}
	if len(raw) > rawBytes {
		raw = raw[:rawBytes]
		// Not the first bytes of a character that is cut.
		for n := 1; n < utf8.UTFMax; n++ {
			if last := raw[rawBytes-n]; utf8.RuneStart(last) {
				if !utf8.FullRune(raw[rawBytes-n:]) {
					raw = raw[:rawBytes-n]
				}
				break
			}
		}
	}
	g := b.rowsOf(p)
	before := g.bytes
	g.int(rejectIngestedAt, b.now)
	g.word(rejectEdge, s.edge)
	g.word(rejectSourceID, s.id)
	g.int(rejectSourceOffset, offset)
	g.word(rejectReason, []byte(reason))
	g.int(rejectLength, length)
	g.bytesOf(rejectRaw, notNil(decode.Text(raw)))
	g.rows++
	g.bytes += rowBytes
	return b.grown(p, g.bytes-before)
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (b *Batch) appendEvent(s *sourceState, offset int64, line []byte, day int64) error {
	ev := &b.event
	id := ev.ID
	if id == nil {
		var err error
		if b.id, err = s.lineIDs().Append(b.id[:0], offset, line); err != nil {
			return fmt.Errorf("source %s: %w", s.Edge, err)
		}
		id = b.id
	}
	kind := typeNumber(ev.Type)
	p := b.recent[kind]
	if p == nil || p.key.day != day {
		p = b.part(partKey{kind, day})
		b.recent[kind] = p
	}
	b.rows++
	s.day(day).count(kind, ev)
	if ev.UserID != nil {
		s.users++
	}

	g := b.rowsOf(p)
	before := g.bytes
	if g.rows == 0 {
		g.minTime, g.maxTime = ev.Time, ev.Time
	} else {
		g.minTime, g.maxTime = min(g.minTime, ev.Time), max(g.maxTime, ev.Time)
	}
	g.bytesOf(colEventID, id)
	g.int(colEventTime, ev.Time)
	g.int(colIngestedAt, b.now)
	g.word(colEdge, s.edge)
	g.word(colSourceID, s.id)
	g.int(colSourceOffset, offset)
	g.word(colMethod, ev.Method)
	g.int(colStatus, int64(ev.Status))
	g.word(colConsent, consentText(ev.Consent))
	g.word(colUserID, ev.UserID)
	if ev.InvalidReason != "" {
		g.word(colInvalidReason, []byte(ev.InvalidReason))
	}
	switch ev.Type {
	case schemas.Conversion:
		serverSide := int64(0)
		if ev.ServerSide {
			serverSide = 1
		}
		g.int(colServerSide, serverSide)
		g.id(colPixelID, ev.PixelID)
		g.word(colPixelCode, ev.PixelCode)
		g.bytesOf(colOther, ev.Other)
		g.bytesOf(colSSPData, ev.SSPData)
	case schemas.Impression, schemas.Click:
		g.id(colTrackerID, ev.TrackerID)
		g.bytesOf(colToken, ev.Token)
		if ev.HasMediaCost {
			g.int(colMediaCost, int64(ev.MediaCost))
		}
	}
	g.id(colMemberID, ev.MemberID)
	g.bytesOf(colOrderID, ev.OrderID)
	if ev.HasValue {
		g.int(colValue, int64(ev.Value))
	}
	g.bytesOf(colValueText, ev.ValueText)
	g.intsOf(colSegmentsAdded, ev.SegmentsAdded)
	g.intsOf(colSegmentsRemoved, ev.SegmentsRemoved)
	g.segmentValues(ev.SegmentValues)
	g.textsOf(colSegmentCodesAdded, ev.SegmentCodesAdded)
	g.textsOf(colSegmentCodesRemoved, ev.SegmentCodesRemoved)
	g.word(colReferer, ev.Referer)
	g.word(colUserAgent, ev.UserAgent)
	g.word(colIP, ev.IP)
	g.word(colHost, ev.Host)
	g.params(ev.Params)
	g.rows++
	g.bytes += rowBytes
	return b.grown(p, g.bytes-before)
}

func consentText(consent string) []byte {
	switch consent {
	case decode.Denied:
		return denied
	case decode.Granted:
		return granted
	}
	return unknown
}

var denied, granted, unknown = []byte(decode.Denied), []byte(decode.Granted), []byte(decode.Unknown)

// segmentValues sets the values beside the segments added.
func (g *group) segmentValues(values []decode.SegmentValue) {
	if len(values) == 0 {
		return
	}
	c := g.col(colSegmentValues)
	c.list(g.rows, len(values))
	for _, v := range values {
		c.nulls = append(c.nulls, !v.Given)
		if v.Given {
			c.ints = append(c.ints, v.Value)
		}
		g.bytes += 9
	}
}

// params sets the map of the parameters; none is null.
func (g *group) params(params []decode.Param) {
	if len(params) == 0 {
		return
	}
	c := g.col(colParams)
	c.list(g.rows, len(params))
	for _, p := range params {
		g.bytes += c.addWord(p.Name)
		c.values.add(p.Value)
		g.bytes += 16 + len(p.Value)
	}
}

func (b *Batch) part(key partKey) *part {
	p := b.parts[key]
	if p == nil {
		p = &part{key: key}
		b.parts[key] = p
	}
	return p
}

// rowsOf gives the group that the part's next row goes to.
func (b *Batch) rowsOf(p *part) *group {
	if p.group == nil {
		p.group = newGroup(p.key.kind)
		b.memory += p.group.bytes
	}
	return p.group
}

// releaseRows gives the memory of a part's rows to other parts.
func (b *Batch) releaseRows(p *part) {
	if p.group != nil {
		b.memory -= p.group.bytes
		p.group.release()
		p.group = nil
	}
}

// grown counts the memory that a part took, and writes rows where it is full.
func (b *Batch) grown(p *part, n int) error {
	b.memory += n
	if p.group.bytes >= b.opts.RowGroup {
		return b.flush(p)
	}
	if b.memory >= b.opts.Memory {
		return b.relieve()
	}
	return nil
}

// flush writes a part's rows as a row group of its file.
func (b *Batch) flush(p *part) error {
	g := p.group
	if g == nil || g.rows == 0 {
		return nil
	}
	l := eventLayout
	if p.key.kind < 0 {
		l = rejectLayout
	}
	if p.file == nil {
		f, err := create(b.opts.Disk, b.dir, p.key.folder(), fmt.Sprintf("%s%d.parquet", b.opts.Prefix, b.files), l)
		if err != nil {
			return err
		}
		b.files++
		p.file = f
		if b.pages == nil {
			b.pages = newCompressor()
		}
	}
	if err := p.file.write(g, b.pages, &b.levels); err != nil {
		return err
	}
	b.memory -= g.bytes
	g.reset()
	b.memory += g.bytes
	return nil
}

// relieve writes the largest parts until half of the memory is free. They are of
// days that are over, mostly, and their memory is the next day's. A log
// with events of very many days has many small parts: their files are
// finished at once, so that not more are open than may be, and the parts are
// forgotten.
func (b *Batch) relieve() error {
	parts := slices.SortedFunc(maps.Values(b.parts), func(x, y *part) int {
		return cmp.Or(cmp.Compare(y.size(), x.size()), cmp.Compare(x.key.day, y.key.day), cmp.Compare(x.key.kind, y.key.kind))
	})
	for _, p := range parts {
		if b.memory < b.opts.Memory/2 {
			break
		}
		if err := b.flush(p); err != nil {
			return err
		}
		b.releaseRows(p)
		if len(parts) > openFiles {
			if f := b.close(p); f != nil {
				if err := f.finish(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// close forgets a part and gives its file, which is to be finished, or nil.
func (b *Batch) close(p *part) *segmentFile {
	f := p.file
	if f != nil {
		b.staged = append(b.staged, f)
	}
	p.file = nil
	b.releaseRows(p)
	delete(b.parts, p.key)
	for i, r := range b.recent {
		if r == p {
			b.recent[i] = nil
		}
	}
	if b.rejects == p {
		b.rejects = nil
	}
	return f
}

// syncsAtOnce is how many files are finished at a time at the end of a batch.
const syncsAtOnce = 4

// Finish writes what is left, finishes the files, synced and read back, and
// gives them with the account of the lines. The staging folder itself is the
// caller's to sync. A batch without rows has no files.
func (b *Batch) Finish() (*Result, error) {
	parts := slices.SortedFunc(maps.Values(b.parts), func(x, y *part) int {
		return cmp.Or(cmp.Compare(x.key.kind, y.key.kind), cmp.Compare(x.key.day, y.key.day))
	})
	// While the disk takes one file the next one is written.
	var finish errgroup.Group
	finish.SetLimit(syncsAtOnce)
	var err error
	for _, p := range parts {
		if err = b.flush(p); err != nil {
			break
		}
		if f := b.close(p); f != nil {
			finish.Go(f.finish)
		}
	}
	if failed := finish.Wait(); err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	res := &Result{Accounts: map[string]*Account{}}
	for _, f := range b.staged {
		res.Files = append(res.Files, f.staged)
	}
	slices.SortStableFunc(res.Files, func(x, y Staged) int { return cmp.Compare(x.Folder, y.Folder) })
	for _, s := range b.order {
		s.account(res.Accounts)
	}
	return res, nil
}

// Abort removes the files of the batch, finished or not.
func (b *Batch) Abort() error {
	var errs []error
	for _, p := range b.parts {
		if p.file != nil {
			errs = append(errs, p.file.abandon())
			p.file = nil
		}
	}
	for _, f := range b.staged {
		errs = append(errs, f.abandon())
	}
	b.parts, b.staged = map[partKey]*part{}, nil
	return errors.Join(errs...)
}
