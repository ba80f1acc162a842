package console

import (
	"slices"
	"time"
)

// Status is what the console shows of `pixledger status --json`.
type Status struct {
	Lake    string     `json:"lake"`
	Commits int64      `json:"commits"`
	Last    *time.Time `json:"last_commit"`
	Daemon  *struct {
		Started      time.Time `json:"started"`
		CatalogError string    `json:"catalog_error"`
		ConfigError  string    `json:"config_error"`
	} `json:"daemon"`
	Sources []struct {
		Name       string     `json:"name"`
		LagBytes   int64      `json:"lag_bytes"`
		Files      int        `json:"files"`
		Lines      int64      `json:"lines"`
		Events     int64      `json:"events"`
		Rejects    int64      `json:"rejects"`
		NotCounted int64      `json:"not_counted"`
		Ignored    int64      `json:"ignored"`
		LastCommit *time.Time `json:"last_commit"`
	} `json:"sources"`
	Gaps   []Gap `json:"gaps"`
	Ledger struct {
		Closed     int64      `json:"closed_days"`
		LastClosed string     `json:"last_closed"`
		NextDue    *time.Time `json:"next_due"`
	} `json:"ledger"`
	Exports struct {
		Written      int    `json:"written_days"`
		Last         string `json:"last_written"`
		Destinations []struct {
			Name      string     `json:"name"`
			Delivered int        `json:"delivered_days"`
			Last      string     `json:"last_delivered"`
			Waiting   int        `json:"waiting_days"`
			FailedAt  *time.Time `json:"failed_at"`
			Error     string     `json:"error"`
		} `json:"destinations"`
	} `json:"exports"`
	Publish  *Publish `json:"publish"` // nil where nothing is published
	Collect  *Collect `json:"collect"` // nil where nothing is collected
	Jobs     []Job    `json:"jobs"`
	Datasets []struct {
		Name  string `json:"name"`
		Files int    `json:"files"`
		Rows  int64  `json:"rows"`
		Bytes int64  `json:"bytes"`
	} `json:"datasets"`
	Warnings []struct {
		What   string `json:"what"`
		Remedy string `json:"remedy"`
	} `json:"warnings"`
}

// Gap is a loss of lines that was detected and not mended.
type Gap struct {
	ID     string   `json:"id"`
	Source string   `json:"source"`
	Reason string   `json:"reason"`
	Days   []string `json:"days"`
	Path   string   `json:"path"`
	Blocks bool     `json:"blocks"`
}

// Job is a scheduled job.
type Job struct {
	Name        string     `json:"name"`
	Schedule    string     `json:"schedule"`
	LastRun     *time.Time `json:"last_run"`
	LastSuccess *time.Time `json:"last_success"`
	Error       string     `json:"error"`
	Next        *time.Time `json:"next"`
	History     []Run      `json:"history"`
}

// Run is a run of a job.
type Run struct {
	Due     time.Time `json:"due"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Error   string    `json:"error"`
}

// Took is how long it took, for people.
func (r Run) Took() string {
	d := r.Ended.Sub(r.Started)
	if d < 0 {
		return "–"
	}
	return d.Round(100 * time.Millisecond).String()
}

// Newest gives the runs, the newest first.
func (j Job) Newest() []Run {
	out := slices.Clone(j.History)
	slices.Reverse(out)
	return out
}

// Failing are the jobs whose last run failed.
func (s *Status) Failing() []Job {
	var out []Job
	for _, j := range s.Jobs {
		if j.Error != "" {
			out = append(out, j)
		}
	}
	return out
}

// Export is a day's export with its checksums.
type Export struct {
	Date       string
	SHA256     string // of the manifest
	Totals     []Amount
	Files      []ExportFile
	Deliveries []Delivery
}

// ExportFile is one file of an export.
type ExportFile struct {
	Name   string
	SHA256 string
	Rows   int64
}

// Delivery is where an export has arrived.
type Delivery struct {
	Destination string
	At          time.Time // the zero time: not yet
}

// Report is a report that can be asked for.
type Report struct {
	Name      string
	Doc       string
	Rangeless bool
	Slow      bool // it may take seconds
	Intervals bool
	By        []string // what it can be given by
	Filters   []string
	Required  []string // filters that it can't do without
	Params    []Param
	// Apart says why the console does not show it; empty: it does.
	Apart string
}

// Param is a parameter of one report's own.
type Param struct {
	Name     string
	Flag     string // such as --month or --param name
	Doc      string
	YesNo    bool
	Required bool
}
