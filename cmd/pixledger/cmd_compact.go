package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"strconv"

	"github.com/spf13/cobra"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/compact"
	"pixledger/schemas/lakedb/rewrite"
)

func (a *app) compactCommand() *cobra.Command {
	var date string
	var dry bool
	c := &cobra.Command{
		Use:   "compact",
		Short: "Merge the small files that ingestion leaves",
		Long: `Merges small files of events and rejects, so that the lake stays as fast as it was
on its first day. The folders of a UTC date that is over for 24 hours become files of
about 128 MiB, sorted by user and time. In a folder of a younger date some files are
merged when it holds more than 64. Readers and ingestion go on meanwhile. The rows
are compared before anything is published: they are the same.`,
		Example: "  pixledger compact\n  pixledger compact --dry-run\n  pixledger compact --date 2026-11-12",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if date != "" || c.Flags().Changed("date") {
				if _, err := schemas.ParseDay(date); err != nil {
					return usagef("compact: --date: %v", err)
				}
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			if dry {
				return a.printDue(cfg, date)
			}
			l, err := lake.OpenOrCreate(cfg.Lake, a.now())
			if err != nil {
				return err
			}
			debug.FreeOSMemory() // what the records took is DuckDB's now
			bar := a.newProgress("compact:", byteProgress)
			sum, err := compact.Run(c.Context(), compact.Options{
				Lake: l, Now: a.now(), Date: date, Wait: a.wait, Holder: "pixledger compact",
				Session: lakedb.Options{
					Memory: byteSize(cfg.Limits.Memory), Threads: cfg.Limits.Threads,
					TempDir: cfg.tempDir(), TempSize: byteSize(cfg.Limits.TempSize), Now: a.now(),
				},
				Progress: func(done, total int64) { bar.set("merging", done, total) },
				Folder:   func(f rewrite.Rewritten) { printCompacted(a.stdout, f) },
			})
			bar.done()
			if err != nil {
				return err
			}
			if len(sum.Folders) == 0 {
				fmt.Fprintln(a.stdout, "nothing to compact")
				return nil
			}
			fmt.Fprintf(a.stdout, "%s: %s became %s, %s became %s\n", count(len(sum.Folders), "folder"),
				count(sum.FilesBefore, "file"), strconv.Itoa(sum.FilesAfter), count(int(sum.BytesBefore), "byte"), strconv.FormatInt(sum.BytesAfter, 10))
			return nil
		},
	}
	c.Flags().StringVar(&date, "date", "", "of the folders of this UTC date alone: YYYY-MM-DD")
	c.Flags().BoolVar(&dry, "dry-run", false, "say what is due, and change nothing")
	return c
}

// printDue says what a compaction would do now.
func (a *app) printDue(cfg *Config, date string) error {
	l, err := lake.Open(cfg.Lake)
	if err != nil {
		return err
	}
	state, err := l.State()
	if err != nil {
		return err
	}
	due := compact.DueOf(state, a.now(), date)
	if len(due) == 0 {
		fmt.Fprintln(a.stdout, "nothing to compact")
		return nil
	}
	for _, d := range due {
		fmt.Fprintf(a.stdout, "%s: %s of %d, %s\n", d.Path, count(len(d.Files), "file"), len(state.Folder(d.Path)), count(int(d.Bytes()), "byte"))
	}
	return nil
}

func printCompacted(w io.Writer, f rewrite.Rewritten) {
	fmt.Fprintf(w, "%s: %s became %d, %s became %d", f.Path, count(f.FilesBefore, "file"), f.FilesAfter, count(int(f.BytesBefore), "byte"), f.BytesAfter)
	if f.Kept > 0 {
		fmt.Fprintf(w, "; %d stay", f.Kept)
	}
	fmt.Fprintln(w)
}
