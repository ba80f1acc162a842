-- The catalog's settings in force, as half-open periods [from_time, until_time).

-- One row for each pixel and stretch of time in which nothing about it changes.
-- A window is null where the trigger type does not let that kind of touch earn.
CREATE TEMP TABLE pixel_periods (
    pixel_id BIGINT NOT NULL,
    from_time TIMESTAMP WITH TIME ZONE NOT NULL,
    until_time TIMESTAMP WITH TIME ZONE NOT NULL,
    counts BOOLEAN NOT NULL,
    click_minutes BIGINT,
    max_click_minutes BIGINT,
    view_minutes BIGINT,
    max_view_minutes BIGINT
);

-- When line item and association both count.
CREATE TEMP TABLE association_periods (
    pixel_id BIGINT NOT NULL,
    line_item_id BIGINT NOT NULL,
    from_time TIMESTAMP WITH TIME ZONE NOT NULL,
    until_time TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE TEMP TABLE pixel_codes (
    code VARCHAR NOT NULL,
    member_id BIGINT NOT NULL,
    pixel_id BIGINT NOT NULL
);

CREATE TEMP TABLE tracker_line_items (
    tracker_id BIGINT NOT NULL,
    line_item_id BIGINT NOT NULL
);
