// Package reference decides attribution a second time, as plainly as the rules
// can be spelled out: loops over a slice of events, one numbered step after
// another, no index, no SQL. It is slow on purpose and is not linked into the
// program. Tests hold the real engine against it on the worlds that World
// draws and on the worked examples of docs/attribution.md.
//
// All times are UTC instants to the microsecond; money is in the currency of
// the advertiser that it belongs to.
package reference

import (
	"time"

	"pixledger/schemas"
)

// The types of events that attribution reads.
const (
	Impression = "impression"
	Click      = "click"
	Conversion = "conversion"
)

// Event is an event as it stands in the lake, with the columns that decide
// attribution or are handed through to it. A nil pointer is null.
type Event struct {
	Type          string // Impression, Click or Conversion: the path's kind
	EventID       string
	EventTime     time.Time
	UserID        *string
	Token         *string // a touch's token parameter; null when it has none
	PixelID       *int64
	PixelCode     *string
	MemberID      *int64
	TrackerID     *int64
	OrderID       *string
	ValueText     *string
	Value         *schemas.Money
	Other         *string
	SSPData       *string
	InvalidReason *string
	Consent       string // denied, granted or unknown
	SourceOffset  int64
	SourceID      string
	ServerSide    bool
}

// Attribution is one row of attributions: how one conversion was decided. A
// nil pointer is null.
type Attribution struct {
	ConversionID   string
	ConversionTime time.Time
	PixelID        *int64 // the pixel found, or the id sent when no pixel has it
	AdvertiserID   *int64 // null when the pixel is unknown
	UserID         *string
	OrderID        *string
	Value          *schemas.Money
	Other          *string
	ServerSide     bool
	Outcome        string  // attributed or unattributed
	Reason         *string // null when attributed
	ConversionType *string // post_click or post_view
	TouchID        *string
	TouchTime      *time.Time
	TrackerID      *int64
	LineItemID     *int64
	CreativeID     *int64
	PublisherID    *int64
	BookedRevenue  schemas.Money
	Currency       *string
	RateMissing    bool
}

// The outcomes of a conversion.
const (
	Attributed   = "attributed"
	Unattributed = "unattributed"
)

// The types of an attributed conversion, by its winning touch.
const (
	PostClick = "post_click"
	PostView  = "post_view"
)

// The reasons of an unattributed conversion, in the order of the steps that
// give them.
const (
	InvalidTraffic = "invalid_traffic"
	UnknownPixel   = "unknown_pixel"
	InactivePixel  = "inactive_pixel"
	NoLineItem     = "no_line_item"
	NoConsent      = "no_consent"
	NoUser         = "no_user"
	NoTouch        = "no_touch"
	Expired        = "expired"
	DuplicateOrder = "duplicate_order"
	Repeat         = "repeat"
	Voided         = "voided"
)

// Reasons lists every reason, in the order of the steps.
func Reasons() []string {
	return []string{InvalidTraffic, UnknownPixel, InactivePixel, NoLineItem, NoConsent,
		NoUser, NoTouch, Expired, DuplicateOrder, Repeat, Voided}
}
