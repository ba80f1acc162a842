package yamlfile

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Value is a place in a file: a value, or the absence of one. Its readers give
// false for what is absent, null or of another kind: Parse has reported that
// already where the schema forbids it.
type Value struct {
	file *File
	node *yaml.Node // nil: absent
	at   *yaml.Node // where a message about it points
	name string
}

// Root is the file's whole content.
func (f *File) Root() Value { return Value{f, f.root, f.root, "the file"} }

// Get gives the value of a key of a mapping.
func (v Value) Get(key string) Value {
	if v.node != nil && v.node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(v.node.Content); i += 2 {
			if k := v.node.Content[i]; k.Kind == yaml.ScalarNode && k.Value == key {
				return Value{v.file, v.node.Content[i+1], v.node.Content[i+1], key}
			}
		}
	}
	return Value{v.file, nil, v.at, key}
}

// Items gives the entries of a list.
func (v Value) Items() []Value {
	if v.node == nil || v.node.Kind != yaml.SequenceNode {
		return nil
	}
	items := make([]Value, len(v.node.Content))
	for i, n := range v.node.Content {
		items[i] = Value{v.file, n, n, itemName(v.name, i)}
	}
	return items
}

// Entries gives the keys and values of a mapping in the order of the file.
func (v Value) Entries() (keys []string, values []Value) {
	if v.node == nil || v.node.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		k, n := v.node.Content[i], v.node.Content[i+1]
		keys, values = append(keys, k.Value), append(values, Value{v.file, n, n, k.Value})
	}
	return keys, values
}

// Given tells whether something stands there, null included.
func (v Value) Given() bool { return v.node != nil }

// IsNull tells whether null (or nothing after the colon) stands there.
func (v Value) IsNull() bool {
	return v.node != nil && v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!null"
}

// IsList tells whether a list stands there, an empty one included.
func (v Value) IsList() bool { return v.node != nil && v.node.Kind == yaml.SequenceNode }

// Text reads text. Times count as text; numbers and booleans do not.
func (v Value) Text() (string, bool) {
	if v.node == nil || v.node.Kind != yaml.ScalarNode || v.node.Style&yaml.TaggedStyle != 0 {
		return "", false
	}
	switch v.node.ShortTag() {
	case "!!str", "!!timestamp":
		return v.node.Value, true
	}
	return "", false
}

// TextOr reads text, or gives what counts where none is given.
func (v Value) TextOr(omitted string) string {
	if s, ok := v.Text(); ok {
		return s
	}
	return omitted
}

// Int reads a whole number that fits 64 bits.
func (v Value) Int() (int64, bool) {
	if v.node == nil || v.node.Kind != yaml.ScalarNode || !v.isNumber() || !digits.MatchString(v.node.Value) {
		return 0, false
	}
	n, err := strconv.ParseInt(v.node.Value, 10, 64)
	return n, err == nil
}

func (v Value) isNumber() bool {
	tag := v.node.ShortTag()
	return tag == "!!int" || tag == "!!float" // digits beyond 64 bits count as float to YAML
}

// IntOr reads a whole number, or gives what counts where none is given.
func (v Value) IntOr(omitted int64) int64 {
	if n, ok := v.Int(); ok {
		return n
	}
	return omitted
}

// Bool reads true or false.
func (v Value) Bool() (value, ok bool) {
	if v.node == nil || v.node.Kind != yaml.ScalarNode || v.node.ShortTag() != "!!bool" {
		return false, false
	}
	return strings.EqualFold(v.node.Value, "true"), true
}

// BoolOr reads true or false, or gives what counts where neither is given.
func (v Value) BoolOr(omitted bool) bool {
	if b, ok := v.Bool(); ok {
		return b
	}
	return omitted
}

// Position gives line and column, both from 1; of an absent value, those of
// the mapping that lacks it.
func (v Value) Position() (line, column int) {
	if v.at == nil {
		return 1, 1
	}
	return v.at.Line, v.at.Column
}

// Written gives the value as the file has it, quoted, for messages: a ${VAR}
// is not replaced.
func (v Value) Written() string {
	if v.node == nil {
		return "nothing"
	}
	return v.file.describe(v.node)
}

// Refuse notes a mistake at the value. A value that has one gets no second.
func (v Value) Refuse(what, allowed string) {
	switch {
	case v.file.refused[v.at] && v.node != nil:
	case v.at == nil:
		v.file.add(1, 1, what, allowed)
	case v.node == nil: // several keys may lack in one mapping
		v.file.add(v.at.Line, v.at.Column, what, allowed)
	default:
		v.file.refuse(v.at, what, allowed)
	}
}

// Refused tells whether a mistake was noted at the value.
func (v Value) Refused() bool { return v.node != nil && v.file.refused[v.node] }

// MayHold tells whether a mapping that does not give key may have been meant
// to: one of its own keys was refused (unknown, given twice, a merge). Of a key
// that is given it tells whether it is given twice. What is then found missing
// may follow from that mistake alone.
func (v Value) MayHold(key string) bool {
	if v.node == nil || v.node.Kind != yaml.MappingNode {
		return v.node != nil && v.file.refused[v.node]
	}
	given := v.Get(key).Given()
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		if k := v.node.Content[i]; v.file.refused[k] && (!given || k.Value == key) {
			return true
		}
	}
	return false
}

// describe names a node for a message, on one line and of bounded length.
func (f *File) describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		if len(n.Content) == 0 {
			return "an empty list"
		}
		return "a list"
	case yaml.AliasNode:
		return "*" + n.Value
	}
	if w, ok := f.written[n]; ok {
		return quote(w)
	}
	switch n.ShortTag() {
	case "!!null":
		return "null"
	case "!!bool", "!!int", "!!float":
		return Cut(n.Value)
	}
	return quote(n.Value)
}

func quote(s string) string { return strconv.Quote(Cut(s)) }

// Cut shortens a text from a file for a message.
func Cut(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// label names a key for a message; one of unusual letters is quoted.
func label(key string) string {
	for _, r := range key {
		if r != '_' && r != '-' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return quote(key)
		}
	}
	if key == "" || len(key) > 80 {
		return quote(key)
	}
	return key
}

func itemName(list string, i int) string {
	return fmt.Sprintf("entry %d of %s", i+1, list)
}
