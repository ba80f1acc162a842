package console

import (
	_ "embed" // the statement
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// conversionLine is a conversion and what was decided of it.
type conversionLine struct {
	ID       string     `json:"conversion_id"`
	Time     *time.Time `json:"conversion_time"`
	Pixel    *string    `json:"pixel_id"`
	Order    *string    `json:"order_id"`
	Outcome  *string    `json:"outcome"` // nil: not decided yet
	Reason   *string    `json:"reason"`
	Type     *string    `json:"conversion_type"`
	LineItem *string    `json:"line_item_id"`
	Revenue  *string    `json:"booked_revenue"`
	Currency *string    `json:"currency"`
}

// Earned is what it earned; nil where it did not.
func (l conversionLine) Earned() *Amount {
	if l.Revenue == nil || l.Currency == nil {
		return nil
	}
	m, ok := parseMicros(*l.Revenue)
	if !ok {
		return nil
	}
	return &Amount{*l.Currency, m}
}

// Link leads to how it was decided.
func (l conversionLine) Link() string { return "/conversions/" + url.PathEscape(l.ID) }

//go:embed lookup.sql
var lookupFile string

// lookupSQL finds the conversions with the order id or conversion id 'ID'. It
// stands in one line, for the page shows the command that it is part of.
var lookupSQL = oneLine(lookupFile)

// oneLine is a statement without its comments, which stand before it.
func oneLine(statement string) string {
	for strings.HasPrefix(statement, "--") {
		_, statement, _ = strings.Cut(statement, "\n")
	}
	return strings.Join(strings.Fields(statement), " ")
}

// mostConversions are listed, the newest first.
const mostConversions = "100"

func (c *console) conversions(r *http.Request) (*page, error) {
	if err := checked(r); err != nil {
		return nil, err
	}
	show := struct {
		Find  string
		Lines []conversionLine
		Asked *answer
	}{Find: strings.TrimSpace(r.URL.Query().Get("find"))}
	statement := "SELECT conversion_id, conversion_time, pixel_id, order_id, outcome, reason, conversion_type, line_item_id, booked_revenue, currency" +
		" FROM attributions WHERE date >= DATE '" + c.Now().UTC().AddDate(0, 0, -7).Format(time.DateOnly) + "'" +
		" ORDER BY conversion_time DESC, conversion_id LIMIT " + mostConversions
	if show.Find != "" {
		statement = strings.ReplaceAll(lookupSQL, "'ID'", sqlText(show.Find))
	}
	var err error
	if show.Asked, err = c.read(r.Context(), &show.Lines, "query", statement, formatJSON); err != nil {
		return nil, err
	}
	return &page{Title: "Conversions", Name: "conversions.html", Here: "/conversions", Made: show.Asked.Made, Show: show}, nil
}

func (c *console) conversion(r *http.Request) (*page, error) {
	id := r.PathValue("id")
	if len(id) > 1000 || strings.Contains(id, "\x00") {
		return nil, errNotHere
	}
	x, err := c.answers.get(r.Context(), "explain", "--", id)
	if err != nil && strings.Contains(err.Error(), "no conversion has the id") {
		return nil, fmt.Errorf("%w: %w", errNotHere, err)
	}
	if err != nil {
		return nil, err
	}
	return &page{Title: "Conversion " + id, Name: "conversion.html", Here: "/conversions", Made: x.Made, Show: struct {
		Text  string
		Asked *answer
	}{string(x.Body), x}}, nil
}
