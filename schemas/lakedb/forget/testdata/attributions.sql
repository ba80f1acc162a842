COPY (
    SELECT
        format('{:032x}', hash($1::VARCHAR || i)) AS conversion_id,
        CAST($3 AS TIMESTAMPTZ) + to_seconds(i * 60) AS conversion_time,
        CAST(9012 AS BIGINT) AS pixel_id,
        CAST(7 AS BIGINT) AS advertiser_id,
        CASE i % 10 WHEN 3 THEN $2 ELSE format('{:032X}', hash(i % 10)) END AS user_id,
        CASE WHEN i % 30 = 6 THEN 'A-' || $2 || '-' || i ELSE 'A-' || i END AS order_id,
        CAST(12.5 AS DECIMAL(18, 6)) AS value,
        CASE WHEN i % 10 = 3 THEN 'mine' WHEN i % 30 = 8 THEN 'of ' || $2 END AS other,
        false AS server_side,
        'attributed' AS outcome,
        CAST(NULL AS VARCHAR) AS reason,
        'post_click' AS conversion_type,
        't' || i AS touch_id,
        CAST($3 AS TIMESTAMPTZ) AS touch_time,
        CAST(21378 AS BIGINT) AS tracker_id,
        CAST(382 AS BIGINT) AS line_item_id,
        CAST(NULL AS BIGINT) AS creative_id,
        CAST(NULL AS BIGINT) AS publisher_id,
        CAST(i AS DECIMAL(18, 6)) AS booked_revenue,
        'USD' AS currency,
        false AS rate_missing
    FROM range(60) AS t (i)
    ORDER BY conversion_time, conversion_id
) TO $4 (FORMAT parquet, COMPRESSION zstd);
