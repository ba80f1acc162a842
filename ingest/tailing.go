package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nxadm/tail"
)

const (
	// feedBytes is how much is given to a tail at a time: no more than an empty
	// pipe takes, so that giving never waits.
	feedBytes = 32 << 10
	// tailBehind is how much new content is faster read in blocks.
	tailBehind = 1 << 20
	// tailFiles is how many files may be open at most where tails are used: each
	// takes two descriptors more.
	tailFiles = 256
)

// feed is a tail that gets its bytes through a pipe, as they are appended.
//
// Left to itself on a file, the library reads on past what it can check: over a
// truncation, over a line without end until memory is full; and where a look at
// the file fails it ends the process. So it does not see the file. It gets the
// bytes that were checked to be the file's, at most the longest line's without
// a line end between them, and does what it is good at: it waits for bytes
// without polling, and makes whole lines of what comes in pieces.
type feed struct {
	tail *tail.Tail
	pipe *os.File // its writing end
	fed  int64    // the offset up to which bytes were given
	line int64    // the offset after the last line end among them
}

func newFeed(offset int64) (*feed, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	t, err := tail.TailFile(fmt.Sprintf("/proc/self/fd/%d", r.Fd()), tail.Config{
		Follow:        true,
		Pipe:          true,
		Poll:          true, // without the library's notifier, which all tails share
		MustExist:     true, // it opens the pipe at once
		CompleteLines: true,
		Logger:        tail.DiscardingLogger,
	})
	err = errors.Join(err, r.Close())
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &feed{tail: t, pipe: w, fed: offset, line: offset}, nil
}

// close ends the tail: at the pipe's end, if not before.
func (d *feed) close() {
	d.tail.Kill(nil)
	_ = d.pipe.Close()
	<-d.tail.Dead()
}

// give gives the tail the file's next bytes.
func (d *feed) give(f io.ReaderAt, buf []byte) error {
	n, err := f.ReadAt(buf, d.fed)
	if n == 0 {
		return err
	}
	if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
		d.line = d.fed + int64(i) + 1
	}
	d.fed += int64(n)
	_, err = d.pipe.Write(buf[:n])
	return err
}

// tailable tells whether the file may have a tail.
func (g *generation) tailable() bool {
	return !g.noTail && g.follower.openFiles() <= g.follower.tails
}

// tail hands on the lines that are appended, until it is behind, unsure or no
// longer wanted; the block reader goes on from there.
func (g *generation) tail(ctx context.Context, epoch int64) {
	f := g.follower
	d, err := newFeed(g.lines.off)
	if err != nil {
		g.noTail = true // no /proc, or no descriptor left: blocks do as well
		g.say("new lines are read without a tail", "error", err)
		return
	}
	defer d.close()
	pace := f.timing.poll
	tick := time.NewTicker(pace)
	defer tick.Stop()
	buf := make([]byte, feedBytes)
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.stopping:
			return // blocks are surer to reach the end
		case <-tick.C:
		}
		if now := f.pace(); now != pace {
			pace = now
			tick.Reset(pace)
		}
		if g.epoch.Load() != epoch || g.yields() || g.finished(g.settled.Load() >= g.lines.off) || !g.was {
			return
		}
		for {
			fi, at, err := g.look(d.fed)
			if err != nil || at == fileCut || fi.Size() > d.fed+tailBehind {
				return // the block reader says what is wrong, and is faster
			}
			if fi.Size() == d.fed {
				break
			}
			if err := d.give(g.file, buf); err != nil || d.fed-d.line > f.opts.MaxLine {
				return
			}
			if d.line > g.lines.off && !g.take(ctx, epoch, d) {
				return
			}
		}
	}
}

// take hands on the lines that the tail makes of the bytes it was given. It
// gives false when they are not what stands in the file.
func (g *generation) take(ctx context.Context, epoch int64, d *feed) bool {
	stall := time.NewTimer(g.follower.timing.stall)
	defer stall.Stop()
	start := g.lines.off
	var data []byte
	for start+int64(len(data)) < d.line {
		select {
		case line, ok := <-d.tail.Lines:
			if !ok || line.Err != nil {
				return false
			}
			data = append(append(data, line.Text...), '\n')
		case <-stall.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	// A piece of a line may have been taken back and written anew since it was
	// given.
	there, err := readAt(g.file, start, d.line-start)
	if err != nil || !bytes.Equal(there, data) {
		return false
	}
	before := *g.lines
	before.last = bytes.Clone(g.lines.last)
	b := g.lines.push(data)
	same, err := g.intact()
	if err != nil || !same || g.epoch.Load() != epoch || g.deliver(ctx, epoch, b) != nil {
		*g.lines = before
		return false
	}
	return true
}
