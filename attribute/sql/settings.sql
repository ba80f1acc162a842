-- The catalog's settings in force, as half-open periods [from_time, until_time).

-- One row for each pixel and stretch of time in which nothing about it changes.
-- A window is null where the trigger type does not let that kind of touch earn;
-- min_minutes null is one conversion per user.
CREATE TEMP TABLE pixel_periods (
    pixel_id BIGINT NOT NULL,
    from_time TIMESTAMP WITH TIME ZONE NOT NULL,
    until_time TIMESTAMP WITH TIME ZONE NOT NULL,
    counts BOOLEAN NOT NULL,
    has_line_item BOOLEAN NOT NULL,
    click_minutes BIGINT,
    max_click_minutes BIGINT,
    view_minutes BIGINT,
    max_view_minutes BIGINT,
    min_minutes BIGINT,
    unique_order_id BOOLEAN NOT NULL
);

-- When line item and association both count.
CREATE TEMP TABLE association_periods (
    pixel_id BIGINT NOT NULL,
    line_item_id BIGINT NOT NULL,
    from_time TIMESTAMP WITH TIME ZONE NOT NULL,
    until_time TIMESTAMP WITH TIME ZONE NOT NULL
);

-- The rate entry in force; a figure that it leaves out is null.
CREATE TEMP TABLE rate_periods (
    pixel_id BIGINT NOT NULL,
    line_item_id BIGINT NOT NULL,
    from_time TIMESTAMP WITH TIME ZONE NOT NULL,
    until_time TIMESTAMP WITH TIME ZONE NOT NULL,
    post_click_revenue DECIMAL(18, 6),
    post_view_revenue DECIMAL(18, 6)
);

CREATE TEMP TABLE payers (
    pixel_id BIGINT NOT NULL,
    advertiser_id BIGINT NOT NULL,
    currency VARCHAR NOT NULL
);

CREATE TEMP TABLE pixel_codes (
    code VARCHAR NOT NULL,
    member_id BIGINT NOT NULL,
    pixel_id BIGINT NOT NULL
);

CREATE TEMP TABLE trackers (
    tracker_id BIGINT NOT NULL,
    line_item_id BIGINT NOT NULL,
    creative_id BIGINT,
    publisher_id BIGINT
);

-- What the catalog has changed since the last run: pixels whose conversions
-- must be looked at from step 1, or from step 9; and codes that mean another
-- pixel now.
CREATE TEMP TABLE changed_pixels (
    pixel_id BIGINT NOT NULL,
    from_step INTEGER NOT NULL
);

CREATE TEMP TABLE changed_codes (
    code VARCHAR NOT NULL,
    member_id BIGINT NOT NULL
);
