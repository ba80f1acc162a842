package segment

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"pixledger/schemas"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/metadata"
)

// Bounds of a page: about how many bytes its values take before they are
// compressed, and after how many rows that is looked at.
const (
	pageBytes = 4 << 20
	pageRows  = 4096
)

// levels are the definition and repetition levels of a page, and scratch memory.
type levels struct {
	defs, reps []uint8
	lengths    []int64

	// Of integers that repeat: the different ones, and which of them each is.
	ints    []int64
	numbers []int32
	words   wordTable
}

// leaf is one leaf of a column: its values without gaps, and its levels.
type leaf struct {
	typ     schemas.Type // of the values: an integer's, Boolean, or Text
	ints    []int64
	text    *texts
	numbers []int32 // of the values in the dictionary, where there is one: text or dict
	dict    []int64
	plain   bool  // integers stand as they are, not as differences
	bounded bool  // smallest and largest value are of use
	full    uint8 // the definition level of a value
	lists   bool  // there are repetition levels
}

// writeColumn writes the leaves of one column.
func writeColumn(rg *rowGroup, d schemas.Column, c *column, rows int, s *levels) error {
	if c == nil || c.rows == 0 {
		if d.Required {
			return errors.New("a required value is missing")
		}
		err := rg.writeNulls(rows)
		if err == nil && d.Type == schemas.TextMap {
			err = rg.writeNulls(rows) // a map has two leaves
		}
		return err
	}
	switch d.Type {
	case schemas.BigInts:
		return writeList(rg, c, rows, s, leaf{typ: schemas.BigInt, ints: c.ints, plain: true, bounded: true, full: 3, lists: true})
	case schemas.Texts:
		return writeList(rg, c, rows, s, leaf{typ: schemas.Text, text: &c.text, bounded: true, full: 3, lists: true})
	case schemas.TextMap:
		// An entry's key is required, and so its levels end one lower.
		keys := leaf{typ: schemas.Text, text: &c.text, numbers: c.numbers, bounded: true, full: 2, lists: true}
		if err := writeList(rg, c, rows, s, keys); err != nil {
			return err
		}
		return writeList(rg, c, rows, s, leaf{typ: schemas.Text, text: &c.values, full: 3, lists: true})
	}
	if d.Required && (c.rows != rows || c.sparse) {
		return errors.New("a required value is missing")
	}
	l := leaf{typ: d.Type, ints: c.ints, text: &c.text, numbers: c.numbers, bounded: d.Name != "event_id", full: 1}
	if d.Required {
		l.full = 0
	}
	if isInteger(d.Type) {
		l.dict, l.numbers = s.repeated(c.ints)
	}
	w, err := rg.nextLeaf(l)
	if err != nil {
		return err
	}
	value := 0
	for lo := 0; lo < rows; {
		hi, first := lo, value
		for hi < rows && l.size(first, value) < pageBytes {
			n := min(pageRows, rows-hi)
			value += c.given(hi, hi+n)
			hi += n
		}
		s.defs = s.defs[:0]
		if !d.Required {
			s.defs = c.levels(s.defs, lo, hi)
		}
		if err := w.page(hi-lo, first, value, s); err != nil {
			return err
		}
		lo = hi
	}
	return w.finish()
}

// levels appends the definition levels of the rows from lo to hi.
func (c *column) levels(dst []uint8, lo, hi int) []uint8 {
	told := max(lo, min(c.rows, hi))
	if c.sparse {
		dst = append(dst, c.defs[lo:told]...)
	} else {
		dst = fill(dst, 1, told-lo)
	}
	return fill(dst, 0, hi-told)
}

// given counts the values of the rows from lo to hi of a plain column.
func (c *column) given(lo, hi int) int {
	told := max(lo, min(c.rows, hi))
	if !c.sparse {
		return told - lo
	}
	return bytes.Count(c.defs[lo:told], []byte{1})
}

func fill(dst []uint8, v uint8, n int) []uint8 {
	for range n {
		dst = append(dst, v)
	}
	return dst
}

// writeList writes one leaf of a list or map, whole rows at a time.
func writeList(rg *rowGroup, c *column, rows int, s *levels, l leaf) error {
	w, err := rg.nextLeaf(l)
	if err != nil {
		return err
	}
	element, value := 0, 0
	for lo := 0; lo < rows; {
		s.defs, s.reps = s.defs[:0], s.reps[:0]
		first := value
		for looked := 0; lo < rows; lo++ {
			if len(s.defs)-looked >= pageRows {
				if looked = len(s.defs); l.size(first, value) >= pageBytes {
					break
				}
			}
			n := int32(-1)
			if lo < len(c.lens) {
				n = c.lens[lo]
			}
			if n < 0 {
				s.defs, s.reps = append(s.defs, 0), append(s.reps, 0)
				continue
			}
			for k := range n {
				def := l.full
				if l.text == nil && len(c.nulls) > 0 && c.nulls[element] {
					def--
				} else {
					value++
				}
				s.defs = append(s.defs, def)
				s.reps = append(s.reps, uint8(min(k, 1)))
				element++
			}
		}
		if err := w.page(len(s.defs), first, value, s); err != nil {
			return err
		}
	}
	return w.finish()
}

// size is about how many bytes the values from lo to hi take in a page. Of
// integers and words there are never so many that it matters.
func (l *leaf) size(lo, hi int) int {
	if l.text == nil || len(l.numbers) > 0 || l.typ != schemas.Text {
		return 0
	}
	return l.text.start(hi) - l.text.start(lo) + 4*(hi-lo)
}

// values appends the values from lo to hi as they stand in a page.
func (l *leaf) values(dst []byte, lo, hi int, s *levels) []byte {
	switch {
	case len(l.numbers) > 0:
		width := l.width()
		return appendHybrid(append(dst, byte(width)), l.numbers[lo:hi], width)
	case l.typ == schemas.Text:
		dst, s.lengths = appendLengthsAndTexts(dst, l.text, lo, hi, s.lengths)
		return dst
	case l.typ == schemas.Boolean:
		return appendBools(dst, l.ints[lo:hi])
	case l.plain:
		return appendInts(dst, l.ints[lo:hi])
	}
	return appendDeltas(dst, l.ints[lo:hi], 1)
}

// words is how many values the dictionary has.
func (l *leaf) words() int { return cmp.Or(len(l.dict), len(l.text.ends)) }

// width is how many bits a number in the dictionary has: a whole byte where that
// is not many more, for then they are compressed by how frequent each is.
func (l *leaf) width() int {
	n := max(1, bits.Len(uint(l.words()-1)))
	if n > 4 && n < 8 {
		return 8
	}
	return n
}

// appendDictionary appends the values of the dictionary.
func (l *leaf) appendDictionary(dst []byte) []byte {
	switch {
	case len(l.dict) == 0:
		return appendTexts(dst, l.text, 0, len(l.text.ends))
	case l.typ == schemas.SmallInt:
		for _, v := range l.dict {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(v))
		}
		return dst
	}
	return appendInts(dst, l.dict)
}

// Integers are kept by number where at most every eighth is a new one; after so
// many new ones it is judged whether that can come true.
const (
	intsRepeat = 8
	intsJudged = 1024
)

// repeated gives the different ones of the integers, and which of them each is;
// nothing where too few repeat. Both hold until the next call.
func (s *levels) repeated(ints []int64) (dict []int64, numbers []int32) {
	s.words.reset()
	s.ints, s.numbers = s.ints[:0], s.numbers[:0]
	for i, v := range ints {
		if i > 0 && v == ints[i-1] {
			s.numbers = append(s.numbers, s.numbers[i-1])
			continue
		}
		k, slot := s.words.findInt(s.ints, v)
		if k < 0 {
			k = int32(len(s.ints))
			if int(k) >= len(ints)/intsRepeat || k >= intsJudged && int(k) > i/2 {
				return nil, nil
			}
			s.ints = append(s.ints, v)
			s.words.add(slot, k)
		}
		s.numbers = append(s.numbers, k)
	}
	return s.ints, s.numbers
}

func (l *leaf) encoding() parquet.Encoding {
	switch {
	case len(l.numbers) > 0:
		return parquet.Encodings.RLEDict
	case l.typ == schemas.Text:
		return parquet.Encodings.DeltaLengthByteArray
	case l.typ == schemas.Boolean, l.plain:
		return parquet.Encodings.Plain
	}
	return parquet.Encodings.DeltaBinaryPacked
}

// statsBytes is how long a text may be that is given as a bound.
const statsBytes = 4096

// stats gives the bounds and the number of nulls. Values without use for
// bounds have no statistics at all.
func (l *leaf) stats(nulls int) metadata.EncodedStatistics {
	var s metadata.EncodedStatistics
	if !l.bounded {
		return s
	}
	s.SetNullCount(int64(nulls))
	if l.typ == schemas.Text {
		if len(l.text.ends) > 0 {
			smallest, largest := l.text.bounds()
			s.SetMin(smallest).SetMax(largest)
			s.ApplyStatSizeLimits(statsBytes)
		}
		return s
	}
	if len(l.ints) > 0 {
		encode := func(v int64) []byte {
			b := binary.LittleEndian.AppendUint64(nil, uint64(v))
			switch l.typ {
			case schemas.Boolean:
				return b[:1]
			case schemas.SmallInt:
				return b[:4]
			}
			return b
		}
		s.Signed = true
		s.SetMin(encode(slices.Min(l.ints))).SetMax(encode(slices.Max(l.ints)))
	}
	return s
}

// bounds gives the smallest and the largest of the texts, byte by byte. They are
// copies: they are written with the footer, when the texts' memory has others.
func (t *texts) bounds() (smallest, largest []byte) {
	smallest, largest = t.at(0), t.at(0)
	for i := 1; i < len(t.ends); i++ {
		switch b := t.at(i); {
		case bytes.Compare(b, smallest) < 0:
			smallest = b
		case bytes.Compare(b, largest) > 0:
			largest = b
		}
	}
	return bytes.Clone(smallest), bytes.Clone(largest)
}
