package ingest

import (
	"bytes"
	"slices"

	"pixledger/schemas/lake"
)

// A file is known by its content and by nothing else: its name changes at
// rotation, its inode is used again, and compression changes both its bytes
// and its inode. The lake keeps, for each file read, a hash of its beginning
// and of the bytes before the position. A file with that beginning and those
// bytes goes on from the position; one that ends before it is an earlier state
// of the known file; any other is another file.

// standing is what the lake knows of a file.
type standing int

const (
	newFile      standing = iota // nothing
	knownFile                    // it goes on from a position
	earlierState                 // it ends before the position of a known file
)

// identity is a file's standing, with the known file.
type identity struct {
	standing standing
	source   *lake.Source // nil of a new file
}

// position is where reading begins.
func (i identity) position() int64 {
	if i.source == nil {
		return 0
	}
	return i.source.Position
}

// content is what identification looks at.
type content interface {
	// anchors gives the hash of the up to lake.AnchorBytes before each of the
	// positions, which are in order, that the content reaches.
	anchors(positions []int64) (map[int64]lake.Print, error)
}

// identify finds out what the state knows of the content that begins with
// head, its first lake.HeadBytes or all of it.
func identify(state *lake.State, head []byte, c content) (identity, error) {
	known := state.Known(head)
	if len(known) == 0 {
		if src := state.Earlier(head); src != nil {
			return identity{standing: earlierState, source: src}, nil
		}
		return identity{}, nil
	}
	positions := make([]int64, len(known))
	for i, src := range known {
		positions[i] = src.Position
	}
	slices.Sort(positions)
	prints, err := c.anchors(slices.Compact(positions))
	if err != nil {
		return identity{}, err
	}
	var earlier *lake.Source
	for _, src := range known {
		switch p, reached := prints[src.Position]; {
		case reached && p == src.Anchor:
			return identity{standing: knownFile, source: src}, nil
		case !reached && earlier == nil:
			earlier = src
		}
	}
	if earlier != nil {
		return identity{standing: earlierState, source: earlier}, nil
	}
	return identity{}, nil
}

// mayBeSame tells whether two contents, by what is known of their beginnings,
// can turn out to be one file: as long as one begins with all of the other.
func mayBeSame(a, b []byte) bool {
	n := min(len(a), len(b), lake.HeadBytes)
	return bytes.Equal(a[:n], b[:n])
}
