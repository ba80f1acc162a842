package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// Problem is one thing that is wrong with the lake.
type Problem struct {
	Where string // the file, commit or log
	What  string
}

// String is the problem in one line.
func (p Problem) String() string { return p.Where + ": " + p.What }

// committedFile is a live file with the commit that it came by.
type committedFile struct {
	lake.File
	at     time.Time
	seq    int64
	ranges []lake.Range // of the commit that added it
	merged bool         // its rows came by other commits: the ranges are all that was read until then
}

// verification walks the records and then the files.
type verification struct {
	ctx      context.Context
	lake     *lake.Lake
	state    *lake.State
	since    time.Time
	live     map[string]committedFile
	position map[string]int64 // of each log file, by source id
	parts    partsRead
	problems []Problem
}

// Verify compares the lake with its commit records, as they are up to the
// state: that the records follow one another; that the ranges read of each log
// touch without gap or overlap; that the account of lines adds up, and to the
// rows of the files; that every committed file is there, unchanged, with the
// columns of its dataset, and readable to its last page by a reader that is not
// the one that wrote it; that each row is of a line in a range of its commit, and
// no two of the same line (of a merged file: in what was read until then, and no
// two of its own); and that no other file stands in the folders that
// users read. The files of commits before since are only looked for, not read.
// The error is for what kept it from looking; what is wrong with the lake is in
// the list.
func Verify(ctx context.Context, l *lake.Lake, state *lake.State, since time.Time) ([]Problem, error) {
	v := &verification{
		ctx: ctx, lake: l, state: state, since: since,
		live: map[string]committedFile{}, position: map[string]int64{}, parts: newPartsRead(),
	}
	if err := v.records(); err != nil {
		return nil, err
	}
	if err := v.files(); err != nil {
		return nil, err
	}
	if err := v.strays(); err != nil {
		return nil, err
	}
	return v.problems, nil
}

func (v *verification) found(where, format string, args ...any) {
	v.problems = append(v.problems, Problem{where, fmt.Sprintf(format, args...)})
}

// records walks all commit records. Without those that are damaged nothing
// after them can be told, so the walk ends there.
func (v *verification) records() error {
	previous := ""
	for seq := int64(1); seq <= v.state.Seq; seq++ {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		where := fmt.Sprintf("commit %d", seq)
		r, sum, err := v.lake.ReadRecord(seq)
		if err != nil {
			v.found(where, "%v", err)
			maps.DeleteFunc(v.live, func(string, committedFile) bool { return true })
			for p, f := range v.state.Files { // what a checkpoint knows
				v.live[p] = committedFile{File: f}
			}
			return nil
		}
		if r.Previous != previous {
			v.found(where, "does not name the hash of commit %d", seq-1)
		}
		previous = sum
		v.record(where, r)
	}
	if previous != v.state.Head {
		v.found(fmt.Sprintf("commit %d", v.state.Seq), "is not the one that the state was made from")
	}
	for _, id := range slices.Sorted(maps.Keys(v.state.Sources)) {
		if src := v.state.Sources[id]; v.position[id] != src.Position {
			v.found("log "+src.Name, "its position is %d, its ranges end at %d", src.Position, v.position[id])
		}
	}
	return nil
}

// record takes one commit's files and ranges in.
func (v *verification) record(where string, r *lake.Record) {
	var read []lake.Range // by the commits before
	for _, folder := range r.Replace {
		if read == nil && holdsLines(folder.Path) {
			for id, end := range v.position {
				read = append(read, lake.Range{SourceID: id, End: end})
			}
			read = append(read, v.parts.ranges()...)
		}
		var before, after int64
		maps.DeleteFunc(v.live, func(p string, f committedFile) bool {
			if path.Dir(p) != folder.Path {
				return false
			}
			before += f.Rows
			return true
		})
		for _, f := range folder.Files {
			v.live[f.Path] = committedFile{File: f, at: r.At, seq: r.Seq, ranges: read, merged: true}
			after += f.Rows
		}
		if (r.Kind == lake.CompactKind || r.Kind == lake.ForgetKind) && before != after {
			v.found(where, "exchanges %s, with %d rows, for %d rows", folder.Path, before, after)
		}
	}
	rows := map[string]int64{}
	ranges := r.Ranges
	for i := range r.Parts {
		ranges = append(slices.Clone(ranges), rangesOf(&r.Parts[i])...)
	}
	for _, f := range r.Add {
		v.live[f.Path] = committedFile{File: f, at: r.At, seq: r.Seq, ranges: ranges}
		rows[kindOf(f.Path)] += f.Rows
	}
	for i := range r.Parts {
		v.part(where, &r.Parts[i], rows)
	}
	if len(r.Ranges) == 0 {
		return
	}
	told := map[string]int64{}
	for i := range r.Ranges {
		g := &r.Ranges[i]
		if at := v.position[g.SourceID]; g.Start != at || g.End <= g.Start {
			v.found(where, "reads %s (%s) from %d to %d, but its position is %d", g.Name, g.SourceID, g.Start, g.End, at)
		}
		v.position[g.SourceID] = g.End
		if g.Total != g.Lines() {
			v.found(where, "%s: %d lines were read, events, rejects, ignored and not counted are %d", g.Name, g.Total, g.Lines())
		}
		for _, c := range g.Days {
			for t, n := range c.Events {
				told["events/type="+t] += n
			}
			told["rejects"] += lake.Sum(c.Rejects)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(merged(rows, told))) {
		if rows[kind] != told[kind] {
			v.found(where, "its files have %d rows of %s, its account %d", rows[kind], kind, told[kind])
		}
	}
}

// holdsLines tells whether the rows of a folder are lines of logs.
func holdsLines(folder string) bool {
	return strings.HasPrefix(folder, schemas.Events.Name+"/") || strings.HasPrefix(folder, schemas.Rejects.Name+"/")
}

// kindOf gives what a file holds: events/type=click, or the dataset's name.
func kindOf(p string) string {
	parts := strings.SplitN(p, "/", 3)
	if parts[0] == schemas.Events.Name && len(parts) == 3 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func merged(a, b map[string]int64) map[string]int64 {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// datasetFile is a file to be read.
type datasetFile struct {
	dataset schemas.Dataset
	path    string
	committedFile
	committed bool
}

// files reads all live files, those of one commit after those of another, and
// the empty ones that every glob has.
func (v *verification) files() error {
	var all []datasetFile
	for _, d := range schemas.Datasets {
		for _, p := range v.state.FilesOf(d, "") {
			f, committed := v.live[p]
			if _, known := v.state.Files[p]; known && !committed {
				v.found(p, "is in the state, and no commit added it")
				continue
			}
			all = append(all, datasetFile{d, p, f, committed})
		}
	}
	slices.SortStableFunc(all, func(a, b datasetFile) int { return cmp.Compare(a.seq, b.seq) })
	var commits [][]datasetFile
	for i, f := range all {
		if i == 0 || f.seq != all[i-1].seq {
			commits = append(commits, nil)
		}
		last := len(commits) - 1
		commits[last] = append(commits[last], f)
	}
	problems := make([][]Problem, len(commits))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, files := range commits {
		group.Go(func() (err error) {
			problems[i], err = v.commit(files)
			return err
		})
	}
	err := group.Wait()
	v.problems = append(v.problems, slices.Concat(problems...)...)
	return err
}

// commit reads the files of one commit.
func (v *verification) commit(files []datasetFile) ([]Problem, error) {
	var problems []Problem
	rows := newCommitRows(files[0].seq, files[0].ranges)
	for i, f := range files {
		if f.merged && i > 0 { // one may hold a whole day: each is looked at alone
			problems = append(problems, rows.doubled()...)
			rows = newCommitRows(f.seq, f.ranges)
		}
		if err := v.ctx.Err(); err != nil {
			return nil, err
		}
		what, err := v.file(f, rows)
		if err != nil {
			return nil, err
		}
		if what != nil {
			problems = append(problems, Problem{f.path, what.Error()})
		}
	}
	return append(problems, rows.doubled()...), nil
}

// file says what is wrong with one file.
func (v *verification) file(f datasetFile, rows *commitRows) (what, err error) {
	what = checkFile(v.lake.Path(f.path), f.dataset, f.File, f.committed, f.committed && f.at.Before(v.since), rows)
	if errors.Is(what, fs.ErrNotExist) && f.committed {
		// Another process may have exchanged its folder since.
		now, err := v.lake.State()
		if err != nil {
			return nil, err
		}
		if _, still := now.Files[f.path]; !still {
			return nil, nil
		}
	}
	return what, nil
}

// strays looks for files in the folders of users that nobody committed.
func (v *verification) strays() error {
	for _, d := range schemas.Datasets {
		seeds := map[string]bool{}
		for _, p := range (&lake.State{}).FilesOf(d, "") {
			seeds[p] = true
		}
		err := filepath.WalkDir(v.lake.Path(d.Name), func(p string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) { // exchanged or removed meanwhile
				return nil
			}
			if err != nil || e.IsDir() || !strings.HasSuffix(p, ".parquet") {
				return err
			}
			rel, err := filepath.Rel(v.lake.Root(), p)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			if _, live := v.live[rel]; live || seeds[rel] || v.later(rel) {
				return nil
			}
			v.found(rel, "no commit added it; move it out of the lake")
			return nil
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// later tells whether a file is of a commit after the state that is verified.
// One that is being put in place has its record already.
func (v *verification) later(rel string) bool {
	var seq int64
	if _, err := fmt.Sscanf(path.Base(rel), "c%d-", &seq); err != nil || seq <= v.state.Seq {
		return false
	}
	_, _, err := v.lake.ReadRecord(seq)
	return err == nil
}
