package decode

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pixledger/schemas"
)

// The functions here read a target a second time, as plainly as the contract
// words it, to be compared with the decoder.

// lineHash is the hash that names a line without an id.
func lineHash(head []byte, offset int64, line string) []byte {
	before := head[:min(len(head), 4096, int(min(offset, 4096)))]
	sum := sha256.Sum256(slices.Concat(before, binary.BigEndian.AppendUint64(nil, uint64(offset)), []byte(line)))
	return sum[:16]
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// plainDecode percent-decodes with net/url, invalid escapes set aside.
func plainDecode(s string) string {
	var out strings.Builder
	for at := 0; at < len(s); {
		loc := escape.FindStringIndex(s[at:])
		end := len(s)
		if loc != nil {
			end = at + loc[0]
		}
		out.WriteString(strings.ReplaceAll(s[at:end], "+", " "))
		if loc == nil {
			break
		}
		b, err := url.PathUnescape(s[end : end+3])
		if err != nil {
			panic(err)
		}
		out.WriteString(b)
		at = end + 3
	}
	// A range over a string gives U+FFFD for each byte that is not UTF-8.
	var valid strings.Builder
	for _, r := range out.String() {
		valid.WriteRune(r)
	}
	return valid.String()
}

var macro = regexp.MustCompile(`(?s)\A(\[[^\]]+\]|\$\{[^}]+\}|\{\{[^}]+\}\}|%%[^%]+%%)\z`)

var plainNumber = regexp.MustCompile(`\A-?[0-9]+(\.[0-9]+)?\z`)

// plainMoney rounds half away from zero with exact fractions.
func plainMoney(s string) (schemas.Money, bool) {
	if !plainNumber.MatchString(s) {
		return 0, false
	}
	r, _ := new(big.Rat).SetString(s)
	r.Mul(r, big.NewRat(1_000_000, 1))
	half := big.NewRat(1, 2)
	if r.Sign() < 0 {
		half.Neg(half)
	}
	r.Add(r, half)
	q := new(big.Int).Quo(r.Num(), r.Denom())
	if new(big.Int).Abs(q).Cmp(big.NewInt(999_999_999_999_999_999)) > 0 {
		return 0, false
	}
	return schemas.Money(q.Int64()), true
}

func plainID(s string) int64 {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func plainIDs(lists ...string) (ids []int64) {
	for _, s := range strings.Split(strings.Join(lists, ","), ",") {
		if n := plainID(s); n > 0 && !slices.Contains(ids, n) {
			ids = append(ids, n)
		}
	}
	return ids
}

func plainCodes(lists ...string) (codes [][]byte) {
	for _, s := range strings.Split(strings.Join(lists, ","), ",") {
		if s != "" && !slices.ContainsFunc(codes, func(b []byte) bool { return string(b) == s }) {
			codes = append(codes, []byte(s))
		}
	}
	return codes
}

// plainEvent reads a target that has an event's path, or gives false.
func plainEvent(uri string) (*Event, bool) {
	uri, _, _ = strings.Cut(uri, "#")
	path, query, _ := strings.Cut(uri, "?")
	if m := regexp.MustCompile(`(?s)\A[A-Za-z][A-Za-z0-9+.-]*://[^/]*(/.*)\z`).FindStringSubmatch(path); m != nil {
		path = m[1]
	}
	if !strings.HasPrefix(path, "/") {
		return nil, false
	}
	last := path[strings.LastIndex(path, "/")+1:]
	kind, ok := map[string]schemas.EventType{"px": schemas.Conversion, "sspx": schemas.Conversion, "imptr": schemas.Impression, "clktr": schemas.Click,
		"clktrb": schemas.Click, "seg": schemas.SegmentEvent, "pixie": schemas.Universal}[last]
	if !ok {
		return nil, false
	}
	ev := &Event{Type: kind, Consent: Unknown, ServerSide: last == "sspx"}
	toEnd := map[string]string{"sspx": "sspdata", "imptr": "redir", "clktr": "redir", "clktrb": "redir"}[last]

	values := map[string]string{}
	seen := map[string]bool{}
	var names []string
	for query != "" {
		pair, rest, _ := strings.Cut(query, "&")
		name, _, hasValue := strings.Cut(pair, "=")
		if toEnd != "" && hasValue && plainDecode(name) == toEnd {
			pair, rest = query, ""
		}
		query = rest
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = plainDecode(name), plainDecode(value)
		if seen[name] {
			continue
		}
		seen[name] = true
		if macro.MatchString(value) {
			ev.UnreplacedMacros++
			continue
		}
		values[name] = value
		names = append(names, name)
	}
	used := map[string]bool{}
	text := func(name string) []byte {
		v, ok := values[name]
		if !ok {
			return nil
		}
		used[name] = true
		return []byte(v)
	}
	id := func(name string) int64 {
		used[name] = true
		return plainID(values[name])
	}
	member := func() {
		if ev.MemberID = plainID(values["member"]); ev.MemberID != 0 {
			used["member"] = true
		}
	}
	order := func(parts ...string) (lists []string) { // in the query's order
		for _, n := range names {
			if slices.Contains(parts, n) {
				used[n] = true
				lists = append(lists, values[n])
			}
		}
		return lists
	}
	value := func(name string) {
		ev.ValueText = text(name)
		ev.Value, ev.HasValue = plainMoney(string(ev.ValueText))
	}
	switch last {
	case "px", "sspx":
		ev.PixelID, ev.OrderID, ev.Other, ev.SSPData = id("id"), text("order_id"), text("other"), text("sspdata")
		value("value")
		if last == "sspx" {
			break
		}
		ev.PixelCode = text("code")
		member()
		ev.SegmentsAdded, ev.SegmentsRemoved = plainIDs(order("seg", "add")...), plainIDs(order("remove")...)
		ev.SegmentCodesAdded, ev.SegmentCodesRemoved = plainCodes(order("seg_code", "add_code")...), plainCodes(order("remove_code")...)
	case "imptr", "clktr", "clktrb":
		ev.TrackerID, ev.Token = id("id"), text("token")
		if ev.MediaCost, ev.HasMediaCost = plainMoney(values["ancost"]); ev.HasMediaCost {
			used["ancost"] = true
		}
	case "pixie":
		ev.OrderID = text("order_id")
		value("va")
	case "seg":
		member()
		ev.SegmentsRemoved = plainIDs(order("remove")...)
		ev.SegmentCodesAdded, ev.SegmentCodesRemoved = plainCodes(order("add_code")...), plainCodes(order("remove_code")...)
		plainSegmentValues(ev, values, used)
	}
	for _, n := range names {
		if !used[n] {
			ev.Params = append(ev.Params, Param{[]byte(n), []byte(values[n])})
		}
	}
	if len(values["us_privacy"]) > 0 {
		if r := []rune(values["us_privacy"]); len(r) > 2 && (r[2] == 'Y' || r[2] == 'y') {
			ev.Consent = Denied
		}
	}
	if ev.Consent == Unknown && plainConsent(values["gdpr_consent"]) {
		ev.Consent = Granted
	}
	return ev, true
}

func plainSegmentValues(ev *Event, values map[string]string, used map[string]bool) {
	used["add"] = true
	common, err := strconv.ParseInt(values["value"], 10, 64)
	if err != nil || strings.HasPrefix(values["value"], "+") {
		common, err = 0, strconv.ErrSyntax
	}
	given := false
	for _, item := range strings.Split(values["add"], ",") {
		s, own, _ := strings.Cut(item, ":")
		n := plainID(s)
		if n == 0 || slices.Contains(ev.SegmentsAdded, n) {
			continue
		}
		ev.SegmentsAdded = append(ev.SegmentsAdded, n)
		var v SegmentValue
		if own != "" {
			if k, err := strconv.ParseInt(own, 10, 64); err == nil && own[0] != '+' {
				v = SegmentValue{k, true}
			}
		} else if err == nil {
			v = SegmentValue{common, true}
			used["value"] = true
		}
		given = given || v.Given
		ev.SegmentValues = append(ev.SegmentValues, v)
	}
	if !given {
		ev.SegmentValues = nil
	}
}

// plainConsent reads a TCF string bit by bit.
func plainConsent(s string) bool {
	s, _, _ = strings.Cut(s, ".")
	s, _, _ = strings.Cut(s, "=")
	var bits strings.Builder
	for _, c := range []byte(s) {
		v := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", c)
		if v < 0 {
			return false
		}
		six := strconv.FormatInt(int64(v), 2)
		bits.WriteString(strings.Repeat("0", 6-len(six)) + six)
	}
	b := bits.String()
	return len(b) >= 152+24 && b[:6] == "000010" && b[152] == '1'
}

func FuzzDecodeQuery(f *testing.F) {
	for _, uri := range []string{
		"/px?id=9012&t=1&order_id=A-1&value=12.50&other=bl%C3%A9u&redir=https://x.example/?a=1&seg=1,2&add=2&add_code=a,b&gdpr=1&gdpr_consent=CP",
		"/sspx?id=7&value=-1.2345675&sspdata=a&b=c.", "/clktrb?id=%37&ancost=0.1&redir=https://x/?a&id=9", "http://e/x/seg?add=37,28:5,9:x&value=7&remove=1:2",
		"/pixie?pi=a&va=1,5&e=[E]&us_privacy=1YN", "/px?%%X%%&=1&a+b=c+d&other={{x}}&%zz=%FF#frag", "/imptr?token=&gdpr_consent=" + consentString(1, true),
	} {
		f.Add(uri)
	}
	d, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	var ev Event
	f.Fuzz(func(t *testing.T, uri string) {
		if uri == "" {
			return
		}
		got := showOutcome(d.Decode(request(uri), now, &ev), &ev)
		if !utf8.ValidString(got) {
			t.Fatalf("%q: not UTF-8: %q", uri, got)
		}
		plain, ok := plainEvent(uri)
		want := "ignored"
		if ok {
			want = show(plain)
		}
		// The value of a segment pixel comes last among the params.
		if sorted(got) != sorted(want) {
			t.Fatalf("%q\ngot  %q\nwant %q", uri, got, want)
		}
	})
}

func sorted(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '{' || r == '}' })
	slices.Sort(words)
	return strings.Join(words, " ")
}
