package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"pixledger/ingest"
	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

func (a *app) ingestCommand() *cobra.Command {
	var format, source string
	c := &cobra.Command{
		Use:   "ingest [FILE…]",
		Short: "Read log files, or all configured sources to their current end",
		Long: `Reads the files given (plain, .gz, .zst), or with none the logs of all configured
sources with their rotated files, and commits their lines. It is safe to repeat:
a file is known by its content, whatever its name, and read on from where it was
read to. Format and source are those of the source whose path matches, else the
format is recognised from the content.`,
		Example: "  pixledger ingest\n  pixledger ingest /var/log/nginx/pixel.log.*.gz\n  pixledger ingest --format combined --source edge-2 old.log\n  pixledger ingest --format '$msec|$request|$status' odd.log",
		RunE: func(c *cobra.Command, args []string) error {
			if format != "" {
				if err := checkFormat(format); err != nil {
					return err
				}
			}
			// Events do not depend on the catalog: a mistake in it keeps no line
			// from being read.
			cfg, err := a.config()
			if err != nil {
				return err
			}
			if source != "" {
				var names []string
				for _, x := range cfg.Sources {
					names = append(names, x.Name)
				}
				if err := oneOf("source", source, names); err != nil {
					return err
				}
			}
			if len(args) == 0 && len(cfg.Sources) == 0 {
				return usagef("ingest: no file was given, and %s has no sources; allowed: at least one of them", a.configPath)
			}
			l, err := lake.OpenOrCreate(cfg.Lake, a.now())
			if err != nil {
				return err
			}
			opts, err := ingestOptions(a, cfg, l)
			if err != nil {
				return err
			}
			opts.Format, opts.Source = format, source
			collectRarely(cfg)
			bar := a.newProgress("reading", byteProgress)
			opts.Progress = func(p ingest.Progress) { bar.set(p.Path, p.Read, p.Bytes) }
			var sum *ingest.Summary
			if len(args) > 0 {
				sum, err = ingest.Files(c.Context(), opts, args)
			} else {
				sum, err = ingest.CatchUp(c.Context(), opts)
			}
			bar.done()
			if sum != nil {
				printIngest(a.stdout, sum, filepath.Dir(cfg.File), err != nil)
				for _, f := range sum.Files {
					if f.NoUsers {
						a.logf("warning: %s: none of its first 1,000 events has a user id: nothing of it can be attributed by user; see user_id of the source", f.Path)
					}
				}
			}
			return err
		},
	}
	c.Flags().StringVar(&format, "format", "", "read the files in this log format: "+parse.AllowedFormats())
	c.Flags().StringVar(&source, "source", "", "read the files as this source's")
	return c
}

// collectRarely lets the heap grow to what ingest keeps below anyway before
// garbage is collected: nearly all of it is buffers that are used again. Who
// has set the runtime's own variables knows better.
func collectRarely(cfg *Config) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(ingest.HeapLimit(cfg.Limits.Memory, int64(m.HeapAlloc)))
}

// printIngest says for each file what was read, and the sum. Files below dir
// are named from there. Of a run that failed, or was ended, before a file's lines
// were committed, nobody can tell here whether it has any.
func printIngest(w io.Writer, sum *ingest.Summary, dir string, failed bool) {
	for _, f := range sum.Files {
		name := f.Path
		if rel, err := filepath.Rel(dir, name); err == nil && filepath.IsAbs(name) && filepath.IsLocal(rel) {
			name = rel
		}
		name = schemas.Shown(name)
		switch {
		case f.Commits > 0:
			fmt.Fprintf(w, "%s: %s", name, accountText(&f.Counts))
			if f.Left > 0 {
				fmt.Fprintf(w, "; %d bytes of an unfinished last line wait for its end", f.Left)
			}
			fmt.Fprintln(w)
		case f.State == ingest.Earlier:
			fmt.Fprintf(w, "%s: an earlier state of a file that was read further: nothing was read\n", name)
		case f.State == ingest.AlreadyRead:
			fmt.Fprintf(w, "%s: already read\n", name)
		case f.State == ingest.NoLines && !failed:
			fmt.Fprintf(w, "%s: has no complete line\n", name)
		}
	}
	c := sum.Counts()
	fmt.Fprintf(w, "%s; %s\n", accountText(c), count(sum.Commits, "commit"))
}

// accountText is an account of lines in words.
func accountText(c *lake.Counts) string {
	return fmt.Sprintf("%d lines = %d events + %d rejects + %d not counted + %d ignored",
		c.Lines(), lake.Sum(c.Events), lake.Sum(c.Rejects), lake.Sum(c.NotCounted), c.Ignored)
}

// ingestOptions are ingest's part of the configuration. Without a lake they
// serve to look at logs, not to read them in.
func ingestOptions(a *app, cfg *Config, l *lake.Lake) (ingest.Options, error) {
	o := ingest.Options{
		Lake: l, Sources: ingestSources(cfg), Interval: cfg.Commit.Interval, Rows: cfg.Commit.Rows,
		MaxLine: cfg.Limits.MaxLine, Threads: cfg.Limits.Threads, Memory: cfg.Limits.Memory, Now: a.now, Log: a.logger(),
		Privacy: decode.Options{
			HonorGPC: cfg.Privacy.HonorGPC, RequireConsent: cfg.Privacy.RequireConsent,
			IP: decode.IPMode(cfg.Privacy.IP), Params: map[string]decode.ParamMode{},
		},
	}
	for name, mode := range cfg.Privacy.Params {
		o.Privacy.Params[name] = decode.ParamMode(mode)
		if mode == ParamHash && l != nil {
			key, err := l.ParamsKey()
			if err != nil {
				return o, err
			}
			o.Privacy.Key = key
		} else if mode == ParamHash {
			o.Privacy.Key = []byte("none")
		}
	}
	return o, nil
}

func ingestSources(cfg *Config) []ingest.Source {
	out := make([]ingest.Source, len(cfg.Sources))
	for i, s := range cfg.Sources {
		out[i] = ingest.Source{
			Name: s.Name, Path: s.Path, Format: s.Format, Escape: s.Escape, UserID: ingest.UserID(s.UserID),
			Rotated: s.Rotated, From: s.From,
		}
	}
	return out
}

// sourceLag is how far one source is behind, over all its logs.
type sourceLag struct {
	Name    string
	Lag     int64 // bytes
	Last    time.Time
	Problem string
	Missing string // the path of a log that is not there
}

func sourceLags(cfg *Config, state *lake.State) []sourceLag {
	var out []sourceLag
	for _, s := range ingest.Survey(ingestSources(cfg), state) {
		if len(out) == 0 || out[len(out)-1].Name != s.Source {
			out = append(out, sourceLag{Name: s.Source})
		}
		o := &out[len(out)-1]
		o.Lag += s.Lag
		if s.Last.After(o.Last) {
			o.Last = s.Last
		}
		switch {
		case s.Err != nil:
			o.Problem = s.Err.Error()
		case s.Missing:
			o.Missing = s.Path
		}
	}
	return out
}

// edgeAccount is the account of all files of one source.
type edgeAccount struct {
	lake.Counts
	Files int
	Last  time.Time // of its last commit
}

// accountByEdge adds up the files' accounts by source name, and those of what edges
// have published by their names.
func accountByEdge(state *lake.State) map[string]*edgeAccount {
	out := map[string]*edgeAccount{}
	for _, src := range state.Sources {
		e := out[src.Edge]
		if e == nil {
			e = &edgeAccount{}
			out[src.Edge] = e
		}
		e.Files++
		if src.Last.After(e.Last) {
			e.Last = src.Last
		}
		for _, c := range src.Days {
			e.Add(c)
		}
	}
	for name, published := range state.Edges {
		e := out[name]
		if e == nil {
			e = &edgeAccount{}
			out[name] = e
		}
		e.Files += len(published.Logs)
		if published.At.After(e.Last) {
			e.Last = published.At
		}
		for _, day := range published.Days {
			e.Add(day.Account)
		}
	}
	return out
}
