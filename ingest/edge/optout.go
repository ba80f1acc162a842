package edge

import (
	_ "embed"
)

// optOutCookie is the cookie of people who do not want to be known.
const optOutCookie = "pixledger_optout"

// optOutLife is how long it lives, in seconds: five years, which is what was
// asked of the networks of the NAI's opt-out page; browsers that know less keep it
// for as long as they keep any cookie.
const optOutLife = 5 * 365 * 24 * 3600

// The pages of /opt-out and /opt-in, and what is said where they can not work.
var (
	//go:embed pages/opt-out.html
	optOutPage string
	//go:embed pages/opt-in.html
	optInPage string
	//go:embed pages/insecure.html
	insecurePage string
)

// way is a way in which a browser comes, with what a cookie set on it says.
type way struct{ Name, Attributes string }

// choices fills what the pages of /opt-out and /opt-in need.
func (p *page) choices() {
	p.OptOut, p.OptOutLife = optOutCookie, optOutLife
	for _, f := range []struct {
		page string
		word *string
	}{{optOutPage, &p.OptOutPage}, {optInPage, &p.OptInPage}, {insecurePage, &p.InsecurePage}} {
		*f.word = p.word(escapeAll(f.page))
	}
	for _, v := range p.Visitors {
		if !v.Cookie {
			continue
		}
		w := way{Name: v.Name}
		if p.CookieDomain != "" {
			w.Attributes = "; Domain=" + p.CookieDomain
		}
		if v.Secure {
			w.Attributes += "; Secure; SameSite=None"
		}
		p.Ways = append(p.Ways, w)
	}
}
