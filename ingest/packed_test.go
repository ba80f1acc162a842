package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	stdgzip "compress/gzip"

	"github.com/klauspost/compress/zstd"

	"pixledger/schemas"
)

// varied are lines that do not pack to almost nothing.
func varied(prefix string, from, to int) string {
	r := rand.New(rand.NewPCG(7, uint64(len(prefix))))
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(strings.Replace(line(fmt.Sprintf("%s-%d", prefix, i)), `"ua":""`, fmt.Sprintf(`"ua":"%x"`, r.Uint64()), 1))
	}
	return b.String()
}

// skippable is a zstd frame without content.
func skippable(n int) string {
	b := binary.LittleEndian.AppendUint32([]byte{0x53, 0x2a, 0x4d, 0x18}, uint32(n))
	return string(append(b, make([]byte, n)...))
}

// zstPlain packs as zstd with the options, which may leave the checksum away.
func zstPlain(t testing.TB, content string, opts ...zstd.EOption) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, append(opts, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// believed is what is read of packed bytes, after the proof, and the damage.
func believed(t testing.TB, packed []byte, how compression) ([]byte, error) {
	t.Helper()
	f := bytes.NewReader(packed)
	p, err := prove(context.Background(), f, f.Size(), how)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStream(f, f.Size(), how, p)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	got, err := io.ReadAll(io.LimitReader(s, 64<<20))
	if err != nil {
		t.Fatal(err)
	}
	return got, s.damage
}

// Compressed files in all the shapes that are whole.
func TestWholeCompressedFiles(t *testing.T) {
	a, b := varied("a", 0, 700), varied("b", 0, 3)
	for name, packed := range map[string]string{
		"two members.gz":               gz(t, a) + gz(t, b),
		"empty members.gz":             gz(t, "") + gz(t, a) + gz(t, "") + gz(t, b) + gz(t, ""),
		"two frames.zst":               zst(t, a) + zst(t, b),
		"skippable frames.zst":         skippable(0) + zst(t, a) + skippable(70_000) + skippable(1) + zst(t, b) + skippable(9),
		"no checksum.zst":              zstPlain(t, a, zstd.WithEncoderCRC(false)) + zst(t, b),
		"small window.zst":             zstPlain(t, a+b, zstd.WithWindowSize(zstd.MinWindowSize)),
		"of unknown length.zst":        zstPlain(t, a) + zstPlain(t, b, zstd.WithSingleSegment(true)),
		"one block repeated.zst":       zst(t, a) + zst(t, strings.Repeat("\n", 1<<20)) + zst(t, b),
		"a name that does not tell":    gz(t, a+b),
		"a name that says another.gz":  zst(t, a+b),
		"a name that says another.zst": gz(t, a+b),
	} {
		t.Run(name, func(t *testing.T) {
			l, p := testLake(t), filepath.Join(t.TempDir(), name)
			write(t, p, packed)
			wantState(t, ingest(t, testOptions(l), p), Read)
			wantState(t, ingest(t, testOptions(l), p), AlreadyRead)
			wantIDs(t, l, ids("a", 0, 700), ids("b", 0, 3))
		})
	}
}

// Wherever a compressed file is cut, all whole lines before the cut are read and
// the file is named, unless the cut leaves whole members; and when the file is
// whole again it is read on.
func TestCompressedFileCutAnywhere(t *testing.T) {
	first, second := varied("a", 0, 40), varied("b", 0, 40)
	named := func(content string) string { // with all that a header can have
		var b bytes.Buffer
		w := stdgzip.NewWriter(&b)
		w.Name, w.Comment, w.Extra = "pixel.log", "of the edge", []byte("extra")
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, c := range []struct {
		how           compression
		first, second string
	}{
		{gzipped, named(first), named(second)},
		{zstandard, zst(t, first), skippable(20) + zst(t, second)},
	} {
		packed := []byte(c.first + c.second)
		before := -1
		for cut := range packed {
			got, damage := believed(t, packed[:cut], c.how)
			if !bytes.HasPrefix([]byte(first+second), got) {
				t.Fatalf("%s cut at %d: false content", c.how, cut)
			}
			if cut >= len(c.first) && len(got) < len(first) {
				t.Fatalf("%s cut at %d: the first part is not read", c.how, cut)
			}
			if len(got) < before {
				t.Fatalf("%s cut at %d: %d bytes are read, %d of a shorter one", c.how, cut, len(got), before)
			}
			before = len(got)
			whole := cut == len(c.first) || c.how == zstandard && cut == len(c.first)+len(skippable(20))
			if (damage == nil) != whole {
				t.Fatalf("%s cut at %d of %d, the first part has %d: %v", c.how, cut, len(packed), len(c.first), damage)
			}
		}
		// By the last byte but one, all that is content is there; zstd gives a block out whole.
		if c.how == gzipped && before != len(first+second) {
			t.Errorf("%s: %d bytes of %d are read when only the end of the checksum is missing", c.how, before, len(first+second))
		}
	}
}

func TestCutInsideALaterHeaderIsNamed(t *testing.T) {
	for name, packed := range map[string]string{
		"log.gz":  gz(t, lines("a", 0, 3)) + gz(t, lines("a", 3, 6))[:7],
		"log.zst": zst(t, lines("a", 0, 3)) + zst(t, lines("a", 3, 6))[:3],
	} {
		l, p := testLake(t), filepath.Join(t.TempDir(), name)
		write(t, p, packed)
		for range 2 {
			_, err := Files(context.Background(), testOptions(l), []string{p})
			var damage *DamagedError
			if !errors.As(err, &damage) || damage.Offset != int64(len(lines("a", 0, 3))) {
				t.Errorf("%s: got %v, want the damage behind the first part", name, err)
			}
			wantIDs(t, l, ids("a", 0, 3))
		}
	}
}

// A flipped bit never makes a line that was not in the log: of a damaged part
// nothing is believed, and the parts before it are read.
func TestFlippedBits(t *testing.T) {
	first, second := varied("a", 0, 200), varied("b", 0, 900)
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		how           compression
		first, second string
	}{
		{gzipped, gz(t, first), gz(t, second)},
		{zstandard, zst(t, first), zst(t, second)},
	} {
		whole := []byte(c.first + c.second)
		unnoticed := 0
		flips := []int{}
		for i := range 40 { // the headers and the ends, bit by bit, and some of the rest
			flips = append(flips, len(c.first)+i/2, len(whole)-1-i/2)
		}
		for range 500 {
			flips = append(flips, 4+r.IntN(len(whole)-4))
		}
		for i, at := range flips {
			packed := bytes.Clone(whole)
			packed[at] ^= 1 << (i % 8)
			got, damage := believed(t, packed, c.how)
			if !bytes.HasPrefix([]byte(first+second), got) {
				t.Fatalf("%s: bit %d of byte %d of %d: false content", c.how, i%8, at, len(whole))
			}
			if at >= len(c.first) && len(got) < len(first) {
				t.Fatalf("%s: byte %d: the first part is not read", c.how, at)
			}
			if damage == nil {
				if len(got) != len(first+second) {
					t.Fatalf("%s: byte %d: not all is read, and nothing named", c.how, at)
				}
				unnoticed++ // a time or a name in a header
			}
		}
		if unnoticed > 60 {
			t.Errorf("%s: %d of %d flips are not noticed", c.how, unnoticed, len(flips))
		}
	}
}

// damagedAt flips bits of the second of three parts.
func damagedAt(parts [3]string) string {
	b := []byte(parts[1])
	for i := len(b) / 2; i < len(b)/2+4; i++ {
		b[i] ^= 0x55
	}
	return parts[0] + string(b) + parts[2]
}

func TestFileDamagedInItsMiddle(t *testing.T) {
	contents := [3]string{varied("a", 0, 300), varied("b", 0, 900), varied("c", 0, 300)}
	for name, pack := range map[string]func(testing.TB, string) string{"log.gz": gz, "log.zst": zst} {
		t.Run(name, func(t *testing.T) {
			l, dir := testLake(t), t.TempDir()
			opts := testOptions(l)
			opts.Rows = 100 // a commit long before the damage shows
			p := filepath.Join(dir, name)
			var packed [3]string
			for i, c := range contents {
				packed[i] = pack(t, c)
			}
			for _, whole := range [][3]string{{pack(t, ""), pack(t, contents[0]+contents[1]+contents[2]), ""}, packed} {
				write(t, p, damagedAt(whole))
				want := [][]string{}
				if whole == packed {
					want = append(want, ids("a", 0, 300))
				}
				for range 2 {
					s, err := Files(context.Background(), opts, []string{p})
					var damage *DamagedError
					if !errors.As(err, &damage) || !strings.Contains(err.Error(), p) {
						t.Fatalf("got %v, want the damage", err)
					}
					wantState(t, s, Failed)
					wantIDs(t, l, want...)
				}
			}
			// Whole again, it is read on; damaged after that, nothing is read twice.
			write(t, p, packed[0]+packed[1])
			wantState(t, ingest(t, opts, p), Read)
			write(t, p, damagedAt(packed))
			if _, err := Files(context.Background(), opts, []string{p}); err == nil {
				t.Error("the damage is not named")
			}
			wantIDs(t, l, ids("a", 0, 300), ids("b", 0, 900))
			write(t, p, packed[0]+packed[1]+packed[2])
			wantState(t, ingest(t, opts, p), Read)
			wantIDs(t, l, ids("a", 0, 300), ids("b", 0, 900), ids("c", 0, 300))
		})
	}
}

func TestTrailingGarbageIsNamed(t *testing.T) {
	for name, pack := range map[string]func(testing.TB, string) string{"log.gz": gz, "log.zst": zst} {
		for _, garbage := range []string{"x", "garbage behind the end\n", strings.Repeat("\x00", 512), line("x-0")} {
			l, p := testLake(t), filepath.Join(t.TempDir(), name)
			write(t, p, pack(t, lines("a", 0, 30))+garbage)
			_, err := Files(context.Background(), testOptions(l), []string{p})
			var damage *DamagedError
			if !errors.As(err, &damage) {
				t.Errorf("%s with %.10q behind it: got %v", name, garbage, err)
			}
			wantIDs(t, l, ids("a", 0, 30))
		}
	}
}

// A name that ends in .gz and a beginning that is none of gzip's and no log's.
func TestDamagedFirstByteIsNoLog(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	for name, whole := range map[string]string{"log.gz": gz(t, lines("a", 0, 300)), "log.zst": zst(t, varied("a", 0, 300))} {
		p := filepath.Join(dir, name)
		write(t, p, "\x01"+whole[1:])
		if _, err := Files(context.Background(), testOptions(l), []string{p}); err == nil || !strings.Contains(err.Error(), "damaged from its first bytes on") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if got := column(t, l, schemas.Rejects, "reason"); len(got) > 0 {
		t.Errorf("rejects: %v", got)
	}
}

func TestFollowerBelievesNothingOfADamagedPart(t *testing.T) {
	d := newFollowing(t)
	packed := [3]string{gz(t, varied("a", 0, 300)), gz(t, varied("b", 0, 900)), gz(t, varied("c", 0, 300))}
	old := d.log + ".1.gz"
	write(t, old, damagedAt(packed))
	write(t, d.log, lines("d", 0, 5))
	d.start()
	until(t, "what is good is read", func() bool { return d.events() == 305 })
	until(t, "the damage is seen", func() bool { s := d.stats.Snapshot(); return len(s[0].Damaged) == 1 })
	write(t, old, packed[0]+packed[1]+packed[2])
	d.wantAll(ids("a", 0, 300), ids("b", 0, 900), ids("c", 0, 300), ids("d", 0, 5))
}

// FuzzPacked: whatever bytes a compressed file has, what is read of it is what
// the format's own tool gives, or less, and no more than is proven where it is damaged.
func FuzzPacked(f *testing.F) {
	a, b := varied("a", 0, 3), varied("b", 0, 3)
	for _, packed := range []string{gz(f, a) + gz(f, b), gz(f, ""), gz(f, a)[:50], zst(f, a) + skippable(3) + zst(f, b), zst(f, a)[:60], zstPlain(f, a, zstd.WithEncoderCRC(false))} {
		f.Add([]byte(packed))
		f.Add(append([]byte(packed), 0))
		flipped := []byte(packed)
		flipped[len(flipped)/2] ^= 4
		f.Add(flipped)
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		how := zstandard
		var tool io.Reader
		if bytes.HasPrefix(packed, []byte{0x1f, 0x8b}) {
			how = gzipped
			z, err := stdgzip.NewReader(bytes.NewReader(packed))
			if err == nil {
				tool = z
			}
		} else {
			z, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
			if err != nil {
				t.Fatal(err)
			}
			defer z.Close()
			tool = z
		}
		r := bytes.NewReader(packed)
		p, err := newParts(r, how)
		if err != nil {
			t.Fatal(err)
		}
		defer p.done()
		all, end := io.ReadAll(io.LimitReader(p, 1<<20))
		if len(all) == 1<<20 {
			return
		}
		if tool != nil {
			want, _ := io.ReadAll(io.LimitReader(tool, 2<<20))
			if !bytes.HasPrefix(want, all) && !bytes.HasPrefix(all, want) {
				t.Fatalf("%d bytes are read that %s does not give", len(all), how)
			}
			if end == nil && !bytes.Equal(want, all) {
				t.Fatalf("the file is whole, and %d bytes are read instead of %d", len(all), len(want))
			}
		}
		got, damage := believed(t, packed, how)
		if !bytes.HasPrefix(all, got) || int64(len(got)) < p.proven || (end == nil) != (damage == nil) {
			t.Fatalf("%d bytes are believed of %d, %d are proven; damage %v, end %v", len(got), len(all), p.proven, damage, end)
		}
	})
}
