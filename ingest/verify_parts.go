package ingest

import (
	"maps"
	"slices"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// partsRead is what the parts of edges have brought until a commit.
type partsRead struct {
	sequence map[string]int64               // by edge
	number   map[[2]string]int              // by edge and date
	stands   map[[3]string]map[string]int64 // by edge, date and dataset: up to where rows of each log came
	bounds   map[string]lake.Range          // by source id: all that was brought of it
}

func newPartsRead() partsRead {
	return partsRead{map[string]int64{}, map[[2]string]int{}, map[[3]string]map[string]int64{}, map[string]lake.Range{}}
}

// ranges are the stretches of logs of which parts brought rows.
func (p *partsRead) ranges() []lake.Range {
	return slices.Collect(maps.Values(p.bounds))
}

// rangesOf are those of one part: of each log one, for its events and rejects.
func rangesOf(p *lake.Part) []lake.Range {
	all := map[string]lake.Range{}
	for _, g := range slices.Concat(p.Logs, p.Rejects) {
		widen(all, g)
	}
	return slices.Collect(maps.Values(all))
}

func widen(all map[string]lake.Range, g lake.PartLog) {
	r, known := all[g.SourceID]
	if !known {
		r = lake.Range{SourceID: g.SourceID, Start: g.From, End: g.To}
	}
	r.Start, r.End = min(r.Start, g.From), max(r.End, g.To)
	all[g.SourceID] = r
}

// part takes in what a commit brought of an edge: parts follow one another, no
// stretch of a log comes twice for one date, and the rows are those of the account.
func (v *verification) part(where string, p *lake.Part, rows map[string]int64) {
	was := v.parts
	if p.Sequence != was.sequence[p.Edge]+1 {
		v.found(where, "brings part %d of %s, after part %d", p.Sequence, p.Edge, was.sequence[p.Edge])
	}
	was.sequence[p.Edge] = p.Sequence
	day := [2]string{p.Edge, p.Date}
	if p.Number != was.number[day]+1 {
		v.found(where, "brings number %d of %s of %s, after number %d", p.Number, p.Date, p.Edge, was.number[day])
	}
	was.number[day] = p.Number
	for dataset, logs := range map[string][]lake.PartLog{schemas.Events.Name: p.Logs, schemas.Rejects.Name: p.Rejects} {
		key := [3]string{p.Edge, p.Date, dataset}
		if was.stands[key] == nil {
			was.stands[key] = map[string]int64{}
		}
		for _, g := range logs {
			if at := was.stands[key][g.SourceID]; g.From != at {
				v.found(where, "brings %s of log %s of %s from %d on, and has them up to %d", dataset, g.SourceID, p.Date, g.From, at)
			}
			was.stands[key][g.SourceID] = g.To
			widen(was.bounds, g)
		}
	}
	sum := &lake.Counts{}
	for _, g := range p.Logs {
		if g.Account != nil {
			sum.Add(g.Account)
		}
	}
	if sum.Lines() != p.Account.Lines() {
		v.found(where, "its account of %s is of %d lines, those of its logs of %d", p.Edge, p.Account.Lines(), sum.Lines())
	}
	for _, t := range schemas.EventTypes {
		kind := "events/type=" + string(t)
		if rows[kind] != p.Account.Events[string(t)] {
			v.found(where, "its files have %d rows of %s, the account of %s %d", rows[kind], kind, p.Edge, p.Account.Events[string(t)])
		}
	}
}
