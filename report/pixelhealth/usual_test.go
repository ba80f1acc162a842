package pixelhealth

import (
	"regexp"
	"testing"
	"time"
)

var until = time.Date(2026, 11, 15, 6, 0, 0, 0, time.UTC) // a Sunday

// windowsOf are windows with so many loads, the newest first.
func windowsOf(loads ...int64) []window {
	var out []window
	for back, n := range loads {
		if n > 0 {
			out = append(out, window{DaysBack: back, Loads24: n})
		}
	}
	return out
}

// look judges the rhythm of a pixel with so many loads a day, the newest day first,
// in a lake of so many days.
func look(days int, loads ...int64) []Finding {
	last := int64(0)
	for back, n := range loads {
		if n > 0 {
			last = until.Add(-time.Duration(back)*24*time.Hour - time.Minute).UnixMicro()
			break
		}
	}
	j := judge{now: until, until: until, first: until.Add(-time.Duration(days) * 24 * time.Hour), figures: figures{Windows: windowsOf(loads...), LastFired: &last}}
	j.out.LastFired = new(time.Time)
	*j.out.LastFired = time.UnixMicro(last)
	j.rhythm()
	return j.out.Findings
}

func TestRhythm(t *testing.T) {
	for _, c := range []struct {
		what  string
		days  int
		loads []int64
		want  string
	}{
		{"as ever", 90, []int64{48, 50, 46, 47, 52, 49, 48, 51}, ""},
		{"half of it, by more than chance", 90, []int64{20, 50, 46, 47, 52, 49, 48, 51}, "drop"},
		{"a little less than usual", 90, []int64{35, 50, 46, 47, 52, 49, 48, 51}, ""},
		{"three times of it", 90, []int64{150, 50, 46, 47, 52, 49, 48, 51}, "rise"},
		{"a shop that rests on Sundays", 90, []int64{9, 10, 100, 100, 100, 100, 100, 10}, ""},
		{"a shop that rests on Sundays altogether", 90, []int64{0, 0, 100, 100, 100, 100, 100, 0}, ""},
		{"a shop that sells on Sundays", 90, []int64{300, 40, 100, 90, 100, 110, 100, 290}, ""},
		{"a shop whose days differ widely", 90, []int64{30, 10, 90, 150, 61, 20, 200, 60}, ""},
		{"a small pixel that halves", 90, []int64{5, 12, 10, 11, 9, 12, 10, 13}, ""},
		{"a small pixel on a day without", 90, []int64{0, 2, 1, 3, 2, 0, 1, 2}, ""},
		{"a small pixel for four days without", 90, []int64{0, 0, 0, 0, 5, 4, 6, 5}, "silent"},
		{"a day without", 90, []int64{0, 50, 46, 47, 52, 49, 48, 51}, "silent"},
		{"one outlier among the days before", 90, []int64{48, 50, 46, 900, 52, 49, 48, 51}, ""},
		{"a lake of three days", 3, []int64{0, 50, 46, 0, 0, 0, 0, 0}, ""},
		{"a lake of five days", 5, []int64{0, 50, 46, 47, 52, 0, 0, 0}, "silent"},
		{"a pixel of today", 90, []int64{500, 0, 0, 0, 0, 0, 0, 0}, ""},
	} {
		got := ""
		for _, f := range look(c.days, c.loads...) {
			got += f.ID
		}
		if got != c.want {
			t.Errorf("%s: found %q, want %q", c.what, got, c.want)
		}
	}
}

func TestTestHosts(t *testing.T) {
	// The regular expression is DuckDB's, of the same library's syntax as Go's.
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "192.168.1.7": true, "172.20.0.3": true, "shop.local": true, "shop.test": true,
		"staging.shop.example": true, "www.dev.shop.example": true, "shop-staging.example": true, "qa2.shop.example": true, "test.shop.example": true,
		"www.shop.example": false, "test-drive.cars.example": false, "contest.example": false, "devices.example": false, "172.32.0.1": false,
		"qatar.example": false, "example.dev": false, "latest.example": false,
	} {
		if got := regexp.MustCompile(testHosts).MatchString(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

func TestQuoted(t *testing.T) {
	for s, want := range map[string]string{
		"12,50 €": `"12,50 €"`, "a\x1b[31mb\n": `"a\x1b[31mb\n"`, "\u202e12": `"\u202e12"`,
	} {
		if got := quoted(s); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
	if got := quoted(string(make([]rune, 500))); len(got) > 200 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		part, whole int64
		want        string
	}{{1, 3, "33 %"}, {1, 200, "0.5 %"}, {1, 20, "5 %"}, {199, 200, "100 %"}, {0, 0, "0 %"}, {2, 2, "100 %"}} {
		if got := percent(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d: %s", c.part, c.whole, got)
		}
	}
}
