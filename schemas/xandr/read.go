package xandr

import (
	"errors"
	"fmt"
	"strings"

	"pixledger/schemas/yamlfile"
)

// Input is the JSON that is to be imported, whole.
type Input struct {
	pixels, lineItems []*node
	// Warnings say what is probably not meant, such as pages that are missing.
	Warnings []string
}

// service is one of the two services, by the words of its answers.
type service struct {
	flag, path   string
	many, single []string
}

var (
	pixelService    = service{"--pixels", "/pixel", []string{"pixels"}, []string{"pixel"}}
	lineItemService = service{"--line-items", "/line-item", []string{"line-items", "line_items"}, []string{"line-item", "line_item"}}
)

// Read reads files of the Pixel Service and of the Line Item Service: answers of
// the API, one page a file, or lists of what these hold. What is wrong with any
// of them comes as yamlfile.Mistakes.
func Read(pixels, lineItems []string) (*Input, error) {
	in := &Input{}
	var mistakes yamlfile.Mistakes
	for _, kind := range []struct {
		service, other service
		files          []string
		into           *[]*node
	}{{pixelService, lineItemService, pixels, &in.pixels}, {lineItemService, pixelService, lineItems, &in.lineItems}} {
		said := 0 // how many there are by the answers themselves
		for _, path := range kind.files {
			root, err := readFile(path)
			var found yamlfile.Mistakes
			if errors.As(err, &found) {
				mistakes = append(mistakes, found...)
				continue
			}
			if err != nil {
				return nil, err
			}
			e := envelope{service: kind.service, other: kind.other}
			e.open(root, true)
			mistakes = append(mistakes, e.mistakes...)
			*kind.into = append(*kind.into, e.entries...)
			said = max(said, e.count)
		}
		if got := len(*kind.into); got < said {
			in.Warnings = append(in.Warnings, fmt.Sprintf("%s: an answer counts %d, the files hold %d: pages are missing; ask for the others with start_element, and give each file with a flag of its own",
				kind.service.flag, said, got))
		}
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return in, nil
}

// envelope takes answers of the API apart.
type envelope struct {
	service, other service
	entries        []*node
	count          int
	mistakes       yamlfile.Mistakes
}

func (e *envelope) refuse(n *node, what, allowed string) {
	e.mistakes = append(e.mistakes, n.mistake(what, allowed))
}

func (e *envelope) allowed() string {
	return fmt.Sprintf(`the answer to GET %s, as {"response":{"status":"OK",%q:[…]}}, or a list of what it holds`, e.service.path, e.service.many[0])
}

// open takes a value apart: an answer, a list of them or of entries, or an entry.
func (e *envelope) open(n *node, outermost bool) {
	switch v := n.value.(type) {
	case []*node:
		if !outermost {
			e.refuse(n, "a list stands in a list", e.allowed())
			return
		}
		for _, item := range v {
			e.open(item, false)
		}
	case *object:
		if inner := v.value("response"); inner != nil {
			e.answer(inner)
			return
		}
		if v.value("id") != nil && v.value("status") == nil {
			e.entries = append(e.entries, n)
			return
		}
		e.answer(n)
	default:
		e.refuse(n, "this is "+n.written(), e.allowed())
	}
}

func (e *envelope) answer(n *node) {
	if fault := n.get("error"); fault != nil && !fault.empty() {
		what := "the API has answered with an error: " + fault.written()
		if id := n.get("error_id"); id != nil {
			what += " (" + id.written() + ")"
		}
		e.refuse(fault, what, e.allowed())
		return
	}
	if status := n.get("status"); status != nil && status.value != "OK" {
		e.refuse(status, "the status of the answer is "+status.written(), `"OK"`)
		return
	}
	if count := n.get("count"); count != nil {
		if c, ok := whole(count); ok && c < 1<<31 {
			e.count = max(e.count, int(c))
		}
	}
	o, ok := n.value.(*object)
	if !ok {
		e.refuse(n, "this is "+n.written(), e.allowed())
		return
	}
	found := false
	for _, key := range e.service.many {
		if list := o.value(key); list != nil {
			found = true
			e.list(key, list)
		}
	}
	for _, key := range e.service.single {
		if entry := o.value(key); entry != nil && entry.value != nil {
			found = true
			e.list(key, entry)
		}
	}
	if found {
		return
	}
	for _, key := range append(e.other.many, e.other.single...) {
		if v := o.value(key); v != nil {
			e.refuse(v, fmt.Sprintf("%s stands here, which %s does not read", key, e.service.flag), "this file with "+e.other.flag)
			return
		}
	}
	e.refuse(n, "no "+strings.Join(append(e.service.many[:1:1], e.service.single[0]), " and no ")+" stands here", e.allowed())
}

func (e *envelope) list(key string, list *node) {
	switch v := list.value.(type) {
	case nil:
	case *object:
		e.entries = append(e.entries, list)
	case []*node:
		for _, item := range v {
			if _, ok := item.value.(*object); !ok {
				e.refuse(item, "an entry of "+key+" is "+item.written(), "an object")
				continue
			}
			e.entries = append(e.entries, item)
		}
	default:
		e.refuse(list, key+" is "+list.written(), "a list")
	}
}
