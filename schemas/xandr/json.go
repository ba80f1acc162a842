package xandr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"pixledger/schemas/yamlfile"
)

// Bounds of what is read. A page of the API has some megabytes at most.
const (
	maxBytes  = 64 << 20
	maxValues = 4_000_000
	maxDepth  = 64
)

// file is a JSON file that is read, with what is wrong with it so far.
type file struct {
	name     string
	starts   []int // of each line
	text     []byte
	values   int
	mistakes yamlfile.Mistakes
}

// node is a JSON value with its place. Numbers keep their digits.
type node struct {
	file   *file
	offset int
	value  any // nil, bool, json.Number, string, []*node or *object
}

// object is a JSON object, with its keys in their order.
type object struct {
	keys   []string
	values []*node
	places []int          // where the keys stand
	index  map[string]int // of those that have many
}

// few is up to how many keys looking along them costs less than a map.
const few = 32

func (o *object) at(key string) int {
	if o.index == nil {
		return slices.Index(o.keys, key)
	}
	if i, ok := o.index[key]; ok {
		return i
	}
	return -1
}

func (o *object) add(key string, place int, v *node) {
	if len(o.keys) == few {
		o.index = make(map[string]int, 2*few)
		for i, k := range o.keys {
			o.index[k] = i
		}
	}
	if o.index != nil {
		o.index[key] = len(o.keys)
	}
	o.keys, o.values, o.places = append(o.keys, key), append(o.values, v), append(o.places, place)
}

// value gives a key's value, null included; nil where there is none.
func (o *object) value(key string) *node {
	if i := o.at(key); i >= 0 {
		return o.values[i]
	}
	return nil
}

// readFile reads a JSON file whole. Mistakes in it come as yamlfile.Mistakes.
func readFile(path string) (*node, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%s has more than %d MiB; allowed: smaller files, each given with a flag of its own", path, maxBytes>>20)
	}
	return parse(path, text)
}

// parse reads JSON text.
func parse(name string, text []byte) (*node, error) {
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return nil, yamlfile.Mistakes{{File: name, Line: 1, Column: 1, What: "the text is UTF-16", Allowed: "UTF-8 text"}}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	f := &file{name: name, text: text, starts: []int{0}}
	for i, c := range text {
		if c == '\n' {
			f.starts = append(f.starts, i+1)
		}
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			f.add(i, "the text is not UTF-8", "UTF-8 text")
			return nil, f.mistakes
		}
		i += size
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	n, err := f.read(dec, 0)
	if err == nil {
		if end := f.next(int(dec.InputOffset())); end < len(text) {
			f.add(end, "more text stands behind the JSON", "one JSON value a file; several files with a flag each")
			err = f.mistakes
		}
	}
	if err != nil {
		return nil, err
	}
	if len(f.mistakes) > 0 {
		return nil, f.mistakes
	}
	return n, nil
}

// next gives the next offset that is no white space, comma or colon.
func (f *file) next(i int) int {
	for i < len(f.text) && strings.IndexByte(" \t\r\n,:", f.text[i]) >= 0 {
		i++
	}
	return i
}

// read reads the next value.
func (f *file) read(dec *json.Decoder, depth int) (*node, error) {
	n := &node{file: f, offset: f.next(int(dec.InputOffset()))}
	if depth > maxDepth {
		f.add(n.offset, "lists and objects are nested too deep here", fmt.Sprintf("at most %d levels", maxDepth))
		return nil, f.mistakes
	}
	if f.values++; f.values > maxValues {
		f.add(n.offset, fmt.Sprintf("the file has more than %d values", maxValues), "smaller files, each given with a flag of its own")
		return nil, f.mistakes
	}
	token, err := dec.Token()
	if err != nil {
		return nil, f.syntax(dec, err)
	}
	switch token {
	case json.Delim('['):
		list := []*node{}
		for dec.More() {
			item, err := f.read(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		n.value = list
	case json.Delim('{'):
		o := &object{}
		for dec.More() {
			at := f.next(int(dec.InputOffset()))
			key, err := dec.Token()
			if err != nil {
				return nil, f.syntax(dec, err)
			}
			name, _ := key.(string)
			item, err := f.read(dec, depth+1)
			if err != nil {
				return nil, err
			}
			if first := o.at(name); first >= 0 {
				line, _ := f.position(o.places[first])
				f.add(at, fmt.Sprintf("%q is given twice, first on line %d", yamlfile.Cut(name), line), "each key once")
				continue
			}
			o.add(name, at, item)
		}
		n.value = o
	default:
		n.value = token
		return n, nil
	}
	if _, err := dec.Token(); err != nil { // the closing bracket
		return nil, f.syntax(dec, err)
	}
	return n, nil
}

// syntax notes what keeps the text from being JSON.
func (f *file) syntax(dec *json.Decoder, err error) error {
	at, what := f.next(int(dec.InputOffset())), err.Error()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		// The library counts from 0 between values, and from 1 within one.
		at = max(int(syntax.Offset)-1, 0)
		if next := at + 1; next < len(f.text) && strings.HasPrefix(what, fmt.Sprintf("invalid character '%c'", f.text[next])) && f.text[at] != f.text[next] {
			at = next
		}
		if at >= len(f.text) || strings.Contains(what, "unexpected end") {
			at, what = len(f.text), "it ends too early"
		}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		at, what = len(f.text), "it ends too early"
	}
	if len(bytes.TrimSpace(f.text)) == 0 {
		at, what = 0, "the file is empty"
	}
	f.add(at, "this is no readable JSON: "+what, "the JSON of the Pixel Service or Line Item Service, as it came")
	return f.mistakes
}

func (f *file) add(offset int, what, allowed string) {
	line, column := f.position(offset)
	f.mistakes = append(f.mistakes, yamlfile.Mistake{File: f.name, Line: line, Column: column, What: what, Allowed: allowed})
}

func (f *file) position(offset int) (line, column int) {
	offset = min(offset, len(f.text))
	line = sort.Search(len(f.starts), func(i int) bool { return f.starts[i] > offset })
	return line, utf8.RuneCount(f.text[f.starts[line-1]:offset]) + 1
}

// mistake is one at a value.
func (n *node) mistake(what, allowed string) yamlfile.Mistake {
	line, column := n.file.position(n.offset)
	return yamlfile.Mistake{File: n.file.name, Line: line, Column: column, What: what, Allowed: allowed}
}

// place gives FILE:LINE:COLUMN of a value.
func (n *node) place() string {
	line, column := n.file.position(n.offset)
	return fmt.Sprintf("%s:%d:%d", n.file.name, line, column)
}

// get gives the value of a key of an object; nil where there is none, or null.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	if o, ok := n.value.(*object); ok {
		if v := o.value(key); v != nil && v.value != nil {
			return v
		}
	}
	return nil
}

// items gives the entries of a list; an object stands for a list of it alone.
func (n *node) items() []*node {
	if n == nil {
		return nil
	}
	switch v := n.value.(type) {
	case []*node:
		return slices.DeleteFunc(slices.Clone(v), func(x *node) bool { return x.value == nil })
	case *object:
		return []*node{n}
	}
	return nil
}

// empty tells whether a value says nothing: null, "", [] or {}.
func (n *node) empty() bool {
	if n == nil {
		return true
	}
	switch v := n.value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []*node:
		return len(v) == 0
	case *object:
		return len(v.keys) == 0
	}
	return false
}

// written gives a value as it stands in the file, on one line and not too long.
func (n *node) written() string {
	switch v := n.value.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%q", yamlfile.Cut(v))
	case json.Number:
		return yamlfile.Cut(v.String())
	case []*node:
		return "a list"
	case *object:
		return "an object"
	default:
		return fmt.Sprint(v)
	}
}
