package main

import (
	"context"
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pixledger/ingest/parse"
	"pixledger/report"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// What scripts are written against: every column, type, view, flag, default
// and path that the contract names, for what this version has. The lists here
// are typed from the contract, not from the code.

// columnsOf are the columns by dataset and type, as the contract lists them.
var columnsOf = map[string]map[string]string{
	"events": {
		"VARCHAR": "event_id user_id token pixel_code order_id value_text other sspdata referer user_agent ip host method " +
			"invalid_reason edge source_id consent",
		"TIMESTAMP WITH TIME ZONE": "event_time ingested_at",
		"BIGINT":                   "pixel_id tracker_id member_id source_offset",
		"DECIMAL(18,6)":            "value media_cost",
		"BOOLEAN":                  "server_side",
		"SMALLINT":                 "status",
		"BIGINT[]":                 "segments_added segments_removed segment_values",
		"VARCHAR[]":                "segment_codes_added segment_codes_removed",
		"MAP(VARCHAR, VARCHAR)":    "params",
	},
	"attributions": {
		"VARCHAR":                  "conversion_id user_id order_id other outcome reason conversion_type touch_id currency",
		"TIMESTAMP WITH TIME ZONE": "conversion_time touch_time",
		"BIGINT":                   "pixel_id advertiser_id tracker_id line_item_id creative_id publisher_id",
		"DECIMAL(18,6)":            "value booked_revenue",
		"BOOLEAN":                  "server_side rate_missing",
	},
	"ledger": {
		"VARCHAR":                  "entry_id kind conversion_id conversion_type touch_id currency reason reverses catalog_digest",
		"TIMESTAMP WITH TIME ZONE": "conversion_time",
		"BIGINT":                   "advertiser_id line_item_id pixel_id",
		"DECIMAL(18,6)":            "amount",
		"DATE":                     "business_day",
	},
	"voids": {
		"VARCHAR":                  "conversion_id reason by",
		"TIMESTAMP WITH TIME ZONE": "voided_at",
	},
}

// keysOf are the columns that stand in the path.
var keysOf = map[string]map[string]string{
	"events": {"type": "VARCHAR", "date": "DATE"}, "attributions": {"date": "DATE"}, "ledger": {"booked": "DATE"},
	"voids": {}, "rejects": {"date": "DATE"},
}

// viewColumns are the columns that views must have beside those of their dataset.
var viewColumns = map[string]string{
	"impressions": "event_id tracker_id token media_cost", "clicks": "event_id tracker_id token",
	"conversions": "event_id pixel_id order_id value", "segment_events": "segments_added segments_removed segment_values",
	"segment_members": "segment_id user_id", "rejects": "raw reason edge source_offset date",
	"pixels": "id advertiser_id name code state trigger_type post_view_expire_mins post_click_expire_mins min_minutes_per_conv " +
		"unique_order_id event_category piggyback_pixels settings active_from active_until",
	"line_items":       "id advertiser_id insertion_order_id code name state pixels active_from active_until",
	"insertion_orders": "id advertiser_id name code po_number", "advertisers": "id name code currency time_zone redirect_hosts",
	"creatives": "id line_item_id name", "publishers": "id name",
	"trackers": "id kind line_item_id creative_id publisher_id landing_url",
	"rates":    "line_item_id pixel_id from post_click_revenue post_view_revenue", "segments": "id name code expire_minutes",
}

func TestContractColumnsAndViews(t *testing.T) {
	l, err := lake.OpenOrCreate(filepath.Join(t.TempDir(), "lake"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cat, _, err := schemas.LoadCatalog("../../sample-logs/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	db, err := lakedb.Open(context.Background(), l, cat, lakedb.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for view, types := range columnsOf {
		got := describe(t, db.DB, view)
		want := 0
		for typ, names := range types {
			for name := range strings.FieldsSeq(names) {
				want++
				if got[name] != typ {
					t.Errorf("%s.%s is %q, want %s", view, name, got[name], typ)
				}
			}
		}
		for name, typ := range keysOf[view] {
			want++
			if got[name] != typ {
				t.Errorf("%s.%s is %q, want %s", view, name, got[name], typ)
			}
		}
		if len(got) != want {
			t.Errorf("%s has %d columns, the contract names %d: %v", view, len(got), want, got)
		}
	}
	for view, names := range viewColumns {
		got := describe(t, db.DB, view)
		for name := range strings.FieldsSeq(names) {
			if got[name] == "" {
				t.Errorf("%s has no column %s: %v", view, name, got)
			}
		}
	}
	// An analyst's glob is never empty, at the depth that files stand.
	for _, glob := range []string{
		"events/type=*/date=1970-01-01/*.parquet", "attributions/date=1970-01-01/*.parquet",
		"ledger/booked=1970-01-01/*.parquet", "rejects/date=1970-01-01/*.parquet",
	} {
		found, err := filepath.Glob(l.Path(glob))
		if err != nil || len(found) == 0 {
			t.Errorf("%s: %v %v", glob, found, err)
		}
	}
	for _, typ := range []string{"impression", "click", "conversion", "segment", "universal"} {
		if _, err := os.Stat(l.Path("events/type=" + typ + "/date=1970-01-01")); err != nil {
			t.Error(err)
		}
	}
}

func describe(t *testing.T, db *sql.DB, view string) map[string]string {
	t.Helper()
	rows, err := db.Query("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = $1", view)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, typ string
		if err := rows.Scan(&name, &typ); err != nil {
			t.Fatal(err)
		}
		out[name] = typ
	}
	if rows.Err() != nil || len(out) == 0 {
		t.Fatalf("there is no view %s (%v)", view, rows.Err())
	}
	return out
}

// flagsOf are the flags by command; each command also has those of "".
var flagsOf = map[string]string{
	"":     "config now wait help",
	"init": "", "run": "", "ingest": "format source", "attribute": "", "verify": "since", "demo": "", "gen": "",
	"close": "yes accept-gap by accept-adjustments", "void": "orders pixel reason by", "credit": "line-item amount reason by", "rebuild": "apply", "compact": "date dry-run", "forget": "file",
	"report":  "range from to interval by filter time-zone format output list describe include-open month",
	"explain": "json all output", "query": "format output", "status": "json", "doctor": "json", "catalog check": "", "edge nginx": "",
	"catalog import": "pixels line-items dry-run format",
	"pixel create":   "name advertiser-id code trigger-type post-view-expire-mins post-click-expire-mins min-minutes-per-conv event-category",
	"pixel set":      "name advertiser-id code trigger-type post-view-expire-mins post-click-expire-mins min-minutes-per-conv event-category inactive",
}

func TestContractCommandsAndFlags(t *testing.T) {
	root := (&app{stdout: io.Discard, stderr: io.Discard}).rootCommand()
	for path, flags := range flagsOf {
		c := root
		if path != "" {
			var err error
			if c, _, err = root.Find(strings.Fields(path)); err != nil || c.CommandPath() != "pixledger "+path {
				t.Errorf("there is no command %q", path)
				continue
			}
			if c.Example == "" {
				t.Errorf("%s --help has no example", path)
			}
		}
		c.InitDefaultHelpFlag()
		for name := range strings.FieldsSeq(flags) {
			if lookup(c, name) == nil {
				t.Errorf("%s has no --%s", c.CommandPath(), name)
			}
		}
	}
	for name, short := range map[string]string{"config": "c"} {
		if f := lookup(root, name); f == nil || f.Shorthand != short {
			t.Errorf("--%s is not also -%s", name, short)
		}
	}
	if f := lookup(root, "wait"); f == nil || f.DefValue != "10m0s" {
		t.Errorf("--wait does not default to 10m: %+v", f)
	}
	if f := lookup(root, "config"); f == nil || f.DefValue != "pixledger.yaml" {
		t.Errorf("--config does not default to pixledger.yaml")
	}
}

func lookup(c *cobra.Command, name string) *pflag.Flag {
	if f := c.Flags().Lookup(name); f != nil {
		return f
	}
	return c.PersistentFlags().Lookup(name)
}

func TestContractNames(t *testing.T) {
	var formats []string
	for _, f := range report.Formats() {
		formats = append(formats, string(f))
	}
	if want := strings.Fields("table csv tsv json ndjson xlsx parquet html"); !slices.Equal(formats, want) {
		t.Errorf("the formats are %v, want %v", formats, want)
	}
	ranges := strings.Fields("current_hour last_hour today yesterday last_24_hours last_48_hours last_2_days last_7_days last_14_days " +
		"last_30_days last_month month_to_date month_to_yesterday quarter_to_date last_100_days last_365_days lifetime")
	if got := report.RangeNames(); !sameSet(got, ranges) {
		t.Errorf("the ranges are %v, want %v", got, ranges)
	}
	reports := strings.Fields("attributed_conversions advertiser_analytics revenue statement pixel_fired attributed_urls pixel_feed unattributed " +
		"time_to_conversion attribution_models data_quality reconciliation")
	for _, name := range reports {
		if !slices.Contains(report.BuiltIn().Names(), name) {
			t.Errorf("there is no report %s", name)
		}
	}
	for _, name := range []string{"pixledger", "combined", "cloudfront", "cloudflare", "fastly", "caddy"} {
		if !slices.Contains(parse.Names(), name) {
			t.Errorf("there is no log format %s", name)
		}
	}
	columns := map[string]string{
		"attributed_conversions": "month day hour datetime pixel_id pixel_name order_id external_data post_click_or_post_view_conv " +
			"post_click_or_post_view_revenue line_item_id line_item_name insertion_order_id insertion_order_name creative_id creative_name " +
			"imp_time advertiser_id advertiser_name auction_id booked_revenue currency",
		"advertiser_analytics": "imps clicks ctr post_view_convs post_click_convs total_convs convs_rate convs_per_mm click_convs_rate " +
			"booked_revenue media_cost profit ecpm ecpc ecpa post_view_revenue post_click_revenue currency",
		"revenue": "booked business_month advertiser_id advertiser_name advertiser_code insertion_order_id po_number line_item_id line_item_name " +
			"line_item_code pixel_id pixel_name conversion_type kind rate conversions amount currency",
		"reconciliation":  "order_id status value_here value_there conversion_id outcome reason",
		"pixel_fired":     "pixel_id pixel_name advertiser_id last_fired loads_last_12_hours state status why",
		"attributed_urls": "url loads last_load",
		"unattributed":    "pixel_id pixel_name reason conversions",
		"data_quality":    "source date lines events rejects ignored not_counted duplicates bots unreplaced_macros max_skew_seconds gaps",
		"ledger_entries": "entry_id booked business_day kind conversion_id conversion_time conversion_type advertiser_id line_item_id pixel_id touch_id " +
			"amount currency reason reverses catalog_digest",
	}
	for name, want := range columns {
		d, err := report.BuiltIn().Describe(name)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range d.Columns {
			got = append(got, c.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s has the columns %v, want %s", name, got, want)
		}
	}
}

func sameSet(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}

// A configuration with the three keys that have no default has all the others'.
func TestContractDefaults(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pixledger.yaml")
	write(t, path, "lake: ./lake\ncatalog: ./catalog.yaml\nsources: []\n")
	cfg, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	limit := schemas.Money(10_000_000)
	want := &Config{
		File: path, Lake: filepath.Join(dir, "lake"), Catalog: filepath.Join(dir, "catalog.yaml"), TimeZone: time.UTC,
		Commit: CommitConfig{Interval: 30 * time.Second, Rows: 500_000},
		Limits: LimitsConfig{Memory: 2_000_000_000, MaxLine: 1 << 20, TempSize: 50_000_000_000, JobTime: 6 * time.Hour},
		Schedule: ScheduleConfig{
			Attribute: "*/15 * * * *", Close: "15 5 * * *", Export: "30 5 * * *", Compact: "40 * * * *",
			Warehouse: "0 6 * * *", Retention: "50 3 * * *",
		},
		Engine:     engineDuckDB, // what the contract has no word of: all is matched here
		CloseAfter: 4 * time.Hour, AdjustDays: 90, AdjustLimit: &limit, Reports: filepath.Join(dir, "reports"),
		Edge:    EdgeConfig{Listen: "80", Log: "/var/log/nginx/pixel.log", RealIPHeader: "X-Forwarded-For"},
		Console: ConsoleConfig{Listen: "127.0.0.1:8420"},
		Privacy: PrivacyConfig{IP: IPTruncate, HonorGPC: true, RetentionDays: 400, Params: map[string]ParamMode{}},
	}
	if len(cfg.Sources) != 0 || len(cfg.Exports) != 0 {
		t.Errorf("sources %v, exports %v", cfg.Sources, cfg.Exports)
	}
	cfg.Sources, cfg.Exports = nil, nil
	if cfg.Privacy.Params == nil {
		cfg.Privacy.Params = map[string]ParamMode{}
	}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("the defaults are\n%+v\nwant\n%+v", cfg, want)
	}

	cat, _, err := schemas.ParseCatalog("catalog.yaml", []byte(`version: 1
member_id: 958
currency: USD
advertisers: [{id: 7, name: A}]
line_items: [{id: 1, advertiser_id: 7, name: L, pixels: [{pixel_id: 9}]}]
pixels: [{id: 9, advertiser_id: 7, name: P}, {id: 10, advertiser_id: 7, name: Q, post_view_expire_mins: 0, post_click_expire_mins: null}]
`))
	if err != nil {
		t.Fatal(err)
	}
	p := cat.Pixel(9)
	wantSettings := schemas.PixelSettings{TriggerType: "hybrid", PostViewExpireMins: 1440, PostClickExpireMins: 20160, UniqueOrderID: true}
	if p.State != "active" || p.Base != wantSettings || cat.LineItems[0].State != "active" || cat.LineItems[0].Pixels[0].State != "active" || cat.Advertisers[0].Currency != "USD" {
		t.Errorf("the catalog's defaults: %+v, %+v", p, cat.LineItems[0])
	}
	if q := cat.Pixel(10); q.Base.PostViewExpireMins != 43200 || q.Base.PostClickExpireMins != 129600 {
		t.Errorf("windows of 0 and null are %+v, want the maximum", q.Base)
	}
}
