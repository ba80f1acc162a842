package catalogedit

import (
	"bytes"
	"fmt"
	"sort"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// text is a file's bytes without a byte order mark, with what is needed to find
// the nodes of the YAML library in them: it tells lines and columns, in
// characters, of where nodes begin.
type text struct {
	b      []byte
	starts []int // of each line
}

func newText(b []byte) *text {
	t := &text{b: b, starts: []int{0}}
	for i := 0; i < len(b); {
		if n := breakAt(b, i); n > 0 {
			i += n
			t.starts = append(t.starts, i)
			continue
		}
		i++
	}
	return t
}

// breakAt gives the length of the line break at i: to YAML, these are more
// than the two that editors know.
func breakAt(b []byte, i int) int {
	switch {
	case b[i] == '\n':
		return 1
	case b[i] == '\r':
		if i+1 < len(b) && b[i+1] == '\n' {
			return 2
		}
		return 1
	case bytes.HasPrefix(b[i:], []byte("\u0085")):
		return 2
	case bytes.HasPrefix(b[i:], []byte("\u2028")), bytes.HasPrefix(b[i:], []byte("\u2029")):
		return 3
	}
	return 0
}

// offset gives where a node begins.
func (t *text) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(t.starts) {
		return len(t.b)
	}
	i := t.starts[n.Line-1]
	for c := 1; c < n.Column && i < len(t.b); c++ {
		_, size := utf8.DecodeRune(t.b[i:])
		i += size
	}
	return i
}

// line gives the index of the line that an offset stands on.
func (t *text) line(offset int) int {
	return sort.Search(len(t.starts), func(i int) bool { return t.starts[i] > offset }) - 1
}

// next gives where the line after line i begins; the end of the file after the
// last one.
func (t *text) next(i int) int {
	if i+1 < len(t.starts) {
		return t.starts[i+1]
	}
	return len(t.b)
}

// content gives where line i ends without its line break.
func (t *text) content(i int) int {
	end := t.next(i)
	for _, size := range []int{3, 2, 1} {
		if at := end - size; at >= t.starts[i] && breakAt(t.b, at) == size {
			return at
		}
	}
	return end
}

// indent counts the spaces and tabs that line i begins with, and gives what
// follows them.
func (t *text) indent(i int) (int, []byte) {
	line := t.b[t.starts[i]:t.content(i)]
	rest := bytes.TrimLeft(line, " \t")
	return len(line) - len(rest), rest
}

// comments gives the last line of a run of comment lines that follows line i
// and stands at column from on, counted from 0; i where there is none.
func (t *text) comments(i, from int) int {
	for j := i + 1; j < len(t.starts); j++ {
		indent, rest := t.indent(j)
		if indent < from || len(rest) == 0 || rest[0] != '#' {
			break
		}
		i = j
	}
	return i
}

// blank gives the first offset from i on that is no space or tab.
func (t *text) blank(i int) int {
	for i < len(t.b) && (t.b[i] == ' ' || t.b[i] == '\t') {
		i++
	}
	return i
}

// skip gives the first offset from i on that is no white space, no comment and
// no comma where commas are to be skipped.
func (t *text) skip(i int, commas bool) int {
	for i < len(t.b) {
		switch c := t.b[i]; {
		case c == ' ' || c == '\t' || c == ',' && commas:
			i++
		case c == '#':
			i = t.content(t.line(i))
		case breakAt(t.b, i) > 0:
			i += breakAt(t.b, i)
		default:
			return i
		}
	}
	return i
}

// alone tells whether nothing but white space and perhaps a comment follows on
// the line of an offset.
func (t *text) alone(offset int) bool {
	at := t.blank(offset)
	return at >= t.content(t.line(offset)) || t.b[at] == '#'
}

// bare tells whether no comment stands on the line of an offset behind it.
func (t *text) bare(offset int) bool {
	return bytes.IndexByte(t.b[offset:t.content(t.line(offset))], '#') < 0
}

// leads tells whether nothing but white space stands on the line before an offset.
func (t *text) leads(offset int) bool {
	return t.blank(t.starts[t.line(offset)]) == offset
}

// end gives where a node ends. An error tells that it is written in a way that
// is not understood.
func (t *text) end(n *yaml.Node) (int, error) {
	start := t.offset(n)
	switch {
	case n.Kind == yaml.ScalarNode:
		return t.scalarEnd(n, start)
	case n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode:
		return 0, t.strange(n)
	case n.Style&yaml.FlowStyle == 0:
		if len(n.Content) == 0 {
			return 0, t.strange(n)
		}
		return t.end(n.Content[len(n.Content)-1])
	}
	at, closing := start+1, byte(']')
	if n.Kind == yaml.MappingNode {
		closing = '}'
	}
	if len(n.Content) > 0 {
		var err error
		if at, err = t.end(n.Content[len(n.Content)-1]); err != nil {
			return 0, err
		}
	}
	at = t.skip(at, true)
	if at >= len(t.b) || t.b[at] != closing {
		return 0, t.strange(n)
	}
	return at + 1, nil
}

func (t *text) strange(n *yaml.Node) error {
	return fmt.Errorf("what begins at line %d, column %d, is written in a way that can't be edited; allowed: a value behind its key and a colon, without ? and with no comment inside", n.Line, n.Column)
}

func (t *text) scalarEnd(n *yaml.Node, start int) (int, error) {
	b := t.b
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		for i := start + 1; i < len(b); i++ {
			switch b[i] {
			case '\\':
				i++
			case '"':
				return i + 1, nil
			}
		}
	case n.Style&yaml.SingleQuotedStyle != 0:
		for i := start + 1; i < len(b); i++ {
			if b[i] != '\'' {
				continue
			}
			if i+1 < len(b) && b[i+1] == '\'' {
				i++
				continue
			}
			return i + 1, nil
		}
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return t.blockEnd(start), nil
	default:
		return t.plainEnd(n, start)
	}
	return 0, t.strange(n)
}

// plainEnd follows a plain scalar, which has no escapes: only white space may
// differ between what it says and how it is written.
func (t *text) plainEnd(n *yaml.Node, start int) (int, error) {
	i := start
	for _, r := range n.Value {
		if unicode.IsSpace(r) || breakAt([]byte(string(r)), 0) > 0 {
			continue
		}
		for i < len(t.b) {
			c, size := utf8.DecodeRune(t.b[i:])
			if c == r {
				i += size
				break
			}
			if !unicode.IsSpace(c) && breakAt(t.b, i) == 0 {
				return 0, t.strange(n)
			}
			i += size
		}
	}
	return i, nil
}

// blockEnd gives the end of the last line of a literal or folded scalar. All
// lines that are blank or as deep as its first one are its own; the blank ones
// at its end count where it keeps them.
func (t *text) blockEnd(start int) int {
	head := t.line(start)
	keep := bytes.IndexByte(t.b[start:min(start+3, len(t.b))], '+') > 0
	last, depth := head, -1
	for i := head + 1; i < len(t.starts); i++ {
		indent, rest := t.indent(i)
		if len(rest) == 0 {
			if keep && t.starts[i] < len(t.b) {
				last = i
			}
			continue
		}
		if depth < 0 {
			depth = indent
			if parent, _ := t.indent(head); depth <= parent {
				break
			}
		}
		if indent < depth {
			break
		}
		last = i
	}
	return t.content(last)
}
