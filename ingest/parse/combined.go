package parse

import (
	"bytes"
	"time"
)

// Combined is nginx's predefined format:
//
//	$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"
//
// with nginx's default escaping; the backslash escapes of Apache's log of the
// same name are undone too. What stands after the user agent, behind a space,
// is skipped. It carries no request id, no cookie and no host, and times of
// whole seconds.
type Combined struct{}

var combinedKind = Kind{
	Name: "combined", New: func(UserID) Format { return Combined{} },
	Lacks: PartID | PartHost | PartUser | PartFirstUser | PartGPC | PartMillis,
}

// variants are logs much like combined that are recognised too: Apache's
// common and vhost_combined, as the log_format that they would be of.
var variants = []string{
	`$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent`,
	`$host:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`,
}

// Name is "combined".
func (Combined) Name() string { return "combined" }

// Header is always false: the format has no header lines.
func (Combined) Header([]byte) bool { return false }

// timeLen is the length of a $time_local: 02/Jan/2006:15:04:05 -0700.
const timeLen = 26

// Parse reads one line.
func (Combined) Parse(line []byte, r *Request) error {
	r.reset()
	i := bytes.IndexByte(line, ' ')
	if i <= 0 || !bytes.HasPrefix(line[i:], []byte(" - ")) {
		return ErrMalformed
	}
	r.IP = text(line[:i])

	// A user's name may hold spaces and brackets, but no quote: the time is
	// the bracket with a time in it that is followed by the request's quote.
	rest := line[i+3:]
	after := -1
	for k := 0; ; {
		open := bytes.IndexByte(rest[k:], '[')
		if open < 0 {
			break
		}
		k += open + 1
		if len(rest)-k < timeLen+3 || string(rest[k+timeLen:k+timeLen+3]) != `] "` || k < 2 || rest[k-2] != ' ' {
			continue
		}
		if micros, ok := parseTimeLocal(rest[k : k+timeLen]); ok {
			r.Time, r.HasTime = micros, true
			after = k + timeLen + 3
			break
		}
	}
	if after < 0 {
		open, closed := bytes.Index(rest, []byte(" [")), bytes.Index(rest, []byte(`] "`))
		if open < 0 || closed < open {
			return ErrMalformed
		}
		after = closed + 3
	}

	request, rest, ok := r.quoted(rest[after:])
	if !ok || len(rest) == 0 || rest[0] != ' ' {
		return ErrMalformed
	}
	r.setRequestLine(request)

	status, rest, ok := bytes.Cut(rest[1:], []byte{' '})
	if !ok {
		return ErrMalformed
	}
	r.Status, r.HasStatus = parseStatus(status)
	size, rest, ok := bytes.Cut(rest, []byte{' '})
	if !ok || !number(size) {
		return ErrMalformed
	}
	if len(rest) == 0 || rest[0] != '"' {
		return ErrMalformed
	}
	referer, rest, ok := r.quoted(rest[1:])
	if !ok || !bytes.HasPrefix(rest, []byte(` "`)) {
		return ErrMalformed
	}
	agent, rest, ok := r.quoted(rest[2:])
	if !ok || skipSpace(rest, 0) == 0 && len(rest) > 0 {
		return ErrMalformed
	}
	r.Referer, r.UserAgent = text(referer), text(agent)
	return nil
}

// number accepts a count of bytes: digits, or - for none.
func number(b []byte) bool {
	if string(b) == "-" {
		return true
	}
	return scanDigits(b, 0) == len(b)
}

// setRequestLine takes a request line apart: method, target and, where it has
// one, the protocol. nginx logs it as it came, and answers one that has several
// blanks between its parts, or some at its end. Both fields stay nil when it is
// none.
func (r *Request) setRequestLine(b []byte) {
	method, target, ok := bytes.Cut(b, []byte{' '})
	if !ok {
		return
	}
	target = trimBlanks(target)
	if k := bytes.LastIndexByte(target, ' '); k >= 0 && bytes.HasPrefix(target[k+1:], []byte("HTTP/")) {
		target = trimBlanks(target[:k])
	}
	r.Method, r.URI = token(method), text(target)
}

// trimBlanks cuts blanks, and nothing else, off both ends.
func trimBlanks(b []byte) []byte {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// quoted reads a quoted value whose opening quote stands before b, and gives
// what follows its closing quote.
func (r *Request) quoted(b []byte) (value, rest []byte, ok bool) {
	escaped := false
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			value = b[:i]
			if escaped {
				value = r.unescapeLog(value)
			}
			return value, b[i+1:], true
		case '\\':
			escaped = true
			i++
		}
	}
	return nil, nil, false
}

// unescapeLog undoes nginx's default escaping, \xHH for a byte, and Apache's
// \" \\ \n \r \t \v \b; a backslash before anything else stays.
func (r *Request) unescapeLog(s []byte) []byte {
	start := len(r.buf)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' || i+1 == len(s) {
			r.buf = append(r.buf, c)
			continue
		}
		i++
		switch s[i] {
		case 'x':
			if i+2 < len(s) && unhex[s[i+1]] >= 0 && unhex[s[i+2]] >= 0 {
				r.buf = append(r.buf, byte(unhex[s[i+1]])<<4|byte(unhex[s[i+2]]))
				i += 2
			} else {
				r.buf = append(r.buf, '\\', 'x')
			}
		case '"', '\\':
			r.buf = append(r.buf, s[i])
		case 'n':
			r.buf = append(r.buf, '\n')
		case 'r':
			r.buf = append(r.buf, '\r')
		case 't':
			r.buf = append(r.buf, '\t')
		case 'v':
			r.buf = append(r.buf, '\v')
		case 'b':
			r.buf = append(r.buf, '\b')
		default:
			r.buf = append(r.buf, '\\', s[i])
		}
	}
	return r.buf[start:len(r.buf):len(r.buf)]
}

// parseTimeLocal reads nginx's $time_local, 02/Jan/2006:15:04:05 -0700, as Unix
// microseconds. A date that the calendar does not have is none.
func parseTimeLocal(b []byte) (micros int64, ok bool) {
	if len(b) != timeLen || b[2] != '/' || b[6] != '/' || b[11] != ':' || b[14] != ':' || b[17] != ':' || b[20] != ' ' {
		return 0, false
	}
	day, ok1 := digits(b[0:2])
	year, ok2 := digits(b[7:11])
	hour, ok3 := digits(b[12:14])
	minute, ok4 := digits(b[15:17])
	second, ok5 := digits(b[18:20])
	zoneHour, ok6 := digits(b[22:24])
	zoneMinute, ok7 := digits(b[24:26])
	month := monthOf(b[3:6])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || !ok7 || month == 0 || day == 0 ||
		hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59 {
		return 0, false
	}
	offset := int64(zoneHour*60+zoneMinute) * 60
	switch b[21] {
	case '+':
	case '-':
		offset = -offset
	default:
		return 0, false
	}
	t := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	if t.Day() != day {
		return 0, false
	}
	return (t.Unix() - offset) * 1_000_000, true
}

func digits(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func monthOf(b []byte) time.Month {
	switch string(b) {
	case "Jan":
		return time.January
	case "Feb":
		return time.February
	case "Mar":
		return time.March
	case "Apr":
		return time.April
	case "May":
		return time.May
	case "Jun":
		return time.June
	case "Jul":
		return time.July
	case "Aug":
		return time.August
	case "Sep":
		return time.September
	case "Oct":
		return time.October
	case "Nov":
		return time.November
	case "Dec":
		return time.December
	}
	return 0
}
