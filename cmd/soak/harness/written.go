package harness

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"pixledger/schemas/lake"
)

// written is the record of all lines that were written: what the lake is held
// against. It is safe for use by several goroutines.
type written struct {
	prefix  string // of every id: 16 hexadecimal digits
	began   time.Time
	hostile bool

	mu    sync.Mutex
	lines []wroteLine
	files []*wroteFile
	// hashed finds the lines without an id by the id that they must get.
	hashed map[string]int
}

// wroteLine is one line, by its number.
type wroteLine struct {
	offset int64
	file   int32
	kind   uint8
	day    int8 // days after the day before the run's first
	seen   uint8
}

// wroteFile is one log file, whatever its names: what was written to it from
// its beginning on.
type wroteFile struct {
	head []byte // its first lake.HeadBytes
	size int64
	days map[string]*lake.Counts // its account, rejects under the empty day
}

func newWritten(seed uint64, hostile bool) *written {
	return &written{prefix: fmt.Sprintf("%016x", seed), began: time.Now().UTC(), hostile: hostile, hashed: map[string]int{}}
}

func (w *written) newFile() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files = append(w.files, &wroteFile{days: map[string]*lake.Counts{}})
	return len(w.files) - 1
}

func (w *written) day(i int8) string {
	return w.began.AddDate(0, 0, int(i)-1).Format(time.DateOnly)
}

// next makes the next line of a file and takes it down. The caller writes it
// there, whole, before any other line of the file.
func (w *written) next(file int, r *rand.Rand) []byte {
	return w.nextOf(pick(r, w.hostile), file, r)
}

// id is the id of a line by its number.
func (w *written) id(n int) string { return fmt.Sprintf("%s%016x", w.prefix, n) }

func (w *written) nextOf(k uint8, file int, r *rand.Rand) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, f := len(w.lines), w.files[file]
	id := w.id(n)
	at := time.Now().UTC()
	if r.IntN(4) == 0 { // so that commits have files of several days
		at = at.Add(-time.Duration(r.Int64N(int64(20 * time.Hour))))
	}
	line := kinds[k].line(id, at, r)
	offset := f.size
	if k == idless {
		w.hashed[hashID(f.head, offset, line)] = n
	}
	day := int8(1 + at.Truncate(24*time.Hour).Sub(w.began.Truncate(24*time.Hour))/(24*time.Hour))
	w.lines = append(w.lines, wroteLine{offset: offset, file: int32(file), kind: k, day: day})
	f.account(k, w.day(day))
	if room := lake.HeadBytes - len(f.head); room > 0 {
		f.head = append(f.head, line[:min(room, len(line))]...)
	}
	f.size += int64(len(line))
	return line
}

// hashID is the id of a line that has none, as the contract gives it.
func hashID(head []byte, offset int64, line []byte) string {
	h := sha256.New()
	h.Write(head[:min(offset, int64(len(head)))])
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(offset))
	h.Write(at[:])
	h.Write([]byte(strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// account takes a line down in the account that the file must get. A reject's
// day may be that of reading, so rejects are summed over the days.
func (f *wroteFile) account(k uint8, day string) {
	add := func(m *map[string]int64) {
		if *m == nil {
			*m = map[string]int64{}
		}
		(*m)[kinds[k].what]++
	}
	if kinds[k].fate == isReject {
		day = ""
	}
	c := f.days[day]
	if c == nil {
		c = &lake.Counts{}
		f.days[day] = c
	}
	switch kinds[k].fate {
	case isEvent:
		add(&c.Events)
	case isReject:
		add(&c.Rejects)
	case isNotCounted:
		add(&c.NotCounted)
	case isIgnored:
		c.Ignored++
	}
}

// total gives how many lines were written, and of them the blank ones.
func (w *written) total() (lines int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lines)
}

// number finds the line that an id is of.
func (w *written) number(id string) (int, bool) {
	if rest, ok := strings.CutPrefix(id, w.prefix); ok && len(rest) == 16 {
		n, err := strconv.ParseUint(rest, 16, 63)
		return int(n), err == nil && int(n) < len(w.lines)
	}
	n, ok := w.hashed[id]
	return n, ok
}

// filesOf finds for each file the sources of the state that are it: by their
// recorded beginning, as any name may have become of a file.
func (w *written) filesOf(s *lake.State) (bySource map[string]int, unknown []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	byHead := map[lake.Print]int{}
	lengths := map[int64]bool{}
	for _, src := range s.Sources {
		lengths[src.Head.Len] = true
	}
	for n := range lengths {
		for i, f := range w.files {
			if n > 0 && n <= int64(len(f.head)) {
				byHead[lake.PrintOf(f.head[:n])] = i
			}
		}
	}
	bySource = map[string]int{}
	for id, src := range s.Sources {
		if i, ok := byHead[src.Head]; ok {
			bySource[id] = i
		} else {
			unknown = append(unknown, src.Name)
		}
	}
	return bySource, unknown
}

// behind gives how many bytes that were written the state's positions lack.
func (w *written) behind(s *lake.State) int64 {
	bySource, _ := w.filesOf(s)
	w.mu.Lock()
	defer w.mu.Unlock()
	var left int64
	for _, f := range w.files {
		left += f.size
	}
	for id, i := range bySource {
		left -= min(s.Sources[id].Position, w.files[i].size)
	}
	return left
}
