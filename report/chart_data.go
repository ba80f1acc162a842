package report

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-analyze/charts"
)

// Bounds of a chart. What is beyond them is said beside it.
const (
	chartKeys     = 20_000 // different X that are kept
	chartPoints   = 400    // that are drawn over time
	chartGreatest = 15     // names
	chartPictures = 6
	chartLabel    = 40 // columns of text
)

// Picture is a chart as it is drawn, with its figures in words.
type Picture struct {
	Title   string
	SVG     []byte
	X, Y    string // what Labels and Figures are
	Labels  []string
	Figures []string // exact
	Notes   []string // what is not drawn
}

// Drawing gathers what a chart draws from a result's rows, in bounded memory.
type Drawing struct {
	chart    Chart
	columns  []Column
	money    Money
	x, id    int // places; id is -1 where the names have no ids
	places   moneyPlaces
	measures []measure
	keys     map[string]*chartKey
	rows     int
	tooMany  bool
	mixed    bool // rows with money of several currencies
}

type measure struct {
	name       string
	place      int // -1 counts rows
	scale      int // decimals of the sums
	byCurrency bool
}

// chartKey is an X with its sums: one for each measure and currency.
type chartKey struct {
	key, label string
	at         time.Time
	row        int // the first
	sums       map[seriesKey]*big.Int
	mixed      map[int]bool // measures that a row gives no amount of, for it is of several currencies
}

type seriesKey struct {
	measure int
	group   string // of money: its currency
}

// NewDrawing begins a chart of a result with these columns.
func NewDrawing(c Chart, columns []Column, money Money) (*Drawing, error) {
	if err := c.check(columns); err != nil {
		return nil, err
	}
	place := func(name string) int {
		return slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
	}
	d := &Drawing{chart: c, columns: columns, money: money, x: place(c.X), id: -1, places: money.at(columns), keys: map[string]*chartKey{}}
	if base, ok := strings.CutSuffix(c.X, "_name"); ok {
		d.id = place(base + "_id")
	}
	for _, y := range c.Y {
		m := measure{name: y, place: -1}
		if y != RowCount {
			m.place = place(y)
			switch t := columns[m.place].Type; t.Kind {
			case KindDecimal:
				m.scale = t.Scale
			case KindDouble:
				m.scale = doubleScale
			}
			m.byCurrency = d.places.currency >= 0 && money.holds(columns[m.place])
		}
		d.measures = append(d.measures, m)
	}
	return d, nil
}

// doubleScale is the decimals that a picture keeps of a DOUBLE.
const doubleScale = 6

// Add takes a row.
func (d *Drawing) Add(values []any, zone *time.Location) {
	d.rows++
	if d.tooMany {
		return
	}
	k := d.key(values, zone)
	if k == nil {
		return
	}
	for i, m := range d.measures {
		v, ok := m.value(values)
		if !ok {
			if m.byCurrency && d.places.currencyOf(values) == "" {
				d.mixed, k.mixed[i] = true, true
			}
			continue
		}
		s := seriesKey{measure: i}
		if m.byCurrency {
			s.group = d.places.groupOf(values)
		}
		sum := k.sums[s]
		if sum == nil {
			sum = new(big.Int)
			k.sums[s] = sum
		}
		sum.Add(sum, v)
	}
}

// key gives the row's X, nil where it has none.
func (d *Drawing) key(values []any, zone *time.Location) *chartKey {
	t, v := d.columns[d.x].Type, values[d.x]
	var at time.Time
	var label string
	switch {
	case v == nil && d.chart.Kind == OverTime:
		return nil
	case v == nil:
		label = "(none)"
	case t.Kind == KindTime:
		at = v.(time.Time)
		label = at.In(zone).Format("2006-01-02 15:04")
	case t.Kind == KindDate:
		at, label = v.(time.Time), t.text(v, zone)
	default:
		label = t.text(v, zone)
		at, _ = time.Parse("2006-01", label)
	}
	key := label
	if t.Kind == KindTime {
		key = at.UTC().Format(time.RFC3339Nano)
	}
	id := ""
	if d.id >= 0 && values[d.id] != nil {
		id = d.columns[d.id].Type.text(values[d.id], zone)
		key = id + " " + key
	}
	if len(key) > sha256.Size*2 { // a name can be of any length
		sum := sha256.Sum256([]byte(key))
		key = string(sum[:])
	}
	k := d.keys[key]
	if k == nil {
		if len(d.keys) == chartKeys {
			d.tooMany, d.keys = true, nil
			return nil
		}
		// The id stays whole: two labels that are cut must not look alike.
		label = labelText(label)
		if id != "" {
			label += " (" + id + ")"
		}
		k = &chartKey{key: key, label: label, at: at, row: d.rows, sums: map[seriesKey]*big.Int{}, mixed: map[int]bool{}}
		d.keys[key] = k
	}
	return k
}

// labelText cuts a label to what has room, also one of marks that take none.
func labelText(s string) string {
	s = visible(s)
	if runes := []rune(s); len(runes) > 4*chartLabel {
		s = string(runes[:4*chartLabel]) + "…"
	}
	return shorten(s, chartLabel)
}

var one = big.NewInt(1)

// value gives a row's figure as an integer of the measure's scale.
func (m measure) value(values []any) (*big.Int, bool) {
	if m.place < 0 {
		return one, true
	}
	switch v := values[m.place].(type) {
	case int64:
		return big.NewInt(v), true
	case *big.Int:
		return v, true
	case float64:
		if scaled := v * math.Pow10(doubleScale); math.Abs(scaled) < 1e300 {
			n, _ := big.NewFloat(math.Round(scaled)).Int(nil)
			return n, true
		}
	}
	return nil, false
}

// Pictures draws what was gathered: one picture for each figure and currency.
// Where nothing can be drawn the notes say why.
func (d *Drawing) Pictures() (pictures []Picture, notes []string, err error) {
	if d.tooMany {
		return nil, []string{fmt.Sprintf("No chart: there are more than %d different values of %s.", chartKeys, d.chart.X)}, nil
	}
	if d.mixed {
		notes = append(notes, "Where a row holds money of several currencies, and so gives no amount, the charts of money have a hole.")
	}
	all := d.series()
	if len(all) > chartPictures {
		notes = append(notes, fmt.Sprintf("%d more charts are left out.", len(all)-chartPictures))
		all = all[:chartPictures]
	}
	for _, s := range all {
		p, err := d.picture(s)
		if err != nil {
			return nil, nil, err
		}
		if p != nil {
			pictures = append(pictures, *p)
		}
	}
	return pictures, notes, nil
}

// series lists what is drawn: measures in their order, currencies by name.
func (d *Drawing) series() []seriesKey {
	seen := map[seriesKey]bool{}
	var out []seriesKey
	for _, k := range d.keys {
		for s := range k.sums {
			if !seen[s] {
				seen[s] = true
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, func(a, b seriesKey) int {
		return cmp.Or(cmp.Compare(a.measure, b.measure), strings.Compare(a.group, b.group))
	})
	return out
}

// chartPoint is one place on a chart's axis.
type chartPoint struct {
	label string
	sum   *big.Int // nil is unknown
}

func (d *Drawing) picture(s seriesKey) (*Picture, error) {
	m := d.measures[s.measure]
	var points []chartPoint
	p := &Picture{X: d.chart.X}
	switch d.chart.Kind {
	case OverTime:
		points, p.Notes = d.overTime(s)
	case Greatest:
		points, p.Notes = d.greatest(s)
	default:
		keys := d.sorted(func(a, b *chartKey) int { return cmp.Compare(a.row, b.row) })
		if len(keys) > chartPoints {
			p.Notes = append(p.Notes, fmt.Sprintf("The first %d of %d classes.", chartPoints, len(keys)))
			keys = keys[:chartPoints]
		}
		for _, k := range keys {
			points = append(points, chartPoint{k.label, k.sum(s)})
		}
	}
	if len(points) < 2 { // one figure is no picture
		return nil, nil
	}
	what := m.name
	if what == RowCount {
		what = "number of rows"
	}
	if s.group != "" {
		what += " " + visible(s.group)
	}
	p.Y = what
	p.Title = what + " by " + d.chart.X
	if d.chart.Title != "" {
		p.Title = visible(d.chart.Title) + ": " + what
	}
	values := make([]float64, len(points))
	for i, pt := range points {
		p.Labels = append(p.Labels, pt.label)
		if pt.sum == nil {
			p.Figures, values[i] = append(p.Figures, "several currencies"), charts.GetNullValue()
			continue
		}
		p.Figures = append(p.Figures, decimalText(pt.sum, m.scale))
		values[i], _ = new(big.Rat).SetFrac(pt.sum, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(m.scale)), nil)).Float64()
	}
	var err error
	p.SVG, err = drawSVG(d.chart.Kind, p.Title, describe(p), p.Labels, values)
	return p, err
}

// describe says in a sentence what a picture shows.
func describe(p *Picture) string {
	return fmt.Sprintf("%d values, from %s (%s) to %s (%s). The figures are in the table below the chart.",
		len(p.Labels), p.Labels[0], p.Figures[0], p.Labels[len(p.Labels)-1], p.Figures[len(p.Figures)-1])
}

// sum gives what the rows add up to, nil where that is unknown.
func (k *chartKey) sum(s seriesKey) *big.Int {
	if k.mixed[s.measure] {
		return nil
	}
	if sum := k.sums[s]; sum != nil {
		return sum
	}
	return new(big.Int)
}

func (d *Drawing) sorted(by func(a, b *chartKey) int) []*chartKey {
	keys := make([]*chartKey, 0, len(d.keys))
	for _, k := range d.keys {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b *chartKey) int { return cmp.Or(by(a, b), strings.Compare(a.key, b.key)) })
	return keys
}

// greatest gives the names with the greatest sums, the greatest first.
func (d *Drawing) greatest(s seriesKey) ([]chartPoint, []string) {
	keys := d.sorted(func(a, b *chartKey) int { return cmp.Compare(a.row, b.row) })
	keys = slices.DeleteFunc(keys, func(k *chartKey) bool { return k.sums[s] == nil || k.mixed[s.measure] })
	slices.SortStableFunc(keys, func(a, b *chartKey) int { return b.sums[s].Cmp(a.sums[s]) })
	var notes []string
	if len(keys) > chartGreatest {
		notes = append(notes, fmt.Sprintf("The greatest %d of %d.", chartGreatest, len(keys)))
		keys = keys[:chartGreatest]
	}
	var out []chartPoint
	seen := map[string]int{}
	for _, k := range keys {
		label := k.label
		if seen[label]++; seen[label] > 1 { // cut texts may look alike
			label = fmt.Sprintf("%s #%d", label, seen[label])
		}
		out = append(out, chartPoint{label, k.sum(s)})
	}
	return out, notes
}

// overTime gives the sums in the order of time. Hours, days and months without
// rows are 0, for reports leave groups without figures out; too many points are
// added up by several.
func (d *Drawing) overTime(s seriesKey) ([]chartPoint, []string) {
	keys := d.sorted(func(a, b *chartKey) int { return a.at.Compare(b.at) })
	var notes []string
	points, even := d.filled(keys, s)
	if !even {
		points = nil
		for _, k := range keys {
			points = append(points, chartPoint{k.label, k.sum(s)})
		}
		if len(keys) > 0 && !keys[0].at.IsZero() {
			notes = append(notes, "Times without rows are left out: the axis is not even.")
		}
	}
	if len(points) > chartPoints {
		by := (len(points) + chartPoints - 1) / chartPoints
		var out []chartPoint
		for group := range slices.Chunk(points, by) {
			sum := new(big.Int)
			for _, p := range group {
				if p.sum == nil {
					sum = nil
					break
				}
				sum.Add(sum, p.sum)
			}
			out = append(out, chartPoint{group[0].label, sum})
		}
		notes = append(notes, fmt.Sprintf("Each point is the sum of %d values of %s, from the one named on.", by, d.chart.X))
		points = out
	}
	return points, notes
}

// filled puts the times between the first and the last that have no rows among
// those that have. It gives false where the times are not even.
func (d *Drawing) filled(keys []*chartKey, s seriesKey) ([]chartPoint, bool) {
	t := d.columns[d.x].Type
	if len(keys) == 0 || keys[0].at.IsZero() {
		return nil, false
	}
	next := func(at time.Time) time.Time { return at.AddDate(0, 1, 0) }
	text := func(at time.Time) string { return at.Format("2006-01") }
	switch t.Kind {
	case KindTime:
		next = func(at time.Time) time.Time { return at.Add(time.Hour) }
		text = func(at time.Time) string { return "" }
	case KindDate:
		next = func(at time.Time) time.Time { return at.AddDate(0, 0, 1) }
		text = dateText
	}
	var out []chartPoint
	label := ""
	for at := keys[0].at; len(keys) > 0; at = next(at) {
		if len(out) == chartKeys || keys[0].at.Before(at) {
			return nil, false
		}
		if !keys[0].at.Equal(at) {
			label = text(at)
			out = append(out, chartPoint{label, new(big.Int)})
			continue
		}
		out = append(out, chartPoint{keys[0].label, keys[0].sum(s)})
		keys = keys[1:]
	}
	return out, true
}
