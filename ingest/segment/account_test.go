package segment

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/schemas/lake"
)

func TestTheAccountOfLines(t *testing.T) {
	dir := t.TempDir()
	b := New(dir, Options{Now: readTime})
	src := newSource(t, parse.Pixledger{}, decode.Options{})
	var l log
	for _, s := range []string{
		"", " \t\r", "\r", // no lines
		line("2026-11-01T10:00:00Z", "/px?id=1&a=[X]&b={{y}}", `"uid_got":"uid=U"`),
		line("2026-11-01T10:00:05Z", "/imptr?id=1", `"ua":"curl/8"`) + "\r",
		line("2026-11-01T10:00:02Z", "/imptr?id=1"),                           // 3 s back
		line("2026-11-02T10:00:00Z", "/clktr?id=1"),                           //
		line("2026-11-01T10:00:00Z", "/favicon.ico"),                          // a day back, ignored
		line("2026-11-01T10:00:00Z", "/px", `"x":1`)[:40],                     // cut
		line("1999-12-31T23:59:59Z", "/px"),                                   // bad time
		line("2026-11-05T00:00:00Z", "/px"),                                   // bad time
		strings.Replace(line("2026-11-01T10:00:00Z", "/px"), "GET", "PUT", 1), // method
		strings.Replace(line("2026-11-02T10:00:00Z", "/px"), "200", "404", 1), // status
		strings.Replace(line("2026-11-02T10:00:00Z", "/px"), `"200"`, `"400","uri":"","x":"x"`, 1),
		strings.Replace(line("2026-11-02T10:00:00Z", "/px"), `"method"`, `"verb"`, 1),
		`{"time":"99999999999999999","status":"200"}`,
	} {
		l.add(s)
	}
	l.give(t, b, src)
	if err := b.Reject(src, 5000, 3_000_000, []byte("beginning"), decode.TooLong); err != nil {
		t.Fatal(err)
	}
	if b.Lines() != 14 || b.Rows() != 4+6 {
		t.Errorf("%d lines, %d rows", b.Lines(), b.Rows())
	}
	res := finish(t, b)
	a := res.Accounts["0123456789abcdef"]
	want := map[string]lake.Counts{
		"2026-11-01": {Events: map[string]int64{"conversion": 1, "impression": 2}, NotCounted: map[string]int64{"method": 1}, Ignored: 1,
			Bots: 1, UnreplacedMacros: 2, PixelMacros: map[string]lake.Macros{"1": {Rest: 2}}, MaxSkewMicros: 24 * 3600 * 1_000_000},
		"2026-11-02": {Events: map[string]int64{"click": 1}, NotCounted: map[string]int64{"status": 1, "malformed": 1}, Rejects: map[string]int64{"missing_field": 1}},
		"1999-12-31": {Rejects: map[string]int64{"bad_time": 1}},
		"2026-11-05": {Rejects: map[string]int64{"bad_time": 1}},
		"2026-11-03": {Rejects: map[string]int64{"malformed": 1, "too_long": 1, "bad_time": 1}},
	}
	var lines int64
	for day, c := range a.Days {
		if !reflect.DeepEqual(*c, want[day]) {
			t.Errorf("%s\ngot  %+v\nwant %+v", day, *c, want[day])
		}
		lines += c.Lines()
	}
	if len(a.Days) != len(want) || lines != 14 {
		t.Errorf("%d days, %d lines", len(a.Days), lines)
	}
	if a.Users != 1 || !a.Timed || a.First != time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC).UnixMicro() ||
		a.Last != time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC).UnixMicro() {
		t.Errorf("%+v", a)
	}
}

// Of conversions the account tells which pixel's parameters nobody filled in.
func TestMacrosByPixel(t *testing.T) {
	b := New(t.TempDir(), Options{Now: readTime})
	src := newSource(t, parse.Pixledger{}, decode.Options{})
	var l log
	for _, uri := range []string{
		"/px?id=9012&order_id=[ORDER_ID]&value=[REVENUE]&other=[OTHER]&redir=[REDIRECT_URL]",
		"/px?order_id=[ORDER_ID]&id=9012&order_id=7", // the first counts, wherever the id stands
		"/px?id=9012&order_id=7&value=12.50",
		"/sspx?id=9013&value=${V}&sspdata=[SSPDATA]",
		"/px?code=checkout&member=958&value=[REVENUE]",
		"/px?id=[ID]&order_id=[ORDER_ID]",
		"/imptr?id=1&ancost=[ANCOST]", "/pixie?va=[V]&order_id=[O]", "/seg?add=1&value=[V]", // no conversions
	} {
		l.add(line("2026-11-01T10:00:00Z", uri))
	}
	l.give(t, b, src)
	got := finish(t, b).Accounts["0123456789abcdef"].Days["2026-11-01"]
	want := map[string]lake.Macros{
		"9012": {OrderID: 2, Value: 1, Other: 1, Rest: 1}, "9013": {Value: 1, Rest: 1}, "958/checkout": {Value: 1}, lake.NoPixel: {OrderID: 1, Rest: 1},
	}
	if !reflect.DeepEqual(got.PixelMacros, want) || got.UnreplacedMacros != 14 {
		t.Errorf("%+v, %d in all", got.PixelMacros, got.UnreplacedMacros)
	}
}
