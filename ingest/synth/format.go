package synth

import (
	"strconv"
	"time"
)

// emit writes the request, with log.uri as its target, as one line of the log.
func (l *log) emit(r *request) {
	if l.o.Format == Combined {
		l.emitCombined(r)
		return
	}
	l.emitPixledger(r)
}

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
