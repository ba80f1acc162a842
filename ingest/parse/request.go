// Package parse reads a line of an edge's access log into the request that it
// tells of, one log format a file. It reads what the log says and judges
// nothing: which request is an event is for package decode.
//
// Nothing is allocated for a line: the fields point into the line, or into a
// buffer of the Request where an escape had to be undone, and hold until the
// next line is read.
package parse

import "math"

// Request is one request as a log line tells it. Text fields are as logged,
// the format's own escapes undone; their bytes need not be UTF-8. A field that
// the line does not have, has empty, or has as "-" is nil.
type Request struct {
	// Time is when the edge served the request, Unix microseconds UTC; it says
	// nothing unless HasTime. A time beyond the range is math.MaxInt64 or
	// math.MinInt64.
	Time    int64
	HasTime bool
	// Status is the HTTP status; it says nothing unless HasStatus.
	Status    int
	HasStatus bool
	// Method is the request's method; nil also where what stands there is no
	// HTTP token.
	Method []byte
	// URI is the request's target with its query, undecoded.
	URI       []byte
	ID        []byte // the edge's request id
	IP        []byte // the client's address
	Host      []byte // the host that was asked
	Referer   []byte
	UserAgent []byte
	UIDGot    []byte // nginx's $uid_got, with its name: uid=0B0C…
	UIDSet    []byte // nginx's $uid_set, likewise
	User      []byte // the id from the cookie or header that the source names, as logged
	GPC       []byte // the Sec-GPC header

	// UTF8 says that all text fields are known to be UTF-8; where it is false
	// they may be or not.
	UTF8 bool

	buf []byte // text whose escapes were undone
}

// reset empties the request and keeps its buffer.
func (r *Request) reset() {
	buf := r.buf[:0]
	if cap(buf) > maxBuffer {
		buf = nil
	}
	*r = Request{buf: buf}
}

// maxBuffer is how large a buffer is kept from line to line, in bytes.
const maxBuffer = 64 << 10

// text gives a field's value, nil where the log says that there is none.
func text(b []byte) []byte {
	if len(b) == 0 || len(b) == 1 && b[0] == '-' {
		return nil
	}
	return b
}

// token gives a method, nil where it is none: RFC 9110 allows letters, digits
// and a few signs, and what a port scan sends has others.
func token(b []byte) []byte {
	b = text(b)
	for _, c := range b {
		if !tokenBytes[c] {
			return nil
		}
	}
	return b
}

var tokenBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

// parseSeconds reads Unix seconds with an optional fraction, a plain decimal
// number such as 1767225600.123, as microseconds; further digits are cut off.
func parseSeconds(b []byte) (micros int64, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	i := 0
	var v int64
	const limit = math.MaxInt64 / 1_000_000 / 10
	over := false
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		if v >= limit {
			over = true
			continue
		}
		v = v*10 + int64(b[i]-'0')
	}
	if i == 0 {
		return 0, false
	}
	v *= 1_000_000
	if i < len(b) {
		if b[i] != '.' || i+1 == len(b) {
			return 0, false
		}
		place := int64(100_000)
		for i++; i < len(b); i++ {
			d := b[i] - '0'
			if d > 9 {
				return 0, false
			}
			v += int64(d) * place
			place /= 10
		}
	}
	if over {
		v = math.MaxInt64
	}
	if negative {
		v = -v
	}
	return v, true
}

// parseStatus reads an HTTP status of one to three digits; nginx logs 000 and
// 009 for requests that had none.
func parseStatus(b []byte) (status int, ok bool) {
	if len(b) == 0 || len(b) > 3 {
		return 0, false
	}
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		status = status*10 + int(c-'0')
	}
	return status, true
}
