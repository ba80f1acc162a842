package lake

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"pixledger/schemas/disk"
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
	s := &Staging{lake: l, name: "s" + rand.Text()}
	if err := l.disk.Mkdir(s.Dir(), DirMode); err != nil {
		return nil, fmt.Errorf("open a staging folder: %w", err)
	}
	lock := filepath.Join(s.Dir(), stagingLock)
	err = l.disk.Before(disk.Op{Kind: disk.Lock, Path: lock})
	if err == nil {
		s.lock = flock.New(lock)
		var ok bool
		if ok, err = s.lock.TryLock(); err == nil && !ok {
			err = errors.New("another process holds it")
		}
	}
	if err != nil {
		s.leave()
		return nil, errors.Join(fmt.Errorf("lock a staging folder: %w", err), l.disk.RemoveAll(s.Dir()))
	}
	return s, nil
}

// Disk is the way by which files are written in the folder.
func (s *Staging) Disk() *disk.Disk { return s.lake.disk }

// Dir is the folder to write files in, flat.
func (s *Staging) Dir() string { return s.lake.Path(stagingDir + "/" + s.name) }

// Close removes the folder with all that was not committed, and the files that the
// commit has replaced. It may be called after Commit, and twice.
func (s *Staging) Close() error {
	if s.lock == nil {
		return nil
	}
	err := s.lake.disk.RemoveAll(s.Dir())
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
	Newest  int64 // as in File
	Settled bool
}

// Draft is a commit to be: what Commit numbers and writes down.
type Draft struct {
	Kind     string
	At       time.Time
	Add      []Staged
	Replace  map[string][]Staged // by folder; each with at least one file
	Keep     []File              // live files of folders in Replace that stay in them, under new names
	Ranges   []Range
	Ended    []string
	Gaps     []Gap
	Healed   []string
	Accepted []Acceptance
	Parts    []Part
	Notes    map[string]string
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
// The staging folder is closed when the commit is done.
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
		if err := l.syncTree(s.Dir()); err != nil {
			return nil, err
		}
		if err := l.disk.SyncDir(l.Path(stagingDir)); err != nil {
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
	fi, err := s.lake.disk.Stat(filepath.Join(s.Dir(), f.Name))
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
		Ranges: d.Ranges, Ended: d.Ended, Gaps: d.Gaps, Healed: d.Healed, Accepted: d.Accepted, Parts: d.Parts, Notes: d.Notes,
	}
	n := 0
	final := func(f Staged) File {
		name := fmt.Sprintf("c%012d-%d.parquet", r.Seq, n)
		n++
		return File{
			Path: path.Join(f.Folder, name), Staged: f.Name, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256,
			MinTime: f.MinTime, MaxTime: f.MaxTime, Newest: f.Newest, Settled: f.Settled,
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
		file := final(f)
		if err := l.unclaimed(r.Seq, file.Path); err != nil {
			return nil, err
		}
		r.Add = append(r.Add, file)
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
		if err := l.disk.MkdirAll(filepath.Join(s.Dir(), filepath.FromSlash(folder)), DirMode); err != nil {
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
			if err := l.disk.Rename(filepath.Join(s.Dir(), f.Name), filepath.Join(s.Dir(), filepath.FromSlash(file.Staged))); err != nil {
				return nil, fmt.Errorf("stage %s: %w", folder, err)
			}
			out.Files = append(out.Files, file)
		}
		for _, f := range d.Keep {
			if path.Dir(f.Path) != folder {
				continue
			}
			file := final(Staged{
				Folder: folder, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256,
				MinTime: f.MinTime, MaxTime: f.MaxTime, Newest: NewestOf(f), Settled: f.Settled,
			})
			file.Staged = file.Path
			if err := l.keep(l.Path(f.Path), filepath.Join(s.Dir(), filepath.FromSlash(file.Staged))); err != nil {
				return nil, fmt.Errorf("keep %s: %w", f.Path, err)
			}
			out.Files = append(out.Files, file)
		}
		r.Replace = append(r.Replace, out)
	}
	for _, f := range d.Keep {
		if _, ok := d.Replace[path.Dir(f.Path)]; !ok {
			return nil, fmt.Errorf("%s can't be kept: its folder is not exchanged", f.Path)
		}
	}
	return r, nil
}

// keep gives a live file a second name in a folder that is staged for its own.
// Some systems do not let another than the owner of a file link it: it is copied.
func (l *Lake) keep(live, staged string) error {
	err := l.disk.Link(live, staged)
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EMLINK) && !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	b, err := l.disk.ReadFile(live)
	if err != nil {
		return err
	}
	f, err := l.disk.Create(staged, FileMode, true)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// CommitOf gives the number of the commit that put a committed file in its
// place; 0 for any other path.
func CommitOf(file string) int64 {
	var seq int64
	var n int
	if _, err := fmt.Sscanf(path.Base(file), "c%d-%d.parquet", &seq, &n); err != nil {
		return 0
	}
	return seq
}

// NewestOf is the newest commit that rows of a committed file came by. Who has
// read the lake up to that commit has seen all of them, in whatever files they
// stood then.
func NewestOf(f File) int64 {
	if f.Newest > 0 {
		return f.Newest
	}
	return CommitOf(f.Path)
}

// unclaimed tells by an error that a file stands already where the commit of
// that number would put one: its record is lost, and taking the file for the
// commit's own would leave lines out that the new record says are in.
func (l *Lake) unclaimed(seq int64, file string) error {
	there, err := l.disk.Exists(l.Path(file))
	if err != nil || !there {
		return err
	}
	return fmt.Errorf("%s: is there, and its commit %d is not: restore %s from a backup, or move the file out of the lake", l.Path(file), seq, commitsDir)
}

// writeRecord puts the record under its number: the commit point.
func (l *Lake) writeRecord(seq int64, b []byte) error {
	f, err := l.disk.CreateTemporary(l.Path(recordName(seq)), FileMode)
	if err != nil {
		return fmt.Errorf("write commit %d: %w", seq, err)
	}
	tmp := f.Name()
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write commit %d: %w", seq, err), l.disk.Remove(tmp))
	}
	if err := l.disk.RenameNew(tmp, l.Path(recordName(seq))); err != nil {
		return errors.Join(fmt.Errorf("write commit %d: %w", seq, err), l.disk.Remove(tmp))
	}
	if err := l.disk.SyncDir(l.Path(commitsDir)); err != nil {
		return &UncertainError{err}
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
	err := func() error {
		for _, f := range r.Add {
			dirty[path.Dir(f.Path)] = true
			staged, waits, err := l.staged(r, f)
			if err != nil || !waits {
				if err != nil {
					return err
				}
				continue
			}
			if err := l.makeFolder(path.Dir(f.Path)); err != nil {
				return err
			}
			if err := l.disk.RenameNew(staged, l.Path(f.Path)); err != nil {
				return err
			}
		}
		if err := l.announce(r); err != nil {
			return err
		}
		for _, f := range r.Replace {
			dirty[path.Dir(f.Path)] = true
			dirty[path.Join(stagingDir, r.Staging, path.Dir(f.Path))] = true
			if err := l.exchange(r, f); err != nil {
				return err
			}
		}
		if err := l.withdraw(r); err != nil {
			return err
		}
		for _, dir := range slices.Sorted(maps.Keys(dirty)) {
			if there, err := l.disk.Exists(l.Path(dir)); err != nil {
				return err
			} else if !there {
				continue // a staging folder that is gone already
			}
			if err := l.disk.SyncDir(l.Path(dir)); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		return fmt.Errorf("finish commit %d: %w", r.Seq, err)
	}
	return nil
}

// staged gives the place of a committed file before it is put where users read it,
// and tells whether it still waits there.
func (l *Lake) staged(r *Record, f File) (place string, waits bool, err error) {
	there, err := l.disk.Exists(l.Path(f.Path))
	if err != nil || there {
		return "", false, err
	}
	place = l.Path(path.Join(stagingDir, r.Staging, f.Staged))
	waits, err = l.disk.Exists(place)
	return place, waits, err
}

// exchange swaps a folder with the one staged for it, in one step, so that a
// reader by glob sees the old files or the new ones and never both. Who has
// opened the old folder and is still listing it is announce's matter.
func (l *Lake) exchange(r *Record, f Folder) error {
	file, waits, err := l.staged(r, f.Files[0])
	if err != nil || !waits {
		return err
	}
	staged := filepath.Dir(file)
	live := l.Path(f.Path)
	there, err := l.disk.Exists(live)
	if err != nil {
		return err
	}
	if there {
		return l.disk.Exchange(staged, live)
	}
	if err := l.makeFolder(path.Dir(f.Path)); err != nil {
		return err
	}
	return l.disk.RenameNew(staged, live)
}

// finished tells whether all the record's files are in place. A file that is
// nowhere counts as in place: reading it then fails and names it, where
// leaving its commit out would hide the loss.
func (l *Lake) finished(r *Record) (bool, error) {
	for _, f := range r.Add {
		if _, waits, err := l.staged(r, f); err != nil || waits {
			return false, err
		}
	}
	for _, f := range r.Replace {
		for _, file := range f.Files {
			if _, waits, err := l.staged(r, file); err != nil || waits {
				return false, err
			}
		}
	}
	return true, nil
}
