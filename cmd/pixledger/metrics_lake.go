package main

import (
	"path"
	"slices"
	"strings"
	"time"

	"pixledger/cmd/pixledger/schedule"
	"pixledger/ingest/decode"
	"pixledger/report/export"
	"pixledger/report/publish"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb/forget"
)

var (
	lakeReadable = gauge("pixledger_lake_readable", "1 when the lake's records can be read; while it is 0 what follows from them is absent.")
	commits      = counter("pixledger_commits_total", "Commits of the lake, since it was made.")
	lastCommit   = gauge("pixledger_last_commit_timestamp_seconds", "When the last commit of a kind was made; absent while there is none.", "kind")
	lakeFiles    = gauge("pixledger_lake_files", "Files of a dataset.", "dataset")
	lakeRows     = gauge("pixledger_lake_rows", "Rows of a dataset.", "dataset")
	lakeBytes    = gauge("pixledger_lake_bytes", "Bytes of a dataset's files.", "dataset")
	lakeFullest  = gauge("pixledger_lake_fullest_folder_files", "Files of the folder of events or rejects that holds the most: more than some hundreds wait for a compaction.")
	oldestEvent  = gauge("pixledger_lake_oldest_event_timestamp_seconds", "Where the oldest UTC date begins of which events are kept; absent while there are none.")
	forgetUsers  = gauge("pixledger_forget_pending_users", "Users whose erasure was begun and is not finished.")

	lines      = counter("pixledger_lines_total", "Lines committed, by source and what became of them: event, reject, not_counted, ignored.", "source", "outcome")
	events     = counter("pixledger_events_total", "Events committed, by source and type.", "source", "type")
	rejects    = counter("pixledger_rejects_total", "Lines rejected, by source and reason.", "source", "reason")
	notCounted = counter("pixledger_not_counted_total", "Requests for the pixels' paths that do not count, by source and reason.", "source", "reason")
	gapsOpen   = gauge("pixledger_source_gaps", "Losses of lines of a source that were detected and not mended, by reason and what becomes of the days that they touch: blocks (they are not closed), warns (silence: warn), accepted (by somebody).", "source", "reason", "state")

	ledgerSequence = gauge("pixledger_ledger_sequence", "The number of the newest business day closed, in the ledger: how many are closed.")
	ledgerClosed   = gauge("pixledger_ledger_closed_until_timestamp_seconds", "Where the newest business day closed ended; absent while none is closed.")
	ledgerDue      = gauge("pixledger_ledger_due", "Business days that are due and not closed.")
	ledgerOldest   = gauge("pixledger_ledger_oldest_due_timestamp_seconds", "When the oldest business day that is not closed became due; absent while none is due.")
	ledgerNext     = gauge("pixledger_ledger_next_due_timestamp_seconds", "When the next business day will be due; absent before the first event.")

	exportSequence  = gauge("pixledger_export_sequence", "The number, in the ledger, of the newest day exported; 0 while none is.")
	exportWritten   = gauge("pixledger_export_written_until_timestamp_seconds", "Where the newest business day exported ended; absent while none is.")
	exportThere     = gauge("pixledger_export_delivered", "Business days that a destination has received.", "destination")
	exportMissing   = gauge("pixledger_export_undelivered", "Business days that are closed and that a destination has not received.", "destination")
	exportDelivered = gauge("pixledger_export_delivered_until_timestamp_seconds", "Where the newest business day that a destination has received ended; absent while it has none.", "destination")
	exportFailing   = gauge("pixledger_export_delivery_failing", "1 when the last delivery to a destination failed.", "destination")
	exportFailedAt  = gauge("pixledger_export_delivery_failed_timestamp_seconds", "When the last delivery to a destination failed; absent when it succeeded.", "destination")

	publishParts   = gauge("pixledger_publish_parts", "Parts that this edge has published.")
	publishUntil   = gauge("pixledger_publish_published_until_timestamp_seconds", "Where the newest UTC date ends that this edge has published; absent while it has none.")
	publishWaiting = gauge("pixledger_publish_waiting_dates", "UTC dates of which this edge has something to publish.")
	publishFailing = gauge("pixledger_publish_failing_since_timestamp_seconds", "When publishing began to fail; absent when it succeeded last.")
	collectParts   = gauge("pixledger_collect_parts", "Parts of an edge that were collected.", "source")
	collectUntil   = gauge("pixledger_collect_published_until_timestamp_seconds", "Where the newest UTC date ends that was collected of an edge; absent while there is none.", "source")

	jobSuccess  = gauge("pixledger_job_last_success_timestamp_seconds", "When a scheduled job last succeeded, also before the daemon's start; absent while it never did.", jobLabel)
	jobRun      = gauge("pixledger_job_last_run_timestamp_seconds", "When the last run of a scheduled job ended, also before the daemon's start; absent while there was none.", jobLabel)
	jobDuration = gauge("pixledger_job_last_duration_seconds", "How long the last run of a scheduled job took; absent while there was none.", jobLabel)
	jobFailures = gauge("pixledger_job_consecutive_failures", "Runs of a scheduled job that have failed since the last that succeeded: 31 at most, as far as its history goes.", jobLabel)
	jobNext     = gauge("pixledger_job_next_due_timestamp_seconds", "The first time of a scheduled job's schedule that it has not been run for; in the past while it waits or runs.", jobLabel)
)

// The reasons that are told from the start, at 0.
var (
	rejectReasons     = []string{decode.Malformed, decode.MissingField, decode.BadTime, decode.TooLong}
	notCountedReasons = []string{decode.Malformed, decode.BadMethod, decode.BadStatus}
)

// figures tells what follows from a state of the lake, and from what stands
// beside it.
func (m *metrics) figures(t *told, state *lake.State) {
	m.account(t, state)
	m.gaps(t, state)
	m.ledger(t, state)
	m.edges(t, state)
	m.histories(t)
}

// account tells of commits, files and the account of lines.
func (m *metrics) account(t *told, state *lake.State) {
	t.add(commits, float64(state.Seq))
	for kind, mark := range state.Latest {
		t.addTime(lastCommit, mark.At, kind)
	}
	for _, s := range datasetSizes(state) {
		t.add(lakeFiles, float64(s.Files), s.Name)
		t.add(lakeRows, float64(s.Rows), s.Name)
		t.add(lakeBytes, float64(s.Bytes), s.Name)
	}
	t.add(lakeFullest, float64(fullestFolder(state)))
	if day, err := time.Parse(time.DateOnly, oldestEvents(state)); err == nil {
		t.addTime(oldestEvent, day)
	}
	if pending, err := forget.Pending(m.d.lake); err == nil {
		t.add(forgetUsers, float64(len(pending)))
	}
	sums := map[string]*lake.Counts{}
	for _, s := range m.d.config().Sources {
		sums[s.Name] = zeroCounts()
	}
	if c := m.d.config().Collect; c != nil {
		for _, name := range c.Edges {
			sums[name] = zeroCounts()
		}
	}
	for edge, days := range state.Account() {
		name := m.sourceLabel(edge)
		if sums[name] == nil {
			sums[name] = zeroCounts()
		}
		for _, day := range days {
			sums[name].Add(day)
		}
	}
	for source, c := range sums {
		t.add(lines, float64(lake.Sum(c.Events)), source, "event")
		t.add(lines, float64(lake.Sum(c.Rejects)), source, "reject")
		t.add(lines, float64(lake.Sum(c.NotCounted)), source, "not_counted")
		t.add(lines, float64(c.Ignored), source, "ignored")
		for kind, n := range c.Events {
			t.add(events, float64(n), source, kind)
		}
		for reason, n := range c.Rejects {
			t.add(rejects, float64(n), source, reason)
		}
		for reason, n := range c.NotCounted {
			t.add(notCounted, float64(n), source, reason)
		}
	}
}

// zeroCounts is an account of no line, with all that there can be.
func zeroCounts() *lake.Counts {
	c := &lake.Counts{Events: map[string]int64{}, Rejects: map[string]int64{}, NotCounted: map[string]int64{}}
	for _, kind := range schemas.EventTypes {
		c.Events[string(kind)] = 0
	}
	for _, reason := range rejectReasons {
		c.Rejects[reason] = 0
	}
	for _, reason := range notCountedReasons {
		c.NotCounted[reason] = 0
	}
	return c
}

func (m *metrics) gaps(t *told, state *lake.State) {
	type series struct{ source, reason, state string }
	n := map[series]int{}
	for _, s := range m.d.config().Sources { // from the start, so that an alert has something to rise from
		for _, reason := range lake.GapReasons {
			n[series{s.Name, string(reason), "blocks"}] = 0
		}
	}
	if c := m.d.config().Collect; c != nil {
		for _, name := range c.Edges {
			for _, reason := range slices.Concat(lake.GapReasons, []lake.GapReason{lake.GapUnpublished}) {
				n[series{name, string(reason), "blocks"}] = 0
			}
		}
	}
	for _, g := range openGaps(m.d.config(), state, m.d.app.now()) {
		what := "warns"
		if _, accepted := state.Accepted[g.ID]; accepted {
			what = "accepted"
		} else if gapBlocks(m.d.config(), state, &g) {
			what = "blocks"
		}
		n[series{m.sourceLabel(g.Source), string(g.Reason), what}]++
	}
	for s, count := range n {
		t.add(gapsOpen, float64(count), s.source, s.reason, s.state)
	}
}

// ledger tells of business days and their exports. Where the configuration does
// not fit the ledger nothing is told: the close says why, and its job fails.
func (m *metrics) ledger(t *told, state *lake.State) {
	cfg := m.d.config()
	if cfg.Schedule.Close == "" { // an edge: the centre closes
		return
	}
	plan, err := calendarOf(cfg).Plan(state, m.d.app.now())
	if err != nil {
		return
	}
	closed, newest := int64(0), schemas.Day("")
	if plan.Last != nil {
		closed, newest = plan.Last.Sequence, plan.Last.Day
		t.addTime(ledgerClosed, plan.Last.Until)
	}
	t.add(ledgerSequence, float64(closed))
	t.add(ledgerDue, float64(len(plan.Due)))
	if len(plan.Due) > 0 {
		t.addTime(ledgerOldest, plan.Due[0].Due(cfg.TimeZone, cfg.CloseAfter))
	}
	t.addTime(ledgerNext, plan.NextDue)

	targets, err := exportTargets(cfg, nil)
	if err != nil {
		return
	}
	names := make([]string, len(targets))
	for i, x := range targets {
		names[i] = x.String()
	}
	s, err := export.Stand(m.d.lake, names)
	if err != nil {
		m.d.log.Error("how far exports are can't be read", "error", err)
		return
	}
	sequence := int64(0)
	if s.Last != "" && newest != "" {
		sequence = closed - int64(s.Last.Until(newest)) // the days of the ledger follow each other
		_, until := s.Last.Bounds(cfg.TimeZone)
		t.addTime(exportWritten, until)
	}
	t.add(exportSequence, float64(sequence))
	for _, d := range s.Destinations {
		t.add(exportThere, float64(d.Delivered), d.Destination)
		t.add(exportMissing, float64(closed-int64(d.Delivered)), d.Destination)
		if d.Last != "" {
			_, until := d.Last.Bounds(cfg.TimeZone)
			t.addTime(exportDelivered, until, d.Destination)
		}
		t.add(exportFailing, boolean(d.Failure != nil), d.Destination)
		if d.Failure != nil {
			t.addTime(exportFailedAt, d.Failure.At, d.Destination)
		}
	}
}

// histories tells what the lake keeps of the jobs across restarts.
func (m *metrics) histories(t *told) {
	for _, j := range scheduled(m.d.config()) {
		when, err := schedule.Parse(j.spec, m.d.config().TimeZone)
		if err != nil {
			continue // the configuration was refused for it
		}
		h, err := schedule.ReadHistory(m.d.lake, j.name)
		if err != nil {
			continue // the scheduler says it, and begins it anew
		}
		failures := 0
		for _, r := range slices.Backward(h.Runs) {
			if r.Error == "" {
				break
			}
			failures++
		}
		t.add(jobFailures, float64(failures), j.name)
		if h.LastSuccess != nil {
			t.addTime(jobSuccess, *h.LastSuccess, j.name)
		}
		if last, ok := h.Last(); ok {
			t.addTime(jobRun, last.Ended, j.name)
			t.add(jobDuration, last.Ended.Sub(last.Started).Seconds(), j.name)
		}
		if !h.Done.IsZero() {
			t.addTime(jobNext, when.Next(h.Done), j.name)
		}
	}
}

// fullestFolder is the most files that a folder holds which compaction looks after.
func fullestFolder(state *lake.State) int {
	most, folders := 0, map[string]int{}
	for p := range state.Files {
		if strings.HasPrefix(p, schemas.Events.Name+"/") || strings.HasPrefix(p, schemas.Rejects.Name+"/") {
			folder := path.Dir(p)
			folders[folder]++
			most = max(most, folders[folder])
		}
	}
	return most
}

// datasetSizes adds up the committed files of each dataset, in one look at them:
// there may be a million.
func datasetSizes(state *lake.State) []datasetSize {
	out := make([]datasetSize, len(schemas.Datasets))
	for i, d := range schemas.Datasets {
		out[i].Name = d.Name
	}
	for p, f := range state.Files {
		for i := range out {
			if s := &out[i]; len(p) > len(s.Name) && p[len(s.Name)] == '/' && p[:len(s.Name)] == s.Name {
				s.Files++
				s.Rows += f.Rows
				s.Bytes += f.Bytes
				break
			}
		}
	}
	return out
}

// edges tells of what this edge has published, and a centre collected.
func (m *metrics) edges(t *told, state *lake.State) {
	cfg := m.d.config()
	if cfg.Publish != nil {
		if s, err := publish.Look(state, m.d.app.publishOptions(cfg, m.d.lake, state)); err == nil {
			t.add(publishParts, float64(s.Parts))
			t.add(publishWaiting, float64(len(s.Waiting)))
			t.addEndOf(publishUntil, s.Last)
			if s.Failure != nil {
				t.addTime(publishFailing, s.Failure.Since)
			}
		}
	}
	if cfg.Collect == nil {
		return
	}
	for _, name := range cfg.Collect.Edges {
		e := state.Edges[name]
		if e == nil {
			t.add(collectParts, 0, name)
			continue
		}
		t.add(collectParts, float64(e.Sequence), name)
		t.addEndOf(collectUntil, e.Last(), name)
	}
}

// addEndOf adds the end of a UTC date, where there is one.
func (t *told) addEndOf(f *family, date string, labels ...string) {
	if at, err := time.Parse(time.DateOnly, date); err == nil {
		t.addTime(f, at.AddDate(0, 0, 1), labels...)
	}
}
