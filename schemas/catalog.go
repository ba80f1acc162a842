package schemas

import "time"

// Catalog is the reviewed file of pixels, line items and trackers of one
// member. All times are UTC instants; all money is in the currency of the
// advertiser that it belongs to. Load it with LoadCatalog, which validates.
type Catalog struct {
	Version         int              `yaml:"version"`
	MemberID        int64            `yaml:"member_id"`
	Currency        string           `yaml:"currency"`
	Advertisers     []Advertiser     `yaml:"advertisers"`
	InsertionOrders []InsertionOrder `yaml:"insertion_orders"`
	LineItems       []LineItem       `yaml:"line_items"`
	Creatives       []Creative       `yaml:"creatives"`
	Publishers      []Publisher      `yaml:"publishers"`
	Trackers        []Tracker        `yaml:"trackers"`
	Pixels          []Pixel          `yaml:"pixels"`
	Segments        []Segment        `yaml:"segments"`

	// Digest is the SHA-256, in hex, of the file's bytes.
	Digest string `yaml:"-"`

	index *catalogIndex
}

// Advertiser pays for attributed conversions.
type Advertiser struct {
	ID            int64    `yaml:"id"`
	Name          string   `yaml:"name"`
	Code          string   `yaml:"code"`
	Currency      string   `yaml:"currency"`  // ISO 4217; LoadCatalog fills in the catalog's
	TimeZone      string   `yaml:"time_zone"` // IANA name, for reports; empty: none of its own
	RedirectHosts []string `yaml:"redirect_hosts"`
}

// InsertionOrder groups line items for billing.
type InsertionOrder struct {
	ID           int64  `yaml:"id"`
	AdvertiserID int64  `yaml:"advertiser_id"`
	Name         string `yaml:"name"`
	Code         string `yaml:"code"`
	PONumber     string `yaml:"po_number"`
}

// State is "active" or "inactive"; LoadCatalog fills in active where omitted.
type State string

// The states of a pixel, a line item and an association.
const (
	Active   State = "active"
	Inactive State = "inactive"
)

// Period bounds when a pixel, line item or association counts: half-open
// [From, Until); a nil bound is none.
type Period struct {
	From  *time.Time `yaml:"active_from"`
	Until *time.Time `yaml:"active_until"`
}

// LineItem is what an advertiser buys.
type LineItem struct {
	ID               int64  `yaml:"id"`
	AdvertiserID     int64  `yaml:"advertiser_id"`
	InsertionOrderID int64  `yaml:"insertion_order_id"` // 0: none
	Name             string `yaml:"name"`
	Code             string `yaml:"code"`
	State            State  `yaml:"state"`
	Period           `yaml:",inline"`
	Pixels           []Association `yaml:"pixels"`
}

// Association attaches a pixel to a line item, with the static revenue that a
// conversion earns.
type Association struct {
	PixelID int64 `yaml:"pixel_id"`
	State   State `yaml:"state"`
	Period  `yaml:",inline"`
	Rates   []Rate `yaml:"rates"`
}

// Rate is static revenue from a time on. A nil figure is one left out: it
// books 0 with rate_missing.
type Rate struct {
	From             time.Time `yaml:"from"`
	PostClickRevenue *Money    `yaml:"post_click_revenue"`
	PostViewRevenue  *Money    `yaml:"post_view_revenue"`
}

// Creative is an ad of a line item.
type Creative struct {
	ID         int64  `yaml:"id"`
	LineItemID int64  `yaml:"line_item_id"`
	Name       string `yaml:"name"`
}

// Publisher is where an ad is shown.
type Publisher struct {
	ID   int64  `yaml:"id"`
	Name string `yaml:"name"`
}

// TrackerKind tells what a tracker is for.
type TrackerKind string

// The kinds of trackers. The kind of a touch is its path's, not its tracker's.
const (
	ImpressionTracker TrackerKind = "impression"
	ClickTracker      TrackerKind = "click"
)

// Tracker is an impression or click tracker; it ties a touch to a line item.
type Tracker struct {
	ID          int64       `yaml:"id"`
	Kind        TrackerKind `yaml:"kind"`
	LineItemID  int64       `yaml:"line_item_id"`
	CreativeID  int64       `yaml:"creative_id"`  // 0: none
	PublisherID int64       `yaml:"publisher_id"` // 0: none
	LandingURL  string      `yaml:"landing_url"`
}

// TriggerType says which touches may earn a conversion.
type TriggerType string

// The trigger types: views only, clicks only, or a click first, else a view.
const (
	TriggerView   TriggerType = "view"
	TriggerClick  TriggerType = "click"
	TriggerHybrid TriggerType = "hybrid"
)

// Bounds and defaults of the lookback windows, in minutes.
const (
	DefaultViewMinutes  = 1440
	MaxViewMinutes      = 43200
	DefaultClickMinutes = 20160
	MaxClickMinutes     = 129600
	MaxRepeatMinutes    = 32767
)

// PixelSettings decide how a conversion is attributed. LoadCatalog gives them
// with every default filled in.
type PixelSettings struct {
	TriggerType         TriggerType
	PostViewExpireMins  int64  // minutes, 1 to MaxViewMinutes: the maximum where the file has 0 or null
	PostClickExpireMins int64  // minutes, 1 to MaxClickMinutes: the maximum where the file has 0 or null
	MinMinutesPerConv   *int64 // nil: one per user; 0: all; N: at least N minutes apart
	UniqueOrderID       bool
}

// SettingsChange is one effective-dated entry of a pixel's settings: the keys
// named in Set take the values of To at From.
type SettingsChange struct {
	From time.Time
	Set  SettingsKeys
	To   PixelSettings
}

// SettingsKeys tells which keys an entry gives.
type SettingsKeys struct {
	TriggerType, PostViewExpireMins, PostClickExpireMins, MinMinutesPerConv, UniqueOrderID bool
}

// Piggyback is a URL of another party that a pixel fires along.
type Piggyback struct {
	PixelType string `yaml:"pixel_type"` // img or js
	URL       string `yaml:"url"`
}

// Pixel is a conversion pixel.
type Pixel struct {
	ID            int64
	AdvertiserID  int64
	Name          string
	Code          string
	State         State
	Period        Period
	Base          PixelSettings    // in force before the first change
	Changes       []SettingsChange // ascending by From, no two equal
	EventCategory string
	Piggybacks    []Piggyback
}

// Segment is an audience that pixels add users to.
type Segment struct {
	ID            int64  `yaml:"id"`
	Name          string `yaml:"name"`
	Code          string `yaml:"code"`
	ExpireMinutes int64  `yaml:"expire_minutes"` // 0: never
}

// Counts tells whether something of this state and period counts at t.
// Inactive never counts, at any time; bounds are half-open.
func (p Period) Counts(s State, t time.Time) bool {
	return s != Inactive && (p.From == nil || !t.Before(*p.From)) && (p.Until == nil || t.Before(*p.Until))
}

// isEmpty tells whether the bounds leave no instant at which it could count.
func (p Period) isEmpty() bool { return p.From != nil && p.Until != nil && !p.From.Before(*p.Until) }

// SettingsAt gives the settings in force at t: the changes up to t applied one
// after another to the base; a key that an entry leaves out keeps its value.
func (p *Pixel) SettingsAt(t time.Time) PixelSettings {
	s := p.Base
	for _, c := range p.Changes {
		if c.From.After(t) {
			break
		}
		c.apply(&s)
	}
	return s
}

func (c SettingsChange) apply(s *PixelSettings) {
	if c.Set.TriggerType {
		s.TriggerType = c.To.TriggerType
	}
	if c.Set.PostViewExpireMins {
		s.PostViewExpireMins = c.To.PostViewExpireMins
	}
	if c.Set.PostClickExpireMins {
		s.PostClickExpireMins = c.To.PostClickExpireMins
	}
	if c.Set.MinMinutesPerConv {
		s.MinMinutesPerConv = c.To.MinMinutesPerConv
	}
	if c.Set.UniqueOrderID {
		s.UniqueOrderID = c.To.UniqueOrderID
	}
}

// RateAt gives the rate entry in force at t: the latest From at or before t,
// whatever the order in the list; false where none is.
func (a *Association) RateAt(t time.Time) (Rate, bool) {
	var best Rate
	found := false
	for _, r := range a.Rates {
		if !r.From.After(t) && (!found || r.From.After(best.From)) {
			best, found = r, true
		}
	}
	return best, found
}
