package main

import (
	"io"

	"github.com/spf13/cobra"

	"pixledger/ingest/tag"
	"pixledger/report"
	"pixledger/schemas"
	"pixledger/schemas/lakedb"
)

func (a *app) segmentCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "segment",
		Short:   "Segments: tags to paste, and who is in them",
		Example: "  pixledger segment export 45962\n  pixledger segment export --members 45962 -o converters.csv",
		RunE:    needSubcommand,
	}
	c.AddCommand(a.segmentExportCommand())
	return c
}

func (a *app) segmentExportCommand() *cobra.Command {
	var o tag.SegmentOptions
	var members bool
	var format, out string
	c := &cobra.Command{
		Use:   "export ID…",
		Short: "Print segment pixels to paste, or who is in the segments",
		Long: `Prints the tags of segment pixels, by default secure images: whoever loads one is
put into the segment. Segments are given by id or by code.

` + tagLong + `

--members writes who is in the segments now instead: segment_id, user_id, added_at,
expires_at (empty: never) and value, in the formats of reports, sorted by segment and
user. --now gives the list of another moment. User ids are personal data.`,
		Example: "  pixledger segment export 45962\n  pixledger segment export --js converters\n" +
			"  pixledger segment export --members --format ndjson -o converters.ndjson converters",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if members {
				for _, alone := range []string{"js", "host"} {
					if c.Flags().Changed(alone) {
						return usagef("segment export: --members and --%s are given; allowed: --members without it", alone)
					}
				}
				f, err := a.outputFormat(format, out)
				if err != nil {
					return err
				}
				return a.exportMembers(c, args, out, f)
			}
			for _, ofMembers := range []string{"format", "output"} {
				if c.Flags().Changed(ofMembers) {
					return usagef("segment export: --%s is given without --members; allowed: both, as tags are text", ofMembers)
				}
			}
			s, host, err := a.tagSetup(c, o.Host)
			if err != nil {
				return err
			}
			o.Host = host
			segments, err := findSegments(s.catalog, args)
			if err != nil {
				return reasons("segment export", err)
			}
			var tags []*tag.Tag
			for _, x := range segments {
				tags = append(tags, tag.Segment(x, o))
			}
			return a.printTags(tags, nil)
		},
	}
	fl := c.Flags()
	fl.SortFlags = false
	fl.BoolVar(&o.JS, "js", false, "a script instead of an image")
	fl.StringVar(&o.Host, "host", "", "the edge's name (default edge.host of the configuration)")
	fl.BoolVar(&members, "members", false, "write who is in the segments instead of tags")
	fl.StringVar(&format, "format", "", "of --members: "+formatHelp())
	fl.StringVarP(&out, "output", "o", "", "of --members: write to a file, in one step")
	return c
}

// exportMembers writes who is in segments.
func (a *app) exportMembers(c *cobra.Command, asked []string, out string, f report.Format) error {
	s, err := a.setupToRead("")
	if err != nil {
		return err
	}
	segments, err := findSegments(s.catalog, asked)
	if err != nil {
		return reasons("segment export", err)
	}
	return a.answer(c.Context(), s, out, func(db *lakedb.DB, w io.Writer) error {
		return report.SegmentMembers(c.Context(), db, segmentIDs(segments), w, f)
	})
}

func segmentIDs(segments []*schemas.Segment) []int64 {
	ids := make([]int64, len(segments))
	for i, s := range segments {
		ids[i] = s.ID
	}
	return ids
}
