package publish

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/schemas/disk"
	"pixledger/schemas/disk/disktest"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/rewrite"
	"pixledger/schemas/lakedb/rewrite/rewritetest"
	"pixledger/schemas/published/publishedtest"
)

var (
	faultStep = flag.Int("faults.step", 250, "try every n-th operation of a disk, from a random one on")
	storeStep = flag.Int("store.step", 12, "the same of the shared lake")
)

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// faultWorld is a lake of which something is published already, and something late.
func faultWorld(t *testing.T) (*world, *publishedtest.Store) {
	w, s := newWorld(t), publishedtest.New()
	w.read("a", line{"click", first, 4}, line{"reject", first, 1})
	w.publish(s)
	w.read("a", line{"click", first, 2}, line{"conversion", "2026-11-10", 3})
	w.read("b", line{"click", "2026-11-10", 2}, line{"reject", today, 1})
	return w, s
}

// whole fails where a reader of the manifests, or by glob, would see what can't be.
func (w *world) whole(s *publishedtest.Store) error {
	if _, err := manifests(s); err != nil {
		return err
	}
	root := rewritetest.QuickDir(w.t)
	if err := s.Save(root); err != nil {
		return err
	}
	var files []any
	for name := range s.Files() {
		if strings.HasPrefix(name, "events/") {
			files = append(files, filepath.Join(root, name))
		}
	}
	seen := map[string]bool{}
	for _, r := range w.rowsOf(files) { // each can be read to its end
		if seen[r] {
			return fmt.Errorf("by glob %s is there twice", r)
		}
		seen[r] = true
	}
	return nil
}

// Every operation of the shared lake fails, before it was done and after; the machine
// dies there, and more lines come before it is up again. Whatever was there, the next
// run ends it: each row once, never half a day.
func TestPublishAtEveryOperationOfTheStore(t *testing.T) {
	w, s := faultWorld(t)
	root, at := w.root, w.at["a"]
	for n := 1 + rand.IntN(*storeStep); ; n += *storeStep {
		for _, after := range []bool{false, true} {
			w.at["a"] = at
			store := s.Copy()
			w.root = root + fmt.Sprint(n, after)
			copyFolder(t, root, w.root)
			hit := false
			store.Fail = func(i int, done bool, _ string) error {
				if i >= n && (done == after || i > n) { // nothing goes on after it
					hit = true
					return errors.New("the machine is gone")
				}
				return nil
			}
			err := Run(context.Background(), w.options(w.lake(), store))
			store.Fail = nil
			if hit == (err == nil) {
				t.Fatalf("operation %d (after %v): hit %v, %v", n, after, hit, err)
			}
			if err := w.whole(store); err != nil {
				t.Fatalf("operation %d (after %v): %v", n, after, err)
			}
			w.read("a", line{"click", first, 1})
			w.compact()
			w.publish(store)
			w.publish(store)
			if err := w.agree(store, w.lake()); err != nil {
				t.Fatalf("operation %d (after %v): %v", n, after, err)
			}
			if !hit {
				if n < 10 {
					t.Errorf("only %d operations", n)
				}
				return
			}
		}
	}
}

// The machine stops before operations of its disk, and operations fail.
func TestPublishAtEveryOperationOfTheDisk(t *testing.T) {
	w, s := faultWorld(t)
	attempt := func(prepare func(*disktest.Machine)) (m *disktest.Machine, root string, store *publishedtest.Store, err error) {
		root = filepath.Join(rewritetest.QuickDir(t), "lake")
		copyFolder(t, w.root, root)
		m = disktest.New(root)
		if err := m.Adopt(); err != nil {
			t.Fatal(err)
		}
		prepare(m)
		store = s.Copy()
		l, err := lake.OpenOrCreateOn(m.Disk(), root, testNow)
		if err != nil {
			return m, root, store, err
		}
		return m, root, store, Run(context.Background(), w.options(l, store))
	}
	check := func(root string, store *publishedtest.Store) error {
		if err := w.whole(store); err != nil {
			return err
		}
		l, err := lake.OpenOrCreateOn(disk.Real, root, testNow)
		if err != nil {
			return err
		}
		if err := Run(context.Background(), w.options(l, store)); err != nil {
			return err
		}
		return w.agree(store, l)
	}
	whole, root, store, err := attempt(func(*disktest.Machine) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := check(root, store); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, fault := range []disktest.Fault{disktest.Stop, disktest.IOError, disktest.NoSpace} {
		for at := 1 + rand.IntN(*faultStep); at <= whole.Count(); at += *faultStep {
			m, root, store, _ := attempt(func(m *disktest.Machine) { m.FailAt(at, fault) })
			if fault == disktest.Stop {
				for _, survival := range []disktest.Survival{disktest.Everything, disktest.Nothing, disktest.InOrder, disktest.Any} {
					back := filepath.Join(rewritetest.QuickDir(t), "lake")
					if err := m.Restore(back, survival, r); err != nil {
						t.Fatal(err)
					}
					if err := check(back, store.Copy()); err != nil {
						t.Errorf("%s at operation %d (%s), %s: %v", fault, at, whole.Told(at), survival, err)
					}
				}
			} else if err := check(root, store); err != nil {
				t.Errorf("%s at operation %d (%s): %v", fault, at, whole.Told(at), err)
			}
		}
	}
}

// forget puts another id in the place of a user's, as an erasure does.
func (w *world) forget(user string) {
	w.t.Helper()
	l := w.lake()
	state, err := l.State()
	if err != nil {
		w.t.Fatal(err)
	}
	job := rewrite.Job{
		Lake: l, Kind: lake.ForgetKind, Now: testNow, Session: lakedb.Options{Threads: 1, TempDir: w.made},
		Change: map[string]string{"events": "SELECT * REPLACE (CASE WHEN user_id = '" + user + "' THEN 'nobody' ELSE user_id END AS user_id) FROM rows_before"},
	}
	folders := map[string][]lake.File{}
	for p, f := range state.Files {
		if strings.HasPrefix(p, "events/") {
			folders[filepath.Dir(p)] = append(folders[filepath.Dir(p)], f)
		}
	}
	for p, files := range folders {
		job.Folders = append(job.Folders, rewrite.Folder{Path: p, Files: files})
	}
	if _, err := rewrite.Run(w.t.Context(), job); err != nil {
		w.t.Fatal(err)
	}
}

// Who is forgotten on the edge is gone from what was published too, by the next run,
// wherever it was killed: the same rows, without him.
func TestForgottenInTheSharedLake(t *testing.T) {
	w, s := faultWorld(t)
	w.publish(s)
	w.forget("user1")
	users := func(s *publishedtest.Store) (n, all int) {
		root := rewritetest.QuickDir(t)
		if err := s.Save(root); err != nil {
			t.Fatal(err)
		}
		if err := w.db.QueryRow("SELECT count(*) FILTER (user_id = 'user1'), count(*) FROM read_parquet($1)", root+"/events/**/*.parquet").Scan(&n, &all); err != nil {
			t.Fatal(err)
		}
		return n, all
	}
	before, rows := users(s)
	if before == 0 {
		t.Fatal("nobody was published")
	}
	root := w.root
	for n := 1 + rand.IntN(*storeStep); ; n += *storeStep {
		store := s.Copy()
		w.root = root + fmt.Sprint(n)
		copyFolder(t, root, w.root)
		hit := false
		store.Fail = func(i int, _ bool, _ string) error {
			if i >= n {
				hit = true
				return errors.New("the machine is gone")
			}
			return nil
		}
		err := Run(context.Background(), w.options(w.lake(), store))
		store.Fail = nil
		if hit == (err == nil) {
			t.Fatalf("operation %d: hit %v, %v", n, hit, err)
		}
		if err := w.whole(store); err != nil {
			t.Fatalf("operation %d: %v", n, err)
		}
		expect(t, w.publish(store))
		if err := w.agree(store, w.lake()); err != nil {
			t.Fatalf("operation %d: %v", n, err)
		}
		if n, all := users(store); n != 0 || all != rows {
			t.Errorf("%d rows of %d are left, of %d of %d", n, all, before, rows)
		}
		var found []string
		if _, err := VerifyShared(context.Background(), w.lake(), store, "edge-a", func(s string) { found = append(found, s) }); err != nil || len(found) > 0 {
			t.Errorf("verify: %v, %v", err, found)
		}
		if !hit {
			break
		}
	}
}
