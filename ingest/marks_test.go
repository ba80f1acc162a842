package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixledger/schemas/lake"
)

// marking is a source whose marks are noted, and a lake.
type marking struct {
	t    *testing.T
	l    *lake.Lake
	opts Options
	log  string
}

func newMarking(t *testing.T) *marking {
	w := &marking{t: t, l: testLake(t), log: filepath.Join(t.TempDir(), "pixel.log")}
	w.opts = testOptions(w.l)
	w.opts.Sources = []Source{{Name: "edge-1", Path: w.log, Format: "pixledger"}}
	return w
}

func (w *marking) state() *lake.State {
	w.t.Helper()
	state, err := w.l.State()
	if err != nil {
		w.t.Fatal(err)
	}
	return state
}

func (w *marking) note() *Marks {
	w.t.Helper()
	m, err := NoteMarks(context.Background(), w.opts.Sources, w.state())
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// want compares what is behind: FILE POSITION MARK each.
func (w *marking) want(m *Marks, want ...string) {
	w.t.Helper()
	list, err := m.Behind(context.Background(), w.state())
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, b := range list {
		got = append(got, fmt.Sprintf("%s %d %d", filepath.Base(b.Path), b.Position, b.Mark))
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		w.t.Errorf("behind: got %q, want %q", got, want)
	}
}

func (w *marking) catchUp() {
	w.t.Helper()
	if _, err := CatchUp(context.Background(), w.opts); err != nil {
		w.t.Fatal(err)
	}
}

// catchUpWhole is catchUp where a packed file may be cut short.
func (w *marking) catchUpWhole() {
	w.t.Helper()
	var damaged *DamagedError
	if _, err := CatchUp(context.Background(), w.opts); err != nil && !errors.As(err, &damaged) {
		w.t.Fatal(err)
	}
}

func size(s ...string) int { return len(strings.Join(s, "")) }

func TestMarksAreTheEndsOfTheLastLines(t *testing.T) {
	a, b := lines("a", 0, 5), lines("b", 0, 40)
	half := line("x")[:70]
	for _, c := range []struct {
		name  string
		files map[string]string // beside the log, by what follows its name
		want  []string
	}{
		{"no file", nil, nil},
		{"an empty log", map[string]string{"": ""}, nil},
		{"whole lines", map[string]string{"": a}, []string{fmt.Sprint("pixel.log 0 ", len(a))}},
		{"a line without its end", map[string]string{"": a + half}, []string{fmt.Sprint("pixel.log 0 ", len(a))}},
		{"nothing but the beginning of a line", map[string]string{"": half}, nil},
		{"blank lines", map[string]string{"": "\n \t\r\n\n"}, nil},
		{"blank lines behind", map[string]string{"": a + "\n \n" + half}, []string{fmt.Sprint("pixel.log 0 ", len(a))}},
		{"many blank lines behind", map[string]string{"": a + strings.Repeat("\n", 300<<10)}, []string{fmt.Sprint("pixel.log 0 ", len(a))}},
		{"a long line behind", map[string]string{"": a + strings.Repeat("z", 300<<10) + "\n" + half}, []string{fmt.Sprint("pixel.log 0 ", len(a)+300<<10+1)}},
		{"a long beginning of a line behind", map[string]string{"": a + strings.Repeat("\x00", 300<<10)}, []string{fmt.Sprint("pixel.log 0 ", len(a))}},
		{"rotated ones", map[string]string{"": a, ".1": b, ".2.gz": gz(t, lines("c", 0, 3)), ".old": b}, []string{
			fmt.Sprint("pixel.log.2.gz 0 ", size(lines("c", 0, 3))), fmt.Sprint("pixel.log.1 0 ", len(b)), fmt.Sprint("pixel.log 0 ", len(a)),
		}},
		{"a packed line without its end is whole", map[string]string{".1.zst": zst(t, a+half)}, []string{fmt.Sprint("pixel.log.1.zst 0 ", size(a, half))}},
		{"of one that is cut it is not", map[string]string{".1.gz": cutShort(gz(t, a+half))}, []string{fmt.Sprint("pixel.log.1.gz 0 ", len(a))}},
		{"packed blank lines", map[string]string{".1.gz": gz(t, "\n\n"), ".2.gz": gz(t, "")}, nil},
		{"a packed file that is only begun", map[string]string{".1.gz": "", ".2.gz": gz(t, a)[:5]}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newMarking(t)
			for name, content := range c.files {
				write(t, w.log+name, content)
			}
			m := w.note()
			w.want(m, c.want...)
			w.catchUpWhole()
			w.want(m)
			w.want(w.note())
		})
	}
}

// cutShort takes the checksum and the length off the end of a .gz.
func cutShort(packed string) string { return packed[:len(packed)-8] }

func TestMarksCountFromThePosition(t *testing.T) {
	w := newMarking(t)
	write(t, w.log, lines("a", 0, 30))
	w.catchUp()
	w.want(w.note())
	appendTo(t, w.log, line("a-30")[:20])
	w.want(w.note())
	appendTo(t, w.log, line("a-30")[20:]+"\n\n")
	m := w.note()
	w.want(m, fmt.Sprintf("pixel.log %d %d", size(lines("a", 0, 30)), size(lines("a", 0, 31))))
	w.catchUp()
	w.want(m)
	// Blank lines that came alone are never behind the position, and are no lines.
	appendTo(t, w.log, "\n\n")
	w.want(w.note())
}

// Where a mark goes when its file is renamed, packed, copied or gone; and what
// ingest of all sources then makes of it: nothing is behind.
func TestMarksFollowTheContent(t *testing.T) {
	const n = 60
	all := lines("a", 0, n)
	read := size(lines("a", 0, 25))
	behind := func(name string) string { return fmt.Sprintf("%s %d %d", name, read, len(all)) }
	for _, c := range []struct {
		name string
		do   func(t *testing.T, w *marking)
		want []string
	}{
		{"nothing happens", func(*testing.T, *marking) {}, []string{behind("pixel.log")}},
		{"it grows", func(t *testing.T, w *marking) { appendTo(t, w.log, lines("a", n, 2*n)) }, []string{behind("pixel.log")}},
		{"renamed", func(t *testing.T, w *marking) { rename(t, w.log, w.log+".1") }, []string{behind("pixel.log.1")}},
		{"renamed, with a new one at its path", func(t *testing.T, w *marking) {
			rename(t, w.log, w.log+".1")
			write(t, w.log, lines("b", 0, n))
		}, []string{behind("pixel.log.1")}},
		{"renamed and packed, with a late line", func(t *testing.T, w *marking) {
			rename(t, w.log, w.log+".1")
			write(t, w.log+".2.gz", gz(t, all+lines("a", n, n+1)))
			remove(t, w.log+".1")
		}, []string{behind("pixel.log.2.gz")}},
		{"packed as zst", func(t *testing.T, w *marking) {
			write(t, w.log+".1.zst", zst(t, all))
			write(t, w.log, lines("b", 0, 2))
		}, []string{behind("pixel.log.1.zst")}},
		{"being packed", func(t *testing.T, w *marking) {
			rename(t, w.log, w.log+".1")
			packed := gz(t, all)
			write(t, w.log+".1.gz", packed[:len(packed)/2])
		}, []string{behind("pixel.log.1")}},
		{"copytruncate", func(t *testing.T, w *marking) {
			write(t, w.log+".1", all)
			write(t, w.log, lines("b", 0, 2))
		}, []string{behind("pixel.log.1")}},
		{"copytruncate that lost lines", func(t *testing.T, w *marking) {
			write(t, w.log+".1", lines("a", 0, n-5))
			write(t, w.log, lines("b", 0, 2))
		}, []string{behind("pixel.log")}},
		{"emptied", func(t *testing.T, w *marking) { write(t, w.log, "") }, []string{behind("pixel.log")}},
		{"cut before the mark, and grown again", func(t *testing.T, w *marking) {
			write(t, w.log, lines("a", 0, 40)+lines("b", 0, n))
		}, []string{behind("pixel.log")}},
		{"cut before the position, and grown again", func(t *testing.T, w *marking) {
			write(t, w.log, lines("a", 0, 21)+lines("b", 0, n))
		}, []string{behind("pixel.log")}},
		{"deleted", func(t *testing.T, w *marking) { remove(t, w.log) }, []string{behind("pixel.log")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newMarking(t)
			write(t, w.log, all[:read])
			w.catchUp()
			write(t, w.log, all)
			m := w.note()
			c.do(t, w)
			w.want(m, c.want...)
			w.want(m, c.want...) // asked again, with nothing new
			w.catchUpWhole()
			w.want(m)
			w.want(w.note())
		})
	}
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// Content that is gone and that the lake has never known is nobody's to read:
// it is waited for as long as a follower may have its file open.
func TestMarksOfContentThatIsGone(t *testing.T) {
	w := newMarking(t)
	write(t, w.log, lines("a", 0, 5))
	m := w.note()
	m.Patience = time.Hour
	other := w.note()
	remove(t, w.log)
	w.want(m, fmt.Sprint("pixel.log 0 ", size(lines("a", 0, 5))))
	w.want(other)
	m.Patience = 0
	w.want(m)

	// One that was known had its position before it went.
	write(t, w.log, lines("b", 0, 30))
	m = w.note()
	w.catchUp()
	remove(t, w.log)
	w.want(m)
}

// A file that begins as a known one and ends before its position is an earlier
// state of it, and one that was read under another name is read.
func TestMarksOfWhatWasReadElsewhere(t *testing.T) {
	w := newMarking(t)
	elsewhere := filepath.Join(t.TempDir(), "kept")
	for _, n := range []int{3, 60} {
		prefix := fmt.Sprint("f", n)
		write(t, elsewhere, lines(prefix, 0, n+5))
		ingest(t, w.opts, elsewhere)
		write(t, w.log+fmt.Sprintf(".%d", n), lines(prefix, 0, n))
		write(t, w.log+fmt.Sprintf(".1%d.gz", n), gz(t, lines(prefix, 0, n+5)))
		write(t, w.log+fmt.Sprintf(".2%d.zst", n), zst(t, lines(prefix, 0, n)))
	}
	w.want(w.note())
	// Two that begin with the same bytes and go on differently are two.
	write(t, w.log, lines("f60", 0, 40)+lines("g", 0, 60))
	m := w.note()
	w.want(m, fmt.Sprintf("pixel.log 0 %d", size(lines("f60", 0, 40), lines("g", 0, 60))))
	w.catchUp()
	w.want(m)
}

// A part that was added to a packed file has the length of the content before.
func TestMarkOfAPackedFileThatGrew(t *testing.T) {
	for _, pack := range []func(testing.TB, string) string{gz, zst} {
		w := newMarking(t)
		w.opts.Now = time.Now
		log := w.log + ".1.gz"
		write(t, log, pack(t, lines("a", 0, 30)))
		w.catchUp()
		w.want(w.note())
		write(t, log, pack(t, lines("a", 0, 30))+pack(t, lines("b", 0, 30)))
		m := w.note()
		w.want(m, fmt.Sprintf("pixel.log.1.gz %d %d", size(lines("a", 0, 30)), size(lines("a", 0, 30), lines("b", 0, 30))))
		w.catchUp()
		w.want(m)
	}
}

// A packed file that was read, packed or not, is not read through to see that.
func TestMarksOfAPackedFileThatWasRead(t *testing.T) {
	for ext, pack := range map[string]func(testing.TB, string) string{".gz": gz, ".zst": zst} {
		w := newMarking(t)
		w.opts.Now = time.Now
		write(t, w.log+".1"+ext, pack(t, lines("a", 0, 300)))
		w.catchUp()
		f, fi, err := openRegular(w.log + ".1" + ext)
		if err != nil {
			t.Fatal(err)
		}
		how, err := detectCompression(f, f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if read, err := packedIsRead(f, fi, how, w.state()); !read || err != nil {
			t.Errorf("%s: %v, %v", ext, read, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// While files are renamed all the time, each has its mark and none is taken for
// gone.
func TestMarksWhileFilesAreRenamed(t *testing.T) {
	const files = 6
	w := newMarking(t)
	name := func(n int) string {
		if n == 0 {
			return w.log
		}
		return fmt.Sprintf("%s.%d", w.log, n)
	}
	for n := range files {
		write(t, name(n), lines(fmt.Sprint("f", n), 0, 30))
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(500 * time.Microsecond)
		defer tick.Stop()
		for {
			for n := range 2 * files { // all up by one, and all down again
				from, to := files-1-n, files-n
				if n >= files {
					from, to = n-files+1, n-files
				}
				if err := os.Rename(name(from), name(to)); err != nil {
					stopped <- err
					return
				}
				select {
				case <-stop:
					stopped <- nil
					return
				case <-tick.C:
				}
			}
		}
	}()
	for range 200 {
		m := w.note()
		for range 3 {
			behind, err := m.Behind(context.Background(), w.state())
			if err != nil {
				t.Fatal(err)
			}
			if len(behind) != files {
				t.Fatalf("%d of %d files are behind", len(behind), files)
			}
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
}

func TestMarksOfWhatCanNotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(t *testing.T, w *marking)
		want string
	}{
		"a folder":       {func(t *testing.T, w *marking) { mkdir(t, w.log) }, "is a folder"},
		"a named pipe":   {func(t *testing.T, w *marking) { mkfifo(t, w.log) }, "is a named pipe"},
		"no packed file": {func(t *testing.T, w *marking) { write(t, w.log+".1.gz", "\x00\x01\x02\x03 nothing") }, "damaged from its first bytes"},
		"below a file": {func(t *testing.T, w *marking) {
			write(t, w.log, "")
			w.opts.Sources[0].Path = filepath.Join(w.log, "x")
		}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMarking(t)
			c.do(t, w)
			_, err := NoteMarks(context.Background(), w.opts.Sources, w.state())
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), w.log) {
				t.Errorf("error %v, want one that names the file and says %q", err, c.want)
			}
		})
	}
}

func mkdir(t testing.TB, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// A follower that has a file open commits its lines also when the file is gone:
// who is patient waits for them.
func TestMarksOfAFileThatIsDeletedWhileItIsFollowed(t *testing.T) {
	d := newFollowing(t)
	d.opts.Interval = 300 * time.Millisecond
	d.keepGone = time.Minute
	write(t, d.log, lines("a", 0, 5))
	d.start()
	until(t, "lines are read", func() bool { s := d.stats.Snapshot(); return len(s) == 1 && !s[0].LastLine.IsZero() })
	w := &marking{t: t, l: d.l, log: d.log, opts: d.opts}
	before := w.state()
	m, err := NoteMarks(context.Background(), d.opts.Sources, before)
	if err != nil {
		t.Fatal(err)
	}
	m.Patience = time.Minute
	remove(t, d.log)
	if behind, err := m.Behind(context.Background(), before); len(behind) != 1 || err != nil {
		t.Errorf("behind %+v, %v", behind, err)
	}
	until(t, "the lines are committed", func() bool {
		behind, err := m.Behind(context.Background(), w.state())
		return err == nil && len(behind) == 0
	})
	wantIDs(t, d.l, ids("a", 0, 5))
}

// However content is cut, and wherever looking for its last line begins.
func TestLastLine(t *testing.T) {
	header := func(line []byte) bool { return strings.HasPrefix(string(line), "#") }
	long := strings.Repeat("x", 100<<10)
	for content, want := range map[string]int{
		"":                                     0,
		"a\nb\n":                               4,
		"a\nb":                                 2,
		"a\n \t\r\n\nb":                        2,
		"#a\n#b\r\n":                           0,
		"a\n#b\n\n#c":                          2,
		"#" + long + "\na\nb":                  len(long) + 4,
		"a\n" + long + "\n#b":                  len(long) + 3,
		"a\n" + strings.Repeat("#b\n", 50<<10): 2,
	} {
		for _, cut := range []int{1, 7, 64 << 10, len(content) + 1} {
			if cut < 7 && len(content) > 1000 {
				continue
			}
			l := &lastLine{header: header}
			for rest := content; rest != ""; rest = rest[min(cut, len(rest)):] {
				if _, err := l.Write([]byte(rest[:min(cut, len(rest))])); err != nil {
					t.Fatal(err)
				}
			}
			if int(l.end) != want || want > 0 && l.anchor != lake.PrintOf([]byte(content[max(0, want-lake.AnchorBytes):want])) {
				t.Errorf("%.20q in pieces of %d: the last line ends at %d, want %d", content, cut, l.end, want)
			}
		}
		l, err := lastLineOf(strings.NewReader(content), 0, int64(len(content)), header)
		if err != nil || int(l.end) != want {
			t.Errorf("%.20q: the last line ends at %d, want %d, %v", content, l.end, want, err)
		}
	}
}
