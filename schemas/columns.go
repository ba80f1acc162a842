package schemas

// Type is a column's type, in the words that the lake's readers share. From it
// come the Arrow and Parquet types, DuckDB's type and the documentation.
type Type string

// The types that stand in the lake.
const (
	Text     Type = "VARCHAR"
	Time     Type = "TIMESTAMP WITH TIME ZONE" // microseconds, UTC
	Date     Type = "DATE"
	BigInt   Type = "BIGINT"
	SmallInt Type = "SMALLINT"
	Decimal  Type = "DECIMAL(18,6)"
	Boolean  Type = "BOOLEAN"
	BigInts  Type = "BIGINT[]"
	Texts    Type = "VARCHAR[]"
	TextMap  Type = "MAP(VARCHAR, VARCHAR)"
)

// Column is one column of a dataset.
type Column struct {
	Name     string
	Type     Type
	Required bool // never null
	Doc      string
}

// Dataset is a kind of rows that stands in the lake as Parquet files in
// folders named by hive keys.
type Dataset struct {
	Name string // the folder below the lake, and the view
	// Keys are the hive columns, which stand in the path alone, outermost first.
	Keys []Column
	// Columns stand in the files, in this order. New ones are only ever added.
	Columns []Column
	Doc     string
}

// EventType is a kind of event, as it stands in the path.
type EventType string

// The types of events.
const (
	Impression   EventType = "impression"
	Click        EventType = "click"
	Conversion   EventType = "conversion"
	SegmentEvent EventType = "segment"
	Universal    EventType = "universal"
)

// EventTypes lists all types of events.
var EventTypes = []EventType{Impression, Click, Conversion, SegmentEvent, Universal}

// Events is the dataset of typed requests, one row a line of an edge's log.
var Events = Dataset{
	Name: "events",
	Doc:  "One row for each request that counts, as it stands in an edge's log.",
	Keys: []Column{
		{"type", Text, true, "impression, click, conversion, segment or universal: the request's path"},
		{"date", Date, true, "UTC date of event_time"},
	},
	Columns: []Column{
		{"event_id", Text, true, "the edge's request id, else a hash of the line and its place"},
		{"event_time", Time, true, "when the edge served the request"},
		{"ingested_at", Time, true, "when the line was read"},
		{"edge", Text, true, "name of the source, else the file's base name"},
		{"source_id", Text, true, "the log file, given at its first commit; it stays through renames"},
		{"source_offset", BigInt, true, "the line's first byte in the decompressed content"},
		{"method", Text, true, "GET or POST"},
		{"status", SmallInt, true, "HTTP status that the edge answered, 2xx or 3xx"},
		{"consent", Text, true, "denied, else granted (a readable consent string grants), else unknown"},
		{"user_id", Text, false, "the browser's id; null where none or consent denies"},
		{"invalid_reason", Text, false, "bot, or null for valid traffic"},
		{"server_side", Boolean, false, "of a conversion: sent by the advertiser's server (/sspx)"},
		{"pixel_id", BigInt, false, "of a conversion: the id that was sent"},
		{"pixel_code", Text, false, "of a conversion: the code that was sent"},
		{"member_id", BigInt, false, "the member that was sent beside a code"},
		{"tracker_id", BigInt, false, "of an impression or click: the id that was sent"},
		{"token", Text, false, "of an impression or click: the token that was sent"},
		{"order_id", Text, false, "the advertiser's order"},
		{"value", Decimal, false, "the advertiser's own figure; null where value_text is no plain number"},
		{"value_text", Text, false, "value, decoded, before it is read as a number"},
		{"other", Text, false, "external data of a conversion"},
		{"sspdata", Text, false, "the touch token that a server-side conversion brings back"},
		{"media_cost", Decimal, false, "ancost of an impression or click"},
		{"segments_added", BigInts, false, "segments that the user is put in"},
		{"segments_removed", BigInts, false, "segments that the user is taken out of"},
		{"segment_values", BigInts, false, "values beside segments_added; null where none is given"},
		{"segment_codes_added", Texts, false, "the same by code"},
		{"segment_codes_removed", Texts, false, "the same by code"},
		{"referer", Text, false, "the page, as the browser told it"},
		{"user_agent", Text, false, "the browser, as it names itself"},
		{"ip", Text, false, "client address, truncated as the privacy settings say"},
		{"host", Text, false, "host name of the edge that was asked"},
		{"params", TextMap, false, "every parameter that fills no other column"},
	},
}

// Rejects is the dataset of lines that could not be read.
var Rejects = Dataset{
	Name: "rejects",
	Doc:  "One row for each line that could not be read.",
	Keys: []Column{{"date", Date, true, "UTC date of reading"}},
	Columns: []Column{
		{"ingested_at", Time, true, "when the line was read"},
		{"edge", Text, true, "name of the source, else the file's base name"},
		{"source_id", Text, true, "the log file"},
		{"source_offset", BigInt, true, "the line's first byte in the decompressed content"},
		{"reason", Text, true, "malformed, missing_field, bad_time or too_long"},
		{"length", BigInt, true, "the line's bytes without its line end"},
		{"raw", Text, true, "the line's first 64 KiB; bytes that are not UTF-8 as U+FFFD"},
	},
}

// Attributions is the dataset of decisions, one row a conversion.
var Attributions = Dataset{
	Name: "attributions",
	Doc:  "The latest decision on each conversion, attributed or not.",
	Keys: []Column{{"date", Date, true, "UTC date of conversion_time"}},
	Columns: []Column{
		{"conversion_id", Text, true, "event_id of the conversion"},
		{"conversion_time", Time, true, "event_time of the conversion"},
		{"pixel_id", BigInt, false, "the pixel, a code resolved"},
		{"advertiser_id", BigInt, false, "the pixel's advertiser"},
		{"user_id", Text, false, "the conversion's user"},
		{"order_id", Text, false, "the conversion's order"},
		{"value", Decimal, false, "the advertiser's own figure"},
		{"other", Text, false, "external data"},
		{"server_side", Boolean, true, "sent by the advertiser's server"},
		{"outcome", Text, true, "attributed or unattributed"},
		{"reason", Text, false, "the step that failed; null when attributed"},
		{"conversion_type", Text, false, "post_click or post_view, by the winning touch"},
		{"touch_id", Text, false, "event_id of the winning touch"},
		{"touch_time", Time, false, "event_time of the winning touch"},
		{"tracker_id", BigInt, false, "the winning touch's tracker"},
		{"line_item_id", BigInt, false, "the tracker's line item"},
		{"creative_id", BigInt, false, "the tracker's creative"},
		{"publisher_id", BigInt, false, "the tracker's publisher"},
		{"booked_revenue", Decimal, true, "static revenue in force at conversion_time; 0 unless attributed"},
		{"currency", Text, false, "the pixel's advertiser's; null unless attributed"},
		{"rate_missing", Boolean, true, "attributed, but no rate was in force: booked_revenue is 0"},
	},
}

// Ledger is the dataset of money entries; its files never change.
var Ledger = Dataset{
	Name: "ledger",
	Doc:  "Append-only money entries.",
	Keys: []Column{{"booked", Date, true, "business day under which the entry is booked"}},
	Columns: []Column{
		{"entry_id", Text, true, "hash of booked, conversion_id, kind, sign and number within the conversion"},
		{"business_day", Date, true, "business day of the conversion"},
		{"kind", Text, true, "booking, adjustment or credit"},
		{"conversion_id", Text, false, "the conversion; null on a credit"},
		{"conversion_time", Time, false, "event_time of the conversion"},
		{"conversion_type", Text, false, "post_click or post_view"},
		{"advertiser_id", BigInt, true, "who pays"},
		{"line_item_id", BigInt, true, "the line item that earned it"},
		{"pixel_id", BigInt, false, "the pixel"},
		{"touch_id", Text, false, "event_id of the winning touch"},
		{"amount", Decimal, true, "money, negative on a reversal"},
		{"currency", Text, true, "ISO 4217"},
		{"reason", Text, false, "why an adjustment or credit was booked"},
		{"reverses", Text, false, "entry_id of the entry that a reversal takes back"},
		{"catalog_digest", Text, true, "SHA-256 of the catalog that the close used"},
	},
}

// Voids is the dataset of conversions that are not payable.
var Voids = Dataset{
	Name: "voids",
	Doc:  "Conversions that the advertiser does not pay.",
	Columns: []Column{
		{"conversion_id", Text, true, "the conversion"},
		{"reason", Text, true, "why it is not payable"},
		{"by", Text, true, "who said so"},
		{"voided_at", Time, true, "when it was said"},
	},
}

// Datasets lists all datasets of the lake.
var Datasets = []Dataset{Events, Rejects, Attributions, Ledger, Voids}

// Column gives the named column of the files, or false.
func (d Dataset) Column(name string) (Column, bool) {
	for _, c := range d.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}
