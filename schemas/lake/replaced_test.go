package lake

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas/disk"
)

// moments watches a disk, and notes after each operation, and in the middle of
// each wait, what readers by glob could see then.
type moments struct {
	t      *testing.T
	folder string
	open   []*os.File // the folder as it was opened at each moment
	// listed gives by the moment of opening, and that of listing from there on, the
	// names found.
	listed [][][]string
	there  []map[string]string // what stands under each name where the folder is
	waits  []int               // moments in the middle of a wait
}

func (m *moments) Before(disk.Op) error { return nil }
func (m *moments) After(disk.Op)        { m.note() }

func (m *moments) note() {
	f, err := os.Open(m.folder)
	if err != nil {
		m.t.Fatal(err)
	}
	m.open, m.listed = append(m.open, f), append(m.listed, nil)
	for i, f := range m.open {
		if _, err := f.Seek(0, 0); err != nil {
			m.t.Fatal(err)
		}
		names, err := f.Readdirnames(0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // removed while it is open
			m.t.Fatal(err)
		}
		m.listed[i] = append(m.listed[i], names)
	}
	there := map[string]string{}
	list, err := os.ReadDir(m.folder)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(m.folder, e.Name()))
		if err != nil {
			m.t.Fatal(err)
		}
		there[e.Name()] = string(b)
	}
	m.there = append(m.there, there)
}

// reader is one that opens the folder, lists it, looks at each name and opens those
// that it has found, at moments drawn at random; it is never kept, from opening to
// the last look, through the whole of a wait. It gives the words found, or that an
// open failed.
func (m *moments) reader(r *rand.Rand, empty string) (words []string, failed bool) {
	between := func(from, to int) int { return from + r.IntN(to-from+1) }
	opened := r.IntN(len(m.open))
	// Who opens in the middle of a wait may see the end of it, and be kept in the
	// next one.
	last := len(m.there) - 1
	for _, w := range m.waits {
		if w > opened {
			last = w
			break
		}
	}
	at := between(opened, last)
	names := slices.Clone(m.listed[opened][at-opened])
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	var found []string
	for _, n := range names {
		at = between(at, last)
		if _, ok := m.there[at][n]; ok {
			found = append(found, n)
		}
	}
	r.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	for _, n := range found {
		at = between(at, len(m.there)-1)
		text, ok := m.there[at][n]
		switch {
		case !ok || text == replacedText:
			return nil, true
		case text != empty:
			words = append(words, strings.Fields(text)...)
		}
	}
	slices.Sort(words)
	return words, false
}

// Readers by glob, at whatever moments of a commit that replaces the folder they
// open, list, look and read: they find each row once or get an error.
func TestReadersWhileAFolderIsReplaced(t *testing.T) {
	l := newLake(t)
	for _, c := range []string{"a", "b"} {
		commit(t, l, func(s *Staging) *Draft {
			return &Draft{Kind: "ingest", At: testTime, Add: []Staged{stageFile(t, s, clicks, "x", c)}}
		})
	}
	m := &moments{t: t, folder: l.Path(clicks)}
	defer func() { wait = time.Sleep }()
	wait = func(time.Duration) { m.waits = append(m.waits, len(m.there)); m.note() }
	m.note()
	l.disk = &disk.Disk{Watcher: m}
	commit(t, l, func(s *Staging) *Draft {
		return &Draft{Kind: CompactKind, At: testTime, Replace: map[string][]Staged{clicks: {stageFile(t, s, "", "y", "a"), stageFile(t, s, "", "z", "b")}}}
	})
	l.disk = nil
	m.note()
	if len(m.waits) != 2 {
		t.Fatalf("it waited at %d", m.waits)
	}
	before := m.there[0]
	empty := m.there[m.waits[0]][ReplacedName]
	if len(before) != 2 || !strings.HasPrefix(empty, "PAR1") {
		t.Fatalf("before there was %q, and while the replacement is announced %q", before, empty)
	}
	r := rand.New(rand.NewPCG(1, 2))
	right, failed := 0, 0
	for range 200_000 {
		words, err := m.reader(r, empty)
		switch {
		case err:
			failed++
		case slices.Equal(words, []string{"a", "b"}):
			right++
		default:
			t.Fatalf("a reader found %q", words)
		}
	}
	if right < 1000 || failed < 1000 {
		t.Errorf("%d readers found all, %d an error", right, failed)
	}
	want(t, "by glob", glob(t, l, clicks), []string{"a", "b"})
	left, err := os.ReadDir(l.Path(stagingDir))
	want(t, "staging", len(left), 0)
	want(t, "staging", err, nil)
	t.Logf("%d moments, %d readers found all, %d an error", len(m.there), right, failed)
}

// A process that dies at any point of a replacement leaves the name in the folder
// for no longer than until the next start.
func TestNextStartTakesTheNameAway(t *testing.T) {
	l := newLake(t)
	r := commit(t, l, func(s *Staging) *Draft {
		return &Draft{Kind: CompactKind, At: testTime, Replace: map[string][]Staged{clicks: {stageFile(t, s, "", "y", "a")}}}
	})
	if err := os.WriteFile(l.Path(filepath.Join(clicks, ReplacedName)), []byte(replacedText), FileMode); err != nil {
		t.Fatal(err)
	}
	reopen(t, l, true)
	want(t, "by glob", glob(t, l, clicks), []string{"a"})
	want(t, "commit", r.Seq, 1)
}
