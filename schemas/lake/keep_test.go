package lake

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pixledger/schemas/disk"
	"pixledger/schemas/disk/disktest"
)

// The tests of faults try a part of what there is to try in every run, and all
// of it in a long one.
var faultStep = flag.Int("faults.step", 24, "try every n-th operation, from a random one on")

// A commit that exchanges a folder keeps the files that it names, with what is
// known of them, under new names.
func TestExchangeKeepsFiles(t *testing.T) {
	l := newLake(t)
	for _, c := range []string{"a", "b", "c"} {
		commit(t, l, func(s *Staging) *Draft {
			return &Draft{Kind: "ingest", At: testTime, Add: []Staged{stageFile(t, s, clicks, "x", c)}}
		})
	}
	before := mustState(t, l).Folder(clicks)
	inode := func(p string) any {
		fi, err := os.Stat(l.Path(p))
		if err != nil {
			t.Fatal(err)
		}
		return fi.Sys().(*syscall.Stat_t).Ino
	}
	was := inode(before[2].Path)
	s, err := l.Stage()
	if err != nil {
		t.Fatal(err)
	}
	d := &Draft{
		Kind: CompactKind, At: testTime, Keep: before[2:],
		Replace: map[string][]Staged{clicks: {{Folder: clicks, Name: stageFile(t, s, clicks, "y", "a b").Name, Rows: 2, Bytes: 3, SHA256: hashHex([]byte("a b")), Newest: 2, Settled: true}}},
	}
	if _, err := l.Commit(s, func(*State) (*Draft, error) { return d, nil }); err != nil {
		t.Fatal(err)
	}
	want(t, "by glob", glob(t, l, clicks), []string{"a b", "c"})
	after := mustState(t, reopen(t, l, false)).Folder(clicks)
	if len(after) != 2 || NewestOf(after[0]) != 2 || !after[0].Settled || NewestOf(after[1]) != 3 || after[1].Settled || after[1].Rows != 1 {
		t.Errorf("the state has %+v", after)
	}
	if after[1].Path == before[2].Path || inode(after[1].Path) != was {
		t.Errorf("%s became %s, another file", before[2].Path, after[1].Path)
	}
	if _, err := os.Stat(s.Dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the staging folder is still there: %v", err)
	}
}

func TestKeepRefused(t *testing.T) {
	l := newLake(t)
	commit(t, l, func(s *Staging) *Draft {
		return &Draft{Kind: "ingest", At: testTime, Add: []Staged{stageFile(t, s, clicks, "x", "a")}}
	})
	s, err := l.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = l.Commit(s, func(state *State) (*Draft, error) {
		return &Draft{Kind: CompactKind, At: testTime, Keep: state.Folder(clicks), Replace: map[string][]Staged{views: {stageFile(t, s, views, "y", "b")}}}, nil
	})
	if err == nil || !strings.Contains(err.Error(), "its folder is not exchanged") {
		t.Errorf("got %v", err)
	}
	want(t, "by glob", glob(t, l, clicks), []string{"a"})
}

// merging is a lake in which two folders are merged by one commit while others
// add to them. Every file holds words; whatever happens, each word of a finished
// commit is there once.
type merging struct{ words []string }

// begin makes the lake as it stands before.
func (m *merging) begin(t *testing.T, root string) {
	l, err := OpenOrCreate(root, testTime)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		commit(t, l, func(s *Staging) *Draft {
			d := &Draft{Kind: "ingest", At: testTime}
			for _, folder := range []string{clicks, views} {
				word := fmt.Sprintf("%s%d", folder[12:13], i)
				m.words = append(m.words, word)
				d.Add = append(d.Add, stageFile(t, s, folder, folder[12:13], word+" "))
			}
			return d
		})
	}
}

// run merges as compaction does: the files are written by way of the disk, and
// between that and the commit another process adds to one of the folders.
func (m *merging) run(d *disk.Disk, root string) (added bool, err error) {
	l, err := OpenOrCreateOn(d, root, testTime)
	if err != nil {
		return false, err
	}
	state, err := l.State()
	if err != nil {
		return false, err
	}
	s, err := l.Stage()
	if err != nil {
		return false, err
	}
	defer s.Close()
	draft := &Draft{Kind: CompactKind, At: testTime, Replace: map[string][]Staged{}}
	merged := map[string]bool{}
	for _, folder := range []string{clicks, views} {
		text := ""
		for _, f := range state.Folder(folder)[:3] {
			b, err := d.ReadFile(l.Path(f.Path))
			if err != nil {
				return false, err
			}
			text += string(b)
			merged[f.Path] = true
		}
		f, err := stageOn(d, s, folder, "m"+folder[12:13], text)
		if err != nil {
			return false, err
		}
		draft.Replace[folder] = []Staged{f}
	}
	if added, err = m.add(d, root); err != nil {
		return added, err
	}
	_, err = l.Commit(s, func(now *State) (*Draft, error) {
		for _, folder := range []string{clicks, views} {
			for _, f := range now.Folder(folder) {
				if !merged[f.Path] {
					draft.Keep = append(draft.Keep, f)
				}
			}
		}
		return draft, nil
	})
	return added, err
}

// add is a commit of another process.
func (m *merging) add(d *disk.Disk, root string) (bool, error) {
	l, err := OpenOrCreateOn(d, root, testTime)
	if err != nil {
		return false, err
	}
	s, err := l.Stage()
	if err != nil {
		return false, err
	}
	defer s.Close()
	f, err := stageOn(d, s, clicks, "new", "late ")
	if err != nil {
		return false, err
	}
	_, err = l.Commit(s, func(*State) (*Draft, error) { return &Draft{Kind: "ingest", At: testTime, Add: []Staged{f}}, nil })
	return err == nil, err
}

func stageOn(d *disk.Disk, s *Staging, folder, name, content string) (Staged, error) {
	f, err := d.Create(filepath.Join(s.Dir(), name), FileMode, true)
	if err != nil {
		return Staged{}, err
	}
	_, err = f.Write([]byte(content))
	if err == nil {
		err = f.Sync()
	}
	return Staged{Folder: folder, Name: name, Rows: 1, Bytes: int64(len(content)), SHA256: hashHex([]byte(content))}, errors.Join(err, f.Close())
}

// byGlob are the words that a reader by glob finds. (Where ReplacedName stands it
// finds no more, or gets an error.)
func (m *merging) byGlob(root string) []string {
	var out []string
	for _, folder := range []string{clicks, views} {
		names, _ := filepath.Glob(filepath.Join(root, folder, "*.parquet"))
		for _, n := range names {
			if filepath.Base(n) == ReplacedName {
				continue
			}
			b, _ := os.ReadFile(n)
			out = append(out, strings.Fields(string(b))...)
		}
	}
	slices.Sort(out)
	return out
}

// check says what is wrong with what is there: late tells whether the other
// process's commit is known to stand, or may.
func (m *merging) check(root string, late, surely bool) error {
	l, err := OpenOrCreate(root, testTime)
	if err != nil {
		return err
	}
	state, err := l.State()
	if err != nil {
		return err
	}
	want := slices.Sorted(slices.Values(m.words))
	got := m.byGlob(root)
	if late && (surely || slices.Contains(got, "late")) {
		want = append(want, "late")
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("by glob: %q, want %q", got, want)
	}
	var listed []string
	for _, folder := range []string{clicks, views} {
		if _, err := os.Stat(l.Path(filepath.Join(folder, ReplacedName))); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s still holds %s, %w", folder, ReplacedName, err)
		}
		for _, f := range state.Folder(folder) {
			b, err := os.ReadFile(l.Path(f.Path))
			if err != nil {
				return err
			}
			if hashHex(b) != f.SHA256 {
				return fmt.Errorf("%s holds %q", f.Path, b)
			}
			listed = append(listed, strings.Fields(string(b))...)
		}
	}
	slices.Sort(listed)
	if !slices.Equal(listed, want) {
		return fmt.Errorf("by the records: %q, want %q", listed, want)
	}
	left, err := os.ReadDir(l.Path(stagingDir))
	if err != nil || len(left) > 0 {
		return fmt.Errorf("staging still holds %v, %w", left, err)
	}
	return nil
}

func quickRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pixledger-keep-*")
	if err != nil {
		return filepath.Join(t.TempDir(), "lake")
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "lake")
}

// The machine stops before every operation of a merge into which another process
// commits, and every operation fails. Whatever the disk then holds, a reader by
// glob finds no word twice, and the next start finds each once.
func TestMergeAtEveryOperation(t *testing.T) {
	defer func(d time.Duration) { replacedFor = d }(replacedFor)
	replacedFor = 0 // nobody lists a folder meanwhile
	prepared := quickRoot(t)
	m := &merging{}
	m.begin(t, prepared)
	attempt := func(prepare func(*disktest.Machine)) (machine *disktest.Machine, root string, added bool, err error) {
		root = quickRoot(t)
		if err := os.CopyFS(root, os.DirFS(prepared)); err != nil {
			t.Fatal(err)
		}
		machine = disktest.New(root)
		if err := machine.Adopt(); err != nil {
			t.Fatal(err)
		}
		prepare(machine)
		added, err = m.run(machine.Disk(), root)
		return machine, root, added, err
	}
	whole, root, added, err := attempt(func(*disktest.Machine) {})
	if err != nil || !added {
		t.Fatal(added, err)
	}
	if err := m.check(root, true, true); err != nil {
		t.Fatal(err)
	}
	glance := func(root string) error {
		seen := m.byGlob(root)
		if len(slices.Compact(slices.Clone(seen))) != len(seen) {
			return fmt.Errorf("by glob there are %q", seen)
		}
		for _, w := range m.words {
			if !slices.Contains(seen, w) {
				return fmt.Errorf("by glob %s is missing among %q", w, seen)
			}
		}
		return nil
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, fault := range []disktest.Fault{disktest.Stop, disktest.IOError, disktest.NoSpace, disktest.HalfWrite} {
		for at := 1 + rand.IntN(*faultStep); at <= whole.Count(); at += *faultStep {
			machine, root, added, err := attempt(func(machine *disktest.Machine) { machine.FailAt(at, fault) })
			where := fmt.Sprintf("%s at %d of %d (%s; %v)", fault, at, whole.Count(), machine.Told(at), err)
			if gerr := glance(root); gerr != nil {
				t.Errorf("%s: %v", where, gerr)
			}
			for _, s := range []disktest.Survival{disktest.Everything, disktest.Nothing, disktest.InOrder, disktest.Any} {
				after := quickRoot(t)
				if err := machine.Restore(after, s, r); err != nil {
					t.Fatal(err)
				}
				if err := glance(after); err != nil {
					t.Errorf("%s, power cut that leaves %s: %v", where, s, err)
				}
				if err := m.check(after, true, added); err != nil {
					t.Errorf("%s, power cut that leaves %s: %v", where, s, err)
				}
				_ = os.RemoveAll(filepath.Dir(after))
			}
			if err := m.check(root, true, added); err != nil {
				t.Errorf("%s, a new process: %v", where, err)
			}
			_ = os.RemoveAll(filepath.Dir(root))
		}
	}
	t.Logf("%d operations", whole.Count())
}
