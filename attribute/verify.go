package attribute

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// Problem is a day on which the live attributions are not those of a fresh
// attribution.
type Problem struct {
	Date string // UTC date of the conversions
	// Pending says that the lake or the catalog has moved on since attributions
	// were last written, so that the next run is expected to change this day.
	// It is no fault. Otherwise the live rows are not what their run decided.
	Pending     bool
	Conversions []Difference // those that differ, by id
}

// Difference is a conversion whose live attribution is not the fresh one.
type Difference struct {
	ConversionID string
	What         string // what it was, and what it is now, in words
}

// String says it in one line, with what to do.
func (p Problem) String() string {
	conversions := fmt.Sprintf("%d conversions are", len(p.Conversions))
	if len(p.Conversions) == 1 {
		conversions = "1 conversion is"
	}
	what := fmt.Sprintf("attributions of %s: %s not as a fresh attribution decides them", p.Date, conversions)
	if len(p.Conversions) > 0 {
		what += fmt.Sprintf(", the first is %s (%s)", p.Conversions[0].ConversionID, p.Conversions[0].What)
	}
	if p.Pending {
		return what + "; pending: run `pixledger attribute`"
	}
	return what + ", although nothing has changed since; run `pixledger rebuild --apply` and look for who wrote there"
}

// Verify holds the live attributions against a fresh one, day by day, and
// changes nothing. It takes no lock. Problems come in the order of days; days
// whose files differ in bytes alone are none.
func Verify(ctx context.Context, o Options) (_ []Problem, err error) {
	if o.TempDir != "" {
		if err := os.MkdirAll(o.TempDir, lake.DirMode); err != nil {
			return nil, fmt.Errorf("verify attributions: %w", err)
		}
	}
	dir, err := os.MkdirTemp(o.TempDir, "pixledger-verify-")
	if err != nil {
		return nil, fmt.Errorf("verify attributions: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w, err := newestWork(o, emptyCache())
	if err != nil {
		return nil, fmt.Errorf("verify attributions: %w", err)
	}
	r, err := compute(ctx, o, w, dir, false)
	if err != nil {
		return nil, fmt.Errorf("verify attributions: %w", err)
	}
	if len(r.changed) == 0 {
		return nil, nil
	}
	pending, err := movedOn(o.Lake, r.state, o.Catalog.Digest)
	if err != nil {
		return nil, fmt.Errorf("verify attributions: %w", err)
	}
	db, err := lakedb.Open(ctx, o.Lake, nil, lakedb.Options{Memory: o.Memory, Threads: o.Threads, TempDir: o.TempDir, TempSize: o.TempSize, Now: o.Now})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var problems []Problem
	for _, day := range r.changed {
		found, err := differences(ctx, db, r.state, day, dir)
		if err != nil {
			return nil, fmt.Errorf("verify attributions of %s: %w", lake.FolderDate(day.Folder), err)
		}
		if len(found) > 0 {
			problems = append(problems, Problem{Date: lake.FolderDate(day.Folder), Pending: pending, Conversions: found})
		}
	}
	return problems, nil
}

// movedOn tells whether events, voids or the catalog are other than when
// attributions were last written.
func movedOn(l *lake.Lake, s *lake.State, catalogDigest string) (bool, error) {
	last, ok := s.Latest[CommitKind]
	if !ok || last.Notes[NoteCatalog] != catalogDigest {
		return true, nil
	}
	read, err := strconv.ParseInt(last.Notes[noteReadSeq], 10, 64)
	if err != nil {
		return false, fmt.Errorf("commit %d: %s is no number: %q", last.Seq, noteReadSeq, last.Notes[noteReadSeq])
	}
	for seq := s.Seq; seq > read; seq-- {
		r, _, err := l.ReadRecord(seq)
		if err != nil {
			return false, err
		}
		if r.Kind == lake.CompactKind || r.Kind == lake.ForgetKind { // the same events in other files
			continue
		}
		for _, f := range r.Add {
			if decides(f.Path) {
				return true, nil
			}
		}
		for _, f := range r.Replace {
			if decides(f.Path + "/") {
				return true, nil
			}
		}
	}
	return false, nil
}

// differences lists the conversions of a day whose live row, in the state
// given, is not the fresh one.
func differences(ctx context.Context, db *lakedb.DB, s *lake.State, day lake.Staged, dir string) ([]Difference, error) {
	live := []any{}
	for _, f := range s.Folder(day.Folder) {
		live = append(live, db.Lake.Path(f.Path))
	}
	if len(live) == 0 { // the empty file with the schema
		for _, p := range s.FilesOf(schemas.Attributions, lake.DateFolder(schemas.Attributions, lake.SeedDate)+"/") {
			live = append(live, db.Lake.Path(p))
		}
	}
	rows, err := db.QueryContext(ctx, statements("differences"), live, []any{filepath.Join(dir, day.Name)})
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Difference
	for rows.Next() {
		var d Difference
		if err := rows.Scan(&d.ConversionID, &d.What); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}
