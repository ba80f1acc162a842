package ingest

import (
	"context"
	"time"
)

// A follower that is told to stop drains: every path is looked at once more,
// every open file is read to the size that it has then, and what was read is
// committed. A commit that another process came before is read again from where
// that one got to, as ever. A drain that takes longer than timing.drain commits
// what it has read, and says what is left for the next start.

// drainPoll is how often a generation that is stopping looks whether its lines
// are committed.
const drainPoll = 20 * time.Millisecond

// working gives the context of reading and committing, which outlives the one
// that tells to stop by the time that draining may take.
func (f *follower) working(ctx context.Context) (work context.Context, cancel func()) {
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	f.stopping, f.giveUp = ctx.Done(), end
	late := time.AfterFunc(time.Hour, end)
	late.Stop()
	unwatch := context.AfterFunc(ctx, func() { late.Reset(f.timing.drain) })
	return work, func() { unwatch(); late.Stop(); end() }
}

// isStopping tells whether the follower was told to stop.
func (f *follower) isStopping() bool {
	select {
	case <-f.stopping:
		return true
	default:
		return false
	}
}

// atDrainEnd notes that the generation has nothing more to read before it
// stops, and has the lines of all committed once that is true of all.
func (f *follower) atDrainEnd(g *generation) {
	f.mu.Lock()
	g.drained = true
	all := true
	for _, o := range f.open {
		all = all && o.drained
	}
	f.mu.Unlock()
	if !all {
		return
	}
	select {
	case f.flush <- struct{}{}:
	default:
	}
}

// notDrained takes back what atDrainEnd noted.
func (f *follower) notDrained(g *generation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g.drained = false
}

// drainedTo tells whether the generation is stopping and has read what the
// file held when it was told to.
func (g *generation) drainedTo(off int64) bool {
	if !g.follower.isStopping() {
		return false
	}
	if !g.limited {
		fi, err := g.file.Stat()
		if err != nil {
			return true
		}
		g.limit, g.limited = fi.Size(), true
	}
	return off >= g.limit
}

// settles waits a moment for the lines that were handed on to be committed, and
// tells whether they are.
func (g *generation) settles(ctx context.Context) bool {
	if g.settled.Load() >= g.handed {
		return true
	}
	g.follower.atDrainEnd(g)
	g.wait(ctx, g.follower.timing.poll)
	return false
}

// undrained says that the file was not read, or not committed, to the end
// before the follower stopped.
func (g *generation) undrained() {
	fi, err := g.file.Stat()
	if err != nil || g.how != plain || g.lines == nil {
		return
	}
	if !g.limited {
		g.limit = fi.Size()
	}
	if left := fi.Size() - g.handed; g.handed < g.limit {
		g.say("stopped before the log was read to its end; the next start goes on from there", "offset", g.handed, "bytes", left)
	}
}
