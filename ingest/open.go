package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pixledger/schemas/lake"
)

// openRegular opens a log file for reading. What is no regular file is
// refused before it is opened, because opening a pipe or a device can wait for
// ever or do something.
func openRegular(path string) (*os.File, os.FileInfo, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, errors.Unwrap(err))
	}
	if err := checkRegular(path, fi); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, errors.Unwrap(err))
	}
	if fi, err = f.Stat(); err == nil {
		err = checkRegular(path, fi)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, fi, nil
}

func checkRegular(path string, fi os.FileInfo) error {
	kind := ""
	switch m := fi.Mode(); {
	case m.IsRegular():
		return nil
	case m.IsDir():
		kind = "folder"
	case m&os.ModeNamedPipe != 0:
		kind = "named pipe"
	case m&os.ModeSocket != 0:
		kind = "socket"
	case m&os.ModeDevice != 0:
		kind = "device"
	default:
		kind = "special file"
	}
	return fmt.Errorf("%s: is a %s; allowed: a log file (plain, .gz or .zst)", path, kind)
}

// inodeKey tells open files apart. It is no identity: an inode is used again
// once its file is gone and closed.
type inodeKey struct {
	device, inode uint64
	born          int64 // Unix nanoseconds; 0 where the file system does not say
}

// keyOf gives the key of an open file.
func keyOf(f *os.File, fi os.FileInfo) inodeKey {
	k := keyOfInfo(fi)
	k.born = born(int(f.Fd()), "", unix.AT_EMPTY_PATH)
	return k
}

// keyAt gives the key of the file at a path, whose links are followed.
func keyAt(path string, fi os.FileInfo) inodeKey {
	k := keyOfInfo(fi)
	k.born = born(unix.AT_FDCWD, path, 0)
	return k
}

func keyOfInfo(fi os.FileInfo) inodeKey {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return inodeKey{device: uint64(st.Dev), inode: st.Ino} //nolint:unconvert // Dev is narrower on some platforms
	}
	return inodeKey{}
}

func born(dir int, path string, flags int) int64 {
	var st unix.Statx_t
	if err := unix.Statx(dir, path, flags, unix.STATX_BTIME, &st); err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return st.Btime.Sec*int64(time.Second) + int64(st.Btime.Nsec)
}

// compression is how a file's bytes are packed.
type compression string

const (
	plain      compression = ""
	gzipped    compression = "gzip"
	zstandard  compression = "zstd"
	zstdWindow             = 128 << 20 // what the zstd tool allows without being asked
)

// detectCompression goes by the first bytes; the name counts only for a file
// too short to have them, and for one that begins with what no log does.
func detectCompression(f *os.File, name string) (compression, error) {
	var magic [4]byte
	n, err := f.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return plain, fmt.Errorf("read %s: %w", name, err)
	}
	got := magic[:n]
	switch {
	case bytes.HasPrefix(got, []byte{0x1f, 0x8b}):
		return gzipped, nil
	case bytes.Equal(got, []byte{0x28, 0xb5, 0x2f, 0xfd}),
		n == 4 && got[0]&0xf0 == 0x50 && bytes.Equal(got[1:], []byte{0x2a, 0x4d, 0x18}): // a skippable frame
		return zstandard, nil
	case strings.HasSuffix(name, ".gz") && bytes.HasPrefix([]byte{0x1f, 0x8b}, got):
		return gzipped, nil
	case strings.HasSuffix(name, ".zst") && bytes.HasPrefix([]byte{0x28, 0xb5, 0x2f, 0xfd}, got):
		return zstandard, nil
	}
	if ext := filepath.Ext(name); ext == ".gz" || ext == ".zst" {
		beginning, err := readAt(f, 0, 512)
		if err != nil {
			return plain, fmt.Errorf("read %s: %w", name, err)
		}
		if bytes.ContainsFunc(beginning, func(r rune) bool { return r < '\t' }) {
			return plain, fmt.Errorf("it is damaged from its first bytes on: it begins neither as a %s file nor as a log", ext)
		}
	}
	return plain, nil
}

// DamagedError says that a compressed file is cut short or damaged. What is
// complete before the damage was read.
type DamagedError struct {
	Path   string
	Offset int64 // in the decompressed content, up to where lines were read
	Left   int64 // packed bytes that were not read, at least
	Err    error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s: is cut short or damaged (%v): read up to offset %d of its content, left: what follows", e.Path, e.Err, e.Offset)
}
func (e *DamagedError) Unwrap() error { return e.Err }

// stream is the content of a compressed file, read once from front to back.
type stream struct {
	packed *counter
	parts  *parts
	buf    *bufio.Reader
	off    int64
	last   []byte // the bytes before off, at most lake.AnchorBytes
	good   int64  // how much of the content is read
	damage error  // what ended the content early
}

// counter counts the bytes that pass.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// openStream begins at the content's first byte and ends where it is no longer
// good. Closing the stream leaves the file open.
func openStream(f io.ReaderAt, size int64, how compression, p proof) (*stream, error) {
	s := &stream{packed: &counter{r: io.NewSectionReader(f, 0, size)}, good: p.good, damage: p.err}
	var err error
	if s.parts, err = newParts(s.packed, how); err != nil {
		return nil, err
	}
	s.buf = bufio.NewReaderSize(s.parts, sampleBytes)
	return s, nil
}

func (s *stream) close() { s.parts.done() }

// endOf makes the end of a file that should not end there an error of its own.
func endOf(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// peek gives the content's next bytes, at most sampleBytes, without moving on.
func (s *stream) peek(n int) ([]byte, error) {
	b, err := s.buf.Peek(int(min(int64(n), s.good-s.off)))
	if err := s.ended(err); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return bytes.Clone(b), nil
}

// ended turns what is wrong with the packed bytes into the end of the content,
// and remembers it; an error of the disk stays an error.
func (s *stream) ended(err error) error {
	var pe *os.PathError
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if errors.As(err, &pe) {
		return err
	}
	if s.damage == nil {
		s.damage = err
	}
	return io.EOF
}

// Read reads on.
func (s *stream) Read(p []byte) (int, error) {
	if s.off == s.good {
		return 0, io.EOF
	}
	n, err := s.buf.Read(p[:min(int64(len(p)), s.good-s.off)])
	s.off += int64(n)
	s.last = keepLast(s.last, p[:n])
	return n, s.ended(err)
}

// keepLast gives the last bytes of last followed by more, in last's place.
func keepLast(last, more []byte) []byte {
	if len(more) >= lake.AnchorBytes {
		return append(last[:0], more[len(more)-lake.AnchorBytes:]...)
	}
	if over := len(last) + len(more) - lake.AnchorBytes; over > 0 {
		last = last[:copy(last, last[over:])]
	}
	return append(last, more...)
}

// anchors reads on up to the positions, which are in order, and gives what
// stands before each that the content reaches.
func (s *stream) anchors(positions []int64) (map[int64]lake.Print, error) {
	out := map[int64]lake.Print{}
	buf := make([]byte, 64<<10)
	for _, pos := range positions {
		for s.off < pos {
			n, err := s.Read(buf[:min(int64(len(buf)), pos-s.off)])
			if n == 0 && err != nil {
				if errors.Is(err, io.EOF) {
					return out, nil
				}
				return nil, err
			}
		}
		out[pos] = lake.PrintOf(s.last)
	}
	return out, nil
}

// plainFile is the content of a file that is not compressed.
type plainFile struct {
	file *os.File
	size int64
}

func (p plainFile) head() ([]byte, error) { return readAt(p.file, 0, min(p.size, lake.HeadBytes)) }

func (p plainFile) anchors(positions []int64) (map[int64]lake.Print, error) {
	out := map[int64]lake.Print{}
	for _, pos := range positions {
		if pos > p.size {
			break
		}
		from := max(0, pos-lake.AnchorBytes)
		b, err := readAt(p.file, from, pos-from)
		if err != nil {
			return nil, err
		}
		if int64(len(b)) == pos-from {
			out[pos] = lake.PrintOf(b)
		}
	}
	return out, nil
}

// readAt reads n bytes, or fewer where the file ends before.
func readAt(f io.ReaderAt, from, n int64) ([]byte, error) {
	b := make([]byte, n)
	got, err := f.ReadAt(b, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:got], nil
}
