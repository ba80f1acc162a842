package tag

import (
	"errors"
	"fmt"
	"strconv"

	"pixledger/ingest/grammar"
	"pixledger/schemas"
)

// PixelOptions say how a conversion pixel is written. The zero value, with a
// host, is a secure image.
type PixelOptions struct {
	Host       string
	JS         bool // a script instead of an image
	HTTP       bool // not secure
	Codes      bool // codes and the member instead of ids
	ServerSide bool // a URL that a server calls
	Add        []*schemas.Segment
	Remove     []*schemas.Segment
	OrderID    bool // macros for these
	Value      bool
	Other      bool
	Redir      bool
}

// Pixel writes the tag of a conversion pixel. What it can't be written as is an
// error that says why, all reasons at once.
func Pixel(cat *schemas.Catalog, p *schemas.Pixel, o PixelOptions) (*Tag, error) {
	if err := pixelProblems(p, o); err != nil {
		return nil, err
	}
	t := &Tag{Name: named("Conversion pixel", p.ID, p.Name)}
	if o.ServerSide {
		t.Form = Link
		a := newAddress(o.Host, o.HTTP, grammar.SSPX)
		a.addID(grammar.ID, p.ID)
		o.addMacros(a)
		a.add(grammar.SSPData, SSPDataMacro)
		t.URL = a.b.String()
		return t, nil
	}
	var kind string
	t.Form, kind = form(o.JS)
	a := newAddress(o.Host, o.HTTP, grammar.PX)
	seg, remove := grammar.Seg, grammar.Remove
	if o.Codes {
		a.add(grammar.Code, encoded(p.Code))
		a.addID(grammar.Member, cat.MemberID)
		seg, remove = grammar.SegCode, grammar.RemoveCode
	} else {
		a.addID(grammar.ID, p.ID)
	}
	a.addList(seg, o.segments(o.Add))
	a.addList(remove, o.segments(o.Remove))
	o.addMacros(a)
	a.add(grammar.Type, kind)
	a.addIf(o.Redir, grammar.Redir, RedirectMacro)
	t.URL = a.b.String()
	t.Notes = pixelNotes(cat, p, o)
	return t, nil
}

func (o *PixelOptions) addMacros(a *address) {
	a.addIf(o.OrderID, grammar.OrderID, OrderIDMacro)
	a.addIf(o.Value, grammar.Value, RevenueMacro)
	a.addIf(o.Other, grammar.Other, OtherMacro)
}

// segments names segments as the URL does.
func (o *PixelOptions) segments(list []*schemas.Segment) []string {
	out := make([]string, len(list))
	for i, s := range list {
		if o.Codes {
			out[i] = encoded(s.Code)
		} else {
			out[i] = strconv.FormatInt(s.ID, 10)
		}
	}
	return out
}

// pixelProblems says all that keeps a pixel from being written so.
func pixelProblems(p *schemas.Pixel, o PixelOptions) error {
	var all []error
	refuse := func(format string, args ...any) {
		all = append(all, fmt.Errorf("pixel %d: %s", p.ID, fmt.Sprintf(format, args...)))
	}
	if o.ServerSide {
		for _, x := range []struct {
			asked bool
			what  string
		}{
			{o.JS, "--js: a server loads no script"},
			{o.Codes, "--codes: /sspx takes ids alone"},
			{len(o.Add) > 0, "--add: segments can't be changed by a server's call, which brings no cookie"},
			{len(o.Remove) > 0, "--remove: segments can't be changed by a server's call, which brings no cookie"},
			{o.Redir, "--redir: a server is not led on"},
		} {
			if x.asked {
				refuse("a server-side pixel takes no %s; allowed beside --server-side: --order-id --value --other --http --host", x.what)
			}
		}
	} else if !o.JS && !p.ImageCanPiggyback() {
		refuse("an image can't carry its piggybacks (%s): it leads on once, to one image; allowed: --js, or one piggyback of type img", piggybackWords(p))
	}
	if o.Codes && !o.ServerSide {
		if p.Code == "" {
			refuse("it has no code; allowed: a pixel with a code, or no --codes")
		} else if why := codeProblem(p.Code, false); why != "" {
			refuse("its code %s; allowed: another code, or no --codes", why)
		}
		for _, list := range [][]*schemas.Segment{o.Add, o.Remove} {
			for _, s := range list {
				if s.Code == "" {
					refuse("segment %d has no code; allowed: segments with a code, or no --codes", s.ID)
				} else if why := codeProblem(s.Code, true); why != "" {
					refuse("segment %d: its code %s; allowed: another code, or no --codes", s.ID, why)
				}
			}
		}
	}
	for _, s := range o.Add {
		for _, r := range o.Remove {
			if s.ID == r.ID {
				refuse("segment %d stands in --add and in --remove, and a removal comes after an addition; allowed: one of them", s.ID)
			}
		}
	}
	return errors.Join(all...)
}

// piggybackWords counts a pixel's piggybacks by type.
func piggybackWords(p *schemas.Pixel) string {
	images, scripts := 0, 0
	for _, g := range p.Piggybacks {
		if g.PixelType == "js" {
			scripts++
		} else {
			images++
		}
	}
	return fmt.Sprintf("%d of type img, %d of type js", images, scripts)
}

func pixelNotes(cat *schemas.Catalog, p *schemas.Pixel, o PixelOptions) []string {
	var notes []string
	note := func(format string, args ...any) {
		notes = append(notes, fmt.Sprintf("pixel %d: %s", p.ID, fmt.Sprintf(format, args...)))
	}
	if o.Redir {
		if !redirects(cat, p.AdvertiserID) {
			note("advertiser %d has no redirect_hosts: the edge follows no redir of it", p.AdvertiserID)
		} else if len(p.Piggybacks) > 0 {
			note("a redir that is followed takes the place of its piggybacks")
		}
	}
	if o.HTTP {
		note("over http a browser sends no cookie from a page of another site: hardly any conversion is attributed")
	}
	return notes
}

// redirects tells whether the edge follows any redir of an advertiser's.
func redirects(cat *schemas.Catalog, advertiserID int64) bool {
	a := cat.Advertiser(advertiserID)
	return a != nil && len(a.RedirectHosts) > 0
}
