package report

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-analyze/charts"
)

// The size of a picture, in its own units: a page scales it.
const (
	pictureWidth  = 960
	pictureHeight = 220
	barHeight     = 28   // of a name's bar
	pictureFont   = 9.75 // points: 13 pixels
)

// Bars are drawn for so few points over time; more are a line.
const mostBars = 62

// Colours that are seen on light and on dark ground. Text has a colour that
// stands for the page's own.
var (
	inkColor    = charts.ColorRGB(1, 2, 3)
	seriesColor = charts.ColorRGB(47, 126, 216)
	gridColor   = charts.Color{R: 128, G: 128, B: 128, A: 80}
	axisColor   = charts.Color{R: 128, G: 128, B: 128, A: 200}
)

var chartTheme = charts.MakeTheme(charts.ThemeOption{
	AxisStrokeColor: axisColor, AxisSplitLineColor: gridColor, BackgroundColor: charts.ColorTransparent,
	TextColor: inkColor, SeriesColors: []charts.Color{seriesColor},
})

// drawSVG draws values with their labels. The same values give the same bytes;
// text stays text. The library escapes labels and drops what XML can't hold.
func drawSVG(kind ChartKind, title, description string, labels []string, values []float64) ([]byte, error) {
	height := pictureHeight
	if kind == Greatest {
		height = 60 + barHeight*len(values)
	}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: pictureWidth, Height: height, Theme: chartTheme})
	font := charts.FontStyle{FontSize: pictureFont, FontColor: inkColor}
	padding := charts.Box{Top: 12, Right: 24, Bottom: 8, Left: 8, IsSet: true}
	axis := charts.ValueAxisOption{LabelFontStyle: font, Min: axisMin(values)}
	if most := fewThings(values); most > 0 {
		axis.Max, axis.LabelCount = charts.Ptr(float64(most)), most+1
	}
	var err error
	switch {
	case kind == OverTime && len(values) > mostBars:
		o := charts.NewLineChartOptionWithData([][]float64{values})
		o.Theme, o.Padding, o.ValueFormatter = chartTheme, padding, axisText
		o.XAxis.Labels, o.XAxis.LabelFontStyle, o.XAxis.BoundaryGap = labels, font, charts.Ptr(false)
		o.XAxis.LabelCount = 5 // at least
		o.YAxis[0] = axis
		o.Symbol, o.LineStrokeWidth = charts.Symbol{Shape: charts.SymbolNone}, 2
		err = painter.LineChart(o)
	case kind == Greatest:
		// The library draws from below.
		o := charts.NewBarChartOptionWithData([][]float64{backward(values)})
		o.Horizontal, o.Theme, o.Padding, o.ValueFormatter = true, chartTheme, padding, axisText
		o.CategoryAxis.Labels, o.CategoryAxis.LabelFontStyle = backward(labels), font
		o.CategoryAxis.LabelCount = len(labels)
		o.ValueAxis[0] = axis
		err = painter.BarChart(o)
	default:
		o := charts.NewBarChartOptionWithData([][]float64{values})
		o.Theme, o.Padding, o.ValueFormatter = chartTheme, padding, axisText
		o.CategoryAxis.Labels, o.CategoryAxis.LabelFontStyle = labels, font
		o.ValueAxis[0] = axis
		err = painter.BarChart(o)
	}
	if err != nil {
		return nil, fmt.Errorf("draw %s: %w", title, err)
	}
	svg, err := painter.Bytes()
	if err != nil {
		return nil, fmt.Errorf("draw %s: %w", title, err)
	}
	width := func(s string) int { return painter.MeasureText(s, 0, font).Width() }
	return dressed(svg, title, description, width), nil
}

// fewThings gives the greatest of a few counted things: an axis of theirs has a
// line for each, for there is no half of one. 0 is something else.
func fewThings(values []float64) int {
	most := 0.0
	for _, v := range values {
		switch {
		case v == charts.GetNullValue():
		case v != math.Trunc(v) || v < 0 || v > 8:
			return 0
		default:
			most = max(most, v)
		}
	}
	return int(most)
}

// axisMin is 0 where no value is below: an axis that begins elsewhere makes
// small differences look large.
func axisMin(values []float64) *float64 {
	for _, v := range values {
		if v < 0 && v != charts.GetNullValue() {
			return nil
		}
	}
	return charts.Ptr(0.0)
}

func backward[T any](in []T) []T {
	out := make([]T, len(in))
	for i, v := range in {
		out[len(in)-1-i] = v
	}
	return out
}

// axisText writes a value beside an axis, short; the exact figures are in the
// table.
func axisText(v float64) string {
	short := func(v float64, suffix string) string {
		return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) + suffix
	}
	switch a := math.Abs(v); {
	case a >= 1e9:
		return short(v/1e9, " G")
	case a >= 1e6:
		return short(v/1e6, " M")
	case a >= 1e4:
		return short(v/1e3, " k")
	case a < 0.001 && a > 0:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return short(v, "")
}

var (
	svgTag     = regexp.MustCompile(`<[^>]*>`) // in text and attributes > is escaped
	svgText    = regexp.MustCompile(`(<text[^>]*)>([^<]*)</text>`)
	svgStart   = regexp.MustCompile(`^<svg[^>]*>`)
	svgViewBox = regexp.MustCompile(`viewBox="[0-9 ]+"`)
	svgInk     = []byte("rgb(1,2,3)")
	svgFont    = []byte("'Roboto Medium',sans-serif")
)

// dressed gives a drawing its name and description, and the colour and letters
// of the page that it stands in. The library has placed each text by the width
// of its own letters: others are set to that width.
func dressed(svg []byte, title, description string, width func(string) int) []byte {
	svg = svgTag.ReplaceAllFunc(svg, func(tag []byte) []byte {
		tag = bytes.ReplaceAll(tag, svgInk, []byte("currentColor"))
		return bytes.ReplaceAll(tag, svgFont, []byte("Roboto,Arial,system-ui,sans-serif"))
	})
	svg = uncrowded(svg, width)
	svg = svgText.ReplaceAllFunc(svg, func(element []byte) []byte {
		parts := svgText.FindSubmatch(element)
		s := html.UnescapeString(string(parts[2]))
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r >= 0x500 }) {
			return element // not among the library's letters
		}
		return fmt.Appendf(nil, `%s textLength="%d" lengthAdjust="spacingAndGlyphs">%s</text>`, parts[1], width(s), parts[2])
	})
	t, d := html.EscapeString(visible(title)), html.EscapeString(visible(description))
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" %s><title>%s</title><desc>%s</desc>`,
		t, svgViewBox.Find(svg), t, d)
	return svgStart.ReplaceAllLiteral(svg, []byte(head))
}

var svgPlace = regexp.MustCompile(`^<text x="(-?[0-9]+)" y="(-?[0-9]+)"`)

// uncrowded takes out the texts of a line that run into the one after them: the
// library always writes the last, and may write one right before it.
func uncrowded(svg []byte, width func(string) int) []byte {
	places := svgText.FindAllSubmatchIndex(svg, -1)
	var nextX, nextY int
	out := svg
	for i := len(places) - 1; i >= 0; i-- {
		p := places[i]
		at := svgPlace.FindSubmatch(svg[p[0]:p[1]])
		if at == nil {
			continue
		}
		x, errX := strconv.Atoi(string(at[1]))
		y, errY := strconv.Atoi(string(at[2]))
		if errX != nil || errY != nil {
			continue
		}
		if y == nextY && x < nextX && x+width(html.UnescapeString(string(svg[p[4]:p[5]])))+8 > nextX {
			out = slices.Concat(out[:p[0]], out[p[1]:]) // from the end, so places before stay
			continue
		}
		nextX, nextY = x, y
	}
	return out
}
