package ingest

import (
	"context"
	"errors"
	"io"
)

// readPacked reads a compressed file, from where it is known to its end.
func (g *generation) readPacked(ctx context.Context) (done bool, err error) {
	f := g.follower
	epoch := g.epoch.Load()
	fi, err := g.file.Stat()
	if err != nil {
		return false, err
	}
	g.seen = closedAs(fi)
	state, err := f.opts.Lake.State()
	if err != nil {
		return false, err
	}
	o, err := examine(ctx, g.file, fi, g.name(), state)
	if err != nil {
		return false, err
	}
	defer o.closeStream()
	if o.who.standing == earlierState || len(o.head) == 0 || o.onlyHeaders() {
		g.foundOut("")
		g.damage(o)
		return true, nil
	}
	ok, err := g.identified(state, o.who, o.sample, fi.Size())
	if errors.Is(err, errAgain) {
		return false, nil
	}
	if err != nil || !ok {
		g.atEnd()
		return err == nil && g.idle(ctx), err
	}
	defer f.release(g)
	g.r.content = o.content
	in, last, err := o.from(g.r.position)
	if err != nil {
		return false, err
	}
	g.lines = newBlocks(in, g.r.position, f.opts.MaxLine, o.head, last)
	for {
		b, err := g.lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
		if err := g.deliver(ctx, epoch, b); err != nil || g.epoch.Load() != epoch {
			return false, err
		}
	}
	if o.stream.damage == nil {
		if b, ok := g.lines.rest(); ok {
			if err := g.deliver(ctx, epoch, b); err != nil {
				return false, err
			}
		}
	}
	g.damage(o)
	g.atEnd()
	for g.settled.Load() < g.handed {
		if ctx.Err() != nil || g.epoch.Load() != epoch {
			return false, nil
		}
		if f.isStopping() {
			g.settles(ctx)
			continue
		}
		g.wait(ctx, f.timing.poll)
	}
	if o.stream.damage == nil {
		f.mu.Lock()
		g.whole = true
		f.mu.Unlock()
		g.end()
	}
	return true, nil
}

// damage says that a compressed file ended early: it may still be under way,
// and is read on when it has changed.
func (g *generation) damage(o *opened) {
	f := g.follower
	f.mu.Lock()
	src := f.sources[g.src.Name]
	if o.stream.damage == nil {
		delete(src.damaged, g.path)
	} else {
		if src.damaged == nil {
			src.damaged = map[string]bool{}
		}
		src.damaged[g.path] = true
	}
	f.mu.Unlock()
	if o.stream.damage != nil {
		g.say("a compressed log is cut short or damaged; what is complete of it is read", "error", o.stream.damage)
	}
}
