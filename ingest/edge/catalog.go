package edge

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"pixledger/ingest/grammar"
	"pixledger/schemas"
)

// catalog fills the maps of the catalog.
func (p *page) catalog(cat *schemas.Catalog) error {
	redirecting := map[int64]bool{} // advertisers with redirect hosts
	for _, a := range cat.Advertisers {
		for i, h := range a.RedirectHosts {
			if !hostForm.MatchString(h) || len(h) > maxHost {
				return fmt.Errorf("advertiser %d: redirect_hosts: %q is no host; allowed: a host name (shop.example) or any subdomain of one (*.shop.example)", a.ID, h)
			}
			redirecting[a.ID] = true
			same := func(other string) bool { return strings.EqualFold(other, h) }
			if slices.ContainsFunc(a.RedirectHosts[:i], same) {
				continue // nginx takes a key once
			}
			p.Hosts = append(p.Hosts, p.key(fmt.Sprintf("%s.a%d", h, a.ID)))
		}
	}
	if len(p.Hosts) > 0 {
		p.Decode, p.Decoded = decodeSteps()
		p.TokenSteps = tokenSteps()
	}

	lineItemOf := map[int64]int64{} // advertiser by line item
	for _, l := range cat.LineItems {
		lineItemOf[l.ID] = l.AdvertiserID
	}
	for _, t := range cat.Trackers {
		a := lineItemOf[t.LineItemID]
		if redirecting[a] {
			p.TrackerAdvertisers = append(p.TrackerAdvertisers, owner{t.ID, a})
		}
		if t.Kind != schemas.ClickTracker {
			continue
		}
		if redirecting[a] {
			p.ClickAdvertisers = append(p.ClickAdvertisers, owner{t.ID, a})
		}
		if t.LandingURL == "" {
			continue
		}
		v, err := p.landing(t.LandingURL)
		if err != nil {
			return fmt.Errorf("tracker %d: landing_url: %w", t.ID, err)
		}
		p.Landings = append(p.Landings, entry{t.ID, v})
	}

	coded := newCodeTable()
	for _, x := range cat.Pixels {
		if redirecting[x.AdvertiserID] {
			p.PixelAdvertisers = append(p.PixelAdvertisers, owner{x.ID, x.AdvertiserID})
		}
		image, script, err := p.piggybacks(x.Piggybacks)
		if err != nil {
			return fmt.Errorf("pixel %d: piggyback_pixels: %w", x.ID, err)
		}
		if image != "" {
			p.Images = append(p.Images, entry{x.ID, image})
		}
		if script != "" {
			p.Scripts = append(p.Scripts, entry{x.ID, script})
		}
		// A code matters only where the pixel is answered in a way of its own.
		if x.Code == "" || (image == "" && script == "" && !redirecting[x.AdvertiserID]) {
			continue
		}
		if err := coded.add(x); err != nil {
			return fmt.Errorf("pixel %d: code: %w", x.ID, err)
		}
	}
	p.codes(coded)
	return nil
}

// maxHost is the length of the longest host name, with "*." before it or not.
const maxHost = 253 + len("*.")

// key gives the word for a key of a map, and notes its length: nginx's tables
// have to be told the longest.
func (p *page) key(s string) string {
	p.longestKey = max(p.longestKey, len(s))
	return quote(s)
}

// beforeToken is what may stand before the token in a landing URL: so much that
// the token can not choose the host.
var beforeToken = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:(?://[^/?#\\]+[/?#]|[^/\\])`)

// landing gives the word for a landing URL, its token replaced at the request.
func (p *page) landing(url string) (string, error) {
	parts := strings.Split(url, grammar.SSPDataMacro)
	if len(parts) > 1 && !beforeToken.MatchString(parts[0]) {
		return "", fmt.Errorf("%q has %s before the path; allowed: behind the host alone", url, grammar.SSPDataMacro)
	}
	var atoms []string
	for i, part := range parts {
		if i > 0 {
			atoms = append(atoms, "${touch_token}")
		}
		atoms = append(atoms, escapeAll(headerURL(part))...)
	}
	return p.word(atoms), nil
}

// piggybacks gives the word for the one image of an image answer, empty where
// there is not exactly one, and the word for a JavaScript answer, empty where
// there are none.
func (p *page) piggybacks(list []schemas.Piggyback) (image, script string, err error) {
	images, scripts := []string{}, []string{}
	for _, pb := range list {
		switch pb.PixelType {
		case "img":
			images = append(images, headerURL(pb.URL))
		case "js":
			scripts = append(scripts, headerURL(pb.URL))
		default:
			return "", "", fmt.Errorf("pixel_type: %q is none; allowed: img, js", pb.PixelType)
		}
	}
	if len(images) == 1 {
		image = p.word(escapeAll(images[0]))
	}
	if len(list) == 0 {
		return image, "", nil
	}
	js := "(function(d){"
	if len(scripts) > 0 {
		js += texts(scripts) + `.forEach(function(u){var s=d.createElement("script");s.async=true;s.src=u;(d.head||d.documentElement).appendChild(s)});`
	}
	if len(images) > 0 {
		js += texts(images) + `.forEach(function(u){new Image().src=u});`
	}
	return image, p.word(escapeAll(js + "})(document);\n")), nil
}

// texts is a JavaScript array of texts; it may stand in HTML too.
func texts(list []string) string {
	b, err := json.Marshal(list)
	if err != nil {
		panic(err) // texts always marshal
	}
	return string(b)
}

// headerURL gives url fit for a header: blanks, controls and what is not ASCII
// percent-encoded. All else stays as it is.
func headerURL(url string) string {
	var b strings.Builder
	for i := range len(url) {
		if c := url[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// maxWord is the length, in bytes as written, that a word of the configuration
// is kept below; nginx refuses words of 4,096.
const maxWord = 3000

// word makes one quoted word of escaped atoms. What is too long for one goes
// into variables of its own.
func (p *page) word(atoms []string) string {
	var pieces []string
	var b strings.Builder
	for _, a := range atoms {
		if b.Len()+len(a) > maxWord {
			pieces = append(pieces, b.String())
			b.Reset()
		}
		b.WriteString(a)
	}
	if len(pieces) == 0 {
		return `"` + b.String() + `"`
	}
	pieces = append(pieces, b.String())
	var refs []string
	for _, piece := range pieces {
		name := fmt.Sprintf("long_%d", len(p.Long)+1)
		p.Long = append(p.Long, long{name, `"` + piece + `"`})
		refs = append(refs, "${"+name+"}")
	}
	return p.word(refs)
}

// escapeAll escapes s for a quoted word in which variables are read, one atom
// for each of its bytes.
func escapeAll(s string) []string {
	atoms := make([]string, 0, len(s))
	for i := range len(s) {
		if s[i] == '$' {
			atoms = append(atoms, "${dollar}")
		} else {
			atoms = append(atoms, escape(s[i]))
		}
	}
	return atoms
}

// quote makes a quoted word of s for places where nginx reads no variables, or
// where s has no dollar.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		b.WriteString(escape(s[i]))
	}
	b.WriteByte('"')
	return b.String()
}

// escape writes one byte of a quoted word.
func escape(c byte) string {
	switch c {
	case '"', '\\':
		return `\` + string(rune(c))
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	return string([]byte{c})
}
