package segment

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/schemas"

	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/metadata"
)

// Readers skip row groups by their bounds, so bounds that are not those of
// their own rows hide rows. Each group has other texts than the one before,
// whose memory it takes over; several batches are at work beside each other.
func TestBoundsAreThoseOfTheirRows(t *testing.T) {
	var all sync.WaitGroup
	for batch := range 4 {
		all.Go(func() { checkBounds(t, batch) })
	}
	all.Wait()
}

func checkBounds(t *testing.T, batch int) {
	dir := t.TempDir()
	b := New(dir, Options{Now: readTime, RowGroup: 24_000, Prefix: fmt.Sprint(batch)})
	src := newSource(t, parse.Pixledger{}, decode.Options{IP: decode.Keep})
	offset := int64(0)
	for i := range 3000 {
		// Up and down, so that a later group's bounds lie within, and outside of, an earlier one's.
		n := fmt.Sprintf("%d-%04d", batch, (i*7919)%3000/(1+i/1000))
		l := line("2026-11-01T10:00:00Z", "/imptr?id=2766&token=t"+n, fmt.Sprintf(`"id":"e%[1]s","uid_got":"uid=u%[1]s","host":"h%[2]d.example","referer":"https://r%[1]s.example/"`, n, i/50))
		if err := b.Append(src, offset, []byte(l)); err != nil {
			t.Error(err)
			return
		}
		offset += int64(len(l)) + 1
	}
	res, err := b.Finish()
	if err != nil || len(res.Files) != 1 {
		t.Errorf("%+v, %v", res, err)
		return
	}
	p := filepath.Join(dir, res.Files[0].Name)
	rows := readFile(t, p, schemas.Events)
	f, err := file.OpenParquetFile(p, false)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	if f.NumRowGroups() < 5 {
		t.Errorf("only %d row groups", f.NumRowGroups())
	}
	for g := range f.NumRowGroups() {
		group := f.MetaData().RowGroup(g)
		own := rows[:group.NumRows()]
		rows = rows[group.NumRows():]
		for _, column := range []string{"user_id", "host", "referer", "token", "edge"} {
			chunk, err := group.ColumnChunk(f.MetaData().Schema.ColumnIndexByName(column))
			if err != nil {
				t.Error(err)
				return
			}
			smallest, largest := own[0][column].(string), own[0][column].(string)
			for _, r := range own {
				smallest, largest = min(smallest, r[column].(string)), max(largest, r[column].(string))
			}
			stats, err := chunk.Statistics()
			if err != nil {
				t.Error(err)
				return
			}
			s := stats.(*metadata.ByteArrayStatistics)
			if got := fmt.Sprintf("%s to %s", s.Min(), s.Max()); got != smallest+" to "+largest {
				t.Errorf("row group %d, %s: the bounds are %s, the rows from %s to %s", g, column, got, smallest, largest)
			}
		}
	}
}
