// Package tag writes what people paste: the tags of conversion and segment
// pixels, the URLs of trackers and of server-side pixels. They are written from
// the URL grammar that requests are read by, so that what is asked for here is
// what the ledger reads.
//
// A tag is one line. Its parameters stand in one order: the id, or the code with
// the member; segments to add, then to remove; order_id, value, other; t; and
// last what may hold anything, redir and sspdata. What the advertiser fills in is
// a macro, which counts as absent for as long as nobody replaces it.
package tag

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"pixledger/ingest/grammar"
	"pixledger/schemas"
)

// The macros that the page, or the server that calls, puts its values in the
// place of.
const (
	OrderIDMacro     = "[ORDER_ID]"
	RevenueMacro     = "[REVENUE]"
	OtherMacro       = "[OTHER]"
	RedirectMacro    = "[REDIRECT_URL]"
	SSPDataMacro     = "[SSPDATA]"
	CachebusterMacro = "[CACHEBUSTER]"
	AnCostMacro      = "[ANCOST]"
)

// typeImage is the value of t that asks for an image, as no t does.
const typeImage = "2"

// Tag is something to paste.
type Tag struct {
	Name string // what it is of, for people: "Conversion pixel 9012 - Checkout"
	URL  string
	Form Form
	// Notes are what whoever pastes it should know; nothing is wrong.
	Notes []string
}

// Form is what a URL is pasted as.
type Form int

// The forms.
const (
	Image  Form = iota // <img>
	Script             // <script>
	Link               // the URL alone: a click's, or one that a server calls
)

// Text gives the tag as it is pasted: one line, without its end.
func (t *Tag) Text() string {
	switch t.Form {
	case Image:
		return `<img src="` + t.URL + `" width="1" height="1" />`
	case Script:
		return `<script src="` + t.URL + `" type="text/javascript"></script>`
	}
	return t.URL
}

// Comment gives a line that says what the tag is of: an HTML comment where it is
// HTML. A name can't end it, nor the line.
func (t *Tag) Comment() string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, t.Name)
	if t.Form == Link {
		return "# " + name
	}
	// No --, no > and no dash at an end: every reader of HTML and XML agrees then.
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	return "<!-- " + strings.TrimRight(strings.NewReplacer("<", "(", ">", ")").Replace(name), "- ") + " -->"
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?::[0-9]{1,5})?$`)

// CheckHost says what is wrong with the name of an edge.
func CheckHost(host string) error {
	if !hostForm.MatchString(host) {
		return fmt.Errorf("%q is no host; allowed: a name (px.example.com), with a port or none", host)
	}
	return nil
}

// address builds a URL.
type address struct {
	b     strings.Builder
	begun bool
}

func newAddress(host string, http bool, path string) *address {
	a := &address{}
	scheme := "https://"
	if http {
		scheme = "http://"
	}
	a.b.WriteString(scheme + host + "/" + path)
	return a
}

// add appends a parameter whose value is written already.
func (a *address) add(name, value string) {
	if a.begun {
		a.b.WriteByte('&')
	} else {
		a.b.WriteByte('?')
	}
	a.begun = true
	a.b.WriteString(name + "=" + value)
}

func (a *address) addID(name string, id int64) { a.add(name, strconv.FormatInt(id, 10)) }

// addIf appends a macro where it is asked for.
func (a *address) addIf(asked bool, name, macro string) {
	if asked {
		a.add(name, macro)
	}
}

// addList appends a list, whose commas stand as they are; an empty one is left out.
func (a *address) addList(name string, values []string) {
	if len(values) > 0 {
		a.add(name, strings.Join(values, ","))
	}
}

// encoded percent-encodes all of a value but letters, digits and a few signs that
// mean nothing in a URL or in HTML.
func encoded(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// macroForm is a value that counts as absent, as the decoder has it.
var macroForm = regexp.MustCompile(`^(?:\[[^\]]+\]|\$\{[^}]+\}|\{\{[^}]+\}\}|%%[^%]+%%)$`)

// codeProblem says why a URL can't carry a code; empty where it can.
func codeProblem(code string, inList bool) string {
	switch {
	case macroForm.MatchString(code):
		return fmt.Sprintf("%q reads as a macro that nobody replaced, which counts as absent", code)
	case inList && strings.Contains(code, ","):
		return fmt.Sprintf("%q has a comma, which ends a code in a list", code)
	}
	return ""
}

// named is a thing of the catalog for people.
func named(kind string, id int64, name string) string {
	if name == "" {
		return fmt.Sprintf("%s %d", kind, id)
	}
	return fmt.Sprintf("%s %d - %s", kind, id, name)
}

// form is the form and the t of a tag that a page loads.
func form(js bool) (Form, string) {
	if js {
		return Script, grammar.TypeJS
	}
	return Image, typeImage
}

// SegmentOptions say how a segment pixel is written.
type SegmentOptions struct {
	Host string
	JS   bool
}

// Segment writes the tag that adds whoever loads it to a segment.
func Segment(s *schemas.Segment, o SegmentOptions) *Tag {
	t := &Tag{Name: named("Segment pixel", s.ID, s.Name)}
	var kind string
	t.Form, kind = form(o.JS)
	a := newAddress(o.Host, false, grammar.SEG)
	a.addID(grammar.Add, s.ID)
	a.add(grammar.Type, kind)
	t.URL = a.b.String()
	return t
}
