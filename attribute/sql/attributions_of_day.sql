-- The rows of attributions of one day: what is known of each conversion, the
-- void that names it (step 11), and what its touch earns: the static revenue in
-- force at the conversion's time. A figure that is not there books 0.
COPY (
    WITH reasoned AS (
        SELECT
            k.*,
            CASE
                WHEN k.refused IS NOT NULL THEN k.refused
                WHEN NOT k.reached THEN 'no_touch'
                WHEN k.touch_id IS NULL THEN 'expired'
                WHEN k.sequel IS NOT NULL THEN k.sequel
                WHEN v.conversion_id IS NOT NULL THEN 'voided'
            END AS reason
        FROM known_of_day AS k
        LEFT JOIN voided AS v ON v.conversion_id = k.conversion_id
    ),
    won AS (
        SELECT *, CASE WHEN reason IS NULL THEN tracker_id END AS winning_tracker_id
        FROM reasoned
    ),
    earned AS (
        SELECT
            d.*,
            d.reason IS NULL AS won,
            t.line_item_id,
            t.creative_id,
            t.publisher_id,
            p.advertiser_id,
            p.currency,
            CASE WHEN d.is_click THEN r.post_click_revenue ELSE r.post_view_revenue END AS revenue
        FROM won AS d
        LEFT JOIN payers AS p ON p.pixel_id = d.pixel_id
        LEFT JOIN trackers AS t ON t.tracker_id = d.winning_tracker_id
        LEFT JOIN rate_periods AS r
            ON r.pixel_id = d.pixel_id
            AND r.line_item_id = t.line_item_id
            AND d.conversion_time >= r.from_time
            AND d.conversion_time < r.until_time
    )
    SELECT
        conversion_id,
        conversion_time,
        pixel_id,
        advertiser_id,
        user_id,
        order_id,
        value,
        other,
        server_side,
        CASE WHEN won THEN 'attributed' ELSE 'unattributed' END AS outcome,
        reason,
        CASE WHEN won THEN CASE WHEN is_click THEN 'post_click' ELSE 'post_view' END END AS conversion_type,
        CASE WHEN won THEN touch_id END AS touch_id,
        CASE WHEN won THEN touch_time END AS touch_time,
        CASE WHEN won THEN tracker_id END AS tracker_id,
        line_item_id,
        creative_id,
        publisher_id,
        CAST(CASE WHEN won THEN coalesce(revenue, 0) ELSE 0 END AS DECIMAL(18, 6)) AS booked_revenue,
        CASE WHEN won THEN currency END AS currency,
        won AND revenue IS NULL AS rate_missing
    FROM earned
    ORDER BY conversion_time, conversion_id
) TO $1 (FORMAT parquet, COMPRESSION zstd);
