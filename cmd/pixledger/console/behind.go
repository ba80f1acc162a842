package console

import (
	"bytes"
	"html"
	"net/url"
	"regexp"
	"slices"
)

// What stands behind a figure: the command, or the statement that it runs.

// Statement is the SQL of an answer that is a query's; "" where it is a report's
// or another command's.
func (x *answer) Statement() string {
	if len(x.Command) > 1 && x.Command[0] == "query" {
		return x.Command[1]
	}
	return ""
}

// idPages are the pages of what columns of ids name.
var idPages = map[string]string{"conversion_id": "/conversions/", "pixel_id": "/pixels/", "tracker_id": "/trackers/"}

var (
	headCell = regexp.MustCompile(`<th scope="col"[^>]*>([^<]*)</th>`)
	rowEnd   = []byte("</tr>\n")
	cellEnd  = []byte("</td>")
)

// linked makes ids in the rows of a report's page lead to their pages. Texts have
// no < and > that are not escaped, so what is found is tags alone.
func linked(part []byte) []byte {
	_, table, ok := bytes.Cut(part, rowsBegin)
	if !ok {
		return part
	}
	head, rows, ok := bytes.Cut(table, []byte("<tbody>\n"))
	if !ok {
		return part
	}
	pages := map[int]string{}
	for i, h := range headCell.FindAllSubmatch(head, -1) {
		if page := idPages[string(h[1])]; page != "" {
			pages[i] = page
		}
	}
	body, foot, ok := bytes.Cut(rows, []byte("</tbody>"))
	if !ok || len(pages) == 0 {
		return part
	}
	out := slices.Clone(part[:len(part)-len(rows)])
	for row := range bytes.SplitAfterSeq(body, rowEnd) {
		cells := bytes.SplitAfter(row, cellEnd)
		for i, cell := range cells {
			text, begun := bytes.CutSuffix(cell, cellEnd)
			from := bytes.LastIndexByte(text, '>') + 1
			if page := pages[i]; page != "" && begun && from < len(text) {
				to := page + url.PathEscape(html.UnescapeString(string(text[from:])))
				cell = slices.Concat(text[:from], []byte(`<a href="`+html.EscapeString(to)+`">`), text[from:], []byte("</a>"), cellEnd)
			}
			out = append(out, cell...)
		}
	}
	return slices.Concat(out, []byte("</tbody>"), foot)
}
