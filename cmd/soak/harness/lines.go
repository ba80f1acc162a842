package harness

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// maxLine is the limit that scenarios configure: short, so that lines over it
// are cheap.
const maxLine = 8192

// fate is what must become of a line.
type fate uint8

const (
	isEvent fate = iota
	isReject
	isNotCounted
	isIgnored
	isNoLine // blank: it counts nowhere
)

// kind is a kind of line that is written. Each line holds a number of its own,
// by which it is found again.
type kind struct {
	weight int
	fate   fate
	what   string // an event's type, else the reason; of the account
	line   func(id string, at time.Time, r *rand.Rand) []byte
}

// idless marks the kind whose lines have no id: they get a hash.
const idless = 6

// kinds are the lines of a log, ordinary and hostile.
var kinds = []kind{
	0: {520, isEvent, "impression", request("GET", "/imptr?id=2766&ancost=0.0025", 200)},
	1: {80, isEvent, "click", request("GET", "/a/clktrb?id=21378", 302)},
	2: {80, isEvent, "conversion", request("POST", "/px?id=9012&value=49.90&order_id=%zz", 200)},
	3: {40, isEvent, "segment", request("GET", "/seg?add=45962,7:x", 200)},
	4: {10, isEvent, "universal", request("GET", "/pixie?pi=x&e=Purchase", 200)},
	5: {20, isEvent, "impression", func(id string, at time.Time, r *rand.Rand) []byte { // bytes that are no text, and a CR
		l := request("GET", "/imptr?id=2766&token=\xff\xfe", 200)(id, at, r)
		return append(l[:len(l)-1], "\r\n"...)
	}},
	idless: {20, isEvent, "impression", func(id string, at time.Time, r *rand.Rand) []byte {
		return bytes.Replace(request("GET", "/imptr?id=2766&mark="+id, 200)(id, at, r), []byte(`"id":"`+id+`"`), []byte(`"id":""`), 1)
	}},
	7:  {60, isIgnored, "", request("GET", "/favicon.ico", 200)},
	8:  {40, isNotCounted, "status", request("GET", "/imptr?id=2766", 404)},
	9:  {20, isNotCounted, "method", request("HEAD", "/px?id=9012", 200)},
	10: {20, isNotCounted, "malformed", request("", "", 400)},
	11: {30, isReject, "malformed", func(id string, at time.Time, r *rand.Rand) []byte { // cut short
		l := request("GET", "/imptr?id=2766", 200)(id, at, r)
		return append(l[:60+r.IntN(len(l)-70)], '\n')
	}},
	12: {10, isReject, "malformed", func(id string, at time.Time, r *rand.Rand) []byte { // a hole, and a line glued to it
		return append(bytes.Repeat([]byte{0}, 1+r.IntN(100)), request("GET", "/imptr?id=2766", 200)(id, at, r)...)
	}},
	13: {20, isReject, "bad_time", func(id string, _ time.Time, r *rand.Rand) []byte {
		return request("GET", "/imptr?id=2766", 200)(id, time.Unix(900_000_000, 0), r)
	}},
	14: {20, isReject, "missing_field", func(id string, at time.Time, r *rand.Rand) []byte {
		return bytes.Replace(request("GET", "/px?id=9012", 200)(id, at, r), []byte(`"status"`), []byte(`"state"`), 1)
	}},
	15: {4, isReject, "too_long", func(id string, at time.Time, r *rand.Rand) []byte {
		return request("GET", "/imptr?id=2766&x="+strings.Repeat("y", maxLine+r.IntN(20_000)), 200)(id, at, r)
	}},
	16: {6, isNoLine, "", func(string, time.Time, *rand.Rand) []byte { return []byte(" \t\r\n") }},
}

// plainKinds are the first of the kinds, which a calm log is made of.
const plainKinds = 4

func request(method, uri string, status int) func(string, time.Time, *rand.Rand) []byte {
	if uri != "" {
		uri = `"method":"` + method + `","host":"px.example","uri":"` + uri + `",`
	}
	return func(id string, at time.Time, r *rand.Rand) []byte {
		l := make([]byte, 0, 320+len(uri))
		l = append(l, `{"id":"`...)
		l = append(l, id...)
		l = append(l, `","time":"`...)
		l = strconv.AppendInt(l, at.Unix(), 10)
		l = fmt.Appendf(l, ".%03d", at.Nanosecond()/1e6)
		l = append(l, `","ip":"203.0.113.7",`...)
		l = append(l, uri...)
		l = append(l, `"status":"`...)
		l = strconv.AppendInt(l, int64(status), 10)
		l = append(l, `","referer":"https://www.publisher.example/","ua":"Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0","uid_got":"uid=`...)
		l = fmt.Appendf(l, "%032X", r.Uint32N(5000))
		return append(l, `","uid_set":"","gpc":""}`+"\n"...)
	}
}

// pick gives a kind, each as often as its weight says.
func pick(r *rand.Rand, hostile bool) uint8 {
	list := kinds
	if !hostile {
		list = kinds[:plainKinds]
	}
	sum := 0
	for _, k := range list {
		sum += k.weight
	}
	n := r.IntN(sum)
	for i, k := range list {
		if n -= k.weight; n < 0 {
			return uint8(i)
		}
	}
	return 0
}
