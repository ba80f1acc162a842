package catalogedit

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"pixledger/schemas"
)

// Field is a key with its value: nil, a bool, an int64, a string, a time.Time,
// a schemas.Money, a []string, Fields or a []Fields.
type Field struct {
	Key   string
	Value any
}

// Fields are the keys of an entry, in the order in which they are to stand.
type Fields []Field

// style is how the entries of one list of the catalog are written.
type style struct {
	flow   bool                  // {id: 1} rather than a line a key
	dash   int                   // columns from the list's key to its dashes
	item   int                   // columns from a dash to the entry's keys
	keys   yaml.Style            // how keys are quoted
	quotes map[string]yaml.Style // how the texts of keys are
}

// flowByDefault are the lists whose entries are short.
var flowByDefault = map[string]bool{
	"advertisers": true, "insertion_orders": true, "creatives": true, "publishers": true, "trackers": true, "segments": true,
	"pixels/settings": true, "pixels/piggyback_pixels": true, "line_items/pixels/rates": true,
}

// order is the order in which the keys of the catalog and of its lists stand.
var order = map[string]string{
	"":                        "version member_id currency advertisers insertion_orders line_items creatives publishers trackers pixels segments",
	"advertisers":             "id name code currency time_zone redirect_hosts",
	"insertion_orders":        "id advertiser_id name code po_number",
	"line_items":              "id advertiser_id insertion_order_id code name state active_from active_until pixels",
	"line_items/pixels":       "pixel_id state active_from active_until rates",
	"line_items/pixels/rates": "from post_click_revenue post_view_revenue",
	"creatives":               "id line_item_id name",
	"publishers":              "id name",
	"trackers":                "id kind line_item_id creative_id publisher_id landing_url",
	"pixels": "id advertiser_id name code state active_from active_until trigger_type post_view_expire_mins post_click_expire_mins " +
		"min_minutes_per_conv unique_order_id event_category piggyback_pixels settings",
	"pixels/settings":         "from trigger_type post_view_expire_mins post_click_expire_mins min_minutes_per_conv unique_order_id",
	"pixels/piggyback_pixels": "pixel_type url",
	"segments":                "id name code expire_minutes",
}

// rank is the place of a key among those of its mapping.
func rank(kind, key string) int {
	for i, k := range strings.Fields(order[kind]) {
		if k == key {
			return i
		}
	}
	return 1000
}

func inside(kind, key string) string {
	if kind == "" {
		return key
	}
	return kind + "/" + key
}

// styleOf gives how the entries of a kind are written in this file.
func (f *File) styleOf(kind string) style {
	if s, ok := f.styles[kind]; ok {
		return s
	}
	return style{flow: flowByDefault[kind], dash: f.dash, item: 2, keys: f.keys, quotes: map[string]yaml.Style{}}
}

// learn notes how what stands in the file is written.
func (f *File) learn(n *yaml.Node, kind string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, list := n.Content[i], n.Content[i+1]
		if list.Kind != yaml.SequenceNode || len(list.Content) == 0 || list.Content[0].Kind != yaml.MappingNode {
			continue
		}
		s, below := style{dash: 2, item: 2, quotes: map[string]yaml.Style{}}, inside(kind, key.Value)
		if list.Style&yaml.FlowStyle == 0 {
			s.dash = list.Column - key.Column
			s.item = list.Content[0].Column - list.Column
			f.dash = s.dash
			if list.Content[0].Line > list.Line && s.item < 1 || s.item > 8 {
				s.item = 2
			}
		}
		for _, entry := range list.Content {
			s.flow = entry.Style&yaml.FlowStyle != 0
			for j := 0; j+1 < len(entry.Content); j += 2 {
				k, v := entry.Content[j], entry.Content[j+1]
				s.keys = k.Style
				quotes := v.Style & (yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle)
				if before, seen := s.quotes[k.Value]; v.Kind == yaml.ScalarNode && (!seen || before != 0) {
					s.quotes[k.Value] = quotes // none, once one entry does without
				}
			}
			f.learn(entry, below)
		}
		f.styles[below] = s
	}
}

// flow writes a value on one line.
func (f *File) flow(kind, key string, v any) string {
	switch v := v.(type) {
	case Fields:
		return "{" + f.flowPairs(kind, v) + "}"
	case []Fields:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = f.flow(inside(kind, key), "", e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case []string:
		parts := make([]string, len(v))
		for i, s := range v {
			parts[i] = double(s)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return f.scalar(kind, key, v, true)
}

func (f *File) flowPairs(kind string, fields Fields) string {
	parts := make([]string, len(fields))
	for i, x := range fields {
		parts[i] = f.key(kind, x.Key) + ": " + f.flow(kind, x.Key, x.Value)
	}
	return strings.Join(parts, ", ")
}

func (f *File) key(kind, key string) string {
	switch s := f.styleOf(kind).keys; {
	case s&yaml.DoubleQuotedStyle != 0:
		return double(key)
	case s&yaml.SingleQuotedStyle != 0:
		return single(key)
	}
	return key
}

// pair writes a key of a block mapping whose keys stand at column.
func (f *File) pair(kind string, column int, x Field) string {
	head := f.key(kind, x.Key) + ":"
	list, ok := x.Value.([]Fields)
	if !ok || len(list) == 0 {
		return head + " " + f.blockScalar(kind, x)
	}
	s := f.styleOf(inside(kind, x.Key))
	lines := []string{head}
	for _, e := range list {
		lines = append(lines, f.item(inside(kind, x.Key), column+s.dash, e))
	}
	return strings.Join(lines, f.nl)
}

func (f *File) blockScalar(kind string, x Field) string {
	switch v := x.Value.(type) {
	case []string, Fields, []Fields:
		return f.flow(kind, x.Key, v)
	}
	return f.scalar(kind, x.Key, x.Value, false)
}

// item writes an entry of a block list whose dashes stand at column, with its
// indentation and without the last line break.
func (f *File) item(kind string, column int, fields Fields) string {
	s := f.styleOf(kind)
	head := strings.Repeat(" ", column) + "-" + strings.Repeat(" ", max(s.item-1, 1))
	if s.flow {
		return head + f.flow(kind, "", fields)
	}
	inner := column + 1 + max(s.item-1, 1)
	lines := make([]string, len(fields))
	for i, x := range fields {
		lines[i] = f.pair(kind, inner, x)
	}
	return head + strings.Join(lines, f.nl+strings.Repeat(" ", inner))
}

// scalar writes a value that is no collection.
func (f *File) scalar(kind, key string, v any, flow bool) string {
	switch v := v.(type) {
	case string:
		s := f.styleOf(kind)
		if s.keys&yaml.DoubleQuotedStyle != 0 {
			return double(v)
		}
		return quoted(v, s.quotes[key], flow)
	case time.Time:
		s := f.styleOf(kind)
		if text := stamp(v); s.keys&yaml.DoubleQuotedStyle != 0 || s.quotes[key]&yaml.DoubleQuotedStyle != 0 {
			return double(text)
		} else if s.quotes[key]&yaml.SingleQuotedStyle != 0 {
			return single(text)
		}
	case schemas.Money:
		if f.styleOf(kind).quotes[key]&yaml.SingleQuotedStyle != 0 {
			return single(v.Short())
		}
		return double(v.Short())
	}
	return plain(v)
}

// plain is a value without quotes.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case time.Time:
		return stamp(v)
	case schemas.Money:
		return v.Short()
	case string:
		return v
	}
	panic(fmt.Sprintf("catalogedit: a value of type %T", v))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// quoted writes text with quotes like its neighbours', and at least those that
// it needs.
func quoted(s string, like yaml.Style, flow bool) string {
	switch {
	case like&yaml.SingleQuotedStyle != 0 && printable.MatchString(s):
		return single(s)
	case like&yaml.DoubleQuotedStyle != 0 || !readsPlain(s, flow):
		return double(s)
	}
	return s
}

// printable is text of one line that quotes alone can hold.
var printable = regexp.MustCompile(`^[ -~\x{a1}-\x{2027}\x{2030}-\x{d7ff}]*$`)

// suspect is plain text that some reader of YAML takes for something else.
var suspect = regexp.MustCompile(`(?i)^(?:y|n|yes|no|on|off|true|false|null|~|[-+.]?[0-9].*|[-+.].*|=|<<|.*:)$`)

// readsPlain tells whether text without quotes is that text.
func readsPlain(s string, flow bool) bool {
	if s == "" || strings.TrimSpace(s) != s || !printable.MatchString(s) || suspect.MatchString(s) || len(s) > 500 {
		return false
	}
	source := "k: " + s + " # c\n"
	if flow {
		source = "k: {k: " + s + " , l: [" + s + "]}\n"
	}
	var n yaml.Node
	if yaml.Unmarshal([]byte(source), &n) != nil || len(n.Content) != 1 {
		return false
	}
	n = *n.Content[0]
	if flow {
		if len(n.Content) != 2 || len(n.Content[1].Content) != 4 {
			return false
		}
		n = *n.Content[1]
	}
	if len(n.Content) < 2 {
		return false
	}
	v := n.Content[1]
	return v.Kind == yaml.ScalarNode && v.Style == 0 && v.Anchor == "" && v.ShortTag() == "!!str" && v.Value == s
}

func single(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func double(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7f || r >= 0x80 && r <= 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0xfff0 && r <= 0xffff || r == 0xfeff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
