package yamlfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is a compiled JSON Schema (draft 2020-12). Where a subschema has an
// errorMessage that begins with "allowed: ", messages about it quote the rest
// as what is allowed; editors show it as well.
type Schema struct {
	compiled *jsonschema.Schema
	raw      any
}

const schemaURL = "schema:///file.json"

// Compile reads a JSON Schema that refers to nothing outside itself.
func Compile(text []byte) (*Schema, error) {
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read JSON Schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(schemaURL, raw); err != nil {
		return nil, fmt.Errorf("read JSON Schema: %w", err)
	}
	compiled, err := c.Compile(schemaURL)
	if err != nil {
		return nil, fmt.Errorf("compile JSON Schema: %w", err)
	}
	return &Schema{compiled, raw}, nil
}

func jsonNumber(s string) json.Number { return json.Number(s) }

// validate notes what the schema finds wrong. A ${VAR} where a number or a
// boolean belongs is read as one, and the file judged again.
func (f *File) validate(s *Schema, value any) {
	var verr *jsonschema.ValidationError
	if err := s.compiled.Validate(value); err == nil || !errors.As(err, &verr) {
		return
	}
	found := leaves(verr, nil)
	if f.retype(found) {
		if err := s.compiled.Validate(f.plain(f.root, 0)); err == nil || !errors.As(err, &verr) {
			return
		}
		found = leaves(verr, nil)
	}
	for _, e := range found {
		f.report(s, e)
	}
}

func leaves(e *jsonschema.ValidationError, found []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return append(found, e)
	}
	for _, c := range e.Causes {
		found = leaves(c, found)
	}
	return found
}

// retype gives values from the environment the type that the schema wants, if
// their text is written so; it tells whether any changed.
func (f *File) retype(found []*jsonschema.ValidationError) bool {
	changed := false
	for _, e := range found {
		k, ok := e.ErrorKind.(*kind.Type)
		if !ok {
			continue
		}
		n, _ := f.find(e.InstanceLocation)
		if _, fromEnv := f.written[n]; !fromEnv || f.refused[n] {
			continue
		}
		for _, want := range k.Want {
			switch {
			case want == "integer" && digits.MatchString(n.Value):
				n.Tag, n.Style, changed = "!!int", 0, true
			case want == "boolean" && (n.Value == "true" || n.Value == "false"):
				n.Tag, n.Style, changed = "!!bool", 0, true
			}
		}
	}
	return changed
}

// find follows a path of keys and indexes to a node and the name of it.
func (f *File) find(path []string) (*yaml.Node, string) {
	n, name := f.root, "the file"
	for _, token := range path {
		switch n.Kind {
		case yaml.MappingNode:
			var next *yaml.Node
			for i := 0; i+1 < len(n.Content) && next == nil; i += 2 {
				if n.Content[i].Value == token {
					next = n.Content[i+1]
				}
			}
			if next == nil {
				return n, name
			}
			n, name = next, label(token)
		case yaml.SequenceNode:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(n.Content) {
				return n, name
			}
			n, name = n.Content[i], itemName(name, i)
		default:
			return n, name
		}
	}
	return n, name
}

func (f *File) report(s *Schema, e *jsonschema.ValidationError) {
	n, name := f.find(e.InstanceLocation)
	sub := s.at(e.SchemaURL)
	is := name + " is " + f.describe(n)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		known := s.keys(sub)
		for _, unknown := range k.Properties {
			what, allowed := "the key "+label(unknown)+" is unknown", strings.Join(known, ", ")
			if near := nearest(unknown, known); near != "" {
				what += ": is " + near + " meant?"
			}
			if allowed == "" {
				allowed = "no key at all"
			}
			f.refuse(keyNode(n, unknown), what, allowed)
		}
	case *kind.Required:
		missing := append([]string(nil), k.Missing...)
		sort.Strings(missing)
		for _, key := range missing {
			if f.misnamed(n, key, s.keys(sub)) {
				continue
			}
			f.add(n.Line, n.Column, label(key)+" is missing", s.allowed(property(sub, key)))
		}
	case *kind.MaxItems:
		f.refuse(n, fmt.Sprintf("%s has %d entries", name, k.Got), "at most "+strconv.Itoa(k.Want))
	case *kind.MinLength:
		if n.Value == "" {
			is = name + " is empty"
		}
		f.refuse(n, is, s.allowed(sub))
	case *kind.MaxLength:
		f.refuse(n, fmt.Sprintf("%s has %d characters", name, k.Got), "at most "+strconv.Itoa(k.Want))
	case *kind.MinProperties, *kind.MaxProperties:
		f.refuse(n, fmt.Sprintf("%s has %d keys", name, len(n.Content)/2), s.allowed(sub))
	case *kind.Type, *kind.Enum, *kind.Const, *kind.Pattern, *kind.Minimum, *kind.Maximum:
		f.refuse(n, is, s.allowed(sub))
	default:
		f.refuse(n, is+": "+oneLine(e.ErrorKind.LocalizedString(message.NewPrinter(language.English))), s.allowed(sub))
	}
}

// misnamed tells whether a key that a mapping lacks is there under a wrong
// name, or may come with a merge: that is the mistake, reported at its place.
func (f *File) misnamed(mapping *yaml.Node, missing string, known []string) bool {
	if mapping.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		k := mapping.Content[i]
		if k.Kind == yaml.ScalarNode && (k.ShortTag() == "!!merge" || nearest(k.Value, known) == missing) {
			return true
		}
	}
	return false
}

func keyNode(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i]
		}
	}
	return mapping
}

// at gives the subschema that a schema URL points to.
func (s *Schema) at(location string) map[string]any {
	_, pointer, _ := strings.Cut(location, "#")
	var v = s.raw
	for _, token := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if token == "" {
			continue
		}
		if t, err := url.PathUnescape(token); err == nil {
			token = t
		}
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch c := v.(type) {
		case map[string]any:
			v = c[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(c) {
				return nil
			}
			v = c[i]
		}
	}
	m, _ := v.(map[string]any)
	return m
}

func property(sub map[string]any, key string) map[string]any {
	properties, _ := sub["properties"].(map[string]any)
	p, _ := properties[key].(map[string]any)
	return p
}

func (s *Schema) keys(sub map[string]any) []string {
	properties, _ := sub["properties"].(map[string]any)
	keys := make([]string, 0, len(properties))
	for k := range properties {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// whole says what a file holds at least.
func (s *Schema) whole() string {
	root := s.at("")
	required, _ := root["required"].([]any)
	if len(required) == 0 {
		return s.allowed(root)
	}
	words := make([]string, len(required))
	for i, key := range required {
		words[i] = fmt.Sprint(key)
	}
	return "a mapping with " + strings.Join(words, ", ")
}

// allowed says in words what a subschema takes; never nothing.
func (s *Schema) allowed(sub map[string]any) string {
	if text, ok := sub["errorMessage"].(string); ok {
		return strings.TrimPrefix(text, "allowed: ")
	}
	if ref, ok := sub["$ref"].(string); ok {
		return s.allowed(s.at(ref))
	}
	if c, ok := sub["const"]; ok {
		return fmt.Sprint(c)
	}
	if list, ok := sub["enum"].([]any); ok {
		words := make([]string, len(list))
		for i, v := range list {
			words[i] = fmt.Sprint(v)
			if v == nil {
				words[i] = "null"
			}
		}
		return strings.Join(words, ", ")
	}
	var types []string
	switch t := sub["type"].(type) {
	case string:
		types = []string{t}
	case []any:
		for _, v := range t {
			types = append(types, fmt.Sprint(v))
		}
	}
	words := make([]string, 0, len(types))
	for _, t := range types {
		words = append(words, s.typeWords(sub, t))
	}
	if len(words) == 0 {
		return "what the JSON Schema of the file describes"
	}
	return strings.Join(words, " or ")
}

func (s *Schema) typeWords(sub map[string]any, t string) string {
	switch t {
	case "integer":
		low, hasLow := sub["minimum"]
		high, hasHigh := sub["maximum"]
		switch {
		case hasLow && hasHigh:
			return fmt.Sprintf("a whole number from %v to %v", low, high)
		case hasLow:
			return fmt.Sprintf("a whole number from %v on", low)
		}
		return "a whole number"
	case "string":
		return "text (a number in quotes)"
	case "boolean":
		return "true, false"
	case "array":
		return "a list"
	case "object":
		if keys := s.keys(sub); len(keys) > 0 {
			return "a mapping of " + strings.Join(keys, ", ")
		}
		return "a mapping"
	}
	return t
}

// nearest gives the known key that a wrong one was probably meant to be.
func nearest(wrong string, known []string) string {
	best, bestDistance := "", 1+min(2, len(wrong)/3)
	if len(wrong) > 80 {
		return ""
	}
	for _, k := range known {
		if d := Distance(strings.ToLower(wrong), k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// Distance counts the letters to insert, delete, replace or swap with their
// neighbour to get from a to b.
func Distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
