package decode

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzPercentDecoding: where net/url can decode a text, it says the same; what
// it refuses, for an invalid escape, has that escape as written; and each byte
// that is not UTF-8 becomes U+FFFD.
func FuzzPercentDecoding(f *testing.F) {
	for _, s := range []string{"a+b%20c%2Bd", "%2541", "100%", "%zz%4", "%%41", "%FF%C3%A9%C3", "%00%0a", "%ED%A0%80", "\xff+\u2028"} {
		f.Add(s)
	}
	d, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := string(d.unescape([]byte(s)))
		if !utf8.ValidString(got) {
			t.Fatalf("%q: not UTF-8: %q", s, got)
		}
		// Each % that begins no escape is written as one, and then net/url can.
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] == '%' {
				if _, err := url.QueryUnescape(s[i:min(len(s), i+3)]); err != nil || len(s) < i+3 {
					b.WriteString("%25")
					continue
				}
				b.WriteString(s[i : i+3])
				i += 2
				continue
			}
			b.WriteByte(s[i])
		}
		decoded, err := url.QueryUnescape(b.String())
		if err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		for len(decoded) > 0 {
			r, n := utf8.DecodeRuneInString(decoded)
			want.WriteRune(r)
			decoded = decoded[n:]
		}
		if got != want.String() {
			t.Fatalf("%q: got %q, want %q", s, got, want.String())
		}
	})
}
