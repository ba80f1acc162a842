package compact

import (
	"fmt"
	"path"
	"testing"
	"time"

	"pixledger/schemas/lake"
)

// files makes files of a folder: ones of ingestion, and settled ones.
func files(folder string, loose int, looseBytes int64, settled int, settledBytes int64) *lake.State {
	s := &lake.State{Files: map[string]lake.File{}}
	for i := range loose + settled {
		f := lake.File{Path: fmt.Sprintf("%s/c%012d-0.parquet", folder, i+1), Rows: 1, Bytes: looseBytes}
		if i >= loose {
			f.Bytes, f.Settled = settledBytes, true
		}
		s.Files[f.Path] = f
	}
	return s
}

func TestWhatIsDue(t *testing.T) {
	const kb, mb = 1 << 10, 1 << 20
	for _, c := range []struct {
		name  string
		state *lake.State
		files int // that are merged
		all   bool
	}{
		{"a running date with 64 files", files(clicks(today), 64, kb, 0, 0), 0, false},
		{"a running date with 65", files(clicks(today), 65, kb, 0, 0), 65, false},
		{"a date that ended less than 24 h ago", files(clicks("2026-11-11"), 64, kb, 0, 0), 0, false},
		{"a date that is over", files(clicks(yesterday), 2, kb, 0, 0), 2, true},
		{"a date that is over, with one file", files(clicks(yesterday), 1, 500*mb, 0, 0), 1, true},
		{"a settled date", files(clicks(yesterday), 0, 0, 3, 128*mb), 0, false},
		{"a settled date, a little late", files(clicks(yesterday), 3, mb, 3, 128*mb), 0, false},
		{"a settled date, much late", files(clicks(yesterday), 50, mb, 3, 128*mb), 53, true},
		{"a small settled date, late", files(clicks(yesterday), 1, kb, 1, mb), 2, true},
		{"a settled date, little late in many files", files(clicks(yesterday), 70, kb, 1, 128*mb), 70, false},
		{"a large settled date", files(clicks(yesterday), 1, kb, 70, 128*mb), 0, false},
		{"rejects", files("rejects/date="+yesterday, 2, kb, 0, 0), 2, true},
		{"attributions", files("attributions/date="+yesterday, 70, kb, 0, 0), 0, false},
		{"the ledger", files("ledger/booked="+yesterday, 70, kb, 0, 0), 0, false},
		{"voids", files("voids", 70, kb, 0, 0), 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			due := Plan(c.state, testNow)
			got, all := 0, false
			if len(due) > 0 {
				got, all = len(due[0].Files), due[0].Settle
			}
			if got != c.files || all != c.all {
				t.Errorf("%d files are due, settled: %t; want %d, %t", got, all, c.files, c.all)
			}
		})
	}
}

// A date to which a file comes every half minute is compacted every hour. It
// never holds more than 64 files after that, and each row is written again a few
// times, not every hour.
func TestRunningDateIsWrittenAFewTimes(t *testing.T) {
	s := &lake.State{Files: map[string]lake.File{}}
	folder, seq, most := clicks(today), 0, 0
	var came, written int64
	put := func(bytes int64) {
		seq++
		p := fmt.Sprintf("%s/c%012d-0.parquet", folder, seq)
		s.Files[p] = lake.File{Path: p, Bytes: bytes}
	}
	now := time.Date(2026, 11, 12, 0, 40, 0, 0, time.UTC)
	for range 24 {
		for range 120 {
			put(1000)
			came += 1000
		}
		for _, d := range Plan(s, now) {
			for _, f := range d.Files {
				delete(s.Files, f.Path)
			}
			put(d.Bytes())
			written += d.Bytes()
		}
		now = now.Add(time.Hour)
		most = max(most, len(s.Files))
	}
	if most > MostFiles {
		t.Errorf("%d files were left", most)
	}
	if times := float64(written) / float64(came); times > 5 {
		t.Errorf("a row is written again %.1f times", times)
	}
	for p := range s.Files {
		if path.Dir(p) != folder {
			t.Errorf("%s", p)
		}
	}
	t.Logf("%d files at most, each row written again %.1f times", most, float64(written)/float64(came))
}
