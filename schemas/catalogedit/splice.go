package catalogedit

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// splice puts other bytes in the place of those from start to end.
type splice struct {
	start, end int
	put        string
	back       int       // where it may start too, if nothing stands between
	depth      int       // of two at one place, what is deeper in the file comes first
	changes    []*Change // with where in put each begins
	at         []int
}

// width orders what only adds before what takes away at the same place.
func (s splice) width() int { return min(s.end-s.start, 1) }

// splices turns what is asked for into splices.
func (f *File) splices() ([]splice, error) {
	var out []splice
	err := f.walk(f.root, false, func(n *yaml.Node, a *asked) error {
		s, err := f.spliceMapping(n, a)
		out = append(out, s...)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(x, y splice) int {
		return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.width(), y.width()), cmp.Compare(y.depth, x.depth))
	})
	if last := len(out) - 1; last >= 0 && out[last].back > 0 && (last == 0 || out[last-1].end <= out[last].back) {
		out[last].start = out[last].back
	}
	return out, nil
}

// walk calls each for the mappings in which something changes, in the order of
// the file.
func (f *File) walk(n *yaml.Node, flow bool, each func(*yaml.Node, *asked) error) error {
	flow = flow || n.Kind != yaml.ScalarNode && n.Style&yaml.FlowStyle != 0
	if a := f.asked[n]; a != nil {
		a.flow = flow
		if err := each(n, a); err != nil {
			return err
		}
	}
	for _, c := range n.Content {
		if err := f.walk(c, flow, each); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) spliceMapping(n *yaml.Node, a *asked) ([]splice, error) {
	var out []splice
	fresh := map[int][]Field{} // by the key that they stand behind
	notes := map[string][]*Change{}
	add := func(x Field, c ...*Change) {
		at := f.anchor(n, a, x.Key)
		fresh[at] = append(fresh[at], x)
		notes[x.Key] = c
	}
	for _, s := range a.sets {
		i := find(n, s.key)
		switch {
		case i < 0 && !s.remove:
			add(Field{s.key, s.value}, s.change)
		case i >= 0 && s.remove:
			p, err := f.remove(n, i, a.depth, s.change)
			if err != nil {
				return nil, err
			}
			out = append(out, p...)
		case i >= 0:
			p, err := f.replace(n.Content[i], n.Content[i+1], a, s)
			if err != nil {
				return nil, err
			}
			out = append(out, p)
		}
	}
	for _, in := range a.inside {
		i := find(n, in.list)
		if i < 0 {
			add(Field{in.list, in.entries}, in.changes...)
			continue
		}
		p, err := f.insert(n, i, a, in)
		if err != nil {
			return nil, err
		}
		out = append(out, p...)
	}
	for _, at := range slices.Sorted(maps.Keys(fresh)) {
		p, err := f.addKeys(n, at, a, fresh[at], notes)
		if err != nil {
			return nil, err
		}
		out = append(out, p...)
	}
	return out, nil
}

// anchor gives the index of the key that a new one is to stand behind: one that
// stays.
func (f *File) anchor(n *yaml.Node, a *asked, key string) int {
	best, bestRank := 0, -1
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		leaves := slices.ContainsFunc(a.sets, func(s *set) bool { return s.remove && s.key == name })
		if r := rank(a.kind, name); !leaves && r <= rank(a.kind, key) && r > bestRank {
			best, bestRank = i, r
		}
	}
	return best
}

// span gives where a key's value begins and ends. Of one that is not written it
// gives twice the place behind the colon.
func (f *File) span(key, value *yaml.Node) (start, end int, err error) {
	if end, err = f.text.end(value); err != nil {
		return 0, 0, err
	}
	start = f.text.offset(value)
	keyEnd, err := f.text.end(key)
	if err != nil {
		return 0, 0, err
	}
	colon := f.text.blank(keyEnd)
	if colon >= len(f.text.b) || f.text.b[colon] != ':' {
		return 0, 0, f.text.strange(key)
	}
	if start == end {
		return colon + 1, colon + 1, nil
	}
	return start, end, nil
}

func (f *File) replace(key, value *yaml.Node, a *asked, s *set) (splice, error) {
	start, end, err := f.span(key, value)
	if err != nil {
		return splice{}, err
	}
	block := value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if value.Kind != yaml.ScalarNode || block && !f.text.bare(start) {
		return splice{}, f.text.strange(value)
	}
	put := f.blockScalar(a.kind, Field{s.key, s.value})
	if a.flow {
		put = f.flow(a.kind, s.key, s.value)
	}
	if t, ok := s.value.(string); ok && start != end && value.ShortTag() == "!!str" && key.Style&yaml.DoubleQuotedStyle == 0 {
		put = quoted(t, value.Style, a.flow)
	}
	at := 0
	switch after := f.text.blank(start); {
	case start != end:
	case after > start && (after == len(f.text.b) || f.text.b[after] != '#'):
		start, end = start+1, start+1
	default:
		put, at = " "+put, 1
	}
	return splice{start: start, end: end, put: put, depth: a.depth, changes: []*Change{s.change}, at: []int{at}}, nil
}

// insert puts new entries into a list that has a key: behind its entries, or in
// place of null or an empty list.
func (f *File) insert(n *yaml.Node, i int, a *asked, in *insertion) ([]splice, error) {
	key, list := n.Content[i], n.Content[i+1]
	kind := inside(a.kind, in.list)
	start, end, err := f.span(key, list)
	if err != nil {
		return nil, err
	}
	flowList := list.Kind == yaml.SequenceNode && list.Style&yaml.FlowStyle != 0
	inline := bytes.IndexByte(f.text.b[start:end], '#') < 0 && f.text.line(start) == f.text.line(end)
	switch {
	case len(list.Content) > 0 && !flowList:
		return f.insertBlock(key, list, a, in, kind)
	case len(list.Content) > 0:
		return f.insertFlow(list, a, in, kind)
	case a.flow || flowList && !inline:
		put, at := f.flowItems(kind, in)
		if !flowList { // null
			put = "[" + put + "]"
			if start == end {
				put = " " + put
			}
			return []splice{{start: start, end: end, put: put, depth: a.depth, changes: in.changes, at: shift(at, strings.IndexByte(put, '[')+1)}}, nil
		}
		if more := f.text.skip(start+1, false); f.text.b[more] == ',' {
			return nil, f.text.strange(list)
		}
		return []splice{{start: start + 1, end: start + 1, put: put, depth: a.depth, changes: in.changes, at: at}}, nil
	}
	column := key.Column - 1
	put, at := f.blockItems(kind, column+f.styleOf(kind).dash, in)
	last := f.text.comments(f.text.line(end), column+1)
	p := f.afterLine(last, put, at, a.depth, in.changes)
	if start == end {
		return []splice{p}, nil
	}
	before := start
	for before > 0 && (f.text.b[before-1] == ' ' || f.text.b[before-1] == '\t') {
		before--
	}
	return []splice{{start: before, end: end, depth: a.depth}, p}, nil
}

func (f *File) insertBlock(key, list *yaml.Node, a *asked, in *insertion, kind string) ([]splice, error) {
	entry := list.Content[len(list.Content)-1]
	if in.after >= 0 {
		entry = list.Content[in.after]
	}
	end, err := f.text.end(entry)
	if err != nil {
		return nil, err
	}
	dash := list.Column - 1
	from := dash + 1
	if in.after < 0 && dash > key.Column-1 {
		from = dash // a comment in the list's own column belongs to it
	}
	put, at := f.blockItems(kind, dash, in)
	return []splice{f.afterLine(f.text.comments(f.text.line(end), from), put, at, a.depth, in.changes)}, nil
}

// blockItems writes new entries of a block list; at is where each begins.
func (f *File) blockItems(kind string, column int, in *insertion) (put string, at []int) {
	var out strings.Builder
	for i, e := range in.entries {
		if i > 0 {
			out.WriteString(f.nl)
		}
		item := f.item(kind, column, e)
		at = append(at, out.Len()+len(item)-len(strings.TrimLeft(item, " -")))
		out.WriteString(item)
	}
	return out.String(), at
}

func (f *File) flowItems(kind string, in *insertion) (put string, at []int) {
	parts, begins := f.flowParts(kind, in), 0
	for _, part := range parts {
		at = append(at, begins)
		begins += len(part) + len(", ")
	}
	return strings.Join(parts, ", "), at
}

func (f *File) flowParts(kind string, in *insertion) []string {
	parts := make([]string, len(in.entries))
	for i, e := range in.entries {
		parts[i] = f.flow(kind, "", e)
	}
	return parts
}

func (f *File) insertFlow(list *yaml.Node, a *asked, in *insertion, kind string) ([]splice, error) {
	entry := list.Content[len(list.Content)-1]
	if in.after >= 0 {
		entry = list.Content[in.after]
	}
	return f.behindInFlow(entry, entry, f.flowParts(kind, in), in.changes, a.depth)
}

// behindInFlow writes parts behind an element of a flow collection, which begins
// with first and ends with last: on lines of their own where that has one.
func (f *File) behindInFlow(first, last *yaml.Node, parts []string, changes []*Change, depth int) ([]splice, error) {
	end, err := f.text.end(last)
	if err != nil {
		return nil, err
	}
	start := f.text.offset(first)
	separator := " "
	if f.text.leads(start) {
		separator = f.nl + strings.Repeat(" ", start-f.text.starts[f.text.line(start)])
	}
	comma := f.text.skip(end, false)
	hasComma := comma < len(f.text.b) && f.text.b[comma] == ',' && f.text.line(comma) == f.text.line(end)
	ownLine := end
	if hasComma {
		ownLine = comma + 1
	}
	p := splice{depth: depth, changes: changes}
	var put strings.Builder
	add := func(before, part, behind string) {
		put.WriteString(before)
		p.at = append(p.at, put.Len())
		put.WriteString(part)
		put.WriteString(behind)
	}
	if separator == " " || !f.text.alone(ownLine) {
		for _, part := range parts {
			add(","+separator, part, "")
		}
		p.start, p.end, p.put = end, end, put.String()
		return []splice{p}, nil
	}
	for i, part := range parts {
		behind := ""
		if hasComma || i < len(parts)-1 {
			behind = ","
		}
		add(separator, part, behind)
	}
	p.put, p.start = put.String(), f.text.content(f.text.line(ownLine))
	if p.end = p.start; hasComma {
		return []splice{p}, nil
	}
	return []splice{{start: end, end: end, put: ",", depth: depth}, p}, nil
}

// addKeys adds keys to a mapping behind that of index at.
func (f *File) addKeys(n *yaml.Node, at int, a *asked, fields []Field, notes map[string][]*Change) ([]splice, error) {
	slices.SortStableFunc(fields, func(x, y Field) int { return cmp.Compare(rank(a.kind, x.Key), rank(a.kind, y.Key)) })
	key, value := n.Content[at], n.Content[at+1]
	_, end, err := f.span(key, value)
	if err != nil {
		return nil, err
	}
	if n.Style&yaml.FlowStyle != 0 {
		parts := make([]string, len(fields))
		var changes []*Change
		for i, x := range fields {
			parts[i] = f.flowPairs(a.kind, Fields{x})
			changes = append(changes, notes[x.Key][0])
		}
		out, err := f.behindInFlow(key, value, parts, changes, a.depth)
		if err == nil {
			f.shareNotes(out, fields, notes)
		}
		return out, err
	}
	column, from := key.Column-1, key.Column
	if at+2 == len(n.Content) {
		from = column // what follows the last key in its column belongs to the entry
	}
	p := splice{depth: a.depth}
	for i, x := range fields {
		if i > 0 {
			p.put += f.nl
		}
		if a.kind == "" && f.spaced(n) {
			p.put += f.nl
		}
		p.put += strings.Repeat(" ", column)
		for _, c := range notes[x.Key] {
			p.changes, p.at = append(p.changes, c), append(p.at, len(p.put))
		}
		p.put += f.pair(a.kind, column, x)
	}
	return []splice{f.afterLine(f.text.comments(f.text.line(end), from), p.put, p.at, a.depth, p.changes)}, nil
}

// shareNotes lets the changes of a list's first entries stand where its key does.
func (f *File) shareNotes(out []splice, fields []Field, notes map[string][]*Change) {
	p := &out[len(out)-1]
	for i, x := range fields {
		for _, c := range notes[x.Key][1:] {
			p.changes, p.at = append(p.changes, c), append(p.at, p.at[i])
		}
	}
}

// spaced tells whether blank lines part the lists of the file.
func (f *File) spaced(n *yaml.Node) bool {
	for i := 2; i+1 < len(n.Content); i += 2 {
		for line := f.text.line(f.text.offset(n.Content[i])) - 1; line > 0; line-- {
			_, rest := f.text.indent(line)
			if len(rest) == 0 {
				return true
			}
			if rest[0] != '#' {
				break
			}
		}
	}
	return false
}

// afterLine puts lines behind line i, which may be the file's last and have no end.
func (f *File) afterLine(i int, put string, at []int, depth int, changes []*Change) splice {
	next := f.text.next(i)
	if f.text.content(i) == next {
		return splice{start: next, end: next, put: f.nl + put, depth: depth, changes: changes, at: shift(at, len(f.nl))}
	}
	return splice{start: next, end: next, put: put + f.nl, depth: depth, changes: changes, at: at}
}

func shift(at []int, by int) []int {
	out := slices.Clone(at)
	for i := range out {
		out[i] += by
	}
	return out
}

// remove takes a key with its value out of a mapping. A comment behind it stays.
func (f *File) remove(n *yaml.Node, i, depth int, c *Change) ([]splice, error) {
	key, value := n.Content[i], n.Content[i+1]
	_, end, err := f.span(key, value)
	if err != nil {
		return nil, err
	}
	start := f.text.offset(key)
	block := value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if value.Kind != yaml.ScalarNode || len(n.Content) < 4 || block && !f.text.bare(start) {
		return nil, fmt.Errorf("%s can't be taken out of line %d", key.Value, key.Line)
	}
	p := splice{start: start, end: end, depth: depth, changes: []*Change{c}, at: []int{0}}
	if n.Style&yaml.FlowStyle != 0 {
		return f.removeFlow(n, i, p)
	}
	line, last := f.text.line(start), f.text.line(end)
	if !f.text.alone(end) {
		return nil, f.text.strange(value)
	}
	if at := f.text.blank(end); at < f.text.content(last) { // a comment
		p.end = at
		return []splice{p}, nil
	}
	if !f.text.leads(start) { // behind a dash
		p.end = f.text.content(last)
		return []splice{p}, nil
	}
	p.start, p.end = f.text.starts[line], f.text.next(last)
	if p.end == f.text.content(last) && line > 0 { // the last line, which has no end
		p.back = f.text.content(line - 1)
	}
	return []splice{p}, nil
}

// removeFlow takes a pair and one comma out of a flow mapping.
func (f *File) removeFlow(n *yaml.Node, i int, p splice) ([]splice, error) {
	comma := f.text.skip(p.end, false)
	if f.text.b[comma] == ',' {
		if comma == f.text.blank(p.end) {
			p.end = f.text.blank(comma + 1)
			return []splice{p}, nil
		}
		return []splice{p, {start: comma, end: comma + 1, depth: p.depth}}, nil
	}
	if i == 0 {
		return []splice{p}, nil
	}
	_, before, err := f.span(n.Content[i-2], n.Content[i-1])
	if err != nil {
		return nil, err
	}
	comma = f.text.skip(before, false)
	if f.text.b[comma] != ',' {
		return nil, f.text.strange(n.Content[i])
	}
	if f.text.blank(comma+1) == p.start {
		p.start, p.at = comma, []int{0}
		return []splice{p}, nil
	}
	return []splice{p}, nil // a comma may stand before the brace
}
