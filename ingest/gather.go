package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"pixledger/ingest/segment"
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
	state    *lake.State // in which it was identified
	isNew    bool
	position int64       // committed, as far as is known
	report   *FileReport // of a batch
	gen      *generation // of a follower

	// lastTime is the time of the last committed line, Unix microseconds,
	// where timed.
	lastTime int64
	timed    bool
}

// maxGathered bounds what lines of all files wait for a commit, in bytes.
const maxGathered = 512 << 20

// gatherer gathers the lines of any number of files for one commit. Its
// methods are for one goroutine; the lines are decoded by workers.
type gatherer struct {
	opts    Options
	staging *lake.Staging
	work    chan task
	workers []*worker
	wg      sync.WaitGroup
	spans   map[string]*span // by source id
	order   []string
	lines   int64
	bytes   int64
	// carry keeps what was read of files without a line so far from commit to
	// commit, for a follower that does not read it again.
	carry bool

	// ended names files that were read to their end and go on no more, for the
	// next commit.
	ended []string

	uncertain bool // whether the last commit stands; then nothing more is done

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

func newGatherer(opts Options) *gatherer {
	return &gatherer{opts: opts, spans: map[string]*span{}}
}

// add takes a block of a file, which must begin where the file's last one
// ended. The block is the gatherer's from then on.
func (g *gatherer) add(r *reading, b block) error {
	s := g.spans[r.id]
	if s == nil {
		s = &span{r: r, start: r.position, end: r.position}
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
	if len(r.decoding.headers) > 0 {
		if len(g.workers) == 0 {
			g.start()
		}
		g.workers[0].own <- t
		return nil
	}
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
func (g *gatherer) start() {
	w := newWorker(g.staging, len(g.workers), g.opts.Now())
	g.workers = append(g.workers, w)
	work := g.work
	g.wg.Go(func() { g.run(w, work) })
}

// run decodes what comes; after a failure it only takes it away.
func (g *gatherer) run(w *worker, work <-chan task) {
	own := (<-chan task)(w.own)
	for work != nil || own != nil {
		var t task
		var ok bool
		select {
		case t, ok = <-work:
			if !ok {
				work = nil
				continue
			}
		case t, ok = <-own:
			if !ok {
				own = nil
				continue
			}
		}
		if g.failed() == nil {
			if err := w.decode(t); err != nil {
				g.fail(fmt.Errorf("%s: %w", t.r.path, err))
			}
		}
		t.block.release()
	}
}

func (g *gatherer) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
}

func (g *gatherer) failed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// full tells whether it is time to commit, whatever the hour.
func (g *gatherer) full() bool { return g.lines >= g.opts.Rows || g.bytes >= maxGathered }

// stop waits for the workers.
func (g *gatherer) stop() {
	if g.work != nil {
		close(g.work)
		for _, w := range g.workers {
			close(w.own)
		}
		g.work = nil
	}
	g.wg.Wait()
}

// drop forgets all lines that wait; they are to be read again.
func (g *gatherer) drop() {
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
	g.staging, g.workers, g.spans, g.order = nil, nil, map[string]*span{}, nil
	g.lines, g.bytes, g.err = 0, 0, nil
	g.ended = nil
}

// waits tells whether lines wait for a commit.
func (g *gatherer) waits() bool { return g.staging != nil }

// committed is what became of one file's lines in a commit.
type committed struct {
	r     *reading
	end   int64
	days  map[string]*lake.Counts
	users int64 // events with a user id
}

// commit publishes what waits as one commit, and gives what became of each
// file. A file without a line so far is not committed: nothing of it would be
// told apart from another file's empty beginning. On any error the lines are
// dropped.
func (g *gatherer) commit() (done []committed, rec *lake.Record, err error) {
	if g.staging == nil {
		return nil, nil, nil
	}
	var blank []*span // without a line
	defer func() {
		g.drop()
		if g.carry && err == nil {
			for _, s := range blank {
				g.spans[s.r.id] = s
				g.order = append(g.order, s.r.id)
			}
		}
	}()
	g.stop()
	if err := g.failed(); err != nil {
		return nil, nil, err
	}
	draft := &lake.Draft{Kind: "ingest", At: g.opts.Now()}
	days := map[string]map[string]*lake.Counts{}
	users, lines := map[string]int64{}, map[string]int64{}
	results := make([]*segment.Result, len(g.workers))
	var finish errgroup.Group
	for i, w := range g.workers {
		finish.Go(func() (err error) {
			results[i], err = w.batch.Finish()
			return err
		})
	}
	if err := finish.Wait(); err != nil {
		return nil, nil, err
	}
	for i, w := range g.workers {
		res := results[i]
		for _, f := range res.Files {
			draft.Add = append(draft.Add, lake.Staged(f))
		}
		for id, a := range res.Accounts {
			days[id] = lake.AddDays(days[id], a.Days)
			users[id] += a.Users
		}
		for id, n := range w.lines {
			lines[id] += n
		}
	}
	times := clocks(g.workers, days)
	for _, id := range g.order {
		s := g.spans[id]
		rng := lake.Range{
			SourceID: id, Edge: s.r.edge, Name: s.r.path, Start: s.start, End: s.end,
			Head: lake.PrintOf(s.head), Anchor: lake.PrintOf(s.last), HeadLines: lake.HeadLinesOf(s.head),
			Device: s.r.key.device, Inode: s.r.key.inode, Born: s.r.key.born, Total: lines[id], Days: days[id], LastTime: times[s.r],
		}
		if rng.Lines() == 0 {
			blank = append(blank, s)
			continue
		}
		draft.Ranges = append(draft.Ranges, rng)
		done = append(done, committed{r: s.r, end: s.end, days: days[id], users: users[id]})
	}
	if len(draft.Ranges) == 0 {
		return nil, nil, nil
	}
	rec, err = g.opts.Lake.Commit(g.staging, func(state *lake.State) (*lake.Draft, error) {
		for _, c := range done {
			if s := g.spans[c.r.id]; c.r.isNew && knownSince(c.r.state, state, s.head) {
				return nil, fmt.Errorf("%s: was read by another process too: %w", c.r.path, lake.ErrConflict)
			}
		}
		for _, id := range slices.Compact(slices.Sorted(slices.Values(g.ended))) {
			if state.Sources[id] != nil || days[id] != nil {
				draft.Ended = append(draft.Ended, id)
			}
		}
		return draft, nil
	})
	if err != nil {
		var u *lake.UncertainError
		g.uncertain = errors.As(err, &u)
		return nil, nil, err
	}
	g.ended = nil
	for _, c := range done {
		c.r.position, c.r.isNew = c.end, false
		if last, ok := times[c.r]; ok {
			c.r.lastTime, c.r.timed = last, true
		}
	}
	return done, rec, nil
}

// knownSince tells whether a file that was not known in the old state can be
// known in the new one: another process may have committed it under any name.
func knownSince(old, state *lake.State, head []byte) bool {
	known := state.Known(head)
	if src := state.Earlier(head); src != nil {
		known = append(known, src)
	}
	return slices.ContainsFunc(known, func(src *lake.Source) bool { return old.Sources[src.ID] == nil })
}

// clash tells whether the lines that wait may be of the file that is about to
// be read: then they are to be committed before it is identified.
func (g *gatherer) clash(i identity, head []byte) bool {
	for _, s := range g.spans {
		if i.source != nil && i.source.ID == s.r.id || s.r.isNew && mayBeSame(s.head, head) {
			return true
		}
	}
	return false
}

// taken tells whether a source id is given to lines that wait.
func (g *gatherer) taken(id string) bool { return g.spans[id] != nil }

// isNoSpace tells whether the disk, or what is allowed of it, is full.
func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
