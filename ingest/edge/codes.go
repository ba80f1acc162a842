package edge

import (
	"fmt"
	"strings"

	"pixledger/schemas"
)

// A code may stand in a query in many ways, as every character may be encoded. The
// configuration knows each in one form, codeForm's, and has nginx bring what
// comes with an escape in it to that form: one escape a step, in as many steps as
// mostEscapes. Then it is one look-up in a table, whatever the catalog's size.

// Codes with up to fewEscapes go through these steps alone; the others through
// all. nginx takes a hundred maps that look at one another for a circle.
const (
	fewEscapes  = 8
	mostEscapes = 48
)

// longestCode is how many bytes a code may have in its form.
const longestCode = 480

// codeForm gives a code as the configuration knows it: what means something
// else in a query, or can not stand in one, is encoded, all else is not.
func codeForm(code string) string {
	var b strings.Builder
	for i := range len(code) {
		b.WriteString(codeChar(code[i]))
	}
	return b.String()
}

func codeChar(c byte) string {
	if c <= ' ' || c == 0x7f || strings.IndexByte("%+&#", c) >= 0 {
		return fmt.Sprintf("%%%02X", c)
	}
	return string([]byte{c})
}

type (
	code      struct{ Key, Value string }
	character struct{ Escape, Value string }
	codeStep  struct{ From, To int }
)

// codeTable collects codes by their forms without case, as nginx's tables do
// not tell it apart.
type codeTable struct {
	order []string
	codes map[string][]string // of words: a pixel's id, its code's form, and so on
}

func newCodeTable() *codeTable { return &codeTable{codes: map[string][]string{}} }

func (t *codeTable) add(x schemas.Pixel) error {
	form := codeForm(x.Code)
	if len(form) > longestCode {
		return fmt.Errorf("%d bytes, escaped for a URL, are too long for nginx; allowed: %d", len(form), longestCode)
	}
	if n := strings.Count(form, "%") + nonASCII(form); n > mostEscapes {
		return fmt.Errorf("%d characters of it are encoded in a URL; allowed: %d bytes that are no letters, digits or signs of ASCII", n, mostEscapes)
	}
	key := lowerASCII(form)
	if t.codes[key] == nil {
		t.order = append(t.order, key)
	}
	t.codes[key] = append(t.codes[key], fmt.Sprint(x.ID), form)
	return nil
}

// codes writes the table, with what brings a request's code to its form; nothing
// where no code matters.
func (p *page) codes(t *codeTable) {
	for _, key := range t.order {
		p.Codes = append(p.Codes, code{p.key("=" + key), p.word(escapeAll(strings.Join(t.codes[key], " ")))})
	}
	if len(p.Codes) == 0 {
		return
	}
	add := func(escape, text string) {
		p.Characters = append(p.Characters, character{quote(escape), `"` + strings.Join(escapeAll(text), "") + `"`})
	}
	add("+", codeChar(' '))
	add("%", codeChar('%')) // no escape follows: it stays as written
	for c := range 256 {
		add(fmt.Sprintf("%%%02X", c), codeChar(byte(c)))
	}
	for i := range mostEscapes {
		p.CodeSteps = append(p.CodeSteps, codeStep{i, i + 1})
	}
}

// lowerASCII lowers what nginx's tables lower.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func nonASCII(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= 0x80 {
			n++
		}
	}
	return n
}
