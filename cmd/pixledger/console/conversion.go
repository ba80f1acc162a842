package console

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// part is a part of what `explain` says, under its heading.
type part struct{ Name, Text string }

// partsOf cuts what `explain` prints at its headings, which begin their lines.
func partsOf(text string) []part {
	var out []part
	for line := range strings.Lines(text) {
		switch {
		case strings.TrimSpace(line) != "" && !strings.HasPrefix(line, " "):
			out = append(out, part{Name: strings.TrimSpace(line)})
		case len(out) > 0:
			out[len(out)-1].Text += strings.TrimPrefix(line, "  ")
		}
	}
	for i := range out {
		out[i].Text = strings.TrimRight(strings.TrimLeft(out[i].Text, "\n"), "\n ")
	}
	return out
}

var (
	explainedPixel = regexp.MustCompile(`(?m)^pixel +([1-9][0-9]*) `)
	explainedOrder = regexp.MustCompile(`(?m)^order id +(.+)$`)
)

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
	show := struct {
		Parts    []part
		Decision string
		Pixel    string
		Links    []shortcut
		Asked    *answer
	}{Asked: x}
	for i, p := range partsOf(string(x.Body)) {
		switch {
		case p.Name == "Decision":
			show.Decision = p.Text
			continue
		case i == 0: // of the conversion itself
			p.Name = "The conversion"
			if m := explainedPixel.FindStringSubmatch(p.Text); m != nil {
				show.Links = append(show.Links, shortcut{Name: "Pixel " + m[1], Link: "/pixels/" + m[1]})
			}
			if m := explainedOrder.FindStringSubmatch(p.Text); m != nil {
				show.Links = append(show.Links, shortcut{Name: "All with this order id", Link: "/conversions?" + url.Values{"find": {m[1]}}.Encode()})
			}
		}
		show.Parts = append(show.Parts, p)
	}
	show.Links = append(show.Links, shortcut{
		Name: "Its ledger entries", Link: "/reports/ledger_entries?" + url.Values{"shown": {"1"}, "range": {"lifetime"}, "filter": {"conversion_id=" + id}}.Encode(),
	})
	return &page{Title: "Conversion " + id, Name: "conversion.html", Here: "/conversions", Made: x.Made, Show: show}, nil
}
