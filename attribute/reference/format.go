package reference

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pixledger/schemas"
)

// Format prints a world in the notation that Parse reads, so that what a
// failing test prints can be pasted into a document as an example. Parse gives
// the same world back, but for lists beside pixels, line items, trackers,
// creatives, publishers and advertisers, and for names, which World leaves plain.
func Format(cat *schemas.Catalog, events []Event, voids []string) string {
	var b strings.Builder
	formatCatalog(&b, cat)
	for _, e := range events {
		formatEvent(&b, e)
	}
	for _, id := range voids {
		statement(&b, "void", quoted(id))
	}
	return b.String()
}

// FormatRow prints every column of a row that is not null, on one line.
func FormatRow(a Attribution) string {
	var b strings.Builder
	words := []string{formatTime(a.ConversionTime), quoted(a.ConversionID), a.Outcome}
	words = append(words, textWord("reason", a.Reason)...)
	words = append(words, textWord("conversion_type", a.ConversionType)...)
	words = append(words, idWord("pixel_id", a.PixelID)...)
	words = append(words, idWord("advertiser_id", a.AdvertiserID)...)
	words = append(words, textWord("user_id", a.UserID)...)
	words = append(words, textWord("order_id", a.OrderID)...)
	if a.Value != nil {
		words = append(words, "value="+a.Value.String())
	}
	words = append(words, textWord("other", a.Other)...)
	if a.ServerSide {
		words = append(words, "server_side=true")
	}
	words = append(words, textWord("touch_id", a.TouchID)...)
	words = append(words, timeWord("touch_time", a.TouchTime)...)
	words = append(words, idWord("tracker_id", a.TrackerID)...)
	words = append(words, idWord("line_item_id", a.LineItemID)...)
	words = append(words, idWord("creative_id", a.CreativeID)...)
	words = append(words, idWord("publisher_id", a.PublisherID)...)
	words = append(words, "booked_revenue="+a.BookedRevenue.String())
	words = append(words, textWord("currency", a.Currency)...)
	if a.RateMissing {
		words = append(words, "rate_missing=true")
	}
	statement(&b, words...)
	return b.String()
}

// Diff says which rows of got are not as in want, one line a row; empty when
// both are the same rows in the same order.
func Diff(want, got []Attribution) string {
	var b strings.Builder
	for i := range max(len(want), len(got)) {
		var w, g string
		if i < len(want) {
			w = FormatRow(want[i])
		}
		if i < len(got) {
			g = FormatRow(got[i])
		}
		if w == g {
			continue
		}
		if w != "" {
			b.WriteString("- " + w)
		}
		if g != "" {
			b.WriteString("+ " + g)
		}
	}
	return b.String()
}

func formatCatalog(b *strings.Builder, cat *schemas.Catalog) {
	statement(b, "member", strconv.FormatInt(cat.MemberID, 10), "currency="+quoted(cat.Currency))
	for _, a := range cat.Advertisers {
		statement(b, "advertiser", id(a.ID), "currency="+quoted(a.Currency))
	}
	for _, p := range cat.Publishers {
		statement(b, "publisher", id(p.ID))
	}
	for _, p := range cat.Pixels {
		words := []string{"pixel", id(p.ID), "advertiser=" + id(p.AdvertiserID)}
		if p.Code != "" {
			words = append(words, "code="+quoted(p.Code))
		}
		words = append(words, boundWords(p.State, p.Period)...)
		statement(b, append(words, settingsWords(allKeys, p.Base)...)...)
		for _, c := range p.Changes {
			words := []string{"settings", id(p.ID), "from=" + formatTime(c.From)}
			statement(b, append(words, settingsWords(c.Set, c.To)...)...)
		}
	}
	for _, l := range cat.LineItems {
		words := []string{"line_item", id(l.ID), "advertiser=" + id(l.AdvertiserID)}
		statement(b, append(words, boundWords(l.State, l.Period)...)...)
		for _, a := range l.Pixels {
			pair := []string{"line_item=" + id(l.ID), "pixel=" + id(a.PixelID)}
			words := append([]string{"association"}, pair...)
			statement(b, append(words, boundWords(a.State, a.Period)...)...)
			for _, r := range a.Rates {
				words := append([]string{"rate"}, pair...)
				words = append(words, "from="+formatTime(r.From))
				statement(b, append(words, rateWords(r)...)...)
			}
		}
	}
	for _, c := range cat.Creatives {
		statement(b, "creative", id(c.ID), "line_item="+id(c.LineItemID))
	}
	for _, t := range cat.Trackers {
		words := []string{"tracker", id(t.ID), string(t.Kind), "line_item=" + id(t.LineItemID)}
		words = append(words, idWord("creative", idOrNull(t.CreativeID))...)
		statement(b, append(words, idWord("publisher", idOrNull(t.PublisherID))...)...)
	}
}

func formatEvent(b *strings.Builder, e Event) {
	words := []string{strings.Replace(formatTime(e.EventTime), "T", " ", 1), e.Type, quoted(e.EventID)}
	words = append(words, textWord("user", e.UserID)...)
	words = append(words, idWord("pixel", e.PixelID)...)
	words = append(words, textWord("code", e.PixelCode)...)
	words = append(words, idWord("member", e.MemberID)...)
	words = append(words, idWord("tracker", e.TrackerID)...)
	words = append(words, textWord("token", e.Token)...)
	words = append(words, textWord("order", e.OrderID)...)
	words = append(words, textWord("value", e.ValueText)...)
	words = append(words, textWord("other", e.Other)...)
	words = append(words, textWord("sspdata", e.SSPData)...)
	words = append(words, textWord("invalid", e.InvalidReason)...)
	if e.Consent != "unknown" {
		words = append(words, "consent="+quoted(e.Consent))
	}
	if e.SourceOffset != 0 {
		words = append(words, "offset="+strconv.FormatInt(e.SourceOffset, 10))
	}
	if e.SourceID != defaultSource {
		words = append(words, "source="+quoted(e.SourceID))
	}
	if e.ServerSide {
		words = append(words, "server_side=true")
	}
	statement(b, words...)
}

// digestOf stands for the SHA-256 of a file that a world's catalog has none of.
func digestOf(cat *schemas.Catalog) string {
	var b strings.Builder
	formatCatalog(&b, cat)
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

var allKeys = schemas.SettingsKeys{TriggerType: true, PostViewExpireMins: true, PostClickExpireMins: true, MinMinutesPerConv: true, UniqueOrderID: true}

func settingsWords(keys schemas.SettingsKeys, s schemas.PixelSettings) []string {
	var words []string
	if keys.TriggerType {
		words = append(words, "trigger_type="+string(s.TriggerType))
	}
	if keys.PostViewExpireMins {
		words = append(words, "post_view_expire_mins="+strconv.FormatInt(s.PostViewExpireMins, 10))
	}
	if keys.PostClickExpireMins {
		words = append(words, "post_click_expire_mins="+strconv.FormatInt(s.PostClickExpireMins, 10))
	}
	if keys.MinMinutesPerConv {
		n := "null"
		if s.MinMinutesPerConv != nil {
			n = strconv.FormatInt(*s.MinMinutesPerConv, 10)
		}
		words = append(words, "min_minutes_per_conv="+n)
	}
	if keys.UniqueOrderID {
		words = append(words, "unique_order_id="+strconv.FormatBool(s.UniqueOrderID))
	}
	return words
}

func boundWords(state schemas.State, p schemas.Period) []string {
	var words []string
	if state != schemas.Active {
		words = append(words, "state="+string(state))
	}
	words = append(words, timeWord("active_from", p.From)...)
	return append(words, timeWord("active_until", p.Until)...)
}

func rateWords(r schemas.Rate) []string {
	var words []string
	if r.PostClickRevenue != nil {
		words = append(words, "post_click_revenue="+r.PostClickRevenue.Short())
	}
	if r.PostViewRevenue != nil {
		words = append(words, "post_view_revenue="+r.PostViewRevenue.Short())
	}
	return words
}

func statement(b *strings.Builder, words ...string) {
	fmt.Fprintln(b, strings.Join(words, " "))
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

// named is the name of what is known by its id alone.
func named(what string, n int64) string { return what + " " + id(n) }

func idWord(key string, n *int64) []string {
	if n == nil {
		return nil
	}
	return []string{key + "=" + id(*n)}
}

func textWord(key string, s *string) []string {
	if s == nil {
		return nil
	}
	return []string{key + "=" + quoted(*s)}
}

func timeWord(key string, t *time.Time) []string {
	if t == nil {
		return nil
	}
	return []string{key + "=" + formatTime(*t)}
}

var plain = regexp.MustCompile(`^[\p{L}\p{N}_.:$,+/@-]+$`)

// quoted gives a text as one word.
func quoted(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// formatTime gives an instant in UTC with as much of it as is not zero.
func formatTime(t time.Time) string {
	t = t.UTC()
	switch {
	case t.Nanosecond() != 0:
		return t.Format("2006-01-02T15:04:05.000000")
	case t.Second() != 0:
		return t.Format("2006-01-02T15:04:05")
	}
	return t.Format("2006-01-02T15:04")
}
