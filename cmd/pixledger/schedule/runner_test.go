package schedule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // zones load on machines that have no zone files

	"pixledger/schemas/lake"
)

func testLake(t testing.TB) *lake.Lake {
	t.Helper()
	return lakeIn(t, t.TempDir())
}

func lakeIn(t testing.TB, dir string) *lake.Lake {
	t.Helper()
	l, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// memory gives a folder in memory where the system has one: what is synced
// thousands of times takes minutes on a disk.
func memory(t testing.TB) string {
	t.Helper()
	const shared = "/dev/shm"
	if fi, err := os.Stat(shared); err != nil || !fi.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(shared, "schedule")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func runnerFor(l *lake.Lake, jobs ...Job) *Runner {
	return &Runner{Lake: l, Now: func() time.Time { return time.Now().UTC() }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Jobs: jobs}
}

// passes runs a runner for a while of virtual time.
func passes(t testing.TB, r *Runner, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func history(t testing.TB, l *lake.Lake, job string) History {
	t.Helper()
	h, err := ReadHistory(l, job)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Jobs run at their times; a failed and a panicking run do not keep the next one
// from running, and the history tells of each.
func TestEveryQuarter(t *testing.T) {
	l := testLake(t)
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		passes(t, runnerFor(l, Job{Name: "attribute", When: spec(t, "*/15 * * * *", time.UTC), Run: func(context.Context) error {
			at = append(at, time.Now().UTC())
			switch len(at) {
			case 1:
				return errors.New("no")
			case 2:
				panic("oh")
			}
			return nil
		}}), 61*time.Minute)
		if len(at) != 4 {
			t.Fatalf("ran %d times in an hour: %v", len(at), at)
		}
		for _, x := range at {
			if x.Minute()%15 != 0 || x.Second() != 0 {
				t.Errorf("ran at %v", x)
			}
		}
		h := history(t, l, "attribute")
		var said []string
		for _, r := range h.Runs {
			said = append(said, r.Error)
		}
		if got := fmt.Sprintf("%q", said); got != `["no" "it panicked: oh" "" ""]` || !h.Done.Equal(at[3]) || h.LastSuccess == nil {
			t.Errorf("the history is %+v", h)
		}
	})
}

// An interval is counted from when the job was first known, to the fraction of a
// second.
func TestInterval(t *testing.T) {
	l := testLake(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(700 * time.Millisecond) // of virtual time
		runs := 0
		passes(t, runnerFor(l, Job{Name: "export", When: spec(t, "@every 10m", time.UTC), Run: func(context.Context) error { runs++; return nil }}), 61*time.Minute)
		if runs != 6 {
			t.Errorf("ran %d times in an hour, want 6", runs)
		}
	})
}

// What was missed in hours of downtime is made up in one run, at once.
func TestMissedIsMadeUpOnce(t *testing.T) {
	l := testLake(t)
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		job := Job{Name: "attribute", When: spec(t, "0 * * * *", time.UTC), Run: func(context.Context) error { runs++; return nil }}
		passes(t, runnerFor(l, job), 30*time.Minute) // it is known from here on, and was not due
		time.Sleep(5 * time.Hour)                    // of virtual time
		began := time.Now()
		passes(t, runnerFor(l, job), 10*time.Minute)
		last, _ := history(t, l, "attribute").Last()
		if runs != 1 || !last.Started.Equal(began.UTC()) {
			t.Errorf("%d runs, the last %+v; want one, at %v", runs, last, began)
		}
	})
}

// A run that outlasts its next time is not run twice at once, and the times
// that passed meanwhile are one run.
func TestNoOverlap(t *testing.T) {
	l := testLake(t)
	synctest.Test(t, func(t *testing.T) {
		running, runs := 0, 0
		passes(t, runnerFor(l, Job{Name: "attribute", When: spec(t, "* * * * *", time.UTC), Run: func(context.Context) error {
			if running++; running > 1 {
				t.Error("two runs at once")
			}
			runs++
			time.Sleep(150 * time.Second)
			running--
			return nil
		}}), 10*time.Minute)
		if runs != 4 {
			t.Errorf("ran %d times in ten minutes of runs of two and a half", runs)
		}
	})
}

// A hanging run is ended, and says so.
func TestTimeout(t *testing.T) {
	l := testLake(t)
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		passes(t, runnerFor(l, Job{Name: "export", When: spec(t, "0 * * * *", time.UTC), Timeout: 10 * time.Minute, Run: func(ctx context.Context) error {
			if runs++; runs == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}), 150*time.Minute)
		h := history(t, l, "export")
		if len(h.Runs) != 2 || !strings.HasPrefix(h.Runs[0].Error, "it took longer than 10m0s and was ended") || h.Runs[1].Error != "" {
			t.Errorf("the history is %+v", h.Runs)
		}
	})
}

// night has the jobs of a night, which note when they begin and end; the time
// that each takes, and whether it fails, are given.
type night struct {
	takes map[string]time.Duration

	mu    sync.Mutex
	said  []string
	fails map[string]int // how often yet
}

// says notes what happens. What happens at one time stands by the alphabet.
func (n *night) says(what string) {
	n.said = append(n.said, time.Now().UTC().Format("15:04")+" "+what)
	slices.Sort(n.said)
}

func (n *night) job(t testing.TB, name, when string, j Job) Job {
	j.Name, j.When = name, spec(t, when, time.UTC)
	j.Run = func(ctx context.Context) error {
		n.mu.Lock()
		n.says(name + " begins")
		n.mu.Unlock()
		select {
		case <-time.After(n.takes[name]):
		case <-ctx.Done():
			return ctx.Err()
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.fails[name] > 0 {
			n.fails[name]--
			n.says(name + " fails")
			return errors.New("no")
		}
		n.says(name + " ends")
		return nil
	}
	return j
}

func (n *night) jobs(t testing.TB) []Job {
	retries := []time.Duration{10 * time.Minute, 30 * time.Minute}
	return []Job{
		n.job(t, "attribute", "15 5 * * *", Job{Group: "lock"}),
		n.job(t, "close", "15 5 * * *", Job{Group: "lock", After: []string{"attribute"}, Retries: retries}),
		n.job(t, "export", "30 5 * * *", Job{After: []string{"close"}, Retries: retries}),
		n.job(t, "warehouse", "0 6 * * *", Job{After: []string{"attribute", "close"}}),
	}
}

// Exports come after the close, and that after the attribution, however long
// each takes, in a night as at a start after one that was missed.
func TestJobsFollowEachOther(t *testing.T) {
	minutes := func(attribute, close, export time.Duration) map[string]time.Duration {
		return map[string]time.Duration{"attribute": attribute * time.Minute, "close": close * time.Minute, "export": export * time.Minute, "warehouse": 10 * time.Minute}
	}
	cases := []struct {
		about  string
		takes  map[string]time.Duration
		fails  map[string]int
		missed bool
		want   string
	}{
		{"short", minutes(1, 2, 3), nil, false,
			"05:15 attribute begins, 05:16 attribute ends, 05:16 close begins, 05:18 close ends, 05:30 export begins, 05:33 export ends, 06:00 warehouse begins, 06:10 warehouse ends"},
		{"long", minutes(40, 30, 30), nil, false,
			"05:15 attribute begins, 05:55 attribute ends, 05:55 close begins, 06:25 close ends, 06:25 export begins, 06:25 warehouse begins, 06:35 warehouse ends, 06:55 export ends"},
		{"missed", minutes(1, 1, 1), nil, true,
			"09:00 attribute begins, 09:01 attribute ends, 09:01 close begins, 09:02 close ends, 09:02 export begins, 09:02 warehouse begins, 09:03 export ends, 09:12 warehouse ends"},
		// A close that succeeds at last is exported at last.
		{"close fails", minutes(1, 1, 1), map[string]int{"close": 2}, false,
			"05:15 attribute begins, 05:16 attribute ends, 05:16 close begins, 05:17 close fails, 05:27 close begins, 05:28 close fails, 05:30 export begins, 05:31 export ends, " +
				"05:58 close begins, 05:59 close ends, 05:59 export begins, 06:00 export ends, 06:00 warehouse begins, 06:10 warehouse ends"},
		// It is not tried for ever.
		{"close fails all day", minutes(1, 1, 1), map[string]int{"close": 9}, false,
			"05:15 attribute begins, 05:16 attribute ends, 05:16 close begins, 05:17 close fails, 05:27 close begins, 05:28 close fails, 05:30 export begins, 05:31 export ends, " +
				"05:58 close begins, 05:59 close fails, 06:00 warehouse begins, 06:10 warehouse ends"},
	}
	for _, c := range cases {
		t.Run(c.about, func(t *testing.T) {
			l := testLake(t)
			synctest.Test(t, func(t *testing.T) { // begins at midnight, UTC
				n := &night{takes: c.takes, fails: c.fails}
				passes(t, runnerFor(l, n.jobs(t)...), time.Minute)
				if c.missed {
					time.Sleep(9*time.Hour - time.Minute) // of virtual time
				}
				passes(t, runnerFor(l, n.jobs(t)...), 12*time.Hour)
				if got := strings.Join(n.said, ", "); got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
			})
		})
	}
}

// Jobs that share a lock take turns; what waited longest goes first.
func TestGroupTakesTurns(t *testing.T) {
	l := testLake(t)
	synctest.Test(t, func(t *testing.T) {
		n := &night{takes: map[string]time.Duration{"attribute": 20 * time.Minute, "close": time.Minute}}
		passes(t, runnerFor(l,
			n.job(t, "attribute", "*/15 * * * *", Job{Group: "lock"}),
			n.job(t, "close", "40 0 * * *", Job{Group: "lock", After: []string{"attribute"}}),
		), 70*time.Minute)
		want := "00:15 attribute begins, 00:35 attribute begins, 00:35 attribute ends, 00:55 attribute ends, 00:55 close begins, 00:56 attribute begins, 00:56 close ends"
		if got := strings.Join(n.said, ", "); !strings.HasPrefix(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// A clock that was wrong by a year and is set right again keeps no job from
// running; one that is set back by a second brings no second run.
func TestClockIsSetBack(t *testing.T) {
	l := testLake(t)
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		job := Job{Name: "close", When: spec(t, "0 5 * * *", time.UTC), Run: func(context.Context) error { runs++; return nil }}
		wrong := 366 * 24 * time.Hour
		r := runnerFor(l, job)
		r.Now = func() time.Time { return time.Now().UTC().Add(wrong) }
		passes(t, r, 6*time.Hour)
		wrong = 0
		passes(t, r, 24*time.Hour) // 06:00 to 06:00 of the next day
		if runs != 2 {
			t.Errorf("ran %d times, want once by the wrong clock and once by the right one", runs)
		}
		r.Now = func() time.Time { return time.Now().UTC().Add(-2 * time.Hour) }
		passes(t, r, 2*time.Hour) // 04:00 to 06:00, again
		if runs != 2 {
			t.Errorf("ran %d times: once more for a time that had been", runs)
		}
	})
}

// A history that is damaged, or of an older release, or kept from being written.
func TestHistoryFile(t *testing.T) {
	l := testLake(t)
	if err := os.MkdirAll(filepath.Dir(l.JobFile("close")), 0o750); err != nil {
		t.Fatal(err)
	}
	old := `{"due":"2026-11-12T05:15:00Z","started":"2026-11-12T05:15:01Z","ended":"2026-11-12T05:15:09Z","error":"no"}`
	if err := os.WriteFile(l.JobFile("close"), []byte(old), 0o640); err != nil {
		t.Fatal(err)
	}
	h := history(t, l, "close")
	if last, ok := h.Last(); !ok || last.Error != "no" || h.Done.Format(time.RFC3339) != "2026-11-12T05:15:00Z" || h.LastSuccess != nil {
		t.Errorf("of the older release: %+v", h)
	}
	if err := os.WriteFile(l.JobFile("close"), []byte("{"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHistory(l, "close"); err == nil || !strings.Contains(err.Error(), "close.json") {
		t.Errorf("damaged: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		passes(t, runnerFor(l, Job{Name: "close", When: spec(t, "0 * * * *", time.UTC), Run: func(context.Context) error { runs++; return nil }}), 250*time.Hour+time.Minute)
		if h := history(t, l, "close"); runs != 250 || len(h.Runs) != kept {
			t.Errorf("%d runs, %d kept", runs, len(h.Runs))
		}
	})
}

// Two years of nights with a daemon that is killed at any time and started
// again, in zones whose clocks are set by an hour, two and a half, at two, at
// midnight, on either half of the earth and for a month of each year. Each time
// of a job is done once, or, where a later one came before the daemon was back,
// not at all; no export comes before the close that it exports.
func TestTwoYearsOfKills(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Antarctica/Troll", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo", "Africa/Casablanca"} {
		t.Run(name, func(t *testing.T) {
			k := killed{zone: zoneNamed(t, name), begin: killsBegin, end: killsBegin.AddDate(2, 0, 0), up: 60 * time.Hour, down: 20 * time.Hour}
			if runs := k.run(t); runs < 1300 {
				t.Errorf("%d runs in two years", runs)
			}
		})
	}
}

// The same around every change of the clock in those two years, in every kind of
// zone that has one: of all zones whose clocks are set at the same instants, to
// the same times, one stands for the others. The daemon is killed every few hours
// from three days before a change to three days after it, and is away between.
func TestKillsAtEveryChangeOfTheClock(t *testing.T) {
	end := killsBegin.AddDate(2, 0, 0)
	zones := zonesThatChange(t, killsBegin, end)
	if len(zones) < 25 {
		t.Errorf("%d kinds of zones", len(zones))
	}
	for name, zone := range zones {
		t.Run(name, func(t *testing.T) {
			k := killed{zone: zone, begin: killsBegin, end: end, up: 9 * time.Hour, down: 5 * time.Hour, around: 72 * time.Hour}
			if runs := k.run(t); runs < 10 {
				t.Errorf("%d runs", runs)
			}
		})
	}
}

var killsBegin = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// killed is a daemon that is killed again and again, in virtual time.
type killed struct {
	zone       *time.Location
	begin, end time.Time
	up, down   time.Duration // at most, at a time
	around     time.Duration // of a change of the clock; what is further from one is spent down. 0: all the time
}

// away is how long the daemon is down so that the next change is near; 0 where
// one is.
func (k *killed) away(now time.Time) time.Duration {
	if k.around == 0 {
		return 0
	}
	_, next := now.Add(-k.around).In(k.zone).ZoneBounds()
	switch {
	case next.IsZero():
		return k.end.Sub(now)
	case now.Before(next.Add(-k.around)):
		return next.Add(-k.around).Sub(now)
	}
	return 0
}

// run lets the daemon live, and gives how many jobs it has done.
func (k *killed) run(t *testing.T) (runs int) {
	l := lakeIn(t, memory(t))
	random := rand.New(rand.NewPCG(7, 7))
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(k.begin)) // of virtual time
		specs := map[string]*Spec{"close": spec(t, "15 2 * * *", k.zone), "export": spec(t, "30 2 * * *", k.zone)}
		done := map[string]time.Time{"close": k.begin, "export": k.begin} // up to when
		jobs := []Job{{Name: "close", When: specs["close"]}, {Name: "export", When: specs["export"], After: []string{"close"}}}
		for i := range jobs {
			job := jobs[i].Name
			jobs[i].Run = func(ctx context.Context) error {
				due, ok := specs[job].LastDue(done[job], time.Now())
				if !ok {
					t.Errorf("%s at %v is not due: it was done for %v", job, time.Now(), done[job])
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(7 * time.Minute):
				}
				if missed, ok := specs["close"].LastDue(done["close"], due); job == "export" && ok {
					t.Errorf("export of %v comes before the close of %v", due, missed)
				}
				done[job] = due
				runs++
				return nil
			}
		}
		for time.Now().Before(k.end) {
			// What is due counts from its first start, which is at the beginning.
			if away := k.away(time.Now()); away > 0 && time.Now().After(k.begin) {
				time.Sleep(away)
				continue
			}
			r := runnerFor(l, jobs...)
			r.Tick = 12 * time.Hour // no clock is set, and no machine sleeps
			up := time.Duration(random.Int64N(int64(k.up)))
			passes(t, r, up)
			for job, at := range done {
				if missed, ok := specs[job].LastDue(at, time.Now().Add(-30*time.Minute)); ok && up > 30*time.Minute {
					t.Errorf("%s of %v is not done at %v", job, missed, time.Now())
				}
			}
			time.Sleep(time.Duration(random.Int64N(int64(k.down)))) // it is down
		}
	})
	return runs
}

// Other jobs take the place of those that there were at once: a run under way
// goes on and is remembered, a job that stays goes on from its history, one that
// is new has missed nothing, and one that is gone does not run again.
func TestOtherJobs(t *testing.T) {
	l := testLake(t)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		begun := map[string][]time.Time{}
		job := func(name, when string, takes time.Duration) Job {
			return Job{Name: name, When: spec(t, when, time.UTC), Run: func(context.Context) error {
				mu.Lock()
				begun[name] = append(begun[name], time.Now().UTC())
				mu.Unlock()
				<-time.After(takes)
				return nil
			}}
		}
		start := time.Now().UTC()
		at := func(d time.Duration) time.Time { return start.Add(d) }
		change := make(chan []Job)
		r := runnerFor(l, job("attribute", "*/15 * * * *", 0), job("close", "30 * * * *", 10*time.Minute))
		r.Change = change
		beats := 0
		r.Beat = func() { beats++ }
		go func() {
			<-time.After(35 * time.Minute) // the close is under way
			change <- []Job{job("attribute", "*/20 * * * *", 0), job("export", "50 * * * *", 0)}
		}()
		passes(t, r, 2*time.Hour-time.Minute)
		want := map[string][]time.Time{
			"attribute": {at(15 * time.Minute), at(30 * time.Minute), at(40 * time.Minute), at(60 * time.Minute), at(80 * time.Minute), at(100 * time.Minute)},
			"close":     {at(30 * time.Minute)},
			"export":    {at(50 * time.Minute), at(110 * time.Minute)},
		}
		if fmt.Sprint(begun) != fmt.Sprint(want) {
			t.Errorf("they ran at\n%v, want\n%v", begun, want)
		}
		last, ok := history(t, l, "close").Last()
		if !ok || last.Error != "" || !last.Ended.Equal(at(40*time.Minute)) {
			t.Errorf("the run under way is remembered as %+v", last)
		}
		if beats < 118 { // a minute at most between two
			t.Errorf("%d signs of life in two hours", beats)
		}
	})
}
