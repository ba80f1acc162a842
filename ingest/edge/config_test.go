package edge_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"pixledger/ingest/edge"
	"pixledger/ingest/edge/edgetest"
	"pixledger/schemas"
)

// The log format is the one that everyone may rely on, to the letter.
func TestLogFormat(t *testing.T) {
	const want = `    log_format pixledger escape=json '{"time":"$msec","id":"$request_id","ip":"$remote_addr","method":"$request_method",'
      '"host":"$host","uri":"$request_uri","status":"$status","referer":"$http_referer","ua":"$http_user_agent",'
      '"uid_got":"$uid_got","uid_set":"$uid_set","gpc":"$http_sec_gpc"}';
`
	if conf := printed(t, catalog()); !strings.Contains(conf, want) {
		t.Errorf("printed:\n%s", conf)
	}
}

// The same settings and catalog give the same bytes, so that a diff shows what a
// change of the catalog does.
func TestDeterministic(t *testing.T) {
	var a, b strings.Builder
	for _, w := range []*strings.Builder{&a, &b} {
		if err := edge.Nginx(w, edge.Config{}, catalog()); err != nil {
			t.Fatal(err)
		}
	}
	if a.String() != b.String() {
		t.Error("two runs differ")
	}
	for _, want := range []string{"listen 80;", "server_name _;", `access_log "/var/log/nginx/pixel.log" pixledger;`, `error_log "/var/log/nginx/error.log";`} {
		if !strings.Contains(a.String(), want) {
			t.Errorf("by default there is no %s", want)
		}
	}
}

// [::] is all addresses, IPv4's too, each logged as what it is.
func TestListenOnAllAddresses(t *testing.T) {
	_, port, err := net.SplitHostPort(edgetest.Addr(t))
	if err != nil {
		t.Fatal(err)
	}
	conf := printed(t, catalog(), func(c *edge.Config) { c.Listen, c.TLSCertificate, c.TLSKey = "[::]:"+port, "/c", "/k" })
	for _, want := range []string{"listen [::]:" + port + ";", "listen " + port + ";", "listen [::]:443 ssl;", "listen 443 ssl;"} {
		if !strings.Contains(conf, "\n        "+want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
	s := edgetest.Start(t, printed(t, catalog(), func(c *edge.Config) { c.Listen = "[::]:" + port }))
	for _, address := range []string{"127.0.0.1", "::1"} {
		c, err := net.Dial("tcp", net.JoinHostPort(address, port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /px HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(c); err != nil {
			t.Fatal(err)
		}
	}
	var from []string
	for _, l := range logged(t, s) {
		from = append(from, l.IP)
	}
	slices.Sort(from)
	if got := strings.Join(from, " "); got != "127.0.0.1 ::1" {
		t.Errorf("logged from %s", got)
	}
}

func TestMistakes(t *testing.T) {
	hosts := func(h string) *schemas.Catalog {
		return &schemas.Catalog{Advertisers: []schemas.Advertiser{{ID: 7, RedirectHosts: []string{h}}}}
	}
	landing := func(u string) *schemas.Catalog {
		return &schemas.Catalog{Trackers: []schemas.Tracker{{ID: 5, Kind: schemas.ClickTracker, LandingURL: u}}}
	}
	cases := []struct {
		cfg  edge.Config
		cat  *schemas.Catalog
		want string // the start of the message; empty: no error
	}{
		{edge.Config{Listen: "[::]:80", Host: "px.example.com", CookieDomain: ".example.com"}, catalog(), ""},
		{edge.Config{Listen: "80; include x"}, catalog(), "edge.listen: "},
		{edge.Config{Listen: "http"}, catalog(), "edge.listen: "},
		{edge.Config{Host: "a b"}, catalog(), "edge.host: "},
		{edge.Config{Host: "https://px.example.com"}, catalog(), "edge.host: "},
		{edge.Config{CookieDomain: "a;b"}, catalog(), "edge.cookie_domain: "},
		{edge.Config{Log: "/var/log/$host.log"}, catalog(), "edge.log: "},
		{edge.Config{TLSCertificate: "/a"}, catalog(), "edge.tls_certificate, edge.tls_key: "},
		{edge.Config{TLSCertificate: "/a", TLSKey: "/b\n"}, catalog(), "edge.tls_key: "},
		{edge.Config{TrustedProxies: []string{"10.0.0.7", "2001:db8::/32"}, RealIPHeader: "X-Real-IP"}, catalog(), ""},
		{edge.Config{TrustedProxies: []string{"10.0.0"}}, catalog(), "edge.trusted_proxies: "},
		{edge.Config{TrustedProxies: []string{"10.0.0.1; include x"}}, catalog(), "edge.trusted_proxies: "},
		{edge.Config{TrustedProxies: []string{"0.0.0.0/0"}}, catalog(), "edge.trusted_proxies: "},
		{edge.Config{TrustedProxies: []string{"fe80::1%eth0"}}, catalog(), "edge.trusted_proxies: "},
		{edge.Config{TrustedProxies: []string{"unix:"}}, catalog(), "edge.trusted_proxies: "},
		{edge.Config{RealIPHeader: "proxy_protocol"}, catalog(), "edge.real_ip_header: "},
		{edge.Config{RealIPHeader: "X;Y"}, catalog(), "edge.real_ip_header: "},
		{edge.Config{}, hosts("https://shop.example"), "advertiser 7: redirect_hosts: "},
		{edge.Config{}, hosts("*"), "advertiser 7: redirect_hosts: "},
		{edge.Config{}, hosts("shop.*.example"), "advertiser 7: redirect_hosts: "},
		{edge.Config{}, hosts(`x" 1; default y; "`), "advertiser 7: redirect_hosts: "},
		{edge.Config{}, hosts(strings.Repeat("a.", 200) + "example"), "advertiser 7: redirect_hosts: "},
		{edge.Config{}, hosts(""), "advertiser 7: redirect_hosts: "},
		{edge.Config{}, landing("https://shop.example/${SSP_DATA}"), ""},
		{edge.Config{}, landing("https://shop.example?${SSP_DATA}"), ""},
		{edge.Config{}, landing("shop://open?t=${SSP_DATA}"), ""},
		{edge.Config{}, landing("shop:open?t=${SSP_DATA}"), ""},
		{edge.Config{}, landing("https://${SSP_DATA}/"), "tracker 5: landing_url: "},
		{edge.Config{}, landing("https://shop.example${SSP_DATA}"), "tracker 5: landing_url: "},
		{edge.Config{}, landing("https://a@${SSP_DATA}/"), "tracker 5: landing_url: "},
		{edge.Config{}, landing("https:/${SSP_DATA}"), "tracker 5: landing_url: "},
		{edge.Config{}, landing("${SSP_DATA}"), "tracker 5: landing_url: "},
		{edge.Config{}, landing("/${SSP_DATA}"), "tracker 5: landing_url: "},
	}
	for _, c := range cases {
		var b strings.Builder
		err := edge.Nginx(&b, c.cfg, c.cat)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c.cfg, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want) || b.Len() > 0):
			t.Errorf("%+v, %+v: error %v, printed %d bytes, want %s", c.cfg, c.cat, err, b.Len(), c.want)
		}
	}
}

// A network's whole catalog fits: nginx warns of no table too small, and finds
// the last entry.
func TestLargeCatalog(t *testing.T) {
	cat := &schemas.Catalog{MemberID: 958}
	const n = 20_000
	for i := range int64(n) {
		cat.Advertisers = append(cat.Advertisers, schemas.Advertiser{ID: i + 1, RedirectHosts: []string{fmt.Sprintf("*.shop%d.example", i)}})
		cat.LineItems = append(cat.LineItems, schemas.LineItem{ID: i + 1, AdvertiserID: i + 1})
		cat.Trackers = append(cat.Trackers, schemas.Tracker{ID: 9223372036854775807 - i, Kind: schemas.ClickTracker, LineItemID: i + 1, LandingURL: fmt.Sprintf("https://shop%d.example/", i)})
	}
	conf := printed(t, cat)
	if out, err := edgetest.Check(t, conf); err != nil || strings.Contains(out, "could not build") {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	s := edgetest.Start(t, conf)
	if _, got := location(t, s, "/clktr?id=9223372036854755808"); got != "https://shop19999.example/" {
		t.Errorf("Location %q", got)
	}
	if _, got := location(t, s, "/clktr?id=9223372036854755808&redir=https://a.shop19999.example/x"); got != "https://a.shop19999.example/x" {
		t.Errorf("Location %q", got)
	}
	if resp, _ := location(t, s, "/clktr?id=9999999999999999999999"); resp.StatusCode != 404 {
		t.Errorf("an id beyond 64 bits: %s", resp.Status)
	}
}

// The configuration needs no module but those in the nginx binary itself.
func TestStartsAsPrinted(t *testing.T) {
	conf := printed(t, catalog())
	out, err := edgetest.Check(t, conf)
	if err != nil || strings.Contains(out, "[warn]") && os.Geteuid() == 0 {
		t.Errorf("nginx -t: %v\n%s", err, out)
	}
	if strings.Contains(conf, "load_module") {
		t.Error("it loads modules")
	}
}

// Rotation as logrotate does it: renamed, then USR1. Nothing is lost, and the new
// file has what comes after.
func TestReopen(t *testing.T) {
	s := edgetest.Start(t, printed(t, catalog()))
	get(t, s, "/px?id=1")
	if lines := s.Lines(1); !strings.Contains(lines[0], `"uri":"/px?id=1"`) {
		t.Fatalf("logged %q", lines)
	}
	if err := os.Rename(s.Log, s.Log+".1"); err != nil {
		t.Fatal(err)
	}
	s.Reopen()
	// A worker may hold the old file a moment longer: ask until the new one is in use.
	asked := 0
	for b, err := os.ReadFile(s.Log); len(b) == 0; b, err = os.ReadFile(s.Log) {
		if err != nil {
			t.Fatal(err)
		}
		if asked++; asked > 10_000 {
			t.Fatal("the new log stays empty")
		}
		get(t, s, "/px?id=2")
	}
	s.Stop()
	old, err := os.ReadFile(s.Log + ".1")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Lines(0)) + strings.Count(string(old), "\n"); n != 1+asked {
		t.Errorf("%d lines in both files, want %d", n, 1+asked)
	}
}
