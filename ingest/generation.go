package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"pixledger/schemas/lake"
)

// generation is one file of a source, from its opening to its closing. It is
// read through one descriptor, whatever becomes of its name.
//
// A plain file is read in blocks to its end; while it is the one at its
// source's path, new lines then come from a tail, and whenever the tail is
// behind or unsure, from blocks again. Every piece is checked against the file
// after it was read, by the file's beginning and the bytes before the piece's
// end: so nothing of a file that was truncated meanwhile is taken for lines of
// the one before. A compressed file is read once.
type generation struct {
	follower *follower
	src      *Source
	path     string // the follower's lock's
	file     *os.File
	key      inodeKey
	how      compression
	caughtUp chan struct{} // closed when all that there was at first is handed on
	once     sync.Once

	epoch   atomic.Int64 // raised when lines that were handed on have been dropped
	settled atomic.Int64 // the offset up to which nothing is left to commit
	drained bool         // nothing more is to be read before stopping; the follower's lock's
	waits   waits        // the follower's lock's

	// What the file was found to be, for those who look for gaps; the
	// follower's lock's.
	looked  bool   // it was found out
	knownAs string // the known file that it is, or becomes; empty for none
	whole   bool   // of a compressed file: read to its end, undamaged

	// The rest is the goroutine's own.
	handed  int64 // the end of what was handed on, or the position
	limit   int64 // the size when the follower was told to stop
	limited bool  // limit is known
	r       *reading
	lines   *blocks
	changed time.Time // when lines last came, or it was last the current file
	was     bool      // the current file
	mtime   time.Time
	said    string
	noTail  bool
	ended   bool       // it was said that the file was read to its end
	waiting bool       // for another generation, which reads what may be the same content
	seen    closedFile // the file as it was when it was last read to its end
}

// fileAt reads a file on from an offset, whatever its end is by then.
type fileAt struct {
	f   *os.File
	off int64
}

func (r *fileAt) Read(p []byte) (int, error) {
	n, err := r.f.ReadAt(p, r.off)
	r.off += int64(n)
	return n, err
}

// run reads the file until it is finished or the context ends.
func (g *generation) run(ctx context.Context) {
	done := false
	defer func() {
		g.atEnd()
		if !done {
			g.undrained()
		}
		g.follower.leave(g, done)
	}()
	for ctx.Err() == nil && !done {
		var err error
		if g.how == plain {
			done, err = g.readPlain(ctx)
		} else {
			done, err = g.readPacked(ctx)
		}
		if err != nil && ctx.Err() == nil {
			g.say("a log can't be read; it is tried again", "error", err)
			g.atEnd()
			g.follower.release(g)
			if g.follower.isStopping() {
				return
			}
			g.wait(ctx, g.follower.timing.retry)
		}
	}
}

func (g *generation) atEnd() { g.once.Do(func() { close(g.caughtUp) }) }

func (g *generation) name() string {
	g.follower.mu.Lock()
	defer g.follower.mu.Unlock()
	return g.path
}

// say logs a warning about the file unless it was the last thing said of it.
func (g *generation) say(what string, args ...any) {
	line := fmt.Sprint(append([]any{what}, args...)...)
	if line == g.said {
		return
	}
	g.said = line
	g.follower.opts.Log.Warn(what, append([]any{"source", g.src.Name, "path", g.name()}, args...)...)
}

// wait waits, unless the context ends; less when the follower is told to stop.
func (g *generation) wait(ctx context.Context, d time.Duration) {
	f := g.follower
	stopping := f.stopping
	if f.isStopping() {
		stopping, d = nil, min(d, drainPoll)
	}
	select {
	case <-ctx.Done():
	case <-stopping:
	case <-time.After(d):
	}
}

// deliver hands lines on. It gives an error when it is not known how to read
// them, or when the context ended instead.
func (g *generation) deliver(ctx context.Context, epoch int64, b block) error {
	if err := g.r.prepare(g.follower.opts, g.src, &b); err != nil {
		b.release()
		return err
	}
	end := b.end // the block is another's once it is handed on
	select {
	case g.follower.in <- delivery{g, epoch, g.r, b}:
		now := time.Now()
		g.handed = end
		g.changed = now
		g.ended = false
		g.follower.lastLine.Store(now.UnixNano())
		g.follower.sources[g.src.Name].lastLine.Store(now.UnixNano())
		return nil
	case <-ctx.Done():
		b.release()
		return ctx.Err()
	}
}

// identified makes the generation the reader of the file that its content is.
// It gives false when there is nothing to read of it now: another generation
// reads the same content, or it is known further already.
func (g *generation) identified(state *lake.State, who identity, sample []byte, size int64) (bool, error) {
	f := g.follower
	g.waiting = false
	head := sample[:min(len(sample), lake.HeadBytes)]
	r := &reading{
		edge: g.src.Name, path: g.name(), key: g.key,
		position: who.position(), gen: g, sample: sample,
	}
	switch who.standing {
	case earlierState:
		g.foundOut("")
		g.settled.Store(size)
		g.say("the file is an earlier state of a log that was read further: nothing of it is read")
		return false, nil
	case knownFile:
		r.id = who.source.ID
		g.foundOut(r.id)
		more := g.how != plain || size > r.position
		if !f.take(r.id, g, more) {
			g.waiting = more
			g.settled.Store(r.position)
			return false, nil
		}
	case newFile:
		id, ok := f.claim(state, g, head)
		if !ok {
			g.waiting = true
			return false, nil
		}
		r.id, r.isNew, r.state = id, true, state
		g.foundOut(id)
	}
	// A commit between the look at the state and the taking may have changed
	// what the file is.
	now, err := f.opts.Lake.State()
	if err == nil && now.Seq != state.Seq {
		err = errAgain
	}
	if err != nil {
		f.release(g)
		return false, err
	}
	g.r, g.handed = r, r.position
	g.settled.Store(r.position)
	f.notDrained(g)
	return true, nil
}

// foundOut notes what the file is.
func (g *generation) foundOut(id string) {
	g.follower.mu.Lock()
	defer g.follower.mu.Unlock()
	g.looked, g.knownAs = true, id
}

// end says that the file was rotated away and read to its end.
func (g *generation) end() {
	if g.ended || g.r == nil {
		return
	}
	g.ended = true
	g.follower.noteSoon(findings{ended: []string{g.r.id}})
}

// begin identifies a plain file and stands ready to read on.
func (g *generation) begin() (bool, error) {
	for {
		fi, err := g.file.Stat()
		if err != nil {
			return false, err
		}
		sample, err := readAt(g.file, 0, min(fi.Size(), sampleBytes))
		if err != nil {
			return false, err
		}
		if len(sample) < sampleBytes && (!bytes.Contains(sample, []byte{'\n'}) || onlyHeaders(sample[:bytes.LastIndexByte(sample, '\n')+1])) {
			g.foundOut("")
			return false, nil // not yet a line to know it by
		}
		state, err := g.follower.opts.Lake.State()
		if err != nil {
			return false, err
		}
		who, err := identify(state, sample[:min(len(sample), lake.HeadBytes)], plainFile{g.file, fi.Size()})
		if err != nil {
			return false, err
		}
		ok, err := g.identified(state, who, sample, fi.Size())
		if errors.Is(err, errAgain) {
			continue
		}
		if !ok || err != nil {
			return false, err
		}
		g.r.content = contentOf(g.file)
		pos := g.r.position
		last, err := readAt(g.file, max(0, pos-lake.AnchorBytes), min(pos, lake.AnchorBytes))
		if err != nil {
			return false, err
		}
		g.mtime = fi.ModTime()
		g.lines = newBlocks(&fileAt{g.file, pos}, pos, g.follower.opts.MaxLine, sample, last)
		return true, nil
	}
}

// readPlain identifies the file and reads it until it is finished, or has to
// be identified anew.
func (g *generation) readPlain(ctx context.Context) (done bool, err error) {
	f := g.follower
	epoch := g.epoch.Load()
	ok, err := g.begin()
	if err != nil {
		return false, err
	}
	if !ok {
		g.atEnd()
		return g.idle(ctx), nil
	}
	for ctx.Err() == nil {
		if g.epoch.Load() != epoch {
			f.release(g)
			return false, nil
		}
		if g.drainedTo(g.lines.off) {
			if g.settles(ctx) {
				return true, nil
			}
			continue
		}
		b, err := g.lines.next()
		if err == nil {
			same, err := g.intact()
			if err != nil || !same {
				b.release()
				return false, errors.Join(err, g.truncated(ctx, epoch))
			}
			if err := g.deliver(ctx, epoch, b); err != nil {
				return false, err
			}
			continue
		}
		if !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("read from byte %d: %w", g.lines.off, err)
		}
		g.atEnd()
		switch at, err := g.atFileEnd(); {
		case err != nil:
			return false, err
		case at == fileCut:
			return false, g.truncated(ctx, epoch)
		case at == fileGrew:
			continue
		}
		if f.isStopping() {
			if g.settles(ctx) {
				if !f.current(g) {
					g.end()
				}
				return true, nil
			}
			continue
		}
		if g.yields() {
			f.release(g)
			g.wait(ctx, 2*f.timing.poll)
			return false, nil
		}
		if g.finished(g.settled.Load() >= g.lines.off) {
			if n := g.lines.pending(); n > 0 {
				g.say("a rotated file ends in a line without its end, which was not read", "offset", g.lines.off, "bytes", n)
			}
			g.end()
			return true, nil
		}
		if g.was && g.lines.pending() == 0 && g.tailable() {
			g.tail(ctx, epoch)
			g.restart() // behind what the tail handed on
			continue
		}
		g.wait(ctx, f.timing.poll)
	}
	return false, nil
}

// idle waits a moment for a file of which nothing is to be read now, and tells
// whether it can be closed.
func (g *generation) idle(ctx context.Context) bool {
	f := g.follower
	switch {
	case !f.isStopping():
		if g.how == plain && g.finished(!g.waiting) {
			return true
		}
	case !g.waiting:
		return true
	default: // for one that commits first
		f.atDrainEnd(g)
	}
	g.wait(ctx, f.timing.poll)
	return false
}

// What a file's end looks like after all of it was read.
type fileEnd int

const (
	fileEnds fileEnd = iota
	fileGrew
	fileCut
)

func (g *generation) atFileEnd() (fileEnd, error) {
	fi, at, err := g.look(g.lines.off)
	if err != nil || at == fileCut {
		return at, err
	}
	end := g.lines.off + g.lines.pending()
	if at == fileGrew {
		if n := int64(len(g.lines.part)); n > 0 {
			if part, err := readAt(g.file, g.lines.off, n); err != nil || !bytes.Equal(part, g.lines.part) {
				g.restart() // and written anew
				return fileGrew, err
			}
		}
	}
	switch size := fi.Size(); {
	case size < end: // the beginning of a line was taken back
		g.restart()
		return fileGrew, nil
	case size > end:
		return fileGrew, nil
	}
	return fileEnds, nil
}

// look looks at the file: it is cut where it no longer reaches to an offset or
// is not what was read, it grew, or changed, where it was written to since the
// last look.
func (g *generation) look(offset int64) (os.FileInfo, fileEnd, error) {
	fi, err := g.file.Stat()
	if err != nil {
		return nil, fileEnds, err
	}
	if fi.Size() < offset {
		return fi, fileCut, nil
	}
	if fi.ModTime().Equal(g.mtime) {
		return fi, fileEnds, nil
	}
	if same, err := g.intact(); err != nil || !same {
		return fi, fileCut, err
	}
	g.mtime = fi.ModTime()
	return fi, fileGrew, nil
}

// restart forgets what was read of a line without its end.
func (g *generation) restart() {
	g.lines = newBlocks(&fileAt{g.file, g.lines.off}, g.lines.off, g.follower.opts.MaxLine, g.lines.head, g.lines.last)
}

// intact tells whether the file still is what was read.
func (g *generation) intact() (bool, error) {
	return stillThere(g.file, g.lines.off, g.lines.head, g.lines.last)
}

// truncated is called when the file is no longer what was read. The lines that
// were handed on are good, for they were checked; what came after them and
// before the truncation is gone. What the file holds now is another file.
func (g *generation) truncated(ctx context.Context, epoch int64) error {
	f := g.follower
	f.sources[g.src.Name].truncations.Add(1)
	f.mu.Lock()
	f.cut[g.r.id] = true
	g.looked, g.knownAs = false, ""
	f.mu.Unlock()
	f.opts.Log.Error("a log was truncated or overwritten while it was followed: lines that were written after the last reading are lost, unless a copy has them; rotate by renaming, without copytruncate",
		"source", g.src.Name, "path", g.name(), "offset", g.handed)
	for ctx.Err() == nil && g.epoch.Load() == epoch && g.settled.Load() < g.handed {
		select {
		case f.flush <- struct{}{}:
		default:
		}
		g.wait(ctx, f.timing.poll/4)
	}
	if g.settled.Load() < g.handed && ctx.Err() == nil {
		f.opts.Log.Error("lines of a truncated log that were read could not be committed, and are lost with it",
			"source", g.src.Name, "path", g.name(), "from", g.settled.Load(), "to", g.handed)
	}
	f.release(g)
	f.lookForCopies(g)
	return nil
}

// yields tells whether the file is quiet and another one goes on with the same
// content, as after copying a log away.
func (g *generation) yields() bool {
	return g.follower.isWanted(g.r.id) && g.settled.Load() >= g.lines.off &&
		time.Since(g.changed) > g.follower.timing.yield
}

// finished tells whether the file can be closed: all of it is committed, it is
// not the one at its path, and late lines are no longer to be expected. Should
// it grow after all, the next look at the rotated files finds it.
func (g *generation) finished(settled bool) bool {
	now := time.Now()
	current := g.follower.current(g)
	if current != g.was {
		g.was, g.changed = current, now
	}
	if !settled || current && !isGlob(g.src.Path) {
		return false
	}
	fi, err := g.file.Stat()
	if err != nil {
		return false
	}
	g.seen = closedAs(fi)
	quiet := now.Sub(fi.ModTime())
	if !g.changed.IsZero() {
		quiet = min(quiet, now.Sub(g.changed))
	}
	t := g.follower.timing
	if !current && quiet > t.grace {
		g.end()
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Nlink == 0 {
		return quiet > max(t.grace, t.keepGone)
	}
	return quiet > max(t.grace, t.keep)
}

// is tells whether the file is as it was when it was closed.
func (c closedFile) is(fi os.FileInfo) bool {
	now := closedAs(fi)
	now.id, now.path = c.id, c.path
	return c == now
}

// of notes which file it was.
func (c closedFile) of(g *generation) closedFile {
	c.id, c.path = g.knownAs, g.path
	return c
}

func closedAs(fi os.FileInfo) closedFile {
	c := closedFile{size: fi.Size(), mtime: fi.ModTime().UnixNano()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		c.ctime = st.Ctim.Nano()
	}
	return c
}
