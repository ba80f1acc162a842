package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"pixledger/attribute"
	"pixledger/attribute/retention"
	"pixledger/ingest"
	"pixledger/ingest/collect"
	"pixledger/report/publish"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// publishOptions are what is published; the shared lake is opened by who needs it.
func (a *app) publishOptions(cfg *Config, l *lake.Lake, state *lake.State) publish.Options {
	gaps := ingest.Gaps(state, ingestSources(cfg), a.now())
	return publish.Options{
		Lake: l, Edge: cfg.Publish.Edge, After: cfg.Publish.After, Now: a.now(),
		Kept: state.Latest[attribute.RetentionKind].Notes[retention.NoteBefore],
		// A silence that is only warned of here is in no close's way there.
		Gaps: slices.DeleteFunc(gaps, func(g lake.Gap) bool {
			return g.Reason == lake.GapSilent && !gapBlocks(cfg, &lake.State{}, &g)
		}),
	}
}

// publishStatus is what status shows of an edge's publishing.
type publishStatus struct {
	To      string     `json:"to"`
	Edge    string     `json:"edge"`
	Parts   int64      `json:"parts"`
	Dates   int        `json:"dates"`
	Last    string     `json:"last_date,omitempty"`
	At      *time.Time `json:"last_published"`
	Waiting []string   `json:"waiting_dates"`
	Erasing bool       `json:"waiting_erasure"` // somebody was forgotten, and the shared lake does not know yet
	Failing *time.Time `json:"failing_since"`
	Error   string     `json:"error,omitempty"`
}

// publishes looks how far publishing has got, and warns of what is not published.
func (r *statusReport) publishes(a *app, cfg *Config, l *lake.Lake, state *lake.State) error {
	if cfg.Publish == nil {
		return nil
	}
	s, err := publish.Look(state, a.publishOptions(cfg, l, state))
	if err != nil {
		r.warn("what was published can't be told: "+err.Error(), "mend what it names; nothing is published until then")
		return nil
	}
	r.Publish = &publishStatus{
		To: cfg.Publish.To.String(), Edge: cfg.Publish.Edge, Parts: s.Parts, Dates: s.Dates, Last: s.Last, At: s.At,
		Waiting: append([]string{}, s.Waiting...), Erasing: s.Erasing,
	}
	switch {
	case s.Failure != nil:
		r.Publish.Failing, r.Publish.Error = &s.Failure.Since, s.Failure.Error
		r.warn("publishing fails since "+stamp(&s.Failure.Since)+": "+s.Failure.Error,
			"mend the cause; the daemon tries again on schedule, `pixledger publish` at once. The centre can't close what is not published")
	case s.Erasing && r.Now.Sub(state.Latest[lake.ForgetKind].At) > 2*time.Hour:
		r.warn("users were forgotten here, and still stand in the shared lake", "`pixledger publish` erases them there; see below whether its job runs")
	case len(s.Late) > 0:
		r.warn(fmt.Sprintf("%s over, and not published: %s", count(len(s.Late), "date"), daysText(s.Late)),
			"`pixledger publish` does it at once, and says what is in the way; see below whether its job runs")
	}
	return nil
}

// collectStatus is what status shows of a centre's edges.
type collectStatus struct {
	From  string                `json:"from"`
	Edges []collectedEdgeStatus `json:"edges"`
}

type collectedEdgeStatus struct {
	Name    string     `json:"name"`
	Parts   int64      `json:"parts"`
	Dates   int        `json:"dates"`
	First   string     `json:"first_date,omitempty"`
	Last    string     `json:"last_date,omitempty"`
	At      *time.Time `json:"last_collected"`
	Missing []string   `json:"missing_dates"` // that should have been published by now
}

// collects looks what was collected of each edge. What is missing are gaps, of which
// is warned as of others.
func (r *statusReport) collects(cfg *Config, state *lake.State) {
	if cfg.Collect == nil && len(state.Edges) == 0 {
		return
	}
	r.Collect = &collectStatus{}
	names := slices.Sorted(maps.Keys(state.Edges))
	if cfg.Collect != nil {
		r.Collect.From = cfg.Collect.From.String()
		names = append(names, cfg.Collect.Edges...)
		slices.Sort(names)
		names = slices.Compact(names)
	}
	missing := map[string][]string{}
	for _, g := range lateDates(cfg, state, r.Now) {
		missing[g.Source] = append(missing[g.Source], g.Days()...)
	}
	for _, name := range names {
		s := collectedEdgeStatus{Name: name, Missing: append([]string{}, missing[name]...)}
		if e := state.Edges[name]; e != nil {
			s.Parts, s.Dates, s.First, s.Last, s.At = e.Sequence, len(e.Days), e.First, e.Last(), &e.At
		}
		r.Collect.Edges = append(r.Collect.Edges, s)
	}
	if left := strangers(cfg, state); len(left) > 0 {
		r.warn("collect.edges does not name "+strings.Join(left, ", ")+", of which days were collected: a day is closed without waiting for it",
			"name it again, or leave it so where the edge is gone for good")
	}
}

func (s *publishStatus) rows(add func(section, name, figure string, value any)) {
	if s == nil {
		return
	}
	add("publish", s.Edge, "parts", s.Parts)
	add("publish", s.Edge, "dates", s.Dates)
	add("publish", s.Edge, "last_date", s.Last)
	add("publish", s.Edge, "last_published", s.At)
	add("publish", s.Edge, "waiting_dates", len(s.Waiting))
	add("publish", s.Edge, "waiting_erasure", s.Erasing)
	add("publish", s.Edge, "failing_since", s.Failing)
	add("publish", s.Edge, "error", s.Error)
}

func (s *collectStatus) rows(add func(section, name, figure string, value any)) {
	if s == nil {
		return
	}
	for _, e := range s.Edges {
		add("edge", e.Name, "parts", e.Parts)
		add("edge", e.Name, "dates", e.Dates)
		add("edge", e.Name, "first_date", e.First)
		add("edge", e.Name, "last_date", e.Last)
		add("edge", e.Name, "last_collected", e.At)
		add("edge", e.Name, "missing_dates", len(e.Missing))
	}
}

func (s *publishStatus) print(w io.Writer) {
	if s == nil {
		return
	}
	fmt.Fprintln(w, "\npublishes to\tas\tdates\tlast\twaiting\tlast published\tfailing since")
	fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%s\t%s\n", s.To, s.Edge, s.Dates, orDash(s.Last), len(s.Waiting), stamp(s.At), stamp(s.Failing))
}

func (s *collectStatus) print(w io.Writer) {
	if s == nil {
		return
	}
	fmt.Fprintln(w, "\nedge\tdates\tfirst\tlast\tmissing\tlast collected")
	for _, e := range s.Edges {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%s\n", schemas.Shown(e.Name), e.Dates, orDash(e.First), orDash(e.Last), len(e.Missing), stamp(e.At))
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// sharedVerdict is what verify has found of the shared lake.
type sharedVerdict struct {
	differences int
	lines       []string // what is well
}

// verifyShared says what is wrong with what was published, and with what was
// collected; with ask also at the shared lake itself.
func (a *app) verifyShared(ctx context.Context, cfg *Config, l *lake.Lake, state *lake.State, ask bool, say io.Writer) (v sharedVerdict, err error) {
	found := func(what string) {
		v.differences++
		fmt.Fprintln(say, schemas.Shown(what))
	}
	if cfg.Publish != nil {
		parts, err := publish.Verify(l, state, cfg.Publish.Edge, found)
		if err != nil {
			return v, err
		}
		text := "published: " + count(int(parts), "part") + ", chained"
		if ask {
			store, err := a.openShared(ctx, cfg.Publish.To)
			if err != nil {
				return v, err
			}
			defer store.Close()
			expired, err := publish.VerifyShared(ctx, l, store, cfg.Publish.Edge, found)
			if err != nil {
				return v, err
			}
			text += ", and in the shared lake as they were published" + expiredText(expired)
		}
		v.lines = append(v.lines, text)
	}
	if cfg.Collect != nil && ask {
		store, err := a.openShared(ctx, cfg.Collect.From)
		if err != nil {
			return v, err
		}
		defer store.Close()
		parts, expired, err := collect.VerifyShared(ctx, l, state, store, found)
		if err != nil {
			return v, err
		}
		v.lines = append(v.lines, "collected: "+count(parts, "part")+", in the shared lake as they were collected"+expiredText(expired))
	}
	return v, nil
}

// expiredText says how many files of the oldest parts are there no more.
func expiredText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %s of the oldest have expired there", count(n, "file"))
}

func (v sharedVerdict) print(w io.Writer) {
	for _, line := range v.lines {
		fmt.Fprintln(w, line)
	}
}
