package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pixledger/report"
	"pixledger/report/pixelhealth"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// instantType is the type of times in results.
var instantType = &report.Type{Kind: report.KindTime, Name: "TIMESTAMP WITH TIME ZONE"}

func (a *app) pixelStatusCommand() *cobra.Command {
	var format, out string
	var details bool
	c := &cobra.Command{
		Use:   "status [ID…]",
		Short: "Whether pixels fire as they should, and what is wrong with what they bring",
		Long: `Shows a line for each pixel: whether it is Active or Paused and why, when it fired
last, how often in the last twelve hours, and the worst finding about it. With ids
it shows the page of each of these pixels: its figures, every finding with what to
do about it, and the pages that fired it. --details shows that of all pixels.

Findings are of four severities: alarm (conversions are lost, most likely), warning,
note, and ok where there is none. A pixel with few loads is not judged by shares.
docs/pixel-health.md has what is looked at, from which numbers on.`,
		Example: "  pixledger pixel status\n  pixledger pixel status 9012\n  pixledger pixel status 9012 9020 --format json",
		RunE: func(c *cobra.Command, args []string) error {
			f, err := a.outputFormat(format, out)
			if err != nil {
				return err
			}
			if format == "" && out == "" && (details || len(args) > 0) {
				f = report.Table // a page for people, wherever it goes
			}
			ids, err := idArgs("pixel status", args)
			if err != nil {
				return err
			}
			s, err := a.setupToRead("")
			if err != nil {
				return err
			}
			if _, err := findAll("pixel", s.catalog.Pixels, pixelEntry, ids); err != nil {
				return reasons("pixel status", err)
			}
			o := pixelhealth.Options{Now: a.now(), IDs: ids, Pages: details || len(ids) > 0}
			var health *pixelhealth.Health
			bar := a.newProgress("looking at pixels", rowProgress)
			err = a.answer(c.Context(), s, out, func(db *lakedb.DB, w io.Writer) error {
				bar.set("", 0, 0)
				var err error
				if health, err = pixelhealth.Look(c.Context(), db, o); err != nil {
					return err
				}
				return writePixelHealth(w, f, health, o.Pages)
			})
			bar.done()
			if errors.Is(err, lake.ErrNoLake) { // the catalog is there, which is half of the answer
				health = pixelhealth.WithoutLake(s.catalog, o)
				err = a.writeOut(out, func(w io.Writer) error { return writePixelHealth(w, f, health, o.Pages) })
			}
			if err != nil {
				return err
			}
			a.tellOfHealth(health, len(ids) == 0)
			return nil
		},
	}
	c.Flags().BoolVar(&details, "details", false, "the page of each pixel, also where no ids are given")
	c.Flags().StringVar(&format, "format", "", formatHelp())
	c.Flags().StringVarP(&out, "output", "o", "", "write to a file, in one step")
	return c
}

// tellOfHealth tells what concerns no single pixel.
func (a *app) tellOfHealth(h *pixelhealth.Health, all bool) {
	switch {
	case h.Until.IsZero():
		a.logf("warning: the lake has no events yet\n  remedy: read logs with `pixledger ingest`, or start `pixledger run`")
	case h.Now.Sub(h.Until) > time.Hour:
		a.logf("warning: the lake's last event is of %s: what pixels did since is not known, and they are judged up to then\n  remedy: see `pixledger status`: a log may be behind",
			stamp(&h.Until))
	}
	if !all {
		return
	}
	for _, f := range h.Strangers {
		a.logf("%s: %s: %s\n  remedy: %s", f.Severity, f.ID, f.What, f.Remedy)
	}
}

func writePixelHealth(w io.Writer, f report.Format, h *pixelhealth.Health, pages bool) error {
	if pages {
		return writePixelPages(w, f, h)
	}
	return writePixelLines(w, f, h)
}

// writePixelLines writes a line for each pixel.
func writePixelLines(w io.Writer, f report.Format, h *pixelhealth.Health) error {
	out, err := report.NewWriter(w, f, report.Sheet{Title: "pixel status", Guard: true})
	if err != nil {
		return err
	}
	if err := out.Begin([]report.Column{
		{Name: "pixel_id", Type: idType}, {Name: "pixel_name", Type: textType}, {Name: "status", Type: textType}, {Name: "why", Type: textType},
		{Name: "last_fired", Type: instantType}, {Name: "loads_last_12_hours", Type: idType},
		{Name: "findings", Type: idType}, {Name: "severity", Type: textType}, {Name: "finding", Type: textType}, {Name: "what", Type: textType},
	}); err != nil {
		return err
	}
	for i := range h.Pixels {
		p := &h.Pixels[i]
		var last any
		if p.LastFired != nil {
			last = *p.LastFired
		}
		worst := p.Worst
		if err := out.Row([]any{p.ID, p.Name, string(p.Status), p.Why, last, p.Loads12h,
			int64(len(p.Findings)), string(worst.Severity), worst.ID, worst.What}, time.UTC); err != nil {
			return err
		}
	}
	return out.Close()
}

// writePixelPages writes all there is to say of each pixel.
func writePixelPages(w io.Writer, f report.Format, h *pixelhealth.Health) error {
	switch f {
	case report.Table:
		for i := range h.Pixels {
			if i > 0 {
				fmt.Fprintln(w)
			}
			if err := printPixelPage(w, &h.Pixels[i], h); err != nil {
				return err
			}
		}
		return nil
	case report.JSON:
		return writeJSON(w, h.Pixels)
	}
	var rows [][]string
	for i := range h.Pixels {
		rows = append(rows, pixelPageRows(&h.Pixels[i])...)
	}
	return writeRows(w, f, "pixel status", []string{"pixel_id", "section", "name", "value", "remedy"}, rows)
}

// pixelFacts are what is known of a pixel, name and value.
func pixelFacts(p *pixelhealth.Pixel) [][2]string {
	usual, last := "", ""
	if p.Usual24h != nil {
		usual = strconv.FormatInt(*p.Usual24h, 10)
	}
	if p.LastFired != nil {
		last = p.LastFired.Format(time.RFC3339Nano)
	}
	return [][2]string{
		{"pixel_name", p.Name}, {"advertiser_id", strconv.FormatInt(p.AdvertiserID, 10)}, {"status", string(p.Status)}, {"why", p.Why},
		{"last_fired", last}, {"loads_last_12_hours", strconv.FormatInt(p.Loads12h, 10)},
		{"loads_last_24_hours", strconv.FormatInt(p.Loads24h, 10)}, {"usual_24_hours", usual}, {"judged", p.Judged},
	}
}

// pixelFigures are the figures that shares are made of.
func pixelFigures(x *pixelhealth.Figures) []struct {
	name  string
	value int64
} {
	type figure = struct {
		name  string
		value int64
	}
	return []figure{
		{"loads", x.Loads}, {"bots", x.Bots}, {"denied", x.Denied}, {"server_side", x.ServerSide},
		{"with_order_id", x.WithOrder}, {"orders", x.Orders}, {"orders_twice", x.Repeated}, {"long_order_id", x.LongOrder}, {"long_other", x.LongOther},
		{"with_value", x.WithValue}, {"value_no_number", x.BadValue}, {"value_zero", x.ZeroValue},
		{"without_user_id", x.NoUser}, {"double_fires", x.DoubleFires}, {"as_image", x.Images}, {"as_javascript", x.Scripts}, {"on_http_pages", x.HTTPPage},
		{"conversions_last_7_days", x.Conversions}, {"attributed_last_7_days", x.Attributed},
	}
}

func pixelPageRows(p *pixelhealth.Pixel) [][]string {
	id := strconv.FormatInt(p.ID, 10)
	var rows [][]string
	for _, f := range pixelFacts(p) {
		rows = append(rows, []string{id, "pixel", f[0], f[1], ""})
	}
	for _, f := range pixelFigures(&p.Figures) {
		rows = append(rows, []string{id, "figure", f.name, strconv.FormatInt(f.value, 10), ""})
	}
	findings := p.Findings
	if len(findings) == 0 {
		findings = []pixelhealth.Finding{p.Worst}
	}
	for _, f := range findings {
		rows = append(rows, []string{id, string(f.Severity), f.ID, f.What, f.Remedy})
	}
	for _, u := range p.Pages {
		rows = append(rows, []string{id, fmt.Sprintf("pages of %d h", p.PageHours), u.URL, strconv.FormatInt(u.Loads, 10), ""})
	}
	return rows
}

// printPixelPage writes a pixel's page for people.
func printPixelPage(w io.Writer, p *pixelhealth.Pixel, h *pixelhealth.Health) error {
	fmt.Fprintf(w, "pixel %d %s: %s, %s\n\n", p.ID, oneLine(p.Name), p.Status, p.Why)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	usual := "not known yet"
	if p.Usual24h != nil {
		usual = strconv.FormatInt(*p.Usual24h, 10)
	}
	last := "never"
	if p.LastFired != nil {
		last = stamp(p.LastFired)
	}
	fmt.Fprintf(t, "last fired\t%s\nloads in the last 12 hours\t%d\n", last, p.Loads12h)
	fmt.Fprintf(t, "loads in 24 hours\t%d (usual: %s)\n", p.Loads24h, usual)
	if p.Figures.Loads > 0 {
		fmt.Fprintf(t, "\nof %s up to %s\n", p.Judged, stamp(&h.Until))
	}
	for _, f := range pixelFigures(&p.Figures) {
		if name := strings.ReplaceAll(f.name, "_", " "); f.value > 0 {
			fmt.Fprintf(t, "  %s\t%d\n", name, f.value)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(p.Findings) == 0 {
		fmt.Fprintf(w, "\n%s\n", p.Worst.What)
	}
	for _, f := range p.Findings {
		fmt.Fprintf(w, "\n%s: %s: %s\n  remedy: %s\n", f.Severity, f.ID, f.What, f.Remedy)
	}
	return printPages(w, p)
}

func printPages(w io.Writer, p *pixelhealth.Pixel) error {
	if len(p.Pages) == 0 {
		return nil
	}
	when := "hour"
	if p.PageHours > 1 {
		when = fmt.Sprintf("%d hours", p.PageHours)
	}
	fmt.Fprintf(w, "\npages of the last %s\n", when)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, u := range p.Pages {
		fmt.Fprintf(t, "  %d\t%s\t%s\n", u.Loads, stamp(&u.Last), oneLine(u.URL))
	}
	return t.Flush()
}
