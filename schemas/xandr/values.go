package xandr

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/yamlfile"
)

var wholeNumber = regexp.MustCompile(`^-?[0-9]{1,19}(?:\.0+)?$`)

// digits gives a number's text, whether it stands in quotes or not.
func digits(n *node) (string, bool) {
	switch v := n.value.(type) {
	case json.Number:
		return v.String(), true
	case string:
		return strings.TrimSpace(v), true
	}
	return "", false
}

// whole reads a whole number, which the API writes with quotes and without.
func whole(n *node) (int64, bool) {
	s, ok := digits(n)
	if !ok || !wholeNumber.MatchString(s) {
		return 0, false
	}
	s, _, _ = strings.Cut(s, ".")
	i, err := strconv.ParseInt(s, 10, 64)
	return i, err == nil
}

const anID = "a whole number from 1 to 9223372036854775807"

// id reads an id; 0 where there is none or it is refused.
func (m *merge) id(n *node, key string, required bool) int64 {
	v := n.get(key)
	if v.empty() {
		if required {
			m.refuse(n, key+" is missing", anID)
		}
		return 0
	}
	id, ok := whole(v)
	if !ok || id < 1 {
		m.refuse(v, key+" is "+v.written(), anID)
		return 0
	}
	return id
}

// list reads a list of objects; one alone stands for a list of it.
func (m *merge) list(n *node, key string) []*node {
	v := n.get(key)
	if v.empty() {
		return nil
	}
	items := v.items()
	if items == nil {
		m.refuse(v, key+" is "+v.written(), "a list, or null")
	}
	for _, x := range items {
		if _, ok := x.value.(*object); !ok {
			m.refuse(x, "an entry of "+key+" is "+x.written(), "an object")
			return nil
		}
	}
	return items
}

// text reads text; a number counts as its digits.
func (m *merge) text(n *node, key string) string {
	v := n.get(key)
	if v == nil {
		return ""
	}
	switch s := v.value.(type) {
	case string:
		return s
	case json.Number:
		return s.String()
	}
	m.refuse(v, key+" is "+v.written(), "text")
	return ""
}

// oneOf reads one of some words.
func (m *merge) oneOf(n *node, key string, allowed ...string) string {
	s := m.text(n, key)
	if s == "" {
		return ""
	}
	for _, a := range allowed {
		if strings.EqualFold(s, a) {
			return a
		}
	}
	m.refuse(n.get(key), key+" is "+n.get(key).written(), strings.Join(allowed, ", "))
	return ""
}

// minutes reads a number of minutes; nil for null.
func (m *merge) minutes(n *node, key string, most int64) any {
	v := n.get(key)
	if v.empty() {
		return nil
	}
	i, ok := whole(v)
	if !ok || i < 0 || i > most {
		m.refuse(v, key+" is "+v.written(), fmt.Sprintf("minutes from 0 to %d, or null", most))
		return nil
	}
	return i
}

var decimalNumber = regexp.MustCompile(`^(-?)([0-9]{1,60})(?:\.([0-9]{1,60}))?(?:[eE]([-+]?[0-9]{1,3}))?$`)

// decimal writes a number out without an exponent: from its digits, for a
// binary fraction would not be them.
func decimal(s string) (text string, negative, ok bool) {
	x := decimalNumber.FindStringSubmatch(s)
	if x == nil {
		return "", false, false
	}
	left, right := x[2], x[3]
	exponent, _ := strconv.Atoi(x[4])
	if exponent > 0 {
		right += strings.Repeat("0", max(exponent-len(right), 0))
		left, right = left+right[:exponent], right[exponent:]
	}
	if exponent < 0 {
		left = strings.Repeat("0", max(-exponent-len(left)+1, 0)) + left
		left, right = left[:len(left)+exponent], left[len(left)+exponent:]+right
	}
	left = strings.TrimLeft(left, "0")
	right = strings.TrimRight(right, "0")
	if left == "" {
		left = "0"
	}
	if right != "" {
		right = "." + right
	}
	text = left + right
	return text, x[1] == "-" && text != "0", true
}

// money reads an amount; nil for null. More than six decimals are rounded half
// away from zero, and that is told.
func (m *merge) money(n *node, list, key string) *schemas.Money {
	v := n.get(key)
	if v.empty() {
		return nil
	}
	const allowed = "a decimal number from 0 on, with at most 12 digits before the point"
	s, _ := digits(v)
	text, negative, ok := decimal(s)
	amount, fits := schemas.ParseMoney(text)
	if !ok || negative || !fits {
		m.refuse(v, key+" is "+v.written(), allowed)
		return nil
	}
	if _, after, _ := strings.Cut(text, "."); len(after) > schemas.MoneyScale {
		m.report.note(Rounded, list, key, fmt.Sprintf("%s: %s became %s", v.place(), yamlfile.Cut(s), amount.Short()))
	}
	return &amount
}

var dateForms = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly}

// instant reads a date or time; nil for null. One without a zone is of the zone
// given. A date as an end includes its day.
func (m *merge) instant(n *node, key string, zone *time.Location, end bool) *time.Time {
	v := n.get(key)
	s := m.text(n, key)
	if s == "" || strings.HasPrefix(s, "0000-00-00") {
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	for _, form := range dateForms {
		if err == nil {
			break
		}
		t, err = time.ParseInLocation(form, s, zone)
		if err == nil && end && form == time.DateOnly {
			t = t.AddDate(0, 0, 1)
		}
	}
	if t = t.UTC(); err != nil || t.Year() < 1970 || t.Year() > 9999 {
		m.refuse(v, key+" is "+v.written(), `a time such as "2026-01-01 00:00:00", or a date, of the years 1970 to 9999`)
		return nil
	}
	return &t
}

// loadable is a URL in the shape that the catalog's schema asks for.
var loadable = regexp.MustCompile(`^[Hh][Tt][Tt][Pp][Ss]?://[^/?#\s]+[^\s"\\<>]*$`)

// url refuses what the catalog does not take as a URL.
func (m *merge) url(n *node, key, url string) string {
	if what, allowed := urlProblem(n, key, url); url != "" && what != "" {
		m.refuse(n.get(key), what, allowed)
	}
	return url
}

// urlProblem says what is wrong with a URL that something loads or leads to, and
// what is allowed; "" where nothing is.
func urlProblem(n *node, key, url string) (what, allowed string) {
	if !loadable.MatchString(url) || len(url) > 4096 {
		return key + " is " + n.get(key).written(), "an http or https URL without spaces, quotes or a user name"
	}
	if what, allowed = schemas.URLProblem(url); what != "" {
		what = fmt.Sprintf("%s: %s %s", key, n.get(key).written(), what)
	}
	return what, allowed
}

// zone reads the name of a time zone.
func (m *merge) zone(n *node, key string) *time.Location {
	name := m.text(n, key)
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		m.refuse(n.get(key), key+" is "+n.get(key).written(), "the name of a time zone, such as UTC, EST5EDT or Europe/Berlin")
		return nil
	}
	return zone
}
