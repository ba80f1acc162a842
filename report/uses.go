package report

import (
	"slices"
	"strings"
)

// uses is what a statement uses of what reports have, by its tree.
type uses struct {
	readsRange bool     // it depends on the range
	readsSpans bool     // it joins report_spans: its rows may have a zone each
	passes     []string // columns that it filters by itself
	params     []string // that it reads as text
	parameters []string // that were left: names, or $ and a number
}

// look goes through the tree of a statement.
func (u *uses) look(node any) {
	switch n := node.(type) {
	case []any:
		for _, e := range n {
			u.look(e)
		}
	case map[string]any:
		u.lookAt(n)
		for _, e := range n {
			u.look(e)
		}
	}
}

func (u *uses) lookAt(n map[string]any) {
	if table, _ := n["table_name"].(string); strings.EqualFold(table, "report_spans") {
		u.readsRange, u.readsSpans = true, true
	}
	if n["class"] == "PARAMETER" {
		name, _ := n["identifier"].(string)
		if name == "" || name[0] >= '0' && name[0] <= '9' {
			name = "$" + name
		}
		if !slices.Contains(u.parameters, name) {
			u.parameters = append(u.parameters, name)
		}
	}
	name, _ := n["function_name"].(string)
	text, isText := firstText(n)
	switch name = strings.ToLower(name); {
	case name == "near_range":
		u.readsRange = true
	case name == "getvariable" && (strings.HasPrefix(text, "report_first") || strings.HasPrefix(text, "report_until")):
		u.readsRange = true
	case name == "passes" && isText && !slices.Contains(u.passes, text):
		u.passes = append(u.passes, text)
	case name == "param" && isText && !slices.Contains(u.params, text):
		u.params = append(u.params, text)
	}
}

// firstText is the first argument of a call, where it is a text as it stands.
func firstText(call map[string]any) (string, bool) {
	arguments, _ := call["children"].([]any)
	if len(arguments) == 0 {
		return "", false
	}
	constant, _ := arguments[0].(map[string]any)
	value, _ := constant["value"].(map[string]any)
	text, ok := value["value"].(string)
	return text, ok
}
