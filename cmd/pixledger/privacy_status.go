package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"pixledger/attribute"
	"pixledger/attribute/retention"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb/forget"
)

// privacyStatus is what is kept of people, and what is erased of it.
type privacyStatus struct {
	RetentionDays int64      `json:"retention_days"`
	Oldest        string     `json:"oldest_date,omitempty"`   // UTC date of the oldest events; "": there are none
	LastErased    *time.Time `json:"last_erased"`             // when retention last erased something
	Frozen        string     `json:"frozen_before,omitempty"` // decisions on conversions before this UTC date are frozen
	Pending       int        `json:"pending_users"`           // whose erasure is not finished
}

// slackDays are how many days after its time a date may still be there: its
// erasure is the next night's.
const slackDays = 2

func (r *statusReport) privacy(cfg *Config, l *lake.Lake, state *lake.State) error {
	p := &r.Privacy
	p.RetentionDays, p.Oldest = cfg.Privacy.RetentionDays, oldestEvents(state)
	if last, ok := state.Latest[attribute.RetentionKind]; ok {
		p.LastErased, p.Frozen = &last.At, last.Notes[attribute.NoteFrozen]
	}
	if due := retention.Before(r.Now, int(p.RetentionDays)+slackDays); p.Oldest != "" && p.Oldest < due {
		r.warn(fmt.Sprintf("events of %s are kept for longer than privacy.retention_days, %d", p.Oldest, p.RetentionDays),
			"let the daemon run at schedule.retention, or run `pixledger retention`")
	}
	pending, err := forget.Pending(l)
	if err != nil {
		return err
	}
	if p.Pending = len(pending); p.Pending > 0 {
		r.warn("the erasure of "+count(p.Pending, "user")+" is not finished", "run `pixledger forget --resume`, unless it is under way")
	}
	return nil
}

func (p *privacyStatus) rows(add func(section, name, figure string, value any)) {
	add("privacy", "", "retention_days", p.RetentionDays)
	add("privacy", "", "oldest_date", p.Oldest)
	add("privacy", "", "last_erased", p.LastErased)
	add("privacy", "", "frozen_before", p.Frozen)
	add("privacy", "", "pending_users", p.Pending)
}

func (p *privacyStatus) print(w io.Writer) {
	if p.Oldest == "" {
		return
	}
	fmt.Fprintf(w, "\nevents since\t%s, kept for %d days\n", p.Oldest, p.RetentionDays)
	if p.Frozen != "" {
		fmt.Fprintf(w, "decisions\tfrozen before %s\n", p.Frozen)
	}
}

// oldestEvents is the oldest UTC date of which there are events, or "".
func oldestEvents(state *lake.State) string {
	oldest := ""
	for p, f := range state.Files {
		if f.Rows == 0 || !strings.HasPrefix(p, schemas.Events.Name+"/") {
			continue
		}
		if date := lake.FolderDate(p); oldest == "" || date < oldest {
			oldest = date
		}
	}
	return oldest
}
