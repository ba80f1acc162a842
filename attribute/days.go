package attribute

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// A day is written in two steps: what is known of its conversions, for the next
// run, and from that its attributions. DuckDB writes both, in the order of time
// and id: the same rows are the same bytes, whatever the number of threads.

// writeDays writes the days of which something changes, and keeps the
// attributions of those that differ from what is live.
func (r *run) writeDays() error {
	days, err := r.changedDays()
	if err != nil {
		return err
	}
	live := liveDays(r.state)
	done := int64(0)
	for _, date := range slices.Sorted(maps.Keys(days)) {
		write := func() error { return r.writeDay(date, days[date], live[date]) }
		if date < r.frozen {
			write = func() error { return r.writeFrozenDay(date, days[date], live[date]) }
		}
		if err := write(); err != nil {
			return fmt.Errorf("attributions of %s: %w", date, err)
		}
		done++
		r.progress(StepWrite, done, int64(len(days)))
	}
	return nil
}

// changedDays gives the days to be written, and whether what is known of them
// changes too.
func (r *run) changedDays() (map[string]bool, error) {
	rows, err := r.db.QueryContext(r.ctx, statements("days"))
	if err != nil {
		return nil, fmt.Errorf("days: %w", err)
	}
	defer rows.Close()
	days := map[string]bool{}
	for rows.Next() {
		var day time.Time
		var known bool
		if err := rows.Scan(&day, &known); err != nil {
			return nil, fmt.Errorf("days: %w", err)
		}
		date := day.Format(time.DateOnly)
		days[date] = days[date] || known
	}
	for _, date := range r.stale {
		days[date] = days[date] || false
	}
	return days, rows.Err()
}

// writeDay writes one day. known says that what is known of it changes.
func (r *run) writeDay(date string, known bool, live []lake.File) error {
	day := &dayOf{path: r.none}
	if was := r.known.Days[date]; was != nil {
		*day = *was
	}
	if err := r.files("day_files", r.none, []string{day.path}); err != nil {
		return err
	}
	if known || day.path == r.none {
		if err := r.writeKnown(date, day, "known_of_day"); err != nil {
			return err
		}
		if err := r.files("day_files", r.none, []string{day.path}); err != nil {
			return err
		}
	}
	written := r.written("attributions", date)
	if err := r.exec("attributions_of_day", written); err != nil {
		return err
	}
	return r.finishDay(date, day, written, live)
}

// written is where DuckDB writes something of a day.
func (r *run) written(what, date string) string {
	return filepath.Join(r.scratch, what+"-"+date+".parquet")
}

// writeKnown writes what is known of a day's conversions, by known_of_day.sql
// from the day's files, or by known_frozen.sql from attributions.
func (r *run) writeKnown(date string, day *dayOf, by string, attributions ...any) error {
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return err
	}
	day.path = r.written("known", date)
	args := []any{at, at.AddDate(0, 0, 1), day.path}
	if day.Frozen = by == "known_frozen"; day.Frozen {
		args = []any{attributions, day.path}
	}
	if err := r.exec(by, args...); err != nil || !r.keep {
		return err
	}
	sum, bytes, err := r.hash(day.path)
	if err != nil {
		return err
	}
	day.File, day.Bytes = date+"-"+sum[:16]+".parquet", bytes
	if err := r.o.Lake.Disk().MkdirAll(r.o.Lake.Path(cacheFolder), lake.DirMode); err != nil {
		return err
	}
	written := day.path
	day.path = cachePath(r.o.Lake, day.File)
	return errors.Join(r.copy(written, day.path), r.o.Lake.Disk().Remove(written))
}

// finishDay takes in a day's attributions that DuckDB has written.
func (r *run) finishDay(date string, day *dayOf, written string, live []lake.File) error {
	if err := r.sumUp(written, day); err != nil {
		return err
	}
	sum, bytes, err := r.hash(written)
	if err != nil {
		return err
	}
	day.SHA256 = sum
	r.out.cache.Days[date] = day
	same, err := r.isLive(live, sum)
	if err != nil {
		return err
	}
	if !same {
		if err := r.copy(written, filepath.Join(r.dir, fileName(date))); err != nil {
			return err
		}
		r.out.changed = append(r.out.changed, lake.Staged{
			Folder: lake.DateFolder(schemas.Attributions, date), Name: fileName(date),
			Rows: day.Rows, Bytes: bytes, SHA256: sum, MinTime: day.firstTime, MaxTime: day.LastTime,
		})
	}
	return r.o.Lake.Disk().Remove(written)
}

// isLive tells whether a day's live attributions are one file of that content.
// A full run goes by the file itself, so that one that was spoilt is mended.
func (r *run) isLive(live []lake.File, sum string) (bool, error) {
	if len(live) != 1 || live[0].SHA256 != sum {
		return false, nil
	}
	if !r.o.Full {
		return true, nil
	}
	found, _, err := r.hash(r.o.Lake.Path(live[0].Path))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return found == sum, err
}

func fileName(date string) string { return "attributions-" + date + ".parquet" }

// sumUp adds up the attributions in a file.
func (r *run) sumUp(file string, day *dayOf) error {
	rows, err := r.db.QueryContext(r.ctx, statements("sums_of_day"), file)
	if err != nil {
		return fmt.Errorf("sums: %w", err)
	}
	defer rows.Close()
	day.Rows, day.LastTime, day.firstTime = 0, 0, 0
	day.Sums = sums{Reasons: map[string]int64{}, Revenue: map[string]int64{}}
	for rows.Next() {
		var reason, conversionType, currency, revenue string
		var rateMissing bool
		var n, first, last int64
		if err := rows.Scan(&reason, &conversionType, &currency, &rateMissing, &n, &revenue, &first, &last); err != nil {
			return fmt.Errorf("sums: %w", err)
		}
		if day.Rows == 0 || first < day.firstTime {
			day.firstTime = first
		}
		day.Rows += n
		day.LastTime = max(day.LastTime, last)
		if reason != "" {
			day.Sums.Reasons[reason] += n
			continue
		}
		day.Sums.Attributed += n
		if conversionType == "post_click" {
			day.Sums.PostClick += n
		} else {
			day.Sums.PostView += n
		}
		if rateMissing {
			day.Sums.RateMissing += n
		}
		day.Sums.Revenue[currency] = addUp(day.Sums.Revenue[currency], revenue)
	}
	return rows.Err()
}

// hash gives the SHA-256 of a file, in hex, and its length.
func (r *run) hash(file string) (string, int64, error) {
	in, err := os.Open(file)
	if err != nil {
		return "", 0, err
	}
	defer in.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, in)
	return hex.EncodeToString(sum.Sum(nil)), n, err
}

// copy puts what DuckDB has written where it is kept, synced, by the one way by
// which the lake is changed.
func (r *run) copy(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	var out *disk.File
	if out, err = r.o.Lake.Disk().Create(to, lake.FileMode, false); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, bufio.NewReaderSize(in, 1<<18)); err != nil {
		return err
	}
	return out.Sync()
}
