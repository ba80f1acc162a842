package attribute

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// rowGroup is the number of rows of a row group, and of a batch in memory. It
// is part of what makes the same rows the same bytes.
const rowGroup = 1 << 16

// dayFiles writes attributions as one Parquet file for each UTC date of the
// conversion, and keeps those that differ from what is live. Rows come in the
// order of time, so that one file is open at a time.
type dayFiles struct {
	disk    *disk.Disk
	dir     string
	live    map[string][]lake.File // by date
	seen    map[string]bool        // dates with rows
	changed []lake.Staged

	open  *dayFile
	day   int64 // of the open file, in days since 1970
	batch *array.RecordBuilder
}

// dayFile is one file being written.
type dayFile struct {
	date   string
	file   *disk.File
	buffer *bufio.Writer
	sum    hash.Hash
	bytes  int64
	rows   int64
	min    int64
	max    int64
	out    *pqarrow.FileWriter
}

func newDayFiles(on *disk.Disk, dir string, state *lake.State) *dayFiles {
	d := &dayFiles{
		disk: on, dir: dir, live: map[string][]lake.File{}, seen: map[string]bool{},
		batch: array.NewRecordBuilder(memory.DefaultAllocator, schemas.Attributions.ArrowSchema()),
	}
	for p, f := range state.Files {
		if date := lake.FolderDate(p); p == lake.DateFolder(schemas.Attributions, date)+"/"+filepath.Base(p) {
			d.live[date] = append(d.live[date], f)
		}
	}
	return d
}

const microsPerDay = 24 * 60 * 60 * 1_000_000

// add writes the next row.
func (d *dayFiles) add(r *row) error {
	if day := r.time / microsPerDay; d.open == nil || day != d.day {
		if err := d.close(); err != nil {
			return err
		}
		if err := d.begin(time.UnixMicro(r.time).UTC().Format(time.DateOnly)); err != nil {
			return err
		}
		d.day, d.open.min = day, r.time
	}
	appendRow(d.batch, r)
	d.open.rows++
	d.open.max = r.time
	if d.open.rows%rowGroup == 0 {
		return d.flush()
	}
	return nil
}

// finish gives the files of the days that differ from the live ones. A live
// day that has lost all its conversions becomes an empty file.
func (d *dayFiles) finish() ([]lake.Staged, error) {
	if err := d.close(); err != nil {
		return nil, err
	}
	for date := range d.live {
		if d.seen[date] {
			continue
		}
		if err := d.begin(date); err != nil {
			return nil, err
		}
		if err := d.close(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(d.changed, func(a, b lake.Staged) int {
		if a.Folder < b.Folder {
			return -1
		}
		return 1
	})
	return d.changed, nil
}

// abandon lets go of a file cut short by an error. It may follow finish.
func (d *dayFiles) abandon() {
	if d.open != nil {
		_ = d.open.file.Close()
		d.open = nil
	}
	d.batch.Release()
}

func (d *dayFiles) begin(date string) error {
	f, err := d.disk.Create(filepath.Join(d.dir, fileName(date)), lake.FileMode, false)
	if err != nil {
		return fmt.Errorf("write attributions of %s: %w", date, err)
	}
	d.open = &dayFile{date: date, file: f, buffer: bufio.NewWriterSize(f, 1<<18), sum: sha256.New()}
	d.seen[date] = true
	d.open.out, err = pqarrow.NewFileWriter(schemas.Attributions.ArrowSchema(), io.MultiWriter(d.open.buffer, d.open.sum, counter{&d.open.bytes}),
		properties, pqarrow.DefaultWriterProps())
	if err != nil {
		return fmt.Errorf("write attributions of %s: %w", date, err)
	}
	return nil
}

// properties are a variable for the tests of decisions alone, which write
// thousands of files and care about nothing but their rows.
var properties = fileProperties()

// fileProperties leave out the dictionaries that could grow too large. For a
// column that falls back from one, the writer lists its encodings in no fixed
// order, and the same rows would not be the same bytes. The dictionaries of
// numbers and of the few words can't grow so far within a row group.
func fileProperties() *parquet.WriterProperties {
	var plain []parquet.WriterProperty
	for _, column := range []string{"conversion_id", "user_id", "order_id", "other", "touch_id"} {
		plain = append(plain, parquet.WithDictionaryFor(column, false))
	}
	return lake.WriterProperties(plain...)
}

func fileName(date string) string { return "attributions-" + date + ".parquet" }

// counter counts the bytes written to it.
type counter struct{ n *int64 }

func (c counter) Write(b []byte) (int, error) {
	*c.n += int64(len(b))
	return len(b), nil
}

func (d *dayFiles) flush() error {
	record := d.batch.NewRecord()
	defer record.Release()
	if record.NumRows() == 0 {
		return nil
	}
	if err := d.open.out.Write(record); err != nil {
		return fmt.Errorf("write attributions of %s: %w", d.open.date, err)
	}
	return nil
}

// close completes the open file and keeps it, synced, if it is not what is
// live already.
func (d *dayFiles) close() error {
	o := d.open
	if o == nil {
		return nil
	}
	if err := d.flush(); err != nil {
		return err
	}
	err := o.out.Close()
	if err == nil {
		err = o.buffer.Flush()
	}
	sum := hex.EncodeToString(o.sum.Sum(nil))
	live := d.live[o.date]
	same := len(live) == 1 && live[0].SHA256 == sum
	if err == nil && !same {
		err = o.file.Sync()
	}
	d.open = nil
	err = errors.Join(err, o.file.Close())
	if same {
		err = errors.Join(err, d.disk.Remove(o.file.Name()))
	}
	if err != nil {
		return fmt.Errorf("write attributions of %s: %w", o.date, err)
	}
	if !same {
		d.changed = append(d.changed, lake.Staged{
			Folder: lake.DateFolder(schemas.Attributions, o.date), Name: fileName(o.date),
			Rows: o.rows, Bytes: o.bytes, SHA256: sum, MinTime: o.min, MaxTime: o.max,
		})
	}
	return nil
}

// appendRow adds a row to the batch, in the order of schemas.Attributions.
func appendRow(b *array.RecordBuilder, r *row) {
	next := 0
	column := func() array.Builder { next++; return b.Field(next - 1) }
	text := func(s string, valid bool) {
		if c := column().(*array.StringBuilder); valid {
			c.Append(s)
		} else {
			c.AppendNull()
		}
	}
	id := func(n int64, valid bool) {
		if c := column().(*array.Int64Builder); valid {
			c.Append(n)
		} else {
			c.AppendNull()
		}
	}
	instant := func(t int64, valid bool) {
		if c := column().(*array.TimestampBuilder); valid {
			c.Append(arrow.Timestamp(t))
		} else {
			c.AppendNull()
		}
	}
	money := func(m int64, valid bool) {
		if c := column().(*array.Decimal128Builder); valid {
			c.Append(decimal128.FromI64(m))
		} else {
			c.AppendNull()
		}
	}
	flag := func(v bool) { column().(*array.BooleanBuilder).Append(v) }

	won := !r.reason.Valid
	outcome, tracker := unattributed, &schemas.Tracker{}
	if won {
		outcome, tracker = attributed, r.tracker
	}
	text(r.id, true)
	instant(r.time, true)
	id(r.pixelID.V, r.pixelID.Valid)
	id(r.advertiserID.V, r.advertiserID.Valid)
	text(r.userID.V, r.userID.Valid)
	text(r.orderID.V, r.orderID.Valid)
	money(r.value.V, r.value.Valid)
	text(r.other.V, r.other.Valid)
	flag(r.serverSide)
	text(outcome, true)
	text(r.reason.V, r.reason.Valid)
	text(r.conversionType.V, r.conversionType.Valid)
	text(r.touchID.V, won)
	instant(r.touchTime.V, won)
	id(tracker.ID, won)
	id(tracker.LineItemID, won)
	id(tracker.CreativeID, won && tracker.CreativeID != 0)
	id(tracker.PublisherID, won && tracker.PublisherID != 0)
	money(int64(r.bookedRevenue), true)
	text(r.currency.V, r.currency.Valid)
	flag(r.rateMissing)
}
