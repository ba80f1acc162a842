package report

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Every named range, at a moment on the day on which New York's autumn repeats
// an hour: 06:30 UTC is the second 01:30.
func TestNamedRanges(t *testing.T) {
	newYork := location(t, "America/New_York")
	for name, want := range map[string][2]string{
		"current_hour":       {"2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"},
		"last_hour":          {"2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z"},
		"today":              {"2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"}, // 25 hours
		"yesterday":          {"2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z"},
		"last_24_hours":      {"2026-10-31T06:00:00Z", "2026-11-01T06:00:00Z"},
		"last_48_hours":      {"2026-10-30T06:00:00Z", "2026-11-01T06:00:00Z"},
		"last_2_days":        {"2026-10-30T04:00:00Z", "2026-11-01T04:00:00Z"},
		"last_7_days":        {"2026-10-25T04:00:00Z", "2026-11-01T04:00:00Z"},
		"last_14_days":       {"2026-10-18T04:00:00Z", "2026-11-01T04:00:00Z"},
		"last_30_days":       {"2026-10-02T04:00:00Z", "2026-11-01T04:00:00Z"},
		"last_month":         {"2026-10-01T04:00:00Z", "2026-11-01T04:00:00Z"},
		"month_to_date":      {"2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		"month_to_yesterday": {"2026-11-01T04:00:00Z", "2026-11-01T04:00:00Z"}, // nothing on the first
		"quarter_to_date":    {"2026-10-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		"last_100_days":      {"2026-07-24T04:00:00Z", "2026-11-01T04:00:00Z"},
		"last_365_days":      {"2025-11-01T04:00:00Z", "2026-11-01T04:00:00Z"},
		"lifetime":           {"2000-01-01T00:00:00Z", "2026-11-02T05:00:00Z"},
	} {
		r, err := NamedRange(name, at("2026-11-01T06:30:00Z"), newYork)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !r.From.Equal(at(want[0])) || !r.Until.Equal(at(want[1])) {
			t.Errorf("%s: %v to %v, want %v", name, r.From.UTC(), r.Until.UTC(), want)
		}
	}
	if got := len(RangeNames()); got != 17 {
		t.Errorf("%d ranges are tested, %d known", 17, got)
	}
}

func TestRangesInOtherZones(t *testing.T) {
	for _, c := range []struct{ name, now, zone, from, until string }{
		{"current_hour", "2026-06-01T12:10:00Z", "Asia/Kolkata", "2026-06-01T11:30:00Z", "2026-06-01T12:30:00Z"},
		{"current_hour", "2026-06-01T12:10:00Z", "Asia/Kathmandu", "2026-06-01T11:15:00Z", "2026-06-01T12:15:00Z"},
		{"today", "2026-06-01T20:00:00Z", "Asia/Kolkata", "2026-06-01T18:30:00Z", "2026-06-02T18:30:00Z"},
		{"today", "2026-03-29T12:00:00Z", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}, // 23 hours
		{"current_hour", "2026-03-29T01:30:00Z", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
		// Lord Howe turns back half an hour at 02:00, at 15:00 UTC: 01:30 comes again.
		{"current_hour", "2026-04-04T15:10:00Z", "Australia/Lord_Howe", "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"},
		{"current_hour", "2026-04-04T14:10:00Z", "Australia/Lord_Howe", "2026-04-04T14:00:00Z", "2026-04-04T15:00:00Z"},
		// In Beirut the clock jumps over midnight.
		{"today", "2026-03-29T12:00:00Z", "Asia/Beirut", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"},
		// In Havana midnight comes twice, and the day begins with the first.
		{"today", "2026-11-01T12:00:00Z", "America/Havana", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		// Samoa left out 30 December 2011.
		{"yesterday", "2011-12-31T00:00:00Z", "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"last_month", "2026-01-31T23:30:00Z", "UTC", "2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z"},
		{"quarter_to_date", "2026-03-31T23:30:00Z", "UTC", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"},
		{"last_2_days", "2028-03-01T00:00:00Z", "UTC", "2028-02-28T00:00:00Z", "2028-03-01T00:00:00Z"},
	} {
		r, err := NamedRange(c.name, at(c.now), location(t, c.zone))
		if err != nil {
			t.Fatal(err)
		}
		if !r.From.Equal(at(c.from)) || !r.Until.Equal(at(c.until)) {
			t.Errorf("%s at %s in %s: %v to %v, want %s to %s", c.name, c.now, c.zone, r.From.UTC(), r.Until.UTC(), c.from, c.until)
		}
	}
}

// In every zone, days follow each other without gap or overlap, begin with
// their own date, and midnights and the days' count agree.
func TestDaysTileTime(t *testing.T) {
	for _, name := range []string{
		"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Santiago", "America/Asuncion", "America/Havana", "Asia/Beirut",
		"Asia/Gaza", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Africa/Cairo", "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Apia",
		"Pacific/Chatham", "Pacific/Kiritimati", "America/Nuuk", "Antarctica/Troll", "Atlantic/Azores",
	} {
		zone := location(t, name)
		for y := 2009; y <= 2027; y++ {
			for d := range 366 {
				start, end := StartOfDay(y, 1, 1+d, zone), StartOfDay(y, 1, 2+d, zone)
				if end.Before(start) {
					t.Fatalf("%s: day %d of %d ends before it begins", name, d, y)
				}
				if start.Equal(end) {
					continue // a day that was left out
				}
				want := time.Date(y, 1, 1+d, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
				if got := start.In(zone).Format(time.DateOnly); got != want {
					t.Fatalf("%s: %s begins at %s", name, want, start)
				}
				if got := start.Add(-time.Nanosecond).In(zone).Format(time.DateOnly); got >= want {
					t.Fatalf("%s: %s has begun before %s", name, want, start)
				}
			}
		}
	}
}

func TestFromAndTo(t *testing.T) {
	berlin := location(t, "Europe/Berlin")
	for _, c := range []struct{ from, to, wantFrom, wantUntil string }{
		{"2026-03-29", "2026-03-30", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"2026-03-29T10:00:00+05:30", "", "2026-03-29T04:30:00Z", "2026-11-13T23:00:00Z"},
		{"", "2026-01-01", "2000-01-01T00:00:00Z", "2025-12-31T23:00:00Z"},
		{"2026-01-01", "2026-01-01", "2025-12-31T23:00:00Z", "2025-12-31T23:00:00Z"},
	} {
		p := Params{From: c.from, To: c.to, Now: now}
		r, err := p.resolve(berlin)
		if err != nil || !r.From.Equal(at(c.wantFrom)) || !r.Until.Equal(at(c.wantUntil)) {
			t.Errorf("%+v: %v to %v, %v", c, r.From.UTC(), r.Until.UTC(), err)
		}
	}
}

// What is asked for wrongly is refused with what is wrong and what would be
// right, before anything is opened.
func TestUsage(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Params
		want string
	}{
		{"revenu", Params{}, `there is no report "revenu"; allowed: ` + words(BuiltIn().Names())},
		{"revenue", Params{Values: map[string]string{"month": "2026-01"}}, "revenue takes no --month; allowed: --include-open"},
		{"revenue", Params{Values: map[string]string{"include_open": "1"}}, `--include-open: "1" is no include_open; allowed: true, false, or nothing for null`},
		{"unattributed", Params{Values: map[string]string{"include_open": "true"}}, "unattributed takes no --include-open; allowed: no parameter of its own"},
		{"advertiser_analytics", Params{Range: "last_week"}, `there is no range "last_week"; allowed: current_hour last_hour`},
		{"advertiser_analytics", Params{Interval: "weekly"}, `there is no interval "weekly"; allowed: hourly daily monthly cumulative`},
		{"advertiser_analytics", Params{By: []string{"campaign_id"}}, `advertiser_analytics has no dimension "campaign_id"; allowed: advertiser_id line_item_id creative_id publisher_id pixel_id`},
		{"attributed_conversions", Params{By: []string{"pixel_id"}}, `attributed_conversions has no dimensions; allowed: no --by`},
		{"attributed_conversions", Params{Interval: "hourly"}, `attributed_conversions has no intervals; allowed: no --interval`},
		{"advertiser_analytics", Params{Filters: []string{"imps=3"}}, `--filter: advertiser_analytics has no column "imps" to filter by; allowed: advertiser_id`},
		{"advertiser_analytics", Params{Filters: []string{"pixel_id"}}, `--filter: "pixel_id" has no =; allowed: column=value`},
		{"advertiser_analytics", Params{Filters: []string{"pixel_id=1 OR 1=1"}}, `--filter: "1 OR 1=1" is no pixel_id; allowed: a whole number, or nothing for null`},
		{"advertiser_analytics", Params{Filters: []string{"pixel_id=99999999999999999999"}}, `is no pixel_id`},
		{"advertiser_analytics", Params{TimeZone: "Mars/Olympus"}, `there is no time zone "Mars/Olympus"; allowed: an IANA name such as Europe/Berlin or UTC, or advertiser`},
		{"advertiser_analytics", Params{TimeZone: "../../etc/passwd"}, `there is no time zone`},
		{"advertiser_analytics", Params{TimeZone: "Local"}, `there is no time zone "Local"`},
		{"advertiser_analytics", Params{From: "yesterday"}, `--from: "yesterday" is no time; allowed: RFC 3339`},
		{"advertiser_analytics", Params{To: "2026-02-30"}, `--to: "2026-02-30" is no time`},
		{"advertiser_analytics", Params{From: "2026-02-02", To: "2026-02-01"}, `--from 2026-02-02T00:00:00Z is after --to 2026-02-01T00:00:00Z`},
		{"advertiser_analytics", Params{From: "2026-02-02", Range: "today"}, `--range and --from or --to exclude each other`},
	} {
		c.p.Now = now
		err := BuiltIn().Check(c.name, c.p)
		var u *UsageError
		if !errors.As(err, &u) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: got %v, want %s", c.name, c.p, err, c.want)
		}
	}
	if _, err := ParseFormat("pdf"); err == nil || err.Error() != `there is no format "pdf"; allowed: table csv tsv json ndjson xlsx parquet html` {
		t.Errorf("format: %v", err)
	}
}
