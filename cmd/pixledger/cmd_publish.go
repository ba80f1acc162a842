package main

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"pixledger/report/publish"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/published"
)

func (a *app) publishCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "publish",
		Short: "Ship the finished days of this edge to the shared lake",
		Long: `Brings each UTC date that is over (for publish.after, 24 hours) to the shared lake of
all edges: its rows, sorted, a file for each type, and then a manifest with the account
of its lines and the checksums. A date is there when its manifest is. What comes late
for a date that was published goes there as a further numbered file; nothing that is
there ever changes. A date without a line is published too, so that others know.

It refuses while the logs hold lines that are not committed: with a daemon it waits for
these first. Killed at any instant, the next run goes on with the same bytes; with
nothing to do it does nothing. Losses that are open go along.`,
		Example: "  pixledger publish",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			if cfg.Publish == nil {
				return errors.New("this machine does not publish: the configuration has no publish; allowed: publish: {to: …, edge: NAME}, see docs/edges.md")
			}
			l, err := lake.OpenOrCreate(cfg.Lake, a.now())
			if err != nil {
				return err
			}
			unlock, err := l.Lock(c.Context(), publish.LockName, "pixledger publish", a.wait)
			if err != nil {
				return err
			}
			defer unlock()
			if err := a.awaitMarks(c.Context(), &setup{cfg: cfg}, l); err != nil {
				return err
			}
			state, err := l.State()
			if err != nil {
				return err
			}
			store, err := a.openShared(c.Context(), cfg.Publish.To)
			if err != nil {
				return err
			}
			defer store.Close()
			debug.FreeOSMemory() // what the records took is DuckDB's now
			bar, told := a.newProgress("publish:", rowProgress), false
			o := a.publishOptions(cfg, l, state)
			o.Store = store
			o.Session = lakedb.Options{
				Memory: byteSize(cfg.Limits.Memory), Threads: cfg.Limits.Threads,
				TempDir: cfg.tempDir(), TempSize: byteSize(cfg.Limits.TempSize), Now: a.now(),
			}
			o.Progress = func(done, total int64) { bar.set("dates", done, total) }
			o.Tell = func(m *published.Manifest) {
				told = true
				fmt.Fprintln(a.stdout, "published "+partText(m))
			}
			erased := 0
			o.Erased = func(string) { erased++ }
			err = publish.Run(c.Context(), o)
			bar.done()
			if err != nil {
				return err
			}
			if erased > 0 {
				fmt.Fprintf(a.stdout, "erased in %s of the shared lake who was forgotten here\n", count(erased, "file"))
			} else if !told {
				fmt.Fprintln(a.stdout, "nothing to publish")
			}
			return nil
		},
	}
}

// partText says what a part holds: "edge-a 2026-11-10: 120 events, 1 reject of 130
// lines".
func partText(m *published.Manifest) string {
	var rejects int64
	for _, f := range m.Files {
		if m.LakeFolder(f) == lake.DateFolder(schemas.Rejects, m.Date) {
			rejects += f.Rows
		}
	}
	text := fmt.Sprintf("%s %s: %s of %s, %s", m.Edge, m.Date, count(int(lake.Sum(m.Account.Events)), "event"), count(int(m.Account.Lines()), "line"), count(int(rejects), "reject"))
	if m.Number > 1 {
		text += fmt.Sprintf(", late (number %d)", m.Number)
	}
	for _, g := range m.Gaps {
		text += "; with the gap " + g.ID
	}
	return text
}
