package edge_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"pixledger/ingest/edge"
	"pixledger/ingest/edge/edgetest"
)

// What a trusted proxy says of the browser counts, what others say does not.
func TestProxies(t *testing.T) {
	conf := printed(t, catalog(), func(c *edge.Config) { c.TrustedProxies = []string{"127.0.0.1", "10.0.0.0/8", "fd00::/8"} })
	if out, err := edgetest.Check(t, conf); err != nil || strings.Contains(out, "meaningless") || strings.Contains(out, "duplicate") {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	s := edgetest.Start(t, conf)
	const proxy, stranger = "127.0.0.1", "127.0.0.2"
	for i, c := range []struct {
		from, forwarded, proto string
		ip                     string
		secure                 bool
	}{
		{proxy, "", "", proxy, false},
		{proxy, "203.0.113.9", "https", "203.0.113.9", true},
		{proxy, "203.0.113.9", "HTTPS", "203.0.113.9", true},
		{proxy, "203.0.113.9", "http", "203.0.113.9", false},
		{proxy, "203.0.113.9", "https, http", "203.0.113.9", false},
		{proxy, "198.51.100.1, 203.0.113.9, 10.1.2.3", "https", "203.0.113.9", true}, // what stands before is the browser's own word
		{proxy, "2001:db8::9", "https", "2001:db8::9", true},
		{proxy, "unknown", "https", proxy, true},
		{proxy, `"},{"ip":"x`, "https", proxy, true},
		{stranger, "203.0.113.9", "https", stranger, false},
		{stranger, "127.0.0.1", "https", stranger, false},
		{stranger, "127.0.0.1, 10.0.0.1", "https", stranger, false},
	} {
		target := fmt.Sprintf("/px?n=%d", i)
		headers := ""
		if c.forwarded != "" {
			headers += "X-Forwarded-For: " + c.forwarded + "\r\n"
		}
		if c.proto != "" {
			headers += "X-Forwarded-Proto: " + c.proto + "\r\n"
		}
		resp := askFrom(t, s, c.from, target, headers)
		if set := resp.Header.Get("Set-Cookie"); !strings.HasPrefix(set, "uid=") || strings.Contains(strings.ToLower(set), "secure; samesite=none") != c.secure {
			t.Errorf("%+v: set %q", c, set)
		}
		optOut := askFrom(t, s, c.from, "/opt-out", headers).Header.Get("Set-Cookie")
		if strings.HasSuffix(optOut, "; Secure; SameSite=None") != c.secure {
			t.Errorf("%+v: /opt-out set %q", c, optOut)
		}
		found := false
		for _, text := range s.Lines(i + 1) {
			if strings.Contains(text, fmt.Sprintf(`"ip":"%s"`, c.ip)) && strings.Contains(text, `"uri":"`+target+`"`) {
				found = true
			}
		}
		if !found {
			t.Errorf("%+v: not logged with %s:\n%s", c, c.ip, strings.Join(s.Lines(i+1), "\n"))
		}
	}
}

// askFrom asks from another address of the loopback network.
func askFrom(t *testing.T, s *edgetest.Server, from, target, headers string) *http.Response {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IP(netip.MustParseAddr(from).AsSlice())}}
	c, err := d.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: e\r\nConnection: close\r\n%s\r\n", target, headers)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// Without trusted proxies the headers are the browser's own, and mean nothing;
// another header may carry the address.
func TestProxyHeaders(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	resp := askFrom(t, s, "127.0.0.1", "/px", "X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n")
	if l := s.Lines(1)[0]; !strings.Contains(l, `"ip":"127.0.0.1"`) || strings.Contains(strings.ToLower(resp.Header.Get("Set-Cookie")), "secure") {
		t.Errorf("logged %s, set %q", l, resp.Header.Get("Set-Cookie"))
	}
	s = edgetest.Start(t, printed(t, catalog(), func(c *edge.Config) {
		c.TrustedProxies, c.RealIPHeader = []string{"127.0.0.9/8", "127.0.0.0/8", "::1"}, "CF-Connecting-IP"
	}))
	askFrom(t, s, "127.0.0.1", "/px", "X-Forwarded-For: 203.0.113.9\r\nCF-Connecting-IP: 203.0.113.10\r\n")
	if l := s.Lines(1)[0]; !strings.Contains(l, `"ip":"203.0.113.10"`) {
		t.Errorf("logged %s", l)
	}
}
