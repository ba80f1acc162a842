package schemas

import (
	"strings"
	"unicode"
)

// Shown leaves out of a text from a log, a file's name or a catalog what a
// terminal or a mail would obey instead of show.
func Shown(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
