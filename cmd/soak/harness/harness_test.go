package harness

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// built gives the built program: what bin holds, made anew where it is not of
// these sources.
var built = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../../../bin/pixledger")
	if err != nil {
		return "", err
	}
	c := exec.Command("go", "build", "-trimpath", "-o", path, "pixledger/cmd/pixledger")
	c.Stderr = os.Stderr
	return path, c.Run()
})

// testSeed differs from run to run; a failure names it.
var testSeed = rand.Uint64N(1 << 32)

// options are for a folder that nginx's workers can reach.
func options(t *testing.T) Options {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatalf("build the program: %v", err)
	}
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return Options{Program: program, Dir: dir, Seed: testSeed, Log: t.Output()}
}

// A small volume of every scenario; `make soak` runs large ones.
func TestScenarios(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*Options)
	}{
		{"kill", func(o *Options) { o.Kills = 15 }},
		{"rotate", func(o *Options) { o.Rotations = 4 }},
		{"steady", func(o *Options) { o.Duration, o.Rate = 4*time.Second, 4000 }},
		{"strace", func(o *Options) { o.Faults = 12 }},
		{"year", func(o *Options) { o.Nights = 40 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t)
			c.set(&o)
			results, err := Run(t.Context(), o, []string{c.name})
			if err != nil {
				t.Fatal(err)
			}
			if err := Print(t.Output(), results); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnknownScenario(t *testing.T) {
	_, err := Run(t.Context(), Options{}, []string{"nope"})
	if err == nil || !strings.Contains(err.Error(), "allowed: kill, rotate, steady, strace, year") {
		t.Error(err)
	}
}

// The comparison sees a line that is lost, one that is there twice, one that
// nobody wrote, and an account that is wrong.
func TestComparisonSeesHarm(t *testing.T) {
	for _, c := range []struct {
		name          string
		harm          func(t *testing.T, w *written, log string)
		lost, doubled int // doubled below 0: all rows
		says          string
	}{
		{"none", func(*testing.T, *written, string) {}, 0, 0, ""},
		{"a line is lost", func(t *testing.T, w *written, _ string) {
			takeDown(w, 0)
		}, 1, 0, "is lost"},
		{"a line is there twice", func(t *testing.T, w *written, log string) {
			appendTo(t, log, takeDown(w, 0), "")
			n := len(w.lines) - 1
			appendTo(t, log, kinds[0].line(w.id(n), time.Now(), rand.New(rand.NewPCG(1, 1))), "")
		}, 0, 1, "is there 2 times"},
		{"a line that nobody wrote", func(t *testing.T, _ *written, log string) {
			appendTo(t, log, kinds[0].line("another", time.Now(), rand.New(rand.NewPCG(1, 1))), "")
		}, 0, 0, "was never written"},
		{"an ignored line is lost", func(t *testing.T, w *written, _ string) {
			takeDown(w, 7)
		}, 1, 0, "the account of"},
		{"a log is read as another again", func(t *testing.T, w *written, log string) {
			whole, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			appendTo(t, log+".1", whole, "\n") // a beginning of its own
		}, 0, -1, "a log that nobody wrote"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t)
			p, err := setUp(o, o.Dir, "limits: {max_line: 8192B}\nsources: [{name: edge-1, path: ./edge/pixel.log}]\n")
			if err != nil {
				t.Fatal(err)
			}
			w := newWritten(o.Seed, true)
			l, err := newLogWriter(w, filepath.Join(o.Dir, "edge/pixel.log"), p.lakeDir(), o.random(0))
			if err != nil {
				t.Fatal(err)
			}
			var b []byte
			for n := range 300 { // of the kinds that leave a row
				k := uint8(n % len(kinds))
				if f := kinds[k].fate; f == isEvent || f == isReject {
					b = append(b, takeDown(w, k)...)
				}
			}
			rows := 0 // with an id: without, a copy's line gets another
			for _, line := range w.lines {
				if line.kind != idless {
					rows++
				}
			}
			if _, err := l.file.Write(b); err != nil {
				t.Fatal(err)
			}
			if err := l.close(); err != nil {
				t.Fatal(err)
			}
			c.harm(t, w, l.path)
			if _, err := p.must(t.Context(), "ingest"); err != nil {
				t.Fatal(err)
			}
			var r Result
			err = w.compare(t.Context(), p, &r)
			doubled := c.doubled
			if doubled < 0 {
				doubled = rows
			}
			if r.Lost != c.lost || r.Doubled != doubled {
				t.Errorf("%d lost, %d doubled; want %d and %d", r.Lost, r.Doubled, c.lost, doubled)
			}
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %v; want %q", err, c.says)
			}
		})
	}
}

// takeDown takes a line of the kind down as written, to the only file.
func takeDown(w *written, k uint8) []byte {
	return w.nextOf(k, 0, rand.New(rand.NewPCG(1, uint64(len(w.lines)))))
}

func appendTo(t *testing.T, path string, line []byte, before string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(before + string(line)); err != nil {
		t.Fatal(err)
	}
}

// What grows with the time is seen; what goes up and down is not.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name string
		at   func(i int, s *sample)
		says string
	}{
		{"as it was", func(int, *sample) {}, ""},
		{"memory", func(i int, s *sample) { s.rss += int64(i) << 14 }, "RSS grows"},
		{"descriptors", func(i int, s *sample) { s.descriptors += i / 20 }, "descriptors grew"},
		{"goroutines", func(i int, s *sample) { s.goroutines += float64(i / 10) }, "goroutines grew"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var list []sample
			for i := range 400 {
				s := sample{at: time.Duration(i) * 2 * time.Second, rss: 100<<20 + r.Int64N(20<<20), descriptors: 12 + r.IntN(3), threads: 9, goroutines: 30}
				c.at(i, &s)
				list = append(list, s)
			}
			err := judge(list, 100, &Result{})
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}
