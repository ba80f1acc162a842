package report

import (
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// Params are what a report is asked for, as the flags give it. The zero value
// of a field is the flag's default.
type Params struct {
	Range    string // a name of RangeNames; default lifetime
	From, To string // half-open: RFC 3339, or a date as midnight in the zone
	Interval string // hourly, daily, monthly or cumulative; default cumulative
	By       []string
	Filters  []string // col=val
	Columns  []string // show these alone, in this order; none is all
	TimeZone string   // an IANA name, or advertiser; default Zone
	// Limit is how many rows are written, the first ones; 0 is all. A page draws and
	// adds up all of them.
	Limit int64
	// Values are those of the report's own parameters, by their names.
	Values map[string]string

	Zone       *time.Location // the configuration's; nil is UTC
	LedgerFrom schemas.Day    // the configuration's; empty where it has none
	Gaps       []lake.Gap     // the open ones, those of silent sources with them
	Now        time.Time

	// Totals, where it is set, takes the totals of a report that has some, once
	// all rows are written.
	Totals io.Writer
}

// AdvertiserZone is the --time-zone that counts each advertiser's rows in the
// advertiser's own zone.
const AdvertiserZone = "advertiser"

var intervals = []struct{ name, column string }{
	{"hourly", "hour"}, {"daily", "day"}, {"monthly", "month"}, {"cumulative", ""},
}

// plan is a report with its parameters judged.
type plan struct {
	def     *Definition
	show    []string            // the columns of the result, in order
	by      []string            // columns that rows are grouped by, the interval's first
	filters map[string][]string // accepted values by column; "" is null
	// rowFilters are those that a user's statement leaves to us, by column.
	rowFilters map[string][]string
	values     map[string]string // of the report's own parameters
	zone       *time.Location
	list       *listOptions // of the advertiser\'s list that it reads, or nil
	byOwner    bool         // by the advertisers' zones, where they have one
	params     *Params
}

func newPlan(d *Definition, p *Params) (*plan, error) {
	pl := &plan{def: d, zone: p.Zone, params: p}
	if err := pl.takeZone(); err != nil {
		return nil, err
	}
	if err := pl.takeColumns(); err != nil {
		return nil, err
	}
	if err := pl.takeFilters(); err != nil {
		return nil, err
	}
	if err := pl.takeValues(); err != nil {
		return nil, err
	}
	if err := pl.takeList(); err != nil {
		return nil, err
	}
	if err := pl.takePaths(); err != nil {
		return nil, err
	}
	_, err := p.resolve(pl.zone)
	return pl, err
}

func (pl *plan) takeZone() (err error) {
	if pl.zone == nil {
		pl.zone = time.UTC
	}
	p := pl.params
	if pl.def.Rangeless && (p.Range != "" || p.From != "" || p.To != "") {
		if pl.def.own != nil && !pl.def.own.saysRangeless {
			return usage("no --range, --from or --to, or a statement with $from and $until", "the statement of %s has no range", pl.def.Name)
		}
		return usage("no --range, --from or --to", "%s has no range", pl.def.Name)
	}
	if o := pl.def.own; o != nil && p.TimeZone == AdvertiserZone && !o.readsSpans {
		return usage("an IANA name, or a statement that joins report_spans and report_zones", "the statement of %s has one zone", pl.def.Name)
	}
	switch p.TimeZone {
	case "":
	case AdvertiserZone:
		pl.byOwner = true
	default:
		if pl.zone, err = loadZone(p.TimeZone); err != nil {
			return err
		}
	}
	if pl.def.UTC {
		pl.zone, pl.byOwner = time.UTC, false
	}
	return nil
}

func (pl *plan) takeColumns() error {
	d, p := pl.def, pl.params
	if p.Interval != "" && len(d.Intervals) == 0 {
		return usage("no --interval", "%s has no intervals", d.Name)
	}
	column, known := "", p.Interval == ""
	names := make([]string, 0, len(intervals))
	for _, i := range intervals {
		if i.name == p.Interval {
			column, known = i.column, true
		}
		names = append(names, i.name)
	}
	if !known {
		return usage(words(names), "there is no interval %q", p.Interval)
	}
	if column != "" {
		pl.by, pl.show = append(pl.by, column), append(pl.show, column)
	}
	by := p.By
	if len(by) == 0 {
		by = d.By
	}
	for _, name := range by {
		i := slices.IndexFunc(d.Dimensions, func(dim Dimension) bool { return dim.ID == name })
		if i < 0 && len(d.Dimensions) == 0 {
			return usage("no --by", "%s has no dimensions", d.Name)
		}
		if i < 0 {
			return usage(words(d.dimensionIDs()), "%s has no dimension %q", d.Name, name)
		}
		if !slices.Contains(pl.by, name) {
			pl.by, pl.show = append(pl.by, name), append(pl.show, name, d.Dimensions[i].Name)
		}
	}
	for _, c := range d.Columns {
		pl.show = append(pl.show, c.Name)
	}
	for _, c := range d.Asked {
		if p.Values[c.Param] == "true" {
			pl.show = append(pl.show, c.Name)
		}
	}
	if len(p.Columns) == 0 {
		return nil
	}
	for _, name := range p.Columns {
		if d.unnamed() {
			break // the statement says which there are
		}
		if !slices.Contains(pl.show, name) {
			return usage(words(pl.show), "%s shows no column %q here", d.Name, name)
		}
	}
	pl.show = slices.Clone(p.Columns)
	return nil
}

func (pl *plan) takeFilters() error {
	d := pl.def
	pl.filters, pl.rowFilters = map[string][]string{}, map[string][]string{}
	for _, f := range pl.params.Filters {
		name, value, ok := strings.Cut(f, "=")
		if !ok {
			return usage("column=value", "--filter: %q has no =", f)
		}
		if d.own != nil && (len(d.Filters) == 0 || slices.Contains(d.Filters, name)) {
			if err := pl.takeOwnFilter(name, value); err != nil {
				return err
			}
			continue
		}
		if !slices.Contains(d.Filters, name) {
			return usage(words(d.Filters), "--filter: %s has no column %q to filter by", d.Name, name)
		}
		c, _ := d.filterColumn(name)
		canonical, err := canonicalValue("--filter", c.Name, c.Type, value)
		if err != nil {
			return err
		}
		pl.filters[name] = append(pl.filters[name], canonical)
	}
	for _, name := range d.Required {
		if len(pl.filters[name])+len(pl.rowFilters[name]) == 0 {
			return usage("--filter "+name+"=VALUE", "%s needs a filter on %s", d.Name, name)
		}
	}
	return nil
}

// takeValues judges the values of the report's own parameters.
func (pl *plan) takeValues() error {
	d := pl.def
	pl.values = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(pl.params.Values)) {
		i := slices.IndexFunc(d.Params, func(p ParamDef) bool { return p.Name == name })
		if i < 0 {
			return usage(words(d.paramFlags()), "%s takes no %s", d.Name, ParamDef{Name: name, own: d.own != nil}.Flag())
		}
		p := d.Params[i]
		canonical, err := canonicalValue(p.Flag(), p.Name, p.Type, pl.params.Values[name])
		if err != nil {
			return err
		}
		if canonical != "" {
			pl.values[name] = canonical
		}
	}
	for _, p := range d.Params {
		if p.Required && pl.values[p.Name] == "" {
			return usage(p.Flag()+" VALUE: "+p.Doc, "%s needs %s", d.Name, p.Flag())
		}
	}
	return nil
}

// paramFlags lists the flags of the report's own parameters.
func (d *Definition) paramFlags() []string {
	if len(d.Params) == 0 {
		return []string{"no parameter of its own"}
	}
	flags := make([]string, len(d.Params))
	for i, p := range d.Params {
		flags[i] = p.Flag()
	}
	return flags
}

var wholeNumber = regexp.MustCompile(`^-?[0-9]+$`)

// canonicalValue gives a value as DuckDB writes it, a time as microseconds since
// 1970, so that texts compare; the empty value is null.
func canonicalValue(flag, name, kind, value string) (string, error) {
	if value == "" {
		return "", nil
	}
	refuse := func(allowed string) (string, error) {
		return "", usage(allowed+", or nothing for null", "%s: %q is no %s", flag, value, name)
	}
	switch kind {
	case typeBigInt:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || !wholeNumber.MatchString(value) {
			return refuse("a whole number")
		}
		return strconv.FormatInt(n, 10), nil
	case typeMoney, typeSum:
		m, ok := schemas.ParseMoney(value)
		_, places, _ := strings.Cut(value, ".")
		if !ok || len(strings.TrimRight(places, "0")) > 6 { // rounded, it would find what it is not
			return refuse("a decimal number of up to six places")
		}
		return m.String(), nil
	case typeTime:
		t, err := time.Parse(time.RFC3339, value)
		if err != nil || t.Nanosecond()%1000 != 0 {
			return refuse("RFC 3339, to the microsecond")
		}
		return strconv.FormatInt(t.UnixMicro(), 10), nil
	case typeDate:
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return refuse("a date such as 2026-03-08")
		}
	case typeMonth:
		if _, err := time.Parse("2006-01", value); err != nil {
			return refuse("a month such as 2026-03")
		}
	case typeBoolean:
		if value != "true" && value != "false" {
			return refuse("true, false")
		}
	case typeDuration:
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 || d%time.Microsecond != 0 {
			return refuse("a duration such as 90s, 15m or 2h")
		}
		return strconv.FormatInt(d.Microseconds(), 10), nil
	}
	return value, nil
}

// ofPixels tells whether touches are left out: they have no pixel.
func (pl *plan) ofPixels() bool {
	return slices.Contains(pl.by, "pixel_id") || len(pl.filters["pixel_id"]) > 0 || len(pl.filters["pixel_name"]) > 0
}
