package ingest

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"pixledger/schemas/lake"
)

// timing is how often a follower looks, and how long it waits.
type timing struct {
	poll     time.Duration // between looks at a source's path, and at a file's end
	idlePoll time.Duration // the same when nothing has come for quietFor
	rescan   time.Duration // between looks for rotated files
	stall    time.Duration // that a tail may be behind the file's end
	grace    time.Duration // that a renamed file is watched closely for late lines
	keep     time.Duration // that it stays open after its last change
	keepGone time.Duration // the same of a deleted file, whose disk space it holds
	yield    time.Duration // that a file is quiet before another with the same content may go on
	retry    time.Duration // after a failure, at first
	retryMax time.Duration
	missing  time.Duration // that a known file is not found before it is missed
	drain    time.Duration // at most, for what is left to read when it is told to stop
}

var defaultTiming = timing{
	poll: 200 * time.Millisecond, idlePoll: 500 * time.Millisecond, rescan: time.Minute, stall: time.Second,
	grace: 5 * time.Second, keep: 10 * time.Minute, keepGone: time.Minute,
	yield: time.Second, retry: time.Second, retryMax: 30 * time.Second,
	missing: 2 * time.Minute, drain: 10 * time.Second,
}

// closedFile is how a file stood when it was read to its end and closed.
type closedFile struct {
	size         int64
	mtime, ctime int64
	id           string // the known file that it is, if any
	path         string
}

// A follower keeps reading the files of all sources. One goroutine a source
// looks at its paths; one a file, the generation, reads it; and one gathers
// their lines, and publishes one commit while it gathers the next. A file that was renamed goes on being read by its
// generation, through the descriptor, while the file that is at the path now
// has a generation of its own.
//
// What was read is checked to be of the same file before it is handed on, and
// what was handed on but could not be committed is read again. What was
// written between the last reading and a truncation is lost, and said to be.
type follower struct {
	opts     Options
	timing   timing
	in       chan delivery
	flush    chan struct{}
	gather   *gatherer // of the committing goroutine alone
	failures int       // since the last commit, the same
	wg       sync.WaitGroup

	stopping <-chan struct{} // closed when the follower is told to stop
	giveUp   func()          // ends reading and committing at once

	files        int // that may be open beside each other
	rotatedFiles int // of these, rotated ones
	tails        int // so many files may be open where tails are used

	lastLine atomic.Int64 // when a line last came, Unix nanoseconds

	committing *pulse            // of the loop that commits
	looking    map[string]*pulse // of those that look at paths, by source name

	mu       sync.Mutex
	open     map[inodeKey]*generation
	closed   map[inodeKey]closedFile
	owners   map[string]*generation // who reads a source id now
	claims   map[*generation][]byte // beginnings of files that have no commit yet
	wanted   map[string]bool        // source ids that another file could go on with
	slots    map[string]*slot       // by source name and path
	sources  map[string]*sourceStats
	cut      map[string]bool // known files that were seen to be cut
	findings findings        // on gaps, for the next commit
	waiting  string          // why nothing can be committed now; empty when it can
	// Since when, and whether it is for want of space.
	waitingSince time.Time
	noSpace      bool
}

// slot is one path of a source.
type slot struct {
	src     *Source
	path    string
	gen     *generation // of the file at the path, as last seen
	missing bool
	trouble string // why it can't be read
	unread  int    // rotated files beside it that can't be read
	rescan  bool   // look for rotated files now
	scanned time.Time
}

// delivery is lines that a generation hands on.
type delivery struct {
	gen   *generation
	epoch int64
	r     *reading
	block block
}

// Follow reads the sources and goes on reading them until the context ends;
// then it reads what the logs hold at that moment, at most for ten seconds,
// commits it and returns nil. It returns an error when
// going on would not help, a *lake.UncertainError among them.
func Follow(ctx context.Context, opts Options) error {
	opts, err := opts.withDefaults()
	if err != nil {
		return err
	}
	return newFollower(opts, defaultTiming).run(ctx)
}

func newFollower(opts Options, t timing) *follower {
	f := &follower{
		opts: opts, timing: t, in: make(chan delivery), flush: make(chan struct{}, 1), gather: newGatherer(opts),
		open: map[inodeKey]*generation{}, closed: map[inodeKey]closedFile{}, owners: map[string]*generation{},
		claims: map[*generation][]byte{}, wanted: map[string]bool{}, slots: map[string]*slot{}, sources: map[string]*sourceStats{},
		cut: map[string]bool{},
	}
	f.gather.carry = true
	f.files, f.rotatedFiles, f.tails = fileLimits()
	f.committing, f.looking = newPulses(opts.Sources)
	for i := range opts.Sources {
		f.sources[opts.Sources[i].Name] = &sourceStats{}
	}
	if opts.Stats != nil {
		opts.Stats.set(f)
	}
	return f
}

func (f *follower) run(ctx context.Context) error {
	told := ctx
	ctx, cancel := f.working(ctx)
	defer cancel()
	if len(f.opts.Sources) == 0 { // a centre has none, and goes on until it is told to stop
		f.wg.Go(func() { <-told.Done() })
	}
	for i := range f.opts.Sources {
		f.wg.Go(func() { f.watch(ctx, &f.opts.Sources[i]) })
	}
	stopped := make(chan struct{})
	go func() { f.wg.Wait(); close(stopped) }()
	err := f.commitLoop(ctx, stopped)
	cancel()
	<-stopped
	f.gather.drop()
	return err
}

// watch looks at a source's paths until the follower is told to stop, and then
// once more.
func (f *follower) watch(ctx context.Context, src *Source) {
	judged, gaps := time.Now(), &watched{silent: map[string]bool{}}
	alive := f.looking[src.Name]
	defer alive.end()
	for {
		alive.beat()
		last := f.isStopping()
		paths, err := src.paths()
		if err != nil {
			f.trouble(f.slot(src, src.Path), err)
		}
		for _, p := range paths {
			f.look(ctx, src, p)
			alive.beat()
		}
		// Many paths are looked at less often, so that looking stays cheap.
		wait := f.pace() * time.Duration(1+len(paths)/100)
		if last {
			return
		}
		if time.Since(judged) >= f.timing.rescan {
			judged = time.Now()
			if err := f.judge(src, gaps); err != nil {
				f.opts.Log.Error("what is missing can't be told", "source", src.Name, "error", err)
			}
		}
		for until := time.Now().Add(wait); !f.isStopping() && time.Now().Before(until); {
			alive.beat()
			select {
			case <-ctx.Done():
				return
			case <-f.stopping:
			case <-time.After(min(pulseEvery, time.Until(until))):
			}
		}
	}
}

// quietFor is after what time without a line it is looked less often: at night
// nobody should pay for lines that do not come.
const quietFor = 10 * time.Second

// pace is how long to wait until the next look.
func (f *follower) pace() time.Duration {
	if time.Since(time.Unix(0, f.lastLine.Load())) > quietFor {
		return f.timing.idlePoll
	}
	return f.timing.poll
}

func (f *follower) slot(src *Source, path string) *slot {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := src.Name + "\x00" + path
	s := f.slots[key]
	if s == nil {
		s = &slot{src: src, path: path}
		f.slots[key] = s
	}
	return s
}

// look finds out which file is at the path now. When it is another than
// before, the log was rotated: then rotated files that are not known are
// looked for too.
func (f *follower) look(ctx context.Context, src *Source, path string) {
	s := f.slot(src, path)
	fi, err := os.Stat(path)
	f.mu.Lock()
	s.missing = errors.Is(err, fs.ErrNotExist)
	before, rescan := s.gen, s.rescan
	s.rescan = false
	f.mu.Unlock()
	first := s.scanned.IsZero()
	// At the end once more, whatever was seen a moment ago: a file may have been
	// rotated since.
	if first || rescan || f.isStopping() || time.Since(s.scanned) > f.timing.rescan {
		f.rotated(ctx, s, first)
	}
	switch {
	case s.missing:
		return // it is waited for; the file that was there is read on
	case err != nil:
		f.trouble(s, err)
		return
	}
	key := keyAt(path, fi)
	if f.nothingNew(before, key, fi) {
		return
	}
	if before != nil && before.key != key {
		f.rotated(ctx, s, false)
	}
	gen, err := f.start(ctx, src, path)
	f.trouble(s, err)
	if err == nil {
		f.mu.Lock()
		s.gen = gen
		f.mu.Unlock()
	}
}

// trouble says once why a path can't be read, and once that it can again.
func (f *follower) trouble(s *slot, err error) {
	what := ""
	if err != nil {
		what = err.Error()
	}
	f.mu.Lock()
	changed := s.trouble != what
	s.trouble = what
	f.mu.Unlock()
	switch {
	case !changed:
	case err != nil:
		f.opts.Log.Error("a log can't be read; it is tried again", "source", s.src.Name, "path", s.path, "error", err)
	default:
		f.opts.Log.Info("the log can be read again", "source", s.src.Name, "path", s.path)
	}
}

// rotated starts reading the rotated files beside a log that are not being
// read, oldest first; with wait, each before the next.
func (f *follower) rotated(ctx context.Context, s *slot, wait bool) {
	s.scanned = time.Now()
	paths, err := s.src.rotated(s.path, f.opts.Sources)
	if err != nil {
		f.trouble(s, err)
		return
	}
	unread := 0
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		s.unread = unread
	}()
	for _, p := range paths {
		if f.crowded(s) {
			return
		}
		gen, err := f.start(ctx, s.src, p)
		if err != nil {
			unread++
			f.opts.Log.Warn("a rotated file can't be read", "source", s.src.Name, "path", p, "error", err)
			continue
		}
		if wait && gen != nil && !f.awaitCaughtUp(ctx, gen) {
			return
		}
	}
}

// awaitCaughtUp waits until what a file held at first is handed on, or the
// follower is told to stop: then all are read at once. It gives false when the
// context ends.
func (f *follower) awaitCaughtUp(ctx context.Context, gen *generation) bool {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for {
		select {
		case <-gen.caughtUp:
			return true
		case <-ctx.Done():
			return false
		case <-f.stopping:
			return true
		case <-tick.C:
			f.looking[gen.src.Name].beat()
		}
	}
}

// start begins reading the file at the path, and gives its generation: the one
// that reads the file already, where there is one; nil where the file was read
// to its end and has not changed since.
func (f *follower) start(ctx context.Context, src *Source, path string) (*generation, error) {
	file, fi, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	key := keyOf(file, fi)
	f.mu.Lock()
	defer f.mu.Unlock()
	if g := f.open[key]; g != nil {
		g.path = path
		return g, file.Close()
	}
	if c, ok := f.closed[key]; ok {
		if c.is(fi) {
			return nil, file.Close()
		}
		delete(f.closed, key)
	}
	if len(f.open) >= f.files {
		return nil, errors.Join(tooManyFiles(path, f.files), file.Close())
	}
	how, err := detectCompression(file, path)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	g := &generation{follower: f, src: src, path: path, file: file, key: key, how: how, caughtUp: make(chan struct{})}
	f.open[key] = g
	f.wg.Go(func() { g.run(ctx) })
	return g, nil
}

// nothingNew tells whether the file at a path is being read by the generation
// that was last there, or was read to its end.
func (f *follower) nothingNew(g *generation, key inodeKey, fi os.FileInfo) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g != nil && g.key == key && f.open[key] == g {
		return true
	}
	c, ok := f.closed[key]
	return ok && c.is(fi)
}

// openFiles is how many files are being read.
func (f *follower) openFiles() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open)
}

// current tells whether the file is the one at a source's path.
func (f *follower) current(g *generation) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.slots {
		if s.gen == g {
			return true
		}
	}
	return false
}

// lookForCopies has the rotated files of the paths that the file is at looked
// for at once.
func (f *follower) lookForCopies(g *generation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.slots {
		s.rescan = s.rescan || s.gen == g
	}
}

// take makes the generation the only one that reads the source id, or tells
// that another one does. more says that the file goes on after the position.
func (f *follower) take(id string, g *generation, more bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch f.owners[id] {
	case nil:
		f.owners[id] = g
		delete(f.wanted, id)
		return true
	case g:
		return true
	}
	if more {
		f.wanted[id] = true
	}
	return false
}

// claim takes a new id for a file that is not known, unless a file that has no
// commit yet can turn out to be the same.
func (f *follower) claim(state *lake.State, g *generation, head []byte) (id string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for other, claimed := range f.claims {
		if other != g && mayBeSame(claimed, head) {
			return "", false
		}
	}
	id = state.NewSourceID(head, func(id string) bool { return f.owners[id] != nil })
	f.owners[id] = g
	f.claims[g] = head
	return id, true
}

// isWanted tells whether another file waits to go on with the source id.
func (f *follower) isWanted(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wanted[id]
}

// release gives up what the generation has taken and claimed.
func (f *follower) release(g *generation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, owner := range f.owners {
		if owner == g {
			delete(f.owners, id)
		}
	}
	delete(f.claims, g)
}

// leave closes a generation's file. done says that it was read to its end.
func (f *follower) leave(g *generation, done bool) {
	f.release(g)
	fi, err := g.file.Stat()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, g.key)
	if done && err == nil {
		// As it was when it was read: what came to it since is to be found.
		f.closed[g.key] = cmp.Or(g.seen, closedAs(fi)).of(g)
	}
	if err := g.file.Close(); err != nil {
		f.opts.Log.Warn("closing a log", "path", g.path, "error", err)
	}
}
