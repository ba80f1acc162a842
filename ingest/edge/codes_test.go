package edge_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"pixledger/ingest/edge"
	"pixledger/ingest/edge/edgetest"
	"pixledger/schemas"
)

// A code is found however it is encoded, and no other is: not one that differs
// by case alone, and not a part of one.
func TestCodes(t *testing.T) {
	codes := []string{
		"checkout", "Checkout", "CHECKOUT", "checkOut", "42", "7 42", "9013", "default", "hostnames", "include", "volatile", "~^c", `\d`, `"`, `a"b`, "$id", "${code}", "a b", "a+b", "a%20b", "a%2520b", "%", "100%", "%2", "%%41",
		"a&b", "a#b", "a=b", "a;b", "a{b}", "é", "É", "日本語", "\xff", "a\tb", "a\nb", strings.Repeat("y", 400), strings.Repeat("+", 48), "Ünï cödé",
	}
	cat := &schemas.Catalog{MemberID: 958}
	for i, c := range codes {
		cat.Pixels = append(cat.Pixels, schemas.Pixel{ID: int64(i + 1), Code: c, Piggybacks: []schemas.Piggyback{{PixelType: "img", URL: fmt.Sprintf("https://pig.example/%d", i+1)}}})
	}
	conf := printed(t, cat)
	if out, err := edgetest.Check(t, conf); err != nil || strings.Contains(out, "could not build") {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	s := edgetest.Start(t, conf)
	ask := func(written string) string {
		_, got := location(t, s, "/px?member=958&code="+written)
		return got
	}
	for i, c := range codes {
		want := fmt.Sprintf("https://pig.example/%d", i+1)
		forms := []string{url.QueryEscape(c), url.PathEscape(c)}
		if len(c) <= 48 {
			forms = append(forms, encodedWhole(c), strings.ToLower(encodedWhole(c)))
		}
		if regexp.MustCompile(`^[!-~]+$`).MatchString(c) && !strings.ContainsAny(c, "%+&#") {
			forms = append(forms, c)
		}
		for _, f := range forms {
			f = strings.NewReplacer("&", "%26", "#", "%23").Replace(f) // PathEscape leaves '&'
			if strings.Contains(c, "+") {
				f = strings.ReplaceAll(f, "+", "%2B") // and '+'
			}
			if got := ask(f); got != want {
				t.Errorf("code %q as %q: Location %q, want %q", c, f, got, want)
			}
		}
	}
	for _, f := range []string{"cHeckout", "checkou", "checkoutx", "checkout%20", "+checkout", "%63heckou", "%43HECKOUt", "a%2Bb%00", "4", "2", "9012", "1", "7", "1+checkout", "checkout%202%20Checkout", "a%25252520b", "%E9", "%C3", "e", "",
		strings.Repeat("%79", 49), strings.Repeat("%2B", 49), strings.Repeat("%2B", 2000), strings.Repeat("y", 7000), strings.Repeat("+", 7000)} {
		if got := ask(f); got != "" {
			t.Errorf("code %.80q: Location %q", f, got)
		}
	}
	if got := ask("100%"); got != "https://pig.example/23" { // an escape that is none stays as written
		t.Errorf("100%%: %q", got)
	}
}

// The longest way that a request takes: a redir of a pixel by its code, which is
// encoded as much as it may be.
func TestCodeOfARedirectingPixel(t *testing.T) {
	code := strings.Repeat("c", 48)
	s := edgetest.Start(t, printed(t, &schemas.Catalog{
		MemberID: 958, Advertisers: []schemas.Advertiser{{ID: 7, RedirectHosts: []string{"shop.example"}}}, Pixels: []schemas.Pixel{{ID: 5, AdvertiserID: 7, Code: code}},
	}))
	if _, got := location(t, s, "/px?member=958&redir=https%3A%2F%2Fshop.example%2F&code="+encodedWhole(code)); got != "https://shop.example/" {
		t.Errorf("Location %q", got)
	}
	noAlerts(t, s)
}

// What no request could ask for is refused, and said.
func TestCodesThatDoNotFit(t *testing.T) {
	for _, c := range []string{strings.Repeat("y", 481), strings.Repeat("é", 25), strings.Repeat(" ", 49)} {
		cat := &schemas.Catalog{Pixels: []schemas.Pixel{{ID: 5, Code: c, Piggybacks: []schemas.Piggyback{{PixelType: "img", URL: "https://pig.example/"}}}}}
		var b strings.Builder
		if err := edge.Nginx(&b, edge.Config{}, cat); err == nil || !strings.HasPrefix(err.Error(), "pixel 5: code: ") {
			t.Errorf("%.20q: %v", c, err)
		}
	}
}
