package main

import (
	"github.com/spf13/cobra"

	"pixledger/ingest/tag"
	"pixledger/schemas"
)

func (a *app) trackerCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "tracker",
		Short:   "Impression and click trackers: tags to paste",
		Example: "  pixledger tracker export --cachebuster 2766 21378",
		RunE:    needSubcommand,
	}
	c.AddCommand(a.trackerExportCommand())
	return c
}

func (a *app) trackerExportCommand() *cobra.Command {
	var o tag.TrackerOptions
	c := &cobra.Command{
		Use:   "export ID…",
		Short: "Print trackers to paste",
		Long: `Prints what is loaded with an ad that another server serves: of an impression
tracker an image tag, or with --js a script; of a click tracker the URL that the
ad's link leads to, which counts the click and leads on to the landing page.

--cachebuster, --ancost and --redir put macros into them, which the ad server
replaces: [CACHEBUSTER], a new number each time; [ANCOST], what the touch costs;
[REDIRECT_URL], where to go on to. The last takes everything to the end.

` + tagLong,
		Example: "  pixledger tracker export 2766 21378\n  pixledger tracker export --js --cachebuster --ancost 2766",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ids, err := idArgs("tracker export", args)
			if err != nil {
				return err
			}
			s, host, err := a.tagSetup(c, o.Host)
			if err != nil {
				return err
			}
			o.Host = host
			trackers, err := findAll("tracker", s.catalog.Trackers, trackerEntry(s.catalog), ids)
			if err != nil {
				return reasons("tracker export", err)
			}
			var tags []*tag.Tag
			for _, x := range trackers {
				tags = append(tags, tag.Tracker(s.catalog, x, o))
			}
			return a.printTags(tags, nil)
		},
	}
	fl := c.Flags()
	fl.SortFlags = false
	fl.BoolVar(&o.JS, "js", false, "a script instead of an image")
	fl.BoolVar(&o.HTTP, "http", false, "not secure")
	fl.BoolVar(&o.Cachebuster, "cachebuster", false, "a number that differs: cachebuster=[CACHEBUSTER]")
	fl.BoolVar(&o.AnCost, "ancost", false, "the media cost: ancost=[ANCOST]")
	fl.BoolVar(&o.Redir, "redir", false, "where to go on to: redir=[REDIRECT_URL]")
	fl.StringVar(&o.Host, "host", "", "the edge's name (default edge.host of the configuration)")
	return c
}

// trackerEntry names a tracker by its kind and creative.
func trackerEntry(cat *schemas.Catalog) func(*schemas.Tracker) entry {
	return func(x *schemas.Tracker) entry {
		name := string(x.Kind)
		if r := cat.Creative(x.CreativeID); r != nil && r.Name != "" {
			name += ", " + r.Name
		}
		return entry{id: x.ID, name: name}
	}
}
