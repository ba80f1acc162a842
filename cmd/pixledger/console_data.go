package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"

	"pixledger/cmd/pixledger/console"
	"pixledger/report"
	"pixledger/report/export"
)

// consoleMemory bounds DuckDB in a command that the console asks; two run at a
// time.
const consoleMemory = 512_000_000

// statusFor is how long the console shows the same status: looking takes longer
// the more the lake holds.
const statusFor = 2 * time.Second

// withConsole serves the pages for people beside what the daemon tells to
// programs.
func (d *daemon) withConsole(ctx context.Context, programs http.Handler) http.Handler {
	var status lately[*console.Status]
	ready := d.newReadyProcesses(ctx)
	names := &consoleNames{d: d}
	pages := console.Handler(ctx, console.Data{
		Token:   func() string { return d.config().Console.Token },
		Zone:    func() *time.Location { return d.config().TimeZone },
		Now:     d.app.now,
		Version: d.consoleVersion,
		Status:  func() (*console.Status, error) { return status.get(d.consoleStatus) },
		Catalog: names.get,
		Exports: d.consoleExports,
		Edges: func() (publishes, collects bool) {
			cfg := d.config()
			return cfg.Publish != nil, cfg.Collect != nil
		},
		ExportFile: d.consoleExportFile,
		Reports:    d.consoleReports,
		Ask:        d.ask(ready),
		Log:        d.log,

		KeepReady: true,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz", "/readyz", "/metrics":
			programs.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

// lately is something that is looked up again after statusFor.
type lately[T any] struct {
	mu    sync.Mutex
	value T
	until time.Time
}

func (l *lately[T]) get(look func() (T, error)) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().Before(l.until) {
		return l.value, nil
	}
	v, err := look()
	if err == nil {
		l.value, l.until = v, time.Now().Add(statusFor)
	}
	return v, err
}

// consoleVersion is another one when the lake has another commit, or catalog or
// configuration are others.
func (d *daemon) consoleVersion() string {
	var seq int64
	if state, err := d.lake.State(); err == nil { // else the commands say what is wrong
		seq = state.Seq
	}
	return fmt.Sprint(seq, " ", d.catalog.digest(), " ", d.inForce.Load().read.UnixNano())
}

func (d *daemon) consoleStatus() (*console.Status, error) {
	r, err := d.app.status(d.config(), d.lake)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	s := &console.Status{}
	return s, json.Unmarshal(b, s)
}

func (d *daemon) consoleExports() ([]console.Export, error) {
	targets, err := exportTargets(d.config(), nil)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.String()
	}
	list, err := export.List(d.lake, "", names)
	if err != nil {
		return nil, err
	}
	out := make([]console.Export, len(list))
	for i, x := range list {
		out[i] = console.Export{Date: string(x.Manifest.Date), SHA256: x.SHA256}
		if out[i].Totals, err = console.ParseAmounts(x.Manifest.Totals); err != nil {
			return nil, fmt.Errorf("the manifest of %s: %w", x.Manifest.Date, err)
		}
		for _, f := range x.Manifest.Files {
			out[i].Files = append(out[i].Files, console.ExportFile{Name: f.Name, SHA256: f.SHA256, Rows: f.Rows})
		}
		for n, name := range names {
			y := console.Delivery{Destination: name}
			if r := x.Deliveries[n]; r != nil {
				y.At = r.At
			}
			out[i].Deliveries = append(out[i].Deliveries, y)
		}
	}
	return out, nil
}

func (d *daemon) consoleExportFile(date, name string) (io.ReadSeekCloser, string, error) {
	f, err := export.OpenKept(d.lake, date, name)
	var changed *export.Changed
	switch {
	case errors.As(err, &changed):
		return nil, "", &console.Altered{Date: date, Message: changed.Error()}
	case err != nil:
		return nil, "", err
	}
	return f, f.SHA256, nil
}

// consoleReports describes the reports, users' own with them.
func (d *daemon) consoleReports(ctx context.Context) ([]console.Report, error) {
	reports, err := report.Load(ctx, d.config().Reports)
	if err != nil {
		return nil, err
	}
	var out []console.Report
	for _, name := range reports.Names() {
		def, err := reports.Describe(name)
		if err != nil {
			return nil, err
		}
		x := console.Report{
			Name: name, Doc: def.Doc, Rangeless: def.Rangeless, Slow: def.Slow, Intervals: len(def.Intervals) > 0, Filters: def.Filters, Required: def.Required,
		}
		for _, dim := range def.Dimensions {
			x.By = append(x.By, dim.ID)
		}
		for _, p := range def.Params {
			if p.Type == "FILE" { // no page has the daemon open a file that a visitor names
				x.Apart = "It reads a file of your own, which the command alone takes: pixledger report " + name + " " + p.Flag() + " FILE"
			}
			x.Params = append(x.Params, console.Param{Name: p.Name, Flag: p.Flag(), Doc: p.Doc, YesNo: p.Type == "BOOLEAN", Required: p.Required})
		}
		out = append(out, x)
	}
	return out, nil
}

// ask runs a command that only reads for the console, by the configuration in
// force. It comes before the jobs, for somebody waits. What needs the catalog
// alone is done here, in no time; all else in a process of its own.
func (d *daemon) ask(ready *readyProcesses) func(context.Context, io.Writer, ...string) error {
	return func(ctx context.Context, w io.Writer, args ...string) error {
		var said bytes.Buffer
		var err error
		if ofCatalog(args) {
			conf := d.inForce.Load()
			a := &app{stdout: w, stderr: &said, given: conf.content}
			if code := a.run(ctx, append(d.commonFlags(conf), args...)); code != exitOK {
				err = exitError(code)
			}
		} else {
			err = ready.run(ctx, w, &said, args...)
		}
		return answered(args, strings.TrimPrefix(strings.TrimSpace(said.String()), "pixledger: "), err)
	}
}

// ofCatalog tells whether a command reads no more than the catalog.
func ofCatalog(args []string) bool {
	if len(args) < 2 {
		return false
	}
	switch args[0] + " " + args[1] {
	case "pixel show", "pixel export", "pixel list", "tracker export":
		return true
	}
	return false
}

// answered says what was wrong in the words of the command.
func answered(args []string, said string, err error) error {
	if err == nil {
		return nil
	}
	code := -1
	var ended *exec.ExitError
	var here exitError
	switch {
	case errors.As(err, &ended):
		code = ended.ExitCode()
	case errors.As(err, &here):
		code = int(here)
	}
	switch {
	case said == "" || code < 0:
		return fmt.Errorf("pixledger %s: %w: %s", args[0], err, said)
	case code == exitUsage:
		return &console.Refused{Message: said}
	}
	return errors.New(said)
}
