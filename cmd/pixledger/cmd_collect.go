package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"pixledger/ingest"
	"pixledger/ingest/collect"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/published"
)

func (a *app) collectCommand() *cobra.Command {
	var views bool
	c := &cobra.Command{
		Use:   "collect",
		Short: "Take what the edges have published into this lake",
		Long: `Takes from the shared lake what each of the edges that collect.edges names has
published, in its order: every part is one commit, the files byte for byte as they
stand there, checked against the manifest. What this lake has is not taken again,
whenever it is killed. Attribution, closing and reports then see the touches of all
edges; a business day is closed when every edge has published it.

--views prints the SQL by which any DuckDB reads the shared lake itself, with this
lake's views.`,
		Example: "  pixledger collect\n  pixledger collect --views",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			if views {
				_, err := io.WriteString(a.stdout, lakedb.SharedViews())
				return err
			}
			if cfg.Collect == nil {
				return errors.New("this machine does not collect: the configuration has no collect; allowed: collect: {from: …, edges: [NAME, …]}, see docs/edges.md")
			}
			l, err := lake.OpenOrCreate(cfg.Lake, a.now())
			if err != nil {
				return err
			}
			unlock, err := l.Lock(c.Context(), collect.LockName, "pixledger collect", a.wait)
			if err != nil {
				return err
			}
			defer unlock()
			store, err := a.openShared(c.Context(), cfg.Collect.From)
			if err != nil {
				return err
			}
			defer store.Close()
			told := false
			err = collect.Run(c.Context(), collect.Options{
				Lake: l, Store: store, Edges: cfg.Collect.Edges, Now: a.now,
				Log: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
				Tell: func(m *published.Manifest) {
					told = true
					fmt.Fprintln(a.stdout, "collected "+schemas.Shown(partText(m)))
				},
			})
			if err != nil {
				return err
			}
			if !told {
				fmt.Fprintln(a.stdout, "nothing new was published")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&views, "views", false, "print the SQL of the views over a shared lake, and take nothing in")
	return c
}

// openGaps lists the losses that are open: of the sources, those that edges have
// published, and the dates that edges should have published by now.
func openGaps(cfg *Config, state *lake.State, now time.Time) []lake.Gap {
	return slices.Concat(ingest.Gaps(state, ingestSources(cfg), now), state.EdgeGaps(), lateDates(cfg, state, now))
}

// publishedBy is how long after its end a date should have been published, and
// collected: an edge may be told to wait longer, and then status warns for nothing.
const publishedBy = publishedAfter + 2*time.Hour

// lateDates are the dates that edges should have published by now.
func lateDates(cfg *Config, state *lake.State, now time.Time) []lake.Gap {
	if cfg.Collect == nil {
		return nil
	}
	until := now.Add(-publishedBy).UTC().Truncate(24 * time.Hour)
	from := until
	for _, e := range state.Edges {
		if first, err := time.Parse(time.DateOnly, e.First); err == nil && first.Before(from) {
			from = first
		}
	}
	if last, closed := lastClosed(state); closed && last.After(from) { // what was closed is past
		from = last
	}
	if len(state.Edges) == 0 {
		from = until.AddDate(0, 0, -1)
	}
	return state.UnpublishedGaps(cfg.Collect.Edges, from, until)
}

// lastClosed is the end of the newest business day that is closed, roughly: as a UTC
// date.
func lastClosed(state *lake.State) (time.Time, bool) {
	_, last, ok := state.ClosedDays()
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.DateOnly, string(last))
	return t, err == nil
}

// unpublished lists the dates from..until that are not published by all edges.
func unpublished(cfg *Config, state *lake.State, from, until time.Time) []lake.Gap {
	if cfg.Collect == nil {
		return nil
	}
	return state.UnpublishedGaps(cfg.Collect.Edges, from, until)
}

// strangers are edges that were collected, and that the configuration names no more.
func strangers(cfg *Config, state *lake.State) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(state.Edges)) {
		if cfg.Collect == nil || !slices.Contains(cfg.Collect.Edges, name) {
			out = append(out, name)
		}
	}
	return out
}
