package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"pixledger/report"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// LockName is the lock that writing and delivering take.
const LockName = "export"

// Day is a closed business day, as the ledger has it.
type Day struct {
	Day         schemas.Day
	Sequence    int64     // its number in the ledger, from 1
	From, Until time.Time // its bounds, half-open
	Entries     int64     // booked under it
	// Amounts are the sums of its entries by currency, with six places.
	Amounts map[string]string
	Catalog string // the digest of the catalog that its close used
}

// Options are what exports are written by.
type Options struct {
	Lake *lake.Lake
	// Days are the ledger's closed days from its first on, in order, as far as
	// they are to be exported.
	Days    []Day
	Formats []report.Format // csv first, each once
	Zone    *time.Location  // of the business days
	// Open opens the lake under the catalog of that digest. Write closes what it
	// gives.
	Open func(ctx context.Context, digest string) (*lakedb.DB, *schemas.Catalog, error)
	// Tell is told of each day that was written, or nil.
	Tell func(*Manifest)
}

// FormatsOf gives the formats to write for those that destinations ask for: csv
// always and first, the others in the order in which they are known.
func FormatsOf(asked []string) []report.Format {
	out := []report.Format{report.CSV}
	for _, f := range report.Formats() {
		if f != report.CSV && slices.Contains(asked, string(f)) {
			out = append(out, f)
		}
	}
	return out
}

func exportsFolder(l *lake.Lake) string { return l.Path("_state/exports") }

// dayFolder is where a day's export stands.
func dayFolder(l *lake.Lake, d schemas.Day) string {
	return filepath.Join(exportsFolder(l), string(d))
}

// written lists the days whose exports stand in the lake, in order.
func written(l *lake.Lake) ([]schemas.Day, error) {
	return daysIn(l, exportsFolder(l), func(name string) string { return name })
}

// daysIn lists the days that names in a folder stand for; other names are none.
func daysIn(l *lake.Lake, folder string, dayOf func(name string) string) ([]schemas.Day, error) {
	entries, err := l.Disk().ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []schemas.Day
	for _, e := range entries {
		if d, err := schemas.ParseDay(dayOf(e.Name())); err == nil {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return out, nil
}

// GoneError says that the exports of days are gone, though later ones stand:
// they can't be written anew, for those name their hashes.
type GoneError struct {
	Folder string
	Days   []schemas.Day
}

func (e *GoneError) Error() string {
	return fmt.Sprintf("%s: the exports of %s are gone, though later ones stand; allowed: every day from the first on, put them back from a destination or a backup", e.Folder, spanOf(e.Days))
}

// spanOf names days by the first and the last.
func spanOf(days []schemas.Day) string {
	if len(days) == 1 {
		return string(days[0])
	}
	return fmt.Sprintf("%d days from %s to %s", len(days), days[0], days[len(days)-1])
}

// Write writes the exports of the days that have none yet, from the first on;
// each is whole or not there. The caller holds the lock.
func Write(ctx context.Context, o Options) (err error) {
	have, err := written(o.Lake)
	if err != nil {
		return fmt.Errorf("look for the exports: %w", err)
	}
	todo, err := missing(o, have)
	if err != nil || len(todo) == 0 {
		return err
	}
	w := &writing{Options: o}
	defer func() { err = errors.Join(err, w.close()) }()
	if n := len(have); n > 0 {
		if w.previous, err = readHash(o.Lake, have[n-1]); err != nil {
			return err
		}
	}
	for _, d := range todo {
		if err := w.day(ctx, d); err != nil {
			return fmt.Errorf("export %s: %w", d.Day, err)
		}
	}
	return nil
}

// missing are the days behind the last that was exported.
func missing(o Options, have []schemas.Day) ([]Day, error) {
	var gone []schemas.Day
	for i, d := range o.Days {
		if slices.Contains(have, d.Day) {
			continue
		}
		if len(have) == 0 || d.Day > have[len(have)-1] {
			if len(gone) > 0 {
				break
			}
			return o.Days[i:], nil
		}
		gone = append(gone, d.Day)
	}
	if len(gone) > 0 {
		return nil, &GoneError{exportsFolder(o.Lake), gone}
	}
	return nil, nil
}
