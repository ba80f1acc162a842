package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
)

// suspects are conversions that browsers sent to a pixel, a minute apart, each with
// what change gives it: their lines and the decisions on them.
func suspects(pixel, n int, change func(i int) fields) (lines, decisions []fields) {
	for i := range n {
		at := at("2026-11-12T00:00:00Z").Add(time.Duration(i) * time.Minute)
		id := fmt.Sprintf("%d-%03d", pixel, i)
		decision := fields{
			"conversion_id": id, "conversion_time": at, "pixel_id": pixel, "advertiser_id": 7, "user_id": "u" + id, "line_item_id": pixel, "publisher_id": 31,
			"outcome": "attributed", "conversion_type": "post_click", "touch_time": at.Add(-time.Hour), "booked_revenue": "12.5", "currency": "USD",
		}
		line := fields{"event_id": id, "event_time": at, "consent": "unknown", "ip": fmt.Sprintf("198.18.%d.0", i%100)}
		more := change(i)
		if ip, ok := more["ip"]; ok {
			line["ip"] = ip
			delete(more, "ip")
		}
		if moved, ok := more["conversion_time"]; ok { // its line and touch with it
			line["event_time"], more["touch_time"] = moved, moved.(time.Time).Add(-time.Hour)
		}
		maps.Copy(decision, more)
		lines, decisions = append(lines, line), append(decisions, decision)
	}
	return lines, decisions
}

// suspect puts them into a lake.
func (l *testLake) suspect(lines, decisions []fields) {
	l.t.Helper()
	l.put(schemas.Events, schemas.Conversion, "event_time", lines...)
	l.put(schemas.Attributions, "", "conversion_time", decisions...)
}

// Where each limit lies, on both sides of it.
func TestSuspiciousTrafficLimits(t *testing.T) {
	priced := func(odd string) func(int) fields {
		return func(i int) fields {
			if i == 60 {
				return fields{"value": odd}
			}
			return fields{"value": "10"}
		}
	}
	sequence := func(of func(i int) fields) func(int) fields {
		return func(i int) fields {
			if i >= 30 {
				f := of(i)
				f["order_id"] = fmt.Sprint("X-", 500+i)
				return f
			}
			return fields{"order_id": fmt.Sprint("A-", 10*i)}
		}
	}
	quick := func(n int, age time.Duration) func(int) fields {
		return func(i int) fields {
			if i >= n {
				return fields{}
			}
			return fields{"touch_time": at("2026-11-12T00:00:00Z").Add(time.Duration(i)*time.Minute - age), "publisher_id": 32}
		}
	}
	type limit struct {
		n      int
		change func(int) fields
		values map[string]string
		want   string // kind, subject, conversions, attributed and booked revenue
	}
	limits := map[string]limit{
		"50 times the median":     {61, priced("500"), nil, ""},
		"more than that":          {61, priced("500.000001"), nil, "value_outlier|conversion|PIXEL-060|1|1|12.500000"},
		"another limit":           {61, priced("41"), map[string]string{"value_times": "4"}, "value_outlier|conversion|PIXEL-060|1|1|12.500000"},
		"too few values":          {49, func(i int) fields { return fields{"value": fmt.Sprint(1 + i*i*i*i*100)} }, nil, ""},
		"spread as prices can be": {61, func(i int) fields { return fields{"value": fmt.Sprint(1 + i*i*i*100)} }, nil, ""},
		"void": {61, func(i int) fields {
			f := priced("9999")(i)
			f["outcome"], f["reason"] = "unattributed", "voided"
			return f
		}, nil, ""},
		"not attributed": {61, func(i int) fields {
			f := priced("9999")(i)
			f["outcome"], f["reason"], f["currency"], f["booked_revenue"] = "unattributed", "no_touch", nil, "0"
			return f
		}, nil, "value_outlier|conversion|PIXEL-060|1|0|0.000000"},
		"four in sequence": {34, sequence(func(int) fields { return fields{"user_id": "one"} }), nil, ""},
		"five":             {35, sequence(func(int) fields { return fields{"user_id": "one"} }), nil, "sequential_orders|user|one|5|5|62.500000"},
		"of a server":      {35, sequence(func(int) fields { return fields{"user_id": "one", "server_side": true} }), nil, ""},
		"five, two hours apart": {35, sequence(func(i int) fields {
			return fields{"user_id": "one", "conversion_time": at("2026-11-12T01:00:00Z").Add(time.Duration(i-30) * 2 * time.Hour)}
		}), nil, ""},
		"nine by an address":         {39, sequence(func(int) fields { return fields{"ip": "192.0.2.0"} }), nil, ""},
		"ten":                        {40, sequence(func(int) fields { return fields{"ip": "192.0.2.0"} }), nil, "sequential_orders|address|192.0.2.0|10|10|125.000000"},
		"ten, most of the pixel's":   {40, func(i int) fields { return fields{"ip": "192.0.2.0", "order_id": fmt.Sprint(i)} }, nil, ""},
		"a shop's, of all its users": {200, func(i int) fields { return fields{"order_id": fmt.Sprint(1000 + i)} }, nil, ""},
		"of four users in turn":      {20, func(i int) fields { return fields{"order_id": fmt.Sprint(1000 + i), "user_id": fmt.Sprint("u", i%4)} }, nil, "sequential_orders|pixel|PIXEL|20|20|250.000000"},
		"of five":                    {20, func(i int) fields { return fields{"order_id": fmt.Sprint(1000 + i), "user_id": fmt.Sprint("u", i%5)} }, nil, ""},
		"two quick ones":             {30, quick(2, time.Second), nil, ""},
		"three":                      {30, quick(3, 1999*time.Millisecond), nil, "click_injection|publisher|32|3|3|37.500000"},
		"three after two seconds":    {30, quick(3, 2*time.Second), nil, ""},
		"limits beyond reason":       {61, priced("500.000001"), map[string]string{"value_times": "9223372036854775807", "injection_seconds": "9223372036854775807", "orders_in_sequence": "-1", "clicks_per_day": "-9223372036854775808"}, "click_injection|publisher|31|61|61|762.500000"},
	}
	l := newLake(t, network())
	pixel, lines, decisions := map[string]int{}, []fields{}, []fields{}
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		c := limits[name]
		pixel[name] = 10_000 + len(pixel)
		some, decided := suspects(pixel[name], c.n, c.change)
		lines, decisions = append(lines, some...), append(decisions, decided...)
	}
	l.suspect(lines, decisions)
	db := l.opened(t)
	found := func(values map[string]string) map[string]string { // by pixel
		out := map[string]string{}
		for _, row := range rowsOf(t, run(t, db, "suspicious_traffic", Params{Values: values}, CSV), "pixel_id", "kind", "subject_type", "subject", "conversions", "attributed", "booked_revenue") {
			pixel, row, _ := strings.Cut(row, "|")
			out[pixel] = strings.TrimPrefix(out[pixel]+"\n"+row, "\n")
		}
		return out
	}
	usual := found(nil)
	for name, c := range limits {
		pixel, all := fmt.Sprint(pixel[name]), usual
		if c.values != nil {
			all = found(c.values)
		}
		if want := strings.ReplaceAll(c.want, "PIXEL", pixel); all[pixel] != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, all[pixel], want)
		}
	}
}

// The limits of touches, on both sides: of users by date and minute, of addresses
// by their users who act.
func TestSuspiciousTouchesLimits(t *testing.T) {
	impressions, clicks := []fields{}, []fields{}
	touch := func(list *[]fields, user, ip string, minutes int) {
		*list = append(*list, fields{
			"event_id": fmt.Sprint("t", len(impressions)+len(clicks)), "event_time": at("2026-11-11T00:00:00Z").Add(time.Duration(minutes) * time.Minute),
			"consent": "unknown", "tracker_id": 2766, "user_id": user, "ip": ip,
		})
	}
	for user, n := range map[string]int{"clicks 50": 50, "clicks 51": 51, "day after day": 100} {
		for i := range n {
			touch(&clicks, user, "198.18.1.0", 10*i+1440*(i%2)*(n/100))
		}
	}
	for user, n := range map[string]int{"minute 15": 15, "minute 16": 16} {
		for range n {
			touch(&clicks, user, "198.18.1.0", 600)
		}
	}
	for user, n := range map[string]int{"touches 1000": 1000, "touches 1001": 1001} {
		for i := range n {
			touch(&impressions, user, "198.18.1.0", 1+i)
		}
	}
	for i := range 20 { // ordinary ones
		touch(&clicks, fmt.Sprint("home ", i), fmt.Sprintf("198.19.%d.0", i), 60*i)
	}
	for ip, n := range map[string]int{"192.0.2.0": 101, "192.0.3.0": 100, "100.64.7.0": 150} {
		for i := range n {
			user := fmt.Sprint(ip, " ", i)
			touch(&clicks, user, ip, 1+i)
			for range 6 * (n / 150) { // of the carrier: as often as others see ads
				touch(&impressions, user, ip, 2+i)
			}
		}
	}
	l := newLake(t, network())
	l.put(schemas.Events, schemas.Impression, "event_time", impressions...)
	l.put(schemas.Events, schemas.Click, "event_time", clicks...)
	got := rowsOf(t, run(t, l.opened(t), "suspicious_traffic", Params{}, CSV), "kind", "subject", "observed", "conversions")
	want := []string{
		"click_flooding|clicks 51|51.000000|0", "click_flooding|minute 16|16.000000|0",
		"crowded_address|192.0.2.0|101.000000|0", "heavy_user|touches 1001|1001.000000|0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Whatever a tag sends, the report is made, and nothing of it moves a terminal.
func TestSuspiciousTrafficOfHostileOrders(t *testing.T) {
	l := newLake(t, network())
	l.suspect(suspects(9012, 3*len(hostileOrders), func(i int) fields {
		values := []any{nil, "0", "-5", "999999999999.999999", "0.000001"}
		return fields{"order_id": hostileOrders[i%len(hostileOrders)], "value": values[i%len(values)], "user_id": "u"}
	}))
	for i := range 3 {
		run(t, l.opened(t), "suspicious_traffic", Params{Values: map[string]string{"orders_in_sequence": fmt.Sprint(i), "value_times": "1"}}, Formats()[i])
	}
	l = newLake(t, network())
	l.suspect(suspects(9012, 30, func(i int) fields {
		return fields{"order_id": fmt.Sprintf("\x1b[31m\n\u202e%d", 7+i), "user_id": "\x1b[2J"}
	}))
	out := run(t, l.opened(t), "suspicious_traffic", Params{Columns: []string{"what"}}, CSV)
	if !strings.Contains(out, "30 order ids in sequence") || strings.ContainsAny(out, "\x1b\u202e") {
		t.Errorf("got %q", out)
	}
}
