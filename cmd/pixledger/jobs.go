package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pixledger/cmd/pixledger/schedule"
	"pixledger/schemas/lake"
)

// scheduledJob is a command that the daemon runs at the times of a cron spec.
type scheduledJob struct {
	name, spec string
	byCatalog  bool // it is run on the catalog in force
	// turns is whether it takes turns with others: those that share the lock of
	// attribute and close, and compaction, under which these would begin again.
	turns   bool
	after   []string // what it works on the results of
	retries []time.Duration
}

// scheduled lists the jobs that the daemon runs, in the order in which those
// begin that are due at one time. A close that is refused, or an export whose
// target is away, is tried again in the same night; attribute comes again by
// itself.
func scheduled(cfg *Config) []scheduledJob {
	night := []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour}
	var jobs []scheduledJob
	if cfg.Publish != nil {
		jobs = append(jobs, scheduledJob{name: "publish", spec: cfg.Schedule.Publish})
	}
	if cfg.Collect != nil {
		jobs = append(jobs, scheduledJob{name: "collect", spec: cfg.Schedule.Collect})
	}
	jobs = append(jobs,
		scheduledJob{name: "attribute", spec: cfg.Schedule.Attribute, byCatalog: true, turns: true},
		scheduledJob{name: "close", spec: cfg.Schedule.Close, byCatalog: true, turns: true, after: []string{"attribute"}, retries: night},
	)
	if len(cfg.Exports) > 0 {
		jobs = append(jobs, scheduledJob{name: "export", spec: cfg.Schedule.Export, after: []string{"close"}, retries: night})
	}
	jobs = append(jobs,
		scheduledJob{name: "compact", spec: cfg.Schedule.Compact, turns: true},
		scheduledJob{name: "warehouse", spec: cfg.Schedule.Warehouse, byCatalog: true, after: []string{"attribute", "close"}, retries: night},
		scheduledJob{name: "retention", spec: cfg.Schedule.Retention, byCatalog: true, turns: true, retries: night},
	)
	// An edge has no times for what is the centre's.
	return slices.DeleteFunc(jobs, func(j scheduledJob) bool { return j.spec == "" })
}

// jobs are what the schedule runs: each a command of this program in a process
// of its own, so that its memory goes back when it ends and its failure is its own.
func (d *daemon) jobs(conf *configInForce) ([]schedule.Job, error) {
	var jobs []schedule.Job
	for _, j := range scheduled(conf.cfg) {
		when, err := schedule.Parse(j.spec, conf.cfg.TimeZone)
		if err != nil {
			return nil, fmt.Errorf("schedule.%s: %w", j.name, err)
		}
		job := schedule.Job{Name: j.name, When: when, After: j.after, Timeout: conf.cfg.Limits.JobTime, Retries: j.retries}
		if j.turns {
			job.Group = "attributions"
		}
		job.Run = func(ctx context.Context) error {
			if !j.byCatalog {
				return d.command(ctx, conf, j.name)
			}
			return d.command(ctx, conf, j.name, "--catalog", d.lake.CatalogFile(d.catalog.digest()))
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// overdue is how long after its time a job should have ended, as of the alert
// PixledgerJobOverdue.
const overdue = time.Hour

// jobStatus is a job in status. Times are UTC.
type jobStatus struct {
	Name        string         `json:"name"`
	Schedule    string         `json:"schedule"`
	LastDue     *time.Time     `json:"last_due"`
	LastRun     *time.Time     `json:"last_run"` // when it ended
	LastSuccess *time.Time     `json:"last_success"`
	Error       string         `json:"error,omitempty"` // of the last run
	Next        *time.Time     `json:"next"`
	History     []schedule.Run `json:"history"` // the newest last
}

func (r *statusReport) jobs(cfg *Config, l *lake.Lake) error {
	for _, j := range scheduled(cfg) {
		when, err := schedule.Parse(j.spec, cfg.TimeZone)
		if err != nil {
			return fmt.Errorf("schedule.%s: %w", j.name, err)
		}
		s := jobStatus{Name: j.name, Schedule: j.spec, History: []schedule.Run{}}
		h, err := schedule.ReadHistory(l, j.name)
		if err != nil {
			r.warn(err.Error(), "remove the file; the history begins anew at the daemon's next start")
		}
		if last, ok := h.Last(); ok {
			s.LastDue, s.LastRun, s.LastSuccess, s.Error, s.History = &last.Due, &last.Ended, h.LastSuccess, last.Error, h.Runs
			if last.Error != "" {
				again := "the daemon tries again at the next time"
				if len(j.retries) > 0 {
					again = "the daemon tries again within hours, and at the next time"
				}
				r.warn("the job "+j.name+" fails: "+last.Error, "mend the cause and run `pixledger "+j.name+"`; "+again)
			}
		}
		if s.LastRun != nil && r.Daemon != nil {
			if due := when.Next(*s.LastRun); !due.IsZero() && r.Now.Sub(due) > overdue {
				r.warn(fmt.Sprintf("the job %s is overdue: it was due at %s, and has not ended since", j.name, stamp(&due)),
					"it runs for long, or waits for another: the daemon's log says which. Else restart the daemon")
			}
		}
		if next := when.Next(r.Now); !next.IsZero() {
			next = next.UTC()
			s.Next = &next
		}
		r.Jobs = append(r.Jobs, s)
	}
	return nil
}
