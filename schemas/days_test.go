package schemas

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // zones load on machines that have no zone files
)

func loadZone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestDayBounds(t *testing.T) {
	for _, c := range []struct {
		zone  string
		day   Day
		from  string
		hours float64
	}{
		{"UTC", "2026-11-12", "2026-11-12T00:00:00Z", 24},
		{"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", 23},
		{"Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", 25},
		{"Asia/Kolkata", "2026-11-12", "2026-11-11T18:30:00Z", 24},
		{"Asia/Kathmandu", "2026-11-12", "2026-11-11T18:15:00Z", 24},
		// Summer time of half an hour.
		{"Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", 24.5},
		{"Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", 23.5},
		// Midnight does not exist: the clocks go from 24:00 to 01:00.
		{"America/Sao_Paulo", "2018-11-03", "2018-11-03T03:00:00Z", 24},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23},
		{"Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z", 23},
		{"Asia/Beirut", "2026-10-24", "2026-10-23T21:00:00Z", 25},
		// Midnight comes twice: at 01:00 the clocks go back to 00:00.
		{"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", 25},
		// At 00:01 they go back to 23:01 of the day before.
		{"America/St_Johns", "2010-11-06", "2010-11-06T02:30:00Z", 24},
		{"America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z", 25},
		// A day that Samoa never had.
		{"Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", 24},
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0},
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", 24},
	} {
		from, until := c.day.Bounds(loadZone(t, c.zone))
		if got := from.Format(time.RFC3339); got != c.from || from.Location() != time.UTC {
			t.Errorf("%s %s begins %s, want %s", c.zone, c.day, got, c.from)
		}
		if got := until.Sub(from).Hours(); got != c.hours {
			t.Errorf("%s %s has %g hours, want %g", c.zone, c.day, got, c.hours)
		}
	}
}

func TestDayIsDueSoLongAfterItsEnd(t *testing.T) {
	berlin := loadZone(t, "Europe/Berlin")
	// The hour that the clocks repeat has passed too: four hours have.
	if got := Day("2026-10-24").Due(berlin, 4*time.Hour); !got.Equal(time.Date(2026, 10, 25, 2, 0, 0, 0, time.UTC)) {
		t.Errorf("due %s", got)
	}
}

func TestDaysAreCounted(t *testing.T) {
	if d := Day("2026-02-28").Plus(1); d != "2026-03-01" {
		t.Errorf("the day after is %s", d)
	}
	if n := Day("2026-03-01").Until("2026-02-28"); n != -1 {
		t.Errorf("%d days", n)
	}
	if _, err := ParseDay("2026-02-30"); err == nil {
		t.Error("2026-02-30 is a day")
	}
}

// zoneNames are all zones that the Go distribution knows.
func zoneNames(t *testing.T) []string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	if len(names) < 300 {
		t.Fatalf("only %d zones", len(names))
	}
	slices.Sort(names)
	return names
}

// In every zone the days follow one another without a gap or an overlap, an
// instant lies in the day whose bounds it lies in, and the clocks show that day.
func TestDaysOfAllZones(t *testing.T) {
	for _, name := range zoneNames(t) {
		z := loadZone(t, name)
		day := Day("2025-01-01")
		from := day.Begin(z)
		for ; day < "2027-01-01"; day = day.Plus(1) {
			begin, until := day.Bounds(z)
			if !begin.Equal(from) {
				t.Fatalf("%s %s begins %s, the day before ends %s", name, day, begin, from)
			}
			if hours := until.Sub(begin); hours < 22*time.Hour || hours > 26*time.Hour {
				t.Errorf("%s %s has %s", name, day, hours)
			}
			for _, at := range []time.Time{begin, begin.Add(until.Sub(begin) / 2), until.Add(-time.Microsecond)} {
				if got := DayOf(at, z); got != day {
					t.Errorf("%s: %s is of %s, want %s", name, at, got, day)
				}
				if shown := at.In(z).Format(time.DateOnly); shown != string(day) {
					t.Errorf("%s: at %s the clocks show %s, want %s", name, at, shown, day)
				}
			}
			from = until
		}
	}
}
