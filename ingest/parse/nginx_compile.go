package parse

import (
	"fmt"
	"slices"
	"strings"
)

// compile makes a reader of an nginx log_format: the text inside the quotes, or
// the whole directive with its name, its escape and any number of pieces.
func compile(s Spec) (*literal, error) {
	l := &literal{text: s.Format, escape: s.Escape, cookie: s.UserID.Cookie, header: s.UserID.Header}
	if l.escape != "" && !slices.Contains(Escapes, l.escape) {
		return nil, &SpecError{"escape", fmt.Sprintf("escape is %q", l.escape), strings.Join(Escapes, ", ")}
	}
	format, err := l.unwrap(s.Format)
	if err != nil {
		return nil, err
	}
	if l.escape == "" {
		l.escape = "default"
		if strings.HasPrefix(strings.TrimLeft(format, " \t\r\n"), "{") {
			l.escape, l.either = "json", true
		}
	}
	variables, err := l.split(format)
	if err != nil {
		return nil, err
	}
	if err := l.choose(variables); err != nil {
		return nil, err
	}
	if err := l.join(); err != nil {
		return nil, err
	}
	for i := range l.parts {
		p := &l.parts[i]
		before := l.before
		if i > 0 {
			before = l.parts[i-1].after
		}
		p.sure = l.escape != "none" && strings.ContainsFunc(p.after, func(r rune) bool { return r < ' ' || r == '"' })
		p.quoted = l.escape != "none" && strings.HasSuffix(before, `"`) && strings.HasPrefix(p.after, `"`)
	}
	if l.escape == "json" {
		l.json = l.flat(format)
	}
	return l, nil
}

// unwrap gives a format's text: of a directive, and of quoted pieces, what is
// inside the quotes, one piece after another. Backslashes are undone as nginx
// does when it reads its configuration.
func (l *literal) unwrap(given string) (string, error) {
	rest := strings.TrimSpace(given)
	directive := strings.HasPrefix(rest, "log_format") && len(rest) > 10 && strings.ContainsRune(" \t\r\n", rune(rest[10]))
	if !directive && !strings.HasPrefix(rest, "'") {
		return unbackslash(given), nil
	}
	if directive {
		rest = rest[len("log_format"):]
	}
	const shape = `log_format NAME [escape=default|json|none] 'text' 'more text';`
	var pieces []string
	for first := directive; ; {
		if rest = strings.TrimLeft(rest, " \t\r\n"); rest == "" || rest[0] == ';' {
			rest = strings.TrimLeft(strings.TrimPrefix(rest, ";"), " \t\r\n")
			break
		}
		if rest[0] == '#' {
			_, rest, _ = strings.Cut(rest, "\n")
			continue
		}
		word, left, ok := nginxWord(rest)
		if !ok {
			return "", &SpecError{"format", "a quote of the log_format is not closed", shape}
		}
		quoted := rest[0] == '\'' || rest[0] == '"'
		rest = left
		switch escape, isEscape := strings.CutPrefix(word, "escape="); {
		case first:
			first = false
		case isEscape && !quoted && directive && len(pieces) == 0:
			if !slices.Contains(Escapes, escape) {
				return "", &SpecError{"format", fmt.Sprintf("the log_format has escape=%s", escape), strings.Join(Escapes, ", ")}
			}
			l.escape = escape
		default:
			pieces = append(pieces, word)
		}
	}
	if rest != "" {
		return "", &SpecError{"format", "something follows the log_format's semicolon", "one directive: " + shape}
	}
	return strings.Join(pieces, ""), nil
}

// nginxWord reads one word of nginx's configuration, in quotes or not.
func nginxWord(s string) (word, rest string, ok bool) {
	ends := " \t\r\n;"
	if s[0] == '\'' || s[0] == '"' {
		ends, s = s[:1], s[1:]
	}
	quoted := len(ends) == 1
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case strings.IndexByte(ends, s[i]) >= 0:
			if quoted {
				return unbackslash(s[:i]), s[i+1:], true
			}
			return unbackslash(s[:i]), s[i:], true
		}
	}
	return unbackslash(s), "", !quoted
}

// unbackslash undoes the backslashes that nginx does when it reads a word.
func unbackslash(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case '"', '\'', '\\':
				i++
				b.WriteByte(s[i])
				continue
			case 't':
				i++
				b.WriteByte('\t')
				continue
			case 'r':
				i++
				b.WriteByte('\r')
				continue
			case 'n':
				i++
				b.WriteByte('\n')
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// split takes the text apart into variables and what stands between them.
func (l *literal) split(format string) (variables map[string]bool, err error) {
	variables = map[string]bool{}
	text := &l.before
	for format != "" {
		i := strings.IndexByte(format, '$')
		if i < 0 {
			*text += format
			break
		}
		*text += format[:i]
		format = format[i+1:]
		braces := strings.HasPrefix(format, "{")
		if braces {
			format = format[1:]
		}
		n := 0
		for n < len(format) && (format[n] == '_' || format[n]-'0' <= 9 || 'a' <= format[n]|0x20 && format[n]|0x20 <= 'z') {
			n++
		}
		if n == 0 || braces && !strings.HasPrefix(format[n:], "}") {
			return nil, &SpecError{"format", "a $ in the log_format names no variable", "$name or ${name}, of letters, digits and _"}
		}
		name := strings.ToLower(format[:n])
		if format = format[n:]; braces {
			format = format[1:]
		}
		variables[name] = true
		l.parts = append(l.parts, part{variable: name, shape: shapeOf(name)})
		text = &l.parts[len(l.parts)-1].after
	}
	if strings.Contains(l.before, "\n") || slices.ContainsFunc(l.parts, func(p part) bool { return strings.Contains(p.after, "\n") }) {
		return nil, &SpecError{"format", "the log_format has a line end inside, so that a request is no line", "a log_format of one line"}
	}
	return variables, nil
}

// choose says which variables fill which fields: of several that could, the one
// that says most. It is an error when one is missing that a line can't be read
// without.
func (l *literal) choose(has map[string]bool) error {
	first := func(f field, names ...string) bool {
		for _, name := range names {
			if has[name] {
				i := slices.IndexFunc(l.parts, func(p part) bool { return p.variable == name })
				l.parts[i].field = f
				return true
			}
		}
		return false
	}
	var missing []string
	if !first(fieldMsec, "msec") && !first(fieldISO, "time_iso8601") && !first(fieldLocal, "time_local") {
		missing = append(missing, "$msec, $time_iso8601 or $time_local")
	}
	switch {
	case has["request_uri"] && has["request_method"]:
		first(fieldURI, "request_uri")
		first(fieldMethod, "request_method")
	case has["request"]:
		first(fieldRequest, "request")
	case has["request_uri"]:
		missing = append(missing, "$request_method beside $request_uri, or $request")
	default:
		missing = append(missing, "$request, or $request_uri with $request_method")
	}
	if !first(fieldStatus, "status") {
		missing = append(missing, "$status")
	}
	if len(missing) > 0 {
		return &SpecError{"format", "the log_format lacks " + strings.Join(missing, ", and "), "a log_format that has the time, the request and $status"}
	}
	first(fieldIP, "remote_addr")
	first(fieldHost, "host", "http_host", "server_name")
	first(fieldReferer, "http_referer")
	first(fieldAgent, "http_user_agent")
	first(fieldID, "request_id")
	first(fieldUIDGot, "uid_got")
	first(fieldUIDSet, "uid_set")
	first(fieldGPC, "http_sec_gpc")
	return l.chooseUser(first)
}

func (l *literal) chooseUser(first func(field, ...string) bool) error {
	switch {
	case l.cookie != "":
		name := "cookie_" + strings.ToLower(l.cookie)
		if !first(fieldUser, name) && !first(fieldCookies, "http_cookie") {
			return &SpecError{"user_id", fmt.Sprintf("the log_format has no variable with the cookie %s, which user_id names", l.cookie), "$" + name + " or $http_cookie in it"}
		}
	case l.header != "":
		name := "http_" + strings.ReplaceAll(strings.ToLower(l.header), "-", "_")
		i := slices.IndexFunc(l.parts, func(p part) bool { return p.variable == name })
		if i < 0 {
			return &SpecError{"user_id", fmt.Sprintf("the log_format has no variable with the header %s, which user_id names", l.header), "$" + name + " in it"}
		}
		if l.parts[i].field != noField {
			return &SpecError{"user_id", fmt.Sprintf("the header %s fills a column of its own and can't be the user id", l.header), "another header, a cookie or a param"}
		}
		l.parts[i].field = fieldUser
	}
	return nil
}

// join makes one of variables that touch where none of them is read, lets a host
// touch the path behind it, and refuses others that do: nothing says where one
// ends.
func (l *literal) join() error {
	var parts []part
	for _, p := range l.parts {
		if n := len(parts); n > 0 && parts[n-1].after == "" {
			before := &parts[n-1]
			if isHost(before.variable) && (p.variable == "request_uri" || p.variable == "uri") {
				before.slash = true
				parts = append(parts, p)
				continue
			}
			if before.field != noField || p.field != noField {
				return &SpecError{"format", fmt.Sprintf("$%s and $%s of the log_format touch, so that nothing tells where one ends", before.variable, p.variable),
					"a character between them that stands in neither"}
			}
			before.after, before.shape = p.after, free
			before.variable += "$" + p.variable
			continue
		}
		parts = append(parts, p)
	}
	l.parts = parts
	l.at = make([]span, len(parts))
	return nil
}

func isHost(variable string) bool {
	return variable == "host" || variable == "http_host" || variable == "server_name"
}

// flat gives the keys of a text that is one flat JSON object with each variable
// a whole value, or nil.
func (l *literal) flat(format string) *keys {
	t, seen := new(keys), map[string]bool{}
	// The text with a marker for each variable, which is no character of JSON.
	var b strings.Builder
	b.WriteString(l.before)
	for _, p := range l.parts {
		b.WriteByte(0)
		b.WriteString(p.after)
	}
	s := []byte(b.String())
	if strings.Count(format, "\x00") > 0 {
		return nil
	}
	i, more := open(s, 0)
	n := 0
	var r Request
	for more {
		if i >= len(s) || s[i] != '"' {
			return nil
		}
		end, found := scanString(s, i+1)
		if end < 0 || found != 0 {
			return nil
		}
		key := string(s[i+1 : end-1])
		if _, i = r.key(s, i); i < 0 || i >= len(s) {
			return nil
		}
		switch {
		case s[i] == 0:
			i++
		case s[i] == '"' && i+2 < len(s) && s[i+1] == 0 && s[i+2] == '"':
			i += 3
		default:
			if i = skipValue(s, i, 0); i < 0 {
				return nil
			}
			i, more = after(s, i)
			continue
		}
		if n++; l.parts[n-1].field != noField && !seen[key] {
			t.add(key, n)
		}
		seen[key] = true
		i, more = after(s, i)
	}
	if i < 0 || skipSpace(s, i) != len(s) || n != len(l.parts) {
		return nil
	}
	return t
}
