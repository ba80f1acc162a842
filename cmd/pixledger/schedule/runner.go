package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"pixledger/schemas/lake"
)

// Job is something that is done at the times of a spec.
type Job struct {
	Name string
	When *Spec
	// After names jobs whose results it works on. A run waits for those of them
	// that are due by then, and for those under way. It is done again when one of
	// them succeeds at last, for a scheduled time that the run should have seen.
	After []string
	// Group is what it shares with other jobs, such as a lock of the lake: one of a
	// group runs at a time. Empty: nothing.
	Group string
	// Timeout is how long a run may take; then its context ends. 0: for ever.
	Timeout time.Duration
	// Retries are how long after a failed run it is tried again, for the same
	// scheduled time, until the next one comes.
	Retries []time.Duration
	Run     func(context.Context) error
}

// Runner runs jobs when they are due. A job never overlaps with itself; what
// goes wrong in a run, a panic too, ends that run alone.
type Runner struct {
	Lake *lake.Lake
	Now  func() time.Time
	Log  *slog.Logger
	// Jobs are in the order in which those that are due at one time begin.
	Jobs []Job
	// Began is told of every run's begin, Ended of its end, but not of one that the
	// end of Run cuts. Nil: nobody.
	Began func(job string)
	Ended func(job string, r Run)
	// Tick bounds a wait, so that a clock that was set, or a machine that slept, is
	// noticed within it. 0: a minute.
	Tick time.Duration
	// Change gives other jobs in the place of all that there were. Runs under way
	// go on as they began. Nil: they never change.
	Change <-chan []Job
	// Beat is called each time that the runner has looked what is due, at least
	// every Tick. Nil: nothing is.
	Beat func()
}

// clockError is how far ahead of the clock a history may be. One that is
// further is of a clock that was wrong, and would keep a job from running for
// as long.
const clockError = 24 * time.Hour

// jobState is a job with what became of it.
type jobState struct {
	Job
	history History
	next    time.Time // the first time after the history's; zero: never
	running bool
	gone    bool // no longer among the jobs; a run of it is under way
}

// done takes over that nothing is missed up to a time.
func (s *jobState) done(at time.Time) {
	s.history.Done = at
	s.next = s.When.Next(at)
}

// outcome is the end of a run.
type outcome struct {
	of  *jobState
	run Run
	cut bool // the daemon ended, not the run
}

// Run runs until the context ends, and waits for the runs under way. A job that
// nobody knew of before has missed nothing; of one that was missed while no
// daemon ran, one run is made up at once.
func (r *Runner) Run(ctx context.Context) error {
	states, err := r.states(nil, r.Jobs)
	if err != nil {
		return err
	}
	ends := make(chan outcome)
	under := 0 // way
	for ctx.Err() == nil {
		for _, d := range r.startable(states) {
			d.of.running = true
			under++
			if r.Began != nil {
				r.Began(d.of.Name)
			}
			job := d.of.Job // as it is now, whatever becomes of the schedule meanwhile
			go func() { ends <- r.once(ctx, d, job) }()
		}
		if r.Beat != nil {
			r.Beat()
		}
		select {
		case <-ctx.Done():
		case jobs := <-r.Change:
			if states, err = r.states(states, jobs); err != nil {
				r.Log.Error("a new job is not known yet; it is from the next start on", "error", err)
			}
		case o := <-ends:
			under--
			r.ended(o)
			if o.of.gone {
				states = slices.DeleteFunc(states, func(s *jobState) bool { return s == o.of })
			}
		case <-time.After(r.wait(states)):
		}
	}
	for ; under > 0; under-- {
		r.ended(<-ends)
	}
	return nil
}

// states are the jobs with what became of each. Those that were there before go
// on from there; what is not among the jobs any more stays while a run of it is
// under way. On an error they are those that could be made.
func (r *Runner) states(before []*jobState, jobs []Job) (states []*jobState, err error) {
	for _, j := range jobs {
		s := &jobState{Job: j}
		if i := slices.IndexFunc(before, func(b *jobState) bool { return b.Name == j.Name }); i >= 0 {
			s = before[i]
			s.Job, s.gone = j, false
		} else if e := r.remember(s); e != nil {
			err = errors.Join(err, e)
			continue
		}
		s.done(s.history.Done)
		states = append(states, s)
	}
	for _, b := range before {
		if b.running && !slices.Contains(states, b) {
			b.gone = true
			states = append(states, b)
		}
	}
	return states, err
}

// remember reads a job's history, and begins one for a job that nobody knew of.
func (r *Runner) remember(s *jobState) (err error) {
	if s.history, err = ReadHistory(r.Lake, s.Name); err != nil {
		r.Log.Error("a job's history is lost; it begins anew", "job", s.Name, "error", err)
	}
	if !s.history.Done.IsZero() {
		return nil
	}
	s.history.Done = r.Now().UTC()
	if err := s.history.write(r.Lake, s.Name); err != nil {
		return fmt.Errorf("history of the job %s: %w", s.Name, err)
	}
	return nil
}

// due is a job with the time that it is due at.
type due struct {
	of *jobState
	at time.Time
}

// startable are the jobs that can begin now: due, not under way, after those
// that they follow, and one of a group.
func (r *Runner) startable(states []*jobState) []due {
	now := r.Now()
	var all []due // in the order in which they begin
	for _, s := range states {
		if s.gone {
			continue
		}
		if s.history.Done.After(now.Add(clockError)) {
			r.Log.Warn("a job's last run is in the future; the clock was wrong then, or is now", "job", s.Name, "last", s.history.Done)
			s.done(now.UTC())
		}
		if !s.next.IsZero() && !s.next.After(now) {
			at, _ := s.When.LastDue(s.history.Done, now)
			all = append(all, due{s, at})
		} else if last, ok := s.history.Last(); ok && (s.again(last, now) || follows(s, last, states)) {
			all = append(all, due{s, last.Due})
		}
	}
	slices.SortStableFunc(all, func(a, b due) int { return a.at.Compare(b.at) })

	taken := map[string]bool{}
	for _, s := range states {
		if s.running && s.Group != "" {
			taken[s.Group] = true
		}
	}
	var out []due
	for _, d := range all {
		if d.of.running || r.waits(d, states, all) || taken[d.of.Group] {
			continue
		}
		if d.of.Group != "" {
			taken[d.of.Group] = true
		}
		out = append(out, d)
	}
	return out
}

// again tells whether a job whose last run failed is to be tried once more.
func (s *jobState) again(last Run, now time.Time) bool {
	if last.Error == "" {
		return false
	}
	tried := 0
	for _, r := range s.history.Runs {
		if r.Due.Equal(last.Due) {
			tried++
		}
	}
	return tried <= len(s.Retries) && !now.Before(last.Ended.Add(s.Retries[tried-1]))
}

// follows tells whether one of those that a job follows has succeeded, for a
// time that is no later, after the job's last run began.
func follows(s *jobState, last Run, states []*jobState) bool {
	return slices.ContainsFunc(states, func(before *jobState) bool {
		r, ok := before.history.Last()
		return ok && slices.Contains(s.After, before.Name) && r.Error == "" && !r.Due.After(last.Due) && r.Ended.After(last.Started)
	})
}

// waits tells whether one of those that a job follows is under way, or has not
// been done for a time that is no later.
func (r *Runner) waits(d due, states []*jobState, all []due) bool {
	for _, name := range d.of.After {
		if slices.ContainsFunc(states, func(s *jobState) bool { return s.Name == name && s.running }) ||
			slices.ContainsFunc(all, func(x due) bool { return x.of.Name == name && !x.of.next.After(d.at) }) {
			return true
		}
	}
	return false
}

// wait is how long there is nothing to do, unless a run ends.
func (r *Runner) wait(states []*jobState) time.Duration {
	now := r.Now()
	wait := cmp.Or(r.Tick, time.Minute)
	for _, s := range states {
		if s.next.After(now) {
			wait = min(wait, s.next.Sub(now))
		}
	}
	return wait
}

// once runs a job, as it was when the run began.
func (r *Runner) once(ctx context.Context, d due, job Job) outcome {
	run := Run{Due: d.at.UTC(), Started: r.Now().UTC()}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if job.Timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, job.Timeout)
	}
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				r.Log.Error("a job panicked", "job", job.Name, "panic", p, "stack", string(debug.Stack()))
				err = fmt.Errorf("it panicked: %v", p)
			}
		}()
		return job.Run(limited)
	}()
	if err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("it took longer than %v and was ended: %w", job.Timeout, err)
	}
	cancel()
	run.Ended = r.Now().UTC()
	if err != nil {
		run.Error = err.Error()
	}
	return outcome{of: d.of, run: run, cut: err != nil && ctx.Err() != nil}
}

// ended takes a run into the job's history.
func (r *Runner) ended(o outcome) {
	o.of.running = false
	if o.cut {
		return // it is due again at the next start
	}
	seconds := o.run.Ended.Sub(o.run.Started).Seconds()
	if o.run.Error != "" {
		r.Log.Error("job failed", "job", o.of.Name, "due", o.run.Due, "seconds", seconds, "error", o.run.Error)
	} else {
		r.Log.Info("job done", "job", o.of.Name, "due", o.run.Due, "seconds", seconds)
	}
	o.of.history = o.of.history.with(o.run)
	o.of.done(o.run.Due)
	if err := o.of.history.write(r.Lake, o.of.Name); err != nil {
		r.Log.Error("a job's history is not written", "job", o.of.Name, "error", err)
	}
	if r.Ended != nil {
		r.Ended(o.of.Name, o.run)
	}
}
