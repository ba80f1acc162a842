package catalogedit

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"pixledger/schemas"
)

// Result is a catalog's file after its changes.
type Result struct {
	Before, Content []byte
	Catalog         *schemas.Catalog
	Changes         []*Change // in the order in which they were asked for
}

// Changed tells whether the content is another than before.
func (r *Result) Changed() bool { return !bytes.Equal(r.Before, r.Content) }

// Apply gives the content with the changes. It gives an error where they can't
// be made without touching anything else, or where the file would not be valid.
func (f *File) Apply() (*Result, error) {
	before := slices.Concat(f.bom, f.text.b)
	want := f.want()
	splices, err := f.splices()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	out := slices.Clone(f.bom)
	type place struct {
		change *Change
		offset int
	}
	var places []place
	last := 0
	for _, s := range splices {
		if s.start < last || s.end < s.start {
			return nil, f.refused("two changes meet at one place")
		}
		out = append(out, f.text.b[last:s.start]...)
		for i, c := range s.changes {
			places = append(places, place{c, len(out) - len(f.bom) + s.at[i]})
		}
		out = append(out, s.put...)
		last = s.end
	}
	out = append(out, f.text.b[last:]...)

	catalog, _, err := schemas.ParseCatalog(f.name, out)
	if err != nil {
		return nil, fmt.Errorf("nothing was written: %s would not be valid any more:\n%s", f.name, err.Error())
	}
	got, err := valuesOf(out)
	if err != nil || !reflect.DeepEqual(got, want) {
		return nil, f.refused("something else would change with it")
	}
	t := newText(out[len(f.bom):])
	for _, p := range places {
		line := t.line(min(p.offset, len(t.b)))
		p.change.Line = line + 1
		p.change.Column = utf8.RuneCount(t.b[t.starts[line]:min(p.offset, len(t.b))]) + 1
	}
	return &Result{Before: before, Content: out, Catalog: catalog, Changes: f.changes}, nil
}

func (f *File) refused(why string) error {
	var what []string
	for _, c := range f.changes {
		what = append(what, c.What)
	}
	if len(what) > 3 {
		what = append(what[:3], fmt.Sprintf("and %d more", len(what)-3))
	}
	return fmt.Errorf("%s can't be changed as it is written: %s; nothing was written. To be changed by hand: %s",
		f.name, why, strings.Join(what, "; "))
}

// value is a scalar as the catalog reads it.
type value struct{ kind, text string }

// valuesOf gives the values of a whole file: maps, lists and scalars.
func valuesOf(content []byte) (any, error) {
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(content, []byte("\ufeff")))).Decode(&doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, errors.New("empty")
	}
	return valueOf(doc.Content[0]), nil
}

func valueOf(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = valueOf(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = valueOf(item)
		}
		return list
	}
	switch tag := n.ShortTag(); tag {
	case "!!null":
		return value{"null", ""}
	case "!!bool":
		return value{"bool", strings.ToLower(n.Value)}
	case "!!str", "!!timestamp":
		return value{"text", n.Value}
	default:
		return value{tag, n.Value}
	}
}

// wanted gives the value that a new one must be read as.
func wanted(v any) any {
	switch v := v.(type) {
	case Fields:
		m := make(map[string]any, len(v))
		for _, x := range v {
			m[x.Key] = wanted(x.Value)
		}
		return m
	case []Fields:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = wanted(e)
		}
		return list
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = value{"text", s}
		}
		return list
	case string, time.Time, schemas.Money:
		return value{"text", plain(v)}
	case bool:
		return value{"bool", plain(v)}
	case nil:
		return value{"null", ""}
	}
	return value{"!!int", plain(v)}
}

// want gives the values that the file must have after the changes: those that
// it has, and what was asked for. It knows nothing of how that is written.
func (f *File) want() any {
	var build func(n *yaml.Node) any
	build = func(n *yaml.Node) any {
		switch n.Kind {
		case yaml.SequenceNode:
			list := make([]any, len(n.Content))
			for i, item := range n.Content {
				list[i] = build(item)
			}
			return list
		case yaml.ScalarNode:
			return valueOf(n)
		}
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = build(n.Content[i+1])
		}
		if a := f.asked[n]; a != nil {
			a.change(m)
		}
		return m
	}
	return build(f.root)
}

func (a *asked) change(m map[string]any) {
	for _, s := range a.sets {
		if s.remove {
			delete(m, s.key)
		} else {
			m[s.key] = wanted(s.value)
		}
	}
	behind := map[string]map[int][]any{}
	for _, in := range a.inside {
		if behind[in.list] == nil {
			behind[in.list] = map[int][]any{}
		}
		for _, e := range in.entries {
			behind[in.list][in.after] = append(behind[in.list][in.after], wanted(e))
		}
	}
	for list, after := range behind {
		was, _ := m[list].([]any)
		var is []any
		for i, e := range was {
			is = append(append(is, e), after[i]...)
		}
		m[list] = append(is, after[-1]...)
	}
}
