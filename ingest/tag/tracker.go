package tag

import (
	"fmt"

	"pixledger/ingest/grammar"
	"pixledger/schemas"
)

// TrackerOptions say how a tracker is written.
type TrackerOptions struct {
	Host        string
	JS          bool // of an impression tracker: a script instead of an image
	HTTP        bool
	Cachebuster bool // macros for these
	AnCost      bool
	Redir       bool
}

// Tracker writes the tag of an impression tracker, or the URL of a click
// tracker, which the ad's link leads to.
func Tracker(cat *schemas.Catalog, x *schemas.Tracker, o TrackerOptions) *Tag {
	t := &Tag{Form: Link}
	path, kind := grammar.CLKTR, ""
	what := "Click tracker"
	if x.Kind == schemas.ImpressionTracker {
		what, path = "Impression tracker", grammar.IMPTR
		t.Form, kind = form(o.JS)
	}
	name := ""
	if r := cat.Creative(x.CreativeID); r != nil {
		name = r.Name
	}
	t.Name = named(what, x.ID, name)
	a := newAddress(o.Host, o.HTTP, path)
	a.addID(grammar.ID, x.ID)
	a.addIf(o.Cachebuster, grammar.Cachebuster, CachebusterMacro)
	a.addIf(o.AnCost, grammar.AnCost, AnCostMacro)
	a.addIf(kind != "", grammar.Type, kind)
	a.addIf(o.Redir, grammar.Redir, RedirectMacro) // it takes everything to the end
	t.URL = a.b.String()
	t.Notes = trackerNotes(cat, x, o)
	return t
}

func trackerNotes(cat *schemas.Catalog, x *schemas.Tracker, o TrackerOptions) []string {
	var notes []string
	note := func(format string, args ...any) {
		notes = append(notes, fmt.Sprintf("tracker %d: %s", x.ID, fmt.Sprintf(format, args...)))
	}
	follows := false
	if i := cat.LineItem(x.LineItemID); i != nil {
		if follows = redirects(cat, i.AdvertiserID); o.Redir && !follows {
			note("advertiser %d has no redirect_hosts: the edge follows no redir of it", i.AdvertiserID)
		}
		if i.State == schemas.Inactive {
			note("line item %d is inactive: nothing is attributed to it", i.ID)
		}
	}
	if x.Kind == schemas.ClickTracker {
		if o.JS {
			note("it is a click tracker, which a link leads to: --js changes nothing")
		}
		if x.LandingURL == "" && !(o.Redir && follows) {
			note("it has no landing_url: the edge answers its clicks with 404, and they do not count")
		}
	}
	return notes
}
