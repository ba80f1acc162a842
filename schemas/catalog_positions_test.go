package schemas_test

import (
	"testing"
	"time"

	"pixledger/schemas"
)

// Who explains a decision points at the line that decided: of each setting the
// entry that last set it, whatever the order in the file.
func TestCatalogPositions(t *testing.T) {
	const content = `version: 1
member_id: 958
currency: USD
advertisers: [{id: 7, name: A}]
line_items:
  - id: 1
    advertiser_id: 7
    name: L
    pixels:
      - pixel_id: 2
        rates:
          - {from: 2026-05-01T00:00:00Z, post_click_revenue: "2"}
          - {from: 2026-04-01T00:00:00+02:00, post_click_revenue: "1"}
trackers: [{id: 3, kind: impression, line_item_id: 1}]
pixels:
  - id: 2
    advertiser_id: 7
    name: P
    post_view_expire_mins: 10
    settings:
      - {from: 2026-05-01T00:00:00Z, trigger_type: click, post_view_expire_mins: null}
      - from: 2026-04-01T00:00:00Z
        trigger_type: view
`
	c, _, err := schemas.ParseCatalog("c.yaml", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	p := c.Positions("other.yaml")
	march, april, may := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	told := func(at schemas.Position, ok bool) string {
		if !ok {
			return "nowhere"
		}
		return at.String()
	}
	for _, x := range []struct{ what, got, want string }{
		{"pixel", told(p.Pixel(2)), "other.yaml:16:5"},
		{"pixel that is not there", told(p.Pixel(3)), "nowhere"},
		{"line item", told(p.LineItem(1)), "other.yaml:6:5"},
		{"tracker", told(p.Tracker(3)), "other.yaml:14:12"},
		{"association", told(p.Association(1, 2)), "other.yaml:10:9"},
		{"association that is not there", told(p.Association(1, 3)), "nowhere"},
		{"trigger by default", told(p.Setting(2, "trigger_type", march)), "nowhere"},
		{"trigger since April", told(p.Setting(2, "trigger_type", may.Add(-1))), "other.yaml:23:23"},
		{"trigger since May", told(p.Setting(2, "trigger_type", may)), "other.yaml:21:52"},
		{"window of the pixel", told(p.Setting(2, "post_view_expire_mins", april)), "other.yaml:19:28"},
		{"window set to null", told(p.Setting(2, "post_view_expire_mins", may)), "other.yaml:21:82"},
		{"setting by default", told(p.Setting(2, "unique_order_id", may)), "nowhere"},
		{"rate", told(p.Rate(1, 2, april.Add(-2*time.Hour))), "other.yaml:13:13"},
		{"rate that is not there", told(p.Rate(1, 2, april)), "nowhere"},
		{"by hand", told((&schemas.Catalog{Pixels: c.Pixels}).Positions("x").Pixel(2)), "nowhere"},
	} {
		if x.got != x.want {
			t.Errorf("%s: %s, want %s", x.what, x.got, x.want)
		}
	}
}
