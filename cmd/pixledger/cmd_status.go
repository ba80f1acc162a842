package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pixledger/ingest"
	"pixledger/report"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// statusReport is what status shows; its JSON is for scripts. Times are UTC.
type statusReport struct {
	Now      time.Time      `json:"now"`
	Lake     string         `json:"lake"`
	Commits  int64          `json:"commits"`
	Last     *time.Time     `json:"last_commit"`
	BotList  string         `json:"bot_list,omitempty"` // by which the events read last were judged; "": none are, or by an earlier version
	Daemon   *daemonStatus  `json:"daemon"`
	Sources  []sourceStatus `json:"sources"`
	Gaps     []gapStatus    `json:"gaps"`
	Ledger   *ledgerStatus  `json:"ledger"`
	Exports  *exportsStatus `json:"exports"`
	Publish  *publishStatus `json:"publish,omitempty"` // nil where this is no edge that publishes
	Collect  *collectStatus `json:"collect,omitempty"` // nil where this is no centre
	Edge     *edgeStatus    `json:"edge,omitempty"`    // nil without edge.conf
	Jobs     []jobStatus    `json:"jobs"`
	Datasets []datasetSize  `json:"datasets"`
	Compact  compactStatus  `json:"compact"`
	Privacy  privacyStatus  `json:"privacy"`
	Warnings []warning      `json:"warnings"`
}

type daemonStatus struct {
	Process      int       `json:"process"`
	Started      time.Time `json:"started"`
	CatalogError string    `json:"catalog_error,omitempty"`
	ConfigRead   time.Time `json:"config_read"`
	ConfigError  string    `json:"config_error,omitempty"`
}

type sourceStatus struct {
	Name       string     `json:"name"`
	LagBytes   int64      `json:"lag_bytes"`
	Files      int        `json:"files"`
	Lines      int64      `json:"lines"`
	Events     int64      `json:"events"`
	Rejects    int64      `json:"rejects"`
	NotCounted int64      `json:"not_counted"`
	Ignored    int64      `json:"ignored"`
	LastCommit *time.Time `json:"last_commit"`
}

// gapStatus is a loss of lines that was detected and not mended.
type gapStatus struct {
	ID     string    `json:"id"`
	Source string    `json:"source"`
	Reason string    `json:"reason"`
	Days   []string  `json:"days"` // UTC
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Path   string    `json:"path"`
	Offset int64     `json:"offset"` // up to which the file was read
	// Blocks says that it will keep the days that it touches from being closed.
	Blocks   bool              `json:"blocks"`
	Accepted *acceptanceStatus `json:"accepted,omitempty"` // nil: by nobody
}

// acceptanceStatus is who answers for what a gap has lost.
type acceptanceStatus struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// text says it to people; a dash where nobody does.
func (a *acceptanceStatus) text() string {
	if a == nil {
		return "-"
	}
	return fmt.Sprintf("by %s at %s", a.By, stamp(&a.At))
}

type datasetSize struct {
	Name  string `json:"name"`
	Files int    `json:"files"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
}

// compactStatus is what the next compaction will merge.
type compactStatus struct {
	Folders int   `json:"folders"`
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"`
}

func (a *app) statusCommand() *cobra.Command {
	var asJSON, healthz bool
	var format, out string
	c := &cobra.Command{
		Use:   "status",
		Short: "Sources with their lag, commits, jobs with last and next run",
		Long: `Shows how far each source is read, the commits, the jobs with their last and next
run, and what is to be looked after, with its remedy. --json is one object for
scripts; the other formats have a row for each figure.

--healthz opens no lake: it asks the daemon's /healthz, at console.listen, and the
exit code tells whether that answers, as a container's health check wants it.`,
		Example: "  pixledger status\n  pixledger status --json | jq .sources\n  pixledger status --format csv\n  pixledger status --healthz",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if healthz {
				return a.askHealthz(c)
			}
			if err := jsonOrFormat("status", asJSON, format); err != nil {
				return err
			}
			f, err := a.outputFormat(format, out)
			if err != nil {
				return err
			}
			cfg, err := a.config()
			if err != nil {
				a.goesOn()
				return err
			}
			l, err := lake.Open(cfg.Lake)
			if err != nil {
				return err
			}
			r, err := a.status(cfg, l)
			if err != nil {
				return err
			}
			return a.writeOut(out, func(w io.Writer) error {
				switch {
				case asJSON:
					return writeJSON(w, r)
				case f == report.Table:
					return r.print(w)
				default:
					return writeRows(w, f, "status", []string{"section", "name", "figure", "value"}, r.rows())
				}
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().StringVar(&format, "format", "", formatHelp())
	c.Flags().StringVarP(&out, "output", "o", "", "write to a file, in one step")
	c.Flags().BoolVar(&healthz, "healthz", false, "ask the daemon's /healthz, and nothing else")
	return c
}

// rows are the report as a row for each figure: section, name, figure, value.
func (r *statusReport) rows() [][]string {
	var out [][]string
	add := func(section, name, figure string, value any) {
		text := ""
		switch v := value.(type) {
		case *time.Time:
			if v != nil {
				text = v.UTC().Format(time.RFC3339Nano)
			}
		default:
			text = fmt.Sprint(v)
		}
		out = append(out, []string{section, name, figure, text})
	}
	add("lake", r.Lake, "commits", r.Commits)
	add("lake", r.Lake, "last_commit", r.Last)
	add("daemon", "", "running", r.Daemon != nil)
	for _, s := range r.Sources {
		add("source", s.Name, "lag_bytes", s.LagBytes)
		add("source", s.Name, "files", s.Files)
		add("source", s.Name, "lines", s.Lines)
		add("source", s.Name, "events", s.Events)
		add("source", s.Name, "rejects", s.Rejects)
		add("source", s.Name, "not_counted", s.NotCounted)
		add("source", s.Name, "ignored", s.Ignored)
		add("source", s.Name, "last_commit", s.LastCommit)
	}
	for _, g := range r.Gaps {
		add("gap", g.ID, "source", g.Source)
		add("gap", g.ID, "reason", g.Reason)
		add("gap", g.ID, "days", daysText(g.Days))
		add("gap", g.ID, "path", g.Path)
		add("gap", g.ID, "offset", g.Offset)
		if g.Accepted != nil {
			add("gap", g.ID, "accepted_by", g.Accepted.By)
			add("gap", g.ID, "accepted_at", &g.Accepted.At)
		}
	}
	r.Ledger.rows(add)
	r.Exports.rows(add)
	r.Publish.rows(add)
	r.Collect.rows(add)
	r.Edge.rows(add)
	for _, j := range r.Jobs {
		add("job", j.Name, "schedule", j.Schedule)
		add("job", j.Name, "last_due", j.LastDue)
		add("job", j.Name, "last_run", j.LastRun)
		add("job", j.Name, "next", j.Next)
		add("job", j.Name, "error", j.Error)
	}
	for _, d := range r.Datasets {
		add("dataset", d.Name, "files", d.Files)
		add("dataset", d.Name, "rows", d.Rows)
		add("dataset", d.Name, "bytes", d.Bytes)
	}
	add("compact", "", "folders", r.Compact.Folders)
	add("compact", "", "files", r.Compact.Files)
	add("compact", "", "bytes", r.Compact.Bytes)
	r.Privacy.rows(add)
	for _, w := range r.Warnings {
		add("warning", w.What, "remedy", w.Remedy)
	}
	return out
}

func writeJSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

func (a *app) status(cfg *Config, l *lake.Lake) (*statusReport, error) {
	state, err := l.State()
	if err != nil {
		return nil, err
	}
	r := &statusReport{Now: a.now(), Lake: cfg.Lake, Commits: state.Seq, Sources: []sourceStatus{}, Gaps: []gapStatus{}, Jobs: []jobStatus{}, Warnings: []warning{}}
	r.BotList = state.Latest["ingest"].Notes[ingest.NoteBotList]
	for _, m := range state.Latest {
		if r.Last == nil || m.At.After(*r.Last) {
			r.Last = &m.At
		}
	}
	running := a.daemonRuns(l)
	n, ok := readDaemonNote(l)
	if ok && running {
		r.Daemon = &daemonStatus{Process: n.Process, Started: n.Started, CatalogError: n.CatalogError, ConfigRead: n.ConfigRead, ConfigError: n.ConfigError}
		r.configuration(&n)
		r.catalog(&n)
	}
	r.sources(cfg, state, running)
	r.gaps(cfg, state)
	if r.Daemon != nil {
		r.waiting(&n)
		r.troubles(n.Troubles)
	}
	if err := r.ledger(cfg, l, state); err != nil {
		return nil, err
	}
	if err := r.exports(cfg, l); err != nil {
		return nil, err
	}
	if err := r.publishes(a, cfg, l, state); err != nil {
		return nil, err
	}
	r.collects(cfg, state)
	r.edge(cfg, l)
	if err := r.jobs(cfg, l); err != nil {
		return nil, err
	}
	r.Datasets = datasetSizes(state)
	r.compaction(state)
	return r, r.privacy(cfg, l, state)
}

// daemonRuns tells whether a daemon holds the lake.
func (a *app) daemonRuns(l *lake.Lake) bool { return l.Held("run") }

func (r *statusReport) sources(cfg *Config, state *lake.State, running bool) {
	accounts := accountByEdge(state)
	for _, lag := range sourceLags(cfg, state) {
		s := sourceStatus{Name: lag.Name, LagBytes: lag.Lag}
		if acc := accounts[lag.Name]; acc != nil {
			s.fill(acc)
			delete(accounts, lag.Name)
		}
		r.Sources = append(r.Sources, s)
		switch {
		case lag.Missing != "":
			r.warn("source "+lag.Name+": its log is not there: "+lag.Missing+" does not exist", "check the path, whether the edge runs, and that logrotate has create; the daemon waits for it")
		case lag.Problem != "":
			r.warn("source "+lag.Name+": a log of it can not be read: "+lag.Problem, "check the path and its permissions; `pixledger doctor` looks closer")
		}
		if lag.Lag > 0 && !running {
			r.warn(fmt.Sprintf("source %s: %d bytes are not committed and no daemon runs", lag.Name, lag.Lag), "start `pixledger run`, or read them with `pixledger ingest`")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(accounts)) { // files given by hand, sources no longer configured
		s := sourceStatus{Name: name}
		s.fill(accounts[name])
		r.Sources = append(r.Sources, s)
	}
}

func (s *sourceStatus) fill(e *edgeAccount) {
	s.Files, s.Lines, s.Events, s.Rejects = e.Files, e.Lines(), lake.Sum(e.Events), lake.Sum(e.Rejects)
	s.NotCounted, s.Ignored = lake.Sum(e.NotCounted), e.Ignored
	if !e.Last.IsZero() {
		s.LastCommit = &e.Last
	}
}

func (r *statusReport) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	daemon := "not running"
	if r.Daemon != nil {
		daemon = fmt.Sprintf("running since %s (process %d)", stamp(&r.Daemon.Started), r.Daemon.Process)
	}
	fmt.Fprintf(t, "lake\t%s\ncommits\t%d, the last %s\ndaemon\t%s\n\n", r.Lake, r.Commits, stamp(r.Last), daemon)
	fmt.Fprintln(t, "source\tlag bytes\tfiles\tlines\tevents\trejects\tnot counted\tignored\tlast commit")
	for _, s := range r.Sources {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", schemas.Shown(s.Name), s.LagBytes, s.Files, s.Lines, s.Events, s.Rejects, s.NotCounted, s.Ignored, stamp(s.LastCommit))
	}
	if len(r.Gaps) > 0 {
		fmt.Fprintln(t, "\ngap\tsource\treason\tdays\tlog\tread to byte\taccepted")
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", g.ID, schemas.Shown(g.Source), g.Reason, daysText(g.Days), schemas.Shown(g.Path), g.Offset, schemas.Shown(g.Accepted.text()))
	}
	r.Ledger.print(t)
	r.Exports.print(t)
	r.Publish.print(t)
	r.Collect.print(t)
	r.Edge.print(t)
	fmt.Fprintln(t, "\njob\tschedule\tlast run\tnext run\tresult")
	for _, j := range r.Jobs {
		result := "ok"
		switch {
		case j.Error != "":
			result = "failed"
		case j.LastRun == nil:
			result = "not run yet"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", j.Name, j.Schedule, stamp(j.LastRun), stamp(j.Next), result)
	}
	fmt.Fprintln(t, "\ndataset\tfiles\trows\tbytes")
	for _, d := range r.Datasets {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\n", d.Name, d.Files, d.Rows, d.Bytes)
	}
	if c := r.Compact; c.Folders > 0 {
		fmt.Fprintf(t, "\nto compact\t%s of %s, %d bytes\n", count(c.Files, "file"), count(c.Folders, "folder"), c.Bytes)
	}
	r.Privacy.print(t)
	err := t.Flush()
	return errors.Join(err, printWarnings(w, r.Warnings))
}

// daysText is a list of days in a row for people.
func daysText(days []string) string {
	if len(days) < 2 {
		return strings.Join(days, "")
	}
	return days[0] + " to " + days[len(days)-1]
}

// stamp is a time for people, or a dash.
func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
