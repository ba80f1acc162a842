package main

import (
	"github.com/spf13/cobra"

	"pixledger/ingest/tag"
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
	c := &cobra.Command{
		Use:   "export ID…",
		Short: "Print segment pixels to paste",
		Long: `Prints the tags of segment pixels, by default secure images: whoever loads one is
put into the segment. Segments are given by id or by code.

` + tagLong,
		Example: "  pixledger segment export 45962\n  pixledger segment export --js converters",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkTagHost(c, o.Host); err != nil {
				return err
			}
			s, err := a.setup()
			if err != nil {
				return err
			}
			segments, err := findSegments(s.catalog, args)
			if err != nil {
				return lines("segment export", err)
			}
			if o.Host, err = a.tagHost("segment export", o.Host, s.cfg); err != nil {
				return err
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
	return c
}
