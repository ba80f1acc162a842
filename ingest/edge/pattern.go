package edge

import (
	"fmt"
	"regexp"
	"strings"
)

// macroPattern matches a value, as it stands in the query, that decoded is an
// unreplaced macro and nothing else; hexadecimal digits in any case.
const macroPattern = `^(?:` +
	`(?:\[|%5B)(?:(?!\]|%5D).)+(?:\]|%5D)` +
	`|(?:\$|%24)(?:\{|%7B)(?:(?!\}|%7D).)+(?:\}|%7D)` +
	`|(?:\{|%7B){2}(?:(?!\}|%7D).)+(?:\}|%7D){2}` +
	`|(?:%25|%(?![0-9A-F]{2})){2}(?:(?!%25|%(?![0-9A-F]{2})).)+(?:%25|%(?![0-9A-F]{2})){2}` +
	`)$`

// namePattern matches a parameter's name as it may stand in a query: every
// character as it is or percent-encoded.
func namePattern(name string) string { return encodable(name) }

// encodable gives a regular expression for every way to write s in a query so
// that it is s when decoded. It matches case, but for hexadecimal digits.
func encodable(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		b.WriteString("(?:")
		switch {
		case c == ' ':
			b.WriteString(`\+|`)
		case c == '%':
			b.WriteString(`%(?![0-9A-Fa-f]{2})|`)
		case c == '+' || c == '&' || c == '#' || c <= ' ' || c >= 0x7f:
			// Raw, these mean something else or can not stand in a query as one character.
			if c >= 0x80 {
				fmt.Fprintf(&b, `\x%02x|`, c)
			}
		default:
			b.WriteString(regexp.QuoteMeta(string(rune(c))) + "|")
		}
		b.WriteString("%" + hexPattern(c>>4) + hexPattern(c&15) + ")")
	}
	return b.String()
}

func hexPattern(nibble byte) string {
	d := fmt.Sprintf("%X", nibble)
	if nibble < 10 {
		return d
	}
	return "[" + d + strings.ToLower(d) + "]"
}

// firstPattern matches the query up to and with "name=" of the first parameter
// of that name. Where that one has no '=', it does not match.
func firstPattern(name string) string {
	n := namePattern(name)
	return `(?:(?!` + n + `(?:[=&]|$))[^&]*&)*+` + n + `=`
}

// beforePattern matches the parameters before the first "name=".
func beforePattern(name string) string {
	return `(?:(?!` + namePattern(name) + `=)[^&]*&)*+`
}

// decodeStep is one nginx map of the percent-decoding of redir.
type decodeStep struct {
	From, To string
	Entries  []struct{ Pattern, Value string }
}

// decoded lists what is decoded in a redir that is encoded as a whole, and how
// many of each in how many steps: the characters that separate the parts of a
// URL. The others mean the same encoded.
var decoded = []struct {
	char      byte
	perStep   int
	steps     int
	hexadigit string
}{
	{':', 8, 1, "3A"}, {'/', 8, 2, "2F"}, {'?', 4, 1, "3F"}, {'=', 8, 3, "3D"}, {'&', 8, 3, "26"},
	{'+', 8, 1, "2B"}, {',', 8, 1, "2C"}, {';', 4, 1, "3B"}, {'@', 4, 1, "40"}, {'#', 1, 1, "23"},
}

const percentSteps = 3

// decodeSteps gives the maps that decode $redir_0 and the name of the last
// one's variable. Its value is, from the left, what is decoded, a blank, and what
// is left to decode; without the blank it counts as none.
//
// A map's regular expression replaces a fixed number of occurrences, so each map
// has one for every number up to the most that nine captures allow, the largest
// first. The order between the characters does not matter, as none of them can
// begin an escape; only '%' can, so it comes last and goes from the left.
func decodeSteps() ([]decodeStep, string) {
	var steps []decodeStep
	last := "redir_0"
	next := func(from string) *decodeStep {
		steps = append(steps, decodeStep{From: from, To: fmt.Sprintf("redir_%d", len(steps)+1)})
		s := &steps[len(steps)-1]
		last = s.To
		return s
	}
	var left []string
	for _, d := range decoded {
		left = append(left, d.hexadigit)
		for range d.steps {
			s := next("$" + last)
			for n := d.perStep; n > 0; n-- {
				s.add("^", "", "%"+d.hexadigit, string(d.char), n, 1)
			}
		}
	}
	// What is left over was too much; else the blank starts the pass for '%'.
	s := next("$" + last)
	s.Entries = append(s.Entries,
		struct{ Pattern, Value string }{`%(?:` + strings.Join(left, "|") + `)`, ""},
		struct{ Pattern, Value string }{`^(.*)$`, " $1"})
	for range percentSteps {
		s := next("$" + last)
		for n := 7; n > 0; n-- {
			s.add("^([^ ]*) ", "$1", "%25", "%", n, 2)
		}
	}
	return steps, last
}

// add appends the entry that replaces n occurrences of escape; group is the
// number of its first capture after the prefix.
func (s *decodeStep) add(prefix, prefixValue, escape, char string, n, group int) {
	hex := escape[1:]
	pattern := fmt.Sprintf(`%s([^%%]*+(?:%%(?!%s)[^%%]*+)*+)%s`, prefix, hex, escape)
	value := fmt.Sprintf("%s$%d%s", prefixValue, group, char)
	for i := 1; i < n; i++ {
		pattern += fmt.Sprintf(`((?%d))%s`, group, escape)
		value += fmt.Sprintf("$%d%s", group+i, char)
	}
	if prefix != "^" {
		value += " " // the blank moves behind what is done
	}
	value += fmt.Sprintf("$%d", group+n)
	s.Entries = append(s.Entries, struct{ Pattern, Value string }{pattern + "(.*)$", value})
}

// replacement is an entry of a map: a pattern's end, and what it becomes.
type replacement struct{ Pattern, Value string }

// encodedID matches an id of which digits are percent-encoded, and gives its
// digits: each in a variable of its own, name_1 to name_19. A digit that is there
// is never left to the next one: that would make nginx try them all in turns.
func encodedID(name string) replacement {
	r := replacement{Pattern: `(?=[^&]*%)(?:(?:%3)?0)*+`}
	for i := 1; i <= 19; i++ {
		form, group := "[0-9]", "(?:%s)?+"
		if i == 1 {
			form, group = "[1-9]", "%s"
		}
		r.Pattern += fmt.Sprintf(group, fmt.Sprintf("(?:%%3)?(?<%s_%d>%s)", name, i, form))
		r.Value += fmt.Sprintf("${%s_%d}", name, i)
	}
	return r
}

// mostTokens is how many times a redir may name the touch's token.
const mostTokens = 3

// tokenSteps gives the entries that put the token, which the first group has
// matched, in the place of its macro in a redir that is allowed already: behind
// the host, the largest number of occurrences first. What is put in comes from the
// same match: a value with other variables could have its groups changed by what
// they are made of.
func tokenSteps() []replacement {
	const macro = `(?:\$|%24)(?:\{|%7[Bb])SSP_DATA(?:\}|%7[Dd])`
	var list []replacement
	for n := mostTokens; n > 0; n-- {
		r := replacement{Pattern: `([^/]*//[^/?#]*[/?#].*?)`, Value: "$2"}
		for i := range n {
			r.Pattern += macro + `(.*?)`
			r.Value += fmt.Sprintf("$1$%d", 3+i)
		}
		list = append(list, r)
	}
	return list
}
