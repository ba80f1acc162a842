// Package edge writes the configuration of the pixel edge: the web server
// whose access log is everything that pixledger knows. The edge answers from its
// configuration alone; it asks nobody, so it can not fail with the ledger.
package edge

import (
	_ "embed"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"pixledger/ingest/grammar"
	"pixledger/schemas"
)

// Config is the edge's part of the configuration file. Empty values take the
// default named.
type Config struct {
	// Host is the public name of the edge, with a port or none; it makes the
	// server_name. Empty: any.
	Host string

	// Listen is what nginx listens on for plain HTTP: a port, which is all IPv4
	// addresses, or address:port; [::]:port is all of both kinds. Empty: 80.
	Listen string

	// Log is the access log, absolute. Empty: /var/log/nginx/pixel.log. nginx's
	// error.log goes beside it.
	Log string

	// TLSCertificate and TLSKey are PEM files, both or neither. With them the edge
	// listens on port 443 of the same address too.
	TLSCertificate, TLSKey string

	// CookieDomain is the domain of the cookies. Empty: the host asked for.
	CookieDomain string

	// TrustedProxies are the addresses and networks of those who come between
	// browsers and the edge. What they say of the browser's address and of TLS
	// counts, and nobody else's word.
	TrustedProxies []string

	// RealIPHeader is the header in which they give the browser's address. Empty:
	// X-Forwarded-For.
	RealIPHeader string
}

//go:embed nginx.conf.tmpl
var nginxTemplate string

var nginxConf = template.Must(template.New("nginx.conf").Funcs(template.FuncMap{
	"name":   namePattern,
	"first":  firstPattern,
	"before": beforePattern,

	"encodedID": encodedID,
}).Parse(nginxTemplate))

// Nginx writes the complete configuration of nginx for this edge and catalog.
// It is for nginx 1.19.3 or newer with the modules that Debian's nginx-light
// has. The same arguments give the same bytes.
//
// An error names the key that can not be put into a configuration: a setting
// that nginx would not read as meant, a redirect host that is no host name, or a
// landing URL that would let a request choose the host.
func Nginx(w io.Writer, cfg Config, cat *schemas.Catalog) error {
	page := newPage(cat)
	if err := page.settings(cfg); err != nil {
		return err
	}
	if err := page.catalog(cat); err != nil {
		return err
	}
	page.paths()
	// Both tables of nginx hold more than they need to: it warns when they are tight.
	page.HashSize = powerOfTwo(2048, 4*(len(cat.Trackers)+len(cat.Pixels)+len(page.Hosts)))
	page.BucketSize = powerOfTwo(128, page.longestKey+32)
	page.VariablesHashSize = powerOfTwo(2048, 4*len(page.Long))
	var b strings.Builder
	if err := nginxConf.Execute(&b, page); err != nil {
		return fmt.Errorf("write nginx configuration: %w", err)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write nginx configuration: %w", err)
	}
	return nil
}

// page is what the template is filled with. All texts that come from the
// settings or the catalog are words of nginx's syntax already.
type page struct {
	Listen, TLSListen           []string
	ServerName                  string
	TLS                         bool
	Certificate, Key            string
	Log, ErrorLog, CookieDomain string
	Host                        string // empty: any
	Proxies                     []string
	RealIPHeader                string

	HashSize, BucketSize, VariablesHashSize int
	longestKey                              int // of the maps whose keys are texts

	Segments, TouchSegments            string // alternatives of a regular expression
	TouchPaths, ClickPaths, ServerSide []string
	ToEnd, RedirToEnd                  []toEnd
	AdvertiserOf                       []struct{ Segment, Variable string }
	Macro                              string
	Visitors                           []visitor

	OptOut                              string
	OptOutLife                          int
	OptOutPage, OptInPage, InsecurePage string
	Ways                                []way

	MemberID                                               int64
	Trackers, Pixels                                       int
	Codes                                                  []code
	Characters                                             []character
	CodeSteps                                              []codeStep
	FewEscapes, MostEscapes                                int
	TokenSteps                                             []replacement
	Landings, Images, Scripts                              []entry
	PixelAdvertisers, TrackerAdvertisers, ClickAdvertisers []owner
	Hosts                                                  []string
	Decode                                                 []decodeStep
	Decoded                                                string
	Long                                                   []long
}

type (
	toEnd struct{ Segments, Name string }
	entry struct {
		ID    int64
		Value string
	}
	owner   struct{ ID, Advertiser int64 }
	long    struct{ Name, Value string }
	visitor struct {
		Name, About    string
		Cookie, Secure bool
	}
)

func newPage(cat *schemas.Catalog) *page {
	return &page{
		Macro:    strings.ReplaceAll(macroPattern, `\`, `\\`),
		MemberID: cat.MemberID,
		Trackers: len(cat.Trackers),
		Pixels:   len(cat.Pixels),

		FewEscapes: fewEscapes, MostEscapes: mostEscapes,
	}
}

var (
	listenForm = regexp.MustCompile(`^(?:(?:[A-Za-z0-9._-]+|\*|\[[0-9A-Fa-f:.]+\]):)?[0-9]{1,5}$`)
	serverForm = regexp.MustCompile(`^([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)(?::[0-9]{1,5})?$`)
	domainForm = regexp.MustCompile(`^\.?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$`)
	hostForm   = regexp.MustCompile(`^(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$`)
)

// settings checks cfg and takes it over.
func (p *page) settings(cfg Config) error {
	listen := cfg.Listen
	if listen == "" {
		listen = "80"
	}
	if !listenForm.MatchString(listen) {
		return fmt.Errorf("edge.listen: %q is no address; allowed: a port (80) or address:port (127.0.0.1:8080, [::]:80)", listen)
	}
	colon := strings.LastIndex(listen, ":")
	address, port := listen[:colon+1], listen[colon+1:]
	p.Listen, p.TLSListen = []string{listen}, []string{address + "443"}
	if address == "[::]:" { // to nginx that is IPv6 alone
		p.Listen, p.TLSListen = append(p.Listen, port), append(p.TLSListen, "443")
	}
	p.ServerName = "_"
	if cfg.Host != "" {
		m := serverForm.FindStringSubmatch(cfg.Host)
		if m == nil {
			return fmt.Errorf("edge.host: %q is no host name; allowed: a name (px.example.com), with a port or none", cfg.Host)
		}
		p.ServerName, p.Host = m[1], m[1]
	}
	if err := p.proxies(cfg); err != nil {
		return err
	}
	if cfg.CookieDomain != "" && !domainForm.MatchString(cfg.CookieDomain) {
		return fmt.Errorf("edge.cookie_domain: %q is no domain; allowed: a name (example.com)", cfg.CookieDomain)
	}
	p.CookieDomain = cfg.CookieDomain

	log := cfg.Log
	if log == "" {
		log = "/var/log/nginx/pixel.log"
	}
	if (cfg.TLSCertificate == "") != (cfg.TLSKey == "") {
		return fmt.Errorf("edge.tls_certificate, edge.tls_key: one is empty; allowed: both or neither")
	}
	p.TLS = cfg.TLSCertificate != ""
	for _, f := range []struct {
		key, path string
		word      *string
	}{
		{"log", log, &p.Log},
		{"log", filepath.Join(filepath.Dir(log), "error.log"), &p.ErrorLog},
		{"tls_certificate", cfg.TLSCertificate, &p.Certificate},
		{"tls_key", cfg.TLSKey, &p.Key},
	} {
		// nginx reads a dollar in these as a variable and has no escape for it.
		if strings.ContainsFunc(f.path, func(r rune) bool { return r == '$' || r < ' ' || r == 0x7f }) {
			return fmt.Errorf("edge.%s: %q can not be written in an nginx configuration; allowed: a path without '$' and control characters", f.key, f.path)
		}
		*f.word = quote(f.path)
	}

	p.Visitors = []visitor{
		{Name: "anonymous", About: "Who says no, and servers: no cookie set, none logged."},
		{Name: "plain", About: "Browsers without TLS.", Cookie: true},
	}
	if p.TLS || len(p.Proxies) > 0 {
		p.Visitors = append(p.Visitors, visitor{Name: "tls", About: "Browsers with TLS: a cookie that is sent from other sites too.", Cookie: true, Secure: true})
	}
	p.choices()
	return nil
}

var headerForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

// proxies takes over who may speak for a browser, each network once and as
// nginx wants it: without bits beyond its length.
func (p *page) proxies(cfg Config) error {
	p.RealIPHeader = cfg.RealIPHeader
	if p.RealIPHeader == "" {
		p.RealIPHeader = "X-Forwarded-For"
	}
	if !headerForm.MatchString(p.RealIPHeader) {
		return fmt.Errorf("edge.real_ip_header: %q is no name of a header; allowed: letters, digits and '-' (X-Forwarded-For)", p.RealIPHeader)
	}
	for _, text := range cfg.TrustedProxies {
		network, err := ParseProxy(text)
		if err != nil {
			return fmt.Errorf("edge.trusted_proxies: %w", err)
		}
		if s := network.String(); !slices.Contains(p.Proxies, s) {
			p.Proxies = append(p.Proxies, s)
		}
	}
	return nil
}

// ParseProxy reads an entry of edge.trusted_proxies.
func ParseProxy(text string) (netip.Prefix, error) {
	const allowed = "allowed: an address (10.0.0.7) or a network (10.0.0.0/8, fd00::/8)"
	network, err := netip.ParsePrefix(text)
	if address, aerr := netip.ParseAddr(text); aerr == nil && address.Zone() == "" {
		network, err = netip.PrefixFrom(address, address.BitLen()), nil
	}
	switch {
	case err != nil || network.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is no address; %s", text, allowed)
	case network.Bits() == 0:
		return netip.Prefix{}, fmt.Errorf("%q is everybody, and everybody could name any address; %s", text, allowed)
	}
	return network.Masked(), nil
}

// paths takes over the grammar's table.
func (p *page) paths() {
	var all, touches, clicks, redir []string
	toEndOf := map[string][]string{}
	var names []string
	for _, path := range grammar.Paths {
		all = append(all, path.Segment)
		if path.ServerSide {
			p.ServerSide = append(p.ServerSide, path.Segment)
		}
		advertiser := ""
		switch path.Event {
		case grammar.Impression:
			touches = append(touches, path.Segment)
			advertiser = "$tracker_advertiser"
		case grammar.Click:
			touches = append(touches, path.Segment)
			clicks = append(clicks, path.Segment)
			advertiser = "$click_advertiser"
		case grammar.Conversion:
			if !path.ServerSide {
				advertiser = "$pixel_advertiser"
			}
		}
		if advertiser != "" {
			p.AdvertiserOf = append(p.AdvertiserOf, struct{ Segment, Variable string }{path.Segment, advertiser})
		}
		if path.ToEnd != "" {
			if toEndOf[path.ToEnd] == nil {
				names = append(names, path.ToEnd)
			}
			toEndOf[path.ToEnd] = append(toEndOf[path.ToEnd], path.Segment)
		}
		if path.ToEnd == grammar.Redir {
			redir = append(redir, path.Segment)
		}
	}
	for _, n := range names {
		p.ToEnd = append(p.ToEnd, toEnd{Segments: strings.Join(toEndOf[n], "|"), Name: n})
	}
	p.RedirToEnd = []toEnd{{Segments: strings.Join(redir, "|"), Name: grammar.Redir}}
	p.Segments = strings.Join(all, "|")
	p.TouchSegments = strings.Join(touches, "|")
	p.TouchPaths, p.ClickPaths = touches, clicks
}

func powerOfTwo(least, n int) int {
	for least < n {
		least *= 2
	}
	return least
}
