package edge_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
	"pixledger/schemas"
)

// location asks for a target and gives its Location headers, and checks that no
// header came in through the target.
func location(t *testing.T, s *edgetest.Server, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	resp, _ := get(t, s, target, headers...)
	for name := range resp.Header {
		switch name {
		case "Server", "Date", "Content-Type", "Content-Length", "Connection", "Cache-Control", "Set-Cookie", "Location", "Last-Modified", "Allow",
			"X-Content-Type-Options", "Cross-Origin-Resource-Policy", "Vary":
		default:
			t.Errorf("%s: answered with the header %s", target, name)
		}
	}
	if n := len(resp.Header["Location"]); n > 1 {
		t.Errorf("%s: %d Location headers", target, n)
	}
	return resp, resp.Header.Get("Location")
}

// A click goes to its landing page, and brings the touch's token there: the token
// parameter, else the id that is logged.
func TestLandingToken(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	const landing = "https://shop.example/shoe?tok=%s&x=1"
	cases := []struct{ target, token string }{
		{"/clktr?id=21378", ""},
		{"/clktrb?id=21378", ""},
		{"/a/b/clktr?cachebuster=1&id=21378", ""},
		{"/clktr?id=00021378", ""},
		{"/clktr?%69%64=21378", ""},
		{"/clktr?id=%32%31%33%37%38", ""},
		{"/clktr?id=0%300%3021%33%378&x", ""},
		{"/clktr?id=21378&id=21379", ""},
		{"/clktr?id=21378&token=", ""},
		{"/clktr?id=21378&token", ""},
		{"/clktr?id=21378&token&token=x", ""},
		{"/clktr?id=21378&Token=x&xtoken=y", ""},
		{"/clktr?id=21378&token=abc-1.~", "abc-1.~"},
		{"/clktr?id=21378&token=a%2Fb%20c+d", "a%2Fb%20c+d"},
		{"/clktr?id=21378&token=a%0d%0aX-Evil:%201", "a%0d%0aX-Evil:%201"},
		{"/clktr?id=21378&token=a&token=b", "a"},
		{"/clktr?id=21378&%74oken=b", "b"},
		{"/clktr?id=21378&token=a=b", "a=b"},
		{"/clktr?id=21378&token=[TOKEN]", ""},
		{"/clktr?id=21378&token=%5bTOKEN%5D", ""},
		{"/clktr?id=21378&token=${TOKEN}", ""},
		{"/clktr?id=21378&token=%24%7bT%7d", ""},
		{"/clktr?id=21378&token={{token}}", ""},
		{"/clktr?id=21378&token=%%TOKEN%%", ""},
		{"/clktr?id=21378&token=%25%25TOKEN%25%25", ""},
		{"/clktr?id=21378&token=[]", "[]"},
		{"/clktr?id=21378&token=[a]b]", "[a]b]"},
		{"/clktr?id=21378&token=[a]b", "[a]b"},
		{"/clktr?id=21378&token={{a}", "{{a}"},
		{"/clktr?id=21378&redir=https://nobody.example/&token=x", ""}, // part of redir
	}
	var requests []string
	for _, c := range cases {
		resp, got := location(t, s, c.target)
		if resp.StatusCode != 302 || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s", c.target, resp.Status)
		}
		if c.token != "" {
			if want := fmt.Sprintf(landing, c.token); got != want {
				t.Errorf("%s: Location %q, want %q", c.target, got, want)
			}
			continue
		}
		requests = append(requests, c.target+" -> "+got)
	}
	ids := map[string]string{}
	for _, l := range logged(t, s) {
		if l.Status != "302" {
			t.Errorf("%s: logged status %s", l.URI, l.Status)
		}
		ids[l.URI+" -> "+fmt.Sprintf(landing, l.ID)] = l.ID
	}
	for _, r := range requests {
		if ids[r] == "" {
			t.Errorf("%s: the token is not the logged id", r)
		}
	}
}

// TestRedir has what is followed, as it comes and as it goes out.
func TestRedir(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	follow := []struct{ redir, want string }{
		{"https://shop.example/a?x=1&y=2&id=3", "https://shop.example/a?x=1&y=2&id=3"},
		{"http://shop.example", "http://shop.example"},
		{"HTTPS://Shop.EXAMPLE/A", "HTTPS://Shop.EXAMPLE/A"},
		{"https://shop.example:8443/a", "https://shop.example:8443/a"},
		{"https://shop.example?a", "https://shop.example?a"},
		{"https://www.prostarr.example/", "https://www.prostarr.example/"},
		{"https://a.b.prostarr.example/", "https://a.b.prostarr.example/"},
		{"https://shop.example/a%20b?c=%26&d=%250", "https://shop.example/a%20b?c=%26&d=%250"}, // as it is
		{"https://shop.example/%0d%0aX-Evil:1", "https://shop.example/%0d%0aX-Evil:1"},
		{"https%3A%2F%2Fshop.example%2Fa", "https://shop.example/a"},
		{"https%3a%2f%2fshop.example%2fa%3fb%3dc%26d%3de%23f", "https://shop.example/a?b=c&d=e#f"},
		{"https:%2F%2Fshop.example/a", "https://shop.example/a"},
		{"https%3A//shop.example/a?b=c", "https://shop.example/a?b=c"},
		{"https%3A%2F%2Fshop.example%3A8443%2F", "https://shop.example:8443/"},
		{"https%3A%2F%2Fshop.example%2F%2526%252525%252526%253D", "https://shop.example/%26%2525%2526%3D"}, // once
		{"https%3A%2F%2Fshop.example%2F%0D%0AX-Evil%3A%201%22%3C", "https://shop.example/%0D%0AX-Evil:%201%22%3C"},
		{"https%3A%2F%2Fshop.example%2F%250d%250aX-Evil", "https://shop.example/%0d%0aX-Evil"},
	}
	for _, c := range follow {
		for _, base := range []string{"/clktr?id=21378&redir=", "/clktrb?id=21378&token=x&redir=", "/imptr?id=2766&redir=", "/clktr?id=21381&redir="} {
			resp, got := location(t, s, base+c.redir)
			if resp.StatusCode != 302 || got != c.want {
				t.Errorf("%s%s: %s %q, want %q", base, c.redir, resp.Status, got, c.want)
			}
		}
		// On /px, redir is a parameter like any other, and ends with its '&'.
		want := c.want
		if strings.Contains(c.redir, "&") {
			want, _, _ = strings.Cut(c.want, "&")
		}
		for _, target := range []string{"/px?redir=" + c.redir + "&id=9012", "/px?redir=" + c.redir + "&code=checkout&member=958&t=1"} {
			resp, got := location(t, s, target)
			if strings.Contains(c.redir, "&id=3") {
				continue // its id is the first one
			}
			if resp.StatusCode != 302 || got != want {
				t.Errorf("%s: %s %q, want %q", target, resp.Status, got, want)
			}
		}
	}
}

// TestEncodedRedir has URLs as a real shop has them, encoded as programs do it.
func TestEncodedRedir(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	for _, want := range []string{
		"https://shop.example/p/a-b_c.html?utm_source=x&utm_medium=y&utm_campaign=summer%20sale%202026&utm_content=%C3%A9%25&gclid=A1+B2&a=1&b=2&c=3&d=4&e=5&f=6",
		"https://shop.example/" + strings.Repeat("s/", 13) + "?" + strings.Repeat("k=v&", 23) + "z",
		"https://shop.example/?" + strings.Repeat("%41", 21),
	} {
		resp, got := location(t, s, "/clktr?id=21378&redir="+url.QueryEscape(want))
		if resp.StatusCode != 302 || got != want {
			t.Errorf("%s:\n got %q\nwant %q", resp.Status, got, want)
		}
	}
	// More than the steps decode is none at all, and not half of it.
	for _, much := range []string{strings.Repeat("k=v&", 25), strings.Repeat("%41", 22), strings.Repeat("é", 128)} {
		if _, got := location(t, s, "/clktr?id=21378&token=T&redir="+url.QueryEscape("https://shop.example/?"+much)); got != "https://shop.example/shoe?tok=T&x=1" {
			t.Errorf("Location %q, want the landing page", got)
		}
	}
}

// TestNoOpenRedirect tries to get people elsewhere.
func TestNoOpenRedirect(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	attempts := []string{
		"", "x", "/", "//evil.example", "//shop.example/", "///shop.example", `\\shop.example`, "/\\evil.example",
		"https://evil.example/", "http://evil.example/?https://shop.example/", "https://evil.example/#https://shop.example/",
		"https://prostarr.example/", "https://.prostarr.example/", "https://xprostarr.example/", "https://prostarr.example.evil.example/",
		"https://www.shop.example/", "https://xshop.example/", "https://shop.example.evil.example/", "https://shop-example/", "https://shopXexample/",
		"https://www.prostarrXexample/",
		"https://other.example/", // another advertiser's
		"https://shop.example@evil.example/", "https://shop.example:x@evil.example/", "https://shop.example:443@evil.example/",
		"https://evil.example@shop.example/", "https://evil.example%40shop.example/",
		`https://shop.example\@evil.example/`, `https://shop.example\.evil.example/`, `https:\\shop.example/`, `https:/\shop.example`, `https://evil.example\.prostarr.example/`,
		"https:///shop.example/", "https:shop.example/", "https:/shop.example/", "https//shop.example", "https://shop.example%2F@evil.example/",
		"https://evil.example%2f.prostarr.example/", "https://evil.example%00.prostarr.example/", "https://evil.example%23.prostarr.example/", "https://evil.example/.prostarr.example/",
		"https://evil.example?.prostarr.example/", "https://evil.example;.prostarr.example/", "https://shop.example.", "https://shop.example%2eevil.example/",
		"https://shop.example:/", "https://shop.example:99999999/", "https://shop.example:80a/",
		"ftp://shop.example/", "javascript:alert(1)//shop.example/", "data:text/html,x", "javascript://shop.example/%0aalert(1)", "httpss://shop.example/",
		"%0d%0aLocation:%20https://evil.example/", "https://%0d%0ashop.example/", "%20https://shop.example/", "+https://shop.example/", "%09https://shop.example/",
		"https%3A%2F%2Fevil.example%2F", "https%3A%2F%2Fshop.example%40evil.example%2F", "https%3A%2F%2Fshop.example%5C%40evil.example", "https%253A%252F%252Fshop.example%252F",
		"https%3A%2F%2Fshop.example%252F%40evil.example", "https%3A%2F%2Fevil.example%23.prostarr.example", "https%3A%2F%2Fevil.example%3F.prostarr.example",
		"https%3A%2F%2Fevil.example%2F.prostarr.example%2F", "https%3A%2F%2Fevil%2Eexample", "%2F%2Fevil.example", "https%3A%2F%2F%2Fshop.example", "https%3A%5C%5Cshop.example",
		"https%3A%2F%2Fshop.example%0D%0A.evil.example", "https%3A%2F%2Fshop.example%00.evil.example%2F", "https%3A%2F%2Fshop.example%20.evil.example",
		"https%3A%2F%2Fshop.example%25%34%30evil.example",
		"[REDIRECT_URL]", "${REDIR}", "https://shop.example\u3002evil.example/", "https://\xffshop.example/",
		"7 https://shop.example/", // blanks separate in the maps; a request line has none
	}
	evil := func(target string) (*http.Response, string) {
		resp, _ := request(t, s, "GET "+target+" HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\nConnection: close\r\n\r\n")
		return resp, resp.Header.Get("Location")
	}
	for _, a := range attempts {
		if strings.Contains(a, " ") {
			resp, got := location(t, s, "/clktr?id=21378&redir="+a)
			if resp.StatusCode != 400 || got != "" {
				t.Errorf("redir=%s: %s %q, want 400", a, resp.Status, got)
			}
			continue
		}
		const landing = "https://shop.example/shoe?tok=T&x=1"
		if resp, got := location(t, s, "/clktr?id=21378&token=T&redir="+a); resp.StatusCode != 302 || got != landing {
			t.Errorf("/clktr redir=%s: %s %q, want the landing page", a, resp.Status, got)
		}
		for _, target := range []string{"/px?id=9012&redir=", "/px?id=9999&redir=", "/px?redir=", "/imptr?id=2766&redir=", "/imptr?redir=", "/clktr?id=999&redir=", "/clktr?id=2766&redir=", "/seg?redir=", "/sspx?id=9012&redir=", "/pixie?redir=", "/nothing?redir="} {
			if resp, got := evil(target + a); got != "" {
				t.Errorf("%s%s: %s %q", target, a, resp.Status, got)
			}
		}
	}
	// What is one advertiser's is not another's, and what is no tracker's nobody's.
	for _, target := range []string{
		"/clktr?id=999&redir=https://shop.example/", "/clktr?redir=https://shop.example/", "/clktr?id=2766&redir=https://shop.example/",
		"/px?id=9013000&redir=https://shop.example/", "/px?id=21378&redir=https://shop.example/", "/imptr?id=9012&redir=https://shop.example/",
		"/seg?id=9012&redir=https://shop.example/", "/sspx?id=9012&redir=https://shop.example/", "/pixie?id=9012&redir=https://shop.example/",
		"/px?id=9012&Redir=https://shop.example/", "/px?id=9012&xredir=https://shop.example/", "/px?id=9012&redir=&redir=https://shop.example/", "/px?id=9012&redir&redir=https://shop.example/",
		"/px?xid=9012&redir=https://shop.example/", "/px?id=1&id=9012&redir=https://shop.example/", "/px?id=9012;redir=https://shop.example/",
		"/redirect", "/", "//evil.example/..", "/px/..", "//evil.example/%2f..", "http://evil.example/", "http://evil.example/px", "/px%0d%0aLocation:x",
	} {
		if resp, got := evil(target); got != "" {
			t.Errorf("%s: %s %q", target, resp.Status, got)
		}
	}
	if _, got := location(t, s, "/clktr?id=21379&redir=https://shop.example/"); got != "https://other.example/" {
		t.Errorf("another advertiser's host: %q", got)
	}
	if _, got := evil("http://evil.example/clktr?id=21379"); got != "https://other.example/" {
		t.Errorf("request line and Host: %q", got)
	}
	if _, got := location(t, s, "/clktr?id=21380&redir=https://plain.example/"); got != "https://plain.example/a?b=$1&c=$request_id" {
		t.Errorf("no redirect hosts: %q", got)
	}
}

// A redir that is followed brings the touch's token along, as a landing URL does,
// up to three times; it never chooses the host.
func TestRedirToken(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	const landing = "https://shop.example/shoe?tok=T&x=1"
	for _, c := range []struct{ redir, want string }{
		{"https://shop.example/?r=${SSP_DATA}", "https://shop.example/?r=T"},
		{"https://shop.example/?r=%24%7BSSP_DATA%7D&b=1", "https://shop.example/?r=T&b=1"},
		{"https://shop.example/?r=%24{SSP_DATA%7d", "https://shop.example/?r=T"},
		{"HTTPS://Shop.example:443/a/${SSP_DATA}/b", "HTTPS://Shop.example:443/a/T/b"},
		{"https://shop.example?${SSP_DATA}${SSP_DATA}", "https://shop.example?TT"},
		{"https%3A%2F%2Fshop.example%2F%3Fr%3D%24%7BSSP_DATA%7D%26b%3D%24%7BSSP_DATA%7D", "https://shop.example/?r=T&b=T"},
		{"https%3A%2F%2Fshop.example%2F%3Fr%3D%2524%257BSSP_DATA%257D", "https://shop.example/?r=T"},
		{"https://www.prostarr.example/${SSP_DATA}/${SSP_DATA}/${SSP_DATA}/${SSP_DATA}", "https://www.prostarr.example/T/T/T/${SSP_DATA}"},
		{"https://shop.example/?r=${ssp_data}${SSP_DATA", "https://shop.example/?r=${ssp_data}${SSP_DATA"},
		{"https://shop.example/?r=${OTHER}", "https://shop.example/?r=${OTHER}"},
		{"https://${SSP_DATA}/", landing},
		{"https://shop.example${SSP_DATA}/", landing},
		{"https://${SSP_DATA}.prostarr.example/", landing},
		{"https://shop.example:${SSP_DATA}/", landing},
		{"${SSP_DATA}", landing},
		{"https:${SSP_DATA}//shop.example/", landing},
	} {
		for _, path := range []string{"/clktr?id=21378&token=T&redir=", "/clktrb?token=T&id=21378&redir="} {
			if _, got := location(t, s, path+c.redir); got != c.want {
				t.Errorf("%s%s: Location %q, want %q", path, c.redir, got, c.want)
			}
		}
		if c.want == landing {
			continue
		}
		if _, got := location(t, s, "/imptr?token=T&id=2766&redir="+c.redir); got != c.want {
			t.Errorf("/imptr %s: Location %q, want %q", c.redir, got, c.want)
		}
	}
	// A conversion is no touch: it has no token to bring anywhere.
	if _, got := location(t, s, "/px?id=9012&token=T&redir=https://shop.example/?r=${SSP_DATA}"); got != "https://shop.example/?r=${SSP_DATA}" {
		t.Errorf("/px: Location %q", got)
	}
	// A token of any bytes stays where it is put.
	for _, token := range []string{`@evil.example`, `/\evil.example`, `$1$2$3`, `%0d%0aX-Evil:%201`, `${SSP_DATA}x`, strings.Repeat("x", 4000)} {
		if _, got := location(t, s, "/clktr?id=21378&token="+token+"&redir=https://shop.example/${SSP_DATA}?a=1"); got != "https://shop.example/"+token+"?a=1" {
			t.Errorf("token %.60q: Location %.200q", token, got)
		}
	}
	_, got := location(t, s, "/clktr?id=21378&redir=https://shop.example/?r=${SSP_DATA}")
	lines := logged(t, s)
	if id := strings.TrimPrefix(got, "https://shop.example/?r="); len(id) != 32 || !slices.ContainsFunc(lines, func(l line) bool { return l.ID == id && strings.HasPrefix(l.URI, "/clktr?id=21378&redir=") }) {
		t.Errorf("Location %q has not the id that was logged", got)
	}
}

// Without any redirect host in the catalog, no redir is followed.
func TestNoRedirectHosts(t *testing.T) {
	cat := catalog()
	for i := range cat.Advertisers {
		cat.Advertisers[i].RedirectHosts = nil
	}
	s := edgetest.Start(t, printed(t, cat))
	if _, got := location(t, s, "/clktr?id=21378&token=T&redir=https://shop.example/"); got != "https://shop.example/shoe?tok=T&x=1" {
		t.Errorf("Location %q", got)
	}
	if resp, got := location(t, s, "/px?id=9012&redir=https://shop.example/"); resp.StatusCode != 200 || got != "" {
		t.Errorf("%s %q", resp.Status, got)
	}
}

// hostile is text that means something to nginx, to a header or to JavaScript.
var hostile = []string{
	`"`, `'`, `\`, `\\`, `\"`, `";`, `"; return 301 https://evil.example/; #`, `';`, `}`, `{`, `${dollar}`, `$`, `$$`, `$1`, `${1}`, `${`, `$request_uri`, `${request_uri}`,
	"\n", "\r\nX-Evil: 1", "\n}\nserver { listen 1; }\n", "\t", "\x00", "\x7f", "é", "\xff", `\n`, `\r`, `\t`, `\x41`, `~^`, `~*.*`, `#`, `# x`, `;`, ` `, `a b`, `</script>`, "\u2028", `*/`, `'+alert(1)+'`,
	`default`, `include /etc/passwd`, `hostnames`, `volatile`, `%0d%0a`, `%24`, strings.Repeat("x", 5000), strings.Repeat("$", 3000), strings.Repeat(`"\`, 2500), strings.Repeat("é", 1500),
}

// Whatever a catalog says, nginx starts, and says just that and nothing else.
func TestHostileCatalog(t *testing.T) {
	cat := &schemas.Catalog{MemberID: 958, Advertisers: []schemas.Advertiser{{ID: 7, RedirectHosts: []string{"shop.example"}}}, LineItems: []schemas.LineItem{{ID: 1, AdvertiserID: 7}}}
	for i, h := range hostile {
		id := int64(i + 1)
		code := h
		if len(code) > 200 {
			code = ""
		}
		cat.Trackers = append(cat.Trackers, schemas.Tracker{ID: id, Kind: schemas.ClickTracker, LineItemID: 1, LandingURL: "https://shop.example/?h=" + h + "&t=${SSP_DATA}&u=${SSP_DATA}"})
		cat.Pixels = append(cat.Pixels,
			schemas.Pixel{ID: id, AdvertiserID: 7, Name: h, Code: code, Piggybacks: []schemas.Piggyback{{PixelType: "img", URL: "https://pig.example/" + h}}})
	}
	conf := printed(t, cat)
	if out, err := edgetest.Check(t, conf); err != nil || strings.Contains(out, "[warn] could not build") {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	s := edgetest.Start(t, conf)
	for i, h := range hostile {
		want := strings.Builder{}
		for _, c := range []byte(h) {
			if c <= ' ' || c >= 0x7f {
				fmt.Fprintf(&want, "%%%02X", c)
			} else {
				want.WriteByte(c)
			}
		}
		if _, got := location(t, s, fmt.Sprintf("/clktr?id=%d&token=T", i+1)); got != "https://shop.example/?h="+want.String()+"&t=T&u=T" {
			t.Errorf("landing URL with %.60q: Location %.200q", h, got)
		}
		if _, got := location(t, s, fmt.Sprintf("/px?id=%d", i+1)); got != "https://pig.example/"+want.String() {
			t.Errorf("piggyback with %.60q: Location %.200q", h, got)
		}
		if len(h) <= 200 {
			if _, got := location(t, s, "/px?member=958&code="+url.QueryEscape(h)); got != "https://pig.example/"+want.String() {
				t.Errorf("code %q: Location %.200q", h, got)
			}
		}
		resp, body := get(t, s, fmt.Sprintf("/px?id=%d&t=1", i+1))
		if resp.StatusCode != 200 || strings.ContainsAny(body, "<>") || !strings.HasSuffix(body, "})(document);\n") {
			t.Errorf("script with %.60q: %s %.200q", h, resp.Status, body)
		}
	}
}
