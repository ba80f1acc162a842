package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pixledger/ingest"
	"pixledger/schemas/lake"
)

// awaitMarks notes how far the sources' files go now, and returns when all lines
// before that are committed. With a daemon on the lake it waits for that, at
// most as long as --wait says; without one nobody commits them, and it is an
// error at once. The error names every file that is behind.
func (a *app) awaitMarks(ctx context.Context, s *setup, l *lake.Lake) error {
	state, err := l.State()
	if err != nil {
		return err
	}
	marks, err := ingest.NoteMarks(ctx, ingestSources(s.cfg), state)
	if err != nil {
		return fmt.Errorf("what the logs hold can't be told: %w", err)
	}
	if a.daemonRuns(l) {
		// It commits what it has read of a file that was deleted meanwhile.
		marks.Patience = s.cfg.Commit.Interval + drainTime
	}
	begun := time.Now()
	for pause, said := firstMarksPause, false; ; pause = min(2*pause, lastMarksPause) {
		running := a.daemonRuns(l) // asked before, so that its last commit is seen
		behind, err := marks.Behind(ctx, state)
		if err != nil {
			return fmt.Errorf("what the logs hold can't be told: %w", err)
		}
		waited := time.Since(begun)
		switch {
		case len(behind) == 0:
			return nil
		case !running:
			return &behindError{behind: behind}
		case waited >= a.wait:
			return &behindError{behind: behind, waited: a.wait, daemon: true}
		case !said:
			said = true
			a.logf("waiting for the daemon to commit what the logs hold, %s at most: %s", a.wait, strings.Join(behindTexts(behind), ", "))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(pause, a.wait-waited)):
		}
		if state, err = l.State(); err != nil {
			return err
		}
	}
}

// How long awaitMarks pauses between two looks, at first and at most.
const (
	firstMarksPause = 10 * time.Millisecond
	lastMarksPause  = 200 * time.Millisecond
)

// behindError says that lines which stood in the logs are not in the lake.
type behindError struct {
	behind []ingest.Behind
	daemon bool // one runs, and was waited for in vain
	waited time.Duration
}

func (e *behindError) Error() string {
	what := "lines that the logs hold are not committed, and no daemon runs: read them with `pixledger ingest`, then try again; where lines keep coming, start `pixledger run`, and this waits until it has read them"
	if e.daemon {
		what = fmt.Sprintf("lines that the logs held %s ago are not committed by the daemon: `pixledger status` and its log say why; --wait waits longer", e.waited)
	}
	return what + "\n" + strings.Join(behindTexts(e.behind), "\n")
}

func behindTexts(list []ingest.Behind) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = fmt.Sprintf("%s: %d bytes from %d are not committed", b.Path, b.Bytes(), b.Position)
	}
	return out
}

// gapsInTheWay lists the losses that keep the time from..until, half-open, from
// being closed: those that touch it and that nobody has accepted, the oldest first.
func (a *app) gapsInTheWay(s *setup, state *lake.State, from, until time.Time) []lake.Gap {
	var out []lake.Gap
	all := slices.Concat(ingest.Gaps(state, ingestSources(s.cfg), a.now()), state.EdgeGaps(), unpublished(s.cfg, state, from, until))
	for _, g := range all {
		if g.From.Before(until) && !g.To.Before(from) && gapBlocks(s.cfg, state, &g) {
			out = append(out, g)
		}
	}
	return out
}

// gapBlocks tells whether a gap keeps the days that it touches from being closed:
// nobody has accepted it, and it is no silence that is only to be warned of.
func gapBlocks(cfg *Config, state *lake.State, g *lake.Gap) bool {
	if _, accepted := state.Accepted[g.ID]; accepted {
		return false
	}
	if g.Reason != lake.GapSilent {
		return true
	}
	for _, s := range cfg.Sources {
		if s.Name == g.Source {
			return s.Silence != SilenceWarn
		}
	}
	return true
}
