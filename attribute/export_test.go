package attribute

import "github.com/apache/arrow/go/v15/parquet"

// WriteQuickly makes runs write files without compression: the writer makes a
// new compressor for every page, which under the race detector takes longer
// than a small world's attribution.
func WriteQuickly() { properties = parquet.NewWriterProperties() }

// WriteAsEver makes runs write files as they always do, until restore is called.
func WriteAsEver() (restore func()) {
	quick := properties
	properties = fileProperties()
	return func() { properties = quick }
}
