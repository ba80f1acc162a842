-- What steps 1 to 8 say of conversions. The touch is the winner, in the order of
-- touch_order.
CREATE TEMP TABLE judged (
    conversion_id VARCHAR,
    conversion_time TIMESTAMP WITH TIME ZONE,
    pixel_id BIGINT,
    user_id VARCHAR,
    order_id VARCHAR,
    value DECIMAL(18, 6),
    other VARCHAR,
    server_side BOOLEAN,
    touch_token VARCHAR,
    refused VARCHAR,
    reached BOOLEAN,
    touch STRUCT(
        is_click BOOLEAN,
        touch_time TIMESTAMP WITH TIME ZONE,
        touch_id VARCHAR,
        before_offset BIGINT,
        before_tracker BIGINT,
        user_id VARCHAR
    ),
    code_hash BIGINT
);
