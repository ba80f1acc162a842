package compact

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/rewrite"
)

// Lock is the lock of compaction, which no other job takes.
const Lock = "compact"

// commitBytes is about how much is merged in one commit: a failure loses no more
// work than that, and the old files need no more place beside the new ones.
const commitBytes = 1 << 30

// Options say what to compact and what it may use.
type Options struct {
	Lake *lake.Lake
	Now  time.Time
	// Date narrows it to the folders of one UTC date; "": all.
	Date    string
	Session lakedb.Options
	Wait    time.Duration // for another compaction to end
	Holder  string        // what others are told of who holds the lock; empty: compact
	// FileBytes is about the size of files; 0: rewrite.FileBytes.
	FileBytes int64
	// Progress is told, if not nil, of the bytes of the files merged.
	Progress func(done, total int64)
	// Folder is told, if not nil, of each folder that is done.
	Folder func(rewrite.Rewritten)
}

// Summary is what a compaction did.
type Summary struct {
	Commits                 int
	Folders                 []rewrite.Rewritten
	FilesBefore, FilesAfter int
	BytesBefore, BytesAfter int64
}

// Run merges what is due. Where another commit exchanges a folder meanwhile, it
// looks again. A folder with a file that is not what was committed is passed over,
// and the error names the file. It gives a *lake.HeldError when another compaction
// held the lock for longer than Options.Wait. What was done before a failure is done.
func Run(ctx context.Context, o Options) (Summary, error) {
	holder := o.Holder
	if holder == "" {
		holder = "compact"
	}
	unlock, err := o.Lake.Lock(ctx, Lock, holder, o.Wait)
	if err != nil {
		return Summary{}, err
	}
	defer unlock()
	var sum Summary
	for attempt := 1; ; attempt++ {
		err := o.once(ctx, &sum)
		if err == nil || attempt == 5 || ctx.Err() != nil || !errors.Is(err, rewrite.ErrMoved) {
			return sum, err
		}
	}
}

// DueOf lists what is due of the date, or of all for "".
func DueOf(state *lake.State, now time.Time, date string) []Due {
	due := Plan(state, now)
	if date == "" {
		return due
	}
	var out []Due
	for _, d := range due {
		if d.Date == date {
			out = append(out, d)
		}
	}
	return out
}

// once merges what is due by the newest state, some folders a commit.
func (o *Options) once(ctx context.Context, sum *Summary) error {
	state, err := o.Lake.State()
	if err != nil {
		return err
	}
	due := DueOf(state, o.Now, o.Date)
	var total, done int64
	for _, d := range due {
		total += d.Bytes()
	}
	var spoilt []error
	for len(due) > 0 {
		job := rewrite.Job{
			Lake: o.Lake, Kind: lake.CompactKind, Now: o.Now, Session: o.Session, FileBytes: o.FileBytes,
		}
		var bytes int64
		n := 0
		for n < len(due) && (n == 0 || bytes+due[n].Bytes() <= commitBytes) {
			job.Folders = append(job.Folders, due[n].Folder)
			bytes += due[n].Bytes()
			n++
		}
		if o.Progress != nil {
			job.Progress = func(part, _ int64) { o.Progress(done+part, total) }
		}
		r, err := rewrite.Run(ctx, job)
		var s *rewrite.SpoiltError
		if errors.As(err, &s) && !errors.Is(err, rewrite.ErrMoved) {
			spoilt = append(spoilt, err)
			due = slices.DeleteFunc(due, func(d Due) bool { return d.Path == path.Dir(s.File.Path) })
			continue
		}
		if err != nil {
			return fmt.Errorf("compact: %w", err)
		}
		sum.add(r, o.Folder)
		due, done = due[n:], done+bytes
	}
	if len(spoilt) > 0 {
		return fmt.Errorf("compact: %w", errors.Join(spoilt...))
	}
	return nil
}

func (s *Summary) add(r *rewrite.Result, tell func(rewrite.Rewritten)) {
	s.Commits++
	s.Folders = append(s.Folders, r.Folders...)
	for _, f := range r.Folders {
		s.FilesBefore += f.FilesBefore
		s.FilesAfter += f.FilesAfter
		s.BytesBefore += f.BytesBefore
		s.BytesAfter += f.BytesAfter
		if tell != nil {
			tell(f)
		}
	}
}
