package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Publish is how far an edge has published.
type Publish struct {
	To      string     `json:"to"`
	Edge    string     `json:"edge"`
	Parts   int64      `json:"parts"`
	Dates   int64      `json:"dates"`
	Last    string     `json:"last_date"`
	At      *time.Time `json:"last_published"`
	Waiting []string   `json:"waiting_dates"`
	Erasing bool       `json:"waiting_erasure"`
	Failing *time.Time `json:"failing_since"`
	Error   string     `json:"error"`
}

// Late counts the parts that came after the first of their date.
func (p *Publish) Late() int64 { return p.Parts - p.Dates }

// Collect is what a centre has collected.
type Collect struct {
	From  string          `json:"from"`
	Edges []CollectedEdge `json:"edges"`
}

// CollectedEdge is what was collected of one edge.
type CollectedEdge struct {
	Name    string     `json:"name"`
	Parts   int64      `json:"parts"`
	Dates   int64      `json:"dates"`
	First   string     `json:"first_date"`
	Last    string     `json:"last_date"`
	At      *time.Time `json:"last_collected"`
	Missing []string   `json:"missing_dates"`
}

// Late counts the parts that came after the first of their date.
func (e CollectedEdge) Late() int64 { return e.Parts - e.Dates }

// Edge is the edge that a gap came from; empty: it is of a source of this lake.
func (g Gap) Edge() string {
	if edge, _, published := strings.Cut(g.ID, "/"); published {
		return edge
	}
	if g.Unpublished() {
		return g.Source
	}
	return ""
}

// Unpublished tells whether it is a date that an edge has not published.
func (g Gap) Unpublished() bool { return g.Reason == "unpublished" }

// Of is the address of the account of the edge's lines of one day.
func (g Gap) Of(day string) string { return accountOf(g.Edge(), day) }

// edgesPage is what edges and their centre have done with the shared lake.
type edgesPage struct {
	Status              *Status
	Publishes, Collects bool // by the configuration
	PublishJob, TakeJob *Job
	Gaps                []Gap // of edges
	Edges               []edgeLine
}

// edgeLine is an edge at the centre, with the account of its lines.
type edgeLine struct {
	CollectedEdge
	Lines, Events, Rejects int64
}

func (c *console) edges(*http.Request) (*page, error) {
	s, err := c.Status()
	if err != nil {
		return nil, err
	}
	show := &edgesPage{Status: s, PublishJob: s.job("publish"), TakeJob: s.job("collect")}
	show.Publishes, show.Collects = c.Edges()
	for _, g := range s.Gaps {
		if g.Edge() != "" {
			show.Gaps = append(show.Gaps, g)
		}
	}
	if s.Collect != nil {
		for _, e := range s.Collect.Edges {
			show.Edges = append(show.Edges, s.line(e))
		}
	}
	return &page{Title: "Edges", Name: "edges.html", Here: "/edges", Show: show}, nil
}

// job gives a job by its name, nil where it has no times.
func (s *Status) job(name string) *Job {
	i := slices.IndexFunc(s.Jobs, func(j Job) bool { return j.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Jobs[i]
}

// line adds the account of an edge's lines, which has its name where a source's has
// the source's.
func (s *Status) line(e CollectedEdge) edgeLine {
	out := edgeLine{CollectedEdge: e}
	for _, x := range s.Sources {
		if x.Name == e.Name {
			out.Lines, out.Events, out.Rejects = x.Lines, x.Events, x.Rejects
		}
	}
	return out
}

// Account is the address of the account of the edge's lines, of all days.
func (e edgeLine) Account() string { return accountOf(e.Name, "") }

// Of is the address of the account of the edge's lines of one day.
func (e edgeLine) Of(day string) string { return accountOf(e.Name, day) }

// Account is the address of the account of this lake's lines, of all days.
func (p *Publish) Account() string { return accountOf("", "") }

// Of is the address of the account of this lake's lines of one day.
func (p *Publish) Of(day string) string { return accountOf("", day) }

// accountOf is the address of an account of lines, by UTC day; of all sources or
// all days where none is named.
func accountOf(source, day string) string {
	values := url.Values{"shown": {"1"}}
	if at, err := time.Parse(time.DateOnly, day); err == nil {
		values.Set("from", day)
		values.Set("to", at.AddDate(0, 0, 1).Format(time.DateOnly))
	} else {
		values.Set("range", "lifetime")
	}
	if source != "" {
		values.Set("filter", "source="+source)
	}
	return "/reports/data_quality?" + values.Encode()
}
