package explain

import (
	"database/sql"
	"fmt"
	"slices"
	"time"

	"pixledger/attribute"
	"pixledger/schemas"
)

// order is step 9.
func (l *looker) order() (said string, passed bool, err error) {
	order := text(l.c.OrderID)
	switch {
	case order == "":
		return "the call named no order", true, nil
	case !l.settings.UniqueOrderID:
		return "the pixel takes an order id more than once", true, nil
	}
	e, err := l.r.earlier("the earlier conversions of the order", earlierOrderSQL, l.pixel.ID, order, ever, l.c)
	if err != nil || e == nil {
		return "order " + order + " was not attributed before", true, err
	}
	l.Earlier = e
	return fmt.Sprintf("order %s was attributed before, with conversion %s, %s earlier", order, e.ConversionID, span(e.before())), false, nil
}

// repeat is step 10.
func (l *looker) repeat() (said string, passed bool, err error) {
	user, whose := l.c.UserID, "the user's"
	if user == nil {
		user, whose = l.winner.UserID, "the winning touch's user's"
	}
	apart := l.settings.MinMinutesPerConv
	switch {
	case user == nil:
		return "neither the conversion nor the winning touch has a user id: skipped", true, nil
	case apart != nil && *apart == 0:
		return "the pixel takes every conversion of a user", true, nil
	}
	since := ever
	if apart != nil {
		since = l.c.EventTime.Add(-time.Duration(*apart) * time.Minute)
	}
	e, err := l.lastOf(*user, since)
	if err != nil {
		return "", false, err
	}
	switch {
	case apart == nil && e == nil:
		return whose + " first conversion on this pixel", true, nil
	case e == nil || apart != nil && e.before() >= time.Duration(*apart)*time.Minute:
		return fmt.Sprintf("none of %s conversions on this pixel was attributed less than %s earlier", whose, minutes(*apart)), true, nil
	}
	e.RequiredMinutes = apart
	l.Earlier = e
	rule := "the pixel takes one a user"
	if apart != nil {
		rule = "at least " + minutes(*apart) + " must lie between them"
	}
	return fmt.Sprintf("%s conversion %s was attributed %s earlier; %s", whose, e.ConversionID, span(e.before()), rule), false, nil
}

func (e *Earlier) before() time.Duration { return time.Duration(e.BeforeMicros) * time.Microsecond }

// lastOf gives the last conversion of the pixel before this one that counts as
// the user's, from a time on; nil where there is none.
func (l *looker) lastOf(user string, since time.Time) (*Earlier, error) {
	own, err := l.r.earlier("the user's earlier conversions", earlierUserSQL, l.pixel.ID, user, since, l.c)
	if err != nil {
		return nil, err
	}
	if own != nil {
		since = own.ConversionTime
	}
	others, err := l.r.withoutUser(l.pixel.ID, user, since, l.c)
	if err != nil || len(others) == 0 {
		return own, err
	}
	touches, err := l.r.touches(others)
	if err != nil {
		return nil, err
	}
	// Whose they count as is what step 8 says of them.
	for i := range others {
		c := &others[i]
		if own != nil && c.EventTime.Before(own.ConversionTime) {
			continue
		}
		winner, _ := judge(l.cat, c, l.pixel, l.pixel.SettingsAt(c.EventTime), touches[c.EventID])
		if winner != nil && text(winner.UserID) == user {
			own = earlierThan(l.c, c.EventID, c.EventTime, c.At)
		}
	}
	return own, nil
}

func earlierThan(c *Line, id string, at time.Time, where string) *Earlier {
	return &Earlier{ConversionID: id, ConversionTime: at, BeforeMicros: c.EventTime.Sub(at).Microseconds(), At: where}
}

// earlier asks the live attributions for a conversion before another.
func (r *reader) earlier(what, query string, pixelID int64, key string, since time.Time, c *Line) (*Earlier, error) {
	var out *Earlier
	args := []any{r.attributions(since, c.EventTime), pixelID, key, c.EventTime, c.EventID}
	err := r.each(what, query, args, func(rows *sql.Rows) error {
		var id string
		var at time.Time
		err := rows.Scan(&id, &at)
		out = earlierThan(c, id, at.UTC(), "")
		return err
	})
	if err != nil || out == nil {
		return nil, err
	}
	lines, err := r.lines(r.events(schemas.Conversion, out.ConversionTime, out.ConversionTime), []any{out.ConversionID})
	if err == nil && len(lines) > 0 { // its events may have been erased
		out.At = lines[0].At
	}
	return out, err
}

// withoutUser gives the attributed and the voided conversions of the pixel
// before another, from a time on, that have no user of their own and may count
// as the user's by their touch: the lines that count, in the order of time.
func (r *reader) withoutUser(pixelID int64, user string, since time.Time, c *Line) ([]Line, error) {
	ids, ok := r.remembered(pixelID, user, since, c)
	if !ok {
		var err error
		if ids, err = r.byTouch(pixelID, user, since, c); err != nil {
			return nil, err
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	lines, err := r.lines(r.events(schemas.Conversion, since, c.EventTime), ids)
	if err != nil {
		return nil, err
	}
	// Of each id the first line counts; the lines come ordered by id.
	lines = slices.CompactFunc(lines, func(a, b Line) bool { return a.EventID == b.EventID })
	slices.SortStableFunc(lines, func(a, b Line) int { return a.EventTime.Compare(b.EventTime) })
	return lines, nil
}

// remembered gives the ids of the conversions without a user by what the last
// attribution noted, where that is what the live attributions say. To find them by
// their touches means to look for the user's among all touches of the lake's time.
func (r *reader) remembered(pixelID int64, user string, since time.Time, c *Line) (ids []any, ok bool) {
	known, ok := attribute.Remembered(r.db.Lake, r.filesOf(schemas.Attributions, "", since, c.EventTime))
	if !ok {
		return nil, false
	}
	files := make([]any, len(known))
	for i, f := range known {
		files[i] = f
	}
	err := r.each("what is known of conversions without a user", rememberedSQL, []any{files, pixelID, c.EventTime, c.EventID, user}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err == nil // what is noted may be written anew meanwhile
}

// byTouch gives the ids of the conversions without a user by the touches that the
// live attributions name.
func (r *reader) byTouch(pixelID int64, user string, since time.Time, c *Line) ([]any, error) {
	files := r.attributions(since, c.EventTime)
	var first, last sql.Null[time.Time]
	var ids []any
	err := r.each("conversions without a user", withoutUserSQL, []any{files, pixelID, c.EventTime, c.EventID}, func(rows *sql.Rows) error {
		return rows.Scan(&first, &last, &ids)
	})
	if err != nil {
		return nil, err
	}
	if first.Valid { // the touches may have been erased: then there are no files of theirs
		touched := append(r.events(schemas.Click, first.V, last.V), r.events(schemas.Impression, first.V, last.V)...)
		args := []any{files, pixelID, c.EventTime, c.EventID, touched, user}
		err := r.each("the touches of conversions without a user", byTouchSQL, args, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}
