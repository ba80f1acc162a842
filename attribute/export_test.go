package attribute

import "github.com/apache/arrow/go/v15/parquet"

// WriteQuickly makes runs write files without compression until restore is
// called: the writer makes a new compressor for every page, which under the
// race detector takes longer than a small world's attribution.
func WriteQuickly() (restore func()) {
	properties = parquet.NewWriterProperties()
	return func() { properties = fileProperties() }
}
