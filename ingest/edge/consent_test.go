package edge_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/edge"
	"pixledger/ingest/edge/edgetest"
)

const uid = "uid=fwAAAWWH7ABnUAAAAwMEAg=="

// Who says no gets no cookie and is logged without one; who says nothing is
// known by the cookie, and gets one without it.
func TestConsent(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	cases := []struct {
		query, gpc string
		denied     bool
	}{
		{"", "", false},
		{"", "1", true},
		{"", "0", false},
		{"us_privacy=1YNN", "", false},
		{"us_privacy=1YYN", "", true},
		{"us_privacy=1YyN", "", true},
		{"us_privacy=1---", "", false},
		{"us_privacy=1YY", "", true},
		{"us_privacy=1Y", "", false},
		{"us_privacy=", "", false},
		{"us_privacy=1%59%59N", "", true},
		{"us_privacy=%31%59%79N", "", true},
		{"us_privacy=1%4E%4E%59", "", false},
		{"us%5Fprivacy=1YYN", "", true},
		{"US_PRIVACY=1YYN", "", false},
		{"xus_privacy=1YYN", "", false},
		{"us_privacy=1YNN&us_privacy=1YYN", "", false},
		{"us_privacy=1YYN&us_privacy=1YNN", "", true},
		{"us_privacy=[YYY]", "", false},
		{"us_privacy=${YY}", "", false},
		{"us_privacy=[1NNN", "", false},
		{"us_privacy=[1YNN", "", true}, // no macro: it does not end as one
		{"us_privacy=1NN-", "1", true},
	}
	paths := []string{"/px?id=9012&", "/px?t=1&", "/imptr?id=2766&", "/clktr?id=21378&", "/seg?", "/pixie?"}
	want := map[string]bool{} // by URI and GPC header: denied
	for _, c := range cases {
		for _, path := range paths {
			target := path + c.query
			var headers []string
			if c.gpc != "" {
				headers = []string{"Sec-GPC: " + c.gpc}
			}
			want[target+" "+c.gpc] = c.denied
			resp, _ := get(t, s, target, headers...)
			cookies := resp.Cookies()
			if c.denied && len(cookies) > 0 {
				t.Errorf("%s, GPC %q: set %v", target, c.gpc, cookies)
			}
			if !c.denied {
				if len(cookies) != 1 || cookies[0].Name != "uid" || cookies[0].Path != "/" || cookies[0].Domain != "" || cookies[0].Secure || cookies[0].SameSite != 0 {
					t.Errorf("%s, GPC %q: set %v", target, c.gpc, resp.Header["Set-Cookie"])
				} else if life := time.Until(expires(t, cookies[0])); life < 364*24*time.Hour || life > 366*24*time.Hour {
					t.Errorf("%s: the cookie lives %s", target, life)
				}
			}
			if resp, _ := get(t, s, target, append(headers, "Cookie: a=b; "+uid)...); resp.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s: who has a cookie got %q", target, resp.Header.Get("Set-Cookie"))
			}
			if resp.Header.Get("P3P") != "" {
				t.Errorf("%s: P3P", target)
			}
		}
	}
	got := map[string]int{}
	for _, l := range logged(t, s) {
		denied := want[l.URI+" "+l.GPC]
		switch {
		case denied && (l.Got != "" || l.Set != ""):
			t.Errorf("%s, GPC %q: logged got %q, set %q", l.URI, l.GPC, l.Got, l.Set)
		case !denied && (l.Got == "") == (l.Set == ""):
			t.Errorf("%s, GPC %q: logged got %q, set %q; want one of them", l.URI, l.GPC, l.Got, l.Set)
		case !denied && len(l.Got+l.Set) != len("uid=")+32:
			t.Errorf("%s: user id %q", l.URI, l.Got+l.Set)
		}
		got[l.URI+" "+l.GPC]++
	}
	for key := range want {
		if got[key] != 2 {
			t.Errorf("%s: %d lines, want 2", key, got[key])
		}
	}
}

// expires reads a cookie's end. nginx writes years in two digits, as the oldest
// browsers want them, which net/http does not read.
func expires(t *testing.T, c *http.Cookie) time.Time {
	t.Helper()
	at, err := time.Parse("Mon, 02-Jan-06 15:04:05 MST", c.RawExpires)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// On the trackers everything behind redir= is redir's, on /sspx behind sspdata=:
// a us_privacy there says nothing. A server gets no cookie.
func TestConsentInsideOtherParameters(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	for target, cookies := range map[string]int{
		"/clktr?id=21378&redir=https://shop.example/?&us_privacy=1YYN": 1,
		"/px?id=9012&redir=https://shop.example/?&us_privacy=1YYN":     0,
		"/sspx?id=9012":                                  0,
		"/clktr?id=999":                                  0,
		"/imptr?id=2766&other=us_privacy=1YYN":           1,
		"/imptr?id=2766&us_privacy=1YNN;us_privacy=1YYN": 1,
	} {
		if resp, _ := get(t, s, target, "User-Agent: x"); len(resp.Cookies()) != cookies {
			t.Errorf("%s: set %v, want %d", target, resp.Cookies(), cookies)
		}
	}
}

// However long a query is, what it says of consent is found, and the patterns
// that look for it give up on nothing.
func TestConsentInLongQueries(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	for _, before := range []string{
		strings.Repeat("a&", 3500), strings.Repeat("a=1&", 1700), strings.Repeat("us_privac&", 700), strings.Repeat("%75s_privac=1&", 500),
		"token=" + strings.Repeat("[", 7000) + "&", "token=[" + strings.Repeat("x", 7000) + "&", "code=" + strings.Repeat("%25", 2300) + "&", "redi=" + strings.Repeat("%2F", 2300) + "&", strings.Repeat("&", 7000), strings.Repeat("=", 7000) + "&", strings.Repeat("\xff", 7000) + "&",
	} {
		for _, path := range []string{"/px?member=958&", "/px?id=9012&", "/imptr?id=2766&", "/clktr?id=21378&", "/seg?", "/pixie?t=1&"} {
			if resp, _ := get(t, s, path+before+"us_privacy=1YYN"); resp.StatusCode >= 400 || resp.Header["Set-Cookie"] != nil {
				t.Errorf("%s%.40s…: %s, set %q", path, before, resp.Status, resp.Header["Set-Cookie"])
			}
			if resp, _ := get(t, s, path+before+"us_privacy=1YNN"); resp.StatusCode >= 400 || len(resp.Header["Set-Cookie"]) != 1 {
				t.Errorf("%s%.40s…: %s, set %q", path, before, resp.Status, resp.Header["Set-Cookie"])
			}
		}
	}
	noAlerts(t, s)
}

// noAlerts fails the test when nginx has complained of anything but requests.
func noAlerts(t *testing.T, s *edgetest.Server) {
	t.Helper()
	s.Stop()
	b, err := os.ReadFile(s.ErrorLog)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "[alert]") || strings.Contains(line, "[emerg]") || strings.Contains(line, "[crit]") || strings.Contains(line, "pcre") {
			t.Errorf("error.log: %.500s", line)
		}
	}
}

// certificate writes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"px.example.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := edgetest.Dir(t)
	cert, key = filepath.Join(dir, `a "cert\".pem`), filepath.Join(dir, "key;#.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, b := range map[string][]byte{cert: certPEM, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return cert, key, pool
}

// secureClient follows no redirect, and asks the host of the certificate.
func secureClient(pool *x509.CertPool) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "px.example.test"}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// With TLS the cookie goes to third-party pages; without it, on the same edge,
// it says neither Secure nor SameSite=None, which no browser would take.
func TestTLSCookie(t *testing.T) {
	cert, key, pool := certificate(t)
	conf := printed(t, catalog(), func(c *edge.Config) {
		c.TLSCertificate, c.TLSKey, c.CookieDomain, c.Host = cert, key, "example.test", "px.example.test:8443"
	})
	// Port 443 of this machine may be taken, so the test has another.
	addr := edgetest.Addr(t)
	moved := strings.Replace(conf, "listen 127.0.0.1:443 ssl;", "listen "+addr+" ssl;", 1)
	if moved == conf || !strings.Contains(conf, "server_name px.example.test;") {
		t.Fatalf("no port 443, or not the host's name:\n%s", conf)
	}
	s := edgetest.Start(t, moved)
	client := secureClient(pool)
	for _, target := range []string{"/px?id=9012", "/px?t=1", "/clktr?id=21378"} {
		for _, base := range []string{"https://" + addr, s.URL} {
			resp, err := client.Get(base + target)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			secure := strings.HasPrefix(base, "https:")
			set := strings.ToLower(resp.Header.Get("Set-Cookie"))
			if !strings.HasPrefix(set, "uid=") || !strings.Contains(set, "domain=example.test") ||
				strings.Contains(set, "secure") != secure || strings.Contains(set, "samesite=none") != secure {
				t.Errorf("%s%s: set %q", base, target, set)
			}
		}
	}
	req, err := http.NewRequest("GET", "https://"+addr+"/px?id=9012", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-GPC", "1")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.Header.Get("Set-Cookie") != "" {
		t.Error("a cookie for Sec-GPC: 1 on TLS")
	}
}
