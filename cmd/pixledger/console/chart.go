package console

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"
)

// chart is figures by day, as bars that stand on one another. The exact figures
// stand in its table, which those use who see no drawing or no pointer: the
// drawing itself is hidden from both.
type chart struct {
	Title  string
	Sum    string // of all days
	Legend []legend
	Days   []chartDay
	Ticks  []tick
	Labels []dayLabel
	Axis   float64 // where the days stand
	Height float64
	Gutter float64 // the room of the axis' words
	Heads  []string
}

type legend struct{ Name, Class string }

// chartDay is a day's place, figures and what is behind them.
type chartDay struct {
	Date, Link string
	X, W       float64 // percent
	Bars       []bar
	Cells      []string // of its row in the table
	All        string
	Said       string // the same with its unit
}

type bar struct {
	Class           string
	X, W, Y, Height float64 // x in percent, y in pixels
}

type tick struct {
	Y, TextY float64
	Text     string
	Zero     bool
}

type dayLabel struct {
	X    float64
	Text string
}

// series are figures of one kind, one for each day.
type series struct {
	Name, Class string
	Values      []*big.Int
}

// unit says what figures of a chart are.
type unit struct {
	text func(*big.Int) string // exact
	per  float64               // of the integers in one
	one  bool                  // nothing is smaller than one
	name string                // " EUR"
}

var conversionsUnit = unit{text: func(n *big.Int) string { return thousands(n.String()) }, per: 1, one: true}

func moneyUnit(currency string) unit {
	return unit{text: func(n *big.Int) string { return Amount{currency, n}.Figure() }, per: 1e6, name: " " + currency}
}

// The size of the drawing in pixels; its width is the page's.
const (
	plotTop    = 8.0
	plotHeight = 130.0
	plotBottom = 24.0 // for the days' names
	ticksAbout = 4
	labelsMost = 6
)

// newChart draws series over days. What is behind a day says link; nil: nothing.
func newChart(title string, u unit, days []string, all []series, link func(day string) string) *chart {
	c := &chart{Title: title, Height: plotTop + plotHeight + plotBottom}
	top, low, sum := new(big.Int), new(big.Int), new(big.Int)
	for d := range days {
		above, below := new(big.Int), new(big.Int)
		for _, s := range all {
			sum.Add(sum, s.Values[d])
			if s.Values[d].Sign() < 0 {
				below.Add(below, s.Values[d])
			} else {
				above.Add(above, s.Values[d])
			}
		}
		top, low = greater(top, above), lesser(low, below)
	}
	c.Sum = u.text(sum) + u.name
	high, deep := u.float(top), u.float(low)
	step := niceStep((high-deep)/ticksAbout, u.one)
	first, last := math.Floor(deep/step)*step, math.Ceil(high/step)*step
	if last-first < step {
		last = first + step
	}
	y := func(v float64) float64 { return plotTop + (last-v)/(last-first)*plotHeight }
	c.Axis = y(0)
	for i := 0; ; i++ {
		v := first + float64(i)*step
		if v > last+step/2 {
			break
		}
		t := tick{Y: y(v), TextY: y(v) + 4, Text: axisText(v), Zero: i == int(math.Round(-first/step))}
		c.Ticks = append(c.Ticks, t)
		c.Gutter = max(c.Gutter, 10+7.5*float64(len([]rune(t.Text))))
	}
	for _, s := range all {
		c.Heads = append(c.Heads, s.Name)
		if len(all) > 1 {
			c.Legend = append(c.Legend, legend{s.Name, s.Class})
		}
	}
	width := 100 / float64(max(1, len(days)))
	for d, day := range days {
		x := chartDay{Date: day, X: float64(d) * width, W: width}
		if link != nil {
			x.Link = link(day)
		}
		up, down, total := y(0), y(0), new(big.Int)
		for _, s := range all {
			v := s.Values[d]
			x.Cells = append(x.Cells, u.text(v))
			total.Add(total, v)
			h := math.Abs(u.float(v)) / (last - first) * plotHeight
			b := bar{Class: s.Class, X: x.X + width*0.12, W: width * 0.76, Height: h}
			switch {
			case v.Sign() == 0:
				continue
			case v.Sign() < 0:
				b.Y, b.Class = down, s.Class+" below"
				down += h
			default:
				up -= h
				b.Y = up
			}
			x.Bars = append(x.Bars, b)
		}
		x.All = u.text(total)
		x.Said = x.All + u.name
		c.Days = append(c.Days, x)
	}
	every := (len(days) + labelsMost - 1) / labelsMost
	for d := 0; d < len(days); d += max(1, every) {
		c.Labels = append(c.Labels, dayLabel{X: (float64(d) + 0.5) * width, Text: shortDay(days[d])})
	}
	return c
}

// Several tells whether a day's figures have a sum of their own.
func (c *chart) Several() bool { return len(c.Heads) > 1 }

// Newest gives the days as a table has them: the newest first.
func (c *chart) Newest() []chartDay {
	out := slices.Clone(c.Days)
	slices.Reverse(out)
	return out
}

// Span says which days it is of.
func (c *chart) Span() string {
	if len(c.Days) == 0 {
		return "no days"
	}
	return c.Days[0].Date + " to " + c.Days[len(c.Days)-1].Date
}

func (u unit) float(n *big.Int) float64 { // to draw with, no money
	f, _ := new(big.Float).SetInt(n).Float64()
	return f / u.per
}

func greater(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

func lesser(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return b
	}
	return a
}

// niceStep is a step of an axis that people count in: 1, 2 or 5, and zeros.
func niceStep(about float64, one bool) float64 {
	if about <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(about)))
	step := 10 * power
	for _, n := range []float64{1, 2, 5} {
		if about <= n*power*1.0001 {
			step = n * power
			break
		}
	}
	if one {
		return max(1, step)
	}
	return step
}

// axisText writes a value beside an axis, short; the exact figures are in the table.
func axisText(v float64) string {
	sign := ""
	if v < 0 {
		sign, v = "−", -v
	}
	short := func(v float64, suffix string) string {
		return sign + strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) + suffix
	}
	switch {
	case v >= 1e9:
		return short(v/1e9, " G")
	case v >= 1e6:
		return short(v/1e6, " M")
	case v >= 1e4:
		return short(v/1e3, " k")
	case v > 0 && v < 0.001:
		return sign + strconv.FormatFloat(v, 'g', 3, 64)
	}
	return short(v, "")
}

// shortDay is a date as an axis has room for.
func shortDay(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("2 Jan")
}
