package attribute

import (
	"fmt"
	"path/filepath"
	"slices"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// When retention has erased events, the decisions that may have rested on them
// are frozen: their attributions stay, but for voids, and steps 9 and 10 of
// later conversions go by them. Of a frozen conversion without a user id whose
// touch had one, that user is not known any more.

// freeze learns from their attributions what is to be known of the days that
// have been frozen since the last run.
func (r *run) freeze() error {
	live := liveDays(r.state)
	for _, date := range r.unfrozen {
		day := &dayOf{}
		files := r.attributions(live[date])
		if err := r.writeKnown(date, day, "known_frozen", files...); err != nil {
			return fmt.Errorf("freeze %s: %w", date, err)
		}
		if len(live[date]) == 1 {
			day.SHA256 = live[date][0].SHA256
			if err := r.sumUp(r.o.Lake.Path(live[date][0].Path), day); err != nil {
				return fmt.Errorf("freeze %s: %w", date, err)
			}
		}
		r.known.Days[date], r.out.cache.Days[date] = day, day
	}
	return nil
}

// attributions are the paths of a day's files, the empty one with them.
func (r *run) attributions(live []lake.File) []any {
	paths := []any{r.o.Lake.Path(lake.SeedFile(lake.DateFolder(schemas.Attributions, lake.SeedDate)))}
	for _, f := range live {
		paths = append(paths, r.o.Lake.Path(f.Path))
	}
	return paths
}

// writeFrozenDay writes a frozen day: its rows as they are, voids aside, and
// those of conversions that have come since, which are frozen from then on.
// came says that there are any.
func (r *run) writeFrozenDay(date string, came bool, live []lake.File) error {
	rows := r.attributions(live)
	if came {
		part := &dayOf{}
		if err := r.files("day_files", r.none, nil); err != nil {
			return err
		}
		keep := r.keep
		r.keep = false
		err := r.writeKnown(date, part, "known_of_day")
		if r.keep = keep; err != nil {
			return err
		}
		if err := r.files("day_files", r.none, []string{part.path}); err != nil {
			return err
		}
		came := r.written("came", date)
		if err := r.exec("attributions_of_day", came); err != nil {
			return err
		}
		rows = append(slices.Clip(rows), came)
	}
	written := filepath.Join(r.scratch, fileName(date))
	if err := r.exec("frozen_of_day", rows, written); err != nil {
		return err
	}
	day := &dayOf{}
	if err := r.writeKnown(date, day, "known_frozen", written); err != nil {
		return err
	}
	return r.finishDay(date, day, written, live)
}
