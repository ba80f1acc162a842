package parse

import (
	"bytes"
	"strings"
)

// literal reads the lines of an nginx log_format that was given as its text.
//
// A line fits it when it is the text with values in the variables' places. A
// variable between two quotes ends at the next quote, for nginx escapes those
// inside a value (unless escape is none); any other ends where the text that
// follows it stands. Where that stands inside a value too, as a blank does in a
// user's name, the line is divided so that times, numbers and addresses are
// what they should be.
//
// A text that is one flat JSON object, each variable a whole value, is read as
// JSON first, so that keys may come in any order and more of them are skipped; a
// line that is no JSON is still read by the text's order, for a variable without
// quotes may leave nothing behind.
type literal struct {
	text   string // as given
	escape string
	either bool // the escape was not said: both nginx's own and JSON's are undone
	before string
	parts  []part
	json   *keys // by the text's keys, the number of a part, from 1; nil where it is no JSON
	cookie string
	header string

	at []span
}

// part is a variable and the text behind it, up to the next variable.
type part struct {
	variable string
	after    string
	quoted   bool // between two quotes that can't stand in its value
	sure     bool // what stands behind it can't stand in its value, for it would be escaped
	slash    bool // a host with the path right behind it: it ends before the next slash
	shape    shape
	field    field
}

type span struct{ start, end int }

// field is what a variable fills.
type field uint8

const (
	noField field = iota
	fieldMsec
	fieldISO
	fieldLocal
	fieldRequest
	fieldMethod
	fieldURI
	fieldStatus
	fieldIP
	fieldHost
	fieldReferer
	fieldAgent
	fieldID
	fieldUIDGot
	fieldUIDSet
	fieldGPC
	fieldUser    // of which the value is the user id
	fieldCookies // a Cookie header that has the user id
)

// shape is what a variable's value can look like.
type shape uint8

const (
	free     shape = iota // anything
	word                  // nothing with a blank
	local                 // $time_local
	protocol              // $request, which ends with its protocol
)

// Name is the text that was given.
func (l *literal) Name() string { return l.text }

// Header is always false: the format has no header lines.
func (*literal) Header([]byte) bool { return false }

// kind gives the format as the table would have it.
func (l *literal) kind() *Kind {
	k := &Kind{Name: "log_format", Cookies: true, Headers: true, New: l.reader, Append: l.append}
	has := map[field]bool{}
	for _, p := range l.parts {
		has[p.field] = true
	}
	for f, part := range map[field]Part{fieldID: PartID, fieldHost: PartHost, fieldGPC: PartGPC, fieldMsec: PartMillis, fieldReferer: PartReferer, fieldAgent: PartAgent} {
		if !has[f] {
			k.Lacks |= part
		}
	}
	if !has[fieldUIDGot] && !has[fieldUser] && !has[fieldCookies] {
		k.Lacks |= PartUser
	}
	if !has[fieldUIDSet] {
		k.Lacks |= PartFirstUser
	}
	return k
}

// reader gives a reader of its own.
func (l *literal) reader(UserID) Format {
	own := *l
	own.at = make([]span, len(l.parts))
	return &own
}

// Parse reads one line.
func (l *literal) Parse(line []byte, r *Request) error {
	if l.json != nil {
		if l.parseJSON(line, r) == nil {
			return nil
		}
	}
	r.reset()
	if !bytes.HasPrefix(line, []byte(l.before)) {
		return ErrMalformed
	}
	budget := maxTries
	if !l.match(line, 0, len(l.before), true, &budget) {
		if budget = maxTries; !l.match(line, 0, len(l.before), false, &budget) {
			return ErrMalformed
		}
	}
	for k := range l.parts {
		p := &l.parts[k]
		if p.field == noField {
			continue
		}
		value := line[l.at[k].start:l.at[k].end]
		if bytes.IndexByte(value, '\\') >= 0 {
			value = l.unescape(value, r)
		}
		l.set(p.field, value, r)
	}
	return nil
}

// maxTries bounds how many ways to divide a line are tried, for whoever makes a
// request makes up what stands in its fields.
const maxTries = 100

// match divides the line from the part k on, whose value begins at. In the
// strict way a time has to be one, and a request to end with its protocol; else a
// line whose time is unreadable fits too, and one of HTTP/0.9.
func (l *literal) match(line []byte, k, at int, strict bool, budget *int) bool {
	for ; k < len(l.parts); k++ {
		p := &l.parts[k]
		last := k == len(l.parts)-1
		if p.quoted {
			end := l.quoteEnd(line, at)
			if end < 0 || !bytes.HasPrefix(line[end:], []byte(p.after)) {
				return false
			}
			l.at[k] = span{at, end}
			at = end + len(p.after)
			continue
		}
		if p.slash {
			i := bytes.IndexByte(line[at:], '/')
			if i < 0 || !l.looks(p, line[at:at+i], strict) {
				return false
			}
			l.at[k] = span{at, at + i}
			at += i
			continue
		}
		if last {
			end := len(line) - len(p.after)
			if end < at || string(line[end:]) != p.after || !l.looks(p, line[at:end], strict) {
				return false
			}
			l.at[k] = span{at, end}
			return true
		}
		from := at
		for {
			i := bytes.Index(line[from:], []byte(p.after))
			if i < 0 {
				return false
			}
			end := from + i
			l.at[k] = span{at, end}
			looks := l.looks(p, line[at:end], strict)
			if !looks && (p.sure || p.shape != protocol && (p.shape != local || end-at >= timeLen)) {
				return false // and longer it would not look better
			}
			if looks && (p.sure || p.shape == word || p.shape == local) {
				at = end + len(p.after)
				break
			}
			if looks && l.match(line, k+1, end+len(p.after), strict, budget) {
				return true
			}
			if *budget--; *budget < 0 {
				return false
			}
			from = end + 1
		}
	}
	return at == len(line)
}

// looks tells whether a value can be one of the variable. A raw quote stands in
// none, unless nothing is escaped.
func (l *literal) looks(p *part, value []byte, strict bool) bool {
	switch {
	case p.shape == word:
		for _, c := range value {
			if c <= ' ' || c == '"' {
				return false
			}
		}
		return true
	case p.shape == local && strict:
		if len(value) == 1 && value[0] == '-' {
			return true
		}
		_, ok := parseTimeLocal(value)
		return ok
	case p.shape == protocol && strict && !endsWithProtocol(value):
		return false
	}
	return l.escape == "none" || bytes.IndexByte(value, '"') < 0
}

// endsWithProtocol tells whether a request line has its protocol, or is none.
func endsWithProtocol(value []byte) bool {
	if string(value) == "-" {
		return true
	}
	version, ok := bytes.CutPrefix(value[bytes.LastIndexByte(value, ' ')+1:], []byte("HTTP/"))
	return ok && len(version) < len(value)-5 && len(bytes.Trim(version, "0123456789.")) == 0
}

// quoteEnd gives where the quote stands that ends a value, or -1.
func (l *literal) quoteEnd(line []byte, at int) int {
	if l.escape == "json" && !l.either {
		end, _ := scanString(line, at)
		return max(end-1, -1)
	}
	for i := at; i < len(line); i++ {
		switch line[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

// unescape undoes the escapes of a value that has a backslash.
func (l *literal) unescape(value []byte, r *Request) []byte {
	switch {
	case l.escape == "none":
		return value
	case l.escape == "json" && isJSONText(value):
		return r.unescape(value)
	case l.escape == "json" && !l.either:
		return value
	}
	return r.unescapeLog(value)
}

// isJSONText tells whether the value's escapes are those of a JSON string.
func isJSONText(value []byte) bool {
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' {
			continue
		}
		if i++; i >= len(value) {
			return false
		}
		switch value[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			if _, ok := hex4(value, i+1); !ok {
				return false
			}
			i += 4
		default:
			return false
		}
	}
	return true
}

// parseJSON reads a line that is a JSON object by its keys.
func (l *literal) parseJSON(line []byte, r *Request) error {
	r.reset()
	r.UTF8 = true
	i, more := open(line, 0)
	clear(l.at)
	for more {
		var name, value []byte
		if name, i = r.key(line, i); i < 0 {
			return ErrMalformed
		}
		n := l.json.find(name)
		if n == 0 || l.at[n-1].end > 0 {
			i = skipValue(line, i, 0)
		} else {
			l.at[n-1].end = i
			if value, i = r.scalar(line, i); i >= 0 {
				l.set(l.parts[n-1].field, value, r)
			}
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

// set fills the field of a variable.
func (l *literal) set(f field, value []byte, r *Request) {
	switch f {
	case fieldMsec:
		r.Time, r.HasTime = parseSeconds(value)
	case fieldISO:
		r.Time, r.HasTime = parseISO(value)
	case fieldLocal:
		r.Time, r.HasTime = parseTimeLocal(value)
	case fieldRequest:
		r.setRequestLine(value)
	case fieldMethod:
		r.Method = token(value)
	case fieldURI:
		r.URI = text(value)
	case fieldStatus:
		r.Status, r.HasStatus = parseStatus(value)
	case fieldIP:
		r.IP = text(value)
	case fieldHost:
		r.Host = text(value)
	case fieldReferer:
		r.Referer = text(value)
	case fieldAgent:
		r.UserAgent = text(value)
	case fieldID:
		r.ID = text(value)
	case fieldUIDGot:
		r.UIDGot = text(value)
	case fieldUIDSet:
		r.UIDSet = text(value)
	case fieldGPC:
		r.GPC = text(value)
	case fieldUser:
		r.User = text(value)
	case fieldCookies:
		r.User = cookie(value, l.cookie)
	}
}

// shapeOf says what a variable's values look like, as nginx makes them.
func shapeOf(variable string) shape {
	switch variable {
	case "time_local":
		return local
	case "request":
		return protocol
	case "remote_addr", "realip_remote_addr", "binary_remote_addr", "remote_port", "server_addr", "server_port", "server_protocol", "msec", "time_iso8601",
		"status", "request_id", "request_method", "request_time", "request_length", "bytes_sent", "body_bytes_sent", "pid", "connection",
		"connection_requests", "scheme", "host", "pipe", "https", "gzip_ratio", "ssl_protocol", "ssl_cipher", "ssl_session_reused":
		return word
	}
	if strings.HasPrefix(variable, "uid_") {
		return word
	}
	return free
}
