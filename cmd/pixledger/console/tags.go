package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// tagForm is the form that makes a tag to copy.
type tagForm struct {
	Action   string
	Kinds    []option
	Flags    []tagFlag
	Add      string // segments
	Remove   string
	Segments []Item
	Text     string
	Problem  string
	Asked    *answer
}

// tagFlag is something that a tag can have or not.
type tagFlag struct {
	Param, Flag, Label, Hint string
	Chosen                   bool
}

// pixelFlags and trackerFlags are those of `pixel export` and `tracker export`.
// Chosen are those that a tag has that nobody has chosen for.
var (
	pixelFlags = []tagFlag{
		{"order_id", "--order-id", "Order id", "order_id=[ORDER_ID]", true},
		{"value", "--value", "Value", "value=[REVENUE]", true},
		{"other", "--other", "Other text", "other=[OTHER]", false},
		{"redir", "--redir", "Redirect", "redir=[REDIRECT_URL]", false},
		{"codes", "--codes", "Codes instead of ids", "of pixel and segments", false},
		{"http", "--http", "Not secure", "http instead of https", false},
	}
	trackerFlags = []tagFlag{
		{"cachebuster", "--cachebuster", "Cachebuster", "cachebuster=[CACHEBUSTER]", true},
		{"ancost", "--ancost", "Media cost", "ancost=[ANCOST]", false},
		{"redir", "--redir", "Redirect", "redir=[REDIRECT_URL]", false},
		{"http", "--http", "Not secure", "http instead of https", false},
	}
)

// tagOf makes the tag that a form asks for.
func (c *console) tagOf(ctx context.Context, form *tagForm, flags []tagFlag, values url.Values, command ...string) {
	args := command
	chosen := values.Get("form")
	for i := range form.Kinds {
		k := &form.Kinds[i]
		k.Chosen = k.Value == chosen || chosen == "" && i == 0
		if k.Chosen && k.Value != "image" {
			args = append(args, "--"+k.Value)
		}
	}
	for _, f := range flags {
		if values.Has("form") {
			f.Chosen = values.Get(f.Param) == "1"
		}
		if f.Chosen {
			args = append(args, f.Flag)
		}
		form.Flags = append(form.Flags, f)
	}
	for _, x := range []struct {
		flag, list string
		into       *string
	}{{"--add=", values.Get("add"), &form.Add}, {"--remove=", values.Get("remove"), &form.Remove}} {
		if *x.into = strings.Join(strings.FieldsFunc(x.list, func(r rune) bool { return r == ',' || r == ' ' }), ","); *x.into != "" {
			args = append(args, x.flag+*x.into)
		}
	}
	x, err := c.answers.get(ctx, args...)
	if err != nil {
		form.Problem = err.Error()
		return
	}
	form.Text, form.Asked = strings.TrimSpace(string(x.Body)), x
}

// pixelTag makes the tag of a pixel that its page's form asks for.
func (c *console) pixelTag(ctx context.Context, id string, values url.Values, names *Catalog) *tagForm {
	form := &tagForm{
		Action: "/pixels/" + id + "#tag", Segments: names.Segments,
		Kinds: []option{{Value: "image", Text: "Image"}, {Value: "js", Text: "Script"}, {Value: "server-side", Text: "For a server"}},
	}
	c.tagOf(ctx, form, pixelFlags, values, "pixel", "export", id)
	return form
}

// mostTrackers stand on a page.
const mostTrackers = 200

// trackerLine is a tracker with the names of what it is of.
type trackerLine struct {
	Tracker
	LineItemName, AdvertiserName string
	Advertiser                   int64
}

func lineOf(t Tracker, names *Catalog) trackerLine {
	l := trackerLine{Tracker: t}
	for _, x := range names.LineItems {
		if x.ID == t.LineItem {
			l.LineItemName, l.Advertiser = x.Name, x.Advertiser
		}
	}
	l.AdvertiserName = nameOf(names.Advertisers, strconv.FormatInt(l.Advertiser, 10))
	return l
}

func (c *console) trackers(r *http.Request) (*page, error) {
	if err := checked(r); err != nil {
		return nil, err
	}
	names, err := c.Catalog()
	if err != nil {
		return nil, err
	}
	values := r.URL.Query()
	for _, name := range []string{"advertiser", "line_item"} {
		if v := values.Get(name); v != "" && !catalogID.MatchString(v) {
			return nil, &Refused{fmt.Sprintf("%s is %q; allowed: an id", name, v)}
		}
	}
	show := struct {
		Advertisers, LineItems []option
		Lines                  []trackerLine
		All, Found             int
		After                  string
	}{
		Advertisers: optionsOf("All advertisers", names.Advertisers, values.Get("advertiser")),
		LineItems:   optionsOf("All line items", names.LineItems, values.Get("line_item")), All: len(names.Trackers),
	}
	lineItems := map[int64]Item{}
	for _, x := range names.LineItems {
		lineItems[x.ID] = x
	}
	is := func(id int64, name string) bool {
		return values.Get(name) == "" || values.Get(name) == strconv.FormatInt(id, 10)
	}
	after, _ := strconv.ParseInt(values.Get("after"), 10, 64) // anything else is the first page
	passed := after == 0
	for _, t := range names.Trackers {
		if !is(t.LineItem, "line_item") || !is(lineItems[t.LineItem].Advertiser, "advertiser") {
			continue
		}
		show.Found++
		switch {
		case !passed:
			passed = t.ID == after
		case len(show.Lines) < mostTrackers:
			show.Lines = append(show.Lines, lineOf(t, names))
		case show.After == "":
			v := url.Values{"after": {strconv.FormatInt(show.Lines[len(show.Lines)-1].ID, 10)}}
			for _, name := range []string{"advertiser", "line_item"} {
				if values.Get(name) != "" {
					v.Set(name, values.Get(name))
				}
			}
			show.After = "/trackers?" + v.Encode()
		}
	}
	return &page{Title: "Trackers", Name: "trackers.html", Here: "/trackers", Show: show}, nil
}

func (c *console) tracker(r *http.Request) (*page, error) {
	if err := checked(r); err != nil {
		return nil, err
	}
	names, err := c.Catalog()
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	for _, t := range names.Trackers {
		if strconv.FormatInt(t.ID, 10) != id {
			continue
		}
		form := &tagForm{Action: "/trackers/" + id + "#tag", Kinds: []option{{Value: "image", Text: "Image"}, {Value: "js", Text: "Script"}}}
		if t.Kind == "click" {
			form.Kinds = []option{{Value: "image", Text: "Address of the ad's link"}}
		}
		c.tagOf(r.Context(), form, trackerFlags, r.URL.Query(), "tracker", "export", id)
		return &page{Title: "Tracker " + id, Name: "tracker.html", Here: "/trackers", Show: struct {
			trackerLine
			Tag *tagForm
		}{lineOf(t, names), form}}, nil
	}
	return nil, errors.Join(errNotHere, fmt.Errorf("the catalog has no tracker %s", strconv.Quote(id)))
}
