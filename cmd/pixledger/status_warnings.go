package main

import (
	"errors"
	"fmt"
	"io"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb/compact"
)

// What status warns of, alerts wake somebody for (docs/monitoring.md), and
// in the same words.

// warning is something to be looked after, with what to do about it.
type warning struct {
	What   string `json:"what"`
	Remedy string `json:"remedy"`
}

func (r *statusReport) warn(what, remedy string) {
	r.Warnings = append(r.Warnings, warning{what, remedy})
}

// troubles warns of what the daemon sees of the sources.
func (r *statusReport) troubles(list []sourceTrouble) {
	truncated, damaged := map[string]bool{}, map[string]bool{}
	for _, t := range list {
		for _, path := range t.Damaged {
			if !damaged[path] {
				damaged[path] = true
				r.warn("source "+t.Source+": "+path+" is cut short or damaged: what is complete of it is read", "put a whole copy in its place: what was read of it is not read again")
			}
		}
		if t.Trouble != "" {
			r.warn("source "+t.Source+": "+t.Path+": "+t.Trouble, "`pixledger doctor` looks closer; the daemon's log says since when")
		}
		if t.Truncations > 0 && !truncated[t.Source] {
			truncated[t.Source] = true
			r.warn(fmt.Sprintf("source %s: cut short while it was followed, %s since the daemon's start: lines not yet read may be gone, unless a copy has them", t.Source, count(int(t.Truncations), "time")),
				"rotate by renaming (logrotate with create and without copytruncate)")
		}
	}
}

// catalog warns where the catalog in force is not its file's.
func (r *statusReport) catalog(n *daemonNote) {
	if n.CatalogError != "" {
		r.warn("the catalog's file was refused, the one before is in force: "+n.CatalogError, "mend the file; `pixledger catalog check` shows every mistake")
	}
}

// waiting warns that nothing is committed.
func (r *statusReport) waiting(n *daemonNote) {
	switch {
	case n.Waiting == "":
	case n.NoSpace:
		r.warn("nothing can be committed: "+n.Waiting, "make room on the lake's disk (space and inodes: `pixledger doctor`); the daemon goes on by itself")
	default:
		r.warn("nothing can be committed: "+n.Waiting, "mend what it names, such as a file system that became read-only; `pixledger doctor` looks closer, and the daemon goes on by itself")
	}
}

// gaps lists what was lost.
func (r *statusReport) gaps(cfg *Config, state *lake.State) {
	for _, g := range openGaps(cfg, state, r.Now) {
		s := gapStatus{
			ID: g.ID, Source: g.Source, Reason: string(g.Reason), Days: g.Days(), From: g.From, To: g.To, Path: g.Path, Offset: g.Position,
			Blocks: gapBlocks(cfg, state, &g),
		}
		if by, ok := state.Accepted[g.ID]; ok {
			s.Accepted = &acceptanceStatus{By: by.By, At: by.At}
		}
		r.Gaps = append(r.Gaps, s)
		if s.Accepted != nil {
			continue // somebody has looked after it
		}
		days := daysText(s.Days)
		switch g.Reason {
		case lake.GapSilent:
			r.warn(fmt.Sprintf("gap %s: source %s gave no line on %s, and at least 100 on each of the seven days before", g.ID, g.Source, days),
				"see whether the edge served that day; `pixledger ingest FILE` reads a log that was kept elsewhere, and the gap is gone")
		case lake.GapUnpublished:
			r.warn(fmt.Sprintf("gap %s: edge %s has not published %s", g.ID, g.Source, days),
				"see whether the edge runs: `pixledger status` there says what keeps it from publishing; `pixledger collect` here takes it at once")
		case lake.GapTruncated:
			r.warn(fmt.Sprintf("gap %s: source %s: %s was cut after byte %d was read: lines of %s may be lost", g.ID, g.Source, g.Path, g.Position, days),
				"give the copy, if there is one, to `pixledger ingest`; rotate by renaming (logrotate with create and without copytruncate)")
		default:
			r.warn(fmt.Sprintf("gap %s: source %s: %s is %s, read to byte %d: lines of %s may be lost", g.ID, g.Source, g.Path, goneText(g.Reason), g.Position, days),
				"give the file to `pixledger ingest` should it turn up (a backup, another disk); keep rotated logs for longer than the daemon may be down")
		}
	}
}

// goneText is a reason as a state of the log.
func goneText(r lake.GapReason) string {
	if r == lake.GapLost {
		return "not among the rotated files"
	}
	return "gone"
}

// manyFiles is how many files of one folder are too many to wait for the next
// compaction: a running date gets 120 an hour.
const manyFiles = 1000

// compaction says what the next compaction will merge, and warns where there has
// been none for long.
func (r *statusReport) compaction(state *lake.State) {
	due := compact.Plan(state, r.Now)
	r.Compact = compactStatus{Folders: len(due)}
	for _, d := range due {
		r.Compact.Files += len(d.Files)
		r.Compact.Bytes += d.Bytes()
	}
	if n := fullestFolder(state); n > manyFiles {
		r.warn(fmt.Sprintf("%d files in one folder of the lake: readers become slow", n), "run `pixledger compact`; see above whether its job runs")
	}
}

func printWarnings(w io.Writer, list []warning) error {
	var err error
	for _, x := range list {
		_, e := fmt.Fprintf(w, "\nwarning: %s\n  remedy: %s\n", schemas.Shown(x.What), schemas.Shown(x.Remedy))
		err = errors.Join(err, e)
	}
	return err
}
