package schedule

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func spec(t testing.TB, text string, zone *time.Location) *Spec {
	t.Helper()
	s, err := Parse(text, zone)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return s
}

func zoneNamed(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestParse(t *testing.T) {
	berlin := zoneNamed(t, "Europe/Berlin")
	next := spec(t, "15 5 * * *", berlin).Next(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
	if want := time.Date(2026, 7, 1, 3, 15, 0, 0, time.UTC); !next.Equal(want) {
		t.Errorf("next is %v, want %v: schedules run in the zone given", next, want)
	}
	for _, good := range []string{"@daily", "@hourly", "@every 15m", "0 0 29 2 *", "*/5 8-18 * * mon-fri"} {
		if _, err := Parse(good, berlin); err != nil {
			t.Errorf("%q refused: %v", good, err)
		}
	}
	for _, bad := range []string{"", " ", "0 0 31 2 *", "@every 0s", "@every -5m", "@every", "@reboot", "* * * * * *",
		"TZ=X", "TZ=UTC 0 0 * * *", "CRON_TZ=Europe/Berlin 0 0 * * *", "60 * * * *", ", * * * *", "*/0 * * * *", "a b c d e"} {
		if _, err := Parse(bad, berlin); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

// What happens on the two days of a year is written out.
func TestClockIsSet(t *testing.T) {
	berlin := zoneNamed(t, "Europe/Berlin")
	cases := []struct{ spec, from, want string }{
		// 2026-03-29: 02:00 becomes 03:00.
		{"15 2 * * *", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00 2026-03-30T02:15:00+02:00"},
		{"0,15,30 2 * * *", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00 2026-03-30T02:00:00+02:00"},
		{"0 3 * * *", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00 2026-03-30T03:00:00+02:00"},
		{"*/30 * * * *", "2026-03-29T01:15:00+01:00", "2026-03-29T01:30:00+01:00 2026-03-29T03:00:00+02:00 2026-03-29T03:30:00+02:00"},
		{"15 5 * * *", "2026-03-28T12:00:00+01:00", "2026-03-29T05:15:00+02:00 2026-03-30T05:15:00+02:00"},
		// 2026-10-25: 03:00 becomes 02:00.
		{"15 2 * * *", "2026-10-24T12:00:00+02:00", "2026-10-25T02:15:00+02:00 2026-10-26T02:15:00+01:00"},
		{"15 2 * * *", "2026-10-25T02:15:00+02:00", "2026-10-26T02:15:00+01:00"},
		{"15 2 * * *", "2026-10-25T02:05:00+01:00", "2026-10-26T02:15:00+01:00"},
		{"0 3 * * *", "2026-10-24T12:00:00+02:00", "2026-10-25T03:00:00+01:00 2026-10-26T03:00:00+01:00"},
		{"*/30 * * * *", "2026-10-25T02:15:00+02:00", "2026-10-25T02:30:00+02:00 2026-10-25T02:00:00+01:00 2026-10-25T02:30:00+01:00"},
		{"0 */2 * * *", "2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00 2026-10-25T04:00:00+01:00"},
	}
	for _, c := range cases {
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		s := spec(t, c.spec, berlin)
		var got []string
		for range strings.Fields(c.want) {
			from = s.Next(from)
			got = append(got, from.Format(time.RFC3339))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: %s, want %s", c.spec, g, c.want)
		}
	}
}

// zonesThatChange are all zones whose clocks are set in two years, one of each
// that are set alike.
func zonesThatChange(t testing.TB, begin, end time.Time) map[string]*time.Location {
	t.Helper()
	goRoot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(goRoot)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	out, seen := map[string]*time.Location{}, map[string]bool{}
	for _, f := range files.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		zone := zoneNamed(t, f.Name)
		var changes []string
		for at := begin.In(zone); ; {
			_, next := at.ZoneBounds()
			if next.IsZero() || next.After(end) {
				break
			}
			at = next
			changes = append(changes, at.Format(time.RFC3339))
		}
		key := strings.Join(changes, " ")
		if len(changes) > 0 && !seen[key] {
			seen[key] = true
			out[f.Name] = zone
		}
	}
	return out
}

// The times of two years, around each change of the clock of every zone that
// has one, are those of a reference that looks at the clock minute by minute.
func TestEveryZoneForTwoYears(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	end := begin.AddDate(2, 0, 0)
	zones := zonesThatChange(t, begin, end)
	if len(zones) < 15 {
		t.Fatalf("only %d zones whose clocks are set: %v", len(zones), zones)
	}
	specs := map[string]func(wall time.Time) bool{
		"15 5 * * *":        func(w time.Time) bool { return w.Hour() == 5 && w.Minute() == 15 },
		"30 2 * * *":        func(w time.Time) bool { return w.Hour() == 2 && w.Minute() == 30 },
		"0 0 * * *":         func(w time.Time) bool { return w.Hour() == 0 && w.Minute() == 0 },
		"*/15 * * * *":      func(w time.Time) bool { return w.Minute()%15 == 0 },
		"7 */3 * * *":       func(w time.Time) bool { return w.Hour()%3 == 0 && w.Minute() == 7 },
		"0,20,40 0-3 * * *": func(w time.Time) bool { return w.Hour() <= 3 && w.Minute()%20 == 0 },
		"45 1 * * sun":      func(w time.Time) bool { return w.Weekday() == time.Sunday && w.Hour() == 1 && w.Minute() == 45 },
	}
	compared := 0
	for name, zone := range zones {
		for at := begin.In(zone); ; {
			_, change := at.ZoneBounds()
			if change.IsZero() || change.After(end) {
				break
			}
			at = change
			from, to := change.Add(-50*time.Hour).Truncate(time.Minute), change.Add(50*time.Hour)
			for text, matches := range specs {
				everyHour := text == "*/15 * * * *"
				want := byTheMinute(zone, from, to, matches, everyHour)
				s := spec(t, text, zone)
				var got []time.Time
				for next := s.Next(from); next.Before(to); next = s.Next(next) {
					got = append(got, next.UTC())
				}
				if !slices.EqualFunc(got, want, time.Time.Equal) {
					t.Errorf("%s at %s: %s:\n got %v\nwant %v", name, change.In(zone), text, got, want)
				}
				compared += len(want)
			}
		}
	}
	t.Logf("%d zones, %d times", len(zones), compared)
}

// byTheMinute gives the times later than from and before to, by looking at the
// clock on the wall each minute.
func byTheMinute(zone *time.Location, from, to time.Time, matches func(time.Time) bool, everyHour bool) []time.Time {
	var out []time.Time
	shown := map[int64]bool{} // what the clock has shown
	var last time.Time        // as it showed it
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		_, offset := at.In(zone).Zone()
		wall := at.UTC().Add(time.Duration(offset) * time.Second)
		again := shown[wall.Unix()]
		due := matches(wall) && (!again || everyHour)
		if !last.IsZero() {
			for skipped := last.Add(time.Minute); skipped.Before(wall); skipped = skipped.Add(time.Minute) {
				due = due || matches(skipped)
			}
		}
		if due && at.After(from) {
			out = append(out, at.UTC())
		}
		shown[wall.Unix()], last = true, wall
	}
	return out
}

func TestLastDue(t *testing.T) {
	at := func(s string) time.Time {
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, c := range []struct{ spec, done, now, want string }{
		{"0 * * * *", "2026-03-01T10:00:00Z", "2026-03-01T10:59:59Z", ""},
		{"0 * * * *", "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z", "2026-03-01T11:00:00Z"},
		{"0 * * * *", "2026-03-01T10:00:00Z", "2026-03-05T11:30:00Z", "2026-03-05T11:00:00Z"},
		{"0 0 1 * *", "2026-03-01T00:00:00Z", "2026-05-20T00:00:00Z", "2026-05-01T00:00:00Z"},
		{"0 0 1 * *", "2026-03-01T00:00:00Z", "2026-03-20T00:00:00Z", ""},
		{"@every 15m", "2026-03-01T10:07:00Z", "2026-03-01T10:21:59Z", ""},
		{"@every 15m", "2026-03-01T10:07:00Z", "2026-03-02T10:30:00Z", "2026-03-02T10:22:00Z"},
		{"* * * * *", "2016-03-01T10:07:00Z", "2026-03-02T10:30:30Z", "2026-03-02T10:30:00Z"},
	} {
		got := ""
		if due, ok := spec(t, c.spec, time.UTC).LastDue(at(c.done), at(c.now)); ok {
			got = due.UTC().Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%s, done %s, now %s: %q, want %q", c.spec, c.done, c.now, got, c.want)
		}
	}
}
