package forget

import (
	"context"
	"crypto/rand"
	_ "embed" // the statements
	"errors"
	"fmt"
	"slices"
	"strings"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

//go:embed sql/theirs.sql
var theirsSQL string

//go:embed sql/rivals.sql
var rivalsSQL string

// settle makes the pseudonyms of the names sort as their ids do, where that
// decides anything: of several lines of one conversion that agree in time, offset
// and order, the one of the smaller user counts.
func (f *forgetting) settle(ctx context.Context, state *lake.State, s *search) (err error) {
	if !slices.ContainsFunc(s.names, func(n name) bool { return !n.Settled }) {
		return nil
	}
	rivals, err := f.rivals(ctx, state, s)
	if err != nil {
		return err
	}
	standsFor := map[string]string{} // what an id becomes
	for i := range s.names {
		n := &s.names[i]
		// The one that was noted is kept where it sorts well: who is stopped before
		// the new note is written goes on with it.
		if low, high := bounds(n.UserID, rivals[n.UserID], standsFor); !n.Settled && !between(n.Pseudonym, low, high) {
			n.Pseudonym = pseudonymBetween(low, high)
		}
		n.Settled = true
		standsFor[n.UserID] = n.Pseudonym
	}
	s.renew()
	return f.notePending(f.todo)
}

// bounds are between what a pseudonym has to sort: the largest of its rivals that
// are smaller than the id, and the smallest of the larger; "" is no bound.
func bounds(id string, rivals []string, standsFor map[string]string) (low, high string) {
	for _, r := range rivals {
		is := r
		if p, ok := standsFor[r]; ok {
			is = p
		}
		switch {
		case r < id:
			low = max(low, is)
		case high == "" || is < high:
			high = is
		}
	}
	return low, high
}

func between(p, low, high string) bool { return p > low && (high == "" || p < high) }

// draws is how often a pseudonym of one form is drawn before another is tried.
const draws = 50

// pseudonymBetween draws a pseudonym that sorts between two ids, "" for none. It
// begins otherwise where it must. Where there is none it is any.
func pseudonymBetween(low, high string) string {
	before := []string{"", "!", "~"}
	for k := 1; k <= len(low); k++ {
		before = append(before, low[:k]+"~", low[:k]+"!")
	}
	for k := 1; k <= len(high); k++ {
		before = append(before, high[:k]+"!")
	}
	for _, b := range before {
		for range draws {
			p := strings.ToValidUTF8(b, "") + pseudonymPrefix + rand.Text()
			if between(p, low, high) {
				return p
			}
			if b != "" && !strings.HasPrefix(low, b) && !strings.HasPrefix(high, b) {
				break // another draw would sort the same
			}
		}
	}
	return pseudonymPrefix + rand.Text()
}

// rivals gives for each of the ids those that it is told apart from by nothing else.
func (f *forgetting) rivals(ctx context.Context, state *lake.State, s *search) (_ map[string][]string, err error) {
	if s.events == 0 {
		return nil, nil
	}
	db, err := lakedb.OpenSession(ctx, f.Lake, state, f.session())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close(), f.cleanTemp()) }()
	if err := s.prepare(ctx, db); err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, "CREATE TEMP TABLE theirs (event_id VARCHAR, event_time TIMESTAMPTZ, source_offset BIGINT, user_id VARCHAR)"); err != nil {
		return nil, err
	}
	dates := map[string]bool{}
	var held, beside []lake.File
	for _, file := range s.files {
		if strings.HasPrefix(file.Path, schemas.Events.Name+"/") {
			held, dates[lake.FolderDate(file.Path)] = append(held, file), true
		}
	}
	for _, p := range state.FilesOf(schemas.Events, "") {
		if file, ok := state.Files[p]; ok && dates[lake.FolderDate(p)] {
			beside = append(beside, file)
		}
	}
	for part := range parts(held) {
		if err := s.name(ctx, db, f.Lake, schemas.Events, part); err != nil {
			return nil, err
		}
		if _, err := db.ExecContext(ctx, theirsSQL); err != nil {
			return nil, err
		}
	}
	out := map[string][]string{}
	for part := range parts(beside) {
		if err := s.name(ctx, db, f.Lake, schemas.Events, part); err != nil {
			return nil, err
		}
		if err := readRivals(ctx, db, out); err != nil {
			return nil, fmt.Errorf("look for lines that sort by the user: %w", err)
		}
	}
	return out, nil
}

func readRivals(ctx context.Context, db *lakedb.DB, out map[string][]string) error {
	rows, err := db.QueryContext(ctx, rivalsSQL)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, rival string
		if err := rows.Scan(&id, &rival); err != nil {
			return err
		}
		out[id] = append(out[id], rival)
	}
	return rows.Err()
}
