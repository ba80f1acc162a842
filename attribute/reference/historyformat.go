package reference

import (
	"strings"

	"pixledger/schemas"
)

// FormatHistory prints a history in the notation that ParseHistory reads, so
// that what a failing test prints can be pasted into a document. ParseHistory
// gives the same history back, as Parse does a world.
func FormatHistory(h History) string {
	var b strings.Builder
	formatConfig(&b, h.Config)
	for i, s := range h.Steps {
		switch {
		case s.Catalog != nil:
			if i > 0 {
				statement(&b, "catalog", "new")
			}
			formatCatalog(&b, s.Catalog)
		case s.Void != "":
			statement(&b, "void", quoted(s.Void))
		case s.Credit != nil:
			statement(&b, "credit", "line_item="+id(s.Credit.LineItemID), "amount="+s.Credit.Amount.Short(), "reason="+quoted(s.Credit.Reason))
		case s.Close != nil:
			formatClose(&b, *s.Close)
		}
		for _, e := range s.Events {
			formatEvent(&b, e)
		}
	}
	return b.String()
}

func formatConfig(b *strings.Builder, c Config) {
	statement(b, "time_zone", quoted(c.TimeZone))
	statement(b, "close_after", c.CloseAfter.String())
	if c.LedgerFrom != "" {
		statement(b, "ledger_from", string(c.LedgerFrom))
	}
	statement(b, "adjust_days", id(int64(c.AdjustDays)))
	limit := "none"
	if c.AdjustLimit != nil {
		limit = percent(*c.AdjustLimit)
	}
	statement(b, "adjust_limit", limit)
}

// percent gives a limit as it stands in a configuration: 10%, 2.5%.
func percent(limit schemas.Money) string {
	return strings.TrimSuffix(strings.TrimRight(limit.String(), "0"), ".") + "%"
}

func formatClose(b *strings.Builder, c Close) {
	words := []string{"close", strings.Replace(formatTime(c.Now), "T", " ", 1)}
	if c.Yes {
		words = append(words, "yes")
	}
	if c.AcceptAdjustments != "" {
		words = append(words, "accept_adjustments="+quoted(c.AcceptAdjustments))
	}
	statement(b, words...)
	x := c.Expect
	if x.Refused != "" {
		statement(b, "expect refused", x.Refused)
	}
	if x.NotDue {
		statement(b, "expect not_due")
	}
	switch {
	case x.First != x.Last:
		statement(b, "expect closed", string(x.First), string(x.Last))
	case x.First != "":
		statement(b, "expect closed", string(x.First))
	}
	for _, e := range x.Entries {
		statement(b, "expect ledger", formatExpectedEntry(e))
	}
}

// FormatEntry prints every column of an entry that is not null, on one line.
func FormatEntry(e Entry) string {
	all := expectationOf(Closing{Entries: []Entry{e}}).Entries[0]
	all.BusinessDay = e.BusinessDay
	words := []string{formatExpectedEntry(all)}
	words = append(words, timeWord("conversion_time", e.ConversionTime)...)
	words = append(words, "catalog_digest="+e.CatalogDigest)
	return strings.Join(words, " ")
}

// formatExpectedEntry prints what stands behind `expect ledger`.
func formatExpectedEntry(x ExpectedEntry) string {
	words := []string{string(x.Booked), x.Kind}
	if x.Kind != CreditEntry {
		words = append(words, quoted(x.ConversionID))
	}
	words = append(words, x.Amount.Short())
	words = append(words, dayWord("reverses", x.Reverses)...)
	words = append(words, dayWord("day", x.BusinessDay)...)
	if x.ConversionType != "" {
		words = append(words, "type="+x.ConversionType)
	}
	words = append(words, textWord("touch", x.TouchID)...)
	words = append(words, idWord("line_item", x.LineItemID)...)
	words = append(words, idWord("advertiser", x.AdvertiserID)...)
	words = append(words, idWord("pixel", x.PixelID)...)
	if x.Currency != "" {
		words = append(words, "currency="+quoted(x.Currency))
	}
	words = append(words, textWord("reason", x.Reason)...)
	return strings.Join(words, " ")
}

func dayWord(key string, d Day) []string {
	if d == "" {
		return nil
	}
	return []string{key + "=" + string(d)}
}
