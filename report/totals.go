package report

import (
	"cmp"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Totals say how a report's rows are counted and added up, beside the rows.
type Totals struct {
	By   []string // columns of text; the sums never go beyond one value of each
	Sums []string // columns of money
}

// tally counts a report's rows and adds them up as they pass.
type tally struct {
	totals      *Totals
	by, sums    []int // places of the columns
	advertiser  int   // place of the advertiser, or -1
	several     int   // place of attributed_conversions, or -1
	shared      int64 // rows that have several
	groups      map[string]*group
	advertisers map[int64]bool
}

type group struct {
	by   []string
	rows int64
	sums []*big.Int // millionths
}

func newTally(t *Totals, columns []Column) (*tally, error) {
	y := &tally{totals: t, groups: map[string]*group{}, advertisers: map[int64]bool{}}
	place := func(name string) int {
		return slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
	}
	for _, name := range t.By {
		y.by = append(y.by, place(name))
	}
	for _, name := range t.Sums {
		y.sums = append(y.sums, place(name))
	}
	if slices.Min(append(slices.Clone(y.by), y.sums...)) < 0 {
		return nil, fmt.Errorf("the statement lacks a column of its totals")
	}
	y.advertiser, y.several = place("advertiser_id"), place("attributed_conversions")
	return y, nil
}

func (y *tally) row(values []any) {
	by := make([]string, len(y.by))
	for i, at := range y.by {
		by[i], _ = values[at].(string)
	}
	key := strings.Join(by, "\x00")
	g := y.groups[key]
	if g == nil {
		g = &group{by: by}
		for range y.sums {
			g.sums = append(g.sums, new(big.Int))
		}
		y.groups[key] = g
	}
	g.rows++
	for i, at := range y.sums {
		if n, ok := values[at].(*big.Int); ok {
			g.sums[i].Add(g.sums[i], n)
		}
	}
	if y.advertiser >= 0 {
		if id, ok := values[y.advertiser].(int64); ok {
			y.advertisers[id] = true
		}
	}
	if y.several >= 0 {
		if n, ok := values[y.several].(int64); ok && n > 1 {
			y.shared++
		}
	}
}

// write writes the totals as a table.
func (y *tally) write(w io.Writer) error {
	groups := make([]*group, 0, len(y.groups))
	for _, g := range y.groups {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *group) int { return slices.Compare(a.by, b.by) })
	out, err := NewWriter(w, Table, Sheet{})
	if err != nil {
		return err
	}
	text, number := &Type{Kind: KindText, Name: typeText}, &Type{Kind: KindBigInt, Name: typeBigInt}
	money := &Type{Kind: KindDecimal, Name: typeSum, Width: 38, Scale: 6}
	var columns []Column
	for _, name := range y.totals.By {
		columns = append(columns, Column{name, text})
	}
	columns = append(columns, Column{"rows", number})
	for _, name := range y.totals.Sums {
		columns = append(columns, Column{name, money})
	}
	if err := out.Begin(columns); err != nil {
		return err
	}
	for _, g := range groups {
		values := make([]any, 0, len(columns))
		for _, b := range g.by {
			values = append(values, cmp.Or(b, "-"))
		}
		values = append(values, g.rows)
		for _, s := range g.sums {
			values = append(values, s)
		}
		if err := out.Row(values, time.UTC); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return y.notes(w)
}

// notes says what an eye on the rows may miss.
func (y *tally) notes(w io.Writer) (err error) {
	if n := len(y.advertisers); n > 1 {
		_, err = fmt.Fprintf(w, "the conversions are of %d advertisers: --filter advertiser_id=ID compares those of one\n", n)
	}
	if err == nil && y.shared > 0 {
		_, err = fmt.Fprintf(w, "order ids that stand for several attributed conversions: %d; a void by order is of all of them, and --filter attributed_conversions=1 leaves them out\n", y.shared)
	}
	return err
}
