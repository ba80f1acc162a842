package lake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"pixledger/schemas"
)

// Staging is a folder outside the globs in which one commit's files are
// written. It belongs to its process until it is committed or closed; what a
// crash leaves of it, the next opener removes.
type Staging struct {
	lake *Lake
	name string
	lock *flock.Flock
}

const stagingLock = "lock"

// Stage opens a staging folder.
func (l *Lake) Stage() (*Staging, error) {
	unlock, err := l.lockPublish() // so that nobody cleans up a folder not yet locked
	if err != nil {
		return nil, err
	}
	defer unlock()
	dir, err := os.MkdirTemp(l.Path(stagingDir), "s")
	if err != nil {
		return nil, fmt.Errorf("open a staging folder: %w", err)
	}
	s := &Staging{lake: l, name: filepath.Base(dir), lock: flock.New(filepath.Join(dir, stagingLock))}
	if ok, err := s.lock.TryLock(); err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("lock a staging folder: %w", err), os.RemoveAll(dir))
	}
	return s, nil
}

// Dir is the folder to write files in, flat.
func (s *Staging) Dir() string { return s.lake.Path(stagingDir + "/" + s.name) }

// Close removes the folder with all that was not committed. It may be called
// after Commit, and twice.
func (s *Staging) Close() error {
	if s.lock == nil {
		return nil
	}
	err := os.RemoveAll(s.Dir())
	_ = s.lock.Close()
	s.lock = nil
	return err
}

// leave gives the folder up with all that is in it, for the next opener.
func (s *Staging) leave() {
	if s.lock != nil {
		_ = s.lock.Close()
		s.lock = nil
	}
}

// Staged is a finished, synced file in a staging folder.
type Staged struct {
	Folder  string // where it goes, below the lake: events/type=click/date=2026-11-01
	Name    string // its name in the staging folder
	Rows    int64
	Bytes   int64
	SHA256  string
	MinTime int64 // Unix microseconds
	MaxTime int64
}

// Draft is a commit to be: what Commit numbers and writes down.
type Draft struct {
	Kind    string
	At      time.Time
	Add     []Staged
	Replace map[string][]Staged // by folder; each with at least one file
	Ranges  []Range
	Notes   map[string]string
}

// ErrConflict is wrapped by a commit's prepare function, or by Commit itself,
// when the lake has moved on in a way that makes the commit wrong: a range
// that no longer begins at its file's position. Nothing was written; read
// again from the position.
var ErrConflict = errors.New("another commit came first")

// UncertainError says that a failure struck after the commit point may have
// been reached: only reading the lake again, in a new process, tells whether
// the commit stands. The staged files are left where they are, and nobody may
// remove them.
type UncertainError struct{ Err error }

func (e *UncertainError) Error() string {
	return "the commit may or may not stand; start again to find out: " + e.Err.Error()
}
func (e *UncertainError) Unwrap() error { return e.Err }

// Commit publishes the staged files, the folders to be exchanged and the
// positions as one thing. prepare is called under the publish lock with the
// newest state, and gives the commit or refuses; nil is nothing to commit.
// The staging folder is removed when the commit is done.
func (l *Lake) Commit(s *Staging, prepare func(*State) (*Draft, error)) (*Record, error) {
	unlock, err := l.lockPublish()
	if err != nil {
		return nil, err
	}
	defer unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	state, err := l.refresh(true)
	if err != nil {
		return nil, err
	}
	d, err := prepare(state)
	if err != nil || d == nil {
		return nil, err
	}
	for _, g := range d.Ranges {
		if at := position(state, g.SourceID); at != g.Start {
			return nil, fmt.Errorf("%s was read from %d, its position is %d: %w", g.Name, g.Start, at, ErrConflict)
		}
	}
	r, err := l.record(s, state, d)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	if s != nil {
		if err := syncTree(s.Dir()); err != nil {
			return nil, err
		}
		if err := schemas.SyncDir(l.Path(stagingDir)); err != nil {
			return nil, err
		}
	}
	next, err := l.publish(r, b, state)
	if err != nil {
		var uncertain *UncertainError
		if errors.As(err, &uncertain) && s != nil {
			s.leave() // the commit may stand, and its files are in there
		}
		return nil, err
	}
	l.state, l.applied = next, next.Seq
	if r.Seq%checkpointEvery == 0 {
		l.saveCheckpoint(next)
	}
	if s != nil {
		_ = s.Close() // what it still holds are replaced files; the next opener removes them otherwise
	}
	return r, nil
}

// publish writes the record and moves the files, and gives the state after it.
func (l *Lake) publish(r *Record, b []byte, state *State) (*State, error) {
	if err := l.writeRecord(r.Seq, b); err != nil {
		return nil, err
	}
	if err := l.apply(r); err != nil {
		return nil, &UncertainError{err}
	}
	next := state.clone()
	if err := next.fold(r, hashHex(b)); err != nil {
		return nil, &UncertainError{err}
	}
	return next, nil
}

func position(s *State, sourceID string) int64 {
	if src := s.Sources[sourceID]; src != nil {
		return src.Position
	}
	return 0
}

// check tells whether a staged file is there with its full length. A record
// that names a file is for ever, so this comes before it.
func (s *Staging) check(f Staged) error {
	fi, err := os.Lstat(filepath.Join(s.Dir(), f.Name))
	if err != nil {
		return fmt.Errorf("commit to %s: %w", f.Folder, err)
	}
	if !fi.Mode().IsRegular() || fi.Size() != f.Bytes {
		return fmt.Errorf("commit to %s: the staged file %s has %d bytes, not %d", f.Folder, f.Name, fi.Size(), f.Bytes)
	}
	return nil
}

// record numbers the draft's files. Files of folders to be exchanged are moved
// into a folder of their own below the staging folder, under their final names.
func (l *Lake) record(s *Staging, state *State, d *Draft) (*Record, error) {
	r := &Record{
		Version: Version, Seq: state.Seq + 1, Previous: state.Head, Kind: d.Kind, At: d.At.UTC(),
		Ranges: d.Ranges, Notes: d.Notes,
	}
	n := 0
	final := func(f Staged) File {
		name := fmt.Sprintf("c%012d-%d.parquet", r.Seq, n)
		n++
		return File{
			Path: path.Join(f.Folder, name), Staged: f.Name, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256,
			MinTime: f.MinTime, MaxTime: f.MaxTime,
		}
	}
	if len(d.Add)+len(d.Replace) > 0 {
		r.Staging = s.name
	}
	for _, f := range d.Add {
		if _, both := d.Replace[f.Folder]; both {
			return nil, fmt.Errorf("folder %s is both added to and exchanged", f.Folder)
		}
		if err := s.check(f); err != nil {
			return nil, err
		}
		r.Add = append(r.Add, final(f))
	}
	folders := make([]string, 0, len(d.Replace))
	for f := range d.Replace {
		folders = append(folders, f)
	}
	slices.Sort(folders)
	for _, folder := range folders {
		files := d.Replace[folder]
		if len(files) == 0 {
			return nil, fmt.Errorf("folder %s would be left without a file", folder)
		}
		if err := os.MkdirAll(filepath.Join(s.Dir(), filepath.FromSlash(folder)), DirMode); err != nil {
			return nil, fmt.Errorf("stage %s: %w", folder, err)
		}
		out := Folder{Path: folder}
		for _, f := range files {
			if err := s.check(f); err != nil {
				return nil, err
			}
			f.Folder = folder
			file := final(f)
			file.Staged = file.Path
			if err := os.Rename(filepath.Join(s.Dir(), f.Name), filepath.Join(s.Dir(), filepath.FromSlash(file.Staged))); err != nil {
				return nil, fmt.Errorf("stage %s: %w", folder, err)
			}
			out.Files = append(out.Files, file)
		}
		r.Replace = append(r.Replace, out)
	}
	return r, nil
}

// writeRecord puts the record under its number: the commit point.
func (l *Lake) writeRecord(seq int64, b []byte) error {
	dir := l.Path(commitsDir)
	tmp := filepath.Join(dir, fmt.Sprintf(".%012d.tmp", seq))
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, FileMode)
	if err != nil {
		return fmt.Errorf("write commit %d: %w", seq, err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write commit %d: %w", seq, err), os.Remove(tmp))
	}
	if err := renameNew(tmp, l.Path(recordName(seq))); err != nil {
		return errors.Join(fmt.Errorf("write commit %d: %w", seq, err), os.Remove(tmp))
	}
	if err := schemas.SyncDir(dir); err != nil {
		return &UncertainError{err}
	}
	return nil
}

// renameNew renames and fails where the new name is taken.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system without it
		if err = os.Link(from, to); err == nil {
			_ = os.Remove(from) // the new name counts, whatever becomes of the old one
		}
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// apply puts a committed record's files where users read them. It may be
// called any number of times, and picks up wherever an earlier call stopped.
// It syncs the folders even where nothing is left to move: whoever moved the
// files may have died before. A file that is nowhere is left to its readers
// and to verify, which name it; it must not keep the lake from going on.
func (l *Lake) apply(r *Record) error {
	dirty := map[string]bool{}
	for _, f := range r.Add {
		to := l.Path(f.Path)
		move, err := toMove(l.Path(path.Join(stagingDir, r.Staging, f.Staged)), to)
		if err != nil {
			return fmt.Errorf("finish commit %d: %w", r.Seq, err)
		}
		if !move {
			dirty[path.Dir(f.Path)] = true
			continue
		}
		if err := makeFolder(l, path.Dir(f.Path)); err != nil {
			return fmt.Errorf("finish commit %d: %w", r.Seq, err)
		}
		if err := renameNew(l.Path(path.Join(stagingDir, r.Staging, f.Staged)), to); err != nil {
			return fmt.Errorf("finish commit %d: %w", r.Seq, err)
		}
		dirty[path.Dir(f.Path)] = true
	}
	for _, f := range r.Replace {
		if err := l.exchange(r, f); err != nil {
			return fmt.Errorf("finish commit %d: %w", r.Seq, err)
		}
		dirty[path.Dir(f.Path)] = true
		dirty[path.Join(stagingDir, r.Staging, path.Dir(f.Path))] = true
	}
	for dir := range dirty {
		if !exists(l.Path(dir)) {
			continue // a staging folder that is gone already
		}
		if err := schemas.SyncDir(l.Path(dir)); err != nil {
			return fmt.Errorf("finish commit %d: %w", r.Seq, err)
		}
	}
	return nil
}

// exchange swaps a folder with the one staged for it, in one step, so that a
// reader by glob sees the old files or the new ones and never both.
func (l *Lake) exchange(r *Record, f Folder) error {
	live := l.Path(f.Path)
	staged := l.Path(path.Join(stagingDir, r.Staging, f.Path))
	if move, err := toMove(staged, l.Path(f.Files[0].Path)); err != nil || !move {
		return err
	}
	if !exists(live) {
		if err := makeFolder(l, path.Dir(f.Path)); err != nil {
			return err
		}
		return renameNew(staged, live)
	}
	if err := unix.Renameat2(unix.AT_FDCWD, staged, unix.AT_FDCWD, live, unix.RENAME_EXCHANGE); err != nil {
		return &os.LinkError{Op: "exchange", Old: staged, New: live, Err: err}
	}
	return nil
}

// finished tells whether all the record's files are in place. A file that is
// nowhere counts as in place: reading it then fails and names it, where
// leaving its commit out would hide the loss.
func (l *Lake) finished(r *Record) bool {
	there := func(f File) bool {
		return exists(l.Path(f.Path)) || !exists(l.Path(path.Join(stagingDir, r.Staging, f.Staged)))
	}
	for _, f := range r.Add {
		if !there(f) {
			return false
		}
	}
	for _, f := range r.Replace {
		for _, file := range f.Files {
			if !there(file) {
				return false
			}
		}
	}
	return true
}

// Recover finishes the commit that a crash cut short and removes what
// processes that are gone have left in staging. Running it again, or being
// killed in it, does no harm.
func (l *Lake) Recover() error {
	unlock, err := l.lockPublish()
	if err != nil {
		return err
	}
	defer unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	state, err := l.refresh(true)
	if err != nil {
		return err
	}
	if err := l.checkGap(state.Seq); err != nil {
		return err
	}
	entries, err := os.ReadDir(l.Path(stagingDir))
	if err != nil {
		return fmt.Errorf("clean up staging: %w", err)
	}
	for _, e := range entries {
		dir := l.Path(stagingDir + "/" + e.Name())
		if e.IsDir() {
			f := flock.New(filepath.Join(dir, stagingLock))
			ok, err := f.TryLock()
			if err == nil && !ok {
				continue // another process is at work in it
			}
			defer f.Close()
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clean up staging: %w", err)
		}
	}
	return nil
}

// checkGap refuses a lake that has records after the last one that follows
// on: going on from there would read again what they say was read.
func (l *Lake) checkGap(seq int64) error {
	entries, err := os.ReadDir(l.Path(commitsDir))
	if err != nil {
		return fmt.Errorf("list the commits: %w", err)
	}
	for i := len(entries) - 1; i >= 0; i-- {
		var n int64
		name := entries[i].Name()
		if _, err := fmt.Sscanf(name, "%d.json", &n); err != nil || path.Base(recordName(n)) != name {
			continue
		}
		if n > seq {
			return fmt.Errorf("%s: commit %d is missing, and there is a commit %d; restore %s from a backup", l.root, seq+1, n, commitsDir)
		}
		break
	}
	return nil
}

// toMove tells whether a staged file or folder has still to be moved: it is
// there, and what it becomes is not. A failure to look is an error and no
// answer: a file that is taken for moved is deleted with its staging folder.
func toMove(staged, final string) (bool, error) {
	_, err := os.Lstat(final)
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	_, err = os.Lstat(staged)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// exists tells whether something is at the path. Where that can't be told, it
// may be: for callers that go on by using it, and fail then.
func exists(p string) bool {
	_, err := os.Lstat(p)
	return !errors.Is(err, fs.ErrNotExist)
}

// makeFolder makes a folder below the lake and makes every name on the way to
// it durable.
func makeFolder(l *Lake, folder string) error {
	if exists(l.Path(folder)) {
		return nil
	}
	at := ""
	for part := range strings.SplitSeq(folder, "/") {
		parent := at
		at = path.Join(at, part)
		err := os.Mkdir(l.Path(at), DirMode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := schemas.SyncDir(l.Path(parent)); err != nil {
			return err
		}
	}
	return nil
}

// syncTree syncs a folder and all folders below it.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return schemas.SyncDir(p)
	})
}
