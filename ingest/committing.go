package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pixledger/schemas/lake"
)

// commitLoop gathers lines and commits them, until everyone who reads has
// stopped.
func (f *follower) commitLoop(ctx context.Context, stopped <-chan struct{}) error {
	due := time.NewTimer(time.Hour)
	due.Stop()
	alive := time.NewTicker(pulseEvery)
	defer alive.Stop()
	defer f.committing.end()
	for {
		// A commit under way gives its sign when it lands: one that hangs must show,
		// also where no line comes behind it.
		if f.gather.ahead == nil {
			f.committing.beat()
		}
		var err error
		var landed <-chan struct{}
		if f.gather.ahead != nil {
			landed = f.gather.ahead.landed
		}
		select {
		case d := <-f.in:
			if d.epoch != d.gen.epoch.Load() {
				d.block.release() // handed on before its file's lines were dropped
				continue
			}
			if !f.gather.waits() {
				due.Reset(f.opts.Interval)
			}
			if err = f.gather.add(d.r, d.block); err != nil {
				// The file is identified anew, in a state that has what is under way.
				err = errors.Join(err, f.land())
				d.gen.epoch.Add(1)
			} else if f.gather.full() {
				err = f.takeOff()
			}
		case <-due.C:
			err = f.takeOff()
		case <-landed:
			err = f.land()
		case <-f.flush:
			err = f.publish()
		case <-alive.C:
			continue
		case <-stopped:
			return f.last()
		}
		var uncertain *lake.UncertainError
		switch {
		case err == nil:
			continue
		case errors.As(err, &uncertain):
			return err
		}
		f.drop()
		if errors.Is(err, lake.ErrConflict) {
			f.opts.Log.Info("another process has read the same log; going on from where it is", "error", err)
			continue
		}
		if f.isStopping() {
			f.unsaved(err)
			f.giveUp()
			continue
		}
		f.failures++
		if !isPassing(err) && f.failures > maxFailures {
			return fmt.Errorf("commit: %w", err)
		}
		f.pause(ctx, err)
	}
}

// maxFailures is how often in a row a commit may fail, for another reason than
// a full disk or a want of descriptors, before the follower gives up.
const maxFailures = 5

// pause says that nothing can be committed, and waits; meanwhile nobody's
// lines are taken.
func (f *follower) pause(ctx context.Context, err error) {
	wait := min(f.timing.retry<<min(f.failures-1, 10), f.timing.retryMax)
	what := "could not commit: trying again; nothing is lost"
	if isNoSpace(err) {
		what = "no space left for the lake: ingest waits and goes on when there is some; nothing is lost"
	}
	f.opts.Log.Error(what, "lake", f.opts.Lake.Root(), "error", err, "retry_in", wait)
	f.setWaiting(fmt.Sprintf("%s (%v)", what, err), isNoSpace(err))
	for until := time.Now().Add(wait); time.Now().Before(until); {
		f.committing.beat()
		select {
		case <-ctx.Done():
			return
		case <-f.stopping:
			return
		case <-time.After(min(pulseEvery, time.Until(until))):
		}
	}
}

// setWaiting notes why nothing can be committed, or with an empty text that it
// can.
func (f *follower) setWaiting(why string, noSpace bool) {
	f.mu.Lock()
	since, again := f.waitingSince, why == "" && f.waiting != ""
	switch {
	case why == "":
		f.waitingSince = time.Time{}
	case f.waiting == "":
		f.waitingSince = f.opts.Now().UTC()
	}
	f.waiting, f.noSpace = why, noSpace
	f.mu.Unlock()
	if again {
		f.opts.Log.Info("lines are committed again", "lake", f.opts.Lake.Root(), "waited_since", since)
	}
}

// last commits what waits when all have stopped, which is little unless the
// drain took too long. A failure loses nothing: the lines are read again at the
// next start.
func (f *follower) last() error {
	err := f.publish()
	var uncertain *lake.UncertainError
	if err == nil || errors.As(err, &uncertain) {
		return err
	}
	f.unsaved(err)
	return nil
}

// unsaved says that the last commit failed.
func (f *follower) unsaved(err error) {
	f.opts.Log.Warn("what was read last could not be committed; the next start reads it again", "error", err)
}

// drop forgets the lines that wait and has them read again.
func (f *follower) drop() {
	for _, s := range f.gather.spans {
		s.r.gen.epoch.Add(1)
	}
	f.gather.drop()
}

// publish commits what waits, and waits for the end of it.
func (f *follower) publish() error {
	err := f.takeOff()
	if err == nil {
		err = f.land()
	}
	if err != nil {
		return err
	}
	return f.note()
}

// worked takes back, after a commit without an error, what is said of those
// that failed.
func (f *follower) worked(err error) error {
	if err == nil {
		f.failures = 0
		f.setWaiting("", false)
	}
	return err
}

// takeOff begins to commit what waits, when what took off before has landed:
// lines are gathered meanwhile.
func (f *follower) takeOff() error {
	err := f.land()
	if err == nil {
		f.gather.takeOff()
	}
	return err
}

// land waits for the commit under way, if there is one, and notes what became
// of each file. When it failed, what was gathered behind it is dropped too, and
// all of it is read again.
func (f *follower) land() error {
	ahead := f.gather.ahead
	if ahead == nil {
		return nil
	}
	done, rec, err := f.gather.land()
	f.committing.beat()
	if err != nil {
		// The spans are gone; whose lines they were is known from the open files.
		f.mu.Lock()
		for _, g := range f.open {
			g.epoch.Add(1)
		}
		f.mu.Unlock()
		return err
	}
	for _, s := range ahead.blank { // there is nothing to commit of them
		s.r.gen.settled.Store(s.end)
	}
	f.mu.Lock()
	for _, c := range done {
		g := c.r.gen
		g.settled.Store(c.end)
		delete(f.claims, g)
		f.sources[g.src.Name].committed(f, g, rec.At, c)
	}
	f.mu.Unlock()
	return f.worked(f.note())
}
