package forget

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// wholeBytes is the length from which on an id is taken for itself wherever its
// bytes stand. A shorter one may be a part of other words: it must stand by
// itself there.
const wholeBytes = 16

// A needle is a way in which an id may stand in a text, as a pattern of RE2, and
// what takes its place. Each has another replacement, so that texts that were
// different stay different: who shares an order or a token with whom is decided
// by them.
type needle struct {
	name        name
	pattern     string
	replacement string
	// number says that it is one of a few digits, as orders and amounts are.
	number bool
	short  bool // so few that everything is full of it
}

// inTexts, inKeys tell whether it is looked for in texts of others' rows: and in
// their orders, tokens and figures.
func (n *needle) inTexts() bool { return !n.number || !n.short }
func (n *needle) inKeys() bool  { return !n.number }

var digits = regexp.MustCompile(`^[0-9]+$`)

// shortNumber is how many digits make a number that may be told from others.
const shortNumber = 4

// needlesOf lists the ways in which ids may stand in texts: as they are, and as a
// URL or JSON writes them.
func needlesOf(names []name) []needle {
	var out []needle
	for _, n := range names {
		for i, form := range forms(n.UserID) {
			nd := needle{name: n, pattern: regexp.QuoteMeta(form), replacement: n.Pseudonym}
			if i > 0 {
				nd.replacement += "-" + string(rune('a'+i))
			}
			if len(form) < wholeBytes {
				nd.number, nd.short = digits.MatchString(form), len(form) < shortNumber
				// After a letter or number only where that ends an escape, as in %3Did.
				nd.pattern = `(^|[^0-9A-Za-z]|%[0-9A-Fa-f]{2})` + nd.pattern + `($|[^0-9A-Za-z])`
				nd.replacement = `\1` + nd.replacement + `\2`
				out = append(out, nd) // twice, as neighbours share what stands between them
			}
			out = append(out, nd)
		}
	}
	// A longer one first: it may hold a shorter one.
	slices.SortStableFunc(out, func(a, b needle) int { return len(b.name.UserID) - len(a.name.UserID) })
	return out
}

// forms lists how an id is written, the first as it is.
func forms(id string) []string {
	out := []string{id}
	add := func(s string) {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, escaped := range []string{url.QueryEscape(id), url.PathEscape(id), strings.ReplaceAll(url.QueryEscape(id), "+", "%20")} {
		add(escaped)
		add(lowerEscapes(escaped))
	}
	if b, err := json.Marshal(id); err == nil {
		add(string(b[1 : len(b)-1]))
	}
	return out
}

var escape = regexp.MustCompile(`%[0-9A-F]{2}`)

func lowerEscapes(s string) string { return escape.ReplaceAllStringFunc(s, strings.ToLower) }

// pattern matches a text that holds one of the needles.
func pattern(needles []needle) string {
	parts := make([]string, 0, len(needles))
	for _, n := range needles {
		if p := "(?:" + n.pattern + ")"; !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return `[^\s\S]` // nothing
	}
	return strings.Join(parts, "|")
}
