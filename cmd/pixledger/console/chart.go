package console

import "math/big"

// bars is a chart of one figure by day. The exact figures stand in its table.
type bars struct {
	Title  string
	Points []point
	Top    string // the greatest, as the axis says it
}

type point struct {
	Label, Figure   string
	X, Y, W, Height float64
	Negative        bool
}

// The size of the drawing, in its own units: the page scales it.
const (
	barsWidth  = 720.0
	barsHeight = 120.0
)

// newBars draws amounts by their labels, from the first to the last. Where some
// are negative, their bars stand below the line.
func newBars(title string, labels []string, amounts []Amount) *bars {
	top, low := new(big.Int), new(big.Int)
	for _, a := range amounts {
		if a.Micros.Cmp(top) > 0 {
			top = a.Micros
		}
		if a.Micros.Cmp(low) < 0 {
			low = a.Micros
		}
	}
	all := new(big.Int).Sub(top, low)
	share := func(n *big.Int) float64 { // to draw with, no money
		if all.Sign() == 0 {
			return 0
		}
		f, _ := new(big.Rat).SetFrac(n, all).Float64()
		return f * barsHeight
	}
	b := &bars{Title: title}
	zero, step := share(top), barsWidth/float64(max(1, len(amounts)))
	for i, a := range amounts {
		h := share(new(big.Int).Abs(a.Micros))
		p := point{Label: labels[i], Figure: a.String(), X: float64(i)*step + step*0.1, W: step * 0.8, Y: zero - h, Height: h}
		if a.Micros.Sign() < 0 {
			p.Y, p.Negative = zero, true
		}
		b.Points = append(b.Points, p)
	}
	if len(amounts) > 0 {
		b.Top = Amount{amounts[0].Currency, top}.String()
	}
	return b
}

// First is the label of the first point, Last of the last.
func (b *bars) First() string { return b.Points[0].Label }
func (b *bars) Last() string  { return b.Points[len(b.Points)-1].Label }
