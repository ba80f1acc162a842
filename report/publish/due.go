package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/published"
)

// parts are what was published of a lake, by its records.
type parts struct {
	edge      string
	manifests []*published.Manifest
	days      map[string]*day
}

// day is a UTC date as it was published.
type day struct {
	number  int
	last    *published.Manifest
	rejects int64
	logs    map[string]*lake.Counts // by source id: the account that was published
	ends    map[string]int64        // by source id: up to where it was published
	rejTo   map[string]int64        // the same of its rejects
}

func readParts(l *lake.Lake, edge string) (*parts, error) {
	p := &parts{edge: edge, days: map[string]*day{}}
	for n := int64(1); ; n++ {
		at := l.Path(partsFolder + "/" + published.ManifestName(n))
		b, err := l.Disk().ReadFile(at)
		if errors.Is(err, fs.ErrNotExist) {
			return p, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read what was published: %w", err)
		}
		m, err := published.Decode(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; remove it and all after it: they are fetched again", at, err)
		}
		if err := p.add(m); err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
	}
}

func (p *parts) last() int64 { return int64(len(p.manifests)) }

// head is the hash of the last manifest.
func (p *parts) head() string {
	if len(p.manifests) == 0 {
		return ""
	}
	return p.manifests[len(p.manifests)-1].Manifest
}

func (p *parts) add(m *published.Manifest) error {
	id := m.Lake
	if len(p.manifests) > 0 {
		id = p.manifests[0].Lake
	}
	if err := m.Follows(p.edge, p.last(), p.head(), id); err != nil {
		if m.Edge != p.edge {
			return fmt.Errorf("this lake was published under the name %s; allowed: that name, for as long as the lake lives", m.Edge)
		}
		return err
	}
	p.manifests = append(p.manifests, m)
	d := p.days[m.Date]
	if d == nil {
		d = &day{logs: map[string]*lake.Counts{}, ends: map[string]int64{}, rejTo: map[string]int64{}}
		p.days[m.Date] = d
	}
	d.number, d.last = m.Number, m
	for _, f := range m.Files {
		if m.LakeFolder(f) == lake.DateFolder(schemas.Rejects, m.Date) {
			d.rejects += f.Rows
		}
	}
	for _, g := range m.Logs {
		id := p.own(g.SourceID)
		if d.logs[id] == nil {
			d.logs[id] = &lake.Counts{}
		}
		d.logs[id].Add(g.Account)
		d.ends[id] = g.To
	}
	for _, g := range m.Rejects {
		d.rejTo[p.own(g.SourceID)] = g.To
	}
	return nil
}

// own gives the id that a log has in this lake.
func (p *parts) own(id string) string { return strings.TrimPrefix(id, p.edge+"/") }

// agree refuses a lake that has read less than was published of it.
func (p *parts) agree(state *lake.State) error {
	for date, d := range p.days {
		for id, end := range d.ends {
			src := state.Sources[id]
			if src == nil || src.Position < end || !covers(src.Days[date], d.logs[id]) {
				return fmt.Errorf("of %s more was published than this lake has read (log %s, up to byte %d): it was put back from a backup, or another machine has a copy of it and publishes under the name %s; "+
					"read on with `pixledger ingest`, or let one machine publish", date, id, end, p.edge)
			}
		}
	}
	return nil
}

// covers tells whether an account has grown from another.
func covers(now, was *lake.Counts) bool {
	if now == nil {
		now = &lake.Counts{}
	}
	grown := now.Minus(was)
	for _, counts := range []map[string]int64{grown.Events, grown.Rejects, grown.NotCounted} {
		for _, n := range counts {
			if n < 0 {
				return false
			}
		}
	}
	return grown.Ignored >= 0
}

// dueDay is a date of which a part is to be published.
type dueDay struct {
	date   string
	first  string // the first date of the edge
	number int
	// What the part adds.
	account *lake.Counts
	logs    []lake.PartLog
	rejects int64            // rows
	from    map[string]int64 // of the rejects: by source id, up to where they were published
	to      map[string]int64 // the positions that the account is of
	gaps    []lake.Gap
}

// due lists the dates of which something is to be published by the state, in order.
func (p *parts) due(state *lake.State, o *Options) []*dueDay {
	over := o.Now.UTC().Add(-o.After).AddDate(0, 0, -1)
	all, first := dates(state, o.Kept, over.Format(time.DateOnly))
	to := map[string]int64{}
	for id, src := range state.Sources {
		to[id] = src.Position
	}
	var out []*dueDay
	for _, date := range all {
		d := p.dueOf(state, o, date)
		if d == nil {
			continue
		}
		d.to, d.first = to, first
		out = append(out, d)
	}
	return out
}

// dueOf gives what is to be published of a date, or nil.
func (p *parts) dueOf(state *lake.State, o *Options, date string) *dueDay {
	was := p.days[date]
	d := &dueDay{date: date, number: 1, account: &lake.Counts{}, from: map[string]int64{}}
	for _, g := range o.Gaps {
		if slices.Contains(g.Days(), date) {
			g.ID = lake.EdgeID(o.Edge, g.ID)
			if g.SourceID != "" {
				g.SourceID = lake.EdgeID(o.Edge, g.SourceID)
			}
			g.Source = o.Edge // as the rows' edge
			d.gaps = append(d.gaps, g)
		}
	}
	slices.SortFunc(d.gaps, func(a, b lake.Gap) int { return strings.Compare(a.ID, b.ID) })
	if was != nil {
		d.number, d.from = was.number+1, was.rejTo
	}
	for _, id := range slices.Sorted(maps.Keys(state.Sources)) {
		src := state.Sources[id]
		now, start := src.Days[date], int64(0)
		if now == nil {
			continue
		}
		grown := now
		if was != nil {
			grown, start = now.Minus(was.logs[id]), was.ends[id]
		}
		if grown.Lines() == 0 {
			continue
		}
		d.account.Add(grown)
		d.logs = append(d.logs, lake.PartLog{
			SourceID: lake.EdgeID(o.Edge, id), Source: src.Edge, Name: src.Name, From: start, To: src.Position, Account: grown,
		})
	}
	for _, f := range state.Folder(lake.DateFolder(schemas.Rejects, date)) {
		d.rejects += f.Rows
	}
	if was != nil {
		d.rejects = max(d.rejects-was.rejects, 0)
	}
	if was == nil || len(d.logs) > 0 || d.rejects > 0 || !sameGaps(was.last.Gaps, d.gaps) {
		return d
	}
	return nil
}

func sameGaps(a, b []lake.Gap) bool {
	return slices.EqualFunc(a, b, func(x, y lake.Gap) bool { return x.ID == y.ID })
}

// dates lists the UTC dates that may be published: those of the account, those on
// which rejects were read, and all from the first with an event on, up to last. What was erased before the date kept can't be.
func dates(state *lake.State, kept, last string) (all []string, first string) {
	set := map[string]bool{}
	for _, src := range state.Sources {
		for date, c := range src.Days {
			set[date] = true
			if lake.Sum(c.Events) > 0 && (first == "" || date < first) {
				first = date
			}
		}
	}
	for p := range state.Files {
		if date := lake.FolderDate(p); path.Dir(p) == lake.DateFolder(schemas.Rejects, date) {
			set[date] = true
		}
	}
	if first != "" {
		first = max(first, kept)
		from, _ := time.Parse(time.DateOnly, first)
		for t := from; t.Format(time.DateOnly) <= last; t = t.AddDate(0, 0, 1) {
			set[t.Format(time.DateOnly)] = true
		}
	}
	maps.DeleteFunc(set, func(date string, _ bool) bool { return date > last || date < kept })
	return slices.Sorted(maps.Keys(set)), first
}
