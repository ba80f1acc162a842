package console

import (
	"net/http"
	"slices"
)

// mostExports are listed, the newest first.
const mostExports = 120

func (c *console) exports(*http.Request) (*page, error) {
	s, err := c.Status()
	if err != nil {
		return nil, err
	}
	list, err := c.Exports()
	if err != nil {
		return nil, err
	}
	all := len(list)
	slices.Reverse(list)
	return &page{Title: "Exports", Name: "exports.html", Here: "/exports", Show: struct {
		Status *Status
		List   []Export
		All    int
	}{s, list[:min(all, mostExports)], all}}, nil
}

// export is one day's.
func (c *console) export(r *http.Request) (*page, error) {
	list, err := c.Exports()
	if err != nil {
		return nil, err
	}
	date := r.PathValue("date")
	i := slices.IndexFunc(list, func(x Export) bool { return x.Date == date })
	if i < 0 {
		return nil, errNotHere
	}
	show := struct {
		Export
		Before, After string // days
	}{Export: list[i]}
	if i > 0 {
		show.Before = list[i-1].Date
	}
	if i+1 < len(list) {
		show.After = list[i+1].Date
	}
	return &page{Title: "Export of " + date, Name: "export.html", Here: "/exports", Show: show}, nil
}

// Rows counts the rows of an export's entries, which every format has alike.
func (x Export) Rows() int64 {
	for _, f := range x.Files {
		if len(f.Name) > 7 && f.Name[:7] == "entries" {
			return f.Rows
		}
	}
	return 0
}

// Arrived counts the destinations that have it.
func (x Export) Arrived() int {
	n := 0
	for _, d := range x.Deliveries {
		if !d.At.IsZero() {
			n++
		}
	}
	return n
}
