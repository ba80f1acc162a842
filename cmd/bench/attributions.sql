-- The attributions of one day's conversions, as attribute writes them: $1 is the
-- file of the conversions, $2 the number of the touch after the day's last, $3
-- how many touches a day has, $4 the file. Six in ten are attributed, to a touch
-- that is there.
COPY (
    WITH touched AS (
        SELECT
            *,
            substr(order_id, 7)::BIGINT AS n,
            conversion_touch(n, $2::BIGINT, $3::BIGINT) AS touch,
            touch_time(touch, $3::BIGINT) AS seen_at
        FROM read_parquet($1)
    ),
    decided AS (
        SELECT
            *,
            CASE
                WHEN invalid_reason IS NOT NULL THEN 'invalid_traffic'
                WHEN n % 3 = 0 AND hash(n, 40) % 2 = 0 THEN 'expired'
                WHEN n % 3 = 0 OR seen_at > event_time OR NOT touch_counts(touch) THEN 'no_touch'
                WHEN hash(n, 41) % 100 < 3 THEN 'repeat'
                WHEN hash(n, 41) % 100 = 3 THEN 'duplicate_order'
            END AS reason,
            reason IS NULL AS won
        FROM touched
    )
    SELECT
        event_id AS conversion_id,
        event_time AS conversion_time,
        pixel_id,
        pixel_advertiser(pixel_id) AS advertiser_id,
        user_id,
        order_id,
        value,
        other,
        server_side,
        CASE WHEN won THEN 'attributed' ELSE 'unattributed' END AS outcome,
        reason,
        CASE WHEN won THEN CASE WHEN touch_is_click(touch, $3::BIGINT) THEN 'post_click' ELSE 'post_view' END END AS conversion_type,
        CASE WHEN won THEN md5('touch' || touch) END AS touch_id,
        CASE WHEN won THEN seen_at END AS touch_time,
        CASE WHEN won THEN touch_line_item(touch) END AS tracker_id,
        CASE WHEN won THEN touch_line_item(touch) END AS line_item_id,
        CASE WHEN won THEN touch_line_item(touch) END AS creative_id,
        CASE WHEN won THEN 1 + touch_line_item(touch) % 100 END AS publisher_id,
        CASE WHEN NOT won THEN 0 WHEN touch_is_click(touch, $3::BIGINT) THEN 12.5 ELSE 2 END::DECIMAL(18, 6) AS booked_revenue,
        CASE WHEN won THEN advertiser_currency(pixel_advertiser(pixel_id)) END AS currency,
        false AS rate_missing
    FROM decided
    ORDER BY conversion_time, conversion_id
) TO $4 (FORMAT parquet, COMPRESSION zstd);
