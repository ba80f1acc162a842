package report

import "strings"

// edit is a parameter of a statement that gave way to the value it stands for.
type edit struct {
	at, until int // in the statement as it was written
	name      string
	grown     int // how many bytes longer the statement is behind it
}

// original is where a byte of a changed statement was before: a byte of what
// was put in was where its parameter was.
func original(edits []edit, at int) int {
	grown := 0
	for _, e := range edits {
		if at < e.at+grown {
			break
		}
		if at < e.until+e.grown {
			return e.at
		}
		grown = e.grown
	}
	return at - grown
}

// putValues puts what value gives for a parameter $name in its place. A
// parameter that it does not know stays. Names in strings, comments and quoted
// identifiers are none.
func putValues(text string, value func(name string) (string, bool)) (string, []edit) {
	var out strings.Builder
	var edits []edit
	copied := 0
	for i := 0; i < len(text); {
		end := tokenEnd(text, i)
		if text[i] == '$' && end > i+1 && isNameStart(text[i+1]) && !strings.HasSuffix(text[i:end], "$") {
			name := strings.ToLower(text[i+1 : end])
			if v, ok := value(name); ok {
				out.WriteString(text[copied:i] + "(" + v + ")")
				copied = end
				edits = append(edits, edit{i, end, name, out.Len() - end})
			}
		}
		i = end
	}
	out.WriteString(text[copied:])
	return out.String(), edits
}

// tokenEnd is where the token that begins at i ends, as far as parameters must
// be told from what only looks like one.
func tokenEnd(s string, i int) int {
	rest := s[i:]
	end := func(n int, found bool) int {
		if !found {
			return len(s) // not closed: the parser will say so
		}
		return i + n
	}
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "--"):
		n := strings.IndexByte(rest, '\n')
		return end(n+1, n >= 0)
	case strings.HasPrefix(rest, "/*"):
		n := commentLength(rest)
		return end(n, n > 0)
	case c == '\'' || c == '"':
		n := quotedLength(rest, false)
		return end(n, n > 0)
	case (c == 'e' || c == 'E') && len(rest) > 1 && rest[1] == '\'':
		n := quotedLength(rest[1:], true)
		return end(n+1, n > 0)
	case c == '$':
		n := 1
		for n < len(rest) && isNamePart(rest[n]) {
			n++
		}
		if n == len(rest) || rest[n] != '$' || n > 1 && !isNameStart(rest[1]) {
			return i + n
		}
		tag := rest[:n+1]
		n = strings.Index(rest[len(tag):], tag)
		return end(n+2*len(tag), n >= 0)
	case isNameStart(c):
		n := 1
		for n < len(rest) && (isNamePart(rest[n]) || rest[n] == '$') {
			n++
		}
		return i + n
	}
	return i + 1
}

func isNameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func isNamePart(c byte) bool { return isNameStart(c) || c >= '0' && c <= '9' }

// commentLength is how long a comment is that may hold others; 0 if it has no end.
func commentLength(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); {
		switch s[i : i+2] {
		case "/*":
			depth, i = depth+1, i+2
		case "*/":
			if depth, i = depth-1, i+2; depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return 0
}

// quotedLength is how long the string or identifier at the beginning is, whose
// quotes are doubled inside; 0 if it has no end. Of one with escapes a \ takes
// the next character.
func quotedLength(s string, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] != s[0]:
		case i+1 < len(s) && s[i+1] == s[0]:
			i++
		default:
			return i + 1
		}
	}
	return 0
}
