// Package decode turns the request of a log line into an event: it decides
// what counts, reads the query by the grammar of package grammar, judges
// consent and robots, and applies the privacy settings.
package decode

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"pixledger/ingest/grammar"
	"pixledger/ingest/parse"
	"pixledger/schemas"
)

// Options say how the requests of one source are decoded.
type Options struct {
	// HonorGPC lets the header Sec-GPC: 1 deny consent.
	HonorGPC bool
	// RequireConsent lets gdpr=1 deny consent unless a consent string grants it.
	RequireConsent bool
	// IP says what is kept of a client's address; the zero value is Truncate.
	IP IPMode
	// Params says what becomes of parameters by their names, in whatever
	// column they stand. Consent is judged by what was sent.
	Params map[string]ParamMode
	// Key is the secret of the keyed hash that Hash puts in a value's place;
	// it is needed where Params has one.
	Key []byte
	// UserParam is the parameter that carries the user id, instead of nginx's
	// userid; empty for nginx's.
	UserParam string
	// UserLogged says that the user id stands in a cookie or header that the log
	// has, instead of nginx's userid.
	UserLogged bool
	// From is the time before which lines are ignored; zero for none.
	From time.Time
}

// IPMode is what is kept of a client's address.
type IPMode string

// The modes. An event that denies consent has its address truncated, unless
// it is dropped.
const (
	Truncate IPMode = "truncate" // the address of its network, /24 or /48
	Keep     IPMode = "keep"     // as logged
	Drop     IPMode = "drop"     // nothing
)

// ParamMode is what becomes of a parameter.
type ParamMode string

// The modes.
const (
	DropParam ParamMode = "drop" // the parameter counts as absent
	HashParam ParamMode = "hash" // 32 hexadecimal digits of a keyed hash (HMAC-SHA-256) stand in its value's place
)

// Outcome is what becomes of a line.
type Outcome struct {
	Kind   Kind
	Reason string // of NotCounted and Reject
}

// Kind is one of the four fates of a line.
type Kind uint8

// The fates: each line has exactly one.
const (
	IsEvent Kind = iota
	Ignored
	NotCounted
	Reject
)

// The reasons of rejects and of requests not counted.
const (
	Malformed    = "malformed"     // Reject: does not fit its format; NotCounted: an error's request without method or uri
	MissingField = "missing_field" // Reject: time, status, method or uri is missing or unreadable
	BadTime      = "bad_time"      // Reject: before 2000 or more than 24 hours ahead
	TooLong      = "too_long"      // Reject: longer than the longest line that is read
	BadMethod    = "method"        // NotCounted: neither GET nor POST
	BadStatus    = "status"        // NotCounted: neither 2xx nor 3xx
)

// earliest is 2000-01-01 in Unix microseconds, ahead the time that an event
// may be later than its reading.
const (
	earliest = 946_684_800_000_000
	ahead    = 24 * 3600 * 1_000_000
)

// Decoder decodes requests. It is for one goroutine.
type Decoder struct {
	opts  Options
	from  int64
	slots [len(grammar.Paths)]paramTable
	hash  *keyedHash
	bots  botCache

	buf   []byte // text of the event at hand
	query query
}

// New gives a decoder. Unknown modes, and a hash without a key, are errors.
func New(opts Options) (*Decoder, error) {
	switch opts.IP {
	case "":
		opts.IP = Truncate
	case Truncate, Keep, Drop:
	default:
		return nil, fmt.Errorf("ip: %q is none of truncate, keep, drop", opts.IP)
	}
	d := &Decoder{opts: opts, from: math.MinInt64}
	if !opts.From.IsZero() {
		d.from = opts.From.UnixMicro()
	}
	for name, mode := range opts.Params {
		switch mode {
		case DropParam:
		case HashParam:
			if len(opts.Key) == 0 {
				return nil, fmt.Errorf("params: %s: a hash needs a key", name)
			}
			d.hash = newKeyedHash(opts.Key)
		default:
			return nil, fmt.Errorf("params: %s: %q is none of drop, hash", name, mode)
		}
	}
	for i, own := range slots {
		for name, s := range own {
			if name != opts.UserParam {
				d.slots[i].set(name, s)
			}
		}
		if opts.UserParam != "" {
			d.slots[i].set(opts.UserParam, slotUser)
		}
	}
	return d, nil
}

// Decode says what the request of a line that fits its format is, and fills ev
// where it is an event. now is the moment of reading, Unix microseconds.
func (d *Decoder) Decode(r *parse.Request, now int64, ev *Event) Outcome {
	if !r.HasTime || !r.HasStatus {
		return Outcome{Reject, MissingField}
	}
	if r.Time < earliest || r.Time > now+ahead {
		return Outcome{Reject, BadTime}
	}
	if r.Method == nil || r.URI == nil {
		if r.Status >= 400 && r.Status <= 599 {
			return Outcome{NotCounted, Malformed}
		}
		return Outcome{Reject, MissingField}
	}
	if r.Time < d.from {
		return Outcome{Kind: Ignored}
	}
	path, rawQuery := split(r.URI)
	which := pathIndex(path)
	if which < 0 {
		return Outcome{Kind: Ignored}
	}
	var method []byte
	switch string(r.Method) {
	case "GET":
		method = methodGET
	case "POST":
		method = methodPOST
	default:
		return Outcome{NotCounted, BadMethod}
	}
	if r.Status < 200 || r.Status > 399 {
		return Outcome{NotCounted, BadStatus}
	}

	if d.buf = d.buf[:0]; cap(d.buf) > maxBuffer {
		d.buf = nil
	}
	ev.reset()
	p := &grammar.Paths[which]
	ev.Type = schemas.EventType(p.Event)
	ev.ServerSide = p.ServerSide
	ev.Time, ev.Method, ev.Status = r.Time, method, r.Status
	d.readQuery(rawQuery, which, ev)

	ev.Consent = d.judgeConsent(r.GPC)
	denied := ev.Consent == Denied
	if denied {
		ev.UserID = nil
	} else if d.opts.UserLogged {
		ev.UserID = d.field(r, plainUserID(r.User))
	} else if d.opts.UserParam == "" {
		ev.UserID = d.field(r, nginxUserID(r))
	}
	ev.IP = d.address(r.IP, denied)
	ev.ID = d.field(r, r.ID)
	ev.Host = d.field(r, r.Host)
	ev.Referer = d.field(r, r.Referer)
	ev.UserAgent = d.field(r, r.UserAgent)
	if !p.ServerSide && len(r.UserAgent) > 0 && d.bots.isBot(r.UserAgent) {
		ev.InvalidReason = Bot
	}
	return Outcome{Kind: IsEvent}
}

// maxBuffer is how large a buffer is kept from line to line, in bytes.
const maxBuffer = 256 << 10

var methodGET, methodPOST = []byte("GET"), []byte("POST")

// split takes a request's target apart into its path and its query, which is
// nil where there is none. Of an absolute URI the path counts; a path that
// does not begin with a slash is none.
func split(uri []byte) (path, query []byte) {
	if i := bytes.IndexByte(uri, '#'); i >= 0 {
		uri = uri[:i]
	}
	path = uri
	if i := bytes.IndexByte(uri, '?'); i >= 0 {
		path, query = uri[:i], uri[i+1:]
	}
	if len(path) > 0 && path[0] == '/' {
		return path, query
	}
	scheme, rest, ok := bytes.Cut(path, []byte("://"))
	if !ok || !isScheme(scheme) {
		return nil, nil
	}
	if i := bytes.IndexByte(rest, '/'); i >= 0 {
		return rest[i:], query
	}
	return nil, nil
}

func isScheme(b []byte) bool {
	for i, c := range b {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c-'0' > 9 && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return len(b) > 0
}

// pathIndex finds a path's last segment in the grammar's table, or gives -1.
func pathIndex(path []byte) int {
	i := bytes.LastIndexByte(path, '/')
	if i < 0 {
		return -1
	}
	last := path[i+1:]
	for k := range grammar.Paths {
		if string(last) == grammar.Paths[k].Segment {
			return k
		}
	}
	return -1
}

// nginxUserID gives the value of nginx's userid: the cookie that came, else
// the one that was set; nil where there is none.
func nginxUserID(r *parse.Request) []byte {
	for _, b := range [...][]byte{r.UIDGot, r.UIDSet} {
		b = bytes.TrimPrefix(b, []byte("uid="))
		if len(b) > 0 && string(b) != "-" {
			return b
		}
	}
	return nil
}

// plainUserID gives a user id as another source of it logs it, its quotes
// stripped; nil where there is none.
func plainUserID(b []byte) []byte {
	if n := len(b); n >= 2 && b[0] == '"' && b[n-1] == '"' {
		b = b[1 : n-1]
	}
	switch string(b) {
	case "", "-", "REDACTED":
		return nil
	}
	return b
}

// field gives a field of the request as UTF-8.
func (d *Decoder) field(r *parse.Request, b []byte) []byte {
	if r.UTF8 {
		return b
	}
	return d.text(b)
}

// text gives b as UTF-8: each byte that is none becomes U+FFFD.
func (d *Decoder) text(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	start := len(d.buf)
	d.buf = appendValid(d.buf, b)
	return d.buf[start:len(d.buf):len(d.buf)]
}

// appendValid appends b as UTF-8.
func appendValid(dst, b []byte) []byte {
	dst = slices.Grow(dst, len(b))
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, "\uFFFD"...)
		} else {
			dst = append(dst, b[:n]...)
		}
		b = b[n:]
	}
	return dst
}

// Text gives any bytes as UTF-8, each byte that is none as U+FFFD: the raw text
// of a reject. It gives b itself where it is UTF-8 already.
func Text(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	return appendValid(nil, b)
}
