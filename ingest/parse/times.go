package parse

import (
	"math"
	"time"
)

// parseISO reads a time of RFC 3339 or ISO 8601 as Unix microseconds: date and
// time with T or a blank between, any number of decimals, of which those beyond
// microseconds are cut off, and Z or an offset, with or without its colon.
func parseISO(b []byte) (micros int64, ok bool) {
	if len(b) < 20 {
		return 0, false
	}
	micros, ok = parseDateTime(b[:19], '-')
	if !ok {
		return 0, false
	}
	b = b[19:]
	if b[0] == '.' || b[0] == ',' {
		var n int
		if micros, n = addFraction(micros, b[1:]); n == 0 {
			return 0, false
		}
		b = b[1+n:]
	}
	offset, ok := zone(b)
	return micros - offset*1_000_000, ok
}

// parseDateTime reads 2006-01-02T15:04:05, the T being one or a blank and the
// date's sign the one given, as of UTC.
func parseDateTime(b []byte, sign byte) (micros int64, ok bool) {
	if len(b) != 19 || b[4] != sign || b[7] != sign || b[10] != 'T' && b[10] != ' ' && b[10] != 't' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	year, ok1 := digits(b[0:4])
	month, ok2 := digits(b[5:7])
	day, ok3 := digits(b[8:10])
	hour, ok4 := digits(b[11:13])
	minute, ok5 := digits(b[14:16])
	second, ok6 := digits(b[17:19])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || month < 1 || month > 12 || day == 0 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Day() != day {
		return 0, false
	}
	return t.Unix() * 1_000_000, true
}

// addFraction adds the decimals that b begins with, and gives how many bytes
// they are.
func addFraction(micros int64, b []byte) (int64, int) {
	n := 0
	for place := int64(100_000); n < len(b) && b[n]-'0' <= 9; n++ {
		micros += int64(b[n]-'0') * place
		place /= 10
	}
	return micros, n
}

// zone reads Z, ±hh:mm, ±hhmm or ±hh as seconds east of UTC.
func zone(b []byte) (seconds int64, ok bool) {
	if len(b) == 1 && (b[0] == 'Z' || b[0] == 'z') {
		return 0, true
	}
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	hours, ok := digits(b[1:3])
	minutes := 0
	switch rest := b[3:]; {
	case !ok || hours > 23:
		return 0, false
	case len(rest) == 0:
	case len(rest) == 3 && rest[0] == ':':
		minutes, ok = digits(rest[1:])
	case len(rest) == 2:
		minutes, ok = digits(rest)
	default:
		return 0, false
	}
	seconds = int64(hours*60+minutes) * 60
	if b[0] == '-' {
		seconds = -seconds
	}
	return seconds, ok && minutes < 60
}

// parseUnix reads Unix time as a number whose length says of what: seconds to 11
// digits, with or without decimals, milliseconds to 14, microseconds to 16, and
// nanoseconds from there.
func parseUnix(b []byte) (micros int64, ok bool) {
	n := 0
	for n < len(b) && b[n]-'0' <= 9 {
		n++
	}
	switch {
	case n <= 11:
		return parseSeconds(b)
	case n <= 14:
		return parseScaled(b, n, 3)
	case n <= 16:
		return parseScaled(b, n, 6)
	}
	return parseScaled(b, n, 9)
}

// parseScaled reads a number, whose integer part has n digits, of which scale
// are of a second's fraction; decimals behind it are read over.
func parseScaled(b []byte, n, scale int) (micros int64, ok bool) {
	if n < len(b) && (b[n] != '.' || scanDigits(b, n+1) != len(b)) {
		return 0, false
	}
	if n-scale > 12 {
		return math.MaxInt64, true
	}
	var v int64
	for _, c := range b[:n-scale] {
		v = v*10 + int64(c-'0')
	}
	micros, _ = addFraction(v*1_000_000, b[n-scale:n])
	return micros, true
}
