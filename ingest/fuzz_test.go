package ingest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pixledger/schemas/lake"
)

// pieces gives a content in reads of the sizes given, over and over, with
// io.EOF between them where a size is 0.
type pieces struct {
	content []byte
	sizes   []byte
	at      int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.content) == 0 {
		return 0, io.EOF
	}
	size := 1 << 20
	if len(p.sizes) > 0 {
		size = int(p.sizes[p.at%len(p.sizes)])
		p.at++
	}
	if size == 0 && p.at < 1000 {
		return 0, io.EOF // nothing more for now
	}
	n := copy(b[:min(len(b), max(1, size))], p.content)
	p.content = p.content[n:]
	return n, nil
}

// FuzzBlocks: however reads are cut, and wherever reading begins, the same
// lines come with their offsets, and a line that is too long comes once, by its
// length and beginning.
func FuzzBlocks(f *testing.F) {
	f.Add([]byte("a\nbb\r\n\n\nccc"), []byte{1, 0, 3}, uint8(4), uint8(0))
	f.Add([]byte(strings.Repeat("x", 100)+"\r\ny\n"), []byte{7}, uint8(10), uint8(0))
	f.Add([]byte(strings.Repeat("\x00", 300)+"\n"+strings.Repeat("z", 60)), []byte{255, 0}, uint8(1), uint8(3))
	f.Fuzz(func(t *testing.T, content, sizes []byte, maxLine, from uint8) {
		start := 0 // a line's beginning
		if i := bytes.IndexByte(content[min(int(from), len(content)):], '\n'); i >= 0 {
			start = min(int(from), len(content)) + i + 1
		}
		longest := int(maxLine) + 1
		in := &pieces{content: content[start:], sizes: sizes}
		b := newBlocks(in, int64(start), int64(longest),
			content[:min(start, lake.HeadBytes)], content[max(0, start-lake.AnchorBytes):start])
		b.pool = poolOf(int64(longest) + 2) // as small as a block can be
		off := int64(start)
		take := func(blk block) {
			if blk.start != off || blk.end <= blk.start || blk.end > int64(len(content)) {
				t.Fatalf("a block [%d, %d) at %d", blk.start, blk.end, off)
			}
			whole := content[blk.start:blk.end]
			switch {
			case blk.tooLong > 0:
				line := bytes.TrimSuffix(whole, []byte{'\n'})
				if bytes.IndexByte(line, '\n') >= 0 || !bytes.HasPrefix(line, blk.data) || len(blk.data) < min(len(line), longest) {
					t.Fatalf("%q is given as a line that is too long, with the beginning %q", whole, blk.data)
				}
				if n := len(bytes.TrimSuffix(line, []byte{'\r'})); int(blk.tooLong) != n || n <= longest {
					t.Fatalf("%q is too long by its %d bytes, it has %d", whole, blk.tooLong, n)
				}
			case !bytes.Equal(whole, blk.data):
				t.Fatalf("%q is given as %q", whole, blk.data)
			}
			if !bytes.Equal(blk.head, content[:min(blk.end, lake.HeadBytes)]) || !bytes.Equal(blk.last, content[max(0, blk.end-lake.AnchorBytes):blk.end]) {
				t.Fatalf("the block to %d is known by %q and %q", blk.end, blk.head, blk.last)
			}
			at := blk.start
			if err := blk.eachLine(func(o int64, line []byte) error {
				if o != at || blk.tooLong == 0 && bytes.IndexByte(line, '\n') >= 0 {
					t.Fatalf("line %q at %d, want %d", line, o, at)
				}
				at += int64(len(line)) + 1
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			off = blk.end
			blk.release()
		}
		for {
			blk, err := b.next()
			if err == nil {
				take(blk)
				continue
			}
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if len(in.content) == 0 {
				break
			}
		}
		if blk, err := b.next(); err == nil { // what the last read brought
			take(blk)
		}
		whole := int64(start + bytes.LastIndexByte(content[start:], '\n') + 1)
		if off != whole || b.pending() != int64(len(content))-whole {
			t.Fatalf("read to %d and %d wait; the last line ends at %d of %d", off, b.pending(), whole, len(content))
		}
		if blk, ok := b.rest(); ok {
			take(blk)
		}
		if off != int64(len(content)) {
			t.Fatalf("with the rest read to %d of %d", off, len(content))
		}
	})
}

// FuzzRotatedNames: whatever a log and the files beside it are called, and
// whatever globs are given, looking for rotated files never takes the log
// itself for one, nor a file of another folder, and says when a glob is none.
func FuzzRotatedNames(f *testing.F) {
	for _, names := range [][3]string{
		{"access.log", "access.log.1", ""}, {"access.log", "access-20261101.log.gz", "old/*.log"}, {"a*[", "a*[.1", "["}, {".", "..", "\\"},
		{"x", "x.99999999999999999999", "x.*"}, {"lo g\n", "lo g\n-2026-11-01T00:00:00Z.zst", "../*"}, {"pixel.log", "pixel.log.gz", "**"},
	} {
		f.Add(names[0], names[1], names[2])
	}
	f.Fuzz(func(t *testing.T, log, beside, glob string) {
		if log != filepath.Base(log) || beside != filepath.Base(beside) || len(log) > 200 || len(beside) > 200 || strings.ContainsRune(log+beside+glob, 0) ||
			strings.Contains(glob, "/") || log == ".." || log == "." || beside == ".." || beside == "." || log == beside {
			return
		}
		dir := t.TempDir()
		for _, name := range []string{log, beside} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				return // no name on this file system
			}
		}
		src := Source{Name: "edge-1", Path: filepath.Join(dir, log), Rotated: glob}
		logs, err := src.paths()
		if err != nil {
			return
		}
		for _, p := range logs {
			found, err := src.rotated(p, []Source{src})
			if err != nil {
				if _, bad := filepath.Match(glob, ""); glob == "" || bad == nil && !isGlob(log) {
					t.Fatalf("log %q, glob %q: %v", log, glob, err)
				}
				continue
			}
			if slices.Contains(found, p) || len(found) > 1 || len(found) == 1 && found[0] != filepath.Join(dir, beside) {
				t.Fatalf("log %q, beside it %q: found %q", log, beside, found)
			}
			for _, r := range found {
				if !src.isRotated(p, r) || sourceOf([]Source{src}, r) == nil {
					t.Fatalf("log %q: %q is found and not known", log, r)
				}
			}
			if n, ok := rotationCount(beside); ok && n < 0 {
				t.Fatalf("%q: rotated %d times", beside, n)
			}
		}
	})
}
