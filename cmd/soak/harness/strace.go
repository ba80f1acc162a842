package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// calls are the system calls in which faults are injected: those by which the
// batch looks at, reads and writes files. The writing ones may also find the
// disk full.
var calls = map[string][]string{
	"openat": {"EIO", "EMFILE", "ENOSPC"}, "read": {"EIO"}, "pread64": {"EIO"}, "getdents64": {"EIO"}, "lseek": {"EIO"},
	"fstat": {"EIO"}, "newfstatat": {"EIO"}, "close": {"EIO"}, "flock": {"EIO", "ENOLCK"}, "fchmod": {"EIO"},
	"write": {"EIO", "ENOSPC"}, "pwrite64": {"EIO", "ENOSPC"}, "fsync": {"EIO", "ENOSPC"}, "fdatasync": {"EIO", "ENOSPC"},
	"ftruncate": {"EIO", "ENOSPC"}, "fallocate": {"EIO", "ENOSPC"}, "mkdirat": {"EIO", "ENOSPC"}, "linkat": {"EIO", "ENOSPC"},
	"renameat": {"EIO", "ENOSPC"}, "renameat2": {"EIO", "ENOSPC", "EINVAL"}, "unlinkat": {"EIO"},
}

// kill stands for the process's end at a call, beside the errors.
const killed = "KILL"

// fault is one that is injected: the nth call of a kind by a thread.
type fault struct {
	command string // ingest or run
	call    string
	n       int
	error   string // or killed
}

func (f fault) String() string {
	return fmt.Sprintf("%s at %s %d of %s", f.error, f.call, f.n, f.command)
}

func (f fault) inject() string {
	if f.error == killed {
		return fmt.Sprintf("inject=%s:signal=KILL:when=%d", f.call, f.n)
	}
	return fmt.Sprintf("inject=%s:error=%s:when=%d", f.call, f.error, f.n)
}

// runStrace runs the real batch, or the real daemon, on a small log under
// strace, which has one system call fail, or the process end at it; then the
// batch runs again without. It goes through the calls that touch the log or the lake, by random as many as there
// is time for. Which call is the nth is up to the threads, so that a fault may
// strike beside; what counts is that none does harm.
func runStrace(ctx context.Context, o Options, r *Result) error {
	x := &straced{o: o, result: r}
	var err error
	if x.strace, err = installed("strace"); err != nil {
		return err
	}
	all, err := x.record(ctx)
	if err != nil {
		return err
	}
	x.o.random(0).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	end := time.Now().Add(o.Duration)
	most := len(all)
	if o.Faults > 0 {
		most = min(o.Faults, most)
	}
	o.logf("strace: %d faults to choose from", len(all))

	queue := make(chan fault)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for f := range queue {
				x.one(ctx, f)
			}
		})
	}
	done := 0
	for _, f := range all[:most] {
		if ctx.Err() != nil || o.Faults == 0 && time.Now().After(end) {
			break
		}
		queue <- f
		if done++; done%100 == 0 {
			o.logf("strace: %d faults", done)
		}
	}
	close(queue)
	wg.Wait()
	r.Volume = fmt.Sprintf("%d of %d faults; %d runs were killed, %d failed, %d went on", done, len(all), x.killed, x.failed, x.wentOn)
	return errors.Join(append(x.errs, ctx.Err())...)
}

// straced is the scenario under way.
type straced struct {
	o      Options
	strace string
	result *Result

	mu                     sync.Mutex
	runs                   int
	killed, failed, wentOn int
	errs                   []error
}

// world makes a folder with a small log: events of five types on two days,
// every kind of reject, and a rotated file that is packed.
func (x *straced) world() (*program, *written, error) {
	x.mu.Lock()
	x.runs++
	dir := filepath.Join(x.o.Dir, fmt.Sprint("run-", x.runs))
	x.mu.Unlock()
	p, err := setUp(x.o, dir, fmt.Sprintf("limits: {max_line: %dB, threads: 1}\ncommit: {interval: 30ms}\nsources: [{name: edge-1, path: ./edge/pixel.log}]\n", maxLine))
	if err != nil {
		return nil, nil, err
	}
	w := newWritten(x.o.Seed, true)
	l, err := newLogWriter(w, filepath.Join(dir, "edge", "pixel.log"), p.lakeDir(), x.o.random(1))
	if err != nil {
		return nil, nil, err
	}
	steps := []func() error{l.write, l.rotate, l.write, l.rotate}
	for range 8 {
		steps = append(steps, l.write)
	}
	for _, step := range append(steps, l.close) {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	return p, w, nil
}

// record runs both under strace without a fault, and lists the faults that
// could be: each call that touches the log or the lake, by its number among its
// thread's calls of the kind.
func (x *straced) record(ctx context.Context) ([]fault, error) {
	found := map[fault]bool{}
	for i := range 4 { // threads take turns otherwise each time
		p, w, err := x.world()
		if err != nil {
			return nil, err
		}
		command := []string{"ingest", "run"}[i%2]
		out := filepath.Join(p.dir, "strace.out")
		s, err := x.under(ctx, command, p, w, "-y", "-o", out, "-e", "trace="+strings.Join(slices.Sorted(maps.Keys(calls)), ","))
		if err == nil && s.code != 0 {
			err = fmt.Errorf("%s under strace: exit %d: %s", command, s.code, last(s.stderr))
		}
		if err == nil {
			err = errors.Join(touching(out, p.dir, command, found), w.compare(ctx, p, x.result), os.RemoveAll(p.dir))
		}
		if err != nil {
			return nil, err
		}
	}
	if len(found) < 100 {
		return nil, fmt.Errorf("strace saw only %d calls that touch the lake", len(found))
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b fault) int { return strings.Compare(a.String(), b.String()) }), nil
}

var traceLine = regexp.MustCompile(`^([0-9]+) +([a-z0-9_]+)\(`)

// touching reads strace's output.
func touching(out, dir, command string, found map[fault]bool) error {
	f, err := os.Open(out)
	if err != nil {
		return err
	}
	defer f.Close()
	type threadCall struct{ thread, call string }
	n := map[threadCall]int{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := traceLine.FindStringSubmatch(lines.Text())
		if m == nil || calls[m[2]] == nil {
			continue // the end of a call that was begun, a signal, an exit
		}
		of := threadCall{m[1], m[2]}
		n[of]++
		if strings.Contains(lines.Text(), dir) {
			for _, e := range append([]string{killed}, calls[m[2]]...) {
				found[fault{command, m[2], n[of], e}] = true
			}
		}
	}
	return lines.Err()
}

// under runs a command under strace.
func (x *straced) under(ctx context.Context, command string, p *program, w *written, args ...string) (said, error) {
	if command == "run" {
		return x.follow(ctx, p, w, args...)
	}
	return x.ingest(ctx, p, args...)
}

// follow runs the daemon until it has committed all, or has ended by itself.
func (x *straced) follow(ctx context.Context, p *program, w *written, args ...string) (said, error) {
	// With -D the process is the program, and strace stands behind it.
	d := &daemon{program: p, before: append([]string{x.strace, "-D", "-f", "-qq"}, args...)}
	defer d.end()
	if err := d.start(); err != nil {
		return said{}, err
	}
	err := waitUntil(ctx, hang, "the daemon to catch up", func() (bool, error) {
		left, err := w.leftOf(p)
		return err == nil && left <= 0 || d.ended() != nil, err
	})
	if err == nil && d.ended() == nil {
		if err = d.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
			err = nil
		}
	}
	if err != nil {
		return said{}, fmt.Errorf("%w: %s", err, last(d.out.String()))
	}
	select {
	case <-d.exit:
	case <-time.After(hang):
		return said{}, fmt.Errorf("the daemon hung: %s", last(d.out.String()))
	}
	s := said{stderr: d.out.String(), code: d.cmd.ProcessState.ExitCode()}
	if status, ok := d.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		s.killed = status.Signal() == syscall.SIGKILL
	}
	d.cmd = nil
	return s, traced(s.stderr)
}

// ingest runs the batch under strace. Without --seccomp-bpf: with it strace 6.1
// counts the calls wrongly and does not kill.
func (x *straced) ingest(ctx context.Context, p *program, args ...string) (said, error) {
	return finish(ctx, func(ctx context.Context, ingest ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, x.strace, append(append([]string{"-f", "-qq"}, args...), append([]string{p.path}, ingest...)...)...)
		c.Dir = p.dir
		// One processor: the calls then stand in much the same order each time.
		c.Env = append(os.Environ(), "GOMAXPROCS=1")
		asGroup(c)
		return c
	}, "ingest")
}

// one injects one fault, and runs the batch again.
func (x *straced) one(ctx context.Context, f fault) {
	p, w, err := x.world()
	var s said
	if err == nil {
		s, err = x.under(ctx, f.command, p, w, "-o", os.DevNull, "-e", "trace="+f.call, "-e", f.inject())
	}
	var r Result
	if err == nil {
		err = errors.Join(sensible(f, s), x.again(ctx, p, w, &r))
	}
	if err == nil {
		err = os.RemoveAll(p.dir)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.result.Lost += r.Lost
	x.result.Doubled += r.Doubled
	switch {
	case s.killed:
		x.killed++
	case s.code != 0:
		x.failed++
	default:
		x.wentOn++
	}
	if err != nil && ctx.Err() == nil {
		x.o.logf("strace: wrong: %s: %v", f, err)
		x.errs = append(x.errs, fmt.Errorf("%s, in %s: %w", f, p.dir, err))
	}
}

// sensible refuses an end without a word, and one that is no program's.
func sensible(f fault, s said) error {
	switch {
	case s.killed, s.code == 0:
	case s.code == 127 && strings.Contains(s.stderr, "shared libraries"): // before the program began
	case s.code != 1:
		return fmt.Errorf("exit %d: %s", s.code, last(s.stderr))
	case strings.TrimSpace(s.stderr) == "" && f.call != "write": // the word itself may not have been written
		return errors.New("it failed and did not say why")
	}
	return nil
}

// again runs the batch without a fault: then all is there, and nothing else.
func (x *straced) again(ctx context.Context, p *program, w *written, r *Result) error {
	s, err := p.try(ctx, "ingest")
	if err == nil && s.code != 0 {
		err = fmt.Errorf("ingest without a fault: exit %d: %s", s.code, last(s.stderr))
	}
	if err != nil {
		return err
	}
	return errors.Join(w.compare(ctx, p, r), p.verify(ctx), strays(p.lakeDir()))
}

// place is where files of a lake may stand.
var place = regexp.MustCompile(`^(events|rejects|attributions|ledger|voids)/([a-z]+=[^/]+/)*[^./][^/]*\.parquet$` +
	`|^_state/(lake\.json|commits/[0-9]{12}\.json|checkpoints/[0-9]{12}\.json|locks/[a-z-]+|daemon\.json|jobs/[a-z]+\.json|catalogs/[0-9a-f]{64}\.yaml)$`)

// strays looks for what a fault has left: files that no commit needs.
func strays(root string) error {
	l, err := lake.Open(root)
	if err != nil {
		return err
	}
	var errs []error
	err = filepath.WalkDir(l.Root(), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if strings.HasPrefix(rel, "_state/") && disk.IsTemporary(d.Name()) {
			return nil // of a process that was killed; in the way of nobody
		}
		inStaging := path.Dir(rel) == "_state/staging"
		if inStaging || !d.IsDir() && !place.MatchString(rel) {
			errs = append(errs, fmt.Errorf("%s was left", rel))
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}
