package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"pixledger/schemas/lake"
)

// What a batch did with a file.
type FileState string

// The states of a file that was given to a batch.
const (
	Read        FileState = "read"
	AlreadyRead FileState = "already read"  // nothing new in it
	Earlier     FileState = "earlier state" // of a file that was read further
	NoLines     FileState = "no lines"
	Failed      FileState = "failed"
)

// FileReport says what a batch did with one file.
type FileReport struct {
	Path     string
	Edge     string
	SourceID string
	State    FileState
	// Start and End bound what was committed of it in this batch, decompressed.
	Start, End int64
	Counts     lake.Counts // of all days together
	Commits    int
	// Left is how many bytes of an unterminated last line wait for its end.
	Left int64
	// NoUsers says that none of at least 1,000 events read had a user id.
	NoUsers bool
	Err     error // what went wrong; nil where all was read

	users int64
	ended string // the source id of a rotated file that was read to its end
}

// Summary says what a batch did.
type Summary struct {
	Files   []*FileReport
	Commits int
	// Gaps are the losses that were detected now.
	Gaps []lake.Gap
}

// Counts adds up the accounts of all files.
func (s *Summary) Counts() *lake.Counts {
	c := &lake.Counts{}
	for _, f := range s.Files {
		c.Add(&f.Counts)
	}
	return c
}

// Files reads the files, plain or compressed, from where the lake knows them
// to their end, and commits their lines. A file that can't be read, or not to
// its end, does not keep the others from being read; the error joins what went
// wrong with all of them. It may be called again with the same files, and
// beside other processes that read them.
func Files(ctx context.Context, opts Options, paths []string) (*Summary, error) {
	return files(ctx, opts, paths, fullDiskRetry)
}

// files is Files with the time after which a full disk is tried again at first.
func files(ctx context.Context, opts Options, paths []string, retry time.Duration) (*Summary, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	b := newBatch(opts, retry)
	var forced *Source
	if opts.Source != "" {
		if forced, err = opts.source(opts.Source); err != nil {
			return nil, err
		}
	}
	for _, p := range paths {
		src := forced
		if src == nil {
			src = sourceOf(opts.Sources, p)
		}
		b.enqueue(p, src)
	}
	return b.run(ctx)
}

// CatchUp reads all configured sources to their current end, their rotated
// files first. A log that does not exist is no error.
func CatchUp(ctx context.Context, opts Options) (*Summary, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	b := newBatch(opts, fullDiskRetry)
	failed := b.enqueueSources()
	s, err := b.run(ctx)
	if err == nil && failed == nil {
		err = b.judge(ctx)
	}
	return s, errors.Join(failed, err)
}

// enqueueSources lists all files of all sources.
func (b *batch) enqueueSources() error {
	var failed []error
	for i := range b.opts.Sources {
		src := &b.opts.Sources[i]
		files, err := sourceFiles(src, b.opts.Sources)
		if err != nil {
			failed = append(failed, err)
		}
		if len(files) == 0 && err == nil {
			b.opts.Log.Warn("the source has no file yet", "source", src.Name, "path", src.Path)
		}
		for _, p := range files {
			b.enqueue(p, src)
		}
	}
	return errors.Join(failed...)
}

// sourceFiles lists a source's existing files, rotated ones first.
func sourceFiles(src *Source, all []Source) ([]string, error) {
	logs, err := src.paths()
	if err != nil {
		return nil, err
	}
	var old, live []string
	for _, log := range logs {
		rotated, err := src.rotated(log, all)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", src.Name, err)
		}
		for _, p := range rotated {
			if !slices.Contains(old, p) {
				old = append(old, p)
			}
		}
		if _, err := os.Stat(log); !errors.Is(err, os.ErrNotExist) {
			live = append(live, log)
		}
	}
	return append(old, live...), nil
}

// batch reads a list of files, one after another. Their lines wait together
// for a commit, so that many small files make few segments.
type batch struct {
	opts    Options
	gather  *gatherer
	summary *Summary
	queue   []*job
	waiting []*job        // with lines that wait for a commit
	flying  []*job        // with lines in the commit under way
	retry   time.Duration // after a full disk, at first
	noSpace time.Duration // the last such wait
}

// fullDiskRetry is how long a batch waits at first when the disk is full.
const fullDiskRetry = time.Second

func newBatch(opts Options, retry time.Duration) *batch {
	return &batch{opts: opts, gather: newGatherer(opts), summary: &Summary{}, retry: retry}
}

// job is one file to read.
type job struct {
	path   string
	src    *Source // nil of a file that belongs to none
	report *FileReport
}

func (b *batch) enqueue(path string, src *Source) {
	j := &job{path: path, src: src, report: &FileReport{Path: path}}
	b.queue = append(b.queue, j)
	b.summary.Files = append(b.summary.Files, j.report)
}

// errAgain is wrapped by what is mended by reading again from the position.
var errAgain = errors.New("read again")

func (b *batch) run(ctx context.Context) (*Summary, error) {
	defer func() {
		_ = b.land() // whatever ended the run was more
		b.gather.drop()
	}()
	for {
		var j *job
		var err error
		if len(b.queue) > 0 {
			j = b.queue[0]
			b.queue = b.queue[1:]
			err = b.read(ctx, j)
		} else if err = b.commit(); err == nil {
			break
		}
		if err != nil && !isOwn(err) {
			// Before anything is read again, what is under way has an end; and if
			// that is a bad one, it came first.
			if failed := b.land(); failed != nil {
				err = failed
			}
		}
		var uncertain *lake.UncertainError
		switch {
		case err == nil:
		case errors.As(err, &uncertain):
			// Also for want of space: what is staged may be of a commit that
			// stands, and only a new process may go on from it.
			return b.summary, err
		case ctx.Err() != nil:
			return b.summary, ctx.Err()
		case errors.Is(err, lake.ErrConflict), errors.Is(err, errAgain):
			b.again(j)
		case isNoSpace(err):
			b.again(j)
			if err := b.waitForSpace(ctx, err); err != nil {
				return b.summary, err
			}
		case j != nil && isOwn(err):
			j.report.Err, j.report.State = err, Failed
		default:
			return b.summary, err
		}
	}
	var failed []error
	for _, f := range b.summary.Files {
		if f.State == "" { // nothing but blank lines was new
			f.State = AlreadyRead
		}
		f.NoUsers = f.users == 0 && lake.Sum(f.Counts.Events) >= 1000
		if f.Err != nil {
			failed = append(failed, f.Err)
		}
	}
	if err := b.noteEnds(); err != nil {
		failed = append(failed, err)
	}
	return b.summary, errors.Join(failed...)
}

// fileError is what is wrong with one file alone.
type fileError struct{ err error }

func (e fileError) Error() string { return e.err.Error() }
func (e fileError) Unwrap() error { return e.err }

func isOwn(err error) bool {
	var own fileError
	return errors.As(err, &own)
}

// again drops the lines that wait and puts their files back in front.
func (b *batch) again(j *job) {
	b.gather.drop()
	var back []*job
	for _, w := range append(append(b.flying, b.waiting...), j) {
		if w != nil && !slices.Contains(back, w) {
			w.report.ended = ""
			back = append(back, w)
		}
	}
	b.queue = append(back, b.queue...)
	b.flying, b.waiting = nil, nil
}

// waitForSpace says that the disk is full and waits a while.
func (b *batch) waitForSpace(ctx context.Context, err error) error {
	b.noSpace = min(max(b.retry, 2*b.noSpace), 30*b.retry)
	b.opts.Log.Warn("no space left for the lake: ingest waits and goes on when there is some; nothing is lost",
		"lake", b.opts.Lake.Root(), "error", err, "retry_in", b.noSpace)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.noSpace):
		return nil
	}
}

// commit publishes what waits, and waits for it.
func (b *batch) commit() error {
	if err := b.takeOff(); err != nil {
		return err
	}
	return b.land()
}

// takeOff begins to publish what waits, when what took off before has landed.
func (b *batch) takeOff() error {
	if err := b.land(); err != nil {
		return err
	}
	b.gather.takeOff()
	b.flying, b.waiting = b.waiting, nil
	return nil
}

// land waits for the commit under way, if there is one, and reports it.
func (b *batch) land() error {
	if b.gather.ahead == nil {
		return nil // and the files of one that failed are still to be put back
	}
	done, rec, err := b.gather.land()
	if err != nil {
		return err
	}
	b.flying, b.noSpace = nil, 0
	if rec == nil {
		return nil
	}
	b.summary.Commits++
	for _, c := range done {
		f := c.r.report
		for _, counts := range c.days {
			f.Counts.Add(counts)
		}
		if f.Commits == 0 {
			f.Start = rangeStart(rec, c.r.id)
		}
		f.SourceID, f.End = c.r.id, c.end
		if f.State != Failed { // on the way to its end
			f.State = Read
		}
		f.Commits++
		f.users += c.users
	}
	b.opts.Log.Debug("committed", "commit", rec.Seq, "files", len(done))
	return nil
}

func rangeStart(rec *lake.Record, id string) int64 {
	for _, g := range rec.Ranges {
		if g.SourceID == id {
			return g.Start
		}
	}
	return 0
}

// open opens a file and finds out what the lake knows of it.
func (b *batch) open(ctx context.Context, path string, state *lake.State) (*opened, error) {
	f, fi, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	o, err := examine(ctx, f, fi, path, state)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return o, nil
}

// read reads one file from its position to its end.
func (b *batch) read(ctx context.Context, j *job) error {
	var state *lake.State
	var o *opened
	for {
		var err error
		if state, err = b.opts.Lake.State(); err != nil {
			return err
		}
		if o, err = b.open(ctx, j.path, state); err != nil {
			return fileError{err}
		}
		if !b.gather.clash(o.who, o.head) {
			break
		}
		o.close()
		if err := b.commit(); err != nil {
			return err
		}
	}
	defer o.close()
	if o.who.source != nil {
		j.report.SourceID = o.who.source.ID
	}
	j.report.Edge = filepath.Base(j.path)
	if j.src != nil {
		j.report.Edge = j.src.Name
	}
	if j.report.Commits == 0 {
		j.report.Start, j.report.End = o.who.position(), o.who.position()
	}
	pos := o.who.position()
	switch {
	case o.who.standing == earlierState:
		if j.report.Commits == 0 {
			j.report.State = Earlier
		}
		return o.damaged(j.path, o.streamOffset())
	case o.how == plain && o.who.standing == knownFile && pos == o.fi.Size():
		j.settle(AlreadyRead)
		b.ends(j, o, o.who.source.ID, false)
		return nil
	case len(o.head) == 0 || o.onlyHeaders():
		j.settle(NoLines)
		return o.damaged(j.path, 0)
	}
	r := &reading{
		edge: j.report.Edge, path: j.path, state: state, position: pos, report: j.report,
		isNew: o.who.standing == newFile, content: o.content,
	}
	r.key = keyOf(o.f, o.fi)
	if r.isNew {
		r.id = state.NewSourceID(o.head, b.gather.taken)
	} else {
		r.id = o.who.source.ID
	}
	in, last, err := o.from(pos)
	if err != nil {
		return fileError{fmt.Errorf("read %s: %w", j.path, err)}
	}
	r.sample = o.sample
	return b.readLines(ctx, j, r, o, newBlocks(in, pos, b.opts.MaxLine, o.head, last))
}

// settle sets the state of a file from which nothing was read.
func (j *job) settle(s FileState) {
	if j.report.Commits == 0 {
		j.report.State = s
	}
}

// readLines hands all whole lines on, committing whenever enough wait.
func (b *batch) readLines(ctx context.Context, j *job, r *reading, o *opened, lines *blocks) error {
	begun := r.position
	add := func(blk block) error {
		if err := r.prepare(b.opts, j.src, &blk); err != nil {
			blk.release()
			return fileError{fmt.Errorf("%s: %w", j.path, err)}
		}
		if !slices.Contains(b.waiting, j) {
			b.waiting = append(b.waiting, j)
		}
		if err := b.gather.add(r, blk); err != nil {
			return err
		}
		if b.gather.hasLanded() {
			if err := b.land(); err != nil {
				return err
			}
		}
		if !b.gather.full() {
			return nil
		}
		if err := o.unchanged(lines); err != nil {
			return err
		}
		return b.takeOff()
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		blk, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fileError{fmt.Errorf("read %s: %w", j.path, err)}
		}
		if err := add(blk); err != nil {
			return err
		}
		b.progress(j.path, o, lines.off)
	}
	if o.stream != nil && o.stream.damage == nil {
		if blk, ok := lines.rest(); ok {
			if err := add(blk); err != nil {
				return err
			}
		}
	}
	if err := o.unchanged(lines); err != nil {
		return err
	}
	j.report.Left = lines.pending()
	switch {
	case r.isNew: // and if its lines wait, the commit says so
		j.settle(NoLines)
	case lines.off > begun:
	default:
		j.settle(AlreadyRead)
	}
	err := o.damaged(j.path, lines.off)
	if err == nil && (!r.isNew || lines.off > begun) {
		b.ends(j, o, r.id, lines.off > begun || j.report.Commits > 0)
	}
	return err
}

// ends notes that a file was read to its end and is not to grow: a rotated one,
// one that was given by hand, a compressed one, and one of many that a glob names
// when it is quiet, such as yesterday's of logs that are named by their day. A
// copy from elsewhere of which nothing was read tells nothing of the log that it
// is a copy of; where it heals a gap, noteEnds ends it.
func (b *batch) ends(j *job, o *opened, id string, read bool) {
	if !read && (j.src == nil || !j.src.isLog(j.path) && !j.src.isRotatedFile(j.path)) {
		return
	}
	if j.src == nil || !j.src.isLog(j.path) || o.how != plain || isGlob(j.src.Path) && time.Since(o.fi.ModTime()) > defaultTiming.keep {
		j.report.ended = id
		b.gather.ended = append(b.gather.ended, id)
	}
}

func (b *batch) progress(path string, o *opened, off int64) {
	if b.opts.Progress == nil {
		return
	}
	if o.stream != nil {
		off = o.stream.packed.n
	}
	b.opts.Progress(Progress{Path: path, Read: off, Bytes: o.fi.Size()})
}

// unchanged tells by errAgain that a plain file is no longer what was read.
func (o *opened) unchanged(b *blocks) error {
	if o.how != plain {
		return nil
	}
	same, err := stillThere(o.f, b.off, b.head, b.last)
	if err != nil {
		return fileError{err}
	}
	if !same {
		return fmt.Errorf("%s: was cut or overwritten while it was read: %w", o.f.Name(), errAgain)
	}
	return nil
}

// stillThere tells whether a file still has the beginning that was read, and
// the bytes before the offset that was read up to.
func stillThere(f *os.File, off int64, head, last []byte) (bool, error) {
	n := min(off, int64(len(head)))
	got, err := readAt(f, 0, n)
	if err != nil || string(got) != string(head[:n]) {
		return false, err
	}
	got, err = readAt(f, off-int64(len(last)), int64(len(last)))
	return err == nil && string(got) == string(last), err
}
