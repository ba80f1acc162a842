package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pixledger/schemas"
	"pixledger/schemas/catalogedit"
)

func (a *app) pixelSetCommand() *cobra.Command {
	var p pixelFlags
	var from string
	var inactive, active bool
	c := &cobra.Command{
		Use:   "set ID",
		Short: "Change a conversion pixel in the catalog",
		Long: `Changes a conversion pixel in the catalog's file, whose comments and order stay,
and prints what has changed and where.

What decides attribution (trigger type, windows, repeats, unique order ids) holds
from now on: it becomes an entry of the pixel's settings, or one from --from on.
With --from always the pixel's own key is changed: then conversions of the past
are decided anew, and those of closed days adjusted with the next close.

--inactive ends the pixel now, or at --from; --active takes that back.`,
		Example: "  pixledger pixel set 9012 --post-click-expire-mins 10080\n  pixledger pixel set 9012 --trigger-type click --from 2026-12-01T00:00:00Z\n  pixledger pixel set 9012 --inactive",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ids, err := idArgs("pixel set", args)
			if err != nil {
				return err
			}
			given, err := p.fields("pixel set", c.Flags())
			if err != nil {
				return err
			}
			s := &pixelChange{id: ids[0], given: given, inactive: inactive, active: active, now: a.now().Truncate(time.Second)}
			if err := s.readFrom(c.Flags().Changed("from"), from); err != nil {
				return err
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			r, err := catalogedit.Update(cfg.Catalog, false, s.edit)
			if err != nil {
				return err
			}
			if len(r.Changes) == 0 {
				fmt.Fprintf(a.stdout, "nothing changed: pixel %d is so already\n", s.id)
			}
			for _, line := range changeLines(cfg.Catalog, r) {
				fmt.Fprintln(a.stdout, line)
			}
			for _, note := range s.notes {
				a.logf("%s", note)
			}
			return nil
		},
	}
	p.add(c.Flags())
	c.Flags().StringVar(&from, "from", "", "settings hold from this time on, RFC 3339; always: at any time, the past included (default: now)")
	c.Flags().BoolVar(&inactive, "inactive", false, "end it: conversions from now on do not count")
	c.Flags().BoolVar(&active, "active", false, "take its end back")
	return c
}

// pixelChange is what `pixel set` is to change of one pixel.
type pixelChange struct {
	id               int64
	given            catalogedit.Fields
	inactive, active bool
	now, from        time.Time
	always, fromTime bool     // what --from says
	notes            []string // what people should know of it
}

func (s *pixelChange) readFrom(given bool, text string) error {
	dated := s.inactive || s.active || slices.ContainsFunc(s.given, func(x catalogedit.Field) bool { return slices.Contains(settingKeys, x.Key) })
	s.from = s.now
	switch {
	case len(s.given) == 0 && !s.inactive && !s.active:
		return usagef("pixel set: nothing to set was given; allowed: --name, --trigger-type and the like, --inactive, --active; see: pixledger pixel set --help")
	case s.inactive && s.active:
		return usagef("pixel set: --inactive and --active are given; allowed: one of them")
	case !given:
		return nil
	case !dated:
		return usagef("pixel set: --from is given without anything that has a history; allowed: with --trigger-type, --post-view-expire-mins, --post-click-expire-mins, --min-minutes-per-conv, --unique-order-id, --inactive or --active")
	case text == "always" && s.inactive:
		return usagef("pixel set: --from is \"always\", --inactive ends the pixel; allowed: an RFC 3339 time, such as 2026-12-01T00:00:00Z")
	case text == "always":
		s.always = true
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 2000 || t.Year() > 9999 {
		return usagef("pixel set: --from is %q; allowed: an RFC 3339 time from 2000 on, such as 2026-12-01T00:00:00Z, or always", text)
	}
	s.from, s.fromTime = t.UTC(), true
	return nil
}

func (s *pixelChange) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// edit asks for the changes. It is called again where the file has changed.
func (s *pixelChange) edit(f *catalogedit.File) error {
	s.notes = nil
	c := f.Catalog()
	p := c.Pixel(s.id)
	if p == nil {
		return notInCatalog("pixel", fmt.Sprint(s.id), c.Pixels, pixelEntry)
	}
	if err := checkPixelKeys(c, s.id, s.given); err != nil {
		return err
	}
	e := f.Entry("pixels", s.id).Called(fmt.Sprint("pixel ", s.id))
	var settings catalogedit.Fields
	for _, x := range s.given {
		if slices.Contains(settingKeys, x.Key) {
			settings = append(settings, x)
			continue
		}
		if err := s.setPlain(c, p, e, x); err != nil {
			return err
		}
	}
	if s.always {
		s.setAlways(p, e, settings)
	} else {
		s.setDated(p, e, settings)
	}
	switch {
	case s.inactive:
		s.end(p, e)
	case s.active:
		return s.takeBack(p, e)
	}
	return nil
}

// setPlain changes what has no history.
func (s *pixelChange) setPlain(c *schemas.Catalog, p *schemas.Pixel, e *catalogedit.Entry, x catalogedit.Field) error {
	now := map[string]any{"name": p.Name, "code": p.Code, "event_category": p.EventCategory, "advertiser_id": p.AdvertiserID}[x.Key]
	if x.Value == now || x.Value == nil && now == "" {
		return nil
	}
	if x.Key == "advertiser_id" {
		if at := c.Attachments(p.ID); len(at) > 0 {
			return fmt.Errorf("pixel %d is attached to line item %d, which is advertiser %d's; allowed: another advertiser for a pixel that is attached to none",
				p.ID, at[0].LineItem.ID, at[0].LineItem.AdvertiserID)
		}
	}
	if x.Key == "code" && p.Code != "" {
		s.note("tags that say code=%s are no pixel any more, those of conversions already ingested included", p.Code)
	}
	if x.Value == nil {
		e.Remove(x.Key)
		return nil
	}
	e.Set(x.Key, x.Value)
	return nil
}

// isSo tells whether settings have that value.
func isSo(s schemas.PixelSettings, x catalogedit.Field) bool {
	window := func(most int64) int64 {
		if n, ok := x.Value.(int64); ok && n != 0 {
			return n
		}
		return most
	}
	switch x.Key {
	case "trigger_type":
		return string(s.TriggerType) == x.Value
	case "post_view_expire_mins":
		return s.PostViewExpireMins == window(schemas.MaxViewMinutes)
	case "post_click_expire_mins":
		return s.PostClickExpireMins == window(schemas.MaxClickMinutes)
	case "min_minutes_per_conv":
		n, given := x.Value.(int64)
		return given == (s.MinMinutesPerConv != nil) && (!given || *s.MinMinutesPerConv == n)
	}
	return s.UniqueOrderID == x.Value
}

func gives(k schemas.SettingsKeys, key string) bool {
	return map[string]bool{"trigger_type": k.TriggerType, "post_view_expire_mins": k.PostViewExpireMins, "post_click_expire_mins": k.PostClickExpireMins,
		"min_minutes_per_conv": k.MinMinutesPerConv, "unique_order_id": k.UniqueOrderID}[key]
}

// setDated lets settings hold from a time on: in the entry that begins then, or
// in a new one behind those that begin before.
func (s *pixelChange) setDated(p *schemas.Pixel, e *catalogedit.Entry, settings catalogedit.Fields) {
	inForce := p.SettingsAt(s.from)
	fields := catalogedit.Fields{{Key: "from", Value: s.from}}
	entry, after := e.Entry("settings", "from", s.from).Called(fmt.Sprintf("pixel %d: settings from %s on", p.ID, s.from.Format(time.RFC3339Nano))), -1
	for _, c := range p.Changes {
		if c.From.Before(s.from) {
			after = e.Index("settings", "from", c.From)
		}
	}
	var what []string
	changed := false
	for _, x := range settings {
		s.noteLater(p, x, s.from)
		changed = changed || !isSo(inForce, x)
		switch {
		case isSo(inForce, x):
		case entry != nil:
			entry.Set(x.Key, x.Value)
		default:
			fields = append(fields, x)
			what = append(what, fmt.Sprintf("%s %s", x.Key, shown(x.Value)))
		}
	}
	if len(fields) > 1 {
		e.Insert("settings", fmt.Sprintf("settings from %s on: %s", s.from.Format(time.RFC3339Nano), strings.Join(what, ", ")), after, fields)
	}
	if changed && s.from.Before(s.now) {
		s.note("this lies in the past: conversions since then are decided anew, those of closed days adjusted with the next close")
	}
}

// setAlways changes the pixel's own keys.
func (s *pixelChange) setAlways(p *schemas.Pixel, e *catalogedit.Entry, settings catalogedit.Fields) {
	changed := false
	for _, x := range settings {
		s.noteLater(p, x, time.Time{})
		if !isSo(p.Base, x) {
			e.Set(x.Key, x.Value)
			changed = true
		}
	}
	if changed {
		s.note("this restates history: conversions of open days are decided anew, those of closed days adjusted with the next close")
	}
}

// noteLater tells of entries that change a key again after a time.
func (s *pixelChange) noteLater(p *schemas.Pixel, x catalogedit.Field, from time.Time) {
	for _, c := range p.Changes {
		after := schemas.Pixel{Base: p.Base, Changes: []schemas.SettingsChange{c}}
		if c.From.After(from) && gives(c.Set, x.Key) && !isSo(after.SettingsAt(c.From), x) {
			s.note("from %s on, an entry of settings says otherwise of %s", c.From.Format(time.RFC3339Nano), x.Key)
		}
	}
}

func shown(v any) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(v)
}

// end lets the pixel count no longer from a time on.
func (s *pixelChange) end(p *schemas.Pixel, e *catalogedit.Entry) {
	if p.State == schemas.Inactive || p.Period.Until != nil && !p.Period.Until.After(s.from) {
		return
	}
	e.Set("active_until", s.from)
	if s.from.Before(s.now) {
		s.note("this lies in the past: conversions since then are decided anew, those of closed days adjusted with the next close")
	}
}

// takeBack lets a pixel count that does not, or will not. The catalog has room
// for one period, not for a gap in it.
func (s *pixelChange) takeBack(p *schemas.Pixel, e *catalogedit.Entry) error {
	if until := p.Period.Until; s.fromTime && p.State == schemas.Active && until != nil && until.Before(s.from) {
		return fmt.Errorf("pixel %d ends %s and can't begin again at %s: a pixel counts in one period; allowed: --active without --from, which counts the time between too, or another pixel",
			p.ID, until.Format(time.RFC3339Nano), s.from.Format(time.RFC3339Nano))
	}
	if p.State == schemas.Inactive {
		e.Set("state", string(schemas.Active))
		if s.always {
			s.note("this restates history: conversions of all days count again, those of closed days with the next close")
		} else if p.Period.From == nil || p.Period.From.Before(s.from) {
			e.Set("active_from", s.from) // it has not counted before, and still does not
		}
	}
	if until := p.Period.Until; until != nil {
		e.Remove("active_until")
		if p.State == schemas.Active && !until.After(s.now) {
			s.note("this restates history: conversions since %s count again, those of closed days with the next close", until.Format(time.RFC3339Nano))
		}
	}
	return nil
}
