-- The attributions of a day that is frozen: the rows as they are, but for voids,
-- which are final for them too, and those of conversions that came since.
COPY (
    SELECT
        a.conversion_id,
        a.conversion_time,
        a.pixel_id,
        a.advertiser_id,
        a.user_id,
        a.order_id,
        a.value,
        a.other,
        a.server_side,
        CASE WHEN v.conversion_id IS NULL THEN a.outcome ELSE 'unattributed' END AS outcome,
        CASE WHEN v.conversion_id IS NULL THEN a.reason ELSE 'voided' END AS reason,
        CASE WHEN v.conversion_id IS NULL THEN a.conversion_type END AS conversion_type,
        CASE WHEN v.conversion_id IS NULL THEN a.touch_id END AS touch_id,
        CASE WHEN v.conversion_id IS NULL THEN a.touch_time END AS touch_time,
        CASE WHEN v.conversion_id IS NULL THEN a.tracker_id END AS tracker_id,
        CASE WHEN v.conversion_id IS NULL THEN a.line_item_id END AS line_item_id,
        CASE WHEN v.conversion_id IS NULL THEN a.creative_id END AS creative_id,
        CASE WHEN v.conversion_id IS NULL THEN a.publisher_id END AS publisher_id,
        CAST(CASE WHEN v.conversion_id IS NULL THEN a.booked_revenue ELSE 0 END AS DECIMAL(18, 6)) AS booked_revenue,
        CASE WHEN v.conversion_id IS NULL THEN a.currency END AS currency,
        a.rate_missing AND v.conversion_id IS NULL AS rate_missing
    FROM read_parquet($1::VARCHAR[], hive_partitioning = false) AS a
    LEFT JOIN voided AS v ON v.conversion_id = a.conversion_id AND a.outcome = 'attributed'
    ORDER BY a.conversion_time, a.conversion_id
) TO $2 (FORMAT parquet, COMPRESSION zstd);
