package decode

import (
	"bytes"
	"embed"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// The lists by which a user agent is known as a robot or a tool; docs/bots.md
// says how they are kept up to date.
//
//go:embed bots/*.txt
var botLists embed.FS

// botMatcher judges user agents. Patterns that are plain texts, nearly all,
// are looked for at once; the others are regular expressions.
type botMatcher struct {
	texts  *textSearch
	others *regexp.Regexp
	people *regexp.Regexp
}

// bots is the matcher of the embedded lists, made at its first use.
var bots = sync.OnceValue(func() *botMatcher {
	dropped := map[string]bool{}
	for _, p := range botList("dropped") {
		dropped[p] = true
	}
	m := &botMatcher{texts: newTextSearch()}
	var others, people []string
	for _, p := range botList("crawlers") {
		if dropped[p] {
			continue
		}
		if text, start, ok := plainText(p); ok {
			m.texts.add(text, start)
		} else {
			others = append(others, "(?:"+p+")")
		}
	}
	m.texts.build()
	for _, p := range botList("tools") {
		others = append(others, "(?i:"+p+")")
	}
	for _, p := range botList("people") {
		people = append(people, regexp.QuoteMeta(p))
	}
	m.others = regexp.MustCompile(strings.Join(others, "|"))
	m.people = regexp.MustCompile("(?i:" + strings.Join(people, "|") + ")")
	return m
})

// botList reads an embedded list: its lines without empty ones and comments.
func botList(name string) []string {
	content, err := botLists.ReadFile("bots/" + name + ".txt")
	if err != nil {
		panic(err) // embedded when the program was built
	}
	var lines []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// plainText gives the text that a pattern without operators stands for; start
// says that it must stand at the beginning.
func plainText(pattern string) (text string, start, ok bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false, false
	}
	re = re.Simplify()
	if re.Op == syntax.OpConcat && len(re.Sub) == 2 && re.Sub[0].Op == syntax.OpBeginText {
		start, re = true, re.Sub[1]
	}
	if re.Op != syntax.OpLiteral || re.Flags&syntax.FoldCase != 0 {
		return "", false, false
	}
	return string(re.Rune), start, true
}

// match judges one user agent.
func (m *botMatcher) match(agent []byte) bool {
	if m.people.Match(agent) {
		agent = m.people.ReplaceAll(agent, []byte(" "))
	}
	return m.texts.match(agent) || m.others.Match(agent)
}

// textSearch looks for many texts in one pass (Aho and Corasick).
type textSearch struct {
	class   [256]uint8 // byte to column, 0 for bytes in no text
	classes int
	texts   []string
	starts  []string // texts that must stand at the beginning
	next    []int32  // node*classes+column to node
	final   []bool
}

func newTextSearch() *textSearch { return &textSearch{classes: 1} }

func (t *textSearch) add(text string, start bool) {
	if start {
		t.starts = append(t.starts, text)
		return
	}
	t.texts = append(t.texts, text)
	for i := range len(text) {
		if t.class[text[i]] == 0 {
			t.class[text[i]] = uint8(t.classes)
			t.classes++
		}
	}
}

func (t *textSearch) build() {
	node := func() int32 {
		t.next = append(t.next, make([]int32, t.classes)...)
		t.final = append(t.final, false)
		return int32(len(t.final) - 1)
	}
	node()
	for _, text := range t.texts {
		at := int32(0)
		for i := range len(text) {
			k := int(at)*t.classes + int(t.class[text[i]])
			if t.next[k] == 0 {
				n := node()
				t.next[k] = n
			}
			at = t.next[k]
		}
		t.final[at] = true
	}
	// Breadth first, so that a node's fallback is finished before the node.
	fallback := make([]int32, len(t.final))
	queue := make([]int32, 0, len(t.final))
	for c := range t.classes {
		if n := t.next[c]; n != 0 {
			queue = append(queue, n)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		back := fallback[at]
		t.final[at] = t.final[at] || t.final[back]
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

func (t *textSearch) match(b []byte) bool {
	for _, s := range t.starts {
		if bytes.HasPrefix(b, []byte(s)) {
			return true
		}
	}
	at := int32(0)
	for _, c := range b {
		at = t.next[int(at)*t.classes+int(t.class[c])]
		if t.final[at] {
			return true
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
