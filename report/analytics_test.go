package report

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pixledger/schemas"
)

// rowsOf gives a csv report's rows, each with the columns named.
func rowsOf(t *testing.T, content string, columns ...string) []string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, r := range all[1:] {
		cells := make([]string, len(columns))
		for i, c := range columns {
			at := slices.Index(all[0], c)
			if at < 0 {
				t.Fatalf("there is no column %s in %v", c, all[0])
			}
			cells[i] = r[at]
		}
		out = append(out, strings.Join(cells, "|"))
	}
	return out
}

// moneyLake is a lake of the network with these touches and conversions.
func moneyLake(t *testing.T, touches, conversions []fields) *testLake {
	l := newLake(t, network())
	for i, f := range touches {
		f["event_id"], f["event_time"], f["consent"] = fmt.Sprint("i", i), at("2026-11-02T10:00:00Z"), "unknown"
	}
	for i, f := range conversions {
		f["conversion_id"], f["conversion_time"], f["outcome"] = fmt.Sprint("v", i), at("2026-11-02T11:00:00Z"), "attributed"
		f["conversion_type"] = "post_view"
	}
	if len(touches) > 0 {
		l.put(schemas.Events, schemas.Impression, "event_time", touches...)
	}
	if len(conversions) > 0 {
		l.put(schemas.Attributions, "", "conversion_time", conversions...)
	}
	return l
}

// All money of a row is in its currency, or there is none. Tracker 2766 is of
// advertiser 7, who pays in dollars as the catalog counts, 4000 of 8, who pays
// in euros, 77 of nobody.
func TestCurrencyOfARow(t *testing.T) {
	const dollars, euros, nobodys = 2766, 4000, 77
	costs := func(tracker int, cost string) fields {
		if cost == "" {
			return fields{"tracker_id": tracker}
		}
		return fields{"tracker_id": tracker, "media_cost": cost}
	}
	earns := func(advertiser int, amount, value, currency string) fields {
		return fields{"advertiser_id": advertiser, "booked_revenue": amount, "value": value, "currency": currency}
	}
	for name, c := range map[string]struct {
		touches, conversions []fields
		p                    Params
		want                 string // imps total_convs booked_revenue media_cost profit ecpm ecpa post_view_revenue currency
	}{
		"dollars":       {[]fields{costs(dollars, "0.25")}, []fields{earns(7, "2", "9", "USD")}, Params{}, "1|1|2.000000|0.250000|1.750000|2000.000000|2.000000|9.000000|USD"},
		"euros":         {[]fields{costs(euros, "0.25")}, []fields{earns(8, "2", "9", "EUR")}, Params{}, "1|1|2.000000|0.250000|1.750000|2000.000000|2.000000|9.000000|EUR"},
		"a cost alone":  {[]fields{costs(euros, "0.25")}, nil, Params{}, "1|0|0.000000|0.250000|-0.250000|0.000000||0.000000|EUR"},
		"nobody's cost": {[]fields{costs(nobodys, "0.25")}, nil, Params{}, "1|0|0.000000|0.250000|-0.250000|0.000000||0.000000|USD"},
		// Two currencies: counts alone stay.
		"costs of two":              {[]fields{costs(dollars, "0.25"), costs(euros, "0.5")}, nil, Params{}, "2|0|||||||"},
		"costs of one and nobody's": {[]fields{costs(euros, "0.25"), costs(nobodys, "0.5")}, nil, Params{}, "2|0|||||||"},
		"cost and revenue":          {[]fields{costs(dollars, "0.25")}, []fields{earns(8, "2", "9", "EUR")}, Params{}, "1|1|||||||"},
		"revenues":                  {nil, []fields{earns(7, "2", "9", "USD"), earns(8, "2", "9", "EUR")}, Params{}, "0|2|||||||"},
		"a conversion for nothing":  {nil, []fields{earns(7, "2", "9", "USD"), earns(8, "0", "", "EUR")}, Params{}, "0|2|||||||"},
		"a cost of nothing":         {[]fields{costs(dollars, "0"), costs(euros, "0.5")}, nil, Params{}, "2|0|||||||"},
		// A touch without a media cost brings no currency.
		"a touch without cost": {[]fields{costs(dollars, ""), costs(euros, "0.5")}, nil, Params{}, "2|0|0.000000|0.500000|-0.500000|0.000000||0.000000|EUR"},
		// Without any money: the advertiser's, else the catalog's.
		"no money of one":            {[]fields{costs(euros, ""), costs(euros, "")}, nil, Params{}, "2|0|0.000000|0.000000|0.000000|0.000000||0.000000|EUR"},
		"no money of two":            {[]fields{costs(euros, ""), costs(dollars, "")}, nil, Params{}, "2|0|0.000000|0.000000|0.000000|0.000000||0.000000|USD"},
		"no money of one and nobody": {[]fields{costs(euros, ""), costs(nobodys, "")}, nil, Params{}, "2|0|0.000000|0.000000|0.000000|0.000000||0.000000|USD"},
		"nothing":                    {nil, nil, Params{}, "0|0|0.000000|0.000000|0.000000|||0.000000|USD"},
		// A filter leaves one currency.
		"euros of both":     {[]fields{costs(dollars, "0.25"), costs(euros, "0.5")}, []fields{earns(7, "2", "9", "USD"), earns(8, "3", "8", "EUR")}, Params{Filters: []string{"currency=EUR"}}, "1|1|3.000000|0.500000|2.500000|3000.000000|3.000000|8.000000|EUR"},
		"dollars of all":    {[]fields{costs(nobodys, "0.25"), costs(dollars, "0.25"), costs(euros, "0.5")}, nil, Params{Filters: []string{"currency=USD"}}, "2|0|0.000000|0.500000|-0.500000|0.000000||0.000000|USD"},
		"euros of nobody":   {[]fields{costs(dollars, "0.25")}, nil, Params{Filters: []string{"currency=EUR"}}, "0|0|0.000000|0.000000|0.000000|||0.000000|EUR"},
		"either":            {[]fields{costs(dollars, "0.25"), costs(euros, "0.5")}, nil, Params{Filters: []string{"currency=EUR", "currency=USD"}}, "2|0|||||||"},
		"of a pixel's name": {[]fields{costs(dollars, "0.25")}, []fields{{"advertiser_id": 8, "pixel_id": 9013, "booked_revenue": "2", "currency": "EUR"}}, Params{Filters: []string{"pixel_name=Kasse"}}, "|1|2.000000||||2.000000|0.000000|EUR"},
	} {
		t.Run(name, func(t *testing.T) {
			got := rowsOf(t, run(t, moneyLake(t, c.touches, c.conversions).opened(t), "advertiser_analytics", c.p, CSV),
				"imps", "total_convs", "booked_revenue", "media_cost", "profit", "ecpm", "ecpa", "post_view_revenue", "currency")
			if !slices.Equal(got, []string{c.want}) {
				t.Errorf("got  %v\nwant [%s]", got, c.want)
			}
		})
	}
}

// Names choose as ids do, whole and as they are written.
func TestAnalyticsFilterByName(t *testing.T) {
	db := filled(t).opened(t)
	for _, c := range []struct {
		filters []string
		want    string // imps clicks total_convs
	}{
		{nil, "5|1|3"},
		{[]string{"advertiser_name=ProStarr Sportswear"}, "3|1|2"},
		{[]string{"advertiser_name=prostarr sportswear"}, "0|0|0"},
		{[]string{"advertiser_name=ProStarr Sportswear", "advertiser_name=Größe, \"Mode\" & <b>mehr</b>"}, "4|1|3"},
		{[]string{"advertiser_name="}, "1|0|0"}, // i6, of nobody
		{[]string{"advertiser_name=ProStarr Sportswear", "advertiser_id=8"}, "0|0|0"},
		{[]string{"line_item_name==1+1"}, "1|0|1"},
		{[]string{"creative_name=Blue shoe 300x250"}, "3|1|2"},
		{[]string{"publisher_name=Daily Planet"}, "4|0|2"},
		{[]string{"pixel_name=Checkout"}, "||2"}, // a touch has no pixel
		{[]string{"currency=EUR"}, "1|0|1"},
	} {
		got := rowsOf(t, run(t, db, "advertiser_analytics", Params{Filters: c.filters}, CSV), "imps", "clicks", "total_convs")
		if !slices.Equal(got, []string{c.want}) {
			t.Errorf("%v: got %v, want %s", c.filters, got, c.want)
		}
	}
}

// Rows stand in the order of --by, the interval first, null first.
func TestRowsFollowBy(t *testing.T) {
	db := filled(t).opened(t)
	ids := []string{"publisher_id", "advertiser_id", "creative_id", "line_item_id", "pixel_id"}
	for _, c := range []struct {
		interval string
		by, want []string
	}{
		{"", []string{"publisher_id", "advertiser_id"}, []string{"|", "|7", "31|7", "31|8"}},
		{"", []string{"advertiser_id", "publisher_id"}, []string{"|", "7|", "7|31", "8|31"}},
		{"daily", []string{"publisher_id", "line_item_id"}, []string{"2026-11-01||382", "2026-11-01|31|382", "2026-11-02||", "2026-11-02|31|382", "2026-11-02|31|9007199254740993"}},
		{"daily", []string{"line_item_id", "publisher_id"}, []string{"2026-11-01|382|", "2026-11-01|382|31", "2026-11-02||", "2026-11-02|382|31", "2026-11-02|9007199254740993|31"}},
		{"monthly", ids, []string{"2026-11||7|5001|382|9012", "2026-11|31|7|5001|382|9012", "2026-11|31|8||9007199254740993|9013"}},
	} {
		columns := c.by
		if c.interval != "" {
			columns = append([]string{map[string]string{"daily": "day", "monthly": "month"}[c.interval]}, c.by...)
		}
		got := rowsOf(t, run(t, db, "advertiser_analytics", Params{Interval: c.interval, By: c.by}, CSV), columns...)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %v: got\n%s\nwant\n%s", c.interval, c.by, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}
