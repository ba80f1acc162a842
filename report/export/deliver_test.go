package export

import (
	"context"
	"errors"
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/disk/disktest"
	"pixledger/schemas/lake"
)

var cutStep = flag.Int("cuts.step", 7, "cut at every so many operations")

// outbox is a destination that keeps what it is brought, and can be told to
// fail.
type outbox struct {
	name  string
	files map[string]string
	order []string
	fail  func(file string) error
}

func (o *outbox) destination() Destination {
	return Destination{Name: o.name, Put: func(_ context.Context, files []Sendable) error {
		for _, f := range files {
			if o.fail != nil {
				if err := o.fail(f.Name); err != nil {
					return err
				}
			}
			b, err := os.ReadFile(f.Path)
			if err != nil {
				return err
			}
			if int64(len(b)) != f.Size || hashOf(b) != f.SHA256 {
				return errors.New(f.Name + " is announced as another")
			}
			if o.files == nil {
				o.files = map[string]string{}
			}
			o.files[f.Name], o.order = string(b), append(o.order, f.Name)
		}
		return nil
	}}
}

func (w *world) deliver(o DeliverOptions, to ...*outbox) error {
	o.Lake, o.Now = w.lake, func() time.Time { return made }
	for _, d := range to {
		o.Destinations = append(o.Destinations, d.destination())
	}
	return Deliver(context.Background(), o)
}

// byName are the exports' files without their folders.
func byName(files map[string]string) map[string]string {
	out := map[string]string{}
	for path, content := range files {
		out[filepath.Base(path)] = content
	}
	return out
}

// Every destination gets all of every day, the oldest day first and a day's
// manifest last, and nothing twice; also one that comes later, and one that was
// out of reach.
func TestEveryDestinationGetsEverything(t *testing.T) {
	w := newWorld(t)
	w.write()
	broken := true
	first := &outbox{name: "first"}
	second := &outbox{name: "second", fail: func(file string) error {
		if broken && file == "manifest_2026-11-11.json" {
			return errors.New("second: no space left")
		}
		return nil
	}}
	err := w.deliver(DeliverOptions{}, second, first)
	if err == nil || !strings.Contains(err.Error(), "the export of 2026-11-11: second: no space left") {
		t.Errorf("error %v", err)
	}
	want := byName(w.files())
	if !maps.Equal(first.files, want) {
		t.Errorf("the first has %v", first.order)
	}
	days := []string{"2026-11-10", "2026-11-11", "2026-11-12"}
	for i, d := range days {
		if got := first.order[3*i : 3*i+3]; !slices.Equal(got, []string{"revenue_" + d + ".csv", "entries_" + d + ".csv", "manifest_" + d + ".json"}) {
			t.Errorf("day %d was delivered as %v", i, got)
		}
	}
	s, err := Stand(w.lake, []string{"first", "second", "third"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Written != 3 || s.Last != "2026-11-12" || s.Destinations[0].Delivered != 3 || s.Destinations[0].Failure != nil ||
		s.Destinations[1].Delivered != 1 || s.Destinations[1].Waiting != 2 || s.Destinations[1].Failure == nil || s.Destinations[2].Waiting != 3 {
		t.Errorf("it stands as %+v", s)
	}
	if f := s.Destinations[1].Failure; f != nil && (f.Date != "2026-11-11" || !strings.Contains(f.Error, "no space left") || !f.At.Equal(made)) {
		t.Errorf("the failure is %+v", f)
	}
	broken = false
	third := &outbox{name: "third"}
	if err := w.deliver(DeliverOptions{}, first, second, third); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(second.files, want) || !maps.Equal(third.files, want) || len(first.order) != 9 {
		t.Errorf("delivered: first %v, second %v, third %v", first.order, second.order, third.order)
	}
	list, err := List(w.lake, "2026-11-11", []string{"second", "nobody"})
	if err != nil || len(list) != 2 || list[1].Manifest.Date != "2026-11-11" || list[1].Deliveries[0] == nil || list[1].Deliveries[1] != nil || list[1].Deliveries[0].Manifest != list[1].SHA256 {
		t.Errorf("the list is %+v, %v", list, err)
	}
	if s, err = Stand(w.lake, []string{"second"}); err != nil || s.Destinations[0].Failure != nil || s.Destinations[0].Waiting != 0 {
		t.Errorf("it stands as %+v, %v", s.Destinations[0], err)
	}
	if found := w.findings(); found != nil {
		t.Errorf("verify finds %q", found)
	}
}

func TestDeliveryUntilAndAgain(t *testing.T) {
	w := newWorld(t)
	w.write()
	box := &outbox{name: "box"}
	if err := w.deliver(DeliverOptions{Until: "2026-11-11"}, box); err != nil || len(box.order) != 6 {
		t.Fatalf("%v, %v", box.order, err)
	}
	box.order = nil
	if err := w.deliver(DeliverOptions{Until: "2026-11-11", Again: func(d schemas.Day) bool { return d == "2026-11-10" }}, box); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(box.order, []string{"revenue_2026-11-10.csv", "entries_2026-11-10.csv", "manifest_2026-11-10.json"}) {
		t.Errorf("again: %v", box.order)
	}
}

// A power cut at any operation of writing and delivering leaves each day whole
// or not there, and the next run completes them to the same bytes.
func TestPowerCutInAnExport(t *testing.T) {
	w := newWorld(t)
	start := w.lake.Root()
	run := func(m *disktest.Machine, root string) (*world, *outbox, error) {
		l, err := lake.OpenOn(m.Disk(), root)
		if err != nil {
			return nil, nil, err
		}
		again := &world{t: t, lake: l, days: w.days, catalogs: w.catalogs, formats: w.formats}
		box := &outbox{name: "box"}
		if err := Write(context.Background(), again.options()); err != nil {
			return again, box, err
		}
		return again, box, again.deliver(DeliverOptions{}, box)
	}
	watched := func(root string) *disktest.Machine {
		m := disktest.New(root)
		if err := m.Adopt(); err != nil {
			t.Fatal(err)
		}
		return m
	}
	copied := func() string {
		to := filepath.Join(t.TempDir(), "lake")
		if err := os.CopyFS(to, os.DirFS(start)); err != nil {
			t.Fatal(err)
		}
		return to
	}
	root := copied()
	whole := watched(root)
	done, _, err := run(whole, root)
	if err != nil {
		t.Fatal(err)
	}
	want := done.files()
	seed := rand.Uint64()
	t.Logf("seed %d, %d operations", seed, whole.Count())
	r := rand.New(rand.NewPCG(seed, 0))
	for n := 1 + r.IntN(*cutStep); n <= whole.Count(); n += *cutStep {
		root := copied()
		m := watched(root)
		m.StopAt(n)
		if _, _, err := run(m, root); !errors.Is(err, disktest.ErrStopped) {
			t.Errorf("cut at %d, %s: %v", n, m.Told(n), err)
		}
		survival := []disktest.Survival{disktest.Everything, disktest.Nothing, disktest.InOrder, disktest.Any}[r.IntN(4)]
		after := filepath.Join(t.TempDir(), "lake")
		if err := m.Restore(after, survival, r); err != nil {
			t.Fatal(err)
		}
		again, box, err := run(watched(after), after)
		if err != nil {
			t.Errorf("after a cut at %d, %s, with %s: %v", n, m.Told(n), survival, err)
			continue
		}
		got := again.files()
		if !maps.Equal(got, want) {
			t.Errorf("after a cut at %d, %s, with %s: %v", n, m.Told(n), survival, slices.Sorted(maps.Keys(got)))
		}
		for name, content := range box.files {
			if byName(want)[name] != content {
				t.Errorf("after a cut at %d: %s was delivered as another", n, name)
			}
		}
		if found := again.findings(); found != nil {
			t.Errorf("after a cut at %d, %s: verify finds %q", n, m.Told(n), found)
		}
	}
}
