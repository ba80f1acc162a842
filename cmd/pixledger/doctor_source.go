package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pixledger/ingest"
	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/schemas/lake"
)

// source looks at a source's logs, and at what the lake's account says of it.
func (d *examination) source(src *ingest.Source) {
	check := "source " + src.Name
	opts, err := ingestOptions(d.app, d.cfg, nil)
	if err != nil {
		d.Problem(check, "mend what it names in "+d.cfg.File, "%v", err)
		return
	}
	there := false
	for _, l := range d.logs {
		if l.Source.Name != src.Name {
			continue
		}
		if l.Err != nil {
			d.Problem(check, "let this user list the folder, and let the glob be one", "%v", l.Err)
		}
		if _, err := os.Stat(l.Path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		there = true
		d.log(check, opts, src, l.Path)
	}
	if !there {
		d.Warn(check, "check the path; the daemon waits for the log to appear", "%s does not exist", src.Path)
	}
	if d.state != nil {
		d.account(check, src)
	}
}

// log looks at the first lines of a log and, where there are more, at the last.
func (d *examination) log(check string, opts ingest.Options, src *ingest.Source, path string) {
	first, ok := d.lines(check, "first", ingest.Inspect, opts, src, path)
	if !ok || first.Whole {
		return
	}
	last, ok := d.lines(check, "last", ingest.InspectEnd, opts, src, path)
	if ok && first.Users > 0 && last.Users == 0 && lake.Sum(last.Account.Events) > last.Denied {
		d.Warn(check, "see what was changed at the edge: `pixledger edge nginx` prints what it should be", "%s: its first events have user ids, and its last have none", path)
	}
}

type inspector func(ingest.Options, *ingest.Source, string, time.Time) (*ingest.Inspection, error)

// lines looks at one end of a log, as the source says that it is read; not ok
// where there is nothing to go on with.
func (d *examination) lines(check, which string, inspect inspector, opts ingest.Options, src *ingest.Source, path string) (in *ingest.Inspection, ok bool) {
	in, err := inspect(opts, src, path, d.app.now())
	switch {
	case errors.Is(err, fs.ErrPermission):
		d.Problem(check, "let this user read it, for example: usermod -aG adm USER", "%v", err)
		return in, false
	case err != nil:
		if in != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
		d.Problem(check, "let the path be that of the edge's access log, in one of the formats that docs/formats.md has", "%v", err)
		return in, false
	case in.Lines == 0:
		d.OK(check, "%s is readable, and has no line yet", path)
		return in, false
	}
	rejects, events := lake.Sum(in.Account.Rejects), lake.Sum(in.Account.Events)
	switch {
	case in.Account.Rejects[decode.BadTime]*2 > in.Lines:
		d.Problem(check, "set the clocks of the edge and of this machine by NTP; the time must be Unix seconds", "%s: %d of its %s %d lines have a time before 2000 or more than 24 hours ahead", path, in.Account.Rejects[decode.BadTime], which, in.Lines)
		return in, false
	case rejects == in.Lines:
		d.Problem(check, formatRemedy(in), "%s: none of its %s %d lines fits the format %s", path, which, in.Lines, shownFormat(in.Format))
		return in, false
	case rejects*10 > in.Lines:
		d.Warn(check, formatRemedy(in), "%s: %d of its %s %d lines can't be read as %s", path, rejects, which, in.Lines, shownFormat(in.Format))
	case which == "first":
		d.OK(check, "%s: format %s, %s", path, shownFormat(in.Format), accountText(&in.Account))
	default:
		d.OK(check, "%s: its last lines: format %s, %s", path, shownFormat(in.Format), accountText(&in.Account))
	}
	if in.Raw > 0 {
		d.Problem(check, "escape=json for a log_format in JSON, escape=default for all others", "%s: %d of its %s %d lines hold control characters as they stand, as with escape=none: a browser can end a line and write another", path, in.Raw, which, in.Lines)
	}
	switch {
	case events == 0:
		d.Warn(check, "does the edge log the pixels' requests here? `pixledger edge nginx` prints a configuration that does", "%s: none of its %s %d lines is an event", path, which, in.Lines)
	case in.Users == 0 && in.Denied < events && which == "first":
		d.Warn(check, userRemedy(in), "%s: none of its first %d events has a user id", path, events)
	case which == "first":
		d.OK(check, "%s: %d of its first %d events have a user id", path, in.Users, events)
	}
	if in.Macros*10 > events {
		d.Warn(check, "`pixledger pixel status` names the pixels; `pixledger pixel export` prints the tags to paste", "%s: of its %s %d events, %d have a parameter that the page did not fill in (a macro as it stands)", path, which, events, in.Macros)
	}
	if ahead := in.Last.Sub(d.app.now()); ahead > time.Minute {
		d.Warn(check, "set the clocks of the edge and of this machine by NTP", "%s: its times are %s ahead of this machine's clock", path, ahead.Round(time.Second))
	}
	return in, true
}

// shownFormat is a format in a line: a directive, which people write over several,
// by its name.
func shownFormat(format string) string {
	words := strings.Fields(format)
	if len(words) > 1 && words[0] == "log_format" {
		return words[0] + " " + words[1]
	}
	return strings.Join(words, " ")
}

func formatRemedy(in *ingest.Inspection) string {
	// That some of its lines don't fit a log_format makes no other one right.
	some := parse.IsLiteral(in.Format) && lake.Sum(in.Account.Rejects) < in.Lines
	if in.Recognised != "" && in.Recognised != in.Format && !some {
		return "its lines look like the format " + in.Recognised + ": set format: " + in.Recognised
	}
	return "set the source's format to the log_format that the edge writes"
}

// userRemedy says where user ids come from. Lines with fields behind those of
// combined are read as combined, so that their cookie is not seen.
func userRemedy(in *ingest.Inspection) string {
	if in.Format == (parse.Combined{}).Name() {
		return "combined carries none: let format: be the log_format that nginx writes, where that has $uid_got or a cookie; else add it there, or say user_id: {param: NAME}"
	}
	return "turn nginx's userid on, or say where the id is: user_id: {cookie: NAME}, {param: NAME} or {header: NAME}"
}

// The thresholds of the account, as of the alerts PixledgerSourceQuiet and
// PixledgerRejects.
const (
	quietFor     = 2 * time.Hour
	quietUsual   = 200 // lines in that time
	rejectsLeast = 100
	rejectsShare = 20 // one line in so many
)

// account compares a source's log and today's account with the seven days before.
func (d *examination) account(check string, src *ingest.Source) {
	days := d.state.Account()[src.Name]
	now := d.app.now()
	before := lake.Counts{}
	for back := 1; back <= 7; back++ {
		if c := days[now.AddDate(0, 0, -back).Format(time.DateOnly)]; c != nil {
			before.Add(c)
		}
	}
	usual := before.Lines() / 7 * int64(quietFor) / int64(24*time.Hour)
	var written time.Time
	for _, l := range d.logs {
		if fi, err := os.Stat(l.Path); l.Source.Name == src.Name && err == nil && fi.ModTime().After(written) {
			written = fi.ModTime()
		}
	}
	if quiet := now.Sub(written); !written.IsZero() && quiet > quietFor && usual > quietUsual {
		d.Warn(check, "does the edge serve, does it log there, is there traffic? A log that is elsewhere, `pixledger ingest FILE` reads", "%s gives no lines: none for %s, and usually %d in two hours", src.Name, quiet.Round(time.Minute), usual)
	}
	today := days[now.Format(time.DateOnly)]
	if today == nil {
		return
	}
	rejects, was := lake.Sum(today.Rejects), lake.Sum(before.Rejects)
	if rejects > rejectsLeast && rejects*rejectsShare > today.Lines() && rejects*max(before.Lines(), 1) > 2*was*today.Lines() {
		d.Warn(check, "most likely the edge's log format was changed; set format: for the source, or take the change back", "lines of %s can not be read: %d of today's %d, and %d of %d in the seven days before", src.Name, rejects, today.Lines(), was, before.Lines())
	}
}

// shared looks for files that two sources take for theirs, and for rotated files
// that a glob takes for logs.
func (d *examination) shared() {
	type taken struct {
		log  *ingest.LogFiles
		info fs.FileInfo
	}
	var seen []taken
	for i := range d.logs {
		l := &d.logs[i]
		fi, err := os.Stat(l.Path)
		if err != nil {
			continue
		}
		for _, t := range seen {
			switch {
			case t.log.Source != l.Source && os.SameFile(t.info, fi):
				d.Problem("source "+l.Source.Name, "let each log be of one source", "%s is a log of the source %s too: each line counts once, for whichever reads it first", l.Path, t.log.Source.Name)
			case t.log.Source == l.Source && (ingest.RotatedName(t.log.Path, l.Path) || ingest.RotatedName(l.Path, t.log.Path)):
				d.Warn("source "+l.Source.Name, "let the glob name logs alone, such as "+filepath.Dir(l.Path)+"/*.log; rotated files are found beside them", "its path takes %s and %s for logs, and one of them is the other after rotation", t.log.Path, l.Path)
			}
		}
		seen = append(seen, taken{l, fi})
	}
}
