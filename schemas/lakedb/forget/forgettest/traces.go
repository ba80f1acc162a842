// Package forgettest looks for what should be gone: the bytes of a text in any
// file below a folder, compressed or not.
package forgettest

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v15/parquet/file"
	_ "github.com/duckdb/duckdb-go/v2" // reads what it has written itself
	"github.com/klauspost/compress/zstd"
)

// Traces lists the files below root in whose names, bytes or decompressed
// content one of the texts stands, in whatever case. Of Parquet files every page
// is decompressed, and every value is read by DuckDB too; of a DuckDB file all
// tables are.
func Traces(root string, texts ...string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		holds := func(b []byte) bool {
			b = bytes.ToLower(b)
			for _, t := range texts {
				if bytes.Contains(b, bytes.ToLower([]byte(t))) {
					return true
				}
			}
			return false
		}
		if holds([]byte(e.Name())) {
			found = append(found, p+" (its name)")
		}
		if e.IsDir() {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if holds(b) {
			found = append(found, p+" (its bytes)")
			return nil
		}
		inside, err := contents(p, b)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if holds(inside) {
			found = append(found, p+" (decompressed)")
		}
		return nil
	})
	return found, err
}

// contents is what a file holds behind a compression.
func contents(p string, b []byte) ([]byte, error) {
	switch {
	case strings.HasSuffix(p, ".gz"):
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	case strings.HasSuffix(p, ".zst"):
		r, err := zstd.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	case strings.HasSuffix(p, ".parquet"):
		pages, err := pages(b)
		if err != nil {
			return nil, err
		}
		values, err := values("SELECT CAST(r AS VARCHAR) FROM read_parquet($1, hive_partitioning = false) AS r", p)
		return append(pages, values...), err
	case strings.HasSuffix(p, ".duckdb"):
		return tables(p)
	}
	return nil, nil
}

// pages are the decompressed pages of a Parquet file.
func pages(b []byte) (out []byte, err error) {
	r, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for g := range r.NumRowGroups() {
		for c := range r.MetaData().Schema.NumColumns() {
			p, err := r.RowGroup(g).GetColumnPageReader(c)
			if err != nil {
				return nil, err
			}
			for p.Next() {
				out = append(out, p.Page().Data()...)
			}
			if err := p.Err(); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

var duck = sync.OnceValues(func() (*sql.DB, error) {
	db, err := sql.Open("duckdb", "")
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
})

func values(query string, args ...any) ([]byte, error) {
	db, err := duck()
	if err != nil {
		return nil, err
	}
	rows, err := db.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []byte
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(append(out, s.String...), '\n')
	}
	return out, rows.Err()
}

// tables is all that a DuckDB file's tables hold.
func tables(p string) ([]byte, error) {
	db, err := sql.Open("duckdb", p+"?access_mode=read_only")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	ctx := context.Background()
	rows, err := db.QueryContext(ctx, "SELECT table_name FROM duckdb_tables()")
	if err != nil {
		return nil, err
	}
	var names []string
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		names = append(names, n)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	var out []byte
	for _, n := range names {
		var text sql.NullString
		if err := db.QueryRowContext(ctx, "SELECT string_agg(CAST(r AS VARCHAR), chr(10)) FROM query_table($1) AS r", n).Scan(&text); err != nil {
			return nil, err
		}
		out = append(append(out, text.String...), '\n')
	}
	return out, nil
}
