package explain

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"pixledger/schemas"
)

// FewTouches is how many touches are written where not all are asked for.
const FewTouches = 20

// Write writes the explanation for people, to be pasted into a mail: plain
// words, no line that needs the ones of another page. Times are in UTC, that of
// the conversion also in zone. all writes every touch.
func (x *Explanation) Write(w io.Writer, zone *time.Location, all bool) error {
	out := bufio.NewWriter(w)
	p := &printer{out}
	p.conversion(x, zone)
	p.decision(x)
	p.steps(x)
	p.earlier(x)
	p.touches(x, all)
	p.money(x)
	p.ledger(x)
	p.catalog(x)
	return out.Flush()
}

type printer struct{ w *bufio.Writer }

// section writes a heading and, indented and in columns, what cells adds.
func (p *printer) section(heading string, fill func(add func(cells ...string))) {
	fmt.Fprintf(p.w, "\n%s\n", heading)
	p.table(fill)
}

func (p *printer) table(fill func(add func(cells ...string))) {
	t := tabwriter.NewWriter(p.w, 0, 1, 2, ' ', 0)
	fill(func(cells ...string) {
		for i, c := range cells {
			cells[i] = schemas.Shown(c)
		}
		for len(cells) > 1 && cells[len(cells)-1] == "" {
			cells = cells[:len(cells)-1]
		}
		fmt.Fprintln(t, "  "+strings.Join(cells, "\t"))
	})
	_ = t.Flush() // what can fail is the writer below, which keeps its error
}

func (p *printer) conversion(x *Explanation, zone *time.Location) {
	c := &x.Conversion
	fmt.Fprintf(p.w, "Conversion %s\n", schemas.Shown(c.EventID))
	p.table(func(add func(...string)) {
		add("time", utc(c.EventTime))
		if zone != nil && zone != time.UTC && zone.String() != "UTC" {
			add("", clock(c.EventTime.In(zone))+" "+zone.String())
		}
		add("pixel", pixelText(x))
		if x.Pixel != nil {
			add("advertiser", named(x.Pixel.AdvertiserID, x.Pixel.AdvertiserName))
		}
		add("order id", orNone(c.OrderID))
		add("value", valueText(c))
		if c.Other != nil {
			add("other", *c.Other)
		}
		add("user", orNone(c.UserID))
		if c.SSPData != nil {
			add("sspdata", *c.SSPData)
		}
		if c.ServerSide {
			add("sent by", "the advertiser's server")
		} else {
			add("sent by", "the user's browser")
		}
		add("log line", c.At)
	})
	if len(x.OtherLines) == 0 {
		return
	}
	p.section("Other lines with this id, which do not count", func(add func(...string)) {
		for _, l := range x.OtherLines {
			add(utc(l.EventTime), l.Why, l.At)
		}
	})
}

func pixelText(x *Explanation) string {
	c := &x.Conversion
	var sent string
	switch {
	case c.PixelID == nil && c.PixelCode != nil:
		sent = fmt.Sprintf("code %q", *c.PixelCode)
		if c.MemberID != nil {
			sent += fmt.Sprintf(" of member %d", *c.MemberID)
		}
	case c.PixelID == nil:
		return "none was named"
	}
	switch {
	case x.Pixel == nil && sent == "":
		return fmt.Sprintf("%d, which the catalog does not have", *c.PixelID)
	case x.Pixel == nil:
		return sent + ", which the catalog does not have"
	case sent == "":
		return named(x.Pixel.ID, x.Pixel.Name)
	}
	return named(x.Pixel.ID, x.Pixel.Name) + ", by " + sent
}

func orNone(s *string) string {
	if text(s) == "" {
		return "none"
	}
	return *s
}

func valueText(c *Line) string {
	switch {
	case c.Value != nil:
		return c.Value.Short() + ", the advertiser's own figure"
	case text(c.ValueText) != "":
		return fmt.Sprintf("none: %q is no plain number", *c.ValueText)
	}
	return "none"
}

// verdict is a decision in one line.
func (w *Row) verdict(x *Explanation) string {
	if w.Outcome != attributed {
		return w.Outcome + ", " + text(w.Reason)
	}
	said := fmt.Sprintf("%s, %s, %s %s", w.Outcome, text(w.ConversionType), w.BookedRevenue.Short(), text(w.Currency))
	if w.RateMissing {
		said += ", rate_missing"
	}
	if w.LineItemID == nil {
		return said
	}
	name := ""
	for _, i := range x.LineItems {
		if i.ID == *w.LineItemID {
			name = i.Name
		}
	}
	return said + ", line item " + named(*w.LineItemID, name)
}

func (p *printer) decision(x *Explanation) {
	p.section("Decision", func(add func(...string)) {
		if x.Live == nil {
			add("pending: not decided yet;")
		} else {
			add(x.Live.verdict(x))
		}
		if last := x.Steps[len(x.Steps)-1]; !last.Passed && x.Pending == "" {
			add(last.Said)
		}
		if x.Pending != "" {
			if x.Live != nil {
				add("pending: " + x.Pending + ";")
			}
			add("the next `pixledger attribute` decides: " + x.Next.verdict(x))
		}
	})
}

func (p *printer) steps(x *Explanation) {
	p.section("Step by step", func(add func(...string)) {
		for _, s := range x.Steps {
			result := "passed"
			if !s.Passed {
				result = "FAILED"
			}
			add(fmt.Sprintf("%2d", s.Step), s.Name, result, s.Said)
		}
	})
	if len(x.Settings) > 0 {
		p.section("Settings in force at that time", func(add func(...string)) {
			for _, s := range x.Settings {
				add(s.Key, s.Value, s.At)
			}
			add("pixel "+fmt.Sprint(x.Pixel.ID), "", x.Pixel.At)
		})
	}
	if len(x.LineItems) > 0 {
		p.section("Line items that have the pixel", func(add func(...string)) {
			for _, i := range x.LineItems {
				counts := i.NotCounting
				if counts == "" {
					counts = "counts at that time"
				}
				add(named(i.ID, i.Name), counts, i.At)
			}
		})
	}
}

func (p *printer) earlier(x *Explanation) {
	if e := x.Earlier; e != nil {
		p.section("The conversion before", func(add func(...string)) {
			add("conversion", e.ConversionID)
			add("time", utc(e.ConversionTime)+", "+span(e.before())+" before")
			if e.RequiredMinutes != nil {
				add("required", minutes(*e.RequiredMinutes)+" between them")
			}
			at := e.At
			if at == "" {
				at = "erased"
			}
			add("log line", at)
		})
	}
	if v := x.Void; v != nil {
		p.section("Declared not payable", func(add func(...string)) {
			add("reason", v.Reason)
			add("by", v.By)
			add("on", utc(v.VoidedAt))
		})
	}
}

func (p *printer) touches(x *Explanation, all bool) {
	touches := x.Touches
	fmt.Fprintf(p.w, "\nTouches, the winner and then the nearest first: %d\n", len(touches))
	switch {
	case x.Conversion.UserID == nil && text(x.Conversion.SSPData) == "":
		fmt.Fprintln(p.w, "  with neither a user id nor sspdata there is nothing to find any by")
	case len(touches) == 0:
		fmt.Fprintln(p.w, "  none: no click in the 90 days before, no impression in the 30 days before, nothing in the day after")
	}
	if !all && len(touches) > FewTouches {
		touches = touches[:FewTouches]
	}
	for i := range touches {
		p.touch(&touches[i])
	}
	if left := len(x.Touches) - len(touches); left > 0 {
		fmt.Fprintf(p.w, "\n  and %d more, which --all prints\n", left)
	}
}

func (p *printer) touch(t *Touch) {
	mark, age := "lost", span(max(t.age(), -t.age()))+" before"
	switch {
	case t.Verdict == Won:
		mark = "WON"
	case t.Verdict == NotConsidered:
		mark = "-"
	}
	if t.AgeMicros < 0 {
		age = strings.TrimSuffix(age, "before") + "after"
	}
	tracker := "no tracker"
	if t.TrackerID != nil {
		tracker = fmt.Sprintf("tracker %d", *t.TrackerID)
	}
	for _, part := range []struct {
		what string
		id   *int64
		name string
	}{{"line item", t.LineItemID, t.LineItemName}, {"creative", t.CreativeID, t.CreativeName}, {"publisher", t.PublisherID, t.PublisherName}} {
		if part.id != nil {
			tracker += ", " + part.what + " " + named(*part.id, part.name)
		}
	}
	fmt.Fprintf(p.w, "\n  %-4s  %-10s  %s\n", mark, t.Kind, schemas.Shown(t.EventID))
	if t.Verdict != Won {
		fmt.Fprintf(p.w, "        because     %s\n", schemas.Shown(t.Why))
	}
	fmt.Fprintf(p.w, "        time        %s, %s\n        of          %s\n", utc(t.EventTime), age, schemas.Shown(tracker))
	if text(t.Token) != "" {
		fmt.Fprintf(p.w, "        token       %s\n", schemas.Shown(*t.Token))
	}
	fmt.Fprintf(p.w, "        log line    %s\n", schemas.Shown(t.At))
}

func (p *printer) money(x *Explanation) {
	d := &x.Decision
	if d.Outcome != attributed {
		return
	}
	p.section("Money", func(add func(...string)) {
		add("booked_revenue", d.BookedRevenue.Short()+" "+text(d.Currency))
		switch r := x.Rate; {
		case r == nil:
			add("rate", "none is in force at that time: rate_missing, so 0 is booked")
		default:
			add("rate", fmt.Sprintf("since %s: post_click_revenue %s, post_view_revenue %s", utc(r.From), figureText(r.PostClickRevenue), figureText(r.PostViewRevenue)))
			if d.RateMissing {
				add("", "it gives no figure for "+text(d.ConversionType)+": rate_missing, so 0 is booked")
			}
			add("", r.At)
		}
	})
}

func figureText(m *schemas.Money) string {
	if m == nil {
		return "none"
	}
	return m.Short()
}

func (p *printer) ledger(x *Explanation) {
	if len(x.Ledger) == 0 {
		why := "not booked yet"
		if x.Decision.Outcome != attributed {
			why = "nothing is booked"
		}
		fmt.Fprintf(p.w, "\nLedger\n  %s\n", why)
		return
	}
	p.section("Ledger", func(add func(...string)) {
		add("booked", "kind", "      amount", "entry")
		for _, e := range x.Ledger {
			why := text(e.Reason)
			if e.Reverses != nil {
				why = strings.TrimPrefix(why+", reverses "+*e.Reverses, ", ")
			}
			add(e.Booked, e.Kind, fmt.Sprintf("%12s %s", e.Amount.Short(), e.Currency), e.EntryID, why)
		}
		for _, sum := range x.booked() {
			add("", "sum", fmt.Sprintf("%12s %s", sum.Amount.Short(), sum.Currency))
		}
	})
	if !x.settled() {
		fmt.Fprintln(p.w, "  pending: this is not what the decision earns; the next `pixledger close` books the difference, inside adjust_days")
	}
}

// booked gives the sums of a conversion's entries by currency.
func (x *Explanation) booked() []Entry {
	var sums []Entry
	for _, e := range x.Ledger {
		i := slices.IndexFunc(sums, func(s Entry) bool { return s.Currency == e.Currency })
		if i < 0 {
			i, sums = len(sums), append(sums, Entry{Currency: e.Currency})
		}
		sums[i].Amount += e.Amount
	}
	return sums
}

// settled tells whether the entries add up to what the decision earns.
func (x *Explanation) settled() bool {
	left := x.Decision.BookedRevenue
	for _, s := range x.booked() {
		switch {
		case s.Currency == text(x.Decision.Currency):
			left -= s.Amount
		case s.Amount != 0:
			return false
		}
	}
	return left == 0
}

func (p *printer) catalog(x *Explanation) {
	c := &x.Catalog
	p.section("Catalog", func(add func(...string)) {
		add("file", c.File)
		add("digest", c.Digest)
		if c.Warning != "" {
			add("warning: " + c.Warning)
		}
	})
}
