package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"pixledger/ingest"
	"pixledger/ingest/decode"
	"pixledger/report"
	"pixledger/schemas/lake"
)

// finding is what one check found.
type finding struct {
	Check  string `json:"check"`
	Level  level  `json:"level"`
	What   string `json:"what"`
	Remedy string `json:"remedy,omitempty"`
}

// level says how bad a finding is; any problem makes the exit code 1.
type level string

const (
	levelOK      level = "ok"
	levelWarning level = "warning"
	levelProblem level = "problem"
)

// doctor collects findings.
type doctor struct {
	app      *app
	findings []finding
}

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	var format, out string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check permissions, disk, clock, and the logs' first lines",
		Long: `Checks what usually goes wrong before it does: the configuration and catalog, the
lake's folder and its file system, the disk, the clock, and the first lines of
each source's real log, read as they will be: their format, and whether they
carry user ids. A problem makes the exit code 1; warnings leave it 0.`,
		Example: "  pixledger doctor\n  pixledger doctor --json\n  pixledger doctor --format csv",
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
			d := &doctor{app: a}
			d.catalog(s)
			d.lake(s.cfg)
			for _, src := range ingestSources(s.cfg) {
				d.source(s.cfg, &src)
			}
			d.reports(c.Context(), s.cfg)
			d.edge(s)
			err = a.writeOut(out, func(w io.Writer) error {
				switch {
				case asJSON:
					return writeJSON(w, d.findings)
				case f == report.Table:
					return printFindings(w, d.findings)
				default:
					return writeRows(w, f, "doctor", []string{"check", "level", "what", "remedy"}, findingRows(d.findings))
				}
			})
			if err != nil {
				return err
			}
			for _, x := range d.findings {
				if x.Level == levelProblem {
					return &silentError{}
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	c.Flags().StringVar(&format, "format", "", formatHelp())
	c.Flags().StringVarP(&out, "output", "o", "", "write to a file, in one step")
	return c
}

func findingRows(list []finding) [][]string {
	var out [][]string
	for _, f := range list {
		out = append(out, []string{f.Check, string(f.Level), f.What, f.Remedy})
	}
	return out
}

func printFindings(w io.Writer, list []finding) error {
	for _, f := range list {
		if _, err := fmt.Fprintf(w, "%-7s  %s: %s\n", f.Level, f.Check, f.What); err != nil {
			return err
		}
		if f.Remedy != "" {
			if _, err := fmt.Fprintf(w, "         remedy: %s\n", f.Remedy); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *doctor) add(check string, l level, remedy, format string, args ...any) {
	d.findings = append(d.findings, finding{check, l, fmt.Sprintf(format, args...), remedy})
}

func (d *doctor) catalog(s *setup) {
	warnings := s.allWarnings(d.app.now())
	if len(warnings) == 0 {
		d.add("catalog", levelOK, "", "valid: %s, %s", count(len(s.catalog.Pixels), "pixel"), count(len(s.catalog.LineItems), "line item"))
		return
	}
	d.add("catalog", levelWarning, "`pixledger catalog check` lists them", "valid, with %s on what will never attribute", count(len(warnings), "warning"))
}

// freeSpace is the least that a disk should have left, in bytes.
const freeSpace = 1 << 30

func (d *doctor) lake(cfg *Config) {
	_, err := lake.Open(cfg.Lake)
	var newer *lake.VersionError
	switch {
	case errors.Is(err, lake.ErrNoLake):
		d.add("lake", levelOK, "", "%s does not exist yet; the first `ingest` or `run` makes it", cfg.Lake)
	case errors.As(err, &newer):
		d.add("lake", levelProblem, "use the pixledger that wrote it, or a newer one", "%v", err)
		return
	case err != nil:
		d.add("lake", levelProblem, "check the path and its permissions", "%v", err)
		return
	default:
		d.add("lake", levelOK, "", "%s is readable", cfg.Lake)
	}
	// The nearest folder that exists is where it stands or will be made.
	dir := cfg.Lake
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	if err := probeExchange(dir); err != nil {
		remedy := "let this user write there"
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
			remedy = "put the lake on a local ext4, XFS or Btrfs: folders are exchanged in one step"
		}
		d.add("lake", levelProblem, remedy, "%s: %v", dir, err)
	} else {
		d.add("lake", levelOK, "", "%s is writable, and its file system exchanges folders in one step", dir)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err == nil {
		free := st.Bavail * uint64(st.Bsize)
		l, remedy := levelOK, ""
		if free < freeSpace {
			l, remedy = levelWarning, "make room: ingest waits when the disk is full"
		}
		d.add("disk", l, remedy, "%.1f GiB free at %s", float64(free)/(1<<30), dir)
	}
}

// probeExchange makes two folders and exchanges them, as publishing does.
func probeExchange(dir string) (err error) {
	probe, err := os.MkdirTemp(dir, ".pixledger-doctor-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(probe)) }()
	a, b := filepath.Join(probe, "a"), filepath.Join(probe, "b")
	if err := errors.Join(os.Mkdir(a, lake.DirMode), os.Mkdir(b, lake.DirMode)); err != nil {
		return err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("exchange folders: %w", err)
	}
	return nil
}

// reports looks at users' own reports, where there are any. One that is not
// well is no problem of the lake's.
func (d *doctor) reports(ctx context.Context, cfg *Config) {
	reports, err := report.Load(ctx, cfg.Reports)
	if err != nil {
		d.add("reports", levelWarning, "name a folder of .sql files, or none", "%v", err)
		return
	}
	own := len(reports.Names()) - len(report.BuiltIn().Names())
	if own > 0 {
		d.add("reports", levelOK, "", "%s of your own in %s", count(own, "report"), cfg.Reports)
	}
	for _, m := range reports.Mistakes {
		d.add("reports", levelWarning, "mend the file; docs/reports.md says how", "%v", m)
	}
}

func (d *doctor) source(cfg *Config, src *ingest.Source) {
	opts, err := ingestOptions(d.app, cfg, nil)
	check := "source " + src.Name
	if err != nil {
		d.add(check, levelProblem, "", "%v", err)
		return
	}
	logs, err := filepath.Glob(src.Path)
	if err == nil && len(logs) == 0 {
		d.add(check, levelWarning, "check the path; the daemon waits for the log to appear", "%s does not exist", src.Path)
	}
	for _, path := range logs {
		d.log(check, opts, src, path)
	}
}

func (d *doctor) log(check string, opts ingest.Options, src *ingest.Source, path string) {
	in, err := ingest.Inspect(opts, src, path, d.app.now())
	switch {
	case errors.Is(err, fs.ErrPermission):
		d.add(check, levelProblem, "let this user read it, for example: usermod -aG adm USER", "%v", err)
		return
	case err != nil:
		if in != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
		d.add(check, levelProblem, "", "%v", err)
		return
	case in.Lines == 0:
		d.add(check, levelOK, "", "%s is readable, and has no line yet", path)
		return
	}
	rejects, events := lake.Sum(in.Account.Rejects), lake.Sum(in.Account.Events)
	switch {
	case in.Account.Rejects[decode.BadTime]*2 > in.Lines:
		d.add(check, levelProblem, "set the clocks of the edge and of this machine by NTP; the time must be Unix seconds", "%s: %d of its first %d lines have a time before 2000 or more than 24 hours ahead", path, in.Account.Rejects[decode.BadTime], in.Lines)
		return
	case rejects == in.Lines:
		d.add(check, levelProblem, formatRemedy(in), "%s: none of its first %d lines fits the format %s", path, in.Lines, in.Format)
		return
	case rejects*10 > in.Lines:
		d.add(check, levelWarning, formatRemedy(in), "%s: %d of its first %d lines can't be read as %s", path, rejects, in.Lines, in.Format)
	default:
		d.add(check, levelOK, "", "%s: format %s, %s", path, in.Format, accountText(&in.Account))
	}
	switch {
	case events == 0:
		d.add(check, levelWarning, "does the edge log the pixels' requests here? `pixledger edge nginx` prints a configuration that does", "%s: none of its first %d lines is an event", path, in.Lines)
	case in.Users == 0 && in.Denied < events:
		d.add(check, levelWarning, "turn nginx's userid on, or say where the id is: user_id: {cookie: NAME}, {param: NAME} or {header: NAME}", "%s: none of its first %d events has a user id", path, events)
	default:
		d.add(check, levelOK, "", "%s: %d of its first %d events have a user id", path, in.Users, events)
	}
	if ahead := in.Last.Sub(d.app.now()); ahead > time.Minute {
		d.add(check, levelWarning, "set the clocks of the edge and of this machine by NTP", "%s: its times are %s ahead of this machine's clock", path, ahead.Round(time.Second))
	}
}

func formatRemedy(in *ingest.Inspection) string {
	if in.Recognised != "" && in.Recognised != in.Format {
		return "its lines look like the format " + in.Recognised + ": set format: " + in.Recognised
	}
	return "set the source's format to the log_format that the edge writes"
}
