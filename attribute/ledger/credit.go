package ledger

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// The notes of a credit commit. Credits have no files: each is in the notes of
// its commit, which names the one before it, until a close books it.
const (
	noteAdvertiser = "advertiser_id"
	noteLineItem   = "line_item_id"
	noteAmount     = "amount"
	noteCurrency   = "currency"
	noteReason     = "reason"
	noteBy         = "by"
)

// Credit is a negotiated amount for a line item.
type Credit struct {
	AdvertiserID int64
	LineItemID   int64
	Amount       schemas.Money
	Currency     string // the advertiser's
	Reason       string
	By           string // who said so

	Commit int64 // that holds it
}

// entry is the credit as it is booked.
func (c *Credit) entry(booked schemas.Day, n int64) *entry {
	return &entry{
		booked: booked, businessDay: booked, kind: credit, advertiserID: c.AdvertiserID, lineItemID: c.LineItemID,
		amount: c.Amount, currency: c.Currency, reason: text(c.Reason), number: n,
	}
}

// NewCredit gives a credit for a line item of the catalog, in the currency of
// its advertiser.
func NewCredit(cat *schemas.Catalog, lineItemID int64, amount schemas.Money, reason, by string) (Credit, error) {
	item := cat.LineItem(lineItemID)
	if item == nil {
		return Credit{}, fmt.Errorf("the catalog has no line item %d; allowed: one of its line_items", lineItemID)
	}
	advertiser := cat.Advertiser(item.AdvertiserID)
	if advertiser == nil {
		return Credit{}, fmt.Errorf("the catalog has no advertiser %d of line item %d", item.AdvertiserID, lineItemID)
	}
	return Credit{AdvertiserID: advertiser.ID, LineItemID: item.ID, Amount: amount, Currency: advertiser.Currency, Reason: reason, By: by}, nil
}

// AddCredit keeps a credit for the next close, and gives its commit.
func AddCredit(l *lake.Lake, c Credit, at time.Time) (int64, error) {
	record, err := l.Commit(nil, func(state *lake.State) (*lake.Draft, error) {
		notes := map[string]string{
			noteAdvertiser: strconv.FormatInt(c.AdvertiserID, 10), noteLineItem: strconv.FormatInt(c.LineItemID, 10),
			noteAmount: c.Amount.String(), noteCurrency: c.Currency, noteReason: c.Reason, noteBy: c.By,
		}
		if before, ok := state.Latest[CreditKind]; ok {
			notes[notePrevious] = strconv.FormatInt(before.Seq, 10)
		}
		return &lake.Draft{Kind: CreditKind, At: at, Notes: notes}, nil
	})
	if err != nil {
		return 0, fmt.Errorf("keep the credit: %w", err)
	}
	return record.Seq, nil
}

// PendingCredits lists the credits that no close has booked, in the order in
// which they were given.
func PendingCredits(l *lake.Lake, state *lake.State) ([]Credit, error) {
	return credits(l, state, state.Latest[CloseKind].Notes[noteCredits])
}

// credits lists the credits after the commit named; after none, where it is empty.
func credits(l *lake.Lake, state *lake.State, after string) ([]Credit, error) {
	mark, ok := state.Latest[CreditKind]
	if !ok {
		return nil, nil
	}
	var out []Credit
	for seq, notes := mark.Seq, mark.Notes; strconv.FormatInt(seq, 10) != after; {
		c, err := readCredit(seq, notes)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		if notes[notePrevious] == "" {
			break
		}
		if seq, notes, err = previous(l, seq, CreditKind, notes[notePrevious]); err != nil {
			return nil, err
		}
	}
	slices.Reverse(out)
	return out, nil
}

func readCredit(seq int64, notes map[string]string) (Credit, error) {
	c := Credit{Currency: notes[noteCurrency], Reason: notes[noteReason], By: notes[noteBy], Commit: seq}
	var err error
	if c.AdvertiserID, err = strconv.ParseInt(notes[noteAdvertiser], 10, 64); err != nil {
		return c, fmt.Errorf("commit %d: its note %s is %q", seq, noteAdvertiser, notes[noteAdvertiser])
	}
	if c.LineItemID, err = strconv.ParseInt(notes[noteLineItem], 10, 64); err != nil {
		return c, fmt.Errorf("commit %d: its note %s is %q", seq, noteLineItem, notes[noteLineItem])
	}
	amount, ok := schemas.ParseMoney(notes[noteAmount])
	if !ok {
		return c, fmt.Errorf("commit %d: its note %s is %q", seq, noteAmount, notes[noteAmount])
	}
	c.Amount = amount
	return c, nil
}
