-- The catalog's lists as tables, with the catalog's keys as columns and all
-- defaults filled in. Each is filled from one bound JSON document.
CREATE TABLE advertisers (
    id BIGINT PRIMARY KEY,
    name VARCHAR NOT NULL,
    code VARCHAR,
    currency VARCHAR NOT NULL,
    time_zone VARCHAR,
    redirect_hosts VARCHAR[]
);

CREATE TABLE insertion_orders (
    id BIGINT PRIMARY KEY,
    advertiser_id BIGINT NOT NULL,
    name VARCHAR,
    code VARCHAR,
    po_number VARCHAR
);

CREATE TABLE line_items (
    id BIGINT PRIMARY KEY,
    advertiser_id BIGINT NOT NULL,
    insertion_order_id BIGINT,
    name VARCHAR NOT NULL,
    code VARCHAR,
    state VARCHAR NOT NULL,
    active_from TIMESTAMP WITH TIME ZONE,
    active_until TIMESTAMP WITH TIME ZONE,
    pixels STRUCT(
        pixel_id BIGINT,
        state VARCHAR,
        active_from TIMESTAMP WITH TIME ZONE,
        active_until TIMESTAMP WITH TIME ZONE
    )[]
);

-- One row a rate entry; "from" is reserved, so queries quote it.
CREATE TABLE rates (
    line_item_id BIGINT NOT NULL,
    pixel_id BIGINT NOT NULL,
    "from" TIMESTAMP WITH TIME ZONE NOT NULL,
    post_click_revenue DECIMAL(18, 6),
    post_view_revenue DECIMAL(18, 6)
);

CREATE TABLE creatives (
    id BIGINT PRIMARY KEY,
    line_item_id BIGINT,
    name VARCHAR
);

CREATE TABLE publishers (
    id BIGINT PRIMARY KEY,
    name VARCHAR
);

CREATE TABLE trackers (
    id BIGINT PRIMARY KEY,
    kind VARCHAR NOT NULL,
    line_item_id BIGINT NOT NULL,
    creative_id BIGINT,
    publisher_id BIGINT,
    landing_url VARCHAR
);

CREATE TABLE pixels (
    id BIGINT PRIMARY KEY,
    advertiser_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    code VARCHAR,
    state VARCHAR NOT NULL,
    active_from TIMESTAMP WITH TIME ZONE,
    active_until TIMESTAMP WITH TIME ZONE,
    trigger_type VARCHAR NOT NULL,
    post_view_expire_mins BIGINT NOT NULL,
    post_click_expire_mins BIGINT NOT NULL,
    min_minutes_per_conv BIGINT,
    unique_order_id BOOLEAN NOT NULL,
    event_category VARCHAR,
    piggyback_pixels STRUCT(pixel_type VARCHAR, url VARCHAR)[],
    -- The settings in force from each change on, whole.
    settings STRUCT(
        "from" TIMESTAMP WITH TIME ZONE,
        trigger_type VARCHAR,
        post_view_expire_mins BIGINT,
        post_click_expire_mins BIGINT,
        min_minutes_per_conv BIGINT,
        unique_order_id BOOLEAN
    )[]
);

CREATE TABLE segments (
    id BIGINT PRIMARY KEY,
    name VARCHAR,
    code VARCHAR,
    expire_minutes BIGINT NOT NULL
);
