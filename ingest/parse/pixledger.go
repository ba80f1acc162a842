package parse

// Pixledger is the JSON format that the product's own edge writes: one object
// a line, its keys in any order, values as strings or numbers. Other keys are
// skipped, whatever they hold; of a key given twice the first one counts. A
// key that holds true, false, null, an object or an array counts as absent.
type Pixledger struct{}

var pixledgerKind = Kind{
	Name: "pixledger", New: func(UserID) Format { return Pixledger{} },
}

// Name is "pixledger".
func (Pixledger) Name() string { return "pixledger" }

// Header is always false: the format has no header lines.
func (Pixledger) Header([]byte) bool { return false }

// The keys that are read, as bits of those already seen.
const (
	keyTime = 1 << iota
	keyID
	keyIP
	keyMethod
	keyHost
	keyURI
	keyStatus
	keyReferer
	keyUserAgent
	keyUIDGot
	keyUIDSet
	keyGPC
)

// Parse reads one line.
func (Pixledger) Parse(line []byte, r *Request) error {
	r.reset()
	r.UTF8 = true
	if r.printed(line) {
		return nil
	}
	r.reset()
	r.UTF8 = true
	i := skipSpace(line, 0)
	if i >= len(line) || line[i] != '{' {
		return ErrMalformed
	}
	i = skipSpace(line, i+1)
	if i < len(line) && line[i] == '}' {
		return atEnd(line, i+1)
	}
	seen := 0
	for {
		if i >= len(line) || line[i] != '"' {
			return ErrMalformed
		}
		start := i + 1
		end, found := scanString(line, start)
		if end < 0 {
			return ErrMalformed
		}
		key := line[start : end-1]
		if found&hasEscape != 0 {
			key = r.unescape(key)
		}
		if end < len(line) && line[end] == ':' {
			i = end + 1
		} else if i = skipSpace(line, end); i < len(line) && line[i] == ':' {
			i++
		} else {
			return ErrMalformed
		}
		if i = skipSpace(line, i); i >= len(line) {
			return ErrMalformed
		}
		var value []byte
		switch c := line[i]; {
		case c == '"':
			start = i + 1
			if i, found = scanString(line, start); i < 0 {
				return ErrMalformed
			}
			value = line[start : i-1]
			if found != 0 {
				r.UTF8 = r.UTF8 && found&hasNonASCII == 0
				if found&hasEscape != 0 {
					value = r.unescape(value)
				}
			}
		case c == '-' || c-'0' <= 9:
			start = i
			if i = scanNumber(line, start); i < 0 {
				return ErrMalformed
			}
			value = line[start:i]
		default:
			if i = skipValue(line, i, 0); i < 0 {
				return ErrMalformed
			}
		}
		seen = r.setKey(key, value, seen)
		if i = skipSpace(line, i); i >= len(line) {
			return ErrMalformed
		}
		switch line[i] {
		case ',':
			i = skipSpace(line, i+1)
		case '}':
			return atEnd(line, i+1)
		default:
			return ErrMalformed
		}
	}
}

// printed reads a line that has the keys as the edge prints them, in that order
// and with nothing between, as nearly all lines have. It reports false, with
// the request half filled, where the line is to be read key by key.
func (r *Request) printed(line []byte) bool {
	at := 0
	next := func(before string) (value []byte) {
		if at < 0 || len(line)-at < len(before) || string(line[at:at+len(before)]) != before {
			at = -1
			return nil
		}
		start := at + len(before)
		end, found := scanString(line, start)
		if at = end; end < 0 {
			return nil
		}
		value = line[start : end-1]
		if found != 0 {
			r.UTF8 = r.UTF8 && found&hasNonASCII == 0
			if found&hasEscape != 0 {
				value = r.unescape(value)
			}
		}
		return value
	}
	r.Time, r.HasTime = parseSeconds(next(`{"time":"`))
	r.ID = text(next(`,"id":"`))
	r.IP = text(next(`,"ip":"`))
	r.Method = token(next(`,"method":"`))
	r.Host = text(next(`,"host":"`))
	r.URI = text(next(`,"uri":"`))
	r.Status, r.HasStatus = parseStatus(next(`,"status":"`))
	r.Referer = text(next(`,"referer":"`))
	r.UserAgent = text(next(`,"ua":"`))
	r.UIDGot = text(next(`,"uid_got":"`))
	r.UIDSet = text(next(`,"uid_set":"`))
	r.GPC = text(next(`,"gpc":"`))
	return at >= 0 && at < len(line) && line[at] == '}' && skipSpace(line, at+1) == len(line)
}

// atEnd accepts an object that ended before i when only space follows it.
func atEnd(line []byte, i int) error {
	if skipSpace(line, i) != len(line) {
		return ErrMalformed
	}
	return nil
}

// unescape undoes a string's escapes in the request's buffer.
func (r *Request) unescape(s []byte) []byte {
	start := len(r.buf)
	r.buf = unescape(r.buf, s)
	return r.buf[start:len(r.buf):len(r.buf)]
}

// setKey sets the field of a key, unless it was seen before, and gives the
// keys seen.
func (r *Request) setKey(key, value []byte, seen int) int {
	var bit int
	var field *[]byte
	switch string(key) {
	case "time":
		bit = keyTime
	case "status":
		bit = keyStatus
	case "id":
		bit, field = keyID, &r.ID
	case "ip":
		bit, field = keyIP, &r.IP
	case "method":
		bit, field = keyMethod, &r.Method
	case "host":
		bit, field = keyHost, &r.Host
	case "uri":
		bit, field = keyURI, &r.URI
	case "referer":
		bit, field = keyReferer, &r.Referer
	case "ua":
		bit, field = keyUserAgent, &r.UserAgent
	case "uid_got":
		bit, field = keyUIDGot, &r.UIDGot
	case "uid_set":
		bit, field = keyUIDSet, &r.UIDSet
	case "gpc":
		bit, field = keyGPC, &r.GPC
	default:
		return seen
	}
	if seen&bit != 0 {
		return seen
	}
	switch bit {
	case keyTime:
		r.Time, r.HasTime = parseSeconds(value)
	case keyStatus:
		r.Status, r.HasStatus = parseStatus(value)
	case keyMethod:
		*field = token(value)
	default:
		*field = text(value)
	}
	return seen | bit
}
