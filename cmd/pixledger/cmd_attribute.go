package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"pixledger/attribute"
	"pixledger/schemas/lake"
)

func (a *app) attributeCommand() *cobra.Command {
	var catalog, engine string
	c := &cobra.Command{
		Use:   "attribute",
		Short: "Decide now which touch earned each conversion",
		Long: `Decides for every conversion which impression or click earned it, inside the
lookback windows of its pixel, and publishes the days whose decisions changed in
one commit. Running it again with nothing new changes nothing. --engine spark lets
a Spark cluster match the touches, as spark in the configuration says; the result
is the same.`,
		Example: "  pixledger attribute\n  pixledger attribute --engine spark\n  pixledger attribute --now 2026-11-13T06:00:00Z",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkEngine(engine); err != nil {
				return err
			}
			s, err := a.setupWith(catalog)
			if err != nil {
				return err
			}
			s.cfg.Engine = cmp.Or(engine, s.cfg.Engine)
			l, err := lake.OpenOrCreate(s.cfg.Lake, a.now())
			if err != nil {
				return err
			}
			// The file that was read is kept under its digest, so that what it
			// decided can be explained later.
			if _, err := l.KeepCatalog(s.catalog.Content()); err != nil {
				return err
			}
			bar := a.newProgress("attribute:", rowProgress)
			o := attributeOptions(a, s, l)
			o.Progress = func(step attribute.Step, done, total int64) { bar.set(string(step), done, total) }
			sum, err := attribute.Run(c.Context(), o)
			bar.done()
			if err != nil {
				return err
			}
			printAttribute(a.stdout, &sum)
			return nil
		},
	}
	c.Flags().StringVar(&catalog, "catalog", "", "attribute by this catalog instead of the configured one")
	c.Flags().StringVar(&engine, "engine", "", "what matches touches: duckdb or spark (default: as configured)")
	return c
}

// checkEngine refuses what is no engine; empty is the configured one.
func checkEngine(flag string) error {
	if flag == "" || flag == engineDuckDB || flag == engineSpark {
		return nil
	}
	return usagef("--engine is %q; allowed: %s or %s", flag, engineDuckDB, engineSpark)
}

func attributeOptions(a *app, s *setup, l *lake.Lake) attribute.Options {
	// A large catalog leaves more memory behind than the rest of this process
	// needs; DuckDB has better use for it.
	debug.FreeOSMemory()
	var spark *attribute.Spark
	if s.cfg.Engine == engineSpark {
		spark = new(attribute.Spark(s.cfg.Spark))
	}
	return attribute.Options{
		Lake: l, Catalog: s.catalog, Now: a.now(),
		Memory: byteSize(s.cfg.Limits.Memory), Threads: s.cfg.Limits.Threads,
		TempDir: s.cfg.tempDir(), TempSize: byteSize(s.cfg.Limits.TempSize),
		Spark: spark, Wait: a.wait, Holder: "pixledger attribute",
	}
}

func printAttribute(w io.Writer, s *attribute.Summary) {
	fmt.Fprintf(w, "%d conversions: %d attributed (%d post-click, %d post-view)\n", s.Conversions, s.Attributed, s.PostClick, s.PostView)
	for _, reason := range slices.Sorted(maps.Keys(s.Reasons)) {
		fmt.Fprintf(w, "  not attributed: %-16s %d\n", reason, s.Reasons[reason])
	}
	for _, currency := range slices.Sorted(maps.Keys(s.Revenue)) {
		fmt.Fprintf(w, "  booked revenue: %s %s\n", s.Revenue[currency].Short(), currency)
	}
	if s.RateMissing > 0 {
		fmt.Fprintf(w, "  without a rate in force, so 0: %d\n", s.RateMissing)
	}
	if len(s.Days) == 0 {
		fmt.Fprintln(w, "nothing changed")
		return
	}
	days := s.Days[0]
	if len(s.Days) > 1 {
		days += " to " + s.Days[len(s.Days)-1]
	}
	fmt.Fprintf(w, "changed: %s, %s\n", count(len(s.Days), "day"), days)
}
