package warehouse_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"pixledger/report/warehouse"
	"pixledger/schemas/disk"
	"pixledger/schemas/disk/disktest"
)

// The machine stops at any operation, whatever the disk kept: the file is the
// old one or the new one, whole, and no stale log of changes stands beside the
// new one. The next run puts the new one there.
func TestPowerCut(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	before := filled(t, 5)
	if err := before.make(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(before.Path(warehouse.FileName+".wal"), []byte("stale"), 0o600); err != nil {
		t.Fatal(err)
	}
	before.fill(map[string]string{"events/type=click/date=2026-11-12": `SELECT 'z' AS event_id, TIMESTAMPTZ '2026-11-12 01:00:00Z' AS event_time, now() AS ingested_at,
		'e' AS edge, 's' AS source_id, 0 AS source_offset, 'GET' AS method, 200 AS status, 'unknown' AS consent, 77 AS tracker_id`})

	const old, new = "1", "2" // the commits that the files show
	run := func(m *disktest.Machine, root string) error {
		l, err := before.over(m.Disk(), root)
		if err != nil {
			return err
		}
		return l.make()
	}
	watched := func(root string) *disktest.Machine {
		m := disktest.New(root)
		if err := m.Adopt(); err != nil {
			t.Fatal(err)
		}
		return m
	}
	copied := func() string {
		to := filepath.Join(quickDir(t), "lake")
		if err := os.CopyFS(to, os.DirFS(before.Root())); err != nil {
			t.Fatal(err)
		}
		return to
	}
	root := copied()
	whole := watched(root)
	// A stop before an operation that changes nothing is one before the next; of
	// the writes in a row the first stands for all.
	changing, last := []int{}, disk.Kind("")
	whole.Refuse(func(n int, op disk.Op) error {
		if op.Kind.Changes() && (op.Kind != disk.Write || last != disk.Write) {
			changing = append(changing, n)
		}
		last = op.Kind
		return nil
	})
	if err := run(whole, root); err != nil {
		t.Fatal(err)
	}
	if len(changing) < 10 {
		t.Fatalf("a run changes the disk by only %d operations", len(changing))
	}
	seen := map[string]int{}
	for _, n := range changing {
		root := copied()
		m := watched(root)
		m.StopAt(n)
		err := run(m, root)
		if err != nil && !errors.Is(err, disktest.ErrStopped) {
			t.Errorf("stopped at %d, %s: %v", n, m.Told(n), err)
		}
		for _, survival := range []disktest.Survival{disktest.Nothing, []disktest.Survival{disktest.InOrder, disktest.Any}[r.IntN(2)]} {
			after := filepath.Join(quickDir(t), "lake")
			if rerr := m.Restore(after, survival, r); rerr != nil {
				t.Fatal(rerr)
			}
			got, stale := shows(t, after)
			seen[got]++
			switch {
			case got == new && stale:
				t.Errorf("stopped at %d, %s, with %s: a stale log stands beside the new file", n, m.Told(n), survival)
			case err == nil && got != new:
				t.Errorf("done before a stop at %d, %s, with %s: the file shows commit %s", n, m.Told(n), survival, got)
			case got != old && got != new:
				t.Errorf("stopped at %d, %s, with %s: the file shows %q", n, m.Told(n), survival, got)
			}
		}
	}
	if seen[old] == 0 || seen[new] == 0 {
		t.Errorf("seen: %v", seen)
	}
}

// shows gives the commit that the warehouse in a lake shows, and whether a log
// of changes is beside it. It reads the file without the log.
func shows(t *testing.T, root string) (commit string, stale bool) {
	t.Helper()
	_, err := os.Stat(filepath.Join(root, warehouse.FileName+".wal"))
	stale = err == nil
	alone := filepath.Join(quickDir(t), "alone.duckdb")
	if err := os.Link(filepath.Join(root, warehouse.FileName), alone); err != nil {
		return err.Error(), stale
	}
	db, err := sql.Open("duckdb", alone+"?access_mode=read_only")
	if err != nil {
		return err.Error(), stale
	}
	defer db.Close()
	var seq, facts int64
	if err := db.QueryRow("SELECT lake_commit, (SELECT count(*) FROM hourly_facts) FROM warehouse_info").Scan(&seq, &facts); err != nil {
		return err.Error(), stale
	}
	return fmt.Sprint(seq), stale
}

// Every operation that fails leaves the old file, or a new one that is whole;
// the failure is told, nothing is left in staging, and the next run works.
func TestFailedOperation(t *testing.T) {
	l := filled(t, 6)
	if err := l.make(); err != nil {
		t.Fatal(err)
	}
	kinds := []disk.Kind{}
	watch := &refuser{refuse: func(op disk.Op) error { kinds = append(kinds, op.Kind); return nil }}
	over, err := l.over(&disk.Disk{Watcher: watch}, l.Root())
	if err != nil {
		t.Fatal(err)
	}
	kinds = nil
	if err := over.make(); err != nil {
		t.Fatal(err)
	}
	for n, kind := range kinds {
		if !kind.Changes() || kind == disk.Write && kinds[n-1] == disk.Write {
			continue // of the writes in a row the first stands for all
		}
		at := -1
		watch.refuse = func(disk.Op) error {
			if at++; at != n {
				return nil
			}
			if kind == disk.Write {
				return &disk.ShortWrite{N: 100, Err: syscall.ENOSPC}
			}
			return syscall.EIO
		}
		err := over.make()
		if got, _ := shows(t, l.Root()); got != "1" {
			t.Errorf("operation %d (%s) refused: the file shows %q, error %v", n, kind, got, err)
		}
		if err == nil && kind != disk.Remove {
			t.Errorf("operation %d (%s) refused: no error", n, kind)
		}
	}
	watch.refuse = func(disk.Op) error { return nil }
	if err := over.make(); err != nil {
		t.Fatal(err)
	}
}

type refuser struct{ refuse func(disk.Op) error }

func (r *refuser) Before(op disk.Op) error { return r.refuse(op) }
func (r *refuser) After(disk.Op)           {}
