package synth

import (
	"strconv"
	"time"

	"pixledger/ingest/parse"
)

// emit writes the request, with log.uri as its target, as one line of the log.
func (l *log) emit(r *request) {
	switch l.o.Format {
	case Pixledger:
		l.emitPixledger(r)
	case Combined:
		l.emitCombined(r)
	default:
		l.emitOther(r)
	}
}

// choose finds out how lines of the format are written, and where it carries the
// user id: nginx's fields, a cookie, or else a parameter.
func (l *log) choose() {
	l.kind, _ = (parse.Spec{Format: l.o.Format}).Kind() // the options are complete
	if l.lacks(parse.PartFirstUser) {
		l.user = parse.UserID{Cookie: UserParam}
		if k, err := (parse.Spec{Format: l.o.Format, UserID: l.user}).Kind(); err == nil {
			l.kind = k
		} else if l.user = (parse.UserID{}); l.lacks(parse.PartUser) {
			l.user.Param = UserParam
		}
	}
}

func (l *log) lacks(p parse.Part) bool { return l.kind.Lacks&p != 0 }

// emitOther writes the request the way that its format has it.
func (l *log) emitOther(r *request) {
	b := l.scratch[:0]
	take := func(from int) []byte {
		if len(b) == from {
			return nil
		}
		return b[from:len(b):len(b)]
	}
	q := &l.line0
	*q = parse.Request{Time: l.now * 1000, HasTime: true, HasStatus: true, Host: hostAsked, URI: l.uri}
	for _, c := range r.status {
		q.Status = q.Status*10 + int(c-'0')
	}
	if len(l.uri) == 0 {
		q.URI = nil
	}
	b = appendHex(appendHex(b, r.hi, 16, lower), r.lo, 16, lower)
	q.ID = take(0)
	at := len(b)
	b = r.appendAddress(b)
	q.IP = take(at)
	at = len(b)
	b = append(b, r.method...)
	q.Method = take(at)
	at = len(b)
	b = append(append(b, r.site...), r.page...)
	q.Referer = take(at)
	at = len(b)
	b = append(b, r.agent...)
	q.UserAgent = take(at)
	if p := &r.person; r.user != nobody && !p.anonymous() && !r.usPrivacyOut {
		at = len(b)
		b = p.appendUID(append(b, "uid="...))
		if q.UIDGot = take(at); l.people.greet(r.user, p.hash) {
			q.UIDGot, q.UIDSet = nil, q.UIDGot
		} else if l.user.Cookie != "" {
			q.User = q.UIDGot[len("uid="):]
		}
	}
	if r.user != nobody && r.person.gpc {
		q.GPC = yes
	}
	l.scratch = b
	l.buf = append(l.kind.Append(l.buf, q, l.user), '\n')
}

var hostAsked, yes = []byte("px.adlane.example"), []byte("1")

func (l *log) emitPixledger(r *request) {
	b := append(l.buf, `{"time":"`...)
	b = appendInt(b, uint64(l.now)/1000)
	b = append(b, '.')
	b = appendDigits(b, uint64(l.now)%1000, 3)
	b = append(b, `","id":"`...)
	b = appendHex(b, r.hi, 16, lower)
	b = appendHex(b, r.lo, 16, lower)
	b = append(b, `","ip":"`...)
	b = r.appendAddress(b)
	b = append(b, `","method":"`...)
	b = append(b, r.method...)
	b = append(b, `","host":"px.adlane.example","uri":"`...)
	b = append(b, l.uri...)
	b = append(b, `","status":"`...)
	b = append(b, r.status...)
	b = append(b, `","referer":"`...)
	b = append(b, r.site...)
	b = append(b, r.page...)
	b = append(b, `","ua":"`...)
	b = append(b, r.agent...)
	b = append(b, `","uid_got":"`...)
	if q := &r.person; r.user == nobody || q.anonymous() || r.usPrivacyOut {
		b = append(b, `","uid_set":"`...)
	} else if l.people.greet(r.user, q.hash) {
		b = append(b, `","uid_set":"uid=`...)
		b = q.appendUID(b)
	} else {
		b = append(b, `uid=`...)
		b = q.appendUID(b)
		b = append(b, `","uid_set":"`...)
	}
	b = append(b, `","gpc":"`...)
	if r.user != nobody && r.person.gpc {
		b = append(b, '1')
	}
	l.buf = append(b, "\"}\n"...)
}

func (l *log) emitCombined(r *request) {
	b := r.appendAddress(l.buf)
	b = append(b, " - - ["...)
	if second := l.now / 1000; second != l.second {
		l.second = second
		l.stamp = time.Unix(second, 0).UTC().AppendFormat(l.stamp[:0], "02/Jan/2006:15:04:05 -0700")
	}
	b = append(b, l.stamp...)
	b = append(b, `] "`...)
	if r.method != "" {
		b = append(b, r.method...)
		b = append(b, ' ')
		b = append(b, l.uri...)
		b = append(b, " HTTP/2.0"...)
	} else {
		b = append(b, `\x16\x03\x01\x05\xA8\x01`...) // TLS on a plain port
	}
	b = append(b, `" `...)
	b = append(b, r.status...)
	b = append(b, ' ')
	b = append(b, r.size...)
	b = append(b, ` "`...)
	b = appendOrDash(b, r.site, r.page)
	b = append(b, `" "`...)
	b = appendOrDash(b, r.agent, "")
	l.buf = append(b, "\"\n"...)
}

func (r *request) appendAddress(b []byte) []byte {
	if r.user != nobody {
		return r.person.appendIP(b)
	}
	b = append(b, "192.0.2."...)
	return appendInt(b, 1+r.address%254)
}

func appendOrDash(b []byte, s, t string) []byte {
	if s == "" && t == "" {
		return append(b, '-')
	}
	b = append(b, s...)
	return append(b, t...)
}

const (
	lower = "0123456789abcdef"
	upper = "0123456789ABCDEF"
)

// appendHex appends the last n hexadecimal digits of v.
func appendHex(b []byte, v uint64, n int, digits string) []byte {
	for shift := 4 * (n - 1); shift >= 0; shift -= 4 {
		b = append(b, digits[v>>shift&15])
	}
	return b
}

// appendDigits appends the last n decimal digits of v.
func appendDigits(b []byte, v uint64, n int) []byte {
	start := len(b)
	for range n {
		b = append(b, '0')
	}
	for i := len(b) - 1; i >= start; i-- {
		b[i] += byte(v % 10)
		v /= 10
	}
	return b
}

func appendInt(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 10) }
