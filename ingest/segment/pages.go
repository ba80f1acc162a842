package segment

import (
	"encoding/binary"
	"errors"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/metadata"
	"github.com/klauspost/compress/zstd"
)

// magic stands at both ends of a Parquet file.
const magic = "PAR1"

// fileWriter puts row groups into a Parquet file. It is arrow's writer but for
// the compression: arrow's makes a new ZSTD encoder, megabytes of tables for
// each processor, for every page, and this one keeps one for all.
type fileWriter struct {
	sink   *sink
	layout *layout
	meta   *metadata.FileMetaDataBuilder
	groups int
}

func newFileWriter(s *sink, l *layout) *fileWriter {
	w := &fileWriter{sink: s, layout: l, meta: metadata.NewFileMetadataBuilder(l.schema, l.props, nil)}
	_, _ = s.Write([]byte(magic)) // the sink keeps the error
	return w
}

// rowGroup is a row group under way: its columns are written one after another.
type rowGroup struct {
	file  *fileWriter
	meta  *metadata.RowGroupMetaDataBuilder
	pages *compressor
	start int64
}

func (w *fileWriter) appendRowGroup(c *compressor) *rowGroup {
	w.groups++
	return &rowGroup{file: w, meta: w.meta.AppendRowGroup(), pages: c, start: w.sink.n}
}

// nextColumn begins the next leaf column, with one of the layout's properties;
// the one before it must be closed.
func (g *rowGroup) nextColumn(props *parquet.WriterProperties) (file.ColumnChunkWriter, error) {
	meta := g.meta.NextColumnChunk()
	p, err := newPageWriter(g, meta)
	if err != nil {
		return nil, err
	}
	return file.NewColumnChunkWriter(meta, p, props), nil
}

func (g *rowGroup) finish(rows int) error {
	g.meta.SetNumRows(rows)
	return g.meta.Finish(g.file.sink.n-g.start, int16(g.file.groups-1))
}

// finish writes the footer.
func (w *fileWriter) finish() error {
	meta, err := w.meta.Finish()
	if err != nil {
		return err
	}
	n, err := meta.WriteTo(w.sink, nil)
	if err != nil {
		return err
	}
	_, err = w.sink.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(n)), magic...))
	return err
}

// compressor compresses pages, one after another.
type compressor struct {
	zstd *zstd.Encoder
	raw  []byte
	out  []byte
}

func newCompressor() *compressor {
	// A page is about a megabyte at most, so a longer window is of no use.
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20),
		zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // of the options, which are constant
	}
	return &compressor{zstd: z}
}

// compress gives what holds until the next call.
func (c *compressor) compress(b []byte) []byte {
	c.out = c.zstd.EncodeAll(b, c.out[:0])
	return c.out
}

// pageWriter writes the pages of one column of a row group. They come from the
// column's writer as version 2, not compressed, and are written as version 1,
// compressed, which every reader knows. (When it makes version 1 itself, it
// allocates the buffer of the levels anew at every run of nulls.)
type pageWriter struct {
	file.PageWriter // writes the headers of data pages
	sink            *sink
	pages           *compressor
	meta            *metadata.ColumnChunkMetaDataBuilder

	info      metadata.ChunkMetaInfo
	dictPages map[parquet.Encoding]int32
	dataPages map[parquet.Encoding]int32
}

func newPageWriter(g *rowGroup, meta *metadata.ColumnChunkMetaDataBuilder) (*pageWriter, error) {
	below, err := file.NewPageWriter(g.file.sink, compress.Codecs.Uncompressed, 0, meta, int16(g.file.groups-1), int16(g.meta.CurrentColumn()),
		memory.DefaultAllocator, false, nil, nil)
	if err != nil {
		return nil, err
	}
	return &pageWriter{
		PageWriter: below, sink: g.file.sink, pages: g.pages, meta: meta,
		info:      metadata.ChunkMetaInfo{IndexPageOffset: -1},
		dictPages: map[parquet.Encoding]int32{}, dataPages: map[parquet.Encoding]int32{},
	}, nil
}

// WriteDataPage writes a page, which must be of version 2.
func (p *pageWriter) WriteDataPage(page file.DataPage) (int64, error) {
	v2, ok := page.(*file.DataPageV2)
	if !ok {
		return 0, errors.New("a data page is not of version 2")
	}
	start := p.sink.n
	if len(p.dataPages) == 0 {
		p.info.DataPageOffset = start
	}
	raw, data := p.pages.version1(v2)
	v1 := file.NewDataPageV1WithStats(memory.NewBufferBytes(data), page.NumValues(), parquet.Encoding(page.Encoding()),
		parquet.Encodings.RLE, parquet.Encodings.RLE, int32(raw), page.Statistics())
	defer v1.Release()
	if _, err := p.PageWriter.WriteDataPage(v1); err != nil {
		return 0, err
	}
	written := p.sink.n - start
	p.info.CompressedSize += written
	p.info.UncompressedSize += written - int64(len(data)) + int64(raw)
	p.info.NumValues += int64(page.NumValues())
	p.dataPages[parquet.Encoding(page.Encoding())]++
	return written, nil
}

// writeNulls writes a leaf column that has nothing but nulls, without a column
// writer: one page whose levels are one run of zeros each.
func (g *rowGroup) writeNulls(rows int) error {
	meta := g.meta.NextColumnChunk()
	p, err := newPageWriter(g, meta)
	if err != nil {
		return err
	}
	run := append(binary.AppendUvarint(nil, uint64(rows)<<1), 0)
	defs, reps := run, run
	if meta.Descr().MaxRepetitionLevel() == 0 {
		reps = nil
	}
	var stats metadata.EncodedStatistics
	stats.SetNullCount(int64(rows))
	data := append(append([]byte{}, reps...), defs...)
	n := int32(rows)
	page := file.NewDataPageV2WithStats(memory.NewBufferBytes(data), n, n, n, parquet.Encodings.Plain, int32(len(defs)), int32(len(reps)),
		int32(len(data)), false, stats)
	defer page.Release()
	if _, err := p.WriteDataPage(page); err != nil {
		return err
	}
	meta.SetStats(stats)
	return p.Close(false, false)
}

// version1 gives the content of a page in version 1, compressed, and its size
// before that: the levels, each with its length before it, and the values.
func (c *compressor) version1(page *file.DataPageV2) (raw int, data []byte) {
	b := page.Data()
	c.raw = c.raw[:0]
	for _, n := range [...]int32{page.RepetitionLevelByteLen(), page.DefinitionLevelByteLen()} {
		if n > 0 {
			c.raw = binary.LittleEndian.AppendUint32(c.raw, uint32(n))
			c.raw = append(c.raw, b[:n]...)
			b = b[n:]
		}
	}
	c.raw = append(c.raw, b...)
	return len(c.raw), c.compress(c.raw)
}

// WriteDictionaryPage compresses and writes the dictionary page.
func (p *pageWriter) WriteDictionaryPage(page *file.DictionaryPage) (int64, error) {
	if p.info.DictPageOffset != 0 {
		return 0, errors.New("a column has one dictionary page")
	}
	start := p.sink.n
	p.info.DictPageOffset = start
	data := p.pages.compress(page.Data())
	header := dictionaryHeader(len(page.Data()), len(data), int(page.NumValues()), int(page.Encoding()))
	if _, err := p.sink.Write(header); err != nil {
		return 0, err
	}
	if _, err := p.sink.Write(data); err != nil {
		return 0, err
	}
	written := p.sink.n - start
	p.info.CompressedSize += written
	p.info.UncompressedSize += int64(len(header) + len(page.Data()))
	p.dictPages[parquet.Encoding(page.Encoding())]++
	return written, nil
}

// Close finishes the column's metadata.
func (p *pageWriter) Close(hasDict, fallback bool) error {
	return p.meta.Finish(p.info, hasDict, fallback, metadata.EncodingStats{DictEncodingStats: p.dictPages, DataEncodingStats: p.dataPages}, nil)
}

// dictionaryHeader gives the header of a dictionary page, a Thrift structure in
// the compact protocol: PageHeader{1: type, 2: uncompressed size, 3: compressed
// size, 7: DictionaryPageHeader{1: number of values, 2: encoding}}.
func dictionaryHeader(uncompressed, compressed, values, encoding int) []byte {
	const i32, structure, stop, dictionaryPage = 5, 12, 0, 2
	b := make([]byte, 0, 32)
	field := func(delta, kind byte) { b = append(b, delta<<4|kind) }
	number := func(v int) {
		field(1, i32)
		b = binary.AppendVarint(b, int64(v)) // zigzag, as Thrift has it
	}
	number(dictionaryPage)
	number(uncompressed)
	number(compressed)
	field(4, structure)
	number(values)
	number(encoding)
	return append(b, stop, stop)
}
