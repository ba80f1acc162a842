package schedule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// Run is one run of a job. Times are UTC.
type Run struct {
	Due     time.Time `json:"due"` // the scheduled time that it was for
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Error   string    `json:"error,omitempty"` // empty: it succeeded
}

// History is what is kept of a job across restarts, in a file of the lake.
type History struct {
	// Done is the scheduled time up to which nothing is missed: that of the last
	// run, or when a daemon first knew of the job.
	Done time.Time `json:"done"`
	// Runs are the newest, oldest first; LastSuccess is of them or older.
	Runs        []Run      `json:"runs,omitempty"`
	LastSuccess *time.Time `json:"last_success,omitempty"` // when it ended
}

// kept is how many runs a history has: a month of nights.
const kept = 31

// Last is the newest run, and whether there is one.
func (h History) Last() (Run, bool) {
	if len(h.Runs) == 0 {
		return Run{}, false
	}
	return h.Runs[len(h.Runs)-1], true
}

// note is how releases before the history kept the last run of a job.
type note struct {
	Run
	History
}

// ReadHistory gives the history of a job; an empty one where it never ran. An
// error is of a file that is there and can not be read.
func ReadHistory(l *lake.Lake, job string) (History, error) {
	b, err := os.ReadFile(l.JobFile(job))
	if errors.Is(err, fs.ErrNotExist) {
		return History{}, nil
	}
	if err != nil {
		return History{}, fmt.Errorf("history of the job %s: %w", job, err)
	}
	var n note
	if err := json.Unmarshal(b, &n); err != nil {
		return History{}, fmt.Errorf("history of the job %s: %s: %w", job, l.JobFile(job), err)
	}
	if n.Done.IsZero() && !n.Due.IsZero() {
		return History{}.with(n.Run), nil
	}
	return n.History, nil
}

// with is the history with one more run.
func (h History) with(r Run) History {
	h.Done = r.Due
	h.Runs = append(h.Runs[max(0, len(h.Runs)-kept+1):len(h.Runs):len(h.Runs)], r)
	if r.Error == "" {
		h.LastSuccess = &r.Ended
	}
	return h
}

func (h History) write(l *lake.Lake, job string) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return disk.Real.Publish(l.JobFile(job), lake.FileMode, append(b, '\n'))
}
