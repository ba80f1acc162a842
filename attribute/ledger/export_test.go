package ledger

import "github.com/apache/arrow/go/v15/parquet"

// WriteQuickly makes closes write files without compression: the writer makes
// a new compressor for every page, which under the race detector takes longer
// than a small world's close.
func WriteQuickly() (restore func()) {
	as := properties
	properties = func(...string) *parquet.WriterProperties { return parquet.NewWriterProperties() }
	return func() { properties = as }
}

// PageRows makes closes read so many entries at a time.
func PageRows(n int64) (restore func()) {
	as := pageRows
	pageRows = n
	return func() { pageRows = as }
}

// EntryID is entryID.
var EntryID = entryID
