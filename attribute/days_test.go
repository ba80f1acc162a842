package attribute

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// Finance compares files by their hash. The same rows are the same bytes, also
// on a day whose ids are too many for a dictionary: how the writer describes
// its columns must not be left to chance.
func TestSameRowsSameBytesOnALargeDay(t *testing.T) {
	defer WriteAsEver()()
	begin := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC).UnixMicro()
	write := func() lake.Staged {
		days := newDayFiles(disk.Real, t.TempDir(), &lake.State{})
		defer days.abandon()
		for i := range 40_000 {
			long := func(what string) string { return fmt.Sprintf("%s-%040d", what, i) }
			c := &conversion{
				id: long("conversion"), time: begin + int64(i), pixelID: sql.Null[int64]{V: int64(i), Valid: true},
				userID: sql.Null[string]{V: long("user"), Valid: true}, orderID: sql.Null[string]{V: long("order"), Valid: true},
				value: sql.Null[int64]{V: int64(i), Valid: true}, other: sql.Null[string]{V: long("other"), Valid: i%2 == 0},
			}
			r := &row{conversion: c, reason: sql.Null[string]{V: repeat, Valid: true}, advertiserID: sql.Null[int64]{V: int64(i), Valid: true}}
			if err := days.add(r); err != nil {
				t.Fatal(err)
			}
		}
		files, err := days.finish()
		if err != nil || len(files) != 1 || files[0].Rows != 40_000 {
			t.Fatalf("files %+v, %v", files, err)
		}
		return files[0]
	}
	first := write()
	for range 4 {
		if again := write(); again != first {
			t.Fatalf("got %+v, want %+v", again, first)
		}
	}
}
