package compact

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"pixledger/schemas/disk/disktest"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/rewrite/rewritetest"
)

// The tests of faults try a part of what there is to try in every run, and all
// of it in a long one.
var (
	faultStep  = flag.Int("faults.step", 60, "try every n-th operation, from a random one on")
	globRounds = flag.Int("glob.rounds", 5, "compactions beside which readers by glob count")
)

// The machine stops before every operation of a compaction into which others
// commit, and every operation fails. Whatever the disk then holds, a reader by
// glob never counts a row twice, and the next start finds each row once, and
// compacts.
func TestCompactAtEveryOperation(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.ingest(10, clicks(yesterday), "rejects/date="+yesterday)
	}
	first := w.next
	attempt := func(prepare func(*disktest.Machine)) (m *disktest.Machine, root string, added int, err error) {
		root = filepath.Join(rewritetest.QuickDir(t), "lake")
		if err := os.CopyFS(root, os.DirFS(w.root)); err != nil {
			t.Fatal(err)
		}
		m = disktest.New(root)
		if err := m.Adopt(); err != nil {
			t.Fatal(err)
		}
		prepare(m)
		l, err := lake.OpenOrCreateOn(m.Disk(), root, testNow)
		if err != nil {
			return m, root, 0, err
		}
		o := w.options()
		o.Lake = l
		var meanwhile error
		w.next = first
		o.Progress = func(int64, int64) {
			if added == 0 && meanwhile == nil {
				if meanwhile = w.ingestOn(m.Disk(), root, 5, clicks(yesterday)); meanwhile == nil {
					added = 5
				}
			}
		}
		_, err = Run(context.Background(), o)
		return m, root, added, errors.Join(err, meanwhile)
	}
	count := func(root, folder string) (n, distinct int) {
		t.Helper()
		err := w.db.QueryRow("SELECT count(*), count(DISTINCT source_offset) FROM read_parquet($1)", filepath.Join(root, folder, "*.parquet")).Scan(&n, &distinct)
		if err != nil {
			t.Fatal(err)
		}
		return n, distinct
	}
	glance := func(root string) error {
		for _, folder := range []string{clicks(yesterday), "rejects/date=" + yesterday} {
			if n, distinct := count(root, folder); n != distinct || n < 30 {
				return fmt.Errorf("by glob %s has %d rows, %d of them different", folder, n, distinct)
			}
		}
		return nil
	}
	check := func(root string, added int) error {
		l, err := lake.OpenOrCreate(root, testNow)
		if err != nil {
			return err
		}
		o := w.options()
		o.Lake = l
		if _, err := Run(context.Background(), o); err != nil {
			return err
		}
		if err := glance(root); err != nil {
			return err
		}
		state, err := l.State()
		if err != nil {
			return err
		}
		n := int64(0)
		for _, f := range state.Folder(clicks(yesterday)) {
			n += f.Rows
		}
		if seen, _ := count(root, clicks(yesterday)); int64(seen) != n || seen < 30+added || seen > 35 {
			return fmt.Errorf("there are %d rows, by the records %d, and %d were added", seen, n, added)
		}
		if len(state.Folder(clicks(yesterday))) != 1 {
			return fmt.Errorf("there are %d files", len(state.Folder(clicks(yesterday))))
		}
		return nil
	}
	whole, root, added, err := attempt(func(*disktest.Machine) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := check(root, added); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, fault := range []disktest.Fault{disktest.Stop, disktest.IOError, disktest.NoSpace, disktest.HalfWrite} {
		for at := 1 + rand.IntN(*faultStep); at <= whole.Count(); at += *faultStep {
			var hit func() bool
			m, root, added, err := attempt(func(m *disktest.Machine) { hit = m.FailAt(at, fault) })
			if !hit() {
				continue
			}
			where := fmt.Sprintf("%s at %d of %d (%s; %v)", fault, at, whole.Count(), m.Told(at), err)
			if !rewritetest.ToldToAskAgain(t, root) {
				if err := glance(root); err != nil {
					t.Errorf("%s: %v", where, err)
				}
			}
			after := filepath.Join(rewritetest.QuickDir(t), "lake")
			s := disktest.Survival(r.IntN(4))
			if err := m.Restore(after, s, r); err != nil {
				t.Fatal(err)
			}
			err = nil
			if !rewritetest.ToldToAskAgain(t, after) {
				err = glance(after)
			}
			if err == nil {
				err = check(after, added)
			}
			if err != nil {
				t.Errorf("%s, power cut that leaves %s: %v", where, s, err)
			}
			if err := check(root, added); err != nil {
				t.Errorf("%s, a new process: %v", where, err)
			}
		}
	}
	t.Logf("%d operations", whole.Count())
}

// Readers by glob count again and again while others commit and compact: they
// are told the rows of the commits so far, or get an error that names a file, and
// nothing else: also where the machine keeps them waiting in the middle.
func TestReadersByGlobWhileCompacting(t *testing.T) {
	w := newWorld(t)
	const rows, folder = 50, "events/type=click/date=" + yesterday
	w.ingest(rows, folder)
	var committed, begun atomic.Int64
	committed.Store(rows)
	begun.Store(rows)
	stop := make(chan struct{})
	ended := make(chan string)
	for range 2 {
		go func() {
			wrong, asked, refused := "", 0, 0
			db, err := lakedb.OpenSession(context.Background(), w.lake, nil, lakedb.Options{Threads: 1})
			if err != nil {
				ended <- err.Error()
				return
			}
			defer db.Close()
			for wrong == "" {
				select {
				case <-stop:
					t.Logf("%d answers, %d errors", asked, refused)
					ended <- ""
					return
				default:
				}
				least := committed.Load()
				var n, distinct int64
				err := db.QueryRow("SELECT count(*), count(DISTINCT source_offset) FROM read_parquet($1, hive_partitioning = true)", w.lake.Path("events")+"/**/*.parquet").Scan(&n, &distinct)
				most := begun.Load()
				switch {
				case err != nil && (strings.Contains(err.Error(), "Cannot open file") || strings.Contains(err.Error(), lake.ReplacedName)):
					refused++
				case err != nil:
					wrong = err.Error()
				case n < least || n > most || n != distinct:
					wrong = fmt.Sprintf("counted %d rows, %d of them different, between %d and %d", n, distinct, least, most)
				default:
					asked++
				}
			}
			ended <- wrong
		}()
	}
	for range *globRounds {
		begun.Add(rows)
		w.ingest(rows, folder)
		committed.Add(rows)
		o := w.options()
		once := false
		o.Progress = func(int64, int64) {
			if !once {
				once = true
				begun.Add(rows)
				w.ingest(rows, folder)
				committed.Add(rows)
			}
		}
		w.compact(o)
	}
	close(stop)
	for range 2 {
		if wrong := <-ended; wrong != "" {
			t.Error(wrong)
		}
	}
}
