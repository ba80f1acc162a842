package ingest

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/nxadm/tail"
	"github.com/nxadm/tail/watch"
	"golang.org/x/sys/unix"
)

func init() {
	// A variable of the library, for all its tails; it must be set before the
	// first of them.
	watch.POLL_DURATION = tailPoll
}

const (
	// tailPoll is how often a tail looks at its file, guardPoll how often its
	// guard does. The tail reads all that was appended before it looks for line
	// ends: gigabytes without one, as a hole that a careless truncation leaves,
	// would all be in memory. So the guard looks much more often, and stops the
	// tail before it looks.
	tailPoll  = 250 * time.Millisecond
	guardPoll = 5 * time.Millisecond
	// tailFiles is how many files may be open where tails are used: with very
	// many, looking that often costs more than it gives.
	tailFiles = 32
)

// localFileSystems are those on which a look at an open file does not fail.
// The tail ends the whole process when it does, so elsewhere, on network file
// systems above all, lines come from blocks alone.
var localFileSystems = map[int64]bool{
	unix.EXT4_SUPER_MAGIC: true, // ext2 and ext3 too
	unix.XFS_SUPER_MAGIC:  true, unix.BTRFS_SUPER_MAGIC: true, unix.F2FS_SUPER_MAGIC: true,
	unix.TMPFS_MAGIC: true, unix.RAMFS_MAGIC: true, unix.OVERLAYFS_SUPER_MAGIC: true,
	0x2fc12fc1: true, // ZFS
	0xca451a4e: true, // bcachefs
}

// tailable tells whether the file may be given to a tail.
func (g *generation) tailable() bool {
	if g.noTail || g.follower.openFiles() > tailFiles {
		return false
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(g.file.Fd()), &st); err != nil || !localFileSystems[int64(st.Type)] {
		g.noTail = true
	}
	return !g.noTail
}

const (
	tailBurst  = 256 << 10 // bytes handed on at a time
	tailBehind = 1 << 20   // bytes that are faster read in blocks
)

// tail hands on the lines that are appended, until it is behind, unsure or no
// longer wanted; the block reader goes on from there.
//
// The library is used in the one way that loses nothing: it polls the open
// descriptor, so that it sees neither renames nor other files at the path; it
// gives whole lines only; and each line's offset must follow from the one
// before. It never reopens, and where it would have to it is stopped.
func (g *generation) tail(ctx context.Context, epoch int64) {
	f := g.follower
	t, err := tail.TailFile(fmt.Sprintf("/proc/self/fd/%d", g.file.Fd()), tail.Config{
		Location:      &tail.SeekInfo{Offset: g.lines.off, Whence: io.SeekStart},
		Follow:        true,
		Poll:          true,
		MustExist:     true,
		CompleteLines: true,
		Logger:        tail.DiscardingLogger,
	})
	if err != nil {
		g.noTail = true // no /proc, or no permission: blocks do as well
		g.say("new lines are read without a tail", "error", err)
		return
	}
	defer func() {
		t.Kill(nil)
		select {
		case <-t.Dead():
		case <-time.After(time.Second): // it reads a line without end; it dies after that
		}
	}()
	tick := time.NewTicker(f.timing.poll / 2)
	defer tick.Stop()
	guard := time.NewTicker(guardPoll)
	defer guard.Stop()
	behind := time.Time{} // since when the file has been longer than what was handed on
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.stopping:
			return // blocks are surer to reach the end
		case line, ok := <-t.Lines:
			if !ok || !g.take(ctx, epoch, t, line) {
				return
			}
			behind = time.Time{}
		case <-guard.C:
			if g.ahead() > tailBehind {
				return
			}
		case <-tick.C:
			if g.epoch.Load() != epoch || g.yields() || g.finished(g.settled.Load() >= g.lines.off) || !g.was {
				return
			}
			at, err := g.atFileEnd()
			if err != nil || at == fileCut {
				return // the block reader says what is wrong
			}
			if at == fileEnds {
				behind = time.Time{}
				continue
			}
			now := time.Now()
			if behind.IsZero() {
				behind = now
			}
			if now.Sub(behind) > f.timing.stall {
				return
			}
		}
	}
}

// ahead is how much longer the file is than what was handed on.
func (g *generation) ahead() int64 {
	fi, err := g.file.Stat()
	if err != nil {
		return 0
	}
	return fi.Size() - g.lines.off
}

// take hands on a line of the tail, with those that follow at once. It gives
// false when they do not follow from what was handed on before, or the file is
// no longer the one that they are of.
func (g *generation) take(ctx context.Context, epoch int64, t *tail.Tail, line *tail.Line) bool {
	var data []byte
	for more := true; more; {
		end := g.lines.off + int64(len(data))
		if line.Err != nil || line.SeekInfo.Offset-end != int64(len(line.Text))+1 {
			return false
		}
		data = append(append(data, line.Text...), '\n')
		more = false
		if len(data) < tailBurst {
			select {
			case next, ok := <-t.Lines:
				line, more = next, ok
			default:
			}
		}
	}
	before := *g.lines
	before.last = append([]byte(nil), g.lines.last...)
	b := g.lines.push(data)
	same, err := g.intact()
	if err != nil || !same || g.epoch.Load() != epoch {
		*g.lines = before
		return false
	}
	if g.deliver(ctx, epoch, b) != nil {
		*g.lines = before
		return false
	}
	return true
}
