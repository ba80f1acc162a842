package catalogedit

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"pixledger/schemas"
)

// File is a catalog's file with the changes that are asked for.
type File struct {
	name    string
	bom     []byte
	text    *text
	root    *yaml.Node
	catalog *schemas.Catalog

	nl     string           // how its lines end
	dash   int              // columns from a list's key to its dashes
	keys   yaml.Style       // how the keys of the file itself are quoted
	styles map[string]style // of its lists

	asked   map[*yaml.Node]*asked
	indexes map[listKey]map[string]int
	changes []*Change
}

// Change is one thing that an edit changes.
type Change struct {
	What         string // such as: trigger_type: click, was hybrid
	Line, Column int    // where it stands in the new file, once that is made
	Added        bool   // a new entry of one of the catalog's own lists
}

// asked are the changes asked for in one mapping.
type asked struct {
	kind   string
	depth  int
	flow   bool // the mapping stands within a flow collection, or is one
	sets   []*set
	inside []*insertion
}

type set struct {
	key    string
	value  any
	remove bool
	change *Change
}

// insertion is new entries of one list, behind one of its entries.
type insertion struct {
	list    string
	after   int // the entry's index; -1 the last
	entries []Fields
	changes []*Change
}

// Entry is an entry of one of the catalog's lists.
type Entry struct {
	f     *File
	node  *yaml.Node
	kind  string
	depth int
	name  string
}

// New reads a catalog's content to edit it. One that is not valid is refused
// with its mistakes.
func New(name string, content []byte) (*File, error) {
	catalog, _, err := schemas.ParseCatalog(name, content)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	rest := bytes.TrimPrefix(content, []byte("\ufeff"))
	if err := yaml.NewDecoder(bytes.NewReader(rest)).Decode(&doc); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	f := &File{
		name: name, bom: content[:len(content)-len(rest)], text: newText(rest), root: doc.Content[0], catalog: catalog,
		nl: "\n", dash: 2, styles: map[string]style{}, asked: map[*yaml.Node]*asked{}, indexes: map[listKey]map[string]int{},
	}
	for i := range f.text.starts {
		if end := f.text.content(i); end < f.text.next(i) {
			if f.nl = string(rest[end:f.text.next(i)]); f.nl != "\r\n" {
				f.nl = "\n"
			}
			break
		}
	}
	f.keys = f.root.Content[0].Style
	f.learn(f.root, "")
	return f, nil
}

// Catalog is the catalog before the changes.
func (f *File) Catalog() *schemas.Catalog { return f.catalog }

// Root is the file's own mapping, whose lists are those of the catalog.
func (f *File) Root() *Entry { return &Entry{f: f, node: f.root} }

// Entry gives the entry of that id, or nil: Entry("pixels", 9012).
func (f *File) Entry(list string, id int64) *Entry { return f.Root().Entry(list, "id", id) }

// Append adds an entry to the end of one of the catalog's lists.
func (f *File) Append(list, what string, fields Fields) { f.Root().Insert(list, what, -1, fields) }

// Entry gives the entry of a list within this one by a key's value, or nil:
// Entry("pixels", "pixel_id", 9012), Entry("rates", "from", time).
func (e *Entry) Entry(list, key string, value any) *Entry {
	if i := e.Index(list, key, value); i >= 0 {
		return &Entry{f: e.f, node: e.value(list).Content[i], kind: inside(e.kind, list), depth: e.depth + 2}
	}
	return nil
}

// Index gives where in a list within this entry that entry stands, or -1.
func (e *Entry) Index(list, key string, value any) int {
	n := e.value(list)
	if n == nil {
		return -1
	}
	if i, ok := e.f.indexOf(n, key)[plain(value)]; ok {
		return i
	}
	return -1
}

// listKey is a key of the entries of a list.
type listKey struct {
	list *yaml.Node
	key  string
}

// indexOf gives the entries of a list by the values of a key; times by their
// instants.
func (f *File) indexOf(list *yaml.Node, key string) map[string]int {
	if index := f.indexes[listKey{list, key}]; index != nil {
		return index
	}
	index := make(map[string]int, len(list.Content))
	for i, item := range list.Content {
		if at := find(item, key); at >= 0 {
			text := item.Content[at+1].Value
			if t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text)); err == nil {
				text = stamp(t)
			}
			index[text] = i
		}
	}
	f.indexes[listKey{list, key}] = index
	return index
}

// Called gives the entry with a name that its changes begin with.
func (e *Entry) Called(name string) *Entry {
	if e != nil {
		e.name = name + ": "
	}
	return e
}

// Name is what the entry's changes begin with, as Called gave it.
func (e *Entry) Name() string { return e.name }

// Has tells whether the file gives the entry a key, null too.
func (e *Entry) Has(key string) bool { return e.value(key) != nil }

// value gives the node of a key's value, or nil.
func (e *Entry) value(key string) *yaml.Node {
	if i := find(e.node, key); i >= 0 {
		return e.node.Content[i+1]
	}
	return nil
}

func find(n *yaml.Node, key string) int {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// Set gives a key another value, or adds it.
func (e *Entry) Set(key string, value any) {
	s := e.set(key)
	s.value, s.remove = value, false
	s.change.What = e.name + key + ": " + shown(value)
	if was := e.value(key); was != nil {
		s.change.What += ", was " + e.f.written(was)
	}
}

// Remove takes a key out; one that is not there is none to take.
func (e *Entry) Remove(key string) {
	was := e.value(key)
	if was == nil {
		return
	}
	s := e.set(key)
	s.value, s.remove = nil, true
	s.change.What = e.name + key + " removed, was " + e.f.written(was)
}

// shown gives a value for people.
func shown(v any) string {
	if t, ok := v.(string); ok {
		return quoted(t, 0, false)
	}
	return plain(v)
}

// written gives a value as it stands in the file, on one line.
func (f *File) written(n *yaml.Node) string {
	end, err := f.text.end(n)
	if err != nil {
		return n.Value
	}
	s := strings.Join(strings.Fields(string(f.text.b[f.text.offset(n):end])), " ")
	if s == "" {
		return "null"
	}
	return s
}

func (e *Entry) set(key string) *set {
	a := e.ask()
	for _, s := range a.sets {
		if s.key == key {
			return s
		}
	}
	s := &set{key: key, change: &Change{}}
	a.sets = append(a.sets, s)
	e.f.changes = append(e.f.changes, s.change)
	return s
}

func (e *Entry) ask() *asked {
	a := e.f.asked[e.node]
	if a == nil {
		a = &asked{kind: e.kind, depth: e.depth}
		e.f.asked[e.node] = a
	}
	return a
}

// Insert adds an entry to a list within this one, behind the entry of index
// after or, where that is -1, at the list's end. The list need not be there yet.
func (e *Entry) Insert(list, what string, after int, fields Fields) {
	a := e.ask()
	if n := e.value(list); n == nil || after >= len(n.Content)-1 {
		after = -1
	}
	var in *insertion
	for _, x := range a.inside {
		if x.list == list && x.after == after {
			in = x
		}
	}
	if in == nil {
		in = &insertion{list: list, after: after}
		a.inside = append(a.inside, in)
	}
	c := &Change{What: e.name + what, Added: e.kind == ""}
	in.entries, in.changes = append(in.entries, fields), append(in.changes, c)
	e.f.changes = append(e.f.changes, c)
}
