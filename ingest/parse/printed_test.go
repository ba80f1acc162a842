package parse

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"
)

// A line in the very form that the edge prints is read by a short way; what it
// says is the same as by the long one, which a space before the first key takes.
func TestThePrintedFormIsReadLikeAnyOther(t *testing.T) {
	line := []byte(`{"time":"1767225600.123","id":"4f0c","ip":"203.0.113.7","method":"GET","host":"px.example",` +
		`"uri":"/px?id=1&other=\u00e9\n","status":"200","referer":"-","ua":"Mozilla/5.0 (X; Y)","uid_got":"uid=0B","uid_set":"","gpc":"1"}`)
	rnd := rand.New(rand.NewPCG(1, 2))
	pieces := []string{`"`, `\`, `\"`, `}`, `{`, `,`, `:`, ` `, "\t", "\x01", "\xff", "é", `null`, `7`, `""`, `"ua":"x",`, `"time":1,`}
	read := 0
	for range 200_000 {
		b := bytes.Clone(line)
		for range rnd.IntN(3) {
			at := rnd.IntN(len(b) + 1)
			end := min(len(b), at+rnd.IntN(3)*rnd.IntN(8))
			b = append(append(bytes.Clone(b[:at]), pieces[rnd.IntN(len(pieces))]...), b[end:]...)
		}
		if len(b) == 0 || b[0] != '{' {
			continue
		}
		var short, long Request
		errShort := Pixledger{}.Parse(b, &short)
		errLong := Pixledger{}.Parse(append([]byte("{ "), b[1:]...), &long)
		short.buf, long.buf = nil, nil
		if errShort != errLong {
			t.Fatalf("%s: %v, with a space %v", b, errShort, errLong)
		}
		// Whether text is known to be UTF-8 may be told less often.
		short.UTF8 = long.UTF8
		if errShort == nil {
			read++
			if !reflect.DeepEqual(short, long) {
				t.Fatalf("%s:\n%+v\n%+v", b, short, long)
			}
		}
	}
	if read < 10_000 {
		t.Errorf("only %d lines were read", read)
	}
}
