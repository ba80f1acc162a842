package lake

import "maps"

// addByEdge takes a range that is about to be read into the account by edge,
// which begins with the second edge that the file is read for.
func (s *Source) addByEdge(g *Range) {
	if s.ByEdge == nil {
		if s.Edge == g.Edge || len(s.Days) == 0 {
			return
		}
		s.ByEdge = map[string]map[string]*Counts{s.Edge: cloneDays(s.Days)}
	} else {
		s.ByEdge = maps.Clone(s.ByEdge) // it stands in states that were handed out
	}
	s.ByEdge[g.Edge] = AddDays(cloneDays(s.ByEdge[g.Edge]), g.Days)
}

// Account is the account of all lines by edge and day (YYYY-MM-DD, UTC). A line
// counts for the edge that it was read for, as its event and its reject do; what
// an edge has published, for that edge.
func (s *State) Account() map[string]map[string]*Counts {
	out := map[string]map[string]*Counts{}
	for _, src := range s.Sources {
		if src.ByEdge == nil {
			out[src.Edge] = AddDays(out[src.Edge], src.Days)
			continue
		}
		for edge, days := range src.ByEdge {
			out[edge] = AddDays(out[edge], days)
		}
	}
	for name, edge := range s.Edges {
		for date, day := range edge.Days {
			if day.Account.Lines() == 0 {
				continue // a date without a line is published too
			}
			out[name] = AddDays(out[name], map[string]*Counts{date: day.Account})
		}
	}
	return out
}
