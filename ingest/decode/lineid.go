package decode

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
)

// headBytes is how much of a file's beginning goes into the ids of its lines.
const headBytes = 4096

// IDs gives event ids to the lines of one file that have none: the first 16
// bytes, in hex, of SHA-256 over the file's bytes before the line, at most its
// first 4,096; the line's offset as 8 bytes big-endian; and the line. So an id
// does not change when the file grows, is renamed or compressed.
type IDs struct {
	head   []byte
	digest hash.Hash
	state  []byte // the digest's state after a whole head
	sum    [sha256.Size]byte
}

// NewIDs gives the ids of a file. head is its beginning, decompressed: 4,096
// bytes, or all of it where it is shorter.
func NewIDs(head []byte) *IDs {
	if len(head) > headBytes {
		head = head[:headBytes]
	}
	ids := &IDs{head: head, digest: sha256.New()}
	if len(head) == headBytes {
		ids.digest.Write(head)
		if state, err := ids.digest.(encoding.BinaryMarshaler).MarshalBinary(); err == nil {
			ids.state = state
		}
	}
	return ids
}

// Append appends the id of the line that begins at the offset in the
// decompressed content; the line is without its end, \n or \r\n. It is an
// error when the head is shorter than what the file has before the line.
func (ids *IDs) Append(dst []byte, offset int64, line []byte) ([]byte, error) {
	if offset > int64(len(ids.head)) && len(ids.head) < headBytes {
		return dst, fmt.Errorf("a line at byte %d needs the file's beginning, and only %d bytes of it are known", offset, len(ids.head))
	}
	restored := false
	if offset >= headBytes && ids.state != nil {
		restored = ids.digest.(encoding.BinaryUnmarshaler).UnmarshalBinary(ids.state) == nil
	}
	if !restored {
		ids.digest.Reset()
		ids.digest.Write(ids.head[:min(offset, int64(len(ids.head)))])
	}
	binary.BigEndian.PutUint64(ids.sum[:8], uint64(offset))
	ids.digest.Write(ids.sum[:8])
	ids.digest.Write(line)
	return hex.AppendEncode(dst, ids.digest.Sum(ids.sum[:0])[:16]), nil
}
