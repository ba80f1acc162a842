package explain

import (
	"fmt"
	"time"

	"pixledger/schemas"
)

// Explanation is how one conversion was decided, with everything that was
// considered. As JSON it is for scripts: names are those of the lake's columns,
// catalog ids and money are texts, times RFC 3339 in UTC.
type Explanation struct {
	Conversion Line `json:"conversion"`
	// OtherLines have the conversion's id and do not count.
	OtherLines []OtherLine `json:"other_lines"`

	// Live is the conversion's row in the attributions; nil: it was never decided.
	Live    *Row    `json:"live"`
	Catalog Catalog `json:"catalog"`
	// Look is a fresh look at this one conversion by the catalog that decided.
	Look
	// Pending says that Live is not what the next attribution will give, and why;
	// Next is what it will give.
	Pending string `json:"pending"`
	Next    *Row   `json:"next"`

	Void   *Void   `json:"void"`
	Ledger []Entry `json:"ledger"`
}

// Line is a conversion's line of an edge's log, as the lake has it.
type Line struct {
	EventID       string         `json:"event_id"`
	EventTime     time.Time      `json:"event_time"`
	PixelID       *int64         `json:"pixel_id,string"` // as sent
	PixelCode     *string        `json:"pixel_code"`
	MemberID      *int64         `json:"member_id,string"`
	UserID        *string        `json:"user_id"`
	OrderID       *string        `json:"order_id"`
	Value         *schemas.Money `json:"value"`
	ValueText     *string        `json:"value_text"`
	Other         *string        `json:"other"`
	SSPData       *string        `json:"sspdata"`
	ServerSide    bool           `json:"server_side"`
	Consent       string         `json:"consent"`
	InvalidReason *string        `json:"invalid_reason"`
	UserAgent     *string        `json:"user_agent"`
	Place
}

// Place is where a line stands.
type Place struct {
	Edge         string `json:"edge"`
	SourceID     string `json:"source_id"`
	SourceOffset int64  `json:"source_offset,string"`
	// At is FILE:OFFSET: the log by the path that it was last read by, and the
	// line's first byte in the decompressed content.
	At string `json:"at"`
}

// OtherLine is a line that has the id of a conversion and does not count.
type OtherLine struct {
	Line
	Why string `json:"why"`
}

// Row is a row of attributions. A nil pointer is null.
type Row struct {
	ConversionID   string         `json:"conversion_id"`
	ConversionTime time.Time      `json:"conversion_time"`
	PixelID        *int64         `json:"pixel_id,string"`
	AdvertiserID   *int64         `json:"advertiser_id,string"`
	UserID         *string        `json:"user_id"`
	OrderID        *string        `json:"order_id"`
	Value          *schemas.Money `json:"value"`
	Other          *string        `json:"other"`
	ServerSide     bool           `json:"server_side"`
	Outcome        string         `json:"outcome"`
	Reason         *string        `json:"reason"`
	ConversionType *string        `json:"conversion_type"`
	TouchID        *string        `json:"touch_id"`
	TouchTime      *time.Time     `json:"touch_time"`
	TrackerID      *int64         `json:"tracker_id,string"`
	LineItemID     *int64         `json:"line_item_id,string"`
	CreativeID     *int64         `json:"creative_id,string"`
	PublisherID    *int64         `json:"publisher_id,string"`
	BookedRevenue  schemas.Money  `json:"booked_revenue"`
	Currency       *string        `json:"currency"`
	RateMissing    bool           `json:"rate_missing"`
}

// Catalog says by which catalog the explanation is.
type Catalog struct {
	Digest string `json:"digest"`
	File   string `json:"file"` // the one configured, else the one kept in the lake
	// Decided is false where no catalog is known to have decided: nothing was
	// attributed yet, or the lake does not have it any more.
	Decided bool `json:"decided"`
	// Warning says that the catalog configured is another one.
	Warning          string `json:"warning,omitempty"`
	ConfiguredDigest string `json:"configured_digest"`
	ConfiguredFile   string `json:"configured_file"`
}

// Look is what the rules say of one conversion by one catalog.
type Look struct {
	Decision Row    `json:"decision"`
	Steps    []Step `json:"steps"` // up to the one that decided
	// Pixel is the one that the conversion means; nil where it means none.
	Pixel     *Pixel     `json:"pixel"`
	Settings  []Setting  `json:"settings"`   // in force at the conversion's time
	LineItems []LineItem `json:"line_items"` // that have the pixel, counting or not
	// Touches are those that the conversion could mean, the winner first, then
	// those before it, the nearest first, then those after it.
	Touches []Touch `json:"touches"`
	// Earlier is the conversion that makes this one a repeat or a duplicate.
	Earlier *Earlier `json:"earlier"`
	Rate    *Rate    `json:"rate"` // of the winner's line item; nil: none is in force
}

// Step is what one step said.
type Step struct {
	Step   int    `json:"step"`
	Name   string `json:"name"` // the reason that it gives; of step 8, winner
	Passed bool   `json:"passed"`
	Said   string `json:"said"`
}

// Pixel is a conversion pixel of the catalog.
type Pixel struct {
	ID             int64  `json:"id,string"`
	Name           string `json:"name"`
	Code           string `json:"code,omitempty"`
	AdvertiserID   int64  `json:"advertiser_id,string"`
	AdvertiserName string `json:"advertiser_name"`
	At             string `json:"at"` // FILE:LINE:COLUMN
}

// Setting is one key of a pixel's settings with the value in force.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// At is where the value stands, FILE:LINE:COLUMN, or default.
	At string `json:"at"`
}

// LineItem is a line item that has the pixel.
type LineItem struct {
	ID   int64  `json:"id,string"`
	Name string `json:"name"`
	// NotCounting says why it, or its association with the pixel, does not count
	// at the conversion's time; empty when both do.
	NotCounting string `json:"not_counting,omitempty"`
	At          string `json:"at"` // of the association
}

// Touch is an impression or a click, and what the rules say of it.
type Touch struct {
	EventID       string    `json:"event_id"`
	Kind          string    `json:"kind"` // impression or click
	EventTime     time.Time `json:"event_time"`
	AgeMicros     int64     `json:"age_microseconds"` // negative: after the conversion
	TrackerID     *int64    `json:"tracker_id,string"`
	Token         *string   `json:"token"`
	UserID        *string   `json:"user_id"`
	Consent       string    `json:"consent"`
	InvalidReason *string   `json:"invalid_reason"`
	Place

	LineItemID    *int64 `json:"line_item_id,string"`
	LineItemName  string `json:"line_item_name,omitempty"`
	CreativeID    *int64 `json:"creative_id,string"`
	CreativeName  string `json:"creative_name,omitempty"`
	PublisherID   *int64 `json:"publisher_id,string"`
	PublisherName string `json:"publisher_name,omitempty"`

	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why"`
}

func (t *Touch) isClick() bool { return t.Kind == string(schemas.Click) }

func (t *Touch) age() time.Duration { return time.Duration(t.AgeMicros) * time.Microsecond }

// Verdict is what became of a touch, in one word.
type Verdict string

// The verdicts. Those from Older on are of touches that qualified and lost.
const (
	Won            Verdict = "won"
	NotConsidered  Verdict = "not_considered" // an earlier step had decided
	OtherToken     Verdict = "other_token"    // sspdata names another touch
	After          Verdict = "after"          // the conversion
	InvalidTraffic Verdict = "invalid_traffic"
	ConsentDenied  Verdict = "consent_denied"
	UnknownTracker Verdict = "unknown_tracker"
	NoLineItem     Verdict = "no_line_item" // not associated, or not counting
	KindNotAllowed Verdict = "kind_not_allowed"
	OutsideWindow  Verdict = "outside_window"
	Older          Verdict = "older"
	BeatenByClick  Verdict = "beaten_by_click"
	Tie            Verdict = "tie"
)

// Earlier is an earlier conversion that was attributed.
type Earlier struct {
	ConversionID   string    `json:"conversion_id"`
	ConversionTime time.Time `json:"conversion_time"`
	BeforeMicros   int64     `json:"before_microseconds"`
	// RequiredMinutes is what a repeat lacks; nil of an order, and where a user
	// converts once.
	RequiredMinutes *int64 `json:"required_minutes"`
	At              string `json:"at"` // FILE:OFFSET
}

// Rate is the rate entry in force.
type Rate struct {
	LineItemID       int64          `json:"line_item_id,string"`
	From             time.Time      `json:"from"`
	PostClickRevenue *schemas.Money `json:"post_click_revenue"`
	PostViewRevenue  *schemas.Money `json:"post_view_revenue"`
	At               string         `json:"at"` // FILE:LINE:COLUMN
}

// Void says that a conversion is not payable.
type Void struct {
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
	VoidedAt time.Time `json:"voided_at"`
}

// Entry is an entry of the ledger.
type Entry struct {
	EntryID        string        `json:"entry_id"`
	Booked         string        `json:"booked"`
	BusinessDay    string        `json:"business_day"`
	Kind           string        `json:"kind"`
	ConversionType *string       `json:"conversion_type"`
	LineItemID     *int64        `json:"line_item_id,string"`
	TouchID        *string       `json:"touch_id"`
	Amount         schemas.Money `json:"amount"`
	Currency       string        `json:"currency"`
	Reason         *string       `json:"reason"`
	Reverses       *string       `json:"reverses"`
	CatalogDigest  string        `json:"catalog_digest"`
}

// NotFoundError says that no conversion has an id, and what else has it.
type NotFoundError struct {
	ID   string
	Type schemas.EventType // of the event that has the id; empty: none has
	Time time.Time
	At   string // FILE:OFFSET
	// Orders are conversions that have the id as their order id.
	Orders []string
	// Erased is the decision on the conversion, where its events were erased.
	Erased *Row
}

func (e *NotFoundError) Error() string {
	what := fmt.Sprintf("no conversion has the id %q", e.ID)
	switch {
	case e.Erased != nil:
		return fmt.Sprintf("the events of conversion %s were erased; its decision stands: %s", e.ID, e.Erased.verdict(&Explanation{}))
	case e.Type != "":
		return fmt.Sprintf("%s: it is %s of %s, %s; allowed: the event_id of a conversion", what, article(e.Type), utc(e.Time), e.At)
	case len(e.Orders) > 0:
		return fmt.Sprintf("%s: it is an order id; allowed: the event_id of a conversion, of this order %s", what, list(e.Orders))
	}
	return what + ", nor has any other event; allowed: the event_id of a conversion"
}

func article(t schemas.EventType) string {
	switch t {
	case schemas.Impression:
		return "an impression"
	case schemas.Click:
		return "a click"
	}
	return "a " + string(t) + " event"
}
