package segment

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestFrames reads back pages of all kinds and sizes, in one part and in two.
func TestFrames(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	kinds := map[string]func(n int) []byte{
		"random": random,
		"hex":    func(n int) []byte { return []byte(hex.EncodeToString(random(n/2 + 1)))[:n] },
		"one":    func(n int) []byte { return bytes.Repeat([]byte{9}, n) },
		"text":   func(n int) []byte { return bytes.Repeat([]byte("https://shop.example/ "), n/22+1)[:n] },
		"few": func(n int) []byte {
			b := random(n)
			for i := range b {
				b[i] &= 3
			}
			return b
		},
		"seven bits": func(n int) []byte { // next to nothing is gained
			b := random(n)
			for i := range b {
				b[i] &= 0xFE
			}
			return b
		},
	}
	reader, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	c := newCompressor()
	sizes := []int{0, 1, 2, 7, 100, shortBytes - 1, shortBytes, 1000, 1023, 1024, 5000, sampleBytes + 1, blockBytes, blockBytes + 1, 3*blockBytes + 17}
	for n := shortBytes; n < 2*shortBytes; n += 9 {
		sizes = append(sizes, n)
	}
	for first, a := range kinds {
		for second, b := range kinds {
			for _, n := range sizes {
				m := sizes[rnd.IntN(len(sizes))]
				want := append(a(m), b(n)...)
				c.raw = append(c.raw[:0], want...)
				c.cut = m
				data, err := c.compress()
				if err != nil {
					t.Fatalf("%d bytes %s, %d bytes %s: %v", m, first, n, second, err)
				}
				got, err := reader.DecodeAll(data, nil)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d bytes %s, %d bytes %s: %d bytes are read back, %v", m, first, n, second, len(got), err)
				}
				if blocks := 2 + len(want)/blockBytes; len(data) > len(want)+9+3*blocks {
					t.Errorf("%d bytes %s, %d bytes %s take %d bytes", m, first, n, second, len(data))
				}
			}
		}
	}
}
