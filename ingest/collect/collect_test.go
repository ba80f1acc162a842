package collect

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas/disk/disktest"
	"pixledger/schemas/lake"
	"pixledger/schemas/published"
	"pixledger/schemas/published/publishedtest"
)

var faultStep = flag.Int("faults.step", 80, "try every n-th operation of a disk, from a random one on")

var testNow = time.Date(2026, 11, 12, 12, 0, 0, 0, time.UTC)

// edge is one that publishes parts whose files hold any bytes: nobody reads them.
type edge struct {
	name     string
	store    *publishedtest.Store
	sequence int64
	head     string
	numbers  map[string]int
	to       int64
}

func newEdge(s *publishedtest.Store, name string) *edge {
	return &edge{name: name, store: s, numbers: map[string]int{}}
}

// publish puts a part of clicks on a date. change may spoil the manifest.
func (e *edge) publish(t *testing.T, date string, clicks int64, change ...func(*published.Manifest)) {
	t.Helper()
	e.sequence++
	e.numbers[date]++
	account := &lake.Counts{Events: map[string]int64{"click": clicks}, Ignored: 1}
	m := &published.Manifest{
		Version: 1, At: testNow,
		Part: lake.Part{
			Edge: e.name, Lake: "LAKE-" + e.name, Sequence: e.sequence, Date: date, Number: e.numbers[date], First: "2026-11-08", Account: account,
			Logs: []lake.PartLog{{SourceID: e.name + "/s" + date, Source: "edge-1", Name: "/log", From: e.to, To: e.to + 100, Account: account}},
		},
	}
	e.to += 100
	if e.sequence > 1 {
		head := e.head
		m.Previous = &head
	}
	if clicks > 0 {
		b := []byte(fmt.Sprintf("%d clicks of %s, part %d of %s", clicks, date, e.sequence, e.name))
		p := published.EventsFolder(e.name, "click", date) + "/" + published.FileName(m.Number)
		m.Files = []published.File{{Path: p, Rows: clicks, Bytes: int64(len(b)), SHA256: published.Hash(b)}}
		e.store.Set(p, b)
	}
	for _, c := range change {
		c(m)
	}
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	e.head = published.Hash(b)
	e.store.Set(published.ManifestFolder(e.name)+"/"+published.ManifestName(e.sequence), b)
}

func options(l *lake.Lake, s published.Store) Options {
	return Options{Lake: l, Store: s, Edges: []string{"edge-a", "edge-b"}, Now: func() time.Time { return testNow }, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// holds says what a lake has: the content of its files, and the account.
func holds(l *lake.Lake) (string, error) {
	state, err := l.State()
	if err != nil {
		return "", err
	}
	var out []string
	for p, f := range state.Files {
		b, err := os.ReadFile(l.Path(p))
		if err != nil {
			return "", err
		}
		if published.Hash(b) != f.SHA256 {
			return "", fmt.Errorf("%s is another file", p)
		}
		out = append(out, filepath.Dir(p)+": "+string(b))
	}
	account := state.Account()
	for _, e := range []string{"edge-a", "edge-b"} {
		for _, d := range []string{"2026-11-08", "2026-11-09"} {
			if c := account[e][d]; c != nil {
				out = append(out, fmt.Sprint(e, d, c.Lines(), c.Events))
			}
		}
	}
	return strings.Join(slices.Sorted(slices.Values(out)), "\n"), nil
}

func shared(t *testing.T) *publishedtest.Store {
	s := publishedtest.New()
	a, b := newEdge(s, "edge-a"), newEdge(s, "edge-b")
	a.publish(t, "2026-11-08", 3)
	a.publish(t, "2026-11-09", 0)
	a.publish(t, "2026-11-08", 2)
	b.publish(t, "2026-11-08", 7)
	return s
}

// Every part is taken in once, with its account, its gaps and the names of its logs.
func TestCollect(t *testing.T) {
	l, err := lake.OpenOrCreate(filepath.Join(t.TempDir(), "lake"), testNow)
	if err != nil {
		t.Fatal(err)
	}
	s := shared(t)
	o := options(l, s)
	var told int
	o.Tell = func(*published.Manifest) { told++ }
	for range 2 {
		if err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	got, err := holds(l)
	if err != nil {
		t.Fatal(err)
	}
	const want = `edge-a2026-11-087 map[click:5]
edge-a2026-11-091 map[click:0]
edge-b2026-11-088 map[click:7]
events/type=click/date=2026-11-08: 2 clicks of 2026-11-08, part 3 of edge-a
events/type=click/date=2026-11-08: 3 clicks of 2026-11-08, part 1 of edge-a
events/type=click/date=2026-11-08: 7 clicks of 2026-11-08, part 1 of edge-b`
	if got != want || told != 4 {
		t.Errorf("told of %d; it holds\n%s", told, got)
	}
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	if name, ok := state.LogName("edge-a/s2026-11-08"); !ok || name != "edge-a:/log" {
		t.Errorf("the log is %q", name)
	}
	from := time.Date(2026, 11, 7, 0, 0, 0, 0, time.UTC)
	var missing []string
	for _, g := range state.UnpublishedGaps([]string{"edge-a", "edge-b", "edge-c"}, from, from.AddDate(0, 0, 3)) {
		missing = append(missing, g.Source+" "+g.Days()[0])
	}
	if fmt.Sprint(missing) != "[edge-c 2026-11-07 edge-c 2026-11-08 edge-b 2026-11-09 edge-c 2026-11-09]" {
		t.Errorf("not published are %v", missing)
	}
}

// Nothing is taken in that does not hold together, and other edges are not kept from
// being collected.
func TestCollectRefusesWhatIsDamaged(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*testing.T, *publishedtest.Store, *edge)
		want  string
	}{
		"a file of other bytes": {func(t *testing.T, s *publishedtest.Store, e *edge) {
			e.publish(t, "2026-11-09", 3)
			s.Set("events/edge=edge-a/type=click/date=2026-11-09/0001.parquet", []byte("3 clicks of 2026-11-09, part 1 of edge-b"))
		}, "is not what the manifest says"},
		"a longer file": {func(t *testing.T, s *publishedtest.Store, e *edge) {
			e.publish(t, "2026-11-09", 3)
			s.Set("events/edge=edge-a/type=click/date=2026-11-09/0001.parquet", []byte("3 clicks of 2026-11-09, part 1 of edge-a and more"))
		}, "longer than the manifest says"},
		"no file": {func(t *testing.T, s *publishedtest.Store, e *edge) {
			e.publish(t, "2026-11-09", 3)
			s.Set("events/edge=edge-a/type=click/date=2026-11-09/0001.parquet", nil)
		}, "not exist"},
		"half a manifest": {func(_ *testing.T, s *publishedtest.Store, _ *edge) {
			s.Set("published/edge=edge-a/000000000002.json", []byte(`{"version": 1, "edge"`))
		}, "is no manifest"},
		"another lake": {func(t *testing.T, _ *publishedtest.Store, e *edge) {
			e.publish(t, "2026-11-09", 1, func(m *published.Manifest) { m.Lake = "OTHER" })
		}, "of another lake"},
		"a broken chain": {func(t *testing.T, _ *publishedtest.Store, e *edge) {
			e.head = strings.Repeat("0", 64)
			e.publish(t, "2026-11-09", 1)
		}, "does not name the manifest of part 1"},
		"another edge": {func(t *testing.T, _ *publishedtest.Store, e *edge) {
			e.publish(t, "2026-11-09", 1, func(m *published.Manifest) { m.Edge = "edge-b" })
		}, "damaged"},
		"a file outside": {func(t *testing.T, _ *publishedtest.Store, e *edge) {
			e.publish(t, "2026-11-09", 1, func(m *published.Manifest) { m.Files[0].Path = "events/../../0001.parquet" })
		}, "is no file of it"},
		"an account of other rows": {func(t *testing.T, _ *publishedtest.Store, e *edge) {
			e.publish(t, "2026-11-09", 1, func(m *published.Manifest) { m.Files[0].Rows = 2 })
		}, "2 rows of click, its account 1"},
		"a newer version": {func(t *testing.T, _ *publishedtest.Store, e *edge) {
			e.publish(t, "2026-11-09", 1, func(m *published.Manifest) { m.Version = 2 })
		}, "use a newer pixledger"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := lake.OpenOrCreate(filepath.Join(t.TempDir(), "lake"), testNow)
			if err != nil {
				t.Fatal(err)
			}
			s := publishedtest.New()
			a, b := newEdge(s, "edge-a"), newEdge(s, "edge-b")
			a.publish(t, "2026-11-08", 3)
			b.publish(t, "2026-11-08", 7)
			c.spoil(t, s, a)
			err = Run(t.Context(), options(l, s))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			state, err := l.State()
			if err != nil {
				t.Fatal(err)
			}
			if state.Edges["edge-a"].Sequence != 1 || state.Edges["edge-b"].Sequence != 1 {
				t.Errorf("collected are %d and %d", state.Edges["edge-a"].Sequence, state.Edges["edge-b"].Sequence)
			}
		})
	}
}

// A file in which somebody was forgotten is taken in as it stands there now.
func TestCollectWhatWasErased(t *testing.T) {
	l, err := lake.OpenOrCreate(filepath.Join(t.TempDir(), "lake"), testNow)
	if err != nil {
		t.Fatal(err)
	}
	s := shared(t)
	const file = "events/edge=edge-a/type=click/date=2026-11-08/0001.parquet"
	s.Set(file, []byte("3 clicks of 2026-11-08, of somebody whose name is longer than the one before"))
	b := s.Files()[file]
	if err := Run(t.Context(), options(l, s)); err == nil || !strings.Contains(err.Error(), "longer than the manifest says") {
		t.Errorf("without a record: %v", err)
	}
	note, err := json.Marshal(published.Erased{Files: []published.File{
		{Path: file, Rows: 3, Bytes: int64(len(b)), SHA256: published.Hash(b)},
		{Path: file, Rows: 3, Bytes: 3, SHA256: published.Hash([]byte("yet"))}, // said, and not yet there
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.Set(published.ErasedName(file), note)
	if err := Run(t.Context(), options(l, s)); err != nil {
		t.Fatal(err)
	}
	if got, err := holds(l); err != nil || !strings.Contains(got, "somebody whose name") {
		t.Errorf("%v, it holds\n%s", err, got)
	}
	s.Set(file, []byte("yet"))
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	if parts, _, err := VerifyShared(t.Context(), l, state, s, func(what string) { found = append(found, what) }); err != nil || len(found) > 0 || parts != 4 {
		t.Errorf("verify: %d parts, %v, %v", parts, err, found)
	}
	s.Set(file, []byte("other"))
	s.Set("published/edge=edge-b/000000000001.json", nil)
	if _, _, err := VerifyShared(t.Context(), l, state, s, func(what string) { found = append(found, what) }); err != nil || len(found) != 2 {
		t.Errorf("verify: %v, %v", err, found)
	}
}

// The machine stops before operations of its disk, operations fail, and those of the
// shared lake fail: the next run has every part once.
func TestCollectAtEveryOperation(t *testing.T) {
	s := shared(t)
	attempt := func(prepare func(*disktest.Machine, *publishedtest.Store)) (m *disktest.Machine, root string, store *publishedtest.Store, err error) {
		root = filepath.Join(quickDir(t), "lake")
		m, store = disktest.New(root), s.Copy()
		prepare(m, store)
		l, err := lake.OpenOrCreateOn(m.Disk(), root, testNow)
		if err != nil {
			return m, root, store, err
		}
		return m, root, store, Run(context.Background(), options(l, store))
	}
	check := func(root string) (string, error) {
		l, err := lake.OpenOrCreate(root, testNow)
		if err != nil {
			return "", err
		}
		if err := Run(context.Background(), options(l, s)); err != nil {
			return "", err
		}
		return holds(l)
	}
	whole, root, store, err := attempt(func(*disktest.Machine, *publishedtest.Store) {})
	if err != nil {
		t.Fatal(err)
	}
	want, err := check(root)
	if err != nil {
		t.Fatal(err)
	}
	same := func(root, when string) {
		t.Helper()
		if got, err := check(root); err != nil || got != want {
			t.Errorf("%s: %v, it holds\n%s", when, err, got)
		}
	}
	for n := 1; n <= store.Count(); n++ {
		_, root, _, err := attempt(func(_ *disktest.Machine, s *publishedtest.Store) {
			s.Fail = func(i int, _ bool, _ string) error {
				if i == n {
					return errors.New("no answer")
				}
				return nil
			}
		})
		if err == nil {
			t.Errorf("operation %d of the shared lake: no error", n)
		}
		same(root, fmt.Sprint("operation ", n, " of the shared lake"))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, fault := range []disktest.Fault{disktest.Stop, disktest.IOError, disktest.NoSpace, disktest.HalfWrite} {
		for at := 1 + rand.IntN(*faultStep); at <= whole.Count(); at += *faultStep {
			when := fmt.Sprintf("%s at operation %d (%s)", fault, at, whole.Told(at))
			m, root, _, _ := attempt(func(m *disktest.Machine, _ *publishedtest.Store) { m.FailAt(at, fault) })
			if fault != disktest.Stop {
				same(root, when)
				continue
			}
			for _, survival := range []disktest.Survival{disktest.Everything, disktest.Nothing, disktest.InOrder, disktest.Any} {
				back := filepath.Join(quickDir(t), "lake")
				if err := m.Restore(back, survival, r); err != nil {
					t.Fatal(err)
				}
				same(back, when+", "+survival.String())
			}
		}
	}
}

// quickDir is a folder in memory where there is one.
func quickDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pixledger-collect-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
