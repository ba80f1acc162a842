package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/xitongsys/parquet-go-source/local"
	"github.com/xitongsys/parquet-go/parquet"
	"github.com/xitongsys/parquet-go/reader"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// checkFile compares a file with its record, where it has one, and reads it
// whole unless it shall only be looked for. The reader is not the one that
// wrote it, so that what it says does not rest on the same mistakes.
func checkFile(path string, d schemas.Dataset, f lake.File, committed, lookOnly bool, lines *commitRows) error {
	fi, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("is missing: %w", err)
	}
	if committed && fi.Size() != f.Bytes {
		return fmt.Errorf("has %d bytes, its commit says %d", fi.Size(), f.Bytes)
	}
	if lookOnly {
		return nil
	}
	if committed {
		sum, err := fileSum(path)
		if err != nil {
			return err
		}
		if sum != f.SHA256 {
			return fmt.Errorf("its content has changed since its commit: SHA-256 %s, not %s", sum, f.SHA256)
		}
	}
	return readBack(path, d, f, lines)
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// readRows is how many rows of a column are held at a time.
const readRows = 16 << 10

// readBack reads every page of a file and counts its rows in every column.
func readBack(path string, d schemas.Dataset, known lake.File, lines *commitRows) (err error) {
	rows := known.Rows
	defer func() {
		if r := recover(); r != nil { // the reader's way to say that a file is damaged
			err = fmt.Errorf("can't be read: %v", r)
		}
	}()
	f, err := local.NewLocalFileReader(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := reader.NewParquetColumnReader(f, 1)
	if err != nil {
		return fmt.Errorf("can't be read: %w", err)
	}
	defer r.ReadStop()
	if n := r.GetNumRows(); n != rows {
		return fmt.Errorf("has %d rows, its commit says %d", n, rows)
	}
	if err := checkColumns(r, d); err != nil {
		return err
	}
	of := lines.file(known.Path)
	for i, leaf := range r.SchemaHandler.ValueColumns {
		if err := readColumn(r, i, columnName(r, leaf), of); err != nil {
			return fmt.Errorf("column %s %w", columnName(r, leaf), err)
		}
	}
	return of.check()
}

// readColumn reads all values of one column, row group by row group.
func readColumn(r *reader.ParquetReader, column int, name string, of *fileRows) error {
	e := r.SchemaHandler.SchemaElements[r.SchemaHandler.MapIndex[r.SchemaHandler.ValueColumns[column]]]
	for g, group := range r.Footer.RowGroups {
		seen := bounds{}
		for left := group.NumRows; left > 0; {
			n, values, err := columnRows(r, int64(column), min(readRows, left))
			if err != nil {
				return fmt.Errorf("can't be read: %w", err)
			}
			if n == 0 {
				return fmt.Errorf("has %d rows that can be read in row group %d, of %d", group.NumRows-left, g, group.NumRows)
			}
			of.take(name, values)
			seen.take(values)
			left -= n
		}
		if e.GetRepetitionType() == parquet.FieldRepetitionType_REPEATED || !flat(r, column) {
			continue // of lists, a null may be a list or in one
		}
		if err := seen.check(e, group.Columns[column].MetaData.Statistics); err != nil {
			return fmt.Errorf("has in row group %d %w", g, err)
		}
	}
	return nil
}

// flat tells whether a leaf column is a column itself, no list or map.
func flat(r *reader.ParquetReader, column int) bool {
	leaf := r.SchemaHandler.ValueColumns[column]
	return strings.Count(leaf, "\x01") == 1
}

// columnRows reads up to n rows of a column and gives how many there were, with
// its values: a row begins where the repetition level is 0.
func columnRows(r *reader.ParquetReader, column, n int64) (int64, []any, error) {
	values, repetition, _, err := r.ReadColumnByIndex(column, n)
	var rows int64
	for _, l := range repetition {
		if l == 0 {
			rows++
		}
	}
	return rows, values, err
}

func columnName(r *reader.ParquetReader, leaf string) string {
	if ex, ok := r.SchemaHandler.InPathToExPath[leaf]; ok {
		parts := strings.Split(ex, "\x01")
		return strings.Join(parts[min(1, len(parts)-1):], ".")
	}
	return leaf
}

// checkColumns compares a file's columns, their order and their types with the
// dataset's.
func checkColumns(r *reader.ParquetReader, d schemas.Dataset) error {
	elements := r.SchemaHandler.SchemaElements
	at := 1 // after the root
	for _, c := range d.Columns {
		if at >= len(elements) {
			return fmt.Errorf("has no column %s", c.Name)
		}
		if name := r.SchemaHandler.Infos[at].ExName; name != c.Name {
			return fmt.Errorf("has a column %s where %s belongs", name, c.Name)
		}
		if !typeFits(c.Type, elements, at) {
			return fmt.Errorf("column %s is no %s", c.Name, c.Type)
		}
		at = after(elements, at)
	}
	if at != len(elements) {
		return fmt.Errorf("has a column %s too much", r.SchemaHandler.Infos[at].ExName)
	}
	return nil
}

// after gives the place of the element that follows the one at i and all below it.
func after(elements []*parquet.SchemaElement, i int) int {
	children := int(elements[i].GetNumChildren())
	for i++; children > 0; children-- {
		i = after(elements, i)
	}
	return i
}

// typeFits tells whether the column at that place has the type.
func typeFits(t schemas.Type, elements []*parquet.SchemaElement, at int) bool {
	e := elements[at]
	physical := func(p parquet.Type) bool { return e.Type != nil && *e.Type == p }
	converted := func(c parquet.ConvertedType) bool { return e.ConvertedType != nil && *e.ConvertedType == c }
	logical := e.GetLogicalType()
	switch t {
	case schemas.Text:
		return physical(parquet.Type_BYTE_ARRAY) && (converted(parquet.ConvertedType_UTF8) || logical.IsSetSTRING())
	case schemas.Time:
		return physical(parquet.Type_INT64) && (converted(parquet.ConvertedType_TIMESTAMP_MICROS) ||
			logical.IsSetTIMESTAMP() && logical.TIMESTAMP.IsAdjustedToUTC && logical.TIMESTAMP.Unit.IsSetMICROS())
	case schemas.Date:
		return physical(parquet.Type_INT32) && converted(parquet.ConvertedType_DATE)
	case schemas.BigInt:
		return physical(parquet.Type_INT64) && (e.ConvertedType == nil || converted(parquet.ConvertedType_INT_64))
	case schemas.SmallInt:
		return physical(parquet.Type_INT32) && converted(parquet.ConvertedType_INT_16)
	case schemas.Boolean:
		return physical(parquet.Type_BOOLEAN)
	case schemas.Decimal:
		return (physical(parquet.Type_INT64) || physical(parquet.Type_FIXED_LEN_BYTE_ARRAY)) &&
			converted(parquet.ConvertedType_DECIMAL) && e.GetPrecision() == schemas.MoneyPrecision && e.GetScale() == schemas.MoneyScale
	case schemas.BigInts, schemas.Texts:
		of := schemas.BigInt
		if t == schemas.Texts {
			of = schemas.Text
		}
		return converted(parquet.ConvertedType_LIST) && at+2 < len(elements) && typeFits(of, elements, at+2)
	case schemas.TextMap:
		return (converted(parquet.ConvertedType_MAP) || logical.IsSetMAP()) && at+3 < len(elements) &&
			typeFits(schemas.Text, elements, at+2) && typeFits(schemas.Text, elements, at+3)
	}
	return false
}
