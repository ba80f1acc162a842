package ledger

import (
	"context"
	_ "embed" // the SQL files
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

//go:embed sql/booked.sql
var bookedSQL string

//go:embed sql/wrong_ids.sql
var wrongIDsSQL string

//go:embed sql/same_ids.sql
var sameIDsSQL string

//go:embed sql/wrong_reversals.sql
var wrongReversalsSQL string

//go:embed sql/wrong_kinds.sql
var wrongKindsSQL string

//go:embed sql/outstanding.sql
var outstandingSQL string

// FindingKind is what a finding means.
type FindingKind string

// The kinds of findings. Only a difference is a fault.
const (
	Difference   FindingKind = "difference"
	Pending      FindingKind = "pending"       // the next close books it
	BeyondWindow FindingKind = "beyond_window" // older than adjust_days: no close books it
)

// Finding is something to be said of the ledger.
type Finding struct {
	Kind FindingKind
	What string
}

// String says it in one line.
func (f Finding) String() string {
	if f.Kind == Difference {
		return "ledger: " + f.What
	}
	return string(f.Kind) + ": " + f.What
}

// Verify holds the ledger against the notes of its closes, against itself, and
// against the attributions as they stand, and changes nothing. Findings are told
// one by one. It takes no lock.
func Verify(ctx context.Context, o Options, tell func(Finding)) (err error) {
	l := o.Attribute.Lake
	db, err := openDB(ctx, o.Attribute)
	if err != nil {
		return fmt.Errorf("verify the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	wrong := func(format string, args ...any) { tell(Finding{Difference, fmt.Sprintf(format, args...)}) }
	days, err := ClosedDays(l, db.State, "")
	if err != nil {
		return fmt.Errorf("verify the ledger: %w", err)
	}
	checkDays(days, db.State, wrong)
	if err := checkBooked(ctx, db, days, wrong); err != nil {
		return fmt.Errorf("verify the ledger: %w", err)
	}
	for _, query := range []string{wrongIDsSQL, sameIDsSQL, wrongReversalsSQL, wrongKindsSQL} {
		list, err := texts(ctx, db, query)
		if err != nil {
			return fmt.Errorf("verify the ledger: %w", err)
		}
		for _, text := range list {
			wrong("%s", text)
		}
	}
	plan, err := o.Plan(db.State, o.Attribute.Now)
	if err != nil {
		wrong("%v", err)
		return nil
	}
	pending, err := PendingCredits(l, db.State)
	if err != nil {
		return fmt.Errorf("verify the ledger: %w", err)
	}
	for _, c := range pending {
		tell(Finding{Pending, fmt.Sprintf("credit of %s %s for line item %d: %s", c.Amount.Short(), c.Currency, c.LineItemID, c.Reason)})
	}
	if len(days) == 0 {
		return nil
	}
	if err := findChanges(ctx, db, days[0].Day, days, nil); err != nil {
		return fmt.Errorf("verify the ledger: %w", err)
	}
	newest := plan.Next // that the next close closes
	if len(plan.Due) > 0 {
		newest = plan.Due[len(plan.Due)-1]
	}
	return tellOutstanding(ctx, db, newest.Plus(1-o.AdjustDays), tell)
}

// checkDays holds the notes of the closes against one another, and the files
// against the closes that must have added them.
func checkDays(days []ClosedDay, state *lake.State, wrong func(string, ...any)) {
	closedBy := map[schemas.Day]int64{}
	for i, d := range days {
		closedBy[d.Day] = d.Close
		if d.Sequence != int64(i)+1 {
			wrong("%s is day %d of the ledger, its close says %d", d.Day, i+1, d.Sequence)
		}
		if d.Until.Before(d.From) {
			wrong("%s ends before it begins", d.Day)
		}
		if i > 0 && (days[i-1].Day.Plus(1) != d.Day || !days[i-1].Until.Equal(d.From)) {
			wrong("%s does not follow %s, which was closed before it", d.Day, days[i-1].Day)
		}
	}
	if mark, ok := state.Latest[CloseKind]; ok && schemas.Day(mark.Notes[NoteLedgerFrom]) != days[0].Day {
		wrong("the ledger begins with %s, its first closed day is %s", mark.Notes[NoteLedgerFrom], days[0].Day)
	}
	for _, p := range slices.Sorted(maps.Keys(state.Files)) {
		if !strings.HasPrefix(p, schemas.Ledger.Name+"/") {
			continue
		}
		day := schemas.Day(lake.FolderDate(p))
		var seq int64
		_, err := fmt.Sscanf(path.Base(p), "c%d-", &seq)
		if closed, ok := closedBy[day]; !ok || err != nil || seq != closed {
			wrong("%s: the close of %s did not add it", p, day)
		}
	}
}

// checkBooked holds what is booked against the notes of the closes.
func checkBooked(ctx context.Context, db *lakedb.DB, days []ClosedDay, wrong func(string, ...any)) (err error) {
	rows, err := db.QueryContext(ctx, bookedSQL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	type booked struct {
		entries int64
		amounts map[string]Sum
	}
	found := map[schemas.Day]*booked{}
	catalogs := map[schemas.Day]string{}
	for _, d := range days {
		catalogs[d.Day] = d.Catalog
	}
	for rows.Next() {
		var day schemas.Day
		var currency, sum, first, last string
		var entries int64
		if err := rows.Scan(&day, &currency, &entries, &sum, &first, &last); err != nil {
			return err
		}
		if found[day] == nil {
			found[day] = &booked{amounts: map[string]Sum{}}
		}
		found[day].entries += entries
		if found[day].amounts[currency], err = parseSum(sum); err != nil {
			return err
		}
		if catalog, ok := catalogs[day]; !ok {
			wrong("%d entries are booked under %s, which is not closed", entries, day)
		} else if first != catalog || last != catalog {
			wrong("entries of %s name another catalog than its close used", day)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, d := range days {
		b := found[d.Day]
		if b == nil {
			b = &booked{}
		}
		same := maps.EqualFunc(b.amounts, d.Amounts, func(x, y Sum) bool { return x.Cmp(y) == 0 })
		if b.entries != d.Entries || !same {
			wrong("%s has %d entries (%s), its close booked %d (%s)", d.Day, b.entries, amountsText(b.amounts), d.Entries, amountsText(d.Amounts))
		}
	}
	return nil
}

func amountsText(amounts map[string]Sum) string {
	if len(amounts) == 0 {
		return "nothing"
	}
	var out []string
	for _, currency := range slices.Sorted(maps.Keys(amounts)) {
		out = append(out, amounts[currency].String()+" "+currency)
	}
	return strings.Join(out, ", ")
}

// tellOutstanding tells how the ledger differs from the attributions: what the
// next close books, from the day named on, and what is too old.
func tellOutstanding(ctx context.Context, db *lakedb.DB, since schemas.Day, tell func(Finding)) (err error) {
	rows, err := db.QueryContext(ctx, outstandingSQL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id, reason string
		var day schemas.Day
		if err := rows.Scan(&id, &day, &reason); err != nil {
			return err
		}
		kind := Pending
		if day < since {
			kind = BeyondWindow
		}
		tell(Finding{kind, fmt.Sprintf("conversion %s of %s: %s", id, day, reason)})
	}
	return rows.Err()
}
