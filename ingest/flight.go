package ingest

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"pixledger/ingest/decode"
	"pixledger/ingest/segment"
	"pixledger/schemas/lake"
)

// flight is a load that was taken off: its files are finished and published
// while the lines of the next commit are gathered. There is never more than
// one, so that commits come in the order of their lines. Where it fails, the
// lines gathered behind it are dropped with it, for they go on from a position
// that was not reached.
type flight struct {
	load   *load
	landed chan struct{} // closed when all below is known

	rec   *lake.Record // nil where there was nothing to commit
	err   error
	done  []committed
	times map[*reading]int64 // of the last lines
	blank []*span            // without a line
}

// committed is what became of one file's lines in a commit.
type committed struct {
	r     *reading
	end   int64
	days  map[string]*lake.Counts
	users int64 // events with a user id
}

// takeOff begins to publish what waits as one commit, and leaves the gatherer
// empty. What took off before must have landed.
func (g *gatherer) takeOff() {
	if g.staging == nil {
		return
	}
	f := &flight{load: g.load, landed: make(chan struct{})}
	g.ahead, g.load = f, newLoad(g.opts)
	go func() {
		defer close(f.landed)
		defer f.load.drop()
		f.err = f.publish()
		var u *lake.UncertainError
		f.load.uncertain = errors.As(f.err, &u)
	}()
}

// hasLanded tells whether something took off and land would not wait for it.
func (g *gatherer) hasLanded() bool {
	if g.ahead == nil {
		return false
	}
	select {
	case <-g.ahead.landed:
		return true
	default:
		return false
	}
}

// flying gives what is under way of a file, or nil.
func (g *gatherer) flying(id string) *span {
	if g.ahead == nil {
		return nil
	}
	return g.ahead.load.spans[id]
}

// land waits for what took off, and gives what became of each file. A file
// without a line so far is not committed: nothing of it would be told apart
// from another file's empty beginning. On any error all lines are dropped, those
// gathered since too.
func (g *gatherer) land() (done []committed, rec *lake.Record, err error) {
	f := g.ahead
	if f == nil {
		return nil, nil, nil
	}
	<-f.landed
	g.ahead = nil
	if f.err != nil {
		g.drop()
		return nil, nil, f.err
	}
	for _, c := range f.done {
		c.r.position, c.r.passed, c.r.isNew = c.end, 0, false
		c.r.state = nil // a whole list of the lake's files, which nobody needs any more
		if last, ok := f.times[c.r]; ok {
			c.r.lastTime, c.r.timed = last, true
		}
	}
	for _, s := range f.blank {
		switch behind := g.spans[s.r.id]; {
		case behind != nil:
			behind.start = s.start
		case g.carry:
			g.spans[s.r.id] = s
			g.order = append(g.order, s.r.id)
		default:
			s.r.passed = s.end - s.r.position
		}
	}
	return f.done, f.rec, nil
}

// NoteBotList is the note of a commit that names the lists by which its events
// were judged to be robots', see decode.BotList.
const NoteBotList = "bot_list"

// publish finishes the files and commits them. Of the readings it uses what
// does not change before the landing.
func (f *flight) publish() error {
	g := f.load
	g.stop()
	if err := g.failed(); err != nil {
		return err
	}
	draft := &lake.Draft{Kind: "ingest", At: g.opts.Now(), Notes: map[string]string{NoteBotList: decode.BotList()}}
	days := map[string]map[string]*lake.Counts{}
	users, lines := map[string]int64{}, map[string]int64{}
	batches := make([]*segment.Batch, len(g.workers))
	for i, w := range g.workers {
		batches[i] = w.batch
	}
	segment.Merge(batches)
	results := make([]*segment.Result, len(g.workers))
	var finish errgroup.Group
	for i, w := range g.workers {
		finish.Go(func() (err error) {
			results[i], err = w.batch.Finish()
			return err
		})
	}
	if err := finish.Wait(); err != nil {
		return err
	}
	for i, w := range g.workers {
		res := results[i]
		for _, f := range res.Files {
			draft.Add = append(draft.Add, lake.Staged{
				Folder: f.Folder, Name: f.Name, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256, MinTime: f.MinTime, MaxTime: f.MaxTime,
			})
		}
		for id, a := range res.Accounts {
			days[id] = lake.AddDays(days[id], a.Days)
			users[id] += a.Users
		}
		for id, n := range w.lines {
			lines[id] += n
		}
	}
	f.times = clocks(g.workers, days)
	for _, id := range g.order {
		s := g.spans[id]
		rng := lake.Range{
			SourceID: id, Edge: s.r.edge, Name: s.r.path, Start: s.start, End: s.end,
			Head: lake.PrintOf(s.head), Anchor: lake.PrintOf(s.last), HeadLines: lake.HeadLinesOf(s.head),
			Device: s.r.key.device, Inode: s.r.key.inode, Born: s.r.key.born, Total: lines[id], Days: days[id], LastTime: f.times[s.r],
		}
		if rng.Lines() == 0 {
			f.blank = append(f.blank, s)
			continue
		}
		draft.Ranges = append(draft.Ranges, rng)
		f.done = append(f.done, committed{r: s.r, end: s.end, days: days[id], users: users[id]})
	}
	if len(draft.Ranges) == 0 {
		return nil
	}
	rec, err := g.opts.Lake.Commit(g.staging, func(state *lake.State) (*lake.Draft, error) {
		for _, c := range f.done {
			if s := g.spans[c.r.id]; c.r.isNew && knownSince(c.r.state, state, s.head) {
				return nil, fmt.Errorf("%s: was read by another process too: %w", c.r.path, lake.ErrConflict)
			}
		}
		draft.Ended = nil
		for _, id := range slices.Compact(slices.Sorted(slices.Values(g.ended))) {
			if state.Sources[id] != nil || days[id] != nil {
				draft.Ended = append(draft.Ended, id)
			}
		}
		return draft, nil
	})
	f.rec = rec
	return err
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
