-- Conversions whose row in one set of files is not the row in the other, and how
-- they differ: $1 the live attributions of a day, $2 the fresh ones. Rows
-- compare in every column.
WITH live AS (
    SELECT
        *,
        CASE
            WHEN outcome = 'attributed'
            THEN concat_ws(' ', conversion_type, 'of line item', line_item_id, 'for', booked_revenue, currency)
            ELSE reason
        END AS said
    FROM read_parquet($1::VARCHAR[], hive_partitioning = false)
),
fresh AS (
    SELECT
        *,
        CASE
            WHEN outcome = 'attributed'
            THEN concat_ws(' ', conversion_type, 'of line item', line_item_id, 'for', booked_revenue, currency)
            ELSE reason
        END AS said
    FROM read_parquet($2::VARCHAR[], hive_partitioning = false)
),
compared AS (
    SELECT
        coalesce(l.conversion_id, f.conversion_id) AS conversion_id,
        CASE WHEN l.conversion_id IS NULL THEN 'nothing' ELSE l.said END AS was,
        CASE WHEN f.conversion_id IS NULL THEN 'nothing' ELSE f.said END AS is_now,
        concat_ws(
            ', ',
            CASE WHEN l.conversion_time IS DISTINCT FROM f.conversion_time THEN 'conversion_time' END,
            CASE WHEN l.pixel_id IS DISTINCT FROM f.pixel_id THEN 'pixel_id' END,
            CASE WHEN l.advertiser_id IS DISTINCT FROM f.advertiser_id THEN 'advertiser_id' END,
            CASE WHEN l.user_id IS DISTINCT FROM f.user_id THEN 'user_id' END,
            CASE WHEN l.order_id IS DISTINCT FROM f.order_id THEN 'order_id' END,
            CASE WHEN l.value IS DISTINCT FROM f.value THEN 'value' END,
            CASE WHEN l.other IS DISTINCT FROM f.other THEN 'other' END,
            CASE WHEN l.server_side IS DISTINCT FROM f.server_side THEN 'server_side' END,
            CASE WHEN l.outcome IS DISTINCT FROM f.outcome THEN 'outcome' END,
            CASE WHEN l.reason IS DISTINCT FROM f.reason THEN 'reason' END,
            CASE WHEN l.conversion_type IS DISTINCT FROM f.conversion_type THEN 'conversion_type' END,
            CASE WHEN l.touch_id IS DISTINCT FROM f.touch_id THEN 'touch_id' END,
            CASE WHEN l.touch_time IS DISTINCT FROM f.touch_time THEN 'touch_time' END,
            CASE WHEN l.tracker_id IS DISTINCT FROM f.tracker_id THEN 'tracker_id' END,
            CASE WHEN l.line_item_id IS DISTINCT FROM f.line_item_id THEN 'line_item_id' END,
            CASE WHEN l.creative_id IS DISTINCT FROM f.creative_id THEN 'creative_id' END,
            CASE WHEN l.publisher_id IS DISTINCT FROM f.publisher_id THEN 'publisher_id' END,
            CASE WHEN l.booked_revenue IS DISTINCT FROM f.booked_revenue THEN 'booked_revenue' END,
            CASE WHEN l.currency IS DISTINCT FROM f.currency THEN 'currency' END,
            CASE WHEN l.rate_missing IS DISTINCT FROM f.rate_missing THEN 'rate_missing' END
        ) AS columns_changed
    FROM live AS l
    FULL OUTER JOIN fresh AS f ON f.conversion_id = l.conversion_id
)
SELECT DISTINCT
    conversion_id,
    CASE
        WHEN was <> is_now THEN was || ', now ' || is_now
        ELSE was || ' with another ' || columns_changed
    END
FROM compared
WHERE columns_changed <> ''
ORDER BY 1, 2;
