// Package forget erases people from a lake: a user id becomes a random
// pseudonym wherever it stands, and what else tells of the person is removed
// from the rows that were under it. Rows, decisions and money stay.
//
// What stands in the lake is exchanged in one commit, so that there is never a
// lake in which a part of a user's rows has another id than the rest. Before it,
// the ids and their pseudonyms are noted in a file, which is removed when all is
// done: who is killed in between is finished by the next run, with the same
// pseudonyms. See docs/decisions/0029-erasure.md.
package forget

import (
	"context"
	_ "embed" // the statements
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/rewrite"
)

//go:embed sql/change_events.sql
var changeEventsSQL string

//go:embed sql/change_attributions.sql
var changeAttributionsSQL string

//go:embed sql/change_rejects.sql
var changeRejectsSQL string

// Options say whom to forget and what it may use.
type Options struct {
	Lake *lake.Lake
	Now  time.Time
	// UserIDs are the ids as they stand in user_id. Those of an erasure that was
	// cut short come before them.
	UserIDs []string
	Session lakedb.Options
	// Locks are taken in this order and held to the end: of all jobs that write
	// what they have read before.
	Locks  []string
	Wait   time.Duration // for each of them
	Holder string        // what others are told of who holds them
	// Clean erases what others keep of the lake's rows, if not nil: after the
	// commits and before the ids are struck off the file of what is to be done. It
	// is called again when it was cut short.
	Clean func(context.Context, Erased) error
	// DryRun finds what there is and changes nothing.
	DryRun bool
	// Progress is told, if not nil, of the bytes of the files that were searched,
	// or rewritten.
	Progress func(step string, done, total int64)
}

// Summary is what was erased, or in a dry run what would be.
type Summary struct {
	Users   int // ids that were asked for
	Resumed int // ids of an erasure that was cut short
	// Rows that were under one of the ids: events, and attributions.
	Events, Attributions int64
	// Rejects are lines that could not be read and hold an id.
	Rejects int64
	// Mentions are rows of others, events and attributions, that hold an id in some
	// text.
	Mentions int64
	Files    int
	Bytes    int64 // of the files that were rewritten
	Commits  []int64
	// Unknown are ids, as they were asked for, that nothing was found of.
	Unknown []string
}

// Erased is what the commits have done, for those who keep something of the rows.
type Erased struct {
	Resumed bool        // something was begun by an earlier run, whose commits may be made
	Before  []lake.File // the files as they were that were rewritten
	Session lakedb.Options
	// Prepare gives a session the macros that the rows were changed by (macros.sql).
	// It is nil where they were changed by several, by an earlier run, or not at all.
	Prepare func(context.Context, *lakedb.DB) error
}

// rounds is how often the lake is searched for rows that came meanwhile.
const rounds = 10

// idsAtOnce is how many ids are looked for in one search of the lake.
const idsAtOnce = 100

// Run forgets the users. After a failure it is to be run again: what was begun
// is finished then, whatever ids it is given. It gives a *lake.HeldError when
// others held a lock for longer than Options.Wait.
func Run(ctx context.Context, o Options) (_ Summary, err error) {
	for _, name := range o.Locks {
		unlock, err := o.Lake.Lock(ctx, name, o.Holder, o.Wait)
		if err != nil {
			return Summary{}, err
		}
		defer unlock()
	}
	before, err := Pending(o.Lake)
	if err != nil {
		return Summary{}, err
	}
	todo := slices.Clone(before)
	for _, id := range o.UserIDs {
		if !slices.ContainsFunc(todo, func(n name) bool { return n.UserID == id }) {
			todo = append(todo, newName(id))
		}
	}
	f := &forgetting{Options: o, todo: todo, found: map[string]bool{}}
	f.sum.Users, f.sum.Resumed = len(todo)-len(before), len(before)
	if len(todo) == 0 {
		return f.sum, o.clearPending()
	}
	if !o.DryRun {
		// What a killed process has left below staging are files as they were.
		if err := o.Lake.Recover(); err != nil {
			return Summary{}, err
		}
		if err := o.notePending(todo); err != nil {
			return Summary{}, err
		}
	}
	for batch := range slices.Chunk(todo, idsAtOnce) {
		if err := f.batch(ctx, batch); err != nil {
			return Summary{}, err
		}
	}
	for _, id := range o.UserIDs {
		if !f.found[id] && !slices.ContainsFunc(before, func(n name) bool { return n.UserID == id }) {
			f.sum.Unknown = append(f.sum.Unknown, id)
		}
	}
	if o.DryRun {
		return f.sum, nil
	}
	if o.Clean != nil {
		e := Erased{Resumed: len(before) > 0, Before: f.before, Session: f.session()}
		if len(before) == 0 && len(todo) <= idsAtOnce {
			e.Prepare = f.prepare
		}
		if err := errors.Join(o.Clean(ctx, e), f.cleanTemp()); err != nil {
			return Summary{}, err
		}
	}
	return f.sum, o.clearPending()
}

// forgetting is a run under way.
type forgetting struct {
	Options
	sum  Summary
	todo []name

	before  []lake.File // that were rewritten
	prepare func(context.Context, *lakedb.DB) error

	found map[string]bool // ids that something was found of
}

// batch forgets some users, all of them in one commit, and in further ones what
// came while it was written.
func (f *forgetting) batch(ctx context.Context, names []name) error {
	searched := map[string]bool{}
	for round := 1; ; round++ {
		state, err := f.Lake.State()
		if err != nil {
			return err
		}
		s, err := f.search(ctx, state, names, searched)
		if err != nil {
			if round < rounds && ctx.Err() == nil && f.gone(state) {
				continue // another commit has exchanged what was searched
			}
			return fmt.Errorf("search the lake: %w", err)
		}
		if len(s.files) == 0 {
			return nil
		}
		if f.DryRun {
			f.add(s)
			return nil
		}
		if err := f.settle(ctx, state, s); err != nil {
			if round < rounds && ctx.Err() == nil && f.gone(state) {
				clear(searched)
				continue
			}
			return err
		}
		r, err := f.rewrite(ctx, s)
		if errors.Is(err, rewrite.ErrMoved) && round < rounds && ctx.Err() == nil {
			clear(searched)
			continue
		}
		if err != nil {
			return err
		}
		f.add(s)
		f.before, f.prepare = append(f.before, s.files...), s.prepare
		f.sum.Commits = append(f.sum.Commits, r.Commit)
		if round == rounds {
			return errors.New("rows under the id come faster than they can be rewritten; run `pixledger forget` again to finish it")
		}
		if err := f.written(r.Commit, state.Seq, searched); err != nil {
			return err
		}
	}
}

// written takes in that the files of a commit of this run hold none of the ids,
// but for those that came after the state that was searched and were kept.
func (f *forgetting) written(commit, state int64, searched map[string]bool) error {
	came := map[string]bool{}
	for seq := state + 1; seq <= commit; seq++ {
		r, _, err := f.Lake.ReadRecord(seq)
		if err != nil {
			return err
		}
		files := slices.Clone(r.Add)
		for _, folder := range r.Replace {
			files = append(files, folder.Files...)
		}
		for _, file := range files {
			switch {
			case seq < commit:
				came[file.SHA256] = true
			case !came[file.SHA256]:
				searched[file.SHA256] = true
			}
		}
	}
	return nil
}

func (f *forgetting) add(s *search) {
	f.sum.Events += s.events
	f.sum.Attributions += s.attributions
	f.sum.Rejects += s.rejects
	f.sum.Mentions += s.mentions
	f.sum.Files += len(s.files)
	for _, file := range s.files {
		f.sum.Bytes += file.Bytes
	}
	for id := range s.found {
		f.found[id] = true
	}
}

// gone tells whether files of a state have left the lake since.
func (f *forgetting) gone(s *lake.State) bool {
	now, err := f.Lake.State()
	if err != nil {
		return false
	}
	for p := range s.Files {
		if _, there := now.Files[p]; !there {
			return true
		}
	}
	return false
}

// session is where DuckDB spills: a folder of its own, so that nothing is left
// there of what is erased.
func (f *forgetting) session() lakedb.Options {
	o := f.Session
	if o.TempDir != "" {
		o.TempDir = filepath.Join(o.TempDir, "forget")
	}
	return o
}

// rewrite exchanges the files that hold one of the ids.
func (f *forgetting) rewrite(ctx context.Context, s *search) (_ *rewrite.Result, err error) {
	job := rewrite.Job{
		Lake: f.Lake, Kind: lake.ForgetKind, Now: f.Now, Session: f.session(),
		Change: map[string]string{
			schemas.Events.Name: changeEventsSQL, schemas.Attributions.Name: changeAttributionsSQL, schemas.Rejects.Name: changeRejectsSQL,
		},
		Prepare: s.prepare,
		Notes: map[string]string{
			"users": fmt.Sprint(len(s.names)), "events": fmt.Sprint(s.events), "attributions": fmt.Sprint(s.attributions),
			"rejects": fmt.Sprint(s.rejects), "mentions": fmt.Sprint(s.mentions),
		},
	}
	byFolder := map[string]int{}
	for _, file := range s.files {
		folder := path.Dir(file.Path)
		i, ok := byFolder[folder]
		if !ok {
			i = len(job.Folders)
			byFolder[folder] = i
			job.Folders = append(job.Folders, rewrite.Folder{Path: folder})
		}
		job.Folders[i].Files = append(job.Folders[i].Files, file)
	}
	if f.Progress != nil {
		job.Progress = func(done, total int64) { f.Progress("rewriting", done, total) }
	}
	defer func() { err = errors.Join(err, f.cleanTemp()) }()
	return rewrite.Run(ctx, job)
}

func (f *forgetting) cleanTemp() error {
	if f.Session.TempDir == "" {
		return nil
	}
	return f.Lake.Disk().RemoveAll(f.session().TempDir)
}
