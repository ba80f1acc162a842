package report

import (
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/rivo/uniseg"
)

// Screen is a terminal that a result goes to: a table fits its width.
type Screen struct {
	io.Writer
	Width int // columns; 0 is unknown
}

// widthOf gives the width of what a table is written to, 0 where it has none.
func widthOf(w io.Writer) int {
	switch w := w.(type) {
	case *Screen:
		return w.Width
	case *spool:
		return w.width
	}
	return 0
}

// wide gives the columns that a text takes on a terminal: two for a letter of
// Chinese, none for a mark upon another letter.
func wide(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return text.StringWidthWithoutEscSequences(s)
		}
	}
	return len(s)
}

// shorten cuts a text to so many columns of a terminal, with … in the last. It
// never parts what is one letter to a reader.
func shorten(s string, columns int) string {
	if len(s) <= columns || wide(s) <= columns {
		return s
	}
	var b strings.Builder
	rest, state, width := s, -1, 0
	for rest != "" {
		var letter string
		letter, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if width += wide(letter); width > columns-1 {
			break
		}
		b.WriteString(letter)
	}
	return b.String() + "…"
}
