package decode

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
)

// The lists by which a user agent is known as a robot or a tool; docs/bots.md
// says how they are kept up to date.
//
//go:embed bots/*.txt
var botLists embed.FS

// botPattern is one entry of the lists. A user agent that holds its key, letters
// in any case, is looked at closer.
type botPattern struct {
	key   string
	text  string         // plain text that must be there as it is, unless empty
	start bool           // and stand at the beginning
	expr  *regexp.Regexp // or what must match
}

// botMatcher judges user agents. The keys of all patterns are looked for in one
// pass, so that a user agent that holds none, nearly every browser's, costs no
// more than that.
type botMatcher struct {
	people   [][]byte // texts that are taken out first, in small letters
	patterns []botPattern
	keys     *textSearch
}

// BotList names the lists in force, so that one can tell by which an event was
// judged: the name and version of the public one, and the beginning of the SHA-256
// over all four.
var BotList = sync.OnceValue(func() string {
	h := sha256.New()
	var name string
	for _, list := range []string{"crawlers", "dropped", "tools", "people"} {
		content := botFile(list)
		if list == "crawlers" {
			if m := botListName.FindSubmatch(content); m != nil {
				name = string(m[1]) + "-" + string(m[2])
			}
		}
		// Its length keeps a line from moving between lists unseen.
		fmt.Fprintf(h, "%s %d\n", list, len(content))
		h.Write(content)
	}
	return fmt.Sprintf("%s+%x", name, h.Sum(nil)[:4])
})

// botListName is how crawlers.txt begins.
var botListName = regexp.MustCompile(`^# Patterns of (\S+) (\d+\.\d+\.\d+)`)

// bots is the matcher of the embedded lists, made at its first use.
var bots = sync.OnceValue(func() *botMatcher {
	m, err := newBotMatcher(botList("crawlers"), botList("dropped"), botList("tools"), botList("people"))
	if err != nil {
		panic(err) // the lists are the program's own
	}
	return m
})

func newBotMatcher(crawlers, dropped, tools, people []string) (*botMatcher, error) {
	m := &botMatcher{}
	for _, p := range crawlers {
		if slices.Contains(dropped, p) {
			continue
		}
		if err := m.add(p, "(?:"+p+")"); err != nil {
			return nil, err
		}
	}
	for _, p := range tools {
		if err := m.add(p, "(?i:"+p+")"); err != nil {
			return nil, err
		}
	}
	for _, p := range people {
		m.people = append(m.people, lowerASCII([]byte(p)))
	}
	keys := make([]string, len(m.patterns))
	for i := range m.patterns {
		keys[i] = m.patterns[i].key
	}
	m.keys = newTextSearch(keys)
	return m, nil
}

// add adds a regular expression; expr is the same with its flags.
func (m *botMatcher) add(pattern, expr string) error {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return fmt.Errorf("pattern %q: %w", pattern, err)
	}
	// One of the alternatives is there where the pattern matches.
	alternatives := []*syntax.Regexp{parsed.Simplify()}
	if alternatives[0].Op == syntax.OpAlternate {
		alternatives = alternatives[0].Sub
	}
	for _, a := range alternatives {
		key, start, plain := literal(a)
		if len(key) < 2 {
			return fmt.Errorf("pattern %q: needs a text of two letters or more that is always there", pattern)
		}
		p := botPattern{key: string(lowerASCII([]byte(key)))}
		if plain && len(alternatives) == 1 && strings.HasPrefix(expr, "(?:") {
			p.text, p.start = key, start
		} else if p.expr, err = regexp.Compile(expr); err != nil {
			return fmt.Errorf("pattern %q: %w", pattern, err)
		}
		m.patterns = append(m.patterns, p)
	}
	return nil
}

// literal gives the longest text that an expression can't match without; plain
// says that the expression is nothing but this text, at the beginning where
// start says so.
func literal(re *syntax.Regexp) (text string, start, plain bool) {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune), false, re.Flags&syntax.FoldCase == 0
	case syntax.OpCapture, syntax.OpPlus:
		text, _, _ = literal(re.Sub[0])
	case syntax.OpConcat:
		if len(re.Sub) == 2 && re.Sub[0].Op == syntax.OpBeginText {
			text, _, plain = literal(re.Sub[1])
			return text, true, plain
		}
		for _, sub := range re.Sub {
			if t, _, _ := literal(sub); len(t) > len(text) {
				text = t
			}
		}
	}
	return text, false, false
}

// botList reads an embedded list: its lines without empty ones and comments.
func botList(name string) []string {
	var lines []string
	for line := range strings.Lines(string(botFile(name))) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

func botFile(name string) []byte {
	content, err := botLists.ReadFile("bots/" + name + ".txt")
	if err != nil {
		panic(err) // embedded when the program was built
	}
	return content
}

// match judges one user agent.
func (m *botMatcher) match(agent []byte) bool {
	lower := lowerASCII(agent)
	for _, p := range m.people {
		for i := bytes.Index(lower, p); i >= 0; i = bytes.Index(lower, p) {
			agent = bytes.Clone(agent)
			copy(agent[i:], bytes.Repeat([]byte{' '}, len(p)))
			lower = lowerASCII(agent)
		}
	}
	return m.keys.find(lower, func(i int) bool {
		switch p := &m.patterns[i]; {
		case p.expr != nil:
			return p.expr.Match(agent)
		case p.start:
			return bytes.HasPrefix(agent, []byte(p.text))
		default:
			return bytes.Contains(agent, []byte(p.text))
		}
	})
}

// lowerASCII gives b with A to Z in small letters, byte for byte.
func lowerASCII(b []byte) []byte {
	lower := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	return lower
}

// textSearch looks for many texts in one pass (Aho and Corasick).
type textSearch struct {
	class   [256]uint8 // byte to column, 0 for bytes in no text
	classes int
	next    []int32   // node*classes+column to node
	found   [][]int32 // the texts that end at a node
}

func newTextSearch(texts []string) *textSearch {
	t := &textSearch{classes: 1}
	for _, text := range texts {
		for i := range len(text) {
			if t.class[text[i]] == 0 {
				t.class[text[i]] = uint8(t.classes)
				t.classes++
			}
		}
	}
	node := func() int32 {
		t.next = append(t.next, make([]int32, t.classes)...)
		t.found = append(t.found, nil)
		return int32(len(t.found) - 1)
	}
	node()
	for number, text := range texts {
		at := int32(0)
		for i := range len(text) {
			k := int(at)*t.classes + int(t.class[text[i]])
			if t.next[k] == 0 {
				n := node()
				t.next[k] = n
			}
			at = t.next[k]
		}
		t.found[at] = append(t.found[at], int32(number))
	}
	t.link()
	return t
}

// link makes an automaton of the tree: where no text goes on, it goes on from
// the longest end of what was read that begins a text too.
func (t *textSearch) link() {
	fallback := make([]int32, len(t.found))
	queue := make([]int32, 0, len(t.found)) // breadth first: a node's fallback is finished before it
	for c := range t.classes {
		if n := t.next[c]; n != 0 {
			queue = append(queue, n)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		back := fallback[at]
		t.found[at] = append(t.found[at], t.found[back]...)
		for c := range t.classes {
			k := int(at)*t.classes + c
			instead := t.next[int(back)*t.classes+c]
			if n := t.next[k]; n != 0 {
				fallback[n] = instead
				queue = append(queue, n)
			} else {
				t.next[k] = instead
			}
		}
	}
}

// find calls accept with the number of each text that b holds, until it says
// yes, and gives its last answer.
func (t *textSearch) find(b []byte, accept func(int) bool) bool {
	at := int32(0)
	for _, c := range b {
		at = t.next[int(at)*t.classes+int(t.class[c])]
		for _, number := range t.found[at] {
			if accept(int(number)) {
				return true
			}
		}
	}
	return false
}

// botCache remembers the verdicts on user agents, which repeat from line to
// line. It is emptied when it is full.
type botCache struct{ verdicts map[string]bool }

// Bounds of the cache: entries, and the bytes of a user agent worth keeping.
const (
	botCacheEntries = 8192
	botCacheBytes   = 512
)

func (c *botCache) isBot(agent []byte) bool {
	if v, ok := c.verdicts[string(agent)]; ok {
		return v
	}
	v := IsBot(agent)
	if len(agent) > botCacheBytes {
		return v
	}
	if c.verdicts == nil {
		c.verdicts = make(map[string]bool)
	} else if len(c.verdicts) >= botCacheEntries {
		clear(c.verdicts)
	}
	c.verdicts[string(agent)] = v
	return v
}

// IsBot tells whether a user agent names itself a robot or a tool. An empty
// one is none.
func IsBot(agent []byte) bool {
	if len(agent) == 0 {
		return false
	}
	if len(agent) > botJudged {
		agent = agent[:botJudged]
	}
	return bots().match(agent)
}

// botJudged is how much of a user agent is judged, in bytes: no browser's or
// robot's is longer, and a hostile one should not cost more.
const botJudged = 4096
