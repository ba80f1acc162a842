package decode

import "pixledger/schemas"

// Event is one event as the events dataset has it, but for the columns that
// tell where its line stands. Text is UTF-8 and holds until the next line is
// decoded; a nil slice is a null, an empty one an empty text.
type Event struct {
	Type   schemas.EventType
	Time   int64  // event_time, Unix microseconds UTC
	ID     []byte // event_id; nil where the line has none, see IDs
	Method []byte
	Status int
	// Consent is Denied, Granted or Unknown.
	Consent string
	UserID  []byte
	// InvalidReason is Bot, or empty for valid traffic.
	InvalidReason string
	ServerSide    bool // of a conversion; null on other types

	PixelID   int64 // 0 is null
	PixelCode []byte
	MemberID  int64 // 0 is null
	TrackerID int64 // 0 is null
	Token     []byte
	OrderID   []byte
	Value     schemas.Money // where HasValue
	HasValue  bool
	ValueText []byte
	Other     []byte
	SSPData   []byte
	MediaCost schemas.Money // where HasMediaCost
	// HasMediaCost tells that ancost was a plain number.
	HasMediaCost bool

	SegmentsAdded   []int64 // none is null, in all five lists
	SegmentsRemoved []int64
	// SegmentValues is empty, or as long as SegmentsAdded.
	SegmentValues       []SegmentValue
	SegmentCodesAdded   [][]byte
	SegmentCodesRemoved [][]byte

	Referer   []byte
	UserAgent []byte
	IP        []byte
	Host      []byte
	Params    []Param // in the order of the query, each name once

	// UnreplacedMacros is the number of parameters that count as absent, for
	// their value is a macro that nobody replaced. It is counted, not stored.
	UnreplacedMacros int
	// MacroOf tells of which of a conversion's own parameters that is so.
	MacroOf MacroSet
}

// MacroSet is a set of the parameters of a conversion that the page fills in.
type MacroSet uint8

// The parameters of a MacroSet. Each is given once an event, as of two equal
// names the first counts.
const (
	OrderIDMacro MacroSet = 1 << iota
	ValueMacro
	OtherMacro
)

// SegmentValue is the value given beside a segment; null unless Given.
type SegmentValue struct {
	Value int64
	Given bool
}

// Param is a parameter that fills no other column.
type Param struct {
	Name, Value []byte
}

// The values of consent.
const (
	Denied  = "denied"
	Granted = "granted"
	Unknown = "unknown"
)

// Bot is the reason for which an event is invalid traffic.
const Bot = "bot"

// reset empties the event and keeps its lists' memory.
func (ev *Event) reset() {
	*ev = Event{
		SegmentsAdded:       again(ev.SegmentsAdded),
		SegmentsRemoved:     again(ev.SegmentsRemoved),
		SegmentValues:       again(ev.SegmentValues),
		SegmentCodesAdded:   again(ev.SegmentCodesAdded),
		SegmentCodesRemoved: again(ev.SegmentCodesRemoved),
		Params:              again(ev.Params),
	}
}

// again gives an emptied list to fill again, unless one odd line made it long.
func again[T any](list []T) []T {
	if cap(list) > 1024 {
		return nil
	}
	return list[:0]
}
