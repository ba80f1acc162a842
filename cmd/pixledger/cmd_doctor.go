package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"pixledger/cmd/pixledger/doctor"
	"pixledger/cmd/pixledger/schedule"
	"pixledger/ingest"
	"pixledger/report"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// examination is one run of doctor.
type examination struct {
	doctor.Report
	app   *app
	cfg   *Config
	lake  *lake.Lake  // nil where there is none, or none that can be read
	state *lake.State // nil where it can't be read
	logs  []ingest.LogFiles
	note  daemonNote // of a running daemon; its Process is 0 where none runs
	// nginxConf and logrotateConf are the files that are looked at; nginxAsked
	// and logrotateAsked, whether somebody named them.
	nginxConf, logrotateConf   string
	nginxAsked, logrotateAsked bool
	ask                        bool // destinations, over the network
}

func (a *app) doctorCommand() *cobra.Command {
	var asJSON, ask bool
	var format, out, nginxConf, logrotateConf string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check permissions, disk, clock, nginx, and the logs' lines",
		Long: `Checks what usually goes wrong before it does: the configuration and catalog, the
lake's folder and its file system, who may read and write what, disks, the clock,
the schedule, each source's real log, read as it will be (its format, and whether
its lines carry user ids), how nginx writes and logrotate rotates it, and the
machine's limits. Each warning comes with its remedy. A problem makes the exit code
1; warnings leave it 0. docs/doctor.md has every check.

It is to be run as the user that the daemon runs as: what that may read and write
is tried and not guessed.`,
		Example: "  pixledger doctor\n  sudo -u pixledger pixledger doctor --json\n  pixledger doctor --nginx-conf /srv/edge/nginx.conf --format csv",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := jsonOrFormat("doctor", asJSON, format); err != nil {
				return err
			}
			f, err := a.outputFormat(format, out)
			if err != nil {
				return err
			}
			s, err := a.setup()
			if err != nil {
				return err
			}
			d := &examination{
				app: a, cfg: s.cfg, ask: ask, logs: ingest.LogsOf(ingestSources(s.cfg)),
				nginxConf: nginxConf, nginxAsked: c.Flags().Changed("nginx-conf"),
				logrotateConf: logrotateConf, logrotateAsked: c.Flags().Changed("logrotate"),
			}
			d.run(c.Context(), s)
			err = a.writeOut(out, func(w io.Writer) error {
				switch {
				case asJSON:
					return writeJSON(w, d.Findings)
				case f == report.Table:
					return printFindings(w, d.Findings)
				default:
					return writeRows(w, f, "doctor", []string{"check", "level", "what", "remedy"}, findingRows(d.Findings))
				}
			})
			if err != nil {
				return err
			}
			if !d.Sound() {
				return &silentError{}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	c.Flags().StringVar(&format, "format", "", formatHelp())
	c.Flags().StringVarP(&out, "output", "o", "", "write to a file, in one step")
	c.Flags().BoolVar(&ask, "destinations", false, "ask the exports' destinations too whether they can be reached; nothing is written there")
	c.Flags().StringVar(&nginxConf, "nginx-conf", "", "nginx's configuration (default: edge.conf, else /etc/nginx/nginx.conf)")
	c.Flags().StringVar(&logrotateConf, "logrotate", "/etc/logrotate.conf", "logrotate's configuration, a file or a folder")
	return c
}

func findingRows(list []doctor.Finding) [][]string {
	var out [][]string
	for _, f := range list {
		out = append(out, []string{f.Check, string(f.Level), f.What, f.Remedy})
	}
	return out
}

func printFindings(w io.Writer, list []doctor.Finding) error {
	for _, f := range list {
		if _, err := fmt.Fprintf(w, "%-7s  %s: %s\n", f.Level, schemas.Shown(f.Check), schemas.Shown(f.What)); err != nil {
			return err
		}
		if f.Remedy != "" {
			if _, err := fmt.Fprintf(w, "         remedy: %s\n", schemas.Shown(f.Remedy)); err != nil {
				return err
			}
		}
	}
	return nil
}

// run makes every check, in the order of docs/doctor.md.
func (d *examination) run(ctx context.Context, s *setup) {
	d.catalog(s)
	d.lakeFolder()
	d.permissions()
	d.disks()
	d.times()
	for _, src := range ingestSources(s.cfg) {
		d.source(&src)
	}
	d.shared()
	d.edge(s)
	d.surroundings()
	d.reports(ctx)
	d.destinations(ctx)
	d.machine()
	d.status()
}

func (d *examination) catalog(s *setup) {
	warnings := s.allWarnings(d.app.now())
	if len(warnings) == 0 {
		d.OK("catalog", "valid: %s, %s", count(len(s.catalog.Pixels), "pixel"), count(len(s.catalog.LineItems), "line item"))
		return
	}
	d.Warn("catalog", "`pixledger catalog check` lists them", "valid, with %s on what will never attribute", count(len(warnings), "warning"))
}

// watched are the logs as the checks of their surroundings take them.
func (d *examination) watched() []doctor.Log {
	out := make([]doctor.Log, len(d.logs))
	for i, l := range d.logs {
		out[i] = doctor.Log{
			Source: l.Source.Name, Path: l.Path, Format: l.Source.Format, UserIDs: l.Source.UserID != (ingest.UserID{}),
			Elsewhere: filepath.IsAbs(l.Source.Rotated), Rotated: l.Rotated,
		}
	}
	return out
}

func (d *examination) permissions() {
	o := doctor.Owners{
		Lake: d.cfg.Lake, Key: lake.ParamsKeyFile(d.cfg.Lake), Config: d.cfg.File, Token: d.cfg.Console.Token,
		Temp: d.cfg.tempDir(), Daemon: d.note.Process, Logs: d.watched(), Service: os.Getenv("INVOCATION_ID") != "",
	}
	for _, e := range d.cfg.Exports {
		if folder, ok := e.To.Folder(); ok {
			o.Outboxes = append(o.Outboxes, folder)
		}
	}
	doctor.Permissions(&d.Report, o)
}

// times looks at the clock, its next change, and the schedule.
func (d *examination) times() {
	m := doctor.Moments{Now: d.app.now(), Real: d.app.now().Add(-d.app.offset), Logs: d.watched()}
	if d.state != nil {
		for _, mark := range d.state.Latest {
			if mark.At.After(m.LastCommit) {
				m.LastCommit = mark.At
			}
		}
		m.LastEvent = lastEvent(d.state)
	}
	doctor.Clock(&d.Report, m)
	var jobs []doctor.Job
	for _, j := range scheduled(d.cfg) {
		when, err := schedule.Parse(j.spec, d.cfg.TimeZone)
		if err != nil {
			continue // the configuration was read, and refuses it
		}
		job := doctor.Job{Name: j.name, Spec: j.spec, When: when}
		if d.lake != nil {
			if h, err := schedule.ReadHistory(d.lake, j.name); err == nil { // status says what is wrong with it
				if last, ok := h.Last(); ok {
					job.LastEnd, job.LastError = last.Ended, last.Error
				}
			}
		}
		jobs = append(jobs, job)
	}
	doctor.ZoneChange(&d.Report, d.cfg.TimeZone, d.app.now(), jobs)
	doctor.Schedule(&d.Report, doctor.Night{
		Now: d.app.now(), Zone: d.cfg.TimeZone, Close: d.cfg.CloseAfter, Running: d.note.Process != 0, Jobs: jobs,
	})
}

// surroundings looks at what writes and rotates the logs.
func (d *examination) surroundings() {
	conf, asked := d.nginxConf, d.nginxAsked
	if conf == "" && d.cfg.Edge.Conf != "" {
		_, err := os.Stat(d.cfg.Edge.Conf)
		conf, asked = d.cfg.Edge.Conf, err == nil // that it is missing is said of the edge
	}
	if conf == "" {
		conf = "/etc/nginx/nginx.conf"
	}
	doctor.Nginx(&d.Report, conf, asked, d.watched(), d.cfg.Edge.CookieDomain, d.app.now())
	doctor.Logrotate(&d.Report, d.logrotateConf, d.logrotateAsked, d.watched())
}

// reports looks at users' own reports, where there are any. One that is not
// well is no problem of the lake's.
func (d *examination) reports(ctx context.Context) {
	reports, err := report.Load(ctx, d.cfg.Reports)
	if err != nil {
		d.Warn("reports", "name a folder of .sql files, or none", "%v", err)
		return
	}
	own := len(reports.Names()) - len(report.BuiltIn().Names())
	if own > 0 {
		d.OK("reports", "%s of your own in %s", count(own, "report"), d.cfg.Reports)
	}
	for _, m := range reports.Mistakes {
		d.Warn("reports", "mend the file; docs/reports.md says how", "%v", m)
	}
}

func (d *examination) machine() {
	files := 0
	for _, l := range d.logs {
		files += 1 + len(l.Rotated)
	}
	doctor.Machine(&d.Report, doctor.Limits{Memory: d.cfg.Limits.Memory, Threads: d.cfg.Limits.Threads, Files: files, Daemon: d.note.Process})
	if d.lake != nil {
		doctor.Daemon(&d.Report, d.note.Process)
	}
}

// status counts what status warns of, which is how it stands and not how the
// machine is.
func (d *examination) status() {
	if d.lake == nil {
		return
	}
	r, err := d.app.status(d.cfg, d.lake)
	switch {
	case err != nil:
		d.Problem("status", "`pixledger verify` looks closer; restore what it names from a backup", "%v", err)
	case len(r.Warnings) > 0:
		d.Warn("status", "`pixledger status` has the remedy of each", "%s of how it stands, the first: %s", count(len(r.Warnings), "warning"), r.Warnings[0].What)
	default:
		d.OK("status", "no warning of how it stands")
	}
}
