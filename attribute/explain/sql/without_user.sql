-- Conversions of the pixel $2 that were attributed before the conversion $4 of
-- the time $3 and have no user of their own: step 10 counts them as the winning
-- touch's user's. Here is how far their touches reach; a voided one has none.
SELECT
    min(touch_time) AS first_touch,
    max(touch_time) AS last_touch,
    coalesce(list(conversion_id) FILTER (WHERE reason = 'voided'), []) AS voided
FROM read_parquet($1::VARCHAR[], hive_partitioning = false)
WHERE pixel_id = $2
    AND user_id IS NULL
    AND (outcome = 'attributed' OR reason = 'voided')
    AND (conversion_time < $3 OR (conversion_time = $3 AND conversion_id < $4));
