package attribute

import (
	"database/sql"
	"fmt"
	"slices"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// findWinners takes steps 7 and 8 for the conversions that are asked for, in
// stretches of time that fit the memory, each over the files of touches that
// its windows reach.
func (r *run) findWinners() error {
	if err := r.exec("judged"); err != nil {
		return err
	}
	if err := r.exec("touches"); err != nil {
		return err
	}
	bounds, err := r.stretches()
	if err != nil {
		return err
	}
	for i := range bounds[1:] {
		r.progress(StepTouches, int64(i), int64(len(bounds)-1))
		if err := r.winnersOf(bounds[i], bounds[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// What a pass over the touches takes of the memory, measured with a margin: to
// read them, and for each pair of a conversion and a line item that they are
// looked for.
const (
	passBytes = 90 << 20
	tieBytes  = 400
	leastTies = 250_000
)

// mostTies is how many such pairs one pass looks for; a variable for tests.
var mostTies = func(memory int64) int64 { return max((memory-passBytes)/tieBytes, leastTies) }

// memory is DuckDB's limit, in bytes.
func (r *run) memory() (int64, error) {
	var text, unit string
	var n float64
	if err := r.db.QueryRowContext(r.ctx, statements("memory")).Scan(&text); err != nil {
		return 0, fmt.Errorf("memory limit: %w", err)
	}
	if _, err := fmt.Sscanf(text, "%f %s", &n, &unit); err != nil {
		return 0, fmt.Errorf("memory limit %q: %w", text, err)
	}
	power, ok := map[string]int{"bytes": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}[unit]
	if !ok {
		return 0, fmt.Errorf("memory limit %q is in no unit that is known", text)
	}
	return int64(n * float64(int64(1)<<power)), nil
}

// stretches cuts the time where the conversions up to there are as many as one
// pass over the touches can look for. It gives the bounds, all time in them.
func (r *run) stretches() ([]time.Time, error) {
	bounds := []time.Time{earliest}
	if r.o.Spark != nil { // the memory is the cluster's
		return append(bounds, latest), nil
	}
	memory, err := r.memory()
	if err != nil {
		return nil, err
	}
	ties, err := r.count("ties_count", "the conversions by line item")
	if err != nil {
		return nil, err
	}
	if most := mostTies(memory); ties > most {
		rows, err := r.db.QueryContext(r.ctx, statements("stretches"), most)
		if err != nil {
			return nil, fmt.Errorf("stretches: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			var from time.Time
			if err := rows.Scan(&from); err != nil {
				return nil, fmt.Errorf("stretches: %w", err)
			}
			bounds = append(bounds, from.UTC())
		}
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("stretches: %w", err)
		}
	}
	return append(bounds, latest), nil
}

// winnersOf finds the winners of the conversions of one stretch.
func (r *run) winnersOf(from, until time.Time) error {
	if err := r.exec("sought_asked", from, until); err != nil {
		return err
	}
	var clicksFrom, viewsFrom, to sql.Null[int64]
	if err := r.db.QueryRowContext(r.ctx, statements("bounds")).Scan(&clicksFrom, &viewsFrom, &to); err != nil {
		return fmt.Errorf("bounds of the windows: %w", err)
	}
	reached := func(t schemas.EventType, from sql.Null[int64]) []lake.File {
		if !from.Valid || !to.Valid {
			return nil
		}
		return r.eventFiles(t, from.V, to.V)
	}
	if err := r.matchTouches(reached(schemas.Click, clicksFrom), reached(schemas.Impression, viewsFrom)); err != nil {
		return err
	}
	return r.exec("judged_asked", from, until)
}

// matchTouches finds the winners among the touches in some files for what is
// sought.
func (r *run) matchTouches(clicks, impressions []lake.File) error {
	sought, err := r.count("sought_count", "the conversions sought")
	if err != nil {
		return err
	}
	if sought == 0 {
		clicks, impressions = nil, nil
	}
	if r.o.Spark.takes(clicks, impressions) {
		return r.matchOnSpark(sought, clicks, impressions)
	}
	for _, step := range []func() error{
		func() error { return r.ofLake("click_files", clickSeed, clicks) },
		func() error { return r.ofLake("impression_files", impressionSeed, impressions) },
		func() error { return r.exec("sought_keys") },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	tokens, err := r.count("tokens_count", "the tokens sought")
	if err != nil {
		return err
	}
	candidates := "candidates"
	if tokens == 0 {
		candidates = "candidates_of_users"
	}
	if err := r.exec(candidates); err != nil {
		return err
	}
	return r.exec("winners")
}

// judgeKnown holds the touches that came since the last run against the known
// conversions that they may concern: those after them, within the longest window.
func (r *run) judgeKnown() error {
	until := r.known.until()
	late := func(files []lake.File) []lake.File {
		var out []lake.File
		for _, f := range files {
			if from, _ := timesOf(f); from <= until {
				out = append(out, f)
			}
		}
		return out
	}
	clicks, impressions := late(r.clicks), late(r.impressions)
	first, last := noDay, ""
	if len(clicks)+len(impressions) > 0 {
		from, to := span(append(slices.Clone(clicks), impressions...)...)
		first = dateOf(from)
		last = dateOf(to + schemas.MaxClickMinutes*time.Minute.Microseconds())
	}
	for _, step := range []func() error{
		func() error { return r.ofKnown("reach_files", first, last) },
		func() error { return r.exec("sought_known") },
		func() error { return r.matchTouches(clicks, impressions) },
		func() error { return r.exec("judged_known") },
		func() error { return r.exec("keyed") },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
