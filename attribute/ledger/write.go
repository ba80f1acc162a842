package ledger

import (
	"bufio"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
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

// rowFile is one Parquet file of a dataset being written into a staging folder.
type rowFile struct {
	disk    *disk.Disk
	staged  lake.Staged
	file    *disk.File
	buffer  *bufio.Writer
	sum     hash.Hash
	out     *pqarrow.FileWriter
	batch   *array.RecordBuilder
	column  int // of the row being appended
	batched int
}

// properties are a variable for tests, which write thousands of small files and
// care about nothing but their rows.
var properties = func(plain ...string) *parquet.WriterProperties {
	// For a column that falls back from a dictionary that grew too large the
	// writer lists its encodings in no fixed order, and the same rows would not be
	// the same bytes: columns that may hold many long texts have none.
	var out []parquet.WriterProperty
	for _, column := range plain {
		out = append(out, parquet.WithDictionaryFor(column, false))
	}
	return lake.WriterProperties(out...)
}

// newRowFile begins a file; the columns named have no dictionary.
func newRowFile(staging *lake.Staging, d schemas.Dataset, folder, name string, plain ...string) (*rowFile, error) {
	f, err := staging.Disk().Create(filepath.Join(staging.Dir(), name), lake.FileMode, false)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", folder, err)
	}
	r := &rowFile{
		disk: staging.Disk(), staged: lake.Staged{Folder: folder, Name: name}, file: f, buffer: bufio.NewWriterSize(f, 1<<18), sum: sha256.New(),
		batch: array.NewRecordBuilder(memory.DefaultAllocator, d.ArrowSchema()),
	}
	r.out, err = pqarrow.NewFileWriter(d.ArrowSchema(), io.MultiWriter(r.buffer, r.sum, counter{&r.staged.Bytes}), properties(plain...), pqarrow.DefaultWriterProps())
	if err != nil {
		r.abandon()
		return nil, fmt.Errorf("write %s: %w", folder, err)
	}
	return r, nil
}

// counter counts the bytes written to it.
type counter struct{ n *int64 }

func (c counter) Write(b []byte) (int, error) {
	*c.n += int64(len(b))
	return len(b), nil
}

// next is the next column of the row being appended.
func (r *rowFile) next() array.Builder {
	r.column++
	return r.batch.Field(r.column - 1)
}

func (r *rowFile) text(v sql.Null[string]) {
	if c := r.next().(*array.StringBuilder); v.Valid {
		c.Append(v.V)
	} else {
		c.AppendNull()
	}
}

func (r *rowFile) id(v sql.Null[int64]) {
	if c := r.next().(*array.Int64Builder); v.Valid {
		c.Append(v.V)
	} else {
		c.AppendNull()
	}
}

// instant appends Unix microseconds.
func (r *rowFile) instant(v sql.Null[int64]) {
	if c := r.next().(*array.TimestampBuilder); v.Valid {
		c.Append(arrow.Timestamp(v.V))
	} else {
		c.AppendNull()
	}
}

func (r *rowFile) day(d schemas.Day) error {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return err
	}
	r.next().(*array.Date32Builder).Append(arrow.Date32FromTime(t))
	return nil
}

func (r *rowFile) money(m schemas.Money) {
	r.next().(*array.Decimal128Builder).Append(decimal128.FromI64(int64(m)))
}

// endRow completes the row.
func (r *rowFile) endRow() error {
	r.column = 0
	r.staged.Rows++
	if r.batched++; r.batched == rowGroup {
		return r.flush()
	}
	return nil
}

func (r *rowFile) flush() error {
	if r.batched == 0 {
		return nil
	}
	r.batched = 0
	record := r.batch.NewRecord()
	defer record.Release()
	if err := r.out.Write(record); err != nil {
		return fmt.Errorf("write %s: %w", r.staged.Folder, err)
	}
	return nil
}

// finish completes the file and syncs it.
func (r *rowFile) finish() (lake.Staged, error) {
	err := r.flush()
	if err == nil {
		err = r.out.Close()
	}
	if err == nil {
		err = r.buffer.Flush()
	}
	if err == nil {
		err = r.file.Sync()
	}
	err = errors.Join(err, r.file.Close())
	r.file = nil
	r.abandon()
	if err != nil {
		return lake.Staged{}, fmt.Errorf("write %s: %w", r.staged.Folder, err)
	}
	r.staged.SHA256 = hex.EncodeToString(r.sum.Sum(nil))
	return r.staged, nil
}

// abandon lets go of the file, complete or not. It may follow finish.
func (r *rowFile) abandon() {
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

// text is a text that is there.
func text(s string) sql.Null[string] { return sql.Null[string]{V: s, Valid: true} }

// number is a number that is there.
func number(n int64) sql.Null[int64] { return sql.Null[int64]{V: n, Valid: true} }

// entry is one row of the ledger to be. Times are Unix microseconds.
type entry struct {
	booked         schemas.Day
	businessDay    schemas.Day
	kind           string
	conversionID   sql.Null[string]
	conversionTime sql.Null[int64]
	conversionType sql.Null[string]
	advertiserID   int64
	lineItemID     int64
	pixelID        sql.Null[int64]
	touchID        sql.Null[string]
	amount         schemas.Money
	currency       string
	reason         sql.Null[string]
	reverses       sql.Null[string]
	number         int64
}

// id is the entry's id: see entryID.
func (e *entry) id() string {
	s := plus
	if e.reverses.Valid || e.kind == credit && e.amount < 0 {
		s = minus
	}
	return entryID(e.booked, e.conversionID.V, e.kind, s, e.number)
}

// bookFiles writes entries as one file for each day that has any. They come in
// the order of days, so that one file is open at a time.
type bookFiles struct {
	staging *lake.Staging
	catalog string // the digest of the catalog that the close uses
	days    map[schemas.Day]*ClosedDay
	staged  []lake.Staged
	open    *rowFile
	day     schemas.Day
}

// add writes the next entry.
func (b *bookFiles) add(e *entry) error {
	if b.open == nil || e.booked != b.day {
		if err := b.close(); err != nil {
			return err
		}
		folder := lake.DateFolder(schemas.Ledger, string(e.booked))
		f, err := newRowFile(b.staging, schemas.Ledger, folder, "ledger-"+string(e.booked)+".parquet",
			"entry_id", "conversion_id", "touch_id", "reason", "reverses")
		if err != nil {
			return err
		}
		b.open, b.day = f, e.booked
	}
	f, day := b.open, b.days[e.booked]
	if day == nil {
		return fmt.Errorf("an entry of %s is to be booked under %s, which is not closed now", e.businessDay, e.booked)
	}
	if t := e.conversionTime; t.Valid {
		if f.staged.MinTime == 0 || t.V < f.staged.MinTime {
			f.staged.MinTime = t.V
		}
		f.staged.MaxTime = max(f.staged.MaxTime, t.V)
	}
	day.Entries++
	day.Amounts[e.currency] = day.Amounts[e.currency].plus(e.amount)

	// In the order of schemas.Ledger.
	f.text(text(e.id()))
	if err := f.day(e.businessDay); err != nil {
		return err
	}
	f.text(text(e.kind))
	f.text(e.conversionID)
	f.instant(e.conversionTime)
	f.text(e.conversionType)
	f.id(number(e.advertiserID))
	f.id(number(e.lineItemID))
	f.id(e.pixelID)
	f.text(e.touchID)
	f.money(e.amount)
	f.text(text(e.currency))
	f.text(e.reason)
	f.text(e.reverses)
	f.text(text(b.catalog))
	return f.endRow()
}

func (b *bookFiles) close() error {
	if b.open == nil {
		return nil
	}
	staged, err := b.open.finish()
	b.open = nil
	if err != nil {
		return err
	}
	b.staged = append(b.staged, staged)
	return nil
}

// abandon lets go of a file cut short by an error.
func (b *bookFiles) abandon() {
	if b.open != nil {
		b.open.abandon()
		b.open = nil
	}
}
