package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pixledger/ingest/tag"
	"pixledger/schemas"
)

func (a *app) pixelExportCommand() *cobra.Command {
	var o tag.PixelOptions
	var add, remove []string
	c := &cobra.Command{
		Use:   "export ID…",
		Short: "Print conversion pixels to paste",
		Long: `Prints the tags of conversion pixels, by default secure images: what the
advertiser pastes into the page that is a conversion. --order-id, --value, --other
and --redir put macros into them, which the page replaces with its own values,
percent-encoded: [ORDER_ID], [REVENUE], [OTHER], [REDIRECT_URL]. A macro that nobody
replaces counts as absent.

--server-side prints the URL that the advertiser's server calls instead, with the
token that came with the click in the place of [SSPDATA].

--add and --remove put whoever converts into segments of the catalog, and out of
them, in the same call; segments are given by id or by code.

` + tagLong,
		Example: "  pixledger pixel export 9012\n  pixledger pixel export --js --order-id --value 9012 9013\n" +
			"  pixledger pixel export --add 45962 --remove carts 9012\n  pixledger pixel export --server-side --order-id 9012",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ids, err := idArgs("pixel export", args)
			if err != nil {
				return err
			}
			if err := checkSegmentLists(c.Flags(), map[string][]string{"add": add, "remove": remove}); err != nil {
				return err
			}
			s, host, err := a.tagSetup(c, o.Host)
			if err != nil {
				return err
			}
			o.Host = host
			pixels, unknown := findAll("pixel", s.catalog.Pixels, pixelEntry, ids)
			var notAdded, notRemoved error
			o.Add, notAdded = findSegments(s.catalog, add)
			o.Remove, notRemoved = findSegments(s.catalog, remove)
			wrong := []error{unknown, notAdded, notRemoved}
			var tags []*tag.Tag
			var warnings []string
			for _, p := range pixels {
				t, err := tag.Pixel(s.catalog, p, o)
				if err != nil {
					wrong = append(wrong, err)
					continue
				}
				tags = append(tags, t)
				warnings = append(warnings, pausedWarning(s.catalog, p, a.now())...)
			}
			if err := errors.Join(wrong...); err != nil {
				return reasons("pixel export", err)
			}
			return a.printTags(tags, warnings)
		},
	}
	fl := c.Flags()
	fl.SortFlags = false
	fl.BoolVar(&o.JS, "js", false, "a script instead of an image; several piggybacks need it")
	fl.BoolVar(&o.HTTP, "http", false, "not secure, for pages without https")
	fl.BoolVar(&o.Codes, "codes", false, "the codes of pixel and segments, and the member, instead of ids")
	fl.BoolVar(&o.ServerSide, "server-side", false, "the URL that a server calls")
	fl.StringSliceVar(&add, "add", nil, "segments to put the user into: ids or codes, comma-separated")
	fl.StringSliceVar(&remove, "remove", nil, "segments to take the user out of")
	fl.BoolVar(&o.OrderID, "order-id", false, "the order's id: order_id=[ORDER_ID]")
	fl.BoolVar(&o.Value, "value", false, "what the order is worth: value=[REVENUE]")
	fl.BoolVar(&o.Other, "other", false, "any text: other=[OTHER]")
	fl.BoolVar(&o.Redir, "redir", false, "where the edge leads on to: redir=[REDIRECT_URL]")
	fl.StringVar(&o.Host, "host", "", "the edge's name (default edge.host of the configuration)")
	return c
}

func pixelEntry(p *schemas.Pixel) entry { return entry{p.ID, p.Name, p.Code} }

func segmentEntry(s *schemas.Segment) entry { return entry{s.ID, s.Name, s.Code} }

// checkSegmentLists refuses a list that is given and names nothing, as where a
// script's variable is empty: the tag would be another one than was meant.
func checkSegmentLists(fl *pflag.FlagSet, lists map[string][]string) error {
	for _, name := range []string{"add", "remove"} {
		if list := lists[name]; fl.Changed(name) && (len(list) == 0 || slices.Contains(list, "")) {
			return usagef("pixel export: --%s is %q; allowed: ids or codes of segments, comma-separated", name, strings.Join(list, ","))
		}
	}
	return nil
}

// findSegments finds segments by id or code, each once.
func findSegments(cat *schemas.Catalog, asked []string) ([]*schemas.Segment, error) {
	var out []*schemas.Segment
	var missing []error
	seen := map[int64]bool{}
	for _, text := range asked {
		s := findSegment(cat, text)
		switch {
		case s == nil:
			missing = append(missing, notInCatalog("segment", text, cat.Segments, segmentEntry))
		case !seen[s.ID]:
			seen[s.ID] = true
			out = append(out, s)
		}
	}
	return out, errors.Join(missing...)
}

// findSegment finds a segment by its id, else by its code; nil where there is none.
func findSegment(cat *schemas.Catalog, text string) *schemas.Segment {
	if id, err := strconv.ParseInt(text, 10, 64); err == nil {
		if s := cat.Segment(id); s != nil {
			return s
		}
	}
	for i := range cat.Segments {
		if s := &cat.Segments[i]; s.Code != "" && s.Code == text {
			return s
		}
	}
	return nil
}

// pausedWarning warns of a pixel whose conversions are not attributed now.
func pausedWarning(cat *schemas.Catalog, p *schemas.Pixel, now time.Time) []string {
	if status, why := cat.PixelStatusAt(p, now); status == schemas.PixelPaused {
		return []string{fmt.Sprintf("pixel %d is Paused, nothing will be attributed: %s", p.ID, why)}
	}
	return nil
}

// reasons gives several reasons as one failure: the second and further ones stand
// on lines of their own.
func reasons(command string, err error) error {
	return errors.New(command + ": " + strings.ReplaceAll(err.Error(), "\n", "\npixledger: "+command+": "))
}
