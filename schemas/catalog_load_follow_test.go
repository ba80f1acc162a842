package schemas_test

import (
	"strings"
	"testing"

	"pixledger/schemas"
)

// One mistake is one line: what refers to an entry whose id can't be read is no
// second one.
func TestCatalogMistakesThatOnlyFollowAreNotReported(t *testing.T) {
	const (
		number   = "a whole number from 1 to 9223372036854775807"
		digits   = "digits alone, or text in quotes"
		rootKeys = "advertisers, creatives, currency, insertion_orders, line_items, member_id, pixels, publishers, segments, trackers, version"
	)
	sound := map[string]string{
		"advertisers":      `[{id: 7, name: A}, {id: 8, name: B}]`,
		"insertion_orders": `[{id: 61, advertiser_id: 7}]`,
		"line_items":       `[{id: 382, advertiser_id: 7, insertion_order_id: 61, name: L, pixels: [{pixel_id: 1}]}]`,
		"trackers":         `[{id: 1, kind: click, line_item_id: 382}]`,
		"pixels":           `[{id: 1, advertiser_id: 7, name: P}]`,
	}
	file := func(key, instead string) string {
		var b strings.Builder
		b.WriteString("version: 1\nmember_id: 958\ncurrency: USD\n" + instead + "\n")
		for _, k := range []string{"advertisers", "insertion_orders", "line_items", "trackers", "pixels"} {
			if k != key {
				b.WriteString(k + ": " + sound[k] + "\n")
			}
		}
		return b.String()
	}
	for _, x := range []struct{ key, instead, want string }{
		{"advertisers", `advertisers: [{id: 07, name: A}]`, "4:20: 07 is not written as a plain decimal number; allowed: " + digits},
		{"advertisers", `advertisers: [{id: 0x7, name: A}]`, "4:20: 0x7 is not written as a plain decimal number; allowed: " + digits},
		{"advertisers", `advertisers: [{id: "7", name: A}]`, `4:20: id is "7"; allowed: ` + number},
		{"advertisers", `advertisers: [{id: 7.0, name: A}]`, "4:20: id is 7.0; allowed: " + number},
		{"advertisers", `advertisers: [{id: 9223372036854775808, name: A}]`, "4:20: id is 9223372036854775808; allowed: " + number},
		{"advertisers", `advertisers: [{id: !!str 7, name: A}]`, `4:20: the tag "!!str" stands here; allowed: values without tags; text in quotes`},
		{"advertisers", `advertisers: [{name: A}]`, "4:15: id is missing; allowed: " + number},
		{"advertisers", `advertisers: [{idd: 7, name: A}]`, "4:16: the key idd is unknown: is id meant?; allowed: code, currency, id, name, redirect_hosts, time_zone"},
		{"advertisers", `advertisers: [{id: 8, id: 7, name: A}]`, "4:23: id is given twice, first on line 4; allowed: each key once"},
		{"advertisers", `advertisers: {id: 7, name: A}`, "4:14: advertisers is a mapping; allowed: a list or null"},
		{"advertisers", `advertiser: [{id: 7, name: A}]`, "4:1: the key advertiser is unknown: is advertisers meant?; allowed: " + rootKeys},
		{"insertion_orders", `insertion_orders: [{id: -61, advertiser_id: 7}]`, "4:25: id is -61; allowed: " + number},
		{"pixels", `pixels: [{id: 0, advertiser_id: 7, name: P}]`, "4:15: id is 0; allowed: " + number},
		{"pixels", `pixels: [{id: 1, advertiser_id: 7, nmae: P}]`, "4:36: the key nmae is unknown: is name meant?; allowed: active_from, active_until, advertiser_id, code, event_category, id, min_minutes_per_conv, name, piggyback_pixels, post_click_expire_mins, post_view_expire_mins, settings, state, trigger_type, unique_order_id"},
		{"line_items", `line_items: [{id: ~, advertiser_id: 7, name: L}]`, "4:19: id is null; allowed: " + number},
		// what does not follow from it is reported beside it
		{"pixels", `pixels: [{id: 0, advertiser_id: 9, name: P}]`, "4:15: id is 0; allowed: " + number + "\nc.yaml:4:33: advertiser_id is 9, which advertisers does not have; allowed: an id of advertisers"},
		{"pixels", `pixels: [{id: 1, advertiser_id: 8, name: P}, {id: 1, advertiser_id: 7, name: Q}, {id: 2, advertiser_id: 9, name: R}]`,
			"4:51: id 1 stands twice in pixels, first on line 4; allowed: each id once\nc.yaml:4:105: advertiser_id is 9, which advertisers does not have; allowed: an id of advertisers"},
	} {
		_, _, err := schemas.ParseCatalog("c.yaml", []byte(file(x.key, x.instead)))
		if err == nil {
			t.Errorf("%s: accepted", x.instead)
			continue
		}
		if got, want := err.Error(), "c.yaml:"+x.want; got != want {
			t.Errorf("%s:\n%s\nwant\n%s", x.instead, got, want)
		}
	}
}
