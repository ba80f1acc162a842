package forget

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"pixledger/schemas/disk/disktest"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/forget/forgettest"
	"pixledger/schemas/lakedb/rewrite/rewritetest"
)

// The test of faults tries a part of what there is to try in every run, and all
// of it in a long one.
var faultStep = flag.Int("faults.step", 300, "try every n-th operation, from a random one on")

// The machine stops before every operation of an erasure, and every operation
// fails. Whatever the disk then holds, a reader by glob finds every row, and all
// of a user's under one id; the next run ends it with the pseudonym that was
// chosen, and leaves no trace.
func TestForgetAtEveryOperation(t *testing.T) {
	w := newWorld(t, longID)
	attempt := func(prepare func(*disktest.Machine)) (m *disktest.Machine, root string, err error) {
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
			return m, root, err
		}
		_, err = Run(context.Background(), Options{Lake: l, Now: testNow, UserIDs: []string{longID}, Session: lakedb.Options{Threads: 1}})
		return m, root, err
	}
	count := func(root, query string) (s string) {
		t.Helper()
		globs := []any{filepath.Join(root, "events/*/*/*.parquet"), filepath.Join(root, "attributions/*/*.parquet")}
		if err := w.db.QueryRow(query, globs).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	const names = "SELECT coalesce(min(user_id), '') FROM read_parquet($1, union_by_name = true) WHERE user_id LIKE 'forgotten-%'"
	glance := func(root string) error {
		if n := count(root, "SELECT count(event_id) || ' and ' || count(conversion_id) FROM read_parquet($1, union_by_name = true)"); n != "180 and 120" {
			return fmt.Errorf("by glob there are %s rows", n)
		}
		return nil
	}
	early := func(root string) error {
		if rewritetest.ToldToAskAgain(t, root) {
			return nil
		}
		return glance(root)
	}
	finish := func(root string) error {
		l, err := lake.OpenOrCreate(root, testNow)
		if err != nil {
			return err
		}
		chosen := count(root, names)
		o := Options{Lake: l, Now: testNow, Session: lakedb.Options{Threads: 1}}
		pending, err := Pending(l)
		switch {
		case err != nil:
			return err
		case len(pending) > 0 && chosen != "" && chosen != pending[0].Pseudonym:
			return fmt.Errorf("rows have the pseudonym %s, noted is %s", chosen, pending[0].Pseudonym)
		case len(pending) > 0:
			chosen = pending[0].Pseudonym
		case chosen == "":
			o.UserIDs = []string{longID}
		}
		if _, err := Run(context.Background(), o); err != nil {
			return err
		}
		if err := glance(root); err != nil {
			return err
		}
		if now := count(root, names); now == "" || chosen != "" && now != chosen {
			return fmt.Errorf("the pseudonym is %q, and %q was chosen", now, chosen)
		}
		if n := count(root, "SELECT count(DISTINCT user_id) FROM read_parquet($1, union_by_name = true)"); n != "10" {
			return fmt.Errorf("there are %s users", n)
		}
		found, err := forgettest.Traces(root, longID)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("traces are left in %v", found)
		}
		return nil
	}
	whole, root, err := attempt(func(*disktest.Machine) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := finish(root); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, fault := range []disktest.Fault{disktest.Stop, disktest.IOError, disktest.NoSpace, disktest.HalfWrite} {
		for at := 1 + rand.IntN(*faultStep); at <= whole.Count(); at += *faultStep {
			var hit func() bool
			m, root, err := attempt(func(m *disktest.Machine) { hit = m.FailAt(at, fault) })
			if !hit() {
				continue
			}
			where := fmt.Sprintf("%s at %d of %d (%s; %v)", fault, at, whole.Count(), m.Told(at), err)
			after := filepath.Join(rewritetest.QuickDir(t), "lake")
			s := disktest.Survival(r.IntN(4))
			if err := m.Restore(after, s, r); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(early(after), finish(after)); err != nil {
				t.Errorf("%s, power cut that leaves %s: %v", where, s, err)
			}
			if err := errors.Join(early(root), finish(root)); err != nil {
				t.Errorf("%s, a new process: %v", where, err)
			}
		}
	}
	t.Logf("%d operations", whole.Count())
}
