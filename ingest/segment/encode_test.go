package segment

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// unpackHybrid reads what appendHybrid wrote.
func unpackHybrid(t *testing.T, b []byte, n, width int) []int32 {
	t.Helper()
	var out []int32
	for len(out) < n {
		head, size := binary.Uvarint(b)
		if size <= 0 {
			t.Fatalf("%d of %d values", len(out), n)
		}
		b = b[size:]
		if head&1 == 0 {
			var v int32
			for i := range (width + 7) / 8 {
				v |= int32(b[i]) << (8 * i)
			}
			b = b[(width+7)/8:]
			for range head >> 1 {
				out = append(out, v)
			}
			continue
		}
		bytes := int(head>>1) * width
		out = append(out, unpack(b[:bytes], width)...)
		b = b[bytes:]
	}
	if len(b) != 0 {
		t.Fatalf("%d bytes are left", len(b))
	}
	return out[:n]
}

func unpack(b []byte, width int) []int32 {
	var out []int32
	for at := 0; at+width <= 8*len(b); at += width {
		var v int32
		for k := range width {
			v |= int32(b[(at+k)/8]>>((at+k)%8)&1) << k
		}
		out = append(out, v)
	}
	return out
}

func TestHybrid(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for width := 1; width <= 20; width++ {
		for range 50 {
			var values []int32
			for range rnd.IntN(12) {
				v := rnd.Int32N(1 << width)
				for range 1 + rnd.IntN(30)*rnd.IntN(2) {
					values = append(values, v)
				}
			}
			got := unpackHybrid(t, appendHybrid(nil, values, width), len(values), width)
			if !slices.Equal(got, values) {
				t.Fatalf("width %d: got %v, want %v", width, got, values)
			}
		}
	}
}

// undelta reads what appendDeltas wrote.
func undelta(t *testing.T, b []byte) []int64 {
	t.Helper()
	number := func() int {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return int(v)
	}
	signed := func() int64 {
		v, n := binary.Varint(b)
		b = b[n:]
		return v
	}
	block, parts, total := number(), number(), number()
	out := []int64{signed()}
	for len(out) < total {
		smallest := signed()
		widths := b[:parts]
		b = b[parts:]
		for _, w := range widths {
			if len(out) >= total {
				break
			}
			width := int(w)
			for i := range block / parts {
				var v uint64
				for k := range width {
					at := i*width + k
					v |= uint64(b[at/8]>>(at%8)&1) << k
				}
				if len(out) < total {
					out = append(out, out[len(out)-1]+smallest+int64(v))
				}
			}
			b = b[width*block/parts/8:]
		}
	}
	if len(b) != 0 {
		t.Fatalf("%d bytes are left", len(b))
	}
	return out[:total]
}

func TestDeltas(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 2, 32, 33, 129, 130, 700} {
		for _, spread := range []int64{1, 2, 1000, 1 << 33, math.MaxInt64} {
			values := make([]int64, n)
			for i := range values {
				values[i] = rnd.Int64N(spread) - spread/2
			}
			if n > 4 && spread == math.MaxInt64 {
				values[2], values[3] = math.MinInt64, math.MaxInt64
			}
			for _, unit := range []int{1, 8} {
				if got := undelta(t, appendDeltas(nil, values, unit)); !slices.Equal(got, values) {
					t.Fatalf("%d values over %d in units of %d bits: got %v, want %v", n, spread, unit, got, values)
				}
			}
		}
	}
}
