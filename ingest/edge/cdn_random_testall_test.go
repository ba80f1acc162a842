//go:build testall

package edge_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
)

// randomQuestions makes requests of pieces that mean something to the edge, whole
// and broken. Their token is given: what an edge makes itself can not be compared.
func randomQuestions(rng *rand.Rand, n int) []question {
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	one := func(in int) bool { return rng.IntN(in) == 0 }
	id := func() string {
		s := pick("", "", "0") + pick("9012", "9013", "9014", "21378", "21379", "21380", "21381", "2766", "1")
		if one(4) {
			s += pick("x", "+", "%20", ";", "%", "%00", "%zz", ".")
		}
		if one(2) {
			return s
		}
		var b strings.Builder
		for _, c := range []byte(s) {
			if c >= '0' && c <= '9' && one(2) {
				fmt.Fprintf(&b, "%%%02X", c)
			} else {
				b.WriteByte(c)
			}
		}
		return b.String()
	}
	redir := func() string {
		s := pick("https://shop.example", "http://a.prostarr.example", "https://other.example", "HTTPS://SHOP.example:443", "https://evil.example", "//shop.example", "https://shop.example:") +
			pick("/", "?", "", "/a?b=", "${SSP_DATA}")
		for range rng.IntN(6) {
			s += pick("${SSP_DATA}", "%24%7BSSP_DATA%7D", "$%7bSSP_DATA}", "${SSP_DATA", "%2524%257BSSP_DATA%257D", "${T}", "/", "?", "%23", "=", "@", "\\") + pick("", "/", "x", "=")
		}
		if one(2) {
			s = pick(url.QueryEscape(s), strings.ToLower(url.QueryEscape(s)), url.PathEscape(s))
		}
		return s
	}
	param := func() string {
		switch rng.IntN(10) {
		case 0, 1, 2:
			return "id=" + id()
		case 3, 4, 5:
			return "redir=" + redir()
		case 6:
			return "member=" + pick("958", "%39%358", "0958", "95", "9%358x") + "&code=" + pick("checkout", "check%6Fut", "Summer+Sale%2B5%25", "check.ut", "Checkout")
		case 7:
			return pick("us_privacy", "us%5Fprivacy") + "=" + pick("1YYN", "1YNN", "1%59%59N", "[YYY]")
		}
		return pick("t=1", "x", "id", "redir", "t", "x=1", "", "id=")
	}
	all := make([]question, n)
	for i := range all {
		params := []string{"token=" + pick("T", "a%20b", "${SSP_DATA}x", "$1", "{x}")}
		for range rng.IntN(5) {
			params = append(params, param())
		}
		all[i] = question{
			Ask:     fmt.Sprintf("%s %s?%s&n=%d", pick("GET", "GET", "GET", "POST", "OPTIONS", "HEAD"), pick("/px", "/px", "/imptr", "/clktr", "/clktr", "/clktrb", "/seg", "/sspx", "/a/px", "/pixie", "/no"), strings.Join(params, "&"), i),
			Headers: map[string]string{},
		}
		if one(3) {
			all[i].Headers["Origin"] = pick("https://a.example", "null", "https://a", "x", "https://a.example/", "A+b.c-d://x:1", "https://[::1]", "https://[g]", "https://a:1:2", "1a://b", "HTTPS://A.b", "https://é")
		}
		if one(2) {
			all[i].Headers["Access-Control-Request-Method"] = pick("POST", "PUT", "x y")
			all[i].Headers["Access-Control-Request-Headers"] = pick("a", "a,b", "a:b", "é", "a/b", strings.Repeat("x", 1000), strings.Repeat("x", 1001), "A_b, `c`")
		}
		var cookies []string
		for range rng.IntN(4) {
			cookies = append(cookies, pick("uid={uid}", "pixledger_optout=1", `pixledger_optout="1"`, "pixledger_optout=0", "pixledger_optout=11", "a=b", "pixledger_optout", "pixledger_optout= 1", "PIXLEDGER_OPTOUT=1", "x pixledger_optout=1"))
		}
		if cookies != nil {
			all[i].Headers["Cookie"] = strings.Join(cookies, "; ")
		}
	}
	return all
}

// answered turns a question into one whose answer is what nginx answered and logged.
func (q question) answered(t *testing.T, r reply, logged line) question {
	t.Helper()
	q.Answer = fmt.Sprint(r.Status)
	q.Origin, q.Names = r.Header.Get("Access-Control-Allow-Origin"), r.Header.Get("Access-Control-Allow-Headers")
	switch {
	case r.Status == 302:
		q.Answer += " " + r.Header.Get("Location")
	case r.Status == 200 && r.Body == transparentGIF:
		q.Answer = "200 gif"
	case r.Status == 200:
		q.Answer = "200 script"
		if r.Body != "void 0;\n" {
			q.Script = []string{} // which one, the table asks
		}
	case r.Header.Get("Access-Control-Max-Age") != "":
		q.Answer = "204 preflight"
	}
	q.Event = logged.URI != ""
	q.UID = "none"
	switch {
	case r.Header["Set-Cookie"] != nil:
		q.UID = "new"
	case logged.Got != "":
		q.UID = "known"
	case strings.Contains(q.Headers["Cookie"], "uid={uid}") && (r.Status < 300 || r.Status == 302) && q.Answer[:3] != "204":
		q.UID = "denied"
	}
	return q
}

// Requests that nobody thought of are answered as nginx answers them. Caddy is
// left out: what it reads otherwise stands in docs/edge-cdn.md.
func TestRandomRequestsAreAnsweredAsByNginx(t *testing.T) {
	const seed = 1
	all := randomQuestions(rand.New(rand.NewPCG(seed, seed)), 3000)
	s := edgetest.Start(t, printed(t, cdnCatalog(t)))
	replies := askAll(t, s.Addr, all, nil)
	lines := map[string]line{}
	for _, l := range logged(t, s) {
		lines[l.Method+" "+l.URI] = l
	}
	for n, r := range replies {
		all[n] = all[n].answered(t, r, lines[all[n].Ask])
		all[n].check(t, r, quirks{})
	}
	replies, _ = askCloudflare(t, all)
	for n, r := range replies {
		all[n].check(t, r, quirks{secure: true, deletes: true})
	}
	replies, _ = askFastly(t, "https", all)
	for n, r := range replies {
		all[n].check(t, r, quirks{secure: true})
	}
}
