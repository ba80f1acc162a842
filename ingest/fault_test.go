package ingest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/disk/disktest"
	"pixledger/schemas/lake"
)

// The tests of faults try a part of what there is to try in every run, and all
// of it in a long one.
var (
	faultSeeds = flag.Int("faults.seeds", 1, "power cuts tried at every operation, of each kind")
	faultStep  = flag.Int("faults.step", 24, "try every n-th operation, from a random one on")
	faultSeed  = flag.Uint64("faults.seed", 0, "the first seed; 0: a random one, which is printed")
)

// quickDir is a folder in memory where there is one: what is durable is the
// machine's matter here, and not the disk's.
func quickDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pixledger-fault-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func firstSeed(t *testing.T) uint64 {
	seed := *faultSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-faults.seed=%d", seed)
	return seed
}

// faultLogs are two logs whose lines can each be told from what becomes of
// them: by the id of an event, by the text of a reject, and by the day of a
// line that is only counted.
type faultLogs struct {
	paths   []string
	ids     []string
	rejects []string
	days    map[string]string // of lines that are counted only: what and how many
}

func newFaultLogs(t *testing.T) *faultLogs {
	t.Helper()
	dir := t.TempDir()
	l := &faultLogs{days: map[string]string{}}
	day := 0
	at := func(day int) float64 { return 1793534400.125 - float64(day)*86400 } // 2026-11-01 and before
	request := func(id, uri, status string, time float64) string {
		return fmt.Sprintf(`{"time":"%.3f","id":"%s","ip":"203.0.113.7","method":"GET","host":"px.example","uri":"%s","status":"%s","referer":"","ua":"","uid_got":"uid=0B0C","uid_set":"-","gpc":""}`+"\n",
			time, id, uri, status)
	}
	write := func(prefix string, pack func(string) string, name string) {
		var b strings.Builder
		for i, uri := range []string{"/px?id=1", "/imptr?id=2", "/clktrb?id=3", "/imptr?id=2", "/px?id=1", "/favicon.ico", "/px?id=404", "", "/imptr?id=2", "/clktr?id=3"} {
			id := fmt.Sprint(prefix, i)
			switch uri {
			case "":
				b.WriteString("no line of JSON " + id + "\n")
				l.rejects = append(l.rejects, "no line of JSON "+id)
			case "/favicon.ico", "/px?id=404":
				status, what := "200", "ignored"
				if uri != "/favicon.ico" {
					status, what = "404", "not counted"
				}
				day++
				b.WriteString(request(id, uri, status, at(10+day)))
				l.days[time.UnixMilli(int64(at(10+day)*1000)).UTC().Format(time.DateOnly)] = what
			default:
				b.WriteString(request(id, uri, "200", at(i%2)))
				l.ids = append(l.ids, id)
			}
		}
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(pack(b.String())), 0o600); err != nil {
			t.Fatal(err)
		}
		l.paths = append(l.paths, p)
	}
	write("p", func(s string) string { return s }, "plain.log")
	write("g", func(s string) string { return gz(t, s) }, "packed.log.gz")
	slices.Sort(l.ids)
	slices.Sort(l.rejects)
	return l
}

// ingest opens the lake, as a new process does, and reads the logs into it.
func (l *faultLogs) ingest(d *disk.Disk, root string) error {
	k, err := lake.OpenOrCreateOn(d, root, testTime)
	if err != nil {
		return err
	}
	opts := testOptions(k)
	opts.Threads, opts.Rows = 1, 7
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = files(ctx, opts, l.paths, time.Microsecond)
	return err
}

// check says what is wrong with the lake after all was read.
func (l *faultLogs) check(root string) error {
	k, err := lake.Open(root)
	if err != nil {
		return err
	}
	state, err := k.State()
	if err != nil {
		return err
	}
	seen, err := lakeTexts(k, state.FilesOf(schemas.Events, ""), "event_id")
	if err == nil && !slices.Equal(seen, l.ids) {
		err = fmt.Errorf("events %q, want %q", seen, l.ids)
	}
	if err != nil {
		return err
	}
	seen, err = lakeTexts(k, state.FilesOf(schemas.Rejects, ""), "raw")
	if err == nil && !slices.Equal(seen, l.rejects) {
		err = fmt.Errorf("rejects %q, want %q", seen, l.rejects)
	}
	if err != nil {
		return err
	}
	days := map[string]string{}
	for _, src := range state.Sources {
		for day, c := range src.Days {
			if n := lake.Sum(c.NotCounted); n > 0 {
				days[day] += strings.Repeat("not counted", int(n))
			}
			days[day] += strings.Repeat("ignored", int(c.Ignored))
			if days[day] == "" {
				delete(days, day)
			}
		}
	}
	if !maps.Equal(days, l.days) {
		return fmt.Errorf("days of lines that are counted only: %q, want %q", days, l.days)
	}
	problems, err := Verify(context.Background(), k, state, time.Time{})
	if err != nil || len(problems) > 0 {
		return errors.Join(err, fmt.Errorf("verify: %v", problems))
	}
	return nil
}

func lakeTexts(k *lake.Lake, paths []string, column string) (out []string, err error) {
	for _, p := range paths {
		part, err := fileTexts(k.Path(p), column)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		out = append(out, part...)
	}
	slices.Sort(out)
	return out, nil
}

// glance says what is wrong with what a reader by glob sees, at any moment: a
// file that can't be read, or an event twice.
func glance(root string) error {
	ids := map[string]string{}
	err := filepath.WalkDir(filepath.Join(root, "events"), func(p string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // no lake yet
		}
		if err != nil || e.IsDir() || !strings.HasSuffix(p, ".parquet") {
			return err
		}
		found, err := fileTexts(p, "event_id")
		for _, id := range found {
			if ids[id] != "" {
				return fmt.Errorf("%s is in %s and in %s", id, ids[id], p)
			}
			ids[id] = p
		}
		return err
	})
	return err
}

// finish lets a new process do what is left to do, and checks all.
func (l *faultLogs) finish(root string) error {
	if err := glance(root); err != nil {
		return fmt.Errorf("by glob: %w", err)
	}
	if err := l.ingest(disk.Real, root); err != nil {
		return fmt.Errorf("the next start: %w", err)
	}
	return l.check(root)
}

// afterPowerCuts lets the power fail after what the machine has done, in many
// ways, and each time a new process go on.
func (l *faultLogs) afterPowerCuts(t *testing.T, m *disktest.Machine, seed uint64, then func(root string) error) error {
	for _, s := range []disktest.Survival{disktest.Everything, disktest.Nothing, disktest.InOrder, disktest.Any} {
		seeds := 1
		if s == disktest.InOrder || s == disktest.Any {
			seeds = *faultSeeds
		}
		for n := range uint64(seeds) {
			dir := quickDir(t)
			root := filepath.Join(dir, "lake")
			err := m.Restore(root, s, rand.New(rand.NewPCG(seed, n)))
			if err == nil {
				err = then(root)
			}
			if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
				return fmt.Errorf("power cut that leaves %s (seed %d, %d): %w", s, seed, n, err)
			}
		}
	}
	return nil
}

// onMachine reads the logs on a machine that is prepared for it.
func (l *faultLogs) onMachine(t *testing.T, root string, prepare func(*disktest.Machine)) (*disktest.Machine, error) {
	t.Helper()
	m := disktest.New(root)
	prepare(m)
	return m, l.ingest(m.Disk(), root)
}

// Before every operation of opening a lake and reading logs into it the
// machine stops. Whatever the disk then holds of what was not synced, the next
// start makes it whole.
func TestStoppedAtEveryOperation(t *testing.T) {
	l := newFaultLogs(t)
	whole, err := l.onMachine(t, filepath.Join(quickDir(t), "lake"), func(*disktest.Machine) {})
	if err != nil {
		t.Fatal(err)
	}
	seed := firstSeed(t)
	tried := 0
	for at := 1 + int(seed%uint64(*faultStep)); at <= whole.Count(); at += *faultStep {
		m, err := l.onMachine(t, filepath.Join(quickDir(t), "lake"), func(m *disktest.Machine) { m.StopAt(at) })
		if err == nil {
			continue // an operation whose failure is nobody's
		}
		if !errors.Is(err, disktest.ErrStopped) {
			t.Errorf("stopped at %d (%s): %v", at, m.Told(at), err)
		}
		tried++
		if err := l.afterPowerCuts(t, m, seed, l.finish); err != nil {
			t.Errorf("stopped at %d of %d (%s): %v", at, whole.Count(), m.Told(at), err)
		}
	}
	t.Logf("%d operations, stopped at %d of them", whole.Count(), tried)
}

// Recovery is stopped too, and the recovery of that, three deep.
func TestStoppedInRecovery(t *testing.T) {
	l := newFaultLogs(t)
	whole, err := l.onMachine(t, filepath.Join(quickDir(t), "lake"), func(*disktest.Machine) {})
	if err != nil {
		t.Fatal(err)
	}
	seed := firstSeed(t)
	for n := range uint64(20 * *faultSeeds) {
		r := rand.New(rand.NewPCG(seed, n))
		at := []int{1 + r.IntN(whole.Count())}
		m, err := l.onMachine(t, filepath.Join(quickDir(t), "lake"), func(m *disktest.Machine) { m.StopAt(at[0]) })
		root := ""
		for depth := 0; err != nil && depth < 3; depth++ {
			root = filepath.Join(quickDir(t), "lake")
			if err := m.Restore(root, disktest.Survival(r.IntN(4)), r); err != nil {
				t.Fatal(err)
			}
			if err := glance(root); err != nil {
				t.Errorf("seed %d, %d, stopped at %v: by glob: %v", seed, n, at, err)
			}
			// What the disk holds now is durable: it was read from there.
			m = disktest.New(root)
			if err := m.Adopt(); err != nil {
				t.Fatal(err)
			}
			at = append(at, 1+r.IntN(60))
			m.StopAt(at[len(at)-1])
			err = l.ingest(m.Disk(), root)
		}
		if root == "" {
			continue
		}
		if err := l.finish(root); err != nil {
			t.Errorf("seed %d, %d, stopped at %v: %v", seed, n, at, err)
		}
	}
}

// Every operation fails once: with an error of the disk, with a full disk, and
// where it writes after half of it. The process goes on or ends as it sees fit;
// a power cut follows, or a new process.
func TestFailedAtEveryOperation(t *testing.T) {
	l := newFaultLogs(t)
	whole, err := l.onMachine(t, filepath.Join(quickDir(t), "lake"), func(*disktest.Machine) {})
	if err != nil {
		t.Fatal(err)
	}
	seed := firstSeed(t)
	tried, ended := 0, 0
	for _, fault := range []disktest.Fault{disktest.IOError, disktest.NoSpace, disktest.HalfWrite} {
		for at := 1 + int(seed%uint64(*faultStep)); at <= whole.Count(); at += *faultStep {
			var hit func() bool
			root := filepath.Join(quickDir(t), "lake")
			m, err := l.onMachine(t, root, func(m *disktest.Machine) { hit = m.FailAt(at, fault) })
			if !hit() {
				continue
			}
			tried++
			where := fmt.Sprintf("%s at %d of %d (%s)", fault, at, whole.Count(), m.Told(at))
			if err != nil {
				ended++
				if !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("%s: the error does not say so: %v", where, err)
				}
			} else if err := l.check(root); err != nil {
				t.Errorf("%s: read without an error: %v", where, err)
			}
			if err := l.afterPowerCuts(t, m, seed, l.finish); err != nil {
				t.Errorf("%s: %v", where, err)
			}
			if err := l.finish(root); err != nil {
				t.Errorf("%s: a new process: %v", where, err)
			}
		}
	}
	t.Logf("%d faults, %d of them ended the process", tried, ended)
}

// hungDisk hangs at the first write to a staged file, and everything after it
// too, until it is released; then it fails.
type hungDisk struct {
	hangs            atomic.Bool
	stalled, release chan struct{}
}

func (h *hungDisk) Before(op disk.Op) error {
	if op.Kind == disk.Write && strings.Contains(op.Path, "staging/s") && h.hangs.CompareAndSwap(false, true) {
		close(h.stalled)
	}
	if !h.hangs.Load() {
		return nil
	}
	<-h.release
	return syscall.EIO
}

func (h *hungDisk) After(disk.Op) {}

// A disk that hangs keeps lines from being read, and not the memory growing.
func TestStalledDiskHoldsBackReading(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "pixel.log")
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	const size = 256 << 20
	for n := 0; n < size; {
		chunk := lines(fmt.Sprint("s", n), 0, 4000) // no two ids the same, so that they can't be packed away
		if _, err := f.WriteString(chunk); err != nil {
			t.Fatal(err)
		}
		n += len(chunk)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	stalled, release := make(chan struct{}), make(chan struct{})
	hung := &hungDisk{stalled: stalled, release: release}
	k, err := lake.OpenOrCreateOn(&disk.Disk{Watcher: hung}, filepath.Join(dir, "lake"), testTime)
	if err != nil {
		t.Fatal(err)
	}
	opts := testOptions(k)
	opts.Interval = time.Hour
	opts.Rows = 100_000_000
	var read atomic.Int64
	opts.Progress = func(p Progress) { read.Store(p.Read) }
	ended := make(chan error, 1)
	go func() {
		_, err := Files(context.Background(), opts, []string{log})
		ended <- err
	}()
	<-stalled
	// Reading stops by itself, long before the log's end.
	last, quiet := int64(-1), 0
	until(t, "reading stops", func() bool {
		if now := read.Load(); now == last {
			quiet++
		} else {
			last, quiet = now, 0
		}
		return quiet > 40
	})
	if got := read.Load(); got > size/2 {
		t.Errorf("%d of %d bytes were read while the disk hung", got, size)
	}
	close(release)
	if err := <-ended; !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
}
