package harness

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"pixledger/schemas/lake"
)

// A logWriter writes a log as an edge does and rotates it as logrotate does:
// the old files count up, the log is renamed, lines still come to the renamed
// file, a new one is made, and what is older is compressed.
type logWriter struct {
	*written
	path string
	lake string // for what may be deleted
	keep int    // rotated files

	mu        sync.Mutex
	r         *rand.Rand
	file      *os.File
	number    int // of the file, in written
	rotations int
	numbers   map[string]int // the rotated files that are there, by path
	writing   time.Duration  // between chunks
	chunk     int            // lines at most in each
}

func newLogWriter(w *written, path, lakeDir string, r *rand.Rand) (*logWriter, error) {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	l := &logWriter{
		written: w, path: path, lake: lakeDir, keep: 30, r: r, numbers: map[string]int{},
		writing: 5 * time.Millisecond, chunk: 25,
	}
	return l, l.create()
}

func (l *logWriter) create() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	l.file, l.number = f, l.newFile()
	return nil
}

// run writes until the context ends, and rotates about so often; 0: only when
// it is told to.
func (l *logWriter) run(ctx context.Context, rotate time.Duration) error {
	// Numbers of its own: others may have the log rotated meanwhile.
	l.mu.Lock()
	r := rand.New(rand.NewPCG(l.r.Uint64(), 0))
	l.mu.Unlock()
	next := time.Now().Add(rotate)
	for pause(ctx, l.writing) {
		if err := l.write(); err != nil {
			return err
		}
		if rotate == 0 || time.Now().Before(next) {
			continue
		}
		if err := l.rotate(); err != nil {
			return err
		}
		next = time.Now().Add(rotate/2 + between(r, 0, rotate))
	}
	return nil
}

// write appends a few lines; now and then the last of them in two pieces.
func (l *logWriter) write() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(l.file, l.number, 1+l.r.IntN(l.chunk), nil)
}

// append writes n lines to a file. between, if given, is called while the last
// one is written by half.
func (l *logWriter) append(f *os.File, number, n int, between func() error) error {
	var b []byte
	for range n {
		b = append(b, l.next(number, l.r)...)
	}
	cut := len(b)
	if l.hostile && (between != nil || l.r.IntN(8) == 0) {
		cut = l.r.IntN(len(b)) // wherever a write ends, as a full page does
	}
	if _, err := f.Write(b[:cut]); err != nil {
		return err
	}
	if between != nil {
		if err := between(); err != nil {
			return err
		}
	}
	if cut == len(b) {
		return nil
	}
	_, err := f.Write(b[cut:])
	return err
}

// rotate is one rotation, with what is written meanwhile.
func (l *logWriter) rotate() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rotations++
	if err := l.countUp(); err != nil {
		return err
	}
	old, oldNumber := l.file, l.number
	renamed := l.path + ".1"
	rename := func() error {
		l.numbers[renamed] = oldNumber
		return os.Rename(l.path, renamed)
	}
	if l.r.IntN(2) == 0 { // in the middle of a line
		if err := l.append(old, oldNumber, 1+l.r.IntN(3), rename); err != nil {
			return err
		}
	} else if err := rename(); err != nil {
		return err
	}
	late := l.r.IntN(3) * l.r.IntN(10)
	if late > 0 {
		if err := l.append(old, oldNumber, late, nil); err != nil {
			return err
		}
	}
	if err := l.create(); err != nil {
		return err
	}
	// One worker has opened the new file, another still writes to the old one.
	for range l.r.IntN(4) {
		if err := l.append(l.file, l.number, 1+l.r.IntN(4), nil); err != nil {
			return err
		}
		if err := l.append(old, oldNumber, 1+l.r.IntN(4), nil); err != nil {
			return err
		}
	}
	if err := old.Close(); err != nil {
		return err
	}
	if l.r.IntN(3) > 0 { // what was rotated before is compressed now: delaycompress
		return l.compress(l.path + ".2")
	}
	return nil
}

var rotatedNumber = regexp.MustCompile(`\.([0-9]+)(\.gz)?$`)

// countUp renames the rotated files, the oldest first, and deletes what is
// over what is kept, once it was read: how long a log is kept is the
// operator's business.
func (l *logWriter) countUp() error {
	var list []rotated
	for p := range l.numbers {
		m := rotatedNumber.FindStringSubmatch(p)
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return err
		}
		list = append(list, rotated{p, n, m[2]})
	}
	slices.SortFunc(list, func(a, b rotated) int { return b.n - a.n })
	for _, f := range list {
		if f.n >= l.keep {
			read, err := l.isRead(l.numbers[f.path])
			if err != nil {
				return err
			}
			if read {
				delete(l.numbers, f.path)
				if err := os.Remove(f.path); err != nil {
					return err
				}
				continue
			}
		}
		to := fmt.Sprintf("%s.%d%s", l.path, f.n+1, f.packed)
		l.numbers[to] = l.numbers[f.path]
		delete(l.numbers, f.path)
		if err := os.Rename(f.path, to); err != nil {
			return err
		}
	}
	return nil
}

type rotated struct {
	path   string
	n      int
	packed string
}

// isRead tells whether a file was committed to its end.
func (l *logWriter) isRead(number int) (bool, error) {
	at, err := lake.Open(l.lake)
	if errors.Is(err, lake.ErrNoLake) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s, err := at.State()
	if err != nil {
		return false, err
	}
	bySource, _ := l.filesOf(s)
	for id, i := range bySource {
		if i == number {
			return s.Sources[id].Position == l.sizeOf(i), nil
		}
	}
	return false, nil
}

func (w *written) sizeOf(number int) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[number].size
}

// compress packs a file as logrotate has gzip do it: under the final name from
// the first byte on, with the old one's time, and the old one goes.
func (l *logWriter) compress(path string) error {
	number, there := l.numbers[path]
	if !there {
		return nil
	}
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	fi, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(path+".gz", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	err = errors.Join(err, z.Close(), out.Close())
	if err == nil {
		err = os.Chtimes(path+".gz", fi.ModTime(), fi.ModTime())
	}
	if err != nil {
		return err
	}
	l.numbers[path+".gz"] = number
	delete(l.numbers, path)
	return os.Remove(path)
}

// rotatedPaths lists the rotated files that are there.
func (l *logWriter) rotatedPaths() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for p := range l.numbers {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

func (l *logWriter) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
