package retention

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pixledger/attribute"
	"pixledger/attribute/laketest"
	"pixledger/attribute/reference"
	"pixledger/schemas/disk/disktest"
	"pixledger/schemas/lake"
)

// The test of faults tries a part of what there is to try in every run, and all
// of it in a long one.
var faultStep = flag.Int("faults.step", 100, "try every n-th operation, from a random one on")

const days = 200

var (
	made  = time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)
	later = time.Date(2026, 9, 27, 0, 0, 0, 0, time.UTC) // 200 days after the 10th of March
)

const story = `
pixel 9012
line_item 382 pixel=9012 post_click_revenue=12.50
tracker 21378 click line_item=382
2026-03-10 09:00 click      t1 user=anna tracker=21378
2026-03-10 10:00 conversion c1 user=anna pixel=9012 order=A-1
2026-03-11 08:00 click      t2 user=bert tracker=21378
2026-03-11 09:00 conversion c2 user=anna pixel=9012
2026-03-12 09:00 conversion c3 user=bert pixel=9012 order=A-2
`

func parse(t *testing.T) reference.Example {
	t.Helper()
	e, err := reference.Parse(story)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func options(l *lake.Lake, e reference.Example) Options {
	return Options{Days: days, Attribute: attribute.Options{Lake: l, Catalog: e.Catalog, Now: later, Threads: 1, Holder: "retention"}}
}

// What was never attributed is attributed before what it rests on is erased.
func TestDecidesBeforeItErases(t *testing.T) {
	e := parse(t)
	l := laketest.New(t, t.TempDir(), made)
	l.Ingest(e.Events, nil)
	o := options(l.Lake, e)
	sum, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if sum.First != "2026-03-10" || sum.Last != "2026-03-10" || sum.Events != 2 || sum.Frozen != "2026-06-09" {
		t.Errorf("%+v", sum)
	}
	want := reference.Attribute(e.Catalog, e.Events, nil)
	if diff := reference.Diff(want, l.Attributions()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if p, err := attribute.Verify(context.Background(), o.Attribute); err != nil || len(p) > 0 {
		t.Errorf("verify: %v; %v", p, err)
	}
	if again, err := Run(context.Background(), o); err != nil || again.Commit != 0 || again.Frozen != "2026-06-09" {
		t.Errorf("again: %+v; %v", again, err)
	}
}

// A later retention that erases nothing, or rejects alone, thaws nothing.
func TestWhatIsFrozenStaysFrozen(t *testing.T) {
	if by := frozenBy("2026-03-10"); by != "2026-06-09" { // the day after the 90th
		t.Errorf("frozen before %s", by)
	}
	state := &lake.State{
		Files:  map[string]lake.File{"rejects/date=2026-03-01/c000000000001-0.parquet": {Path: "rejects/date=2026-03-01/c000000000001-0.parquet", Rows: 3}},
		Latest: map[string]lake.Mark{attribute.RetentionKind: {Notes: map[string]string{attribute.NoteFrozen: "2026-05-01"}}},
	}
	o := Options{Days: days, Attribute: attribute.Options{Now: later}}
	if sum, folders := o.plan(state); sum.Frozen != "2026-05-01" || sum.Rejects != 3 || len(folders) != 1 {
		t.Errorf("%+v, %v", sum, folders)
	}
}

// The machine stops before every operation of a retention, and every operation
// fails. The decisions are the same before and after, and the next run ends it.
func TestRetentionAtEveryOperation(t *testing.T) {
	e := parse(t)
	base := t.TempDir()
	l := laketest.New(t, filepath.Join(base, "made"), made)
	l.Ingest(e.Events, nil)
	if _, err := attribute.Run(context.Background(), options(l.Lake, e).Attribute); err != nil {
		t.Fatal(err)
	}
	want := l.Attributions()
	dirs := 0
	newDir := func() string {
		dirs++
		return filepath.Join(base, fmt.Sprint(dirs))
	}
	attempt := func(prepare func(*disktest.Machine)) (m *disktest.Machine, dir string, err error) {
		dir = newDir()
		root := filepath.Join(dir, "lake")
		if err := os.CopyFS(root, os.DirFS(l.Root())); err != nil {
			t.Fatal(err)
		}
		m = disktest.New(root)
		if err := m.Adopt(); err != nil {
			t.Fatal(err)
		}
		prepare(m)
		on, err := lake.OpenOrCreateOn(m.Disk(), root, made)
		if err != nil {
			return m, dir, err
		}
		_, err = Run(context.Background(), options(on, e))
		return m, dir, err
	}
	check := func(dir string) error {
		if diff := reference.Diff(want, laketest.New(t, dir, made).Attributions()); diff != "" {
			return fmt.Errorf("before it was run again: %s", diff)
		}
		on, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), made)
		if err != nil {
			return err
		}
		o := options(on, e)
		if _, err := Run(context.Background(), o); err != nil {
			return err
		}
		if sum, err := Run(context.Background(), o); err != nil || sum.Commit != 0 || sum.Frozen != "2026-06-09" {
			return fmt.Errorf("once more: %+v; %w", sum, err)
		}
		if diff := reference.Diff(want, laketest.New(t, dir, made).Attributions()); diff != "" {
			return fmt.Errorf("after it: %s", diff)
		}
		p, err := attribute.Verify(context.Background(), o.Attribute)
		if err == nil && len(p) > 0 {
			err = fmt.Errorf("verify: %v", p)
		}
		return err
	}
	whole, dir, err := attempt(func(*disktest.Machine) {})
	if err = errors.Join(err, check(dir)); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, fault := range []disktest.Fault{disktest.Stop, disktest.IOError} {
		for at := 1 + rand.IntN(*faultStep); at <= whole.Count(); at += *faultStep {
			m, dir, err := attempt(func(m *disktest.Machine) { m.FailAt(at, fault) })
			where := fmt.Sprintf("%s at %d of %d (%s; %v)", fault, at, whole.Count(), m.Told(at), err)
			after := newDir()
			s := disktest.Survival(r.IntN(4))
			if err := m.Restore(filepath.Join(after, "lake"), s, r); err != nil {
				t.Fatal(err)
			}
			if err := check(after); err != nil {
				t.Errorf("%s, power cut that leaves %s: %v", where, s, err)
			}
			if err := check(dir); err != nil {
				t.Errorf("%s, a new process: %v", where, err)
			}
		}
	}
	t.Logf("%d operations", whole.Count())
}
