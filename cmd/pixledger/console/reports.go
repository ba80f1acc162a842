package console

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// ranges are those that a form offers.
var ranges = []string{"today", "yesterday", "last_7_days", "last_30_days", "month_to_date", "last_month", "lifetime"}

// defaultRange is that of a page that asks for none: all there is may take long.
const defaultRange = "last_7_days"

// dayOfEach is the range of reports with a row for each conversion or entry, where
// none is asked for: a day of them is what a page holds.
var dayOfEach = map[string]string{"attributed_conversions": "yesterday", "ledger_entries": "yesterday", "pixel_feed": "yesterday"}

// mostRows are shown of a report; downloads have all.
const mostRows = "500"

// downloads are the formats that a report can be had in.
var downloads = []string{"csv", "tsv", "json", "ndjson", "xlsx", "parquet", "html"}

var contentTypes = map[string]string{
	"csv": "text/csv; charset=utf-8", "tsv": "text/tab-separated-values; charset=utf-8", "json": "application/json",
	"ndjson": "application/x-ndjson", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"parquet": "application/vnd.apache.parquet", "html": "text/html; charset=utf-8",
}

func (c *console) reports(r *http.Request) (*page, error) {
	list, err := c.Reports(r.Context())
	return &page{Title: "Reports", Name: "reports.html", Here: "/reports", Show: byPurpose(list)}, err
}

// reportGroup is reports of one purpose.
type reportGroup struct {
	Name    string
	Reports []Report
}

// purposes are what reports are looked for by; what is in none is a user's own.
var purposes = []struct {
	name    string
	reports []string
}{
	{"Money", []string{"revenue", "statement", "ledger_entries", "reconciliation"}},
	{"Conversions", []string{"attributed_conversions", "unattributed", "pixel_feed", "time_to_conversion", "attribution_models"}},
	{"Advertising", []string{"advertiser_analytics"}},
	{"Pixels", []string{"pixel_fired", "attributed_urls"}},
	{"Quality of the data", []string{"data_quality", "suspicious_traffic"}},
}

func byPurpose(list []Report) []reportGroup {
	out := make([]reportGroup, len(purposes), len(purposes)+1)
	own := reportGroup{Name: "Your own"}
	for _, r := range list {
		to := &own
		for i, p := range purposes {
			out[i].Name = p.name
			if slices.Contains(p.reports, r.Name) {
				to = &out[i]
			}
		}
		to.Reports = append(to.Reports, r)
	}
	for i, p := range purposes {
		slices.SortFunc(out[i].Reports, func(a, b Report) int {
			return slices.Index(p.reports, a.Name) - slices.Index(p.reports, b.Name)
		})
	}
	return slices.DeleteFunc(append(out, own), func(g reportGroup) bool { return len(g.Reports) == 0 })
}

// reportPage is a report with the form that asks for it.
type reportPage struct {
	Report
	Action  string
	Ranges  []string
	Values  url.Values
	Given   []string // filters
	Needs   []string // what it can't do without and was not given
	Problem string
	Wait    bool // it is made when it is asked for
	Result  template.HTML
	Asked   *answer
	Query   template.URL
	Formats []string
}

// Value is what the form's field holds.
func (p *reportPage) Value(name string) string { return p.Values.Get(name) }

// Kept are parameters that a page was asked for and that its form has no field for.
func (p *reportPage) Kept() []string {
	return slices.DeleteFunc([]string{"columns", "time_zone"}, func(name string) bool { return p.Value(name) == "" })
}

// IntervalNames are those that a form offers.
func (*reportPage) IntervalNames() []string {
	return []string{"cumulative", "hourly", "daily", "monthly"}
}

// First is the first sentence of what it shows.
func (d Report) First() string {
	first, _, found := strings.Cut(d.Doc, ". ")
	if found {
		first += "."
	}
	return first
}

func (c *console) find(ctx context.Context, name string) (*Report, error) {
	list, err := c.Reports(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(r Report) bool { return r.Name == name })
	if i < 0 {
		return nil, errNotHere
	}
	return &list[i], nil
}

func (c *console) report(r *http.Request) (*page, error) {
	return c.reportAs(r, r.PathValue("name"), "/reports/"+url.PathEscape(r.PathValue("name")), r.PathValue("name"), "/reports", r.URL.Query())
}

func (c *console) reportAs(r *http.Request, name, action, title, here string, values url.Values) (*page, error) {
	if err := checked(r); err != nil {
		return nil, err
	}
	def, err := c.find(r.Context(), name)
	if err != nil {
		return nil, err
	}
	show := &reportPage{Report: *def, Action: action, Ranges: ranges, Values: values, Formats: downloads}
	for _, f := range values["filter"] {
		if f != "" {
			show.Given = append(show.Given, f)
		}
	}
	p := &page{Title: title, Name: "report.html", Here: here, Show: show}
	if !def.Rangeless && values.Get("range") == "" && values.Get("from") == "" && values.Get("to") == "" {
		values.Set("range", cmp.Or(dayOfEach[name], defaultRange))
	}
	if show.Needs = def.missing(values); len(show.Needs) > 0 || def.Apart != "" {
		return p, nil
	}
	// A link with parameters asks as the button does.
	if show.Wait = def.Slow && len(r.URL.Query()) == 0; show.Wait {
		return p, nil
	}
	show.Query = template.URL(values.Encode())
	args := append(def.args(values), "--limit="+mostRows, "--format=html")
	show.Result, show.Asked, err = c.fragment(r.Context(), title, args...)
	var refused *Refused
	if errors.As(err, &refused) {
		show.Problem = refused.Message
		return p, nil
	}
	if err == nil {
		p.Made = show.Asked.Made
	}
	return p, err
}

// missing lists what a report can't do without and is not given.
func (d *Report) missing(values url.Values) []string {
	var out []string
	for _, f := range d.Required {
		if !slices.ContainsFunc(values["filter"], func(v string) bool { return strings.HasPrefix(v, f+"=") }) {
			out = append(out, "a filter "+f+"=…")
		}
	}
	for _, p := range d.Params {
		if p.Required && values.Get(p.Name) == "" {
			out = append(out, p.Name)
		}
	}
	return out
}

// args are the arguments of the command that gives the report. Each value is a
// part of its flag's word: none can be taken for a flag.
func (d *Report) args(values url.Values) []string {
	args := []string{"report", d.Name}
	add := func(name, flag string) {
		if v := values.Get(name); v != "" {
			args = append(args, flag+"="+v)
		}
	}
	if !d.Rangeless {
		if values.Get("from") == "" && values.Get("to") == "" {
			add("range", "--range")
		}
		add("from", "--from")
		add("to", "--to")
	}
	if d.Intervals {
		add("interval", "--interval")
	}
	if len(d.By) > 0 {
		add("by", "--by")
	}
	add("columns", "--columns")
	add("time_zone", "--time-zone")
	for _, f := range values["filter"] {
		if f != "" {
			args = append(args, "--filter="+f)
		}
	}
	for _, p := range d.Params {
		switch v := values.Get(p.Name); {
		case v == "":
		case strings.HasPrefix(p.Flag, "--param "):
			args = append(args, "--param="+p.Name+"="+v)
		default:
			args = append(args, p.Flag+"="+v)
		}
	}
	return args
}

// download hands a report on as a file.
func (c *console) download(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	format, ok := strings.CutPrefix(r.PathValue("file"), name+".")
	def, err := c.find(r.Context(), name)
	if err == nil {
		err = checked(r)
	}
	if err == nil && (!ok || !slices.Contains(downloads, format) || def.Apart != "") {
		err = errNotHere
	}
	if err != nil {
		c.serve(w, r, nil, err)
		return
	}
	select {
	case c.files <- struct{}{}:
		defer func() { <-c.files }()
	case <-r.Context().Done():
		return
	}
	h := w.Header()
	out := &begun{w: w, head: func() {
		h.Set("Content-Type", contentTypes[format])
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name + "." + format}))
	}}
	ctx, cancel := context.WithTimeout(r.Context(), 10*askFor)
	defer cancel()
	// The command prints nothing before its result is whole.
	if err := c.Ask(ctx, out, append(def.args(r.URL.Query()), "--format="+format)...); err != nil {
		if out.begun {
			panic(http.ErrAbortHandler) // so that nobody takes the part for the whole
		}
		c.serve(w, r, nil, err)
		return
	}
	if !out.begun {
		out.head() // an empty result
	}
}

// begun sets the head before the first byte, which says that all went well.
type begun struct {
	w     http.ResponseWriter
	head  func()
	begun bool
}

func (b *begun) Write(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		b.head()
	}
	answerWithin(b.w, askFor) // who takes nothing for so long has gone
	return b.w.Write(p)
}

var (
	styled     = regexp.MustCompile(` style="([^"<>]*)"`)
	rowsBegin  = []byte(`aria-label="Rows">` + "\n<table>")
	chartTable = []byte(`<summary>The figures</summary><div><table>`)
)

// fragment gives what stands below the heading on the page that a command makes
// in the format html: drawings and table. The console's own stylesheet dresses
// it; drawings' inline styles, which no page here may have, become attributes.
func (c *console) fragment(ctx context.Context, title string, args ...string) (template.HTML, *answer, error) {
	x, err := c.answers.get(ctx, args...)
	if err != nil {
		return "", nil, err
	}
	part, err := fragmentOf(title, x)
	return part, x, err
}

func fragmentOf(title string, x *answer) (template.HTML, error) {
	_, b, ok := bytes.Cut(x.Body, []byte("</h1>\n"))
	if !ok {
		return "", errors.New("the report's page has no heading")
	}
	if end := bytes.LastIndex(b, []byte("</body>")); end >= 0 {
		b = b[:end]
	} else if end := bytes.LastIndex(b, []byte("</tr>\n")); x.Cut && end >= 0 {
		b = slices.Concat(b[:end], []byte("</tr>\n</tbody></table></div>\n<p class=\"notice\">There are more rows than a page holds: a download has them all.</p>\n"))
	} else {
		return "", errors.New("the result is more than a page holds; a download has it all")
	}
	// Texts have no quotes that are not escaped, so this is of tags alone.
	b = styled.ReplaceAllFunc(b, func(attribute []byte) []byte {
		var out []byte
		for _, rule := range bytes.Split(styled.FindSubmatch(attribute)[1], []byte(";")) {
			if name, value, ok := bytes.Cut(rule, []byte(":")); ok {
				out = slices.Concat(out, []byte(" "), name, []byte(`="`), value, []byte(`"`))
			}
		}
		return out
	})
	b = linked(b)
	caption := []byte(`<caption class="unseen">` + template.HTMLEscapeString(title) + `</caption>`)
	b = bytes.Replace(b, rowsBegin, slices.Concat(rowsBegin, caption), 1)
	b = bytes.ReplaceAll(b, chartTable, slices.Concat([]byte(`<summary>The figures</summary><div tabindex="0" role="region" aria-label="The figures"><table>`), caption))
	return template.HTML(b), nil // the command's own, its texts escaped
}
