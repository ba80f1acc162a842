package parse

import "time"

// cloudflare is Cloudflare's Logpush of the dataset http_requests as NDJSON. A
// user id can be taken from the custom fields Cookies and RequestHeaders, which
// have to be switched on at Cloudflare; Sec-GPC too.
type cloudflare struct{ user UserID }

var cloudflareKind = Kind{
	Name: "cloudflare", New: func(u UserID) Format { return cloudflare{u} }, Cookies: true, Headers: true,
	Lacks:  PartFirstUser,
	Append: appendCloudflare,
}

// Name is "cloudflare".
func (cloudflare) Name() string { return "cloudflare" }

// Header is always false: the format has no header lines.
func (cloudflare) Header([]byte) bool { return false }

var cloudflareKeys = keysOf("EdgeStartTimestamp", "RayID", "ClientIP", "ClientRequestMethod", "ClientRequestHost", "ClientRequestURI",
	"EdgeResponseStatus", "ClientRequestReferer", "ClientRequestUserAgent", "Cookies", "RequestHeaders")

// Parse reads one line.
func (f cloudflare) Parse(line []byte, r *Request) error {
	r.reset()
	r.UTF8 = true
	return r.object(line, cloudflareKeys, func(number, i int) int {
		switch number {
		case 10:
			return f.inner(r, line, i, f.user.Cookie, false)
		case 11:
			return f.inner(r, line, i, f.user.Header, true)
		}
		value, i := r.scalar(line, i)
		switch number {
		case 1:
			r.Time, r.HasTime = parseAnyTime(value)
		case 2:
			r.ID = text(value)
		case 3:
			r.IP = text(value)
		case 4:
			r.Method = token(value)
		case 5:
			r.Host = text(value)
		case 6:
			r.URI = text(value)
		case 7:
			r.Status, r.HasStatus = parseStatus(value)
		case 8:
			r.Referer = text(value)
		case 9:
			r.UserAgent = text(value)
		}
		return i
	})
}

// inner reads the object of a custom field: the cookies or headers logged, by
// their names. Cloudflare writes the names of headers in small letters.
func (f cloudflare) inner(r *Request, b []byte, i int, name string, headers bool) int {
	if i >= len(b) || b[i] != '{' {
		return skipValue(b, i, 0)
	}
	i, more := open(b, i)
	for more {
		var key, value []byte
		if key, i = r.key(b, i); i < 0 {
			return -1
		}
		gpc := headers && r.GPC == nil && foldEqual(key, "sec-gpc")
		wanted := name != "" && r.User == nil && (string(key) == name || headers && foldEqual(key, name))
		if gpc || wanted {
			value, i = r.scalar(b, i)
		} else {
			i = skipValue(b, i, 0)
		}
		if i < 0 {
			return -1
		}
		if gpc {
			r.GPC = text(value)
		}
		if wanted {
			r.User = text(value)
		}
		i, more = after(b, i)
	}
	return i
}

// parseAnyTime reads a time of RFC 3339, or a Unix time of seconds, milliseconds,
// microseconds or nanoseconds.
func parseAnyTime(b []byte) (micros int64, ok bool) {
	if len(b) > 10 && b[4] == '-' {
		return parseISO(b)
	}
	return parseUnix(b)
}

func appendCloudflare(dst []byte, r *Request, user UserID) []byte {
	dst = append(dst, `{"CacheCacheStatus":"dynamic","ClientASN":64496,"ClientCountry":"de","ClientIP":`...)
	dst = appendJSON(dst, r.IP)
	dst = append(dst, `,"ClientRequestHost":`...)
	dst = appendJSON(dst, r.Host)
	dst = append(dst, `,"ClientRequestMethod":`...)
	dst = appendJSON(dst, r.Method)
	dst = append(dst, `,"ClientRequestProtocol":"HTTP/2","ClientRequestReferer":`...)
	dst = appendJSON(dst, r.Referer)
	dst = append(dst, `,"ClientRequestURI":`...)
	dst = appendJSON(dst, r.URI)
	dst = append(dst, `,"ClientRequestUserAgent":`...)
	dst = appendJSON(dst, r.UserAgent)
	dst = append(dst, `,"Cookies":{`...)
	if r.User != nil {
		dst = append(appendJSON(dst, []byte(user.Cookie)), ':')
		dst = appendJSON(dst, r.User)
	}
	dst = append(dst, `},"EdgeResponseBytes":440,"EdgeResponseStatus":`...)
	dst = appendInt(dst, int64(r.Status))
	dst = append(dst, `,"EdgeStartTimestamp":`...)
	if r.Time/1000%2 == 0 { // either form, as jobs are set
		dst = append(appendInt(dst, r.Time), "000"...)
	} else {
		dst = append(dst, '"')
		dst = append(time.UnixMicro(r.Time).UTC().AppendFormat(dst, time.RFC3339Nano), '"')
	}
	dst = append(dst, `,"RayID":`...)
	dst = appendJSON(dst, r.ID)
	dst = append(dst, `,"RequestHeaders":{`...)
	if r.GPC != nil {
		dst = append(dst, `"sec-gpc":`...)
		dst = appendJSON(dst, r.GPC)
	}
	return append(dst, `}}`...)
}
