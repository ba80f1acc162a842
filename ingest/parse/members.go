package parse

// The functions here go through the members of a JSON object, for the formats
// that are one: what they don't ask for is skipped, whatever it holds.

// keys finds a key's number in a table: few keys are of one length.
type keys [32][]keyNumber

type keyNumber struct {
	name   string
	number int
}

// keysOf makes a table; a name's number is its place in the list, from 1.
func keysOf(names ...string) *keys {
	t := new(keys)
	for i, name := range names {
		t.add(name, i+1)
	}
	return t
}

func (t *keys) add(name string, number int) {
	i := min(len(name), len(t)-1)
	t[i] = append(t[i], keyNumber{name, number})
}

// find gives a key's number, 0 for none.
func (t *keys) find(key []byte) int {
	for _, k := range t[min(len(key), len(t)-1)] {
		if k.name == string(key) {
			return k.number
		}
	}
	return 0
}

// open reads an object's opening brace at or behind i. more tells that a member
// follows, at next; else next is behind the object.
func open(b []byte, i int) (next int, more bool) {
	if i = skipSpace(b, i); i >= len(b) || b[i] != '{' {
		return -1, false
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1, false
	}
	return i, true
}

// key reads a member's key and gives where its value begins, or -1.
func (r *Request) key(b []byte, i int) (key []byte, next int) {
	if i >= len(b) || b[i] != '"' {
		return nil, -1
	}
	start := i + 1
	end, found := scanString(b, start)
	if end < 0 {
		return nil, -1
	}
	key = b[start : end-1]
	if found&hasEscape != 0 {
		key = r.unescape(key)
	}
	if end < len(b) && b[end] == ':' {
		return key, skipSpace(b, end+1)
	}
	if i = skipSpace(b, end); i < len(b) && b[i] == ':' {
		return key, skipSpace(b, i+1)
	}
	return nil, -1
}

// scalar reads a value: the text of a string or a number; of any other value
// nil, as if it were absent.
func (r *Request) scalar(b []byte, i int) (value []byte, next int) {
	if i >= len(b) {
		return nil, -1
	}
	switch c := b[i]; {
	case c == '"':
		end, found := scanString(b, i+1)
		if end < 0 {
			return nil, -1
		}
		value = b[i+1 : end-1]
		if found != 0 {
			r.UTF8 = r.UTF8 && found&hasNonASCII == 0
			if found&hasEscape != 0 {
				value = r.unescape(value)
			}
		}
		return value, end
	case c == '-' || c-'0' <= 9:
		end := scanNumber(b, i)
		if end < 0 {
			return nil, -1
		}
		return b[i:end], end
	}
	return nil, skipValue(b, i, 0)
}

// after reads what stands behind a value: a comma, and the next member, or the
// object's end.
func after(b []byte, i int) (next int, more bool) {
	if i = skipSpace(b, i); i >= len(b) {
		return -1, false
	}
	switch b[i] {
	case ',':
		return skipSpace(b, i+1), true
	case '}':
		return i + 1, false
	}
	return -1, false
}

// object reads a whole line that is one object, giving each member that the
// table knows to set, which reads its value at i and gives what is behind it; a
// key given twice counts once.
func (r *Request) object(line []byte, t *keys, set func(number, i int) int) error {
	i, more := open(line, 0)
	seen := 0
	for more {
		var name []byte
		if name, i = r.key(line, i); i < 0 {
			return ErrMalformed
		}
		if n := t.find(name); n > 0 && seen&(1<<n) == 0 {
			seen |= 1 << n
			i = set(n, i)
		} else {
			i = skipValue(line, i, 0)
		}
		if i < 0 {
			return ErrMalformed
		}
		i, more = after(line, i)
	}
	if i < 0 {
		return ErrMalformed
	}
	return atEnd(line, i)
}
