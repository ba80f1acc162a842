package segment

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/metadata"
	"github.com/klauspost/compress/zstd"
)

// magic stands at both ends of a Parquet file.
const magic = "PAR1"

// fileWriter puts row groups into a Parquet file. The schema and the metadata
// are arrow's, the pages our own: they are made of a column's values in one
// step, and one ZSTD encoder packs them all. (arrow's column writers go over
// the values several times and allocate for each page, an encoder too.)
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
	// A longer window than a page is of no use. Ids in hex repeat nowhere and
	// still have but four bits a letter: entropy counts.
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(pageBytes),
		zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false), zstd.WithAllLitEntropyCompression(true))
	if err != nil {
		panic(err) // of the options, which are constant
	}
	return &compressor{zstd: z}
}

// compress gives what stands in raw, compressed; it holds until the next call.
func (c *compressor) compress() []byte {
	c.out = c.zstd.EncodeAll(c.raw, c.out[:0])
	return c.out
}

// leafWriter writes the pages of one leaf column of a row group. They are of
// version 1, which every reader knows.
type leafWriter struct {
	leaf
	sink  *sink
	pages *compressor
	meta  *metadata.ColumnChunkMetaDataBuilder
	info  metadata.ChunkMetaInfo

	dataPages int32
	written   int // values
}

// nextLeaf begins the next leaf column, with its dictionary where it has one;
// the one before it must be finished.
func (g *rowGroup) nextLeaf(l leaf) (*leafWriter, error) {
	w := &leafWriter{
		leaf: l, sink: g.file.sink, pages: g.pages, meta: g.meta.NextColumnChunk(),
		info: metadata.ChunkMetaInfo{IndexPageOffset: -1},
	}
	if len(l.numbers) == 0 {
		return w, nil
	}
	w.info.DictPageOffset = w.sink.n
	w.pages.raw = l.appendDictionary(w.pages.raw[:0])
	return w, w.put(dictionaryPage, l.words(), parquet.Encodings.Plain)
}

// page writes the values from lo to hi as a page with the levels, of which
// there are n where the column has any.
func (w *leafWriter) page(n, lo, hi int, s *levels) error {
	b := w.pages.raw[:0]
	if w.lists {
		b = appendLevels(b, s.reps, 1)
	}
	if w.full > 0 {
		b = appendLevels(b, s.defs, bits.Len8(w.full))
	}
	w.pages.raw = w.values(b, lo, hi, s)
	w.written += hi - lo
	return w.dataPage(n, w.encoding())
}

// appendLevels appends levels with their length in bytes before them.
func appendLevels(dst []byte, levels []uint8, width int) []byte {
	start := len(dst)
	dst = appendHybrid(append(dst, 0, 0, 0, 0), levels, width)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

func (w *leafWriter) dataPage(n int, encoding parquet.Encoding) error {
	if w.dataPages == 0 {
		w.info.DataPageOffset = w.sink.n
	}
	w.dataPages++
	w.info.NumValues += int64(n)
	return w.put(dataPage, n, encoding)
}

// put compresses what stands in raw and writes it as a page.
func (w *leafWriter) put(kind, values int, encoding parquet.Encoding) error {
	raw := w.pages.raw
	data := w.pages.compress()
	header := pageHeader(kind, len(raw), len(data), values, int(encoding))
	w.info.CompressedSize += int64(len(header) + len(data))
	w.info.UncompressedSize += int64(len(header) + len(raw))
	if _, err := w.sink.Write(header); err != nil {
		return err
	}
	_, err := w.sink.Write(data)
	return err
}

// finish finishes the column's metadata.
func (w *leafWriter) finish() error {
	return w.finishWith(w.encoding(), w.stats(int(w.info.NumValues)-w.written))
}

func (w *leafWriter) finishWith(encoding parquet.Encoding, stats metadata.EncodedStatistics) error {
	if stats.IsSet() {
		w.meta.SetStats(stats)
	}
	encodings := metadata.EncodingStats{DataEncodingStats: map[parquet.Encoding]int32{encoding: w.dataPages}}
	if w.info.DictPageOffset > 0 {
		encodings.DictEncodingStats = map[parquet.Encoding]int32{parquet.Encodings.Plain: 1}
	}
	return w.meta.Finish(w.info, w.info.DictPageOffset > 0, false, encodings, nil)
}

// writeNulls writes a leaf column that has nothing but nulls: one page whose
// levels are one run of zeros each.
func (g *rowGroup) writeNulls(rows int) error {
	w, err := g.nextLeaf(leaf{})
	if err != nil {
		return err
	}
	run := append(binary.AppendUvarint(nil, uint64(rows)<<1), 0)
	b := w.pages.raw[:0]
	for range min(1, w.meta.Descr().MaxRepetitionLevel()) + 1 {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(run)))
		b = append(b, run...)
	}
	w.pages.raw = b
	if err := w.dataPage(rows, parquet.Encodings.Plain); err != nil {
		return err
	}
	var stats metadata.EncodedStatistics
	stats.SetNullCount(int64(rows))
	return w.finishWith(parquet.Encodings.Plain, stats)
}

// Kinds of pages, as Parquet numbers them.
const (
	dataPage       = 0
	dictionaryPage = 2
)

// pageHeader gives the header of a page, a Thrift structure in the compact
// protocol: PageHeader{1: type, 2: uncompressed size, 3: compressed size, 5:
// DataPageHeader{1: number of values, 2: encoding, 3 and 4: encodings of the
// levels} or 7: DictionaryPageHeader{1: number of values, 2: encoding}}.
func pageHeader(kind, uncompressed, compressed, values, encoding int) []byte {
	const i32, structure, stop = 5, 12, 0
	b := make([]byte, 0, 48)
	field := func(delta, kind byte) { b = append(b, delta<<4|kind) }
	number := func(v int) {
		field(1, i32)
		b = binary.AppendVarint(b, int64(v)) // zigzag, as Thrift has it
	}
	number(kind)
	number(uncompressed)
	number(compressed)
	if kind == dictionaryPage {
		field(4, structure)
	} else {
		field(2, structure)
	}
	number(values)
	number(encoding)
	if kind == dataPage {
		number(int(parquet.Encodings.RLE))
		number(int(parquet.Encodings.RLE))
	}
	return append(b, stop, stop)
}
