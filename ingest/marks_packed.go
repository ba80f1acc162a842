package ingest

import (
	"encoding/binary"
	"os"

	"github.com/klauspost/compress/zstd"

	"pixledger/schemas/lake"
)

// packedIsRead tells, without reading a compressed file through, whether a known
// file with its beginning was read to where its content ends by what its bytes
// say. It says no where it can't be told cheaply.
//
// The length that is found is that of one part alone. A file to which a part
// was added is newer than the commit that read it; one that was packed after it
// was read keeps the time of its last line.
func packedIsRead(f *os.File, fi os.FileInfo, how compression, state *lake.State) (bool, error) {
	ends, ok, err := contentEnds(f, fi.Size(), how)
	if !ok || err != nil {
		return false, err
	}
	head, err := packedHead(f, fi.Size(), how)
	if err != nil {
		return false, err
	}
	for _, src := range state.Known(head) {
		if ends(src.Position) && !fi.ModTime().After(src.Last) {
			return true, nil
		}
	}
	return false, nil
}

// packedHead gives the beginning of a compressed file's content, which is not
// proven.
func packedHead(f *os.File, size int64, how compression) ([]byte, error) {
	s, err := openStream(f, size, how, proof{good: lake.HeadBytes})
	if err != nil {
		return nil, err
	}
	defer s.close()
	return s.peek(lake.HeadBytes)
}

// contentEnds gives what tells whether a content of one part ends at an offset.
// ok is false where the file does not say.
func contentEnds(f *os.File, size int64, how compression) (ends func(int64) bool, ok bool, err error) {
	if how == gzipped {
		b, err := readAt(f, max(0, size-4), 4)
		if err != nil || len(b) < 4 {
			return nil, false, err
		}
		length := binary.LittleEndian.Uint32(b)
		return func(at int64) bool { return uint32(at) == length }, true, nil //nolint:gosec // modulo 2^32, as the format has it
	}
	b, err := readAt(f, 0, zstd.HeaderMaxSize)
	if err != nil {
		return nil, false, err
	}
	var h zstd.Header
	if h.Decode(b) != nil || h.Skippable || !h.HasFCS {
		return nil, false, nil
	}
	return func(at int64) bool { return at > 0 && uint64(at) == h.FrameContentSize }, true, nil //nolint:gosec // not negative
}
