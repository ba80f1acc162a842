package ingest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"pixledger/schemas/lake"
)

// commitRows are the lines that the rows of one commit's files are of: events
// and rejects together, for a line is one of them once.
type commitRows struct {
	seq    int64
	ranges map[string]lake.Range // by source id; nil where rows are of no range
	lines  map[string][]rowLine  // by source id
}

// rowLine is where a row's line stands, and the file that has the row.
type rowLine struct {
	offset int64
	file   string
}

func newCommitRows(seq int64, ranges []lake.Range) *commitRows {
	c := &commitRows{seq: seq, lines: map[string][]rowLine{}}
	for _, g := range ranges {
		if c.ranges == nil {
			c.ranges = map[string]lake.Range{}
		}
		c.ranges[g.SourceID] = g
	}
	return c
}

// fileRows are the rows of one file as they are read, column by column.
type fileRows struct {
	commit  *commitRows
	file    string
	sources []string
	offsets []int64
}

func (c *commitRows) file(path string) *fileRows { return &fileRows{commit: c, file: path} }

// take takes the values of a column in, where it is one that counts.
func (f *fileRows) take(column string, values []any) {
	if f.commit == nil || f.commit.ranges == nil {
		return
	}
	for _, v := range values {
		switch column {
		case "source_id":
			s, _ := v.(string)
			f.sources = append(f.sources, s)
		case "source_offset":
			n, ok := v.(int64)
			if !ok {
				n = -1
			}
			f.offsets = append(f.offsets, n)
		}
	}
}

// check says whether a row is of no line that its commit has read.
func (f *fileRows) check() error {
	if len(f.sources) != len(f.offsets) {
		return fmt.Errorf("has %d rows with a source and %d with an offset", len(f.sources), len(f.offsets))
	}
	for i, id := range f.sources {
		g, ok := f.commit.ranges[id]
		if at := f.offsets[i]; !ok || at < g.Start || at >= g.End {
			return fmt.Errorf("has a row of log %s at byte %d, which its commit did not read", id, at)
		}
		f.commit.lines[id] = append(f.commit.lines[id], rowLine{f.offsets[i], f.file})
	}
	return nil
}

// doubled looks for lines of which the commit has more than one row. Ranges of
// different commits do not overlap, so no others can be the same.
func (c *commitRows) doubled() []Problem {
	var problems []Problem
	for _, id := range slices.Sorted(maps.Keys(c.lines)) {
		list := c.lines[id]
		slices.SortFunc(list, func(a, b rowLine) int { return cmp.Compare(a.offset, b.offset) })
		n := 0
		for i := 1; i < len(list); i++ {
			if list[i].offset != list[i-1].offset {
				continue
			}
			if n++; n == 1 {
				what := fmt.Sprintf("has a row of log %s at byte %d, and so has %s", id, list[i].offset, list[i-1].file)
				problems = append(problems, Problem{list[i].file, what})
			}
		}
		if n > 1 {
			problems = append(problems, Problem{fmt.Sprintf("commit %d", c.seq), fmt.Sprintf("%d lines of log %s have more than one row", n, id)})
		}
	}
	return problems
}
