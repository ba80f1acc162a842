package segment

import (
	"bytes"
	"errors"
	"fmt"

	"pixledger/schemas"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/metadata"
)

// levels is scratch memory for writing columns.
type levels struct {
	zeros, ones []int16
	defs, reps  []int16
	texts       []parquet.ByteArray
	ints        []int32
	bools       []bool
	valid       []byte
	offsets     []int32
}

// constant gives n levels that are all 0 or all 1.
func (s *levels) constant(v int16, n int) []int16 {
	list := &s.zeros
	if v == 1 {
		list = &s.ones
	}
	for len(*list) < n {
		*list = append(*list, v)
	}
	return (*list)[:n]
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
		return writeList(rg, c, rows, s, leaf{full: 3})
	case schemas.Texts:
		return writeList(rg, c, rows, s, leaf{text: &c.text, full: 3})
	case schemas.TextMap:
		// An entry's key is required, and so its levels end one lower.
		if err := writeList(rg, c, rows, s, leaf{text: &c.text, numbers: c.numbers, full: 2}); err != nil {
			return err
		}
		return writeList(rg, c, rows, s, leaf{text: &c.values, full: 3})
	}
	if d.Required && (c.rows != rows || c.sparse) {
		return errors.New("a required value is missing")
	}
	w, words, err := rg.nextLeaf(leaf{text: &c.text, numbers: c.numbers}, s)
	if err != nil {
		return err
	}
	step := batchRows
	if isInteger(d.Type) {
		step = rows // differences can't be written of a batch without values
	}
	at := 0
	for lo := 0; lo < rows; lo += step {
		hi := min(lo+step, rows)
		var defs []int16
		n := hi - lo
		if !d.Required {
			defs, n = c.levels(lo, hi, s)
		}
		if words != nil {
			err = words.write(c.numbers[at:at+n], hi-lo, defs, nil, s)
		} else {
			err = writeValues(w, c, at, at+n, defs, s)
		}
		if err != nil {
			return err
		}
		at += n
	}
	return w.Close()
}

// levels gives the definition levels of the rows from lo to hi, and how many of
// them have a value.
func (c *column) levels(lo, hi int, s *levels) (defs []int16, values int) {
	told := min(c.rows, hi)
	switch {
	case c.rows <= lo:
		return s.constant(0, hi-lo), 0
	case !c.sparse && told == hi:
		return s.constant(1, hi-lo), hi - lo
	case c.sparse && told == hi:
		defs = c.defs[lo:hi]
	case c.sparse:
		defs = append(append(s.defs[:0], c.defs[lo:told]...), s.constant(0, hi-told)...)
		s.defs = defs
	default:
		defs = append(append(s.defs[:0], s.constant(1, told-lo)...), s.constant(0, hi-told)...)
		s.defs = defs
	}
	for _, d := range defs {
		values += int(d)
	}
	return defs, values
}

// writeValues writes the values from lo to hi with their levels.
func writeValues(w file.ColumnChunkWriter, c *column, lo, hi int, defs []int16, s *levels) error {
	var err error
	switch w := w.(type) {
	case *file.ByteArrayColumnChunkWriter:
		s.texts = c.text.slices(s.texts[:0], lo, hi)
		_, err = w.WriteBatch(s.texts, defs, nil)
	case *file.Int64ColumnChunkWriter:
		_, err = w.WriteBatch(c.ints[lo:hi], defs, nil)
	case *file.Int32ColumnChunkWriter:
		s.ints = s.ints[:0]
		for _, v := range c.ints[lo:hi] {
			s.ints = append(s.ints, int32(v))
		}
		_, err = w.WriteBatch(s.ints, defs, nil)
	case *file.BooleanColumnChunkWriter:
		s.bools = s.bools[:0]
		for _, v := range c.ints[lo:hi] {
			s.bools = append(s.bools, v != 0)
		}
		_, err = w.WriteBatch(s.bools, defs, nil)
	default:
		err = fmt.Errorf("no way to write a column of %s", w.Type())
	}
	return err
}

// leaf is one leaf of a column: its texts, or nil for integers; their numbers
// where they are kept once; and the definition level of a value.
type leaf struct {
	text    *texts
	numbers []int32
	full    int16
}

// writeList writes one leaf of a list or map, whole rows at a time.
func writeList(rg *rowGroup, c *column, rows int, s *levels, l leaf) error {
	w, words, err := rg.nextLeaf(l, s)
	if err != nil {
		return err
	}
	element, value := 0, 0
	for lo := 0; lo < rows; {
		defs, reps := s.defs[:0], s.reps[:0]
		first := value
		for ; lo < rows && len(defs) < batchRows; lo++ {
			n := int32(-1)
			if lo < len(c.lens) {
				n = c.lens[lo]
			}
			if n < 0 {
				defs, reps = append(defs, 0), append(reps, 0)
				continue
			}
			for k := range n {
				def := l.full
				if l.text == nil && len(c.nulls) > 0 && c.nulls[element] {
					def--
				} else {
					value++
				}
				defs = append(defs, def)
				reps = append(reps, int16(min(k, 1)))
				element++
			}
		}
		s.defs, s.reps = defs, reps
		switch w := w.(type) {
		case *file.ByteArrayColumnChunkWriter:
			if words != nil {
				err = words.write(l.numbers[first:value], value-first, defs, reps, s)
				break
			}
			s.texts = l.text.slices(s.texts[:0], first, value)
			_, err = w.WriteBatch(s.texts, defs, reps)
		case *file.Int64ColumnChunkWriter:
			_, err = w.WriteBatch(c.ints[first:value], defs, reps)
		default:
			err = fmt.Errorf("no way to write a list of %s", w.Type())
		}
		if err != nil {
			return err
		}
	}
	return w.Close()
}

// wordWriter writes a column of texts by their numbers in a dictionary.
type wordWriter struct {
	w      *file.ByteArrayColumnChunkWriter
	bounds []parquet.ByteArray // the smallest and the largest word
}

// nextLeaf begins a leaf column, with its dictionary where it has one.
func (g *rowGroup) nextLeaf(l leaf, s *levels) (file.ColumnChunkWriter, *wordWriter, error) {
	layout := g.file.layout
	if len(l.numbers) == 0 {
		w, err := g.nextColumn(layout.props)
		return w, nil, err
	}
	w, err := g.nextColumn(layout.words)
	if err != nil {
		return nil, nil, err
	}
	text, ok := w.(*file.ByteArrayColumnChunkWriter)
	if !ok {
		return nil, nil, fmt.Errorf("no dictionary for a column of %s", w.Type())
	}
	encoder, ok := text.CurrentEncoder().(interface{ PutDictionary(arrow.Array) error })
	if !ok {
		return nil, nil, errors.New("the column takes no dictionary")
	}
	n := len(l.text.ends)
	s.offsets = append(s.offsets[:0], 0)
	for _, end := range l.text.ends {
		s.offsets = append(s.offsets, int32(end))
	}
	data := array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{
		nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(s.offsets)), memory.NewBufferBytes(l.text.data),
	}, nil, 0, 0)
	defer data.Release()
	words := array.NewStringData(data)
	defer words.Release()
	if err := encoder.PutDictionary(words); err != nil {
		return nil, nil, err
	}
	smallest, largest := l.text.at(0), l.text.at(0)
	for i := 1; i < n; i++ {
		switch b := l.text.at(i); {
		case bytes.Compare(b, smallest) < 0:
			smallest = b
		case bytes.Compare(b, largest) > 0:
			largest = b
		}
	}
	return w, &wordWriter{text, []parquet.ByteArray{smallest, largest}}, nil
}

// write writes the numbers of the values of some rows. spaced is how many
// values and nulls at the leaf there are, of lists only values.
func (ww *wordWriter) write(numbers []int32, spaced int, defs, reps []int16, s *levels) error {
	total := max(len(defs), spaced)
	stats, ok := ww.w.PageStatistics().(*metadata.ByteArrayStatistics)
	if !ok {
		return errors.New("a column of texts has no statistics")
	}
	if len(numbers) > 0 {
		// The bounds of all words are bounds of those of each page.
		stats.Update(ww.bounds, 0)
	}
	stats.IncNulls(int64(total - len(numbers)))

	var valid *memory.Buffer
	nulls := spaced - len(numbers)
	if nulls > 0 {
		s.ints = s.ints[:0]
		s.valid = append(s.valid[:0], make([]byte, (spaced+7)/8)...)
		k := 0
		for i, d := range defs {
			if d == 0 {
				s.ints = append(s.ints, 0)
				continue
			}
			s.valid[i/8] |= 1 << (i % 8)
			s.ints = append(s.ints, numbers[k])
			k++
		}
		numbers = s.ints
		valid = memory.NewBufferBytes(s.valid)
	}
	data := array.NewData(arrow.PrimitiveTypes.Int32, spaced, []*memory.Buffer{
		valid, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(numbers)),
	}, nil, nulls, 0)
	defer data.Release()
	indices := array.NewInt32Data(data)
	defer indices.Release()
	return ww.w.WriteDictIndices(indices, defs, reps)
}
