package xandr

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pixledger/schemas"
	"pixledger/schemas/catalogedit"
	"pixledger/schemas/yamlfile"
)

const minimal = "version: 1\nmember_id: 958\ncurrency: USD\n"

// run imports JSON texts into a catalog and gives what comes out.
func run(t *testing.T, catalog string, pixels, lineItems []string) (*catalogedit.Result, *Report, *Input, error) {
	t.Helper()
	dir, n := t.TempDir(), 0
	files := func(texts []string) (out []string) {
		for _, text := range texts {
			n++
			path := filepath.Join(dir, fmt.Sprintf("%d.json", n))
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			out = append(out, path)
		}
		return out
	}
	in, err := Read(files(pixels), files(lineItems))
	if err != nil {
		return nil, nil, nil, err
	}
	f, err := catalogedit.New("catalog.yaml", []byte(catalog))
	if err != nil {
		t.Fatal(err)
	}
	report, err := in.Merge(f)
	if err != nil {
		return nil, nil, nil, err
	}
	r, err := f.Apply()
	if err != nil {
		t.Fatal(err)
	}
	return r, report, in, nil
}

// The API's answers come in several wrappings; all of them are read.
func TestWrappings(t *testing.T) {
	const one = `{"id": 1, "advertiser_id": 7, "name": "A"}`
	const two = `{"id": "2", "advertiser_id": "7", "name": "B"}`
	for name, files := range map[string][]string{
		"an answer":            {`{"response": {"status": "OK", "count": 2, "pixels": [` + one + `,` + two + `]}}`},
		"answers for one each": {`{"response": {"pixel": ` + one + `}}`, `{"response": {"status": "OK", "pixel": ` + two + `}}`},
		"pages that overlap":   {`{"response": {"pixels": [` + one + `]}}`, `{"response": {"pixels": [` + two + `,` + one + `]}}`},
		"the inside alone":     {`{"status": "OK", "pixels": [` + one + `,` + two + `]}`},
		"a list":               {"\ufeff[" + one + ",\r\n" + two + "]"},
		"a list of answers":    {`[{"response": {"pixels": [` + one + `]}}, {"response": {"pixels": [` + two + `]}}]`},
		"one alone":            {one, two},
		"no pixels beside":     {`{"response": {"pixels": null}}`, `[` + one + `,` + two + `]`},
	} {
		t.Run(name, func(t *testing.T) {
			r, report, in, err := run(t, minimal, files, nil)
			if err != nil {
				t.Fatal(err)
			}
			c := r.Catalog
			if len(c.Pixels) != 2 || c.Pixels[0].Name != "A" || c.Pixels[1].ID != 2 || c.Advertiser(7).Name != "7" || len(in.Warnings) > 0 {
				t.Errorf("got %+v, warnings %v", c.Pixels, in.Warnings)
			}
			if got := report.rows[Row{Kind: New, List: "pixels"}]; got != 2 {
				t.Errorf("%d pixels are reported as new", got)
			}
		})
	}
}

// Whatever the text is, there is an answer with a place.
func TestHostileJSON(t *testing.T) {
	for name, c := range map[string][2]string{
		"nothing":        {"", "1:1: this is no readable JSON: the file is empty"},
		"blank":          {" \n\n ", "1:1: this is no readable JSON: the file is empty"},
		"text":           {"hello", "1:1: this is no readable JSON: invalid character 'h'"},
		"cut in a text":  {"[\n{\"id\": 1, \"name\": \"é", "this is no readable JSON: it ends too early"},
		"two values":     {"[]\n[]", "2:1: more text stands behind the JSON"},
		"a comma":        {"[\n  {\"id\": 1,}\n]", "2:12: this is no readable JSON: invalid character '}'"},
		"a key twice":    {"[{\"id\": 1,\n \"é\": 2, \"id\": 3}]", "2:10: \"id\" is given twice, first on line 1"},
		"deep":           {strings.Repeat("[", 100_000), "1:66: lists and objects are nested too deep"},
		"deep objects":   {strings.Repeat(`{"a":`, 100_000), "nested too deep"},
		"UTF-16":         {"\xff\xfe[\x00]\x00", "1:1: the text is UTF-16"},
		"no UTF-8":       {"[\n\"\xff\"]", "2:2: the text is not UTF-8"},
		"a number":       {"17", "1:1: this is 17; allowed: the answer to GET /pixel"},
		"null":           {"null", "1:1: this is null"},
		"a list in one":  {"[[]]", "1:2: a list stands in a list"},
		"a text in one":  {"[\"x\"]", "1:2: this is \"x\""},
		"another thing":  {`{"response": {"status": "OK", "segments": []}}`, "1:14: no pixels and no pixel stands here"},
		"an error":       {`{"response": {"status": "ERROR"}}`, "1:25: the status of the answer is \"ERROR\""},
		"an odd list":    {`{"pixels": 5}`, "1:12: pixels is 5"},
		"an odd entry":   {`{"pixels": [5]}`, "1:13: an entry of pixels is 5"},
		"a huge id":      {`[{"id": 9223372036854775808, "advertiser_id": 7}]`, "1:9: id is 9223372036854775808"},
		"a broken id":    {`[{"id": 1.5, "advertiser_id": 7}]`, "1:9: id is 1.5"},
		"an odd name":    {`[{"id": 1, "advertiser_id": 7, "name": []}, {"id": 1, "advertiser_id": 7, "name": {}}]`, "1:40: name is a list"},
		"a user name":    {`[{"id": 1, "advertiser_id": 7, "piggyback_pixels": [{"pixel_type": "img", "url": "https://a@b.example/"}]}]`, "1:82: url: \"https://a@b.example/\" holds a user name"},
		"an odd URL":     {`[{"id": 1, "advertiser_id": 7, "piggyback_pixels": [{"pixel_type": "img", "url": "https://b.example/\u0001"}]}]`, "1:82: url: "},
		"odd piggybacks": {`[{"id": 1, "advertiser_id": 7, "piggyback_pixels": [5]}]`, "1:53: an entry of piggyback_pixels is 5"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := run(t, minimal, []string{c[0]}, nil)
			var mistakes yamlfile.Mistakes
			if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), c[1]) {
				t.Errorf("got %v, want …%s…", err, c[1])
			}
		})
	}
}

// A name that an import made up gives way to one that a later import knows.
func TestNamesThatComeLater(t *testing.T) {
	r, _, _, err := run(t, minimal, []string{`[{"id": 1, "advertiser_id": 7}]`}, []string{`[{"id": 5, "advertiser_id": 7}]`})
	if err != nil {
		t.Fatal(err)
	}
	r, _, _, err = run(t, string(r.Content), []string{`[{"id": 1, "advertiser_id": 7, "name": "P"}]`}, []string{`[{"id": 5, "advertiser_id": 7, "name": "L", "advertiser": {"id": 7, "name": "A"}}]`})
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Catalog; c.Pixel(1).Name != "P" || c.LineItem(5).Name != "L" || c.Advertiser(7).Name != "A" {
		t.Errorf("got\n%s", r.Content)
	}
}

// What the JSON says no longer stays, and the report says so.
func TestWhatIsKept(t *testing.T) {
	r, _, _, err := run(t, minimal, []string{`[{"id": 1, "advertiser_id": 7, "name": "P", "code": "p", "pixel_conversion_event_id": 7}]`},
		[]string{`[{"id": 5, "advertiser_id": 7, "name": "L", "pixels": [{"id": 1, "post_click_revenue": 1, "post_view_revenue": 2}]}]`})
	if err != nil {
		t.Fatal(err)
	}
	again, report, _, err := run(t, string(r.Content), []string{`[{"id": 1, "advertiser_id": 7, "name": "P", "code": null}]`},
		[]string{`[{"id": 5, "advertiser_id": 7, "name": "L", "pixels": [{"id": 1, "post_click_revenue": null, "post_view_revenue": null}]}]`})
	if err != nil {
		t.Fatal(err)
	}
	if again.Changed() {
		t.Errorf("got\n%s", again.Content)
	}
	for _, key := range []string{"pixels code", "pixels event_category", "line_items.pixels post_click_revenue", "line_items.pixels post_view_revenue"} {
		list, key, _ := strings.Cut(key, " ")
		if report.rows[Row{Kind: Kept, List: list, Key: key, Note: "the JSON has none"}] != 1 {
			t.Errorf("%s %s is not reported as kept: %+v", list, key, report.Rows())
		}
	}
}

// A key of the JSON is shown on one line, and does nothing to a terminal.
func TestKeysThatAreShown(t *testing.T) {
	_, report, _, err := run(t, minimal, []string{`[{"id": 1, "advertiser_id": 7, "a\nb\u001b[2J": 1, "größe": 2}]`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"a\nb\x1b[2J"`, "größe"} {
		if report.rows[Row{Kind: NoCounterpart, List: "pixels", Key: key}] != 1 {
			t.Errorf("%s is not reported: %+v", key, report.Rows())
		}
	}
}

// Codes are given once all is read: two pixels may exchange theirs. Where two line
// items have one, the second goes without.
func TestCodes(t *testing.T) {
	catalog := minimal + "advertisers: [{id: 7, name: A}]\npixels:\n  - {id: 1, advertiser_id: 7, name: A, code: a}\n  - {id: 2, advertiser_id: 7, name: B, code: b}\n"
	r, report, _, err := run(t, catalog, []string{`[{"id": 1, "advertiser_id": 7, "code": "b"}, {"id": 2, "advertiser_id": 7, "code": "a"}]`},
		[]string{`[{"id": 6, "advertiser_id": 7, "name": "L", "code": "x"}, {"id": 5, "advertiser_id": 8, "name": "M", "code": "x"}]`})
	if err != nil {
		t.Fatal(err)
	}
	c := r.Catalog
	if c.Pixel(1).Code != "b" || c.Pixel(2).Code != "a" || c.LineItem(5).Code != "x" || c.LineItem(6).Code != "" {
		t.Errorf("got\n%s", r.Content)
	}
	if report.rows[Row{Kind: NotTaken, List: "line_items", Key: "code", Note: `line item 6: the code "x" is 5's already`}] != 1 {
		t.Errorf("the code left out is not reported: %+v", report.Rows())
	}
	_, _, _, err = run(t, catalog, []string{`[{"id": 3, "advertiser_id": 7, "code": "a"}]`}, nil)
	if err == nil || !strings.Contains(err.Error(), `the code "a" is pixel 1's already`) {
		t.Errorf("got %v", err)
	}
}

// What does not go with the catalog is refused at its place in the JSON.
func TestAgainstTheCatalog(t *testing.T) {
	catalog := minimal + "advertisers: [{id: 7, name: A}, {id: 8, name: B}]\ninsertion_orders: [{id: 61, advertiser_id: 7}]\npixels: [{id: 1, advertiser_id: 7, name: P}]\n" +
		"line_items: [{id: 5, advertiser_id: 7, name: L, pixels: [{pixel_id: 1}]}]\n"
	var many []string
	pixels := []string{}
	for id := 2; id <= 21; id++ {
		many = append(many, fmt.Sprintf(`{"id": %d}`, id))
		pixels = append(pixels, fmt.Sprintf(`{"id": %d, "advertiser_id": 7}`, id))
	}
	all := "[" + strings.Join(pixels, ",") + "]"
	for name, c := range map[string][3]string{
		"a pixel's advertiser":     {`[{"id": 1, "advertiser_id": 8}]`, "", ":1:29: pixel 1 is advertiser 8's here, and 7's in the catalog; allowed: 7"},
		"a line item's advertiser": {"", `[{"id": 5, "advertiser_id": 8}]`, ":1:29: line item 5 is advertiser 8's here, and 7's in the catalog; allowed: 7"},
		"an order's advertiser":    {"", `[{"id": 6, "advertiser_id": 8, "insertion_orders": [{"id": 61}]}]`, ":1:53: insertion order 61 is advertiser 8's here, and 7's in the catalog"},
		"two advertisers":          {"", `[{"id": 6, "advertiser_id": 7, "advertiser": {"id": 8, "name": "B"}}]`, ":1:53: the advertiser is 8 here, and advertiser_id is 7; allowed: 7"},
		"another member":           {"", `[{"id": 5, "advertiser_id": 7, "member_id": 959}]`, ":1:45: member_id is 959, the catalog is member 958's"},
		"a pixel of another":       {"", `[{"id": 9, "advertiser_id": 8, "pixels": [{"id": 1}]}]`, ":1:50: pixel 1 is advertiser 7's, line item 9 is advertiser 8's"},
		"an unknown pixel":         {"", `[{"id": 5, "advertiser_id": 7, "pixels": [{"id": 2}]}]`, ":1:50: pixel 2 is neither in the catalog nor in the JSON of pixels"},
		"too many pixels":          {all, `[{"id": 5, "advertiser_id": 7, "pixels": [` + strings.Join(many, ",") + `]}]`, ":1:42: line item 5 would have 21 pixels; allowed: at most 20"},
	} {
		t.Run(name, func(t *testing.T) {
			var p, l []string
			if c[0] != "" {
				p = []string{c[0]}
			}
			if c[1] != "" {
				l = []string{c[1]}
			}
			_, _, _, err := run(t, catalog, p, l)
			var mistakes yamlfile.Mistakes
			if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), c[2]) {
				t.Errorf("got %v, want …%s…", err, c[2])
			}
		})
	}
}

// One landing page that is none keeps nothing else from being imported.
func TestBadLandingPage(t *testing.T) {
	r, report, _, err := run(t, minimal, nil, []string{`[{"id": 2, "advertiser_id": 7, "name": "L",
  "clicktrackers": [{"id": 5, "click_url": "javascript:alert(1)"}, {"id": 6, "click_url": "https://shop.example/"}]}]`})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := r.Catalog.Tracker(5), r.Catalog.Tracker(6); a == nil || a.LandingURL != "" || b == nil || b.LandingURL != "https://shop.example/" {
		t.Errorf("trackers %+v, %+v", a, b)
	}
	said := slices.ContainsFunc(slices.Collect(maps.Keys(report.rows)), func(x Row) bool {
		return x.Kind == NotTaken && x.Key == "landing_url" && strings.Contains(x.Note, ":2:44: click_url is \"javascript:alert(1)\"")
	})
	if !said {
		t.Errorf("the report has %v", report.rows)
	}
}

// A line item that stands twice must have the same trackers too.
func TestLineItemTwice(t *testing.T) {
	item := `{"id": 2, "advertiser_id": 7, "name": "L", "imptrackers": [{"id": %d}]}`
	if _, _, _, err := run(t, minimal, nil, []string{"[" + fmt.Sprintf(item, 5) + "," + fmt.Sprintf(item, 5) + "]"}); err != nil {
		t.Errorf("the same twice: %v", err)
	}
	if _, _, _, err := run(t, minimal, nil, []string{"[" + fmt.Sprintf(item, 5) + "," + fmt.Sprintf(item, 6) + "]"}); err == nil || !strings.Contains(err.Error(), "line item 2 is another than at") {
		t.Errorf("another one: %v", err)
	}
}

// The API counts impression and click trackers apart; the catalog does not.
func TestTrackersOfOneID(t *testing.T) {
	r, report, _, err := run(t, minimal, nil, []string{`[
		{"id": 1, "advertiser_id": 7, "name": "L", "imptrackers": [{"id": 5, "publisher": {"id": 3, "name": "P"}}], "clicktrackers": [{"id": 5, "click_url": "https://shop.example/"}]},
		{"id": 2, "advertiser_id": 7, "name": "M", "imptrackers": [{"id": 5}, {"id": 6}, {"code": "none"}], "creatives": [{"code": "none"}]}]`})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Catalog.Trackers; len(got) != 2 || got[0].Kind != schemas.ClickTracker || got[0].LineItemID != 1 || got[1].ID != 6 {
		t.Errorf("got %+v", got)
	}
	if report.rows[Row{Kind: NotTaken, List: "trackers", Key: "id", Note: "impression tracker 5 of line item 2: line item 1 has a tracker of that id"}] != 1 {
		t.Errorf("the one left out is not reported: %+v", report.Rows())
	}
}

// The order of files and entries does not show, and a second import changes nothing.
func TestSameResult(t *testing.T) {
	one := `{"id": 1, "advertiser_id": 7, "name": "A", "code": "a"}`
	two := `{"id": 2, "advertiser_id": 8, "name": "B", "trigger_type": "view", "piggyback_pixels": [{"pixel_type": "img", "url": "//x.example/p"}]}`
	items := `[{"id": 3, "advertiser_id": 8, "name": "L", "pixels": [{"id": 2, "post_view_revenue": 1}], "advertiser": {"id": 8, "name": "Eight"}}]`
	first, _, _, err := run(t, minimal, []string{"[" + one + "]", "[" + two + "]"}, []string{items})
	if err != nil {
		t.Fatal(err)
	}
	second, _, _, err := run(t, minimal, []string{"[" + two + "," + one + "]"}, []string{items})
	if err != nil {
		t.Fatal(err)
	}
	if string(first.Content) != string(second.Content) {
		t.Errorf("the order shows:\n%s\n%s", first.Content, second.Content)
	}
	again, _, _, err := run(t, string(first.Content), []string{"[" + two + "," + one + "]"}, []string{items})
	if err != nil || again.Changed() {
		t.Errorf("a second import changes the catalog (%v):\n%s\n%s", err, first.Content, again.Content)
	}
	// Pixels alone first, line items later: the advertiser gets its name then.
	alone, _, _, err := run(t, minimal, []string{"[" + one + "," + two + "]"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	later, _, _, err := run(t, string(alone.Content), nil, []string{items})
	if err != nil || later.Catalog.Advertiser(8).Name != "Eight" || later.Catalog.LineItem(3).Pixels[0].PixelID != 2 {
		t.Errorf("%v\n%s", err, later.Content)
	}
}

// Whatever the JSON says: an answer with places, or a catalog into which the same
// JSON brings nothing more.
func FuzzImport(f *testing.F) {
	template, err := os.ReadFile("../../cmd/pixledger/templates/catalog.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`[{"id":9012,"advertiser_id":7,"name":"A: \u2028 #","code":"x","state":"active","pixel_conversion_event":{"id":3}}]`),
		[]byte(`{"response":{"line-item":{"id":382,"advertiser_id":7,"pixels":{"id":"9012","post_view_revenue":1e-3},"end_date":"2026-01-01"}}}`), true)
	f.Add([]byte(`{"pixels":[{"id":1,"advertiser_id":7,"piggyback_pixels":[{"pixel_type":"js","url":"//a.b/"}]}]}`),
		[]byte(`[{"id":1,"advertiser_id":7,"clicktrackers":[{"id":2,"click_url":"http://a"}],"insertion_orders":[{"id":4,"code":"c"}],"creatives":[{"id":5}]}]`), false)
	f.Fuzz(func(t *testing.T, pixels, items []byte, full bool) {
		catalog := []byte(minimal)
		if full {
			catalog = template
		}
		in := &Input{}
		for _, x := range []struct {
			text    []byte
			service service
			into    *[]*node
		}{{pixels, pixelService, &in.pixels}, {items, lineItemService, &in.lineItems}} {
			n, err := parse("x.json", x.text)
			if err != nil {
				var mistakes yamlfile.Mistakes
				if !errors.As(err, &mistakes) || len(mistakes) == 0 {
					t.Fatalf("no mistakes: %v", err)
				}
				continue
			}
			e := envelope{service: x.service}
			e.open(n, true)
			*x.into = e.entries
		}
		file, err := catalogedit.New("catalog.yaml", catalog)
		if err != nil {
			return
		}
		if _, err := in.Merge(file); err != nil {
			return
		}
		r, err := file.Apply()
		if err != nil {
			return
		}
		again, err := catalogedit.New("catalog.yaml", r.Content)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Merge(again); err != nil {
			t.Fatalf("the second time: %v\n%s", err, r.Content)
		}
		second, err := again.Apply()
		if err != nil || second.Changed() {
			t.Fatalf("a second import changes the catalog (%v):\n%s\n%s", err, r.Content, second.Content)
		}
	})
}

// Random JSON of the documented shape: what is imported once is unchanged the
// second time, hand-made settings and later rates stay, and the catalog says what
// the JSON says.
func TestRandomImports(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pixels, items []map[string]any
		names := rapid.SampledFrom([]string{"A", "it's", "x: y", "é\u2028", "007", "", "null", "a # b", "\"q\"", "tab\t"})
		maybe := func(m map[string]any, key string, values ...any) {
			if v := rapid.SampledFrom(append(values, "(none)")).Draw(t, key); v != "(none)" {
				m[key] = v
			}
		}
		entry := func(id int) map[string]any {
			m := map[string]any{"id": id, "advertiser_id": 7, "name": names.Draw(t, "name"), "member_id": 958}
			maybe(m, "code", nil, "", fmt.Sprint("c", id), fmt.Sprint(id))
			maybe(m, "state", "active", "inactive")
			return m
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "pixels") {
			p := entry(i + 1)
			maybe(p, "trigger_type", "view", "click", "hybrid", nil)
			maybe(p, "post_view_expire_mins", nil, 0, 1440, "43200", "")
			maybe(p, "post_click_expire_mins", nil, 0, 20160, 129600)
			maybe(p, "min_minutes_per_conv", nil, 0, 5, 32767)
			maybe(p, "pixel_conversion_event_id", nil, 2, "8")
			maybe(p, "piggyback_pixels", nil, []any{map[string]any{"pixel_type": "img", "url": "https://a.example/?x=1&y=#z"}})
			pixels = append(pixels, p)
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "line items") {
			l := entry(i + 1)
			maybe(l, "start_date", nil, "2026-01-01 00:00:00", "2026-01-01")
			maybe(l, "end_date", nil, "2027-01-01 00:00:00")
			maybe(l, "timezone", nil, "UTC", "EST5EDT")
			maybe(l, "insertion_order_id", nil, 61)
			maybe(l, "advertiser", map[string]any{"id": 7, "name": "Seven"})
			var attached []any
			for j := range pixels {
				a := map[string]any{"id": j + 1}
				maybe(a, "state", "active", "inactive")
				maybe(a, "post_click_revenue", nil, "12.500000", 0, 1.25)
				maybe(a, "post_view_revenue", nil, 2)
				attached = append(attached, a)
			}
			l["pixels"] = attached
			items = append(items, l)
		}
		in := func() *Input {
			input := &Input{}
			for _, x := range []struct {
				from    []map[string]any
				service service
				into    *[]*node
			}{{pixels, pixelService, &input.pixels}, {items, lineItemService, &input.lineItems}} {
				text, err := json.MarshalIndent(x.from, "", " ")
				if err != nil {
					t.Fatal(err)
				}
				if x.from == nil {
					text = []byte("[]")
				}
				n, err := parse("x.json", text)
				if err != nil {
					t.Fatal(err)
				}
				e := envelope{service: x.service}
				e.open(n, true)
				*x.into = e.entries
			}
			return input
		}
		do := func(catalog string) *catalogedit.Result {
			f, err := catalogedit.New("catalog.yaml", []byte(catalog))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := in().Merge(f); err != nil {
				t.Fatal(err)
			}
			r, err := f.Apply()
			if err != nil {
				t.Fatalf("%v\n%s", err, catalog)
			}
			return r
		}
		first := string(do(rapid.SampledFrom([]string{
			minimal, minimal + "pixels: # none\nadvertisers: []", "{version: 1, member_id: 958, currency: USD}\n",
			strings.ReplaceAll(minimal, "\n", "\r\n") + "line_items:\r\n  # none yet\r\n# end",
		}).Draw(t, "catalog")).Content)
		if again := do(first); again.Changed() {
			t.Fatalf("a second import changes\n%s\nto\n%s", first, again.Content)
		}
		f, err := catalogedit.New("catalog.yaml", []byte(first))
		if err != nil {
			t.Fatal(err)
		}
		from := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
		for _, p := range f.Catalog().Pixels {
			f.Entry("pixels", p.ID).Insert("settings", "own", -1, catalogedit.Fields{{Key: "from", Value: from}, {Key: "trigger_type", Value: "view"}})
			f.Entry("pixels", p.ID).Set("name", "mine")
		}
		for _, l := range f.Catalog().LineItems {
			for _, a := range l.Pixels {
				e := f.Entry("line_items", l.ID).Entry("pixels", "pixel_id", a.PixelID)
				e.Insert("rates", "own", -1, catalogedit.Fields{{Key: "from", Value: from}, {Key: "post_click_revenue", Value: schemas.Money(99_000_000)}})
			}
		}
		own, err := f.Apply()
		if err != nil {
			t.Fatal(err)
		}
		if again := do(string(own.Content)); again.Changed() {
			t.Fatalf("what is somebody's own is changed from\n%s\nto\n%s", own.Content, again.Content)
		}
	})
}
