// Package yamlfile reads a YAML file strictly and says of everything wrong
// with it on which line and column it stands.
//
// Strictly means: one document; no key twice; no key that the JSON Schema does
// not name; no aliases, merge keys or tags; numbers in plain decimal, exact to
// 64 bits. Parse checks all that and gives the file's values with their
// positions, so that a reader's own checks can report in the same way. One
// reading finds all mistakes at once.
package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxDepth is how deep lists and mappings may nest: far more than any of our
// files needs, far less than what would exhaust the stack.
const maxDepth = 64

// File is a file that was read, with what is wrong with it so far.
type File struct {
	Name     string
	root     *yaml.Node
	mistakes Mistakes
	written  map[*yaml.Node]string // as written, of values that hold ${VAR}
	refused  map[*yaml.Node]bool   // nodes with a mistake: no second one
}

// Options change how a file is read.
type Options struct {
	// Env looks up a variable for ${VAR} in values ($${ stands for a plain
	// ${). Nil: ${ has no meaning.
	Env func(name string) (string, bool)
}

// Parse reads content strictly against the schema. It always gives a File,
// whose Err says what is wrong; name is what messages call the file.
func Parse(name string, content []byte, schema *Schema, opts Options) *File {
	f := &File{Name: name, written: map[*yaml.Node]string{}, refused: map[*yaml.Node]bool{}}
	if !f.readNodes(bytes.TrimPrefix(content, []byte("\ufeff")), schema) {
		return f
	}
	if opts.Env != nil {
		f.expand(f.root, opts.Env)
	}
	value := f.plain(f.root, 0)
	if len(f.mistakes) > 0 && f.refused[f.root] {
		return f
	}
	f.validate(schema, value)
	return f
}

// Err gives the mistakes as Mistakes in file order, or nil.
func (f *File) Err() error {
	if len(f.mistakes) == 0 {
		return nil
	}
	return f.mistakes.Sorted()
}

func (f *File) add(line, column int, what, allowed string) {
	f.mistakes = append(f.mistakes, Mistake{f.Name, max(line, 1), max(column, 1), what, allowed})
}

// refuse notes a mistake at a node, once for each node.
func (f *File) refuse(n *yaml.Node, what, allowed string) {
	if f.refused[n] {
		return
	}
	f.refused[n] = true
	f.add(n.Line, n.Column, what, allowed)
}

// readNodes fills root; false when the content is no YAML at all or holds nothing.
func (f *File) readNodes(content []byte, schema *Schema) bool {
	if line, column, ok := firstInvalid(content); ok {
		f.add(line, column, "the text is not UTF-8", "UTF-8 text")
		return false
	}
	dec := yaml.NewDecoder(bytes.NewReader(content))
	var doc yaml.Node
	err := decode(dec, &doc)
	if errors.Is(err, io.EOF) || err == nil && (doc.Kind != yaml.DocumentNode || len(doc.Content) == 0) {
		f.add(1, 1, "the file is empty", schema.whole())
		return false
	}
	if err != nil {
		f.syntax(content, err)
		return false
	}
	f.root = doc.Content[0]
	if f.root.Kind == yaml.ScalarNode && f.root.ShortTag() == "!!null" && f.root.Value == "" {
		f.add(1, 1, "the file is empty", schema.whole())
		return false
	}
	var second yaml.Node
	switch err := decode(dec, &second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		f.syntax(content, err)
		return false
	default:
		f.add(second.Line, second.Column, "a second document begins here", "one document a file")
	}
	return true
}

// decode guards against a panic of the YAML library: whatever bytes come, the
// answer is a mistake in a file and never the end of the program.
func decode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return dec.Decode(n)
}

func firstInvalid(content []byte) (line, column int, found bool) {
	line, column = 1, 1
	for i := 0; i < len(content); {
		r, size := utf8.DecodeRune(content[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return line, column, true
		case r == '\n':
			line, column = line+1, 1
		default:
			column++
		}
		i += size
	}
	return 0, 0, false
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)

// syntax notes a syntax error on its line. The library knows the line for some
// errors only; for the others the shortest beginning of the file that fails
// ends with the line at fault.
func (f *File) syntax(content []byte, err error) {
	problem, line := err.Error(), 0
	if m := yamlError.FindStringSubmatch(problem); m != nil {
		problem = m[2]
		if m[1] != "" && !strings.HasPrefix(problem, "did not find expected") {
			line, _ = strconv.Atoi(m[1])
		}
	}
	lines := bytes.SplitAfter(content, []byte("\n"))
	if line == 0 {
		line = firstFailing(lines)
	}
	line = min(line, len(lines))
	text := lines[line-1]
	column := len(text) - len(bytes.TrimLeft(text, " ")) + 1
	allowed := "YAML, with text that has special characters in quotes"
	if column <= len(text) && text[column-1] == '\t' {
		problem, allowed = "a tab indents this line", "spaces"
	}
	f.add(line, column, "this is no readable YAML: "+oneLine(problem), allowed)
}

func firstFailing(lines [][]byte) int {
	good, bad := 0, len(lines)
	for bad-good > 1 {
		middle := (good + bad) / 2
		if readable(bytes.Join(lines[:middle], nil)) {
			good = middle
		} else {
			bad = middle
		}
	}
	return bad
}

func readable(content []byte) bool {
	dec := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var n yaml.Node
		if err := decode(dec, &n); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var (
	digits = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
)

// half stands for every number that is no whole one: the schemas know whole
// numbers only, and a float would lose digits on the way to a message.
const half = 0.5

// plain turns a node into the value that the schema sees, and refuses what
// strict reading does not take.
func (f *File) plain(n *yaml.Node, depth int) any {
	if depth > maxDepth {
		f.refuse(n, "lists and mappings are nested too deep here", "at most "+strconv.Itoa(maxDepth)+" levels")
		return nil
	}
	if n.Kind == yaml.AliasNode {
		f.refuse(n, "*"+n.Value+" refers to another part of the file", "values written out")
		return nil
	}
	if n.Anchor != "" {
		f.refuse(n, "&"+n.Anchor+" names a part of the file", "values written out")
	}
	if n.Style&yaml.TaggedStyle != 0 {
		f.refuse(n, "the tag "+quote(n.Tag)+" stands here", "values without tags; text in quotes")
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		return f.plainMapping(n, depth)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, item := range n.Content {
			list = append(list, f.plain(item, depth+1))
		}
		return list
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if digits.MatchString(n.Value) {
			return jsonNumber(n.Value)
		}
		if n.ShortTag() == "!!int" {
			f.refuse(n, n.Value+" is not written as a plain decimal number", "digits alone, or text in quotes")
		}
		return half
	default: // text, and times, which readers parse themselves
		return n.Value
	}
}

func (f *File) plainMapping(n *yaml.Node, depth int) any {
	m := make(map[string]any, len(n.Content)/2)
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
			f.refuse(k, "a key that is no text", "plain keys")
			continue
		case k.ShortTag() == "!!merge":
			f.refuse(k, "<< merges another part of the file", "values written out")
			continue
		case first[k.Value] != nil:
			f.refuse(k, fmt.Sprintf("%s is given twice, first on line %d", label(k.Value), first[k.Value].Line), "each key once")
			f.plain(v, depth+1)
			continue
		}
		first[k.Value] = k
		m[k.Value] = f.plain(v, depth+1)
	}
	return m
}

var variable = regexp.MustCompile(`\$\$\{|\$\{([^}]*)\}?`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand puts variables into the values, never into keys. What they hold stays
// text: a value "8" of a ${TOKEN} is no number (validate turns it into one
// where the schema wants one). Messages show the value as written, for a
// secret must not end in a log.
func (f *File) expand(n *yaml.Node, env func(string) (string, bool)) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			f.expand(n.Content[i], env)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			f.expand(item, env)
		}
	case yaml.ScalarNode:
		if !strings.Contains(n.Value, "${") {
			return
		}
		written := n.Value
		n.Value = variable.ReplaceAllStringFunc(written, func(m string) string {
			if m == "$${" {
				return "${"
			}
			name := strings.TrimSuffix(strings.TrimPrefix(m, "${"), "}")
			if !strings.HasSuffix(m, "}") || !variableName.MatchString(name) {
				f.refuse(n, quote(m)+" names no environment variable", "${NAME}, or $${ for a plain ${")
				return m
			}
			v, ok := env(name)
			if !ok {
				f.refuse(n, "the environment variable "+name+" is not set", "a variable that is set, or $${ for a plain ${")
				return m
			}
			return v
		})
		f.written[n] = written
	}
}

// Read reads the file at path; its error says what could not be read.
func Read(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	return content, nil
}
