// Package grammar is the URL grammar of the edge: which paths are events, and
// what their parameters are called. It stands here once; the decoder reads
// requests by it, the nginx configuration and the tags are written from it.
//
// A request is for a path of the table when the last segment of its path, as
// logged and not decoded, is exactly the path's segment, whatever stands
// before it: "/a/px" is /px, while "/px/", "/PX" and "/%70x" are nothing. From a
// raw '#' on nothing counts.
//
// Parameter names are case-sensitive. Names and values are percent-decoded
// once, after splitting at '&' and the first '='; where a name stands twice, the
// first one counts.
package grammar

// Event is the type of event that a request for a path is.
type Event string

// The types of events.
const (
	Impression Event = "impression"
	Click      Event = "click"
	Conversion Event = "conversion"
	Segment    Event = "segment"
	Universal  Event = "universal"
)

// The last path segments that are events.
const (
	PX     = "px"     // conversion pixel, fired by a browser
	SSPX   = "sspx"   // server-side conversion pixel (postback)
	IMPTR  = "imptr"  // impression tracker
	CLKTR  = "clktr"  // click tracker
	CLKTRB = "clktrb" // click tracker, the other name in use
	SEG    = "seg"    // segment pixel
	PIXIE  = "pixie"  // universal pixel
)

// Path is one path of the grammar.
type Path struct {
	Segment    string // the last path segment, exact
	Event      Event
	ServerSide bool // called by a server: no cookie, user agent not judged

	// ToEnd names the parameter that takes everything after its '=' to the end
	// of the query, '&' included, so that nothing behind it is a parameter;
	// empty where the path has none. Its value is the text before decoding.
	ToEnd string
}

// Paths is the table of the grammar.
var Paths = [...]Path{
	{Segment: PX, Event: Conversion},
	{Segment: SSPX, Event: Conversion, ServerSide: true, ToEnd: SSPData},
	{Segment: IMPTR, Event: Impression, ToEnd: Redir},
	{Segment: CLKTR, Event: Click, ToEnd: Redir},
	{Segment: CLKTRB, Event: Click, ToEnd: Redir},
	{Segment: SEG, Event: Segment},
	{Segment: PIXIE, Event: Universal},
}

// The parameter names.
const (
	ID     = "id"     // pixel id (/px, /sspx), tracker id (/imptr, /clktr, /clktrb)
	Code   = "code"   // pixel code, with Member (/px)
	Member = "member" // member id, beside a code (/px, /seg)
	Type   = "t"      // TypeJS asks for JavaScript; anything else is an image

	OrderID = "order_id" // /px, /sspx, /pixie
	Value   = "value"    // the advertiser's revenue (/px, /sspx); a segment value (/seg)
	Other   = "other"    // free text (/px, /sspx)
	SSPData = "sspdata"  // the touch token brought back (/px, /sspx)

	Seg        = "seg" // segments to add (/px), united with Add
	Add        = "add" // segments to add (/px, /seg)
	Remove     = "remove"
	SegCode    = "seg_code" // united with AddCode (/px)
	AddCode    = "add_code"
	RemoveCode = "remove_code"

	Cachebuster = "cachebuster" // no meaning (/imptr, /clktr, /clktrb)
	AnCost      = "ancost"      // media cost of the touch
	Token       = "token"       // touch token, instead of the request id
	Redir       = "redir"       // URL to go on to (/px, /imptr, /clktr, /clktrb)

	PI = "pi" // universal pixel id (/pixie)
	E  = "e"  // name of the universal event (/pixie)
	VA = "va" // value of the universal event (/pixie)

	GDPR        = "gdpr" // the consent parameters stand on every path
	GDPRConsent = "gdpr_consent"
	USPrivacy   = "us_privacy"
	GPP         = "gpp"
	GPPSID      = "gpp_sid"
)

// TypeJS is the value of Type that asks for a JavaScript answer.
const TypeJS = "1"

// SSPDataMacro is the macro in a landing URL that the edge replaces with the
// touch's token.
const SSPDataMacro = "${SSP_DATA}"
