package lake

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// CollectKind is the kind of the commits that bring in what edges have published.
const CollectKind = "collect"

// Part is what an edge has published of one UTC date at one time: the rows of the
// lines that its lake had read until then and that no part before it holds.
type Part struct {
	Edge string `json:"edge"`
	Lake string `json:"lake"` // the id of the edge's lake
	// Sequence numbers the parts of an edge, from 1, without gaps.
	Sequence int64 `json:"sequence"`
	// Date is the UTC date of the events, and Number numbers its parts, from 1.
	Date   string `json:"date"`
	Number int    `json:"number"`
	// First is the first UTC date that the edge has an event of, and publishes all from
	// there on; empty while it has none.
	First string `json:"first_date"`
	// Manifest is the SHA-256 of the manifest, which can't hold it itself.
	Manifest string `json:"manifest_sha256,omitempty"`
	// Account is that of the lines of the date that this part adds.
	Account *Counts   `json:"account"`
	Logs    []PartLog `json:"logs,omitempty"`
	// Rejects say of which logs the rejects that were read on the date are.
	Rejects []PartLog `json:"reject_logs,omitempty"`
	// Gaps are the losses that touch the date, as they were open when the part was
	// published: all of them, whatever the parts before it say.
	Gaps []Gap `json:"gaps,omitempty"`
}

// PartLog is a stretch of one log of an edge: rows of lines that begin in
// [From, To). Its id begins with the edge's name, as the rows' source_id does.
type PartLog struct {
	SourceID string  `json:"source_id"`
	Source   string  `json:"source"` // the name of the source, on the edge
	Name     string  `json:"name"`   // the path, on the edge
	From     int64   `json:"from"`
	To       int64   `json:"to"`
	Account  *Counts `json:"account,omitempty"` // of the lines of the date
}

// EdgeID makes what an edge has numbered its own: two edges may give one id.
func EdgeID(edge, id string) string { return edge + "/" + id }

// Check says what in a part can't be.
func (p *Part) Check() error {
	switch {
	case p.Edge == "" || strings.Contains(p.Edge, "/"):
		return fmt.Errorf("a part is of the edge %q", p.Edge)
	case p.Sequence < 1 || p.Number < 1 || int64(p.Number) > p.Sequence:
		return fmt.Errorf("part %d of %s is number %d of %s", p.Sequence, p.Edge, p.Number, p.Date)
	case !isDate(p.Date) || p.First != "" && !isDate(p.First):
		return fmt.Errorf("part %d of %s is of the date %q, and the first is %q", p.Sequence, p.Edge, p.Date, p.First)
	case p.Account == nil:
		return fmt.Errorf("part %d of %s has no account", p.Sequence, p.Edge)
	}
	for _, g := range slices.Concat(p.Logs, p.Rejects) {
		if !strings.HasPrefix(g.SourceID, p.Edge+"/") || g.From < 0 || g.To < g.From {
			return fmt.Errorf("part %d of %s has rows of %q from %d to %d", p.Sequence, p.Edge, g.SourceID, g.From, g.To)
		}
	}
	for i := range p.Gaps {
		if g := &p.Gaps[i]; g.ID == "" || g.To.Before(g.From) {
			return fmt.Errorf("part %d of %s has a gap %q from %s to %s", p.Sequence, p.Edge, g.ID, g.From, g.To)
		}
	}
	return nil
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// Edge is what the lake knows of one edge that publishes.
type Edge struct {
	Name     string                   `json:"name"`
	Lake     string                   `json:"lake"`
	Sequence int64                    `json:"sequence"` // of the last part
	Manifest string                   `json:"manifest_sha256"`
	First    string                   `json:"first_date"`
	Days     map[string]*PublishedDay `json:"days"` // by UTC date
	Logs     map[string]string        `json:"logs"` // the names of its logs, by source id
	At       time.Time                `json:"at"`   // when its last part was brought in
}

// PublishedDay is a UTC date as an edge has published it.
type PublishedDay struct {
	Number  int     `json:"number"`
	Account *Counts `json:"account"`
	Gaps    []Gap   `json:"gaps,omitempty"`
}

// Last is the newest date that the edge has published.
func (e *Edge) Last() string {
	last := ""
	for day := range e.Days {
		last = max(last, day)
	}
	return last
}

// foldPart takes a part in.
func (s *State) foldPart(r *Record, p *Part) error {
	edge := &Edge{Name: p.Edge, Lake: p.Lake, Days: map[string]*PublishedDay{}, Logs: map[string]string{}}
	if old := s.Edges[p.Edge]; old != nil {
		*edge = *old
		edge.Days, edge.Logs = maps.Clone(old.Days), maps.Clone(old.Logs)
	}
	day := &PublishedDay{Account: &Counts{}}
	if old := edge.Days[p.Date]; old != nil {
		day.Number = old.Number
		day.Account.Add(old.Account)
	}
	if p.Sequence != edge.Sequence+1 || p.Number != day.Number+1 || p.Lake != edge.Lake {
		return fmt.Errorf("commit %d brings part %d of %s, number %d of %s, after part %d and number %d", r.Seq, p.Sequence, p.Edge, p.Number, p.Date, edge.Sequence, day.Number)
	}
	day.Number, day.Gaps = p.Number, p.Gaps
	day.Account.Add(p.Account)
	edge.Sequence, edge.Manifest, edge.At = p.Sequence, p.Manifest, r.At
	if p.First != "" && (edge.First == "" || p.First < edge.First) {
		edge.First = p.First
	}
	edge.Days[p.Date] = day
	for _, g := range slices.Concat(p.Logs, p.Rejects) {
		edge.Logs[g.SourceID] = g.Name
	}
	s.Edges[p.Edge] = edge
	return nil
}

// EdgeGaps lists the losses that edges have published, each once.
func (s *State) EdgeGaps() []Gap {
	var out []Gap
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(s.Edges)) {
		edge := s.Edges[name]
		for _, date := range slices.Sorted(maps.Keys(edge.Days)) {
			for _, g := range edge.Days[date].Gaps {
				if !seen[g.ID] {
					seen[g.ID] = true
					out = append(out, g)
				}
			}
		}
	}
	return out
}

// GapUnpublished is the reason of a date that an edge has not published: whatever
// it has of it is missing here.
const GapUnpublished GapReason = "unpublished"

// UnpublishedGaps lists the UTC dates in [from, until) that edges which are expected
// to publish have not published, each as a gap. An edge is expected from the first
// date that it has an event of; one without an event, for all. They follow from
// what was brought in, so that a date is no gap any more once it is.
func (s *State) UnpublishedGaps(edges []string, from, until time.Time) []Gap {
	var out []Gap
	for t := from.UTC().Truncate(24 * time.Hour); t.Before(until); t = t.AddDate(0, 0, 1) {
		date := t.Format(time.DateOnly)
		for _, name := range edges {
			edge := s.Edges[name]
			if edge != nil && (edge.First != "" && date < edge.First || edge.Days[date] != nil) {
				continue
			}
			out = append(out, Gap{
				ID: NewGapID(GapUnpublished, name, date), Source: name, Reason: GapUnpublished,
				From: t, To: t.AddDate(0, 0, 1).Add(-time.Microsecond),
			})
		}
	}
	return out
}

// LogName is the path by which a log was read: of an edge's, EDGE:PATH. ok is false
// for a log that the lake does not know.
func (s *State) LogName(sourceID string) (name string, ok bool) {
	if src := s.Sources[sourceID]; src != nil {
		return src.Name, true
	}
	edge, _, published := strings.Cut(sourceID, "/")
	if e := s.Edges[edge]; published && e != nil && e.Logs[sourceID] != "" {
		return edge + ":" + e.Logs[sourceID], true
	}
	return "", false
}
