-- The row of the conversion $2 in the attributions $1.
SELECT
    conversion_id,
    conversion_time,
    pixel_id,
    advertiser_id,
    user_id,
    order_id,
    CAST(value::DECIMAL(38, 6) * 1000000 AS BIGINT) AS value, -- millionths
    other,
    server_side,
    outcome,
    reason,
    conversion_type,
    touch_id,
    touch_time,
    tracker_id,
    line_item_id,
    creative_id,
    publisher_id,
    CAST(booked_revenue::DECIMAL(38, 6) * 1000000 AS BIGINT) AS booked_revenue,
    currency,
    rate_missing
FROM read_parquet($1::VARCHAR[], hive_partitioning = false)
WHERE conversion_id = $2;
