package decode

import (
	"fmt"
	"strings"
	"testing"

	"pixledger/ingest/parse"
)

// now is the moment of reading in tests, 2026-11-02 00:00:00 UTC.
const now = 1_793_577_600_000_000

// request is a usual request for a target.
func request(uri string) *parse.Request {
	return &parse.Request{Time: now - 1_000_000, HasTime: true, Status: 200, HasStatus: true, Method: []byte("GET"), URI: []byte(uri)}
}

// fate decodes a request and tells what became of it: an event's columns but
// for time, method and status, or the outcome.
func fate(t testing.TB, opts Options, r *parse.Request) string {
	t.Helper()
	d, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	var ev Event
	return showOutcome(d.Decode(r, now, &ev), &ev)
}

func showOutcome(out Outcome, ev *Event) string {
	switch out.Kind {
	case IsEvent:
		return show(ev)
	case Ignored:
		return "ignored"
	case NotCounted:
		return "not counted: " + out.Reason
	}
	return "reject: " + out.Reason
}

// show writes an event as its type and name=value for all columns that are
// not null, consent only where it is known; lists as [a b], a null in a list as
// -, the params as {name:value}.
func show(ev *Event) string {
	b := []string{string(ev.Type)}
	add := func(name string, value any) { b = append(b, fmt.Sprintf("%s=%v", name, value)) }
	text := func(name string, v []byte) {
		if v != nil {
			add(name, string(v))
		}
	}
	id := func(name string, v int64) {
		if v != 0 {
			add(name, v)
		}
	}
	texts := func(name string, list [][]byte) {
		if len(list) > 0 {
			add(name, "["+strings.Join(strings.Fields(fmt.Sprintf("%s", list)), " ")[1:])
		}
	}
	if ev.Consent != Unknown {
		add("consent", ev.Consent)
	}
	text("event_id", ev.ID)
	text("user_id", ev.UserID)
	if ev.InvalidReason != "" {
		add("invalid_reason", ev.InvalidReason)
	}
	if ev.ServerSide {
		add("server_side", true)
	}
	id("pixel_id", ev.PixelID)
	text("pixel_code", ev.PixelCode)
	id("member_id", ev.MemberID)
	id("tracker_id", ev.TrackerID)
	text("token", ev.Token)
	text("order_id", ev.OrderID)
	if ev.HasValue {
		add("value", ev.Value.Short())
	}
	text("value_text", ev.ValueText)
	text("other", ev.Other)
	text("sspdata", ev.SSPData)
	if ev.HasMediaCost {
		add("media_cost", ev.MediaCost.Short())
	}
	if len(ev.SegmentsAdded) > 0 {
		add("segments_added", ev.SegmentsAdded)
	}
	if len(ev.SegmentsRemoved) > 0 {
		add("segments_removed", ev.SegmentsRemoved)
	}
	if len(ev.SegmentValues) > 0 {
		var list []string
		for _, v := range ev.SegmentValues {
			if v.Given {
				list = append(list, fmt.Sprint(v.Value))
			} else {
				list = append(list, "-")
			}
		}
		add("segment_values", list)
	}
	texts("segment_codes_added", ev.SegmentCodesAdded)
	texts("segment_codes_removed", ev.SegmentCodesRemoved)
	text("referer", ev.Referer)
	text("user_agent", ev.UserAgent)
	text("ip", ev.IP)
	text("host", ev.Host)
	if len(ev.Params) > 0 {
		var list []string
		for _, p := range ev.Params {
			list = append(list, fmt.Sprintf("%s:%s", p.Name, p.Value))
		}
		add("params", "{"+strings.Join(list, " ")+"}")
	}
	if ev.UnreplacedMacros > 0 {
		add("macros", ev.UnreplacedMacros)
	}
	return strings.Join(b, " ")
}
