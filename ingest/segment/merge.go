package segment

import "slices"

// mergedBytes is up to what size the rows of two batches become one row group.
const mergedBytes = 4 << 20

// Merge gives the rows of a few events to the first of the batches that hold
// others of the same type and day, so that a commit does not have as many small
// files of them as it had batches. The batches are finished as ever.
func Merge(batches []*Batch) {
	for i, b := range batches {
		for _, later := range batches[i+1:] {
			for key, p := range b.parts {
				q := later.parts[key]
				if q == nil || q.file != nil || q.group == nil || p.group == nil || p.group.rows == 0 || p.size()+q.size() > mergedBytes {
					continue
				}
				before := p.group.bytes
				p.group.take(q.group)
				b.memory += p.group.bytes - before
				later.close(q)
			}
		}
	}
}

// take adds the rows of another group of the same kind behind its own.
func (g *group) take(o *group) {
	if g.rows == 0 {
		g.minTime, g.maxTime = o.minTime, o.maxTime
	} else {
		g.minTime, g.maxTime = min(g.minTime, o.minTime), max(g.maxTime, o.maxTime)
	}
	for i, c := range o.cols {
		if c != nil && c.rows > 0 {
			g.col(i).take(c, g.rows)
		}
	}
	g.rows += o.rows
	g.bytes += o.bytes - groupBytes
}

// take adds the values of another column, whose first row is the row given.
func (c *column) take(o *column, row int) {
	if len(o.lens) > 0 {
		for ; c.rows < row; c.rows++ {
			c.lens = append(c.lens, -1)
		}
		c.lens = append(c.lens, o.lens...)
	} else {
		if !c.sparse && (c.rows < row || o.sparse) {
			c.sparse = true
			c.defs = fill(c.defs, 1, c.rows)
		}
		if c.sparse {
			c.defs = fill(c.defs, 0, row-c.rows)
			if o.sparse {
				c.defs = append(c.defs, o.defs...)
			} else {
				c.defs = fill(c.defs, 1, o.rows)
			}
		}
	}
	c.rows = row + o.rows
	c.ints = append(c.ints, o.ints...)
	c.nulls = append(c.nulls, o.nulls...)
	c.values.take(&o.values)
	switch {
	case len(o.numbers) > 0:
		for _, k := range o.numbers {
			c.addWord(o.text.at(int(k)))
		}
	case o.spelled:
		if !c.spelled {
			c.spell()
		}
		c.text.take(&o.text)
	default:
		c.text.take(&o.text)
	}
}

func (t *texts) take(o *texts) {
	n := len(t.data)
	t.data = append(t.data, o.data...)
	t.ends = slices.Grow(t.ends, len(o.ends))
	for _, end := range o.ends {
		t.ends = append(t.ends, n+end)
	}
}
