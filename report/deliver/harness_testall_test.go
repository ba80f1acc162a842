//go:build testall

package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// tool is a program that .ci/tools-all installs.
func tool(t *testing.T, name string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(cache, "pixledger", "tools", "bin", name)
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("%v\ninstall it with: .ci/tools-all", err)
	}
	return p
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.NewTimer(time.Minute)
	defer end.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// freePort is one that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// serve runs a server until the test ends, and waits until it listens.
func serve(t *testing.T, address string, env []string, name string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	var mu sync.Mutex
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &lockedWriter{&mu, &out}, &lockedWriter{&mu, &out}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			mu.Lock()
			defer mu.Unlock()
			t.Logf("%s said:\n%s", filepath.Base(name), out.String()[max(0, out.Len()-4000):])
		}
	})
	until(t, filepath.Base(name)+" listens", func() bool {
		select {
		case <-ended:
			mu.Lock()
			defer mu.Unlock()
			t.Fatalf("%s ended: %s", name, out.String())
		default:
		}
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	})
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// line stands between the program and a server.
type line struct {
	address string
	sent    atomic.Int64 // bytes towards the server
	opened  atomic.Int64
	cuts    atomic.Int64 // how many connections are still cut
	cutAt   atomic.Int64 // after so many bytes of one, towards the server
	atCut   atomic.Pointer[func()]
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &line{address: l.Addr().String()}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.opened.Add(1)
			wg.Go(func() { p.carry(c, to) })
		}
	})
	return p
}

func (p *line) carry(c net.Conn, to string) {
	defer func() { _ = c.Close() }()
	s, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }()
	go func() {
		_, _ = io.Copy(c, s)
		_ = c.Close()
	}()
	b, carried := make([]byte, 16<<10), int64(0)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if carried += int64(n); carried > p.cutAt.Load() {
			if f := p.atCut.Load(); f != nil {
				(*f)()
			}
			if p.cuts.Add(-1) >= 0 {
				_ = c.(*net.TCPConn).SetLinger(0) // a reset
				return
			}
		}
		p.sent.Add(int64(n))
		if _, err := s.Write(b[:n]); err != nil {
			return
		}
	}
}

// silent is a server that accepts and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var held []net.Conn
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range held {
			_ = c.Close()
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			held = append(held, c)
			mu.Unlock()
		}
	}()
	return l.Addr().String()
}

// place is a destination of some kind with its real server.
type place struct {
	address string                                    // of the server
	spec    func(address, folder string) string       // to reach it by that address
	held    func(folder string) map[string]string     // what stands there
	put     func(folder, name string, content string) // by other means
	secrets []string
}

// said keeps what is shown to people, to be searched for secrets.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *said) err(err error) {
	for ; err != nil; err = errors.Unwrap(err) {
		fmt.Fprintf(s, "%v\n%+v\n%#v\n", err, err, err)
	}
}

func (s *said) search(t *testing.T, secrets []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range secrets {
		if len(secret) < 4 {
			t.Errorf("the secret %q is too short to be looked for", secret)
		}
		if strings.Contains(s.b.String(), secret) {
			t.Errorf("a secret is shown:\n%s", s.b.String())
		}
	}
}

// quick is patient with a busy machine, and not with pauses.
func quick(s *said) Options {
	return Options{Retries: 3, Delay: time.Millisecond, MaxDelay: 10 * time.Millisecond, Stall: 20 * time.Second,
		Log: slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug}))}
}

// sets fails where what is there is not these files, whole, and nothing else.
func sets(t *testing.T, p *place, folder string, files []File) {
	t.Helper()
	got := p.held(folder)
	for _, f := range files {
		want, _ := os.ReadFile(f.Path)
		if text, ok := got[f.Name]; !ok || text != string(want) {
			t.Errorf("%s: there %v, %d bytes of %d", f.Name, ok, len(text), len(want))
		}
	}
	if len(got) != len(files) {
		names := make([]string, 0, len(got))
		for name := range got {
			names = append(names, name)
		}
		t.Errorf("there are %v", names)
	}
}

// deliversWell is what every kind of destination must do.
func deliversWell(t *testing.T, p *place) {
	s := &said{}
	t.Cleanup(func() { s.search(t, p.secrets) })
	large := written(t, "entries_2026-11-01.csv", strings.Repeat("2026-11-01,line,of,some,length,12.500000,USD\n", 450_000)) // 20 MB: in parts
	files := append([]File{large}, day(t)...)

	t.Run("again and conflict", func(t *testing.T) {
		through := newLine(t, p.address)
		through.cutAt.Store(1 << 50)
		d := opened(t, p.spec(through.address, "first"), quick(s))
		if err := d.Put(t.Context(), "", files); err != nil {
			t.Fatal(err)
		}
		sets(t, p, "first", files)
		if err := d.Reach(t.Context()); err != nil {
			t.Error(err)
		}
		before := through.sent.Load()
		if before < large.Size {
			t.Errorf("%d bytes went to the server", before)
		}
		if err := d.Put(t.Context(), "", files); err != nil {
			t.Fatal(err)
		}
		if again := through.sent.Load() - before; again > 1<<18 {
			t.Errorf("%d bytes went to the server the second time", again)
		}
		other := written(t, files[1].Name, strings.Replace(strings.Repeat("2026-11-01,100,12.500000,USD\n", 30_000), "100", "101", 1))
		err := d.Put(t.Context(), "", []File{other, files[3]})
		s.err(err)
		var conflict *ConflictError
		if !errors.As(err, &conflict) || conflict.File != other.Name {
			t.Errorf("got %v", err)
		}
		sets(t, p, "first", files)
	})
	t.Run("read", func(t *testing.T) {
		spec := p.spec(p.address, "read")
		if !strings.HasPrefix(spec, "sftp:") {
			readsWell(t, spec, files)
			return
		}
		// Files are only brought there; who wants to read is told so.
		if _, err := opened(t, spec, quick(s)).List(t.Context(), "events"); err == nil || !strings.Contains(err.Error(), "name a folder or an object store") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("somebody else's file", func(t *testing.T) {
		p.put("taken", files[1].Name, "half")
		err := opened(t, p.spec(p.address, "taken"), quick(s)).Put(t.Context(), "", files[1:])
		s.err(err)
		var conflict *ConflictError
		if !errors.As(err, &conflict) {
			t.Errorf("got %v", err)
		}
		if got := p.held("taken"); len(got) != 1 || got[files[1].Name] != "half" {
			t.Errorf("there are %d files", len(got))
		}
	})
	t.Run("cut once", func(t *testing.T) {
		for i, at := range []int64{10 << 10, 300 << 10, 5 << 20} {
			through := newLine(t, p.address)
			through.cutAt.Store(at)
			through.cuts.Store(1)
			folder := fmt.Sprintf("once%d", i)
			if err := opened(t, p.spec(through.address, folder), quick(s)).Put(t.Context(), "", files); err != nil {
				t.Fatalf("cut after %d bytes: %v", at, err)
			}
			if through.cuts.Load() > 0 {
				t.Errorf("nothing was cut after %d bytes", at)
			}
			sets(t, p, folder, files)
		}
	})
	t.Run("always cut", func(t *testing.T) {
		through := newLine(t, p.address)
		through.cutAt.Store(300 << 10)
		through.cuts.Store(1 << 40)
		err := opened(t, p.spec(through.address, "always"), quick(s)).Put(t.Context(), "", files)
		s.err(err)
		var e *Error
		if !errors.As(err, &e) || e.Attempts != 4 || e.File != large.Name {
			t.Errorf("got %v", err)
		}
		for name := range p.held("always") {
			if !strings.HasPrefix(name, ".") {
				t.Errorf("%s is there", name)
			}
		}
		if err := opened(t, p.spec(p.address, "always"), quick(s)).Put(t.Context(), "", files); err != nil {
			t.Fatal(err)
		}
		sets(t, p, "always", files)
	})
	t.Run("canceled", func(t *testing.T) {
		through := newLine(t, p.address)
		through.cutAt.Store(300 << 10)
		ctx, cancel := context.WithCancel(t.Context())
		f := func() { cancel() }
		through.atCut.Store(&f)
		err := opened(t, p.spec(through.address, "canceled"), quick(s)).Put(ctx, "", files)
		s.err(err)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		for name := range p.held("canceled") {
			if !strings.HasPrefix(name, ".") {
				t.Errorf("%s is there", name)
			}
		}
		if err := opened(t, p.spec(p.address, "canceled"), quick(s)).Put(t.Context(), "", files); err != nil {
			t.Fatal(err)
		}
		sets(t, p, "canceled", files)
	})
	t.Run("a file that changed", func(t *testing.T) {
		for name, f := range map[string]File{"shorter": {large.Name, large.Path, large.Size + 1, large.SHA256}, "other": {large.Name, large.Path, large.Size, strings.Repeat("0", 64)},
			"small": {files[3].Name, files[3].Path, files[3].Size + 1, files[3].SHA256}} {
			err := opened(t, p.spec(p.address, "changed"), quick(s)).Put(t.Context(), "", []File{f})
			s.err(err)
			var e *Error
			if !errors.As(err, &e) || e.Attempts != 1 || !strings.Contains(err.Error(), "is not what was to be delivered") {
				t.Errorf("%s: %v", name, err)
			}
			if got := p.held("changed"); len(got) > 0 {
				t.Errorf("%s: %d files are there", name, len(got))
			}
		}
	})
	t.Run("silence", func(t *testing.T) {
		o := quick(s)
		o.Stall, o.Retries = 300*time.Millisecond, 1
		err := opened(t, p.spec(silent(t), "silence"), o).Put(t.Context(), "", files)
		s.err(err)
		var e *Error
		if !errors.As(err, &e) || e.Attempts != 2 || !strings.Contains(err.Error(), "no answer and no progress for 300ms") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		err := opened(t, p.spec("127.0.0.1:"+freePort(t), "nobody"), quick(s)).Put(t.Context(), "", files)
		s.err(err)
		var e *Error
		if !errors.As(err, &e) || e.Attempts != 4 || !strings.Contains(err.Error(), "refused") {
			t.Errorf("got %v", err)
		}
	})
}

// refused expects a failure that is not tried again, and gives its message.
func refused(t *testing.T, s *said, spec, want string) {
	t.Helper()
	target, err := Parse(spec, "/")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), target, quick(s))
	if err == nil {
		// Small files: a server that refuses a large one may hang up before it has
		// read it, and then a cut connection is seen in place of the refusal.
		err = d.Put(t.Context(), "", dayOf(t, 50))
		if cerr := d.Close(); cerr != nil {
			t.Error(cerr)
		}
	}
	if d, openErr := Open(t.Context(), target, quick(s)); openErr == nil {
		// Who only looks is told as well, though not always in these words.
		reached := d.Reach(t.Context())
		if reached == nil {
			t.Errorf("%s is reached", target)
		}
		s.err(errors.Join(reached, d.Close()))
	}
	s.err(err)
	var e *Error
	if !errors.As(err, &e) || e.Attempts > 1 || !strings.Contains(err.Error(), want) || e.Remedy == "" {
		t.Errorf("got %v; want %q", err, want)
	}
}

// filesIn reads a folder.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.IsDir() || slices.Contains([]string{".sgwtmp"}, e.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}
