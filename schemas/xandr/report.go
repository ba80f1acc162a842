package xandr

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"pixledger/schemas"
	"pixledger/schemas/yamlfile"
)

// Kind says what a row of a report is about.
type Kind string

// The kinds of rows, in the order in which a report has them.
const (
	New           Kind = "new"
	Changed       Kind = "changed"
	Unchanged     Kind = "unchanged"
	Defaulted     Kind = "defaulted"
	Kept          Kind = "kept"
	Rounded       Kind = "rounded"
	NotTaken      Kind = "not taken"
	NoCounterpart Kind = "no counterpart"
)

var kinds = []Kind{New, Changed, Unchanged, Defaulted, Kept, Rounded, NotTaken, NoCounterpart}

// titles are what people read above the rows of a kind.
var titles = map[Kind]string{
	Defaulted:     "Defaulted: what the JSON leaves open",
	Kept:          "Kept: what the catalog says otherwise than the JSON, and may",
	Rounded:       "Rounded: more than six decimals",
	NotTaken:      "Not taken: what the catalog has no room for",
	NoCounterpart: "No counterpart: what the catalog does not have, with how many entries give it",
}

// Row is one row of a report: so many entries of a list, and of a key, if that
// is given, with a remark.
type Row struct {
	Kind      Kind
	List, Key string
	Entries   int
	Note      string
}

// Report says what an import took of the JSON, and what not.
type Report struct{ rows map[Row]int }

func (r *Report) note(kind Kind, list, key, note string) { r.rows[Row{kind, list, key, 0, note}]++ }

// Rows are the report's rows, in order.
func (r *Report) Rows() []Row {
	var out []Row
	for row, n := range r.rows {
		row.Entries = n
		out = append(out, row)
	}
	slices.SortFunc(out, func(x, y Row) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, x.Kind), slices.Index(kinds, y.Kind)), cmp.Compare(slices.Index(lists, x.List), slices.Index(lists, y.List)),
			cmp.Compare(x.Key, y.Key), cmp.Compare(x.Note, y.Note))
	})
	return out
}

// lists are the lists of the catalog, and of the JSON, in the report's order.
var lists = []string{"advertisers", "insertion_orders", "line_items", "line_items.pixels", "pixels", "pixels.piggyback_pixels", "creatives", "publishers", "trackers"}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var text bytes.Buffer
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	rows := r.Rows()
	count := func(kind Kind, list string) int { return r.rows[Row{Kind: kind, List: list}] }
	fmt.Fprintf(t, "taken\tnew\tchanged\tunchanged\n")
	for _, list := range lists {
		if n, c, u := count(New, list), count(Changed, list), count(Unchanged, list); n+c+u > 0 {
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\n", list, n, c, u)
		}
	}
	last := Unchanged
	for _, row := range rows {
		if titles[row.Kind] == "" {
			continue
		}
		if row.Kind != last {
			last = row.Kind
			fmt.Fprintf(t, "\n%s\n", titles[row.Kind])
		}
		fmt.Fprintf(t, "  %s\t%s\t%d\t%s\n", row.List, row.Key, row.Entries, row.Note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// Columns are the columns of the report as rows of text.
var Columns = []string{"kind", "list", "key", "entries", "note"}

// Texts are the report's rows as text.
func (r *Report) Texts() [][]string {
	var out [][]string
	for _, row := range r.Rows() {
		out = append(out, []string{string(row.Kind), row.List, row.Key, fmt.Sprint(row.Entries), row.Note})
	}
	return out
}

// takenKeys are the keys of the JSON that have a counterpart, or say again what
// another one says.
var takenKeys = map[string]string{
	"pixels": "id advertiser_id member_id name code state trigger_type post_view_expire_mins post_click_expire_mins min_minutes_per_conv " +
		"pixel_conversion_event pixel_conversion_event_id piggyback_pixels",
	"pixels.piggyback_pixels": "pixel_type url",
	"line_items":              "id advertiser_id member_id advertiser name code state start_date end_date timezone currency insertion_order_id insertion_orders pixels creatives imptrackers clicktrackers",
	"line_items.pixels":       "id state post_click_revenue post_view_revenue name trigger_type",
	"advertisers":             "id name",
	"insertion_orders":        "id advertiser_id name code",
	"creatives":               "id name",
	"trackers":                "id member_id advertiser_id click_url publisher line_item",
	"publishers":              "id name",
}

// countKeys notes the keys of an object that are not taken.
func (m *merge) countKeys(n *node, list string) {
	o, ok := n.value.(*object)
	if !ok {
		return
	}
	taken := strings.Fields(takenKeys[list])
	for i, key := range o.keys {
		if !slices.Contains(taken, key) && !o.values[i].empty() {
			m.report.note(NoCounterpart, list, shown(yamlfile.Cut(key)), remarks[list+" "+key])
		}
	}
}

// shown gives a key of the JSON so that it can't act on a terminal or break the
// report's lines.
func shown(key string) string {
	if quoted := strconv.Quote(key); quoted != `"`+key+`"` {
		return quoted
	}
	return key
}

// remarks say more of keys that people ask about.
var remarks = map[string]string{
	"pixels post_click_value":     "the advertiser's own figure: value= in the tag",
	"pixels post_view_value":      "the advertiser's own figure: value= in the tag",
	"pixels line_items":           "the pixels of line items say it",
	"line_items budget_intervals": "of them, the first start and the last end alone",
	"line_items revenue_type":     "a conversion earns the rates of its pixel",
	"line_items goal_pixels":      "goals of optimisation",
}

func money(m *schemas.Money) string {
	if m == nil {
		return "none"
	}
	return m.Short()
}
