package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
	_ "time/tzdata" // zones load on machines that have no zone files

	"golang.org/x/sys/unix"

	"pixledger/cmd/pixledger/schedule"
)

func TestKernelClock(t *testing.T) {
	cases := []struct {
		name string
		t    unix.Timex
		err  error
		want string
	}{
		{"kept right", unix.Timex{Esterror: 500}, nil, "ok clock: the clock is kept right"},
		{"nobody", unix.Timex{Status: unix.STA_UNSYNC}, nil, "warning clock: nobody keeps this machine's clock right"},
		{"roughly", unix.Timex{Esterror: 2_500_000}, nil, "warning clock: this machine's clock is kept right to 2.5s only"},
		{"in a sandbox", unix.Timex{}, unix.EPERM, "ok clock: the kernel does not tell"},
	}
	for _, c := range cases {
		var r Report
		KernelClock(&r, func(into *unix.Timex) (int, error) { *into = c.t; return 0, c.err })
		expect(t, &r, "", c.want)
	}
}

func TestClockAgainstTheLake(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "pixel.log")
	write(t, log, "a line\n")
	now := time.Now().UTC()
	m := Moments{Now: now, Real: now, LastCommit: now.Add(-time.Minute), LastEvent: now, Logs: []Log{{Path: log}, {Path: filepath.Join(dir, "none")}}}
	var r Report
	Clock(&r, m)
	if len(r.Findings) != 1 { // the kernel's
		t.Errorf("a clock that is right: %s", said(t, &r, dir))
	}
	m.LastCommit, m.LastEvent = now.Add(time.Hour), now.Add(2*time.Hour)
	if err := os.Chtimes(log, now, now.Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	r = Report{}
	Clock(&r, m)
	r.Findings = r.Findings[1:]
	expect(t, &r, dir, "problem clock: it is ", "warning clock: the newest committed line is of", "warning clock: $DIR/pixel.log was written at")
	if r.Sound() {
		t.Error("a problem is none")
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func jobs(t *testing.T, z *time.Location, specs ...string) []Job {
	t.Helper()
	var out []Job
	for i := 0; i < len(specs); i += 2 {
		when, err := schedule.Parse(specs[i+1], z)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Job{Name: specs[i], Spec: specs[i+1], When: when})
	}
	return out
}

func TestZoneChange(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	list := jobs(t, berlin, "attribute", "*/15 * * * *", "close", "15 2 * * *", "export", "30 5 * * *")
	cases := []struct {
		now  string
		want []string
	}{
		{"2026-07-01T12:00:00Z", []string{"ok time zone: Europe/Berlin: no clock is set within 14 days"}},
		{"2026-03-20T12:00:00Z", []string{"ok time zone: Europe/Berlin: clocks are set forward by 1h0m0s on 2026-03-29 02:00",
			"ok time zone: close (15 2 * * *) is due at 02:15 that night, which is left out: it runs once, at 03:00 +02:00"}},
		{"2026-10-20T12:00:00Z", []string{"ok time zone: Europe/Berlin: clocks are set back by 1h0m0s on 2026-10-25 03:00",
			"ok time zone: close (15 2 * * *) is due at 02:15 that night, which is there twice: it runs once, at 02:15 +02:00"}},
	}
	for _, c := range cases {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		var r Report
		ZoneChange(&r, berlin, now, list)
		expect(t, &r, "", c.want...)
	}
	var r Report
	ZoneChange(&r, time.UTC, today, list)
	expect(t, &r, "", "ok time zone: UTC: no clock is set")
}

func TestSchedule(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	good := []string{"attribute", "*/15 * * * *", "close", "15 5 * * *", "export", "30 5 * * *", "warehouse", "0 6 * * *"}
	cases := []struct {
		name  string
		specs []string
		close time.Duration
		want  []string
	}{
		{"the default", good, 4 * time.Hour, []string{"ok schedule: 4 jobs come in their order"}},
		{"every hour", []string{"close", "@hourly", "export", "@hourly"}, 4 * time.Hour, []string{"ok schedule: 2 jobs"}},
		{"a leap day", []string{"warehouse", "0 0 29 2 *"}, 0, []string{"warning schedule: warehouse (0 0 29 2 *) does not come within a year"}},
		{"close too early", []string{"close", "15 2 * * *", "export", "30 2 * * *"}, 4 * time.Hour, []string{"warning schedule: a business day is due 4h0m0s after its end, and close (15 2 * * *) comes 22h15m0s later"}},
		{"export before close", []string{"close", "15 5 * * *", "export", "0 5 * * *"}, 4 * time.Hour, []string{"warning schedule: export (0 5 * * *) comes 23h45m0s after close (15 5 * * *)"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var r Report
			Schedule(&r, Night{Now: today, Zone: berlin, Close: c.close, Jobs: jobs(t, berlin, c.specs...)})
			expect(t, &r, "", c.want...)
		})
	}
	list := jobs(t, berlin, good...)
	list[1].LastError, list[1].LastEnd = errors.New("the disk is full").Error(), today.Add(-26*time.Hour)
	var r Report
	Schedule(&r, Night{Now: today, Zone: berlin, Close: 4 * time.Hour, Running: true, Jobs: list})
	expect(t, &r, "", "warning schedule: the job close fails: the disk is full", "warning schedule: the job close is overdue: it was due at 2026-11-26 04:15:00Z, and ran last at 2026-11-25 10:00:00Z")
	r = Report{} // where no daemon runs, nobody waits
	list[1].LastError = ""
	Schedule(&r, Night{Now: today, Zone: berlin, Close: 4 * time.Hour, Jobs: list})
	expect(t, &r, "", "ok schedule: 4 jobs come in their order")
}
