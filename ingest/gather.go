package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"pixledger/schemas/lake"
)

// reading is one file while it is read: what its lines belong to.
type reading struct {
	id       string // its source id
	edge     string
	path     string
	key      inodeKey
	sample   []byte      // the content's beginning, while decoding is nil
	decoding *decoding   // nil until the first line that is not blank
	content  contentFrom // opens the content at its beginning, for headers in front of the position
	header   []byte      // the header line in force behind the last block, where the format has such
	state    *lake.State // in which it was found to be new; nil of others
	isNew    bool
	position int64       // committed, as far as is known
	passed   int64       // bytes of blank lines behind it that were passed over
	report   *FileReport // of a batch
	gen      *generation // of a follower

	// lastTime is the time of the last committed line, Unix microseconds,
	// where timed.
	lastTime int64
	timed    bool
}

// maxGathered bounds what lines of all files wait for a commit, in bytes.
const maxGathered = 512 << 20

// gatherer gathers the lines of any number of files, one commit after another.
// Its methods are for one goroutine.
type gatherer struct {
	*load
	// carry keeps what was read of files without a line so far from commit to
	// commit, for a follower that does not read it again.
	carry bool
	// ahead is what was taken off and has not landed: lines are gathered behind it.
	ahead *flight
}

// load is the lines of one commit. They are decoded by workers.
type load struct {
	opts    Options
	staging *lake.Staging
	work    chan task
	workers []*worker
	wg      sync.WaitGroup
	spans   map[string]*span // by source id
	order   []string
	lines   int64
	bytes   int64

	// ended names files that were read to their end and go on no more.
	ended []string

	uncertain bool // whether its commit stands; then its files are left alone

	mu  sync.Mutex
	err error // the first of a worker
}

// span is what waits for a commit of one file.
type span struct {
	r          *reading
	start, end int64
	head, last []byte
}

// task is a block to decode.
type task struct {
	r     *reading
	block block
	now   time.Time // of reading
}

func newLoad(opts Options) *load { return &load{opts: opts, spans: map[string]*span{}} }

func newGatherer(opts Options) *gatherer { return &gatherer{load: newLoad(opts)} }

// add takes a block of a file, which must begin where the file's last one
// ended. The block is the gatherer's from then on.
func (g *gatherer) add(r *reading, b block) error {
	s := g.spans[r.id]
	if s == nil {
		s = &span{r: r, start: r.position, end: r.position + r.passed}
		if before := g.flying(r.id); before != nil {
			s.start, s.end = before.end, before.end
		}
		g.spans[r.id] = s
		g.order = append(g.order, r.id)
	}
	s.r = r
	err := g.failed()
	if s.end != b.start {
		err = fmt.Errorf("%s: lines from byte %d follow byte %d: %w", r.path, b.start, s.end, lake.ErrConflict)
	}
	if err == nil && g.staging == nil {
		g.staging, err = g.opts.Lake.Stage()
		g.work = make(chan task)
	}
	if err != nil {
		b.release()
		return err
	}
	s.end, s.head, s.last = b.end, b.head, b.last
	if b.blank {
		b.release()
		return nil
	}
	g.lines += max(1, int64(bytes.Count(b.data, []byte{'\n'})))
	g.bytes += int64(len(b.data))
	t := task{r, b, g.opts.Now()}
	select {
	case g.work <- t:
		return nil
	default: // all are busy
	}
	if len(g.workers) < g.opts.Threads {
		g.start()
	}
	g.work <- t
	return nil
}

// start starts one more worker.
func (g *load) start() {
	w := newWorker(g.staging, len(g.workers), g.opts.rowBytes, g.opts.Now())
	g.workers = append(g.workers, w)
	work := g.work
	g.wg.Go(func() { g.run(w, work) })
}

// run decodes what comes; after a failure it only takes it away.
func (g *load) run(w *worker, work <-chan task) {
	for t := range work {
		if g.failed() == nil {
			if err := w.decode(t); err != nil {
				g.fail(fmt.Errorf("%s: %w", t.r.path, err))
			}
		}
		t.block.release()
	}
}

func (g *load) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
}

func (g *load) failed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// full tells whether it is time to commit, whatever the hour.
func (g *gatherer) full() bool { return g.lines >= g.opts.Rows || g.bytes >= maxGathered }

// stop waits for the workers.
func (g *load) stop() {
	if g.work != nil {
		close(g.work)
		g.work = nil
	}
	g.wg.Wait()
}

// drop forgets all lines that wait; they are to be read again.
func (g *gatherer) drop() {
	g.load.drop()
	g.load = newLoad(g.opts)
}

func (g *load) drop() {
	g.stop()
	if g.uncertain {
		return // the commit may stand, and its files are to be left alone
	}
	for _, w := range g.workers {
		if err := w.batch.Abort(); err != nil {
			g.opts.Log.Warn("could not remove staged files; the next start does", "error", err)
		}
	}
	if g.staging != nil {
		if err := g.staging.Close(); err != nil {
			g.opts.Log.Warn("could not clean up staging; the next start does", "error", err)
		}
	}
}

// waits tells whether lines wait for a commit.
func (g *gatherer) waits() bool { return g.staging != nil }

// clash tells whether the lines that wait, or those under way, may be of the
// file that is about to be read: then they are to be committed before it is
// identified.
func (g *gatherer) clash(i identity, head []byte) bool {
	same := func(spans map[string]*span) bool {
		for _, s := range spans {
			if i.source != nil && i.source.ID == s.r.id || s.r.isNew && mayBeSame(s.head, head) {
				return true
			}
		}
		return false
	}
	return same(g.spans) || g.ahead != nil && same(g.ahead.load.spans)
}

// taken tells whether a source id is given to lines that are not committed.
func (g *gatherer) taken(id string) bool { return g.spans[id] != nil || g.flying(id) != nil }

// isNoSpace tells whether the disk, or what is allowed of it, is full.
func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
