package parse

// caddy is Caddy's JSON access log, its time in any of the forms that Caddy
// writes. A top-level id, which log_append can add, is the request's id. Cookie
// is REDACTED in it, and so no user id, unless Caddy is told to log credentials.
type caddy struct{ user UserID }

var caddyKind = Kind{
	Name: "caddy", New: func(u UserID) Format { return caddy{u} }, Cookies: true, Headers: true,
	Lacks:  PartFirstUser,
	Append: appendCaddy,
}

// Name is "caddy".
func (caddy) Name() string { return "caddy" }

// Header is always false: the format has no header lines.
func (caddy) Header([]byte) bool { return false }

var (
	caddyKeys        = keysOf("ts", "status", "id", "request")
	caddyRequestKeys = keysOf("client_ip", "remote_ip", "method", "host", "uri", "headers")
)

// Parse reads one line.
func (f caddy) Parse(line []byte, r *Request) error {
	r.reset()
	r.UTF8 = true
	return r.object(line, caddyKeys, func(number, i int) int {
		if number == 4 {
			return f.request(r, line, i)
		}
		value, i := r.scalar(line, i)
		switch number {
		case 1:
			r.Time, r.HasTime = caddyTime(value)
		case 2:
			r.Status, r.HasStatus = parseStatus(value)
		case 3:
			r.ID = text(value)
		}
		return i
	})
}

// request reads the object that tells of the request. The client's address is
// that behind trusted proxies, where Caddy knows some.
func (f caddy) request(r *Request, b []byte, i int) int {
	if i >= len(b) || b[i] != '{' {
		return skipValue(b, i, 0)
	}
	i, more := open(b, i)
	seen := 0
	for more {
		var key, value []byte
		if key, i = r.key(b, i); i < 0 {
			return -1
		}
		n := caddyRequestKeys.find(key)
		if seen&(1<<n) != 0 {
			n = 0
		}
		seen |= 1 << n
		switch n {
		case 0:
			i = skipValue(b, i, 0)
		case 6:
			i = f.headers(r, b, i)
		default:
			value, i = r.scalar(b, i)
		}
		if i < 0 {
			return -1
		}
		switch n {
		case 1:
			if value = text(value); value != nil {
				r.IP = value
			}
		case 2:
			if r.IP == nil {
				r.IP = text(value)
			}
		case 3:
			r.Method = token(value)
		case 4:
			r.Host = text(value)
		case 5:
			r.URI = text(value)
		}
		i, more = after(b, i)
	}
	return i
}

// headers reads the request's headers, each a list of its values, of which the
// first counts; of cookies the first that has the one wanted.
func (f caddy) headers(r *Request, b []byte, i int) int {
	if i >= len(b) || b[i] != '{' {
		return skipValue(b, i, 0)
	}
	i, more := open(b, i)
	for more {
		var key []byte
		if key, i = r.key(b, i); i < 0 {
			return -1
		}
		switch {
		case r.Referer == nil && foldEqual(key, "Referer"):
			r.Referer, i = r.firstOf(b, i)
		case r.UserAgent == nil && foldEqual(key, "User-Agent"):
			r.UserAgent, i = r.firstOf(b, i)
		case r.GPC == nil && foldEqual(key, "Sec-Gpc"):
			r.GPC, i = r.firstOf(b, i)
			if f.user.Header != "" && foldEqual(key, f.user.Header) {
				r.User = r.GPC
			}
		case r.User == nil && f.user.Header != "" && foldEqual(key, f.user.Header):
			r.User, i = r.firstOf(b, i)
		case r.User == nil && f.user.Cookie != "" && foldEqual(key, "Cookie"):
			i = f.cookies(r, b, i)
		default:
			i = skipValue(b, i, 0)
		}
		if i < 0 {
			return -1
		}
		i, more = after(b, i)
	}
	return i
}

// firstOf gives the first text of a list of them, or a text that is no list.
func (r *Request) firstOf(b []byte, i int) (first []byte, next int) {
	if i < len(b) && b[i] == '[' {
		start := skipSpace(b, i+1)
		if start < len(b) && b[start] == '"' {
			if first, next = r.scalar(b, start); next < 0 {
				return nil, -1
			}
			if next < len(b) && b[next] == ']' { // the only one, as nearly always
				return text(first), next + 1
			}
		}
		return text(first), skipValue(b, i, 0)
	}
	first, next = r.scalar(b, i)
	return text(first), next
}

func (f caddy) cookies(r *Request, b []byte, i int) int {
	next := skipValue(b, i, 0)
	if next < 0 || i >= len(b) || b[i] != '[' {
		return next
	}
	for i = skipSpace(b, i+1); i < next && b[i] == '"' && r.User == nil; {
		var header []byte
		if header, i = r.scalar(b, i); i < 0 {
			return -1
		}
		r.User = cookie(header, f.user.Cookie)
		if i = skipSpace(b, i); i < next && b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return next
}

// caddyTime reads ts in the forms that Caddy's time_format gives it: Unix times
// as numbers, RFC 3339 and ISO 8601, wall (which is UTC unless time_local says
// otherwise) and common_log.
func caddyTime(b []byte) (micros int64, ok bool) {
	switch {
	case len(b) == timeLen && b[2] == '/':
		return parseTimeLocal(b)
	case len(b) >= 19 && b[4] == '/':
		micros, ok = parseDateTime(b[:19], '/')
		if ok && len(b) > 19 {
			var n int
			micros, n = addFraction(micros, b[20:])
			ok = b[19] == '.' && n > 0 && 20+n == len(b)
		}
		return micros, ok
	}
	return parseAnyTime(b)
}

func appendCaddy(dst []byte, r *Request, user UserID) []byte {
	dst = append(dst, `{"level":"info","ts":`...)
	dst = append(appendInt(dst, r.Time/1_000_000), '.')
	for place := int64(100_000); place >= 1; place /= 10 {
		dst = append(dst, '0'+byte(r.Time/place%10))
	}
	dst = append(dst, `,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":`...)
	dst = appendJSON(dst, r.IP)
	dst = append(dst, `,"remote_port":"41342","client_ip":`...)
	dst = appendJSON(dst, r.IP)
	dst = append(dst, `,"proto":"HTTP/2.0","method":`...)
	dst = appendJSON(dst, r.Method)
	dst = append(dst, `,"host":`...)
	dst = appendJSON(dst, r.Host)
	dst = append(dst, `,"uri":`...)
	dst = appendJSON(dst, r.URI)
	dst = append(dst, `,"headers":{"Accept":["*/*"],"Accept-Encoding":["gzip, deflate, br"]`...)
	for _, h := range [...]struct {
		name  string
		value []byte
	}{{"Sec-Gpc", r.GPC}, {"Referer", r.Referer}, {"User-Agent", r.UserAgent}} {
		if h.value != nil {
			dst = append(append(append(dst, `,"`...), h.name...), `":[`...)
			dst = append(appendJSON(dst, h.value), ']')
		}
	}
	if r.User != nil {
		dst = append(dst, `,"Cookie":[`...)
		dst = append(appendJSON(dst, append([]byte(user.Cookie+"="), r.User...)), ']')
	}
	dst = append(dst, `},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"px.example"}},"bytes_read":0,"user_id":"","duration":0.000929675,"size":43,"status":`...)
	dst = appendInt(dst, int64(r.Status))
	dst = append(dst, `,"resp_headers":{"Server":["Caddy"],"Content-Type":["image/gif"],"Cache-Control":["no-store"]},"id":`...)
	dst = appendJSON(dst, r.ID)
	return append(dst, '}')
}
