-- The warehouse's tables in PostgreSQL, in the schema that search_path names: as
-- in the DuckDB file, in PostgreSQL's types. Their comments come from there.
--
-- Texts that come from logs may be of any length, and a B-tree takes none
-- beyond a third of a page: they are indexed by hash.

CREATE TABLE advertisers (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    code text,
    currency text NOT NULL,
    time_zone text,
    redirect_hosts text[]
);

CREATE TABLE insertion_orders (
    id bigint PRIMARY KEY,
    advertiser_id bigint NOT NULL,
    name text,
    code text,
    po_number text
);

CREATE TABLE line_items (
    id bigint PRIMARY KEY,
    advertiser_id bigint NOT NULL,
    insertion_order_id bigint,
    name text NOT NULL,
    code text,
    state text NOT NULL,
    active_from timestamptz,
    active_until timestamptz,
    pixels jsonb
);

CREATE TABLE creatives (
    id bigint PRIMARY KEY,
    line_item_id bigint,
    name text
);

CREATE TABLE publishers (
    id bigint PRIMARY KEY,
    name text
);

CREATE TABLE trackers (
    id bigint PRIMARY KEY,
    kind text NOT NULL,
    line_item_id bigint NOT NULL,
    creative_id bigint,
    publisher_id bigint,
    landing_url text
);

CREATE TABLE pixels (
    id bigint PRIMARY KEY,
    advertiser_id bigint NOT NULL,
    name text NOT NULL,
    code text,
    state text NOT NULL,
    active_from timestamptz,
    active_until timestamptz,
    trigger_type text NOT NULL,
    post_view_expire_mins bigint NOT NULL,
    post_click_expire_mins bigint NOT NULL,
    min_minutes_per_conv bigint,
    unique_order_id boolean NOT NULL,
    event_category text,
    piggyback_pixels jsonb,
    settings jsonb
);

CREATE TABLE rates (
    line_item_id bigint NOT NULL,
    pixel_id bigint NOT NULL,
    "from" timestamptz NOT NULL,
    post_click_revenue numeric(18, 6),
    post_view_revenue numeric(18, 6),
    PRIMARY KEY (line_item_id, pixel_id, "from")
);

CREATE TABLE segments (
    id bigint PRIMARY KEY,
    name text,
    code text,
    expire_minutes bigint NOT NULL
);

CREATE TABLE segment_members (
    segment_id bigint NOT NULL,
    user_id text NOT NULL,
    added_at timestamptz NOT NULL,
    expires_at timestamptz,
    value bigint
);
CREATE INDEX segment_members_segment_id ON segment_members (segment_id);
CREATE INDEX segment_members_user_id ON segment_members USING hash (user_id);

CREATE TABLE rejects_daily (
    date date NOT NULL,
    reason text NOT NULL,
    lines bigint NOT NULL,
    PRIMARY KEY (date, reason)
);

CREATE TABLE attributions (
    conversion_id text NOT NULL,
    conversion_time timestamptz NOT NULL,
    pixel_id bigint,
    advertiser_id bigint,
    user_id text,
    order_id text,
    value numeric(18, 6),
    other text,
    server_side boolean NOT NULL,
    outcome text NOT NULL,
    reason text,
    conversion_type text,
    touch_id text,
    touch_time timestamptz,
    tracker_id bigint,
    line_item_id bigint,
    creative_id bigint,
    publisher_id bigint,
    booked_revenue numeric(18, 6) NOT NULL,
    currency text,
    rate_missing boolean NOT NULL,
    date date NOT NULL
);
CREATE INDEX attributions_date ON attributions (date);
CREATE INDEX attributions_advertiser_id ON attributions (advertiser_id, conversion_time);
CREATE INDEX attributions_conversion_id ON attributions USING hash (conversion_id);
CREATE INDEX attributions_order_id ON attributions USING hash (order_id);

CREATE TABLE hourly_facts (
    hour timestamptz NOT NULL,
    advertiser_id bigint,
    line_item_id bigint,
    creative_id bigint,
    publisher_id bigint,
    tracker_id bigint,
    pixel_id bigint,
    imps bigint NOT NULL,
    clicks bigint NOT NULL,
    media_cost numeric(38, 6) NOT NULL,
    post_view_convs bigint NOT NULL,
    post_click_convs bigint NOT NULL,
    booked_revenue numeric(38, 6) NOT NULL,
    currency text
);
CREATE INDEX hourly_facts_hour ON hourly_facts (hour);
CREATE INDEX hourly_facts_advertiser_id ON hourly_facts (advertiser_id, hour);

CREATE TABLE ledger (
    entry_id text PRIMARY KEY,
    business_day date NOT NULL,
    kind text NOT NULL,
    conversion_id text,
    conversion_time timestamptz,
    conversion_type text,
    advertiser_id bigint NOT NULL,
    line_item_id bigint NOT NULL,
    pixel_id bigint,
    touch_id text,
    amount numeric(18, 6) NOT NULL,
    currency text NOT NULL,
    reason text,
    reverses text,
    catalog_digest text NOT NULL,
    booked date NOT NULL
);
CREATE INDEX ledger_booked ON ledger (booked);
CREATE INDEX ledger_advertiser_id ON ledger (advertiser_id, booked);
CREATE INDEX ledger_conversion_id ON ledger USING hash (conversion_id);

CREATE TABLE closed_days (
    day date PRIMARY KEY,
    sequence bigint NOT NULL UNIQUE,
    begins timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    entries bigint NOT NULL,
    catalog_digest text NOT NULL
);

CREATE TABLE warehouse_info (
    built_at timestamptz NOT NULL,
    lake_commit bigint NOT NULL,
    catalog_digest text NOT NULL,
    ledger_closed_to date,
    time_zone text NOT NULL,
    version bigint NOT NULL
);

-- What of the tables that are refreshed was loaded last: the next load leaves
-- out what is the same.
CREATE TABLE loaded_parts (
    table_name text NOT NULL,
    part date NOT NULL,
    fingerprint text NOT NULL,
    PRIMARY KEY (table_name, part)
);
COMMENT ON TABLE loaded_parts IS 'Of pixledger''s loads: what was loaded last of tables that are refreshed, by UTC date where only days that changed are';
