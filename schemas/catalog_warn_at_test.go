package schemas_test

import (
	"slices"
	"strings"
	"testing"

	"pixledger/schemas"
)

// What is wrong as of now: pixels that do not attribute, and conversions that
// would be booked at 0 because their rates begin later.
func TestCatalogWarningsAt(t *testing.T) {
	const content = `version: 1
member_id: 958
currency: USD
advertisers: [{id: 7, name: A}]
line_items:
  - id: 1
    advertiser_id: 7
    name: Rates from spring on
    pixels:
      - pixel_id: 1
        rates: [{from: 2026-05-01T00:00:00Z, post_click_revenue: "2"}, {from: 2026-04-01T00:00:00Z, post_click_revenue: "1"}]
      - {pixel_id: 2, state: inactive, rates: [{from: 2026-04-01T00:00:00Z, post_click_revenue: "1"}]}
      - {pixel_id: 3, rates: [{from: 2026-04-01T00:00:00Z, post_click_revenue: "1"}]}
      - {pixel_id: 4, active_from: 2026-04-01T00:00:00Z, rates: [{from: 2026-04-01T00:00:00Z, post_click_revenue: "1"}]}
  - id: 2
    advertiser_id: 7
    name: Ends before its rates begin
    active_until: 2026-03-01T00:00:00Z
    pixels: [{pixel_id: 4, rates: [{from: 2026-04-01T00:00:00Z, post_click_revenue: "1"}]}]
trackers: [{id: 1, kind: impression, line_item_id: 1}, {id: 2, kind: impression, line_item_id: 2}]
pixels:
  - {id: 1, advertiser_id: 7, name: P}
  - {id: 2, advertiser_id: 7, name: P}
  - {id: 3, advertiser_id: 7, name: P, active_from: 2026-02-01T00:00:00Z}
  - {id: 4, advertiser_id: 7, name: P}
`
	c, _, err := schemas.ParseCatalog("c.yaml", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	const (
		missing = "conversions are booked at 0, marked rate_missing, until "
		two     = "c.yaml:23:5: warning: pixel 2 is Paused: no active line item: the association with line item 1 is inactive"
	)
	for at1, want := range map[string][]string{
		"2026-01-15T00:00:00Z": {
			"c.yaml:11:16: warning: pixel 1 in line item 1: no rate is in force yet: " + missing + "2026-04-01T00:00:00Z",
			"c.yaml:13:30: warning: pixel 3 in line item 1: no rate is in force when it begins, 2026-02-01T00:00:00Z: " + missing + "2026-04-01T00:00:00Z",
			"c.yaml:19:35: warning: pixel 4 in line item 2: no rate is in force yet: " + missing + "2026-03-01T00:00:00Z",
			two,
			"c.yaml:24:5: warning: pixel 3 is Paused: the pixel begins 2026-02-01T00:00:00Z",
		},
		"2026-03-31T23:59:59.999999Z": {
			"c.yaml:11:16: warning: pixel 1 in line item 1: no rate is in force yet: " + missing + "2026-04-01T00:00:00Z",
			"c.yaml:13:30: warning: pixel 3 in line item 1: no rate is in force yet: " + missing + "2026-04-01T00:00:00Z",
			two,
			"c.yaml:25:5: warning: pixel 4 is Paused: no active line item: the association with line item 1 begins 2026-04-01T00:00:00Z, line item 2 ended 2026-03-01T00:00:00Z",
		},
		"2026-04-01T00:00:00Z": {two},
	} {
		var got []string
		for _, w := range c.WarningsAt(at(at1)) {
			got = append(got, w.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("at %s:\n%s\nwant\n%s", at1, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}
