package parse

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// cloudfront is the standard log of Amazon CloudFront: fields divided by tabs,
// of which the header line #Fields tells the order, for the lines up to the next
// such line. A log without one has the fields in the order in which CloudFront
// has written them since 2019. Each field is percent-decoded once, for that is
// how it was logged. It carries no Sec-GPC, and times of whole seconds unless
// the field timestamp(ms) was chosen.
type cloudfront struct {
	columns []int // the fields' numbers, 0 for those that are not read
	cookie  string
}

var cloudfrontKind = Kind{
	Name: "cloudfront", New: newCloudfront, Cookies: true,
	Lacks:   PartFirstUser | PartGPC | PartMillis,
	Layout:  cloudfrontFields,
	Heading: "#Version: 1.0\n" + cloudfrontFields + " " + cloudfrontOrder + "\n",
	Append:  appendCloudfront,
}

const (
	cloudfrontFields = "#Fields:"
	cloudfrontOrder  = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query " +
		"cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher " +
		"x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type " +
		"sc-content-type sc-content-len sc-range-start sc-range-end"
)

// The fields that are read.
const (
	cfDate = iota + 1
	cfTime
	cfIP
	cfMethod
	cfHost
	cfStem
	cfStatus
	cfReferer
	cfAgent
	cfQuery
	cfCookie
	cfID
	cfViewerHost
	cfSeconds
	cfMillis
	cfFields
)

var cloudfrontKeys = keysOf("date", "time", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status", "cs(Referer)", "cs(User-Agent)",
	"cs-uri-query", "cs(Cookie)", "x-edge-request-id", "x-host-header", "timestamp", "timestamp(ms)")

var cloudfrontDefault = cloudfrontColumns([]byte(cloudfrontOrder))

func cloudfrontColumns(names []byte) (columns []int) {
	for _, name := range bytes.Fields(names) {
		n := cloudfrontKeys.find(name)
		if slices.Contains(columns, n) {
			n = 0
		}
		columns = append(columns, n)
	}
	return columns
}

func newCloudfront(user UserID) Format {
	return &cloudfront{columns: cloudfrontDefault, cookie: user.Cookie}
}

// Name is "cloudfront".
func (*cloudfront) Name() string { return "cloudfront" }

// Header tells whether the line is #Version or #Fields, and takes the order of
// the fields from the latter.
func (f *cloudfront) Header(line []byte) bool {
	switch {
	case len(line) == 0 || line[0] != '#':
		return false
	case bytes.HasPrefix(line, []byte(cloudfrontFields)):
		f.columns = cloudfrontColumns(line[len(cloudfrontFields):])
		return true
	}
	return bytes.HasPrefix(line, []byte("#Version:"))
}

// Parse reads one line. One with fewer fields than its #Fields names does not
// fit; what stands behind the last of them is skipped.
func (f *cloudfront) Parse(line []byte, r *Request) error {
	r.reset()
	var fields [cfFields][]byte
	rest, more := line, true
	for _, n := range f.columns {
		if !more {
			return ErrMalformed
		}
		field := rest
		if i := bytes.IndexByte(rest, '\t'); i >= 0 {
			field, rest = rest[:i], rest[i+1:]
		} else {
			more = false
		}
		fields[n] = field
	}
	if len(f.columns) < 2 {
		return ErrMalformed
	}
	switch date, clock := fields[cfDate], fields[cfTime]; {
	case len(fields[cfMillis]) > 0:
		r.Time, r.HasTime = parseUnix(fields[cfMillis])
	case len(date) == 10 && len(clock) == 8:
		var both [19]byte
		copy(both[:], date)
		both[10] = 'T'
		copy(both[11:], clock)
		r.Time, r.HasTime = parseDateTime(both[:], '-')
	default:
		r.Time, r.HasTime = parseUnix(fields[cfSeconds])
	}
	r.Status, r.HasStatus = parseStatus(fields[cfStatus])
	r.Method = token(fields[cfMethod])
	r.ID = r.percent(fields[cfID])
	r.IP = r.percent(fields[cfIP])
	if r.Host = r.percent(fields[cfViewerHost]); r.Host == nil {
		r.Host = r.percent(fields[cfHost])
	}
	r.Referer = r.percent(fields[cfReferer])
	r.UserAgent = r.percent(fields[cfAgent])
	r.URI = r.target(fields[cfStem], fields[cfQuery])
	if f.cookie != "" {
		r.User = cookie(r.percent(fields[cfCookie]), f.cookie)
	}
	return nil
}

// percent gives a field's value, percent-decoded once: a plus stays, and so
// does an escape that is none.
func (r *Request) percent(b []byte) []byte {
	if b = text(b); bytes.IndexByte(b, '%') < 0 {
		return b
	}
	start := len(r.buf)
	r.buf = appendPercent(r.buf, b)
	return r.buf[start:len(r.buf):len(r.buf)]
}

func appendPercent(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '%')
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		b = b[i:]
		if len(b) > 2 && unhex[b[1]] >= 0 && unhex[b[2]] >= 0 {
			dst = append(dst, byte(unhex[b[1]])<<4|byte(unhex[b[2]]))
			b = b[3:]
		} else {
			dst = append(dst, '%')
			b = b[1:]
		}
	}
}

// target puts a path and a query that were logged apart together again.
func (r *Request) target(path, query []byte) []byte {
	path, query = text(path), text(query)
	if path == nil || query == nil {
		return r.percent(path)
	}
	start := len(r.buf)
	r.buf = append(appendPercent(r.buf, path), '?')
	r.buf = appendPercent(r.buf, query)
	return r.buf[start:len(r.buf):len(r.buf)]
}

// appendCloudfront writes a line with the fields in CloudFront's order.
func appendCloudfront(dst []byte, r *Request, user UserID) []byte {
	dst = time.UnixMicro(r.Time).UTC().AppendFormat(dst, "2006-01-02\t15:04:05")
	dst = append(dst, "\tFRA60-P1\t440\t"...)
	path, query, _ := bytes.Cut(r.URI, []byte{'?'})
	dst = append(appendField(dst, r.IP), '\t')
	dst = append(appendField(dst, r.Method), "\td111111abcdef8.cloudfront.net\t"...)
	dst = append(appendField(dst, path), '\t')
	dst = append(appendStatus(dst, r.Status), '\t')
	dst = append(appendField(dst, r.Referer), '\t')
	dst = append(appendField(dst, r.UserAgent), '\t')
	dst = append(appendField(dst, query), '\t')
	if r.User != nil {
		dst = appendField(dst, append([]byte(user.Cookie+"="), r.User...))
	} else {
		dst = append(dst, '-')
	}
	dst = append(dst, "\tMiss\t"...)
	dst = append(appendField(dst, r.ID), '\t')
	dst = append(appendField(dst, r.Host), "\thttps\t312\t0.004\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tMiss\tHTTP/2.0\t-\t-\t51312\t0.004\tMiss\timage/gif\t43\t-\t-"...)
	return dst
}

// appendField appends a field as CloudFront logs it.
func appendField(dst, b []byte) []byte {
	if len(b) == 0 {
		return append(dst, '-')
	}
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("<>\"#%{}|\\^~[]`'", c) >= 0 {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

// appendStatus appends a status of three digits.
func appendStatus(dst []byte, status int) []byte {
	return append(dst, '0'+byte(status/100%10), '0'+byte(status/10%10), '0'+byte(status%10))
}
