package explain

import (
	"context"
	"database/sql"
	_ "embed" // the SQL files
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

//go:embed sql/find.sql
var findSQL string

//go:embed sql/lines.sql
var linesSQL string

//go:embed sql/touches.sql
var touchesSQL string

//go:embed sql/live.sql
var liveSQL string

//go:embed sql/earlier_order.sql
var earlierOrderSQL string

//go:embed sql/earlier_user.sql
var earlierUserSQL string

//go:embed sql/without_user.sql
var withoutUserSQL string

//go:embed sql/by_touch.sql
var byTouchSQL string

//go:embed sql/remembered.sql
var rememberedSQL string

//go:embed sql/voids.sql
var voidsSQL string

//go:embed sql/ledger.sql
var ledgerSQL string

//go:embed sql/event.sql
var eventSQL string

//go:embed sql/orders.sql
var ordersSQL string

// reader reads what concerns one conversion from one state of a lake, and of
// the files only those that can hold it.
type reader struct {
	ctx      context.Context
	db       *lakedb.DB
	progress func(what string) // nil: nobody asks
}

// The ends of time, for what is unbounded.
var (
	ever    = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	forever = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// filesOf lists the committed files of a dataset below prefix that can hold rows
// of a stretch of time, both ends included.
func (r *reader) filesOf(d schemas.Dataset, prefix string, from, to time.Time) []lake.File {
	var found []lake.File
	for p, f := range r.db.State.Files {
		if strings.HasPrefix(p, d.Name+"/") && strings.HasPrefix(p, prefix) && f.Rows > 0 && holds(p, f, from, to) {
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b lake.File) int { return strings.Compare(a.Path, b.Path) })
	return found
}

// files is filesOf by the paths of the files.
func (r *reader) files(d schemas.Dataset, prefix string, from, to time.Time) []any {
	found := r.filesOf(d, prefix, from, to)
	out := make([]any, len(found))
	for i, f := range found {
		out[i] = r.db.Lake.Path(f.Path)
	}
	return out
}

// holds tells whether a file can hold rows of a stretch of time: by its bounds,
// else by its folder's date.
func holds(path string, f lake.File, from, to time.Time) bool {
	if f.MinTime != 0 || f.MaxTime != 0 {
		return f.MinTime <= to.UnixMicro() && f.MaxTime >= from.UnixMicro()
	}
	date := lake.FolderDate(path)
	return date == "" || date >= from.UTC().Format(time.DateOnly) && date <= to.UTC().Format(time.DateOnly)
}

func (r *reader) events(t schemas.EventType, from, to time.Time) []any {
	return r.files(schemas.Events, "events/type="+string(t)+"/", from, to)
}

func (r *reader) attributions(from, to time.Time) []any {
	return r.files(schemas.Attributions, "", from, to)
}

// at writes where a line stands as FILE:OFFSET; a log that the lake does not
// know is named by its id.
func (r *reader) at(sourceID string, offset int64) string {
	name, known := r.db.State.LogName(sourceID)
	if !known {
		name = sourceID
	}
	return name + ":" + strconv.FormatInt(offset, 10)
}

// each runs a query and hands on its rows. Its first argument are the files to
// read: without any there is no row.
func (r *reader) each(what, query string, args []any, scan func(*sql.Rows) error) (err error) {
	if files, _ := args[0].([]any); len(files) == 0 {
		return nil
	}
	if r.progress != nil {
		r.progress(what)
	}
	rows, err := r.db.QueryContext(r.ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("read %s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// conversion gives the lines that have the id of a conversion, the one that
// counts first; none where no conversion has it.
func (r *reader) conversion(id string) ([]Line, error) {
	var holding []any
	err := r.each("the ids of conversions", findSQL, []any{r.events(schemas.Conversion, ever, forever), id}, func(rows *sql.Rows) error {
		var file string
		err := rows.Scan(&file)
		holding = append(holding, file)
		return err
	})
	if err != nil || len(holding) == 0 {
		return nil, err
	}
	return r.lines(holding, []any{id})
}

// lines gives all lines of some conversions in some files, by id and then in
// the order in which they count.
func (r *reader) lines(files, ids []any) ([]Line, error) {
	var out []Line
	err := r.each("the lines of conversions", linesSQL, []any{files, ids}, func(rows *sql.Rows) error {
		var l Line
		err := rows.Scan(&l.EventID, &l.EventTime, &l.PixelID, &l.PixelCode, &l.MemberID, &l.UserID, &l.OrderID, &l.Value, &l.ValueText,
			&l.Other, &l.SSPData, &l.ServerSide, &l.Consent, &l.InvalidReason, &l.UserAgent, &l.Edge, &l.SourceID, &l.SourceOffset)
		l.EventTime, l.At = l.EventTime.UTC(), r.at(l.SourceID, l.SourceOffset)
		out = append(out, l)
		return err
	})
	return out, err
}

// afterMinutes is how long after a conversion touches are still shown, though
// they can't have earned it: people remember that they clicked, not when.
const afterMinutes = 24 * 60

// touches gives for each conversion, by its id, the touches that it could mean,
// in the order of time.
func (r *reader) touches(of []Line) (map[string][]Touch, error) {
	var ids, times, users, tokens []any
	first, last := forever, ever
	for _, c := range of {
		var user, token any
		if c.UserID != nil {
			user = *c.UserID
		}
		if text(c.SSPData) != "" {
			token = *c.SSPData
		}
		ids, times = append(ids, c.EventID), append(times, c.EventTime.UnixMicro())
		users, tokens = append(users, user), append(tokens, token)
		if c.EventTime.Before(first) {
			first = c.EventTime
		}
		if c.EventTime.After(last) {
			last = c.EventTime
		}
	}
	last = last.Add(afterMinutes * time.Minute)
	files := append(r.events(schemas.Click, first.Add(-schemas.MaxClickMinutes*time.Minute), last),
		r.events(schemas.Impression, first.Add(-schemas.MaxViewMinutes*time.Minute), last)...)
	args := []any{files, ids, times, users, tokens, int64(afterMinutes)}
	byID := map[string]time.Time{}
	for _, c := range of {
		byID[c.EventID] = c.EventTime
	}
	out := map[string][]Touch{}
	err := r.each("the touches", touchesSQL, args, func(rows *sql.Rows) error {
		var id string
		var t Touch
		err := rows.Scan(&id, &t.Kind, &t.EventID, &t.EventTime, &t.TrackerID, &t.Token, &t.UserID, &t.Consent, &t.InvalidReason,
			&t.Edge, &t.SourceID, &t.SourceOffset)
		t.EventTime, t.At = t.EventTime.UTC(), r.at(t.SourceID, t.SourceOffset)
		t.AgeMicros = byID[id].Sub(t.EventTime).Microseconds()
		out[id] = append(out[id], t)
		return err
	})
	return out, err
}

// live gives the row of the conversion of an id in the attributions of a
// stretch of time; nil where there is none.
func (r *reader) live(id string, from, to time.Time) (*Row, error) {
	var out *Row
	err := r.each("the attributions", liveSQL, []any{r.attributions(from, to), id}, func(rows *sql.Rows) error {
		var w Row
		err := rows.Scan(&w.ConversionID, &w.ConversionTime, &w.PixelID, &w.AdvertiserID, &w.UserID, &w.OrderID, &w.Value, &w.Other,
			&w.ServerSide, &w.Outcome, &w.Reason, &w.ConversionType, &w.TouchID, &w.TouchTime, &w.TrackerID, &w.LineItemID,
			&w.CreativeID, &w.PublisherID, &w.BookedRevenue, &w.Currency, &w.RateMissing)
		w.ConversionTime = w.ConversionTime.UTC()
		if w.TouchTime != nil {
			*w.TouchTime = w.TouchTime.UTC()
		}
		out = &w
		return err
	})
	return out, err
}

func (r *reader) void(id string) (*Void, error) {
	var out *Void
	err := r.each("the voids", voidsSQL, []any{r.files(schemas.Voids, "", ever, forever), id}, func(rows *sql.Rows) error {
		var v Void
		err := rows.Scan(&v.Reason, &v.By, &v.VoidedAt)
		v.VoidedAt = v.VoidedAt.UTC()
		out = &v
		return err
	})
	return out, err
}

// ledger gives the entries of a conversion. Nothing is booked under a day
// before the conversion's own, which may begin a UTC date earlier or later.
func (r *reader) ledger(c *Line) ([]Entry, error) {
	out := []Entry{}
	files := r.files(schemas.Ledger, "", c.EventTime.AddDate(0, 0, -2), forever)
	err := r.each("the ledger", ledgerSQL, []any{files, c.EventID}, func(rows *sql.Rows) error {
		var e Entry
		err := rows.Scan(&e.EntryID, &e.Booked, &e.BusinessDay, &e.Kind, &e.ConversionType, &e.LineItemID, &e.TouchID,
			&e.Amount, &e.Currency, &e.Reason, &e.Reverses, &e.CatalogDigest)
		out = append(out, e)
		return err
	})
	return out, err
}

// notFound says what an id is that no conversion has.
func (r *reader) notFound(id string) error {
	none := &NotFoundError{ID: id}
	var err error
	if none.Erased, err = r.live(id, ever, forever); err != nil {
		return err
	}
	if none.Erased != nil {
		return none
	}
	err = r.each("the orders", ordersSQL, []any{r.attributions(ever, forever), id}, func(rows *sql.Rows) error {
		var conversion string
		err := rows.Scan(&conversion)
		none.Orders = append(none.Orders, conversion)
		return err
	})
	// The kinds with the fewest events first: impressions are nearly all there is.
	for _, t := range []schemas.EventType{schemas.Click, schemas.SegmentEvent, schemas.Universal, schemas.Impression} {
		if err != nil || none.Type != "" || len(none.Orders) > 0 {
			break
		}
		err = r.each("the ids of events", eventSQL, []any{r.events(t, ever, forever), id}, func(rows *sql.Rows) error {
			var p Place
			err := rows.Scan(&none.Time, &p.Edge, &p.SourceID, &p.SourceOffset)
			none.Type, none.At = t, r.at(p.SourceID, p.SourceOffset)
			return err
		})
	}
	if err != nil {
		return err
	}
	return none
}
