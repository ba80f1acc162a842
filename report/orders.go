package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"pixledger/schemas"
	"pixledger/schemas/yamlfile"
)

// mistakesShown is how many mistakes in a list are told at once.
const mistakesShown = 20

// orderColumn and valueColumn are what a list calls its columns, unless the
// command says otherwise.
const (
	orderColumn = "order_id"
	valueColumn = "value"
)

// separators are what may stand between the fields of a list.
var separators = []struct {
	name  string
	comma byte
}{{"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}}

// listOptions say how an advertiser's list is read.
type listOptions struct {
	path         string
	order        string // names of its columns
	value, time  string // "" is none
	comma        byte   // 0: the one by which the header has the columns
	decimalComma bool
	zone         *time.Location // of times without one
}

// listed is an order of a list.
type listed struct {
	id           string
	value        schemas.Money
	valued       bool
	first, last  time.Time // when it was, as exactly as the list says; zero without times
	line, column int
}

// orderList reads an advertiser's list, row by row.
type orderList struct {
	listOptions
	rows     *delimitedReader
	fields   int // of the header
	at       map[string]int
	alike    bool // every row must have the header's number of fields
	mistakes yamlfile.Mistakes
}

// ReadOrders gives the orders of a list with a column order_id, as they stand
// there. What is wrong with the file comes as yamlfile.Mistakes.
func ReadOrders(path string) (ids []string, err error) {
	err = readList(listOptions{path: path, order: orderColumn}, func(o listed) error {
		ids = append(ids, o.id)
		return nil
	})
	if err == nil && len(ids) == 0 {
		err = yamlfile.Mistakes{{File: path, Line: 1, Column: 1, What: "there is no order below the header", Allowed: "one row or more"}}
	}
	return ids, err
}

// readList hands on the orders of a list until one is wrong; the mistakes, up
// to mistakesShown, come at the end.
func readList(o listOptions, each func(listed) error) (err error) {
	f, err := os.Open(o.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("%s is no file; allowed: a list in csv", o.path))
	}
	l := &orderList{listOptions: o, at: map[string]int{}, alike: o.value != ""}
	if err := l.header(f); err != nil {
		return err
	}
	for len(l.mistakes) < mistakesShown {
		cells, err := l.rows.row()
		var wrong *syntaxError
		switch {
		case errors.Is(err, io.EOF):
			return l.err()
		case errors.As(err, &wrong):
			l.mistakes = append(l.mistakes, wrong.in(o.path))
			return l.err() // nobody knows where the next row begins
		case err != nil:
			return fmt.Errorf("read %s: %w", o.path, err)
		}
		order := l.read(cells)
		if len(l.mistakes) > 0 {
			continue // the rest is read for its mistakes alone
		}
		if err := each(order); err != nil {
			return err
		}
	}
	l.refuse(cellOf{line: l.rows.line, column: 1}, "the list is read no further", fmt.Sprintf("fewer than %d mistakes", mistakesShown))
	return l.err()
}

func (l *orderList) err() error {
	if len(l.mistakes) == 0 {
		return nil
	}
	return l.mistakes
}

func (l *orderList) refuse(at cellOf, what, allowed string) {
	l.mistakes = append(l.mistakes, yamlfile.Mistake{File: l.path, Line: at.line, Column: at.column, What: what, Allowed: allowed})
}

// header reads the header with the separator by which it has the columns.
func (l *orderList) header(f *os.File) error {
	var first []cellOf
	var firstErr error
	var columns []string
	for _, c := range []string{l.order, l.value, l.time} {
		if c != "" {
			columns = append(columns, c)
		}
	}
	for _, s := range separators {
		if l.comma != 0 && l.comma != s.comma {
			continue
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read %s: %w", l.path, err)
		}
		rows := newDelimitedReader(f, s.comma)
		if mark, err := rows.r.Peek(3); err == nil && string(mark) == "\uFEFF" {
			_, _ = rows.r.Discard(3) // they were peeked at
		}
		cells, err := rows.row()
		names := make([]string, len(cells))
		for i, c := range cells {
			names[i] = c.text
		}
		if l.rows == nil || len(cells) > len(first) {
			l.rows, first, firstErr = rows, cells, err
		}
		missing := slices.ContainsFunc(columns, func(c string) bool { return !slices.Contains(names, c) })
		if err == nil && !missing {
			l.rows, l.fields = rows, len(cells)
			return l.columns(columns, cells)
		}
	}
	var wrong *syntaxError
	switch {
	case errors.Is(firstErr, io.EOF):
		l.refuse(cellOf{line: 1, column: 1}, "the file is empty", l.headerAllowed(columns))
	case errors.As(firstErr, &wrong):
		l.mistakes = append(l.mistakes, wrong.in(l.path))
	case firstErr != nil:
		return fmt.Errorf("read %s: %w", l.path, firstErr)
	default:
		return l.columns(columns, first)
	}
	return l.err()
}

func (l *orderList) headerAllowed(columns []string) string {
	if len(columns) == 1 {
		return "a header with the column " + columns[0]
	}
	return "a header with the columns " + strings.Join(columns, ", ")
}

// columns finds the columns in the header.
func (l *orderList) columns(columns []string, header []cellOf) error {
	names := make([]string, len(header))
	for i, c := range header {
		names[i] = c.text
	}
	for _, c := range columns {
		i := slices.Index(names, c)
		switch {
		case i < 0:
			l.refuse(cellOf{line: 1, column: 1}, oneLine("there is no column "+c+" among "+cut(strings.Join(names, ", "))), l.headerAllowed(columns))
		case slices.Contains(names[i+1:], c):
			l.refuse(header[i+1+slices.Index(names[i+1:], c)], "the column "+c+" stands twice", "once")
		}
		l.at[c] = i
	}
	return l.err()
}

// cut shortens a text for a message.
func cut(s string) string {
	const most = 200
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// read reads a row; what is wrong with it is noted.
func (l *orderList) read(cells []cellOf) listed {
	if l.alike && len(cells) != l.fields {
		l.refuse(cells[0], fmt.Sprintf("the row has %d fields, the header %d", len(cells), l.fields), "as many as the header; a field that holds the separator in quotes")
		return listed{}
	}
	at := l.at[l.order]
	if at >= len(cells) || cells[at].text == "" {
		l.refuse(cells[min(at, len(cells)-1)], "the "+l.order+" is missing", "the id of an order in every row")
		return listed{}
	}
	o := listed{id: cells[at].text, line: cells[at].line, column: cells[at].column}
	if !utf8.ValidString(o.id) {
		l.refuse(cells[at], "the "+l.order+" is no text in UTF-8", "a list that was saved as UTF-8")
	}
	if l.value != "" {
		l.readValue(cells[l.at[l.value]], &o)
	}
	if l.time != "" {
		l.readTime(cells[l.at[l.time]], &o)
	}
	return o
}

var commaNumber = regexp.MustCompile(`^-?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)(,[0-9]+)?$`)

// readValue reads an amount; an empty one is none.
func (l *orderList) readValue(c cellOf, o *listed) {
	text, allowed := strings.Trim(c.text, " "), "a decimal number such as 1234.50; nothing for none; with --decimal-comma 1.234,50"
	if text == "" {
		return
	}
	if l.decimalComma {
		allowed = "a number with a decimal comma, such as 1234,50 or 1.234,50; nothing for none"
		if !commaNumber.MatchString(text) {
			l.refuse(c, fmt.Sprintf("the %s is %q", l.value, cut(text)), allowed)
			return
		}
		text = strings.Replace(strings.ReplaceAll(text, ".", ""), ",", ".", 1)
	}
	var ok bool
	if o.value, ok = schemas.ParseMoney(text); !ok {
		l.refuse(c, fmt.Sprintf("the %s is %q", l.value, cut(c.text)), allowed)
	}
	o.valued = true
}

// readTime reads when an order was: a date is the whole day.
func (l *orderList) readTime(c cellOf, o *listed) {
	if t, err := time.Parse(time.RFC3339, c.text); err == nil {
		o.first, o.last = t, t
		return
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, c.text, l.zone); err == nil {
			o.first, o.last = t, t
			return
		}
	}
	if day, err := time.Parse(time.DateOnly, c.text); err == nil {
		o.first = StartOfDay(day.Year(), day.Month(), day.Day(), l.zone)
		o.last = StartOfDay(day.Year(), day.Month(), day.Day()+1, l.zone).Add(-time.Microsecond)
		return
	}
	l.refuse(c, fmt.Sprintf("the %s is %q", l.time, cut(c.text)), "2026-11-10, 2026-11-10 08:31:20 or 2026-11-10T08:31:20+01:00")
}

// Unguarded takes off the apostrophe that reports put before text which a
// spreadsheet would take for a formula; false where there is none.
func Unguarded(s string) (string, bool) {
	rest, ok := strings.CutPrefix(s, "'")
	if !ok || guarded(rest) != s {
		return s, false
	}
	return rest, true
}
