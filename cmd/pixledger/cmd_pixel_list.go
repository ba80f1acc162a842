package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pixledger/ingest/tag"
	"pixledger/report"
	"pixledger/schemas"
)

// idType is the type of ids in results: text in json, never rounded in xlsx.
var idType = &report.Type{Kind: report.KindBigInt, Name: "BIGINT"}

// textType is the type of words in results.
var textType = &report.Type{Kind: report.KindText, Name: "VARCHAR"}

// orNull is a text that is null where it is empty.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (a *app) pixelListCommand() *cobra.Command {
	var format, out string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the catalog's conversion pixels",
		Long: `Lists the conversion pixels of the catalog with their advertiser, whether they are
Active or Paused, and why. It reads the catalog alone; pixel status tells when they
fired.`,
		Example: "  pixledger pixel list\n  pixledger pixel list --format json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := a.outputFormat(format, out)
			if err != nil {
				return err
			}
			s, err := a.setup()
			if err != nil {
				return err
			}
			return a.writeOut(out, func(w io.Writer) error { return a.listPixels(w, f, s.catalog) })
		},
	}
	c.Flags().StringVar(&format, "format", "", formatHelp())
	c.Flags().StringVarP(&out, "output", "o", "", "write to a file, in one step")
	return c
}

func (a *app) listPixels(w io.Writer, f report.Format, cat *schemas.Catalog) error {
	out, err := report.NewWriter(w, f, report.Sheet{Title: "pixels", Guard: true})
	if err != nil {
		return err
	}
	if err := out.Begin([]report.Column{
		{Name: "pixel_id", Type: idType}, {Name: "name", Type: textType}, {Name: "code", Type: textType}, {Name: "advertiser_id", Type: idType},
		{Name: "advertiser_name", Type: textType}, {Name: "status", Type: textType}, {Name: "why", Type: textType},
	}); err != nil {
		return err
	}
	for i := range cat.Pixels {
		p := &cat.Pixels[i]
		status, why := cat.PixelStatusAt(p, a.now())
		advertiser := ""
		if x := cat.Advertiser(p.AdvertiserID); x != nil {
			advertiser = x.Name
		}
		if err := out.Row([]any{p.ID, p.Name, orNull(p.Code), p.AdvertiserID, orNull(advertiser), string(status), why}, time.UTC); err != nil {
			return err
		}
	}
	return out.Close()
}

func (a *app) pixelShowCommand() *cobra.Command {
	var format, out, host string
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show one conversion pixel: settings, line items, rates, tags",
		Long: `Shows one conversion pixel as the catalog has it: the settings in force now and
those to come, the line items that it is attached to with the rates in force, its
piggybacks, and its tags. Where a value stands in the catalog's file is shown as
FILE:LINE:COLUMN; a value without one is the default.`,
		Example: "  pixledger pixel show 9012\n  pixledger pixel show 9012 --format json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := a.outputFormat(format, out)
			if err != nil {
				return err
			}
			if format == "" && out == "" {
				f = report.Table // a page for people, wherever it goes
			}
			ids, err := idArgs("pixel show", args)
			if err != nil {
				return err
			}
			if err := checkTagHost(c, host); err != nil {
				return err
			}
			s, err := a.setup()
			if err != nil {
				return err
			}
			pixels, err := findAll("pixel", s.catalog.Pixels, pixelEntry, ids)
			if err != nil {
				return reasons("pixel show", err)
			}
			if host == "" {
				host = s.cfg.Edge.Host
			}
			shown := showPixel(s, pixels[0], a.now(), host)
			return a.writeOut(out, func(w io.Writer) error {
				if f == report.Table {
					return shown.print(w)
				}
				return writeRows(w, f, "pixel", []string{"section", "name", "value", "where"}, shown.rows)
			})
		},
	}
	c.Flags().StringVar(&format, "format", "", strings.Replace(formatHelp(), "default table on a terminal, else csv", "default table", 1))
	c.Flags().StringVarP(&out, "output", "o", "", "write to a file, in one step")
	c.Flags().StringVar(&host, "host", "", "the edge's name in the tags (default edge.host of the configuration)")
	return c
}

// shownPixel is a pixel as rows of section, name, value and where it stands.
type shownPixel struct{ rows [][]string }

func (s *shownPixel) add(section, name, value string, at schemas.Position, stands bool) {
	where := ""
	if stands {
		where = at.String()
	}
	s.rows = append(s.rows, []string{section, name, value, where})
}

func (s *shownPixel) say(section, name, value string) {
	s.add(section, name, value, schemas.Position{}, false)
}

// showPixel gathers what there is to say of a pixel at a time.
func showPixel(s *setup, p *schemas.Pixel, now time.Time, host string) *shownPixel {
	cat, at := s.catalog, s.catalog.Positions(s.cfg.Catalog)
	out := &shownPixel{}
	position, stands := at.Pixel(p.ID)
	out.add("pixel", "id", strconv.FormatInt(p.ID, 10), position, stands)
	out.say("pixel", "name", p.Name)
	if p.Code != "" {
		out.say("pixel", "code", p.Code)
	}
	advertiser := strconv.FormatInt(p.AdvertiserID, 10)
	if x := cat.Advertiser(p.AdvertiserID); x != nil {
		advertiser += " (" + x.Name + ")"
	}
	out.say("pixel", "advertiser", advertiser)
	if p.EventCategory != "" {
		out.say("pixel", "event_category", p.EventCategory)
	}
	status, why := cat.PixelStatusAt(p, now)
	out.say("pixel", "status", string(status)+": "+why)

	settings := p.SettingsAt(now)
	for _, key := range shownSettings {
		position, stands := at.Setting(p.ID, key.name, now)
		out.add("settings", key.name, key.value(settings), position, stands)
	}
	for _, c := range p.Changes {
		if !c.From.After(now) {
			continue
		}
		for _, key := range shownSettings {
			if key.set(c.Set) {
				position, stands := at.Setting(p.ID, key.name, c.From)
				out.add("from "+c.From.Format(time.RFC3339Nano), key.name, key.value(c.To), position, stands)
			}
		}
	}
	out.lineItems(cat, at, p, now)
	for i, g := range p.Piggybacks {
		out.say("piggyback", fmt.Sprintf("%d %s", i+1, g.PixelType), g.URL)
	}
	out.tags(cat, p, host)
	return out
}

// shownSettings are the settings in the words of the catalog.
var shownSettings = []struct {
	name  string
	value func(schemas.PixelSettings) string
	set   func(schemas.SettingsKeys) bool
}{
	{"trigger_type", func(s schemas.PixelSettings) string { return string(s.TriggerType) }, func(k schemas.SettingsKeys) bool { return k.TriggerType }},
	{"post_view_expire_mins", func(s schemas.PixelSettings) string { return minutesText(s.PostViewExpireMins) }, func(k schemas.SettingsKeys) bool { return k.PostViewExpireMins }},
	{"post_click_expire_mins", func(s schemas.PixelSettings) string { return minutesText(s.PostClickExpireMins) }, func(k schemas.SettingsKeys) bool { return k.PostClickExpireMins }},
	{"min_minutes_per_conv", repeatText, func(k schemas.SettingsKeys) bool { return k.MinMinutesPerConv }},
	{"unique_order_id", func(s schemas.PixelSettings) string { return strconv.FormatBool(s.UniqueOrderID) }, func(k schemas.SettingsKeys) bool { return k.UniqueOrderID }},
}

// minutesText is a window in minutes and in what people count in.
func minutesText(n int64) string {
	switch {
	case n%1440 == 0:
		return fmt.Sprintf("%d (%s)", n, count(int(n/1440), "day"))
	case n%60 == 0:
		return fmt.Sprintf("%d (%s)", n, count(int(n/60), "hour"))
	}
	return strconv.FormatInt(n, 10)
}

func repeatText(s schemas.PixelSettings) string {
	switch {
	case s.MinMinutesPerConv == nil:
		return "null (one conversion a user)"
	case *s.MinMinutesPerConv == 0:
		return "0 (every conversion)"
	}
	return fmt.Sprintf("%d (at least so many minutes apart)", *s.MinMinutesPerConv)
}

func (s *shownPixel) lineItems(cat *schemas.Catalog, at *schemas.CatalogPositions, p *schemas.Pixel, now time.Time) {
	currency := ""
	if x := cat.Advertiser(p.AdvertiserID); x != nil {
		currency = x.Currency
	}
	for _, a := range cat.Attachments(p.ID) {
		section := fmt.Sprintf("line item %d", a.LineItem.ID)
		position, stands := at.Association(a.LineItem.ID, p.ID)
		s.add(section, "name", a.LineItem.Name, position, stands)
		counts := a.NotCounting(now)
		if counts == "" {
			counts = "active"
		}
		s.say(section, "state", counts)
		rate, found := a.Association.RateAt(now)
		if !found {
			s.say(section, "rates", "none is in force: conversions are booked at 0, marked rate_missing")
		} else {
			position, stands := at.Rate(a.LineItem.ID, p.ID, rate.From)
			s.add(section, "post_click_revenue", moneyText(rate.PostClickRevenue, currency), position, stands)
			s.add(section, "post_view_revenue", moneyText(rate.PostViewRevenue, currency), position, stands)
		}
		for _, r := range a.Association.Rates {
			if r.From.After(now) {
				position, stands := at.Rate(a.LineItem.ID, p.ID, r.From)
				s.add(section, "from "+r.From.Format(time.RFC3339Nano),
					"post click "+moneyText(r.PostClickRevenue, currency)+", post view "+moneyText(r.PostViewRevenue, currency), position, stands)
			}
		}
	}
}

func moneyText(m *schemas.Money, currency string) string {
	if m == nil {
		return "none: booked at 0, marked rate_missing"
	}
	return m.Short() + " " + currency
}

// tags are what to paste: of each kind the tag, or why there is none.
func (s *shownPixel) tags(cat *schemas.Catalog, p *schemas.Pixel, host string) {
	if tag.CheckHost(host) != nil {
		s.say("tag", "host", "the edge has no name: set edge.host in the configuration, or give --host")
		return
	}
	for _, kind := range []struct {
		name string
		o    tag.PixelOptions
	}{
		{"image", tag.PixelOptions{Host: host}},
		{"javascript", tag.PixelOptions{Host: host, JS: true}},
		{"server-side", tag.PixelOptions{Host: host, ServerSide: true}},
	} {
		t, err := tag.Pixel(cat, p, kind.o)
		if err != nil {
			s.say("tag", kind.name, "none: "+strings.TrimPrefix(err.Error(), fmt.Sprintf("pixel %d: ", p.ID)))
			continue
		}
		s.say("tag", kind.name, t.Text())
	}
}

// print writes the pixel for people, a section after the other.
func (s *shownPixel) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	last := ""
	for _, r := range s.rows {
		if r[0] != last {
			if last != "" {
				fmt.Fprintln(t)
			}
			fmt.Fprintln(t, oneLine(r[0]))
			last = r[0]
		}
		line := "  " + r[1] + "\t" + oneLine(r[2])
		if r[3] != "" {
			line += "\t" + r[3]
		}
		fmt.Fprintln(t, line)
	}
	return t.Flush()
}

// oneLine keeps what a name may hold from breaking a page's lines and columns.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}
