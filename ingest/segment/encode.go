package segment

import (
	"encoding/binary"
	"math/bits"
)

// The encodings of Parquet that segment files use. Each function appends to dst.

// appendHybrid appends small numbers, levels or numbers of words, width bits
// each: eight or more equal ones in a row as a run, all others packed.
func appendHybrid[T ~uint8 | ~int32](dst []byte, values []T, width int) []byte {
	packed := 0 // where those that are to be packed begin
	for i := 0; i < len(values); {
		end := i + 1
		for end < len(values) && values[end] == values[i] {
			end++
		}
		// Values are packed by eights, the first of a run with those before it.
		from := i + (packed-i)&7
		if end-from >= 8 {
			dst = appendPacked(dst, values[packed:from], width)
			dst = binary.AppendUvarint(dst, uint64(end-from)<<1)
			for v, n := uint32(values[i]), width; n > 0; v, n = v>>8, n-8 {
				dst = append(dst, byte(v))
			}
			packed = end
		}
		i = end
	}
	return appendPacked(dst, values[packed:], width)
}

// appendPacked appends numbers as packed groups of eight, the last one filled
// up with zeros.
func appendPacked[T ~uint8 | ~int32](dst []byte, values []T, width int) []byte {
	if len(values) == 0 {
		return dst
	}
	groups := (len(values) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	var p packer
	for _, v := range values {
		dst = p.add(dst, uint64(v), width)
	}
	for range groups*8 - len(values) {
		dst = p.add(dst, 0, width)
	}
	return p.end(dst)
}

// packer puts numbers of some bits one behind the other, the lowest bits first.
type packer struct {
	bits uint64
	n    int // fewer than 32
}

// add appends a number of at most 32 bits.
func (p *packer) add(dst []byte, v uint64, width int) []byte {
	p.bits |= v << p.n
	if p.n += width; p.n >= 32 {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(p.bits))
		p.bits >>= 32
		p.n -= 32
	}
	return dst
}

// end appends what is left, to the end of its byte.
func (p *packer) end(dst []byte) []byte {
	for ; p.n > 0; p.n -= 8 {
		dst = append(dst, byte(p.bits))
		p.bits >>= 8
	}
	p.bits, p.n = 0, 0
	return dst
}

// Sizes of DELTA_BINARY_PACKED: differences in a block and in a part of it.
const (
	deltaBlock = 128
	deltaPart  = 32
	// Of differences in whole bytes: what the smallest is rounded down to, and
	// from where on it is not.
	deltaStep = 64
	deltaByte = 192
)

// appendDeltas appends integers as their differences (DELTA_BINARY_PACKED),
// each of a multiple of unit bits: of few different ones ZSTD makes less in whole
// bytes than in the fewest bits.
func appendDeltas(dst []byte, values []int64, unit int) []byte {
	dst = binary.AppendUvarint(dst, deltaBlock)
	dst = binary.AppendUvarint(dst, deltaBlock/deltaPart)
	dst = binary.AppendUvarint(dst, uint64(len(values)))
	if len(values) == 0 {
		return append(dst, 0)
	}
	before := values[0]
	dst = binary.AppendVarint(dst, before) // zigzag, as it is wanted here
	var block [deltaBlock]int64
	for values = values[1:]; len(values) > 0; {
		n := min(len(values), deltaBlock)
		smallest := values[0] - before
		for i, v := range values[:n] {
			block[i] = v - before
			smallest = min(smallest, block[i])
			before = v
		}
		values = values[n:]
		if unit == 8 && smallest >= -deltaByte {
			smallest &^= deltaStep - 1 // so that the same differences are the same bytes in all blocks
		}
		dst = binary.AppendVarint(dst, smallest)
		widths := len(dst)
		dst = append(dst, make([]byte, deltaBlock/deltaPart)...)
		for lo := 0; lo < n; lo += deltaPart {
			part := block[lo : lo+deltaPart]
			for i := n - lo; i < deltaPart; i++ {
				part[i] = smallest // fills the last part up
			}
			var all uint64
			for _, d := range part {
				all |= uint64(d - smallest)
			}
			width := (bits.Len64(all) + unit - 1) / unit * unit
			dst[widths+lo/deltaPart] = byte(width)
			var p packer
			for _, d := range part {
				v := uint64(d - smallest)
				if width <= 32 {
					dst = p.add(dst, v, width)
				} else {
					dst = p.add(dst, v&(1<<32-1), 32)
					dst = p.add(dst, v>>32, width-32)
				}
			}
			dst = p.end(dst)
		}
	}
	return dst
}

// appendLengthsAndTexts appends the lengths of the texts from lo to hi as
// differences, and then the texts in one piece (DELTA_LENGTH_BYTE_ARRAY): a
// length before each text would cost more than it says.
func appendLengthsAndTexts(dst []byte, t *texts, lo, hi int, scratch []int64) (b []byte, lengths []int64) {
	first := t.start(lo)
	start, scratch := first, scratch[:0]
	for _, end := range t.ends[lo:hi] {
		scratch = append(scratch, int64(end-start))
		start = end
	}
	dst = appendDeltas(dst, scratch, 8)
	return append(dst, t.data[first:start]...), scratch
}

// appendTexts appends the texts from lo to hi, each with its length before it.
func appendTexts(dst []byte, t *texts, lo, hi int) []byte {
	start := t.start(lo)
	for _, end := range t.ends[lo:hi] {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(end-start))
		dst = append(dst, t.data[start:end]...)
		start = end
	}
	return dst
}

// appendBools appends truth values, a bit each.
func appendBools(dst []byte, values []int64) []byte {
	var p packer
	for _, v := range values {
		dst = p.add(dst, uint64(v), 1)
	}
	return p.end(dst)
}

// appendInts appends integers of eight bytes.
func appendInts(dst []byte, values []int64) []byte {
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	return dst
}
