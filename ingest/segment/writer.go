package segment

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"path/filepath"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

// writerProperties are what the schema and the metadata are made with. Integers
// are written as differences, for times, offsets and ids lie close together.
// Texts that repeat come with a dictionary that is made while the rows are
// gathered, all others without one.
func writerProperties(d schemas.Dataset) *parquet.WriterProperties {
	opts := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCreatedBy("pixledger"),
		parquet.WithVersion(parquet.V2_LATEST),
		parquet.WithStoreDecimalAsInteger(true),
	}
	for _, c := range d.Columns {
		if isInteger(c.Type) {
			opts = append(opts, parquet.WithEncodingFor(c.Name, parquet.Encodings.DeltaBinaryPacked))
		}
		if path, ok := textPath(c); ok {
			opts = append(opts, parquet.WithEncodingFor(path, parquet.Encodings.DeltaLengthByteArray))
		}
	}
	return parquet.NewWriterProperties(opts...)
}

// textPath gives the path of the leaf of a column whose texts are spelled out,
// or false where it has none.
func textPath(c schemas.Column) (path string, ok bool) {
	switch c.Type {
	case schemas.Text:
		return c.Name, true
	case schemas.Texts:
		return c.Name + ".list.element", true
	case schemas.TextMap:
		return c.Name + ".key_value.value", true
	}
	return "", false
}

// isInteger tells whether a column's values are written as integers.
func isInteger(t schemas.Type) bool {
	switch t {
	case schemas.Time, schemas.BigInt, schemas.SmallInt, schemas.Decimal:
		return true
	}
	return false
}

// layout is how a dataset stands in a Parquet file.
type layout struct {
	dataset *schemas.Dataset
	props   *parquet.WriterProperties
	schema  *schema.Schema
}

func newLayout(d *schemas.Dataset) *layout {
	props := writerProperties(*d)
	s, err := pqarrow.ToParquet(d.ArrowSchema(), props, pqarrow.DefaultWriterProps())
	if err != nil {
		panic(fmt.Sprintf("segment: dataset %s: %v", d.Name, err)) // the columns are the program's own
	}
	return &layout{d, props, s}
}

// The layouts of what ingest writes.
var (
	eventLayout  = newLayout(&schemas.Events)
	rejectLayout = newLayout(&schemas.Rejects)
)

// sink is the file below a Parquet writer: it counts and hashes what goes
// through, and remembers the first error, for the writer passes some over.
type sink struct {
	f    *disk.File
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

// Tell gives the number of bytes written.
func (s *sink) Tell() int64 { return s.n }

// segmentFile is a Parquet file under way.
type segmentFile struct {
	staged Staged
	path   string
	disk   *disk.Disk
	sink   *sink
	w      *fileWriter
}

// create begins a file.
func create(d *disk.Disk, dir, folder, name string, l *layout) (*segmentFile, error) {
	path := filepath.Join(dir, name)
	f, err := d.Create(path, lake.FileMode, true)
	if err != nil {
		return nil, err
	}
	s := &sink{f: f, buf: bufio.NewWriterSize(f, 64<<10), hash: sha256.New()}
	return &segmentFile{
		staged: Staged{Folder: folder, Name: name},
		path:   path,
		disk:   d,
		sink:   s,
		w:      newFileWriter(s, l),
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
func (sf *segmentFile) write(g *group, c *compressor, scratch *levels) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = sf.sink.failure(sf.path, r)
		} else if sf.sink.err != nil {
			err = sf.sink.err
		} else if err != nil {
			err = fmt.Errorf("%s: %w", sf.path, err)
		}
	}()
	rg := sf.w.appendRowGroup(c)
	for i, c := range g.cols {
		if err := writeColumn(rg, g.dataset.Columns[i], c, g.rows, scratch); err != nil {
			return fmt.Errorf("column %s: %w", g.dataset.Columns[i].Name, err)
		}
	}
	if err := rg.finish(g.rows); err != nil {
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
	err = sf.w.finish()
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
	if err := sf.check(); err != nil {
		return err
	}
	// Without its writer and buffers: there may be a file for each day of
	// thirty years.
	sf.w, sf.sink = nil, &sink{}
	return nil
}

// check opens the finished file and compares it with what was written.
func (sf *segmentFile) check() (err error) {
	f, err := sf.disk.Open(sf.path)
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
	return errors.Join(err, sf.disk.Remove(sf.path))
}
