package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed" // the SQL files
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixledger/attribute"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

//go:embed sql/days.sql
var daysSQL string

//go:embed sql/differences.sql
var differencesSQL string

//go:embed sql/changes.sql
var changesSQL string

//go:embed sql/entries.sql
var entriesSQL string

//go:embed sql/page.sql
var pageSQL string

//go:embed sql/effects.sql
var effectsSQL string

// Summary is what a close did.
type Summary struct {
	Plan       *Plan       // what was due, and what comes next
	Commit     int64       // the commit that closed the days; 0: none was due
	Days       []ClosedDay // what was closed
	Attributed attribute.Summary

	Bookings int64
	Booked   map[string]Sum // by currency
	Credits  []Credit       // that were booked
	Effects  []Effect       // of the adjustments
}

// Effect is what adjustments do to one advertiser in one currency.
type Effect struct {
	AdvertiserID int64
	Name         string // the advertiser's; empty: the catalog has it no more
	Currency     string
	Conversions  int64
	Reversed     Sum // taken back, so 0 or below
	Booked       Sum // booked anew
}

// Net is what they change.
func (e *Effect) Net() Sum { return e.Reversed.Plus(e.Booked) }

// String says it in one line.
func (e *Effect) String() string {
	n := e.Net()
	conversions := "conversions"
	if e.Conversions == 1 {
		conversions = "conversion"
	}
	text := fmt.Sprintf("advertiser %d: %d %s, %s %s taken back, %s booked anew, %s in all",
		e.AdvertiserID, e.Conversions, conversions, e.Reversed.Short(), e.Currency, e.Booked.Short(), n.Short())
	if e.Name != "" {
		text += " (" + e.Name + ")"
	}
	return text
}

// GapsError says that lines of the days to be closed may be lost, and that
// nobody has answered for that.
type GapsError struct{ Gaps []lake.Gap }

func (e *GapsError) Error() string {
	var b strings.Builder
	unpublished := 0
	for _, g := range e.Gaps {
		if g.Reason == lake.GapUnpublished {
			unpublished++
		}
	}
	if unpublished == len(e.Gaps) {
		b.WriteString("nothing was closed: edges have not published the days to be closed")
	} else {
		b.WriteString("nothing was closed: lines of the days to be closed may be lost")
	}
	for _, g := range e.Gaps {
		days := g.Days()
		if g.Reason == lake.GapUnpublished {
			fmt.Fprintf(&b, "\n  gap %s: edge %s has not published %s, or it is not collected yet", g.ID, g.Source, days[0])
			continue
		}
		fmt.Fprintf(&b, "\n  gap %s: source %s, %s, of %s to %s", g.ID, g.Source, g.Reason, days[0], days[len(days)-1])
	}
	if unpublished == len(e.Gaps) {
		b.WriteString("\nlet the edges publish and `pixledger collect` run, or answer for each with --accept-gap ID --by NAME: what comes later is an adjustment")
		return b.String()
	}
	b.WriteString("\nread the lines with `pixledger ingest FILE` if they turn up, or answer for each with --accept-gap ID --by NAME")
	return b.String()
}

// Close books every day that is due and not closed, and the differences of the
// days before them, in one commit; with no day due it does nothing. It gives a
// *lake.HeldError when another job held the lock for too long, and a
// *ZoneError, *LongFirstCloseError, *GapsError or *LimitError when something is
// in the way; then nothing was booked.
func Close(ctx context.Context, o Options) (*Summary, error) {
	l := o.Attribute.Lake
	unlock, err := l.Lock(ctx, attribute.JobLock, o.Attribute.Holder, o.Attribute.Wait)
	if err != nil {
		return nil, err
	}
	defer unlock()
	state, err := l.State()
	if err != nil {
		return nil, err
	}
	plan, err := o.Plan(state, o.Attribute.Now)
	if err != nil {
		return nil, err
	}
	c := &closing{Options: o, plan: plan, summary: &Summary{Plan: plan, Booked: map[string]Sum{}}}
	if len(plan.Due) == 0 {
		return c.summary, nil
	}
	if err := plan.Check(o.Yes); err != nil {
		return nil, err
	}
	c.days = plan.spans(o.Zone)
	if err := c.checkGaps(state); err != nil {
		return nil, err
	}
	if c.summary.Attributed, err = attribute.RunHeld(ctx, o.Attribute); err != nil {
		return nil, err
	}
	if err := c.book(ctx); err != nil {
		return nil, err
	}
	return c.summary, nil
}

// closing is one close under way. The job lock is held, so the ledger and the
// attributions are its own.
type closing struct {
	Options
	plan    *Plan
	days    []ClosedDay // to be closed
	state   *lake.State // that is booked
	summary *Summary
}

func (c *closing) newest() schemas.Day { return c.days[len(c.days)-1].Day }

// firstAdjusted is the first day whose differences are booked.
func (c *closing) firstAdjusted() schemas.Day {
	return max(c.newest().Plus(1-c.AdjustDays), c.plan.LedgerFrom)
}

// checkGaps refuses days that may lack lines.
func (c *closing) checkGaps(state *lake.State) error {
	if c.GapsInTheWay == nil {
		return nil
	}
	gaps := slices.DeleteFunc(c.GapsInTheWay(state, c.days[0].From, c.days[len(c.days)-1].Until), func(g lake.Gap) bool {
		return slices.ContainsFunc(c.Accept, func(a lake.Acceptance) bool { return a.GapID == g.ID })
	})
	if len(gaps) > 0 {
		return &GapsError{Gaps: gaps}
	}
	return nil
}

// book computes the entries, and publishes them with the notes.
func (c *closing) book(ctx context.Context) error {
	l := c.Attribute.Lake
	staging, err := l.Stage()
	if err != nil {
		return err
	}
	defer staging.Close()
	files, err := c.files(ctx, staging)
	var limit *LimitError
	if errors.As(err, &limit) {
		return limit
	}
	if err != nil {
		return fmt.Errorf("close: %w", err)
	}
	notes, err := c.notes()
	if err != nil {
		return err
	}
	before := c.state.Latest[CloseKind].Seq
	record, err := l.Commit(staging, func(now *lake.State) (*lake.Draft, error) {
		if now.Latest[CloseKind].Seq != before {
			return nil, fmt.Errorf("close: %w", lake.ErrConflict)
		}
		if err := c.checkGaps(now); err != nil { // one may have been found meanwhile
			return nil, err
		}
		return &lake.Draft{Kind: CloseKind, At: c.Attribute.Now, Add: files, Accepted: c.Accept, Notes: notes}, nil
	})
	if err != nil {
		return err
	}
	c.summary.Commit, c.summary.Days = record.Seq, c.days
	return nil
}

// files writes the entries into the staging folder. A file that is read may be
// exchanged meanwhile, by a compaction of events: then it begins again.
func (c *closing) files(ctx context.Context, staging *lake.Staging) ([]lake.Staged, error) {
	for attempt := 1; ; attempt++ {
		db, err := openDB(ctx, c.Attribute)
		if err == nil {
			c.state = db.State
			var files []lake.Staged
			files, err = c.compute(ctx, db, staging)
			if err = errors.Join(err, db.Close()); err == nil {
				return files, nil
			}
		}
		var limit *LimitError
		if attempt == 3 || ctx.Err() != nil || errors.As(err, &limit) || !movedOn(c.Attribute.Lake, c.state) {
			return nil, err
		}
	}
}

// openDB opens DuckDB over the newest state, within a run's limits.
func openDB(ctx context.Context, o attribute.Options) (*lakedb.DB, error) {
	return lakedb.Open(ctx, o.Lake, o.Catalog, lakedb.Options{
		Memory: o.Memory, Threads: o.Threads, TempDir: o.TempDir, TempSize: o.TempSize, Now: o.Now,
	})
}

// movedOn tells whether the lake has another state than the one given; nil is
// one that could not be read.
func movedOn(l *lake.Lake, s *lake.State) bool {
	now, err := l.State()
	return err == nil && (s == nil || now.Seq != s.Seq)
}

// compute finds the entries in an open database and writes them.
func (c *closing) compute(ctx context.Context, db *lakedb.DB, staging *lake.Staging) ([]lake.Staged, error) {
	for i := range c.days { // an attempt before this one may have counted
		c.days[i].Entries, c.days[i].Amounts = 0, map[string]Sum{}
	}
	s := c.summary
	s.Bookings, s.Booked = 0, map[string]Sum{}
	adjusted, err := ClosedDays(c.Attribute.Lake, db.State, c.firstAdjusted())
	if err != nil {
		return nil, err
	}
	first := c.days[0].Day
	if len(adjusted) > 0 {
		first = adjusted[0].Day
	}
	if err := findChanges(ctx, db, first, adjusted, c.days); err != nil {
		return nil, err
	}
	if err := exec(ctx, db, "list the entries", entriesSQL, string(first), string(c.newest())); err != nil {
		return nil, err
	}
	if s.Effects, err = effects(ctx, db); err != nil {
		return nil, err
	}
	for i := range s.Effects {
		if a := c.Attribute.Catalog.Advertiser(s.Effects[i].AdvertiserID); a != nil {
			s.Effects[i].Name = a.Name
		}
	}
	if err := c.checkLimit(ctx, db); err != nil {
		return nil, err
	}
	if s.Credits, err = PendingCredits(c.Attribute.Lake, db.State); err != nil {
		return nil, err
	}
	return c.write(ctx, db, staging)
}

// findChanges leaves in the table changes how the ledger differs from the
// attributions of days that touch: those that were closed and those that are to
// be, either may be none. first is the day of the first of them.
func findChanges(ctx context.Context, db *lakedb.DB, first schemas.Day, closed, closing []ClosedDay) error {
	if err := exec(ctx, db, "name the days", daysSQL); err != nil {
		return err
	}
	all := append(slices.Clone(closed), closing...)
	rows := make([][]driver.Value, len(all))
	for i, d := range all {
		day, err := time.Parse(time.DateOnly, string(d.Day))
		if err != nil {
			return err
		}
		rows[i] = []driver.Value{day, d.From, d.Until, i >= len(closed)}
	}
	if err := db.AppendTemporary(ctx, "days", rows); err != nil {
		return fmt.Errorf("name the days: %w", err)
	}
	from, until := all[0].From, all[len(all)-1].Until
	firstDate, lastDate := from.Format(time.DateOnly), until.Format(time.DateOnly)
	if err := exec(ctx, db, "compare the ledger with the attributions", differencesSQL, string(first), firstDate, lastDate, from, until); err != nil {
		return err
	}
	return exec(ctx, db, "look up what has changed", changesSQL, string(first), firstDate, lastDate)
}

func exec(ctx context.Context, db *lakedb.DB, what, statement string, values ...any) error {
	if _, err := db.ExecContext(ctx, statement, values...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// effects reads what the adjustments do.
func effects(ctx context.Context, db *lakedb.DB) (_ []Effect, err error) {
	rows, err := db.QueryContext(ctx, effectsSQL)
	if err != nil {
		return nil, fmt.Errorf("sum up the adjustments: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var out []Effect
	for rows.Next() {
		var e Effect
		var reversed, booked string
		if err := rows.Scan(&e.Currency, &e.AdvertiserID, &e.Conversions, &reversed, &booked); err != nil {
			return nil, fmt.Errorf("sum up the adjustments: %w", err)
		}
		if e.Reversed, err = parseSum(reversed); err != nil {
			return nil, err
		}
		if e.Booked, err = parseSum(booked); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// pageRows is the number of entries that are in memory at a time: the driver
// holds the whole result of a query. A variable for tests.
var pageRows int64 = 1 << 16

// write writes the entries that were listed, and the credits behind them.
func (c *closing) write(ctx context.Context, db *lakedb.DB, staging *lake.Staging) (_ []lake.Staged, err error) {
	files := &bookFiles{staging: staging, catalog: c.Attribute.Catalog.Digest, days: map[schemas.Day]*ClosedDay{}}
	for i := range c.days {
		files.days[c.days[i].Day] = &c.days[i]
	}
	defer files.abandon()
	page, err := db.PrepareContext(ctx, pageSQL)
	if err != nil {
		return nil, fmt.Errorf("read the entries in order: %w", err)
	}
	defer func() { err = errors.Join(err, page.Close()) }()
	for from := int64(1); ; from += pageRows {
		n, err := c.writePage(ctx, page, from, files)
		if err != nil {
			return nil, err
		}
		if n < pageRows {
			break
		}
	}
	for i := range c.summary.Credits {
		if err := files.add(c.summary.Credits[i].entry(c.newest(), int64(i)+1)); err != nil {
			return nil, err
		}
	}
	if err := files.close(); err != nil {
		return nil, err
	}
	return files.staged, nil
}

func (c *closing) writePage(ctx context.Context, page *sql.Stmt, from int64, files *bookFiles) (n int64, err error) {
	rows, err := page.QueryContext(ctx, from, from+pageRows-1)
	if err != nil {
		return 0, fmt.Errorf("read the entries in order: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var e entry
	for ; rows.Next(); n++ {
		if err := rows.Scan(&e.booked, &e.businessDay, &e.kind, &e.conversionID, &e.conversionTime, &e.conversionType, &e.advertiserID,
			&e.lineItemID, &e.pixelID, &e.touchID, &e.amount, &e.currency, &e.reason, &e.reverses, &e.number); err != nil {
			return 0, fmt.Errorf("read the entries in order: %w", err)
		}
		if e.kind == booking {
			c.summary.Bookings++
			c.summary.Booked[e.currency] = c.summary.Booked[e.currency].plus(e.amount)
		}
		if err := files.add(&e); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// notes are what later closes, exports and verify need to know of this one.
func (c *closing) notes() (map[string]string, error) {
	days, err := json.Marshal(c.days)
	if err != nil {
		return nil, err
	}
	last := c.days[len(c.days)-1]
	n := map[string]string{
		NoteZone: c.Zone.String(), NoteLedgerFrom: string(c.plan.LedgerFrom), noteFirstDay: string(c.days[0].Day), NoteLastDay: string(last.Day),
		noteUntil: last.Until.Format(time.RFC3339), noteSequence: strconv.FormatInt(last.Sequence, 10), noteDays: string(days),
		noteCatalog: c.Attribute.Catalog.Digest, noteReadSeq: strconv.FormatInt(c.state.Seq, 10),
	}
	if before, ok := c.state.Latest[CloseKind]; ok {
		n[notePrevious] = strconv.FormatInt(before.Seq, 10)
	}
	if newest, ok := c.state.Latest[CreditKind]; ok {
		n[noteCredits] = strconv.FormatInt(newest.Seq, 10)
	}
	if c.AcceptAdjustments != "" {
		n[noteAccepted] = c.AcceptAdjustments
	}
	return n, nil
}
