package parse

import (
	"bytes"
	"time"
)

// fastly has the field names of the JSON example in Fastly's documentation, with
// four fields more that a format may have beside them: id, time_msec (Unix
// milliseconds), uid (the user id) and gpc.
type fastly struct{}

var fastlyKind = Kind{
	Name: "fastly", New: func(UserID) Format { return fastly{} },
	Append: appendFastly,
}

// Name is "fastly".
func (fastly) Name() string { return "fastly" }

// Header is always false: the format has no header lines.
func (fastly) Header([]byte) bool { return false }

var fastlyKeys = keysOf("timestamp", "client_ip", "host", "url", "request_method", "request_referer", "request_user_agent", "response_status",
	"id", "time_msec", "uid", "gpc")

// Parse reads one line. Of timestamp and time_msec the latter counts where it
// can be read.
func (fastly) Parse(line []byte, r *Request) error {
	r.reset()
	r.UTF8 = true
	precise := false
	return r.object(line, fastlyKeys, func(number, i int) int {
		value, i := r.scalar(line, i)
		switch number {
		case 1:
			if !precise {
				r.Time, r.HasTime = fastlyTime(value)
			}
		case 2:
			r.IP = text(value)
		case 3:
			r.Host = text(value)
		case 4:
			r.URI = text(value)
		case 5:
			r.Method = token(value)
		case 6:
			r.Referer = text(value)
		case 7:
			r.UserAgent = text(value)
		case 8:
			r.Status, r.HasStatus = parseStatus(value)
		case 9:
			r.ID = text(value)
		case 10:
			if micros, ok := parseUnix(value); ok && len(value) > 8 {
				r.Time, r.HasTime, precise = micros, true, true
			}
		case 11:
			r.UIDGot = text(value)
		case 12:
			r.GPC = text(value)
		}
		return i
	})
}

// fastlyTime reads timestamp; one without a zone, as some of Fastly's own
// templates write it, is UTC, which is all that Fastly's time.start is printed in.
func fastlyTime(b []byte) (micros int64, ok bool) {
	if len(b) == 19 && b[4] == '-' {
		return parseDateTime(b, '-')
	}
	return parseAnyTime(b)
}

func appendFastly(dst []byte, r *Request, _ UserID) []byte {
	dst = append(dst, `{"timestamp":"`...)
	dst = time.UnixMicro(r.Time).UTC().AppendFormat(dst, "2006-01-02T15:04:05-0700")
	dst = append(dst, `","time_msec":`...)
	dst = appendInt(dst, r.Time/1000)
	dst = append(dst, `,"id":`...)
	dst = appendJSON(dst, r.ID)
	dst = append(dst, `,"client_ip":`...)
	dst = appendJSON(dst, r.IP)
	dst = append(dst, `,"geo_country":"germany","geo_city":"berlin","host":`...)
	dst = appendJSON(dst, r.Host)
	dst = append(dst, `,"url":`...)
	dst = appendJSON(dst, r.URI)
	dst = append(dst, `,"request_method":`...)
	dst = appendJSON(dst, r.Method)
	dst = append(dst, `,"request_protocol":"HTTP/2","request_referer":`...)
	dst = appendJSON(dst, r.Referer)
	dst = append(dst, `,"request_user_agent":`...)
	dst = appendJSON(dst, r.UserAgent)
	dst = append(dst, `,"response_state":"PASS","response_status":`...)
	dst = appendInt(dst, int64(r.Status))
	dst = append(dst, `,"response_reason":null,"response_body_size":43,"fastly_server":"cache-fra-etou8220028-FRA","fastly_is_edge":true,"uid":`...)
	uid := r.UIDGot
	if uid == nil {
		uid = r.UIDSet
	}
	dst = appendJSON(dst, bytes.TrimPrefix(uid, []byte("uid=")))
	dst = append(dst, `,"gpc":`...)
	dst = appendJSON(dst, r.GPC)
	return append(dst, '}')
}
