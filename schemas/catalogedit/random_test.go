package catalogedit_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pixledger/schemas"
	"pixledger/schemas/catalogedit"
)

// writer writes random catalogs in random ways: blocks and braces, on one line
// and on many, comments wherever they may stand.
type writer struct {
	t        *rapid.T
	comments int
}

func (w *writer) coin(what string) bool { return rapid.Bool().Draw(w.t, what) }

func (w *writer) pick(what string, of ...string) string {
	return rapid.SampledFrom(of).Draw(w.t, what)
}

// remark is a comment to the end of a line, or nothing.
func (w *writer) remark() string {
	if !w.coin("remark") {
		return ""
	}
	w.comments++
	return w.pick("gap", " ", "  ", "\t") + fmt.Sprintf("#c%d", w.comments) + w.pick("text", "", " plain", " é ü 你", "\ttab\t", " 'q", ` "q`, " {x: [", " - id: 1", " # more")
}

// lines are comment and blank lines, or nothing.
func (w *writer) lines(indent int) string {
	var out string
	for range rapid.IntRange(0, 2).Draw(w.t, "lines") {
		if w.coin("blank") {
			out += w.pick("blank line", "\n", "  \n")
			continue
		}
		w.comments++
		out += strings.Repeat(" ", max(0, indent+rapid.IntRange(-2, 2).Draw(w.t, "comment indent"))) + fmt.Sprintf("#c%d%s\n", w.comments, w.pick("text", "", " text", "\tkey: value", " é", "- {id: 1}"))
	}
	return out
}

// pair is a key with its value as written; list is a nested list instead.
type pair struct {
	key, value string
	list       [][]pair
}

func (w *writer) text(s string) string {
	if strings.ContainsAny(s, ":#{}[],'\"é") || w.coin("quoted") {
		if w.coin("single") {
			return "'" + strings.ReplaceAll(s, "'", "''") + "'"
		}
		return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"`
	}
	return s
}

func (w *writer) flowEntry(pairs []pair, indent int) string {
	many := w.coin("many lines")
	end := ""
	gap := func() string {
		if !many {
			return ""
		}
		return w.remark() + "\n" + w.lines(indent+2) + strings.Repeat(" ", indent+2)
	}
	out := "{" + gap()
	for i, p := range pairs {
		value := p.value
		if p.list != nil {
			value = w.flowList(p.list, indent+2)
		}
		out += p.key + ":" + w.pick("colon", " ", "  ", "\t") + value
		switch {
		case i < len(pairs)-1:
			out += w.pick("comma", ",", " ,") + w.pick("space", " ", "  ")
			out += gap()
		case w.coin("last comma"):
			out += ","
		}
	}
	if many {
		end = w.remark() + "\n" + strings.Repeat(" ", indent+1)
	}
	return out + end + "}"
}

func (w *writer) flowList(list [][]pair, indent int) string {
	many := w.coin("many lines of a list")
	out := "["
	for i, e := range list {
		if many {
			out += w.remark() + "\n" + w.lines(indent+2) + strings.Repeat(" ", indent+2)
		}
		out += w.flowEntry(e, indent+2)
		if i < len(list)-1 || w.coin("last comma") {
			out += ", "
		}
	}
	if many {
		out += w.remark() + "\n" + strings.Repeat(" ", indent+1)
	}
	return out + "]"
}

func (w *writer) block(p pair, indent int) string {
	head := strings.Repeat(" ", indent)
	return head + w.inBlock(p, indent)
}

func (w *writer) inBlock(p pair, indent int) string {
	if p.list == nil {
		return p.key + ":" + w.pick("colon", " ", "   ") + p.value + w.remark() + "\n"
	}
	if len(p.list) == 0 {
		return p.key + ":" + w.pick("empty", " []", "", " null", " ~", " [ ]") + w.remark() + "\n"
	}
	if w.coin("flow list") {
		return p.key + ": " + w.flowList(p.list, indent) + w.remark() + "\n"
	}
	dash := indent + rapid.SampledFrom([]int{0, 2, 4}).Draw(w.t, "dash")
	out := p.key + ":" + w.remark() + "\n"
	for _, e := range p.list {
		out += w.lines(dash)
		if w.coin("entry in braces") {
			out += strings.Repeat(" ", dash) + "- " + w.flowEntry(e, dash+2) + w.remark() + "\n"
			continue
		}
		item := rapid.IntRange(2, 4).Draw(w.t, "item")
		for j, p := range e {
			if j == 0 {
				out += strings.Repeat(" ", dash) + "-" + strings.Repeat(" ", item-1) + w.inBlock(p, dash+item)
				continue
			}
			out += w.lines(dash+item) + w.block(p, dash+item)
		}
	}
	return out
}

var someNames = []string{"Checkout", "New: one", "it's", "a # b", "é ü 你好", "{x}", "say \"hi\"", "yes", "007", "- x", "1e3", "null", "x, y", "a: b", "trailing:", "@at", "`tick`", "%p", "2026-01-01", " lead", "tab\there", "multi word name"}

func (w *writer) catalog() string {
	t := w.t
	times := []string{"2026-01-01T00:00:00Z", "2025-06-01T12:30:00+02:00"}
	quoteTime := func(s string) string {
		if w.coin("quoted time") {
			return `"` + s + `"`
		}
		return s
	}
	var pixels, items, advertisers [][]pair
	advertisers = append(advertisers, []pair{{key: "id", value: "7"}, {key: "name", value: w.text("Shoes")}})
	for i := range rapid.IntRange(0, 3).Draw(t, "pixels") {
		p := []pair{{key: "id", value: fmt.Sprint(i + 1)}, {key: "advertiser_id", value: "7"}, {key: "name", value: w.text(w.pick("name", someNames[:7]...))}}
		if w.coin("code") {
			p = append(p, pair{key: "code", value: w.text(fmt.Sprintf("code-%d", i))})
		}
		if w.coin("trigger") {
			p = append(p, pair{key: "trigger_type", value: w.text("view")})
		}
		if w.coin("until") {
			p = append(p, pair{key: "active_until", value: quoteTime(times[0])})
		}
		if w.coin("view") {
			p = append(p, pair{key: "post_view_expire_mins", value: w.pick("mins", "null", "~", "0", "1440")})
		}
		if w.coin("settings") {
			var s [][]pair
			for j := range rapid.IntRange(0, 2).Draw(t, "settings") {
				s = append(s, []pair{{key: "from", value: quoteTime(times[j])}, {key: "post_click_expire_mins", value: "10"}})
			}
			if s == nil {
				s = [][]pair{}
			}
			p = append(p, pair{key: "settings", list: s})
		}
		p = slices.Concat(p[:1], rapid.Permutation(p[1:]).Draw(t, "keys"))
		pixels = append(pixels, p)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "line items") {
		l := []pair{{key: "id", value: fmt.Sprint(i + 1)}, {key: "advertiser_id", value: "7"}, {key: "name", value: w.text("Line")}}
		if w.coin("attached") {
			list := [][]pair{}
			for j := range len(pixels) {
				a := []pair{{key: "pixel_id", value: fmt.Sprint(j + 1)}}
				if w.coin("rates") {
					a = append(a, pair{key: "rates", list: [][]pair{{{key: "from", value: quoteTime(times[0])}, {key: "post_click_revenue", value: `"1.50"`}}}})
				}
				list = append(list, a)
			}
			l = append(l, pair{key: "pixels", list: list})
		}
		items = append(items, l)
	}
	roots := []pair{{key: "version", value: "1"}, {key: "member_id", value: "1"}, {key: "currency", value: w.text("USD")}, {key: "advertisers", list: advertisers}}
	if len(pixels) > 0 || w.coin("pixels key") {
		roots = append(roots, pair{key: "pixels", list: append([][]pair{}, pixels...)})
	}
	if len(items) > 0 || w.coin("line items key") {
		roots = append(roots, pair{key: "line_items", list: append([][]pair{}, items...)})
	}
	roots = rapid.Permutation(roots).Draw(t, "roots")
	out := ""
	switch rapid.IntRange(0, 9).Draw(t, "whole") {
	case 0:
		out = w.flowEntry(roots, 0) + w.remark() + "\n"
	default:
		for _, p := range roots {
			out += w.lines(0) + w.block(p, 0)
		}
	}
	out += w.lines(0)
	if w.coin("marks") {
		out = "---\n" + out
		if strings.HasSuffix(out, "\n") && w.coin("end mark") {
			out += "...\n"
		}
	}
	if w.coin("no last line end") {
		out = strings.TrimRight(out, "\n")
	}
	if w.coin("CRLF") {
		out = strings.ReplaceAll(out, "\n", "\r\n")
	}
	if w.coin("BOM") {
		out = "\ufeff" + out
	}
	return out
}

var comment = regexp.MustCompile(`#c[0-9]+[^\r\n]*`)

// Random edits of random catalogs: every comment and every line that is not
// touched is there, in its order, and the catalog is the one before with the
// change and nothing else.
func TestRandomEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &writer{t: t}
		text := w.catalog()
		before, _, err := schemas.ParseCatalog("catalog.yaml", []byte(text))
		if err != nil {
			t.Fatalf("the test wrote what is no catalog: %v\n%s", err, text)
		}
		want := *before
		want.Pixels = slices.Clone(before.Pixels)
		want.LineItems = slices.Clone(before.LineItems)
		f, err := catalogedit.New("catalog.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		touched := 0
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			touched += randomEdit(t, f, &want)
		}
		r, err := f.Apply()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		got := string(r.Content)
		if a, b := comment.FindAllString(text, -1), comment.FindAllString(got, -1); !slices.Equal(trimmed(a), trimmed(b)) {
			t.Fatalf("comments: %q became %q\nbefore:\n%s\nafter:\n%s", a, b, text, got)
		}
		if lost := missingLines(text, got); lost > touched {
			t.Fatalf("%d lines changed by %d edits\nbefore:\n%s\nafter:\n%s", lost, touched, text, got)
		}
		if strings.Contains(text, "\r\n") && strings.Count(got, "\n") != strings.Count(got, "\r\n") {
			t.Fatalf("line ends are mixed:\n%q", got)
		}
		after, _, err := schemas.ParseCatalog("catalog.yaml", r.Content)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range [][2]any{
			{want.Advertisers, after.Advertisers}, {want.Pixels, after.Pixels}, {want.LineItems, after.LineItems},
			{[]any{want.Version, want.MemberID, want.Currency}, []any{after.Version, after.MemberID, after.Currency}},
		} {
			if !reflect.DeepEqual(c[0], c[1]) {
				t.Fatalf("want %+v\ngot %+v\nbefore:\n%s\nafter:\n%s", c[0], c[1], text, got)
			}
		}
	})
}

func trimmed(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.TrimRight(s, " \t")
	}
	return out
}

// missingLines counts the lines of a text that another does not hold in their order.
func missingLines(before, after string) int {
	a, b := strings.Split(strings.ReplaceAll(before, "\r", ""), "\n"), strings.Split(strings.ReplaceAll(after, "\r", ""), "\n")
	common := make([]int, len(b)+1) // the longest common sequence of lines up to each of b
	for _, line := range a {
		diagonal := 0
		for j := range b {
			above := common[j+1]
			if b[j] == line {
				common[j+1] = diagonal + 1
			} else {
				common[j+1] = max(common[j+1], common[j])
			}
			diagonal = above
		}
	}
	return len(a) - common[len(b)]
}

var editTime = time.Date(2027, 3, 4, 5, 6, 7, 0, time.UTC)

// randomEdit asks for one change and makes it in the catalog that is wanted; it
// gives how many lines it may touch.
func randomEdit(t *rapid.T, f *catalogedit.File, want *schemas.Catalog) int {
	name := rapid.SampledFrom(someNames).Draw(t, "new name")
	n := rapid.IntRange(0, 6).Draw(t, "edit")
	pixels := len(f.Catalog().Pixels)
	if n > 0 && n < 5 && pixels == 0 || n == 5 && (len(want.LineItems) == 0 || pixels == 0) {
		n = 0
	}
	var p *schemas.Pixel
	var e *catalogedit.Entry
	if n > 0 && n < 5 {
		i := rapid.IntRange(0, pixels-1).Draw(t, "pixel")
		p = &want.Pixels[i]
		e = f.Entry("pixels", p.ID)
	}
	switch n {
	case 1:
		e.Set("name", name)
		p.Name = name
	case 2:
		e.Set("min_minutes_per_conv", int64(5))
		five := int64(5)
		p.Base.MinMinutesPerConv = &five
	case 3:
		e.Remove("active_until")
		p.Period.Until = nil
	case 4:
		if slices.ContainsFunc(p.Changes, func(c schemas.SettingsChange) bool { return c.From.Equal(editTime) }) {
			return 0
		}
		e.Insert("settings", "setting", -1, fields{{"from", editTime}, {"unique_order_id", false}})
		p.Changes = append(slices.Clone(p.Changes), schemas.SettingsChange{From: editTime, Set: schemas.SettingsKeys{UniqueOrderID: true}})
	case 5:
		i := &want.LineItems[rapid.IntRange(0, len(want.LineItems)-1).Draw(t, "line item")]
		rate := schemas.Rate{From: editTime, PostClickRevenue: money(2_500_000)}
		row := fields{{"from", editTime}, {"post_click_revenue", schemas.Money(2_500_000)}}
		e := f.Entry("line_items", i.ID)
		if a := e.Entry("pixels", "pixel_id", int64(1)); a != nil {
			if _, there := i.Pixels[0].RateAt(editTime); there && i.Pixels[0].Rates[len(i.Pixels[0].Rates)-1].From.Equal(editTime) {
				return 0
			}
			a.Insert("rates", "rate", -1, row)
			i.Pixels = slices.Clone(i.Pixels)
			i.Pixels[0].Rates = append(slices.Clone(i.Pixels[0].Rates), rate)
		} else if len(i.Pixels) == 0 {
			e.Insert("pixels", "pixel", -1, fields{{"pixel_id", int64(1)}, {"rates", []catalogedit.Fields{row}}})
			i.Pixels = []schemas.Association{{PixelID: 1, State: schemas.Active, Rates: []schemas.Rate{rate}}}
		}
	default:
		id := int64(100 + len(want.Pixels))
		f.Append("pixels", "pixel", fields{{"id", id}, {"advertiser_id", int64(7)}, {"name", name}, {"post_view_expire_mins", nil}})
		want.Pixels = append(want.Pixels, schemas.Pixel{ID: id, AdvertiserID: 7, Name: name, State: schemas.Active, Base: schemas.PixelSettings{
			TriggerType: schemas.TriggerHybrid, PostViewExpireMins: schemas.MaxViewMinutes, PostClickExpireMins: schemas.DefaultClickMinutes, UniqueOrderID: true,
		}})
	}
	return 2
}

func money(n int64) *schemas.Money {
	m := schemas.Money(n)
	return &m
}
