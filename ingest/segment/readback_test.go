package segment

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/schemas"

	"github.com/xitongsys/parquet-go-source/local"
	"github.com/xitongsys/parquet-go/reader"
)

// row is one row as an independent reader of Parquet sees it: integers and
// decimals as int64, lists as []any, maps as map[string]string, nulls as nil.
type row map[string]any

// readFile reads every value of every column of a file with xitongsys/parquet-go.
func readFile(t testing.TB, path string, d schemas.Dataset) []row {
	t.Helper()
	f, err := local.NewLocalFileReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := reader.NewParquetColumnReader(f, 1)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer r.ReadStop()
	rows := make([]row, r.GetNumRows())
	for i := range rows {
		rows[i] = row{}
	}
	leaf := int64(-1)
	next := func() int64 { leaf++; return leaf }
	for _, c := range d.Columns {
		switch c.Type {
		case schemas.BigInts, schemas.Texts:
			for i, list := range readList(t, r, next(), 3, len(rows)) {
				if list != nil {
					rows[i][c.Name] = list
				}
			}
		case schemas.TextMap:
			keys := readList(t, r, next(), 2, len(rows))
			values := readList(t, r, next(), 3, len(rows))
			for i := range rows {
				if keys[i] == nil {
					continue
				}
				m := map[string]string{}
				for k := range keys[i] {
					m[keys[i][k].(string)] = values[i][k].(string)
				}
				if len(m) != len(keys[i]) {
					t.Errorf("row %d: a parameter stands twice: %v", i, keys[i])
				}
				rows[i][c.Name] = m
			}
		default:
			values, _, _, err := r.ReadColumnByIndex(next(), int64(len(rows)))
			if err != nil || len(values) != len(rows) {
				t.Fatalf("%s: column %s: %d of %d values, %v", path, c.Name, len(values), len(rows), err)
			}
			for i, v := range values {
				if v32, ok := v.(int32); ok {
					v = int64(v32)
				}
				if v != nil {
					rows[i][c.Name] = v
				}
			}
		}
	}
	return rows
}

// readList reads one leaf of a list or map; full is the definition level of a
// value. A null list is nil.
func readList(t testing.TB, r *reader.ParquetReader, leaf int64, full int32, rows int) [][]any {
	t.Helper()
	values, reps, defs, err := r.ReadColumnByIndex(leaf, int64(rows))
	if err != nil {
		t.Fatalf("leaf %d: %v", leaf, err)
	}
	var lists [][]any
	for i, v := range values {
		if reps[i] == 0 {
			lists = append(lists, nil)
			if defs[i] == 0 {
				continue
			}
		}
		last := &lists[len(lists)-1]
		if defs[i] < full {
			v = nil
		}
		*last = append(*last, v)
	}
	if len(lists) != rows {
		t.Fatalf("leaf %d: %d lists in %d rows", leaf, len(lists), rows)
	}
	return lists
}

// readResult reads all rows of a result's files, by folder, in their order.
func readResult(t testing.TB, dir string, res *Result) map[string][]row {
	t.Helper()
	all := map[string][]row{}
	for _, f := range res.Files {
		d := schemas.Events
		if strings.HasPrefix(f.Folder, "rejects/") {
			d = schemas.Rejects
		}
		path := filepath.Join(dir, f.Name)
		rows := readFile(t, path, d)
		if int64(len(rows)) != f.Rows {
			t.Errorf("%s: %d rows, not %d", f.Name, len(rows), f.Rows)
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() != f.Bytes || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v, %v", f.Name, info, err)
		}
		all[f.Folder] = append(all[f.Folder], rows...)
	}
	return all
}

func (r row) String() string { return fmt.Sprint(map[string]any(r)) }
