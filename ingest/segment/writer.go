package segment

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"slices"

	"pixledger/schemas"
	"pixledger/schemas/lake"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

// batchRows is how many rows are handed to a column's encoder at once, and so
// how often the size of a page is looked at.
const batchRows = 4096

// writerProperties are the settings of the files. Data pages are of version 2:
// the writer's buffer for the levels of version 1 is allocated anew at every
// run of nulls. Times and offsets grow by small steps, so they are written as
// differences, and texts that hardly ever repeat without a dictionary.
func writerProperties(d schemas.Dataset) *parquet.WriterProperties {
	opts := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCreatedBy("pixledger"),
		parquet.WithVersion(parquet.V2_LATEST),
		parquet.WithDataPageVersion(parquet.DataPageV2),
		parquet.WithStoreDecimalAsInteger(true),
		parquet.WithStats(true),
		// A batch is what one call hands over: rows with long lists must not
		// be divided.
		parquet.WithBatchSize(1 << 40),
	}
	for _, c := range d.Columns {
		switch c.Name {
		case "event_time", "source_offset", "length":
			opts = append(opts, parquet.WithDictionaryFor(c.Name, false), parquet.WithEncodingFor(c.Name, parquet.Encodings.DeltaBinaryPacked))
		case "event_id", "token", "sspdata", "order_id", "raw":
			opts = append(opts, parquet.WithDictionaryFor(c.Name, false), parquet.WithEncodingFor(c.Name, parquet.Encodings.Plain))
		}
	}
	return parquet.NewWriterProperties(opts...)
}

// layout is how a dataset stands in a Parquet file.
type layout struct {
	dataset *schemas.Dataset
	props   *parquet.WriterProperties
	root    *schema.GroupNode
}

func newLayout(d *schemas.Dataset) *layout {
	props := writerProperties(*d)
	s, err := pqarrow.ToParquet(d.ArrowSchema(), props, pqarrow.DefaultWriterProps())
	if err != nil {
		panic(fmt.Sprintf("segment: dataset %s: %v", d.Name, err)) // the columns are the program's own
	}
	return &layout{d, props, s.Root()}
}

// The layouts of what ingest writes.
var (
	eventLayout  = newLayout(&schemas.Events)
	rejectLayout = newLayout(&schemas.Rejects)
)

// sink is the file below a Parquet writer: it counts and hashes what goes
// through, and remembers the first error, for the writer passes some over.
type sink struct {
	f    *os.File
	buf  *bufio.Writer
	hash hash.Hash
	n    int64
	err  error
}

func (s *sink) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.buf.Write(b)
	s.hash.Write(b[:n])
	s.n += int64(n)
	s.err = err
	return n, err
}

// segmentFile is a Parquet file under way.
type segmentFile struct {
	staged Staged
	path   string
	sink   *sink
	w      *file.Writer
}

// create begins a file.
func create(dir, folder, name string, l *layout) (sf *segmentFile, err error) {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, lake.FileMode)
	if err != nil {
		return nil, err
	}
	s := &sink{f: f, buf: bufio.NewWriterSize(f, 64<<10), hash: sha256.New()}
	defer func() {
		if r := recover(); r != nil {
			sf, err = nil, errors.Join(s.failure(path, r), f.Close())
		}
	}()
	if err := f.Chmod(lake.FileMode); err != nil { // whatever the umask
		return nil, errors.Join(err, f.Close())
	}
	return &segmentFile{
		staged: Staged{Folder: folder, Name: name},
		path:   path,
		sink:   s,
		w:      file.NewParquetWriter(s, l.root, file.WithWriterProps(l.props)),
	}, nil
}

// failure gives the reason for which writing failed: what the file said first,
// else what the writer panicked with.
func (s *sink) failure(path string, r any) error {
	if s.err != nil {
		return s.err
	}
	if err, ok := r.(error); ok {
		return fmt.Errorf("%s: %w", path, err)
	}
	return fmt.Errorf("%s: %v", path, r)
}

// write puts the rows into the file as one row group.
func (sf *segmentFile) write(g *group, scratch *levels) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = sf.sink.failure(sf.path, r)
		} else if sf.sink.err != nil {
			err = sf.sink.err
		} else if err != nil {
			err = fmt.Errorf("%s: %w", sf.path, err)
		}
	}()
	rg := sf.w.AppendRowGroup()
	for i, c := range g.cols {
		if err := writeColumn(rg, g.dataset.Columns[i], c, g.rows, scratch); err != nil {
			return fmt.Errorf("column %s: %w", g.dataset.Columns[i].Name, err)
		}
	}
	if err := rg.Close(); err != nil {
		return err
	}
	if sf.staged.Rows == 0 {
		sf.staged.MinTime, sf.staged.MaxTime = g.minTime, g.maxTime
	} else {
		sf.staged.MinTime, sf.staged.MaxTime = min(sf.staged.MinTime, g.minTime), max(sf.staged.MaxTime, g.maxTime)
	}
	sf.staged.Rows += int64(g.rows)
	return nil
}

// finish writes the footer, syncs and closes the file, and reads the footer
// back to see that all of it stands there.
func (sf *segmentFile) finish() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = sf.sink.failure(sf.path, r)
		}
		if sf.sink.f != nil {
			err = errors.Join(err, sf.sink.f.Close())
			sf.sink.f = nil
		}
	}()
	err = sf.w.Close()
	if sf.sink.err != nil {
		return sf.sink.err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", sf.path, err)
	}
	if err := sf.sink.buf.Flush(); err != nil {
		return err
	}
	if err := sf.sink.f.Sync(); err != nil {
		return err
	}
	err = sf.sink.f.Close()
	sf.sink.f = nil
	if err != nil {
		return err
	}
	sf.staged.Bytes = sf.sink.n
	sf.staged.SHA256 = hex.EncodeToString(sf.sink.hash.Sum(nil))
	return sf.check()
}

// check opens the finished file and compares it with what was written.
func (sf *segmentFile) check() (err error) {
	f, err := os.Open(sf.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != sf.staged.Bytes {
		return fmt.Errorf("%s: has %d bytes after writing %d", sf.path, info.Size(), sf.staged.Bytes)
	}
	r, err := file.NewParquetReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", sf.path, err)
	}
	if r.NumRows() != sf.staged.Rows {
		return fmt.Errorf("%s: has %d rows after writing %d", sf.path, r.NumRows(), sf.staged.Rows)
	}
	return nil
}

// abandon closes and removes the file, finished or not.
func (sf *segmentFile) abandon() error {
	var err error
	if sf.sink.f != nil {
		err = sf.sink.f.Close()
		sf.sink.f = nil
	}
	if removed := os.Remove(sf.path); removed != nil && !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// levels is scratch memory for writing columns.
type levels struct {
	zeros, ones []int16
	defs, reps  []int16
	texts       []parquet.ByteArray
	ints        []int32
	bools       []bool
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
func writeColumn(rg file.SerialRowGroupWriter, d schemas.Column, c *column, rows int, s *levels) error {
	if c == nil {
		c = &column{}
	}
	w, err := rg.NextColumn()
	if err != nil {
		return err
	}
	switch d.Type {
	case schemas.BigInts, schemas.Texts:
		return writeList(w, c, rows, s, leafOf(d.Type, c))
	case schemas.TextMap:
		// An entry's key is required, and so its levels end one lower.
		if err := writeList(w, c, rows, s, leaf{text: &c.text, full: 2}); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		if w, err = rg.NextColumn(); err != nil {
			return err
		}
		return writeList(w, c, rows, s, leaf{text: &c.values, full: 3})
	}
	if d.Required && (c.rows != rows || c.sparse) {
		return errors.New("a required value is missing")
	}
	at := 0
	for lo := 0; lo < rows; lo += batchRows {
		hi := min(lo+batchRows, rows)
		var defs []int16
		n := hi - lo
		if !d.Required {
			defs, n = c.levels(lo, hi, s)
		}
		if err := writeValues(w, c, at, at+n, defs, nil, s); err != nil {
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
func writeValues(w file.ColumnChunkWriter, c *column, lo, hi int, defs, reps []int16, s *levels) error {
	var err error
	switch w := w.(type) {
	case *file.ByteArrayColumnChunkWriter:
		s.texts = c.text.slices(s.texts[:0], lo, hi)
		_, err = w.WriteBatch(s.texts, defs, reps)
	case *file.Int64ColumnChunkWriter:
		_, err = w.WriteBatch(c.ints[lo:hi], defs, reps)
	case *file.Int32ColumnChunkWriter:
		s.ints = s.ints[:0]
		for _, v := range c.ints[lo:hi] {
			s.ints = append(s.ints, int32(v))
		}
		_, err = w.WriteBatch(s.ints, defs, reps)
	case *file.BooleanColumnChunkWriter:
		s.bools = s.bools[:0]
		for _, v := range c.ints[lo:hi] {
			s.bools = append(s.bools, v != 0)
		}
		_, err = w.WriteBatch(s.bools, defs, reps)
	default:
		err = fmt.Errorf("no way to write a column of %s", w.Type())
	}
	return err
}

// leaf is one leaf of a list or map: which values, and the definition level of
// one that is there.
type leaf struct {
	text *texts
	full int16
}

func leafOf(t schemas.Type, c *column) leaf {
	if t == schemas.Texts {
		return leaf{text: &c.text, full: 3}
	}
	return leaf{full: 3}
}

// writeList writes one leaf of a list or map, whole rows at a time.
func writeList(w file.ColumnChunkWriter, c *column, rows int, s *levels, l leaf) error {
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
				reps = append(reps, min(int16(k), 1))
				element++
			}
		}
		s.defs, s.reps = defs, reps
		var err error
		switch w := w.(type) {
		case *file.ByteArrayColumnChunkWriter:
			s.texts = l.text.slices(s.texts[:0], first, value)
			_, err = w.WriteBatch(s.texts, defs, reps)
		case *file.Int64ColumnChunkWriter:
			_, err = w.WriteBatch(slices.Clip(c.ints[first:value]), defs, reps)
		default:
			err = fmt.Errorf("no way to write a list of %s", w.Type())
		}
		if err != nil {
			return err
		}
	}
	return w.Close()
}
