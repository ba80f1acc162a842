// Package compact keeps a lake fast: it merges the small files that ingestion
// leaves, so that a lake of a year is read like one of a day.
package compact

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb/rewrite"
)

// Limits of what is left alone.
const (
	// MostFiles is how many files a folder may hold before some are merged.
	MostFiles = 64
	// fewFiles is how many are left at most where more than MostFiles were.
	fewFiles = MostFiles / 2
	// settleAfter is how long a UTC date is over before its folders are settled:
	// nearly all of what comes late has come.
	settleAfter = 24 * time.Hour
	// lateShare is the part of a settled folder's bytes from which on what came
	// late is worth writing the whole of it again, and smallBytes a size at which
	// that costs nothing.
	lateShare  = 0.1
	smallBytes = 8 << 20
)

// Due is a folder with the files that are to be merged now.
type Due struct {
	rewrite.Folder
	Date string
}

// Bytes is the size of the files that are to be merged.
func (d Due) Bytes() int64 { return bytesOf(d.Files) }

// Plan lists the folders of events and rejects in which files are to be merged,
// the oldest date first.
//
// A date that was over for 24 hours is settled: all its files become few, sorted
// by user and time. What comes later is merged into them when it is a tenth of
// them, or when they are small. Of a younger date, and of what came late, files
// are merged when a folder holds more than 64: the smallest, and each larger one
// that is no larger than all of those before it together. A row is so written
// again only into a file that is at least twice as large: a date of n bytes that
// began with files of m costs log2(n/m) times n at most.
func Plan(state *lake.State, now time.Time) []Due {
	folders := map[string][]lake.File{}
	for p, f := range state.Files {
		if strings.HasPrefix(p, schemas.Events.Name+"/") || strings.HasPrefix(p, schemas.Rejects.Name+"/") {
			folders[path.Dir(p)] = append(folders[path.Dir(p)], f)
		}
	}
	var out []Due
	for folder, files := range folders {
		date := lake.FolderDate(folder)
		day, err := time.Parse(time.DateOnly, date)
		if err != nil {
			continue // no folder of a date
		}
		slices.SortFunc(files, func(a, b lake.File) int { return cmp.Compare(a.Path, b.Path) })
		due := Due{Folder: rewrite.Folder{Path: folder}, Date: date}
		if over := now.Sub(day.AddDate(0, 0, 1)); over >= settleAfter && settles(files) {
			due.Files, due.Settle = files, true
		} else {
			due.Files = smallest(files)
		}
		if len(due.Files) > 0 {
			out = append(out, due)
		}
	}
	slices.SortFunc(out, func(a, b Due) int { return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Path, b.Path)) })
	return out
}

// settles tells whether all files of a date that is over are to be brought into
// few.
func settles(files []lake.File) bool {
	var late []lake.File
	for _, f := range files {
		if !f.Settled {
			late = append(late, f)
		}
	}
	all := bytesOf(files)
	switch {
	case len(late) == 0:
		return false
	case len(late) == len(files), all <= smallBytes:
		return true
	}
	return float64(bytesOf(late)) >= lateShare*float64(all)
}

// smallest chooses of more than 64 files those that are merged into one.
func smallest(files []lake.File) []lake.File {
	if len(files) <= MostFiles {
		return nil
	}
	var chosen []lake.File
	for _, f := range files {
		if !f.Settled {
			chosen = append(chosen, f)
		}
	}
	slices.SortStableFunc(chosen, func(a, b lake.File) int { return cmp.Compare(a.Bytes, b.Bytes) })
	var sum int64
	n := 0
	for n < len(chosen) && (chosen[n].Bytes <= sum || len(files)-n >= fewFiles) {
		sum += chosen[n].Bytes
		n++
	}
	if n < 2 { // there is nothing to win
		return nil
	}
	return chosen[:n]
}

func bytesOf(files []lake.File) int64 {
	var n int64
	for _, f := range files {
		n += f.Bytes
	}
	return n
}
