package segment

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/metadata"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
)

// TestBounds compares the bounds of the texts of each row group with what
// stands in it: readers pass row groups over by them.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	b := New(dir, Options{Now: time.Unix(1793600000, 0), RowGroup: 128 << 10})
	src := newSource(t, parse.Pixledger{}, decode.Options{HonorGPC: true})
	for i, line := range benchLines(6000) {
		if err := b.Append(src, int64(i)*1000, line); err != nil {
			t.Fatal(err)
		}
	}
	res, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	several := false
	for folder, rows := range readResult(t, dir, res) {
		for _, f := range res.Files {
			if f.Folder != folder || f.MinTime == 0 {
				continue
			}
			r, err := file.OpenParquetFile(filepath.Join(dir, f.Name), false)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			several = several || r.NumRowGroups() > 1
			for g := range r.NumRowGroups() {
				meta := r.MetaData().RowGroup(g)
				here := rows[:meta.NumRows()]
				rows = rows[meta.NumRows():]
				for _, name := range []string{"user_id", "referer", "user_agent", "ip"} {
					chunk, err := meta.ColumnChunk(r.MetaData().Schema.ColumnIndexByName(name))
					if err != nil {
						t.Fatal(err)
					}
					stats, err := chunk.Statistics()
					if err != nil {
						t.Fatal(err)
					}
					var smallest, largest string
					for _, row := range here {
						if v, ok := row[name].(string); ok {
							if smallest == "" || v < smallest {
								smallest = v
							}
							largest = max(largest, v)
						}
					}
					s := stats.(*metadata.ByteArrayStatistics)
					if string(s.Min()) != smallest || string(s.Max()) != largest {
						t.Errorf("%s, row group %d, %s: from %q to %q, not from %q to %q", folder, g, name, s.Min(), s.Max(), smallest, largest)
					}
				}
			}
		}
	}
	if !several {
		t.Error("no file has two row groups")
	}
}
