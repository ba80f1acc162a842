-- What a run remembers of a conversion: all that steps 1 to 8 need and say, and
-- what steps 9 and 10 said. It is a cache: a run without it finds the same.
CREATE TEMP TABLE known_columns (
    conversion_id VARCHAR,
    conversion_time TIMESTAMP WITH TIME ZONE,
    pixel_id BIGINT, -- a code resolved
    user_id VARCHAR,
    order_id VARCHAR,
    value DECIMAL(18, 6),
    other VARCHAR,
    server_side BOOLEAN,
    touch_token VARCHAR,
    refused VARCHAR, -- the reason of the first of the steps 1 to 6 that fails it; frozen where its decision is
    reached BOOLEAN, -- some touch is within the maximum windows
    is_click BOOLEAN, -- the winning touch, where one is within the windows
    touch_time TIMESTAMP WITH TIME ZONE,
    touch_id VARCHAR,
    touch_offset BIGINT,
    tracker_id BIGINT,
    touch_user_id VARCHAR,
    id_hash BIGINT, -- of conversion_id
    code_hash BIGINT, -- of pixel code and member, where no id was sent
    user_high BIGINT, -- of pixel and user, where it has passed step 8
    user_low BIGINT,
    order_high BIGINT, -- of pixel and order, where it has passed step 8
    order_low BIGINT,
    sequel VARCHAR, -- duplicate_order or repeat
    counted BOOLEAN -- it counts as attributed for those after it
);

COPY known_columns TO $1 (FORMAT parquet);
