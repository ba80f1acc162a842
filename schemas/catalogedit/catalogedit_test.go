package catalogedit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/catalogedit"
)

type fields = catalogedit.Fields

var newYear = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Each case is a file, an edit, and the file that is expected, byte for byte.
func TestEdits(t *testing.T) {
	const head = "version: 1\nmember_id: 1\ncurrency: USD\nadvertisers:\n  - {id: 7, name: Shoes}\n"
	pixel := fields{{"id", int64(2)}, {"advertiser_id", int64(7)}, {"name", "New: one"}, {"post_view_expire_mins", nil}}
	appended := func(f *catalogedit.File) { f.Append("pixels", "new", pixel) }
	setting := func(f *catalogedit.File) {
		f.Entry("pixels", 1).Insert("settings", "new", -1, fields{{"from", newYear}, {"trigger_type", "click"}})
	}
	for _, c := range []struct {
		name, before, after string
		edit                func(*catalogedit.File)
	}{
		{"append where the list is missing", "\n", "pixels:\n  - id: 2\n    advertiser_id: 7\n    name: \"New: one\"\n    post_view_expire_mins: null\n\n", appended},
		{"append to an empty list with a comment", "pixels: [] # none\nsegments:\n", "pixels: # none\n  - id: 2\n    advertiser_id: 7\n    name: \"New: one\"\n    post_view_expire_mins: null\nsegments:\n", appended},
		{"append to null, behind what is commented out", "pixels: ~ # none\n  # - id: 1\n# x\nsegments:\n", "pixels: # none\n  # - id: 1\n  - id: 2\n    advertiser_id: 7\n    name: \"New: one\"\n    post_view_expire_mins: null\n# x\nsegments:\n", appended},
		{"append like the neighbours", "pixels:\n- {id: 1, advertiser_id: 7, name: 'A'} # a\n# end", "pixels:\n- {id: 1, advertiser_id: 7, name: 'A'} # a\n- {id: 2, advertiser_id: 7, name: 'New: one', post_view_expire_mins: null}\n# end", appended},
		{"append behind an entry's own comments", "pixels:\n  -   id: 1\n      advertiser_id: 7\n      name: A\n      # settings:\n  # and more\n\n# Audiences\nsegments: []\n",
			"pixels:\n  -   id: 1\n      advertiser_id: 7\n      name: A\n      # settings:\n  # and more\n  -   id: 2\n      advertiser_id: 7\n      name: \"New: one\"\n      post_view_expire_mins: null\n\n# Audiences\nsegments: []\n", appended},
		{"append without a final line end", "pixels:\n  - {id: 1, advertiser_id: 7, name: A}", "pixels:\n  - {id: 1, advertiser_id: 7, name: A}\n  - {id: 2, advertiser_id: 7, name: \"New: one\", post_view_expire_mins: null}", appended},
		{"settings of a block entry", "pixels:\n  - id: 1\n    advertiser_id: 7\n    name: A # a\n    # the end\n", "pixels:\n  - id: 1\n    advertiser_id: 7\n    name: A # a\n    # the end\n    settings:\n      - {from: 2026-01-01T00:00:00Z, trigger_type: click}\n", setting},
		{"settings of a flow entry", "pixels:\n  - {id: 1, advertiser_id: 7, name: A} # a\n", "pixels:\n  - {id: 1, advertiser_id: 7, name: A, settings: [{from: 2026-01-01T00:00:00Z, trigger_type: click}]} # a\n", setting},
		{"settings of an entry of many lines in braces", "pixels: [\n  {\n    id: 1, # one\n    advertiser_id: 7,\n    name: A # a\n  }\n]\n", "pixels: [\n  {\n    id: 1, # one\n    advertiser_id: 7,\n    name: A, # a\n    settings: [{from: 2026-01-01T00:00:00Z, trigger_type: click}]\n  }\n]\n", setting},
		{"settings in brackets", "pixels:\n  - id: 1\n    advertiser_id: 7\n    name: A\n    settings: [{from: 2025-01-01T00:00:00Z, trigger_type: view}, ]\n", "pixels:\n  - id: 1\n    advertiser_id: 7\n    name: A\n    settings: [{from: 2025-01-01T00:00:00Z, trigger_type: view}, {from: 2026-01-01T00:00:00Z, trigger_type: click}, ]\n", setting},
		{"settings in blocks", "pixels:\n  - id: 1\n    advertiser_id: 7\n    name: A\n    settings:\n    - trigger_type: view # v\n      from: '2025-01-01T00:00:00Z'\n", "pixels:\n  - id: 1\n    advertiser_id: 7\n    name: A\n    settings:\n    - trigger_type: view # v\n      from: '2025-01-01T00:00:00Z'\n    - from: '2026-01-01T00:00:00Z'\n      trigger_type: click\n", setting},
		{"keys in their order", "pixels:\n  - id: 1\n    advertiser_id: 7\n    name: A\n    min_minutes_per_conv: 5\n", "pixels:\n  - id: 1\n    advertiser_id: 7\n    name: A\n    code: a-1\n    trigger_type: view\n    min_minutes_per_conv: 0\n    event_category: lead\n",
			func(f *catalogedit.File) {
				e := f.Entry("pixels", 1)
				e.Set("event_category", "lead")
				e.Set("trigger_type", "view")
				e.Set("min_minutes_per_conv", int64(0))
				e.Set("code", "a-1")
			}},
		{"values of all kinds", "pixels:\n  - {id: 1, advertiser_id: 7, name: 'A', code: , trigger_type: \"view\"}\n", "pixels:\n  - {id: 1, advertiser_id: 7, name: 'it''s', code: c, trigger_type: \"click\"}\n",
			func(f *catalogedit.File) {
				e := f.Entry("pixels", 1)
				e.Set("name", "it's")
				e.Set("code", "c")
				e.Set("trigger_type", "click")
			}},
		{"a text of several lines", "pixels:\n  - id: 1\n    name: >-\n      A\n\n      # B\n    advertiser_id: 7\n  - id: 3\n    name: a\n      b # c\n    advertiser_id: 7\n", "pixels:\n  - id: 1\n    name: One\n    advertiser_id: 7\n  - id: 3\n    name: Three # c\n    advertiser_id: 7\n",
			func(f *catalogedit.File) {
				f.Entry("pixels", 1).Set("name", "One")
				f.Entry("pixels", 3).Set("name", "Three")
			}},
		{"take out", "pixels:\n  - active_until: 2027-01-01T00:00:00Z # why\n    id: 1\n    advertiser_id: 7\n    name: A\n  - {id: 3, active_until: 2027-01-01T00:00:00Z, advertiser_id: 7, name: C}\n  - {id: 4, advertiser_id: 7, name: D, active_until: 2027-01-01T00:00:00Z}\n  - id: 5\n    advertiser_id: 7\n    active_until: 2027-01-01T00:00:00Z # because\n    name: E\n    active_from: 2026-01-01T00:00:00Z",
			"pixels:\n  - # why\n    id: 1\n    advertiser_id: 7\n    name: A\n  - {id: 3, advertiser_id: 7, name: C}\n  - {id: 4, advertiser_id: 7, name: D}\n  - id: 5\n    advertiser_id: 7\n    # because\n    name: E",
			func(f *catalogedit.File) {
				for _, id := range []int64{1, 3, 4, 5} {
					f.Entry("pixels", id).Remove("active_until")
				}
				f.Entry("pixels", 5).Remove("active_from")
			}},
		{"rates and pixels of line items", "line_items:\n  - id: 1\n    advertiser_id: 7\n    name: L\n    pixels: # at most 20\n      - pixel_id: 9\n        rates: # r\n          - {from: 2025-01-01T00:00:00Z, post_click_revenue: '1.50'} # old\n  - {id: 2, advertiser_id: 7, name: M}\npixels: [{id: 9, advertiser_id: 7, name: P}, {id: 10, advertiser_id: 7, name: Q}]\n",
			"line_items:\n  - id: 1\n    advertiser_id: 7\n    name: L\n    pixels: # at most 20\n      - pixel_id: 9\n        rates: # r\n          - {from: 2025-01-01T00:00:00Z, post_click_revenue: '1.50'} # old\n          - {from: 2026-01-01T00:00:00Z, post_click_revenue: '2.00'}\n      - pixel_id: 10\n        rates:\n          - {from: 2026-01-01T00:00:00Z, post_click_revenue: '2.00'}\n  - {id: 2, advertiser_id: 7, name: M, pixels: [{pixel_id: 9, rates: [{from: 2026-01-01T00:00:00Z, post_click_revenue: '2.00'}]}]}\npixels: [{id: 9, advertiser_id: 7, name: P}, {id: 10, advertiser_id: 7, name: Q}]\n",
			func(f *catalogedit.File) {
				rate := fields{{"from", newYear}, {"post_click_revenue", schemas.Money(2_000_000)}}
				one := f.Entry("line_items", 1)
				one.Entry("pixels", "pixel_id", int64(9)).Insert("rates", "rate", -1, rate)
				one.Insert("pixels", "pixel", -1, fields{{"pixel_id", int64(10)}, {"rates", []fields{rate}}})
				f.Entry("line_items", 2).Insert("pixels", "pixel", -1, fields{{"pixel_id", int64(9)}, {"rates", []fields{rate}}})
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, head+c.before, head+c.after, c.edit)
			crlf := func(s string) string { return "\ufeff" + strings.ReplaceAll(head+s, "\n", "\r\n") }
			check(t, crlf(c.before), crlf(c.after), c.edit)
		})
	}
}

// A catalog may be JSON, which YAML includes.
func TestEditsOfJSON(t *testing.T) {
	before := "{\n  \"version\": 1,\n  \"member_id\": 1,\n  \"currency\": \"USD\",\n  \"advertisers\": [\n    {\"id\": 7, \"name\": \"Shoes\"}\n  ]\n}\n"
	after := "{\n  \"version\": 1,\n  \"member_id\": 1,\n  \"currency\": \"USD\",\n  \"advertisers\": [\n    {\"id\": 7, \"name\": \"Shoes\"},\n    {\"id\": 8, \"name\": \"Boots\"}\n  ],\n" +
		"  \"pixels\": [{\"id\": 9, \"advertiser_id\": 8, \"name\": \"P\", \"active_from\": \"2026-01-01T00:00:00Z\"}]\n}\n"
	check(t, before, after, func(f *catalogedit.File) {
		f.Append("advertisers", "a", fields{{"id", int64(8)}, {"name", "Boots"}})
		f.Append("pixels", "p", fields{{"id", int64(9)}, {"advertiser_id", int64(8)}, {"name", "P"}, {"active_from", newYear}})
	})
}

func check(t *testing.T, before, after string, edit func(*catalogedit.File)) {
	t.Helper()
	f, err := catalogedit.New("catalog.yaml", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	edit(f)
	r, err := f.Apply()
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Content) != after {
		t.Errorf("got:\n%s\nwant:\n%s", r.Content, after)
	}
	for _, c := range r.Changes {
		if c.Line == 0 {
			t.Errorf("%s has no place", c.What)
		}
	}
}

// Every change says where it stands.
func TestPlaces(t *testing.T) {
	f, err := catalogedit.New("catalog.yaml", []byte("\ufeffversion: 1\nmember_id: 1\ncurrency: USD\nadvertisers:\n  - {id: 7, name: é}\npixels:\n  - id: 1\n    advertiser_id: 7\n    name: A\n"))
	if err != nil {
		t.Fatal(err)
	}
	f.Entry("advertisers", 7).Set("code", "x")
	f.Entry("pixels", 1).Set("code", "c")
	f.Entry("pixels", 1).Set("name", "B")
	f.Append("pixels", "pixel 2", fields{{"id", int64(2)}, {"advertiser_id", int64(7)}, {"name", "C"}})
	r, err := f.Apply()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"code: x 5:22", "code: c 10:5", "name: B, was A 9:11", "pixel 2 11:5"}
	for i, c := range r.Changes {
		if got := fmt.Sprintf("%s %d:%d", c.What, c.Line, c.Column); got != want[i] {
			t.Errorf("got %q, want %q", got, want[i])
		}
	}
}
