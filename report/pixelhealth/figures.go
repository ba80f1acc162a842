package pixelhealth

// Figures are what shares are made of: the loads of the time that is judged.
type Figures struct {
	Loads      int64 `json:"loads"`
	Bots       int64 `json:"bots"`
	Denied     int64 `json:"denied"`
	ServerSide int64 `json:"server_side"`
	// Of those that are valid traffic:
	WithOrder   int64 `json:"with_order_id"`
	WithValue   int64 `json:"with_value"`
	BadValue    int64 `json:"value_no_number"`
	ZeroValue   int64 `json:"value_zero"`
	LongOrder   int64 `json:"long_order_id"`
	LongOther   int64 `json:"long_other"`
	NoUser      int64 `json:"without_user_id"` // of a browser, consent not denied
	HTTPPage    int64 `json:"on_http_pages"`
	Images      int64 `json:"as_image"`
	Scripts     int64 `json:"as_javascript"`
	DoubleFires int64 `json:"double_fires"`
	Orders      int64 `json:"orders"`
	Repeated    int64 `json:"orders_twice"`
	// Conversions and Attributed are of the last seven days.
	Conversions int64 `json:"conversions_last_7_days"`
	Attributed  int64 `json:"attributed_last_7_days"`
}

// figures is a row of figures.sql.
type figures struct {
	LastFired    *int64     `json:"last_fired"`
	LoadsNow     int64      `json:"loads_now"`
	LoadsDay     int64      `json:"loads_day"`
	LoadsEarlier int64      `json:"loads_earlier"`
	Windows      []window   `json:"windows"`
	Dates        []dated    `json:"dates"`
	Contents     *contents  `json:"contents"`
	BadValues    []string   `json:"bad_values"`
	Orders       *orders    `json:"orders"`
	Doubles      *doubles   `json:"doubles"`
	Hosts        *hosts     `json:"hosts"`
	Reasons      *reasons   `json:"reasons"`
	Pages        *pages     `json:"pages"`
	Strangers    []stranger `json:"strangers"`
}

// window is 24 hours, so many days back, and the last 12 and 3 of them.
type window struct {
	DaysBack int   `json:"days_back"`
	Loads24  int64 `json:"loads_24"`
	Loads12  int64 `json:"loads_12"`
	Loads3   int64 `json:"loads_3"`
}

type dated struct {
	Date  string `json:"date"`
	Loads int64  `json:"loads"`
}

type contents struct {
	Loads      int64 `json:"loads"`
	Valid      int64 `json:"valid"`
	Denied     int64 `json:"denied"`
	ServerSide int64 `json:"server_side"`
	WithOrder  int64 `json:"with_order"`
	WithValue  int64 `json:"with_value"`
	BadValue   int64 `json:"bad_value"`
	ZeroValue  int64 `json:"zero_value"`
	LongOrder  int64 `json:"long_order"`
	LongOther  int64 `json:"long_other"`
	Browsers   int64 `json:"browsers"`
	NoUser     int64 `json:"no_user"`
	WithPage   int64 `json:"with_page"`
	HTTPPage   int64 `json:"http_page"`
	Images     int64 `json:"images"`
	Scripts    int64 `json:"scripts"`
}

type orders struct {
	Orders   int64  `json:"orders"`
	Repeated int64  `json:"repeated"`
	TopLoads int64  `json:"top_loads"`
	TopOrder string `json:"top_order"`
	TopUsers int64  `json:"top_users"`
}

type doubles struct {
	Loads     int64 `json:"loads"`
	Near      int64 `json:"near"`
	OtherForm int64 `json:"other_form"`
}

type hosts struct {
	LoadsBefore int64  `json:"loads_before"`
	Hosts       []host `json:"hosts"`
}

type host struct {
	Host   string `json:"host"`
	Loads  int64  `json:"loads"`
	Before int64  `json:"before"`
	Test   bool   `json:"test"`
}

type reasons struct {
	Conversions    int64  `json:"conversions"`
	Attributed     int64  `json:"attributed"`
	TopReason      string `json:"top_reason"`
	TopConversions int64  `json:"top_conversions"`
}

type pages struct {
	Hours int64 `json:"hours"`
	URLs  []struct {
		URL   string `json:"url"`
		Loads int64  `json:"loads"`
		Last  int64  `json:"last"`
	} `json:"urls"`
}

// stranger is a way of calling a pixel that the catalog does not have.
type stranger struct {
	ID     *int64  `json:"id"`
	Code   *string `json:"code"`
	Member *int64  `json:"member"`
	Loads  int64   `json:"loads"`
}
