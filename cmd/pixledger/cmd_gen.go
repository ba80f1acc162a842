package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"pixledger/ingest/parse"
	"pixledger/ingest/synth"
	"pixledger/schemas/disk"
)

func (a *app) genCommand() *cobra.Command {
	o := synth.Options{}
	var out, start, catalog string
	var days int
	var planted bool
	c := &cobra.Command{
		Use:   "gen",
		Short: "Write realistic synthetic logs, seeded, of any size",
		Long: `Writes an access log as the edge of a believable network would: many impressions,
fewer clicks, some conversions, people who come back, robots, opt-outs, broken
lines. The same flags give the same bytes on any machine. With --init-catalog the
catalog of its built-in network is written beside it, so that the log can be
attributed. Where a format carries no cookies the user id is the parameter uid, and
where it has no field of its own for it the cookie uid. An output that ends in .gz
or .zst is compressed.

--planted writes another, small log: a week of a network in which fraud of every
kind that report suspicious_traffic finds is planted, among people who are busy
and none.`,
		Example: "  pixledger gen --lines 1000000 -o pixel.log --init-catalog catalog.yaml\n  pixledger gen --seed 7 --start 2026-11-01T00:00:00Z --days 30 --format combined -o access.log.gz",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkFormat(o.Format); err != nil {
				return err
			}
			for _, name := range []string{"lines", "days", "users"} {
				if f := c.Flags().Lookup(name); f.Changed && (strings.HasPrefix(f.Value.String(), "-") || f.Value.String() == "0") {
					return usagef("gen: --%s is %s; allowed: 1 or more", name, f.Value)
				}
			}
			t, err := time.Parse(time.RFC3339Nano, start)
			if err != nil {
				return usagef("--start: %q is no time; allowed: RFC 3339, such as 2026-11-01T00:00:00Z", start)
			}
			o.Start = t.UTC()
			if planted {
				if f := firstChanged(c, "lines", "days", "users", "format", "seed"); f != "" {
					return usagef("gen: --planted and --%s are given; allowed: --planted with --start, --output and --init-catalog", f)
				}
				return a.genPlanted(o.Start, out, catalog)
			}
			if days > 0 {
				o.End = o.Start.AddDate(0, 0, days)
			}
			if catalog != "" {
				if err := writeSynthCatalog(catalog, synth.DefaultCatalog()); err != nil {
					return err
				}
			}
			bar := a.newProgress("writing", rowProgress)
			o.Progress = func(n int64) { bar.set("lines", n, o.Lines) }
			var sum synth.Summary
			err = a.writeOut(out, func(w io.Writer) error {
				return compressed(w, out, func(w io.Writer) error {
					b := bufio.NewWriterSize(w, 1<<20)
					s, err := synth.Write(b, o)
					sum = s
					if err == nil {
						err = b.Flush()
					}
					return err
				})
			})
			bar.done()
			if err != nil {
				return err
			}
			a.logf("%d lines from %s to %s: %d impressions, %d clicks, %d conversions, %d segment events", sum.Lines,
				stamp(&sum.First), stamp(&sum.Last), sum.Impressions, sum.Clicks, sum.Conversions, sum.Segments)
			return nil
		},
	}
	f := c.Flags()
	f.Uint64Var(&o.Seed, "seed", 1, "another seed is another log")
	f.Int64Var(&o.Lines, "lines", 0, "how many lines (default: what its days give)")
	f.StringVar(&start, "start", "2026-11-01T00:00:00Z", "when the log begins, RFC 3339")
	f.IntVar(&days, "days", 0, "how many days it spans (default: what its lines need)")
	f.IntVar(&o.Users, "users", 0, "how many people (default: one for 25 lines)")
	f.StringVar(&o.Format, "format", synth.Pixledger, "the log format: "+parse.AllowedFormats())
	f.StringVarP(&out, "output", "o", "", "write to a file, in one step")
	f.BoolVar(&planted, "planted", false, "write the small log with planted fraud")
	f.StringVar(&catalog, "init-catalog", "", "write the network's catalog to this file, which must not exist")
	return c
}

// firstChanged gives the first of the flags that was given; none: nothing.
func firstChanged(c *cobra.Command, names ...string) string {
	for _, name := range names {
		if c.Flags().Changed(name) {
			return name
		}
	}
	return ""
}

// genPlanted writes the log with planted fraud, and its catalog.
func (a *app) genPlanted(begin time.Time, out, catalog string) error {
	if catalog != "" {
		if err := writeSynthCatalog(catalog, synth.PlantedCatalog()); err != nil {
			return err
		}
	}
	var sum synth.Summary
	err := a.writeOut(out, func(w io.Writer) error {
		return compressed(w, out, func(w io.Writer) (err error) {
			sum, err = synth.Planted(w, begin)
			return err
		})
	})
	if err != nil {
		return err
	}
	a.logf("%d lines from %s to %s: %d impressions, %d clicks, %d conversions", sum.Lines, stamp(&sum.First), stamp(&sum.Last), sum.Impressions, sum.Clicks, sum.Conversions)
	return nil
}

// compressed writes through the compression that a file's name asks for.
func compressed(w io.Writer, name string, write func(io.Writer) error) error {
	var c io.WriteCloser
	switch {
	case strings.HasSuffix(name, ".gz"):
		c = gzip.NewWriter(w)
	case strings.HasSuffix(name, ".zst"):
		z, err := zstd.NewWriter(w)
		if err != nil {
			return err
		}
		c = z
	default:
		return write(w)
	}
	if err := write(c); err != nil {
		return err
	}
	return c.Close()
}

func writeSynthCatalog(path string, content []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: is there already; nothing was written", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return disk.Real.Publish(path, 0o644, content)
}
