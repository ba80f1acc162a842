package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pixledger/schemas"
	"pixledger/schemas/catalogedit"
)

func (a *app) pixelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "pixel",
		Short:   "Conversion pixels: list, create, change, tags to paste, and how they do",
		Example: "  pixledger pixel list\n  pixledger pixel create --name Checkout --advertiser-id 7\n  pixledger pixel export --order-id --value 9012\n  pixledger pixel status 9012",
		RunE:    needSubcommand,
	}
	c.AddCommand(a.pixelListCommand(), a.pixelShowCommand(), a.pixelCreateCommand(), a.pixelSetCommand(), a.pixelExportCommand(), a.pixelStatusCommand())
	return c
}

// pixelFlags are what create and set have in common, as given.
type pixelFlags struct {
	name, advertiser, code, trigger, view, click, repeat, unique, category string
}

func (p *pixelFlags) add(fl *pflag.FlagSet) {
	fl.StringVar(&p.name, "name", "", "its name")
	fl.StringVar(&p.advertiser, "advertiser-id", "", "whose pixel it is")
	fl.StringVar(&p.code, "code", "", "its code: code= in its URL, beside member=")
	fl.StringVar(&p.trigger, "trigger-type", "", "which touches earn a conversion: view, click, or hybrid, a click first")
	fl.StringVar(&p.view, "post-view-expire-mins", "", "how long after a view a conversion counts; 0 or null: the maximum, 43200")
	fl.StringVar(&p.click, "post-click-expire-mins", "", "how long after a click a conversion counts; 0 or null: the maximum, 129600")
	fl.StringVar(&p.repeat, "min-minutes-per-conv", "", "repeat conversions: null one per user, 0 all, else minutes apart")
	fl.StringVar(&p.unique, "unique-order-id", "", "whether an order id is attributed once only: true or false")
	fl.StringVar(&p.category, "event-category", "", "what a conversion means, such as purchase; null: nothing")
}

// settingKeys are the keys that decide attribution, which have a history.
var settingKeys = []string{"trigger_type", "post_view_expire_mins", "post_click_expire_mins", "min_minutes_per_conv", "unique_order_id"}

var eventCategories = []string{"landing_page", "item_view", "add_to_cart", "initiate_checkout", "add_payment_info", "purchase", "lead"}

// fields gives the keys and values that were given, in the catalog's order. What
// can't be is a mistake of usage.
func (p *pixelFlags) fields(command string, fl *pflag.FlagSet) (catalogedit.Fields, error) {
	var out catalogedit.Fields
	for _, x := range []struct {
		flag, text string
		read       func(string) (any, string)
	}{
		{"advertiser-id", p.advertiser, readID},
		{"name", p.name, readName},
		{"code", p.code, readCode},
		{"trigger-type", p.trigger, oneText("view", "click", "hybrid")},
		{"post-view-expire-mins", p.view, minutes(schemas.MaxViewMinutes, "0 and null are the maximum")},
		{"post-click-expire-mins", p.click, minutes(schemas.MaxClickMinutes, "0 and null are the maximum")},
		{"min-minutes-per-conv", p.repeat, minutes(schemas.MaxRepeatMinutes, "null is one per user, 0 all")},
		{"unique-order-id", p.unique, readBool},
		{"event-category", p.category, readCategory},
	} {
		if !fl.Changed(x.flag) {
			continue
		}
		v, allowed := x.read(x.text)
		if allowed != "" {
			return nil, usagef("%s: --%s is %q; allowed: %s", command, x.flag, x.text, allowed)
		}
		out = append(out, catalogedit.Field{Key: strings.ReplaceAll(x.flag, "-", "_"), Value: v})
	}
	return out, nil
}

func readID(s string) (any, string) {
	if id, err := strconv.ParseInt(s, 10, 64); err == nil && id > 0 {
		return id, ""
	}
	return nil, "an id, a whole number from 1"
}

func readName(s string) (any, string) {
	if strings.TrimSpace(s) == "" || !onOneLine(s) {
		return nil, "text on one line"
	}
	return s, ""
}

func readCode(s string) (any, string) {
	if !onOneLine(s) {
		return nil, "text on one line; nothing, for no code"
	}
	if s == "" {
		return nil, ""
	}
	return s, ""
}

func onOneLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}

func oneText(allowed ...string) func(string) (any, string) {
	return func(s string) (any, string) {
		if slices.Contains(allowed, s) {
			return s, ""
		}
		return nil, strings.Join(allowed, ", ")
	}
}

func readCategory(s string) (any, string) {
	if s == "null" {
		return nil, ""
	}
	v, allowed := oneText(eventCategories...)(s)
	if allowed != "" {
		allowed += ", null"
	}
	return v, allowed
}

func readBool(s string) (any, string) {
	if s == "true" || s == "false" {
		return s == "true", ""
	}
	return nil, "true, false"
}

func minutes(most int64, what string) func(string) (any, string) {
	return func(s string) (any, string) {
		if s == "null" {
			return nil, ""
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 || n > most {
			return nil, fmt.Sprintf("minutes from 0 to %d, or null; %s", most, what)
		}
		return n, ""
	}
}

func (a *app) pixelCreateCommand() *cobra.Command {
	var p pixelFlags
	var idText string
	c := &cobra.Command{
		Use:   "create",
		Short: "Add a conversion pixel to the catalog",
		Long: `Adds a conversion pixel to the catalog's file, whose comments and order stay, and
prints its id: the largest one in the file and 1, unless --id names another. What
is left out has the defaults that the catalog's documentation names. It earns
nothing until it is attached to a line item.`,
		Example: "  pixledger pixel create --name Checkout --advertiser-id 7\n" +
			"  pixledger pixel create --name Newsletter --advertiser-id 7 --code news --trigger-type click --post-click-expire-mins 10080 --event-category lead",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, needed := range [][2]string{{"name", "text"}, {"advertiser-id", "the id of an advertiser"}} {
				if !c.Flags().Changed(needed[0]) {
					return usagef("pixel create: --%s is missing; allowed: %s", needed[0], needed[1])
				}
			}
			given, err := p.fields("pixel create", c.Flags())
			if err != nil {
				return err
			}
			var id int64
			if c.Flags().Changed("id") {
				if id, err = idFlag("pixel create", "id", idText); err != nil {
					return err
				}
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			created := id
			r, err := catalogedit.Update(cfg.Catalog, false, func(f *catalogedit.File) error {
				if created, err = newPixelID(f.Catalog(), id); err != nil {
					return err
				}
				if err := checkPixelKeys(f.Catalog(), created, given); err != nil {
					return err
				}
				fields := catalogedit.Fields{{Key: "id", Value: created}}
				for _, x := range given {
					if x.Value != nil || slices.Contains(settingKeys, x.Key) {
						fields = append(fields, x)
					}
				}
				f.Append("pixels", fmt.Sprintf("pixel %d created", created), fields)
				return nil
			})
			if err != nil {
				return err
			}
			fmt.Fprintln(a.stdout, created)
			a.logChanges(cfg.Catalog, r)
			a.sayWhatIsLeft(r.Catalog, created)
			return nil
		},
	}
	p.add(c.Flags())
	c.Flags().StringVar(&idText, "id", "", "its id (default: the largest one and 1)")
	return c
}

func newPixelID(c *schemas.Catalog, wanted int64) (int64, error) {
	if wanted != 0 {
		if p := c.Pixel(wanted); p != nil {
			return 0, fmt.Errorf("pixel %d is there already: %s; allowed: an id that no pixel has", wanted, p.Name)
		}
		return wanted, nil
	}
	var largest int64
	for i := range c.Pixels {
		largest = max(largest, c.Pixels[i].ID)
	}
	if largest == math.MaxInt64 {
		return 0, fmt.Errorf("a pixel has the largest id there is; allowed: --id with one that no pixel has")
	}
	return largest + 1, nil
}

// checkPixelKeys refuses what the catalog has no place for.
func checkPixelKeys(c *schemas.Catalog, id int64, given catalogedit.Fields) error {
	for _, x := range given {
		switch {
		case x.Key == "advertiser_id" && c.Advertiser(x.Value.(int64)) == nil:
			return notInCatalog("advertiser", fmt.Sprint(x.Value), c.Advertisers, func(a *schemas.Advertiser) entry { return entry{a.ID, a.Name, a.Code} })
		case x.Key == "code" && x.Value != nil:
			if p := c.PixelByCode(x.Value.(string), c.MemberID); p != nil && p.ID != id {
				return fmt.Errorf("the code %s is pixel %d's: %s; allowed: one that no pixel has", x.Value, p.ID, p.Name)
			}
		}
	}
	return nil
}

// changeLines gives a line for each change of the catalog's file, with its place.
func changeLines(file string, r *catalogedit.Result) []string {
	out := make([]string, len(r.Changes))
	for i, c := range r.Changes {
		out[i] = fmt.Sprintf("%s:%d: %s", file, c.Line, c.What)
	}
	return out
}

func (a *app) logChanges(file string, r *catalogedit.Result) {
	for _, line := range changeLines(file, r) {
		a.logf("%s", line)
	}
}

// sayWhatIsLeft tells what a new pixel needs before it earns anything.
func (a *app) sayWhatIsLeft(c *schemas.Catalog, id int64) {
	p := c.Pixel(id)
	var items []string
	for i := range c.LineItems {
		if l := &c.LineItems[i]; l.AdvertiserID == p.AdvertiserID {
			items = append(items, fmt.Sprintf("%d (%s)", l.ID, l.Name))
		}
	}
	if len(items) > 5 {
		items = append(items[:5], "…")
	}
	a.logf(`to do: attach it to a line item of advertiser %d: %s. Below its "pixels:",
with what a conversion earns in the place of AMOUNT:
      - pixel_id: %d
        rates:
          - {from: %s, post_click_revenue: "AMOUNT", post_view_revenue: "AMOUNT"}
then put its tag on the page: pixledger pixel export %d`,
		p.AdvertiserID, cmp.Or(strings.Join(items, ", "), "it has none yet"), id, a.now().Format("2006-01-02")+"T00:00:00Z", id)
}
