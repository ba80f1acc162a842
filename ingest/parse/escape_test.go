package parse

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzUnescapeJSON: a JSON string is accepted where encoding/json accepts it,
// and means the same; but bytes that are not UTF-8 stay as they are.
func FuzzUnescapeJSON(f *testing.F) {
	for _, s := range []string{
		`a\"b\\c\/d\b\f\n\r\t`, `\u00e9\u0000\u2028`, `\ud83d\ude00\ud83d\ud83d\ude00\udc00`, `\ud800\u0041\ud800\n\ud800`, `\u12`, `\x`, `a"b`, "\x01", "\x7f\xff", `\uD83D\uDE00\`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		b := append(append([]byte{'"'}, s...), '"')
		end, found := scanString(b, 1)
		var want string
		err := json.Unmarshal(b, &want)
		if (end == len(b)) != (err == nil) {
			t.Fatalf("%q: read to %d of %d, encoding/json says %v", b, end, len(b), err)
		}
		if err != nil {
			return
		}
		got := string(s)
		if found&hasEscape != 0 {
			got = string(unescape(nil, s))
		}
		if utf8.Valid(s) && got != want {
			t.Fatalf("%q: got %q, want %q", b, got, want)
		}
		if found&hasNonASCII == 0 && !utf8.ValidString(got) {
			t.Fatalf("%q: is taken for ASCII", b)
		}
	})
}

// FuzzUnescapeLog: undoing a log's backslashes never makes a text longer, and
// leaves what has none.
func FuzzUnescapeLog(f *testing.F) {
	for _, s := range []string{`a\x22b\"\\\n\r\t\v\b`, `\`, `\x`, `\x4`, `\xzz`, `\\x41`, "\xff\\"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		var r Request
		got := r.unescapeLog(s)
		plain := true
		for _, c := range s {
			plain = plain && c != '\\'
		}
		if len(got) > len(s) || plain && string(got) != string(s) {
			t.Fatalf("%q becomes %q", s, got)
		}
	})
}
