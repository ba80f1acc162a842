package console

import (
	_ "embed" // the statement
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// askedConversions is what a page of conversions is asked for, judged.
type askedConversions struct {
	days
	where  []string // SQL
	before string   // SQL; "" on the first page
}

// filters are the columns that a page of conversions can be chosen by.
var filters = []struct {
	param, column string
	fits          *regexp.Regexp
	number        bool
	allowed       string
}{
	{"pixel", "pixel_id", catalogID, true, "an id"},
	{"advertiser", "advertiser_id", catalogID, true, "an id"},
	{"line_item", "line_item_id", catalogID, true, "an id"},
	{"outcome", "outcome", regexp.MustCompile(`^(un)?attributed$`), false, "attributed, unattributed"},
	{"reason", "reason", plainName, false, "a reason, such as no_touch"},
	{"type", "conversion_type", regexp.MustCompile(`^post_(click|view)$`), false, "post_click, post_view"},
}

func (c *console) askedFor(values url.Values) (*askedConversions, error) {
	a := &askedConversions{}
	var err error
	if a.days, err = c.daysOf(values); err != nil {
		return nil, err
	}
	for _, f := range filters {
		v := values.Get(f.param)
		switch {
		case v == "":
		case !f.fits.MatchString(v):
			return nil, &Refused{fmt.Sprintf("%s is %q; allowed: %s", f.param, v, f.allowed)}
		case f.number:
			a.where = append(a.where, f.column+" = "+v)
		default:
			a.where = append(a.where, f.column+" = "+sqlText(v))
		}
	}
	if v := values.Get("before"); v != "" {
		at, id, _ := strings.Cut(v, ",")
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil || id == "" {
			return nil, &Refused{fmt.Sprintf("before is %q; allowed: what the link to older conversions says", v)}
		}
		a.before = fmt.Sprintf("(conversion_time, conversion_id) < (%s, %s)", sqlTime(t), sqlText(id))
	}
	return a, nil
}

// sqlTime is a moment in DuckDB's SQL.
func sqlTime(t time.Time) string {
	return "TIMESTAMPTZ '" + t.UTC().Format("2006-01-02T15:04:05.999999Z") + "'"
}

// from is what both statements read: attributions of the days, of no other
// folders than theirs.
func (a *askedConversions) from(zone *time.Location) string {
	first := time.Date(a.First.Year(), a.First.Month(), a.First.Day(), 0, 0, 0, 0, zone)
	until := time.Date(a.Last.Year(), a.Last.Month(), a.Last.Day()+1, 0, 0, 0, 0, zone)
	out := "FROM attributions\nWHERE date BETWEEN DATE '" + first.UTC().Format(time.DateOnly) + "' AND DATE '" + until.UTC().Format(time.DateOnly) + "'" +
		"\n  AND conversion_time >= " + sqlTime(first) + "\n  AND conversion_time < " + sqlTime(until)
	for _, w := range a.where {
		out += "\n  AND " + w
	}
	return out
}

// byDay counts by business day and decision.
func (a *askedConversions) byDay(zone *time.Location) string {
	return "SELECT CAST(timezone(" + sqlText(zone.String()) + ", conversion_time) AS DATE) AS day, outcome, reason, conversion_type, currency,\n" +
		"  count(*) AS conversions, sum(booked_revenue) AS revenue\n" + a.from(zone) + "\nGROUP BY ALL\nORDER BY ALL"
}

const conversionColumns = "conversion_id, conversion_time, pixel_id, order_id, outcome, reason,\n  conversion_type, line_item_id, booked_revenue, currency"

// list gives the newest, and one more than a page has.
func (a *askedConversions) list(zone *time.Location) string {
	out := "SELECT " + conversionColumns + "\n" + a.from(zone)
	if a.before != "" {
		out += "\n  AND " + a.before
	}
	return out + "\nORDER BY conversion_time DESC, conversion_id DESC\nLIMIT " + strconv.Itoa(mostConversions+1)
}

//go:embed lookup.sql
var lookupFile string

// lookUp finds conversions by an order id, or their own. The comment at the head of
// the file is no part of the statement, which is shown to people.
func lookUp(find string) string {
	statement := lookupFile
	for strings.HasPrefix(statement, "--") {
		_, statement, _ = strings.Cut(statement, "\n")
	}
	return strings.ReplaceAll(strings.TrimSpace(statement), "'ID'", sqlText(find))
}
