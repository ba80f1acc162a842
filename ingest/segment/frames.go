package segment

import (
	"encoding/binary"
	"errors"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"
)

// compressor compresses pages, one after another, each to one frame of ZSTD.
//
// A page has parts that have nothing in common, lengths and texts for one, and
// some of them repeat nothing at all: ids in hex have but four bits a letter,
// and looking for repetitions in them takes time and makes them longer. So each
// part has blocks of its own, and is searched for repetitions only where a
// sample of it gets smaller by that than by codes for its bytes alone.
type compressor struct {
	zstd  *zstd.Encoder
	huff0 huff0.Scratch
	raw   []byte
	cut   int // where the second part of raw begins, 0 for none
	out   []byte

	packed []byte // scratch memory
}

// Sizes of what is compressed at a time: the most that a block of ZSTD holds,
// what is looked at of a part before it is decided how, and what is so short
// that it does not matter.
const (
	blockBytes  = 128 << 10
	sampleBytes = 64 << 10
	shortBytes  = 256
)

func newCompressor() *compressor {
	// A longer window than a page is of no use.
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(pageBytes),
		zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false), zstd.WithAllLitEntropyCompression(true))
	if err != nil {
		panic(err) // of the options, which are constant
	}
	c := &compressor{zstd: z}
	c.huff0.Reuse = huff0.ReusePolicyNone
	return c
}

// compress gives the frame of what stands in raw; it holds until the next call.
func (c *compressor) compress() ([]byte, error) {
	const magic, oneSegment, sizeOfFour = 0xFD2FB528, 1 << 5, 2 << 6
	dst := binary.LittleEndian.AppendUint32(c.out[:0], magic)
	dst = append(dst, oneSegment|sizeOfFour)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(c.raw)))
	last, err := len(dst), error(nil)
	for _, part := range [2][]byte{c.raw[:c.cut], c.raw[c.cut:]} {
		if len(part) == 0 {
			continue
		}
		if c.repeats(part) {
			dst, last, err = c.appendSearched(dst, part)
		} else {
			dst, last, err = c.appendCoded(dst, part)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(c.raw) == 0 {
		dst = append(dst, 0, 0, 0)
	}
	dst[last] |= 1 // the frame's last block
	c.out, c.cut = dst, 0
	return dst, nil
}

// repeats tells whether a part is to be searched for repetitions.
func (c *compressor) repeats(part []byte) bool {
	if len(part) < shortBytes {
		return true
	}
	sample := part[:min(len(part), sampleBytes)]
	coded, _, err := c.appendCoded(c.packed[:0], sample)
	c.packed = coded[:0]
	n := len(coded)
	if err != nil {
		return true
	}
	c.packed = c.zstd.EncodeAll(sample, coded[:0])
	return len(c.packed) < n
}

// appendCoded appends a part as blocks that have codes for its bytes and
// nothing else, and tells where the last of them begins.
func (c *compressor) appendCoded(dst []byte, part []byte) (b []byte, last int, err error) {
	const stored, same, compressed = 0, 1, 2
	for len(part) > 0 {
		block := part[:min(len(part), blockBytes)]
		part = part[len(block):]
		last = len(dst)
		packed, _, err := huff0.Compress4X(block, &c.huff0)
		const around = 5 + 1 // bytes before and after it
		if err == nil && len(packed)+around >= len(block) {
			err = huff0.ErrIncompressible // a block must not be longer than the whole frame's content
		}
		switch {
		case err == nil:
			// Literals with a table before them and in four streams; no sequences.
			dst = appendBlockHeader(dst, compressed, len(packed)+around)
			head := uint64(2 | 3<<2 | len(block)<<4 | len(packed)<<22)
			dst = binary.LittleEndian.AppendUint64(dst, head)[:last+3+5]
			dst = append(append(dst, packed...), 0)
		case errors.Is(err, huff0.ErrUseRLE):
			dst = append(appendBlockHeader(dst, same, len(block)), block[0])
		case errors.Is(err, huff0.ErrIncompressible):
			dst = append(appendBlockHeader(dst, stored, len(block)), block...)
		default:
			return nil, 0, err
		}
	}
	return dst, last, nil
}

func appendBlockHeader(dst []byte, kind, size int) []byte {
	head := kind<<1 | size<<3
	return append(dst, byte(head), byte(head>>8), byte(head>>16))
}

// appendSearched appends a part as the blocks of the encoder's own frame, and
// tells where the last of them begins.
func (c *compressor) appendSearched(dst []byte, part []byte) (b []byte, last int, err error) {
	c.packed = c.zstd.EncodeAll(part, c.packed[:0])
	var frame zstd.Header
	if err := frame.Decode(c.packed); err != nil {
		return nil, 0, err
	}
	at := len(dst)
	dst = append(dst, c.packed[frame.HeaderSize:]...)
	for {
		head := int(dst[at]) | int(dst[at+1])<<8 | int(dst[at+2])<<16
		if head&1 != 0 {
			dst[at] &^= 1
			return dst, at, nil
		}
		size := head >> 3
		if head>>1&3 == 1 { // one byte, that often
			size = 1
		}
		at += 3 + size
	}
}
