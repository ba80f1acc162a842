package segment

import (
	"bytes"
	"hash/maphash"
)

// wordTable finds a column's words by their text: a hash table over texts that
// stand elsewhere. A map of strings would keep every text once more, further
// away.
type wordTable struct {
	// slots hold half of a word's hash above its number plus one; 0 is free. At
	// least every second one is.
	slots []uint64
	n     int
}

// seed keeps who writes the lines from choosing words that meet in a slot.
var seed = maphash.MakeSeed()

// upper is the half of a slot that the hash stands in.
const upper = 1<<64 - 1<<32

// find gives the number of a word, or -1 and the hash to add it with.
func (w *wordTable) find(words *texts, b []byte) (number int32, hash uint64) {
	hash = maphash.Bytes(seed, b) & upper
	if w.n == 0 {
		return -1, hash
	}
	for i := hash >> 32; ; i++ {
		s := w.slots[i&uint64(len(w.slots)-1)]
		if s == 0 {
			return -1, hash
		}
		if s&upper == hash && bytes.Equal(words.at(int(uint32(s))-1), b) {
			return int32(uint32(s)) - 1, hash
		}
	}
}

// findInt is find for a table of integers.
func (w *wordTable) findInt(words []int64, v int64) (number int32, hash uint64) {
	hash = maphash.Comparable(seed, v) & upper
	if w.n == 0 {
		return -1, hash
	}
	for i := hash >> 32; ; i++ {
		s := w.slots[i&uint64(len(w.slots)-1)]
		if s == 0 {
			return -1, hash
		}
		if s&upper == hash && words[int(uint32(s))-1] == v {
			return int32(uint32(s)) - 1, hash
		}
	}
}

// add adds a word that find did not know.
func (w *wordTable) add(hash uint64, number int32) {
	if 2*(w.n+1) > len(w.slots) {
		old := w.slots
		w.slots = make([]uint64, max(64, 2*len(old)))
		for _, s := range old {
			if s != 0 {
				w.put(s)
			}
		}
	}
	w.put(hash | uint64(number+1))
	w.n++
}

func (w *wordTable) put(s uint64) {
	i := s >> 32
	for w.slots[i&uint64(len(w.slots)-1)] != 0 {
		i++
	}
	w.slots[i&uint64(len(w.slots)-1)] = s
}

// reset empties the table and keeps its memory.
func (w *wordTable) reset() {
	clear(w.slots)
	w.n = 0
}
