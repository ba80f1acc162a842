package pixelhealth

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// few is from how many loads shares are judged: below it one visitor is a share of
// its own.
const few = 20

// judge judges one pixel.
type judge struct {
	catalog   *schemas.Catalog
	pixel     *schemas.Pixel
	now       time.Time
	until     time.Time // the last event of the lake up to now
	first     time.Time // its first; zero: none
	figures   figures
	macros    map[string]lake.Macros // by UTC date
	strangers []stranger
	// suspicions are the rows of suspicious_traffic that concern the pixel.
	suspicions []suspicion
	since      time.Time // from when on the lake's catalogs have a pixel that never fired; zero: not known

	unreplaced macros // counted for the time that is judged
	out        Pixel
}

func (j *judge) find(id string, severity Severity, remedy, format string, args ...any) {
	j.out.Findings = append(j.out.Findings, Finding{ID: id, Severity: severity, What: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (j *judge) pixelHealth() Pixel {
	p, f := j.pixel, &j.figures
	status, why := j.catalog.PixelStatusAt(p, j.now)
	j.out = Pixel{
		ID: p.ID, Name: p.Name, AdvertiserID: p.AdvertiserID, Status: status, Why: why,
		Loads12h: f.LoadsNow, Loads24h: f.LoadsDay, Judged: "7 days", Findings: []Finding{},
	}
	if f.LastFired != nil {
		t := time.UnixMicro(*f.LastFired).UTC()
		j.out.LastFired = &t
	}
	if f.LoadsDay >= few {
		j.out.Judged = "24 hours"
	}
	j.unreplaced = j.countMacros()
	j.fillFigures()
	j.rhythm()
	if c := f.Contents; c != nil {
		if c.Loads >= few {
			j.traffic(c)
		}
		if c.Valid >= few {
			j.orders(c)
			j.values(c)
			j.limits(c)
			j.placement(c)
		}
	}
	j.macrosLeft()
	j.hosts()
	j.codeWithoutMember()
	j.unattributed()
	j.suspicious()
	slices.SortStableFunc(j.out.Findings, func(x, y Finding) int { return cmp.Compare(rank(x.Severity), rank(y.Severity)) })
	if g := f.Pages; g != nil {
		j.out.PageHours = g.Hours
		for _, u := range g.URLs {
			j.out.Pages = append(j.out.Pages, Page{URL: u.URL, Loads: u.Loads, Last: time.UnixMicro(u.Last).UTC()})
		}
	}
	j.out.Worst = j.out.worst()
	return j.out
}

func rank(s Severity) int { return slices.Index([]Severity{Alarm, Warning, Note, OK}, s) }

func (j *judge) fillFigures() {
	x := &j.out.Figures
	if c := j.figures.Contents; c != nil {
		*x = Figures{
			Loads: c.Loads, Bots: c.Loads - c.Valid, Denied: c.Denied, ServerSide: c.ServerSide, WithOrder: c.WithOrder, WithValue: c.WithValue,
			BadValue: c.BadValue, ZeroValue: c.ZeroValue, LongOrder: c.LongOrder, LongOther: c.LongOther, NoUser: c.NoUser,
			HTTPPage: c.HTTPPage, Images: c.Images, Scripts: c.Scripts,
		}
	}
	if d := j.figures.Doubles; d != nil {
		x.DoubleFires = d.Near
	}
	if o := j.figures.Orders; o != nil {
		x.Orders, x.Repeated = o.Orders, o.Repeated
	}
	if r := j.figures.Reasons; r != nil {
		x.Conversions, x.Attributed = r.Conversions, r.Attributed
	}
}

// share is a part of a whole for people: 12 of 40 (30 %).
func share(part, whole int64) string {
	return fmt.Sprintf("%d of %d (%s)", part, whole, percent(part, whole))
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "0 %"
	}
	tenths := (part*1000 + whole/2) / whole
	if tenths >= 100 || tenths%10 == 0 {
		return fmt.Sprintf("%d %%", (tenths+5)/10)
	}
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}

// atLeast tells whether a part is so many percent of a whole, and so many.
func atLeast(part, whole, percent, least int64) bool {
	return part >= least && part*100 >= whole*percent
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// isPurchase tells whether a pixel's conversions are orders, by its category.
func (j *judge) isPurchase() bool { return j.pixel.EventCategory == "purchase" }

// number is a number of loads that need not be whole, as medians are.
func number(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") }
