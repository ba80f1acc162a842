package parse

import "time"

// append writes the line that nginx would, of the format.
func (l *literal) append(dst []byte, r *Request, user UserID) []byte {
	dst = append(dst, l.before...)
	for i := range l.parts {
		p := &l.parts[i]
		dst = l.appendEscaped(dst, l.value(p, r, user))
		dst = append(dst, p.after...)
	}
	return dst
}

// value gives a variable's value; nil for none.
func (l *literal) value(p *part, r *Request, user UserID) []byte {
	switch p.variable {
	case "msec":
		b := append(appendInt(nil, r.Time/1_000_000), '.')
		ms := r.Time / 1000 % 1000
		return append(b, '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10))
	case "time_iso8601":
		return time.UnixMicro(r.Time).UTC().AppendFormat(nil, "2006-01-02T15:04:05-07:00")
	case "time_local":
		return time.UnixMicro(r.Time).UTC().AppendFormat(nil, "02/Jan/2006:15:04:05 -0700")
	case "request":
		if r.Method == nil {
			return []byte("\x16\x03\x01\x05\xa8\x01")
		}
		b := append(append([]byte(nil), r.Method...), ' ')
		return append(append(b, r.URI...), " HTTP/2.0"...)
	case "request_method":
		return r.Method
	case "request_uri":
		return r.URI
	case "status":
		return appendStatus(nil, r.Status)
	case "remote_addr":
		return r.IP
	case "host", "http_host", "server_name":
		return r.Host
	case "http_referer":
		return r.Referer
	case "http_user_agent":
		return r.UserAgent
	case "request_id":
		return r.ID
	case "uid_got":
		return r.UIDGot
	case "uid_set":
		return r.UIDSet
	case "http_sec_gpc":
		return r.GPC
	case "http_cookie":
		if r.User == nil || user.Cookie == "" {
			return nil
		}
		return append([]byte("theme=dark; "+user.Cookie+"="), r.User...)
	case "body_bytes_sent", "bytes_sent":
		return []byte("43")
	case "request_time":
		return []byte("0.000")
	case "server_port":
		return []byte("443")
	case "scheme":
		return []byte("https")
	}
	if p.field == fieldUser {
		return r.User
	}
	return nil
}

func (l *literal) appendEscaped(dst, value []byte) []byte {
	if len(value) == 0 {
		if l.escape == "default" {
			return append(dst, '-')
		}
		return dst
	}
	switch l.escape {
	case "none":
		return append(dst, value...)
	case "json":
		return appendEscapedJSON(dst, value)
	}
	for _, c := range value {
		if c == '"' || c == '\\' || c < 0x20 || c >= 0x7f {
			dst = append(dst, '\\', 'x', upperHex[c>>4], upperHex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}
